//! Whatever bytes come and go, there is one line of JSON of bounded size.

use super::*;

/// Numbers that look random and are the same on every run (Knuth's MMIX generator).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % end.max(1)
    }

    fn of<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// `text` with a few bytes changed, left out, doubled or cut off.
    fn mutated(&mut self, text: &str) -> Vec<u8> {
        let mut bytes = text.as_bytes().to_vec();
        for _ in 0..self.below(4) {
            let at = self.below(bytes.len());
            match self.below(5) {
                0 if !bytes.is_empty() => bytes[at] = u8::try_from(self.below(256)).unwrap(),
                1 if !bytes.is_empty() => drop(bytes.remove(at)),
                2 => bytes.truncate(at),
                3 => {
                    let tail = bytes.split_off(at);
                    bytes.extend_from_slice(self.of(&["<a>", "{", "[", "\"", "%", "&", ".", "ä", "\0"]).as_bytes());
                    bytes.extend(tail);
                }
                _ => bytes.extend_from_within(at..),
            }
        }
        bytes
    }

    fn text(&mut self, from: &[&str]) -> String {
        let text = *self.of(from);
        String::from_utf8_lossy(&self.mutated(text)).into_owned()
    }
}

const METHODS: [&str; 6] = ["GET", "PUT", "POST", "DELETE", "HEAD", "OPTIONS"];
const PATHS: [&str; 10] = [
    "/",
    "/b",
    "/b/k%2Fä",
    "//",
    "",
    "/2015-03-31/functions/f",
    "/2017-03-31/tags/arn%3Aaws",
    "/1234/queue",
    "/2015-03-31/functions/f/policy/s",
    "/WriteGetObjectResponse",
];
const QUERIES: [&str; 9] = [
    "",
    "acl",
    "list-type=2&prefix=a",
    "uploadId=1&partNumber=2",
    "delete",
    "tagging",
    "policy",
    "Action=Publish&Version=2010-03-31&Message=x",
    "X-Amz-Credential=A%2F1%2Fr%2Fs3%2Faws4_request&X-Amz-Signature=0",
];
const TARGETS: [&str; 8] = [
    "DynamoDB_20120810.PutItem",
    "DynamoDB_20120810.TransactWriteItems",
    "DynamoDB_20120810.ExecuteStatement",
    "AmazonSQS.SendMessageBatch",
    "TrentService.CreateKey",
    "secretsmanager.CreateSecret",
    "Kinesis_20131202.PutRecords",
    "Firehose_20150804.CreateDeliveryStream",
];
const BODIES: [&str; 9] = [
    r#"{"TableName":"t","Item":{"a":{"S":"x"}},"Key":{"a":{"N":"1"}},"TransactItems":[{"Put":{"Item":{}}}]}"#,
    r#"{"Statement":"SELECT 'a' FROM \"t\".\"i\" WHERE b=-1.5e3","Statements":[{"Statement":"x"}]}"#,
    r#"{"KeyMetadata":{"CreationDate":1.5e300,"Arn":"arn:aws:kms:::key/1"},"Policy":"{}","Tags":[{"TagKey":"a"}]}"#,
    r#"{"Entries":[{"Id":"1","MessageBody":"x","MessageAttributes":{"a":{"DataType":"S"}}}],"QueueUrl":"http://h/1/q"}"#,
    "Action=CreateTopic&Version=2010-03-31&Name=a&Tags.member.1.Key=k&Tags.member.1.Value=v&Attributes.entry.1.key=k",
    "Action=SendMessageBatch&Version=2012-11-05&SendMessageBatchRequestEntry.1.Id=a&Attribute.1.Name=x&Tag.1.Key=y",
    r#"<Tagging xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><TagSet><Tag><Key>a</Key><Value>true</Value></Tag></TagSet></Tagging>"#,
    r#"<ErrorResponse><Error><Code>X</Code><Message>y</Message></Error></ErrorResponse>"#,
    r#"<Delete><Object><Key>a</Key></Object><Object><Key>b</Key></Object></Delete>"#,
];

#[test]
fn no_bytes_make_it_panic_or_break_the_record() {
    let mut numbers = Numbers(1);
    for round in 0..20_000 {
        let mut headers =
            vec![("host".to_owned(), numbers.text(&["gateway.internal", "b.s3.localhost:1", "b.localhost"]))];
        let service = *numbers.of(&Service::ALL);
        headers.push(("authorization".into(), numbers.text(&[&scope(service.signing_name()), "AWS A:b", ""])));
        if numbers.below(2) == 0 {
            headers.push(("x-amz-target".into(), numbers.text(&TARGETS)));
        }
        let kinds = ["application/x-www-form-urlencoded", "application/xml", "multipart/form-data; boundary=x"];
        headers.push(("content-type".into(), numbers.text(&kinds)));
        if numbers.below(8) == 0 {
            headers.push(("content-encoding".into(), numbers.text(&["gzip", "deflate", "aws-chunked", "br"])));
        }
        headers.push(("x-amz-copy-source".into(), numbers.text(&["/b/k%20?versionId=1", "arn:aws:s3:::b", ""])));
        headers.push(("user-agent".into(), numbers.text(&["aws-cli", "\"\n\u{7}ä"])));
        let body = |numbers: &mut Numbers| {
            let text = *numbers.of(&BODIES);
            let mut body = captured(numbers.mutated(text));
            body.total += numbers.below(2) as u64 * 1_000_000;
            body
        };
        let request = Request {
            method: (*numbers.of(&METHODS)).into(),
            path: numbers.text(&PATHS),
            query: numbers.text(&QUERIES),
            body: body(&mut numbers),
            headers: headers.clone(),
            s3_host: S3Host::Other,
        };
        let outcome = match numbers.below(6) {
            0 => Outcome::Refused { code: "X".into(), message: "y".into(), rule: Some("\"r\n".into()) },
            1 => Outcome::Refused { code: "X\n".into(), message: "y".into(), rule: None },
            2 => Outcome::Unreachable { message: "\u{0}".repeat(5000) },
            3 => Outcome::Interrupted,
            _ => Outcome::Answered(Answer {
                status: u16::try_from(numbers.below(1000)).unwrap(),
                headers,
                body: body(&mut numbers),
            }),
        };
        let mut call = call(request, outcome);
        call.user_identity = numbers.text(&[r#"{"type":"Root"}"#, "", "[1]", "{}\n"]);
        let service = if numbers.below(4) == 0 { service } else { service_of(&call.request) };
        let _ = capture(service, &call.request);
        if let Outcome::Answered(answer) = &call.outcome {
            let _ = error_code(service, answer);
        }
        let text = event(&call, &recognise(service, &call.request));
        assert!(serde_json::from_str::<Value>(&text).is_ok_and(|event| event.is_object()), "round {round}: {text}");
        assert!(!text.contains(['\n', '\r']) && text.len() < 16 * 1024, "round {round}");
    }
}

#[test]
fn what_is_large_is_omitted_and_what_was_cut_is_told_as_far_as_it_was_read() {
    let long = "v".repeat(200 * 1024);
    let whole = json_request(Service::Kms, "TrentService.CreateKey", &format!(r#"{{"Description":"{long}"}}"#));
    let (text, event) =
        event_of(&call(whole, answered(200, &[], &format!(r#"{{"KeyMetadata":{{"Description":"{long}"}}}}"#))));
    assert_eq!(event["requestParameters"]["omitted"], true);
    assert_eq!(event["requestParameters"]["reason"], "requestParameters too large");
    assert!(event["requestParameters"]["originalSize"].as_u64().unwrap() > 200_000);
    assert_eq!(event["responseElements"]["reason"], "responseElements too large");
    assert!(text.len() < 4096);

    let mut cut = json_request(
        Service::DynamoDb,
        "DynamoDB_20120810.PutItem",
        r#"{"TableName":"Music","Item":{"a":{"S":"x"},"b":{"S":"y"#,
    );
    cut.body.total = 400_000;
    let (_, event) = event_of(&call(cut, answered(200, &[], "{}")));
    assert_eq!(event["requestParameters"], serde_json::json!({"tableName": "Music", "item": ["a", "b"]}));
    assert_eq!(event["additionalEventData"]["gatewayRequestBodyBytes"], 400_000);
    assert_eq!(event["resources"][0]["ARN"], "arn:aws:dynamodb:us-west-2:111122223333:table/Music");

    let keys: String = (0..5_000).map(|n| format!("<Object><Key>key-{n}</Key></Object>")).collect();
    let many = s3_request("POST", "/b?delete", &[], &format!("<Delete>{keys}</Delete>"));
    let (text, event) = event_of(&call(many, answered(200, &[], "<DeleteResult/>")));
    assert_eq!(event["resources"][0], serde_json::json!({"type": "AWS::S3::Object", "ARNPrefix": "arn:aws:s3:::b/"}));
    assert!(text.len() < 4096);
}

#[test]
fn compressed_bodies_are_opened() {
    use std::io::Write as _;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(br#"{"__type":"x#NotFoundException","message":"no"}"#).unwrap();
    let mut call = call(
        json_request(Service::Kms, "TrentService.DescribeKey", r#"{"KeyId":"k"}"#),
        answered(400, &[("content-encoding", "gzip")], ""),
    );
    if let Outcome::Answered(answer) = &mut call.outcome {
        answer.body = captured(gzip.finish().unwrap());
        assert_eq!(error_code(Service::Kms, answer).as_deref(), Some("NotFoundException"));
    }
    let (_, event) = event_of(&call);
    assert_eq!((&event["errorCode"], &event["errorMessage"]), (&"NotFoundException".into(), &"no".into()));
    assert_eq!(event["resources"][0]["ARN"], "arn:aws:kms:us-west-2:111122223333:key/k");
}

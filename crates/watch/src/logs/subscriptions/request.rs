//! Requests to receivers, as AWS would make them, and what their answers say of each record.
//!
//! Firehose: PutRecordBatch; Kinesis: PutRecords; Lambda: one event for each record. A receiver that answers 2xx with something
//! else than AWS's answer, or nothing, has taken everything: a web server that keeps what it is sent is a receiver too. A bucket
//! is not asked: objects are written to it (`send.rs`).

use super::target::{Kind, Target};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// Most records of a request (PutRecordBatch and PutRecords references).
const RECORDS_MAX: usize = 500;
/// Most bytes of a request's records before base64: 4 MiB for Firehose, 5 MiB for Kinesis.
const REQUEST_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Most objects that are put at the same time.
const OBJECTS_AT_ONCE: usize = 8;
/// Longest partition key, characters (PutRecords reference).
const PARTITION_KEY_CHARS_MAX: usize = 256;

/// A payload on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    /// Records of the same lane arrive in order.
    pub lane: u64,
    /// For Kinesis the partition key, for a bucket the key of the object.
    pub place: String,
    pub data: Vec<u8>,
    /// The log group that it counts for.
    pub group: String,
    /// Number of log events.
    pub events: usize,
}

/// A request to a receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiverRequest {
    /// The receiver.
    pub arn: String,
    /// All but those of the connection.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// What a receiver answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReceiverAnswer {
    /// HTTP status.
    pub status: u16,
    /// The body, or its beginning.
    pub body: Vec<u8>,
}

/// What became of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    Taken,
    /// The receiver has too much to do.
    Throttled,
    Refused(String),
}

/// The partition key of a stream's records.
pub(super) fn partition_key(stream: &str) -> String {
    stream.chars().take(PARTITION_KEY_CHARS_MAX).collect()
}

/// How many of the first records go in one request, or into a bucket at the same time; at least one, if there is any.
pub(super) fn first_request(kind: Kind, records: &[Record]) -> usize {
    match kind {
        Kind::Lambda => return records.len().min(1),
        Kind::S3 => {
            // Objects of one lane are put one after the other.
            let is_first = |&n: &usize| records.iter().take(n).all(|before| before.lane != records[n].lane);
            return (0..records.len().min(OBJECTS_AT_ONCE)).take_while(is_first).count();
        }
        Kind::Firehose | Kind::Kinesis => {}
    }
    let mut bytes = 0;
    let fits = records.iter().take(RECORDS_MAX).take_while(|record| {
        bytes += record.data.len() + record.place.len();
        bytes <= REQUEST_BYTES_MAX
    });
    fits.count().max(1).min(records.len())
}

/// The request that carries these records.
pub(super) fn request(target: &Target, records: &[Record]) -> ReceiverRequest {
    let data = |record: &Record| STANDARD.encode(&record.data);
    let (operation, body) = match target.kind {
        Kind::Firehose => {
            let records: Vec<Value> = records.iter().map(|record| json!({"Data": data(record)})).collect();
            let body = json!({"DeliveryStreamName": target.name, "Records": records});
            (Some("Firehose_20150804.PutRecordBatch"), body)
        }
        Kind::Kinesis => {
            let one = |record: &Record| json!({"Data": data(record), "PartitionKey": record.place});
            let records: Vec<Value> = records.iter().map(one).collect();
            let body = json!({"Records": records, "StreamName": target.name, "StreamARN": target.arn});
            (Some("Kinesis_20131202.PutRecords"), body)
        }
        Kind::Lambda | Kind::S3 => (None, json!({"awslogs": {"data": records.first().map(data).unwrap_or_default()}})),
    };
    let headers = match operation {
        Some(operation) => {
            vec![("content-type", "application/x-amz-json-1.1".to_owned()), ("x-amz-target", operation.to_owned())]
        }
        // As Lambda's Invoke takes it: the function is started, not waited for.
        None => {
            vec![("content-type", "application/json".to_owned()), ("x-amz-invocation-type", "Event".to_owned())]
        }
    };
    ReceiverRequest { arn: target.arn.clone(), headers, body: body.to_string().into_bytes() }
}

/// What an answer says of each of the `count` records of its request.
pub(super) fn outcomes(kind: Kind, count: usize, answer: &ReceiverAnswer) -> Vec<Outcome> {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let all = |outcome: Outcome| vec![outcome; count];
    match answer.status {
        200..=299 => {}
        429 => return all(Outcome::Throttled),
        status => {
            let code = body["__type"].as_str().or(body["code"].as_str()).unwrap_or_default();
            let code = code.rsplit('#').next().unwrap_or_default();
            return all(of_code(code, format!("it answered {status} {code}").trim_end().to_owned()));
        }
    }
    let list = match kind {
        Kind::Firehose => &body["RequestResponses"],
        Kind::Kinesis => &body["Records"],
        Kind::Lambda | Kind::S3 => return all(Outcome::Taken),
    };
    let Some(list) = list.as_array().filter(|list| list.len() == count) else { return all(Outcome::Taken) };
    let one = |answer: &Value| match answer["ErrorCode"].as_str() {
        None => Outcome::Taken,
        Some(code) => of_code(code, format!("it did not take a record: {code}")),
    };
    list.iter().map(one).collect()
}

fn of_code(code: &str, why: String) -> Outcome {
    match code {
        "ProvisionedThroughputExceededException"
        | "KMSThrottlingException"
        | "LimitExceededException"
        | "ServiceUnavailableException"
        | "ThrottlingException"
        | "TooManyRequestsException" => Outcome::Throttled,
        _ => Outcome::Refused(why),
    }
}

/// The records to be sent again: those that were not taken, and those behind them in their lanes, so that order holds.
pub(super) fn remaining(records: Vec<Record>, outcomes: &[Outcome]) -> Vec<Record> {
    let mut broken = Vec::new();
    let again = records.into_iter().zip(outcomes).filter_map(|(record, outcome)| {
        if *outcome == Outcome::Taken && !broken.contains(&record.lane) {
            return None;
        }
        broken.push(record.lane);
        Some(record)
    });
    again.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(arn: &str) -> Target {
        Target::of(arn).unwrap()
    }

    fn record(lane: u64, data: &[u8]) -> Record {
        Record { lane, place: format!("s{lane}"), data: data.into(), group: "g".into(), events: 1 }
    }

    fn answer(status: u16, body: &str) -> ReceiverAnswer {
        ReceiverAnswer { status, body: body.into() }
    }

    #[test]
    fn requests_are_awss() {
        let records = [record(1, b"ab"), record(2, b"c")];
        let made = |arn: &str| {
            let made = request(&target(arn), &records);
            (made.headers.last().unwrap().1.clone(), serde_json::from_slice::<Value>(&made.body).unwrap())
        };
        assert_eq!(
            made("arn:aws:firehose:us-east-1:123456789012:deliverystream/d"),
            (
                "Firehose_20150804.PutRecordBatch".into(),
                json!({"DeliveryStreamName": "d", "Records": [{"Data": "YWI="}, {"Data": "Yw=="}]})
            )
        );
        let arn = "arn:aws:kinesis:us-east-1:123456789012:stream/k";
        let sent = [json!({"Data": "YWI=", "PartitionKey": "s1"}), json!({"Data": "Yw==", "PartitionKey": "s2"})];
        assert_eq!(
            made(arn),
            ("Kinesis_20131202.PutRecords".into(), json!({"Records": sent, "StreamName": "k", "StreamARN": arn}))
        );
        assert_eq!(
            made("arn:aws:lambda:us-east-1:123456789012:function:f"),
            ("Event".into(), json!({"awslogs": {"data": "YWI="}}))
        );
    }

    #[test]
    fn requests_have_few_records_and_bytes() {
        let many: Vec<Record> = (0..600).map(|n| record(n, b"x")).collect();
        assert_eq!(first_request(Kind::Kinesis, &many), 500);
        assert_eq!(first_request(Kind::Lambda, &many), 1);
        let large: Vec<Record> = (0..6).map(|n| record(n, &[0; 1_000_000])).collect();
        assert_eq!(first_request(Kind::Firehose, &large), 4);
        assert_eq!(first_request(Kind::Firehose, &[]), 0);
    }

    #[test]
    fn objects_of_different_lanes_are_put_together() {
        let lanes =
            |lanes: &[u64]| first_request(Kind::S3, &lanes.iter().map(|&n| record(n, b"x")).collect::<Vec<_>>());
        assert_eq!(lanes(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]), 8);
        assert_eq!(lanes(&[1, 2, 1, 3]), 2);
        assert_eq!((lanes(&[1, 1]), lanes(&[1]), lanes(&[])), (1, 1, 0));
    }

    #[test]
    fn answers_say_what_became_of_each_record() {
        let refused = |why: &str| Outcome::Refused(why.into());
        let partial = r#"{"FailedPutCount":2,"RequestResponses":[{"RecordId":"1"},{"ErrorCode":"ServiceUnavailableException"},{"ErrorCode":"InternalFailure"}]}"#;
        assert_eq!(
            outcomes(Kind::Firehose, 3, &answer(200, partial)),
            [Outcome::Taken, Outcome::Throttled, refused("it did not take a record: InternalFailure")]
        );
        let partial = r#"{"FailedRecordCount":1,"Records":[{"ErrorCode":"ProvisionedThroughputExceededException"},{"SequenceNumber":"1"}]}"#;
        assert_eq!(outcomes(Kind::Kinesis, 2, &answer(200, partial)), [Outcome::Throttled, Outcome::Taken]);
        for body in ["", "ok", "{}", "[1]", r#"{"Records":[]}"#] {
            assert_eq!(outcomes(Kind::Kinesis, 2, &answer(204, body)), [Outcome::Taken, Outcome::Taken], "{body}");
        }
        assert_eq!(outcomes(Kind::Lambda, 1, &answer(202, "")), [Outcome::Taken]);
        assert_eq!(outcomes(Kind::Lambda, 1, &answer(429, "")), [Outcome::Throttled]);
        assert_eq!(outcomes(Kind::Lambda, 1, &answer(503, "")), [refused("it answered 503")]);
        let code = r#"{"__type":"com.amazonaws#ResourceNotFoundException"}"#;
        assert_eq!(
            outcomes(Kind::Kinesis, 1, &answer(400, code)),
            [refused("it answered 400 ResourceNotFoundException")]
        );
    }

    #[test]
    fn what_is_sent_again_keeps_the_order_of_each_lane() {
        let records = vec![record(1, b"a"), record(2, b"b"), record(1, b"c"), record(3, b"d")];
        let outcomes = [Outcome::Throttled, Outcome::Taken, Outcome::Taken, Outcome::Refused(String::new())];
        let again = remaining(records, &outcomes);
        assert_eq!(again.iter().map(|record| record.data.as_slice()).collect::<Vec<_>>(), [b"a", b"c", b"d"]);
    }
}

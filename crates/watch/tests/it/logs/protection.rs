//! Data protection policies, what they mask, and what they report.

use super::subscriptions::subscribed;
use super::*;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::{Caller, Scope};
use std::io::Read as _;
use watch::logs::subscriptions::{Followers, ReceiverRequest};

/// A policy that finds e-mail addresses and Social Security numbers, with findings to a group.
fn policy(findings: Value) -> String {
    let arn = |name| format!("arn:aws:dataprotection::aws:data-identifier/{name}");
    let identifiers = json!([arn("EmailAddress"), arn("Ssn-US")]);
    json!({
        "Name": "p",
        "Version": "2021-06-01",
        "Statement": [
            {"DataIdentifier": identifiers, "Operation": {"Audit": {"FindingsDestination": findings}}},
            {"DataIdentifier": identifiers, "Operation": {"Deidentify": {"MaskConfig": {}}}}
        ]
    })
    .to_string()
}

async fn put_policy(plane: &Plane) {
    let input = json!({"logGroupIdentifier": "g", "policyDocument": policy(json!({}))});
    plane.ok("PutDataProtectionPolicy", input).await;
}

async fn read(plane: &Plane, extra: Value) -> Vec<String> {
    let mut input = json!({"logGroupName": "g", "logStreamName": "s", "startFromHead": true});
    input.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    messages(&plane.ok("GetLogEvents", input).await).into_iter().map(str::to_owned).collect()
}

async fn filter(plane: &Plane, extra: Value) -> Vec<String> {
    let mut input = json!({"logGroupName": "g"});
    input.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    messages(&plane.ok("FilterLogEvents", input).await).into_iter().map(str::to_owned).collect()
}

#[tokio::test]
async fn a_policy_is_put_got_replaced_and_deleted() {
    let plane = plane_with_stream().await;
    let arn = "arn:aws:logs:us-east-1:123456789012:log-group:g";
    let named = json!({"logGroupIdentifier": arn});
    assert_eq!(plane.ok("GetDataProtectionPolicy", named.clone()).await, named, "a group without one is no error");
    let status =
        async || plane.ok("DescribeLogGroups", json!({})).await["logGroups"][0].get("dataProtectionStatus").cloned();
    assert_eq!(status().await, None);
    let document = policy(json!({}));
    let full = json!({"logGroupIdentifier": arn, "policyDocument": document, "lastUpdatedTime": NOW});
    let put = plane.ok("PutDataProtectionPolicy", json!({"logGroupIdentifier": arn, "policyDocument": document})).await;
    assert_eq!(put, full);
    assert_eq!(plane.ok("GetDataProtectionPolicy", named.clone()).await, full);
    assert_eq!(status().await, Some(json!("ACTIVATED")));
    plane.ok("DeleteDataProtectionPolicy", named.clone()).await;
    assert_eq!(status().await, Some(json!("DELETED")));
    assert_eq!(plane.ok("GetDataProtectionPolicy", named.clone()).await, named);
    assert_eq!(plane.refused("DeleteDataProtectionPolicy", named).await.0, "ResourceNotFoundException");
    let absent = json!({"logGroupIdentifier": "absent", "policyDocument": document});
    let gone = error("ResourceNotFoundException", "The specified log group does not exist.");
    assert_eq!(plane.refused("PutDataProtectionPolicy", absent).await, gone);
}

#[tokio::test]
async fn wrong_policies_are_refused_and_change_nothing() {
    let plane = plane_with_stream().await;
    let refused = async |document: String| {
        plane.refused("PutDataProtectionPolicy", json!({"logGroupIdentifier": "g", "policyDocument": document})).await
    };
    let unknown = policy(json!({})).replace("Ssn-US", "PhoneNumber");
    assert_eq!(
        refused(unknown).await,
        error(
            "InvalidParameterException",
            "arn:aws:dataprotection::aws:data-identifier/PhoneNumber is not a valid Data Identifier"
        )
    );
    assert_eq!(refused("{".into()).await.0, "InvalidParameterException");
    let findings = policy(json!({"CloudWatchLogs": {"LogGroup": "absent"}}));
    assert_eq!(
        refused(findings).await,
        error("InvalidParameterException", "The log group absent of FindingsDestination does not exist")
    );
    assert_eq!(
        plane.ok("GetDataProtectionPolicy", json!({"logGroupIdentifier": "g"})).await.get("policyDocument"),
        None
    );
}

#[tokio::test]
async fn events_are_masked_as_the_policy_of_their_time_says() {
    let plane = plane_with_stream().await;
    put(&plane, "s", &[(-3, "before a@b.co")]).await;
    plane.clock.advance(10);
    put_policy(&plane).await;
    put(&plane, "s", &[(-2, "while a@b.co, ssn 123-45-6789")]).await;
    plane.clock.advance(10);
    plane.ok("DeleteDataProtectionPolicy", json!({"logGroupIdentifier": "g"})).await;
    put(&plane, "s", &[(-1, "after a@b.co")]).await;
    let shown = ["before a@b.co", "while ******, ssn ***********", "after a@b.co"];
    assert_eq!(read(&plane, json!({})).await, shown);
    assert_eq!(filter(&plane, json!({})).await, shown);
    // Root may see all, and must ask for it.
    let all = ["before a@b.co", "while a@b.co, ssn 123-45-6789", "after a@b.co"];
    assert_eq!(read(&plane, json!({"unmask": true})).await, all);
    assert_eq!(filter(&plane, json!({"unmask": true})).await, all);
    assert_eq!(read(&plane, json!({"unmask": false})).await, shown);
}

/// One statement of a policy about `logs:Unmask`.
fn unmask(effect: &str, resource: &str) -> String {
    format!(r#""Effect":"{effect}","Action":"logs:Unmask","Resource":"arn:aws:logs:*:*:{resource}""#)
}

#[tokio::test]
async fn who_may_unmask_is_said_by_policies_group_by_group() {
    let plane = plane_with_stream().await;
    put_policy(&plane).await;
    put(&plane, "s", &[(0, "a@b.co")]).await;
    for (n, (effect, resource, may)) in [
        ("Allow", "log-group:g", true),
        ("Allow", "log-group:g:*", true),
        ("Allow", "log-group:*", true),
        ("Allow", "log-group:other:*", false),
        ("Deny", "log-group:g", false),
    ]
    .into_iter()
    .enumerate()
    {
        let user = plane.user(&format!("u{n}"), &unmask(effect, resource)).await;
        let words = format!(
            "user/u{n} is not authorized to perform: logs:Unmask on resource: arn:aws:logs:us-east-1:123456789012:log-group:g "
        );
        for (operation, input) in [
            ("GetLogEvents", json!({"logGroupName": "g", "logStreamName": "s", "unmask": true})),
            ("FilterLogEvents", json!({"logGroupName": "g", "unmask": true})),
            ("FilterLogEvents", json!({"logGroupName": "g", "unmask": true, "filterPattern": "\"a@b.co\""})),
            ("GetLogRecord", json!({"logRecordPointer": pointer(&plane).await, "unmask": true})),
            ("StartQuery", question("fields @message | unmask @message")),
            ("StartQuery", question("fields @timestamp, @message, unmask(@message) | sort @timestamp desc | limit 20")),
        ] {
            match plane.call_as(&user, operation, input.clone()).await {
                Ok(shown) if operation == "StartQuery" => {
                    assert!(may, "{resource}: {input}");
                    let answer = ended(&plane, &user, &shown["queryId"]).await;
                    assert_eq!(values(&answer, "@message"), ["a@b.co"], "{input}");
                }
                Ok(shown) => assert!(may && shown.to_string().contains("a@b.co"), "{operation} {resource}: {shown}"),
                Err((code, why)) => {
                    assert!(!may && code == "AccessDeniedException" && why.contains(&words), "{operation}: {why}");
                }
            }
        }
    }
}

/// StartQuery of group `g` over the last minute.
fn question(text: &str) -> Value {
    json!({"logGroupName": "g", "queryString": text, "startTime": NOW / 1000 - 60, "endTime": NOW / 1000})
}

/// What a query has found in the end, as `caller` sees it.
async fn ended(plane: &Plane, caller: &Caller, id: &Value) -> Value {
    loop {
        let answer = plane.call_as(caller, "GetQueryResults", json!({"queryId": id})).await.unwrap();
        match answer["status"].as_str() {
            Some("Scheduled" | "Running") => tokio::task::yield_now().await,
            Some("Complete") => return answer,
            other => panic!("{other:?}"),
        }
    }
}

/// The `@ptr` of the one event.
async fn pointer(plane: &Plane) -> String {
    let started = plane.ok("StartQuery", question("fields @message")).await;
    let root = Caller::root(Scope { account: "123456789012".into(), region: "us-east-1".into() }, "key");
    let answer = ended(plane, &root, &started["queryId"]).await;
    values(&answer, "@ptr")[0].to_owned()
}

#[tokio::test]
async fn a_query_within_a_query_is_asked_about_like_the_query() {
    let plane = plane_with_stream().await;
    for group in ["g", "other"] {
        plane.call("CreateLogGroup", json!({"logGroupName": group})).await.ok();
        let input = json!({"logGroupIdentifier": group, "policyDocument": policy(json!({}))});
        plane.ok("PutDataProtectionPolicy", input).await;
    }
    plane.ok("CreateLogStream", json!({"logGroupName": "other", "logStreamName": "s"})).await;
    put(&plane, "s", &[(0, r#"{"to":"a@b.co"}"#)]).await;
    let events = json!([{"timestamp": NOW, "message": r#"{"to":"a@b.co"}"#}]);
    plane.ok("PutLogEvents", json!({"logGroupName": "other", "logStreamName": "s", "logEvents": events})).await;
    let text = |more: &str| {
        question(&format!(
            r#"filter to in (SOURCE logGroups(namePrefix: ["other"]) | fields to {more}) | fields @message {more}"#
        ))
    };
    let start = async |caller: &Caller, more: &str| plane.call_as(caller, "StartQuery", text(more)).await;
    let on = |group: &str| format!("arn:aws:logs:us-east-1:123456789012:log-group:{group} because");
    // Whoever may query the one group does not see another through it.
    let narrow =
        plane.user("narrow", r#""Effect":"Allow","Action":"logs:*","Resource":"arn:aws:logs:*:*:log-group:g""#).await;
    let (code, why) = start(&narrow, "").await.unwrap_err();
    assert!(code == "AccessDeniedException" && why.contains("logs:StartQuery") && why.contains(&on("other")), "{why}");
    let reader = plane.user("reader", r#""Effect":"Allow","Action":"logs:StartQuery","Resource":"*""#).await;
    let started = start(&reader, "").await.unwrap();
    assert_eq!(values(&ended(&plane, &reader, &started["queryId"]).await, "@message"), [r#"{"to":"******"}"#]);
    let looked_at = plane.ok("ListLogGroupsForQuery", json!({"queryId": started["queryId"]})).await;
    assert_eq!(looked_at["logGroupIdentifiers"].as_array().unwrap().len(), 2, "{looked_at}");
    // What only the query within shows unmasked counts as well, for both groups.
    let (code, why) = start(&reader, "| unmask to").await.unwrap_err();
    assert!(code == "AccessDeniedException" && why.contains("logs:Unmask") && why.contains(&on("g")), "{why}");
    let statement =
        r#""Effect":"Allow","Action":["logs:StartQuery","logs:Unmask"],"Resource":"arn:aws:logs:*:*:log-group:g""#;
    let half = plane.user("half", statement).await;
    assert!(start(&half, "| unmask to").await.unwrap_err().1.contains(&on("other")));
    let all = plane.user("all", r#""Effect":"Allow","Action":"logs:*","Resource":"*""#).await;
    let started = start(&all, "| unmask to").await.unwrap();
    let answer = ended(&plane, &all, &started["queryId"]).await;
    assert_eq!(values(&answer, "@message"), [r#"{"to":"a@b.co"}"#]);
    let (code, _) = plane.call_as(&half, "GetQueryResults", json!({"queryId": started["queryId"]})).await.unwrap_err();
    assert_eq!(code, "AccessDeniedException", "who may not unmask all of it");
}

#[tokio::test]
async fn a_resource_policy_keeps_findings_away() {
    let operations = watch::logs::operations().into_iter().chain(watch::cloudwatch::operations());
    let plane = Plane::new(operations.collect()).await;
    for group in ["g", "/findings"] {
        plane.ok("CreateLogGroup", json!({"logGroupName": group})).await;
    }
    plane.ok("CreateLogStream", json!({"logGroupName": "g", "logStreamName": "s"})).await;
    let document = policy(json!({"CloudWatchLogs": {"LogGroup": "/findings"}}));
    plane.ok("PutDataProtectionPolicy", json!({"logGroupIdentifier": "g", "policyDocument": document})).await;
    let reports = async || {
        put(&plane, "s", &[(0, "a@b.co")]).await;
        plane.ok("FilterLogEvents", json!({"logGroupName": "/findings"})).await["events"].as_array().unwrap().len()
    };
    assert_eq!(reports().await, 1, "within an account no policy is needed");
    let arn = "arn:aws:logs:us-east-1:123456789012:log-group:/findings";
    let deny = |principal: &str, action: &str, resource: &str, condition: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Deny","Principal":{principal},"Action":"{action}","Resource":"{resource}","Condition":{{{condition}}}}}]}}"#
        )
    };
    let service = r#"{"Service":"delivery.logs.amazonaws.com"}"#;
    let streams = format!("{arn}:log-stream:*");
    let put_policy = async |document: String| {
        plane.ok("PutResourcePolicy", json!({"policyName": "p", "policyDocument": document})).await;
    };
    let of_account = r#""StringEquals":{"aws:SourceAccount":"123456789012"},"ArnLike":{"aws:SourceArn":"arn:aws:logs:us-east-1:123456789012:*"}"#;
    for (document, expected) in [
        (deny(service, "logs:PutLogEvents", &streams, of_account), 1),
        (deny(r#""*""#, "logs:*", "*", ""), 1),
        (deny(service, "logs:PutLogEvents", &streams, r#""StringEquals":{"aws:SourceAccount":"210987654321"}"#), 2),
        (deny(r#"{"Service":"route53.amazonaws.com"}"#, "logs:*", "*", ""), 3),
        // Nobody else is asked about in resource policies, and the stream is there.
        (deny(r#"{"AWS":"123456789012"}"#, "logs:*", "*", ""), 4),
        (deny(service, "logs:CreateLogStream", "*", ""), 5),
    ] {
        put_policy(document.clone()).await;
        assert_eq!(reports().await, expected, "{document}");
    }
    // A policy of the group itself, and one where the stream would have to be made.
    plane.ok("DeleteResourcePolicy", json!({"policyName": "p"})).await;
    let own = json!({"resourceArn": arn, "policyDocument": deny(service, "logs:PutLogEvents", &streams, "")});
    plane.ok("PutResourcePolicy", own).await;
    assert_eq!(reports().await, 5);
    plane.ok("DeleteLogGroup", json!({"logGroupName": "/findings"})).await;
    plane.ok("CreateLogGroup", json!({"logGroupName": "/findings"})).await;
    assert_eq!(reports().await, 1, "the policy went with the group");
    plane.ok("DeleteLogStream", json!({"logGroupName": "/findings", "logStreamName": "g"})).await;
    put_policy(deny(service, "logs:CreateLogStream", "*", "")).await;
    assert_eq!(reports().await, 0);
    assert_eq!(counted(&plane).await, 10.0, "they are counted all the same");
}

#[tokio::test]
async fn nobody_else_may_unmask() {
    let plane = plane_with_stream().await;
    put_policy(&plane).await;
    put(&plane, "s", &[(0, "a@b.co")]).await;
    let scope = Scope { account: "123456789012".into(), region: "us-east-1".into() };
    let user = Caller {
        identity_type: "IAMUser".into(),
        arn: "arn:aws:iam::123456789012:user/jo".into(),
        ..Caller::root(scope, "key")
    };
    let input = |unmask: bool| json!({"logGroupName": "g", "logStreamName": "s", "unmask": unmask});
    let shown = plane.call_as(&user, "GetLogEvents", input(false)).await.unwrap();
    assert_eq!(messages(&shown), ["******"]);
    let refused = plane.call_as(&user, "GetLogEvents", input(true)).await.unwrap_err();
    assert_eq!(
        refused,
        error(
            "AccessDeniedException",
            "User: arn:aws:iam::123456789012:user/jo is not authorized to perform: logs:Unmask on resource: \
             arn:aws:logs:us-east-1:123456789012:log-group:g because no identity-based policy allows the logs:Unmask action"
        )
    );
    let filter = json!({"logGroupName": "g", "unmask": true});
    assert_eq!(plane.call_as(&user, "FilterLogEvents", filter).await.unwrap_err().0, "AccessDeniedException");
}

#[tokio::test]
async fn what_a_query_unmasked_is_for_those_who_may_unmask() {
    let plane = plane_with_stream().await;
    put_policy(&plane).await;
    put(&plane, "s", &[(-1, "to a@b.co")]).await;
    let scope = Scope { account: "123456789012".into(), region: "us-east-1".into() };
    let arn = "arn:aws:iam::123456789012:user/jo";
    let user = Caller { identity_type: "IAMUser".into(), arn: arn.into(), ..Caller::root(scope, "key") };
    for (text, shown) in [
        ("fields @message", Some("to ******")),
        ("fields @message | filter @message like \"unmask\" or 1 = 1", Some("to ******")),
        ("unmask @message", None),
    ] {
        let input =
            json!({"logGroupName": "g", "queryString": text, "startTime": NOW / 1000 - 60, "endTime": NOW / 1000});
        let started = plane.ok("StartQuery", input).await;
        let asked = json!({"queryId": started["queryId"]});
        loop {
            let seen = plane.call_as(&user, "GetQueryResults", asked.clone()).await;
            assert_eq!(seen.is_ok(), shown.is_some(), "{text}: {seen:?}");
            let answer = plane.ok("GetQueryResults", asked.clone()).await;
            if answer["status"] == "Complete" {
                let expected = shown.unwrap_or("to a@b.co");
                assert_eq!(values(&answer, "@message"), [expected], "{text}");
                break;
            }
            tokio::task::yield_now().await;
        }
        let table = "arn:aws:logs:us-east-1:123456789012:lookup-table:t";
        let copies = [
            ("CreateLookupTable", json!({"lookupTableName": "t", "queryId": started["queryId"]})),
            ("UpdateLookupTable", json!({"lookupTableArn": table, "queryId": started["queryId"]})),
        ];
        for (operation, input) in copies {
            let refused = plane.call_as(&user, operation, input).await.err().map(|(code, _)| code);
            let is_denied = refused.as_deref() == Some("AccessDeniedException");
            assert_eq!(is_denied, shown.is_none(), "{operation}: {text}: {refused:?}");
        }
        match (shown, plane.call_as(&user, "GetQueryResults", asked).await) {
            (Some(shown), Ok(answer)) => assert_eq!(values(&answer, "@message"), [shown]),
            (None, Err((code, message))) => {
                assert_eq!(code, "AccessDeniedException");
                assert!(
                    message.starts_with(&format!("User: {arn} is not authorized to perform: logs:Unmask")),
                    "{message}"
                );
            }
            (_, other) => panic!("{text}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_search_does_not_tell_what_the_mask_hides() {
    let plane = plane_with_stream().await;
    put_policy(&plane).await;
    put(&plane, "s", &[(-2, "login a@b.co ok"), (-1, "login c@d.co ok")]).await;
    assert_eq!(filter(&plane, json!({"filterPattern": "login"})).await, ["login ****** ok", "login ****** ok"]);
    assert_eq!(filter(&plane, json!({"filterPattern": "\"a@b.co\""})).await, [""; 0]);
    assert_eq!(filter(&plane, json!({"filterPattern": "-\"a@b.co\""})).await.len(), 2, "what is left out tells, too");
    assert_eq!(filter(&plane, json!({"filterPattern": "\"******\""})).await.len(), 2);
    put(&plane, "s", &[(0, r#"{"to":"a@b.co","n":1}"#)]).await;
    let shown = [r#"{"to":"******","n":1}"#];
    assert_eq!(filter(&plane, json!({"filterPattern": "{ $.n = 1 && $.to != \"a@b.co\" }"})).await, shown);
    assert_eq!(filter(&plane, json!({"filterPattern": "{ $.to = \"a@b.co\" }"})).await, [""; 0]);
    let unmasked = json!({"filterPattern": "login \"a@b.co\"", "unmask": true});
    assert_eq!(filter(&plane, unmasked).await, ["login a@b.co ok"]);
}

#[tokio::test]
async fn findings_are_reported_and_counted() {
    let operations = watch::logs::operations().into_iter().chain(watch::cloudwatch::operations());
    let plane = Plane::new(operations.collect()).await;
    plane.ok("CreateLogGroup", json!({"logGroupName": "g"})).await;
    plane.ok("CreateLogStream", json!({"logGroupName": "g", "logStreamName": "s"})).await;
    plane.ok("CreateLogGroup", json!({"logGroupName": "/findings"})).await;
    let document = policy(json!({"CloudWatchLogs": {"LogGroup": "/findings"}}));
    plane.ok("PutDataProtectionPolicy", json!({"logGroupIdentifier": "g", "policyDocument": document})).await;
    put(&plane, "s", &[(-3, "nothing"), (-2, "to jdoe@exampl.co, a@b.co"), (-1, "ssn 123-45-6789 of a@b.co")]).await;
    let answer = plane.ok("FilterLogEvents", json!({"logGroupName": "/findings"})).await;
    let reports: Vec<Value> =
        messages(&answer).into_iter().map(|message| serde_json::from_str(message).unwrap()).collect();
    let detections = |places: &[(u64, u64)]| -> Vec<Value> {
        places.iter().map(|(start, end)| json!({"start": start, "end": end})).collect()
    };
    let report = |identifiers: Value| {
        json!({
            "auditTimestamp": "2026-03-01T00:00:00Z",
            "resourceArn": "arn:aws:logs:us-east-1:123456789012:log-group:g:*",
            "dataIdentifiers": identifiers
        })
    };
    let mail = |places: &[(u64, u64)]| json!({"name": "EmailAddress", "count": places.len(), "detections": detections(places)});
    let ssn = json!({"name": "Ssn-US", "count": 1, "detections": detections(&[(5, 15)])});
    assert_eq!(reports, [report(json!([mail(&[(4, 17), (20, 25)])])), report(json!([mail(&[(20, 25)]), ssn]))]);
    let streams: Vec<&Value> =
        answer["events"].as_array().unwrap().iter().map(|event| &event["logStreamName"]).collect();
    assert_eq!(streams, ["g", "g"]);
    assert_eq!(counted(&plane).await, 2.0);
    // A group that is gone gets no reports; the events are stored all the same.
    plane.ok("DeleteLogGroup", json!({"logGroupName": "/findings"})).await;
    put(&plane, "s", &[(0, "a@b.co")]).await;
    assert_eq!(read(&plane, json!({})).await.len(), 4);
    assert_eq!(counted(&plane).await, 3.0);
}

#[tokio::test]
async fn names_of_fields_are_masked_too() {
    let plane = plane_with_stream().await;
    put(&plane, "s", &[(0, r#"{"early@b.co":1}"#)]).await;
    plane.clock.advance(10);
    put_policy(&plane).await;
    put(&plane, "s", &[(10, r#"{"a@b.co":1,"of":{"to":"a@b.co"}}"#)]).await;
    let fields = plane.ok("GetLogGroupFields", json!({"logGroupName": "g"})).await;
    let names = each(&fields["logGroupFields"], "name");
    assert!(names.contains(&"******") && names.contains(&"of.to") && names.contains(&"early@b.co"), "{names:?}");
    assert!(!names.contains(&"a@b.co"), "{names:?}");
}

/// A line of a report: the e-mail addresses of an event of a group, by their places.
fn reported(group: &str, places: &[(u64, u64)]) -> Value {
    let places: Vec<Value> = places.iter().map(|(start, end)| json!({"start": start, "end": end})).collect();
    json!({
        "auditTimestamp": "2026-03-01T00:00:00Z",
        "resourceArn": format!("arn:aws:logs:us-east-1:123456789012:log-group:{group}:*"),
        "dataIdentifiers": [{"name": "EmailAddress", "count": places.len(), "detections": places}]
    })
}

fn json_lines(text: &[u8]) -> Vec<Value> {
    text.split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect()
}

/// The reports of each object in the plane's buckets, with its key.
fn reports_in_buckets(plane: &Plane) -> Vec<(String, Vec<Value>)> {
    let keys = plane.buckets.keys().into_iter().filter(|key| !key.ends_with("aws-logs-write-test"));
    let read = |key: String| {
        let mut text = Vec::new();
        flate2::read::GzDecoder::new(&plane.buckets.object(&key)[..]).read_to_end(&mut text).unwrap();
        (key, json_lines(&text))
    };
    keys.map(read).collect()
}

/// The data of each record that a Firehose stream got.
fn records(request: &ReceiverRequest) -> Vec<Vec<u8>> {
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(body["DeliveryStreamName"], "f");
    let data = |record: &Value| STANDARD.decode(record["Data"].as_str().unwrap()).unwrap();
    body["Records"].as_array().unwrap().iter().map(data).collect()
}

#[tokio::test]
async fn findings_go_to_buckets_and_streams_each_once_across_a_crash() {
    let (mut plane, fake) = subscribed().await;
    let document = policy(json!({"S3": {"Bucket": "logs"}, "Firehose": {"DeliveryStream": "f"}}));
    plane.ok("PutDataProtectionPolicy", json!({"logGroupIdentifier": "g", "policyDocument": document})).await;
    let below = "AWSLogs/123456789012/DataProtection/us-east-1";
    assert_eq!(plane.buckets.keys(), [format!("{below}/aws-logs-write-test")]);
    assert!(fake.requests().is_empty(), "a stream of findings gets no control message");
    put(&plane, "s", &[(-3, "nothing"), (-2, "to jdoe@exampl.co, a@b.co")]).await;
    put(&plane, "t", &[(-1, "a@b.co")]).await;
    let both = [reported("g", &[(4, 17), (20, 25)]), reported("g", &[(1, 6)])];
    // The stream is down; the bucket is not held up.
    fake.down(1);
    let mut followers = Followers::default();
    assert_eq!(followers.deliver_due(&plane.watch).await, ["connection refused"]);
    plane.clock.advance(60_000);
    assert_eq!(followers.deliver_due(&plane.watch).await, [""; 0]);
    let sent: Vec<Value> = fake.requests().iter().flat_map(records).flat_map(|record| json_lines(&record)).collect();
    assert_eq!(sent, both);
    let objects = reports_in_buckets(&plane);
    let [(key, reports)] = &objects[..] else { panic!("{objects:?}") };
    assert!(key.starts_with(&format!("{below}/2026/03/01/00/g/findings-")), "{key}");
    assert_eq!(reports[..], both);
    // After a crash nothing is sent twice, and what came meanwhile is.
    plane.reopen().await;
    put(&plane, "s", &[(-1, "a@b.co")]).await;
    let mut followers = Followers::default();
    assert_eq!(followers.deliver_due(&plane.watch).await, [""; 0]);
    assert_eq!(fake.requests().iter().flat_map(records).count(), 1);
    let metrics = plane.watch.subscriptions.take_metrics(plane.watch.clock.now());
    assert!(metrics.is_empty(), "findings are no forwarded log events: {metrics:?}");
    // With the policy its deliveries end.
    plane.ok("DeleteDataProtectionPolicy", json!({"logGroupIdentifier": "g"})).await;
    put(&plane, "s", &[(0, "a@b.co")]).await;
    assert_eq!(followers.deliver_due(&plane.watch).await, [""; 0]);
    assert!(fake.requests().is_empty());
}

#[tokio::test]
async fn findings_of_an_account_are_those_of_all_its_groups() {
    let (plane, fake) = subscribed().await;
    plane.ok("CreateLogGroup", json!({"logGroupName": "other"})).await;
    plane.ok("CreateLogStream", json!({"logGroupName": "other", "logStreamName": "s"})).await;
    let document = policy(json!({"Firehose": {"DeliveryStream": "f"}}));
    let of_account = json!({"policyName": "p", "policyType": "DATA_PROTECTION_POLICY", "policyDocument": document});
    plane.ok("PutAccountPolicy", of_account).await;
    put(&plane, "s", &[(0, "a@b.co")]).await;
    let events = json!([{"timestamp": NOW, "message": "xx a@b.co"}]);
    plane.ok("PutLogEvents", json!({"logGroupName": "other", "logStreamName": "s", "logEvents": events})).await;
    let mut followers = Followers::default();
    assert_eq!(followers.deliver_due(&plane.watch).await, [""; 0]);
    let sent: Vec<Value> = fake.requests().iter().flat_map(records).flat_map(|record| json_lines(&record)).collect();
    assert_eq!(sent, [reported("g", &[(1, 6)]), reported("other", &[(4, 9)])]);
    plane.ok("DeleteAccountPolicy", json!({"policyName": "p", "policyType": "DATA_PROTECTION_POLICY"})).await;
    assert!(plane.watch.catalog.every_findings_delivery().await.unwrap().is_empty());
}

#[tokio::test]
async fn findings_need_a_receiver_that_is_there() {
    let (plane, _) = subscribed().await;
    let refused = async |findings: Value| {
        let input = json!({"logGroupIdentifier": "g", "policyDocument": policy(findings)});
        plane.refused("PutDataProtectionPolicy", input).await
    };
    let invalid = |message: &str| error("InvalidParameterException", message);
    assert_eq!(
        refused(json!({"Firehose": {"DeliveryStream": "nowhere"}})).await,
        invalid("The Firehose stream nowhere of FindingsDestination does not exist")
    );
    for bucket in ["logs/c", "arn:aws:s3:::logs"] {
        assert_eq!(
            refused(json!({"S3": {"Bucket": bucket}})).await,
            invalid(&format!("The bucket {bucket} of FindingsDestination does not exist"))
        );
    }
    for (bucket, why) in [("absent", "The specified bucket does not exist"), ("closed", "Access Denied")] {
        assert_eq!(
            refused(json!({"S3": {"Bucket": bucket}})).await,
            invalid(&format!("The bucket {bucket} of FindingsDestination takes no findings: {why}"))
        );
    }
    assert_eq!(
        plane.ok("GetDataProtectionPolicy", json!({"logGroupIdentifier": "g"})).await.get("policyDocument"),
        None
    );
}

/// Events with findings in group `g`.
async fn counted(plane: &Plane) -> f64 {
    let input = json!({
        "Namespace": "AWS/Logs",
        "MetricName": "LogEventsWithFindings",
        "Dimensions": [{"Name": "LogGroupName", "Value": "g"}],
        "StartTime": NOW / 1000 - 60,
        "EndTime": NOW / 1000 + 60,
        "Period": 60,
        "Statistics": ["Sum"]
    });
    plane.ok("GetMetricStatistics", input).await["Datapoints"][0]["Sum"].as_f64().unwrap()
}

#[tokio::test]
async fn a_group_made_anew_has_no_policy() {
    let plane = plane_with_stream().await;
    put_policy(&plane).await;
    plane.ok("DeleteLogGroup", json!({"logGroupName": "g"})).await;
    plane.ok("CreateLogGroup", json!({"logGroupName": "g"})).await;
    plane.ok("CreateLogStream", json!({"logGroupName": "g", "logStreamName": "s"})).await;
    put(&plane, "s", &[(0, "a@b.co")]).await;
    assert_eq!(read(&plane, json!({})).await, ["a@b.co"]);
}

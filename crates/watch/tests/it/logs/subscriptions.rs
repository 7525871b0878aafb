//! Subscription filters, destinations and account policies: what clients see, and what receivers get.

use super::{error, put};
use crate::plane::{NOW, Plane};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::FutureExt;
use futures::future::BoxFuture;
use model::{Caller, Scope};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::io::Read as _;
use std::sync::{Arc, Mutex};
use watch::logs::subscriptions::{
    Followers, OBJECT_MS, ReceiverAnswer, ReceiverRequest, Receivers, Subscriptions, deliver, deliver_due,
};

const KINESIS: &str = "arn:aws:kinesis:us-east-1:123456789012:stream/k";
const FIREHOSE: &str = "arn:aws:firehose:us-east-1:123456789012:deliverystream/f";
pub(super) const LAMBDA: &str = "arn:aws:lambda:us-east-1:123456789012:function:l";
const NOWHERE: &str = "arn:aws:kinesis:us-east-1:123456789012:stream/nowhere";
const NO_FIREHOSE: &str = "arn:aws:firehose:us-east-1:123456789012:deliverystream/nowhere";
const ROLE: &str = "arn:aws:iam::123456789012:role/r";

fn invalid(message: &str) -> (String, String) {
    error("InvalidParameterException", message)
}

/// Keeps what it is asked, and answers as told, or with 200.
#[derive(Default)]
pub(super) struct Fake {
    asked: Mutex<Vec<ReceiverRequest>>,
    answers: Mutex<VecDeque<Result<ReceiverAnswer, String>>>,
    arrived: tokio::sync::Notify,
}

/// The fake as the plane holds it.
struct Shared(Arc<Fake>);

impl Receivers for Shared {
    fn has(&self, arn: &str) -> bool {
        arn != NOWHERE && arn != NO_FIREHOSE
    }

    fn ask(&self, request: ReceiverRequest) -> BoxFuture<'static, Result<ReceiverAnswer, String>> {
        let answer = self.0.answers.lock().unwrap().pop_front();
        let answer = answer.unwrap_or_else(|| Ok(ReceiverAnswer { status: 200, body: b"{}".to_vec() }));
        // What was not answered was not taken in either.
        if answer.is_ok() {
            self.0.asked.lock().unwrap().push(request);
            self.0.arrived.notify_one();
        }
        std::future::ready(answer).boxed()
    }
}

impl Fake {
    fn answer(&self, status: u16, body: &str) {
        self.answers.lock().unwrap().push_back(Ok(ReceiverAnswer { status, body: body.as_bytes().to_vec() }));
    }

    pub(super) fn down(&self, times: usize) {
        self.answers.lock().unwrap().extend(std::iter::repeat_n(Err("connection refused".to_owned()), times));
    }

    pub(super) fn requests(&self) -> Vec<ReceiverRequest> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }

    /// The payloads of all requests since the last look.
    fn payloads(&self) -> Vec<Value> {
        self.requests().iter().flat_map(payloads).collect()
    }
}

pub(super) fn payloads(request: &ReceiverRequest) -> Vec<Value> {
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    let data: Vec<&str> = match body["Records"].as_array() {
        Some(records) => records.iter().map(|record| record["Data"].as_str().unwrap()).collect(),
        None => vec![body["awslogs"]["data"].as_str().unwrap()],
    };
    let read = |data: &str| {
        let mut text = String::new();
        let compressed = STANDARD.decode(data).unwrap();
        flate2::read::GzDecoder::new(&compressed[..]).read_to_string(&mut text).unwrap();
        serde_json::from_str(&text).unwrap()
    };
    data.into_iter().map(read).collect()
}

/// (stream, message) of each event of data messages.
fn events(payloads: &[Value]) -> Vec<(String, String)> {
    let data = payloads.iter().filter(|payload| payload["messageType"] == "DATA_MESSAGE");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let of = |payload: &Value| {
        let stream = text(&payload["logStream"]);
        let messages = payload["logEvents"].as_array().unwrap().iter().map(|event| text(&event["message"]));
        messages.map(|message| (stream.clone(), message)).collect::<Vec<_>>()
    };
    data.flat_map(of).collect()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(stream, message)| ((*stream).to_owned(), (*message).to_owned())).collect()
}

fn with_receiver(plane: &mut Plane) -> Arc<Fake> {
    let fake = Arc::new(Fake::default());
    plane.watch.subscriptions = Arc::new(Subscriptions::new(Arc::new(Shared(Arc::clone(&fake))), OBJECT_MS));
    fake
}

/// A plane whose catalog can be reopened, with group `g`, streams `s` and `t`, and a receiver.
pub(super) async fn subscribed() -> (Plane, Arc<Fake>) {
    subscribed_with(watch::logs::operations()).await
}

/// The same with these operations.
pub(super) async fn subscribed_with(operations: Vec<wire::Operation<watch::Watch>>) -> (Plane, Arc<Fake>) {
    let mut plane = Plane::with(operations, watch::notify::Settings::default()).await;
    let fake = with_receiver(&mut plane);
    plane.ok("CreateLogGroup", json!({"logGroupName": "g"})).await;
    for stream in ["s", "t"] {
        plane.ok("CreateLogStream", json!({"logGroupName": "g", "logStreamName": stream})).await;
    }
    (plane, fake)
}

pub(super) fn filter(name: &str, pattern: &str, arn: &str) -> Value {
    let mut filter = json!({"logGroupName": "g", "filterName": name, "filterPattern": pattern, "destinationArn": arn});
    if arn != LAMBDA {
        filter["roleArn"] = ROLE.into();
    }
    filter
}

#[tokio::test]
async fn a_filter_is_put_described_limited_and_deleted() {
    let (plane, fake) = subscribed().await;
    let mut first = filter("first", "[ip, code=4*]", KINESIS);
    first["distribution"] = "Random".into();
    first["emitSystemFields"] = json!(["@aws.region"]);
    plane.ok("PutSubscriptionFilter", first).await;
    let probe = fake.payloads();
    assert_eq!(probe.len(), 1);
    assert_eq!((&probe[0]["messageType"], &probe[0]["owner"]), (&json!("CONTROL_MESSAGE"), &json!("CloudwatchLogs")));
    plane.ok("PutSubscriptionFilter", filter("second", "", LAMBDA)).await;
    let limit = error("LimitExceededException", "Resource limit exceeded.");
    assert_eq!(plane.refused("PutSubscriptionFilter", filter("third", "", LAMBDA)).await, limit);
    plane.ok("PutSubscriptionFilter", filter("second", "ERROR", LAMBDA)).await;
    let described = plane.ok("DescribeSubscriptionFilters", json!({"logGroupName": "g"})).await;
    assert_eq!(
        described["subscriptionFilters"],
        json!([
            {"filterName": "first", "logGroupName": "g", "filterPattern": "[ip, code=4*]", "destinationArn": KINESIS,
             "roleArn": ROLE, "distribution": "Random", "applyOnTransformedLogs": false, "creationTime": NOW,
             "emitSystemFields": ["@aws.region"]},
            {"filterName": "second", "logGroupName": "g", "filterPattern": "ERROR", "destinationArn": LAMBDA,
             "distribution": "ByLogStream", "applyOnTransformedLogs": false, "creationTime": NOW},
        ])
    );
    let page = plane.ok("DescribeSubscriptionFilters", json!({"logGroupName": "g", "limit": 1})).await;
    let rest = json!({"logGroupName": "g", "limit": 1, "nextToken": page["nextToken"]});
    let rest = plane.ok("DescribeSubscriptionFilters", rest).await;
    assert_eq!((&rest["subscriptionFilters"][0]["filterName"], &rest["nextToken"]), (&json!("second"), &Value::Null));
    plane.ok("DeleteSubscriptionFilter", json!({"logGroupName": "g", "filterName": "first"})).await;
    assert_eq!(
        plane.refused("DeleteSubscriptionFilter", json!({"logGroupName": "g", "filterName": "first"})).await,
        error("ResourceNotFoundException", "The specified subscription filter does not exist.")
    );
}

#[tokio::test]
async fn what_cannot_be_subscribed_is_refused_in_awss_words() {
    let (plane, fake) = subscribed().await;
    let refused = async |filter: Value| plane.refused("PutSubscriptionFilter", filter).await;
    let kinesis = "Could not deliver test message to specified Kinesis stream. Check if the given kinesis stream is in ACTIVE state.";
    assert_eq!(refused(filter("f", "", NOWHERE)).await, invalid(kinesis));
    fake.down(1);
    assert_eq!(refused(filter("f", "", KINESIS)).await, invalid(kinesis));
    fake.answer(500, "");
    assert_eq!(
        refused(filter("f", "", FIREHOSE)).await.1,
        "Could not deliver test message to specified Firehose stream. Check if the given Firehose stream is in ACTIVE state."
    );
    assert_eq!(
        refused(filter("f", "", "arn:aws:sqs:us-east-1:123456789012:q")).await,
        invalid("PutSubscriptionFilter operation cannot work with destinationArn for vendor sqs")
    );
    let mut without_role = filter("f", "", KINESIS);
    without_role.as_object_mut().unwrap().remove("roleArn");
    assert_eq!(
        refused(without_role).await,
        invalid("destinationArn for vendor kinesis cannot be used without roleArn")
    );
    let mut with_role = filter("f", "", LAMBDA);
    with_role["roleArn"] = ROLE.into();
    assert_eq!(refused(with_role).await, invalid("destinationArn for vendor lambda cannot be used with roleArn"));
    assert!(refused(filter("f", "{ $.a = ", LAMBDA)).await.1.starts_with("Invalid filter pattern"));
    let mut criteria = filter("f", "", LAMBDA);
    criteria["fieldSelectionCriteria"] = "@nothing = \"x\"".into();
    assert!(refused(criteria).await.1.contains("@nothing"));
    assert!(fake.requests().len() <= 1, "nothing was sent but what was answered 500");
    let none = plane.ok("DescribeSubscriptionFilters", json!({"logGroupName": "g"})).await;
    assert_eq!(none["subscriptionFilters"], json!([]));
}

#[tokio::test]
async fn a_receiver_gets_what_matches_from_the_filter_on_with_the_ids_of_filter_log_events() {
    let (plane, fake) = subscribed().await;
    put(&plane, "s", &[(-10, "ERROR before the filter")]).await;
    plane.ok("PutSubscriptionFilter", filter("f", "ERROR", KINESIS)).await;
    fake.requests();
    put(&plane, "s", &[(-5, "ERROR one"), (-4, "fine"), (-3, "ERROR two")]).await;
    put(&plane, "t", &[(-9, "ERROR \"three\"")]).await;
    assert!(deliver_due(&plane.watch).await.is_empty());
    let requests = fake.requests();
    assert_eq!(requests.len(), 1);
    let body: Value = serde_json::from_slice(&requests[0].body).unwrap();
    assert_eq!((&body["StreamName"], &body["Records"][0]["PartitionKey"]), (&json!("k"), &json!("s")));
    let sent = payloads(&requests[0]);
    let found = plane.ok("FilterLogEvents", json!({"logGroupName": "g", "filterPattern": "ERROR"})).await;
    let id = |message: &str| {
        let events = found["events"].as_array().unwrap();
        events.iter().find(|event| event["message"] == message).unwrap()["eventId"].clone()
    };
    assert_eq!(
        sent,
        [
            json!({"messageType": "DATA_MESSAGE", "owner": "123456789012", "logGroup": "g", "logStream": "s",
                "subscriptionFilters": ["f"], "logEvents": [
                    {"id": id("ERROR one"), "timestamp": NOW - 5, "message": "ERROR one"},
                    {"id": id("ERROR two"), "timestamp": NOW - 3, "message": "ERROR two"}]}),
            json!({"messageType": "DATA_MESSAGE", "owner": "123456789012", "logGroup": "g", "logStream": "t",
                "subscriptionFilters": ["f"], "logEvents": [
                    {"id": id("ERROR \"three\""), "timestamp": NOW - 9, "message": "ERROR \"three\""}]}),
        ]
    );
    assert!(deliver_due(&plane.watch).await.is_empty());
    assert!(fake.requests().is_empty(), "nothing is sent twice");
    let metrics = plane.watch.subscriptions.take_metrics(plane.watch.clock.now());
    let values: Vec<(&str, f64)> = metrics.iter().map(|m| (m.series.name.as_str(), m.observation.stats().1)).collect();
    assert_eq!(values[0], ("ForwardedLogEvents", 3.0));
    assert!(matches!(values[1], ("ForwardedBytes", bytes) if bytes > 100.0), "{values:?}");
}

#[tokio::test]
async fn random_distribution_gives_each_record_a_key_of_its_own() {
    let (plane, fake) = subscribed().await;
    let mut random = filter("f", "", KINESIS);
    random["distribution"] = "Random".into();
    plane.ok("PutSubscriptionFilter", random).await;
    fake.requests();
    put(&plane, "s", &[(0, "a")]).await;
    put(&plane, "t", &[(0, "b")]).await;
    assert!(deliver_due(&plane.watch).await.is_empty());
    put(&plane, "s", &[(0, "c")]).await;
    assert!(deliver_due(&plane.watch).await.is_empty());
    let requests = fake.requests();
    let bodies: Vec<Value> = requests.iter().map(|request| serde_json::from_slice(&request.body).unwrap()).collect();
    let records = bodies.iter().flat_map(|body| body["Records"].as_array().unwrap());
    let keys: std::collections::BTreeSet<&str> = records.map(|r| r["PartitionKey"].as_str().unwrap()).collect();
    assert!(keys.len() == 3 && !keys.contains("s") && !keys.contains("t"), "{keys:?}");
}

#[tokio::test]
async fn columns_and_system_fields_are_extracted_and_other_regions_are_not_wanted() {
    let (plane, fake) = subscribed().await;
    let mut columns = filter("a", "[ip, code=4*]", LAMBDA);
    columns["emitSystemFields"] = json!(["@aws.account", "@aws.region"]);
    columns["fieldSelectionCriteria"] = "@aws.region IN [\"us-east-1\"]".into();
    plane.ok("PutSubscriptionFilter", columns).await;
    let mut elsewhere = filter("b", "", LAMBDA);
    elsewhere["fieldSelectionCriteria"] = "@aws.region = \"eu-west-1\"".into();
    plane.ok("PutSubscriptionFilter", elsewhere).await;
    fake.requests();
    put(&plane, "s", &[(0, "10.0.0.1 404"), (0, "10.0.0.1 200")]).await;
    assert!(deliver_due(&plane.watch).await.is_empty());
    let sent = fake.payloads();
    assert_eq!(events(&sent), pairs(&[("s", "10.0.0.1 404")]));
    assert_eq!(
        sent[0]["logEvents"][0]["extractedFields"],
        json!({"@aws.account": "123456789012", "@aws.region": "us-east-1", "code": "404", "ip": "10.0.0.1"})
    );
}

#[tokio::test]
async fn nothing_is_lost_while_a_receiver_is_down_across_flushes_and_restarts() {
    let (mut plane, fake) = subscribed().await;
    plane.ok("PutSubscriptionFilter", filter("f", "", FIREHOSE)).await;
    fake.requests();
    let mut expected = Vec::new();
    for n in 0..12 {
        let message = format!("event {n}");
        put(&plane, if n % 3 == 0 { "t" } else { "s" }, &[(n, &message)]).await;
        expected.push((if n % 3 == 0 { "t" } else { "s" }.to_owned(), message));
        if n % 4 == 1 {
            plane.watch.store.flush().await.unwrap();
        }
        if n == 6 {
            fake.down(1);
            assert_eq!(deliver_due(&plane.watch).await, ["connection refused"]);
            fake.answer(503, "");
            assert_eq!(deliver_due(&plane.watch).await, ["it answered 503"]);
            fake.requests();
            plane.reopen().await;
        }
    }
    assert!(deliver_due(&plane.watch).await.is_empty());
    let sent = events(&fake.payloads());
    for stream in ["s", "t"] {
        let of = |events: &[(String, String)]| events.iter().filter(|e| e.0 == stream).cloned().collect::<Vec<_>>();
        assert_eq!(of(&sent), of(&expected));
    }
    assert!(deliver_due(&plane.watch).await.is_empty());
    assert!(fake.requests().is_empty());
    let metrics = plane.watch.subscriptions.take_metrics(plane.watch.clock.now());
    let errors = metrics.iter().find(|metric| metric.series.name == "DeliveryErrors").unwrap();
    assert_eq!(errors.observation.stats().1, 14.0);
}

#[tokio::test]
async fn only_what_was_not_taken_is_sent_again_and_what_is_behind_it_waits() {
    let (plane, fake) = subscribed().await;
    plane.ok("PutSubscriptionFilter", filter("f", "", KINESIS)).await;
    fake.requests();
    let mut followers = Followers::default();
    put(&plane, "s", &[(0, "a")]).await;
    put(&plane, "t", &[(0, "b")]).await;
    // The record of the first stream is throttled, that of the second is taken.
    fake.answer(
        200,
        r#"{"FailedRecordCount":1,"Records":[{"ErrorCode":"ProvisionedThroughputExceededException"},{}]}"#,
    );
    assert_eq!(followers.deliver_due(&plane.watch).await, ["it has too much to do"]);
    assert_eq!(events(&fake.payloads()), pairs(&[("s", "a"), ("t", "b")]));
    put(&plane, "s", &[(1, "c")]).await;
    fake.down(1);
    assert_eq!(followers.deliver_due(&plane.watch).await, ["connection refused"]);
    assert!(followers.deliver_due(&plane.watch).await.is_empty());
    let requests = fake.requests();
    let sent: Vec<_> = requests.iter().map(|request| events(&payloads(request))).collect();
    assert_eq!(sent, [pairs(&[("s", "a")]), pairs(&[("s", "c")])]);
    let metrics = plane.watch.subscriptions.take_metrics(plane.watch.clock.now());
    let sums: Vec<_> =
        metrics.iter().map(|metric| (metric.series.name.as_str(), metric.observation.stats().1)).collect();
    assert_eq!(sums[0], ("ForwardedLogEvents", 3.0));
    assert_eq!(sums[2..], [("DeliveryErrors", 1.0), ("DeliveryThrottling", 1.0)]);
    // A filter that is changed meanwhile sends what waits under its new definition.
    put(&plane, "s", &[(2, "d"), (3, "e")]).await;
    fake.down(1);
    assert_eq!(followers.deliver_due(&plane.watch).await.len(), 1);
    plane.ok("PutSubscriptionFilter", filter("f", "e", LAMBDA)).await;
    fake.requests();
    assert!(followers.deliver_due(&plane.watch).await.is_empty());
    assert_eq!(events(&fake.payloads()), pairs(&[("s", "e")]));
}

/// Events of other groups are passed over; how far that came is noted once a minute.
#[tokio::test]
async fn a_quiet_filter_keeps_up_and_misses_nothing() {
    let (plane, fake) = subscribed().await;
    plane.ok("CreateLogGroup", json!({"logGroupName": "other"})).await;
    plane.ok("CreateLogStream", json!({"logGroupName": "other", "logStreamName": "s"})).await;
    plane.ok("PutSubscriptionFilter", filter("f", "", KINESIS)).await;
    fake.requests();
    let group = plane.watch.catalog.every_log_group().await.unwrap()[0].0;
    let position = async || plane.watch.catalog.subscription_filters(group, "", "", 1).await.unwrap()[0].position;
    let elsewhere = async || {
        let events = json!([{"timestamp": NOW, "message": "elsewhere"}]);
        plane.ok("PutLogEvents", json!({"logGroupName": "other", "logStreamName": "s", "logEvents": events})).await
    };
    let mut followers = Followers::default();
    let begin = position().await;
    for round in 0..4 {
        elsewhere().await;
        assert!(followers.deliver_due(&plane.watch).await.is_empty());
        assert_eq!(position().await, begin, "round {round}");
    }
    plane.clock.advance(60_000);
    elsewhere().await;
    assert!(followers.deliver_due(&plane.watch).await.is_empty());
    assert_eq!(position().await, begin + 5);
    assert!(fake.requests().is_empty());
    elsewhere().await;
    put(&plane, "s", &[(0, "here")]).await;
    elsewhere().await;
    assert!(followers.deliver_due(&plane.watch).await.is_empty());
    assert_eq!(events(&fake.payloads()), pairs(&[("s", "here")]));
    plane.ok("DeleteSubscriptionFilter", json!({"logGroupName": "g", "filterName": "f"})).await;
    put(&plane, "s", &[(0, "after")]).await;
    assert!(followers.deliver_due(&plane.watch).await.is_empty());
    assert!(fake.requests().is_empty());
}

/// The loop itself: a filter that is put while it runs is followed without being asked for.
#[tokio::test]
async fn a_filter_is_followed_as_soon_as_it_is_put() {
    let (plane, fake) = subscribed().await;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let watch = plane.watch.clone();
    let running = tokio::spawn(async move {
        let stop = async {
            let _ = stopped.await;
        };
        deliver(&watch, stop).await;
    });
    plane.ok("PutSubscriptionFilter", filter("f", "", LAMBDA)).await;
    fake.arrived.notified().await;
    fake.requests();
    put(&plane, "s", &[(0, "a")]).await;
    fake.arrived.notified().await;
    assert_eq!(events(&fake.payloads()), pairs(&[("s", "a")]));
    stop.send(()).unwrap();
    running.await.unwrap();
}

#[tokio::test]
async fn a_logical_destination_leads_to_its_stream() {
    let (plane, fake) = subscribed().await;
    let put_destination = |target: &str| json!({"destinationName": "d", "targetArn": target, "roleArn": ROLE});
    assert!(plane.refused("PutDestination", put_destination(LAMBDA)).await.1.contains("targetArn"));
    assert!(plane.refused("PutDestination", put_destination(NOWHERE)).await.1.starts_with("Could not deliver"));
    let made = plane.ok("PutDestination", put_destination(KINESIS)).await;
    let arn = "arn:aws:logs:us-east-1:123456789012:destination:d";
    assert_eq!(made["destination"]["arn"], arn);
    plane.ok("TagResource", json!({"resourceArn": arn, "tags": {"team": "a"}})).await;
    assert_eq!(plane.ok("ListTagsForResource", json!({"resourceArn": arn})).await, json!({"tags": {"team": "a"}}));
    let document = access_policy("Allow", r#"{"AWS":"210987654321"}"#, "logs:*");
    plane.ok("PutDestinationPolicy", json!({"destinationName": "d", "accessPolicy": document})).await;
    let refused = async |document: &str| {
        plane.refused("PutDestinationPolicy", json!({"destinationName": "d", "accessPolicy": document})).await
    };
    assert_eq!(
        refused("x").await,
        invalid("The specified access policy is not valid: This policy contains invalid Json")
    );
    let padded = format!("{document}{}", " ".repeat(5_120));
    assert_eq!(refused(&padded).await, invalid("The access policy exceeds 5120 bytes."));
    let described = plane.ok("DescribeDestinations", json!({"DestinationNamePrefix": "d"})).await;
    assert_eq!(described["destinations"][0]["accessPolicy"], document);
    assert_eq!(described["destinations"][0]["targetArn"], KINESIS);
    assert_eq!(
        plane.refused("PutSubscriptionFilter", filter("f", "", &format!("{arn}x"))).await.1,
        "Could not deliver test message to specified destination. Check if the destination is valid."
    );
    plane.ok("PutSubscriptionFilter", filter("f", "", arn)).await;
    fake.requests();
    put(&plane, "s", &[(0, "a")]).await;
    assert!(deliver_due(&plane.watch).await.is_empty());
    let requests = fake.requests();
    assert_eq!(requests[0].arn, KINESIS);
    plane.ok("DeleteDestination", json!({"destinationName": "d"})).await;
    put(&plane, "s", &[(1, "b")]).await;
    assert_eq!(deliver_due(&plane.watch).await.len(), 1);
    plane.ok("PutDestination", put_destination(FIREHOSE)).await;
    fake.requests();
    assert!(deliver_due(&plane.watch).await.is_empty());
    let requests = fake.requests();
    assert_eq!((requests[0].arn.as_str(), events(&payloads(&requests[0]))), (FIREHOSE, pairs(&[("s", "b")])));
}

#[tokio::test]
async fn an_account_policy_is_a_filter_of_all_groups_but_those_it_leaves_out() {
    let (plane, fake) = subscribed().await;
    let document =
        json!({"DestinationArn": LAMBDA, "FilterPattern": "ERROR", "Distribution": "ByLogStream"}).to_string();
    let policy = |name: &str| {
        json!({"policyName": name, "policyType": "SUBSCRIPTION_FILTER_POLICY", "policyDocument": document,
            "selectionCriteria": "LogGroupName NOT IN [\"left out\", \"g2\"]"})
    };
    let made = plane.ok("PutAccountPolicy", policy("p")).await;
    assert_eq!(
        (&made["accountPolicy"]["scope"], &made["accountPolicy"]["accountId"]),
        (&json!("ALL"), &json!("123456789012"))
    );
    assert_eq!(plane.refused("PutAccountPolicy", policy("q")).await.0, "LimitExceededException");
    fake.requests();
    put(&plane, "s", &[(0, "ERROR in g")]).await;
    assert!(deliver_due(&plane.watch).await.is_empty());
    // Groups that are made later count as well.
    for group in ["g1", "g2"] {
        plane.ok("CreateLogGroup", json!({"logGroupName": group})).await;
        plane.ok("CreateLogStream", json!({"logGroupName": group, "logStreamName": "s"})).await;
        let events =
            json!([{"timestamp": NOW, "message": format!("ERROR in {group}")}, {"timestamp": NOW, "message": "fine"}]);
        plane.ok("PutLogEvents", json!({"logGroupName": group, "logStreamName": "s", "logEvents": events})).await;
    }
    assert!(deliver_due(&plane.watch).await.is_empty());
    let sent = fake.payloads();
    assert_eq!(events(&sent), pairs(&[("s", "ERROR in g"), ("s", "ERROR in g1")]));
    assert_eq!(sent[1]["logGroup"], "g1");
    assert_eq!(
        (&sent[1]["subscriptionFilters"], &sent[1]["policyLevel"]),
        (&json!(["p"]), &json!("ACCOUNT_LEVEL_POLICY"))
    );
    let ask = json!({"policyType": "SUBSCRIPTION_FILTER_POLICY", "policyName": "p"});
    let described = plane.ok("DescribeAccountPolicies", ask.clone()).await;
    assert_eq!(described["accountPolicies"][0]["policyDocument"], document);
    plane.ok("DeleteAccountPolicy", ask.clone()).await;
    assert_eq!(plane.refused("DeleteAccountPolicy", ask).await.0, "ResourceNotFoundException");
    put(&plane, "s", &[(1, "ERROR after")]).await;
    assert!(deliver_due(&plane.watch).await.is_empty());
    assert!(fake.requests().is_empty());
}

/// A policy of one statement on everything.
fn access_policy(effect: &str, principal: &str, action: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"{effect}","Principal":{principal},"Action":"{action}","Resource":"*"}}]}}"#
    )
}

#[tokio::test]
async fn other_accounts_send_where_the_access_policy_and_their_own_let_them() {
    let (plane, _) = subscribed().await;
    plane.ok("PutDestination", json!({"destinationName": "d", "targetArn": KINESIS, "roleArn": ROLE})).await;
    let arn = "arn:aws:logs:us-east-1:123456789012:destination:d";
    let other = Caller::root(Scope { account: "210987654321".into(), region: "us-east-1".into() }, "other");
    plane.call_as(&other, "CreateLogGroup", json!({"logGroupName": "g"})).await.unwrap();
    let put = async |document: String| {
        plane.ok("PutDestinationPolicy", json!({"destinationName": "d", "accessPolicy": document})).await;
    };
    let subscribe = async |caller: &Caller| {
        plane.call_as(caller, "PutSubscriptionFilter", filter("f", "", arn)).await.map(drop).map_err(|(_, why)| why)
    };
    let denied = |arn_of_caller: &str, action: &str, why: &str| {
        let who = format!("User: {arn_of_caller} is not authorized to perform: {action} on resource: {arn} ");
        Err(who + why)
    };
    let theirs = "arn:aws:iam::210987654321:root";
    let action = "logs:PutSubscriptionFilter";
    let not_allowed = "because no resource-based policy allows the logs:PutSubscriptionFilter action";
    assert_eq!(subscribe(&other).await, denied(theirs, action, not_allowed), "by default nobody");
    let of = |account: &str| format!(r#"{{"AWS":"{account}"}}"#);
    put(access_policy("Allow", &of("111111111111"), action)).await;
    assert_eq!(subscribe(&other).await, denied(theirs, action, not_allowed));
    put(access_policy("Allow", &of("210987654321"), action)).await;
    assert_eq!(subscribe(&other).await, Ok(()));
    // Filters are not policies of the account.
    let document = json!({"DestinationArn": arn, "RoleArn": ROLE, "FilterPattern": ""}).to_string();
    let policy = json!({"policyName": "p", "policyType": "SUBSCRIPTION_FILTER_POLICY", "policyDocument": document});
    let refusal = plane.call_as(&other, "PutAccountPolicy", policy.clone()).await.unwrap_err();
    let words = "because no resource-based policy allows the logs:PutAccountPolicy action";
    assert_eq!(Err::<(), _>(refusal.1), denied(theirs, "logs:PutAccountPolicy", words));
    put(access_policy("Allow", r#""*""#, "logs:Put*")).await;
    plane.call_as(&other, "PutAccountPolicy", policy).await.unwrap();
    // Somebody of that account whom no policy of it lets is not let by this one.
    let stranger = Caller {
        identity_type: "IAMUser".into(),
        principal_id: "AIDASTRANGER".into(),
        arn: "arn:aws:iam::210987654321:user/jo".into(),
        ..other.clone()
    };
    let by_nobody = "because no identity-based policy allows the logs:PutSubscriptionFilter action";
    assert_eq!(subscribe(&stranger).await, denied(&stranger.arn, action, by_nobody));
    // Within the account one of both is enough, and a denial wins.
    let own = plane.user("own", r#""Effect":"Allow","Action":"logs:*","Resource":"*""#).await;
    put(access_policy("Allow", &of("210987654321"), action)).await;
    assert_eq!(subscribe(&own).await, Ok(()));
    put(access_policy("Deny", &of("123456789012"), action)).await;
    assert_eq!(subscribe(&own).await, denied(&own.arn, action, "with an explicit deny in a resource-based policy"));
}

#[tokio::test]
async fn a_resource_policy_goes_with_its_group() {
    let (plane, _) = subscribed().await;
    let document = access_policy("Allow", r#"{"Service":"delivery.logs.amazonaws.com"}"#, "logs:PutLogEvents");
    let arn = "arn:aws:logs:us-east-1:123456789012:log-group:g";
    plane.ok("PutResourcePolicy", json!({"resourceArn": arn, "policyDocument": document})).await;
    plane.ok("DeleteLogGroup", json!({"logGroupName": "g"})).await;
    plane.ok("CreateLogGroup", json!({"logGroupName": "g"})).await;
    let found = plane.ok("DescribeResourcePolicies", json!({"resourceArn": arn})).await;
    assert_eq!(found["resourcePolicies"], json!([]));
}

#[tokio::test]
async fn a_resource_has_one_policy_whatever_its_name() {
    let (plane, _) = subscribed().await;
    let document = access_policy("Allow", r#"{"Service":"route53.amazonaws.com"}"#, "logs:PutLogEvents");
    let other = access_policy("Allow", r#"{"Service":"es.amazonaws.com"}"#, "logs:PutLogEvents");
    let arn = "arn:aws:logs:us-east-1:123456789012:log-group:g";
    let put = |name: Option<&str>, document: &str, revision: Option<&Value>| {
        let mut input = json!({"resourceArn": arn, "policyDocument": document});
        if let Some(name) = name {
            input["policyName"] = json!(name);
        }
        if let Some(revision) = revision {
            input["expectedRevisionId"] = revision.clone();
        }
        input
    };
    let shown = async || {
        let found = plane.ok("DescribeResourcePolicies", json!({"resourceArn": arn})).await;
        let found = found["resourcePolicies"].as_array().unwrap();
        assert_eq!(found.len(), 1);
        (found[0]["policyName"].clone(), found[0]["policyDocument"].clone())
    };
    let first = plane.ok("PutResourcePolicy", put(Some("p"), &document, None)).await["revisionId"].clone();
    for name in [None, Some("p"), Some("q")] {
        for revision in [None, Some(&json!("1"))] {
            let refused = plane.refused("PutResourcePolicy", put(name, &other, revision)).await;
            assert_eq!(refused.0, "OperationAbortedException", "{name:?} {revision:?}");
        }
    }
    assert_eq!(shown().await, (json!("p"), json!(document)));
    let changed = plane.ok("PutResourcePolicy", put(None, &other, Some(&first))).await;
    assert_eq!(changed["resourcePolicy"]["policyName"], "p", "the name stays");
    assert_eq!(shown().await, (json!("p"), json!(other)));
    let renamed = plane.ok("PutResourcePolicy", put(Some("q"), &document, Some(&changed["revisionId"]))).await;
    assert_eq!(shown().await, (json!("q"), json!(document)));
    let delete = |revision: &Value| json!({"resourceArn": arn, "expectedRevisionId": revision});
    assert_eq!(plane.refused("DeleteResourcePolicy", delete(&first)).await.0, "OperationAbortedException");
    plane.ok("DeleteResourcePolicy", delete(&renamed["revisionId"])).await;
    let gone = plane.refused("DeleteResourcePolicy", delete(&renamed["revisionId"])).await;
    assert_eq!(gone.0, "ResourceNotFoundException");
    // Policies of the account are told apart by their names, also one called as that of a resource.
    for name in ["p", "q"] {
        plane.ok("PutResourcePolicy", json!({"policyName": name, "policyDocument": document})).await;
    }
    plane.ok("DeleteResourcePolicy", json!({"policyName": "p"})).await;
    assert_eq!(plane.refused("DeleteResourcePolicy", json!({"policyName": "p"})).await.0, "ResourceNotFoundException");
}

#[tokio::test]
async fn resource_policies_are_kept_and_changed_by_revision() {
    let (plane, _) = subscribed().await;
    let document = access_policy("Allow", r#"{"Service":"route53.amazonaws.com"}"#, "logs:PutLogEvents");
    let other = access_policy("Allow", r#"{"Service":"es.amazonaws.com"}"#, "logs:PutLogEvents");
    let made = plane.ok("PutResourcePolicy", json!({"policyName": "p", "policyDocument": document})).await;
    assert_eq!(made["resourcePolicy"]["policyScope"], "ACCOUNT");
    let arn = "arn:aws:logs:us-east-1:123456789012:log-group:g";
    let of_group = plane.ok("PutResourcePolicy", json!({"resourceArn": arn, "policyDocument": document})).await;
    let again = json!({"resourceArn": arn, "policyDocument": other});
    assert_eq!(plane.refused("PutResourcePolicy", again.clone()).await.0, "OperationAbortedException");
    let mut expecting = again;
    expecting["expectedRevisionId"] = of_group["revisionId"].clone();
    let changed = plane.ok("PutResourcePolicy", expecting.clone()).await;
    assert_ne!(changed["revisionId"], of_group["revisionId"]);
    assert_eq!(plane.refused("PutResourcePolicy", expecting).await.0, "OperationAbortedException");
    let all = plane.ok("DescribeResourcePolicies", json!({})).await;
    assert_eq!(all["resourcePolicies"].as_array().unwrap().len(), 1);
    let of_group = plane.ok("DescribeResourcePolicies", json!({"resourceArn": arn})).await;
    assert_eq!(of_group["resourcePolicies"][0]["policyDocument"], other);
    let delete = json!({"resourceArn": arn, "expectedRevisionId": changed["revisionId"]});
    plane.ok("DeleteResourcePolicy", delete).await;
    plane.ok("DeleteResourcePolicy", json!({"policyName": "p"})).await;
    assert_eq!(plane.refused("DeleteResourcePolicy", json!({"policyName": "p"})).await.0, "ResourceNotFoundException");
    for n in 0..10 {
        plane.ok("PutResourcePolicy", json!({"policyName": format!("p{n}"), "policyDocument": document})).await;
    }
    let eleventh = json!({"policyName": "p10", "policyDocument": document});
    assert_eq!(plane.refused("PutResourcePolicy", eleventh).await.0, "LimitExceededException");
    for (document, why) in [
        ("x".to_owned(), "This policy contains invalid Json"),
        ("{}".to_owned(), "This policy contains invalid Json"),
        (document.replace("Principal", "Pal"), "This policy contains invalid Json"),
        (
            document.replace(r#""Principal":{"Service":"route53.amazonaws.com"},"#, ""),
            "Missing required field Principal",
        ),
    ] {
        let refused = plane.refused("PutResourcePolicy", json!({"policyName": "x", "policyDocument": document})).await;
        assert_eq!(refused, invalid(&format!("The specified policyDocument is not valid: {why}")));
    }
}

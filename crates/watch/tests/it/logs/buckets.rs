//! Subscriptions whose receiver is a bucket, and filters that look at transformed logs.

use super::subscriptions::{LAMBDA, filter, payloads, subscribed, subscribed_with};
use super::*;
use model::Scope;
use model::buckets::{BucketError, Buckets, Head, Listed, MemoryBuckets, NewObject, Object};
use std::io::Read as _;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;
use tokio::runtime::Handle;
use watch::logs::subscriptions::Followers;

const BUCKET: &str = "arn:aws:s3:::logs/from/here";

/// Buckets where something happens before an object is put.
struct Hooked<F>(Arc<MemoryBuckets>, F);

impl<F: Fn() + Send + Sync + 'static> Buckets for Hooked<F> {
    fn check(&self, scope: &Scope, bucket: &str) -> Result<(), BucketError> {
        self.0.check(scope, bucket)
    }

    fn put(&self, bucket: &str, key: &str, object: NewObject) -> Result<(), BucketError> {
        (self.1)();
        self.0.put(bucket, key, object)
    }

    fn get(&self, bucket: &str, key: &str) -> Result<Object, BucketError> {
        self.0.get(bucket, key)
    }

    fn head(&self, bucket: &str, key: &str) -> Result<Head, BucketError> {
        self.0.head(bucket, key)
    }

    fn list(&self, bucket: &str, prefix: &str, after: &str, max: usize) -> Result<Vec<Listed>, BucketError> {
        self.0.list(bucket, prefix, after, max)
    }
}

/// What AWS would send, from the lines of an object: (stream, messages).
fn lines(plane: &Plane, key: &str) -> Vec<(String, Vec<String>)> {
    let mut text = String::new();
    flate2::read::GzDecoder::new(&plane.buckets.object(key)[..]).read_to_string(&mut text).unwrap();
    let read = |line: &str| {
        let payload: Value = serde_json::from_str(line).unwrap();
        assert_eq!((&payload["messageType"], &payload["owner"]), (&json!("DATA_MESSAGE"), &json!("123456789012")));
        let texts = each(&payload["logEvents"], "message").into_iter().map(str::to_owned).collect();
        (payload["logStream"].as_str().unwrap().to_owned(), texts)
    };
    text.lines().map(read).collect()
}

fn of(stream: &str, messages: &[&str]) -> (String, Vec<String>) {
    (stream.to_owned(), messages.iter().map(|message| (*message).to_owned()).collect())
}

/// The keys of objects besides the test's.
fn objects(plane: &Plane) -> Vec<String> {
    plane.buckets.keys().into_iter().filter(|key| !key.ends_with("aws-logs-write-test")).collect()
}

async fn deliver(followers: &mut Followers, plane: &Plane) {
    assert_eq!(followers.deliver_due(&plane.watch).await, [""; 0]);
}

async fn position(plane: &Plane) -> u64 {
    let group = plane.watch.catalog.every_log_group().await.unwrap()[0].0;
    plane.watch.catalog.subscription_filters(group, "", "", 1).await.unwrap()[0].position
}

#[tokio::test]
async fn events_gather_for_a_minute_and_become_an_object() {
    let (plane, fake) = subscribed().await;
    plane.ok("PutSubscriptionFilter", filter("f", "ERROR", BUCKET)).await;
    assert_eq!(plane.buckets.keys(), ["from/here/aws-logs-write-test"]);
    let mut followers = Followers::default();
    let begun = position(&plane).await;
    put(&plane, "s", &[(0, "fine"), (1, "ERROR one")]).await;
    put(&plane, "t", &[(0, "ERROR two")]).await;
    deliver(&mut followers, &plane).await;
    plane.clock.advance(59_999);
    put(&plane, "s", &[(2, "ERROR three")]).await;
    deliver(&mut followers, &plane).await;
    assert_eq!((objects(&plane), position(&plane).await), (vec![], begun), "nothing is written or noted yet");
    plane.clock.advance(1);
    deliver(&mut followers, &plane).await;
    let key = format!("from/here/2026/03/01/00/g/filter-1-{:020}.json.gz", begun + 1);
    assert_eq!(objects(&plane), [key.as_str()]);
    assert_eq!(lines(&plane, &key), [of("s", &["ERROR one", "ERROR three"]), of("t", &["ERROR two"])]);
    assert_eq!(position(&plane).await, begun + 4);
    assert!(fake.requests().is_empty());
    let metrics = plane.watch.subscriptions.take_metrics(plane.watch.clock.now());
    let forwarded = metrics.iter().find(|metric| metric.series.name == "ForwardedLogEvents").unwrap();
    assert_eq!((forwarded.observation.stats().1, forwarded.series.dimensions[0].1.as_str()), (3.0, "S3"));
}

#[tokio::test]
async fn an_object_that_is_written_again_after_a_crash_takes_the_place_of_the_first() {
    let (plane, _) = subscribed().await;
    plane.ok("PutSubscriptionFilter", filter("f", "", BUCKET)).await;
    let group = plane.watch.catalog.every_log_group().await.unwrap()[0].0;
    let filter_id = plane.watch.catalog.every_subscription_filter().await.unwrap()[0];
    put(&plane, "s", &[(0, "a")]).await;
    let begun = position(&plane).await;
    let mut before = Followers::default();
    deliver(&mut before, &plane).await;
    plane.clock.advance(60_000);
    deliver(&mut before, &plane).await;
    let first = objects(&plane);
    assert_eq!((first.len(), lines(&plane, &first[0])), (1, vec![of("s", &["a"])]));
    // The crash: the object was written, and the position was not noted. More has come meanwhile.
    plane.watch.catalog.move_subscription_filter(filter_id, begun, plane.watch.clock.now()).await.unwrap();
    put(&plane, "s", &[(1, "b")]).await;
    plane.watch.store.flush().await.unwrap();
    let mut after = Followers::default();
    deliver(&mut after, &plane).await;
    plane.clock.advance(60_000);
    deliver(&mut after, &plane).await;
    assert_eq!(objects(&plane), first, "the same key, although it is an hour's minute later");
    assert_eq!(lines(&plane, &first[0]), [of("s", &["a", "b"])]);
    assert!(plane.watch.store.group_bytes(group) > 0);
}

#[tokio::test]
async fn what_was_written_and_could_not_be_noted_is_written_again_in_the_same_place() {
    let (mut plane, _) = subscribed().await;
    plane.ok("PutSubscriptionFilter", filter("f", "", BUCKET)).await;
    let mut followers = Followers::default();
    put(&plane, "s", &[(0, "a")]).await;
    deliver(&mut followers, &plane).await;
    put(&plane, "s", &[(1, "b")]).await;
    plane.clock.advance(60_000);
    let (catalog, runtime) = (plane.watch.catalog.clone(), Handle::current());
    let closing = move || runtime.block_on(catalog.close());
    plane.watch.buckets = Arc::new(Hooked(Arc::clone(&plane.buckets), closing));
    assert_eq!(followers.deliver_due(&plane.watch).await.len(), 1, "the position is not noted");
    let first = objects(&plane);
    assert_eq!((first.len(), lines(&plane, &first[0])), (1, vec![of("s", &["a", "b"])]));
    plane.reopen().await;
    plane.watch.buckets = plane.buckets.clone();
    put(&plane, "s", &[(2, "c")]).await;
    deliver(&mut followers, &plane).await;
    plane.clock.advance(60_000);
    deliver(&mut followers, &plane).await;
    assert_eq!(objects(&plane), first);
    assert_eq!(lines(&plane, &first[0]), [of("s", &["a", "b", "c"])]);
}

#[tokio::test]
async fn objects_of_an_accounts_groups_are_put_at_the_same_time() {
    let (mut plane, _) = subscribed().await;
    let document =
        json!({"DestinationArn": BUCKET, "FilterPattern": "", "RoleArn": "arn:aws:iam::123456789012:role/r"})
            .to_string();
    let policy = json!({"policyName": "p", "policyType": "SUBSCRIPTION_FILTER_POLICY", "policyDocument": document});
    plane.ok("PutAccountPolicy", policy).await;
    plane.ok("CreateLogGroup", json!({"logGroupName": "g1"})).await;
    plane.ok("CreateLogStream", json!({"logGroupName": "g1", "logStreamName": "s"})).await;
    let events = json!([{"timestamp": NOW, "message": "b"}]);
    plane.ok("PutLogEvents", json!({"logGroupName": "g1", "logStreamName": "s", "logEvents": events})).await;
    put(&plane, "s", &[(0, "a")]).await;
    // Each object waits until the other is on its way, too.
    let on_their_way = Arc::new((Mutex::new(0), Condvar::new()));
    let shared = Arc::clone(&on_their_way);
    let meeting = move || {
        let (count, changed) = &*shared;
        let mut count = count.lock().unwrap();
        *count += 1;
        changed.notify_all();
        let (_count, waited) = changed.wait_timeout_while(count, Duration::from_secs(20), |count| *count < 2).unwrap();
        assert!(!waited.timed_out(), "the other object is not put meanwhile");
    };
    plane.watch.buckets = Arc::new(Hooked(Arc::clone(&plane.buckets), meeting));
    let mut followers = Followers::default();
    deliver(&mut followers, &plane).await;
    plane.clock.advance(60_000);
    deliver(&mut followers, &plane).await;
    let texts: Vec<_> = objects(&plane).iter().flat_map(|key| lines(&plane, key)).collect();
    assert_eq!(texts, [of("s", &["a"]), of("s", &["b"])]);
}

#[tokio::test]
async fn a_bucket_that_takes_nothing_is_tried_again_and_nothing_is_lost() {
    let (plane, _) = subscribed().await;
    let refused = plane.refused("PutSubscriptionFilter", filter("f", "", "arn:aws:s3:::nowhere")).await;
    assert_eq!(
        refused,
        error(
            "InvalidParameterException",
            "Could not deliver test message to specified S3 bucket. Check if the given bucket exists and can be written to."
        )
    );
    let mut without_role = filter("f", "", "arn:aws:s3:::logs");
    without_role.as_object_mut().unwrap().remove("roleArn");
    plane.ok("PutSubscriptionFilter", without_role).await;
    let mut followers = Followers::default();
    put(&plane, "s", &[(0, "a")]).await;
    deliver(&mut followers, &plane).await;
    plane.buckets.close_after(0);
    plane.clock.advance(60_000);
    assert_eq!(followers.deliver_due(&plane.watch).await, ["The bucket cannot be reached"]);
    put(&plane, "s", &[(1, "b")]).await;
    assert_eq!(followers.deliver_due(&plane.watch).await.len(), 1);
    plane.buckets.open();
    deliver(&mut followers, &plane).await;
    plane.clock.advance(60_000);
    deliver(&mut followers, &plane).await;
    let keys = objects(&plane);
    let texts: Vec<_> = keys.iter().flat_map(|key| lines(&plane, key)).collect();
    assert_eq!(texts, [of("s", &["a"]), of("s", &["b"])]);
}

#[tokio::test]
async fn much_is_written_before_its_time_and_a_changed_filter_loses_nothing_that_waits() {
    let (plane, _) = subscribed().await;
    plane.ok("PutSubscriptionFilter", filter("f", "", BUCKET)).await;
    let mut followers = Followers::default();
    let large = "x".repeat(1_000_000);
    for n in 0..9 {
        put(&plane, "s", &[(n, &large)]).await;
    }
    deliver(&mut followers, &plane).await;
    assert_eq!(objects(&plane).len(), 1);
    put(&plane, "s", &[(10, "keep this"), (11, "and that")]).await;
    deliver(&mut followers, &plane).await;
    plane.ok("PutSubscriptionFilter", filter("f", "that", BUCKET)).await;
    deliver(&mut followers, &plane).await;
    plane.clock.advance(60_000);
    deliver(&mut followers, &plane).await;
    let keys = objects(&plane);
    let small: Vec<_> =
        keys.iter().flat_map(|key| lines(&plane, key)).filter(|(_, texts)| texts[0].len() < 100).collect();
    assert_eq!(small, [of("s", &["and that"])]);
}

#[tokio::test]
async fn filters_may_look_at_transformed_logs() {
    let (plane, fake) = subscribed_with(watch::operations()).await;
    let config = json!([{"csv": {"columns": ["level", "code"]}}]);
    put(&plane, "s", &[(0, "ERROR,early")]).await;
    plane.clock.advance(10);
    plane.ok("PutTransformer", json!({"logGroupIdentifier": "g", "transformerConfig": config})).await;
    for (name, transformed) in [("plain", false), ("transformed", true)] {
        let mut filter = filter(name, r#"{ $.level = "ERROR" }"#, LAMBDA);
        filter["applyOnTransformedLogs"] = transformed.into();
        plane.ok("PutSubscriptionFilter", filter).await;
        let transformation = json!({"metricName": name, "metricNamespace": "N", "metricValue": "$.code"});
        let metric = json!({
            "logGroupName": "g", "filterName": name, "filterPattern": r#"{ $.level = "ERROR" }"#,
            "metricTransformations": [transformation], "applyOnTransformedLogs": transformed
        });
        plane.ok("PutMetricFilter", metric).await;
    }
    fake.requests();
    put(&plane, "s", &[(10, "ERROR,404"), (10, "INFO,200"), (10, r#"{"level": "ERROR", "code": 7}"#)]).await;
    assert!(watch::logs::subscriptions::deliver_due(&plane.watch).await.is_empty());
    let sent: Vec<Value> = fake.requests().iter().flat_map(payloads).collect();
    let texts = |filter: &str| -> Vec<String> {
        let of_filter = sent.iter().filter(|payload| payload["subscriptionFilters"] == json!([filter]));
        of_filter.flat_map(|payload| each(&payload["logEvents"], "message")).map(str::to_owned).collect()
    };
    assert_eq!(texts("plain"), [r#"{"level": "ERROR", "code": 7}"#]);
    assert_eq!(texts("transformed"), [r#"{"level":"ERROR","code":"404"}"#]);
    for (name, sum) in [("plain", 7.0), ("transformed", 404.0)] {
        let asked = json!({
            "Namespace": "N", "MetricName": name, "Period": 60, "Statistics": ["Sum"],
            "StartTime": NOW / 1000, "EndTime": NOW / 1000 + 60
        });
        assert_eq!(plane.ok("GetMetricStatistics", asked).await["Datapoints"][0]["Sum"], sum, "{name}");
    }
}

/// Five of a group's filters may have a regular expression, of whichever kind they are.
#[tokio::test]
async fn regular_expressions_are_counted_over_both_kinds_of_filters() {
    let (plane, _) = subscribed().await;
    let metric = |name: &str| {
        let transformation = json!({"metricName": name, "metricNamespace": "N", "metricValue": "1"});
        json!({"logGroupName": "g", "filterName": name, "filterPattern": "%a+%", "metricTransformations": [transformation]})
    };
    let limit = error("LimitExceededException", "Resource limit exceeded.");
    plane.ok("PutSubscriptionFilter", filter("one", "%x{2}%", LAMBDA)).await;
    for n in 0..4 {
        plane.ok("PutMetricFilter", metric(&format!("m{n}"))).await;
    }
    assert_eq!(plane.refused("PutMetricFilter", metric("m4")).await, limit);
    assert_eq!(plane.refused("PutSubscriptionFilter", filter("two", "%y%", LAMBDA)).await, limit);
    plane.ok("PutSubscriptionFilter", filter("one", "%y%", LAMBDA)).await;
    plane.ok("PutSubscriptionFilter", filter("two", "y", LAMBDA)).await;
    plane.ok("PutSubscriptionFilter", filter("one", "y", LAMBDA)).await;
    plane.ok("PutMetricFilter", metric("m4")).await;
}

#[tokio::test]
async fn syslog_configurations_are_put_listed_by_pages_and_deleted() {
    let (plane, _) = subscribed().await;
    plane.ok("CreateLogGroup", json!({"logGroupName": "h"})).await;
    let arn = |group: &str| format!("arn:aws:logs:us-east-1:123456789012:log-group:{group}");
    let put = |group: &str, endpoint: &str| json!({"logGroupIdentifier": group, "vpcEndpointId": endpoint});
    plane.ok("PutSyslogConfiguration", put("g", "vpce-2")).await;
    plane.ok("PutSyslogConfiguration", put(&arn("g"), "vpce-1")).await;
    plane.ok("PutSyslogConfiguration", put("h", "vpce-1")).await;
    plane.ok("PutSyslogConfiguration", json!({"logGroupIdentifier": "h"})).await;
    let shown = |group: &str, endpoint: &str| json!({"logGroupArn": arn(group), "sourceType": "VPCE", "vpcEndpointId": endpoint, "createdAt": NOW});
    let list = async |input: Value| plane.ok("ListSyslogConfigurations", input).await;
    let page = list(json!({"maxResults": 2})).await;
    assert_eq!(page["syslogConfigurations"], json!([shown("g", "vpce-1"), shown("g", "vpce-2")]));
    let rest = list(json!({"maxResults": 2, "nextToken": page["nextToken"]})).await;
    let without_id = json!({"logGroupArn": arn("h"), "sourceType": "VPCE", "createdAt": NOW});
    assert_eq!(rest, json!({"syslogConfigurations": [without_id, shown("h", "vpce-1")]}));
    let of_endpoint = list(json!({"vpcEndpointId": "vpce-1", "logGroupIdentifier": "h"})).await;
    assert_eq!(of_endpoint, json!({"syslogConfigurations": [shown("h", "vpce-1")]}));
    let gone = error("ResourceNotFoundException", "The specified syslog configuration does not exist.");
    assert_eq!(plane.refused("DeleteSyslogConfiguration", put("h", "vpce-2")).await, gone);
    plane.ok("DeleteSyslogConfiguration", json!({"logGroupIdentifier": "h"})).await;
    plane.ok("DeleteSyslogConfiguration", put("g", "vpce-2")).await;
    assert_eq!(list(json!({})).await, json!({"syslogConfigurations": [shown("g", "vpce-1")]}));
    let absent = error("ResourceNotFoundException", "The specified log group does not exist.");
    assert_eq!(plane.refused("PutSyslogConfiguration", put("absent", "vpce-1")).await, absent);
    assert_eq!(plane.refused("PutSyslogConfiguration", put("g", "eni-1")).await.0, "InvalidParameterException");
}

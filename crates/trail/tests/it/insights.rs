//! Insights and aggregated events over a store: found once, whatever is cut off between, and told where AWS tells them.

use crate::deliveries::deliver;
use crate::*;
use model::time::{DAY, MINUTE, SECOND};
use std::sync::atomic::{AtomicBool, Ordering};
use store::Store;
use trail::aggregation::Aggregator;
use trail::delivery::Deliveries;
use trail::detections::{Appending, Findings};
use trail::insights::Evaluator;
use trail::record::{Defaults, parse};

/// Stores what is found, or refuses it.
struct Kept {
    store: Store,
    fails: AtomicBool,
}

impl Kept {
    fn of(plane: &Plane) -> Arc<Self> {
        Arc::new(Self { store: plane.trail.store.clone(), fails: AtomicBool::new(false) })
    }
}

impl Findings for Kept {
    fn append(&self, events: Vec<Event>, datapoints: Vec<model::Datapoint>) -> Appending<'_> {
        Box::pin(async move {
            if self.fails.load(Ordering::Relaxed) {
                return Err(store::Error::Closed);
            }
            self.store.append(Batch { events, datapoints, ..Batch::default() }).await.map(|_| ())
        })
    }
}

/// A call to this server, of a category, by a user; refused with a code, if there is one.
fn call(category: &str, name: &str, user: &str, error: &str, at: Timestamp) -> Event {
    let id = format!("{category}-{name}-{user}-{}-{}", at.0, rand(at.0));
    let mut record = json!({
        "eventVersion": "1.11", "eventTime": at.iso_seconds(), "eventSource": "logs.amazonaws.com", "eventName": name,
        "awsRegion": "us-east-1", "userAgent": "test/1", "readOnly": false, "eventID": id, "recipientAccountId": ACCOUNT,
        "eventCategory": category, "userIdentity": { "type": "IAMUser", "arn": format!("arn:aws:iam::{ACCOUNT}:user/{user}") },
        "resources": [{ "type": "AWS::Logs::LogGroup", "ARN": "arn:aws:logs:us-east-1:123456789012:log-group:g" }],
    });
    if !error.is_empty() {
        record["errorCode"] = error.into();
    }
    let defaults = Defaults { account: ACCOUNT.into(), region: "us-east-1".into(), ingestion_time: at };
    parse(record.to_string(), &defaults).unwrap()
}

/// Another number each time.
fn rand(seed: i64) -> u64 {
    static DRAWN: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    DRAWN.fetch_add(1, Ordering::SeqCst) ^ seed as u64
}

fn now(plane: &Plane) -> Timestamp {
    model::Clock::now(&*plane.clock)
}

/// A trail that logs, with these Insights.
async fn trail_with(plane: &Plane, name: &str, bucket: &str, selectors: Value) {
    plane.call("CreateTrail", json!({"Name": name, "S3BucketName": bucket})).await.unwrap();
    plane.call("StartLogging", json!({"Name": name})).await.unwrap();
    plane.call("PutInsightSelectors", json!({"TrailName": name, "InsightSelectors": selectors})).await.unwrap();
}

async fn found(plane: &Plane) -> Vec<Value> {
    let answer = plane.call("LookupEvents", json!({"EventCategory": "insight"})).await.unwrap();
    let records = answer["Events"].as_array().unwrap().iter();
    records.map(|event| serde_json::from_str(event["CloudTrailEvent"].as_str().unwrap()).unwrap()).collect()
}

#[tokio::test]
async fn selectors_are_kept_shown_and_checked() {
    let plane = Plane::new().await;
    plane.create("my-trail").await;
    let arn = "arn:aws:cloudtrail:us-east-1:123456789012:trail/my-trail";
    let get = || plane.call("GetInsightSelectors", json!({"TrailName": "my-trail"}));
    let text = refused(get().await, "InsightNotEnabledException");
    assert_eq!(
        text,
        format!(
            "InsightNotEnabledException: Trail {arn} does not have Insights enabled. Edit the trail settings to enable Insights, \
             and then try the operation again."
        )
    );
    let put =
        |selectors: Value| plane.call("PutInsightSelectors", json!({"TrailName": arn, "InsightSelectors": selectors}));
    let both = json!([{"InsightType": "ApiErrorRateInsight"}, {"InsightType": "ApiCallRateInsight", "EventCategories": ["Management"]}]);
    assert_eq!(put(both.clone()).await.unwrap(), json!({"TrailARN": arn, "InsightSelectors": both}));
    assert_eq!(get().await.unwrap(), json!({"TrailARN": arn, "InsightSelectors": both}));
    assert_eq!(plane.call("GetTrail", json!({"Name": arn})).await.unwrap()["Trail"]["HasInsightSelectors"], true);
    let twice = json!([{"InsightType": "ApiCallRateInsight"}, {"InsightType": "ApiCallRateInsight"}]);
    refused(put(twice).await, "InvalidInsightSelectorsException");
    refused(put(json!([{"EventCategories": ["Management"]}])).await, "InvalidInsightSelectorsException");
    let data = json!([{"InsightType": "ApiCallRateInsight", "EventCategories": ["Data"]}]);
    refused(put(data.clone()).await, "InvalidInsightSelectorsException");
    plane
        .call("PutEventSelectors", json!({"TrailName": arn, "EventSelectors": [{"ReadWriteType": "ReadOnly"}]}))
        .await
        .unwrap();
    refused(put(both).await, "InvalidInsightSelectorsException");
    put(json!([{"InsightType": "ApiErrorRateInsight"}])).await.unwrap();
    refused(
        plane.call("PutInsightSelectors", json!({"InsightSelectors": []})).await,
        "InvalidParameterCombinationException",
    );
    let elsewhere = json!({"TrailName": arn, "InsightSelectors": []});
    refused(plane.call_in("eu-west-1", "PutInsightSelectors", elsewhere).await, "InvalidHomeRegionException");
    put(json!([])).await.unwrap();
    refused(get().await, "InsightNotEnabledException");
    refused(plane.call("GetInsightSelectors", json!({"TrailName": "other"})).await, "TrailNotFoundException");
}

#[tokio::test]
async fn stores_send_their_insights_to_a_store_of_insights() {
    let plane = Plane::new().await;
    let create = async |name: &str, category: &str| {
        let selectors = json!([{"FieldSelectors": [{"Field": "eventCategory", "Equals": [category]}]}]);
        let made = plane.call("CreateEventDataStore", json!({"Name": name, "AdvancedEventSelectors": selectors})).await;
        made.unwrap()["EventDataStoreArn"].as_str().unwrap().to_owned()
    };
    let (source, destination) = (create("source", "Management").await, create("insights", "Insight").await);
    let get = || plane.call("GetInsightSelectors", json!({"EventDataStore": source}));
    refused(get().await, "InsightNotEnabledException");
    let selectors = json!([{"InsightType": "ApiCallRateInsight"}]);
    let put = async |to: Option<&str>, selectors: Value| {
        let mut input = json!({"EventDataStore": source, "InsightSelectors": selectors});
        if let Some(to) = to {
            input["InsightsDestination"] = to.into();
        }
        plane.call("PutInsightSelectors", input).await
    };
    refused(put(None, selectors.clone()).await, "InvalidParameterException");
    refused(put(Some(&source), selectors.clone()).await, "InvalidParameterException");
    let expected =
        json!({"EventDataStoreArn": source, "InsightsDestination": destination, "InsightSelectors": selectors});
    assert_eq!(put(Some(&destination), selectors).await.unwrap(), expected);
    assert_eq!(get().await.unwrap(), expected);
    put(None, json!([])).await.unwrap();
    refused(get().await, "InsightNotEnabledException");
}

#[tokio::test]
async fn a_burst_after_a_week_begins_and_ends_once_whatever_fails() {
    let plane = Plane::new().await;
    let both = json!([{"InsightType": "ApiCallRateInsight"}, {"InsightType": "ApiErrorRateInsight"}]);
    trail_with(&plane, "my-trail", "bucket", both).await;
    trail_with(&plane, "errors", "other", json!([{"InsightType": "ApiErrorRateInsight"}])).await;
    let kept = Kept::of(&plane);
    let mut evaluator = Evaluator::new(kept.clone());
    plane.append(vec![call("Management", "Create", "early", "", NOW - MINUTE)]).await;
    evaluator.round(&plane.trail).await.unwrap();
    plane.append(vec![call("Management", "Create", "alice", "", NOW)]).await;
    plane.clock.advance(7 * DAY);
    evaluator.round(&plane.trail).await.unwrap();
    let burst = now(&plane);
    plane.append((0..4).map(|_| call("Management", "Create", "mallory", "", burst)).collect()).await;
    evaluator.round(&plane.trail).await.unwrap();
    assert_eq!(found(&plane).await, [] as [Value; 0], "the minute has not ended");
    plane.clock.advance(MINUTE);
    kept.fails.store(true, Ordering::Relaxed);
    evaluator.round(&plane.trail).await.unwrap_err();
    kept.fails.store(false, Ordering::Relaxed);
    // A server that starts again knows what it had noted.
    let mut evaluator = Evaluator::new(kept.clone());
    evaluator.round(&plane.trail).await.unwrap();
    Evaluator::new(kept.clone()).round(&plane.trail).await.unwrap();
    let start = found(&plane).await;
    assert_eq!(start.len(), 1);
    let start = &start[0];
    let minute = burst.floor_to(MINUTE);
    assert_eq!(
        (start["eventTime"].as_str().unwrap(), &start["eventType"]),
        (&*minute.iso_seconds(), &json!("AwsCloudTrailInsight"))
    );
    let details = &start["insightDetails"];
    let told = ["state", "eventSource", "eventName", "insightType"].map(|key| details[key].as_str().unwrap());
    assert_eq!(told, ["Start", "logs.amazonaws.com", "Create", "ApiCallRateInsight"]);
    let statistics = json!({"baseline": {"average": 0.0000992063}, "insight": {"average": 4}, "insightDuration": 1,
        "baselineDuration": 10_080});
    assert_eq!(details["insightContext"]["statistics"], statistics);
    let attribution = &details["insightContext"]["attributions"][0];
    let mallory = format!("arn:aws:iam::{ACCOUNT}:user/mallory");
    assert_eq!(attribution["insight"], json!([{"value": mallory, "average": 4}]));
    assert_eq!(attribution["baseline"][0]["average"], 0.0000992063);
    plane.clock.advance(6 * MINUTE);
    evaluator.round(&plane.trail).await.unwrap();
    evaluator.round(&plane.trail).await.unwrap();
    let all = found(&plane).await;
    assert_eq!(all.len(), 2);
    assert_eq!(
        (&all[0]["insightDetails"]["state"], &all[0]["sharedEventID"]),
        (&json!("End"), &start["sharedEventID"])
    );
    assert_eq!(all[0]["eventTime"], (minute + MINUTE).iso_seconds());
    let mut deliveries = Deliveries::default();
    deliver(&plane, &mut deliveries).await;
    let of = |bucket: &str| plane.buckets.files(bucket).into_iter().filter(|key| key.contains("/CloudTrail-Insight/"));
    let files: Vec<String> = of("bucket").collect();
    let start_of_key =
        "AWSLogs/123456789012/CloudTrail-Insight/us-east-1/2026/01/09/123456789012_CloudTrail-Insight_us-east-1_";
    assert!(files.len() == 1 && files[0].starts_with(start_of_key), "{files:?}");
    let file: Value = serde_json::from_slice(&plane.buckets.unpacked("bucket", &files[0])).unwrap();
    assert_eq!(file["Records"].as_array().unwrap(), &[all[1].clone(), all[0].clone()]);
    assert_eq!(of("other").count(), 0, "that trail has other Insights");
    let listed = async |name: &str| {
        let source = format!("arn:aws:cloudtrail:us-east-1:123456789012:trail/{name}");
        let input = json!({"InsightSource": source, "DataType": "InsightsEvents", "MaxResults": 1});
        plane.call("ListInsightsData", input).await.unwrap()
    };
    let first = listed("my-trail").await;
    assert_eq!((first["Events"].as_array().unwrap().len(), first["NextToken"].is_string()), (1, true));
    assert_eq!(listed("errors").await["Events"], json!([]));
}

#[tokio::test]
async fn insights_begin_anew_when_nobody_had_them() {
    let plane = Plane::new().await;
    let kept = Kept::of(&plane);
    let mut evaluator = Evaluator::new(kept.clone());
    trail_with(&plane, "my-trail", "bucket", json!([{"InsightType": "ApiErrorRateInsight"}])).await;
    evaluator.round(&plane.trail).await.unwrap();
    plane.append(vec![call("Management", "Create", "alice", "AccessDenied", NOW)]).await;
    plane.clock.advance(10 * MINUTE);
    evaluator.round(&plane.trail).await.unwrap();
    assert_eq!(plane.trail.catalog.insight_subjects().await.unwrap().len(), 1);
    let off = json!({"TrailName": "my-trail", "InsightSelectors": []});
    plane.call("PutInsightSelectors", off).await.unwrap();
    evaluator.round(&plane.trail).await.unwrap();
    assert_eq!(plane.trail.catalog.insight_subjects().await.unwrap(), []);
    let later = now(&plane);
    plane.append((0..9).map(|_| call("Management", "Create", "bob", "AccessDenied", later)).collect()).await;
    plane.clock.advance(2 * DAY);
    let on = json!({"TrailName": "my-trail", "InsightSelectors": [{"InsightType": "ApiErrorRateInsight"}]});
    plane.call("PutInsightSelectors", on).await.unwrap();
    let mut evaluator = Evaluator::new(kept);
    evaluator.round(&plane.trail).await.unwrap();
    plane.clock.advance(10 * MINUTE);
    evaluator.round(&plane.trail).await.unwrap();
    assert_eq!(plane.trail.catalog.insight_subjects().await.unwrap(), [], "what came meanwhile was not watched");
}

#[tokio::test]
async fn rates_are_counted_from_the_events() {
    let plane = Plane::new().await;
    let minute = NOW.floor_to(MINUTE) - 10 * MINUTE;
    let at = |minutes: i64| minute + minutes * MINUTE + SECOND;
    let mut events: Vec<Event> = (0..5).map(|_| call("Management", "Create", "a", "", at(0))).collect();
    events.extend((0..2).map(|_| call("Management", "Create", "a", "AccessDenied", at(3))));
    events.push(call("Data", "Create", "a", "", at(3)));
    events.push(call("Management", "Delete", "a", "", at(3)));
    plane.append(events).await;
    let asked = async |more: Value| {
        let mut input =
            json!({"EventSource": "logs.amazonaws.com", "EventName": "Create", "InsightType": "ApiCallRateInsight"});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        plane.call("ListInsightsMetricData", input).await
    };
    assert_eq!(asked(json!({"Period": 60})).await.unwrap()["Values"], json!([]), "nobody has Insights");
    let both = json!([{"InsightType": "ApiCallRateInsight"}, {"InsightType": "ApiErrorRateInsight"}]);
    trail_with(&plane, "my-trail", "bucket", both).await;
    let points = asked(json!({"Period": 60})).await.unwrap();
    let secs = |minutes: i64| (minute.0 / 1000 + minutes * 60) as f64;
    let times: Vec<f64> = points["Timestamps"].as_array().unwrap().iter().map(|time| time.as_f64().unwrap()).collect();
    assert_eq!((times, &points["Values"]), (vec![secs(0), secs(3)], &json!([5.0, 2.0])));
    let range = json!({"Period": 60, "DataType": "FillWithZeros", "StartTime": secs(-1), "EndTime": secs(2)});
    assert_eq!(asked(range).await.unwrap()["Values"], json!([0.0, 5.0, 0.0]));
    let page = asked(json!({"Period": 60, "MaxResults": 1})).await.unwrap();
    let next = asked(json!({"Period": 60, "MaxResults": 1, "NextToken": page["NextToken"]})).await.unwrap();
    assert_eq!((&page["Values"], &next["Values"], &next["NextToken"]), (&json!([5.0]), &json!([2.0]), &Value::Null));
    let errors = json!({"Period": 60, "InsightType": "ApiErrorRateInsight", "ErrorCode": "AccessDenied"});
    let errors = asked(errors).await.unwrap();
    assert_eq!((&errors["Values"], &errors["ErrorCode"]), (&json!([2.0]), &json!("AccessDenied")));
    let hourly = asked(json!({})).await.unwrap();
    let sum: f64 = hourly["Values"].as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).sum();
    assert!((sum * 60.0 - 7.0).abs() < 1e-9, "calls in a minute, on average: {sum}");
    refused(asked(json!({"Period": 120})).await, "InvalidParameterException");
    refused(asked(json!({"InsightType": "ApiErrorRateInsight"})).await, "InvalidParameterException");
    assert_eq!(
        asked(json!({"TrailName": "my-trail"})).await.unwrap()["Values"],
        json!([]),
        "no Insights on data events"
    );
}

/// A trail of data events of log groups.
async fn data_trail(plane: &Plane, name: &str, bucket: &str) {
    plane.call("CreateTrail", json!({"Name": name, "S3BucketName": bucket})).await.unwrap();
    let fields = json!([{"Field": "eventCategory", "Equals": ["Data"]}, {"Field": "resources.type", "Equals": ["AWS::Logs::LogGroup"]}]);
    let selectors = json!({"TrailName": name, "AdvancedEventSelectors": [{"FieldSelectors": fields}]});
    plane.call("PutEventSelectors", selectors).await.unwrap();
    plane.call("StartLogging", json!({"Name": name})).await.unwrap();
}

#[tokio::test]
async fn data_events_are_summarised_every_five_minutes() {
    let plane = Plane::new().await;
    data_trail(&plane, "my-trail", "bucket").await;
    data_trail(&plane, "plain", "other").await;
    let templates = json!([{"EventCategory": "Data", "Templates": ["USER_ACTIONS", "API_ACTIVITY"]}]);
    let put = json!({"TrailName": "my-trail", "AggregationConfigurations": templates});
    let answer = plane.call("PutEventConfiguration", put).await.unwrap();
    assert_eq!(answer["AggregationConfigurations"][0]["Templates"], json!(["API_ACTIVITY", "USER_ACTIONS"]));
    let kept = Kept::of(&plane);
    let mut aggregator = Aggregator::new(kept.clone());
    aggregator.round(&plane.trail).await.unwrap();
    plane.append((0..3).map(|_| call("Data", "PutLogEvents", "alice", "", NOW)).collect()).await;
    plane.append(vec![call("Management", "Create", "alice", "", NOW)]).await;
    aggregator.round(&plane.trail).await.unwrap();
    // A server that starts again counts the open window again.
    let mut aggregator = Aggregator::new(kept.clone());
    plane.append(vec![call("Data", "PutLogEvents", "bob", "AccessDenied", NOW)]).await;
    plane.clock.advance(5 * MINUTE);
    kept.fails.store(true, Ordering::Relaxed);
    aggregator.round(&plane.trail).await.unwrap_err();
    kept.fails.store(false, Ordering::Relaxed);
    let mut aggregator = Aggregator::new(kept);
    aggregator.round(&plane.trail).await.unwrap();
    aggregator.round(&plane.trail).await.unwrap();
    let mut deliveries = Deliveries::default();
    deliver(&plane, &mut deliveries).await;
    let of =
        |bucket: &str| plane.buckets.files(bucket).into_iter().filter(|key| key.contains("/CloudTrail-Aggregated/"));
    let files: Vec<String> = of("bucket").collect();
    assert_eq!((files.len(), of("other").count()), (1, 0));
    let file: Value = serde_json::from_slice(&plane.buckets.unpacked("bucket", &files[0])).unwrap();
    let mut counted: Vec<(String, String, u64)> = Vec::new();
    for record in file["Records"].as_array().unwrap() {
        assert_eq!(record["timeWindow"]["windowStart"], "2026-01-02T03:00:00Z");
        let first = &record["summary"]["primaryDimension"];
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let statistics = &first["statistics"][0];
        counted.push((text(&first["dimension"]), text(&statistics["name"]), statistics["value"].as_u64().unwrap()));
    }
    counted.sort();
    let user = |name: &str| format!("arn:aws:iam::{ACCOUNT}:user/{name}");
    let expected = [
        ("eventName".to_owned(), "PutLogEvents".to_owned(), 4),
        ("userIdentityArn".to_owned(), user("alice"), 3),
        ("userIdentityArn".to_owned(), user("bob"), 1),
    ];
    assert_eq!(counted, expected);
}

#[tokio::test]
async fn event_configurations_are_kept_shown_and_checked() {
    let plane = Plane::new().await;
    plane.create("my-trail").await;
    let made = plane.call("CreateEventDataStore", json!({"Name": "all"})).await.unwrap();
    let store = made["EventDataStoreArn"].as_str().unwrap();
    let put = async |more: Value| {
        let mut input = json!({"EventDataStore": store});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        plane.call("PutEventConfiguration", input).await
    };
    let fresh = plane.call("GetEventConfiguration", json!({"EventDataStore": store})).await.unwrap();
    assert_eq!(fresh, json!({"EventDataStoreArn": store, "MaxEventSize": "Standard", "ContextKeySelectors": []}));
    let keys = |kind: &str, keys: &[&str]| json!([{"Type": kind, "Equals": keys}]);
    let context = json!({"ContextKeySelectors": keys("TagContext", &["team"])});
    refused(put(context.clone()).await, "InvalidParameterException");
    put(json!({"MaxEventSize": "Large"})).await.unwrap();
    let answer = put(context).await.unwrap();
    assert_eq!(
        (&answer["MaxEventSize"], &answer["ContextKeySelectors"]),
        (&json!("Large"), &keys("TagContext", &["team"]))
    );
    refused(put(json!({"MaxEventSize": "Standard"})).await, "InvalidParameterException");
    refused(put(json!({"ContextKeySelectors": keys("RequestContext", &["team"])})).await, "InvalidParameterException");
    put(json!({"ContextKeySelectors": keys("RequestContext", &["aws:PrincipalArn"])})).await.unwrap();
    let aggregation = json!({"AggregationConfigurations": [{"EventCategory": "Data", "Templates": ["API_ACTIVITY"]}]});
    refused(put(aggregation.clone()).await, "InvalidParameterCombinationException");
    let mut of_trail = json!({"TrailName": "my-trail"});
    of_trail.as_object_mut().unwrap().extend(aggregation.as_object().unwrap().clone());
    let text = refused(plane.call("PutEventConfiguration", of_trail).await, "InvalidParameterException");
    assert!(text.contains("data events"), "{text}");
    let large = json!({"TrailName": "my-trail", "MaxEventSize": "Large"});
    refused(plane.call("PutEventConfiguration", large).await, "InvalidParameterCombinationException");
    let got = plane.call("GetEventConfiguration", json!({"TrailName": "my-trail"})).await.unwrap();
    assert_eq!(got["AggregationConfigurations"], json!([]));
    let selectors = json!([{"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Insight"]}]}]);
    let made = plane
        .call("CreateEventDataStore", json!({"Name": "insights", "AdvancedEventSelectors": selectors}))
        .await
        .unwrap();
    let other = json!({"EventDataStore": made["EventDataStoreArn"], "MaxEventSize": "Large"});
    refused(plane.call("PutEventConfiguration", other).await, "InvalidEventDataStoreCategoryException");
}

#[tokio::test]
async fn a_trail_with_a_whole_file_does_not_wait() {
    let plane = Plane::new().await;
    plane.create("my-trail").await;
    plane.call("StartLogging", json!({"Name": "my-trail"})).await.unwrap();
    let mut deliveries = Deliveries::every(10 * MINUTE);
    deliver(&plane, &mut deliveries).await;
    let large = |n: usize| {
        let mut event = call("Management", "Create", &format!("user{n}"), "", NOW);
        event.record = event.record.replace("test/1", &"x".repeat(500_000));
        event
    };
    plane.append((0..10).map(large).collect()).await;
    deliver(&plane, &mut deliveries).await;
    assert_eq!(plane.buckets.files("bucket").len(), 0, "5,000,000 bytes are not 5 MB yet");
    plane.append(vec![large(10)]).await;
    deliver(&plane, &mut deliveries).await;
    assert_eq!(plane.buckets.files("bucket").len(), 1);
    plane.append(vec![large(11)]).await;
    deliver(&plane, &mut deliveries).await;
    assert_eq!(plane.buckets.files("bucket").len(), 1, "the rest waits for its time");
    plane.clock.advance(10 * MINUTE);
    deliver(&plane, &mut deliveries).await;
    assert_eq!(plane.buckets.files("bucket").len(), 2);
}

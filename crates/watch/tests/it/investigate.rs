//! What changed before: in messages of alarms, and as change events of Application Signals.

use crate::plane::{NOW, Plane};
use catalog::{AlarmHistoryFilter, AlarmHistoryItem};
use model::time::{MINUTE, SECOND};
use model::{Batch, Event, Scope, Timestamp};
use serde_json::{Value, json};
use watch::notify::Settings;

const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:t";

async fn plane(settings: Settings) -> Plane {
    let mut operations = watch::sns::operations();
    operations.extend(watch::cloudwatch::operations().into_iter().filter(|row| !row.name.contains("Tag")));
    operations.extend(watch::application_signals::operations());
    let plane = Plane::with(operations, settings).await;
    plane.ok("CreateTopic", json!({ "Name": "t" })).await;
    plane
}

/// A change, so many minutes ago.
fn change(minutes: i64, name: &str, parameters: Value) -> Event {
    Event {
        event_id: format!("00000000-0000-4000-8000-{minutes:012}"),
        account: "123456789012".into(),
        region: "us-east-1".into(),
        time: Timestamp(NOW - minutes * MINUTE),
        ingestion_time: Timestamp(NOW),
        name: name.into(),
        source: "ecs.amazonaws.com".into(),
        category: "Management".into(),
        username: "alice".into(),
        user_arn: "arn:aws:iam::123456789012:user/alice".into(),
        read_only: Some(name.starts_with("Describe")),
        record: json!({ "eventName": name, "requestParameters": parameters }).to_string(),
        ..Event::default()
    }
}

async fn append(plane: &Plane, events: Vec<Event>) {
    plane.watch.store.append(Batch { events, ..Batch::default() }).await.unwrap();
}

/// The message of the alarm's change to ALARM.
async fn told(plane: &Plane) -> Value {
    let alarm = json!({
        "AlarmName": "shop-errors", "Namespace": "AWS/ECS", "MetricName": "Errors", "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1,
        "Dimensions": [{ "Name": "ServiceName", "Value": "shop-web" }], "Threshold": 10.0, "ComparisonOperator": "GreaterThanThreshold",
        "AlarmActions": [TOPIC],
    });
    plane.ok("PutMetricAlarm", alarm).await;
    let input = json!({ "AlarmName": "shop-errors", "StateValue": "ALARM", "StateReason": "by hand" });
    plane.ok("SetAlarmState", input).await;
    let scope = Scope { account: "123456789012".into(), region: "us-east-1".into() };
    let filter = AlarmHistoryFilter { item_type: Some("Action".into()), ..AlarmHistoryFilter::default() };
    let items = plane.watch.catalog.alarm_history(&scope, &filter, 1).await.unwrap();
    let (_, AlarmHistoryItem { data, .. }) = items.into_iter().next().unwrap();
    let data: Value = serde_json::from_str(&data).unwrap();
    serde_json::from_str(data["publishedMessage"].as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn an_alarms_message_tells_what_changed_before_where_the_operator_wants_it() {
    let wanted = Settings { alarm_causes: Some("123456789012".into()), ..Settings::default() };
    let changes =
        || vec![change(2, "UpdateService", json!({ "service": "shop-web" })), change(3, "TagResource", json!({}))];
    let plane_wanted = plane(wanted.clone()).await;
    append(&plane_wanted, changes()).await;
    let message = told(&plane_wanted).await;
    let causes = message["TrailwatchCauses"].as_array().unwrap();
    assert_eq!(causes.len(), 1, "{causes:?}");
    assert_eq!((&causes[0]["EventName"], &causes[0]["Verdict"]), (&json!("UpdateService"), &json!("likely")));
    let summary = causes[0]["Summary"].as_str().unwrap();
    assert!(summary.starts_with("UpdateService by alice, ") && summary.contains("ServiceName=shop-web"), "{summary}");
    // Not asked for, and nothing found.
    let unasked = plane(Settings::default()).await;
    append(&unasked, changes()).await;
    assert!(told(&unasked).await.get("TrailwatchCauses").is_none());
    let of_another = plane(Settings { alarm_causes: Some("999999999999".into()), ..Settings::default() }).await;
    append(&of_another, changes()).await;
    assert!(told(&of_another).await.get("TrailwatchCauses").is_none());
    let nothing = plane(wanted).await;
    append(&nothing, vec![change(3, "TagResource", json!({}))]).await;
    assert!(told(&nothing).await.get("TrailwatchCauses").is_none());
}

#[tokio::test]
async fn changes_of_an_entity_are_listed_latest_first_page_by_page() {
    let plane = plane(Settings::default()).await;
    let mut failed = change(5, "UpdateService", json!({ "service": "shop-web" }));
    failed.error_code = "AccessDenied".into();
    let mut elsewhere = change(6, "UpdateService", json!({ "service": "shop-web" }));
    elsewhere.region = "eu-west-1".into();
    append(
        &plane,
        vec![
            change(1, "UpdateService", json!({ "service": "shop-web" })),
            change(2, "PutScalingPolicy", json!({ "resourceId": "service/main/shop-web" })),
            change(3, "DescribeServices", json!({ "services": ["shop-web"] })),
            change(4, "UpdateService", json!({ "service": "other" })),
            failed,
            elsewhere,
            change(7, "UpdateService", json!({ "service": "the-shop-website" })),
        ],
    )
    .await;
    let seconds = |minutes: i64| (NOW - minutes * MINUTE) / SECOND;
    let ask = |token: Option<&str>| {
        let mut input = json!({
            "Entity": { "Type": "Service", "Name": "shop-web", "Environment": "prod" },
            "StartTime": seconds(60), "EndTime": seconds(0), "MaxResults": 1,
        });
        if let Some(token) = token {
            input["NextToken"] = token.into();
        }
        input
    };
    let first = plane.ok("ListEntityEvents", ask(None)).await;
    let expected = json!([{
        "Timestamp": seconds(1) as f64, "AccountId": "123456789012", "Region": "us-east-1", "ChangeEventType": "DEPLOYMENT",
        "Entity": { "Type": "Service", "Name": "shop-web", "Environment": "prod" }, "EventId": "00000000-0000-4000-8000-000000000001",
        "UserName": "alice", "EventName": "UpdateService",
    }]);
    let mut got = first["ChangeEvents"].clone();
    got[0]["Timestamp"] = json!(got[0]["Timestamp"].as_f64().unwrap());
    assert_eq!(got, expected);
    let second = plane.ok("ListEntityEvents", ask(first["NextToken"].as_str())).await;
    assert_eq!(second["ChangeEvents"][0]["EventName"], "PutScalingPolicy");
    assert_eq!(second["ChangeEvents"][0]["ChangeEventType"], "CONFIGURATION");
    let third = plane.ok("ListEntityEvents", ask(second["NextToken"].as_str())).await;
    assert_eq!((third["ChangeEvents"].as_array().map(Vec::len), third.get("NextToken")), (Some(0), None));
    for (member, value) in
        [("Entity", json!({ "Type": "Service" })), ("EndTime", json!(seconds(90))), ("NextToken", json!("x"))]
    {
        let mut wrong = ask(None);
        wrong[member] = value;
        assert_eq!(plane.call("ListEntityEvents", wrong).await.unwrap_err().0, "ValidationException", "{member}");
    }
}

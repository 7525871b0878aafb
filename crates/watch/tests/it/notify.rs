//! Notifications on their way: confirmed, delivered, tried again, given up; by HTTP, webhook and e-mail; through crashes.

use crate::plane::Plane;
use crate::receiver::{Mail, Received, Web};
use crate::sns::nobody;
use catalog::Subscription;
use model::time::SECOND;
use model::{Scope, Timestamp};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use watch::notify::{Settings, Smtp, SmtpTls, Webhook, WebhookFormat, deliver, deliver_due};

const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:t";

fn scope() -> Scope {
    Scope { account: "123456789012".into(), region: "us-east-1".into() }
}

/// Receivers on loopback are allowed.
fn private() -> Settings {
    Settings { allow_private: true, public_url: Some("https://tw.example.com".into()), ..Settings::default() }
}

/// A plane with topic `t`.
async fn plane(settings: Settings) -> Plane {
    let mut operations = watch::sns::operations();
    // Both services tag; here only topics are tagged.
    operations.extend(watch::cloudwatch::operations().into_iter().filter(|row| !row.name.contains("Tag")));
    let plane = Plane::with(operations, settings).await;
    plane.ok("CreateTopic", json!({ "Name": "t", "Attributes": { "DisplayName": "Ops" } })).await;
    plane
}

async fn run(plane: &Plane) {
    deliver_due(&plane.watch).await.unwrap();
}

/// Subscribes `endpoint`, takes the confirmation's token from the catalog, and confirms. Leaves the confirmation undelivered.
async fn confirmed(plane: &Plane, protocol: &str, endpoint: &str, attributes: Value) -> String {
    let input = json!({
        "TopicArn": TOPIC, "Protocol": protocol, "Endpoint": endpoint, "Attributes": attributes,
        "ReturnSubscriptionArn": true,
    });
    let arn = plane.ok("Subscribe", input).await["SubscriptionArn"].as_str().unwrap().to_owned();
    let id = arn.rsplit(':').next().unwrap();
    let token = plane.watch.catalog.subscription(&scope(), "t", id).await.unwrap().unwrap().token;
    plane.ok("ConfirmSubscription", json!({ "TopicArn": TOPIC, "Token": token })).await;
    arn
}

/// As `confirmed`, with the confirmation delivered and forgotten.
async fn subscribed(plane: &Plane, web: &mut Web, path: &str, attributes: Value) -> String {
    let arn = confirmed(plane, "http", &format!("{}{path}", web.url), attributes).await;
    run(plane).await;
    assert_eq!(web.all().len(), 1);
    arn
}

async fn publish(plane: &Plane, message: &str) -> String {
    let answer = plane.ok("Publish", json!({ "TopicArn": TOPIC, "Message": message })).await;
    answer["MessageId"].as_str().unwrap().to_owned()
}

async fn dead(plane: &Plane) -> Vec<(i64, String)> {
    let letters = plane.watch.catalog.dead_letters(0, 100).await.unwrap();
    letters.into_iter().map(|letter| (letter.attempts, letter.error)).collect()
}

fn messages(received: &[Received]) -> Vec<String> {
    received.iter().map(|request| request.json()["Message"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_receiver_confirms_hears_and_is_let_go() {
    let (plane, mut web) = (plane(private()).await, Web::start().await);
    let endpoint = format!("{}/hook?a=b", web.url);
    let input = json!({ "TopicArn": TOPIC, "Protocol": "http", "Endpoint": endpoint });
    assert_eq!(plane.ok("Subscribe", input).await["SubscriptionArn"], "pending confirmation");
    run(&plane).await;
    let asked = web.next().await;
    assert_eq!(asked.path, "/hook?a=b");
    assert_eq!(asked.header("x-amz-sns-message-type"), Some("SubscriptionConfirmation"));
    assert_eq!(asked.header("x-amz-sns-topic-arn"), Some(TOPIC));
    assert_eq!(asked.header("x-amz-sns-subscription-arn"), None);
    assert_eq!(asked.header("content-type"), Some("text/plain; charset=UTF-8"));
    assert_eq!(asked.header("user-agent"), Some("Amazon Simple Notification Service Agent"));
    let document = asked.json();
    let token = document["Token"].as_str().unwrap();
    assert_eq!(
        document["SubscribeURL"],
        format!("https://tw.example.com/?Action=ConfirmSubscription&Version=2010-03-31&TopicArn={TOPIC}&Token={token}")
    );
    publish(&plane, "before anyone listens").await;
    let confirmed = plane.ok("ConfirmSubscription", json!({ "TopicArn": TOPIC, "Token": token })).await;
    let arn = confirmed["SubscriptionArn"].as_str().unwrap();
    let input = json!({
        "TopicArn": TOPIC, "Message": "it burns", "Subject": "Fire",
        "MessageAttributes": { "floor": { "DataType": "Number", "StringValue": "3" } },
    });
    let id = plane.ok("Publish", input).await["MessageId"].clone();
    run(&plane).await;
    let heard = web.all();
    assert_eq!(heard.len(), 1, "what was published before the confirmation is not delivered");
    let heard = &heard[0];
    assert_eq!(heard.header("x-amz-sns-message-type"), Some("Notification"));
    assert_eq!(heard.header("x-amz-sns-message-id"), id.as_str());
    assert_eq!(heard.header("x-amz-sns-subscription-arn"), Some(arn));
    let document = heard.json();
    assert_eq!(
        document,
        json!({
            "Type": "Notification", "MessageId": id, "TopicArn": TOPIC, "Subject": "Fire", "Message": "it burns",
            "Timestamp": "2026-03-01T00:00:00.000Z", "SignatureVersion": "1", "Signature": "", "SigningCertURL": "",
            "UnsubscribeURL": format!("https://tw.example.com/?Action=Unsubscribe&Version=2010-03-31&SubscriptionArn={arn}"),
            "MessageAttributes": { "floor": { "Type": "Number", "Value": "3" } },
        })
    );
    publish(&plane, "on its way when the receiver leaves").await;
    plane.ok("Unsubscribe", json!({ "SubscriptionArn": arn })).await;
    publish(&plane, "after").await;
    run(&plane).await;
    assert_eq!((web.all().len(), dead(&plane).await.len()), (0, 0));
    assert_eq!(plane.watch.catalog.next_delivery_due().await.unwrap(), None);
    let metrics = plane.watch.notify.take_metrics(Timestamp(0));
    let names: Vec<&str> = metrics.iter().map(|datapoint| datapoint.series.name.as_str()).collect();
    assert_eq!(names, ["NumberOfMessagesPublished", "NumberOfNotificationsDelivered"]);
}

#[tokio::test]
async fn who_leaves_by_the_link_is_told_and_may_come_back() {
    let (plane, mut web) = (plane(private()).await, Web::start().await);
    let arn = subscribed(&plane, &mut web, "/hook", json!({ "RawMessageDelivery": "true" })).await;
    publish(&plane, "on its way").await;
    plane.call_as(&nobody(), "Unsubscribe", json!({ "SubscriptionArn": arn })).await.unwrap();
    plane.call_as(&nobody(), "Unsubscribe", json!({ "SubscriptionArn": arn })).await.unwrap_err();
    run(&plane).await;
    let heard = web.all();
    assert_eq!(heard.len(), 1);
    assert_eq!(heard[0].header("x-amz-sns-message-type"), Some("UnsubscribeConfirmation"));
    assert_eq!(heard[0].header("x-amz-sns-subscription-arn"), None);
    let document = heard[0].json();
    let token = document["Token"].as_str().unwrap();
    assert_eq!(
        document["SubscribeURL"],
        format!("https://tw.example.com/?Action=ConfirmSubscription&Version=2010-03-31&TopicArn={TOPIC}&Token={token}")
    );
    assert!(
        document["Message"]
            .as_str()
            .unwrap()
            .starts_with(&format!("You have chosen to deactivate subscription {arn}."))
    );
    publish(&plane, "meanwhile").await;
    plane.ok("ConfirmSubscription", json!({ "TopicArn": TOPIC, "Token": token })).await;
    publish(&plane, "again").await;
    run(&plane).await;
    let heard = web.all();
    assert_eq!(heard.iter().map(|request| request.body.as_str()).collect::<Vec<_>>(), ["again"]);
}

#[tokio::test]
async fn raw_structured_and_filtered_messages_reach_whom_they_should() {
    let (plane, mut web) = (plane(private()).await, Web::start().await);
    let policy = r#"{"requestPolicy":{"headerContentType":"application/json"}}"#;
    subscribed(&plane, &mut web, "/raw", json!({ "RawMessageDelivery": "true", "DeliveryPolicy": policy })).await;
    subscribed(&plane, &mut web, "/red", json!({ "FilterPolicy": r#"{"color":["red"]}"# })).await;
    let body_policy = json!({ "FilterPolicyScope": "MessageBody", "FilterPolicy": r#"{"n":[{"numeric":[">",1]}]}"# });
    subscribed(&plane, &mut web, "/body", body_policy).await;
    let publish = async |input: Value| plane.ok("Publish", input).await;
    let structured = json!({ "default": "d", "http": "{\"n\":2}" }).to_string();
    publish(json!({ "TopicArn": TOPIC, "Message": structured, "MessageStructure": "json" })).await;
    run(&plane).await;
    let mut heard = web.all();
    heard.sort_by(|a, b| a.path.cmp(&b.path));
    let paths: Vec<&str> = heard.iter().map(|request| request.path.as_str()).collect();
    assert_eq!(paths, ["/body", "/raw"]);
    assert_eq!(heard[0].json()["Message"], "{\"n\":2}");
    assert_eq!(heard[1].body, "{\"n\":2}");
    assert_eq!(heard[1].header("x-amz-sns-rawdelivery"), Some("true"));
    assert_eq!(heard[1].header("content-type"), Some("application/json"));
    let color = |color: &str| json!({ "color": { "DataType": "String", "StringValue": color } });
    publish(json!({ "TopicArn": TOPIC, "Message": "r", "MessageAttributes": color("red") })).await;
    publish(json!({ "TopicArn": TOPIC, "Message": "b", "MessageAttributes": color("blue") })).await;
    run(&plane).await;
    let paths: Vec<String> = web.all().into_iter().map(|request| request.path).collect();
    assert_eq!(paths.iter().filter(|path| *path == "/red").count(), 1);
    assert_eq!(paths.iter().filter(|path| *path == "/raw").count(), 2);
}

#[tokio::test]
async fn a_failed_delivery_is_tried_again_by_its_policy_and_then_given_up() {
    let (plane, mut web) = (plane(private()).await, Web::start().await);
    subscribed(&plane, &mut web, "/", json!({})).await;
    web.answer(&["500", "503", "429", "500"]);
    publish(&plane, "m").await;
    let mut attempts = Vec::new();
    for second in 0..100 {
        run(&plane).await;
        attempts.extend(web.all().into_iter().map(|_| second));
        plane.clock.advance(SECOND);
    }
    assert_eq!(attempts, [0, 20, 40, 60], "three retries, 20 seconds apart");
    assert_eq!(dead(&plane).await, [(4, "the receiver answered 500".to_owned())]);
    web.answer(&["500"]);
    publish(&plane, "n").await;
    run(&plane).await;
    plane.clock.advance(20 * SECOND);
    run(&plane).await;
    assert_eq!(messages(&web.all()), ["n", "n"]);
    assert_eq!(dead(&plane).await.len(), 1, "the second attempt succeeded");
    let names: BTreeMap<String, f64> = plane
        .watch
        .notify
        .take_metrics(Timestamp(0))
        .into_iter()
        .map(|datapoint| (datapoint.series.name.clone(), datapoint.observation.stats().1))
        .collect();
    assert_eq!((names["NumberOfNotificationsFailed"], names["NumberOfNotificationsDelivered"]), (1.0, 2.0));
}

#[tokio::test]
async fn what_will_never_succeed_is_given_up_at_once_and_redirects_are_not_followed() {
    let (plane, mut web) = (plane(private()).await, Web::start().await);
    subscribed(&plane, &mut web, "/", json!({})).await;
    let elsewhere = format!("302 location: {}/elsewhere", web.url);
    web.answer(&["404", &elsewhere]);
    for _ in 0..2 {
        publish(&plane, "m").await;
        run(&plane).await;
    }
    let paths: Vec<String> = web.all().into_iter().map(|request| request.path).collect();
    assert_eq!(paths, ["/", "/"]);
    let told = |status: u16| (1, format!("the receiver answered {status}"));
    assert_eq!(dead(&plane).await, [told(404), told(302)]);
}

#[tokio::test]
async fn a_private_address_is_not_reached_however_it_got_into_the_catalog() {
    let (plane, mut web) = (plane(Settings::default()).await, Web::start().await);
    let port = web.url.rsplit(':').next().unwrap().to_owned();
    for (number, host) in ["127.0.0.1", "localhost", "0x7f000001", "[::ffff:127.0.0.1]"].into_iter().enumerate() {
        // As if the name had been public when it subscribed.
        let subscription = Subscription {
            scope: scope(),
            topic: "t".into(),
            id: number.to_string(),
            protocol: "http".into(),
            endpoint: format!("http://{host}:{port}/"),
            attributes: BTreeMap::new(),
            token: format!("token{number}"),
            token_expires: Timestamp(i64::MAX),
            confirmed: false,
            confirmed_signed: false,
            unsubscribe_signed: false,
        };
        let nothing = catalog::Publication { message: String::new(), deliveries: Vec::new(), due: Timestamp(0) };
        assert!(plane.watch.catalog.subscribe(&subscription, &nothing).await.unwrap());
        plane.ok("ConfirmSubscription", json!({ "TopicArn": TOPIC, "Token": subscription.token })).await;
    }
    publish(&plane, "secret").await;
    run(&plane).await;
    let dead = dead(&plane).await;
    assert_eq!(dead.len(), 4);
    assert!(dead.iter().all(|(attempts, error)| *attempts == 1 && error.contains("is not public")), "{dead:?}");
    assert_eq!(web.all().len(), 0);
}

#[tokio::test]
async fn what_was_published_survives_a_crash_before_and_during_its_delivery() {
    let (mut plane, mut web) = (plane(private()).await, Web::start().await);
    subscribed(&plane, &mut web, "/", json!({})).await;
    let before = publish(&plane, "before").await;
    plane.reopen().await;
    run(&plane).await;
    assert_eq!(web.next().await.json()["MessageId"], before.as_str());
    let during = publish(&plane, "during").await;
    web.hold();
    {
        // The receiver has the request, and the server dies before it has the answer.
        let delivering = deliver_due(&plane.watch);
        tokio::pin!(delivering);
        tokio::select! {
            heard = web.next() => assert_eq!(heard.json()["MessageId"], during.as_str()),
            _ = &mut delivering => panic!("nobody answered"),
        }
    }
    web.release();
    plane.reopen().await;
    run(&plane).await;
    assert_eq!(web.next().await.json()["MessageId"], during.as_str(), "delivered at least once: here twice");
    run(&plane).await;
    assert_eq!(web.all().len(), 0);
}

#[tokio::test]
async fn a_receiver_that_does_not_answer_delays_no_other() {
    let (plane, mut slow, mut fast) = (plane(private()).await, Web::start().await, Web::start().await);
    subscribed(&plane, &mut slow, "/", json!({})).await;
    subscribed(&plane, &mut fast, "/", json!({})).await;
    slow.hold();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let watch = plane.watch.clone();
    let task = tokio::spawn(async move {
        let stopped = async move {
            let _ = stopped.await;
        };
        deliver(&watch, stopped).await;
    });
    for number in 0..10 {
        publish(&plane, &number.to_string()).await;
        assert_eq!(fast.next().await.json()["Message"], number.to_string());
    }
    assert!(slow.all().len() <= 2, "at most two requests wait at one receiver");
    slow.release();
    stop.send(()).unwrap();
    task.await.unwrap();
    slow.all();
    run(&plane).await;
    assert_eq!(plane.watch.catalog.next_delivery_due().await.unwrap(), None, "the slow one got the rest");
}

#[tokio::test]
async fn mail_is_readable_confirms_by_its_link_and_is_tried_for_hours() {
    let mut mail = Mail::start().await;
    let smtp = Smtp {
        host: "127.0.0.1".into(),
        port: mail.port,
        from: "tw@example.com".into(),
        credentials: None,
        tls: SmtpTls::None,
    };
    let plane = plane(Settings { smtp: Some(smtp), ..private() }).await;
    confirmed(&plane, "email", "ann@example.com", json!({})).await;
    run(&plane).await;
    let asked = mail.all();
    assert_eq!(asked.len(), 1);
    assert!(asked[0].contains("Subject: Subscription Confirmation") && asked[0].contains("To: ann@example.com"));
    assert!(asked[0].contains("https://tw.example.com/?Action=3DConfirmSubscription"), "{}", asked[0]);
    let input = json!({ "TopicArn": TOPIC, "Message": "5 < 6 & déjà", "Subject": "Fire" });
    plane.ok("Publish", input).await;
    run(&plane).await;
    let heard = mail.all().remove(0);
    assert!(heard.contains("Subject: Fire") && heard.contains("From: Ops <tw@example.com>"), "{heard}");
    assert!(heard.contains("text/plain") && heard.contains("5 < 6 & d=C3=A9j=C3=A0"), "{heard}");
    assert!(heard.contains("text/html") && heard.contains("5 &lt; 6 &amp; d=C3=A9j=C3=A0"), "{heard}");
    assert!(heard.contains("Action=3DUnsubscribe"));
    confirmed(&plane, "email-json", "bob@example.com", json!({})).await;
    run(&plane).await;
    assert!(mail.all()[0].contains("\"Type\": \"SubscriptionConfirmation\""));
    mail.refuse(&["451 later", "250 ok", "550 no such user"]);
    publish(&plane, "m").await;
    run(&plane).await;
    assert_eq!((mail.all().len(), dead(&plane).await.len()), (1, 0), "one taken, one put off");
    plane.clock.advance(10 * SECOND);
    run(&plane).await;
    let dead = dead(&plane).await;
    assert_eq!((mail.all().len(), dead.len()), (0, 1));
    assert!(dead[0].1.contains("no such user"), "{dead:?}");
}

/// An alarm on `m > 10` with `actions` for ALARM.
fn alarm(actions: &[&str]) -> Value {
    json!({
        "AlarmName": "cpu", "Namespace": "N", "MetricName": "m", "Statistic": "Sum", "Period": 60,
        "EvaluationPeriods": 1, "Threshold": 10.0, "ComparisonOperator": "GreaterThanThreshold", "AlarmActions": actions,
    })
}

async fn set_state(plane: &Plane, state: &str) {
    plane.ok("SetAlarmState", json!({ "AlarmName": "cpu", "StateValue": state, "StateReason": "by hand" })).await;
}

#[tokio::test]
async fn an_alarm_reaches_topic_and_webhook_even_through_a_crash_and_its_history_says_so() {
    let mut web = Web::start().await;
    let hook = |path: &str, format| Webhook { url: format!("{}{path}", web.url), format };
    let webhooks = BTreeMap::from([
        ("json".to_owned(), hook("/json", WebhookFormat::Json)),
        ("slack".to_owned(), hook("/slack", WebhookFormat::Slack)),
    ]);
    let mut plane = plane(Settings { webhooks, ..private() }).await;
    subscribed(&plane, &mut web, "/topic", json!({})).await;
    let hook = "arn:trailwatch:notify:us-east-1:123456789012:webhook";
    let (json_hook, slack_hook) = (format!("{hook}/json"), format!("{hook}/slack"));
    let lambda = "arn:aws:lambda:us-east-1:123456789012:function:f";
    let gone = "arn:aws:sns:us-east-1:123456789012:gone";
    plane.ok("PutMetricAlarm", alarm(&[TOPIC, &json_hook, &slack_hook, lambda, gone])).await;
    set_state(&plane, "ALARM").await;
    plane.reopen().await;
    run(&plane).await;
    let mut heard = web.all();
    heard.sort_by(|a, b| a.path.cmp(&b.path));
    let paths: Vec<&str> = heard.iter().map(|request| request.path.as_str()).collect();
    assert_eq!(paths, ["/json", "/slack", "/topic"]);
    assert_eq!(heard[0].json()["message"]["NewStateValue"], "ALARM");
    assert_eq!(heard[0].json()["source"], json_hook);
    assert_eq!(heard[1].json()["text"], "*ALARM: \"cpu\" in US East (N. Virginia)*\nby hand");
    let document: Value = serde_json::from_str(heard[2].json()["Message"].as_str().unwrap()).unwrap();
    assert_eq!((&document["AlarmName"], &document["OldStateValue"]), (&json!("cpu"), &json!("INSUFFICIENT_DATA")));
    let input = json!({ "AlarmName": "cpu", "HistoryItemType": "Action", "ScanBy": "TimestampAscending" });
    let history = plane.ok("DescribeAlarmHistory", input).await;
    let items = history["AlarmHistoryItems"].as_array().unwrap();
    let summaries: Vec<&str> = items.iter().map(|item| item["HistorySummary"].as_str().unwrap()).collect();
    assert_eq!(
        summaries,
        [
            format!("Successfully executed action {TOPIC}"),
            format!("Successfully executed action {json_hook}"),
            format!("Successfully executed action {slack_hook}"),
            format!("Failed to execute action {lambda}. Received error: \"delivery to lambda is not available yet\""),
            format!("Failed to execute action {gone}. Received error: \"Topic does not exist\""),
        ]
    );
    let data: Value = serde_json::from_str(items[0]["HistoryData"].as_str().unwrap()).unwrap();
    assert_eq!((&data["actionState"], &data["notificationResource"]), (&json!("Succeeded"), &json!(TOPIC)));
    assert!(data["publishedMessage"].as_str().unwrap().contains("\"AlarmName\":\"cpu\""));
    plane.ok("Publish", json!({ "TargetArn": slack_hook, "Message": "hello" })).await;
    run(&plane).await;
    assert_eq!(web.next().await.body, r#"{"text":"hello"}"#);
}

#[tokio::test]
async fn an_alarm_whose_actions_are_off_or_that_stays_as_it_is_says_nothing() {
    let (plane, mut web) = (plane(private()).await, Web::start().await);
    subscribed(&plane, &mut web, "/", json!({})).await;
    plane.ok("PutMetricAlarm", alarm(&[TOPIC])).await;
    set_state(&plane, "OK").await;
    set_state(&plane, "ALARM").await;
    set_state(&plane, "ALARM").await;
    plane.ok("DisableAlarmActions", json!({ "AlarmNames": ["cpu"] })).await;
    set_state(&plane, "OK").await;
    set_state(&plane, "ALARM").await;
    run(&plane).await;
    assert_eq!(web.all().len(), 1, "only the first change to ALARM had an action");
    let input = json!({ "AlarmName": "cpu", "HistoryItemType": "Action" });
    let history = plane.ok("DescribeAlarmHistory", input).await;
    assert_eq!(history["AlarmHistoryItems"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn actions_tell_the_tags_that_the_alarm_has_then() {
    let (mut web, settings) = (Web::start().await, private());
    let mut operations = watch::sns::operations();
    // Both services tag; here only alarms are tagged.
    operations.retain(|row| !row.name.contains("Tag"));
    operations.extend(watch::cloudwatch::operations());
    let plane = Plane::with(operations, settings).await;
    plane.ok("CreateTopic", json!({ "Name": "t" })).await;
    subscribed(&plane, &mut web, "/", json!({})).await;
    let tag = |key: &str, value: &str| json!({ "Key": key, "Value": value });
    let mut input = alarm(&[TOPIC]);
    input["Tags"] = json!([tag("team", "shop"), tag("cost", "7")]);
    let arn = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:cpu";
    for (propagation, told) in [
        (Value::Null, Value::Null),
        (json!({ "Enabled": false }), Value::Null),
        (json!({ "Enabled": true }), json!([tag("cost", "7"), tag("env", "prod"), tag("team", "shop")])),
        (json!({ "Enabled": true, "IncludedTagKeys": ["team", "none"] }), json!([tag("team", "shop")])),
        (json!({ "Enabled": true, "IncludedTagKeys": ["Team"] }), json!([])),
        (json!({ "Enabled": true, "ExcludedTagKeys": ["team"] }), json!([tag("cost", "7"), tag("env", "prod")])),
    ] {
        input["ActionConfiguration"] = match propagation {
            Value::Null => Value::Null,
            _ => json!({ "AlarmTagsPropagation": propagation }),
        };
        plane.ok("PutMetricAlarm", input.clone()).await;
        // Tags that come later count too.
        plane.ok("TagResource", json!({ "ResourceARN": arn, "Tags": [tag("env", "prod")] })).await;
        let described = plane.ok("DescribeAlarms", json!({})).await["MetricAlarms"][0].clone();
        assert_eq!(described.get("ActionConfiguration").unwrap_or(&Value::Null), &input["ActionConfiguration"]);
        set_state(&plane, "OK").await;
        set_state(&plane, "ALARM").await;
        run(&plane).await;
        let received = messages(&web.all());
        let message: Value = serde_json::from_str(&received[0]).unwrap();
        assert_eq!((received.len(), message.get("AlarmTags").unwrap_or(&Value::Null)), (1, &told));
        let status = if told.is_null() { Value::Null } else { json!("SUCCESS") };
        assert_eq!(message.get("AlarmTagsStatus").unwrap_or(&Value::Null), &status);
    }
    let both = json!({ "Enabled": true, "IncludedTagKeys": ["a"], "ExcludedTagKeys": ["b"] });
    input["ActionConfiguration"] = json!({ "AlarmTagsPropagation": both });
    let (code, message) = plane.refused("PutMetricAlarm", input).await;
    assert!(code == "ValidationException" && message.contains("mutually exclusive"), "{code} {message}");
    // A composite alarm has them at the end of its message too.
    let input = json!({
        "AlarmName": "all", "AlarmRule": "NOT OK(cpu)", "AlarmActions": [TOPIC], "Tags": [tag("team", "site")],
        "ActionConfiguration": { "AlarmTagsPropagation": { "Enabled": true } },
    });
    plane.ok("PutCompositeAlarm", input).await;
    watch::alarms::evaluate_due(&plane.watch).await;
    run(&plane).await;
    let told: Vec<Value> = messages(&web.all()).iter().map(|text| serde_json::from_str(text).unwrap()).collect();
    let all = told.iter().find(|message| message["AlarmName"] == "all").expect("the composite alarm tells");
    assert_eq!((&all["AlarmTags"], &all["AlarmTagsStatus"]), (&json!([tag("team", "site")]), &json!("SUCCESS")));
}

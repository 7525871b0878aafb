//! PutAuditEvents: partial failure, checksum, recipient, duplicates; found by our own question only.

use crate::*;
use query::events::{Category, EventLookup, lookup};

async fn channel(plane: &Plane) -> String {
    let store = plane.create_activity_store("app").await;
    let input =
        json!({"Name": "app", "Source": "Custom", "Destinations": [{"Type": "EVENT_DATA_STORE", "Location": store}]});
    plane.call("CreateChannel", input).await.unwrap()["ChannelArn"].as_str().unwrap().to_owned()
}

fn data(change: Value) -> String {
    let mut data = json!({
        "version": "1.0", "userIdentity": {"type": "CustomUser", "principalId": "alice", "details": {"team": "x"}},
        "eventSource": "app.example.com", "eventName": "ApproveInvoice", "eventTime": "2026-01-02T03:00:00Z", "UID": "u-1",
        "recipientAccountId": ACCOUNT, "unknownMember": {"kept": true},
    });
    for (key, value) in change.as_object().unwrap() {
        match value {
            Value::Null => drop(data.as_object_mut().unwrap().remove(key)),
            value => data[key] = value.clone(),
        }
    }
    data.to_string()
}

async fn put(plane: &Plane, arn: &str, events: Value) -> Result<Value, String> {
    let query = format!("channelArn={}", arn.replace(':', "%3A").replace('/', "%2F"));
    plane.call_with(&caller("us-east-1"), "PutAuditEvents", &query, json!({"auditEvents": events})).await
}

#[tokio::test]
async fn each_event_succeeds_or_fails_by_itself() {
    let plane = Plane::new().await;
    let arn = channel(&plane).await;
    let checksum = "NEyOkrJPQhUZDdDm7t9K3ZyJ5wBGyjLC7H8Kp3i2Dbk=";
    let cases = [
        (data(json!({"recipientAccountId": "999999999999"})), None, "InvalidRecipient"),
        (data(json!({"UID": null})), None, "FieldNotFound"),
        (data(json!({"userIdentity": {"type": "x"}})), None, "FieldNotFound"),
        (data(json!({"errorMessage": "x".repeat(257)})), None, "FieldTooLong"),
        (data(json!({"requestParameters": {"x": "y".repeat(110_000)}})), None, "FieldTooLong"),
        (data(json!({"eventTime": "yesterday"})), None, "InvalidData"),
        (data(json!({"eventName": 5})), None, "InvalidData"),
        (data(json!({"eventSource": "s3.amazonaws.com"})), None, "InvalidEventSource"),
        ("not json".to_owned(), None, "InvalidData"),
        (data(json!({})), Some(checksum), "InvalidChecksum"),
    ];
    let mut events: Vec<Value> = cases
        .iter()
        .enumerate()
        .map(|(n, (data, checksum, _))| json!({"id": format!("bad-{n}"), "eventData": data, "eventDataChecksum": checksum}))
        .collect();
    let good = data(json!({}));
    events.push(json!({"id": "good", "eventData": good}));
    let answer = put(&plane, &arn, json!(events)).await.unwrap();
    let failed: Vec<_> =
        answer["failed"].as_array().unwrap().iter().map(|f| f["errorCode"].as_str().unwrap()).collect();
    assert_eq!(failed, cases.iter().map(|(_, _, code)| *code).collect::<Vec<_>>());
    assert_eq!(answer["successful"].as_array().unwrap().len(), 1);
    assert_eq!(answer["successful"][0]["id"], "good");

    assert_eq!(plane.call("LookupEvents", json!({})).await.unwrap()["Events"], json!([]), "not a management event");
    let question = EventLookup {
        account: Some(ACCOUNT.into()),
        region: Some("us-east-1".into()),
        range: model::TimeRange::ALL,
        category: Category::Any,
        filters: vec![store::EventFilter::Username("alice".into())],
        after: None,
        limit: 10,
    };
    let page = lookup(&plane.trail.store, &question).await.unwrap();
    let [row] = page.events.as_slice() else { panic!("{page:?}") };
    assert_eq!(row.event.event_id, answer["successful"][0]["eventID"].as_str().unwrap());
    assert_eq!((row.event.category.as_str(), row.event.name.as_str()), ("ActivityAuditLog", "ApproveInvoice"));
    assert!(row.event.record.contains(&good), "the client's data stand in the record verbatim");
    let record: Value = serde_json::from_str(&row.event.record).unwrap();
    assert_eq!((&record["eventType"], &record["metadata"]["channelARN"]), (&json!("ActivityLog"), &json!(arn)));

    let status = &plane.call("GetChannel", json!({"Channel": arn})).await.unwrap()["IngestionStatus"];
    assert_eq!(status["LatestIngestionSuccessEventID"], answer["successful"][0]["eventID"]);
    assert_eq!(status["LatestIngestionErrorCode"], "InvalidChecksum");
}

#[tokio::test]
async fn a_right_checksum_is_accepted() {
    let plane = Plane::new().await;
    let arn = channel(&plane).await;
    let data = format!(
        r#"{{"version":"1","userIdentity":{{"type":"t","principalId":"p"}},"eventSource":"a.b","eventName":"n","eventTime":"2026-01-02T03:00:00Z","UID":"u","recipientAccountId":"{ACCOUNT}"}}"#
    );
    // base64 of the SHA-256 of exactly that text.
    let checksum = "SHj4DMeAfDqkQxmM3lrIQq0kQoxI5yPLQJVefzUAPek=";
    let answer =
        put(&plane, &arn, json!([{"id": "a", "eventData": data, "eventDataChecksum": checksum}])).await.unwrap();
    assert_eq!(answer["failed"], json!([]));
}

#[tokio::test]
async fn whole_requests_are_refused() {
    let plane = Plane::new().await;
    let arn = channel(&plane).await;
    let one = json!({"id": "a", "eventData": data(json!({}))});
    refused(put(&plane, &arn, json!([one, one])).await, "DuplicatedAuditEventId");
    refused(put(&plane, &format!("{arn}x"), json!([one])).await, "ChannelNotFound");
    refused(put(&plane, "arn:aws:s3:::b", json!([one])).await, "InvalidChannelARN");
    refused(put(&plane, &arn, json!([])).await, "ValidationException");
    refused(put(&plane, &arn, json!([{"id": "a b", "eventData": "{}"}])).await, "ValidationException");
    let mut foreign = caller("us-east-1");
    foreign.scope.account = "999999999999".into();
    let query = format!("channelArn={arn}");
    let answer = plane.call_with(&foreign, "PutAuditEvents", &query, json!({"auditEvents": [one]})).await;
    refused(answer, "ChannelInsufficientPermission");
}

#[tokio::test]
async fn the_policy_of_a_channel_lets_other_accounts_in_and_may_deny_its_own() {
    let plane = Plane::new().await;
    let arn = channel(&plane).await;
    let foreign =
        model::Caller::root(model::Scope { account: "999999999999".into(), region: "us-east-1".into() }, "AKIAFOREIGN");
    let put_as = async |caller: &model::Caller, external: &str| {
        let query = format!("channelArn={arn}{external}");
        let events = json!({"auditEvents": [{"id": "a", "eventData": data(json!({}))}]});
        plane.call_with(caller, "PutAuditEvents", &query, events).await
    };
    let policy = async |effect: &str, principal: &str, condition: Value| {
        let statement = json!({
            "Effect": effect, "Principal": {"AWS": principal}, "Action": "cloudtrail-data:PutAuditEvents",
            "Resource": arn, "Condition": condition,
        });
        let document = json!({"Version": "2012-10-17", "Statement": [statement]}).to_string();
        plane.call("PutResourcePolicy", json!({"ResourceArn": arn, "ResourcePolicy": document})).await.unwrap();
    };
    policy("Allow", "999999999999", json!({"StringEquals": {"cloudtrail:ExternalId": "secret"}})).await;
    refused(put_as(&foreign, "").await, "ChannelInsufficientPermission");
    refused(put_as(&foreign, "&externalId=other").await, "ChannelInsufficientPermission");
    assert_eq!(put_as(&foreign, "&externalId=secret").await.unwrap()["failed"], json!([]));
    let own = caller("us-east-1");
    assert_eq!(put_as(&own, "").await.unwrap()["failed"], json!([]), "its own account need not be named");
    policy("Allow", "888888888888", json!({})).await;
    refused(put_as(&foreign, "").await, "ChannelInsufficientPermission");
    policy("Deny", ACCOUNT, json!({})).await;
    refused(put_as(&own, "").await, "ChannelInsufficientPermission");
}

#[tokio::test]
async fn the_policy_of_a_channel_is_about_that_channel_and_its_one_action() {
    let plane = Plane::new().await;
    let arn = channel(&plane).await;
    let statement = |principal: Value, action: &str, resource: &str| json!({"Effect": "Allow", "Principal": principal, "Action": action, "Resource": resource});
    let (one, action) = (json!({"AWS": "999999999999"}), "cloudtrail-data:PutAuditEvents");
    let many = |count: u64| json!({"AWS": (0..count).map(|n| format!("{n:012}")).collect::<Vec<_>>()});
    let good = statement(one.clone(), action, &arn);
    let put = async |statements: Value| {
        let document = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
        plane.call("PutResourcePolicy", json!({"ResourceArn": arn, "ResourcePolicy": document})).await
    };
    for statements in
        [good.clone(), json!(vec![&good; 20]), statement(many(50), action, &arn), statement(json!("*"), action, &arn)]
    {
        put(statements).await.unwrap();
    }
    let other = arn.replace(ACCOUNT, "999999999999");
    for statements in [
        statement(one.clone(), "cloudtrail:StartQuery", &arn),
        statement(one.clone(), "*", &arn),
        statement(one.clone(), action, &other),
        statement(one.clone(), action, "*"),
        json!({"Effect": "Allow", "Principal": one, "Action": action}),
        json!({"Effect": "Allow", "Principal": one, "Action": action, "Resource": arn, "Condition": "none"}),
        json!(vec![&good; 21]),
        statement(many(51), action, &arn),
        statement(many(0), action, &arn),
    ] {
        refused(put(statements).await, "ResourcePolicyNotValidException");
    }
}

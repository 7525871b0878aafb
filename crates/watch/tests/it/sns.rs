//! SNS: topics, subscriptions, attributes, pages, tags, and what is refused in which words.

use crate::plane::Plane;
use model::{Caller, Scope};
use serde_json::{Value, json};
use watch::notify::{Settings, Smtp, SmtpTls};

const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:t";

async fn plane() -> Plane {
    Plane::new(watch::sns::operations()).await
}

/// A plane with topic `t`.
async fn with_topic() -> Plane {
    let plane = plane().await;
    assert_eq!(plane.ok("CreateTopic", json!({ "Name": "t" })).await["TopicArn"], TOPIC);
    plane
}

async fn topic_attributes(plane: &Plane) -> Value {
    plane.ok("GetTopicAttributes", json!({ "TopicArn": TOPIC })).await["Attributes"].clone()
}

/// Subscribes an endpoint to topic `t`; answers the subscription's ARN.
async fn subscribe(plane: &Plane, endpoint: &str) -> String {
    let input = json!({ "TopicArn": TOPIC, "Protocol": "https", "Endpoint": endpoint, "ReturnSubscriptionArn": true });
    plane.ok("Subscribe", input).await["SubscriptionArn"].as_str().unwrap().to_owned()
}

/// The token of the only subscription of topic `t`.
async fn token(plane: &Plane, arn: &str) -> String {
    let id = arn.rsplit(':').next().unwrap();
    let scope = Scope { account: "123456789012".into(), region: "us-east-1".into() };
    plane.watch.catalog.subscription(&scope, "t", id).await.unwrap().unwrap().token
}

pub fn nobody() -> Caller {
    let mut caller = Caller::root(Scope { account: "123456789012".into(), region: "us-east-1".into() }, "");
    caller.identity_type = "Unknown".into();
    caller.arn.clear();
    caller
}

#[tokio::test]
async fn creating_again_answers_the_same_topic_and_other_attributes_are_refused() {
    let plane = plane().await;
    let named = json!({ "Name": "t", "Attributes": { "DisplayName": "Ops" }, "Tags": [{ "Key": "a", "Value": "1" }] });
    for input in [named.clone(), named, json!({ "Name": "t" })] {
        assert_eq!(plane.ok("CreateTopic", input).await["TopicArn"], TOPIC);
    }
    let refused = plane.refused("CreateTopic", json!({ "Name": "t", "Attributes": { "DisplayName": "Dev" } })).await;
    assert_eq!(refused.1, "Invalid parameter: Attributes Reason: Topic already exists with different attributes");
    let refused = plane.refused("CreateTopic", json!({ "Name": "t", "Tags": [{ "Key": "b", "Value": "1" }] })).await;
    assert_eq!(refused.1, "Invalid parameter: Tags Reason: Topic already exists with different tags");
    let attributes = topic_attributes(&plane).await;
    assert_eq!(attributes["DisplayName"], "Ops");
    for _ in 0..2 {
        plane.ok("DeleteTopic", json!({ "TopicArn": TOPIC })).await;
    }
    let refused = plane.refused("GetTopicAttributes", json!({ "TopicArn": TOPIC })).await;
    assert_eq!(refused, ("NotFoundException".into(), "Topic does not exist".into()));
    plane.ok("CreateTopic", json!({ "Name": "t" })).await;
    assert_eq!(topic_attributes(&plane).await["DisplayName"], "", "nothing is left of the deleted topic");
}

#[tokio::test]
async fn attributes_are_those_that_aws_lists() {
    let plane = with_topic().await;
    let attributes = topic_attributes(&plane).await;
    let names: Vec<&str> = attributes.as_object().unwrap().keys().map(String::as_str).collect();
    let expected = [
        "DisplayName",
        "EffectiveDeliveryPolicy",
        "Owner",
        "Policy",
        "SubscriptionsConfirmed",
        "SubscriptionsDeleted",
        "SubscriptionsPending",
        "TopicArn",
    ];
    assert_eq!(names, expected);
    let policy: Value = serde_json::from_str(attributes["Policy"].as_str().unwrap()).unwrap();
    assert_eq!(policy["Id"], "__default_policy_ID");
    assert_eq!(policy["Statement"][0]["Resource"], TOPIC);
    let delivery: Value = serde_json::from_str(attributes["EffectiveDeliveryPolicy"].as_str().unwrap()).unwrap();
    assert_eq!(delivery["http"]["defaultHealthyRetryPolicy"]["numRetries"], 3);
    let set = async |name: &str, value: &str| {
        let input = json!({ "TopicArn": TOPIC, "AttributeName": name, "AttributeValue": value });
        plane.call("SetTopicAttributes", input).await
    };
    set("DeliveryPolicy", r#"{"http":{"defaultHealthyRetryPolicy":{"numRetries":7}}}"#).await.unwrap();
    let attributes = topic_attributes(&plane).await;
    let delivery: Value = serde_json::from_str(attributes["EffectiveDeliveryPolicy"].as_str().unwrap()).unwrap();
    assert_eq!(delivery["http"]["defaultHealthyRetryPolicy"]["numRetries"], 7);
    set("DeliveryPolicy", "").await.unwrap();
    assert_eq!(topic_attributes(&plane).await.get("DeliveryPolicy"), None);
    // A key is kept, and nothing is encrypted with it.
    set("KmsMasterKeyId", "alias/aws/sns").await.unwrap();
    assert_eq!(topic_attributes(&plane).await["KmsMasterKeyId"], "alias/aws/sns");
    set("KmsMasterKeyId", "").await.unwrap();
    assert_eq!(topic_attributes(&plane).await.get("KmsMasterKeyId"), None);
    let locked = json!({ "Name": "locked", "Attributes": { "KmsMasterKeyId": "k" } });
    let arn = plane.ok("CreateTopic", locked).await["TopicArn"].clone();
    let shown = plane.ok("GetTopicAttributes", json!({ "TopicArn": arn })).await;
    assert_eq!(shown["Attributes"]["KmsMasterKeyId"], "k");
    for (name, value, message) in [
        ("KmsMasterKeyId", "a key", "Invalid parameter: KmsMasterKeyId"),
        (
            "TracingConfig",
            "Active",
            "Invalid parameter: AttributeName Reason: Trailwatch has no attribute TracingConfig",
        ),
        ("Policy", "{", "Invalid parameter: Policy failed to parse"),
        ("Policy", "", "Invalid parameter: Policy Error: null"),
        ("DisplayName", "a\nb", "Invalid parameter: DisplayName"),
        (
            "DeliveryPolicy",
            r#"{"http":{"defaultHealthyRetryPolicy":{"numRetries":101}}}"#,
            "Invalid parameter: DeliveryPolicy: numRetries must be between 0 and 100",
        ),
    ] {
        assert_eq!(set(name, value).await.unwrap_err(), ("InvalidParameterException".into(), message.into()));
    }
}

#[tokio::test]
async fn a_subscription_is_pending_until_someone_brings_its_token() {
    let plane = with_topic().await;
    let arn = subscribe(&plane, "https://example.com/a").await;
    let listed = plane.ok("ListSubscriptionsByTopic", json!({ "TopicArn": TOPIC })).await;
    assert_eq!(
        listed["Subscriptions"][0],
        json!({
            "SubscriptionArn": "PendingConfirmation", "Owner": "123456789012", "Protocol": "https",
            "Endpoint": "https://example.com/a", "TopicArn": TOPIC,
        })
    );
    let again = json!({ "TopicArn": TOPIC, "Protocol": "https", "Endpoint": "https://example.com/a" });
    let first = token(&plane, &arn).await;
    assert_eq!(plane.ok("Subscribe", again.clone()).await["SubscriptionArn"], "pending confirmation");
    let confirm = |token: &str| json!({ "TopicArn": TOPIC, "Token": token });
    let refused = plane.refused("ConfirmSubscription", confirm(&first)).await;
    assert_eq!(refused.1, "Invalid parameter: Token", "a new confirmation ends the old one");
    let second = token(&plane, &arn).await;
    for _ in 0..2 {
        let confirmed = plane.call_as(&nobody(), "ConfirmSubscription", confirm(&second)).await.unwrap();
        assert_eq!(confirmed["SubscriptionArn"], arn);
    }
    assert_eq!(plane.ok("Subscribe", again).await["SubscriptionArn"], arn);
    let attributes = plane.ok("GetSubscriptionAttributes", json!({ "SubscriptionArn": arn })).await;
    let attributes = &attributes["Attributes"];
    assert_eq!(attributes["PendingConfirmation"], "false");
    assert_eq!(attributes["ConfirmationWasAuthenticated"], "false");
    assert_eq!(attributes["RawMessageDelivery"], "false");
    let counts = topic_attributes(&plane).await;
    assert_eq!((&counts["SubscriptionsConfirmed"], &counts["SubscriptionsPending"]), (&json!("1"), &json!("0")));
    plane.call_as(&nobody(), "Unsubscribe", json!({ "SubscriptionArn": arn })).await.unwrap();
    let again = plane.call_as(&nobody(), "Unsubscribe", json!({ "SubscriptionArn": arn })).await.unwrap_err();
    assert_eq!(
        again.1, "Subscription does not exist",
        "what a stranger does in vain is refused, and so not recorded each time"
    );
    assert_eq!(topic_attributes(&plane).await["SubscriptionsDeleted"], "1");
}

#[tokio::test]
async fn a_token_lasts_two_days_and_who_confirmed_signed_may_ask_for_signed_unsubscribing() {
    let plane = with_topic().await;
    let arn = subscribe(&plane, "https://example.com/a").await;
    let token = token(&plane, &arn).await;
    let confirm = json!({ "TopicArn": TOPIC, "Token": token, "AuthenticateOnUnsubscribe": "true" });
    plane.ok("ConfirmSubscription", confirm).await;
    let unsubscribe = json!({ "SubscriptionArn": arn });
    let refused = plane.call_as(&nobody(), "Unsubscribe", unsubscribe.clone()).await.unwrap_err();
    assert_eq!(refused.0, "AuthorizationErrorException");
    assert!(refused.1.starts_with("User: anonymous is not authorized to perform: SNS:Unsubscribe on resource:"));
    plane.ok("Unsubscribe", unsubscribe).await;
    let late = subscribe(&plane, "https://example.com/b").await;
    let token = self::token(&plane, &late).await;
    plane.clock.advance(2 * model::time::DAY);
    let refused = plane.refused("ConfirmSubscription", json!({ "TopicArn": TOPIC, "Token": token })).await;
    assert_eq!(refused.1, "Invalid parameter: Token");
    watch::maintain(&plane.watch).await;
    let listed = plane.ok("ListSubscriptions", json!({})).await;
    assert_eq!(listed["Subscriptions"], json!([]));
}

#[tokio::test]
async fn pages_have_a_hundred_and_every_item_stands_on_one() {
    let plane = with_topic().await;
    for number in 0..100 {
        plane.ok("CreateTopic", json!({ "Name": format!("u{number}") })).await;
        subscribe(&plane, &format!("https://example.com/{number}")).await;
    }
    subscribe(&plane, "https://example.com/last").await;
    for (operation, list) in [
        ("ListTopics", "Topics"),
        ("ListSubscriptions", "Subscriptions"),
        ("ListSubscriptionsByTopic", "Subscriptions"),
    ] {
        let mut input = if operation == "ListSubscriptionsByTopic" { json!({ "TopicArn": TOPIC }) } else { json!({}) };
        let first = plane.ok(operation, input.clone()).await;
        input["NextToken"] = first["NextToken"].clone();
        let second = plane.ok(operation, input.clone()).await;
        let count = |page: &Value| page[list].as_array().unwrap().len();
        assert_eq!((count(&first), count(&second)), (100, 1), "{operation}");
        assert_eq!(second.get("NextToken"), None);
        let member = if operation == "ListTopics" { "TopicArn" } else { "Endpoint" };
        let items = first[list].as_array().unwrap().iter().chain(second[list].as_array().unwrap());
        let distinct: std::collections::HashSet<String> = items.map(|item| item[member].to_string()).collect();
        assert_eq!(distinct.len(), 101);
        input["NextToken"] = json!("nonsense");
        assert_eq!(plane.refused(operation, input).await.1, "Invalid parameter: NextToken");
    }
}

#[tokio::test]
async fn what_is_wrong_is_refused_in_the_words_of_aws() {
    let plane = with_topic().await;
    let subscribe =
        |protocol: &str, endpoint: &str| json!({ "TopicArn": TOPIC, "Protocol": protocol, "Endpoint": endpoint });
    let publish = |more: Value| {
        let mut input = json!({ "TopicArn": TOPIC, "Message": "m" });
        more.as_object().unwrap().iter().for_each(|(key, value)| input[key] = value.clone());
        input
    };
    let attribute = |value: Value| publish(json!({ "MessageAttributes": { "a": value } }));
    let cases = [
        ("CreateTopic", json!({ "Name": "" }), "Topic Name"),
        ("CreateTopic", json!({ "Name": "a b" }), "Topic Name"),
        ("CreateTopic", json!({ "Name": "x".repeat(257) }), "Topic Name"),
        ("CreateTopic", json!({ "Name": "a.fifo" }), "Attributes Reason: Trailwatch has no FIFO topics"),
        (
            "CreateTopic",
            json!({ "Name": "a", "Attributes": { "Nope": "1" } }),
            "AttributeName Reason: Trailwatch has no attribute Nope",
        ),
        (
            "GetTopicAttributes",
            json!({ "TopicArn": "t" }),
            "TopicArn Reason: An ARN must have at least 6 elements, not 1",
        ),
        ("GetTopicAttributes", json!({ "TopicArn": "arn:aws:sqs:us-east-1:123456789012:t" }), "TopicArn"),
        ("GetTopicAttributes", json!({ "TopicArn": "arn:aws:sns:eu-west-1:123456789012:t" }), "TopicArn"),
        ("DeleteTopic", json!({ "TopicArn": "t" }), "TopicArn Reason: An ARN must have at least 6 elements, not 1"),
        ("Subscribe", subscribe("pigeon", "x"), "Amazon SNS does not support this protocol string: pigeon"),
        (
            "Subscribe",
            subscribe("sqs", "arn:aws:sqs:us-east-1:123456789012:q"),
            "Protocol Reason: Trailwatch delivers by http, https, email and email-json, not by sqs",
        ),
        ("Subscribe", subscribe("http", "https://example.com"), "Endpoint must match the specified protocol"),
        ("Subscribe", subscribe("https", "example.com"), "Endpoint must match the specified protocol"),
        ("Subscribe", subscribe("http", ""), "Endpoint must match the specified protocol"),
        ("Subscribe", subscribe("http", "http://localhost/"), "Not authorized to subscribe internal endpoints"),
        ("Subscribe", subscribe("http", "http://LOCALHOST./"), "Not authorized to subscribe internal endpoints"),
        ("Subscribe", subscribe("http", "http://127.0.0.1:80/"), "Not authorized to subscribe internal endpoints"),
        ("Subscribe", subscribe("http", "http://[::1]/"), "Not authorized to subscribe internal endpoints"),
        ("Subscribe", subscribe("http", "http://169.254.169.254/"), "Not authorized to subscribe internal endpoints"),
        ("Subscribe", subscribe("email", "nobody"), "Email address"),
        (
            "Subscribe",
            subscribe("email", "a@example.com"),
            "Protocol Reason: Trailwatch sends e-mail once a mail server is configured ([notify.smtp])",
        ),
        (
            "Unsubscribe",
            json!({ "SubscriptionArn": "x" }),
            "SubscriptionArn Reason: An ARN must have at least 6 elements, not 1",
        ),
        ("Unsubscribe", json!({ "SubscriptionArn": TOPIC }), "SubscriptionId"),
        ("ConfirmSubscription", json!({ "TopicArn": TOPIC, "Token": "x" }), "Token"),
        ("Publish", json!({ "Message": "m" }), "TopicArn or TargetArn Reason: no value for required parameter"),
        ("Publish", json!({ "Message": "m", "PhoneNumber": "+1" }), "PhoneNumber Reason: Trailwatch sends no SMS"),
        ("Publish", publish(json!({ "Message": "" })), "Empty message"),
        ("Publish", publish(json!({ "Message": "x".repeat(256 * 1024 + 1) })), "Message too long"),
        ("Publish", publish(json!({ "Subject": "" })), "Subject"),
        ("Publish", publish(json!({ "Subject": "a\nb" })), "Subject"),
        ("Publish", publish(json!({ "Subject": "x".repeat(101) })), "Subject"),
        ("Publish", publish(json!({ "MessageStructure": "xml" })), "MessageStructure"),
        (
            "Publish",
            publish(json!({ "MessageStructure": "json" })),
            "Message Structure - JSON message body failed to parse",
        ),
        (
            "Publish",
            publish(json!({ "MessageStructure": "json", "Message": "{\"http\":\"x\"}" })),
            "Message Structure - No default entry in JSON message body",
        ),
        (
            "Publish",
            json!({ "Message": "m", "TargetArn": "arn:trailwatch:notify:us-east-1:123456789012:webhook/nope" }),
            "TargetArn Reason: No webhook of this name is configured",
        ),
    ];
    for (operation, input, message) in cases {
        let refused = plane.refused(operation, input).await;
        assert_eq!(refused, ("InvalidParameterException".into(), format!("Invalid parameter: {message}")));
    }
    for (input, part) in [
        (attribute(json!({ "DataType": "Strange", "StringValue": "x" })), "has an invalid message attribute type"),
        (
            attribute(json!({ "DataType": "String", "StringValue": "" })),
            "must contain non-empty message attribute value",
        ),
        (attribute(json!({ "DataType": "Number", "StringValue": "x" })), "Could not cast"),
    ] {
        let refused = plane.refused("Publish", input).await;
        assert!(refused.0 == "InvalidParameterValueException" && refused.1.contains(part), "{refused:?}");
    }
}

#[tokio::test]
async fn what_is_not_there_or_not_ones_own_is_told_apart() {
    let plane = with_topic().await;
    let gone = "arn:aws:sns:us-east-1:123456789012:gone";
    for (operation, input) in [
        ("GetTopicAttributes", json!({ "TopicArn": gone })),
        ("SetTopicAttributes", json!({ "TopicArn": gone, "AttributeName": "DisplayName", "AttributeValue": "x" })),
        ("Subscribe", json!({ "TopicArn": gone, "Protocol": "http", "Endpoint": "http://example.com" })),
        ("ConfirmSubscription", json!({ "TopicArn": gone, "Token": "x" })),
        ("ListSubscriptionsByTopic", json!({ "TopicArn": gone })),
        ("Publish", json!({ "TopicArn": gone, "Message": "m" })),
    ] {
        let refused = plane.refused(operation, input).await;
        assert_eq!(refused, ("NotFoundException".into(), "Topic does not exist".into()), "{operation}");
    }
    let refused = plane.refused("GetSubscriptionAttributes", json!({ "SubscriptionArn": format!("{TOPIC}:x") })).await;
    assert_eq!(refused, ("NotFoundException".into(), "Subscription does not exist".into()));
    let refused = plane.refused("TagResource", json!({ "ResourceArn": gone, "Tags": [] })).await;
    assert_eq!(refused.0, "ResourceNotFoundException");
    let foreign = "arn:aws:sns:us-east-1:999999999999:t";
    let refused = plane.refused("Publish", json!({ "TopicArn": foreign, "Message": "m" })).await;
    assert_eq!(refused.0, "AuthorizationErrorException");
    assert_eq!(
        refused.1,
        "User: arn:aws:iam::123456789012:root is not authorized to perform: SNS:Publish on resource: \
         arn:aws:sns:us-east-1:999999999999:t because no resource-based policy allows the SNS:Publish action"
    );
}

#[tokio::test]
async fn subscriptions_keep_the_attributes_that_make_sense_for_them() {
    let smtp = Smtp { host: "h".into(), port: 1, from: "a@example.com".into(), credentials: None, tls: SmtpTls::None };
    let plane = Plane::with(watch::sns::operations(), Settings { smtp: Some(smtp), ..Settings::default() }).await;
    plane.ok("CreateTopic", json!({ "Name": "t" })).await;
    let by_http = subscribe(&plane, "https://example.com/a").await;
    let mail =
        json!({ "TopicArn": TOPIC, "Protocol": "email", "Endpoint": "b@example.com", "ReturnSubscriptionArn": true });
    let by_mail = plane.ok("Subscribe", mail).await["SubscriptionArn"].as_str().unwrap().to_owned();
    let set = async |arn: &str, name: &str, value: &str| {
        let input = json!({ "SubscriptionArn": arn, "AttributeName": name, "AttributeValue": value });
        plane.call("SetSubscriptionAttributes", input).await.map_err(|refusal| refusal.1)
    };
    set(&by_http, "RawMessageDelivery", "true").await.unwrap();
    set(&by_http, "DeliveryPolicy", r#"{"healthyRetryPolicy":{"numRetries":1}}"#).await.unwrap();
    set(&by_http, "FilterPolicy", r#"{"a":["b"]}"#).await.unwrap();
    let attributes = plane.ok("GetSubscriptionAttributes", json!({ "SubscriptionArn": by_http })).await;
    let attributes = &attributes["Attributes"];
    assert_eq!(attributes["RawMessageDelivery"], "true");
    assert_eq!(attributes["FilterPolicyScope"], "MessageAttributes");
    assert!(attributes["EffectiveDeliveryPolicy"].as_str().unwrap().contains("\"numRetries\":1"));
    for (arn, name, value, part) in [
        (&by_mail, "RawMessageDelivery", "true", "[email] does not support raw message delivery"),
        (&by_mail, "DeliveryPolicy", "{}", "[email] does not support delivery policies"),
        (&by_http, "RawMessageDelivery", "maybe", "Must be true or false"),
        (&by_http, "FilterPolicy", "{", "FilterPolicy: failed to parse JSON"),
        (&by_http, "FilterPolicy", r#"{"a":{"b":["c"]}}"#, "does not support nested filter policy"),
        (&by_http, "FilterPolicyScope", "Elsewhere", "Please use either MessageBody or MessageAttributes"),
        (&by_http, "RedrivePolicy", "{}", "AttributeName Reason: Trailwatch has no attribute RedrivePolicy"),
    ] {
        let refused = set(arn, name, value).await.unwrap_err();
        assert!(refused.contains(part), "{name} {value}: {refused}");
    }
    set(&by_http, "FilterPolicyScope", "MessageBody").await.unwrap();
    set(&by_http, "FilterPolicy", r#"{"a":{"b":["c"]}}"#).await.unwrap();
    let refused = set(&by_http, "FilterPolicyScope", "MessageAttributes").await.unwrap_err();
    assert!(refused.contains("nested"), "the policy could not be read in the other scope: {refused}");
    let tags = json!({ "ResourceArn": TOPIC, "Tags": [{ "Key": "k", "Value": "v" }, { "Key": "l", "Value": "w" }] });
    plane.ok("TagResource", tags).await;
    plane.ok("UntagResource", json!({ "ResourceArn": TOPIC, "TagKeys": ["k"] })).await;
    let tags = plane.ok("ListTagsForResource", json!({ "ResourceArn": TOPIC })).await;
    assert_eq!(tags["Tags"], json!([{ "Key": "l", "Value": "w" }]));
}

#[tokio::test]
async fn a_batch_is_taken_entry_by_entry() {
    let plane = with_topic().await;
    let entry = |id: &str, message: &str| json!({ "Id": id, "Message": message });
    let batch = |entries: Vec<Value>| json!({ "TopicArn": TOPIC, "PublishBatchRequestEntries": entries });
    let answer = plane.ok("PublishBatch", batch(vec![entry("a", "one"), entry("b", ""), entry("c", "three")])).await;
    let ids: Vec<&Value> = answer["Successful"].as_array().unwrap().iter().map(|entry| &entry["Id"]).collect();
    assert_eq!(ids, ["a", "c"]);
    assert_eq!(
        answer["Failed"],
        json!([{ "Id": "b", "Code": "InvalidParameter", "Message": "Invalid parameter: Empty message", "SenderFault": true }])
    );
    let eleven = (0..11).map(|number| entry(&number.to_string(), "m")).collect();
    for (entries, code) in [
        (vec![], "EmptyBatchRequestException"),
        (eleven, "TooManyEntriesInBatchRequestException"),
        (vec![entry("a", "m"), entry("a", "n")], "BatchEntryIdsNotDistinctException"),
        (vec![entry("a b", "m")], "InvalidBatchEntryIdException"),
        (vec![entry("a", &"x".repeat(200_000)), entry("b", &"x".repeat(200_000))], "BatchRequestTooLongException"),
    ] {
        assert_eq!(plane.refused("PublishBatch", batch(entries)).await.0, code);
    }
}

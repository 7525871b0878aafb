//! From the JSON text of a CloudTrail record to an `Event`. Real records are odd: only what neither says when nor what
//! happened is refused; a member of the wrong type counts as absent.
//!
//! A record whose time cannot be read (redacted ones exist) is kept at the epoch, 1970-01-01: nothing is lost, it is
//! found again by a second import, and it cannot be mistaken for something that happened lately.

use crate::json::{Json, Object};
use model::{Event, EventResource, Timestamp, limits};
use std::borrow::Cow;
use uuid::Uuid;

/// What a record that does not say gets.
#[derive(Debug, Clone, Default)]
pub struct Defaults {
    /// Twelve-digit account id.
    pub account: String,
    /// Region name.
    pub region: String,
    /// When the record reached us.
    pub ingestion_time: Timestamp,
}

/// Why a text is no CloudTrail record, in words for whoever sent it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotARecord(pub String);

/// `eventType` of aggregated events, whose records have members of their own.
const AGGREGATED: &str = "AwsAggregatedEvent";

/// Most resources kept of one record.
const RESOURCES_MAX: usize = 200;

/// Namespace of the ids derived for records that have none: a fixed random UUID, so that the same bytes get the same
/// id on every machine.
const DERIVED_IDS: Uuid = Uuid::from_u128(0x7f0c_61a4_9b1d_4c8e_a2d3_5e64_0b97_c1f2);

/// Reads a record; its text is kept as it is.
pub fn parse(text: String, defaults: &Defaults) -> Result<Event, NotARecord> {
    check_length(&text)?;
    let event = event_of(&members(&text)?, &text, defaults)?;
    Ok(Event { record: text, ..event })
}

/// The same of a text that may as well be an event of a LookupEvents answer: that has the record as a text in it.
pub fn parse_found(text: String, defaults: &Defaults) -> Result<Event, NotARecord> {
    check_length(&text)?;
    let members = members(&text)?;
    if let Some(record) = members.get("CloudTrailEvent").and_then(Json::string) {
        return parse(record.into_owned(), defaults);
    }
    let event = event_of(&members, &text, defaults)?;
    drop(members);
    Ok(Event { record: text, ..event })
}

fn check_length(text: &str) -> Result<(), NotARecord> {
    let max = limits::AUDIT_EVENT_BYTES_MAX;
    if text.len() > max {
        return Err(NotARecord(format!("the record has {} bytes, more than {max}", text.len())));
    }
    Ok(())
}

/// The top-level members of a record.
fn members(text: &str) -> Result<Object<'_>, NotARecord> {
    match text.trim_start().as_bytes().first() {
        Some(b'{') => Json::check_object(text).map_err(|error| NotARecord(format!("not JSON: {error}"))),
        _ => Err(NotARecord("not a JSON object".into())),
    }
}

fn event_of(members: &Object<'_>, text: &str, defaults: &Defaults) -> Result<Event, NotARecord> {
    // An Insights event names the operation in its details, an audit event of an application in its data.
    let details = ["insightDetails", "eventData"].map(|key| members.get(key).map(Json::object).unwrap_or_default());
    let either = |key: &str| members.text(key).or_else(|| details.iter().find_map(|inner| inner.text(key)));
    let owned = |text: Option<Cow<'_, str>>| text.unwrap_or_default().into_owned();
    let (name, time) = (either("eventName"), time(members));
    if let Some(reason) = foreign(members, name.is_some() || time.is_some()) {
        return Err(NotARecord(reason));
    }
    let identity = Identity(members.get("userIdentity").map(Json::object).unwrap_or_default());
    let source = owned(either("eventSource"));
    let filled = |text: Option<Cow<'_, str>>| text.filter(|t| !t.is_empty()).map(Cow::into_owned);
    let aggregated = members.text("eventType").is_some_and(|kind| kind == AGGREGATED);
    let id_key = if aggregated { "eventId" } else { "eventID" };
    Ok(Event {
        event_id: filled(members.text(id_key))
            .unwrap_or_else(|| Uuid::new_v5(&DERIVED_IDS, text.as_bytes()).to_string()),
        account: filled(members.text("recipientAccountId"))
            .or_else(|| filled(identity.0.text_of(&["accountId", "accountid"])))
            .or_else(|| filled(members.text("accountId").filter(|_| aggregated)))
            .unwrap_or_else(|| defaults.account.clone()),
        region: filled(members.text("awsRegion")).unwrap_or_else(|| defaults.region.clone()),
        time: time.unwrap_or_default(),
        ingestion_time: defaults.ingestion_time,
        name: owned(name),
        category: category(members),
        username: identity.username(),
        access_key_id: owned(identity.0.text_of(&["accessKeyId", "accesskeyid"])),
        read_only: members.flag("readOnly"),
        error_code: owned(either("errorCode")),
        source_ip: owned(either("sourceIPAddress")),
        user_arn: owned(identity.arn()),
        resources: resources(members, &source),
        source,
        record: String::new(),
    })
}

/// Members of a record that selectors look at and `Event` does not keep.
pub(crate) struct SelectorFields {
    pub event_type: String,
    pub vpc_endpoint_id: String,
    pub from_console: bool,
}

pub(crate) fn selector_fields(text: &str) -> SelectorFields {
    let members = members(text).unwrap_or_default();
    let owned = |key| members.text(key).unwrap_or_default().into_owned();
    SelectorFields {
        event_type: owned("eventType"),
        vpc_endpoint_id: owned("vpcEndpointId"),
        from_console: members.flag("sessionCredentialFromConsole").unwrap_or(false),
    }
}

/// `eventTime` as text, or as seconds or milliseconds since the epoch; of an aggregated event the start of its window.
fn time(members: &Object<'_>) -> Option<Timestamp> {
    let window = || members.get("timeWindow").map(Json::object)?.text("windowStart");
    let text = members.text("eventTime").or_else(window)?;
    if let Ok(number) = text.parse::<f64>() {
        // Seconds stay below this until the year 5138; milliseconds passed it in 1973.
        let millis = if number.abs() < 1e11 { number * 1000.0 } else { number };
        return (number.is_finite() && millis.abs() < 1e16).then_some(Timestamp(millis as i64));
    }
    Timestamp::parse_iso(&text)
}

fn category(members: &Object<'_>) -> String {
    if let Some(category) = members.text("eventCategory").filter(|c| !c.is_empty()) {
        return category.into_owned();
    }
    if members.get("insightDetails").is_some() {
        return "Insight".into();
    }
    // Version 1.06 said managementEvent and had no category yet; records before it are taken for management events.
    if members.flag("managementEvent") == Some(false) { "Data".into() } else { "Management".into() }
}

/// Why this object is something else than an audit record, if it is.
fn foreign(members: &Object<'_>, says_something: bool) -> Option<String> {
    if members.get("digestStartTime").is_some() || members.get("digestS3Object").is_some() {
        return Some("a CloudTrail digest file, not a record".into());
    }
    let neither = "not a CloudTrail record: it has neither eventTime nor eventName";
    (!says_something).then(|| neither.into())
}

struct Identity<'a>(Object<'a>);

impl<'a> Identity<'a> {
    fn arn(&self) -> Option<Cow<'a, str>> {
        self.0.text_of(&["arn", "ARN"])
    }

    /// LookupEvents' Username: `root`, the session name of an assumed role or federated user, else the user name.
    fn username(&self) -> String {
        let user_name = || {
            let name = self.0.text_of(&["userName", "username"]).filter(|name| !name.is_empty());
            name.map(Cow::into_owned)
        };
        match self.0.text("type").as_deref() {
            Some("Root") => "root".into(),
            Some("AssumedRole" | "FederatedUser") => self.session_name().or_else(user_name).unwrap_or_default(),
            _ => user_name().or_else(|| self.session_name()).unwrap_or_default(),
        }
    }

    /// `SESSION` of `arn:aws:sts::1:assumed-role/ROLE/SESSION` or of the principal id `AROA…:SESSION`.
    fn session_name(&self) -> Option<String> {
        let arn = self.arn().unwrap_or_default();
        if (arn.contains(":assumed-role/") || arn.contains(":federated-user/"))
            && let Some((_, session)) = arn.rsplit_once('/')
            && !session.is_empty()
        {
            return Some(session.to_owned());
        }
        let principal = self.0.text_of(&["principalId", "principalid"])?;
        principal.split_once(':').map(|(_, session)| session.to_owned()).filter(|session| !session.is_empty())
    }
}

/// What stands for the type of a resource that its ARN tells.
const BY_ARN: &str = "";

/// What names a resource: event source, member, resource type.
type Naming = (&'static str, &'static str, &'static str);

/// Members of the answer that name a resource which the call made.
const ANSWERED: [Naming; 4] = [
    ("sns.amazonaws.com", "topicArn", "AWS::SNS::Topic"),
    ("cloudtrail.amazonaws.com", "eventDataStoreArn", "AWS::CloudTrail::EventDataStore"),
    ("cloudtrail.amazonaws.com", "channelArn", "AWS::CloudTrail::Channel"),
    ("cloudtrail.amazonaws.com", "dashboardArn", "AWS::CloudTrail::Dashboard"),
];

/// Request parameters that name a resource.
const NAMED: [Naming; 26] = [
    ("cloudtrail.amazonaws.com", "name", "AWS::CloudTrail::Trail"),
    ("cloudtrail.amazonaws.com", "trailName", "AWS::CloudTrail::Trail"),
    ("cloudtrail.amazonaws.com", "s3BucketName", "AWS::S3::Bucket"),
    ("cloudtrail.amazonaws.com", "channel", "AWS::CloudTrail::Channel"),
    ("cloudtrail.amazonaws.com", "resourceId", BY_ARN),
    ("cloudtrail.amazonaws.com", "resourceIdList", BY_ARN),
    ("logs.amazonaws.com", "logGroupName", "AWS::Logs::LogGroup"),
    ("logs.amazonaws.com", "logStreamName", "AWS::Logs::LogStream"),
    ("monitoring.amazonaws.com", "alarmName", "AWS::CloudWatch::Alarm"),
    ("monitoring.amazonaws.com", "alarmNames", "AWS::CloudWatch::Alarm"),
    ("monitoring.amazonaws.com", "dashboardName", "AWS::CloudWatch::Dashboard"),
    ("monitoring.amazonaws.com", "dashboardNames", "AWS::CloudWatch::Dashboard"),
    ("sns.amazonaws.com", "topicArn", "AWS::SNS::Topic"),
    ("sns.amazonaws.com", "resourceArn", "AWS::SNS::Topic"),
    ("s3.amazonaws.com", "bucketName", "AWS::S3::Bucket"),
    ("iam.amazonaws.com", "userName", "AWS::IAM::User"),
    ("iam.amazonaws.com", "roleName", "AWS::IAM::Role"),
    ("iam.amazonaws.com", "groupName", "AWS::IAM::Group"),
    ("iam.amazonaws.com", "policyArn", "AWS::IAM::Policy"),
    ("iam.amazonaws.com", "accessKeyId", "AWS::IAM::AccessKey"),
    ("sts.amazonaws.com", "roleArn", "AWS::IAM::Role"),
    ("lambda.amazonaws.com", "functionName", "AWS::Lambda::Function"),
    ("dynamodb.amazonaws.com", "tableName", "AWS::DynamoDB::Table"),
    ("kms.amazonaws.com", "keyId", "AWS::KMS::Key"),
    ("ec2.amazonaws.com", "instanceId", "AWS::EC2::Instance"),
    ("ec2.amazonaws.com", "groupId", "AWS::EC2::SecurityGroup"),
];

/// The type of a resource of CloudTrail.
fn type_by_arn(arn: &str) -> &'static str {
    match arn.split(':').nth(5).and_then(|resource| resource.split_once('/')).map(|(kind, _)| kind) {
        Some("trail") => "AWS::CloudTrail::Trail",
        Some("eventdatastore") => "AWS::CloudTrail::EventDataStore",
        Some("channel") => "AWS::CloudTrail::Channel",
        Some("dashboard") => "AWS::CloudTrail::Dashboard",
        _ => BY_ARN,
    }
}

/// Resources that the record lists, and those that its request parameters and its answer name, as LookupEvents shows them all.
fn resources(members: &Object<'_>, source: &str) -> Vec<EventResource> {
    let mut found: Vec<EventResource> = Vec::new();
    let mut add = |resource_type: &str, name: &str| {
        let known = |found: &EventResource| found.resource_type == resource_type && found.name == name;
        if !name.is_empty() && found.len() < RESOURCES_MAX && !found.iter().any(known) {
            found.push(EventResource { resource_type: resource_type.into(), name: name.into() });
        }
    };
    for listed in members.get("resources").and_then(Json::elements).into_iter().flatten() {
        let resource = listed.object();
        let name = resource.text_of(&["ARN", "arn", "ARNPrefix", "arnPrefix"]).or_else(|| listed.scalar());
        let resource_type = resource.text_of(&["type", "Type", "resourceType", "ResourceType"]);
        add(&resource_type.unwrap_or_default(), &name.unwrap_or_default());
    }
    for (of_call, known) in [("requestParameters", NAMED.as_slice()), ("responseElements", &ANSWERED)] {
        let mut known = known.iter().filter(|(of, _, _)| *of == source).peekable();
        if known.peek().is_none() {
            continue;
        }
        let given = members.get(of_call).map(Json::object).unwrap_or_default();
        for (_, member, resource_type) in known {
            let Some(value) = given.get(member) else { continue };
            let texts =
                value.scalar().into_iter().chain(value.elements().into_iter().flatten().filter_map(Json::scalar));
            for text in texts {
                add(if *resource_type == BY_ARN { type_by_arn(&text) } else { resource_type }, &text);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(text: &str) -> Event {
        let defaults = Defaults { account: "000000000000".into(), region: "xx".into(), ingestion_time: Timestamp(9) };
        parse(text.into(), &defaults).unwrap()
    }

    #[test]
    fn wrong_types_do_not_refuse_a_record() {
        let event = event(
            r#"{"eventTime":"2022-09-30 15:11:25.000000000","eventName":"A","eventID":7,"readOnly":"false",
            "userIdentity":"me","resources":{"a":1},"requestParameters":"x","recipientAccountId":null,"errorCode":{}}"#,
        );
        assert_eq!(event.time.iso_seconds(), "2022-09-30T15:11:25Z");
        assert_eq!((event.event_id.as_str(), event.read_only), ("7", Some(false)));
        assert_eq!((event.account.as_str(), event.region.as_str()), ("000000000000", "xx"));
        assert_eq!((event.username.as_str(), event.error_code.as_str()), ("", ""));
        assert_eq!(event.category, "Management");
    }

    #[test]
    fn usernames_follow_the_identity_type() {
        let username = |identity: &str| {
            event(&format!(r#"{{"eventTime":"2022-09-30T15:11:25Z","eventName":"A","userIdentity":{identity}}}"#))
                .username
        };
        let cases = [
            (r#"{"type":"Root","userName":"alias"}"#, "root"),
            (r#"{"type":"IAMUser","userName":"alice"}"#, "alice"),
            (r#"{"type":"AssumedRole","arn":"arn:aws:sts::1:assumed-role/R/sess","userName":"x"}"#, "sess"),
            (r#"{"type":"AssumedRole","principalId":"AROA:sess"}"#, "sess"),
            (r#"{"type":"AWSService","invokedBy":"x.amazonaws.com"}"#, ""),
            (r#"{"type":"SAMLUser","userName":"bob","principalId":"p:q"}"#, "bob"),
        ];
        for (identity, expected) in cases {
            assert_eq!(username(identity), expected, "{identity}");
        }
    }

    #[test]
    fn a_record_without_id_gets_one_from_its_bytes() {
        let text = r#"{"eventTime":"2022-09-30T15:11:25Z","eventName":"A"}"#;
        assert_eq!(event(text).event_id, event(text).event_id);
        assert_ne!(event(text).event_id, event(&text.replace('A', "B")).event_id);
    }

    #[test]
    fn resources_come_from_the_list_and_from_the_parameters() {
        let event = event(
            r#"{"eventTime":1664550685,"eventName":"A","eventSource":"logs.amazonaws.com",
            "requestParameters":{"logGroupName":"g"},"resources":[{"type":"T","ARN":"a"},{"type":"T","ARN":"a"},5]}"#,
        );
        let named: Vec<_> = event.resources.iter().map(|r| (r.resource_type.as_str(), r.name.as_str())).collect();
        assert_eq!(named, [("T", "a"), ("", "5"), ("AWS::Logs::LogGroup", "g")]);
        assert_eq!(event.time.iso_seconds(), "2022-09-30T15:11:25Z");
    }

    #[test]
    fn tagged_and_new_resources_are_found_too() {
        let named = |source: &str, parameters: &str, answer: &str| {
            let event = event(&format!(
                r#"{{"eventTime":1664550685,"eventName":"A","eventSource":"{source}.amazonaws.com",
                "requestParameters":{parameters},"responseElements":{answer}}}"#
            ));
            event.resources.into_iter().map(|one| format!("{} {}", one.resource_type, one.name)).collect::<Vec<_>>()
        };
        let topic = "arn:aws:sns:us-east-1:123456789012:t";
        let of_topic = format!("AWS::SNS::Topic {topic}");
        assert_eq!(named("sns", &format!(r#"{{"resourceArn":"{topic}"}}"#), "null"), [of_topic.as_str()]);
        assert_eq!(named("sns", r#"{"name":"t"}"#, &format!(r#"{{"topicArn":"{topic}"}}"#)), [of_topic.as_str()]);
        for (kind, member, resource_type) in [
            ("trail", "trailArn", "Trail"),
            ("eventdatastore", "eventDataStoreArn", "EventDataStore"),
            ("channel", "channelArn", "Channel"),
            ("dashboard", "dashboardArn", "Dashboard"),
        ] {
            let arn = format!("arn:aws:cloudtrail:us-east-1:123456789012:{kind}/x");
            let expected = [format!("AWS::CloudTrail::{resource_type} {arn}")];
            assert_eq!(named("cloudtrail", &format!(r#"{{"resourceId":"{arn}"}}"#), "null"), expected);
            assert_eq!(named("cloudtrail", &format!(r#"{{"resourceIdList":["{arn}"]}}"#), "null"), expected);
            if kind != "trail" {
                assert_eq!(named("cloudtrail", "null", &format!(r#"{{"{member}":"{arn}"}}"#)), expected);
            }
        }
    }

    #[test]
    fn what_is_no_record_is_refused_with_the_reason() {
        let reason = |text: &str| parse(text.into(), &Defaults::default()).unwrap_err().0;
        assert!(reason("[1]").contains("not a JSON object"));
        assert!(reason(r#"{"digestStartTime":"x","logFiles":[]}"#).contains("digest"));
        assert!(reason(r#"{"a":1}"#).contains("neither"));
        assert!(reason(r#"{"eventTime":"soon"}"#).contains("neither"));
        assert!(reason(r#"{"eventTime":"#).contains("not JSON"));
        let deep =
            format!(r#"{{"eventTime":1,"eventName":"x","userIdentity":{}{}}}"#, "[".repeat(5000), "]".repeat(5000));
        assert_eq!(event(&deep).name, "x", "depth neither refuses nor overflows");
    }
}

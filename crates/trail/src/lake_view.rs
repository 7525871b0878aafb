//! Events as an event data store shows them: cut to its size class, and with the context that its configuration asks for.
//!
//! AWS: <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-context-events.html>, and for sizes "Field truncation order
//! for maximum event size of 1 MB" of the record contents: 256 KB, or 1 MB in Large; fields are cut in AWS's order until an event fits.
//! A text is shortened, anything else makes room for a note of its size. `eventContext` is in no other event, as on AWS: a store is a
//! view of the events, so it is added when a query reads them. `requestContext` has the keys that the record itself tells;
//! `tagContext` has the tags that the resources named in the record have when the query begins.

use crate::event_configuration::EventConfiguration;
use catalog::Catalog;
use model::Timestamp;
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Sizes of events, bytes.
const STANDARD_BYTES: usize = 256 * 1024;
const LARGE_BYTES: usize = 1024 * 1024;
/// Most tags that are looked at; of more, the first.
const TAGS_MAX: usize = 10_000;
/// The order in which fields are cut.
const CUT: [&str; 10] = [
    "annotation",
    "requestID",
    "additionalEventData",
    "serviceEventDetails",
    "userAgent",
    "errorCode",
    "eventContext",
    "responseElements",
    "requestParameters",
    "errorMessage",
];

/// IAM's global condition keys (IAM user guide, "AWS global condition context keys").
pub(crate) const REQUEST_KEYS: [&str; 42] = [
    "aws:CalledVia",
    "aws:CalledViaFirst",
    "aws:CalledViaLast",
    "aws:ChatbotSourceArn",
    "aws:CurrentTime",
    "aws:Ec2InstanceSourcePrivateIPv4",
    "aws:Ec2InstanceSourceVpc",
    "aws:EpochTime",
    "aws:FederatedProvider",
    "aws:MultiFactorAuthAge",
    "aws:MultiFactorAuthPresent",
    "aws:PrincipalAccount",
    "aws:PrincipalArn",
    "aws:PrincipalIsAWSService",
    "aws:PrincipalOrgID",
    "aws:PrincipalOrgPaths",
    "aws:PrincipalServiceName",
    "aws:PrincipalServiceNamesList",
    "aws:PrincipalType",
    "aws:RequestedRegion",
    "aws:ResourceAccount",
    "aws:ResourceOrgID",
    "aws:ResourceOrgPaths",
    "aws:SecureTransport",
    "aws:SourceAccount",
    "aws:SourceArn",
    "aws:SourceIdentity",
    "aws:SourceIp",
    "aws:SourceOrgID",
    "aws:SourceOrgPaths",
    "aws:SourceVpc",
    "aws:SourceVpcArn",
    "aws:SourceVpce",
    "aws:TokenIssueTime",
    "aws:UserAgent",
    "aws:ViaAWSService",
    "aws:VpceAccount",
    "aws:VpceOrgID",
    "aws:VpceOrgPaths",
    "aws:VpcSourceIp",
    "aws:userid",
    "aws:username",
];

/// How a store shows its events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct View {
    bytes_max: usize,
    request_keys: Vec<String>,
    /// Tags by resource; `None` where no tag is asked for.
    tags: Option<BTreeMap<String, BTreeMap<String, String>>>,
}

impl View {
    /// As they are.
    pub(crate) fn whole() -> Self {
        Self { bytes_max: usize::MAX, request_keys: Vec::new(), tags: None }
    }

    /// By a store's configuration; reads the tags that it asks for.
    pub(crate) async fn of(catalog: &Catalog, configuration: &EventConfiguration) -> Result<Self, catalog::Error> {
        let mut view =
            Self { bytes_max: if configuration.is_large() { LARGE_BYTES } else { STANDARD_BYTES }, ..Self::whole() };
        for selector in &configuration.context_keys {
            if selector.kind == "RequestContext" {
                view.request_keys.clone_from(&selector.keys);
                continue;
            }
            let mut tags: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
            for (arn, key, value) in catalog.tags_with_keys(&selector.keys, TAGS_MAX).await? {
                tags.entry(arn).or_default().insert(key, value);
            }
            view.tags = Some(tags);
        }
        Ok(view)
    }

    /// A record as the store shows it.
    pub(crate) fn show<'a>(&self, record: &'a str) -> Cow<'a, str> {
        let has_context = !self.request_keys.is_empty() || self.tags.is_some();
        if !has_context && record.len() <= self.bytes_max {
            return Cow::Borrowed(record);
        }
        let Ok(Value::Object(mut members)) = serde_json::from_str::<Value>(record) else {
            return Cow::Borrowed(record);
        };
        let context = self.context(&members);
        if !context.is_empty() {
            members.insert("eventContext".into(), Value::Object(context));
        }
        let mut text = Value::Object(members).to_string();
        for field in CUT {
            if text.len() <= self.bytes_max {
                break;
            }
            text = cut(&text, field, text.len() - self.bytes_max);
        }
        Cow::Owned(text)
    }

    fn context(&self, members: &Map<String, Value>) -> Map<String, Value> {
        let mut context = Map::new();
        let request: Map<String, Value> = self
            .request_keys
            .iter()
            .filter_map(|key| Some((key.clone(), Value::String(request_value(key, members)?))))
            .collect();
        if !request.is_empty() {
            context.insert("requestContext".into(), Value::Object(request));
        }
        let Some(tags) = &self.tags else { return context };
        let named = members.get("resources").and_then(Value::as_array).into_iter().flatten();
        let named = named.filter_map(|resource| resource.get("ARN").or_else(|| resource.get("arn"))?.as_str());
        let tagged: Vec<Value> = named.filter_map(|arn| Some(json!({ "arn": arn, "tags": tags.get(arn)? }))).collect();
        let principal = members.get("userIdentity").and_then(|identity| tags.get(principal_arn(identity)?.as_str()));
        let mut of_tags = Map::new();
        if !tagged.is_empty() {
            of_tags.insert("resourceTags".into(), Value::Array(tagged));
        }
        if let Some(principal) = principal {
            of_tags.insert("principalTags".into(), json!(principal));
        }
        if !of_tags.is_empty() {
            context.insert("tagContext".into(), Value::Object(of_tags));
        }
        context
    }
}

/// Shortens one field of a record by about so many bytes.
fn cut(text: &str, field: &str, over: usize) -> String {
    let Ok(Value::Object(mut members)) = serde_json::from_str::<Value>(text) else { return text.to_owned() };
    match members.get_mut(field) {
        None | Some(Value::Null) => return text.to_owned(),
        Some(Value::String(text)) => {
            let left = text.len().saturating_sub(over);
            text.truncate(text.floor_char_boundary(left));
        }
        Some(other) => {
            let size = other.to_string().len();
            *other = json!({ "omitted": true, "originalSize": size, "reason": format!("{field} too large") });
        }
    }
    Value::Object(members).to_string()
}

/// The principal that is tagged: the role of a session, or the user.
fn principal_arn(identity: &Value) -> Option<String> {
    let issuer = identity.pointer("/sessionContext/sessionIssuer/arn").and_then(Value::as_str);
    issuer.or_else(|| identity.get("arn")?.as_str()).map(str::to_owned)
}

/// The value that a request had for a key, as far as its record tells.
fn request_value(key: &str, members: &Map<String, Value>) -> Option<String> {
    let text = |name: &str| members.get(name).and_then(Value::as_str).map(str::to_owned);
    let identity = members.get("userIdentity").unwrap_or(&Value::Null);
    let of_identity = |pointer: &str| identity.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let time = || Timestamp::parse_iso(members.get("eventTime")?.as_str()?);
    let kind = of_identity("/type");
    match key.to_ascii_lowercase().as_str() {
        "aws:currenttime" => text("eventTime"),
        "aws:epochtime" => time().map(|time| time.secs().to_string()),
        "aws:federatedprovider" => of_identity("/sessionContext/webIdFederationData/federatedProvider"),
        "aws:multifactorauthpresent" => of_identity("/sessionContext/attributes/mfaAuthenticated"),
        "aws:tokenissuetime" => of_identity("/sessionContext/attributes/creationDate"),
        "aws:sourceidentity" => of_identity("/sessionContext/sourceIdentity"),
        "aws:principalaccount" => of_identity("/accountId"),
        "aws:principalarn" => principal_arn(identity),
        "aws:principalisawsservice" => kind.map(|kind| (kind == "AWSService").to_string()),
        "aws:principaltype" => kind.map(|kind| match kind.as_str() {
            "Root" => "Account".to_owned(),
            "IAMUser" => "User".to_owned(),
            _ => kind,
        }),
        "aws:requestedregion" => text("awsRegion"),
        "aws:securetransport" => {
            let tls = members.get("tlsDetails")?.get("tlsVersion").is_some();
            Some(tls.to_string())
        }
        "aws:sourceip" => text("sourceIPAddress").filter(|address| address.parse::<IpAddr>().is_ok()),
        "aws:sourcevpce" => text("vpcEndpointId"),
        "aws:vpceaccount" => text("vpcEndpointAccountId"),
        "aws:useragent" => text("userAgent"),
        "aws:userid" => of_identity("/principalId"),
        "aws:username" => of_identity("/userName").filter(|_| kind.as_deref() == Some("IAMUser")),
        "aws:viaawsservice" => kind.map(|_| of_identity("/invokedBy").is_some().to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(request_keys: &[&str], tags: Option<(&str, &str, &str)>) -> View {
        let of = |(arn, key, value): (&str, &str, &str)| {
            BTreeMap::from([(arn.to_owned(), BTreeMap::from([(key.to_owned(), value.to_owned())]))])
        };
        View {
            bytes_max: STANDARD_BYTES,
            request_keys: request_keys.iter().map(|key| (*key).to_owned()).collect(),
            tags: tags.map(of),
        }
    }

    #[test]
    fn context_is_what_the_record_and_the_tags_tell() {
        let record = json!({
            "userIdentity": { "type": "IAMUser", "principalId": "AIDA", "accountId": "1", "arn": "arn:u", "userName": "al" },
            "eventTime": "2026-01-02T03:04:05Z", "awsRegion": "us-east-1", "sourceIPAddress": "AWS Internal",
            "resources": [{ "ARN": "arn:r" }, { "ARN": "arn:s" }],
        })
        .to_string();
        let keys = [
            "aws:PrincipalArn",
            "aws:username",
            "aws:SourceIp",
            "aws:EpochTime",
            "aws:PrincipalOrgID",
            "aws:principaltype",
        ];
        let shown = view(&keys, Some(("arn:r", "team", "blue"))).show(&record).into_owned();
        let shown: Value = serde_json::from_str(&shown).unwrap();
        let expected = json!({
            "requestContext": { "aws:PrincipalArn": "arn:u", "aws:username": "al", "aws:EpochTime": "1767323045",
                "aws:principaltype": "User" },
            "tagContext": { "resourceTags": [{ "arn": "arn:r", "tags": { "team": "blue" } }] },
        });
        assert_eq!(shown["eventContext"], expected);
        let of_principal = view(&[], Some(("arn:u", "team", "red"))).show(&record).into_owned();
        assert!(
            of_principal.contains(r#""eventContext":{"tagContext":{"principalTags":{"team":"red"}}}"#),
            "{of_principal}"
        );
        assert!(matches!(view(&[], None).show(&record), Cow::Borrowed(text) if text == record));
        assert_eq!(view(&["aws:userid"], None).show("not JSON"), "not JSON");
    }

    #[test]
    fn large_events_are_cut_in_order_until_they_fit() {
        let record = json!({
            "eventName": "Put", "userAgent": "u".repeat(100_000), "errorMessage": "ü".repeat(100),
            "additionalEventData": { "a": "x".repeat(50_000) }, "requestParameters": { "b": "y".repeat(200_000) },
        })
        .to_string();
        let shown = view(&[], None).show(&record).into_owned();
        assert!(shown.len() <= STANDARD_BYTES && shown.len() > STANDARD_BYTES - 100, "{}", shown.len());
        let shown: Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(shown["additionalEventData"]["omitted"], true);
        let agent = shown["userAgent"].as_str().unwrap().len();
        assert!((1..100_000).contains(&agent) && shown["requestParameters"]["b"].as_str().unwrap().len() == 200_000);
        let large = View { bytes_max: LARGE_BYTES, ..view(&[], None) };
        assert!(matches!(large.show(&record), Cow::Borrowed(_)));
        let one =
            json!({ "requestParameters": { "b": "y".repeat(300_000) }, "responseElements": { "c": 1 } }).to_string();
        let shown: Value = serde_json::from_str(&view(&[], None).show(&one)).unwrap();
        assert_eq!(shown["requestParameters"]["reason"], "requestParameters too large");
    }
}

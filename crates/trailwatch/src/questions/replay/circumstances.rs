//! The condition keys that a record tells.

use access::policy::{Context, Values};
use model::Event;
use query::actors::Call;
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Keys that are known of each call, in lower case: a call without one has none, as when AWS decided.
pub(super) const KNOWN: [&str; 22] = [
    "aws:currenttime",
    "aws:epochtime",
    "aws:multifactorauthpresent",
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principaltype",
    "aws:requestedregion",
    "aws:securetransport",
    "aws:sourceidentity",
    "aws:sourceip",
    "aws:sourcevpce",
    "aws:tokenissuetime",
    "aws:useragent",
    "aws:userid",
    "aws:username",
    "aws:viaawsservice",
    "s3:delimiter",
    "s3:max-keys",
    "s3:prefix",
    "sts:externalid",
    "sts:rolesessionname",
    "sts:sourceidentity",
];

/// What was the case when a call was made.
#[derive(Debug)]
pub(super) struct Circumstances(BTreeMap<&'static str, String>);

impl Context for Circumstances {
    fn values(&self, key: &str) -> Option<Values<'_>> {
        self.0.get(key).map(|value| vec![Cow::Borrowed(value.as_str())])
    }
}

impl Circumstances {
    /// Of an event.
    pub(super) fn of(event: &Event) -> Self {
        let record: Value = serde_json::from_str(&event.record).unwrap_or_default();
        let identity = Call::from(event).identity;
        let (parameters, attributes) =
            (&record["requestParameters"], &record["userIdentity"]["sessionContext"]["attributes"]);
        let text = |value: &Value| match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(flag) => Some(flag.to_string()),
            _ => None,
        };
        let is_session = identity.is_session();
        let address = event.source_ip.parse::<IpAddr>().is_ok().then(|| event.source_ip.clone());
        let principal_type = match identity.kind.as_str() {
            "Root" => "Account",
            "IAMUser" => "User",
            "AssumedRole" => "AssumedRole",
            "FederatedUser" => "FederatedUser",
            _ => "",
        };
        // The principal of a session is its role.
        let principal_arn =
            Some(&identity.issuer_arn).filter(|_| identity.kind == "AssumedRole").unwrap_or(&identity.arn);
        let user_id = match identity.kind.as_str() {
            "Root" => identity.account.clone(),
            _ => identity.principal.clone(),
        };
        let told: [(&'static str, Option<String>); 22] = [
            ("aws:currenttime", Some(event.time.iso_seconds())),
            ("aws:epochtime", Some(event.time.secs().to_string())),
            ("aws:multifactorauthpresent", text(&attributes["mfaAuthenticated"]).filter(|_| is_session)),
            ("aws:principalaccount", Some(identity.account.clone())),
            ("aws:principalarn", Some(principal_arn.clone())),
            ("aws:principaltype", Some(principal_type.to_owned())),
            ("aws:requestedregion", Some(event.region.clone())),
            // Calls of AWS's services are TLS throughout; of others records have said so since 2021.
            ("aws:securetransport", Some("true".to_owned())),
            ("aws:sourceidentity", Some(identity.source_identity.clone())),
            ("aws:sourceip", address),
            ("aws:sourcevpce", text(&record["vpcEndpointId"])),
            ("aws:tokenissuetime", identity.created.map(|created| created.iso_seconds())),
            ("aws:useragent", text(&record["userAgent"])),
            ("aws:userid", Some(user_id)),
            ("aws:username", Some(identity.user_name.clone()).filter(|_| identity.kind == "IAMUser")),
            ("aws:viaawsservice", Some((!identity.invoked_by.is_empty()).to_string())),
            ("s3:delimiter", text(&parameters["delimiter"])),
            ("s3:max-keys", text(&parameters["max-keys"])),
            ("s3:prefix", text(&parameters["prefix"])),
            ("sts:externalid", text(&parameters["externalId"])),
            ("sts:rolesessionname", text(&parameters["roleSessionName"])),
            ("sts:sourceidentity", text(&parameters["sourceIdentity"])),
        ];
        let told = told.into_iter().filter_map(|(key, value)| Some((key, value.filter(|value| !value.is_empty())?)));
        Self(told.collect())
    }
}

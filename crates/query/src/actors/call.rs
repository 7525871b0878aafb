//! `Call`: of a record, who made the call with which credentials, and what credentials the call gave out.

use model::{Event, Timestamp};
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::HashMap;

/// Names of the events that give out credentials or open a session in the console.
pub const ISSUING: [&str; 9] = [
    "AssumeRole",
    "AssumeRoleWithSAML",
    "AssumeRoleWithWebIdentity",
    "AssumeRoot",
    "GetSessionToken",
    "GetFederationToken",
    "ConsoleLogin",
    "SwitchRole",
    "GetSigninToken",
];

/// Shortest and longest access key id that is taken for one; redacted ones are neither.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 16..=128;

/// `userIdentity`, as far as it tells who it was. Texts are empty when absent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Identity {
    /// `type`.
    pub kind: String,
    /// `principalId`; of a role session `AROA…:SESSION NAME`.
    pub principal: String,
    /// `arn`.
    pub arn: String,
    /// `accountId`.
    pub account: String,
    /// `accessKeyId`, where it is one.
    pub access_key: String,
    /// `userName`, or the user id that Identity Center gives.
    pub user_name: String,
    /// `identityProvider`.
    pub provider: String,
    /// `invokedBy`: the service that called, for itself or for this identity.
    pub invoked_by: String,
    /// `sessionContext.attributes.creationDate`: when the temporary credentials were given out.
    pub created: Option<Timestamp>,
    /// `sessionContext.sessionIssuer.type` and `.arn`: the role, or who asked for a federated user.
    pub issuer_kind: String,
    /// See `issuer_kind`.
    pub issuer_arn: String,
    /// `sessionContext.sourceIdentity`: a name that the first session of a chain was given, and that stays.
    pub source_identity: String,
    /// `sessionContext.webIdFederationData`: provider and subject, where both are there.
    pub web_identity: Option<(String, String)>,
    /// `sessionContext.ec2RoleDelivery` is there: the credentials are an instance's.
    pub is_instance: bool,
    /// `sessionContext.assumedRoot`.
    pub is_assumed_root: bool,
    /// `sessionCredentialFromConsole`.
    pub is_console: bool,
}

/// What a call gave out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    /// The access key id; `None` where the record does not tell, as for sessions in the console.
    pub key: Option<String>,
    /// The principal of the new session, empty when unknown.
    pub principal: String,
    /// The ARN of the role that was asked for, with its path; empty where there is none.
    pub role: String,
    /// How the new session is known again.
    pub by: Means,
}

/// How credentials were given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Means {
    /// By STS, with a key.
    Key,
    /// Somebody signed in to the console.
    SignIn,
    /// A session asked for a link into the console, good for 15 minutes.
    SignInToken,
    /// Somebody in the console took a role.
    SwitchRole,
}

/// A call, as far as it tells who acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// `eventID`.
    pub event_id: String,
    /// `eventName`.
    pub name: String,
    /// `eventTime`.
    pub time: Timestamp,
    /// Who called.
    pub identity: Identity,
    /// What was given out, when the call was one of `ISSUING` and went well.
    pub issued: Option<Issued>,
    /// Of SwitchRole, the ARN of who switched.
    pub switched_from: Option<String>,
}

/// The members of an event that a `Call` is made from.
#[derive(Debug, Clone, Copy)]
pub struct Parts<'a> {
    /// `eventID`.
    pub event_id: &'a str,
    /// `eventName`.
    pub name: &'a str,
    /// `eventSource`.
    pub source: &'a str,
    /// `errorCode`, empty when the call went well.
    pub error_code: &'a str,
    /// `eventTime`.
    pub time: Timestamp,
    /// The record's JSON text.
    pub record: &'a str,
}

/// The members of a record, each as its JSON text.
struct Members<'a>(HashMap<Cow<'a, str>, &'a RawValue>);

impl<'a> Members<'a> {
    fn of(record: &'a str) -> Self {
        Self(serde_json::from_str(record).unwrap_or_default())
    }

    fn value(&self, name: &str) -> Value {
        self.0.get(name).and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or(Value::Null)
    }
}

impl From<&Event> for Call {
    fn from(event: &Event) -> Self {
        let Event { event_id, name, source, error_code, time, record, .. } = event;
        Call::of(&Parts { event_id, name, source, error_code, time: *time, record })
    }
}

impl Call {
    /// Reads a call; what a record does not tell, or tells in a wrong type, counts as absent.
    pub fn of(parts: &Parts<'_>) -> Self {
        let members = Members::of(parts.record);
        let is_console = is_true(&members.value("sessionCredentialFromConsole"));
        let identity = Identity { is_console, ..Identity::of(&members.value("userIdentity")) };
        let may_issue = parts.error_code.is_empty() && ISSUING.contains(&parts.name);
        let issued = if may_issue { issued(parts, &members, &identity) } else { None };
        let switched = |issued: &Issued| issued.by == Means::SwitchRole;
        let switched_from = issued.as_ref().filter(|issued| switched(issued)).and_then(|_| {
            let data = members.value("additionalEventData");
            Some(text(&data, "SwitchFrom")).filter(|from| !from.is_empty())
        });
        let (event_id, name) = (parts.event_id.to_owned(), parts.name.to_owned());
        Self { event_id, name, time: parts.time, identity, issued, switched_from }
    }

    /// Bytes of its longer texts.
    pub(super) fn text_bytes(&self) -> usize {
        let Identity { principal, arn, provider, issuer_arn, user_name, source_identity, .. } = &self.identity;
        let issued = self.issued.as_ref().map_or(0, |issued| 2 * issued.principal.len() + issued.role.len());
        let from = self.switched_from.as_ref().map_or(0, String::len);
        let identity = [principal, arn, provider, issuer_arn, user_name, source_identity].map(String::len);
        issued + from + identity.iter().sum::<usize>()
    }

    /// What decides who made a call, in records of which nothing else does: equal texts, equal answers.
    pub fn fingerprint(parts: &Parts<'_>) -> Option<String> {
        if ISSUING.contains(&parts.name) {
            return None;
        }
        let members = Members::of(parts.record);
        let identity = members.0.get("userIdentity")?.get();
        let mark = if is_true(&members.value("sessionCredentialFromConsole")) { "!" } else { "" };
        // A session that does not say when it began is looked for by the time of the call.
        identity.contains("\"creationDate\"").then(|| format!("{mark}{identity}"))
    }
}

impl Identity {
    fn of(identity: &Value) -> Self {
        let context = member(identity, "sessionContext");
        let issuer = member(context, "sessionIssuer");
        let attributes = member(context, "attributes");
        let on_behalf_of = text(member(identity, "onBehalfOf"), "userId");
        let user_name = Some(text(identity, "userName")).filter(|name| !name.is_empty()).unwrap_or(on_behalf_of);
        let role_delivery = member(context, "ec2RoleDelivery");
        Self {
            kind: text(identity, "type"),
            principal: text(identity, "principalId"),
            arn: text(identity, "arn"),
            account: text(identity, "accountId"),
            access_key: key(&text(identity, "accessKeyId")).unwrap_or_default(),
            user_name,
            provider: text(identity, "identityProvider"),
            invoked_by: text(identity, "invokedBy"),
            created: Timestamp::parse_iso(&text(attributes, "creationDate")),
            issuer_kind: text(issuer, "type"),
            issuer_arn: text(issuer, "arn"),
            source_identity: text(context, "sourceIdentity"),
            web_identity: web_identity(member(context, "webIdFederationData")),
            is_instance: !role_delivery.is_null(),
            is_assumed_root: is_true(member(context, "assumedRoot")),
            is_console: false,
        }
    }

    /// True for temporary credentials.
    pub fn is_session(&self) -> bool {
        self.created.is_some() || self.access_key.starts_with("ASIA") || self.kind == "AssumedRole"
    }

    /// `NAME` of `AROA…:NAME` or `arn:…:assumed-role/ROLE/NAME`; empty when there is none.
    pub fn session_name(&self) -> &str {
        session_name(&self.principal, &self.arn)
    }
}

/// The name in a principal id, else in the ARN of a role session.
pub(super) fn session_name<'a>(principal: &'a str, arn: &'a str) -> &'a str {
    let of_arn = || arn.split_once(":assumed-role/").and_then(|(_, rest)| rest.split_once('/')).map(|(_, name)| name);
    principal.split_once(':').map(|(_, name)| name).or_else(of_arn).unwrap_or_default()
}

fn issued(parts: &Parts<'_>, members: &Members<'_>, identity: &Identity) -> Option<Issued> {
    let response = members.value("responseElements");
    if parts.source == "signin.amazonaws.com" {
        let by = match parts.name {
            "ConsoleLogin" => Means::SignIn,
            "SwitchRole" => Means::SwitchRole,
            "GetSigninToken" => Means::SignInToken,
            _ => return None,
        };
        let outcome = text(&response, parts.name);
        // A sign-in that begins with a session (of a role, of Identity Center) is a call of that session.
        let begins = by != Means::SignIn || !identity.is_session();
        let named = by != Means::SwitchRole || identity.kind == "AssumedRole";
        let is_new = begins && named && !identity.principal.is_empty() && outcome != "Failure";
        return is_new.then(|| Issued { key: None, principal: identity.principal.clone(), role: String::new(), by });
    }
    if parts.source != "sts.amazonaws.com" {
        return None;
    }
    let key = key(&text(member(&response, "credentials"), "accessKeyId"))?;
    let principal = match parts.name {
        "GetSessionToken" => identity.principal.clone(),
        "GetFederationToken" => text(member(&response, "federatedUser"), "federatedUserId"),
        "AssumeRoot" => String::new(),
        _ => text(member(&response, "assumedRoleUser"), "assumedRoleId"),
    };
    let role = text(&members.value("requestParameters"), "roleArn");
    Some(Issued { key: Some(key), principal, role, by: Means::Key })
}

/// A text that may be an access key id.
fn key(text: &str) -> Option<String> {
    let is_key = KEY_BYTES.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_key.then(|| text.to_owned())
}

/// Provider and subject; the subject is the attribute whose name ends in `:sub`, or the only one.
fn web_identity(data: &Value) -> Option<(String, String)> {
    let provider = text(data, "federatedProvider");
    let attributes = member(data, "attributes").as_object()?;
    let subject = attributes.iter().find(|(name, _)| name.ends_with(":sub") || attributes.len() == 1)?.1.as_str()?;
    (!provider.is_empty() && !subject.is_empty()).then(|| (provider, subject.to_owned()))
}

/// A member of an object, also where old exports wrote its name in lower case.
fn member<'a>(value: &'a Value, name: &str) -> &'a Value {
    match &value[name] {
        Value::Null => &value[name.to_ascii_lowercase()],
        found => found,
    }
}

fn text(value: &Value, name: &str) -> String {
    member(value, name).as_str().unwrap_or_default().to_owned()
}

fn is_true(value: &Value) -> bool {
    value.as_bool().unwrap_or(false) || value.as_str().is_some_and(|text| text.eq_ignore_ascii_case("true"))
}

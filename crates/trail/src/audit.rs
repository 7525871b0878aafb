//! Trailwatch on its own trail: builds the CloudTrail record (version 1.11) of one of our own calls, and decides which
//! data events are worth one.

mod console_sign_in;
mod let_go;
mod unrecorded_calls;

use crate::coverage::Coverage;
use crate::record::{self, Defaults};
use crate::selectors::Subject;
use catalog::{EventDataStore, TrailRow};
use model::arn::Arn;
use model::{Caller, Event, EventResource, Ids, Scope, Session, Timestamp};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use wire::error::common;
use wire::{Access, Audit, Service, recorded, sns};

pub use console_sign_in::{ConsoleSignIn, Outcome};
pub(crate) use let_go::LetGo;
pub use unrecorded_calls::{UnrecordedCaller, UnrecordedCalls};

/// `userIdentity.type` of a caller whom an OpenID Connect provider vouches for. Its `arn` is the provider's.
pub const WEB_IDENTITY: &str = "WebIdentityUser";
/// CloudTrail record contents: longest `userAgent` and `errorMessage`, bytes.
const TEXT_BYTES_MAX: usize = 1024;
/// CloudTrail record contents: largest `requestParameters` and `responseElements`, bytes.
const ELEMENTS_BYTES_MAX: usize = 100 * 1024;

/// One of our own calls, answered or refused.
#[derive(Debug, Clone)]
pub struct OwnCall<'a> {
    /// Who called. For a key that could not be verified, `identity_type` is `Unknown` and `access_key_id` what was claimed.
    pub caller: &'a Caller,
    /// `eventSource` of the service called, such as `logs.amazonaws.com`.
    pub source: &'a str,
    /// The operation called.
    pub operation: &'a str,
    /// Its access level: what `readOnly` is made of (`wire::recorded`).
    pub access: Access,
    /// Management or data event.
    pub audit: Audit,
    /// When it was received.
    pub time: Timestamp,
    /// The answer's request id.
    pub request_id: &'a str,
    /// The Host header.
    pub host: Option<&'a str>,
    /// Input as JSON text, lower-camel keys, sensitive members hidden.
    pub request_parameters: Option<&'a str>,
    /// Output as JSON text; ignored for reads that give no credentials and for refused calls, as CloudTrail does.
    pub response_elements: Option<&'a str>,
    /// Error code and message of a refused call.
    pub error: Option<(&'a str, &'a str)>,
    /// Resources with ARNs that a data event concerns.
    pub resources: &'a [EventResource],
}

/// The event that records a call.
pub fn event(call: &OwnCall<'_>, ids: &dyn Ids) -> Event {
    let record = record_of(call, &ids.uuid().to_string());
    let facts = || Event {
        name: call.operation.to_owned(),
        source: call.source.to_owned(),
        category: category(call.audit).to_owned(),
        ..Event::default()
    };
    read_back(record, &call.caller.scope, call.time, ids, facts)
}

/// The event of a record of our own. It always reads back; if it should not, what happened is still worth an event with its
/// plain facts.
fn read_back(record: String, scope: &Scope, time: Timestamp, ids: &dyn Ids, facts: impl FnOnce() -> Event) -> Event {
    let defaults = Defaults { account: scope.account.clone(), region: scope.region.clone(), ingestion_time: time };
    match record::parse(record, &defaults) {
        Ok(event) => event,
        Err(reason) => {
            let facts = facts();
            tracing::error!(%reason, operation = facts.name, "read back own audit record");
            Event {
                event_id: ids.uuid().to_string(),
                account: defaults.account,
                region: defaults.region,
                time,
                ingestion_time: time,
                record: "{}".to_owned(),
                ..facts
            }
        }
    }
}

fn category(audit: Audit) -> &'static str {
    match audit {
        Audit::Management => "Management",
        Audit::Data(_) => "Data",
    }
}

/// The code in the record of a call that was refused with `code`. CloudTrail has one for who may not, whatever the service and its protocol.
fn recorded_code(code: &str) -> &str {
    let refusals = [common::ACCESS_DENIED.name, sns::errors::AUTHORIZATION_ERROR_EXCEPTION.name];
    if refusals.contains(&code) { common::ACCESS_DENIED.query_code } else { code }
}

/// What the record says that the call is on: what its caller knows of, or the role that it took.
fn resources_of<'a>(call: &OwnCall<'a>) -> Cow<'a, [EventResource]> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Named {
        role_arn: String,
    }
    if call.error.is_some() || !recorded::is_of_role(call.source, call.operation) {
        return Cow::Borrowed(call.resources);
    }
    let named: Option<Named> = call.request_parameters.and_then(|text| serde_json::from_str(text).ok());
    let role = |named: Named| EventResource { resource_type: "AWS::IAM::Role".to_owned(), name: named.role_arn };
    Cow::Owned(named.map(role).into_iter().collect())
}

/// The record's text, members in the order in which CloudTrail writes them.
fn record_of(call: &OwnCall<'_>, event_id: &str) -> String {
    let read_only = recorded::is_read_only(call.source, call.operation, call.access);
    let caller = call.caller;
    let mut json = Object::begin();
    json.text("eventVersion", "1.11");
    json.raw("userIdentity", &identity(caller));
    json.text("eventTime", &call.time.iso_seconds());
    json.text("eventSource", call.source);
    json.text("eventName", call.operation);
    json.text("awsRegion", &caller.scope.region);
    json.text("sourceIPAddress", &caller.source_ip);
    json.text("userAgent", cut(&caller.user_agent));
    if let Some((code, message)) = call.error {
        json.text("errorCode", recorded_code(code));
        json.text("errorMessage", cut(message));
    }
    json.raw("requestParameters", &elements("requestParameters", call.request_parameters));
    let tells = call.error.is_none() && recorded::tells_answer(call.source, call.operation, call.access);
    let response = if tells { call.response_elements } else { None };
    json.raw("responseElements", &elements("responseElements", response));
    json.text("requestID", call.request_id);
    json.text("eventID", event_id);
    json.raw("readOnly", if read_only { "true" } else { "false" });
    let on = resources_of(call);
    if !on.is_empty() {
        json.raw("resources", &resources(&on, &caller.scope.account));
    }
    json.text("eventType", "AwsApiCall");
    if call.source == Service::Logs.event_source() {
        // CloudWatch Logs alone states its API version, without hyphens.
        json.text("apiVersion", "20140328");
    }
    json.raw("managementEvent", if matches!(call.audit, Audit::Management) { "true" } else { "false" });
    json.text("recipientAccountId", &caller.scope.account);
    json.text("eventCategory", category(call.audit));
    tls_details(&mut json, caller, call.host);
    if caller.from_console {
        json.text("sessionCredentialFromConsole", "true");
    }
    json.end()
}

/// `tlsDetails`: what is known of them (a call over plain HTTP has a host, and nothing else).
fn tls_details(json: &mut Object, caller: &Caller, host: Option<&str>) {
    if host.is_none() && caller.tls.is_none() {
        return;
    }
    let mut details = Object::begin();
    if let Some(tls) = caller.tls {
        details.text("tlsVersion", tls.version);
        details.text("cipherSuite", tls.cipher_suite);
    }
    if let Some(host) = host {
        details.text("clientProvidedHostHeader", cut(host));
    }
    json.raw("tlsDetails", &details.end());
}

fn identity(caller: &Caller) -> String {
    let mut json = Object::begin();
    json.text("type", &caller.identity_type);
    if caller.identity_type == WEB_IDENTITY {
        // Of no account; its ARN is that of who vouches for it.
        json.text("principalId", &caller.principal_id);
        json.text("userName", cut(caller.user_name.as_deref().unwrap_or_default()));
        json.text("identityProvider", &caller.arn);
        return json.end();
    }
    if caller.identity_type != "Unknown" {
        json.text("principalId", &caller.principal_id);
        json.text("arn", &caller.arn);
        json.text("accountId", &caller.scope.account);
    }
    if !caller.access_key_id.is_empty() {
        json.text("accessKeyId", cut(&caller.access_key_id));
    }
    if let Some(name) = &caller.user_name {
        json.text("userName", name);
    }
    if let Some(session) = &caller.session {
        json.raw("sessionContext", &session_context(session, &caller.scope.account));
    }
    json.end()
}

/// `sessionContext` of temporary credentials (CloudTrail userIdentity element).
fn session_context(session: &Session, account: &str) -> String {
    let mut json = Object::begin();
    if let (Some(arn), Some(name)) = (&session.role_arn, &session.role_name) {
        let mut issuer = Object::begin();
        issuer.text("type", "Role");
        issuer.text("principalId", &session.issuer_id);
        issuer.text("arn", arn);
        issuer.text("accountId", account);
        issuer.text("userName", name);
        json.raw("sessionIssuer", &issuer.end());
    }
    if let Some(provider) = &session.federated_provider {
        let mut federation = Object::begin();
        federation.text("federatedProvider", provider);
        federation.raw("attributes", "{}");
        json.raw("webIdFederationData", &federation.end());
    }
    let mut attributes = Object::begin();
    attributes.text("creationDate", &session.began.iso_seconds());
    attributes.text("mfaAuthenticated", "false");
    json.raw("attributes", &attributes.end());
    if let Some(source) = &session.source_identity {
        json.text("sourceIdentity", source);
    }
    json.end()
}

/// `resources`: each is of the account that its ARN names, or of `account` where it names none.
fn resources(resources: &[EventResource], account: &str) -> String {
    let one = |resource: &EventResource| {
        let named = Arn::parse(&resource.name).map(|arn| arn.account).filter(|account| !account.is_empty());
        let mut json = Object::begin();
        json.text("accountId", named.unwrap_or(account));
        json.text("type", &resource.resource_type);
        json.text("ARN", &resource.name);
        json.end()
    };
    format!("[{}]", resources.iter().map(one).collect::<Vec<_>>().join(","))
}

/// JSON text of request or response: `null` when absent, a marker when it is larger than CloudTrail keeps.
fn elements(member: &str, json: Option<&str>) -> String {
    let Some(text) = json else { return "null".to_owned() };
    if text.len() > ELEMENTS_BYTES_MAX {
        let mut marker = Object::begin();
        marker.raw("omitted", "true");
        marker.raw("originalSize", &text.len().to_string());
        marker.text("reason", &format!("{member} too large"));
        return marker.end();
    }
    if serde_json::from_str::<&RawValue>(text).is_ok() { text.to_owned() } else { "null".to_owned() }
}

/// At most `TEXT_BYTES_MAX` bytes, cut between characters.
fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(TEXT_BYTES_MAX)).unwrap_or(text)
}

/// Writes a JSON object member by member.
struct Object(String);

impl Object {
    fn begin() -> Self {
        Self(String::from("{"))
    }

    fn text(&mut self, name: &str, value: &str) {
        let quoted = serde_json::Value::from(value).to_string();
        self.raw(name, &quoted);
    }

    fn raw(&mut self, name: &str, json: &str) {
        let comma = if self.0.len() > 1 { "," } else { "" };
        // Writing to a String cannot fail.
        let _ = write!(self.0, "{comma}\"{name}\":{json}");
    }

    fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

/// Which data events some logging trail asks for. Reading it takes no await, and one relaxed load while no trail asks
/// for any: PutLogEvents asks on every call.
#[derive(Debug, Clone, Default)]
pub struct DataAudit(Arc<Rules>);

#[derive(Debug, Default)]
struct Rules {
    any: AtomicBool,
    /// Of the trails that ask for some.
    rules: RwLock<Arc<[Coverage]>>,
}

impl DataAudit {
    /// True when some trail asks for some data event; false is the usual case.
    pub fn any(&self) -> bool {
        self.0.any.load(Ordering::Relaxed)
    }

    /// True when a logging trail, or an event data store, that covers the account and region asks for this event.
    pub fn wants(&self, scope: &Scope, subject: &Subject<'_>) -> bool {
        if !self.any() {
            return false;
        }
        let rules = Arc::clone(&self.0.rules.read().unwrap_or_else(PoisonError::into_inner));
        rules.iter().any(|coverage| coverage.covers_subject(&scope.account, &scope.region, subject))
    }

    /// True when the call is to be recorded: management events always, data events where a trail asks.
    pub fn should_record(&self, call: &OwnCall<'_>) -> bool {
        let Audit::Data(resource_type) = call.audit else { return true };
        if !self.any() {
            return false;
        }
        let mut resources: Vec<_> =
            call.resources.iter().map(|r| (r.resource_type.as_str().into(), r.name.as_str().into())).collect();
        if resources.is_empty() {
            resources.push((resource_type.into(), "".into()));
        }
        let subject = Subject {
            category: "Data".into(),
            source: call.source.into(),
            name: call.operation.into(),
            event_type: "AwsApiCall".into(),
            read_only: Some(recorded::is_read_only(call.source, call.operation, call.access)),
            error_code: call.error.map_or("", |(code, _)| recorded_code(code)).into(),
            user_arn: call.caller.arn.as_str().into(),
            resources,
            ..Subject::default()
        };
        self.wants(&call.caller.scope, &subject)
    }

    /// Takes over the trails that log now, and the event data stores that take events in.
    pub(crate) fn set(&self, trails: &[TrailRow], stores: &[EventDataStore]) {
        let all = trails.iter().map(Coverage::of_trail).chain(stores.iter().map(Coverage::of_store));
        let rules: Vec<Coverage> = all.filter(|coverage| coverage.selectors.want_data()).collect();
        let any = !rules.is_empty();
        *self.0.rules.write().unwrap_or_else(PoisonError::into_inner) = rules.into();
        self.0.any.store(any, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::clock::CountingIds;
    use serde_json::Value;

    fn scope() -> Scope {
        Scope { account: "123456789012".into(), region: "us-east-1".into() }
    }

    fn call(caller: &Caller) -> OwnCall<'_> {
        OwnCall {
            caller,
            source: Service::Logs.event_source(),
            operation: "CreateLogGroup",
            access: Access::Write,
            audit: Audit::Management,
            time: Timestamp(1_700_000_000_123),
            request_id: "r-1",
            host: Some("127.0.0.1:8792"),
            request_parameters: Some(r#"{"logGroupName":"/a"}"#),
            response_elements: None,
            error: None,
            resources: &[],
        }
    }

    #[test]
    fn a_call_of_root_reads_as_cloudtrail_writes_it() {
        let mut caller = Caller::root(scope(), "AKIA");
        caller.user_agent = "aws-cli/2".into();
        let event = event(&call(&caller), &CountingIds::from_seed(0));
        assert_eq!(
            event.record,
            format!(
                concat!(
                    r#"{{"eventVersion":"1.11","userIdentity":{{"type":"Root","principalId":"123456789012","arn":"arn:aws:iam::123456789012:root","#,
                    r#""accountId":"123456789012","accessKeyId":"AKIA"}},"eventTime":"2023-11-14T22:13:20Z","eventSource":"logs.amazonaws.com","#,
                    r#""eventName":"CreateLogGroup","awsRegion":"us-east-1","sourceIPAddress":"127.0.0.1","userAgent":"aws-cli/2","#,
                    r#""requestParameters":{{"logGroupName":"/a"}},"responseElements":null,"requestID":"r-1","eventID":"{}","#,
                    r#""readOnly":false,"eventType":"AwsApiCall","apiVersion":"20140328","managementEvent":true,"#,
                    r#""recipientAccountId":"123456789012","eventCategory":"Management","tlsDetails":{{"clientProvidedHostHeader":"127.0.0.1:8792"}}}}"#
                ),
                event.event_id
            )
        );
        assert_eq!((event.username.as_str(), event.read_only), ("root", Some(false)));
        assert_eq!(event.resources.first().map(|r| r.name.as_str()), Some("/a"));
        assert_eq!(event.time, Timestamp(1_700_000_000_000), "the record's own precision");
    }

    #[test]
    fn a_call_over_tls_says_which() {
        let mut caller = Caller::root(scope(), "AKIA");
        caller.tls = Some(model::Tls { version: "TLSv1.3", cipher_suite: "TLS_AES_128_GCM_SHA256" });
        let details = |call: &OwnCall<'_>| {
            let record: Value = serde_json::from_str(&event(call, &CountingIds::from_seed(0)).record).unwrap();
            record["tlsDetails"].clone()
        };
        let mut expected = serde_json::json!({
            "tlsVersion": "TLSv1.3", "cipherSuite": "TLS_AES_128_GCM_SHA256", "clientProvidedHostHeader": "127.0.0.1:8792"
        });
        assert_eq!(details(&call(&caller)), expected);
        expected.as_object_mut().unwrap().remove("clientProvidedHostHeader");
        assert_eq!(details(&OwnCall { host: None, ..call(&caller) }), expected);
        let plain = Caller::root(scope(), "AKIA");
        assert_eq!(details(&OwnCall { host: None, ..call(&plain) }), Value::Null);
    }

    #[test]
    fn a_session_of_a_role_names_its_role() {
        let mut caller = Caller::root(scope(), "ASIA");
        caller.identity_type = "AssumedRole".into();
        caller.principal_id = "AROA1:deploy".into();
        caller.arn = "arn:aws:sts::123456789012:assumed-role/Deployer/deploy".into();
        caller.session = Some(Arc::new(Session {
            issuer_id: "AROA1".into(),
            role_arn: Some("arn:aws:iam::123456789012:role/ci/Deployer".into()),
            role_name: Some("Deployer".into()),
            began: Timestamp(1_700_000_000_000),
            source_identity: Some("jane".into()),
            ..Session::default()
        }));
        let event = event(&call(&caller), &CountingIds::from_seed(0));
        let record: Value = serde_json::from_str(&event.record).unwrap();
        assert_eq!(
            record["userIdentity"],
            serde_json::json!({
                "type": "AssumedRole", "principalId": "AROA1:deploy",
                "arn": "arn:aws:sts::123456789012:assumed-role/Deployer/deploy", "accountId": "123456789012",
                "accessKeyId": "ASIA",
                "sessionContext": {
                    "sessionIssuer": {
                        "type": "Role", "principalId": "AROA1", "arn": "arn:aws:iam::123456789012:role/ci/Deployer",
                        "accountId": "123456789012", "userName": "Deployer"
                    },
                    "attributes": {"creationDate": "2023-11-14T22:13:20Z", "mfaAuthenticated": "false"},
                    "sourceIdentity": "jane"
                }
            })
        );
        assert_eq!(event.username, "deploy");
    }

    #[test]
    fn a_role_that_was_taken_is_the_resource_of_a_read_that_tells_its_answer() {
        let caller = Caller::root(scope(), "AKIA");
        let taken = OwnCall {
            source: Service::Sts.event_source(),
            operation: "AssumeRole",
            request_parameters: Some(
                r#"{"roleArn":"arn:aws:iam::999999999999:role/ci/Deployer","roleSessionName":"s"}"#,
            ),
            response_elements: Some(r#"{"credentials":{"accessKeyId":"ASIA1"}}"#),
            ..call(&caller)
        };
        let recorded = |call: &OwnCall<'_>| {
            let event = event(call, &CountingIds::from_seed(0));
            (serde_json::from_str::<Value>(&event.record).unwrap(), event.resources)
        };
        let (record, resources) = recorded(&taken);
        let arn = "arn:aws:iam::999999999999:role/ci/Deployer";
        assert_eq!(
            record["resources"],
            serde_json::json!([{"ARN": arn, "accountId": "999999999999", "type": "AWS::IAM::Role"}])
        );
        assert_eq!(resources.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), [arn]);
        assert_eq!(
            (&record["readOnly"], &record["responseElements"]["credentials"]["accessKeyId"]),
            (&true.into(), &"ASIA1".into())
        );
        let (record, _) = recorded(&OwnCall { error: Some(("AccessDenied", "no")), ..taken.clone() });
        assert_eq!((record.get("resources"), &record["responseElements"]), (None, &Value::Null));
        assert_eq!(record["readOnly"], true);
        let (record, _) = recorded(&OwnCall { operation: "GetSessionToken", access: Access::Read, ..taken.clone() });
        assert_eq!((record.get("resources"), &record["readOnly"]), (None, &true.into()));
        assert_eq!(record["responseElements"]["credentials"]["accessKeyId"], "ASIA1");
        let decoded = OwnCall { operation: "DecodeAuthorizationMessage", ..taken };
        assert_eq!(recorded(&decoded).0["responseElements"], Value::Null);
    }

    #[test]
    fn a_refused_unknown_key_is_recorded_as_unknown() {
        let mut caller = Caller::root(scope(), "AKIAWRONG");
        caller.identity_type = "Unknown".into();
        let mut call = call(&caller);
        call.error = Some(("UnrecognizedClientException", "The security token included in the request is invalid."));
        call.response_elements = Some(r#"{"a":1}"#);
        let event = event(&call, &CountingIds::from_seed(0));
        let record: Value = serde_json::from_str(&event.record).unwrap();
        assert_eq!(record["userIdentity"], serde_json::json!({"type": "Unknown", "accessKeyId": "AKIAWRONG"}));
        assert_eq!(record["errorCode"], "UnrecognizedClientException");
        assert_eq!(record["responseElements"], Value::Null);
        assert_eq!((event.account.as_str(), event.access_key_id.as_str()), ("123456789012", "AKIAWRONG"));
    }

    #[test]
    fn who_may_not_is_recorded_with_cloudtrails_one_code_for_it() {
        let caller = Caller::root(scope(), "AKIA");
        for (answered, recorded) in [
            ("AccessDeniedException", "AccessDenied"),
            ("AccessDenied", "AccessDenied"),
            ("AuthorizationErrorException", "AccessDenied"),
            ("ResourceNotFoundException", "ResourceNotFoundException"),
        ] {
            let mut call = call(&caller);
            call.error = Some((answered, "no"));
            let event = event(&call, &CountingIds::from_seed(0));
            let record: Value = serde_json::from_str(&event.record).unwrap();
            assert_eq!((&record["errorCode"], &*event.error_code), (&Value::from(recorded), recorded));
        }
    }

    #[test]
    fn long_members_are_cut_between_characters_and_large_ones_omitted() {
        let mut caller = Caller::root(scope(), "AKIA");
        caller.user_agent = "é".repeat(1000);
        let large = format!(r#"{{"a":"{}"}}"#, "x".repeat(200_000));
        let mut call = call(&caller);
        call.request_parameters = Some(&large);
        let event = event(&call, &CountingIds::from_seed(0));
        let record: Value = serde_json::from_str(&event.record).unwrap();
        assert_eq!(record["userAgent"].as_str().unwrap().len(), 1024);
        assert_eq!(record["requestParameters"]["omitted"], true);
        assert_eq!(record["requestParameters"]["originalSize"], large.len());
    }

    #[test]
    fn data_events_are_recorded_only_where_a_trail_asks() {
        let audit = DataAudit::default();
        let caller = Caller::root(scope(), "AKIA");
        let mut call = call(&caller);
        assert!(audit.should_record(&call));
        call.audit = Audit::Data("AWS::Logs::LogGroup");
        assert!(!audit.should_record(&call));
        let selectors = r#"{"Advanced":[{"name":null,"fields":[
            {"field":"eventCategory","equals":["Data"],"starts_with":[],"ends_with":[],"not_equals":[],"not_starts_with":[],"not_ends_with":[]},
            {"field":"resources.type","equals":["AWS::Logs::LogGroup"],"starts_with":[],"ends_with":[],"not_equals":[],"not_starts_with":[],"not_ends_with":[]}]}]}"#;
        let mut trail = TrailRow { scope: scope(), selectors: Some(selectors.into()), ..TrailRow::default() };
        audit.set(std::slice::from_ref(&trail), &[]);
        assert!(audit.should_record(&call));
        trail.scope.region = "eu-west-1".into();
        audit.set(std::slice::from_ref(&trail), &[]);
        assert!(!audit.should_record(&call));
        trail.settings.multi_region = true;
        audit.set(std::slice::from_ref(&trail), &[]);
        assert!(audit.should_record(&call));
        trail.scope.account = "999999999999".into();
        audit.set(std::slice::from_ref(&trail), &[]);
        assert!(!audit.should_record(&call), "another account's");
        trail.settings.organization = true;
        audit.set(&[trail], &[]);
        assert!(audit.should_record(&call), "a trail of the organization asks for all accounts");
        audit.set(&[], &[]);
        assert!(!audit.any());
    }
}

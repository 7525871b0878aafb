//! The CloudTrail record of a call, as one line of JSON, members in the order in which CloudTrail writes them.

use super::address::Address;
use super::answer::{self, Failure};
use super::body::{self, BODY_BYTES_MAX, Notation, Tree, content, is_cut};
use super::members::Members;
use super::percent::{Plus, decoded, parameters};
use super::resources::{Named, partition};
use super::tables::{self, Operation, Place};
use super::{Category, Recognised, SOURCES, Service, header, names, route, s3};
use crate::call::{Answer, Call, Outcome, Request};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::fmt::Write as _;

/// CloudTrail record contents: longest `userAgent` and `errorMessage`, bytes.
const TEXT_BYTES_MAX: usize = 1024;
/// CloudTrail record contents: largest `requestParameters` and `responseElements`, bytes.
const ELEMENTS_BYTES_MAX: usize = 100 * 1024;
/// Largest `userIdentity`, which the gateway itself makes.
const IDENTITY_BYTES_MAX: usize = 16 * 1024;

/// `errorCode` of network-activity events (CloudTrail user guide, "Logging network activity events").
const DENIED: &str = "VpceAccessDenied";
/// Its `errorMessage`, which AWS writes alone; here the name of the rule follows.
const DENIED_TEXT: &str = "The request was denied due to a VPC endpoint policy";
/// Our own `errorCode` of a call that did not reach the backend, or whose answer did not come.
pub const UNREACHABLE: &str = "GatewayBackendUnreachable";
/// Our own `errorCode` of a call during which the gateway ended.
pub const INTERRUPTED: &str = "GatewayInterrupted";
const INTERRUPTED_TEXT: &str =
    "The gateway ended while this call was under way. Whether the backend took it is not known.";

/// See [`super::event`].
pub fn event(call: &Call, recognised: &Recognised) -> String {
    match &call.outcome {
        Outcome::Refused { rule: Some(rule), .. } => network_activity(call, recognised, rule),
        _ => api_call(call, recognised),
    }
}

fn api_call(call: &Call, recognised: &Recognised) -> String {
    let service = recognised.service;
    let operation = if recognised.is_modelled { tables::operation(service, &recognised.operation) } else { None };
    let request = operation.and_then(|operation| request_tree(service, operation, &call.request));
    let answer = match &call.outcome {
        Outcome::Answered(answer) => Some(answer),
        _ => None,
    };
    let answered = answer.zip(operation).and_then(|(answer, operation)| answer_tree(operation, answer));
    let failure = failure(call, recognised);
    let mut json = Object::begin();
    begin(&mut json, call, recognised);
    json.text("userAgent", &user_agent(service, &call.request));
    if let Some(failure) = &failure {
        json.text("errorCode", &failure.code);
        json.optional_text("errorMessage", failure.message.as_deref().map(cut));
    }
    let parameters = match service {
        Service::S3 => Some(s3::request_parameters(&call.request, operation)),
        _ => request_parameters(recognised, operation, request.as_ref()),
    };
    json.raw("requestParameters", &elements("requestParameters", parameters));
    let told = answer.filter(|_| failure.is_none() && tells_answer(recognised));
    let elements_of = |answer: &Answer| match service {
        Service::S3 => s3::response_elements(answer),
        _ => response_elements(recognised, operation, answered.as_ref()),
    };
    json.raw("responseElements", &elements("responseElements", told.and_then(elements_of)));
    let named = Named { call, recognised, request: request.as_ref(), answer: answered.as_ref() };
    let resources = named.resources();
    let mut additional = additional_event_data(call, recognised, operation);
    additional.extend(answer.and_then(|answer| of_service(service, answer, answered.as_ref(), &resources)));
    if !additional.is_empty() {
        json.raw("additionalEventData", &Value::Object(additional).to_string());
    }
    ids(&mut json, call);
    json.raw("readOnly", if recognised.is_read_only { "true" } else { "false" });
    if !resources.is_empty() {
        json.raw("resources", &Value::Array(resources).to_string());
    }
    json.text("eventType", "AwsApiCall");
    if service == Service::DynamoDb {
        // DynamoDB alone of these services states the version of its API.
        let is_old = header(&call.request.headers, "x-amz-target").is_some_and(|target| target.contains("_20111205"));
        json.text("apiVersion", if is_old { "2011-12-05" } else { "2012-08-10" });
    }
    json.raw("managementEvent", if recognised.category == Category::Management { "true" } else { "false" });
    json.text("recipientAccountId", &call.account_id);
    json.text(
        "eventCategory",
        match recognised.category {
            Category::Management => "Management",
            Category::Data => "Data",
        },
    );
    if let Some(tls) = tls_details(call) {
        json.raw("tlsDetails", &tls);
    }
    json.end()
}

/// A network-activity event: neither parameters nor resources, but the endpoint (CloudTrail user guide, "Logging
/// network activity events", example of a VPC endpoint policy violation).
fn network_activity(call: &Call, recognised: &Recognised, rule: &str) -> String {
    let mut json = Object::begin();
    begin(&mut json, call, recognised);
    json.text("errorCode", DENIED);
    json.text("errorMessage", cut(&format!("{DENIED_TEXT}: rule '{rule}' of the gateway")));
    ids(&mut json, call);
    json.text("eventType", "AwsVpceEvent");
    json.text("recipientAccountId", &call.account_id);
    json.text("vpcEndpointId", cut(&call.endpoint_id));
    json.text("vpcEndpointAccountId", &call.account_id);
    json.text("eventCategory", "NetworkActivity");
    json.end()
}

/// What every record begins with.
fn begin(json: &mut Object, call: &Call, recognised: &Recognised) {
    json.text("eventVersion", "1.11");
    json.raw("userIdentity", &identity(&call.user_identity));
    json.text("eventTime", &call.started.iso_seconds());
    json.text("eventSource", recognised.service.event_source());
    let path = tables::operation(recognised.service, &recognised.operation).map_or("", |operation| operation.path);
    json.text("eventName", &names::event_name(recognised.service, &recognised.operation, path));
    json.text("awsRegion", cut(&call.region));
    json.text("sourceIPAddress", cut(&call.source_ip));
}

fn ids(json: &mut Object, call: &Call) {
    let of_backend = match &call.outcome {
        Outcome::Answered(answer) => answer::request_id(answer),
        _ => None,
    };
    json.text("requestID", of_backend.as_deref().unwrap_or(&call.request_id));
    json.text("eventID", &call.event_id);
}

fn identity(text: &str) -> String {
    let is_object = text.trim_start().starts_with('{') && serde_json::from_str::<&RawValue>(text).is_ok();
    if is_object && text.len() <= IDENTITY_BYTES_MAX && !text.contains(['\n', '\r']) {
        text.trim().to_owned()
    } else {
        r#"{"type":"Unknown"}"#.to_owned()
    }
}

/// S3 writes it in brackets.
fn user_agent(service: Service, request: &Request) -> String {
    let agent = cut(header(&request.headers, "user-agent").unwrap_or_default());
    if service == Service::S3 { format!("[{agent}]") } else { agent.to_owned() }
}

fn failure(call: &Call, recognised: &Recognised) -> Option<Failure> {
    let failed = |code: &str, message: &str| Failure { code: code.to_owned(), message: Some(message.to_owned()) };
    match &call.outcome {
        Outcome::Answered(answer) => answer::failure(recognised.service, Some(&recognised.operation), answer),
        Outcome::Refused { code, message, .. } => Some(failed(cut(code), message)),
        Outcome::Unreachable { message } => Some(failed(UNREACHABLE, message)),
        Outcome::Interrupted => Some(failed(INTERRUPTED, INTERRUPTED_TEXT)),
    }
}

/// Whether an answer is told: not of reads, except of the credentials that STS issues; not of items.
pub fn tells_answer(recognised: &Recognised) -> bool {
    let operation = recognised.operation.as_str();
    match recognised.service {
        Service::Sts => {
            operation.starts_with("Assume") || matches!(operation, "GetFederationToken" | "GetSessionToken")
        }
        Service::DynamoDb => recognised.category == Category::Management && !recognised.is_read_only,
        Service::Lambda => recognised.category == Category::Management && !recognised.is_read_only,
        _ => !recognised.is_read_only,
    }
}

/// What a call is on, as far as rules can go by it.
#[derive(Debug, PartialEq, Eq)]
pub enum Resources {
    /// The resources of these ARNs.
    These(Vec<String>),
    /// Something whose ARN begins so: the call does not tell what, or not in a way that backends agree on.
    Below(String),
    /// The call does not tell.
    Unknown,
}

/// Operations of DynamoDB whose statements name tables.
const STATEMENTS: [&str; 3] = ["ExecuteStatement", "BatchExecuteStatement", "ExecuteTransaction"];

/// What a call is on.
pub fn resources(call: &Call, recognised: &Recognised) -> Resources {
    let request = &call.request;
    if recognised.service == Service::S3 {
        // An access point, whose bucket is not told.
        let is_arn = |name| {
            header(&request.headers, name).is_some_and(|source| source.trim_start_matches('/').starts_with("arn:"))
        };
        if SOURCES.into_iter().any(is_arn) {
            return Resources::Unknown;
        }
        let other = route::otherwise(Service::S3, request);
        // What a backend makes of a subresource that it does not know may be on any object of the bucket.
        let is_of_many =
            matches!(recognised.operation.as_str(), "PostObject" | "DeleteObjects" | route::UNKNOWN_OPERATION)
                || other.is_some();
        if let Address { bucket: Some(bucket), key: None } = Address::of(request)
            && is_of_many
        {
            let below = format!("arn:aws:s3:::{bucket}");
            let is_told = recognised.operation == "DeleteObjects" && other.is_none();
            let keys = if is_told { s3::keys_to_delete(request) } else { None };
            return keys.map_or(Resources::Below(below.clone()), |keys| {
                let objects = keys.iter().map(|key| format!("{below}/{key}"));
                Resources::These(std::iter::once(below.clone()).chain(objects).collect())
            });
        }
    } else {
        let Some(operation) = tables::operation(recognised.service, &recognised.operation) else {
            return Resources::Unknown;
        };
        let tree = || request_tree(recognised.service, operation, request);
        // Lambda's stand in the path.
        let is_read = recognised.service == Service::Lambda
            || request.body.total == 0
            || !is_cut(&request.body) && tree().is_some();
        if !is_read {
            return Resources::Unknown;
        }
        if recognised.service == Service::Kms && leaves_out_key(operation, tree().as_ref()) {
            return Resources::Below(format!("arn:{}:kms:", partition(&call.region)));
        }
    }
    let event: Value = serde_json::from_str(&event(call, recognised)).unwrap_or_default();
    let arns = event["resources"].as_array().into_iter().flatten();
    let arns = arns.filter_map(|resource| resource["ARN"].as_str().or_else(|| resource["ARNPrefix"].as_str()));
    let arns: Vec<String> = arns.map(str::to_owned).collect();
    if arns.is_empty() && STATEMENTS.contains(&recognised.operation.as_str()) {
        return Resources::Unknown;
    }
    Resources::These(arns)
}

/// Whether a call to KMS leaves out a key that it may name, as Decrypt mostly does: which one it is stands in what is
/// encrypted, or it is about all.
fn leaves_out_key(operation: &Operation, tree: Option<&Tree>) -> bool {
    let keys = ["KeyId", "SourceKeyId", "DestinationKeyId", "TargetKeyId"];
    let mut members = tables::members(operation.input).iter().filter(|member| keys.contains(&member.name));
    members.any(|member| tree.and_then(|tree| tree.members.get(member.wire_name)).is_none_or(Value::is_null))
}

/// The members of a request, from its body and its URL.
fn request_tree(service: Service, operation: &Operation, request: &Request) -> Option<Tree> {
    match service {
        Service::S3 => None,
        Service::Lambda => Some(lambda_tree(operation, request)),
        _ if route::target(request).is_some() => {
            let bytes = content(&request.body, header(&request.headers, "content-encoding"))?;
            body::json(&bytes, is_cut(&request.body))
        }
        _ => {
            let form = route::form_text(request).unwrap_or_default();
            Some(body::form(if form.is_empty() { &request.query } else { &form }))
        }
    }
}

fn lambda_tree(operation: &Operation, request: &Request) -> Tree {
    let in_body = tables::payload(operation.input).is_none().then(|| {
        let bytes = content(&request.body, header(&request.headers, "content-encoding"))?;
        body::json(&bytes, is_cut(&request.body))
    });
    let mut tree = in_body.flatten().unwrap_or(Tree { members: Map::new(), notation: Notation::Json });
    let labels = route::labels(operation.path, &request.path).map(|labels| labels.values).unwrap_or_default();
    for member in tables::members(operation.input) {
        let value = match member.place {
            Place::Label => labels
                .iter()
                .find(|(name, _)| name.trim_end_matches('+') == member.wire_name)
                .map(|(_, value)| Value::from(decoded(value, Plus::Itself))),
            Place::Header => {
                header(&request.headers, &member.wire_name.to_ascii_lowercase()).map(|value| Value::from(cut(value)))
            }
            Place::Query => {
                let mut values = parameters(&request.query)
                    .filter(|(name, _)| name == member.wire_name)
                    .map(|(_, value)| Value::from(value));
                match tables::shape(member.shape).kind {
                    tables::Kind::List { .. } => {
                        Some(Value::Array(values.collect())).filter(|v| v != &Value::Array(Vec::new()))
                    }
                    _ => values.next(),
                }
            }
            _ => continue,
        };
        // What stands in the URL goes before a member of the same name in the body.
        tree.members.shift_remove(member.wire_name);
        tree.members.extend(value.map(|value| (member.wire_name.to_owned(), value)));
    }
    tree
}

fn answer_tree(operation: &Operation, answer: &Answer) -> Option<Tree> {
    let bytes = content(&answer.body, header(&answer.headers, "content-encoding"))?;
    if bytes.trim_ascii_start().starts_with(b"<") {
        return (!is_cut(&answer.body)).then(|| body::xml(&bytes, operation.name)).flatten();
    }
    body::json(&bytes, is_cut(&answer.body))
}

fn request_parameters(
    recognised: &Recognised,
    operation: Option<&Operation>,
    request: Option<&Tree>,
) -> Option<Map<String, Value>> {
    let input = operation?.input?;
    Members::of(recognised.service, &recognised.operation, input, request?)
}

fn response_elements(
    recognised: &Recognised,
    operation: Option<&Operation>,
    answer: Option<&Tree>,
) -> Option<Map<String, Value>> {
    let output = operation?.output?;
    let mut members = Members::of(recognised.service, &recognised.operation, output, answer?)?;
    // Secrets Manager tells the ARN alone, under another name than elsewhere.
    if recognised.service == Service::SecretsManager
        && matches!(&*recognised.operation, "CreateSecret" | "PutSecretValue")
    {
        let arn = members.shift_remove("aRN")?;
        return Some(Map::from_iter([("arn".to_owned(), arn)]));
    }
    Some(members)
}

fn additional_event_data(call: &Call, recognised: &Recognised, operation: Option<&Operation>) -> Map<String, Value> {
    let mut told = match recognised.service {
        Service::S3 => s3::additional_event_data(call, &recognised.operation),
        _ => Map::new(),
    };
    let is_body_told = match (recognised.service, operation) {
        (_, None) => false,
        (Service::S3, Some(operation)) => s3::tells_body(operation),
        (_, Some(operation)) => tables::payload(operation.input).is_none(),
    };
    // Our own members, for what no service of AWS can say of itself.
    if is_body_told && is_cut(&call.request.body) {
        told.insert("gatewayRequestBodyBytes".into(), call.request.body.total.into());
        told.insert("gatewayRequestBodyBytesRead".into(), call.request.body.bytes.len().min(BODY_BYTES_MAX).into());
    }
    if !call.is_verified {
        told.insert("gatewaySignatureVerified".into(), false.into());
    }
    told
}

/// What Lambda and KMS tell besides: which version of a function ran, and which material of a key was used.
fn of_service(
    service: Service,
    answer: &Answer,
    answered: Option<&Tree>,
    resources: &[Value],
) -> Option<(String, Value)> {
    match service {
        Service::Lambda => {
            let version = header(&answer.headers, "x-amz-executed-version")?;
            let arn = resources.first()?.get("ARN")?.as_str()?;
            Some(("functionVersion".into(), cut(&format!("{arn}:{version}")).into()))
        }
        Service::Kms => {
            let material = answered?.members.get("KeyMaterialId")?.as_str()?;
            Some(("keyMaterialId".into(), cut(material).into()))
        }
        _ => None,
    }
}

fn tls_details(call: &Call) -> Option<String> {
    let mut json = Object::begin();
    if let Some(tls) = &call.tls {
        json.text("tlsVersion", cut(&tls.version));
        json.text("cipherSuite", cut(&tls.cipher_suite));
    }
    json.optional_text("clientProvidedHostHeader", header(&call.request.headers, "host").map(cut));
    Some(json.end()).filter(|json| json != "{}")
}

/// JSON text of parameters or elements: `null` when there are none, a marker when they are larger than CloudTrail
/// keeps.
fn elements(member: &str, members: Option<Map<String, Value>>) -> String {
    let Some(members) = members.filter(|members| !members.is_empty()) else { return "null".to_owned() };
    let text = Value::Object(members).to_string();
    if text.len() <= ELEMENTS_BYTES_MAX {
        return text;
    }
    let mut marker = Object::begin();
    marker.raw("omitted", "true");
    marker.raw("originalSize", &text.len().to_string());
    marker.text("reason", &format!("{member} too large"));
    marker.end()
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
        let quoted = Value::from(value).to_string();
        self.raw(name, &quoted);
    }

    fn optional_text(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(name, value);
        }
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

//! No secret stands in any event: every operation is called with a sentinel in all that is to be hidden.

use super::*;
use crate::forms::tables::{self, Index, Kind, Operation, Place};
use serde_json::{Map, json};

const SENTINEL: &str = "SENTINEL";
/// In all that may be told, to see that the events tell it.
const PLAIN: &str = "plain";

/// Members that AWS hides although no model marks them. Written here once more, so that a slip in the one list is
/// noticed.
const HIDDEN: [(Service, &[&str]); 6] = [
    (Service::Sqs, &["MessageBody", "Body", "MessageAttributes", "MessageSystemAttributes"]),
    (
        Service::Sns,
        &["Message", "Subject", "MessageAttributes", "Token", "Endpoint", "OneTimePassword", "CustomUserData"],
    ),
    (Service::Kms, &["GrantTokens", "GrantToken"]),
    (Service::Lambda, &["ClientContext", "CheckpointToken", "CallbackId"]),
    (Service::Sts, &["SessionToken", "TokenCode", "ContextAssertion", "EncodedMessage", "DecodedMessage"]),
    (Service::DynamoDb, &["ExpressionAttributeValues", "Parameters", "SearchVector"]),
];

fn is_hidden(service: Service, operation: &str, member: &str) -> bool {
    let is_platform = operation.contains("Platform") || operation.contains("Endpoint");
    HIDDEN.iter().any(|(of, names)| *of == service && names.contains(&member))
        || (service == Service::Sns && member == "Attributes" && is_platform)
}

/// A value of `shape`, its secrets the sentinel.
fn filled(service: Service, operation: &str, shape: Index, is_secret: bool, depth: usize) -> Value {
    let shape = tables::shape(shape);
    let is_secret = is_secret || shape.is_secret;
    match shape.kind {
        Kind::Text if is_secret => SENTINEL.into(),
        Kind::Text => PLAIN.into(),
        Kind::Bytes => SENTINEL.into(),
        Kind::Integer if is_secret => json!(770_077),
        Kind::Integer => json!(5),
        Kind::Decimal => json!(0.5),
        Kind::Boolean => json!(true),
        Kind::Time => json!(1_700_000_000),
        Kind::List { item, .. } => json!([filled(service, operation, item, is_secret, depth + 1)]),
        Kind::Map { value } => json!({PLAIN: filled(service, operation, value, is_secret, depth + 1)}),
        Kind::Structure { members, .. } => {
            let mut filled_members = Map::new();
            if depth > 8 {
                return Value::Object(filled_members);
            }
            let is_value = service == Service::DynamoDb && members.iter().any(|member| member.name == "NULL");
            for member in members.iter().filter(|member| member.place == Place::Body) {
                let is_key = matches!(member.name, "Key" | "Keys" | "ExclusiveStartKey");
                let value = match (service, member.name) {
                    (Service::DynamoDb, "Statement") => {
                        json!(format!("SELECT '{SENTINEL}' FROM t WHERE a='{SENTINEL}'"))
                    }
                    (Service::DynamoDb, "Key" | "ExclusiveStartKey") => json!({"id": {"S": PLAIN}}),
                    (Service::DynamoDb, "Keys") if is_key => json!([{"id": {"S": PLAIN}}]),
                    _ => {
                        let is_secret = is_secret || is_value || is_hidden(service, operation, member.name);
                        filled(service, operation, member.shape, is_secret, depth + 1)
                    }
                };
                filled_members.insert(member.wire_name.to_owned(), value);
            }
            // What no model knows may be anything.
            filled_members.insert("NotInTheModel".into(), SENTINEL.into());
            Value::Object(filled_members)
        }
    }
}

fn pushed_form(out: &mut String, name: &str, value: &Value) {
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(key, value)| pushed_form(out, &format!("{name}.{key}"), value))
        }
        Value::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(at, value)| pushed_form(out, &format!("{name}.member.{}", at + 1), value)),
        Value::String(text) => out.push_str(&format!("&{}={text}", name.trim_start_matches('.'))),
        other => out.push_str(&format!("&{}={other}", name.trim_start_matches('.'))),
    }
}

fn pushed_xml(out: &mut String, name: &str, value: &Value) {
    match value {
        Value::Array(items) => {
            out.push_str(&format!("<{name}>"));
            items.iter().for_each(|item| pushed_xml(out, "member", item));
            out.push_str(&format!("</{name}>"));
        }
        Value::Object(members) => {
            out.push_str(&format!("<{name}>"));
            members.iter().for_each(|(name, value)| pushed_xml(out, name, value));
            out.push_str(&format!("</{name}>"));
        }
        Value::String(text) => out.push_str(&format!("<{name}>{text}</{name}>")),
        other => out.push_str(&format!("<{name}>{other}</{name}>")),
    }
}

/// Headers that are secret whatever is called.
fn secret_headers() -> Vec<(String, String)> {
    let with = |name: &str| (name.to_owned(), SENTINEL.to_owned());
    let mut headers: Vec<_> =
        ["x-amz-security-token", "cookie", "x-amz-meta-note", "x-amz-mfa", "proxy-authorization"].map(with).into();
    headers.push(("authorization".into(), format!("{}{SENTINEL}", scope("s3"))));
    headers.push(("host".into(), "gateway.internal".into()));
    headers
}

/// The header and query members of a REST call, and the body.
fn rest_request(service: Service, operation: &Operation) -> Request {
    let path = operation.path.replace("{Bucket}", "b").replace("{Key+}", "k").replace(['{', '}'], "");
    let mut query: Vec<String> = operation.literals.iter().map(|(name, value)| format!("{name}={value}")).collect();
    query.extend(["Signature", "Credential", "Security-Token"].map(|part| format!("X-Amz-{part}={SENTINEL}")));
    query.push(format!("token={SENTINEL}"));
    let mut headers = secret_headers();
    for member in tables::members(operation.input) {
        let name = member.wire_name.to_ascii_lowercase();
        let is_secret = tables::shape(member.shape).is_secret
            || is_hidden(service, operation.name, member.name)
            || ["customer-key", "x-amz-fwd-", "request-token", "x-amz-mfa"].iter().any(|part| name.contains(part));
        let value = if is_secret { SENTINEL } else { PLAIN };
        match member.place {
            Place::Query => query.push(format!("{}={value}", member.wire_name)),
            Place::Header if name != "x-amz-copy-source" => headers.push((name, value.to_owned())),
            Place::Header => headers.push((name, "a/b".to_owned())),
            _ => {}
        }
    }
    let body = match (service, tables::payload(operation.input)) {
        (Service::S3, Some(payload)) if operation.name != "PutBucketPolicy" => {
            let value = filled(service, operation.name, payload.shape, false, 0);
            let mut xml = String::new();
            pushed_xml(&mut xml, payload.wire_name, &value);
            // Lists of S3 have names of their own for their items; what is found of them is enough here.
            xml
        }
        (Service::S3, _) => format!("{{\"Policy\":\"{PLAIN}\"}}"),
        (_, Some(_)) => SENTINEL.to_owned(),
        (_, None) => operation
            .input
            .map_or_else(String::new, |input| filled(service, operation.name, input, false, 0).to_string()),
    };
    let mut request = request(operation.method, &format!("{path}?{}", query.join("&")), &[], &body);
    request.headers = headers;
    request
}

#[test]
fn no_event_of_any_operation_tells_a_secret() {
    let mut with_plain = 0;
    let mut all = 0;
    for service in Service::ALL {
        for operation in tables::operations(service) {
            for request in requests(service, operation) {
                for answer in answers(service, operation) {
                    let call = call(request.clone(), answer);
                    let recognised = recognise(service, &call.request);
                    let text = event(&call, &recognised);
                    assert!(!text.contains(SENTINEL) && !text.contains("770077"), "{} {text}", operation.name);
                    with_plain += usize::from(text.contains(PLAIN));
                    all += 1;
                }
            }
        }
    }
    assert!(all > 1_000 && with_plain * 10 > all * 8, "{with_plain} of {all} tell what may be told");
}

fn requests(service: Service, operation: &'static Operation) -> Vec<Request> {
    if matches!(service, Service::S3 | Service::Lambda) {
        return vec![rest_request(service, operation)];
    }
    let body = operation.input.map_or_else(|| json!({}), |input| filled(service, operation.name, input, false, 0));
    let mut requests = Vec::new();
    if !matches!(service, Service::Sns | Service::Sts) {
        requests.push(json_request(service, &format!("X.{}", operation.name), &body.to_string()));
    }
    if matches!(service, Service::Sns | Service::Sts | Service::Sqs) {
        let mut form = format!("Action={}&Version=1", operation.name);
        pushed_form(&mut form, "", &body);
        requests.push(form_request(service, &form));
    }
    for request in &mut requests {
        request.query = format!("X-Amz-Signature={SENTINEL}&X-Amz-Security-Token={SENTINEL}");
        request
            .headers
            .extend(secret_headers().into_iter().filter(|(name, _)| name != "authorization" && name != "host"));
    }
    requests
}

fn answers(service: Service, operation: &Operation) -> Vec<Outcome> {
    let value = operation.output.map_or_else(|| json!({}), |output| filled(service, operation.name, output, false, 0));
    let mut headers = vec![("set-cookie".to_owned(), SENTINEL.to_owned())];
    for member in tables::members(operation.output).iter().filter(|member| member.place == Place::Header) {
        let name = member.wire_name.to_ascii_lowercase();
        let is_secret = tables::shape(member.shape).is_secret || name.contains("customer-key");
        headers.push((name, if is_secret { SENTINEL } else { PLAIN }.to_owned()));
    }
    let mut xml = String::new();
    pushed_xml(&mut xml, &format!("{}Result", operation.name), &value);
    let bodies = match service {
        Service::S3 => vec![SENTINEL.to_owned()],
        Service::Sns | Service::Sts => vec![format!("<Response>{xml}</Response>")],
        Service::Sqs => vec![value.to_string(), format!("<Response>{xml}</Response>")],
        _ => vec![value.to_string()],
    };
    let answered = bodies
        .into_iter()
        .map(|body| Outcome::Answered(Answer { status: 200, headers: headers.clone(), body: captured(body) }));
    answered.chain([Outcome::Interrupted]).collect()
}

/// The query protocol of SQS has names of its own for lists.
#[test]
fn forms_of_sqs_tell_no_message() {
    let form = format!(
        "Action=SendMessageBatch&Version=2012-11-05&QueueUrl=http%3A%2F%2Fh%2F111122223333%2Fq\
         &SendMessageBatchRequestEntry.1.Id=a&SendMessageBatchRequestEntry.1.MessageBody={SENTINEL}\
         &SendMessageBatchRequestEntry.1.MessageAttribute.1.Name=n&SendMessageBatchRequestEntry.1.MessageAttribute.1.Value.StringValue={SENTINEL}\
         &SendMessageBatchRequestEntry.2.Id=b&SendMessageBatchRequestEntry.2.DelaySeconds=5"
    );
    let (text, event) = event_of(&call(form_request(Service::Sqs, &form), Outcome::Interrupted));
    assert!(!text.contains(SENTINEL));
    let hidden = "HIDDEN_DUE_TO_SECURITY_REASONS";
    assert_eq!(
        event["requestParameters"],
        json!({
            "queueUrl": "http://h/111122223333/q",
            "entries": [{"id": "a", "messageBody": hidden, "messageAttributes": hidden}, {"id": "b", "delaySeconds": 5}]
        })
    );
}

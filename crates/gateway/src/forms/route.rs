//! Which service and which operation a request is for.

use super::address::{Address, RESPONSE_PATH};
use super::body::{content, is_cut};
use super::names::{category, is_read_only};
use super::percent::{parameter, parameters};
use super::tables::{self, Operation, Place};
use super::{Category, Recognised, Service, header};
use crate::call::Request;

/// What a call is called that does not say it.
pub const UNKNOWN_OPERATION: &str = "UnknownOperation";
/// Longest name of an operation that is taken for one; AWS has none of half that length.
const OPERATION_CHARS_MAX: usize = 128;

/// JSON target prefixes, without the version that may follow.
const TARGETS: [(&str, Service); 7] = [
    ("DynamoDB", Service::DynamoDb),
    ("DynamoDBStreams", Service::DynamoDb),
    ("AmazonSQS", Service::Sqs),
    ("TrentService", Service::Kms),
    ("secretsmanager", Service::SecretsManager),
    ("Kinesis", Service::Kinesis),
    ("Firehose", Service::Firehose),
];

/// Versions of APIs that speak the query protocol.
const VERSIONS: [(&str, Service); 6] = [
    ("2012-11-05", Service::Sqs),
    ("2011-10-01", Service::Sqs),
    ("2009-02-01", Service::Sqs),
    ("2008-01-01", Service::Sqs),
    ("2010-03-31", Service::Sns),
    ("2011-06-15", Service::Sts),
];

/// See [`super::service_of`].
pub fn service_of(request: &Request) -> Service {
    let of_scope = scope_service(request).and_then(|name| signed_for(&name));
    let of_target = || target(request).and_then(|(service, _)| service);
    let of_version = || {
        let version = form_parameter(request, "Version")?;
        VERSIONS.iter().find(|(known, _)| *known == version).map(|(_, service)| *service)
    };
    let of_host = || {
        let name = header(&request.headers, "host")?;
        let (first, rest) = name.split_once('.')?;
        let is_aws = rest.split(':').next().is_some_and(|rest| rest.ends_with("amazonaws.com"));
        let is_bucket = rest.starts_with("s3.") || rest.starts_with("s3-");
        Service::ALL.into_iter().find(|service| is_aws && !is_bucket && service.signing_name() == first)
    };
    let of_path = || lambda(request).map(|_| Service::Lambda);
    of_scope.or_else(of_target).or_else(of_host).or_else(of_version).or_else(of_path).unwrap_or(Service::S3)
}

fn signed_for(name: &str) -> Option<Service> {
    // Directory buckets and Object Lambda sign for services of their own.
    if matches!(name, "s3express" | "s3-object-lambda") {
        return Some(Service::S3);
    }
    Service::ALL.into_iter().find(|service| service.signing_name() == name)
}

/// See [`super::foreign_service`].
pub fn foreign_service(request: &Request) -> Option<String> {
    scope_service(request).filter(|name| signed_for(name).is_none())
}

/// The service in the credential scope, of a header or of a presigned query.
fn scope_service(request: &Request) -> Option<String> {
    let of_credential = |credential: &str| credential.split('/').rev().nth(1).map(str::to_owned);
    if let Some(authorization) = header(&request.headers, "authorization") {
        let (_, rest) = authorization.split_once("Credential=")?;
        return of_credential(rest.split([',', ' ']).next()?);
    }
    of_credential(&parameter(&request.query, "X-Amz-Credential")?)
}

/// Service and operation of the header `X-Amz-Target`; no service when no known one has the prefix.
pub fn target(request: &Request) -> Option<(Option<Service>, &str)> {
    let target = header(&request.headers, "x-amz-target")?;
    let (prefix, operation) = target.rsplit_once('.').unwrap_or(("", target));
    let name = prefix.split(['_', '.']).next().unwrap_or_default();
    let service = TARGETS.iter().find(|(known, _)| *known == name).map(|(_, service)| *service);
    Some((service, operation))
}

/// A parameter of a query-protocol call: in the query, or in a form in the body.
pub fn form_parameter(request: &Request, name: &str) -> Option<String> {
    parameter(&request.query, name).or_else(|| parameter(&form_text(request)?, name))
}

/// The text of a form in the body.
pub fn form_text(request: &Request) -> Option<String> {
    let kind = header(&request.headers, "content-type")?.split(';').next()?.trim();
    if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return None;
    }
    let bytes = content(&request.body, header(&request.headers, "content-encoding"))?;
    let text = String::from_utf8_lossy(&bytes);
    // The last parameter of a body that was cut is not whole.
    let whole = if is_cut(&request.body) { text.rfind('&').and_then(|end| text.get(..end)) } else { Some(&*text) };
    whole.map(str::to_owned)
}

/// See [`super::recognise`].
pub fn recognise(service: Service, request: &Request) -> Recognised {
    let (operation, is_modelled) = match service {
        Service::S3 => s3_name(request),
        Service::Lambda => match lambda(request) {
            Some(operation) => (operation.name.to_owned(), true),
            None => (UNKNOWN_OPERATION.to_owned(), false),
        },
        _ => {
            let target = target(request).map(|(_, name)| name.to_owned());
            let name = target.or_else(|| form_parameter(request, "Action")).filter(|name| is_operation_name(name));
            let is_modelled = name.as_deref().is_some_and(|name| tables::operation(service, name).is_some());
            (name.unwrap_or_else(|| UNKNOWN_OPERATION.to_owned()), is_modelled)
        }
    };
    let reads = matches!(request.method.as_str(), "GET" | "HEAD" | "OPTIONS");
    let is_read_only = match is_modelled {
        false if operation == UNKNOWN_OPERATION => matches!(service, Service::S3 | Service::Lambda) && reads,
        _ => is_read_only(service, &operation),
    };
    let category = match operation.as_str() {
        UNKNOWN_OPERATION => Category::Management,
        operation => category(service, operation),
    };
    Recognised { service, operation, is_modelled, is_read_only, category }
}

/// Letters and digits, a letter first: what operations of AWS are called.
fn is_operation_name(name: &str) -> bool {
    name.len() <= OPERATION_CHARS_MAX
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// The operation of Lambda whose path and method a request has: the one with the most fixed parts.
pub fn lambda(request: &Request) -> Option<&'static Operation> {
    let mut found: Option<(usize, &Operation)> = None;
    for operation in tables::operations(Service::Lambda) {
        if operation.method != request.method {
            continue;
        }
        let Some(fixed) = labels(operation.path, &request.path).map(|labels| labels.fixed) else { continue };
        if !operation.literals.iter().all(|(name, value)| parameter(&request.query, name).as_deref() == Some(*value)) {
            continue;
        }
        let fixed = fixed + operation.literals.len();
        if found.is_none_or(|(most, _)| fixed > most) {
            found = Some((fixed, operation));
        }
    }
    found.map(|(_, operation)| operation)
}

/// How a path fits a template.
pub struct Labels<'a> {
    /// Names and values, still encoded.
    pub values: Vec<(&'static str, &'a str)>,
    /// How many parts of the template are no labels.
    pub fixed: usize,
}

/// The labels of `template` in `path`; `None` when the path is another. A label for an ARN at the end takes all that
/// is left, for some clients leave its slashes as they are.
pub fn labels<'a>(template: &'static str, path: &'a str) -> Option<Labels<'a>> {
    let mut labels = Labels { values: Vec::new(), fixed: 0 };
    let mut rest = path.strip_prefix('/')?.trim_end_matches('/');
    let mut parts = template.strip_prefix('/')?.trim_end_matches('/').split('/').peekable();
    while let Some(part) = parts.next() {
        let is_last = parts.peek().is_none();
        let label = part.strip_prefix('{').and_then(|part| part.strip_suffix('}'));
        let takes_all = is_last && label.is_some_and(|label| label.contains("Arn") || label == "Resource");
        let (value, left) = match rest.split_once('/') {
            Some(split) if !takes_all => split,
            _ => (rest, ""),
        };
        match label {
            Some(_) if value.is_empty() => return None,
            Some(label) => labels.values.push((label, value)),
            None if part == value => labels.fixed += 1,
            None => return None,
        }
        if is_last && !left.is_empty() {
            return None;
        }
        rest = left;
    }
    Some(labels)
}

fn s3_name(request: &Request) -> (String, bool) {
    if let Some(operation) = s3(request) {
        return (operation.name.to_owned(), true);
    }
    let address = Address::of(request);
    let name = match request.method.as_str() {
        "OPTIONS" => "PreflightRequest",
        _ if is_posted_form(request, &address) => POST_OBJECT,
        _ => UNKNOWN_OPERATION,
    };
    (name.to_owned(), false)
}

/// True for a form that is posted to a bucket: its own fields say the key. Some backends look at nothing else.
pub fn is_posted_form(request: &Request, address: &Address) -> bool {
    let kind = header(&request.headers, "content-type").unwrap_or_default().trim_start();
    let is_form = kind.get(..FORM.len()).is_some_and(|start| start.eq_ignore_ascii_case(FORM));
    request.method == "POST" && address.key.is_none() && is_form
}

/// The operation of S3 that a request is for: of those with its method and level (service, bucket, object), the one
/// whose parameters it has most of.
pub fn s3(request: &Request) -> Option<&'static Operation> {
    let address = Address::of(request);
    let level = match (&address.bucket, &address.key) {
        (None, _) => "/",
        (Some(_), None) => "/{Bucket}",
        (Some(_), Some(_)) => "/{Bucket}/{Key+}",
    };
    let given: Vec<(String, String)> = parameters(&request.query).collect();
    let operation = best(request, level, &given)?;
    // A subresource that no model knows is not the bucket or object itself.
    let is_unknown = |(name, value): &(String, String)| value.is_empty() && !is_known(operation, name);
    (!operation.literals.is_empty() || !given.iter().any(is_unknown)).then_some(operation)
}

/// Subresources that whoever speaks S3 knows, of buckets and of objects. Others some backends pass over, and do what the
/// call would be without them.
const OF_BUCKETS: [&str; 16] = [
    "acl",
    "cors",
    "delete",
    "encryption",
    "lifecycle",
    "list-type",
    "location",
    "logging",
    "notification",
    "object-lock",
    "policy",
    "replication",
    "tagging",
    "uploads",
    "versioning",
    "versions",
];
const OF_OBJECTS: [&str; 5] = ["acl", "legal-hold", "retention", "tagging", "uploads"];

/// What posted forms do, which is in no model.
const POST_OBJECT: &str = "PostObject";
/// How their media type begins.
const FORM: &str = "multipart/form-data";

/// The operation that a backend does instead of the one that a request to S3 is for, if it may not know that one's
/// subresource: AWS's models are newer than most backends.
pub fn otherwise(service: Service, request: &Request) -> Option<&'static str> {
    let operation = if service == Service::S3 { s3(request)? } else { return None };
    if is_posted_form(request, &Address::of(request)) {
        return Some(POST_OBJECT);
    }
    let is_of_object = operation.path.contains("{Key");
    let known = if is_of_object { &OF_OBJECTS[..] } else { &OF_BUCKETS[..] };
    if operation.literals.iter().all(|(name, _)| known.contains(name)) {
        return None;
    }
    let is_left = |(name, _): &(String, String)| !operation.literals.iter().any(|(literal, _)| literal == name);
    let left: Vec<(String, String)> = parameters(&request.query).filter(is_left).collect();
    best(request, operation.path, &left).map(|operation| operation.name)
}

/// The operation at `level` that a request with these parameters fits best.
fn best(request: &Request, level: &str, given: &[(String, String)]) -> Option<&'static Operation> {
    let mut found: Option<(i32, &Operation)> = None;
    for operation in tables::operations(Service::S3) {
        let is_response = operation.path == RESPONSE_PATH
            && request.path == operation.path
            && header(&request.headers, "x-amz-request-route").is_some();
        if operation.method != request.method || !(operation.path == level || is_response) {
            continue;
        }
        let Some(fit) = fit(operation, request, given) else { continue };
        let fit = if is_response { i32::MAX } else { fit };
        if found.is_none_or(|(best, _)| fit > best) {
            found = Some((fit, operation));
        }
    }
    found.map(|(_, operation)| operation)
}

/// How well a request fits an operation; `None` when it is another's.
fn fit(operation: &Operation, request: &Request, given: &[(String, String)]) -> Option<i32> {
    let has = |name: &str| given.iter().any(|(found, _)| found == name);
    let mut fit = i32::from(!operation.is_deprecated);
    for (name, value) in operation.literals {
        if !given.iter().any(|(found, text)| found == name && (value.is_empty() || text == value)) {
            return None;
        }
        fit += 10;
    }
    match operation.name {
        "CopyObject" | "UploadPartCopy" => {
            header(&request.headers, "x-amz-copy-source")?;
            fit += 3;
        }
        // Its path is that of ListBuckets, its host another.
        "ListDirectoryBuckets" => return None,
        _ => {}
    }
    for member in tables::members(operation.input).iter().filter(|member| member.is_required) {
        match has(member.wire_name) {
            true => fit += 2,
            // Headers are not left out: without theirs, backends see another operation.
            false if operation.literals.is_empty() || member.place == Place::Header => return None,
            false => fit -= 1,
        }
    }
    Some(fit)
}

/// True for a parameter that names no subresource: members of the operation, parts of signatures, and what SDKs add.
fn is_known(operation: &Operation, name: &str) -> bool {
    let is_amazons = name.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("x-amz-"));
    let of_operation = tables::members(operation.input).iter().any(|m| m.place == Place::Query && m.wire_name == name);
    is_amazons || of_operation || matches!(name, "x-id" | "AWSAccessKeyId" | "Signature" | "Expires")
}

//! Members of S3's events: parameters, headers and documents of a request, headers of an answer, and what is told
//! besides.

use super::address::Address;
use super::body::{self, NESTING_MAX, content, is_cut};
use super::header;
use super::percent::parameters;
use super::secrets::{HIDDEN, is_hidden_header};
use super::tables::{self, Index, Kind, Operation, Place};
use crate::call::{Answer, Call, Outcome, Request};
use roxmltree::Node;
use serde_json::{Map, Number, Value};

/// Longest value of a parameter or a header that is told.
const VALUE_BYTES_MAX: usize = 4096;
/// Namespaces of an element that are told; S3's documents have one or two.
const NAMESPACES_MAX: usize = 8;

/// Headers of answers that stand in `responseElements`, as the records of S3 show them.
const ANSWERED: [&str; 13] = [
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-server-side-encryption-customer-algorithm",
    "x-amz-server-side-encryption-bucket-key-enabled",
    "x-amz-version-id",
    "x-amz-delete-marker",
    "x-amz-expiration",
    "x-amz-copy-source-version-id",
    "x-amz-abort-date",
    "x-amz-abort-rule-id",
    "x-amz-request-charged",
    "x-amz-restore-output-path",
    "x-amz-storage-class",
];

/// Parts of a presigned query that say how it was signed, and are no secret.
const SIGNED: [&str; 4] = ["X-Amz-Algorithm", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders"];

/// True for an operation whose document in the body stands in its event. Objects, their parts and annotations, keys to
/// delete, and expressions over objects do not.
pub fn tells_body(operation: &Operation) -> bool {
    let of_objects = ["CompleteMultipartUpload", "DeleteObjects", "SelectObjectContent", "WriteGetObjectResponse"];
    let payload = tables::payload(operation.input);
    let is_document = payload.is_some_and(|member| matches!(tables::shape(member.shape).kind, Kind::Structure { .. }));
    (is_document || operation.name == "PutBucketPolicy") && !of_objects.contains(&operation.name)
}

/// `requestParameters`: bucket, host and key; parameters of the query; headers; the document in the body.
pub fn request_parameters(request: &Request, operation: Option<&Operation>) -> Map<String, Value> {
    let mut told = Map::new();
    let Address { bucket, key } = Address::of(request);
    told.extend(bucket.map(|bucket| ("bucketName".to_owned(), bucket.into())));
    told.extend(header(&request.headers, "host").map(|host| ("Host".to_owned(), cut(host).into())));
    told.extend(key.map(|key| ("key".to_owned(), key.into())));
    let known = tables::members(operation.and_then(|operation| operation.input));
    let given: Vec<(String, String)> = parameters(&request.query).collect();
    for (name, value) in &given {
        let of_operation = known.iter().any(|member| member.place == Place::Query && member.wire_name == name);
        let is_literal = operation.is_some_and(|operation| operation.literals.iter().any(|(known, _)| known == name));
        if of_operation || is_literal || name == "x-id" || SIGNED.contains(&name.as_str()) {
            told.entry(name).or_insert_with(|| cut(value).into());
        }
    }
    let mut grants = Map::new();
    for member in known.iter().filter(|member| member.place == Place::Header) {
        let name = member.wire_name.to_ascii_lowercase();
        if !name.starts_with("x-amz-") || is_hidden_header(&name) {
            continue;
        }
        // What is presigned has its headers in the query.
        let in_query = || given.iter().find(|(found, _)| found.eq_ignore_ascii_case(&name)).map(|(_, value)| &**value);
        let Some(value) = header(&request.headers, &name).or_else(in_query) else { continue };
        let value = if tables::shape(member.shape).is_secret { HIDDEN } else { cut(value) };
        let place = if name.starts_with("x-amz-grant-") { &mut grants } else { &mut told };
        place.insert(name, value.into());
    }
    if !grants.is_empty() {
        told.insert("accessControlList".into(), grants.into());
    }
    told.extend(operation.filter(|operation| tells_body(operation)).and_then(|operation| document(request, operation)));
    told
}

/// The document in the body: its outermost element, or the policy under the name that AWS gives it.
fn document(request: &Request, operation: &Operation) -> Option<(String, Value)> {
    if is_cut(&request.body) {
        return None;
    }
    let encoding = header(&request.headers, "content-encoding").filter(|encoding| *encoding != "aws-chunked");
    let bytes = content(&request.body, encoding)?;
    if operation.name == "PutBucketPolicy" {
        return Some(("bucketPolicy".into(), serde_json::from_slice(&bytes).ok()?));
    }
    let payload = tables::payload(operation.input)?;
    let document = body::document(&bytes)?;
    let root = document.root_element();
    Some((root.tag_name().name().to_owned(), element(root, payload.shape, 0)))
}

/// An element as S3 writes it: attributes and children as members, children of one name as an array, texts that are
/// numbers or booleans as such. Children that the model does not know are left out.
fn element(node: Node<'_, '_>, shape: Index, depth: usize) -> Value {
    if tables::shape(shape).is_secret {
        return HIDDEN.into();
    }
    let mut told = Map::new();
    // Each is compared with all of the parent's: more than a few are nobody's.
    let few = |node: Node<'_, '_>| {
        node.namespaces()
            .take(NAMESPACES_MAX)
            .map(|of| (of.name().map(str::to_owned), of.uri().to_owned()))
            .collect::<Vec<_>>()
    };
    let inherited = node.parent_element().map(few).unwrap_or_default();
    for namespace in node.namespaces().take(NAMESPACES_MAX) {
        let is_inherited =
            inherited.iter().any(|(name, uri)| name.as_deref() == namespace.name() && uri == namespace.uri());
        let name = namespace.name().map_or_else(|| "xmlns".to_owned(), |name| format!("xmlns:{name}"));
        if !is_inherited && namespace.name() != Some("xml") {
            told.insert(name, cut(namespace.uri()).into());
        }
    }
    for member in tables::members(Some(shape)) {
        let Some((_, name)) = member.wire_name.split_once(':') else { continue };
        let value = node.attributes().find(|attribute| attribute.name() == name);
        told.extend(value.map(|value| (member.wire_name.to_owned(), cut(value.value()).into())));
    }
    let mut has_children = false;
    for child in node.children().filter(Node::is_element).filter(|_| depth < NESTING_MAX) {
        has_children = true;
        let name = child.tag_name().name();
        let Some(of) = child_shape(shape, name) else { continue };
        let value = element(child, of, depth + 1);
        match told.get_mut(name) {
            None => drop(told.insert(name.to_owned(), value)),
            Some(Value::Array(items)) => items.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
        }
    }
    let text = if has_children { "" } else { node.text().unwrap_or_default().trim() };
    match (told.is_empty(), text.is_empty()) {
        (true, _) if has_children => Value::Object(told),
        (true, _) => typed(text),
        (false, true) => Value::Object(told),
        (false, false) => {
            told.insert("content".into(), typed(text));
            Value::Object(told)
        }
    }
}

/// The shape of the child called `name` in an element of `shape`.
fn child_shape(shape: Index, name: &str) -> Option<Index> {
    match &tables::shape(shape).kind {
        Kind::List { item, item_name } => (*item_name == name).then_some(*item),
        Kind::Structure { members, .. } => {
            let member = members.iter().find(|member| member.wire_name == name && member.place == Place::Body)?;
            match tables::shape(member.shape).kind {
                Kind::List { item, .. } if member.is_flattened => Some(item),
                _ => Some(member.shape),
            }
        }
        _ => None,
    }
}

fn typed(text: &str) -> Value {
    match text {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ => {
            // Numbers that would not read back as they were written, such as account ids with a leading zero, stay
            // texts.
            let number = text.parse::<i64>().ok().filter(|number| number.to_string() == text);
            number.map_or_else(|| cut(text).into(), |number| Value::Number(Number::from(number)))
        }
    }
}

/// `responseElements`: what headers say of encryption and versions.
pub fn response_elements(answer: &Answer) -> Option<Map<String, Value>> {
    let told =
        ANSWERED.iter().filter_map(|name| Some(((*name).to_owned(), cut(header(&answer.headers, name)?).into())));
    let told: Map<String, Value> = told.collect();
    (!told.is_empty()).then_some(told)
}

/// `additionalEventData`: how the request was signed, and how many bytes went.
pub fn additional_event_data(call: &Call, operation: &str) -> Map<String, Value> {
    let mut told = Map::new();
    let (request, answer) = match &call.outcome {
        Outcome::Answered(answer) => (&call.request, Some(answer)),
        _ => (&call.request, None),
    };
    let signature = signature(request);
    told.extend(signature.map(|(version, _)| ("SignatureVersion".to_owned(), version.into())));
    told.extend(call.tls.as_ref().map(|tls| ("CipherSuite".to_owned(), tls.cipher_suite.as_str().into())));
    let decoded =
        header(&request.headers, "x-amz-decoded-content-length").and_then(|length| length.parse::<u64>().ok());
    let is_whole = answer.is_some_and(|answer| answer.status < 300);
    told.insert("bytesTransferredIn".into(), decoded.filter(|_| is_whole).unwrap_or(request.body.total).into());
    let encrypted = answer.filter(|_| is_whole).and_then(|answer| encryption_applied(operation, request, answer));
    told.extend(encrypted.map(|applied| ("SSEApplied".to_owned(), applied.into())));
    told.extend(signature.map(|(_, method)| ("AuthenticationMethod".to_owned(), method.into())));
    let id = answer.and_then(|answer| header(&answer.headers, "x-amz-id-2"));
    told.extend(id.map(|id| ("x-amz-id-2".to_owned(), cut(id).into())));
    told.insert("bytesTransferredOut".into(), answer.map_or(0, |answer| answer.body.total).into());
    told
}

/// Version of the signature and where it stands; `None` for anonymous requests.
fn signature(request: &Request) -> Option<(&'static str, &'static str)> {
    if let Some(authorization) = header(&request.headers, "authorization") {
        let version = if authorization.starts_with("AWS4-ECDSA") {
            "SigV4A"
        } else if authorization.starts_with("AWS4-") {
            "SigV4"
        } else {
            "SigV2"
        };
        return Some((version, "AuthHeader"));
    }
    let has = |name: &str| parameters(&request.query).any(|(found, _)| found == name);
    if has("X-Amz-Signature") {
        Some(("SigV4", "QueryString"))
    } else if has("Signature") && has("AWSAccessKeyId") {
        Some(("SigV2", "QueryString"))
    } else {
        None
    }
}

/// `SSEApplied`, told of what writes objects: the kind of encryption, and whether nobody asked for it (S3 user guide,
/// "Setting default server-side encryption").
fn encryption_applied(operation: &str, request: &Request, answer: &Answer) -> Option<&'static str> {
    if !matches!(operation, "PutObject" | "CopyObject" | "CreateMultipartUpload" | "PostObject") {
        return None;
    }
    if header(&answer.headers, "x-amz-server-side-encryption-customer-algorithm").is_some() {
        return Some("SSE_C");
    }
    let is_default = header(&request.headers, "x-amz-server-side-encryption").is_none();
    match header(&answer.headers, "x-amz-server-side-encryption")? {
        "AES256" if is_default => Some("Default_SSE_S3"),
        "AES256" => Some("SSE_S3"),
        "aws:kms" if is_default => Some("Default_SSE_KMS"),
        "aws:kms" => Some("SSE_KMS"),
        "aws:kms:dsse" if is_default => Some("Default_DSSE_KMS"),
        "aws:kms:dsse" => Some("DSSE_KMS"),
        _ => None,
    }
}

/// The keys that a DeleteObjects lists; `None` when the body is not known whole.
pub fn keys_to_delete(request: &Request) -> Option<Vec<String>> {
    if is_cut(&request.body) {
        return None;
    }
    let bytes = content(&request.body, None)?;
    let document = body::document(&bytes)?;
    let objects = document.root_element().children().filter(|node| node.has_tag_name_of("Object"));
    // One key each, with all its text: what is written otherwise, backends may read otherwise.
    let key = |node: Node<'_, '_>| {
        let mut keys = node.children().filter(|child| child.has_tag_name_of("Key"));
        let key = keys.next().filter(|_| keys.next().is_none())?;
        Some(key.descendants().filter(Node::is_text).filter_map(|text| text.text()).collect::<String>())
    };
    objects.map(key).collect()
}

/// Names of elements whatever their namespace, which some clients leave out.
trait LocalName {
    fn has_tag_name_of(&self, name: &str) -> bool;
}

impl LocalName for Node<'_, '_> {
    fn has_tag_name_of(&self, name: &str) -> bool {
        self.is_element() && self.tag_name().name() == name
    }
}

/// At most `VALUE_BYTES_MAX` bytes, cut between characters.
fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(VALUE_BYTES_MAX)).unwrap_or_default()
}

//! What an answer says of a call: whether it failed, and by which id the backend knows it.

use super::body::{self, content, is_cut};
use super::{Service, header};
use crate::call::Answer;
use roxmltree::Node;
use serde_json::Value;

/// Longest code, and longest id, that is told.
const NAME_CHARS_MAX: usize = 128;

/// A failure that an answer tells of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub code: String,
    pub message: Option<String>,
}

/// The failure in `answer`, if it is one. `operation` tells what a bare 404 of S3 misses.
pub fn failure(service: Service, operation: Option<&str>, answer: &Answer) -> Option<Failure> {
    let is_success = (200..300).contains(&answer.status) || answer.status == 304;
    let encoding = header(&answer.headers, "content-encoding");
    if is_success {
        // S3 answers 200 before it copies or joins parts; how that went stands in the body.
        let is_object = header(&answer.headers, "last-modified").is_some() || header(&answer.headers, "etag").is_some();
        let is_document = header(&answer.headers, "content-type").is_some_and(|kind| kind.contains("xml"));
        if service != Service::S3 || answer.status != 200 || is_object || !is_document || is_cut(&answer.body) {
            return None;
        }
        return xml_failure(&content(&answer.body, encoding)?);
    }
    let body = content(&answer.body, encoding).unwrap_or_default();
    let is_xml = body.trim_ascii_start().starts_with(b"<");
    let in_body = if is_xml { xml_failure(&body) } else { json_failure(&body, is_cut(&answer.body)) };
    let in_header = || {
        let names = ["x-amzn-errortype", "x-amz-error-code", "x-minio-error-code"];
        names.into_iter().find_map(|name| code(header(&answer.headers, name)?))
    };
    let found = in_body.unwrap_or(Failure { code: String::new(), message: None });
    let named = Some(found.code).filter(|code| !code.is_empty()).or_else(in_header);
    let (code, message) = match named {
        Some(code) => (code, found.message),
        None => bare(service, operation, answer.status, found.message),
    };
    Some(Failure { code, message })
}

/// `com.amazonaws.sqs#QueueDoesNotExist:http://…` says `QueueDoesNotExist`.
fn code(text: &str) -> Option<String> {
    let text = text.rsplit_once('#').map_or(text, |(_, name)| name);
    let text = text.split(':').next().unwrap_or_default().trim();
    let is_code = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    (!text.is_empty() && text.len() <= NAME_CHARS_MAX && text.chars().all(is_code)).then(|| text.to_owned())
}

fn json_failure(body: &[u8], is_cut: bool) -> Option<Failure> {
    let members = body::json(body, is_cut)?.members;
    let text = |names: &[&str]| names.iter().find_map(|name| members.get(*name).and_then(Value::as_str));
    let named = text(&["__type", "code", "Code"]).and_then(code).unwrap_or_default();
    Some(Failure { code: named, message: text(&["message", "Message", "errorMessage"]).map(str::to_owned) })
}

/// `<Error>`, alone or in `<ErrorResponse>` or `<Errors>`, in any namespace.
fn xml_failure(body: &[u8]) -> Option<Failure> {
    let document = body::document(body)?;
    let is_error = |node: &Node<'_, '_>| node.is_element() && node.tag_name().name() == "Error";
    let error = document.descendants().take(20).find(is_error)?;
    let text = |name: &str| error.children().find(|node| node.tag_name().name() == name).and_then(|node| node.text());
    Some(Failure { code: text("Code").and_then(code)?, message: text("Message").map(str::to_owned) })
}

/// What a status alone says; answers to HEAD have no body.
fn bare(service: Service, operation: Option<&str>, status: u16, message: Option<String>) -> (String, Option<String>) {
    let (code, text) = match (service, status, operation) {
        (Service::S3, 404, Some("HeadBucket")) => ("NoSuchBucket", "The specified bucket does not exist"),
        (Service::S3, 404, Some("HeadObject")) => ("NoSuchKey", "The specified key does not exist."),
        (Service::S3, 301, _) => ("PermanentRedirect", ""),
        (Service::S3, 307, _) => ("TemporaryRedirect", ""),
        (Service::S3, 412, _) => ("PreconditionFailed", ""),
        (Service::S3, 416, _) => ("InvalidRange", ""),
        (_, 400, _) => ("BadRequest", ""),
        (_, 401, _) => ("Unauthorized", ""),
        (_, 403, _) => ("AccessDenied", "Access Denied"),
        (_, 404, _) => ("NotFound", ""),
        (_, 405, _) => ("MethodNotAllowed", ""),
        (_, 409, _) => ("Conflict", ""),
        (_, 413, _) => ("RequestEntityTooLarge", ""),
        (_, 429, _) => ("TooManyRequests", ""),
        (_, 500, _) => ("InternalFailure", ""),
        (_, 501, _) => ("NotImplemented", ""),
        (_, 502, _) => ("BadGateway", ""),
        (_, 503, _) => ("ServiceUnavailable", ""),
        (_, 504, _) => ("GatewayTimeout", ""),
        _ => return (format!("HttpStatus{status}"), message),
    };
    (code.to_owned(), message.or_else(|| (!text.is_empty()).then(|| text.to_owned())))
}

/// The backend's id of a call: in a header, or in the answer's metadata.
pub fn request_id(answer: &Answer) -> Option<String> {
    let names = ["x-amzn-requestid", "x-amz-request-id", "x-amzn-request-id"];
    let id = names.into_iter().find_map(|name| header(&answer.headers, name))?;
    let is_id = |c: char| c.is_ascii_graphic();
    (!id.is_empty() && id.len() <= NAME_CHARS_MAX && id.chars().all(is_id)).then(|| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Captured;
    use bytes::Bytes;

    fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
        Answer {
            status,
            headers: headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
            body: Captured { bytes: Bytes::from(body.to_owned()), total: body.len() as u64 },
        }
    }

    fn told(service: Service, answer: &Answer) -> String {
        failure(service, None, answer).map_or_else(
            || "-".into(),
            |failure| format!("{} {}", failure.code, failure.message.as_deref().unwrap_or("-")),
        )
    }

    #[test]
    fn every_protocol_tells_its_errors() {
        let s3 = r#"<?xml version="1.0" encoding="UTF-8"?><Error><Code>NoSuchKey</Code><Message>No.</Message></Error>"#;
        let query = r#"<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>Sender</Type><Code>NotFound</Code><Message>Topic does not exist</Message></Error><RequestId>x</RequestId></ErrorResponse>"#;
        for (service, answer, expected) in [
            (Service::S3, answer(404, &[], s3), "NoSuchKey No."),
            (Service::S3, answer(200, &[("content-type", "application/xml")], s3), "NoSuchKey No."),
            (Service::S3, answer(200, &[("content-type", "application/xml"), ("etag", "x")], s3), "-"),
            (Service::S3, answer(200, &[("content-type", "text/plain")], s3), "-"),
            (Service::S3, answer(304, &[], ""), "-"),
            (Service::S3, answer(403, &[], ""), "AccessDenied Access Denied"),
            (Service::S3, answer(404, &[("x-minio-error-code", "NoSuchBucket")], ""), "NoSuchBucket -"),
            (Service::S3, answer(418, &[], "tea"), "HttpStatus418 -"),
            (Service::Sns, answer(404, &[], query), "NotFound Topic does not exist"),
            (
                Service::DynamoDb,
                answer(
                    400,
                    &[],
                    r#"{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException","message":"no"}"#,
                ),
                "ResourceNotFoundException no",
            ),
            (
                Service::Lambda,
                answer(
                    404,
                    &[("x-amzn-errortype", "ResourceNotFoundException:http://x/")],
                    r#"{"Type":"User","Message":"no"}"#,
                ),
                "ResourceNotFoundException no",
            ),
            (Service::Kms, answer(400, &[("x-amzn-errortype", "ValidationException")], "{}"), "ValidationException -"),
            (Service::Kms, answer(500, &[], r#"{"message":"<html>"}"#), "InternalFailure <html>"),
            (Service::Kms, answer(400, &[], r#"{"__type":"a b\n"}"#), "BadRequest -"),
        ] {
            assert_eq!(told(service, &answer), expected, "{answer:?}");
        }
        assert_eq!(
            failure(Service::S3, Some("HeadObject"), &answer(404, &[], "")).unwrap().code,
            "NoSuchKey",
            "the operation says what is missing"
        );
    }
}

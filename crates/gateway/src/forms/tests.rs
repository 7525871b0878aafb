//! Forms against requests of every service: routes, events field by field, secrets, broken bytes, and real records.

mod broken;
mod events;
mod real;
mod routes;
mod sentinels;

use super::*;
use crate::call::{Answer, Captured, Outcome, Request, Tls};
use ::bytes::Bytes;
use model::Timestamp;
use serde_json::Value;

const ACCOUNT: &str = "111122223333";
const REGION: &str = "us-west-2";

fn captured(body: impl Into<Vec<u8>>) -> Captured {
    let bytes = Bytes::from(body.into());
    Captured { total: bytes.len() as u64, bytes }
}

/// A request; `target` is path and query.
fn request(method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Request {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    Request {
        method: method.into(),
        path: path.into(),
        query: query.into(),
        headers: headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
        s3_host: S3Host::Other,
        body: captured(body),
    }
}

fn scope(service: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260102/{REGION}/{service}/aws4_request, \
         SignedHeaders=host;x-amz-date, Signature=5e96"
    )
}

/// A call of the JSON protocol.
fn json_request(service: Service, target: &str, body: &str) -> Request {
    let headers = [
        ("host", "gateway.internal"),
        ("authorization", &scope(service.signing_name())),
        ("x-amz-target", target),
        ("user-agent", "aws-cli/2.15.0"),
    ];
    request("POST", "/", &headers, body)
}

/// A call of the query protocol.
fn form_request(service: Service, form: &str) -> Request {
    let headers = [
        ("host", "gateway.internal"),
        ("authorization", &scope(service.signing_name())),
        ("content-type", "application/x-www-form-urlencoded; charset=utf-8"),
        ("user-agent", "aws-cli/2.15.0"),
    ];
    request("POST", "/", &headers, form)
}

fn s3_request(method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Request {
    let authorization = scope("s3");
    let mut all = vec![("host", "gateway.internal"), ("authorization", &*authorization), ("user-agent", "Boto3/1.40")];
    all.extend_from_slice(headers);
    request(method, target, &all, body)
}

fn answered(status: u16, headers: &[(&str, &str)], body: &str) -> Outcome {
    Outcome::Answered(Answer {
        status,
        headers: headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
        body: captured(body),
    })
}

fn call(request: Request, outcome: Outcome) -> Call {
    Call {
        event_id: "98c735d8-70e0-4644-9432-b6ced4d791b1".into(),
        request_id: "gateway-1".into(),
        started: Timestamp(1_767_323_045_678),
        account_id: ACCOUNT.into(),
        region: REGION.into(),
        user_identity: r#"{"type":"IAMUser","userName":"jane"}"#.into(),
        is_verified: true,
        source_ip: "192.0.2.0".into(),
        tls: Some(Tls { version: "TLSv1.3".into(), cipher_suite: "TLS_AES_128_GCM_SHA256".into() }),
        endpoint_id: "vpce-0gateway".into(),
        request,
        outcome,
    }
}

/// The event of a call, as text and parsed.
fn event_of(call: &Call) -> (String, Value) {
    let text = event(call, &recognise(service_of(&call.request), &call.request));
    let parsed = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    (text, parsed)
}

/// The member names of an object, in order.
fn names(value: &Value) -> Vec<&str> {
    value.as_object().map(|members| members.keys().map(String::as_str).collect()).unwrap_or_default()
}

//! Each way of naming an operation, and each way of naming none.

use super::*;
use crate::test_bytes::mutations;

fn request(method: &str, path: &str, query: &str, headers: &[(&str, &str)]) -> HttpRequest {
    HttpRequest {
        method: method.into(),
        path: path.into(),
        query: query.into(),
        headers: headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
        ..HttpRequest::default()
    }
}

fn json(target: &str, content_type: &str) -> HttpRequest {
    request("POST", "/", "", &[("x-amz-target", target), ("content-type", content_type)])
}

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded; charset=utf-8");
const CBOR: (&str, &str) = ("smithy-protocol", "rpc-v2-cbor");

fn found(request: &HttpRequest, body: &str) -> (Service, &'static str, Protocol) {
    let Target { service, operation, protocol } = route(request, body.as_bytes()).unwrap();
    (service, operation, protocol)
}

fn refused(request: &HttpRequest, body: &str) -> (Protocol, String) {
    let Misrouted { protocol, error } = route(request, body.as_bytes()).unwrap_err();
    (protocol, format!("{}: {}", error.shape().query_code, error.message()))
}

#[test]
fn json_targets_tell_service_and_operation() {
    let logs = json("Logs_20140328.PutLogEvents", "application/x-amz-json-1.1");
    assert_eq!(found(&logs, "{}"), (Service::Logs, "PutLogEvents", Protocol::Json11));
    let cloudwatch = json("GraniteServiceVersion20100801.PutMetricData", "application/x-amz-json-1.0");
    assert_eq!(found(&cloudwatch, "{}"), (Service::CloudWatch, "PutMetricData", Protocol::Json10));
    for prefix in ["com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101", "CloudTrail_20131101"] {
        let trail = json(&format!("{prefix}.LookupEvents"), "application/x-amz-json-1.1");
        assert_eq!(found(&trail, "{}"), (Service::CloudTrail, "LookupEvents", Protocol::Json11));
    }
    let untyped = json("GraniteServiceVersion20100801.ListMetrics", "");
    assert_eq!(found(&untyped, "{}").2, Protocol::Json10);
}

#[test]
fn forms_tell_service_by_version_or_signature() {
    let post = request("POST", "/", "", &[FORM]);
    let body = "Version=2010-08-01&Action=ListMetrics";
    assert_eq!(found(&post, body), (Service::CloudWatch, "ListMetrics", Protocol::Query));
    let sts = "Action=GetCallerIdentity&Version=2011-06-15";
    assert_eq!(found(&post, sts), (Service::Sts, "GetCallerIdentity", Protocol::Query));
    assert_eq!(found(&request("GET", "/", sts, &[]), ""), (Service::Sts, "GetCallerIdentity", Protocol::Query));
    let authorization =
        "AWS4-HMAC-SHA256 Credential=K/20260102/us-east-1/sts/aws4_request, SignedHeaders=host, Signature=00";
    let signed =
        request("POST", "/", "", &[FORM, ("authorization", authorization), ("x-amz-date", "20260102T030405Z")]);
    assert_eq!(found(&signed, "Action=GetCallerIdentity").0, Service::Sts);
}

#[test]
fn forms_are_answered_in_json_where_the_client_wants_that_first() {
    let sts = "Action=GetCallerIdentity&Version=2011-06-15";
    for (accept, protocol) in [
        ("application/json", Protocol::QueryToJson),
        ("Application/JSON; charset=utf-8", Protocol::QueryToJson),
        ("application/json, text/plain, */*", Protocol::QueryToJson),
        ("*/*", Protocol::Query),
        ("text/xml, application/json", Protocol::Query),
        ("", Protocol::Query),
    ] {
        let post = request("POST", "/", "", &[FORM, ("accept", accept)]);
        assert_eq!(found(&post, sts), (Service::Sts, "GetCallerIdentity", protocol), "{accept}");
        assert_eq!(refused(&post, "Action=Nothing").0, protocol, "{accept}");
    }
    let other =
        request("POST", "/", "", &[("x-amz-target", "Logs_20140328.PutLogEvents"), ("accept", "application/json")]);
    assert_eq!(found(&other, "{}").1, "PutLogEvents");
    assert_ne!(found(&other, "{}").2, Protocol::QueryToJson);
}

#[test]
fn paths_tell_cbor_and_rest_operations() {
    let cbor = request("POST", "/service/GraniteServiceVersion20100801/operation/GetMetricData", "", &[CBOR]);
    assert_eq!(found(&cbor, ""), (Service::CloudWatch, "GetMetricData", Protocol::Cbor));
    let rest = request("POST", "/PutAuditEvents", "channelArn=arn", &[("content-type", "application/json")]);
    assert_eq!(found(&rest, "{}"), (Service::CloudTrailData, "PutAuditEvents", Protocol::RestJson));
}

#[test]
fn what_is_unknown_is_refused_in_its_own_protocol() {
    let operation = json("Logs_20140328.Nonsense", "application/x-amz-json-1.1");
    assert_eq!(refused(&operation, ""), (Protocol::Json11, "InvalidAction: logs has no operation 'Nonsense'".into()));
    let prefix = json("DynamoDB_20120810.ListTables", "application/x-amz-json-1.0");
    assert_eq!(
        refused(&prefix, ""),
        (Protocol::Json10, "InvalidAction: The target 'DynamoDB_20120810.ListTables' is not known".into())
    );
    let post = request("POST", "/", "", &[FORM]);
    assert_eq!(
        refused(&post, "Action=Nonsense&Version=2010-08-01"),
        (Protocol::Query, "InvalidAction: Could not find operation Nonsense for version 2010-08-01".into())
    );
    assert_eq!(
        refused(&post, "Action=Publish&Version=2010-05-08").1,
        "InvalidAction: Could not find operation Publish for version 2010-05-08"
    );
    assert_eq!(refused(&post, "a=b").1, "MissingAction: The request must contain the parameter Action.");
    // Logs speaks JSON only, whatever version a form names.
    assert!(refused(&post, "Action=PutLogEvents&Version=2014-03-28").1.starts_with("InvalidAction"));
    let bare = request("POST", "/service/GraniteServiceVersion20100801/operation/GetMetricData", "", &[]);
    assert_eq!(refused(&bare, "").0, Protocol::Cbor);
    assert!(refused(&bare, "").1.contains("smithy-protocol") || refused(&bare, "").1.contains("Smithy-Protocol"));
    let logs = request("POST", "/service/Logs_20140328/operation/PutLogEvents", "", &[CBOR]);
    assert_eq!(refused(&logs, "").0, Protocol::Cbor);
    assert_eq!(refused(&request("GET", "/elsewhere", "", &[]), "").0, Protocol::RestJson);
    assert_eq!(refused(&request("GET", "/", "", &[]), "").1, "InvalidAction: No operation answers GET /");
}

#[test]
fn every_modelled_operation_has_a_way_in() {
    for row in modelled() {
        let target = match row.service {
            Service::Iam | Service::Sts | Service::Sns => {
                let body = format!("Action={}&Version={}", row.name, row.service.api_version());
                found(&request("POST", "/", "", &[FORM]), &body)
            }
            Service::ApplicationSignals => found(&request("POST", "/events", "MaxResults=5", &[]), ""),
            Service::CloudTrailData | Service::Oam => {
                let path = row.path.replace("{ResourceArn}", "arn%3Aaws%3Aoam%3Aus-east-1%3A123456789012%3Asink%2Fa");
                found(&request(row.method, &path, "", &[]), "")
            }
            service => {
                let (prefix, _) = TARGET_PREFIXES.into_iter().find(|(_, known)| *known == service).unwrap();
                found(&json(&format!("{prefix}.{}", row.name), ""), "")
            }
        };
        assert_eq!((target.0, target.1), (row.service, row.name));
    }
}

#[test]
fn hostile_names_never_panic() {
    let post = request("POST", "/", "", &[FORM]);
    for mutated in mutations(b"Action=ListMetrics&Version=2010-08-01&Dimensions.member.1.Name=%C3%A9+x", 10_000) {
        let _ = route(&post, &mutated);
        let text = String::from_utf8_lossy(&mutated);
        let _ = route(&request("GET", &text, &text, &[("x-amz-target", &text)]), b"");
        let _ = route(&request("GET", &text, &text, &[]), b"");
    }
}

//! Walks the table of operations: what must hold for every call, whatever it does.

mod policies;

use crate::config::{Config, Settings};
use crate::operations::Row;
use crate::serve;
use crate::server::Server;
use bytes::Bytes;
use model::clock::ManualClock;
use model::{Event, TimeRange, Timestamp};
use std::ops::ControlFlow;
use std::sync::Arc;
use store::{Direction, EventScan};
use tempfile::TempDir;
use wire::sigv4::{self, Credentials};
use wire::{Audit, HttpRequest, Protocol, Response, Service};

const NOW: Timestamp = Timestamp(1_795_000_000_000);

struct Plane {
    server: Server,
    _dir: TempDir,
}

async fn plane() -> Plane {
    let dir = tempfile::tempdir().unwrap();
    let flags = Settings { data_dir: Some(dir.path().to_owned()), ..Settings::default() };
    let config = Config::resolve(flags, Settings::default()).unwrap();
    let server = serve::open(config, Arc::new(ManualClock::at(NOW))).await.unwrap();
    Plane { server, _dir: dir }
}

/// An empty call of an operation, signed with `credentials`.
fn call(service: Service, operation: &str, protocol: Protocol, credentials: &Credentials) -> HttpRequest {
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut request = HttpRequest { method: "POST".into(), path: "/".into(), ..HttpRequest::default() };
    request.headers = vec![header("host", "127.0.0.1:8792")];
    match protocol {
        Protocol::Json10 | Protocol::Json11 => {
            let prefix = match service {
                Service::CloudWatch => "GraniteServiceVersion20100801",
                Service::Logs => "Logs_20140328",
                _ => "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101",
            };
            request.headers.push(header("x-amz-target", &format!("{prefix}.{operation}")));
            let version = if protocol == Protocol::Json10 { "1.0" } else { "1.1" };
            request.headers.push(header("content-type", &format!("application/x-amz-json-{version}")));
            request.body = Bytes::from_static(b"{}");
        }
        Protocol::Cbor => {
            request.path = format!("/service/GraniteServiceVersion20100801/operation/{operation}");
            request.headers.push(header("smithy-protocol", "rpc-v2-cbor"));
            request.headers.push(header("content-type", "application/cbor"));
            request.body = Bytes::from_static(&[0xbf, 0xff]);
        }
        Protocol::Query | Protocol::QueryToJson => {
            if protocol == Protocol::QueryToJson {
                request.headers.push(header("accept", "application/json"));
            }
            request.headers.push(header("content-type", "application/x-www-form-urlencoded"));
            request.body = format!("Action={operation}&Version={}", service.api_version()).into();
        }
        Protocol::RestJson => {
            if let Some(row) = wire::modelled().iter().find(|row| row.service == service && row.name == operation) {
                request.method = row.method.into();
                request.path =
                    row.path.replace("{ResourceArn}", "arn%3Aaws%3Aoam%3Aus-east-1%3A123456789012%3Asink%2Fa");
            }
            request.headers.push(header("content-type", "application/json"));
            request.body = Bytes::from_static(b"{}");
        }
    }
    sigv4::sign(&mut request, credentials, "us-east-1", service.signing_name(), NOW);
    request
}

fn root(server: &Server) -> Credentials {
    let (key, secret) = server.auth.credentials();
    Credentials { access_key_id: key.into(), secret_access_key: secret.into(), session_token: None }
}

fn stranger() -> Credentials {
    Credentials {
        access_key_id: "AKIASTRANGERSTRANGER".into(),
        secret_access_key: "not the secret".into(),
        session_token: None,
    }
}

/// Every (service, operation, audit class, protocol) of the table.
fn walk(server: &Server) -> Vec<(Service, &'static str, Audit, Protocol)> {
    let implemented = wire::modelled().iter().filter_map(|m| {
        let row: &Row = server.operations.get(m.service, m.name)?;
        Some((m.service, m.name, row.audit()))
    });
    implemented.flat_map(|(s, n, audit)| s.protocols().iter().map(move |&protocol| (s, n, audit, protocol))).collect()
}

/// (error code, access key) of every event of `operation`.
async fn events_of(server: &Server, source: &str, operation: &str) -> Vec<(String, String)> {
    let events = events(server).await.into_iter().filter(|event| event.name == operation && event.source == source);
    events.map(|event| (event.error_code, event.access_key_id)).collect()
}

async fn events(server: &Server) -> Vec<Event> {
    let scan = EventScan {
        account: None,
        region: None,
        range: TimeRange::ALL,
        direction: Direction::Forward,
        after: None,
        filter: None,
    };
    let mut found = Vec::new();
    let visit = &mut |row: &store::EventRow| {
        found.push(row.event.clone());
        ControlFlow::Continue(())
    };
    server.trail.store.scan_events(scan, visit).await.unwrap();
    found
}

fn text(response: &Response) -> String {
    String::from_utf8_lossy(&response.body).into_owned()
}

#[tokio::test]
async fn every_operation_refuses_an_unknown_caller_and_records_it() {
    let Plane { server, _dir } = plane().await;
    for (service, operation, audit, protocol) in walk(&server) {
        let before = events_of(&server, service.event_source(), operation).await.len();
        let response = server.answer(call(service, operation, protocol, &stranger()), "127.0.0.1").await;
        let code = if protocol == Protocol::Query { "InvalidClientTokenId" } else { "UnrecognizedClientException" };
        assert!((400..500).contains(&response.status), "{service:?} {operation} {protocol:?}: {}", response.status);
        assert!(text(&response).contains(code), "{service:?} {operation} {protocol:?}: {}", text(&response));
        let events = events_of(&server, service.event_source(), operation).await;
        let expected = usize::from(matches!(audit, Audit::Management));
        assert_eq!(events.len() - before, expected, "{service:?} {operation} {protocol:?}");
        if expected == 1 {
            let last = events.last().unwrap();
            assert_eq!(last, &("UnrecognizedClientException".to_owned(), "AKIASTRANGERSTRANGER".to_owned()));
        }
    }
}

#[tokio::test]
async fn every_management_call_leaves_exactly_one_event_and_none_is_a_fault() {
    let Plane { server, _dir } = plane().await;
    for (service, operation, audit, protocol) in walk(&server) {
        let before = events_of(&server, service.event_source(), operation).await.len();
        let response = server.answer(call(service, operation, protocol, &root(&server)), "127.0.0.1").await;
        assert!(response.status < 500, "{service:?} {operation} {protocol:?}: {}", text(&response));
        assert!(response.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("x-amzn-requestid")));
        let after = events_of(&server, service.event_source(), operation).await.len();
        let expected = usize::from(matches!(audit, Audit::Management));
        assert_eq!(after - before, expected, "{service:?} {operation} {protocol:?}");
    }
}

#[tokio::test]
async fn a_modelled_operation_without_a_row_is_named_and_recorded() {
    let Plane { server, _dir } = plane().await;
    for modelled in wire::modelled().iter().filter(|m| server.operations.get(m.service, m.name).is_none()) {
        let protocol = modelled.service.protocols()[0];
        let request = call(modelled.service, modelled.name, protocol, &root(&server));
        let response = server.answer(request, "127.0.0.1").await;
        assert_eq!(response.status, 400, "{modelled:?}");
        assert!(text(&response).contains(modelled.name), "{modelled:?}: {}", text(&response));
        assert_eq!(events_of(&server, modelled.service.event_source(), modelled.name).await.len(), 1, "{modelled:?}");
    }
}

#[tokio::test]
async fn a_signature_for_another_service_is_refused() {
    let Plane { server, _dir } = plane().await;
    let mut request = call(Service::Logs, "DescribeLogGroups", Protocol::Json11, &root(&server));
    sigv4::sign(&mut request, &root(&server), "us-east-1", "monitoring", NOW);
    let response = server.answer(request, "127.0.0.1").await;
    assert_eq!(response.status, 400);
    assert!(text(&response).contains("InvalidSignatureException"), "{}", text(&response));
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_and_recorded() {
    let Plane { server, _dir } = plane().await;
    let mut request = call(Service::Logs, "CreateLogGroup", Protocol::Json11, &root(&server));
    request.body = Bytes::new();
    let response = server.too_large(&request, "127.0.0.1").await;
    assert_eq!(response.status, 413);
    let events = events_of(&server, "logs.amazonaws.com", "CreateLogGroup").await;
    assert_eq!(events.iter().map(|(code, _)| code.as_str()).collect::<Vec<_>>(), ["RequestEntityTooLargeException"]);
}

#[tokio::test]
async fn an_import_without_a_signature_is_refused_and_recorded() {
    let Plane { server, _dir } = plane().await;
    let request = HttpRequest {
        method: "POST".into(),
        path: "/_trailwatch/import".into(),
        body: Bytes::from_static(br#"{"Records":[]}"#),
        ..HttpRequest::default()
    };
    let response = server.answer(request, "127.0.0.1").await;
    assert_eq!(response.status, 403);
    let events = events_of(&server, "trailwatch", "ImportEvents").await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].0, "MissingAuthenticationTokenException");
}

/// What is told of one refused call: source, name, error, who and with which key.
fn told(event: &Event) -> [String; 5] {
    let record: serde_json::Value = serde_json::from_str(&event.record).unwrap();
    assert_eq!((record["eventCategory"].as_str(), record["readOnly"].as_bool()), (Some("Management"), Some(false)));
    assert!(!record["errorMessage"].as_str().unwrap().is_empty(), "{}", event.record);
    let who = record["userIdentity"]["type"].as_str().unwrap().to_owned();
    [event.source.clone(), event.name.clone(), event.error_code.clone(), who, event.access_key_id.clone()]
}

#[tokio::test]
async fn a_call_of_no_known_operation_leaves_one_event_that_says_what_it_named() {
    let Plane { server, _dir } = plane().await;
    let key = server.auth.credentials().0.to_owned();
    let unsigned = |mut request: HttpRequest| {
        request.headers.retain(|(name, _)| name != "authorization");
        request
    };
    let mut ec2 = HttpRequest { method: "PUT".into(), path: "/some/path".into(), ..HttpRequest::default() };
    ec2.headers.push(("host".into(), "127.0.0.1:8792".into()));
    sigv4::sign(&mut ec2, &stranger(), "us-east-1", "ec2", NOW);
    let form = call(Service::CloudWatch, "", Protocol::Query, &stranger());
    let cases = [
        (
            call(Service::Logs, "Brew", Protocol::Json11, &root(&server)),
            "logs.amazonaws.com",
            "Brew",
            "Root",
            key.as_str(),
        ),
        (
            call(Service::CloudTrail, "Brew", Protocol::Json11, &stranger()),
            "cloudtrail.amazonaws.com",
            "Brew",
            "Unknown",
            "AKIASTRANGERSTRANGER",
        ),
        (
            unsigned(call(Service::CloudWatch, "Brew", Protocol::Cbor, &stranger())),
            "monitoring.amazonaws.com",
            "Brew",
            "Unknown",
            "",
        ),
        (
            call(Service::Sts, "Brew", Protocol::Query, &stranger()),
            "sts.amazonaws.com",
            "Brew",
            "Unknown",
            "AKIASTRANGERSTRANGER",
        ),
        (
            call(Service::Logs, "no name", Protocol::Json11, &stranger()),
            "logs.amazonaws.com",
            "UnknownOperation",
            "Unknown",
            "AKIASTRANGERSTRANGER",
        ),
        (form, "monitoring.amazonaws.com", "UnknownOperation", "Unknown", "AKIASTRANGERSTRANGER"),
        (ec2, "ec2.amazonaws.com", "UnknownOperation", "Unknown", "AKIASTRANGERSTRANGER"),
    ];
    for (request, source, name, who, key) in cases {
        let before = events(&server).await.len();
        let response = server.answer(request.clone(), "127.0.0.1").await;
        assert_eq!(response.status, 400, "{request:?}: {}", text(&response));
        let found = events(&server).await.split_off(before);
        let expected = [source, name, "UnknownOperationException", who, key].map(str::to_owned);
        assert_eq!(found.iter().map(told).collect::<Vec<_>>(), [expected], "{request:?}");
    }
}

#[tokio::test]
async fn a_call_that_is_refused_under_overload_leaves_one_event() {
    let Plane { server, _dir } = plane().await;
    let import = HttpRequest { method: "POST".into(), path: "/_trailwatch/import".into(), ..HttpRequest::default() };
    let cases = [
        (
            call(Service::Logs, "CreateLogGroup", Protocol::Json11, &root(&server)),
            "logs.amazonaws.com",
            "CreateLogGroup",
        ),
        (call(Service::Logs, "Brew", Protocol::Json11, &root(&server)), "logs.amazonaws.com", "Brew"),
        (
            call(Service::CloudWatch, "PutMetricAlarm", Protocol::Cbor, &root(&server)),
            "monitoring.amazonaws.com",
            "PutMetricAlarm",
        ),
        // The name stands in the body, which is not read.
        (
            call(Service::CloudWatch, "PutMetricAlarm", Protocol::Query, &root(&server)),
            "monitoring.amazonaws.com",
            "UnknownOperation",
        ),
        (import, "trailwatch", "ImportEvents"),
    ];
    for (mut request, source, name) in cases {
        request.body = Bytes::new();
        let before = events(&server).await.len();
        let response = server.overloaded(&request, "127.0.0.1").await;
        assert_eq!(response.status, 400, "{request:?}");
        assert!(text(&response).contains("Throttling"), "{request:?}: {}", text(&response));
        let found = events(&server).await.split_off(before);
        let key = if source == "trailwatch" { "" } else { server.auth.credentials().0 };
        let expected = [source, name, "ThrottlingException", "Unknown", key].map(str::to_owned);
        assert_eq!(found.iter().map(told).collect::<Vec<_>>(), [expected], "who called is a claim: {request:?}");
    }
}

#[tokio::test]
async fn what_is_no_call_leaves_no_event() {
    let Plane { server, _dir } = plane().await;
    let plain = |method: &str, path: &str, headers: &[(&str, &str)]| HttpRequest {
        method: method.into(),
        path: path.into(),
        headers: headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
        ..HttpRequest::default()
    };
    let requests = [
        plain("GET", "/favicon.ico", &[("accept", "image/*")]),
        plain("GET", "/", &[]),
        plain("GET", "/health", &[]),
        plain("GET", "/_trailwatch/import", &[]),
        plain("POST", "/_trailwatch/reset", &[]),
        plain("POST", "/_trailwatch/reset", &[("origin", "http://a"), ("x-amz-date", "x")]),
        plain("POST", "/login", &[("content-type", "application/x-www-form-urlencoded")]),
    ];
    for request in requests {
        server.answer(request.clone(), "127.0.0.1").await;
        assert!(server.overloaded(&request, "127.0.0.1").await.status >= 400);
        assert_eq!(events(&server).await, [], "{request:?}");
    }
}

#[tokio::test]
async fn an_import_from_a_web_page_is_refused_and_recorded() {
    let Plane { server, _dir } = plane().await;
    let headers = vec![("origin".into(), "http://a".into())];
    let request =
        HttpRequest { method: "POST".into(), path: "/_trailwatch/import".into(), headers, ..HttpRequest::default() };
    assert_eq!(server.answer(request, "127.0.0.1").await.status, 403);
    let expected = ["trailwatch", "ImportEvents", "AccessDenied", "Unknown", ""].map(str::to_owned);
    assert_eq!(events(&server).await.iter().map(told).collect::<Vec<_>>(), [expected]);
}

#[tokio::test]
async fn a_refusal_that_cannot_be_recorded_is_an_error_too() {
    let Plane { server, _dir } = plane().await;
    let known = call(Service::Logs, "CreateLogGroup", Protocol::Json11, &root(&server));
    let unknown = call(Service::Logs, "Brew", Protocol::Json11, &root(&server));
    server.trail.store.close().await.unwrap();
    for request in [&known, &unknown] {
        let response = server.overloaded(request, "127.0.0.1").await;
        assert_eq!(response.status, 503, "{}", text(&response));
    }
    assert_eq!(server.answer(unknown, "127.0.0.1").await.status, 503);
}

#[tokio::test]
async fn only_the_calls_of_links_and_of_tokens_go_unsigned() {
    let Plane { server, _dir } = plane().await;
    let topic = "arn:aws:sns:us-east-1:123456789012:t";
    for (service, operation, _, protocol) in walk(&server).into_iter().filter(|row| row.3 == Protocol::Query) {
        let version = service.api_version();
        let query = format!(
            "Action={operation}&Version={version}&TopicArn={topic}&Token=x&SubscriptionArn={topic}:x&Message=m&Name=n"
        );
        let headers = vec![("host".to_owned(), "127.0.0.1:8792".to_owned())];
        let request = HttpRequest { method: "GET".into(), path: "/".into(), query, headers, ..HttpRequest::default() };
        let response = server.answer(request, "127.0.0.1").await;
        let expected = match operation {
            // No such topic, and no such subscription.
            "ConfirmSubscription" | "Unsubscribe" => 404,
            // It brings a token in the place of a signature; here it brings nothing.
            "AssumeRoleWithWebIdentity" => 400,
            _ => 403,
        };
        assert_eq!(response.status, expected, "{service:?} {operation} {protocol:?}: {}", text(&response));
    }
    let names = ["ConfirmSubscription", "Unsubscribe", "Subscribe"];
    let events = events(&server).await;
    let recorded: Vec<_> = events.iter().filter(|event| names.contains(&event.name.as_str())).collect();
    assert_eq!(recorded.len(), 3, "{recorded:?}");
    for event in recorded {
        assert!(event.record.contains(r#""userIdentity":{"type":"Unknown""#), "{}", event.record);
    }
}

//! The endpoint: who may ask, what is answered, and what is on the trail afterwards.

use super::{answer, is_asked};
use crate::config::{Config, Settings};
use crate::own::SIGNING_NAME;
use crate::serve;
use crate::server::Server;
use bytes::Bytes;
use model::clock::ManualClock;
use model::{TimeRange, Timestamp};
use serde_json::Value;
use std::ops::ControlFlow;
use std::sync::Arc;
use store::{Direction, EventScan};
use tokio::sync::oneshot;
use wire::sigv4::{self, Credentials};
use wire::{HttpRequest, Response};

const NOW: Timestamp = Timestamp(1_795_000_000_000);

async fn server() -> (Server, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let flags = Settings { data_dir: Some(dir.path().to_owned()), ..Settings::default() };
    let config = Config::resolve(flags, Settings::default()).unwrap();
    (serve::open(config, Arc::new(ManualClock::at(NOW))).await.unwrap(), dir)
}

fn post(server: &Server, statement: &str, accept: &str, service: &str) -> HttpRequest {
    let (key, secret) = server.auth.credentials();
    let credentials = Credentials { access_key_id: key.into(), secret_access_key: secret.into(), session_token: None };
    let mut request = HttpRequest {
        method: "POST".into(),
        path: super::PATH.into(),
        headers: vec![("host".into(), "127.0.0.1:8792".into()), ("accept".into(), accept.into())],
        body: Bytes::copy_from_slice(statement.as_bytes()),
        ..HttpRequest::default()
    };
    sigv4::sign(&mut request, &credentials, "us-east-1", service, NOW);
    request
}

async fn ask(server: &Server, request: &HttpRequest) -> Response {
    assert!(is_asked(request));
    let (_waiting, hung_up) = oneshot::channel();
    answer(server, request, "127.0.0.1", hung_up).await
}

/// Error code and statement of each recorded query.
async fn recorded(server: &Server) -> Vec<(String, String)> {
    let scan = EventScan {
        account: None,
        region: None,
        range: TimeRange::ALL,
        direction: Direction::Forward,
        after: None,
        filter: None,
    };
    let mut found = Vec::new();
    let mut visit = |row: &store::EventRow| {
        if row.event.name == "ExecuteSql" {
            let record: Value = serde_json::from_str(&row.event.record).unwrap();
            assert_eq!((row.event.source.as_str(), row.event.read_only), ("trailwatch", Some(true)));
            let statement = record["requestParameters"]["statement"].as_str().unwrap().to_owned();
            found.push((row.event.error_code.clone(), statement));
        }
        ControlFlow::Continue(())
    };
    server.trail.store.scan_events(scan, &mut visit).await.unwrap();
    found
}

#[tokio::test]
async fn a_statement_is_answered_and_recorded() {
    let (server, _dir) = server().await;
    let first = "SELECT count(*) AS n FROM events WHERE name = 'ExecuteSql'";
    let response = ask(&server, &post(&server, first, "*/*", SIGNING_NAME)).await;
    assert_eq!((response.status, &response.body[..]), (200, &b"{\"n\":0}\n"[..]));
    let response = ask(&server, &post(&server, first, "text/csv", SIGNING_NAME)).await;
    assert_eq!((response.status, &response.body[..]), (200, &b"n\n1\n"[..]));
    assert_eq!(recorded(&server).await, [(String::new(), first.to_owned()), (String::new(), first.to_owned())]);
}

#[tokio::test]
async fn a_wrong_statement_is_pointed_at_and_recorded() {
    let (server, _dir) = server().await;
    let response = ask(&server, &post(&server, "SELECT\n nme FROM events", "*/*", SIGNING_NAME)).await;
    let body: Value = serde_json::from_slice(&response.body).unwrap();
    assert_eq!((response.status, &body["__type"]), (400, &Value::from("InvalidStatement")), "{body}");
    assert_eq!((&body["line"], &body["column"]), (&Value::from(2), &Value::from(2)), "{body}");
    let response = ask(&server, &post(&server, "DROP TABLE events", "*/*", SIGNING_NAME)).await;
    assert_eq!(response.status, 400);
    let codes: Vec<String> = recorded(&server).await.into_iter().map(|(code, _)| code).collect();
    assert_eq!(codes, ["InvalidStatement", "InvalidStatement"]);
}

#[tokio::test]
async fn strangers_other_signatures_and_web_pages_are_refused() {
    let (server, _dir) = server().await;
    let mut changed = post(&server, "SELECT 1", "*/*", SIGNING_NAME);
    changed.body = Bytes::from_static(b"SELECT 2");
    assert_eq!(ask(&server, &changed).await.status, 403);
    let other = post(&server, "SELECT 1", "*/*", "logs");
    assert!((400..500).contains(&ask(&server, &other).await.status));
    assert_eq!(recorded(&server).await.len(), 2);
    let mut page = post(&server, "SELECT 1", "*/*", SIGNING_NAME);
    page.headers.push(("origin".into(), "http://example.com".into()));
    assert_eq!(ask(&server, &page).await.status, 403);
}

#[tokio::test]
async fn a_client_that_hangs_up_ends_its_query() {
    let (server, _dir) = server().await;
    let endless = "SELECT count(*) FROM information_schema.columns a, information_schema.columns b, \
                   information_schema.columns c, information_schema.columns d, information_schema.columns e";
    let request = post(&server, endless, "*/*", SIGNING_NAME);
    let (waiting, hung_up) = oneshot::channel();
    drop(waiting);
    assert_eq!(answer(&server, &request, "127.0.0.1", hung_up).await.status, 499);
    assert_eq!(recorded(&server).await, [("QueryCanceled".to_owned(), endless.to_owned())]);
}

//! Proofs over HTTP: what they prove, whose events they are of, and what is refused.

use super::*;
use crate::config::{Config, Settings};
use crate::own::SIGNING_NAME;
use crate::serve;
use bytes::Bytes;
use model::clock::ManualClock;
use model::{Batch, Event, Timestamp};
use proof::evidence::{Trusted, decode, verify};
use proof::merkle::{Tree, leaf_hash, verify_consistency, verify_inclusion};
use proof::note::{VerifierKey, verify_checkpoint};
use tempfile::TempDir;
use wire::sigv4::{self, Credentials};

const NOW: Timestamp = Timestamp(1_795_000_000_000);

/// A server with two events of the root key's account and one of another.
async fn server() -> (Server, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let flags = Settings { data_dir: Some(dir.path().to_owned()), ..Settings::default() };
    let config = Config::resolve(flags, Settings::default()).unwrap();
    let server = serve::open(config, Arc::new(ManualClock::at(NOW))).await.unwrap();
    let event = |id: &str, account: &str| Event {
        event_id: id.into(),
        account: account.into(),
        time: NOW,
        record: format!(r#"{{"eventID":"{id}"}}"#),
        ..Event::default()
    };
    let events = vec![event("a", "123456789012"), event("b", "123456789012"), event("other's", "210987654321")];
    server.trail.store.append(Batch { events, ..Batch::default() }).await.unwrap();
    (server, dir)
}

async fn ask(server: &Server, method: &str, path: &str, query: &str, body: &str) -> (u16, Value) {
    let (key, secret) = server.auth.credentials();
    let credentials = Credentials { access_key_id: key.into(), secret_access_key: secret.into(), session_token: None };
    let mut request = HttpRequest {
        method: method.into(),
        path: format!("{PATHS}{path}"),
        query: query.into(),
        headers: vec![("host".into(), "127.0.0.1:8792".into())],
        body: Bytes::from(body.to_owned()),
        ..HttpRequest::default()
    };
    sigv4::sign(&mut request, &credentials, "us-east-1", SIGNING_NAME, NOW);
    let response = server.answer(request, "127.0.0.1").await;
    (response.status, serde_json::from_slice(&response.body).unwrap())
}

fn proof(answer: &Value) -> Vec<[u8; 32]> {
    decode(&serde_json::from_value::<Vec<String>>(answer["proof"].clone()).unwrap()).unwrap()
}

fn tree(answer: &Value) -> Tree {
    let key = VerifierKey::parse(answer["vkey"].as_str().unwrap()).unwrap();
    verify_checkpoint(answer["checkpoint"].as_str().unwrap(), &key, &[]).unwrap().tree
}

#[tokio::test]
async fn events_are_proved_by_id_and_by_sequence_and_trees_to_grow() {
    let (server, _dir) = server().await;
    let (status, first) = ask(&server, "GET", "checkpoint", "", "").await;
    assert_eq!((status, tree(&first).size), (200, 3));
    for query in ["event-id=b", "sequence=2"] {
        let (status, answer) = ask(&server, "GET", "inclusion", query, "").await;
        assert_eq!((status, &answer["index"], &answer["sequence"]), (200, &value!(1), &value!(2)));
        let (leaf, tree) = (leaf_hash(br#"{"eventID":"b"}"#), tree(&answer));
        assert_eq!(verify_inclusion(&leaf, 1, tree.size, &proof(&answer), &tree.root), Ok(()));
    }
    // Each call so far is an event, too.
    let (status, answer) = ask(&server, "GET", "consistency", "from=3&to=6", "").await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(tree(&answer).size, 6);
    assert_eq!(verify_consistency(&tree(&first), &tree(&answer), &proof(&answer)), Ok(()));
    let asked = r#"{"event_ids":["b","a"],"sequences":[1],"from":3}"#;
    let (status, bundle) = ask(&server, "POST", "evidence", "", asked).await;
    assert_eq!(status, 200, "{bundle}");
    let earlier = vec![first["checkpoint"].as_str().unwrap().to_owned()];
    let report = verify(bundle.to_string().as_bytes(), &Trusted { earlier, ..Trusted::default() });
    assert_eq!((report.wrong.len(), report.proved.len()), (0, 4), "{report:?}");
}

#[tokio::test]
async fn what_cannot_be_proved_is_refused_and_on_the_trail() {
    let (server, _dir) = server().await;
    let many = format!(r#"{{"sequences":{:?}}}"#, vec![1; EVENTS_MAX + 1]);
    let refused = [
        ("GET", "inclusion", "event-id=nobody", "", 404),
        ("GET", "inclusion", "event-id=other's", "", 404),
        ("GET", "inclusion", "sequence=3", "", 404),
        ("GET", "inclusion", "sequence=0", "", 404),
        ("GET", "inclusion", "sequence=18446744073709551615", "", 404),
        ("GET", "inclusion", "sequence=x", "", 400),
        ("GET", "inclusion", "", "", 400),
        ("GET", "consistency", "", "", 400),
        ("GET", "consistency", "from=18446744073709551615", "", 400),
        ("GET", "consistency", "from=2&to=1", "", 400),
        ("POST", "evidence", "", "[", 400),
        ("POST", "evidence", "", r#"{"event_id":[]}"#, 400),
        ("POST", "evidence", "", &many, 400),
        ("POST", "evidence", "", r#"{"from":999}"#, 400),
        ("GET", "evidence", "", "", 404),
        ("GET", "nothing", "", "", 404),
    ];
    for (method, path, query, body, expected) in refused {
        let (status, answer) = ask(&server, method, path, query, body).await;
        assert_eq!(status, expected, "{method} {path}?{query} {body}: {answer}");
    }
    let unsigned = HttpRequest { method: "GET".into(), path: format!("{PATHS}checkpoint"), ..HttpRequest::default() };
    assert_eq!(server.answer(unsigned, "127.0.0.1").await.status, 403);
    let all = server.trail.store.follow_events(4, u64::MAX, 1 << 20).await.unwrap().events;
    assert_eq!(all.len(), refused.len() + 1);
    assert!(all.iter().all(|row| row.event.name == ENDPOINT.name && !row.event.error_code.is_empty()));
}

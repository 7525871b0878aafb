//! Who may follow, what is shown, and what is on the trail afterwards.

use super::*;
use crate::config::{Config, Settings};
use crate::own::SIGNING_NAME;
use crate::serve;
use model::clock::ManualClock;
use model::{Batch, Timestamp};
use wire::sigv4::{self, Credentials};

const NOW: Timestamp = Timestamp(1_795_000_000_000);

async fn server() -> (Server, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let flags = Settings { data_dir: Some(dir.path().to_owned()), ..Settings::default() };
    let config = Config::resolve(flags, Settings::default()).unwrap();
    (serve::open(config, Arc::new(ManualClock::at(NOW))).await.unwrap(), dir)
}

fn get(server: &Server, query: &str, service: &str) -> HttpRequest {
    let (key, secret) = server.auth.credentials();
    let credentials = Credentials { access_key_id: key.into(), secret_access_key: secret.into(), session_token: None };
    let mut request = HttpRequest {
        method: "GET".into(),
        path: PATH.into(),
        query: query.into(),
        headers: vec![("host".into(), "127.0.0.1:8792".into())],
        ..HttpRequest::default()
    };
    sigv4::sign(&mut request, &credentials, "us-east-1", service, NOW);
    request
}

fn event(name: &str, source: &str, user: &str, error: &str) -> Event {
    Event {
        event_id: format!("{name}-{user}"),
        time: NOW,
        name: name.into(),
        source: source.into(),
        username: user.into(),
        error_code: error.into(),
        record: format!("{{\"eventName\":\"{name}\",\n \"user\":\"{user}\"}}"),
        ..Event::default()
    }
}

async fn append(server: &Server, events: Vec<Event>) {
    server.trail.store.append(Batch { events, ..Batch::default() }).await.unwrap();
}

/// The next lines of a tail, as JSON.
async fn next(tail: &mut BoxStream<'static, Bytes>) -> Vec<Value> {
    let bytes = tail.next().await.unwrap();
    let text = std::str::from_utf8(&bytes).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn chosen_events_are_shown_and_the_tail_itself_is_recorded() {
    let (server, _dir) = server().await;
    let mut all = server.trail.store.tail_events();
    let query = "name=PutObject&name=GetObject&source=s3&user=jo&errors=true&filter=user%22%3A%22jo";
    let response = server.answer(get(&server, query, SIGNING_NAME), "127.0.0.1").await;
    assert_eq!((response.status, &response.body[..]), (200, &b"\n"[..]));
    let recorded = all.next(usize::MAX).await.events;
    assert_eq!((recorded[0].name.as_str(), recorded[0].read_only), (ENDPOINT.name, Some(true)));
    let record: Value = serde_json::from_str(&recorded[0].record).unwrap();
    assert_eq!(record["requestParameters"]["name"], value!(["PutObject", "GetObject"]));
    let mut tail = response.rest.unwrap().into_stream();
    let s3 = "s3.amazonaws.com";
    append(&server, vec![event("PutObject", s3, "jo", "AccessDenied"), event("PutObject", s3, "jo", "")]).await;
    append(&server, vec![event("PutObject", s3, "al", "AccessDenied"), event("ListObjects", s3, "jo", "AccessDenied")])
        .await;
    append(&server, vec![event("GetObject", "sqs.amazonaws.com", "jo", "x"), event("GetObject", s3, "jo", "x")]).await;
    let mut shown = Vec::new();
    while shown.len() < 2 {
        shown.extend(next(&mut tail).await);
    }
    let names: Vec<&Value> = shown.iter().map(|line| &line["event"]["eventName"]).collect();
    assert_eq!(names, ["PutObject", "GetObject"]);
}

#[tokio::test]
async fn a_tail_with_nothing_to_show_gives_a_sign_of_life_when_it_is_due() {
    static TAILS: Semaphore = Semaphore::const_new(1);
    let (server, _dir) = server().await;
    let choice = Choice { only_errors: true, ..Choice::default() };
    let (follower, due) = (server.trail.store.tail_events(), Instant::now());
    let mut tail = Tail { follower, choice, due, _open: TAILS.try_acquire().unwrap() };
    assert_eq!(tail.next().await, "\n");
    assert!(tail.due > due);
    tail.due = due;
    append(&server, vec![event("GetObject", "s3.amazonaws.com", "jo", "")]).await;
    assert_eq!(tail.next().await, "\n", "events that are not wanted do not count");
}

#[tokio::test]
async fn strangers_other_signatures_and_unknown_parameters_are_refused_and_recorded() {
    let (server, _dir) = server().await;
    let mut all = server.trail.store.tail_events();
    let mut changed = get(&server, "name=a", SIGNING_NAME);
    changed.query = "name=b".into();
    assert_eq!(server.answer(changed, "127.0.0.1").await.status, 403);
    let other = server.answer(get(&server, "", "logs"), "127.0.0.1").await;
    assert!((400..500).contains(&other.status));
    let unknown = server.answer(get(&server, "nme=a", SIGNING_NAME), "127.0.0.1").await;
    assert_eq!(unknown.status, 400);
    let mut codes = Vec::new();
    while codes.len() < 3 {
        codes.extend(all.next(usize::MAX).await.events.iter().map(|event| event.error_code.clone()));
    }
    assert!(codes.iter().all(|code| !code.is_empty()), "{codes:?}");
    assert_eq!(codes[2], "ValidationException");
    let other = Caller::root(model::Scope { account: "999999999999".into(), region: "us-east-1".into() }, "key");
    assert_eq!(begin(&server, &other, &get(&server, "", SIGNING_NAME)).unwrap_err().code, "AccessDeniedException");
}

//! Retention and holds over their endpoints, with a clock that is moved: what waits, what acts, what goes, and what is told of it.

use super::*;
use crate::config::{Config, Settings};
use crate::own::SIGNING_NAME;
use crate::serve;
use bytes::Bytes;
use model::clock::ManualClock;
use model::time::{DAY, HOUR};
use model::{Batch, Event, TimeRange};
use std::ops::ControlFlow;
use store::{Direction, EventScan};
use tempfile::TempDir;
use wire::sigv4::{self, Credentials};

const NOW: Timestamp = Timestamp(1_795_000_000_000);

struct World {
    server: Arc<Server>,
    clock: Arc<ManualClock>,
    dir: TempDir,
}

async fn open(dir: TempDir, now: Timestamp) -> World {
    let flags = Settings { data_dir: Some(dir.path().to_owned()), ..Settings::default() };
    let config = Config::resolve(flags, Settings::default()).unwrap();
    let clock = Arc::new(ManualClock::at(now));
    let server = Arc::new(serve::open(config, clock.clone()).await.unwrap());
    World { server, clock, dir }
}

impl World {
    async fn new() -> Self {
        open(tempfile::tempdir().unwrap(), NOW).await
    }

    async fn ask(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let (key, secret) = self.server.auth.credentials();
        let credentials =
            Credentials { access_key_id: key.into(), secret_access_key: secret.into(), session_token: None };
        let mut request = HttpRequest {
            method: method.into(),
            path: path.into(),
            headers: vec![("host".into(), "127.0.0.1:8792".into())],
            body: Bytes::from(body.to_string()),
            ..HttpRequest::default()
        };
        sigv4::sign(&mut request, &credentials, "us-east-1", SIGNING_NAME, self.server.clock.now());
        let response = self.server.answer(request, "127.0.0.1").await;
        (response.status, serde_json::from_slice(&response.body).unwrap())
    }

    async fn keep(&self, keep: &str) -> Value {
        let (status, answer) = self.ask("POST", RETENTION, value!({ "keep": keep })).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }

    /// Events of some days ago, each with its age as its id, in a segment of their own, and enough behind them for the tiles of proofs.
    async fn fill(&self, days: &[i64]) {
        let event = |id: String, account: &str, time: Timestamp| Event {
            record: format!(r#"{{"eventID":"{id}"}}"#),
            event_id: id,
            account: account.into(),
            time,
            ..Event::default()
        };
        let of = |days: &i64| event(format!("{days}d"), "123456789012", NOW - days * DAY);
        let mut events: Vec<Event> = days.iter().map(of).collect();
        events.push(event("other".into(), "210987654321", NOW - 500 * DAY));
        events.extend((0..256).map(|n| event(format!("filler {n}"), "210987654321", NOW)));
        self.server.trail.store.append(Batch { events, ..Batch::default() }).await.unwrap();
        self.server.trail.store.flush().await.unwrap();
        self.server.proofs.publish().await.unwrap();
    }

    async fn expire(&self) {
        expire(&self.server, None, || true).await.unwrap();
    }

    async fn rows(&self) -> Vec<Event> {
        let (range, direction) = (TimeRange::ALL, Direction::Forward);
        let scan = EventScan { account: None, region: None, range, direction, after: None, filter: None };
        let mut rows = Vec::new();
        let visit = &mut |row: &store::EventRow| {
            rows.push(row.event.clone());
            ControlFlow::Continue(())
        };
        self.server.trail.store.scan_events(scan, visit).await.unwrap();
        rows
    }

    /// Ids of what `fill` made and is there, oldest first.
    async fn left(&self) -> Vec<String> {
        let rows = self.rows().await.into_iter().map(|event| event.event_id);
        rows.filter(|id| id.ends_with('d') && id.len() < 6 || id == "other").collect()
    }

    async fn named(&self, name: &str) -> Vec<Value> {
        let rows = self.rows().await.into_iter().filter(|event| event.name == name);
        rows.map(|event| serde_json::from_str(&event.record).unwrap()).collect()
    }
}

fn forever() -> Value {
    value!({ "keep": "forever", "pending": null, "kept_by": [] })
}

#[tokio::test]
async fn a_shorter_retention_waits_a_day_is_told_twice_and_takes_events_then() {
    let world = World::new().await;
    world.fill(&[1000, 410, 390, 1]).await;
    assert_eq!(world.ask("GET", RETENTION, Value::Null).await.1, forever());
    world.expire().await;
    assert_eq!(world.left().await.len(), 5, "kept for ever");
    let at = (NOW + DAY).iso_seconds();
    let waiting = value!({ "keep": "forever", "pending": { "keep": "400d", "at": at }, "kept_by": [] });
    assert_eq!(world.keep("400d").await, waiting);
    world.clock.advance(HOUR);
    world.expire().await;
    assert_eq!(world.left().await.len(), 5);
    // Somebody noticed.
    assert_eq!(world.keep("forever").await, forever());
    world.clock.advance(DAY);
    world.expire().await;
    assert_eq!(world.left().await.len(), 5);
    assert_eq!(world.named("EventRetentionShortened").await.len(), 0);
    // Nobody did.
    world.keep("400d").await;
    world.clock.advance(DAY);
    // Only what all followers have read may go: proofs are written behind the last step, and they were.
    world.expire().await;
    assert_eq!(world.left().await, ["390d", "1d"], "and of all accounts");
    let in_force = value!({ "keep": "400d", "pending": null, "kept_by": [] });
    assert_eq!(world.ask("GET", RETENTION, Value::Null).await.1, in_force);
    let asked = world.named("PutEventRetention").await;
    assert_eq!(
        asked.iter().map(|event| &event["requestParameters"]["keep"]).collect::<Vec<_>>(),
        ["400d", "forever", "400d"]
    );
    let told = world.named("EventRetentionShortened").await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["serviceEventDetails"], value!({ "daysBefore": null, "days": 400 }));
    assert_eq!(told[0]["eventType"], "AwsServiceEvent");
    // What it does once, it does once, also after a start.
    world.expire().await;
    let (dir, now) = (world.dir, world.server.clock.now());
    world.server.trail.store.close().await.unwrap();
    drop(world.server);
    let world = open(dir, now).await;
    world.expire().await;
    assert_eq!(world.named("EventRetentionShortened").await.len(), 1);
    assert_eq!(world.left().await, ["390d", "1d"]);
    // The tree goes on: what is left and what comes is proved, and what is gone is said to be.
    let evidence = "/_trailwatch/proofs/evidence";
    let (status, answer) = world.ask("POST", evidence, value!({ "event_ids": ["390d"] })).await;
    assert_eq!((status, answer["events"].as_array().map(Vec::len)), (200, Some(1)), "{answer}");
    let (status, answer) = world.ask("POST", evidence, value!({ "sequences": [1] })).await;
    assert_eq!((status, answer["__type"].as_str()), (410, Some("EventExpired")), "{answer}");
    let (status, _) = world.ask("POST", evidence, value!({ "sequences": [3] })).await;
    assert_eq!(status, 200);
    assert_eq!(world.ask("GET", "/_trailwatch/proofs/consistency", Value::Null).await.0, 400);
    let verified = world.server.trail.store.verify_event_tree().await.unwrap();
    assert_eq!(verified.tree, world.server.trail.store.event_tree());
}

#[tokio::test]
async fn what_is_held_stays_until_a_day_after_the_release() {
    let world = World::new().await;
    world.fill(&[1000, 500, 450]).await;
    world.keep("400d").await;
    let held = value!({
        "name": "case", "account": "123456789012", "from": (NOW - 600 * DAY).iso_millis(),
        "to": (NOW - 500 * DAY).iso_millis(), "reason": "a case",
    });
    let (status, hold) = world.ask("POST", HOLDS, held.clone()).await;
    assert_eq!((status, &hold["to"], &hold["ends"]), (200, &held["to"], &Value::Null), "{hold}");
    world.clock.advance(DAY);
    world.expire().await;
    assert_eq!(world.left().await, ["500d"], "the times of a hold count, its last one too, and its account");
    let (_, released) = world.ask("POST", RELEASE, value!({ "name": "case" })).await;
    assert_eq!(released["ends"], (NOW + 2 * DAY).iso_seconds());
    world.clock.advance(HOUR);
    world.expire().await;
    // To release it again changes nothing; to create it again takes the release back.
    let (_, again) = world.ask("POST", RELEASE, value!({ "name": "case" })).await;
    assert_eq!(again["ends"], released["ends"]);
    let (status, back) = world.ask("POST", HOLDS, held.clone()).await;
    assert_eq!((status, &back["ends"], &back["reason"]), (200, &Value::Null, &value!("a case")));
    world.clock.advance(DAY);
    world.expire().await;
    assert_eq!(world.left().await, ["500d"]);
    let (_, listed) = world.ask("GET", HOLDS, Value::Null).await;
    assert_eq!(listed["holds"].as_array().map(Vec::len), Some(1));
    let other = value!({ "name": "case" });
    assert_eq!(world.ask("POST", HOLDS, other).await.0, 409, "a name is of one hold");
    world.ask("POST", RELEASE, value!({ "name": "case" })).await;
    world.clock.advance(DAY);
    world.expire().await;
    assert_eq!(world.left().await, [""; 0]);
    assert_eq!(world.named("LegalHoldEnded").await.len(), 1);
    assert_eq!(world.named("ReleaseLegalHold").await.len(), 3);
    assert_eq!(world.ask("POST", RELEASE, value!({ "name": "case" })).await.0, 404);
}

#[tokio::test]
async fn what_somebody_has_yet_to_read_stays() {
    let world = World::new().await;
    world.fill(&[1000, 500]).await;
    world.keep("400d").await;
    world.clock.advance(DAY);
    let readers = Readers { proofs: 2, detections: None };
    while trail::retention::expire_step(&world.server.trail, readers).await.unwrap() {}
    assert_eq!(world.left().await, ["500d", "other"], "the proofs of the first are written");
    let readers = Readers { proofs: u64::MAX, detections: Some(3) };
    while trail::retention::expire_step(&world.server.trail, readers).await.unwrap() {}
    assert_eq!(world.left().await, ["other"], "detections have looked at the second");
    world.server.trail.catalog.set_detection_position(9).await.unwrap();
    while trail::retention::expire_step(&world.server.trail, readers).await.unwrap() {}
    assert_eq!(world.left().await, [""; 0]);
}

#[tokio::test]
async fn an_event_data_store_keeps_the_events_of_its_account() {
    use catalog::{EventDataStore, EventDataStoreSettings};
    let world = World::new().await;
    world.fill(&[1000, 500]).await;
    let settings =
        EventDataStoreSettings { name: "s".into(), retention_days: 600, ..EventDataStoreSettings::default() };
    let store = EventDataStore { scope: home(&world.server), id: "s".into(), settings, ..EventDataStore::default() };
    world.server.trail.catalog.create_event_data_store(&store, 9).await.unwrap();
    world.keep("400d").await;
    world.clock.advance(DAY);
    world.expire().await;
    assert_eq!(world.left().await, ["500d"]);
}

#[tokio::test]
async fn what_keeps_older_events_is_told() {
    let world = World::new().await;
    world.fill(&[1000]).await;
    let record = r#"{"eventID":"500d"}"#.to_owned();
    let account = "123456789012".to_owned();
    let late = Event { event_id: "500d".into(), account, time: NOW - 500 * DAY, record, ..Event::default() };
    world.server.trail.store.append(Batch { events: vec![late], ..Batch::default() }).await.unwrap();
    world.server.trail.store.flush().await.unwrap();
    world.keep("400d").await;
    let held = value!({ "name": "case", "account": "999999999999", "reason": "Smith v. Jones" });
    assert_eq!(world.ask("POST", HOLDS, held).await.0, 200);
    world.clock.advance(DAY);
    world.expire().await;
    assert_eq!(world.left().await, ["500d"], "the tile of its leaf is not full");
    let since = (NOW + DAY).iso_seconds();
    let reason = "the tile of proofs that they are in is not full, or no checkpoint covers it yet";
    let proofs = value!({ "by": "proofs", "name": "", "since": since, "reason": reason });
    let hold = value!({ "by": "legal-hold", "name": "case", "since": NOW.iso_seconds(), "reason": "Smith v. Jones" });
    let kept_by = async || world.ask("GET", RETENTION, Value::Null).await.1["kept_by"].clone();
    assert_eq!(kept_by().await, value!([proofs, hold]));
    // Who may not list holds does not learn of them here.
    let root = Caller::root(home(&world.server), "A");
    let other = Caller { identity_type: "IAMUser".into(), ..root };
    let retention = world.server.trail.catalog.event_retention().await.unwrap();
    assert_eq!(shown_to(&world.server, &other, &retention)["kept_by"], value!([proofs]));
    let metric = || {
        let datapoint = world.server.expiry.datapoint(&home(&world.server), NOW);
        datapoint.map(|datapoint| datapoint.observation)
    };
    assert_eq!(metric(), Some(Observation::value(1.0)), "the hold is wanted");
    world.clock.advance(HOUR);
    world.expire().await;
    assert_eq!(kept_by().await, value!([proofs, hold]), "it is so since the first round that saw it");
    world.fill(&[]).await;
    world.expire().await;
    assert_eq!((world.left().await, kept_by().await), (Vec::<String>::new(), value!([hold])));
    assert_eq!(metric(), Some(Observation::value(0.0)));
    world.keep("forever").await;
    world.expire().await;
    assert_eq!((kept_by().await, metric()), (value!([]), None));
}

#[test]
fn rounds_that_fail_are_told() {
    let (expiry, home) = (Expiry::default(), Scope::default());
    let metric = |expiry: &Expiry| expiry.datapoint(&home, NOW).map(|datapoint| datapoint.observation);
    assert_eq!(metric(&expiry), None);
    expiry.note_failure(NOW);
    expiry.note_failure(NOW + 1);
    assert_eq!(expiry.lock().failing_since, Some(NOW));
    assert_eq!(metric(&expiry), Some(Observation::value(1.0)));
    expiry.note(Some(Vec::new()), NOW + 2);
    assert_eq!(expiry.lock().failing_since, None);
    assert_eq!(metric(&expiry), Some(Observation::value(0.0)));
}

#[tokio::test]
async fn a_date_alone_is_all_of_its_day() {
    let world = World::new().await;
    for (to, held_to) in [
        ("2026-03-31", "2026-03-31T23:59:59.999Z"),
        ("2026-03-31T12:00:00Z", "2026-03-31T12:00:00.999Z"),
        ("2026-03-31T12:00:00.500Z", "2026-03-31T12:00:00.500Z"),
    ] {
        let held = value!({ "name": format!("hold-{}", to.len()), "from": "2026-01-01", "to": to });
        let (status, hold) = world.ask("POST", HOLDS, held).await;
        assert_eq!((status, &hold["from"], &hold["to"]), (200, &value!("2026-01-01T00:00:00.000Z"), &value!(held_to)));
    }
    let one_day = value!({ "name": "day", "from": "2026-01-01", "to": "2026-01-01" });
    assert_eq!(world.ask("POST", HOLDS, one_day).await.0, 200);
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused() {
    let world = World::new().await;
    for keep in ["", "0d", "400", "-1d", "+1d", "36501d", "99999999999999999999d", "for ever", "4 d"] {
        let (status, answer) = world.ask("POST", RETENTION, value!({ "keep": keep })).await;
        assert_eq!((status, answer["__type"].as_str()), (400, Some("InvalidRequest")), "{keep}: {answer}");
    }
    for (path, body) in [
        (RETENTION, value!({})),
        (RETENTION, value!({ "keep": "1d", "at": "now" })),
        (HOLDS, value!({})),
        (HOLDS, value!({ "name": "a b" })),
        (HOLDS, value!({ "name": "a".repeat(129) })),
        (HOLDS, value!({ "name": "a", "account": "me" })),
        (HOLDS, value!({ "name": "a", "from": "yesterday" })),
        (HOLDS, value!({ "name": "a", "from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z" })),
        (HOLDS, value!({ "name": "a", "reason": "r".repeat(1025) })),
        (HOLDS, value!({ "name": "a", "until": "2026-01-01T00:00:00Z" })),
        (RELEASE, value!([])),
    ] {
        let (status, answer) = world.ask("POST", path, body.clone()).await;
        assert_eq!((status, answer["__type"].as_str()), (400, Some("InvalidRequest")), "{body}: {answer}");
    }
    assert_eq!(world.ask("POST", RELEASE, value!({ "name": "a" })).await.0, 404);
    assert_eq!(world.ask("DELETE", HOLDS, Value::Null).await.0, 404);
    assert_eq!(world.ask("GET", HOLDS, Value::Null).await.1, value!({ "holds": [] }));
}

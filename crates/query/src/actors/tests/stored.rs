//! Over a store: times that do not all fit, events that come late, and what one login did.

use super::{ALICE, S3, STS, T0, created, gives, record, role, user};
use crate::actors::held::{ActorError, Held};
use crate::actors::{Call, SessionPage, Start, session};
use model::clock::ManualClock;
use model::{Batch, Event, TimeRange, Timestamp};
use serde_json::{Value, json};
use std::sync::Arc;
use store::{Options, Position, Store};

async fn store() -> (Store, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { dir: dir.path().to_owned(), row_group_rows: 8, ..Options::default() };
    (Store::open(options, Arc::new(ManualClock::at(Timestamp(T0)))).await.unwrap(), dir)
}

/// The event of a record, as far as the store looks at it.
pub fn event(id: &str, record: &Value) -> Event {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let identity = &record["userIdentity"];
    let name = identity["principalId"]
        .as_str()
        .and_then(|principal| principal.split_once(':'))
        .map(|(_, name)| name.to_owned());
    Event {
        event_id: id.into(),
        account: "111122223333".into(),
        region: "us-east-1".into(),
        time: Timestamp::parse_iso(record["eventTime"].as_str().unwrap()).unwrap(),
        name: text(&record["eventName"]),
        source: text(&record["eventSource"]),
        category: "Management".into(),
        username: name.unwrap_or_else(|| text(&identity["userName"])),
        access_key_id: text(&identity["accessKeyId"]),
        error_code: text(&record["errorCode"]),
        user_arn: text(&identity["arn"]),
        record: record.to_string(),
        ..Event::default()
    }
}

async fn append(store: &Store, events: Vec<Event>) {
    store.append(Batch { events, ..Batch::default() }).await.unwrap();
}

fn get(second: i64, key: &str, identity: &Value) -> Value {
    record("GetObject", S3, second, identity, &json!({ "requestParameters": { "key": key } }))
}

fn ids(page: &SessionPage) -> Vec<(&str, usize)> {
    page.events.iter().map(|event| (event.row.event.event_id.as_str(), event.depth)).collect()
}

async fn page(store: &Store, start: Start, after: Option<Position>, limit: usize) -> SessionPage {
    session(store, &start, TimeRange::ALL, after, limit).await.unwrap().unwrap()
}

const FIRST: &str = "ASIAFIRST00000000001";
const SECOND: &str = "ASIASECOND0000000001";
const OTHER: &str = "ASIAOTHER00000000001";

/// Alice takes a role and from it another; Eve takes the first under the same name.
fn told() -> Vec<Event> {
    let mut eve = user();
    eve["principalId"] = json!("AIDAEVE");
    eve["arn"] = json!("arn:aws:iam::111122223333:user/eve");
    eve["userName"] = json!("eve");
    eve["accessKeyId"] = json!("AKIAEVE0000000000001");
    vec![
        event("before", &get(-9, "k", &user())),
        event("take", &record("AssumeRole", STS, 0, &user(), &gives(FIRST, "ci"))),
        event("eve-takes", &record("AssumeRole", STS, 0, &eve, &gives(OTHER, "ci"))),
        event("one", &get(10, "k", &role(FIRST, "ci", 0))),
        event("eve-one", &get(11, "k", &role(OTHER, "ci", 0))),
        event("again", &record("AssumeRole", STS, 20, &role(FIRST, "ci", 0), &gives(SECOND, "deep"))),
        event("two", &get(30, "k", &role(SECOND, "deep", 20))),
        // Beyond the hours of its login, and in a chain that is still alive.
        event("three", &get(3 * 3600, "k", &role(SECOND, "deep", 20))),
        event("after", &get(40, "k", &user())),
    ]
}

#[tokio::test]
async fn a_login_is_shown_whole_from_wherever_it_is_entered() {
    let (store, _dir) = store().await;
    let mut events = told();
    // The issuing events come last, in the wrong order, and part of it is in segments.
    events.rotate_left(3);
    let rest = events.split_off(4);
    append(&store, events).await;
    store.flush().await.unwrap();
    append(&store, rest).await;
    let all = [("take", 0), ("one", 1), ("again", 1), ("two", 2), ("three", 2)];
    let starts = ["one", "again", "two", "three"].map(|id| Start::Event(id.into()));
    for start in starts.into_iter().chain([FIRST, SECOND].map(|key| Start::Key(key.into()))) {
        let page = page(&store, start.clone(), None, 100).await;
        assert_eq!(ids(&page), all, "{start:?}");
        assert_eq!((page.login.session.as_str(), page.login.actor.as_deref()), (FIRST, Some(ALICE)));
        assert!(page.login.is_complete && page.next.is_none());
        assert_eq!(page.login.keys.keys().collect::<Vec<_>>(), [FIRST, SECOND]);
    }
    let eve = page(&store, Start::Event("eve-one".into()), None, 100).await;
    assert_eq!(ids(&eve), [("eve-takes", 0), ("eve-one", 1)]);
    // A key that does not expire has its own calls, and the sessions that it opened.
    let key = page(&store, Start::Key("AKIAALICE00000000001".into()), None, 100).await;
    let mut whole = vec![("before", 0)];
    whole.extend(all);
    whole.insert(5, ("after", 0));
    assert_eq!(ids(&key), whole);
    let nothing = session(&store, &Start::Key("AKIANOBODY0000000001".into()), TimeRange::ALL, None, 9).await.unwrap();
    assert!(nothing.is_none());
}

#[tokio::test]
async fn pages_go_on_where_the_last_ended() {
    let (store, _dir) = store().await;
    append(&store, told()).await;
    let (mut after, mut seen) = (None, Vec::new());
    loop {
        let page = page(&store, Start::Event("two".into()), after, 2).await;
        assert!(page.events.len() <= 2);
        seen.extend(page.events.iter().map(|event| event.row.event.event_id.clone()));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, ["take", "one", "again", "two", "three"]);
}

#[tokio::test]
async fn a_late_event_mends_the_answer() {
    let (store, _dir) = store().await;
    let (late, early): (Vec<Event>, Vec<Event>) = told().into_iter().partition(|event| event.event_id == "take");
    append(&store, early).await;
    let before = page(&store, Start::Event("three".into()), None, 100).await;
    assert_eq!(ids(&before), [("one", 0), ("again", 0), ("two", 1), ("three", 1)]);
    let role = "arn:aws:sts::111122223333:assumed-role/deploy/ci";
    assert_eq!((before.login.actor.as_deref(), before.login.is_complete), (Some(role), false));
    append(&store, late).await;
    let after = page(&store, Start::Event("three".into()), None, 100).await;
    assert_eq!(after.events.len(), 5);
    assert_eq!((after.login.actor.as_deref(), after.login.is_complete), (Some(ALICE), true));
}

#[tokio::test]
async fn everything_of_a_sign_in_to_the_console_is_shown() {
    let (store, _dir) = store().await;
    let console = |second: i64, key: &str| {
        let mut identity = user();
        identity["accessKeyId"] = json!(key);
        identity["sessionContext"] = json!({ "attributes": { "creationDate": created(0) } });
        record(
            "DescribeInstances",
            "ec2.amazonaws.com",
            second,
            &identity,
            &json!({ "sessionCredentialFromConsole": "true" }),
        )
    };
    let mut nobody = user();
    nobody["accessKeyId"] = json!("");
    let success = json!({ "responseElements": { "ConsoleLogin": "Success" } });
    let events = vec![
        event("login", &record("ConsoleLogin", "signin.amazonaws.com", 2, &nobody, &success)),
        event("page", &console(60, "ASIACONSOLE000000001")),
        event("other", &get(61, "k", &user())),
        event("page-2", &console(70, "ASIACONSOLE000000002")),
    ];
    append(&store, events).await;
    for id in ["login", "page", "page-2"] {
        let page = page(&store, Start::Event(id.into()), None, 100).await;
        assert_eq!(ids(&page), [("login", 0), ("page", 1), ("page-2", 1)], "{id}");
        assert_eq!(page.login.session, "login");
    }
}

#[tokio::test]
async fn times_that_do_not_fit_are_read_again_and_one_that_is_too_full_is_refused() {
    let (store, _dir) = store().await;
    let (mut events, mut uses) = (Vec::new(), Vec::new());
    for n in 0..200_i64 {
        let (key, second) = (format!("ASIAMANY{n:012}"), n * 600);
        events.push(event(&format!("take-{n}"), &record("AssumeRole", STS, second, &user(), &gives(&key, "x"))));
        uses.push(event(&format!("use-{n}"), &get(second + 5, "k", &role(&key, "x", second))));
    }
    append(&store, events).await;
    store.flush().await.unwrap();
    // A day has 144 credentials, an hour 6: a quarter of this holds an hour and no day.
    let held = Held::with(store.clone(), 60_000);
    for event in uses.iter().chain(uses.iter().rev()) {
        let resolution = held.resolve(&Call::from(event)).await.unwrap();
        assert_eq!(resolution.actor.as_deref(), Some(ALICE));
    }
    // Nor does one fit here.
    let small = Held::with(store, 4_000);
    let refused = small.resolve(&Call::from(&uses[0])).await.unwrap_err();
    assert!(matches!(refused, ActorError::TooMany(_)), "{refused}");
}

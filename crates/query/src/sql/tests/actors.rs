//! The columns `actor` and `session`, made beside conditions, groups and joins.

use super::super::{Format, Sql, SqlOptions};
use super::fixture::{Names, T0};
use model::clock::ManualClock;
use model::{Batch, Event, Timestamp};
use serde_json::{Value, json};
use std::sync::Arc;
use store::{Options, Store};

const ALICE: &str = "arn:aws:iam::111122223333:user/alice";

/// Alice, and a robot of a service, take the same role under the same name, and use it for two days.
fn events() -> Vec<Event> {
    let alice =
        json!({ "type": "IAMUser", "arn": ALICE, "principalId": "AIDAALICE", "accessKeyId": "AKIAALICE00000000001" });
    let robot = json!({ "type": "AWSService", "invokedBy": "lambda.amazonaws.com" });
    let mut events = Vec::new();
    for n in 0..100_i64 {
        let (key, second) = (format!("ASIAROLE{n:012}"), n / 2 * 3600);
        let gives =
            json!({ "credentials": { "accessKeyId": key }, "assumedRoleUser": { "assumedRoleId": "AROAX:fn" } });
        let by = if n % 2 == 0 { &alice } else { &robot };
        events.push(event(&format!("take-{n}"), "AssumeRole", "sts.amazonaws.com", second, by, &gives));
        let created = Timestamp(T0 + second * 1000).iso_seconds();
        let role = json!({ "type": "AssumedRole", "principalId": "AROAX:fn", "accessKeyId": key,
            "arn": "arn:aws:sts::111122223333:assumed-role/r/fn", "sessionContext": { "attributes": { "creationDate": created } } });
        for m in 0..3 {
            events.push(event(
                &format!("use-{n}-{m}"),
                "GetObject",
                "s3.amazonaws.com",
                second + 60,
                &role,
                &Value::Null,
            ));
        }
    }
    events
}

fn event(id: &str, name: &str, source: &str, second: i64, identity: &Value, response: &Value) -> Event {
    let record = json!({ "eventName": name, "userIdentity": identity, "responseElements": response });
    Event {
        event_id: id.into(),
        name: name.into(),
        source: source.into(),
        time: Timestamp(T0 + second * 1000),
        access_key_id: identity["accessKeyId"].as_str().unwrap_or_default().into(),
        record: record.to_string(),
        ..Event::default()
    }
}

async fn rows(sql: &Sql, statement: &str) -> Vec<Value> {
    let answer =
        sql.query(statement, Format::JsonLines, None).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
    String::from_utf8(answer).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn actors_and_sessions_are_columns() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { dir: dir.path().to_owned(), row_group_rows: 64, ..Options::default() };
    let store = Store::open(options, Arc::new(ManualClock::at(Timestamp(T0)))).await.unwrap();
    let mut all = events();
    // Later events come in first.
    all.reverse();
    let late = all.split_off(250);
    store.append(Batch { events: all, ..Batch::default() }).await.unwrap();
    store.flush().await.unwrap();
    store.append(Batch { events: late, ..Batch::default() }).await.unwrap();
    let sql = Sql::new(store, Arc::new(Names), SqlOptions::default()).unwrap();
    let counted = rows(&sql, "SELECT actor, count(*) AS n, count(DISTINCT session) AS sessions FROM events WHERE name = 'GetObject' GROUP BY actor ORDER BY actor").await;
    assert_eq!(
        counted,
        [
            json!({ "actor": ALICE, "n": 150, "sessions": 50 }),
            json!({ "actor": "service:lambda.amazonaws.com/fn", "n": 150, "sessions": 50 })
        ]
    );
    let one = rows(
        &sql,
        &format!(
            "SELECT event_id FROM events WHERE actor = '{ALICE}' AND session = 'ASIAROLE000000000008' ORDER BY event_id"
        ),
    )
    .await;
    assert_eq!(one, ["use-8-0", "use-8-1", "use-8-2"].map(|id| json!({ "event_id": id })));
    let newest =
        rows(&sql, "SELECT session, event_id, actor, name FROM events ORDER BY time DESC, event_id DESC LIMIT 1").await;
    let newest_is = json!({ "session": "ASIAROLE000000000099", "event_id": "use-99-2", "actor": "service:lambda.amazonaws.com/fn", "name": "GetObject" });
    assert_eq!(newest, [newest_is]);
    let all = rows(&sql, "SELECT * FROM events LIMIT 1").await;
    assert!(all[0]["actor"].is_string() && all[0]["record"].is_string());
    // Who does not ask for them does not wait for them.
    let plan = |statement: &str| {
        let statement = format!("EXPLAIN {statement}");
        let sql = &sql;
        async move {
            rows(sql, &statement).await.iter().map(|row| row["plan"].as_str().unwrap().to_owned()).collect::<String>()
        }
    };
    assert!(!plan("SELECT name FROM events").await.contains("with actors"));
    assert!(plan("SELECT actor FROM events").await.contains("with actors"));
}

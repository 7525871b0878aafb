//! Statements against a store of which a part is in memory and the rest in segments, compared with plain lists.

mod actors;
mod elsewhere;
mod fields;
mod fixture;
mod hostile;
mod masks;
mod metrics;
mod pruning;

use super::{Format, SqlError};
use fixture::{Fixture, HOUR, T0};
use serde_json::json;

#[tokio::test]
async fn every_record_is_seen_exactly_once() {
    let fixture = Fixture::new().await;
    for (table, rows) in [
        ("logs", fixture.logs.len()),
        ("events", fixture.events.len()),
        ("metrics", fixture.points.len()),
        ("alarm_history", 2),
    ] {
        let counted = fixture.rows(&format!("SELECT count(*) AS n FROM {table}")).await;
        assert_eq!(counted, [json!({ "n": rows })], "{table}");
    }
    let distinct = "SELECT count(DISTINCT sequence) AS n, count(*) AS m FROM logs";
    assert_eq!(fixture.rows(distinct).await, [json!({ "n": fixture.logs.len(), "m": fixture.logs.len() })]);
    // The same while the rest goes from memory to segments.
    let (flushed, during) = tokio::join!(fixture.store.flush(), fixture.rows(distinct));
    flushed.unwrap();
    assert_eq!(during, fixture.rows(distinct).await);
    assert_eq!(during, [json!({ "n": fixture.logs.len(), "m": fixture.logs.len() })]);
}

#[tokio::test]
async fn conditions_leave_what_a_plain_filter_leaves() {
    let fixture = Fixture::new().await;
    let time = |ms: i64| model::Timestamp(ms).iso_millis();
    let (from, to) = (T0 + 10 * HOUR + 1, T0 + 30 * HOUR);
    let cases: Vec<(String, usize)> = vec![
        (
            format!("logs WHERE timestamp >= '{}' AND timestamp < '{}'", time(from), time(to)),
            fixture.logs.iter().filter(|log| (from..to).contains(&log.timestamp.0)).count(),
        ),
        (
            format!("logs WHERE timestamp BETWEEN '{}' AND '{}' AND log_group = 'web'", time(from), time(to)),
            fixture.logs.iter().filter(|log| log.group.0 == 2 && (from..=to).contains(&log.timestamp.0)).count(),
        ),
        (
            "logs WHERE log_stream IN ('app-0', 'web-1')".into(),
            fixture.logs.iter().filter(|log| matches!(log.stream.0, 10 | 21)).count(),
        ),
        (
            "logs WHERE message LIKE '%needle%'".into(),
            fixture.logs.iter().filter(|log| log.message.contains("needle")).count(),
        ),
        (
            "logs WHERE message LIKE '%\\\"level\\\":\\\"error\\\"%' OR message LIKE '%needle%'".into(),
            fixture
                .logs
                .iter()
                .filter(|log| log.message.contains("needle") || log.message.contains("\"level\":\"error\""))
                .count(),
        ),
        (
            "logs WHERE json_extract_scalar(message, '$.level') = 'error'".into(),
            fixture.logs.iter().filter(|log| log.message.contains("\"level\":\"error\"")).count(),
        ),
        ("logs WHERE region = 'eu-west-1'".into(), fixture.logs.iter().filter(|log| log.group.0 == 2).count()),
        ("logs WHERE log_group = 'nowhere'".into(), 0),
        (
            "events WHERE username = 'user3'".into(),
            fixture.events.iter().filter(|event| event.username == "user3").count(),
        ),
        (
            format!("events WHERE access_key_id = 'KEY7' AND time > '{}'", time(from)),
            fixture.events.iter().filter(|event| event.access_key_id == "KEY7" && event.time.0 > from).count(),
        ),
        (
            "events WHERE name IN ('PutThing', 'GetThing') AND NOT read_only".into(),
            fixture.events.iter().filter(|event| event.read_only == Some(false)).count(),
        ),
        (
            "events WHERE name = 'PutThing' OR username = 'user3'".into(),
            fixture.events.iter().filter(|event| event.name == "PutThing" || event.username == "user3").count(),
        ),
        (
            "events WHERE record LIKE '%\"n\":7}%'".into(),
            fixture.events.iter().filter(|event| event.record.contains("\"n\":7}")).count(),
        ),
        (
            "events WHERE array_has(resource_names, 'thing-2')".into(),
            fixture.events.iter().filter(|event| event.resources[0].name == "thing-2").count(),
        ),
        (
            "metrics WHERE namespace = 'Shop' AND name = 'Latency'".into(),
            fixture.points.iter().filter(|point| point.series.name == "Latency").count(),
        ),
        (
            format!("metrics WHERE json_extract_scalar(dimensions, '$.host') = 'a' AND timestamp >= '{}'", time(from)),
            fixture
                .points
                .iter()
                .filter(|point| point.timestamp.0 >= from && point.series.dimensions == [("host".into(), "a".into())])
                .count(),
        ),
        (
            "metrics WHERE value IS NULL".into(),
            fixture.points.iter().filter(|point| matches!(point.observation, model::Observation::Set { .. })).count(),
        ),
    ];
    for (condition, expected) in cases {
        let counted = fixture.rows(&format!("SELECT count(*) AS n FROM {condition}")).await;
        assert_eq!(counted, [json!({ "n": expected })], "{condition}");
        if !condition.contains("nowhere") {
            assert!(expected > 0, "{condition} tests nothing");
        }
    }
}

#[tokio::test]
async fn rows_hold_what_was_stored() {
    let fixture = Fixture::new().await;
    let rows = fixture.rows("SELECT * FROM logs WHERE message LIKE '%needle%' ORDER BY timestamp LIMIT 1").await;
    let log = fixture.logs.iter().find(|log| log.message.contains("needle")).unwrap();
    assert_eq!(rows[0]["message"], json!(log.message));
    assert_eq!(rows[0]["timestamp"], json!(log.timestamp.iso_millis().replace(".000Z", "Z")));
    assert_eq!(rows[0]["account"], json!("111122223333"));
    let rows = fixture.rows("SELECT * FROM events ORDER BY time DESC LIMIT 1").await;
    let event = fixture.events.last().unwrap();
    assert_eq!(rows[0]["record"], json!(event.record));
    assert_eq!(rows[0]["resource_names"], json!([event.resources[0].name]));
    assert_eq!(rows[0]["read_only"], json!(event.read_only));
    let sums = "SELECT sum(count) AS n, min(min) AS low, max(max) AS high, avg(sum / count) AS mean FROM metrics WHERE name = 'Latency' AND unit = 'Milliseconds'";
    let points = || fixture.points.iter().filter(|point| point.series.name == "Latency");
    let stats: Vec<(f64, f64, f64, f64)> = points().map(|point| point.observation.stats()).collect();
    let row = &fixture.rows(sums).await[0];
    assert_eq!(row["n"].as_f64(), Some(stats.iter().map(|s| s.0).sum()));
    assert_eq!(row["low"].as_f64(), stats.iter().map(|s| s.2).reduce(f64::min));
    assert_eq!(row["high"].as_f64(), stats.iter().map(|s| s.3).reduce(f64::max));
    let mean = stats.iter().map(|s| s.1 / s.0).sum::<f64>() / stats.len() as f64;
    assert!((row["mean"].as_f64().unwrap() - mean).abs() < 1e-9);
}

#[tokio::test]
async fn what_changed_just_before_an_alarm_is_one_join() {
    let fixture = Fixture::new().await;
    let rows = fixture
        .rows(
            "SELECT a.alarm_name, e.name, e.username, count(*) AS n FROM alarm_history a JOIN events e \
             ON e.time BETWEEN a.timestamp - INTERVAL '10 minutes' AND a.timestamp \
             WHERE a.item_type = 'StateUpdate' AND json_extract_scalar(a.data, '$.newState.stateValue') = 'ALARM' \
             AND NOT e.read_only GROUP BY 1, 2, 3 ORDER BY 3",
        )
        .await;
    let alarm = fixture::ALARM_AT;
    let before =
        |event: &&model::Event| event.read_only == Some(false) && (alarm - 600_000..=alarm).contains(&event.time.0);
    let expected: usize = fixture.events.iter().filter(before).count();
    let found: u64 = rows.iter().map(|row| row["n"].as_u64().unwrap()).sum();
    assert!(expected > 0);
    assert_eq!(found as usize, expected);
    assert!(rows.iter().all(|row| row["alarm_name"] == "slow" && row["name"] == "PutThing"));
}

#[tokio::test]
async fn csv_and_names_that_repeat() {
    let fixture = Fixture::new().await;
    let statement = "SELECT a.account, b.account, a.resource_names FROM events a JOIN events b ON a.event_id = b.event_id ORDER BY a.time LIMIT 1";
    let csv = fixture.sql.query(statement, Format::Csv, None).await.unwrap();
    let csv = String::from_utf8(csv).unwrap();
    assert_eq!(csv, "account,account_2,resource_names\n111122223333,111122223333,[thing-0]\n");
    let nothing = fixture.sql.query("SELECT name FROM events WHERE name = 'x'", Format::Csv, None).await.unwrap();
    assert_eq!(nothing, b"name\n");
    assert_eq!(fixture.rows("SELECT name FROM events WHERE name = 'x'").await, Vec::<serde_json::Value>::new());
    let tables = fixture.rows("SHOW TABLES").await;
    let named = |name: &str| tables.iter().any(|row| row["table_name"] == name);
    assert!(["events", "logs", "metrics", "alarm_history"].into_iter().all(named));
    let columns = fixture.rows("DESCRIBE logs").await;
    assert_eq!(columns[4]["column_name"], "timestamp");
}

#[tokio::test]
async fn mistakes_are_pointed_at() {
    let fixture = Fixture::new().await;
    for (statement, line, column, says) in [
        ("SELECT *\nFORM events", 2, 1, "FORM"),
        ("SELECT name,\n  nme FROM events", 2, 3, "nme"),
        ("SELECT * FROM evnts", 1, 15, "evnts"),
    ] {
        match fixture.sql.query(statement, Format::JsonLines, None).await {
            Err(SqlError::Invalid { message, position: Some(at) }) => {
                assert!(message.contains(says), "{message}");
                assert_eq!((at.line, at.column), (line, column), "{message}");
            }
            other => panic!("{statement}: {other:?}"),
        }
    }
    let divided = fixture.sql.query("SELECT 1 / (sequence - sequence) FROM logs", Format::JsonLines, None).await;
    assert!(matches!(divided, Err(SqlError::Invalid { .. })), "{divided:?}");
    let path = fixture.sql.query("SELECT json_extract(message, 'a') FROM logs", Format::JsonLines, None).await;
    assert!(
        matches!(&path, Err(SqlError::Invalid { message, .. }) if message.contains("must begin with $")),
        "{path:?}"
    );
}

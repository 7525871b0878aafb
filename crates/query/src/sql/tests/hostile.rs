//! Statements that ask for too much, or for what is not theirs, end with an error and leave the rest as it was.

use super::super::{Format, SqlError, SqlOptions};
use super::fixture::Fixture;
use futures::poll;

/// Far more rows than anyone waits for.
const ENDLESS: &str =
    "SELECT count(*) AS n FROM logs a, logs b, logs c, logs d WHERE a.sequence + b.sequence + c.sequence < d.sequence";

async fn refused(fixture: &Fixture, statement: &str) -> String {
    match fixture.sql.query(statement, Format::JsonLines, None).await {
        Err(SqlError::Invalid { message, .. } | SqlError::Limit(message)) => message,
        other => panic!("{}: {other:?}", &statement[..statement.len().min(200)]),
    }
}

#[tokio::test]
async fn only_reading_is_answered() {
    let fixture = Fixture::new().await;
    for statement in [
        "CREATE TABLE t AS SELECT * FROM events",
        "CREATE VIEW v AS SELECT * FROM events",
        "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION 'file:///etc/passwd'",
        "CREATE FUNCTION f(INT) RETURNS INT RETURN $1",
        "DROP TABLE events",
        "INSERT INTO events SELECT * FROM events",
        "DELETE FROM events",
        "UPDATE logs SET message = 'x'",
        "TRUNCATE TABLE logs",
        "COPY events TO 'x.csv'",
        "COPY (SELECT 1) TO 'x.csv'",
        "SET datafusion.execution.batch_size = 1",
        "RESET datafusion.execution.batch_size",
        "SHOW ALL",
        "PREPARE p AS SELECT 1",
        "EXECUTE p",
        "BEGIN",
        "EXPLAIN INSERT INTO events SELECT * FROM events",
        "EXPLAIN ANALYZE DELETE FROM events",
        "SELECT 1; SELECT 2",
        "",
    ] {
        refused(&fixture, statement).await;
    }
    let message = refused(&fixture, "SELECT * FROM 'Cargo.toml'").await;
    assert!(message.contains("not found"), "{message}");
    assert_eq!(fixture.rows("SELECT count(*) AS n FROM events").await[0]["n"].as_u64(), Some(900));
}

#[tokio::test]
async fn size_and_nesting_are_bounded() {
    let fixture = Fixture::new().await;
    let deep = format!("SELECT {}1{}", "(".repeat(20_000), ")".repeat(20_000));
    refused(&fixture, &deep).await;
    refused(&fixture, &format!("SELECT {}1", "NOT ".repeat(10_000))).await;
    refused(&fixture, &format!("SELECT 1{}", " ".repeat(70_000))).await;
    let many: Vec<String> = (0..40).map(|n| format!("events e{n}")).collect();
    let message = refused(&fixture, &format!("SELECT count(*) FROM {}", many.join(", "))).await;
    assert!(message.contains("32 tables"), "{message}");
    let mut doubling = "WITH t0 AS (SELECT * FROM events)".to_owned();
    for n in 1..15 {
        doubling += &format!(", t{n} AS (SELECT * FROM t{m} UNION ALL SELECT * FROM t{m})", m = n - 1);
    }
    let message = refused(&fixture, &format!("{doubling} SELECT count(*) FROM t14")).await;
    assert!(message.contains("too large"), "{message}");
    for grows in ["repeat(message, 1000000000)", "lpad(message, 1000000000)", "array_repeat(1, 1000000000)"] {
        refused(&fixture, &format!("SELECT {grows} FROM logs")).await;
    }
    let long = "a".repeat(4_000);
    for grows in [
        "replace(message, 'a', 'A')",
        "regexp_replace(message, 'a', 'A', 'g')",
        "regexp_replace(message, '.', 'A', 'gi')",
    ] {
        let nested =
            (0..3).fold("message || 'a'".to_owned(), |of, _| grows.replace("message", &of).replace('A', &long));
        let message = refused(&fixture, &format!("SELECT {nested} FROM logs")).await;
        assert!(message.contains("would make more than"), "{message}");
    }
    let rows = fixture.rows("SELECT message || 'x' AS a, 1 || 'x' AS b, concat(message, NULL, 'y') = message || 'y' AS c FROM logs LIMIT 1").await;
    assert_eq!((&rows[0]["b"], &rows[0]["c"]), (&serde_json::json!("1x"), &serde_json::json!(true)));
    let grouped = "SELECT 'a' || message || 'y' AS m, count(*) AS n FROM logs GROUP BY 'a' || message || 'y' ORDER BY 'a' || message || 'y' LIMIT 1";
    assert!(fixture.rows(grouped).await[0]["m"].as_str().unwrap().ends_with('y'));
    // A long chain and a long list are no reason to refuse.
    let chain: Vec<String> = (0..1500).map(|n| format!("sequence = {n}")).collect();
    let rows = fixture.rows(&format!("SELECT count(*) AS n FROM logs WHERE {}", chain.join(" OR "))).await;
    assert_eq!(rows[0]["n"].as_u64(), Some(1499));
    let list: Vec<String> = (0..5000).map(|n| format!("'event-{n}'")).collect();
    let rows = fixture.rows(&format!("SELECT count(*) AS n FROM events WHERE event_id IN ({})", list.join(","))).await;
    assert_eq!(rows[0]["n"].as_u64(), Some(900));
}

#[tokio::test]
async fn memory_and_answer_are_bounded() {
    let options = SqlOptions { memory_bytes_max: 512 * 1024, answer_bytes_max: 64 * 1024, ..SqlOptions::default() };
    let fixture = Fixture::with(options).await;
    let message = refused(&fixture, "SELECT a.message FROM logs a, logs b ORDER BY a.message || b.message").await;
    assert!(message.contains("memory"), "{message}");
    let message = refused(&fixture, "SELECT message FROM logs").await;
    assert!(message.contains("larger than 65536 bytes"), "{message}");
    assert_eq!(fixture.rows("SELECT message FROM logs LIMIT 5").await.len(), 5);
}

#[tokio::test]
async fn what_aggregates_make_is_bounded() {
    let options = SqlOptions { memory_bytes_max: 4 * 1024 * 1024, ..SqlOptions::default() };
    let fixture = Fixture::with(options).await;
    let separator = "-".repeat(20_000);
    for statement in [
        format!("SELECT length(string_agg(message, '{separator}')) AS n FROM logs"),
        format!("SELECT length(string_agg(message, '{separator}' ORDER BY sequence)) AS n FROM logs"),
        format!("SELECT length(string_agg(DISTINCT message || sequence, '{separator}')) AS n FROM logs"),
        format!("SELECT sequence % 3 AS k, length(string_agg(message, '{separator}')) AS n FROM logs GROUP BY 1"),
        "SELECT length(string_agg(message, ',') OVER (ORDER BY sequence)) AS n FROM logs".into(),
        "SELECT max(cardinality(l)) AS n FROM (SELECT array_agg(message) OVER (ORDER BY sequence) AS l FROM logs)"
            .into(),
    ] {
        let refusal = fixture.sql.query(&statement, Format::JsonLines, None).await;
        let Err(SqlError::Limit(message)) = refusal else { panic!("{statement:.80}: {refusal:?}") };
        // The engine may be the first to see it, where it sorts.
        let is_bounded = message.contains("would make more than 4194304 bytes") || message.contains("more memory");
        assert!(is_bounded, "{message}");
    }
    let rows = fixture.rows("SELECT string_agg(CAST(sequence AS VARCHAR), ',' ORDER BY sequence DESC) AS s FROM logs WHERE sequence < 4").await;
    assert_eq!(rows[0]["s"], "3,2,1");
    let rows = fixture.rows("SELECT sequence % 2 AS k, length(string_agg('x', ', ')) AS n, cardinality(array_agg(sequence)) AS c FROM logs WHERE sequence <= 1000 GROUP BY 1 ORDER BY 1").await;
    assert_eq!((&rows[0]["n"], &rows[1]["c"]), (&serde_json::json!(1498), &serde_json::json!(500)));
    let windows = "SELECT string_agg(CAST(sequence AS VARCHAR), '') OVER (ORDER BY sequence) AS s FROM logs WHERE sequence < 4 ORDER BY sequence";
    assert_eq!(fixture.rows(windows).await[2]["s"], "123");
}

#[tokio::test]
async fn a_query_ends_when_its_time_is_over() {
    let fixture = Fixture::with(SqlOptions { ms_max: 30, ..SqlOptions::default() }).await;
    let answer = fixture.sql.query(ENDLESS, Format::JsonLines, None).await;
    assert!(matches!(answer, Err(SqlError::TimedOut(30))), "{answer:?}");
}

#[tokio::test]
async fn a_query_ends_when_nobody_waits_for_it() {
    let fixture = Fixture::new().await;
    for _ in 0..10 {
        let mut query = Box::pin(fixture.sql.query(ENDLESS, Format::JsonLines, None));
        assert!(poll!(query.as_mut()).is_pending());
        drop(query);
    }
    // If any of them still ran, this one would wait behind them for its own time and fail.
    assert_eq!(fixture.rows("SELECT count(*) AS n FROM metrics").await[0]["n"].as_u64(), Some(900));
}

#[tokio::test]
async fn damage_is_an_error_and_not_an_answer() {
    let fixture = Fixture::new().await;
    let folder = fixture.objects().join("segments/events");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "parquet") {
            let mut bytes = std::fs::read(&path).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            std::fs::write(&path, bytes).unwrap();
        }
    }
    match fixture.sql.query("SELECT * FROM events", Format::JsonLines, None).await {
        Err(SqlError::Store(error)) => assert!(error.to_string().contains("corrupt"), "{error}"),
        other => panic!("{:?}", other.map(|bytes| bytes.len())),
    }
}

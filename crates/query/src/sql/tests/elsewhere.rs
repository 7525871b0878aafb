//! Statements that go elsewhere: which do, what they answer, and what comes of those that fail there.

use super::fixture::{Fixture, HOUR, Names, T0};
use crate::sql::{Elsewhere, Format, Sql, SqlOptions, TravelExec, Wide, arrivals, count_packed};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Result, exec_err};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::prelude::{SessionConfig, SessionContext};
use futures::future::{BoxFuture, FutureExt};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use store::SegmentReader;

/// Machines that know of the store nothing but its folder; the first runs fail.
#[derive(Debug)]
struct Others {
    reader: Arc<SegmentReader>,
    runs: AtomicUsize,
    failures: usize,
}

impl Elsewhere for Others {
    fn refusal(&self, plan: &Arc<dyn ExecutionPlan>) -> Option<String> {
        plan.schema().field_with_name("refused").is_ok().then(|| "nobody wants it".into())
    }

    fn run(&self, plan: Arc<dyn ExecutionPlan>) -> BoxFuture<'_, Result<SendableRecordBatchStream>> {
        async move {
            if self.runs.fetch_add(1, Ordering::Relaxed) < self.failures {
                return exec_err!("nobody is there");
            }
            let arrived = plan.transform_up(|plan| {
                let Some(scan) = plan.downcast_ref::<TravelExec>() else { return Ok(Transformed::no(plan)) };
                let parts: Vec<Arc<dyn ExecutionPlan>> = plan.children().into_iter().cloned().collect();
                let scan = TravelExec::from_bytes(&scan.to_bytes()?, &parts)?;
                Ok(Transformed::yes(scan.arrive(&self.reader)?))
            });
            let session = SessionContext::new_with_state(arrivals(SessionConfig::new()));
            execute_stream(count_packed(arrived?.data)?, session.task_ctx())
        }
        .boxed()
    }
}

fn others(fixture: &Fixture, failures: usize, bytes_min: u64) -> (Sql, Arc<Others>) {
    let folder = fixture.objects().parent().unwrap().to_owned();
    let reader = Arc::new(SegmentReader::of_folder(&folder).unwrap());
    let others = Arc::new(Others { reader, runs: AtomicUsize::new(0), failures });
    let wide =
        Wide { elsewhere: Arc::clone(&others) as Arc<dyn Elsewhere>, bytes_min, partitions: 5, pause: Duration::ZERO };
    let sql = Sql::new(fixture.store.clone(), Arc::new(Names), SqlOptions::default()).unwrap();
    (sql.with_wide(Some(wide)), others)
}

async fn rows(sql: &Sql, statement: &str) -> Vec<Value> {
    let answer = sql.query(statement, Format::JsonLines, None).await;
    let answer = answer.unwrap_or_else(|error| panic!("{statement}: {error}"));
    String::from_utf8(answer).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What EXPLAIN says of where a statement is run.
async fn place(sql: &Sql, statement: &str) -> String {
    let rows = rows(sql, &format!("EXPLAIN {statement}")).await;
    let line = rows.iter().find(|row| row["plan_type"] == "runs").unwrap();
    line["plan"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn wide_statements_answer_elsewhere_what_they_answer_here() {
    let fixture = Fixture::new().await;
    let (sql, machines) = others(&fixture, 0, 0);
    let time = |ms: i64| model::Timestamp(ms).iso_millis();
    let range = format!("'{}' AND '{}'", time(T0 + 5 * HOUR), time(T0 + 30 * HOUR));
    let statements = [
        "SELECT count(*) AS n FROM logs".to_owned(),
        "SELECT count(*) AS n, min(time) AS a, max(time) AS b FROM events".into(),
        "SELECT name, username, count(*) AS n FROM events GROUP BY name, username ORDER BY name, username".into(),
        format!("SELECT date_trunc('hour', time) AS h, count(*) AS n FROM events WHERE time BETWEEN {range} GROUP BY h ORDER BY h"),
        "SELECT name, count(DISTINCT access_key_id) AS n FROM events WHERE read_only GROUP BY name ORDER BY 1".into(),
        "SELECT json_extract_scalar(record, '$.n') AS n FROM events WHERE record LIKE '%7}%' ORDER BY time".into(),
        "SELECT log_group, log_stream, account, region, count(*) AS n FROM logs GROUP BY 1, 2, 3, 4 ORDER BY 1, 2".into(),
        "SELECT json_extract_scalar(message, '$.level') AS l, count(*) AS n FROM logs GROUP BY l ORDER BY l".into(),
        format!("SELECT log_stream, max(message) AS m FROM logs WHERE timestamp BETWEEN {range} AND log_group = 'web' GROUP BY 1 ORDER BY 1"),
        "SELECT message || '!' AS m FROM logs WHERE message LIKE '%needle%' ORDER BY timestamp".into(),
        "SELECT log_stream, percentile_cont(0.5) WITHIN GROUP (ORDER BY CAST(sequence AS DOUBLE)) AS p FROM logs GROUP BY 1 ORDER BY 1".into(),
        "SELECT username, string_agg(replace(name, 'Thing', 'X'), ',' ORDER BY time) AS s FROM events GROUP BY 1 ORDER BY 1".into(),
        "SELECT username, n FROM (SELECT username, count(*) AS n FROM events GROUP BY 1) WHERE n > 10 ORDER BY username DESC LIMIT 3".into(),
    ];
    for (at, statement) in statements.iter().enumerate() {
        let here = fixture.rows(statement).await;
        assert!(!here.is_empty(), "{statement}");
        assert_eq!(rows(&sql, statement).await, here, "{statement}");
        assert_eq!(machines.runs.load(Ordering::Relaxed), at + 1, "{statement}: {}", place(&sql, statement).await);
    }
}

#[tokio::test]
async fn explain_says_where_a_statement_runs_and_why() {
    let fixture = Fixture::new().await;
    fixture.store.flush().await.unwrap();
    let (sql, machines) = others(&fixture, 0, 0);
    for (statement, part) in [
        ("SELECT count(*) FROM events", "elsewhere: it reads about "),
        ("SELECT max(record) AS refused FROM events", "here: nobody wants it"),
        ("SELECT time, name FROM events ORDER BY time DESC LIMIT 5", "here: rows of one end of time"),
        ("SELECT name FROM events ORDER BY name LIMIT 5", "elsewhere: "),
        ("SELECT name FROM events WHERE name = 'PutThing' LIMIT 5", "here: it ends when it has enough rows"),
        ("SELECT * FROM events", "here: its answer is all that it reads"),
        ("SELECT count(*) FROM metrics", "here: only events and logs"),
        ("SELECT count(*) FROM alarm_history", "here: "),
        ("SELECT actor, count(*) FROM events GROUP BY actor", "here: the columns actor and session"),
        ("SELECT count(*) FROM events a JOIN events b ON a.name = b.name", "here: it reads several tables"),
        ("SELECT 1", "here: it reads no table of records"),
        ("SELECT count(*) FROM events WHERE time < '1999-01-01'", "here: it reads about 0 stored bytes"),
    ] {
        let line = place(&sql, statement).await;
        assert!(line.starts_with(part), "{statement}: {line}");
    }
    let analyzed = rows(&sql, "EXPLAIN ANALYZE SELECT count(*) FROM events").await;
    let line = analyzed.iter().find(|row| row["plan_type"] == "runs").unwrap()["plan"].as_str().unwrap();
    assert!(line.ends_with("EXPLAIN ANALYZE runs it here"), "{line}");
    assert_eq!(machines.runs.load(Ordering::Relaxed), 0);
    let (narrow, _) = others(&fixture, 0, 1 << 40);
    let line = place(&narrow, "SELECT count(*) FROM events").await;
    assert!(line.starts_with("here: it reads about ") && line.ends_with("less than 1099511627776"), "{line}");
    assert!(
        !fixture.explain("EXPLAIN", "SELECT count(*) FROM events").await.contains("here:"),
        "there is no elsewhere"
    );
}

#[tokio::test]
async fn what_fails_elsewhere_is_tried_again_and_then_run_here() {
    let fixture = Fixture::new().await;
    let statement = "SELECT name, count(*) AS n FROM events GROUP BY name ORDER BY name";
    let here = fixture.rows(statement).await;
    for (failures, runs) in [(1, 2), (9, 2)] {
        let (sql, machines) = others(&fixture, failures, 0);
        assert_eq!(rows(&sql, statement).await, here);
        assert_eq!(machines.runs.load(Ordering::Relaxed), runs, "{failures} failures");
    }
    // A fault of the statement is told in its own words.
    let (sql, _) = others(&fixture, 0, 0);
    let wrong = "SELECT sum(1 / (CASE WHEN name = 'x' THEN 1 ELSE 0 END)) FROM events";
    let error = sql.query(wrong, Format::JsonLines, None).await.unwrap_err();
    assert_eq!(error.to_string(), fixture.sql.query(wrong, Format::JsonLines, None).await.unwrap_err().to_string());
}

#[tokio::test]
async fn what_is_no_scan_does_not_arrive() {
    let none: [Arc<dyn ExecutionPlan>; 0] = [];
    assert!(TravelExec::from_bytes(b"{}", &none).is_err());
    let empty: Arc<dyn ExecutionPlan> = Arc::new(datafusion::physical_plan::empty::EmptyExec::new(Arc::new(
        datafusion::arrow::datatypes::Schema::empty(),
    )));
    for wrong in ["", "{}", r#"{"table":"Metrics"}"#] {
        assert!(TravelExec::from_bytes(wrong.as_bytes(), std::slice::from_ref(&empty)).is_err(), "{wrong}");
    }
}

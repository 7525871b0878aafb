//! Plans that are written as bytes, read and written again as a scheduler does it, and read and run as an executor does it, answer what they
//! answer where they were made.
#![cfg(feature = "cluster")]

use datafusion::common::Result;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::{ExecutionPlan, displayable, execute_stream};
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion_proto::physical_plan::AsExecutionPlan;
use datafusion_proto::protobuf::PhysicalPlanNode;
use distributed::Codec;
use futures::future::{BoxFuture, FutureExt};
use model::clock::ManualClock;
use model::{Batch, Event, GroupId, LogEvent, StreamId, TimeRange, Timestamp};
use query::sql::{
    AlarmHistoryRow, Elsewhere, Format, LogGroupName, ResourceError, Resources, Sql, SqlOptions, Wide, arrivals,
};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use store::{Options, SegmentReader, Store};

const T0: i64 = 1_790_000_000_000;

/// A scheduler and an executor, without the way between them.
#[derive(Debug)]
struct Others {
    scheduler: Codec,
    executor: Codec,
    /// The last plan that arrived.
    arrived: Mutex<String>,
}

fn session() -> SessionContext {
    SessionContext::new_with_state(arrivals(SessionConfig::new()))
}

/// The plan, written by one codec and read by another.
fn passed(plan: Arc<dyn ExecutionPlan>, from: &Codec, to: &Codec) -> Result<Arc<dyn ExecutionPlan>> {
    let mut written = Vec::new();
    PhysicalPlanNode::try_from_physical_plan(plan, from)?.try_encode(&mut written)?;
    PhysicalPlanNode::try_decode(&written)?.try_into_physical_plan(&session().task_ctx(), to)
}

impl Elsewhere for Others {
    fn refusal(&self, _: &Arc<dyn ExecutionPlan>) -> Option<String> {
        None
    }

    fn run(&self, plan: Arc<dyn ExecutionPlan>) -> BoxFuture<'_, Result<SendableRecordBatchStream>> {
        async move {
            let plan = passed(plan, &Codec::default(), &self.scheduler)?;
            let plan = passed(plan, &self.scheduler, &self.executor)?;
            *self.arrived.lock().unwrap() = displayable(plan.as_ref()).indent(false).to_string();
            execute_stream(plan, session().task_ctx())
        }
        .boxed()
    }
}

#[derive(Debug)]
struct Names;

impl Resources for Names {
    fn log_groups(&self) -> BoxFuture<'_, std::result::Result<Vec<LogGroupName>, ResourceError>> {
        let (account, region) = ("111122223333".into(), "us-east-1".into());
        async move { Ok(vec![LogGroupName { id: GroupId(1), account, region, name: "web".into() }]) }.boxed()
    }

    fn log_streams(
        &self,
        _: Vec<GroupId>,
    ) -> BoxFuture<'_, std::result::Result<Vec<(StreamId, String)>, ResourceError>> {
        async move { Ok(vec![(StreamId(10), "one".into()), (StreamId(11), "two".into())]) }.boxed()
    }

    fn alarm_history(
        &self,
        _: TimeRange,
        _: usize,
    ) -> BoxFuture<'_, std::result::Result<Vec<AlarmHistoryRow>, ResourceError>> {
        async move { Ok(Vec::new()) }.boxed()
    }
}

fn batch(from: i64) -> Batch {
    let log = |n: i64| LogEvent {
        group: GroupId(1),
        stream: StreamId(10 + n as u64 % 2),
        timestamp: Timestamp(T0 + n * 1_000),
        ingestion_time: Timestamp(T0 + n * 1_000),
        message: format!("{{\"level\":\"{}\",\"n\":{n}}}", if n % 3 == 0 { "error" } else { "info" }),
    };
    let event = |n: i64| Event {
        event_id: format!("event-{n}"),
        account: "111122223333".into(),
        region: "us-east-1".into(),
        time: Timestamp(T0 + n * 60_000),
        ingestion_time: Timestamp(T0 + n * 60_000),
        name: if n % 3 == 0 { "PutThing" } else { "GetThing" }.into(),
        source: "things.amazonaws.com".into(),
        category: "Management".into(),
        username: format!("user{}", n % 5),
        read_only: Some(n % 3 != 0),
        record: format!("{{\"eventName\":\"x\",\"n\":{n}}}"),
        ..Event::default()
    };
    Batch {
        logs: (from..from + 300).map(log).collect(),
        events: (from..from + 300).map(event).collect(),
        ..Batch::default()
    }
}

#[tokio::test]
async fn plans_answer_the_same_after_their_way() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { dir: dir.path().to_owned(), row_group_rows: 100, ..Options::default() };
    let store = Store::open(options, Arc::new(ManualClock::at(Timestamp(T0)))).await.unwrap();
    for from in [0, 300, 600] {
        store.append(batch(from)).await.unwrap();
        store.flush().await.unwrap();
    }
    let here = Sql::new(store.clone(), Arc::new(Names), SqlOptions::default()).unwrap();
    let reader = Arc::new(SegmentReader::of_folder(dir.path()).unwrap());
    let others = Arc::new(Others {
        scheduler: Codec::default(),
        executor: Codec::of_executor(reader),
        arrived: Mutex::default(),
    });
    let elsewhere: Arc<dyn Elsewhere> = Arc::clone(&others) as Arc<dyn Elsewhere>;
    let wide = Wide { elsewhere, bytes_min: 0, partitions: 4, pause: Duration::ZERO };
    let there = Sql::new(store, Arc::new(Names), SqlOptions::default()).unwrap().with_wide(Some(wide));
    for statement in [
        "SELECT count(*) AS n FROM events",
        "SELECT name, username, count(*) AS n FROM events GROUP BY 1, 2 ORDER BY 1, 2",
        "SELECT name, date_trunc('hour', time) AS h, count(*) AS n FROM events GROUP BY 1, 2 ORDER BY 1, 2",
        "SELECT json_extract_scalar(record, '$.n') AS n FROM events WHERE record LIKE '%17}' ORDER BY 1",
        "SELECT username, string_agg(replace(name, 'Thing', 'X') || '.', ',' ORDER BY time) AS s FROM events GROUP BY 1 ORDER BY 1",
        "SELECT username, array_agg(event_id ORDER BY event_id) AS s FROM events WHERE time < '2026-09-22' GROUP BY 1 ORDER BY 1",
        "SELECT log_stream, percentile_cont(0.5) WITHIN GROUP (ORDER BY CAST(sequence AS DOUBLE)) AS p FROM logs GROUP BY 1 ORDER BY 1",
        "SELECT json_extract_scalar(message, '$.level') AS l, log_group, count(*) AS n FROM logs GROUP BY 1, 2 ORDER BY 1",
        "SELECT regexp_replace(message, '[0-9]+', '#') AS m, count(*) AS n FROM logs WHERE log_stream = 'two' GROUP BY 1 ORDER BY 1",
        "SELECT n, rank() OVER (ORDER BY n DESC, username) AS r FROM (SELECT username, count(*) AS n FROM events GROUP BY 1) ORDER BY r",
        "SELECT DISTINCT upper(name) AS u, CASE WHEN read_only THEN 'r' ELSE 'w' END AS c FROM events ORDER BY 1",
    ] {
        let answer = async |sql: &Sql| {
            let answer = sql.query(statement, Format::JsonLines, None).await;
            String::from_utf8(answer.unwrap_or_else(|error| panic!("{statement}: {error}"))).unwrap()
        };
        others.arrived.lock().unwrap().clear();
        let (wanted, found) = (answer(&here).await, answer(&there).await);
        assert!(!wanted.is_empty(), "{statement}");
        assert_eq!(found, wanted, "{statement}");
        let arrived = others.arrived.lock().unwrap().clone();
        assert!(arrived.contains("ScanExec"), "{statement} was answered here; what arrived: {arrived}");
    }
}

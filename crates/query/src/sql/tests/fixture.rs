//! A store with known records: two segments of logs and events and some more in memory; three series; two lines of history.

use super::super::{AlarmHistoryRow, Format, LogGroupName, ResourceError, Resources, Sql, SqlOptions};
use futures::future::{BoxFuture, FutureExt};
use model::clock::ManualClock;
use model::{Batch, Datapoint, Event, EventResource, GroupId, LogEvent, Observation, SeriesKey, StreamId};
use model::{TimeRange, Timestamp};
use serde_json::Value;
use std::sync::Arc;
use store::{Options, Store};

pub const T0: i64 = 1_790_000_000_000;
pub const HOUR: i64 = 3_600_000;
pub const MINUTE: i64 = 60_000;
pub const ALARM_AT: i64 = T0 + 20 * HOUR;

pub struct Fixture {
    pub store: Store,
    pub sql: Sql,
    pub logs: Vec<LogEvent>,
    pub events: Vec<Event>,
    pub points: Vec<Datapoint>,
    dir: tempfile::TempDir,
}

impl Fixture {
    pub async fn new() -> Self {
        Self::with(SqlOptions::default()).await
    }

    pub async fn with(options: SqlOptions) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(Timestamp(T0 + 100 * HOUR)));
        let store_options = Options { dir: dir.path().to_owned(), row_group_rows: 100, ..Options::default() };
        let store = Store::open(store_options, clock).await.unwrap();
        let (logs, events, points) = (logs(), events(), points());
        // Thirds: two are flushed, one stays in memory.
        for third in 0..3 {
            let batch =
                Batch { logs: share(&logs, third), events: share(&events, third), datapoints: share(&points, third) };
            store.append(batch).await.unwrap();
            if third < 2 {
                store.flush().await.unwrap();
            }
        }
        let sql = Sql::new(store.clone(), Arc::new(Names), options).unwrap();
        Self { store, sql, logs, events, points, dir }
    }

    /// The rows of an answer.
    pub async fn rows(&self, statement: &str) -> Vec<Value> {
        let answer = self.sql.query(statement, Format::JsonLines, None).await;
        let answer = answer.unwrap_or_else(|error| panic!("{statement}: {error}"));
        let text = String::from_utf8(answer).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The folder of segments.
    pub fn objects(&self) -> std::path::PathBuf {
        self.dir.path().join("objects")
    }

    /// The text of a plan.
    pub async fn explain(&self, how: &str, statement: &str) -> String {
        let rows = self.rows(&format!("{how} {statement}")).await;
        rows.iter().map(|row| row["plan"].as_str().unwrap()).collect()
    }
}

fn share<T: Clone>(all: &[T], third: usize) -> Vec<T> {
    let size = all.len() / 3;
    let end = if third == 2 { all.len() } else { (third + 1) * size };
    all[third * size..end].to_vec()
}

/// Two groups of two streams, one line each minute; each 500th has a needle.
fn logs() -> Vec<LogEvent> {
    let line = |n: i64| {
        let (group, stream) = (1 + n as u64 % 2, n as u64 / 2 % 2);
        let level = if n % 7 == 0 { "error" } else { "info" };
        let needle = if n % 500 == 499 { "needle" } else { "hay" };
        LogEvent {
            group: GroupId(group),
            stream: StreamId(group * 10 + stream),
            timestamp: Timestamp(T0 + n * MINUTE),
            ingestion_time: Timestamp(T0 + n * MINUTE + 5),
            message: format!("{{\"level\":\"{level}\",\"n\":{n},\"text\":\"{needle}\"}}"),
        }
    };
    (0..3000).map(line).collect()
}

/// One event every four minutes, one of three of which writes.
fn events() -> Vec<Event> {
    let event = |n: i64| Event {
        event_id: format!("event-{n}"),
        account: "111122223333".into(),
        region: "us-east-1".into(),
        time: Timestamp(T0 + n * 4 * MINUTE),
        ingestion_time: Timestamp(T0 + n * 4 * MINUTE),
        name: if n % 3 == 0 { "PutThing" } else { "GetThing" }.into(),
        source: "things.amazonaws.com".into(),
        category: "Management".into(),
        username: format!("user{}", n % 5),
        access_key_id: format!("KEY{}", n / 50),
        read_only: Some(n % 3 != 0),
        resources: vec![EventResource { resource_type: "AWS::Thing".into(), name: format!("thing-{}", n % 4) }],
        record: format!("{{\"eventName\":\"x\",\"n\":{n}}}"),
        ..Event::default()
    };
    (0..900).map(event).collect()
}

/// Three series, a point each ten minutes; each tenth of one is a statistic set.
fn points() -> Vec<Datapoint> {
    let key = |name: &str, host: &str, unit: &str| {
        Arc::new(SeriesKey {
            account: "111122223333".into(),
            region: "us-east-1".into(),
            namespace: "Shop".into(),
            name: name.into(),
            dimensions: vec![("host".into(), host.into())],
            unit: unit.into(),
        })
    };
    let series =
        [key("Latency", "a", "Milliseconds"), key("Latency", "b", "Milliseconds"), key("Orders", "a", "Count")];
    let point = |n: i64| Datapoint {
        series: Arc::clone(&series[n as usize % 3]),
        timestamp: Timestamp(T0 + n / 3 * 10 * MINUTE),
        resolution_secs: 60,
        observation: if n % 10 == 0 {
            Observation::Set { count: 2.0, sum: n as f64, min: 0.5, max: n as f64 }
        } else {
            Observation::value(n as f64 / 4.0)
        },
    };
    (0..900).map(point).collect()
}

#[derive(Debug)]
pub struct Names;

impl Resources for Names {
    fn log_groups(&self) -> BoxFuture<'_, Result<Vec<LogGroupName>, ResourceError>> {
        let group = |id, name: &str, region: &str| LogGroupName {
            id: GroupId(id),
            account: "111122223333".into(),
            region: region.into(),
            name: name.into(),
        };
        async move { Ok(vec![group(1, "app", "us-east-1"), group(2, "web", "eu-west-1")]) }.boxed()
    }

    fn log_streams(&self, groups: Vec<GroupId>) -> BoxFuture<'_, Result<Vec<(StreamId, String)>, ResourceError>> {
        let streams = |group: GroupId| {
            let name = if group.0 == 1 { "app" } else { "web" };
            (0..2).map(move |n| (StreamId(group.0 * 10 + n), format!("{name}-{n}")))
        };
        async move { Ok(groups.into_iter().flat_map(streams).collect()) }.boxed()
    }

    fn alarm_history(
        &self,
        range: TimeRange,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<AlarmHistoryRow>, ResourceError>> {
        let row = |sequence, at, item_type: &str, data: &str| AlarmHistoryRow {
            sequence,
            account: "111122223333".into(),
            region: "us-east-1".into(),
            alarm_name: "slow".into(),
            item_type: item_type.into(),
            timestamp: Timestamp(at),
            summary: "what happened".into(),
            data: data.into(),
        };
        let state = r#"{"newState":{"stateValue":"ALARM"}}"#;
        let rows = [row(1, T0, "ConfigurationUpdate", "{}"), row(2, ALARM_AT, "StateUpdate", state)];
        async move { Ok(rows.into_iter().filter(|row| range.contains(row.timestamp)).take(limit).collect()) }.boxed()
    }
}

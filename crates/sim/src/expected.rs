//! `Expected`: what must be stored after what was answered, compared with what scans say.

use crate::reads;
use model::{
    Batch, Datapoint, Event, EventResource, GroupId, LogEvent, Observation, SeriesKey, StreamId, TimeRange, Timestamp,
};
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;
use store::{Direction, EventScan, LogScan, SeriesFilter, Store};

/// Log groups that batches write to.
pub(crate) const GROUPS: std::ops::Range<u64> = 1..4;

/// One batch as the texts of its records, each unlike any other.
pub(crate) type Records = BTreeSet<String>;

/// What must, and what may, be stored.
#[derive(Debug, Default)]
pub(crate) struct Expected {
    certain: Records,
    /// Batches whose append failed so that their outcome is unknown until the next open.
    unknown: Vec<Records>,
    /// Records that are there or not: they came with a time whose like had expired.
    maybe_expired: Records,
    /// A reset failed: all that was there before may be gone, as a whole.
    maybe_reset: bool,
}

impl Expected {
    /// The batch was acknowledged.
    pub(crate) fn acknowledged(&mut self, batch: Records) {
        self.certain.extend(batch);
    }

    /// The batch is there as a whole or not at all.
    pub(crate) fn unknown(&mut self, batch: Records) {
        self.unknown.push(batch);
    }

    /// Everything was removed.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }

    /// Everything may have been removed.
    pub(crate) fn maybe_reset(&mut self) {
        self.maybe_reset = true;
    }

    /// These records have expired; they must not be seen again.
    pub(crate) fn expire(&mut self, gone: impl Fn(&str) -> bool) {
        self.certain.retain(|record| !gone(record));
        self.maybe_expired.retain(|record| !gone(record));
    }

    /// The expiry of these records failed; they are there or not.
    pub(crate) fn maybe_expire(&mut self, gone: impl Fn(&str) -> bool) {
        let gone: Vec<String> = self.certain.iter().filter(|record| gone(record)).cloned().collect();
        self.maybe_expired(gone.into_iter());
    }

    /// These records may be hidden from the start.
    pub(crate) fn maybe_expired(&mut self, records: impl Iterator<Item = String>) {
        for record in records {
            self.certain.remove(&record);
            self.maybe_expired.insert(record);
        }
    }

    /// The batch is there as a whole or not at all, for a test damaged it.
    pub(crate) fn lost(&mut self, batch: &Records) {
        self.certain.retain(|record| !batch.contains(record));
        self.unknown.push(batch.clone());
    }

    /// Number of records that must be there.
    pub(crate) fn len(&self) -> usize {
        self.certain.len()
    }

    /// Compares with all that the store has; afterwards nothing is unknown. Panics, with `case`, where they differ.
    pub(crate) async fn verify(&mut self, store: &Store, case: &str) {
        let seen = scan(store, case).await;
        self.verify_seen(&seen, case);
    }

    /// The same for what was seen.
    pub(crate) fn verify_seen(&mut self, seen: &Records, case: &str) {
        if std::mem::take(&mut self.maybe_reset) && seen.is_empty() {
            self.reset();
        }
        for batch in std::mem::take(&mut self.unknown) {
            let there = batch.iter().filter(|record| seen.contains(*record)).count();
            assert!([0, batch.len()].contains(&there), "{case}: a batch is there in part: {batch:?}");
            if there > 0 {
                self.certain.extend(batch);
            }
        }
        self.compare(seen, case);
    }

    /// The same for a store that was not opened anew: what is unknown is not seen.
    pub(crate) async fn verify_live(&self, store: &Store, case: &str) {
        self.compare(&scan(store, case).await, case);
    }

    fn compare(&self, seen: &Records, case: &str) {
        let lost: Vec<_> = self.certain.difference(seen).collect();
        let all = self.certain.len();
        assert!(lost.is_empty(), "{case}: {} of {all} acknowledged records are gone: {lost:?}", lost.len());
        let may_be = |record: &&String| !self.certain.contains(*record) && !self.maybe_expired.contains(*record);
        let invented: Vec<_> = seen.iter().filter(may_be).collect();
        assert!(invented.is_empty(), "{case}: there are records that should not be there: {invented:?}");
    }
}

/// Everything stored, by all scans; panics when a record is there twice or out of order.
pub(crate) async fn scan(store: &Store, case: &str) -> Records {
    try_scan(store, case).await.unwrap_or_else(|error| panic!("{case}: scan: {error}"))
}

/// The same; an error of a scan is answered.
pub(crate) async fn try_scan(store: &Store, case: &str) -> store::Result<Records> {
    let mut seen = Records::new();
    let mut add = |record: String| assert!(seen.insert(record.clone()), "{case}: {record} is there twice");
    for group in GROUPS {
        logs(store, group, case).await?.into_iter().for_each(&mut add);
    }
    events(store, case).await?.into_iter().for_each(&mut add);
    points(store).await?.into_iter().for_each(&mut add);
    reads::agree(store, case).await?;
    Ok(seen)
}

/// The log events of a group; both directions say the same.
pub(crate) async fn logs(store: &Store, group: u64, case: &str) -> store::Result<Vec<String>> {
    let mut both = Vec::new();
    for direction in [Direction::Forward, Direction::Backward] {
        let mut rows = Vec::new();
        let mut positions = Vec::new();
        let scan = LogScan { group: GroupId(group), streams: None, range: TimeRange::ALL, direction, after: None };
        let mut visit = |row: store::LogRow<'_>| {
            positions.push((row.timestamp, row.sequence));
            rows.push(log_text(group, row.stream, row.timestamp, row.ingestion_time, row.message));
            ControlFlow::Continue(())
        };
        store.scan_logs(scan, &mut visit).await?;
        if direction == Direction::Backward {
            rows.reverse();
            positions.reverse();
        }
        assert!(positions.is_sorted_by(|a, b| a < b), "{case}: log events of group {group} are out of order");
        both.push(rows);
    }
    let backward = both.pop().unwrap_or_default();
    let forward = both.pop().unwrap_or_default();
    assert_eq!(forward, backward, "{case}: the directions differ");
    Ok(forward)
}

async fn events(store: &Store, case: &str) -> store::Result<Vec<String>> {
    let mut rows = Vec::new();
    let mut positions = Vec::new();
    let (range, direction) = (TimeRange::ALL, Direction::Forward);
    let scan = EventScan { account: None, region: None, range, direction, after: None, filter: None };
    let mut visit = |row: &store::EventRow| {
        positions.push((row.event.time, row.sequence));
        rows.push(event_text(&row.event));
        ControlFlow::Continue(())
    };
    store.scan_events(scan, &mut visit).await?;
    assert!(positions.is_sorted_by(|a, b| a < b), "{case}: events are out of order");
    Ok(rows)
}

async fn points(store: &Store) -> store::Result<Vec<String>> {
    let filter = SeriesFilter { account: "1".into(), region: "r".into(), ..SeriesFilter::default() };
    let series = store.list_series(&filter);
    let points = store.scan_series(&series, TimeRange::ALL).await?;
    let mut rows = Vec::new();
    for (series, points) in series.iter().zip(points) {
        rows.extend(points.iter().map(|point| point_text(series, point.timestamp, &point.observation)));
    }
    Ok(rows)
}

/// Batch `number` of a run, of records whose times begin at `time`.
pub(crate) fn batch(number: u64, time: Timestamp, logs: u64, points: u64, events: u64) -> Batch {
    let log = |n: u64| LogEvent {
        group: GroupId(GROUPS.start + (number + n) % 3),
        stream: StreamId(10 + n % 2),
        timestamp: time + (n as i64 * 7) % 5,
        ingestion_time: time + 9,
        message: message(number, n),
    };
    let point = |n: u64| Datapoint {
        series: Arc::new(SeriesKey {
            account: "1".into(),
            region: "r".into(),
            namespace: "N".into(),
            name: format!("m{}", n % 2),
            dimensions: vec![("d".into(), (number % 3).to_string())],
            unit: "None".into(),
        }),
        timestamp: time.floor_to(1_000) + n as i64 * 1_000,
        resolution_secs: 60,
        observation: Observation::value((number * 100 + n) as f64 + 0.5),
    };
    let event = |n: u64| event(number, n, time);
    Batch {
        logs: (0..logs).map(log).collect(),
        datapoints: (0..points).map(point).collect(),
        events: (0..events).map(event).collect(),
    }
}

/// Half of the messages are JSON, and all have an identifier that token filters know.
fn message(number: u64, n: u64) -> String {
    let (id, padding) = (number * 100 + n, "x".repeat((number % 7 * 20) as usize));
    match number % 2 {
        0 => format!("{{\"id\":\"id-{id:016x}\",\"level\":\"level{}\",\"padding\":\"{padding}\"}}", n % 3),
        _ => format!("id-{id:016x} level{} {padding}", n % 3),
    }
}

/// An audit event as CloudTrail writes them, or, one in five, with a record that is no JSON.
fn event(number: u64, n: u64, time: Timestamp) -> Event {
    let event_id = format!("{number:08x}-9d3a-4c8e-a2d3-{n:012x}");
    let (time, name, user) = (time + n as i64, format!("Call{}", n % 2), format!("user{}", number % 3));
    let (key, bucket) = (format!("AKIA{}", n % 3), format!("arn:aws:s3:::bucket{}", number % 4));
    let record = match number % 5 {
        0 => format!("no JSON, but {event_id}"),
        _ => format!(
            "{{\"eventVersion\":\"1.08\",\"userIdentity\":{{\"type\":\"IAMUser\",\"accessKeyId\":\"{key}\",\"userName\":\"{user}\"}},\
             \"eventTime\":\"{}\",\"eventName\":\"{name}\",\"requestParameters\":{{\"number\":{number}}},\
             \"eventID\":\"{event_id}\",\"managementEvent\":true}}",
            time.iso_seconds()
        ),
    };
    Event {
        event_id,
        account: "1".into(),
        region: "r".into(),
        time,
        ingestion_time: time + 9,
        name,
        username: user,
        access_key_id: key,
        resources: vec![EventResource { resource_type: "AWS::S3::Bucket".into(), name: bucket }],
        record,
        ..Event::default()
    }
}

/// The texts of a batch's records.
pub(crate) fn texts(batch: &Batch) -> Records {
    let log = |log: &LogEvent| log_text(log.group.0, log.stream, log.timestamp, log.ingestion_time, &log.message);
    let point = |point: &Datapoint| point_text(&point.series, point.timestamp, &point.observation);
    let logs = batch.logs.iter().map(log);
    logs.chain(batch.datapoints.iter().map(point)).chain(batch.events.iter().map(event_text)).collect()
}

/// The time of a record, which every text names first.
pub(crate) fn time_of(text: &str) -> Timestamp {
    let time = text.split(' ').next().and_then(|time| time.parse().ok());
    Timestamp(time.expect("a text begins with a time"))
}

fn log_text(group: u64, stream: StreamId, time: Timestamp, ingested: Timestamp, message: &str) -> String {
    format!("{} log {group} {} {} {message}", time.0, stream.0, ingested.0)
}

fn event_text(event: &Event) -> String {
    format!("{} event {} {} {} {}", event.time.0, event.event_id, event.ingestion_time.0, event.name, event.record)
}

fn point_text(series: &SeriesKey, time: Timestamp, observation: &Observation) -> String {
    format!("{} point {} {:?} {observation:?}", time.0, series.name, series.dimensions)
}

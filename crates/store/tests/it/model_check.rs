//! Random appends, flushes, crashes and reopens; after each, every scan must say what a plain list says.

use crate::fixture::*;
use model::{Batch, Observation, SeriesKey, TimeRange, Timestamp};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use store::{Direction, EventRow, Options, Retention, SeriesPoint, Store};

/// The vocabulary of the check.
#[derive(Debug, Clone)]
enum Action {
    /// `count` log events of a group and stream, times around `time`, some points, some audit events.
    Append {
        group: u64,
        stream: u64,
        time: i64,
        logs: usize,
        points: usize,
        events: usize,
    },
    Flush,
    Maintain,
    /// Drop the store without closing it; the journal's last file gets `garbage` behind what was synced.
    Crash {
        garbage: Vec<u8>,
    },
    Close,
}

fn action() -> impl Strategy<Value = Action> {
    let append = (1u64..4, 0u64..4, -50i64..50, 0usize..40, 0usize..6, 0usize..6).prop_map(
        |(group, stream, time, logs, points, events)| Action::Append { group, stream, time, logs, points, events },
    );
    prop_oneof![
        12 => append,
        4 => Just(Action::Flush),
        1 => Just(Action::Maintain),
        2 => prop::collection::vec(any::<u8>(), 0..60).prop_map(|garbage| Action::Crash { garbage }),
        1 => Just(Action::Close),
    ]
}

/// What must be stored.
#[derive(Default)]
struct Model {
    lines: BTreeMap<u64, Vec<Line>>,
    points: BTreeMap<SeriesKey, Vec<String>>,
    events: Vec<EventRow>,
    next_log: u64,
    next_event: u64,
}

impl Model {
    /// A batch that depends on nothing but the action and what came before.
    fn batch(&self, action: &Action) -> Batch {
        let &Action::Append { group, stream, time, logs, points, events } = action else { return Batch::default() };
        let text = |n: usize| format!("{group}/{stream} line {} é{}", self.next_log + n as u64, "x".repeat(n * 3));
        let log = |n: usize| log(group, group * 10 + stream, time + (n as i64 * 7) % 11, &text(n));
        let observation = |n: usize| match n % 3 {
            0 => Observation::value(time as f64 / 3.0),
            1 => Observation::Values(vec![(-0.0, 1.0), (1e-300, time as f64), (f64::MAX, 0.5)].into()),
            _ => Observation::Set { count: 3.0, sum: 0.1 + 0.2, min: -1.5, max: n as f64 },
        };
        let point = |n: usize| point(&series(["cpu", "mem"][n % 2], stream), time + n as i64, observation(n));
        let event = |n: usize| event(&format!("id-{}", self.next_event + n as u64), time + n as i64);
        Batch {
            logs: (0..logs).map(log).collect(),
            datapoints: (0..points).map(point).collect(),
            events: (0..events).map(event).collect(),
        }
    }

    fn add(&mut self, batch: &Batch, first_log: u64, first_event: u64) {
        assert!(first_log >= self.next_log.max(1) && first_event >= self.next_event.max(1), "sequences never go back");
        for (log, sequence) in batch.logs.iter().zip(first_log..) {
            let lines = self.lines.entry(log.group.0).or_default();
            lines.push(Line {
                stream: log.stream.0,
                timestamp: log.timestamp.0,
                ingestion_time: log.ingestion_time.0,
                sequence,
                message: log.message.clone(),
            });
            lines.sort_by_key(|line| (line.timestamp, line.sequence));
        }
        for datapoint in &batch.datapoints {
            let point = SeriesPoint {
                timestamp: datapoint.timestamp,
                resolution_secs: datapoint.resolution_secs.into(),
                observation: datapoint.observation.clone(),
            };
            let points = self.points.entry(SeriesKey::clone(&datapoint.series)).or_default();
            points.push(exact_point(&point));
            points.sort();
        }
        for (event, sequence) in batch.events.iter().zip(first_event..) {
            self.events.push(EventRow { sequence, event: event.clone() });
        }
        self.events.sort_by_key(|row| (row.event.time, row.sequence));
        self.next_log = first_log + batch.logs.len() as u64;
        self.next_event = first_event + batch.events.len() as u64;
    }

    /// Compares every kind of scan with the lists.
    async fn check(&self, store: &Store) {
        for group in 1..4 {
            let expected = self.lines.get(&group).cloned().unwrap_or_default();
            assert_eq!(lines(store, log_scan(group, Direction::Forward), usize::MAX).await, expected);
            let mut backward = lines(store, log_scan(group, Direction::Backward), usize::MAX).await;
            backward.reverse();
            assert_eq!(backward, expected);
            self.check_part(store, group, &expected).await;
            let stats = store.stream_stats(model::GroupId(group));
            assert_eq!(stats.values().map(|s| s.events).sum::<u64>(), expected.len() as u64);
            let bytes: usize = expected.iter().map(|line| line.message.len() + 26).sum();
            assert_eq!(store.group_bytes(model::GroupId(group)), bytes as u64);
        }
        assert_eq!(events(store, event_scan(Direction::Forward), usize::MAX).await, self.events);
        let mut backward = events(store, event_scan(Direction::Backward), usize::MAX).await;
        backward.reverse();
        assert_eq!(backward, self.events);
        let stored: BTreeMap<_, _> = points(store, TimeRange::ALL).await.into_iter().collect();
        assert_eq!(stored, self.points);
        let asked: Vec<_> = self.events.iter().map(|row| (row.event.time, row.event.event_id.as_str())).collect();
        let known = store.existing_event_ids(&asked).await.unwrap();
        assert_eq!(known.len(), self.events.len());
        assert!(store.existing_event_ids(&[(Timestamp(0), "nobody")]).await.unwrap().is_empty());
        let checked = store.verify_event_tree().await.unwrap();
        assert_eq!((checked.tree.size, checked.from), (self.events.len() as u64, 0));
    }

    /// One stream, a part of time, and a resumption in the middle.
    async fn check_part(&self, store: &Store, group: u64, all: &[Line]) {
        let range = TimeRange::new(Timestamp(-20), Timestamp(20));
        let streams = Some(vec![model::StreamId(group * 10 + 1), model::StreamId(group * 10 + 2)]);
        let within = |line: &&Line| {
            !line.stream.is_multiple_of(10) && line.stream % 10 != 3 && range.contains(Timestamp(line.timestamp))
        };
        let expected: Vec<Line> = all.iter().filter(within).cloned().collect();
        let scan = store::LogScan { streams, range, ..log_scan(group, Direction::Forward) };
        assert_eq!(lines(store, scan.clone(), usize::MAX).await, expected);
        let Some(middle) = expected.get(expected.len() / 2) else { return };
        let rest = store::LogScan { after: Some(after(middle)), ..scan.clone() };
        assert_eq!(lines(store, rest.clone(), usize::MAX).await, expected[expected.len() / 2 + 1..]);
        let back = store::LogScan { direction: Direction::Backward, ..rest };
        let mut before = lines(store, back, usize::MAX).await;
        before.reverse();
        assert_eq!(before, expected[..expected.len() / 2]);
    }
}

/// Appends; when the small memtables of this check are full, flushes first. Nothing else may go wrong.
async fn append(store: &Store, batch: &Batch) -> store::Appended {
    match store.append(batch.clone()).await {
        Err(store::Error::Throttled { .. }) => {
            store.flush().await.unwrap();
            store.append(batch.clone()).await.expect("a flush makes room")
        }
        appended => appended.expect("an append fails only when it is throttled"),
    }
}

async fn run(actions: Vec<Action>) {
    let dir = tempfile::tempdir().unwrap();
    let disk = Arc::new(FaultyDisk::default());
    let open = || {
        let disk: Arc<dyn store::Disk> = Arc::clone(&disk) as _;
        Store::open(Options { disk, memtable_bytes_max: 24 * 1024, ..options(dir.path()) }, clock())
    };
    let mut store = open().await.unwrap();
    let mut model = Model::default();
    for action in actions {
        match &action {
            Action::Append { .. } => {
                let batch = model.batch(&action);
                let appended = append(&store, &batch).await;
                model.add(&batch, appended.first_log_sequence, appended.first_event_sequence);
                continue;
            }
            Action::Flush => store.flush().await.unwrap(),
            Action::Maintain => store.maintain(&Retention::default()).await.unwrap(),
            Action::Crash { garbage } => {
                drop(store);
                disk.lose_power(0.5);
                let last =
                    std::fs::read_dir(dir.path().join("journal")).unwrap().map(|f| f.unwrap().path()).max().unwrap();
                let mut bytes = std::fs::read(&last).unwrap();
                bytes.extend_from_slice(garbage);
                std::fs::write(&last, bytes).unwrap();
                store = open().await.unwrap();
            }
            Action::Close => {
                store.close().await.unwrap();
                store = open().await.unwrap();
            }
        }
        model.check(&store).await;
    }
    model.check(&store).await;
    drop(store);
    model.check(&open().await.unwrap()).await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_store_is_a_list(actions in prop::collection::vec(action(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
        runtime.block_on(run(actions));
    }
}

//! Queries of Logs Insights over a real store: by columns and by texts, in memory and in segments, from either end of time.

use model::clock::ManualClock;
use model::{Batch, GroupId, LogEvent, StreamId, TimeRange, Timestamp};
use query::insights::scan::{Pointer, Progress, Target, run};
use query::insights::{Answer, Context, Language, Plan, parse_in};
use std::collections::BTreeMap;
use std::sync::Arc;
use store::{Options, Store};
use tempfile::TempDir;

const NOW: i64 = 1_772_323_200_000;
const LINES: i64 = 30_000;

/// Two groups: JSON with a status of few values, and plain text. Most of it is in segments, the newest in memory.
async fn filled() -> (TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { dir: dir.path().to_owned(), row_group_rows: 4096, ..Options::default() };
    let store = Store::open(options, Arc::new(ManualClock::at(Timestamp(NOW)))).await.unwrap();
    for part in 0..3 {
        let lines = part * LINES / 3..(part + 1) * LINES / 3;
        let logs = lines.flat_map(|n| [event(1, n, json(n)), event(2, n, format!("took {n} ms"))]).collect();
        store.append(Batch { logs, ..Batch::default() }).await.unwrap();
        if part < 2 {
            store.flush().await.unwrap();
        }
    }
    (dir, store)
}

fn event(group: u64, n: i64, message: String) -> LogEvent {
    LogEvent {
        group: GroupId(group),
        stream: StreamId(group * 10 + u64::from(n % 2 == 0)),
        timestamp: Timestamp(NOW - LINES * 10 + n * 10),
        ingestion_time: Timestamp(NOW),
        message,
    }
}

/// Every tenth line is no JSON, so that its text has to be looked at.
fn json(n: i64) -> String {
    match n % 10 {
        9 => format!("line {n} without fields"),
        rest => format!(r#"{{"status":{},"path":"/{}","deep":{{"n":{n}}}}}"#, 200 + rest / 4 * 100, n % 3),
    }
}

fn targets() -> Vec<Target> {
    let target = |group: u64| Target {
        group: GroupId(group),
        log: format!("123456789012:group-{group}"),
        streams: [(StreamId(group * 10), "odd".to_owned()), (StreamId(group * 10 + 1), "even".to_owned())].into(),
        kept_since: Timestamp::MIN,
        stored: (0, 0),
        protection: None,
        transforming: None,
    };
    vec![target(1), target(2)]
}

fn ask_of(store: &Store, text: &str, targets: &[Target], threads: usize) -> Answer {
    let range = TimeRange::new(Timestamp(NOW - LINES * 10), Timestamp(NOW));
    let context = Context {
        now: Timestamp(NOW),
        range,
        limit: 10_000,
        lookups: BTreeMap::new(),
        memory_max: 64 << 20,
        subqueries: Vec::new(),
    };
    let plan = Plan::new(&parse_in(Language::Cwli, text).unwrap(), context).unwrap();
    run(&store.view(), &plan, range, targets, &Progress::default(), threads).unwrap()
}

fn rows(answer: &Answer) -> Vec<String> {
    let row = |row: &Vec<Option<String>>| row.iter().map(|v| v.as_deref().unwrap_or("-")).collect::<Vec<_>>().join(" ");
    answer.rows.iter().map(row).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counts_agree_with_what_was_stored() {
    let (_dir, store) = filled().await;
    tokio::task::spawn_blocking(move || {
        for threads in [1, 2, 5] {
            let ask = |text: &str| rows(&ask_of(&store, text, &targets(), threads));
            let one = |text: &str| rows(&ask_of(&store, text, &targets()[..1], threads));
            assert_eq!(ask("stats count(*)"), [(2 * LINES).to_string()]);
            assert_eq!(one("stats count(*) by status | sort status"), ["200 12000", "300 12000", "400 3000", "- 3000"]);
            assert_eq!(one("filter status = 400 and path = '/2' | stats count(*)"), ["1000"]);
            assert_eq!(one("stats max(deep.n), min(deep.n)"), ["29998 0"]);
            assert_eq!(
                ask("stats count(*) by @log | sort @log"),
                [format!("123456789012:group-1 {LINES}"), format!("123456789012:group-2 {LINES}"),]
            );
            assert_eq!(
                ask("stats count(*) by @logStream | sort @logStream"),
                [format!("even {LINES}"), format!("odd {LINES}"),]
            );
            assert_eq!(ask("filter @message like 'took 12345 ms' | fields @message"), ["took 12345 ms"]);
        }
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_rows_are_those_of_the_whole_answer() {
    let (_dir, store) = filled().await;
    tokio::task::spawn_blocking(move || {
        for order in ["sort @timestamp desc", "sort @timestamp asc"] {
            for filter in ["", "filter status = 400 | ", "filter @message like /7/ | "] {
                let ask = |limit: usize, threads| {
                    let text = format!("fields @timestamp, @message | {filter}{order} | limit {limit}");
                    ask_of(&store, &text, &targets(), threads)
                };
                let whole = ask(9_000, 1);
                for (limit, threads) in [(1, 2), (7, 1), (2_000, 3)] {
                    let first = ask(limit, threads);
                    assert!(first.rows[..] == whole.rows[..first.rows.len()], "{filter}{order} limit {limit}");
                    assert!(first.rows.len() == limit.min(whole.rows.len()));
                    assert_eq!(first.pointers.unwrap()[..], whole.pointers.as_ref().unwrap()[..first.rows.len()]);
                }
            }
        }
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_expired_or_has_no_stream_is_left_out() {
    let (_dir, store) = filled().await;
    tokio::task::spawn_blocking(move || {
        let mut some = targets();
        some[0].kept_since = Timestamp(NOW - 1_000);
        some[1].streams.remove(&StreamId(20));
        let answer = ask_of(&store, "stats count(*) by @log | sort @log", &some, 2);
        assert_eq!(
            rows(&answer),
            ["123456789012:group-1 100".to_owned(), format!("123456789012:group-2 {}", LINES / 2)]
        );
    })
    .await
    .unwrap();
}

#[test]
fn pointers_are_read_back_and_keep_the_order() {
    let pointer = |timestamp, sequence| Pointer { group: GroupId(7), timestamp: Timestamp(timestamp), sequence };
    let one = pointer(NOW, 9);
    assert_eq!(Pointer::decode(&one.encode()), Some(one));
    assert!(one.encode() < pointer(NOW, 10).encode() && pointer(NOW, u64::MAX).encode() < pointer(NOW + 1, 0).encode());
    for bad in ["", "x", &one.encode()[1..], &format!("{}é", &one.encode()[..46])] {
        assert_eq!(Pointer::decode(bad), None);
    }
}

//! Searches of log texts: against a plain filter, by pages, after damage, and when they are stopped.

use crate::fixture::*;
use model::{Classify, ErrorKind, GroupId, StreamId, TimeRange, Timestamp};
use proptest::prelude::*;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;
use store::{
    Direction, Error, LogScan, LogSearch, Options, Position, Retention, SearchEnd, Searched, Store, TextSearch,
};

/// A search for a literal, told to the store and checked on each text.
fn search(scan: LogScan, literal: &str) -> LogSearch {
    let text = literal.to_owned();
    let text = TextSearch::new(&[vec![literal.to_owned()]], move |line| line.contains(&text));
    LogSearch { scan, text, goes_on: Arc::new(|| true) }
}

/// A search for texts that lines must contain, which fields may tell of.
fn search_containing(scan: LogScan, texts: &[&str]) -> LogSearch {
    let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
    LogSearch { scan, text: TextSearch::containing(&texts), goes_on: Arc::new(|| true) }
}

/// At most `limit` lines that a search finds, the last position it passed, and how it ended.
async fn found(store: &Store, search: LogSearch, limit: usize) -> (Vec<Line>, Option<Position>, SearchEnd) {
    let (mut lines, mut last) = (Vec::new(), None);
    let mut visit = |searched: Searched<'_>| {
        if lines.len() == limit {
            return ControlFlow::Break(());
        }
        match searched {
            Searched::Match(row) => {
                last = Some((row.timestamp, row.sequence));
                lines.push(Line {
                    stream: row.stream.0,
                    timestamp: row.timestamp.0,
                    ingestion_time: row.ingestion_time.0,
                    sequence: row.sequence,
                    message: row.message.into(),
                });
            }
            Searched::Passed(passed) => last = Some(passed.position),
        }
        ControlFlow::Continue(())
    };
    let end = store.search_logs(search, &mut visit).await.expect("the search works");
    (lines, last, end)
}

/// Forty lines of one group, half of them flushed, with a needle in one.
async fn store_with_needles(dir: &Path) -> Store {
    let store = open(dir).await;
    for part in 0..6i64 {
        let text =
            |n: i64| if n == 17 { format!("{part} id=needle-7f3a91c2") } else { format!("{part} id=other-{n:08x}") };
        let batch = (0..40).map(|n| log(1, n as u64 % 3, part * 100 + n, &text(n))).collect();
        store.append(logs(batch)).await.unwrap();
        if part < 5 {
            store.flush().await.unwrap();
        }
    }
    store
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn filters_leave_only_the_parts_with_the_needle() {
    let dir = tempfile::tempdir().unwrap();
    let store = store_with_needles(dir.path()).await;
    store.close().await.unwrap();
    for segments in [6, 2] {
        let store = open(dir.path()).await;
        assert_eq!(store.health().segments, segments);
        let (lines, _, end) = found(&store, search(log_scan(1, Direction::Forward), "needle-7f3a91c2"), 100).await;
        assert_eq!((lines.len(), end.is_complete), (6, true));
        // 240 lines are 15 row groups or more.
        assert!(end.parts_searched <= 8 && end.parts_skipped >= 7, "{end:?}");
        let (lines, _, end) = found(&store, search(log_scan(1, Direction::Forward), "-8f3a91c2"), 100).await;
        assert_eq!((lines.len(), end.is_complete), (0, true));
        assert!(end.parts_searched <= 3, "{end:?}");
        for n in 0..3 {
            store.append(logs(vec![log(2, 1, n, "of another group")])).await.unwrap();
            store.flush().await.unwrap();
        }
        store.maintain(&Retention::default()).await.unwrap();
        store.close().await.unwrap();
    }
}

/// JSON lines of few messages, of two groups in one row group now and then, and some lines in memory.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_that_fields_tell_of_are_found_as_others_are() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let text = |n: i64| match n % 7 {
        0 => format!(r#"{{"id":"{n:08x}","msg":"upstream connection refused while the pool was full"}}"#),
        1 => format!(r#"{{"id":"{n:08x}","msg":"the card was refused","by":"bank {}"}}"#, n % 2),
        2 if n % 40 == 2 => format!("not JSON {n}: a connection was refused"),
        _ => format!(r#"{{"id":"{n:08x}","msg":"connection returned to the pool"}}"#),
    };
    for part in 0..3 {
        let line = |n: i64| log(1 + n as u64 % 2, n as u64 % 4, n, &text(n));
        store.append(logs((part * 100..part * 100 + 100).map(line).collect())).await.unwrap();
        if part < 2 {
            store.flush().await.unwrap();
        }
    }
    let all = lines(&store, log_scan(1, Direction::Forward), usize::MAX).await;
    let narrow = TimeRange::new(Timestamp(33), Timestamp(155));
    for (texts, matches) in [
        (&["upstream connection refused"][..], true),
        (&["the card was refused", "bank 1"], false),
        (&["the card was refused", "bank 0"], true),
        (&["the card was refused", "id"], true),
        (&[" connection re"], true),
        (&["refused\""], true),
        (&["the card was full"], false),
    ] {
        for (range, streams) in [(TimeRange::ALL, None), (narrow, None), (TimeRange::ALL, Some(vec![StreamId(2)]))] {
            let expected: Vec<Line> = all
                .iter()
                .filter(|line| texts.iter().all(|text| line.message.contains(text)))
                .filter(|line| range.contains(Timestamp(line.timestamp)))
                .filter(|line| streams.as_ref().is_none_or(|streams| streams.contains(&StreamId(line.stream))))
                .cloned()
                .collect();
            assert_eq!(!expected.is_empty(), matches, "{texts:?} {range:?} {streams:?}");
            for direction in [Direction::Forward, Direction::Backward] {
                let scan = LogScan { range, streams: streams.clone(), ..log_scan(1, direction) };
                let (mut joined, mut after) = (Vec::new(), None);
                loop {
                    let scan = LogScan { after, ..scan.clone() };
                    let (page, last, end) = found(&store, search_containing(scan, texts), 3).await;
                    joined.extend(page);
                    after = last;
                    if end.is_complete {
                        break;
                    }
                }
                if direction == Direction::Backward {
                    joined.reverse();
                }
                assert_eq!(joined, expected, "{texts:?} {range:?} {streams:?} {direction:?}");
                let counted = store.count_logs(search_containing(scan, texts)).await.unwrap();
                assert_eq!(counted, (expected.len() as u64, true), "{texts:?}");
            }
        }
    }
}

/// Parts of which filters leave nothing are not waited for: the few that have a rare text are searched side by side, however many lie between.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parts_with_a_rare_text_are_searched_side_by_side() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(Options { search_threads: 2, ..options(dir.path()) }, clock()).await.unwrap();
    let text = |n: i64| if n % 300 == 150 { "id=needle-7f3a91c2".to_owned() } else { format!("id=other-{n:08x}") };
    store.append(logs((0..600).map(|n| log(1, 1, n, &text(n))).collect())).await.unwrap();
    store.flush().await.unwrap();
    for direction in [Direction::Forward, Direction::Backward] {
        let met = (Mutex::new(0), Condvar::new());
        let matches = move |line: &str| {
            if !line.contains("needle-7f3a91c2") {
                return false;
            }
            // Whoever finds one waits for who finds the other.
            let (found, changed) = &met;
            let mut found = found.lock().unwrap();
            *found += 1;
            changed.notify_all();
            let (found, _) = changed.wait_timeout_while(found, Duration::from_secs(20), |found| *found < 2).unwrap();
            assert_eq!(*found, 2, "one is searched after the other");
            true
        };
        let text = TextSearch::new(&[vec!["needle-7f3a91c2".into()]], matches);
        let search = LogSearch { scan: log_scan(1, direction), text, goes_on: Arc::new(|| true) };
        let (lines, _, end) = found(&store, search, 100).await;
        assert_eq!((lines.len(), end.is_complete), (2, true));
        assert!(end.parts_skipped >= 30, "{end:?}");
    }
}

/// Parts that make room start others while the reader starts the one that it needs.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parts_are_started_by_several_threads_at_the_same_time() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(Options { search_threads: 2, ..options(dir.path()) }, clock()).await.unwrap();
    let text = |n: i64| if n % 50 == 7 { "id=needle-7f3a91c2".to_owned() } else { format!("id=other-{n:08x}") };
    store.append(logs((0..1600).map(|n| log(1, 1, n, &text(n))).collect())).await.unwrap();
    store.flush().await.unwrap();
    for round in 0..500 {
        let direction = if round % 2 == 0 { Direction::Forward } else { Direction::Backward };
        let (lines, _, end) = found(&store, search(log_scan(1, direction), "needle-7f3a91c2"), 100).await;
        assert_eq!((lines.len(), end.is_complete), (32, true), "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_a_search_join_to_the_whole_in_both_directions() {
    let dir = tempfile::tempdir().unwrap();
    let store = store_with_needles(dir.path()).await;
    for direction in [Direction::Forward, Direction::Backward] {
        for literal in ["needle-7f3a91c2", "other", "00000005", ""] {
            let mut expected = lines(&store, log_scan(1, direction), usize::MAX).await;
            expected.retain(|line| line.message.contains(literal));
            for limit in [1, 7, 1000] {
                let mut joined = Vec::new();
                let mut resume = None;
                loop {
                    let scan = LogScan { after: resume, ..log_scan(1, direction) };
                    let (page, last, end) = found(&store, search(scan, literal), limit).await;
                    joined.extend(page);
                    if end.is_complete {
                        break;
                    }
                    resume = last;
                }
                assert_eq!(joined, expected, "{direction:?} {literal:?} by {limit}");
            }
            let count = store.count_logs(search(log_scan(1, direction), literal)).await.unwrap();
            assert_eq!(count, (expected.len() as u64, true));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_search_that_is_told_to_end_says_how_far_it_came() {
    let dir = tempfile::tempdir().unwrap();
    let store = store_with_needles(dir.path()).await;
    let (mut joined, mut resume, mut pages) = (Vec::new(), None, 0);
    loop {
        let scan = LogScan { after: resume, ..log_scan(1, Direction::Forward) };
        let asked = LogSearch { goes_on: Arc::new(|| false), ..search(scan, "needle") };
        let (page, last, end) = found(&store, asked, usize::MAX).await;
        joined.extend(page);
        if end.is_complete {
            break;
        }
        assert!(last > resume, "each page gets on");
        (resume, pages) = (last, pages + 1);
    }
    assert_eq!(joined.len(), 6);
    assert!(pages > 10, "each page ends after a part: {pages}");
}

/// A long literal that every line has costs nothing when a shorter one is rare.
#[tokio::test]
async fn lines_are_found_by_the_literal_that_is_rare() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let text = |n: i64| format!("upstream connection {} {n}", if n % 10 == 3 { "refused" } else { "kept" });
    store.append(logs((0..160).map(|n| log(1, 1, n, &text(n))).collect())).await.unwrap();
    store.flush().await.unwrap();
    for direction in [Direction::Forward, Direction::Backward] {
        let looked_at = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&looked_at);
        let matches = move |line: &str| {
            count.fetch_add(1, Ordering::SeqCst);
            line.contains("refused")
        };
        let required = [vec!["upstream connection ".to_owned()], vec![" refused".to_owned()]];
        let text = TextSearch::new(&required, matches);
        let search = LogSearch { scan: log_scan(1, direction), text, goes_on: Arc::new(|| true) };
        let (lines, ..) = found(&store, search, usize::MAX).await;
        assert_eq!((lines.len(), looked_at.load(Ordering::SeqCst)), (16, 16));
    }
}

#[tokio::test]
async fn a_search_for_a_place_in_pages_finds_the_same_lines() {
    let dir = tempfile::tempdir().unwrap();
    let store = store_with_needles(dir.path()).await;
    // A place may be found where no line is: a digit and the byte after it, over the end of a line as well.
    let is_place =
        |bytes: &[u8]| bytes.windows(2).position(|pair| pair[0] == b'7' && (pair[1] == b'f' || pair[1] < 32));
    let matches = |line: &str| line.contains("7f");
    let scan = |direction| log_scan(1, direction);
    for direction in [Direction::Forward, Direction::Backward] {
        let asked = |text| LogSearch { scan: scan(direction), text, goes_on: Arc::new(|| true) };
        let (expected, ..) = found(&store, asked(TextSearch::new(&[], matches)), usize::MAX).await;
        let (lines, ..) = found(&store, asked(TextSearch::finding(&[], is_place, matches)), usize::MAX).await;
        assert_eq!(lines, expected);
        assert_eq!(lines.len(), 6);
    }
    let looked_at = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&looked_at);
    let none = TextSearch::finding(&[], |_| None, move |_| count.fetch_add(1, Ordering::SeqCst) == usize::MAX);
    let asked = LogSearch { scan: scan(Direction::Forward), text: none, goes_on: Arc::new(|| true) };
    assert!(found(&store, asked, usize::MAX).await.0.is_empty());
    assert_eq!(looked_at.load(Ordering::SeqCst), 40, "only the lines in memory were looked at one by one");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_search_stops_its_threads() {
    let dir = tempfile::tempdir().unwrap();
    let store = store_with_needles(dir.path()).await;
    let looked_at = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&looked_at);
    let text = TextSearch::new(&[], move |_| count.fetch_add(1, Ordering::SeqCst) == usize::MAX);
    let asked = LogSearch { scan: log_scan(1, Direction::Forward), text, goes_on: Arc::new(|| true) };
    let mut nothing = |_: Searched<'_>| ControlFlow::Break(());
    let end = store.search_logs(asked.clone(), &mut nothing).await.unwrap();
    assert!(!end.is_complete);
    let mut dropped = Box::pin(store.search_logs(asked, &mut nothing));
    let _ = futures::poll!(&mut dropped);
    drop(dropped);
    // All threads come back: a search of everything still works.
    let (all, _, _) = found(&store, search(log_scan(1, Direction::Forward), ""), usize::MAX).await;
    assert_eq!(all.len(), 240);
    assert!(looked_at.load(Ordering::SeqCst) < 240, "the first part was enough, and few were begun ahead");
}

fn filter_objects(dir: &Path) -> Vec<PathBuf> {
    let folder = std::fs::read_dir(dir.join("objects/segments/logs")).unwrap();
    folder.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|e| e == "filter")).collect()
}

#[tokio::test]
async fn a_damaged_or_missing_filter_is_an_error_that_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = store_with_needles(dir.path()).await;
    store.close().await.unwrap();
    let path = filter_objects(dir.path()).pop().unwrap();
    let good = std::fs::read(&path).unwrap();
    let run = async || {
        let store = open(dir.path()).await;
        let asked = search(log_scan(1, Direction::Forward), "needle-7f3a91c2");
        let end = store.search_logs(asked, &mut |_| ControlFlow::Continue(())).await;
        store.close().await.unwrap();
        end
    };
    for at in (0..good.len()).step_by(7) {
        let mut bad = good.clone();
        bad[at] ^= 0x20;
        std::fs::write(&path, bad).unwrap();
        let Err(Error::Corrupt { file, offset, .. }) = run().await else { panic!("byte {at} is read") };
        assert!(file.ends_with(".filter") && offset <= at as u64);
    }
    std::fs::write(&path, &good[..good.len() - 1]).unwrap();
    assert!(run().await.is_err());
    std::fs::remove_file(&path).unwrap();
    assert_eq!(run().await.unwrap_err().kind(), ErrorKind::Corrupt);
    std::fs::write(&path, &good).unwrap();
    assert!(run().await.unwrap().is_complete);
}

#[tokio::test]
async fn damaged_pages_are_found_by_a_search_too() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    store.append(logs((0..40).map(|n| log(1, 1, n, &format!("message {n}"))).collect())).await.unwrap();
    store.close().await.unwrap();
    let path = dir.path().join("objects/segments/logs/00000000000000000001.parquet");
    let good = std::fs::read(&path).unwrap();
    for at in (0..good.len()).step_by(13) {
        let mut bad = good.clone();
        bad[at] ^= 0x40;
        std::fs::write(&path, bad).unwrap();
        let store = open(dir.path()).await;
        let mut seen = 0;
        let mut visit = |searched: Searched<'_>| {
            seen += u64::from(matches!(searched, Searched::Match(_)));
            ControlFlow::Continue(())
        };
        match store.search_logs(search(log_scan(1, Direction::Forward), ""), &mut visit).await {
            Ok(_) => assert_eq!(seen, 40, "byte {at}"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::Corrupt, "byte {at}"),
        }
        store.close().await.unwrap();
    }
}

#[derive(Debug, Clone)]
struct Case {
    /// Group, stream, time and text of lines; a flush after each list.
    batches: Vec<Vec<(u64, u64, i64, String)>>,
    literal: String,
    streams: Option<Vec<u64>>,
    deleted: Option<u64>,
    range: (i64, i64),
}

impl Case {
    /// What of it a scan of group 1 with a condition sees: streams, times and texts.
    fn expected(&self, scan: &LogScan, matches: impl Fn(&str) -> bool) -> Vec<(u64, i64, String)> {
        let is_seen = |stream: u64, time: i64| {
            scan.streams.as_ref().is_none_or(|streams| streams.contains(&StreamId(stream)))
                && self.deleted != Some(stream)
                && (scan.range.start.0..scan.range.end.0).contains(&time)
        };
        let lines = self.batches.iter().flatten().filter(|(group, ..)| *group == 1);
        let lines = lines.map(|(_, stream, time, text)| (10 + stream, *time, text.clone()));
        let mut lines: Vec<_> = lines.filter(|(stream, time, text)| is_seen(*stream, *time) && matches(text)).collect();
        // Those of one time stay in the order of their sequences.
        lines.sort_by_key(|(_, time, _)| *time);
        if scan.direction == Direction::Backward {
            lines.reverse();
        }
        lines
    }
}

fn shown(lines: Vec<Line>) -> Vec<(u64, i64, String)> {
    let shown = |line: Line| {
        assert_eq!(line.ingestion_time, line.timestamp + 7);
        (line.stream, line.timestamp, line.message)
    };
    lines.into_iter().map(shown).collect()
}

fn case() -> impl Strategy<Value = Case> {
    let text = r"[a-c0-1_é \\u-]{0,24}|[0-9a-f]{20,48}|id=[a-f0-9]{8} [a-z]{9,12}";
    let line = (1u64..3, 0u64..3, 0i64..60, text);
    let batches = prop::collection::vec(prop::collection::vec(line, 0..50), 1..5);
    (
        batches,
        any::<prop::sample::Index>(),
        0usize..30,
        0usize..30,
        prop::option::of(Just(vec![0, 2])),
        prop::option::weighted(0.3, 10u64..13),
        0i64..60,
        1i64..60,
    )
        .prop_map(|(batches, which, from, len, streams, deleted, start, span)| {
            let texts: Vec<&String> = batches.iter().flatten().map(|(.., text)| text).collect();
            let chars: Vec<char> = if texts.is_empty() { vec!['x'] } else { which.get(&texts).chars().collect() };
            let from = from.min(chars.len());
            let literal = chars[from..(from + len).min(chars.len())].iter().collect();
            Case { batches, literal, streams, deleted, range: (start, start + span) }
        })
}

async fn check_against_a_plain_filter(case: &Case) {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    for (number, batch) in case.batches.iter().enumerate() {
        let batch = batch.iter().map(|(group, stream, time, text)| log(*group, group * 10 + stream, *time, text));
        store.append(logs(batch.collect())).await.unwrap();
        if number + 1 < case.batches.len() {
            store.flush().await.unwrap();
        }
    }
    let deleted_streams = case.deleted.into_iter().map(StreamId).collect();
    store.maintain(&Retention { deleted_streams, ..Retention::default() }).await.unwrap();
    for direction in [Direction::Forward, Direction::Backward] {
        let streams = case.streams.as_ref().map(|streams| streams.iter().map(|s| StreamId(10 + s)).collect());
        let range = TimeRange::new(Timestamp(case.range.0), Timestamp(case.range.1));
        for scan in [log_scan(1, direction), LogScan { group: GroupId(1), streams, range, direction, after: None }] {
            let all = shown(lines(&store, scan.clone(), usize::MAX).await);
            assert_eq!(all, case.expected(&scan, |_| true), "{direction:?}");
            let (found, _, end) = found(&store, search(scan.clone(), &case.literal), usize::MAX).await;
            assert_eq!(shown(found), case.expected(&scan, |text| text.contains(&case.literal)), "{direction:?}");
            assert!(end.is_complete);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]
    #[test]
    fn a_search_finds_what_a_plain_filter_finds(case in case()) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
        runtime.block_on(check_against_a_plain_filter(&case));
    }
}

/// The condition waits until an append has returned: an append that waited for the condition would never end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_condition_holds_up_no_append() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    store.append(logs(vec![log(1, 1, 1, "slow")])).await.unwrap();
    let (asked, is_asked) = std::sync::mpsc::channel();
    let (go, gate) = std::sync::mpsc::channel::<()>();
    let gate = std::sync::Mutex::new(gate);
    let text = TextSearch::new(&[], move |_| {
        asked.send(()).unwrap();
        gate.lock().unwrap().recv().unwrap();
        true
    });
    let search = LogSearch { scan: log_scan(1, Direction::Forward), text, goes_on: Arc::new(|| true) };
    let searching = tokio::spawn({
        let store = store.clone();
        async move { found(&store, search, 100).await.0.len() }
    });
    tokio::task::spawn_blocking(move || is_asked.recv().unwrap()).await.unwrap();
    store.append(logs(vec![log(1, 1, 2, "quick")])).await.unwrap();
    assert_eq!(store.health().next_log_sequence, 3);
    go.send(()).unwrap();
    assert_eq!(searching.await.unwrap(), 1, "what came after its beginning is not its concern");
}

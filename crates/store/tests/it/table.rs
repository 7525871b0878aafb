//! Parts of tables: together they hold what a scan of the same moment shows, and nothing of what was removed.

use crate::fixture::{event, event_scan, events, lines, log, log_scan, logs, open};
use arrow_array::{Array, RecordBatch, StringArray, UInt64Array};
use model::{Batch, GroupId, StreamId, TimeRange, Timestamp};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use store::{Direction, PartReader, Retention, Store, Table, TableFilter};

/// All rows of the parts that a filter leaves.
async fn read(
    store: &Store,
    table: Table,
    filter: &TableFilter,
    columns: Vec<&'static str>,
    order: Option<Direction>,
) -> Vec<RecordBatch> {
    let mut reader = PartReader::new(table, Arc::new(filter.clone()), columns, order);
    let mut batches = Vec::new();
    for part in store.view().parts(table, filter).parts {
        let mut open = reader.open(part);
        while let Some(batch) = reader.next(&mut open, TimeRange::ALL).await.unwrap() {
            batches.push(batch);
        }
    }
    batches
}

fn sequences(batches: &[RecordBatch]) -> Vec<u64> {
    let column = |batch: &RecordBatch| {
        let column = batch.column_by_name("sequence").unwrap().clone();
        column.as_any().downcast_ref::<UInt64Array>().unwrap().values().to_vec()
    };
    let mut sequences: Vec<u64> = batches.iter().flat_map(column).collect();
    sequences.sort_unstable();
    sequences
}

/// Three groups of two streams; two flushes, the rest in memory.
async fn store_of_logs(dir: &std::path::Path) -> Store {
    let store = open(dir).await;
    for round in 0..3 {
        let line = |n: i64| log(1 + n as u64 % 3, 10 * (1 + n as u64 % 3) + n as u64 / 3 % 2, n, &format!("line {n}"));
        store.append(logs((round * 100..round * 100 + 100).map(line).collect())).await.unwrap();
        if round < 2 {
            store.flush().await.unwrap();
        }
    }
    store
}

#[tokio::test]
async fn parts_hold_what_scans_show() {
    let dir = tempfile::tempdir().unwrap();
    let store = store_of_logs(dir.path()).await;
    let deleted = Retention {
        deleted_groups: HashSet::from([GroupId(2)]),
        deleted_streams: HashSet::from([StreamId(31)]),
        logs: HashMap::from([(GroupId(1), crate::fixture::NOW.0 - 40)]),
        ..Retention::default()
    };
    store.maintain(&deleted).await.unwrap();
    let ranges = [TimeRange::ALL, TimeRange::new(Timestamp(33), Timestamp(250))];
    for (range, order) in ranges
        .into_iter()
        .flat_map(|range| [None, Some(Direction::Forward), Some(Direction::Backward)].map(|order| (range, order)))
    {
        let filter = TableFilter { range, ..TableFilter::default() };
        let batches = read(&store, Table::Logs, &filter, vec!["sequence", "message"], order).await;
        let mut expected = Vec::new();
        for group in 1..=3 {
            let scan = store::LogScan { range, ..log_scan(group, Direction::Forward) };
            expected.extend(lines(&store, scan, usize::MAX).await.into_iter().map(|line| line.sequence));
        }
        expected.sort_unstable();
        assert!(expected.len() > 50 && expected.len() < 200, "{}", expected.len());
        assert_eq!(sequences(&batches), expected, "{range:?} {order:?}");
        for batch in batches {
            assert_eq!(
                batch.schema().fields().iter().map(|f| f.name().as_str()).collect::<Vec<_>>(),
                ["sequence", "message"]
            );
        }
    }
    let streams = Some(BTreeSet::from([StreamId(10), StreamId(31)]));
    let filter = TableFilter { streams, ..TableFilter::default() };
    let found = sequences(&read(&store, Table::Logs, &filter, vec!["sequence"], None).await);
    let scan = store::LogScan { streams: Some(vec![StreamId(10)]), ..log_scan(1, Direction::Forward) };
    let expected: Vec<u64> = lines(&store, scan, usize::MAX).await.into_iter().map(|line| line.sequence).collect();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn conditions_on_text_leave_every_row_that_meets_them() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    for round in 0..3 {
        let batch = (round * 70..round * 70 + 70).map(|n| event(&format!("e{n}"), n)).collect();
        store.append(Batch { events: batch, ..Batch::default() }).await.unwrap();
        if round < 2 {
            store.flush().await.unwrap();
        }
    }
    let all = events(&store, event_scan(Direction::Forward), usize::MAX).await;
    let wanted = BTreeSet::from(["user1".to_owned(), "user3".to_owned()]);
    let filter = TableFilter {
        one_of: vec![("username", wanted.clone())],
        contains: vec![("record", "8}".to_owned())],
        ..TableFilter::default()
    };
    let batches = read(&store, Table::Events, &filter, vec!["record", "sequence"], Some(Direction::Backward)).await;
    let meets = |row: &&store::EventRow| wanted.contains(&row.event.username) && row.event.record.contains("8}");
    let expected: Vec<u64> = all.iter().filter(meets).map(|row| row.sequence).collect();
    assert!(!expected.is_empty());
    // Rows that do not have the text may be left, for whoever asks checks again; none that has it may be missing.
    let mut met = Vec::new();
    for batch in &batches {
        let record = batch.column(0).as_any().downcast_ref::<StringArray>().unwrap();
        let rows = record.iter().zip(sequences(std::slice::from_ref(batch)));
        met.extend(rows.filter(|(record, _)| record.unwrap().contains("8}")).map(|(_, sequence)| sequence));
    }
    met.sort_unstable();
    assert_eq!(met, expected);
    assert!(sequences(&batches).len() < all.len() / 2, "only rows of the two users");
    // Without columns, rows only count.
    let counted = read(&store, Table::Events, &TableFilter::default(), Vec::new(), None).await;
    assert_eq!(counted.iter().map(RecordBatch::num_rows).sum::<usize>(), all.len());
}

#[tokio::test]
async fn what_is_not_wanted_any_more_is_not_read() {
    let dir = tempfile::tempdir().unwrap();
    let store = store_of_logs(dir.path()).await;
    store.flush().await.unwrap();
    let filter = Arc::new(TableFilter::default());
    let mut reader = PartReader::new(Table::Logs, Arc::clone(&filter), vec!["sequence"], Some(Direction::Backward));
    let narrowed = TimeRange::new(Timestamp(290), TimeRange::ALL.end);
    let mut rows = 0;
    let parts = store.view().parts(Table::Logs, &filter);
    let all = parts.row_groups as u64;
    for part in parts.parts {
        let mut open = reader.open(part);
        while let Some(batch) = reader.next(&mut open, narrowed).await.unwrap() {
            rows += batch.num_rows();
        }
    }
    assert_eq!(rows, 10);
    assert!(reader.stats().row_groups_skipped >= all * 3 / 4, "{:?} of {all}", reader.stats());
}

#[tokio::test]
async fn a_view_does_not_change_while_the_store_does() {
    let dir = tempfile::tempdir().unwrap();
    let store = store_of_logs(dir.path()).await;
    let view = store.view();
    store.append(logs(vec![log(1, 10, 5, "later")])).await.unwrap();
    store.flush().await.unwrap();
    store.maintain(&Retention::default()).await.unwrap();
    let filter = Arc::new(TableFilter::default());
    let mut reader = PartReader::new(Table::Logs, Arc::clone(&filter), vec!["sequence"], None);
    let mut batches = Vec::new();
    for part in view.parts(Table::Logs, &filter).parts {
        let mut open = reader.open(part);
        while let Some(batch) = reader.next(&mut open, TimeRange::ALL).await.unwrap() {
            batches.push(batch);
        }
    }
    assert_eq!(sequences(&batches), (1..=300).collect::<Vec<u64>>());
    assert_eq!(sequences(&read(&store, Table::Logs, &filter, vec!["sequence"], None).await).len(), 301);
}

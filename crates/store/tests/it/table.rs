//! Parts of tables: together they hold what a scan of the same moment shows, and nothing of what was removed.

use crate::fixture::{Line, event, event_scan, events, lines, log, log_scan, logs, open};
use arrow_array::{Array, RecordBatch, StringArray, UInt64Array};
use model::{Batch, GroupId, StreamId, TimeRange, Timestamp};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use store::{Direction, LogField, PartReader, RecordMembers, Retention, Store, Table, TableFilter, TextColumn};

/// All rows of the parts that a filter leaves.
async fn read(
    store: &Store,
    table: Table,
    filter: &TableFilter,
    columns: Vec<&'static str>,
    order: Option<Direction>,
) -> Vec<RecordBatch> {
    read_with(store, PartReader::new(table, Arc::new(filter.clone()), columns, order), table, filter).await
}

async fn read_with(store: &Store, mut reader: PartReader, table: Table, filter: &TableFilter) -> Vec<RecordBatch> {
    let mut batches = Vec::new();
    for part in store.view().parts(table, filter).parts {
        let mut open = reader.open(part);
        while let Some(batch) = reader.next(&mut open, TimeRange::ALL).await.unwrap() {
            batches.push(batch);
        }
    }
    batches
}

fn sequences_as_they_come(batch: &RecordBatch) -> Vec<u64> {
    let column = batch.column_by_name("sequence").unwrap();
    column.as_any().downcast_ref::<UInt64Array>().unwrap().values().to_vec()
}

fn sequences(batches: &[RecordBatch]) -> Vec<u64> {
    let mut sequences: Vec<u64> = batches.iter().flat_map(sequences_as_they_come).collect();
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

/// Lines of few messages: fields tell which contain a text, and what is not asked for is not read.
#[tokio::test]
async fn lines_of_few_messages_are_counted_by_their_fields() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let message = |n: i64| ["connection refused by upstream", "returned to the pool"][usize::from(n % 10 != 0)];
    let line = |n: i64| log(1, 1, n, &format!(r#"{{"id":{n},"msg":"{}"}}"#, message(n)));
    store.append(logs((0..64).map(line).collect())).await.unwrap();
    store.flush().await.unwrap();
    store.append(logs((64..80).map(line).collect())).await.unwrap();
    for (text, rows, known) in
        [("connection refused by", 8, 4), ("\"connection refused by", 8, 0), ("nnection", 8, 0), ("refused by 1", 0, 4)]
    {
        let filter = TableFilter { contains: vec![("message", text.to_owned())], ..TableFilter::default() };
        for columns in [vec![], vec!["sequence"], vec!["sequence", "message"]] {
            let mut reader = PartReader::new(Table::Logs, Arc::new(filter.clone()), columns, None);
            let mut count = 0;
            for part in store.view().parts(Table::Logs, &filter).parts {
                let mut open = reader.open(part);
                while let Some(batch) = reader.next(&mut open, TimeRange::ALL).await.unwrap() {
                    count += batch.num_rows();
                    if let Some(messages) = batch.column_by_name("message") {
                        let messages: &StringArray = messages.as_any().downcast_ref().unwrap();
                        assert!(messages.iter().flatten().all(|message| message.contains(text)));
                    }
                }
            }
            let stats = reader.stats();
            assert_eq!((count, stats.rows_read, stats.rows_excluded), (rows, rows as u64, 80 - rows as u64), "{text}");
            assert_eq!(stats.row_groups_known, known, "{text}");
        }
    }
}

/// Whether messages come from the search, which keeps them while they are few, or are read again: 16 of the long ones are too many.
#[tokio::test]
async fn messages_that_contain_texts_come_with_their_rows() {
    let dir = tempfile::tempdir().unwrap();
    let store = store_of_logs(dir.path()).await;
    let long = |n: i64| log(1, 10, 1_000 + n, &format!("line 1{} {n}", "x".repeat(100_000)));
    store.append(logs((0..40).map(long).collect())).await.unwrap();
    store.flush().await.unwrap();
    store.maintain(&Retention { deleted_streams: [StreamId(11)].into(), ..Retention::default() }).await.unwrap();
    let mut all = Vec::new();
    for group in 1..=3 {
        all.extend(lines(&store, log_scan(group, Direction::Forward), usize::MAX).await);
    }
    all.sort_by_key(|line| line.sequence);
    let streams = Some(BTreeSet::from([StreamId(10), StreamId(31)]));
    let narrow = TimeRange::new(Timestamp(33), Timestamp(1_020));
    for texts in [&["line 1"][..], &["7", "line"], &["line 2", "line 3"], &["e 1", "x 3"]] {
        for (range, streams) in [(TimeRange::ALL, &None), (narrow, &None), (narrow, &streams)] {
            let contains = texts.iter().map(|text| ("message", (*text).to_owned())).collect();
            let filter = TableFilter {
                range,
                streams: streams.clone(),
                contains,
                fields: vec![LogField::Word(2)],
                ..TableFilter::default()
            };
            let is_wanted = |line: &&Line| {
                range.contains(Timestamp(line.timestamp))
                    && streams.as_ref().is_none_or(|streams| streams.contains(&StreamId(line.stream)))
                    && texts.iter().all(|text| line.message.contains(text))
            };
            let columns = [
                vec![],
                vec!["message"],
                vec!["sequence", "message"],
                vec!["message", "field.0", "sequence"],
                vec!["sequence", "field.0"],
            ];
            for (columns, order) in columns.iter().flat_map(|columns| {
                [None, Some(Direction::Forward), Some(Direction::Backward)].map(|order| (columns.clone(), order))
            }) {
                let batches = read(&store, Table::Logs, &filter, columns.clone(), order).await;
                let told = format!("{texts:?} {range:?} {columns:?} {order:?}");
                let mut rows = Vec::new();
                for batch in &batches {
                    assert_eq!(batch.schema().fields().iter().map(|f| f.name().as_str()).collect::<Vec<_>>(), columns);
                    let text = |name| batch.column_by_name(name).map(|column| column.as_any().downcast_ref().unwrap());
                    let (message, word): (Option<&StringArray>, Option<&StringArray>) =
                        (text("message"), text("field.0"));
                    let sequences = columns.contains(&"sequence").then(|| sequences_as_they_come(batch));
                    for at in 0..batch.num_rows() {
                        rows.push((
                            sequences.as_ref().map(|sequences| sequences[at]),
                            message.map(|message| message.value(at)),
                            word.map(|word| word.value(at)),
                        ));
                    }
                }
                rows.sort_unstable();
                let has = |column| columns.contains(&column);
                let mut expected: Vec<_> = Vec::with_capacity(rows.len());
                for line in all.iter().filter(is_wanted) {
                    let (message, word) = (line.message.as_str(), line.message.split(' ').nth(1));
                    expected.push((
                        has("sequence").then_some(line.sequence),
                        has("message").then_some(message),
                        word.filter(|_| has("field.0")),
                    ));
                }
                expected.sort_unstable();
                assert!(rows == expected, "{told}: {} rows, not {}", rows.len(), expected.len());
            }
            assert_eq!(all.iter().any(|line| is_wanted(&line)), texts[0] != "line 2", "{texts:?} {range:?}");
        }
    }
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
async fn packed_texts_say_the_same_as_plain_ones() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let all = (0..200).map(|n| event(&format!("e{n}"), n)).collect();
    store.append(Batch { events: all, ..Batch::default() }).await.unwrap();
    store.flush().await.unwrap();
    let columns = vec!["sequence", "name", "error_code", "record", "user_agent", RecordMembers::COLUMN];
    let one_of = vec![("name", BTreeSet::from(["Call1".to_owned(), "Call2".to_owned()]))];
    let some = TableFilter { one_of, range: TimeRange::new(Timestamp(20), Timestamp(150)), ..TableFilter::default() };
    for (filter, order) in [(&some, None), (&some, Some(Direction::Backward)), (&TableFilter::default(), None)] {
        let reader = PartReader::new(Table::Events, Arc::new(filter.clone()), columns.clone(), order);
        let rows = |batches: &[RecordBatch]| {
            let text = |batch: &RecordBatch, column: usize, row| {
                let column = TextColumn::of(batch.column(column).as_ref()).unwrap();
                column.get(row).map(str::to_owned)
            };
            let row = |batch: &RecordBatch, row| [1, 2, 3, 4].map(|column| text(batch, column, row));
            let mut rows = Vec::new();
            for batch in batches {
                rows.extend((0..batch.num_rows()).map(|at| row(batch, at)));
            }
            rows.sort_unstable();
            rows
        };
        let plain = read(&store, Table::Events, filter, columns.clone(), order).await;
        let packed = read_with(&store, reader.packed(), Table::Events, filter).await;
        assert!(packed.iter().all(|batch| TextColumn::of(batch.column(1).as_ref()).unwrap().packed().is_some()));
        assert!(plain.iter().all(|batch| TextColumn::of(batch.column(1).as_ref()).unwrap().packed().is_none()));
        assert_eq!(rows(&packed), rows(&plain));
        assert_eq!(sequences(&packed), sequences(&plain));
        assert!(sequences(&packed).len() > 80);
    }
}

#[tokio::test]
async fn a_text_that_all_rows_have_is_decided_without_reading() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let all = (0..200).map(|n| event(&format!("e{n}"), n)).collect();
    store.append(Batch { events: all, ..Batch::default() }).await.unwrap();
    store.flush().await.unwrap();
    for (column, value, rows, is_skipped) in [
        ("account", "123456789012", 200, false),
        ("account", "999999999999", 0, true),
        ("name", "Call1", 67, false),
        ("name", "Call", 0, false),
    ] {
        let one_of = vec![(column, BTreeSet::from([value.to_owned()]))];
        let filter = TableFilter { one_of, ..TableFilter::default() };
        let mut reader = PartReader::new(Table::Events, Arc::new(filter.clone()), vec!["sequence"], None);
        let parts = store.view().parts(Table::Events, &filter);
        let mut found = Vec::new();
        for part in parts.parts {
            let mut open = reader.open(part);
            while let Some(batch) = reader.next(&mut open, TimeRange::ALL).await.unwrap() {
                found.push(batch);
            }
        }
        assert_eq!(sequences(&found).len(), rows, "{column} {value}");
        let skipped = reader.stats().row_groups_skipped == parts.row_groups as u64;
        assert_eq!((skipped, reader.stats().rows_seen), (is_skipped, if is_skipped { 0 } else { 200 }));
    }
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

//! The other ways to read what scans show: searches by token and Bloom filters, tables with fields, followers, the hash tree.

use crate::expected::GROUPS;
use arrow_array::{Array, RecordBatch, StringArray};
use model::{GroupId, TimeRange};
use std::ops::ControlFlow;
use std::sync::Arc;
use store::{
    Direction, EventFilter, EventScan, FIELD_COLUMNS, LogField, LogScan, LogSearch, PartReader, Searched, SeriesFilter,
    Store, Table, TableFilter, TextSearch,
};

/// Reads everything in every other way; panics, with `case`, where one of them does not say what a scan says.
pub(crate) async fn agree(store: &Store, case: &str) -> store::Result<()> {
    let mut messages = Vec::new();
    for group in GROUPS {
        let of_group = scan_messages(store, group).await?;
        search(store, group, &of_group, case).await?;
        messages.extend(of_group);
    }
    follow(store, messages.clone(), case).await?;
    log_table(store, messages, case).await?;
    let records = scan_events(store, None).await?;
    event_searches(store, &records, case).await?;
    event_table(store, &records, case).await?;
    recent_points(store, case).await?;
    store.verify_event_tree().await.map(|_| ())
}

fn log_scan(group: u64) -> LogScan {
    let (range, direction) = (TimeRange::ALL, Direction::Forward);
    LogScan { group: GroupId(group), streams: None, range, direction, after: None }
}

async fn scan_messages(store: &Store, group: u64) -> store::Result<Vec<String>> {
    let mut messages = Vec::new();
    let mut visit = |row: store::LogRow<'_>| {
        messages.push(row.message.to_owned());
        ControlFlow::Continue(())
    };
    store.scan_logs(log_scan(group), &mut visit).await?;
    Ok(messages)
}

/// Looks for the identifier in the group's first message: no row group but its own has it, so that all filters are read.
async fn search(store: &Store, group: u64, messages: &[String], case: &str) -> store::Result<()> {
    let Some(id) = messages.first().and_then(|message| message.find("id-").map(|at| &message[at..at + 19])) else {
        return Ok(());
    };
    let literal = id.to_owned();
    let text = TextSearch::new(&[vec![id.to_owned()]], move |line| line.contains(&literal));
    let asked = LogSearch { scan: log_scan(group), text, goes_on: Arc::new(|| true) };
    let mut found = Vec::new();
    let mut visit = |searched: Searched<'_>| {
        if let Searched::Match(row) = searched {
            found.push(row.message.to_owned());
        }
        ControlFlow::Continue(())
    };
    store.search_logs(asked, &mut visit).await?;
    let expected = messages.iter().filter(|message| message.contains(id));
    assert!(found.iter().eq(expected), "{case}: a search for {id} in group {group} finds {found:?} of {messages:?}");
    Ok(())
}

async fn read(
    store: &Store,
    table: Table,
    filter: TableFilter,
    columns: &[&'static str],
) -> store::Result<Vec<RecordBatch>> {
    let parts = store.view().parts(table, &filter).parts;
    let mut reader = PartReader::new(table, Arc::new(filter), columns.to_vec(), None);
    let mut batches = Vec::new();
    for part in parts {
        let mut open = reader.open(part);
        while let Some(batch) = reader.next(&mut open, TimeRange::ALL).await? {
            batches.push(batch);
        }
    }
    Ok(batches)
}

fn texts<'b>(batch: &'b RecordBatch, column: &str) -> impl Iterator<Item = Option<&'b str>> {
    let array = batch.column_by_name(column).and_then(|array| array.as_any().downcast_ref::<StringArray>());
    array.into_iter().flatten()
}

/// Follows all groups from the beginning, page by page: each event comes once, in order of acceptance.
async fn follow(store: &Store, mut messages: Vec<String>, case: &str) -> store::Result<()> {
    const PAGE_BYTES: usize = 2_000;
    let groups: Vec<GroupId> = GROUPS.map(GroupId).collect();
    let (mut seen, mut next, mut last) = (Vec::new(), 0, None);
    loop {
        let page = store.follow_logs(&groups, next, PAGE_BYTES).await?;
        for log in page.logs {
            assert!(last < Some(log.sequence), "{case}: {log:?} comes after sequence {last:?}");
            assert!((next..page.next).contains(&log.sequence), "{case}: {log:?} is not in {next}..{}", page.next);
            last = Some(log.sequence);
            seen.push(log.message);
        }
        if page.next == next {
            break;
        }
        next = page.next;
    }
    assert_eq!(next, store.log_sequence(), "{case}: a follower stops before the end");
    messages.sort_unstable();
    seen.sort_unstable();
    assert_eq!(seen, messages, "{case}: a follower does not see what scans show");
    Ok(())
}

/// All columns of the table of logs, two fields among them: the fields are those of the message.
async fn log_table(store: &Store, mut messages: Vec<String>, case: &str) -> store::Result<()> {
    let fields = vec![LogField::Member("level".into()), LogField::Word(2)];
    let columns = [Table::Logs.columns(), &FIELD_COLUMNS[..2]].concat();
    let filter = TableFilter { fields: fields.clone(), ..TableFilter::default() };
    let mut seen = Vec::new();
    for batch in read(store, Table::Logs, filter, &columns).await? {
        let kept = texts(&batch, FIELD_COLUMNS[0]).zip(texts(&batch, FIELD_COLUMNS[1]));
        for (message, kept) in texts(&batch, "message").zip(kept) {
            let message = message.unwrap_or_default();
            let values = fields.iter().map(|field| field.value(message));
            assert!(
                values.eq([kept.0, kept.1].map(|kept| kept.map(Into::into))),
                "{case}: fields {kept:?} of {message}"
            );
            seen.push(message.to_owned());
        }
    }
    messages.sort_unstable();
    seen.sort_unstable();
    assert_eq!(seen, messages, "{case}: the table of logs is not what scans show");
    Ok(())
}

async fn scan_events(store: &Store, filter: Option<EventFilter>) -> store::Result<Vec<store::EventRow>> {
    let mut rows = Vec::new();
    let (range, direction) = (TimeRange::ALL, Direction::Backward);
    let scan = EventScan { account: None, region: None, range, direction, after: None, filter };
    let mut visit = |row: &store::EventRow| {
        rows.push(row.clone());
        ControlFlow::Continue(())
    };
    store.scan_events(scan, &mut visit).await?;
    Ok(rows)
}

/// One search by each column that has a Bloom filter, and by free text.
async fn event_searches(store: &Store, all: &[store::EventRow], case: &str) -> store::Result<()> {
    let Some(first) = all.first().map(|row| &row.event) else { return Ok(()) };
    let filters = [
        EventFilter::EventId(first.event_id.clone()),
        EventFilter::Username(first.username.clone()),
        EventFilter::AccessKeyId(first.access_key_id.clone()),
        EventFilter::ResourceName(first.resources.first().map(|resource| resource.name.clone()).unwrap_or_default()),
        EventFilter::Text(first.event_id.clone()),
    ];
    for filter in filters {
        let found = scan_events(store, Some(filter.clone())).await?;
        let expected = all.iter().filter(|row| filter.matches(&row.event));
        assert!(found.iter().eq(expected), "{case}: events where {filter:?} are {found:?} of {all:?}");
    }
    Ok(())
}

/// Points from each of the newest times on: memory may have all of them, and a scan of all times reads segments.
async fn recent_points(store: &Store, case: &str) -> store::Result<()> {
    let filter = SeriesFilter { account: "1".into(), region: "r".into(), ..SeriesFilter::default() };
    let series = store.list_series(&filter);
    let all = store.scan_series(&series, TimeRange::ALL).await?;
    let mut times: Vec<_> = all.iter().flatten().map(|point| point.timestamp).collect();
    times.sort_unstable();
    times.dedup();
    for &start in times.iter().rev().take(4) {
        let recent = store.scan_series(&series, TimeRange::new(start, TimeRange::ALL.end)).await?;
        for ((series, all), recent) in series.iter().zip(&all).zip(recent) {
            let expected: Vec<_> = all.iter().filter(|point| point.timestamp >= start).cloned().collect();
            assert_eq!(sorted(recent), sorted(expected), "{case}: points of {series:?} from {start:?} on");
        }
    }
    Ok(())
}

fn sorted(points: Vec<store::SeriesPoint>) -> Vec<String> {
    let mut texts: Vec<String> = points.iter().map(|point| format!("{point:?}")).collect();
    texts.sort_unstable();
    texts
}

async fn event_table(store: &Store, all: &[store::EventRow], case: &str) -> store::Result<()> {
    let mut records: Vec<&str> = all.iter().map(|row| row.event.record.as_str()).collect();
    let batches = read(store, Table::Events, TableFilter::default(), Table::Events.columns()).await?;
    let mut seen: Vec<&str> = batches.iter().flat_map(|batch| texts(batch, "record")).flatten().collect();
    records.sort_unstable();
    seen.sort_unstable();
    assert_eq!(seen, records, "{case}: the table of events is not what scans show");
    Ok(())
}

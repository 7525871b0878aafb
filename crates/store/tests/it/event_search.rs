//! Free text and several conditions at once: exactly the events that a plain look at every record finds, wherever they are.

use crate::fixture::*;
use model::{Batch, Event, EventResource, Timestamp};
use proptest::prelude::*;
use std::sync::Arc;
use store::{Direction, EventFilter, EventScan, EventText, Options, Retention, Store};

/// A record as CloudTrail writes them, and odd ones among them.
fn audit(n: i64) -> Event {
    let id = format!("{:08x}-9d3a-4c8e-a2d3-5e640b97c1f2", n.wrapping_mul(2_654_435_761) as u32);
    let time = Timestamp(1_700_000_000_000 + n * 61_000);
    let (user, key) = (format!("user-{}", n % 7), format!("AKIA{}", n % 11));
    let arn = format!("arn:aws:iam::123456789012:user/{user}");
    let bucket = format!("arn:aws:s3:::bucket-{}", n % 5);
    let record = match n % 10 {
        8 => format!("{{\"eventTime\":\"{}\",\"odd\":\"tab\tin it {n}\"}}", time.iso_seconds()),
        9 => format!("{{'eventTime': {n}, not JSON: \"{id}\" }}"),
        _ => format!(
            "{{\"eventVersion\":\"1.08\",\"userIdentity\":{{\"type\":\"IAMUser\",\"principalId\":\"AIDA{user}\",\"arn\":\"{arn}\",\
             \"accessKeyId\":\"{key}\"}},\"eventTime\":\"{}\",\"eventName\":\"Call{}\",\"userAgent\":\"agent/{} (é \\\"q\\\")\",\
             \"requestParameters\":{{\"a\":[{n},{}],\"key\":\"path/{n}.gz\"}},\"requestID\":\"{}\",\"eventID\":\"{id}\",\
             \"managementEvent\":true,\"errorMessage\":\"not allowed: {n}\"}}",
            time.iso_seconds(),
            n % 3,
            n % 2,
            n * 3,
            if n % 4 == 0 { format!("REQ{n}") } else { id.replace("9d3a", "0000") },
        ),
    };
    Event {
        event_id: id,
        account: "123456789012".into(),
        region: "us-east-1".into(),
        time,
        ingestion_time: Timestamp(time.0 + 9),
        name: format!("Call{}", n % 3),
        source: "s3.amazonaws.com".into(),
        category: if n % 6 == 0 { "Data".into() } else { "Management".into() },
        username: user,
        access_key_id: key,
        read_only: [None, Some(true)][(n % 2) as usize],
        error_code: if n % 4 == 0 { "AccessDenied".into() } else { String::new() },
        source_ip: "10.0.0.1".into(),
        user_arn: arn,
        resources: vec![EventResource { resource_type: "AWS::S3::Bucket".into(), name: bucket }],
        record,
    }
}

/// Events in three segments and in memory, not in order of time.
async fn filled(dir: &std::path::Path) -> Store {
    let store = Store::open(Options { row_group_rows: 32, ..options(dir) }, clock()).await.unwrap();
    for part in 0..4 {
        let batch = (0..60).map(|n| audit(n * 4 + part)).collect();
        store.append(Batch { events: batch, ..Batch::default() }).await.unwrap();
        if part < 3 {
            store.flush().await.unwrap();
        }
    }
    store
}

async fn check(store: &Store, all: &[store::EventRow], filter: EventFilter) -> usize {
    let expected: Vec<_> = all.iter().filter(|row| filter.matches(&row.event)).cloned().collect();
    let scan = EventScan { filter: Some(filter.clone()), ..event_scan(Direction::Backward) };
    assert_eq!(events(store, scan, usize::MAX).await, expected, "{filter:?}");
    expected.len()
}

#[tokio::test]
async fn text_is_found_wherever_it_is_cut() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(dir.path()).await;
    let all = events(&store, event_scan(Direction::Backward), usize::MAX).await;
    let mut expected: Vec<Event> = (0..240).map(audit).collect();
    expected.sort_by_key(|event| std::cmp::Reverse(event.time));
    assert!(all.iter().map(|row| &row.event).eq(&expected), "every record comes back exactly");
    let found = [
        "user-3",
        "\"userName\"",
        "Call2",
        "\"eventName\":\"Call2\"",
        "AKIA1",
        "arn:aws:iam",
        "bucket-",
        "agent/1",
        "\\\"q\\\"",
        "é",
        "path/17.gz",
        "17.g",
        "[17,51]",
        ":[17,",
        "17,5",
        "51",
        "-9d3a-",
        "-0000-4c8e",
        "9d3a-4c8e-a2d3-5e640b97c1f2\",\"man",
        "REQ16",
        "2023-11-14T22:1",
        "T22:",
        ":true,",
        "true",
        "true}",
        "tab\tin",
        "tab",
        "not JSON: \"",
        ", not JSON",
        "not allowed: 17\"}",
        "nowhere",
        "",
        "\"",
        "{",
        "}",
    ];
    for text in found {
        let count = check(&store, &all, EventFilter::Text(text.into())).await;
        let missing = ["\"userName\"", "nowhere", "bucket-", "true}"];
        assert_eq!(count == 0, missing.contains(&text), "{text}: {count}");
    }
}

#[tokio::test]
async fn several_conditions_hold_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(dir.path()).await;
    let all = events(&store, event_scan(Direction::Backward), usize::MAX).await;
    let text = |text: &str| EventFilter::Text(text.into());
    let cases = [
        vec![],
        vec![EventFilter::EventName("Call1".into()), EventFilter::Category("Data".into())],
        vec![EventFilter::EventName("Call1".into()), EventFilter::Category("Management".into())],
        vec![EventFilter::ErrorCode("AccessDenied".into()), EventFilter::AccessKeyId("AKIA4".into()), text("path/")],
        vec![text("user-1"), EventFilter::All(vec![text("Call2"), EventFilter::ReadOnly(true)])],
        vec![EventFilter::EventId(audit(23).event_id), EventFilter::ResourceName("arn:aws:s3:::bucket-3".into())],
        vec![EventFilter::EventId(audit(23).event_id.to_uppercase())],
    ];
    for filters in cases {
        check(&store, &all, EventFilter::All(filters)).await;
    }
}

#[tokio::test]
async fn one_of_several_conditions_is_enough() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(dir.path()).await;
    let all = events(&store, event_scan(Direction::Backward), usize::MAX).await;
    let one_of = |text: EventText, values: &[&str]| {
        EventFilter::OneOf(text, Arc::new(values.iter().map(|value| (*value).to_owned()).collect()))
    };
    let text = |text: &str| EventFilter::Text(text.into());
    let cases = [
        (one_of(EventText::Name, &["Call1", "Call2", "nowhere"]), true),
        (one_of(EventText::AccessKeyId, &["AKIA4", "AKIA5"]), true),
        (one_of(EventText::Username, &["nobody", "no one"]), false),
        (one_of(EventText::Name, &[]), false),
        (EventFilter::Failed(true), true),
        (EventFilter::Failed(false), true),
        (EventFilter::Any(vec![]), false),
        (
            EventFilter::Any(vec![
                one_of(EventText::AccessKeyId, &["nobody"]),
                EventFilter::EventId(audit(23).event_id),
            ]),
            true,
        ),
        (
            EventFilter::Any(vec![EventFilter::AccessKeyId("nobody".into()), EventFilter::Username("nobody".into())]),
            false,
        ),
        (EventFilter::Any(vec![text("path/17.gz"), EventFilter::EventId(audit(23).event_id)]), true),
        (
            EventFilter::Any(vec![
                EventFilter::All(vec![text("user-3"), EventFilter::EventName("Call2".into())]),
                EventFilter::All(vec![text("nowhere"), EventFilter::EventName("Call1".into())]),
            ]),
            true,
        ),
    ];
    for (filter, is_there) in cases {
        let found = check(&store, &all, filter.clone()).await;
        assert_eq!(found > 0, is_there, "{filter:?}");
        let name = EventFilter::EventName("Call1".into());
        check(&store, &all, EventFilter::All(vec![filter, name])).await;
    }
}

#[tokio::test]
async fn merged_segments_keep_every_record_exactly() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(Options { row_group_rows: 32, ..options(dir.path()) }, clock()).await.unwrap();
    for part in 0..9 {
        let batch = (0..20).map(|n| audit(n * 9 + part)).collect();
        store.append(Batch { events: batch, ..Batch::default() }).await.unwrap();
        store.flush().await.unwrap();
    }
    store.maintain(&Retention::default()).await.unwrap();
    let all = events(&store, event_scan(Direction::Forward), usize::MAX).await;
    assert!(all.iter().map(|row| row.event.clone()).eq((0..180).map(audit)));
    check(
        &store,
        &events(&store, event_scan(Direction::Backward), usize::MAX).await,
        EventFilter::Text("user-3".into()),
    )
    .await;
}

#[test]
fn no_part_of_a_record_is_missed() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (store, all) = runtime.block_on(async {
        let store = filled(dir.path()).await;
        let all = events(&store, event_scan(Direction::Backward), usize::MAX).await;
        (store, Arc::new(all))
    });
    proptest!(ProptestConfig::with_cases(200), |(row in 0usize..240, from in 0usize..400, length in 1usize..40)| {
        let record = &all[row].event.record;
        let chars: Vec<char> = record.chars().collect();
        let from = from.min(chars.len() - 1);
        let text: String = chars[from..(from + length).min(chars.len())].iter().collect();
        let found = runtime.block_on(check(&store, &all, EventFilter::Text(text)));
        prop_assert!(found > 0);
    });
}

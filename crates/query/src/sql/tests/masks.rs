//! Lines of protected groups: shown, matched and counted as they are masked, whatever the store knows of them.

use super::super::{Format, GroupMasks, Masks, ResourceError};
use super::fixture::{Fixture, MINUTE, T0};
use super::pruning::count;
use crate::data_protection::{Period, Policy, Protection, Protector};
use futures::future::{BoxFuture, FutureExt};
use model::{GroupId, Timestamp};
use serde_json::{Value, json};
use std::sync::Arc;

/// `web` is masked from its 1000th minute on, `app` is not.
#[derive(Debug)]
struct OfWeb;

impl Masks for OfWeb {
    fn of_groups(&self, groups: Vec<GroupId>) -> BoxFuture<'_, Result<GroupMasks, ResourceError>> {
        let mask = |group: GroupId| (group, (group == GroupId(2)).then(|| Arc::new(protection())));
        async move { Ok(groups.into_iter().map(mask).collect()) }.boxed()
    }
}

/// Answers of no group that it is there, and fails when it is asked of none.
#[derive(Debug)]
struct OfNone;

impl Masks for OfNone {
    fn of_groups(&self, _: Vec<GroupId>) -> BoxFuture<'_, Result<GroupMasks, ResourceError>> {
        async { Ok(GroupMasks::new()) }.boxed()
    }
}

fn protection() -> Protection {
    let arn = "arn:aws:dataprotection::aws:data-identifier/EmailAddress";
    let document = json!({
        "Name": "p",
        "Version": "2021-06-01",
        "Configuration": {"CustomDataIdentifier": [{"Name": "Needle", "Regex": "needle"}, {"Name": "Error", "Regex": "error"}]},
        "Statement": [
            {"DataIdentifier": [arn, "Needle", "Error"], "Operation": {"Audit": {"FindingsDestination": {}}}},
            {"DataIdentifier": [arn, "Needle", "Error"], "Operation": {"Deidentify": {"MaskConfig": {}}}}
        ]
    });
    let protector = Arc::new(Protector::compile(&[Policy::parse(&document.to_string()).unwrap()]));
    Protection::new(vec![Period { from: Timestamp(T0 + 1000 * MINUTE), until: None, protector }])
}

async fn rows(fixture: &Fixture, statement: &str, masks: Arc<dyn Masks>) -> Vec<Value> {
    let answer = fixture.sql.query(statement, Format::JsonLines, Some(masks)).await;
    let text = String::from_utf8(answer.unwrap_or_else(|error| panic!("{statement}: {error}"))).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

async fn explain(fixture: &Fixture, how: &str, statement: &str) -> String {
    let rows = rows(fixture, &format!("{how} {statement}"), Arc::new(OfWeb)).await;
    rows.iter().map(|row| row["plan"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn conditions_see_what_is_shown() {
    let fixture = Fixture::new().await;
    // Needles are in lines 499, 999, ..., all of them of `web`; the last four are masked.
    for (condition, expected) in [
        ("message LIKE '%needle%'", 2),
        ("contains(message, 'needle')", 2),
        ("json_extract_scalar(message, '$.text') = 'needle'", 2),
        ("json_extract_scalar(message, '$.text') <> 'needle'", 2998),
        ("message LIKE '%******%'", 4),
        ("json_extract_scalar(message, '$.text') = '******'", 4),
        ("log_group = 'web' AND message NOT LIKE '%needle%'", 1498),
        ("message ~ 'nee+dle'", 2),
    ] {
        let counted =
            rows(&fixture, &format!("SELECT count(*) AS n FROM logs WHERE {condition}"), Arc::new(OfWeb)).await;
        assert_eq!(counted, [json!({ "n": expected })], "{condition}");
    }
    let shown = "SELECT message, json_extract_scalar(message, '$.text') AS text, log_stream FROM logs \
                 WHERE json_extract_scalar(message, '$.n') IN ('999', '1499') ORDER BY timestamp";
    let expected = |text: &str, n: i64| json!({ "message": format!("{{\"level\":\"info\",\"n\":{n},\"text\":\"{text}\"}}"), "text": text, "log_stream": "web-1" });
    assert_eq!(rows(&fixture, shown, Arc::new(OfWeb)).await, [expected("needle", 999), expected("******", 1499)]);
    assert_eq!(fixture.rows(shown).await[1]["text"], "needle", "without masks all is shown");
}

#[tokio::test]
async fn groups_and_orders_are_of_masked_values() {
    let fixture = Fixture::new().await;
    let levels = "SELECT json_extract_scalar(message, '$.level') AS level, count(*) AS n FROM logs \
                  WHERE timestamp >= to_timestamp_millis(1790060000000) GROUP BY 1 ORDER BY 1";
    let naive = |level: &str, wanted: &dyn Fn(u64) -> bool| {
        let logs = fixture.logs.iter().filter(|log| log.timestamp.0 >= T0 + 1000 * MINUTE && wanted(log.group.0));
        logs.filter(|log| log.message.contains(level)).count()
    };
    let (masked, error) = (naive("error", &|group| group == 2), naive("error", &|group| group == 1));
    let info = naive("info", &|_| true);
    let expected = [
        json!({"level": "*****", "n": masked}),
        json!({"level": "error", "n": error}),
        json!({"level": "info", "n": info}),
    ];
    assert_eq!(rows(&fixture, levels, Arc::new(OfWeb)).await, expected);
    let newest = "SELECT json_extract_scalar(message, '$.text') AS text FROM logs ORDER BY timestamp DESC LIMIT 1";
    assert_eq!(rows(&fixture, newest, Arc::new(OfWeb)).await, [json!({"text": "******"})]);
}

#[tokio::test]
async fn what_is_skipped_does_not_tell() {
    let fixture = Fixture::new().await;
    fixture.store.flush().await.unwrap();
    let counts = async |text: &str| {
        let statement = format!(
            "SELECT count(*) FROM logs WHERE log_group = 'web' AND (message LIKE '%{text}%') \
             AND json_extract_scalar(message, '$.text') = '{text}'"
        );
        let plan = explain(&fixture, "EXPLAIN ANALYZE", &statement).await;
        (count(&plan, "rows_seen"), count(&plan, "row_groups_skipped"), count(&plan, "parts_skipped"))
    };
    assert_eq!(counts("needle").await, counts("nowhere").await);
    let of_plain = explain(&fixture, "EXPLAIN", "SELECT count(*) FROM logs WHERE message LIKE '%needle%'").await;
    assert_eq!(of_plain.matches("message contains").count(), 1, "only where nothing is masked: {of_plain}");
}

#[tokio::test]
async fn a_group_without_an_answer_is_not_shown_and_who_reads_no_lines_need_not_ask() {
    let fixture = Fixture::new().await;
    assert_eq!(rows(&fixture, "SELECT message FROM logs", Arc::new(OfNone)).await, [] as [Value; 0]);
    let counted = rows(&fixture, "SELECT count(*) AS n FROM logs", Arc::new(OfNone)).await;
    assert_eq!(counted, [json!({ "n": 3000 })]);
}

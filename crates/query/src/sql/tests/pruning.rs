//! Skipping happens: the plan says how much was not read, and running it reads little.

use super::fixture::{Fixture, HOUR, T0};
use model::Timestamp;

/// The sum of a counter over the scans of an analyzed plan.
pub fn count(plan: &str, counter: &str) -> u64 {
    let counter = format!("{counter}=");
    let scans = plan.lines().filter(|line| line.contains("ScanExec"));
    let values = scans.flat_map(|line| line.split(&counter).skip(1));
    values.map(digits).sum()
}

fn digits(text: &str) -> u64 {
    text.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap()
}

/// Skipped and all, of `what` in a plan.
fn skipped(plan: &str, what: &str) -> (u64, u64) {
    let (_, rest) = plan.split_once(&format!("{what} skipped=")).unwrap_or_else(|| panic!("{what} in {plan}"));
    let (skipped, all) = rest.split_once('/').unwrap();
    (digits(skipped), digits(all))
}

#[tokio::test]
async fn a_time_range_skips_segments_and_row_groups_before_reading() {
    let fixture = Fixture::new().await;
    let at = Timestamp(T0 + 2 * HOUR).iso_millis();
    let plan = fixture.explain("EXPLAIN", &format!("SELECT count(*) FROM logs WHERE timestamp < '{at}'")).await;
    assert_eq!(skipped(&plan, "segments"), (1, 2), "{plan}");
    let (row_groups, all) = skipped(&plan, "row groups");
    assert!(all >= 20 && row_groups >= all - 4, "{plan}");
    assert!(plan.contains("memory parts=0"), "{plan}");
}

#[tokio::test]
async fn groups_series_and_keys_are_skipped() {
    let fixture = Fixture::new().await;
    let plan = fixture.explain("EXPLAIN", "SELECT message FROM logs WHERE log_group = 'app'").await;
    let (row_groups, all) = skipped(&plan, "row groups");
    assert!(row_groups >= all / 2 - 1, "{plan}");
    assert!(plan.contains("columns=[group, message]") || plan.contains("columns=[message]"), "{plan}");
    let plan = fixture.explain("EXPLAIN", "SELECT value FROM metrics WHERE name = 'Orders'").await;
    assert_eq!(skipped(&plan, "series"), (2, 3), "{plan}");
    // A rare key is found by Bloom filters: most row groups are not read at all.
    let plan = fixture.explain("EXPLAIN ANALYZE", "SELECT record FROM events WHERE access_key_id = 'KEY3'").await;
    assert!(count(&plan, "row_groups_skipped") >= 4, "{plan}");
    assert!(count(&plan, "rows_seen") <= 200, "{plan}");
    assert_eq!(count(&plan, "output_rows"), 50, "{plan}");
}

#[tokio::test]
async fn the_newest_few_are_found_without_reading_everything() {
    let fixture = Fixture::new().await;
    for statement in [
        "SELECT time, record FROM events ORDER BY time DESC LIMIT 3",
        "SELECT time, record FROM events WHERE username = 'user1' ORDER BY time DESC LIMIT 3",
        "SELECT time, record FROM events WHERE username <> 'user1' ORDER BY time DESC LIMIT 3",
    ] {
        let plan = fixture.explain("EXPLAIN ANALYZE", statement).await;
        // A filter in between gathers rows before the newest are known, so of a small table all may be seen then.
        if !statement.contains("WHERE") {
            assert!(count(&plan, "parts_skipped") >= 1, "{plan}");
            assert!(count(&plan, "rows_seen") < 600, "{plan}");
        }
        let found: Vec<String> =
            fixture.rows(statement).await.iter().map(|row| row["record"].as_str().unwrap().to_owned()).collect();
        let admits = |name: &str| match statement {
            s if s.contains("= 'user1'") => name == "user1",
            s if s.contains("<> 'user1'") => name != "user1",
            _ => true,
        };
        let newest = fixture.events.iter().rev().filter(|event| admits(&event.username));
        let expected: Vec<String> = newest.take(3).map(|event| event.record.clone()).collect();
        assert_eq!(found, expected, "{statement}");
    }
    let oldest = "SELECT message FROM logs ORDER BY timestamp LIMIT 2";
    let plan = fixture.explain("EXPLAIN ANALYZE", oldest).await;
    assert!(count(&plan, "parts_skipped") >= 10, "{plan}");
    let rows = fixture.rows(oldest).await;
    assert_eq!(rows[1]["message"].as_str(), Some(fixture.logs[1].message.as_str()));
    let latest = "SELECT message FROM logs WHERE log_group = 'web' ORDER BY timestamp DESC LIMIT 2";
    let rows = fixture.rows(latest).await;
    let web: Vec<_> = fixture.logs.iter().rev().filter(|log| log.group.0 == 2).take(2).collect();
    assert_eq!(rows[1]["message"].as_str(), Some(web[1].message.as_str()));
}

#[tokio::test]
async fn a_text_is_looked_for_before_other_columns_are_read() {
    let fixture = Fixture::new().await;
    let plan = fixture.explain("EXPLAIN ANALYZE", "SELECT * FROM events WHERE record LIKE '%\"n\":77}%'").await;
    assert!(plan.contains("record contains"), "{plan}");
    let found = fixture.rows("SELECT record FROM events WHERE record LIKE '%\"n\":77}%'").await;
    assert_eq!(found.len(), 1);
    let counted = fixture.rows("SELECT count(*) AS n FROM events").await;
    assert_eq!(counted[0]["n"].as_u64(), Some(900));
    let plan = fixture.explain("EXPLAIN", "SELECT count(*) FROM events").await;
    assert!(plan.contains("columns=[],"), "{plan}");
}

#[tokio::test]
async fn rows_that_are_alike_are_counted_together() {
    let fixture = Fixture::new().await;
    let at = Timestamp(T0 + 15 * HOUR).iso_millis();
    let early = |event: &&model::Event| event.time.0 < T0 + 15 * HOUR;
    let count = |of: &dyn Fn(&&model::Event) -> bool| fixture.events.iter().filter(early).filter(of).count() as u64;
    let by_name = format!("SELECT name, count(*) AS n FROM events WHERE time < '{at}' GROUP BY name ORDER BY name");
    let plan = fixture.explain("EXPLAIN", &by_name).await;
    assert!(plan.contains("CountExec: by=[name@0]"), "{plan}");
    // The scan answers by the time itself, so that the time is not read.
    assert!(plan.contains("columns=[name],") && !plan.contains("FilterExec"), "{plan}");
    let rows = fixture.rows(&by_name).await;
    let counted: Vec<(&str, u64)> =
        rows.iter().map(|row| (row["name"].as_str().unwrap(), row["n"].as_u64().unwrap())).collect();
    let (gets, puts) = (count(&|event| event.name == "GetThing"), count(&|event| event.name == "PutThing"));
    assert_eq!(counted, [("GetThing", gets), ("PutThing", puts)]);
    let by_hour = format!(
        "SELECT date_trunc('hour', time) AS hour, length(username) AS l, count(*) AS n, count(1) AS m FROM events \
         WHERE username <> 'user1' AND time < '{at}' GROUP BY 1, 2 ORDER BY 1"
    );
    let plan = fixture.explain("EXPLAIN ANALYZE", &by_hour).await;
    let others = count(&|event| event.username != "user1");
    assert!(plan.contains("CountExec") && !plan.contains("FilterExec"), "{plan}");
    assert!(plan.contains(&format!("rows_counted={others}")), "{plan}");
    let rows = fixture.rows(&by_hour).await;
    assert_eq!(rows.len(), 16);
    for (hour, row) in rows.iter().enumerate() {
        let of_hour = |event: &&model::Event| (event.time.0 - T0 + T0 % HOUR) / HOUR == hour as i64;
        let expected = count(&|event| event.username != "user1" && of_hour(event));
        assert_eq!(
            (row["n"].as_u64(), row["m"].as_u64(), row["l"].as_u64()),
            (Some(expected), Some(expected), Some(5))
        );
    }
    // What differs from row to row is left to the engine.
    for statement in
        ["SELECT event_id, count(*) FROM events GROUP BY 1", "SELECT time, count(*) FROM events GROUP BY 1"]
    {
        let plan = fixture.explain("EXPLAIN", statement).await;
        assert!(!plan.contains("CountExec"), "{plan}");
    }
}

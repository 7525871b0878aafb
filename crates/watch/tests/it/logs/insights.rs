//! Queries of Logs Insights: what becomes of those within others, and of one whose task panics.

use super::{plane_with_stream, put, put_into, query, values};
use crate::plane::{NOW, Plane};
use model::Timestamp;
use model::clock::Clock;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// A clock that moves on by so much whenever it is looked at.
struct Stepping(AtomicI64, i64);

impl Clock for Stepping {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.fetch_add(self.1, Ordering::SeqCst))
    }
}

/// A clock that stands still, and breaks once: when it is looked at for the third time.
struct Broken(AtomicI64);

impl Clock for Broken {
    fn now(&self) -> Timestamp {
        assert_ne!(self.0.fetch_add(1, Ordering::SeqCst), 2, "the clock is broken");
        Timestamp(NOW)
    }
}

async fn asked(plane: &Plane, text: &str) -> Value {
    let (start, end) = (NOW / 1000 - 3600, NOW / 1000 + 60);
    let input = json!({"logGroupNames": ["g"], "queryString": text, "startTime": start, "endTime": end});
    plane.ok("StartQuery", input).await["queryId"].clone()
}

async fn status(plane: &Plane, id: &Value) -> String {
    loop {
        let answer = plane.ok("GetQueryResults", json!({"queryId": id})).await;
        match answer["status"].as_str() {
            Some("Scheduled" | "Running") => tokio::task::yield_now().await,
            status => return status.expect("a status").to_owned(),
        }
    }
}

const WITHIN: &str = r#"filter user in (filter level = "bad" | stats count(*) by user) | fields level | sort level"#;

#[tokio::test]
async fn a_query_within_a_query_has_thirty_seconds() {
    let mut plane = plane_with_stream().await;
    put(&plane, "s", &[(-2, r#"{"user":"ann","level":"bad"}"#), (-1, r#"{"user":"ann","level":"ok"}"#)]).await;
    put(&plane, "s", &[(0, r#"{"user":"bob","level":"ok"}"#)]).await;
    assert_eq!(values(&query(&plane, &["g"], WITHIN).await, "level"), ["bad", "ok"]);
    plane.watch.clock = Arc::new(Stepping(AtomicI64::new(NOW), 31_000));
    let id = asked(&plane, WITHIN).await;
    assert_eq!(status(&plane, &id).await, "Timeout");
    // One without another within it has an hour.
    let id = asked(&plane, "fields level").await;
    assert_eq!(status(&plane, &id).await, "Complete");
}

#[tokio::test]
async fn a_query_whose_task_panics_has_failed_and_is_gone() {
    let mut plane = plane_with_stream().await;
    put(&plane, "s", &[(0, "x")]).await;
    plane.watch.clock = Arc::new(Broken(AtomicI64::new(0)));
    let id = asked(&plane, "fields @message").await;
    assert_eq!(status(&plane, &id).await, "Failed");
    let running = plane.ok("DescribeQueries", json!({"status": "Running"})).await;
    assert_eq!(running["queries"], json!([]));
    plane.ok("CreateLogGroup", json!({"logGroupName": "never-asked"})).await;
    let of_group = plane.ok("DescribeQueries", json!({"logGroupName": "never-asked"})).await;
    assert_eq!(of_group["queries"], json!([]));
    let refusal = plane.refused("DescribeQueries", json!({"logGroupName": "absent"})).await;
    assert_eq!(refusal.0, "ResourceNotFoundException");
    assert_eq!(refusal.1, "The specified log group does not exist.");
    let id = asked(&plane, "fields @message").await;
    assert_eq!(status(&plane, &id).await, "Complete");
}

#[tokio::test]
async fn queries_of_sql_are_put_together() {
    let plane = plane_with_stream().await;
    put(&plane, "s", &[(-2, r#"{"user":"ann","ms":1}"#), (-1, r#"{"user":"ann","ms":3}"#)]).await;
    put(&plane, "s", &[(0, r#"{"user":"bob","ms":5}"#)]).await;
    let text = "WITH sums AS (SELECT user, sum(ms) AS total FROM g GROUP BY user) \
        SELECT user, total, RANK() OVER (ORDER BY total DESC) AS place FROM sums \
        UNION ALL SELECT 'all', sum(ms), 0 FROM g WHERE user IN (SELECT user FROM sums) ORDER BY user";
    let answer = sql(&plane, text).await;
    let rows: Vec<String> = answer["results"].as_array().expect("rows").iter().map(cells).collect();
    assert_eq!(rows, ["all 9 0", "ann 4 2", "bob 5 1"]);
}

/// The answer to SQL over the hour before `NOW` and a minute more.
async fn sql(plane: &Plane, text: &str) -> Value {
    let (start, end) = (NOW / 1000 - 3600, NOW / 1000 + 60);
    let input = json!({"queryString": text, "queryLanguage": "SQL", "startTime": start, "endTime": end});
    let id = plane.ok("StartQuery", input).await["queryId"].clone();
    assert_eq!(status(plane, &id).await, "Complete", "{text}");
    plane.ok("GetQueryResults", json!({"queryId": id})).await
}

#[tokio::test]
async fn a_join_compares_what_it_does_not_show_and_counts_both_sides() {
    let plane = plane_with_stream().await;
    plane.ok("CreateLogGroup", json!({"logGroupName": "h"})).await;
    plane.ok("CreateLogStream", json!({"logGroupName": "h", "logStreamName": "s"})).await;
    let (ann, bob, late) = (r#"{"id":"1","user":"ann"}"#, r#"{"id":"2","user":"bob"}"#, r#"{"ref":"2","ms":70}"#);
    put(&plane, "s", &[(-1, ann), (0, bob)]).await;
    put_into(&plane, "h", late).await;
    let answer = sql(&plane, "SELECT g.user FROM g JOIN h ON g.id = h.ref WHERE h.ms > 50 ORDER BY h.ms").await;
    assert_eq!(values(&answer, "g.user"), ["bob"]);
    let counted = |name: &str| answer["statistics"][name].as_f64().expect(name);
    assert_eq!((counted("logGroupsScanned"), counted("recordsScanned")), (2.0, 3.0));
    let left = sql(&plane, "SELECT user, id FROM g").await["statistics"]["bytesScanned"].as_f64().expect("a number");
    assert!(counted("bytesScanned") >= left + 26.0, "{answer}");
    // All of the other query's, and the one that has a partner.
    assert_eq!(counted("recordsMatched"), 2.0);
    let right = sql(&plane, "SELECT g.user, h.ms FROM g RIGHT JOIN h ON g.id = h.ms").await;
    assert_eq!(right["results"], json!([[{"field": "h.ms", "value": "70"}]]));
}

fn cells(row: &Value) -> String {
    let cells = row.as_array().expect("cells").iter().map(|cell| cell["value"].as_str().expect("a text"));
    cells.collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn bytes_are_those_of_the_events_also_when_no_text_is_read() {
    let plane = plane_with_stream().await;
    put(&plane, "s", &[(-2, "0123456789"), (-1, "01234")]).await;
    for is_on_disk in [false, true] {
        if is_on_disk {
            plane.watch.store.flush().await.unwrap();
        }
        for text in ["stats count(*) as n by @logStream", "fields @message"] {
            let answer = query(&plane, &["g"], text).await;
            let statistics = &answer["statistics"];
            let seen = (&statistics["recordsScanned"], &statistics["bytesScanned"]);
            assert_eq!(seen, (&json!(2.0), &json!(15.0 + 2.0 * 26.0)), "{text}");
        }
    }
}

#[tokio::test]
async fn events_without_a_text_are_scanned_and_do_not_match() {
    let plane = plane_with_stream().await;
    let line = |n: i64| match n % 5 {
        0 => format!(r#"{{"n":{n},"level":"error","msg":"upstream connection refused"}}"#),
        _ => format!(r#"{{"n":{n},"level":"info","msg":"returned to the pool"}}"#),
    };
    let texts: Vec<String> = (0..20).map(line).collect();
    let events: Vec<(i64, &str)> = texts.iter().enumerate().map(|(at, text)| (at as i64 - 20, text.as_str())).collect();
    put(&plane, "s", &events).await;
    for is_on_disk in [false, true] {
        if is_on_disk {
            plane.watch.store.flush().await.unwrap();
        }
        for condition in [
            r#"@message like "upstream connection refused""#,
            "@message like /upstream connection/",
            r#"@message like "connection refused" and level = "error""#,
            "@message like /connection r.fused/",
        ] {
            for (shown, expected) in [("stats count(*) as n", "4"), ("stats count(*) as n by level", "4")] {
                let answer = query(&plane, &["g"], &format!("filter {condition} | {shown}")).await;
                assert_eq!(values(&answer, "n"), [expected], "{condition}");
                let counted = |name: &str| answer["statistics"][name].as_f64().expect(name);
                assert_eq!((counted("recordsScanned"), counted("recordsMatched")), (20.0, 4.0), "{condition}");
                let bytes = texts.iter().map(|text| text.len() + 26).sum::<usize>() as f64;
                assert!((counted("bytesScanned") - bytes).abs() < bytes / 10.0, "{answer}");
            }
            let rows = query(&plane, &["g"], &format!("filter {condition} | fields n | sort n")).await;
            assert_eq!(values(&rows, "n"), ["0", "10", "15", "5"], "{condition}");
        }
    }
}

#[tokio::test]
async fn an_estimate_counts_bytes_and_no_rows() {
    let plane = plane_with_stream().await;
    put(&plane, "s", &[(0, "0123456789"), (1, "01234")]).await;
    let answer = query(&plane, &["g"], "fields @message | filter @message like '9' | estimate").await;
    assert_eq!(values(&answer, "estimatedBytesScanned"), ["67"]);
}

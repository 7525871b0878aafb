//! `metrics_latest` and `metric_periods` say what the rows of `metrics` add up to, and exact conditions are not checked twice.

use super::super::{Format, SqlError};
use super::fixture::{Fixture, HOUR, MINUTE, T0};
use model::{Datapoint, Timestamp};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Name and host of a series of the fixture.
fn named(point: &Datapoint) -> (String, String) {
    (point.series.name.clone(), point.series.dimensions[0].1.clone())
}

fn text(row: &Value, column: &str) -> String {
    row[column].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_newest_sample_of_each_series() {
    let fixture = Fixture::new().await;
    let mut newest: BTreeMap<(String, String), &Datapoint> = BTreeMap::new();
    newest.extend(fixture.points.iter().map(|point| (named(point), point)));
    let rows = fixture
        .rows("SELECT *, json_extract_scalar(dimensions, '$.host') AS host FROM metrics_latest ORDER BY name, host")
        .await;
    assert_eq!(rows.len(), newest.len());
    for (row, ((name, host), point)) in rows.iter().zip(&newest) {
        let (count, sum, ..) = point.observation.stats();
        assert_eq!(
            (&text(row, "name"), &text(row, "host"), text(row, "unit")),
            (name, host, point.series.unit.clone())
        );
        assert_eq!(text(row, "timestamp"), point.timestamp.iso_millis().replace(".000Z", "Z"));
        assert_eq!(row["value"], json!(sum / count));
    }
    let last = fixture.points.last().unwrap().timestamp;
    for (condition, expected) in [
        ("name = 'Latency' AND namespace = 'Shop'".to_owned(), 2),
        ("json_extract_scalar(dimensions, '$.host') = 'b'".to_owned(), 1),
        ("dimensions = '{\"host\":\"a\"}' AND name IN ('Latency', 'Other')".to_owned(), 1),
        (format!("timestamp > '{}'", last.iso_millis()), 0),
        (format!("timestamp >= '{}' AND value >= 0", last.iso_millis()), 3),
        ("timestamp < '1990-01-01T00:00:00Z' OR timestamp > '1991-01-01T00:00:00Z'".to_owned(), 3),
    ] {
        let counted = fixture.rows(&format!("SELECT count(*) AS n FROM metrics_latest WHERE {condition}")).await;
        assert_eq!(counted, [json!({ "n": expected })], "{condition}");
    }
}

#[tokio::test]
async fn periods_hold_all_their_samples() {
    let fixture = Fixture::new().await;
    let (from, to) = (T0 + 5 * HOUR + 1, T0 + 30 * HOUR);
    for (seconds, range) in [(60, None), (1200, None), (3600, Some((from, to))), (86_400, Some((from, to)))] {
        let mut expected: BTreeMap<_, (f64, f64, f64, f64)> = BTreeMap::new();
        for point in &fixture.points {
            let start = point.timestamp.floor_to(seconds * 1000).0;
            if range.is_some_and(|(from, to)| start < from || start >= to) {
                continue;
            }
            let ((name, host), (count, sum, min, max)) = (named(point), point.observation.stats());
            let kept = expected.entry((name, host, start)).or_insert((0.0, 0.0, f64::INFINITY, f64::NEG_INFINITY));
            *kept = (kept.0 + count, kept.1 + sum, kept.2.min(min), kept.3.max(max));
        }
        let during = range.map_or_else(String::new, |(from, to)| {
            let text = |time: i64| Timestamp(time).iso_millis();
            format!("WHERE timestamp >= '{}' AND timestamp < '{}'", text(from), text(to))
        });
        let statement = format!(
            "SELECT name, json_extract_scalar(dimensions, '$.host') AS host, \
             cast(extract(epoch FROM timestamp) AS BIGINT) * 1000 AS start, sample_count, sum, minimum, maximum \
             FROM metric_periods({seconds}) {during} ORDER BY 1, 2, 3"
        );
        let rows = fixture.rows(&statement).await;
        assert_eq!(rows.len(), expected.len(), "{statement}");
        for (row, ((name, host, start), (count, sum, min, max))) in rows.iter().zip(expected) {
            let wanted = json!({
                "name": name, "host": host, "start": start,
                "sample_count": count, "sum": sum, "minimum": min, "maximum": max,
            });
            assert_eq!(*row, wanted, "{statement}");
        }
    }
}

#[tokio::test]
async fn averages_agree_with_rows() {
    let fixture = Fixture::new().await;
    let question = |select: &str, source: &str| {
        format!(
            "SELECT name, {select} AS v FROM {source} WHERE namespace = 'Shop' AND name <> 'x' GROUP BY 1, 2 ORDER BY 1, 2"
        )
    };
    let periods = question("timestamp AS t, sum(sum) / sum(sample_count)", "metric_periods(1800)");
    let rows = question("date_bin(INTERVAL '30 minutes', timestamp) AS t, sum(sum) / sum(count)", "metrics");
    let (periods, rows) = (fixture.rows(&periods).await, fixture.rows(&rows).await);
    assert!(periods.len() > 100);
    assert_eq!(periods.len(), rows.len());
    for (period, row) in periods.iter().zip(&rows) {
        assert_eq!((&period["name"], &period["t"]), (&row["name"], &row["t"]));
        assert!((period["v"].as_f64().unwrap() - row["v"].as_f64().unwrap()).abs() < 1e-9);
    }
}

#[tokio::test]
async fn wrong_periods_are_refused() {
    let fixture = Fixture::new().await;
    for wrong in ["", "7", "0", "-60", "'soon'", "60, 60", "NULL", "1e300"] {
        let answer =
            fixture.sql.query(&format!("SELECT * FROM metric_periods({wrong})"), Format::JsonLines, None).await;
        assert!(matches!(answer, Err(SqlError::Invalid { .. })), "{wrong}: {answer:?}");
    }
}

#[tokio::test]
async fn exact_conditions_are_not_checked_again() {
    let fixture = Fixture::new().await;
    let at = |hours: i64| Timestamp(T0 + hours * HOUR + MINUTE).iso_millis();
    let exact =
        format!("name IN ('Latency', 'x') AND namespace = 'Shop' AND timestamp BETWEEN '{}' AND '{}'", at(3), at(9));
    let plan = fixture.explain("EXPLAIN", &format!("SELECT max(value) FROM metrics WHERE {exact}")).await;
    assert!(!plan.contains("FilterExec") && plan.contains("columns=[value]"), "{plan}");
    let within = |point: &&Datapoint| (T0 + 3 * HOUR + MINUTE..=T0 + 9 * HOUR + MINUTE).contains(&point.timestamp.0);
    let latency = |point: &&Datapoint| point.series.name == "Latency";
    let expected = fixture.points.iter().filter(within).filter(latency).count();
    let counted = fixture.rows(&format!("SELECT count(*) AS n FROM metrics WHERE {exact}")).await;
    assert_eq!(counted, [json!({ "n": expected })]);
    // Where the scan knows less than the condition says, rows are checked.
    let outside = format!("name = 'Latency' AND (timestamp < '{}' OR timestamp > '{}')", at(3), at(9));
    let plan = fixture.explain("EXPLAIN", &format!("SELECT max(value) FROM metrics WHERE {outside}")).await;
    assert!(plan.contains("FilterExec"), "{plan}");
    let expected = fixture.points.iter().filter(latency).filter(|point| !within(point)).count();
    let counted = fixture.rows(&format!("SELECT count(*) AS n FROM metrics WHERE {outside}")).await;
    assert_eq!(counted, [json!({ "n": expected })]);
}

#[tokio::test]
async fn percentiles_by_group_lie_between_neighbours() {
    let fixture = Fixture::new().await;
    let mut values: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for row in fixture.rows("SELECT name, value FROM metrics").await {
        values.entry(text(&row, "name")).or_default().extend(row["value"].as_f64());
    }
    let statement = "SELECT name, percentile_cont(0.3) WITHIN GROUP (ORDER BY value) AS ascending, \
                     percentile_cont(0.7) WITHIN GROUP (ORDER BY value DESC) AS descending FROM metrics GROUP BY 1 ORDER BY 1";
    let rows = fixture.rows(statement).await;
    assert_eq!(rows.len(), values.len());
    for (row, (name, mut values)) in rows.iter().zip(values) {
        values.sort_by(f64::total_cmp);
        let place = 0.3 * (values.len() - 1) as f64;
        let (below, above) = (values[place.floor() as usize], values[place.ceil() as usize]);
        let expected = below + (above - below) * place.fract();
        assert_eq!(text(row, "name"), name);
        for column in ["ascending", "descending"] {
            let found = row[column].as_f64().unwrap();
            assert!((found - expected).abs() <= 1e-5 * (above - below), "{name} {column}: {found}, not {expected}");
        }
    }
}

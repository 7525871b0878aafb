//! Aggregation expressions that are read, and those that are refused.

use super::*;

fn read(text: &str) -> Aggregation {
    Aggregation::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn refused(text: &str) -> String {
    Aggregation::parse(text).expect_err(text).to_string()
}

fn answer(columns: &[&str], rows: &[&[&str]]) -> Answer {
    let cell = |text: &&str| (*text != "-").then(|| (*text).to_owned());
    Answer {
        columns: columns.iter().map(|name| (*name).to_owned()).collect(),
        rows: rows.iter().map(|row| row.iter().map(cell).collect()).collect(),
        pointers: None,
    }
}

#[test]
fn the_guides_expressions_are_read() {
    for text in ["count(*)", "avg(duration)", "sum(bytesSent)", "min(latency)", "max(latency) as worst", "count(x)"] {
        assert!(!read(text).is_grouped(), "{text}");
    }
    for (text, is_descending, fields) in [
        ("count(*) by serviceName", None, 1),
        ("avg(latency) by host | sort desc", Some(true), 1),
        ("sum(x) as total by a, b, c, d, e |  SORT  asc ", Some(false), 5),
    ] {
        let aggregation = read(text);
        assert_eq!((aggregation.is_descending, aggregation.by.len()), (is_descending, fields), "{text}");
    }
}

#[test]
fn other_expressions_are_refused() {
    assert_eq!(refused("count(*), avg(x)"), "only a single aggregation expression is supported");
    assert_eq!(refused("count(*) | limit 5"), "only a single aggregation expression is supported");
    assert_eq!(refused("count(*) | sort x desc"), "only a single aggregation expression is supported");
    assert_eq!(refused("pct(x, 99)"), "the aggregation functions are count, avg, sum, min and max");
    assert_eq!(refused("avg(x) * 2"), "the aggregation functions are count, avg, sum, min and max");
    assert_eq!(refused("count(*) by a, b, c, d, e, f"), "at most 5 fields can be in the by clause");
    assert_eq!(refused("count(*) by bin(5m)"), "bin() is not supported in the by clause");
    assert!(!refused("count(").is_empty() && !refused("").is_empty());
}

#[test]
fn rows_become_values() {
    let of_all = read("count(*)");
    assert_eq!(of_all.values(&answer(&["count(*)"], &[&["42"]])).0[0].value, Some(42.0));
    assert_eq!(of_all.values(&answer(&["count(*)"], &[])).0[0].value, Some(0.0), "a count of nothing is 0");
    for text in ["count(code)", "avg(x)"] {
        assert_eq!(read(text).values(&answer(&[], &[])).0[0].value, None, "{text} of nothing is missing");
    }
    let grouped = read("avg(ms) as mean by host, zone | sort desc");
    let (values, has_more) =
        grouped.values(&answer(&["host", "zone", "mean"], &[&["a", "-", "3.5"], &["b", "z", "-"], &["c", "", "NaN"]]));
    let attributes: Vec<Vec<String>> = values.iter().map(|v| v.attributes.values().cloned().collect()).collect();
    assert_eq!(attributes, [vec!["a"], vec!["b", "z"], vec!["c"]]);
    assert_eq!(values.iter().map(|v| v.value).collect::<Vec<_>>(), [Some(3.5), None, None]);
    assert!(!has_more);
    assert_eq!(grouped.values(&answer(&["host", "mean"], &[])), (Vec::new(), false));
}

#[test]
fn more_than_500_contributors_are_told_as_more() {
    let grouped = read("count(*) by n");
    let names: Vec<String> = (0..=CONTRIBUTORS_MAX).map(|n| n.to_string()).collect();
    let rows: Vec<[&str; 2]> = names.iter().map(|name| [name.as_str(), "1"]).collect();
    let rows: Vec<&[&str]> = rows.iter().map(|row| row.as_slice()).collect();
    let (values, has_more) = grouped.values(&answer(&["n", "count(*)"], &rows));
    assert_eq!((values.len(), has_more), (CONTRIBUTORS_MAX, true));
    let query = grouped.of(parse("filter @message like /x/").unwrap());
    assert!(
        matches!(query.commands.as_slice(), [Command::Filter(_), Command::Stats { .. }, Command::Sort(keys), Command::Limit(501)] if keys.len() == 1)
    );
}

#[test]
fn long_values_that_differ_are_other_contributors() {
    let grouped = read("count(*) by n");
    let fits = "\u{e9}".repeat(VALUE_CHARS_MAX);
    let (one, other) = (format!("{fits}1"), format!("{fits}2"));
    let rows: [&[&str]; 3] = [&[&fits, "1"], &[&one, "1"], &[&other, "1"]];
    let (values, _) = grouped.values(&answer(&["n", "count(*)"], &rows));
    let kept: Vec<&str> = values.iter().map(|value| value.attributes["n"].as_str()).collect();
    assert_eq!(kept[0], fits);
    assert_ne!(kept[1], kept[2]);
    assert!(kept.iter().all(|text| text.chars().count() == VALUE_CHARS_MAX), "{kept:?}");
    assert!(kept[1].starts_with("\u{e9}\u{e9}") && kept[1].contains("\u{2026}"), "{}", kept[1]);
}

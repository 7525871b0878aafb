//! Patterns and their differences.

use super::*;

fn logins(count: usize, from: i64) -> Vec<Line> {
    let line = |number: usize| Line {
        at: from + number as i64 * 1_000,
        text: format!("[INFO] login of user {} from 10.0.0.{} took {} in all", number * 7, number % 200, number * 3),
        number,
        known: Vec::new(),
    };
    (0..count).map(line).collect()
}

#[test]
fn pattern_counts_lines_of_one_look() {
    let mut found = logins(9, NOON);
    found.push(Line { at: NOON, text: "[ERROR] disk full".into(), number: 9, known: Vec::new() });
    let commands = vec![Command::Pattern(f("@message")), sort(&[("@sampleCount", false)])];
    let answer = answer(commands, &found);
    assert_eq!(answer.columns[..4], ["@pattern", "@ratio", "@sampleCount", "@severityLabel"]);
    let shown: Vec<String> =
        table(&answer).iter().map(|row| row.split(" | ").take(4).collect::<Vec<_>>().join(" | ")).collect();
    assert_eq!(
        shown,
        ["[ERROR] disk full | 0.1 | 1 | ERROR", "[INFO] login of user <*> from <*> took <*> in all | 0.9 | 9 | INFO"]
    );
    assert_eq!(answer.pointers, None);
    let tokens: serde_json::Value = serde_json::from_str(answer.rows[1][6].as_ref().unwrap()).unwrap();
    assert_eq!(tokens[1]["isDynamic"], true);
}

#[test]
fn diff_compares_with_an_earlier_range_of_the_same_length() {
    let plan_of =
        |offset| Plan::new(&query(vec![Command::Pattern(f("@message")), Command::Diff(offset)]), context()).unwrap();
    let plan = plan_of(DiffOffset::Previous);
    let hour = 3_600_000;
    assert_eq!(plan.compared_range(), Some(TimeRange::new(Timestamp(NOON - hour), Timestamp(NOON))));
    let day = plan_of(DiffOffset::Ago(24 * hour)).compared_range();
    assert_eq!(day, Some(TimeRange::new(Timestamp(NOON - 24 * hour), Timestamp(NOON - 23 * hour))));
    let (mut now, mut before) = (plan.worker(), plan.worker_compared());
    logins(8, NOON).iter().for_each(|line| now.feed(line).unwrap());
    now.feed(&Line { at: NOON, text: "[ERROR] disk full".into(), number: 9, known: Vec::new() }).unwrap();
    logins(4, NOON - hour).iter().for_each(|line| before.feed(line).unwrap());
    let answer = plan.finish(vec![before, now]).unwrap();
    let cell = |row: usize, name: &str| {
        let at = answer.columns.iter().position(|column| column == name).unwrap();
        answer.rows[row][at].clone().unwrap()
    };
    assert_eq!(cell(0, "@sampleCount"), "8");
    assert_eq!(cell(0, "@differenceEventCount"), "4");
    assert_eq!(cell(0, "@differenceDescription"), "Increased by 100%");
    assert_eq!(cell(1, "@pattern"), "[ERROR] disk full");
    assert_eq!(cell(1, "@differenceDescription"), "New pattern");
}

#[test]
fn diff_without_pattern_compares_messages_and_needs_its_rows_as_they_are() {
    let plan = Plan::new(
        &query(vec![Command::Filter(like(f("@message"), "x")), Command::Diff(DiffOffset::Previous)]),
        context(),
    );
    assert!(plan.unwrap().compared_range().is_some());
    let limited = Plan::new(&query(vec![Command::Limit(3), Command::Diff(DiffOffset::Previous)]), context());
    assert_eq!(limited.unwrap_err(), PlanError::Diff);
    let limited = Plan::new(&query(vec![Command::Limit(3), Command::Anomaly]), context());
    assert_eq!(limited.unwrap_err(), PlanError::Anomaly);
}

/// Lines of an hour: steady ones in every minute, and others that `more` adds to a minute.
fn an_hour(more: impl Fn(i64) -> Vec<String>) -> Vec<Line> {
    let of_minute = |minute: i64| {
        let steady = (0..10).map(move |n| {
            format!(
                "[INFO] request {} took {} ms with status {}",
                minute * 10 + n,
                7 + n,
                if n < 5 { 200 } else { 304 }
            )
        });
        let texts: Vec<String> = steady.chain(more(minute)).collect();
        texts.into_iter().map(move |text| (NOON + minute * 60_000, text))
    };
    let lines = (0..60).flat_map(of_minute).enumerate();
    lines.map(|(number, (at, text))| Line { at, text, number, known: Vec::new() }).collect()
}

#[test]
fn anomaly_scores_patterns() {
    let lines = an_hour(|minute| match minute {
        40 => vec!["[ERROR] cannot reach the database".to_owned()],
        50 => (0..90).map(|n| format!("[WARN] cache miss for key {n}x")).collect(),
        _ => vec![format!("[WARN] cache miss for key {minute}x")],
    });
    let commands = vec![Command::Pattern(f("@message")), Command::Anomaly];
    let plan = Plan::new(&query(commands), context()).unwrap();
    let mut workers = [plan.worker(), plan.worker(), plan.worker()];
    lines.iter().enumerate().for_each(|(at, line)| workers[at % 3].feed(line).unwrap());
    let found = plan.finish(workers.into()).unwrap();
    let of = |row: usize, name: &str| {
        let at = found.columns.iter().position(|column| column == name).unwrap();
        found.rows[row][at].clone().unwrap_or_default()
    };
    assert_eq!(of(0, "@anomalyType"), "New Pattern");
    assert_eq!((of(0, "@anomalyScore"), of(0, "@anomalyPriority")), ("1".to_owned(), "HIGH".to_owned()));
    assert_eq!(of(0, "@pattern"), "[ERROR] cannot reach the database");
    assert_eq!(of(0, "@anomalyTime"), "2024-01-02 12:40:00.000");
    assert_eq!(of(1, "@anomalyType"), "Pattern Frequency");
    assert!(of(1, "@pattern").contains("cache miss"));
    assert_eq!((of(2, "@anomalyScore"), of(2, "@anomalyType")), ("0".to_owned(), String::new()));
    // It does not depend on who read what.
    let mut alone = plan.worker();
    lines.iter().rev().for_each(|line| alone.feed(line).unwrap());
    assert_eq!(plan.finish(vec![alone]).unwrap(), found);
}

#[test]
fn anomaly_finds_new_values_of_tokens() {
    let lines = an_hour(|minute| {
        let status = if minute == 45 { 503 } else { 200 };
        (0..8)
            .map(|n| format!("GET /item answered {} in region eu", if n == 0 { status } else { 200 + n % 3 }))
            .collect()
    });
    let found = answer(vec![Command::Pattern(f("@message")), Command::Anomaly], &lines);
    let at = found.columns.iter().position(|column| column == "@anomalyType").unwrap();
    assert_eq!(found.rows[0][at].as_deref(), Some("HTTP Error Code"), "{:?}", found.rows[0]);
    let quiet = answer(vec![Command::Anomaly], &an_hour(|_| Vec::new()));
    assert!(quiet.rows.iter().all(|row| row[at].is_none()), "{quiet:?}");
    let few = answer(vec![Command::Anomaly], &logins(9, NOON));
    assert_eq!(few.rows[0][at], None);
}

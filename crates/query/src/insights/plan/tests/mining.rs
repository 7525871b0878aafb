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
    assert_eq!(Plan::new(&query(vec![Command::Anomaly]), context()).unwrap_err(), PlanError::Anomaly);
}

//! What is done when all rows are there: how much memory it may take, and that it ends when nobody waits for it.

use super::*;
use crate::insights::{Language, parse_in};
use std::cell::Cell;

fn finished(
    query: &Query,
    memory_max: usize,
    lines: &[Line],
    is_wanted: &dyn Fn() -> bool,
) -> Result<Answer, PlanError> {
    let plan = Plan::new(query, Context { memory_max, ..context() })?;
    let mut worker = plan.worker();
    lines.iter().for_each(|line| worker.feed(line).unwrap());
    plan.finish_while(vec![worker], is_wanted)
}

fn read(text: &str) -> Query {
    parse_in(Language::Cwli, text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// A column over rows in the order of `by`.
fn window(value: WindowValue, frame: Frame, by: &[&str]) -> Query {
    let order = by.iter().map(|name| SortKey { value: f(name), is_descending: false, is_natural: false }).collect();
    let columns = vec![WindowColumn { name: "w".into(), value, frame }];
    query(vec![fields(&["v"]), Command::Window(Window { columns, partition: Vec::new(), order })])
}

/// One line with a long text, and others without one.
fn one_long(length: usize, others: usize) -> Vec<Line> {
    let long = format!(r#"{{"v":"{}"}}"#, "x".repeat(length));
    let mut texts = vec!["{}"; others];
    // The newest is the first row.
    texts.push(&long);
    lines(&texts)
}

#[test]
fn texts_that_commands_repeat_are_counted() {
    let lines = one_long(20_000, 99);
    let of_first = || WindowValue::First(f("v"));
    for (query, command) in [
        (read("fields v | filldown v"), "filldown"),
        (read("stats count(*) by bin(1m), v | fillmissing"), "fillmissing"),
        (window(of_first(), Frame::RUNNING, &[]), "the window"),
        (window(WindowValue::Aggregate(Aggregate::Max, vec![f("v")]), Frame::ALL, &[]), "the window"),
    ] {
        let refused = finished(&query, 1_000_000, &lines, &|| true);
        assert_eq!(refused, Err(PlanError::Memory { command, max: 1_000_000 }), "{query:?}");
        assert!(finished(&query, 10_000_000, &lines, &|| true).is_ok(), "{query:?}");
    }
}

#[test]
fn keys_of_an_order_are_counted() {
    let texts: Vec<String> = (0..100).map(|at| format!(r#"{{"v":"{at}{}"}}"#, "x".repeat(10_000))).collect();
    let lines = lines(&texts.iter().map(String::as_str).collect::<Vec<_>>());
    let numbered = window(WindowValue::RowNumber, Frame::ALL, &["v"]);
    for (query, command) in [(numbered, "the window"), (read("fields v | limit 1000 | sort v"), "sort")] {
        let refused = finished(&query, 1_500_000, &lines, &|| true);
        assert_eq!(refused, Err(PlanError::Memory { command, max: 1_500_000 }), "{query:?}");
        assert!(finished(&query, 3_000_000, &lines, &|| true).is_ok(), "{query:?}");
    }
}

#[test]
fn a_window_is_refused_before_all_its_values_are_there() {
    let asked = Cell::new(0);
    let ask = || {
        asked.set(asked.get() + 1);
        true
    };
    let query = window(WindowValue::First(f("v")), Frame::RUNNING, &[]);
    // All 20,000 values would take 2 GB. They are looked at once to part them, and it is asked about every 1,024 rows.
    let refused = finished(&query, 16_000_000, &one_long(100_000, 20_000), &ask);
    assert_eq!(refused, Err(PlanError::Memory { command: "the window", max: 16_000_000 }));
    assert!(asked.get() < 24, "{}", asked.get());
}

#[test]
fn nothing_goes_on_when_nobody_waits() {
    let texts: Vec<String> = (0..10_000).map(|at| format!(r#"{{"n":{at}}}"#)).collect();
    let lines = lines(&texts.iter().map(String::as_str).collect::<Vec<_>>());
    for text in [
        "fields n | filldown n",
        "fields n | accum n as sum",
        "stats count(*) by bin(1s) | fillmissing",
        "fields n | limit 10000 | sort n desc",
        "fields n | limit 10000 | fields concat(n, 'x') as m",
        "fields n | limit 10000 | stats count(*) by n",
        "fields @message | limit 10000 | pattern @message",
    ] {
        let answered = |until: u32| {
            let asked = Cell::new(0);
            let ask = || {
                asked.set(asked.get() + 1);
                asked.get() <= until
            };
            (finished(&read(text), 1 << 30, &lines, &ask), asked.get())
        };
        let (answer, asked) = answered(u32::MAX);
        assert!(answer.is_ok() && asked >= 9, "{text}: {asked}");
        assert_eq!(answered(6), (Err(PlanError::Unwanted), 7), "{text}");
    }
}

#[test]
fn rows_are_made_only_of_groups_that_are_wanted() {
    let texts: Vec<String> = (0..20_000).map(|at| format!(r#"{{"v":"value-{}"}}"#, at % 19_999)).collect();
    let lines = lines(&texts.iter().map(String::as_str).collect::<Vec<_>>());
    let having = read("stats count(*) as n by v | filter n > 1 | sort n desc | limit 3");
    let answer = finished(&having, 2_000_000, &lines, &|| true).expect("an answer");
    assert_eq!(table(&answer), ["value-0 | 2"]);
    let first = read("stats count(*) as n by v | sort n desc, v | limit 2");
    assert_eq!(
        table(&finished(&first, 2_000_000, &lines, &|| true).expect("an answer")),
        ["value-0 | 2", "value-1 | 1"]
    );
    // Those of all groups are many.
    let all = read("stats count(*) as n by v | filldown n");
    let refused = finished(&all, 2_000_000, &lines, &|| true);
    assert_eq!(refused, Err(PlanError::Memory { command: "stats", max: 2_000_000 }));
}

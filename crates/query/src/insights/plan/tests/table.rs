//! Commands over many rows, asked for as users write them.

use super::*;
use crate::insights::{Language, parse_in};

fn ask_in(language: Language, context: Context, text: &str, lines: &[Line]) -> Result<Answer, PlanError> {
    let query = parse_in(language, text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let plan = Plan::new(&query, context)?;
    let mut workers = [plan.worker(), plan.worker()];
    lines.iter().enumerate().try_for_each(|(at, line)| workers[at % 2].feed(line))?;
    plan.finish(workers.into())
}

/// The rows of a query of Insights QL.
fn ask(text: &str, lines: &[Line]) -> Vec<String> {
    table(&ask_in(Language::Cwli, context(), text, lines).unwrap())
}

fn numbers() -> Vec<Line> {
    lines(&[
        r#"{"n":1,"u":"a"}"#,
        r#"{"n":2,"u":"b","h":"x"}"#,
        r#"{"n":4,"u":"a"}"#,
        r#"{"n":8,"u":"b"}"#,
        r#"{"n":100,"u":"a","h":"y"}"#,
    ])
}

#[test]
fn accum_adds_up_in_the_order_of_rows() {
    assert_eq!(
        ask("sort @timestamp | fields n | accum n as sum", &numbers()),
        ["1 | 1", "2 | 3", "4 | 7", "8 | 15", "100 | 115"]
    );
    assert_eq!(ask("stats sum(n) as s by u | accum s", &numbers()), ["a | 105", "b | 115"]);
}

#[test]
fn autoregress_looks_back() {
    assert_eq!(
        ask("sort @timestamp | fields n | autoregress n p=1-2", &numbers()),
        ["1 | - | -", "2 | 1 | -", "4 | 2 | 1", "8 | 4 | 2", "100 | 8 | 4"]
    );
    assert_eq!(ask("fields n | autoregress n as before | limit 2", &numbers()), ["100 | -", "8 | 100"]);
}

#[test]
fn gaps_are_filled() {
    assert_eq!(
        ask("sort @timestamp | fields n, h | filldown h", &numbers()),
        ["1 | -", "2 | x", "4 | x", "8 | x", "100 | y"]
    );
    assert_eq!(ask("sort @timestamp | fields u, h | filldown", &numbers())[3], "b | x");
    let some = lines(&["a", "b"]);
    let range = TimeRange::new(Timestamp(NOON - 60_000), Timestamp(NOON + 120_000));
    let text = "stats count(*) as c by bin(1m) | fillmissing with 0 for c";
    let filled = ask_in(Language::Cwli, Context { range, ..context() }, text, &some).unwrap();
    let expected = ["2024-01-02 12:01:00.000 | 0", "2024-01-02 12:00:00.000 | 2", "2024-01-02 11:59:00.000 | 0"];
    assert_eq!(table(&filled), expected);
    let sorted = "stats count(*) as c by bin(1m), @logStream | sort `bin(1m)` | fillmissing";
    let filled = ask_in(Language::Cwli, Context { range, ..context() }, sorted, &some).unwrap();
    assert_eq!(filled.rows.len(), 6);
    let missing = ask_in(Language::Cwli, context(), "fields a | fillmissing", &some);
    assert_eq!(missing.unwrap_err(), PlanError::NoBin);
    let long = "stats count(*) by bin(1ms) | fillmissing";
    let refused = ask_in(Language::Cwli, context(), long, &some).unwrap_err();
    assert_eq!(refused, PlanError::FillMissing { max: 100_000 });
}

#[test]
fn periods_begin_later_with_an_offset() {
    let some = lines(&["a", "b", "c"]);
    assert_eq!(
        ask("stats count(*) as c by bin(2s) offset 1s", &some),
        ["2024-01-02 12:00:01.000 | 2", "2024-01-02 11:59:59.000 | 1"]
    );
}

#[test]
fn outliers_are_cut_removed_or_marked() {
    assert_eq!(ask("sort @timestamp | fields n | outlier n", &numbers()), ["1", "2", "4", "8", "23"],);
    assert_eq!(ask("fields n | outlier action=remove param=1.5 n", &numbers()), ["8", "4", "2", "1"]);
    assert_eq!(ask("fields n | outlier mark=true uselower=true n | limit 2", &numbers()), ["23 | 1", "8 | 0"]);
}

#[test]
fn sessions_end_with_a_gap() {
    let line = |number: usize, at: i64, user: &str| Line {
        at: NOON + at * 1_000,
        text: format!("{{\"u\":\"{user}\"}}"),
        number,
        known: Vec::new(),
    };
    let found = [line(0, 0, "a"), line(1, 10, "b"), line(2, 60, "a"), line(3, 200, "a"), line(4, 201, "b")];
    assert_eq!(
        ask("sort @timestamp | fields u | sessionize u maxspan 90s as s", &found),
        ["a | 1", "b | 2", "a | 1", "a | 3", "b | 4"]
    );
    assert_eq!(ask("fields u | sessionize u | limit 1", &found), ["b | 2"]);
}

#[test]
fn tail_leaves_the_last_rows() {
    assert_eq!(ask("fields n | tail 2", &numbers()), ["2", "1"]);
    assert_eq!(ask("sort n desc | fields n | tail 2", &numbers()), ["2", "1"]);
    assert_eq!(ask("stats sum(n) as s by u | tail 1", &numbers()), ["b | 10"]);
    let plan = Plan::new(&parse_in(Language::Cwli, "tail 2").unwrap(), context()).unwrap();
    assert_eq!((plan.wanted_rows(), plan.is_newest_first()), (Some(2), false));
}

#[test]
fn columns_and_rows_of_other_queries_are_added() {
    let other = Answer {
        columns: vec!["n".into(), "m".into()],
        rows: vec![vec![Some("7".into()), None], vec![Some("8".into()), Some("x".into())]],
        pointers: None,
    };
    let with = || Context { subqueries: vec![other.clone()], ..context() };
    let run = |text: &str| table(&ask_in(Language::Cwli, with(), text, &numbers()).unwrap());
    assert_eq!(run("fields n | limit 3 | appendcols (fields n, m)"), ["100 | -", "8 | x", "4 | -"]);
    assert_eq!(run("fields n | limit 2 | appendcols override=true max=1 (fields n, m)"), ["7 | -", "8 | -"]);
    let sql = |text: &str| ask_in(Language::Sql, with(), text, &numbers()).map(|answer| table(&answer));
    let union = "SELECT n, h FROM g WHERE n >= 8 UNION SELECT n, m FROM h";
    assert_eq!(sql(union).unwrap(), ["100 | y", "8 | -", "7 | -", "8 | x"]);
    assert_eq!(sql("SELECT n, h FROM g INTERSECT SELECT n, m FROM h").unwrap(), Vec::<String>::new());
    let except = "SELECT n, h FROM g WHERE n < 3 EXCEPT SELECT n, m FROM h";
    assert_eq!(sql(except).unwrap(), ["2 | x", "1 | -"]);
    let error = sql("SELECT n FROM g UNION SELECT n, m FROM h").unwrap_err();
    assert_eq!(error.to_string(), "the two queries of UNION have 1 and 2 columns");
}

#[test]
fn windows_rank_and_compare() {
    let sql = |text: &str| table(&ask_in(Language::Sql, context(), text, &numbers()).unwrap());
    let text = "SELECT u, n, ROW_NUMBER() OVER (PARTITION BY u ORDER BY n DESC) AS r, \
        SUM(n) OVER (PARTITION BY u) AS s, n - LAG(n) OVER (ORDER BY n) AS d FROM g ORDER BY u, r";
    assert_eq!(
        sql(text),
        [
            "a | 100 | 1 | 105 | 92",
            "a | 4 | 2 | 105 | 2",
            "a | 1 | 3 | 105 | -",
            "b | 8 | 1 | 10 | 4",
            "b | 2 | 2 | 10 | 1"
        ]
    );
    let text = "SELECT u, count(*) AS c, DENSE_RANK() OVER (ORDER BY count(*) DESC) AS r, NTILE(2) OVER (ORDER BY u) AS t \
        FROM g GROUP BY u ORDER BY u";
    assert_eq!(sql(text), ["a | 3 | 1 | 1", "b | 2 | 2 | 2"]);
    let ppl = |text: &str| table(&ask_in(Language::Ppl, context(), text, &numbers()).unwrap());
    assert_eq!(
        ppl("fields n | trendline sort n sma(2, n) as s wma(3, n) as w"),
        ["1 | - | -", "2 | 1.5 | -", "4 | 3 | 2.8333", "8 | 6 | 5.6667", "100 | 54 | 53.3333"]
    );
    assert_eq!(ppl("eventstats max(n) as m by u | fields u, m | head 2"), ["a | 100", "b | 8"]);
    assert_eq!(ppl("fields n, u, h | fields - u | head 1"), ["100 | y"]);
}

#[test]
fn lookups_go_by_blocks_of_addresses() {
    let rows = [["10.0.0.0/8", "in", "1"], ["10.2.0.0/16", "lab", "2"]];
    let nets = LookupTable {
        header: ["net", "name", "rack"].map(str::to_owned).to_vec(),
        rows: rows.map(|row| row.map(str::to_owned).to_vec()).to_vec(),
    };
    let with = || Context { lookups: [("nets".to_owned(), nets.clone())].into(), ..context() };
    let found = lines(&[r#"{"ip":"10.2.3.4","rack":"9"}"#, r#"{"ip":"10.9.9.9"}"#, r#"{"ip":"8.8.8.8"}"#]);
    let run = |text: &str| ask_in(Language::Cwli, with(), text, &found).map(|answer| table(&answer));
    let text = "fields ip | cidrlookup nets ip output name, rack as r";
    assert_eq!(run(text).unwrap(), ["8.8.8.8 | - | -", "10.9.9.9 | in | 1", "10.2.3.4 | lab | 2"]);
    let text = "fields ip | cidrlookup nets ip as net outputnew rack";
    assert_eq!(run(text).unwrap(), ["8.8.8.8 | -", "10.9.9.9 | 1", "10.2.3.4 | 9"]);
    assert_eq!(run("cidrlookup no ip output a").unwrap_err(), PlanError::NoTable("no".into()));
}

#[test]
fn relevant_fields_are_told() {
    let text = |n: usize| {
        format!("{{\"ms\":{},\"host\":\"h{}\",\"id\":\"i{n}\",\"odd\":\"{}\"}}", n % 7 + n / 80 * 500, n / 80, n % 2)
    };
    let texts: Vec<String> = (0..100).map(text).collect();
    let found = lines(&texts.iter().map(String::as_str).collect::<Vec<_>>());
    let all = ask("relevantfields where ms > 100", &found);
    assert_eq!(all[0].split(" | ").take(2).collect::<Vec<_>>(), ["host", "1"]);
    assert!(
        all[0].contains(r#"{"baseline":0.0,"conditional":1.0,"value":"h1"}"#) || all[0].contains(r#""value":"h1""#)
    );
    assert!(all.iter().any(|row| row == "ms | 1 | - | 503 | 3"), "{all:?}");
    let asked = ask("relevantfields odd where ms > 100", &found);
    assert_eq!(asked, ["odd | 0 | - | 0 | 0"]);
}

#[test]
fn texts_are_taken_apart_by_their_format() {
    let found = lines(&[r#"level=warn msg="it is""#, "no pairs"]);
    assert_eq!(ask("parse @message logfmt as l | display l.level, l.msg", &found), ["- | -", "warn | it is"]);
    let found = lines(&[r#"a,"b, c""#]);
    assert_eq!(ask("parse csv as x, y, z | display y, z", &found), ["b, c | -"]);
    let found = lines(&["<e id='7'><l>bad</l></e>"]);
    assert_eq!(ask("parse @message XML '/e/l' as l | parse xml '/e/@id' as i | display l, i", &found), ["bad | 7"]);
    let found = lines(&["x=1 x=2", "none"]);
    assert_eq!(ask("parse @message /x=(?<x>[0-9])/ multi | display x", &found), ["-", "1", "2"]);
}

#[test]
fn rates_are_by_the_period() {
    let found = lines(&[r#"{"n":10}"#, r#"{"n":40}"#, r#"{"n":130}"#]);
    assert_eq!(ask("stats rate(n, 1m) as r, variance(n) as v", &found), ["2 | 2600"]);
}

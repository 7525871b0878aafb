//! `JOIN` of SQL: what may be named where, and random joins against nested loops.

use super::*;
use crate::insights::sql;
use proptest::prelude::*;

pub type Tables<'t> = BTreeMap<&'t str, Vec<Line>>;

/// The answer to SQL over tables in memory, read by so many workers.
pub fn ask(text: &str, tables: &Tables<'_>, workers: usize) -> Result<Answer, PlanError> {
    run(&sql::parse(text).expect(text), tables, workers)
}

pub fn run(query: &Query, tables: &Tables<'_>, workers: usize) -> Result<Answer, PlanError> {
    let subqueries: Result<_, PlanError> =
        Plan::subqueries(query).iter().map(|inner| run(inner, tables, workers)).collect();
    let plan = Plan::new(query, Context { subqueries: subqueries?, ..context() })?;
    let group = query.source.as_ref().and_then(|source| source.groups.first()).expect("a group");
    let mut workers: Vec<_> = (0..workers).map(|_| plan.worker()).collect();
    for (at, line) in tables[group.as_str()].iter().enumerate() {
        let at = at % workers.len();
        workers[at].feed(line)?;
    }
    plan.finish(workers)
}

fn shop() -> Tables<'static> {
    let api = [
        r#"{"request":"r1","user":"ann","status":200,"region":"eu"}"#,
        r#"{"request":"r2","user":"bob","status":500,"region":"us"}"#,
        r#"{"request":"r3","user":"ann","status":500,"region":"eu"}"#,
        r#"{"request":"r9","user":"eve","status":404,"region":"us"}"#,
        r#"{"user":"nobody","status":400}"#,
    ];
    let lambda = [
        r#"{"id":"r1","ms":10,"user":"svc1","region":"eu","memory":128}"#,
        r#"{"id":"r2","ms":90,"user":"svc2","region":"us","memory":256}"#,
        r#"{"id":"r2","ms":70,"user":"svc1","region":"eu","memory":128}"#,
        r#"{"id":"r3","ms":30,"user":"svc2","region":"eu","memory":512}"#,
        r#"{"id":"r7","ms":50,"user":"svc3","region":"us","memory":64}"#,
    ];
    Tables::from([("api", lines(&api)), ("fn", lines(&lambda))])
}

#[track_caller]
fn gives(text: &str, expected: &[&str]) {
    for workers in [1, 3] {
        let answer = ask(text, &shop(), workers).expect(text);
        assert_eq!(table(&answer), expected, "{text}");
    }
}

#[test]
fn what_is_compared_need_not_be_selected() {
    gives("SELECT a.user FROM api a JOIN fn b ON a.request = b.id ORDER BY a.user", &["ann", "ann", "bob", "bob"]);
    gives("SELECT b.ms FROM api a JOIN fn b ON a.request = b.id ORDER BY b.ms", &["10", "30", "70", "90"]);
    // Either side may stand first, and one of them without its prefix.
    gives("SELECT b.ms FROM api a JOIN fn b ON b.id = a.request ORDER BY b.ms", &["10", "30", "70", "90"]);
    gives("SELECT b.ms FROM api a JOIN fn b ON b.id = request ORDER BY b.ms", &["10", "30", "70", "90"]);
    gives("SELECT b.ms FROM api a JOIN fn b ON a.request = id ORDER BY b.ms", &["10", "30", "70", "90"]);
    gives("SELECT count(*) FROM api JOIN fn ON api.request = fn.id", &["4"]);
    gives("SELECT count(*) FROM `api` JOIN `fn` ON (`api`.`request` = `fn`.`id`)", &["4"]);
}

#[test]
fn conditions_orders_and_aggregates_name_what_is_not_selected() {
    let from = "FROM api a INNER JOIN fn b ON a.request = b.id";
    gives(&format!("SELECT a.user {from} WHERE b.ms > 50 AND a.status = 500"), &["bob", "bob"]);
    gives(
        &format!("SELECT a.user {from} WHERE b.memory IN (512) OR a.region = 'us' ORDER BY b.ms DESC"),
        &["bob", "bob", "ann"],
    );
    gives(&format!("SELECT a.user {from} ORDER BY b.memory DESC, b.ms"), &["ann", "bob", "ann", "bob"]);
    gives(&format!("SELECT sum(b.ms) AS all, max(b.memory) {from}"), &["200 | 512"]);
    gives(
        &format!("SELECT a.user, sum(b.ms) {from} GROUP BY a.user ORDER BY max(b.memory) DESC"),
        &["ann | 40", "bob | 160"],
    );
    gives(&format!("SELECT b.user, count(*) AS n {from} GROUP BY b.user HAVING max(b.ms) > 80"), &["svc2 | 2"]);
    gives(&format!("SELECT count(*) {from} GROUP BY b.region ORDER BY b.region"), &["3", "1"]);
    gives(&format!("SELECT DISTINCT b.region {from} ORDER BY b.region"), &["eu", "us"]);
    gives(
        &format!("SELECT a.request, rank() OVER (PARTITION BY a.user ORDER BY b.ms) AS r {from} ORDER BY b.ms"),
        &["r1 | 1", "r3 | 2", "r2 | 1", "r2 | 2"],
    );
    gives(
        &format!("SELECT a.request, upper(b.user) AS u {from} ORDER BY 2, 1"),
        &["r1 | SVC1", "r2 | SVC1", "r2 | SVC2", "r3 | SVC2"],
    );
}

#[test]
fn rows_without_partners_are_kept_as_the_kind_says() {
    let shown = |kind: &str| {
        format!(
            "SELECT a.request, b.id FROM api a {kind} JOIN fn b ON a.request = b.id ORDER BY a.user, a.request, b.ms"
        )
    };
    let both = ["r1 | r1", "r3 | r3", "r2 | r2", "r2 | r2"];
    gives(&shown("INNER"), &both);
    let left = [both.as_slice(), &["r9 | -", "- | -"]].concat();
    gives(&shown("LEFT"), &left);
    gives(&shown("LEFT OUTER"), &left);
    gives(&shown("RIGHT"), &[both.as_slice(), &["- | r7"]].concat());
    gives(&shown("FULL OUTER"), &[left.as_slice(), &["- | r7"]].concat());
    // Of all rows, not only of those that a condition or a limit leaves.
    gives("SELECT b.id FROM api a RIGHT JOIN fn b ON a.request = b.id WHERE a.user IS NULL", &["r7"]);
    gives("SELECT a.user, b.id FROM api a RIGHT JOIN fn b ON a.request = b.id WHERE a.user = 'eve'", &[]);
    gives(
        "SELECT a.user FROM api a LEFT JOIN fn b ON a.request = b.id WHERE b.id IS NULL ORDER BY 1",
        &["eve", "nobody"],
    );
    gives("SELECT count(*), count(a.user), count(b.id) FROM api a FULL JOIN fn b ON a.request = b.id", &["7 | 6 | 5"]);
    gives("SELECT b.id FROM api a RIGHT JOIN fn b ON a.request = b.id LIMIT 5", &["r3", "r2", "r2", "r1", "r7"]);
}

#[test]
fn using_names_what_both_sides_have() {
    gives(
        "SELECT a.request, b.id FROM api a JOIN fn b USING (region) WHERE b.id = 'r7' ORDER BY 1",
        &["r2 | r7", "r9 | r7"],
    );
    // The column that both have is the one of the side that has a row.
    let sides = "SELECT region, l.request, r.ms FROM (SELECT region, request FROM api WHERE status = 404) l FULL JOIN \
                 (SELECT region, ms FROM fn WHERE ms > 60) r USING (region) ORDER BY r.ms";
    gives(sides, &["eu | - | 70", "us | r9 | 90"]);
    gives("SELECT a.user FROM api a JOIN fn b USING (region, user)", &[]);
}

#[test]
fn several_equalities_and_other_conditions_are_asked_of_partners() {
    gives(
        "SELECT b.ms FROM api a JOIN fn b ON a.request = b.id AND a.region = b.region ORDER BY b.ms",
        &["10", "30", "90"],
    );
    gives(
        "SELECT a.request, b.ms FROM api a LEFT JOIN fn b ON a.request = b.id AND b.ms > 60 AND a.status >= 500 \
           WHERE a.user = 'ann' OR a.user = 'bob' ORDER BY a.request, b.ms",
        &["r1 | -", "r2 | 70", "r2 | 90", "r3 | -"],
    );
    gives(
        "SELECT a.request, b.id FROM api a RIGHT JOIN fn b ON a.request = b.id AND a.status = 500 ORDER BY b.ms",
        &["- | r1", "r3 | r3", "- | r7", "r2 | r2", "r2 | r2"],
    );
}

#[test]
fn queries_are_joined_by_their_own_columns() {
    gives(
        "SELECT a.user, b.n FROM api a JOIN (SELECT id, count(*) AS n FROM fn GROUP BY id) b ON a.request = b.id \
           ORDER BY a.request",
        &["ann | 1", "bob | 2", "ann | 1"],
    );
    // A name without a prefix is a column of the other query if that one chooses it, and else a field of the first.
    gives(
        "SELECT user, n FROM api a JOIN (SELECT id, count(*) AS n FROM fn GROUP BY id) b ON request = id \
           WHERE n > 1",
        &["bob | 2"],
    );
    gives("SELECT a.n, b.ms FROM (SELECT user, count(*) AS n FROM api GROUP BY user) a JOIN fn b ON a.n = b.ms", &[]);
    gives(
        "SELECT a.user, a.n, b.slowest FROM (SELECT region, user, count(*) AS n FROM api GROUP BY region, user) a \
           JOIN (SELECT region, max(ms) AS slowest FROM fn GROUP BY region) b USING (region) ORDER BY a.user",
        &["ann | 2 | 70", "bob | 1 | 90", "eve | 1 | 90"],
    );
    gives(
        "WITH slow AS (SELECT * FROM fn WHERE ms >= 70) SELECT a.user, s.ms FROM api a JOIN slow s \
           ON a.request = s.id ORDER BY s.ms",
        &["bob | 70", "bob | 90"],
    );
    // What is joined within is called by its own names outside.
    gives(
        "SELECT z.user, z.ms, c.memory FROM (SELECT a.user, b.id, b.ms FROM api a JOIN fn b ON a.request = b.id) z \
           JOIN fn c ON z.id = c.id AND z.ms = c.ms ORDER BY z.ms",
        &["ann | 10 | 128", "ann | 30 | 512", "bob | 70 | 128", "bob | 90 | 256"],
    );
    gives(
        "SELECT c.request, z.ms FROM api c LEFT JOIN (SELECT a.request, b.ms FROM api a JOIN fn b \
           ON a.request = b.id WHERE b.ms > 80) z ON c.request = z.request WHERE c.user = 'bob'",
        &["r2 | 90"],
    );
    gives(
        "SELECT a.user, b.user FROM api a JOIN api b ON a.region = b.region WHERE a.request < b.request",
        &["bob | eve", "ann | ann"],
    );
}

#[test]
fn all_columns_are_those_of_both_sides() {
    let answer = ask("SELECT * FROM api a JOIN fn b ON a.request = b.id WHERE b.ms > 80", &shop(), 1).expect("rows");
    assert_eq!(answer.columns, ["@timestamp", "@message", "b.@timestamp", "b.@message", "b.ms"]);
    assert_eq!(answer.rows.len(), 1);
    assert!(answer.rows[0].iter().all(Option::is_some), "{answer:?}");
}

#[test]
fn a_column_that_a_query_has_not_chosen_is_said() {
    for (text, message) in [
        ("SELECT a.user FROM api a JOIN (SELECT ms FROM fn) b ON a.request = b.id", "b has no column id"),
        (
            "SELECT b.ms FROM (SELECT user, count(*) FROM api GROUP BY user) a JOIN fn b ON a.request = b.id",
            "a has no column request",
        ),
    ] {
        assert_eq!(ask(text, &shop(), 1).expect_err(text).to_string(), message);
    }
}

/// A row of a table, by the names of its fields.
type Fields = BTreeMap<&'static str, u32>;

fn rows() -> impl Strategy<Value = Vec<Fields>> {
    let row = prop::array::uniform4(prop::option::weighted(0.8, 0..4u32));
    let fields = |row: [Option<u32>; 4]| {
        ["x", "y", "v", "w"].into_iter().zip(row).filter_map(|(name, value)| Some((name, value?))).collect()
    };
    prop::collection::vec(row.prop_map(fields), 0..12)
}

fn lines_of(rows: &[Fields]) -> Vec<Line> {
    let texts: Vec<String> = rows.iter().map(|row| serde_json::json!(row).to_string()).collect();
    lines(&texts.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Pairs of rows as nested loops find them.
fn nested<'r>(
    kind: &str,
    left: &'r [Fields],
    right: &'r [Fields],
    are_partners: impl Fn(&Fields, &Fields) -> bool,
) -> Vec<(Option<&'r Fields>, Option<&'r Fields>)> {
    let mut pairs = Vec::new();
    for a in left {
        pairs.extend(right.iter().filter(|b| are_partners(a, b)).map(|b| (Some(a), Some(b))));
        if ["LEFT", "FULL"].contains(&kind) && !right.iter().any(|b| are_partners(a, b)) {
            pairs.push((Some(a), None));
        }
    }
    if ["RIGHT", "FULL"].contains(&kind) {
        let alone = right.iter().filter(|b| !left.iter().any(|a| are_partners(a, b)));
        pairs.extend(alone.map(|b| (None, Some(b))));
    }
    pairs
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn joins_find_what_nested_loops_find(
        left in rows(),
        right in rows(),
        kind in prop::sample::select(vec!["INNER", "LEFT", "RIGHT", "FULL"]),
        on in prop::sample::select(vec![vec![("x", "y")], vec![("y", "y")], vec![("x", "x"), ("y", "y")], vec![("v", "x"), ("x", "v")]]),
        is_less in any::<bool>(),
        filter in prop::sample::select(vec!["", "a.v > 1", "b.y = 2", "a.x IS NULL", "b.v IS NOT NULL OR a.w = 0"]),
        workers in 1..4usize,
    ) {
        let tables = Tables::from([("g", lines_of(&left)), ("h", lines_of(&right))]);
        let mut text: Vec<String> = on.iter().map(|(a, b)| format!("a.{a} = b.{b}")).collect();
        text.extend(is_less.then(|| "a.w < b.w".to_owned()));
        let filtered = if filter.is_empty() { String::new() } else { format!("WHERE {filter}") };
        let from = format!("FROM g a {kind} JOIN h b ON {} {filtered}", text.join(" AND "));
        let get = |row: Option<&Fields>, name: &str| row.and_then(|row| row.get(name).copied());
        let are_partners = |a: &Fields, b: &Fields| {
            on.iter().all(|(x, y)| a.contains_key(x) && a.get(x) == b.get(y))
                && (!is_less || matches!((a.get("w"), b.get("w")), (Some(a), Some(b)) if a < b))
        };
        let mut pairs = nested(kind, &left, &right, are_partners);
        pairs.retain(|(a, b)| match filter {
            "a.v > 1" => get(*a, "v").is_some_and(|v| v > 1),
            "b.y = 2" => get(*b, "y") == Some(2),
            "a.x IS NULL" => get(*a, "x").is_none(),
            "b.v IS NOT NULL OR a.w = 0" => get(*b, "v").is_some() || get(*a, "w") == Some(0),
            _ => true,
        });
        let text_of = |value: Option<u32>| value.map_or_else(|| "-".to_owned(), |value| value.to_string());
        let mut expected: Vec<String> =
            pairs.iter().map(|(a, b)| format!("{} | {}", text_of(get(*a, "v")), text_of(get(*b, "w")))).collect();
        let mut found = table(&ask(&format!("SELECT a.v, b.w {from}"), &tables, workers).unwrap());
        expected.sort();
        found.sort();
        prop_assert_eq!(&found, &expected, "{}", &from);

        let mut groups: BTreeMap<String, (u32, Option<u32>)> = BTreeMap::new();
        for (a, b) in &pairs {
            let group = groups.entry(text_of(get(*b, "v"))).or_default();
            group.0 += 1;
            if let Some(w) = get(*a, "w") {
                group.1 = Some(group.1.unwrap_or(0) + w);
            }
        }
        let expected: Vec<String> =
            groups.iter().map(|(group, (n, sum))| format!("{group} | {n} | {}", text_of(*sum))).collect();
        let grouped = format!("SELECT b.v, count(*), sum(a.w) {from} GROUP BY b.v");
        let mut found = table(&ask(&grouped, &tables, workers).unwrap());
        found.sort();
        prop_assert_eq!(found, expected, "{}", from);
    }
}

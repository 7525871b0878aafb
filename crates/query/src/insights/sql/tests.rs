//! SQL against Insights QL: both are read into one tree, so what a query means is said in the other language where that is shorter.

use crate::insights::ast::{
    Aggregate, BinaryOp, Column, Combination, Command, Expr, Frame, Function, InList, Join, JoinKind, LikePattern,
    Literal, Query, Regex, Source, WindowValue,
};
use crate::insights::{Language, commands_in_other_language, parse, parse_in};
use proptest::prelude::*;

#[track_caller]
fn sql(text: &str) -> Query {
    parse_in(Language::Sql, text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// The commands of a query of log group `g`.
#[track_caller]
fn commands(text: &str) -> Vec<Command> {
    let query = sql(text);
    assert_eq!(query.source, source(&["g"]), "{text}");
    query.commands
}

fn source(groups: &[&str]) -> Option<Source> {
    Some(Source { groups: groups.iter().map(|group| (*group).to_owned()).collect(), ..Source::default() })
}

/// Means the same as commands of Insights QL.
#[track_caller]
fn same(text: &str, cwli: &str) {
    let expected = commands_in_other_language(cwli);
    assert_eq!(commands(text), expected, "{text}");
}

/// The condition behind `WHERE`.
#[track_caller]
fn condition(text: &str) -> Expr {
    match commands(&format!("SELECT * FROM g WHERE {text}")).pop() {
        Some(Command::Filter(condition)) => condition,
        other => panic!("{text}: {other:?}"),
    }
}

/// A computed column.
#[track_caller]
fn value(text: &str) -> Expr {
    match commands(&format!("SELECT {text} AS x FROM g")).remove(0) {
        Command::Fields(mut columns) => columns.remove(0).value,
        other => panic!("{text}: {other:?}"),
    }
}

fn field(name: &str) -> Expr {
    Expr::Field(name.to_owned())
}

#[test]
fn clauses_become_commands() {
    assert_eq!(commands("SELECT * FROM `g`;"), Vec::new());
    same("select `@message`, Operation from g", "display @message, Operation");
    same(
        "SELECT a, upper(b) AS c FROM g WHERE d = 'x' AND e > 5 ORDER BY a DESC, `@timestamp` LIMIT 10",
        "filter d = 'x' and e > 5 | fields toupper(b) as c | sort a desc, @timestamp asc | limit 10 | display a, c",
    );
    same("SELECT a, b FROM g ORDER BY 2 DESC", "sort b desc | display a, b");
    let skipped = commands("SELECT a FROM g LIMIT 10 OFFSET 20");
    assert_eq!(skipped[..2], [Command::Skip(20), Command::Limit(10)]);
    same("SELECT a b FROM g", "fields a as b | display b");
    same("SELECT t.a, t.`b-c` FROM g AS t WHERE t.d = 1", "filter d = 1 | display a, `b-c`");
    same("SELECT g.a FROM g", "display a");
    same("SELECT a -- why\n /* and\n what */ FROM g", "display a");
}

#[test]
fn groups_become_stats() {
    same(
        "SELECT `@logStream`, COUNT(*) as log_count FROM g GROUP BY `@logStream` HAVING log_count > 100",
        "stats count(*) as log_count by @logStream | filter log_count > 100 | display @logStream, log_count",
    );
    same("SELECT AVG(bytes) as b FROM g", "stats avg(bytes) as b | display b");
    same("SELECT sum(a) / count(*) as m FROM g", "stats sum(a) / count(*) as m | display m");
    same("SELECT a AS x, max(b) AS y FROM g GROUP BY x", "stats max(b) as y by a as x | display x, y");
    same("SELECT a AS x, max(b) AS y FROM g GROUP BY 1", "stats max(b) as y by a as x | display x, y");
    same(
        "SELECT date_trunc('hour', `@timestamp`) AS h, count(DISTINCT a) AS n FROM g GROUP BY date_trunc('hour', `@timestamp`) \
         ORDER BY h",
        "stats count_distinct(a) as n by datefloor(@timestamp, 1h) as h | sort h | display h, n",
    );
    same(
        "SELECT upper(a) AS u, count(*) AS n FROM g GROUP BY a",
        "stats count(*) as n by a | fields toupper(a) as u | display u, n",
    );
    same(
        "SELECT a FROM g GROUP BY a HAVING count(*) > 3 ORDER BY max(b) DESC",
        "stats count(*) as _aggregate0, max(b) as _aggregate1 by a | filter _aggregate0 > 3 | sort _aggregate1 desc | display a",
    );
    same(
        "SELECT a, count(*) AS n FROM g GROUP BY a ORDER BY count(*) DESC",
        "stats count(*) as n by a | sort n desc | display a, n",
    );
    same(
        "SELECT COUNT(*) as n, window_start FROM g GROUP BY TUMBLE(`@timestamp`, '5 minutes')",
        "stats count(*) as n by datefloor(@timestamp, 5m) as window_start | display n, window_start",
    );
    same(
        "SELECT window.start AS t, COUNT(*) as n FROM g GROUP BY window(`@timestamp`, '1 hour') ORDER BY t",
        "stats count(*) as n by datefloor(@timestamp, 1h) as `window.start` | fields `window.start` as t | sort t | display t, n",
    );
    let distinct = commands("SELECT DISTINCT a FROM g");
    let by = vec![Column { name: "a".to_owned(), value: field("a") }];
    assert_eq!(distinct[0], Command::Stats { values: Vec::new(), by });
}

#[test]
fn columns_are_named_by_alias_field_or_text() {
    let shown = |text: &str| match commands(text).pop() {
        Some(Command::Display(columns)) => columns.into_iter().map(|column| column.name).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    assert_eq!(shown("SELECT a, b AS `x y`, upper( c ) FROM g"), ["a", "x y", "upper( c )"]);
    assert_eq!(shown("SELECT COUNT(*) FROM g"), ["COUNT(*)"]);
}

#[test]
fn sources_are_selected_in_backticks() {
    assert_eq!(sql("SELECT a FROM `/aws/lambda/f-1`").source, source(&["/aws/lambda/f-1"]));
    let query = sql("SELECT x.a FROM `logGroups(\n logGroupIdentifier: ['g1', 'g2'])` AS x WHERE x.b = 1");
    assert_eq!(query.source, source(&["g1", "g2"]));
    assert_eq!(query.commands, parse("filter b = 1 | display a").expect("a query").commands);
    let query = sql("SELECT a FROM `filterIndex('status' = 200, 'region' IN ['x', 'y'])`");
    assert_eq!(query.source, None);
    assert_eq!(query.commands[0], parse("filterIndex status = 200 and region in ['x', 'y']").expect("one").commands[0]);
    let query = sql("SELECT a FROM `logGroups(logGroupIdentifier: ['g']) filterIndex('b' = 1)`");
    assert_eq!((query.source, query.commands.len()), (source(&["g"]), 2));
}

#[test]
fn queries_stand_within_queries() {
    same(
        "SELECT max(n) AS m FROM (SELECT a, count(*) AS n FROM g GROUP BY a) AS t WHERE t.n > 1",
        "stats count(*) as n by a | display a, n | filter n > 1 | stats max(n) as m | display m",
    );
    let Expr::In { value, list: InList::Query(query), is_negated: true } =
        condition("id NOT IN (SELECT id FROM `h` WHERE a = 1)")
    else {
        panic!("no query")
    };
    assert_eq!((*value, query.source.clone()), (field("id"), source(&["h"])));
    assert_eq!(query.commands, parse("filter a = 1 | display id").expect("one").commands);
}

#[test]
fn joins_keep_prefixes() {
    let query = sql(
        "SELECT A.`@message`, B.x, B.`@message` FROM g AS A LEFT OUTER JOIN `h` AS B ON A.`id` = B.ref AND A.y = B.y",
    );
    let right = Query { source: source(&["h"]), commands: Vec::new() };
    let join = Command::Join(Join {
        kind: JoinKind::Left,
        left: Some("A".to_owned()),
        right: Some("B".to_owned()),
        on: vec![(field("id"), field("ref")), (field("y"), field("y"))],
        condition: None,
        query: Box::new(right),
    });
    assert_eq!(query.commands[0], join);
    let names = ["A.@message", "B.x", "B.@message"];
    let columns = names.map(|name| Column { name: name.to_owned(), value: field(name) }).to_vec();
    assert_eq!(query.commands[1..], [Command::Display(columns)]);
    let kinds = [
        ("INNER", JoinKind::Inner),
        ("LEFT", JoinKind::Left),
        ("RIGHT OUTER", JoinKind::Right),
        ("full", JoinKind::Full),
    ];
    for (word, expected) in kinds {
        let read = commands(&format!("SELECT A.x FROM g A {word} JOIN h USING (x, y)"));
        let Command::Join(Join { kind, on, .. }) = &read[0] else { panic!("{read:?}") };
        assert_eq!((*kind, on.as_slice()), (expected, [(field("x"), field("x")), (field("y"), field("y"))].as_slice()));
    }
    assert!(matches!(
        &commands("SELECT * FROM g JOIN h ON g.a = h.a")[0],
        Command::Join(Join { kind: JoinKind::Inner, .. })
    ));
}

#[test]
fn conditions_are_read() {
    assert_eq!(condition("a BETWEEN 1 AND 2 AND b = 3"), condition("(a >= 1 AND a <= 2) AND b = 3"));
    assert_eq!(condition("a NOT BETWEEN 1 AND 2"), condition("NOT (a >= 1 AND a <= 2)"));
    assert_eq!(condition("a IS NOT NULL"), Expr::Call(Function::IsPresent, vec![field("a")]));
    assert_eq!(condition("a IS NULL"), condition("NOT a IS NOT NULL"));
    assert_eq!(condition("a <> 'it''s'"), condition("a != \"it's\""));
    assert_eq!(condition("a IN (1, 'x')"), parse_condition("a in [1, 'x']"));
    let like = |pattern: LikePattern| Expr::Like { text: Box::new(field("a")), pattern, is_negated: false };
    let regex = |source: &str| LikePattern::Regex(Regex(regex::Regex::new(source).expect("a regex")));
    assert_eq!(condition("a LIKE '%error%'"), like(LikePattern::Contains("error".to_owned())));
    assert_eq!(condition("a LIKE 'x._%'"), like(regex("(?s)^x\\...*$")));
    assert_eq!(condition("a ILIKE '%x%'"), like(regex("(?is)^.*x.*$")));
    assert_eq!(condition("a LIKE '100\\%'"), like(regex("(?s)^100%$")));
    assert_eq!(condition("a RLIKE '^x+'"), like(regex("^x+")));
}

fn parse_condition(text: &str) -> Expr {
    match parse(&format!("filter {text}")).expect("a query").commands.remove(0) {
        Command::Filter(condition) => condition,
        other => panic!("{other:?}"),
    }
}

#[test]
fn functions_are_written_with_those_of_the_tree() {
    let cwli = |text: &str| match parse(&format!("fields {text} as x")).expect("a query").commands.remove(0) {
        Command::Fields(mut columns) => columns.remove(0).value,
        other => panic!("{other:?}"),
    };
    let pairs = [
        ("lower(a)", "tolower(a)"),
        ("length(a)", "strlen(a)"),
        ("substring(a, 1, 3)", "substr(a, 0, 3)"),
        ("substr(a, b)", "substr(a, b - 1)"),
        ("CAST(a AS INT)", "toInt(a)"),
        ("cast(a AS decimal(10, 2))", "toNumber(a)"),
        ("nvl(a, 0)", "coalesce(a, 0)"),
        ("IF(a > 0, 'High', 'Low')", "if(a > 0, 'High', 'Low')"),
        ("CASE WHEN a = 1 THEN 'x' WHEN a = 2 THEN 'y' END", "case(a = 1, 'x', a = 2, 'y')"),
        ("CASE a WHEN 1 THEN 'x' ELSE 'y' END", "case(a = 1, 'x', 'y')"),
        ("mod(a, 2) + pow(b, 2)", "a % 2 + b ^ 2"),
        ("unix_timestamp()", "now()"),
        ("nullif(a, '')", "if(a = '', null, a)"),
    ];
    for (sql, other) in pairs {
        assert_eq!(value(sql), cwli(other), "{sql}");
    }
    assert_eq!(value("CAST(a AS STRING)"), Expr::Call(Function::ToText, vec![field("a")]));
    let member = "get_json_object(a, '$.b[0].c')";
    let Expr::Member(of, steps) = value(member) else { panic!("no member") };
    assert_eq!((*of, steps.len()), (Expr::Call(Function::JsonParse, vec![field("a")]), 3));
    let percentile = commands("SELECT percentile_approx(a, 0.95) AS p FROM g").remove(0);
    let ninety_five = Expr::Literal(Literal::Number(95.0));
    let expected = Expr::Aggregate(Aggregate::Percentile, vec![field("a"), ninety_five]);
    assert_eq!(
        percentile,
        Command::Stats { values: vec![Column { name: "p".to_owned(), value: expected }], by: Vec::new() }
    );
    assert!(matches!(value("a * 2"), Expr::Binary(BinaryOp::Multiply, ..)));
}

#[track_caller]
fn refused(text: &str, part: &str, message: &str) {
    let error = parse_in(Language::Sql, text).expect_err(text);
    let chars: Vec<char> = text.chars().collect();
    let found: String = chars[error.start_char..error.end_char].iter().collect();
    assert_eq!((found.as_str(), error.message.as_str()), (part, message), "{text}");
}

#[test]
fn what_has_no_counterpart_is_refused_by_name() {
    refused("SELECT soundex(a) FROM g", "soundex", "the function soundex is not supported");
    refused("SELECT a FROM g WHERE rank() OVER (ORDER BY a) = 1", "OVER", "the clause OVER is not supported");
    let ranged = "SELECT sum(a) OVER (ORDER BY b RANGE BETWEEN 1 PRECEDING AND CURRENT ROW) FROM g";
    refused(ranged, "RANGE", "the frame RANGE is not supported");
    refused(
        "SELECT rank(a) OVER (ORDER BY a) FROM g",
        "rank(a) OVER (ORDER BY a)",
        "the arguments of the function rank do not fit",
    );
    refused("WITH RECURSIVE t AS (SELECT 1) SELECT a FROM t", "RECURSIVE", "the clause RECURSIVE is not supported");
    let exists = "SELECT a FROM g WHERE EXISTS (SELECT a FROM h)";
    refused(exists, "EXISTS", "the condition EXISTS is not supported");
    refused("SELECT g.a FROM g CROSS JOIN h", "CROSS", "the join CROSS is not supported");
    refused("SELECT g.a FROM g NATURAL JOIN h", "NATURAL", "the join NATURAL is not supported");
    refused("SELECT g.a FROM g LEFT SEMI JOIN h ON g.a = h.a", "SEMI", "the join SEMI is not supported");
    let no_sides = "a join needs a field of each side that are equal";
    refused("SELECT g.a FROM g JOIN h ON g.a < h.a", "g.a < h.a", no_sides);
    refused("SELECT g.a FROM g JOIN h ON g.a = g.b AND h.a = 1", "g.a = g.b AND h.a = 1", no_sides);
    let second = "SELECT g.a FROM g JOIN h ON g.a = h.a JOIN i ON g.a = i.a";
    refused(second, "JOIN", "only one join is supported per query");
    refused("SELECT CAST(a AS BINARY) FROM g", "BINARY", "the type BINARY is not supported");
    refused("SELECT a FROM `dataSource(['x'])`", "`dataSource(['x'])`", "the selection dataSource is not supported");
    refused("SELECT DISTINCT * FROM g", "SELECT DISTINCT * FROM g", "SELECT DISTINCT * is not supported");
    refused("SELECT a, count(*) FROM g", "a", "a is neither in GROUP BY nor within an aggregate");
    refused("SELECT a FROM g WHERE count(*) > 1", "count", "unexpected symbol found count at line 1 and position 22");
    refused("SELECT a g", "", "unexpected symbol found <EOF> at line 1 and position 10");
    refused("SELECT a FROM g LIMIT x", "x", "unexpected symbol found x at line 1 and position 22");
}

#[test]
fn windows_come_before_what_is_computed_of_them() {
    let found = commands("SELECT a, b - LAG(b, 2, 0) OVER (PARTITION BY a ORDER BY c DESC) AS d FROM g WHERE e = 1");
    assert!(matches!(&found[0], Command::Filter(_)));
    let Command::Window(window) = &found[1] else { panic!("{found:?}") };
    let lag = WindowValue::Shifted(field("b"), 2, Some(Expr::Literal(Literal::Number(0.0))));
    assert_eq!((&window.columns[0].value, window.partition.as_slice()), (&lag, &[field("a")][..]));
    assert!(window.order[0].is_descending && window.order[0].value == field("c"));
    let Command::Fields(columns) = &found[2] else { panic!("{found:?}") };
    assert_eq!(columns[0].name, "d");
    let frame = |text: &str| match commands(&format!("SELECT sum(a) OVER ({text}) FROM g")).remove(0) {
        Command::Window(window) => window.columns[0].frame,
        other => panic!("{other:?}"),
    };
    assert_eq!(frame(""), Frame::ALL);
    assert_eq!(frame("ORDER BY b"), Frame::WITH_PEERS);
    assert_eq!(frame("ORDER BY b ROWS UNBOUNDED PRECEDING"), Frame::RUNNING);
    let moving = frame("ORDER BY b ROWS BETWEEN 2 PRECEDING AND 1 FOLLOWING");
    assert_eq!((moving.start, moving.end), (Some(-2), Some(1)));
    let shown = commands("SELECT ROW_NUMBER() OVER (ORDER BY a) FROM g").pop();
    let Some(Command::Display(columns)) = shown else { panic!("{shown:?}") };
    assert_eq!(columns[0].name, "ROW_NUMBER() OVER (ORDER BY a)");
}

#[test]
fn windows_go_by_aggregates() {
    let found =
        commands("SELECT a, count(*) AS n, RANK() OVER (ORDER BY count(*) DESC) AS r FROM g GROUP BY a ORDER BY r");
    let Command::Stats { values, by } = &found[0] else { panic!("{found:?}") };
    assert_eq!((values.len(), by.len()), (1, 1));
    let Command::Window(window) = &found[1] else { panic!("{found:?}") };
    assert_eq!(window.order[0].value, field("n"));
    assert_eq!(found.len(), 5);
}

#[test]
fn selects_are_put_together() {
    let found =
        commands("SELECT a FROM g UNION ALL SELECT b FROM h WHERE c = 1 EXCEPT SELECT d FROM i ORDER BY a LIMIT 3");
    let Command::Combine { kind: Combination::Union, is_all: true, query } = &found[1] else { panic!("{found:?}") };
    assert_eq!((query.source.clone(), query.commands.len()), (source(&["h"]), 2));
    let Command::Combine { kind: Combination::Except, is_all: false, .. } = &found[2] else { panic!("{found:?}") };
    assert_eq!(found[3..], commands_in_other_language("sort a | limit 3")[..]);
    same(
        "WITH t AS (SELECT a, count(*) AS n FROM g GROUP BY a) SELECT a FROM t WHERE n > 1",
        "stats count(*) as n by a | display a, n | filter n > 1 | display a",
    );
    let Command::Sort(keys) = commands("SELECT a FROM g ORDER BY a NULLS FIRST").remove(0) else { panic!("no sort") };
    assert_eq!(keys[0].value, Expr::Call(Function::IsPresent, vec![field("a")]));
}

#[test]
fn dates_are_written_with_those_of_the_tree() {
    let part =
        |name: &str| Expr::Call(Function::DatePart, vec![Expr::Literal(Literal::Text(name.to_owned())), field("a")]);
    assert_eq!(value("year(a)"), part("year"));
    assert_eq!(value("EXTRACT(HOUR FROM a)"), part("hour"));
    assert_eq!(value("a + INTERVAL 2 DAYS"), value("date_add(a, INTERVAL '2' day)"));
    assert_eq!(value("date_sub(a, INTERVAL 1 quarter)"), value("a - INTERVAL 1 quarter"));
    let Expr::Call(Function::DateAdd, arguments) = value("a - INTERVAL 1 quarter") else { panic!("no call") };
    assert_eq!(arguments[1], Expr::Literal(Literal::Number(-3.0)));
    assert_eq!(value("timestampdiff(MINUTE, a, b)"), value("timestampdiff('minute', a, b)"));
}

#[test]
fn limits_hold() {
    let tables: Vec<String> =
        (1..15).map(|n| format!("t{n} AS (SELECT a FROM t{} UNION SELECT a FROM t{})", n - 1, n - 1)).collect();
    let text = format!("WITH t0 AS (SELECT a FROM g), {} SELECT a FROM t14", tables.join(", "));
    let error = parse_in(Language::Sql, &text).expect_err("large");
    assert_eq!(error.message, "the tables of WITH are too large where they are named");
    let wide = (0..12).fold("a".to_owned(), |value, _| format!("({value} BETWEEN 1 AND 2)"));
    let error = parse_in(Language::Sql, &format!("SELECT a FROM g WHERE {wide}")).expect_err("large");
    assert_eq!(error.message, "the expression is too large");
    let deep = format!("{}SELECT a FROM g{}", "SELECT a FROM (".repeat(100), ")".repeat(100));
    let error = parse_in(Language::Sql, &deep).expect_err("deep");
    assert_eq!(error.message, "the query is nested more than 64 levels deep");
    let error = parse_in(Language::Sql, &format!("SELECT a FROM g GROUP BY a{}", ",1".repeat(200))).expect_err("many");
    assert_eq!(error.message, "the query has more than 100 columns of groups or aggregates");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_query_is_answered(words in prop::collection::vec(prop::sample::select(vec![
        "SELECT", "DISTINCT", "FROM", "WHERE", "GROUP BY", "HAVING", "ORDER BY", "LIMIT", "OFFSET", "JOIN", "LEFT", "ON",
        "AS", "CASE", "WHEN", "THEN", "ELSE", "END", "BETWEEN", "AND", "OR", "NOT", "IN", "IS", "NULL", "LIKE", "CAST(",
        "count(", "max(", "upper(", "DISTINCT", "*", "(", ")", ",", "a", "t.b", "`@m`", "`logGroups(x: ['y'])`", "'%x_'",
        "OVER (", "PARTITION BY", "ROWS BETWEEN", "PRECEDING", "UNION", "EXCEPT ALL", "WITH t AS (", "INTERVAL", "rank(", "day",
        "1", "5", "=", "<>", "<", "+", "-", "/", ";", "--", "/*", "\n", "\"", "INT", ".",
    ]), 0..50)) {
        let text = format!("SELECT {}", words.join(" "));
        if let Err(error) = parse_in(Language::Sql, &text) {
            prop_assert!(error.start_char <= error.end_char && error.end_char <= text.chars().count());
        }
    }
}

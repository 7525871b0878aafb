//! Each command, and what may stand before and behind it.

use super::{binary, column, command, commands, condition, field, number, text};
use crate::insights::ast::{
    Aggregate, BinaryOp, Command, DiffOffset, Expr, Function, InList, Join, JoinKind, Literal, ParsePattern, Period,
    Query, SortKey, Source, Unit,
};
use crate::insights::parse;

fn count() -> Expr {
    Expr::Aggregate(Aggregate::Count, Vec::new())
}

fn aggregate(function: Aggregate, of: &str) -> Expr {
    Expr::Aggregate(function, vec![field(of)])
}

fn bin(count: u32, unit: Unit) -> Expr {
    Expr::Call(Function::Bin, vec![Expr::Literal(Literal::Duration(Period { count, unit }))])
}

#[test]
fn fields_and_display_name_columns() {
    let expected = vec![
        column("@timestamp", field("@timestamp")),
        column("b", field("a")),
        column("strlen( a )", Expr::Call(Function::Strlen, vec![field("a")])),
        column("x y", binary(BinaryOp::Add, field("a"), number(1.0))),
        column("p-q", field("p-q")),
    ];
    let list = "@timestamp, a as b, strlen( a ), a + 1 AS `x y`, `p-q`";
    assert_eq!(command(&format!("fields {list}")), Command::Fields(expected.clone()));
    assert_eq!(command(&format!("DISPLAY {list}")), Command::Display(expected));
}

#[test]
fn commands_stand_between_pipes_with_comments() {
    let query =
        "# first\nfields a # why\n# second\n| filter a = 1|sort by a\n  | order by b DESC, c asc, d\n\t| head 5";
    let key = |name: &str, is_descending| SortKey { value: field(name), is_descending, is_natural: true };
    let expected = vec![
        Command::Fields(vec![column("a", field("a"))]),
        Command::Filter(binary(BinaryOp::Equal, field("a"), number(1.0))),
        Command::Sort(vec![key("a", false)]),
        Command::Sort(vec![key("b", true), key("c", false), key("d", false)]),
        Command::Limit(5),
    ];
    assert_eq!(commands(query), expected);
    assert_eq!(command("where a = 1"), command("filter a = 1"));
    assert_eq!(command("filterIndex a = 1"), Command::FilterIndex(condition("a = 1")));
    assert_eq!(command("limit any 3"), Command::Limit(3));
    let fields = |text: &str| parse(text).unwrap().index_fields().into_iter().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(
        fields("filterIndex b = 1 and a in [1, 2] | filter c = 1 | filterIndex @logStream = 's'"),
        ["@logStream", "a", "b"]
    );
    assert!(fields("filter a = 1 | filter b in (filterIndex c = 1 | fields c)").is_empty());
}

#[test]
fn parse_takes_a_glob() {
    let glob = |texts: &[&str], names: &[&str]| ParsePattern::Glob {
        texts: texts.iter().map(|text| (*text).to_owned()).collect(),
        names: names.iter().map(|name| (*name).to_owned()).collect(),
    };
    let expected =
        Command::Parse { from: field("@message"), pattern: glob(&["user=", ", ip=", ""], &["@user", "i p"]) };
    assert_eq!(command("parse @message \"user=*, ip=*\" as @user, `i p`"), expected);
    assert_eq!(command("parse 'user=*, ip=*' as @user, `i p`"), expected);
    let escaped = Command::Parse { from: field("a.b"), pattern: glob(&["\"*\": ", ";"], &["x"]) };
    assert_eq!(command(r#"parse a.b "\"\*\": *;" as x"#), escaped);
}

#[test]
fn stats_groups_and_computes() {
    let expected = Command::Stats {
        values: vec![
            column("count(*)", count()),
            column("n", count()),
            column("avg(a) / 2", binary(BinaryOp::Divide, aggregate(Aggregate::Avg, "a"), number(2.0))),
            column("pct(a, 95)", Expr::Aggregate(Aggregate::Percentile, vec![field("a"), number(95.0)])),
            column("median(a)", Expr::Aggregate(Aggregate::Percentile, vec![field("a"), number(50.0)])),
        ],
        by: vec![column("bin(5m)", bin(5, Unit::Minute)), column("g", field("b")), column("c.d", field("c.d"))],
    };
    let query = "stats count(*), count() as n, avg(a) / 2, pct(a, 95), median(a) by bin(5m), b as g, c.d";
    assert_eq!(command(query), expected);
    let truth = binary(BinaryOp::Equal, field("a"), text("x"));
    let expected =
        Command::Stats { values: vec![column("n", Expr::Aggregate(Aggregate::Sum, vec![truth]))], by: Vec::new() };
    assert_eq!(command("stats sum(a = 'x') as n"), expected);
}

#[test]
fn stats_puts_aliases_in() {
    let least = binary(BinaryOp::Subtract, aggregate(Aggregate::Max, "a"), aggregate(Aggregate::Min, "a"));
    let expected = Command::Stats {
        values: vec![
            column("x", aggregate(Aggregate::Max, "a")),
            column("y", aggregate(Aggregate::Min, "a")),
            column("z", least),
        ],
        by: Vec::new(),
    };
    assert_eq!(command("stats max(a) as x, min(a) as y, x - y as z"), expected);
}

#[test]
fn stats_may_follow_stats() {
    let query = "STATS count_distinct(ip) AS ips, count(*) AS n BY id, os | FILTER ips > 1
        | STATS count(*) AS many, sum(n) / count(*) AS mean BY os | sort mean desc | limit 5";
    assert_eq!(commands(query).len(), 5);
    let query = "stats sum(a) as s, max(@timestamp) as @t by bin(5m) | stats avg(s) by dateceil(@t, 10m)";
    assert_eq!(commands(query).len(), 2);
    let ten = ["stats count(*) as n"; 10].join(" | ");
    assert_eq!(commands(&ten).len(), 10);
}

#[test]
fn aggregates_behind_stats_are_columns() {
    let commands = commands("stats avg(a) by b | filter avg(a) > 3 and count > 1");
    let Some(Command::Filter(Expr::Binary(BinaryOp::And, left, _))) = commands.last() else { panic!("no filter") };
    assert_eq!(**left, binary(BinaryOp::Greater, field("avg(a)"), number(3.0)));
    let key = SortKey { value: field("count(*)"), is_descending: true, is_natural: true };
    let sorted = "stats count(*) by a | sort `count(*)` desc";
    assert_eq!(super::commands(sorted).last(), Some(&Command::Sort(vec![key])));
}

#[test]
fn short_commands_are_read() {
    assert_eq!(command("dedup a, b"), Command::Dedup { by: vec![field("a"), field("b")], keep: 1 });
    assert_eq!(commands("sort a | dedup b | limit 3").len(), 3);
    assert_eq!(commands("pattern @message | anomaly"), [Command::Pattern(field("@message")), Command::Anomaly]);
    let diff = |written: &str| commands(&format!("pattern @message | {written}")).pop();
    let day = 24 * 60 * 60 * 1000;
    assert_eq!(diff("diff"), Some(Command::Diff(DiffOffset::Previous)));
    assert_eq!(diff("diff previousDay"), Some(Command::Diff(DiffOffset::Ago(day))));
    assert_eq!(diff("diff previousweek"), Some(Command::Diff(DiffOffset::Ago(7 * day))));
    assert_eq!(diff("diff previousMonth"), Some(Command::Diff(DiffOffset::Ago(30 * day))));
    assert_eq!(diff("limit 1 | logcompare timeshift 2d"), Some(Command::Diff(DiffOffset::Ago(2 * day))));
    let member = "fields jsonParse(payload) as p | fields p.user.name as n";
    let Some(Command::Fields(columns)) = commands("json field=payload \"user.name\" as n").pop() else {
        panic!("no fields")
    };
    let Some(Command::Fields(expected)) = commands(member).pop() else { panic!("no fields") };
    let (Expr::Member(_, steps), Expr::Member(_, other)) = (&columns[0].value, &expected[0].value) else {
        panic!("no members")
    };
    assert_eq!((steps, &columns[0].name), (other, &expected[0].name));
    assert_eq!(command("unnest a into b"), Command::Unnest { list: field("a"), into: "b".to_owned() });
    assert_eq!(command("expand a"), Command::Unnest { list: field("a"), into: "a".to_owned() });
    assert_eq!(command("unmask @message, a"), Command::Unmask(vec![field("@message"), field("a")]));
    assert_eq!(
        commands("countFrequent a, b"),
        commands("stats count(*) as _approxcount by a, b | sort _approxcount desc")
    );
}

#[test]
fn addtotals_has_options() {
    let totals = |row: Option<&str>, column: Option<(&str, Option<&str>)>, fields: &[&str]| Command::AddTotals {
        row: row.map(str::to_owned),
        column: column.map(|(label, field)| (label.to_owned(), field.map(str::to_owned))),
        fields: fields.iter().map(|field| (*field).to_owned()).collect(),
    };
    assert_eq!(command("addtotals"), totals(Some("Total"), None, &[]));
    assert_eq!(command("addtotals price, `t-x`"), totals(Some("Total"), None, &["price", "t-x"]));
    assert_eq!(command("addtotals fieldname=Sum"), totals(Some("Sum"), None, &[]));
    assert_eq!(command("addtotals col=true row=FALSE x"), totals(None, Some(("Total", None)), &["x"]));
    let labelled = totals(Some("Total"), Some(("all of it", Some("a"))), &[]);
    assert_eq!(command("addtotals col=true label='all of it' labelfield=a"), labelled);
}

#[test]
fn lookup_matches_and_takes() {
    let expected = Command::Lookup {
        table: "user-data-2".to_owned(),
        keys: vec![("id".to_owned(), field("user.id")), ("os".to_owned(), field("os"))],
        output: vec![("name".to_owned(), "name".to_owned()), ("email".to_owned(), "mail".to_owned())],
    };
    assert_eq!(command("lookup user-data-2 id as user.id, os OUTPUT name, email as mail"), expected);
}

fn source(groups: &[&str]) -> Option<Source> {
    Some(Source { groups: groups.iter().map(|name| (*name).to_owned()).collect(), ..Source::default() })
}

#[test]
fn join_puts_rows_of_two_queries_together() {
    let right = Query { source: source(&["/aws/lambda/f"]), commands: Vec::new() };
    let expected = Command::Join(Join {
        kind: JoinKind::Left,
        left: Some("api".to_owned()),
        right: Some("fn".to_owned()),
        on: vec![(field("requestId"), field("id")), (field("a"), field("a"))],
        condition: None,
        query: Box::new(right),
    });
    let join = "join type=left left=api right=fn where api.requestId=fn.id and fn.a = api.a (SOURCE '/aws/lambda/f')";
    assert_eq!(command(join), expected);
    let query =
        "join left=a, right=b where a.x = b.x (SOURCE 'g' | filter y = 1 | stats count(*) as n by x) | fields a.x";
    assert_eq!(commands(query).len(), 2);
}

#[test]
fn in_takes_a_query() {
    let inner = Query {
        source: source(&["g"]),
        commands: vec![Command::Filter(condition("a = 1")), Command::Fields(vec![column("id", field("id"))])],
    };
    let expected = Expr::In { value: Box::new(field("id")), list: InList::Query(Box::new(inner)), is_negated: false };
    assert_eq!(condition("id in (\n SOURCE 'g'\n | filter a = 1\n | fields id\n)"), expected);
    assert_eq!(commands("filter id in (filter a = 1 | fields id) | limit 1").len(), 2);
}

#[test]
fn source_selects_log_groups() {
    let is = |written: &str, expected: Option<Source>| {
        let query = parse(written).unwrap_or_else(|error| panic!("{written}: {error}"));
        assert_eq!(query.source, expected, "{written}");
    };
    is("SOURCE 'a', \"b\" | limit 1", source(&["a", "b"]));
    is("source 'a' | SOURCE 'b' | limit 1", source(&["a", "b"]));
    is("SOURCE logGroups()", Some(Source::default()));
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let expected = Source {
        name_prefixes: words(&["p", "q"]),
        classes: words(&["INFREQUENT_ACCESS"]),
        accounts: words(&["111122223333"]),
        tags: vec![("env".to_owned(), Some("prod".to_owned())), ("team".to_owned(), None)],
        ..Source::default()
    };
    is(
        "SOURCE logGroups(namePrefix: ['p', \"q\"], class: ['INFREQUENT_ACCESS'], accountIdentifiers:['111122223333'], \
         tags: ['env=prod', 'team']) | fields a",
        Some(expected),
    );
}

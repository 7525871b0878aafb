//! PPL against Insights QL: both are read into one tree, so what a query means is said in the other language where that is shorter.

use crate::insights::ast::{
    Aggregate, Command, Expr, Frame, Function, InList, Join, JoinKind, ParsePattern, Query, Source, WindowValue,
};
use crate::insights::{Language, commands_in_other_language, parse, parse_in};
use proptest::prelude::*;

#[track_caller]
fn ppl(text: &str) -> Query {
    parse_in(Language::Ppl, text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Means the same as commands of Insights QL.
#[track_caller]
fn same(text: &str, cwli: &str) {
    let expected = commands_in_other_language(cwli);
    assert_eq!(ppl(text).commands, expected, "{text}");
}

fn source(groups: &[&str]) -> Option<Source> {
    Some(Source { groups: groups.iter().map(|group| (*group).to_owned()).collect(), ..Source::default() })
}

fn field(name: &str) -> Expr {
    Expr::Field(name.to_owned())
}

#[test]
fn sources_are_log_groups_and_indexes() {
    let query = ppl("source = [lg:`/aws/lambda/f`, lg:`g`] | head 5");
    assert_eq!((query.source, query.commands), (source(&["/aws/lambda/f", "g"]), vec![Command::Limit(5)]));
    assert_eq!(ppl("search source=`g` | head").commands, [Command::Limit(10)]);
    assert_eq!(ppl("source=`g`").source, source(&["g"]));
    let query =
        ppl("source = [`aws:fieldIndex` IN (\"status\", \"region\"), `status` = 200, `region` IN ('x', 'y')] | head 1");
    assert_eq!(query.source, None);
    let cwli = "filterIndex status = 200 | filterIndex region in ['x', 'y'] | limit 1";
    assert_eq!(query.commands, parse(cwli).expect("a query").commands);
    same("where a = 1", "filter a = 1");
    same("search source=`g` a > 1 and b = 2 | head 3", "filter a > 1 and b = 2 | limit 3");
}

#[test]
fn commands_have_counterparts() {
    same("fields `@timestamp`, a.b | head 20", "display @timestamp, a.b | limit 20");
    same("where a=\"x\" | where b != 'y' | fields c", "filter a = 'x' | filter b != 'y' | display c");
    same("eval a = b * 2, c = LENGTH(d)", "fields b * 2 as a, strlen(d) as c");
    same("rename a as b, c as `d e`", "fields a as b, c as `d e`");
    same("sort - a, + b, c", "sort a desc, b asc, c");
    same("sort a desc, b asc", "sort a desc, b");
    same("sort 5 a", "sort a | limit 5");
    assert_eq!(ppl("head 5 from 10").commands, [Command::Skip(10), Command::Limit(5)]);
    same("fillnull with 0 in a, b", "fields coalesce(a, 0) as a, coalesce(b, 0) as b");
    same("fillnull using a = 'x', b = 1", "fields coalesce(a, 'x') as a, coalesce(b, 1) as b");
    same("expand a as b", "unnest a into b");
    same("parse a '.*/(?<b>[^/]+$)'", "parse a /.*\\/(?<b>[^\\/]+$)/");
}

#[test]
fn what_is_computed_behind_fields_is_shown() {
    same("fields a | eval b = a * 2", "display a | fields a * 2 as b | display a, b");
    same("fields a, b | rename a as c | eval d = 1", "display a, b | fields a as c | fields 1 as d | display c, b, d");
    same("fields a | fillnull with 0 in a", "display a | fields coalesce(a, 0) as a | display a");
    same("stats count() by a | rename count() as n", "stats count() by a | fields count() as n | display a, n");
    same("fields a | eval b = 1 | fields b", "display a | fields 1 as b | display b");
}

#[test]
fn stats_count_and_group() {
    same(
        "stats count(), avg(a) as m, p95(b) as p by span(@timestamp, 1h), c",
        "stats count(), avg(a) as m, pct(b, 95) as p by datefloor(@timestamp, 1h) as `span(@timestamp, 1h)`, c",
    );
    same("stats distinct_count(a) as n by span(b, 10) as s", "stats count_distinct(a) as n by floor(b / 10) * 10 as s");
    same("stats percentile(a, 99) as p | sort - p", "stats pct(a, 99) as p | sort p desc");
    let query = ppl("stats count() by a | sort -count()");
    let Some(Command::Sort(keys)) = query.commands.last() else { panic!("no sort") };
    assert_eq!((&keys[0].value, keys[0].is_descending), (&field("count()"), true));
}

#[test]
fn dedup_drops_what_has_no_value() {
    same("dedup a", "filter ispresent(a) | dedup a");
    let keep = |text: &str| match ppl(text).commands.pop() {
        Some(Command::Dedup { by, keep }) => (by, keep),
        other => panic!("{other:?}"),
    };
    assert_eq!(keep("dedup 2 a, b keepempty=false"), (vec![field("a"), field("b")], 2));
    assert_eq!(ppl("dedup a keepempty=true").commands.len(), 1);
}

#[test]
fn top_and_rare_count() {
    same("top 2 a", "stats count() as count by a | sort count desc | limit 2 | display a, count");
    same("rare a, b", "stats count() as count by a, b | sort count asc | limit 10 | display a, b, count");
    let grouped = ppl("top 2 a by b").commands;
    assert_eq!(grouped[2], Command::Dedup { by: vec![field("b")], keep: 2 });
    assert_eq!(grouped[1], commands_in_other_language("sort b, count desc")[0]);
}

#[test]
fn rows_are_looked_at_together() {
    let window = |text: &str| match ppl(text).commands.pop() {
        Some(Command::Window(window)) => window,
        other => panic!("{other:?}"),
    };
    let trend = window("trendline sma(2, a) as b wma(3, c)");
    let column = |at: usize| (&trend.columns[at].name, &trend.columns[at].value, trend.columns[at].frame);
    let mean = WindowValue::Aggregate(Aggregate::Avg, vec![field("a")]);
    assert_eq!(column(0), (&"b".to_owned(), &mean, Frame::last(2)));
    assert_eq!(column(1), (&"c_trendline".to_owned(), &WindowValue::Weighted(field("c")), Frame::last(3)));
    assert_eq!(ppl("trendline sort - a sma(2, b)").commands[0], commands_in_other_language("sort a desc")[0]);
    let stats = window("eventstats sum(a) as s, count() by b, span(@timestamp, 1h)");
    assert_eq!((stats.columns.len(), stats.partition.len(), stats.columns[0].frame), (2, 2, Frame::ALL));
    assert_eq!(ppl("reverse").commands, [Command::Reverse]);
    assert_eq!(ppl("fields - a, b").commands, [Command::Hide(vec!["a".to_owned(), "b".to_owned()])]);
    same(
        "fields a, b | fillnull with 0",
        "display a, b | fields coalesce(a, 0) as a, coalesce(b, 0) as b | display a, b",
    );
    let flat = ppl("eval o = json_object('x', 1, 'y', a) | flatten o as (p, q)").commands.pop();
    let Some(Command::Fields(columns)) = flat else { panic!("{flat:?}") };
    assert_eq!(columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>(), ["p", "q"]);
}

#[test]
fn grok_names_columns() {
    let Command::Parse { from, pattern: ParsePattern::Regex(regex) } =
        ppl("grok email '.+@%{HOSTNAME:host}'").commands.remove(0)
    else {
        panic!("no parse")
    };
    assert_eq!(from, field("email"));
    assert_eq!(regex.columns().map(|(_, name)| name.into_owned()).collect::<Vec<_>>(), ["host"]);
}

#[test]
fn conditions_and_functions_are_read() {
    same("where a in ('x', 1) and b not in (2)", "filter a in ['x', 1] and b not in [2]");
    same("where like(a, '%x%') or a like '%y%'", "filter a like 'x' or a like 'y'");
    same("where a between 1 and 2", "filter a >= 1 and a <= 2");
    same("where isnull(a) and isnotnull(b)", "filter not ispresent(a) and ispresent(b)");
    same("where cidrmatch(ip, '10.0.0.0/8')", "filter isIpInSubnet(ip, '10.0.0.0/8')");
    same("eval a = case(b > 1, 'x', b > 0, 'y' else 'z')", "fields case(b > 1, 'x', b > 0, 'y', 'z') as a");
    let Some(Command::Fields(columns)) = ppl("eval a = json_extract(`@message`, '$.b')").commands.pop() else {
        panic!("no fields")
    };
    let parsed = Expr::Call(Function::JsonParse, vec![field("@message")]);
    assert!(matches!(&columns[0].value, Expr::Member(of, _) if **of == parsed));
}

#[test]
fn queries_stand_within_queries() {
    let Some(Command::Filter(Expr::In { list: InList::Query(query), .. })) =
        ppl("source=`g` | where a IN [ search source=`h` | fields b ]").commands.pop()
    else {
        panic!("no query")
    };
    assert_eq!((query.source.clone(), query.commands), (source(&["h"]), parse("display b").expect("one").commands));
    let join = ppl("LEFT JOIN left=l, right=r on l.id = r.ref `h` | fields l.a, r.b").commands.remove(0);
    let expected = Command::Join(Join {
        kind: JoinKind::Left,
        left: Some("l".to_owned()),
        right: Some("r".to_owned()),
        on: vec![(field("id"), field("ref"))],
        condition: None,
        query: Box::new(Query { source: source(&["h"]), commands: Vec::new() }),
    });
    assert_eq!(join, expected);
}

#[track_caller]
fn refused(text: &str, part: &str, message: &str) {
    let error = parse_in(Language::Ppl, text).expect_err(text);
    let chars: Vec<char> = text.chars().collect();
    let found: String = chars[error.start_char..error.end_char].iter().collect();
    assert_eq!((found.as_str(), error.message.as_str()), (part, message), "{text}");
}

#[test]
fn what_has_no_counterpart_is_refused_by_name() {
    refused("fieldsummary includefields=a", "fieldsummary", "the command fieldsummary is not supported");
    refused("trendline sma(0, a) as b", "sma(0", "a moving average is of 1 to 1000 rows");
    refused("eventstats a by b", "a", "eventstats takes aggregates");
    refused("flatten a", "a", "flatten needs a column that json_object made");
    refused("eval a = forall(b, c)", "forall", "the function forall is not supported");
    refused("source = [ds:`x.y`]", "ds", "the selection ds is not supported");
    refused("right join left=l, right=r on l.a = r.a `g`", "right", "the join right is not supported");
    refused("stats count() by a | bogus", "bogus", "unexpected symbol found bogus at line 1 and position 21");
    refused("dedup a consecutive=true", "consecutive", "the option consecutive is not supported");
    refused("where count() > 1", "count", "unexpected symbol found count at line 1 and position 6");
    refused("fillnull with 0", "0", "fillnull without a list of fields needs fields before it");
    refused("source=<INDEX>", "<", "unexpected symbol found < at line 1 and position 7");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_query_is_answered(words in prop::collection::vec(prop::sample::select(vec![
        "source=", "search", "where", "fields", "eval", "stats", "by", "sort", "head", "from", "dedup", "top", "rare",
        "rename", "parse", "grok", "fillnull", "with", "using", "in", "expand", "join", "left", "right=", "on", "case(",
        "else", "span(", "count()", "like(", "|", "[", "]", "(", ")", ",", "a", "l.b", "`@m`", "lg:", "'x%'", "1", "5m",
        "=", "-", "+", "between", "and", "not", "as", "//", "/*", "\n", "keepempty=true", "max(",
    ]), 0..50)) {
        let text = words.join(" ");
        if let Err(error) = parse_in(Language::Ppl, &text) {
            prop_assert!(error.start_char <= error.end_char && error.end_char <= text.chars().count());
        }
    }
}

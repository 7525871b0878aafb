//! What is refused, in which words, and where.

use crate::insights::parse;

/// Refused with this message, about this part of the query.
#[track_caller]
fn refused(query: &str, part: &str, message: &str) {
    let error = parse(query).expect_err(query);
    let chars: Vec<char> = query.chars().collect();
    let found: String = chars[error.start_char..error.end_char].iter().collect();
    assert_eq!((found.as_str(), error.message.as_str()), (part, message), "{query}");
}

#[track_caller]
fn unexpected(query: &str, symbol: &str, line: usize, position: usize) {
    let part = if symbol == "<EOF>" { "" } else { symbol };
    refused(query, part, &format!("unexpected symbol found {symbol} at line {line} and position {position}"));
}

#[test]
fn symbols_that_do_not_belong_are_named_with_their_place() {
    unexpected("fields a | bogus b", "bogus", 1, 11);
    unexpected("fields a b", "b", 1, 9);
    unexpected("fields a\n| filter ü = 1 2", "2", 2, 15);
    unexpected("fields a |", "<EOF>", 1, 10);
    unexpected("", "<EOF>", 1, 0);
    unexpected("# nothing", "<EOF>", 1, 9);
    unexpected("| fields a", "|", 1, 0);
    unexpected("fields a, custom | count()", "count", 1, 19);
    unexpected("filter a like b", "b", 1, 14);
    unexpected("filter a = 'x", "'", 1, 11);
    unexpected("filter @message like /error/i", "i", 1, 28);
    unexpected("filter @timestamp > ago(30m)", "(", 1, 23);
    unexpected("stats count(*) by bin(1d) | sort bin(1d) desc", "(", 1, 36);
    unexpected("stats count(*) by a | sort count(*) desc", "(", 1, 32);
    unexpected("filter a in ('x')", "'x'", 1, 13);
    unexpected("filter a <> 1", "<>", 1, 9);
    unexpected("fields in", "in", 1, 7);
    unexpected("fields a.", "<EOF>", 1, 9);
    unexpected("fields bin(0m)", "0m", 1, 11);
    unexpected("fields bin(5x)", "5x", 1, 11);
    unexpected("fields (a", "<EOF>", 1, 9);
    unexpected("limit -1", "-", 1, 6);
    unexpected("fields a | SOURCE 'x'", "SOURCE", 1, 11);
    unexpected("SOURCE 'x' fields a", "fields", 1, 11);
    unexpected("SOURCE logGroups(name: ['x'])", "name", 1, 17);
    unexpected("parse @message 'a*' b", "b", 1, 20);
    unexpected("filter count(*) > 1", "count", 1, 7);
    unexpected("stats sum(count(*))", "count", 1, 10);
    unexpected("stats count(*) by max(a)", "max", 1, 18);
    unexpected("join left=a where a.x = b.x (SOURCE 'g')", "where", 1, 12);
}

#[test]
fn commands_out_of_order_are_refused() {
    unexpected("dedup a | sort a", "sort", 1, 10);
    unexpected("dedup a | fields a", "fields", 1, 10);
    unexpected("stats count(*) as n by a | sort n | stats max(n)", "stats", 1, 36);
    unexpected("limit 1 | stats count(*) as n | stats max(n)", "stats", 1, 32);
    refused("filter a = 1 | diff", "diff", "Diff compilation Failed : Diff operation has to be used after Pattern");
    let join = "join left=a right=b where a.x = b.x (SOURCE 'g')";
    refused(&format!("{join} | {join}"), "join", "only one join command is supported per query");
    let eleven = ["stats count(*) as n"; 11].join(" | ");
    refused(&eleven, "stats", "a query can have a maximum of 10 stats commands");
}

#[test]
fn stats_knows_its_columns() {
    let message = |name: &str| format!("Unknown symbols found in or after stats: {name}");
    refused("stats count(*), a by a", "a", &message("a"));
    refused("stats max(a) + b", "max(a) + b", &message("b"));
    let second = "stats sum(a) by b | stats max(strlen(@message)) as n";
    refused(second, "max(strlen(@message)) as n", &message("@message"));
    refused("stats sum(a) as s by b | stats avg(s) by bin(5m)", "avg(s) by bin(5m)", &message("@timestamp"));
}

#[test]
fn what_has_no_place_in_the_tree_is_refused_by_name() {
    refused("fields murmurhash(a)", "murmurhash", "the function murmurhash is not supported");
    let search = "the command search is not supported: filter @message like";
    refused("fields a | search b", "search", search);
    let path = "the path of xml is not supported: names from the root on, '/a/b' or '/a/@b'";
    refused("parse @message xml '//a[1]' as x", "'//a[1]'", path);
    refused("SOURCE dataSource(['amazon_vpc.flow'])", "dataSource", "dataSource is not supported");
    let nested = "filter a in (filter b in (filter c = 1))";
    refused(nested, "(", "nested subqueries are not supported");
}

#[test]
fn options_are_checked() {
    refused("autoregress a p=4-2", "4-2", "p names 1 to 100 rows before");
    refused("autoregress a p=0", "0", "p names 1 to 100 rows before");
    refused("tail 0", "0", "tail must be between 1 and 100000");
    refused("stats count(*) by bin(1m) | fillmissing with a for b", "a", "fillmissing takes constants");
    refused("stats count(*) by a offset 1h", "offset 1h", "offset needs bin");
    let most = "max must be between 1 and 100000";
    refused("appendcols max=0 (SOURCE 'g')", "max=0", most);
    unexpected("outlier action=keep a", "keep", 1, 15);
    unexpected("sessionize a maxspan 1x", "1x", 1, 21);
    unexpected("relevantfields a", "<EOF>", 1, 16);
    unexpected("fields a | estimate | limit 1", "limit", 1, 22);
    refused(
        "fields regex_replace(a, '(', 'b')",
        "regex_replace(a, '(', 'b')",
        "invalid regular expression: unclosed group",
    );
    refused(
        "fields regex_replace(a, b, 'c')",
        "regex_replace(a, b, 'c')",
        "the arguments of the function regex_replace do not fit",
    );
}

#[test]
fn arguments_and_names_are_counted() {
    refused("fields strlen(a, b)", "strlen(a, b)", "the arguments of the function strlen do not fit");
    refused("stats pct(a, 101)", "pct(a, 101)", "the arguments of the function pct do not fit");
    refused("fields if(a, b)", "if(a, b)", "the arguments of the function if do not fit");
    refused("parse 'a*b*' as x", "'a*b*' as x", "the pattern has 2 wildcards for 1 names");
    refused("parse 'a' as x", "'a' as x", "the pattern has 0 wildcards for 1 names");
    refused("parse /a/", "/a/", "the regular expression names no group");
    refused("parse /(a)/ as x, y", "/(a)/", "2 names for 1 groups of the regular expression");
    refused("limit 0", "0", "limit must be between 1 and 100000");
    refused("limit 100001", "100001", "limit must be between 1 and 100000");
    let six = "SOURCE logGroups(namePrefix: ['1','2','3','4','5','6'])";
    refused(six, "namePrefix: ['1','2','3','4','5','6']", "namePrefix has at most 5 values");
}

#[test]
fn regular_expressions_are_refused_with_a_reason() {
    let is = |regex: &str, message: &str| {
        refused(&format!("filter a like /{regex}/"), &format!("/{regex}/"), message);
    };
    is("a(?=b)", "lookahead is not supported in regular expressions");
    is("(?<!a)b", "lookbehind is not supported in regular expressions");
    is("(?>a)", "atomic groups are not supported in regular expressions");
    is("(a)\\1", "\\1 is not supported in regular expressions");
    is("a(b", "invalid regular expression: unclosed group");
    is("[a", "a bracket of the regular expression is not closed");
    is("(?<a-b>x)", "a-b cannot name a group of a regular expression");
    is("([a-z]{500}){500}", "the regular expression is too large");
}

#[test]
fn limits_hold() {
    let long = format!("filter a = '{}'", "ü".repeat(10_000));
    let error = parse(&long).expect_err("long");
    assert_eq!((error.start_char, error.end_char), (10_000, 10_013));
    assert_eq!(error.message, "the query has more than 10000 characters");
    let deep = format!("filter {}a{}", "(".repeat(70), ")".repeat(70));
    assert_eq!(parse(&deep).expect_err("deep").message, "the query is nested more than 64 levels deep");
    let negations = format!("filter {}a", "not ".repeat(70));
    assert_eq!(parse(&negations).expect_err("deep").message, "the query is nested more than 64 levels deep");
    let signs = format!("filter {}a", "-".repeat(9_000));
    assert_eq!(parse(&signs).expect_err("deep").message, "the query is nested more than 64 levels deep");
    let powers = format!("filter a{}", "^a".repeat(4_000));
    assert_eq!(parse(&powers).expect_err("deep").message, "the query is nested more than 64 levels deep");
    let sums = format!("filter a{}", "+a".repeat(4_000));
    assert_eq!(parse(&sums).expect_err("long").message, "the query has more than 100 operators in a row");
    let chained = (0..8).fold("a".to_owned(), |value, _| format!("({value}){}", "+a".repeat(70)));
    let error = parse(&format!("filter {chained}")).expect_err("high");
    assert_eq!(error.message, "the expression is nested too deeply");
    let aliases = (1..100).map(|n| format!(", a{} + 1 + 1 + 1 as a{n}", n - 1)).collect::<String>();
    let error = parse(&format!("stats max(x) as a0{aliases}")).expect_err("high");
    assert_eq!(error.message, "the values are too large with the aliases that they refer to");
    let regexes = format!("filter a like /x/{}", " or a like /x/".repeat(64));
    assert_eq!(parse(&regexes).expect_err("many").message, "the query has more than 64 regular expressions");
    let doubled = (1..20).map(|n| format!(", a{} + a{} as a{n}", n - 1, n - 1)).collect::<String>();
    let error = parse(&format!("stats max(x) as a0{doubled}")).expect_err("large");
    assert_eq!(error.message, "the values are too large with the aliases that they refer to");
    let casts = format!("fields {}a{}", "toInt(".repeat(12), ")".repeat(12));
    assert_eq!(parse(&casts).expect_err("large").message, "the arguments of the function toInt do not fit");
}

//! Expressions: precedence, names, texts, numbers, regular expressions, functions.

use super::{binary, command, commands, condition, field, number, text};
use crate::insights::ast::{
    BinaryOp, Command, Expr, Function, InList, LikePattern, Literal, ParsePattern, Period, Regex, Step, UnaryOp, Unit,
};

/// The expression of the first column of `fields`.
#[track_caller]
fn value(written: &str) -> Expr {
    match command(&format!("fields {written}")) {
        Command::Fields(mut columns) => columns.remove(0).value,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn check_same(written: &str, with_parentheses: &str) {
    assert_eq!(value(written), value(with_parentheses), "{written}");
}

#[test]
fn operators_have_their_precedence() {
    check_same("a + b * c", "a + (b * c)");
    check_same("a - b - c", "(a - b) - c");
    check_same("a / b % c * d", "((a / b) % c) * d");
    check_same("2 ^ 3 ^ 2", "2 ^ (3 ^ 2)");
    check_same("a * b ^ c", "a * (b ^ c)");
    check_same("-a ^ 2", "-(a ^ 2)");
    check_same("-a * b", "(-a) * b");
    check_same("a + 1 = b - 1", "(a + 1) = (b - 1)");
    check_same("not a = b", "not (a = b)");
    check_same("not a and b", "(not a) and b");
    check_same("a or b and c", "a or (b and c)");
    check_same("a and b or c and d", "(a and b) or (c and d)");
    check_same("a and b and c", "(a and b) and c");
    check_same("a or b or c or d", "(a or b) or (c or d)");
    check_same("!ispresent(a) or b", "(not ispresent(a)) or b");
    check_same("a NOT LIKE 'x' AND b", "(a not like 'x') and b");
}

#[test]
fn comparisons_are_read() {
    let operators = [
        ("=", BinaryOp::Equal),
        ("==", BinaryOp::Equal),
        ("!=", BinaryOp::NotEqual),
        ("<", BinaryOp::Less),
        ("<=", BinaryOp::LessEqual),
        (">", BinaryOp::Greater),
        (">=", BinaryOp::GreaterEqual),
    ];
    for (written, operator) in operators {
        assert_eq!(condition(&format!("a{written}5")), binary(operator, field("a"), number(5.0)));
    }
    assert_eq!(condition("a = -1.5e2"), binary(BinaryOp::Equal, field("a"), number(-150.0)));
    assert_eq!(condition("a-1 = .5"), condition("(a - 1) = 0.5"));
}

#[test]
fn texts_have_either_quote_and_escapes() {
    let is = |written: &str, meant: &str| assert_eq!(value(written), text(meant), "{written}");
    is(r#""it's""#, "it's");
    is(r#"'say "no"'"#, "say \"no\"");
    is(r#""a \"b\" \\ \d""#, "a \"b\" \\ \\d");
    is(r"'it\'s\n'", "it's\n");
    is("'a # b | c'", "a # b | c");
    is("\"two\nlines\"", "two\nlines");
    is("''", "");
}

#[test]
fn names_have_signs_dots_and_backticks() {
    for name in ["@message", "a.b.0.c", "_x", "@@key", "größe", "likes", "x1"] {
        assert_eq!(value(name), field(name));
    }
    assert_eq!(value("`client-vpn (us)`"), field("client-vpn (us)"));
    assert_eq!(value("a.`b-c`.d"), field("a.b-c.d"));
    assert_eq!(value("`in`"), field("in"));
    assert_eq!(value("true"), Expr::Literal(Literal::Bool(true)));
    assert_eq!(value("NULL"), Expr::Literal(Literal::Null));
}

#[test]
fn members_are_told_from_fields_by_what_stands_before() {
    let member = |of: &str, steps: Vec<Step>| Expr::Member(Box::new(field(of)), steps);
    let name = |name: &str| Step::Name(name.to_owned());
    let last = |text: &str| match commands(text).pop() {
        Some(Command::Filter(Expr::Binary(_, left, _))) => *left,
        other => panic!("{text}: {other:?}"),
    };
    let parsed = "fields jsonParse(@message) as j";
    assert_eq!(last(&format!("{parsed} | filter j.a.b = 1")), member("j", vec![name("a"), name("b")]));
    assert_eq!(
        last(&format!("{parsed} | filter j.users[1].action = 1")),
        member("j", vec![name("users"), Step::Index(1), name("action")])
    );
    assert_eq!(last(&format!("{parsed} | filter j.`user.id` = 1")), member("j", vec![name("user.id")]));
    assert_eq!(last(&format!("{parsed} | filter jj.a = 1")), field("jj.a"));
    assert_eq!(last(&format!("{parsed} | fields j.a as k | filter k.b = 1")), member("k", vec![name("b")]));
    assert_eq!(last(&format!("{parsed} | unnest j.l into m | filter m.b = 1")), member("m", vec![name("b")]));
    assert_eq!(last(&format!("{parsed} | fields 1 as j | filter j.a = 1")), field("j.a"));
    assert_eq!(last("filter a.b = 1"), field("a.b"));
    assert_eq!(last("filter a[0] = 1"), member("a", vec![Step::Index(0)]));
}

fn like(pattern: &str, is_negated: bool) -> Expr {
    let pattern = LikePattern::Regex(Regex(regex::Regex::new(pattern).expect("a regex")));
    Expr::Like { text: Box::new(field("a")), pattern, is_negated }
}

#[test]
fn like_takes_texts_and_regular_expressions() {
    assert_eq!(condition("a like /x y/"), like("x y", false));
    assert_eq!(condition("a =~ /(?i)x/"), like("(?i)x", false));
    assert_eq!(condition("a not like /x/"), like("x", true));
    assert_eq!(condition("a !~ /x/"), like("x", true));
    assert_eq!(condition("a like /HTTP\\/\\d [^/]+/"), like("HTTP/[0-9] [^/]+", false));
    assert_eq!(condition("a like /x/ # why"), like("x", false));
    let contains = LikePattern::Contains("%x%".to_owned());
    let expected = Expr::Like { text: Box::new(field("a")), pattern: contains, is_negated: false };
    assert_eq!(condition("a like '%x%'"), expected);
}

#[test]
fn regular_expressions_are_spelled_anew() {
    let pairs = [
        (r"^\S+\w-\b", r"^[^\t\n\x0B\f\r ]+[0-9A-Za-z_]-(?-u:\b)"),
        (r"[\w-.]", r"[0-9A-Za-z_\-.]"),
        (r"[[a&&b]", r"[\[a\&\&b]"),
        (r"[[:alpha:]_]", r"[[:alpha:]_]"),
        (r"[]x]", r"[\]x]"),
        (r"[^]x]", r"[^\]x]"),
        (r"{a}{2}{x", r"\{a}{2}\{x"),
        (r"\<a\>\-\_", r"<a>\-_"),
        (r"\Q(a.b)\Ec", r"\(a\.b\)c"),
        (r"^${local.name}", r"^$\{local.name}"),
        (r"(?<@id>\d+)(?:x)(y)", r"(?<_[at]id>[0-9]+)(?:x)(y)"),
        (r"\d+\Z", r"[0-9]+(?:\n?\z)"),
        (r"\p{Lu}[\P{L}x]\x{41}\pN{2}", r"\p{Lu}[\P{L}x]\x{41}\pN{2}"),
    ];
    for (written, spelled) in pairs {
        assert_eq!(condition(&format!("a like /{written}/")), like(spelled, false), "{written}");
    }
}

#[test]
fn groups_name_columns() {
    let columns = |text: &str| match command(text) {
        Command::Parse { pattern: ParsePattern::Regex(regex), .. } => {
            regex.columns().map(|(number, name)| (number, name.into_owned())).collect::<Vec<_>>()
        }
        other => panic!("{other:?}"),
    };
    let expected = vec![(1, "@id".to_owned()), (3, "b".to_owned())];
    assert_eq!(columns("parse @message /(?<@id>.)(.)(?<b>.)/"), expected);
    assert_eq!(columns("parse /(.)(.)(.)/ as @id, x, b").len(), 3);
    assert_eq!(columns("parse /(?<x>.)/ as @y"), [(1, "@y".to_owned())]);
    assert_eq!(columns("parse /(?P<x>.)/"), [(1, "x".to_owned())]);
}

#[test]
fn in_takes_lists() {
    let list = |values: Vec<Expr>, is_negated| Expr::In {
        value: Box::new(field("a")),
        list: InList::Values(values),
        is_negated,
    };
    assert_eq!(condition("a in [1, 'x']"), list(vec![number(1.0), text("x")], false));
    assert_eq!(condition("a not in [b]"), list(vec![field("b")], true));
    assert_eq!(condition("a in []"), list(Vec::new(), false));
    assert_eq!(condition("not a in [1]"), Expr::Unary(UnaryOp::Not, Box::new(list(vec![number(1.0)], false))));
}

#[test]
fn functions_are_known_in_capital_and_small_letters() {
    assert_eq!(value("STRLEN(a)"), Expr::Call(Function::Strlen, vec![field("a")]));
    assert_eq!(value("now()"), Expr::Call(Function::Now, Vec::new()));
    assert_eq!(value("isIpv4InSubnet(a, '10.0.0.0/8')").clone(), value("isipv4insubnet(a, \"10.0.0.0/8\")"));
    let less = binary(BinaryOp::Less, field("a"), number(1.0));
    let expected = Expr::Case(vec![(less, text("x"))], Some(Box::new(text("y"))));
    assert_eq!(value("if(a < 1, 'x', 'y')"), expected);
    assert_eq!(value("case(a < 1, 'x', 'y')"), expected);
    let Expr::Case(branches, None) = value("case(a, 1, b, 2)") else { panic!("no case") };
    assert_eq!(branches.len(), 2);
    assert_eq!(value("isNumeric(a)"), value("ispresent(toNumber(a))"));
    assert_eq!(value("toInt(a)"), value("if(toNumber(a) < 0, ceil(toNumber(a)), floor(toNumber(a)))"));
    assert_eq!(value("histogram(a, 50)"), value("floor(a / 50) * 50"));
    assert_eq!(condition("startsWith(a, 'x.')"), like("\\Ax\\.", false));
}

#[test]
fn periods_have_units_and_caps() {
    let is = |written: &str, count: u32, unit: Unit| {
        let period = Expr::Literal(Literal::Duration(Period { count, unit }));
        assert_eq!(value(&format!("bin({written})")), Expr::Call(Function::Bin, vec![period.clone()]), "{written}");
        let floor = Expr::Call(Function::DateFloor, vec![field("@timestamp"), period]);
        assert_eq!(value(&format!("datefloor(@timestamp, {written})")), floor);
        assert_eq!(value(&format!("bin(@timestamp, {written})")), floor);
    };
    is("5m", 5, Unit::Minute);
    is("1min", 1, Unit::Minute);
    is("30 seconds", 30, Unit::Second);
    is("300s", 60, Unit::Second);
    is("5000ms", 1000, Unit::Millisecond);
    is("48h", 24, Unit::Hour);
    is("2hrs", 2, Unit::Hour);
    is("90d", 90, Unit::Day);
    is("1w", 1, Unit::Week);
    is("1mo", 1, Unit::Month);
    is("2qtrs", 2, Unit::Quarter);
    is("1y", 1, Unit::Year);
}

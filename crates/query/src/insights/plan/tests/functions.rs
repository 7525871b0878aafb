//! Functions and operators, by the examples of AWS's guide where it has some.

use super::*;
use Function as F;

/// The value of an expression for a line, as results show it.
fn value_of(expr: Expr, line: &str) -> String {
    let commands = vec![Command::Fields(vec![column("x", expr)])];
    table(&answer(commands, &lines(&[line]))).remove(0)
}

fn value(expr: Expr) -> String {
    value_of(expr, r#"{"a":"-3.5","e":"","b":"  ","s":" xyZfooxyZ ","ip":"10.1.2.3","l":"{\"k\":[1,{\"z\":\"y\"}]}"}"#)
}

#[test]
fn numbers() {
    assert_eq!(value(call(F::Abs, vec![f("a")])), "3.5");
    assert_eq!(value(call(F::Ceil, vec![f("a")])), "-3");
    assert_eq!(value(call(F::Floor, vec![f("a")])), "-4");
    assert_eq!(value(call(F::Greatest, vec![f("a"), n(2.0), f("none")])), "2");
    assert_eq!(value(call(F::Least, vec![f("a"), n(2.0), f("s")])), "-3.5");
    assert_eq!(value(call(F::Log, vec![n(10.0)])), "2.3026");
    assert_eq!(value(call(F::Log, vec![n(0.0)])), "-");
    assert_eq!(value(call(F::Sqrt, vec![n(2.0)])), "1.4142");
    assert_eq!(value(call(F::Sqrt, vec![f("a")])), "-");
    assert_eq!(value(call(F::Round, vec![f("a")])), "-4");
    assert_eq!(value(call(F::Round, vec![n(1.2345), n(2.0)])), "1.23");
    use BinaryOp as B;
    assert_eq!(value(binary(n(2.0), B::Power, n(3.0))), "8");
    assert_eq!(value(binary(f("a"), B::Multiply, f("a"))), "12.25");
    assert_eq!(value(binary(n(10.0), B::Remainder, n(3.0))), "1");
    assert_eq!(value(binary(n(1.0), B::Divide, n(0.0))), "-");
    assert_eq!(value(binary(f("a"), B::Add, n(1.0))), "-2.5");
    assert_eq!(value(binary(f("s"), B::Add, n(1.0))), "-");
    assert_eq!(value(Expr::Unary(UnaryOp::Negate, Box::new(f("a")))), "3.5");
    // The guide's sample of Lambda reports.
    let megabytes = binary(binary(n(128_000_000.0), B::Divide, n(1024.0)), B::Divide, n(1024.0));
    assert_eq!(value(megabytes), "122.0703");
}

#[test]
fn texts() {
    assert_eq!(value(call(F::Strlen, vec![t("aé😀")])), "3");
    assert_eq!(value(call(F::ToUpper, vec![t("aé")])), "AÉ");
    assert_eq!(value(call(F::ToLower, vec![t("AÉ")])), "aé");
    assert_eq!(value(call(F::Substr, vec![t("xyZfooxyZ"), n(3.0)])), "fooxyZ");
    assert_eq!(value(call(F::Substr, vec![t("xyZfooxyZ"), n(3.0), n(3.0)])), "foo");
    assert_eq!(value(call(F::Substr, vec![t("xyZ"), n(9.0)])), "");
    assert_eq!(value(call(F::Trim, vec![f("s")])), "xyZfooxyZ");
    assert_eq!(value(call(F::Trim, vec![t("xyZxyZfooxyZxyZ"), t("xyZ")])), "foo");
    assert_eq!(value(call(F::Ltrim, vec![t("xyZxyZfooxyZ"), t("xyZ")])), "fooxyZ");
    assert_eq!(value(call(F::Rtrim, vec![t("xyZfooxyxyZ"), t("xyZ")])), "xyZfoo");
    assert_eq!(value(call(F::Replace, vec![t("foobarfoo"), t("foo"), t("x")])), "xbarx");
    assert_eq!(value(call(F::StrContains, vec![t("foobar"), t("oba")])), "1");
    assert_eq!(value(call(F::StrContains, vec![t("foobar"), t("z")])), "0");
    assert_eq!(value(call(F::Concat, vec![t("a"), f("none"), n(1.5)])), "a1.5");
    assert_eq!(value(call(F::IsEmpty, vec![f("e")])), "1");
    assert_eq!(value(call(F::IsEmpty, vec![f("b")])), "0");
    assert_eq!(value(call(F::IsBlank, vec![f("b")])), "1");
    assert_eq!(value(call(F::IsBlank, vec![f("none")])), "1");
    assert_eq!(value(call(F::IsPresent, vec![f("e")])), "1");
    assert_eq!(value(call(F::IsPresent, vec![f("none")])), "0");
    assert_eq!(value(call(F::Coalesce, vec![f("none"), f("a"), t("z")])), "-3.5");
    let long = t(&"x".repeat(2_000));
    let longer = call(F::Replace, vec![long.clone(), t("x"), long]);
    assert_eq!(value(longer), "-", "4 MB are too much");
}

#[test]
fn times() {
    let floor = |count, unit| value(call(F::DateFloor, vec![f("@timestamp"), period(count, unit)]));
    assert_eq!(floor(1, Unit::Hour), "2024-01-02 12:00:00.000");
    assert_eq!(floor(1, Unit::Day), "2024-01-02 00:00:00.000");
    assert_eq!(floor(1, Unit::Week), "2024-01-01 00:00:00.000", "a Monday");
    assert_eq!(floor(1, Unit::Month), "2024-01-01 00:00:00.000");
    assert_eq!(floor(1, Unit::Quarter), "2024-01-01 00:00:00.000");
    assert_eq!(floor(5, Unit::Year), "2020-01-01 00:00:00.000");
    let ceil = |count, unit| value(call(F::DateCeil, vec![f("@timestamp"), period(count, unit)]));
    assert_eq!(ceil(5, Unit::Minute), "2024-01-02 12:00:00.000");
    assert_eq!(ceil(1, Unit::Day), "2024-01-03 00:00:00.000");
    assert_eq!(ceil(1, Unit::Month), "2024-02-01 00:00:00.000");
    assert_eq!(ceil(1, Unit::Quarter), "2024-04-01 00:00:00.000");
    assert_eq!(value(call(F::FromMillis, vec![n(951_782_400_123.0)])), "2000-02-29 00:00:00.123");
    assert_eq!(value(call(F::FromMillis, vec![n(-1.0)])), "1969-12-31 23:59:59.999");
    assert_eq!(value(call(F::FromMillis, vec![n(1e300)])), "-");
    assert_eq!(value(call(F::ToMillis, vec![f("@timestamp")])), "1704196800000");
    assert_eq!(value(call(F::Now, vec![])), "1704196800");
    assert_eq!(value(binary(f("@ingestionTime"), BinaryOp::Subtract, f("@timestamp"))), "500");
}

#[test]
fn addresses() {
    let is = |function, address: &str| value(call(function, vec![t(address)]));
    assert_eq!([is(F::IsValidIp, "1.2.3.4"), is(F::IsValidIp, "::1"), is(F::IsValidIp, "x")], ["1", "1", "0"]);
    assert_eq!([is(F::IsValidIpV4, "1.2.3.4"), is(F::IsValidIpV4, "::1")], ["1", "0"]);
    assert_eq!([is(F::IsValidIpV6, "1.2.3.4"), is(F::IsValidIpV6, "::1")], ["0", "1"]);
    let inside = |function, address: Expr, subnet: &str| value(call(function, vec![address, t(subnet)]));
    assert_eq!(inside(F::IsIpInSubnet, f("ip"), "10.0.0.0/8"), "1");
    assert_eq!(inside(F::IsIpv4InSubnet, f("ip"), "10.1.2.4/31"), "0");
    assert_eq!(inside(F::IsIpv4InSubnet, f("ip"), "0.0.0.0/0"), "1");
    assert_eq!(inside(F::IsIpv6InSubnet, t("2001:db8::1"), "2001:db8::/32"), "1");
    assert_eq!(inside(F::IsIpv6InSubnet, f("ip"), "10.0.0.0/8"), "0");
    assert_eq!(inside(F::IsIpInSubnet, f("ip"), "10.0.0.0/99"), "0");
    assert_eq!(inside(F::IsIpInSubnet, f("none"), "10.0.0.0/8"), "-");
}

#[test]
fn json() {
    let parsed = || call(F::JsonParse, vec![f("l")]);
    let member = |steps: &[Step]| value(Expr::Member(Box::new(parsed()), steps.to_vec()));
    let name = |name: &str| Step::Name(name.into());
    assert_eq!(member(&[name("k"), Step::Index(0)]), "1");
    assert_eq!(member(&[name("k"), Step::Index(1), name("z")]), "y");
    assert_eq!(member(&[name("k")]), r#"[1,{"z":"y"}]"#);
    assert_eq!(member(&[name("none")]), "-");
    assert_eq!(value(call(F::JsonStringify, vec![parsed()])), r#"{"k":[1,{"z":"y"}]}"#);
    assert_eq!(value(call(F::JsonParse, vec![f("s")])), "-");
    let deep = "[".repeat(100_000);
    assert_eq!(value(call(F::JsonParse, vec![t(&deep)])), "-", "and no overflow");
}

#[test]
fn case_takes_the_first_branch_that_is_true() {
    let branch = |limit: f64, text: &str| (binary(f("a"), BinaryOp::Less, n(limit)), t(text));
    let case =
        |otherwise: Option<Expr>| Expr::Case(vec![branch(-9.0, "low"), branch(0.0, "mid")], otherwise.map(Box::new));
    assert_eq!(value(case(None)), "mid");
    assert_eq!(value_of(case(Some(t("high"))), r#"{"a":3}"#), "high");
    assert_eq!(value_of(case(None), r#"{"a":3}"#), "-");
}

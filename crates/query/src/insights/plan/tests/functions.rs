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

/// The value of an expression as users of a language write it.
fn written(language: crate::insights::Language, text: &str) -> String {
    use crate::insights::{Language, parse_in};
    let query = match language {
        Language::Cwli => format!("fields {text} as x"),
        Language::Sql => format!("SELECT {text} AS x FROM g"),
        Language::Ppl => format!("eval x = {text} | fields x"),
    };
    let query = parse_in(language, &query).unwrap_or_else(|error| panic!("{text}: {error}"));
    let plan = Plan::new(&query, context()).unwrap_or_else(|error| panic!("{text}: {error}"));
    let mut worker = plan.worker();
    let line = r#"{"s":"a b&ü","t":"2024-01-31 10:20:30","ip":"10.1.2.3","list":"[1,\"x\"]"}"#;
    worker.feed(&lines(&[line])[0]).unwrap();
    table(&plan.finish(vec![worker]).unwrap()).remove(0)
}

#[track_caller]
fn all(language: crate::insights::Language, pairs: &[(&str, &str)]) {
    for (text, expected) in pairs {
        assert_eq!(written(language, text), *expected, "{text}");
    }
}

#[test]
fn texts_are_encoded_and_hashed() {
    let pairs = [
        ("md5('abc')", "900150983cd24fb0d6963f7d28e17f72"),
        ("sha1('abc')", "a9993e364706816aba3e25717850c26c9cd0d89d"),
        ("sha256('')", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("substr(sha512('abc'), 0, 16)", "ddaf35a193617aba"),
        ("crc32('123456789')", "3421780262"),
        ("urlencode(s)", "a+b%26%C3%BC"),
        ("urldecode('a+b%26%C3%BC')", "a b&ü"),
        ("urldecode('%C3')", "-"),
        ("urldecode('%4')", "-"),
        ("base64encode(s)", "YSBiJsO8"),
        ("base64decode('YSBiJsO8')", "a b&ü"),
        ("base64decode('!')", "-"),
        ("hexToAscii('4142')", "AB"),
        ("hexToDec('ff')", "255"),
        ("decToHex(255)", "ff"),
        ("decToHex(-1)", "-"),
        ("split('a,b', ',')", r#"["a","b"]"#),
        ("regex_replace('a1b22', '[0-9]+', '<$0>')", "a<1>b<22>"),
        ("regex_replace('x-y', '(\\w)-(\\w)', '\\2$1$')", "yx$"),
        ("regex_replace('aaa', '', '-')", "-a-a-a-"),
        ("messageSize('ü')", "2"),
        ("round(haversine(39.0438, -77.4879, 45.73723, -119.81143))", "3512"),
    ];
    all(crate::insights::Language::Cwli, &pairs);
}

#[test]
fn addresses_lists_and_dates_are_looked_into() {
    let pairs = [
        ("ipv4ToNumber(ip)", "167838211"),
        ("isPublicIp(ip)", "0"),
        ("isPublicIp('8.8.8.8')", "1"),
        ("isReservedIp('127.0.0.1')", "1"),
        ("isPublicIp('fd00::1')", "0"),
        ("isReservedIp('fe80::1')", "1"),
        ("isPublicIp('2600::1')", "1"),
        ("isPublicIp('no')", "0"),
        ("jsonArraySize(list)", "2"),
        ("jsonArrayContains(list, 'x')", "1"),
        ("jsonArrayContains(list, 2)", "0"),
        ("formatDate(@timestamp, '%Y/%m/%d %H:%M:%S', 'Asia/Tokyo')", "2024/01/02 21:00:00"),
        ("formatDate(@timestamp, 'dd.MM.yyyy HH:mm')", "02.01.2024 12:00"),
        ("formatDate(@timestamp, '%Q%')", "-"),
        ("parseDate('31/01/2024', '%d/%m/%Y')", "2024-01-31 00:00:00.000"),
        ("parseDate('2024-01-31 10:00', '%Y-%m-%d %H:%M', 'Europe/Berlin')", "2024-01-31 09:00:00.000"),
        ("parseDate('2024-01-31 10:00:00', 'yyyy-MM-dd HH:mm:ss')", "2024-01-31 10:00:00.000"),
        ("parseDate('x', '%Y')", "-"),
        ("queryStartTime()", "2024-01-02 12:00:00.000"),
        ("queryTimeRange()", "3600000"),
    ];
    all(crate::insights::Language::Cwli, &pairs);
}

#[test]
fn opensearch_has_more_of_dates() {
    let pairs = [
        ("year(t)", "2024"),
        ("dayofweek(t)", "4"),
        ("weekofyear(t)", "5"),
        ("last_day('2024-02-03')", "2024-02-29"),
        ("date_format(t, 'yyyy/MM')", "2024/01"),
        ("add_months(t, 1)", "2024-02-29 10:20:30.000"),
        ("t + INTERVAL 1 DAY", "2024-02-01 10:20:30.000"),
        ("date_add(t, 2)", "2024-02-02 10:20:30.000"),
        ("date_sub('2024-03-01', 1)", "2024-02-29 00:00:00.000"),
        ("datediff('2024-03-01', '2024-02-28 23:59:00')", "2"),
        ("timestampdiff(HOUR, '2024-01-01 00:00:00', '2024-01-02 01:30:00')", "25"),
        ("to_timestamp('01.02.2024', 'dd.MM.yyyy')", "2024-02-01 00:00:00.000"),
        ("from_unixtime(60)", "1970-01-01 00:01:00.000"),
        ("unix_timestamp('1970-01-01 00:01:00')", "60"),
        ("CAST(t AS DATE)", "2024-01-31"),
    ];
    all(crate::insights::Language::Sql, &pairs);
    let pairs = [
        ("DATE_FORMAT(t, '%Y-%m-%d %H:%i')", "2024-01-31 10:20"),
        ("DAYNAME(t)", "Wednesday"),
        ("CURRENT_TIMEZONE()", "UTC"),
        ("TIMESTAMPADD(DAY, 1, t)", "2024-02-01 10:20:30.000"),
    ];
    all(crate::insights::Language::Ppl, &pairs);
}

#[test]
fn opensearch_has_more_of_texts_numbers_and_json() {
    let pairs = [
        ("initcap('ab cD')", "Ab Cd"),
        ("lpad('7', 3, '0')", "007"),
        ("rpad('abc', 2)", "ab"),
        ("repeat('ab', 2)", "abab"),
        ("repeat(s, 100000000)", "-"),
        ("reverse(s)", "ü&b a"),
        ("locate('b', s)", "3"),
        ("instr(s, 'z')", "0"),
        ("right(s, 2)", "&ü"),
        ("concat_ws('-', 'a', 'b')", "a-b"),
        ("sha2('', 256)", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("regexp_extract('k=v', '(\\w)=(\\w)', 2)", "v"),
        ("regexp_extract('none', '(x)')", "-"),
        ("regexp_replace(s, '[^a-z]', '')", "ab"),
        ("round(degrees(pi()), 2)", "180"),
        ("sign(-2) + atan2(0, 1) + exp(0)", "0"),
        ("log(2, 8)", "3"),
        ("json_object('a', 1, 'b', json_array('x', null))", r#"{"a":1,"b":["x",null]}"#),
        ("json_keys('{\"p\":1}')", r#"["p"]"#),
        ("json_valid('{')", "0"),
        ("json_array_length(list)", "2"),
        ("array_contains(array(1, 2), 2)", "1"),
    ];
    all(crate::insights::Language::Sql, &pairs);
}

#[test]
fn lists_of_lists_do_not_grow_without_bound() {
    let doubled: String = (1..40).map(|n| format!(" | eval a{n} = json_array(a{}, a{})", n - 1, n - 1)).collect();
    let text = format!("eval a0 = json_array('{}'){doubled} | fields a39", "x".repeat(100));
    let query = crate::insights::parse_in(crate::insights::Language::Ppl, &text).unwrap();
    let longest = table(&answer(query.commands, &lines(&["x"]))).remove(0).len();
    assert!(longest < 2 * 1024 * 1024, "{longest}");
}

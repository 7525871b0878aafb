//! Any text at all: an answer or an error about a part of the text, never a panic.

use crate::insights::parse;
use proptest::prelude::*;

#[track_caller]
fn check(text: &str) {
    if let Err(error) = parse(text) {
        assert!(error.start_char <= error.end_char && error.end_char <= text.chars().count(), "{text}: {error:?}");
        assert!(!error.message.is_empty());
    }
}

/// Pieces that queries are made of, in any order.
fn pieces() -> impl Strategy<Value = String> {
    let words = [
        "fields",
        "display",
        "filter",
        "parse",
        "stats",
        "sort",
        "limit",
        "dedup",
        "pattern",
        "diff",
        "unnest",
        "into",
        "lookup",
        "output",
        "join",
        "type=",
        "left=",
        "right=",
        "where",
        "addtotals",
        "col=true",
        "SOURCE",
        "logGroups",
        "namePrefix",
        "|",
        ",",
        "(",
        ")",
        "[",
        "]",
        "a",
        "b.c",
        "@message",
        "`x-y`",
        "'t'",
        "\"u*\"",
        "/r(?<x>.)/",
        "/",
        "1",
        "5m",
        "=",
        "!=",
        "=~",
        "<",
        "+",
        "-",
        "*",
        "^",
        "%",
        "!",
        "and",
        "or",
        "not",
        "like",
        "in",
        "as",
        "by",
        "asc",
        "desc",
        "count",
        "bin",
        "strlen",
        "if",
        "case",
        "max",
        ":",
        ".",
        "#",
        "\n",
        "'",
        "\\",
        "ü",
        "true",
    ];
    prop::collection::vec(prop::sample::select(words.to_vec()), 0..60).prop_map(|words| words.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_answered(text in "\\PC{0,200}") {
        check(&text);
    }

    #[test]
    fn any_command_is_answered(text in pieces()) {
        check(&text);
    }

    #[test]
    fn any_regular_expression_is_answered(text in "[\\[\\]()?<>a1@{},|*+^$.\\\\&~-]{0,40}") {
        check(&format!("parse @message /{text}/"));
        check(&format!("filter a like /{text}/"));
    }
}

#[test]
fn long_queries_are_answered() {
    let repeated = |piece: &str| piece.repeat(9_900 / piece.len());
    let queries = [
        format!("filter {}", repeated("a or ")) + "a",
        format!("filter a in [{}1]", repeated("1,")),
        format!("fields {}a", repeated("a,")),
        format!("filter {}", repeated("strlen(")),
        format!("filter a like {}", repeated("/")),
        repeated("#\n"),
        repeated("SOURCE 'a' | "),
        format!("stats max(x) as a{}", repeated(",a+a as a")),
        format!("fields {}", repeated("`")),
        format!("fields a{}", repeated("[0]")),
        (0..64).map(|_| "| filter a like /\\p{L}{12}\\p{L}{12}/ ".to_owned()).collect::<String>()[2..].to_owned(),
        format!("stats {}max(a) as z", (0..900).map(|n| format!("max(a) as a{n},")).collect::<String>())[..9_900]
            .to_owned(),
    ];
    queries.iter().for_each(|query| check(query));
    // The deepest nesting fits a quarter of the stack that threads have; without optimization, when frames are several times
    // larger, all of it.
    let stack = if cfg!(debug_assertions) { 2 << 20 } else { 512 << 10 };
    let deep =
        ["(", "strlen(", "not ", "-", "a in [", "if(a,", "a ^ "].map(|piece| format!("filter {}", piece.repeat(70)));
    let small = std::thread::Builder::new().stack_size(stack);
    small.spawn(move || deep.iter().for_each(|query| check(query))).expect("a thread").join().expect("no overflow");
}

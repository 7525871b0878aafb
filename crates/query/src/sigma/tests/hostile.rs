//! Rules that want to be expensive, and random ones.

use super::super::condition::Conditions;
use super::{Document, problem, read, rule, source};
use model::limits::{SIGMA_FILE_BYTES_MAX, SIGMA_NODES_MAX};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::cell::Cell;
use std::time::{Duration, Instant};

#[test]
fn depth_and_size_are_bounded() {
    let deep = format!("title: t\na: {}{}\n", "[".repeat(100_000), "]".repeat(100_000));
    assert!(problem(&deep).starts_with("line 2: "), "{}", problem(&deep));
    let deep = format!("title: t\nx: {}{}\n", "[".repeat(60), "]".repeat(60));
    assert_eq!(problem(&deep), "line 2: more than 32 levels");
    let many = format!("title: t\nx: [{}]\n", "a,".repeat(SIGMA_NODES_MAX + 1));
    assert_eq!(problem(&many), "line 2: more than 4000 values");
    let long = "x".repeat(SIGMA_FILE_BYTES_MAX + 1);
    assert_eq!(problem(&long), "line 1: the file has more than 262144 bytes");
    for nested in [format!("{}s", "not ".repeat(10_000)), format!("{}s{}", "(".repeat(10_000), ")".repeat(10_000))] {
        let text = source(&format!("    s: [k]\n    condition: {nested}\n"));
        assert_eq!(problem(&text), "line 8: the condition has more than 32 levels");
    }
}

#[test]
fn a_condition_does_not_grow_beyond_its_text_and_asks_once_about_each_selection() {
    let selections: String = (0..500).map(|n| format!("    s{n}: [k]\n")).collect();
    let text = |times| source(&format!("{selections}    condition: {}1 of *\n", "1 of * or ".repeat(times)));
    assert!(matches!(read(&text(1)).remove(0), Ok(Document::Rule(rule)) if rule.terms() == 1_000));
    assert!(problem(&text(2)).ends_with("the condition names selections more than 1000 times"));
    assert!(problem(&text(20_000)).ends_with("the condition names selections more than 1000 times"));
    let listed = source(&format!("    s: [k]\n    condition:\n{}", "        - s\n".repeat(1_001)));
    assert!(problem(&listed).ends_with("the condition names selections more than 1000 times"));
    let names = ["a".to_owned(), "b".to_owned()];
    let asked = Cell::new(0);
    let holds = |number: usize| {
        asked.set(asked.get() + 1);
        number == 1
    };
    let conditions = Conditions::parse(&[("a and b or a and a or not b", 1), ("a or not not b", 2)], &names).unwrap();
    assert!(conditions.is_true(&holds));
    assert_eq!(asked.get(), 2);
}

/// Backtracking would take longer than the universe is old.
#[test]
fn no_text_makes_an_expression_slow() {
    let stars = rule(&format!("    s:\n        a: '{}b'\n    condition: s\n", "*a".repeat(200)));
    let regex = rule("    s:\n        a|re: '^(a+)+$'\n    condition: s\n");
    let record = json!({ "a": format!("{}c", "a".repeat(20_000)) });
    let start = Instant::now();
    assert!(!stars.is_match(&record) && !regex.is_match(&record));
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

/// Pieces of which rules are made, so that random texts come far.
fn yamlish() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "title",
        "logsource",
        "product",
        "aws",
        "detection",
        "condition",
        "sel",
        "|contains",
        "|re",
        "|all",
        "|cidr",
        "|exists",
        "1 of",
        "all of",
        "them",
        "not",
        "and",
        "(",
        ")",
        ": ",
        ":\n",
        "\n",
        "    ",
        "- ",
        "'",
        "\"",
        "[",
        "]",
        "{",
        "}",
        ",",
        "*",
        "?",
        "\\",
        "&a",
        "*a",
        "!!str",
        "---\n",
        "...\n",
        "#",
        "null",
        "~",
        "|\n",
        ">\n",
        "é",
        "\u{feff}",
        "\t",
        "%YAML 1.2\n",
        "0.0.0.0/0",
    ]);
    prop::collection::vec(pieces, 0..60).prop_map(|pieces| pieces.concat())
}

fn detection() -> impl Strategy<Value = String> {
    let field = prop::sample::select(vec!["a", "a.b", "", "x.y.z"]);
    let modifiers = prop::sample::select(vec![
        "",
        "|contains",
        "|re",
        "|all|contains",
        "|cased",
        "|endswith",
        "|fieldref",
        "|lt",
        "|neq",
    ]);
    let lines = prop::collection::vec((field, modifiers, "[a-c*?.(\\[\\\\^$+|é ]{0,12}"), 1..4);
    let condition = prop::sample::select(vec!["s", "not s", "1 of them", "all of s*", "s or not s"]);
    (lines, condition).prop_map(|(lines, condition)| {
        let line = |(n, (field, modifiers, value)): (usize, (&str, &str, String))| {
            format!("        '{field}{}{modifiers}': '{value}'\n", if n == 0 { "" } else { ".n" })
        };
        let lines: String = lines.into_iter().enumerate().map(line).collect();
        format!("    s:\n{lines}    condition: {condition}\n")
    })
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-cé.\\\\]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-b]|a\\.b|x|n", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn random_texts_never_panic(text in prop_oneof![yamlish(), any::<String>()], record in value()) {
        for document in read(&text).into_iter().chain(read(&source(&text))) {
            if let Ok(Document::Rule(rule)) = document {
                rule.is_match(&record);
            }
        }
    }

    /// A rule that is not well-formed says so; one that is answers, and its negation answers the opposite.
    #[test]
    fn a_rule_and_its_negation_differ(detection in detection(), record in value()) {
        let Some(Ok(Document::Rule(rule))) = read(&source(&detection)).into_iter().next() else { return Ok(()) };
        let negated = detection.replace("condition: ", "condition: not (").trim_end().to_owned() + ")\n";
        let negated = match read(&source(&negated)).remove(0) {
            Ok(Document::Rule(rule)) => rule,
            other => panic!("{other:?}"),
        };
        prop_assert_ne!(rule.is_match(&record), negated.is_match(&record));
    }
}

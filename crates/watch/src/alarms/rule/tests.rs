//! AWS's examples and messages, and random rules against a naive evaluator.

use super::reason::{Cause, Child, data, text};
use super::*;
use model::Timestamp;
use proptest::prelude::*;
use std::collections::BTreeMap;

const STATES: [AlarmState; 3] = [AlarmState::Ok, AlarmState::Alarm, AlarmState::InsufficientData];

/// Evaluates `rule` with the alarms of `alarmed` in ALARM, those of `unknown` without data and all others OK.
fn value(rule: &str, alarmed: &[&str], unknown: &[&str]) -> bool {
    AlarmRule::parse(rule).unwrap_or_else(|error| panic!("{rule}: {error}")).evaluate(|alarm| {
        if alarmed.contains(&alarm) {
            AlarmState::Alarm
        } else if unknown.contains(&alarm) {
            AlarmState::InsufficientData
        } else {
            AlarmState::Ok
        }
    })
}

#[test]
fn the_examples_of_the_user_guide() {
    let both = "ALARM(CPUUtilizationTooHigh) AND ALARM(DiskReadOpsTooHigh)";
    assert!(value(both, &["CPUUtilizationTooHigh", "DiskReadOpsTooHigh"], &[]));
    assert!(!value(both, &["CPUUtilizationTooHigh"], &[]));
    let not = "ALARM(CPUUtilizationTooHigh) AND NOT ALARM(DeploymentInProgress)";
    assert!(value(not, &["CPUUtilizationTooHigh"], &[]));
    assert!(!value(not, &["CPUUtilizationTooHigh", "DeploymentInProgress"], &[]));
    let network = "(ALARM(CPUUtilizationTooHigh) OR ALARM(DiskReadOpsTooHigh)) AND OK(NetworkOutTooHigh)";
    assert!(value(network, &["DiskReadOpsTooHigh"], &[]));
    assert!(!value(network, &["DiskReadOpsTooHigh"], &["NetworkOutTooHigh"]));
    let two = "AT_LEAST(2, ALARM, (WebServer1CPU, WebServer2CPU, WebServer3CPU, WebServer4CPU))";
    assert!(value(two, &["WebServer1CPU", "WebServer4CPU"], &[]));
    assert!(!value(two, &["WebServer4CPU"], &[]));
    let half =
        "AT_LEAST(50%, OK, (DatabaseConnection1, DatabaseConnection2, DatabaseConnection3, DatabaseConnection4))";
    assert!(value(half, &["DatabaseConnection1", "DatabaseConnection2"], &[]));
    assert!(!value(half, &["DatabaseConnection1", "DatabaseConnection2"], &["DatabaseConnection3"]));
    let zones = "AT_LEAST(2, ALARM, (AZ1Health, AZ2Health, AZ3Health)) AND NOT ALARM(MaintenanceWindow)";
    assert!(value(zones, &["AZ1Health", "AZ3Health"], &[]));
    assert!(!value(zones, &["AZ1Health", "AZ3Health", "MaintenanceWindow"], &[]));
}

#[test]
fn constants_precedence_and_cases() {
    assert!(value("TRUE OR FALSE AND FALSE", &[], &[]));
    assert!(!value("(TRUE OR FALSE) AND FALSE", &[], &[]));
    assert!(!value("false", &[], &[]));
    assert!(value("NOT NOT TRUE", &[], &[]));
    assert!(value("NOT FALSE AND TRUE", &[], &[]));
    assert!(value("NOT(FALSE)", &[], &[]));
    assert!(value("ALARM (\"a b\")", &["a b"], &[]));
    assert!(value("INSUFFICIENT_DATA(x)", &[], &["x"]));
    assert!(value("AT_LEAST(1, NOT OK, (x, y))", &[], &["y"]));
    assert!(!value("AT_LEAST(67%, ALARM, (x, y, z))", &["x", "y"], &[]), "67% of 3 is 2.01, so 3");
    assert!(value("AT_LEAST(66%, ALARM, (x, y, z))", &["x", "y"], &[]));
    assert!(value("((((ALARM(ALARM)))))", &["ALARM"], &[]));
}

#[test]
fn references_are_names_or_arns_bare_or_quoted() {
    let rule = AlarmRule::parse(
        r#"ALARM("say \"hi\" \\ now") OR OK(arn:aws:cloudwatch:us-east-1:123456789012:alarm:a.b-c/d) OR ALARM(x) OR OK("x")"#,
    )
    .unwrap();
    let children = ["say \"hi\" \\ now", "arn:aws:cloudwatch:us-east-1:123456789012:alarm:a.b-c/d", "x"];
    assert_eq!(rule.children(), children);
    assert_eq!(name_of(children[1]), "a.b-c/d");
    assert_eq!(name_of("arn:of:my:own"), "arn:of:my:own");
    assert_eq!(name_of("plain"), "plain");
}

fn check_error(rule: &str, message: &str, column: usize) {
    assert_eq!(AlarmRule::parse(rule), Err(RuleError { message: message.into(), column }), "{rule}");
}

#[test]
fn errors_read_as_aws_writes_them() {
    check_error("()", "Error in AlarmRule [Unsupported token ')' at char 1]", 1);
    let queue = "(ALARM(oldest-age) OR ALARM(visible-message) OR ALARM( SampleQueue Oldest Age Alarm))";
    check_error(queue, "Error in AlarmRule [Unsupported token 'Oldest' at char 67, must be: ')']", 67);
    for spaced in ["", " TRUE", "TRUE\n"] {
        check_error(spaced, "AlarmRule must not contain leading or trailing whitespace or be null", 0);
    }
    assert_eq!(
        unknown_children(&["a", "b"]),
        "Could not save the composite alarm as alarms [a, b] in the alarm rule do not exist"
    );
}

#[test]
fn errors_say_where() {
    check_error("ALARM(a) ALARM(b)", "Error in AlarmRule [Unsupported token 'ALARM' at char 9]", 9);
    check_error("ALARM(a", "Error in AlarmRule [Unexpected end at char 7, must be: ')']", 7);
    check_error("ALARM(a) AND", "Error in AlarmRule [Unexpected end at char 12]", 12);
    check_error("ALARM()", "Error in AlarmRule [Unsupported token ')' at char 6]", 6);
    check_error("ALARM(\"\")", "Error in AlarmRule [Unsupported token '\"\"' at char 6]", 6);
    check_error("ALARM(\"a)", "Error in AlarmRule [Unclosed quotation mark at char 6]", 6);
    check_error("MAYBE(a)", "Error in AlarmRule [Unsupported token 'MAYBE' at char 0]", 0);
    check_error("ALARM a", "Error in AlarmRule [Unsupported token 'a' at char 6, must be: '(']", 6);
    check_error("äö OR TRUE", "Error in AlarmRule [Unsupported token 'äö' at char 0]", 0);
    let threshold = "Error in AlarmRule [Unsupported threshold '3' at char 9, must be: 1 to 2]";
    check_error("AT_LEAST(3, ALARM, (a, b))", threshold, 9);
    let percent = "Error in AlarmRule [Unsupported threshold '0%' at char 9, must be: 1 to 100]";
    check_error("AT_LEAST(0%, ALARM, (a, b))", percent, 9);
    check_error("AT_LEAST(x, ALARM, (a))", "Error in AlarmRule [Unsupported token 'x' at char 9]", 9);
    check_error("AT_LEAST(1, ALARM, a)", "Error in AlarmRule [Unsupported token 'a' at char 19, must be: '(']", 19);
}

fn repeated(count: usize, part: impl Fn(usize) -> String) -> String {
    (0..count).map(part).collect::<Vec<_>>().join(" OR ")
}

#[test]
fn limits_hold_to_the_last_one() {
    assert!(AlarmRule::parse(&repeated(100, |i| format!("ALARM(a{i})"))).is_ok());
    check_error(
        &repeated(101, |i| format!("ALARM(a{i})")),
        "Error in AlarmRule [101 alarms, the maximum number is 100]",
        0,
    );
    assert!(AlarmRule::parse(&repeated(500, |_| "TRUE".into())).is_ok());
    assert!(AlarmRule::parse(&repeated(501, |_| "TRUE".into())).unwrap_err().message.contains("500 elements"));
    let nested = |depth: usize| format!("{}TRUE{}", "(".repeat(depth), ")".repeat(depth));
    assert!(AlarmRule::parse(&nested(DEPTH_MAX)).is_ok());
    assert!(AlarmRule::parse(&nested(DEPTH_MAX + 1)).unwrap_err().message.contains("Nested deeper"));
    assert!(AlarmRule::parse(&"NOT ".repeat(2000)).is_err());
    assert!(AlarmRule::parse(&format!("{}TRUE", "NOT ".repeat(DEPTH_MAX + 1))).is_err());
    assert!(AlarmRule::parse(&"(".repeat(CHARS_MAX)).is_err());
    let long = format!("ALARM({})", "ä".repeat(CHARS_MAX));
    check_error(&long, "AlarmRule must have length less than or equal to 10240", CHARS_MAX);
}

#[test]
fn the_children_that_decided() {
    let check = |rule: &str, alarmed: &[&str], expected: &[&str]| {
        let rule = AlarmRule::parse(rule).unwrap();
        let state = |alarm: &str| if alarmed.contains(&alarm) { AlarmState::Alarm } else { AlarmState::Ok };
        assert_eq!(rule.decide(state).deciding, expected, "{rule}");
    };
    let or = "ALARM(a) OR ALARM(b)";
    check(or, &["b"], &["b"]);
    check(or, &["a", "b"], &["a", "b"]);
    check(or, &[], &["a", "b"]);
    let and = "ALARM(a) AND ALARM(b)";
    check(and, &["b"], &["a"]);
    check(and, &["a", "b"], &["a", "b"]);
    check("ALARM(a) AND NOT ALARM(b)", &["a"], &["a", "b"]);
    check("ALARM(a) AND ALARM(a)", &["a"], &["a"]);
    check("AT_LEAST(2, ALARM, (a, b, c))", &["a", "c"], &["a", "c"]);
    check("AT_LEAST(2, ALARM, (a, b, c))", &["a"], &["b", "c"]);
    check("TRUE OR ALARM(a)", &["b"], &[]);
}

fn child(name: &str, state: AlarmState, since: &str) -> Child {
    let since = Timestamp::parse_iso(since).unwrap();
    Child { arn: format!("arn:aws:cloudwatch:us-east-1:123456789012:alarm:{name}"), state, since }
}

#[test]
fn reasons_read_as_aws_writes_them() {
    let cpu = child("ServerCpuTooHigh", AlarmState::Alarm, "2022-07-22T15:57:45.394Z");
    assert_eq!(
        text(Cause::Child(&cpu), AlarmState::Alarm),
        "arn:aws:cloudwatch:us-east-1:123456789012:alarm:ServerCpuTooHigh transitioned to ALARM at Friday 22 July, 2022 15:57:45 UTC"
    );
    let forced = child("x", AlarmState::Alarm, "2022-11-06T17:43:53Z");
    assert!(text(Cause::Child(&forced), AlarmState::Alarm).ends_with("at Sunday 06 November, 2022 17:43:53 UTC"));
    let main = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:Main";
    assert_eq!(
        text(Cause::Created(main), AlarmState::Ok),
        format!("{main} was created and its alarm rule evaluates to OK")
    );
    assert_eq!(
        data(&[cpu]),
        r#"{"triggeringAlarms":[{"arn":"arn:aws:cloudwatch:us-east-1:123456789012:alarm:ServerCpuTooHigh","state":{"value":"ALARM","timestamp":"2022-07-22T15:57:45.394+0000"}}]}"#
    );
    let older = child("ServerCpuTooHigh", AlarmState::Ok, "2022-07-14T16:28:54.191Z");
    let newer = child("TotalNetworkTrafficTooHigh", AlarmState::Ok, "2022-07-14T16:28:57.770Z");
    assert_eq!(
        data(&[older, newer]),
        r#"{"triggeringAlarms":[{"arn":"arn:aws:cloudwatch:us-east-1:123456789012:alarm:TotalNetworkTrafficTooHigh","state":{"value":"OK","timestamp":"2022-07-14T16:28:57.770+0000"}},{"arn":"arn:aws:cloudwatch:us-east-1:123456789012:alarm:ServerCpuTooHigh","state":{"value":"OK","timestamp":"2022-07-14T16:28:54.191+0000"}}]}"#
    );
}

#[test]
fn reasons_stay_within_the_lengths_of_the_model() {
    let many: Vec<Child> =
        (0..100).map(|i| child(&format!("{}{i}", "ä".repeat(200)), AlarmState::Ok, "2026-01-01T00:00:00Z")).collect();
    let data = data(&many);
    assert!(data.chars().count() <= 4000);
    let parsed: serde_json::Value = serde_json::from_str(&data).unwrap();
    assert!(parsed["triggeringAlarms"].as_array().unwrap().len() > 5);
    let long = child(&"x".repeat(2000), AlarmState::Ok, "2026-01-01T00:00:00Z");
    assert_eq!(text(Cause::Child(&long), AlarmState::Ok).chars().count(), 1023);
}

fn cycle(edges: &[(&str, &[&str])], start: &str) -> Option<Vec<String>> {
    let edges: BTreeMap<&str, &[&str]> = edges.iter().copied().collect();
    cycle::find_cycle(start, |alarm| {
        edges.get(alarm).map_or(Vec::new(), |children| children.iter().map(|c| (*c).to_owned()).collect())
    })
}

#[test]
fn cycles_are_found_and_diamonds_are_none() {
    assert_eq!(cycle(&[("a", &["b", "c"]), ("b", &["d"]), ("c", &["d"]), ("d", &["e"])], "a"), None);
    assert_eq!(cycle(&[("a", &["a"])], "a"), Some(vec!["a".into()]));
    assert_eq!(cycle(&[("a", &["b"]), ("b", &["a"])], "a"), Some(vec!["a".into(), "b".into()]));
    let deep = cycle(&[("a", &["b", "x"]), ("b", &["c"]), ("c", &["d"]), ("d", &["b"])], "a");
    assert_eq!(deep, Some(vec!["b".into(), "c".into(), "d".into()]));
    let mut asked = 0;
    let chain = |alarm: &str| {
        asked += 1;
        let next = alarm.parse::<usize>().unwrap() + 1;
        vec![next.min(100_000).to_string()]
    };
    assert_eq!(cycle::find_cycle("0", chain), Some(vec!["100000".into()]));
    assert_eq!(asked, 100_001);
}

/// A rule as the test writes it, with alarms `0` to `4`.
#[derive(Debug, Clone)]
enum Naive {
    Constant(bool),
    State(usize, usize),
    AtLeast(usize, bool, usize, bool, Vec<usize>),
    Not(Box<Naive>),
    And(Box<Naive>, Box<Naive>),
    Or(Box<Naive>, Box<Naive>),
}

impl Naive {
    fn write(&self) -> String {
        match self {
            Naive::Constant(value) => value.to_string().to_uppercase(),
            Naive::State(state, alarm) => format!("{}( {alarm})", STATES[*state].as_str()),
            Naive::AtLeast(n, percent, state, negated, alarms) => {
                let n = if *percent { format!("{}%", n * 20) } else { (*n).min(alarms.len()).to_string() };
                let not = if *negated { "NOT " } else { "" };
                let alarms: Vec<String> = alarms.iter().map(|alarm| format!("\"{alarm}\"")).collect();
                format!("AT_LEAST({n},{not}{}, ({}))", STATES[*state].as_str(), alarms.join(","))
            }
            Naive::Not(inner) => format!("NOT ({})", inner.write()),
            Naive::And(a, b) => format!("({}) AND ({})", a.write(), b.write()),
            Naive::Or(a, b) => format!("(({}) OR {})", a.write(), b.write()),
        }
    }

    fn value(&self, states: &[AlarmState]) -> bool {
        match self {
            Naive::Constant(value) => *value,
            Naive::State(state, alarm) => states[*alarm] == STATES[*state],
            Naive::AtLeast(n, percent, state, negated, alarms) => {
                let mut holding = 0;
                for alarm in alarms {
                    if (states[*alarm] == STATES[*state]) ^ negated {
                        holding += 1;
                    }
                }
                let n = (*n).min(if *percent { 5 } else { alarms.len() });
                if *percent { holding * 5 >= n * alarms.len() } else { holding >= n }
            }
            Naive::Not(inner) => !inner.value(states),
            Naive::And(a, b) => a.value(states) & b.value(states),
            Naive::Or(a, b) => a.value(states) | b.value(states),
        }
    }
}

fn naive() -> impl Strategy<Value = Naive> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Naive::Constant),
        (0..3usize, 0..5usize).prop_map(|(state, alarm)| Naive::State(state, alarm)),
        (1..=5usize, any::<bool>(), 0..3usize, any::<bool>(), proptest::collection::vec(0..5usize, 1..6))
            .prop_map(|(n, percent, state, negated, alarms)| Naive::AtLeast(n, percent, state, negated, alarms)),
    ];
    leaf.prop_recursive(5, 24, 2, |inner| {
        let boxed = inner.prop_map(Box::new);
        prop_oneof![
            boxed.clone().prop_map(Naive::Not),
            (boxed.clone(), boxed.clone()).prop_map(|(a, b)| Naive::And(a, b)),
            (boxed.clone(), boxed).prop_map(|(a, b)| Naive::Or(a, b)),
        ]
    })
}

fn states() -> impl Strategy<Value = Vec<AlarmState>> {
    proptest::collection::vec((0..3usize).prop_map(|i| STATES[i]), 5)
}

proptest! {
    #[test]
    fn rules_mean_what_the_naive_evaluator_says(naive in naive(), states in states(), others in states()) {
        let rule = AlarmRule::parse(&naive.write()).unwrap();
        let state_of = |states: &[AlarmState], alarm: &str| states[alarm.parse::<usize>().unwrap()];
        let expected = naive.value(&states);
        prop_assert_eq!(rule.evaluate(|alarm| state_of(&states, alarm)), expected);
        // Whatever the others do, the deciding ones settle it.
        let decision = rule.decide(|alarm| state_of(&states, alarm));
        let mixed = |alarm: &str| state_of(if decision.deciding.contains(&alarm) { &states } else { &others }, alarm);
        prop_assert_eq!(rule.evaluate(mixed), expected);
    }

    #[test]
    fn a_displayed_rule_parses_to_the_same(naive in naive()) {
        let rule = AlarmRule::parse(&naive.write()).unwrap();
        prop_assert_eq!(AlarmRule::parse(&rule.to_string()), Ok(rule));
    }

    #[test]
    fn any_name_survives_quoting(name in "\\PC{1,40}") {
        let rule = AlarmRule { expression: Expression::State { state: AlarmState::Ok, alarm: name.clone() } };
        let again = AlarmRule::parse(&rule.to_string()).unwrap();
        prop_assert_eq!(again.children(), vec![name.as_str()]);
    }

    #[test]
    fn no_text_panics(text in "(ALARM|OK|AT_LEAST|NOT|AND|OR|TRUE|\\(|\\)|,|\"|\\\\| |%|[0-9]|[ -~äß漢\n]){0,40}") {
        if let Err(error) = AlarmRule::parse(&text) {
            prop_assert!(error.column <= text.chars().count());
        }
    }
}

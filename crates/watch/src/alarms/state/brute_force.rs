//! The evaluation rule once more, from AWS's prose and by brute force, against `next_state` on random alarms.
//!
//! A pattern is the fetched range, oldest first: `<`, `=`, `>` are points below, at and above the threshold, `-` a missing
//! one. Missing points are filled in every possible way; what all ways agree on is the answer.

use super::*;
use model::Scope;
use model::time::MINUTE;
use proptest::prelude::*;

const OPERATORS: [(&str, &str); 4] = [
    ("GreaterThanThreshold", ">"),
    ("GreaterThanOrEqualToThreshold", "=>"),
    ("LessThanThreshold", "<"),
    ("LessThanOrEqualToThreshold", "<="),
];

/// M of N in a window of exactly N points.
fn plain(window: &str, m: usize, breaching: &str) -> bool {
    window.chars().filter(|c| breaching.contains(*c)).count() >= m
}

/// All ways to fill `missing` points with one that breaches and one that does not.
fn fills(missing: usize, breaching: &str) -> Vec<String> {
    let bad = breaching.chars().next().unwrap();
    let good = "<=>".chars().find(|c| !breaching.contains(*c)).unwrap();
    (0..1_u32 << missing)
        .map(|bits| (0..missing).map(|i| if bits >> i & 1 == 1 { bad } else { good }).collect())
        .collect()
}

/// The state by the user guide's prose; `None` keeps what it is.
fn expected(pattern: &str, n: usize, m: usize, treat: &str, breaching: &str) -> Option<AlarmState> {
    let state = |alarm: bool| Some(if alarm { AlarmState::Alarm } else { AlarmState::Ok });
    let real: String = pattern.chars().filter(|c| *c != '-').collect();
    if real.len() >= n {
        // "If enough data points are real, the treatment does not matter": the newest N.
        return state(plain(&real[real.len() - n..], m, breaching));
    }
    let mut verdicts: Vec<bool> =
        fills(n - real.len(), breaching).iter().map(|fill| plain(&format!("{fill}{real}"), m, breaching)).collect();
    // From no fill breaching to every fill breaching.
    verdicts.sort_unstable();
    let (mildest, harshest) = (verdicts[0], verdicts[verdicts.len() - 1]);
    match treat {
        "breaching" => return state(harshest),
        "notBreaching" => return state(mildest),
        _ => {}
    }
    if real.is_empty() {
        return (treat == "missing").then_some(AlarmState::InsufficientData);
    }
    if mildest {
        return state(true);
    }
    // "Premature": too few points, and from the oldest breaching one on, M periods back at least, none that is fine.
    let from_breach = pattern.find(|c| breaching.contains(c)).map_or("", |at| &pattern[at..]);
    let fine_since = from_breach.chars().any(|c| c != '-' && !breaching.contains(c));
    if real.len() < m && from_breach.len() >= m && !fine_since {
        return if treat == "missing" { state(true) } else { None };
    }
    state(false)
}

fn alarm(n: usize, m: Option<usize>, treat: &str, operator: &str, state: AlarmState) -> Alarm {
    Alarm {
        scope: Scope { account: "123456789012".into(), region: "us-east-1".into() },
        name: "a".into(),
        version: 1,
        configuration: AlarmConfiguration {
            namespace: "N".into(),
            statistic: Some("Sum".into()),
            period_secs: 60,
            evaluation_periods: n as i64,
            datapoints_to_alarm: m.map(|m| m as i64),
            threshold: 10.0,
            comparison_operator: operator.into(),
            treat_missing_data: Some(treat.into()),
            ..AlarmConfiguration::default()
        },
        actions_enabled: true,
        configuration_updated: Timestamp(0),
        state,
        state_reason: String::new(),
        state_reason_data: None,
        state_updated: Timestamp(0),
        state_transitioned: Timestamp(0),
        memory: None,
    }
}

fn slots(pattern: &str) -> Vec<Slot> {
    let value = |c| match c {
        '<' => Some(9.0),
        '=' => Some(10.0),
        '>' => Some(11.0),
        _ => None,
    };
    let slot = |(i, c)| Slot {
        start: Timestamp(i as i64 * MINUTE),
        point: value(c).map(|value| Point { value, sample_count: Some(1.0), band: None }),
    };
    pattern.chars().enumerate().map(slot).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn the_rule_agrees_with_brute_force(
        n in 1..=6_usize,
        m in proptest::option::of(1..=6_usize),
        // Missing points and one kind of point are often all there is, as in life.
        pattern in prop_oneof!["[-]{1,10}", "[->]{1,10}", "[-<]{1,10}", "[-<=>]{1,10}", "[<=>]{1,10}"],
        treat in proptest::sample::select(vec!["missing", "ignore", "breaching", "notBreaching"]),
        operator in 0..4_usize,
        before in proptest::sample::select(vec![AlarmState::Ok, AlarmState::Alarm, AlarmState::InsufficientData]),
    ) {
        let m = m.map(|m| m.min(n));
        // The caller fetches at least N periods.
        let pattern = format!("{}{pattern}", "-".repeat(n.saturating_sub(pattern.len())));
        let (operator, breaching) = OPERATORS[operator];
        let change = next_state(&alarm(n, m, treat, operator, before), &slots(&pattern), Timestamp(0));
        let expected = expected(&pattern, n, m.unwrap_or(n), treat, breaching).filter(|state| *state != before);
        prop_assert_eq!(change.as_ref().map(|change| change.state), expected, "{} of {:?}", pattern, m);
        if let Some(change) = change {
            prop_assert!(!change.reason.is_empty() && change.reason.chars().count() <= 1023);
        }
    }
}

//! Random policies and requests: `decide` must agree with an evaluator that is as slow and plain as the documentation.

use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Recursive, character by character.
fn like(pattern: &[char], text: &[char]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some(('*', rest)), _) => (0..=text.len()).any(|taken| like(rest, &text[taken..])),
        (Some(('?', rest)), Some((_, after))) => like(rest, after),
        (Some((p, rest)), Some((c, after))) => p == c && like(rest, after),
        _ => false,
    }
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(values) => values.iter().flat_map(texts).collect(),
        Value::String(text) => vec![text.clone()],
        _ => Vec::new(),
    }
}

fn any_like(patterns: &Value, text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    texts(patterns).iter().any(|pattern| like(&pattern.chars().collect::<Vec<_>>(), &text))
}

fn element(statement: &Value, name: &str, text: &str) -> bool {
    match statement.get(name) {
        Some(patterns) => any_like(patterns, text),
        None => !any_like(&statement[format!("Not{name}")], text),
    }
}

fn condition(statement: &Value, context: &Keys) -> bool {
    let Some(operators) = statement.get("Condition").and_then(Value::as_object) else { return true };
    operators.iter().all(|(operator, keys)| {
        keys.as_object().unwrap().iter().all(|(key, wanted)| {
            let found = context.get(key);
            let (set, rest) = operator.split_once(':').unwrap_or(("", operator));
            let Some(found) = found else {
                return match set {
                    "ForAllValues" => true,
                    "ForAnyValue" => rest.ends_with("IfExists"),
                    _ => rest.ends_with("IfExists") || rest.contains("Not"),
                };
            };
            let test = |value: &String| match rest.trim_end_matches("IfExists") {
                "StringEquals" => texts(wanted).contains(value),
                "StringNotEquals" => !texts(wanted).contains(value),
                "StringLike" => any_like(wanted, value),
                "StringNotLike" => !any_like(wanted, value),
                other => unreachable!("{other}"),
            };
            match (set, rest.contains("Not")) {
                ("ForAllValues", _) | ("", true) => found.iter().all(test),
                _ => found.iter().any(test),
            }
        })
    })
}

/// `Some(true)` allowed, `Some(false)` denied, `None` silent.
fn says(policies: &[Value], action: &str, resource: &str, context: &Keys) -> Option<bool> {
    let applying: Vec<bool> = policies
        .iter()
        .flat_map(|policy| policy["Statement"].as_array().unwrap())
        .filter(|statement| {
            element(statement, "Action", action)
                && element(statement, "Resource", resource)
                && condition(statement, context)
        })
        .map(|statement| statement["Effect"] == "Allow")
        .collect();
    match (applying.contains(&false), applying.contains(&true)) {
        (true, _) => Some(false),
        (false, true) => Some(true),
        (false, false) => None,
    }
}

fn element_strategy(name: &'static str, values: &'static [&'static str]) -> impl Strategy<Value = (String, Value)> {
    let list = prop::collection::vec(prop::sample::select(values), 1..3);
    (prop::bool::weighted(0.25), list).prop_map(move |(negated, list)| {
        let name = if negated { format!("Not{name}") } else { name.to_owned() };
        (name, json!(list))
    })
}

fn condition_strategy() -> impl Strategy<Value = Value> {
    let operators = vec!["StringEquals", "StringNotEquals", "StringLike", "StringNotLike"];
    let sets = vec!["", "ForAllValues:", "ForAnyValue:"];
    let operator = (prop::sample::select(sets), prop::sample::select(operators), any::<bool>())
        .prop_map(|(set, operator, exists)| format!("{set}{operator}{}", if exists { "IfExists" } else { "" }));
    let values = prop::collection::vec(prop::sample::select(&["a", "b", "a*", "?"][..]), 1..3);
    let keys = prop::collection::btree_map(prop::sample::select(&["k:x", "k:y"][..]), values, 1..3);
    prop::collection::btree_map(operator, keys, 0..3).prop_map(|operators| json!(operators))
}

const ACTIONS: &[&str] = &["s:get", "s:*", "s:g?t", "t:get", "*", "s:put*"];
const RESOURCES: &[&str] = &["*", "arn:aws:s:r:1:x", "arn:aws:s:r:1:x*", "arn:aws:s:*:*:*/y", "arn:aws:s:r:1:?/y"];

fn policies_strategy() -> impl Strategy<Value = Vec<Value>> {
    let statement = (
        any::<bool>(),
        element_strategy("Action", ACTIONS),
        element_strategy("Resource", RESOURCES),
        prop::option::of(condition_strategy()),
    )
        .prop_map(|(allow, action, resource, condition)| {
            let mut statement = json!({"Effect": if allow { "Allow" } else { "Deny" }});
            statement[action.0] = action.1;
            statement[resource.0] = resource.1;
            if let Some(condition) = condition {
                statement["Condition"] = condition;
            }
            statement
        });
    let policy = prop::collection::vec(statement, 1..4)
        .prop_map(|statements| json!({"Version": "2012-10-17", "Statement": statements}));
    prop::collection::vec(policy, 0..3)
}

fn compiled(policies: &[Value]) -> Vec<Arc<Policy>> {
    policies.iter().map(|value| policy(&value.to_string())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn the_evaluator_agrees_with_a_naive_one(
        identity in policies_strategy(),
        boundary in policies_strategy(),
        session in policies_strategy(),
        action in prop::sample::select(&["s:get", "s:put", "t:get", "s:putx"][..]),
        resource in prop::sample::select(&["arn:aws:s:r:1:x", "arn:aws:s:r:1:x/y", "arn:aws:s:q:2:z/y", "*"][..]),
        context in prop::collection::btree_map(
            prop::sample::select(vec!["k:x".to_owned(), "k:y".to_owned()]),
            prop::collection::vec(prop::sample::select(vec!["a".to_owned(), "ab".into(), "b".into()]), 1..3),
            0..3,
        ),
    ) {
        let boundary = boundary.first().cloned();
        let limits = [boundary.clone().map(|one| vec![one]), (!session.is_empty()).then(|| session.clone())];
        let say = |policies: &[Value]| says(policies, action, resource, &context);
        let verdicts: Vec<_> = limits.iter().flatten().map(|policies| say(policies)).collect();
        let own = say(&identity);
        let denied = own == Some(false) || verdicts.contains(&Some(false));
        let expected = !denied && own == Some(true) && verdicts.iter().all(|verdict| *verdict == Some(true));

        let (identity, session) = (compiled(&identity), compiled(&session));
        let boundary = boundary.map(|one| policy(&one.to_string()));
        let policies = Policies {
            identity: &identity,
            boundary: boundary.as_deref(),
            session: (!session.is_empty()).then_some(&session[..]),
            ..Policies::default()
        };
        let decision = decide(&request(action, resource, &context), &policies);
        prop_assert_eq!(decision.is_allowed(), expected);
        prop_assert_eq!(matches!(decision, Decision::ExplicitDeny(_)), denied);
        let found = matching(&request(action, resource, &context), &policies);
        prop_assert_eq!(found.iter().any(|found| found.statement.effect == Effect::Deny), denied);
    }
}

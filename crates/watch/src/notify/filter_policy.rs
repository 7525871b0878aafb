//! Filter policies: which messages a subscription wants, by message attributes or by the body.
//!
//! AWS: <https://docs.aws.amazon.com/sns/latest/dg/sns-subscription-filter-policies.html>. Known: values, `anything-but` (also of a
//! prefix or suffix), `prefix`, `suffix`, `equals-ignore-case`, `numeric`, `exists`. Refused by name: `$or`, `cidr`, `wildcard`.

use super::message::Attribute;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Most keys of a policy.
const KEYS_MAX: usize = 5;
/// Most combinations of conditions: the product of the numbers of conditions of all keys.
const COMBINATIONS_MAX: usize = 150;

/// A policy: every key must match.
#[derive(Debug, Clone, PartialEq)]
pub struct FilterPolicy(BTreeMap<String, Node>);

#[derive(Debug, Clone, PartialEq)]
enum Node {
    /// One of the conditions must hold.
    Leaf(Vec<Condition>),
    Nested(BTreeMap<String, Node>),
}

#[derive(Debug, Clone, PartialEq)]
enum Condition {
    Equals(Value),
    Prefix(String),
    Suffix(String),
    EqualsIgnoreCase(String),
    Numeric(Vec<(Comparison, f64)>),
    Exists(bool),
    AnythingBut(Vec<Condition>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl FilterPolicy {
    /// Reads a policy; `of_body` allows nested keys. The error says what is wrong, as it follows `Invalid parameter: FilterPolicy: `.
    pub fn parse(text: &str, of_body: bool) -> Result<Self, String> {
        let Ok(Value::Object(policy)) = serde_json::from_str(text) else {
            return Err("failed to parse JSON.".into());
        };
        let mut size = Size { keys: 0, combinations: 1 };
        let nodes = nodes(&policy, of_body, &mut size)?;
        if size.keys > KEYS_MAX {
            return Err(format!("Filter policy can not have more than {KEYS_MAX} keys"));
        }
        if size.combinations > COMBINATIONS_MAX {
            return Err("Filter policy is too complex".into());
        }
        Ok(Self(nodes))
    }

    /// Whether a message with these attributes is wanted.
    pub fn wants_attributes(&self, attributes: &BTreeMap<String, Attribute>) -> bool {
        self.0.iter().all(|(key, node)| matches(node, attributes.get(key).and_then(attribute_value).as_ref()))
    }

    /// Whether a message with this body is wanted; one that is no JSON object never is.
    pub fn wants_body(&self, body: &str) -> bool {
        match serde_json::from_str(body) {
            Ok(body @ Value::Object(_)) => matches_all(&self.0, Some(&body)),
            _ => false,
        }
    }
}

struct Size {
    keys: usize,
    combinations: usize,
}

fn nodes(policy: &Map<String, Value>, of_body: bool, size: &mut Size) -> Result<BTreeMap<String, Node>, String> {
    let mut nodes = BTreeMap::new();
    for (key, value) in policy {
        let node = match value {
            Value::Array(_) if key == "$or" => return Err("Trailwatch does not know the operator $or".into()),
            Value::Array(list) if list.is_empty() => return Err("Empty arrays are not allowed".into()),
            Value::Array(list) => {
                size.keys += 1;
                size.combinations = size.combinations.saturating_mul(list.len());
                Node::Leaf(list.iter().map(condition).collect::<Result<_, _>>()?)
            }
            Value::Object(inner) if of_body && !inner.is_empty() => Node::Nested(nodes_below(inner, size)?),
            Value::Object(_) if of_body => return Err("Empty objects are not allowed".into()),
            Value::Object(_) => {
                return Err("Filter policy scope MessageAttributes does not support nested filter policy".into());
            }
            _ => return Err(format!("\"{}\" must be an object or an array", shown(key))),
        };
        nodes.insert(key.clone(), node);
    }
    Ok(nodes)
}

/// The nesting of the JSON text bounds this recursion.
fn nodes_below(policy: &Map<String, Value>, size: &mut Size) -> Result<BTreeMap<String, Node>, String> {
    nodes(policy, true, size)
}

fn condition(value: &Value) -> Result<Condition, String> {
    let Value::Object(operator) = value else {
        return match value {
            Value::Array(_) => Err("Match value must be String, number, true, false, or null".into()),
            value => Ok(Condition::Equals(value.clone())),
        };
    };
    let mut operators = operator.iter();
    let (Some((name, operand)), None) = (operators.next(), operators.next()) else {
        return Err("Only one key allowed in match expression".into());
    };
    let text = || operand.as_str().map(str::to_owned).ok_or(format!("{} match pattern must be a string", shown(name)));
    match name.as_str() {
        "prefix" => Ok(Condition::Prefix(text()?)),
        "suffix" => Ok(Condition::Suffix(text()?)),
        "equals-ignore-case" => Ok(Condition::EqualsIgnoreCase(text()?)),
        "exists" => match operand {
            Value::Bool(exists) => Ok(Condition::Exists(*exists)),
            _ => Err("exists match pattern must be either true or false.".into()),
        },
        "numeric" => numeric(operand),
        "anything-but" => anything_but(operand),
        name => Err(format!("Unrecognized match type {}", shown(name))),
    }
}

fn anything_but(operand: &Value) -> Result<Condition, String> {
    let scalar = |value: &Value| match value {
        Value::Array(_) | Value::Object(_) | Value::Null => {
            Err("Inside anything-but list, start|null|boolean is not supported.".to_owned())
        }
        value => Ok(Condition::Equals(value.clone())),
    };
    let all = match operand {
        Value::Array(list) if list.is_empty() => return Err("Empty arrays are not allowed".into()),
        Value::Array(list) => list.iter().map(scalar).collect::<Result<_, _>>()?,
        Value::Object(inner) if inner.len() == 1 && (inner.contains_key("prefix") || inner.contains_key("suffix")) => {
            vec![condition(operand)?]
        }
        value => vec![scalar(value)?],
    };
    Ok(Condition::AnythingBut(all))
}

fn numeric(operand: &Value) -> Result<Condition, String> {
    let malformed = || "Value of numeric must be an array of comparisons and numbers.".to_owned();
    let list = operand.as_array().filter(|list| matches!(list.len(), 2 | 4)).ok_or_else(malformed)?;
    let comparison = |pair: &[Value]| {
        let comparison = match pair.first().and_then(Value::as_str) {
            Some("=") => Comparison::Equal,
            Some("<") => Comparison::Less,
            Some("<=") => Comparison::LessOrEqual,
            Some(">") => Comparison::Greater,
            Some(">=") => Comparison::GreaterOrEqual,
            _ => return Err(malformed()),
        };
        Ok((comparison, pair.get(1).and_then(Value::as_f64).ok_or_else(malformed)?))
    };
    Ok(Condition::Numeric(list.chunks(2).map(comparison).collect::<Result<_, _>>()?))
}

fn matches_all(nodes: &BTreeMap<String, Node>, value: Option<&Value>) -> bool {
    match value {
        Some(Value::Array(items)) => items.iter().any(|item| matches_all(nodes, Some(item))),
        value => nodes.iter().all(|(key, node)| matches(node, value.and_then(|value| value.get(key)))),
    }
}

fn matches(node: &Node, value: Option<&Value>) -> bool {
    match (node, value) {
        (Node::Nested(nodes), value) => matches_all(nodes, value),
        (Node::Leaf(conditions), Some(Value::Array(items))) if !items.is_empty() => {
            conditions.iter().any(|condition| items.iter().any(|item| holds(condition, Some(item))))
        }
        (Node::Leaf(conditions), value) => conditions.iter().any(|condition| holds(condition, value)),
    }
}

fn holds(condition: &Condition, value: Option<&Value>) -> bool {
    let Some(value) = value else { return matches!(condition, Condition::Exists(false)) };
    let text = value.as_str();
    match condition {
        Condition::Equals(wanted) => match (wanted.as_f64(), value.as_f64()) {
            (Some(wanted), Some(value)) => wanted == value,
            _ => wanted == value,
        },
        Condition::Prefix(prefix) => text.is_some_and(|text| text.starts_with(prefix)),
        Condition::Suffix(suffix) => text.is_some_and(|text| text.ends_with(suffix)),
        Condition::EqualsIgnoreCase(wanted) => text.is_some_and(|text| text.to_lowercase() == wanted.to_lowercase()),
        Condition::Exists(exists) => *exists,
        Condition::AnythingBut(all) => !all.iter().any(|condition| holds(condition, Some(value))),
        Condition::Numeric(comparisons) => value.as_f64().is_some_and(|value| {
            comparisons.iter().all(|(comparison, limit)| match comparison {
                Comparison::Equal => value == *limit,
                Comparison::Less => value < *limit,
                Comparison::LessOrEqual => value <= *limit,
                Comparison::Greater => value > *limit,
                Comparison::GreaterOrEqual => value >= *limit,
            })
        }),
    }
}

/// The value of a message attribute that policies see; binary ones are not seen.
fn attribute_value(attribute: &Attribute) -> Option<Value> {
    let kind = attribute.data_type.split('.').next().unwrap_or_default();
    match kind {
        _ if attribute.data_type == "String.Array" => serde_json::from_str(&attribute.value).ok(),
        "String" => Some(Value::String(attribute.value.clone())),
        "Number" => attribute.value.parse::<f64>().ok().map(Value::from),
        _ => None,
    }
}

/// A client's word as an error may repeat it.
fn shown(word: &str) -> String {
    word.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attributes(list: &[(&str, &str, &str)]) -> BTreeMap<String, Attribute> {
        let attribute = |(name, data_type, value): &(&str, &str, &str)| {
            ((*name).to_owned(), Attribute { data_type: (*data_type).to_owned(), value: (*value).to_owned() })
        };
        list.iter().map(attribute).collect()
    }

    #[test]
    fn attributes_are_judged_key_by_key() {
        let message = attributes(&[
            ("store", "String", "example_corp"),
            ("price", "Number", "210.50"),
            ("interests", "String.Array", "[\"soccer\",\"rugby\",5]"),
            ("blob", "Binary", "AAAA"),
        ]);
        let cases = [
            (r#"{"store":["example_corp"]}"#, true),
            (r#"{"store":["other","example_corp"],"price":[210.5]}"#, true),
            (r#"{"store":["example_corp"],"price":[1]}"#, false),
            (r#"{"store":[{"prefix":"exam"}]}"#, true),
            (r#"{"store":[{"suffix":"corp"}]}"#, true),
            (r#"{"store":[{"suffix":"exam"}]}"#, false),
            (r#"{"store":[{"equals-ignore-case":"EXAMPLE_corp"}]}"#, true),
            (r#"{"store":[{"anything-but":["a","b"]}]}"#, true),
            (r#"{"store":[{"anything-but":"example_corp"}]}"#, false),
            (r#"{"store":[{"anything-but":{"prefix":"exam"}}]}"#, false),
            (r#"{"none":[{"anything-but":"x"}]}"#, false),
            (r#"{"price":[{"numeric":[">",200,"<=",210.5]}]}"#, true),
            (r#"{"price":[{"numeric":["<",200]}]}"#, false),
            (r#"{"price":["210.50"]}"#, false),
            (r#"{"interests":["rugby"]}"#, true),
            (r#"{"interests":[5]}"#, true),
            (r#"{"interests":["chess"]}"#, false),
            (r#"{"none":[{"exists":false}],"store":[{"exists":true}]}"#, true),
            (r#"{"store":[{"exists":false}]}"#, false),
            (r#"{"blob":["AAAA"]}"#, false),
        ];
        for (policy, wanted) in cases {
            assert_eq!(FilterPolicy::parse(policy, false).unwrap().wants_attributes(&message), wanted, "{policy}");
        }
    }

    #[test]
    fn bodies_are_judged_at_any_depth() {
        let body = r#"{"detail":{"state":"running","tags":[{"k":"a"},{"k":"b"}]},"n":null}"#;
        let cases = [
            (r#"{"detail":{"state":["running"]}}"#, true),
            (r#"{"detail":{"state":["stopped"]}}"#, false),
            (r#"{"detail":{"tags":{"k":["b"]}}}"#, true),
            (r#"{"detail":{"tags":{"k":["c"]}}}"#, false),
            (r#"{"n":[null]}"#, true),
            (r#"{"m":{"x":[{"exists":false}]}}"#, true),
        ];
        for (policy, wanted) in cases {
            let policy_read = FilterPolicy::parse(policy, true).unwrap();
            assert_eq!(policy_read.wants_body(body), wanted, "{policy}");
            assert!(!policy_read.wants_body("no json"));
        }
    }

    #[test]
    fn what_is_no_policy_is_refused() {
        let deep = format!("{}[1]{}", r#"{"a":"#.repeat(200), "}".repeat(200));
        for (policy, of_body) in [
            ("", false),
            ("[]", false),
            (r#"{"a":"b"}"#, false),
            (r#"{"a":[]}"#, false),
            (r#"{"a":{"b":["c"]}}"#, false),
            (r#"{"a":{}}"#, true),
            (r#"{"a":[["b"]]}"#, false),
            (r#"{"$or":[{"a":["b"]}]}"#, true),
            (r#"{"a":[{"wildcard":"*"}]}"#, false),
            (r#"{"a":[{"numeric":["=","x"]}]}"#, false),
            (r#"{"a":[{"numeric":[">"]}]}"#, false),
            (r#"{"a":[{"prefix":1}]}"#, false),
            (r#"{"a":[{"anything-but":[null]}]}"#, false),
            (r#"{"a":[1],"b":[1],"c":[1],"d":[1],"e":[1],"f":[1]}"#, false),
            (r#"{"a":[1,2,3,4,5,6,7],"b":[1,2,3,4,5,6],"c":[1,2,3,4]}"#, false),
            (&deep, true),
        ] {
            assert!(FilterPolicy::parse(policy, of_body).is_err(), "{policy:.80}");
        }
    }
}

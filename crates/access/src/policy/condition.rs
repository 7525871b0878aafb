//! Conditions: an operator, a key of the request, and the values that are asked of it.
//!
//! Values of one key are alternatives, keys and operators must all hold. A key that the request lacks makes an operator false,
//! a negated one true, `…IfExists` and `ForAllValues:` true, `ForAnyValue:` false (IAM JSON policy elements: Condition operators;
//! Multivalued context keys).

mod expected;

use super::context::Context;
use super::document::{Effect, holds};
use expected::Expected;

/// One line of a `Condition` block.
#[derive(Debug, Clone)]
pub(super) struct Condition {
    /// In lower case.
    key: String,
    set: Option<Set>,
    if_exists: bool,
    test: Test,
    negated: bool,
    expected: Vec<Expected>,
}

/// How many values of the request must pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Set {
    All,
    Any,
}

/// What is compared, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Test {
    Null,
    Text { wildcards: bool, fold: bool },
    Number(Order),
    Date(Order),
    Bool,
    Binary,
    Address,
    Arn,
}

/// Where the request's value must lie, seen from the policy's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Why a condition cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// There is no such operator.
    Operator,
    /// A value is not of the operator's type.
    Value,
}

impl Condition {
    /// Reads `{operator: {key: values}}`.
    pub fn parse(operator: &str, key: &str, values: &[String], variables: bool) -> Result<Self, Unreadable> {
        let (set, rest) = match operator.split_once(':') {
            Some(("ForAllValues", rest)) => (Some(Set::All), rest),
            Some(("ForAnyValue", rest)) => (Some(Set::Any), rest),
            Some(_) => return Err(Unreadable::Operator),
            None => (None, operator),
        };
        let (name, if_exists) = match rest.strip_suffix("IfExists") {
            Some(name) => (name, true),
            None => (rest, false),
        };
        let (test, negated) = test(name).ok_or(Unreadable::Operator)?;
        if test == Test::Null && (if_exists || set.is_some()) {
            return Err(Unreadable::Operator);
        }
        let expected = values.iter().map(|value| Expected::parse(test, value, variables)).collect::<Option<Vec<_>>>();
        let expected = expected.ok_or(Unreadable::Value)?;
        Ok(Self { key: key.to_ascii_lowercase(), set, if_exists, test, negated, expected })
    }

    /// Whether the condition of a statement with this effect holds.
    pub fn holds(&self, effect: Effect, context: &dyn Context) -> bool {
        let values = context.values(&self.key);
        if self.test == Test::Null {
            let absent = values.is_none_or(|values| values.is_empty());
            return self.expected.contains(&Expected::Bool(absent));
        }
        let Some(values) = values.filter(|values| !values.is_empty()) else {
            return match self.set {
                Some(Set::All) => true,
                Some(Set::Any) => self.if_exists,
                None => self.if_exists || self.negated,
            };
        };
        let mut passes = values.iter().map(|value| {
            let named = super::pattern::any_match(self.expected.iter().map(|e| e.met_by(self.test, value, context)));
            holds(effect, self.negated, named)
        });
        match (self.set, self.negated) {
            (Some(Set::All), _) => passes.all(|pass| pass),
            (Some(Set::Any), _) => passes.any(|pass| pass),
            // Without a word on sets: one value that is named decides, for the operator as for its negation.
            (None, false) => passes.any(|pass| pass),
            (None, true) => passes.all(|pass| pass),
        }
    }
}

/// The test of an operator, and whether it is negated.
fn test(name: &str) -> Option<(Test, bool)> {
    let text = |wildcards, fold| Test::Text { wildcards, fold };
    Some(match name {
        "Null" => (Test::Null, false),
        "StringEquals" => (text(false, false), false),
        "StringNotEquals" => (text(false, false), true),
        "StringEqualsIgnoreCase" => (text(false, true), false),
        "StringNotEqualsIgnoreCase" => (text(false, true), true),
        "StringLike" => (text(true, false), false),
        "StringNotLike" => (text(true, false), true),
        "Bool" => (Test::Bool, false),
        "BinaryEquals" => (Test::Binary, false),
        "IpAddress" => (Test::Address, false),
        "NotIpAddress" => (Test::Address, true),
        "ArnEquals" | "ArnLike" => (Test::Arn, false),
        "ArnNotEquals" | "ArnNotLike" => (Test::Arn, true),
        _ => {
            if let Some(order) = name.strip_prefix("Numeric") {
                let (order, negated) = ordered(order)?;
                (Test::Number(order), negated)
            } else {
                let (order, negated) = ordered(name.strip_prefix("Date")?)?;
                (Test::Date(order), negated)
            }
        }
    })
}

fn ordered(name: &str) -> Option<(Order, bool)> {
    Some(match name {
        "Equals" => (Order::Equal, false),
        "NotEquals" => (Order::Equal, true),
        "LessThan" => (Order::Less, false),
        "LessThanEquals" => (Order::LessOrEqual, false),
        "GreaterThan" => (Order::Greater, false),
        "GreaterThanEquals" => (Order::GreaterOrEqual, false),
        _ => return None,
    })
}

impl Order {
    fn holds(self, value: f64, expected: f64) -> bool {
        match self {
            Order::Equal => value == expected,
            Order::Less => value < expected,
            Order::LessOrEqual => value <= expected,
            Order::Greater => value > expected,
            Order::GreaterOrEqual => value >= expected,
        }
    }
}

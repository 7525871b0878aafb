//! `Filter`: one condition of a rule on one field.

use super::line::{Fields, Values};
use super::rule::RuleError;
use serde_json::{Map, Value};

/// Most texts of `In`, `NotIn` and `StartsWith`.
const TEXTS_MAX: usize = 10;

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Filter {
    field: usize,
    test: Test,
}

#[derive(Debug, Clone, PartialEq)]
enum Test {
    In(Vec<String>),
    NotIn(Vec<String>),
    StartsWith(Vec<String>),
    GreaterThan(f64),
    LessThan(f64),
    EqualTo(f64),
    NotEqualTo(f64),
    IsPresent(bool),
}

impl Filter {
    pub fn parse(mut filter: Map<String, Value>, fields: &mut Fields) -> Result<Self, RuleError> {
        let field = match filter.remove("Match") {
            Some(Value::String(name)) => fields.add(&name)?,
            _ => return Err(RuleError("a filter must have a field Match with the name of a log field".into())),
        };
        let mut operators = filter.into_iter();
        let (Some((operator, value)), None) = (operators.next(), operators.next()) else {
            return Err(RuleError("a filter must have Match and exactly one operator".into()));
        };
        let texts = || texts(&operator, &value);
        let number = || {
            let number = value.as_f64().filter(|number| number.is_finite());
            number.ok_or_else(|| RuleError(format!("the operator {operator} takes a number")))
        };
        let test = match operator.as_str() {
            "In" => Test::In(texts()?),
            "NotIn" => Test::NotIn(texts()?),
            "StartsWith" => Test::StartsWith(texts()?),
            "GreaterThan" => Test::GreaterThan(number()?),
            "LessThan" => Test::LessThan(number()?),
            "EqualTo" => Test::EqualTo(number()?),
            "NotEqualTo" => Test::NotEqualTo(number()?),
            "IsPresent" => Test::IsPresent(
                value.as_bool().ok_or_else(|| RuleError("the operator IsPresent takes true or false".into()))?,
            ),
            _ => return Err(RuleError(format!("a filter has no operator {operator}"))),
        };
        Ok(Self { field, test })
    }

    pub fn holds(&self, values: &Values<'_>) -> bool {
        let text = |test: &dyn Fn(&str) -> bool| values.text(self.field).is_some_and(test);
        let number = |test: &dyn Fn(f64) -> bool| values.number(self.field).is_some_and(test);
        match &self.test {
            Test::In(list) => text(&|text| list.iter().any(|one| one == text)),
            Test::NotIn(list) => text(&|text| list.iter().all(|one| one != text)),
            Test::StartsWith(list) => text(&|text| list.iter().any(|one| text.starts_with(one.as_str()))),
            Test::GreaterThan(bound) => number(&|number| number > *bound),
            Test::LessThan(bound) => number(&|number| number < *bound),
            Test::EqualTo(bound) => number(&|number| number == *bound),
            Test::NotEqualTo(bound) => number(&|number| number != *bound),
            Test::IsPresent(wanted) => values.is_present(self.field) == *wanted,
        }
    }

    /// What every line has in it for which the filter holds: of each clause one string.
    pub fn required(&self, fields: &Fields) -> Vec<Vec<String>> {
        let values = match &self.test {
            Test::IsPresent(false) => return Vec::new(),
            Test::In(list) | Test::StartsWith(list) => fields.required_value(list),
            _ => None,
        };
        fields.required(self.field).into_iter().chain(values).collect()
    }
}

fn texts(operator: &str, value: &Value) -> Result<Vec<String>, RuleError> {
    let list = value.as_array().filter(|list| (1..=TEXTS_MAX).contains(&list.len()));
    let texts = list.and_then(|list| list.iter().map(|one| one.as_str().map(str::to_owned)).collect());
    texts.ok_or_else(|| RuleError(format!("the operator {operator} takes an array of 1 to {TEXTS_MAX} strings")))
}

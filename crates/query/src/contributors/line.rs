//! Fields of log lines: which a rule wants, and their values in one line.

use super::rule::{Aggregate, Rule, RuleError};
use crate::filter_pattern::columns::split;
use crate::filter_pattern::scan::{Selectors, Step, Value};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Longest text of one key, bytes.
const KEY_BYTES_MAX: usize = 1024;
/// Deepest selector.
const STEPS_MAX: usize = 64;

/// The fields that a rule names, each with a number.
#[derive(Debug, Clone)]
pub(super) enum Fields {
    /// Of JSON objects.
    Json { selectors: Selectors, last_keys: Vec<Option<String>> },
    /// Of words: aliases by name, and the place of each field, counted from 0.
    Clf { aliases: BTreeMap<String, usize>, places: Vec<usize> },
}

/// What one event contributes.
#[derive(Debug, Clone, PartialEq)]
pub struct Contribution {
    /// The values of the rule's keys, in their order.
    pub keys: Vec<String>,
    /// 1, or the number of `ValueOf`.
    pub value: f64,
}

/// The values of one line, by number of field.
pub(super) struct Values<'a>(Vec<Option<Found<'a>>>);

#[derive(Clone)]
enum Found<'a> {
    /// Present, but no text: null, an object or an array.
    Null,
    Compound,
    Text(Cow<'a, str>),
}

impl<'a> Values<'a> {
    /// The text of a field.
    pub fn text(&self, field: usize) -> Option<&str> {
        match self.0.get(field)?.as_ref()? {
            Found::Text(text) => Some(text),
            Found::Null | Found::Compound => None,
        }
    }

    /// The number of a field.
    pub fn number(&self, field: usize) -> Option<f64> {
        self.text(field)?.trim().parse().ok().filter(|number: &f64| number.is_finite())
    }

    /// Whether the line has the field, as a leaf.
    pub fn is_present(&self, field: usize) -> bool {
        matches!(self.0.get(field), Some(Some(Found::Null | Found::Text(_))))
    }

    fn set(&mut self, field: usize, found: Found<'a>) {
        if let Some(place @ None) = self.0.get_mut(field) {
            *place = Some(found);
        }
    }
}

impl Fields {
    pub fn json() -> Self {
        Self::Json { selectors: Selectors::new(), last_keys: Vec::new() }
    }

    /// With names for some places, which are texts of numbers from 1.
    pub fn clf(names: BTreeMap<String, String>) -> Result<Self, RuleError> {
        let mut aliases = BTreeMap::new();
        for (place, name) in names {
            let Some(at) = clf_place(&place) else {
                return Err(RuleError(format!("Fields must be named by their place, counted from 1, not {place}")));
            };
            if name.is_empty() || aliases.insert(name.clone(), at).is_some() {
                return Err(RuleError(format!("Fields has the name '{name}' twice, or it is empty")));
            }
        }
        Ok(Self::Clf { aliases, places: Vec::new() })
    }

    /// The number of the field that a rule names.
    pub fn add(&mut self, name: &str) -> Result<usize, RuleError> {
        match self {
            Fields::Json { selectors, last_keys } => {
                let steps = steps(name)
                    .ok_or_else(|| RuleError(format!("{name} is no field of JSON such as $.users[1].name")))?;
                let last = steps.iter().rev().find_map(|step| match step {
                    Step::Key(key) => Some(key.to_string()),
                    _ => None,
                });
                let field = selectors.add(steps);
                if field == last_keys.len() {
                    last_keys.push(last);
                }
                Ok(field)
            }
            Fields::Clf { aliases, places } => {
                let place = aliases.get(name).copied().or_else(|| clf_place(name));
                let place = place
                    .ok_or_else(|| RuleError(format!("{name} is neither a name of Fields nor a place, from 1")))?;
                let known = places.iter().position(|known| *known == place);
                Ok(known.unwrap_or_else(|| {
                    places.push(place);
                    places.len() - 1
                }))
            }
        }
    }

    /// What a line with the field has in it.
    pub fn required(&self, field: usize) -> Option<Vec<String>> {
        let Fields::Json { last_keys, .. } = self else { return None };
        let key = last_keys.get(field)?.as_ref().filter(|key| is_verbatim(key))?;
        Some(vec![format!("\"{key}\""), "\\u".into()])
    }

    /// What a line has in it in which the field is one of `values`.
    pub fn required_value(&self, values: &[String]) -> Option<Vec<String>> {
        let is_json = matches!(self, Fields::Json { .. });
        let usable = values.iter().all(|value| !value.is_empty() && (!is_json || is_verbatim(value)));
        let escaped = is_json.then(|| "\\u".to_owned());
        usable.then(|| values.iter().cloned().chain(escaped).collect())
    }

    fn values<'a>(&self, line: &'a str) -> Option<Values<'a>> {
        match self {
            Fields::Json { selectors, last_keys } => {
                let mut values = Values(vec![None; last_keys.len()]);
                for (field, value) in selectors.scan(line)? {
                    let found = match value {
                        Value::Null => Found::Null,
                        Value::Compound => Found::Compound,
                        other => other.text().map_or(Found::Null, Found::Text),
                    };
                    values.set(field, found);
                }
                Some(values)
            }
            Fields::Clf { places, .. } => {
                let words = split(line, usize::MAX)?;
                let word = |place: &usize| words.get(*place).map(|word| Found::Text(Cow::Borrowed(*word)));
                Some(Values(places.iter().map(word).collect()))
            }
        }
    }
}

impl Rule {
    /// What a line contributes; `None` when it is of another format, or filtered out.
    pub fn apply(&self, line: &str) -> Option<Contribution> {
        let values = self.fields.values(line)?;
        if !self.filters.iter().all(|filter| filter.holds(&values)) {
            return None;
        }
        let value = match self.aggregate {
            Aggregate::Count => 1.0,
            Aggregate::Sum => values.number(self.value_of?)?,
        };
        let key = |field: &usize| values.text(*field).map(|text| cut(text).to_owned());
        let keys = self.keys.iter().map(key).collect::<Option<Vec<String>>>()?;
        Some(Contribution { keys, value })
    }
}

fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(KEY_BYTES_MAX)).unwrap_or(text)
}

/// Text that JSON writes as it is, or as `\u`.
fn is_verbatim(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(|c| c.is_control() || matches!(c, '"' | '\\' | '/'))
}

fn clf_place(text: &str) -> Option<usize> {
    let place: usize = text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))?;
    place.checked_sub(1)
}

/// `$.a.b[0]["c"]` as steps.
fn steps(name: &str) -> Option<Vec<Step>> {
    let mut rest = name.strip_prefix('$')?;
    let mut steps = Vec::new();
    while !rest.is_empty() && steps.len() < STEPS_MAX {
        if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(['.', '[']).unwrap_or(after.len());
            let (key, tail) = after.split_at_checked(end)?;
            if key.is_empty() || key.contains([']', '"', '*']) || key.chars().any(char::is_whitespace) {
                return None;
            }
            steps.push(Step::Key(key.into()));
            rest = tail;
        } else if let Some(after) = rest.strip_prefix("[\"") {
            let (key, tail) = after.split_once("\"]")?;
            steps.push(Step::Key(key.into()));
            rest = tail;
        } else {
            let (index, tail) = rest.strip_prefix('[')?.split_once(']')?;
            let digits = !index.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit());
            steps.push(Step::Index(index.parse().ok().filter(|_| digits)?));
            rest = tail;
        }
    }
    (rest.is_empty() && !steps.is_empty()).then_some(steps)
}

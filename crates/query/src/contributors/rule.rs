//! `Rule`: the JSON text of a rule, read and checked.

use super::filter::Filter;
use super::line::Fields;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Most keys, and most filters.
const KEYS_MAX: usize = 4;
/// Longest rule, bytes (PutInsightRule reference).
const RULE_BYTES_MAX: usize = 8192;

/// Why a rule was refused, in words for the client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RuleError(pub String);

/// What is added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aggregate {
    /// Events.
    Count,
    /// The numbers of `ValueOf`.
    Sum,
}

impl Aggregate {
    /// Its name in rules and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Aggregate::Count => "Count",
            Aggregate::Sum => "Sum",
        }
    }
}

/// Which log groups a rule looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogGroups {
    /// Names; one that ends in `*` stands for all names that begin so.
    Names(Vec<String>),
    /// ARNs; the account may be `*`, and the name may end in `*`.
    Arns(Vec<String>),
}

/// A rule, ready to be applied.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Where events come from.
    pub groups: LogGroups,
    /// The keys as the rule spells them.
    pub key_labels: Vec<String>,
    /// What is added up.
    pub aggregate: Aggregate,
    pub(super) fields: Fields,
    pub(super) keys: Vec<usize>,
    pub(super) value_of: Option<usize>,
    pub(super) filters: Vec<Filter>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Text {
    schema: Schema,
    log_group_names: Option<Vec<String>>,
    #[serde(rename = "LogGroupARNs")]
    log_group_arns: Option<Vec<String>>,
    log_format: String,
    fields: Option<BTreeMap<String, String>>,
    contribution: Contribution,
    aggregate_on: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Schema {
    name: String,
    version: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Contribution {
    keys: Vec<String>,
    value_of: Option<String>,
    #[serde(default)]
    filters: Vec<Map<String, Value>>,
}

fn refuse<T>(message: impl Into<String>) -> Result<T, RuleError> {
    Err(RuleError(message.into()))
}

impl Rule {
    /// Reads a rule.
    pub fn parse(text: &str) -> Result<Self, RuleError> {
        if text.len() > RULE_BYTES_MAX {
            return refuse(format!("a rule has at most {RULE_BYTES_MAX} characters"));
        }
        let text: Text = serde_json::from_str(text).map_err(|error| RuleError(error.to_string()))?;
        // The version is a number in AWS's guide, and text in rules of its templates.
        if text.schema.name != "CloudWatchLogRule" || !(text.schema.version == 1 || text.schema.version == "1") {
            return refuse("Schema must be {\"Name\": \"CloudWatchLogRule\", \"Version\": 1}");
        }
        let groups = log_groups(text.log_group_names, text.log_group_arns)?;
        let aggregate = match text.aggregate_on.as_str() {
            "Count" | "COUNT" => Aggregate::Count,
            "Sum" | "SUM" => Aggregate::Sum,
            other => return refuse(format!("AggregateOn must be Count or Sum, not {other}")),
        };
        let mut fields = match (text.log_format.as_str(), text.fields) {
            ("JSON", None) => Fields::json(),
            ("JSON", Some(_)) => return refuse("Fields are for rules with LogFormat CLF only"),
            ("CLF", aliases) => Fields::clf(aliases.unwrap_or_default())?,
            (other, _) => return refuse(format!("LogFormat must be JSON or CLF, not {other}")),
        };
        let Contribution { keys: key_labels, value_of, filters } = text.contribution;
        if key_labels.is_empty() || key_labels.len() > KEYS_MAX {
            return refuse(format!("Contribution.Keys must have 1 to {KEYS_MAX} members"));
        }
        let keys = key_labels.iter().map(|key| fields.add(key)).collect::<Result<Vec<_>, _>>()?;
        let value_of = match (aggregate, value_of) {
            (Aggregate::Sum, Some(field)) => Some(fields.add(&field)?),
            (Aggregate::Sum, None) => return refuse("Contribution.ValueOf is required when AggregateOn is Sum"),
            (Aggregate::Count, None) => None,
            (Aggregate::Count, Some(_)) => return refuse("Contribution.ValueOf is for AggregateOn Sum only"),
        };
        if filters.len() > KEYS_MAX {
            return refuse(format!("Contribution.Filters must have at most {KEYS_MAX} members"));
        }
        let filters = filters.into_iter().map(|filter| Filter::parse(filter, &mut fields)).collect::<Result<_, _>>()?;
        Ok(Self { groups, key_labels, aggregate, fields, keys, value_of, filters })
    }

    /// What every line that contributes satisfies: of each clause, at least one string occurs in it.
    pub fn required_clauses(&self) -> Vec<Vec<String>> {
        let of_keys = self.keys.iter().chain(&self.value_of).filter_map(|field| self.fields.required(*field));
        let of_filters = self.filters.iter().flat_map(|filter| filter.required(&self.fields));
        of_keys.chain(of_filters).collect()
    }
}

fn log_groups(names: Option<Vec<String>>, arns: Option<Vec<String>>) -> Result<LogGroups, RuleError> {
    let groups = match (names, arns) {
        (Some(names), None) => LogGroups::Names(names),
        (None, Some(arns)) => LogGroups::Arns(arns),
        _ => return refuse("exactly one of LogGroupNames and LogGroupARNs must be specified"),
    };
    let (LogGroups::Names(list) | LogGroups::Arns(list)) = &groups;
    if list.is_empty() {
        return refuse("the list of log groups must not be empty");
    }
    for group in list {
        let name = group.strip_suffix('*').unwrap_or(group);
        let is_arn = matches!(groups, LogGroups::Arns(_));
        let sound = match is_arn {
            true => name.starts_with("arn:") && name.splitn(6, ':').count() == 6,
            false => name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-/#".contains(&byte)),
        };
        if group.is_empty() || !sound {
            return refuse(format!("{group} is no log group name or ARN; a * may stand at its end only"));
        }
    }
    Ok(groups)
}

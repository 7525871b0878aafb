//! Event selectors, basic and advanced: which audit events a trail keeps. Pure; `check` holds the rules for writing them.

pub mod check;
#[cfg(test)]
mod tests;

use crate::record;
use model::Event;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// The selectors of a trail: one kind or the other, for PutEventSelectors with one removes the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Selectors {
    /// `EventSelectors`; an event is kept when any of them matches.
    Basic(Vec<EventSelector>),
    /// `AdvancedEventSelectors`; an event is kept when any of them matches.
    Advanced(Vec<AdvancedEventSelector>),
}

/// `ReadWriteType` of a basic selector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum ReadWriteType {
    /// Events that only read.
    ReadOnly,
    /// Events that change something.
    WriteOnly,
    /// Both.
    #[default]
    All,
}

/// A basic event selector.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct EventSelector {
    /// Which of reads and writes.
    pub read_write_type: ReadWriteType,
    /// Whether management events match.
    pub include_management_events: bool,
    /// Data events that match.
    pub data_resources: Vec<DataResource>,
    /// Sources whose management events do not match.
    pub exclude_management_event_sources: Vec<String>,
}

/// Resources of one type whose data events match.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DataResource {
    /// `AWS::S3::Object`, `AWS::Lambda::Function` or `AWS::DynamoDB::Table`.
    pub resource_type: String,
    /// ARNs or prefixes.
    pub values: Vec<String>,
}

/// An advanced event selector: all its fields must match.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AdvancedEventSelector {
    /// Descriptive name.
    pub name: Option<String>,
    /// The conditions.
    pub fields: Vec<FieldSelector>,
}

/// Conditions on one field of the record. The first three operators select and are OR-ed; the `not_` ones deselect and
/// are AND-ed; an event must be selected by the former (where there are any) and deselected by none of the latter.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FieldSelector {
    /// Such as `eventCategory` or `resources.ARN`.
    pub field: String,
    /// `Equals`.
    pub equals: Vec<String>,
    /// `StartsWith`.
    pub starts_with: Vec<String>,
    /// `EndsWith`.
    pub ends_with: Vec<String>,
    /// `NotEquals`.
    pub not_equals: Vec<String>,
    /// `NotStartsWith`.
    pub not_starts_with: Vec<String>,
    /// `NotEndsWith`.
    pub not_ends_with: Vec<String>,
}

/// What selectors look at: an event that exists, or one that would be made.
#[derive(Debug, Clone, Default)]
pub struct Subject<'a> {
    /// `eventCategory`.
    pub category: Cow<'a, str>,
    /// `eventSource`.
    pub source: Cow<'a, str>,
    /// `eventName`.
    pub name: Cow<'a, str>,
    /// `eventType`.
    pub event_type: Cow<'a, str>,
    /// `readOnly`.
    pub read_only: Option<bool>,
    /// `errorCode`; empty when absent.
    pub error_code: Cow<'a, str>,
    /// `vpcEndpointId`; empty when absent.
    pub vpc_endpoint_id: Cow<'a, str>,
    /// `userIdentity.arn`; empty when absent.
    pub user_arn: Cow<'a, str>,
    /// `sessionCredentialFromConsole`.
    pub from_console: bool,
    /// Resources as (type, ARN).
    pub resources: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl<'a> Subject<'a> {
    /// The subject that an event is.
    pub fn of(event: &'a Event) -> Self {
        let extra = record::selector_fields(&event.record);
        Self {
            category: Cow::Borrowed(&event.category),
            source: Cow::Borrowed(&event.source),
            name: Cow::Borrowed(&event.name),
            event_type: Cow::Owned(extra.event_type),
            read_only: event.read_only,
            error_code: Cow::Borrowed(&event.error_code),
            vpc_endpoint_id: Cow::Owned(extra.vpc_endpoint_id),
            user_arn: Cow::Borrowed(&event.user_arn),
            from_console: extra.from_console,
            resources: event
                .resources
                .iter()
                .map(|r| (Cow::Borrowed(r.resource_type.as_str()), Cow::Borrowed(r.name.as_str())))
                .collect(),
        }
    }

    fn reads(&self) -> bool {
        // A record that does not say is counted as a write, so that a write-only trail cannot miss it.
        self.read_only == Some(true)
    }
}

impl Default for Selectors {
    /// A trail without selectors of its own: all management events.
    fn default() -> Self {
        let all = EventSelector { include_management_events: true, ..EventSelector::default() };
        Selectors::Basic(vec![all])
    }
}

impl Selectors {
    /// What PutEventSelectors stored for a trail; those of a fresh trail where it has stored nothing.
    pub(crate) fn stored(document: Option<&str>, trail_name: &str) -> Self {
        let Some(document) = document else { return Selectors::default() };
        serde_json::from_str(document).unwrap_or_else(|error| {
            // A document that cannot be read must not make a trail blind: it falls back to what a fresh trail keeps.
            tracing::error!(%error, trail = trail_name, "read stored event selectors");
            Selectors::default()
        })
    }

    /// True when a trail with these selectors keeps the event.
    pub fn matches(&self, subject: &Subject<'_>) -> bool {
        match self {
            Selectors::Basic(selectors) => selectors.iter().any(|s| s.matches(subject)),
            Selectors::Advanced(selectors) => selectors.iter().any(|s| s.matches(subject)),
        }
    }

    /// True when some management event that only reads, or one that writes, could match.
    pub fn log_management(&self, read_only: bool) -> bool {
        let flag = if read_only { "true" } else { "false" };
        let excluded = if read_only { ReadWriteType::WriteOnly } else { ReadWriteType::ReadOnly };
        let field_takes = |field: &FieldSelector| match field.field.as_str() {
            "eventCategory" => field.equals.iter().any(|value| value == "Management"),
            "readOnly" => field.allows(&[flag]),
            _ => true,
        };
        match self {
            Selectors::Basic(selectors) => {
                selectors.iter().any(|s| s.include_management_events && s.read_write_type != excluded)
            }
            Selectors::Advanced(selectors) => selectors.iter().any(|s| s.fields.iter().all(field_takes)),
        }
    }

    /// True when some data event could match: a cheap way not to look at each.
    pub fn want_data(&self) -> bool {
        match self {
            Selectors::Basic(selectors) => selectors.iter().any(|s| !s.data_resources.is_empty()),
            Selectors::Advanced(selectors) => selectors
                .iter()
                .any(|s| s.fields.iter().any(|f| f.field == "eventCategory" && f.equals.iter().any(|v| v == "Data"))),
        }
    }
}

impl Selectors {
    /// The columns of the event table that `matches` looks at, the record's where there is none.
    pub(crate) fn columns(&self) -> Vec<&'static str> {
        let resources = ["resource_types", "resource_names"];
        let Selectors::Advanced(selectors) = self else {
            return ["category", "source", "read_only"].into_iter().chain(resources).collect();
        };
        let mut columns: Vec<&'static str> = Vec::new();
        for field in selectors.iter().flat_map(|selector| &selector.fields) {
            match field.field.as_str() {
                "eventCategory" => columns.push("category"),
                "eventSource" => columns.push("source"),
                "eventName" => columns.push("name"),
                "eventType" => columns.push("event_type"),
                "errorCode" => columns.push("error_code"),
                "vpcEndpointId" => columns.push("vpc_endpoint_id"),
                "userIdentity.arn" => columns.push("user_arn"),
                "readOnly" => columns.push("read_only"),
                "resources.type" | "resources.ARN" => columns.extend(resources),
                "sessionCredentialFromConsole" => columns.push("record"),
                // Nothing matches it, whatever the event.
                _ => {}
            }
        }
        columns.sort_unstable();
        columns.dedup();
        columns
    }
}

impl EventSelector {
    fn matches(&self, subject: &Subject<'_>) -> bool {
        let kind = match self.read_write_type {
            ReadWriteType::All => true,
            ReadWriteType::ReadOnly => subject.reads(),
            ReadWriteType::WriteOnly => !subject.reads(),
        };
        kind && match subject.category.as_ref() {
            "Management" => {
                self.include_management_events
                    && !self.exclude_management_event_sources.iter().any(|s| *s == subject.source)
            }
            "Data" => self.data_resources.iter().any(|d| d.matches(subject)),
            _ => false,
        }
    }
}

impl DataResource {
    fn matches(&self, subject: &Subject<'_>) -> bool {
        let arns = subject.resources.iter().filter(|(kind, _)| *kind == self.resource_type);
        arns.into_iter().any(|(_, arn)| self.values.iter().any(|value| value_covers(&self.resource_type, value, arn)))
    }
}

/// A basic selector's value: `arn:aws:s3` (also with the empty parts after it) means all; S3 values are prefixes of
/// object ARNs; the others are whole ARNs.
fn value_covers(resource_type: &str, value: &str, arn: &str) -> bool {
    let whole = value.trim_end_matches(':');
    if whole.split(':').count() == 3 {
        return arn.strip_prefix(whole).is_some_and(|rest| rest.starts_with(':'));
    }
    if resource_type == "AWS::S3::Object" { arn.starts_with(value) } else { arn == value }
}

impl AdvancedEventSelector {
    fn matches(&self, subject: &Subject<'_>) -> bool {
        self.fields.iter().all(|field| self.field_matches(field, subject))
    }

    fn field_matches(&self, field: &FieldSelector, subject: &Subject<'_>) -> bool {
        let flag = |value: bool| if value { "true" } else { "false" };
        match field.field.as_str() {
            "eventCategory" => field.allows(&[&subject.category]),
            "eventSource" => field.allows(&[&subject.source]),
            "eventName" => field.allows(&[&subject.name]),
            "eventType" => field.allows(&[&subject.event_type]),
            "errorCode" => field.allows(&[&subject.error_code]),
            "vpcEndpointId" => field.allows(&[&subject.vpc_endpoint_id]),
            "userIdentity.arn" => field.allows(&[&subject.user_arn]),
            "sessionCredentialFromConsole" => field.allows(&[flag(subject.from_console)]),
            "readOnly" => field.allows(&[subject.read_only.map_or("", flag)]),
            "resources.type" => {
                field.allows(&subject.resources.iter().map(|(kind, _)| kind.as_ref()).collect::<Vec<_>>())
            }
            "resources.ARN" => field.allows(&self.arns(subject)),
            _ => false,
        }
    }

    /// ARNs of the resources that the selector's own `resources.type` condition means, so that the bucket of an object
    /// event does not answer for the object.
    fn arns<'s>(&self, subject: &'s Subject<'_>) -> Vec<&'s str> {
        let of_type = self.fields.iter().find(|f| f.field == "resources.type");
        let wanted = subject.resources.iter().filter(|(kind, _)| of_type.is_none_or(|f| f.allows(&[kind])));
        wanted.map(|(_, arn)| arn.as_ref()).collect()
    }
}

impl FieldSelector {
    /// True when the values of the field (empty ones count as absent) pass the conditions.
    fn allows(&self, values: &[&str]) -> bool {
        let any = |operands: &[String], test: fn(&str, &str) -> bool| {
            values.iter().filter(|v| !v.is_empty()).any(|value| operands.iter().any(|operand| test(value, operand)))
        };
        let selects = !(self.equals.is_empty() && self.starts_with.is_empty() && self.ends_with.is_empty());
        let selected = !selects
            || any(&self.equals, |v, o| v == o)
            || any(&self.starts_with, |v, o| v.starts_with(o))
            || any(&self.ends_with, |v, o| v.ends_with(o));
        selected
            && !any(&self.not_equals, |v, o| v == o)
            && !any(&self.not_starts_with, |v, o| v.starts_with(o))
            && !any(&self.not_ends_with, |v, o| v.ends_with(o))
    }

    /// The operators by AWS's name, with their values; empty ones left out.
    pub fn operators(&self) -> impl Iterator<Item = (&'static str, &[String])> {
        [
            ("Equals", self.equals.as_slice()),
            ("StartsWith", &self.starts_with),
            ("EndsWith", &self.ends_with),
            ("NotEquals", &self.not_equals),
            ("NotStartsWith", &self.not_starts_with),
            ("NotEndsWith", &self.not_ends_with),
        ]
        .into_iter()
        .filter(|(_, values)| !values.is_empty())
    }
}

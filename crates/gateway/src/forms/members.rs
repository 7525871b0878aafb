//! Members of a call as CloudTrail writes them: those that the model knows, first letters in lower case, secrets
//! hidden.

use super::Service;
use super::body::{NESTING_MAX, Notation, Tree};
use super::dynamodb;
use super::secrets::{self, HIDDEN, Hiding};
use super::tables::{self, Index, Kind, Member, Place};
use model::Timestamp;
use serde_json::{Map, Value};

/// Renders the members of one call. What the model does not know is left out, since nobody can say whether it is a
/// secret.
#[derive(Debug, Clone, Copy)]
pub struct Members<'a> {
    pub service: Service,
    pub operation: &'a str,
    pub notation: Notation,
}

impl Members<'_> {
    /// The members of the structure `shape` in `tree`; `None` when there are none.
    pub fn of(service: Service, operation: &str, shape: Index, tree: &Tree) -> Option<Map<String, Value>> {
        let members = Members { service, operation, notation: tree.notation };
        match members.structure(tables::members(Some(shape)), &tree.members, 0) {
            Some(Value::Object(members)) if !members.is_empty() => Some(members),
            _ => None,
        }
    }

    fn structure(&self, known: &[Member], found: &Map<String, Value>, depth: usize) -> Option<Value> {
        if self.service == Service::DynamoDb && dynamodb::is_attribute_value(known) {
            return None;
        }
        let mut members = Map::new();
        for member in known {
            if matches!(member.place, Place::Status | Place::HeaderPrefix) {
                continue;
            }
            let Some(value) = self.look_up(member, found) else { continue };
            if value.is_null() {
                continue;
            }
            let name = lower_first(member.name);
            match secrets::hidden(self.service, self.operation, member.name) {
                Some(Hiding::Left) => continue,
                Some(Hiding::Marked) => {
                    members.insert(name, HIDDEN.into());
                    continue;
                }
                None => {}
            }
            if self.service == Service::DynamoDb
                && let Some(form) = dynamodb::form(self, member, value, depth)
            {
                members.extend(form);
                continue;
            }
            if let Some(value) = self.value(member.shape, value, depth + 1) {
                members.insert(name, value);
            }
        }
        Some(Value::Object(members))
    }

    fn look_up<'v>(&self, member: &Member, found: &'v Map<String, Value>) -> Option<&'v Value> {
        let by_name = found.get(member.wire_name);
        if by_name.is_some() || self.notation == Notation::Json {
            return by_name;
        }
        flattened_names(self.service, member.name).iter().find_map(|name| found.get(*name))
    }

    /// One value; `None` for what is not told, and for what is not of its shape.
    pub fn value(&self, shape: Index, value: &Value, depth: usize) -> Option<Value> {
        let shape = tables::shape(shape);
        if shape.is_secret {
            return (secrets::hiding(self.service) == Hiding::Marked).then(|| HIDDEN.into());
        }
        if depth > NESTING_MAX {
            return None;
        }
        match shape.kind {
            Kind::Bytes => None,
            Kind::Structure { members, .. } => match value {
                Value::Object(found) => self.structure(members, found, depth),
                // `<A/>` and `A=` are structures without members.
                Value::String(text) if text.is_empty() => Some(Value::Object(Map::new())),
                _ => None,
            },
            Kind::List { item, .. } => {
                let items = self.items(value).into_iter();
                Some(Value::Array(items.filter_map(|value| self.value(item, value, depth + 1)).collect()))
            }
            Kind::Map { value: of } => {
                let entries = self.entries(value).into_iter();
                let rendered = entries.filter_map(|(key, value)| Some((key, self.value(of, value, depth + 1)?)));
                Some(Value::Object(rendered.collect()))
            }
            Kind::Text => match value {
                Value::String(_) | Value::Number(_) | Value::Bool(_) => Some(value.clone()),
                _ => None,
            },
            Kind::Integer | Kind::Decimal => number(value),
            Kind::Boolean => match value {
                Value::Bool(_) => Some(value.clone()),
                Value::String(text) => text.parse().ok().map(Value::Bool),
                _ => None,
            },
            Kind::Time => self.time(value),
        }
    }

    /// The items of a list, however it is written.
    fn items<'v>(&self, value: &'v Value) -> Vec<&'v Value> {
        match value {
            Value::Array(items) => items.iter().collect(),
            Value::Null => Vec::new(),
            _ if self.notation == Notation::Json => Vec::new(),
            Value::String(text) if text.is_empty() => Vec::new(),
            Value::Object(found) => match found.get("member") {
                Some(inner) if found.len() == 1 => self.items(inner),
                _ => numbered(found).unwrap_or_else(|| vec![value]),
            },
            _ => vec![value],
        }
    }

    /// The entries of a map, however it is written.
    fn entries<'v>(&self, value: &'v Value) -> Vec<(String, &'v Value)> {
        let Value::Object(found) = value else { return self.listed_entries(self.items(value)) };
        if self.notation == Notation::Json {
            return found.iter().map(|(key, value)| (key.clone(), value)).collect();
        }
        self.listed_entries(self.items(found.get("entry").unwrap_or(value)))
    }

    fn listed_entries<'v>(&self, items: Vec<&'v Value>) -> Vec<(String, &'v Value)> {
        let named = |item: &'v Value, names: [&str; 3]| names.into_iter().find_map(|name| item.get(name));
        let entries = items.into_iter().filter_map(|item| {
            let key = named(item, ["key", "Key", "Name"])?.as_str()?.to_owned();
            Some((key, named(item, ["value", "Value", "Value"])?))
        });
        entries.collect()
    }

    /// A time as CloudTrail writes it in members: `Jul 10, 2023, 12:07:59 PM`. Lambda's are text, and stay as they are.
    fn time(&self, value: &Value) -> Option<Value> {
        let time = match value {
            Value::Number(seconds) => Timestamp((seconds.as_f64()? * 1000.0).round() as i64),
            Value::String(_) if self.service == Service::Lambda => return Some(value.clone()),
            Value::String(text) => match text.parse::<f64>() {
                Ok(seconds) => Timestamp((seconds * 1000.0).round() as i64),
                Err(_) => Timestamp::parse_iso(text)?,
            },
            _ => return None,
        };
        Some(wire::recorded::words(time).into())
    }
}

/// What the query protocol of SQS calls lists and maps; its model has the names of JSON alone (SQS API reference,
/// "Making query API requests").
fn flattened_names(service: Service, member: &str) -> &'static [&'static str] {
    match (service, member) {
        (Service::Sqs, "AttributeNames") => &["AttributeName"],
        (Service::Sqs, "MessageAttributeNames") => &["MessageAttributeName"],
        (Service::Sqs, "MessageSystemAttributeNames") => &["MessageSystemAttributeName"],
        (Service::Sqs, "MessageAttributes") => &["MessageAttribute"],
        (Service::Sqs, "MessageSystemAttributes") => &["MessageSystemAttribute"],
        (Service::Sqs, "Attributes") => &["Attribute"],
        (Service::Sqs, "tags" | "Tags") => &["Tag"],
        (Service::Sqs, "TagKeys") => &["TagKey"],
        (Service::Sqs, "AWSAccountIds") => &["AWSAccountId"],
        (Service::Sqs, "Actions") => &["ActionName"],
        (Service::Sqs, "Entries") => &[
            "SendMessageBatchRequestEntry",
            "DeleteMessageBatchRequestEntry",
            "ChangeMessageVisibilityBatchRequestEntry",
        ],
        (Service::Sqs, "Successful") => {
            &["SendMessageBatchResultEntry", "DeleteMessageBatchResultEntry", "ChangeMessageVisibilityBatchResultEntry"]
        }
        (Service::Sqs, "Failed") => &["BatchResultErrorEntry"],
        (Service::Sqs, "QueueUrls") => &["QueueUrl"],
        _ => &[],
    }
}

/// The values of an object all of whose names are numbers, in their order.
fn numbered(found: &Map<String, Value>) -> Option<Vec<&Value>> {
    let mut items = Vec::with_capacity(found.len());
    for (name, value) in found {
        items.push((name.parse::<u64>().ok()?, value));
    }
    items.sort_by_key(|(number, _)| *number);
    Some(items.into_iter().map(|(_, value)| value).collect())
}

fn number(value: &Value) -> Option<Value> {
    match value {
        Value::Number(_) => Some(value.clone()),
        Value::String(text) => {
            let integer = text.parse::<i64>().ok().map(Value::from);
            integer.or_else(|| text.parse::<f64>().ok().and_then(serde_json::Number::from_f64).map(Value::Number))
        }
        _ => None,
    }
}

/// A name as CloudTrail spells members: `QueueUrl` becomes `queueUrl`, `ARN` becomes `aRN`.
pub fn lower_first(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(chars).collect()
}

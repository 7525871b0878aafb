//! `Event`: an OCSF event as it grows.

use super::super::Fields;
use super::super::config::OcsfVersion;
use super::activities::Activity;
use super::raw::Raw;
use model::Timestamp;
use serde_json::{Value, json};
use std::net::IpAddr;

/// A class of the schema, and its category.
#[derive(Debug, Clone, Copy)]
pub(super) struct Class {
    pub uid: u32,
    pub name: &'static str,
    pub category_uid: u32,
    pub category_name: &'static str,
}

/// Observable types of the schema.
#[derive(Debug, Clone, Copy)]
pub(super) enum Observable {
    Hostname = 1,
    IpAddress = 2,
    UserName = 4,
    Url = 6,
    ResourceUid = 10,
}

impl Observable {
    fn name(self) -> &'static str {
        match self {
            Observable::Hostname => "Hostname",
            Observable::IpAddress => "IP Address",
            Observable::UserName => "User Name",
            Observable::Url => "URL String",
            Observable::ResourceUid => "Resource UID",
        }
    }
}

#[derive(Debug)]
pub(super) struct Event {
    fields: Fields,
    observables: Vec<Value>,
    /// What is left of the record.
    rest: Option<Raw>,
}

impl Event {
    /// An informational event of a class.
    pub fn new(class: Class, version: OcsfVersion, profiles: &[&str]) -> Self {
        let mut event = Self { fields: Fields::new(), observables: Vec::new(), rest: None };
        event.put("category_uid", class.category_uid);
        event.put("category_name", class.category_name);
        event.put("class_uid", class.uid);
        event.put("class_name", class.name);
        event.put("severity_id", 1);
        event.put("severity", "Informational");
        event.put("cloud.provider", "AWS");
        event.put("metadata.version", version.schema());
        event.put("metadata.profiles", json!(profiles));
        event.put("metadata.product.vendor_name", "AWS");
        event
    }

    /// Sets what the event is about. Of another activity than those of the class, `other` is the name.
    pub fn activity(&mut self, class: Class, activity: Option<Activity>, other: &str) {
        let (id, name) = activity.unwrap_or((99, "Other"));
        self.put("activity_id", id);
        self.put("activity_name", if activity.is_some() { name } else { other });
        self.put("type_uid", class.uid * 100 + id);
        self.put("type_name", format!("{}: {name}", class.name));
    }

    /// Sets a field, of objects with dots between them; nothing when there is no value.
    pub fn put(&mut self, path: &str, value: impl Into<Value>) {
        let value = value.into();
        if value.is_null() {
            return;
        }
        let mut within = &mut self.fields;
        let mut keys = path.split('.').peekable();
        while let Some(key) = keys.next() {
            if keys.peek().is_none() {
                within.insert(key.to_owned(), value);
                return;
            }
            let next = within.entry(key).or_insert_with(|| Value::Object(Fields::new()));
            let Value::Object(next) = next else { return };
            within = next;
        }
    }

    /// Moves fields of the record, each from a path to a path.
    pub fn move_all(&mut self, raw: &mut Raw, pairs: &[(&str, &str)]) {
        for (from, to) in pairs {
            self.put(to, raw.take(from));
        }
    }

    /// Moves whole numbers.
    pub fn move_numbers(&mut self, raw: &mut Raw, pairs: &[(&str, &str)]) {
        for (from, to) in pairs {
            self.put(to, raw.take_number(from));
        }
    }

    /// Sets a time, as number and as text.
    pub fn time(&mut self, at: Timestamp) {
        self.put("time", at.0);
        self.put("time_dt", at.iso_millis());
    }

    /// Notes that a field that is set is observable; one that is absent, empty or `-` is not.
    pub fn observe(&mut self, path: &str, kind: Observable) {
        let value = path.split('.').try_fold(None, |found: Option<&Value>, key| {
            let next = match found {
                None => self.fields.get(key),
                Some(value) => value.get(key),
            };
            next.map(Some)
        });
        if let Some(Some(Value::String(text))) = value {
            let text = text.clone();
            self.observed(path, kind, &text);
        }
    }

    /// Notes a value as observable.
    pub fn observed(&mut self, name: &str, kind: Observable, value: &str) {
        if !value.is_empty() && value != "-" {
            let observable = json!({ "name": name, "type": kind.name(), "type_id": kind as u32, "value": value });
            self.observables.push(observable);
        }
    }

    /// Sets where a request came from: an address, or else a name.
    pub fn source(&mut self, place: Option<Value>) {
        let Some(Value::String(place)) = place.filter(|place| *place != "") else { return };
        if place.parse::<IpAddr>().is_ok() {
            self.put("src_endpoint.ip", place);
            self.observe("src_endpoint.ip", Observable::IpAddress);
        } else {
            self.put("src_endpoint.domain", place);
            self.observe("src_endpoint.domain", Observable::Hostname);
        }
    }

    /// Takes the rest of a record.
    pub fn rest(mut self, raw: Raw) -> Self {
        self.rest = Some(raw);
        self
    }

    /// The event of a record of so many bytes; `None` when what is left of it takes far more.
    pub fn finish(mut self, length: usize) -> Option<Fields> {
        if !self.observables.is_empty() {
            self.fields.insert("observables".into(), Value::Array(self.observables));
        }
        let unmapped = self.rest.map_or(Some(Fields::new()), |rest| rest.unmapped(length))?;
        if !unmapped.is_empty() {
            self.fields.insert("unmapped".into(), Value::Object(unmapped));
        }
        Some(self.fields)
    }
}

/// JSON as the text that OCSF keeps of requests and responses.
pub(super) fn as_text(value: Option<Value>) -> Option<Value> {
    value.map(|value| match value {
        Value::String(_) => value,
        other => Value::String(other.to_string()),
    })
}

impl OcsfVersion {
    /// As events state it.
    pub fn schema(self) -> &'static str {
        match self {
            OcsfVersion::V1_1 => "1.1.0",
            OcsfVersion::V1_5 => "1.5.0",
        }
    }
}

//! `Change`: what an audit event that writes says, as far as it is compared.

use super::theme::Themes;
use super::words::Words;
use model::{Event, EventResource, Timestamp};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::HashMap;

/// How names of actions begin that only read, where a record does not say whether it does.
const READS: [&str; 13] = [
    "Get", "List", "Describe", "Head", "Lookup", "Search", "Query", "Scan", "Select", "BatchGet", "Test", "Validate",
    "Simulate",
];
/// Longest part of a record that is read, bytes.
const PART_BYTES_MAX: usize = 64 * 1024;
/// Parameters whose names are kept, and how long they are, bytes.
const PARAMETERS_MAX: usize = 32;
const PARAMETER_BYTES_MAX: usize = 128;

/// A change that may explain something.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// `eventID`.
    pub event_id: String,
    /// `eventTime`.
    pub time: Timestamp,
    /// `eventSource`.
    pub source: String,
    /// `eventName`.
    pub name: String,
    /// Who really did it (`actors.rs`), or as much as the record tells.
    pub actor: String,
    /// LookupEvents' Username.
    pub user: String,
    /// The account.
    pub account: String,
    /// The region.
    pub region: String,
    /// `sourceIPAddress`.
    pub source_ip: String,
    /// `errorCode`; empty when the call went well.
    pub error_code: String,
    /// Resources that the record names.
    pub resources: Vec<EventResource>,
    /// What it names: resources, and texts of parameters.
    pub(super) words: Words,
    /// Names of its parameters that are texts, in lower case.
    pub(super) parameters: Vec<String>,
    /// What it changes.
    pub(super) themes: Themes,
    /// It is about everything, or for everybody.
    pub(super) is_wide: bool,
    /// What it is about, for people, where no resource is named.
    pub(super) about: Option<String>,
}

/// Whether an event may have changed something.
pub fn is_write(event: &Event) -> bool {
    match event.read_only {
        Some(read_only) => !read_only,
        None => !READS.iter().any(|read| event.name.starts_with(read)),
    }
}

impl Change {
    /// What an event says; `None` when it only reads. `actor` is who really did it, where that is known.
    pub fn of(event: &Event, actor: Option<&str>) -> Option<Self> {
        if !is_write(event) {
            return None;
        }
        let mut words = Words::default();
        event.resources.iter().for_each(|resource| words.add(&resource.name));
        let members = Members::of(&event.record);
        let parameters = members.value("requestParameters");
        words.add_json(&parameters);
        words.add_json(&members.value("responseElements"));
        let named = [actor.unwrap_or_default(), &event.user_arn, &event.username, "unknown"];
        let actor = named.into_iter().find(|name| !name.is_empty()).unwrap_or_default();
        Some(Self {
            event_id: event.event_id.clone(),
            time: event.time,
            source: event.source.clone(),
            name: event.name.clone(),
            actor: actor.to_owned(),
            user: event.username.clone(),
            account: event.account.clone(),
            region: event.region.clone(),
            source_ip: event.source_ip.clone(),
            error_code: event.error_code.clone(),
            resources: event.resources.clone(),
            themes: Themes::of_action(&event.name),
            is_wide: is_wide(members.text("requestParameters")),
            about: about(&parameters),
            parameters: texts(&parameters),
            words,
        })
    }

    /// What it was done to, for people.
    pub fn target(&self) -> Option<&str> {
        let name = |resource: &EventResource| !resource.name.is_empty();
        let resource = self.resources.iter().find(|resource| name(resource));
        resource.map(|resource| short(&resource.name)).or(self.about.as_deref())
    }

    /// Whether it names something: whole, as the last part of an ARN or a path, or as a word.
    pub fn names(&self, name: &str) -> bool {
        let name = name.to_lowercase();
        self.words.names.contains(&name) || self.words.words.contains(&name)
    }

    /// Who did it, for people: the last part of an ARN.
    pub fn who(&self) -> &str {
        short(&self.actor)
    }
}

/// The last part of an ARN or of an actor's name.
fn short(name: &str) -> &str {
    let last = name.rsplit(['/', ':']).next().unwrap_or(name);
    if last.is_empty() || last == "*" { name } else { last }
}

/// Parameters that open something to everybody, or that are about everything.
fn is_wide(parameters: &str) -> bool {
    let has = |text: &str| memchr::memmem::find(parameters.as_bytes(), text.as_bytes()).is_some();
    has("0.0.0.0/0") || has("::/0") || has(":\"*\"") || has(": \"*\"") || has("\\\":\\\"*\\\"") || has("[\"*\"]")
}

/// The first parameter whose name says that it names something.
fn about(parameters: &Value) -> Option<String> {
    let members = parameters.as_object()?;
    let is_name = |key: &str| ["Name", "Id", "name", "id", "Arn", "arn"].iter().any(|end| key.ends_with(end));
    let named = members.iter().filter(|(key, _)| is_name(key)).find_map(|(_, value)| value.as_str())?;
    let text: String = short(named).chars().filter(|c| !c.is_control()).take(128).collect();
    (!text.is_empty()).then_some(text)
}

/// Names of the parameters that are texts.
fn texts(parameters: &Value) -> Vec<String> {
    let members = parameters.as_object().into_iter().flatten();
    let named = members.filter(|(name, value)| value.is_string() && name.len() <= PARAMETER_BYTES_MAX);
    named.map(|(name, _)| name.to_lowercase()).take(PARAMETERS_MAX).collect()
}

/// The members of a record, each as its text; those that are too long count as absent.
#[derive(Default, Deserialize)]
#[serde(transparent)]
struct Members<'a>(#[serde(borrow)] HashMap<Cow<'a, str>, &'a RawValue>);

impl<'a> Members<'a> {
    fn of(record: &'a str) -> Self {
        serde_json::from_str(record).unwrap_or_default()
    }

    fn text(&self, name: &str) -> &'a str {
        self.0.get(name).map(|raw| raw.get()).filter(|text| text.len() <= PART_BYTES_MAX).unwrap_or_default()
    }

    fn value(&self, name: &str) -> Value {
        serde_json::from_str(self.text(name)).unwrap_or_default()
    }
}

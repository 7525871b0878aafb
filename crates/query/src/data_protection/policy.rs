//! The policy document: read, checked, and told in AWS's words where they are known.

use super::ids;
use super::rules::Custom;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// Longest document, characters (PutDataProtectionPolicy reference).
const DOCUMENT_CHARS_MAX: usize = 30_720;
/// Most custom identifiers in a policy, and the longest name and pattern, characters ("Custom data identifiers").
const CUSTOM_MAX: usize = 10;
const CUSTOM_NAME_CHARS_MAX: usize = 128;
const CUSTOM_REGEX_CHARS_MAX: usize = 200;
/// What every ARN of a managed identifier ends with, before its name.
const ARN_MIDDLE: &str = ":dataprotection::aws:data-identifier/";

/// Why a document is no policy, for the client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PolicyError(pub String);

fn refused<T>(message: impl Into<String>) -> Result<T, PolicyError> {
    Err(PolicyError(message.into()))
}

/// Where the findings of a policy go, by name; each only where the policy names one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FindingsDestinations {
    /// A log group.
    pub group: Option<String>,
    /// A bucket.
    pub bucket: Option<String>,
    /// A Firehose delivery stream.
    pub stream: Option<String>,
}

/// A data protection policy.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Its name.
    pub name: String,
    /// Where its findings go.
    pub findings: FindingsDestinations,
    pub(super) managed: Vec<&'static ids::Managed>,
    pub(super) custom: Vec<Custom>,
}

impl Policy {
    /// Reads and checks a document.
    pub fn parse(document: &str) -> Result<Self, PolicyError> {
        if document.chars().nth(DOCUMENT_CHARS_MAX).is_some() {
            return refused(format!("The policy document exceeds the limit of {DOCUMENT_CHARS_MAX} characters"));
        }
        let value: Value = serde_json::from_str(document)
            .map_err(|error| PolicyError(format!("The policy document is not valid JSON: {error}")))?;
        let Value::Object(root) = &value else { return refused("The policy document is not a JSON object") };
        let name = name_of(root)?;
        match root.get("Version").and_then(Value::as_str) {
            Some("2021-06-01") => {}
            _ => return refused("Policy Version must be 2021-06-01"),
        }
        if root.get("Description").is_some_and(|text| !text.is_string()) {
            return refused("Policy Description must be a string");
        }
        let custom = custom_of(root)?;
        let (findings, identifiers) = statements_of(root)?;
        let mut policy = Self { name, findings, managed: Vec::new(), custom: Vec::new() };
        for identifier in identifiers {
            policy.add(&identifier, &custom)?;
        }
        Ok(policy)
    }

    fn add(&mut self, identifier: &str, custom: &[Custom]) -> Result<(), PolicyError> {
        let is_arn = identifier.starts_with("arn:");
        if !is_arn && let Some(found) = custom.iter().find(|custom| custom.name == identifier) {
            self.custom.push(found.clone());
            return Ok(());
        }
        let name = identifier.split_once(ARN_MIDDLE).filter(|_| is_arn).map(|(_, name)| name);
        match name.and_then(ids::managed) {
            Some(managed) if !managed.rules.is_empty() => self.managed.push(managed),
            Some(_) => {
                return refused(format!(
                    "{identifier} is not supported: AWS finds this data by machine learning, which this server does not do"
                ));
            }
            None => return refused(format!("{identifier} is not a valid Data Identifier")),
        }
        Ok(())
    }
}

fn name_of(root: &Map<String, Value>) -> Result<String, PolicyError> {
    let Some(name) = root.get("Name").and_then(Value::as_str).filter(|name| !name.is_empty()) else {
        return refused("Policy Name is required");
    };
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')) {
        return refused("Policy Name can only include alphanumeric characters, hyphens (-) and underscores (_)");
    }
    Ok(name.to_owned())
}

/// The custom identifiers of `Configuration.CustomDataIdentifier`.
fn custom_of(root: &Map<String, Value>) -> Result<Vec<Custom>, PolicyError> {
    let Some(configuration) = root.get("Configuration") else { return Ok(Vec::new()) };
    let list = match configuration.get("CustomDataIdentifier") {
        None if configuration.is_object() => return Ok(Vec::new()),
        Some(Value::Array(list)) => list,
        _ => return refused("Configuration.CustomDataIdentifier must be a list"),
    };
    if list.len() > CUSTOM_MAX {
        return refused(format!("A policy has at most {CUSTOM_MAX} custom data identifiers"));
    }
    let mut names = BTreeSet::new();
    let mut read = Vec::with_capacity(list.len());
    for item in list {
        let text = |member: &str| item.get(member).and_then(Value::as_str).unwrap_or_default();
        let (name, regex) = (text("Name"), text("Regex"));
        check_custom_name(name)?;
        if !names.insert(name) {
            return refused(format!("The custom data identifier {name} is defined twice"));
        }
        read.push(Custom { name: name.to_owned(), regex: custom_regex(name, regex)? });
    }
    Ok(read)
}

fn check_custom_name(name: &str) -> Result<(), PolicyError> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if name.is_empty() || name.len() > CUSTOM_NAME_CHARS_MAX || !name.chars().all(is_allowed) {
        return refused(format!(
            "The name of a custom data identifier has 1 to {CUSTOM_NAME_CHARS_MAX} alphanumeric characters, hyphens and \
             underscores: {name:?}"
        ));
    }
    if ids::managed(name).is_some() {
        return refused(format!("The custom data identifier {name} has the name of a managed data identifier"));
    }
    Ok(())
}

fn custom_regex(name: &str, source: &str) -> Result<regex::Regex, PolicyError> {
    if source.is_empty() || source.chars().count() > CUSTOM_REGEX_CHARS_MAX {
        return refused(format!("The Regex of {name} must have 1 to {CUSTOM_REGEX_CHARS_MAX} characters"));
    }
    if let Some(c) = source.chars().find(|c| !c.is_ascii_alphanumeric() && !"_#=@/;,- ^$?[]{}|\\*+.".contains(*c)) {
        return refused(format!("The Regex of {name} has a character that is not supported: {c:?}"));
    }
    Custom::compile(source).map_err(|error| PolicyError(format!("The Regex of {name} is not valid: {error}")))
}

/// The destinations of the audit statement, and the identifiers that both statements name.
fn statements_of(root: &Map<String, Value>) -> Result<(FindingsDestinations, Vec<String>), PolicyError> {
    let Some(Value::Array(statements)) = root.get("Statement") else {
        return refused("Policy Statement must be a list of an Audit and a Deidentify statement");
    };
    let (mut audit, mut deidentify) = (None, None);
    for statement in statements {
        let identifiers = identifiers_of(statement)?;
        let operation = statement.get("Operation").and_then(Value::as_object);
        let place = match operation.and_then(|operation| Some((operation.len(), operation.iter().next()?))) {
            Some((1, (name, body))) if name == "Audit" => audit.replace((findings_of(body)?, identifiers)).is_some(),
            Some((1, (name, body))) if name == "Deidentify" => {
                if !body.get("MaskConfig").and_then(Value::as_object).is_some_and(Map::is_empty) {
                    return refused("Operation Deidentify must have the empty object MaskConfig");
                }
                deidentify.replace(identifiers).is_some()
            }
            _ => return refused("The Operation of a statement must be one of Audit and Deidentify"),
        };
        if place {
            return refused("A policy has one Audit statement and one Deidentify statement");
        }
    }
    let (Some((findings, audited)), Some(masked)) = (audit, deidentify) else {
        return refused("A policy must have an Audit statement and a Deidentify statement");
    };
    if audited.iter().collect::<BTreeSet<_>>() != masked.iter().collect::<BTreeSet<_>>() {
        return refused("The DataIdentifier lists of the Audit and the Deidentify statement must be the same");
    }
    Ok((findings, audited))
}

/// The identifiers of a statement, each once.
fn identifiers_of(statement: &Value) -> Result<Vec<String>, PolicyError> {
    let list = statement.get("DataIdentifier").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut identifiers: Vec<String> = Vec::with_capacity(list.len());
    for item in list {
        let Some(item) = item.as_str() else { return refused("DataIdentifier must be a list of strings") };
        if !identifiers.iter().any(|known| known == item) {
            identifiers.push(item.to_owned());
        }
    }
    if identifiers.is_empty() {
        return refused("DataIdentifier must name at least one data identifier");
    }
    Ok(identifiers)
}

fn findings_of(audit: &Value) -> Result<FindingsDestinations, PolicyError> {
    let Some(Value::Object(given)) = audit.get("FindingsDestination") else {
        return refused("Operation Audit must have the object FindingsDestination");
    };
    let mut findings = FindingsDestinations::default();
    for (kind, destination) in given {
        let (member, place) = match kind.as_str() {
            "CloudWatchLogs" => ("LogGroup", &mut findings.group),
            "S3" => ("Bucket", &mut findings.bucket),
            "Firehose" => ("DeliveryStream", &mut findings.stream),
            _ => return refused(format!("{kind} is not a valid FindingsDestination")),
        };
        match destination.get(member).and_then(Value::as_str) {
            Some(name) if !name.is_empty() => *place = Some(name.to_owned()),
            _ => return refused(format!("FindingsDestination.{kind} must have a {member}")),
        }
    }
    Ok(findings)
}

//! Reads policy documents, and refuses malformed ones in IAM's words.
//!
//! The texts are those that IAM is known to answer; a mistake of which the text is not known is answered as IAM does whatever its
//! parser cannot place: "The policy failed legacy parsing".

use super::arn_pattern::{ArnPattern, NoArn};
use super::condition::{Condition, Unreadable};
use super::document::{Effect, Element, Position, Purpose, Statement};
use super::json::{Object, OneOrMany, Scalar};
use super::pattern::{Pattern, Syntax};
use super::principals::{Named, Principals};
use model::limits::POLICY_STATEMENTS_MAX;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::HashSet;

/// A document that is no policy; the text is for the client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub String);

const LEGACY: &str = "The policy failed legacy parsing";
const SYNTAX: &str = "Syntax errors in policy.";
const INVALID_JSON: &str = "This policy contains invalid Json";

fn malformed(text: impl Into<String>) -> Malformed {
    Malformed(text.into())
}

fn legacy() -> Malformed {
    malformed(LEGACY)
}

/// The statements of `text`.
pub(super) fn statements(text: &str, purpose: Purpose) -> Result<Vec<Statement>, Malformed> {
    let broken = || malformed(if purpose == Purpose::Identity { SYNTAX } else { INVALID_JSON });
    let document: Object<&RawValue> = serde_json::from_str(text).map_err(|_| broken())?;
    let mut variables = false;
    let mut raw = None;
    for (name, value) in document.0 {
        match name.as_str() {
            "Version" => match string(value).as_deref() {
                Some("2012-10-17") => variables = true,
                Some("2008-10-17") => {}
                _ => return Err(broken()),
            },
            "Id" => drop(string(value).ok_or_else(broken)?),
            "Statement" => raw = Some(value),
            _ => return Err(broken()),
        }
    }
    let raw = raw.ok_or_else(broken)?;
    let list: Vec<&RawValue> = match raw.get().starts_with('[') {
        true => serde_json::from_str(raw.get()).map_err(|_| broken())?,
        false => vec![raw],
    };
    if list.is_empty() || list.len() > POLICY_STATEMENTS_MAX {
        return Err(broken());
    }
    let mut places = Places::new(text);
    let mut sids = HashSet::new();
    let mut statements = Vec::with_capacity(list.len());
    for one in list {
        let (start, end) = places.of(one.get());
        let statement = Reading { purpose, variables, broken: &broken }.statement(one.get(), start, end)?;
        if statement.sid.as_ref().is_some_and(|sid| !sids.insert(sid.clone())) {
            return Err(malformed("Statement IDs (SID) in a single policy must be unique."));
        }
        statements.push(statement);
    }
    Ok(statements)
}

fn string(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).ok()
}

/// Finds places of the text, in ascending order.
struct Places<'a> {
    text: &'a str,
    at: usize,
    place: Position,
}

impl<'a> Places<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, at: 0, place: Position { line: 1, column: 1 } }
    }

    /// Where `part`, a slice of the text, begins and ends.
    fn of(&mut self, part: &str) -> (Position, Position) {
        let offset = (part.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize);
        let start = self.advance(offset);
        (start, self.advance(offset + part.len()))
    }

    fn advance(&mut self, to: usize) -> Position {
        for c in self.text.get(self.at..to).unwrap_or_default().chars() {
            match c {
                '\n' => self.place = Position { line: self.place.line + 1, column: 1 },
                _ => self.place.column += 1,
            }
        }
        self.at = to;
        self.place
    }
}

/// How statements are read.
struct Reading<'a> {
    purpose: Purpose,
    variables: bool,
    broken: &'a dyn Fn() -> Malformed,
}

impl Reading<'_> {
    fn statement(&self, text: &str, start: Position, end: Position) -> Result<Statement, Malformed> {
        let members: Object<&RawValue> = serde_json::from_str(text).map_err(|_| (self.broken)())?;
        let (mut sid, mut effect) = (None, None);
        let (mut principals, mut actions, mut resources) = (None, None, None);
        let mut conditions = Vec::new();
        for (name, value) in members.0 {
            let negated = name.starts_with("Not");
            match name.as_str() {
                "Sid" => sid = Some(self.sid(value)?).filter(|sid| !sid.is_empty()),
                "Effect" => effect = Some(self.effect(value)?),
                "Principal" | "NotPrincipal" if principals.is_none() => {
                    principals = Some(Principals { negated, named: self.principals(value)? });
                }
                "Action" | "NotAction" if actions.is_none() => {
                    actions = Some(Element { negated, patterns: self.actions(value)? });
                }
                "Resource" | "NotResource" if resources.is_none() => {
                    resources = Some(Element { negated, patterns: self.resources(value)? });
                }
                "Condition" => conditions = self.conditions(value)?,
                _ => return Err((self.broken)()),
            }
        }
        let trust = self.purpose == Purpose::Trust;
        match self.purpose {
            Purpose::Identity if principals.is_some() => {
                return Err(malformed("Policy document should not specify a principal."));
            }
            Purpose::Trust | Purpose::Resource if principals.is_none() => {
                return Err(malformed("Missing required field Principal"));
            }
            _ => {}
        }
        let actions = actions.ok_or_else(|| malformed("Policy statement must contain actions."))?;
        match self.purpose {
            Purpose::Trust if resources.is_some() => return Err(malformed("Has prohibited field Resource")),
            Purpose::Identity if resources.is_none() => {
                return Err(malformed("Policy statement must contain resources."));
            }
            _ => {}
        }
        let effect = effect.ok_or_else(|| if trust { malformed("Missing required field Effect") } else { legacy() })?;
        Ok(Statement { sid, effect, start, end, principals, actions, resources, conditions })
    }

    fn sid(&self, value: &RawValue) -> Result<String, Malformed> {
        let sid = string(value).ok_or_else(self.broken)?;
        if self.purpose == Purpose::Identity && !sid.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(malformed(
                "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*",
            ));
        }
        Ok(sid)
    }

    fn effect(&self, value: &RawValue) -> Result<Effect, Malformed> {
        match string(value).as_deref() {
            Some("Allow") => Ok(Effect::Allow),
            Some("Deny") => Ok(Effect::Deny),
            Some(other) if self.purpose != Purpose::Identity => Err(malformed(format!("Invalid effect: {other}"))),
            _ => Err(legacy()),
        }
    }

    fn principals(&self, value: &RawValue) -> Result<Vec<Named>, Malformed> {
        if string(value).as_deref() == Some("*") {
            return Ok(vec![Named::Everyone]);
        }
        let kinds: Object<OneOrMany<String>> = serde_json::from_str(value.get()).map_err(|_| (self.broken)())?;
        let mut named = Vec::new();
        for (kind, entries) in kinds.0 {
            for entry in entries.into_vec() {
                let refused = || malformed(format!("Invalid principal in policy: \"{kind}\":\"{entry}\""));
                named.push(Named::parse(&kind, &entry).ok_or_else(refused)?);
            }
        }
        if named.is_empty() { Err((self.broken)()) } else { Ok(named) }
    }

    fn actions(&self, value: &RawValue) -> Result<Vec<Pattern>, Malformed> {
        let mut patterns = Vec::new();
        for action in self.texts(value)? {
            let action = action.to_ascii_lowercase();
            if action != "*" {
                let (vendor, name) = action.split_once(':').ok_or_else(|| {
                    malformed("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
                })?;
                if name.contains(':') {
                    return Err(malformed("Actions/Condition can contain only one colon."));
                }
                let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
                if vendor.is_empty() || name.is_empty() || !vendor.bytes().all(plain) {
                    return Err(malformed(format!("Vendor {vendor} is not valid")));
                }
                if self.purpose == Purpose::Trust && vendor != "sts" {
                    return Err(malformed("AssumeRole policy may only specify STS AssumeRole actions."));
                }
            }
            let syntax = Syntax { wildcards: true, variables: false };
            patterns.push(Pattern::parse(&action, syntax).ok_or_else(legacy)?);
        }
        if patterns.is_empty() { Err(malformed("Policy statement must contain actions.")) } else { Ok(patterns) }
    }

    fn resources(&self, value: &RawValue) -> Result<Vec<ArnPattern>, Malformed> {
        let mut patterns = Vec::new();
        for resource in self.texts(value)? {
            let pattern = ArnPattern::parse(&resource, self.variables).map_err(|error| match error {
                NoArn::Form => malformed(format!("Resource {resource} must be in ARN format or \"*\".")),
                NoArn::Variable => legacy(),
            })?;
            patterns.push(pattern);
        }
        if patterns.is_empty() { Err(malformed("Policy statement must contain resources.")) } else { Ok(patterns) }
    }

    fn conditions(&self, value: &RawValue) -> Result<Vec<Condition>, Malformed> {
        let operators: Object<Object<OneOrMany<Scalar>>> =
            serde_json::from_str(value.get()).map_err(|_| (self.broken)())?;
        let mut conditions = Vec::new();
        for (operator, keys) in operators.0 {
            for (key, values) in keys.0 {
                if !key.contains(':') {
                    let text = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.";
                    return Err(malformed(text));
                }
                let values: Vec<String> = values.into_vec().into_iter().map(|Scalar(text)| text).collect();
                let condition =
                    Condition::parse(&operator, &key, &values, self.variables).map_err(|error| match error {
                        Unreadable::Operator => malformed(format!("Invalid Condition type : {operator}.")),
                        Unreadable::Value => legacy(),
                    })?;
                conditions.push(condition);
            }
        }
        Ok(conditions)
    }

    fn texts(&self, value: &RawValue) -> Result<Vec<String>, Malformed> {
        let texts: OneOrMany<String> = OneOrMany::deserialize(&mut serde_json::Deserializer::from_str(value.get()))
            .map_err(|_| (self.broken)())?;
        Ok(texts.into_vec())
    }
}

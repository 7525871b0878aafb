//! A compiled policy: statements whose patterns are ready to match.

use super::arn_pattern::ArnPattern;
use super::condition::Condition;
use super::context::Request;
use super::parse::{self, Malformed};
use super::pattern::{Pattern, any_match};
use super::principals::{Named, Principals};

/// For what a policy is written; the elements that it must have and must not have differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Of a user, group, role, session or boundary: no Principal, with Resource.
    Identity,
    /// Who may assume a role: with Principal, without Resource, STS actions only.
    Trust,
    /// Of a resource: with Principal.
    Resource,
}

/// What a statement does where it applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Lets the call through, unless something denies it.
    Allow,
    /// Denies the call, whatever allows it.
    Deny,
}

/// A place in the text of a policy; both count from one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Line.
    pub line: i32,
    /// Column, in characters.
    pub column: i32,
}

/// A policy, ready to decide.
#[derive(Debug, Clone)]
pub struct Policy {
    /// What it is called where a decision is explained: a name or an ARN.
    pub id: String,
    pub(super) statements: Vec<Statement>,
}

impl Policy {
    /// Compiles `text`. The error is AWS's `MalformedPolicyDocument`.
    pub fn parse(id: impl Into<String>, text: &str, purpose: Purpose) -> Result<Self, Malformed> {
        Ok(Self { id: id.into(), statements: parse::statements(text, purpose)? })
    }

    /// The ARNs of users, roles and sessions that statements name as principals.
    pub fn principal_arns(&self) -> impl Iterator<Item = &str> {
        let principals = self.statements.iter().filter_map(|statement| statement.principals.as_ref());
        principals.flat_map(|principals| &principals.named).filter_map(|named| match named {
            Named::Arn(arn) => Some(arn.as_str()),
            _ => None,
        })
    }

    /// A policy that says nothing.
    pub fn empty(id: impl Into<String>) -> Self {
        Self { id: id.into(), statements: Vec::new() }
    }

    /// The statements, in the order of the text.
    pub fn statements(&self) -> &[Statement] {
        &self.statements
    }
}

/// Patterns of an element, or of its negation (`NotAction`).
#[derive(Debug, Clone)]
pub(super) struct Element<P> {
    pub negated: bool,
    pub patterns: Vec<P>,
}

/// One statement.
#[derive(Debug, Clone)]
pub struct Statement {
    /// Its `Sid`, where it has one.
    pub sid: Option<String>,
    /// Allow or Deny.
    pub effect: Effect,
    /// Where it begins in the text.
    pub start: Position,
    /// Where it ends in the text.
    pub end: Position,
    pub(super) principals: Option<Principals>,
    /// In lower case.
    pub(super) actions: Element<Pattern>,
    /// `None` in a trust policy, which is on its role.
    pub(super) resources: Option<Element<ArnPattern>>,
    pub(super) conditions: Vec<Condition>,
}

impl Statement {
    /// True when the statement applies to `request`, whose action in lower case is `action`. Principals are not asked.
    pub(super) fn applies(&self, request: &Request<'_>, action: &str) -> bool {
        let context = request.context;
        let action_named = self.actions.patterns.iter().any(|pattern| pattern.matches(action, context) == Some(true));
        if action_named == self.actions.negated {
            return false;
        }
        if let Some(resources) = &self.resources {
            let named = any_match(resources.patterns.iter().map(|pattern| pattern.matches(request.resource, context)));
            if !self.holds(resources.negated, named) {
                return false;
            }
        }
        self.conditions.iter().all(|condition| condition.holds(self.effect, context))
    }

    fn holds(&self, negated: bool, named: Option<bool>) -> bool {
        holds(self.effect, negated, named)
    }
}

/// Whether an element holds of which something is named, not named, or cannot be told because of a variable.
pub(super) fn holds(effect: Effect, negated: bool, named: Option<bool>) -> bool {
    match (negated, effect) {
        (false, _) => named == Some(true),
        (true, Effect::Allow) => named == Some(false),
        (true, Effect::Deny) => named != Some(true),
    }
}

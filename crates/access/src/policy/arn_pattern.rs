//! Patterns of ARNs: each of the six parts is a pattern of its own, and the last takes further colons.
//!
//! A pattern with fewer parts is completed with `*` (IAM JSON policy elements: Resource).

use super::context::Context;
use super::pattern::{Pattern, Syntax};

const PARTS: usize = 6;

/// A pattern of ARNs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ArnPattern {
    /// `*`: everything, also what is no ARN.
    Everything,
    /// The parts, in order.
    Parts(Vec<Pattern>),
}

/// Why a text is no pattern of ARNs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoArn {
    /// It does not begin with `arn:`.
    Form,
    /// A variable in it is broken.
    Variable,
}

impl ArnPattern {
    /// Reads `text`.
    pub fn parse(text: &str, variables: bool) -> Result<Self, NoArn> {
        if text == "*" {
            return Ok(Self::Everything);
        }
        let syntax = Syntax { wildcards: true, variables };
        let mut parts = Vec::with_capacity(PARTS);
        for part in split(text, variables) {
            parts.push(Pattern::parse(part, syntax).ok_or(NoArn::Variable)?);
        }
        if parts.len() < 2 || parts.first() != Some(&Pattern::Exact("arn".into())) {
            return Err(NoArn::Form);
        }
        parts.resize(PARTS, Pattern::Everything);
        Ok(Self::Parts(parts))
    }

    /// Whether `arn` matches; `None` when the request does not resolve a variable.
    pub fn matches(&self, arn: &str, context: &dyn Context) -> Option<bool> {
        let Self::Parts(patterns) = self else { return Some(true) };
        let mut unresolved = false;
        let mut parts = arn.splitn(PARTS, ':');
        for pattern in patterns {
            let Some(part) = parts.next() else { return Some(false) };
            match pattern.matches(part, context) {
                Some(true) => {}
                Some(false) => return Some(false),
                None => unresolved = true,
            }
        }
        (!unresolved).then_some(true)
    }
}

/// The parts of a pattern; a colon within a variable parts nothing.
fn split(text: &str, variables: bool) -> Vec<&str> {
    let mut parts = Vec::with_capacity(PARTS);
    let (mut begin, mut inside) = (0, false);
    let mut previous = ' ';
    for (at, c) in text.char_indices() {
        match c {
            '{' if variables && previous == '$' => inside = true,
            '}' => inside = false,
            ':' if !inside && parts.len() + 1 < PARTS => {
                parts.push(text.get(begin..at).unwrap_or_default());
                begin = at + 1;
            }
            _ => {}
        }
        previous = c;
    }
    parts.push(text.get(begin..).unwrap_or_default());
    parts
}

//! Sigma rules for CloudTrail: YAML text in, rules out, and whether a record matches one.
//!
//! Sources: the Sigma specification 2.1 (<https://sigmahq.io/sigma-specification/>), its appendix of modifiers, and what SigmaHQ's
//! rules for `product: aws, service: cloudtrail` use. Why this is no foreign engine: `docs/decisions/2026-11-26-sigma-rules.md`.
//!
//! **Fields** are paths with dots, which go into objects and through lists: any element may match. A text is compared without regard
//! to case, with the wildcards `*` and `?`. A number and a truth value of a record compare as their text, an object as its compact
//! JSON text. `null` in a rule means absent, null in a record is absent. **Keywords** are searched in every value of a record.
//!
//! **Modifiers**: `contains`, `startswith`, `endswith`, `all`, `re` (with `i`, `m`, `s`), `cidr`, `exists`, `cased`, `neq`, `lt`,
//! `lte`, `gt`, `gte`, `fieldref`. **Conditions**: `and`, `or`, `not`, parentheses, `1 of`, `any of`, `all of` with names, patterns of names
//! and `them`; a list of conditions holds when one does.
//!
//! **Refused by name**: modifiers that recode (`base64`, `wide`, `windash`, `expand` and theirs), aggregations (`| count() > 5`, `near`),
//! which Sigma itself has taken out of conditions, and aliases of YAML. Correlations and rules for other logs are passed over.
//!
//! Regular expressions are those of the Rust crate `regex`: no text makes them slow, and there is no looking around.

mod condition;
mod event;
mod item;
mod rule;
mod text;
mod yaml;

#[cfg(test)]
mod tests;

pub use rule::{Document, Rule, read};

/// Why a document is no rule, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct Problem {
    /// Line of the text, counted from 1.
    pub line: usize,
    /// In words for whoever wrote the rule.
    pub reason: String,
}

impl Problem {
    fn new(line: usize, reason: impl Into<String>) -> Self {
        Self { line, reason: reason.into() }
    }
}

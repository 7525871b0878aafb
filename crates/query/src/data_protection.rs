//! Data protection policies of CloudWatch Logs: what of a log line is sensitive, and the line with it masked.
//!
//! Sources: user guide, "Help protect sensitive log data with masking", "CloudWatch Logs managed data identifiers for
//! sensitive data types", "Custom data identifiers", "Audit findings reports".
//!
//! A sensitive span is shown as one `*` for each of its characters. In a line that begins like JSON, quotes, escapes and
//! what parts values stay, so that strings stay strings; a bare number becomes bare asterisks, as the same text would
//! anywhere else.
//!
//! AWS publishes names, keywords and, for some identifiers, a rule; it does not publish its patterns. Ours follow what the
//! issuers of the numbers publish, with check digits where there are any (`identifiers`, `checks`). What differs:
//! `Address` and `Name`, which AWS finds by machine learning, are refused by name; bank accounts of Europe are found as
//! IBAN only; the name in a finding is the identifier's, with its country.

mod checks;
#[rustfmt::skip] // Lists of keywords, not one to a line.
mod countries;
mod ids;
mod ip;
#[rustfmt::skip]
mod keywords;
mod mask;
mod policy;
mod protector;
mod rules;
mod triggers;

#[cfg(test)]
mod tests;

pub use policy::{FindingsDestinations, Policy, PolicyError};
pub use protector::{Finding, Protector};

use model::Timestamp;
use std::borrow::Cow;
use std::sync::Arc;

/// What protects the events of one log group, over time: an event is masked as the policy says that was in force when the
/// event was ingested, also when that policy was changed or deleted since.
#[derive(Debug, Clone, Default)]
pub struct Protection {
    /// In the order of time.
    periods: Vec<Period>,
}

/// A policy and when it was in force.
#[derive(Debug, Clone)]
pub struct Period {
    /// The first instant.
    pub from: Timestamp,
    /// The instant after the last; `None` while the policy is in force.
    pub until: Option<Timestamp>,
    /// What it finds.
    pub protector: Arc<Protector>,
}

impl Protection {
    /// Protection by policies that followed each other.
    pub fn new(mut periods: Vec<Period>) -> Self {
        periods.sort_by_key(|period| period.from);
        Self { periods }
    }

    /// True when no event was ever protected.
    pub fn is_empty(&self) -> bool {
        self.periods.is_empty()
    }

    /// The line as those see it who may not see what is sensitive. Linear in the line's length.
    pub fn mask<'t>(&self, ingested: Timestamp, line: &'t str) -> Cow<'t, str> {
        self.at(ingested).map_or(Cow::Borrowed(line), |protector| protector.mask(line))
    }

    /// The policy that was in force when an event was ingested.
    pub fn at(&self, ingested: Timestamp) -> Option<&Arc<Protector>> {
        let is_in_force =
            |period: &&Period| period.from <= ingested && period.until.is_none_or(|until| ingested < until);
        self.periods.iter().rfind(is_in_force).map(|period| &period.protector)
    }

    /// Whether `holds` is true of the line in one of the ways in which it may be shown: as it is stored, or as any of the policies
    /// masks it. A first look for a search, which does not know yet when the line was ingested.
    pub fn may_hold(&self, line: &str, holds: impl Fn(&str) -> bool) -> bool {
        let mut looked_through: Vec<&Arc<Protector>> = Vec::new();
        holds(line)
            || self.periods.iter().map(|period| &period.protector).any(|protector| {
                if looked_through.iter().any(|known| Arc::ptr_eq(known, protector)) {
                    return false;
                }
                looked_through.push(protector);
                matches!(protector.mask(line), Cow::Owned(masked) if holds(&masked))
            })
    }

    /// Of texts one of which is in every line that is shown and wanted, those that are in such a line as it is stored, too. Masking
    /// only puts asterisks in the place of characters.
    pub fn clauses_of_stored(mut clauses: Vec<Vec<String>>) -> Vec<Vec<String>> {
        clauses.retain(|texts| !texts.iter().any(|text| text.contains('*')));
        clauses
    }

    /// The policy that is in force now.
    pub fn current(&self) -> Option<&Arc<Protector>> {
        self.periods.last().filter(|period| period.until.is_none()).map(|period| &period.protector)
    }
}

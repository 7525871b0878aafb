//! Contributor Insights: rules (`CloudWatchLogRule`, version 1), read and applied to log lines, and who contributes how much.
//!
//! Where AWS is known (user guide, "Contributor Insights rule syntax"): up to four keys, whose values together are one
//! contributor; up to four filters, all of which must hold; `Count` counts events, `Sum` adds the values of `ValueOf`;
//! everything is case-sensitive; CLF fields are counted from 1 and may have names; a field is a leaf, never an object.
//!
//! Where AWS says nothing, here:
//! - An event that lacks a key, or under `Sum` a number at `ValueOf`, is no contribution. Null, objects and arrays are no values.
//! - A filter other than `IsPresent` holds only for an event that has the field: `NotIn` and `NotEqualTo` too. A number written as
//!   text counts as a number. `IsPresent` is true for null.
//! - `$["odd.key"]` selects too. Of a field that selects several values (a key twice in an object) the first counts.
//! - In CLF, `"…"` and `[…]` are one field, as in filter patterns.
//! - Rules see masked text where data protection masks it; what is no JSON any more then, for a number was masked, is no contribution.
//! - The text of a key is cut after 1,024 bytes.
//!
//! **Bounds.** A tally is exact until it holds 32 MiB of contributors; then those with the smallest totals are dropped until
//! half of that is left, and one that comes back counts from zero. Sums, counts, minima and maxima stay exact. Unique
//! contributors are exact up to 1,024 in a period and 8,192 in a report, then estimated within about 3 % and 1 %.

pub(crate) mod distinct;
mod filter;
mod line;
mod rule;
mod tally;
#[cfg(test)]
mod tests;

pub use line::Contribution;
pub use rule::{Aggregate, LogGroups, Rule, RuleError};
pub use tally::{Contributor, OrderBy, Period, Report, Tally};

//! Values that a token did not have, of tokens that have always had few.

use super::Priority;
use crate::log_patterns::{Dynamic, Pattern, Severity, Token};

/// Lines that must be known of a pattern before a value can be new.
const LINES_MIN: u64 = 200;
/// Values of a token that has few.
const VALUES_MAX: usize = 8;
/// How often each value must have been there: else there are more that were not seen yet.
const COUNT_MIN: u64 = 5;
/// What varies by nature, by the names that `log_patterns` gives.
const VARYING: [&str; 7] = ["Date", "Hex", "IPAddress", "Time", "Timestamp", "URL", "UUID"];

/// A value that a token did not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NewValue {
    pub token: String,
    pub value: String,
    pub priority: Priority,
}

/// New values of a pattern of which `before` is what was known. The two have the same template.
pub(super) fn new_values(before: &Pattern, now: &Pattern) -> Vec<NewValue> {
    let mut found = Vec::new();
    for (before, now) in before.tokens.iter().zip(&now.tokens) {
        let (Token::Dynamic(before), Token::Dynamic(now)) = (before, now) else { continue };
        let (Some(known), Some(values)) = (&before.values, &now.values) else { continue };
        let lines = known.iter().map(|(_, count)| *count).fold(0, u64::saturating_add);
        let has_few = known.len() <= VALUES_MAX && known.iter().all(|(_, count)| *count >= COUNT_MIN);
        if lines < LINES_MIN || !has_few {
            continue;
        }
        let are_codes = known.iter().all(|(value, _)| status(value).is_some());
        for (value, _) in values.iter().filter(|(value, _)| known.iter().all(|(known, _)| known != value)) {
            if let Some(priority) = priority(now, value, are_codes) {
                found.push(NewValue { token: now.inferred_name(), value: value.clone(), priority });
            }
        }
    }
    found
}

/// How much a new value matters; `None` when it does not.
fn priority(token: &Dynamic, value: &str, are_codes: bool) -> Option<Priority> {
    if let Some(code) = status(value) {
        return are_codes.then_some(if code >= 400 { Priority::Medium } else { Priority::Low });
    }
    let is_word = value.starts_with(|c: char| c.is_alphabetic()) && !value.contains(|c: char| c.is_ascii_digit());
    if VARYING.contains(&token.name.as_str()) || !is_word {
        return None;
    }
    let words = value.split(|c: char| !c.is_alphanumeric());
    let is_grave = words.map(Severity::of_keyword).any(|severity| severity <= Severity::Error);
    Some(if is_grave { Priority::Medium } else { Priority::Low })
}

/// A status code of HTTP.
pub(super) fn status(value: &str) -> Option<u16> {
    let code = value.parse().ok().filter(|_| value.len() == 3);
    code.filter(|code| (100..600).contains(code))
}

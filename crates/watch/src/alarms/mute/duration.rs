//! Durations of mute rules: ISO 8601 with days, hours, minutes and seconds, `PT1M` to `P15D`.

use super::{MuteError, error};
use model::time::{DAY, HOUR, MINUTE, SECOND};

/// Parses a duration; milliseconds.
pub(super) fn parse(text: &str) -> Result<i64, MuteError> {
    let bad = |column: usize| {
        let message = format!("Duration '{text}' is not an ISO 8601 duration of days, hours, minutes and seconds");
        error("Duration", message, column)
    };
    let chars: Vec<char> = text.chars().collect();
    if chars.first() != Some(&'P') {
        return Err(bad(0));
    }
    // The units that may still follow; T opens those of the clock.
    let mut units: &[(char, i64)] = &[('D', DAY)];
    let (mut total, mut number, mut parts) = (0_i64, None::<i64>, 0);
    for (column, &c) in chars.iter().enumerate().skip(1) {
        if let Some(digit) = c.to_digit(10) {
            number = Some(number.unwrap_or(0).saturating_mul(10).saturating_add(i64::from(digit)));
        } else if c == 'T' && number.is_none() && units.iter().all(|(unit, _)| *unit == 'D') && column + 1 < chars.len()
        {
            units = &[('H', HOUR), ('M', MINUTE), ('S', SECOND)];
        } else {
            let position = units.iter().position(|(unit, _)| *unit == c).ok_or_else(|| bad(column))?;
            let value = number.take().ok_or_else(|| bad(column))?;
            total = total.saturating_add(value.saturating_mul(units[position].1));
            units = &units[position + 1..];
            parts += 1;
        }
    }
    if number.is_some() || parts == 0 {
        return Err(bad(chars.len()));
    }
    if !(MINUTE..=15 * DAY).contains(&total) {
        let message = format!("Duration '{text}' must be between PT1M and P15D");
        return Err(error("Duration", message, 0));
    }
    Ok(total)
}

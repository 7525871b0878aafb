//! Reading the notations of statistics: `p99.9`, `TM(10%:90%)`, `tc90`, `PR(:300)`, `IQM`.

use super::{Bounds, Statistic, StatisticError};

/// Longest name worth reading: the longest legal one is `WM(` with two numbers of some 20 digits.
const NAME_CHARS_MAX: usize = 100;

/// Most decimals of a percentage (statistics definitions page).
const DECIMALS_MAX: usize = 10;

/// Reads one statistic.
pub fn statistic(text: &str) -> Result<Statistic, StatisticError> {
    read(text).map_err(|reason| StatisticError { text: text.chars().take(NAME_CHARS_MAX).collect(), reason })
}

fn read(text: &str) -> Result<Statistic, &'static str> {
    match text {
        "SampleCount" => return Ok(Statistic::SampleCount),
        "Sum" => return Ok(Statistic::Sum),
        "Average" => return Ok(Statistic::Average),
        "Minimum" => return Ok(Statistic::Minimum),
        "Maximum" => return Ok(Statistic::Maximum),
        // Both cases are in use: the console writes IQM, older templates iqm.
        "IQM" | "iqm" => return Ok(Statistic::TrimmedMean(Bounds::Percent { low: 25.0, high: 75.0 })),
        _ => {}
    }
    if text.len() > NAME_CHARS_MAX || !text.is_ascii() {
        return Err("it names no statistic");
    }
    if let Some(inside) = text.strip_suffix(')') {
        let (name, inside) = inside.split_once('(').ok_or("it names no statistic")?;
        return ranged(name, bounds(inside)?);
    }
    let digits = text.find(|c: char| c.is_ascii_digit()).ok_or("it names no statistic")?;
    let (name, number) = text.split_at(digits);
    let high = percentage(number)?;
    let upper = Bounds::Percent { low: 0.0, high };
    match name {
        "p" => Ok(Statistic::Percentile(high)),
        "tm" => Ok(Statistic::TrimmedMean(upper)),
        "tc" => Ok(Statistic::TrimmedCount(upper)),
        "ts" => Ok(Statistic::TrimmedSum(upper)),
        "wm" => Ok(Statistic::WinsorizedMean(upper)),
        _ => Err("it names no statistic"),
    }
}

fn ranged(name: &str, bounds: Bounds) -> Result<Statistic, &'static str> {
    match (name, bounds) {
        ("TM", _) => Ok(Statistic::TrimmedMean(bounds)),
        ("TC", _) => Ok(Statistic::TrimmedCount(bounds)),
        ("TS", _) => Ok(Statistic::TrimmedSum(bounds)),
        ("WM", _) => Ok(Statistic::WinsorizedMean(bounds)),
        ("PR", Bounds::Absolute { .. }) => Ok(Statistic::PercentileRank(bounds)),
        ("PR", Bounds::Percent { .. }) => Err("percentile rank takes values as bounds, not percentages"),
        _ => Err("it names no statistic"),
    }
}

/// `10%:90%`, `:95%`, `80%:`, `150:1000`, `:0.5`, `10:`.
fn bounds(inside: &str) -> Result<Bounds, &'static str> {
    let (low, high) = inside.split_once(':').ok_or("its bounds need a colon between them")?;
    let (low, high) = (low.trim(), high.trim());
    if low.is_empty() && high.is_empty() {
        return Err("it needs at least one bound");
    }
    let is_percent = [low, high].iter().any(|bound| bound.ends_with('%'));
    if !is_percent {
        let (low, high) = (value(low)?, value(high)?);
        if let (Some(low), Some(high)) = (low, high)
            && low >= high
        {
            return Err("its lower bound must be below its upper bound");
        }
        return Ok(Bounds::Absolute { low, high });
    }
    let bound = |text: &str, missing: f64| match text.strip_suffix('%') {
        Some(number) => percentage(number),
        None if text.is_empty() => Ok(missing),
        None => Err("its bounds must both be percentages or both be values"),
    };
    let (low, high) = (bound(low, 0.0)?, bound(high, 100.0)?);
    if low >= high {
        return Err("its lower bound must be below its upper bound");
    }
    Ok(Bounds::Percent { low, high })
}

/// A number from 0 to 100 with at most ten decimals.
fn percentage(text: &str) -> Result<f64, &'static str> {
    let number = plain_number(text)?;
    let decimals = text.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    if decimals > DECIMALS_MAX {
        return Err("it may have at most ten decimals");
    }
    if !(0.0..=100.0).contains(&number) {
        return Err("a percentage must be between 0 and 100");
    }
    Ok(number)
}

fn value(text: &str) -> Result<Option<f64>, &'static str> {
    if text.is_empty() { Ok(None) } else { plain_number(text).map(Some) }
}

/// Digits with an optional fraction: no sign, exponent, `inf` or `nan`, which `f64::from_str` would take.
fn plain_number(text: &str) -> Result<f64, &'static str> {
    let well_formed = text.starts_with(|c: char| c.is_ascii_digit())
        && text.ends_with(|c: char| c.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if !well_formed {
        return Err("its number cannot be read");
    }
    text.parse().map_err(|_| "its number cannot be read")
}

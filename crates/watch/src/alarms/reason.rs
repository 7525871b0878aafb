//! StateReason and StateReasonData in AWS's words: tools match these texts.
//!
//! Log alarms have query results where others have datapoints.

use crate::alarms::observe::period_secs;
use crate::alarms::state::{
    Band, Point, Slot, TreatMissing, Verdict, breaches, datapoints_to_alarm, evaluation_periods,
};
use catalog::{AlarmConfiguration, AlarmState};
use model::Timestamp;
use serde_json::{Value, json};

/// Longest StateReason, characters (the model's `StateReason`).
pub(super) const REASON_CHARS_MAX: usize = 1023;
/// Longest StateReasonData, characters (the model's `StateReasonData`).
pub(super) const REASON_DATA_CHARS_MAX: usize = 4000;
/// How many datapoints a reason spells out; more are summed up.
const TOLD_POINTS_MAX: usize = 5;

/// Why `verdict` was reached, in one sentence.
pub fn text(configuration: &AlarmConfiguration, verdict: &Verdict) -> String {
    let text = match TreatMissing::of(configuration) {
        _ if verdict.state == AlarmState::InsufficientData => insufficient(configuration),
        TreatMissing::Breaching if verdict.filled > 0 => filled_text(configuration, verdict, "Breaching"),
        TreatMissing::NotBreaching if verdict.filled > 0 => filled_text(configuration, verdict, "NonBreaching"),
        _ => crossed_text(configuration, verdict),
    };
    cut(text, REASON_CHARS_MAX)
}

/// Why `verdict` was reached about one series of an alarm on many: of the points it tells the newest only. AWS's text is
/// known for ALARM without missing points ("Acting on alarm changes"); the others follow it.
pub fn contributor_text(configuration: &AlarmConfiguration, verdict: &Verdict) -> String {
    let deciding = deciding(configuration, verdict);
    if deciding.is_empty() || verdict.filled > 0 {
        return text(configuration, verdict);
    }
    let crossed = verdict.state == AlarmState::Alarm;
    let claim = claim(configuration, &deciding, verdict.state == AlarmState::Alarm);
    let (count, told) = (deciding.len(), told(&deciding[..1]));
    let noun = noun(configuration);
    let plural = if count == 1 { "" } else { "s" };
    let which = if crossed { " which crossed the threshold" } else { "" };
    let text =
        format!("Threshold Crossed: {count} {noun}{plural} {claim}. The most recent {noun}{plural}{which}: [{told}].");
    cut(text, REASON_CHARS_MAX)
}

/// The same as JSON. Dropping the oldest points keeps it within the model's limit and still JSON.
pub fn data(configuration: &AlarmConfiguration, verdict: &Verdict, slots: &[Slot], now: Timestamp) -> String {
    let mut points_max = 100;
    loop {
        let text = data_of(configuration, verdict, slots, now, points_max).to_string();
        if text.len() <= REASON_DATA_CHARS_MAX || points_max == 0 {
            return text;
        }
        points_max /= 2;
    }
}

/// `2026-01-02T03:04:05.678+0000`, as CloudWatch writes times inside JSON texts.
pub fn json_time(at: Timestamp) -> String {
    let iso = at.iso_millis();
    format!("{}+0000", iso.strip_suffix('Z').unwrap_or(&iso))
}

/// A number as Java prints a double: `12.0`, `1.0E10`.
pub fn number(value: f64) -> String {
    let magnitude = value.abs();
    if value == 0.0 || (1e-3..1e7).contains(&magnitude) || !value.is_finite() {
        return format!("{value:?}");
    }
    let text = format!("{value:e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let point = if mantissa.contains('.') { "" } else { ".0" };
    format!("{mantissa}{point}E{exponent}")
}

/// How many datapoints it takes to enter `state`: M to ALARM, N - M + 1 to OK.
fn minimum(configuration: &AlarmConfiguration, state: AlarmState) -> usize {
    let (n, m) = (evaluation_periods(configuration), datapoints_to_alarm(configuration));
    match state {
        AlarmState::Alarm => m,
        AlarmState::Ok => n - m + 1,
        AlarmState::InsufficientData => n,
    }
}

fn insufficient(configuration: &AlarmConfiguration) -> String {
    let n = evaluation_periods(configuration);
    format!("Insufficient Data: {} unknown.", counted(n, noun(configuration)))
}

/// What an alarm evaluates one of in each period.
fn noun(configuration: &AlarmConfiguration) -> &'static str {
    if configuration.log.is_some() { "query result" } else { "datapoint" }
}

fn filled_text(configuration: &AlarmConfiguration, verdict: &Verdict, treated: &str) -> String {
    let n = evaluation_periods(configuration);
    let noun = noun(configuration);
    let received = match verdict.evaluated.len() {
        0 => format!("no {noun}s were"),
        count => counted(count, noun),
    };
    let periods = if n == 1 { "period" } else { "periods" };
    let missing = counted(verdict.filled, &format!("missing {noun}"));
    format!("Threshold Crossed: {received} received for {n} {periods} and {missing} treated as [{treated}].")
}

fn crossed_text(configuration: &AlarmConfiguration, verdict: &Verdict) -> String {
    let crossed = verdict.state == AlarmState::Alarm;
    let deciding = deciding(configuration, verdict);
    let (count, noun) = (deciding.len(), noun(configuration));
    let subject = match configuration.datapoints_to_alarm {
        Some(_) => format!("{count} out of the last {} {noun}s", verdict.evaluated.len()),
        None if count == 1 => format!("1 {noun}"),
        None => format!("{count} {noun}s"),
    };
    let claim = claim(configuration, &deciding, crossed);
    let told = told(&deciding);
    let crossing = if configuration.threshold_metric_id.is_some() { "Thresholds Crossed" } else { "Threshold Crossed" };
    let sentence = if count <= TOLD_POINTS_MAX {
        format!("{crossing}: {subject} [{told}] {claim}")
    } else {
        let which = if crossed { " which crossed the threshold" } else { "" };
        format!("{crossing}: {subject} {claim}. The most recent {noun}s{which}: [{told}]")
    };
    match configuration.datapoints_to_alarm {
        Some(_) => format!("{sentence} {}.", transition_words(configuration, verdict.state)),
        None => format!("{sentence}."),
    }
}

/// `were not greater than the threshold (10.0)`, of `count` points.
fn claim(configuration: &AlarmConfiguration, deciding: &[(Timestamp, Point)], crossed: bool) -> String {
    let were = if deciding.len() == 1 { "was" } else { "were" };
    let not = if crossed { "" } else { "not " };
    if deciding.iter().any(|(_, point)| point.band.is_some()) {
        return format!("{were} {not}{}", band_words(configuration, deciding));
    }
    format!("{were} {not}{} the threshold ({})", operator_words(configuration), number(configuration.threshold))
}

/// `less than the lower thresholds [1.0, 1.1] or greater than the upper thresholds [2.0, 2.1]`: those of the newest points.
fn band_words(configuration: &AlarmConfiguration, deciding: &[(Timestamp, Point)]) -> String {
    let limits = |limit: fn(Band) -> f64| {
        let told = deciding.iter().take(TOLD_POINTS_MAX).filter_map(|(_, point)| point.band);
        told.map(|band| number(limit(band))).collect::<Vec<_>>().join(", ")
    };
    let lower = || format!("less than the lower thresholds [{}]", limits(|band| band.lower));
    let upper = || format!("greater than the upper thresholds [{}]", limits(|band| band.upper));
    match configuration.comparison_operator.as_str() {
        "LessThanLowerThreshold" => lower(),
        "GreaterThanUpperThreshold" => upper(),
        _ => format!("{} or {}", lower(), upper()),
    }
}

/// `12.0 (01/01/26 10:04:00), …`: the newest points.
fn told(deciding: &[(Timestamp, Point)]) -> String {
    let told = deciding.iter().take(TOLD_POINTS_MAX);
    let told = told.map(|(start, point)| format!("{} ({})", number(point.value), day_first(*start)));
    told.collect::<Vec<_>>().join(", ")
}

/// The evaluated points on the side that the verdict took, newest first.
fn deciding(configuration: &AlarmConfiguration, verdict: &Verdict) -> Vec<(Timestamp, Point)> {
    let crossed = verdict.state == AlarmState::Alarm;
    let mut deciding: Vec<_> =
        verdict.evaluated.iter().copied().filter(|(_, point)| breaches(configuration, point) == crossed).collect();
    deciding.reverse();
    deciding
}

fn transition_words(configuration: &AlarmConfiguration, state: AlarmState) -> String {
    let minimum = minimum(configuration, state);
    let datapoints = if minimum == 1 { "datapoint" } else { "datapoints" };
    let transition = if state == AlarmState::Alarm { "OK -> ALARM" } else { "ALARM -> OK" };
    format!("(minimum {minimum} {datapoints} for {transition} transition)")
}

fn operator_words(configuration: &AlarmConfiguration) -> &'static str {
    match configuration.comparison_operator.as_str() {
        "GreaterThanOrEqualToThreshold" => "greater than or equal to",
        "LessThanThreshold" => "less than",
        "LessThanOrEqualToThreshold" => "less than or equal to",
        _ => "greater than",
    }
}

fn data_of(
    configuration: &AlarmConfiguration,
    verdict: &Verdict,
    slots: &[Slot],
    now: Timestamp,
    points_max: usize,
) -> Value {
    let mut data = json!({ "version": "1.0", "queryDate": json_time(now) });
    let recent = &verdict.evaluated[verdict.evaluated.len().saturating_sub(points_max)..];
    if let Some((oldest, _)) = verdict.evaluated.first() {
        data["startDate"] = json_time(*oldest).into();
    }
    if let Some(unit) = &configuration.unit {
        data["unit"] = unit.as_str().into();
    }
    let statistic = configuration.statistic.as_ref().or(configuration.extended_statistic.as_ref());
    data["statistic"] = statistic.map(String::as_str).into();
    data["period"] = period_secs(configuration).into();
    data["recentDatapoints"] = recent.iter().map(|(_, point)| point.value).collect();
    if configuration.threshold_metric_id.is_some() {
        let limits = |limit: fn(Band) -> f64| -> Value {
            recent.iter().map(|(_, point)| point.band.map(limit)).collect::<Vec<_>>().into()
        };
        data["recentLowerThresholds"] = limits(|band| band.lower);
        data["recentUpperThresholds"] = limits(|band| band.upper);
    } else {
        data["threshold"] = configuration.threshold.into();
    }
    data["evaluatedDatapoints"] = evaluated_of(configuration, verdict, slots, points_max);
    data
}

/// As many points as the transition needs, newest first; a missing one has a time only.
fn evaluated_of(configuration: &AlarmConfiguration, verdict: &Verdict, slots: &[Slot], points_max: usize) -> Value {
    let count = minimum(configuration, verdict.state).min(points_max);
    if verdict.filled == 0 {
        let deciding = deciding(configuration, verdict);
        return deciding.iter().take(count).map(|(start, point)| evaluated_point(*start, Some(*point))).collect();
    }
    slots.iter().rev().take(count).map(|slot| evaluated_point(slot.start, slot.point)).collect()
}

fn evaluated_point(start: Timestamp, point: Option<Point>) -> Value {
    match point {
        Some(point) => {
            let mut told = json!({ "timestamp": json_time(start) });
            if let Some(count) = point.sample_count {
                told["sampleCount"] = count.into();
            }
            told["value"] = point.value.into();
            if let Some(band) = point.band {
                told["threshold"] = json!([band.lower, band.upper]);
            }
            told
        }
        None => json!({ "timestamp": json_time(start) }),
    }
}

/// `1 datapoint was`, `3 datapoints were`.
fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun} was") } else { format!("{count} {noun}s were") }
}

/// `31/12/26 23:59:00`, the form inside reasons.
fn day_first(at: Timestamp) -> String {
    match jiff::Timestamp::from_millisecond(at.0) {
        Ok(time) => time.strftime("%d/%m/%y %H:%M:%S").to_string(),
        Err(_) => at.iso_seconds(),
    }
}

/// `text`, at most `chars_max` characters of it.
pub fn cut(mut text: String, chars_max: usize) -> String {
    if let Some((end, _)) = text.char_indices().nth(chars_max) {
        text.truncate(end);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_java_prints_them() {
        for (value, text) in [
            (12.0, "12.0"),
            (0.0, "0.0"),
            (0.5, "0.5"),
            (-3.25, "-3.25"),
            (9_999_999.0, "9999999.0"),
            (1e7, "1.0E7"),
            (1.5e10, "1.5E10"),
            (0.0001, "1.0E-4"),
            (38.395_433_048_854_194, "38.395433048854194"),
        ] {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn cutting_respects_characters() {
        assert_eq!(cut("äöü".into(), 2), "äö");
        assert_eq!(cut("abc".into(), 5), "abc");
    }
}

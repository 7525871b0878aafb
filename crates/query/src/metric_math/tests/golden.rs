//! Runs the golden files.
//!
//! A file holds cases, each with inputs, expressions and what they give. Periods are a minute unless said otherwise (`@300`: five
//! minutes); values stand at the periods from the start on, `-` is a missing point.
//!
//! ```text
//! # a comment
//! case the title, which forgets all inputs before it
//! start = 1767571200           seconds since the epoch; 0 when not said
//! periods = 5                  length of the request in minutes; as the longest input when not said
//! now = 3                      periods from the start to the present; the end of the request when not said
//! period = 300                 period of the query, seconds
//! metric m1 = 1 2 - 4          a metric
//! metric m2@300 = 1 2          a metric with another period
//! series e1 = 1 2              the result of another expression; `number e1 = 5`, `array e1 = a: 1 2; b: 3 4` likewise
//! call = a: 1 2; b: - 4        what a SEARCH (or its like) found; one line for each
//! > m1 + e1                    an expression
//! = 2 4 - 4                    what it gives: a series
//! = number 5                   … or a number, `= number none` one that does not exist
//! = array a: 1 2; b: 3 4       … or an array with these labels
//! ! Invalid syntax             … or an error that holds this text
//! ```
//!
//! The band of ANOMALY_DETECTION_BAND lies k above and below the series.

use std::collections::HashMap;
use std::sync::Arc;

use super::super::{Expression, FUNCTION_NAMES, Inputs, Series, Value};

macro_rules! golden {
    ($($name:literal)*) => { &[$(($name, include_str!(concat!("../golden/", $name, ".txt"))),)*] };
}

const FILES: &[(&str, &str)] = golden! {
    "abs" "anomaly_detection_band" "avg" "ceil" "datapoint_count" "date" "day" "diff" "diff_time" "epoch" "fill" "first"
    "floor" "hour" "if" "insight_rule_metric" "last" "log" "log10" "max" "metric_count" "metrics" "min" "minute" "month"
    "period" "rate" "remove_empty" "running_sum" "search" "service_quota" "slice" "sort" "stddev" "sum" "time_series" "year"
    "operators_arithmetic" "operators_comparison" "operators_logical" "operators_precedence" "operators_types"
    "alignment" "syntax"
};

#[test]
fn every_function_has_a_golden_file_that_calls_it() {
    for name in FUNCTION_NAMES {
        let file = FILES.iter().find(|(file, _)| file.eq_ignore_ascii_case(name));
        let (_, text) = file.unwrap_or_else(|| panic!("no golden file for {name}"));
        let calls = text.lines().filter(|line| line.starts_with('>') && line.contains(&format!("{name}(")));
        assert!(calls.count() >= 3, "the golden file of {name} has fewer than three expressions with it");
    }
    assert_eq!(FUNCTION_NAMES.len(), 37);
}

#[test]
fn golden_files_hold() {
    let mut failures = Vec::new();
    let mut expectations = 0;
    for (file, text) in FILES {
        let mut case = Case::default();
        for (index, line) in text.lines().enumerate() {
            let outcome = case.line(line.trim_end());
            expectations += usize::from(line.starts_with(['=', '!']));
            if let Err(problem) = outcome {
                failures.push(format!("{file}.txt:{}: {problem}", index + 1));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(expectations > 250, "only {expectations} expectations");
}

#[derive(Default)]
struct Case {
    start: i64,
    periods: Option<i64>,
    now: Option<i64>,
    period: Option<i64>,
    longest_ms: i64,
    metrics: Vec<Series>,
    results: HashMap<String, Value>,
    calls: Vec<Vec<Series>>,
    expression: String,
}

impl Case {
    fn line(&mut self, line: &str) -> Result<(), String> {
        if line.is_empty() || line.starts_with('#') {
            return Ok(());
        }
        if line.starts_with("case ") {
            *self = Self::default();
            return Ok(());
        }
        if let Some(expression) = line.strip_prefix('>') {
            // The space behind `>` belongs to the file, so that columns are those of the expression.
            self.expression = expression.strip_prefix(' ').unwrap_or(expression).to_owned();
            return Ok(());
        }
        if let Some(message) = line.strip_prefix("! ") {
            return self.expect_error(message);
        }
        if let Some(expected) = line.strip_prefix('=') {
            return self.expect(expected.trim());
        }
        let (name, values) = line.split_once('=').ok_or("what is this line?")?;
        self.set(name.trim(), values.trim())
    }

    fn set(&mut self, name: &str, text: &str) -> Result<(), String> {
        let whole = || text.parse::<i64>().map_err(|error| format!("{text}: {error}"));
        match name.split_once(' ') {
            None if name == "start" => self.start = whole()? * 1_000,
            None if name == "periods" => self.periods = Some(whole()?),
            None if name == "now" => self.now = Some(whole()?),
            None if name == "period" => self.period = Some(whole()? * 1_000),
            None if name == "call" => {
                let series = self.array(text)?;
                self.calls.push(series);
            }
            Some(("metric", id)) => {
                let series = self.series(id, text)?;
                self.metrics.push(Series { id: Some(series.label.clone()), ..series });
            }
            Some(("series", id)) => {
                let series = self.series(id, text)?;
                self.results.insert(series.label.clone(), Value::Series(series));
            }
            Some(("number", id)) => {
                let value = text.parse().map_err(|_| format!("{text} is no number"))?;
                self.results.insert(id.to_owned(), Value::Scalar(value));
            }
            Some(("array", id)) => {
                let members = self.array(text)?;
                self.results.insert(id.to_owned(), Value::Array(members));
            }
            _ => return Err(format!("{name}?")),
        }
        Ok(())
    }

    /// A series of a name with or without `@period`.
    fn series(&mut self, name: &str, text: &str) -> Result<Series, String> {
        let (label, period) = name.split_once('@').unwrap_or((name, "60"));
        let period_ms = period.parse::<i64>().map_err(|error| error.to_string())? * 1_000;
        let (mut timestamps, mut values) = (Vec::new(), Vec::new());
        for (index, word) in text.split_whitespace().enumerate() {
            self.longest_ms = self.longest_ms.max((index as i64 + 1) * period_ms);
            if word != "-" {
                timestamps.push(self.start + index as i64 * period_ms);
                values.push(word.parse().map_err(|_| format!("{word} is no number"))?);
            }
        }
        let timestamps: Arc<[i64]> = timestamps.into();
        Ok(Series {
            id: None,
            label: label.to_owned(),
            period_ms,
            timestamps,
            values,
            metric: None,
            has_dropped: false,
        })
    }

    fn array(&mut self, text: &str) -> Result<Vec<Series>, String> {
        let members = text.split(';').filter(|member| !member.trim().is_empty());
        members
            .map(|member| {
                let (label, values) = member.split_once(": ").unwrap_or((member.trim_end_matches(':'), ""));
                self.series(label.trim().trim_end_matches(':'), values)
            })
            .collect()
    }

    fn evaluate(&self) -> Result<Value, String> {
        let end_ms = self.start + self.periods.map_or(self.longest_ms, |periods| periods * 60_000);
        let inputs = Inputs {
            start_ms: self.start,
            end_ms,
            now_ms: self.now.map_or(end_ms, |periods| self.start + periods * 60_000),
            period_ms: self.period,
            metrics: &self.metrics,
            results: &self.results,
            calls: &self.calls,
            band: &|series, deviations| {
                let moved = |by: f64| series.values.iter().map(|value| value + by).collect();
                let side = |label: &str, values| Series { label: label.to_owned(), values, ..series.clone() };
                Ok([side("upper", moved(deviations)), side("lower", moved(-deviations))])
            },
        };
        let expression = Expression::parse(&self.expression).map_err(|error| error.to_string())?;
        expression.evaluate(&inputs).map_err(|error| error.to_string())
    }

    fn expect_error(&self, message: &str) -> Result<(), String> {
        match self.evaluate() {
            Err(error) if error.contains(message) => Ok(()),
            other => Err(format!("{} gives {other:?} and not {message}", self.expression)),
        }
    }

    fn expect(&self, expected: &str) -> Result<(), String> {
        let found = self.evaluate().map_err(|error| format!("{}: {error}", self.expression))?;
        let holds = match &found {
            Value::Scalar(value) => match expected.strip_prefix("number ") {
                Some("none") => value.is_nan(),
                Some(text) => text.parse().is_ok_and(|wanted: f64| is_close(*value, wanted)),
                None => false,
            },
            Value::Series(series) => self.is(series, expected),
            Value::Array(members) => expected.strip_prefix("array").is_some_and(|list| {
                let wanted: Vec<&str> = list.split(';').map(str::trim).filter(|part| !part.is_empty()).collect();
                let is_equal = |(member, wanted): (&Series, &&str)| {
                    let (label, values) = wanted.split_once(": ").unwrap_or((wanted.trim_end_matches(':'), ""));
                    member.label == label && self.is(member, values)
                };
                wanted.len() == members.len() && members.iter().zip(&wanted).all(is_equal)
            }),
        };
        if holds { Ok(()) } else { Err(format!("{} gives {found:?} and not {expected}", self.expression)) }
    }

    /// Whether a series has these values, and no others.
    fn is(&self, series: &Series, expected: &str) -> bool {
        let words: Vec<&str> = expected.split_whitespace().collect();
        let wanted = words.iter().enumerate().filter(|(_, word)| **word != "-");
        let wanted: Vec<(i64, f64)> = wanted
            .map(|(index, word)| (self.start + index as i64 * series.period_ms, word.parse().unwrap_or(f64::NAN)))
            .collect();
        series.timestamps.len() == wanted.len()
            && series.values.len() == wanted.len()
            && series
                .timestamps
                .iter()
                .zip(&series.values)
                .zip(&wanted)
                .all(|((timestamp, value), wanted)| *timestamp == wanted.0 && is_close(*value, wanted.1))
    }
}

fn is_close(found: f64, wanted: f64) -> bool {
    (found - wanted).abs() <= 1e-9 * wanted.abs().max(1.0)
}

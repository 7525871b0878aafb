//! `pattern`, `diff` and `anomaly`: rows by the look of a text.
//!
//! Where AWS is known (user guide, "pattern", "Compare (diff) with previous time ranges"; records that its users show): the rows of
//! `pattern` have these columns, those of `diff` the ones that its console shows as "Event count", "Difference event count" and
//! "Difference description"; a month of `diff previousMonth` is as long as the parser says. A token has at most 10 values. Where AWS
//! says nothing, here: `diff` without `pattern` compares messages; the names of its own columns; the largest difference first.
//!
//! Of `anomaly` the guide says that it keeps all fields and adds what it found; the names of these columns are ours, and so is the
//! score (`log_anomalies::range`). Every pattern has its row, those with the highest score first, the score of most being 0.

use super::ast::{Column, DiffOffset, Expr};
use super::code::Code;
use super::event::{Record, Row};
use super::value::Value;
use crate::log_anomalies::range::{Judgement, judge};
use crate::log_patterns::{Limits, Miner, Pattern, Token};
use model::{TimeRange, Timestamp};
use serde_json::json;
use std::cmp::Reverse;
use std::sync::Arc;

/// Most values of a token that are shown.
const VALUES_MAX: usize = 10;
/// Windows that `anomaly` cuts a time range into.
const WINDOWS: i64 = 48;

/// A `pattern` command, with the `diff` or the `anomaly` after it.
#[derive(Debug, Clone)]
pub(super) struct Mining {
    pub of: Code,
    pub compared: Option<DiffOffset>,
    /// The time range that anomalies are looked for in.
    pub judged: Option<TimeRange>,
}

const COLUMNS: [&str; 7] =
    ["@pattern", "@ratio", "@sampleCount", "@severityLabel", "@PatternId", "@regexString", "@tokens"];
const COLUMNS_OF_DIFF: [&str; 2] = ["@differenceEventCount", "@differenceDescription"];
const COLUMNS_OF_ANOMALY: [&str; 5] =
    ["@anomalyScore", "@anomalyType", "@anomalyPriority", "@anomalyTime", "@anomalyDescription"];

impl Mining {
    /// The columns of its rows.
    pub fn columns(&self) -> Vec<Column> {
        let of_diff = if self.compared.is_some() { &COLUMNS_OF_DIFF[..] } else { &[] };
        let column = |name: &&str| Column { name: (*name).into(), value: Expr::Field((*name).into()) };
        let of_anomaly = if self.judged.is_some() { &COLUMNS_OF_ANOMALY[..] } else { &[] };
        COLUMNS.iter().chain(of_diff).chain(of_anomaly).map(column).collect()
    }

    /// Of no lines: one miner for the time range that is asked for and one for that which it is compared with, or one for each
    /// window.
    pub fn miners(&self) -> Vec<Miner> {
        let count = if self.judged.is_some() { WINDOWS as usize } else { 2 };
        (0..count).map(|_| Miner::new(Limits::default())).collect()
    }

    /// The miner of a time.
    fn place(&self, at_ms: i64, is_compared: bool) -> usize {
        let Some(range) = self.judged else { return usize::from(is_compared) };
        let (since, length) = (at_ms.saturating_sub(range.start.0), (range.end.0 - range.start.0).max(1));
        let window = i128::from(since) * i128::from(WINDOWS) / i128::from(length);
        window.clamp(0, i128::from(WINDOWS) - 1) as usize
    }

    /// The time range that `diff` compares with.
    pub fn compared_range(&self, range: TimeRange) -> Option<TimeRange> {
        let back = match self.compared? {
            DiffOffset::Previous => range.end - range.start,
            DiffOffset::Ago(ms) => ms,
        };
        Some(TimeRange::new(Timestamp(range.start.0.saturating_sub(back)), Timestamp(range.end.0.saturating_sub(back))))
    }

    /// Adds a row; the result is by how many bytes its miner grew, or shrank.
    pub fn add<'e>(&self, miners: &mut [Miner], row: &impl Row<'e>, is_compared: bool) -> isize {
        let Some(miner) = miners.get_mut(self.place(row.at(), is_compared)) else { return 0 };
        let before = miner.bytes() as isize;
        if let Some(text) = self.of.value(row).text() {
            miner.add(&text, row.at(), 1);
        }
        miner.bytes() as isize - before
    }

    /// The rows of what was found.
    pub fn rows(&self, miners: Vec<Miner>) -> Vec<Record> {
        match self.judged {
            Some(range) => judged(miners, range),
            None => self.compared(miners),
        }
    }

    fn compared(&self, miners: Vec<Miner>) -> Vec<Record> {
        let mut miners = miners.into_iter();
        let (Some(found), Some(compared)) = (miners.next(), miners.next()) else { return Vec::new() };
        let lines = found.lines();
        if self.compared.is_none() {
            return found.patterns().list().iter().map(|pattern| record(pattern, pattern.count, lines, None)).collect();
        }
        // Found together, so that a pattern is the same in both.
        let mut both = found.clone();
        both.merge(compared.clone());
        let patterns = both.patterns();
        let (now, before) = (patterns.counts(&found), patterns.counts(&compared));
        let mut rows: Vec<_> = patterns.list().iter().zip(now.into_iter().zip(before)).collect();
        rows.sort_by_key(|(_, (now, before))| Reverse(now.abs_diff(*before)));
        rows.into_iter().map(|(pattern, (now, before))| record(pattern, now, lines, Some(before))).collect()
    }
}

/// The patterns of all windows, with what is unusual of each.
fn judged(miners: Vec<Miner>, range: TimeRange) -> Vec<Record> {
    let length = (range.end.0 - range.start.0).max(1);
    let start = |window: i64| {
        let since = i128::from(length) * i128::from(window) / i128::from(WINDOWS);
        range.start.0.saturating_add(since as i64)
    };
    let windows: Vec<(i64, Miner)> = (0..WINDOWS).map(start).zip(miners).collect();
    let mut all = Miner::new(Limits::default());
    windows.iter().for_each(|(_, miner)| all.merge(miner.clone()));
    let (patterns, lines) = (all.patterns(), all.lines());
    let judgements = judge(&windows, &patterns);
    let mut rows: Vec<_> = patterns.list().iter().zip(judgements).collect();
    let score = |judgement: &Option<Judgement>| judgement.as_ref().map_or(0.0, |judgement| judgement.score);
    rows.sort_by(|(_, a), (_, b)| score(b).total_cmp(&score(a)));
    let row = |(pattern, judgement): (&Pattern, Option<Judgement>)| {
        let mut row = record(pattern, pattern.count, lines, None);
        row.values.push(Value::Number(score(&judgement)));
        let text = |text: &str| Value::Text(text.to_owned().into());
        row.values.extend(match judgement {
            Some(found) => [
                text(found.kind.label()),
                text(found.priority.label()),
                Value::Time(found.at_ms),
                text(&found.description),
            ],
            None => [const { Value::Null }; 4],
        });
        row
    };
    rows.into_iter().map(row).collect()
}

fn record(pattern: &Pattern, count: u64, lines: u64, before: Option<u64>) -> Record {
    let text = |text: String| Value::Text(text.into());
    let number = |count: u64| Value::Number(count as f64);
    let mut values = vec![
        text(pattern.template.clone()),
        Value::number_of(count as f64 / lines as f64),
        number(count),
        text(pattern.severity.label().to_owned()),
        text(pattern.id.clone()),
        text(pattern.regex.clone()),
        Value::Json(Arc::new(tokens(pattern))),
    ];
    if let Some(before) = before {
        values.push(Value::Number(count as f64 - before as f64));
        values.push(text(description(count, before)));
    }
    Record { values, ..Record::default() }
}

fn description(now: u64, before: u64) -> String {
    match (now, before) {
        (_, 0) => "New pattern".into(),
        (0, _) => "Pattern no longer occurs".into(),
        (now, before) if now == before => "No change".into(),
        (now, before) => {
            let percent = (now as f64 - before as f64) / before as f64 * 100.0;
            format!("{} by {:.0}%", if now > before { "Increased" } else { "Decreased" }, percent.abs())
        }
    }
}

/// As `PatternToken` of the API.
fn tokens(pattern: &Pattern) -> serde_json::Value {
    let token = |token: &Token| match token {
        Token::Static(text) => json!({ "dynamicTokenPosition": 0, "isDynamic": false, "tokenString": text }),
        Token::Dynamic(dynamic) => {
            let values = dynamic.values.iter().flatten().take(VALUES_MAX);
            let values: serde_json::Map<_, _> = values.map(|(value, count)| (value.clone(), json!(count))).collect();
            json!({
                "dynamicTokenPosition": dynamic.position,
                "isDynamic": true,
                "tokenString": token.text(),
                "enumerations": values,
                "inferredTokenName": dynamic.inferred_name(),
            })
        }
    };
    pattern.tokens.iter().map(token).collect()
}

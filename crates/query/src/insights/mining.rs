//! `pattern` and `diff`: rows by the look of a text.
//!
//! Where AWS is known (user guide, "pattern", "Compare (diff) with previous time ranges"; records that its users show): the rows of
//! `pattern` have these columns, those of `diff` the ones that its console shows as "Event count", "Difference event count" and
//! "Difference description"; a month of `diff previousMonth` is as long as the parser says. A token has at most 10 values. Where AWS
//! says nothing, here: `diff` without `pattern` compares messages; the names of its own columns; the largest difference first.

use super::ast::{Column, DiffOffset, Expr};
use super::code::Code;
use super::event::{Record, Row};
use super::value::Value;
use crate::log_patterns::{Limits, Miner, Pattern, Token};
use model::{TimeRange, Timestamp};
use serde_json::json;
use std::cmp::Reverse;
use std::sync::Arc;

/// Most values of a token that are shown.
const VALUES_MAX: usize = 10;

/// A `pattern` command, with the `diff` after it.
#[derive(Debug, Clone)]
pub(super) struct Mining {
    pub of: Code,
    pub compared: Option<DiffOffset>,
}

const COLUMNS: [&str; 7] =
    ["@pattern", "@ratio", "@sampleCount", "@severityLabel", "@PatternId", "@regexString", "@tokens"];
const COLUMNS_OF_DIFF: [&str; 2] = ["@differenceEventCount", "@differenceDescription"];

impl Mining {
    /// The columns of its rows.
    pub fn columns(&self) -> Vec<Column> {
        let of_diff = if self.compared.is_some() { &COLUMNS_OF_DIFF[..] } else { &[] };
        let column = |name: &&str| Column { name: (*name).into(), value: Expr::Field((*name).into()) };
        COLUMNS.iter().chain(of_diff).map(column).collect()
    }

    /// The time range that `diff` compares with.
    pub fn compared_range(&self, range: TimeRange) -> Option<TimeRange> {
        let back = match self.compared? {
            DiffOffset::Previous => range.end - range.start,
            DiffOffset::Ago(ms) => ms,
        };
        Some(TimeRange::new(Timestamp(range.start.0.saturating_sub(back)), Timestamp(range.end.0.saturating_sub(back))))
    }

    /// Adds a row; the result is by how many bytes the miner grew, or shrank.
    pub fn add<'e>(&self, miner: &mut Miner, row: &impl Row<'e>) -> isize {
        let before = miner.bytes() as isize;
        if let Some(text) = self.of.value(row).text() {
            miner.add(&text, row.at(), 1);
        }
        miner.bytes() as isize - before
    }

    /// The rows of what was found, in the time range that is asked for and in the one that it is compared with.
    pub fn rows(&self, found: Miner, compared: Miner) -> Vec<Record> {
        if self.compared.is_none() {
            let lines = found.lines();
            return found.patterns().list().iter().map(|pattern| record(pattern, pattern.count, lines, None)).collect();
        }
        let lines = found.lines();
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

/// A miner as queries use it.
pub(super) fn miner() -> Miner {
    Miner::new(Limits::default())
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

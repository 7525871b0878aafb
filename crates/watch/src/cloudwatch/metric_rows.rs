//! The `metrics` array of metric widgets, on dashboards and in GetMetricWidgetImage: shorthand made long, options read.
//!
//! A row is `[namespace, name, dimension, value, …, {options}]`, or `[{"expression": …}]`. `"."` stands for the cell above;
//! `"..."` stands for as many cells of the row above as make the row as long as that one. Rows of expressions are not looked at
//! for shorthand.
//!
//! AWS' messages, as its users report them: a row that is no array; a cell that is no string or is empty; and for everything
//! else, options that it does not like (an unknown property, a colour that is not `#rrggbb`) as well as a dimension without its
//! value, "Should NOT have more than N items" with N one less than the row has. Only the messages about `"."` in the first
//! row, rows without anything, and repeated ids are ours.

use super::findings::{Findings, Object};
use super::widget_image::{Color, Side};
use serde_json::{Map, Value};
use std::collections::HashSet;

#[cfg(test)]
mod tests;

/// Most dimensions of a metric.
const DIMENSIONS_MAX: usize = 30;
/// The options that a row can have.
const OPTIONS: [&str; 10] =
    ["accountId", "color", "expression", "id", "label", "period", "region", "stat", "visible", "yAxis"];

/// What a row shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A metric.
    Metric {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// Names and values of its dimensions, in the order of the row.
        dimensions: Vec<(String, String)>,
    },
    /// Metric math, a search or a Metrics Insights query.
    Expression(String),
}

/// A row, ready for GetMetricData.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// What it shows.
    pub source: Source,
    /// Its id: as given, or made up, and then unlike all others.
    pub id: String,
    /// Its name, where it has one.
    pub label: Option<String>,
    /// Statistic: its own or the widget's.
    pub stat: String,
    /// Period, seconds: its own or the widget's.
    pub period: i64,
    /// Colour, where it has one.
    pub color: Option<Color>,
    /// The axis it is read from.
    pub axis: Side,
    /// Whether it is shown; others only feed expressions.
    pub visible: bool,
    /// Region, where it is another than the widget's.
    pub region: Option<String>,
    /// Account, where it is another than the caller's.
    pub account: Option<String>,
}

/// What rows take from their widget when they do not say.
#[derive(Debug, Clone, Copy)]
pub struct Defaults<'a> {
    /// Statistic.
    pub stat: &'a str,
    /// Period, seconds.
    pub period: i64,
}

/// Reads the rows of a `metrics` array that is at `path`; those with errors are left out.
pub fn parse(rows: &[Value], defaults: Defaults<'_>, path: &str, findings: &mut Findings) -> Vec<Row> {
    let mut parsed: Vec<Row> = Vec::with_capacity(rows.len());
    let mut named = HashSet::new();
    let mut without_id = Vec::new();
    let mut above: Vec<String> = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        let at = format!("{path}/{index}");
        let errors = findings.errors.len();
        let Some((fields, options)) = split(row, &at, findings) else { continue };
        let cells = expand(&fields, &above, &at, findings);
        if findings.errors.len() > errors {
            continue;
        }
        let Some(source) = source(&cells, &options, &at, findings) else { continue };
        if !cells.is_empty() {
            above = cells;
        }
        let id = options.id.clone().unwrap_or_default();
        if id.is_empty() {
            without_id.push(parsed.len());
        } else if !named.insert(id.clone()) {
            findings.error(&at, format!("The id {id} is used by more than one metric"));
            continue;
        }
        parsed.push(options.row(source, id, defaults));
    }
    // AWS numbers rows without an id by itself; here they get the first free of q1, q2, …
    let mut number = 0;
    for index in without_id {
        loop {
            number += 1;
            let id = format!("q{number}");
            if !named.contains(&id) {
                parsed[index].id = id;
                break;
            }
        }
    }
    parsed
}

/// Splits a row into its strings and its options.
fn split<'a>(row: &'a Value, at: &str, findings: &mut Findings) -> Option<(Vec<&'a str>, Options)> {
    let Some(cells) = row.as_array() else {
        let message = "Field \"metrics\" has to be an array of array of strings, \
                       with an optional metricRenderer object as last element";
        findings.error(at, message);
        return None;
    };
    let (fields, last) = match cells.split_last() {
        Some((Value::Object(options), fields)) => (fields, Some(options)),
        _ => (cells.as_slice(), None),
    };
    let mut strings = Vec::with_capacity(fields.len());
    for (index, cell) in fields.iter().enumerate() {
        match cell.as_str() {
            Some(text) if !text.is_empty() => strings.push(text),
            _ => findings.error(&format!("{at}/{index}"), "Invalid metric field type, only \"String\" type is allowed"),
        }
    }
    let options = last.map_or_else(|| Some(Options::default()), Options::read);
    // How many cells "..." stands for depends on the row above; that is looked at later.
    let odd = fields.len() % 2 == 1 && !strings.contains(&"...");
    match options {
        Some(options) if !odd => (strings.len() == fields.len()).then_some((strings, options)),
        Some(_) if fields.len() == 1 && strings.len() == 1 => {
            findings.error(at, "Should NOT have fewer than 2 items");
            None
        }
        _ => {
            findings.error(at, format!("Should NOT have more than {} items", cells.len() - 1));
            None
        }
    }
}

/// The cells of a row with shorthand made long.
fn expand(fields: &[&str], above: &[String], at: &str, findings: &mut Findings) -> Vec<String> {
    let mut cells: Vec<String> = Vec::with_capacity(fields.len());
    for (index, field) in fields.iter().enumerate() {
        if matches!(*field, "." | "...") && above.is_empty() {
            findings.error(&format!("{at}/{index}"), "The first metric has no metric above it to repeat");
            return cells;
        }
        match *field {
            "." => match above.get(cells.len()) {
                Some(cell) => cells.push(cell.clone()),
                None => {
                    findings.error(&format!("{at}/{index}"), "The metric above has no field here to repeat");
                    return cells;
                }
            },
            "..." => {
                let after = fields.len() - index - 1;
                let until = above.len().saturating_sub(after);
                cells.extend(above.get(cells.len()..until).unwrap_or_default().iter().cloned());
            }
            text => cells.push(text.to_owned()),
        }
    }
    if !cells.is_empty() && (cells.len() < 2 || cells.len() % 2 == 1) {
        findings.error(at, format!("Should NOT have more than {} items", fields.len().saturating_sub(1)));
    }
    cells
}

fn source(cells: &[String], options: &Options, at: &str, findings: &mut Findings) -> Option<Source> {
    match (cells, &options.expression) {
        ([], Some(expression)) => Some(Source::Expression(expression.clone())),
        ([], None) => {
            findings.error(at, "Should have a namespace and a metric name, or an expression");
            None
        }
        ([namespace, name, dimensions @ ..], None) if dimensions.len() <= 2 * DIMENSIONS_MAX => {
            let pairs = dimensions.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone()));
            let (namespace, name) = (namespace.clone(), name.clone());
            Some(Source::Metric { namespace, name, dimensions: pairs.collect() })
        }
        (cells, None) => {
            findings
                .error(at, format!("Should NOT have more than {} items", (2 + 2 * DIMENSIONS_MAX).min(cells.len())));
            None
        }
        (_, Some(_)) => {
            findings.error(at, "A metric and an expression cannot share a row");
            None
        }
    }
}

/// The options of a row; absent ones are `None`.
#[derive(Debug, Default)]
struct Options {
    expression: Option<String>,
    id: Option<String>,
    label: Option<String>,
    stat: Option<String>,
    period: Option<i64>,
    color: Option<Color>,
    axis: Side,
    hidden: bool,
    region: Option<String>,
    account: Option<String>,
}

impl Options {
    /// Reads options; `None` when AWS would not take them for such: its one message does not say what is wrong in them.
    fn read(fields: &Map<String, Value>) -> Option<Self> {
        let mut wrong = Findings::default();
        let object = Object { fields, path: String::new() };
        let text = |name: &str, wrong: &mut Findings| object.string(name, wrong).map(str::to_owned);
        let options = Self {
            expression: text("expression", &mut wrong),
            id: text("id", &mut wrong),
            label: text("label", &mut wrong),
            stat: text("stat", &mut wrong),
            period: object.integer("period", 1, 86_400 * 366, &mut wrong),
            color: object.string("color", &mut wrong).and_then(Color::parse),
            axis: match object.word("yAxis", &["left", "right"], &mut wrong) {
                Some("right") => Side::Right,
                _ => Side::Left,
            },
            hidden: object.boolean("visible", &mut wrong) == Some(false),
            region: text("region", &mut wrong),
            account: text("accountId", &mut wrong),
        };
        let known = fields.keys().all(|name| OPTIONS.contains(&name.as_str()));
        let colored = options.color.is_some() || !object.has("color");
        let period = options.period.is_none_or(is_period);
        let id = options.id.as_deref().is_none_or(is_id);
        (wrong.errors.is_empty() && known && colored && period && id).then_some(options)
    }

    fn row(self, source: Source, id: String, defaults: Defaults<'_>) -> Row {
        Row {
            source,
            id,
            label: self.label,
            stat: self.stat.unwrap_or_else(|| defaults.stat.to_owned()),
            period: self.period.unwrap_or(defaults.period),
            color: self.color,
            axis: self.axis,
            visible: !self.hidden,
            region: self.region,
            account: self.account,
        }
    }
}

/// Whether a number of seconds is a period: 1, 5, 10, 20, 30 or whole minutes.
pub fn is_period(seconds: i64) -> bool {
    matches!(seconds, 1 | 5 | 10 | 20 | 30) || (seconds > 0 && seconds % 60 == 0)
}

fn is_id(id: &str) -> bool {
    id.is_empty()
        || (id.starts_with(|c: char| c.is_ascii_lowercase())
            && id.len() <= 255
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'))
}

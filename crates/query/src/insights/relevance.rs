//! `relevantfields`: which fields tell the rows of which a condition is true from the others.
//!
//! The guide names the columns. How the score comes about it does not say; here it is how far the two distributions of a field are
//! apart: of numbers the largest difference of the shares up to a value (Kolmogorov and Smirnov), of texts the sum of the shares
//! that are more (total variation), the lack of the field being a text. Texts with more than 1,000 values in all are told by their
//! lack alone. A field is one of numbers when all of its values are; the first 1,000 fields by name are looked at.

use super::aggregate::Quantiles;
use super::ast::{Column, Expr};
use super::code::Code;
use super::event::{Record, Row};
use super::value::{Value, parse_number};
use crate::log_fields;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Most values of a field that are counted.
const VALUES_MAX: usize = 1_000;
/// Longest value that is counted, bytes.
const VALUE_BYTES_MAX: usize = 256;
/// Most fields that are looked at.
const FIELDS_MAX: usize = 1_000;
/// Values that are shown of a field.
const SHOWN_MAX: usize = 5;

const COLUMNS: [&str; 5] =
    ["@fieldName", "@relevanceScore", "@topRelevanceContributors", "@conditionalMedian", "@baselineMedian"];

/// A `relevantfields` command.
#[derive(Debug, Clone)]
pub(super) struct Relevance {
    /// Names and values; empty for all fields of the message.
    pub fields: Vec<(String, Code)>,
    pub condition: Code,
    /// `@message`.
    pub message: Code,
}

/// What is known of the rows.
#[derive(Debug, Clone, Default)]
pub(super) struct Relevant {
    /// Rows of which the condition is not true, and of which it is.
    rows: [u64; 2],
    fields: BTreeMap<Box<str>, Field>,
}

/// The values of a field; each pair is of the rows of which the condition is not true, and of which it is.
#[derive(Debug, Clone, Default)]
struct Field {
    present: [u64; 2],
    /// `None` once there were too many.
    values: Option<BTreeMap<Box<str>, [u64; 2]>>,
    has_texts: bool,
    numbers: [Quantiles; 2],
}

impl Relevance {
    /// The columns of its rows.
    pub fn columns() -> Vec<Column> {
        let column = |name: &&str| Column { name: (*name).into(), value: Expr::Field((*name).into()) };
        COLUMNS.iter().map(column).collect()
    }

    /// What it evaluates.
    pub fn codes(&self) -> impl Iterator<Item = &Code> {
        let message = self.fields.is_empty().then_some(&self.message);
        self.fields.iter().map(|(_, code)| code).chain([&self.condition]).chain(message)
    }

    /// Adds a row; the result is by how many bytes this grew, or shrank.
    pub fn add<'e>(&self, found: &mut Relevant, row: &impl Row<'e>) -> isize {
        let side = usize::from(self.condition.truth(row));
        found.rows[side] += 1;
        if self.fields.is_empty() {
            let message = self.message.value(row);
            let fields = message.text().map(|text| log_fields::fields(&text)).unwrap_or_default();
            return fields.iter().map(|(name, value)| found.add(name, value, side)).sum();
        }
        let values = self.fields.iter().filter_map(|(name, code)| Some((name, code.value(row).into_text()?)));
        values.map(|(name, value)| found.add(name, &value, side)).sum()
    }

    /// The rows of what was found, the highest score first.
    pub fn rows(&self, found: &Relevant) -> Vec<Record> {
        let mut scored: Vec<(f64, &str, &Field)> =
            found.fields.iter().map(|(name, field)| (field.score(found.rows), &**name, field)).collect();
        scored.sort_by(|(a, ..), (b, ..)| b.total_cmp(a));
        let median = |numbers: &Quantiles| numbers.at(50.0).map_or(Value::Null, Value::number_of);
        let record = |(score, name, field): (f64, &str, &Field)| {
            let is_numeric = !field.has_texts;
            let contributors = match is_numeric {
                true => Value::Null,
                false => Value::Json(Arc::new(field.contributors(found.rows))),
            };
            let medians = match is_numeric {
                true => [median(&field.numbers[1]), median(&field.numbers[0])],
                false => [Value::Null, Value::Null],
            };
            let mut values = vec![Value::Text(name.to_owned().into()), Value::Number(score), contributors];
            values.extend(medians);
            Record { values, ..Record::default() }
        };
        scored.into_iter().map(record).collect()
    }
}

impl Relevant {
    fn add(&mut self, name: &str, value: &str, side: usize) -> isize {
        let mut grown = 0;
        if !self.fields.contains_key(name) {
            let is_last =
                self.fields.len() >= FIELDS_MAX && self.fields.last_key_value().is_some_and(|(last, _)| **last < *name);
            if is_last {
                return 0;
            }
            let field = Field { values: Some(BTreeMap::new()), ..Field::default() };
            grown += (name.len() + size_of::<Field>() + 64) as isize;
            self.fields.insert(name.into(), field);
        }
        if let Some(field) = self.fields.get_mut(name) {
            grown += field.add(value, side);
        }
        grown - self.cut()
    }

    /// Drops the last fields beyond the limit; the result is how many bytes that frees.
    fn cut(&mut self) -> isize {
        let mut freed = 0;
        while self.fields.len() > FIELDS_MAX {
            freed += self.fields.pop_last().map_or(0, |(name, field)| field.bytes() + name.len() + 64) as isize;
        }
        freed
    }

    /// Adds what another worker found.
    pub fn merge(&mut self, other: Self) {
        self.rows = [self.rows[0] + other.rows[0], self.rows[1] + other.rows[1]];
        for (name, field) in other.fields {
            match self.fields.get_mut(&name) {
                Some(known) => known.merge(field),
                None => _ = self.fields.insert(name, field),
            }
        }
        self.cut();
    }
}

impl Field {
    fn add(&mut self, value: &str, side: usize) -> isize {
        self.present[side] += 1;
        let mut grown = 0;
        match parse_number(value) {
            Some(number) => grown += self.numbers[side].add(number) as isize,
            None => self.has_texts = true,
        }
        let value = &value[..value.floor_char_boundary(VALUE_BYTES_MAX)];
        if let Some(values) = &mut self.values {
            match values.get_mut(value) {
                Some(counts) => counts[side] += 1,
                None => {
                    let mut counts = [0; 2];
                    counts[side] = 1;
                    values.insert(value.into(), counts);
                    grown += (value.len() + 64) as isize;
                }
            }
        }
        grown - self.cut()
    }

    fn cut(&mut self) -> isize {
        let Some(values) = self.values.take_if(|values| values.len() > VALUES_MAX) else { return 0 };
        values.keys().map(|value| value.len() + 64).sum::<usize>() as isize
    }

    fn bytes(&self) -> usize {
        self.values.iter().flat_map(|values| values.keys()).map(|value| value.len() + 64).sum::<usize>()
            + size_of::<Self>()
    }

    fn merge(&mut self, other: Self) {
        self.has_texts |= other.has_texts;
        for (side, numbers) in other.numbers.into_iter().enumerate() {
            self.present[side] += other.present[side];
            self.numbers[side].merge(numbers);
        }
        match (&mut self.values, other.values) {
            (Some(values), Some(others)) => {
                for (value, counts) in others {
                    let into = values.entry(value).or_default();
                    *into = [into[0] + counts[0], into[1] + counts[1]];
                }
            }
            _ => self.values = None,
        }
        self.cut();
    }

    /// How far the two distributions are apart, from 0 to 1.
    fn score(&self, rows: [u64; 2]) -> f64 {
        if rows.contains(&0) {
            return 0.0;
        }
        let share = |count: u64, side: usize| count as f64 / rows[side] as f64;
        let lack = (share(self.present[0], 0) - share(self.present[1], 1)).abs();
        if !self.has_texts {
            if self.present.contains(&0) {
                return lack;
            }
            let points = (0..=20)
                .map(|twentieth| twentieth * 5)
                .flat_map(|percent| self.numbers.iter().filter_map(move |n| n.at(f64::from(percent))));
            let apart = points.map(|point| (self.numbers[0].share(point) - self.numbers[1].share(point)).abs());
            return apart.fold(lack, f64::max);
        }
        let Some(values) = &self.values else { return lack };
        let more: f64 = values.values().map(|counts| (share(counts[0], 0) - share(counts[1], 1)).abs()).sum();
        (more + lack) / 2.0
    }

    /// The values whose shares differ most.
    fn contributors(&self, rows: [u64; 2]) -> serde_json::Value {
        let share = |count: u64, side: usize| count as f64 / rows[side].max(1) as f64;
        let values =
            self.values.iter().flatten().map(|(value, counts)| (value, share(counts[1], 1), share(counts[0], 0)));
        let mut values: Vec<(&Box<str>, f64, f64)> = values.collect();
        values.sort_by(|(_, a, b), (_, c, d)| (c - d).abs().total_cmp(&(a - b).abs()));
        let round = |share: f64| (share * 10_000.0).round() / 10_000.0;
        let shown = values.into_iter().take(SHOWN_MAX);
        shown
            .map(|(value, then, else_)| json!({ "value": value, "conditional": round(then), "baseline": round(else_) }))
            .collect()
    }
}

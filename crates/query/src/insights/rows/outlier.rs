//! `outlier`: numbers that lie further from the quartiles than a multiple of their distance.
//!
//! Where the guide says nothing: quartiles lie between two numbers where their place does; what is no number is left alone; the
//! column that `mark` adds is `is_outlier`, 1 or 0.

use super::super::code::Code;
use super::super::event::{Record, Row};
use super::super::value::Value;

/// An `outlier` command.
#[derive(Debug, Clone)]
pub(in crate::insights) struct Outliers {
    pub removes: bool,
    pub factor: f64,
    pub is_two_sided: bool,
    /// Where the mark goes.
    pub mark: Option<usize>,
    /// Each number, and where it goes when it is cut.
    pub fields: Vec<(Code, usize)>,
}

impl Outliers {
    /// Removes rows or cuts numbers.
    pub fn run(&self, mut rows: Vec<Record>) -> Vec<Record> {
        let mut are_outliers = vec![false; rows.len()];
        for (code, slot) in &self.fields {
            let numbers: Vec<Option<f64>> = rows.iter().map(|row| code.value(row).number()).collect();
            let Some((least, most)) = self.usual(numbers.iter().flatten().copied().collect()) else { continue };
            for ((row, is_outlier), number) in rows.iter_mut().zip(&mut are_outliers).zip(numbers) {
                let value = code.value(row);
                let cut =
                    number.filter(|number| *number > most || *number < least).map(|number| number.clamp(least, most));
                *is_outlier |= cut.is_some();
                row.set(*slot, cut.filter(|_| !self.removes).map_or(value, Value::number_of));
            }
        }
        if let Some(mark) = self.mark {
            rows.iter_mut().zip(&are_outliers).for_each(|(row, is_outlier)| row.set(mark, Value::Bool(*is_outlier)));
        }
        if self.removes {
            let mut are_outliers = are_outliers.into_iter();
            rows.retain(|_| are_outliers.next() == Some(false));
        }
        rows
    }

    /// The least and the most that is usual.
    fn usual(&self, mut numbers: Vec<f64>) -> Option<(f64, f64)> {
        numbers.sort_unstable_by(f64::total_cmp);
        let (low, high) = (quantile(&numbers, 0.25)?, quantile(&numbers, 0.75)?);
        let reach = self.factor * (high - low);
        let least = if self.is_two_sided { low - reach } else { f64::NEG_INFINITY };
        Some((least, (high + reach).max(least)))
    }
}

/// Of sorted numbers.
fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let place = share * (sorted.len().checked_sub(1)? as f64);
    let (below, above) = (*sorted.get(place.floor() as usize)?, *sorted.get(place.ceil() as usize)?);
    Some(below + (above - below) * place.fract())
}

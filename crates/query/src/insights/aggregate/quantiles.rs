//! Quantiles of numbers: all of them while they are few, then how many lie in each of a row of buckets that grow by 2 %, so that
//! a quantile is within 1 % of the true one (the mapping of DDSketch).

use std::collections::BTreeMap;

/// Most numbers that are kept as they are.
const EXACT_MAX: usize = 4_096;
const GROWTH: f64 = 1.02;

/// Numbers that were seen.
#[derive(Debug, Clone)]
pub enum Quantiles {
    /// Each of them.
    Exact(Vec<f64>),
    /// Counts by bucket. Buckets of larger numbers have larger keys; 0 is that of zero.
    Buckets(BTreeMap<i32, u64>),
}

impl Default for Quantiles {
    fn default() -> Self {
        Self::Exact(Vec::new())
    }
}

impl Quantiles {
    /// Adds a number; the result is by how many bytes this grew.
    pub fn add(&mut self, number: f64) -> usize {
        match self {
            Self::Exact(numbers) if numbers.len() < EXACT_MAX => {
                numbers.push(number);
                8
            }
            Self::Exact(numbers) => {
                let numbers = std::mem::take(numbers);
                *self = Self::Buckets(BTreeMap::new());
                numbers.into_iter().chain([number]).map(|number| self.add(number)).sum()
            }
            Self::Buckets(counts) => {
                let before = counts.len();
                *counts.entry(key(number)).or_insert(0) += 1;
                (counts.len() - before) * 24
            }
        }
    }

    /// Adds those of another.
    pub fn merge(&mut self, other: Self) -> usize {
        match (&mut *self, other) {
            (_, Self::Exact(numbers)) => numbers.into_iter().map(|number| self.add(number)).sum(),
            (Self::Exact(numbers), buckets) => {
                let numbers = std::mem::take(numbers);
                *self = buckets;
                numbers.into_iter().map(|number| self.add(number)).sum()
            }
            (Self::Buckets(into), Self::Buckets(from)) => {
                let before = into.len();
                from.into_iter().for_each(|(key, count)| *into.entry(key).or_insert(0) += count);
                (into.len() - before) * 24
            }
        }
    }

    /// The first number that so many percent of all do not exceed.
    pub fn at(&self, percent: f64) -> Option<f64> {
        // 99.9 % of 10,000 is 9,990, whatever floats make of it.
        let share = percent / 100.0 * (1.0 - 1e-12);
        let rank = |count: u64| ((share * count as f64).ceil() as u64).clamp(1, count.max(1));
        match self {
            Self::Exact(numbers) => {
                let rank = rank(numbers.len() as u64) as usize;
                let mut sorted = numbers.clone();
                sorted.sort_unstable_by(f64::total_cmp);
                sorted.get(rank - 1).copied()
            }
            Self::Buckets(counts) => {
                let mut left = rank(counts.values().sum());
                let at = |(key, count): (&i32, &u64)| match left.checked_sub(*count) {
                    None | Some(0) => Some(value(*key)),
                    Some(rest) => {
                        left = rest;
                        None
                    }
                };
                counts.iter().find_map(at)
            }
        }
    }
}

impl Quantiles {
    /// The share of numbers that do not exceed this one; 0 without numbers.
    pub fn share(&self, most: f64) -> f64 {
        let (count, all) = match self {
            Self::Exact(numbers) => {
                (numbers.iter().filter(|number| **number <= most).count() as u64, numbers.len() as u64)
            }
            Self::Buckets(counts) => (counts.range(..=key(most)).map(|(_, count)| count).sum(), counts.values().sum()),
        };
        if all == 0 { 0.0 } else { count as f64 / all as f64 }
    }
}

/// Logarithms of floats are within ±40,000 buckets of zero; this makes them all positive.
const SHIFT: i32 = 50_000;

fn key(number: f64) -> i32 {
    if number == 0.0 {
        return 0;
    }
    let key = (number.abs().ln() / GROWTH.ln()).ceil() as i32 + SHIFT;
    if number > 0.0 { key } else { -key }
}

fn value(key: i32) -> f64 {
    if key == 0 {
        return 0.0;
    }
    let size = (f64::from(key.abs() - SHIFT) * GROWTH.ln()).exp() * 2.0 / (1.0 + GROWTH);
    size.copysign(f64::from(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bucket_stands_for_its_numbers_within_one_percent() {
        let mut number = 1e-300;
        while number < 1e108 {
            for signed in [number, -number] {
                assert!((value(key(signed)) - signed).abs() <= 0.01 * number, "{signed}");
            }
            number *= 1.37;
        }
        assert_eq!(value(key(0.0)), 0.0);
    }

    #[test]
    fn quantiles_are_exact_while_few_and_close_when_many_however_they_are_merged() {
        let few = |numbers: &[f64]| {
            let mut quantiles = Quantiles::default();
            for number in numbers {
                quantiles.add(*number);
            }
            quantiles
        };
        assert_eq!(few(&[]).at(50.0), None);
        assert_eq!(few(&[3.0, 1.0, 2.0, 4.0]).at(50.0), Some(2.0));
        assert_eq!(few(&[3.0, 1.0, 2.0, 4.0]).at(51.0), Some(3.0));
        assert_eq!(few(&[3.0, 1.0]).at(0.0), Some(1.0));
        let all: Vec<f64> = (-5_000..5_000).map(f64::from).collect();
        let once = few(&all);
        let mut merged = few(&all[..7_000]);
        merged.merge(few(&all[7_000..]));
        for percent in [1.0, 10.0, 50.0, 90.0, 99.9] {
            let (true_one, found) = (all[(percent * 100.0) as usize - 1], once.at(percent).unwrap());
            assert!((found - true_one).abs() <= true_one.abs() * 0.01, "{percent}: {found} for {true_one}");
            assert_eq!(merged.at(percent), Some(found));
        }
    }
}

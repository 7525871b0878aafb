//! `Samples`: what was observed in a period, gathered point by point, as far as statistics will need it.

use model::Observation;
use store::{Sample, Totals};

/// The samples of one period.
#[derive(Debug, Clone, PartialEq)]
pub struct Samples {
    totals: Totals,
    raw: Raw,
}

/// The samples one by one.
#[derive(Debug, Clone, PartialEq)]
enum Raw {
    /// Nobody will ask.
    Unwanted,
    /// Some are hidden in statistic sets.
    Hidden,
    /// All are here. Apart, because periods are many and mostly nobody asks.
    Known(Box<All>),
}

#[derive(Debug, Clone, Default, PartialEq)]
struct All {
    /// Samples of weight 1.
    ones: Vec<f64>,
    /// Values with their weights, which are positive.
    weighted: Vec<(f64, f64)>,
}

impl Samples {
    /// No sample yet. `raw` says whether statistics that are not plain will be asked.
    pub fn none(raw: bool) -> Self {
        let raw = if raw { Raw::Known(Box::default()) } else { Raw::Unwanted };
        Self { totals: Totals::NONE, raw }
    }

    /// Of whole observations.
    pub fn of(observations: &[&Observation]) -> Self {
        let mut samples = Self::none(true);
        for observation in observations {
            match observation {
                Observation::Values(pairs) => samples.add_pairs(pairs),
                &&Observation::Set { count, sum, min, max } => samples.add_set(&Totals { count, sum, min, max }),
            }
        }
        samples
    }

    /// Count, sum, minimum and maximum.
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// Adds samples of weight 1.
    pub(crate) fn add_values(&mut self, values: &[f64]) {
        values.iter().for_each(|value| self.totals.add(*value, 1.0));
        if let Raw::Known(all) = &mut self.raw {
            all.ones.extend_from_slice(values);
        }
    }

    /// Adds what a point says.
    pub(crate) fn add(&mut self, sample: Sample<'_>) {
        match sample {
            Sample::Value(value) => self.add_values(&[value]),
            Sample::Many(store::Samples::Pairs(pairs)) => self.add_pairs(pairs),
            Sample::Many(store::Samples::Set(totals)) => self.add_set(totals),
            Sample::Many(store::Samples::Summary(totals, sketch)) => {
                self.totals.merge(totals);
                if let Raw::Known(all) = &mut self.raw {
                    all.weighted.extend(sketch.pairs(totals.min, totals.max).filter(|&(_, count)| count > 0.0));
                }
            }
        }
    }

    /// Adds totals of points that nobody will ask more of.
    pub(crate) fn add_totals(&mut self, totals: &Totals) {
        self.totals.merge(totals);
        if self.raw != Raw::Unwanted {
            self.raw = Raw::Hidden;
        }
    }

    fn add_pairs(&mut self, pairs: &[(f64, f64)]) {
        pairs.iter().for_each(|&(value, count)| self.totals.add(value, count));
        if let Raw::Known(all) = &mut self.raw {
            all.weighted.extend(pairs.iter().copied().filter(|&(_, count)| count > 0.0));
        }
    }

    fn add_set(&mut self, set: &Totals) {
        self.totals.merge(set);
        let Raw::Known(all) = &mut self.raw else { return };
        if set.hides_samples() {
            self.raw = Raw::Hidden;
        } else if set.count > 0.0 {
            all.weighted.push((set.min, set.count));
        }
    }

    /// Adds all samples of another period.
    pub fn merge(&mut self, other: Samples) {
        self.totals.merge(&other.totals);
        self.raw = match (std::mem::replace(&mut self.raw, Raw::Unwanted), other.raw) {
            (Raw::Unwanted, _) | (_, Raw::Unwanted) => Raw::Unwanted,
            (Raw::Hidden, _) | (_, Raw::Hidden) => Raw::Hidden,
            (Raw::Known(mut all), Raw::Known(more)) => {
                all.ones.extend(more.ones);
                all.weighted.extend(more.weighted);
                Raw::Known(all)
            }
        };
    }

    /// All samples; `None` when some are hidden or negative, or there is none.
    pub(super) fn known(&self) -> Option<Known<'_>> {
        let Raw::Known(all) = &self.raw else { return None };
        let All { ones, weighted } = all.as_ref();
        let legal = |value: f64| value >= 0.0;
        let is_legal = ones.iter().all(|one| legal(*one)) && weighted.iter().all(|pair| legal(pair.0));
        (is_legal && !(ones.is_empty() && weighted.is_empty())).then_some(Known { ones, weighted })
    }
}

/// All samples of a period, none negative.
pub(super) struct Known<'a> {
    /// Those of weight 1.
    pub ones: &'a [f64],
    /// Values with their weights, which are positive.
    pub weighted: &'a [(f64, f64)],
}

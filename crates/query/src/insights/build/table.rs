//! Commands that look at many rows at once, and those that look elsewhere, made into steps.

use super::super::aggregate::Aggregation;
use super::super::ast::{Column, Expr, Function, Literal, Outlier, Period, Unit, Window, WindowColumn, WindowValue};
use super::super::code::Code;
use super::super::mining::Mining;
use super::super::plan::PlanError;
use super::super::relevance::Relevance;
use super::super::rows::{self, Computed, FRAME_ROWS_MAX, FillMissing, Outliers, Sessions};
use super::super::step::Step;
use super::{Builder, Shown};
use std::sync::Arc;

/// The periods that the last `stats` grouped by.
pub(super) struct Binned {
    slot: usize,
    period: Period,
    offset_ms: i64,
    /// Slots of the other columns that it grouped by.
    groups: Vec<usize>,
}

impl Binned {
    /// Of the columns that `stats` groups by, which are in the first slots.
    pub fn of(by: &[Column]) -> Option<Self> {
        let found = by.iter().enumerate().find_map(|(slot, column)| {
            let (period, offset_ms) = period(&column.value)?;
            Some((slot, period, offset_ms))
        });
        let (slot, period, offset_ms) = found?;
        let groups = (0..by.len()).filter(|at| *at != slot).collect();
        Some(Self { slot, period, offset_ms, groups })
    }
}

/// The period of `bin` and its like, and how much later than by the calendar it begins.
fn period(value: &Expr) -> Option<(Period, i64)> {
    let Expr::Call(Function::Bin | Function::DateFloor, arguments) = value else { return None };
    let period = |expr: &Expr| match expr {
        Expr::Literal(Literal::Duration(period)) => Some(*period),
        _ => None,
    };
    match arguments.as_slice() {
        [only] => Some((period(only)?, 0)),
        [_, second] => Some((period(second)?, 0)),
        [_, second, offset] => {
            let Period { count, unit: Unit::Millisecond } = period(offset)? else { return None };
            Some((period(second)?, i64::from(count)))
        }
        _ => None,
    }
}

impl Builder<'_> {
    /// A column that is shown, whatever says what to show.
    pub(super) fn new_in_sight(&mut self, name: &str) -> usize {
        let slot = self.new_shown(name);
        if let Some(displayed) = self.shown.displayed.as_mut().filter(|shown| !shown.iter().any(|known| known == name))
        {
            displayed.push(name.to_owned());
        }
        slot
    }

    /// Names of what is shown.
    pub(super) fn in_sight(&self) -> Vec<String> {
        self.shown.names()
    }

    pub(super) fn window(&mut self, window: &Window) -> Result<(), PlanError> {
        let mut columns = Vec::new();
        for column in &window.columns {
            columns.push((self.computed(column)?, column.frame));
        }
        let partition = window.partition.iter().map(|expr| self.code(expr)).collect::<Result<_, _>>()?;
        let order = window.order.iter().map(|key| self.sort_code(key)).collect::<Result<_, _>>()?;
        let columns = window.columns.iter().zip(columns);
        let columns = columns.map(|(column, (value, frame))| {
            let slot = self.new_in_sight(&column.name);
            rows::Column { slot, value, frame }
        });
        let columns = columns.collect();
        self.steps.push(Step::Window(Arc::new(rows::Window { columns, partition, order })));
        Ok(())
    }

    fn computed(&mut self, column: &WindowColumn) -> Result<Computed, PlanError> {
        if let (Some(start), Some(end)) = (column.frame.start, column.frame.end)
            && end.saturating_sub(start) >= FRAME_ROWS_MAX
        {
            return Err(PlanError::WindowFrame { max: FRAME_ROWS_MAX });
        }
        Ok(match &column.value {
            WindowValue::RowNumber => Computed::RowNumber,
            WindowValue::Rank => Computed::Rank,
            WindowValue::DenseRank => Computed::DenseRank,
            WindowValue::PercentRank => Computed::PercentRank,
            WindowValue::CumeDist => Computed::CumeDist,
            WindowValue::Tiles(tiles) => Computed::Tiles(*tiles),
            WindowValue::Shifted(value, by, default) => {
                let default = default.as_ref().map(|default| self.code(default)).transpose()?;
                Computed::Shifted(self.code(value)?, *by, default)
            }
            WindowValue::First(value) => Computed::First(self.code(value)?),
            WindowValue::Last(value) => Computed::Last(self.code(value)?),
            WindowValue::Nth(value, nth) => Computed::Nth(self.code(value)?, *nth),
            WindowValue::Aggregate(function, arguments) => {
                let aggregation: Aggregation = self.aggregation(*function, arguments)?;
                Computed::Aggregate(aggregation)
            }
            WindowValue::Weighted(value) => Computed::Weighted(self.code(value)?),
        })
    }

    /// `filldown`: names with `*` stand for the columns in sight that they match.
    pub(super) fn fill_down(&mut self, patterns: &[String]) {
        let in_sight = self.in_sight();
        let mut names: Vec<String> = Vec::new();
        for pattern in patterns {
            match pattern.contains('*') {
                true => names.extend(in_sight.iter().filter(|name| matches(pattern, name)).cloned()),
                false => names.push(pattern.clone()),
            }
        }
        if patterns.is_empty() {
            names = in_sight;
        }
        // The filled column is a new one, so that events keep their own fields.
        let columns: Vec<Column> =
            names.into_iter().map(|name| Column { value: Expr::Field(name.clone()), name }).collect();
        let mut computed = Vec::new();
        let mut slots = Vec::new();
        for column in &columns {
            let Some(from) = self.names.slot(&column.name) else { continue };
            let slot = self.names.new_column();
            self.names.name(&column.name, slot);
            computed.push((slot, Code::Slot(from)));
            slots.push(slot);
        }
        self.steps.push(Step::Compute(computed));
        self.steps.push(Step::FillDown(slots));
    }

    pub(super) fn fill_missing(&mut self, values: &[(String, Literal)]) -> Result<(), PlanError> {
        let Some(Binned { slot, period, offset_ms, groups }) = self.binned.take() else {
            return Err(PlanError::NoBin);
        };
        let mut filled = Vec::new();
        for (name, value) in values {
            let code = self.code(&Expr::Literal(value.clone()))?;
            filled.extend(self.names.slot(name).map(|slot| (slot, code)));
        }
        let range = self.setting.range;
        let fill = FillMissing { time: slot, period, offset_ms, groups, values: filled, range };
        self.steps.push(Step::FillMissing(fill));
        Ok(())
    }

    pub(super) fn outlier(&mut self, outlier: &Outlier) -> Result<(), PlanError> {
        let mut fields = Vec::new();
        for field in &outlier.fields {
            let code = self.code(field)?;
            let slot = self.names.new_column();
            if let Expr::Field(name) = field {
                self.names.name(name, slot);
            }
            fields.push((code, slot));
        }
        let mark = outlier.marks.then(|| self.new_in_sight("is_outlier"));
        let Outlier { removes, factor, is_two_sided, .. } = *outlier;
        self.steps.push(Step::Outliers(Outliers { removes, factor, is_two_sided, mark, fields }));
        Ok(())
    }

    pub(super) fn sessionize(&mut self, by: &[Expr], gap_ms: i64, into: &str) -> Result<(), PlanError> {
        let by = by.iter().map(|expr| self.code(expr)).collect::<Result<_, _>>()?;
        let time = self.names.timestamp();
        let into = self.new_in_sight(into);
        self.steps.push(Step::Sessions(Sessions { by, time, gap_ms, into }));
        Ok(())
    }

    /// `anomaly` judges the patterns of the command before it, or those of messages.
    pub(super) fn anomaly(&mut self) -> Result<(), PlanError> {
        let of = match self.steps.pop_if(|step| matches!(step, Step::Mine(mining) if mining.compared.is_none())) {
            Some(Step::Mine(mining)) => mining.of,
            _ => self.code(&Expr::Field("@message".into()))?,
        };
        if self.steps.iter().any(|step| !step.is_row_wise() && !matches!(step, Step::Sort(_))) {
            return Err(PlanError::Anomaly);
        }
        self.mine(Mining { of, compared: None, judged: Some(self.setting.range) });
        Ok(())
    }

    pub(super) fn relevant_fields(&mut self, fields: &[Expr], condition: &Expr) -> Result<(), PlanError> {
        let mut named = Vec::new();
        for field in fields {
            if let Expr::Field(name) = field {
                named.push((name.clone(), self.code(field)?));
            }
        }
        let condition = self.code(condition)?;
        let message = self.names.field("@message");
        let columns = Relevance::columns();
        self.names.close(&columns);
        self.shown = Shown::only(&columns);
        self.steps.push(Step::Relevance(Relevance { fields: named, condition, message }));
        Ok(())
    }
}

/// Whether a name has the texts between asterisks in order.
fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, between)) = parts.split_last() else { return rest.is_empty() };
    for part in between {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn asterisks_stand_for_any_text() {
        for (pattern, name, is_match) in [
            ("cpu*", "cpu_user", true),
            ("cpu*", "a_cpu", false),
            ("*_ms", "took_ms", true),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "axxcyyb", false),
            ("*", "", true),
            ("ab*b", "ab", false),
        ] {
            assert_eq!(matches(pattern, name), is_match, "{pattern} {name}");
        }
    }
}

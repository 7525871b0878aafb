//! Commands of the tree made into steps: names resolved, constants prepared, columns to show noted.

mod elsewhere;
mod table;

use super::aggregate::Aggregation;
use super::ast::{Aggregate, Column, Command, DiffOffset, Expr, Literal, ParsePattern, Query, SortKey};
use super::code::Code;
use super::extract::{Every, Extract, Pattern};
use super::groups::Grouping;
use super::mining::Mining;
use super::names::{Names, Setting, replace_aggregates};
use super::plan::{LookupTable, PlanError};
use super::step::{Dedup, SortCode, Stats, Step, Totals};
use super::value::Value;
use super::{ast, calendar, grok, subqueries};
use memchr::memmem::Finder;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Most commands in a query.
const COMMANDS_MAX: usize = 1_000;

/// A query on its way to a plan.
pub(super) struct Builder<'q> {
    pub names: Names,
    setting: Setting<'q>,
    lookups: &'q BTreeMap<String, LookupTable>,
    pub steps: Vec<Step>,
    shown: Shown,
    binned: Option<table::Binned>,
    /// True when it asks how much would be scanned.
    pub estimates: bool,
}

/// Names of the columns of the results.
#[derive(Default)]
struct Shown {
    columns: Vec<String>,
    /// True when a command chose columns; those that `parse` and its like add do not count.
    is_chosen: bool,
    /// Those of the last `display`.
    displayed: Option<Vec<String>>,
}

impl Shown {
    /// All columns of a command, and no others.
    fn only(columns: &[Column]) -> Self {
        let mut shown = Self { is_chosen: true, ..Self::default() };
        shown.add(names_of(columns));
        shown
    }

    fn add(&mut self, names: impl IntoIterator<Item = String>) {
        add_new(&mut self.columns, names);
    }

    /// All of them, in order.
    fn names(&self) -> Vec<String> {
        self.displayed.clone().unwrap_or_else(|| {
            let defaults = if self.is_chosen { &[][..] } else { &["@timestamp", "@message"] };
            let mut names: Vec<String> = defaults.iter().map(|name| (*name).to_owned()).collect();
            add_new(&mut names, self.columns.iter().cloned());
            names
        })
    }

    fn hide(&mut self, hidden: &[String]) {
        let mut names = self.names();
        names.retain(|name| !hidden.contains(name));
        self.displayed = Some(names);
    }
}

fn names_of(columns: &[Column]) -> impl Iterator<Item = String> {
    columns.iter().map(|column| column.name.clone())
}

fn add_new(known: &mut Vec<String>, names: impl IntoIterator<Item = String>) {
    for name in names {
        if !known.contains(&name) {
            known.push(name);
        }
    }
}

impl<'q> Builder<'q> {
    /// Of nothing yet.
    pub fn new(setting: Setting<'q>, lookups: &'q BTreeMap<String, LookupTable>) -> Self {
        let (names, shown) = (Names::default(), Shown::default());
        Self { names, setting, lookups, steps: Vec::new(), shown, binned: None, estimates: false }
    }

    /// Adds the commands of a query.
    pub fn query(&mut self, query: &Query) -> Result<(), PlanError> {
        if query.commands.len() > COMMANDS_MAX {
            return Err(PlanError::TooManyCommands { max: COMMANDS_MAX });
        }
        query.commands.iter().enumerate().try_for_each(|(at, command)| match command {
            Command::Join(join) => self.join(join, &subqueries::keys_only(query, at)),
            command => self.command(command),
        })
    }

    /// The columns of the results, with their slots.
    pub fn shown(&mut self) -> Vec<(String, usize)> {
        let names = std::mem::take(&mut self.shown).names();
        names.into_iter().filter_map(|name| self.names.slot(&name).map(|slot| (name, slot))).collect()
    }

    fn sort_code(&mut self, key: &SortKey) -> Result<SortCode, PlanError> {
        let &SortKey { ref value, is_descending, is_natural } = key;
        Ok(SortCode { value: self.code(value)?, is_descending, is_natural })
    }

    fn command(&mut self, command: &Command) -> Result<(), PlanError> {
        match command {
            Command::Fields(columns) => {
                self.columns(columns)?;
                self.shown.add(names_of(columns));
                self.shown.is_chosen = true;
            }
            Command::Display(columns) => {
                self.columns(columns)?;
                self.shown.displayed = Some(Shown::only(columns).columns);
            }
            Command::Filter(condition) | Command::FilterIndex(condition) => {
                let code = self.code(condition)?;
                self.steps.push(Step::Filter(code));
            }
            Command::Parse { from, pattern } => self.parse(from, pattern)?,
            Command::Stats { values, by } => self.stats(values, by)?,
            Command::Sort(keys) => {
                let keys = keys.iter().map(|key| self.sort_code(key)).collect::<Result<_, _>>()?;
                self.steps.push(Step::Sort(keys));
            }
            Command::Limit(count) => self.steps.push(Step::Limit(usize::try_from(*count).unwrap_or(usize::MAX))),
            Command::Skip(count) => self.steps.push(Step::Skip(usize::try_from(*count).unwrap_or(usize::MAX))),
            Command::Dedup { by, keep } => {
                let by = by.iter().map(|expr| self.code(expr)).collect::<Result<_, _>>()?;
                let keep = usize::try_from(*keep).unwrap_or(usize::MAX);
                self.steps.push(Step::Dedup(Dedup { by, keep }));
            }
            Command::Unnest { list, into } => {
                let list = self.code(list)?;
                let into = self.new_shown(into);
                self.steps.push(Step::Unnest { list, into });
            }
            Command::Lookup { table, keys, output } => self.lookup(table, keys, output)?,
            // `query` has made it.
            Command::Join(_) => {}
            Command::AddTotals { row, column, fields } => self.totals(row.as_deref(), column.as_ref(), fields),
            Command::Unmask(exprs) => {
                let column = |expr: &Expr| match expr {
                    Expr::Field(name) => Some(Column { name: name.clone(), value: expr.clone() }),
                    _ => None,
                };
                let columns: Vec<Column> = exprs.iter().filter_map(column).collect();
                self.columns(&columns)?;
                self.shown.add(names_of(&columns));
                self.shown.is_chosen = true;
            }
            Command::Pattern(of) => {
                let of = self.code(of)?;
                self.mine(Mining { of, compared: None, judged: None });
            }
            Command::Diff(offset) => self.diff(*offset)?,
            Command::Anomaly => self.anomaly()?,
            Command::Reverse => self.steps.push(Step::Reverse),
            Command::Window(window) => self.window(window)?,
            Command::FillDown(names) => self.fill_down(names),
            Command::FillMissing(values) => self.fill_missing(values)?,
            Command::Outlier(outlier) => self.outlier(outlier)?,
            Command::Sessionize { by, gap_ms, into } => self.sessionize(by, *gap_ms, into)?,
            Command::AppendColumns { query, overrides, rows } => self.append_columns(query, *overrides, *rows)?,
            Command::Combine { kind, is_all, query } => self.combine(*kind, *is_all, query)?,
            Command::CidrLookup { table, address, column, output, only_missing } => {
                self.cidr_lookup(table, address, column.as_deref(), output, *only_missing)?;
            }
            Command::Estimate => self.estimates = true,
            Command::RelevantFields { fields, condition } => self.relevant_fields(fields, condition)?,
            Command::Hide(names) => self.shown.hide(names),
        }
        Ok(())
    }

    fn code(&mut self, expr: &Expr) -> Result<Code, PlanError> {
        let code = self.names.code(expr, &self.setting)?;
        Ok(code)
    }

    /// Columns of `fields` and its like. A plain field needs no computing.
    fn columns(&mut self, columns: &[Column]) -> Result<(), PlanError> {
        let mut computed = Vec::new();
        for column in columns {
            let slot = match self.code(&column.value)? {
                Code::Slot(slot) => slot,
                code => {
                    let slot = self.names.new_column();
                    computed.push((slot, code));
                    slot
                }
            };
            self.names.name(&column.name, slot);
        }
        if !computed.is_empty() {
            self.steps.push(Step::Compute(computed));
        }
        Ok(())
    }

    /// A column that is shown where no command says what to show.
    fn new_shown(&mut self, name: &str) -> usize {
        let slot = self.names.new_column();
        self.names.name(name, slot);
        self.shown.add([name.to_owned()]);
        slot
    }

    fn parse(&mut self, from: &Expr, pattern: &ParsePattern) -> Result<(), PlanError> {
        let from = self.code(from)?;
        let (names, pattern) = match pattern {
            ParsePattern::Glob { texts, names } => {
                if texts.len() != names.len() + 1 {
                    return Err(PlanError::Glob { wildcards: texts.len().saturating_sub(1), names: names.len() });
                }
                let finders = texts.iter().map(|text| Finder::new(text).into_owned()).collect();
                (names.clone(), Pattern::Glob(finders))
            }
            ParsePattern::Regex(regex) => by_groups(regex),
            ParsePattern::Grok(pattern) => by_groups(&grok::compile(pattern).map_err(PlanError::Grok)?),
            ParsePattern::Every(regex) => {
                let groups = regex.columns().map(|(group, name)| (group, self.new_shown(&name))).collect();
                self.steps.push(Step::Every(Every { from, regex: regex.0.clone(), groups }));
                return Ok(());
            }
            ParsePattern::Logfmt(name) => (vec![name.clone()], Pattern::Logfmt),
            ParsePattern::Csv(names) => (names.clone(), Pattern::Csv),
            ParsePattern::Xml { path, attribute, name } => {
                (vec![name.clone()], Pattern::Xml(path.clone(), attribute.clone()))
            }
        };
        let slots = names.iter().map(|name| self.new_shown(name)).collect();
        self.steps.push(Step::Extract(Extract { from, pattern, slots }));
        Ok(())
    }

    fn stats(&mut self, values: &[Column], by: &[Column]) -> Result<(), PlanError> {
        let mut by_codes = Vec::new();
        for column in by {
            by_codes.push(self.code(&column.value)?);
        }
        let mut aggregates: Vec<(Aggregate, Vec<Expr>)> = Vec::new();
        let mut replaced: Vec<Expr> = values.iter().map(|column| column.value.clone()).collect();
        for value in &mut replaced {
            replace_aggregates(value, 0, &mut |function, arguments| {
                let known = aggregates.iter().position(|(f, a)| *f == function && a == arguments);
                let at = known.unwrap_or(aggregates.len());
                if known.is_none() {
                    aggregates.push((function, arguments.to_vec()));
                }
                Expr::Field(placeholder(at))
            })?;
        }
        let mut aggregations = Vec::new();
        for (function, arguments) in &aggregates {
            aggregations.push(self.aggregation(*function, arguments)?);
        }
        let placeholders = (0..aggregates.len()).map(placeholder);
        let placeholders = placeholders.map(|name| Column { value: Expr::Field(name.clone()), name });
        self.names.close(&by.iter().cloned().chain(placeholders).collect::<Vec<_>>());
        let mut codes = Vec::new();
        for value in &replaced {
            codes.push(self.code(value)?);
        }
        let columns: Vec<Column> = by.iter().chain(values).cloned().collect();
        self.names.close(&columns);
        self.shown = Shown::only(&columns);
        self.binned = table::Binned::of(by);
        let grouping = Grouping { by: by_codes, aggregations };
        self.steps.push(Step::Stats(Arc::new(Stats { grouping, values: codes })));
        Ok(())
    }

    fn aggregation(&mut self, function: Aggregate, arguments: &[Expr]) -> Result<Aggregation, PlanError> {
        let is_star = |expr: &Expr| matches!(expr, Expr::Field(name) if name == "*");
        let wrong = PlanError::AggregateArguments(function);
        let (of, percent) = match (function, arguments) {
            (Aggregate::Count, []) => (None, 0.0),
            (Aggregate::Count, [star]) if is_star(star) => (None, 0.0),
            (Aggregate::Percentile, [of, Expr::Literal(Literal::Number(percent))])
                if (0.0..=100.0).contains(percent) =>
            {
                (Some(of), *percent)
            }
            (Aggregate::Rate, [of, Expr::Literal(Literal::Duration(period))]) => {
                (Some(of), calendar::length_ms(*period) as f64 / 1_000.0)
            }
            (Aggregate::Percentile | Aggregate::Rate, _) => return Err(wrong),
            (_, [of]) => (Some(of), 0.0),
            _ => return Err(wrong),
        };
        Ok(Aggregation { function, of: of.map(|of| self.code(of)).transpose()?, percent })
    }

    fn mine(&mut self, mining: Mining) {
        let columns = mining.columns();
        self.names.close(&columns);
        self.shown = Shown::only(&columns);
        self.steps.push(Step::Mine(mining));
    }

    /// `diff` takes the patterns of the command before it, or those of messages.
    fn diff(&mut self, offset: DiffOffset) -> Result<(), PlanError> {
        let of = match self.steps.pop_if(|step| matches!(step, Step::Mine(_))) {
            Some(Step::Mine(mining)) => mining.of,
            _ => self.code(&Expr::Field("@message".into()))?,
        };
        if self.steps.iter().any(|step| !step.is_row_wise() && !matches!(step, Step::Sort(_))) {
            return Err(PlanError::Diff);
        }
        self.mine(Mining { of, compared: Some(offset), judged: None });
        Ok(())
    }

    fn totals(&mut self, row: Option<&str>, column: Option<&(String, Option<String>)>, fields: &[String]) {
        let shown = self.shown.displayed.as_ref().unwrap_or(&self.shown.columns);
        let summed: Vec<String> = if fields.is_empty() { shown.clone() } else { fields.to_vec() };
        let slots = summed.iter().filter_map(|name| self.names.slot(name)).collect();
        let row = row.map(|name| self.new_total(name));
        let column = column.map(|(label, place)| {
            let slot = place.as_ref().and_then(|name| {
                let known = self.shown.columns.contains(name);
                if known { self.names.slot(name) } else { Some(self.new_total(name)) }
            });
            (label.clone(), slot)
        });
        self.steps.push(Step::Totals(Totals { slots, row, column }));
    }

    fn new_total(&mut self, name: &str) -> usize {
        let slot = self.new_shown(name);
        if let Some(displayed) = &mut self.shown.displayed {
            displayed.push(name.to_owned());
        }
        slot
    }
}

/// Columns by the named groups of a regular expression.
fn by_groups(regex: &ast::Regex) -> (Vec<String>, Pattern) {
    let (groups, names) = regex.columns().map(|(group, name)| (group, name.into_owned())).unzip();
    (names, Pattern::Regex(regex.0.clone(), groups))
}

/// What stands for an aggregate within an expression; no query can write it.
fn placeholder(at: usize) -> String {
    format!("\0{at}")
}

/// The text of a constant.
pub(super) fn constant_text(code: &Code) -> Option<&str> {
    match code {
        Code::Constant(Value::Text(text)) => Some(text),
        _ => None,
    }
}

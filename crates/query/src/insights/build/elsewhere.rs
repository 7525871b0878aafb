//! Commands that take columns and rows from elsewhere, made into steps: lookup tables and other queries.

use super::super::ast::{self, Column, Combination, Expr, Function, Query};
use super::super::cidr::Blocks;
use super::super::code::Code;
use super::super::plan::PlanError;
use super::super::rows::{AppendColumns, Combine};
use super::super::step::{CidrLookup, Join, Lookup, Step, Table};
use super::super::subqueries;
use super::{Builder, Shown};
use std::sync::Arc;

impl Builder<'_> {
    pub(super) fn lookup(
        &mut self,
        table: &str,
        keys: &[(String, Expr)],
        output: &[(String, String)],
    ) -> Result<(), PlanError> {
        let known = self.lookups.get(table).ok_or_else(|| PlanError::NoTable(table.to_owned()))?;
        let column = |name: &str| {
            let at = known.header.iter().position(|column| column == name);
            at.ok_or_else(|| PlanError::NoColumn { table: table.to_owned(), column: name.to_owned() })
        };
        let key = keys.iter().map(|(name, _)| column(name)).collect::<Result<Vec<_>, _>>()?;
        let output: Vec<(usize, &str)> = if output.is_empty() {
            let others = known.header.iter().enumerate().filter(|(at, _)| !key.contains(at));
            others.map(|(at, name)| (at, name.as_str())).collect()
        } else {
            output.iter().map(|(from, to)| Ok((column(from)?, to.as_str()))).collect::<Result<_, PlanError>>()?
        };
        let rows = known.rows.iter().map(|row| row.iter().cloned().map(Some).collect()).collect();
        let table = Arc::new(Table::new(rows, &key));
        let keys = keys.iter().map(|(_, expr)| self.code(expr)).collect::<Result<_, _>>()?;
        let output = output.into_iter().map(|(at, name)| (at, self.new_shown(name))).collect();
        self.steps.push(Step::Lookup(Lookup { table, keys, output }));
        Ok(())
    }

    /// `hidden` are columns that are compared and not shown.
    pub(super) fn join(&mut self, join: &ast::Join, hidden: &[String]) -> Result<(), PlanError> {
        let ast::Join { kind, left, right, on, condition, query } = join;
        let (left, right) = (left.as_deref(), right.as_deref());
        if let Some(left) = left {
            self.names.prefix(left);
        }
        let keys = on.iter().map(|(own, _)| self.join_key(own, left)).collect::<Result<Vec<_>, _>>()?;
        let answer = self.setting.answer(query)?;
        let column = |expr: &Expr| {
            let Expr::Field(name) = expr else { return Err(PlanError::JoinKey) };
            let own = right.and_then(|right| name.strip_prefix(right)?.strip_prefix('.')).unwrap_or(name);
            let at = answer.columns.iter().position(|column| column == own);
            at.ok_or_else(|| PlanError::NoColumn { table: right.unwrap_or("join").to_owned(), column: own.to_owned() })
        };
        let key = on.iter().map(|(_, other)| column(other)).collect::<Result<Vec<_>, _>>()?;
        let names: Vec<String> = answer.columns.clone();
        let table = Arc::new(Table::new(answer.rows.clone(), &key));
        let is_known = subqueries::chooses(query) || !self.names.is_open();
        let mut output = Vec::new();
        for (at, name) in names.iter().enumerate() {
            let prefixed = right.map_or_else(|| name.clone(), |right| format!("{right}.{name}"));
            let slot = match hidden.contains(name) {
                true => self.new_hidden(&prefixed),
                false => self.new_in_sight(&prefixed),
            };
            // A column that both sides have by the same name is the one of the rows so far.
            if is_known && !on.iter().any(|(own, _)| matches!(own, Expr::Field(own) if own == name)) {
                self.names.name_joined(name, slot);
            }
            output.push((at, slot));
        }
        let condition = condition.as_ref().map(|condition| self.code(condition)).transpose()?;
        let merged = if kind.keeps_right() { self.merged(on, &keys, &key, &output, left) } else { Vec::new() };
        self.steps.push(Step::Join(Join::new(*kind, table, keys, condition, output)));
        if !merged.is_empty() {
            self.steps.push(Step::Compute(merged));
        }
        Ok(())
    }

    /// The field of the rows so far that `join` compares.
    fn join_key(&mut self, own: &Expr, left: Option<&str>) -> Result<Code, PlanError> {
        match (self.code(own)?, own) {
            (Code::Constant(_), Expr::Field(name)) => {
                Err(PlanError::NoColumn { table: left.unwrap_or("join").to_owned(), column: name.clone() })
            }
            (code, _) => Ok(code),
        }
    }

    /// Where rows of the other query are kept that have no partner, a key that both sides call the same has their value.
    fn merged(
        &mut self,
        on: &[(Expr, Expr)],
        keys: &[Code],
        columns: &[usize],
        output: &[(usize, usize)],
        left: Option<&str>,
    ) -> Vec<(usize, Code)> {
        let mut merged = Vec::new();
        for (((own, other), key), column) in on.iter().zip(keys).zip(columns) {
            let (Expr::Field(name), true, Code::Slot(slot)) = (own, own == other, key) else { continue };
            let Some((_, of_other)) = output.iter().find(|(at, _)| at == column) else { continue };
            if let Some(left) = left {
                self.names.name(&format!("{left}.{name}"), *slot);
            }
            let either = self.new_hidden(name);
            merged.push((either, Code::Call(Function::Coalesce, vec![key.clone(), Code::Slot(*of_other)])));
        }
        merged
    }

    /// A column that is not shown unless a command names it.
    fn new_hidden(&mut self, name: &str) -> usize {
        let slot = self.names.new_column();
        self.names.name(name, slot);
        slot
    }

    pub(super) fn append_columns(&mut self, query: &Query, overrides: bool, count: u64) -> Result<(), PlanError> {
        let answer = self.setting.answer(query)?;
        let (names, others) = (answer.columns.clone(), Arc::new(answer.rows.clone()));
        let known = self.in_sight();
        let (mut output, mut copied) = (Vec::new(), Vec::new());
        for (at, name) in names.iter().enumerate().filter(|(_, name)| overrides || !known.contains(name)) {
            let own = if known.contains(name) { self.names.slot(name) } else { None };
            let slot = self.new_in_sight(name);
            // A row that the other query has none for keeps what it has.
            copied.extend(own.map(|own| (slot, Code::Slot(own))));
            output.push((at, slot));
        }
        self.steps.push(Step::Compute(copied));
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        self.steps.push(Step::AppendColumns(AppendColumns { others, count, output }));
        Ok(())
    }

    pub(super) fn combine(&mut self, kind: Combination, is_all: bool, query: &Query) -> Result<(), PlanError> {
        let answer = self.setting.answer(query)?;
        let (width, others) = (answer.columns.len(), Arc::new(answer.rows.clone()));
        let names = self.in_sight();
        if names.len() != width {
            let word = match kind {
                Combination::Union => "UNION",
                Combination::Intersect => "INTERSECT",
                Combination::Except => "EXCEPT",
            };
            return Err(PlanError::Combination(word, names.len(), width));
        }
        let mut slots = Vec::new();
        for name in &names {
            slots.push(self.names.slot(name).ok_or(PlanError::CombinationOfAll)?);
        }
        let columns: Vec<Column> =
            names.into_iter().map(|name| Column { value: Expr::Field(name.clone()), name }).collect();
        self.names.close(&columns);
        self.shown = Shown::only(&columns);
        self.steps.push(Step::Combine(Combine { kind, is_all, others, slots }));
        Ok(())
    }

    pub(super) fn cidr_lookup(
        &mut self,
        table: &str,
        address: &Expr,
        column: Option<&str>,
        output: &[(String, String)],
        only_missing: bool,
    ) -> Result<(), PlanError> {
        let known = self.lookups.get(table).ok_or_else(|| PlanError::NoTable(table.to_owned()))?;
        let place = |name: &str| {
            let at = known.header.iter().position(|column| column == name);
            at.ok_or_else(|| PlanError::NoColumn { table: table.to_owned(), column: name.to_owned() })
        };
        let is_block = |text: &String| {
            text.split_once('/').is_some_and(|(address, _)| address.parse::<std::net::IpAddr>().is_ok())
        };
        let key = match column {
            Some(name) => place(name)?,
            None => {
                let has_blocks = |at: &usize| known.rows.iter().any(|row| row.get(*at).is_some_and(is_block));
                (0..known.header.len()).find(has_blocks).ok_or_else(|| PlanError::NoBlocks(table.to_owned()))?
            }
        };
        let output: Vec<(usize, &str)> =
            output.iter().map(|(from, to)| Ok((place(from)?, to.as_str()))).collect::<Result<_, PlanError>>()?;
        let blocks = Arc::new(Blocks::new(known.rows.iter().map(|row| row.get(key).map(String::as_str))));
        let rows = known.rows.iter().map(|row| row.iter().cloned().map(Some).collect()).collect();
        let table = Arc::new(Table::new(rows, &[]));
        let address = self.code(address)?;
        let known = only_missing.then(|| output.iter().map(|(_, name)| self.names.field(name)).collect());
        let output = output.into_iter().map(|(at, name)| (at, self.new_in_sight(name))).collect();
        self.steps.push(Step::CidrLookup(CidrLookup { table, blocks, address, output, known }));
        Ok(())
    }
}

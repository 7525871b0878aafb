//! Commands over many rows: `trendline`, `eventstats` and `flatten`.
//!
//! `flatten` takes the members of a column that `json_object` made, for columns have no types that would tell theirs.

use super::super::ast::{Aggregate, Column, Command, Expr, Frame, SortKey, Step, Window, WindowColumn, WindowValue};
use super::super::cursor::Parsed;
use super::super::expression::Reader;
use super::super::rows::FRAME_ROWS_MAX;
use super::commands::name_of;

impl Reader<'_> {
    /// Behind `trendline`: `sort - a sma(2, b) as c wma(3, d)`.
    pub(super) fn trendline(&mut self, commands: &mut Vec<Command>) -> Parsed<()> {
        if self.cursor.eat_word("sort") {
            let is_descending = self.cursor.eat_symbol("-");
            if !is_descending {
                self.cursor.eat_symbol("+");
            }
            let value = self.column_reference()?;
            commands.push(Command::Sort(vec![SortKey { value, is_descending, is_natural: false }]));
        }
        let mut columns = Vec::new();
        loop {
            let token = self.cursor.peek();
            let is_weighted = self.cursor.is_word("wma");
            if !is_weighted && !self.cursor.is_word("sma") {
                return Err(self.cursor.unexpected());
            }
            self.cursor.advance();
            self.cursor.symbol("(")?;
            let rows = self.cursor.whole()?;
            let Some(rows) = u32::try_from(rows).ok().filter(|rows| (1..=FRAME_ROWS_MAX).contains(&i64::from(*rows)))
            else {
                let message = format!("a moving average is of 1 to {FRAME_ROWS_MAX} rows");
                return Err(self.cursor.error_since(token.start, message));
            };
            self.cursor.symbol(",")?;
            let of = self.column_reference()?;
            self.cursor.symbol(")")?;
            let name = match self.cursor.eat_word("as") {
                true => self.cursor.name()?,
                false => format!("{}_trendline", name_of(&of)),
            };
            let value = match is_weighted {
                true => WindowValue::Weighted(of),
                false => WindowValue::Aggregate(Aggregate::Avg, vec![of]),
            };
            self.scope.show(&name, None);
            columns.push(WindowColumn { name, value, frame: Frame::last(rows) });
            self.cursor.eat_symbol(",");
            if !self.cursor.is_word("sma") && !self.cursor.is_word("wma") {
                break;
            }
        }
        commands.push(Command::Window(Window { columns, partition: Vec::new(), order: Vec::new() }));
        Ok(())
    }

    /// Behind `eventstats`: aggregates that every row of a group is given.
    pub(super) fn eventstats(&mut self) -> Parsed<Command> {
        self.scope.is_stats = true;
        let columns = self.list(|reader| {
            let start = reader.cursor.peek().start;
            let Column { name, value } = reader.column()?;
            match value {
                Expr::Aggregate(function, arguments) => {
                    let value = WindowValue::Aggregate(function, arguments);
                    Ok(WindowColumn { name, value, frame: Frame::ALL })
                }
                _ => Err(reader.cursor.error_since(start, "eventstats takes aggregates")),
            }
        })?;
        self.scope.is_stats = false;
        let partition = if self.cursor.eat_word("by") { self.list(Self::column)? } else { Vec::new() };
        columns.iter().for_each(|column| self.scope.show(&column.name, None));
        let partition = partition.into_iter().map(|column| column.value).collect();
        Ok(Command::Window(Window { columns, partition, order: Vec::new() }))
    }

    /// Behind `flatten`: `a as (b, c)`.
    pub(super) fn flatten(&mut self) -> Parsed<Command> {
        let token = self.cursor.peek();
        let name = self.cursor.name()?;
        let Some(members) = self.scope.members.get(&name).cloned() else {
            return Err(self.cursor.error(token, "flatten needs a column that json_object made"));
        };
        let mut names = members.clone();
        if self.cursor.eat_word("as") {
            let is_list = self.cursor.eat_symbol("(");
            names = self.list(|reader| reader.cursor.name())?;
            if is_list {
                self.cursor.symbol(")")?;
            }
        }
        if names.len() != members.len() {
            let message = format!("flatten has {} names for {} members", names.len(), members.len());
            return Err(self.cursor.error_since(token.start, message));
        }
        let columns: Vec<Column> = names
            .into_iter()
            .zip(members)
            .map(|(column, member)| {
                let value = Expr::Member(Box::new(Expr::Field(name.clone())), vec![Step::Name(member)]);
                Column { name: column, value }
            })
            .collect();
        for column in &columns {
            self.scope.define(&column.name, &column.value);
            self.scope.show(&column.name, None);
        }
        Ok(Command::Fields(columns))
    }
}

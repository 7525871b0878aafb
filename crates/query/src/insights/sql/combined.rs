//! `UNION`, `INTERSECT`, `EXCEPT` and `WITH`: queries of several `SELECT`s.
//!
//! They are put together from left to right. `WITH` gives a `SELECT` a name that stands for a table; it is read again wherever it
//! is named.

use super::super::ast::{Combination, Command, Query, SortKey};
use super::super::cursor::Parsed;
use super::super::expression::Reader;
use super::super::scope::Scope;
use super::super::subqueries;

/// Most commands that named tables may come to: a limit of ours, for they may name each other.
const COMMANDS_MAX: usize = 500;

impl Reader<'_> {
    /// A `SELECT` with what may stand before and behind it.
    pub(in crate::insights) fn select(&mut self) -> Parsed<Query> {
        self.cursor.enter()?;
        if self.cursor.eat_word("with") {
            self.named_tables()?;
        }
        let mut query = self.term(false)?;
        let mut is_combined = false;
        while let Some(kind) = self.combination() {
            is_combined = true;
            let is_all = self.cursor.eat_word("all");
            if !is_all {
                self.cursor.eat_word("distinct");
            }
            // It knows nothing of the columns before it.
            let is_subquery = self.scope.is_subquery;
            self.scope = Scope { is_subquery, ..Scope::default() };
            let other = Box::new(self.term(true)?);
            query.commands.push(Command::Combine { kind, is_all, query: other });
        }
        if is_combined {
            self.tail_of_combined(&mut query)?;
        }
        self.cursor.leave();
        Ok(query)
    }

    /// One `SELECT`, or a query in parentheses. What sorts and cuts belongs to all of them, not to one that `follows` another.
    fn term(&mut self, follows: bool) -> Parsed<Query> {
        if !self.cursor.eat_symbol("(") {
            return self.select_alone(follows);
        }
        let query = self.select()?;
        self.cursor.symbol(")")?;
        Ok(query)
    }

    fn combination(&mut self) -> Option<Combination> {
        let words = [
            ("union", Combination::Union),
            ("intersect", Combination::Intersect),
            ("except", Combination::Except),
            ("minus", Combination::Except),
        ];
        words.into_iter().find(|(word, _)| self.cursor.eat_word(word)).map(|(_, kind)| kind)
    }

    /// True when a `SELECT` ends here because another follows.
    pub(super) fn is_combined(&self) -> bool {
        ["union", "intersect", "except", "minus"].iter().any(|word| self.cursor.is_word(word))
    }

    /// `ORDER BY`, `LIMIT` and `OFFSET` of all rows.
    fn tail_of_combined(&mut self, query: &mut Query) -> Parsed<()> {
        if self.cursor.eat_word("order") {
            self.cursor.word("by")?;
            let keys = self.list(Self::order_key)?.into_iter().flatten();
            let keys =
                keys.map(|(item, is_descending)| SortKey { value: item.value, is_descending, is_natural: false });
            query.commands.push(Command::Sort(keys.collect()));
        }
        let limit = if self.cursor.eat_word("limit") { Some(self.cursor.whole()?) } else { None };
        let offset = if self.cursor.eat_word("offset") { Some(self.cursor.whole()?) } else { None };
        query.commands.extend(offset.filter(|offset| *offset > 0).map(Command::Skip));
        query.commands.extend(limit.map(Command::Limit));
        Ok(())
    }

    /// Behind `WITH`: `a AS (SELECT …), b AS (SELECT …)`.
    fn named_tables(&mut self) -> Parsed<()> {
        if self.cursor.is_word("recursive") {
            return Err(self.unsupported(self.cursor.peek(), "clause"));
        }
        loop {
            let name = self.cursor.name()?;
            self.cursor.word("as")?;
            self.cursor.symbol("(")?;
            let outer = std::mem::replace(&mut self.scope, Scope { is_subquery: true, ..Scope::default() });
            let query = self.select()?;
            self.scope = outer;
            self.cursor.symbol(")")?;
            self.tables.push((name, query));
            if !self.cursor.eat_symbol(",") {
                return Ok(());
            }
        }
    }

    /// The query that a name stands for by `WITH`, the last of that name.
    pub(super) fn named_table(&mut self, name: &str) -> Parsed<Option<Query>> {
        let Some((_, query)) = self.tables.iter().rev().find(|(known, _)| known.eq_ignore_ascii_case(name)) else {
            return Ok(None);
        };
        self.commands_of_tables += commands(query);
        if self.commands_of_tables > COMMANDS_MAX {
            return Err(self.cursor.error(self.cursor.peek(), "the tables of WITH are too large where they are named"));
        }
        Ok(Some(query.clone()))
    }
}

/// How many commands a query has, with those of queries within it.
fn commands(query: &Query) -> usize {
    query.commands.len() + subqueries::of(query).into_iter().map(commands).sum::<usize>()
}

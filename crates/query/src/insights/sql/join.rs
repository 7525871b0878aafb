//! `JOIN`: which kind of join, and what its `ON` or `USING` asks of rows.
//!
//! `ON` is a condition of any kind in which fields of both sides are equal; those equations find partners, and what else the
//! condition says is asked of them then.

use super::super::ast::{BinaryOp, Column, Command, Expr, Join, JoinKind, Query};
use super::super::cursor::Parsed;
use super::super::expression::{Reader, balanced};
use super::super::parse::{NO_SIDES, sides};

impl Reader<'_> {
    /// The kind of join that comes next, if one does, and the word `JOIN`.
    pub(super) fn join_kind(&mut self) -> Parsed<Option<JoinKind>> {
        let outer = [("left", JoinKind::Left), ("right", JoinKind::Right), ("full", JoinKind::Full)];
        let kind = if let Some((_, kind)) = outer.into_iter().find(|(word, _)| self.cursor.eat_word(word)) {
            self.cursor.eat_word("outer");
            kind
        } else if self.cursor.eat_word("inner") || self.cursor.is_word("join") {
            JoinKind::Inner
        } else if ["cross", "lateral", "natural"].iter().any(|word| self.cursor.is_word(word)) {
            return Err(self.unsupported(self.cursor.peek(), "join"));
        } else {
            return Ok(None);
        };
        if self.cursor.is_word("semi") || self.cursor.is_word("anti") {
            return Err(self.unsupported(self.cursor.peek(), "join"));
        }
        self.cursor.word("join")?;
        Ok(Some(kind))
    }

    /// Behind the second table: `ON …` or `USING (…)`. No other join may follow.
    pub(super) fn join_on(
        &mut self,
        kind: JoinKind,
        left: Option<String>,
        right: Option<String>,
        query: Query,
    ) -> Parsed<Join> {
        let (mut on, mut rest) = (Vec::new(), Vec::new());
        if self.cursor.eat_word("using") {
            self.cursor.symbol("(")?;
            on = self.list(|reader| reader.field().map(|field| (field.clone(), field)))?;
            self.cursor.symbol(")")?;
        } else {
            self.cursor.word("on")?;
            let start = self.cursor.peek().start;
            for part in conjuncts(self.expression()?) {
                let equal = match &part {
                    Expr::Binary(BinaryOp::Equal, one, other) => sides(one, other, left.as_deref(), right.as_deref()),
                    _ => None,
                };
                match equal {
                    Some(sides) => on.push(sides),
                    None => rest.push(part),
                }
            }
            if on.is_empty() {
                return Err(self.cursor.error_since(start, NO_SIDES));
            }
        }
        let token = self.cursor.peek();
        if self.join_kind()?.is_some() {
            return Err(self.cursor.error(token, "only one join is supported per query"));
        }
        let condition = if rest.is_empty() { None } else { Some(balanced(BinaryOp::And, rest)) };
        Ok(Join { kind, left, right, on, condition, query: Box::new(query) })
    }
}

/// The parts of a condition that must all be true, in their order.
fn conjuncts(condition: Expr) -> Vec<Expr> {
    let (mut open, mut found) = (vec![condition], Vec::new());
    while let Some(expr) = open.pop() {
        match expr {
            Expr::Binary(BinaryOp::And, left, right) => open.extend([*right, *left]),
            other => found.push(other),
        }
    }
    found
}

/// Where a joined query stands for a table, its columns are called without the names of its own tables, as far as that leaves them
/// apart.
pub(super) fn drop_prefixes(query: &mut Query) {
    let prefixes: Vec<String> = query.commands.iter().flat_map(prefixes).collect();
    let Some(Command::Display(columns)) = query.commands.last_mut() else { return };
    let own = |name: &str| {
        let rest = prefixes.iter().find_map(|prefix| name.strip_prefix(prefix.as_str())?.strip_prefix('.'));
        rest.unwrap_or(name).to_owned()
    };
    let names: Vec<String> = columns.iter().map(|column| own(&column.name)).collect();
    for (Column { name, .. }, own) in columns.iter_mut().zip(&names) {
        if names.iter().filter(|known| *known == own).count() == 1 {
            own.clone_into(name);
        }
    }
}

/// What a join calls its sides.
pub(super) fn prefixes(command: &Command) -> Vec<String> {
    match command {
        Command::Join(Join { left, right, .. }) => left.iter().chain(right).cloned().collect(),
        _ => Vec::new(),
    }
}

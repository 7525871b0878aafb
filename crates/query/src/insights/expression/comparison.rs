//! Comparisons: `=`, `like`, `in` and their like.

use super::super::ast::{BinaryOp, Expr, InList, LikePattern};
use super::super::cursor::Parsed;
use super::Reader;

const OPERATORS: [(&str, BinaryOp); 7] = [
    ("=", BinaryOp::Equal),
    ("==", BinaryOp::Equal),
    ("!=", BinaryOp::NotEqual),
    ("<", BinaryOp::Less),
    ("<=", BinaryOp::LessEqual),
    (">", BinaryOp::Greater),
    (">=", BinaryOp::GreaterEqual),
];

/// Most comparisons in a row, `a = b = c`.
const COMPARISONS_MAX: usize = 16;

impl Reader<'_> {
    pub(super) fn comparison(&mut self) -> Parsed<Expr> {
        let mut value = self.sum()?;
        for _ in 0..COMPARISONS_MAX {
            let operator = OPERATORS.iter().find(|(symbol, _)| self.cursor.is_symbol(symbol));
            if let Some((symbol, operator)) = operator {
                self.cursor.symbol(symbol)?;
                value = Expr::Binary(*operator, Box::new(value), Box::new(self.sum()?));
                continue;
            }
            let mark = self.cursor.mark();
            let is_negated = self.cursor.eat_word("not");
            value = if self.cursor.eat_word("like") || !is_negated && self.cursor.eat_symbol("=~") {
                self.like(value, is_negated)?
            } else if !is_negated && self.cursor.eat_symbol("!~") {
                self.like(value, true)?
            } else if self.cursor.eat_word("in") {
                let list = self.in_list()?;
                Expr::In { value: Box::new(value), list, is_negated }
            } else {
                self.cursor.back_to(mark);
                return Ok(value);
            };
        }
        Err(self.cursor.unexpected())
    }

    /// Behind `like`.
    fn like(&mut self, text: Expr, is_negated: bool) -> Parsed<Expr> {
        let pattern = match self.eat_regex(&[])? {
            Some(regex) => LikePattern::Regex(regex),
            None => LikePattern::Contains(self.cursor.quoted()?),
        };
        Ok(Expr::Like { text: Box::new(text), pattern, is_negated })
    }

    /// Behind `in`.
    fn in_list(&mut self) -> Parsed<InList> {
        if self.cursor.is_symbol("(") {
            return self.subquery().map(|query| InList::Query(Box::new(query)));
        }
        self.cursor.symbol("[")?;
        let mut values = Vec::new();
        if !self.cursor.is_symbol("]") {
            values = self.list(Self::expression)?;
        }
        self.cursor.symbol("]")?;
        Ok(InList::Values(values))
    }
}

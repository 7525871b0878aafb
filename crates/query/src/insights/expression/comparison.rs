//! Comparisons: `=`, `like`, `in` and their like.

use super::super::ast::{BinaryOp, Expr, InList, LikePattern};
use super::super::cursor::Parsed;
use super::super::lexer::Dialect;
use super::Reader;

/// The first is not Insights QL's.
const OPERATORS: [(&str, BinaryOp); 8] = [
    ("<>", BinaryOp::NotEqual),
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
        let value = self.sum()?;
        self.comparison_with(value)
    }

    /// What `value` is compared with.
    pub fn comparison_with(&mut self, mut value: Expr) -> Parsed<Expr> {
        for _ in 0..COMPARISONS_MAX {
            let is_cwli = self.cursor.dialect == Dialect::Cwli;
            let mut operators = OPERATORS.iter().skip(usize::from(is_cwli));
            let operator = operators.find(|(symbol, _)| self.cursor.is_symbol(symbol));
            if let Some((symbol, operator)) = operator {
                self.cursor.symbol(symbol)?;
                value = Expr::Binary(*operator, Box::new(value), Box::new(self.sum()?));
                continue;
            }
            if !is_cwli {
                match self.word_comparison(value)? {
                    Ok(compared) => value = compared,
                    Err(value) => return Ok(value),
                }
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

//! Expressions, with the precedence that the three languages share: `or`, `and`, `not`, comparisons, `+ -`, `* / %`, `^`.

mod call;
mod comparison;
mod opensearch;
mod operand;

pub use call::unit;
pub use operand::is_reserved;

use super::ast::{BinaryOp, Expr, Literal, Query, UnaryOp};
use super::cursor::{Cursor, Parsed};
use super::lexer::{Dialect, Kind};
use super::scope::Scope;
use super::vocabulary::opensearch::shifted;
use super::walk;

/// Longest chain of operators that bind to the left, `a - b - c …`: a limit of ours that keeps recursion over the tree bounded. Chains
/// of `and` and of `or` are put into balanced trees, and have no limit.
const CHAIN_MAX: usize = 100;
/// Most levels of an expression's tree: a limit of ours, so that whoever walks over a tree may recurse.
pub const LEVELS_MAX: usize = 120;
/// Most regular expressions of one query: a limit of ours, for each takes memory.
const REGEXES_MAX: usize = 64;

/// A reader of one query, in any of the languages.
#[derive(Debug)]
pub struct Reader<'t> {
    /// Where it is.
    pub cursor: Cursor<'t>,
    /// What it has seen.
    pub scope: Scope,
    regexes: usize,
    /// SQL: queries that `WITH` has given names.
    pub tables: Vec<(String, Query)>,
    /// SQL: how many commands they came to where they were named.
    pub commands_of_tables: usize,
}

impl<'t> Reader<'t> {
    /// At the beginning of `text`.
    pub fn new(text: &'t str, dialect: Dialect) -> Self {
        Self {
            cursor: Cursor::new(text, dialect),
            scope: Scope::default(),
            regexes: 0,
            tables: Vec::new(),
            commands_of_tables: 0,
        }
    }

    /// An expression and the text that it was written with.
    pub fn written_expression(&mut self) -> Parsed<(Expr, &'t str)> {
        let start = self.cursor.peek().start;
        let value = self.expression()?;
        Ok((value, &self.cursor.text[start..self.cursor.last_end()]))
    }

    /// An expression.
    pub fn expression(&mut self) -> Parsed<Expr> {
        self.cursor.enter()?;
        let start = self.cursor.peek().start;
        let value = self.disjunction()?;
        if walk::is_higher_than(&value, LEVELS_MAX) {
            return Err(self.cursor.error_since(start, "the expression is nested too deeply"));
        }
        self.cursor.leave();
        Ok(value)
    }

    /// One item, and others behind commas.
    pub fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Parsed<T>) -> Parsed<Vec<T>> {
        let mut items = vec![item(self)?];
        while self.cursor.eat_symbol(",") {
            items.push(item(self)?);
        }
        Ok(items)
    }

    /// One more regular expression, if that is not too many.
    fn count_regex(&mut self) -> Parsed<()> {
        self.regexes += 1;
        if self.regexes > REGEXES_MAX {
            let message = format!("the query has more than {REGEXES_MAX} regular expressions");
            return Err(self.cursor.error(self.cursor.peek(), message));
        }
        Ok(())
    }

    /// The expression between slashes that comes next, if one does.
    pub fn eat_regex(&mut self, names: &[String]) -> Parsed<Option<super::ast::Regex>> {
        let Some((source, token)) = self.cursor.eat_regex()? else { return Ok(None) };
        self.count_regex()?;
        super::regexes::compile(source, names).map(Some).map_err(|message| self.cursor.error(token, message))
    }

    fn disjunction(&mut self) -> Parsed<Expr> {
        let mut terms = vec![self.conjunction()?];
        while self.cursor.eat_word("or") {
            terms.push(self.conjunction()?);
        }
        Ok(balanced(BinaryOp::Or, terms))
    }

    fn conjunction(&mut self) -> Parsed<Expr> {
        let mut terms = vec![self.negation()?];
        while self.cursor.eat_word("and") {
            terms.push(self.negation()?);
        }
        Ok(balanced(BinaryOp::And, terms))
    }

    fn negation(&mut self) -> Parsed<Expr> {
        if !self.cursor.eat_word("not") {
            return self.comparison();
        }
        self.cursor.enter()?;
        let value = self.negation()?;
        self.cursor.leave();
        Ok(Expr::Unary(UnaryOp::Not, Box::new(value)))
    }

    /// Sums and differences.
    pub fn sum(&mut self) -> Parsed<Expr> {
        self.chain(&[("+", BinaryOp::Add), ("-", BinaryOp::Subtract)], Self::product)
    }

    fn product(&mut self) -> Parsed<Expr> {
        let operators = [("*", BinaryOp::Multiply), ("/", BinaryOp::Divide), ("%", BinaryOp::Remainder)];
        self.chain(&operators, Self::unary)
    }

    /// Operands with operators between them that bind to the left.
    fn chain(&mut self, operators: &[(&str, BinaryOp)], operand: impl Fn(&mut Self) -> Parsed<Expr>) -> Parsed<Expr> {
        let mut value = operand(self)?;
        for _ in 0..CHAIN_MAX {
            let Some((symbol, operator)) = operators.iter().find(|(symbol, _)| self.cursor.is_symbol(symbol)) else {
                return Ok(value);
            };
            self.cursor.symbol(symbol)?;
            let right = operand(self)?;
            value = applied(*operator, value, right);
        }
        let message = format!("the query has more than {CHAIN_MAX} operators in a row");
        Err(self.cursor.error(self.cursor.peek(), message))
    }

    fn unary(&mut self) -> Parsed<Expr> {
        let is_not = self.cursor.is_symbol("!");
        if !is_not && !self.cursor.is_symbol("-") {
            return self.power();
        }
        self.cursor.advance();
        self.cursor.enter()?;
        let value = self.unary()?;
        self.cursor.leave();
        Ok(match value {
            value if is_not => Expr::Unary(UnaryOp::Not, Box::new(value)),
            Expr::Literal(Literal::Number(number)) => Expr::Literal(Literal::Number(-number)),
            value => Expr::Unary(UnaryOp::Negate, Box::new(value)),
        })
    }

    fn power(&mut self) -> Parsed<Expr> {
        let base = self.operand()?;
        if self.cursor.dialect != Dialect::Cwli || !self.cursor.eat_symbol("^") {
            return Ok(base);
        }
        self.cursor.enter()?;
        let exponent = self.unary()?;
        self.cursor.leave();
        Ok(Expr::Binary(BinaryOp::Power, Box::new(base), Box::new(exponent)))
    }

    /// True when the next token is a name followed by an opening parenthesis.
    pub fn is_call(&mut self) -> bool {
        let mark = self.cursor.mark();
        let is_name = self.cursor.peek().kind == Kind::Word;
        self.cursor.advance();
        let is_call = is_name && self.cursor.is_symbol("(");
        self.cursor.back_to(mark);
        is_call
    }
}

/// An operator with its operands; a length of time is added to dates.
#[inline(never)]
fn applied(operator: BinaryOp, left: Expr, right: Expr) -> Expr {
    match (operator, right) {
        (BinaryOp::Add, Expr::Literal(Literal::Duration(period))) => shifted(left, period, 1.0),
        (BinaryOp::Subtract, Expr::Literal(Literal::Duration(period))) => shifted(left, period, -1.0),
        (operator, right) => Expr::Binary(operator, Box::new(left), Box::new(right)),
    }
}

/// The terms in their order, in a tree that is as low as can be.
pub fn balanced(operator: BinaryOp, mut terms: Vec<Expr>) -> Expr {
    if terms.len() > 1 {
        let right = terms.split_off(terms.len().div_ceil(2));
        let (left, right) = (balanced(operator, terms), balanced(operator, right));
        return Expr::Binary(operator, Box::new(left), Box::new(right));
    }
    terms.pop().unwrap_or(Expr::Literal(Literal::Null))
}

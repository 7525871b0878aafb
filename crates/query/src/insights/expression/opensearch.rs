//! What expressions of OpenSearch SQL and PPL have of their own: their calls, `CASE`, `CAST`, `BETWEEN`, `IS NULL`, patterns.

use super::super::ast::{BinaryOp, Command, Expr, Function, InList, LikePattern, Literal, Period, UnaryOp};
use super::super::cursor::Parsed;
use super::super::error::QueryError;
use super::super::lexer::{Dialect, Kind, Token};
use super::super::vocabulary::COPIED_NODES_MAX;
use super::super::vocabulary::opensearch::{self, Called};
use super::super::{regexes, walk};
use super::{Reader, balanced};

/// A length of time that is written as a text: `'5m'`, `'5 minutes'`.
fn quoted_period(written: &Expr) -> Option<Expr> {
    let Expr::Literal(Literal::Text(written)) = written else { return None };
    let written = written.trim();
    let (count, name) = written.split_at(written.find(|c: char| !c.is_ascii_digit())?);
    let (unit, most) = super::unit(name.trim())?;
    let count = count.parse::<u32>().ok().filter(|count| *count > 0)?.min(most);
    Some(Expr::Literal(Literal::Duration(Period { count, unit })))
}

impl Reader<'_> {
    /// A name, and arguments in parentheses.
    pub(super) fn opensearch_call(&mut self) -> Parsed<Expr> {
        let name = self.cursor.advance();
        self.cursor.symbol("(")?;
        let lower = self.cursor.written(name).to_ascii_lowercase();
        match (lower.as_str(), self.cursor.dialect) {
            ("cast", _) => return self.cast(),
            ("case", Dialect::Ppl) => return self.ppl_case(),
            ("span", Dialect::Ppl) => return self.span(),
            ("like", Dialect::Ppl) => return self.like_call(),
            ("exists", Dialect::Sql) => return Err(self.unsupported(name, "condition")),
            ("extract", _) => return self.extract(),
            _ => {}
        }
        let is_stats = std::mem::take(&mut self.scope.is_stats);
        let is_distinct = self.cursor.eat_word("distinct");
        let mut arguments = Vec::new();
        let is_row_function = opensearch::is_row_function(&lower);
        if !self.cursor.eat_symbol("*") && !self.cursor.is_symbol(")") {
            self.scope.is_stats = is_stats && is_row_function;
            arguments = self.list(Self::expression)?;
        }
        self.scope.is_stats = is_stats;
        self.cursor.symbol(")")?;
        if self.cursor.dialect == Dialect::Sql && self.cursor.is_word("over") {
            return self.over(name, &lower, arguments, is_distinct);
        }
        self.refuse_window()?;
        if matches!(lower.as_str(), "regexp_replace" | "regexp_extract") {
            self.check_regex(name, arguments.get(1))?;
        }
        let column = &self.cursor.text[name.start..self.cursor.last_end()];
        let called = match is_row_function {
            true if is_distinct => Called::DoesNotFit,
            true => opensearch::call(&lower, arguments),
            false => match opensearch::aggregate(&lower, arguments, is_distinct, self.cursor.dialect) {
                Called::Known(_) if !is_stats && self.scope.is_column(column) => {
                    return Ok(Expr::Field(column.to_owned()));
                }
                Called::Known(_) if !is_stats => return Err(self.cursor.unexpected_at(name)),
                called => called,
            },
        };
        match called {
            Called::Known(value) => Ok(value),
            Called::DoesNotFit => Err(self.arguments_do_not_fit(name)),
            Called::Unknown => Err(self.unsupported(name, "function")),
        }
    }

    /// This function, command or clause has no counterpart here.
    pub fn unsupported(&self, name: Token, what: &str) -> QueryError {
        self.cursor.error(name, format!("the {what} {} is not supported", self.cursor.written(name)))
    }

    fn refuse_window(&self) -> Parsed<()> {
        let is_window = self.cursor.is_word("over") || self.cursor.is_word("within");
        if is_window { Err(self.unsupported(self.cursor.peek(), "clause")) } else { Ok(()) }
    }

    /// Behind `cast(`.
    fn cast(&mut self) -> Parsed<Expr> {
        let value = self.expression()?;
        self.cursor.word("as")?;
        let kind = self.cursor.peek();
        let name = self.cursor.name()?.to_ascii_lowercase();
        if self.cursor.eat_symbol("(") {
            self.list(|reader| reader.cursor.whole())?;
            self.cursor.symbol(")")?;
        }
        self.cursor.symbol(")")?;
        opensearch::cast(value, &name).ok_or_else(|| self.unsupported(kind, "type"))
    }

    /// Behind `extract(`: `year from a`.
    fn extract(&mut self) -> Parsed<Expr> {
        let part = self.cursor.name()?.to_ascii_lowercase();
        self.cursor.word("from")?;
        let time = self.expression()?;
        self.cursor.symbol(")")?;
        Ok(Expr::Call(Function::DatePart, vec![Expr::Literal(Literal::Text(part)), time]))
    }

    /// `INTERVAL 1 DAY`, or a field of that name.
    pub(super) fn interval(&mut self) -> Parsed<Expr> {
        match self.eat_interval()? {
            Some(interval) => Ok(interval),
            None => self.field(),
        }
    }

    fn eat_interval(&mut self) -> Parsed<Option<Expr>> {
        let mark = self.cursor.mark();
        self.cursor.advance();
        let count = match self.cursor.peek().kind {
            Kind::Number => self.cursor.whole().ok(),
            Kind::Text => self.cursor.quoted()?.trim().parse().ok(),
            _ => None,
        };
        let unit = self.cursor.peek();
        let known = super::unit(self.cursor.written(unit)).filter(|_| unit.kind == Kind::Word);
        match (count.and_then(|count| u32::try_from(count).ok()), known) {
            (Some(count), Some((unit, _))) => {
                self.cursor.advance();
                Ok(Some(Expr::Literal(Literal::Duration(Period { count, unit }))))
            }
            _ => {
                self.cursor.back_to(mark);
                Ok(None)
            }
        }
    }

    /// Behind `case(`: conditions and values, then `else` and a value.
    fn ppl_case(&mut self) -> Parsed<Expr> {
        let mut branches = Vec::new();
        loop {
            let when = self.expression()?;
            self.cursor.symbol(",")?;
            branches.push((when, self.expression()?));
            if !self.cursor.eat_symbol(",") {
                break;
            }
        }
        let otherwise = if self.cursor.eat_word("else") { Some(Box::new(self.expression()?)) } else { None };
        self.cursor.symbol(")")?;
        Ok(Expr::Case(branches, otherwise))
    }

    /// Behind `CASE`: `WHEN … THEN … ELSE … END`, with or without a value that is compared.
    pub(super) fn sql_case(&mut self) -> Parsed<Expr> {
        self.cursor.word("case")?;
        let start = self.cursor.peek().start;
        let compared = if self.cursor.is_word("when") { None } else { Some(self.expression()?) };
        let mut branches = Vec::new();
        while self.cursor.eat_word("when") {
            let when = self.expression()?;
            self.cursor.word("then")?;
            let when = match &compared {
                Some(value) => {
                    self.check_copied(value, start)?;
                    Expr::Binary(BinaryOp::Equal, Box::new(value.clone()), Box::new(when))
                }
                None => when,
            };
            branches.push((when, self.expression()?));
        }
        if branches.is_empty() {
            return Err(self.cursor.unexpected());
        }
        let otherwise = if self.cursor.eat_word("else") { Some(Box::new(self.expression()?)) } else { None };
        self.cursor.word("end")?;
        Ok(Expr::Case(branches, otherwise))
    }

    /// Behind `span(`: a field, and a length of time or a number.
    fn span(&mut self) -> Parsed<Expr> {
        let value = self.expression()?;
        self.cursor.symbol(",")?;
        let period = self.eat_period()?;
        let width = if period.is_none() { Some(self.expression()?) } else { None };
        self.cursor.symbol(")")?;
        let period = period.or_else(|| quoted_period(width.as_ref()?));
        match (period, width) {
            (Some(period), _) => Ok(Expr::Call(Function::DateFloor, vec![value, period])),
            (None, Some(width @ Expr::Literal(Literal::Number(_)))) => {
                let share = Expr::Binary(BinaryOp::Divide, Box::new(value), Box::new(width.clone()));
                let whole = Expr::Call(Function::Floor, vec![share]);
                Ok(Expr::Binary(BinaryOp::Multiply, Box::new(whole), Box::new(width)))
            }
            _ => Err(self.cursor.unexpected()),
        }
    }

    /// Behind `like(`.
    fn like_call(&mut self) -> Parsed<Expr> {
        let text = self.expression()?;
        self.cursor.symbol(",")?;
        let like = self.opensearch_like(text, false, false)?;
        self.cursor.symbol(")")?;
        Ok(like)
    }

    /// A comparison that begins with a word, if one does behind `value`.
    pub(super) fn word_comparison(&mut self, value: Expr) -> Parsed<Result<Expr, Expr>> {
        let mark = self.cursor.mark();
        if self.cursor.eat_word("is") {
            let is_present = self.cursor.eat_word("not");
            self.cursor.word("null")?;
            let is_null = opensearch::is_null(value);
            return Ok(Ok(match is_null {
                Expr::Unary(_, present) if is_present => *present,
                is_null => is_null,
            }));
        }
        let is_negated = self.cursor.eat_word("not");
        let word = self.cursor.peek();
        let lower =
            if word.kind == Kind::Word { self.cursor.written(word).to_ascii_lowercase() } else { String::new() };
        if !["like", "ilike", "rlike", "regexp", "between", "in"].contains(&lower.as_str()) {
            self.cursor.back_to(mark);
            return Ok(Err(value));
        }
        self.cursor.advance();
        Ok(Ok(match lower.as_str() {
            "like" => self.opensearch_like(value, is_negated, false)?,
            "ilike" => self.opensearch_like(value, is_negated, true)?,
            "between" => self.between(value, is_negated)?,
            "in" => Expr::In { value: Box::new(value), list: self.opensearch_in()?, is_negated },
            _ => {
                let (pattern, token) = self.pattern()?;
                let regex = regexes::compile(&pattern, &[]).map_err(|message| self.cursor.error(token, message))?;
                Expr::Like { text: Box::new(value), pattern: LikePattern::Regex(regex), is_negated }
            }
        }))
    }

    /// A text that is compiled.
    pub fn pattern(&mut self) -> Parsed<(String, Token)> {
        self.count_regex()?;
        let token = self.cursor.peek();
        Ok((self.cursor.quoted()?, token))
    }

    fn opensearch_like(&mut self, text: Expr, is_negated: bool, ignores_case: bool) -> Parsed<Expr> {
        let quantifiers = [("any", BinaryOp::Or), ("some", BinaryOp::Or), ("all", BinaryOp::And)];
        if let Some((_, operator)) = quantifiers.into_iter().find(|(word, _)| self.cursor.eat_word(word)) {
            let start = self.cursor.peek().start;
            self.cursor.symbol("(")?;
            let likes = self.list(|reader| {
                reader.check_copied(&text, start)?;
                reader.opensearch_like_one(text.clone(), is_negated, ignores_case)
            })?;
            self.cursor.symbol(")")?;
            return Ok(balanced(operator, likes));
        }
        self.opensearch_like_one(text, is_negated, ignores_case)
    }

    fn opensearch_like_one(&mut self, text: Expr, is_negated: bool, ignores_case: bool) -> Parsed<Expr> {
        let (pattern, token) = self.pattern()?;
        let pattern = regexes::like(&pattern, ignores_case).map_err(|message| self.cursor.error(token, message))?;
        Ok(Expr::Like { text: Box::new(text), pattern, is_negated })
    }

    /// Behind `between`.
    fn between(&mut self, value: Expr, is_negated: bool) -> Parsed<Expr> {
        self.check_copied(&value, self.cursor.peek().start)?;
        let least = self.sum()?;
        self.cursor.word("and")?;
        let most = self.sum()?;
        let least = Expr::Binary(BinaryOp::GreaterEqual, Box::new(value.clone()), Box::new(least));
        let most = Expr::Binary(BinaryOp::LessEqual, Box::new(value), Box::new(most));
        let within = Expr::Binary(BinaryOp::And, Box::new(least), Box::new(most));
        Ok(if is_negated { Expr::Unary(UnaryOp::Not, Box::new(within)) } else { within })
    }

    /// What is written more than once must be small, or it grows without bound.
    fn check_copied(&self, value: &Expr, start: usize) -> Parsed<()> {
        if walk::size(value) > COPIED_NODES_MAX {
            return Err(self.cursor.error_since(start, "the expression is too large"));
        }
        Ok(())
    }

    /// True when a query in parentheses comes next.
    pub(super) fn is_select(&mut self) -> bool {
        let mark = self.cursor.mark();
        let is_query = self.cursor.eat_symbol("(") && (self.cursor.is_word("select") || self.cursor.is_word("with"));
        self.cursor.back_to(mark);
        is_query
    }

    /// A query in parentheses that stands for its only value.
    pub(super) fn query_as_value(&mut self) -> Parsed<Expr> {
        let start = self.cursor.peek().start;
        let query = self.subquery()?;
        let columns = query.commands.iter().rev().find_map(|command| match command {
            Command::Display(columns) => Some(columns.len()),
            _ => None,
        });
        match columns {
            Some(1) => Ok(Expr::Subquery(Box::new(query))),
            _ => Err(self.cursor.error_since(start, "a query in place of a value has one column")),
        }
    }

    /// Behind `in`: a list in parentheses or a query (in parentheses in SQL, in brackets in PPL).
    fn opensearch_in(&mut self) -> Parsed<InList> {
        let is_query = match self.cursor.dialect {
            Dialect::Ppl => self.cursor.is_symbol("["),
            _ => self.is_select(),
        };
        if is_query {
            return self.subquery().map(|query| InList::Query(Box::new(query)));
        }
        self.cursor.symbol("(")?;
        let values = self.list(Self::expression)?;
        self.cursor.symbol(")")?;
        Ok(InList::Values(values))
    }
}

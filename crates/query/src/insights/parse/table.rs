//! Commands that look at many rows at once: running sums, earlier values, gaps, outliers, sessions, columns of other queries.
//!
//! Where the guide says nothing: `accum` without a name writes into its own field, as the command of that name does elsewhere;
//! `tail` without a number leaves ten rows.

use super::super::ast::{Aggregate, Command, Expr, Frame, Literal, Outlier, Unit, Window, WindowColumn, WindowValue};
use super::super::cursor::Parsed;
use super::super::expression::{Reader, unit};
use super::super::lexer::Kind;
use super::commands::LIMIT_MAX;

/// Most columns that `autoregress` adds: a limit of ours.
const LAGS_MAX: u64 = 100;
/// Rows of the other query of `appendcols`, where it does not say.
const APPENDED_ROWS: u64 = 10_000;
/// Inactivity that ends a session, where `sessionize` does not say, milliseconds.
const SESSION_GAP_MS: i64 = 30 * 60_000;
/// How many times the distance of the quartiles is usual, where `outlier` does not say.
const OUTLIER_FACTOR: f64 = 2.5;

impl Reader<'_> {
    /// `accum field as out`
    pub(super) fn accum(&mut self) -> Parsed<Command> {
        let start = self.cursor.peek().start;
        let of = self.field()?;
        let name = match self.cursor.eat_word("as") {
            true => self.cursor.name()?,
            false => self.cursor.text[start..self.cursor.last_end()].replace('`', ""),
        };
        self.scope.define(&name, &Expr::Literal(Literal::Null));
        let value = WindowValue::Aggregate(Aggregate::Sum, vec![of]);
        let columns = vec![WindowColumn { name, value, frame: Frame::RUNNING }];
        Ok(Command::Window(Window { columns, partition: Vec::new(), order: Vec::new() }))
    }

    /// `autoregress field as out p=1-4`
    pub(super) fn autoregress(&mut self) -> Parsed<Command> {
        let start = self.cursor.peek().start;
        let of = self.field()?;
        let written = self.cursor.text[start..self.cursor.last_end()].replace('`', "");
        let alias = if self.cursor.eat_word("as") { Some(self.cursor.name()?) } else { None };
        let (mut first, mut last) = (1, 1);
        if self.option()?.is_some() {
            let token = self.cursor.peek();
            first = self.cursor.whole()?;
            last = if self.cursor.eat_symbol("-") { self.cursor.whole()? } else { first };
            if first == 0 || last < first || last - first >= LAGS_MAX || last > LIMIT_MAX {
                return Err(self.cursor.error_since(token.start, format!("p names 1 to {LAGS_MAX} rows before")));
            }
        }
        let columns = (first..=last).map(|lag| {
            let name = match &alias {
                Some(alias) if first == last => alias.clone(),
                alias => format!("{}_p{lag}", alias.as_ref().unwrap_or(&written)),
            };
            let value = WindowValue::Shifted(of.clone(), i64::try_from(lag).unwrap_or(i64::MAX), None);
            WindowColumn { name, value, frame: Frame::ALL }
        });
        let columns: Vec<WindowColumn> = columns.collect();
        columns.iter().for_each(|column| self.scope.define(&column.name, &of));
        Ok(Command::Window(Window { columns, partition: Vec::new(), order: Vec::new() }))
    }

    /// `filldown a b* c`
    pub(super) fn filldown(&mut self) -> Parsed<Command> {
        let mut names = Vec::new();
        loop {
            let mut name = String::new();
            loop {
                let token = self.cursor.peek();
                if !name.is_empty() && !self.cursor.is_adjacent() {
                    break;
                }
                match token.kind {
                    Kind::Word | Kind::Name => name.push_str(&self.cursor.name()?),
                    Kind::Symbol if self.cursor.eat_symbol("*") => name.push('*'),
                    _ => break,
                }
            }
            if name.is_empty() {
                return Ok(Command::FillDown(names));
            }
            names.push(name);
            self.cursor.eat_symbol(",");
        }
    }

    /// `fillmissing with 0 for a, 'x' for b`
    pub(super) fn fillmissing(&mut self) -> Parsed<Command> {
        if !self.cursor.eat_word("with") {
            return Ok(Command::FillMissing(Vec::new()));
        }
        let values = self.list(|reader| {
            let token = reader.cursor.peek();
            let value = match reader.sum()? {
                Expr::Literal(value @ (Literal::Number(_) | Literal::Text(_) | Literal::Bool(_) | Literal::Null)) => {
                    value
                }
                _ => return Err(reader.cursor.error_since(token.start, "fillmissing takes constants")),
            };
            reader.cursor.word("for")?;
            Ok((reader.name_of_column()?, value))
        })?;
        Ok(Command::FillMissing(values))
    }

    /// A name, or the text of a call that is a column.
    fn name_of_column(&mut self) -> Parsed<String> {
        if !self.is_call() {
            return self.cursor.name();
        }
        let token = self.cursor.peek();
        match self.written_expression()?.0 {
            Expr::Field(name) => Ok(name),
            _ => Err(self.cursor.unexpected_at(token)),
        }
    }

    /// `outlier action=remove param=3 uselower=true mark=true a b`
    pub(super) fn outlier(&mut self) -> Parsed<Command> {
        let mut outlier =
            Outlier { removes: false, factor: OUTLIER_FACTOR, is_two_sided: false, marks: false, fields: Vec::new() };
        loop {
            let token = self.cursor.peek();
            match self.option()?.as_deref() {
                Some("action") => {
                    outlier.removes = self.cursor.eat_word("remove");
                    if !outlier.removes {
                        self.cursor.word("transform")?;
                    }
                }
                Some("param") => match self.sum()? {
                    Expr::Literal(Literal::Number(factor)) if factor >= 0.0 => outlier.factor = factor,
                    _ => return Err(self.cursor.unexpected_at(token)),
                },
                Some("uselower") => outlier.is_two_sided = self.truth()?,
                Some("mark") => outlier.marks = self.truth()?,
                Some(_) => return Err(self.cursor.unexpected_at(token)),
                None => break,
            }
        }
        loop {
            outlier.fields.push(self.field()?);
            let has_comma = self.cursor.eat_symbol(",");
            if !has_comma && !matches!(self.cursor.peek().kind, Kind::Word | Kind::Name) {
                break;
            }
        }
        if outlier.marks {
            self.scope.define("is_outlier", &Expr::Literal(Literal::Null));
        }
        Ok(Command::Outlier(outlier))
    }

    /// `sessionize a, b maxspan 1h as s`
    pub(super) fn sessionize(&mut self) -> Parsed<Command> {
        let by = self.list(Self::field)?;
        let gap_ms = if self.cursor.eat_word("maxspan") { self.length_ms()? } else { SESSION_GAP_MS };
        let into = if self.cursor.eat_word("as") { self.cursor.name()? } else { "session_id".to_owned() };
        self.scope.define(&into, &Expr::Literal(Literal::Null));
        Ok(Command::Sessionize { by, gap_ms, into })
    }

    /// `tail 10`: the last rows.
    pub(super) fn tail(&mut self, commands: &mut Vec<Command>) -> Parsed<()> {
        let token = self.cursor.peek();
        let count = if token.kind == Kind::Number { self.cursor.whole()? } else { 10 };
        if !(1..=LIMIT_MAX).contains(&count) {
            return Err(self.cursor.error(token, format!("tail must be between 1 and {LIMIT_MAX}")));
        }
        commands.extend([Command::Reverse, Command::Limit(count), Command::Reverse]);
        Ok(())
    }

    /// `appendcols override=true max=10 (SOURCE … | …)`
    pub(super) fn appendcols(&mut self) -> Parsed<Command> {
        let (mut overrides, mut rows) = (false, APPENDED_ROWS);
        loop {
            let token = self.cursor.peek();
            match self.option()?.as_deref() {
                Some("override") => overrides = self.truth()?,
                Some("max") => {
                    rows = self.cursor.whole()?;
                    if !(1..=LIMIT_MAX).contains(&rows) {
                        return Err(self
                            .cursor
                            .error_since(token.start, format!("max must be between 1 and {LIMIT_MAX}")));
                    }
                }
                Some(_) => return Err(self.cursor.unexpected_at(token)),
                None => break,
            }
        }
        let query = Box::new(self.subquery()?);
        // What columns it has is known when it has been run.
        self.scope.columns = None;
        Ok(Command::AppendColumns { query, overrides, rows })
    }

    /// `cidrlookup table address as column output a as b, c`
    pub(super) fn cidrlookup(&mut self) -> Parsed<Command> {
        let table = if self.cursor.peek().kind == Kind::Text { self.cursor.quoted()? } else { self.table_name()? };
        let address = self.field()?;
        let column = if self.cursor.eat_word("as") { Some(self.cursor.name()?) } else { None };
        let only_missing = self.cursor.eat_word("outputnew");
        if !only_missing {
            self.cursor.word("output")?;
        }
        let output = self.list(|reader| {
            let column = reader.cursor.name()?;
            let name = if reader.cursor.eat_word("as") { reader.cursor.name()? } else { column.clone() };
            Ok((column, name))
        })?;
        output.iter().for_each(|(_, name)| self.scope.define(name, &Expr::Literal(Literal::Null)));
        Ok(Command::CidrLookup { table, address, column, output, only_missing })
    }

    /// `relevantfields a, b where condition`
    pub(super) fn relevantfields(&mut self) -> Parsed<Command> {
        let mut fields = Vec::new();
        if !self.cursor.is_word("where") {
            fields = self.list(|reader| reader.cursor.name().map(Expr::Field))?;
        }
        self.cursor.word("where")?;
        let condition = self.expression()?;
        Ok(Command::RelevantFields { fields, condition })
    }

    /// `7d`: a length of time.
    pub(super) fn length_ms(&mut self) -> Parsed<i64> {
        let token = self.cursor.peek();
        self.cursor.advance();
        let written = self.cursor.written(token);
        let (count, name) = written.split_at(written.find(|c: char| !c.is_ascii_digit()).unwrap_or(written.len()));
        let unit_ms = match unit(name).map(|(unit, _)| unit) {
            Some(Unit::Millisecond) => 1,
            Some(Unit::Second) => 1_000,
            Some(Unit::Minute) => 60_000,
            Some(Unit::Hour) => 60 * 60_000,
            Some(Unit::Day) => 24 * 60 * 60_000,
            Some(Unit::Week) => 7 * 24 * 60 * 60_000,
            _ => return Err(self.cursor.unexpected_at(token)),
        };
        match count.parse::<u32>() {
            Ok(count) if count > 0 => Ok(i64::from(count) * unit_ms),
            _ => Err(self.cursor.unexpected_at(token)),
        }
    }
}

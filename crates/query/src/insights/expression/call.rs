//! Calls: functions, aggregates, and periods of time as `bin` takes them.

use super::super::ast::{Aggregate, Expr, Function, Literal, Period, Unit};
use super::super::cursor::Parsed;
use super::super::lexer::{Kind, Token};
use super::super::vocabulary::{self, Named};
use super::Reader;

/// Units of time and their names; those of more than one letter may have an `s` behind them. The number is what AWS caps the count
/// at: `bin(300s)` is `bin(60s)`.
const UNITS: [(Unit, u32, &[&str]); 9] = [
    (Unit::Millisecond, 1000, &["ms", "msec", "millisecond"]),
    (Unit::Second, 60, &["s", "sec", "second"]),
    (Unit::Minute, 60, &["m", "min", "minute"]),
    (Unit::Hour, 24, &["h", "hr", "hour"]),
    (Unit::Day, u32::MAX, &["d", "day"]),
    (Unit::Week, u32::MAX, &["w", "week"]),
    (Unit::Month, u32::MAX, &["mo", "mon", "month"]),
    (Unit::Quarter, u32::MAX, &["q", "qtr", "quarter"]),
    (Unit::Year, u32::MAX, &["y", "yr", "year"]),
];

/// What a unit of time is called.
pub fn unit(name: &str) -> Option<(Unit, u32)> {
    let name = name.to_ascii_lowercase();
    let is_it = |known: &&str| name == **known || known.len() > 1 && name.strip_suffix('s') == Some(*known);
    UNITS.iter().find(|(.., names)| names.iter().any(is_it)).map(|(unit, most, _)| (*unit, *most))
}

impl Reader<'_> {
    /// A name, and arguments in parentheses.
    pub(super) fn call(&mut self) -> Parsed<Expr> {
        let name = self.cursor.advance();
        let parenthesis = self.cursor.advance();
        let written = self.cursor.written(name);
        match written.to_ascii_lowercase().as_str() {
            "bin" => return self.bin(),
            "datefloor" => return self.date(Function::DateFloor),
            "dateceil" => return self.date(Function::DateCeil),
            _ => {}
        }
        match vocabulary::named(written) {
            None => Err(self.cursor.unexpected_at(parenthesis)),
            Some(Named::Missing) => Err(self.cursor.error(name, format!("the function {written} is not supported"))),
            Some(Named::Function(function, least, most)) => {
                let arguments = self.arguments()?;
                let fits = (least..=most).contains(&arguments.len());
                if fits { self.called(function, arguments, name) } else { Err(self.arguments_do_not_fit(name)) }
            }
            Some(Named::Lowered(function)) => {
                let arguments = self.arguments()?;
                vocabulary::lower(function, arguments).ok_or_else(|| self.arguments_do_not_fit(name))
            }
            Some(Named::Aggregate(aggregate, count)) => self.aggregate(name, aggregate, count),
        }
    }

    /// A function with arguments of the right number.
    #[inline(never)]
    fn called(&mut self, function: Function, mut arguments: Vec<Expr>, name: Token) -> Parsed<Expr> {
        if function == Function::MessageSize && arguments.is_empty() {
            arguments.push(Expr::Field("@message".to_owned()));
        }
        if function == Function::RegexReplace {
            self.check_regex(name, arguments.get(1))?;
        }
        Ok(Expr::Call(function, arguments))
    }

    /// A regular expression that a function takes as a text.
    pub(super) fn check_regex(&mut self, name: Token, source: Option<&Expr>) -> Parsed<()> {
        let Some(Expr::Literal(Literal::Text(source))) = source else { return Err(self.arguments_do_not_fit(name)) };
        self.count_regex()?;
        let compiled = super::super::regexes::compile(source, &[]);
        compiled.map(|_| ()).map_err(|message| self.cursor.error_since(name.start, message))
    }

    pub fn arguments_do_not_fit(&self, name: Token) -> super::super::QueryError {
        let message = format!("the arguments of the function {} do not fit", self.cursor.written(name));
        self.cursor.error_since(name.start, message)
    }

    /// Behind an opening parenthesis.
    fn arguments(&mut self) -> Parsed<Vec<Expr>> {
        if self.cursor.eat_symbol(")") {
            return Ok(Vec::new());
        }
        let arguments = self.list(Self::expression)?;
        self.cursor.symbol(")")?;
        Ok(arguments)
    }

    /// Behind an opening parenthesis. Where rows come out of `stats`, the text of an aggregate names a column of theirs.
    fn aggregate(&mut self, name: Token, aggregate: Aggregate, count: usize) -> Parsed<Expr> {
        let is_stats = std::mem::take(&mut self.scope.is_stats);
        let is_all = aggregate == Aggregate::Count && self.cursor.eat_symbol("*");
        let mut arguments = if aggregate == Aggregate::Rate { self.rate()? } else { self.arguments()? };
        self.scope.is_stats = is_stats;
        let written = &self.cursor.text[name.start..self.cursor.last_end()];
        if !is_stats && self.scope.is_column(written) {
            return Ok(Expr::Field(written.to_owned()));
        }
        if !is_stats {
            return Err(self.cursor.unexpected_at(name));
        }
        let fits = match aggregate {
            Aggregate::Count => arguments.is_empty() || arguments.len() == 1 && !is_all,
            Aggregate::Percentile if count == 2 => is_percent(&arguments),
            _ => arguments.len() == count,
        };
        if !fits {
            return Err(self.arguments_do_not_fit(name));
        }
        if aggregate == Aggregate::Percentile && count == 1 {
            arguments.push(Expr::Literal(Literal::Number(50.0)));
        }
        Ok(Expr::Aggregate(aggregate, arguments))
    }

    /// Behind `rate(`: a number and a period.
    fn rate(&mut self) -> Parsed<Vec<Expr>> {
        let of = self.expression()?;
        self.cursor.symbol(",")?;
        let Some(period) = self.eat_period()? else { return Err(self.cursor.unexpected()) };
        self.cursor.symbol(")")?;
        Ok(vec![of, period])
    }

    /// `bin(5m)`, and `bin(field, 5m)`, which queries in use have.
    fn bin(&mut self) -> Parsed<Expr> {
        if let Some(period) = self.eat_period()? {
            self.cursor.symbol(")")?;
            return Ok(Expr::Call(Function::Bin, vec![period]));
        }
        self.date(Function::DateFloor)
    }

    fn date(&mut self, function: Function) -> Parsed<Expr> {
        let time = self.expression()?;
        self.cursor.symbol(",")?;
        let Some(period) = self.eat_period()? else { return Err(self.cursor.unexpected()) };
        self.cursor.symbol(")")?;
        Ok(Expr::Call(function, vec![time, period]))
    }

    /// `5m`, `5 m` or `5 minutes`.
    pub fn eat_period(&mut self) -> Parsed<Option<Expr>> {
        let token = self.cursor.peek();
        let mark = self.cursor.mark();
        let written = self.cursor.written(token);
        let (count, name) = match token.kind {
            Kind::Period => {
                self.cursor.advance();
                written.split_at(written.find(|c: char| !c.is_ascii_digit()).unwrap_or(written.len()))
            }
            Kind::Number => {
                self.cursor.advance();
                let word = self.cursor.advance();
                (written, self.cursor.written(word))
            }
            _ => return Ok(None),
        };
        let Some((unit, most)) = unit(name) else {
            self.cursor.back_to(mark);
            return Ok(None);
        };
        match count.parse::<u32>() {
            Ok(count) if count > 0 => {
                Ok(Some(Expr::Literal(Literal::Duration(Period { count: count.min(most), unit }))))
            }
            _ => Err(self.cursor.unexpected_at(token)),
        }
    }
}

fn is_percent(arguments: &[Expr]) -> bool {
    matches!(arguments, [_, Expr::Literal(Literal::Number(percent))] if (0.0..=100.0).contains(percent))
}

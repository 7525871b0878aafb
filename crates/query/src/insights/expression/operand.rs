//! Operands: constants, fields and members, calls, parentheses.

use super::super::ast::{Expr, Literal, Step};
use super::super::cursor::Parsed;
use super::super::lexer::{self, Dialect, Kind};
use super::Reader;

/// Words that name no field without backticks.
const RESERVED: [&str; 7] = ["and", "or", "not", "like", "in", "as", "by"];
/// The same in SQL, together with those above.
#[rustfmt::skip]
const RESERVED_IN_SQL: [&str; 32] = [
    "select", "from", "where", "group", "having", "order", "limit", "offset", "join", "inner", "left", "right", "full",
    "cross", "outer", "on", "when", "then", "else", "end", "between", "is", "union", "intersect", "except", "with",
    "distinct", "case", "over", "lateral", "natural", "using",
];

/// True when a word names nothing in this language.
pub fn is_reserved(word: &str, dialect: Dialect) -> bool {
    let is_it = |reserved: &&str| word.eq_ignore_ascii_case(reserved);
    RESERVED.iter().any(is_it) || dialect == Dialect::Sql && RESERVED_IN_SQL.iter().any(is_it)
}

/// A name and what stands behind it: `a.b`, `[0]`, `` .`c d` ``.
struct Path {
    name: String,
    steps: Vec<Step>,
}

impl Reader<'_> {
    pub(super) fn operand(&mut self) -> Parsed<Expr> {
        let token = self.cursor.peek();
        match token.kind {
            Kind::Number => self.number(),
            Kind::Text => self.cursor.quoted().map(|text| Expr::Literal(Literal::Text(text))),
            Kind::Word if self.cursor.dialect == Dialect::Sql && self.cursor.is_word("case") => self.sql_case(),
            Kind::Word if self.cursor.dialect != Dialect::Cwli && self.cursor.is_word("interval") => self.interval(),
            Kind::Word if self.is_call() => match self.cursor.dialect {
                Dialect::Cwli => self.call(),
                _ => self.opensearch_call(),
            },
            Kind::Word => match self.cursor.written(token).to_ascii_lowercase().as_str() {
                "true" => self.constant(Literal::Bool(true)),
                "false" => self.constant(Literal::Bool(false)),
                "null" => self.constant(Literal::Null),
                _ => self.field(),
            },
            Kind::Name => self.field(),
            Kind::Symbol if self.cursor.dialect == Dialect::Sql && self.is_select() => self.query_as_value(),
            Kind::Symbol if self.cursor.eat_symbol("(") => {
                let value = self.expression()?;
                self.cursor.symbol(")")?;
                Ok(value)
            }
            _ => Err(self.cursor.unexpected()),
        }
    }

    fn constant(&mut self, value: Literal) -> Parsed<Expr> {
        self.cursor.advance();
        Ok(Expr::Literal(value))
    }

    fn number(&mut self) -> Parsed<Expr> {
        let token = self.cursor.peek();
        match self.cursor.written(token).parse::<f64>() {
            Ok(number) if number.is_finite() => self.constant(Literal::Number(number)),
            _ => Err(self.cursor.unexpected()),
        }
    }

    /// A field, a column, or a member of one.
    pub fn field(&mut self) -> Parsed<Expr> {
        let Path { name, mut steps } = self.path()?;
        let structure = self.scope.structures.iter().filter(|known| {
            name.strip_prefix(known.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        });
        if let Some(structure) = structure.max_by_key(|known| known.len()).cloned() {
            let within = name[structure.len()..].split('.').skip(1).map(|name| Step::Name(name.to_owned()));
            let steps: Vec<Step> = within.chain(steps).collect();
            let whole = Expr::Field(structure);
            return Ok(if steps.is_empty() { whole } else { Expr::Member(Box::new(whole), steps) });
        }
        let mut flat = name;
        let first_index = steps.iter().position(|step| matches!(step, Step::Index(_))).unwrap_or(steps.len());
        for step in steps.drain(..first_index) {
            if let Step::Name(name) = step {
                flat = format!("{flat}.{name}");
            }
        }
        let whole = Expr::Field(flat);
        Ok(if steps.is_empty() { whole } else { Expr::Member(Box::new(whole), steps) })
    }

    fn path(&mut self) -> Parsed<Path> {
        let token = self.cursor.peek();
        let written = self.cursor.written(token);
        let name = match token.kind {
            Kind::Word if !is_reserved(written, self.cursor.dialect) => written.to_owned(),
            Kind::Name => lexer::unquote(written, self.cursor.dialect),
            _ => return Err(self.cursor.unexpected()),
        };
        self.cursor.advance();
        let mut path = Path { name, steps: Vec::new() };
        if token.kind == Kind::Word && path.name.ends_with('.') {
            path.name.pop();
            self.quoted_step(&mut path)?;
        }
        loop {
            if self.cursor.is_adjacent() && self.cursor.eat_symbol("[") {
                let index = self.cursor.whole()?;
                self.cursor.symbol("]")?;
                path.steps.push(Step::Index(usize::try_from(index).unwrap_or(usize::MAX)));
            } else if self.cursor.is_adjacent() && self.cursor.eat_symbol(".") {
                self.steps(&mut path)?;
            } else {
                return Ok(path);
            }
        }
    }

    /// Behind a dot that ends a word: a name in backticks.
    fn quoted_step(&mut self, path: &mut Path) -> Parsed<()> {
        if !self.cursor.is_adjacent() || self.cursor.peek().kind != Kind::Name {
            return Err(self.cursor.unexpected());
        }
        path.steps.push(Step::Name(self.cursor.name()?));
        Ok(())
    }

    /// Behind a dot that stands alone: a name, or names with dots.
    fn steps(&mut self, path: &mut Path) -> Parsed<()> {
        let token = self.cursor.peek();
        if token.kind != Kind::Word {
            return self.quoted_step(path);
        }
        self.cursor.advance();
        let written = self.cursor.written(token);
        let names = written.trim_end_matches('.').split('.');
        path.steps.extend(names.map(|name| Step::Name(name.to_owned())));
        if written.ends_with('.') { self.quoted_step(path) } else { Ok(()) }
    }
}

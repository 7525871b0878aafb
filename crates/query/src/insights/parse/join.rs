//! `join` and `lookup`: rows with columns from elsewhere.

use super::super::ast::{Command, Expr, Join, JoinKind};
use super::super::cursor::Parsed;
use super::super::expression::Reader;
use super::super::lexer::Kind;

impl Reader<'_> {
    /// `join type=inner left=a right=b where a.x=b.y (SOURCE …)`
    pub(super) fn join(&mut self) -> Parsed<Command> {
        let (mut kind, mut left, mut right) = (JoinKind::Inner, None, None);
        loop {
            let token = self.cursor.peek();
            match self.option()?.as_deref() {
                Some("type") if self.cursor.eat_word("inner") => kind = JoinKind::Inner,
                Some("type") if self.cursor.eat_word("left") => kind = JoinKind::Left,
                Some("left") => left = Some(self.cursor.name()?),
                Some("right") => right = Some(self.cursor.name()?),
                Some("type") => return Err(self.cursor.unexpected()),
                Some(_) => return Err(self.cursor.unexpected_at(token)),
                None => break,
            }
            self.cursor.eat_symbol(",");
        }
        if left.is_none() || right.is_none() {
            return Err(self.cursor.unexpected());
        }
        self.cursor.word("where")?;
        let on = self.equalities(left.as_deref(), right.as_deref())?;
        let query = Box::new(self.subquery()?);
        self.scope.columns = None;
        Ok(Command::Join(Join { kind, left, right, on, condition: None, query }))
    }

    /// `a.x = b.y and …`
    pub fn equalities(&mut self, left: Option<&str>, right: Option<&str>) -> Parsed<Vec<(Expr, Expr)>> {
        let mut on = Vec::new();
        loop {
            let start = self.cursor.peek().start;
            let one = self.field()?;
            if !self.cursor.eat_symbol("=") {
                self.cursor.symbol("==")?;
            }
            let other = self.field()?;
            let Some(sides) = sides(&one, &other, left, right) else {
                return Err(self.cursor.error_since(start, NO_SIDES));
            };
            on.push(sides);
            if !self.cursor.eat_word("and") {
                return Ok(on);
            }
        }
    }

    /// `lookup table key as field, … OUTPUT a as b, …`
    pub fn lookup(&mut self) -> Parsed<Command> {
        let table = if self.cursor.peek().kind == Kind::Text { self.cursor.quoted()? } else { self.table_name()? };
        let keys = self.list(|reader| {
            let key = reader.cursor.name()?;
            let field = if reader.cursor.eat_word("as") { reader.field()? } else { Expr::Field(key.clone()) };
            Ok((key, field))
        })?;
        let mut output = Vec::new();
        if self.cursor.eat_word("output") {
            output = self.list(|reader| {
                let column = reader.cursor.name()?;
                let name = if reader.cursor.eat_word("as") { reader.cursor.name()? } else { column.clone() };
                Ok((column, name))
            })?;
        }
        if output.is_empty() {
            self.scope.columns = None;
        }
        if let Some(columns) = &mut self.scope.columns {
            columns.extend(output.iter().map(|(_, name)| name.clone()));
        }
        Ok(Command::Lookup { table, keys, output })
    }

    /// A name that may have hyphens in it, as those of lookup tables may.
    pub(super) fn table_name(&mut self) -> Parsed<String> {
        let mut name = self.cursor.name()?;
        while self.cursor.is_adjacent() && self.cursor.is_symbol("-") {
            self.cursor.advance();
            let token = self.cursor.peek();
            let is_part = matches!(token.kind, Kind::Word | Kind::Number | Kind::Period | Kind::Symbol);
            if !self.cursor.is_adjacent() || !is_part {
                return Err(self.cursor.unexpected());
            }
            name.push('-');
            if token.kind != Kind::Symbol {
                name.push_str(self.cursor.written(token));
                self.cursor.advance();
            }
        }
        Ok(name)
    }
}

/// What a join needs.
pub const NO_SIDES: &str = "a join needs a field of each side that are equal";

/// The two sides of an equation, that of the rows so far first, without their prefixes; `None` unless they are a field of each side.
/// A field without a prefix is of the side that the other one leaves, the first of the rows so far.
pub fn sides(one: &Expr, other: &Expr, left: Option<&str>, right: Option<&str>) -> Option<(Expr, Expr)> {
    let (Expr::Field(one), Expr::Field(other)) = (one, other) else { return None };
    fn without<'n>(name: &'n str, prefix: Option<&str>) -> Option<&'n str> {
        name.strip_prefix(prefix?)?.strip_prefix('.')
    }
    let fields = |left: &str, right: &str| Some((Expr::Field(left.to_owned()), Expr::Field(right.to_owned())));
    let of_left = (without(one, left), without(other, left));
    let of_right = (without(one, right), without(other, right));
    match (of_left, of_right) {
        ((Some(one), _), (_, Some(other))) => fields(one, other),
        ((_, Some(other)), (Some(one), _)) => fields(other, one),
        ((Some(_), Some(_)), _) | (_, (Some(_), Some(_))) => None,
        ((Some(one), None), _) => fields(one, other),
        ((None, Some(other)), _) => fields(other, one),
        (_, (Some(one), None)) => fields(other, one),
        (_, (None, Some(other))) => fields(one, other),
        _ => fields(one, other),
    }
}

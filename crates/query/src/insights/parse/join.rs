//! `join` and `lookup`: rows with columns from elsewhere.

use super::super::ast::{Command, Expr, JoinKind};
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
        let mut on = Vec::new();
        loop {
            let one = self.field()?;
            if !self.cursor.eat_symbol("=") {
                self.cursor.symbol("==")?;
            }
            let other = self.field()?;
            on.push(sides(one, other, left.as_deref(), right.as_deref()));
            if !self.cursor.eat_word("and") {
                break;
            }
        }
        let query = Box::new(self.subquery()?);
        self.scope.columns = None;
        Ok(Command::Join { kind, left, right, on, query })
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

/// The two sides of an equation, that of the rows so far first, without their prefixes.
pub fn sides(one: Expr, other: Expr, left: Option<&str>, right: Option<&str>) -> (Expr, Expr) {
    let of = |side: &Expr, prefix: Option<&str>| match (side, prefix) {
        (Expr::Field(name), Some(prefix)) => {
            name.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('.')).map(|rest| Expr::Field(rest.to_owned()))
        }
        _ => None,
    };
    if let (Some(left), Some(right)) = (of(&other, left), of(&one, right)) {
        return (left, right);
    }
    (of(&one, left).unwrap_or(one), of(&other, right).unwrap_or(other))
}

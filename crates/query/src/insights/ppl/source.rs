//! `source = …`: log groups, and indexes of fields that must have values; and `join`.

use super::super::ast::{BinaryOp, Command, Expr, InList, Join, JoinKind, Query, Source};
use super::super::cursor::Parsed;
use super::super::expression::Reader;
use super::super::lexer::Kind;

/// The name that says of which fields an index is asked.
const FIELD_INDEX: &str = "aws:fieldIndex";

impl Reader<'_> {
    /// `source = …` or `search source = …`, if that comes next, perhaps with a condition. Conditions become commands.
    pub(super) fn ppl_source(&mut self, commands: &mut Vec<Command>) -> Parsed<Option<Source>> {
        let has_search = self.cursor.eat_word("search");
        if !self.cursor.is_word("source") && !self.cursor.is_word("index") {
            return if has_search { Err(self.cursor.unexpected()) } else { Ok(None) };
        }
        self.cursor.advance();
        self.cursor.symbol("=")?;
        let mut source = Source::default();
        if self.cursor.eat_symbol("[") {
            loop {
                self.selection(&mut source, commands)?;
                if !self.cursor.eat_symbol(",") {
                    break;
                }
            }
            self.cursor.symbol("]")?;
        } else {
            source.groups = self.list(|reader| reader.cursor.name())?;
        }
        let ends = ["|", "]", ";"].iter().any(|symbol| self.cursor.is_symbol(symbol));
        if !ends && self.cursor.peek().kind != Kind::End {
            commands.push(Command::Filter(self.expression()?));
        }
        let names_groups = !source.groups.is_empty();
        Ok(names_groups.then_some(source))
    }

    /// `` lg:`group` ``, `` `aws:fieldIndex`="region" `` or `` `region` = "us-west-2" ``
    fn selection(&mut self, source: &mut Source, commands: &mut Vec<Command>) -> Parsed<()> {
        let token = self.cursor.peek();
        let name = self.cursor.name()?;
        if token.kind == Kind::Word && self.cursor.eat_symbol(":") {
            if !name.eq_ignore_ascii_case("lg") {
                return Err(self.unsupported(token, "selection"));
            }
            source.groups.push(self.cursor.name()?);
            return Ok(());
        }
        let condition = self.comparison_with(Expr::Field(name.clone()))?;
        if name == FIELD_INDEX {
            return match condition {
                Expr::Binary(BinaryOp::Equal, _, _) | Expr::In { list: InList::Values(_), is_negated: false, .. } => {
                    Ok(())
                }
                _ => Err(self.cursor.unexpected_at(token)),
            };
        }
        commands.push(Command::FilterIndex(condition));
        Ok(())
    }

    /// Behind `join`: `` left=l, right=r on l.id = r.id `group` ``, or a query in brackets in place of the group.
    pub(super) fn ppl_join(&mut self, kind: JoinKind) -> Parsed<Command> {
        let (mut left, mut right) = (None, None);
        while left.is_none() || right.is_none() || !self.cursor.eat_word("on") {
            let token = self.cursor.advance();
            self.cursor.symbol("=")?;
            let alias = self.cursor.name()?;
            match self.cursor.written(token).to_ascii_lowercase().as_str() {
                "left" => left = Some(alias),
                "right" => right = Some(alias),
                _ => return Err(self.cursor.unexpected_at(token)),
            }
            self.cursor.eat_symbol(",");
        }
        let on = self.equalities(left.as_deref(), right.as_deref())?;
        let query = if self.cursor.is_symbol("[") {
            self.subquery()?
        } else {
            let groups = vec![self.cursor.name()?];
            Query { source: Some(Source { groups, ..Source::default() }), commands: Vec::new() }
        };
        self.scope.columns = None;
        Ok(Command::Join(Join { kind, left, right, on, condition: None, query: Box::new(query) }))
    }
}

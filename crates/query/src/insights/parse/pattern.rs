//! `parse`: takes texts apart, by a pattern with wildcards or by a regular expression.

use super::super::ast::{Command, Expr, Literal, ParsePattern};
use super::super::cursor::Parsed;
use super::super::expression::Reader;
use super::super::lexer::Kind;

impl Reader<'_> {
    /// Behind `parse`.
    pub(super) fn parse(&mut self) -> Parsed<Command> {
        let is_pattern = self.cursor.peek().kind == Kind::Text || self.cursor.is_symbol("/");
        let from = if is_pattern { Expr::Field("@message".to_owned()) } else { self.field()? };
        for missing in ["logfmt", "csv", "xml"] {
            if self.cursor.is_word(missing) {
                return Err(self.cursor.error(self.cursor.peek(), format!("parse {missing} is not supported")));
            }
        }
        let start = self.cursor.peek().start;
        let pattern = match self.cursor.peek().kind {
            Kind::Text => self.glob()?,
            _ => self.regex_with_names()?,
        };
        let names: Vec<String> = match &pattern {
            ParsePattern::Glob { names, .. } => names.clone(),
            ParsePattern::Regex(regex) => regex.columns().map(|(_, name)| name.into_owned()).collect(),
            ParsePattern::Grok(_) => Vec::new(),
        };
        if names.is_empty() {
            return Err(self.cursor.error_since(start, "the regular expression names no group"));
        }
        if self.cursor.is_word("multi") {
            return Err(self.cursor.error(self.cursor.peek(), "parse multi is not supported"));
        }
        names.iter().for_each(|name| self.scope.define(name, &Expr::Literal(Literal::Null)));
        Ok(Command::Parse { from, pattern })
    }

    fn glob(&mut self) -> Parsed<ParsePattern> {
        let start = self.cursor.peek().start;
        let texts = split_at_wildcards(&self.cursor.quoted()?);
        self.cursor.word("as")?;
        let names = self.list(|reader| reader.cursor.name())?;
        if names.len() + 1 != texts.len() {
            let message = format!("the pattern has {} wildcards for {} names", texts.len() - 1, names.len());
            return Err(self.cursor.error_since(start, message));
        }
        Ok(ParsePattern::Glob { texts, names })
    }

    /// A regular expression; names behind `as` are for its groups, in order.
    fn regex_with_names(&mut self) -> Parsed<ParsePattern> {
        let mark = self.cursor.mark();
        let mut names = Vec::new();
        if self.cursor.eat_regex()?.is_some() && self.cursor.eat_word("as") {
            names = self.list(|reader| reader.cursor.name())?;
        }
        let behind = self.cursor.mark();
        self.cursor.back_to(mark);
        let Some(regex) = self.eat_regex(&names)? else { return Err(self.cursor.unexpected()) };
        self.cursor.back_to(behind);
        Ok(ParsePattern::Regex(regex))
    }
}

/// The texts around asterisks; an asterisk behind a backslash is one of the text.
fn split_at_wildcards(pattern: &str) -> Vec<String> {
    let mut texts = vec![String::new()];
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        let last = texts.len() - 1;
        match c {
            '*' => texts.push(String::new()),
            '\\' if chars.next_if_eq(&'*').is_some() => texts[last].push('*'),
            other => texts[last].push(other),
        }
    }
    texts
}

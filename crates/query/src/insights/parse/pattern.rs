//! `parse`: takes texts apart, by a pattern with wildcards or by a regular expression.

use super::super::ast::{Command, Expr, Literal, ParsePattern};
use super::super::cursor::Parsed;
use super::super::expression::Reader;
use super::super::lexer::Kind;

impl Reader<'_> {
    /// Behind `parse`.
    pub(super) fn parse(&mut self) -> Parsed<Command> {
        let is_pattern = self.cursor.peek().kind == Kind::Text || self.cursor.is_symbol("/");
        let is_format =
            ["logfmt", "csv", "xml"].iter().any(|word| self.cursor.is_word(word)) && !self.is_format_a_field();
        let from = if is_pattern || is_format { Expr::Field("@message".to_owned()) } else { self.field()? };
        if let Some(pattern) = self.format()? {
            return Ok(Command::Parse { from, pattern });
        }
        let start = self.cursor.peek().start;
        let pattern = match self.cursor.peek().kind {
            Kind::Text => self.glob()?,
            _ => self.regex_with_names()?,
        };
        let names: Vec<String> = match &pattern {
            ParsePattern::Glob { names, .. } => names.clone(),
            ParsePattern::Regex(regex) => regex.columns().map(|(_, name)| name.into_owned()).collect(),
            _ => Vec::new(),
        };
        if names.is_empty() {
            return Err(self.cursor.error_since(start, "the regular expression names no group"));
        }
        names.iter().for_each(|name| self.scope.define(name, &Expr::Literal(Literal::Null)));
        let pattern = match pattern {
            ParsePattern::Regex(regex) if self.cursor.eat_word("multi") => ParsePattern::Every(regex),
            pattern => pattern,
        };
        Ok(Command::Parse { from, pattern })
    }

    /// `logfmt as a`, `csv as a, b` or `xml '/a/b' as c`, if that comes next.
    fn format(&mut self) -> Parsed<Option<ParsePattern>> {
        let none = Expr::Literal(Literal::Null);
        if self.cursor.eat_word("logfmt") {
            self.cursor.word("as")?;
            let name = self.cursor.name()?;
            self.scope.define(&name, &none);
            self.scope.structures.insert(name.clone());
            return Ok(Some(ParsePattern::Logfmt(name)));
        }
        if self.cursor.eat_word("csv") {
            self.cursor.word("as")?;
            let names = self.list(|reader| reader.cursor.name())?;
            names.iter().for_each(|name| self.scope.define(name, &none));
            return Ok(Some(ParsePattern::Csv(names)));
        }
        if self.cursor.eat_word("xml") {
            let token = self.cursor.peek();
            let written = self.cursor.quoted()?;
            let Some((path, attribute)) = xml_path(&written) else {
                let message = "the path of xml is not supported: names from the root on, '/a/b' or '/a/@b'";
                return Err(self.cursor.error(token, message));
            };
            self.cursor.word("as")?;
            let name = self.cursor.name()?;
            self.scope.define(&name, &none);
            return Ok(Some(ParsePattern::Xml { path, attribute, name }));
        }
        Ok(None)
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

impl Reader<'_> {
    /// True when `logfmt`, `csv` or `xml` names a field, since what follows it says how to take it apart.
    fn is_format_a_field(&mut self) -> bool {
        let mark = self.cursor.mark();
        let is_xml = self.cursor.is_word("xml");
        self.cursor.advance();
        let is_format = self.cursor.is_word("as") || is_xml && self.cursor.peek().kind == Kind::Text;
        self.cursor.back_to(mark);
        !is_format
    }
}

/// The names on a path of XPath from the root on, and the attribute at its end.
fn xml_path(written: &str) -> Option<(Vec<String>, Option<String>)> {
    let path = written.strip_prefix('/')?;
    let path = path.strip_suffix("/text()").unwrap_or(path);
    let mut names: Vec<String> = path.split('/').map(str::to_owned).collect();
    let attribute = names.pop_if(|last| last.starts_with('@')).map(|last| last[1..].to_owned());
    let is_name = |name: &String| {
        name.starts_with(|c: char| c.is_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ':'))
    };
    (!names.is_empty() && names.iter().chain(&attribute).all(is_name)).then_some((names, attribute))
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

//! Reads a search expression.

use super::matching::{Condition, Partial, Pattern, Property};
use super::{Schema, Search, SearchError};
use model::limits::{SEARCH_CHARS_MAX, SEARCH_NESTING_MAX};

/// Reads a whole search expression.
pub fn parse(text: &str) -> Result<Search, SearchError> {
    let mut parser = Parser { text, at: 0, depth: 0 };
    if text.chars().count() > SEARCH_CHARS_MAX {
        return Err(parser.error(&format!("it has more than {SEARCH_CHARS_MAX} characters")));
    }
    parser.skip_spaces();
    let schema = if parser.eat('{') { Some(parser.schema()?) } else { None };
    parser.skip_spaces();
    if schema.is_some() && parser.eat(',') {
        parser.skip_spaces();
    }
    if parser.peek().is_none() {
        return match schema {
            Some(_) => Ok(Search { schema, condition: None }),
            None => Err(parser.error("it needs a metric schema, a search term, or both")),
        };
    }
    let condition = parser.or(&Property::Any)?;
    match parser.peek() {
        None => Ok(Search { schema, condition: Some(condition) }),
        Some(_) => Err(parser.error("a ')' has no '('")),
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

/// A word and whether it was quoted.
struct Word {
    text: String,
    is_exact: bool,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn skip_spaces(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    fn eat(&mut self, wanted: char) -> bool {
        let comes = self.rest().starts_with(wanted);
        self.at += if comes { wanted.len_utf8() } else { 0 };
        comes
    }

    fn error(&self, message: &str) -> SearchError {
        SearchError { message: message.to_owned(), column: self.text[..self.at].chars().count() + 1 }
    }

    /// The names of a schema, behind its `{`.
    fn schema(&mut self) -> Result<Schema, SearchError> {
        let mut names = Vec::new();
        loop {
            self.skip_spaces();
            let name = match self.peek() {
                Some(quote @ ('"' | '\'')) => self.quoted(quote)?,
                _ => self.until(|c| matches!(c, ',' | '}' | '{' | '"')).trim_end().to_owned(),
            };
            if name.is_empty() {
                return Err(self.error("a name is missing in the metric schema"));
            }
            names.push(name);
            self.skip_spaces();
            if !self.eat(',') {
                break;
            }
        }
        if !self.eat('}') {
            return Err(self.error("the metric schema needs a '}'"));
        }
        let namespace = names.remove(0);
        names.sort();
        names.dedup();
        Ok(Schema { namespace, dimension_names: names })
    }

    fn until(&mut self, is_end: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(is_end).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    /// A quoted text; a backslash makes the next character a plain one.
    fn quoted(&mut self, quote: char) -> Result<String, SearchError> {
        let mut text = String::new();
        let mut characters = self.rest().char_indices().skip(1);
        while let Some((at, character)) = characters.next() {
            match character {
                _ if character == quote => {
                    self.at += at + quote.len_utf8();
                    return Ok(text);
                }
                '\\' => text.extend(characters.next().map(|(_, escaped)| escaped)),
                _ => text.push(character),
            }
        }
        Err(self.error("the quoted text has no end"))
    }

    /// Terms with OR between them; they look in `property` unless they say otherwise.
    fn or(&mut self, property: &Property) -> Result<Condition, SearchError> {
        let mut terms = vec![self.and(property)?];
        while self.eat_operator("OR") {
            terms.push(self.and(property)?);
        }
        Ok(one_or(terms, Condition::Or))
    }

    fn and(&mut self, property: &Property) -> Result<Condition, SearchError> {
        let mut terms = vec![self.not(property)?];
        loop {
            let is_said = self.eat_operator("AND");
            let ends = self.peek().is_none_or(|next| next == ')') || self.is_operator("OR");
            if ends && !is_said {
                return Ok(one_or(terms, Condition::And));
            }
            terms.push(self.not(property)?);
        }
    }

    fn not(&mut self, property: &Property) -> Result<Condition, SearchError> {
        let mut is_negated = false;
        while self.eat_operator("NOT") {
            is_negated = !is_negated;
        }
        let term = self.primary(property)?;
        Ok(if is_negated { Condition::Not(Box::new(term)) } else { term })
    }

    fn primary(&mut self, property: &Property) -> Result<Condition, SearchError> {
        self.skip_spaces();
        if self.peek() == Some('(') {
            return self.brackets(property);
        }
        let start = self.at;
        let word = self.word()?;
        self.skip_spaces();
        if !self.eat('=') {
            return self.term(property.clone(), word, start);
        }
        let property = match word.text.as_str() {
            "Namespace" => Property::Namespace,
            "MetricName" => Property::MetricName,
            ":aws.AccountId" => Property::AccountId,
            _ => Property::Dimension(word.text),
        };
        self.skip_spaces();
        if self.peek() == Some('(') {
            return self.brackets(&property);
        }
        let start = self.at;
        let value = self.word()?;
        self.skip_spaces();
        self.term(property, value, start)
    }

    /// A term that was read from the byte `start` on.
    fn term(&mut self, property: Property, word: Word, start: usize) -> Result<Condition, SearchError> {
        if word.is_exact {
            return Ok(Condition::Term(property, Pattern::Exact(word.text)));
        }
        match Partial::new(&word.text) {
            Some(partial) => Ok(Condition::Term(property, Pattern::Partial(partial))),
            None => {
                self.at = start;
                Err(self.error("the term has no letters and digits"))
            }
        }
    }

    fn brackets(&mut self, property: &Property) -> Result<Condition, SearchError> {
        if self.depth == SEARCH_NESTING_MAX {
            return Err(self.error(&format!("brackets nest at most {SEARCH_NESTING_MAX} levels deep")));
        }
        self.depth += 1;
        self.eat('(');
        let condition = self.or(property)?;
        self.depth -= 1;
        if !self.eat(')') {
            return Err(self.error("a ')' is missing"));
        }
        self.skip_spaces();
        Ok(condition)
    }

    /// A word, quoted or not.
    fn word(&mut self) -> Result<Word, SearchError> {
        if let Some(quote @ ('"' | '\'')) = self.peek() {
            return Ok(Word { text: self.quoted(quote)?, is_exact: true });
        }
        let is_operator = ["AND", "OR", "NOT"].iter().any(|operator| self.is_operator(operator));
        let end = |c: char| c.is_whitespace() || matches!(c, '(' | ')' | '"' | '=');
        let text = if is_operator { "" } else { self.until(end) };
        if text.is_empty() {
            return Err(self.error("a term was expected"));
        }
        Ok(Word { text: text.to_owned(), is_exact: false })
    }

    /// Whether this operator comes next, as a word of its own.
    fn is_operator(&self, operator: &str) -> bool {
        let rest = self.rest();
        rest.strip_prefix(operator).is_some_and(|after| {
            after.chars().next().is_none_or(|next| next.is_whitespace() || matches!(next, '(' | ')' | '"'))
        })
    }

    fn eat_operator(&mut self, operator: &str) -> bool {
        self.skip_spaces();
        let comes = self.is_operator(operator);
        if comes {
            self.at += operator.len();
            self.skip_spaces();
        }
        comes
    }
}

/// The only condition, or all of them joined.
fn one_or(mut conditions: Vec<Condition>, join: impl Fn(Vec<Condition>) -> Condition) -> Condition {
    if conditions.len() > 1 {
        return join(conditions);
    }
    conditions.pop().unwrap_or_else(|| join(Vec::new()))
}

//! Term patterns: `ERROR -"known issue"`, `?ERROR ?WARN`, `%regex%`.

use super::PatternError;
use super::cursor::Cursor;
use super::prefilter::{Clauses, any_of};
use super::regexes::Regex;
use memchr::memmem::Finder;

/// A pattern of terms.
#[derive(Debug, Clone)]
pub struct Terms {
    required: Vec<Term>,
    excluded: Vec<Term>,
    /// Empty unless there are neither required nor excluded terms.
    optional: Vec<Term>,
    /// The optional terms as one search, when all are plain text.
    optional_text: Option<regex::bytes::Regex>,
}

#[derive(Debug, Clone)]
enum Term {
    Text(Box<Finder<'static>>, Box<str>),
    Regex(Regex),
}

impl Terms {
    /// Reads terms up to the end; `None` when they ask for nothing (`" "`).
    pub fn parse(cursor: &mut Cursor<'_>) -> Result<Option<Self>, PatternError> {
        let (mut required, mut excluded, mut optional) = (Vec::new(), Vec::new(), Vec::new());
        loop {
            cursor.skip_spaces();
            let list = match cursor.peek() {
                None => break,
                Some('-') => &mut excluded,
                Some('?') => &mut optional,
                Some(_) => &mut required,
            };
            if cursor.eat("-") || cursor.eat("?") {
                cursor.skip_spaces(); // the guide itself writes `"ERROR" - "Exiting"`
            }
            list.push(Term::parse(cursor)?);
        }
        let is_blank = |term: &Term| matches!(term, Term::Text(_, text) if text.trim().is_empty());
        if excluded.is_empty() && optional.is_empty() && matches!(&required[..], [only] if is_blank(only)) {
            return Ok(None);
        }
        if !required.is_empty() || !excluded.is_empty() {
            optional.clear();
        }
        let texts: Option<Vec<&str>> = optional.iter().map(Term::text).collect();
        let optional_text = texts.filter(|texts| texts.len() > 1).and_then(|texts| any_of(&texts));
        Ok(Some(Self { required, excluded, optional, optional_text }))
    }

    /// Whether the text of an event satisfies the terms.
    pub fn matches(&self, message: &str) -> bool {
        let has_optional = match &self.optional_text {
            Some(any) => any.is_match(message.as_bytes()),
            None => self.optional.is_empty() || self.optional.iter().any(|term| term.occurs(message)),
        };
        has_optional
            && self.required.iter().all(|term| term.occurs(message))
            && !self.excluded.iter().any(|term| term.occurs(message))
    }

    /// See `FilterPattern::required_literals`.
    pub fn required_literals(&self) -> Vec<&str> {
        let only_optional = if self.optional.len() == 1 { &self.optional[..] } else { &[] };
        self.required.iter().chain(only_optional).filter_map(Term::literal).filter(|text| !text.is_empty()).collect()
    }
}

impl Terms {
    /// The first required regex.
    pub fn required_regex(&self) -> Option<&Regex> {
        self.required.iter().find_map(|term| if let Term::Regex(regex) = term { Some(regex) } else { None })
    }

    /// See `FilterPattern::required_clauses`.
    pub fn required_clauses(&self) -> Clauses {
        // One of them occurs, so one of the strings of each.
        let shortest = |clause: &Vec<String>| clause.iter().map(String::len).min();
        let longest = |term: &Term| term.clauses().into_iter().max_by_key(shortest);
        let any: Option<Vec<Vec<String>>> = self.optional.iter().map(longest).collect();
        let any = any.map(|clauses| clauses.concat()).filter(|clause| !clause.is_empty());
        self.required.iter().flat_map(Term::clauses).chain(any).collect()
    }
}

impl Term {
    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, PatternError> {
        let text = match cursor.peek() {
            Some('"') => cursor.quoted('"')?,
            Some('%') => return Ok(Term::Regex(cursor.regex()?)),
            _ => {
                let place = cursor.error("");
                let word = cursor.take_while(|c| !c.is_whitespace() && c != '"');
                let is_plain = !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '.');
                if !is_plain {
                    return Err(PatternError { message: format!("Invalid character(s) in term '{word}'"), ..place });
                }
                word.to_owned()
            }
        };
        Ok(Term::Text(Box::new(Finder::new(&text).into_owned()), text.into()))
    }

    fn occurs(&self, message: &str) -> bool {
        match self {
            Term::Text(finder, _) => finder.find(message.as_bytes()).is_some(),
            Term::Regex(regex) => regex.is_match(message),
        }
    }

    fn text(&self) -> Option<&str> {
        match self {
            Term::Text(_, text) => Some(text),
            Term::Regex(_) => None,
        }
    }

    /// What is known of every line with the term: of each clause one string occurs in it.
    fn clauses(&self) -> Clauses {
        match self {
            Term::Text(_, text) if text.is_empty() => Vec::new(),
            Term::Text(_, text) => vec![vec![text.to_string()]],
            Term::Regex(regex) => regex.clauses().clone(),
        }
    }

    fn literal(&self) -> Option<&str> {
        match self {
            Term::Text(_, text) => Some(text),
            Term::Regex(regex) => regex.literal(),
        }
    }
}

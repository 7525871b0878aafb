//! JSON patterns: `{ ($.eventName = "Put*") && ($.errorCode NOT EXISTS) }`.

use super::PatternError;
use super::condition::Condition;
use super::cursor::Cursor;
use super::operand::{Op, Operand};
use super::prefilter::{Clauses, Prefilter, clauses_of};
use super::scan::{Selectors, Step, Value};
use std::borrow::Cow;

/// Most wildcard selectors in a pattern; a single selector may have one wildcard (user guide).
const WILDCARDS_MAX: usize = 3;

/// A pattern in braces.
#[derive(Debug, Clone)]
pub struct JsonPattern {
    condition: Condition<Test>,
    selectors: Selectors,
    /// Text of each selector as `extractedValues` names it, by id.
    names: Vec<String>,
    prefilter: Prefilter,
}

/// See `Fields`.
#[derive(Debug, Clone)]
pub struct JsonFields {
    /// Those of the pattern, with the same ids, and then those that are wanted besides.
    selectors: Selectors,
    /// The ids of what is wanted.
    wanted: Vec<usize>,
}

/// One comparison of the values that one selector selects.
#[derive(Debug, Clone)]
struct Test {
    selector: usize,
    /// The last key of the selector, where it has one: it must occur in a matching line.
    key: Option<Box<str>>,
    check: Check,
}

#[derive(Debug, Clone)]
enum Check {
    Compare(Op, Operand),
    IsNull,
    IsBool(bool),
    NotExists,
}

impl JsonPattern {
    /// Reads a pattern, whose opening brace comes next, up to the end.
    pub fn parse(cursor: &mut Cursor<'_>) -> Result<Self, PatternError> {
        if !cursor.rest().trim_end().ends_with('}') {
            return Err(cursor.error("If a filter pattern starts with '{' it must end with '}'"));
        }
        cursor.eat("{");
        let (mut selectors, mut names, mut wildcards) = (Selectors::new(), Vec::new(), 0);
        let condition = Condition::parse(cursor, &mut |cursor| {
            let selector = Selector::parse(cursor, &mut wildcards)?;
            let key = match selector.steps.last() {
                Some(Step::Key(key)) => Some(key.clone()),
                _ => None,
            };
            let id = selectors.add(selector.steps);
            if id == names.len() {
                names.push(selector.name);
            }
            Ok(Test { selector: id, key, check: Check::parse(cursor)? })
        })?;
        if !cursor.eat("}") {
            return Err(cursor.unexpected("'&&', '||' or '}'"));
        }
        cursor.skip_spaces();
        if cursor.peek().is_some() {
            return Err(cursor.unexpected("nothing after '}'"));
        }
        let prefilter = Prefilter::new(clauses_of(&condition, &Test::clauses));
        Ok(Self { condition, selectors, names, prefilter })
    }

    /// Whether a line is JSON and satisfies the conditions.
    pub fn matches(&self, line: &str) -> bool {
        self.matching_values(line, &self.selectors).is_some()
    }

    /// See `FilterPattern::extract`.
    pub fn extract(&self, line: &str) -> Option<Vec<(String, String)>> {
        let found = self.matching_values(line, &self.selectors)?;
        let extracted =
            |(id, name): (usize, &String)| first_text(&found, id).map(|text| (name.clone(), text.into_owned()));
        Some(self.names.iter().enumerate().filter_map(extracted).collect())
    }

    /// See `FilterPattern::fields`.
    pub fn fields(&self, names: &[&str]) -> Result<JsonFields, PatternError> {
        let mut selectors = self.selectors.clone();
        let mut wanted = Vec::with_capacity(names.len());
        for name in names {
            let mut cursor = Cursor::new(name);
            let selector = Selector::parse(&mut cursor, &mut 0)?;
            if cursor.peek().is_some() {
                return Err(cursor.unexpected("the end of the selector"));
            }
            wanted.push(selectors.add(selector.steps));
        }
        Ok(JsonFields { selectors, wanted })
    }

    /// See `FilterPattern::select`.
    pub fn select<'a>(&self, line: &'a str, fields: &JsonFields) -> Option<Vec<Option<Cow<'a, str>>>> {
        let found = self.matching_values(line, &fields.selectors)?;
        Some(fields.wanted.iter().map(|&id| first_text(&found, id)).collect())
    }

    /// See `FilterPattern::required_literals`.
    pub fn required_literals(&self) -> Vec<&str> {
        self.prefilter.literals()
    }

    /// See `FilterPattern::required_clauses`.
    pub fn required_clauses(&self) -> Clauses {
        let mut clauses = self.prefilter.clauses().clone();
        clauses.iter_mut().for_each(|clause| clause.push("\\u".into()));
        clauses
    }

    /// The values that `selectors` select in a line that matches; the first of them are the pattern's own.
    fn matching_values<'a>(&self, line: &'a str, selectors: &Selectors) -> Option<Vec<(usize, Value<'a>)>> {
        // Any character can be written as \u0041: a line with such escapes is parsed whatever the prefilter says.
        if !self.prefilter.admits(line) && memchr::memmem::find(line.as_bytes(), b"\\u").is_none() {
            return None;
        }
        let found = selectors.scan(line)?;
        self.condition.holds(&mut |test| test.holds(&found)).then_some(found)
    }
}

/// The first value of a selector that has a text.
fn first_text<'a>(found: &[(usize, Value<'a>)], id: usize) -> Option<Cow<'a, str>> {
    found.iter().filter(|(selector, _)| *selector == id).find_map(|(_, value)| value.text())
}

impl Check {
    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, PatternError> {
        cursor.skip_spaces();
        if cursor.eat_word("NOT") {
            cursor.skip_spaces();
            return if cursor.eat_word("EXISTS") { Ok(Check::NotExists) } else { Err(cursor.unexpected("EXISTS")) };
        }
        if cursor.eat_word("IS") {
            cursor.skip_spaces();
            return match () {
                () if cursor.eat_word("NULL") => Ok(Check::IsNull),
                () if cursor.eat_word("TRUE") => Ok(Check::IsBool(true)),
                () if cursor.eat_word("FALSE") => Ok(Check::IsBool(false)),
                () => Err(cursor.unexpected("NULL, TRUE or FALSE")),
            };
        }
        let op = Op::parse(cursor)?;
        cursor.skip_spaces();
        Ok(Check::Compare(op, Operand::parse(cursor, op)?))
    }
}

impl Test {
    fn holds(&self, found: &[(usize, Value<'_>)]) -> bool {
        let mut values = found.iter().filter(|(selector, _)| *selector == self.selector).map(|(_, value)| *value);
        match &self.check {
            Check::NotExists => values.next().is_none(),
            Check::IsNull => values.any(|value| value == Value::Null),
            Check::IsBool(wanted) => values.any(|value| value == Value::Bool(*wanted)),
            Check::Compare(op, operand) => {
                values.any(|value| value.text().is_some_and(|text| operand.holds(*op, &text)))
            }
        }
    }

    /// What a line must contain for this test to hold, if it spells nothing as `\u`.
    fn clauses(&self) -> Clauses {
        let value = match &self.check {
            Check::NotExists => return Vec::new(),
            Check::IsNull => Some("null"),
            Check::IsBool(true) => Some("true"),
            Check::IsBool(false) => Some("false"),
            Check::Compare(Op::Equal, operand) => operand.literal().and_then(longest_verbatim),
            Check::Compare(..) => None,
        };
        let key = self.key.as_deref().filter(|key| longest_verbatim(key) == Some(key)).map(|key| format!("\"{key}\""));
        key.into_iter().chain(value.map(str::to_owned)).map(|literal| vec![literal]).collect()
    }
}

/// The longest part of a text that JSON writes as it is (or as `\u`): no quote, backslash, slash or control character.
fn longest_verbatim(text: &str) -> Option<&str> {
    let parts = text.split(|c: char| c.is_control() || matches!(c, '"' | '\\' | '/'));
    parts.max_by_key(|part| part.len()).filter(|part| !part.is_empty())
}

/// `$.a.b[0]`, read.
struct Selector {
    name: String,
    steps: Vec<Step>,
}

impl Selector {
    fn parse(cursor: &mut Cursor<'_>, wildcards: &mut usize) -> Result<Self, PatternError> {
        cursor.skip_spaces();
        let begin = cursor.rest();
        if !cursor.eat("$") {
            return Err(cursor.unexpected("a selector such as $.name"));
        }
        let mut steps = Vec::new();
        loop {
            if cursor.eat(".") {
                steps.push(Self::parse_key(cursor)?);
            } else if cursor.eat("[") {
                steps.push(Self::parse_bracket(cursor)?);
            } else {
                break;
            }
        }
        if steps.is_empty() {
            return Err(cursor.unexpected("'.' and a property name"));
        }
        let own = steps.iter().filter(|step| matches!(step, Step::AnyKey | Step::AnyIndex)).count();
        *wildcards += own;
        if own > 1 {
            return Err(cursor.error("a selector has at most one wildcard"));
        }
        if *wildcards > WILDCARDS_MAX {
            return Err(cursor.error(format!("a pattern has at most {WILDCARDS_MAX} wildcard selectors")));
        }
        let name = begin.get(..begin.len() - cursor.rest().len()).unwrap_or(begin);
        Ok(Self { name: name.to_owned(), steps })
    }

    fn parse_key(cursor: &mut Cursor<'_>) -> Result<Step, PatternError> {
        if cursor.eat("*") {
            return Ok(Step::AnyKey);
        }
        let name = cursor.take_while(|c| c.is_alphanumeric() || c == '_' || c == '-');
        if name.is_empty() { Err(cursor.unexpected("a property name")) } else { Ok(Step::Key(name.into())) }
    }

    fn parse_bracket(cursor: &mut Cursor<'_>) -> Result<Step, PatternError> {
        let step = match cursor.peek() {
            Some(quote @ ('"' | '\'')) => Step::Key(cursor.quoted(quote)?.into()),
            Some('*') => {
                cursor.eat("*");
                Step::AnyIndex
            }
            _ => match cursor.take_while(|c| c.is_ascii_digit()).parse() {
                Ok(index) => Step::Index(index),
                Err(_) => return Err(cursor.unexpected("an array index")),
            },
        };
        if cursor.eat("]") { Ok(step) } else { Err(cursor.unexpected("']'")) }
    }
}

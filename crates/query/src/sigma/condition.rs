//! Conditions: how the selections of a rule come together.

use super::Problem;
use model::limits::{SIGMA_NESTING_MAX, SIGMA_TERMS_OF_RULE_MAX};
use std::cell::Cell;
use std::collections::HashSet;

/// The conditions of a rule, of which one must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Conditions {
    all: Vec<Condition>,
    /// How often they name a selection.
    terms: usize,
    /// How many selections there are, when one is named more than once.
    memo: Option<usize>,
}

impl Conditions {
    /// Reads conditions, each with its line, over the selections `names`.
    pub(super) fn parse(texts: &[(&str, usize)], names: &[String]) -> Result<Self, Problem> {
        let mut conditions = Self::default();
        for (text, line) in texts {
            conditions.all.push(Condition::parse(text, names, *line, &mut conditions.terms)?);
        }
        let mut seen = HashSet::new();
        let is_repeated = conditions.all.iter().any(|condition| condition.repeats(&mut seen));
        conditions.memo = is_repeated.then_some(names.len());
        Ok(conditions)
    }

    /// How often they name a selection.
    pub(super) fn terms(&self) -> usize {
        self.terms
    }

    /// True when one holds, where `holds` says whether a selection does; it is asked once about each at most.
    pub(super) fn is_true(&self, holds: &dyn Fn(usize) -> bool) -> bool {
        let any = |holds: &dyn Fn(usize) -> bool| self.all.iter().any(|condition| condition.is_true(holds));
        let Some(selections) = self.memo else { return any(holds) };
        let known = vec![Cell::new(None); selections];
        any(&|number| {
            let Some(known) = known.get(number) else { return false };
            let is_held = known.get().unwrap_or_else(|| holds(number));
            known.set(Some(is_held));
            is_held
        })
    }
}

/// A condition over selections, which are numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Condition {
    Selection(usize),
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
}

impl Condition {
    /// True when it holds, where `holds` says whether a selection does.
    fn is_true(&self, holds: &dyn Fn(usize) -> bool) -> bool {
        match self {
            Self::Selection(number) => holds(*number),
            Self::All(conditions) => conditions.iter().all(|condition| condition.is_true(holds)),
            Self::Any(conditions) => conditions.iter().any(|condition| condition.is_true(holds)),
            Self::Not(condition) => !condition.is_true(holds),
        }
    }

    /// True when a selection is named that was seen before.
    fn repeats(&self, seen: &mut HashSet<usize>) -> bool {
        match self {
            Self::Selection(number) => !seen.insert(*number),
            Self::All(conditions) | Self::Any(conditions) => conditions.iter().any(|condition| condition.repeats(seen)),
            Self::Not(condition) => condition.repeats(seen),
        }
    }

    /// Reads a condition; what it names is added to `terms`.
    fn parse(text: &str, names: &[String], line: usize, terms: &mut usize) -> Result<Self, Problem> {
        if text.contains('|') {
            return Err(Problem::new(line, "aggregations in conditions are not supported"));
        }
        let mut parser = Parser { words: words(text), at: 0, depth: 0, names, line, terms };
        let condition = parser.any()?;
        match parser.words.get(parser.at) {
            None => Ok(condition),
            Some(word) => Err(parser.wrong(format!("'{word}' is not expected in the condition"))),
        }
    }
}

fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let is_end = |c: char| c.is_whitespace() || matches!(c, '(' | ')');
        let length = match first {
            '(' | ')' => 1,
            _ => rest.find(is_end).unwrap_or(rest.len()),
        };
        let (word, after) = rest.split_at(length);
        words.push(word);
        rest = after.trim_start();
    }
    words
}

struct Parser<'a> {
    words: Vec<&'a str>,
    at: usize,
    depth: usize,
    names: &'a [String],
    line: usize,
    terms: &'a mut usize,
}

impl<'a> Parser<'a> {
    fn wrong(&self, reason: impl Into<String>) -> Problem {
        Problem::new(self.line, reason)
    }

    /// Counts selections that are named.
    fn names(&mut self, more: usize) -> Result<(), Problem> {
        *self.terms += more;
        if *self.terms > SIGMA_TERMS_OF_RULE_MAX {
            let reason = format!("the condition names selections more than {SIGMA_TERMS_OF_RULE_MAX} times");
            return Err(self.wrong(reason));
        }
        Ok(())
    }

    fn next(&mut self) -> Option<&'a str> {
        let word = self.words.get(self.at).copied();
        self.at += 1;
        word
    }

    /// Takes a word of the language, which may be in any case.
    fn takes(&mut self, word: &str) -> bool {
        let is_next = self.words.get(self.at).is_some_and(|next| next.eq_ignore_ascii_case(word));
        self.at += usize::from(is_next);
        is_next
    }

    fn any(&mut self) -> Result<Condition, Problem> {
        let mut parts = vec![self.all()?];
        while self.takes("or") {
            parts.push(self.all()?);
        }
        Ok(joined(parts, Condition::Any))
    }

    fn all(&mut self) -> Result<Condition, Problem> {
        let mut parts = vec![self.one()?];
        while self.takes("and") {
            parts.push(self.one()?);
        }
        Ok(joined(parts, Condition::All))
    }

    fn one(&mut self) -> Result<Condition, Problem> {
        self.depth += 1;
        if self.depth > SIGMA_NESTING_MAX {
            return Err(self.wrong(format!("the condition has more than {SIGMA_NESTING_MAX} levels")));
        }
        let condition = self.one_within()?;
        self.depth -= 1;
        Ok(condition)
    }

    fn one_within(&mut self) -> Result<Condition, Problem> {
        if self.takes("not") {
            return Ok(Condition::Not(Box::new(self.one()?)));
        }
        let Some(word) = self.next() else { return Err(self.wrong("the condition ends too early")) };
        match word {
            "(" => {
                let inner = self.any()?;
                if self.takes(")") { Ok(inner) } else { Err(self.wrong("a ')' is missing in the condition")) }
            }
            _ if self.takes("of") => self.several(word),
            name => match self.names.iter().position(|known| known == name) {
                Some(number) => self.names(1).map(|()| Condition::Selection(number)),
                None => Err(self.wrong(format!("the condition names '{name}', which is no selection"))),
            },
        }
    }

    /// `1 of selection_*` and its like; the quantity and `of` are read.
    fn several(&mut self, quantity: &str) -> Result<Condition, Problem> {
        let Some(pattern) = self.next() else { return Err(self.wrong("the condition ends too early")) };
        let is_them = pattern.eq_ignore_ascii_case("them");
        let is_meant = |name: &str| if is_them { !name.starts_with('_') } else { is_like(pattern, name) };
        let numbers = self.names.iter().enumerate().filter(|(_, name)| is_meant(name)).map(|(number, _)| number);
        let meant: Vec<Condition> = numbers.map(Condition::Selection).collect();
        self.names(meant.len())?;
        if meant.is_empty() {
            return Err(self.wrong(format!("'{pattern}' in the condition means no selection")));
        }
        match quantity.to_ascii_lowercase().as_str() {
            "1" | "any" => Ok(Condition::Any(meant)),
            "all" => Ok(Condition::All(meant)),
            other => Err(self.wrong(format!("'{other} of' is not supported: 1, any or all"))),
        }
    }
}

fn joined(mut parts: Vec<Condition>, join: fn(Vec<Condition>) -> Condition) -> Condition {
    match parts.len() {
        1 => parts.swap_remove(0),
        _ => join(parts),
    }
}

/// True when a name is what a pattern with `*` describes.
fn is_like(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = name.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

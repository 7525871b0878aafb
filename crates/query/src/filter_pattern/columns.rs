//! Column patterns: `[ip, user, ..., request = *.html*, status = 4*, bytes > 1000]`.

use super::PatternError;
use super::condition::Condition;
use super::cursor::Cursor;
use super::operand::{Op, Operand};
use super::prefilter::{Clauses, Prefilter, clauses_of};
use std::borrow::Cow;

/// A pattern in brackets.
#[derive(Debug, Clone)]
pub struct ColumnPattern {
    columns: Vec<Column>,
    /// How many columns stand before `...`, if there is one.
    ellipsis: Option<usize>,
    prefilter: Prefilter,
}

/// A column: its name, if any, and what it must satisfy.
#[derive(Debug, Clone, Default)]
struct Column {
    name: Option<String>,
    condition: Option<Condition<Test>>,
}

/// A comparison, or a name alone.
type Test = Option<(Op, Operand)>;

impl ColumnPattern {
    /// Reads a pattern, whose opening bracket comes next, up to the end.
    pub fn parse(cursor: &mut Cursor<'_>) -> Result<Self, PatternError> {
        if !cursor.rest().trim_end().ends_with(']') {
            return Err(cursor.error("If a filter pattern starts with '[' it must end with ']'"));
        }
        cursor.eat("[");
        let (mut columns, mut ellipsis) = (Vec::new(), None);
        loop {
            cursor.skip_spaces();
            if cursor.eat("...") {
                if ellipsis.replace(columns.len()).is_some() {
                    return Err(cursor.error("a pattern has at most one '...'"));
                }
            } else {
                columns.push(Column::parse(cursor)?);
            }
            cursor.skip_spaces();
            if cursor.eat("]") {
                break;
            }
            if !cursor.eat(",") {
                return Err(cursor.unexpected("',' or ']'"));
            }
        }
        cursor.skip_spaces();
        if cursor.peek().is_some() {
            return Err(cursor.unexpected("nothing after ']'"));
        }
        if ellipsis.is_none() && matches!(&columns[..], [Column { name: None, .. }]) {
            return Err(cursor.error("the pattern names no column"));
        }
        let conditions = columns.iter().filter_map(|column| column.condition.as_ref());
        let prefilter = Prefilter::new(conditions.flat_map(|condition| clauses_of(condition, &clauses)).collect());
        Ok(Self { columns, ellipsis, prefilter })
    }

    /// Whether a line has these columns and they satisfy their conditions.
    pub fn matches(&self, line: &str) -> bool {
        self.matching_words(line).is_some()
    }

    /// See `FilterPattern::extract`.
    pub fn extract(&self, line: &str) -> Option<Vec<(String, String)>> {
        let words = self.matching_words(line)?;
        let skipped = words.len().saturating_sub(self.columns.len());
        let column_of = |at: usize| match self.ellipsis {
            Some(before) if at >= before && at < before + skipped => None,
            Some(before) if at >= before => self.columns.get(at - skipped),
            _ => self.columns.get(at),
        };
        let name = |at: usize| match column_of(at).and_then(|column| column.name.as_ref()) {
            Some(name) => format!("${name}"),
            None => format!("${}", at + 1),
        };
        Some(words.iter().enumerate().map(|(at, word)| (name(at), (*word).to_owned())).collect())
    }

    /// Where `$name` stands, or `$7` where no column has that name: the number of the column, or past them all the number
    /// of the word and the number of the columns together. See `FilterPattern::fields`.
    pub fn field(&self, name: &str) -> Option<usize> {
        let name = name.strip_prefix('$')?;
        let named = self.columns.iter().position(|column| column.name.as_deref() == Some(name));
        named.or_else(|| {
            let word = name.parse::<usize>().ok()?.checked_sub(1)?;
            word.checked_add(self.columns.len())
        })
    }

    /// See `FilterPattern::select`.
    pub fn select<'a>(&self, line: &'a str, fields: &[usize]) -> Option<Vec<Option<Cow<'a, str>>>> {
        let words = self.matching_words(line)?;
        let count = self.columns.len();
        let skipped = words.len().saturating_sub(count);
        let word_of = |&field: &usize| {
            let at = match self.ellipsis {
                _ if field >= count => field - count,
                Some(before) if field >= before => field + skipped,
                _ => field,
            };
            words.get(at).map(|&word| Cow::Borrowed(word))
        };
        Some(fields.iter().map(word_of).collect())
    }

    /// See `FilterPattern::required_literals`.
    pub fn required_literals(&self) -> Vec<&str> {
        self.prefilter.literals()
    }

    /// See `FilterPattern::required_clauses`.
    pub fn required_clauses(&self) -> Clauses {
        self.prefilter.clauses().clone()
    }

    fn matching_words<'a>(&self, line: &'a str) -> Option<Vec<&'a str>> {
        if !self.prefilter.admits(line) {
            return None;
        }
        let count = self.columns.len();
        let words = match self.ellipsis {
            None if count == 1 => vec![line.trim()],
            None => split(line, count).filter(|words| words.len() == count)?,
            Some(_) => split(line, usize::MAX).filter(|words| words.len() >= count)?,
        };
        let before = self.ellipsis.unwrap_or(count);
        let (head, tail) = (self.columns.get(..before)?, self.columns.get(before..)?);
        let from_end = words.get(words.len() - tail.len()..)?;
        let holds = head.iter().zip(&words).chain(tail.iter().zip(from_end)).all(|(column, word)| column.holds(word));
        holds.then_some(words)
    }
}

impl Column {
    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, PatternError> {
        if matches!(cursor.peek(), Some(',' | ']')) {
            return Ok(Self::default());
        }
        let mut name: Option<String> = None;
        let condition = Condition::parse(cursor, &mut |cursor| {
            let place = cursor.error("");
            let read = cursor.take_while(|c| c.is_alphanumeric() || c == '_' || c == '-');
            if read.is_empty() {
                return Err(cursor.unexpected("a column name"));
            }
            let is_first = name.is_none();
            if name.get_or_insert_with(|| read.to_owned()) != read {
                let message = format!("a condition on column '{read}' belongs in that column");
                return Err(PatternError { message, ..place });
            }
            cursor.skip_spaces();
            if is_first && matches!(cursor.peek(), Some(',' | ']')) {
                return Ok(None);
            }
            let op = Op::parse(cursor)?;
            cursor.skip_spaces();
            Ok(Some((op, Operand::parse(cursor, op)?)))
        })?;
        let condition = if matches!(condition, Condition::Leaf(None)) { None } else { Some(condition) };
        Ok(Self { name, condition })
    }

    fn holds(&self, word: &str) -> bool {
        let test = &mut |test: &Test| test.as_ref().is_none_or(|(op, operand)| operand.holds(*op, word));
        self.condition.as_ref().is_none_or(|condition| condition.holds(test))
    }
}

fn clauses(test: &Test) -> Clauses {
    match test {
        Some((Op::Equal, operand)) => operand.literal().map(|text| vec![text.to_owned()]).into_iter().collect(),
        _ => Vec::new(),
    }
}

/// The words of a line; `None` when there are more than `count_max`.
pub(crate) fn split(line: &str, count_max: usize) -> Option<Vec<&str>> {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() {
        if words.len() == count_max {
            return None;
        }
        let (word, after) = first_word(rest);
        words.push(word);
        rest = after.trim_start();
    }
    Some(words)
}

/// The first word of a text without leading space, less its quotes or brackets, and what follows it.
fn first_word(text: &str) -> (&str, &str) {
    let close = match text.as_bytes().first() {
        Some(b'"') => closing_quote(text),
        Some(b'[') => memchr::memchr(b']', text.as_bytes()),
        _ => None,
    };
    if let Some(close) = close
        && let (Some(inside), Some(after)) = (text.get(1..close), text.get(close + 1..))
        && after.chars().next().is_none_or(char::is_whitespace)
    {
        return (inside, after);
    }
    // Brackets or quotes with something attached, as in `[main thread]:`, stay whole and keep them.
    let from = close.unwrap_or(0);
    let end = text.get(from..).and_then(|tail| tail.find(char::is_whitespace)).map_or(text.len(), |at| from + at);
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// Where the quote that opens `text` is closed; `\"` does not close it.
fn closing_quote(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut from = 1;
    loop {
        let at = from + memchr::memchr2(b'"', b'\\', bytes.get(from..)?)?;
        if bytes.get(at) == Some(&b'"') {
            return Some(at);
        }
        from = at + 2;
    }
}

//! Comparing one value with the right-hand side of a condition: numbers, strings with wildcards, regexes.

use super::PatternError;
use super::cursor::Cursor;
use super::regexes::Regex;
use memchr::memmem::Finder;

/// A comparison operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl Op {
    /// Reads an operator.
    pub fn parse(cursor: &mut Cursor<'_>) -> Result<Self, PatternError> {
        // The longer ones first. `=!` stands in an example of the user guide.
        let all = [
            ("!=", Op::NotEqual),
            ("=!", Op::NotEqual),
            ("<=", Op::LessOrEqual),
            (">=", Op::GreaterOrEqual),
            ("=", Op::Equal),
            ("<", Op::Less),
            (">", Op::Greater),
        ];
        for (sign, op) in all {
            if cursor.eat(sign) {
                return Ok(op);
            }
        }
        Err(cursor.unexpected("a comparison operator"))
    }

    /// Whether `ordering` of value to operand satisfies the operator.
    fn holds(self, ordering: std::cmp::Ordering) -> bool {
        match self {
            Op::Equal => ordering.is_eq(),
            Op::NotEqual => ordering.is_ne(),
            Op::Less => ordering.is_lt(),
            Op::LessOrEqual => ordering.is_le(),
            Op::Greater => ordering.is_gt(),
            Op::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

/// The right-hand side of a comparison.
#[derive(Debug, Clone)]
pub enum Operand {
    /// A bare number, with its text.
    Number(f64, Box<str>),
    /// A string, quoted or bare.
    Text(Glob),
    /// `%regex%`.
    Regex(Regex),
}

impl Operand {
    /// Reads the operand of `op`.
    pub fn parse(cursor: &mut Cursor<'_>, op: Op) -> Result<Self, PatternError> {
        let place = cursor.error("");
        let operand = match cursor.peek() {
            Some('"') => Operand::Text(Glob::new(&cursor.quoted('"')?)),
            Some('%') => Operand::Regex(cursor.regex()?),
            _ => Self::bare(cursor)?,
        };
        let is_equality = matches!(op, Op::Equal | Op::NotEqual);
        if !is_equality && !matches!(operand, Operand::Number(..)) {
            return Err(PatternError { message: "'<', '<=', '>' and '>=' compare with a number only".into(), ..place });
        }
        Ok(operand)
    }

    fn bare(cursor: &mut Cursor<'_>) -> Result<Self, PatternError> {
        let place = cursor.error("");
        // Addresses (10.0.*, ::1, 10.0.0.0/8) and service names are in use without quotes.
        let text = cursor.take_while(|c| c.is_ascii_alphanumeric() || "_-.*:/+".contains(c));
        let junk = cursor.take_while(|c| !c.is_whitespace() && !"()&|,]}".contains(c));
        if !junk.is_empty() {
            let message = format!("Invalid character(s) in term '{text}{junk}'");
            return Err(PatternError { message, ..place });
        }
        if text.is_empty() {
            return Err(cursor.unexpected("a value"));
        }
        Ok(match number(text) {
            Some(value) => Operand::Number(value, text.into()),
            None => Operand::Text(Glob::new(text)),
        })
    }

    /// Whether a value with this text satisfies the comparison.
    pub fn holds(&self, op: Op, text: &str) -> bool {
        match self {
            Operand::Text(glob) => glob.matches(text) == (op == Op::Equal),
            Operand::Regex(regex) => regex.is_match(text) == (op == Op::Equal),
            Operand::Number(wanted, wanted_text) => match compare_numbers(text, *wanted, wanted_text) {
                Some(ordering) => op.holds(ordering),
                None => op == Op::NotEqual,
            },
        }
    }

    /// Text that a value must contain to equal this operand, where it is known.
    pub fn literal(&self) -> Option<&str> {
        match self {
            Operand::Text(glob) => Some(&glob.text),
            Operand::Regex(regex) => regex.literal(),
            Operand::Number(..) => None,
        }
    }
}

/// Value against operand; `None` when the value is no number. Whole numbers compare exactly: ids have more digits than `f64`.
fn compare_numbers(text: &str, wanted: f64, wanted_text: &str) -> Option<std::cmp::Ordering> {
    if let (Ok(value), Ok(wanted)) = (text.parse::<i128>(), wanted_text.parse::<i128>()) {
        return Some(value.cmp(&wanted));
    }
    number(text)?.partial_cmp(&wanted)
}

/// Digits with an optional sign, fraction and exponent; nothing else that Rust would read (`inf`, `nan`, `.5.`).
fn number(text: &str) -> Option<f64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let is_number = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && digits.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'));
    if is_number { text.parse().ok() } else { None }
}

/// A string with `*` allowed at its beginning and its end.
#[derive(Debug, Clone)]
pub struct Glob {
    text: Box<str>,
    open_begin: bool,
    open_end: bool,
    /// For a text open at both ends.
    finder: Box<Finder<'static>>,
}

impl Glob {
    /// From the text with its asterisks.
    pub fn new(pattern: &str) -> Self {
        let (open_begin, inner) = pattern.strip_prefix('*').map_or((false, pattern), |inner| (true, inner));
        let (open_end, inner) = match inner.strip_suffix('*') {
            Some(inner) => (true, inner),
            // A single asterisk is open at both ends.
            None => (pattern == "*", inner),
        };
        let finder = Box::new(Finder::new(inner).into_owned());
        Self { text: inner.into(), open_begin, open_end, finder }
    }

    /// Whether `value` fits.
    pub fn matches(&self, value: &str) -> bool {
        match (self.open_begin, self.open_end) {
            (false, false) => value == &*self.text,
            (false, true) => value.starts_with(&*self.text),
            (true, false) => value.ends_with(&*self.text),
            (true, true) => self.finder.find(value.as_bytes()).is_some(),
        }
    }
}

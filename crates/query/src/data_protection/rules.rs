//! How one kind of sensitive data is found: a pattern, what must be near it, and what its digits must satisfy.

use std::ops::Range;

/// Largest compiled pattern, bytes: a custom one is a client's.
const PROGRAM_BYTES_MAX: usize = 1024 * 1024;

/// What must be in a line before a pattern is tried.
#[derive(Debug, Clone, Copy)]
pub(super) enum Trigger {
    /// One of these keywords, within 30 characters of the data.
    Keywords(&'static [&'static [&'static str]]),
    /// This byte.
    Byte(u8),
    /// This text.
    Text(&'static str),
    /// Nothing.
    Always,
}

/// A text that may be sensitive, with the line around it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate<'a> {
    pub line: &'a str,
    pub start: usize,
    pub end: usize,
}

impl<'a> Candidate<'a> {
    /// The text itself.
    pub fn text(&self) -> &'a str {
        &self.line[self.start..self.end]
    }

    /// The text without anything but letters and digits, in upper case.
    pub fn compact(&self) -> String {
        self.text().chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect()
    }

    /// The bytes before and after.
    pub fn neighbours(&self) -> [Option<u8>; 2] {
        let bytes = self.line.as_bytes();
        [self.start.checked_sub(1).and_then(|at| bytes.get(at).copied()), bytes.get(self.end).copied()]
    }
}

/// How many bytes of a candidate are sensitive, from its start; `None` when it is not what it looks like.
pub(super) type Check = fn(Candidate<'_>) -> Option<usize>;

/// A search of our own: calls back with what it finds, bytes.
pub(super) type Scan = fn(&str, &mut dyn FnMut(Range<usize>));

/// One way to find one kind of data.
#[derive(Debug)]
pub(super) struct Rule {
    pub trigger: Trigger,
    pub how: How,
}

/// How a rule looks.
#[derive(Debug, Clone, Copy)]
pub(super) enum How {
    /// For `\b` and `\d`, which stands in no brackets, only ASCII counts. With a check, a match is at most some 64 bytes long.
    Pattern(&'static str, Option<Check>),
    /// By itself.
    Scan(Scan),
}

impl Rule {
    /// A rule by pattern alone.
    pub const fn new(trigger: Trigger, pattern: &'static str) -> Self {
        Self { trigger, how: How::Pattern(pattern, None) }
    }

    /// A rule whose candidates must pass a check.
    pub const fn checked(trigger: Trigger, pattern: &'static str, check: Check) -> Self {
        Self { trigger, how: How::Pattern(pattern, Some(check)) }
    }

    /// A rule with a search of its own.
    pub const fn scan(trigger: Trigger, scan: Scan) -> Self {
        Self { trigger, how: How::Scan(scan) }
    }
}

/// A pattern of ours, compiled; all of them do, which a test says.
pub(super) fn compile(pattern: &str) -> Option<regex::Regex> {
    let pattern = pattern.replace(r"\b", r"(?-u:\b)").replace(r"\d", "[0-9]");
    regex::Regex::new(&pattern).ok()
}

/// An identifier that a policy defines itself.
#[derive(Debug, Clone)]
pub(super) struct Custom {
    pub name: String,
    pub regex: regex::Regex,
}

impl Custom {
    pub fn compile(source: &str) -> Result<regex::Regex, String> {
        regex::RegexBuilder::new(source).size_limit(PROGRAM_BYTES_MAX).build().map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => "it is too large".to_owned(),
            error => error.to_string().lines().last().unwrap_or_default().to_owned(),
        })
    }
}

//! The constraints of the models: lengths, ranges, patterns and enums, checked with the words AWS uses.

use crate::shape::{Path, Violations};
use regex::Regex;
use std::fmt::{self, Display, Formatter};
use std::sync::OnceLock;

/// One thing that a model demands of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Constraint {
    /// The regular expression that a text matches.
    Pattern(&'static str),
    /// The values of which it is one.
    Values(&'static [&'static str]),
    /// The smallest number.
    Least(i64),
    /// The largest number.
    Most(i64),
    /// Fewest characters of a text.
    Shortest(u64),
    /// Most characters of a text.
    Longest(u64),
    /// Fewest items of a list or map.
    FewestItems(u64),
    /// Most items of a list or map.
    MostItems(u64),
}

/// As most services say it, behind "failed to satisfy constraint".
impl Display for Constraint {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pattern(text) => write!(f, "Member must satisfy regular expression pattern: {text}"),
            Self::Values(values) => write!(f, "Member must satisfy enum value set: [{}]", Set(values)),
            Self::Least(min) => write!(f, "Member must have value greater than or equal to {min}"),
            Self::Most(max) => write!(f, "Member must have value less than or equal to {max}"),
            Self::Shortest(min) | Self::FewestItems(min) => {
                write!(f, "Member must have length greater than or equal to {min}")
            }
            Self::Longest(max) | Self::MostItems(max) => {
                write!(f, "Member must have length less than or equal to {max}")
            }
        }
    }
}

impl Constraint {
    /// True when a value that fails it is none at all: an empty text or list where something is wanted.
    pub fn is_of_absence(&self, value: &str) -> bool {
        match self {
            Self::Shortest(_) => value.is_empty(),
            Self::FewestItems(_) => value == NO_ITEMS,
            _ => false,
        }
    }

    /// What the older operations of CloudWatch say of a parameter that fails it.
    pub fn sentence(&self, parameter: &str, value: &str) -> String {
        match self {
            _ if self.is_of_absence(value) => format!("The parameter {parameter} is required."),
            Self::Pattern(_) => format!("The value {value} for parameter {parameter} is invalid."),
            Self::Values(values) => {
                format!("The parameter {parameter} must be a value in the set [ {} ].", Set(values))
            }
            Self::Least(min) => format!("The parameter {parameter} must be greater than or equal to {min}."),
            Self::Most(max) => format!("The parameter {parameter} must be less than or equal to {max}."),
            Self::Shortest(min) => {
                format!("The parameter {parameter} must be longer than {} characters.", min.saturating_sub(1))
            }
            Self::Longest(max) => {
                format!("The parameter {parameter} must be shorter than {} characters.", max.saturating_add(1))
            }
            Self::FewestItems(min) => format!("The collection {parameter} must have a size of at least {min}."),
            Self::MostItems(max) => format!("The collection {parameter} must not have a size greater than {max}."),
        }
    }
}

/// An empty list or map, as it is told.
const NO_ITEMS: &str = "[]";

/// What a model says about a string shape.
#[derive(Debug)]
pub struct TextRule {
    /// Fewest and most characters.
    pub length: (u64, u64),
    /// The whole value must match it.
    pub pattern: Option<&'static Pattern>,
    /// The allowed values; empty when all are.
    pub values: &'static [&'static str],
    /// The value must not be told to anyone.
    pub sensitive: bool,
}

impl TextRule {
    /// No constraint at all.
    pub const FREE: TextRule = TextRule { length: (0, u64::MAX), pattern: None, values: &[], sensitive: false };

    /// Records every constraint that `value` fails.
    pub fn check(&self, value: &str, at: &Path<'_>, violations: &mut Violations) {
        let told = if self.sensitive { "***" } else { value };
        if self.length != Self::FREE.length {
            match failed_length(char_count(value, self.length), self.length) {
                Some(Bound::Min(min)) => violations.add(told, at, Constraint::Shortest(min)),
                Some(Bound::Max(max)) => violations.add(told, at, Constraint::Longest(max)),
                None => {}
            }
        }
        if let Some(pattern) = self.pattern
            && !pattern.matches(value)
        {
            violations.add(told, at, Constraint::Pattern(pattern.source));
        }
        if !self.values.is_empty() && !self.values.contains(&value) {
            violations.add(told, at, Constraint::Values(self.values));
        }
    }
}

/// Prints `A, B`, and only when a violation is really told.
struct Set(&'static [&'static str]);

impl Display for Set {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (i, value) in self.0.iter().enumerate() {
            f.write_str(if i == 0 { "" } else { ", " })?;
            f.write_str(value)?;
        }
        Ok(())
    }
}

/// Number of characters (Unicode scalar values), which is counted only when the bytes do not decide.
fn char_count(value: &str, (min, max): (u64, u64)) -> u64 {
    let bytes = value.len() as u64;
    let decided = bytes <= max && (bytes / 4 >= min || (min == 1 && bytes > 0));
    if decided { min } else { value.chars().count() as u64 }
}

/// What a model says about an integer or long shape: smallest and largest value.
#[derive(Debug)]
pub struct NumberRule {
    /// Smallest value.
    pub min: i64,
    /// Largest value.
    pub max: i64,
}

impl NumberRule {
    /// No constraint at all.
    pub const FREE: NumberRule = NumberRule { min: i64::MIN, max: i64::MAX };

    /// Records the constraint that `value` fails.
    pub fn check(&self, value: i64, at: &Path<'_>, violations: &mut Violations) {
        if value < self.min {
            violations.add(value, at, Constraint::Least(self.min));
        }
        if value > self.max {
            violations.add(value, at, Constraint::Most(self.max));
        }
    }
}

/// What a model says about a list or map shape: fewest and most items.
#[derive(Debug)]
pub struct LengthRule {
    /// Fewest items.
    pub min: u64,
    /// Most items.
    pub max: u64,
}

impl LengthRule {
    /// Most items where the model names no limit.
    const UNNAMED_MAX: u64 = 100_000;

    /// No constraint but the one that protects memory.
    pub const FREE: LengthRule = LengthRule { min: 0, max: Self::UNNAMED_MAX };

    /// True while one more item may be kept after `kept` of them; further ones are only counted.
    pub fn keeps(&self, kept: usize) -> bool {
        (kept as u64) < self.max.min(Self::UNNAMED_MAX)
    }

    /// Records the constraint that a list or map of `count` items fails.
    pub fn check(&self, count: usize, at: &Path<'_>, violations: &mut Violations) {
        let constraint = match failed_length(count as u64, (self.min, self.max.min(Self::UNNAMED_MAX))) {
            Some(Bound::Min(min)) => Constraint::FewestItems(min),
            Some(Bound::Max(max)) => Constraint::MostItems(max),
            None => return,
        };
        match count {
            0 => violations.add(NO_ITEMS, at, constraint),
            _ => violations.add(format_args!("[{count} items]"), at, constraint),
        }
    }
}

/// An end of a range.
enum Bound {
    Min(u64),
    Max(u64),
}

/// The bound that a length fails.
fn failed_length(count: u64, (min, max): (u64, u64)) -> Option<Bound> {
    if count < min {
        Some(Bound::Min(min))
    } else if count > max {
        Some(Bound::Max(max))
    } else {
        None
    }
}

/// A regular expression of a model (Java's dialect), compiled when first needed.
#[derive(Debug)]
pub struct Pattern {
    source: &'static str,
    compiled: OnceLock<Option<Regex>>,
}

impl Pattern {
    /// A pattern that is not compiled yet.
    pub const fn new(source: &'static str) -> Self {
        Self { source, compiled: OnceLock::new() }
    }

    /// The text in the model, which clients are told.
    pub fn source(&self) -> &'static str {
        self.source
    }

    /// True when the whole of `value` matches. A pattern that does not compile matches everything; a test walks all
    /// patterns of the models and finds none such.
    pub fn matches(&self, value: &str) -> bool {
        self.compiled().is_none_or(|regex| regex.is_match(value))
    }

    fn compiled(&self) -> Option<&Regex> {
        self.compiled.get_or_init(|| Regex::new(&format!(r"\A(?:{})\z", translate(self.source))).ok()).as_ref()
    }
}

/// Classes that name UTF-16 surrogates or write code points beyond U+FFFF in four digits; what their authors meant.
const MEANT: [(&str, &str); 2] = [
    (r"\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF", r"\x{E000}-\x{FFFD}\x{10000}-\x{10FFFF}"),
    (r"\u10000-\u10FFFF", r"\x{10000}-\x{10FFFF}"),
];

/// Java's dialect to that of the `regex` crate: ASCII classes, `\uXXXX`, and literal `-` after a class such as `\w`.
fn translate(java: &str) -> String {
    let mut source = java.to_owned();
    for (written, meant) in MEANT {
        source = source.replace(written, meant);
    }
    let mut out = String::with_capacity(source.len().saturating_mul(2));
    let mut in_class = false;
    let mut chars = source.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                let Some(escaped) = chars.next() else {
                    out.push('\\');
                    break;
                };
                let digits: String = match escaped {
                    'u' => chars.by_ref().take(4).collect(),
                    _ => String::new(),
                };
                push_escape(&mut out, escaped, &digits, in_class);
                if in_class && matches!(escaped, 'w' | 'd' | 's') && chars.next_if_eq(&'-').is_some() {
                    out.push_str(r"\-");
                }
            }
            '[' if !in_class => {
                in_class = true;
                out.push('[');
                if chars.next_if_eq(&'^').is_some() {
                    out.push('^');
                }
            }
            ']' if in_class => {
                in_class = false;
                out.push(']');
            }
            '[' => out.push_str(r"\["),
            _ => out.push(c),
        }
    }
    out
}

fn push_escape(out: &mut String, escaped: char, digits: &str, in_class: bool) {
    match (escaped, in_class) {
        ('w', true) => out.push_str("0-9A-Za-z_"),
        ('d', true) => out.push_str("0-9"),
        ('s', true) => out.push_str(r" \t\n\x0B\x0C\r"),
        ('w', false) => out.push_str("[0-9A-Za-z_]"),
        ('d', false) => out.push_str("[0-9]"),
        ('s', false) => out.push_str(r"[ \t\n\x0B\x0C\r]"),
        ('S', false) => out.push_str(r"[^ \t\n\x0B\x0C\r]"),
        ('u', _) => {
            out.push_str(r"\x{");
            out.push_str(digits);
            out.push('}');
        }
        _ => {
            out.push('\\');
            out.push(escaped);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Path<'static> = Path::ROOT;

    fn told(check: impl FnOnce(&Path<'_>, &mut Violations)) -> String {
        let mut violations = Violations::default();
        check(&AT.field("name"), &mut violations);
        if violations.is_empty() { String::new() } else { violations.message() }
    }

    #[test]
    fn every_pattern_of_the_models_compiles() {
        let patterns: Vec<&Pattern> = crate::generated::patterns().collect();
        assert!(patterns.len() > 100, "only {} patterns", patterns.len());
        let broken: Vec<_> = patterns.iter().filter(|p| p.compiled().is_none()).map(|p| p.source()).collect();
        assert_eq!(broken, Vec::<&str>::new());
    }

    #[test]
    fn java_dialect_is_kept() {
        let cases = [
            (r"[\w-_]*", "a-b_c", true),
            (r"[\w-_]*", "a b", false),
            (r"[\w]*", "é", false),
            (r"\d+", "٣", false),
            (r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$", "é ٣", true),
            (r"[^:].*", ":x", false),
            (r"[^:].*", "AWS/EC2", true),
            (r"[\u0009\u0020-\u00FF]+", "a\tb", true),
            (r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\t]*", "a😀", true),
            (r"^[0-9]{2}:[0-9]{2}", "12:345", false),
            (r"\S{36,128}", "a b", false),
            (r"a|b", "ab", false),
            (r"^[\w\d\s_.,\-:\[\]]+$", "a [b]", true),
        ];
        for (pattern, value, expected) in cases {
            let pattern = Pattern::new(pattern);
            assert!(pattern.compiled().is_some(), "{}", pattern.source());
            assert_eq!(pattern.matches(value), expected, "{} on {value:?}", pattern.source());
        }
    }

    #[test]
    fn texts_are_those_of_aws() {
        static NAME: Pattern = Pattern::new("[a-z]*");
        let rule = TextRule { length: (1, 3), pattern: Some(&NAME), values: &[], sensitive: false };
        let prefix = "1 validation error detected: Value";
        assert_eq!(told(|at, v| rule.check("abc", at, v)), "");
        assert_eq!(
            told(|at, v| rule.check("", at, v)),
            format!(
                "{prefix} '' at 'name' failed to satisfy constraint: Member must have length greater than or equal to 1"
            )
        );
        assert_eq!(
            told(|at, v| rule.check("abcd", at, v)),
            format!(
                "{prefix} 'abcd' at 'name' failed to satisfy constraint: Member must have length less than or equal to 3"
            )
        );
        assert_eq!(
            told(|at, v| rule.check("A", at, v)),
            format!(
                "{prefix} 'A' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-z]*"
            )
        );
        let unit = TextRule { values: &["Count", "None"], ..TextRule::FREE };
        assert_eq!(
            told(|at, v| unit.check("Furlong", at, v)),
            format!(
                "{prefix} 'Furlong' at 'name' failed to satisfy constraint: Member must satisfy enum value set: [Count, None]"
            )
        );
        let limit = NumberRule { min: 1, max: 50 };
        assert_eq!(
            told(|at, v| limit.check(0, at, v)),
            format!(
                "{prefix} '0' at 'name' failed to satisfy constraint: Member must have value greater than or equal to 1"
            )
        );
        assert_eq!(
            told(|at, v| limit.check(51, at, v)),
            format!(
                "{prefix} '51' at 'name' failed to satisfy constraint: Member must have value less than or equal to 50"
            )
        );
        let items = LengthRule { min: 1, max: 2 };
        assert_eq!(
            told(|at, v| items.check(0, at, v)),
            format!(
                "{prefix} '[]' at 'name' failed to satisfy constraint: Member must have length greater than or equal to 1"
            )
        );
    }

    #[test]
    fn characters_are_counted_not_bytes() {
        let rule = TextRule { length: (2, 3), ..TextRule::FREE };
        assert_eq!(told(|at, v| rule.check("äöü", at, v)), "");
        assert_eq!(told(|at, v| rule.check("ää", at, v)), "");
        assert_ne!(told(|at, v| rule.check("ä", at, v)), "");
        assert_ne!(told(|at, v| rule.check("😀", at, v)), "");
        assert_ne!(told(|at, v| rule.check("äöüß", at, v)), "");
    }

    #[test]
    fn sensitive_values_are_not_told() {
        let rule = TextRule { length: (0, 1), sensitive: true, ..TextRule::FREE };
        assert!(!told(|at, v| rule.check("secret", at, v)).contains("secret"));
    }
}

//! The seam between shapes generated from the models and the codecs: `Shape`, `Reader`, `Writer`, and constraint `Violations`.
//!
//! A codec knows bytes, a shape knows members; neither knows the other. Reading checks the model's constraints
//! (required, min, max, pattern, enum) in the same pass, so no half-checked value ever reaches an operation.

use crate::constraint::Constraint;
use model::Timestamp;
use std::borrow::Cow;
use std::fmt::{self, Write as _};

/// A structure generated from a model, which can be read from and written to any codec.
pub trait Shape: Sized + Default + Send + Sync + 'static {
    /// Reads one value. Constraint violations are collected in `violations`, not returned, so that all of them
    /// reach the client at once; only bytes that are no value of this type at all are an error.
    fn read<R: Reader>(reader: &mut R, at: &Path<'_>, violations: &mut Violations) -> Result<Self, DecodeError>;

    /// Writes the members without opening or closing the structure. Absent members are left out.
    fn write_members<W: Writer>(&self, writer: &mut W);

    /// Writes the structure.
    fn write<W: Writer>(&self, writer: &mut W) {
        writer.begin_structure();
        self.write_members(writer);
        writer.end_structure();
    }
}

/// The texts of an input by the names of its members, without knowing its type: what policies ask of a call.
pub trait Texts {
    /// The text of `member`, or the texts of a list of them; empty when it is absent or something else.
    fn texts(&self, member: &str) -> Vec<&str>;

    /// Keys and values of the tags that the call sets.
    fn tags(&self) -> Vec<(&str, &str)>;
}

impl Texts for Empty {
    fn texts(&self, _: &str) -> Vec<&str> {
        Vec::new()
    }

    fn tags(&self) -> Vec<(&str, &str)> {
        Vec::new()
    }
}

/// The input or output of an operation that has none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Empty {}

impl Shape for Empty {
    fn read<R: Reader>(reader: &mut R, _: &Path<'_>, _: &mut Violations) -> Result<Self, DecodeError> {
        reader.begin_structure()?;
        while reader.next_field()?.is_some() {
            reader.skip()?;
        }
        Ok(Self {})
    }

    fn write_members<W: Writer>(&self, _: &mut W) {}
}

/// Pulls values out of bytes. A reader keeps its own stack of open containers and refuses nesting deeper than
/// `model::limits::NESTING_MAX`. Unknown fields are passed over with `skip`.
pub trait Reader {
    /// Consumes a null if one is next. Formats without null (query) answer false.
    fn null(&mut self) -> Result<bool, DecodeError>;
    /// A boolean.
    fn boolean(&mut self) -> Result<bool, DecodeError>;
    /// An integer; integral floats such as `5.0` are accepted, as AWS does.
    fn integer(&mut self) -> Result<i64, DecodeError>;
    /// A floating point number; the strings `NaN`, `Infinity` and `-Infinity` are accepted.
    fn double(&mut self) -> Result<f64, DecodeError>;
    /// A string.
    fn string(&mut self) -> Result<Cow<'_, str>, DecodeError>;
    /// Bytes (base64 text except in CBOR).
    fn blob(&mut self) -> Result<Vec<u8>, DecodeError>;
    /// An instant (epoch seconds as number, CBOR tag 1, or ISO 8601 text, whichever the protocol uses).
    fn timestamp(&mut self) -> Result<Timestamp, DecodeError>;
    /// Opens a structure.
    fn begin_structure(&mut self) -> Result<(), DecodeError>;
    /// The next member's name, or `None` at the end, which closes the structure.
    fn next_field(&mut self) -> Result<Option<Cow<'_, str>>, DecodeError>;
    /// Opens a map.
    fn begin_map(&mut self) -> Result<(), DecodeError>;
    /// The next key, or `None` at the end, which closes the map. The value is read next.
    fn next_key(&mut self) -> Result<Option<Cow<'_, str>>, DecodeError>;
    /// Opens a list.
    fn begin_list(&mut self) -> Result<(), DecodeError>;
    /// True when another item follows; false closes the list.
    fn next_item(&mut self) -> Result<bool, DecodeError>;
    /// Passes over one value of any type.
    fn skip(&mut self) -> Result<(), DecodeError>;
}

/// Puts values into bytes. Calls are balanced by the generated code.
pub trait Writer {
    /// A boolean.
    fn boolean(&mut self, value: bool);
    /// An integer.
    fn integer(&mut self, value: i64);
    /// A floating point number.
    fn double(&mut self, value: f64);
    /// A string.
    fn string(&mut self, value: &str);
    /// A string that the model marks as sensitive; only the audit writer hides it.
    fn sensitive(&mut self, value: &str) {
        self.string(value);
    }
    /// Writes a mark in place of a map, list or structure that the model marks as sensitive, and answers true, where this
    /// writer hides such: only the audit writer does.
    fn hides(&mut self) -> bool {
        false
    }
    /// Bytes.
    fn blob(&mut self, value: &[u8]);
    /// An instant.
    fn timestamp(&mut self, value: Timestamp);
    /// Opens a structure.
    fn begin_structure(&mut self);
    /// Names the member whose value follows.
    fn field(&mut self, name: &'static str);
    /// Closes the structure.
    fn end_structure(&mut self);
    /// Opens a map.
    fn begin_map(&mut self);
    /// Gives the key whose value follows.
    fn key(&mut self, key: &str);
    /// Closes the map.
    fn end_map(&mut self);
    /// Opens a list of `len` items.
    fn begin_list(&mut self, len: usize);
    /// Announces the next item.
    fn item(&mut self);
    /// Closes the list.
    fn end_list(&mut self);
}

/// Bytes that are no value of the expected type: answered as SerializationException, never as a server fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct DecodeError {
    /// What was wrong, for the client.
    pub message: String,
}

impl DecodeError {
    /// An error with `message`.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}

/// Where in the input a value stands, as a linked list on the stack; text is made only when a constraint fails.
#[derive(Debug, Clone, Copy)]
pub struct Path<'a> {
    parent: Option<&'a Path<'a>>,
    step: Step<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Step<'a> {
    Root,
    Field(&'static str),
    Item(usize),
    Key(&'a str),
}

impl<'a> Path<'a> {
    /// The input itself.
    pub const ROOT: Path<'static> = Path { parent: None, step: Step::Root };

    /// The member `name` of this structure.
    pub fn field(&'a self, name: &'static str) -> Path<'a> {
        Path { parent: Some(self), step: Step::Field(name) }
    }

    /// The item at `index`, counted from 0; AWS prints it from 1.
    pub fn item(&'a self, index: usize) -> Path<'a> {
        Path { parent: Some(self), step: Step::Item(index) }
    }

    /// The value at `key` of this map.
    pub fn key(&'a self, key: &'a str) -> Path<'a> {
        Path { parent: Some(self), step: Step::Key(key) }
    }
}

impl Path<'_> {
    /// `MetricData.member.1.MetricName`: as the client wrote it, which is how CloudWatch names a missing parameter.
    pub fn as_written(&self) -> String {
        let mut text = self.parent.map(Path::as_written).unwrap_or_default();
        if !text.is_empty() && !matches!(self.step, Step::Root) {
            text.push('.');
        }
        // Writing to a String cannot fail.
        let _ = match self.step {
            Step::Root => Ok(()),
            Step::Field(name) => text.write_str(name),
            Step::Item(index) => write!(text, "member.{}", index.saturating_add(1)),
            Step::Key(key) => text.write_str(key),
        };
        text
    }
}

impl fmt::Display for Path<'_> {
    /// `metricData.1.member.metricName`: first letters lower-cased and items counted from 1, as AWS prints them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
            if !matches!(parent.step, Step::Root) {
                f.write_char('.')?;
            }
        }
        match self.step {
            Step::Root => Ok(()),
            Step::Field(name) => {
                let mut chars = name.chars();
                if let Some(first) = chars.next() {
                    f.write_char(first.to_ascii_lowercase())?;
                }
                f.write_str(chars.as_str())
            }
            Step::Item(index) => write!(f, "{}.member", index.saturating_add(1)),
            Step::Key(key) => write!(f, "{key}.member"),
        }
    }
}

/// Constraint violations of one request, in the words AWS uses, and the memory that its input may still take.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Violations {
    found: Vec<Violation>,
    omitted: usize,
    first_missing: Option<String>,
    /// Required members of the input itself that are absent; at most as many as the shape has.
    absent: Vec<&'static str>,
    input_bytes: usize,
}

impl Violations {
    /// How many violations are told in full; a hostile body cannot make the answer large.
    const TOLD_MAX: usize = 10;
    /// How many characters of an offending value are told.
    const VALUE_CHARS_MAX: usize = 256;

    /// How many bytes the items of all lists and maps of one input may take. The largest allowed PutMetricData takes
    /// about 20 MB; a hostile body of empty objects would otherwise take a hundred times its size.
    const INPUT_BYTES_MAX: usize = 64 * 1024 * 1024;

    /// Counts `bytes` of memory for one more item; an error when the input as a whole takes too much.
    pub fn claim(&mut self, bytes: usize) -> Result<(), DecodeError> {
        self.input_bytes = self.input_bytes.saturating_add(bytes);
        if self.input_bytes > Self::INPUT_BYTES_MAX {
            return Err(DecodeError::new("the request has too many list items"));
        }
        Ok(())
    }

    /// Records that the value `value` at `at` fails `constraint`.
    pub fn add(&mut self, value: impl fmt::Display, at: &Path<'_>, constraint: Constraint) {
        if self.found.len() == Self::TOLD_MAX {
            self.omitted = self.omitted.saturating_add(1);
            return;
        }
        let mut value = value.to_string();
        if let Some((cut, _)) = value.char_indices().nth(Self::VALUE_CHARS_MAX) {
            value.truncate(cut);
            value.push_str("...");
        }
        self.found.push(Violation::new(at, Some((value, constraint))));
    }

    /// Records that the required member at `at` is absent.
    pub fn missing(&mut self, at: &Path<'_>) {
        if self.first_missing.is_none() {
            self.first_missing = Some(at.as_written());
        }
        if let (Some(Path { step: Step::Root, .. }), Step::Field(name)) = (at.parent, at.step) {
            self.absent.push(name);
        }
        if self.found.len() == Self::TOLD_MAX {
            self.omitted = self.omitted.saturating_add(1);
            return;
        }
        self.found.push(Violation::new(at, None));
    }

    /// The first absent required member, as the client would have written it.
    pub fn first_missing(&self) -> Option<&str> {
        self.first_missing.as_deref()
    }

    /// The required members of the input itself that are absent, as the model names them.
    pub fn absent(&self) -> &[&'static str] {
        &self.absent
    }

    /// True when nothing was violated.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// How many constraints were violated.
    pub fn count(&self) -> usize {
        self.found.len().saturating_add(self.omitted)
    }

    /// `2 validation errors detected: …; …`, AWS's one-line form.
    pub fn message(&self) -> String {
        let count = self.count();
        let plural = if count == 1 { "" } else { "s" };
        let told: Vec<String> = self.found.iter().map(Violation::to_string).collect();
        format!("{count} validation error{plural} detected: {}", told.join("; "))
    }

    /// The sentences of CloudWatch's older operations, a line each: of all parameters that are absent, or empty where something is wanted; or,
    /// as there is none of these, of those with a wrong value. True for the former.
    pub fn sentences(&self) -> (bool, String) {
        let of = |is_absent: bool| {
            let found = self.found.iter().filter(|violation| violation.is_of_absence() == is_absent);
            found.map(Violation::sentence).collect::<Vec<_>>().join("\n")
        };
        let absent = of(true);
        if absent.is_empty() { (false, of(false)) } else { (true, absent) }
    }
}

/// What is wrong at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Violation {
    /// The place as most services print it.
    at: String,
    /// The same as the client wrote it.
    written: String,
    /// The value, and what it fails; `None` for a required member that is absent.
    failed: Option<(String, Constraint)>,
}

impl Violation {
    fn new(at: &Path<'_>, failed: Option<(String, Constraint)>) -> Self {
        Self { at: at.to_string(), written: at.as_written(), failed }
    }

    fn is_of_absence(&self) -> bool {
        self.failed.as_ref().is_none_or(|(value, constraint)| constraint.is_of_absence(value))
    }

    fn sentence(&self) -> String {
        match &self.failed {
            Some((value, constraint)) => constraint.sentence(&self.written, value),
            None => format!("The parameter {} is required.", self.written),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = &self.at;
        match &self.failed {
            Some((value, constraint)) => {
                write!(f, "Value '{value}' at '{at}' failed to satisfy constraint: {constraint}")
            }
            None => write!(f, "Value null at '{at}' failed to satisfy constraint: Member must not be null"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_reads_as_aws_prints_it() {
        let data = Path::ROOT.field("MetricData");
        let item = data.item(0);
        assert_eq!(item.field("MetricName").to_string(), "metricData.1.member.metricName");
        assert_eq!(item.field("MetricName").as_written(), "MetricData.member.1.MetricName");
        assert_eq!(Path::ROOT.field("logGroupName").to_string(), "logGroupName");
    }

    #[test]
    fn violations_are_counted_and_bounded() {
        let mut violations = Violations::default();
        violations.missing(&Path::ROOT.field("logGroupName"));
        assert_eq!(
            violations.message(),
            "1 validation error detected: Value null at 'logGroupName' failed to satisfy constraint: Member must not be null"
        );
        for _ in 0..50 {
            violations.add("x".repeat(10_000), &Path::ROOT.field("a"), Constraint::Longest(1));
        }
        assert!(violations.message().starts_with("51 validation errors detected: "));
        assert!(violations.message().len() < 5_000);
    }

    #[test]
    fn cloudwatch_tells_what_is_absent_before_what_is_wrong() {
        let data = Path::ROOT.field("MetricData");
        let (first, second) = (data.item(0), data.item(1));
        let mut violations = Violations::default();
        violations.add("foo", &first.field("Unit"), Constraint::Values(&["Seconds", "None"]));
        violations.add("n".repeat(256), &second.field("MetricName"), Constraint::Longest(255));
        let wrong = "The parameter MetricData.member.1.Unit must be a value in the set [ Seconds, None ].\n\
                     The parameter MetricData.member.2.MetricName must be shorter than 256 characters.";
        assert_eq!(violations.sentences(), (false, wrong.to_owned()));
        violations.add("", &first.field("MetricName"), Constraint::Shortest(1));
        violations.missing(&second.field("MetricName"));
        let absent = "The parameter MetricData.member.1.MetricName is required.\n\
                      The parameter MetricData.member.2.MetricName is required.";
        assert_eq!(violations.sentences(), (true, absent.to_owned()));
    }
}

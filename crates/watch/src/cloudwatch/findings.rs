//! What is wrong in a piece of JSON, and where: messages as AWS' validator of dashboards words them.
//!
//! AWS checks dashboards with a JSON schema and answers that validator's messages with a capital letter ("Should be string").
//! Paths are JSON pointers; `""` is the whole.

use serde_json::{Map, Value};

/// How many findings of each kind are told: a hostile body cannot make the answer large.
pub const FINDINGS_MAX: usize = 100;
/// Longest name of a property that is repeated in a message, characters.
const NAME_CHARS_MAX: usize = 100;

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where, as a JSON pointer.
    pub path: String,
    /// What.
    pub message: String,
}

/// All findings about one body.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// These refuse the body.
    pub errors: Vec<Finding>,
    /// These are told with success.
    pub warnings: Vec<Finding>,
}

impl Findings {
    /// Adds what refuses the body.
    pub fn error(&mut self, path: &str, message: impl Into<String>) {
        push(&mut self.errors, path, message.into());
    }

    /// Adds what is only told.
    pub fn warning(&mut self, path: &str, message: impl Into<String>) {
        push(&mut self.warnings, path, message.into());
    }

    /// A property is not there.
    pub fn missing(&mut self, path: &str, property: &str) {
        self.error(path, format!("Should have required property '{property}'"));
    }
}

fn push(list: &mut Vec<Finding>, path: &str, message: String) {
    if list.len() < FINDINGS_MAX {
        list.push(Finding { path: path.to_owned(), message });
    }
}

/// A JSON object with its place. Each method reads one property; what has the wrong type is an error and reads as absent.
#[derive(Debug, Clone)]
pub struct Object<'a> {
    /// Its properties.
    pub fields: &'a Map<String, Value>,
    /// Where it is.
    pub path: String,
}

impl<'a> Object<'a> {
    /// The value as an object; an error when it is none.
    pub fn of(value: &'a Value, path: impl Into<String>, findings: &mut Findings) -> Option<Self> {
        let path = path.into();
        match value.as_object() {
            Some(fields) => Some(Self { fields, path }),
            None => {
                findings.error(&path, "Should be object");
                None
            }
        }
    }

    /// Whether a property is there at all.
    pub fn has(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }

    /// Where a property is.
    pub fn at(&self, name: &str) -> String {
        // The two characters that JSON pointers escape.
        format!("{}/{}", self.path, name.replace('~', "~0").replace('/', "~1"))
    }

    /// A required property: an error when it is absent.
    pub fn require(&self, name: &str, findings: &mut Findings) {
        if !self.has(name) {
            findings.missing(&self.path, name);
        }
    }

    fn typed<T>(
        &self,
        name: &str,
        kind: &str,
        findings: &mut Findings,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Option<T> {
        let value = self.fields.get(name)?;
        let read = read(value);
        if read.is_none() {
            findings.error(&self.at(name), format!("Should be {kind}"));
        }
        read
    }

    /// A string.
    pub fn string(&self, name: &str, findings: &mut Findings) -> Option<&'a str> {
        self.typed(name, "string", findings, Value::as_str)
    }

    /// A boolean.
    pub fn boolean(&self, name: &str, findings: &mut Findings) -> Option<bool> {
        self.typed(name, "boolean", findings, Value::as_bool)
    }

    /// A number, always finite.
    pub fn number(&self, name: &str, findings: &mut Findings) -> Option<f64> {
        self.typed(name, "number", findings, |value| value.as_f64().filter(|number| number.is_finite()))
    }

    /// An array.
    pub fn array(&self, name: &str, findings: &mut Findings) -> Option<&'a [Value]> {
        self.typed(name, "array", findings, |value| value.as_array().map(Vec::as_slice))
    }

    /// An object.
    pub fn object(&self, name: &str, findings: &mut Findings) -> Option<Object<'a>> {
        let fields = self.typed(name, "object", findings, Value::as_object)?;
        Some(Object { fields, path: self.at(name) })
    }

    /// A whole number from `low` to `high`; `6.0` is one, as in JavaScript.
    pub fn integer(&self, name: &str, low: i64, high: i64, findings: &mut Findings) -> Option<i64> {
        let number = self.typed(name, "integer", findings, whole)?;
        if number < low {
            findings.error(&self.at(name), format!("Should be >= {low}"));
        } else if number > high {
            findings.error(&self.at(name), format!("Should be <= {high}"));
        }
        (low..=high).contains(&number).then_some(number)
    }

    /// One of some words.
    pub fn word(&self, name: &str, allowed: &[&str], findings: &mut Findings) -> Option<&'a str> {
        let word = self.string(name, findings)?;
        if !allowed.contains(&word) {
            findings.error(&self.at(name), "Should be equal to one of the allowed values");
            return None;
        }
        Some(word)
    }

    /// An array of strings, each told when it is none.
    pub fn strings(&self, name: &str, findings: &mut Findings) -> Option<Vec<&'a str>> {
        let items = self.array(name, findings)?;
        let mut strings = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            match item.as_str() {
                Some(text) => strings.push(text),
                None => findings.error(&format!("{}/{index}", self.at(name)), "Should be string"),
            }
        }
        Some(strings)
    }

    /// Warns of properties that are not among `known`; `kind` is what the object is a part of.
    pub fn warn_unknown(&self, known: &[&str], kind: &str, findings: &mut Findings) {
        for name in self.fields.keys().filter(|name| !known.contains(&name.as_str())).take(FINDINGS_MAX) {
            let name: String = name.chars().take(NAME_CHARS_MAX).collect();
            let text =
                format!("The \"{name}\" property is not expected to be part of a {kind} definition, will be ignored");
            findings.warning(&self.path, text);
        }
    }
}

/// The whole number that a JSON number is, where it is one.
pub fn whole(value: &Value) -> Option<i64> {
    let exact = |number: f64| (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i64);
    value.as_i64().or_else(|| value.as_f64().and_then(exact))
}

//! `Fields`: the values that a metric filter takes from the lines that its pattern matches.
//!
//! `$.field` of a JSON pattern need not occur in the pattern; `$name` of a column pattern must be one of its columns, and
//! `$7` is the seventh word where no column has that name.

use super::json::JsonFields;
use super::{FilterPattern, Kind, PatternError};
use std::borrow::Cow;

/// Values of matching lines, in the order in which they were asked for. They belong to the pattern that read them.
#[derive(Debug, Clone)]
pub struct Fields(Wanted);

#[derive(Debug, Clone)]
enum Wanted {
    Nothing,
    Json(JsonFields),
    Columns(Vec<usize>),
}

impl FilterPattern {
    /// Reads the names of values, `$.field` or `$name`.
    ///
    /// # Errors
    /// A name that is none, or that this pattern has no value for.
    pub fn fields(&self, names: &[&str]) -> Result<Fields, PatternError> {
        let wanted = match &self.kind {
            _ if names.is_empty() => Wanted::Nothing,
            Kind::Json(json) => Wanted::Json(json.fields(names)?),
            Kind::Columns(columns) => {
                let column = |name: &&str| columns.field(name).ok_or_else(|| no_field(name));
                Wanted::Columns(names.iter().map(column).collect::<Result<_, _>>()?)
            }
            Kind::Everything | Kind::Terms(_) => return Err(no_field(names.first().unwrap_or(&""))),
        };
        Ok(Fields(wanted))
    }

    /// The values of `fields` in a line that matches, each `None` where the line has none (or null, an object or an array);
    /// `None` when the line does not match.
    pub fn select<'a>(&self, message: &'a str, fields: &Fields) -> Option<Vec<Option<Cow<'a, str>>>> {
        match (&self.kind, &fields.0) {
            (Kind::Json(json), Wanted::Json(wanted)) => json.select(message, wanted),
            (Kind::Columns(columns), Wanted::Columns(wanted)) => columns.select(message, wanted),
            _ => self.matches(message).then(Vec::new),
        }
    }
}

fn no_field(name: &str) -> PatternError {
    PatternError { message: format!("the pattern has no field '{name}'"), column: 1 }
}

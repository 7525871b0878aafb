//! CloudWatch Logs filter patterns: one engine for FilterLogEvents, metric filters, subscription filters, live tail and TestMetricFilter.
//!
//! Three grammars, told apart by the first character (user guide, "Filter pattern syntax"):
//! - `ERROR -"known issue"`: **terms**. All must occur, `-term` must not; `?a ?b`: any of them; `%regex%`.
//! - `{ $.a.b[0] = "x*" && $.n >= 5 }`: **JSON**, compares selected values of lines that are JSON objects or arrays.
//! - `[ip, user, ..., status = 4*, bytes]`: **columns**, compares the words of a line.
//!
//! A blank pattern (or `" "`) matches every line. Everything is case-sensitive.
//!
//! Where AWS is known to behave so (its guide, or reports of its users):
//! - A term matches anywhere in the text, within words too: `ERROR` matches `Exiting with ERRORCODE: -1`.
//! - A term with characters other than letters, digits and `_` needs quotes; else "Invalid character(s) in term". A dot
//!   is let through, as patterns in use have it. A single `-` or `?` belongs to the term after it.
//! - Optional terms beside required or excluded ones are ignored.
//! - In a string, `*` is a wildcard at its ends only: `Ev*ent` means these six characters.
//! - A JSON comparison holds only for a string, number or boolean: when the field is missing, null, an object or an
//!   array, neither `=` nor `!=` matches.
//! - Conditions of a column must name that column: `[a, b = 1 && c > 2]` is refused.
//! - A pattern with one column takes the whole line as that column: `[w1 = "*ERROR*" && w1 != "*debug*"]`. With more
//!   columns and no `...`, the line must have exactly as many.
//! - A regex takes letters, digits, space and `: _ # = @ / ; , -` with the operators `^ $ ? [ ] { } | \ * + .`, and no
//!   parentheses, not even escaped (`\x28` works); two at most in a pattern.
//!
//! Where AWS says nothing, here:
//! - A bare number equals a JSON number of the same value (`400 = 4e2`) and a string of the same text or value; a string
//!   compares with the text of a number or boolean (`"4*"` matches 404; `$.readOnly = false` matches `false`).
//! - `<`, `<=`, `>`, `>=` take numbers only, and hold only for numbers and strings that read as numbers.
//! - A wildcard selector (`$.*`, `$.a[*].b`; one in a selector, three in a pattern) matches when any value it selects does.
//! - `$["odd.key"]` and `$[0]` select too. `=!` is read as `!=`, as an example in the guide has it.
//! - One `...` at most in a column pattern; columns are parted by spaces and tabs; `"…"` and `[…]` are one column when a
//!   space or the end of the line follows them.
//! - JSON nested deeper than 128 is not JSON; control characters inside strings are let pass.

pub(crate) mod columns;
mod condition;
mod cursor;
mod fields;
mod json;
mod operand;
mod prefilter;
mod regexes;
pub(crate) mod scan;
mod terms;
#[cfg(test)]
mod tests;

pub use fields::Fields;

use cursor::Cursor;
use model::limits::FILTER_PATTERN_CHARS_MAX;

/// A filter pattern, ready to match.
#[derive(Debug, Clone)]
pub struct FilterPattern {
    kind: Kind,
    regexes: usize,
}

#[derive(Debug, Clone)]
enum Kind {
    Everything,
    Terms(terms::Terms),
    Json(json::JsonPattern),
    Columns(columns::ColumnPattern),
}

/// Why a pattern was refused. `Display` begins with AWS's text, "Invalid filter pattern".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Invalid filter pattern: {message} (column {column})")]
pub struct PatternError {
    /// What is wrong, for the client; AWS's own words where they are known.
    pub message: String,
    /// Where: 1-based, in characters.
    pub column: usize,
}

impl FilterPattern {
    /// Reads a pattern of any of the three grammars.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let mut cursor = Cursor::new(text);
        if text.chars().count() > FILTER_PATTERN_CHARS_MAX {
            return Err(cursor.error(format!("a pattern has at most {FILTER_PATTERN_CHARS_MAX} characters")));
        }
        cursor.skip_spaces();
        let kind = match cursor.peek() {
            None => Kind::Everything,
            Some('{') => Kind::Json(json::JsonPattern::parse(&mut cursor)?),
            Some('[') => Kind::Columns(columns::ColumnPattern::parse(&mut cursor)?),
            Some(_) => match terms::Terms::parse(&mut cursor)? {
                Some(terms) => Kind::Terms(terms),
                None => Kind::Everything,
            },
        };
        Ok(Self { kind, regexes: cursor.regexes() })
    }

    /// True when the pattern matches the text of a log event.
    pub fn matches(&self, message: &str) -> bool {
        match &self.kind {
            Kind::Everything => true,
            Kind::Terms(terms) => terms.matches(message),
            Kind::Json(json) => json.matches(message),
            Kind::Columns(columns) => columns.matches(message),
        }
    }

    /// What TestMetricFilter calls `extractedValues` of a matching event, `None` when it does not match: for JSON the
    /// selected values (`$.field`), for columns every column (`$name`, or `$7` for one without a name), for terms nothing.
    pub fn extract(&self, message: &str) -> Option<Vec<(String, String)>> {
        match &self.kind {
            Kind::Json(json) => json.extract(message),
            Kind::Columns(columns) => columns.extract(message),
            Kind::Everything | Kind::Terms(_) => self.matches(message).then(Vec::new),
        }
    }

    /// Substrings that every matching line contains, so that a store may skip blocks that lack one.
    /// A JSON line that spells characters as `\u` escapes may match without them: see `is_literal_exact`.
    pub fn required_literals(&self) -> Vec<&str> {
        match &self.kind {
            Kind::Everything => Vec::new(),
            Kind::Terms(terms) => terms.required_literals(),
            Kind::Json(json) => json.required_literals(),
            Kind::Columns(columns) => columns.required_literals(),
        }
    }

    /// What every matching line satisfies: of each clause, at least one string occurs in it. Holds for all lines.
    pub fn required_clauses(&self) -> Vec<Vec<String>> {
        match &self.kind {
            Kind::Everything => Vec::new(),
            Kind::Terms(terms) => terms.required_clauses(),
            Kind::Json(json) => json.required_clauses(),
            Kind::Columns(columns) => columns.required_clauses(),
        }
    }

    /// A search for the first place in any bytes where a line that matches may have what it needs: it is before the end of the
    /// first such line. `None` when no regex of the pattern allows it.
    pub fn anywhere(&self) -> Option<impl Fn(&[u8]) -> Option<usize> + Send + Sync + use<>> {
        let Kind::Terms(terms) = &self.kind else { return None };
        terms.required_regex()?.anywhere()
    }

    /// True when `required_literals` hold for every line; false when they do not for lines that contain `\u` (JSON patterns).
    pub fn is_literal_exact(&self) -> bool {
        !matches!(self.kind, Kind::Json(_))
    }

    /// True when the pattern uses a regex (AWS allows five such metric and subscription filters in a log group).
    pub fn has_regex(&self) -> bool {
        self.regexes > 0
    }

    /// True when the pattern extracts values, so that a metric filter may use them as value or dimension.
    pub fn has_fields(&self) -> bool {
        matches!(self.kind, Kind::Json(_) | Kind::Columns(_))
    }
}

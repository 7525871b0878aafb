//! Field discovery of CloudWatch Logs Insights: the fields that a log line has without any parse command.
//!
//! Where AWS is known (user guide, "Supported logs and discovered fields"; records that its users show):
//! - **JSON**: objects are flattened with dots, arrays as `items.0.id`. 200 fields are extracted from a line. A name that starts
//!   with `@` shows as `@@name`. CloudTrail is JSON.
//! - **Lambda**: `@requestId`, `@type` (START, END, REPORT), and of a report `@duration`, `@billedDuration`, `@initDuration`
//!   (milliseconds), `@memorySize`, `@maxMemoryUsed` (bytes, 1 MB being 1,000,000), `@xrayTraceId`, `@xraySegmentId`. The numbers
//!   are written as doubles: `1394.6`, `1395.0`, `1.28E8`. Of JSON fragments amid text only the first is discovered.
//! - **VPC flow logs** in the default format and **Route 53** query logs: the names of the guide. A flow log's value that is
//!   missing is `-`.
//! - Other lines have no fields. **Access lines** of web servers, which AWS leaves at that, have those of `access.rs` here.
//!
//! Where AWS says nothing, here:
//! - The format is told from the line itself, not from the name of its log group, so that the JSON amid text is discovered in
//!   every group. A fragment begins at the first `{` that a quote follows; text may come after it.
//! - Scalars have values: strings without quotes and escapes, numbers and booleans as they are written. Null, objects and arrays
//!   have none. A line that begins with `{` and is not one JSON object to its end has no fields; nor has an array of objects.
//! - A name that several paths spell (`{"a":{"b":1},"a.b":2}`) is the one with fewest steps, then the first.
//! - `field` finds fields after the 200th too.
//! - `start`, `end` and `hostedZoneId` find what the guide calls `startTime`, `endTime` and `hostZoneId`.

mod access;
mod columns;
mod json;
mod lambda;
mod several;
#[cfg(test)]
mod tests;

use memchr::memmem;
use std::borrow::Cow;

/// Most fields that are extracted from a line.
const FIELDS_MAX: usize = 200;

/// The name of a field, as a query writes it, ready to look for.
#[derive(Debug, Clone)]
pub struct FieldPath {
    name: String,
    /// What a line spells that has the field as JSON, unless it writes letters as `\u` escapes.
    needle: Option<memmem::Finder<'static>>,
}

impl FieldPath {
    /// Any text is the name of a field: `level`, `requestParameters.items.0.id`, `@duration`, `@@timestamp`.
    pub fn parse(name: &str) -> Self {
        let plain = |part: &&str| part.bytes().all(|b| b.is_ascii_alphanumeric() || b"_- ".contains(&b));
        let is_index = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        let path = name.strip_prefix("@@").unwrap_or(name);
        let longest = path.split('.').filter(plain).filter(|part| !is_index(part)).max_by_key(|part| part.len());
        let needle = longest.map(|part| memmem::Finder::new(part).into_owned());
        Self { name: name.to_owned(), needle }
    }

    /// The name that was parsed.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// False when no JSON in the line can have the field.
    fn may_be_in(&self, line: &str) -> bool {
        let Some(needle) = &self.needle else { return true };
        needle.find(line.as_bytes()).is_some() || memmem::find(line.as_bytes(), b"\\u").is_some()
    }
}

/// The value of one discovered field of a line.
pub fn field<'t>(line: &'t str, path: &FieldPath) -> Option<Cow<'t, str>> {
    let name = path.name.as_str();
    let name = match name.strip_prefix('@') {
        Some(own) if own.starts_with('@') => own,
        Some(_) => return lambda::fields(line).find(|(known, _)| *known == name).map(|(_, value)| value),
        None => name,
    };
    match json::Text::of(line) {
        Some(text) => path.may_be_in(line).then(|| text.field(name))?,
        None if name.starts_with('@') => None,
        None => match columns::of(line) {
            Some(columns) => columns.field(name).map(Cow::Borrowed),
            None => access::of(line)?.field(name).map(Cow::Borrowed),
        },
    }
}

/// The values of several fields of a line, the line being read once.
pub fn fields_of<'t>(line: &'t str, paths: &[FieldPath]) -> Vec<Option<Cow<'t, str>>> {
    match (paths, json::Text::of(line)) {
        ([_, _, ..], Some(text)) => {
            let mut found = several::of(line, text, paths);
            for (path, found) in paths.iter().zip(&mut found) {
                if path.name.starts_with('@') && !path.name.starts_with("@@") {
                    *found = field(line, path);
                }
            }
            found
        }
        _ => paths.iter().map(|path| field(line, path)).collect(),
    }
}

/// All discovered fields of a line in order of appearance, at most 200: those of Lambda, then those of JSON or of columns.
pub fn fields(line: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    for (name, value) in lambda::fields(line) {
        if !found.iter().any(|(known, _)| known == name) {
            found.push((name.to_owned(), value.into_owned()));
        }
    }
    if let Some(text) = json::Text::of(line) {
        found.extend(text.fields(FIELDS_MAX.saturating_sub(found.len())));
    } else if let Some(columns) = columns::of(line) {
        found.extend(columns.fields().map(|(name, value)| (name.to_owned(), value.to_owned())));
    } else if let Some(access) = access::of(line) {
        found.extend(access.fields().map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
    found
}

//! How generated code reads and writes members: the loop over fields, and each kind of value with its rule.

use crate::constraint::{LengthRule, NumberRule, TextRule};
use crate::shape::{DecodeError, Path, Reader, Violations, Writer};
use std::collections::BTreeMap;

/// Which members of a structure were there, by their index in the model.
#[derive(Debug, Default)]
pub struct Seen {
    present: u64,
    /// Which member is looked for first: clients mostly send them in the order of the model.
    expected: usize,
}

impl Seen {
    /// The index of the next member in `names`, or `None` at the end of the structure. Unknown members are passed
    /// over, because a new SDK may speak to an old server; null is the same as absent.
    pub fn next<R: Reader>(&mut self, reader: &mut R, names: &[&str]) -> Result<Option<usize>, DecodeError> {
        loop {
            let Some(name) = reader.next_field()? else { return Ok(None) };
            let is_expected = names.get(self.expected).is_some_and(|expected| *expected == name);
            let found = if is_expected { Some(self.expected) } else { names.iter().position(|known| *known == name) };
            drop(name);
            let Some(index) = found else {
                reader.skip()?;
                continue;
            };
            self.expected = index + 1;
            if !reader.null()? {
                self.present |= 1 << (index & 63);
                return Ok(Some(index));
            }
        }
    }

    /// Records the absence of each member in `required` that was not there.
    pub fn require(
        &self,
        names: &'static [&'static str],
        required: &[usize],
        at: &Path<'_>,
        violations: &mut Violations,
    ) {
        for &index in required {
            if self.present & (1 << (index & 63)) == 0
                && let Some(name) = names.get(index)
            {
                violations.missing(&at.field(name));
            }
        }
    }
}

/// A string.
pub fn text<R: Reader>(
    reader: &mut R,
    at: &Path<'_>,
    violations: &mut Violations,
    rule: &TextRule,
) -> Result<String, DecodeError> {
    let value = reader.string()?;
    rule.check(&value, at, violations);
    Ok(value.into_owned())
}

/// A 64-bit integer.
pub fn long<R: Reader>(
    reader: &mut R,
    at: &Path<'_>,
    violations: &mut Violations,
    rule: &NumberRule,
) -> Result<i64, DecodeError> {
    let value = reader.integer()?;
    rule.check(value, at, violations);
    Ok(value)
}

/// A 32-bit integer.
pub fn integer<R: Reader>(
    reader: &mut R,
    at: &Path<'_>,
    violations: &mut Violations,
    rule: &NumberRule,
) -> Result<i32, DecodeError> {
    let value = long(reader, at, violations, rule)?;
    i32::try_from(value).map_err(|_| DecodeError::new(format!("{value} at '{at}' is not a 32-bit integer")))
}

/// A single-precision number.
pub fn float<R: Reader>(reader: &mut R) -> Result<f32, DecodeError> {
    // The nearest single is what AWS keeps of a double as well.
    Ok(reader.double()? as f32)
}

/// A list whose items `read` reads. Items past the rule's limit are counted but not kept.
pub fn list<R: Reader, T>(
    reader: &mut R,
    at: &Path<'_>,
    violations: &mut Violations,
    rule: &LengthRule,
    read: impl Fn(&mut R, &Path<'_>, &mut Violations) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    reader.begin_list()?;
    let mut items = Vec::new();
    let mut count = 0_usize;
    while reader.next_item()? {
        let here = at.item(count);
        count = count.saturating_add(1);
        if !rule.keeps(items.len()) {
            reader.skip()?;
        } else if reader.null()? {
            violations.missing(&here);
        } else {
            violations.claim(size_of::<T>())?;
            if items.len() == items.capacity() {
                // Items are large: short lists that grow by more than the usual factor of two move them less often.
                items.reserve(items.len().saturating_mul(3).clamp(4, 1024).max(items.len()));
            }
            items.push(read(reader, &here, violations)?);
        }
    }
    rule.check(count, at, violations);
    Ok(items)
}

/// A map whose values `read` reads. Entries past the rule's limit are counted but not kept; of equal keys the last wins.
pub fn map<R: Reader, T>(
    reader: &mut R,
    at: &Path<'_>,
    violations: &mut Violations,
    (rule, keys): (&LengthRule, &TextRule),
    read: impl Fn(&mut R, &Path<'_>, &mut Violations) -> Result<T, DecodeError>,
) -> Result<BTreeMap<String, T>, DecodeError> {
    reader.begin_map()?;
    let mut entries = BTreeMap::new();
    let mut count = 0_usize;
    while let Some(key) = reader.next_key()? {
        count = count.saturating_add(1);
        if !rule.keeps(entries.len()) {
            drop(key);
            reader.skip()?;
            continue;
        }
        let key = key.into_owned();
        keys.check(&key, at, violations);
        if reader.null()? {
            continue;
        }
        violations.claim(size_of::<(String, T)>().saturating_add(key.len()))?;
        let value = read(reader, &at.key(&key), violations)?;
        entries.insert(key, value);
    }
    rule.check(count, at, violations);
    Ok(entries)
}

/// Writes a map, list or structure that the model marks as sensitive, with `write`, unless the writer hides such.
pub fn write_sensitive<W: Writer>(writer: &mut W, write: impl FnOnce(&mut W)) {
    if !writer.hides() {
        write(writer);
    }
}

/// Writes a list, each item with `write`.
pub fn write_list<W: Writer, T>(writer: &mut W, items: &[T], write: impl Fn(&mut W, &T)) {
    writer.begin_list(items.len());
    for item in items {
        writer.item();
        write(writer, item);
    }
    writer.end_list();
}

/// Writes a map, each value with `write`.
pub fn write_map<W: Writer, T>(writer: &mut W, entries: &BTreeMap<String, T>, write: impl Fn(&mut W, &T)) {
    writer.begin_map();
    for (key, value) in entries {
        writer.key(key);
        write(writer, value);
    }
    writer.end_map();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::JsonReader;
    use crate::logs::{CreateLogGroupRequest, FilterLogEventsRequest, PutLogEventsRequest};
    use crate::shape::Shape;

    fn read<T: Shape>(body: &str) -> Result<(T, Violations), DecodeError> {
        let mut violations = Violations::default();
        let value = T::read(&mut JsonReader::new(body.as_bytes()), &Path::ROOT, &mut violations)?;
        Ok((value, violations))
    }

    #[test]
    fn items_past_the_limit_are_counted_but_not_kept() {
        let names = vec![r#""a""#; 150].join(",");
        let (request, violations) =
            read::<FilterLogEventsRequest>(&format!(r#"{{"logStreamNames":[{names}]}}"#)).unwrap();
        assert_eq!(request.log_stream_names.map(|names| names.len()), Some(100));
        assert_eq!(
            violations.message(),
            "1 validation error detected: Value '[150 items]' at 'logStreamNames' failed to satisfy constraint: \
             Member must have length less than or equal to 100"
        );
    }

    #[test]
    fn maps_are_limited_too_and_their_keys_checked() {
        let tags: Vec<String> = (0..60).map(|i| format!(r#""k{i}":"v""#)).collect();
        let body = format!(r#"{{"logGroupName":"g","tags":{{{}}}}}"#, tags.join(","));
        let (request, violations) = read::<CreateLogGroupRequest>(&body).unwrap();
        assert_eq!(request.tags.map(|tags| tags.len()), Some(50));
        assert_eq!(violations.count(), 1);
        let (_, violations) = read::<CreateLogGroupRequest>(r#"{"logGroupName":"g","tags":{"?":"v"}}"#).unwrap();
        assert!(violations.message().contains("Value '?' at 'tags' failed"), "{}", violations.message());
        let (_, violations) = read::<CreateLogGroupRequest>(r#"{"logGroupName":"g","tags":{}}"#).unwrap();
        assert_eq!(violations.count(), 1);
    }

    #[test]
    fn null_is_absent_and_the_last_of_two_members_wins() {
        let body = r#"{"logGroupName":"a","logGroupName":"b","logStreamName":null,"logEvents":[null]}"#;
        let (request, violations) = read::<PutLogEventsRequest>(body).unwrap();
        assert_eq!(request.log_group_name, "b");
        assert_eq!(request.log_events, []);
        assert_eq!(violations.count(), 2);
        assert_eq!(violations.first_missing(), Some("logEvents.member.1"));
    }

    #[test]
    fn memory_is_bounded_by_the_input_as_a_whole() {
        let mut violations = Violations::default();
        assert!((0..1_000_000).any(|_| violations.claim(100).is_err()));
    }
}

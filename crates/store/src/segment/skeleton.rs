//! Cuts the values out of a record's text, so that columns hold them and few distinct skeletons are left, and puts them back.
//!
//! A skeleton is the record with each cut value replaced by one of the bytes below. No JSON text has such a byte, for JSON
//! escapes control characters. A record that has one all the same, or that has something else than numbers, `true`, `false`
//! and `null` outside of strings, is kept whole in `record_values`, its skeleton is `1e`.
//!
//! | byte | stands for |
//! | --- | --- |
//! | `01` | the next value of `record_values`, where each ends with `1f` |
//! | `02` | the next 16 bytes of `record_uuids`, as a UUID in lower case |
//! | `03`, `04` | `event_id`; `time` as `2026-01-31T12:00:00Z` |
//! | `05` to `08` | `name`, `source`, `account`, `region` |
//! | `0b`, `0c`, `0e`, `0f`, `10` | `username`, `access_key_id`, `error_code`, `source_ip`, `user_arn` |
//! | `11` to `16` | `user_agent`, `error_message`, `request_id`, `principal_id`, `session_issuer_arn`, `vpc_endpoint_id` |
//! | `17`, `18`, `19` | the first, second and third of `resource_names` |
//!
//! A string or a number is cut out whole or not at all, so what is searched for lies in one piece unless it spans several.
//! For example `{"eventID":"<03>","a":<01>}` with `record_values` `5<1f>`. What was cut is only a matter of size: any skeleton
//! that restores the record is right.

use super::details::{Details, Path};
use super::uuid;
use foldhash::fast::RandomState;
use model::{Event, Timestamp};
use std::collections::HashMap;
use std::hash::BuildHasher;

/// The next value of `record_values`.
const VALUE: u8 = 0x01;
/// The next of `record_uuids`.
const UUID: u8 = 0x02;
/// The whole record is in `record_values`.
const WHOLE: u8 = 0x1e;
/// Ends a value of `record_values`.
const END: u8 = 0x1f;

/// The byte that stands for each column.
pub(super) mod marker {
    pub const EVENT_ID: u8 = 0x03;
    pub const TIME: u8 = 0x04;
    pub const NAME: u8 = 0x05;
    pub const SOURCE: u8 = 0x06;
    pub const ACCOUNT: u8 = 0x07;
    pub const REGION: u8 = 0x08;
    pub const USERNAME: u8 = 0x0b;
    pub const ACCESS_KEY_ID: u8 = 0x0c;
    pub const ERROR_CODE: u8 = 0x0e;
    pub const SOURCE_IP: u8 = 0x0f;
    pub const USER_ARN: u8 = 0x10;
    pub const USER_AGENT: u8 = 0x11;
    pub const ERROR_MESSAGE: u8 = 0x12;
    pub const REQUEST_ID: u8 = 0x13;
    pub const PRINCIPAL_ID: u8 = 0x14;
    pub const SESSION_ISSUER_ARN: u8 = 0x15;
    pub const VPC_ENDPOINT_ID: u8 = 0x16;
    /// The first resource name; two more follow.
    pub const RESOURCE_NAME: u8 = 0x17;
}

/// How many resource names have a byte of their own.
pub(super) const RESOURCE_NAMES: usize = 3;
/// A member with at most this many distinct values keeps them in the skeleton.
const FEW: usize = 8;
/// A longer value is always cut out.
const FEW_BYTES_MAX: usize = 128;
/// Most members whose values are counted.
const MEMBERS_MAX: usize = 16 * 1024;

/// True for a byte that no JSON text has outside of escapes.
fn is_marker(byte: u8) -> bool {
    byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r')
}

/// What one record was cut into.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    pub skeleton: String,
    pub values: String,
    pub uuids: Vec<u8>,
}

/// Cuts records, and learns from them which members have few distinct values.
#[derive(Debug, Default)]
pub(super) struct Cutter {
    /// By hash of depth and name; two members with one hash only share a count.
    members: HashMap<u64, Values, RandomState>,
    days: Days,
}

/// Distinct values of a member so far; `None` when there are too many.
type Values = Option<Vec<Box<[u8]>>>;

impl Cutter {
    /// Cuts a record into `pieces`, which are emptied first, and takes from it what `Event` does not have.
    pub(super) fn cut<'a>(&mut self, event: &'a Event, pieces: &mut Pieces) -> Details<'a> {
        pieces.skeleton.clear();
        pieces.values.clear();
        pieces.uuids.clear();
        let (text, record) = (event.record.as_str(), event.record.as_bytes());
        if record.iter().fold(false, |found, byte| found | is_marker(*byte)) {
            return whole(text, pieces);
        }
        let mut details = Details::default();
        let time = self.days.iso(event.time);
        let mut known = Known::of(event, time.as_ref().map_or(&[], |time| time));
        let mut path = Path::default();
        let (mut at, mut copied) = (0, 0);
        while let Some(&byte) = record.get(at) {
            let (start, end) = match byte {
                b'"' => (at + 1, string_end(record, at + 1)),
                _ if is_structure(byte) => {
                    path.step(byte);
                    at += 1;
                    continue;
                }
                _ => (at, word_end(record, at)),
            };
            let (quoted, rest) = (byte == b'"', &record[end..]);
            at = end + usize::from(quoted);
            // All of these places are beside ASCII characters, so no character is torn.
            let value = &text[start..end];
            if quoted && rest.iter().skip(1).find(|byte| !byte.is_ascii_whitespace()) == Some(&b':') {
                path.enter(value.as_bytes());
                continue;
            }
            if !quoted && !is_number(value) {
                if !matches!(value, "true" | "false" | "null") {
                    return whole(text, pieces);
                }
                details.literal(&path, value);
                continue;
            }
            let own = if quoted { details.take(&path, value) } else { None };
            if let Some(marker) = own {
                known.add(marker, value.as_bytes());
            }
            if let Some(marker) = own.or_else(|| self.stand_in(value, quoted, &known, &path, pieces)) {
                pieces.skeleton.push_str(&text[copied..start]);
                pieces.skeleton.push(marker.into());
                copied = end;
            }
        }
        pieces.skeleton.push_str(&text[copied..]);
        details
    }

    /// The byte to put for a value, if it is cut out.
    fn stand_in(
        &mut self,
        value: &str,
        quoted: bool,
        known: &Known<'_>,
        path: &Path<'_>,
        pieces: &mut Pieces,
    ) -> Option<u8> {
        if value.is_empty() {
            return None;
        }
        if quoted {
            if let Some(marker) = known.find(value.as_bytes()) {
                return Some(marker);
            }
            if let Some(bytes) = uuid::parse(value.as_bytes()) {
                pieces.uuids.extend_from_slice(&bytes);
                return Some(UUID);
            }
        }
        if self.has_few(value.as_bytes(), path) {
            return None;
        }
        pieces.values.push_str(value);
        pieces.values.push(END.into());
        Some(VALUE)
    }

    /// True when the member at `path` has had few distinct values so far, this one included.
    fn has_few(&mut self, value: &[u8], path: &Path<'_>) -> bool {
        let hash = self.members.hasher().hash_one((path.depth(), path.name()));
        if self.members.len() >= MEMBERS_MAX && !self.members.contains_key(&hash) {
            return false;
        }
        let values = self.members.entry(hash).or_insert_with(|| Some(Vec::new()));
        let Some(few) = values else { return false };
        if few.iter().any(|known| is_same(known, value)) {
            return true;
        }
        if few.len() >= FEW || value.len() > FEW_BYTES_MAX {
            *values = None;
            return false;
        }
        few.push(value.into());
        true
    }
}

/// The values of one row's columns.
struct Known<'a> {
    values: [(u8, &'a [u8]); 24],
    count: usize,
    /// Bit `length % 64` of each: most values that are asked for have another length than all of them.
    lengths: u64,
}

fn length_bit(value: &[u8]) -> u64 {
    1 << (value.len() % 64)
}

impl<'a> Known<'a> {
    fn of(event: &'a Event, time: &'a [u8]) -> Self {
        let mut known = Self { values: [(0, &[]); 24], count: 0, lengths: 0 };
        known.add(marker::TIME, time);
        for (marker, text) in [
            (marker::EVENT_ID, &event.event_id),
            (marker::NAME, &event.name),
            (marker::SOURCE, &event.source),
            (marker::ACCOUNT, &event.account),
            (marker::REGION, &event.region),
            (marker::USERNAME, &event.username),
            (marker::ACCESS_KEY_ID, &event.access_key_id),
            (marker::ERROR_CODE, &event.error_code),
            (marker::SOURCE_IP, &event.source_ip),
            (marker::USER_ARN, &event.user_arn),
        ] {
            known.add(marker, text.as_bytes());
        }
        for (marker, resource) in (marker::RESOURCE_NAME..).zip(event.resources.iter().take(RESOURCE_NAMES)) {
            known.add(marker, resource.name.as_bytes());
        }
        known
    }

    fn add(&mut self, marker: u8, value: &'a [u8]) {
        if let Some(place) = self.values.get_mut(self.count).filter(|_| !value.is_empty()) {
            *place = (marker, value);
            self.count += 1;
            self.lengths |= length_bit(value);
        }
    }

    fn find(&self, value: &[u8]) -> Option<u8> {
        if self.lengths & length_bit(value) == 0 {
            return None;
        }
        let values = self.values.get(..self.count).unwrap_or_default();
        values.iter().find(|(_, known)| is_same(known, value)).map(|(marker, _)| *marker)
    }
}

/// Equality; ids of one length mostly differ in their last byte, so few are compared to their end.
fn is_same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.last() == b.last() && a == b
}

/// Where the string that begins at `at` ends: the place of its quote, or the end of the text.
pub(super) fn string_end(text: &[u8], mut at: usize) -> usize {
    while let Some(found) = text.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
        at += found;
        if text[at] == b'"' {
            return at;
        }
        at += 2;
    }
    text.len()
}

/// True for what stands between strings, numbers and words.
pub(super) fn is_structure(byte: u8) -> bool {
    matches!(byte, b'{' | b'}' | b'[' | b']' | b':' | b',' | b' ' | b'\t' | b'\n' | b'\r')
}

/// Where a number or a word ends.
fn word_end(text: &[u8], at: usize) -> usize {
    let end = text[at..].iter().position(|byte| is_structure(*byte) || *byte == b'"');
    end.map_or(text.len(), |length| at + length)
}

fn is_number(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E'))
}

/// A record that is kept as it is.
fn whole<'a>(text: &str, pieces: &mut Pieces) -> Details<'a> {
    pieces.skeleton.clear();
    pieces.values.clear();
    pieces.uuids.clear();
    pieces.skeleton.push(WHOLE.into());
    pieces.values.push_str(text);
    Details::default()
}

/// Writes times as CloudTrail does; keeps the day of the last one, for neighbours mostly share it.
#[derive(Debug, Default)]
pub(super) struct Days {
    day: i64,
    text: String,
}

impl Days {
    /// `2026-01-31T12:00:00Z`; `None` for a time with milliseconds, and for one that needs more digits.
    pub(super) fn iso(&mut self, time: Timestamp) -> Option<[u8; 20]> {
        const DAY_SECS: i64 = 24 * 60 * 60;
        if time.0 % 1000 != 0 {
            return None;
        }
        let (day, second) = ((time.0 / 1000).div_euclid(DAY_SECS), (time.0 / 1000).rem_euclid(DAY_SECS));
        if self.day != day || self.text.is_empty() {
            (self.day, self.text) = (day, time.iso_seconds());
        }
        let mut text: [u8; 20] = self.text.as_bytes().try_into().ok()?;
        for (at, number) in [(11, second / 3600), (14, second / 60 % 60), (17, second % 60)] {
            (text[at], text[at + 1]) = (b'0' + (number / 10) as u8, b'0' + (number % 10) as u8);
        }
        Some(text)
    }
}

/// True for the skeleton of a record that was not cut.
pub(super) fn is_whole(skeleton: &str) -> bool {
    skeleton.as_bytes() == [WHOLE]
}

/// The columns that a skeleton is filled from, for one row.
pub(super) struct Filling<'a> {
    pub values: &'a str,
    pub uuids: &'a [u8],
    /// Appends the column that a byte stands for; false when the row does not have it.
    pub column: &'a mut dyn FnMut(u8, &mut Vec<u8>) -> bool,
}

/// Appends the record of a row; an error says what does not fit.
pub(super) fn restore(skeleton: &str, filling: Filling<'_>, record: &mut Vec<u8>) -> Result<(), &'static str> {
    let Filling { mut values, mut uuids, column } = filling;
    if is_whole(skeleton) {
        record.extend_from_slice(values.as_bytes());
        return Ok(());
    }
    let mut rest = skeleton.as_bytes();
    while let Some(at) = rest.iter().position(|byte| is_marker(*byte)) {
        record.extend_from_slice(&rest[..at]);
        match rest[at] {
            VALUE => {
                let (value, after) = values.split_once(END as char).ok_or("a record has too few values")?;
                record.extend_from_slice(value.as_bytes());
                values = after;
            }
            UUID => {
                let (bytes, after) = uuids.split_first_chunk::<16>().ok_or("a record has too few UUIDs")?;
                record.extend_from_slice(&uuid::text(bytes));
                uuids = after;
            }
            marker => {
                if !column(marker, record) {
                    return Err("a record needs a column that the row does not have");
                }
            }
        }
        rest = &rest[at + 1..];
    }
    record.extend_from_slice(rest);
    if !values.is_empty() || !uuids.is_empty() {
        return Err("a record has values that its skeleton does not name");
    }
    Ok(())
}

#[cfg(test)]
mod tests;

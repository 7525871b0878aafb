//! Cuts the bytes of a log file into records: lines, or several lines where a pattern says how a record starts.
//!
//! Nothing is remembered between calls: what is not taken is cut again when more has arrived, so a restart needs an offset
//! only. A line or record longer than a log event can be (1 MiB less 26 bytes) becomes several events, so that nothing is
//! lost; the CloudWatch agent cuts its end off. Text that is not UTF-8 is kept with U+FFFD in place of what is wrong. CR LF
//! ends a line as LF does. Empty records are passed over, for PutLogEvents takes none. NULs at the front of a line are
//! dropped: programs that do not append leave them after a file was copied and truncated.

#[cfg(test)]
mod tests;

use model::limits::{LOG_BATCH_BYTES_MAX, LOG_EVENT_OVERHEAD_BYTES};
use regex::Regex;

/// Longest text of one log event, bytes.
pub const TEXT_BYTES_MAX: usize = LOG_BATCH_BYTES_MAX - LOG_EVENT_OVERHEAD_BYTES;
/// As many bytes as have to be given to [`cut`] at most, for it to take something.
pub const WINDOW_BYTES_MAX: usize = LOG_BATCH_BYTES_MAX + 1024;
/// Most records of one call.
const RECORDS_MAX: usize = 10_000;

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its text, without the end of the last line; may be empty.
    pub text: String,
    /// Bytes of the file that it took.
    pub len: usize,
    /// True for what follows of a record that was too long for one event.
    pub continues: bool,
}

/// What becomes of a last record whose end is not there yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Last {
    /// It is left.
    Keep,
    /// Its whole lines are taken, an unfinished line is left.
    Lines,
    /// It is taken as it stands.
    All,
}

/// Cuts `bytes`, which begin where a record begins. `start` matches the first line of each record; without it every line is a
/// record.
pub fn cut(bytes: &[u8], start: Option<&Regex>, last: Last) -> Vec<Record> {
    let mut records = Vec::new();
    let mut begin = 0;
    let mut at = 0;
    while let Some(len) = memchr::memchr(b'\n', &bytes[at..]) {
        let line = &bytes[at..=at + len];
        let starts = start.is_none_or(|start| start.is_match(&String::from_utf8_lossy(line.trim_ascii_end())));
        if starts && at > begin {
            push(&mut records, &bytes[begin..at]);
            begin = at;
        }
        if records.len() >= RECORDS_MAX {
            return records;
        }
        at += line.len();
    }
    let unfinished = &bytes[at..];
    let starts = |start: &Regex| start.is_match(&String::from_utf8_lossy(unfinished));
    // Lines end where they end; a record of several ends where the next one starts.
    if start.is_none_or(|start| last == Last::Lines || last == Last::All && starts(start)) {
        push(&mut records, &bytes[begin..at]);
        begin = at;
    }
    let rest = &bytes[begin..];
    if last == Last::All || bytes.len() >= WINDOW_BYTES_MAX && records.is_empty() && rest.len() < TEXT_BYTES_MAX {
        push(&mut records, rest);
    } else if rest.len() >= TEXT_BYTES_MAX {
        let whole = records.len();
        push(&mut records, rest);
        // The last piece may still grow; a window that is full of one piece cannot.
        if records.len() > whole + 1 || bytes.len() < WINDOW_BYTES_MAX || whole > 0 {
            records.pop();
        }
    }
    records
}

/// Takes `raw` as one record, or as several when it is too long.
fn push(records: &mut Vec<Record>, raw: &[u8]) {
    if raw.is_empty() {
        return;
    }
    let body = raw.strip_suffix(b"\n").unwrap_or(raw);
    let body = body.strip_suffix(b"\r").unwrap_or(body);
    // Nearly all records are as they are to be.
    if body.len() <= TEXT_BYTES_MAX
        && memchr::memchr2(b'\r', b'\0', body).is_none()
        && let Ok(text) = std::str::from_utf8(body)
    {
        return records.push(Record { text: text.to_owned(), len: raw.len(), continues: false });
    }
    let mut record = Record { text: String::new(), len: 0, continues: false };
    let mut add = |text: &str, len: usize| {
        if record.text.len() + text.len() > TEXT_BYTES_MAX {
            let next = Record { text: String::new(), len: 0, continues: true };
            records.push(std::mem::replace(&mut record, next));
        }
        if !(record.text.is_empty() && text == "\0") {
            record.text.push_str(text);
        }
        record.len += len;
    };
    for chunk in body.utf8_chunks() {
        let mut buffer = [0; 4];
        let mut letters = chunk.valid().chars().peekable();
        while let Some(letter) = letters.next() {
            let ends_line = letter == '\r' && letters.peek() == Some(&'\n');
            add(if ends_line { "" } else { letter.encode_utf8(&mut buffer) }, letter.len_utf8());
        }
        if !chunk.invalid().is_empty() {
            add("\u{fffd}", chunk.invalid().len());
        }
    }
    record.len += raw.len() - body.len();
    records.push(record);
}

//! The objects of an export: what they are called, and what is in them.
//!
//! `<prefix>/<task id>/<stream>/000000.gz` and so on, lines of `2026-01-02T15:04:05.000Z <message>`. In the name of a stream `/`
//! and control characters become `-`, and so do the dots of a stream called `.` or `..`; what is longer than a file name may be
//! is cut. Streams whose names become the same share their objects, in order of time, so that none replaces another's.

use flate2::Compression;
use flate2::write::GzEncoder;
use model::Timestamp;
use query::data_protection::Protection;
use std::borrow::Cow;
use std::io::{self, Write};

/// Longest folder of a stream, bytes: the longest name of a file on common systems.
pub(super) const FOLDER_BYTES_MAX: usize = 255;
/// The highest number of an object: 16 TiB of text.
pub(super) const NUMBER_MAX: u32 = 999_999;

/// An event on its way out.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) timestamp: Timestamp,
    pub(super) ingested: Timestamp,
    pub(super) message: String,
}

/// The key of an object below a prefix, which may end with `/` or be empty.
pub(super) fn below(prefix: &str, name: &str) -> String {
    match prefix.trim_matches('/') {
        "" => name.to_owned(),
        prefix => format!("{prefix}/{name}"),
    }
}

/// The key of an object of a task.
pub(super) fn key(prefix: &str, task: &str, folder: &str, number: u32) -> String {
    below(prefix, &format!("{task}/{folder}/{number:06}.gz"))
}

/// The folder of a stream.
pub(super) fn folder(stream: &str) -> String {
    if matches!(stream, "." | "..") {
        return stream.replace('.', "-");
    }
    let mut folder = stream.replace(|c: char| c == '/' || c.is_control(), "-");
    folder.truncate(folder.floor_char_boundary(FOLDER_BYTES_MAX));
    folder
}

/// Lines as the bytes of an object, the same each time.
pub(super) fn compressed(lines: &[Line], mask: Option<&Protection>) -> io::Result<Vec<u8>> {
    let mut out = GzEncoder::new(Vec::new(), Compression::default());
    for line in lines {
        let message = match mask {
            Some(mask) => mask.mask(line.ingested, &line.message),
            None => Cow::Borrowed(line.message.as_str()),
        };
        writeln!(out, "{} {message}", line.timestamp.iso_millis())?;
    }
    out.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::read::GzDecoder;
    use std::io::Read;

    #[test]
    fn keys_have_the_form_of_aws() {
        assert_eq!(key("exportedlogs", "t", &folder("a/b/c"), 0), "exportedlogs/t/a-b-c/000000.gz");
        assert_eq!(key("x/y/", "t", "s", 12), "x/y/t/s/000012.gz");
        assert_eq!(below("", "n"), "n");
        assert_eq!(below("/", "n"), "n");
    }

    #[test]
    fn no_stream_leads_out_of_its_task() {
        assert_eq!((folder("."), folder(".."), folder("a\0b")), ("-".into(), "--".into(), "a-b".into()));
        assert_eq!(folder(&"ä".repeat(200)), "ä".repeat(127));
    }

    #[test]
    fn an_object_holds_a_line_for_each_event() {
        let line =
            |ms, message: &str| Line { timestamp: Timestamp(ms), ingested: Timestamp(ms), message: message.to_owned() };
        let lines = [line(1_767_366_245_000, "one"), line(1_767_366_245_678, "two\n  more")];
        let body = compressed(&lines, None).unwrap();
        assert_eq!(body, compressed(&lines, None).unwrap());
        let mut text = String::new();
        GzDecoder::new(&body[..]).read_to_string(&mut text).unwrap();
        assert_eq!(text, "2026-01-02T15:04:05.000Z one\n2026-01-02T15:04:05.678Z two\n  more\n");
    }
}

//! GetObject and HeadObject: conditions, one range, and a body that is read piece by piece as the client takes it.
//!
//! There are no versions, so the only one is `null`, as in a bucket of S3 that never had any. A request that is signed may say what
//! headers it wants to see (`response-content-type` and its likes).
//!
//! Several ranges at once are passed over, as on S3: the whole object is the answer. An object that breaks while it is read ends
//! its connection, so that no client takes a part for the whole.

use super::error::S3Error;
use super::reply::Reply;
use super::route::Asked;
use crate::buckets::Folder;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use jiff::fmt::rfc2822::DateTimeParser;
use model::Timestamp;
use model::buckets::Head;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use wire::HttpRequest;

/// Bytes that are read at a time.
const PIECE_BYTES: u64 = 256 * 1024;

/// Parameters that replace a header of the answer, and the header.
const REPLACING: [(&str, &str); 6] = [
    ("response-cache-control", "cache-control"),
    ("response-content-disposition", "content-disposition"),
    ("response-content-encoding", "content-encoding"),
    ("response-content-language", "content-language"),
    ("response-content-type", "content-type"),
    ("response-expires", "expires"),
];

/// Reads an object out; it blocks.
pub fn get_object(folder: &Folder, key: &str, request: &HttpRequest, asked: &Asked) -> Result<Reply, S3Error> {
    check_version(asked.parameter("versionId"))?;
    let replacing = replacing(request, asked)?;
    let (mut file, head) = folder.open(key)?;
    match condition(request, &head) {
        Some(304) => return Ok(Reply { status: 304, headers: validators(&head), ..Reply::default() }),
        Some(_) => {
            let message = "At least one of the pre-conditions you specified did not hold";
            return Err(S3Error::new(412, "PreconditionFailed", message));
        }
        None => {}
    }
    let range = range(request.header("range"), head.bytes)?;
    let (first, bytes) = range.unwrap_or((0, head.bytes));
    let mut headers = validators(&head);
    headers.push(("accept-ranges".into(), "bytes".into()));
    headers.push(("content-length".into(), bytes.to_string()));
    let content_type = head.content_type.unwrap_or_else(|| "binary/octet-stream".into());
    headers.push(("content-type".into(), content_type));
    headers.extend(head.content_encoding.map(|encoding| ("content-encoding".into(), encoding)));
    headers.extend(head.metadata.into_iter().map(|(name, value)| (format!("x-amz-meta-{name}"), value)));
    if range.is_some() {
        let last = first + bytes - 1;
        headers.push(("content-range".into(), format!("bytes {first}-{last}/{}", head.bytes)));
    }
    headers.retain(|(name, _)| !replacing.iter().any(|(replaced, _)| replaced == name));
    headers.extend(replacing);
    let status = if range.is_some() { 206 } else { 200 };
    if request.method == "HEAD" || bytes == 0 {
        return Ok(Reply { status, headers, ..Reply::default() });
    }
    file.seek(SeekFrom::Start(first)).map_err(|error| {
        tracing::error!(%error, key, "read an object");
        S3Error::internal()
    })?;
    Ok(Reply { status, headers, rest: Some(pieces(file, bytes)), ..Reply::default() })
}

fn check_version(asked: Option<&str>) -> Result<(), S3Error> {
    match asked {
        None | Some("null") => Ok(()),
        Some("") => Err(S3Error::new(400, "InvalidArgument", "Version id cannot be the empty string")),
        Some(_) => Err(S3Error::new(404, "NoSuchVersion", "The specified version does not exist.")),
    }
}

/// The headers that the request sets.
fn replacing(request: &HttpRequest, asked: &Asked) -> Result<Vec<(String, String)>, S3Error> {
    let mut headers = Vec::new();
    for (parameter, header) in REPLACING {
        let Some(value) = asked.parameter(parameter).filter(|value| !value.is_empty()) else { continue };
        if !super::is_signed(request) {
            let message = "Request specific response headers cannot be used for anonymous GET requests.";
            return Err(S3Error::new(400, "InvalidRequest", message));
        }
        // What is no header would end the answer, or begin another.
        if !value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
            return Err(S3Error::new(400, "InvalidArgument", "Header value cannot be represented using ISO-8859-1."));
        }
        headers.push((header.to_owned(), value.to_owned()));
    }
    Ok(headers)
}

/// When a time is told in HTTP.
pub fn http_date(at: Timestamp) -> String {
    let time = jiff::Timestamp::from_second(at.secs()).unwrap_or_default();
    time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

fn validators(head: &Head) -> Vec<(String, String)> {
    let etag = format!("\"{}\"", head.etag);
    vec![("etag".into(), etag), ("last-modified".into(), http_date(head.modified))]
}

/// The status of a condition that does not hold.
fn condition(request: &HttpRequest, head: &Head) -> Option<u16> {
    let names = |list: &str| {
        let mut tags = list.split(',').map(|tag| tag.trim().trim_start_matches("W/").trim_matches('"'));
        tags.any(|tag| tag == "*" || tag == head.etag)
    };
    // A time that is none is no condition.
    let since = |name| {
        let parsed = DateTimeParser::new().parse_timestamp(request.header(name)?).ok()?;
        Some(head.modified.secs() > parsed.as_second())
    };
    match request.header("if-match") {
        Some(list) if !names(list) => return Some(412),
        None if since("if-unmodified-since") == Some(true) => return Some(412),
        _ => {}
    }
    match request.header("if-none-match") {
        Some(list) if names(list) => Some(304),
        None if since("if-modified-since") == Some(false) => Some(304),
        _ => None,
    }
}

/// First byte and number of bytes of the range that is asked for; `None` for the whole object.
fn range(header: Option<&str>, bytes: u64) -> Result<Option<(u64, u64)>, S3Error> {
    let Some((first, last)) = header.and_then(|text| text.strip_prefix("bytes=")).and_then(|text| text.split_once('-'))
    else {
        return Ok(None);
    };
    let number =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u64>().ok()).flatten();
    let asked = match (first, last) {
        ("", last) => number(last).map(|count| (bytes.saturating_sub(count), bytes.saturating_sub(1), count > 0)),
        (first, "") => number(first).map(|first| (first, bytes.saturating_sub(1), true)),
        (first, last) => number(first)
            .zip(number(last))
            .filter(|(first, last)| first <= last)
            .map(|(first, last)| (first, last.min(bytes.saturating_sub(1)), true)),
    };
    match asked {
        None => Ok(None),
        Some((first, last, true)) if first < bytes => Ok(Some((first, last - first + 1))),
        Some(_) => Err(S3Error::new(416, "InvalidRange", "The requested range is not satisfiable")),
    }
}

/// `bytes` bytes of a file from where it stands.
fn pieces(file: File, bytes: u64) -> BoxStream<'static, Bytes> {
    let next = |(mut file, left): (File, u64)| async move {
        if left == 0 {
            return None;
        }
        let reading = tokio::task::spawn_blocking(move || {
            let mut piece = vec![0; usize::try_from(left.min(PIECE_BYTES)).unwrap_or(0)];
            file.read_exact(&mut piece).map(|()| (file, piece))
        });
        match reading.await.map_err(std::io::Error::other) {
            Ok(Ok((file, piece))) => {
                let left = left - piece.len() as u64;
                Some((Bytes::from(piece), (file, left)))
            }
            Ok(Err(error)) | Err(error) => {
                tracing::error!(%error, "read an object");
                None
            }
        }
    };
    stream::unfold((file, bytes), next).boxed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_within_the_object() {
        let asked = |header| range(Some(header), 10);
        assert_eq!(range(None, 10), Ok(None));
        for (header, wanted) in [
            ("bytes=0-0", (0, 1)),
            ("bytes=2-5", (2, 4)),
            ("bytes=2-", (2, 8)),
            ("bytes=-3", (7, 3)),
            ("bytes=-30", (0, 10)),
            ("bytes=9-99999999999999999999", (0, 0)),
            ("bytes=9-999", (9, 1)),
        ] {
            let wanted = (wanted != (0, 0)).then_some(wanted);
            assert_eq!(asked(header), Ok(wanted), "{header}");
        }
        for whole in ["bytes=5-2", "bytes=a-b", "bytes=0-1,3-4", "lines=1-2", "bytes=-", "bytes=+1-2"] {
            assert_eq!(asked(whole), Ok(None), "{whole}");
        }
        for none in ["bytes=10-", "bytes=10-12", "bytes=-0"] {
            assert_eq!(asked(none).unwrap_err().code, "InvalidRange", "{none}");
        }
        assert_eq!(range(Some("bytes=0-0"), 0).unwrap_err().status, 416);
        assert_eq!(range(Some("bytes=-5"), 0).unwrap_err().status, 416);
    }

    #[test]
    fn conditions_hold_or_not() {
        let head = Head {
            bytes: 1,
            modified: Timestamp(1_772_323_200_900),
            etag: "abc".into(),
            metadata: Vec::new(),
            content_type: None,
            content_encoding: None,
        };
        assert_eq!(http_date(head.modified), "Sun, 01 Mar 2026 00:00:00 GMT");
        let asked = |headers: &[(&str, &str)]| {
            let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            condition(&HttpRequest { headers: headers.collect(), ..HttpRequest::default() }, &head)
        };
        let (then, before) = ("Sun, 01 Mar 2026 00:00:00 GMT", "Sat, 28 Feb 2026 23:59:59 GMT");
        assert_eq!(asked(&[]), None);
        assert_eq!(asked(&[("if-none-match", "\"x\", W/\"abc\"")]), Some(304));
        assert_eq!(asked(&[("if-none-match", "\"x\"")]), None);
        assert_eq!(asked(&[("if-match", "\"x\"")]), Some(412));
        assert_eq!(asked(&[("if-match", "*")]), None);
        assert_eq!(asked(&[("if-modified-since", then)]), Some(304));
        assert_eq!(asked(&[("if-modified-since", before)]), None);
        assert_eq!(asked(&[("if-modified-since", "soon")]), None);
        assert_eq!(asked(&[("if-unmodified-since", before)]), Some(412));
        assert_eq!(asked(&[("if-match", "abc"), ("if-unmodified-since", before)]), None);
        assert_eq!(asked(&[("if-none-match", "x"), ("if-modified-since", then)]), None);
    }
}

//! Buckets behind an S3 endpoint: PutObject, GetObject, HeadObject and ListObjectsV2, signed, with the bucket in the path.
//!
//! Requests are made and signed in `outgoing.rs`.

pub mod list;
#[cfg(test)]
mod tests;

use super::percent::encoded;
use crate::config;
use crate::outgoing::{Signer, client};
use bytes::Bytes;
use jiff::fmt::rfc2822::DateTimeParser;
use model::buckets::{BucketError, Head, Listed, Metadata, NewObject, Object};
use model::limits::OBJECT_READ_BYTES_MAX;
use model::{Clock, Timestamp, hex};
use sha2::{Digest, Sha256};
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

/// Longest attempt: a part of an export has some megabytes.
const TIME_MAX: Duration = Duration::from_secs(25);
/// Most bytes read of an answer that is no object and no list, and most shown of one.
const ANSWER_BYTES_MAX: usize = 16 * 1024;
const SHOWN_CHARS_MAX: usize = 300;
/// How the headers of user metadata begin.
const METADATA: &str = "x-amz-meta-";

/// An S3 endpoint, with keys.
pub struct S3 {
    /// Without a slash at the end.
    endpoint: String,
    keys: config::S3,
    clock: Arc<dyn Clock>,
    agent: ureq::Agent,
}

impl std::fmt::Debug for S3 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("S3").field("endpoint", &self.endpoint).field("keys", &self.keys).finish_non_exhaustive()
    }
}

/// One request to the endpoint; bucket and key have been checked.
#[derive(Default)]
pub struct Ask<'a> {
    /// The HTTP method.
    pub method: &'static str,
    /// The bucket.
    pub bucket: &'a str,
    /// The key; empty for the bucket itself.
    pub key: &'a str,
    /// Encoded.
    pub query: String,
    /// Names are in lower case.
    pub headers: Vec<(String, String)>,
    /// What is put or posted.
    pub body: Bytes,
    /// How long it may take, if not what the client allows.
    pub patience: Option<Patience>,
}

/// How long a request may take.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Until there is a connection.
    pub connect: Duration,
    /// From the end of the request to the beginning of the answer.
    pub answer: Duration,
    /// All of it.
    pub total: Duration,
}

/// What the endpoint answered, whatever it was.
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Its headers.
    pub headers: http::HeaderMap,
    /// Its body, whole.
    pub body: Vec<u8>,
}

impl Answer {
    /// The beginning of the body, to be shown to the operator.
    pub fn shown(&self) -> String {
        let text = String::from_utf8_lossy(&self.body[..self.body.len().min(ANSWER_BYTES_MAX)]);
        text.chars().take(SHOWN_CHARS_MAX).collect()
    }

    /// A header, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

impl S3 {
    /// The endpoint at a URL.
    pub fn new(endpoint: &str, keys: config::S3, clock: Arc<dyn Clock>) -> Self {
        Self::with_client(endpoint, keys, clock, client(TIME_MAX))
    }

    /// The same with a client of its own.
    pub fn with_client(endpoint: &str, keys: config::S3, clock: Arc<dyn Clock>, agent: ureq::Agent) -> Self {
        Self { endpoint: endpoint.trim_end_matches('/').to_owned(), keys, clock, agent }
    }

    /// Makes or replaces an object; bucket, key and metadata have been checked.
    pub fn put(&self, bucket: &str, key: &str, object: NewObject) -> Result<(), BucketError> {
        let NewObject { body, metadata, content_type, content_encoding } = object;
        let mut headers: Vec<_> =
            metadata.into_iter().map(|(name, value)| (format!("{METADATA}{name}"), value)).collect();
        headers.extend(content_type.map(|value| ("content-type".to_owned(), value)));
        headers.extend(content_encoding.map(|value| ("content-encoding".to_owned(), value)));
        let ask = Ask { method: "PUT", bucket, key, headers, body: body.into(), ..Ask::default() };
        self.done(ask, ANSWER_BYTES_MAX).map(drop).map_err(|error| match error {
            // There is no key that PutObject could miss.
            BucketError::NoSuchKey => BucketError::NoSuchBucket,
            error => error,
        })
    }

    /// An object, whole.
    pub fn get(&self, bucket: &str, key: &str) -> Result<Object, BucketError> {
        let ask = Ask { method: "GET", bucket, key, ..Ask::default() };
        let answer = self.done(ask, OBJECT_READ_BYTES_MAX)?;
        let (metadata, modified) = (metadata(&answer.headers), modified(&answer.headers));
        Ok(Object { body: answer.body, metadata, modified })
    }

    /// What is known of an object.
    pub fn head(&self, bucket: &str, key: &str) -> Result<Head, BucketError> {
        let headers = self.done(Ask { method: "HEAD", bucket, key, ..Ask::default() }, 0)?.headers;
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let bytes = text("content-length").and_then(|bytes| bytes.parse().ok());
        Ok(Head {
            bytes: bytes.ok_or_else(|| self.unreachable(&format!("the size of {key} is missing")))?,
            modified: modified(&headers),
            etag: text("etag").unwrap_or_default().trim_matches('"').to_owned(),
            metadata: metadata(&headers),
            content_type: text("content-type"),
            content_encoding: text("content-encoding"),
        })
    }

    /// Objects in order of their keys; see `Buckets::list`.
    pub fn list(&self, bucket: &str, prefix: &str, after: &str, max: usize) -> Result<Vec<Listed>, BucketError> {
        let max = max.min(list::PAGE_KEYS_MAX);
        let mut listed: Vec<Listed> = Vec::new();
        while listed.len() < max {
            let after = listed.last().map_or(after, |last| &last.key);
            let query = list::query(prefix, after, max - listed.len());
            let ask = Ask { method: "GET", bucket, query, ..Ask::default() };
            let answer = self.done(ask, list::PAGE_BYTES_MAX)?;
            let page = list::read(&answer.body, after).map_err(|reason| self.unreachable(&reason))?;
            listed.extend(page.listed);
            if !page.is_truncated {
                break;
            }
        }
        listed.truncate(max);
        Ok(listed)
    }

    fn unreachable(&self, reason: &str) -> BucketError {
        BucketError::Unreachable(format!("{} answered what is no answer: {reason}", self.endpoint))
    }

    /// The answer of a request that was granted.
    fn done(&self, ask: Ask<'_>, bytes_max: usize) -> Result<Answer, BucketError> {
        let answer = self.ask(ask, bytes_max).map_err(BucketError::Unreachable)?;
        let text = String::from_utf8_lossy(&answer.body[..answer.body.len().min(ANSWER_BYTES_MAX)]);
        match answer.status {
            200..300 => Ok(answer),
            404 if text.contains("<Code>NoSuchBucket</Code>") => Err(BucketError::NoSuchBucket),
            404 => Err(BucketError::NoSuchKey),
            401 | 403 => Err(BucketError::AccessDenied),
            status => Err(BucketError::Unreachable(format!("{} answered {status}: {}", self.endpoint, answer.shown()))),
        }
    }

    /// One attempt; of an answer no more than `bytes_max` bytes are taken, and none of a whole object where a part was asked for.
    ///
    /// # Errors
    /// Why there is no answer: the request had its effect, or not, or will have it.
    pub fn ask(&self, ask: Ask<'_>, bytes_max: usize) -> Result<Answer, String> {
        let mut url = format!("{}/{}", self.endpoint, ask.bucket);
        if !ask.key.is_empty() {
            url = format!("{url}/{}", encoded(ask.key, b"-._~/"));
        }
        if !ask.query.is_empty() {
            url = format!("{url}?{}", ask.query);
        }
        let hash = hex(&Sha256::digest(&ask.body));
        let config::S3 { credentials, region } = &self.keys;
        let signer = Signer { credentials, region, service: "s3", now: self.clock.now() };
        let (mut headers, patience) = (ask.headers, ask.patience);
        let asks_part = headers.iter().any(|(name, _)| name == "range");
        headers.push(("x-amz-content-sha256".into(), hash));
        let request = signer.signed(ask.method, &url, headers, ask.body)?;
        let mut sent = http::Request::builder().method(ask.method).uri(&url);
        for (name, value) in request.headers.iter().filter(|(name, _)| name != "host") {
            sent = sent.header(name, value);
        }
        let answer = match ask.method {
            "PUT" | "POST" => sent.body(&request.body[..]).map(|sent| self.run(sent, patience)),
            _ => sent.body(()).map(|sent| self.run(sent, patience)),
        };
        let answer = answer.map_err(|error| error.to_string())?;
        let answer = answer.map_err(|error| format!("reach {}: {error}", self.endpoint))?;
        let (parts, body) = answer.into_parts();
        let mut read = Vec::new();
        if asks_part && parts.status.as_u16() == 200 {
            return Ok(Answer { status: 200, headers: parts.headers, body: read });
        }
        body.into_reader()
            .take(bytes_max.max(ANSWER_BYTES_MAX) as u64 + 1)
            .read_to_end(&mut read)
            .map_err(|error| format!("read the answer of {}: {error}", self.endpoint))?;
        let status = parts.status.as_u16();
        if status < 300 && read.len() > bytes_max.max(ANSWER_BYTES_MAX) {
            return Err(format!("{} answered more than {bytes_max} bytes", self.endpoint));
        }
        Ok(Answer { status, headers: parts.headers, body: read })
    }

    fn run(
        &self,
        request: http::Request<impl ureq::AsSendBody>,
        patience: Option<Patience>,
    ) -> Result<http::Response<ureq::Body>, ureq::Error> {
        let Some(Patience { connect, answer, total }) = patience else { return self.agent.run(request) };
        let request = self.agent.configure_request(request);
        let request = request.timeout_connect(Some(connect)).timeout_recv_response(Some(answer));
        self.agent.run(request.timeout_global(Some(total)).build())
    }
}

fn metadata(headers: &http::HeaderMap) -> Metadata {
    let pairs = headers.iter().filter_map(|(name, value)| {
        let name = name.as_str().strip_prefix(METADATA)?;
        Some((name.to_owned(), value.to_str().ok()?.to_owned()))
    });
    pairs.collect()
}

/// When the object was put, to the second; long ago when the answer does not say.
fn modified(headers: &http::HeaderMap) -> Timestamp {
    let text = headers.get(http::header::LAST_MODIFIED).and_then(|value| value.to_str().ok());
    let read = text.and_then(|text| DateTimeParser::new().parse_timestamp(text).ok());
    Timestamp(read.map_or(0, jiff::Timestamp::as_millisecond))
}

//! Buckets behind an S3 endpoint: PutObject, signed, with the bucket in the path.
//!
//! Requests are made and signed in `outgoing.rs`.

use crate::config;
use crate::outgoing::{Signer, client};
use model::Clock;
use model::buckets::BucketError;
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

/// Longest attempt: a part of an export has some megabytes.
const PUT_TIME_MAX: Duration = Duration::from_secs(25);
/// Most bytes read of an answer, and most shown of one.
const ANSWER_BYTES_MAX: u64 = 16 * 1024;
const SHOWN_CHARS_MAX: usize = 300;

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

impl S3 {
    /// The endpoint at a URL.
    pub fn new(endpoint: &str, keys: config::S3, clock: Arc<dyn Clock>) -> Self {
        Self { endpoint: endpoint.trim_end_matches('/').to_owned(), keys, clock, agent: client(PUT_TIME_MAX) }
    }

    /// Makes or replaces an object; bucket and key have been checked.
    pub fn put(&self, bucket: &str, key: &str, body: Vec<u8>) -> Result<(), BucketError> {
        let (status, answer) = self.ask(bucket, key, body).map_err(BucketError::Unreachable)?;
        match status {
            200..300 => Ok(()),
            404 => Err(BucketError::NoSuchBucket),
            401 | 403 => Err(BucketError::AccessDenied),
            _ => {
                let shown: String = answer.chars().take(SHOWN_CHARS_MAX).collect();
                Err(BucketError::Unreachable(format!("{} answered {status}: {shown}", self.endpoint)))
            }
        }
    }

    fn ask(&self, bucket: &str, key: &str, body: Vec<u8>) -> Result<(u16, String), String> {
        let url = format!("{}/{bucket}/{}", self.endpoint, encoded(key));
        let mut hash = String::new();
        for byte in Sha256::digest(&body) {
            let _ = write!(hash, "{byte:02x}");
        }
        let config::S3 { credentials, region } = &self.keys;
        let signer = Signer { credentials, region, service: "s3", now: self.clock.now() };
        let request = signer.signed("PUT", &url, vec![("x-amz-content-sha256".into(), hash)], body)?;
        let mut put = self.agent.put(&url);
        for (name, value) in request.headers.iter().filter(|(name, _)| name != "host") {
            put = put.header(name, value);
        }
        let mut answer = put.send(&request.body[..]).map_err(|error| format!("reach {}: {error}", self.endpoint))?;
        let mut text = Vec::new();
        let read = answer.body_mut().as_reader().take(ANSWER_BYTES_MAX).read_to_end(&mut text);
        read.map_err(|error| format!("read the answer of {}: {error}", self.endpoint))?;
        Ok((answer.status().as_u16(), String::from_utf8_lossy(&text).into_owned()))
    }
}

/// A key as a path: each byte that is not safe is written as `%XX`, once.
fn encoded(key: &str) -> String {
    let mut path = String::with_capacity(key.len());
    for byte in key.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            path.push(char::from(byte));
        } else {
            let _ = write!(path, "%{byte:02X}");
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use model::Timestamp;
    use model::clock::ManualClock;
    use std::io::Write;
    use std::net::TcpListener;
    use wire::HttpRequest;
    use wire::sigv4::{self, Credentials};

    const NOW: Timestamp = Timestamp(1_772_323_200_000);

    fn s3(endpoint: &str) -> S3 {
        let credentials =
            Credentials { access_key_id: "KEY".into(), secret_access_key: "secret".into(), session_token: None };
        let keys = config::S3 { region: "eu-west-1".into(), credentials };
        S3::new(endpoint, keys, Arc::new(ManualClock::at(NOW)))
    }

    /// Answers one request with `answer`; gives the request as it came.
    fn serve(answer: &'static str) -> (String, std::thread::JoinHandle<HttpRequest>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let serving = std::thread::spawn(move || {
            let (mut connection, _) = listener.accept().unwrap();
            let mut read = Vec::new();
            let mut part = [0; 1024];
            while !read.ends_with(b"the body") {
                let count = connection.read(&mut part).unwrap();
                assert!(count > 0, "the connection ended early");
                read.extend_from_slice(&part[..count]);
            }
            connection.write_all(answer.as_bytes()).unwrap();
            let text = String::from_utf8(read).unwrap();
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            let mut lines = head.split("\r\n");
            let mut first = lines.next().unwrap().split(' ');
            let header = |line: &str| {
                let (name, value) = line.split_once(':').unwrap();
                (name.to_ascii_lowercase(), value.trim().to_owned())
            };
            HttpRequest {
                method: first.next().unwrap().into(),
                path: first.next().unwrap().into(),
                headers: lines.map(header).collect(),
                body: Bytes::from(body.to_owned()),
                ..HttpRequest::default()
            }
        });
        (url, serving)
    }

    #[test]
    fn an_object_is_put_signed_with_its_key_encoded_once() {
        let (url, serving) = serve("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        s3(&format!("{url}/")).put("my-logs", "a b/ä%+.gz", b"the body".to_vec()).unwrap();
        let request = serving.join().unwrap();
        assert_eq!((request.method.as_str(), request.path.as_str()), ("PUT", "/my-logs/a%20b/%C3%A4%25%2B.gz"));
        assert_eq!(request.header("x-amz-content-sha256").map(str::len), Some(64));
        let claim = sigv4::verify(&request, NOW, 1000, |key| (key == "KEY").then(|| "secret".into())).unwrap();
        assert_eq!((claim.region.as_str(), claim.service.as_str()), ("eu-west-1", "s3"));
    }

    #[test]
    fn refusals_are_told_apart() {
        let refused = |answer| {
            let (url, serving) = serve(answer);
            let refused = s3(&url).put("my-logs", "a", b"the body".to_vec()).unwrap_err();
            serving.join().unwrap();
            refused
        };
        let head = "content-length: 2\r\nconnection: close\r\n\r\nno";
        let answer = |status: &str| -> &'static str { format!("HTTP/1.1 {status}\r\n{head}").leak() };
        assert_eq!(refused(answer("404 Not Found")), BucketError::NoSuchBucket);
        assert_eq!(refused(answer("403 Forbidden")), BucketError::AccessDenied);
        for status in ["301 Moved", "503 Slow Down"] {
            let BucketError::Unreachable(reason) = refused(answer(status)) else { panic!("{status}") };
            assert!(reason.contains(&status[..3]) && reason.ends_with(": no"), "{reason}");
        }
        let BucketError::Unreachable(reason) = s3("http://127.0.0.1:1").put("my-logs", "a", Vec::new()).unwrap_err()
        else {
            panic!()
        };
        assert!(reason.contains("127.0.0.1:1") && !reason.contains("secret"), "{reason}");
    }
}

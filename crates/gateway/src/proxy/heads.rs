//! Heads of requests and answers on their way through: what ends at this connection goes, all else stays as it came.

use crate::call::{Captured, Request};
use crate::forms::S3Host;
use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, Method, Uri, Version, request, response};

/// Fields of one connection (RFC 9110, 7.6.1). `te` and `trailer` stay, for trailers do; `transfer-encoding` is decided apart.
const OF_CONNECTION: [&str; 5] = ["connection", "keep-alive", "proxy-connection", "upgrade", "proxy-authorization"];

/// What events and signatures see of a request's head. Buckets are named by hosts below `s3_domains`.
pub(super) fn seen(parts: &request::Parts, s3_domains: &[String]) -> Request {
    let mut headers = texts(&parts.headers);
    // HTTP/2 carries the host as a pseudo-header, but signatures cover `host`.
    if let (false, Some(authority)) = (parts.headers.contains_key(header::HOST), parts.uri.authority()) {
        headers.push(("host".into(), authority.as_str().to_owned()));
    }
    let host = headers.iter().find(|(name, _)| name == "host").map_or("", |(_, host)| host.trim());
    Request {
        s3_host: S3Host::of(host, s3_domains),
        method: parts.method.as_str().to_owned(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers,
        body: Captured::default(),
    }
}

/// Headers as text with lower-case names. What is no text in a value is replaced: a backend sees that header, too.
pub(super) fn texts(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect()
}

/// The head that goes to the backend. `expects` says whether the client's wish to be told to go on goes along.
pub(super) fn to_backend(parts: &request::Parts, expects: bool) -> Option<request::Parts> {
    let mut head = http::Request::new(()).into_parts().0;
    head.method = parts.method.clone();
    head.uri = Uri::from(parts.uri.path_and_query()?.clone());
    head.headers = kept(&parts.headers, parts.version == Version::HTTP_11);
    if !expects {
        head.headers.remove(header::EXPECT);
    }
    if let (false, Some(authority)) = (head.headers.contains_key(header::HOST), parts.uri.authority()) {
        head.headers.insert(header::HOST, HeaderValue::from_str(authority.as_str()).ok()?);
    }
    // Among them how the names were written.
    head.extensions = parts.extensions.clone();
    Some(head)
}

/// The head that goes to the client, which speaks `version`.
pub(super) fn to_client(parts: response::Parts, version: Version) -> response::Parts {
    let mut head = http::Response::new(()).into_parts().0;
    head.status = parts.status;
    head.headers = kept(&parts.headers, version == Version::HTTP_11);
    head.extensions = parts.extensions;
    head
}

/// A new map, for removals change the order of the old.
fn kept(headers: &HeaderMap, is_http11: bool) -> HeaderMap {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .filter(|name| !is_for_the_other_end(name))
        .collect();
    let mut kept = HeaderMap::with_capacity(headers.len());
    for (name, value) in headers {
        let is_of_connection = OF_CONNECTION.contains(&name.as_str()) || named.contains(name);
        let is_dropped = match *name {
            // The body is chunked anew; a version without chunks has no such field.
            header::TRANSFER_ENCODING => !is_http11,
            header::TE => value.as_bytes() != b"trailers",
            _ => is_of_connection,
        };
        if !is_dropped {
            kept.append(name, value.clone());
        }
    }
    kept
}

/// What says who calls and what for may not be named away in `Connection` (RFC 9110, 7.6.1: "intended for all recipients"): the backend
/// would see another call than the event tells of. `Connection: TE` goes with `TE: trailers`.
fn is_for_the_other_end(name: &HeaderName) -> bool {
    let name = name.as_str();
    let starts = ["x-amz-", "content-", "if-"];
    let whole =
        ["te", "trailer", "transfer-encoding", "authorization", "host", "date", "range", "expect", "cookie", "etag"];
    starts.iter().any(|start| name.starts_with(start)) || whole.contains(&name)
}

/// Whether the client waits to be told to go on before it sends its body.
pub(super) fn expects_continue(parts: &request::Parts) -> bool {
    let expects = parts.headers.get(header::EXPECT);
    parts.version == Version::HTTP_11
        && expects.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

/// Whether a call without a body may be sent a second time on another connection (RFC 9110, 9.2.2).
pub(super) fn may_repeat(method: &Method) -> bool {
    method == Method::GET || method == Method::HEAD
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(headers: &[(&'static str, &'static str)]) -> request::Parts {
        let mut parts = http::Request::new(()).into_parts().0;
        for (name, value) in headers {
            parts.headers.append(*name, HeaderValue::from_static(value));
        }
        parts
    }

    fn names(headers: &HeaderMap) -> Vec<&str> {
        headers.keys().map(HeaderName::as_str).collect()
    }

    #[test]
    fn what_is_of_the_connection_goes_and_the_order_stays() {
        let parts = parts(&[
            ("host", "h"),
            ("x-b", "1"),
            ("connection", "keep-alive, X-Hop, TE"),
            ("x-hop", "1"),
            ("keep-alive", "timeout=5"),
            ("te", "trailers"),
            ("x-a", "1"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("trailer", "x-t"),
            ("x-c", "1"),
            ("authorization", "AWS4"),
        ]);
        let head = to_backend(&parts, true).unwrap();
        let expected = ["host", "x-b", "te", "x-a", "transfer-encoding", "trailer", "x-c", "authorization"];
        assert_eq!(names(&head.headers), expected);
    }

    #[test]
    fn what_says_who_calls_cannot_be_named_away() {
        let parts = parts(&[
            ("authorization", "AWS4"),
            ("x-amz-target", "t"),
            ("content-length", "2"),
            ("connection", "close, Authorization, x-amz-target, content-length"),
        ]);
        let head = to_backend(&parts, true).unwrap();
        assert_eq!(names(&head.headers), ["authorization", "x-amz-target", "content-length"]);
    }

    #[test]
    fn path_and_query_stay_as_they_were_sent() {
        let mut parts = parts(&[]);
        parts.uri = "http://bucket.here:80/a%2Fb//c%20d?x=%20&y&&z=+".parse().unwrap();
        parts.version = Version::HTTP_2;
        let head = to_backend(&parts, false).unwrap();
        assert_eq!(head.uri, "/a%2Fb//c%20d?x=%20&y&&z=+");
        assert_eq!(head.headers["host"], "bucket.here:80");
        let seen = seen(&parts, &[]);
        assert_eq!((seen.path.as_str(), seen.query.as_str()), ("/a%2Fb//c%20d", "x=%20&y&&z=+"));
        assert_eq!(seen.headers, [("host".to_owned(), "bucket.here:80".to_owned())]);
    }

    #[test]
    fn a_client_of_another_version_gets_no_chunks() {
        let answer = || {
            let mut parts = http::Response::new(()).into_parts().0;
            parts.headers.insert("transfer-encoding", HeaderValue::from_static("chunked"));
            parts
        };
        assert!(to_client(answer(), Version::HTTP_2).headers.is_empty());
        assert_eq!(to_client(answer(), Version::HTTP_11).headers.len(), 1);
    }
}

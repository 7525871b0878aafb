//! What goes to an S3 endpoint, and how its answers are read.

use super::*;
use bytes::Bytes;
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
        // Only what is put has a body.
        while !read.ends_with(if read.starts_with(b"PUT") { &b"the body"[..] } else { b"\r\n\r\n" }) {
            let count = connection.read(&mut part).unwrap();
            assert!(count > 0, "the connection ended early");
            read.extend_from_slice(&part[..count]);
        }
        connection.write_all(answer.as_bytes()).unwrap();
        let text = String::from_utf8(read).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let mut lines = head.split("\r\n");
        let mut first = lines.next().unwrap().split(' ');
        let method = first.next().unwrap();
        let url = first.next().unwrap();
        let url = url.split_once('?').unwrap_or((url, ""));
        let header = |line: &str| {
            let (name, value) = line.split_once(':').unwrap();
            (name.to_ascii_lowercase(), value.trim().to_owned())
        };
        HttpRequest {
            method: method.into(),
            path: url.0.into(),
            query: url.1.into(),
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
    s3(&format!("{url}/")).put("my-logs", "a b/ä%+.gz", b"the body".to_vec().into()).unwrap();
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
        let refused = s3(&url).put("my-logs", "a", b"the body".to_vec().into()).unwrap_err();
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
    let BucketError::Unreachable(reason) =
        s3("http://127.0.0.1:1").put("my-logs", "a", NewObject::default()).unwrap_err()
    else {
        panic!()
    };
    assert!(reason.contains("127.0.0.1:1") && !reason.contains("secret"), "{reason}");
}

/// Answers one request with `answer`; gives what `ask` made of it and the request, whose signature must be right.
fn exchange<T>(answer: &'static str, ask: impl FnOnce(S3) -> T) -> (T, HttpRequest) {
    let (url, serving) = serve(answer);
    let outcome = ask(s3(&url));
    let request = serving.join().unwrap();
    sigv4::verify(&request, NOW, 1000, |key| (key == "KEY").then(|| "secret".into())).unwrap();
    (outcome, request)
}

#[test]
fn metadata_go_there_and_come_back() {
    let object = NewObject {
        metadata: vec![("signature".into(), "ab c".into())],
        content_type: Some("application/json".into()),
        content_encoding: Some("gzip".into()),
        ..NewObject::from(b"the body".to_vec())
    };
    let taken = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let (put, request) = exchange(taken, |s3| s3.put("my-logs", "k", object));
    put.unwrap();
    let sent = |name| request.header(name).unwrap_or_default();
    assert_eq!((sent("x-amz-meta-signature"), sent("content-encoding")), ("ab c", "gzip"));
    assert_eq!(sent("content-type"), "application/json");

    let object = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\nETag: \"abc\"\r\nX-Amz-Meta-Signature: ab c\r\n\
                  Content-Encoding: gzip\r\nLast-Modified: Sun, 01 Mar 2026 00:00:01 GMT\r\nconnection: close\r\n\r\nbody";
    let (got, request) = exchange(object, |s3| s3.get("my-logs", "a b"));
    let (metadata, modified) = (vec![("signature".to_owned(), "ab c".to_owned())], Timestamp(1_772_323_201_000));
    assert_eq!(got, Ok(Object { body: b"body".to_vec(), metadata: metadata.clone(), modified }));
    assert_eq!((request.method.as_str(), request.path.as_str()), ("GET", "/my-logs/a%20b"));
    let head = object.strip_suffix("body").unwrap();
    let (known, request) = exchange(head, |s3| s3.head("my-logs", "k"));
    let content_encoding = Some("gzip".to_owned());
    let wanted = Head { bytes: 4, modified, etag: "abc".into(), metadata, content_type: None, content_encoding };
    assert_eq!((known, request.method.as_str()), (Ok(wanted), "HEAD"));
}

#[test]
fn a_list_is_asked_for_page_by_page() {
    let page = "<ListBucketResult><IsTruncated>false</IsTruncated><EncodingType>url</EncodingType><Contents><Key>a/b</Key>\
                <LastModified>2026-03-01T00:00:01.000Z</LastModified><Size>7</Size></Contents></ListBucketResult>";
    let answer: &'static str =
        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{page}", page.len()).leak();
    let (listed, request) = exchange(answer, |s3| s3.list("my-logs", "a/", "a/a", 10));
    let wanted = Listed { key: "a/b".into(), bytes: 7, modified: Timestamp(1_772_323_201_000) };
    assert_eq!(listed, Ok(vec![wanted]));
    assert_eq!(request.path, "/my-logs");
    assert_eq!(request.query, "encoding-type=url&list-type=2&max-keys=10&prefix=a%2F&start-after=a%2Fa");
}

#[test]
fn what_is_not_there_is_told_apart() {
    let answer = |code: &str| -> &'static str {
        let body = format!("<Error><Code>{code}</Code></Error>");
        let length = body.len();
        format!("HTTP/1.1 404 Not Found\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}").leak()
    };
    let get = |answer| exchange(answer, |s3| s3.get("my-logs", "k")).0.unwrap_err();
    assert_eq!(get(answer("NoSuchKey")), BucketError::NoSuchKey);
    assert_eq!(get(answer("NoSuchBucket")), BucketError::NoSuchBucket);
    let (head, _) = exchange("HTTP/1.1 404 Not Found\r\nconnection: close\r\n\r\n", |s3| s3.head("my-logs", "k"));
    assert_eq!(head, Err(BucketError::NoSuchKey));
    let (list, _) =
        exchange("HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno", |s3| s3.list("b", "", "", 1));
    assert!(matches!(list, Err(BucketError::Unreachable(_))));
}

//! What goes to an S3 endpoint, and how its answers are read.

use super::*;
use model::Timestamp;
use model::clock::ManualClock;
use std::io::Write;
use std::net::TcpListener;
use wire::sigv4::Credentials;

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

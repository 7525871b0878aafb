//! Heads go through as they are, but for what is of one connection.

use crate::world::{Options, World, backend, until};
use tokio::io::AsyncWriteExt;

const GET: &str = "GET /bucket/a%2Fb//c?versionId=%20x&y&&z=+ HTTP/1.1\r\nHost: S3.Example:9000\r\nUser-Agent: x\r\n\
                   X-Amz-Tag: 1\r\nX-aMz-oDd: Ä\r\nRange: bytes=1-2\r\naccept-ENCODING: gzip\r\nX-Amz-Tag: 2\r\n";

#[tokio::test]
async fn both_heads_are_the_same_on_both_sides() {
    let answer = "HTTP/1.1 206 Partially\r\nx-amz-request-id: R\r\nETag: \"e\"\r\nContent-Encoding: gzip\r\n\
                  Server: s3s\r\ncOntent-Length: 2\r\nDate: Mon\r\nSet-X: 1\r\n";
    let (address, sent) =
        backend(&[&format!("{answer}Connection: keep-alive\r\nKeep-Alive: timeout=5\r\n\r\nhi")]).await;
    let world = World::start(address, Options::default()).await;
    let got = world.exchange(&format!("{GET}Connection: close, x-hop\r\nX-Hop: 1\r\n\r\n")).await;
    assert_eq!(got, format!("{answer}Connection: close\r\n\r\nhi"));
    // Values of one name are sent together.
    let expected = GET.replacen("X-Amz-Tag: 1\r\n", "X-Amz-Tag: 1\r\nX-Amz-Tag: 2\r\n", 1);
    let expected = expected.replacen("gzip\r\nX-Amz-Tag: 2\r\n", "gzip\r\n", 1);
    assert_eq!(*sent.lock().unwrap(), [format!("{expected}\r\n")]);
    let event = &world.events(1).await[0];
    assert_eq!(event["eventSource"], "s3.amazonaws.com");
    assert_eq!(event["sourceIPAddress"], "127.0.0.1");
}

#[tokio::test]
async fn answers_without_a_body_keep_their_lengths() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 123\r\nETag: \"e\"\r\n\r\n";
    let unchanged = "HTTP/1.1 304 Not Modified\r\nETag: \"e\"\r\n\r\n";
    let gone = "HTTP/1.1 204 No Content\r\nx-amz-id-2: 2\r\n\r\n";
    let (address, _) = backend(&[head, unchanged, gone]).await;
    let world = World::start(address, Options { fail_closed: true, ..Options::default() }).await;
    let mut stream = world.connect().await;
    for (method, answer) in [("HEAD", head), ("GET", unchanged), ("DELETE", gone)] {
        let request = format!("{method} /bucket/key HTTP/1.1\r\nhost: s3\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        assert_eq!(until(&mut stream, "\r\n\r\n").await, answer);
    }
    assert_eq!(world.events(3).await.len(), 3);
}

#[tokio::test]
async fn a_connection_that_the_backend_closed_is_not_used_again() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    // The second request goes over the kept connection, which ends without an answer; it is repeated on a new one.
    let (address, sent) = backend(&[answer, "", answer]).await;
    let world = World::start(address, Options::default()).await;
    for _ in 0..2 {
        let got = world.exchange("GET /b/k HTTP/1.1\r\nhost: s3\r\nconnection: close\r\n\r\n").await;
        assert!(got.ends_with("\r\n\r\nok"), "{got}");
    }
    assert!((2..=3).contains(&sent.lock().unwrap().len()));
    world.events(2).await;
}

#[tokio::test]
async fn a_backend_that_is_not_there_or_breaks_off_is_told_of_in_the_services_form() {
    let (address, _) = backend(&["", "", ""]).await;
    let world = World::start(address, Options::default()).await;
    let put = "PUT /b/k HTTP/1.1\r\nhost: s3\r\nconnection: close\r\ncontent-length: 2\r\n\r\nhi";
    for request in ["GET /b/k HTTP/1.1\r\nhost: s3\r\nconnection: close\r\n\r\n", put] {
        let got = world.exchange(request).await;
        assert!(got.starts_with("HTTP/1.1 503 ") && got.contains("<Code>ServiceUnavailable</Code>"), "{got}");
    }
    assert!(world.events(2).await.iter().all(|event| event["errorCode"].is_string()));
}

#[tokio::test]
async fn health_is_no_call_and_goes_nowhere() {
    let (address, sent) = backend(&[]).await;
    let world = World::start(address, Options::default()).await;
    let got = world.exchange("GET /_trailwatch/gateway/health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    assert!(got.contains("\"status\":\"ok\""), "{got}");
    assert!(sent.lock().unwrap().is_empty());
    world.events(0).await;
}

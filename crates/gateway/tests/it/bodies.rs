//! Bodies go through as they come, both ways, and no faster than they are read.

use crate::world::{Options, Pieces, World, ann, backend, serving, signed_head, signed_put, to_end, until};
use gateway::spool::Kind;
use http::header::ETAG;
use http::{HeaderMap, HeaderValue};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;

const MIB: usize = 1024 * 1024;
const EMPTY: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

#[tokio::test]
async fn chunks_and_trailers_go_through() {
    let answer =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nhi\r\n0\r\nx-sum: 1\r\n\r\n";
    let (address, sent) = backend(&[answer]).await;
    let world = World::start(address, Options::default()).await;
    let head = "PUT /b/k HTTP/1.1\r\nHost: s3\r\nTE: trailers\r\nTrailer: x-amz-sum\r\nTransfer-Encoding: chunked\r\n";
    let body = "5\r\nhello\r\n0\r\nx-amz-sum: 7\r\n\r\n";
    let got = world.exchange(&format!("{head}Connection: close\r\n\r\n{body}")).await;
    assert_eq!(got.replace("connection: close\r\n", ""), answer);
    assert_eq!(*sent.lock().unwrap(), [format!("{head}\r\n{body}")]);
    world.events(1).await;
}

#[tokio::test]
async fn a_client_that_waits_is_told_to_go_on_by_the_backend() {
    let address = serving(|mut stream| async move {
        let head = until(&mut stream, "\r\n\r\n").await;
        assert!(head.contains("Expect: 100-continue"), "{head}");
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await.unwrap();
        assert_eq!(until(&mut stream, "hello").await, "hello");
        stream.write_all(EMPTY.as_bytes()).await.unwrap();
    });
    let world = World::start(address.await, Options::default()).await;
    let mut stream = world.connect().await;
    let head =
        "PUT /b/k HTTP/1.1\r\nHost: s3\r\nExpect: 100-continue\r\nConnection: close\r\nContent-Length: 5\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(until(&mut stream, "\r\n\r\n").await, "HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"hello").await.unwrap();
    assert!(to_end(stream).await.starts_with("HTTP/1.1 200 OK"));
    world.events(1).await;
}

#[tokio::test]
async fn a_backend_that_refuses_first_spares_the_body() {
    let refusal = "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno";
    let address = serving(move |mut stream| async move {
        until(&mut stream, "\r\n\r\n").await;
        stream.write_all(refusal.as_bytes()).await.unwrap();
        assert_eq!(to_end(stream).await, "", "the body never comes");
    });
    let world = World::start(address.await, Options::default()).await;
    let mut stream = world.connect().await;
    let head = "PUT /b/k HTTP/1.1\r\nHost: s3\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let got = to_end(stream).await;
    assert!(got.starts_with("HTTP/1.1 403 Forbidden") && got.ends_with("no"), "{got}");
    assert!(world.events(1).await[0]["errorCode"].is_string());
}

#[tokio::test]
async fn the_backend_is_read_no_faster_than_the_client_reads() {
    const BYTES: usize = 256 * MIB;
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&sent);
    let address = serving(move |mut stream| {
        let sent = Arc::clone(&counted);
        async move {
            until(&mut stream, "\r\n\r\n").await;
            stream.write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: {BYTES}\r\n\r\n").as_bytes()).await.unwrap();
            let piece = vec![b'x'; MIB];
            for _ in 0..BYTES / MIB {
                stream.write_all(&piece).await.unwrap();
                sent.fetch_add(MIB, Ordering::Relaxed);
            }
        }
    });
    let world = World::start(address.await, Options::default()).await;
    let mut stream = world.connect().await;
    stream.write_all(b"GET /b/k HTTP/1.1\r\nHost: s3\r\nConnection: close\r\n\r\n").await.unwrap();
    until(&mut stream, "\r\n\r\n").await;
    let (mut buffer, mut total) = (vec![0; 32 * 1024], 0);
    loop {
        let read = stream.read(&mut buffer).await.unwrap();
        if read == 0 {
            break;
        }
        total += read;
        // Buffers of four sockets and of the gateway lie between.
        let ahead = sent.load(Ordering::Relaxed).saturating_sub(total);
        assert!(ahead < 64 * MIB, "{ahead} bytes are somewhere between");
    }
    assert_eq!(total, BYTES);
    world.events(1).await;
}

#[tokio::test]
async fn an_answer_that_breaks_off_breaks_off_and_is_an_event() {
    let (address, _) = backend(&["HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\nhi"]).await;
    let world = World::start(address, Options::default()).await;
    let got = world.exchange("GET /b/k HTTP/1.1\r\nhost: s3\r\nconnection: close\r\n\r\n").await;
    assert!(got.contains("ontent-Length: 9"), "{got}");
    world.events(1).await;
}

#[tokio::test]
async fn a_client_that_hangs_up_leaves_an_event() {
    let arrived = Arc::new(Notify::new());
    let told = Arc::clone(&arrived);
    let address = serving(move |mut stream| {
        let arrived = Arc::clone(&told);
        async move {
            until(&mut stream, "\r\n\r\n").await;
            arrived.notify_one();
            // Ends when the gateway lets go.
            assert_eq!(to_end(stream).await, "");
        }
    });
    let world = World::start(address.await, Options { fail_closed: true, ..Options::default() }).await;
    let mut stream = world.connect().await;
    stream.write_all(b"GET /b/k HTTP/1.1\r\nhost: s3\r\n\r\n").await.unwrap();
    arrived.notified().await;
    drop(stream);
    assert!(world.events(1).await[0]["errorMessage"].as_str().unwrap().contains("ended before the backend answered"));
}

#[tokio::test]
async fn a_body_that_is_not_the_signed_one_never_gets_there_whole() {
    let got = Arc::new(std::sync::Mutex::new(String::new()));
    let kept = Arc::clone(&got);
    let address = serving(move |mut stream| {
        let got = Arc::clone(&kept);
        async move {
            let head = until(&mut stream, "\r\n\r\n").await;
            let body = to_end(stream).await;
            *got.lock().unwrap() = format!("{head}{body}");
        }
    });
    let world = World::start(address.await, Options { keys: vec![ann()], ..Options::default() }).await;
    let of_hello = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    let answer = world.exchange(&signed_put("AKIDANN", "secret", of_hello, "hullo")).await;
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("XAmzContentSHA256Mismatch"), "{answer}");
    let event = &world.events(1).await[0];
    assert_eq!(event["errorCode"], "XAmzContentSHA256Mismatch");
    assert!(!got.lock().unwrap().ends_with("hullo"));
}

/// A signed PUT over HTTP/2, without a length, of a body that must hash to that of "hello".
fn put_http2(pieces: &[&'static str], has_trailers: bool, tells_end: bool) -> hyper::Request<Pieces> {
    let of_hello = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    let signed = signed_head("AKIDANN", "secret", of_hello);
    let mut request = hyper::Request::put("http://s3/bucket/key");
    for (name, value) in signed.headers.iter().filter(|(name, _)| name != "host") {
        request = request.header(name, value);
    }
    let trailers = has_trailers.then(|| HeaderMap::from_iter([(ETAG, HeaderValue::from_static("x"))]));
    request.body(Pieces { left: pieces.iter().copied().collect(), trailers, tells_end }).unwrap()
}

#[tokio::test]
async fn over_http2_too_a_body_without_a_length_must_be_the_signed_one() {
    const END: &str = "0\r\n\r\n";
    for (has_trailers, tells_end) in [(false, false), (false, true), (true, false)] {
        let got = Arc::new(std::sync::Mutex::new(Vec::new()));
        let kept = Arc::clone(&got);
        let address = serving(move |mut stream| {
            let got = Arc::clone(&kept);
            async move {
                until(&mut stream, "\r\n\r\n").await;
                let end = if has_trailers { "\r\n\r\n" } else { END };
                let body = until(&mut stream, end).await;
                let is_whole = body.ends_with(end);
                got.lock().unwrap().push(body);
                if is_whole {
                    stream.write_all(EMPTY.as_bytes()).await.unwrap();
                }
            }
        });
        let world = World::start(address.await, Options { keys: vec![ann()], ..Options::default() }).await;
        let what = format!("trailers: {has_trailers}, end told: {tells_end}");
        let right = world.exchange_http2(put_http2(&["he", "llo"], has_trailers, tells_end)).await;
        assert_eq!(right, (200, String::new()), "{what}");
        let (status, text) = world.exchange_http2(put_http2(&["he", "llx"], has_trailers, tells_end)).await;
        assert!(status == 400 && text.contains("XAmzContentSHA256Mismatch"), "{what}: {status} {text}");
        let events = world.events(2).await;
        assert_eq!(
            (&events[0]["errorCode"], &events[1]["errorCode"]),
            (&Value::Null, &"XAmzContentSHA256Mismatch".into())
        );
        let bodies = loop {
            let bodies = got.lock().unwrap().clone();
            if bodies.len() == 2 {
                break bodies;
            }
            tokio::task::yield_now().await;
        };
        assert!(bodies[0].contains("llo") && bodies[0].contains("\r\n0\r\n"), "{what}: {bodies:?}");
        assert!(!bodies[1].contains("\r\n0\r\n"), "the backend knows that it is not whole; {what}: {bodies:?}");
        if tells_end {
            assert!(!bodies[1].contains("llx"), "{what}: {bodies:?}");
        }
    }
}

#[tokio::test]
async fn many_clients_have_an_event_each() {
    let address = serving(|mut stream| async move {
        loop {
            if until(&mut stream, "\r\n\r\n").await.is_empty() {
                return;
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.unwrap();
        }
    })
    .await;
    for fail_closed in [true, false] {
        let world = World::start(address, Options { fail_closed, ..Options::default() }).await;
        let clients = (0..32).map(|client| {
            let world = &world;
            async move {
                let mut stream = world.connect().await;
                for n in 0..10 {
                    let request = format!("GET /b/{client}-{n} HTTP/1.1\r\nhost: s3\r\n\r\n");
                    stream.write_all(request.as_bytes()).await.unwrap();
                    assert!(until(&mut stream, "ok").await.starts_with("HTTP/1.1 200 OK"));
                }
            }
        });
        futures::future::join_all(clients).await;
        let events = world.events(320).await;
        let ids: std::collections::BTreeSet<&str> =
            events.iter().map(|event| event["eventID"].as_str().unwrap()).collect();
        let keys: std::collections::BTreeSet<String> =
            events.iter().map(|event| event["resources"].to_string()).collect();
        assert_eq!((ids.len(), keys.len()), (320, 320));
        let intents = world.spool.sealed().into_iter().flat_map(|number| world.spool.read(number).unwrap());
        assert_eq!(intents.filter(|frame| frame.kind == Kind::Intent).count(), if fail_closed { 320 } else { 0 });
    }
}

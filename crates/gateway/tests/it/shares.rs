//! One client does not take all places of the gateway.

use crate::world::{Options, World, ann, serving, signed_head, signed_put, to_end, until};
use std::sync::Arc;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const SLOW: &str = "GET /b/slow HTTP/1.1\r\nhost: s3\r\nconnection: close\r\n\r\n";

/// A gateway with few places, whose backend tells when a slow call has come, and answers it when it is let to.
async fn world(calls_max: usize) -> (World, mpsc::UnboundedReceiver<()>, Arc<Semaphore>) {
    let (arrived, arrivals) = mpsc::unbounded_channel();
    let go_on = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&go_on);
    let address = serving(move |mut stream| {
        let (arrived, go_on) = (arrived.clone(), Arc::clone(&held));
        async move {
            let head = until(&mut stream, "\r\n\r\n").await;
            if head.contains("/slow") {
                arrived.send(()).unwrap();
                go_on.acquire().await.unwrap().forget();
            }
            stream.write_all(OK.as_bytes()).await.unwrap();
        }
    });
    let options = Options { keys: vec![ann()], calls_max: Some(calls_max), ..Options::default() };
    (World::start(address.await, options).await, arrivals, go_on)
}

async fn slow(world: &World) -> TcpStream {
    let mut stream = world.connect().await;
    stream.write_all(SLOW.as_bytes()).await.unwrap();
    stream
}

#[tokio::test]
async fn who_is_slow_leaves_places_for_others() {
    let (world, mut arrivals, go_on) = world(4).await;
    let mut waiting = Vec::new();
    for _ in 0..2 {
        waiting.push(slow(&world).await);
        arrivals.recv().await.unwrap();
    }
    let refused = world.exchange(SLOW).await;
    assert!(refused.starts_with("HTTP/1.1 503 ") && refused.contains("<Code>SlowDown</Code>"), "{refused}");
    // At the same address, and known by the key.
    let known = world.exchange(&signed_put("AKIDANN", "secret", "UNSIGNED-PAYLOAD", "hi")).await;
    assert!(known.ends_with("ok"), "{known}");
    let forged = world.exchange(&signed_put("AKIDANN", "guess", "UNSIGNED-PAYLOAD", "hi")).await;
    assert!(forged.contains("<Code>SlowDown</Code>"), "who only claims to be her has none of her places: {forged}");
    go_on.add_permits(2);
    for stream in waiting {
        assert!(to_end(stream).await.ends_with("ok"));
    }
    go_on.add_permits(1);
    assert!(world.exchange(SLOW).await.ends_with("ok"), "places come back");
    let events = world.events(6).await;
    let codes: Vec<&str> = events.iter().filter_map(|event| event["errorCode"].as_str()).collect();
    assert_eq!(codes, ["SlowDown", "SlowDown"], "each refusal is an event");
    let health =
        world.exchange("GET /_trailwatch/gateway/health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    assert!(health.contains("\"calls\":0"), "{health}");
}

#[tokio::test]
async fn a_body_that_does_not_come_takes_a_place_of_its_sender() {
    let (world, _arrivals, _) = world(2).await;
    // Its signature covers the body, so until that is there the key is a claim.
    let signed = signed_head("AKIDANN", "secret", "UNSIGNED-PAYLOAD").headers;
    let mut head = String::from("POST / HTTP/1.1\r\ncontent-length: 9\r\nx-amz-target: AmazonSQS.ListQueues\r\n");
    for (name, value) in signed.iter().filter(|(name, _)| name != "x-amz-content-sha256") {
        head.push_str(&format!("{name}: {}\r\n", value.replace("/s3/", "/sqs/")));
    }
    let mut stream = world.connect().await;
    stream.write_all(format!("{head}\r\n").as_bytes()).await.unwrap();
    let calls = async || {
        let health = "GET /_trailwatch/gateway/health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        world.exchange(health).await.contains("\"calls\":1")
    };
    while !calls().await {
        tokio::task::yield_now().await;
    }
    let refused = world.exchange(&SLOW.replace("/slow", "/k")).await;
    assert!(refused.contains("<Code>SlowDown</Code>"), "{refused}");
    assert!(world.exchange(&signed_put("AKIDANN", "secret", "UNSIGNED-PAYLOAD", "hi")).await.ends_with("ok"));
}

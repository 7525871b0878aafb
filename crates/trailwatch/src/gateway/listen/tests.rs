//! Connections are shared out by address.

use super::*;
use ::gateway::delivery::Deliveries;
use ::gateway::identity::Keys;
use ::gateway::metrics::Metrics;
use ::gateway::spool::{self, Spool};
use ::gateway::{Parts, Settings};
use model::Timestamp;
use model::clock::{CountingIds, ManualClock};
use std::net::SocketAddr;
use store::LocalDisk;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// A gateway without a backend; it tells of its health.
fn gateway(dir: &tempfile::TempDir) -> Arc<Gateway> {
    let spool = spool::Settings { dir: dir.path().into(), bytes_max: 1 << 30, file_bytes: 1 << 20 };
    let settings = Settings {
        upstreams: Vec::new(),
        other: None,
        keys: Keys::new(Vec::new(), "123456789012".into(), "us-east-1".into(), false),
        rules: Vec::new(),
        s3_domains: Vec::new(),
        endpoint_id: "vpce-0gateway".into(),
        fail_closed: false,
        calls_max: 64,
        spool_bytes_max: 1 << 30,
    };
    let parts = Parts {
        spool: Spool::open(spool, Arc::new(LocalDisk)).unwrap(),
        metrics: Arc::new(Metrics::default()),
        deliveries: Arc::new(Deliveries::default()),
        clock: Arc::new(ManualClock::at(Timestamp(1_795_000_000_000))),
        ids: Arc::new(CountingIds::from_seed(7)),
    };
    Arc::new(Gateway::new(settings, parts))
}

/// A connection from `source`, and whether the gateway took it: it answers on it, and leaves it open.
async fn from(source: &str, port: SocketAddr) -> (TcpStream, bool) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{source}:0").parse().unwrap()).unwrap();
    let mut stream = socket.connect(port).await.unwrap();
    // Where it was closed already, this may fail.
    let _ = stream.write_all(b"GET /_trailwatch/gateway/health HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let mut begin = [0; 15];
    let is_taken = stream.read_exact(&mut begin).await.is_ok();
    assert!(!is_taken || begin == *b"HTTP/1.1 200 OK", "{begin:?}");
    (stream, is_taken)
}

#[tokio::test]
async fn one_address_does_not_take_the_connections_of_all() {
    let dir = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, None, gateway(&dir), Shares::new(4), std::future::pending()));
    let mut open = Vec::new();
    for (source, taken) in [
        ("127.0.0.2", true),
        ("127.0.0.2", true),
        ("127.0.0.2", false),
        ("127.0.0.3", true),
        ("127.0.0.3", false),
        ("127.0.0.4", true),
    ] {
        let (stream, is_taken) = from(source, port).await;
        assert_eq!(is_taken, taken, "{source}, {} before", open.len());
        open.push(stream);
    }
    // Who leaves makes room for whoever is next.
    drop(open);
    while !from("127.0.0.2", port).await.1 {
        tokio::task::yield_now().await;
    }
}

use super::*;
use crate::config::{Config, Settings};
use crate::serve;
use model::clock::ManualClock;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};

/// A connection from `source` to `port`.
async fn from(source: &str, port: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{source}:0").parse().unwrap()).unwrap();
    socket.connect(port).await.unwrap()
}

/// Whether the connection stays open: it takes a message.
async fn is_taken(stream: &mut TcpStream, waiting: &mut UnboundedReceiver<Waiting>) -> bool {
    let mut byte = [0];
    // Where it was closed already, this may fail.
    let _ = stream.write_all(b"<13>hello\n").await;
    tokio::select! {
        biased;
        message = waiting.recv() => message.is_some(),
        ended = stream.read(&mut byte) => !matches!(ended, Ok(0) | Err(_)),
    }
}

#[tokio::test]
async fn one_address_does_not_take_the_places_of_all() {
    let dir = tempfile::tempdir().unwrap();
    let flags = Settings { data_dir: Some(dir.path().to_owned()), open: Some(true), ..Settings::default() };
    let config = Config::resolve(flags, Settings::default()).unwrap();
    let server = serve::open(config, Arc::new(ManualClock::at(Timestamp(1_795_000_000_000)))).await.unwrap();
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = tcp.local_addr().unwrap();
    let (queue, mut waiting) = Queue::new();
    let listener = Listener { tcp, tls: None };
    tokio::spawn(connections(Arc::new(server), listener, "".into(), queue, Shares::new(4)));
    let mut open = Vec::new();
    for (source, taken) in [
        ("127.0.0.2", true),
        ("127.0.0.2", true),
        ("127.0.0.2", false),
        ("127.0.0.3", true),
        ("127.0.0.3", false),
        ("127.0.0.4", true),
    ] {
        let mut stream = from(source, port).await;
        assert_eq!(is_taken(&mut stream, &mut waiting).await, taken, "{source}, {} before", open.len());
        open.push(stream);
    }
    // Who leaves makes room for whoever is next.
    drop(open);
    loop {
        let mut stream = from("127.0.0.2", port).await;
        if is_taken(&mut stream, &mut waiting).await {
            break;
        }
        tokio::task::yield_now().await;
    }
}

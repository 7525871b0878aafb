//! Connections with and without TLS: who is slow waits alone, and ends.

use super::*;
use crate::tls::tests::{acceptor, connect};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinHandle;

const HOUR: Duration = Duration::from_secs(3600);
/// Nothing here takes long; a defect fails instead of hanging.
const LONG: Duration = Duration::from_secs(60);

/// A port that answers each request with what is known of the peer, its address, what stops it, and its end.
async fn listening(tls: Option<Acceptor>, patience: Patience) -> (SocketAddr, oneshot::Sender<()>, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let respond = |peer: Peer, _| async move {
        let tls = peer.tls.map_or("plain", |tls| tls.version);
        hyper::Response::new(Full::new(Bytes::from(format!("{} {tls}", peer.address.ip()))))
    };
    let port = Port { patience, ..Port::new(listener, tls) };
    let listening = tokio::spawn(listen(port, stopped.map(|_| ()), respond));
    (address, stop, listening)
}

async fn get(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> String {
    stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await.unwrap();
    stream.flush().await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn who_connects_and_is_silent_holds_up_nobody() {
    let patience = Patience { headers: HOUR, silence: HOUR };
    let (address, stop, listening) = listening(Some(acceptor()), patience).await;
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(TcpStream::connect(address).await.unwrap());
    }
    let answer = tokio::time::timeout(LONG, async { get(connect(address).await).await }).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("127.0.0.1 TLSv1.3"), "{answer}");
    // Nor does it hold up the end.
    stop.send(()).unwrap();
    tokio::time::timeout(DRAIN_TIMEOUT / 2, listening).await.unwrap().unwrap();
}

#[tokio::test]
async fn headers_must_come_in_time_over_tls_too() {
    for tls in [Some(acceptor()), None] {
        let patience = Patience { headers: Duration::from_millis(1), silence: HOUR };
        let (address, _stop, _listening) = listening(tls.clone(), patience).await;
        let ended = async {
            if tls.is_some() {
                slow(connect(address).await).await
            } else {
                slow(TcpStream::connect(address).await.unwrap()).await
            }
        };
        tokio::time::timeout(LONG, ended).await.unwrap();
    }
}

/// Sends half of a head, and reads until the server has enough of it.
async fn slow(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    stream.write_all(b"GET / HTTP/1.1\r\nhost: ").await.unwrap();
    stream.flush().await.unwrap();
    let mut answer = Vec::new();
    // However it ends: with an answer, cleanly, or not.
    let _ = stream.read_to_end(&mut answer).await;
    assert!(!String::from_utf8_lossy(&answer).contains("200 OK"));
}

#[tokio::test]
async fn silence_ends_a_connection_before_the_handshake_too() {
    let (address, _stop, _listening) =
        listening(Some(acceptor()), Patience { headers: HOUR, silence: Duration::from_millis(1) }).await;
    let mut client = TcpStream::connect(address).await.unwrap();
    // The first byte of a handshake, and no more.
    client.write_all(&[0x16]).await.unwrap();
    let read = tokio::time::timeout(LONG, client.read(&mut [0])).await.unwrap();
    assert!(read.is_err() || read.is_ok_and(|length| length == 0));
}

#[tokio::test]
async fn without_a_certificate_a_port_speaks_plain_http() {
    let (address, _stop, _listening) = listening(None, Patience { headers: HOUR, silence: HOUR }).await;
    let answer = get(TcpStream::connect(address).await.unwrap()).await;
    assert!(answer.ends_with("127.0.0.1 plain"), "{answer}");
}

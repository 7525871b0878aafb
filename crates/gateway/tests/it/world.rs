//! A gateway in this process, a backend that answers as it is told and keeps what it was sent, and a client that speaks bytes.

use bytes::Bytes;
use gateway::connection::connection;
use gateway::delivery::Deliveries;
use gateway::identity::{Key, Keys};
use gateway::metrics::Metrics;
use gateway::proxy::{Authorities, Client, Upstream};
use gateway::rules::Rule;
use gateway::spool::{self, Kind, Spool};
use gateway::{Gateway, Parts, Settings};
use http::HeaderMap;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use model::Timestamp;
use model::clock::{CountingIds, ManualClock};
use serde_json::Value;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use store::{Disk, LocalDisk};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// The time in all tests.
pub const NOW: Timestamp = Timestamp(1_767_323_045_000);

/// How a gateway differs from the plain one.
#[derive(Default)]
pub struct Options {
    pub fail_closed: bool,
    pub keys: Vec<Key>,
    pub rules: Vec<Rule>,
    pub s3_domains: Vec<String>,
    /// 64 when it is not said.
    pub calls_max: Option<usize>,
    pub disk: Option<Arc<dyn Disk>>,
    /// Instead of a new folder.
    pub dir: Option<std::path::PathBuf>,
}

pub struct World {
    pub address: SocketAddr,
    pub spool: Spool,
    _dir: tempfile::TempDir,
}

impl World {
    /// A gateway in front of one backend for all services.
    pub async fn start(backend: SocketAddr, options: Options) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let settings = spool::Settings {
            dir: options.dir.unwrap_or_else(|| dir.path().into()),
            bytes_max: 1 << 30,
            file_bytes: 1 << 20,
        };
        let spool = Spool::open(settings, options.disk.unwrap_or_else(|| Arc::new(LocalDisk))).unwrap();
        let settings = Settings {
            upstreams: Vec::new(),
            other: Some(Upstream::parse(&format!("http://{backend}"), &Authorities::mozillas().unwrap()).unwrap()),
            keys: Keys::new(options.keys, "123456789012".into(), "us-east-1".into(), false),
            rules: options.rules,
            s3_domains: options.s3_domains,
            endpoint_id: "vpce-0gateway".into(),
            fail_closed: options.fail_closed,
            calls_max: options.calls_max.unwrap_or(64),
            spool_bytes_max: 1 << 30,
        };
        let parts = Parts {
            spool: spool.clone(),
            metrics: Arc::new(Metrics::default()),
            deliveries: Arc::new(Deliveries::default()),
            clock: Arc::new(ManualClock::at(NOW)),
            ids: Arc::new(CountingIds::from_seed(7)),
        };
        let gateway = Arc::new(Gateway::new(settings, parts));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, peer)) = listener.accept().await {
                let client = Client { address: peer, tls: None };
                tokio::spawn(connection(stream, client, Arc::clone(&gateway)));
            }
        });
        Self { address, spool, _dir: dir }
    }

    /// The events of calls, once there are `count` of them: those that nobody waited for may still be on their way.
    pub async fn events(&self, count: usize) -> Vec<Value> {
        loop {
            let spool = self.spool.clone();
            let read = tokio::task::spawn_blocking(move || {
                spool.seal();
                let files = spool.sealed();
                files.into_iter().flat_map(|number| spool.read(number).unwrap()).collect::<Vec<_>>()
            });
            let frames = read.await.unwrap();
            let calls = frames.iter().filter(|frame| frame.kind == Kind::Call);
            let events: Vec<Value> = calls.map(|frame| serde_json::from_str(&frame.text).unwrap()).collect();
            if events.len() >= count {
                assert_eq!(events.len(), count, "{events:?}");
                return events;
            }
            tokio::task::yield_now().await;
        }
    }

    pub async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends a request over HTTP/2 and answers status and text of what comes.
    pub async fn exchange_http2(&self, request: hyper::Request<Pieces>) -> (u16, String) {
        let stream = TokioIo::new(self.connect().await);
        let (mut sender, connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
        let running = tokio::spawn(connection);
        let answer = sender.send_request(request).await.unwrap();
        let status = answer.status().as_u16();
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        running.abort();
        (status, String::from_utf8(bytes.to_vec()).unwrap())
    }

    /// Sends bytes, which must ask for the connection to end, and reads what comes.
    pub async fn exchange(&self, request: &str) -> String {
        let mut stream = self.connect().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        to_end(stream).await
    }
}

pub async fn to_end(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    // A connection that is cut ends the reading, too.
    let _ = stream.read_to_end(&mut bytes).await;
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Reads up to and with `end`.
pub async fn until(stream: &mut TcpStream, end: &str) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(end.as_bytes()) {
        match stream.read_u8().await {
            Ok(byte) => bytes.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// What a backend was sent, request by request.
pub type Sent = Arc<Mutex<Vec<String>>>;

/// A backend that answers the requests it gets with `answers`, one after the other; an empty answer, or none, ends the connection.
pub async fn backend(answers: &[&str]) -> (SocketAddr, Sent) {
    let answers: Arc<Mutex<Vec<String>>> =
        Arc::new(Mutex::new(answers.iter().rev().map(|a| (*a).to_owned()).collect()));
    let sent = Sent::default();
    let kept = Arc::clone(&sent);
    let address = serving(move |mut stream| {
        let (answers, sent) = (Arc::clone(&answers), Arc::clone(&kept));
        async move {
            loop {
                let mut request = until(&mut stream, "\r\n\r\n").await;
                if request.is_empty() {
                    return;
                }
                let lower = request.to_ascii_lowercase();
                if lower.contains("transfer-encoding: chunked") {
                    let end = if lower.contains("trailer:") { "\r\n\r\n" } else { "0\r\n\r\n" };
                    request.push_str(&until(&mut stream, end).await);
                } else if let Some(length) = lower.split("content-length: ").nth(1) {
                    let length = length.split("\r\n").next().unwrap().parse().unwrap();
                    let mut body = vec![0; length];
                    if stream.read_exact(&mut body).await.is_err() {
                        return;
                    }
                    request.push_str(std::str::from_utf8(&body).unwrap());
                }
                sent.lock().unwrap().push(request);
                let answer = answers.lock().unwrap().pop().unwrap_or_default();
                if answer.is_empty() {
                    return;
                }
                stream.write_all(answer.as_bytes()).await.unwrap();
                if answer.to_ascii_lowercase().contains("connection: close") {
                    return;
                }
            }
        }
    });
    (address.await, sent)
}

/// A backend that does with each connection what it is told.
pub async fn serving<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    address
}

/// A signed PUT of `body`, as bytes; `declared` is what the signature says of the body.
pub fn signed_put(key: &str, secret: &str, declared: &str, body: &str) -> String {
    let request = signed_head(key, secret, declared);
    let headers: String = request.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("PUT /bucket/key HTTP/1.1\r\n{headers}connection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// The head of a signed PUT.
pub fn signed_head(key: &str, secret: &str, declared: &str) -> wire::HttpRequest {
    let mut request = wire::HttpRequest {
        method: "PUT".into(),
        path: "/bucket/key".into(),
        headers: vec![("host".into(), "s3".into()), ("x-amz-content-sha256".into(), declared.into())],
        ..wire::HttpRequest::default()
    };
    let credentials =
        wire::sigv4::Credentials { access_key_id: key.into(), secret_access_key: secret.into(), session_token: None };
    wire::sigv4::sign(&mut request, &credentials, "us-east-1", "s3", NOW);
    request
}

/// A body of unknown length, piece by piece.
pub struct Pieces {
    pub left: VecDeque<&'static str>,
    pub trailers: Option<HeaderMap>,
    /// Whether the last piece is told to be the last, or the end comes after it.
    pub tells_end: bool,
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = self.left.pop_front().map(|piece| Frame::data(Bytes::from_static(piece.as_bytes())));
        Poll::Ready(piece.or_else(|| self.trailers.take().map(Frame::trailers)).map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.tells_end && self.left.is_empty() && self.trailers.is_none()
    }
}

pub fn ann() -> Key {
    Key {
        access_key_id: "AKIDANN".into(),
        secret_access_key: "secret".into(),
        session_token: None,
        account_id: "111122223333".into(),
        arn: "arn:aws:iam::111122223333:user/ann".into(),
    }
}

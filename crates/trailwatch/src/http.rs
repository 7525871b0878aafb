//! The listener: takes connections, with TLS or without, caps and reads requests, hands whole ones to dispatch; bytes in, bytes out.

mod body;
mod silence;
#[cfg(test)]
mod tests;
mod unbroken;

use crate::server::Server;
use crate::tls::Acceptor;
use crate::{browsers, console, ingest, promql, questions, remote, s3_api, sql};
use ::watch::notify::signature::CERTIFICATE_PATHS;
pub use body::Unread;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use http_body_util::{Either, Full, StreamBody};
use hyper::body::{Body, Frame, Incoming};
use hyper::header::{HeaderName, HeaderValue};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use model::Tls;
use model::limits::{BODY_BYTES_MAX, LOOKUP_TABLE_BYTES_MAX};
pub use silence::Watched;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio_rustls::server::TlsStream;
use unbroken::Unbroken;
use wire::request::HttpRequest;

/// Largest body of a call that brings a lookup table: JSON escaping may double the table.
const LOOKUP_TABLE_BODY_BYTES_MAX: usize = 2 * LOOKUP_TABLE_BYTES_MAX + 64 * 1024;
/// Open connections; further ones wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 4096;
/// Bytes of request bodies held at once, over all connections.
pub const BODIES_KIB_MAX: u32 = 512 * 1024;
/// How long a client may take to send its headers, and then its body.
const HEADERS_TIMEOUT: Duration = Duration::from_secs(30);
pub const BODY_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a connection may be without a byte either way; no call takes so long.
const SILENCE_MAX: Duration = Duration::from_secs(120);
/// How long running requests may take to finish after a stop was asked for.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);

/// A body that is whole, or one that goes on as things happen.
pub type AnswerBody = Either<Full<Bytes>, StreamBody<BoxStream<'static, Result<Frame<Bytes>, Infallible>>>>;
/// What a request is answered with.
pub type Answer = hyper::Response<AnswerBody>;

/// A port that connections come to, with TLS or without.
pub struct Port {
    listener: TcpListener,
    tls: Option<Acceptor>,
    patience: Patience,
}

/// How long clients may keep a connection waiting.
#[derive(Debug, Clone, Copy)]
struct Patience {
    headers: Duration,
    silence: Duration,
}

/// The other end of a connection.
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    /// Its address.
    pub address: SocketAddr,
    /// What was agreed on, on a port with TLS.
    pub tls: Option<Tls>,
}

impl Port {
    /// Without an acceptor it speaks plain HTTP.
    pub fn new(listener: TcpListener, tls: Option<Acceptor>) -> Self {
        Self { listener, tls, patience: Patience { headers: HEADERS_TIMEOUT, silence: SILENCE_MAX } }
    }
}

/// Serves until `stop` resolves, then lets running requests finish.
pub async fn serve(port: Port, server: Arc<Server>, stop: impl Future<Output = ()>) {
    let (stopping, stopped) = watch::channel(());
    let (turns, _ended) = mpsc::channel(1);
    let shared = Shared { server, bodies: Arc::new(Semaphore::new(BODIES_KIB_MAX as usize)), stopped, turns };
    let respond = move |peer, request| respond(shared.clone(), peer, request);
    let stop = stop.map(move |()| drop(stopping));
    listen(port, stop, respond).await;
}

/// Takes connections until `stop` resolves, and has `respond` answer their requests.
pub async fn listen<R, F, B>(port: Port, stop: impl Future<Output = ()>, respond: R)
where
    R: Fn(Peer, hyper::Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = hyper::Response<B>> + Send + 'static,
    B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
{
    let Port { listener, tls, patience } = port;
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(patience.headers).max_buf_size(256 * 1024);
    builder.http2().timer(TokioTimer::new()).max_header_list_size(64 * 1024);
    let graceful = GracefulShutdown::new();
    let (stopping, stopped) = watch::channel(());
    let connections = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    tokio::pin!(stop);
    loop {
        let (stream, address, permit) = tokio::select! {
            biased;
            () = &mut stop => break,
            accepted = accept(&listener, &connections) => match accepted {
                Some(accepted) => accepted,
                None => continue,
            },
        };
        let connection = Connection { builder: builder.clone(), respond: respond.clone(), watcher: graceful.watcher() };
        let (tls, stopped) = (tls.clone(), stopped.clone());
        // A task of its own, handshake and all: who connects and is silent holds up nobody.
        tokio::spawn(async move {
            let ended = match tls {
                None => connection.serve(Watched::new(stream, patience.silence), Peer { address, tls: None }).await,
                Some(tls) => match shaken(&tls, stream, patience.silence, stopped).await {
                    Ok((stream, tls)) => connection.serve(stream, Peer { address, tls: Some(tls) }).await,
                    Err(error) => Err(error.into()),
                },
            };
            // A client that hangs up or sends nonsense ends its own connection and nothing else.
            if let Err(error) = ended {
                tracing::debug!(peer = %address, %error, "connection ended");
            }
            drop(permit);
        });
    }
    drop((listener, stopping));
    if tokio::time::timeout(DRAIN_TIMEOUT, graceful.shutdown()).await.is_err() {
        tracing::info!("some requests did not finish in time and were cut off");
    }
}

/// The handshake of a connection. One that still goes on when the server stops has no request to be finished.
async fn shaken(
    tls: &Acceptor,
    stream: TcpStream,
    silence: Duration,
    mut stopped: watch::Receiver<()>,
) -> io::Result<(TlsStream<Watched<TcpStream>>, Tls)> {
    tokio::select! {
        shaken = tls.accept(stream, |stream| Watched::new(stream, silence)) => shaken,
        _ = stopped.changed() => Err(io::ErrorKind::ConnectionAborted.into()),
    }
}

/// What a connection is served with.
struct Connection<R> {
    builder: auto::Builder<TokioExecutor>,
    respond: R,
    watcher: Watcher,
}

impl<R> Connection<R> {
    async fn serve<S, F, B>(self, stream: S, peer: Peer) -> Result<(), Box<dyn std::error::Error + Send + Sync>>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        R: Fn(Peer, hyper::Request<Incoming>) -> F + Send + 'static,
        F: Future<Output = hyper::Response<B>> + Send + 'static,
        B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
    {
        let Self { builder, respond, watcher } = self;
        let service = service_fn(move |request| {
            let answer = respond(peer, request);
            async move { Ok::<_, Infallible>(answer.await) }
        });
        let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
        watcher.watch(connection).await
    }
}

async fn accept(
    listener: &TcpListener,
    connections: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let permit = Arc::clone(connections).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => {
            // Answers are small and written whole: waiting to fill packets only adds latency.
            let _ = stream.set_nodelay(true);
            Some((stream, peer, permit))
        }
        Err(error) => {
            // Out of file descriptors, or a client that left early: wait a moment instead of spinning.
            tracing::debug!(%error, "accept connection");
            tokio::time::sleep(Duration::from_millis(20)).await;
            None
        }
    }
}

/// What all requests share.
#[derive(Clone)]
pub struct Shared {
    /// Who answers.
    pub server: Arc<Server>,
    /// Room for request bodies.
    pub bodies: Arc<Semaphore>,
    /// Its sender goes when the server stops.
    pub stopped: watch::Receiver<()>,
    /// A call has one until it is answered and recorded: who has the receiver sees when the last one ended.
    pub turns: mpsc::Sender<Infallible>,
}

/// Most bytes that the body of a request may have, by what it says it calls.
pub fn body_bytes_max(request: &HttpRequest) -> usize {
    let target = request.header("x-amz-target").unwrap_or_default();
    let brings_table = target.ends_with(".CreateLookupTable") || target.ends_with(".UpdateLookupTable");
    if brings_table { LOOKUP_TABLE_BODY_BYTES_MAX } else { BODY_BYTES_MAX }
}

/// Answers one request.
pub async fn respond<B>(shared: Shared, peer: Peer, request: hyper::Request<B>) -> Answer
where
    B: Body<Data = Bytes> + Unpin,
{
    let Shared { server, bodies, stopped, turns } = shared;
    let (parts, body) = request.into_parts();
    let framing = Framing::of(&parts);
    if framing == Framing::Ambiguous {
        return closing(plain(400, "The request can be read in two ways."));
    }
    let mut request = HttpRequest {
        method: parts.method.as_str().to_owned(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: headers_of(&parts),
        body: Bytes::new(),
        tls: peer.tls,
    };
    let source_ip = peer.address.ip().to_string();
    let reading = body::read(body, body_bytes_max(&request), &bodies);
    let whole = tokio::time::timeout(BODY_TIMEOUT, reading).await.unwrap_or(Err(Unread::Broken));
    let over_tls = browsers::is_tls(&request);
    let host = request.header("host").unwrap_or_default().to_owned();
    let is_own = request.path.starts_with(remote::OWN_PATHS)
        || request.path.starts_with(CERTIFICATE_PATHS)
        || request.path == "/health"
        || console::is_asked(&request);
    let answered = move |mut response: wire::Response, stopped| {
        if is_own {
            browsers::secure(&mut response, over_tls, &host);
        }
        into_answer(response, stopped)
    };
    // A client that hangs up does not cut a call off between its effect and its audit record.
    // Long work that only reads is told when this future is dropped: then the client hung up.
    let (_waiting, hung_up) = oneshot::channel();
    let answering = Unbroken::new(async move {
        let _turn = turns;
        match whole {
            Ok(body::Whole { bytes, room: _room }) => {
                request.body = bytes;
                // First, for a bucket may be called as any other path begins.
                if s3_api::is_signed(&request) {
                    return of_s3(s3_api::answer(&server, &request, &source_ip).await);
                }
                let response = if sql::is_asked(&request) {
                    sql::answer(&server, &request, &source_ip, hung_up).await
                } else if questions::is_asked(&request) {
                    questions::answer(&server, &request, &source_ip, hung_up).await
                } else if ingest::is_asked(&request) {
                    // Before PromQL, whose paths begin like that of remote write.
                    ingest::answer(&server, &request, &source_ip).await
                } else if promql::is_asked(&request) {
                    promql::answer(&server, &request, &source_ip, hung_up).await
                } else if s3_api::is_open_read(&server, &request).await {
                    return of_s3(s3_api::answer(&server, &request, &source_ip).await);
                } else {
                    server.answer_while_waited_for(request, &source_ip, hung_up).await
                };
                answered(response, stopped)
            }
            Err(unread) if s3_api::is_signed(&request) => {
                of_s3(s3_api::refuse(&server, &request, &source_ip, unread).await)
            }
            Err(unread) => answered(unread_answer(&server, &request, &source_ip, unread).await, stopped),
        }
    });
    // Where it panicked, the panic hook has logged.
    let answer = answering.await.unwrap_or_else(|_| plain(500, "An internal error has occurred."));
    if framing == Framing::Chunked { closing(answer) } else { answer }
}

/// Where a request of HTTP/1 ends. A proxy before us that reads it in another way would take the rest for a request of
/// somebody else (RFC 9112, 11.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// It can be read in one way.
    Plain,
    /// It is chunked, and may have had a length as well, which hyper then passes over: the connection must end with the
    /// answer (RFC 9112, 6.1).
    Chunked,
    /// It is refused: both a length and chunks, or more than one host.
    Ambiguous,
}

impl Framing {
    /// That of a request with this head.
    pub fn of(parts: &http::request::Parts) -> Self {
        let has = |name: &str| parts.headers.contains_key(name);
        let is_chunked = parts.version < http::Version::HTTP_2 && has("transfer-encoding");
        if parts.headers.get_all("host").iter().count() > 1 || (is_chunked && has("content-length")) {
            return Self::Ambiguous;
        }
        if is_chunked { Self::Chunked } else { Self::Plain }
    }
}

/// An answer of ours in JSON.
pub fn plain(status: u16, message: &str) -> Answer {
    let body = serde_json::json!({ "message": message }).to_string();
    with_head(status, [("content-type", "application/json")], Either::Left(Full::new(Bytes::from(body))))
}

/// An answer that ends its connection.
pub fn closing<B>(mut answer: hyper::Response<B>) -> hyper::Response<B> {
    answer.headers_mut().insert(hyper::header::CONNECTION, HeaderValue::from_static("close"));
    answer
}

/// The answer to a request whose body could not be read.
async fn unread_answer(server: &Server, request: &HttpRequest, source_ip: &str, unread: Unread) -> wire::Response {
    match unread {
        unread if ingest::is_asked(request) => ingest::refuse(server, request, source_ip, unread).await,
        Unread::NoRoom => server.overloaded(request, source_ip).await,
        Unread::TooLarge => server.too_large(request, source_ip).await,
        Unread::Broken => server.incomplete(request, source_ip).await,
    }
}

/// Headers with lower-case names (hyper's) in arrival order; values that are not text are passed over, as no signature covers them.
pub fn headers_of(parts: &http::request::Parts) -> Vec<(String, String)> {
    let mut headers: Vec<(String, String)> = Vec::with_capacity(parts.headers.len() + 1);
    for (name, value) in &parts.headers {
        if let Ok(value) = std::str::from_utf8(value.as_bytes()) {
            headers.push((name.as_str().to_owned(), value.to_owned()));
        }
    }
    // HTTP/2 carries the host as a pseudo-header, but signatures cover `host`.
    if let (false, Some(authority)) = (parts.headers.contains_key("host"), parts.uri.authority()) {
        headers.push(("host".into(), authority.as_str().to_owned()));
    }
    headers
}

/// An answer that goes on ends when the server stops.
pub fn into_answer(response: wire::Response, mut stopped: watch::Receiver<()>) -> Answer {
    let body = match response.rest {
        None => Either::Left(Full::new(response.body)),
        Some(rest) => {
            let first = futures::stream::once(std::future::ready(response.body));
            let stop = async move { while stopped.changed().await.is_ok() {} };
            let bytes = first.chain(rest.into_stream()).take_until(stop.boxed());
            Either::Right(StreamBody::new(bytes.map(|bytes| Ok(Frame::data(bytes))).boxed()))
        }
    };
    with_head(response.status, response.headers, body)
}

/// An object that is being read out may come to its end when the server stops.
fn of_s3(reply: s3_api::Reply) -> Answer {
    let body = match reply.rest {
        None => Either::Left(Full::new(reply.body)),
        Some(rest) => Either::Right(StreamBody::new(rest.map(|bytes| Ok(Frame::data(bytes))).boxed())),
    };
    with_head(reply.status, reply.headers, body)
}

fn with_head<N, V>(status: u16, headers: impl IntoIterator<Item = (N, V)>, body: AnswerBody) -> Answer
where
    HeaderName: TryFrom<N>,
    HeaderValue: TryFrom<V>,
{
    let mut answer = Answer::new(body);
    *answer.status_mut() = hyper::StatusCode::from_u16(status).unwrap_or(hyper::StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in headers {
        // A header value made from input could hold a line break; such a header is left out.
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            answer.headers_mut().append(name, value);
        }
    }
    answer
}

//! The listener: accepts connections, caps and reads requests, and hands whole ones to dispatch; bytes in, bytes out.

mod body;
mod silence;

use crate::server::Server;
use crate::{ingest, promql, questions, s3_api, sql};
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
use hyper_util::server::graceful::GracefulShutdown;
use model::limits::{BODY_BYTES_MAX, LOOKUP_TABLE_BYTES_MAX};
use silence::Watched;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};
use wire::request::HttpRequest;

/// Largest body of a call that brings a lookup table: JSON escaping may double the table.
const LOOKUP_TABLE_BODY_BYTES_MAX: usize = 2 * LOOKUP_TABLE_BYTES_MAX + 64 * 1024;
/// Open connections; further ones wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 4096;
/// Bytes of request bodies held at once, over all connections.
const BODIES_KIB_MAX: u32 = 512 * 1024;
/// How long a client may take to send its headers, and then its body.
const HEADERS_TIMEOUT: Duration = Duration::from_secs(30);
const BODY_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a connection may be without a byte either way; no call takes so long.
const SILENCE_MAX: Duration = Duration::from_secs(120);
/// How long running requests may take to finish after a stop was asked for.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);

/// A body that is whole, or one that goes on as things happen.
type AnswerBody = Either<Full<Bytes>, StreamBody<BoxStream<'static, Result<Frame<Bytes>, Infallible>>>>;
type Answer = hyper::Response<AnswerBody>;

/// Serves until `stop` resolves, then lets running requests finish.
pub async fn serve(listener: TcpListener, server: Arc<Server>, stop: impl Future<Output = ()>) {
    let (stopping, stopped) = watch::channel(());
    let shared = Shared { server, bodies: Arc::new(Semaphore::new(BODIES_KIB_MAX as usize)), stopped };
    let respond = move |peer, request| respond(shared.clone(), peer, request);
    let stop = stop.map(move |()| drop(stopping));
    listen(listener, stop, respond).await;
}

/// Takes connections until `stop` resolves, and has `respond` answer their requests.
pub async fn listen<R, F, B>(listener: TcpListener, stop: impl Future<Output = ()>, respond: R)
where
    R: Fn(SocketAddr, hyper::Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = hyper::Response<B>> + Send + 'static,
    B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
{
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADERS_TIMEOUT).max_buf_size(256 * 1024);
    builder.http2().timer(TokioTimer::new()).max_header_list_size(64 * 1024);
    let graceful = GracefulShutdown::new();
    let connections = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    tokio::pin!(stop);
    loop {
        let (stream, peer, permit) = tokio::select! {
            biased;
            () = &mut stop => break,
            accepted = accept(&listener, &connections) => match accepted {
                Some(accepted) => accepted,
                None => continue,
            },
        };
        let respond = respond.clone();
        let service = service_fn(move |request| {
            let answer = respond(peer, request);
            async move { Ok::<_, Infallible>(answer.await) }
        });
        let connection =
            builder.serve_connection(TokioIo::new(Watched::new(stream, SILENCE_MAX)), service).into_owned();
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            // A client that hangs up or sends nonsense ends its own connection and nothing else.
            if let Err(error) = connection.await {
                tracing::debug!(%peer, %error, "connection ended");
            }
            drop(permit);
        });
    }
    drop(listener);
    if tokio::time::timeout(DRAIN_TIMEOUT, graceful.shutdown()).await.is_err() {
        tracing::info!("some requests did not finish in time and were cut off");
    }
}

async fn accept(
    listener: &TcpListener,
    connections: &Arc<Semaphore>,
) -> Option<(tokio::net::TcpStream, SocketAddr, OwnedSemaphorePermit)> {
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
struct Shared {
    server: Arc<Server>,
    /// Room for request bodies.
    bodies: Arc<Semaphore>,
    /// Its sender goes when the server stops.
    stopped: watch::Receiver<()>,
}

/// Most bytes that the body of a request may have, by what it says it calls.
pub fn body_bytes_max(request: &HttpRequest) -> usize {
    let target = request.header("x-amz-target").unwrap_or_default();
    let brings_table = target.ends_with(".CreateLookupTable") || target.ends_with(".UpdateLookupTable");
    if brings_table { LOOKUP_TABLE_BODY_BYTES_MAX } else { BODY_BYTES_MAX }
}

async fn respond(shared: Shared, peer: SocketAddr, request: hyper::Request<Incoming>) -> Answer {
    let Shared { server, bodies, stopped } = shared;
    let (parts, body) = request.into_parts();
    let mut request = HttpRequest {
        method: parts.method.as_str().to_owned(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: headers_of(&parts),
        body: Bytes::new(),
    };
    let source_ip = peer.ip().to_string();
    let reading = body::read(body, body_bytes_max(&request), &bodies);
    let whole = tokio::time::timeout(BODY_TIMEOUT, reading).await.unwrap_or(Err(Unread::Broken));
    // A task of its own: a client that hangs up does not cut a call off between its effect and its audit record.
    // A query, which only reads, is told when this future is dropped: then the client hung up.
    let (_waiting, hung_up) = oneshot::channel();
    let answering = tokio::spawn(async move {
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
                    promql::answer(&server, &request, &source_ip).await
                } else if s3_api::is_open_read(&server, &request).await {
                    return of_s3(s3_api::answer(&server, &request, &source_ip).await);
                } else {
                    server.answer(request, &source_ip).await
                };
                into_answer(response, stopped)
            }
            Err(unread) if s3_api::is_signed(&request) => {
                of_s3(s3_api::refuse(&server, &request, &source_ip, unread).await)
            }
            Err(unread) => into_answer(unread_answer(&server, &request, &source_ip, unread).await, stopped),
        }
    });
    answering.await.unwrap_or_else(|error| {
        tracing::error!(%error, "answer request");
        let body = serde_json::json!({ "message": "An internal error has occurred." });
        with_head(500, [("content-type", "application/json")], Either::Left(Full::new(Bytes::from(body.to_string()))))
    })
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
fn into_answer(response: wire::Response, mut stopped: watch::Receiver<()>) -> Answer {
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

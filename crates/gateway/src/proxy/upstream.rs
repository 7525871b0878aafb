//! `Upstream`: one backend, and connections to it that are kept open between calls.

use super::body::RequestBody;
use super::heads;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::Instant;

/// Longest wait for a connection.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(10);
/// How many connections are kept open without a call, and how long.
const IDLE_MAX: usize = 256;
const IDLE_TIME_MAX: Duration = Duration::from_secs(60);
/// Bytes that a connection holds of what it reads or writes, and of a head.
const BUFFER_BYTES: usize = 512 * 1024;

/// A backend.
#[derive(Debug)]
pub struct Upstream {
    host: String,
    port: u16,
    idle: Mutex<Vec<(SendRequest<RequestBody>, Instant)>>,
}

/// Why a text is no backend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAnUpstream {
    /// Connections to backends are not encrypted.
    #[error("'{0}': https backends are not supported; name an http:// one, such as a TLS sidecar on this machine")]
    Https(String),
    /// It is no `http://HOST[:PORT]`.
    #[error("'{0}' must look like http://127.0.0.1:9000, without a path")]
    NotAUrl(String),
}

/// A connection in use; dropped, it goes back once it is free.
#[derive(Debug)]
pub(super) struct Lent {
    sender: Option<SendRequest<RequestBody>>,
    upstream: Arc<Upstream>,
}

impl Upstream {
    /// Reads `http://HOST[:PORT]`.
    ///
    /// # Errors
    /// When it is something else.
    pub fn parse(text: &str) -> Result<Self, NotAnUpstream> {
        let wrong = || NotAnUpstream::NotAUrl(text.to_owned());
        let uri: http::Uri = text.parse().map_err(|_| wrong())?;
        if uri.scheme_str() == Some("https") {
            return Err(NotAnUpstream::Https(text.to_owned()));
        }
        let is_plain = uri.scheme_str() == Some("http") && uri.path() == "/" && uri.query().is_none();
        let host = uri.host().filter(|host| is_plain && !host.is_empty()).ok_or_else(wrong)?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Self { host, port: uri.port_u16().unwrap_or(80), idle: Mutex::default() })
    }

    /// Sends a request and answers the head of what comes back. A connection that was closed meanwhile is passed over.
    ///
    /// # Errors
    /// When the backend cannot be reached, or breaks off before the head of its answer.
    pub(super) async fn send(
        self: &Arc<Self>,
        mut request: http::Request<RequestBody>,
    ) -> Result<(http::Response<Incoming>, Lent), String> {
        let mut again = repeatable(&request);
        loop {
            let kept = self.kept();
            let was_kept = kept.is_some();
            let mut sender = match kept {
                Some(sender) => sender,
                None => self.connect().await?,
            };
            match sender.try_send_request(request).await {
                Ok(answer) => return Ok((answer, Lent { sender: Some(sender), upstream: Arc::clone(self) })),
                Err(mut failed) => {
                    // Not sent at all, or certainly of no effect: the backend may have closed the connection just then.
                    let unsent = failed.take_message().or_else(|| again.take());
                    match unsent.filter(|_| was_kept) {
                        Some(unsent) => request = unsent,
                        None => return Err(told(failed.error())),
                    }
                }
            }
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<(SendRequest<RequestBody>, Instant)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection that was used last, if it is still open.
    fn kept(&self) -> Option<SendRequest<RequestBody>> {
        let mut idle = self.idle();
        while let Some((sender, since)) = idle.pop() {
            if sender.is_ready() && since.elapsed() < IDLE_TIME_MAX {
                return Some(sender);
            }
        }
        None
    }

    fn keep(&self, sender: SendRequest<RequestBody>) {
        let mut idle = self.idle();
        let fresh = idle.partition_point(|(_, since)| since.elapsed() >= IDLE_TIME_MAX);
        idle.drain(..fresh);
        if idle.len() < IDLE_MAX {
            idle.push((sender, Instant::now()));
        }
    }

    async fn connect(&self) -> Result<SendRequest<RequestBody>, String> {
        let connecting = TcpStream::connect((self.host.as_str(), self.port));
        let stream = match tokio::time::timeout(CONNECT_TIME_MAX, connecting).await {
            Ok(connected) => connected.map_err(|error| format!("connect: {error}"))?,
            Err(_) => return Err("connect: timed out".into()),
        };
        let _ = stream.set_nodelay(true);
        let mut builder = http1::Builder::new();
        builder.preserve_header_case(true).max_buf_size(BUFFER_BYTES);
        let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(|error| told(&error))?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection to a backend ended");
            }
        });
        Ok(sender)
    }
}

/// The same request once more, when it may be repeated.
fn repeatable(request: &http::Request<RequestBody>) -> Option<http::Request<RequestBody>> {
    if !heads::may_repeat(request.method()) || !hyper::body::Body::is_end_stream(request.body()) {
        return None;
    }
    let mut again = http::Request::new(RequestBody::empty());
    *again.method_mut() = request.method().clone();
    *again.uri_mut() = request.uri().clone();
    *again.headers_mut() = request.headers().clone();
    *again.extensions_mut() = request.extensions().clone();
    Some(again)
}

fn told(error: &hyper::Error) -> String {
    let mut text = error.to_string();
    if let Some(source) = std::error::Error::source(error) {
        text = format!("{text}: {source}");
    }
    text
}

impl Drop for Lent {
    fn drop(&mut self) {
        let Some(mut sender) = self.sender.take().filter(|sender| !sender.is_closed()) else { return };
        if sender.is_ready() {
            return self.upstream.keep(sender);
        }
        // The end of its last answer is about to be seen; one that is not read to its end closes the connection.
        let upstream = Arc::clone(&self.upstream);
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                if sender.ready().await.is_ok() {
                    upstream.keep(sender);
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backends_are_plain_http_urls() {
        let upstream = Upstream::parse("http://127.0.0.1:9000/").unwrap();
        assert_eq!((upstream.host.as_str(), upstream.port), ("127.0.0.1", 9000));
        assert_eq!(Upstream::parse("http://[::1]").unwrap().host, "::1");
        assert!(Upstream::parse("https://s3.example").unwrap_err().to_string().contains("https backends are not"));
        for wrong in ["", "here", "ftp://a", "http://a/path", "http://a?x", "127.0.0.1:9000"] {
            assert!(Upstream::parse(wrong).is_err(), "{wrong}");
        }
    }
}

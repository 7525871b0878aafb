//! `Upstream`: one backend, and connections to it that are kept open between calls.

use super::authorities::Authorities;
use super::body::RequestBody;
use super::heads;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

/// Longest wait for a connection, TLS's handshake included.
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
    tls: Option<Tls>,
    idle: Mutex<Vec<(SendRequest<RequestBody>, Instant)>>,
}

/// How a backend is known.
struct Tls {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Why a text is no backend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAnUpstream {
    /// It is no `http://HOST[:PORT]` or `https://HOST[:PORT]`.
    #[error("'{0}' must look like http://127.0.0.1:9000 or https://s3.example.com, without a path")]
    NotAUrl(String),
    /// No certificate can be of that host.
    #[error("'{0}' names a host that no certificate can be of")]
    NotAName(String),
}

/// A connection in use; dropped, it goes back once it is free.
#[derive(Debug)]
pub(super) struct Lent {
    sender: Option<SendRequest<RequestBody>>,
    upstream: Arc<Upstream>,
}

impl Upstream {
    /// Reads `http://HOST[:PORT]`, or `https://HOST[:PORT]`, whose certificate must be of HOST and of one of the authorities.
    ///
    /// # Errors
    /// When it is something else.
    pub fn parse(text: &str, authorities: &Authorities) -> Result<Self, NotAnUpstream> {
        let wrong = || NotAnUpstream::NotAUrl(text.to_owned());
        let uri: http::Uri = text.parse().map_err(|_| wrong())?;
        let is_encrypted = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(wrong()),
        };
        let is_bare = uri.path() == "/" && uri.query().is_none();
        let host = uri.host().filter(|host| is_bare && !host.is_empty()).ok_or_else(wrong)?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let tls = match is_encrypted {
            true => {
                let name = ServerName::try_from(host.clone()).map_err(|_| NotAnUpstream::NotAName(text.to_owned()))?;
                Some(Tls { connector: authorities.connector(), name })
            }
            false => None,
        };
        let port = uri.port_u16().unwrap_or(if is_encrypted { 443 } else { 80 });
        Ok(Self { host, port, tls, idle: Mutex::default() })
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
        let connecting = async {
            let stream = TcpStream::connect((self.host.as_str(), self.port)).await;
            let stream = stream.map_err(|error| format!("connect: {error}"))?;
            let _ = stream.set_nodelay(true);
            match &self.tls {
                None => begin(stream).await,
                Some(Tls { connector, name }) => {
                    let stream = connector.connect(name.clone(), stream).await;
                    begin(stream.map_err(|error| format!("TLS: {error}"))?).await
                }
            }
        };
        tokio::time::timeout(CONNECT_TIME_MAX, connecting).await.unwrap_or_else(|_| Err("connect: timed out".into()))
    }
}

/// HTTP/1.1 on a connection.
async fn begin<S>(stream: S) -> Result<SendRequest<RequestBody>, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
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
    fn backends_are_urls_without_a_path() {
        let parse = |text: &str| Upstream::parse(text, &Authorities::mozillas().unwrap());
        let upstream = parse("http://127.0.0.1:9000/").unwrap();
        assert_eq!((upstream.host.as_str(), upstream.port, upstream.tls.is_some()), ("127.0.0.1", 9000, false));
        assert_eq!(parse("http://[::1]").unwrap().host, "::1");
        for (text, host, port) in [
            ("https://s3.example", "s3.example", 443),
            ("https://[::1]:9000", "::1", 9000),
            ("https://10.0.0.1", "10.0.0.1", 443),
        ] {
            let upstream = parse(text).unwrap();
            assert_eq!((upstream.host.as_str(), upstream.port, upstream.tls.is_some()), (host, port, true));
        }
        for wrong in
            ["", "here", "ftp://a", "http://a/path", "http://a?x", "127.0.0.1:9000", "https://a b", "https://-"]
        {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}

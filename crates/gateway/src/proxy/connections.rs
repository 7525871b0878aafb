//! `Connections`: an HTTP/1.1 server that calls are handed on to, and connections to it that are kept open between calls.

use super::authorities::Authorities;
use bytes::Bytes;
use hyper::body::Body;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use socket2::{SockRef, TcpKeepalive};
use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

/// How many connections are kept open without a call, and how long.
const IDLE_MAX: usize = 256;
const IDLE_TIME_MAX: Duration = Duration::from_secs(60);
/// How often the other machine is asked whether it is there, where silence is noticed.
const KEEPALIVE: Duration = Duration::from_secs(1);

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

/// What a connection may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Longest wait for it, TLS's handshake included.
    pub connect_time_max: Duration,
    /// How long the other machine may say nothing at all, not even that it has got what was sent, before the connection is lost; `None` for
    /// as long as the operating system waits, which is a quarter of an hour. A server that takes its time is not silent in this sense.
    pub silence_max: Option<Duration>,
    /// Bytes that it holds of what it reads or writes, and of a head.
    pub buffer_bytes: usize,
}

/// A server, and connections to it for requests with bodies `B`.
pub struct Connections<B> {
    host: String,
    port: u16,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    limits: Limits,
    idle: Mutex<Vec<(SendRequest<B>, Instant)>>,
}

impl<B> fmt::Debug for Connections<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tls = self.tls.is_some();
        f.debug_struct("Connections").field("host", &self.host).field("port", &self.port).field("tls", &tls).finish()
    }
}

/// A connection in use; dropped, it goes back once it is free.
#[derive(Debug)]
pub struct Lent<B: Send + 'static> {
    sender: Option<SendRequest<B>>,
    connections: Arc<Connections<B>>,
}

impl<B> Connections<B>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    /// Reads `http://HOST[:PORT]`, or `https://HOST[:PORT]`, whose certificate must be of HOST and of one of the authorities.
    ///
    /// # Errors
    /// When it is something else.
    pub fn parse(text: &str, authorities: &Authorities, limits: Limits) -> Result<Self, NotAnUpstream> {
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
                Some((authorities.connector(), name))
            }
            false => None,
        };
        let port = uri.port_u16().unwrap_or(if is_encrypted { 443 } else { 80 });
        Ok(Self { host, port, tls, limits, idle: Mutex::default() })
    }

    /// The connection that was used last, if it is still open.
    pub fn kept(&self) -> Option<SendRequest<B>> {
        let mut idle = self.idle();
        while let Some((sender, since)) = idle.pop() {
            if sender.is_ready() && since.elapsed() < IDLE_TIME_MAX {
                return Some(sender);
            }
        }
        None
    }

    /// A new connection.
    ///
    /// # Errors
    /// In words, when there is none in time.
    pub async fn connect(&self) -> Result<SendRequest<B>, String> {
        let connecting = async {
            let stream = TcpStream::connect((self.host.as_str(), self.port)).await;
            let stream = stream.map_err(|error| format!("connect: {error}"))?;
            let _ = stream.set_nodelay(true);
            if let Some(max) = self.limits.silence_max {
                notice_silence(&stream, max).map_err(|error| format!("connect: {error}"))?;
            }
            match &self.tls {
                None => self.begin(stream).await,
                Some((connector, name)) => {
                    let stream = connector.connect(name.clone(), stream).await;
                    self.begin(stream.map_err(|error| format!("TLS: {error}"))?).await
                }
            }
        };
        let in_time = tokio::time::timeout(self.limits.connect_time_max, connecting).await;
        in_time.unwrap_or_else(|_| Err("connect: timed out".into()))
    }

    /// HTTP/1.1 on a connection.
    async fn begin<S>(&self, stream: S) -> Result<SendRequest<B>, String>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut builder = http1::Builder::new();
        builder.preserve_header_case(true).max_buf_size(self.limits.buffer_bytes);
        let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(|error| told(&error))?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection to a backend ended");
            }
        });
        Ok(sender)
    }
}

/// Makes a connection fail once the other machine has been silent for so long: it is asked each second whether it is there, and what was
/// sent must be acknowledged in that time.
fn notice_silence(stream: &TcpStream, max: Duration) -> std::io::Result<()> {
    let socket = SockRef::from(stream);
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE))?;
    socket.set_tcp_user_timeout(Some(max))
}

impl<B> Connections<B> {
    fn idle(&self) -> MutexGuard<'_, Vec<(SendRequest<B>, Instant)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, sender: SendRequest<B>) {
        let mut idle = self.idle();
        let fresh = idle.partition_point(|(_, since)| since.elapsed() >= IDLE_TIME_MAX);
        idle.drain(..fresh);
        if idle.len() < IDLE_MAX {
            idle.push((sender, Instant::now()));
        }
    }
}

impl<B: Send + 'static> Lent<B> {
    /// To be held until the answer was read.
    pub fn new(connections: &Arc<Connections<B>>, sender: SendRequest<B>) -> Self {
        Self { sender: Some(sender), connections: Arc::clone(connections) }
    }

    /// Gives the connection back once its answer has come to its end. One whose answer is not read to its end is closed.
    pub async fn give_back(mut self) {
        if let Some(mut sender) = self.sender.take()
            && sender.ready().await.is_ok()
        {
            self.connections.keep(sender);
        }
    }
}

impl<B: Send + 'static> Drop for Lent<B> {
    fn drop(&mut self) {
        let Some(sender) = self.sender.take().filter(|sender| !sender.is_closed()) else { return };
        if sender.is_ready() {
            return self.connections.keep(sender);
        }
        // The end of its last answer is about to be seen.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(Self::new(&self.connections, sender).give_back());
        }
    }
}

/// An error of a connection with its cause.
pub(super) fn told(error: &hyper::Error) -> String {
    let mut text = error.to_string();
    if let Some(source) = error.source() {
        text = format!("{text}: {source}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backends_are_urls_without_a_path() {
        let limits = Limits { connect_time_max: Duration::from_secs(1), silence_max: None, buffer_bytes: 8192 };
        let parse = |text: &str| {
            Connections::<http_body_util::Full<Bytes>>::parse(text, &Authorities::mozillas().unwrap(), limits)
        };
        let backend = parse("http://127.0.0.1:9000/").unwrap();
        assert_eq!((backend.host.as_str(), backend.port, backend.tls.is_some()), ("127.0.0.1", 9000, false));
        assert_eq!(parse("http://[::1]").unwrap().host, "::1");
        for (text, host, port) in [
            ("https://s3.example", "s3.example", 443),
            ("https://[::1]:9000", "::1", 9000),
            ("https://10.0.0.1", "10.0.0.1", 443),
        ] {
            let backend = parse(text).unwrap();
            assert_eq!((backend.host.as_str(), backend.port, backend.tls.is_some()), (host, port, true));
        }
        for wrong in
            ["", "here", "ftp://a", "http://a/path", "http://a?x", "127.0.0.1:9000", "https://a b", "https://-"]
        {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}

//! `Leader`: the node that leads as others see it, and connections to it that are kept open between calls.

use ::gateway::proxy::Authorities;
use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

/// Longest wait for a connection, TLS's handshake included: nodes are near each other.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(2);
/// How many connections are kept open without a call, and how long: less than the leader keeps one that is silent.
const IDLE_MAX: usize = 256;
const IDLE_TIME_MAX: Duration = Duration::from_secs(60);
/// Bytes that a connection holds of what it reads or writes, and of a head.
const BUFFER_BYTES: usize = 256 * 1024;

/// A body on its way to the leader.
pub type SentBody = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

/// The node that has the lease.
pub struct Leader {
    /// Where it is, as its lease says.
    pub address: String,
    /// The token of its lease.
    pub token: i64,
    host: String,
    port: u16,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    idle: Mutex<Vec<(SendRequest<SentBody>, Instant)>>,
}

/// Why a call has no answer.
pub enum NoAnswer {
    /// Nothing of it was sent; here is its body.
    NotSent(SentBody, String),
    /// It was sent, at least in part, and what came of it is not known.
    Unknown(String),
}

/// A connection in use; dropped, it goes back once it is free.
pub struct Lent {
    sender: Option<SendRequest<SentBody>>,
    leader: Arc<Leader>,
}

impl Leader {
    /// The leader at `address`; `None` when that is no address of a node.
    pub fn new(address: &str, token: i64, authorities: &Authorities) -> Option<Self> {
        let uri: http::Uri = address.parse().ok()?;
        let is_encrypted = match uri.scheme_str()? {
            "http" => false,
            "https" => true,
            _ => return None,
        };
        let host = uri.host().filter(|host| !host.is_empty())?.trim_start_matches('[').trim_end_matches(']').to_owned();
        let tls = match is_encrypted {
            true => Some((authorities.connector(), ServerName::try_from(host.clone()).ok()?)),
            false => None,
        };
        let port = uri.port_u16().unwrap_or(if is_encrypted { 443 } else { 80 });
        Some(Self { address: address.to_owned(), token, host, port, tls, idle: Mutex::default() })
    }

    /// Sends a request and answers the head of what comes back. A connection that was closed meanwhile is passed over.
    ///
    /// # Errors
    /// When the leader cannot be reached, or breaks off before the head of its answer.
    pub async fn send(
        self: &Arc<Self>,
        mut request: http::Request<SentBody>,
    ) -> Result<(http::Response<Incoming>, Lent), NoAnswer> {
        loop {
            let kept = self.kept();
            let was_kept = kept.is_some();
            let mut sender = match kept {
                Some(sender) => sender,
                None => match self.connect().await {
                    Ok(sender) => sender,
                    Err(reason) => return Err(NoAnswer::NotSent(request.into_body(), reason)),
                },
            };
            match sender.try_send_request(request).await {
                Ok(answer) => return Ok((answer, Lent { sender: Some(sender), leader: Arc::clone(self) })),
                Err(mut failed) => match failed.take_message() {
                    Some(unsent) if was_kept => request = unsent,
                    Some(unsent) => return Err(NoAnswer::NotSent(unsent.into_body(), failed.error().to_string())),
                    None => return Err(NoAnswer::Unknown(failed.error().to_string())),
                },
            }
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<(SendRequest<SentBody>, Instant)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection that was used last, if it is still open.
    fn kept(&self) -> Option<SendRequest<SentBody>> {
        let mut idle = self.idle();
        while let Some((sender, since)) = idle.pop() {
            if sender.is_ready() && since.elapsed() < IDLE_TIME_MAX {
                return Some(sender);
            }
        }
        None
    }

    fn keep(&self, sender: SendRequest<SentBody>) {
        let mut idle = self.idle();
        let fresh = idle.partition_point(|(_, since)| since.elapsed() >= IDLE_TIME_MAX);
        idle.drain(..fresh);
        if idle.len() < IDLE_MAX {
            idle.push((sender, Instant::now()));
        }
    }

    async fn connect(&self) -> Result<SendRequest<SentBody>, String> {
        let connecting = async {
            let stream = TcpStream::connect((self.host.as_str(), self.port)).await;
            let stream = stream.map_err(|error| format!("connect: {error}"))?;
            let _ = stream.set_nodelay(true);
            match &self.tls {
                None => begin(stream).await,
                Some((connector, name)) => {
                    let stream = connector.connect(name.clone(), stream).await;
                    begin(stream.map_err(|error| format!("TLS: {error}"))?).await
                }
            }
        };
        tokio::time::timeout(CONNECT_TIME_MAX, connecting).await.unwrap_or_else(|_| Err("connect: timed out".into()))
    }
}

/// HTTP/1.1 on a connection.
async fn begin<S>(stream: S) -> Result<SendRequest<SentBody>, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = http1::Builder::new();
    builder.max_buf_size(BUFFER_BYTES);
    let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "connection to the leader ended");
        }
    });
    Ok(sender)
}

impl Drop for Lent {
    fn drop(&mut self) {
        let Some(mut sender) = self.sender.take().filter(|sender| !sender.is_closed()) else { return };
        if sender.is_ready() {
            return self.leader.keep(sender);
        }
        // The end of its last answer is about to be seen; one that is not read to its end closes the connection.
        let leader = Arc::clone(&self.leader);
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                if sender.ready().await.is_ok() {
                    leader.keep(sender);
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::{BodyExt, Full};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    fn request() -> http::Request<SentBody> {
        let body = Full::new(Bytes::from_static(b"body")).map_err(|never| match never {}).boxed_unsync();
        http::Request::post("/").header("host", "client.example").body(body).unwrap()
    }

    fn leader(address: &str) -> Arc<Leader> {
        Arc::new(Leader::new(address, 1, &Authorities::mozillas().unwrap()).unwrap())
    }

    /// Reads until the body has come.
    async fn read(stream: &mut TcpStream) -> String {
        let mut text = Vec::new();
        while !text.ends_with(b"body") {
            text.push(stream.read_u8().await.unwrap());
        }
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn addresses_are_urls() {
        let authorities = Authorities::mozillas().unwrap();
        let of = |text| Leader::new(text, 1, &authorities).map(|leader| (leader.host.clone(), leader.port));
        assert_eq!(of("http://10.0.0.2:8792"), Some(("10.0.0.2".into(), 8792)));
        assert_eq!(of("https://[::1]"), Some(("::1".into(), 443)));
        for wrong in ["", "10.0.0.2", "ftp://a", "https://-"] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
    }

    #[tokio::test]
    async fn a_call_that_was_not_sent_is_told_from_one_whose_answer_was_lost() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let leader = leader(&format!("http://{address}"));
        let serving = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let text = read(&mut stream).await;
            assert!(text.contains("host: client.example\r\n"), "the host stays as the client sent it: {text}");
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
            // The same connection once more, and its answer never comes.
            read(&mut stream).await;
        };
        let calling = async {
            let (answer, mut lent) = leader.send(request()).await.map_err(drop).unwrap();
            assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "ok");
            let mut sender = lent.sender.take().unwrap();
            sender.ready().await.unwrap();
            leader.keep(sender);
            assert!(matches!(leader.send(request()).await, Err(NoAnswer::Unknown(_))));
        };
        tokio::join!(serving, calling);
        drop(listener);
        let Err(NoAnswer::NotSent(body, _)) = leader.send(request()).await else { panic!("nobody listens") };
        assert_eq!(body.collect().await.map_err(drop).unwrap().to_bytes(), "body", "to be sent to somebody else");
    }
}

//! `Leader`: the node that leads as others see it, or one by way of which it is reached.

use ::gateway::proxy::{Authorities, Connections, Lent, Limits};
use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Nodes are near each other. A network that was cut is noticed before the lease of a node that was lost has ended.
const LIMITS: Limits = Limits {
    connect_time_max: Duration::from_secs(2),
    silence_max: Some(Duration::from_secs(3)),
    buffer_bytes: 256 * 1024,
};
/// How long another way is tried first, after a node was not reached.
const CUT_OFF_FOR: Duration = Duration::from_secs(10);

/// A body on its way to the leader.
pub type SentBody = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

/// The node that has the lease, or another.
pub struct Leader {
    /// Where it is, as its lease says.
    pub address: String,
    /// The token of its lease; 0 of a node that only hands on.
    pub token: i64,
    /// When it was not reached last.
    missed: Mutex<Option<Instant>>,
    connections: Arc<Connections<SentBody>>,
}

/// Why a call has no answer.
pub enum NoAnswer {
    /// Nothing of it was sent; here is its body.
    NotSent(SentBody, String),
    /// It was sent, at least in part, and what came of it is not known.
    Unknown(String),
}

impl std::fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotSent(_, reason) => write!(f, "it is not reached: {reason}"),
            Self::Unknown(reason) => write!(f, "its answer was lost: {reason}"),
        }
    }
}

impl Leader {
    /// The leader at `address`; `None` when that is no address of a node.
    pub fn new(address: &str, token: i64, authorities: &Authorities) -> Option<Self> {
        let connections = Arc::new(Connections::parse(address, authorities, LIMITS).ok()?);
        Some(Self { address: address.to_owned(), token, missed: Mutex::default(), connections })
    }

    /// Whether it was not reached a short time ago.
    pub fn is_cut_off(&self) -> bool {
        let missed = *self.missed.lock().unwrap_or_else(PoisonError::into_inner);
        missed.is_some_and(|missed| missed.elapsed() < CUT_OFF_FOR)
    }

    /// It was not reached.
    pub fn missed(&self) {
        *self.missed.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Sends a request and answers the head of what comes back. A connection that was closed meanwhile is passed over.
    ///
    /// # Errors
    /// When the leader cannot be reached, or breaks off before the head of its answer.
    pub async fn send(
        &self,
        mut request: http::Request<SentBody>,
    ) -> Result<(http::Response<Incoming>, Lent<SentBody>), NoAnswer> {
        loop {
            let kept = self.connections.kept();
            let was_kept = kept.is_some();
            let mut sender = match kept {
                Some(sender) => sender,
                None => match self.connections.connect().await {
                    Ok(sender) => sender,
                    Err(reason) => return Err(NoAnswer::NotSent(request.into_body(), reason)),
                },
            };
            match sender.try_send_request(request).await {
                Ok(answer) => return Ok((answer, Lent::new(&self.connections, sender))),
                Err(mut failed) => match failed.take_message() {
                    Some(unsent) if was_kept => request = unsent,
                    Some(unsent) => return Err(NoAnswer::NotSent(unsent.into_body(), failed.error().to_string())),
                    None => return Err(NoAnswer::Unknown(failed.error().to_string())),
                },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::{BodyExt, Full};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

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
        let is_one = |text| Leader::new(text, 1, &authorities).is_some();
        assert!(is_one("http://10.0.0.2:8792") && is_one("https://[::1]"));
        for wrong in ["", "10.0.0.2", "ftp://a", "https://-"] {
            assert!(!is_one(wrong), "{wrong}");
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
            let (answer, lent) = leader.send(request()).await.map_err(drop).unwrap();
            assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "ok");
            lent.give_back().await;
            assert!(matches!(leader.send(request()).await, Err(NoAnswer::Unknown(_))));
        };
        tokio::join!(serving, calling);
        drop(listener);
        let Err(NoAnswer::NotSent(body, _)) = leader.send(request()).await else { panic!("nobody listens") };
        assert_eq!(body.collect().await.map_err(drop).unwrap().to_bytes(), "body", "to be sent to somebody else");
    }
}

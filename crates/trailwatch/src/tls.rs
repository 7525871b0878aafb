//! TLS on our ports: handshakes, what they agreed on, and an answer for clients that speak plain HTTP.
//!
//! TLS 1.3 and 1.2 (rustls, ring). All ports have the one certificate of `certificate.rs`.

mod certificate;
#[cfg(test)]
pub mod tests;

pub use certificate::{Certificate, Files, Renewal};

use anyhow::Context;
use model::Tls;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::{CipherSuite, ProtocolVersion, ServerConfig, ServerConnection, version};
use tokio_rustls::server::TlsStream;

/// How long a client may take from its connection to the end of the handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Most bytes read of a client that speaks plain HTTP.
const PLAIN_BYTES_MAX: usize = 64 * 1024;
/// What it is told.
const PLAIN_ANSWER: &str = "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\ncontent-length: 60\r\nconnection: close\r\n\r\n\
                            This port speaks TLS: use https:// in the place of http://.\n";

/// Shakes hands with the clients of a port.
#[derive(Clone)]
pub struct Acceptor {
    tls: TlsAcceptor,
    time_max: Duration,
}

impl Acceptor {
    /// For HTTP: HTTP/2, and HTTP/1.1 for clients that want that or name nothing.
    pub fn for_http(certificate: &Arc<Certificate>) -> anyhow::Result<Self> {
        let mut config = Self::config(certificate)?;
        config.alpn_protocols = [&b"h2"[..], b"http/1.1"].map(<[u8]>::to_vec).into();
        Ok(Self::of(config))
    }

    /// For syslog (RFC 5425).
    pub fn for_syslog(certificate: &Arc<Certificate>) -> anyhow::Result<Self> {
        // Senders never read: tickets that they leave unread would make their hanging up a reset, and lose what they sent last.
        let mut config = Self::config(certificate)?;
        config.send_tls13_tickets = 0;
        Ok(Self::of(config))
    }

    fn config(certificate: &Arc<Certificate>) -> anyhow::Result<ServerConfig> {
        Ok(ServerConfig::builder_with_provider(Arc::new(provider()))
            .with_protocol_versions(&[&version::TLS13, &version::TLS12])
            .context("set up TLS")?
            .with_no_client_auth()
            .with_cert_resolver(certificate.clone()))
    }

    fn of(config: ServerConfig) -> Self {
        Self { tls: TlsAcceptor::from(Arc::new(config)), time_max: HANDSHAKE_TIMEOUT }
    }

    /// The connection once hands are shaken, and what was agreed on. `wrapped` may put something between it and the network.
    pub async fn accept<S>(
        &self,
        stream: TcpStream,
        wrapped: impl FnOnce(TcpStream) -> S,
    ) -> io::Result<(TlsStream<S>, Tls)>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let shaking = async {
            if is_plain_http(&stream).await? {
                refuse(stream).await?;
                return Err(io::Error::other("plain HTTP on a port that speaks TLS"));
            }
            let stream = self.tls.accept(wrapped(stream)).await?;
            let agreed = agreed(stream.get_ref().1);
            Ok((stream, agreed))
        };
        tokio::time::timeout(self.time_max, shaking).await.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()))
    }
}

/// The one provider of cryptography in the binary.
fn provider() -> CryptoProvider {
    ring::default_provider()
}

/// A method of HTTP begins with a capital letter, a record of TLS with a small number.
async fn is_plain_http(stream: &TcpStream) -> io::Result<bool> {
    let mut first = [0];
    match stream.peek(&mut first).await? {
        0 => Err(ErrorKind::UnexpectedEof.into()),
        _ => Ok(first[0].is_ascii_uppercase()),
    }
}

/// Answers, and reads what has yet to come: a connection that ends with bytes unread may lose the answer.
async fn refuse(mut stream: TcpStream) -> io::Result<()> {
    stream.write_all(PLAIN_ANSWER.as_bytes()).await?;
    stream.shutdown().await?;
    let mut read = vec![0; 4096];
    let mut total = 0;
    while total < PLAIN_BYTES_MAX {
        match stream.read(&mut read).await? {
            0 => break,
            length => total += length,
        }
    }
    Ok(())
}

fn agreed(session: &ServerConnection) -> Tls {
    let version = match session.protocol_version() {
        Some(ProtocolVersion::TLSv1_3) => "TLSv1.3",
        _ => "TLSv1.2",
    };
    Tls { version, cipher_suite: session.negotiated_cipher_suite().map_or("", |suite| name(suite.suite())) }
}

/// What another node agreed on with a client, by its names; `None` when they are not ours.
pub fn named(version: &str, cipher_suite: &str) -> Option<Tls> {
    let version = ["TLSv1.3", "TLSv1.2"].into_iter().find(|name| *name == version)?;
    let suites = provider().cipher_suites;
    let cipher_suite = suites.iter().map(|suite| name(suite.suite())).find(|name| *name == cipher_suite)?;
    Some(Tls { version, cipher_suite })
}

/// As CloudTrail has it: the names of TLS 1.3, and OpenSSL's of TLS 1.2.
fn name(suite: CipherSuite) -> &'static str {
    match suite {
        CipherSuite::TLS13_AES_128_GCM_SHA256 => "TLS_AES_128_GCM_SHA256",
        CipherSuite::TLS13_AES_256_GCM_SHA384 => "TLS_AES_256_GCM_SHA384",
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256 => "TLS_CHACHA20_POLY1305_SHA256",
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 => "ECDHE-ECDSA-AES128-GCM-SHA256",
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 => "ECDHE-ECDSA-AES256-GCM-SHA384",
        CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 => "ECDHE-ECDSA-CHACHA20-POLY1305",
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 => "ECDHE-RSA-AES128-GCM-SHA256",
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 => "ECDHE-RSA-AES256-GCM-SHA384",
        CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 => "ECDHE-RSA-CHACHA20-POLY1305",
        other => other.as_str().unwrap_or_default(),
    }
}

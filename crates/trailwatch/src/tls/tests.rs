//! Certificates are read, renewed and refused in words; handshakes say what was agreed on, and have an end.

use super::certificate::Looked;
use super::*;
use std::net::SocketAddr;
use std::path::Path;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream as ClientStream;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};

/// A certificate for `localhost` that is its own authority, and its key.
type Pair = (&'static str, &'static str);

const ONE: Pair = (include_str!("testdata/one.pem"), include_str!("testdata/one.key"));
const TWO: Pair = (include_str!("testdata/two.pem"), include_str!("testdata/two.key"));

/// A folder with a certificate and its key.
struct Folder {
    _dir: TempDir,
    files: Files,
}

impl Folder {
    fn with((certificate, key): (&str, &str)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let files = Files { certificate: dir.path().join("server.pem"), key: dir.path().join("server.key") };
        write(&files.certificate, certificate);
        write(&files.key, key);
        Self { _dir: dir, files }
    }
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
}

/// An acceptor for HTTP that waits for ever.
pub fn acceptor() -> Acceptor {
    let certificate = Arc::new(Certificate::open(&Folder::with(ONE).files).unwrap());
    Acceptor { time_max: Duration::from_secs(3600), ..Acceptor::for_http(&certificate).unwrap() }
}

/// A client that knows the certificate of [`acceptor`], connected.
pub async fn connect(address: SocketAddr) -> ClientStream<TcpStream> {
    connect_with(address, ONE, &version::TLS13, &[]).await.unwrap()
}

async fn connect_with(
    address: SocketAddr,
    (authority, _): Pair,
    version: &'static SupportedProtocolVersion,
    protocols: &[&[u8]],
) -> io::Result<ClientStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.as_bytes()).unwrap()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    let stream = TcpStream::connect(address).await?;
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), stream).await
}

/// What came of a connection.
type Accepted = io::Result<(TlsStream<TcpStream>, Tls)>;

/// Accepts one connection.
async fn accepting(acceptor: Acceptor) -> (SocketAddr, JoinHandle<Accepted>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let accepting = tokio::spawn(async move {
        let (stream, _) = listener.accept().await?;
        acceptor.accept(stream, |stream| stream).await
    });
    (address, accepting)
}

#[test]
fn what_is_wrong_with_the_files_is_said_in_words() {
    let (pem, key) = ONE;
    let encrypted = key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    let old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
    let nonsense = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let large = "x".repeat(1024 * 1024 + 1);
    for (certificate, key, part) in [
        ("", key, "server.pem holds no certificate"),
        (key, key, "server.pem holds no certificate"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n", key, "server.pem is not PEM"),
        (nonsense, key, "server.pem cannot be used"),
        (pem, "", "server.key holds no private key"),
        (pem, pem, "server.key holds no private key"),
        (pem, encrypted.as_str(), "server.key is encrypted"),
        (pem, old, "server.key is encrypted"),
        (pem, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "server.key cannot be used"),
        (pem, TWO.1, "server.key is not the key of the first certificate in"),
        (pem, large.as_str(), "larger than 1048576 bytes"),
    ] {
        let error = Certificate::open(&Folder::with((certificate, key)).files).unwrap_err();
        assert!(format!("{error:#}").contains(part), "{part}: {error:#}");
    }
    let files = Files { certificate: "/nowhere/c.pem".into(), key: "/nowhere/k.pem".into() };
    let error = format!("{:#}", Certificate::open(&files).unwrap_err());
    assert!(error.contains("read the TLS certificate /nowhere/c.pem: No such file"), "{error}");
}

#[tokio::test]
async fn a_new_pair_is_taken_and_a_broken_one_is_refused_once() {
    let folder = Folder::with(ONE);
    let certificate = Arc::new(Certificate::open(&folder.files).unwrap());
    let acceptor = Acceptor::for_http(&certificate).unwrap();
    let shows = async |pair: Pair| {
        let (address, accepting) = accepting(acceptor.clone()).await;
        let connected = connect_with(address, pair, &version::TLS13, &[]).await.is_ok();
        assert_eq!(accepting.await.unwrap().is_ok(), connected);
        connected
    };
    assert!(matches!(certificate.look(), Looked::Same));
    assert!(shows(ONE).await && !shows(TWO).await);

    // Who renews a certificate writes one file after the other.
    write(&folder.files.certificate, TWO.0);
    let Looked::Refused(error) = certificate.look() else { panic!("a pair that is none") };
    assert!(error.to_string().contains("is not the key"), "{error}");
    assert!(matches!(certificate.look(), Looked::Same));
    assert!(shows(ONE).await);

    let (address, before) = accepting(acceptor.clone()).await;
    let mut client = connect_with(address, ONE, &version::TLS13, &[]).await.unwrap();
    write(&folder.files.key, TWO.1);
    assert!(matches!(certificate.look(), Looked::Renewed));
    assert!(matches!(certificate.look(), Looked::Same));
    assert!(shows(TWO).await && !shows(ONE).await);
    // What was open before goes on.
    let (mut server, _) = before.await.unwrap().unwrap();
    client.write_all(b"x").await.unwrap();
    client.flush().await.unwrap();
    assert_eq!(server.read_u8().await.unwrap(), b'x');

    std::fs::remove_file(&folder.files.key).unwrap();
    assert!(matches!(certificate.look(), Looked::Refused(_)));
    assert!(matches!(certificate.look(), Looked::Same));
    // Asked for by a signal, the answer is not "as before".
    certificate.forget();
    assert!(matches!(certificate.look(), Looked::Refused(_)));
    assert!(shows(TWO).await);
    write(&folder.files.key, TWO.1);
    assert!(matches!(certificate.look(), Looked::Renewed));
    certificate.forget();
    assert!(matches!(certificate.look(), Looked::Renewed));
}

#[tokio::test]
async fn what_was_agreed_on_is_known() {
    let (h2, h1): (&[u8], &[u8]) = (b"h2", b"http/1.1");
    let (newest, older) = (&version::TLS13, &version::TLS12);
    for (version, protocols, name, suite, chosen) in [
        (newest, vec![h2, h1], "TLSv1.3", "TLS_AES_256_GCM_SHA384", Some(h2)),
        (newest, vec![h1], "TLSv1.3", "TLS_AES_256_GCM_SHA384", Some(h1)),
        (older, vec![], "TLSv1.2", "ECDHE-ECDSA-AES256-GCM-SHA384", None),
    ] {
        let (address, accepting) = accepting(acceptor()).await;
        let client = connect_with(address, ONE, version, &protocols).await.unwrap();
        assert_eq!(client.get_ref().1.alpn_protocol(), chosen);
        let (_, tls) = accepting.await.unwrap().unwrap();
        assert_eq!((tls.version, tls.cipher_suite), (name, suite));
    }
}

#[test]
fn each_cipher_suite_has_the_name_that_cloudtrail_writes() {
    for suite in provider().cipher_suites {
        let name = name(suite.suite());
        assert!(!name.is_empty() && !name.contains("_WITH_") && !name.starts_with("TLS13"), "{name}");
    }
}

#[tokio::test]
async fn a_handshake_that_takes_too_long_ends() {
    let (address, accepting) = accepting(Acceptor { time_max: Duration::ZERO, ..acceptor() }).await;
    let mut silent = TcpStream::connect(address).await.unwrap();
    assert_eq!(accepting.await.unwrap().unwrap_err().kind(), ErrorKind::TimedOut);
    assert_eq!(silent.read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test]
async fn plain_http_is_told_where_it_is() {
    let (address, accepting) = accepting(acceptor()).await;
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"GET /health HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 400 ") && body.contains("https://"), "{answer}");
    assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{answer}");
    drop(client);
    assert!(accepting.await.unwrap().unwrap_err().to_string().contains("plain HTTP"));
}

//! `Certificate`: the certificate of our ports and its key, out of two PEM files that are read again while the server runs.
//!
//! Connections that are open go on with what they began with. A new pair that is broken is refused, and the old one goes on.

use super::provider;
use anyhow::{Context, anyhow, bail};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{Error, InconsistentKeys};

/// Largest file that is read.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Where a certificate and its key are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// PEM: the server's own certificate, then those that lead to an authority that clients know.
    pub certificate: PathBuf,
    /// PEM: the private key of the first of them, not encrypted.
    pub key: PathBuf,
}

/// The certificate as it is now.
#[derive(Debug)]
pub struct Certificate {
    files: Files,
    current: RwLock<Arc<CertifiedKey>>,
    /// Digest of what was last read, good or not.
    seen: Mutex<Option<[u8; 32]>>,
}

/// What came of a look at the files.
#[derive(Debug)]
pub enum Looked {
    /// They are what they were.
    Same,
    /// Handshakes from now on have what is in them.
    Renewed,
    /// They are of no use, and why.
    Refused(anyhow::Error),
}

impl Certificate {
    /// Reads the files.
    ///
    /// # Errors
    /// Which of the files is of no use, and why.
    pub fn open(files: &Files) -> anyhow::Result<Self> {
        let read = files.read();
        let seen = Mutex::new(Some(digest(&read)));
        Ok(Self { files: files.clone(), current: RwLock::new(Arc::new(files.pair(read?)?)), seen })
    }

    /// Reads the files again, and takes what is new in them. What was refused is refused once.
    pub fn look(&self) -> Looked {
        let read = self.files.read();
        let digest = Some(digest(&read));
        let before = std::mem::replace(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner), digest);
        if before == digest {
            return Looked::Same;
        }
        match read.and_then(|pems| self.files.pair(pems)) {
            Ok(pair) => {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(pair);
                Looked::Renewed
            }
            Err(error) => Looked::Refused(error),
        }
    }

    /// Makes the next look one at new files, whatever is in them.
    pub fn forget(&self) {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// The bytes of both files.
type Pems = (Vec<u8>, Vec<u8>);

impl Files {
    fn read(&self) -> anyhow::Result<Pems> {
        let certificate = read(&self.certificate)
            .with_context(|| format!("read the TLS certificate {}", self.certificate.display()))?;
        let key = read(&self.key).with_context(|| format!("read the TLS key {}", self.key.display()))?;
        Ok((certificate, key))
    }

    fn pair(&self, (certificate, key): Pems) -> anyhow::Result<CertifiedKey> {
        let (certificate_file, key_file) = (self.certificate.display(), self.key.display());
        let chain: Result<Vec<CertificateDer<'static>>, _> = CertificateDer::pem_slice_iter(&certificate).collect();
        let chain = chain.map_err(|error| anyhow!("the TLS certificate {certificate_file} is not PEM: {error}"))?;
        if chain.is_empty() {
            bail!("{certificate_file} holds no certificate (PEM, -----BEGIN CERTIFICATE-----)");
        }
        if is_encrypted(&key) {
            bail!("the TLS key {key_file} is encrypted, and nobody is here to be asked for its password");
        }
        let key = PrivateKeyDer::from_pem_slice(&key)
            .map_err(|error| anyhow!("{key_file} holds no private key (PEM, -----BEGIN PRIVATE KEY-----): {error}"))?;
        let key = provider()
            .key_provider
            .load_private_key(key)
            .map_err(|error| anyhow!("the TLS key {key_file} cannot be used: {error}"))?;
        let pair = CertifiedKey::new(chain, key);
        match pair.keys_match() {
            Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(pair),
            Err(Error::InconsistentKeys(_)) => {
                bail!("the TLS key {key_file} is not the key of the first certificate in {certificate_file}")
            }
            Err(error) => bail!("the TLS certificate {certificate_file} cannot be used: {error}"),
        }
    }
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        bail!("it is larger than {FILE_BYTES_MAX} bytes");
    }
    Ok(bytes)
}

/// PKCS #8 says so in its first line, older formats in a header.
fn is_encrypted(pem: &[u8]) -> bool {
    let text = String::from_utf8_lossy(pem);
    text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----") || text.contains("Proc-Type: 4,ENCRYPTED")
}

fn digest(read: &anyhow::Result<Pems>) -> [u8; 32] {
    let mut digest = Sha256::new();
    match read {
        Ok((certificate, key)) => {
            digest.update(certificate.len().to_le_bytes());
            digest.update(certificate);
            digest.update(key);
        }
        Err(error) => digest.update(format!("{error:#}")),
    }
    digest.finalize().into()
}

/// When the certificate is read again: each minute, by whoever asks, and on SIGHUP.
#[derive(Debug)]
pub struct Renewal {
    certificate: Arc<Certificate>,
    hangup: Signal,
}

impl Renewal {
    /// From now on SIGHUP does not end the process.
    pub fn new(certificate: Arc<Certificate>) -> anyhow::Result<Self> {
        Ok(Self { certificate, hangup: signal(SignalKind::hangup())? })
    }

    /// Resolves when a SIGHUP came. The next look is told in the log, whatever it finds.
    pub async fn asked(&mut self) {
        let _ = self.hangup.recv().await;
        self.certificate.forget();
    }

    /// Looks at the files, and tells the log what came of it.
    pub async fn look(&self) {
        let certificate = Arc::clone(&self.certificate);
        match tokio::task::spawn_blocking(move || certificate.look()).await {
            Ok(Looked::Same) => {}
            Ok(Looked::Renewed) => tracing::info!("read the TLS certificate again"),
            Ok(Looked::Refused(error)) => {
                tracing::error!(
                    error = format!("{error:#}"),
                    "the new TLS certificate is refused, the old one goes on"
                );
            }
            Err(error) => tracing::error!(%error, "look at the TLS certificate"),
        }
    }
}

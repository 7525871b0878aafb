//! `Authorities`: whose certificates are believed of backends that speak TLS.

use std::sync::Arc;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, Error, RootCertStore, version};

/// The authorities that certificates of backends may be of.
#[derive(Clone)]
pub struct Authorities(Arc<ClientConfig>);

/// Why a PEM file names no authorities.
#[derive(Debug, thiserror::Error)]
pub enum NotAuthorities {
    /// It is damaged.
    #[error("read its certificates: {0}")]
    Pem(#[from] tokio_rustls::rustls::pki_types::pem::Error),
    /// It holds something else.
    #[error("it holds no certificate of an authority (PEM, -----BEGIN CERTIFICATE-----)")]
    Empty,
    /// One of its certificates is of no use.
    #[error(transparent)]
    Tls(#[from] Error),
}

impl Authorities {
    /// Those that Mozilla trusts.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn mozillas() -> Result<Self, NotAuthorities> {
        Self::of(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() })
    }

    /// Those whose certificates are in a PEM file, and no others.
    ///
    /// # Errors
    /// When there is none in it, or one cannot be read.
    pub fn from_pem(pem: &[u8]) -> Result<Self, NotAuthorities> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            roots.add(certificate?)?;
        }
        if roots.is_empty() { Err(NotAuthorities::Empty) } else { Self::of(roots) }
    }

    fn of(roots: RootCertStore) -> Result<Self, NotAuthorities> {
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&version::TLS13, &version::TLS12])?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(Arc::new(config)))
    }

    /// What shakes hands with backends whose certificates are of these authorities.
    pub fn connector(&self) -> TlsConnector {
        TlsConnector::from(Arc::clone(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_certificates_is_refused() {
        assert!(matches!(Authorities::from_pem(b"no certificate").map(drop), Err(NotAuthorities::Empty)));
        let damaged = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(matches!(Authorities::from_pem(damaged).map(drop), Err(NotAuthorities::Tls(_))));
        let cut = b"-----BEGIN CERTIFICATE-----\nAAAA\n";
        assert!(matches!(Authorities::from_pem(cut).map(drop), Err(NotAuthorities::Pem(_))));
        assert!(Authorities::mozillas().is_ok());
    }
}

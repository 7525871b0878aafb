//! Requests to other services: the client that makes them, and how they are signed.
//!
//! URLs are the operator's own word, so they may be of any address. Redirects are not followed and proxies not used.

use anyhow::{Context, bail};
use bytes::Bytes;
use model::Timestamp;
use std::path::Path;
use std::time::Duration;
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use wire::HttpRequest;
use wire::sigv4::{self, Credentials};

/// Connections that are kept open between requests: a bucket of records is asked by as many threads.
const IDLE_CONNECTIONS_MAX: usize = 64;

/// A client that answers whatever the status is, and gives up after `longest`.
pub fn client(longest: Duration) -> ureq::Agent {
    client_of(longest, RootCerts::WebPki)
}

/// The same for servers whose certificates are of these authorities.
pub fn client_of(longest: Duration, roots: RootCerts) -> ureq::Agent {
    let config = ureq::config::Config::builder()
        .proxy(None)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .max_idle_connections(IDLE_CONNECTIONS_MAX)
        .max_idle_connections_per_host(IDLE_CONNECTIONS_MAX)
        .timeout_global(Some(longest))
        .tls_config(TlsConfig::builder().root_certs(roots).build())
        .user_agent(concat!("trailwatch/", env!("CARGO_PKG_VERSION")))
        .build();
    ureq::Agent::new_with_config(config)
}

/// The authorities that a server's certificate may be of: those in a PEM file, else Mozilla's.
///
/// # Errors
/// Which file it is, and why it is of no use.
pub fn roots(ca_file: Option<&Path>) -> anyhow::Result<RootCerts> {
    let Some(path) = ca_file else { return Ok(RootCerts::WebPki) };
    let pem = std::fs::read(path).with_context(|| format!("read the authorities in {}", path.display()))?;
    let mut certificates = Vec::new();
    for item in parse_pem(&pem) {
        let item = item.with_context(|| format!("read the authorities in {}", path.display()))?;
        if let PemItem::Certificate(certificate) = item {
            certificates.push(certificate);
        }
    }
    if certificates.is_empty() {
        bail!("{} holds no certificate of an authority (PEM, -----BEGIN CERTIFICATE-----)", path.display());
    }
    Ok(RootCerts::new_with_certs(&certificates))
}

/// What a request is signed for.
#[derive(Debug, Clone, Copy)]
pub struct Signer<'a> {
    /// The keys.
    pub credentials: &'a Credentials,
    /// The region.
    pub region: &'a str,
    /// The service, such as `kinesis`.
    pub service: &'a str,
    /// The present.
    pub now: Timestamp,
}

impl Signer<'_> {
    /// The request to `url` with its headers, signature and all, and its body. `host` is among the headers. Their names are in
    /// lower case.
    ///
    /// # Errors
    /// Why the URL is none.
    pub fn signed(
        &self,
        method: &str,
        url: &str,
        mut headers: Vec<(String, String)>,
        body: impl Into<Bytes>,
    ) -> Result<HttpRequest, String> {
        let uri: http::Uri = url.parse().map_err(|error| format!("{url}: {error}"))?;
        let host = uri.authority().ok_or_else(|| format!("{url} names no host"))?.as_str().to_owned();
        headers.push(("host".into(), host));
        let mut request = HttpRequest {
            method: method.into(),
            path: uri.path().to_owned(),
            query: uri.query().unwrap_or_default().to_owned(),
            headers,
            body: body.into(),
            ..HttpRequest::default()
        };
        sigv4::sign(&mut request, self.credentials, self.region, self.service, self.now);
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorities_come_from_a_file_and_what_is_wrong_with_it_is_said() {
        assert!(matches!(roots(None).unwrap(), RootCerts::WebPki));
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ca.pem");
        let (one, two) = (include_str!("tls/testdata/one.pem"), include_str!("tls/testdata/two.pem"));
        std::fs::write(&path, format!("An authority\n{one}\nand another\n{two}")).unwrap();
        let RootCerts::Specific(certificates) = roots(Some(&path)).unwrap() else { panic!("those of the file") };
        assert_eq!(certificates.len(), 2);
        for (text, part) in [
            ("", "holds no certificate of an authority"),
            (include_str!("tls/testdata/one.key"), "holds no certificate of an authority"),
            ("-----BEGIN CERTIFICATE-----\nAAAA", "read the authorities in"),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = format!("{:#}", roots(Some(&path)).unwrap_err());
            assert!(error.contains(part) && error.contains("ca.pem"), "{error}");
        }
        assert!(format!("{:#}", roots(Some(Path::new("/nowhere.pem"))).unwrap_err()).contains("/nowhere.pem"));
    }
}

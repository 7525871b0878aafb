//! Requests to other services: the client that makes them, and how they are signed.
//!
//! URLs are the operator's own word, so they may be of any address. Redirects are not followed and proxies not used.

use bytes::Bytes;
use model::Timestamp;
use std::time::Duration;
use wire::HttpRequest;
use wire::sigv4::{self, Credentials};

/// A client that answers whatever the status is, and gives up after `longest`.
pub fn client(longest: Duration) -> ureq::Agent {
    let config = ureq::config::Config::builder()
        .proxy(None)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .timeout_global(Some(longest))
        .user_agent(concat!("trailwatch/", env!("CARGO_PKG_VERSION")))
        .build();
    ureq::Agent::new_with_config(config)
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
        body: Vec<u8>,
    ) -> Result<HttpRequest, String> {
        let uri: http::Uri = url.parse().map_err(|error| format!("{url}: {error}"))?;
        let host = uri.authority().ok_or_else(|| format!("{url} names no host"))?.as_str().to_owned();
        headers.push(("host".into(), host));
        let mut request = HttpRequest {
            method: method.into(),
            path: uri.path().to_owned(),
            query: uri.query().unwrap_or_default().to_owned(),
            headers,
            body: Bytes::from(body),
        };
        sigv4::sign(&mut request, self.credentials, self.region, self.service, self.now);
        Ok(request)
    }
}

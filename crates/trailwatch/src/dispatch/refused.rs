//! Calls that are refused before their operation is known, or before their body is read; each leaves its audit event.
//!
//! What is recorded: every request that is a call. A request is one when `wire::routing` finds its operation, when it
//! carries a sign that only clients of AWS send (`wire::routing::announced` lists them), or when it is an import or a query
//! (`POST` to `/_trailwatch/import` or `/_trailwatch/sql`). Everything else, such as `GET /health`, our other own paths or a browser that looks for an
//! icon, is answered and not recorded. Bytes that are no HTTP request never come here.

use super::{Arrived, log};
use crate::own;
use crate::remote;
use crate::server::Server;
use crate::sql;
use model::{Caller, Timestamp};
use trail::audit::OwnCall;
use wire::error::common;
use wire::routing::{self, Announced};
use wire::{Access, ApiError, Audit, HttpRequest, Protocol, Response, Service, error_response};

/// `eventName` of a call that named no operation, or something that no operation is called.
const UNKNOWN_OPERATION: &str = "UnknownOperation";

/// A request for which no operation was found.
pub struct Unrouted<'a> {
    pub request: &'a HttpRequest,
    /// The body, decompressed when the caller is known.
    pub body: &'a [u8],
    pub caller: &'a Caller,
    pub request_id: &'a str,
    pub now: Timestamp,
}

impl Unrouted<'_> {
    /// Answers with `error`, once that is recorded where the request is a call.
    pub async fn refuse(&self, server: &Server, protocol: Protocol, error: ApiError) -> Response {
        let Some((source, operation)) = self.called() else { return self.response(protocol, &error) };
        log(&operation, self.request_id, &error);
        let call = OwnCall {
            caller: self.caller,
            source: &source,
            operation: &operation,
            access: Access::Write,
            audit: Audit::Management,
            time: self.now,
            request_id: self.request_id,
            host: self.request.header("host"),
            request_parameters: None,
            response_elements: None,
            error: Some((error.code(), error.message())),
            resources: &[],
        };
        match server.record(&call).await {
            Ok(()) => self.response(protocol, &error),
            Err(failed) => {
                let failed = ApiError::from(failed);
                log(&operation, self.request_id, &failed);
                self.response(protocol, &failed)
            }
        }
    }

    /// `eventSource` and `eventName`, when the request is a call.
    fn called(&self) -> Option<(String, String)> {
        if self.request.path.starts_with(remote::OWN_PATHS) {
            let name = match self.request.path.as_str() {
                remote::IMPORT_PATH => remote::IMPORT,
                sql::PATH => sql::EVENT_NAME,
                _ => return None,
            };
            let posted = self.request.method == "POST";
            return posted.then(|| (own::EVENT_SOURCE.to_owned(), name.to_owned()));
        }
        let Announced { operation, event_source } = routing::announced(self.request, self.body)?;
        let source = event_source.unwrap_or_else(|| own::EVENT_SOURCE.to_owned());
        Some((source, operation.unwrap_or_else(|| UNKNOWN_OPERATION.to_owned())))
    }

    fn response(&self, protocol: Protocol, error: &ApiError) -> Response {
        error_response(protocol, service_claimed(self.request), error, self.request_id)
    }
}

/// The service that the signature names: for answers to requests that name no operation.
fn service_claimed(request: &HttpRequest) -> Service {
    let claim = wire::sigv4::claimed(request);
    let named = claim.and_then(|claim| Service::ALL.into_iter().find(|s| s.signing_name() == claim.service));
    named.unwrap_or(Service::CloudTrail)
}

impl Server {
    /// Refuses a request before its body is read: too many bytes are being read at once.
    pub async fn overloaded(&self, request: &HttpRequest, source_ip: &str) -> Response {
        self.refuse_early(request, source_ip, ApiError::new(&common::THROTTLING, "Rate exceeded")).await
    }

    /// Refuses a request whose body is larger than any call may be.
    pub async fn too_large(&self, request: &HttpRequest, source_ip: &str) -> Response {
        let message = format!("Request size exceeded {} bytes", crate::http::body_bytes_max(request));
        self.refuse_early(request, source_ip, ApiError::new(&common::REQUEST_TOO_LARGE, message)).await
    }

    /// Refuses a request whose body did not arrive whole or in time.
    pub async fn incomplete(&self, request: &HttpRequest, source_ip: &str) -> Response {
        let error = ApiError::new(&common::SERIALIZATION, "The request body did not arrive whole.");
        self.refuse_early(request, source_ip, error).await
    }

    /// Refuses a request of a web page to one of our own paths: browsers say where a page came from, and no page may drive
    /// those, least of all a reset of an open server.
    pub async fn refuse_web_page(&self, request: &HttpRequest, source_ip: &str) -> Response {
        self.refuse_early(request, source_ip, ApiError::new(&common::ACCESS_DENIED, "not from a web page")).await
    }

    /// Refuses a request without its body, which the signature covers: who called stays a claim.
    ///
    /// A flood of such requests takes no memory: each waits with its headers only, its event waits for room in the store as
    /// every append does, and where there is none the answer is an error, too.
    async fn refuse_early(&self, request: &HttpRequest, source_ip: &str, error: ApiError) -> Response {
        let (request_id, now) = (self.ids.uuid().to_string(), self.clock.now());
        let mut caller = self.auth.claimed(request, source_ip);
        caller.identity_type = "Unknown".into();
        let Ok(target) = routing::route(request, b"") else {
            let unrouted = Unrouted { request, body: b"", caller: &caller, request_id: &request_id, now };
            return unrouted.refuse(self, routing::protocol(request), error).await;
        };
        let arrived = Arrived { request, target: &target, request_id: &request_id, now };
        let answer = arrived.refuse(error);
        arrived.log(&answer);
        match arrived.audit(self, &caller, &answer).await {
            Ok(()) => answer.response,
            Err(failed) => {
                let refused = arrived.refuse(failed.into());
                arrived.log(&refused);
                refused.response
            }
        }
    }
}

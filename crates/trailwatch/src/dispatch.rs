//! One AWS call from whole request to whole answer: route, verify, find the row, run, audit, count.

mod refused;

use crate::calls::CallFacts;
use crate::log_delivery;
use crate::operations::Row;
use crate::server::Server;
use crate::web_identity::{self, is_made_by_token};
use access::Asking;
use bytes::Bytes;
use futures::FutureExt;
use model::limits::{INFLATED_BYTES_MAX, METRIC_BODY_BYTES_MAX};
use model::{Batch, Caller, Event, EventResource, Timestamp, arn};
use refused::Unrouted;
use std::panic::AssertUnwindSafe;
use std::time::Instant;
use trail::audit::OwnCall;
use wire::error::common;
use wire::routing::{self, Target};
use wire::sigv4::SignatureError;
use wire::{Access, Answer, ApiError, Audit, Call, Guard, HttpRequest, Response, Service, error_response};

/// Answers one request to an AWS operation.
pub async fn answer(server: &Server, request: HttpRequest, source_ip: &str) -> Response {
    let now = server.clock.now();
    let verified = server.auth.caller(&request, source_ip, now);
    answer_to(server, request, source_ip, now, verified).await
}

/// As [`answer`], for a caller who was verified, or not, by other means than a signature.
pub async fn answer_to(
    server: &Server,
    request: HttpRequest,
    source_ip: &str,
    now: Timestamp,
    verified: Result<Caller, SignatureError>,
) -> Response {
    let began = Instant::now();
    let request_id = server.ids.uuid().to_string();
    let entered = verified.as_ref().ok().map(|caller| server.throttle.enter(caller, now)).transpose();
    let (_turn, throttled) = entered.map_or_else(|error| (None, Some(error)), |turn| (turn, None));
    // A body is opened only for a caller who is known, for opening costs memory and time.
    let opened = if verified.is_ok() && throttled.is_none() { open_body(&request) } else { Ok(request.body.clone()) };
    let target = match routing::route(&request, opened.as_deref().unwrap_or(&request.body)) {
        Ok(target) => target,
        Err(misrouted) => {
            let caller = verified.unwrap_or_else(|_| server.auth.claimed(&request, source_ip));
            let (body, error) = match (throttled, opened) {
                (Some(error), _) | (None, Err(error)) => (request.body.clone(), error),
                (None, Ok(body)) => (body, misrouted.error),
            };
            let unrouted = Unrouted { request: &request, body: &body, caller: &caller, request_id: &request_id, now };
            let response = unrouted.refuse(server, misrouted.protocol, error).await;
            count(server, "unknown", "Unknown", began, request.body.len(), &response);
            return response;
        }
    };
    let service = target.service.signing_name();
    let verified = verified.or_else(|refused| match refused {
        SignatureError::MissingToken if is_link(&target) || is_made_by_token(&target) => {
            Ok(server.auth.claimed(&request, source_ip))
        }
        refused => Err(refused),
    });
    let verified = verified.and_then(|caller| server.auth.check_service(&request, service).map(|()| caller));
    let arrived = Arrived { request: &request, target: &target, request_id: &request_id, now };
    let mut held = None;
    let (caller, answer) = match (verified, throttled) {
        (Ok(caller), Some(error)) => (caller, arrived.refuse(error)),
        (Ok(claimed), None) if is_made_by_token(&target) => arrived.run_by_token(server, claimed, opened).await,
        (Ok(caller), None) => {
            if target.service == Service::CloudTrail {
                held = server.trail.hold(target.operation).await;
            }
            let answer = arrived.run(server, &caller, opened).await;
            (caller, answer)
        }
        (Err(refused), _) => {
            let answer = arrived.refuse(refused.to_api_error(target.protocol));
            (server.auth.claimed(&request, source_ip), answer)
        }
    };
    arrived.log(&answer);
    let audited = arrived.audit(server, &caller, &answer).await.map_err(ApiError::from);
    let released = match held {
        Some(held) => held.release().await.map_err(ApiError::from),
        None => Ok(()),
    };
    let response = match audited.and(released) {
        Ok(()) => answer.response,
        // A call whose audit record is not durable is not answered as done.
        Err(error) => {
            let refused = arrived.refuse(error);
            arrived.log(&refused);
            refused.response
        }
    };
    count(server, target.service.cli_name(), target.operation, began, request.body.len(), &response);
    response
}

/// True for the calls that links in notifications make, unsigned: what they need to know stands in the link.
fn is_link(target: &Target) -> bool {
    target.service == Service::Sns && matches!(target.operation, "ConfirmSubscription" | "Unsubscribe")
}

fn open_body(request: &HttpRequest) -> Result<Bytes, ApiError> {
    wire::inflate::inflate(request.header("content-encoding"), &request.body, INFLATED_BYTES_MAX)
        .map_err(|error| error.to_api_error())
}

/// A request whose operation is known.
struct Arrived<'a> {
    request: &'a HttpRequest,
    target: &'a Target,
    request_id: &'a str,
    now: Timestamp,
}

impl Arrived<'_> {
    /// Runs the call of a verified caller.
    async fn run(&self, server: &Server, caller: &Caller, opened: Result<Bytes, ApiError>) -> Answer {
        let Target { service, operation, .. } = *self.target;
        let body = match opened {
            Ok(body) if service == Service::CloudWatch && body.len() > METRIC_BODY_BYTES_MAX => {
                let message = format!("Request size exceeded {METRIC_BODY_BYTES_MAX} bytes");
                return self.refuse(ApiError::new(&common::REQUEST_TOO_LARGE, message));
            }
            Ok(body) => body,
            Err(error) => return self.refuse(error),
        };
        match server.operations.get(service, operation) {
            Some(row) => self.call(server, caller, row, body).await,
            None => self.refuse(ApiError::not_implemented(service, operation)),
        }
    }

    /// Runs the call of whom its token names, whoever signed it, if anybody did.
    async fn run_by_token(
        &self,
        server: &Server,
        claimed: Caller,
        opened: Result<Bytes, ApiError>,
    ) -> (Caller, Answer) {
        let caller = match web_identity::caller(server, self.request, &claimed, self.now).await {
            Ok(Some(caller)) => caller,
            // The operation says what is missing.
            Ok(None) => return (claimed.clone(), self.run(server, &claimed, opened).await),
            Err(error) => return (claimed, self.refuse(error)),
        };
        let answer = match server.throttle.enter(&caller, self.now) {
            Ok(_turn) => self.run(server, &caller, opened).await,
            Err(error) => self.refuse(error),
        };
        (caller, answer)
    }

    fn log(&self, answer: &Answer) {
        if let Some(error) = &answer.error {
            log(self.target.operation, self.request_id, error);
        }
    }

    async fn call(&self, server: &Server, caller: &Caller, row: &Row, body: Bytes) -> Answer {
        // A link in a notification carries its own proof.
        let is_by_link = is_link(self.target) && caller.identity_type == "Unknown";
        let asking = Asking { caller, now: self.now };
        let guard = match is_by_link {
            true => None,
            false => server.access.guard(asking, self.target.service, self.target.operation),
        };
        let call = Call {
            protocol: self.target.protocol,
            path: &self.request.path,
            query: &self.request.query,
            body: &body,
            request_id: self.request_id,
            audited: may_be_recorded(server, row.audit()),
            guard: guard.as_ref().map(|guard| guard as &dyn Guard),
        };
        let running = match row {
            Row::Access(operation) => (operation.run)(&server.access, caller, call),
            Row::Trail(operation) => (operation.run)(&server.trail, caller, call),
            Row::Watch(operation) => (operation.run)(&server.watch, caller, call),
        };
        // A panic is a defect of ours; it costs this one call and nothing else. The panic hook has logged where it was.
        AssertUnwindSafe(running).catch_unwind().await.unwrap_or_else(|_| {
            let message = "An internal error has occurred. See the server's log.";
            self.refuse(ApiError::new(&common::INTERNAL_FAILURE, message))
        })
    }

    fn refuse(&self, error: ApiError) -> Answer {
        Answer {
            response: error_response(self.target.protocol, self.target.service, &error, self.request_id),
            error: Some(error),
            request_parameters: None,
            response_elements: None,
        }
    }

    /// Appends the audit event of the call where one is due.
    async fn audit(&self, server: &Server, caller: &Caller, answer: &Answer) -> Result<(), store::Error> {
        let Target { service, operation, .. } = *self.target;
        let (access, audit) = match server.operations.get(service, operation) {
            Some(row) => (row.access(), row.audit()),
            None => (access_of_missing(service, operation), Audit::Management),
        };
        if !may_be_recorded(server, audit) || server.leaves_to_others(answer.response.status) {
            return Ok(());
        }
        let resources = data_resources(caller, audit, answer.request_parameters.as_deref());
        let call = OwnCall {
            caller,
            source: service.event_source(),
            operation,
            access,
            audit,
            time: self.now,
            request_id: self.request_id,
            host: self.request.header("host"),
            request_parameters: answer.request_parameters.as_deref(),
            response_elements: answer.response_elements.as_deref(),
            error: answer.error.as_ref().map(|error| (error.code(), error.message())),
            resources: &resources,
        };
        if !server.trail.data_audit.should_record(&call) {
            return Ok(());
        }
        server.record(&call).await
    }
}

impl Server {
    /// Appends the audit event of a call, and what trails make of it; it is durable when this returns, or the call must not
    /// be answered as done. Of refused calls that are too many the number is recorded, later (see `throttle.rs`).
    pub async fn record(&self, call: &OwnCall<'_>) -> Result<(), store::Error> {
        if !self.throttle.records(call) {
            return Ok(());
        }
        self.record_event(trail::audit::event(call, &*self.ids), call.time).await
    }

    /// As [`Self::record`], of something that is no call.
    pub async fn record_event(&self, event: Event, time: Timestamp) -> Result<(), store::Error> {
        if let Some(recorder) = &self.recorder {
            return recorder.append(Batch { events: vec![event], ..Batch::default() }).await;
        }
        let (batch, deliveries) = log_delivery::batch(self, event).await;
        self.trail.store.append(batch).await?;
        deliveries.stored(self, time).await;
        Ok(())
    }
}

fn log(operation: &str, request_id: &str, error: &ApiError) {
    if error.status() >= 500 {
        let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
        tracing::error!(operation, request_id, %error, cause, "call failed");
    } else {
        tracing::debug!(operation, request_id, %error, "call refused");
    }
}

/// Management calls always; data calls only while some trail asks for some data event. Cheap: every call asks.
fn may_be_recorded(server: &Server, audit: Audit) -> bool {
    matches!(audit, Audit::Management) || server.trail.data_audit.any()
}

/// The resource that a data event concerns, from the parameters of the call.
fn data_resources(caller: &Caller, audit: Audit, parameters: Option<&str>) -> Vec<EventResource> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Named {
        log_group_name: Option<String>,
        log_group_identifier: Option<String>,
        channel_arn: Option<String>,
        topic_arn: Option<String>,
        target_arn: Option<String>,
    }
    let (Audit::Data(resource_type), Some(parameters)) = (audit, parameters) else { return Vec::new() };
    let Ok(named) = serde_json::from_str::<Named>(parameters) else { return Vec::new() };
    let group = named.log_group_name.or(named.log_group_identifier);
    let named_by_arn = named.channel_arn.or(named.topic_arn).or(named.target_arn);
    let arn = named_by_arn.or_else(|| {
        group.map(|group| if group.starts_with("arn:") { group } else { arn::log_group(&caller.scope, &group) })
    });
    arn.map(|name| EventResource { resource_type: resource_type.to_owned(), name }).into_iter().collect()
}

/// The access level of an operation without a row, from its name.
fn access_of_missing(service: Service, operation: &str) -> Access {
    let modelled = wire::modelled().iter().find(|m| m.service == service && m.name == operation);
    if modelled.is_some_and(|m| m.read_only_guess) { Access::Read } else { Access::Write }
}

fn count(
    server: &Server,
    service: &'static str,
    operation: &'static str,
    began: Instant,
    bytes_in: usize,
    response: &Response,
) {
    if server.leaves_to_others(response.status) {
        return;
    }
    server.calls.count(CallFacts {
        service,
        operation,
        status: response.status,
        latency: began.elapsed(),
        bytes_in,
        bytes_out: response.body.len(),
    });
}

#[cfg(test)]
mod tests;

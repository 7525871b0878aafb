//! `route`: which service, operation and protocol a request is for; all AWS services share one port.
//!
//! The order is: the RPC v2 CBOR path, the header `X-Amz-Target` (JSON), the form's `Action` (query), the REST path.

mod announced;

use crate::error::{ApiError, common};
use crate::generated::{Modelled, modelled};
use crate::query::form_decode;
use crate::request::HttpRequest;
use crate::rest_json::labels;
use crate::service::{Protocol, Service};
use crate::sigv4;
use std::collections::HashMap;
use std::sync::LazyLock;

pub use announced::{Announced, announced};

/// Where a request goes. The operation is one of the models; whether it is implemented is for the table to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// The service.
    pub service: Service,
    /// The operation's name, such as `PutLogEvents`.
    pub operation: &'static str,
    /// The encoding of request and answer.
    pub protocol: Protocol,
}

/// A request that is for no known operation.
#[derive(Debug)]
pub struct Misrouted {
    /// The encoding in which to answer.
    pub protocol: Protocol,
    /// What to answer.
    pub error: ApiError,
}

/// JSON target prefixes. CloudTrail's long form is today's, its short form that of old tools.
const TARGET_PREFIXES: [(&str, Service); 4] = [
    ("Logs_20140328", Service::Logs),
    ("GraniteServiceVersion20100801", Service::CloudWatch),
    ("com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101", Service::CloudTrail),
    ("CloudTrail_20131101", Service::CloudTrail),
];

/// CloudWatch's name in RPC v2 paths.
const CBOR_SERVICE: &str = "GraniteServiceVersion20100801";

/// Longest name of a client's making that is repeated to it.
const TOLD_CHARS_MAX: usize = 128;

/// The encoding that the path and headers of `request` announce: for answers to requests that are refused before their
/// body is looked at. A request that announces none is answered in JSON with HTTP statuses.
pub fn protocol(request: &HttpRequest) -> Protocol {
    if cbor_names(&request.path).is_some() {
        Protocol::Cbor
    } else if let Some(target) = request.header("x-amz-target") {
        json_protocol(request, target_service(target).map(|(service, _)| service))
    } else if is_form(request) || parameter(&request.query, "Action").is_some() {
        if accepts_json(request) { Protocol::QueryToJson } else { Protocol::Query }
    } else {
        Protocol::RestJson
    }
}

/// Finds the target of `request`, whose decompressed body is `body`.
pub fn route(request: &HttpRequest, body: &[u8]) -> Result<Target, Misrouted> {
    let protocol = protocol(request);
    let found = match protocol {
        Protocol::Cbor => route_cbor(request),
        Protocol::Json10 | Protocol::Json11 => route_json(request),
        Protocol::Query | Protocol::QueryToJson => route_query(request, body),
        Protocol::RestJson => route_rest(request),
    };
    match found {
        Ok(Modelled { service, name, .. }) => Ok(Target { service: *service, operation: name, protocol }),
        Err(error) => Err(Misrouted { protocol, error }),
    }
}

/// The parameters of a query-protocol call: the form in the body, or the URL's query where there is no body.
pub(crate) fn query_parameters<'a>(query: &'a str, body: &'a [u8]) -> Result<&'a str, ApiError> {
    if body.is_empty() {
        return Ok(query);
    }
    std::str::from_utf8(body).map_err(|_| ApiError::new(&common::SERIALIZATION, "The form is not UTF-8"))
}

fn route_cbor(request: &HttpRequest) -> Result<&'static Modelled, ApiError> {
    let (service, operation) = cbor_names(&request.path).unwrap_or_default();
    let announced = request.header("smithy-protocol");
    if announced != Some("rpc-v2-cbor") {
        return Err(unknown("An RPC v2 call needs the header 'Smithy-Protocol: rpc-v2-cbor'".into()));
    }
    if service != CBOR_SERVICE || request.method != "POST" {
        return Err(unknown(format!("No service '{}' speaks RPC v2 CBOR here", told(service))));
    }
    find(Service::CloudWatch, operation)
}

fn route_json(request: &HttpRequest) -> Result<&'static Modelled, ApiError> {
    let target = request.header("x-amz-target").unwrap_or_default();
    match target_service(target) {
        Some((service, operation)) => find(service, operation),
        None => Err(unknown(format!("The target '{}' is not known", told(target)))),
    }
}

fn route_query(request: &HttpRequest, body: &[u8]) -> Result<&'static Modelled, ApiError> {
    let parameters = query_parameters(&request.query, body)?;
    let Some(action) = parameter(parameters, "Action") else {
        return Err(ApiError::new(&MISSING_ACTION, "The request must contain the parameter Action."));
    };
    let version = parameter(parameters, "Version");
    let service = match version.as_deref() {
        Some(version) => {
            Service::ALL.into_iter().find(|service| speaks_query(*service) && service.api_version() == version)
        }
        None => sigv4::claimed(request).and_then(|claim| {
            Service::ALL.into_iter().find(|service| speaks_query(*service) && service.signing_name() == claim.service)
        }),
    };
    let found = service.and_then(|service| lookup(service, &action));
    found.ok_or_else(|| {
        let version = version.as_deref().unwrap_or("NO_VERSION_SPECIFIED");
        unknown(format!("Could not find operation {} for version {}", told(&action), told(version)))
    })
}

fn route_rest(request: &HttpRequest) -> Result<&'static Modelled, ApiError> {
    static REST: LazyLock<Vec<&Modelled>> =
        LazyLock::new(|| modelled().iter().filter(|row| row.service.protocols() == [Protocol::RestJson]).collect());
    let found =
        REST.iter().copied().find(|row| row.method == request.method && labels(row.path, &request.path).is_some());
    found.ok_or_else(|| {
        let (method, path) = (told(&request.method), told(&request.path));
        unknown(format!("No operation answers {method} {path}"))
    })
}

/// `Action` is absent from a query-protocol call.
const MISSING_ACTION: crate::error::ErrorShape =
    crate::error::ErrorShape::common("MissingAction", "MissingAction", 400);

fn find(service: Service, operation: &str) -> Result<&'static Modelled, ApiError> {
    lookup(service, operation)
        .ok_or_else(|| unknown(format!("{} has no operation '{}'", service.cli_name(), told(operation))))
}

fn lookup(service: Service, operation: &str) -> Option<&'static Modelled> {
    static BY_NAME: LazyLock<HashMap<(Service, &str), &Modelled>> =
        LazyLock::new(|| modelled().iter().map(|row| ((row.service, row.name), row)).collect());
    BY_NAME.get(&(service, operation)).copied()
}

fn unknown(text: String) -> ApiError {
    ApiError::new(&common::UNKNOWN_OPERATION, text)
}

/// The beginning of a name of the client's making, fit to be repeated to it.
fn told(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(TOLD_CHARS_MAX).collect()
}

/// Service and operation of `/service/S/operation/O`, after any prefix.
fn cbor_names(path: &str) -> Option<(&str, &str)> {
    let mut parts = path.rsplit('/');
    let (operation, word, service, first) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    (word == "operation" && first == "service").then_some((service, operation))
}

fn target_service(target: &str) -> Option<(Service, &str)> {
    let (prefix, operation) = target.rsplit_once('.')?;
    let (_, service) = TARGET_PREFIXES.into_iter().find(|(known, _)| *known == prefix)?;
    Some((service, operation))
}

/// The version of JSON that the client names, else the one that the service's model names.
fn json_protocol(request: &HttpRequest, service: Option<Service>) -> Protocol {
    let content_type = request.header("content-type").unwrap_or_default();
    if content_type.starts_with("application/x-amz-json-1.0") {
        Protocol::Json10
    } else if content_type.starts_with("application/x-amz-json-1.1") || service != Some(Service::CloudWatch) {
        Protocol::Json11
    } else {
        Protocol::Json10
    }
}

fn is_form(request: &HttpRequest) -> bool {
    let content_type = request.header("content-type").unwrap_or_default();
    content_type.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// Whether the client wants JSON before all else, where it may choose: with query, as on AWS.
fn accepts_json(request: &HttpRequest) -> bool {
    let accepted = request.header("accept").unwrap_or_default();
    accepted.split([',', ';']).next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
}

fn speaks_query(service: Service) -> bool {
    service.protocols().contains(&Protocol::Query)
}

/// The first parameter called `name`, as `QueryReader` would read it.
fn parameter<'a>(form: &'a str, name: &str) -> Option<std::borrow::Cow<'a, str>> {
    let mut pairs = form.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let (_, value) = pairs.find(|(key, _)| form_decode(key).is_ok_and(|key| key == name))?;
    form_decode(value).ok()
}

#[cfg(test)]
mod tests;

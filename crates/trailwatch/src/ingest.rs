//! Records that come in by other ways than AWS's API: OTLP/HTTP (`POST /v1/logs`, `POST /v1/metrics`), the JSON endpoints of CloudWatch
//! Logs (`POST /services/collector/event`, `/ingest/bulk`, `/ingest/json`) and Prometheus remote write (`POST /api/v1/write`).
//!
//! Who sends is proven as on AWS, by a signature for the service `logs` or `monitoring` or by a bearer token; and, since few
//! clients can sign, by the access key as user and password of HTTP basic authentication. Remote write may be signed for `aps`
//! too, for which Prometheus signs. A token sends log events only to groups that take tokens (PutBearerTokenAuthentication).
//!
//! The calls are data events `ExportLogs` and `IngestLogs` (`AWS::Logs::LogGroup`), `ExportMetrics` and `WritePrometheus`
//! (`AWS::CloudWatch::Metric`), names of our own: recorded where a trail's selectors ask.

use crate::calls::CallFacts;
use crate::http::Unread;
use crate::promql;
use crate::server::Server;
use model::limits::{HTTP_LOGS_BODY_BYTES_MAX, OTLP_BODY_BYTES_MAX};
use model::{Caller, EventResource, arn};
use std::borrow::Cow;
use std::time::Instant;
use trail::audit::OwnCall;
use watch::http_logs::{self, Format};
use watch::otlp::{self, Encoding, Status};
use watch::remote_write;
use wire::error::common;
use wire::{Access, ApiError, Audit, HttpRequest, Response};

mod credentials;

use credentials::Sender;

/// Names the namespace of metrics.
const NAMESPACE_HEADER: &str = "x-trailwatch-namespace";
/// Seconds after which a client that was refused for want of room may try again.
const RETRY_AFTER_SECS: u32 = 5;

/// What is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Route {
    Logs,
    /// Log events in JSON that is no OTLP.
    JsonLogs(Format),
    Metrics,
    RemoteWrite,
}

impl Route {
    fn of(request: &HttpRequest) -> Option<Self> {
        match (request.method.as_str(), request.path.as_str()) {
            ("POST", "/v1/logs") => Some(Self::Logs),
            ("POST", "/services/collector/event") => Some(Self::JsonLogs(Format::Collector)),
            ("POST", "/ingest/bulk") => Some(Self::JsonLogs(Format::Lines)),
            ("POST", "/ingest/json") => Some(Self::JsonLogs(Format::Structured)),
            ("POST", "/v1/metrics") => Some(Self::Metrics),
            ("POST", "/api/v1/write") => Some(Self::RemoteWrite),
            _ => None,
        }
    }

    fn is_logs(self) -> bool {
        matches!(self, Self::Logs | Self::JsonLogs(_))
    }

    fn operation(self) -> &'static str {
        match self {
            Self::Logs => "ExportLogs",
            Self::JsonLogs(_) => "IngestLogs",
            Self::Metrics => "ExportMetrics",
            Self::RemoteWrite => "WritePrometheus",
        }
    }

    /// CLI name and `eventSource` of the service, and the type of what the event is about.
    fn service(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Logs | Self::JsonLogs(_) => ("logs", "logs.amazonaws.com", "AWS::Logs::LogGroup"),
            Self::Metrics | Self::RemoteWrite => ("cloudwatch", "monitoring.amazonaws.com", "AWS::CloudWatch::Metric"),
        }
    }

    /// Services that a signature may be for.
    fn signing_names(self) -> &'static [&'static str] {
        match self {
            Self::Logs | Self::JsonLogs(_) => &["logs"],
            Self::Metrics => &["monitoring"],
            Self::RemoteWrite => &["monitoring", "aps"],
        }
    }
}

/// True when a request is one for this file.
pub fn is_asked(request: &HttpRequest) -> bool {
    Route::of(request).is_some()
}

/// Answers a request.
pub async fn answer(server: &Server, request: &HttpRequest, source_ip: &str) -> Response {
    let began = Instant::now();
    let route = Route::of(request).unwrap_or(Route::Logs);
    let (caller, outcome) = match credentials::sender(server, request, source_ip, route) {
        Ok(sender) => {
            let outcome = match server.throttle.enter(&sender.caller, server.clock.now()) {
                Ok(_turn) => take(server, &sender, request, route).await,
                Err(throttled) => Err(throttled),
            };
            (sender.caller, outcome)
        }
        Err(error) => (server.auth.claimed(request, source_ip), Err(error)),
    };
    finish(server, request, &caller, route, began, outcome).await
}

/// Refuses a request whose body was not read.
pub async fn refuse(server: &Server, request: &HttpRequest, source_ip: &str, unread: Unread) -> Response {
    let route = Route::of(request).unwrap_or(Route::Logs);
    let error = match unread {
        Unread::NoRoom => ApiError::new(&common::THROTTLING, "Rate exceeded"),
        Unread::TooLarge => ApiError::new(&common::REQUEST_TOO_LARGE, "The body is too large. Send smaller batches."),
        Unread::Broken => ApiError::new(&common::SERIALIZATION, "The request body did not arrive whole."),
    };
    let mut caller = server.auth.claimed(request, source_ip);
    caller.identity_type = "Unknown".into();
    finish(server, request, &caller, route, Instant::now(), Err(error)).await
}

/// Records, counts and answers a call.
async fn finish(
    server: &Server,
    request: &HttpRequest,
    caller: &Caller,
    route: Route,
    began: Instant,
    outcome: Result<Vec<u8>, ApiError>,
) -> Response {
    let recorded = record(server, caller, request, route, outcome.as_ref().err()).await;
    // A call whose audit record is not durable is not answered as done.
    let outcome = recorded.map_err(ApiError::from).and(outcome);
    if let Err(error) = &outcome {
        let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
        match error.status() {
            500.. => tracing::error!(operation = route.operation(), %error, cause, "call failed"),
            _ => tracing::debug!(operation = route.operation(), %error, "call refused"),
        }
    }
    let response = response(request, route, outcome);
    server.calls.count(CallFacts {
        service: route.service().0,
        operation: route.operation(),
        status: response.status,
        latency: began.elapsed(),
        bytes_in: request.body.len(),
        bytes_out: response.body.len(),
    });
    response
}

/// Stores what a request brings. Answers the body of the answer.
async fn take(server: &Server, sender: &Sender, request: &HttpRequest, route: Route) -> Result<Vec<u8>, ApiError> {
    let (watch, scope) = (&server.watch, &sender.caller.scope);
    if route == Route::RemoteWrite {
        sender.authorize(server, "cloudwatch:PutMetricData", "*")?;
        check_remote_write(request)?;
        let namespace = namespace(request).unwrap_or_else(|| remote_write::DEFAULT_NAMESPACE.to_owned());
        remote_write::write(watch, scope, &namespace, &request.body).await?;
        return Ok(Vec::new());
    }
    if let Route::JsonLogs(format) = route {
        check_json(request, format)?;
        let body = wire::inflate::inflate(request.header("content-encoding"), &request.body, HTTP_LOGS_BODY_BYTES_MAX);
        let body = body.map_err(|error| error.to_api_error())?;
        let (group, stream) = log_target(request, route)?;
        authorize_logs(server, sender, (&group, &stream)).await?;
        return http_logs::ingest(watch, scope, (&group, &stream), format, &body).await;
    }
    let encoding = encoding(request).ok_or_else(|| {
        let message = "The Content-Type must be application/x-protobuf or application/json.";
        ApiError::new(&common::UNSUPPORTED_MEDIA_TYPE, message)
    })?;
    let body = wire::inflate::inflate(request.header("content-encoding"), &request.body, OTLP_BODY_BYTES_MAX);
    let body = body.map_err(|error| error.to_api_error())?;
    let answer = match route {
        Route::Logs => {
            let (group, stream) = log_target(request, route)?;
            authorize_logs(server, sender, (&group, &stream)).await?;
            otlp::export_logs(watch, scope, (&group, &stream), encoding, &body).await?
        }
        _ => {
            sender.authorize(server, "cloudwatch:PutMetricData", "*")?;
            let namespace = namespace(request);
            otlp::export_metrics(watch, scope, namespace.as_deref(), &server.cumulative, encoding, &body).await?
        }
    };
    Ok(answer.encode(encoding))
}

/// Refuses a sender who may not write to this group and stream.
async fn authorize_logs(server: &Server, sender: &Sender, (group, stream): (&str, &str)) -> Result<(), ApiError> {
    let resource = arn::log_stream(&sender.caller.scope, group, stream);
    sender.authorize(server, "logs:PutLogEvents", &resource)?;
    sender.check_group(server, group).await
}

/// Refuses what the Content-Type says is not what the endpoint takes.
fn check_json(request: &HttpRequest, format: Format) -> Result<(), ApiError> {
    let content_type = request.header("content-type").unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let (taken, named): (&[&str], _) = match format {
        Format::Lines => (&["application/json", "application/x-ndjson"], "application/json or application/x-ndjson"),
        Format::Collector | Format::Structured => (&["application/json"], "application/json"),
    };
    if taken.contains(&media_type.as_str()) {
        return Ok(());
    }
    Err(ApiError::new(&common::UNSUPPORTED_MEDIA_TYPE, format!("The Content-Type must be {named}.")))
}

fn encoding(request: &HttpRequest) -> Option<Encoding> {
    Encoding::of(request.header("content-type").unwrap_or_default())
}

/// Group and stream: named by headers or, but for OTLP, in the query.
fn log_target(request: &HttpRequest, route: Route) -> Result<(Cow<'_, str>, Cow<'_, str>), ApiError> {
    let query = if route == Route::Logs { Vec::new() } else { promql::pairs(&request.query) };
    let named = |header: &str, parameter: &str| {
        let refused = |message: String| Err(ApiError::new(&common::VALIDATION_EXCEPTION, message));
        let by_header = request.header(header).map(str::trim).filter(|value| !value.is_empty());
        let by_query = query.iter().find(|(name, value)| name == parameter && !value.is_empty());
        match (by_header, by_query) {
            (Some(value), None) => Ok(Cow::Borrowed(value)),
            (None, Some((_, value))) => Ok(Cow::Owned(value.clone())),
            (Some(_), Some(_)) => refused(format!(
                "The header {header} and the query parameter {parameter} cannot both be used in the same request."
            )),
            (None, None) => refused(format!("The header {header} is missing: it names where the log events go.")),
        }
    };
    Ok((named("x-aws-log-group", "logGroup")?, named("x-aws-log-stream", "logStream")?))
}

/// The namespace that a request says: in the query, for clients that cannot set headers, or in a header.
fn namespace(request: &HttpRequest) -> Option<String> {
    let in_query = promql::pairs(&request.query).into_iter().find(|(name, _)| name == "namespace");
    in_query.map(|(_, name)| name).or_else(|| request.header(NAMESPACE_HEADER).map(|name| name.trim().to_owned()))
}

/// Refuses what is not version 1 in Snappy, naming what it is.
fn check_remote_write(request: &HttpRequest) -> Result<(), ApiError> {
    let content_type = request.header("content-type").unwrap_or_default();
    let version = request.header("x-prometheus-remote-write-version").unwrap_or_default();
    let refused = if content_type.contains("io.prometheus.write.v2") || version.starts_with("2.") {
        "Remote write 2.0 (io.prometheus.write.v2.Request) is not taken: send version 1 (prometheus.WriteRequest)."
            .into()
    } else if !content_type.to_ascii_lowercase().starts_with("application/x-protobuf") {
        "The Content-Type must be application/x-protobuf.".to_owned()
    } else {
        match request.header("content-encoding").map(str::to_ascii_lowercase).as_deref() {
            Some("snappy") => return Ok(()),
            _ => "The Content-Encoding must be snappy.".to_owned(),
        }
    };
    Err(ApiError::new(&common::UNSUPPORTED_MEDIA_TYPE, refused))
}

/// The answer as its protocol has it: errors of OTLP are a `google.rpc.Status`, those of remote write plain text.
fn response(request: &HttpRequest, route: Route, outcome: Result<Vec<u8>, ApiError>) -> Response {
    let encoding = encoding(request).unwrap_or(Encoding::Json);
    let content_type = match route {
        Route::RemoteWrite => "text/plain; charset=utf-8",
        _ => encoding.content_type(),
    };
    let mut headers = vec![("content-type", content_type.to_owned())];
    match outcome {
        Ok(body) if route == Route::RemoteWrite => {
            Response { status: 204, headers: Vec::new(), body: body.into(), rest: None }
        }
        Ok(body) => Response { status: 200, headers, body: body.into(), rest: None },
        Err(error) => {
            let status = http_status(route, &error);
            if matches!(status, 429 | 503) {
                headers.push(("retry-after", RETRY_AFTER_SECS.to_string()));
            }
            if status == 401 {
                headers
                    .push(("www-authenticate", "Basic realm=\"trailwatch\", Bearer realm=\"trailwatch\"".to_owned()));
            }
            let body = match route {
                Route::RemoteWrite => format!("{}\n", error.message()).into_bytes(),
                _ => Status::of(status, error.message()).encode(encoding),
            };
            Response { status, headers, body: body.into(), rest: None }
        }
    }
}

/// AWS's JSON protocols answer 400 for want of room, and 403 to who is unknown; these clients go by other numbers.
fn http_status(route: Route, error: &ApiError) -> u16 {
    let shape = error.shape();
    if *shape == common::THROTTLING {
        429
    } else if matches!(route, Route::JsonLogs(_)) && error.code() == "ResourceNotFoundException" {
        404
    } else if *shape == common::MISSING_AUTHENTICATION_TOKEN || *shape == common::UNRECOGNIZED_CLIENT {
        401
    } else {
        shape.status
    }
}

/// Records the call where a trail's selectors ask for it.
async fn record(
    server: &Server,
    caller: &Caller,
    request: &HttpRequest,
    route: Route,
    error: Option<&ApiError>,
) -> Result<(), store::Error> {
    if !server.trail.data_audit.any() {
        return Ok(());
    }
    let (_, source, resource_type) = route.service();
    let target = if route.is_logs() { log_target(request, route).ok() } else { None };
    let (group, stream) = target.unzip();
    let group = group.as_deref();
    let parameters = match route.is_logs() {
        true => serde_json::json!({ "logGroupName": group, "logStreamName": stream }),
        false => serde_json::json!({ "namespace": namespace(request) }),
    };
    let resource =
        |group| EventResource { resource_type: resource_type.to_owned(), name: arn::log_group(&caller.scope, group) };
    let resources: Vec<EventResource> = group.map(resource).into_iter().collect();
    let call = OwnCall {
        caller,
        source,
        operation: route.operation(),
        access: Access::Write,
        audit: Audit::Data(resource_type),
        time: server.clock.now(),
        request_id: &server.ids.uuid().to_string(),
        host: request.header("host"),
        request_parameters: Some(&parameters.to_string()),
        response_elements: None,
        error: error.map(|error| (error.code(), error.message())),
        resources: &resources,
    };
    if server.trail.data_audit.should_record(&call) { server.record(&call).await } else { Ok(()) }
}

//! `POST /_trailwatch/import`: records in, from the command line to a running server; both ends of it.

pub mod aws_call;

use crate::outgoing::roots;
use crate::own::{EVENT_SOURCE, SIGNING_NAME};
use crate::server::{Refused, Server, json};
use anyhow::{Context, bail};
use bytes::Bytes;
use clap::Args;
use model::{Caller, Clock, Event};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use trail::audit::OwnCall;
use trail::import::{self, Differing, Imported};
use trail::record::Defaults;
use ureq::config::ConfigBuilder;
use ureq::tls::{RootCerts, TlsConfig};
use ureq::typestate::AgentScope;
use wire::sigv4::{self, Credentials};
use wire::{Access, Audit, HttpRequest, Response};

/// What policies call an import.
const ACTION: &str = "trailwatch:ImportEvents";
/// How the paths begin that are ours and no AWS service's.
pub const OWN_PATHS: &str = "/_trailwatch/";
/// Where records are posted to.
pub const IMPORT_PATH: &str = "/_trailwatch/import";
/// `eventName` of an import.
pub const IMPORT: &str = "ImportEvents";
/// Largest answer that the command line reads.
const ANSWER_BYTES_MAX: u64 = 2 * model::limits::SQL_ANSWER_BYTES_MAX as u64;
/// Refusals repeated to the client.
const REFUSALS_MAX: usize = 100;

/// The answer of an import.
#[derive(Debug, Serialize, Deserialize)]
struct Outcome {
    stored: usize,
    duplicates: usize,
    /// Which records of the body, counted from 0, are not what is kept under their ids.
    #[serde(default)]
    differing: Vec<Differing>,
    refused: Vec<String>,
}

/// Stores the records of the body, `{"Records":[…]}`, skipping those that are there. `account` and `region` in the query are
/// for records that name none.
pub async fn import(server: &Server, request: &HttpRequest, source_ip: &str) -> Response {
    let now = server.clock.now();
    let (caller, _turn) = match server.admit(request, source_ip, SIGNING_NAME, ACTION) {
        Ok(admitted) => admitted,
        Err(refused) => {
            let Refused { caller, error } = *refused;
            if let Err(error) = record(server, &caller, request, Err(&error)).await {
                tracing::error!(%error, "record a refused import");
            }
            return json(error.status(), &serde_json::json!({ "__type": error.code(), "message": error.message() }));
        }
    };
    let mut defaults =
        Defaults { account: caller.scope.account.clone(), region: caller.scope.region.clone(), ingestion_time: now };
    for pair in request.query.split('&') {
        match pair.split_once('=') {
            Some(("account", account)) if crate::config::is_account_id(account) => defaults.account = account.into(),
            Some(("region", region)) if crate::config::is_region(region) => defaults.region = region.into(),
            _ => {}
        }
    }
    let Body { events, numbers, refused } = Body::read(&request.body, &defaults);
    match store(server, &caller, request, events).await {
        Ok(Imported { stored, duplicates, mut differing }) => {
            let of_body = |at: u64| usize::try_from(at).ok().and_then(|at| numbers.get(at).copied()).unwrap_or(at);
            differing.iter_mut().for_each(|differing| differing.at = of_body(differing.at));
            let (differ, refusals) = (differing.len(), refused.len());
            tracing::debug!(stored, duplicates, differ, refused = refusals, "imported audit events");
            json(200, &serde_json::json!(Outcome { stored, duplicates, differing, refused }))
        }
        Err(error) => {
            tracing::error!(%error, "import");
            let error = wire::ApiError::from(error);
            json(error.status(), &serde_json::json!({ "__type": error.code(), "message": error.message() }))
        }
    }
}

/// The body of an import.
#[derive(Default)]
struct Body {
    events: Vec<Event>,
    /// For each event, which record of the body it is.
    numbers: Vec<u64>,
    refused: Vec<String>,
}

impl Body {
    fn read(bytes: &[u8], defaults: &Defaults) -> Self {
        let (mut body, mut records) = (Self::default(), 0_u64);
        import::read(bytes, "body", defaults, &mut |taken| match taken {
            Ok(event) => {
                body.events.push(event);
                body.numbers.push(records);
                records += 1;
            }
            Err(refusal) => {
                records += u64::from(refusal.record.is_some());
                if body.refused.len() < REFUSALS_MAX {
                    body.refused.push(refusal.to_string());
                }
            }
        });
        body
    }
}

/// Stores the events, and an event of our own that says who brought them in.
async fn store(
    server: &Server,
    caller: &Caller,
    request: &HttpRequest,
    events: Vec<Event>,
) -> Result<Imported, store::Error> {
    let imported = import::store(&server.trail, events).await?;
    record(server, caller, request, Ok(&imported)).await?;
    Ok(imported)
}

/// Records one import call on our own trail.
async fn record(
    server: &Server,
    caller: &Caller,
    request: &HttpRequest,
    outcome: Result<&Imported, &wire::ApiError>,
) -> Result<(), store::Error> {
    let response = outcome.map(|imported| {
        let Imported { stored, duplicates, differing } = imported;
        serde_json::json!({ "stored": stored, "duplicates": duplicates, "differing": differing.len() }).to_string()
    });
    let call = OwnCall {
        caller,
        source: EVENT_SOURCE,
        operation: IMPORT,
        access: Access::Write,
        audit: Audit::Management,
        time: server.clock.now(),
        request_id: &server.ids.uuid().to_string(),
        host: request.header("host"),
        request_parameters: None,
        response_elements: response.as_deref().ok(),
        error: response.as_ref().err().map(|error| (error.code(), error.message())),
        resources: &[],
    };
    server.record(&call).await
}

/// Which server a command asks.
#[derive(Debug, Default, Args)]
pub struct ServerArgs {
    /// The running server [default: AWS_ENDPOINT_URL, else http://127.0.0.1:8792]; keys come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// PEM file of the authorities that the certificate of an https:// server may be of [default: AWS_CA_BUNDLE, else Mozilla's]
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
}

/// A running server, seen from the command line.
pub struct Remote {
    base: String,
    host: String,
    query: String,
    region: String,
    credentials: Credentials,
    clock: Arc<dyn Clock>,
    agent: ureq::Agent,
    /// For answers that go on.
    without_end: ureq::Agent,
}

impl Remote {
    /// The server that `at` or the environment names, with the environment's keys.
    pub fn from_environment(at: &ServerArgs, defaults: &Defaults, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        let environment = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let base = at.endpoint.clone().or_else(|| environment("AWS_ENDPOINT_URL"));
        let base = base.unwrap_or_else(|| "http://127.0.0.1:8792".into()).trim_end_matches('/').to_owned();
        let uri: http::Uri = base.parse().with_context(|| format!("--endpoint '{base}' is not a URL"))?;
        let host = uri.authority().with_context(|| format!("--endpoint '{base}' names no host"))?.to_string();
        let key = |name| {
            environment(name)
                .with_context(|| format!("{name} is not set: paste the export lines that the server printed"))
        };
        // Who speaks plain HTTP needs no authorities, and none that can be read.
        let ca_file = at.ca_file.clone().or_else(|| environment("AWS_CA_BUNDLE").map(PathBuf::from));
        let roots = roots(ca_file.filter(|_| uri.scheme_str() == Some("https")).as_deref())?;
        Ok(Self {
            base,
            host,
            query: format!("account={}&region={}", defaults.account, defaults.region),
            region: defaults.region.clone(),
            credentials: Credentials {
                access_key_id: key("AWS_ACCESS_KEY_ID")?,
                secret_access_key: key("AWS_SECRET_ACCESS_KEY")?,
                session_token: environment("AWS_SESSION_TOKEN"),
            },
            clock,
            agent: client(&roots).timeout_global(Some(Duration::from_secs(120))).build().into(),
            without_end: client(&roots).timeout_connect(Some(Duration::from_secs(10))).build().into(),
        })
    }

    /// Posts a body, signed, to a path that may have a query string; answers the status and the body of the answer.
    pub fn post(&self, target: &str, signing_name: &str, accept: &str, body: String) -> anyhow::Result<(u16, Vec<u8>)> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut request = HttpRequest {
            method: "POST".into(),
            path: path.into(),
            query: query.into(),
            headers: vec![("host".into(), self.host.clone()), ("accept".into(), accept.into())],
            body: Bytes::from(body),
            ..HttpRequest::default()
        };
        sigv4::sign(&mut request, &self.credentials, &self.region, signing_name, self.clock.now());
        let mut post = self.agent.post(format!("{}{target}", self.base));
        for (name, value) in request.headers.iter().filter(|(name, _)| name != "host") {
            post = post.header(name, value);
        }
        let mut answer = post.send(&request.body[..]).with_context(|| format!("reach {}", self.base))?;
        let body = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec().context("read the answer")?;
        Ok((answer.status().as_u16(), body))
    }

    /// Calls an operation of Logs; answers what can be read of its answer, which may go on for hours.
    pub fn logs_call(&self, operation: &str, input: &serde_json::Value) -> anyhow::Result<impl std::io::Read + use<>> {
        let mut request = HttpRequest {
            method: "POST".into(),
            path: "/".into(),
            headers: vec![
                ("host".into(), self.host.clone()),
                ("content-type".into(), "application/x-amz-json-1.1".into()),
                ("x-amz-target".into(), format!("Logs_20140328.{operation}")),
            ],
            body: Bytes::from(input.to_string()),
            ..HttpRequest::default()
        };
        sigv4::sign(&mut request, &self.credentials, &self.region, "logs", self.clock.now());
        let mut post = self.without_end.post(format!("{}/", self.base));
        for (name, value) in request.headers.iter().filter(|(name, _)| name != "host") {
            post = post.header(name, value);
        }
        let answer = post.send(&request.body[..]).with_context(|| format!("reach {}", self.base))?;
        reader(answer, operation)
    }

    /// Gets a path, which may have a query string, signed; answers what can be read of its answer, which may go on for ever.
    pub fn stream(&self, target: &str, signing_name: &str) -> anyhow::Result<impl std::io::Read + use<>> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut request = HttpRequest {
            method: "GET".into(),
            path: path.into(),
            query: query.into(),
            headers: vec![("host".into(), self.host.clone())],
            ..HttpRequest::default()
        };
        sigv4::sign(&mut request, &self.credentials, &self.region, signing_name, self.clock.now());
        let mut get = self.without_end.get(format!("{}{target}", self.base));
        for (name, value) in request.headers.iter().filter(|(name, _)| name != "host") {
            get = get.header(name, value);
        }
        reader(get.call().with_context(|| format!("reach {}", self.base))?, path)
    }

    /// Hands over records that were read and checked here.
    pub fn store(&self, events: &[Event]) -> anyhow::Result<Imported> {
        let records: Vec<&str> = events.iter().map(|event| event.record.as_str()).collect();
        let body = format!("{{\"Records\":[{}]}}", records.join(","));
        let mut request = HttpRequest {
            method: "POST".into(),
            path: IMPORT_PATH.into(),
            query: self.query.clone(),
            headers: vec![("host".into(), self.host.clone()), ("content-type".into(), "application/json".into())],
            body: Bytes::from(body),
            ..HttpRequest::default()
        };
        sigv4::sign(&mut request, &self.credentials, &self.region, SIGNING_NAME, self.clock.now());
        let url = format!("{}{}?{}", self.base, request.path, request.query);
        let mut post = self.agent.post(&url);
        for (name, value) in request.headers.iter().filter(|(name, _)| name != "host") {
            post = post.header(name, value);
        }
        let mut answer = post.send(&request.body[..]).with_context(|| format!("reach {}", self.base))?;
        let status = answer.status();
        let text = answer.body_mut().read_to_string().context("read the answer")?;
        if status != 200 {
            bail!("{} answered {status}: {}", self.base, text.trim());
        }
        let outcome: Outcome = serde_json::from_str(&text).context("read the answer")?;
        if let Some(refusal) = outcome.refused.first() {
            bail!("the server refused a record that was read here: {refusal}");
        }
        let Outcome { stored, duplicates, differing, .. } = outcome;
        Ok(Imported { stored, duplicates, differing })
    }
}

/// Each byte that is not safe is written as `%XX`.
pub fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = std::fmt::Write::write_fmt(&mut encoded, format_args!("%{byte:02X}"));
        }
    }
    encoded
}

fn client(roots: &RootCerts) -> ConfigBuilder<AgentScope> {
    let tls = TlsConfig::builder().root_certs(roots.clone()).build();
    ureq::Agent::config_builder().http_status_as_error(false).tls_config(tls)
}

/// The body of an answer; an answer that refuses `what` is an error with its message.
fn reader(answer: http::Response<ureq::Body>, what: &str) -> anyhow::Result<impl std::io::Read + use<>> {
    let status = answer.status().as_u16();
    let mut body = answer.into_body();
    if status != 200 {
        let told = body.read_to_string().context("read the answer")?;
        let told: serde_json::Value = serde_json::from_str(&told).unwrap_or_default();
        bail!("{what}: {}", told["message"].as_str().unwrap_or("the server refused the call"));
    }
    Ok(body.into_reader())
}

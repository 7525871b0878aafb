//! `POST /_trailwatch/import`: records in, from the command line to a running server; both ends of it.

use crate::server::{Server, json};
use anyhow::{Context, bail};
use bytes::Bytes;
use model::{Caller, Clock, Event};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use trail::audit::OwnCall;
use trail::import::{self, Imported};
use trail::record::Defaults;
use wire::sigv4::{self, Credentials};
use wire::{Access, Audit, HttpRequest, Protocol, Response};

/// Service name in the signature of our own calls.
const SIGNING_NAME: &str = "trailwatch";
/// How the paths begin that are ours and no AWS service's.
pub const OWN_PATHS: &str = "/_trailwatch/";
/// Where records are posted to.
pub const IMPORT_PATH: &str = "/_trailwatch/import";
/// `eventSource` of our own calls that AWS does not have, and of calls that name no service.
pub const EVENT_SOURCE: &str = "trailwatch";
/// `eventName` of an import.
pub const IMPORT: &str = "ImportEvents";
/// Refusals repeated to the client.
const REFUSALS_MAX: usize = 100;

/// The answer of an import.
#[derive(Debug, Serialize, Deserialize)]
struct Outcome {
    stored: usize,
    duplicates: usize,
    refused: Vec<String>,
}

/// Stores the records of the body, `{"Records":[…]}`, skipping those that are there. `account` and `region` in the query are
/// for records that name none.
pub async fn import(server: &Server, request: &HttpRequest, source_ip: &str) -> Response {
    let now = server.clock.now();
    let verified = server.auth.caller(request, source_ip, now);
    let caller = match verified.and_then(|caller| server.auth.check_service(request, SIGNING_NAME).map(|()| caller)) {
        Ok(caller) => caller,
        Err(refused) => {
            let error = refused.to_api_error(Protocol::RestJson);
            let caller = server.auth.claimed(request, source_ip);
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
    let (mut events, mut refused) = (Vec::new(), Vec::new());
    import::read(&*request.body, "body", &defaults, &mut |taken| match taken {
        Ok(event) => events.push(event),
        Err(refusal) if refused.len() < REFUSALS_MAX => refused.push(refusal.to_string()),
        Err(_) => {}
    });
    match store(server, &caller, request, events).await {
        Ok(Imported { stored, duplicates }) => {
            tracing::debug!(stored, duplicates, refused = refused.len(), "imported audit events");
            let outcome = Outcome { stored, duplicates, refused };
            json(200, &serde_json::json!(outcome))
        }
        Err(error) => {
            tracing::error!(%error, "import");
            let error = wire::ApiError::from(error);
            json(error.status(), &serde_json::json!({ "__type": error.code(), "message": error.message() }))
        }
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
    record(server, caller, request, Ok(imported)).await?;
    Ok(imported)
}

/// Records one import call on our own trail.
async fn record(
    server: &Server,
    caller: &Caller,
    request: &HttpRequest,
    outcome: Result<Imported, &wire::ApiError>,
) -> Result<(), store::Error> {
    let response = outcome.map(|imported| {
        serde_json::json!({ "stored": imported.stored, "duplicates": imported.duplicates }).to_string()
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

/// A running server, seen from the command line.
pub struct Remote {
    base: String,
    host: String,
    query: String,
    region: String,
    credentials: Credentials,
    clock: Arc<dyn Clock>,
    agent: ureq::Agent,
}

impl Remote {
    /// The server that `endpoint` or the environment names, with the environment's keys.
    pub fn from_environment(
        endpoint: Option<&str>,
        defaults: &Defaults,
        clock: Arc<dyn Clock>,
    ) -> anyhow::Result<Self> {
        let environment = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let base = endpoint.map(str::to_owned).or_else(|| environment("AWS_ENDPOINT_URL"));
        let base = base.unwrap_or_else(|| "http://127.0.0.1:8792".into()).trim_end_matches('/').to_owned();
        let uri: http::Uri = base.parse().with_context(|| format!("--endpoint '{base}' is not a URL"))?;
        let host = uri.authority().with_context(|| format!("--endpoint '{base}' names no host"))?.to_string();
        let key = |name| {
            environment(name)
                .with_context(|| format!("{name} is not set: paste the export lines that the server printed"))
        };
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(120)))
            .build();
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
            agent: config.into(),
        })
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
        Ok(Imported { stored: outcome.stored, duplicates: outcome.duplicates })
    }
}

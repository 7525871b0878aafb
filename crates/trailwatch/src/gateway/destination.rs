//! The running Trailwatch, as the gateway sees it: events by the way of imports, metrics by PutMetricData.

use crate::agent::keys;
use crate::own::SIGNING_NAME;
use crate::remote::{IMPORT_PATH, encoded};
use ::agent::endpoint::{AwsEndpoint, Endpoint, Operation, Target};
use ::gateway::delivery::Destination;
use anyhow::Context;
use bytes::Bytes;
use model::Clock;
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use ureq::tls::{RootCerts, TlsConfig};
use wire::HttpRequest;
use wire::sigv4;

/// Longest wait for a connection, and for an answer.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);
const CALL_TIME_MAX: Duration = Duration::from_secs(60);

/// The server.
pub struct Server {
    base: String,
    host: String,
    query: String,
    region: String,
    clock: Arc<dyn Clock>,
    agent: ureq::Agent,
    metrics: AwsEndpoint,
}

impl Server {
    /// The server at `endpoint`. Account and region are of records that name none. Keys are looked up before each call, for they may
    /// be renewed.
    /// `roots` are the authorities that its certificate may be of.
    pub fn new(
        (endpoint, roots): (&str, RootCerts),
        account_id: &str,
        region: &str,
        clock: Arc<dyn Clock>,
    ) -> anyhow::Result<Self> {
        let target = Target::parse(endpoint)?;
        let Target::Server(base) = target.clone() else {
            anyhow::bail!("--endpoint must be the URL of a Trailwatch, not '{endpoint}'");
        };
        let host = base.split_once("://").map_or("", |(_, host)| host).to_owned();
        keys()?;
        let config = ureq::Agent::config_builder()
            .max_redirects(0)
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT_TIME_MAX))
            .timeout_global(Some(CALL_TIME_MAX))
            .tls_config(TlsConfig::builder().root_certs(roots.clone()).build())
            .build();
        Ok(Self {
            query: format!("account={}&region={}", encoded(account_id), encoded(region)),
            metrics: AwsEndpoint::new((target, roots), region, Box::new(keys), Arc::clone(&clock)),
            base,
            host,
            region: region.to_owned(),
            clock,
            agent: config.into(),
        })
    }

    fn import(&self, records: &[String]) -> anyhow::Result<Vec<String>> {
        #[derive(Deserialize)]
        struct Imported {
            #[serde(default)]
            refused: Vec<String>,
        }
        let mut request = HttpRequest {
            method: "POST".into(),
            path: IMPORT_PATH.into(),
            query: self.query.clone(),
            headers: vec![("host".into(), self.host.clone()), ("content-type".into(), "application/json".into())],
            body: Bytes::from(format!("{{\"Records\":[{}]}}", records.join(","))),
            ..HttpRequest::default()
        };
        sigv4::sign(&mut request, &keys()?, &self.region, SIGNING_NAME, self.clock.now());
        let mut post = self.agent.post(format!("{}{}?{}", self.base, request.path, request.query));
        for (name, value) in request.headers.iter().filter(|(name, _)| name != "host") {
            post = post.header(name, value);
        }
        let mut answer = post.send(&request.body[..]).with_context(|| format!("reach {}", self.base))?;
        let status = answer.status();
        let text = answer.body_mut().read_to_string().context("read the answer")?;
        anyhow::ensure!(status == 200, "{} answered {status}: {}", self.base, text.trim());
        Ok(serde_json::from_str::<Imported>(&text).context("read the answer")?.refused)
    }
}

impl Destination for Server {
    fn store(&self, records: &[String]) -> Result<Vec<String>, String> {
        self.import(records).map_err(|error| format!("{error:#}"))
    }

    fn put_metrics(&self, input: &serde_json::Value) -> Result<(), String> {
        self.metrics.call(Operation::PutMetricData, input).map(|_| ()).map_err(|error| error.to_string())
    }
}

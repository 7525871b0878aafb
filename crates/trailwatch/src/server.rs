//! `Server`: the two planes and everything a request needs, and the few paths that are not AWS operations.

use crate::auth::Auth;
use crate::browsers::check_open;
use crate::buckets::ServerBuckets;
use crate::calls::Calls;
use crate::config::Config;
use crate::oidc::Oidc;
use crate::throttle::{Throttle, Turn};
use crate::{
    backtest, cluster, console, dead_letters, detections, event_tail, health, proofs, remote, retention, validate_trail,
};
use access::Asking;
use bytes::Bytes;
use futures::future::BoxFuture;
use model::{Batch, Caller, Clock, Ids, Timestamp};
use std::sync::Arc;
use tokio::sync::oneshot;
use trail::Trail;
use watch::Watch;
use watch::notify::signature::CERTIFICATE_PATHS;
use wire::request::HttpRequest;
use wire::{ApiError, Protocol, Response};

/// Says whether a server may act at the moment.
pub type MayAct = Arc<dyn Fn() -> bool + Send + Sync>;

/// Stores what calls leave behind, for a server that only reads: their audit events, and datapoints about them.
pub trait Recorder: Send + Sync {
    /// The batch is durable when this returns.
    fn append(&self, batch: Batch) -> BoxFuture<'_, Result<(), store::Error>>;
}

/// Everything a request needs. One for the life of the process.
pub struct Server {
    /// What the operator asked for.
    pub config: Config,
    /// Who may call.
    pub auth: Auth,
    /// The governance plane.
    pub trail: Trail,
    /// The operations plane.
    pub watch: Watch,
    /// Objects that both planes write, to be read out.
    pub buckets: Arc<ServerBuckets>,
    /// The tree of audit events, for others to verify.
    pub proofs: crate::proofs::Proofs,
    /// Identities, and what they may do.
    pub access: access::Access,
    /// SQL over all records.
    pub sql: crate::sql::Engine,
    /// The table of operations.
    pub operations: crate::operations::Table,
    /// Cumulative histograms of OTLP clients.
    pub cumulative: watch::otlp::Cumulative,
    /// Syslog messages, counted.
    pub syslog: crate::syslog::Counts,
    /// The provider that people sign in through.
    pub oidc: Option<Arc<Oidc>>,
    /// Who is signed in to the console.
    pub sessions: console::Sessions,
    /// How many calls callers may make.
    pub throttle: Throttle,
    /// What keeps audit events longer than their retention.
    pub expiry: retention::Expiry,
    /// The lease of a catalog that other servers can reach.
    pub lease: Option<crate::lease::Held>,
    /// False while another node of a cluster may have taken the place of this one.
    pub may_act: MayAct,
    /// Who stores what calls leave behind; `None` for the store itself.
    pub recorder: Option<Arc<dyn Recorder>>,
    /// Our own calls, as metrics.
    pub calls: Calls,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Identifiers.
    pub ids: Arc<dyn Ids>,
    /// When the server started.
    pub started: Timestamp,
}

impl Server {
    /// Whether an answer with this status is none: a server that only reads leaves a call that it cannot answer to the node that
    /// leads, which records it.
    pub fn leaves_to_others(&self, status: u16) -> bool {
        self.recorder.is_some() && status >= 500
    }

    /// Answers one whole request that somebody waits for to the end.
    #[cfg(test)]
    pub async fn answer(&self, request: HttpRequest, source_ip: &str) -> Response {
        let (_waiting, hung_up) = oneshot::channel();
        self.answer_while_waited_for(request, source_ip, hung_up).await
    }

    /// Answers one whole request: our own few paths first, then AWS operations. Long work that only reads ends when `hung_up`
    /// resolves.
    pub async fn answer_while_waited_for(
        &self,
        request: HttpRequest,
        source_ip: &str,
        hung_up: oneshot::Receiver<()>,
    ) -> Response {
        if console::is_asked(&request) {
            return console::answer(self, request, source_ip).await;
        }
        if request.path.starts_with(remote::OWN_PATHS) && console::is_other_page(self, &request) {
            return self.refuse_web_page(&request, source_ip).await;
        }
        match (request.method.as_str(), request.path.as_str()) {
            ("GET" | "HEAD", "/health") => self.health(),
            ("GET" | "HEAD", path) if path.starts_with(CERTIFICATE_PATHS) => self.signing_certificate(path).await,
            // Of no page at all, the console's included.
            ("POST", "/_trailwatch/reset")
                if self.config.open && request.header("origin").is_none() && check_open(&request).is_ok() =>
            {
                self.reset().await
            }
            ("POST", backtest::PATH) => backtest::answer(self, &request, source_ip, hung_up).await,
            ("GET", event_tail::PATH) => event_tail::answer(self, &request, source_ip).await,
            ("POST", detections::backtest::PATH) => {
                detections::backtest::answer(self, &request, source_ip, hung_up).await
            }
            ("GET", cluster::PATH) => cluster::answer(self, &request, source_ip).await,
            ("GET", dead_letters::PATH) => dead_letters::answer(self, &request, source_ip).await,
            ("POST", validate_trail::PATH) => validate_trail::answer(self, &request, source_ip, hung_up).await,
            ("POST", remote::IMPORT_PATH) => remote::import(self, &request, source_ip).await,
            _ if retention::is_asked(&request) => retention::answer(self, &request, source_ip).await,
            (_, path) if path.starts_with(proofs::answer::PATHS) => {
                proofs::answer::answer(self, &request, source_ip).await
            }
            _ => crate::dispatch::answer(self, request, source_ip).await,
        }
    }

    /// The caller of a request to one of our own paths, where the signature or the console's session is good and policies allow
    /// `action`; and its turn, which lasts as long as the call.
    pub fn admit(
        &self,
        request: &HttpRequest,
        source_ip: &str,
        signing_name: &str,
        action: &str,
    ) -> Result<(Caller, Turn), Box<Refused>> {
        let now = self.clock.now();
        let verified = match console::caller(self, request, source_ip, now) {
            Some(caller) => Ok(caller),
            None => {
                let signed = self.auth.caller(request, source_ip, now);
                signed.and_then(|caller| self.auth.check_service(request, signing_name).map(|()| caller))
            }
        };
        let refused = |caller, error| Box::new(Refused { caller, error });
        let caller = verified
            .map_err(|error| refused(self.auth.claimed(request, source_ip), error.to_api_error(Protocol::RestJson)))?;
        let turn = match self.throttle.enter(&caller, now) {
            Ok(turn) => turn,
            Err(error) => return Err(refused(caller, error)),
        };
        match self.access.authorize(Asking { caller: &caller, now }, None, action, "*") {
            Ok(()) => Ok((caller, turn)),
            Err(error) => Err(refused(caller, error)),
        }
    }

    /// The certificate of the key that signs notifications, for anybody: receivers have no key of ours to ask with.
    async fn signing_certificate(&self, path: &str) -> Response {
        let (notify, path) = (Arc::clone(&self.watch.notify), path.to_owned());
        let find = move || notify.signer().and_then(|signer| signer.certificate(&path)).map(str::to_owned);
        match tokio::task::spawn_blocking(find).await {
            Ok(Some(pem)) => Response {
                status: 200,
                headers: vec![("content-type", "application/x-pem-file".into())],
                body: pem.into(),
                rest: None,
            },
            _ => json(404, &serde_json::json!({ "message": "There is no such certificate" })),
        }
    }

    fn health(&self) -> Response {
        let (status, body) = health::report(&self.trail.store.health(), self.clock.now() - self.started);
        json(status, &body)
    }

    /// Empties everything: test suites ask for it between tests.
    async fn reset(&self) -> Response {
        // The log of events goes on: what is emptied must be in it before.
        if let Err(error) = self.proofs.publish().await {
            tracing::warn!(%error, "write the log of events before a reset");
        }
        let store = self.trail.store.reset().await.map_err(|error| error.to_string());
        let catalog = self.trail.catalog.reset().await.map_err(|error| error.to_string());
        let buckets = Arc::clone(&self.buckets);
        let objects = tokio::task::spawn_blocking(move || buckets.reset().map_err(|error| error.to_string())).await;
        let objects = objects.unwrap_or_else(|error| Err(error.to_string()));
        self.cumulative.clear();
        // What was counted of groups that are gone.
        drop(self.watch.incoming.take_metrics(self.clock.now()));
        let identities = self.access.reload().await.map_err(|error| error.to_string());
        let audit = self.trail.refresh_trails().await.map_err(|error| error.to_string());
        match store.and(catalog).and(objects).and(identities).and(audit) {
            Ok(()) => json(200, &serde_json::json!({ "status": "empty" })),
            Err(error) => {
                tracing::error!(%error, "reset");
                json(500, &serde_json::json!({ "message": "the reset did not finish; see the server's log" }))
            }
        }
    }
}

/// A caller who may not do what is asked, or is not who the request says.
pub struct Refused {
    /// For the audit record.
    pub caller: Caller,
    /// What the client is told.
    pub error: ApiError,
}

/// A JSON answer of our own (not of an AWS protocol).
pub fn json(status: u16, body: &serde_json::Value) -> Response {
    Response {
        status,
        headers: vec![("content-type", "application/json".into())],
        body: Bytes::from(format!("{body}\n")),
        rest: None,
    }
}

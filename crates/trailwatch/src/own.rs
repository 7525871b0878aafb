//! Endpoints of our own: one function verifies who calls and asks policies, runs, records the call on our own trail, and only then lets
//! it be answered.

use crate::server::{Refused, Server, json};
use model::Caller;
use serde_json::{Value, json as value};
use tokio::sync::oneshot;
use trail::audit::OwnCall;
use wire::{Access, ApiError, Audit, HttpRequest, Response};

/// Service name in the signatures of paths under `/_trailwatch/`.
pub const SIGNING_NAME: &str = "trailwatch";
/// `eventSource` of our own calls that AWS does not have, and of calls that name no service.
pub const EVENT_SOURCE: &str = "trailwatch";

/// An endpoint, as signatures and audit records name it.
#[derive(Debug)]
pub struct Endpoint {
    /// Service name in the signature.
    pub signing_name: &'static str,
    /// `eventSource` of the audit record.
    pub source: &'static str,
    /// `eventName` of the audit record.
    pub name: &'static str,
    /// What policies call it; `None` for `trailwatch:NAME`.
    pub action: Option<&'static str>,
    /// What a call does.
    pub access: Access,
    /// Whether each call is recorded, or those that a trail asks for.
    pub audit: Audit,
}

impl Endpoint {
    /// One under `/_trailwatch/`, each call of which is recorded.
    pub const fn ours(name: &'static str, access: Access) -> Self {
        Self { signing_name: SIGNING_NAME, source: EVENT_SOURCE, name, action: None, access, audit: Audit::Management }
    }

    /// Makes one call. `run` is given the caller, verified and allowed; `parameters` are the `requestParameters` of the audit record. What the call
    /// read is not answered before its record is durable.
    pub async fn call<T>(
        &self,
        server: &Server,
        (request, source_ip): (&HttpRequest, &str),
        parameters: Option<Value>,
        run: impl AsyncFnOnce(&Caller) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let action = self.action.map_or_else(|| format!("{SIGNING_NAME}:{}", self.name), str::to_owned);
        match server.admit(request, source_ip, self.signing_name, &action) {
            Ok((caller, _turn)) => {
                let outcome = run(&caller).await;
                self.recorded(server, &caller, request, parameters, outcome).await
            }
            Err(refused) => {
                let Refused { caller, error } = *refused;
                self.recorded(server, &caller, request, parameters, Err(error.into())).await
            }
        }
    }

    async fn recorded<T>(
        &self,
        server: &Server,
        caller: &Caller,
        request: &HttpRequest,
        parameters: Option<Value>,
        outcome: Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        if outcome.as_ref().is_err_and(|refusal| server.leaves_to_others(refusal.status)) {
            return outcome;
        }
        let parameters = parameters.map(|parameters| parameters.to_string());
        let error = outcome.as_ref().err().map(|refusal| (refusal.code.as_str(), refusal.message.as_str()));
        let call = OwnCall {
            caller,
            source: self.source,
            operation: self.name,
            access: self.access,
            audit: self.audit,
            time: server.clock.now(),
            request_id: &server.ids.uuid().to_string(),
            host: request.header("host"),
            request_parameters: parameters.as_deref(),
            response_elements: None,
            error,
            resources: &[],
        };
        if self.audit == Audit::Management || server.trail.data_audit.should_record(&call) {
            server.record(&call).await.map_err(ApiError::from)?;
        }
        outcome
    }
}

/// What `work` comes to. It ends when `hung_up` resolves: then nobody waits for the answer.
pub async fn while_waited_for<T>(
    hung_up: oneshot::Receiver<()>,
    work: impl Future<Output = Result<T, Refusal>>,
) -> Result<T, Refusal> {
    tokio::select! {
        biased;
        _ = hung_up => Err(Refusal::new(499, "QueryCanceled", "The client hung up.")),
        outcome = work => outcome,
    }
}

/// Refuses a caller of another account than the server's, where records of all accounts are in reach. There may be such
/// callers: in open mode, where every account has a root, and identities that were made then.
pub fn check_reach(server: &Server, caller: &Caller) -> Result<(), Refusal> {
    if caller.scope.account == server.config.account_id {
        return Ok(());
    }
    Err(Refusal::new(403, "AccessDeniedException", "Only the server's own account may see records of all accounts."))
}

/// Why there is no answer.
#[derive(Debug)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// The error's name.
    pub code: String,
    /// What the client may know.
    pub message: String,
    /// Line and column in the question, where there is one.
    pub place: Option<(u64, u64)>,
}

impl Refusal {
    /// A refusal that points at no place.
    pub fn new(status: u16, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { status, code: code.into(), message: message.into(), place: None }
    }

    /// What the client can mend.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "InvalidRequest", message)
    }

    /// As JSON, as AWS's REST-JSON protocol has errors.
    pub fn response(&self) -> Response {
        let mut body = value!({ "__type": self.code, "message": self.message });
        if let Some((line, column)) = self.place {
            body["line"] = Value::from(line);
            body["column"] = Value::from(column);
        }
        json(self.status, &body)
    }
}

impl From<ApiError> for Refusal {
    /// What the client may not know goes to the server's log.
    fn from(error: ApiError) -> Self {
        if error.status() >= 500 {
            let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            tracing::error!(%error, cause, "answer a call of ours");
        }
        Self::new(error.status(), error.code(), error.message())
    }
}

impl From<store::Error> for Refusal {
    fn from(error: store::Error) -> Self {
        ApiError::from(error).into()
    }
}

impl From<catalog::Error> for Refusal {
    fn from(error: catalog::Error) -> Self {
        ApiError::from(error).into()
    }
}

/// A value as JSON, or the refusal.
pub fn answered<T: serde::Serialize>(outcome: Result<T, Refusal>) -> Response {
    match outcome.map(|answer| serde_json::to_value(answer)) {
        Ok(Ok(body)) => json(200, &body),
        Ok(Err(error)) => {
            tracing::error!(%error, "write an answer of ours");
            Refusal::new(500, "InternalFailure", "The answer could not be written.").response()
        }
        Err(refusal) => refusal.response(),
    }
}

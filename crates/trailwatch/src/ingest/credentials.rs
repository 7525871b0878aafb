//! `sender`: who sends records in another protocol, by token, by password, or by signature.

use super::Route;
use crate::browsers::check_open;
use crate::server::Server;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use model::Caller;
use watch::logs::takes_bearer_tokens;
use wire::error::common;
use wire::{ApiError, HttpRequest, Protocol};

/// Who sends, and where to, if not everywhere.
#[derive(Debug)]
pub struct Sender {
    /// Who it is.
    pub caller: Caller,
    /// With a token: how the names of the log groups begin that it may send to.
    groups: Option<String>,
}

/// Finds who sends a request.
///
/// # Errors
/// What the client is told, when it is nobody who may send this.
pub fn sender(server: &Server, request: &HttpRequest, source_ip: &str, route: Route) -> Result<Sender, ApiError> {
    // Browsers say where a page came from; no page may write with an open server's keys.
    if request.header("origin").is_some() {
        return Err(denied("not from a web page"));
    }
    let header = request.header("authorization").unwrap_or_default();
    let (scheme, rest) = header.split_once(' ').unwrap_or_default();
    let now = server.clock.now();
    let unknown = |message: &'static str| ApiError::new(&common::UNRECOGNIZED_CLIENT, message);
    let refused = |error: wire::sigv4::SignatureError| error.to_api_error(Protocol::RestJson);
    if server.auth.is_open() {
        check_open(request).map_err(refused)?;
        return Ok(Sender { caller: server.auth.claimed(request, source_ip), groups: None });
    }
    if scheme.eq_ignore_ascii_case("bearer") {
        let found = server.auth.bearer_caller(rest.trim(), request, source_ip);
        let (caller, token) = found.ok_or_else(|| unknown("The bearer token is not known."))?;
        let allowed = if route.is_logs() { token.logs } else { token.metrics };
        if !allowed {
            return Err(denied(format!("The bearer token {} may not be used for {}.", token.name, route.operation())));
        }
        return Ok(Sender { caller, groups: Some(token.log_group_prefix.clone()) });
    }
    if scheme.eq_ignore_ascii_case("basic") {
        let decoded = STANDARD.decode(rest.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let caller = decoded.as_deref().and_then(|pair| pair.split_once(':'));
        let caller =
            caller.and_then(|(user, password)| server.auth.password_caller(user, password, request, source_ip, now));
        let caller = caller.ok_or_else(|| unknown("User and password are not an access key id and its secret."))?;
        return Ok(Sender { caller, groups: None });
    }
    let caller = server.auth.caller(request, source_ip, now).map_err(refused)?;
    let mut checked = route.signing_names().iter().map(|name| server.auth.check_service(request, name));
    let first = checked.next().unwrap_or(Ok(()));
    if first.is_err() && !checked.any(|outcome| outcome.is_ok()) {
        return Err(first.map_err(refused).err().unwrap_or_else(|| unknown("The signature is for another service.")));
    }
    Ok(Sender { caller, groups: None })
}

impl Sender {
    /// Asks policies whether the sender may do `action` on `resource`. Of a token the configuration says what it is good for.
    pub fn authorize(&self, server: &Server, action: &str, resource: &str) -> Result<(), ApiError> {
        if self.groups.is_some() {
            return Ok(());
        }
        let asking = access::Asking { caller: &self.caller, now: server.clock.now() };
        server.access.authorize(asking, None, action, resource)
    }

    /// Refuses a log group that the sender's token may not send to.
    pub async fn check_group(&self, server: &Server, group: &str) -> Result<(), ApiError> {
        let Some(prefix) = &self.groups else { return Ok(()) };
        if !group.starts_with(prefix.as_str()) {
            return Err(denied(format!("The bearer token may not be used for the log group {group}.")));
        }
        match takes_bearer_tokens(&server.watch, &self.caller.scope, group).await? {
            Some(false) => Err(denied(
                "Bearer token authentication is not enabled for the log group. Enable it with PutBearerTokenAuthentication.",
            )),
            // That a group is missing is told where the event would go.
            Some(true) | None => Ok(()),
        }
    }
}

fn denied(message: impl Into<std::borrow::Cow<'static, str>>) -> ApiError {
    ApiError::new(&common::ACCESS_DENIED, message)
}

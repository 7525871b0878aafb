//! Signing in to the console through the provider that `[oidc]` names.
//!
//! The browser goes to `BEGIN`, from there to the provider, and comes back to `CALLBACK` with a code. Both are plain
//! navigations, so what they come to is told in the fragment of the console's own page; no part of a request chooses
//! where a browser is sent. The cookie that binds the two together is sent with navigations from the provider
//! (`SameSite=Lax`), the session's is not.

use super::{COOKIE_PATH, cookie_named, issue, port, recorded_sign_in, refusal, uncached};
use crate::browsers::is_tls;
use crate::oidc::{ATTEMPT_MS_MAX, Claims, Failure, NotUsable, Oidc, role_of, session_name};
use crate::promql::pairs;
use crate::server::Server;
use crate::tokens::same_secret;
use ::gateway::shares::Holder;
use access::sts::{AssumedRole, WebIdentity, provider_arn};
use bytes::Bytes;
use model::arn::Arn;
use model::limits::{CONSOLE_SESSION_MS_MAX, CONSOLE_SIGN_IN_BYTES_MAX};
use model::{Caller, Scope, Timestamp};
use serde_json::json;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use trail::audit::{Outcome, OwnCall, WEB_IDENTITY};
use wire::{Access, ApiError, Audit, HttpRequest, Response, Service};

/// Where signing in begins.
pub const BEGIN: &str = "/_trailwatch/console/oidc/sign-in";
/// Where the provider sends browsers back to.
pub const CALLBACK: &str = "/_trailwatch/console/oidc/callback";

/// Why nobody was signed in, as the console's page is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reason {
    /// There is no such attempt, or it is too old.
    Attempt,
    /// The provider says no, as when somebody cancels.
    Cancelled,
    /// The provider cannot be asked.
    Provider,
    /// What the provider sent is not to be trusted.
    Token,
    /// No role is for this person.
    Role,
    /// Too many attempts failed, or are under way.
    Wait,
    /// Something of ours broke.
    Server,
}

impl Reason {
    fn word(self) -> &'static str {
        match self {
            Self::Attempt => "attempt",
            Self::Cancelled => "cancelled",
            Self::Provider => "provider",
            Self::Token => "token",
            Self::Role => "role",
            Self::Wait => "wait",
            Self::Server => "server",
        }
    }
}

/// Sends the browser to the provider.
pub async fn begin(server: &Server, request: &HttpRequest, source_ip: &str) -> Response {
    let Some(oidc) = &server.oidc else { return no_provider() };
    let Some(callback) = callback_url(server, request) else {
        return refusal(400, "ValidationException", "The Host header names no host.");
    };
    let now = server.clock.now();
    let Some((attempt, cookie)) = oidc.begin(now) else {
        tracing::error!("draw random bytes for a sign-in");
        return refused(request, Reason::Server);
    };
    match asked(oidc, &at(source_ip), move |oidc| oidc.provider.authorization_url(&attempt, &callback, now)).await {
        Ok(url) => {
            let mut response = sent_to(&url);
            put_cookie(&mut response, request, &cookie, ATTEMPT_MS_MAX / 1000);
            response
        }
        Err(failure) => refused(request, told(&failure)),
    }
}

/// Takes the browser back, and begins a session.
pub async fn callback(server: &Server, request: &HttpRequest, source_ip: &str) -> Response {
    let Some(oidc) = &server.oidc else { return no_provider() };
    let now = server.clock.now();
    let nobody = Caller {
        user_agent: request.header("user-agent").unwrap_or_default().to_owned(),
        tls: request.tls,
        ..server.auth.claimed(&HttpRequest::default(), source_ip)
    };
    let claims = match claims(server, oidc, request, &at(source_ip), now).await {
        Ok(claims) => claims,
        Err(reason) => return failed(server, request, &nobody, reason, now).await,
    };
    let who = Caller { user_name: Some(claims.subject.clone()), ..nobody };
    let Some(role) = role_of(&oidc.settings.roles, &claims) else {
        tracing::info!(subject = claims.subject, "no [[oidc.role]] is for who wants to sign in");
        return failed(server, request, &who, Reason::Role, now).await;
    };
    match assumed(server, oidc, request, &who, role, &claims, now).await {
        Ok((caller, token)) => {
            if let Err(response) = recorded_sign_in(server, request, &caller, Outcome::Success, now).await {
                return *response;
            }
            let Some((cookie, _)) = issue(server, request, caller, Some(token), now) else {
                return refused(request, Reason::Server);
            };
            let mut response = super::with_cookie(sent_to("/"), request, &cookie, CONSOLE_SESSION_MS_MAX / 1000);
            put_cookie(&mut response, request, "", 0);
            response
        }
        Err(reason) => failed(server, request, &who, reason, now).await,
    }
}

/// Records an attempt that came to nothing. It counts against nobody: nothing of it can be guessed, and a network whose passwords
/// fail must not lose this door as well.
async fn failed(server: &Server, request: &HttpRequest, who: &Caller, reason: Reason, now: Timestamp) -> Response {
    match recorded_sign_in(server, request, who, Outcome::Failed, now).await {
        Ok(()) => refused(request, reason),
        Err(response) => *response,
    }
}

/// Who comes back from the provider, verified.
async fn claims(
    server: &Server,
    oidc: &Arc<Oidc>,
    request: &HttpRequest,
    holder: &Holder,
    now: Timestamp,
) -> Result<Claims, Reason> {
    if request.query.len() > CONSOLE_SIGN_IN_BYTES_MAX {
        return Err(Reason::Attempt);
    }
    let pairs = pairs(&request.query);
    let parameter = |name: &str| pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let cookie = cookie_named(request, &cookie_name(request)).ok_or(Reason::Attempt)?;
    let attempt = oidc.remembered(&cookie, now).ok_or(Reason::Attempt)?;
    if !parameter("state").is_some_and(|state| same_secret(state, &attempt.state)) {
        return Err(Reason::Attempt);
    }
    // Whatever comes of it: an answer counts once, for who saw the cookie and the address of this page must not use them again.
    oidc.use_up(&attempt, holder.clone(), now).map_err(|error| match error {
        NotUsable::Again => Reason::Attempt,
        NotUsable::Full => Reason::Wait,
    })?;
    // RFC 9207: the answer of another provider is none.
    if parameter("iss").is_some_and(|issuer| issuer != oidc.settings.issuer) {
        return Err(Reason::Token);
    }
    let Some(code) = parameter("code").filter(|_| parameter("error").is_none()).map(str::to_owned) else {
        return Err(Reason::Cancelled);
    };
    let callback = callback_url(server, request).ok_or(Reason::Attempt)?;
    let redeemed = asked(oidc, holder, move |oidc| oidc.provider.redeem(&code, &attempt, &callback, now)).await;
    redeemed.map_err(|failure| told(&failure))
}

/// Gives the role, and records that, or that it was refused. Answers the caller, and the session token of the role's
/// session.
async fn assumed(
    server: &Server,
    oidc: &Oidc,
    request: &HttpRequest,
    who: &Caller,
    role: &str,
    claims: &Claims,
    now: Timestamp,
) -> Result<(Caller, String), Reason> {
    let name = session_name(claims);
    let wanted = WebIdentity {
        provider: oidc.provider_name(),
        subject: &claims.subject,
        audience: &oidc.settings.client_id,
        role_arn: role,
        session_name: &name,
        source_ip: &who.source_ip,
        is_tls: who.tls.is_some(),
        seconds: i32::try_from(CONSOLE_SESSION_MS_MAX / 1000).unwrap_or(i32::MAX),
    };
    let given = server.access.assume_role_with_web_identity(&wanted, now);
    let account = Arn::parse(role).map_or("", |arn| arn.account);
    let provider = provider_arn(account, wanted.provider);
    let caller = Caller {
        identity_type: WEB_IDENTITY.into(),
        principal_id: format!("{provider}:{}:{}", wanted.audience, wanted.subject),
        arn: provider.clone(),
        scope: Scope { account: account.to_owned(), region: server.config.region.clone() },
        ..who.clone()
    };
    let (request_id, parameters) =
        (server.ids.uuid().to_string(), json!({ "roleArn": role, "roleSessionName": name }).to_string());
    let response = given.as_ref().ok().map(|given| response_elements(given, &wanted, &provider).to_string());
    let call = OwnCall {
        caller: &caller,
        source: Service::Sts.event_source(),
        operation: "AssumeRoleWithWebIdentity",
        access: Access::Write,
        audit: Audit::Management,
        time: now,
        request_id: &request_id,
        host: request.header("host"),
        request_parameters: Some(&parameters),
        response_elements: response.as_deref(),
        error: given.as_ref().err().map(|error| (error.code(), error.message())),
        resources: &[],
    };
    if let Err(error) = server.record(&call).await {
        tracing::error!(error = %ApiError::from(error), "record who assumed a role");
        return Err(Reason::Server);
    }
    let given = given.map_err(|error| {
        tracing::info!(subject = claims.subject, role, %error, "a role is not given to who wants to sign in");
        Reason::Role
    })?;
    let caller = given.identified.into_caller(server.config.region.clone(), given.access_key_id);
    let Caller { source_ip, user_agent, tls, .. } = who.clone();
    Ok((Caller { source_ip, user_agent, tls, ..caller }, given.session_token))
}

/// As CloudTrail writes them, without the token.
fn response_elements(given: &AssumedRole, wanted: &WebIdentity<'_>, provider: &str) -> serde_json::Value {
    json!({
        "credentials": { "accessKeyId": given.access_key_id, "expiration": wire::recorded::words(given.expiration) },
        "subjectFromWebIdentityToken": wanted.subject,
        "assumedRoleUser": { "assumedRoleId": given.assumed_role_id, "arn": given.arn },
        "provider": provider,
        "audience": wanted.audience,
    })
}

/// What a question to the provider comes to; the log says so when it fails.
async fn asked<T: Send + 'static>(
    oidc: &Arc<Oidc>,
    holder: &Holder,
    question: impl FnOnce(&Oidc) -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let answered = oidc.asked(holder, question).await;
    if let Err(failure) = &answered {
        tracing::warn!(%failure, "sign in through the provider");
    }
    answered
}

/// Whose turn it is: that of an address.
pub fn at(source_ip: &str) -> Holder {
    Holder::at(source_ip.parse().unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)))
}

fn told(failure: &Failure) -> Reason {
    match failure {
        Failure::Busy => Reason::Wait,
        Failure::Provider(_) => Reason::Provider,
        Failure::Token(_) => Reason::Token,
    }
}

fn no_provider() -> Response {
    refusal(404, "NotFound", "No provider is configured.")
}

/// Where the provider is to send browsers back to: below `notify.public_url`, or where this request came.
fn callback_url(server: &Server, request: &HttpRequest) -> Option<String> {
    if let Some(public) = &server.config.notify.public_url {
        return Some(format!("{}{CALLBACK}", public.trim_end_matches('/')));
    }
    let host = request.header("host").filter(|host| {
        !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte))
    })?;
    Some(format!("{}://{host}{CALLBACK}", if is_tls(request) { "https" } else { "http" }))
}

fn refused(request: &HttpRequest, reason: Reason) -> Response {
    let mut response = sent_to(&format!("/#/?refused={}", reason.word()));
    put_cookie(&mut response, request, "", 0);
    response
}

fn sent_to(url: &str) -> Response {
    let headers = vec![("location", url.to_owned())];
    uncached(Response { status: 303, headers, body: Bytes::new(), rest: None })
}

fn cookie_name(request: &HttpRequest) -> String {
    format!("trailwatch-oidc-{}", port(request))
}

fn put_cookie(response: &mut Response, request: &HttpRequest, value: &str, seconds: i64) {
    let (name, secure) = (cookie_name(request), if is_tls(request) { "; Secure" } else { "" });
    let cookie = format!("{name}={value}; Path={COOKIE_PATH}; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
    response.headers.push(("set-cookie", cookie));
}

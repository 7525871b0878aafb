//! The console: its page at `/`, its files, its sessions, and the AWS calls that it makes in them.
//!
//! | path | what |
//! | --- | --- |
//! | `GET /`, `GET /_trailwatch/console/…` | the page and its files, for everybody |
//! | `POST /_trailwatch/console/sign-in` | an access key for a session cookie; in open mode no key is asked for |
//! | `GET /_trailwatch/console/session` | who is signed in, and the token that calls must show |
//! | `GET /_trailwatch/console/oidc/…` | the same through a provider of identities (`federated.rs`) |
//! | `POST /_trailwatch/console/sign-out` | ends the session |
//! | `POST /_trailwatch/console/aws` | any AWS operation, as JSON or as a form; the session stands for the signature |
//!
//! A call is the session's when the cookie is right, when it shows the session's token in `X-Trailwatch-CSRF`, which no other site can
//! read, and when the browser names no other origin. Else it is answered, and audited, as an unsigned call is. So it is with our own
//! paths under `/_trailwatch/`: a session stands for the signature there, too.

mod assets;
mod federated;
mod sessions;
#[cfg(test)]
mod tests;

use crate::browsers::{is_local, is_tls};
use crate::config::is_region;
use crate::real::random_text;
use crate::remote::OWN_PATHS;
use crate::server::{Server, json};
use crate::tokens::same_secret;
use crate::{dispatch, health};
pub use federated::at;
use model::limits::{CONSOLE_SESSION_MS_MAX, CONSOLE_SIGN_IN_BYTES_MAX};
use model::{Caller, Scope, Timestamp};
use serde_json::{Value, json as value};
use sessions::Session;
pub use sessions::Sessions;
use trail::audit::{ConsoleSignIn, Outcome};
use wire::sigv4::SignatureError;
use wire::{ApiError, HttpRequest, Response};

/// How all paths but `/` begin.
pub const PATHS: &str = "/_trailwatch/console/";
/// Where browsers send the session's cookie: to the console's paths and to those of our own that it asks.
const COOKIE_PATH: &str = "/_trailwatch";
const SIGN_IN: &str = "/_trailwatch/console/sign-in";
const SIGN_OUT: &str = "/_trailwatch/console/sign-out";
const SESSION: &str = "/_trailwatch/console/session";
const CALL: &str = "/_trailwatch/console/aws";
const CSRF_HEADER: &str = "x-trailwatch-csrf";
/// The region that a call is for, when it is not the server's.
const REGION_HEADER: &str = "x-trailwatch-region";
/// Headers of a call that mean something to an operation.
const PASSED_ON: [&str; 4] = ["host", "user-agent", "content-type", "x-amz-target"];
/// 62 letters, 43 of them: 256 bits.
const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const TOKEN_LETTERS: usize = 43;

/// True for requests that are not for AWS operations but for the console. Clients of AWS sign their `GET /`.
pub fn is_asked(request: &HttpRequest) -> bool {
    if request.path.starts_with(PATHS) {
        return true;
    }
    let is_read = matches!(request.method.as_str(), "GET" | "HEAD");
    let accepts = request.header("accept").is_some_and(|types| types.contains("text/html") || types == "*/*");
    is_read
        && accepts
        && request.path == "/"
        && request.query.is_empty()
        && request.header("authorization").is_none()
        && wire::routing::announced(request, b"").is_none()
}

/// Answers a request that is for the console.
pub async fn answer(server: &Server, request: HttpRequest, source_ip: &str) -> Response {
    match (request.method.as_str(), request.path.as_str()) {
        ("POST", CALL) => call(server, request, source_ip).await,
        ("POST", SIGN_IN) => sign_in(server, &request, source_ip).await,
        ("POST", SIGN_OUT) => sign_out(server, &request),
        ("GET", SESSION) => session(server, &request),
        ("GET", federated::BEGIN) => federated::begin(server, &request, source_ip).await,
        ("GET", federated::CALLBACK) => federated::callback(server, &request, source_ip).await,
        ("GET" | "HEAD", _) => assets::answer(&request).unwrap_or_else(|| refusal(404, "NotFound", "No such file.")),
        _ => refusal(405, "MethodNotAllowed", "This path does not take that method."),
    }
}

fn refusal(status: u16, code: &str, message: &str) -> Response {
    uncached(json(status, &value!({ "__type": code, "message": message })))
}

fn uncached(mut response: Response) -> Response {
    response.headers.push(("cache-control", "no-store".into()));
    response
}

/// An AWS operation in the name of the session.
async fn call(server: &Server, request: HttpRequest, source_ip: &str) -> Response {
    let now = server.clock.now();
    let session = guarded_session(server, &request, now);
    let verified = session.map(|session| caller_of(session.caller, &request, source_ip));
    let passed = request.headers.into_iter().filter(|(name, _)| PASSED_ON.contains(&name.as_str()));
    let call = HttpRequest {
        method: "POST".into(),
        path: "/".into(),
        query: String::new(),
        headers: passed.collect(),
        body: request.body,
        tls: request.tls,
    };
    let verified = verified.ok_or(SignatureError::MissingToken);
    uncached(dispatch::answer_to(server, call, source_ip, now, verified).await)
}

/// Who makes a request to one of our own paths in a session of the console; `None` when it is no such request, and a signature is
/// asked for.
pub fn caller(server: &Server, request: &HttpRequest, source_ip: &str, now: Timestamp) -> Option<Caller> {
    let is_ours = request.path.starts_with(OWN_PATHS) && request.header("authorization").is_none();
    let session = is_ours.then(|| guarded_session(server, request, now)).flatten()?;
    Some(caller_of(session.caller, request, source_ip))
}

/// True for a request that a web page made and that is not from the console's own: no other may ask our own paths. Whether there is
/// a session is then for [`caller`] to say.
pub fn is_other_page(server: &Server, request: &HttpRequest) -> bool {
    let is_console = request.header(CSRF_HEADER).is_some() && is_own_page(server, request);
    request.header("origin").is_some() && !is_console
}

fn caller_of(caller: Caller, request: &HttpRequest, source_ip: &str) -> Caller {
    let region = request.header(REGION_HEADER).filter(|region| is_region(region));
    let region = region.map_or(caller.scope.region, str::to_owned);
    Caller {
        scope: Scope { account: caller.scope.account, region },
        source_ip: source_ip.to_owned(),
        user_agent: request.header("user-agent").unwrap_or_default().to_owned(),
        tls: request.tls,
        from_console: true,
        ..caller
    }
}

/// The session of a request. It ends with the access key that it was begun with.
fn session_of(server: &Server, request: &HttpRequest, now: Timestamp) -> Option<Session> {
    let token = cookie(request)?;
    let mut session = server.sessions.find(&token, now)?;
    match server.auth.still(session.caller.clone(), session.token.as_deref(), now) {
        Some(caller) => {
            session.caller = caller;
            Some(session)
        }
        None => {
            server.sessions.end(&token);
            None
        }
    }
}

/// The session of a request that only the console's own page can have made.
fn guarded_session(server: &Server, request: &HttpRequest, now: Timestamp) -> Option<Session> {
    let session = session_of(server, request, now)?;
    let shown = request.header(CSRF_HEADER)?;
    (is_own_page(server, request) && same_secret(shown, &session.csrf)).then_some(session)
}

/// False when the browser says that another site's page made the request. In open mode, where nobody is asked for a key, the host
/// must be an address or `localhost`: else a site could let its own name resolve to this server.
fn is_own_page(server: &Server, request: &HttpRequest) -> bool {
    let host = request.header("host").unwrap_or_default();
    let origin = request.header("origin").is_none_or(|origin| origin.split_once("://").is_some_and(|o| o.1 == host));
    let site = request.header("sec-fetch-site").is_none_or(|site| site == "same-origin");
    origin && site && (!server.auth.is_open() || is_local(host))
}

/// What a sign-in sends.
#[derive(serde::Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct SignIn {
    access_key_id: String,
    secret_access_key: String,
}

async fn sign_in(server: &Server, request: &HttpRequest, source_ip: &str) -> Response {
    let is_json = request.header("content-type").is_some_and(|kind| kind.starts_with("application/json"));
    if !is_json || !is_own_page(server, request) {
        return refusal(403, "AccessDenied", "Signing in is for the console's own page.");
    }
    let read = (request.body.len() <= CONSOLE_SIGN_IN_BYTES_MAX).then(|| serde_json::from_slice(&request.body));
    let Some(Ok(SignIn { access_key_id, secret_access_key })) = read else {
        return refusal(400, "ValidationException", "Expected {\"accessKeyId\": …, \"secretAccessKey\": …}.");
    };
    let now = server.clock.now();
    let wait = server.sessions.must_wait(source_ip, now);
    let caller = match wait {
        Some(_) => None,
        None => server.auth.console_caller(&access_key_id, &secret_access_key, request, source_ip, now),
    };
    let outcome = match (&caller, wait) {
        (Some(_), _) => Outcome::Success,
        (None, Some(_)) => Outcome::Throttled,
        (None, None) => Outcome::Failed,
    };
    let nobody = server.auth.claimed(&HttpRequest::default(), source_ip);
    let user_agent = request.header("user-agent").unwrap_or_default().to_owned();
    let nobody = Caller { user_agent, tls: request.tls, ..nobody };
    if let Err(response) = recorded_sign_in(server, request, caller.as_ref().unwrap_or(&nobody), outcome, now).await {
        return *response;
    }
    match (caller, wait) {
        (Some(caller), _) => begin(server, request, caller, now),
        (None, Some(wait)) => {
            let seconds = (wait + 999) / 1000;
            let message = format!("Too many attempts failed. Try again in {seconds} seconds.");
            let mut response = refusal(429, "TooManyAttempts", &message);
            response.headers.push(("retry-after", seconds.to_string()));
            response
        }
        (None, None) => {
            server.sessions.failed(source_ip, now);
            refusal(401, "FailedAuthentication", "This access key is not known, or the secret is not its secret.")
        }
    }
}

/// Records an attempt to sign in: who came in is on the trail before there is something to see. Answers what to answer
/// when it cannot.
async fn recorded_sign_in(
    server: &Server,
    request: &HttpRequest,
    caller: &Caller,
    outcome: Outcome,
    now: Timestamp,
) -> Result<(), Box<Response>> {
    // Attempts that come to nothing may be many.
    let code = match outcome {
        Outcome::Success => None,
        Outcome::Failed => Some("FailedAuthentication"),
        Outcome::Throttled => Some("TooManyAttempts"),
    };
    if code.is_some_and(|code| !server.throttle.records_refusal(caller, code, now)) {
        return Ok(());
    }
    let host = request.header("host");
    let address = format!("{}://{}/", if is_tls(request) { "https" } else { "http" }, host.unwrap_or_default());
    let attempt = ConsoleSignIn { caller, outcome, time: now, address: &address, host };
    server.record_event(attempt.event(&*server.ids), now).await.map_err(|error| {
        tracing::error!(%error, "record a sign-in");
        let error = ApiError::from(error);
        Box::new(refusal(error.status(), error.code(), error.message()))
    })
}

fn begin(server: &Server, request: &HttpRequest, caller: Caller, now: Timestamp) -> Response {
    let Some((token, session)) = issue(server, request, caller, None, now) else {
        return refusal(500, "InternalFailure", "There is no session to be had. See the server's log.");
    };
    let told = told(server, &session.caller, &session.csrf);
    with_cookie(uncached(json(200, &told)), request, &token, CONSOLE_SESSION_MS_MAX / 1000)
}

/// Begins a session, for temporary keys with their token, in the place of the one that the browser has; answers what
/// its cookie holds.
fn issue(
    server: &Server,
    request: &HttpRequest,
    caller: Caller,
    token: Option<String>,
    now: Timestamp,
) -> Option<(String, Session)> {
    if let Some(replaced) = cookie(request) {
        server.sessions.end(&replaced);
    }
    let random = || random_text(LETTERS, TOKEN_LETTERS);
    let (Ok(cookie), Ok(csrf)) = (random(), random()) else {
        tracing::error!("draw random bytes for a session");
        return None;
    };
    let session = Session::new(caller, csrf, token, now);
    server.sessions.begin(session.clone(), &cookie, now);
    Some((cookie, session))
}

fn session(server: &Server, request: &HttpRequest) -> Response {
    let session = session_of(server, request, server.clock.now());
    match session.filter(|_| is_own_page(server, request)) {
        Some(session) => uncached(json(200, &told(server, &session.caller, &session.csrf))),
        // Not an error: the page asks this first, and then for a key where one is needed.
        None => {
            let mut answer = value!({ "signedIn": false, "open": server.auth.is_open() });
            if let Some(oidc) = &server.oidc {
                answer["provider"] = value!({ "name": oidc.settings.name, "path": federated::BEGIN });
            }
            uncached(json(200, &answer))
        }
    }
}

/// What the page must know of its session.
fn told(server: &Server, caller: &Caller, csrf: &str) -> Value {
    value!({
        "signedIn": true,
        "open": server.auth.is_open(),
        "csrf": csrf,
        "account": caller.scope.account,
        "region": caller.scope.region,
        "arn": caller.arn,
        "accessKeyId": caller.access_key_id,
        "version": env!("CARGO_PKG_VERSION"),
        "health": health::report(&server.trail.store.health(), server.clock.now() - server.started).1,
    })
}

fn sign_out(server: &Server, request: &HttpRequest) -> Response {
    if guarded_session(server, request, server.clock.now()).is_some()
        && let Some(token) = cookie(request)
    {
        server.sessions.end(&token);
    }
    with_cookie(uncached(json(200, &value!({ "signedIn": false }))), request, "", 0)
}

fn with_cookie(mut response: Response, request: &HttpRequest, token: &str, seconds: i64) -> Response {
    let name = cookie_name(request);
    let secure = if is_tls(request) { "; Secure" } else { "" };
    let cookie = format!("{name}={token}; Path={COOKIE_PATH}; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
    response.headers.push(("set-cookie", cookie));
    response
}

/// Cookies do not know ports; the name does, so that servers on one host do not sign each other's users out.
fn cookie_name(request: &HttpRequest) -> String {
    format!("trailwatch-session-{}", port(request))
}

/// The port that the request names; empty for the usual one.
fn port(request: &HttpRequest) -> &str {
    let host = request.header("host").unwrap_or_default();
    let port = host.rsplit_once(':').map(|(_, port)| port).filter(|port| port.bytes().all(|b| b.is_ascii_digit()));
    port.unwrap_or_default()
}

fn cookie(request: &HttpRequest) -> Option<String> {
    cookie_named(request, &cookie_name(request))
}

fn cookie_named(request: &HttpRequest, name: &str) -> Option<String> {
    let cookies = request.headers.iter().filter(|(key, _)| key == "cookie").flat_map(|(_, value)| value.split(';'));
    let mut pairs = cookies.filter_map(|cookie| cookie.trim().split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, token)| token.to_owned())
}

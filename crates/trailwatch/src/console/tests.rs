mod federated;

use super::*;
use crate::config::{Config, Settings};
use crate::serve;
use bytes::Bytes;
use model::clock::ManualClock;
use model::limits::{CONSOLE_FAILURES_MAX, CONSOLE_IDLE_MS_MAX};
use model::{Event, TimeRange};
use std::ops::ControlFlow;
use std::sync::Arc;
use store::{Direction, EventScan};
use tempfile::TempDir;

const NOW: Timestamp = Timestamp(1_795_000_000_000);
const HOST: &str = "127.0.0.1:8792";

struct Console {
    server: Server,
    clock: Arc<ManualClock>,
    _dir: TempDir,
}

async fn console(open: bool) -> Console {
    let dir = tempfile::tempdir().unwrap();
    let flags = Settings { data_dir: Some(dir.path().to_owned()), open: Some(open), ..Settings::default() };
    let config = Config::resolve(flags, Settings::default()).unwrap();
    let clock = Arc::new(ManualClock::at(NOW));
    let server = serve::open(config, clock.clone()).await.unwrap();
    Console { server, clock, _dir: dir }
}

fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> HttpRequest {
    let mut all = vec![("host".to_owned(), HOST.to_owned()), ("user-agent".to_owned(), "Mozilla/5.0".to_owned())];
    for (name, value) in headers {
        all.retain(|(there, _)| there != name);
        all.push(((*name).to_owned(), (*value).to_owned()));
    }
    let body = Bytes::from(body.to_owned());
    HttpRequest {
        method: method.into(),
        path: path.into(),
        query: String::new(),
        headers: all,
        body,
        ..HttpRequest::default()
    }
}

fn body(response: &Response) -> Value {
    serde_json::from_slice(&response.body).unwrap()
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value.as_str())
}

impl Console {
    async fn ask(&self, request: HttpRequest) -> Response {
        self.server.answer(request, "192.0.2.7").await
    }

    async fn sign_in(&self, key: &str, secret: &str, headers: &[(&str, &str)]) -> Response {
        let text = value!({ "accessKeyId": key, "secretAccessKey": secret }).to_string();
        let json = [&[("content-type", "application/json")][..], headers].concat();
        self.ask(request("POST", SIGN_IN, &json, &text)).await
    }

    /// Cookie and CSRF token of a new session.
    async fn session(&self) -> (String, String) {
        let (key, secret) = self.server.auth.credentials();
        let begun = self.sign_in(key, secret, &[]).await;
        assert_eq!(begun.status, 200, "{:?}", begun.body);
        let cookie = header(&begun, "set-cookie").split(';').next().unwrap().to_owned();
        (cookie, body(&begun)["csrf"].as_str().unwrap().to_owned())
    }

    async fn call(&self, operation: &str, input: &str, headers: &[(&str, &str)]) -> Response {
        let target = format!("Logs_20140328.{operation}");
        let json = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target.as_str())];
        self.ask(request("POST", CALL, &[&json[..], headers].concat(), input)).await
    }

    async fn events_of(&self, name: &str) -> Vec<(Event, Value)> {
        let scan = EventScan {
            account: None,
            region: None,
            range: TimeRange::ALL,
            direction: Direction::Forward,
            after: None,
            filter: None,
        };
        let mut found = Vec::new();
        let visit = &mut |row: &store::EventRow| {
            if row.event.name == name {
                found.push((row.event.clone(), serde_json::from_str(&row.event.record).unwrap()));
            }
            ControlFlow::Continue(())
        };
        self.server.trail.store.scan_events(scan, visit).await.unwrap();
        found
    }
}

#[tokio::test]
async fn a_session_calls_as_whoever_signed_in_and_is_audited_as_a_console_is() {
    let console = console(false).await;
    let (cookie, csrf) = console.session().await;
    let session =
        [("cookie", cookie.as_str()), ("x-trailwatch-csrf", csrf.as_str()), ("sec-fetch-site", "same-origin")];
    let here = [&session[..], &[("origin", "http://127.0.0.1:8792"), ("x-trailwatch-region", "eu-west-1")]].concat();
    let made = console.call("CreateLogGroup", r#"{"logGroupName":"/a"}"#, &here).await;
    assert_eq!(made.status, 200, "{:?}", made.body);
    let listed = console.call("DescribeLogGroups", "{}", &session).await;
    assert_eq!(body(&listed)["logGroups"], value!([]), "the server's own region has no group");
    assert_eq!(header(&listed, "cache-control"), "no-store");

    let (event, record) = console.events_of("CreateLogGroup").await.remove(0);
    assert_eq!((event.username.as_str(), event.region.as_str()), ("root", "eu-west-1"));
    assert_eq!(record["sessionCredentialFromConsole"], "true");
    assert_eq!(record["sourceIPAddress"], "192.0.2.7");
    assert_eq!(record["userIdentity"]["accessKeyId"], console.server.auth.credentials().0);
    let (_, record) = console.events_of("ConsoleLogin").await.remove(0);
    assert_eq!(record["responseElements"]["ConsoleLogin"], "Success");
}

#[tokio::test]
async fn a_call_that_the_consoles_page_did_not_make_is_refused_and_audited() {
    let console = console(false).await;
    let (cookie, csrf) = console.session().await;
    let (cookie, csrf) = (("cookie", cookie.as_str()), ("x-trailwatch-csrf", csrf.as_str()));
    let cases: [&[(&str, &str)]; 6] = [
        &[],
        &[cookie],
        &[csrf],
        &[cookie, ("x-trailwatch-csrf", "guessed")],
        &[cookie, csrf, ("origin", "http://127.0.0.1:9999")],
        &[cookie, csrf, ("sec-fetch-site", "cross-site")],
    ];
    for headers in cases {
        let refused = console.call("CreateLogGroup", r#"{"logGroupName":"/a"}"#, headers).await;
        assert_eq!(refused.status, 400, "{headers:?}");
        assert_eq!(body(&refused)["__type"], "MissingAuthenticationTokenException", "{headers:?}");
    }
    let events = console.events_of("CreateLogGroup").await;
    assert_eq!(events.len(), cases.len());
    assert!(events.iter().all(|(_, record)| record["userIdentity"]["type"] == "Unknown"));
}

impl Console {
    async fn checkpoint(&self, headers: &[(&str, &str)]) -> Response {
        self.ask(request("GET", "/_trailwatch/proofs/checkpoint", headers, "")).await
    }

    async fn labels(&self, path: &str, headers: &[(&str, &str)]) -> Response {
        let asked = request("GET", path, headers, "");
        assert!(crate::promql::is_asked(&asked));
        let (_waiting, hung_up) = tokio::sync::oneshot::channel();
        crate::promql::answer(&self.server, &asked, "192.0.2.7", hung_up).await
    }

    async fn search(&self, headers: &[(&str, &str)]) -> Response {
        let asked = request("POST", crate::questions::search::PATH, headers, r#"{"event_name":["ConsoleLogin"]}"#);
        let (_waiting, hung_up) = tokio::sync::oneshot::channel();
        crate::questions::answer(&self.server, &asked, "192.0.2.7", hung_up).await
    }
}

#[tokio::test]
async fn a_session_stands_for_the_signature_at_our_own_paths() {
    let console = console(false).await;
    let (cookie, csrf) = console.session().await;
    let (cookie, csrf) = (("cookie", cookie.as_str()), ("x-trailwatch-csrf", csrf.as_str()));
    let origin = ("origin", "http://127.0.0.1:8792");
    let found = console.search(&[cookie, csrf, origin, ("sec-fetch-site", "same-origin")]).await;
    assert_eq!(found.status, 200, "{:?}", found.body);
    assert_eq!(body(&found)["events"][0]["event_name"], "ConsoleLogin");
    assert_eq!(console.checkpoint(&[cookie, csrf]).await.status, 200);
    let (prometheus, ours) = ("/api/v1/labels", "/_trailwatch/prometheus/api/v1/labels");
    assert_eq!(console.labels(ours, &[cookie, csrf, origin]).await.status, 200);
    assert_eq!(console.labels(prometheus, &[cookie, csrf]).await.status, 403, "clients of Prometheus sign");
    let (_, record) = console.events_of("SearchEvents").await.remove(0);
    assert_eq!(
        (&record["userIdentity"]["type"], &record["sessionCredentialFromConsole"]),
        (&value!("Root"), &value!("true"))
    );

    let (guessed, elsewhere) = (("x-trailwatch-csrf", "guessed"), ("origin", "http://127.0.0.1:9999"));
    let cases: [&[(&str, &str)]; 5] = [
        &[],
        &[cookie],
        &[cookie, guessed],
        &[cookie, csrf, elsewhere],
        &[cookie, csrf, ("sec-fetch-site", "cross-site")],
    ];
    for headers in cases {
        assert_eq!(console.search(headers).await.status, 403, "{headers:?}");
        assert_eq!(console.checkpoint(headers).await.status, 403, "{headers:?}");
        assert_eq!(console.labels(ours, headers).await.status, 403, "{headers:?}");
    }
    let refused = console.search(&[cookie, guessed, origin]).await;
    assert_eq!(body(&refused)["__type"], "MissingAuthenticationTokenException", "the page then asks for the key again");
    assert_eq!(console.events_of("SearchEvents").await.len(), 6);
}

#[tokio::test]
async fn a_users_session_may_at_our_own_paths_what_policies_let_it_and_no_page_resets_an_open_server() {
    let console = console(false).await;
    let (root, root_csrf) = console.session().await;
    let iam = async |form: &str| {
        let form_type = ("content-type", "application/x-www-form-urlencoded");
        let headers = [("cookie", root.as_str()), ("x-trailwatch-csrf", root_csrf.as_str()), form_type];
        console.ask(request("POST", CALL, &headers, &format!("Version=2010-05-08&{form}"))).await
    };
    iam("Action=CreateUser&UserName=jane").await;
    let key = iam("Action=CreateAccessKey&UserName=jane").await;
    let begun = console.sign_in(&element(&key, "AccessKeyId"), &element(&key, "SecretAccessKey"), &[]).await;
    let cookie = header(&begun, "set-cookie").split(';').next().unwrap().to_owned();
    let csrf = body(&begun)["csrf"].as_str().unwrap().to_owned();
    let session = [("cookie", cookie.as_str()), ("x-trailwatch-csrf", csrf.as_str())];
    let refused = console.search(&session).await;
    assert!(
        body(&refused)["message"]
            .as_str()
            .unwrap()
            .contains("user/jane is not authorized to perform: trailwatch:SearchEvents")
    );
    iam("Action=AttachUserPolicy&UserName=jane&PolicyArn=arn:aws:iam::aws:policy/TrailwatchAuditor").await;
    assert_eq!(console.search(&session).await.status, 200);

    let open = self::console(true).await;
    let begun = open.sign_in("", "", &[]).await;
    let cookie = header(&begun, "set-cookie").split(';').next().unwrap().to_owned();
    let csrf = body(&begun)["csrf"].as_str().unwrap().to_owned();
    let session =
        [("cookie", cookie.as_str()), ("x-trailwatch-csrf", csrf.as_str()), ("origin", "http://127.0.0.1:8792")];
    let reset = open.ask(request("POST", "/_trailwatch/reset", &session, "")).await;
    assert_ne!(reset.status, 200, "{:?}", reset.body);
    assert_eq!(open.search(&session).await.status, 200);
}

#[tokio::test]
async fn sessions_end_by_themselves_and_when_asked() {
    let console = console(false).await;
    let (cookie, csrf) = console.session().await;
    let session = [("cookie", cookie.as_str()), ("x-trailwatch-csrf", csrf.as_str())];
    let asked = console.ask(request("GET", SESSION, &session, "")).await;
    assert_eq!(body(&asked)["csrf"], csrf);
    console.clock.advance(CONSOLE_IDLE_MS_MAX);
    assert_eq!(body(&console.ask(request("GET", SESSION, &session, "")).await)["signedIn"], false);
    assert_eq!(console.call("DescribeLogGroups", "{}", &session).await.status, 400);

    let (cookie, csrf) = console.session().await;
    let session = [("cookie", cookie.as_str()), ("x-trailwatch-csrf", csrf.as_str())];
    // Another site cannot sign anybody out.
    console.ask(request("POST", SIGN_OUT, &session[..1], "")).await;
    assert_eq!(console.call("DescribeLogGroups", "{}", &session).await.status, 200);
    let out = console.ask(request("POST", SIGN_OUT, &session, "")).await;
    assert!(header(&out, "set-cookie").contains("Max-Age=0"));
    assert_eq!(console.call("DescribeLogGroups", "{}", &session).await.status, 400);

    // Whoever signs in again has one session, not two.
    let (cookie, csrf) = console.session().await;
    let session = [("cookie", cookie.as_str()), ("x-trailwatch-csrf", csrf.as_str())];
    let (key, secret) = console.server.auth.credentials();
    let again = console.sign_in(key, secret, &session[..1]).await;
    assert_eq!(again.status, 200);
    assert_eq!(console.call("DescribeLogGroups", "{}", &session).await.status, 400);
}

/// The element `name` of an XML answer.
fn element(response: &Response, name: &str) -> String {
    let text = String::from_utf8(response.body.to_vec()).unwrap();
    let (_, rest) = text.split_once(&format!("<{name}>")).unwrap_or_else(|| panic!("no {name} in {text}"));
    rest.split('<').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_users_session_may_what_the_user_may_and_ends_with_the_access_key() {
    let console = console(false).await;
    let (cookie, csrf) = console.session().await;
    let iam = async |form: &str| {
        let form_type = ("content-type", "application/x-www-form-urlencoded");
        let headers = [("cookie", cookie.as_str()), ("x-trailwatch-csrf", csrf.as_str()), form_type];
        let form = format!("Version=2010-05-08&{form}");
        let response = console.ask(request("POST", CALL, &headers, &form)).await;
        assert_eq!(response.status, 200, "{form}: {:?}", response.body);
        response
    };
    iam("Action=CreateUser&UserName=jane").await;
    let key = iam("Action=CreateAccessKey&UserName=jane").await;
    let (id, secret) = (element(&key, "AccessKeyId"), element(&key, "SecretAccessKey"));
    assert_eq!(console.sign_in(&id, "wrong", &[]).await.status, 401);
    let begun = console.sign_in(&id, &secret, &[]).await;
    assert_eq!(body(&begun)["arn"], "arn:aws:iam::123456789012:user/jane", "{:?}", begun.body);
    let cookie = header(&begun, "set-cookie").split(';').next().unwrap().to_owned();
    let csrf = body(&begun)["csrf"].as_str().unwrap().to_owned();
    let session = [("cookie", cookie.as_str()), ("x-trailwatch-csrf", csrf.as_str())];

    let refused = console.call("DescribeLogGroups", "{}", &session).await;
    assert!(body(&refused)["message"].as_str().unwrap().contains("user/jane is not authorized to perform: logs:"));
    iam("Action=AttachUserPolicy&UserName=jane&PolicyArn=arn:aws:iam::aws:policy/TrailwatchOperator").await;
    assert_eq!(console.call("DescribeLogGroups", "{}", &session).await.status, 200);
    let (_, record) = console.events_of("ConsoleLogin").await.pop().unwrap();
    assert_eq!(record["userIdentity"]["userName"], "jane");

    iam(&format!("Action=UpdateAccessKey&UserName=jane&AccessKeyId={id}&Status=Inactive")).await;
    assert_eq!(console.call("DescribeLogGroups", "{}", &session).await.status, 400);
    iam(&format!("Action=UpdateAccessKey&UserName=jane&AccessKeyId={id}&Status=Active")).await;
    assert_eq!(
        body(&console.ask(request("GET", SESSION, &session, "")).await)["signedIn"],
        false,
        "it does not come back"
    );
}

#[tokio::test]
async fn wrong_keys_are_refused_audited_and_slowed_down() {
    let console = console(false).await;
    let (key, secret) = console.server.auth.credentials();
    for _ in 0..CONSOLE_FAILURES_MAX {
        assert_eq!(console.sign_in(key, "wrong", &[]).await.status, 401);
    }
    let refused = console.sign_in(key, secret, &[]).await;
    assert_eq!((refused.status, header(&refused, "retry-after")), (429, "300"));
    console.clock.advance(5 * 60 * 1000);
    assert_eq!(console.sign_in(key, secret, &[]).await.status, 200);
    let events = console.events_of("ConsoleLogin").await;
    let messages: Vec<_> = events.iter().map(|(_, record)| record["errorMessage"].as_str().unwrap_or("")).collect();
    assert_eq!(messages.iter().filter(|message| **message == "Failed authentication").count(), 10);
    assert_eq!(messages[10..], ["Too many failed attempts", ""]);
    assert!(events.iter().all(|(event, _)| !event.record.contains("wrong")));
}

#[tokio::test]
async fn signing_in_is_for_the_consoles_own_page() {
    let console = console(false).await;
    let (key, secret) = console.server.auth.credentials();
    for header in [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site"), ("content-type", "text/plain")]
    {
        assert_eq!(console.sign_in(key, secret, &[header]).await.status, 403, "{header:?}");
    }
    for text in ["", "[", "{\"accessKeyId\":1}", &format!("{{\"accessKeyId\":\"{}\"}}", "x".repeat(5000))] {
        let asked = request("POST", SIGN_IN, &[("content-type", "application/json")], text);
        assert_eq!(console.ask(asked).await.status, 400, "{text}");
    }
    let cookie = |begun: &Response| header(begun, "set-cookie").to_owned();
    let plain = cookie(&console.sign_in(key, secret, &[]).await);
    assert!(plain.starts_with("trailwatch-session-8792=") && plain.contains("; HttpOnly; SameSite=Strict"), "{plain}");
    assert!(!plain.contains("Secure"));
    assert!(cookie(&console.sign_in(key, secret, &[("x-forwarded-proto", "https")]).await).ends_with("; Secure"));
    let text = value!({ "accessKeyId": key, "secretAccessKey": secret }).to_string();
    let tls = Some(model::Tls { version: "TLSv1.3", cipher_suite: "TLS_AES_128_GCM_SHA256" });
    let over_tls = HttpRequest { tls, ..request("POST", SIGN_IN, &[("content-type", "application/json")], &text) };
    assert!(cookie(&console.ask(over_tls).await).ends_with("; Secure"));
    let details = |(_, record): &(Event, Value)| record["tlsDetails"]["tlsVersion"].clone();
    let versions: Vec<Value> = console.events_of("ConsoleLogin").await.iter().map(details).collect();
    assert_eq!(versions.iter().filter(|version| **version == value!("TLSv1.3")).count(), 1, "{versions:?}");
}

#[tokio::test]
async fn an_open_server_asks_for_no_key_but_for_a_local_host() {
    let console = console(true).await;
    assert_eq!(body(&console.ask(request("GET", SESSION, &[], "")).await), value!({ "signedIn": false, "open": true }));
    assert_eq!(console.sign_in("", "", &[("host", "rebound.example:8792")]).await.status, 403);
    for host in ["localhost:8792", "[::1]:8792", "127.0.0.1"] {
        let begun = console.sign_in("", "", &[("host", host)]).await;
        assert_eq!((begun.status, &body(&begun)["account"]), (200, &value!("123456789012")), "{host}");
    }
}

#[tokio::test]
async fn the_page_is_for_browsers_and_clients_of_aws_go_past_it() {
    let console = console(false).await;
    let page = console.ask(request("GET", "/", &[("accept", "text/html,*/*;q=0.8")], "")).await;
    assert_eq!(page.status, 200);
    assert!(header(&page, "content-security-policy").contains("default-src 'none'"));
    let signed = (
        "authorization",
        "AWS4-HMAC-SHA256 Credential=A/20261126/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0",
    );
    for headers in
        [&[("accept", "text/html"), signed][..], &[("accept", "*/*"), ("x-amz-target", "Logs_20140328.X")], &[]]
    {
        assert!(!is_asked(&request("GET", "/", headers, "")), "{headers:?}");
    }
    assert!(!is_asked(&request("POST", "/", &[("accept", "text/html")], "")));
    assert_eq!(console.ask(request("GET", "/_trailwatch/console/assets/none.js", &[], "")).await.status, 404);
    assert_eq!(console.ask(request("PUT", "/_trailwatch/console/aws", &[], "")).await.status, 405);
}

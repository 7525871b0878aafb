//! Signing in through a provider, from the button to the session, with a provider in memory.

use super::*;
use crate::console::federated::{BEGIN, CALLBACK};
use crate::oidc::tests::{Answers, ISSUER, Issuer, claims, settings};
use crate::oidc::{ATTEMPT_MS_MAX, Oidc};
use crate::promql::pairs;
use std::collections::HashMap;

const PROVIDER: &str = "arn:aws:iam::123456789012:oidc-provider/login.example.com/realms/ops";

struct Federated {
    console: Console,
    issuer: Issuer,
    answers: Arc<Answers>,
}

/// A server with a provider, and role Operator, which may read logs, for whom its trust policy lets.
async fn federated(condition: &str) -> Federated {
    let issuer = Issuer::new("k1");
    let answers = Answers::of(&[issuer.jwk()]);
    let mut console = console(false).await;
    console.server.oidc = Some(Arc::new(Oidc::new(settings(), Box::new(Arc::clone(&answers))).unwrap()));
    let (cookie, csrf) = console.session().await;
    let trust = value!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": { "Federated": PROVIDER }, "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": { "StringEquals": { "login.example.com/realms/ops:aud": condition } },
    }] });
    let allowed =
        value!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "logs:*", "Resource": "*" }] });
    let encode = |text: String| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    for form in [
        format!("Action=CreateRole&RoleName=Operator&AssumeRolePolicyDocument={}", encode(trust.to_string())),
        format!("Action=PutRolePolicy&RoleName=Operator&PolicyName=p&PolicyDocument={}", encode(allowed.to_string())),
    ] {
        let headers = [
            ("cookie", cookie.as_str()),
            ("x-trailwatch-csrf", csrf.as_str()),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        let made = console.ask(request("POST", CALL, &headers, &format!("Version=2010-05-08&{form}"))).await;
        assert_eq!(made.status, 200, "{:?}", made.body);
    }
    Federated { console, issuer, answers }
}

/// What a browser holds between the two.
struct Begun {
    cookie: String,
    state: String,
    nonce: String,
}

impl Federated {
    async fn begin(&self) -> Begun {
        let sent = self.console.ask(request("GET", BEGIN, &[], "")).await;
        assert_eq!((sent.status, header(&sent, "cache-control")), (303, "no-store"), "{:?}", sent.body);
        let asked: HashMap<String, String> =
            pairs(header(&sent, "location").split_once('?').unwrap().1).into_iter().collect();
        assert_eq!(asked["redirect_uri"], format!("http://{HOST}{CALLBACK}"));
        let cookie = header(&sent, "set-cookie");
        assert!(cookie.contains("; Path=/_trailwatch; Max-Age=600; HttpOnly; SameSite=Lax"), "{cookie}");
        Begun {
            cookie: cookie.split(';').next().unwrap().to_owned(),
            state: asked["state"].clone(),
            nonce: asked["nonce"].clone(),
        }
    }

    async fn back(&self, cookie: &str, query: &str) -> Response {
        let mut asked = request("GET", CALLBACK, &[("cookie", cookie), ("sec-fetch-site", "cross-site")], "");
        asked.query = query.into();
        self.console.ask(asked).await
    }

    /// From the button to what comes of it, with claims that differ so.
    async fn sign_in(&self, changed: Value) -> Response {
        let Begun { cookie, state, nonce } = self.begin().await;
        self.answers.set_token(&self.issuer.token(&claims(&nonce, changed)));
        self.back(&cookie, &format!("code=c&state={state}")).await
    }
}

/// The session's cookie of an answer.
fn session_cookie(response: &Response) -> Option<String> {
    let mut cookies = response.headers.iter().filter(|(name, _)| *name == "set-cookie").map(|(_, value)| value);
    let found = cookies.rfind(|cookie| cookie.starts_with("trailwatch-session-"))?;
    Some(found.split(';').next().unwrap().to_owned())
}

#[tokio::test]
async fn whom_the_provider_knows_gets_the_session_of_a_role_and_the_trail_says_so() {
    let federated = federated("trailwatch").await;
    let console = &federated.console;
    let offered = body(&console.ask(request("GET", SESSION, &[], "")).await);
    assert_eq!(offered["provider"], value!({ "name": "Example", "path": BEGIN }));
    let done = federated.sign_in(value!({})).await;
    assert_eq!((done.status, header(&done, "location")), (303, "/"), "{:?}", done.headers);
    assert!(
        done.headers
            .iter()
            .any(|(_, value)| value.starts_with("trailwatch-oidc-8792=; ") && value.contains("Max-Age=0"))
    );
    let cookie = session_cookie(&done).unwrap();
    let told = body(&console.ask(request("GET", SESSION, &[("cookie", &cookie)], "")).await);
    let arn = "arn:aws:sts::123456789012:assumed-role/Operator/jane@example.com";
    assert_eq!((&told["signedIn"], &told["arn"]), (&value!(true), &value!(arn)));
    let csrf = told["csrf"].as_str().unwrap();
    let session = [("cookie", cookie.as_str()), ("x-trailwatch-csrf", csrf)];
    assert_eq!(console.call("DescribeLogGroups", "{}", &session).await.status, 200);
    assert_eq!(console.search(&session).await.status, 403, "the role may read logs alone");

    let (event, record) = console.events_of("AssumeRoleWithWebIdentity").await.remove(0);
    assert_eq!(event.source, "sts.amazonaws.com");
    assert_eq!(
        record["userIdentity"],
        value!({
            "type": "WebIdentityUser", "principalId": format!("{PROVIDER}:trailwatch:u-1"), "userName": "u-1",
            "identityProvider": PROVIDER,
        })
    );
    assert_eq!(record["requestParameters"]["roleSessionName"], "jane@example.com");
    assert_eq!(record["responseElements"]["assumedRoleUser"]["arn"], arn);
    assert!(!event.record.to_lowercase().contains("sessiontoken"));
    let (_, record) = console.events_of("ConsoleLogin").await.pop().unwrap();
    assert_eq!(record["responseElements"]["ConsoleLogin"], "Success");
    assert_eq!(
        (&record["userIdentity"]["type"], &record["userIdentity"]["arn"]),
        (&value!("AssumedRole"), &value!(arn))
    );
    assert_eq!(record["userIdentity"]["sessionContext"]["webIdFederationData"]["federatedProvider"], PROVIDER);
    let (_, record) = console.events_of("DescribeLogGroups").await.pop().unwrap();
    assert_eq!(record["userIdentity"]["sessionContext"]["sessionIssuer"]["userName"], "Operator");

    // The role's session lasts an hour; that of the console ends with it, whatever its own time.
    for _ in 0..3 {
        console.clock.advance(19 * 60 * 1000);
        assert_eq!(console.call("DescribeLogGroups", "{}", &session).await.status, 200);
    }
    console.clock.advance(4 * 60 * 1000);
    assert_eq!(console.call("DescribeLogGroups", "{}", &session).await.status, 400);
}

#[tokio::test]
async fn an_answer_that_this_browser_did_not_ask_for_signs_nobody_in() {
    let federated = federated("trailwatch").await;
    let Begun { cookie, state, nonce } = federated.begin().await;
    let other = federated.begin().await;
    federated.answers.set_token(&federated.issuer.token(&claims(&nonce, value!({}))));
    let good = format!("code=c&state={state}");
    let refuse = async |cookie: &str, query: &str, word: &str| {
        let refused = federated.back(cookie, query).await;
        assert_eq!(header(&refused, "location"), format!("/#/?refused={word}"), "{query}");
        assert_eq!(session_cookie(&refused), None, "{query}");
    };
    for (cookie, query) in [
        ("", good.as_str()),
        (other.cookie.as_str(), good.as_str()),
        (cookie.as_str(), "code=c"),
        (cookie.as_str(), "code=c&state=guessed"),
        ("trailwatch-oidc-8792=forged", good.as_str()),
    ] {
        refuse(cookie, query, "attempt").await;
    }
    // The token is of the first attempt.
    refuse(&other.cookie, &format!("code=c&state={}", other.state), "token").await;
    for (query, word) in [
        ("code=c&iss=https%3A%2F%2Fevil.example", "token"),
        ("error=access_denied", "cancelled"),
        ("code=c&error=access_denied", "cancelled"),
    ] {
        let Begun { cookie, state, .. } = federated.begin().await;
        refuse(&cookie, &format!("{query}&state={state}"), word).await;
        refuse(&cookie, &format!("code=c&state={state}"), "attempt").await;
    }
    // Until its own answer comes, nothing of what was tried with it spoils an attempt.
    let issuer = format!("{good}&iss={}", ISSUER.replace(':', "%3A").replace('/', "%2F"));
    assert_eq!(header(&federated.back(&cookie, &issuer).await, "location"), "/");
    refuse(&cookie, &issuer, "attempt").await;
    let late = federated.begin().await;
    federated.answers.set_token(&federated.issuer.token(&claims(&late.nonce, value!({}))));
    federated.console.clock.advance(ATTEMPT_MS_MAX);
    let refused = federated.back(&late.cookie, &format!("code=c&state={}", late.state)).await;
    assert_eq!(header(&refused, "location"), "/#/?refused=attempt");
    let logins = federated.console.events_of("ConsoleLogin").await;
    let failed = logins.iter().filter(|(_, record)| record["errorMessage"] == "Failed authentication");
    assert_eq!(failed.count(), 14, "each is on the trail");
}

impl Federated {
    /// AssumeRoleWithWebIdentity as SDKs call it, which sign nothing: status and text of the answer.
    async fn assume(&self, token: &str, role: &str, more: &str) -> (u16, String) {
        let form = format!(
            "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleSessionName=jane&WebIdentityToken={token}\
             &RoleArn=arn:aws:iam::123456789012:role/{role}{more}"
        );
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        let answer = self.console.ask(request("POST", "/", &headers, &form)).await;
        (answer.status, String::from_utf8(answer.body.to_vec()).unwrap())
    }
}

#[tokio::test]
async fn who_brings_a_token_of_the_provider_gets_a_role_without_a_signature() {
    let federated = federated("trailwatch").await;
    let token = |changed: Value| federated.issuer.token(&claims("of another attempt", changed));
    let good = token(value!({}));
    let (status, given) = federated.assume(&good, "Operator", "").await;
    assert_eq!(status, 200, "{given}");
    let arn = "arn:aws:sts::123456789012:assumed-role/Operator/jane";
    for said in [
        format!("<Arn>{arn}</Arn>").as_str(),
        format!("<Provider>{PROVIDER}</Provider>").as_str(),
        "<SubjectFromWebIdentityToken>u-1</SubjectFromWebIdentityToken>",
        "<Audience>trailwatch</Audience>",
        "<AccessKeyId>ASIA",
    ] {
        assert!(given.contains(said), "{said}: {given}");
    }
    let (event, record) = federated.console.events_of("AssumeRoleWithWebIdentity").await.remove(0);
    let identity = value!({
        "type": "WebIdentityUser", "principalId": format!("{PROVIDER}:trailwatch:u-1"), "userName": "u-1",
        "identityProvider": PROVIDER,
    });
    assert_eq!((&record["userIdentity"], event.account.as_str()), (&identity, "123456789012"));
    assert_eq!(record["requestParameters"]["roleSessionName"], "jane");
    assert_eq!(record["responseElements"]["assumedRoleUser"]["arn"], arn);
    assert!(!event.record.contains(&good), "{}", event.record);
    let now = crate::oidc::tests::NOW.secs();
    for (token, role, more, status, code) in [
        (token(value!({ "exp": now - 90 })), "Operator", "", 400, "ExpiredTokenException"),
        (token(value!({ "aud": "another" })), "Operator", "", 400, "InvalidIdentityToken"),
        (token(value!({ "iss": "https://evil.example" })), "Operator", "", 400, "InvalidIdentityToken"),
        (Issuer::new("k1").token(&claims("n", value!({}))), "Operator", "", 400, "InvalidIdentityToken"),
        ("access-token".into(), "Operator", "", 400, "InvalidIdentityToken"),
        (String::new(), "Operator", "", 400, "ValidationError"),
        (good.clone(), "Operator", "&DurationSeconds=43200", 400, "ValidationError"),
        (good.clone(), "Unheard", "", 403, "AccessDenied"),
    ] {
        let (found, refused) = federated.assume(&token, role, more).await;
        assert!(found == status && refused.contains(&format!("<Code>{code}</Code>")), "{code}: {found} {refused}");
    }
    let (_, record) = federated.console.events_of("AssumeRoleWithWebIdentity").await.pop().unwrap();
    assert_eq!((&record["userIdentity"], &record["errorCode"]), (&identity, &value!("AccessDenied")));
}

#[tokio::test]
async fn a_provider_that_is_down_verifies_no_token() {
    let federated = federated("trailwatch").await;
    federated.answers.by_url.lock().unwrap().clear();
    let token = federated.issuer.token(&claims("n", value!({})));
    let (status, refused) = federated.assume(&token, "Operator", "").await;
    assert!(status == 400 && refused.contains("<Code>IDPCommunicationError</Code>"), "{status} {refused}");
    let none = console(false).await;
    let without = Federated { console: none, ..federated };
    let (status, refused) = without.assume(&token, "Operator", "").await;
    let told = format!("No OpenIDConnect provider found in your account for {ISSUER}");
    assert!(status == 400 && refused.contains(&told), "{status} {refused}");
}

#[tokio::test]
async fn who_has_no_role_is_refused_by_name_and_failures_of_others_close_no_door() {
    let federated = federated("trailwatch").await;
    let refused = federated.sign_in(value!({ "groups": ["sales"] })).await;
    assert_eq!(header(&refused, "location"), "/#/?refused=role");
    assert!(federated.console.events_of("AssumeRoleWithWebIdentity").await.is_empty());
    let (_, record) = federated.console.events_of("ConsoleLogin").await.pop().unwrap();
    assert_eq!(record["userIdentity"]["userName"], "u-1");
    // The role Viewer is not there.
    let refused = federated.sign_in(value!({ "groups": ["dev"] })).await;
    assert_eq!(header(&refused, "location"), "/#/?refused=role");
    let (event, record) = federated.console.events_of("AssumeRoleWithWebIdentity").await.pop().unwrap();
    assert_eq!(
        (event.error_code.as_str(), &record["requestParameters"]["roleArn"]),
        ("AccessDenied", &value!("arn:aws:iam::123456789012:role/Viewer"))
    );
    for _ in 0..CONSOLE_FAILURES_MAX {
        federated.sign_in(value!({ "aud": "another" })).await;
    }
    let taken = federated.sign_in(value!({})).await;
    assert_eq!(header(&taken, "location"), "/");
}

#[tokio::test]
async fn the_roles_trust_policy_has_the_last_word() {
    let federated = federated("another client").await;
    let refused = federated.sign_in(value!({})).await;
    assert_eq!(header(&refused, "location"), "/#/?refused=role");
    let (event, record) = federated.console.events_of("AssumeRoleWithWebIdentity").await.pop().unwrap();
    assert_eq!(event.error_code, "AccessDenied");
    assert_eq!(record["errorMessage"], "Not authorized to perform sts:AssumeRoleWithWebIdentity");
    assert_eq!(session_cookie(&refused), None);
}

#[tokio::test]
async fn without_a_provider_there_is_nothing_to_begin() {
    let console = console(false).await;
    for path in [BEGIN, CALLBACK] {
        assert_eq!(console.ask(request("GET", path, &[], "")).await.status, 404);
    }
    assert_eq!(body(&console.ask(request("GET", SESSION, &[], "")).await).get("provider"), None);
    let federated = federated("trailwatch").await;
    federated.answers.by_url.lock().unwrap().clear();
    let down = federated.console.ask(request("GET", BEGIN, &[], "")).await;
    assert_eq!((down.status, header(&down, "location")), (303, "/#/?refused=provider"));
    let nowhere = federated.console.ask(request("GET", BEGIN, &[("host", "a b")], "")).await;
    assert_eq!(nowhere.status, 400);
}

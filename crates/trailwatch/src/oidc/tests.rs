use super::id_token::{Expected, Refused, keys, verify};
use super::*;
use futures::FutureExt;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::json;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

pub const ISSUER: &str = "https://login.example.com/realms/ops";
pub const NOW: Timestamp = Timestamp(1_795_000_000_000);
/// Where the document says that keys and tokens are.
const JWKS: &str = "https://login.example.com/keys";
const TOKEN: &str = "https://login.example.com/token";

/// A provider in memory, with one key.
pub struct Issuer {
    pair: EcdsaKeyPair,
    key_id: &'static str,
}

impl Issuer {
    pub fn new(key_id: &'static str) -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).unwrap();
        Self { pair, key_id }
    }

    pub fn jwk(&self) -> Value {
        let point = self.pair.public_key().as_ref();
        let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
        json!({ "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": self.key_id, "x": x, "y": y })
    }

    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }

    pub fn token(&self, claims: &Value) -> String {
        self.sign(&json!({ "alg": "ES256", "kid": self.key_id }), claims)
    }
}

/// Claims of a token that was made now, with `changed` ones; `null` takes one away.
pub fn claims(nonce: &str, changed: Value) -> Value {
    let now = NOW.secs();
    let mut claims = json!({
        "iss": ISSUER, "aud": "trailwatch", "sub": "u-1", "iat": now, "exp": now + 300, "nonce": nonce,
        "email": "jane@example.com", "email_verified": true, "groups": ["dev", "ops"],
    });
    for (name, value) in changed.as_object().unwrap() {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value.clone(),
        }
    }
    claims
}

/// Answers by URL, and what was asked.
#[derive(Default)]
pub struct Answers {
    pub by_url: Mutex<HashMap<String, String>>,
    pub asked: Mutex<Vec<(String, String, Option<String>)>>,
}

impl Answers {
    /// Of a provider with this document and these keys.
    pub fn of(jwks: &[Value]) -> Arc<Self> {
        let answers = Arc::new(Self::default());
        answers.set(
            &format!("{ISSUER}/.well-known/openid-configuration"),
            &json!({
                "issuer": ISSUER, "authorization_endpoint": "https://login.example.com/authorize?tenant=1",
                "token_endpoint": TOKEN, "jwks_uri": JWKS,
            }),
        );
        answers.set_keys(jwks);
        answers
    }

    pub fn set(&self, url: &str, answer: &Value) {
        self.by_url.lock().unwrap().insert(url.into(), answer.to_string());
    }

    pub fn set_keys(&self, jwks: &[Value]) {
        self.set(JWKS, &json!({ "keys": jwks }));
    }

    pub fn set_token(&self, token: &str) {
        self.set(TOKEN, &json!({ "access_token": "a", "token_type": "Bearer", "id_token": token }));
    }

    pub fn count(&self, url: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|(asked, _, _)| asked == url).count()
    }

    fn answer(&self, url: &str, form: &str, authorization: Option<&str>) -> Result<Vec<u8>, String> {
        self.asked.lock().unwrap().push((url.into(), form.into(), authorization.map(str::to_owned)));
        self.by_url.lock().unwrap().get(url).map(|text| text.clone().into_bytes()).ok_or_else(|| "it is down".into())
    }
}

impl Ask for Arc<Answers> {
    fn get(&self, url: &str) -> Result<Vec<u8>, String> {
        self.answer(url, "", None)
    }

    fn post(&self, url: &str, form: &str, authorization: Option<&str>) -> Result<Vec<u8>, String> {
        self.answer(url, form, authorization)
    }
}

pub fn settings() -> OidcSettings {
    let rule = |claim: &str, value: &str, role: &str| RoleRule {
        claim: claim.into(),
        value: value.into(),
        role: format!("arn:aws:iam::123456789012:role/{role}"),
    };
    OidcSettings {
        issuer: ISSUER.into(),
        client_id: "trailwatch".into(),
        client_secret: Some("s e&cret".into()),
        certificates: None,
        name: "Example".into(),
        scope: "openid email".into(),
        roles: vec![
            rule("groups", "ops", "Operator"),
            rule("realm.admin", "true", "Admin"),
            rule("groups", "dev", "Viewer"),
        ],
    }
}

fn oidc(answers: &Arc<Answers>) -> Oidc {
    Oidc::new(settings(), Box::new(Arc::clone(answers))).unwrap()
}

fn expected(nonce: &str) -> Expected<'_> {
    Expected { issuer: ISSUER, client_id: "trailwatch", nonce: Some(nonce), now: NOW }
}

/// RFC 7515, A.2: a signature with RS256, its key, and what it signs.
mod rfc {
    pub const N: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
    pub const TOKEN: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
}

#[test]
fn a_signature_of_rsa_is_verified_before_claims_are_looked_at() {
    let rsa = |n: &str| json!({ "kty": "RSA", "n": n, "e": "AQAB" });
    let set = |jwk: Value| keys(json!({ "keys": [jwk] }).to_string().as_bytes()).unwrap();
    // The example is of issuer joe and of 2011: that its issuer is what is refused says that its signature was taken.
    assert_eq!(verify(rfc::TOKEN, &set(rsa(rfc::N)), &expected("n")), Err(Refused::Invalid("it is of another issuer")));
    let other = rfc::N.replacen("ofg", "ofh", 1);
    assert_eq!(verify(rfc::TOKEN, &set(rsa(&other)), &expected("n")), Err(Refused::UnknownKey));
    let mut forged = rfc::TOKEN.to_owned();
    forged.replace_range(30..31, if &forged[30..31] == "A" { "B" } else { "A" });
    assert_eq!(verify(&forged, &set(rsa(rfc::N)), &expected("n")), Err(Refused::UnknownKey));
}

#[test]
fn only_a_token_of_the_provider_for_us_of_now_and_of_this_attempt_is_taken() {
    let issuer = Issuer::new("k1");
    let set =
        keys(json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": "AA" }, issuer.jwk()] }).to_string().as_bytes());
    let set = set.unwrap();
    let now = NOW.secs();
    let outcome = |changed: Value| verify(&issuer.token(&claims("n", changed)), &set, &expected("n"));
    for good in [
        json!({}),
        json!({ "aud": ["trailwatch"] }),
        json!({ "aud": ["trailwatch", "other"], "azp": "trailwatch" }),
        json!({ "exp": now - 59, "iat": now - 300 }),
        json!({ "iat": now + 59, "nbf": now + 59 }),
        json!({ "iat": now as f64 - 0.5 }),
    ] {
        assert_eq!(outcome(good.clone()).map(|claims| claims.subject), Ok("u-1".to_owned()), "{good}");
    }
    for (bad, why) in [
        (json!({ "iss": "https://login.example.com/realms/ops/" }), "another issuer"),
        (json!({ "iss": null }), "another issuer"),
        (json!({ "aud": "another" }), "another client"),
        (json!({ "aud": null }), "another client"),
        (json!({ "aud": ["trailwatch", "other"] }), "given to another client"),
        (json!({ "azp": "other" }), "given to another client"),
        (json!({ "exp": now - 60 }), "expired"),
        (json!({ "exp": null }), "expired"),
        (json!({ "exp": "later" }), "expired"),
        (json!({ "iat": now + 61 }), "future"),
        (json!({ "nbf": now + 61 }), "future"),
        (json!({ "iat": null }), "when it was made"),
        (json!({ "iat": now - 601 }), "too old"),
        (json!({ "nonce": "another" }), "another attempt"),
        (json!({ "nonce": null }), "another attempt"),
        (json!({ "sub": null }), "nobody"),
        (json!({ "sub": "" }), "nobody"),
        (json!({ "sub": "a\nb" }), "nobody"),
    ] {
        let refused = outcome(bad.clone()).unwrap_err().to_string();
        assert!(refused.contains(why), "{bad}: {refused}");
    }
}

#[test]
fn what_is_not_signed_by_the_providers_key_is_refused() {
    let (issuer, other) = (Issuer::new("k1"), Issuer::new("k1"));
    let set = keys(json!({ "keys": [issuer.jwk()] }).to_string().as_bytes()).unwrap();
    let good = issuer.token(&claims("n", json!({})));
    let payload = good.split('.').nth(1).unwrap();
    let head = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let unsigned = format!("{}.{payload}.", head(json!({ "alg": "none" })));
    // Whoever knows the public key could make this one.
    let symmetric =
        format!("{}.{payload}.{}", head(json!({ "alg": "HS256", "kid": "k1" })), URL_SAFE_NO_PAD.encode([0; 32]));
    let why = |token: &str| verify(token, &set, &expected("n")).unwrap_err().to_string();
    for token in [unsigned, symmetric, issuer.sign(&json!({ "kid": "k1" }), &claims("n", json!({})))] {
        assert_eq!(why(&token), "it must be signed with RS256 or ES256");
    }
    assert_eq!(why(&other.token(&claims("n", json!({})))), "its signature is not the provider's");
    let critical = issuer.sign(&json!({ "alg": "ES256", "kid": "k1", "crit": ["b64"] }), &claims("n", json!({})));
    assert_eq!(why(&critical), "it has critical headers");
    assert!(verify(&issuer.sign(&json!({ "alg": "ES256" }), &claims("n", json!({}))), &set, &expected("n")).is_ok());
    let unknown = issuer.sign(&json!({ "alg": "ES256", "kid": "k2" }), &claims("n", json!({})));
    assert_eq!(verify(&unknown, &set, &expected("n")), Err(Refused::UnknownKey));
    for broken in ["", ".", "..", "a.b.c", &good[..good.len() - 2], &format!("{good}.x"), &"a".repeat(70_000)] {
        assert!(verify(broken, &set, &expected("n")).is_err(), "{broken:.20}");
    }
}

#[test]
fn a_token_that_somebody_brings_may_be_older_and_of_any_attempt() {
    let issuer = Issuer::new("k1");
    let answers = Answers::of(&[issuer.jwk()]);
    let (oidc, now) = (oidc(&answers), NOW.secs());
    let outcome = |changed: Value| oidc.provider.verified(&issuer.token(&claims("n", changed)), NOW);
    for good in [json!({ "nonce": null }), json!({ "iat": now - 3_000 })] {
        assert_eq!(outcome(good.clone()).map(|claims| claims.subject), Ok("u-1".to_owned()), "{good}");
    }
    assert_eq!(outcome(json!({ "exp": now - 60 })), Err(Failure::Token(Refused::Expired)));
    let another = Failure::Token(Refused::Invalid("it is for another client"));
    assert_eq!(outcome(json!({ "aud": "another" })), Err(another));
    assert_eq!(claimed_issuer(&issuer.token(&claims("n", json!({})))).as_deref(), Some(ISSUER));
    for none in ["", "a", "a.b", "a.b.c", "..", "é".repeat(70_000).as_str()] {
        assert_eq!(claimed_issuer(none), None, "{none:.9}");
    }
}

#[test]
fn keys_for_other_uses_are_passed_over() {
    let jwk = Issuer::new("k").jwk();
    let with = |name: &str, value: Value| {
        let mut jwk = jwk.clone();
        jwk[name] = value;
        keys(json!({ "keys": [jwk] }).to_string().as_bytes()).unwrap().len()
    };
    assert_eq!(with("use", json!("sig")), 1);
    for (name, value) in [
        ("use", json!("enc")),
        ("alg", json!("ES384")),
        ("crv", json!("P-384")),
        ("kty", json!("oct")),
        ("x", json!("AAAA")),
        ("x", json!("=")),
    ] {
        assert_eq!(with(name, value.clone()), 0, "{name} {value}");
    }
    assert!(keys(b"{}").is_err() && keys(b"[").is_err());
}

#[test]
fn a_browser_is_sent_to_the_provider_with_all_that_binds_the_answer_to_it() {
    let answers = Answers::of(&[]);
    let oidc = oidc(&answers);
    let (attempt, cookie) = oidc.begin(NOW).unwrap();
    let callback = "http://127.0.0.1:8792/_trailwatch/console/oidc/callback";
    let url = oidc.provider.authorization_url(&attempt, callback, NOW).unwrap();
    let (endpoint, query) = url.split_once('?').unwrap();
    assert_eq!(endpoint, "https://login.example.com/authorize");
    let pairs: HashMap<String, String> = crate::promql::pairs(query).into_iter().collect();
    let named = |name: &str| pairs[name].as_str();
    assert_eq!((named("tenant"), named("response_type"), named("client_id")), ("1", "code", "trailwatch"));
    assert_eq!((named("redirect_uri"), named("scope")), (callback, "openid email"));
    assert_eq!((named("state"), named("nonce")), (attempt.state.as_str(), attempt.nonce.as_str()));
    assert_eq!((named("code_challenge"), named("code_challenge_method")), (attempt.challenge().as_str(), "S256"));
    assert!(!url.contains(&attempt.verifier) && !cookie.contains(&attempt.verifier));

    assert_eq!(oidc.remembered(&cookie, NOW), Some(attempt.clone()));
    assert_eq!(oidc.remembered(&cookie, NOW + ATTEMPT_MS_MAX), None);
    assert_eq!(oidc.remembered(&cookie, NOW - 1), None);
    assert_eq!(oidc.remembered(&format!("A{}", &cookie[1..]).replace("AA", "AB"), NOW), None);
    assert_eq!(self::oidc(&answers).remembered(&cookie, NOW), None, "another process");
    assert_ne!(oidc.begin(NOW).unwrap().0.state, attempt.state);
    // RFC 7636, appendix B.
    let example = Attempt { verifier: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".into(), ..attempt };
    assert_eq!(example.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
}

#[test]
fn a_code_is_redeemed_with_the_secret_and_the_verifier() {
    let issuer = Issuer::new("k1");
    let answers = Answers::of(&[issuer.jwk()]);
    let oidc = oidc(&answers);
    let (attempt, _) = oidc.begin(NOW).unwrap();
    answers.set_token(&issuer.token(&claims(&attempt.nonce, json!({}))));
    let claims = oidc.provider.redeem("c/1", &attempt, "http://h/cb", NOW).unwrap();
    assert_eq!(claims.subject, "u-1");
    let asked = answers.asked.lock().unwrap();
    let (_, form, authorization) = asked.iter().find(|(url, _, _)| url == TOKEN).unwrap();
    let expected = format!(
        "grant_type=authorization_code&code=c%2F1&redirect_uri=http%3A%2F%2Fh%2Fcb&code_verifier={}",
        attempt.verifier
    );
    assert_eq!(*form, expected);
    // `trailwatch:s%20e%26cret`
    assert_eq!(authorization.as_deref(), Some("Basic dHJhaWx3YXRjaDpzJTIwZSUyNmNyZXQ="));
}

#[test]
fn new_keys_are_looked_for_once_and_not_at_will() {
    let (old, new) = (Issuer::new("k1"), Issuer::new("k2"));
    let answers = Answers::of(&[old.jwk()]);
    let oidc = oidc(&answers);
    let (attempt, _) = oidc.begin(NOW).unwrap();
    let redeem = |signer: &Issuer, seconds: i64| {
        let iat = json!({ "iat": NOW.secs() + seconds, "exp": NOW.secs() + seconds + 60 });
        answers.set_token(&signer.token(&claims(&attempt.nonce, iat)));
        oidc.provider.redeem("c", &attempt, "http://h/cb", NOW + seconds * 1000).is_ok()
    };
    assert!(redeem(&old, 0) && redeem(&old, 1));
    assert_eq!(answers.count(JWKS), 1, "they are kept");
    answers.set_keys(&[old.jwk(), new.jwk()]);
    assert!(!redeem(&new, 29) && answers.count(JWKS) == 1, "not before half a minute is over");
    assert!(redeem(&new, 31) && answers.count(JWKS) == 2);
    assert!(!redeem(&Issuer::new("k3"), 40) && answers.count(JWKS) == 2, "whoever sends such tokens");
    assert!(redeem(&old, 3_700) && answers.count(JWKS) == 3, "kept for an hour");
}

#[test]
fn a_provider_that_is_down_or_says_something_else_signs_nobody_in() {
    let issuer = Issuer::new("k1");
    let answers = Answers::of(&[issuer.jwk()]);
    let oidc = oidc(&answers);
    let (attempt, _) = oidc.begin(NOW).unwrap();
    let begun =
        |now: Timestamp| oidc.provider.authorization_url(&attempt, "http://h/cb", now).map_err(|e| e.to_string());
    let document = format!("{ISSUER}/.well-known/openid-configuration");
    let good = answers.by_url.lock().unwrap().remove(&document).unwrap();
    let good: Value = serde_json::from_str(&good).unwrap();
    assert!(begun(NOW).unwrap_err().contains("it is down"));
    answers.set(&document, &good);
    assert!(begun(NOW + 4_000).is_err() && answers.count(&document) == 1, "it is not asked again at once");
    let mut at = NOW;
    for (name, value, why) in [
        ("issuer", "https://evil.example", "is of issuer"),
        ("jwks_uri", "http://login.example.com/keys", "no https:// URL"),
        ("token_endpoint", "file:///etc/passwd", "no https:// URL"),
        ("authorization_endpoint", "javascript:alert(1)", "no https:// URL"),
    ] {
        let mut bad = good.clone();
        bad[name] = json!(value);
        answers.set(&document, &bad);
        at = at + 6_000;
        assert!(begun(at).unwrap_err().contains(why), "{name}");
    }
    answers.set(&document, &good);
    at = at + 6_000;
    assert!(begun(at).is_ok());
    for token in [json!({}), json!({ "id_token": "x" }), json!("x")] {
        answers.set(TOKEN, &token);
        assert!(oidc.provider.redeem("c", &attempt, "http://h/cb", at).is_err(), "{token}");
    }
}

#[tokio::test]
async fn turns_at_the_provider_are_shared_out_by_address() {
    let oidc = oidc(&Answers::of(&[]));
    let [flood, other, third] = [1, 2, 3].map(|last| Holder::at(std::net::IpAddr::from([192, 0, 2, last])));
    let mut turns = Vec::new();
    while let Some(turn) = oidc.provider.turn(&flood).now_or_never() {
        turns.push(turn.unwrap());
    }
    assert_eq!(turns.len(), 4, "half of eight");
    let mut waiting = std::pin::pin!(oidc.provider.turn(&flood));
    assert!(waiting.as_mut().now_or_never().is_none());
    let of_others = [&other, &other, &third].map(|holder| oidc.provider.turn(holder).now_or_never().unwrap().unwrap());
    drop(of_others);
    assert!(waiting.as_mut().now_or_never().is_none(), "still its own four");
    turns.pop();
    assert!(waiting.await.is_ok());
}

#[test]
fn the_document_may_not_lead_into_the_own_network() {
    let http = Http::new(&OidcSettings { issuer: "https://127.0.0.1:1/a".into(), ..settings() }, false);
    let refused = |url: &str| http.get(url).unwrap_err();
    // The issuer's own host is the operator's word, and would be asked; nobody listens there.
    assert!(!refused("https://127.0.0.1:1/token").contains("not public"));
    for url in
        ["https://127.0.0.1:2/token", "https://169.254.169.254/latest", "http://localhost:1/", "https://[::1]:1/"]
    {
        assert!(refused(url).contains("not public"), "{url}: {}", refused(url));
    }
    assert!(http.post("https://10.0.0.1/", "", None).unwrap_err().contains("not public"));
}

#[test]
fn the_first_rule_that_fits_gives_the_role() {
    let claims = |all: Value| Claims { subject: "s".into(), all: all.as_object().unwrap().clone() };
    let rules = settings().roles;
    let role = |all: Value| role_of(&rules, &claims(all)).map(|arn| arn.rsplit('/').next().unwrap().to_owned());
    assert_eq!(role(json!({ "groups": ["dev", "ops"] })).as_deref(), Some("Operator"));
    assert_eq!(role(json!({ "groups": "dev" })).as_deref(), Some("Viewer"));
    assert_eq!(role(json!({ "realm": { "admin": true }, "groups": ["dev"] })).as_deref(), Some("Admin"));
    assert_eq!(role(json!({ "realm.admin": "true" })).as_deref(), Some("Admin"));
    let rule = RoleRule { claim: "email".into(), value: "boss@corp".into(), role: "arn:aws:iam::1:role/Boss".into() };
    for (verified, wanted) in [(json!(true), true), (json!("true"), true), (json!(false), false), (json!(null), false)]
    {
        let claims = claims(json!({ "email": "boss@corp", "email_verified": verified }));
        assert_eq!(role_of(std::slice::from_ref(&rule), &claims).is_some(), wanted, "{verified}");
    }
    for none in [
        json!({}),
        json!({ "groups": ["Ops", "op", "opss"] }),
        json!({ "groups": { "ops": 1 } }),
        json!({ "realm": "x" }),
    ] {
        assert_eq!(role(none.clone()), None, "{none}");
    }
}

#[test]
fn a_session_is_called_by_a_verified_address_or_by_the_subject() {
    let named = |subject: &str, all: Value| {
        session_name(&Claims { subject: subject.into(), all: all.as_object().unwrap().clone() })
    };
    let jane = json!({ "email": "jane@example.com", "email_verified": true });
    assert_eq!(named("u-1", jane), "jane@example.com");
    assert_eq!(named("u-1", json!({ "email": "root@example.com", "email_verified": false })), "u-1");
    assert_eq!(named("u-1", json!({ "email": "root@example.com" })), "u-1", "anybody may have written it");
    assert_eq!(named("auth0|a b/é", json!({})), "auth0-a-b--");
    assert_eq!((named("x", json!({})).as_str(), named(&"y".repeat(255), json!({})).len()), ("x-", 64));
}

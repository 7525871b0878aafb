//! Signatures of AWS's own test suite and of botocore, and every way in which one may be wrong.

mod vectors;

use super::*;
use crate::test_bytes::mutations;
use bytes::Bytes;
use model::limits::CLOCK_SKEW_MS_MAX;
use std::cell::Cell;

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

fn secret_of(key: &str) -> Option<String> {
    (key == "AKIDEXAMPLE").then(|| SECRET.to_owned())
}

fn credentials() -> Credentials {
    Credentials { access_key_id: "AKIDEXAMPLE".into(), secret_access_key: SECRET.into(), session_token: None }
}

fn now() -> Timestamp {
    Timestamp::parse_iso("2026-01-02T03:04:05Z").unwrap()
}

fn check(request: &HttpRequest) -> Result<Claim, SignatureError> {
    verify(request, now(), CLOCK_SKEW_MS_MAX, secret_of)
}

fn request(method: &str, path: &str, query: &str, headers: &[(&str, &str)], body: &'static [u8]) -> HttpRequest {
    HttpRequest {
        method: method.into(),
        path: path.into(),
        query: query.into(),
        headers: headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
        body: Bytes::from_static(body),
        ..HttpRequest::default()
    }
}

fn json_call() -> HttpRequest {
    request(
        "POST",
        "/",
        "",
        &[("host", "localhost:8792"), ("x-amz-target", "Logs_20140328.PutLogEvents"), ("user-agent", "test")],
        b"{}",
    )
}

fn signed() -> HttpRequest {
    let mut request = json_call();
    sign(&mut request, &credentials(), "us-east-1", "logs", now());
    request
}

fn set(request: &mut HttpRequest, name: &str, value: impl Into<String>) {
    request.headers.retain(|(key, _)| key != name);
    request.headers.push((name.into(), value.into()));
}

/// Changes the Authorization header of a good request.
fn with_authorization(change: impl Fn(&str) -> String) -> HttpRequest {
    let mut request = signed();
    let changed = change(request.header("authorization").unwrap());
    set(&mut request, "authorization", changed);
    request
}

#[test]
fn the_signatures_of_the_aws_test_suite_come_out() {
    let at = Timestamp::parse_iso("2015-08-30T12:36:00Z").unwrap();
    let host: &[(&str, &str)] = &[("host", "example.amazonaws.com")];
    let iam: &[(&str, &str)] =
        &[("host", "iam.amazonaws.com"), ("content-type", "application/x-www-form-urlencoded; charset=utf-8")];
    let cases = [
        (
            request("GET", "/", "", host, b""),
            "service",
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        ),
        (
            request("GET", "/", "Param2=value2&Param1=value1", host, b""),
            "service",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        (
            request("GET", "/\u{1234}", "", host, b""),
            "service",
            "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85",
        ),
        (
            request("GET", "/", "\u{1234}=bar", host, b""),
            "service",
            "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04",
        ),
        (
            request("POST", "/", "", host, b""),
            "service",
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
        ),
        (
            request("GET", "/", "Action=ListUsers&Version=2010-05-08", iam, b""),
            "iam",
            "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
        ),
    ];
    for (mut request, service, signature) in cases {
        sign(&mut request, &credentials(), "us-east-1", service, at);
        let authorization = request.header("authorization").unwrap();
        assert!(authorization.ends_with(&format!("Signature={signature}")), "{} {authorization}", request.path);
        verify(&request, at, CLOCK_SKEW_MS_MAX, secret_of).unwrap();
    }
}

#[test]
fn what_botocore_signs_verifies() {
    for (name, request) in vectors::requests() {
        let claim = check(&request).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((claim.access_key_id.as_str(), claim.region.as_str()), ("AKIDEXAMPLE", "us-east-1"), "{name}");
        assert_eq!(claim.security_token.is_some(), name.contains("temporary"), "{name}");
        assert_eq!(claimed(&request), Some(claim), "{name}");
    }
}

#[test]
fn any_change_to_what_is_signed_is_noticed() {
    for (name, request) in vectors::requests() {
        let mut body = request.clone();
        body.body = Bytes::from([request.body.as_ref(), b"x"].concat());
        if name != "a presigned S3 key" {
            assert_eq!(check(&body), Err(SignatureError::Mismatch), "{name}: body");
        }
        let mut path = request.clone();
        path.path.push('x');
        assert_eq!(check(&path), Err(SignatureError::Mismatch), "{name}: path");
        let mut query = request.clone();
        query.query.push_str("&more=1");
        assert_eq!(check(&query), Err(SignatureError::Mismatch), "{name}: query");
        let mut host = request.clone();
        set(&mut host, "host", "elsewhere");
        assert_eq!(check(&host), Err(SignatureError::Mismatch), "{name}: host");
        let mut method = request.clone();
        method.method = "PUT".into();
        assert_eq!(check(&method), Err(SignatureError::Mismatch), "{name}: method");
    }
}

#[test]
fn what_we_sign_and_presign_verifies() {
    let mut temporary = credentials();
    temporary.session_token = Some("a/b+c=".into());
    for credentials in [credentials(), temporary] {
        let mut request = json_call();
        sign(&mut request, &credentials, "eu-west-1", "logs", now());
        sign(&mut request, &credentials, "eu-west-1", "logs", now());
        let claim = check(&request).unwrap();
        assert_eq!((claim.region.as_str(), claim.service.as_str()), ("eu-west-1", "logs"));
        assert_eq!(claim.security_token, credentials.session_token);
        let mut request = super::HttpRequest { path: "/".into(), query: "Action=GetCallerIdentity".into(), ..signed() };
        request.headers.retain(|(name, _)| name == "host");
        presign(&mut request, &credentials, "us-east-1", "sts", now(), 60);
        assert_eq!(check(&request).unwrap().security_token, credentials.session_token);
    }
}

#[test]
fn a_plus_in_a_query_is_signed_in_two_ways() {
    let mut plain = request("GET", "/", "a=b%20c", &[("host", "h")], b"");
    sign(&mut plain, &credentials(), "us-east-1", "logs", now());
    plain.query = "a=b+c".into();
    check(&plain).unwrap();
    let mut plus = request("GET", "/", "a=b%2Bc", &[("host", "h")], b"");
    sign(&mut plus, &credentials(), "us-east-1", "logs", now());
    plus.query = "a=b+c".into();
    check(&plus).unwrap();
}

#[test]
fn a_payload_may_be_unsigned_when_the_signature_says_so() {
    let mut request = json_call();
    request.headers.push(("x-amz-content-sha256".into(), UNSIGNED_PAYLOAD.into()));
    sign(&mut request, &credentials(), "us-east-1", "logs", now());
    request.body = Bytes::from_static(b"anything");
    check(&request).unwrap();
    let mut later = signed();
    set(&mut later, "x-amz-content-sha256", UNSIGNED_PAYLOAD);
    assert_eq!(check(&later), Err(SignatureError::Mismatch));
}

#[test]
fn a_date_header_will_do() {
    let mut request = with_authorization(|authorization| authorization.replace("x-amz-date;", ""));
    request.headers.retain(|(name, _)| name != "x-amz-date");
    set(&mut request, "date", "Fri, 02 Jan 2026 03:04:05 GMT");
    let presented = Presented::find(&request).unwrap();
    assert_eq!(presented.stamp, "20260102T030405Z");
    let signature = presented.signature_of(&request, &credentials(), &hex(&Sha256::digest(b"{}")));
    let (head, _) = request.header("authorization").unwrap().split_once("Signature=").unwrap();
    let authorization = format!("{head}Signature={signature}");
    set(&mut request, "authorization", authorization);
    check(&request).unwrap();
}

#[test]
fn each_refusal_has_awss_words() {
    let text = |request: &HttpRequest, protocol| {
        let error = check(request).unwrap_err().to_api_error(protocol);
        format!("{}/{}: {}", error.code(), error.shape().query_code, error.message())
    };
    assert_eq!(
        text(&json_call(), Protocol::Json11),
        "MissingAuthenticationTokenException/MissingAuthenticationToken: Missing Authentication Token"
    );
    assert!(text(&json_call(), Protocol::Query).ends_with(": Request is missing Authentication Token"));
    let unknown = with_authorization(|text| text.replace("AKIDEXAMPLE", "AKIDUNKNOWN"));
    assert_eq!(
        text(&unknown, Protocol::Json11),
        "UnrecognizedClientException/InvalidClientTokenId: The security token included in the request is invalid."
    );
    let wrong = with_authorization(|text| text.replace("Signature=", "Signature=0"));
    let mismatch = "InvalidSignatureException/SignatureDoesNotMatch: The request signature we calculated does not match \
        the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service \
        documentation for details.";
    assert_eq!(text(&wrong, Protocol::Query), mismatch);
    let incomplete = with_authorization(|text| text.replace("Credential=", "X=").replace("SignedHeaders=", "Y="));
    assert!(text(&incomplete, Protocol::Json11).starts_with(
        "IncompleteSignatureException/IncompleteSignature: Authorization header requires 'Credential' parameter. \
         Authorization header requires 'SignedHeaders' parameter. (Hashed with SHA-256 and encoded with Base64) Authorization="
    ));
    let short = with_authorization(|text| text.replace("/us-east-1/", "/"));
    assert!(text(&short, Protocol::Json11).contains("exactly 5 slash-delimited elements"));
    let basic = with_authorization(|_| "Basic dXNlcjpwYXNz".into());
    assert!(text(&basic, Protocol::Json11).contains("Unsupported AWS 'algorithm': 'Basic'"));
    let day = with_authorization(|text| text.replace("20260102", "20260101"));
    assert!(text(&day, Protocol::Json11).contains("'20260101' != '20260102', from '20260102T030405Z'"));
    let unsigned = with_authorization(|text| text.replace("host;", ""));
    assert!(text(&unsigned, Protocol::Json11).contains("must be a 'SignedHeader'"));
    let target = with_authorization(|text| text.replace(";x-amz-target", ""));
    assert!(text(&target, Protocol::Json11).contains("'X-Amz-Target' must be a 'SignedHeader'"));
    let mut date = signed();
    set(&mut date, "x-amz-date", "2026-01-02");
    assert!(text(&date, Protocol::Json11).contains("Date must be in ISO-8601 'basic format'. Got '2026-01-02'."));
    let region = with_authorization(|text| text.replace("us-east-1", "a b"));
    assert!(text(&region, Protocol::Json11).contains("valid region"));
}

#[test]
fn a_scope_for_another_service_is_refused() {
    let claim = check(&signed()).unwrap();
    assert_eq!(claim.check_service("logs"), Ok(()));
    assert!(claim.check_service("monitoring").unwrap_err().to_string().contains("correct service: 'monitoring'"));
}

#[test]
fn clocks_may_differ_by_five_minutes_and_no_more() {
    let at = |seconds: i64| verify(&signed(), now() + seconds * 1000, CLOCK_SKEW_MS_MAX, secret_of);
    assert!(at(300).is_ok() && at(-300).is_ok());
    assert_eq!(
        at(301).unwrap_err(),
        SignatureError::Expired(
            "Signature expired: 20260102T030405Z is now earlier than 20260102T030406Z (20260102T030906Z - 5 min.)"
                .into()
        )
    );
    assert_eq!(
        at(-301).unwrap_err(),
        SignatureError::Skewed(
            "Signature not yet current: 20260102T030405Z is still later than 20260102T030404Z (20260102T025904Z + 5 min.)"
                .into()
        )
    );
    assert_eq!(at(301).unwrap_err().to_api_error(Protocol::Json11).code(), "InvalidSignatureException");
}

#[test]
fn a_presigned_request_lives_as_long_as_it_says() {
    let presigned = |expires| {
        let mut request = request("GET", "/", "Action=GetCallerIdentity", &[("host", "h")], b"");
        presign(&mut request, &credentials(), "us-east-1", "sts", now(), expires);
        request
    };
    let at =
        |request: &HttpRequest, seconds: i64| verify(request, now() + seconds * 1000, CLOCK_SKEW_MS_MAX, secret_of);
    assert!(at(&presigned(3600), 3600).is_ok());
    assert!(matches!(at(&presigned(3600), 3601), Err(SignatureError::Expired(_))));
    assert!(matches!(at(&presigned(90), 91), Err(SignatureError::Expired(text)) if text.contains("- 90 sec.")));
    assert!(matches!(at(&presigned(604_801), 0), Err(SignatureError::Incomplete(_))));
    let mut forever = presigned(3600);
    forever.query = forever.query.replace("X-Amz-Expires=3600", "X-Amz-Expires=604800");
    assert_eq!(check(&forever), Err(SignatureError::Mismatch));
}

#[test]
fn hostile_signatures_never_panic() {
    let authorization = signed().header("authorization").unwrap().to_owned();
    for mutated in mutations(authorization.as_bytes(), 10_000) {
        let text = String::from_utf8_lossy(&mutated);
        let _ = check(&with_authorization(|_| text.clone().into_owned()));
    }
    let mut presigned = request("GET", "/", "Action=GetCallerIdentity", &[("host", "h")], b"");
    presign(&mut presigned, &credentials(), "us-east-1", "sts", now(), 60);
    for mutated in mutations(presigned.query.as_bytes(), 10_000) {
        let text = String::from_utf8_lossy(&mutated).into_owned();
        let _ = check(&HttpRequest { query: text.clone(), path: text, ..presigned.clone() });
    }
}

#[test]
fn the_token_of_a_session_reaches_who_knows_the_secret() {
    let mut credentials = credentials();
    credentials.session_token = Some("a-token".into());
    let plain = request("POST", "/", "", &[("host", "127.0.0.1")], b"body");
    let mut header = plain.clone();
    sign(&mut header, &credentials, "us-east-1", "logs", now());
    let mut query = plain;
    presign(&mut query, &credentials, "us-east-1", "logs", now(), 60);
    for request in [header, query] {
        let verified = verify_session(&request, now(), CLOCK_SKEW_MS_MAX, |key, token| {
            assert_eq!((key, token), ("AKIDEXAMPLE", Some("a-token")));
            Ok(SECRET.into())
        });
        assert_eq!(verified.unwrap().security_token.as_deref(), Some("a-token"));
        let expired = verify_session(&request, now(), CLOCK_SKEW_MS_MAX, |_, _| Err(SignatureError::ExpiredToken));
        let error = expired.unwrap_err().to_api_error(Protocol::Json11);
        assert_eq!(
            (error.code(), error.message()),
            ("ExpiredTokenException", "The security token included in the request is expired")
        );
    }
}

/// A signed PutObject that declares `payload`, without its body.
fn head(payload: Option<&str>) -> HttpRequest {
    let mut request = request("PUT", "/bucket/key", "", &[("host", "localhost:9000")], b"");
    if let Some(payload) = payload {
        set(&mut request, "x-amz-content-sha256", payload);
    }
    sign(&mut request, &credentials(), "us-east-1", "s3", now());
    request
}

#[test]
fn a_head_is_verified_without_its_body_and_tells_what_the_body_must_be() {
    let check = |request: &HttpRequest| {
        let secret = |key: &str, _: Option<&str>| secret_of(key).ok_or(SignatureError::UnknownKey);
        verify_head(request, now(), CLOCK_SKEW_MS_MAX, secret).map(|(_, payload)| payload)
    };
    let hash = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    let Ok(DeclaredPayload::Sha256(bytes)) = check(&head(Some(hash))) else { panic!("a hash was declared") };
    assert_eq!(hex(&bytes), hash);
    for other in ["UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"] {
        assert_eq!(check(&head(Some(other))), Ok(DeclaredPayload::Other), "{other}");
        assert!(declares_payload(&head(Some(other))));
    }
    for nothing in [None, Some(""), Some("anything"), Some(&hash[1..])] {
        assert_eq!(check(&head(nothing)), Err(SignatureError::Mismatch), "{nothing:?}");
        assert!(!declares_payload(&head(nothing)));
    }
    let mut swapped = head(Some(hash));
    set(&mut swapped, "x-amz-content-sha256", "UNSIGNED-PAYLOAD");
    assert_eq!(check(&swapped), Err(SignatureError::Mismatch));
    let mut presigned = request("GET", "/bucket/key", "", &[("host", "localhost:9000")], b"");
    let unsigned = HttpRequest { headers: presigned.headers.clone(), ..HttpRequest::default() };
    assert!(!declares_payload(&unsigned));
    presign(&mut presigned, &credentials(), "us-east-1", "logs", now(), 60);
    assert!(!declares_payload(&presigned), "of other services than S3 the hash of the body is signed");
}

thread_local! {
    /// How many bytes of bodies were digested by this thread's test.
    static DIGESTED: Cell<usize> = const { Cell::new(0) };
}

/// As [`payload_hash`], counted.
fn counted_hash(request: &HttpRequest, presented: &Presented) -> Result<String, SignatureError> {
    DIGESTED.set(DIGESTED.get() + request.body.len());
    payload_hash(request, presented)
}

#[test]
fn a_key_that_is_not_known_is_as_much_work_as_a_wrong_secret() {
    let mut request = json_call();
    request.body = vec![b'x'; 4 << 10].into();
    sign(&mut request, &credentials(), "us-east-1", "logs", now());
    let work = |secret: Option<&str>| {
        DIGESTED.set(0);
        let secret_of = |_: &str, _: Option<&str>| secret.map(str::to_owned).ok_or(SignatureError::UnknownKey);
        let refused = verify_with(&request, now(), 0, secret_of, counted_hash).unwrap_err();
        (DIGESTED.get(), refused)
    };
    // The body's digest is nearly all of the work, and what is behind it is the same for every secret of one length.
    let bytes = request.body.len();
    assert_eq!(work(Some("wrong")), (bytes, SignatureError::Mismatch));
    assert_eq!(work(None), (bytes, SignatureError::UnknownKey));
    assert_eq!(NO_SECRET.len(), SECRET.len());
}

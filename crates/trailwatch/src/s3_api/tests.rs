//! Requests to S3 from whole request to whole answer, on a server with a clock that stands still.

use super::*;
use crate::config::{Config, Settings};
use crate::serve;
use futures::StreamExt;
use model::buckets::{Buckets, NewObject};
use model::clock::ManualClock;
use model::{Event, Scope, TimeRange};
use std::ops::ControlFlow;
use store::{Direction, EventScan};
use wire::sigv4::Credentials;

const NOW: Timestamp = Timestamp(1_795_000_000_000);

struct Plane {
    server: Server,
    _dir: tempfile::TempDir,
}

impl Plane {
    /// A server whose account has the bucket `mine` with two objects, and another account's bucket `theirs`.
    async fn new(open: bool) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let flags =
            Settings { data_dir: Some(dir.path().to_owned()), open: open.then_some(true), ..Settings::default() };
        let config = Config::resolve(flags, Settings::default()).unwrap();
        let server = serve::open(config, Arc::new(ManualClock::at(NOW))).await.unwrap();
        let (buckets, account) = (Arc::clone(&server.buckets), server.config.account_id.clone());
        let making = move || {
            let scope = |account: &str| Scope { account: account.into(), region: "eu-west-1".into() };
            buckets.create(&scope(&account), "mine").unwrap();
            buckets.create(&scope("210987654321"), "theirs").unwrap();
            let object = NewObject {
                metadata: vec![("signature".into(), "abc".into())],
                content_encoding: Some("gzip".into()),
                ..NewObject::from(vec![7; 600_000])
            };
            buckets.put("mine", "a/b c.gz", object).unwrap();
            buckets.put("mine", "top", b"top".to_vec().into()).unwrap();
            buckets.put("theirs", "secret", b"secret".to_vec().into()).unwrap();
        };
        tokio::task::spawn_blocking(making).await.unwrap();
        Self { server, _dir: dir }
    }

    /// A request signed with the root key.
    fn signed(&self, method: &str, path: &str, query: &str, headers: &[(&str, &str)]) -> HttpRequest {
        let (key, secret) = self.server.auth.credentials();
        let keys = Credentials { access_key_id: key.into(), secret_access_key: secret.into(), session_token: None };
        let mut request = request(method, path, query, headers);
        sigv4::sign(&mut request, &keys, "us-east-1", "s3", NOW);
        request
    }

    async fn answer(&self, request: &HttpRequest) -> Answered {
        let reply = answer(&self.server, request, "127.0.0.1").await;
        let mut body = reply.body.to_vec();
        if let Some(rest) = reply.rest {
            for piece in rest.collect::<Vec<_>>().await {
                body.extend_from_slice(&piece);
            }
        }
        Answered { status: reply.status, headers: reply.headers, body }
    }

    async fn get(&self, path: &str, query: &str) -> Answered {
        self.answer(&self.signed("GET", path, query, &[])).await
    }

    /// What was recorded, oldest first.
    async fn events(&self) -> Vec<Event> {
        let scan = EventScan {
            account: None,
            region: None,
            range: TimeRange::ALL,
            direction: Direction::Forward,
            after: None,
            filter: None,
        };
        let mut events = Vec::new();
        let visit = &mut |row: &store::EventRow| {
            events.push(row.event.clone());
            ControlFlow::Continue(())
        };
        self.server.trail.store.scan_events(scan, visit).await.unwrap();
        events
    }
}

struct Answered {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Answered {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Status and code of a refusal.
    fn refusal(&self) -> (u16, String) {
        let text = self.text();
        let code = text.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
        (self.status, code.map_or_else(String::new, |(code, _)| code.to_owned()))
    }
}

fn request(method: &str, path: &str, query: &str, headers: &[(&str, &str)]) -> HttpRequest {
    let mut all = vec![("host".to_owned(), "127.0.0.1:8792".to_owned())];
    all.extend(headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    HttpRequest {
        method: method.into(),
        path: path.into(),
        query: query.into(),
        headers: all,
        body: Bytes::new(),
        ..HttpRequest::default()
    }
}

#[tokio::test]
async fn an_object_is_read_whole_and_in_part() {
    let plane = Plane::new(false).await;
    let whole = plane.get("/mine/a/b%20c.gz", "").await;
    assert_eq!((whole.status, whole.body.len()), (200, 600_000));
    assert_eq!(whole.header("content-length"), Some("600000"));
    assert_eq!(whole.header("x-amz-meta-signature"), Some("abc"));
    assert_eq!(whole.header("content-encoding"), Some("gzip"));
    assert_eq!(whole.header("content-type"), Some("binary/octet-stream"));
    assert_eq!(whole.header("last-modified"), Some("Wed, 18 Nov 2026 11:06:40 GMT"));
    let etag = whole.header("etag").unwrap().to_owned();
    assert_eq!(etag.len(), 34);
    let part = plane.answer(&plane.signed("GET", "/mine/top", "", &[("range", "bytes=1-")])).await;
    assert_eq!((part.status, part.text().as_str()), (206, "op"));
    assert_eq!(part.header("content-range"), Some("bytes 1-2/3"));
    let head = plane.answer(&plane.signed("HEAD", "/mine/a/b%20c.gz", "", &[])).await;
    assert_eq!((head.status, head.header("content-length"), head.body.len()), (200, Some("600000"), 0));
    let same = plane.answer(&plane.signed("GET", "/mine/a/b%20c.gz", "", &[("if-none-match", &etag)])).await;
    assert_eq!((same.status, same.body.len()), (304, 0));
}

#[tokio::test]
async fn buckets_tell_their_owner_what_they_are() {
    let plane = Plane::new(false).await;
    let list = plane.get("/", "").await.text();
    assert!(list.contains("<Name>mine</Name>") && !list.contains("theirs"), "{list}");
    let location = plane.get("/mine", "location").await.text();
    assert!(location.ends_with("\">eu-west-1</LocationConstraint>"), "{location}");
    let head = plane.answer(&plane.signed("HEAD", "/mine", "", &[])).await;
    assert_eq!((head.status, head.header("x-amz-bucket-region")), (200, Some("eu-west-1")));
    let versions = plane.get("/mine/", "versioning").await.text();
    assert!(versions.contains("<VersioningConfiguration"), "{versions}");
    let keys = plane.get("/mine", "list-type=2&prefix=a%2F").await.text();
    assert!(keys.contains("<Key>a/b c.gz</Key>") && !keys.contains("<Key>top</Key>"), "{keys}");
}

#[tokio::test]
async fn what_cannot_be_had_is_refused_in_xml() {
    let plane = Plane::new(false).await;
    let refused = |status: u16, code: &str| (status, code.to_owned());
    for (method, path, query, wanted) in [
        ("GET", "/mine/none", "", refused(404, "NoSuchKey")),
        ("GET", "/mine/../../catalog.db", "", refused(404, "NoSuchKey")),
        ("GET", "/mine/%2e%2e/%2e%2e/catalog.db", "", refused(404, "NoSuchKey")),
        ("GET", "/mine/.trailwatch/", "", refused(404, "NoSuchKey")),
        ("GET", "/mine/a", "", refused(404, "NoSuchKey")),
        ("GET", "/none/a", "", refused(404, "NoSuchBucket")),
        ("GET", "/..", "", refused(404, "NoSuchBucket")),
        ("GET", "/theirs/secret", "", refused(403, "AccessDenied")),
        ("GET", "/theirs", "list-type=2", refused(403, "AccessDenied")),
        ("GET", "/mine/top", "tagging", refused(501, "NotImplemented")),
        ("PUT", "/mine/new", "", refused(403, "AccessDenied")),
        ("DELETE", "/mine/top", "", refused(403, "AccessDenied")),
        ("PUT", "/New_Bucket", "", refused(400, "InvalidBucketName")),
        ("PUT", "/theirs", "", refused(409, "BucketAlreadyExists")),
        ("PUT", "/new-bucket", "tagging", refused(404, "NoSuchBucket")),
        ("PUT", "/new-bucket", "unheard-of", refused(404, "NoSuchBucket")),
        ("DELETE", "/mine", "", refused(409, "BucketNotEmpty")),
        ("DELETE", "/mine", "lifecycle", refused(403, "AccessDenied")),
        ("DELETE", "/mine", "unheard-of", refused(403, "AccessDenied")),
        ("DELETE", "/theirs", "", refused(403, "AccessDenied")),
        ("DELETE", "/none", "", refused(404, "NoSuchBucket")),
        ("GET", "/mine", "policy", refused(404, "NoSuchBucketPolicy")),
        ("PUT", "/mine", "policy", refused(400, "MalformedPolicy")),
        ("PUT", "/theirs", "policy", refused(403, "AccessDenied")),
        ("POST", "/mine", "delete", refused(403, "AccessDenied")),
        ("PATCH", "/mine/top", "", refused(405, "MethodNotAllowed")),
        ("GET", "/mine/%ff", "", refused(400, "InvalidURI")),
        ("GET", "/%2Fkey", "", refused(400, "InvalidURI")),
        ("GET", "/mine/top", "versionId=anything", refused(404, "NoSuchVersion")),
        ("GET", "/mine/top", "versionId=", refused(400, "InvalidArgument")),
        ("GET", "/mine/top", "response-content-type=a%0D%0Ab", refused(400, "InvalidArgument")),
        ("GET", "/mine/top", "a=%zz", refused(400, "InvalidURI")),
    ] {
        let answered = plane.answer(&plane.signed(method, path, query, &[])).await;
        assert_eq!(answered.refusal(), wanted, "{method} {path}?{query}");
    }
    let long = plane.get(&format!("/mine/{}", "k".repeat(1025)), "").await;
    assert_eq!(long.refusal(), refused(400, "KeyTooLongError"));
    assert_eq!(plane.get("/mine/top", "").await.text(), "top");
}

#[tokio::test]
async fn a_bucket_is_made_and_deleted_by_its_owner() {
    let plane = Plane::new(false).await;
    let ask = async |method: &str, path: &str, query: &str, body: &str| {
        let (key, secret) = plane.server.auth.credentials();
        let keys = Credentials { access_key_id: key.into(), secret_access_key: secret.into(), session_token: None };
        let mut request = request(method, path, query, &[]);
        request.body = Bytes::from(body.to_owned());
        sigv4::sign(&mut request, &keys, "us-east-1", "s3", NOW);
        plane.answer(&request).await
    };
    let made = ask("PUT", "/new-bucket", "", "").await;
    assert_eq!((made.status, made.header("location")), (200, Some("/new-bucket")));
    assert_eq!(ask("PUT", "/new-bucket", "", "").await.status, 200, "us-east-1 takes it twice");
    let body =
        "<CreateBucketConfiguration><LocationConstraint>eu-west-1</LocationConstraint></CreateBucketConfiguration>";
    assert_eq!(ask("PUT", "/western", "", body).await.status, 200);
    assert!(ask("GET", "/western", "location", "").await.text().contains(">eu-west-1<"));
    assert_eq!(ask("PUT", "/western", "", body).await.refusal(), (409, "BucketAlreadyOwnedByYou".to_owned()));
    let policy = r#"{"Version":"2012-10-17","Statement":[]}"#;
    assert_eq!(ask("PUT", "/new-bucket", "policy", policy).await.status, 204);
    assert_eq!(ask("GET", "/new-bucket", "policy", "").await.text(), policy);
    assert_eq!(ask("DELETE", "/new-bucket", "policy", "").await.status, 204);
    assert_eq!(ask("GET", "/new-bucket", "policy", "").await.refusal(), (404, "NoSuchBucketPolicy".to_owned()));
    assert_eq!(ask("DELETE", "/new-bucket", "", "").await.status, 204);
    assert_eq!(ask("HEAD", "/new-bucket", "", "").await.status, 404);
    assert_eq!(ask("PUT", "/new-bucket", "", "").await.status, 200, "the name is free again");
    let events = plane.events().await;
    let deleted = events.iter().find(|event| event.name == "DeleteBucket").unwrap();
    let record: serde_json::Value = serde_json::from_str(&deleted.record).unwrap();
    assert_eq!((&record["readOnly"], record.get("errorCode")), (&false.into(), None));
    let put = events.iter().find(|event| event.name == "PutBucketPolicy").unwrap();
    let record: serde_json::Value = serde_json::from_str(&put.record).unwrap();
    let wanted: serde_json::Value = serde_json::from_str(policy).unwrap();
    assert_eq!(record["requestParameters"]["bucketPolicy"], wanted);
}

#[tokio::test]
async fn a_signature_is_checked() {
    let plane = Plane::new(false).await;
    let mut forged = plane.signed("GET", "/mine/top", "", &[]);
    forged.path = "/mine/a/b%20c.gz".into();
    assert!(is_signed(&forged));
    assert_eq!(plane.answer(&forged).await.refusal(), (403, "SignatureDoesNotMatch".to_owned()));
    let (key, secret) = plane.server.auth.credentials();
    let mut keys = Credentials { access_key_id: key.into(), secret_access_key: secret.into(), session_token: None };
    let presigned = |keys: &Credentials, service, at| {
        let mut request = request("GET", "/mine/top", "", &[]);
        sigv4::presign(&mut request, keys, "us-east-1", service, at, 60);
        request
    };
    // The body of a presigned request to S3 is not signed, which `presign` does not do for us.
    let expired = plane.answer(&presigned(&keys, "s3", NOW - 61_000)).await;
    assert_eq!(expired.refusal(), (403, "AccessDenied".to_owned()));
    assert!(expired.text().contains("Request has expired"), "{}", expired.text());
    assert!(!is_signed(&presigned(&keys, "logs", NOW)));
    keys.access_key_id = "AKIASTRANGERSTRANGER".into();
    assert_eq!(plane.answer(&presigned(&keys, "s3", NOW)).await.refusal(), (403, "InvalidAccessKeyId".to_owned()));
    // Nobody reads without a signature.
    let unsigned = request("GET", "/mine/top", "", &[]);
    assert!(!is_signed(&unsigned) && !is_open_read(&plane.server, &unsigned).await);
    assert_eq!(plane.answer(&unsigned).await.refusal(), (403, "AccessDenied".to_owned()));
}

#[tokio::test]
async fn an_open_server_reads_out_unsigned() {
    let plane = Plane::new(true).await;
    let unsigned = |path| request("GET", path, "", &[]);
    assert!(is_open_read(&plane.server, &unsigned("/mine/top")).await);
    assert_eq!(plane.answer(&unsigned("/mine/top")).await.text(), "top");
    for path in ["/health", "/none/top", "/", "/favicon.ico", "/_trailwatch/dead-letters"] {
        assert!(!is_open_read(&plane.server, &unsigned(path)).await, "{path}");
    }
    let presigned = "AWSAccessKeyId=210987654321&Signature=YQ%3D%3D&Expires=1";
    let theirs = plane.answer(&request("GET", "/theirs/secret", presigned, &[])).await;
    assert_eq!(theirs.text(), "secret");
}

#[tokio::test]
async fn a_signed_request_says_which_headers_it_wants() {
    let plane = Plane::new(false).await;
    let query = "response-content-type=text%2Fplain&response-content-disposition=attachment&response-expires=never\
                 &response-content-encoding=identity&versionId=null";
    let answered = plane.get("/mine/a/b%20c.gz", query).await;
    assert_eq!(answered.status, 200);
    for (header, wanted) in [
        ("content-type", "text/plain"),
        ("content-disposition", "attachment"),
        ("expires", "never"),
        ("content-encoding", "identity"),
    ] {
        let found: Vec<&str> =
            answered.headers.iter().filter(|(name, _)| name == header).map(|(_, value)| value.as_str()).collect();
        assert_eq!(found, [wanted], "{header}");
    }
    let open = Plane::new(true).await;
    let unsigned = open.answer(&request("GET", "/mine/top", "response-content-type=text%2Fhtml", &[])).await;
    assert_eq!(unsigned.refusal(), (400, "InvalidRequest".to_owned()));
}

#[tokio::test]
async fn a_refused_url_of_version_2_is_recorded_with_its_key() {
    let plane = Plane::new(false).await;
    let query = "location&AWSAccessKeyId=AKIASTRANGERSTRANGER&Signature=YQ%3D%3D&Expires=1";
    let refused = plane.answer(&request("GET", "/mine", query, &[])).await;
    assert_eq!(refused.refusal(), (403, "InvalidAccessKeyId".to_owned()));
    let record: serde_json::Value = serde_json::from_str(&plane.events().await[0].record).unwrap();
    let identity = &record["userIdentity"];
    assert_eq!(identity["accessKeyId"], "AKIASTRANGERSTRANGER");
    assert_eq!(identity["type"], "Unknown");
}

#[tokio::test]
async fn calls_are_recorded_as_cloudtrail_has_them() {
    let plane = Plane::new(false).await;
    plane.get("/", "").await;
    plane.get("/mine", "location").await;
    plane.get("/mine/top", "").await;
    plane.answer(&plane.signed("PUT", "/theirs", "", &[])).await;
    let events = plane.events().await;
    let names: Vec<&str> = events.iter().map(|event| event.name.as_str()).collect();
    // No trail asks for data events.
    assert_eq!(names, ["ListBuckets", "GetBucketLocation", "CreateBucket"]);
    assert!(events.iter().all(|event| event.source == "s3.amazonaws.com" && event.category == "Management"));
    let record: serde_json::Value = serde_json::from_str(&events[1].record).unwrap();
    let wanted = serde_json::json!({ "bucketName": "mine", "location": "", "Host": "127.0.0.1:8792" });
    assert_eq!(record["requestParameters"], wanted);
    let record: serde_json::Value = serde_json::from_str(&events[2].record).unwrap();
    assert_eq!((&record["errorCode"], &record["readOnly"]), (&"BucketAlreadyExists".into(), &false.into()));
}

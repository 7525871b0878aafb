//! Who may ask, what is answered, and what is on the trail afterwards.

use super::*;
use crate::config::{Config, Settings};
use crate::own::SIGNING_NAME;
use crate::serve;
use bytes::Bytes;
use model::clock::ManualClock;
use std::ops::ControlFlow;
use std::sync::Arc;
use store::{Direction, EventFilter, EventScan};
use trail::record::Defaults;
use wire::sigv4::{self, Credentials};

const NOW: Timestamp = Timestamp(1_795_000_000_000);

async fn server() -> (Server, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let flags = Settings { data_dir: Some(dir.path().to_owned()), ..Settings::default() };
    let config = Config::resolve(flags, Settings::default()).unwrap();
    (serve::open(config, Arc::new(ManualClock::at(NOW))).await.unwrap(), dir)
}

fn request(server: &Server, method: &str, target: &str, body: &str, service: &str) -> HttpRequest {
    let (key, secret) = server.auth.credentials();
    let credentials = Credentials { access_key_id: key.into(), secret_access_key: secret.into(), session_token: None };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut request = HttpRequest {
        method: method.into(),
        path: path.into(),
        query: query.into(),
        headers: vec![("host".into(), "127.0.0.1:8792".into())],
        body: Bytes::copy_from_slice(body.as_bytes()),
        ..HttpRequest::default()
    };
    sigv4::sign(&mut request, &credentials, "us-east-1", service, NOW);
    request
}

async fn ask(server: &Server, request: &HttpRequest) -> (u16, Value) {
    assert!(is_asked(request));
    let (_waiting, hung_up) = oneshot::channel();
    let response = answer(server, request, "127.0.0.1", hung_up).await;
    (response.status, serde_json::from_slice(&response.body).unwrap_or_default())
}

async fn get(server: &Server, target: &str) -> (u16, Value) {
    ask(server, &request(server, "GET", target, "", SIGNING_NAME)).await
}

/// Stores records as an import does.
async fn import(server: &Server, records: &[Value]) {
    let defaults = Defaults { account: "111122223333".into(), region: "us-east-1".into(), ingestion_time: NOW };
    let events = records.iter().map(|record| trail::record::parse(record.to_string(), &defaults).unwrap()).collect();
    server.trail.store.append(model::Batch { events, ..model::Batch::default() }).await.unwrap();
}

/// The audit records of one operation: error code and parameters.
async fn recorded(server: &Server, name: &str) -> Vec<(String, Value)> {
    let scan = EventScan {
        account: None,
        region: None,
        range: TimeRange::ALL,
        direction: Direction::Forward,
        after: None,
        filter: Some(EventFilter::EventName(name.into())),
    };
    let mut found = Vec::new();
    let visit = &mut |row: &store::EventRow| {
        let record: Value = serde_json::from_str(&row.event.record).unwrap();
        found.push((row.event.error_code.clone(), record["requestParameters"].clone()));
        ControlFlow::Continue(())
    };
    server.trail.store.scan_events(scan, visit).await.unwrap();
    found
}

const KEY: &str = "ASIAFIRST00000000001";

fn record(id: &str, minute: u32, name: &str, source: &str, identity: &Value, more: &Value) -> Value {
    let mut record = value!({
        "eventVersion": "1.11", "eventID": id, "eventTime": format!("2026-03-01T10:{minute:02}:00Z"), "eventName": name,
        "eventSource": source, "awsRegion": "us-east-1", "sourceIPAddress": "192.0.2.1", "userIdentity": identity,
        "recipientAccountId": "111122223333", "requestID": "r",
    });
    for (member, value) in more.as_object().into_iter().flatten() {
        record[member] = value.clone();
    }
    record
}

fn alice() -> Value {
    value!({ "type": "IAMUser", "principalId": "AIDAALICE", "arn": "arn:aws:iam::111122223333:user/alice", "accountId": "111122223333",
        "accessKeyId": "AKIAALICE00000000001", "userName": "alice" })
}

fn role() -> Value {
    value!({ "type": "AssumedRole", "principalId": "AROADEPLOY:ci", "arn": "arn:aws:sts::111122223333:assumed-role/deploy/ci",
        "accountId": "111122223333", "accessKeyId": KEY, "sessionContext": { "attributes": { "creationDate": "2026-03-01T10:00:00Z" },
        "sessionIssuer": { "type": "Role", "arn": "arn:aws:iam::111122223333:role/deploy" } } })
}

/// Alice takes a role and does two things with it, of which one fails; another of hers is none of it.
fn told() -> Vec<Value> {
    let gives = value!({ "requestParameters": { "roleArn": "arn:aws:iam::111122223333:role/deploy", "roleSessionName": "ci" },
        "responseElements": { "credentials": { "accessKeyId": KEY }, "assumedRoleUser": { "assumedRoleId": "AROADEPLOY:ci" } } });
    let bucket = value!({ "requestParameters": { "bucketName": "backup" } });
    let denied = value!({ "requestParameters": { "bucketName": "backup" }, "errorCode": "AccessDenied" });
    vec![
        record("use-1", 5, "ListBuckets", "s3.amazonaws.com", &role(), &value!({})),
        record("use-2", 6, "DeleteBucket", "s3.amazonaws.com", &role(), &denied),
        record("own", 7, "CreateBucket", "s3.amazonaws.com", &alice(), &bucket),
        record("take", 0, "AssumeRole", "sts.amazonaws.com", &alice(), &gives),
    ]
}

#[tokio::test]
async fn a_session_is_shown_and_that_it_was_is_recorded() {
    let (server, _dir) = server().await;
    import(&server, &told()).await;
    for entrance in ["event/use-2", &format!("key/{KEY}")] {
        let (status, shown) = get(&server, &format!("/_trailwatch/sessions/{entrance}?records=true")).await;
        assert_eq!(status, 200, "{shown}");
        assert_eq!(
            (&shown["session"], &shown["actor"]),
            (&value!(KEY), &value!("arn:aws:iam::111122223333:user/alice"))
        );
        assert_eq!((&shown["complete"], &shown["next"]), (&value!(true), &Value::Null));
        assert_eq!(shown["chain"][0]["by"], "arn:aws:iam::111122223333:user/alice");
        let ids: Vec<&Value> = shown["events"].as_array().unwrap().iter().map(|event| &event["event_id"]).collect();
        assert_eq!(ids, ["take", "use-1", "use-2"]);
        let last = &shown["events"][2];
        assert_eq!(
            (&last["error_code"], &last["depth"], &last["resources"]),
            (&value!("AccessDenied"), &value!(1), &value!(["backup"]))
        );
        let record: Value = serde_json::from_str(last["record"].as_str().unwrap()).unwrap();
        assert_eq!(record, told()[1]);
    }
    let (_, first) = get(&server, "/_trailwatch/sessions/event/use-1?limit=1").await;
    let next = first["next"].as_str().unwrap();
    let (_, second) = get(&server, &format!("/_trailwatch/sessions/event/use-1?limit=1&after={next}")).await;
    assert_eq!(second["events"][0]["event_id"], "use-1");
    let (_, narrow) = get(&server, "/_trailwatch/sessions/event/use-1?from=2026-03-01T10:06:00Z").await;
    assert_eq!(narrow["events"].as_array().unwrap().len(), 1);
    let parameters: Vec<Value> = recorded(&server, "GetSession").await.into_iter().map(|(_, told)| told).collect();
    assert_eq!(parameters[0], value!({ "session": "event/use-2", "records": "true" }));
    assert_eq!(parameters.len(), 5);
}

#[tokio::test]
async fn what_cannot_be_answered_is_refused_and_recorded() {
    let (server, _dir) = server().await;
    for (target, status, code) in [
        ("/_trailwatch/sessions/event/nobody", 404, "NotFound"),
        ("/_trailwatch/sessions/key/", 404, "NotFound"),
        ("/_trailwatch/sessions/else/x", 404, "NotFound"),
        ("/_trailwatch/sessions/key/x?limit=0", 400, "InvalidRequest"),
        ("/_trailwatch/sessions/key/x?from=soon", 400, "InvalidRequest"),
        ("/_trailwatch/sessions/key/x?from=2026-03-02&to=2026-03-01", 400, "InvalidRequest"),
        ("/_trailwatch/sessions/key/x?after=1", 400, "InvalidRequest"),
        ("/_trailwatch/sessions/key/x?colour=red", 400, "InvalidRequest"),
    ] {
        let (answered, told) = get(&server, target).await;
        assert_eq!((answered, &told["__type"]), (status, &value!(code)), "{target}: {told}");
    }
    let wrong = request(&server, "GET", "/_trailwatch/sessions/key/x", "", "logs");
    assert_eq!(ask(&server, &wrong).await.0, 403);
    let mut page = request(&server, "GET", "/_trailwatch/sessions/key/x", "", SIGNING_NAME);
    page.headers.push(("origin".into(), "https://example.com".into()));
    assert_eq!(ask(&server, &page).await.0, 403);
    let recorded = recorded(&server, "GetSession").await;
    assert_eq!(recorded.len(), 9, "the page's is recorded as every call from a page is");
    assert!(recorded.iter().all(|(code, _)| !code.is_empty()));
}

#[tokio::test]
async fn a_question_ends_when_nobody_waits_for_it() {
    let (server, _dir) = server().await;
    let asked = request(&server, "GET", "/_trailwatch/sessions/key/x", "", SIGNING_NAME);
    // All turns are taken, so that it can only end by hanging up.
    let taken = TURNS.acquire_many(u32::try_from(QUESTIONS_MAX).unwrap()).await.unwrap();
    let (waiting, hung_up) = oneshot::channel();
    drop(waiting);
    assert_eq!(answer(&server, &asked, "127.0.0.1", hung_up).await.status, 499);
    drop(taken);
    let recorded = recorded(&server, "GetSession").await;
    assert_eq!(recorded.iter().map(|(code, _)| code.as_str()).collect::<Vec<_>>(), ["QueryCanceled"]);
}

async fn post(server: &Server, body: &Value) -> (u16, Value) {
    ask(server, &request(server, "POST", search::PATH, &body.to_string(), SIGNING_NAME)).await
}

#[tokio::test]
async fn events_are_searched_by_several_attributes_and_counted() {
    let (server, _dir) = server().await;
    import(&server, &told()).await;
    let found = async |body: Value| -> Vec<String> {
        let (status, answered) = post(&server, &body).await;
        assert_eq!(status, 200, "{body}: {answered}");
        let events = answered["events"].as_array().unwrap().iter();
        events.map(|event| event["event_id"].as_str().unwrap().to_owned()).collect()
    };
    let until = "2026-03-02";
    let alice = "arn:aws:iam::111122223333:user/alice";
    assert_eq!(found(value!({ "to": until })).await, ["own", "use-2", "use-1", "take"]);
    assert_eq!(found(value!({ "to": until, "event_source": ["s3"], "failed": false })).await, ["own", "use-1"]);
    assert_eq!(
        found(value!({ "to": until, "event_name": ["DeleteBucket", "CreateBucket"], "user": ["ci"] })).await,
        ["use-2"]
    );
    assert_eq!(found(value!({ "to": until, "user": [alice, "nobody"] })).await, ["own", "take"]);
    assert_eq!(
        found(value!({ "actor": [alice], "event_source": ["s3.amazonaws.com"] })).await,
        ["own", "use-2", "use-1"]
    );
    assert_eq!(found(value!({ "session": [KEY] })).await, ["use-2", "use-1"]);
    assert_eq!(found(value!({ "resource_name": ["backup"], "error_code": ["AccessDenied"] })).await, ["use-2"]);
    assert_eq!(
        found(value!({ "text": ["AROADEPLOY", "ListB"], "account": ["111122223333"], "region": ["us-east-1"] })).await,
        ["use-1"]
    );
    assert_eq!(found(value!({ "event_id": ["own", "take"], "from": "2026-03-01T10:07:00Z" })).await, ["own"]);
    assert_eq!(found(value!({ "event_id": ["own"], "source_ip": ["192.0.2.1"], "category": ["Management"], "access_key_id": ["AKIAALICE00000000001"] })).await, ["own"]);
    assert!(found(value!({ "resource_type": ["AWS::S3::Bucket"], "read_only": true })).await.is_empty());
    let (_, first) = post(&server, &value!({ "to": until, "limit": 1, "facets": 1 })).await;
    assert_eq!(first["events"][0]["actor"], alice);
    assert_eq!(first["facets"]["events"], 4);
    assert_eq!(
        first["facets"]["event_source"],
        value!({ "values": [{ "value": "s3.amazonaws.com", "count": 3 }], "others": 1 })
    );
    assert_eq!(first["facets"]["histogram"], value!([{ "time": "2026-03-01T10:00:00Z", "count": 4 }]));
    assert_eq!(first["facets"]["fine"], Value::Null);
    let (_, fine) = post(&server, &value!({ "to": until, "limit": 1, "facets": 1, "bars": 100 })).await;
    let fine = &fine["facets"]["fine"];
    assert_eq!(fine["minutes"], 1);
    assert_eq!(fine["bars"].as_array().unwrap().iter().filter_map(|bar| bar["count"].as_u64()).sum::<u64>(), 4);
    let next = first["next"].as_str().unwrap().to_owned();
    assert_eq!(found(value!({ "to": until, "limit": 1, "after": next })).await, ["use-2"]);
    let recorded = recorded(&server, "SearchEvents").await;
    assert_eq!(recorded[0].1, value!({ "search": { "to": until, "facets": 0 } }));
    assert_eq!(recorded.len(), 14);
}

#[tokio::test]
async fn a_search_that_is_none_is_refused() {
    let (server, _dir) = server().await;
    for body in [
        value!({ "colour": ["red"] }),
        value!({ "limit": 0 }),
        value!({ "limit": 1001 }),
        value!({ "facets": 101 }),
        value!({ "text": [""] }),
        value!({ "user": vec!["x"; 201] }),
        value!({ "user": ["x".repeat(3000)] }),
        value!({ "from": "soon" }),
        value!({ "after": "x" }),
        value!([1]),
        value!({ "user": ["x".repeat(70_000)] }),
    ] {
        let (status, told) = post(&server, &body).await;
        assert_eq!((status, &told["__type"]), (400, &value!("InvalidRequest")), "{told}");
    }
    assert_eq!(recorded(&server, "SearchEvents").await.len(), 11);
}

async fn ask_at(server: &Server, path: &str, body: &Value) -> (u16, Value) {
    ask(server, &request(server, "POST", path, &body.to_string(), SIGNING_NAME)).await
}

const ROLE: &str = "arn:aws:iam::111122223333:role/deploy";

#[tokio::test]
async fn a_policy_is_made_of_what_was_done_and_past_calls_pass_it() {
    let (server, _dir) = server().await;
    let mut records = told();
    let object = value!({ "requestParameters": { "bucketName": "site", "key": "index.html" } });
    records.push(record("put", 8, "PutObject", "s3.amazonaws.com", &role(), &object));
    import(&server, &records).await;
    let (status, made) = ask_at(&server, policy::GENERATE, &value!({ "principal": ROLE })).await;
    assert_eq!(status, 200, "{made}");
    let statements = value!([
        { "Sid": "S31", "Effect": "Allow", "Action": ["s3:ListAllMyBuckets"], "Resource": ["*"] },
        { "Sid": "S32", "Effect": "Allow", "Action": ["s3:PutObject"], "Resource": ["arn:aws:s3:::site/index.html"] },
    ]);
    assert_eq!(made["policy"]["Statement"], statements);
    assert_eq!(
        (&made["calls"], &made["refused"]),
        (&value!(2), &value!([{ "event": "s3.amazonaws.com:DeleteBucket", "count": 1 }]))
    );
    assert_eq!((&made["first"], &made["is_cut"]), (&value!("2026-03-01T10:05:00Z"), &value!(false)));
    let user = value!({ "principal": "arn:aws:iam::111122223333:user/alice", "from": "2026-03-01T10:01:00Z" });
    let (_, own) = ask_at(&server, policy::GENERATE, &user).await;
    assert_eq!(own["policy"]["Statement"][0]["Action"], value!(["s3:CreateBucket"]));
    // The policy that was made passes; one without the object does not, and one with a tag cannot be decided.
    let replayed = async |policy: &Value| {
        let (status, told) =
            ask_at(&server, replay::REPLAY, &value!({ "principal": ROLE, "policy": policy.to_string() })).await;
        assert_eq!(status, 200, "{told}");
        told
    };
    let passed = replayed(&made["policy"]).await;
    assert_eq!(
        (&passed["allowed"], &passed["denied"]["calls"], &passed["undecided"]["calls"]),
        (&value!(2), &value!(0), &value!(0))
    );
    let mut narrow = made["policy"].clone();
    narrow["Statement"][1]["Resource"] = value!("arn:aws:s3:::site/other");
    let denied = replayed(&narrow).await;
    let line = value!([{ "action": "s3:PutObject", "resource": "arn:aws:s3:::site/index.html", "calls": 1, "last_event_id": "put",
        "last_time": "2026-03-01T10:08:00Z", "why": "because no identity-based policy allows the s3:PutObject action" }]);
    assert_eq!((&denied["allowed"], &denied["denied"]["lines"]), (&value!(1), &line));
    let mut tagged = made["policy"].clone();
    tagged["Statement"][1]["Condition"] = value!({ "StringEquals": { "aws:PrincipalTag/team": "x" } });
    let undecided = replayed(&tagged).await;
    assert_eq!(
        (&undecided["undecided"]["calls"], &undecided["unknown_keys"]),
        (&value!(1), &value!(["aws:PrincipalTag/team"]))
    );
    assert_eq!(recorded(&server, "ReplayPolicy").await.len(), 3);
    assert_eq!(recorded(&server, "GeneratePolicy").await[0].1, value!({ "principal": ROLE }));
}

#[tokio::test]
async fn what_is_no_principal_or_no_policy_is_refused() {
    let (server, _dir) = server().await;
    for principal in ["", "alice", "arn:aws:iam::1:role", "arn:aws:s3:::b/k", "arn:aws:iam::1:group/g"] {
        let (status, told) = ask_at(&server, policy::GENERATE, &value!({ "principal": principal })).await;
        assert_eq!((status, &told["__type"]), (400, &value!("InvalidRequest")), "{principal}");
    }
    for policy in ["", "{}", "[]"] {
        let (status, told) = ask_at(&server, replay::REPLAY, &value!({ "principal": ROLE, "policy": policy })).await;
        assert_eq!((status, &told["__type"]), (400, &value!("InvalidRequest")), "{policy}: {told}");
    }
}

//! Failing closed: no audit, no call; and calls that are refused.

use crate::world::{Options, World, ann, backend, signed_put, until};
use gateway::rules::Rule;
use sim::{Machine, SimDisk};
use std::sync::Arc;
use tokio::io::AsyncWriteExt;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const GET: &str = "GET /b/k HTTP/1.1\r\nhost: s3\r\nconnection: close\r\n\r\n";

#[tokio::test]
async fn without_room_for_its_event_a_call_does_not_reach_the_backend() {
    let dir = tempfile::tempdir().unwrap();
    let disk = SimDisk::new(Arc::new(Machine::from_seed(1)), dir.path());
    let (address, sent) = backend(&[OK, OK]).await;
    let at = || Some(dir.path().to_owned());
    let disk_of = || Some(Arc::new(disk.clone()) as Arc<dyn store::Disk>);
    let closed =
        World::start(address, Options { fail_closed: true, disk: disk_of(), dir: at(), ..Options::default() }).await;
    disk.set_room(Some(0));
    let got = closed.exchange(GET).await;
    assert!(got.starts_with("HTTP/1.1 503 ") && got.contains("<Code>ServiceUnavailable</Code>"), "{got}");
    assert!(sent.lock().unwrap().is_empty());
    disk.set_room(None);
    assert!(closed.exchange(GET).await.ends_with("ok"));
    let events = closed.events(2).await;
    assert_eq!(events[0]["errorCode"], "ServiceUnavailable", "the refusal was written once there was room");
    assert_eq!(sent.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn without_fail_closed_calls_go_on_and_lost_events_are_counted() {
    let dir = tempfile::tempdir().unwrap();
    let disk = SimDisk::new(Arc::new(Machine::from_seed(1)), dir.path());
    let (address, _) = backend(&[OK]).await;
    let options =
        Options { disk: Some(Arc::new(disk.clone())), dir: Some(dir.path().to_owned()), ..Options::default() };
    let open = World::start(address, options).await;
    disk.set_room(Some(0));
    assert!(open.exchange(GET).await.ends_with("ok"));
    open.events(0).await;
    assert_eq!(open.spool.counts().lost, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_an_answer_waits_for_its_event() {
    let dir = tempfile::tempdir().unwrap();
    let disk = SimDisk::new(Arc::new(Machine::from_seed(1)), dir.path());
    let (address, _) = backend(&[OK]).await;
    let options = Options {
        fail_closed: true,
        disk: Some(Arc::new(disk.clone())),
        dir: Some(dir.path().to_owned()),
        ..Options::default()
    };
    let world = World::start(address, options).await;
    let mut stream = world.connect().await;
    // The intent waits: nothing has been answered, nor asked of the backend. Then the event does: the head may be there, the body not.
    disk.stall_next_sync();
    stream.write_all(GET.as_bytes()).await.unwrap();
    for _ in 0..2 {
        let stalled = disk.clone();
        tokio::task::spawn_blocking(move || stalled.wait_stalled()).await.unwrap();
        let mut seen = [0; 256];
        let length = stream.try_read(&mut seen).unwrap_or(0);
        assert!(!seen[..length].ends_with(b"ok"));
        disk.release();
        disk.stall_next_sync();
    }
    disk.release();
    assert!(until(&mut stream, "ok").await.ends_with("ok"));
    world.events(1).await;
}

#[tokio::test]
async fn a_rule_refuses_and_its_event_is_of_network_activity() {
    let (address, sent) = backend(&[OK]).await;
    let rule = Rule { name: "secrets".into(), resource: Some("arn:aws:s3:::secret/*".into()), ..Rule::default() };
    let world = World::start(address, Options { rules: vec![rule], ..Options::default() }).await;
    let got =
        world.exchange("PUT /secret/k HTTP/1.1\r\nhost: s3\r\nconnection: close\r\ncontent-length: 2\r\n\r\nhi").await;
    assert!(got.starts_with("HTTP/1.1 403 ") && got.contains("<Code>AccessDenied</Code>"), "{got}");
    assert!(sent.lock().unwrap().is_empty());
    let event = &world.events(1).await[0];
    assert_eq!((&event["eventCategory"], &event["errorCode"]), (&"NetworkActivity".into(), &"VpceAccessDenied".into()));
    assert!(world.exchange(GET).await.ends_with("ok"));
}

#[tokio::test]
async fn rules_hold_whatever_host_or_subresource_stands_around_what_they_are_about() {
    let (address, sent) = backend(&[OK, OK]).await;
    let rule = Rule {
        name: "secrets".into(),
        operation: Some("PutObject".into()),
        resource: Some("arn:aws:s3:::secret/*".into()),
        ..Rule::default()
    };
    let options = Options { rules: vec![rule], s3_domains: vec!["store.example".into()], ..Options::default() };
    let world = World::start(address, options).await;
    let put = |target: &str, host: &str| {
        format!("PUT {target} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: 2\r\n\r\nhi")
    };
    for (target, host) in [
        ("/k", "secret.store.example"),
        ("/k", "secret.store.example:9000"),
        ("/k", "secret.s3.amazonaws.com"),
        ("/secret/k", "store.example"),
        ("/secret/k?annotation&annotationName=x", "store.example"),
    ] {
        let got = world.exchange(&put(target, host)).await;
        assert!(got.contains("<Code>AccessDenied</Code>"), "{target} {host}: {got}");
    }
    // Backends differ in which bucket these are of.
    for host in
        ["SECRET.store.example", "secret.store.example.", "secret.store.example:80:80", "secret.store.example:x"]
    {
        let got = world.exchange(&put("/open/k", host)).await;
        assert!(got.starts_with("HTTP/1.1 400 "), "{host}: {got}");
    }
    assert!(sent.lock().unwrap().is_empty());
    assert!(world.exchange(&put("/k", "open.store.example")).await.ends_with("ok"));
    assert!(world.exchange(&put("/secret/k?tagging", "store.example")).await.ends_with("ok"));
    world.events(11).await;
}

#[tokio::test]
async fn rules_hold_for_the_source_of_a_copy_whatever_stands_around_it() {
    let (address, sent) = backend(&[OK]).await;
    let rule = Rule { name: "secrets".into(), resource: Some("arn:aws:s3:::secret/*".into()), ..Rule::default() };
    let world = World::start(address, Options { rules: vec![rule], ..Options::default() }).await;
    let copy = |query: &str, source: &str| {
        format!(
            "PUT /open/k{query} HTTP/1.1\r\nhost: g\r\nconnection: close\r\nx-amz-copy-source: {source}\r\ncontent-length: 0\r\n\r\n"
        )
    };
    for (query, source) in [
        ("", "/secret/k"),
        ("", "secret%2Fk"),
        ("?x", "/secret/k"),
        ("?annotation&annotationName=x", "/secret/k"),
        ("", "secret/k?versionId=1"),
        // An access point, whose bucket is not told.
        ("", "arn:aws:s3:us-east-1:123456789012:accesspoint/p/object/k"),
    ] {
        let got = world.exchange(&copy(query, source)).await;
        assert!(got.contains("<Code>AccessDenied</Code>"), "{query} {source}: {got}");
    }
    for source in ["//open/secret/k", "http://open/secret/k", "", "/", "open/k#x", "open/k?x", "%2F%2Fopen/secret/k"] {
        let got = world.exchange(&copy("", source)).await;
        assert!(got.starts_with("HTTP/1.1 400 "), "{source}: {got}");
    }
    assert!(sent.lock().unwrap().is_empty());
    assert!(world.exchange(&copy("", "/open/other")).await.ends_with("ok"));
}

#[tokio::test]
async fn rules_hold_for_forms_and_for_what_a_backend_takes_for_a_listing() {
    let (address, sent) = backend(&[]).await;
    let of = |operation: Option<&str>, resource: Option<&str>| Rule {
        name: "secrets".into(),
        operation: operation.map(str::to_owned),
        resource: resource.map(str::to_owned),
        ..Rule::default()
    };
    let rules = vec![of(Some("PostObject"), None), of(None, Some("arn:aws:s3:::b/private/*"))];
    let world = World::start(address, Options { rules, ..Options::default() }).await;
    let post = |query: &str, kind: &str| {
        format!(
            "POST /b{query} HTTP/1.1\r\nhost: g\r\nconnection: close\r\ncontent-type: {kind}\r\ncontent-length: 0\r\n\r\n"
        )
    };
    for query in ["", "?delete", "?metadataTable"] {
        let got = world.exchange(&post(query, "Multipart/Form-Data; boundary=x")).await;
        assert!(got.contains("<Code>AccessDenied</Code>"), "{query}: {got}");
    }
    for query in ["?quota", "?analytics"] {
        let got = world.exchange(&format!("GET /b{query} HTTP/1.1\r\nhost: g\r\nconnection: close\r\n\r\n")).await;
        assert!(got.contains("<Code>AccessDenied</Code>"), "{query}: {got}");
    }
    assert!(sent.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_forged_signature_of_a_known_key_is_refused() {
    let (address, sent) = backend(&[OK, OK]).await;
    let world = World::start(address, Options { keys: vec![ann()], ..Options::default() }).await;
    let forged = world.exchange(&signed_put("AKIDANN", "guess", "UNSIGNED-PAYLOAD", "hi")).await;
    assert!(forged.starts_with("HTTP/1.1 403 ") && forged.contains("<Code>SignatureDoesNotMatch</Code>"), "{forged}");
    assert!(sent.lock().unwrap().is_empty());
    assert!(world.exchange(&signed_put("AKIDANN", "secret", "UNSIGNED-PAYLOAD", "hi")).await.ends_with("ok"));
    assert!(world.exchange(&signed_put("AKIDOTHER", "x", "UNSIGNED-PAYLOAD", "hi")).await.ends_with("ok"));
    let events = world.events(3).await;
    let types: Vec<&str> = events.iter().map(|event| event["userIdentity"]["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["IAMUser", "IAMUser", "Unknown"]);
    assert_eq!(events[1]["recipientAccountId"], "111122223333");
}

#[tokio::test]
async fn a_service_that_the_gateway_does_not_know_goes_nowhere() {
    let (address, sent) = backend(&[OK]).await;
    let world = World::start(address, Options::default()).await;
    let signed = signed_put("K", "s", "UNSIGNED-PAYLOAD", "").replace("/s3/", "/ec2/");
    let got = world.exchange(&signed).await;
    assert!(got.starts_with("HTTP/1.1 501 ") && got.contains("service 'ec2'"), "{got}");
    assert!(sent.lock().unwrap().is_empty());
}

#[tokio::test]
async fn two_signatures_are_none() {
    let (address, sent) = backend(&[OK]).await;
    let world = World::start(address, Options { keys: vec![ann()], ..Options::default() }).await;
    let signed = signed_put("AKIDANN", "secret", "UNSIGNED-PAYLOAD", "hi");
    let twice = signed.replacen("connection: close", "authorization: AWS4-HMAC-SHA256 x\r\nconnection: close", 1);
    let got = world.exchange(&twice).await;
    assert!(got.starts_with("HTTP/1.1 400 ") && got.contains("authorization is given more than once"), "{got}");
    assert!(sent.lock().unwrap().is_empty());
    world.events(1).await;
}

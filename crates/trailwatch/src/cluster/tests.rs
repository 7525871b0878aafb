//! Calls to a node that stands by: to whom they go, how often, and what their clients are told.

use super::*;
use crate::config::Settings;
use ::http::{HeaderValue, Request, Response};
use ::watch::alarms::observers::Observers;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use model::Timestamp;
use model::clock::ManualClock;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Nothing here takes long; a defect fails instead of hanging.
const LONG: Duration = Duration::from_secs(60);
const KEY: [u8; 32] = [7; 32];

/// A node that stands by and follows the leader at `address`.
async fn standby(address: Option<SocketAddr>) -> Arc<Node> {
    let node = Arc::new(Node {
        id: "id".into(),
        name: "node".into(),
        address: "http://127.0.0.1:1".into(),
        does: Roles { query: true, tasks: true },
        tables: Catalog::in_memory().await.unwrap(),
        sealing: SealingKey::new(&KEY),
        authorities: Authorities::mozillas().unwrap(),
        roles: watch::Sender::new(Role::Standby(None)),
        others: Mutex::default(),
        reader: Mutex::default(),
        leads_until: Mutex::new(Instant::now()),
        stopped: watch::channel(false).1,
        asked: Notify::new(),
        bodies: Arc::new(Semaphore::new(BODIES_KIB_MAX as usize)),
        places: Arc::new(Semaphore::new(PLACES)),
        started: Instant::now(),
    });
    if let Some(address) = address {
        follow(&node, address, 1);
    }
    node
}

fn follow(node: &Node, address: SocketAddr, token: i64) {
    let leader = Leader::new(&format!("http://{address}"), token, &node.authorities).unwrap();
    node.roles.send_replace(Role::Standby(Some(Arc::new(leader))));
}

/// A port whose requests `respond` answers.
async fn port<R, F>(respond: R) -> SocketAddr
where
    R: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(http::listen(Port::new(listener, None), std::future::pending(), move |_, request| respond(request)));
    address
}

/// The port of a node.
async fn port_of(node: &Arc<Node>) -> SocketAddr {
    let (node, listener) = (Arc::clone(node), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let address = listener.local_addr().unwrap();
    let respond = move |peer, request| call::respond(Arc::clone(&node), peer, request);
    tokio::spawn(http::listen(Port::new(listener, None), std::future::pending(), respond));
    address
}

/// Sends one request, and reads to the end of the connection.
async fn asked(address: SocketAddr, head: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let length = body.len();
    let text = format!("{head}\r\nhost: client.example\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(LONG, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    answer
}

const PUT: &str =
    "POST /a%20b?c=d HTTP/1.1\r\nx-amz-target: Logs_20140328.PutLogEvents\r\ncontent-type: application/x-amz-json-1.1";

#[tokio::test]
async fn a_call_that_was_not_acted_on_goes_to_the_next_leader_whole_and_once() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let new = port(move |request| {
        let calls = Arc::clone(&counted);
        async move {
            let (mut head, body) = request.into_parts();
            let peer = SealingKey::new(&KEY).open(&mut head).unwrap().unwrap().peer;
            let body = body.collect().await.unwrap().to_bytes();
            calls.fetch_add(1, Ordering::Relaxed);
            let text = format!(
                "{} {} {} {} {}",
                head.method,
                head.uri,
                head.headers["host"].to_str().unwrap(),
                peer.address.ip(),
                String::from_utf8_lossy(&body)
            );
            Response::new(Full::new(Bytes::from(text)))
        }
    })
    .await;
    let node = standby(None).await;
    let next = Arc::clone(&node);
    let old = port(move |_| {
        // It leads no more, and by the time that it says so another does.
        follow(&next, new, 2);
        let mut answer = Response::new(Full::new(Bytes::from_static(b"not me")));
        *answer.status_mut() = ::http::StatusCode::SERVICE_UNAVAILABLE;
        answer.headers_mut().insert("x-trailwatch-not-leading", HeaderValue::from_static("1"));
        std::future::ready(answer)
    })
    .await;
    follow(&node, old, 1);
    let answer = asked(port_of(&node).await, PUT, "{\"the\":\"body\"}").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.ends_with("POST /a%20b?c=d client.example 127.0.0.1 {\"the\":\"body\"}"), "{answer}");
    assert_eq!(calls.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_call_whose_answer_was_lost_is_made_by_nobody_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let node = standby(Some(listener.local_addr().unwrap())).await;
    let lost = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut read = Vec::new();
        while !read.ends_with(b"body") {
            read.push(stream.read_u8().await.unwrap());
        }
        drop(stream);
        // Whoever came again would wait for an answer here, for ever.
        listener
    });
    let answer = asked(port_of(&node).await, PUT, "body").await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.contains("ServiceUnavailableException"), "{answer}");
    let listener = lost.await.unwrap();
    assert!(futures::poll!(Box::pin(listener.accept())).is_pending(), "nobody came again");
}

#[tokio::test]
async fn the_leader_hears_of_a_call_that_breaks_off() {
    let (tell, mut told) = mpsc::channel(1);
    let leader = port(move |request| {
        let tell = tell.clone();
        async move {
            let (mut head, body) = request.into_parts();
            let peer = SealingKey::new(&KEY).open(&mut head).unwrap().unwrap().peer;
            let target = head.headers["x-amz-target"].to_str().unwrap().to_owned();
            let is_whole = body.collect().await.is_ok();
            tell.send((target, peer.address.ip().to_string(), is_whole)).await.unwrap();
            Response::new(Full::new(Bytes::new()))
        }
    })
    .await;
    let node = standby(Some(leader)).await;
    let mut stream = TcpStream::connect(port_of(&node).await).await.unwrap();
    let text = format!("{PUT}\r\nhost: client.example\r\ncontent-length: 1000\r\n\r\n{{");
    stream.write_all(text.as_bytes()).await.unwrap();
    drop(stream);
    let heard = tokio::time::timeout(LONG, told.recv()).await.unwrap().unwrap();
    assert_eq!(heard, ("Logs_20140328.PutLogEvents".to_owned(), "127.0.0.1".to_owned(), false));
}

#[tokio::test]
async fn a_call_is_handed_on_once_and_only_nodes_say_whose_it_is() {
    let node = standby(Some("127.0.0.1:1".parse().unwrap())).await;
    let address = port_of(&node).await;
    let (head, ()) = Request::post("/").body(()).unwrap().into_parts();
    let peer = http::Peer { address: "203.0.113.9:0".parse().unwrap(), tls: None };
    let seal = node.sealing.seal(&head, peer, false).unwrap();
    let header = format!("POST / HTTP/1.1\r\n{}: {}", forwarded::HEADER, seal.to_str().unwrap());
    let answer = asked(address, &header, "").await;
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("x-trailwatch-not-leading: 1"), "{answer}");
    let forged = format!("POST / HTTP/1.1\r\n{}: 203.0.113.9;;;00", forwarded::HEADER);
    assert!(asked(address, &forged, "").await.starts_with("HTTP/1.1 400 "));
    let twice = "POST / HTTP/1.1\r\nhost: other.example";
    assert!(asked(address, twice, "").await.starts_with("HTTP/1.1 400 "), "two hosts");
}

#[tokio::test]
async fn a_call_goes_by_way_of_another_node_where_the_one_that_leads_is_not_reached() {
    let leading = port(|request| {
        let (mut head, _) = request.into_parts();
        let handed = SealingKey::new(&KEY).open(&mut head).unwrap().unwrap();
        let text = format!("{} {}", handed.peer.address.ip(), handed.goes_on);
        std::future::ready(Response::new(Full::new(Bytes::from(text))))
    })
    .await;
    // Nobody listens where this one looks for the leader; a third node knows better.
    let (node, third) = (standby(Some("127.0.0.1:1".parse().unwrap())).await, standby(Some(leading)).await);
    let knows_nobody = port_of(&standby(None).await).await;
    for address in [knows_nobody, port_of(&third).await] {
        let other = Leader::new(&format!("http://{address}"), 0, &node.authorities).unwrap();
        node.others.lock().unwrap().push(Other { node: Arc::new(other), reads: false });
    }
    let address = port_of(&node).await;
    for _ in 0..2 {
        let answer = asked(address, PUT, "body").await;
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("127.0.0.1 false"), "{answer}");
    }
    let Role::Standby(Some(leader)) = node.roles.borrow().clone() else { panic!("it follows nobody") };
    assert!(leader.is_cut_off(), "the other way is tried first for a while");
}

#[tokio::test]
async fn other_nodes_are_known_while_they_are_there() {
    let node = standby(Some("127.0.0.1:9".parse().unwrap())).await;
    for (id, port, roles) in [("id", 1, "ingest,query"), ("leader", 9, "ingest,query,tasks"), ("third", 3, "ingest")] {
        node.tables.node_is_there(id, id, &format!("http://127.0.0.1:{port}"), "1", roles).await.unwrap();
    }
    node.look_round().await.unwrap();
    let Role::Standby(Some(leader)) = node.roles.borrow().clone() else { panic!("it follows nobody") };
    let ways = node.ways_round(&leader);
    let addresses = |nodes: &[Arc<Leader>]| nodes.iter().map(|node| node.address.clone()).collect::<Vec<_>>();
    assert_eq!(addresses(&ways), ["http://127.0.0.1:3"]);
    assert_eq!(addresses(&node.others_that_read()), ["http://127.0.0.1:9"], "by its roles");
    ways[0].missed();
    node.look_round().await.unwrap();
    assert!(node.ways_round(&leader).is_empty(), "it is remembered that it was not reached");
    node.tables.node_is_gone("third").await.unwrap();
    node.look_round().await.unwrap();
    assert_eq!(node.others.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_standby_is_well_and_says_who_leads() {
    let leader: SocketAddr = "127.0.0.1:1".parse().unwrap();
    let node = standby(Some(leader)).await;
    let answer = asked(port_of(&node).await, "GET /health HTTP/1.1", "").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let body: Value = serde_json::from_str(body).unwrap();
    assert_eq!((&body["role"], &body["leader"]), (&Value::from("standby"), &Value::from("http://127.0.0.1:1")));
}

#[tokio::test]
async fn whose_lease_it_is_is_looked_up_and_a_node_follows() {
    let node = standby(None).await;
    assert_eq!(node.look().await.unwrap(), None, "nobody's");
    let take = async |holder: &str, lasts: Duration| {
        let taken = node.tables.acquire_lease(SERVER_LEASE, holder, "http://127.0.0.1:9", millis(lasts)).await;
        taken.unwrap().unwrap()
    };
    take("id", LONG).await;
    assert_eq!(node.look().await.unwrap(), None, "its own, from before it was started anew");
    take("id", Duration::ZERO).await;
    let other = take("other", LONG).await;
    assert!(node.look().await.unwrap().is_some_and(|left| left <= LONG));
    let Role::Standby(Some(leader)) = node.roles.borrow().clone() else { panic!("it follows nobody") };
    assert_eq!((leader.address.as_str(), leader.token), ("http://127.0.0.1:9", other.token));
    assert!(node.tables.release_lease(&other).await.unwrap());
    assert_eq!(node.look().await.unwrap(), None, "it was given back");
}

#[tokio::test]
async fn what_nodes_tell_each_other_is_sealed_and_whole_and_asked_of_the_one_that_leads() {
    let node = standby(None).await;
    let address = port_of(&node).await;
    let asking = standby(Some(address)).await;
    let Role::Standby(Some(leader)) = asking.roles.borrow().clone() else { panic!("it follows") };
    let asked = index::ask(Arc::clone(&asking), leader, index::INDEX, Bytes::new()).await;
    assert!(asked.unwrap_err().to_string().contains("does not lead"));
    // A seal is of the hash that the call tells; a body that is another one is refused.
    let request = Request::post(index::RECORDS).header("authorization", "of another body").body(()).unwrap();
    let (head, ()) = request.into_parts();
    let peer = http::Peer { address: "127.0.0.1:1".parse().unwrap(), tls: None };
    let seal = asking.sealing.seal(&head, peer, false).unwrap();
    let seal = seal.to_str().unwrap();
    let sealed =
        format!("POST {} HTTP/1.1\r\nauthorization: of another body\r\n{}: {seal}", index::RECORDS, forwarded::HEADER);
    let answer = self::asked(address, &sealed, "records").await;
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("another body"), "{answer}");
}

/// A request to another node, sealed as one of this cluster; `told` is what it says of its body.
fn sealed(path: &str, told: &str) -> String {
    let (head, ()) = Request::post(path).header("authorization", told).body(()).unwrap().into_parts();
    let peer = http::Peer { address: "127.0.0.1:1".parse().unwrap(), tls: None };
    let seal = SealingKey::new(&KEY).seal(&head, peer, false).unwrap();
    format!("POST {path} HTTP/1.1\r\nauthorization: {told}\r\n{}: {}", forwarded::HEADER, seal.to_str().unwrap())
}

fn hash(body: &str) -> String {
    model::hex(ring::digest::digest(&ring::digest::SHA256, body.as_bytes()).as_ref())
}

#[tokio::test]
async fn what_nodes_ask_each_other_is_taken_from_nobody_else_nor_handed_on() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let leader = port(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        std::future::ready(Response::new(Full::new(Bytes::new())))
    })
    .await;
    let address = port_of(&standby(Some(leader)).await).await;
    for path in [index::OBSERVE, index::RECORDS, index::INDEX] {
        let head = format!("POST {path} HTTP/1.1\r\nauthorization: {}", hash("{}"));
        let answer = asked(address, &head, "{}").await;
        assert!(answer.starts_with("HTTP/1.1 404 "), "{path}: {answer}");
    }
    assert_eq!(calls.load(Ordering::Relaxed), 0, "with the seal of a node it would be believed");
}

const NOW: Timestamp = Timestamp(1_795_000_000_000);

/// A server that is alone.
async fn server() -> (Arc<server::Server>, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let flags = Settings { data_dir: Some(dir.path().to_owned()), ..Settings::default() };
    let config = Config::resolve(flags, Settings::default()).unwrap();
    (Arc::new(serve::open(config, Arc::new(ManualClock::at(NOW))).await.unwrap()), dir)
}

#[tokio::test]
async fn a_node_that_reads_observes_alarms_for_the_one_that_leads() {
    let node = standby(Some("127.0.0.1:9".parse().unwrap())).await;
    let address = port_of(&node).await;
    let alarm = json!({
        "account": "123456789012", "region": "us-east-1",
        "configuration": {
            "namespace": "N", "metric_name": "m", "statistic": "Sum", "period_secs": 60, "evaluation_periods": 1,
        },
    });
    let question = |token: i64| {
        let how_far = json!({ "journal": 0, "manifest": 0, "identities": 0, "rules": 0, "trails": 0 });
        json!({ "token": token, "index": how_far, "now": NOW.0, "alarms": [alarm] }).to_string()
    };
    let ask = async |body: &str| asked(address, &sealed(index::OBSERVE, &hash(body)), body).await;
    assert!(ask(&question(1)).await.starts_with("HTTP/1.1 503 "), "it does not read");
    let (server, _dir) = server().await;
    node.read_by(Some(Arc::new(Reader::new(server, Arc::clone(&node.bodies)))));
    assert!(ask("{}").await.starts_with("HTTP/1.1 503 "), "no question");
    let answer = ask(&question(1)).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let observed: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    let slots = observed[0]["One"].as_array().unwrap();
    assert_eq!((slots.len(), &slots[2]), (3, &json!([1_794_999_900_000_i64, null])), "of three minutes none has data");
    let health = asked(address, "GET /health HTTP/1.1", "").await;
    assert!(health.contains("\"observed_alarms\":1"), "{health}");
    let answer = asked(address, &sealed(index::OBSERVE, &hash("another body")), &question(1)).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(ask(&question(0)).await.starts_with("HTTP/1.1 503 "), "one that led before");
    node.roles.send_replace(Role::Opening);
    assert!(ask(&question(1)).await.starts_with("HTTP/1.1 503 "), "it is about to lead");
}

#[tokio::test]
async fn a_node_that_does_not_observe_is_left_out_for_a_while() {
    let node = standby(None).await;
    let there = Leader::new("http://127.0.0.1:1", 0, &node.authorities).unwrap();
    node.others.lock().unwrap().push(Other { node: Arc::new(there), reads: true });
    let reading = observers::Reading { node: Arc::clone(&node), token: 1 };
    assert!(reading.present().is_empty(), "it does not lead");
    let (server, _dir) = server().await;
    let (stopped, (turns, _)) = (watch::channel(()).1, mpsc::channel(1));
    node.roles.send_replace(Role::Leading(Shared { server, bodies: Arc::clone(&node.bodies), stopped, turns }));
    let present = reading.present();
    assert_eq!(present.iter().map(|other| other.name()).collect::<Vec<_>>(), ["http://127.0.0.1:1"]);
    assert!(present[0].observe(Vec::new(), NOW).await.is_empty());
    assert!(reading.present().is_empty());
}

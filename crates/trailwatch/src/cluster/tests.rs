//! Calls to a node that stands by: to whom they go, how often, and what their clients are told.

use super::*;
use ::http::{HeaderValue, Request, Response};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
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
        node.others.lock().unwrap().push(Arc::new(other));
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
    for (id, port) in [("id", 1), ("leader", 9), ("third", 3)] {
        node.tables.node_is_there(id, id, &format!("http://127.0.0.1:{port}"), "1").await.unwrap();
    }
    node.look_round().await.unwrap();
    let Role::Standby(Some(leader)) = node.roles.borrow().clone() else { panic!("it follows nobody") };
    let ways = node.ways_round(&leader);
    assert_eq!(ways.iter().map(|way| way.address.as_str()).collect::<Vec<_>>(), ["http://127.0.0.1:3"]);
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
    let sealed = format!(
        "POST {} HTTP/1.1\r\nauthorization: of another body\r\n{}: {seal}",
        index::RECORDS,
        forwarded::HEADER
    );
    let answer = self::asked(address, &sealed, "records").await;
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("another body"), "{answer}");
}

//! A call that comes to a node: answered here where the node leads or the call only reads (`reader.rs`), handed on to the one that leads, or
//! held until one does.
//!
//! # What is handed on
//! Method, target, headers and body as they came; HTTP's own headers of a connection are the connection's. Who called stands in a sealed
//! header (`forwarded.rs`). A call is handed on once: a node that is handed one and does not lead says so, and has not looked at it. Where
//! the network between this node and the one that leads is cut, a third one is asked to hand it on, once.
//!
//! # What is tried again
//! A body is read whole, up to as many bytes as a call may have, before it is sent: so a call that surely was not acted on (no
//! connection, or a node that does not lead) is held and sent to whoever leads next. Once it was sent and no answer came, nobody knows
//! what came of it: it is answered 503 and left to its client, unless it surely only reads. A longer body goes
//! through as it comes, and is never sent twice.

use super::forwarded::{self, Handed};
use super::leader::{Leader, NoAnswer, SentBody};
use super::{Node, Role, index, reader, refusal};
use crate::http::{self as listener, Answer, AnswerBody, Framing, Peer, Shared, Unread};
use ::gateway::proxy::Lent;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use futures::future::BoxFuture;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Version, header};
use http_body_util::{BodyExt, BodyStream, Either, Full, StreamBody};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use model::limits::BODY_BYTES_MAX;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, watch};
use wire::{HttpRequest, Protocol, Response, routing};

/// How long a call is held while nobody leads: longer than it takes until somebody does, after a node was lost or stopped.
const HOLD_MAX: Duration = Duration::from_secs(20);
/// How long a call that was not acted on waits before it is tried again, unless something changes first.
const AGAIN_AFTER: Duration = Duration::from_millis(200);
/// How long the answer of a node that leads no more is waited for: it may have been on its way.
const LATE_ANSWER_MAX: Duration = Duration::from_secs(3);
/// In the answer of a node that was handed a call and does not lead.
const NOT_LEADING: HeaderName = HeaderName::from_static("x-trailwatch-not-leading");
/// Headers that are of a connection, not of what goes over it (RFC 9110, 7.6.1).
const OF_CONNECTION: [HeaderName; 6] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::TRANSFER_ENCODING,
    header::TE,
    header::UPGRADE,
];

/// What a node answers: its own words, or those of the node that leads.
pub type NodeAnswer = hyper::Response<Either<AnswerBody, Relayed>>;
type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// A call, as far as it has been read.
struct Call {
    head: Parts,
    body: CallBody,
    peer: Peer,
    /// Room of what was read of the body.
    _room: Option<OwnedSemaphorePermit>,
}

enum CallBody {
    /// Nothing was read.
    Unread(Incoming),
    /// All of it.
    Whole(Bytes),
    /// Its beginning was read, and it goes on; `None` once it was sent.
    Going(Option<SentBody>),
}

/// Why a call was not answered by the leader.
enum Failed {
    /// Nobody acted on it.
    NotActedOn,
    /// Nobody got it, for the node that it was sent to is not reached.
    NotReached,
    /// It cannot be tried again; this is the answer.
    For(Box<Answer>),
}

impl Failed {
    fn with(answer: Answer) -> Self {
        Self::For(Box::new(answer))
    }
}

/// Answers a call that comes to this node.
pub async fn respond(node: Arc<Node>, peer: Peer, request: hyper::Request<Incoming>) -> NodeAnswer {
    let (mut head, body) = request.into_parts();
    let framing = Framing::of(&head);
    if framing == Framing::Ambiguous || head.method == Method::CONNECT {
        return listener::closing(ours(listener::plain(400, "The request can be read in two ways.")));
    }
    let handed = match node.sealing.open(&mut head) {
        Ok(handed) => handed,
        Err(error) => return ours(listener::plain(400, &error.to_string())),
    };
    if head.uri.path() == "/health" && matches!(head.method, Method::GET | Method::HEAD) {
        let request = HttpRequest { tls: peer.tls, ..refusal::request_of(&head) };
        return ours(node.health(&request));
    }
    if index::is_asked(&head) {
        return ours(match handed {
            Some(_) => index::answer(&node, &head, body).await,
            // Not handed on either: with this node's seal it would be taken for its own.
            None => listener::plain(404, "There is nothing here."),
        });
    }
    let peer = handed.map_or(peer, |handed| handed.peer);
    let call = Call { head, body: CallBody::Unread(body), peer, _room: None };
    let answer = answered(&node, call, handed).await;
    if framing == Framing::Chunked { listener::closing(answer) } else { answer }
}

/// Answers a request that came to this node otherwise than by HTTP, whole.
pub async fn ask(node: Arc<Node>, peer: Peer, request: HttpRequest) -> Response {
    let Some(head) = head_of(&request) else {
        return Response { status: 400, headers: Vec::new(), body: Bytes::new(), rest: None };
    };
    let call = Call { head, body: CallBody::Whole(request.body), peer, _room: None };
    let (head, body) = answered(&node, call, None).await.into_parts();
    let content_type = head.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let headers = content_type.map(|value| ("content-type", value.to_owned())).into_iter().collect();
    match body.collect().await {
        Ok(body) => Response { status: head.status.as_u16(), headers, body: body.to_bytes(), rest: None },
        Err(_) => Response { status: 503, headers: Vec::new(), body: Bytes::new(), rest: None },
    }
}

/// The head of a request; `None` when a header cannot be one of HTTP.
fn head_of(request: &HttpRequest) -> Option<Parts> {
    let mut head = http::Request::builder().method(request.method.as_str()).uri(request.path.as_str());
    for (name, value) in &request.headers {
        head = head.header(name, value);
    }
    Some(head.body(()).ok()?.into_parts().0)
}

fn ours(answer: Answer) -> NodeAnswer {
    answer.map(Either::Left)
}

async fn answered(node: &Arc<Node>, mut call: Call, handed: Option<Handed>) -> NodeAnswer {
    let until = Instant::now() + HOLD_MAX;
    let mut roles = node.roles.subscribe();
    // Once: what this node cannot answer now is the leader's.
    let mut may_read = handed.is_none();
    loop {
        let role = roles.borrow_and_update().clone();
        match role {
            Role::Leading(shared) if node.has_lease() => return ours(call.answer_here(shared).await),
            Role::Standby(Some(leader)) if handed.is_none_or(|handed| handed.goes_on) => {
                if std::mem::take(&mut may_read)
                    && let Some(answer) = call.answer_by_reading(node, &leader).await
                {
                    return ours(answer);
                }
                let done = match handed {
                    Some(_) => call.hand_on(node, &leader, &leader, until).await,
                    None => call.hand_on_somehow(node, &leader, until).await,
                };
                match done {
                    Ok(answer) => return answer,
                    Err(Failed::For(answer)) => return ours(*answer),
                    Err(Failed::NotActedOn | Failed::NotReached) if handed.is_some() => return ours(not_leading()),
                    Err(Failed::NotActedOn | Failed::NotReached) => node.look_again(),
                }
            }
            // The node that handed it on looks again who leads.
            Role::Standby(_) if handed.is_some() => return ours(not_leading()),
            Role::Standby(_) | Role::Opening | Role::Leading(_) => {}
        }
        if Instant::now() >= until {
            return ours(refusal::unavailable(&call.head, "No node leads at the moment. Try again."));
        }
        tokio::select! {
            _ = roles.changed() => {}
            () = tokio::time::sleep(AGAIN_AFTER) => {}
        }
    }
}

/// Whether a call may be made twice. GET alone does not say so: the query protocol has actions that write in its URLs, and JSON's are
/// in a header.
fn only_reads(head: &Parts) -> bool {
    matches!(head.method, Method::GET | Method::HEAD)
        && routing::protocol(&refusal::request_of(head)) == Protocol::RestJson
}

/// What a node says that was handed a call and does not lead.
pub fn not_leading() -> Answer {
    let mut answer = listener::plain(503, "This node does not lead.");
    answer.headers_mut().insert(NOT_LEADING, HeaderValue::from_static("1"));
    answer
}

/// Whether an answer says so.
pub fn told_not_to_lead(headers: &HeaderMap) -> bool {
    headers.contains_key(&NOT_LEADING)
}

impl Call {
    /// Answers it on this node, which stands by, where it only reads; `None` when the leader is to answer it.
    async fn answer_by_reading(&mut self, node: &Arc<Node>, leader: &Arc<Leader>) -> Option<Answer> {
        let reader = node.reader()?;
        if !self.head.headers.contains_key(header::AUTHORIZATION) {
            return None;
        }
        if let Err(refusal) = self.read_or_refuse(node, leader).await {
            return Some(refusal);
        }
        let CallBody::Whole(bytes) = &self.body else { return None };
        let request = HttpRequest { body: bytes.clone(), ..refusal::request_of(&self.head) };
        if !reader::is_read(&request) {
            return None;
        }
        reader.answer(node, leader, self.peer, (self.head.clone(), bytes.clone())).await
    }

    /// Answers it on this node, which leads.
    async fn answer_here(self, shared: Shared) -> Answer {
        let Self { head, body, peer, _room } = self;
        match body {
            CallBody::Unread(body) => listener::respond(shared, peer, hyper::Request::from_parts(head, body)).await,
            CallBody::Whole(bytes) => {
                listener::respond(shared, peer, hyper::Request::from_parts(head, Full::new(bytes))).await
            }
            CallBody::Going(Some(body)) => {
                listener::respond(shared, peer, hyper::Request::from_parts(head, body)).await
            }
            CallBody::Going(None) => refusal::unavailable(&head, "The call may have been made. Try again."),
        }
    }

    /// Hands it on to `leader`; where that is not reached, by way of another node.
    async fn hand_on_somehow(
        &mut self,
        node: &Arc<Node>,
        leader: &Arc<Leader>,
        until: Instant,
    ) -> Result<NodeAnswer, Failed> {
        let mut ways = node.ways_round(leader);
        // Each try of a way that is cut takes seconds.
        ways.insert(if leader.is_cut_off() { ways.len() } else { 0 }, Arc::clone(leader));
        for way in ways {
            match self.hand_on(node, leader, &way, until).await {
                Err(Failed::NotReached) => way.missed(),
                // A third node may not know yet who leads.
                Err(Failed::NotActedOn) if !Arc::ptr_eq(&way, leader) => {}
                done => return done,
            }
        }
        Err(Failed::NotActedOn)
    }

    /// Hands it on to `leader`, once; `way` is that, or a node that is to hand it on to it.
    async fn hand_on(
        &mut self,
        node: &Arc<Node>,
        leader: &Arc<Leader>,
        way: &Arc<Leader>,
        until: Instant,
    ) -> Result<NodeAnswer, Failed> {
        self.read_or_refuse(node, leader).await.map_err(Failed::with)?;
        let waiting = Arc::clone(&node.places).acquire_owned();
        let place = tokio::time::timeout_at(until.into(), waiting).await;
        let Ok(Ok(place)) = place else { return Err(Failed::with(refusal::overloaded(&self.head))) };
        let body = match &mut self.body {
            CallBody::Whole(bytes) => boxed(Full::new(bytes.clone())),
            CallBody::Going(body) => match body.take() {
                Some(body) => body,
                None => return Err(self.unknown("its body was sent before")),
            },
            CallBody::Unread(_) => return Err(self.unknown("its body was not read")),
        };
        let request = self.request(node, body, !Arc::ptr_eq(way, leader));
        let Some(request) = request else { return Err(self.unknown("it cannot be sealed")) };
        let sending = way.send(request);
        let sent = tokio::select! {
            biased;
            sent = sending => sent,
            () = gone(node.roles.subscribe(), leader.token) => Err(NoAnswer::Unknown("it leads no more".into())),
        };
        match sent {
            Ok((answer, _)) if told_not_to_lead(answer.headers()) => Err(match self.body {
                CallBody::Whole(_) => Failed::NotActedOn,
                _ => self.unknown("the node that it went to leads no more"),
            }),
            Ok((answer, lent)) => {
                let (mut head, body) = answer.into_parts();
                OF_CONNECTION.iter().for_each(|name| drop(head.headers.remove(name)));
                let gone: BoxFuture<'static, ()> = Box::pin(gone(node.roles.subscribe(), leader.token));
                // One whose length nobody knows goes on as things happen, as a live tail does.
                let goes_on = body.size_hint().exact().is_none();
                let stops: Option<BoxFuture<'static, ()>> =
                    goes_on.then(|| -> BoxFuture<'static, ()> { Box::pin(Node::stops(node.stopped.clone())) });
                let body = Relayed { body, stops, gone, _lent: lent, _place: place };
                Ok(hyper::Response::from_parts(head, Either::Right(body)))
            }
            Err(NoAnswer::NotSent(body, reason)) => {
                tracing::debug!(reason, way = way.address, "hand on a call");
                if let CallBody::Going(place) = &mut self.body {
                    *place = Some(body);
                }
                Err(Failed::NotReached)
            }
            Err(NoAnswer::Unknown(reason)) => match self.body {
                CallBody::Whole(_) if only_reads(&self.head) => Err(Failed::NotActedOn),
                _ => Err(self.unknown(&reason)),
            },
        }
    }

    /// The call as it is handed on, with `body`, to one that is to hand it on in turn where it `goes_on`; `None` when it cannot be sealed.
    fn request(&self, node: &Node, body: SentBody, goes_on: bool) -> Option<http::Request<SentBody>> {
        let mut request = http::Request::new(body);
        *request.method_mut() = self.head.method.clone();
        *request.uri_mut() = origin_form(&self.head);
        *request.version_mut() = Version::HTTP_11;
        *request.headers_mut() = handed_headers(&self.head);
        let (mut head, body) = request.into_parts();
        let seal = node.sealing.seal(&head, self.peer, goes_on)?;
        head.headers.insert(forwarded::HEADER, seal);
        Some(http::Request::from_parts(head, body))
    }

    /// Tells the leader of a call that broke off, by one that does: it is on the record, as where a server is alone.
    fn break_off(&self, node: &Node, leader: &Arc<Leader>) {
        let body = futures::stream::once(async {
            // The head goes out before the end is known.
            tokio::task::yield_now().await;
            Err::<Frame<Bytes>, AnyError>("the call broke off".into())
        });
        let Some(request) = self.request(node, boxed(StreamBody::new(body)), false) else { return };
        let (places, leader) = (Arc::clone(&node.places), Arc::clone(leader));
        // By itself: who called has gone, and this call ends with the connection.
        tokio::spawn(tokio::time::timeout(listener::BODY_TIMEOUT, async move {
            let _place = places.acquire_owned().await;
            leader.send(request).await.map(drop)
        }));
    }

    /// The answer when nobody knows whether the call was made.
    fn unknown(&self, reason: &str) -> Failed {
        tracing::info!(reason, "a call was handed on and has no answer");
        Failed::with(refusal::unavailable(
            &self.head,
            "The node that led is gone; the call may have been made. Try again.",
        ))
    }

    /// Reads the body, or the beginning of a long one; answers what its client is told when it does not come.
    async fn read_or_refuse(&mut self, node: &Arc<Node>, leader: &Arc<Leader>) -> Result<(), Answer> {
        self.read(node).await.map_err(|unread| match unread {
            Unread::NoRoom => refusal::overloaded(&self.head),
            Unread::TooLarge | Unread::Broken => {
                self.break_off(node, leader);
                refusal::incomplete(&self.head)
            }
        })
    }

    async fn read(&mut self, node: &Node) -> Result<(), Unread> {
        let CallBody::Unread(body) = &mut self.body else { return Ok(()) };
        let room = &node.bodies;
        let mut taken = Arc::clone(room).try_acquire_many_owned(1).map_err(|_| Unread::NoRoom)?;
        let reading = async {
            let mut bytes = BytesMut::new();
            while bytes.len() <= BODY_BYTES_MAX {
                let Some(frame) = body.frame().await else { return Ok((bytes, true)) };
                // Frames without data are trailers, which mean nothing here.
                let Ok(data) = frame.map_err(|_| Unread::Broken)?.into_data() else { continue };
                let kib = (bytes.len() + data.len()) / 1024 + 1;
                let more = u32::try_from(kib.saturating_sub(taken.num_permits())).unwrap_or(u32::MAX);
                taken.merge(Arc::clone(room).try_acquire_many_owned(more).map_err(|_| Unread::NoRoom)?);
                bytes.extend_from_slice(&data);
            }
            Ok::<_, Unread>((bytes, false))
        };
        let read = tokio::time::timeout(listener::BODY_TIMEOUT, reading).await;
        let (bytes, is_whole) = read.unwrap_or(Err(Unread::Broken))?;
        self._room = Some(taken);
        let bytes = bytes.freeze();
        self.body = match std::mem::replace(&mut self.body, CallBody::Going(None)) {
            CallBody::Unread(rest) if !is_whole => {
                let first = futures::stream::once(async move { Ok(Frame::data(bytes)) });
                let rest = BodyStream::new(rest).map(|frame| frame.map_err(AnyError::from));
                CallBody::Going(Some(boxed(StreamBody::new(first.chain(rest)))))
            }
            _ => CallBody::Whole(bytes),
        };
        Ok(())
    }
}

fn boxed<B>(body: B) -> SentBody
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<AnyError>,
{
    body.map_err(Into::into).boxed_unsync()
}

/// Resolves some time after the lease has gone to another node.
async fn gone(mut roles: watch::Receiver<Role>, token: i64) {
    let _ = roles.wait_for(|role| !matches!(role, Role::Standby(Some(leader)) if leader.token == token)).await;
    tokio::time::sleep(LATE_ANSWER_MAX).await;
}

/// The target of a request, without scheme and host: those are in the header.
fn origin_form(head: &Parts) -> http::Uri {
    let target = head.uri.path_and_query().cloned();
    target.map_or_else(|| http::Uri::from_static("/"), http::Uri::from)
}

/// The headers of a request, but for those that are of its connection. HTTP/2 has the host elsewhere.
fn handed_headers(head: &Parts) -> HeaderMap {
    let mut headers = head.headers.clone();
    OF_CONNECTION.iter().for_each(|name| drop(headers.remove(name)));
    if let (false, Some(authority)) = (headers.contains_key(header::HOST), head.uri.authority())
        && let Ok(host) = HeaderValue::from_str(authority.as_str())
    {
        headers.insert(header::HOST, host);
    }
    headers
}

/// The body of an answer of the node that leads, as it comes.
pub struct Relayed {
    body: Incoming,
    /// Resolves when this node stops: what goes on as things happen comes to its end then.
    stops: Option<BoxFuture<'static, ()>>,
    /// Resolves when that node leads no more, and had time to come to an end.
    gone: BoxFuture<'static, ()>,
    _lent: Lent<SentBody>,
    _place: OwnedSemaphorePermit,
}

impl Body for Relayed {
    type Data = Bytes;
    type Error = AnyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, AnyError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        if self.stops.as_mut().is_some_and(|stops| stops.as_mut().poll(cx).is_ready()) {
            return Poll::Ready(None);
        }
        // A machine that is gone says nothing more, not even that.
        self.gone.as_mut().poll(cx).map(|()| Some(Err("the node that led is gone".into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_signed_goes_on_as_it_came_and_what_is_the_connections_does_not() {
        let request = hyper::Request::post("http://logs.example:8792/a%2Fb?x=%20y&x=z")
            .header("x-amz-date", "20261127T000000Z")
            .header("connection", "keep-alive")
            .header("transfer-encoding", "chunked")
            .header("x-two", "1")
            .header("x-two", "2")
            .body(())
            .unwrap();
        let (head, ()) = request.into_parts();
        assert_eq!(origin_form(&head), "/a%2Fb?x=%20y&x=z");
        let headers = handed_headers(&head);
        assert_eq!(headers["host"], "logs.example:8792");
        let two: Vec<&[u8]> = headers.get_all("x-two").iter().map(HeaderValue::as_bytes).collect();
        assert_eq!((headers["x-amz-date"].as_bytes(), two), (&b"20261127T000000Z"[..], vec![&b"1"[..], &b"2"[..]]));
        assert!(!headers.contains_key("connection") && !headers.contains_key("transfer-encoding"));
    }

    #[test]
    fn what_may_write_is_never_made_twice() {
        let of = |request: http::request::Builder| only_reads(&request.body(()).unwrap().into_parts().0);
        let get = |target: &str| hyper::Request::get(target);
        assert!(of(get("/")) && of(get("/bucket/key?versionId=1")) && of(hyper::Request::head("/bucket")));
        assert!(!of(hyper::Request::post("/")));
        assert!(!of(get("/?Action=Publish&Version=2010-03-31&Message=m")));
        assert!(!of(get("/").header("content-type", "application/x-www-form-urlencoded")));
        assert!(!of(get("/").header("x-amz-target", "Logs_20140328.PutLogEvents")));
    }
}

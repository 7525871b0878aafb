//! The walk of one call: read as much as the event needs, say which operation and who, refuse or send on, and record what comes back.

mod authorities;
mod body;
mod connections;
mod heads;
mod upstream;

use crate::audit::{self, Audit, Beginning, OpenCall};
use crate::call::{Call, Captured, Outcome, Request, Tls};
use crate::delivery::Deliveries;
use crate::forms::{self, OtherCredentials, S3Host, Service};
use crate::identity::{Keys, Need, Who};
use crate::metrics::Metrics;
use crate::refusal::Refusal;
use crate::rules::{Rule, Subject, first_that_fits};
use crate::shares::{Holder, Share, Shares};
use crate::spool::Spool;
pub use authorities::{Authorities, NotAuthorities};
pub use body::{AnswerBody, Broken};
use body::{Fate, Read, RequestBody, Word};
use bytes::{Bytes, BytesMut};
pub use connections::{Connections, Lent, Limits, NotAnUpstream};
use http::{HeaderName, HeaderValue, Method, StatusCode, Version, request};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use model::{Clock, Ids, Timestamp};
use sha2::{Digest, Sha256};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
pub use upstream::Upstream;
use wire::HttpRequest;
use wire::sigv4::SignatureError;

/// Says how the gateway is; not a call, and no bucket's name.
pub const HEALTH_PATH: &str = "/_trailwatch/gateway/health";
/// Longest body that is read whole to verify its signature: more than any JSON or query operation takes (BatchWriteItem: 16 MB).
const VERIFIED_BYTES_MAX: usize = 17 * 1024 * 1024;
/// KiB of bodies that are held at once, over all calls.
const BODIES_KIB_MAX: usize = 256 * 1024;
/// How long a backend may take from the last byte of a request to the head of its answer: Lambda's Invoke takes 15 minutes at most.
const HEAD_TIME_MAX: Duration = Duration::from_secs(16 * 60);
/// How long a backend may be without a byte in the middle of an answer, and a client in the middle of a request.
const SILENCE_MAX: Duration = Duration::from_secs(120);
/// How long the part of a request may take that is read before it goes on.
const READ_TIME_MAX: Duration = Duration::from_secs(60);
/// How much of a refused body is read, so that the client sees the answer instead of a reset.
const DRAINED_BYTES_MAX: usize = 1024 * 1024;
const DRAIN_TIME_MAX: Duration = Duration::from_secs(1);

/// What the operator decides.
#[derive(Debug)]
pub struct Settings {
    /// Backends by service.
    pub upstreams: Vec<(Service, Upstream)>,
    /// Backend of the services that have none of their own.
    pub other: Option<Upstream>,
    /// Keys that signatures are verified with.
    pub keys: Keys,
    /// Which calls are refused; the first that fits counts.
    pub rules: Vec<Rule>,
    /// Host names, in lower case, below which a label is a bucket of S3.
    pub s3_domains: Vec<String>,
    /// `vpcEndpointId` of events.
    pub endpoint_id: String,
    /// No audit, no call.
    pub fail_closed: bool,
    /// Calls at once; of one client as many as are free ([`crate::shares`]).
    pub calls_max: usize,
    /// Bytes that the spool may have; told by `/health`.
    pub spool_bytes_max: u64,
}

/// What the gateway is given.
#[derive(Clone)]
pub struct Parts {
    /// Where events go.
    pub spool: Spool,
    /// Where measures go.
    pub metrics: Arc<Metrics>,
    /// How delivery goes; told by `/health`.
    pub deliveries: Arc<Deliveries>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Ids of events and requests.
    pub ids: Arc<dyn Ids>,
}

/// The proxy.
pub struct Gateway {
    upstreams: Vec<(Service, Arc<Upstream>)>,
    other: Option<Arc<Upstream>>,
    keys: Keys,
    rules: Vec<Rule>,
    s3_domains: Vec<String>,
    endpoint_id: String,
    spool_bytes_max: u64,
    audit: Audit,
    deliveries: Arc<Deliveries>,
    ids: Arc<dyn Ids>,
    /// A place for each call.
    places: Shares,
    /// Room for bodies, KiB.
    room: Shares,
}

type Answer = hyper::Response<AnswerBody>;

/// A client's connection.
#[derive(Debug, Clone)]
pub struct Client {
    /// Its address.
    pub address: SocketAddr,
    /// TLS of the connection, if it has any.
    pub tls: Option<Tls>,
}

/// A request as far as it was read.
struct Taken {
    service: Service,
    /// Most bytes of the request's body, and of the answer's, that the event needs.
    body_max: usize,
    answer_max: usize,
    seen: Request,
    http: HttpRequest,
    need: Need,
    read: Read,
    _room: Option<Share>,
}

impl Gateway {
    /// From settings and parts.
    pub fn new(settings: Settings, parts: Parts) -> Self {
        let Settings {
            upstreams,
            other,
            keys,
            rules,
            s3_domains,
            endpoint_id,
            fail_closed,
            calls_max,
            spool_bytes_max,
        } = settings;
        let Parts { spool, metrics, deliveries, clock, ids } = parts;
        Self {
            upstreams: upstreams.into_iter().map(|(service, upstream)| (service, Arc::new(upstream))).collect(),
            other: other.map(Arc::new),
            keys,
            rules,
            s3_domains,
            endpoint_id,
            spool_bytes_max,
            audit: Audit { spool, metrics, clock, fail_closed },
            deliveries,
            ids,
            places: Shares::new(calls_max),
            room: Shares::new(BODIES_KIB_MAX),
        }
    }

    /// Answers one request.
    pub async fn respond(&self, client: Client, request: hyper::Request<Incoming>) -> Answer {
        let (parts, body) = request.into_parts();
        if parts.method == Method::GET && parts.uri.path() == HEALTH_PATH {
            return self.health();
        }
        let (began, started) = (Instant::now(), self.audit.clock.now());
        let mut taken = self.head(&parts);
        let claimed = self.keys.claimed(&taken.http);
        // Who is known by the head alone has a place by the key, all others by the address until they are known.
        let of_head = (taken.need == Need::Head).then(|| self.verify(&taken, &claimed, started));
        let address = Holder::at(client.address.ip());
        let is_known = of_head.as_ref().is_some_and(|who| who.as_ref().is_ok_and(|who| who.is_verified));
        let holder = if is_known { key_of(&taken) } else { None };
        let mut place = self.places.take(holder.unwrap_or_else(|| address.clone()), 1);
        let mut refusal = match &place {
            Some(_) => self.read_into(&mut taken, body, address).await,
            None => {
                taken.read.rest = Some(body);
                Some(Refusal::slow_down())
            }
        };
        let verified = of_head.unwrap_or_else(|| match &place {
            Some(_) => self.verify(&taken, &claimed, started),
            None => Ok(claimed.clone()),
        });
        let who = match verified {
            Ok(who) => who,
            Err(forged) => {
                refusal.get_or_insert(forged);
                claimed
            }
        };
        if let (true, Some(place), Some(key)) = (who.is_verified, &mut place, key_of(&taken))
            && !place.hand_to(key)
        {
            refusal.get_or_insert_with(Refusal::slow_down);
        }
        let read = std::mem::take(&mut taken.read);
        let open = self.open(&mut taken, client, &who, (began, started), place);
        let (open, service) = match self.admit(open, taken.service, &who, refusal, &read) {
            Ok(admitted) => admitted,
            Err(refused) => {
                let (open, refusal, rule) = *refused;
                self.drain(&parts, read).await;
                return refuse(open, taken.service, &refusal, rule).await;
            }
        };
        let Some(upstream) = self.upstream(service) else {
            let refusal = Refusal::not_implemented(format!("The gateway has no backend for {}", service.name()));
            self.drain(&parts, read).await;
            return refuse(open, service, &refusal, None).await;
        };
        if let Err(unwritten) = open.intend().await {
            tracing::debug!(%unwritten, "refuse a call that cannot be audited");
            let refusal = Refusal::unavailable(format!("The call cannot be audited: {unwritten}"));
            self.drain(&parts, read).await;
            return refuse(open, service, &refusal, None).await;
        }
        self.forward(&parts, read, open, (service, upstream), who.body_sha256).await
    }

    /// What a request's head says.
    fn head(&self, parts: &request::Parts) -> Taken {
        let seen = heads::seen(parts, &self.s3_domains);
        let service = forms::service_of(&seen);
        let http = HttpRequest {
            method: seen.method.clone(),
            path: seen.path.clone(),
            query: seen.query.clone(),
            headers: seen.headers.clone(),
            ..HttpRequest::default()
        };
        let need = self.keys.need(&http);
        let (body_max, answer_max) = forms::capture(service, &seen);
        Taken { service, body_max, answer_max, seen, http, need, read: Read::default(), _room: None }
    }

    /// Who makes a request, whose body has been read where the signature covers it unsaid.
    fn verify(&self, taken: &Taken, claimed: &Who, now: Timestamp) -> Result<Who, Refusal> {
        match forms::other_credentials(&taken.seen, wire::sigv4::claimed(&taken.http).is_some()) {
            OtherCredentials::Unreadable => {
                Err(Refusal::signature(SignatureError::Incomplete("The credentials cannot be read.".into())))
            }
            OtherCredentials::Of(id) => self.keys.verify_other(&id),
            OtherCredentials::None => self.keys.verify(&taken.http, taken.need, claimed.clone(), now),
        }
    }

    /// Reads as much of a request's body as its event, or its signature, needs; the room that takes is `holder`'s.
    async fn read_into(&self, taken: &mut Taken, body: Incoming, holder: Holder) -> Option<Refusal> {
        let wanted = taken.body_max;
        let most = if taken.need == Need::Body { VERIFIED_BYTES_MAX.max(wanted) } else { wanted };
        match self.read(body, most, holder).await {
            Err(refusal) => Some(refusal),
            Ok((read, room)) => {
                let first = read.first.clone();
                // A part of a large one would keep all of it.
                let kept = first.get(..wanted).map_or_else(|| first.clone(), Bytes::copy_from_slice);
                taken.seen.body = Captured { bytes: kept, total: first.len() as u64 };
                let is_too_large = taken.need == Need::Body && read.rest.is_some();
                (taken.http.body, taken.read, taken._room) = (first, read, room);
                is_too_large.then(|| Refusal::too_large(VERIFIED_BYTES_MAX))
            }
        }
    }

    /// Reads about `most` bytes of a body, or all; what was read takes room.
    async fn read(&self, mut body: Incoming, most: usize, holder: Holder) -> Result<(Read, Option<Share>), Refusal> {
        if body.is_end_stream() {
            return Ok((Read::default(), None));
        }
        let due = Instant::now() + READ_TIME_MAX;
        let (mut first, mut bytes, mut room) = (Bytes::new(), BytesMut::new(), None::<Share>);
        let mut trailers = None;
        let is_whole = loop {
            let length = first.len() + bytes.len();
            // One byte more than is wanted tells whether there is more.
            if most == 0 || length > most {
                break false;
            }
            let waiting = tokio::time::timeout_at(due, body.frame());
            let Some(frame) = waiting.await.map_err(|_| Refusal::incomplete())? else { break true };
            let data = match frame.map_err(|_| Refusal::incomplete())?.into_data() {
                Ok(data) => data,
                Err(other) => {
                    trailers = other.into_trailers().ok();
                    continue;
                }
            };
            let kib = (length + data.len()) / 1024 + 1;
            let has = room.as_ref().map_or(0, Share::count);
            let more = kib.saturating_sub(has);
            let has_room = match &mut room {
                Some(room) => room.more(more),
                None => {
                    room = self.room.take(holder.clone(), more);
                    room.is_some()
                }
            };
            if !has_room {
                return Err(Refusal::slow_down());
            }
            if first.is_empty() && bytes.is_empty() {
                // Most bodies come in one frame, which needs no copy.
                first = data;
            } else {
                bytes.extend_from_slice(&std::mem::take(&mut first));
                bytes.extend_from_slice(&data);
            }
        };
        let first = if bytes.is_empty() { first } else { bytes.freeze() };
        Ok((Read { first, rest: (!is_whole).then_some(body), trailers }, room))
    }

    fn open(
        &self,
        taken: &mut Taken,
        client: Client,
        who: &Who,
        (began, started): (Instant, Timestamp),
        place: Option<Share>,
    ) -> OpenCall {
        let recognised = forms::recognise(taken.service, &taken.seen);
        let id = self.ids.uuid();
        let seen = std::mem::replace(&mut taken.seen, nothing());
        let call = Call {
            event_id: id.to_string(),
            request_id: self.ids.uuid().to_string(),
            started,
            account_id: who.account_id.clone(),
            region: who.region.clone(),
            user_identity: who.user_identity.clone(),
            is_verified: who.is_verified,
            source_ip: client.address.ip().to_canonical().to_string(),
            tls: client.tls,
            endpoint_id: self.endpoint_id.clone(),
            request: seen,
            outcome: Outcome::Interrupted,
        };
        OpenCall::new(Beginning {
            audit: self.audit.clone(),
            call,
            id,
            recognised,
            principal: who.principal.clone(),
            began,
            answer_max: taken.answer_max,
            place,
        })
    }

    /// Whether a call may go on.
    fn admit(
        &self,
        open: OpenCall,
        service: Service,
        who: &Who,
        refusal: Option<Refusal>,
        read: &Read,
    ) -> Result<(OpenCall, Service), Box<Refused>> {
        if let Some(refusal) = refusal {
            return Err(Box::new((open, refusal, None)));
        }
        if let Some(unknown) = forms::foreign_service(&open.call().request) {
            let refusal = Refusal::not_implemented(format!("The gateway does not know service '{unknown}'"));
            return Err(Box::new((open, refusal, None)));
        }
        if let Some(why) = forms::ambiguity(service, &open.call().request) {
            return Err(Box::new((open, Refusal::ambiguous(why), None)));
        }
        let subject = Subject {
            service,
            operation: open.operation(),
            otherwise: forms::otherwise(service, &open.call().request),
            principal: &who.principal,
            source: open.source(),
        };
        if let Some(rule) = first_that_fits(&self.rules, &subject, || open.resources()) {
            let name = rule.name.clone();
            return Err(Box::new((open, Refusal::denied(&name), Some(name))));
        }
        // A body that streams is held against its hash as it goes through.
        let is_wrong = |hash: [u8; 32]| read.rest.is_none() && Sha256::digest(&read.first)[..] != hash;
        if who.body_sha256.is_some_and(is_wrong) {
            return Err(Box::new((open, Refusal::wrong_hash(), None)));
        }
        Ok((open, service))
    }

    fn upstream(&self, service: Service) -> Option<Arc<Upstream>> {
        let own = self.upstreams.iter().find(|(of, _)| *of == service).map(|(_, upstream)| upstream);
        own.or(self.other.as_ref()).map(Arc::clone)
    }

    async fn forward(
        &self,
        parts: &request::Parts,
        read: Read,
        mut open: OpenCall,
        (service, upstream): (Service, Arc<Upstream>),
        hash: Option<[u8; 32]>,
    ) -> Answer {
        let expects = heads::expects_continue(parts) && read.rest.is_some() && read.first.is_empty();
        let Some(head) = heads::to_backend(parts, expects) else {
            return refuse(open, service, &Refusal::not_implemented("The method is not supported"), None).await;
        };
        let hash = hash.filter(|_| read.rest.is_some());
        let mut body = RequestBody::new(read, open.tally(), hash);
        let fate = body.fate();
        let word = expects.then(|| watch::channel(Word::None));
        if let Some((_, said)) = &word {
            body.hold(said.clone());
        }
        let word = word.map(|(word, _)| word);
        let mut request = http::Request::from_parts(head, body);
        if let Some(word) = &word {
            let word = word.clone();
            hyper::ext::on_informational(&mut request, move |answer| {
                if answer.status() == StatusCode::CONTINUE {
                    word.send_replace(Word::GoOn);
                }
            });
        }
        let (answer, lent) = match head_of(&upstream, request, &fate).await {
            Ok(answered) => answered,
            Err(_) if fate.is_wrong() => return refuse(open, service, &Refusal::wrong_hash(), None).await,
            Err(_) if fate.is_broken() => return refuse(open, service, &Refusal::incomplete(), None).await,
            Err(message) => return unreachable(open, service, message).await,
        };
        if let Some(word) = &word {
            word.send_if_modified(|word| std::mem::replace(word, Word::Answered) == Word::None);
        }
        let (answer_parts, answer_body) = answer.into_parts();
        open.answered(answer_parts.status.as_u16(), heads::texts(&answer_parts.headers));
        let head = heads::to_client(answer_parts, parts.version);
        let request_id = open.call().request_id.clone();
        let seen = Request { body: Captured::default(), ..open.call().request.clone() };
        let mut body = AnswerBody::of_backend(answer_body, open, lent, word, SILENCE_MAX);
        if let Err(unwritten) = body.finish_empty().await {
            let refusal = Refusal::unavailable(format!("The call was made and cannot be audited: {unwritten}"));
            return own_answer(&refusal.write(service, &seen, &request_id), parts.method == Method::HEAD);
        }
        hyper::Response::from_parts(head, body)
    }

    /// Reads what a client is still sending of a refused body.
    async fn drain(&self, parts: &request::Parts, read: Read) {
        let Some(mut rest) = read.rest.filter(|_| !heads::expects_continue(parts)) else { return };
        let draining = async {
            let mut bytes = 0_usize;
            while let Some(Ok(frame)) = rest.frame().await {
                bytes = bytes.saturating_add(frame.data_ref().map_or(0, Bytes::len));
                if bytes > DRAINED_BYTES_MAX {
                    return;
                }
            }
        };
        let _ = tokio::time::timeout(DRAIN_TIME_MAX, draining).await;
    }

    fn health(&self) -> Answer {
        let counts = self.audit.spool.counts();
        let failures = self.deliveries.failures.load(Ordering::Relaxed);
        let refused = self.deliveries.refused.load(Ordering::Relaxed);
        let is_well = failures == 0 && counts.lost == 0 && refused == 0 && counts.bytes < self.spool_bytes_max;
        let body = serde_json::json!({
            "status": if is_well { "ok" } else { "degraded" },
            "fail_closed": self.audit.fail_closed,
            "calls": self.places.taken(),
            "spool_bytes": counts.bytes,
            "spool_bytes_max": self.spool_bytes_max,
            "undelivered": counts.undelivered,
            "lost": counts.lost,
            "refused_by_server": refused,
            "failed_deliveries": failures,
        });
        let mut answer = Answer::new(AnswerBody::own(body.to_string()));
        answer.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        answer
    }
}

/// Whose places a call of a verified key takes.
fn key_of(taken: &Taken) -> Option<Holder> {
    wire::sigv4::claimed(&taken.http).map(|claim| Holder::Key(claim.access_key_id))
}

/// A call that does not go on, why, and by which rule.
type Refused = (OpenCall, Refusal, Option<String>);

/// The head of the backend's answer, waited for as long as the request's body moves, and a while longer.
async fn head_of(
    upstream: &Arc<Upstream>,
    request: http::Request<RequestBody>,
    fate: &Fate,
) -> Result<(http::Response<Incoming>, Lent<body::RequestBody>), String> {
    let sending = upstream.send(request);
    tokio::pin!(sending);
    loop {
        // A body that stands still is one thing, a backend that thinks another.
        let (limit, what) = match fate.is_whole() {
            true => (HEAD_TIME_MAX, "no answer"),
            false => (SILENCE_MAX, "the body of the request stood still, no byte of it"),
        };
        let due = fate.last() + limit;
        tokio::select! {
            biased;
            answer = &mut sending => return answer,
            () = tokio::time::sleep_until(due) => {
                if fate.last() + limit <= Instant::now() && fate.is_whole() == (limit == HEAD_TIME_MAX) {
                    return Err(format!("{what} within {} s", limit.as_secs()));
                }
            }
        }
    }
}

/// The gateway's own answer, once its event is on its way.
async fn refuse(mut open: OpenCall, service: Service, refusal: &Refusal, rule: Option<String>) -> Answer {
    let (is_head, request_id) = (open.call().request.method == "HEAD", open.call().request_id.clone());
    let written = refusal.write(service, &open.call().request, &request_id);
    let outcome = Outcome::Refused { code: written.code.clone(), message: refusal.message.clone(), rule };
    // It is refused whether or not that can be written: nothing has reached the backend.
    let _ = audit::wait(open.ended(outcome)).await;
    own_answer(&written, is_head)
}

async fn unreachable(mut open: OpenCall, service: Service, message: String) -> Answer {
    tracing::debug!(message, service = service.name(), "reach a backend");
    let (is_head, request_id) = (open.call().request.method == "HEAD", open.call().request_id.clone());
    let refusal = Refusal::unavailable("The backend cannot be reached");
    let written = refusal.write(service, &open.call().request, &request_id);
    let _ = audit::wait(open.ended(Outcome::Unreachable { message })).await;
    own_answer(&written, is_head)
}

fn own_answer(written: &crate::refusal::Written, is_head: bool) -> Answer {
    let mut answer = Answer::new(AnswerBody::own(if is_head { String::new() } else { written.body.clone() }));
    *answer.status_mut() = StatusCode::from_u16(written.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in &written.headers {
        if let Ok(value) = HeaderValue::from_str(value) {
            answer.headers_mut().append(HeaderName::from_static(name), value);
        }
    }
    *answer.version_mut() = Version::HTTP_11;
    answer
}

fn nothing() -> Request {
    let (method, path, query) = Default::default();
    Request { method, path, query, headers: Vec::new(), s3_host: S3Host::Other, body: Captured::default() }
}

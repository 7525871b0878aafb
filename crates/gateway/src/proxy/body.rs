//! Bodies on their way through: counted, looked at as far as the event needs it, and with the end of an answer held back until the
//! event is durable. Each frame is handed on as it comes; nothing is read that the other side has not asked for.

use super::connections::Lent;
use crate::audit::{self, Durable, OpenCall, Tally};
use crate::spool::Unwritten;
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use http::HeaderMap;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use sha2::{Digest, Sha256};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, Sleep};

/// How long a client that waits to be told to go on waits for the backend's word (RFC 9110, 10.1.1: not for ever).
const CONTINUE_TIME_MAX: Duration = Duration::from_secs(1);

/// Why a body ended early.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// It did not come to its end.
    #[error("the body broke off: {0}")]
    Peer(#[from] hyper::Error),
    /// Its bytes are not those that were signed.
    #[error("the body is not the one that was signed")]
    WrongHash,
    /// The backend answered without it.
    #[error("the backend did not ask for the body")]
    Unwanted,
    /// The event could not be written.
    #[error(transparent)]
    Unwritten(#[from] Unwritten),
    /// No byte came for too long.
    #[error("no byte came for too long")]
    Silent,
}

/// What became of a request's body, for whoever waits for the answer.
#[derive(Debug, Clone, Default)]
pub(super) struct Fate(Arc<FateState>);

#[derive(Debug)]
struct FateState {
    broken: AtomicU8,
    is_whole: AtomicBool,
    last: Mutex<Instant>,
}

impl Default for FateState {
    fn default() -> Self {
        Self { broken: AtomicU8::new(0), is_whole: AtomicBool::new(false), last: Mutex::new(Instant::now()) }
    }
}

impl Fate {
    /// The bytes were not those that were signed.
    pub(super) fn is_wrong(&self) -> bool {
        self.0.broken.load(Ordering::Relaxed) == 2
    }

    /// The client did not send all.
    pub(super) fn is_broken(&self) -> bool {
        self.0.broken.load(Ordering::Relaxed) == 1
    }

    /// Whether all of it went through.
    pub(super) fn is_whole(&self) -> bool {
        self.0.is_whole.load(Ordering::Relaxed)
    }

    /// When the last bytes went through.
    pub(super) fn last(&self) -> Instant {
        *self.0.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn moved(&self) {
        *self.0.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

/// What the backend said of a body that the client holds back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// Nothing yet.
    None,
    /// 100 (Continue).
    GoOn,
    /// It answered.
    Answered,
}

/// The body of a request.
pub(super) struct RequestBody {
    /// What was read before the call was sent on.
    first: Option<Bytes>,
    rest: Option<Incoming>,
    trailers: Option<HeaderMap>,
    /// Bytes that have not gone through, where the length is known.
    left: Option<u64>,
    sent: Tally,
    fate: Fate,
    /// What the bytes must hash to.
    hash: Option<(Sha256, [u8; 32])>,
    /// Resolves to whether to go on.
    gate: Option<BoxFuture<'static, bool>>,
}

impl std::fmt::Debug for RequestBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RequestBody").field("left", &self.left).finish_non_exhaustive()
    }
}

impl RequestBody {
    pub(super) fn empty() -> Self {
        Self {
            first: None,
            rest: None,
            trailers: None,
            left: Some(0),
            sent: Tally::default(),
            fate: Fate::default(),
            hash: None,
            gate: None,
        }
    }

    /// What was read already, then the rest; bytes are counted in `sent` from what it is.
    pub(super) fn new(read: Read, sent: Tally, hash: Option<[u8; 32]>) -> Self {
        let Read { first, rest, trailers } = read;
        let left = match &rest {
            None => Some(first.len() as u64),
            Some(rest) => rest.size_hint().exact().map(|rest| rest.saturating_add(first.len() as u64)),
        };
        sent.store(0, Ordering::Relaxed);
        let fate = Fate::default();
        let is_empty = first.is_empty() && rest.as_ref().is_none_or(Body::is_end_stream);
        fate.0.is_whole.store(is_empty, Ordering::Relaxed);
        Self {
            first: Some(first).filter(|first| !first.is_empty()),
            rest,
            trailers,
            left,
            sent,
            fate,
            hash: hash.map(|hash| (Sha256::new(), hash)),
            gate: None,
        }
    }

    pub(super) fn fate(&self) -> Fate {
        self.fate.clone()
    }

    /// Holds the body back until the backend has given its word, a second at most.
    pub(super) fn hold(&mut self, mut word: watch::Receiver<Word>) {
        let gate = async move {
            let said = tokio::time::timeout(CONTINUE_TIME_MAX, word.wait_for(|word| *word != Word::None)).await;
            match said.map(|said| said.map(|word| *word)) {
                Err(_) | Ok(Ok(Word::GoOn)) => true,
                Ok(Ok(_)) => {
                    // The answer goes through first: a body that breaks off ends the connection.
                    while word.changed().await.is_ok() {}
                    false
                }
                Ok(Err(_)) => false,
            }
        };
        self.gate = Some(gate.boxed());
    }

    fn broken(&mut self, why: Broken) -> Broken {
        let code = if matches!(why, Broken::WrongHash) { 2 } else { 1 };
        self.fate.0.broken.store(code, Ordering::Relaxed);
        why
    }

    /// The end has come: whether the bytes are the signed ones.
    fn check(&mut self) -> Result<(), Broken> {
        self.fate.0.is_whole.store(true, Ordering::Relaxed);
        let is_right = self.hash.take().is_none_or(|(hasher, hash)| hasher.finalize()[..] == hash);
        if is_right { Ok(()) } else { Err(self.broken(Broken::WrongHash)) }
    }

    /// Counts bytes, and holds the last ones against the hash before they go on.
    fn pass(&mut self, data: Bytes) -> Result<Frame<Bytes>, Broken> {
        self.fate.moved();
        self.sent.fetch_add(data.len() as u64, Ordering::Relaxed);
        if let Some((hasher, _)) = &mut self.hash {
            hasher.update(&data);
        }
        self.left = self.left.map(|left| left.saturating_sub(data.len() as u64));
        // HTTP/2 tells the end with its last frame, and nobody asks for more then.
        if self.left == Some(0) || self.left.is_none() && self.rest.as_ref().is_none_or(Body::is_end_stream) {
            self.check()?;
        }
        Ok(Frame::data(data))
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let this = &mut *self;
        if let Some(gate) = &mut this.gate {
            let goes_on = ready!(gate.poll_unpin(cx));
            this.gate = None;
            if !goes_on {
                this.rest = None;
                return Poll::Ready(Some(Err(Broken::Unwanted)));
            }
        }
        if let Some(first) = this.first.take() {
            return Poll::Ready(Some(this.pass(first)));
        }
        let Some(rest) = &mut this.rest else {
            return Poll::Ready(this.trailers.take().map(|trailers| Ok(Frame::trailers(trailers))));
        };
        let frame = match ready!(Pin::new(rest).poll_frame(cx)) {
            None => {
                this.rest = None;
                return Poll::Ready(this.check().err().map(Err));
            }
            Some(Err(error)) => return Poll::Ready(Some(Err(this.broken(error.into())))),
            Some(Ok(frame)) => frame,
        };
        Poll::Ready(Some(match frame.into_data() {
            Ok(data) => this.pass(data),
            Err(other) => this.check().map(|()| other),
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.trailers.is_none() && self.rest.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

/// A body of which something was read.
#[derive(Debug, Default)]
pub(super) struct Read {
    /// The bytes that were read.
    pub first: Bytes,
    /// What was not read; `None` when all was.
    pub rest: Option<Incoming>,
    /// Behind a body that was read to its end.
    pub trailers: Option<HeaderMap>,
}

/// The body of an answer.
pub struct AnswerBody {
    inner: Inner,
    open: Option<OpenCall>,
    left: Option<u64>,
    /// The last frame, until the event is durable.
    held: Option<Frame<Bytes>>,
    ending: Option<BoxFuture<'static, Result<(), Unwritten>>>,
    is_over: bool,
    silence: Option<Silence>,
    _lent: Option<Lent<RequestBody>>,
    /// While it is there, the request's body waits for its word.
    _word: Option<watch::Sender<Word>>,
}

/// How long the backend may be without a byte.
struct Silence {
    max: Duration,
    alarm: Pin<Box<Sleep>>,
    is_set: bool,
}

enum Inner {
    Own(Option<Bytes>),
    Backend(Incoming),
}

impl AnswerBody {
    /// An answer of the gateway's own, whose call is over.
    pub(super) fn own(bytes: impl Into<Bytes>) -> Self {
        let bytes = Some(bytes.into()).filter(|bytes| !bytes.is_empty());
        Self {
            inner: Inner::Own(bytes),
            open: None,
            left: None,
            held: None,
            ending: None,
            is_over: false,
            silence: None,
            _lent: None,
            _word: None,
        }
    }

    /// An answer of the backend, to the call that is open.
    pub(super) fn of_backend(
        body: Incoming,
        open: OpenCall,
        lent: Lent<RequestBody>,
        word: Option<watch::Sender<Word>>,
        silence_max: Duration,
    ) -> Self {
        Self {
            left: body.size_hint().exact(),
            inner: Inner::Backend(body),
            open: Some(open),
            held: None,
            ending: None,
            is_over: false,
            silence: Some(Silence {
                max: silence_max,
                alarm: Box::pin(tokio::time::sleep(silence_max)),
                is_set: false,
            }),
            _lent: Some(lent),
            _word: word,
        }
    }

    /// Makes an empty answer whole: its event is durable before its head goes.
    pub(super) async fn finish_empty(&mut self) -> Result<(), Unwritten> {
        let is_empty = self.inner.is_end_stream();
        match self.open.as_mut().filter(|_| is_empty).map(OpenCall::finish) {
            None => Ok(()),
            Some(durable) => {
                self.open = None;
                audit::wait(durable).await
            }
        }
    }

    /// Holds `last` back until the event is durable.
    fn end(&mut self, last: Option<Frame<Bytes>>) {
        self.held = last;
        let durable: Durable = self.open.as_mut().and_then(OpenCall::finish);
        self.ending = Some(audit::wait(durable).boxed());
    }

    /// Ready when the backend has been waited for too long.
    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(Silence { max, alarm, is_set }) = &mut self.silence else { return Poll::Pending };
        // A client that reads slowly is no silence of the backend: the alarm is set when there is nothing to hand on.
        if !std::mem::replace(is_set, true) {
            alarm.as_mut().reset(Instant::now() + *max);
        }
        alarm.as_mut().poll(cx)
    }
}

impl Inner {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self {
            Inner::Own(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Inner::Backend(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Inner::Own(bytes) => bytes.is_none(),
            Inner::Backend(body) => body.is_end_stream(),
        }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let this = &mut *self;
        loop {
            if let Some(ending) = &mut this.ending {
                let written = ready!(ending.poll_unpin(cx));
                (this.ending, this.open) = (None, None);
                if let Err(error) = written {
                    this.is_over = true;
                    return Poll::Ready(Some(Err(error.into())));
                }
                if let Some(held) = this.held.take() {
                    return Poll::Ready(Some(Ok(held)));
                }
            }
            if this.is_over {
                return Poll::Ready(None);
            }
            let frame = match this.inner.poll_frame(cx) {
                Poll::Pending if this.poll_silence(cx).is_ready() => {
                    (this.is_over, this.open) = (true, None);
                    return Poll::Ready(Some(Err(Broken::Silent)));
                }
                Poll::Pending => return Poll::Pending,
                Poll::Ready(frame) => frame,
            };
            match frame {
                Some(Ok(frame)) => {
                    if let Some(silence) = &mut this.silence {
                        silence.is_set = false;
                    }
                    let is_last = this.count(&frame);
                    if this.open.is_none() || !is_last {
                        return Poll::Ready(Some(Ok(frame)));
                    }
                    this.end(Some(frame));
                }
                Some(Err(error)) => {
                    // Dropped, it becomes an event with as much of the answer as came.
                    (this.is_over, this.open) = (true, None);
                    return Poll::Ready(Some(Err(error.into())));
                }
                None => {
                    this.is_over = true;
                    if this.open.is_none() {
                        return Poll::Ready(None);
                    }
                    this.end(None);
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.open.is_none()
            && self.held.is_none()
            && self.ending.is_none()
            && (self.is_over || self.inner.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        match &self.inner {
            Inner::Own(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Inner::Backend(_) => self.left.map_or_else(SizeHint::default, SizeHint::with_exact),
        }
    }
}

impl AnswerBody {
    /// Whether nothing comes after this frame.
    fn count(&mut self, frame: &Frame<Bytes>) -> bool {
        let Some(data) = frame.data_ref() else { return true };
        if let Some(open) = &mut self.open {
            open.answer_data(data);
        }
        self.left = self.left.map(|left| left.saturating_sub(data.len() as u64));
        self.left == Some(0)
    }
}

//! `OpenCall`: one call from its head to its end, and the event that it becomes, whatever happens to it.

use crate::call::{Answer, Call, Captured, Outcome};
use crate::forms::{self, Recognised, Resources};
use crate::metrics::{Measured, Metrics};
use crate::shares::Share;
use crate::spool::{Frame, Kind, Spool, Unwritten};
use bytes::{Bytes, BytesMut};
use model::Clock;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::oneshot;
use tokio::time::Instant;
use uuid::Uuid;

/// Where calls are recorded.
#[derive(Clone)]
pub struct Audit {
    pub spool: Spool,
    pub metrics: Arc<Metrics>,
    pub clock: Arc<dyn Clock>,
    /// Calls wait until what is written of them is durable.
    pub fail_closed: bool,
}

/// Bytes of the request's body that went through so far; the body counts, the call reads.
pub type Tally = Arc<AtomicU64>;

/// A call that has no event yet. When it is dropped before its end, it gets one all the same: its client has hung up, or the gateway
/// is stopping.
pub struct OpenCall {
    audit: Audit,
    call: Call,
    id: Uuid,
    recognised: Recognised,
    principal: String,
    began: Instant,
    sent: Tally,
    /// Most bytes of the answer that the event needs.
    answer_max: usize,
    answer_bytes: BytesMut,
    is_over: bool,
    _place: Option<Share>,
}

/// What an [`OpenCall`] begins with.
pub struct Beginning {
    pub audit: Audit,
    /// Its outcome is `Interrupted`, which is what is known of it.
    pub call: Call,
    pub id: Uuid,
    pub recognised: Recognised,
    pub principal: String,
    pub began: Instant,
    pub answer_max: usize,
    /// `None` for one that is refused because there was none.
    pub place: Option<Share>,
}

/// What waits for a frame to be durable; `None` when nothing does.
pub type Durable = Option<oneshot::Receiver<Result<(), Unwritten>>>;

/// Waits.
pub async fn wait(durable: Durable) -> Result<(), Unwritten> {
    match durable {
        None => Ok(()),
        Some(told) => told.await.unwrap_or_else(|_| Err(Unwritten::Disk("the writer has ended".into()))),
    }
}

impl OpenCall {
    pub fn new(beginning: Beginning) -> Self {
        let Beginning { audit, call, id, recognised, principal, began, answer_max, place } = beginning;
        let sent = Arc::new(AtomicU64::new(call.request.body.total));
        Self {
            audit,
            call,
            id,
            recognised,
            principal,
            began,
            sent,
            answer_max,
            answer_bytes: BytesMut::new(),
            is_over: false,
            _place: place,
        }
    }

    pub fn call(&self) -> &Call {
        &self.call
    }

    pub fn operation(&self) -> &str {
        &self.recognised.operation
    }

    /// The client's address, which the gateway wrote itself.
    pub fn source(&self) -> IpAddr {
        self.call.source_ip.parse().unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
    }

    pub fn tally(&self) -> Tally {
        Arc::clone(&self.sent)
    }

    /// What the call is on, for rules that look at it.
    pub fn resources(&self) -> Resources {
        forms::resources(&self.call, &self.recognised)
    }

    /// Makes it durable that the call is about to go to the backend, if the gateway is to fail closed.
    pub async fn intend(&self) -> Result<(), Unwritten> {
        if !self.audit.fail_closed {
            return Ok(());
        }
        let text = forms::event(&self.call, &self.recognised);
        wait(Some(self.audit.spool.append(Frame { kind: Kind::Intent, id: self.id, text }))).await
    }

    /// The head of the answer has come.
    pub fn answered(&mut self, status: u16, headers: Vec<(String, String)>) {
        self.call.outcome = Outcome::Answered(Answer { status, headers, body: Captured::default() });
    }

    /// Bytes of the answer's body go through.
    pub fn answer_data(&mut self, data: &Bytes) {
        if let Outcome::Answered(answer) = &mut self.call.outcome {
            answer.body.total = answer.body.total.saturating_add(data.len() as u64);
            let room = self.answer_max.saturating_sub(self.answer_bytes.len());
            self.answer_bytes.extend_from_slice(data.get(..room.min(data.len())).unwrap_or_default());
        }
    }

    /// It ended otherwise than with an answer of the backend.
    pub fn ended(&mut self, outcome: Outcome) -> Durable {
        self.call.outcome = outcome;
        self.finish()
    }

    /// It is over: its event is on its way.
    pub fn finish(&mut self) -> Durable {
        if std::mem::replace(&mut self.is_over, true) {
            return None;
        }
        self.call.request.body.total = self.sent.load(Ordering::Relaxed);
        if let Outcome::Answered(answer) = &mut self.call.outcome {
            answer.body.bytes = std::mem::take(&mut self.answer_bytes).freeze();
        }
        self.measure();
        let frame = Frame { kind: Kind::Call, id: self.id, text: forms::event(&self.call, &self.recognised) };
        if self.audit.fail_closed {
            return Some(self.audit.spool.append(frame));
        }
        self.audit.spool.note(frame);
        None
    }

    fn measure(&self) {
        let (is_error, bytes_out) = match &self.call.outcome {
            Outcome::Answered(answer) => {
                let code = forms::error_code(self.recognised.service, answer);
                (answer.status >= 400 || code.is_some(), answer.body.total)
            }
            _ => (true, 0),
        };
        let measured = Measured {
            service: self.recognised.service.name(),
            operation: &self.recognised.operation,
            principal: &self.principal,
            is_error,
            latency_ms: self.began.elapsed().as_secs_f64() * 1000.0,
            bytes_in: self.call.request.body.total,
            bytes_out,
        };
        self.audit.metrics.add(self.audit.clock.now(), measured);
    }
}

impl Drop for OpenCall {
    fn drop(&mut self) {
        if matches!(self.call.outcome, Outcome::Interrupted) {
            let message = "The connection of the client ended before the backend answered".into();
            self.call.outcome = Outcome::Unreachable { message };
        }
        drop(self.finish());
    }
}

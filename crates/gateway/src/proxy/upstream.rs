//! `Upstream`: one backend, which calls are sent to.

use super::authorities::Authorities;
use super::body::RequestBody;
use super::connections::{Connections, Lent, Limits, NotAnUpstream, told};
use super::heads;
use hyper::body::Incoming;
use std::sync::Arc;
use std::time::Duration;

/// Backends may be far away.
const LIMITS: Limits =
    Limits { connect_time_max: Duration::from_secs(10), silence_max: None, buffer_bytes: 512 * 1024 };

/// A backend.
#[derive(Debug)]
pub struct Upstream {
    connections: Arc<Connections<RequestBody>>,
}

impl Upstream {
    /// Reads `http://HOST[:PORT]`, or `https://HOST[:PORT]`, whose certificate must be of HOST and of one of the authorities.
    ///
    /// # Errors
    /// When it is something else.
    pub fn parse(text: &str, authorities: &Authorities) -> Result<Self, NotAnUpstream> {
        Ok(Self { connections: Arc::new(Connections::parse(text, authorities, LIMITS)?) })
    }

    /// Sends a request and answers the head of what comes back. A connection that was closed meanwhile is passed over.
    ///
    /// # Errors
    /// When the backend cannot be reached, or breaks off before the head of its answer.
    pub(super) async fn send(
        &self,
        mut request: http::Request<RequestBody>,
    ) -> Result<(http::Response<Incoming>, Lent<RequestBody>), String> {
        let mut again = repeatable(&request);
        loop {
            let kept = self.connections.kept();
            let was_kept = kept.is_some();
            let mut sender = match kept {
                Some(sender) => sender,
                None => self.connections.connect().await?,
            };
            match sender.try_send_request(request).await {
                Ok(answer) => return Ok((answer, Lent::new(&self.connections, sender))),
                Err(mut failed) => {
                    // Not sent at all, or certainly of no effect: the backend may have closed the connection just then.
                    let unsent = failed.take_message().or_else(|| again.take());
                    match unsent.filter(|_| was_kept) {
                        Some(unsent) => request = unsent,
                        None => return Err(told(failed.error())),
                    }
                }
            }
        }
    }
}

/// The same request once more, when it may be repeated.
fn repeatable(request: &http::Request<RequestBody>) -> Option<http::Request<RequestBody>> {
    if !heads::may_repeat(request.method()) || !hyper::body::Body::is_end_stream(request.body()) {
        return None;
    }
    let mut again = http::Request::new(RequestBody::empty());
    *again.method_mut() = request.method().clone();
    *again.uri_mut() = request.uri().clone();
    *again.headers_mut() = request.headers().clone();
    *again.extensions_mut() = request.extensions().clone();
    Some(again)
}

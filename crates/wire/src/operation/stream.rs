//! Answers that are streams of events: framing, and the walk of a call that answers one.
//!
//! The first message is `initial-response`, as the JSON protocols have it; then come the events as they happen. A modelled
//! exception ends the stream.

use super::{Answer, BoxFuture, Call, OperationShape, Response, decode, error_response, parameters};
use crate::error::ApiError;
use crate::event_stream::Message;
use crate::json::JsonWriter;
use crate::shape::Shape;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use std::fmt;
use std::sync::{Mutex, PoisonError};

/// Media type of the members of an event.
const JSON: &str = "application/json";

/// One message of a stream: the name that the model gives it, and its members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamEvent {
    message: Message,
    is_last: bool,
}

impl StreamEvent {
    /// An event, such as `sessionUpdate`.
    pub fn event(name: &str, members: &impl Shape) -> Self {
        Self { message: Message::event(name, JSON, json(members)), is_last: false }
    }

    /// A modelled exception, such as `SessionTimeoutException`, which ends the stream.
    pub fn exception(name: &str, members: &impl Shape) -> Self {
        Self { message: Message::exception(name, JSON, json(members)), is_last: true }
    }

    /// The message before it is framed.
    pub fn message(&self) -> &Message {
        &self.message
    }
}

fn json(members: &impl Shape) -> Vec<u8> {
    let mut writer = JsonWriter::new();
    members.write(&mut writer);
    writer.finish()
}

/// What follows the body of an answer, bytes as they come. Dropping it ends what makes them.
pub struct Rest(
    // Nobody shares it; the lock only says so to the compiler, for answers are lent between threads.
    Mutex<BoxStream<'static, Bytes>>,
);

impl Rest {
    /// Bytes as they come.
    pub fn new(stream: BoxStream<'static, Bytes>) -> Self {
        Self(Mutex::new(stream))
    }

    /// The bytes.
    pub fn into_stream(self) -> BoxStream<'static, Bytes> {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Rest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rest")
    }
}

/// Decodes the input, checks it and calls `function`, whose events are the answer. Used by `streaming_operation!`.
pub fn run_streaming<'a, O, F, R>(call: Call<'a>, function: F) -> BoxFuture<'a, Answer>
where
    O: OperationShape,
    F: FnOnce(O::Input) -> R + Send + 'a,
    R: Future<Output = Result<BoxStream<'static, StreamEvent>, ApiError>> + Send + 'a,
{
    Box::pin(async move {
        let mut request_parameters = None;
        let result = match decode::<O>(&call) {
            Err(error) => Err(error),
            Ok((input, violations)) => {
                request_parameters = parameters::<O>(&call, &input, &violations);
                match super::permitted::<O>(&call, &input, &violations) {
                    Ok(()) => function(input).await,
                    Err(refused) => Err(refused),
                }
            }
        };
        match result {
            Ok(events) => Answer {
                response: streaming_response(events, call.request_id),
                error: None,
                request_parameters,
                response_elements: None,
            },
            Err(error) => Answer {
                response: error_response(call.protocol, O::SERVICE, &error, call.request_id),
                error: Some(error),
                request_parameters,
                response_elements: None,
            },
        }
    })
}

fn streaming_response(events: BoxStream<'static, StreamEvent>, request_id: &str) -> Response {
    let initial = Message::event("initial-response", JSON, Bytes::from_static(b"{}"));
    // After an exception comes nothing; an event that cannot be framed is left out, as nothing could tell of it.
    let frames = events.scan(false, |ended, event| {
        let goes_on = !std::mem::replace(ended, event.is_last);
        std::future::ready(goes_on.then_some(event))
    });
    let frames = frames.filter_map(|event| std::future::ready(event.message.encode().ok().map(Bytes::from)));
    Response {
        status: 200,
        headers: vec![
            ("x-amzn-requestid", request_id.to_owned()),
            ("content-type", "application/vnd.amazon.eventstream".to_owned()),
        ],
        body: initial.encode().unwrap_or_default().into(),
        rest: Some(Rest::new(frames.boxed())),
    }
}

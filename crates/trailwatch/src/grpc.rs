//! OTLP over gRPC: `LogsService/Export` and `MetricsService/Export` on a port of their own, closed unless `[otlp] grpc` names it.
//!
//! Each call becomes the request of OTLP/HTTP that says the same: metadata are its headers (`authorization`, `x-aws-log-group`),
//! and its answer is the call's. So everything stands in `ingest.rs`, but that a call cannot be signed: gRPC has no canonical
//! request; and a node of a cluster hands it on as it does the others. AWS does not serve OTLP over gRPC.

use crate::http::{self, Peer, Port};
use bytes::{Buf, BufMut, Bytes};
use hyper::body::Incoming;
use model::limits::OTLP_BODY_BYTES_MAX;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tonic::body::Body;
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::{BoxFuture, Context, Poll, Service};
use tonic::server::Grpc;
use tonic::{Code, Request, Response, Status};
use watch::otlp;
use wire::{HttpRequest, Response as HttpResponse};

/// Calls at the same time, each of which may hold 4 MiB twice; further ones are told to try again.
const CALLS_MAX: usize = 64;
/// How long a call may take to arrive and be answered.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);

/// Serves until `stop` resolves, then lets running calls finish. `answer` is asked the request that a call becomes.
pub async fn serve<A, F>(port: Port, answer: A, stop: impl Future<Output = ()>)
where
    A: Fn(Peer, HttpRequest) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = HttpResponse> + Send + 'static,
{
    let places = Arc::new(Semaphore::new(CALLS_MAX));
    let respond = move |peer, request| respond(answer.clone(), Arc::clone(&places), peer, request);
    http::listen(port, stop, respond).await;
}

async fn respond<A, F>(
    answer: A,
    places: Arc<Semaphore>,
    peer: Peer,
    request: hyper::Request<Incoming>,
) -> hyper::Response<Body>
where
    A: Fn(Peer, HttpRequest) -> F + Send + 'static,
    F: Future<Output = HttpResponse> + Send + 'static,
{
    // Nobody has read the body yet: a call that finds no place costs little.
    let Ok(_place) = places.try_acquire() else {
        return Status::unavailable("Too many calls at the same time. Try again.").into_http();
    };
    let path = match request.uri().path() {
        "/opentelemetry.proto.collector.logs.v1.LogsService/Export" => "/v1/logs",
        "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export" => "/v1/metrics",
        other => return Status::unimplemented(format!("{other} is not served")).into_http(),
    };
    let (parts, body) = request.into_parts();
    let mut headers = http::headers_of(&parts);
    headers.retain(|(name, _)| !matches!(name.as_str(), "content-type" | "content-encoding"));
    headers.push(("content-type".to_owned(), otlp::Encoding::Protobuf.content_type().to_owned()));
    let request = HttpRequest {
        method: "POST".to_owned(),
        path: path.to_owned(),
        query: String::new(),
        headers,
        body: Bytes::new(),
        tls: peer.tls,
    };
    let export = Export { answer, request, peer };
    let mut grpc =
        Grpc::new(Messages).accept_compressed(CompressionEncoding::Gzip).max_decoding_message_size(OTLP_BODY_BYTES_MAX);
    let call = grpc.unary(export, hyper::Request::from_parts(parts, body));
    match tokio::time::timeout(CALL_TIMEOUT, call).await {
        Ok(response) => response,
        Err(_) => Status::deadline_exceeded("The call did not arrive in time.").into_http(),
    }
}

/// One call, but for its message.
struct Export<A> {
    answer: A,
    request: HttpRequest,
    peer: Peer,
}

impl<A, F> Service<Request<Bytes>> for Export<A>
where
    A: Fn(Peer, HttpRequest) -> F,
    F: Future<Output = HttpResponse> + Send + 'static,
{
    type Response = Response<Bytes>;
    type Error = Status;
    type Future = BoxFuture<Response<Bytes>, Status>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, message: Request<Bytes>) -> Self::Future {
        let mut request = self.request.clone();
        request.body = message.into_inner();
        // A task of its own: a client that hangs up does not cut a call off between its effect and its audit record.
        let answering = tokio::spawn((self.answer)(self.peer, request));
        Box::pin(async move {
            let response = answering.await.map_err(|error| {
                tracing::error!(%error, "answer an OTLP call");
                Status::internal("An internal error has occurred.")
            })?;
            if response.status == 200 {
                return Ok(Response::new(response.body));
            }
            let protobuf = ("content-type", otlp::Encoding::Protobuf.content_type());
            if !response.headers.iter().any(|(name, value)| (*name, value.as_str()) == protobuf) {
                // A node's own words, which know nothing of OTLP: it reached nobody who leads.
                return Err(Status::unavailable("No node that leads has answered. Try again."));
            }
            let status = otlp::Status::decode(&response.body);
            Err(Status::new(Code::from_i32(status.code), status.message))
        })
    }
}

/// Messages as bytes: they are read where those of HTTP are.
#[derive(Debug, Clone, Copy)]
struct Messages;

impl Codec for Messages {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Messages {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.put(message);
        Ok(())
    }
}

impl Decoder for Messages {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}

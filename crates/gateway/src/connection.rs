//! One connection of a client, over plain TCP or TLS: HTTP/1.1 and HTTP/2, with limits, each request answered by the gateway.

use crate::proxy::{Client, Gateway};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulConnection;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};

/// How long a client may take to send its headers.
const HEADERS_TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes that a connection holds of what it reads, and of a head.
const BUFFER_BYTES: usize = 512 * 1024;
/// Bytes of a head in HTTP/2.
const HEADER_LIST_BYTES: u32 = 64 * 1024;

/// Serves a connection until it ends, or is told to.
pub fn connection<S>(
    stream: S,
    client: Client,
    gateway: Arc<Gateway>,
) -> impl GracefulConnection<Error = Box<dyn std::error::Error + Send + Sync>> + Send + 'static
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = auto::Builder::new(TokioExecutor::new());
    let mut http1 = builder.http1();
    // What the backend sends goes through: names as written, and no date of our own.
    http1.preserve_header_case(true).auto_date_header(false);
    http1.timer(TokioTimer::new()).header_read_timeout(HEADERS_TIMEOUT).max_buf_size(BUFFER_BYTES);
    let mut http2 = builder.http2();
    http2.auto_date_header(false).timer(TokioTimer::new()).max_header_list_size(HEADER_LIST_BYTES);
    let service = service_fn(move |request| {
        let (gateway, client) = (Arc::clone(&gateway), client.clone());
        async move { Ok::<_, Infallible>(gateway.respond(client, request).await) }
    });
    builder.serve_connection(TokioIo::new(stream), service).into_owned()
}

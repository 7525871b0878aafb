//! `Watched`: a connection that ends when no byte has gone either way for too long.

use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// A stream under watch. hyper bounds the time for headers only once it knows the HTTP version, and never the time that a
/// client takes to read its answer; without this, silent clients could hold all connections for ever.
#[derive(Debug)]
pub struct Watched<S> {
    stream: S,
    silence_max: Duration,
    last: Instant,
    alarm: Pin<Box<Sleep>>,
}

impl<S> Watched<S> {
    /// Ends `stream` after `silence_max` without a byte, which must be more than any call takes.
    pub fn new(stream: S, silence_max: Duration) -> Self {
        let last = Instant::now();
        Self { stream, silence_max, last, alarm: Box::pin(tokio::time::sleep_until(last + silence_max)) }
    }

    /// The error to end with when the silence has lasted too long; else arranges to be woken when it has.
    fn silent(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        loop {
            ready!(self.alarm.as_mut().poll(cx));
            let due = self.last + self.silence_max;
            if due <= Instant::now() {
                return Poll::Ready(ErrorKind::TimedOut.into());
            }
            self.alarm.as_mut().reset(due);
        }
    }

    /// What a write came to, with the watch's own verdict when it waits.
    fn written(&mut self, cx: &mut Context<'_>, outcome: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if outcome.is_pending() {
            return self.silent(cx).map(Err);
        }
        self.last = Instant::now();
        outcome
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if outcome.is_pending() {
            return self.silent(cx).map(Err);
        }
        self.last = Instant::now();
        outcome
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.written(cx, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.written(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    const HOUR: Duration = Duration::from_secs(3600);

    #[tokio::test]
    async fn a_client_that_sends_nothing_is_let_go() {
        let (mut client, server) = tokio::io::duplex(64);
        let mut server = Watched::new(server, Duration::ZERO);
        client.write_u8(7).await.unwrap();
        assert_eq!(server.read_u8().await.unwrap(), 7, "what has come is read, however late");
        assert_eq!(server.read_u8().await.unwrap_err().kind(), ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn a_client_that_reads_nothing_is_let_go() {
        let (_client, server) = tokio::io::duplex(64);
        let error = Watched::new(server, Duration::ZERO).write_all(&[0; 65]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn each_byte_begins_the_silence_anew() {
        let (mut client, server) = tokio::io::duplex(64);
        let mut server = Watched::new(server, HOUR);
        server.last = Instant::now().checked_sub(HOUR).unwrap_or_else(Instant::now);
        client.write_u8(7).await.unwrap();
        assert_eq!(server.read_u8().await.unwrap(), 7);
        // The alarm rings for the silence before the byte, which is over.
        server.alarm.as_mut().reset(Instant::now());
        assert!(futures::poll!(Box::pin(server.read_u8())).is_pending());
        assert!(!server.alarm.is_elapsed());
    }
}

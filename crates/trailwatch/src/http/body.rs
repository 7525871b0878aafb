//! `read`: a request body, whole or refused, that takes room only for the bytes that have come.

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Body;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A whole body, and its share of the room for bodies until it is dropped.
#[derive(Debug)]
pub struct Whole {
    /// The bytes.
    pub bytes: Bytes,
    /// One permit for each KiB begun.
    pub room: OwnedSemaphorePermit,
}

/// Why there is no whole body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unread {
    /// All bodies together take all the room.
    NoRoom,
    /// More bytes than a body may have.
    TooLarge,
    /// It ended before its end.
    Broken,
}

/// Reads `body`, at most `bytes_max` bytes of it. `room` has a permit for each KiB that all bodies together may take.
///
/// A client that announces much and sends little takes little room from the others. The bytes are copied together as they
/// come, for a frame may hold one byte only and would cost many times that.
pub async fn read<B>(mut body: B, bytes_max: usize, room: &Arc<Semaphore>) -> Result<Whole, Unread>
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut taken = Arc::clone(room).try_acquire_many_owned(1).map_err(|_| Unread::NoRoom)?;
    let (mut first, mut rest) = (Bytes::new(), BytesMut::new());
    while let Some(frame) = body.frame().await {
        // Frames without data are trailers, which mean nothing here.
        let Ok(data) = frame.map_err(|_| Unread::Broken)?.into_data() else { continue };
        let length = first.len() + rest.len() + data.len();
        if length > bytes_max {
            return Err(Unread::TooLarge);
        }
        let more = u32::try_from((length / 1024 + 1).saturating_sub(taken.num_permits())).unwrap_or(u32::MAX);
        taken.merge(Arc::clone(room).try_acquire_many_owned(more).map_err(|_| Unread::NoRoom)?);
        if first.is_empty() && rest.is_empty() {
            // Most bodies come in one frame, which needs no copy.
            first = data;
        } else {
            rest.extend_from_slice(&std::mem::take(&mut first));
            rest.extend_from_slice(&data);
        }
    }
    let bytes = if rest.is_empty() { first } else { rest.freeze() };
    Ok(Whole { bytes, room: taken })
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::StreamBody;
    use hyper::body::Frame;

    type Piece = Result<Frame<Bytes>, std::io::Error>;

    fn body(pieces: Vec<Piece>) -> impl Body<Data = Bytes> + Unpin {
        StreamBody::new(futures::stream::iter(pieces))
    }

    fn piece(length: usize) -> Piece {
        Ok(Frame::data(Bytes::from(vec![b'a'; length])))
    }

    #[tokio::test]
    async fn room_is_taken_as_bytes_come_and_given_back() {
        let room = Arc::new(Semaphore::new(10));
        let whole = read(body(vec![piece(1), piece(2000), piece(0), piece(99)]), 4000, &room).await.unwrap();
        assert_eq!((whole.bytes.len(), room.available_permits()), (2100, 7));
        // Another body finds what is left, and gives back what it took when that is not enough.
        assert_eq!(read(body(vec![piece(4000), piece(4000)]), 9000, &room).await.unwrap_err(), Unread::NoRoom);
        assert_eq!(room.available_permits(), 7);
        drop(whole);
        assert_eq!(room.available_permits(), 10);
    }

    #[tokio::test]
    async fn a_body_that_waits_takes_no_more_than_it_sent() {
        let room = Arc::new(Semaphore::new(10));
        let endless = StreamBody::new(futures::stream::pending::<Piece>());
        let mut waiting = Box::pin(read(endless, usize::MAX, &room));
        assert!(futures::poll!(&mut waiting).is_pending());
        assert_eq!(room.available_permits(), 9);
    }

    #[tokio::test]
    async fn too_much_and_too_little_are_refused() {
        let room = Arc::new(Semaphore::new(10));
        assert_eq!(read(body(vec![piece(1000), piece(1)]), 1000, &room).await.unwrap_err(), Unread::TooLarge);
        let cut = vec![piece(10), Err(std::io::ErrorKind::UnexpectedEof.into())];
        assert_eq!(read(body(cut), 1000, &room).await.unwrap_err(), Unread::Broken);
        assert_eq!(read(body(vec![]), 0, &room).await.unwrap().bytes, "");
        assert_eq!(room.available_permits(), 10);
    }
}

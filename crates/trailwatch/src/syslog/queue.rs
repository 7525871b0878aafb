//! `Queue`: messages that wait to be stored, at most 16 MiB of them, and how they are taken together.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};
use watch::syslog::SyslogMessage;

/// Room of all messages together, bytes.
const ROOM_BYTES: usize = 16 * 1024 * 1024;
/// What a message takes besides its text.
const MESSAGE_BYTES: usize = 256;
/// How long a message waits for others to be stored with.
const BATCH_TIME: Duration = Duration::from_millis(200);
/// How many bytes are stored together.
const BATCH_BYTES: usize = 1024 * 1024;

/// Takes messages in; each clone is a sender.
#[derive(Debug, Clone)]
pub struct Queue {
    room: Arc<Semaphore>,
    sender: UnboundedSender<Waiting>,
}

/// A message, and its share of the room until it is dropped.
#[derive(Debug)]
pub struct Waiting {
    /// The message.
    pub message: SyslogMessage,
    /// Who sent it.
    pub peer: SocketAddr,
    /// The id of the endpoint that it came to, or nothing.
    pub endpoint: Arc<str>,
    /// One permit for each byte.
    pub room: OwnedSemaphorePermit,
}

impl Queue {
    /// An empty queue, and its other end.
    pub fn new() -> (Self, UnboundedReceiver<Waiting>) {
        // Bounded by the room, which counts bytes.
        let (sender, receiver) = unbounded_channel();
        (Self { room: Arc::new(Semaphore::new(ROOM_BYTES)), sender }, receiver)
    }

    /// Takes a message when there is room; false when it is dropped.
    pub fn offer(&self, message: SyslogMessage, (peer, endpoint): (SocketAddr, Arc<str>)) -> bool {
        let room = Arc::clone(&self.room).try_acquire_many_owned(size(&message));
        room.is_ok_and(|room| self.sender.send(Waiting { message, peer, endpoint, room }).is_ok())
    }

    /// Takes a message once there is room.
    pub async fn push(&self, message: SyslogMessage, (peer, endpoint): (SocketAddr, Arc<str>)) {
        // The semaphore is never closed, and the receiver outlives all senders.
        if let Ok(room) = Arc::clone(&self.room).acquire_many_owned(size(&message)).await {
            let _ = self.sender.send(Waiting { message, peer, endpoint, room });
        }
    }
}

fn size(message: &SyslogMessage) -> u32 {
    u32::try_from(message.text.len() + MESSAGE_BYTES).unwrap_or(u32::MAX)
}

/// The messages that are to be stored together: what comes within 200 milliseconds, but no more than 1 MiB. `None` at the end.
pub async fn next_batch(waiting: &mut UnboundedReceiver<Waiting>) -> Option<Vec<Waiting>> {
    let first = waiting.recv().await?;
    let until = Instant::now() + BATCH_TIME;
    let mut bytes = first.room.num_permits();
    let mut batch = vec![first];
    while bytes < BATCH_BYTES {
        match timeout_at(until, waiting.recv()).await {
            Ok(Some(next)) => {
                bytes += next.room.num_permits();
                batch.push(next);
            }
            Ok(None) | Err(_) => break,
        }
    }
    Some(batch)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Timestamp;

    fn message(bytes: usize) -> SyslogMessage {
        SyslogMessage { time: Timestamp(0), host: None, text: "x".repeat(bytes) }
    }

    fn peer() -> (SocketAddr, Arc<str>) {
        (SocketAddr::from(([127, 0, 0, 1], 9)), "".into())
    }

    #[tokio::test]
    async fn a_full_queue_drops_datagrams_and_makes_connections_wait() {
        let (queue, mut waiting) = Queue::new();
        let large = ROOM_BYTES - MESSAGE_BYTES;
        assert!(queue.offer(message(large), peer()));
        assert!(!queue.offer(message(1), peer()));
        let mut pushing = Box::pin(queue.push(message(1), peer()));
        assert!(futures::poll!(&mut pushing).is_pending());
        drop(next_batch(&mut waiting).await.unwrap());
        pushing.await;
        assert!(queue.offer(message(1), peer()));
    }

    #[tokio::test]
    async fn what_comes_together_is_stored_together_up_to_a_mebibyte() {
        let (queue, mut waiting) = Queue::new();
        for bytes in [1, BATCH_BYTES, 2, 3] {
            assert!(queue.offer(message(bytes), peer()));
        }
        drop(queue);
        let sizes = |batch: Option<Vec<Waiting>>| {
            batch.map(|batch| batch.iter().map(|waiting| waiting.message.text.len()).collect::<Vec<_>>())
        };
        assert_eq!(sizes(next_batch(&mut waiting).await), Some(vec![1, BATCH_BYTES]));
        assert_eq!(sizes(next_batch(&mut waiting).await), Some(vec![2, 3]));
        assert_eq!(sizes(next_batch(&mut waiting).await), None);
    }
}

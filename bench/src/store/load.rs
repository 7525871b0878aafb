//! Loading: a few connections that each take the next piece, make its calls, and send them; every call must succeed.

use super::ask::Client;
use crate::server::Server;
use crate::workloads::Call;
use anyhow::bail;
use std::sync::atomic::{AtomicU64, Ordering};

/// What was sent.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sent {
    /// Calls.
    pub calls: u64,
    /// Log events or datums.
    pub records: u64,
    /// Useful bytes.
    pub bytes: u64,
}

/// Sends the calls of pieces `0..pieces` over `connections`.
pub fn send(
    server: &Server,
    connections: usize,
    pieces: u64,
    calls: impl Fn(u64) -> Vec<Call> + Sync,
) -> anyhow::Result<Sent> {
    let next = AtomicU64::new(0);
    let one = || -> anyhow::Result<Sent> {
        let mut client = Client::new(server);
        let mut sent = Sent::default();
        loop {
            let piece = next.fetch_add(1, Ordering::Relaxed);
            if piece >= pieces {
                return Ok(sent);
            }
            for call in calls(piece) {
                send_one(&mut client, &call)?;
                sent.calls += 1;
                sent.records += call.records;
                sent.bytes += call.bytes;
            }
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..connections).map(|_| scope.spawn(one)).collect();
        let mut all = Sent::default();
        for thread in threads {
            let sent = thread.join().unwrap_or_else(|_| bail!("a client thread failed"))?;
            all.calls += sent.calls;
            all.records += sent.records;
            all.bytes += sent.bytes;
        }
        Ok(all)
    })
}

/// Sends one call that must succeed.
pub fn send_one(client: &mut Client, call: &Call) -> anyhow::Result<()> {
    let answer = client.call(call)?;
    let text = String::from_utf8_lossy(&answer.body);
    // PutLogEvents answers 200 also for events that it leaves out.
    if !(200..300).contains(&answer.status) || text.contains("LogEventStartIndex") || text.contains("LogEventEndIndex")
    {
        bail!("a call of the load was answered with HTTP {}: {text}", answer.status);
    }
    Ok(())
}

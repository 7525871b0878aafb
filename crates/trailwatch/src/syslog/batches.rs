//! `store`: a batch of messages, each host's in its own stream.

use super::queue::Waiting;
use crate::server::Server;
use futures::StreamExt;
use futures::stream;
use model::{Scope, Timestamp};
use std::collections::{BTreeMap, HashSet};
use watch::logs::{Missing, append_lines};

/// Most streams that hosts get; further hosts share one.
const STREAMS_MAX: usize = 4096;
/// The stream of all further hosts.
const OTHER_HOSTS: &str = "other-hosts";
/// How many streams are written to at the same time.
const APPENDS_AT_ONCE: usize = 32;

/// The streams that hosts have got since the start.
#[derive(Debug, Default)]
pub struct Streams(HashSet<String>);

impl Streams {
    /// The name of the stream of a host; what a name may not hold becomes a `-`.
    fn name(&mut self, host: &str) -> String {
        let name = host.replace([':', '*'], "-");
        if self.0.contains(&name) {
            return name;
        }
        if self.0.len() >= STREAMS_MAX {
            return OTHER_HOSTS.to_owned();
        }
        self.0.insert(name.clone());
        name
    }
}

/// Stores a batch, waiting for the store as long as it takes; what it refuses is counted and told in the log.
pub async fn store(server: &Server, streams: &mut Streams, batch: Vec<Waiting>) {
    let mut lines: BTreeMap<String, Vec<(Timestamp, String)>> = BTreeMap::new();
    let mut rooms = Vec::with_capacity(batch.len());
    for waiting in batch {
        let Waiting { message, peer, room } = waiting;
        let host = message.host.unwrap_or_else(|| peer.ip().to_string());
        lines.entry(streams.name(&host)).or_default().push((message.time, message.text));
        rooms.push(room);
    }
    let config = &server.config;
    let scope = Scope { account: config.account_id.clone(), region: config.region.clone() };
    let append = |(stream, lines): (String, Vec<_>)| {
        let scope = &scope;
        async move {
            let count = lines.len();
            let target = (config.syslog.log_group.as_str(), stream.as_str());
            match append_lines(&server.watch, scope, target, Missing::Create, lines).await {
                Ok(left_out) => {
                    server.syslog.add_stored(count - left_out.total());
                    server.syslog.add_dropped(left_out.total());
                }
                Err(error) => {
                    server.syslog.add_dropped(count);
                    tracing::error!(%error, stream, count, "store syslog messages");
                }
            }
        }
    };
    stream::iter(lines).for_each_concurrent(APPENDS_AT_ONCE, append).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_streams_up_to_a_limit() {
        let mut streams = Streams::default();
        assert_eq!(streams.name("fe80::1"), "fe80--1");
        for number in 1..STREAMS_MAX {
            assert_eq!(streams.name(&format!("h{number}")), format!("h{number}"));
        }
        assert_eq!(streams.name("one-more"), OTHER_HOSTS);
        assert_eq!(streams.name("h1"), "h1");
    }
}

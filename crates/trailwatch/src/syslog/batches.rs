//! `store`: a batch of messages, each host's in its own stream of each log group that is configured for it.

use super::queue::Waiting;
use crate::server::Server;
use catalog::SyslogConfiguration;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use model::{Scope, Timestamp};
use std::collections::{BTreeMap, HashSet};
use std::time::Duration;
use watch::logs::{Missing, append_lines};

/// Most streams that hosts get; further hosts share one.
const STREAMS_MAX: usize = 4096;
/// The stream of all further hosts.
const OTHER_HOSTS: &str = "other-hosts";
/// How many streams are written to at the same time.
const APPENDS_AT_ONCE: usize = 32;
/// How long the first batch waits between attempts to read the configurations, seconds.
const READ_AGAIN_SECS: [u64; 6] = [1, 2, 4, 8, 15, 30];

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

/// The configurations, as they were last read.
#[derive(Debug, Default)]
pub struct Configurations(Option<Vec<SyslogConfiguration>>);

impl Configurations {
    /// Reads them. When that fails the last ones hold, for the next batch reads again; without any it is tried again after
    /// each of these waits.
    async fn current<'a>(
        &mut self,
        read: impl Fn() -> BoxFuture<'a, catalog::Result<Vec<SyslogConfiguration>>>,
        waits: impl IntoIterator<Item = Duration>,
    ) -> catalog::Result<&[SyslogConfiguration]> {
        let mut waits = waits.into_iter();
        loop {
            match read().await {
                Ok(configured) => return Ok(self.0.insert(configured)),
                Err(error) => {
                    tracing::warn!(%error, "read syslog configurations");
                    if self.0.is_some() {
                        return Ok(self.0.as_deref().unwrap_or_default());
                    }
                    let Some(wait) = waits.next() else { return Err(error) };
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }
}

/// The log groups of an endpoint's messages: those configured for it, else `own` for the endpoint without an id. None drops them.
fn groups_of<'a>(configured: &'a [SyslogConfiguration], endpoint: &str, own: &'a str) -> Vec<&'a str> {
    let of_endpoint = configured.iter().filter(|configured| configured.vpc_endpoint == endpoint);
    let groups: Vec<&str> = of_endpoint.map(|configured| configured.group_name.as_str()).collect();
    if groups.is_empty() && endpoint.is_empty() { vec![own] } else { groups }
}

/// Stores a batch, waiting for the store as long as it takes; what it refuses is counted and told in the log. So is a batch whose
/// groups are not known because no configurations could be read since the start, a minute long.
pub async fn store(server: &Server, (streams, last): (&mut Streams, &mut Configurations), batch: Vec<Waiting>) {
    let config = &server.config;
    let scope = Scope { account: config.account_id.clone(), region: config.region.clone() };
    let read = || server.watch.catalog.syslog_configurations(&scope).boxed();
    let configured = match last.current(read, READ_AGAIN_SECS.map(Duration::from_secs)).await {
        Ok(configured) => configured,
        Err(error) => {
            server.syslog.add_dropped(batch.len());
            tracing::error!(%error, count = batch.len(), "store syslog messages");
            return;
        }
    };
    let mut lines: BTreeMap<(String, String), Vec<(Timestamp, String)>> = BTreeMap::new();
    let mut rooms = Vec::with_capacity(batch.len());
    for waiting in batch {
        let Waiting { message, peer, endpoint, room } = waiting;
        let groups = groups_of(configured, &endpoint, &config.syslog.log_group);
        if groups.is_empty() {
            server.syslog.add_dropped(1);
            continue;
        }
        let host = message.host.unwrap_or_else(|| peer.ip().to_string());
        let stream = streams.name(&host);
        for group in groups {
            let of_stream = lines.entry((group.to_owned(), stream.clone())).or_default();
            of_stream.push((message.time, message.text.clone()));
        }
        rooms.push(room);
    }
    let append = |((group, stream), lines): ((String, String), Vec<_>)| {
        let scope = &scope;
        async move {
            let count = lines.len();
            match append_lines(&server.watch, scope, (&group, &stream), Missing::Create, lines).await {
                Ok(left_out) => {
                    server.syslog.add_stored(count - left_out.total());
                    server.syslog.add_dropped(left_out.total());
                }
                Err(error) => {
                    server.syslog.add_dropped(count);
                    tracing::error!(%error, group, stream, count, "store syslog messages");
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
    fn messages_go_where_they_are_configured_to_go() {
        let configured = |group: &str, endpoint: &str| SyslogConfiguration {
            group_name: group.into(),
            vpc_endpoint: endpoint.into(),
            created_ms: 0,
        };
        let all = [configured("a", "vpce-1"), configured("b", "vpce-1"), configured("c", "vpce-2")];
        assert_eq!(groups_of(&all, "vpce-1", "own"), ["a", "b"]);
        assert_eq!(groups_of(&all, "vpce-3", "own"), [""; 0]);
        assert_eq!(groups_of(&all, "", "own"), ["own"]);
        assert_eq!(groups_of(&[configured("d", "")], "", "own"), ["d"]);
    }

    #[tokio::test]
    async fn configurations_that_cannot_be_read_are_those_that_were_read_last() {
        let closed = catalog::Catalog::in_memory().await.unwrap();
        closed.close().await;
        let scope = Scope { account: "123456789012".into(), region: "us-east-1".into() };
        let read = SyslogConfiguration { group_name: "a".into(), vpc_endpoint: String::new(), created_ms: 0 };
        let failures = std::cell::Cell::new(2);
        let fails = || closed.syslog_configurations(&scope).boxed();
        let fails_at_first = || match failures.get() {
            0 => std::future::ready(Ok(vec![read.clone()])).boxed(),
            left => {
                failures.set(left - 1);
                fails()
            }
        };
        let mut last = Configurations::default();
        assert!(last.current(fails, [Duration::ZERO; 3]).await.is_err(), "it gives up");
        let current = last.current(fails_at_first, [Duration::ZERO; 2]).await.unwrap();
        assert_eq!(current, std::slice::from_ref(&read));
        assert_eq!(last.current(fails, []).await.unwrap(), [read]);
    }

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

//! The ids behind the names of log groups and streams, kept in memory because PutLogEvents asks for them in every call.

use crate::{Catalog, Result};
use model::time::DAY;
use model::{GroupId, Scope, StreamId};
use std::collections::HashMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Streams remembered at most; when more are in use, all are forgotten and found again in the database.
const STREAMS_MAX: usize = 100_000;

/// Where PutLogEvents writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogTarget {
    /// The group.
    pub group: GroupId,
    /// The stream.
    pub stream: StreamId,
    /// How long the group keeps events, milliseconds; `None` keeps them forever.
    pub retention_ms: Option<i64>,
    /// 0 when the group has no metric filters; else a number that rises with every change of them.
    pub metric_filters: u64,
}

/// What a lookup of a group and a stream by name found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogTargetFound {
    /// Both exist.
    Found(LogTarget),
    /// There is no such group.
    NoGroup,
    /// The group exists, the stream does not.
    NoStream,
}

/// The cache. Only what exists is kept, so creating something never has to invalidate.
#[derive(Debug, Default)]
pub(crate) struct LogIds(RwLock<Cached>);

#[derive(Debug, Default)]
struct Cached {
    /// By account, region and name.
    groups: HashMap<String, CachedGroup>,
    /// Streams over all groups.
    streams: usize,
    /// Counts invalidations: what was read from the database before one must not be put in after it.
    generation: u64,
    /// Whether a change was sent and its answer never came: it may be done yet.
    is_in_doubt: bool,
}

#[derive(Debug)]
struct CachedGroup {
    id: GroupId,
    retention_ms: Option<i64>,
    metric_filters: u64,
    streams: HashMap<String, StreamId>,
}

impl LogIds {
    /// To be held while something about a group or its streams changes.
    pub(crate) fn change(&self, scope: &Scope, name: &str) -> Change<'_> {
        Change { ids: self, group_key: Some(key(scope, name)), is_in_doubt: false }
    }

    /// To be held while anything may change.
    pub(crate) fn change_all(&self) -> Change<'_> {
        Change { ids: self, group_key: None, is_in_doubt: false }
    }

    fn forget(&self, group_key: Option<&str>, is_in_doubt: bool) {
        let mut cached = self.write();
        cached.generation += 1;
        cached.is_in_doubt |= is_in_doubt;
        let Some(group_key) = group_key else {
            cached.groups.clear();
            cached.streams = 0;
            return;
        };
        if let Some(group) = cached.groups.remove(group_key) {
            cached.streams -= group.streams.len();
        }
    }

    /// Whether a change may be done yet: what a read without the writers' lock finds may be old in a moment.
    fn is_in_doubt(&self) -> bool {
        self.read().is_in_doubt
    }

    /// Notes that whatever was in doubt when the cache was at `generation` is done or will never be.
    fn settled(&self, generation: u64) {
        let mut cached = self.write();
        if cached.generation == generation {
            cached.is_in_doubt = false;
        }
    }

    fn get(&self, group_key: &str, stream: &str) -> std::result::Result<LogTarget, u64> {
        let cached = self.read();
        let found = cached.groups.get(group_key).and_then(|group| {
            let stream = *group.streams.get(stream)?;
            let CachedGroup { id, retention_ms, metric_filters, .. } = *group;
            Some(LogTarget { group: id, stream, retention_ms, metric_filters })
        });
        found.ok_or(cached.generation)
    }

    /// Keeps what was read from the database when the cache was at `generation`.
    fn keep(&self, group_key: String, stream: &str, target: LogTarget, generation: u64) {
        let mut cached = self.write();
        if cached.generation != generation {
            return;
        }
        if cached.streams >= STREAMS_MAX {
            cached.groups.clear();
            cached.streams = 0;
        }
        let LogTarget { group: id, stream: stream_id, retention_ms, metric_filters } = target;
        let entry = cached.groups.entry(group_key);
        let entry = entry.or_insert_with(|| CachedGroup { id, retention_ms, metric_filters, streams: HashMap::new() });
        if entry.streams.insert(stream.to_owned(), stream_id).is_none() {
            cached.streams += 1;
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Cached> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Cached> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A change of a group. However it ends, and where the caller goes away too, the group is forgotten: an error does not say that
/// nothing was changed.
#[derive(Debug)]
pub(crate) struct Change<'a> {
    ids: &'a LogIds,
    /// `None` for all groups.
    group_key: Option<String>,
    is_in_doubt: bool,
}

impl Change<'_> {
    /// Waits for the step that makes the change last.
    pub(crate) async fn settle<T>(mut self, step: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
        self.is_in_doubt = true;
        let done = step.await;
        self.is_in_doubt = done.is_err();
        done
    }
}

impl Drop for Change<'_> {
    fn drop(&mut self) {
        self.ids.forget(self.group_key.as_deref(), self.is_in_doubt);
    }
}

/// Account, region and name in one text; none of the first two can hold the separator.
fn key(scope: &Scope, name: &str) -> String {
    format!("{}\n{}\n{name}", scope.account, scope.region)
}

impl Catalog {
    /// The ids of a group and a stream by name, from memory if they were asked for before.
    pub async fn log_target(&self, scope: &Scope, group: &str, stream: &str) -> Result<LogTargetFound> {
        let group_key = key(scope, group);
        let generation = match self.log_ids.get(&group_key, stream) {
            Ok(target) => return Ok(LogTargetFound::Found(target)),
            Err(generation) => generation,
        };
        let found = sqlx::query_as(
            "SELECT g.id, g.kept_days, g.metric_filters_version, s.id FROM log_groups g \
             LEFT JOIN log_streams s ON s.group_id = g.id AND s.name = $4 \
             WHERE g.account = $1 AND g.region = $2 AND g.name = $3",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(group)
        .bind(stream);
        let row: Option<(i64, Option<i64>, i64, Option<i64>)> = if self.log_ids.is_in_doubt() {
            // After whatever is in doubt, for it has the writers' lock as long as it can be done. SQLite takes the lock with the
            // first statement that writes.
            let mut transaction = self.pool.begin().await?;
            sqlx::query("DELETE FROM sequences WHERE name = ''").execute(&mut *transaction).await?;
            let row = found.fetch_optional(&mut *transaction).await?;
            transaction.rollback().await?;
            self.log_ids.settled(generation);
            row
        } else {
            found.fetch_optional(&self.pool).await?
        };
        let Some((group_id, retention_days, metric_filters, stream_id)) = row else {
            return Ok(LogTargetFound::NoGroup);
        };
        let Some(stream_id) = stream_id else { return Ok(LogTargetFound::NoStream) };
        let target = LogTarget {
            group: GroupId(group_id as u64),
            stream: StreamId(stream_id as u64),
            retention_ms: retention_days.map(|days| days.saturating_mul(DAY)),
            metric_filters: metric_filters as u64,
        };
        self.log_ids.keep(group_key, stream, target, generation);
        Ok(LogTargetFound::Found(target))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: LogTarget =
        LogTarget { group: GroupId(1), stream: StreamId(2), retention_ms: None, metric_filters: 3 };

    fn scope() -> Scope {
        Scope { account: "123456789012".into(), region: "us-east-1".into() }
    }

    #[test]
    fn what_was_read_before_a_deletion_is_not_kept_after_it() {
        let ids = LogIds::default();
        let group_key = key(&scope(), "g");
        let generation = ids.get(&group_key, "s").unwrap_err();
        drop(ids.change(&scope(), "g"));
        ids.keep(group_key.clone(), "s", TARGET, generation);
        let generation = ids.get(&group_key, "s").expect_err("the row may be gone");
        ids.keep(group_key.clone(), "s", TARGET, generation);
        assert_eq!(ids.get(&group_key, "s"), Ok(TARGET));
        drop(ids.change(&scope(), "g"));
        assert!(ids.get(&group_key, "s").is_err());
        assert_eq!(ids.read().streams, 0);
    }

    #[tokio::test]
    async fn a_change_without_an_answer_is_forgotten_and_in_doubt() {
        let ids = LogIds::default();
        let group_key = key(&scope(), "g");
        let keep = || {
            let generation = ids.read().generation;
            ids.keep(group_key.clone(), "s", TARGET, generation);
            generation
        };
        keep();
        ids.change(&scope(), "g").settle(async { Ok(()) }).await.unwrap();
        assert!(ids.get(&group_key, "s").is_err() && !ids.is_in_doubt());
        keep();
        ids.change(&scope(), "g").settle(async { Err::<(), _>(sqlx::Error::WorkerCrashed) }).await.unwrap_err();
        assert!(ids.get(&group_key, "s").is_err() && ids.is_in_doubt());
        let before = keep();
        // The caller goes away.
        let gone = ids.change(&scope(), "h").settle(std::future::pending::<sqlx::Result<()>>());
        assert!(futures::FutureExt::now_or_never(gone).is_none());
        assert!(ids.get(&group_key, "s").is_ok(), "of another group");
        ids.settled(before);
        assert!(ids.is_in_doubt(), "another change has come");
        ids.settled(keep());
        assert!(!ids.is_in_doubt());
        ids.change_all().settle(async { Ok(()) }).await.unwrap();
        assert!(ids.get(&group_key, "s").is_err());
        assert_eq!(ids.read().streams, 0);
    }

    #[tokio::test]
    async fn what_is_in_doubt_is_settled_by_the_next_that_asks() {
        let catalog = Catalog::in_memory().await.unwrap();
        catalog.log_ids.forget(None, true);
        assert_eq!(catalog.log_target(&scope(), "g", "s").await.unwrap(), LogTargetFound::NoGroup);
        assert!(!catalog.log_ids.is_in_doubt());
    }

    #[test]
    fn it_stays_bounded() {
        let ids = LogIds::default();
        for n in 0..=STREAMS_MAX {
            ids.keep("g".into(), &n.to_string(), TARGET, 0);
        }
        assert_eq!(ids.read().streams, 1);
        assert_eq!(ids.read().groups["g"].streams.len(), 1);
    }
}

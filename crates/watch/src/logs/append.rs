//! Stores log events with what follows from them: the datapoints of metric filters and of the embedded metric format.
//!
//! Both ride in the batch of their events, so that no crash parts them. Groups without metric filters and events that are no
//! documents of the format cost two searches for a word. What may take long runs on a thread of its own.

use super::group_filters::ReadyFilter;
use super::metric_filter::Seen;
use super::tally::Tally;
use super::{emf, put_log_events};
use crate::Watch;
use catalog::LogTarget;
use model::{Batch, Datapoint, LogEvent, Scope, Timestamp};
use std::sync::Arc;
use wire::ApiError;

/// Text that is searched at once on the thread of the call, bytes, counted for each filter. More of it waits for its own.
const INLINE_BYTES_MAX: usize = 64 * 1024;

/// Where events go.
#[derive(Debug, Clone, Copy)]
pub(super) struct Destination<'a> {
    /// Account and region.
    pub(super) scope: &'a Scope,
    /// The name of the log group.
    pub(super) group_name: &'a str,
    /// The group and the stream.
    pub(super) target: LogTarget,
    /// Whether documents of the embedded metric format make metrics.
    pub(super) extracts_metrics: bool,
}

/// Makes events durable, with their datapoints; gives a number that rises with every append.
pub(super) async fn append(
    watch: &Watch,
    to: Destination<'_>,
    logs: Vec<LogEvent>,
    now: Timestamp,
) -> Result<String, ApiError> {
    let filters = watch.group_filters.of(&watch.catalog, to.scope, to.target).await?;
    let documents = if to.extracts_metrics { documents(&logs) } else { Vec::new() };
    if filters.is_empty() && documents.is_empty() {
        // A deletion that commits after the lookup makes this call one that came just before it: the events go to ids
        // that no name leads to any more, and maintenance frees them.
        let appended = watch.store.append(Batch { logs, ..Batch::default() }).await?;
        return Ok(put_log_events::sequence_token(appended.first_log_sequence));
    }
    let is_short = is_short(&logs, &filters, &documents);
    let (scope, group_name) = (to.scope.clone(), to.group_name.to_owned());
    let work = Work { logs, documents, filters, scope, group_name, now };
    let derived = if is_short {
        work.derive()
    } else {
        let deriving = tokio::task::spawn_blocking(move || work.derive());
        deriving.await.map_err(|error| store::Error::Bug(format!("derive metrics: {error}")))?
    };
    let Derived { logs, datapoints, seen, dropped } = derived;
    let appended = watch.store.append(Batch { logs, datapoints, ..Batch::default() }).await?;
    if dropped > 0 {
        tracing::warn!(
            log_group = to.group_name,
            values = dropped,
            "log events make too many metrics; some are dropped"
        );
    }
    for (filter, seen) in seen {
        filter.filter.remember(&seen);
        if seen.switched_off {
            switch_off(watch, to, &filter, now).await;
        }
    }
    Ok(put_log_events::sequence_token(appended.first_log_sequence))
}

/// Positions of the events that may be documents of the embedded metric format.
fn documents(logs: &[LogEvent]) -> Vec<usize> {
    let candidates = logs.iter().enumerate().filter(|(_, event)| emf::is_candidate(&event.message));
    candidates.map(|(position, _)| position).collect()
}

fn is_short(logs: &[LogEvent], filters: &[ReadyFilter], documents: &[usize]) -> bool {
    let bytes: usize = logs.iter().map(|event| event.message.len()).sum();
    let of_documents: usize = documents.iter().filter_map(|&at| logs.get(at)).map(|event| event.message.len()).sum();
    bytes.saturating_mul(filters.len()) + of_documents <= INLINE_BYTES_MAX
        && !filters.iter().any(|ready| ready.filter.has_regex())
}

/// Notes in the catalog what the filter has decided for itself. What fails is decided again after the next start.
async fn switch_off(watch: &Watch, to: Destination<'_>, filter: &ReadyFilter, now: Timestamp) {
    let name = &filter.name;
    tracing::warn!(
        log_group = to.group_name,
        filter = name,
        "metric filter makes too many values of dimensions; it is off until it is put again"
    );
    if let Err(error) = watch.catalog.disable_metric_filter(to.target.group, filter.id, now).await {
        tracing::warn!(%error, filter = name, "note that a metric filter is off");
    }
}

/// One batch and what is to be found in it.
struct Work {
    logs: Vec<LogEvent>,
    documents: Vec<usize>,
    filters: Arc<[ReadyFilter]>,
    scope: Scope,
    group_name: String,
    now: Timestamp,
}

/// What follows from a batch.
struct Derived {
    logs: Vec<LogEvent>,
    datapoints: Vec<Datapoint>,
    /// What the filters are to take note of once the batch is stored.
    seen: Vec<(ReadyFilter, Seen)>,
    /// Values that found no room.
    dropped: u64,
}

impl Work {
    fn derive(self) -> Derived {
        let Work { logs, documents, filters, scope, group_name, now } = self;
        let mut tally = Tally::default();
        let mut errors = emf::Errors::default();
        for event in documents.iter().filter_map(|&at| logs.get(at)) {
            errors += emf::count(&event.message, &scope, now, &mut tally);
        }
        emf::report(errors, &scope, &group_name, now, &mut tally);
        let seen = filters.iter().map(|ready| (ready.clone(), ready.filter.count(&logs, now, &mut tally)));
        let seen: Vec<_> = seen.filter(|(_, seen)| *seen != Seen::default()).collect();
        let dropped = tally.dropped();
        Derived { logs, datapoints: tally.datapoints(), seen, dropped }
    }
}

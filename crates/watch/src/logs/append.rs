//! Stores log events with what follows from them: the datapoints of metric filters and of the embedded metric format.
//!
//! Both ride in the batch of their events, so that no crash parts them. Groups without metric filters and events that are no
//! documents of the format cost two searches for a word. What may take long runs on a thread of its own.

use super::audit_findings::with_findings;
use super::emf;
use super::group_filters::ReadyFilter;
use super::group_rules::{Transforming, group_rules};
use super::incoming::TakenIn;
use super::metric_filter::Seen;
use super::tally::Tally;
use super::transformation_metrics::with_transformations;
use super::transformed::transform_events;
use crate::Watch;
use catalog::LogTarget;
use model::{Batch, Datapoint, GroupId, LogEvent, Scope, Timestamp};
use query::data_protection::Protection;
use query::transformer::Origin;
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
    /// The name of the stream.
    pub(super) stream_name: &'a str,
    /// The group and the stream.
    pub(super) target: LogTarget,
    /// Whether documents of the embedded metric format make metrics.
    pub(super) extracts_metrics: bool,
}

/// Events with what follows from them, not stored yet.
#[derive(Debug)]
pub struct Prepared {
    /// The events.
    pub logs: Vec<LogEvent>,
    /// What follows from them.
    pub datapoints: Vec<Datapoint>,
    /// What is to be done once both are stored.
    pub receipt: Receipt,
}

/// What is to be taken note of once the events are stored.
#[derive(Debug)]
#[must_use]
pub struct Receipt {
    /// By metric filters.
    noted: Option<Box<Noted>>,
    /// By the count of what came in.
    taken_in: Option<TakenIn>,
}

#[derive(Debug)]
struct Noted {
    group: GroupId,
    group_name: String,
    now: Timestamp,
    seen: Vec<(ReadyFilter, Seen)>,
    /// Values that found no room.
    dropped: u64,
}

/// Makes events durable, with their datapoints; gives a number that rises with every append.
pub(super) async fn append(
    watch: &Watch,
    to: Destination<'_>,
    logs: Vec<LogEvent>,
    now: Timestamp,
) -> Result<u64, ApiError> {
    let Prepared { logs, datapoints, receipt } = prepare(watch, to, logs, now).await?;
    // A deletion that commits after the lookup makes this call one that came just before it: the events go to ids
    // that no name leads to any more, and maintenance frees them.
    let appended = watch.store.append(Batch { logs, datapoints, ..Batch::default() }).await?;
    receipt.stored(watch).await;
    Ok(appended.first_log_sequence)
}

/// Finds what follows from events: metrics, and what data protection and transformers report.
pub(super) async fn prepare(
    watch: &Watch,
    to: Destination<'_>,
    logs: Vec<LogEvent>,
    now: Timestamp,
) -> Result<Prepared, ApiError> {
    let taken_in = TakenIn::of(to.scope, to.group_name, &logs);
    let Prepared { logs, datapoints, receipt } = measure(watch, to, logs, now).await?;
    let batch = Batch { logs, datapoints, ..Batch::default() };
    let batch = with_transformations(watch, to.scope, (to.group_name, to.stream_name), batch).await?;
    let Batch { logs, datapoints, .. } = with_findings(watch, to.scope, to.group_name, batch).await?;
    Ok(Prepared { logs, datapoints, receipt: Receipt { taken_in: Some(taken_in), ..receipt } })
}

/// Finds the metrics of metric filters and of the embedded metric format.
async fn measure(
    watch: &Watch,
    to: Destination<'_>,
    logs: Vec<LogEvent>,
    now: Timestamp,
) -> Result<Prepared, ApiError> {
    let filters = watch.group_filters.of(&watch.catalog, to.scope, to.target).await?;
    let mut documents = if to.extracts_metrics { documents(&logs) } else { Vec::new() };
    if filters.is_empty() && documents.is_empty() {
        return Ok(Prepared { logs, datapoints: Vec::new(), receipt: Receipt { noted: None, taken_in: None } });
    }
    let rules = group_rules(watch, to.target.group).await?;
    if rules.extracts_nothing {
        documents.clear();
    }
    let applies_transformed = filters.iter().any(|ready| ready.filter.on_transformed_logs());
    let work = Work {
        logs,
        documents,
        filters,
        protection: rules.protection.clone(),
        transforming: rules.transforming.clone().filter(|_| applies_transformed),
        scope: to.scope.clone(),
        group: to.target.group,
        group_name: to.group_name.to_owned(),
        stream_name: to.stream_name.to_owned(),
        now,
    };
    if work.is_short() {
        return Ok(work.derive());
    }
    let deriving = tokio::task::spawn_blocking(move || work.derive());
    Ok(deriving.await.map_err(|error| store::Error::Bug(format!("derive metrics: {error}")))?)
}

impl Receipt {
    /// Takes note: the events are stored.
    pub async fn stored(self, watch: &Watch) {
        if let Some(taken_in) = &self.taken_in {
            watch.incoming.add(taken_in);
        }
        let Some(noted) = self.noted else { return };
        let (log_group, values) = (&noted.group_name, noted.dropped);
        if values > 0 {
            tracing::warn!(log_group, values, "log events make too many metrics; some are dropped");
        }
        for (filter, seen) in &noted.seen {
            filter.filter.remember(seen);
            if seen.switched_off {
                noted.switch_off(watch, filter).await;
            }
        }
    }
}

impl Noted {
    /// Notes in the catalog what the filter has decided for itself. What fails is decided again after the next start.
    async fn switch_off(&self, watch: &Watch, filter: &ReadyFilter) {
        let (log_group, name) = (&self.group_name, &filter.name);
        tracing::warn!(
            log_group,
            filter = name,
            "metric filter makes too many values of dimensions; it is off until it is put again"
        );
        if let Err(error) = watch.catalog.disable_metric_filter(self.group, filter.id, self.now).await {
            tracing::warn!(%error, filter = name, "note that a metric filter is off");
        }
    }
}

/// Positions of the events that may be documents of the embedded metric format.
fn documents(logs: &[LogEvent]) -> Vec<usize> {
    let candidates = logs.iter().enumerate().filter(|(_, event)| emf::is_candidate(&event.message));
    candidates.map(|(position, _)| position).collect()
}

/// One batch and what is to be found in it.
struct Work {
    logs: Vec<LogEvent>,
    documents: Vec<usize>,
    filters: Arc<[ReadyFilter]>,
    /// Filters match what is shown, or their metrics would tell what is masked.
    protection: Option<Arc<Protection>>,
    /// For filters that apply on transformed logs, if there are any.
    transforming: Option<Arc<Transforming>>,
    scope: Scope,
    group: GroupId,
    group_name: String,
    stream_name: String,
    now: Timestamp,
}

impl Work {
    fn is_short(&self) -> bool {
        let bytes: usize = self.logs.iter().map(|event| event.message.len()).sum();
        let documents = self.documents.iter().filter_map(|&at| self.logs.get(at));
        let of_documents: usize = documents.map(|event| event.message.len()).sum();
        self.protection.is_none()
            && self.transforming.is_none()
            && bytes.saturating_mul(self.filters.len()) + of_documents <= INLINE_BYTES_MAX
            && !self.filters.iter().any(|ready| ready.filter.has_regex())
    }

    fn derive(self) -> Prepared {
        let mut tally = Tally::default();
        self.count_documents(&mut tally);
        let masked = self.masked(&self.logs);
        let shown = masked.as_deref().unwrap_or(&self.logs);
        let transformed = self.transforming.as_deref().map(|transforming| {
            let origin = Origin {
                log_group: &self.group_name,
                log_stream: &self.stream_name,
                account: &self.scope.account,
                region: &self.scope.region,
                timestamp: self.now,
            };
            let transformed = transform_events(transforming, &origin, &self.logs);
            self.masked(&transformed).unwrap_or(transformed)
        });
        let count = |ready: &ReadyFilter, tally: &mut Tally| {
            let transformed = transformed.as_deref().filter(|_| ready.filter.on_transformed_logs());
            ready.filter.count(transformed.unwrap_or(shown), self.now, tally)
        };
        let seen = self.filters.iter().map(|ready| (ready.clone(), count(ready, &mut tally)));
        let seen: Vec<_> = seen.filter(|(_, seen)| *seen != Seen::default()).collect();
        let dropped = tally.dropped();
        let Work { logs, group, group_name, now, .. } = self;
        let noted = Some(Box::new(Noted { group, group_name, now, seen, dropped }));
        let receipt = Receipt { noted, taken_in: None };
        Prepared { logs, datapoints: tally.datapoints(), receipt }
    }

    fn count_documents(&self, tally: &mut Tally) {
        let mut errors = emf::Errors::default();
        for event in self.documents.iter().filter_map(|&at| self.logs.get(at)) {
            errors += emf::count(&event.message, &self.scope, self.now, tally);
        }
        emf::report(errors, &self.scope, &self.group_name, self.now, tally);
    }

    /// The events as filters match them; `None` where nothing is masked.
    fn masked(&self, events: &[LogEvent]) -> Option<Vec<LogEvent>> {
        let protection = self.protection.as_ref().filter(|_| !self.filters.is_empty())?;
        let mask = |event: &LogEvent| LogEvent {
            message: protection.mask(event.ingestion_time, &event.message).into_owned(),
            ..event.clone()
        };
        Some(events.iter().map(mask).collect())
    }
}

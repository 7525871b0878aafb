//! Queries of CloudTrail Lake that run: their start, their turn, their end; and which events an event data store has.
//!
//! A query waits for its turn (`QUEUED`), runs on threads of the engine's own, and its end and rows go to the catalog, which keeps
//! them for a week. A query that a stop of the server cuts off has `FAILED`.

use crate::Trail;
use crate::coverage::Coverage;
use crate::delivery::is_own;
use crate::derived::is_derived;
use crate::event_configuration::EventConfiguration;
use crate::lake_delivery;
use crate::lake_view::View;
use crate::record::{self, Defaults};
use crate::retention::kept_days;
use crate::selectors::{Selectors, Subject};
use catalog::{EventDataStore, LakeQuery, LakeRow};
use model::limits::{
    LAKE_QUERIES_MAX, LAKE_QUERIES_RUNNING_MAX, LAKE_QUERY_MS_MAX, LAKE_RESULTS_BYTES_MAX, LAKE_RESULTS_MS,
};
use model::time::DAY;
use model::{Event, Scope, TimeRange, Timestamp, arn};
use query::lake::{AS_RECORDED, Admits, Candidate, LakeError, LakeQuestion, LakeStore, Looked};
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinHandle;
use wire::ApiError;
use wire::cloudtrail::errors::MAX_CONCURRENT_QUERIES_EXCEPTION;

/// The category of what applications put through channels.
pub(crate) const ACTIVITY_AUDIT_LOG: &str = "ActivityAuditLog";
/// The category of Insights events.
const INSIGHT: &str = "Insight";

/// The selectors of a store.
pub(crate) fn selectors_of(store: &EventDataStore) -> Selectors {
    Selectors::stored(Some(&store.settings.selectors), &store.settings.name)
}

/// The categories of events that advanced selectors take.
pub(crate) fn categories(selectors: &Selectors) -> Vec<String> {
    let Selectors::Advanced(selectors) = selectors else { return Vec::new() };
    let fields = selectors.iter().flat_map(|selector| &selector.fields);
    let mut categories: Vec<String> =
        fields.filter(|field| field.field == "eventCategory").flat_map(|field| field.equals.clone()).collect();
    categories.sort();
    categories.dedup();
    categories
}

/// The events of a store as the engine is told of them. `others` are the starts of imports into other stores.
pub(crate) fn lake_store(store: &EventDataStore, others: Vec<i64>, view: View, now: Timestamp) -> LakeStore {
    let coverage = Coverage::of_store(store);
    let categories = categories(&coverage.selectors);
    let mut asks = coverage.selectors.columns();
    if !others.is_empty() {
        asks.push("category");
        asks.extend(categories.iter().any(|one| one == INSIGHT).then_some("record"));
    }
    let settings = &store.settings;
    let kept_since = now - i64::from(kept_days(store, now)) * DAY;
    LakeStore {
        id: store.id.clone(),
        range: TimeRange::new(kept_since, TimeRange::ALL.end),
        account: if settings.organization { String::new() } else { store.scope.account.clone() },
        categories,
        admits: Arc::new(Taken {
            asks,
            coverage,
            ingestion: store.ingestion.clone(),
            imported: store.imported.clone(),
            others,
            view,
        }),
    }
}

/// How a store shows its events: those of AWS calls have sizes and contexts.
pub(crate) async fn view(trail: &Trail, store: &EventDataStore) -> Result<View, catalog::Error> {
    if !categories(&selectors_of(store)).iter().all(|one| AS_RECORDED.contains(&one.as_str())) {
        return Ok(View::whole());
    }
    View::of(&trail.catalog, &EventConfiguration::stored(store.event_configuration.as_deref())).await
}

/// What a store has taken in.
#[derive(Debug)]
struct Taken {
    asks: Vec<&'static str>,
    coverage: Coverage,
    ingestion: Vec<(i64, Option<i64>)>,
    imported: Vec<(i64, i64)>,
    /// When imports into other stores began, in order: the time of ingestion of all that they brought.
    others: Vec<i64>,
    view: View,
}

impl Taken {
    /// True when the store took in what was received from one time to another.
    fn is_ingestion(&self, (first, last): (Timestamp, Timestamp)) -> bool {
        self.ingestion.iter().any(|(from, end)| *from <= first.0 && end.is_none_or(|end| last.0 < end))
    }

    /// True when imports brought the store what happened from one time to another.
    fn is_imported(&self, (first, last): (Timestamp, Timestamp)) -> bool {
        // They are in order and apart: the last that begins early enough is the only one.
        let behind = self.imported.partition_point(|(from, _)| *from <= first.0);
        behind.checked_sub(1).and_then(|at| self.imported.get(at)).is_some_and(|(_, to)| last.0 < *to)
    }
}

impl Admits for Taken {
    fn asks(&self) -> &[&'static str] {
        &self.asks
    }

    fn covers(&self, candidate: &Candidate<'_>) -> bool {
        self.coverage.covers_subject(candidate.account, candidate.region, &subject(candidate))
    }

    fn took_in(&self, candidate: &Candidate<'_>) -> bool {
        let received = candidate.ingestion_time;
        // What was made here, or came through a channel, in the very millisecond was no import's.
        let took_in = || self.others.binary_search(&received.0).is_err() || is_ours(candidate);
        self.is_ingestion((received, received)) && took_in() || self.is_imported((candidate.time, candidate.time))
    }

    fn took_in_all(&self, happened: (Timestamp, Timestamp), received: (Timestamp, Timestamp)) -> bool {
        let first = self.others.partition_point(|other| *other < received.0.0);
        let is_other = self.others.get(first).is_some_and(|other| *other <= received.1.0);
        self.is_ingestion(received) && !is_other || self.is_imported(happened)
    }

    fn show<'a>(&self, record: &'a str) -> Cow<'a, str> {
        self.view.show(record)
    }
}

/// True for what was made here or came through a channel, and by no import.
fn is_ours(candidate: &Candidate<'_>) -> bool {
    let &Candidate { time, ingestion_time, .. } = candidate;
    let event = match candidate.category {
        ACTIVITY_AUDIT_LOG => return true,
        // Its record says what it follows from.
        INSIGHT => {
            let defaults = Defaults { ingestion_time, ..Defaults::default() };
            record::parse(candidate.record.to_owned(), &defaults).unwrap_or_default()
        }
        category => Event { time, ingestion_time, category: category.to_owned(), ..Event::default() },
    };
    is_own(&event) || is_derived(&event)
}

/// What selectors look at of a candidate.
fn subject<'a>(candidate: &Candidate<'a>) -> Subject<'a> {
    let resource = |(kind, arn): &(&'a str, &'a str)| (Cow::Borrowed(*kind), Cow::Borrowed(*arn));
    Subject {
        category: candidate.category.into(),
        source: candidate.source.into(),
        name: candidate.name.into(),
        event_type: candidate.event_type.into(),
        read_only: candidate.read_only,
        error_code: candidate.error_code.into(),
        vpc_endpoint_id: candidate.vpc_endpoint_id.into(),
        user_arn: candidate.user_arn.into(),
        from_console: !candidate.record.is_empty() && record::selector_fields(candidate.record).from_console,
        resources: candidate.resources.iter().map(resource).collect(),
    }
}

/// The queries that run or wait.
#[derive(Debug)]
pub struct LakeQueries {
    running: Mutex<HashMap<String, Arc<Running>>>,
    turns: Arc<Semaphore>,
}

impl Default for LakeQueries {
    fn default() -> Self {
        Self { running: Mutex::default(), turns: Arc::new(Semaphore::new(LAKE_QUERIES_RUNNING_MAX)) }
    }
}

/// A query that has not ended.
#[derive(Debug)]
pub(crate) struct Running {
    scope: Scope,
    /// Whose buckets its results go to.
    results_of: Scope,
    query: LakeQuery,
    looked: Arc<Looked>,
    /// When its turn came, milliseconds; 0 before.
    began: AtomicI64,
    fate: Mutex<Fate>,
    cancel: Notify,
}

/// What a query comes to: whichever is decided first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Open,
    Cancelled,
    Ended,
}

impl Running {
    /// True when it had neither ended nor been told before: `CANCELLED` is its end then.
    pub(crate) fn cancel(&self) -> bool {
        let is_first = self.decide(Fate::Cancelled);
        self.cancel.notify_one();
        is_first
    }

    fn decide(&self, fate: Fate) -> bool {
        let mut decided = self.fate();
        let is_first = *decided == Fate::Open;
        if is_first {
            *decided = fate;
        }
        is_first
    }

    fn fate(&self) -> MutexGuard<'_, Fate> {
        self.fate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The query as it is now.
    pub(crate) fn so_far(&self, now: Timestamp) -> LakeQuery {
        let began = self.began.load(Ordering::Relaxed);
        let status = match (*self.fate() == Fate::Cancelled, began) {
            (true, _) => "CANCELLED",
            (false, 0) => "QUEUED",
            (false, _) => "RUNNING",
        };
        LakeQuery {
            status: status.into(),
            run_ms: if began == 0 { 0 } else { (now.0 - began).max(0) },
            events_matched: i64::try_from(self.looked.matched()).unwrap_or(i64::MAX),
            events_scanned: i64::try_from(self.looked.scanned()).unwrap_or(i64::MAX),
            bytes_scanned: i64::try_from(self.looked.bytes()).unwrap_or(i64::MAX),
            ..self.query.clone()
        }
    }
}

impl LakeQueries {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Running>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The query of a scope that runs under this id.
    pub(crate) fn running(&self, scope: &Scope, id: &str) -> Option<Arc<Running>> {
        self.lock().get(id).filter(|running| running.scope == *scope).cloned()
    }
}

/// Starts a query of the stores of a scope, whose results go to a bucket of `results_of`; what is answered ends when it does.
pub(crate) async fn start(
    trail: &Trail,
    scope: &Scope,
    results_of: &Scope,
    query: LakeQuery,
    question: LakeQuestion,
) -> Result<JoinHandle<()>, ApiError> {
    let id = query.id.clone();
    let running = Arc::new(Running {
        scope: scope.clone(),
        results_of: results_of.clone(),
        query: query.clone(),
        looked: Arc::default(),
        began: AtomicI64::new(0),
        fate: Mutex::new(Fate::Open),
        cancel: Notify::new(),
    });
    {
        let mut all = trail.lake_queries.lock();
        if all.values().filter(|running| running.scope == *scope).count() >= LAKE_QUERIES_MAX {
            let text = format!(
                "You have reached the maximum of {LAKE_QUERIES_MAX} queries that are queued or running. Wait for one to end."
            );
            return Err(ApiError::new(&MAX_CONCURRENT_QUERIES_EXCEPTION, text));
        }
        all.insert(id.clone(), Arc::clone(&running));
    }
    if let Err(error) = trail.catalog.begin_lake_query(scope, &query).await {
        trail.lake_queries.lock().remove(&id);
        return Err(error.into());
    }
    Ok(tokio::spawn(run(trail.clone(), running, question)))
}

/// Keeps a query that may not run, as one that has failed.
pub(crate) async fn refuse(trail: &Trail, scope: &Scope, query: &LakeQuery, why: String) -> Result<(), catalog::Error> {
    trail.catalog.begin_lake_query(scope, query).await?;
    let ended_ms = Some(trail.clock.now().0);
    let failed = LakeQuery { status: "FAILED".into(), error: Some(why), ended_ms, ..query.clone() };
    trail.catalog.end_lake_query(&failed, &[]).await
}

/// How a query ended.
enum End {
    Finished(Vec<String>, Vec<LakeRow>),
    Failed(String),
    Cancelled,
    TimedOut,
}

/// Runs a query to its end, whatever that is, and enters it in the catalog.
async fn run(trail: Trail, running: Arc<Running>, question: LakeQuestion) {
    let end = tokio::select! {
        biased;
        () = running.cancel.notified() => End::Cancelled,
        end = answer(&trail, &running, question) => end,
    };
    let end = if running.decide(Fate::Ended) { end } else { End::Cancelled };
    let now = trail.clock.now();
    let mut query = running.so_far(now);
    query.ended_ms = Some(now.0);
    let rows = match end {
        End::Finished(columns, rows) => {
            query.status = "FINISHED".into();
            query.columns = serde_json::json!(columns).to_string();
            rows
        }
        End::Failed(error) => {
            (query.status, query.error) = ("FAILED".into(), Some(error));
            Vec::new()
        }
        End::Cancelled => {
            query.status = "CANCELLED".into();
            Vec::new()
        }
        End::TimedOut => {
            query.status = "TIMED_OUT".into();
            Vec::new()
        }
    };
    let is_kept = trail.catalog.end_lake_query(&query, &rows).await;
    trail.lake_queries.lock().remove(&query.id);
    match is_kept {
        Ok(()) => lake_delivery::deliver(&trail, &running.results_of, &query, rows).await,
        Err(error) => tracing::error!(%error, query = query.id, "keep the end of a Lake query"),
    }
}

async fn answer(trail: &Trail, running: &Running, question: LakeQuestion) -> End {
    // The semaphore is never closed.
    let _turn = Arc::clone(&trail.lake_queries.turns).acquire_owned().await.ok();
    running.began.store(trail.clock.now().0.max(1), Ordering::Relaxed);
    let limit = Duration::from_millis(LAKE_QUERY_MS_MAX);
    match tokio::time::timeout(limit, trail.lake.run(question, Arc::clone(&running.looked))).await {
        Ok(Ok(answer)) => End::Finished(answer.columns, answer.rows),
        Ok(Err(LakeError::Failed(error))) => {
            tracing::error!(error, query = running.query.id, "a Lake query failed");
            End::Failed("The query did not finish. See the server's log.".into())
        }
        Ok(Err(told)) => End::Failed(told.to_string()),
        Err(_) => End::TimedOut,
    }
}

/// Forgets results after a week, and event data stores whose deletion is due.
pub async fn expire(trail: &Trail) {
    let now = trail.clock.now();
    if let Err(error) = expire_at(trail, now).await {
        tracing::warn!(%error, "forget queries and event data stores of CloudTrail Lake");
    }
}

async fn expire_at(trail: &Trail, now: Timestamp) -> Result<(), catalog::Error> {
    trail.catalog.expire_lake_queries(now - LAKE_RESULTS_MS, LAKE_RESULTS_BYTES_MAX).await?;
    trail.catalog.expire_lake_query_aliases(now - LAKE_RESULTS_MS).await?;
    for (scope, id) in trail.catalog.expire_event_data_stores(now).await? {
        let arn = arn::event_data_store(&scope, &id);
        trail.catalog.remove_all_tags(&arn).await?;
        trail.catalog.delete_cloudtrail_policy(&arn).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_in_together_is_taken_in_one_by_one() {
        let taken = Taken {
            asks: vec!["category"],
            coverage: Coverage::of_store(&EventDataStore::default()),
            ingestion: vec![(10, Some(20)), (30, None)],
            imported: vec![(100, 200)],
            others: vec![14, 40],
            view: View::whole(),
        };
        let times = |first: i64, last: i64| (Timestamp(first), Timestamp(last));
        for first in 5..45 {
            for last in first..45 {
                for happened in [times(0, 0), times(100, 199), times(100, 200), times(99, 100)] {
                    let took_in = |time: Timestamp, received: i64| {
                        let ingestion_time = Timestamp(received);
                        let category = "Management";
                        taken.took_in(&Candidate { time, ingestion_time, category, ..Candidate::default() })
                    };
                    let each =
                        (first..=last).all(|received| took_in(happened.0, received) && took_in(happened.1, received));
                    let all = taken.took_in_all(happened, times(first, last));
                    assert!(each || !all, "{happened:?} {first} {last}");
                    let is_plain = last < 14 || first > 14 && last < 20 || happened == times(100, 199);
                    assert!(all || !(is_plain && each), "{happened:?} {first} {last}");
                }
            }
        }
    }

    #[test]
    fn what_has_ended_cannot_be_cancelled_and_what_is_cancelled_does_not_end_otherwise() {
        let running = || Running {
            scope: Scope { account: "1".into(), region: "r".into() },
            results_of: Scope { account: "1".into(), region: "r".into() },
            query: LakeQuery::default(),
            looked: Arc::default(),
            began: AtomicI64::new(1),
            fate: Mutex::new(Fate::Open),
            cancel: Notify::new(),
        };
        let ended = running();
        assert!(ended.decide(Fate::Ended) && !ended.cancel());
        assert_eq!(ended.so_far(Timestamp(2)).status, "RUNNING");
        let cancelled = running();
        assert!(cancelled.cancel() && !cancelled.cancel() && !cancelled.decide(Fate::Ended));
        assert_eq!(cancelled.so_far(Timestamp(2)).status, "CANCELLED");
    }
}

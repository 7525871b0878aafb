//! Queries of Logs Insights that run: their start, their turn, their end.
//!
//! A query waits for its turn (`Scheduled`), then runs on threads of its own; while it does, whoever asks sees what it has found
//! so far. Its end and answer go to the catalog, which keeps them for a week. A query that a stop of the server cuts off is `Failed`.

use super::field_indexes::FieldIndexes;
use super::group_rules::group_rules;
use super::query_access::{check_access, sourced_within};
use super::query_answers::{Statistics, encode};
use super::start_query::sourced;
use crate::Watch;
use catalog::{LogGroup, LogQuery, LogQueryEnd};
use futures::FutureExt as _;
use model::limits::{
    LOG_ALARMS_AT_ONCE_MAX, QUERIES_MAX, QUERIES_RUNNING_MAX, QUERY_MEMORY_BYTES_MAX, QUERY_MS_MAX, QUERY_ROWS_MAX,
    SUBQUERIES_DEEP_MAX, SUBQUERY_MS_MAX,
};
use model::{Caller, GroupId, Scope, TimeRange, Timestamp};
use query::insights::ast::Query;
use query::insights::scan::{self, Deadline, Looked, Progress, ScanError, Target, Transforming};
use query::insights::{Answer, Context, LookupTable, Plan};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use wire::ApiError;
use wire::logs::errors::LIMIT_EXCEEDED_EXCEPTION;

/// What a query has found so far is looked at so often, milliseconds.
const PARTIAL_MS: i64 = 250;

/// The queries that run or wait.
#[derive(Debug)]
pub struct Queries {
    running: Mutex<HashMap<String, Arc<Running>>>,
    turns: Arc<Semaphore>,
    /// Turns of the queries of alarms, which do not wait behind those of people.
    alarm_turns: Arc<Semaphore>,
}

impl Default for Queries {
    fn default() -> Self {
        Self {
            running: Mutex::default(),
            turns: Arc::new(Semaphore::new(QUERIES_RUNNING_MAX)),
            alarm_turns: Arc::new(Semaphore::new(LOG_ALARMS_AT_ONCE_MAX)),
        }
    }
}

/// A query that has not ended.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) scope: Scope,
    pub(super) query: LogQuery,
    /// Log groups that it and the queries within it look at.
    groups: Mutex<BTreeSet<GroupId>>,
    /// Whether an alarm asks.
    is_of_alarm: bool,
    progress: Progress,
    has_begun: AtomicBool,
    /// Set when it begins.
    plan: OnceLock<Arc<Plan>>,
    /// What clients were shown last, and when.
    shown: Mutex<Option<(Timestamp, Option<Answer>, Statistics)>>,
}

impl Running {
    /// `Scheduled` or `Running`.
    pub(super) fn status(&self) -> &'static str {
        if self.has_begun.load(Ordering::Relaxed) { "Running" } else { "Scheduled" }
    }

    /// Tells it to end.
    pub(super) fn cancel(&self) {
        self.progress.cancel();
    }

    /// What it has found and looked at so far. Waits for a part in work, and copies what was found, so clients that ask again soon
    /// are shown the same.
    pub(super) fn so_far(&self, now: Timestamp) -> (Option<Answer>, Statistics) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, answer, statistics)) = &*shown
            && now - *at < PARTIAL_MS
        {
            return (answer.clone(), *statistics);
        }
        let answer = self.found();
        let statistics = self.statistics(answer.as_ref().map_or(0, |answer| answer.rows.len()));
        *shown = Some((now, answer.clone(), statistics));
        (answer, statistics)
    }

    /// What it has found; an answer that cannot be made yet is none.
    fn found(&self) -> Option<Answer> {
        self.plan.get().and_then(|plan| self.progress.partial(plan))
    }

    fn statistics(&self, rows: usize) -> Statistics {
        let Looked { rows: scanned, bytes, skipped, matched } = self.progress.looked();
        let groups = self.groups().len() as u64;
        Statistics { matched, scanned, bytes, skipped, groups, rows: rows as u64 }
    }

    fn groups(&self) -> MutexGuard<'_, BTreeSet<GroupId>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What to start.
pub(super) struct Asked {
    pub(super) scope: Scope,
    /// ARN of who asks.
    pub(super) user_identity: String,
    pub(super) language: String,
    pub(super) expression: String,
    pub(super) query: Query,
    pub(super) groups: Vec<LogGroup>,
    pub(super) range: TimeRange,
    /// Rows of the answer at most.
    pub(super) limit: usize,
    /// Whose policies decide which groups it may look at beside `groups`, and what it may unmask; `None` when an alarm or a
    /// schedule asks: they look at what they name, and unmask nothing.
    pub(super) caller: Option<Caller>,
    /// Longest that it may take with its wait, when an alarm asks; `None` when somebody else does.
    pub(super) alarm_time_max: Option<Duration>,
    /// The managed scheduled query of the alarm that asks, or `backtest`; `None` when a client does.
    pub(super) asked_for: Option<String>,
}

impl Queries {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Running>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The query of a scope that runs under this id.
    pub(super) fn running(&self, scope: &Scope, id: &str) -> Option<Arc<Running>> {
        self.lock().get(id).filter(|running| running.scope == *scope).cloned()
    }
}

/// Starts a query; answers its id, and what ends when it does, with the reason if the query failed.
pub(super) async fn start(watch: &Watch, asked: Asked) -> Result<(String, JoinHandle<Option<String>>), ApiError> {
    let within = sourced_within(watch, &asked).await?;
    check_access(watch, &asked, &within)?;
    let id = watch.ids.uuid().to_string();
    let names = asked.groups.iter().chain(&within).map(|group| group.name.as_str());
    let mut seen = HashSet::new();
    let names: Vec<&str> = names.filter(|name| seen.insert(*name)).collect();
    let query = LogQuery {
        id: id.clone(),
        expression: asked.expression.clone(),
        language: asked.language.clone(),
        log_groups: serde_json::json!(names).to_string(),
        user_identity: asked.user_identity.clone(),
        unmasks: asked.query.unmasks(),
        asked_for: asked.asked_for.clone(),
        status: "Running".into(),
        created_ms: watch.clock.now().0,
        ended_ms: None,
        statistics: None,
    };
    let running = Arc::new(Running {
        scope: asked.scope.clone(),
        query: query.clone(),
        groups: Mutex::default(),
        is_of_alarm: asked.alarm_time_max.is_some(),
        progress: Progress::default(),
        has_begun: AtomicBool::new(false),
        plan: OnceLock::new(),
        shown: Mutex::default(),
    });
    {
        let mut all = watch.queries.lock();
        // Alarms do not count: few of them run at a time, and clients' queries must not keep them from it.
        let of_clients = |running: &&Arc<Running>| running.scope == asked.scope && !running.is_of_alarm;
        if asked.alarm_time_max.is_none() && all.values().filter(of_clients).count() >= QUERIES_MAX {
            let message = "Too many queries are running. Wait until some have ended.";
            return Err(ApiError::new(&LIMIT_EXCEEDED_EXCEPTION, message));
        }
        all.insert(id.clone(), Arc::clone(&running));
    }
    if let Err(error) = watch.catalog.begin_log_query(&asked.scope, &query).await {
        watch.queries.lock().remove(&id);
        return Err(error.into());
    }
    Ok((id, tokio::spawn(run(watch.clone(), running, asked))))
}

/// A query in the list of those that run, until this is dropped: a defect must not leave it there.
struct Listed<'w> {
    watch: &'w Watch,
    id: &'w str,
}

impl Drop for Listed<'_> {
    fn drop(&mut self) {
        self.watch.queries.lock().remove(self.id);
    }
}

/// Runs a query to its end, whatever that is, and enters it in the catalog.
async fn run(watch: Watch, running: Arc<Running>, asked: Asked) -> Option<String> {
    let _listed = Listed { watch: &watch, id: &running.query.id };
    let limit = asked.alarm_time_max.unwrap_or(Duration::from_millis(QUERY_MS_MAX));
    let work = AssertUnwindSafe(answer(&watch, &running, asked)).catch_unwind();
    let ended = tokio::time::timeout(limit, work).await;
    // Threads that still run are told to stop.
    running.cancel();
    let mut failed = None;
    let (status, answer) = match ended {
        Ok(Ok(Ok(answer))) => ("Complete", Some(answer)),
        Ok(Ok(Err(Ended::Cancelled))) => ("Cancelled", found(&running).await),
        Ok(Ok(Err(Ended::Failed(error)))) => {
            tracing::warn!(query = running.query.id, %error, "a query of Logs Insights failed");
            failed = Some(error);
            ("Failed", None)
        }
        Ok(Err(_)) => {
            tracing::error!(query = running.query.id, "the task of a query of Logs Insights has panicked");
            ("Failed", None)
        }
        Ok(Ok(Err(Ended::TimedOut))) | Err(_) => ("Timeout", None),
    };
    let statistics = running.statistics(answer.as_ref().map_or(0, |answer| answer.rows.len()));
    let encoded = tokio::task::spawn_blocking(move || answer.map(encode).transpose()).await;
    let answer = match encoded.map_err(|error| error.to_string()).and_then(|encoded| encoded) {
        Ok(answer) => answer,
        Err(error) => {
            tracing::error!(%error, "keep the answer of a query");
            None
        }
    };
    let end =
        LogQueryEnd { status, at: watch.clock.now(), statistics: serde_json::json!(statistics).to_string(), answer };
    if let Err(error) = watch.catalog.end_log_query(&running.query.id, end).await {
        tracing::error!(%error, "keep the end of a query");
    }
    failed
}

/// What it has found, put together where nobody waits for it.
async fn found(running: &Arc<Running>) -> Option<Answer> {
    let running = Arc::clone(running);
    tokio::task::spawn_blocking(move || running.found()).await.ok().flatten()
}

/// Why a query has no answer.
enum Ended {
    Cancelled,
    TimedOut,
    Failed(String),
}

impl<E: std::error::Error> From<E> for Ended {
    fn from(error: E) -> Self {
        Ended::Failed(error.to_string())
    }
}

/// The turn of a query, over when all that work for it have ended.
type Turn = Arc<Option<OwnedSemaphorePermit>>;

async fn answer(watch: &Watch, running: &Arc<Running>, asked: Asked) -> Result<Answer, Ended> {
    let turns = if asked.alarm_time_max.is_some() { &watch.queries.alarm_turns } else { &watch.queries.turns };
    // The semaphores are never closed.
    let turn: Turn = Arc::new(Arc::clone(turns).acquire_owned().await.ok());
    if running.progress.is_cancelled() {
        return Err(Ended::Cancelled);
    }
    running.has_begun.store(true, Ordering::Relaxed);
    let subqueries = answers_within(watch, running, &turn, &asked, &asked.query, SUBQUERIES_DEEP_MAX).await?;
    running.progress.set_deadline(None);
    let context = context(watch, &asked, &asked.query, asked.limit, subqueries).await?;
    let plan = Arc::new(Plan::new(&asked.query, context)?);
    let _ = running.plan.set(Arc::clone(&plan));
    let groups = indexing(watch, &asked.query, asked.groups.clone()).await;
    let groups = groups.map_err(|error| failed(&error))?;
    scanned(watch, running, &turn, &asked, plan, &groups).await
}

type Answers<'a> = Pin<Box<dyn Future<Output = Result<Vec<Answer>, Ended>> + Send + 'a>>;

/// The answers of the queries within a query, those within these first. Each has a time of its own.
fn answers_within<'a>(
    watch: &'a Watch,
    running: &'a Arc<Running>,
    turn: &'a Turn,
    asked: &'a Asked,
    query: &'a Query,
    deep: usize,
) -> Answers<'a> {
    Box::pin(async move {
        let mut answers = Vec::new();
        for inner in Plan::subqueries(query) {
            let Some(deep) = deep.checked_sub(1) else {
                let message = format!("queries stand within each other at most {SUBQUERIES_DEEP_MAX} deep");
                return Err(Ended::Failed(message));
            };
            let groups = match &inner.source {
                Some(source) => {
                    let groups = sourced(watch, &asked.scope, source).await.map_err(|error| failed(&error))?;
                    // There may be more of them than when the query was taken.
                    check_access(watch, asked, &groups).map_err(|error| failed(&error))?;
                    groups
                }
                None => asked.groups.clone(),
            };
            let groups = indexing(watch, &inner, groups).await.map_err(|error| failed(&error))?;
            let within = answers_within(watch, running, turn, asked, &inner, deep).await?;
            // One row more tells that there are more, of which some would be missing in the answer.
            let context = context(watch, asked, &inner, QUERY_ROWS_MAX + 1, within).await?;
            let plan = Arc::new(Plan::new(&inner, context)?);
            let deadline = Deadline { at: watch.clock.now() + SUBQUERY_MS_MAX, clock: Arc::clone(&watch.clock) };
            running.progress.set_deadline(Some(deadline));
            let answer = scanned(watch, running, turn, asked, plan, &groups).await?;
            if answer.rows.len() > QUERY_ROWS_MAX {
                let message = format!("a query within the query has more than {QUERY_ROWS_MAX} rows");
                return Err(Ended::Failed(message));
            }
            answers.push(answer);
        }
        Ok(answers)
    })
}

/// The groups that index the fields of the query's `filterIndex`; all when it has none.
async fn indexing(watch: &Watch, query: &Query, groups: Vec<LogGroup>) -> Result<Vec<LogGroup>, ApiError> {
    let fields: Vec<&str> = query.index_fields().into_iter().collect();
    if fields.is_empty() {
        return Ok(groups);
    }
    let mut indexes: BTreeMap<Scope, FieldIndexes<'_>> = BTreeMap::new();
    let mut indexing = Vec::with_capacity(groups.len());
    for group in groups {
        let indexes = match indexes.entry(group.scope.clone()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(FieldIndexes::of(watch, &group.scope).await?),
        };
        if indexes.cover(&group, &fields).await? {
            indexing.push(group);
        }
    }
    Ok(indexing)
}

fn failed(error: &ApiError) -> Ended {
    Ended::Failed(error.message().to_owned())
}

async fn context(
    watch: &Watch,
    asked: &Asked,
    query: &Query,
    limit: usize,
    subqueries: Vec<Answer>,
) -> Result<Context, Ended> {
    let mut lookups = BTreeMap::new();
    for name in query.lookup_tables() {
        let body = watch.catalog.lookup_table_body(&asked.scope, name).await?;
        let body = body.ok_or_else(|| Ended::Failed(format!("there is no lookup table {name}")))?;
        let parsed = tokio::task::spawn_blocking(move || LookupTable::parse(&body)).await?;
        lookups.insert(name.to_owned(), parsed.map_err(Ended::Failed)?);
    }
    let (now, range) = (watch.clock.now(), asked.range);
    Ok(Context { now, range, limit, lookups, memory_max: QUERY_MEMORY_BYTES_MAX, subqueries })
}

/// Reads the groups for a plan, on threads of its own.
async fn scanned(
    watch: &Watch,
    running: &Arc<Running>,
    turn: &Turn,
    asked: &Asked,
    plan: Arc<Plan>,
    groups: &[LogGroup],
) -> Result<Answer, Ended> {
    // First the view, then the names: each event of the view has a stream whose name is there, unless it was deleted.
    let view = watch.store.view();
    if plan.is_unmasking() && asked.caller.is_none() {
        return Err(Ended::Failed("alarms and schedules are not authorized to perform logs:Unmask".into()));
    }
    // Whoever reads groups of other accounts sees them masked (`masking.rs`).
    let is_own = groups.iter().all(|group| group.scope.account == asked.scope.account);
    if plan.is_unmasking() && !is_own {
        return Err(Ended::Failed("the caller is not authorized to perform logs:Unmask".into()));
    }
    let targets = targets(watch, groups, plan.is_unmasking()).await?;
    running.groups().extend(groups.iter().map(|group| group.id));
    let (running, range, turn) = (Arc::clone(running), asked.range, Arc::clone(turn));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let scanning = tokio::task::spawn_blocking(move || {
        // Nobody may wait for these threads any more; their turn lasts until they have ended.
        let _turn = turn;
        scan::run(&view, &plan, range, &targets, &running.progress, threads)
    });
    match scanning.await? {
        Ok(answer) => Ok(answer),
        Err(ScanError::Cancelled) => Err(Ended::Cancelled),
        Err(ScanError::TimedOut) => Err(Ended::TimedOut),
        Err(error) => Err(error.into()),
    }
}

async fn targets(watch: &Watch, groups: &[LogGroup], is_unmasked: bool) -> Result<Vec<Target>, Ended> {
    let now = watch.clock.now();
    let mut targets = Vec::with_capacity(groups.len());
    for group in groups {
        let streams = watch.catalog.every_log_stream(&[group.id]).await?;
        let stats = watch.store.stream_stats(group.id);
        let rules = group_rules(watch, group.id).await.map_err(|error| failed(&error))?;
        let transforming = rules.transforming.as_ref().map(|transforming| Transforming {
            since: transforming.since,
            transformer: Arc::clone(&transforming.transformer),
            from: (group.scope.account.clone(), group.scope.region.clone(), group.name.clone()),
        });
        targets.push(Target {
            group: group.id,
            log: format!("{}:{}", group.scope.account, group.name),
            streams: streams.into_iter().collect(),
            kept_since: group.kept_since(now),
            stored: stats.values().fold((0, 0), |(bytes, events), of| (bytes + of.bytes, events + of.events)),
            protection: rules.protection.clone().filter(|_| !is_unmasked),
            transforming,
        });
    }
    Ok(targets)
}

//! SQL over all records: the tables `events`, `logs`, `metrics`, `metrics_latest` and `alarm_history` and the table function
//! `metric_periods`, planned and run by DataFusion.
//!
//! A statement only reads. Each runs on one view of the store, on threads of its own so that calls do not wait behind it,
//! and within bounds: of text, plan, memory, answer and time. Dropping the future of a query ends the query.

mod actors;
mod aggregates;
mod alarm_history;
mod count;
mod elsewhere;
mod error;
mod events;
mod fields;
mod growth;
mod guard;
mod json;
mod lake;
mod logs;
mod masked;
mod metric_periods;
mod metrics;
mod metrics_latest;
mod output;
mod packed;
mod percentiles;
mod predicate;
mod records;
mod resources;
mod scan;
mod series;
#[cfg(test)]
mod tests;
mod travel;
mod wanted;

pub use count::count_packed;
pub use elsewhere::{Elsewhere, Wide, arrivals, counted_aggregate};
pub use error::{SqlError, SqlPosition};
pub use lake::LakeSql;
pub use output::Format;
pub use resources::{AlarmHistoryRow, GroupMasks, LogGroupName, Masks, ResourceError, Resources};
pub use travel::TravelExec;

use datafusion::common::{DataFusionError, Result};
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::GreedyMemoryPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::logical_expr::{Expr, LogicalPlan, TableProviderFilterPushDown};
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::prelude::{SessionConfig, SessionContext};
use error::external;
use futures::StreamExt;
use model::limits::{SQL_ANSWER_BYTES_MAX, SQL_MEMORY_BYTES_MAX, SQL_MS_MAX, SQL_QUERIES_MAX};
use model::{GroupId, StreamId};
use output::Output;
use predicate::Predicate;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use store::{Store, View};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{OnceCell, Semaphore};
use tokio::task::JoinHandle;

/// Bounds of each query.
#[derive(Debug, Clone, Copy)]
pub struct SqlOptions {
    /// Memory for sorting, grouping and joining.
    pub memory_bytes_max: usize,
    /// Size of the answer.
    pub answer_bytes_max: usize,
    /// How long it may take, waiting included.
    pub ms_max: u64,
    /// Threads that all queries share; as many parts of a table are read at once.
    pub threads: usize,
}

impl Default for SqlOptions {
    fn default() -> Self {
        Self {
            memory_bytes_max: SQL_MEMORY_BYTES_MAX,
            answer_bytes_max: SQL_ANSWER_BYTES_MAX,
            ms_max: SQL_MS_MAX,
            threads: 2,
        }
    }
}

/// Answers statements.
#[derive(Debug)]
pub struct Sql {
    asked: Asked,
    /// `None` only while it is dropped.
    runtime: Option<Runtime>,
    queries: Arc<Semaphore>,
}

impl Sql {
    /// Starts the threads.
    pub fn new(store: Store, resources: Arc<dyn Resources>, options: SqlOptions) -> std::io::Result<Self> {
        let threads = options.threads.max(1);
        let runtime = Builder::new_multi_thread().worker_threads(threads).thread_name("sql").enable_all().build()?;
        Ok(Self {
            asked: Asked { store, resources, masks: None, options, wide: None },
            runtime: Some(runtime),
            queries: Arc::new(Semaphore::new(SQL_QUERIES_MAX)),
        })
    }

    /// The same, which has wide statements run elsewhere.
    #[must_use]
    pub fn with_wide(mut self, wide: Option<Wide>) -> Self {
        self.asked.wide = wide;
        self
    }

    /// Runs one statement and answers its rows. Log lines are shown, and looked at by every condition, as `masks` have them; without,
    /// as they are stored.
    pub async fn query(
        &self,
        statement: &str,
        format: Format,
        masks: Option<Arc<dyn Masks>>,
    ) -> Result<Vec<u8>, SqlError> {
        let Some(runtime) = &self.runtime else { return Err(SqlError::Failed("the threads are gone".into())) };
        let statement = statement.to_owned();
        let asked = Asked { masks, ..self.asked.clone() };
        let queries = Arc::clone(&self.queries);
        let mut running = AbortOnDrop(runtime.spawn(async move {
            let _permit = queries.acquire_owned().await;
            run(&asked, &statement, format).await
        }));
        let ms_max = self.asked.options.ms_max;
        match tokio::time::timeout(Duration::from_millis(ms_max), &mut running.0).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(broken)) => Err(SqlError::Failed(broken.to_string())),
            Err(_) => Err(SqlError::TimedOut(ms_max)),
        }
    }
}

impl Drop for Sql {
    fn drop(&mut self) {
        // A runtime may not wait for its threads where it is mostly dropped: on a thread of another runtime.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A task that ends when nobody waits for it any more.
struct AbortOnDrop<T>(JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// All that a statement is run with.
#[derive(Debug, Clone)]
struct Asked {
    store: Store,
    resources: Arc<dyn Resources>,
    masks: Option<Arc<dyn Masks>>,
    options: SqlOptions,
    wide: Option<Wide>,
}

impl Asked {
    fn inputs(&self, view: View) -> Inputs {
        let (store, resources, masks) = (self.store.clone(), Arc::clone(&self.resources), self.masks.clone());
        Inputs { view, store, resources, masks, groups: OnceCell::new() }
    }
}

async fn run(asked: &Asked, statement: &str, format: Format) -> Result<Vec<u8>, SqlError> {
    let inputs = asked.inputs(asked.store.view());
    let planned = Planned::new(inputs, asked.options, statement, None).await?;
    if let Some(wide) = &asked.wide
        && let Some(answer) = elsewhere::answer(asked, wide, &planned, statement, format).await
    {
        return answer;
    }
    planned.answer(format, asked.options, None).await
}

/// A statement that can be run.
struct Planned {
    view: View,
    session: SessionContext,
    logical: LogicalPlan,
    physical: Arc<dyn ExecutionPlan>,
}

impl Planned {
    /// Plans a statement, for elsewhere where a number of partitions is given.
    async fn new(
        inputs: Inputs,
        options: SqlOptions,
        statement: &str,
        partitions: Option<usize>,
    ) -> Result<Self, SqlError> {
        let view = inputs.view.clone();
        let session = session(inputs, options, partitions)?;
        let state = session.state();
        let logical = fields::as_columns(guard::plan(&state, statement).await?)?;
        let physical = state.create_physical_plan(&logical).await?;
        Ok(Self { view, session, logical, physical })
    }

    /// Runs it here. `line` is one more row of EXPLAIN.
    async fn answer(&self, format: Format, options: SqlOptions, line: Option<String>) -> Result<Vec<u8>, SqlError> {
        let mut rows = execute_stream(Arc::clone(&self.physical), self.session.task_ctx())?;
        let mut output = Output::new(format, &rows.schema(), options.answer_bytes_max)?;
        while let Some(batch) = rows.next().await {
            output.write(&batch?)?;
        }
        if let Some(line) = line {
            output.write(&elsewhere::line(&rows.schema(), line)?)?;
        }
        Ok(output.finish())
    }
}

fn session(inputs: Inputs, options: SqlOptions, partitions: Option<usize>) -> Result<SessionContext> {
    let mut config = SessionConfig::new()
        .with_target_partitions(partitions.unwrap_or(options.threads).max(1))
        .with_default_catalog_and_schema("trailwatch", "records")
        .with_information_schema(true)
        .set_bool("datafusion.sql_parser.collect_spans", true);
    if partitions.is_some() {
        // Steps of a plan run in different processes: none can tell another what it needs no more, or what it found.
        config = config
            .with_round_robin_repartition(false)
            .set_bool("datafusion.optimizer.enable_dynamic_filter_pushdown", false)
            .set_bool("datafusion.optimizer.enable_physical_uncorrelated_scalar_subquery", false);
    }
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(GreedyMemoryPool::new(options.memory_bytes_max)))
        .with_disk_manager_builder(DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled))
        .build_arc()?;
    let session = match partitions {
        None => with_rules(config, runtime),
        Some(_) => SessionContext::new_with_config_rt(config, runtime),
    };
    guard::REFUSED_FUNCTIONS.iter().for_each(|name| session.deregister_udf(name));
    guard::REFUSED_FUNCTIONS.iter().for_each(|name| session.deregister_udtf(name));
    aggregates::bound(&session, options.memory_bytes_max);
    percentiles::replace(&session);
    json::functions().into_iter().for_each(|function| session.register_udf(function));
    let inputs = Arc::new(inputs);
    session.register_table("events", Arc::new(events::Events(Arc::clone(&inputs))))?;
    session.register_table("logs", Arc::new(logs::Logs::new(Arc::clone(&inputs))))?;
    session.register_table("metrics", Arc::new(metrics::Metrics(Arc::clone(&inputs))))?;
    session.register_table("metrics_latest", Arc::new(metrics_latest::MetricsLatest(Arc::clone(&inputs))))?;
    session.register_udtf("metric_periods", Arc::new(metric_periods::MetricPeriods(Arc::clone(&inputs))));
    session.register_table("alarm_history", Arc::new(alarm_history::AlarmHistory(inputs)))?;
    Ok(session)
}

/// A session whose plans count what is packed.
fn with_rules(config: SessionConfig, runtime: Arc<RuntimeEnv>) -> SessionContext {
    let builder = SessionStateBuilder::new().with_config(config).with_runtime_env(runtime).with_default_features();
    SessionContext::new_with_state(builder.with_physical_optimizer_rule(Arc::new(count::CountPacked)).build())
}

/// What the tables of one query read from.
#[derive(Debug)]
struct Inputs {
    store: Store,
    view: View,
    resources: Arc<dyn Resources>,
    masks: Option<Arc<dyn Masks>>,
    groups: OnceCell<Vec<LogGroupName>>,
}

impl Inputs {
    /// All log groups; asked once for each query, after the view was taken, so that a group with rows has a name.
    async fn log_groups(&self) -> Result<&[LogGroupName]> {
        let groups = self.groups.get_or_try_init(|| self.resources.log_groups()).await;
        groups.map(Vec::as_slice).map_err(|error| failed("read log groups", &error))
    }

    /// The masks of these groups, with none where all may be seen.
    async fn masks(&self, groups: Vec<GroupId>) -> Result<GroupMasks> {
        match &self.masks {
            Some(masks) => masks.of_groups(groups).await.map_err(|error| failed("read data protection", &error)),
            None => Ok(groups.into_iter().map(|group| (group, None)).collect()),
        }
    }

    /// Names of the streams of these groups.
    async fn log_streams(&self, groups: Vec<GroupId>) -> Result<HashMap<StreamId, String>> {
        let streams = self.resources.log_streams(groups).await;
        streams.map(|streams| streams.into_iter().collect()).map_err(|error| failed("read log streams", &error))
    }
}

fn failed(action: &str, error: &ResourceError) -> DataFusionError {
    external(SqlError::Failed(format!("{action}: {error}")))
}

/// Filters are used to read less and checked again above.
fn pushdown(filters: &[&Expr], time_column: &str) -> Vec<TableProviderFilterPushDown> {
    let pushdown = |filter: &&Expr| match Predicate::uses(filter, time_column) {
        true => TableProviderFilterPushDown::Inexact,
        false => TableProviderFilterPushDown::Unsupported,
    };
    filters.iter().map(pushdown).collect()
}

/// The same for records, of which a scan answers exactly those of a time range, and those whose column of this name contains a text.
fn pushdown_of_records(
    filters: &[&Expr],
    time_column: &str,
    searched: Option<&str>,
) -> Vec<TableProviderFilterPushDown> {
    let all = pushdown(filters, time_column).into_iter().zip(filters);
    let is_exact = |filter: &Expr| {
        Predicate::is_time_range(filter, time_column)
            || searched.is_some_and(|column| predicate::contained_text(filter, column).is_some())
    };
    all.map(|(pushdown, filter)| if is_exact(filter) { TableProviderFilterPushDown::Exact } else { pushdown }).collect()
}

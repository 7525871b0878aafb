//! CloudTrail Lake's SQL: Trino's words, over the events of event data stores.
//!
//! A statement is read, its names and functions translated, and planned and run by DataFusion as other SQL is: on threads of its
//! own, in bounded memory, nothing spilled. A function or a form that is not known to mean here what it means in Trino is refused,
//! with its line and column; what the engine has no steps for is refused by the check that comes before a query as well, which chooses
//! them. Known differences: `map[key]` and `list[n]` of an element that is not there are NULL, as
//! `element_at` is, where Trino fails; JSON is text, so CAST to JSON, maps and rows from it are refused; numbers with a decimal point are doubles; times are of UTC;
//! a list of rows is unnested to one column where it is given one name; statements may have sub-queries, common table expressions and
//! window functions.

mod columns;
mod dialect;
mod expressions;
mod fit;
mod functions;
mod names;
mod rows;
mod statement;
mod table;
#[cfg(test)]
mod tests;
mod text;
mod unnest;

use super::error::SqlError;
use super::guard::{REFUSED_FUNCTIONS, nodes_exceed};
use super::{AbortOnDrop, aggregates, count, growth, json, with_rules};
use crate::lake::{Lake, LakeAnswer, LakeError, LakeQuestion, Looked};
use datafusion::arrow::array::RecordBatch;
use datafusion::common::{DataFusionError, Result as Planned, TableReference};
use datafusion::execution::context::SQLOptions;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::GreedyMemoryPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::prelude::{SessionConfig, SessionContext};
use futures::StreamExt;
use futures::future::{BoxFuture, FutureExt};
use model::limits::{LAKE_ANSWER_BYTES_MAX, SQL_MEMORY_BYTES_MAX, SQL_PLAN_NODES_MAX};
use statement::Text;
use std::sync::Arc;
use store::Store;
use table::StoreTable;
use tokio::runtime::{Builder, Runtime};

/// Threads that all queries share.
const THREADS: usize = 2;

/// Steps of a plan that give as many rows as they take.
const ONE_TO_ONE: [&str; 5] =
    ["ScanExec", "CooperativeExec", "RepartitionExec", "CoalesceBatchesExec", "ProjectionExec"];

/// What the engine says of sub-queries that it cannot make joins of.
const UNPLANNED: [&str; 2] = ["OuterReferenceColumn", "logical expression Outer"];

/// Answers statements from a store.
#[derive(Debug)]
pub struct LakeSql {
    store: Store,
    /// `None` only while it is dropped.
    runtime: Option<Runtime>,
}

impl LakeSql {
    /// Starts the threads.
    pub fn new(store: Store) -> std::io::Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(THREADS).thread_name("lake").enable_all().build()?;
        Ok(Self { store, runtime: Some(runtime) })
    }

    async fn on_threads<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, LakeError>> + Send + 'static,
    ) -> Result<T, LakeError> {
        let Some(runtime) = &self.runtime else { return Err(LakeError::Failed("the threads are gone".into())) };
        let mut running = AbortOnDrop(runtime.spawn(work));
        (&mut running.0).await.unwrap_or_else(|broken| Err(LakeError::Failed(broken.to_string())))
    }
}

impl Drop for LakeSql {
    fn drop(&mut self) {
        // As that of `Sql`: a runtime may not wait for its threads on a thread of another.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Lake for LakeSql {
    fn check(&self, question: LakeQuestion) -> BoxFuture<'_, Result<(), LakeError>> {
        let store = self.store.clone();
        self.on_threads(async move { check(&store, &question).await }).boxed()
    }

    fn run(&self, question: LakeQuestion, looked: Arc<Looked>) -> BoxFuture<'_, Result<LakeAnswer, LakeError>> {
        let store = self.store.clone();
        self.on_threads(async move { run(&store, &question, &looked).await }).boxed()
    }
}

/// Whether there is a way to answer: some forms are only found to have none when the steps are chosen.
async fn check(store: &Store, question: &LakeQuestion) -> Result<(), LakeError> {
    let (session, plan) = plan(store, question, &Arc::default()).await?;
    steps(&session, &plan, &Text::new(&question.statement)).await.map(drop)
}

/// The steps that answer a plan.
async fn steps(session: &SessionContext, plan: &LogicalPlan, text: &Text) -> Result<Arc<dyn ExecutionPlan>, LakeError> {
    let steps = session.state().create_physical_plan(plan).await.and_then(fit::bounded);
    steps.map_err(|error| {
        let message = error.strip_backtrace();
        if UNPLANNED.iter().any(|words| message.contains(words)) {
            let message = "a sub-query that names columns of the query around it in this way is not supported";
            return LakeError::Invalid(message.into());
        }
        match error.find_root() {
            // The engine knows no steps for it, whatever it was.
            DataFusionError::Internal(_) => LakeError::Invalid(format!("the statement is not supported: {message}")),
            _ => text.told(SqlError::from(error)),
        }
    })
}

async fn plan(
    store: &Store,
    question: &LakeQuestion,
    looked: &Arc<Looked>,
) -> Result<(SessionContext, LogicalPlan), LakeError> {
    let text = Text::new(&question.statement);
    let statement = text.parse(&question.parameters, question.now)?;
    let told = |error: datafusion::common::DataFusionError| text.told(SqlError::from(error));
    let session = session(store, question, looked).map_err(told)?;
    let plan = session.state().statement_to_plan(statement).await.map_err(told)?;
    let reading = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    reading.verify_plan(&plan).map_err(told)?;
    if nodes_exceed(&plan, SQL_PLAN_NODES_MAX) {
        let message = format!("the statement is too large: its plan has more than {SQL_PLAN_NODES_MAX} steps");
        return Err(LakeError::Invalid(message));
    }
    let plan = unnest::joined(plan).and_then(growth::bounded).map_err(told)?;
    Ok((session, plan))
}

async fn run(store: &Store, question: &LakeQuestion, looked: &Arc<Looked>) -> Result<LakeAnswer, LakeError> {
    let (session, plan) = plan(store, question, looked).await?;
    let text = Text::new(&question.statement);
    let told = |error: datafusion::common::DataFusionError| text.told(SqlError::from(error));
    let columns: Vec<String> =
        plan.schema().fields().iter().map(|field| statement::column_name(field.name())).collect();
    let plan = steps(&session, &plan, &text).await?;
    let mut stream = execute_stream(Arc::clone(&plan), session.task_ctx()).map_err(told)?;
    let mut answer = LakeAnswer { columns, rows: Vec::new() };
    let mut bytes = 0;
    while let Some(batch) = stream.next().await {
        add(&mut answer, &batch.map_err(told)?, &mut bytes).map_err(told)?;
        if bytes > LAKE_ANSWER_BYTES_MAX {
            let message = format!("the result is larger than {LAKE_ANSWER_BYTES_MAX} bytes; ask for less (LIMIT)");
            return Err(LakeError::Invalid(message));
        }
        // A large answer is written down between other queries.
        tokio::task::yield_now().await;
    }
    drop(stream);
    looked.set_matched(matched(&plan) as u64);
    Ok(answer)
}

fn add(answer: &mut LakeAnswer, batch: &RecordBatch, bytes: &mut usize) -> Planned<()> {
    for row in 0..batch.num_rows() {
        let values = batch.columns().iter().map(|column| text::of(column, row)).collect::<Planned<Vec<_>>>()?;
        let sizes = values.iter().map(|value| value.as_ref().map_or(0, String::len) + size_of::<Option<String>>());
        *bytes += sizes.sum::<usize>();
        if *bytes > LAKE_ANSWER_BYTES_MAX {
            return Ok(());
        }
        answer.rows.push(values);
    }
    Ok(())
}

/// Rows that tables gave to the rest of the plan, after the conditions next to them.
fn matched(plan: &Arc<dyn ExecutionPlan>) -> usize {
    let children = plan.children();
    let rows = || plan.metrics().and_then(|metrics| metrics.output_rows()).unwrap_or(0);
    let is_next_to_table = || {
        let mut below = plan.children();
        while let [child] = below.as_slice() {
            if !ONE_TO_ONE.contains(&child.name()) {
                return false;
            }
            below = child.children();
        }
        below.is_empty()
    };
    match plan.name() {
        "CountExec" => {
            let counted = plan.metrics().and_then(|metrics| metrics.sum_by_name(count::ROWS_COUNTED));
            counted.map_or(0, |counted| counted.as_usize())
        }
        "FilterExec" if is_next_to_table() => rows(),
        _ if children.is_empty() => rows(),
        _ => children.into_iter().map(matched).sum(),
    }
}

fn session(store: &Store, question: &LakeQuestion, looked: &Arc<Looked>) -> Planned<SessionContext> {
    let config = SessionConfig::new()
        .with_target_partitions(THREADS)
        .with_default_catalog_and_schema("trailwatch", "lake")
        .set_str("datafusion.sql_parser.default_null_ordering", "nulls_last")
        .set_bool("datafusion.sql_parser.collect_spans", true);
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(GreedyMemoryPool::new(SQL_MEMORY_BYTES_MAX)))
        .with_disk_manager_builder(DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled))
        .build_arc()?;
    let session = with_rules(config, runtime);
    REFUSED_FUNCTIONS.iter().for_each(|name| session.deregister_udtf(name));
    aggregates::bound(&session, SQL_MEMORY_BYTES_MAX);
    json::functions().into_iter().for_each(|function| session.register_udf(function));
    functions::all().into_iter().for_each(|function| session.register_udf(function));
    functions::lambdas::all().into_iter().for_each(|function| session.register_higher_order_function(function));
    functions::aggregates().into_iter().for_each(|function| session.register_udaf(function));
    session.register_relation_planner(Arc::<unnest::UnnestPlanner>::default())?;
    let view = store.view();
    for of in &question.stores {
        let table = StoreTable { view: view.clone(), store: of.clone(), looked: Arc::clone(looked) };
        session.register_table(TableReference::bare(of.id.as_str()), Arc::new(table))?;
    }
    Ok(session)
}

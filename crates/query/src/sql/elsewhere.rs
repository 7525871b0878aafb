//! `Elsewhere`: other machines that a wide statement may be run on, and what decides that one is.
//!
//! A statement goes elsewhere when it reads one table of segments once, reads much of it, and would not end early. All others stay here:
//! so do those for the newest rows, which here read less and less while they run. What fails elsewhere, for whatever reason, is run here, as
//! if nobody had been asked: a statement reads only, and a fault of its own is then told in its own words.

use super::count::CountExec;
use super::output::Output;
use super::scan::ScanExec;
use super::{Asked, Format, Planned, SqlError, aggregates, growth, json, percentiles, travel};
use datafusion::arrow::array::{ArrayRef, RecordBatch, StringArray};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::Result;
use datafusion::execution::{SendableRecordBatchStream, SessionState, SessionStateBuilder};
use datafusion::logical_expr::{AggregateUDF, LogicalPlan};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::prelude::{SessionConfig, SessionContext};
use futures::StreamExt;
use futures::future::BoxFuture;
use model::limits::SQL_MEMORY_BYTES_MAX;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How often a statement is tried elsewhere.
const TRIES_MAX: usize = 2;

/// Other machines.
pub trait Elsewhere: fmt::Debug + Send + Sync + 'static {
    /// Why a plan cannot be run there; `None` when it can.
    fn refusal(&self, plan: &Arc<dyn ExecutionPlan>) -> Option<String>;

    /// Runs a plan. To drop the future, or the stream, ends it.
    fn run(&self, plan: Arc<dyn ExecutionPlan>) -> BoxFuture<'_, Result<SendableRecordBatchStream>>;
}

/// When statements go elsewhere.
#[derive(Debug, Clone)]
pub struct Wide {
    /// The other machines.
    pub elsewhere: Arc<dyn Elsewhere>,
    /// A statement that reads at least so many stored bytes goes there, all columns of its row groups counted.
    pub bytes_min: u64,
    /// Into how many tasks a table is cut there, at most.
    pub partitions: usize,
    /// How long after a failure a statement is tried there again.
    pub pause: Duration,
}

/// The state of a session in which plans arrive: it plans nothing, and knows the functions that plans name, within their bounds.
pub fn arrivals(config: SessionConfig) -> SessionState {
    let state = SessionStateBuilder::new().with_config(config).with_default_features().build();
    let session = SessionContext::new_with_state(state);
    growth::bound(&session);
    aggregates::bound(&session, SQL_MEMORY_BYTES_MAX);
    percentiles::replace(&session);
    json::functions().into_iter().for_each(|function| session.register_udf(function));
    session.state()
}

/// An aggregate that counts what it makes in one task; `None` for one that need not.
pub fn counted_aggregate(name: &str) -> Option<AggregateUDF> {
    aggregates::bounded(name, SQL_MEMORY_BYTES_MAX)
}

/// A statement that may go elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Candidate {
    /// Stored bytes of what it reads.
    bytes: u64,
    /// Some of its rows are in no segment yet.
    in_memory: bool,
}

/// What stands above a step of a plan.
#[derive(Debug, Clone, Copy, Default)]
struct Above {
    /// Something that stops when it has enough rows.
    is_limited: bool,
    /// Something that passes on fewer rows than it takes.
    is_reduced: bool,
}

/// The statement of a plan, when it may go elsewhere; or why it is run here.
fn candidate(plan: &Arc<dyn ExecutionPlan>, bytes_min: u64) -> std::result::Result<Candidate, String> {
    let (mut plan, mut above) = (plan, Above::default());
    let scan = loop {
        if let Some(scan) = plan.downcast_ref::<ScanExec>() {
            break scan;
        }
        let is_aggregate = plan.downcast_ref::<AggregateExec>().is_some() || plan.downcast_ref::<CountExec>().is_some();
        above = if is_aggregate {
            Above { is_limited: false, is_reduced: true }
        } else if plan.downcast_ref::<SortExec>().is_some() {
            Above { is_limited: false, is_reduced: above.is_reduced || plan.fetch().is_some() }
        } else {
            let is_filter = plan.downcast_ref::<FilterExec>().is_some();
            Above { is_limited: above.is_limited || plan.fetch().is_some(), is_reduced: above.is_reduced || is_filter }
        };
        plan = match plan.children().as_slice() {
            [] => return Err("it reads no table of records".into()),
            [below] => *below,
            _ => return Err("it reads several tables, or one several times".into()),
        };
    };
    if scan.narrows() {
        return Err("rows of one end of time may be enough, and they are read first here".into());
    }
    if above.is_limited {
        return Err("it ends when it has enough rows".into());
    }
    let source = scan.source().travels();
    // A scan that looks for texts passes on what it finds.
    let searches = source.as_ref().is_ok_and(|source| !source.filter.contains.is_empty());
    if !above.is_reduced && !searches {
        return Err("its answer is all that it reads".into());
    }
    let source = source?;
    let bytes = source.parts.parts.iter().map(|part| part.stored_bytes()).fold(0, u64::saturating_add);
    if bytes < bytes_min.max(1) {
        return Err(format!("it reads about {bytes} stored bytes, less than {bytes_min}"));
    }
    let in_memory = source.parts.parts.iter().any(|part| part.ticket().is_none());
    Ok(Candidate { bytes, in_memory })
}

/// Why a statement is not answered from elsewhere.
enum Stays {
    /// It is run here.
    Here(String),
    /// It has no answer.
    Failed(SqlError),
}

/// The answer from elsewhere, or that of EXPLAIN with a line about it; `None` when the statement is to be run here.
pub(super) async fn answer(
    asked: &Asked,
    wide: &Wide,
    planned: &Planned,
    statement: &str,
    format: Format,
) -> Option<std::result::Result<Vec<u8>, SqlError>> {
    let explained = match &planned.logical {
        LogicalPlan::Explain(explain) => Some((&explain.plan, "")),
        LogicalPlan::Analyze(analyze) => Some((&analyze.input, "; EXPLAIN ANALYZE runs it here")),
        _ => None,
    };
    if let Some((inner, more)) = explained {
        let line = match place(asked, wide, planned, inner, statement).await {
            Ok(line) => line,
            Err(error) => return Some(Err(error.into())),
        };
        return Some(planned.answer(format, asked.options, Some(format!("{line}{more}"))).await);
    }
    let candidate = match candidate(&planned.physical, wide.bytes_min) {
        Ok(candidate) => candidate,
        Err(why) => {
            tracing::debug!(%why, "a query is run here");
            return None;
        }
    };
    // A quarter of the time is left for here.
    let limit = Duration::from_millis(asked.options.ms_max / 4 * 3);
    let tried = tokio::time::timeout(limit, tried(asked, wide, planned, candidate, statement, format)).await;
    let why = match tried {
        Ok(Ok(answer)) => return Some(Ok(answer)),
        Ok(Err(Stays::Failed(error))) => return Some(Err(error)),
        Ok(Err(Stays::Here(why))) => why,
        Err(_) => format!("no answer within {} ms", limit.as_millis()),
    };
    tracing::warn!(%why, bytes = candidate.bytes, "a wide query is run here, for it could not be run elsewhere");
    None
}

/// Where a statement would be run, and why.
async fn place(asked: &Asked, wide: &Wide, planned: &Planned, inner: &LogicalPlan, statement: &str) -> Result<String> {
    let physical = planned.session.state().create_physical_plan(inner).await?;
    let found = match candidate(&physical, wide.bytes_min) {
        Ok(found) => found,
        Err(why) => return Ok(format!("here: {why}")),
    };
    let of_segments = asked.inputs(planned.view.clone().of_segments());
    let sent = match Planned::new(of_segments, asked.options, statement, Some(wide.partitions)).await {
        Ok(Planned { session, logical: LogicalPlan::Explain(explain), .. }) => {
            travel::sent(session.state().create_physical_plan(&explain.plan).await?)
        }
        Ok(Planned { session, logical: LogicalPlan::Analyze(analyze), .. }) => {
            travel::sent(session.state().create_physical_plan(&analyze.input).await?)
        }
        Ok(planned) => travel::sent(planned.physical),
        Err(error) => return Ok(format!("here: {error}")),
    };
    Ok(match sent.map(|sent| wide.elsewhere.refusal(&sent)) {
        Ok(None) => format!("elsewhere: it reads about {} stored bytes, at least {}", found.bytes, wide.bytes_min),
        Ok(Some(why)) => format!("here: {why}"),
        Err(error) => format!("here: {}", error.strip_backtrace()),
    })
}

async fn tried(
    asked: &Asked,
    wide: &Wide,
    planned: &Planned,
    candidate: Candidate,
    statement: &str,
    format: Format,
) -> std::result::Result<Vec<u8>, Stays> {
    let here = |error: &dyn fmt::Display| Stays::Here(error.to_string());
    let view = match candidate.in_memory {
        true => {
            asked.store.flush().await.map_err(|error| here(&error))?;
            asked.store.view()
        }
        false => planned.view.clone(),
    };
    // Held until the end: as long as it is, the objects stay.
    let view = view.of_segments();
    let sent = Planned::new(asked.inputs(view.clone()), asked.options, statement, Some(wide.partitions)).await;
    let sent = travel::sent(sent.map_err(|error| here(&error))?.physical).map_err(|error| here(&error))?;
    if let Some(why) = wide.elsewhere.refusal(&sent) {
        return Err(Stays::Here(why));
    }
    let mut tries = 1;
    let ended = loop {
        match rows(wide, &sent, asked, format).await {
            Err(Stays::Here(why)) if tries < TRIES_MAX => {
                tracing::warn!(%why, "a wide query is tried again elsewhere");
                tokio::time::sleep(wide.pause).await;
                tries += 1;
            }
            ended => break ended,
        }
    };
    drop(view);
    ended
}

async fn rows(
    wide: &Wide,
    sent: &Arc<dyn ExecutionPlan>,
    asked: &Asked,
    format: Format,
) -> std::result::Result<Vec<u8>, Stays> {
    let here = |error: datafusion::common::DataFusionError| Stays::Here(error.strip_backtrace());
    let mut rows = wide.elsewhere.run(Arc::clone(sent)).await.map_err(here)?;
    let output = Output::new(format, &rows.schema(), asked.options.answer_bytes_max);
    let mut output = output.map_err(Stays::Failed)?;
    while let Some(batch) = rows.next().await {
        output.write(&batch.map_err(here)?).map_err(Stays::Failed)?;
    }
    Ok(output.finish())
}

/// A row of EXPLAIN that says where the statement is run.
pub(super) fn line(schema: &SchemaRef, text: String) -> Result<RecordBatch> {
    let columns: Vec<ArrayRef> =
        vec![Arc::new(StringArray::from(vec!["runs"])), Arc::new(StringArray::from(vec![text]))];
    Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
}

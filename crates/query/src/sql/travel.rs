//! `TravelExec`: a scan of records on its way to another process, which reads the same objects.
//!
//! What is said of the scan stands in the step itself; below it stand the parts of the table, a ticket in each row. So an engine shares
//! the parts out to tasks as it does with rows that are written in a plan, and what arrives with a task is a scan of its parts alone. No
//! credentials travel, and nothing that masks: lines of groups that are masked are read where the masks are.

use super::logs::{LogShape, Names};
use super::records::{self, RecordSource, Shape};
use super::resources::LogGroupName;
use super::scan::{Counts, PlacedPart, ScanExec, Source};
use super::wanted::Wanted;
use super::{SqlError, events, logs};
use crate::sql::error::external;
use datafusion::arrow::array::{AsArray, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DataFusionError, Result, exec_datafusion_err, exec_err, internal_err};
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, ReplaceChildrenOptions};
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties};
use futures::StreamExt;
use futures::stream::BoxStream;
use model::{GroupId, StreamId, TimeRange, Timestamp};
use serde::{Deserialize, Serialize};
use std::any::Any;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, LazyLock};
use store::{FIELD_COLUMNS, LogField, PartTicket, SegmentReader, Table, TableFilter};

/// The rows below: one for each part.
static PARTS: LazyLock<SchemaRef> =
    LazyLock::new(|| Arc::new(Schema::new(vec![Field::new("part", DataType::Utf8, false)])));

/// The plan, with its scans ready for their way.
///
/// # Errors
/// A scan of what another process cannot read, or of rows in memory.
pub(super) fn sent(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let sent = plan.transform_up(|plan| {
        Ok(match plan.downcast_ref::<ScanExec>() {
            Some(scan) => Transformed::yes(Arc::new(TravelExec::of(scan)?) as Arc<dyn ExecutionPlan>),
            None => Transformed::no(plan),
        })
    });
    Ok(sent?.data)
}

/// A scan on its way. It cannot be run.
#[derive(Debug, Clone)]
pub struct TravelExec {
    said: Arc<Said>,
    schema: SchemaRef,
    parts: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
}

impl TravelExec {
    fn of(scan: &ScanExec) -> Result<Self> {
        let source = scan.source().travels().map_err(|why| exec_datafusion_err!("{why}"))?;
        let ticket = |(at, ..): &PlacedPart| {
            let ticket = source.parts.parts.get(*at).and_then(|part| part.ticket());
            let ticket = ticket.ok_or_else(|| exec_datafusion_err!("a part of the table is in memory"))?;
            serde_json::to_string(&ticket).map_err(|error| exec_datafusion_err!("write a ticket: {error}"))
        };
        let partition = |parts: &Vec<PlacedPart>| {
            let tickets = parts.iter().map(ticket).collect::<Result<Vec<String>>>()?;
            Ok(vec![RecordBatch::try_new(Arc::clone(&PARTS), vec![Arc::new(StringArray::from(tickets))])?])
        };
        let partitions = scan.partitions().iter().map(partition).collect::<Result<Vec<_>>>()?;
        let parts = MemorySourceConfig::try_new_exec(&partitions, Arc::clone(&PARTS), None)?;
        Self::new(Said::of(source, &scan.schema()), scan.schema(), parts)
    }

    fn new(said: impl Into<Arc<Said>>, schema: SchemaRef, parts: Arc<dyn ExecutionPlan>) -> Result<Self> {
        let partitioning = Partitioning::UnknownPartitioning(parts.properties().partitioning.partition_count());
        let equivalence = EquivalenceProperties::new(Arc::clone(&schema));
        let properties =
            PlanProperties::new(equivalence, partitioning, EmissionType::Incremental, Boundedness::Bounded);
        Ok(Self { said: said.into(), schema, parts, properties: Arc::new(properties) })
    }

    /// The same over other parts.
    fn over(&self, parts: &[Arc<dyn ExecutionPlan>]) -> Result<Arc<dyn ExecutionPlan>> {
        let [parts] = parts else { return internal_err!("a scan on its way has one step below it") };
        Ok(Arc::new(Self::new(Arc::clone(&self.said), Arc::clone(&self.schema), Arc::clone(parts))?))
    }

    /// What is said of it, without the parts.
    ///
    /// # Errors
    /// None that can be met.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(&*self.said).map_err(|error| exec_datafusion_err!("write a scan: {error}"))
    }

    /// What was said, over its parts.
    ///
    /// # Errors
    /// That the bytes are of another version, or of nothing of ours.
    pub fn from_bytes(bytes: &[u8], parts: &[Arc<dyn ExecutionPlan>]) -> Result<Self> {
        let [parts] = parts else { return internal_err!("a scan on its way has one step below it") };
        let said: Said = serde_json::from_slice(bytes).map_err(|error| exec_datafusion_err!("read a scan: {error}"))?;
        let schema = said.schema()?;
        Self::new(said, schema, Arc::clone(parts))
    }

    /// The scan, where it is run.
    ///
    /// # Errors
    /// That the parts are no tickets.
    pub fn arrive(&self, reader: &Arc<SegmentReader>) -> Result<Arc<dyn ExecutionPlan>> {
        let mut tickets = Vec::new();
        let mut partitions = Vec::new();
        for batches in rows(&self.parts)? {
            let mut partition = Vec::new();
            for ticket in batches.iter().flat_map(texts).flatten() {
                let ticket: PartTicket =
                    serde_json::from_str(ticket).map_err(|error| exec_datafusion_err!("read a ticket: {error}"))?;
                let (min, max) = ticket.times();
                partition.push((tickets.len(), min, max));
                tickets.push(ticket);
            }
            partitions.push(partition);
        }
        let source = Arc::new(Distant::new(&self.said, Arc::clone(&self.schema), tickets, Arc::clone(reader))?);
        let (time, packed) = match self.said.table {
            Records::Events => (events::TIME, events::packed(&self.schema)),
            Records::Logs => (logs::TIME, vec![false; self.schema.fields().len()]),
        };
        let scan = ScanExec::of_partitions(source, Arc::clone(&self.schema), time, partitions);
        Ok(Arc::new(scan.with_packed(packed)))
    }
}

/// The rows that are written in a plan.
fn rows(plan: &Arc<dyn ExecutionPlan>) -> Result<&[Vec<RecordBatch>]> {
    let source = plan.downcast_ref::<DataSourceExec>().map(|source| source.data_source().as_ref() as &dyn Any);
    match source.and_then(|source| source.downcast_ref::<MemorySourceConfig>()) {
        Some(rows) => Ok(rows.partitions()),
        None => exec_err!("below a scan on its way are no parts, but {}", plan.name()),
    }
}

fn texts(batch: &RecordBatch) -> impl Iterator<Item = Option<&str>> {
    batch.columns().first().and_then(|column| column.as_string_opt::<i32>()).into_iter().flatten()
}

impl DisplayAs for TravelExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TravelExec: table={:?}, columns=[{}]", self.said.table, self.said.read.join(", "))
    }
}

impl ExecutionPlan for TravelExec {
    fn name(&self) -> &str {
        "TravelExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.parts]
    }

    /// The parts are shared out already.
    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.over(&children)
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        self.over(&children)
    }

    fn execute(&self, _: usize, _: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        internal_err!("a scan on its way is run where it arrives")
    }
}

/// A table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Records {
    Events,
    Logs,
}

impl Records {
    fn table(self) -> Table {
        match self {
            Records::Events => Table::Events,
            Records::Logs => Table::Logs,
        }
    }

    /// The store's own name of a column.
    fn column(self, name: &str) -> Result<&'static str> {
        let fields: &[&'static str] = if self == Records::Logs { &FIELD_COLUMNS } else { &[] };
        let mut all = self.table().columns().iter().chain(fields).copied();
        all.find(|column| *column == name).ok_or_else(|| exec_datafusion_err!("{self:?} have no column {name}"))
    }
}

/// A field of log lines, see [`LogField`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum SaidField {
    Member(String),
    Word(usize),
}

/// All that is said of a scan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    table: Records,
    /// What it answers.
    columns: Vec<String>,
    /// What it reads.
    read: Vec<String>,
    fields: Vec<SaidField>,
    /// Milliseconds; the end is not in it.
    range: (i64, i64),
    groups: Option<BTreeSet<u64>>,
    streams: Option<BTreeSet<u64>>,
    one_of: Vec<(String, BTreeSet<String>)>,
    contains: Vec<(String, String)>,
    /// Log groups: id, account, region, name.
    group_names: Vec<(u64, String, String, String)>,
    stream_names: Vec<(u64, String)>,
}

impl Said {
    fn of(source: &RecordSource, schema: &Schema) -> Self {
        let filter = &source.filter;
        let field = |field: &LogField| match field {
            LogField::Member(name) => SaidField::Member(name.clone()),
            LogField::Word(number) => SaidField::Word(*number),
        };
        let (mut fields, mut group_names, mut stream_names) = (Vec::new(), Vec::new(), Vec::new());
        if let Shape::Logs(shape) = &source.shape {
            fields.extend(shape.fields.iter().map(field));
            let group =
                |group: &LogGroupName| (group.id.0, group.account.clone(), group.region.clone(), group.name.clone());
            group_names.extend(shape.names.groups.values().map(group));
            stream_names.extend(shape.names.streams.iter().map(|(id, name)| (id.0, name.clone())));
        }
        Self {
            table: match source.table {
                Table::Events => Records::Events,
                Table::Logs => Records::Logs,
            },
            columns: schema.fields().iter().map(|field| field.name().clone()).collect(),
            read: source.columns.iter().map(|column| (*column).to_owned()).collect(),
            fields,
            range: (filter.range.start.0, filter.range.end.0),
            groups: filter.groups.as_ref().map(|groups| groups.iter().map(|group| group.0).collect()),
            streams: filter.streams.as_ref().map(|streams| streams.iter().map(|stream| stream.0).collect()),
            one_of: filter.one_of.iter().map(|(column, values)| ((*column).to_owned(), values.clone())).collect(),
            contains: filter.contains.iter().map(|(column, text)| ((*column).to_owned(), text.clone())).collect(),
            group_names,
            stream_names,
        }
    }

    fn fields(&self) -> Vec<LogField> {
        let field = |field: &SaidField| match field {
            SaidField::Member(name) => LogField::Member(name.clone()),
            SaidField::Word(number) => LogField::Word(*number),
        };
        self.fields.iter().map(field).collect()
    }

    /// What it answers.
    fn schema(&self) -> Result<SchemaRef> {
        let all = match self.table {
            Records::Events => events::schema(),
            Records::Logs => logs::schema_with(&self.fields()),
        };
        let places = self.columns.iter().map(|column| Ok(all.index_of(column)?)).collect::<Result<Vec<usize>>>()?;
        Ok(Arc::new(all.project(&places)?))
    }

    fn filter(&self) -> Result<TableFilter> {
        let column = |name: &String| self.table.column(name);
        let one_of = self.one_of.iter().map(|(name, values)| Ok((column(name)?, values.clone())));
        let contains = self.contains.iter().map(|(name, text)| Ok((column(name)?, text.clone())));
        Ok(TableFilter {
            range: TimeRange::new(Timestamp(self.range.0), Timestamp(self.range.1)),
            groups: self.groups.as_ref().map(|groups| groups.iter().copied().map(GroupId).collect()),
            streams: self.streams.as_ref().map(|streams| streams.iter().copied().map(StreamId).collect()),
            one_of: one_of.collect::<Result<_>>()?,
            contains: contains.collect::<Result<_>>()?,
            fields: if self.table == Records::Logs { self.fields() } else { Vec::new() },
        })
    }

    fn shape(&self, schema: SchemaRef) -> Shape {
        if self.table == Records::Events {
            return Shape::Same;
        }
        let group = |(id, account, region, name): &(u64, String, String, String)| {
            let (account, region, name) = (account.clone(), region.clone(), name.clone());
            (GroupId(*id), LogGroupName { id: GroupId(*id), account, region, name })
        };
        let names = Names {
            groups: self.group_names.iter().map(group).collect(),
            streams: self.stream_names.iter().map(|(id, name)| (StreamId(*id), name.clone())).collect(),
        };
        Shape::Logs(Arc::new(LogShape { schema, fields: self.fields(), names: Arc::new(names), masks: None }))
    }
}

/// Records of a store that another process has open.
struct Distant {
    table: Table,
    tickets: Vec<PartTicket>,
    filter: Arc<TableFilter>,
    columns: Vec<&'static str>,
    shape: Shape,
    reader: Arc<SegmentReader>,
}

impl Distant {
    fn new(said: &Said, schema: SchemaRef, tickets: Vec<PartTicket>, reader: Arc<SegmentReader>) -> Result<Self> {
        Ok(Self {
            table: said.table.table(),
            tickets,
            filter: Arc::new(said.filter()?),
            columns: said.read.iter().map(|name| said.table.column(name)).collect::<Result<_>>()?,
            shape: said.shape(schema),
            reader,
        })
    }
}

impl fmt::Debug for Distant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Distant").field("table", &self.table).finish_non_exhaustive()
    }
}

impl Source for Distant {
    fn describe(&self) -> String {
        format!("table={:?}, parts={}", self.table, self.tickets.len())
    }

    fn parts(&self) -> Vec<(Timestamp, Timestamp)> {
        self.tickets.iter().map(PartTicket::times).collect()
    }

    fn read(self: Arc<Self>, part: usize, wanted: Wanted, counts: Counts) -> BoxStream<'static, Result<RecordBatch>> {
        let opened = async move {
            let Some(ticket) = self.tickets.get(part) else { return Ok(futures::stream::empty().boxed()) };
            let part = self.reader.part(ticket).await.map_err(|error| external(SqlError::Store(error)))?;
            let of = (self.table, &self.filter, self.columns.as_slice());
            Ok::<_, DataFusionError>(records::read(of, self.shape.clone(), part, wanted, counts))
        };
        futures::stream::once(opened)
            .flat_map(|opened| match opened {
                Ok(batches) => batches,
                Err(error) => futures::stream::once(async move { Err(error) }).boxed(),
            })
            .boxed()
    }
}

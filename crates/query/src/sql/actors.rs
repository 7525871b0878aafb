//! `ActorSource`: the columns `actor` and `session`, made of the other columns of events and of the calls that gave out credentials.

use super::SqlError;
use super::error::external;
use super::packed;
use super::records::RecordSource;
use super::scan::{Counts, Source};
use super::wanted::Wanted;
use crate::actors::{ActorError, Call, Held, Parts};
use datafusion::arrow::array::{Array, ArrayRef, RecordBatch, StringArray, TimestampMillisecondArray};
use datafusion::arrow::datatypes::{DataType, Field, SchemaRef};
use datafusion::common::{DataFusionError, Result};
use futures::StreamExt;
use futures::stream::BoxStream;
use model::Timestamp;
use std::collections::HashMap;
use std::sync::Arc;
use store::{Store, TextColumn};

const ACTOR: &str = "actor";
const SESSION: &str = "session";

/// Columns of the store that these are made of.
pub(super) const NEEDED: [&str; 6] = ["time", "event_id", "name", "source", "error_code", "record"];

/// The columns that are made.
pub(super) fn fields() -> [Field; 2] {
    [ACTOR, SESSION].map(|name| Field::new(name, DataType::Utf8, true))
}

/// True for a column that is made.
pub(super) fn is_made(name: &str) -> bool {
    name == ACTOR || name == SESSION
}

/// A source of events, with these columns.
#[derive(Debug)]
pub(super) struct ActorSource {
    events: Arc<dyn Source>,
    held: Arc<Held>,
    schema: SchemaRef,
}

impl ActorSource {
    /// Reads `events`, which have the columns `NEEDED`, and answers the columns of `schema`.
    pub(super) fn new(events: Arc<dyn Source>, store: &Store, schema: SchemaRef) -> Self {
        Self { events, held: Arc::new(Held::new(store.clone())), schema }
    }
}

impl Source for ActorSource {
    fn describe(&self) -> String {
        format!("{}, with actors", self.events.describe())
    }

    fn parts(&self) -> Vec<(Timestamp, Timestamp)> {
        self.events.parts()
    }

    fn travels(&self) -> std::result::Result<&RecordSource, &'static str> {
        Err("the columns actor and session are made of other events, which are looked for here")
    }

    fn read(self: Arc<Self>, part: usize, wanted: Wanted, counts: Counts) -> BoxStream<'static, Result<RecordBatch>> {
        let events = Arc::clone(&self.events).read(part, wanted, counts);
        let with_actors = move |batch: Result<RecordBatch>| {
            let (held, schema) = (Arc::clone(&self.held), Arc::clone(&self.schema));
            async move { make(&batch?, &held, schema).await }
        };
        events.then(with_actors).boxed()
    }
}

/// The columns of `schema`, some as they are in the batch, the others made.
async fn make(batch: &RecordBatch, held: &Held, schema: SchemaRef) -> Result<RecordBatch> {
    let resolved = resolve(batch, held).await?;
    let actors: ArrayRef = Arc::new(resolved.iter().map(|(actor, _)| actor.as_deref()).collect::<StringArray>());
    let sessions: ArrayRef = Arc::new(resolved.iter().map(|(_, session)| session.as_deref()).collect::<StringArray>());
    let column = |name: &str| match name {
        ACTOR => Ok(Arc::clone(&actors)),
        SESSION => Ok(Arc::clone(&sessions)),
        name => batch.column_by_name(name).cloned().ok_or_else(|| missing(name)),
    };
    let columns = schema.fields().iter().map(|field| column(field.name())).collect::<Result<Vec<_>>>()?;
    packed::batch(&schema, columns, batch.num_rows())
}

/// Actor and session.
type Resolved = (Option<Arc<str>>, Option<Arc<str>>);

async fn resolve(batch: &RecordBatch, held: &Held) -> Result<Vec<Resolved>> {
    let [event_ids, names, sources, error_codes, records] =
        ["event_id", "name", "source", "error_code", "record"].map(|name| texts(batch, name));
    let times =
        batch.column_by_name("time").and_then(|times| times.as_any().downcast_ref::<TimestampMillisecondArray>());
    let times = times.ok_or_else(|| missing("time"))?;
    let (event_ids, names, sources) = (event_ids?, names?, sources?);
    let (error_codes, records) = (error_codes?, records?);
    // A session makes many calls in a row.
    let mut known: HashMap<String, Resolved> = HashMap::new();
    let mut resolved = Vec::with_capacity(batch.num_rows());
    for row in 0..batch.num_rows() {
        let parts = Parts {
            event_id: event_ids.get(row).unwrap_or_default(),
            name: names.get(row).unwrap_or_default(),
            source: sources.get(row).unwrap_or_default(),
            error_code: error_codes.get(row).unwrap_or_default(),
            time: Timestamp(times.value(row)),
            record: records.get(row).unwrap_or_default(),
        };
        let fingerprint = Call::fingerprint(&parts);
        if let Some(same) = fingerprint.as_ref().and_then(|fingerprint| known.get(fingerprint)) {
            resolved.push(same.clone());
            continue;
        }
        let resolution = held.resolve(&Call::of(&parts)).await.map_err(refused)?;
        let answer: Resolved = (resolution.actor.map(Arc::from), resolution.session.map(Arc::from));
        if let Some(fingerprint) = fingerprint {
            known.insert(fingerprint, answer.clone());
        }
        resolved.push(answer);
    }
    Ok(resolved)
}

fn texts<'a>(batch: &'a RecordBatch, name: &str) -> Result<TextColumn<'a>> {
    let column = batch.column_by_name(name).and_then(|column| TextColumn::of(column));
    column.ok_or_else(|| missing(name))
}

fn missing(name: &str) -> DataFusionError {
    external(SqlError::Failed(format!("the column {name} of events was not read")))
}

fn refused(error: ActorError) -> DataFusionError {
    external(match error {
        ActorError::Store(error) => SqlError::Store(error),
        ActorError::TooMany(_) => SqlError::Limit(error.to_string()),
    })
}

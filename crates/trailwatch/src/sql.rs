//! `POST /_trailwatch/sql`: SQL over all records, answered as JSON lines or CSV; and what SQL needs to know of the catalog.

pub mod command;
mod text_table;

use crate::config::BallistaSettings;
use crate::own::{self, Endpoint, Refusal};
use crate::server::{Server, json};
use access::Asking;
use catalog::Catalog;
use futures::future::{BoxFuture, FutureExt};
use model::limits::SQL_STATEMENT_BYTES_MAX;
use model::{Caller, Classify, ErrorKind, GroupId, StreamId, TimeRange};
use query::sql::{
    AlarmHistoryRow, Format, GroupMasks, LogGroupName, Masks, ResourceError, Resources, SqlError, SqlOptions,
};
use serde_json::{Value, json as value};
use std::fmt;
use std::sync::Arc;
use store::Store;
use tokio::sync::oneshot;
use watch::Watch;
use wire::{Access, HttpRequest, Response};

/// Where statements are posted to.
pub const PATH: &str = "/_trailwatch/sql";
/// What the query string says to have log lines as they are stored, without masks.
pub const UNMASK: &str = "unmask=true";
/// `eventName` of the audit record.
pub const EVENT_NAME: &str = "ExecuteSql";
const ENDPOINT: Endpoint = Endpoint::ours(EVENT_NAME, Access::Read);

/// Answers statements.
pub type Engine = query::sql::Sql;

/// Starts the threads of SQL over a store and its catalog; `wide` says where wide queries run.
pub fn engine(store: &Store, catalog: &Catalog, wide: Option<&BallistaSettings>) -> std::io::Result<Engine> {
    let engine = Engine::new(store.clone(), Arc::new(Names(catalog.clone())), SqlOptions::default())?;
    #[cfg(feature = "cluster")]
    let engine = engine.with_wide(wide.map(crate::ballista::wide));
    #[cfg(not(feature = "cluster"))]
    debug_assert!(wide.is_none(), "the configuration refuses it");
    Ok(engine)
}

/// Starts the threads of CloudTrail Lake's SQL.
pub fn lake(store: &Store) -> std::io::Result<Arc<dyn query::lake::Lake>> {
    Ok(Arc::new(query::sql::LakeSql::new(store.clone())?))
}

/// The catalog, as SQL asks it.
#[derive(Debug)]
pub struct Names(pub Catalog);

impl Resources for Names {
    fn log_groups(&self) -> BoxFuture<'_, Result<Vec<LogGroupName>, ResourceError>> {
        async {
            let groups = self.0.every_log_group().await?.into_iter();
            let named =
                groups.map(|(id, scope, name)| LogGroupName { id, account: scope.account, region: scope.region, name });
            Ok(named.collect())
        }
        .boxed()
    }

    fn log_streams(&self, groups: Vec<GroupId>) -> BoxFuture<'_, Result<Vec<(StreamId, String)>, ResourceError>> {
        async move { Ok(self.0.every_log_stream(&groups).await?) }.boxed()
    }

    fn alarm_history(
        &self,
        range: TimeRange,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<AlarmHistoryRow>, ResourceError>> {
        async move {
            let items = self.0.every_alarm_history(range, limit).await?.into_iter();
            let rows = items.map(|(sequence, scope, item)| AlarmHistoryRow {
                sequence,
                account: scope.account,
                region: scope.region,
                alarm_name: item.alarm_name,
                item_type: item.item_type,
                timestamp: item.at,
                summary: item.summary,
                data: item.data,
            });
            Ok(rows.collect())
        }
        .boxed()
    }
}

/// Data protection, as SQL asks for it.
struct Protected(Watch);

impl fmt::Debug for Protected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Protected")
    }
}

impl Masks for Protected {
    fn of_groups(&self, groups: Vec<GroupId>) -> BoxFuture<'_, Result<GroupMasks, ResourceError>> {
        async move { Ok(watch::logs::masks_of(&self.0, groups).await?) }.boxed()
    }
}

/// True when a request is one for this file.
pub fn is_asked(request: &HttpRequest) -> bool {
    request.method == "POST" && request.path == PATH
}

/// Runs the statement in the body. The query ends when `hung_up` resolves: then nobody waits for the answer.
pub async fn answer(
    server: &Server,
    request: &HttpRequest,
    source_ip: &str,
    hung_up: oneshot::Receiver<()>,
) -> Response {
    // Browsers say where a page came from; no page may read records with an open server's keys.
    if request.header("origin").is_some() {
        return json(403, &value!({ "message": "not from a web page" }));
    }
    let run = async |caller: &Caller| run(server, caller, request, hung_up).await;
    let outcome = ENDPOINT.call(server, (request, source_ip), Some(parameters(request)), run).await;
    outcome.unwrap_or_else(|refusal| refusal.response())
}

/// The statement, for the audit record.
fn parameters(request: &HttpRequest) -> Value {
    let statement = String::from_utf8_lossy(&request.body[..request.body.len().min(SQL_STATEMENT_BYTES_MAX)]);
    let mut parameters = value!({ "statement": statement });
    if is_unmasking(request) {
        parameters["unmask"] = Value::from(true);
    }
    parameters
}

impl From<SqlError> for Refusal {
    fn from(error: SqlError) -> Self {
        let code = match error {
            SqlError::Invalid { .. } => "InvalidStatement",
            SqlError::Limit(_) => "LimitExceeded",
            SqlError::TimedOut(_) => "QueryTimedOut",
            SqlError::Store(_) | SqlError::Failed(_) => "InternalFailure",
        };
        if error.kind() != ErrorKind::Invalid {
            tracing::error!(%error, "run a query");
            return Self::new(500, code, "The query did not finish. See the server's log.");
        }
        let mut refusal = Self::new(400, code, error.to_string());
        if let SqlError::Invalid { position: Some(position), .. } = error {
            refusal.place = Some((position.line, position.column));
        }
        refusal
    }
}

async fn run(
    server: &Server,
    caller: &Caller,
    request: &HttpRequest,
    hung_up: oneshot::Receiver<()>,
) -> Result<Response, Refusal> {
    own::check_reach(server, caller)?;
    let statement = std::str::from_utf8(&request.body);
    let statement = statement.map_err(|_| Refusal::new(400, "InvalidStatement", "The statement is not UTF-8 text."))?;
    let (format, content_type) = match request.header("accept") {
        Some(accept) if accept.contains("text/csv") => (Format::Csv, "text/csv; charset=utf-8"),
        _ => (Format::JsonLines, "application/x-ndjson"),
    };
    // As in Logs, who may see what data protection masks must ask for it.
    let masks: Option<Arc<dyn Masks>> = match is_unmasking(request) {
        true => {
            let asking = Asking { caller, now: server.clock.now() };
            server.access.authorize(asking, None, "logs:Unmask", "*")?;
            None
        }
        false => Some(Arc::new(Protected(server.watch.clone()))),
    };
    let asked = async { server.sql.query(statement, format, masks).await.map_err(Refusal::from) };
    let answer = own::while_waited_for(hung_up, asked).await?;
    Ok(Response { status: 200, headers: vec![("content-type", content_type.into())], body: answer.into(), rest: None })
}

/// True when the query string asks for log lines as they are stored.
fn is_unmasking(request: &HttpRequest) -> bool {
    request.query.split('&').any(|pair| pair == UNMASK)
}

#[cfg(test)]
mod tests;

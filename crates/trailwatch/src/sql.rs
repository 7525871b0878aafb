//! `POST /_trailwatch/sql`: SQL over all records, answered as JSON lines or CSV; and what SQL needs to know of the catalog.

pub mod command;
mod text_table;

use crate::remote::EVENT_SOURCE;
use crate::server::{Server, json};
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
use trail::audit::OwnCall;
use watch::Watch;
use wire::{Access, ApiError, Audit, HttpRequest, Response};

/// Where statements are posted to.
pub const PATH: &str = "/_trailwatch/sql";
/// What the query string says to have log lines as they are stored, without masks.
pub const UNMASK: &str = "unmask=true";
/// Service name in the signature.
pub const SIGNING_NAME: &str = "trailwatch";
/// `eventName` of the audit record.
pub const EVENT_NAME: &str = "ExecuteSql";
/// What policies call it.
const ACTION: &str = "trailwatch:ExecuteSql";

/// Answers statements.
pub type Engine = query::sql::Sql;

/// Starts the threads of SQL over a store and its catalog.
pub fn engine(store: &Store, catalog: &Catalog) -> std::io::Result<Engine> {
    Engine::new(store.clone(), Arc::new(Names(catalog.clone())), SqlOptions::default())
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
    let (caller, outcome) = match server.admit(request, source_ip, SIGNING_NAME, ACTION) {
        Ok(caller) => {
            let outcome = run(server, &caller, request, hung_up).await;
            (caller, outcome)
        }
        Err(refused) => {
            let error = refused.error;
            let refusal = Refusal::new(error.status(), error.code(), error.message().to_owned());
            (refused.caller, Err(refusal))
        }
    };
    // What was read is on the trail before it is answered.
    match (record(server, &caller, request, outcome.as_ref().err()).await, outcome) {
        (Err(error), _) => {
            tracing::error!(%error, "record a query");
            let error = ApiError::from(error);
            Refusal::new(error.status(), error.code(), error.message().to_owned()).response()
        }
        (Ok(()), Ok(response)) => response,
        (Ok(()), Err(refusal)) => refusal.response(),
    }
}

/// Why there is no answer.
struct Refusal {
    status: u16,
    code: String,
    message: String,
    /// Line and column in the statement.
    place: Option<(u64, u64)>,
}

impl Refusal {
    fn new(status: u16, code: &str, message: String) -> Self {
        Self { status, code: code.to_owned(), message, place: None }
    }

    fn of(error: &SqlError) -> Self {
        let code = match error {
            SqlError::Invalid { .. } => "InvalidStatement",
            SqlError::Limit(_) => "LimitExceeded",
            SqlError::TimedOut(_) => "QueryTimedOut",
            SqlError::Store(_) | SqlError::Failed(_) => "InternalFailure",
        };
        if error.kind() != ErrorKind::Invalid {
            tracing::error!(%error, "run a query");
            return Self::new(500, code, "The query did not finish. See the server's log.".into());
        }
        let mut refusal = Self::new(400, code, error.to_string());
        if let SqlError::Invalid { position: Some(position), .. } = error {
            refusal.place = Some((position.line, position.column));
        }
        refusal
    }

    fn response(&self) -> Response {
        let mut body = value!({ "__type": self.code, "message": self.message });
        if let Some((line, column)) = self.place {
            body["line"] = Value::from(line);
            body["column"] = Value::from(column);
        }
        json(self.status, &body)
    }
}

async fn run(
    server: &Server,
    caller: &Caller,
    request: &HttpRequest,
    hung_up: oneshot::Receiver<()>,
) -> Result<Response, Refusal> {
    // Records of both planes and of all accounts are in reach, and there are no policies yet that could say of whom.
    if caller.identity_type != "Root" {
        return Err(Refusal::new(403, "AccessDeniedException", "Only the root user may run SQL.".into()));
    }
    let statement = std::str::from_utf8(&request.body);
    let statement =
        statement.map_err(|_| Refusal::new(400, "InvalidStatement", "The statement is not UTF-8 text.".into()))?;
    let (format, content_type) = match request.header("accept") {
        Some(accept) if accept.contains("text/csv") => (Format::Csv, "text/csv; charset=utf-8"),
        _ => (Format::JsonLines, "application/x-ndjson"),
    };
    // As in Logs, who may see what data protection masks must ask for it.
    let masks: Option<Arc<dyn Masks>> = match is_unmasking(request) {
        true => None,
        false => Some(Arc::new(Protected(server.watch.clone()))),
    };
    let answer = tokio::select! {
        answer = server.sql.query(statement, format, masks) => answer.map_err(|error| Refusal::of(&error))?,
        _ = hung_up => return Err(Refusal::new(499, "QueryCanceled", "The client hung up.".into())),
    };
    Ok(Response { status: 200, headers: vec![("content-type", content_type.into())], body: answer.into(), rest: None })
}

/// True when the query string asks for log lines as they are stored.
fn is_unmasking(request: &HttpRequest) -> bool {
    request.query.split('&').any(|pair| pair == UNMASK)
}

/// Records the call on our own trail, with the statement.
async fn record(
    server: &Server,
    caller: &Caller,
    request: &HttpRequest,
    refusal: Option<&Refusal>,
) -> Result<(), store::Error> {
    let statement = String::from_utf8_lossy(&request.body[..request.body.len().min(SQL_STATEMENT_BYTES_MAX)]);
    let mut parameters = value!({ "statement": statement });
    if is_unmasking(request) {
        parameters["unmask"] = Value::from(true);
    }
    let parameters = parameters.to_string();
    let call = OwnCall {
        caller,
        source: EVENT_SOURCE,
        operation: EVENT_NAME,
        access: Access::Read,
        audit: Audit::Management,
        time: server.clock.now(),
        request_id: &server.ids.uuid().to_string(),
        host: request.header("host"),
        request_parameters: Some(&parameters),
        response_elements: None,
        error: refusal.map(|refusal| (refusal.code.as_str(), refusal.message.as_str())),
        resources: &[],
    };
    server.record(&call).await
}

#[cfg(test)]
mod tests;

//! Stands for `sql.rs` in a build without SQL: the same names, and answers that say how to get it.

use crate::config::BallistaSettings;
use crate::server::{Server, json};
use catalog::Catalog;
use serde_json::json as value;
use store::Store;
use tokio::sync::oneshot;
use wire::{HttpRequest, Response};

/// Where statements are posted to.
pub const PATH: &str = "/_trailwatch/sql";
/// `eventName` of the audit record.
pub const EVENT_NAME: &str = "ExecuteSql";

const MISSING: &str = "This build of trailwatch has no SQL. `make run SQL=1` builds it in.";

/// Answers that there is no SQL.
pub struct Engine;

impl Engine {
    fn missing(&self) -> Response {
        json(501, &value!({ "__type": "NotImplemented", "message": MISSING }))
    }
}

/// Starts nothing.
pub fn engine(_: &Store, _: &Catalog, _: Option<&BallistaSettings>) -> std::io::Result<Engine> {
    Ok(Engine)
}

/// Answers that there is no SQL for CloudTrail Lake either.
pub fn lake(_: &Store) -> std::io::Result<std::sync::Arc<dyn query::lake::Lake>> {
    Ok(std::sync::Arc::new(query::lake::NoLake))
}

/// True when a request is one for this file.
pub fn is_asked(request: &HttpRequest) -> bool {
    request.method == "POST" && request.path == PATH
}

/// Says that there is no SQL. No record was read and none could be, so there is nothing to audit.
pub async fn answer(server: &Server, _: &HttpRequest, _: &str, _: oneshot::Receiver<()>) -> Response {
    server.sql.missing()
}

/// `trailwatch sql`.
pub mod command {
    use clap::Args;
    use std::process::ExitCode;

    /// This build has no SQL: `make run SQL=1` builds it in.
    #[derive(Debug, Args)]
    pub struct SqlArgs {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
        ignored: Vec<String>,
    }

    /// Says that there is no SQL.
    pub async fn run(args: SqlArgs) -> anyhow::Result<ExitCode> {
        drop(args.ignored);
        anyhow::bail!(super::MISSING)
    }
}

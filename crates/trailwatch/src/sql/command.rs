//! `trailwatch sql`: a statement for a running server, or for the data directory of a stopped one.

use super::{PATH, UNMASK, engine, text_table};
use crate::lease::{open_file, refuse_postgres};
use crate::own::SIGNING_NAME;
use crate::real::SystemClock;
use crate::remote::{Remote, ServerArgs};
use crate::serve::open_store;
use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use model::Clock;
use query::sql::{Format, SqlError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use trail::record::Defaults;

/// The tables are events, logs, metrics, metrics_latest, metric_periods(seconds) and alarm_history. SELECT, EXPLAIN, SHOW TABLES and DESCRIBE are answered.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  trailwatch sql \"SHOW TABLES\"\n  trailwatch sql \"DESCRIBE events\"\n  trailwatch sql \"SELECT name, count(*) FROM events WHERE time > now() - interval '1 day' GROUP BY 1 ORDER BY 2 DESC\"\n  trailwatch sql --format csv - < report.sql\n  trailwatch sql --data-dir trailwatch-data \"SELECT count(*) FROM logs\"   # the server is stopped\n\nJSON text is opened with json_extract_scalar(message, '$.a.b'). The root key is needed: all records are in reach."
)]
pub struct SqlArgs {
    /// The statement; - reads it from stdin
    #[arg(value_name = "STATEMENT")]
    statement: String,
    #[command(flatten)]
    at: ServerArgs,
    /// The data directory of a server that is not running
    #[arg(long, value_name = "DIR", conflicts_with_all = ["endpoint", "ca_file"])]
    data_dir: Option<PathBuf>,
    /// Show log lines as they are stored, also what data protection masks; a data directory is always shown so
    #[arg(long)]
    unmask: bool,
    /// How rows are written
    #[arg(long, value_enum, default_value = "table")]
    format: Shown,
}

/// How rows are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Shown {
    /// Columns side by side
    Table,
    /// One JSON object per line
    Json,
    /// Comma-separated values with a line of names
    Csv,
}

/// Runs the statement and prints its rows.
pub async fn run(args: SqlArgs) -> anyhow::Result<ExitCode> {
    let mut statement = args.statement;
    if statement == "-" {
        statement.clear();
        std::io::stdin().read_to_string(&mut statement).context("read the statement from stdin")?;
    }
    let format = if args.format == Shown::Csv { Format::Csv } else { Format::JsonLines };
    let answer = match &args.data_dir {
        Some(dir) => offline(dir, &statement, format).await?,
        None => online(&args.at, statement, format, args.unmask).await?,
    };
    let mut out = std::io::stdout().lock();
    let printed = match args.format {
        Shown::Table => text_table::print(&answer, &mut out),
        Shown::Json | Shown::Csv => out.write_all(&answer),
    };
    match printed.and_then(|()| out.flush()) {
        // Whoever read our output has seen enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        printed => printed.context("print the answer").map(|()| ExitCode::SUCCESS),
    }
}

async fn offline(dir: &Path, statement: &str, format: Format) -> anyhow::Result<Vec<u8>> {
    refuse_postgres(dir)?;
    if !dir.join("catalog.db").is_file() {
        bail!("{} is not a data directory", dir.display());
    }
    // The store is not closed but dropped: a query changes nothing, and its journal stays for the next start.
    let store = open_store(dir, Arc::new(SystemClock)).await?;
    let catalog = open_file(dir).await?;
    let sql = engine(&store, &catalog, None).context("start threads")?;
    // Whoever has the files has what is in them.
    sql.query(statement, format, None).await.map_err(|error| match &error {
        SqlError::Invalid { position: Some(at), .. } => {
            anyhow::anyhow!("{error} (line {}, column {})", at.line, at.column)
        }
        _ => anyhow::anyhow!("{error}"),
    })
}

async fn online(at: &ServerArgs, statement: String, format: Format, unmask: bool) -> anyhow::Result<Vec<u8>> {
    let environment = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let region = environment("AWS_REGION").or_else(|| environment("AWS_DEFAULT_REGION"));
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let defaults = Defaults {
        account: String::new(),
        region: region.unwrap_or_else(|| "us-east-1".into()),
        ingestion_time: clock.now(),
    };
    let remote = Remote::from_environment(at, &defaults, clock)?;
    let accept = if format == Format::Csv { "text/csv" } else { "application/x-ndjson" };
    let target = if unmask { format!("{PATH}?{UNMASK}") } else { PATH.to_owned() };
    let post = move || remote.post(&target, SIGNING_NAME, accept, statement);
    let (status, answer) = tokio::task::spawn_blocking(post).await.context("wait for the answer")??;
    if status == 200 {
        return Ok(answer);
    }
    let text = String::from_utf8_lossy(&answer);
    let Ok(error) = serde_json::from_str::<serde_json::Value>(&text) else {
        bail!("the server answered {status}: {}", text.trim());
    };
    let message = error["message"].as_str().unwrap_or_default();
    match (error["line"].as_u64(), error["column"].as_u64()) {
        (Some(line), Some(column)) => bail!("{message} (line {line}, column {column})"),
        _ => bail!("{message}"),
    }
}

//! The `trailwatch` command: parses the command line and runs one subcommand. Exit codes: 0 done, 1 failed, 2 wrong usage,
//! 3 another node has taken over.

mod agent;
mod auth;
mod backtest;
mod backup;
#[cfg(feature = "cluster")]
mod ballista;
#[cfg(not(feature = "cluster"))]
#[path = "without_ballista.rs"]
mod ballista;
mod browsers;
mod buckets;
mod calls;
mod check;
mod cis;
mod cluster;
mod config;
mod console;
mod dead_letters;
mod detections;
mod dispatch;
mod event_tail;
mod export;
mod firehose;
mod gateway;
mod grpc;
mod health;
mod http;
mod import;
mod ingest;
mod keys;
mod lease;
mod log_delivery;
mod migrate;
mod oidc;
mod operations;
mod outgoing;
mod own;
mod promql;
mod proofs;
mod questions;
mod real;
mod receivers;
mod remote;
mod restore;
mod retention;
mod s3_api;
mod serve;
mod server;
mod server_log;
#[cfg(feature = "sql")]
mod sql;
#[cfg(not(feature = "sql"))]
#[path = "without_sql.rs"]
mod sql;
mod store_bucket;
mod syslog;
mod tables;
mod tail;
mod tasks;
mod throttle;
mod tls;
mod tokens;
mod trail_topics;
mod validate_trail;
mod web_identity;

use clap::{Args, Parser, Subcommand};
use config::{CatalogSection, Config, Settings};
use remote::ServerArgs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Calls allocate and free in different threads all the time, which glibc's allocator does slowly: a fifth of the CPU of a
/// small PutMetricData.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long a thread for work that blocks waits for more. Each keeps memory of what it did last, and with the ten seconds of tokio a call
/// each second would keep all of them.
const KEEP_ALIVE: Duration = Duration::from_secs(1);

/// A self-hosted server that does the work of AWS CloudTrail and Amazon CloudWatch.
#[derive(Debug, Parser)]
#[command(
    version,
    about,
    after_help = "Start here:\n  trailwatch serve\nthen, in another shell, paste the export lines that it prints and use the aws cli as always:\n  aws logs create-log-group --log-group-name demo\n  aws cloudtrail lookup-events --max-results 5"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the server.
    Serve(ServeArgs),
    /// Collect log files, the journal and metrics of this machine, and hand them in.
    Agent(agent::AgentArgs),
    /// Audit calls to any AWS-compatible backend: a proxy that turns each into one event.
    Gateway(gateway::GatewayArgs),
    /// Bring existing records in.
    #[command(subcommand)]
    Import(Import),
    /// Verify every checksum and count in the data of a server that is not running.
    Check(CheckArgs),
    /// Copy the data of a server, running or not.
    Backup(BackupArgs),
    /// Make a new data directory of a copy that a server made of its own ([backup]): the state at a moment.
    Restore(RestoreArgs),
    /// Move what a stopped server has in its data directory: records to the bucket of [store], resources to the database of [catalog].
    Migrate(MigrateArgs),
    /// Print log events as they arrive.
    Tail(tail::TailArgs),
    /// Print everything that one login did, over all roles that were taken from it.
    Session(questions::command::session::SessionArgs),
    /// Search audit events: several attributes at once, free text, all history.
    Events(questions::command::events::EventsArgs),
    /// Say what changed just before an alarm.
    Why(questions::command::why::WhyArgs),
    /// Policies of IAM: made of what a principal did, and held against it.
    #[command(subcommand)]
    Policy(questions::command::policy::PolicyCommand),
    /// Print how long audit events are kept, or say so.
    Retention(retention::command::RetentionArgs),
    /// Hold audit events, whatever the retentions say.
    #[command(subcommand)]
    Hold(retention::command::HoldCommand),
    /// Ask all records in SQL.
    Sql(sql::command::SqlArgs),
    /// Take records out with the proof that they were accepted as they are.
    Evidence(proofs::command::EvidenceArgs),
    /// Verify evidence, or a folder of tiles, log files and digests; needs no server and no network.
    Verify(proofs::verify::VerifyArgs),
    /// Print the public key that checkpoints are verified with.
    Vkey(proofs::command::VkeyArgs),
    /// Write records as plain files.
    #[command(subcommand)]
    Export(Export),
    /// The data as tables that Spark, Trino, DuckDB and deltalake read.
    #[command(subcommand)]
    Tables(tables::Tables),
    /// Try alarms on what has happened.
    #[command(subcommand)]
    Alarms(Alarms),
    /// Hold audit events against Sigma rules.
    #[command(subcommand)]
    Detections(detections::command::Detections),
    /// The nodes of a cluster.
    #[command(subcommand)]
    Cluster(cluster::command::ClusterCommand),
    /// Share out the tasks of wide SQL queries to executors.
    Scheduler(ballista::SchedulerArgs),
    /// Run tasks of wide SQL queries beside a server, on its records.
    Executor(ballista::ExecutorArgs),
    /// The monitoring controls of the CIS AWS Foundations Benchmark: metric filters and alarms on audit events.
    #[command(subcommand)]
    Cis(cis::Cis),
}

#[derive(Debug, Subcommand)]
enum Alarms {
    /// Say when an alarm, real or drafted, would have fired, and what other thresholds would change.
    Backtest(backtest::BacktestArgs),
}

/// Everything is kept under --data-dir; `trailwatch backup` copies it while the server runs.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  trailwatch serve\n  trailwatch serve --data-dir /var/lib/trailwatch --listen 127.0.0.1:8792\n  trailwatch serve --open --listen 127.0.0.1:0     # for test suites: any key, any free port\n  trailwatch serve --listen 0.0.0.0:8792 --tls-certificate server.pem --tls-key server.key   # read again on SIGHUP\n\nThe config file (TOML) holds the same keys with underscores (data_dir, listen, tls_certificate, tls_key,\naccount_id, region, open) and\n[endpoints], which names where other AWS services are (s3, sns, sqs, lambda, kinesis, firehose, kms), and\n[trail] with lenient_lookup (LookupEvents without its 90 days and one attribute), and with\n  delivery_interval and organization_id (docs/trails.md), and\n[notify] with public_url, allow_private, webhooks and smtp (docs/operating.md, Notifications), and\n[firehose], which names where metric streams go (docs/operating.md, Metric streams), and\n[buckets] and [s3], the buckets to write to (docs/buckets.md), and\n[store], a bucket to keep records in (docs/object-store.md), and\n[catalog] with url and password_file: PostgreSQL keeps resources (docs/postgresql.md), and\n[cluster] with name, advertise, keys_dir, ca_file and roles: this server as one node of several (docs/cluster.md), and\n[ballista] with scheduler, wide_bytes and tasks: where wide SQL queries run (docs/wide-queries.md), and\n[proofs] with bucket, prefix and witnesses: where the log of events goes, and who cosigns it (docs/proofs.md), and\n[backup] with to, every and keep: copies of the data directory (docs/operating.md, Going back to a moment), and\n[detections] with rules, a folder of Sigma rules (docs/detections.md), and\n[bearer_tokens], [syslog] and [otlp] (docs/other-ways-in.md). Flags win.\nRUST_LOG sets how much is logged (default: info)."
)]
struct ServeArgs {
    /// Folder that holds everything; made when absent [default: trailwatch-data]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Address to listen on; port 0 picks a free one and prints it [default: 127.0.0.1:8792]
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// Database of PostgreSQL that keeps resources, such as postgres://trailwatch@db.internal/trailwatch (docs/postgresql.md)
    /// [default: a file below the data directory]
    #[arg(long, value_name = "URL")]
    catalog_url: Option<String>,
    /// PEM file with the certificate of the server, and those that lead to its authority: HTTPS on all ports
    #[arg(long, value_name = "FILE")]
    tls_certificate: Option<PathBuf>,
    /// PEM file with the private key of the certificate, not encrypted
    #[arg(long, value_name = "FILE")]
    tls_key: Option<PathBuf>,
    /// Account id of the root access key, 12 digits [default: 123456789012]
    #[arg(long, value_name = "ID")]
    account_id: Option<String>,
    /// Region of the server's own records, and of requests that name none [default: us-east-1]
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    /// TOML file with the same keys
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// What this node of a cluster does: ingest (take calls), query (answer what only reads), tasks (lead), or all [default: all]
    #[arg(long, value_name = "ROLES")]
    roles: Option<String>,
    /// Accept any access key, on loopback only: a 12-digit key is its own account id, any other means --account-id
    #[arg(long)]
    open: bool,
}

#[derive(Debug, Subcommand)]
enum Import {
    /// Import CloudTrail files: .json, .json.gz, folders of them, LookupEvents answers, one record per line.
    #[command(name = "cloudtrail")]
    CloudTrail(ImportArgs),
}

#[derive(Debug, Subcommand)]
enum Export {
    /// Write all metric points as one Parquet file, a row each, for DuckDB and the like.
    Metrics(ExportMetricsArgs),
}

/// The server must be stopped: one process has a data directory.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  trailwatch export metrics --data-dir trailwatch-data --output metrics.parquet\n  duckdb -c \"select name, avg(sum / count) from 'metrics.parquet' group by all\""
)]
struct ExportMetricsArgs {
    /// The data directory of a server that is not running
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// The file to write; it must not exist
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
}

/// Records are kept byte for byte; those that are there already (same eventID) are skipped, so an import can be repeated.
/// A record that is there already with other content is named and counted.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  trailwatch import cloudtrail ./AWSLogs/                       # into the running server (AWS_ENDPOINT_URL)\n  trailwatch import cloudtrail --data-dir trailwatch-data x.json.gz   # straight into a stopped server's data\n\nExit code 0: everything is in, or was there already. 1: something was refused (each refusal is named) or the import failed."
)]
struct ImportArgs {
    /// Files and folders
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    at: ServerArgs,
    /// The data directory of a server that is not running
    #[arg(long, value_name = "DIR", conflicts_with_all = ["endpoint", "ca_file"])]
    data_dir: Option<PathBuf>,
    /// Account of records that name none [default: 123456789012]
    #[arg(long, value_name = "ID")]
    account_id: Option<String>,
    /// Region of records that name none [default: AWS_REGION, AWS_DEFAULT_REGION, else us-east-1]
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
}

/// Reads everything and writes nothing. Each problem is one line: file, offset, what is wrong there.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  trailwatch check --data-dir /var/lib/trailwatch\n\nExit code 0: nothing is wrong. 1: something is (each problem is named), or the directory could not be read."
)]
struct CheckArgs {
    /// The data directory of a server that is not running
    #[arg(long, value_name = "DIR", default_value = "trailwatch-data")]
    data_dir: PathBuf,
}

/// The copy has all that was acknowledged before the backup began, exactly once. Restore by starting a server with it as
/// --data-dir.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  trailwatch backup --data-dir /var/lib/trailwatch --output /backup/trailwatch-2026-11-25\n\nOn the same file system segments are hard links, which cost no room; elsewhere they are copied."
)]
struct BackupArgs {
    /// The data directory, of a running server or of a stopped one
    #[arg(long, value_name = "DIR", default_value = "trailwatch-data")]
    data_dir: PathBuf,
    /// Folder to make; must not exist
    #[arg(long, value_name = "DIR")]
    output: PathBuf,
}

/// The newest copy is taken that has nothing of after --at. All of it is checked before the new data directory has its name; the server that
/// made the copies, and the copies, stay as they are. Signed checkpoints go on under a new key (docs/proofs.md).
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  trailwatch restore --from /backup/trailwatch --at 2026-11-27T09:30:00Z --data-dir /var/lib/trailwatch-restored\n  trailwatch serve --data-dir /var/lib/trailwatch-restored\n\nExit code 0: the directory is there and nothing in it is wrong. 1: it is not there."
)]
struct RestoreArgs {
    /// The folder with the copies: [backup] to
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    /// The moment to go back to, in UTC or with an offset [default: the newest copy]
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// Folder to make; must not exist, or be empty
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// TOML file of the server, for records in the bucket of its [store], and resources in the database of its [catalog]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Every checksum is verified on the way, and every object is read back. The records in the folder stay, under the name store-moved; remove them
/// when the server has run on the bucket. Resources stay where they are.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  trailwatch migrate --data-dir /var/lib/trailwatch --config trailwatch.toml   # with [store] or [catalog] in it\n  trailwatch serve --data-dir /var/lib/trailwatch --config trailwatch.toml\n\nExit code 0: records and resources are where the file says. 1: they are where they were; run it again, it goes on where it was."
)]
struct MigrateArgs {
    /// The data directory of a server that is not running [default: that of the file, else trailwatch-data]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// TOML file of the server, with [store] or [catalog]
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.command {
        Command::Serve(args) => match config_of(args) {
            Ok(config) => run(serve::serve(config)),
            Err(error) => return complain(&error, ExitCode::from(2)),
        },
        Command::Agent(args) => match args.config() {
            Ok(config) => run(agent::agent(config)),
            Err(error) => return complain(&error, ExitCode::from(2)),
        },
        Command::Gateway(args) => match args.config() {
            Ok(config) => run(gateway::gateway(config)),
            Err(error) => return complain(&error, ExitCode::from(2)),
        },
        Command::Import(Import::CloudTrail(args)) => run(import::cloudtrail(args)),
        Command::Check(args) => run(check::check(args.data_dir)),
        Command::Backup(args) => run(backup::backup(args.data_dir, args.output)),
        Command::Restore(RestoreArgs { from, at, data_dir, config }) => {
            let file = config.as_deref().map(Settings::from_file).transpose();
            let config = file.and_then(|file| file.map(|file| Config::resolve(Settings::default(), file)).transpose());
            match config {
                Ok(config) => {
                    run(async move { restore::restore(&from, at.as_deref(), &data_dir, config.as_ref()).await })
                }
                Err(error) => return complain(&error, ExitCode::from(2)),
            }
        }
        Command::Migrate(MigrateArgs { data_dir, config }) => {
            let file = Settings::from_file(&config);
            match file.and_then(|file| Config::resolve(Settings { data_dir, ..Settings::default() }, file)) {
                Ok(config) => run(migrate::migrate(config)),
                Err(error) => return complain(&error, ExitCode::from(2)),
            }
        }
        Command::Tail(args) => run(tail::command(args)),
        Command::Session(args) => run(questions::command::session::run(args)),
        Command::Why(args) => run(questions::command::why::run(args)),
        Command::Policy(command) => run(questions::command::policy::run(command)),
        Command::Events(args) => run(questions::command::events::run(args)),
        Command::Retention(args) => run(retention::command::retention(args)),
        Command::Hold(command) => run(retention::command::hold(command)),
        Command::Sql(args) => run(sql::command::run(args)),
        Command::Evidence(args) => run(proofs::command::evidence(args)),
        Command::Verify(args) => proofs::verify::run(&args),
        Command::Vkey(args) => proofs::command::vkey(&args),
        Command::Tables(command) => run(tables::run(command)),
        Command::Alarms(Alarms::Backtest(args)) => run(backtest::command(args)),
        Command::Detections(command) => run(detections::command::run(command)),
        Command::Cluster(command) => run(cluster::command::run(command)),
        Command::Scheduler(args) => run(ballista::scheduler(args)),
        Command::Executor(args) => run(ballista::executor(args)),
        Command::Cis(command) => run(cis::run(command)),
        Command::Export(Export::Metrics(args)) => {
            run(async move { export::metrics(&args.data_dir, &args.output).await })
        }
    };
    match outcome {
        Ok(code) => code,
        Err(error) => complain(&error, ExitCode::FAILURE),
    }
}

fn config_of(args: ServeArgs) -> anyhow::Result<Config> {
    let file = args.config.as_deref().map(Settings::from_file).transpose()?.unwrap_or_default();
    let flags = Settings {
        data_dir: args.data_dir,
        listen: args.listen,
        catalog: CatalogSection { url: args.catalog_url, ..CatalogSection::default() },
        tls_certificate: args.tls_certificate,
        tls_key: args.tls_key,
        account_id: args.account_id,
        roles: args.roles,
        region: args.region,
        open: args.open.then_some(true),
        ..Settings::default()
    };
    Config::resolve(flags, file)
}

fn run(work: impl Future<Output = anyhow::Result<ExitCode>>) -> anyhow::Result<ExitCode> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.enable_all().thread_keep_alive(KEEP_ALIVE).build()?.block_on(work)
}

fn complain(error: &anyhow::Error, code: ExitCode) -> ExitCode {
    eprintln!("trailwatch: {error:#}");
    code
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}

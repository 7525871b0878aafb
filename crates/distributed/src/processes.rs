//! Scheduler and executors as processes: what they listen on, and how soon what is lost is missed.

use crate::client::MESSAGE_BYTES_MAX;
use crate::executors::{Executors, Scheduler};
use crate::{Codec, Error};
use ballista_core::extension::SessionConfigExt;
use ballista_core::registry::BallistaFunctionRegistry;
use ballista_executor::executor_process::{ExecutorProcessConfig, start_executor_process};
use ballista_scheduler::cluster::{BallistaCluster, ClusterState};
use ballista_scheduler::config::{SchedulerConfig, TaskDistributionPolicy};
use ballista_scheduler::scheduler_process::{create_scheduler, start_grpc_service_with_listener};
use datafusion::prelude::SessionConfig;
use model::limits::SQL_MEMORY_BYTES_MAX;
use query::sql::arrivals;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use store::SegmentReader;
use tokio::net::TcpListener;

/// An executor says so often that it is there, seconds; one that was silent for so long is gone, which is looked at so often.
const HEARTBEAT_SECS: u64 = 2;
const SILENCE_SECS: u64 = 6;
const LOOK_SECS: u64 = 2;
/// How long rows of a job are kept that nobody fetched or cleared away, seconds; and what is known of the job.
const ROWS_KEPT_SECS: u64 = 5 * 60;
/// What a lost scheduler left behind is looked for so often, and goes when it is so old, seconds.
const SWEEP_SECS: u64 = 10 * 60;
const LEFT_BEHIND_SECS: u64 = 60 * 60;
/// How long connections between executors are kept, seconds.
const CONNECTION_SECS: u64 = 30;

/// A scheduler.
#[derive(Debug, Clone)]
pub struct SchedulerOptions {
    /// What executors call it by, without the port.
    pub host: String,
}

/// Runs a scheduler on a port that is open already, until it breaks.
///
/// # Errors
/// What broke.
pub async fn scheduler(listener: TcpListener, options: SchedulerOptions) -> Result<(), Error> {
    let address = listener.local_addr()?;
    let config = SchedulerConfig {
        external_host: options.host,
        bind_host: address.ip().to_string(),
        bind_port: address.port(),
        task_distribution: TaskDistributionPolicy::RoundRobin,
        executor_timeout_seconds: SILENCE_SECS,
        expire_dead_executor_interval_seconds: LOOK_SECS,
        no_executors_grace_period_seconds: SILENCE_SECS,
        // A task that cannot fetch the rows of another ends its job, for the reasons that `executors.rs` names.
        stage_max_failures: 1,
        finished_job_data_clean_up_interval_seconds: ROWS_KEPT_SECS,
        finished_job_state_clean_up_interval_seconds: ROWS_KEPT_SECS,
        grpc_server_max_decoding_message_size: MESSAGE_BYTES_MAX as u32,
        grpc_server_max_encoding_message_size: MESSAGE_BYTES_MAX as u32,
        grpc_client_max_message_size: MESSAGE_BYTES_MAX as u32,
        override_session_builder: Some(Arc::new(|config: SessionConfig| Ok(arrivals(config)))),
        override_physical_codec: Some(Arc::new(Codec::default())),
        ..SchedulerConfig::default()
    };
    let executors = Arc::new(Executors::default());
    let jobs = BallistaCluster::new_from_config(&config).await?.job_state();
    let cluster = BallistaCluster::new(Arc::clone(&executors) as Arc<dyn ClusterState>, jobs);
    let scheduler: Scheduler = create_scheduler(cluster, Arc::new(config)).await?;
    executors.belong_to(scheduler.clone());
    Ok(start_grpc_service_with_listener(listener, scheduler).await?)
}

/// An executor.
#[derive(Debug, Clone)]
pub struct ExecutorOptions {
    /// Where the scheduler is.
    pub scheduler: (String, u16),
    /// Where rows are fetched from; the next port is that of tasks.
    pub listen: SocketAddr,
    /// What others call it by, without the port; `None` for the address that the scheduler sees.
    pub host: Option<String>,
    /// Tasks at the same time; 0 for as many as there are cores.
    pub tasks: usize,
    /// Where rows between stages lie. It is emptied.
    pub work_dir: PathBuf,
}

/// Runs an executor until SIGTERM or SIGINT, or until it has lost its scheduler. Before, it waits for the scheduler as long as it takes.
///
/// # Errors
/// What broke, or a folder that cannot be made.
pub async fn executor(options: ExecutorOptions, reader: Arc<SegmentReader>) -> Result<(), Error> {
    match std::fs::remove_dir_all(&options.work_dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        _ => std::fs::create_dir_all(&options.work_dir)?,
    }
    let tasks = match options.tasks {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        tasks => tasks,
    };
    let functions = arrivals(SessionConfig::new_with_ballista());
    let config = ExecutorProcessConfig {
        bind_host: match options.listen.ip() {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("[{address}]"),
        },
        external_host: options.host,
        port: options.listen.port(),
        grpc_port: options.listen.port().saturating_add(1),
        scheduler_host: options.scheduler.0,
        scheduler_port: options.scheduler.1,
        // With any number but 0 Ballista waits for its scheduler without an end.
        scheduler_connect_timeout_seconds: 1,
        vcores: tasks,
        work_dir: Some(options.work_dir.display().to_string()),
        job_data_ttl_seconds: LEFT_BEHIND_SECS,
        job_data_clean_up_interval_seconds: SWEEP_SECS,
        grpc_max_decoding_message_size: MESSAGE_BYTES_MAX as u32,
        grpc_max_encoding_message_size: MESSAGE_BYTES_MAX as u32,
        executor_heartbeat_interval_seconds: HEARTBEAT_SECS,
        memory_pool_size: Some((SQL_MEMORY_BYTES_MAX as u64).saturating_mul(tasks as u64)),
        client_ttl: CONNECTION_SECS,
        override_function_registry: Some(Arc::new(BallistaFunctionRegistry::from(&functions))),
        override_physical_codec: Some(Arc::new(Codec::of_executor(reader))),
        ..ExecutorProcessConfig::default()
    };
    Ok(start_executor_process(Arc::new(config)).await?)
}

//! `Ballista`: a scheduler as the server asks it.
//!
//! A job is submitted and asked for until it has ended; then its rows are fetched from the executors that have them. A job whose rows nobody
//! waits for any more is cancelled, and one whose rows were fetched is cleared away. The scheduler forgets all when it ends, so a job that it does
//! not know is one that failed.

use crate::Codec;
use ballista_core::client::BallistaClient;
use ballista_core::config::BallistaConfig;
use ballista_core::serde::protobuf::execute_query_params::Query;
use ballista_core::serde::protobuf::job_status::Status;
use ballista_core::serde::protobuf::scheduler_grpc_client::SchedulerGrpcClient;
use ballista_core::serde::protobuf::{
    CancelJobParams, CleanJobDataParams, ExecuteQueryParams, GetJobStatusParams, PartitionLocation,
    execute_query_result,
};
use ballista_core::utils::{GrpcClientConfig, create_grpc_client_endpoint};
use ballista_core::version::insert_version_header;
use datafusion::common::{DataFusionError, Result, exec_datafusion_err, exec_err};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion_proto::physical_plan::AsExecutionPlan;
use datafusion_proto::protobuf::PhysicalPlanNode;
use futures::future::{BoxFuture, FutureExt};
use futures::{StreamExt, TryStreamExt, stream};
use query::sql::Elsewhere;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tonic::Request;
use tonic::transport::Channel;

/// Bytes of the messages that carry plans, at most.
pub(crate) const MESSAGE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Bytes of a plan, at most: the scheduler sends it on, with what it adds.
const PLAN_BYTES_MAX: usize = MESSAGE_BYTES_MAX / 4 * 3;
/// All jobs are of one session, for a scheduler never forgets one.
const SESSION: &str = "trailwatch";
/// Longest wait for a connection, and for the answer to a request, seconds.
const CONNECT_SECS: u64 = 3;
const ANSWER_SECS: u64 = 10;
/// Most bytes that are read of what a scheduler says of its executors.
const READY_BYTES_MAX: u64 = 4_096;
/// How long after a question for a job the next one follows: ever longer.
const POLL_FIRST: Duration = Duration::from_millis(5);
const POLL_LAST: Duration = Duration::from_millis(200);
/// Of fetching rows.
const FETCH_TRIES: u8 = 3;
const FETCH_PAUSE_MS: u64 = 250;

/// A scheduler.
#[derive(Debug)]
pub struct Ballista {
    /// `HOST:PORT`.
    address: String,
    codec: Codec,
}

impl Ballista {
    /// The scheduler at `host:port`.
    pub fn at(address: &str) -> Self {
        Self { address: address.to_owned(), codec: Codec::default() }
    }

    /// Makes sure that there is an executor: a job would wait for one, and does not say so.
    async fn check_executors(&self) -> Result<()> {
        let asked = async {
            let mut connection = TcpStream::connect(self.address.as_str()).await?;
            let request = format!("GET /readyz HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address);
            connection.write_all(request.as_bytes()).await?;
            let mut answer = Vec::new();
            connection.take(READY_BYTES_MAX).read_to_end(&mut answer).await?;
            Ok::<_, std::io::Error>(answer)
        };
        let answer = tokio::time::timeout(Duration::from_secs(CONNECT_SECS), asked).await;
        let answer = answer.map_err(failed("ask the scheduler"))?.map_err(failed("ask the scheduler"))?;
        match answer.starts_with(b"HTTP/1.1 200 ") {
            true => Ok(()),
            false => exec_err!("the scheduler has no executors"),
        }
    }

    fn written(&self, plan: &Arc<dyn ExecutionPlan>) -> Result<Vec<u8>> {
        let mut written = Vec::new();
        PhysicalPlanNode::try_from_physical_plan(Arc::clone(plan), &self.codec)?.try_encode(&mut written)?;
        Ok(written)
    }
}

impl Elsewhere for Ballista {
    fn refusal(&self, plan: &Arc<dyn ExecutionPlan>) -> Option<String> {
        match self.written(plan) {
            Ok(written) if written.len() <= PLAN_BYTES_MAX => None,
            Ok(written) => Some(format!("its plan has {} bytes, more than {PLAN_BYTES_MAX}", written.len())),
            Err(error) => Some(format!("its plan cannot be sent: {}", error.strip_backtrace())),
        }
    }

    fn run(&self, plan: Arc<dyn ExecutionPlan>) -> BoxFuture<'_, Result<SendableRecordBatchStream>> {
        async move {
            self.check_executors().await?;
            let mut job = Job::submit(&format!("http://{}", self.address), self.written(&plan)?).await?;
            let parts = job.ended().await?;
            let batches = stream::iter(parts).then(fetch).try_flatten();
            // The job is cleared away when its last row, or the stream, is gone.
            let batches = batches.inspect(move |_| {
                let _ = &job;
            });
            let rows: SendableRecordBatchStream = Box::pin(RecordBatchStreamAdapter::new(plan.schema(), batches));
            Ok(rows)
        }
        .boxed()
    }
}

fn failed<E: Display>(what: &'static str) -> impl FnOnce(E) -> DataFusionError {
    move |error| exec_datafusion_err!("{what}: {error}")
}

fn grpc() -> GrpcClientConfig {
    let mut config = GrpcClientConfig::from(&BallistaConfig::default());
    config.connect_timeout_seconds = CONNECT_SECS;
    config.timeout_seconds = ANSWER_SECS;
    config.http2_keepalive_interval_seconds = ANSWER_SECS;
    config
}

/// A job of the scheduler.
struct Job {
    scheduler: SchedulerGrpcClient<Channel>,
    id: String,
    has_ended: bool,
    runtime: Handle,
}

impl Job {
    async fn submit(url: &str, plan: Vec<u8>) -> Result<Self> {
        let endpoint = create_grpc_client_endpoint(url.to_owned(), Some(&grpc())).map_err(failed("scheduler"))?;
        let channel = endpoint.connect().await.map_err(failed("connect to the scheduler"))?;
        let mut scheduler = SchedulerGrpcClient::new(channel)
            .max_encoding_message_size(MESSAGE_BYTES_MAX)
            .max_decoding_message_size(MESSAGE_BYTES_MAX);
        let mut request = Request::new(ExecuteQueryParams {
            session_id: SESSION.into(),
            settings: Vec::new(),
            operation_id: String::new(),
            query: Some(Query::PhysicalPlan(plan)),
        });
        insert_version_header(request.metadata_mut());
        let answer = scheduler.execute_query(request).await.map_err(failed("submit a plan"))?.into_inner();
        match answer.result {
            Some(execute_query_result::Result::Success(job)) => {
                Ok(Self { scheduler, id: job.job_id, has_ended: false, runtime: Handle::current() })
            }
            other => exec_err!("submit a plan: {other:?}"),
        }
    }

    /// Where its rows are, when it has ended well.
    async fn ended(&mut self) -> Result<Vec<PartitionLocation>> {
        let mut pause = POLL_FIRST;
        loop {
            let asked = self.scheduler.get_job_status(GetJobStatusParams { job_id: self.id.clone() }).await;
            let answer = asked.map_err(failed("ask for a job"))?.into_inner();
            match answer.status.and_then(|status| status.status) {
                Some(Status::Successful(job)) => {
                    self.has_ended = true;
                    return Ok(job.partition_location);
                }
                Some(Status::Failed(job)) => {
                    self.has_ended = true;
                    return exec_err!("the job failed: {}", job.error);
                }
                Some(Status::Queued(_) | Status::Running(_)) | None => {}
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(POLL_LAST);
        }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        let (mut scheduler, job_id, has_ended) = (self.scheduler.clone(), std::mem::take(&mut self.id), self.has_ended);
        self.runtime.spawn(async move {
            let told = match has_ended {
                true => scheduler
                    .clean_job_data(CleanJobDataParams { job_id, ..CleanJobDataParams::default() })
                    .await
                    .map(drop),
                false => scheduler.cancel_job(CancelJobParams { job_id }).await.map(drop),
            };
            // Its data go when they are old, and its tasks when the scheduler has gone.
            if let Err(error) = told {
                tracing::debug!(%error, "clear a job away");
            }
        });
    }
}

/// The rows of one partition.
async fn fetch(part: PartitionLocation) -> Result<SendableRecordBatchStream> {
    let layout = part.layout();
    let (Some(executor), Some(id)) = (part.executor_meta, part.partition_id) else {
        return exec_err!("the scheduler does not say where the rows are");
    };
    let port = u16::try_from(executor.port).map_err(failed("the port of an executor"))?;
    let host = executor.host.as_str();
    let connected =
        BallistaClient::try_new(host, port, MESSAGE_BYTES_MAX, false, None, FETCH_TRIES, FETCH_PAUSE_MS, 0, 0).await;
    let mut client = connected.map_err(failed("connect to an executor"))?;
    let fetched = client.fetch_partition(&executor.id, &id.into(), part.file_id, layout, true).await;
    fetched.map_err(failed("fetch rows"))
}

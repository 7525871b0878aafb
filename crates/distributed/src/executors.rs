//! `Executors`: what a scheduler knows of its executors, and what becomes of jobs when one of them is lost.
//!
//! Ballista would have the lost rows made again within the same job. Its steps for that (version 55) leave the cores of other executors
//! taken for ever, so that the job never ends; and by its code rows that were made twice are read twice. So a job that has rows on a lost executor is
//! cancelled, and whoever asked for it asks again. One that has none there goes on: its tasks are only given to others.

use ballista_core::JobId;
use ballista_core::error::Result;
use ballista_core::serde::protobuf::ExecutorHeartbeat;
use ballista_core::serde::protobuf::task_status::Status;
use ballista_core::serde::scheduler::{ExecutorData, ExecutorMetadata};
use ballista_scheduler::cluster::memory::InMemoryClusterState;
use ballista_scheduler::cluster::{BoundTask, ClusterState, ClusterStateEventStream, ExecutorSlot};
use ballista_scheduler::config::TaskDistributionPolicy;
use ballista_scheduler::scheduler_server::SchedulerServer;
use ballista_scheduler::state::task_manager::JobInfoCache;
use datafusion_proto::protobuf::{LogicalPlanNode, PhysicalPlanNode};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, OnceLock};

/// A scheduler of plans as DataFusion writes them.
pub(crate) type Scheduler = SchedulerServer<LogicalPlanNode, PhysicalPlanNode>;

/// The executors of a scheduler, in memory.
#[derive(Default)]
pub(crate) struct Executors {
    known: InMemoryClusterState,
    /// Set once, as soon as there is one.
    scheduler: OnceLock<Scheduler>,
}

impl Executors {
    /// Names the scheduler whose jobs are looked after.
    pub(crate) fn belong_to(&self, scheduler: Scheduler) {
        // A second one would be the same.
        let _ = self.scheduler.set(scheduler);
    }

    /// Cancels the jobs that have rows on an executor.
    async fn cancel_jobs_of(&self, executor: &str) {
        let Some(scheduler) = self.scheduler.get() else { return };
        for (id, job) in scheduler.state.task_manager.get_running_job_cache().iter() {
            if !has_rows_on(job, executor).await {
                continue;
            }
            tracing::warn!(job = %id, executor, "a query has lost rows with an executor, and is ended, to be asked again");
            if let Err(error) = scheduler.cancel_job(id.clone()).await {
                tracing::error!(job = %id, %error, "end a query");
            }
        }
    }
}

async fn has_rows_on(job: &JobInfoCache, executor: &str) -> bool {
    let graph = job.execution_graph.read().await;
    let mut tasks = graph.stages().values().filter_map(|stage| stage.task_infos()).flatten();
    tasks.any(|task| matches!(&task.task_status, Status::Successful(task) if task.executor_id == executor))
}

#[async_trait::async_trait]
impl ClusterState for Executors {
    async fn remove_executor(&self, executor_id: &str) -> Result<()> {
        // First, so that no task of it ends any more.
        self.known.remove_executor(executor_id).await?;
        // When this returns Ballista begins to mend jobs; those that are cancelled before are left alone.
        self.cancel_jobs_of(executor_id).await;
        Ok(())
    }

    async fn bind_schedulable_tasks(
        &self,
        distribution: TaskDistributionPolicy,
        active_jobs: Arc<HashMap<JobId, JobInfoCache>>,
        executors: Option<HashSet<String>>,
    ) -> Result<Vec<BoundTask>> {
        self.known.bind_schedulable_tasks(distribution, active_jobs, executors).await
    }

    async fn unbind_tasks(&self, executor_slots: Vec<ExecutorSlot>) -> Result<()> {
        self.known.unbind_tasks(executor_slots).await
    }

    async fn register_executor(&self, metadata: ExecutorMetadata, spec: ExecutorData) -> Result<()> {
        self.known.register_executor(metadata, spec).await
    }

    async fn save_executor_metadata(&self, metadata: ExecutorMetadata) -> Result<()> {
        self.known.save_executor_metadata(metadata).await
    }

    async fn get_executor_metadata(&self, executor_id: &str) -> Result<ExecutorMetadata> {
        self.known.get_executor_metadata(executor_id).await
    }

    async fn registered_executor_metadata(&self) -> Vec<ExecutorMetadata> {
        self.known.registered_executor_metadata().await
    }

    async fn save_executor_heartbeat(&self, heartbeat: ExecutorHeartbeat) -> Result<()> {
        self.known.save_executor_heartbeat(heartbeat).await
    }

    fn executor_heartbeats(&self) -> HashMap<String, ExecutorHeartbeat> {
        self.known.executor_heartbeats()
    }

    fn get_executor_heartbeat(&self, executor_id: &str) -> Option<ExecutorHeartbeat> {
        self.known.get_executor_heartbeat(executor_id)
    }

    async fn cluster_state_events(&self) -> Result<ClusterStateEventStream> {
        self.known.cluster_state_events().await
    }
}

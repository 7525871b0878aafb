//! Resources (groups, alarms, trails, dashboards, topics) in SQLite or PostgreSQL: one file per resource, and all SQL text of the
//! project.
//!
//! SQL here is written once for both: `$1` placeholders, `ON CONFLICT`, `RETURNING`, TEXT and BIGINT columns, booleans as 0/1
//! BIGINT, times as milliseconds. A statement begins with its word (`SELECT` and `WITH` only read); a parameter has the type of
//! what is bound, so a truth is bound as `bool` where a comparison stands beside it. Documents that AWS treats as one value are one
//! TEXT column of JSON. Every unit test of this crate runs on both (`postgres/tests.rs`).

mod account_policies;
mod alarm_changes;
mod alarm_children;
mod alarm_configuration;
mod alarm_history;
mod alarm_schedule;
mod alarms;
mod anomaly_detectors;
mod buckets;
mod channels;
mod cloudtrail_imports;
mod copy;
mod dashboards;
mod data_protection;
mod dataset_keys;
mod deliveries;
mod delivery_destinations;
mod delivery_sources;
mod detection_position;
mod digest_chains;
mod digest_keys;
mod error;
mod event_data_stores;
mod event_followers;
mod event_retention;
mod event_settings;
mod every_account;
mod export_tasks;
mod findings_deliveries;
mod group_retention;
mod identities;
mod index_policies;
mod insight_rules;
mod lake_dashboards;
mod lake_queries;
mod lake_query_aliases;
mod leases;
mod legal_holds;
mod links;
mod log_anomaly_detectors;
mod log_destinations;
mod log_groups;
mod log_ids;
mod log_queries;
mod log_resource_policies;
mod log_streams;
mod log_transformers;
mod lookup_tables;
mod managed_queries;
mod metric_filters;
mod metric_queries;
mod metric_streams;
mod mute_rule_versions;
mod mute_rules;
mod nodes;
mod otel_enrichment;
mod pool;
mod postgres;
mod query_definitions;
mod query_result_keys;
mod resource_metrics;
mod scheduled_queries;
mod sinks;
mod subscription_filters;
mod subscriptions;
mod syslog_configurations;
mod tags;
mod topics;
mod trail_files;
mod trail_spans;
mod trail_status;
mod trails;
mod truth;
mod vended_deliveries;

pub use account_policies::{AccountPolicy, NewAccountPolicy, PastAccountPolicy};
pub use alarm_changes::Replacement;
pub use alarm_configuration::{
    AlarmConfiguration, AlarmKind, AlarmMetric, AlarmQuery, AlarmWarmUp, CompositeRule, LogCriteria, PromqlCriteria,
    TagPropagation, WallClock,
};
pub use alarm_history::{AlarmHistoryFilter, AlarmHistoryItem, HistoryContributor};
pub use alarms::{Alarm, AlarmFilter, AlarmState, StateChange};
pub use anomaly_detectors::AnomalyDetector;
pub use buckets::{Bucket, BucketCreated};
pub use channels::{ChannelDestination, ChannelIngestion, ChannelRow, ChannelStored};
pub use cloudtrail_imports::{TrailImport, TrailImportFailure};
pub use dashboards::{Dashboard, DashboardEntry};
pub use data_protection::DataProtectionPolicy;
pub use deliveries::{DeadLetter, Delivery, NewDelivery, Publication};
pub use delivery_destinations::DeliveryDestination;
pub use delivery_sources::{DeliveryEndDeleted, DeliverySource, DeliverySourcePut};
pub use digest_chains::DigestChain;
pub use digest_keys::DigestKey;
pub use error::Error;
pub use event_data_stores::{EventDataStore, EventDataStorePut, EventDataStoreSettings, KeptLonger};
pub use event_followers::{DerivedEvent, EventFollower};
pub use event_retention::EventRetention;
pub use event_settings::EventSetting;
pub use every_account::EveryLogStream;
pub use export_tasks::ExportTask;
pub use findings_deliveries::FindingsDelivery;
pub use group_retention::{RetainedGroup, UnderPolicy};
pub use identities::IdentityRow;
pub use index_policies::IndexPolicy;
pub use insight_rules::{InsightRule, NewInsightRule};
pub use lake_dashboards::{LakeDashboard, LakeDashboardSettings, LakeDashboardStored, LakeSchedule, LakeWidget};
pub use lake_queries::{LakeQuery, LakeRow};
pub use lake_query_aliases::LakeQueryAlias;
pub use leases::{Lease, SERVER_LEASE, SeenLease};
pub use legal_holds::{LegalHold, LegalHoldPut};
pub use links::{Link, LinkCreated};
pub use log_anomaly_detectors::{
    LogAnomaly, LogAnomalyDetector, LogAnomalyProgress, LogAnomalyTarget, NewLogAnomalyDetector,
};
pub use log_destinations::LogDestination;
pub use log_groups::{LogDeletion, LogGroup, NewLogGroup};
pub use log_ids::{LogTarget, LogTargetFound};
pub use log_queries::{LogQueriesKept, LogQuery, LogQueryEnd};
pub use log_resource_policies::{LogResourcePolicy, LogResourcePolicyChange};
pub use log_streams::{LogStream, StreamCreated};
pub use log_transformers::LogTransformer;
pub use lookup_tables::LookupTable;
pub use managed_queries::{ManagedQuery, ManagedRun};
pub use metric_filters::{
    FilterLimits, LogMetricFilter, MetricFilterDeletion, MetricFilterPut, MetricFilterQuery, MetricTransformation,
    NewLogMetricFilter,
};
pub use metric_queries::{MetricQueryDefinition, MetricQueryPut, MetricQuerySummary};
pub use metric_streams::{MetricFilter, MetricStream, MetricStreamConfiguration, StreamStatistics};
pub use mute_rule_versions::MuteRuleVersion;
pub use mute_rules::MuteRule;
pub use nodes::Node;
pub use otel_enrichment::OtelEnrichment;
pub use query_definitions::{QueryDefinition, QueryDefinitionPut};
pub use resource_metrics::{ResourceMetrics, ResourceMetricsCreated};
pub use scheduled_queries::{ScheduledQuery, ScheduledRun};
pub use sinks::{Sink, SinkDeletion};
pub use subscription_filters::{SubscriptionDefinition, SubscriptionFilter, SubscriptionFilterPut};
pub use subscriptions::{Subscription, SubscriptionCounts};
pub use syslog_configurations::{SyslogConfiguration, SyslogConfigurationPut};
pub use topics::Topic;
pub use trail_files::TrailFile;
pub use trail_spans::TrailSpan;
pub use trail_status::TrailStatus;
pub use trails::{TrailCreated, TrailRow, TrailSettings};
pub use vended_deliveries::{
    VendedDelivery, VendedDeliveryConfiguration, VendedDeliveryCreated, VendedDeliveryObjects,
};

use pool::Pool;
use sqlx::any::AnyConnectOptions;
use sqlx::pool::PoolOptions;
use sqlx::{Any, AnyConnection, AnyPool};
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

/// Answer of every catalog call.
pub type Result<T> = std::result::Result<T, Error>;

/// How a connection to SQLite is to behave: writes are durable when they return.
const SQLITE_SESSION: &str = "PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL";

/// The resources of one installation. Cheap to clone; all clones share one pool.
#[derive(Debug, Clone)]
pub struct Catalog {
    pool: Pool,
    log_ids: Arc<log_ids::LogIds>,
}

impl Catalog {
    /// Opens or creates the catalog at `path`, a file of SQLite, and brings its tables up to date. Writes are durable when they
    /// return (`synchronous=FULL`).
    pub async fn open(path: &Path) -> Result<Self> {
        // Few connections: SQLite has one writer, and readers are short.
        let pool = PoolOptions::<Any>::new().max_connections(4).after_connect(|connection, _| {
            Box::pin(async move { sqlx::raw_sql(SQLITE_SESSION).execute(connection).await.map(drop) })
        });
        Self::migrated(pool.connect_with(sqlite_file(path)?).await?).await
    }

    /// A catalog that lives in memory and is gone with the last clone: for tests.
    pub async fn in_memory() -> Result<Self> {
        #[cfg(test)]
        if let Some(catalog) = postgres::tests::fresh().await {
            return Ok(catalog);
        }
        sqlx::any::install_default_drivers();
        // One connection that never closes, for each connection to `:memory:` is a database of its own.
        let pool = PoolOptions::<Any>::new()
            .max_connections(1)
            .min_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with("sqlite::memory:".parse()?)
            .await?;
        Self::migrated(pool).await
    }

    async fn migrated(pool: AnyPool) -> Result<Self> {
        sqlx::migrate!("./migrations").run(&pool).await?;
        Ok(Self { pool: Pool::new(pool, false), log_ids: Arc::default() })
    }

    /// Whether the catalog is a database of PostgreSQL, which other servers can reach.
    pub fn is_postgres(&self) -> bool {
        self.pool.is_postgres()
    }

    /// Empties every table (development only: `POST /_trailwatch/reset`). Sequences go on, so ids are never reused; leases stay
    /// with their holders, and a cluster is what it was.
    pub async fn reset(&self) -> Result<()> {
        let mut transaction = self.pool.begin().await?;
        if self.is_postgres() {
            let tables: Vec<(String,)> = sqlx::query_as(
                "SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema() AND tablename::text NOT IN \
                 ('_sqlx_migrations', 'sequences', 'leases', 'nodes', 'cluster_keys')",
            )
            .fetch_all(&mut *transaction)
            .await?;
            let tables: Vec<String> = tables.into_iter().map(|(table,)| table).collect();
            let empty = format!("TRUNCATE {}", tables.join(", "));
            sqlx::query(sqlx::AssertSqlSafe(empty)).execute(&mut *transaction).await?;
        } else {
            sqlx::query("PRAGMA defer_foreign_keys = ON").execute(&mut *transaction).await?;
            let tables: Vec<(String,)> = sqlx::query_as(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE '_sqlx%' \
                 AND name NOT IN ('sequences', 'leases', 'nodes', 'cluster_keys')",
            )
            .fetch_all(&mut *transaction)
            .await?;
            for (table,) in tables {
                sqlx::query(sqlx::AssertSqlSafe(format!("DELETE FROM {table}"))).execute(&mut *transaction).await?;
            }
        }
        transaction.commit().await?;
        self.log_ids.forget_all();
        Ok(())
    }

    /// The next value of a named sequence, from 1; never given twice, unless the transaction is rolled back. It must be the
    /// transaction's first statement: one that reads first and writes later is refused by SQLite when another wrote between.
    async fn next_id(transaction: &mut AnyConnection, sequence: &str) -> Result<i64> {
        let (next,): (i64,) = sqlx::query_as(
            "INSERT INTO sequences (name, next_value) VALUES ($1, 1) \
             ON CONFLICT (name) DO UPDATE SET next_value = sequences.next_value + 1 RETURNING next_value",
        )
        .bind(sequence)
        .fetch_one(transaction)
        .await?;
        Ok(next)
    }

    /// From now on new log groups and streams get ids greater than these: records have them, and this catalog may not know whose
    /// they are.
    pub async fn reserve_log_ids(&self, group: model::GroupId, stream: model::StreamId) -> Result<()> {
        for (sequence, last) in [("log_groups", group.0), ("log_streams", stream.0)] {
            sqlx::query(
                "INSERT INTO sequences (name, next_value) VALUES ($1, $2) \
                 ON CONFLICT (name) DO UPDATE SET next_value = max(sequences.next_value, excluded.next_value)",
            )
            .bind(sequence)
            .bind(i64::try_from(last).unwrap_or(i64::MAX))
            .execute(&self.pool)
            .await?;
        }
        Ok(())
    }

    /// Closes all connections; pending writes are finished first.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// The file at `path` as a URL, which is how this pool's connections are told.
fn sqlite_file(path: &Path) -> Result<AnyConnectOptions> {
    sqlx::any::install_default_drivers();
    let path = std::path::absolute(path).map_err(sqlx::Error::Io)?;
    let mut url = String::from("sqlite://");
    for &byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => url.push(char::from(byte)),
            byte => write!(url, "%{byte:02X}").map_err(|error| sqlx::Error::Configuration(error.into()))?,
        }
    }
    url.push_str("?mode=rwc");
    Ok(url.parse()?)
}

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
mod marks;
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
mod transfer;
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
pub use copy::StillCatalog;
pub use dashboards::{Dashboard, DashboardEntry};
pub use data_protection::DataProtectionPolicy;
pub use deliveries::{DeadLetter, Delivery, NewDelivery, Publication};
pub use delivery_destinations::{DeliveryDestination, DeliveryDestinationPut};
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
pub use marks::{Mark, Marking};
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
pub use trail_files::{TrailFile, UndeliveredFiles};
pub use trail_spans::TrailSpan;
pub use trail_status::TrailStatus;
pub use trails::{TrailCreated, TrailRow, TrailSettings};
pub use transfer::CatalogFile;
pub use vended_deliveries::{
    VendedDelivery, VendedDeliveryConfiguration, VendedDeliveryCreated, VendedDeliveryObjects,
};

use pool::{Connection, Pool};
use sqlx::any::AnyConnectOptions;
use sqlx::migrate::Migrator;
use sqlx::pool::PoolOptions;
use sqlx::{Any, AnyPool, ConnectOptions as _, Connection as _};
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

/// Answer of every catalog call.
pub type Result<T> = std::result::Result<T, Error>;

/// What a reset leaves as it is.
const KEPT_BY_RESET: [&str; 4] = ["sequences", "leases", "nodes", "cluster_keys"];

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
        let options = sqlite_file(path)?;
        // Once without the pool, which tries again for half a minute where a damaged file or a full disk is to be told.
        let mut first = options.connect().await?;
        sqlx::raw_sql(SQLITE_SESSION).execute(&mut first).await?;
        first.close().await?;
        // Few connections: SQLite has one writer, and readers are short. One stays at least, so that others see the file in use.
        let pool =
            PoolOptions::<Any>::new().max_connections(4).min_connections(1).idle_timeout(None).max_lifetime(None);
        let pool = pool.after_connect(|connection, _| {
            Box::pin(async move { sqlx::raw_sql(SQLITE_SESSION).execute(connection).await.map(drop) })
        });
        Self::migrated(pool.connect_with(options).await?).await
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
        migrations().run(&pool).await?;
        Ok(Self { pool: Pool::new(pool, false), log_ids: Arc::default() })
    }

    /// Whether the catalog is a database of PostgreSQL, which other servers can reach.
    pub fn is_postgres(&self) -> bool {
        self.pool.is_postgres()
    }

    /// Empties every table (development only: `POST /_trailwatch/reset`). Sequences go on, so ids are never reused; leases stay
    /// with their holders, and a cluster is what it was.
    pub async fn reset(&self) -> Result<()> {
        let change = self.log_ids.change_all();
        let tables: Vec<String> =
            own_tables().into_iter().filter(|table| !KEPT_BY_RESET.contains(&table.as_str())).collect();
        let mut transaction = self.pool.begin().await?;
        if self.is_postgres() {
            let empty = format!("TRUNCATE {}", tables.join(", "));
            sqlx::query(sqlx::AssertSqlSafe(empty)).execute(&mut *transaction).await?;
        } else {
            sqlx::query("PRAGMA defer_foreign_keys = ON").execute(&mut *transaction).await?;
            for table in tables {
                sqlx::query(sqlx::AssertSqlSafe(format!("DELETE FROM {table}"))).execute(&mut *transaction).await?;
            }
        }
        change.settle(transaction.commit()).await?;
        Ok(())
    }

    /// The next value of a named sequence, from 1; never given twice, unless the transaction is rolled back. It must be the
    /// transaction's first statement: one that reads first and writes later is refused by SQLite when another wrote between.
    async fn next_id(transaction: &mut Connection, sequence: &str) -> Result<i64> {
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

/// The files that make the tables.
fn migrations() -> Migrator {
    sqlx::migrate!("./migrations")
}

/// The tables that these files make, and none of others who use the same database.
fn own_tables() -> Vec<String> {
    let files = migrations();
    let lines = files.iter().flat_map(|migration| migration.sql.as_str().lines());
    lines.filter_map(|line| Some(line.strip_prefix("CREATE TABLE ")?.split_once(' ')?.0.to_owned())).collect()
}

/// The file at `path` as a URL, which is how this pool's connections are told.
fn sqlite_file(path: &Path) -> Result<AnyConnectOptions> {
    sqlx::any::install_default_drivers();
    let refuse = |says: &str| {
        let says = format!("the catalog's path {} {says}", path.display());
        Error::Database(sqlx::Error::Configuration(says.into()))
    };
    // The folder as the system finds it: a URL takes `..` for the folder above by name, wherever a link leads.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = std::fs::canonicalize(folder).map_err(|error| refuse(&format!("is in no folder: {error}")))?;
    let path = folder.join(path.file_name().ok_or_else(|| refuse("has no name of a file"))?);
    let text = path.to_str().ok_or_else(|| refuse("is not UTF-8"))?;
    let mut url = String::from("sqlite://");
    for byte in text.bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => url.push(char::from(byte)),
            byte => write!(url, "%{byte:02X}").map_err(|error| sqlx::Error::Configuration(error.into()))?,
        }
    }
    url.push_str("?mode=rwc");
    Ok(url.parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    #[tokio::test]
    async fn the_tables_that_are_emptied_are_all_of_ours() {
        let catalog = Catalog::in_memory().await.unwrap();
        let sql = if catalog.is_postgres() {
            "SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema() AND tablename NOT LIKE '\\_sqlx%'"
        } else {
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE '_sqlx%'"
        };
        let there: Vec<(String,)> = sqlx::query_as(sql).fetch_all(&catalog.pool).await.unwrap();
        let mut there: Vec<String> = there.into_iter().map(|(table,)| table).collect();
        let mut ours = own_tables();
        there.sort();
        ours.sort();
        assert_eq!(ours, there);
    }

    #[tokio::test]
    async fn a_reset_leaves_alone_what_others_have_in_the_database() {
        let catalog = Catalog::in_memory().await.unwrap();
        for sql in ["CREATE TABLE of_others (n BIGINT)", "INSERT INTO of_others (n) VALUES (1)"] {
            sqlx::query(sql).execute(&catalog.pool).await.unwrap();
        }
        catalog.set_detection_position(7).await.unwrap();
        catalog.reset().await.unwrap();
        assert_eq!(catalog.detection_position().await.unwrap(), None);
        let left: Vec<(i64,)> = sqlx::query_as("SELECT n FROM of_others").fetch_all(&catalog.pool).await.unwrap();
        assert_eq!(left, [(1,)]);
    }

    /// What a pool would try again until it has no time left.
    #[tokio::test]
    async fn a_file_that_is_no_catalog_is_told_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("catalog.db");
        std::fs::write(&path, [0x5a; 8192]).unwrap();
        let error = Catalog::open(&path).await.unwrap_err().to_string();
        assert!(error.contains("not a database"), "{error}");
        let error = Catalog::open(&dir.path().join("absent/catalog.db")).await.unwrap_err().to_string();
        assert!(error.contains("absent/catalog.db"), "{error}");
    }

    #[tokio::test]
    async fn the_file_is_where_the_path_leads() {
        let dir = tempfile::tempdir().unwrap();
        let real = dir.path().join("elsewhere/below");
        std::fs::create_dir_all(&real).unwrap();
        std::os::unix::fs::symlink(&real, dir.path().join("link")).unwrap();
        let path = dir.path().join("link/../of me?.db");
        Catalog::open(&path).await.unwrap().close().await;
        assert!(dir.path().join("elsewhere/of me?.db").is_file());
        assert!(!dir.path().join("of me?.db").exists());
        let path = dir.path().join(OsStr::from_bytes(b"\xff.db"));
        let error = Catalog::open(&path).await.unwrap_err().to_string();
        assert!(error.contains("is not UTF-8") && error.contains(&path.display().to_string()), "{error}");
    }
}

//! Governance plane: CloudTrail operations, selectors, self-audit, import. Never imports `watch`.

pub mod aggregation;
pub mod audit;
pub mod cloudtrail;
pub mod cloudtrail_data;
mod coverage;
pub mod delivery;
mod derived;
pub mod detections;
pub mod digest;
mod event_configuration;
pub mod import;
pub mod insights;
mod json;
pub mod lake;
mod lake_access;
pub mod lake_dashboards;
mod lake_delivery;
mod lake_imports;
mod lake_view;
pub mod log_delivery;
pub mod record;
pub mod retention;
pub mod selectors;

use audit::DataAudit;
use catalog::Catalog;
use delivery::{NoTopics, Topics};
pub use derived::Failed as DerivedFailed;
use digest::keys::KeyStore;
use lake::LakeQueries;
use log_delivery::LogDelivery;
use model::buckets::{Buckets, NoBuckets};
use model::time::{DAY, HOUR, MINUTE};
use model::{Clock, Ids};
pub use query::insight_events::Settings as InsightSettings;
use query::lake::{Lake, NoLake};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use store::Store;
use tokio::sync::OwnedMutexGuard;
use wire::Operation;

/// What every operation of this plane works with.
#[derive(Clone)]
pub struct Trail {
    /// Records: audit events.
    pub store: Store,
    /// Resources: trails, channels.
    pub catalog: Catalog,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Identifiers.
    pub ids: Arc<dyn Ids>,
    /// Limits and leniency.
    pub settings: Settings,
    /// Where trails deliver to; none at first.
    pub buckets: Arc<dyn Buckets>,
    /// What the keys of digest files are made and kept with; without it no digest is written.
    pub digest_keys: Option<Arc<KeyStore>>,
    /// Who is told of delivered files; none at first.
    pub topics: Arc<dyn Topics>,
    /// Answers SQL over event data stores; nobody at first.
    pub lake: Arc<dyn Lake>,
    /// Queries of CloudTrail Lake that run.
    pub lake_queries: Arc<LakeQueries>,
    /// Imports into event data stores that run.
    imports: lake_imports::Running,
    /// Which data events trails ask for; refreshed by every operation that changes a trail.
    pub data_audit: DataAudit,
    /// Which audit events trails want in log groups; refreshed likewise.
    pub log_delivery: LogDelivery,
    /// One search for a signing key at a time.
    key_turn: Arc<tokio::sync::Mutex<()>>,
    /// One import at a time, so that two cannot both find an event missing.
    import_turn: Arc<tokio::sync::Mutex<()>>,
    /// Whoever keeps events longer, and each step that takes some away, one at a time.
    retention_turn: Arc<tokio::sync::Mutex<()>>,
    /// One reading of trails at a time, so that what changed later is dated later.
    refresh_turn: Arc<tokio::sync::Mutex<()>>,
    /// How often trails were read.
    refreshed: Arc<AtomicU64>,
}

/// What may differ from AWS by choice of the operator.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Most trails in one region of an account, shadows included (CloudTrail quotas: 5).
    pub trails_per_region_max: usize,
    /// Most channels in one region of an account (CloudTrail quotas: 25).
    pub channels_per_region_max: usize,
    /// LookupEvents as AWS has it is strict: 90 days, one attribute, management events. Lenient, it sees all of time,
    /// takes several attributes (all must match) and finds every category, account and region: for imported files.
    pub lenient_lookup: bool,
    /// How much time a digest file covers, ms: whole seconds (AWS: an hour).
    pub digest_interval: i64,
    /// How long a key signs digest files, ms (keys of AWS: 30 days).
    pub key_rotation: i64,
    /// The organization whose management account every account here is, such as `o-exampleorgid`; without one there are no
    /// organization trails.
    pub organization_id: Option<String>,
    /// How Insights counts and compares.
    pub insights: InsightSettings,
    /// How much time an aggregated event covers, ms (AWS: five minutes).
    pub aggregation_window: i64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            trails_per_region_max: 5,
            channels_per_region_max: 25,
            lenient_lookup: false,
            digest_interval: HOUR,
            key_rotation: 30 * DAY,
            organization_id: None,
            insights: InsightSettings { period_ms: MINUTE, baseline_ms: 7 * DAY, training_ms: 36 * HOUR },
            aggregation_window: 5 * MINUTE,
        }
    }
}

impl Trail {
    /// The plane over its store and catalog; reads the trails that log, to know which data events they ask for.
    pub async fn new(
        store: Store,
        catalog: Catalog,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
        settings: Settings,
    ) -> Result<Self, catalog::Error> {
        let trail = Self::over(store, catalog, clock, ids, settings);
        trail.catalog.clamp_trail_spans(trail.store.event_sequence() as i64).await?;
        trail.catalog.fail_lake_queries(trail.clock.now()).await?;
        trail.catalog.stop_trail_imports(trail.clock.now()).await?;
        trail.refresh_trails().await?;
        Ok(trail)
    }

    /// The plane over a store and a catalog that others write to, for calls that only read.
    pub async fn reading(
        store: Store,
        catalog: Catalog,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
        settings: Settings,
    ) -> Result<Self, catalog::Error> {
        let trail = Self::over(store, catalog, clock, ids, settings);
        trail.reread_trails().await?;
        Ok(trail)
    }

    fn over(store: Store, catalog: Catalog, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>, settings: Settings) -> Self {
        Self {
            store,
            catalog,
            clock,
            ids,
            settings,
            buckets: Arc::new(NoBuckets),
            topics: Arc::new(NoTopics),
            digest_keys: None,
            lake: Arc::new(NoLake),
            lake_queries: Arc::default(),
            imports: Arc::default(),
            data_audit: DataAudit::default(),
            log_delivery: LogDelivery::default(),
            key_turn: Arc::default(),
            import_turn: Arc::default(),
            retention_turn: Arc::default(),
            refresh_turn: Arc::default(),
            refreshed: Arc::default(),
        }
    }

    /// Reads again what trails ask for. Every operation that changes a trail does, but those for which there is [`Trail::hold`]; so
    /// must whoever changes them otherwise.
    /// What changed since the last reading counts for delivery from the next event on.
    pub async fn refresh_trails(&self) -> Result<(), catalog::Error> {
        let turn = Arc::clone(&self.refresh_turn).lock_owned().await;
        self.refresh(&turn).await
    }

    /// Keeps what trails ask for as it is, before a call that ends what a trail takes; `None` for any other operation. AWS
    /// delivers the event of such a call to the trail that it ends, and so do we: whoever runs the call stores its audit event,
    /// and then releases.
    pub async fn hold(&self, operation: &str) -> Option<Held> {
        if !matches!(operation, "StopLogging" | "DeleteTrail") {
            return None;
        }
        let turn = Arc::clone(&self.refresh_turn).lock_owned().await;
        Some(Held { trail: self.clone(), turn })
    }

    async fn refresh(&self, _: &OwnedMutexGuard<()>) -> Result<(), catalog::Error> {
        self.catalog.sync_digest_chains(self.clock.now()).await?;
        self.catalog.sync_trail_spans(self.store.event_sequence() as i64).await?;
        self.reread_trails().await
    }

    /// Reads again what trails ask for, after another node has changed it.
    pub async fn reread_trails(&self) -> Result<(), catalog::Error> {
        let trails = self.catalog.logging_trails().await?;
        self.data_audit.set(&trails, &self.catalog.enabled_event_data_stores().await?);
        self.log_delivery.set(&trails);
        self.refreshed.fetch_add(1, Ordering::AcqRel);
        Ok(())
    }

    /// Rises whenever what trails ask for may have changed.
    pub fn generation(&self) -> u64 {
        self.refreshed.load(Ordering::Acquire)
    }
}

/// What trails ask for does not change while this is held; see [`Trail::hold`].
pub struct Held {
    trail: Trail,
    turn: OwnedMutexGuard<()>,
}

impl Held {
    /// Reads again what trails ask for, as [`Trail::refresh_trails`] does.
    pub async fn release(self) -> Result<(), catalog::Error> {
        self.trail.refresh(&self.turn).await
    }
}

/// Every implemented call of this plane: routing, audit, authorisation and documentation are derived from it.
pub fn operations() -> Vec<Operation<Trail>> {
    let mut operations = cloudtrail::operations();
    operations.extend(cloudtrail_data::operations());
    operations
}

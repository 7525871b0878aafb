//! Operations plane: CloudWatch, CloudWatch Logs, SNS, Application Signals and observability access manager operations, filter patterns at work,
//! alarms, notifications. Never
//! imports `trail`.

pub mod alarms;
pub mod application_signals;
mod buckets;
pub mod cloudwatch;
mod dimensions;
mod entity;
pub mod http_logs;
pub mod investigate;
mod linked;
pub mod logs;
mod maintain;
pub mod metric_data;
pub mod notify;
pub mod oam;
pub mod otlp;
pub mod promql;
mod reading;
mod regions;
pub mod remote_write;
pub mod sns;
pub mod syslog;

pub use maintain::maintain;

use catalog::Catalog;
use model::buckets::Buckets;
use model::{Clock, Ids};
use std::sync::Arc;
use store::Store;
use wire::Operation;

/// What every operation of this plane works with.
#[derive(Clone)]
pub struct Watch {
    /// Records: log events and datapoints.
    pub store: Store,
    /// Resources: groups, streams, alarms, dashboards, topics.
    pub catalog: Catalog,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Identifiers.
    pub ids: Arc<dyn Ids>,
    /// Notifications on their way to receivers.
    pub notify: Arc<notify::Notify>,
    /// Log events on their way to receivers.
    pub subscriptions: Arc<logs::subscriptions::Subscriptions>,
    /// How much came in of log events.
    pub incoming: Arc<logs::Incoming>,
    /// Models of anomaly detection bands, trained lately.
    pub bands: Arc<metric_data::Models>,
    /// Live tail sessions that are open.
    pub live_tails: Arc<logs::LiveTails>,
    /// Metric filters of log groups, ready to match.
    pub group_filters: Arc<logs::GroupFilters>,
    /// Queries of Logs Insights that run.
    pub queries: Arc<logs::Queries>,
    /// How the events of log groups are shown, asked for lately.
    pub rules: Arc<logs::RulesOfGroups>,
    /// What policies say, for calls that ask for more than their own action allows.
    pub access: access::Access,
    /// Where objects are written to.
    pub buckets: Arc<dyn Buckets>,
    /// Who observes alarms besides this server.
    pub observers: Arc<dyn alarms::observers::Observers>,
}

/// Every implemented call of this plane: routing, audit, authorisation and documentation are derived from it.
pub fn operations() -> Vec<Operation<Watch>> {
    let mut operations = cloudwatch::operations();
    operations.extend(logs::operations());
    operations.extend(sns::operations());
    operations.extend(application_signals::operations());
    operations.extend(oam::operations());
    operations
}

//! What the client put of a scheduled query, as it is kept: JSON in the catalog.

use super::schedule::Schedule;
use super::{START_OFFSET_SECS, refused, s3};
use crate::Watch;
use crate::logs::query_access::check_later;
use crate::logs::start_query;
use model::{Caller, Timestamp};
use serde::{Deserialize, Serialize};
use wire::ApiError;
use wire::logs::{DestinationConfiguration, LookupTableConfiguration, S3Configuration};

/// What the client put.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Document {
    pub(super) description: Option<String>,
    pub(super) language: String,
    pub(super) expression: String,
    pub(super) log_groups: Vec<String>,
    pub(super) schedule: String,
    pub(super) time_zone: Option<String>,
    pub(super) start_offset_secs: Option<i64>,
    pub(super) end_offset_secs: Option<i64>,
    pub(super) lookup_table: Option<TableDestination>,
    pub(super) s3: Option<S3Destination>,
    pub(super) starts_ms: Option<i64>,
    pub(super) ends_ms: Option<i64>,
    pub(super) role: String,
}

/// The lookup table that answers go to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct TableDestination {
    pub(super) name: String,
    pub(super) role: String,
    pub(super) description: Option<String>,
    pub(super) kms_key_id: Option<String>,
}

/// The bucket that answers go to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct S3Destination {
    /// `s3://bucket/prefix`.
    pub(super) uri: String,
    pub(super) role: String,
    pub(super) owner: Option<String>,
}

impl Document {
    /// As it is kept.
    pub(super) fn text(&self) -> Result<String, ApiError> {
        serde_json::to_string(self)
            .map_err(|error| store::Error::Bug(format!("write a scheduled query: {error}")).into())
    }

    /// Refuses what could never run, and what the caller may not query.
    pub(super) async fn check(&self, watch: &Watch, caller: &Caller) -> Result<Schedule, ApiError> {
        let schedule = Schedule::parse(&self.schedule, self.time_zone.as_deref());
        let schedule = schedule.map_err(|reason| refused(format!("Invalid schedule expression: {reason}")))?;
        let query = start_query::parse(&self.language, &self.expression).await;
        let query = query.map_err(|error| refused(format!("Invalid query: {}", error.message())))?;
        if self.log_groups.is_empty() && query.source.is_none() {
            return Err(refused("At least one log group must be specified."));
        }
        check_later(watch, caller, &query, &self.log_groups).await?;
        let (start, end) = (self.start_offset_secs.unwrap_or(START_OFFSET_SECS), self.end_offset_secs.unwrap_or(0));
        if end < 0 || start <= end {
            return Err(refused("startTimeOffset must be greater than endTimeOffset, which must not be negative."));
        }
        if matches!((self.starts_ms, self.ends_ms), (Some(starts), Some(ends)) if starts >= ends) {
            return Err(refused("scheduleStartTime must be before scheduleEndTime."));
        }
        Ok(schedule)
    }

    /// The first time after `at` that it runs.
    pub(super) fn next(&self, schedule: &Schedule, at: Timestamp) -> Option<Timestamp> {
        let at = self.starts_ms.map_or(at, |starts| at.max(Timestamp(starts) - 1));
        schedule.first_after(at).filter(|next| self.ends_ms.is_none_or(|ends| next.0 <= ends))
    }

    /// The document with what the client says of destinations.
    pub(super) fn deliver_to(mut self, given: Option<DestinationConfiguration>) -> Result<Self, ApiError> {
        let Some(given) = given else { return Ok(self) };
        self.lookup_table = given.lookup_table_configuration.map(|table| TableDestination {
            name: table.table_name,
            role: table.role_arn,
            description: table.description,
            kms_key_id: table.kms_key_id,
        });
        self.s3 = given.s3_configuration.map(s3::destination).transpose()?;
        Ok(self)
    }

    /// As the client is shown them.
    pub(super) fn destinations(&self) -> Option<DestinationConfiguration> {
        if self.lookup_table.is_none() && self.s3.is_none() {
            return None;
        }
        let table = |table: TableDestination| LookupTableConfiguration {
            table_name: table.name,
            role_arn: table.role,
            description: table.description,
            kms_key_id: table.kms_key_id,
            tags: None,
        };
        let bucket = |bucket: S3Destination| S3Configuration {
            destination_identifier: bucket.uri,
            role_arn: bucket.role,
            owner_account_id: bucket.owner,
            kms_key_id: None,
        };
        Some(DestinationConfiguration {
            s3_configuration: self.s3.clone().map(bucket),
            lookup_table_configuration: self.lookup_table.clone().map(table),
        })
    }
}

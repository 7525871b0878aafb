//! The scheduled query that is managed for a log alarm, as the calls about scheduled queries show it.

use super::document::Document;
use catalog::{LogCriteria, ManagedQuery};
use std::collections::BTreeMap;
use wire::ApiError;

/// The query of the alarm `alarm`; what is asked for holds its id.
pub(crate) fn managed_query(
    alarm: &str,
    log: &LogCriteria,
    tags: BTreeMap<String, String>,
) -> Result<ManagedQuery, ApiError> {
    let document = Document {
        description: Some(format!("Managed by CloudWatch for the log alarm {alarm}")),
        language: "CWLI".into(),
        expression: log.query.clone(),
        log_groups: log.log_groups.clone(),
        schedule: log.schedule.clone(),
        time_zone: None,
        start_offset_secs: Some(log.start_offset_secs),
        end_offset_secs: log.end_offset_secs,
        lookup_table: None,
        s3: None,
        starts_ms: None,
        ends_ms: None,
        role: log.role.clone(),
    };
    // The id keeps it from having the name of a customer's query, which may be changed or made at any time.
    let name = format!("cloudwatch-alarm-{}", log.scheduled_query_id);
    Ok(ManagedQuery { name, document: document.text()?, tags })
}

//! What CreateEventDataStore and UpdateEventDataStore refuse.

use super::advanced_of;
use crate::Trail;
use crate::cloudtrail::trail_settings::key_arn;
use crate::lake::{categories, selectors_of};
use crate::selectors::{AdvancedEventSelector, FieldSelector, Selectors, check};
use catalog::{EventDataStore, EventDataStoreSettings};
use model::Scope;
use wire::ApiError;
use wire::cloudtrail::{self as ct, errors};

/// `BillingMode` with retention of up to ten years.
pub(super) const EXTENDABLE: &str = "EXTENDABLE_RETENTION_PRICING";
const FIXED: &str = "FIXED_RETENTION_PRICING";
/// CreateEventDataStore reference: longest retention by billing mode, days; the model has the shortest.
const EXTENDABLE_DAYS_MAX: i32 = 3653;
const FIXED_DAYS_MAX: i32 = 2557;

/// Retention when the client does not say.
pub(super) fn retention_days(billing_mode: &str) -> i32 {
    if billing_mode == FIXED { FIXED_DAYS_MAX } else { 366 }
}

/// Selectors of a request as they are kept; all management events when it has none.
pub(super) fn selectors(shapes: Option<Vec<ct::AdvancedEventSelector>>) -> Result<String, ApiError> {
    let given = shapes.filter(|shapes| !shapes.is_empty());
    let selectors: Vec<AdvancedEventSelector> = match given {
        Some(shapes) => shapes.into_iter().map(advanced_of).collect(),
        None => vec![management()],
    };
    check::lake(&selectors).map_err(|text| ApiError::new(&errors::INVALID_EVENT_SELECTORS_EXCEPTION, text))?;
    Ok(serde_json::to_string(&Selectors::Advanced(selectors)).map_err(catalog::Error::from)?)
}

fn management() -> AdvancedEventSelector {
    let category =
        FieldSelector { field: "eventCategory".into(), equals: vec!["Management".into()], ..FieldSelector::default() };
    AdvancedEventSelector { name: Some("Default management events".into()), fields: vec![category] }
}

/// The KMS key of a request as an ARN.
pub(super) fn key(key: Option<String>, scope: &Scope) -> Result<Option<String>, ApiError> {
    key.filter(|key| !key.is_empty()).map(|key| key_arn(&key, scope)).transpose()
}

/// Checks settings as a whole.
pub(super) fn check(trail: &Trail, settings: &EventDataStoreSettings) -> Result<(), ApiError> {
    let max = if settings.billing_mode == FIXED { FIXED_DAYS_MAX } else { EXTENDABLE_DAYS_MAX };
    if settings.retention_days > max {
        let mode = &settings.billing_mode;
        let text = format!("The retention period must be at most {max} days with the billing mode {mode}.");
        return Err(ApiError::new(&errors::INVALID_PARAMETER_EXCEPTION, text));
    }
    if settings.organization && trail.settings.organization_id.is_none() {
        let text = "The account is not a member of an organization: the configuration names none.";
        return Err(ApiError::new(&errors::ORGANIZATIONS_NOT_IN_USE_EXCEPTION, text));
    }
    Ok(())
}

/// UpdateEventDataStore reference: from fixed to extendable retention only.
pub(super) fn check_mode_change(from: &str, to: &str) -> Result<(), ApiError> {
    if from == EXTENDABLE && to == FIXED {
        let text = format!("The billing mode cannot be changed from {EXTENDABLE} to {FIXED}.");
        return Err(ApiError::new(&errors::INVALID_PARAMETER_EXCEPTION, text));
    }
    Ok(())
}

/// UpdateEventDataStore reference: a key that a store has stays.
pub(super) fn check_key_change(from: Option<&str>, to: Option<&str>) -> Result<(), ApiError> {
    if from.is_some() && from != to {
        let text = "The KMS key of an event data store cannot be removed or changed.";
        return Err(ApiError::new(&errors::INVALID_PARAMETER_EXCEPTION, text));
    }
    Ok(())
}

/// StartEventDataStoreIngestion reference: stores of these categories start and stop.
pub(super) fn check_category(row: &EventDataStore) -> Result<(), ApiError> {
    let allowed = ["Management", "Data", "NetworkActivity", "ConfigurationItem"];
    if categories(&selectors_of(row)).iter().all(|category| allowed.contains(&category.as_str())) {
        return Ok(());
    }
    let text = "Ingestion starts and stops for event data stores of the event categories Management, Data, NetworkActivity \
                and ConfigurationItem only.";
    Err(ApiError::new(&errors::INVALID_EVENT_DATA_STORE_CATEGORY_EXCEPTION, text))
}

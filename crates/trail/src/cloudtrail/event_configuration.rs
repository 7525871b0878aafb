//! PutEventConfiguration, GetEventConfiguration: how large events of an event data store may be and what is added to them, and
//! which summaries a trail makes of its data events.
//!
//! AWS: <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_PutEventConfiguration.html>. Size and context keys are of event
//! data stores, aggregation is of trails. A member that is left out stays as it is; an empty list takes all away. Request keys are
//! those of IAM's global condition keys; AWS's words for a refusal are not known.

use super::event_data_stores::active;
use super::put_insight_selectors::combination;
use super::trails;
use crate::Trail;
use crate::aggregation::TEMPLATES;
use crate::event_configuration::{ContextKeys, EventConfiguration, LARGE, STANDARD};
use crate::lake::{categories, selectors_of};
use crate::lake_view::REQUEST_KEYS;
use catalog::{EventDataStore, EventSetting, TrailRow};
use model::{Caller, arn};
use query::lake::AS_RECORDED;
use wire::cloudtrail::{
    self as ct, GetEventConfigurationRequest, GetEventConfigurationResponse, PutEventConfigurationRequest,
    PutEventConfigurationResponse, errors,
};
use wire::{Access, ApiError, Audit, Operation, operation};

pub(super) fn operations() -> Vec<Operation<Trail>> {
    use Audit::Management;
    vec![
        operation!(Access::Write, Management, ct::PutEventConfiguration, put),
        operation!(Access::Read, Management, ct::GetEventConfiguration, get),
    ]
}

async fn put(
    trail: &Trail,
    caller: &Caller,
    input: PutEventConfigurationRequest,
) -> Result<PutEventConfigurationResponse, ApiError> {
    let shown = match (&input.trail_name, &input.event_data_store) {
        (Some(name), None) => {
            let name = name.clone();
            put_trail(trail, caller, &name, input).await?
        }
        (None, Some(store)) => {
            let store = store.clone();
            put_store(trail, caller, &store, input).await?
        }
        (Some(_), Some(_)) => return Err(combination("Specify either TrailName or EventDataStore, not both.")),
        (None, None) => return Err(combination("Specify either TrailName or EventDataStore.")),
    };
    Ok(PutEventConfigurationResponse {
        trail_arn: shown.trail_arn,
        event_data_store_arn: shown.event_data_store_arn,
        max_event_size: shown.max_event_size,
        context_key_selectors: shown.context_key_selectors,
        aggregation_configurations: shown.aggregation_configurations,
    })
}

async fn put_trail(
    trail: &Trail,
    caller: &Caller,
    name: &str,
    input: PutEventConfigurationRequest,
) -> Result<GetEventConfigurationResponse, ApiError> {
    if input.max_event_size.is_some() || input.context_key_selectors.is_some() {
        return Err(combination("MaxEventSize and ContextKeySelectors can be specified for event data stores only."));
    }
    let Some(aggregations) = input.aggregation_configurations else {
        return Err(parameter("AggregationConfigurations is required for a trail."));
    };
    let row = trails::find_home(trail, caller, name).await?;
    let mut templates: Vec<String> = aggregations.into_iter().flat_map(|aggregation| aggregation.templates).collect();
    // In AWS's order, each once; which there are the model has checked.
    templates.sort_by_key(|template| TEMPLATES.iter().position(|known| known == template));
    templates.dedup();
    if !templates.is_empty() && !trails::selectors_of(&row).want_data() {
        return Err(parameter("To aggregate data events, the trail must log data events."));
    }
    let configuration = EventConfiguration { templates, ..EventConfiguration::default() };
    let document = serde_json::to_string(&configuration).map_err(catalog::Error::from)?;
    let setting = EventSetting::Configuration;
    if !trail.catalog.set_trail_events(&row.scope, &row.name, setting, Some(&document)).await? {
        let text = "The trail was deleted by another request at the same time.";
        return Err(ApiError::new(&errors::CONFLICT_EXCEPTION, text));
    }
    trail.refresh_trails().await?;
    Ok(of_trail(&row, configuration))
}

async fn put_store(
    trail: &Trail,
    caller: &Caller,
    store: &str,
    input: PutEventConfigurationRequest,
) -> Result<GetEventConfigurationResponse, ApiError> {
    if input.aggregation_configurations.is_some() {
        return Err(combination("AggregationConfigurations can be specified for trails only."));
    }
    let row = configurable(trail, caller, store).await?;
    let mut configuration = EventConfiguration::stored(row.event_configuration.as_deref());
    configuration.max_event_size = input.max_event_size.or(configuration.max_event_size);
    if let Some(selectors) = input.context_key_selectors {
        configuration.context_keys = selectors.into_iter().map(context_keys).collect();
    }
    check(&configuration)?;
    let document = serde_json::to_string(&configuration).map_err(catalog::Error::from)?;
    let setting = EventSetting::Configuration;
    trail.catalog.set_event_data_store_events(&row.scope, &row.id, setting, Some(&document)).await?;
    Ok(of_store(&row, configuration))
}

fn context_keys(shape: ct::ContextKeySelector) -> ContextKeys {
    let mut keys = shape.equals;
    keys.sort();
    keys.dedup();
    ContextKeys { kind: shape.r#type, keys }
}

fn check(configuration: &EventConfiguration) -> Result<(), ApiError> {
    let selectors = &configuration.context_keys;
    if !selectors.is_empty() && !configuration.is_large() {
        return Err(parameter("MaxEventSize must be Large when ContextKeySelectors are specified."));
    }
    if let [first, second] = selectors.as_slice()
        && first.kind == second.kind
    {
        return Err(parameter("Each type of ContextKeySelectors can be specified only once."));
    }
    for selector in selectors.iter().filter(|selector| selector.kind == "RequestContext") {
        let is_known = |key: &String| REQUEST_KEYS.iter().any(|known| known.eq_ignore_ascii_case(key));
        if let Some(key) = selector.keys.iter().find(|key| !is_known(key)) {
            let text = format!("The key {key} is not an IAM global condition key that events can be enriched with.");
            return Err(ApiError::new(&errors::INVALID_PARAMETER_EXCEPTION, text));
        }
    }
    Ok(())
}

async fn get(
    trail: &Trail,
    caller: &Caller,
    input: GetEventConfigurationRequest,
) -> Result<GetEventConfigurationResponse, ApiError> {
    match (input.trail_name, input.event_data_store) {
        (Some(name), None) => {
            let row = trails::find(trail, caller, &name).await?;
            let configuration = EventConfiguration::stored(row.event_configuration.as_deref());
            Ok(of_trail(&row, configuration))
        }
        (None, Some(store)) => {
            let row = configurable(trail, caller, &store).await?;
            let configuration = EventConfiguration::stored(row.event_configuration.as_deref());
            Ok(of_store(&row, configuration))
        }
        (Some(_), Some(_)) => Err(combination("Specify either TrailName or EventDataStore, not both.")),
        (None, None) => Err(combination("Specify either TrailName or EventDataStore.")),
    }
}

/// A store of events of AWS calls: others have no configuration.
async fn configurable(trail: &Trail, caller: &Caller, store: &str) -> Result<EventDataStore, ApiError> {
    let row = active(trail, caller, store).await?;
    if categories(&selectors_of(&row)).iter().all(|category| AS_RECORDED.contains(&category.as_str())) {
        return Ok(row);
    }
    let text = "Event configurations are of event data stores of the event categories Management, Data and NetworkActivity only.";
    Err(ApiError::new(&errors::INVALID_EVENT_DATA_STORE_CATEGORY_EXCEPTION, text))
}

fn of_trail(row: &TrailRow, configuration: EventConfiguration) -> GetEventConfigurationResponse {
    let aggregation = |templates| ct::AggregationConfiguration { templates, event_category: "Data".into() };
    let templates = Some(configuration.templates).filter(|templates| !templates.is_empty());
    GetEventConfigurationResponse {
        trail_arn: Some(arn::trail(&row.scope, &row.name)),
        aggregation_configurations: Some(templates.map(aggregation).into_iter().collect()),
        ..GetEventConfigurationResponse::default()
    }
}

fn of_store(row: &EventDataStore, configuration: EventConfiguration) -> GetEventConfigurationResponse {
    let selector = |keys: ContextKeys| ct::ContextKeySelector { r#type: keys.kind, equals: keys.keys };
    let size = if configuration.is_large() { LARGE } else { STANDARD };
    GetEventConfigurationResponse {
        event_data_store_arn: Some(arn::event_data_store(&row.scope, &row.id)),
        max_event_size: Some(size.into()),
        context_key_selectors: Some(configuration.context_keys.into_iter().map(selector).collect()),
        ..GetEventConfigurationResponse::default()
    }
}

fn parameter(text: &'static str) -> ApiError {
    ApiError::new(&errors::INVALID_PARAMETER_EXCEPTION, text)
}

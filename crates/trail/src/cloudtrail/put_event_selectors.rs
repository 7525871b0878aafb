//! PutEventSelectors: says which events a trail keeps. Basic and advanced selectors replace each other.

use super::trails;
use crate::Trail;
use crate::selectors::{
    AdvancedEventSelector, DataResource, EventSelector, FieldSelector, ReadWriteType, Selectors, check,
};
use model::{Caller, arn};
use wire::ApiError;
use wire::cloudtrail::{self as ct, PutEventSelectorsRequest, PutEventSelectorsResponse, errors};

pub(super) async fn put_event_selectors(
    trail: &Trail,
    caller: &Caller,
    input: PutEventSelectorsRequest,
) -> Result<PutEventSelectorsResponse, ApiError> {
    let row = trails::find_home(trail, caller, &input.trail_name).await?;
    let invalid = |text: String| ApiError::new(&errors::INVALID_EVENT_SELECTORS_EXCEPTION, text);
    let basic = input.event_selectors.filter(|selectors| !selectors.is_empty());
    let advanced = input.advanced_event_selectors.filter(|selectors| !selectors.is_empty());
    let selectors = match (basic, advanced) {
        (Some(basic), None) => {
            let selectors: Vec<_> = basic.into_iter().map(basic_of).collect();
            check::basic(&selectors).map_err(invalid)?;
            Selectors::Basic(selectors)
        }
        (None, Some(advanced)) => {
            let selectors: Vec<_> = advanced.into_iter().map(advanced_of).collect();
            check::advanced(&selectors).map_err(invalid)?;
            Selectors::Advanced(selectors)
        }
        (Some(_), Some(_)) => {
            return Err(invalid("Specify either event selectors or advanced event selectors, not both.".into()));
        }
        (None, None) => {
            return Err(invalid("Specify a valid number of selectors (1 to 5) for your trail.".into()));
        }
    };
    let document = serde_json::to_string(&selectors).map_err(catalog::Error::from)?;
    if !trail.catalog.set_trail_selectors(&row.scope, &row.name, &document).await? {
        let text = "The trail was deleted by another request at the same time.";
        return Err(ApiError::new(&errors::CONFLICT_EXCEPTION, text));
    }
    trail.refresh_trails().await?;
    let (event_selectors, advanced_event_selectors) = match &selectors {
        Selectors::Basic(selectors) => (Some(basic_shapes(selectors)), None),
        Selectors::Advanced(selectors) => (None, Some(advanced_shapes(selectors))),
    };
    let trail_arn = Some(arn::trail(&row.scope, &row.name));
    Ok(PutEventSelectorsResponse { trail_arn, event_selectors, advanced_event_selectors })
}

fn basic_of(shape: ct::EventSelector) -> EventSelector {
    EventSelector {
        read_write_type: match shape.read_write_type.as_deref() {
            Some("ReadOnly") => ReadWriteType::ReadOnly,
            Some("WriteOnly") => ReadWriteType::WriteOnly,
            // The model's list was checked on reading; absent means all.
            _ => ReadWriteType::All,
        },
        include_management_events: shape.include_management_events.unwrap_or(true),
        data_resources: shape
            .data_resources
            .unwrap_or_default()
            .into_iter()
            .map(|resource| DataResource {
                resource_type: resource.r#type.unwrap_or_default(),
                values: resource.values.unwrap_or_default(),
            })
            .collect(),
        exclude_management_event_sources: shape.exclude_management_event_sources.unwrap_or_default(),
    }
}

/// An advanced selector of a request.
pub(super) fn advanced_of(shape: ct::AdvancedEventSelector) -> AdvancedEventSelector {
    let fields = shape.field_selectors.into_iter().map(|field| FieldSelector {
        field: field.field,
        equals: field.equals.unwrap_or_default(),
        starts_with: field.starts_with.unwrap_or_default(),
        ends_with: field.ends_with.unwrap_or_default(),
        not_equals: field.not_equals.unwrap_or_default(),
        not_starts_with: field.not_starts_with.unwrap_or_default(),
        not_ends_with: field.not_ends_with.unwrap_or_default(),
    });
    AdvancedEventSelector { name: shape.name, fields: fields.collect() }
}

/// Basic selectors as the wire shows them, every member filled.
pub(super) fn basic_shapes(selectors: &[EventSelector]) -> Vec<ct::EventSelector> {
    let one = |selector: &EventSelector| ct::EventSelector {
        read_write_type: Some(
            match selector.read_write_type {
                ReadWriteType::ReadOnly => "ReadOnly",
                ReadWriteType::WriteOnly => "WriteOnly",
                ReadWriteType::All => "All",
            }
            .to_owned(),
        ),
        include_management_events: Some(selector.include_management_events),
        data_resources: Some(
            selector
                .data_resources
                .iter()
                .map(|resource| ct::DataResource {
                    r#type: Some(resource.resource_type.clone()),
                    values: Some(resource.values.clone()),
                })
                .collect(),
        ),
        exclude_management_event_sources: Some(selector.exclude_management_event_sources.clone()),
    };
    selectors.iter().map(one).collect()
}

/// Advanced selectors as the wire shows them, unused operators left out.
pub(super) fn advanced_shapes(selectors: &[AdvancedEventSelector]) -> Vec<ct::AdvancedEventSelector> {
    let used = |values: &[String]| (!values.is_empty()).then(|| values.to_vec());
    let field = |field: &FieldSelector| ct::AdvancedFieldSelector {
        field: field.field.clone(),
        equals: used(&field.equals),
        starts_with: used(&field.starts_with),
        ends_with: used(&field.ends_with),
        not_equals: used(&field.not_equals),
        not_starts_with: used(&field.not_starts_with),
        not_ends_with: used(&field.not_ends_with),
    };
    let one = |selector: &AdvancedEventSelector| ct::AdvancedEventSelector {
        name: selector.name.clone(),
        field_selectors: selector.fields.iter().map(field).collect(),
    };
    selectors.iter().map(one).collect()
}

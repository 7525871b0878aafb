//! What PutEventSelectors refuses, for trails, and CreateEventDataStore, for event data stores: every rule answers AWS's
//! InvalidEventSelectorsException.

use super::{AdvancedEventSelector, EventSelector, FieldSelector};

/// PutEventSelectors reference: most basic selectors of a trail.
const BASIC_MAX: usize = 5;
/// PutEventSelectors reference: most data resource values over all basic selectors.
const DATA_VALUES_MAX: usize = 250;
/// PutEventSelectors reference: most values over all conditions of all advanced selectors.
const CONDITION_VALUES_MAX: usize = 500;
/// EventSelector reference: the only sources that can be excluded.
const EXCLUDABLE: [&str; 2] = ["kms.amazonaws.com", "rdsdata.amazonaws.com"];

/// The first rule that basic selectors break, in words for the client.
pub fn basic(selectors: &[EventSelector]) -> Result<(), String> {
    if selectors.is_empty() || selectors.len() > BASIC_MAX {
        return Err(format!("Specify a valid number of selectors (1 to {BASIC_MAX}) for your trail."));
    }
    for selector in selectors {
        for source in &selector.exclude_management_event_sources {
            if !EXCLUDABLE.contains(&source.as_str()) {
                return Err(format!("Value {source} for ExcludeManagementEventSources is invalid."));
            }
        }
        for resource in &selector.data_resources {
            for value in &resource.values {
                if !value_is_valid(&resource.resource_type, value)? {
                    return Err(format!("Value {value} for DataResources.Values is invalid."));
                }
            }
            value_is_valid(&resource.resource_type, "")?;
        }
    }
    let values: usize = selectors.iter().flat_map(|s| &s.data_resources).map(|d| d.values.len()).sum();
    if values > DATA_VALUES_MAX {
        return Err(format!(
            "Specify a valid number of DataResources.Values (0 to {DATA_VALUES_MAX}) for all your selectors."
        ));
    }
    Ok(())
}

/// Whether a value fits its type; an unknown type is the error.
fn value_is_valid(resource_type: &str, value: &str) -> Result<bool, String> {
    let service = match resource_type {
        "AWS::S3::Object" => "s3",
        "AWS::Lambda::Function" => "lambda",
        "AWS::DynamoDB::Table" => "dynamodb",
        other => return Err(format!("Value {other} for DataResources.Type is invalid.")),
    };
    let mut parts = value.splitn(6, ':');
    let head = (parts.next(), parts.next().is_some_and(|p| p == "aws" || p.starts_with("aws-")), parts.next());
    if head != (Some("arn"), true, Some(service)) {
        return Ok(false);
    }
    let rest: Vec<&str> = parts.collect();
    let all = rest.iter().all(|part| part.is_empty());
    Ok(all
        || match (service, rest.as_slice()) {
            ("s3", ["", "", resource]) => {
                resource.split_once('/').is_some_and(|(bucket, _)| !bucket.is_empty() && !bucket.contains('*'))
            }
            ("lambda", [region, account, resource]) => {
                !region.is_empty()
                    && !account.is_empty()
                    && resource.starts_with("function:")
                    && !resource.contains('*')
            }
            ("dynamodb", [region, account, resource]) => {
                !region.is_empty() && !account.is_empty() && resource.starts_with("table/") && !resource.contains('*')
            }
            _ => false,
        })
}

/// The first rule that advanced selectors of a trail break, in words for the client.
pub fn advanced(selectors: &[AdvancedEventSelector]) -> Result<(), String> {
    if selectors.is_empty() {
        return Err("Specify at least one advanced event selector.".into());
    }
    let values: usize = selectors
        .iter()
        .flat_map(|s| &s.fields)
        .flat_map(FieldSelector::operators)
        .map(|(_, values)| values.len())
        .sum();
    if values > CONDITION_VALUES_MAX {
        return Err(format!(
            "Specify up to {CONDITION_VALUES_MAX} values for all conditions in all advanced event selectors for a trail."
        ));
    }
    selectors.iter().try_for_each(advanced_one)
}

/// Each field once, and with a value.
fn well_formed(selector: &AdvancedEventSelector) -> Result<(), String> {
    for (index, field) in selector.fields.iter().enumerate() {
        if field.operators().next().is_none() {
            return Err(format!("Field {} must have at least one operator with a value.", field.field));
        }
        if selector.fields.iter().take(index).any(|other| other.field == field.field) {
            return Err(format!("Field {} is given more than once in one advanced event selector.", field.field));
        }
    }
    Ok(())
}

fn advanced_one(selector: &AdvancedEventSelector) -> Result<(), String> {
    well_formed(selector)?;
    let category = only_value(selector, "eventCategory")?
        .ok_or("Advanced event selectors must have the field eventCategory with the operator Equals.")?;
    let fields: &[&str] = match category {
        "Management" => &["eventCategory", "readOnly", "eventSource"],
        "Data" => &[
            "eventCategory",
            "resources.type",
            "resources.ARN",
            "readOnly",
            "eventName",
            "eventSource",
            "eventType",
            "userIdentity.arn",
            "sessionCredentialFromConsole",
        ],
        "NetworkActivity" => &["eventCategory", "eventSource", "eventName", "errorCode", "vpcEndpointId"],
        other => return Err(format!("Value {other} for the field eventCategory is invalid for a trail.")),
    };
    if let Some(field) = selector.fields.iter().find(|f| !fields.contains(&f.field.as_str())) {
        return Err(format!("Field {} is not supported for the eventCategory {category}.", field.field));
    }
    flag(selector, "readOnly")?;
    flag(selector, "sessionCredentialFromConsole")?;
    match category {
        "Management" => management_source(selector),
        "Data" => data_type(selector),
        _ => network_activity(selector),
    }
}

/// The first rule that selectors of an event data store break, in words for the client.
pub fn lake(selectors: &[AdvancedEventSelector]) -> Result<(), String> {
    let fields = selectors.iter().flat_map(|s| &s.fields);
    let values: usize = fields.flat_map(FieldSelector::operators).map(|(_, values)| values.len()).sum();
    if values > CONDITION_VALUES_MAX {
        return Err(format!(
            "Specify up to {CONDITION_VALUES_MAX} values for all conditions in all advanced event selectors for an event data store."
        ));
    }
    let mut alone = None;
    for selector in selectors {
        let category = lake_one(selector)?;
        // Events of AWS calls may be in one store; events of other kinds have stores of their own.
        let kind = if matches!(category, "Management" | "Data" | "NetworkActivity") { "" } else { category };
        if alone.is_some_and(|alone| alone != kind) {
            return Err(format!("The eventCategory {category} cannot be together with others in an event data store."));
        }
        alone = Some(kind);
    }
    Ok(())
}

fn lake_one(selector: &AdvancedEventSelector) -> Result<&str, String> {
    well_formed(selector)?;
    let category = only_value(selector, "eventCategory")?
        .ok_or("Advanced event selectors must have the field eventCategory with the operator Equals.")?;
    let fields: &[&str] = match category {
        "Management" => &[
            "eventCategory",
            "readOnly",
            "eventName",
            "eventSource",
            "eventType",
            "userIdentity.arn",
            "sessionCredentialFromConsole",
        ],
        "Data" | "NetworkActivity" => {
            advanced_one(selector)?;
            return Ok(category);
        }
        "ActivityAuditLog" | "ConfigurationItem" | "Evidence" | "Insight" => &["eventCategory"],
        other => return Err(format!("Value {other} for the field eventCategory is invalid for an event data store.")),
    };
    if let Some(field) = selector.fields.iter().find(|f| !fields.contains(&f.field.as_str())) {
        return Err(format!("Field {} is not supported for the eventCategory {category}.", field.field));
    }
    flag(selector, "readOnly")?;
    flag(selector, "sessionCredentialFromConsole")?;
    Ok(category)
}

/// Fields of trails' management selectors may only take out the two noisy sources.
fn management_source(selector: &AdvancedEventSelector) -> Result<(), String> {
    let Some(source) = selector.fields.iter().find(|f| f.field == "eventSource") else { return Ok(()) };
    let excluded = source
        .operators()
        .all(|(name, values)| name == "NotEquals" && values.iter().all(|v| EXCLUDABLE.contains(&v.as_str())));
    if excluded {
        return Ok(());
    }
    Err("For management events of a trail the field eventSource takes only NotEquals with kms.amazonaws.com or rdsdata.amazonaws.com.".into())
}

fn data_type(selector: &AdvancedEventSelector) -> Result<(), String> {
    let kind = only_value(selector, "resources.type")?
        .ok_or("Data events must have the field resources.type with the operator Equals.")?;
    // The list of types grows with AWS, so the form is checked and not the name.
    let parts: Vec<&str> = kind.split("::").collect();
    let valid = parts.len() == 3
        && parts.first() == Some(&"AWS")
        && parts.iter().all(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_alphanumeric()));
    if valid { Ok(()) } else { Err(format!("Value {kind} for the field resources.type is invalid.")) }
}

fn network_activity(selector: &AdvancedEventSelector) -> Result<(), String> {
    if only_value(selector, "eventSource")?.is_none() {
        return Err("Network activity events must have the field eventSource with the operator Equals.".into());
    }
    match only_value(selector, "errorCode")? {
        None | Some("VpceAccessDenied") => Ok(()),
        Some(other) => Err(format!("Value {other} for the field errorCode is invalid.")),
    }
}

fn flag(selector: &AdvancedEventSelector, name: &str) -> Result<(), String> {
    match only_value(selector, name)? {
        None | Some("true" | "false") => Ok(()),
        Some(other) => Err(format!("Value {other} for the field {name} is invalid.")),
    }
}

/// The single `Equals` value of a field that takes nothing else; `None` when the field is absent.
fn only_value<'a>(selector: &'a AdvancedEventSelector, name: &str) -> Result<Option<&'a str>, String> {
    let Some(field) = selector.fields.iter().find(|f| f.field == name) else { return Ok(None) };
    let mut operators = field.operators();
    match (operators.next(), operators.next()) {
        (Some(("Equals", [value])), None) => Ok(Some(value)),
        (Some(("Equals", _)), None) => Err(format!("Field {name} takes exactly one value.")),
        _ => Err(format!("Field {name} takes only the operator Equals.")),
    }
}

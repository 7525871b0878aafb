//! What the documents and selection criteria of account policies must be, by type (PutAccountPolicy reference).
//!
//! Known and checked: sizes, the shape of each document, which criteria a type takes, prefixes that overlap. A document of metric
//! extraction is any JSON object: the reference does not say more.

use super::super::criteria::Criteria;
use catalog::SubscriptionDefinition;
use serde::Deserialize;
use serde_json::Value;

/// Longest document, characters.
const DOCUMENT_CHARS_MAX: usize = 30_720;
/// Longest criteria, bytes.
const CRITERIA_BYTES_MAX: usize = 25 * 1024;
/// Fields of an index policy, and characters of each.
const INDEX_FIELDS_MAX: usize = 20;
const INDEX_FIELD_CHARS_MAX: usize = 100;
/// Processors of a transformer.
const PROCESSORS_MAX: usize = 20;

/// Refuses a document or criteria that a policy of this type cannot have.
pub(super) fn check(kind: &str, document: &str, criteria: Option<&str>) -> Result<(), String> {
    if document.chars().count() > DOCUMENT_CHARS_MAX {
        return Err(format!("The policy document exceeds {DOCUMENT_CHARS_MAX} characters."));
    }
    let parsed: Value =
        serde_json::from_str(document).map_err(|error| format!("The policy document is not valid JSON: {error}"))?;
    match kind {
        "SUBSCRIPTION_FILTER_POLICY" => subscription_of(document).map(drop)?,
        "DATA_PROTECTION_POLICY" => check_data_protection(&parsed)?,
        "FIELD_INDEX_POLICY" => check_index_fields(&parsed)?,
        "TRANSFORMER_POLICY" => check_transformer(&parsed)?,
        _ if parsed.is_object() => {}
        _ => return Err("The policy document must be a JSON object.".into()),
    }
    criteria.map_or(Ok(()), |text| check_criteria(kind, text))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct SubscriptionDocument {
    destination_arn: String,
    role_arn: Option<String>,
    filter_pattern: String,
    distribution: Option<String>,
}

/// What a subscription policy says.
pub(in super::super) fn subscription_of(document: &str) -> Result<SubscriptionDefinition, String> {
    let read: SubscriptionDocument = serde_json::from_str(document)
        .map_err(|error| format!("The policy document is not a subscription filter policy: {error}"))?;
    let distribution = read.distribution.unwrap_or_else(|| "ByLogStream".into());
    if !["ByLogStream", "Random"].contains(&distribution.as_str()) {
        return Err(format!("Distribution must be ByLogStream or Random, not '{distribution}'"));
    }
    Ok(SubscriptionDefinition {
        pattern: read.filter_pattern,
        destination_arn: read.destination_arn,
        role_arn: read.role_arn,
        distribution,
        on_transformed_logs: false,
        field_selection: None,
        system_fields: Vec::new(),
    })
}

fn check_data_protection(document: &Value) -> Result<(), String> {
    let statements = document["Statement"].as_array().ok_or("A data protection policy needs a list Statement.")?;
    let of = |operation: &str| statements.iter().find(|statement| statement["Operation"].get(operation).is_some());
    let (Some(audit), Some(deidentify)) = (of("Audit"), of("Deidentify")) else {
        return Err("A data protection policy needs one statement with Audit and one with Deidentify.".into());
    };
    if statements.len() != 2 || audit["DataIdentifier"] != deidentify["DataIdentifier"] {
        return Err("Both statements of a data protection policy must have the same DataIdentifier.".into());
    }
    let masks = deidentify["Operation"]["Deidentify"]["MaskConfig"].as_object();
    if masks.is_none_or(|mask| !mask.is_empty()) {
        return Err("The MaskConfig of a data protection policy must be an empty object.".into());
    }
    Ok(())
}

fn check_index_fields(document: &Value) -> Result<(), String> {
    let names: Vec<&str> = match (document["Fields"].as_array(), document["FieldsV2"].as_object()) {
        (Some(fields), None) => {
            let names: Option<Vec<&str>> = fields.iter().map(Value::as_str).collect();
            names.ok_or("Fields must be a list of strings.")?
        }
        (None, Some(fields)) => {
            let known = |field: &Value| matches!(field["type"].as_str(), Some("FIELD_INDEX" | "FACET"));
            if !fields.values().all(known) {
                return Err("The type of each of FieldsV2 must be FIELD_INDEX or FACET.".into());
            }
            fields.keys().map(String::as_str).collect()
        }
        _ => return Err("A field index policy needs either Fields or FieldsV2.".into()),
    };
    if names.is_empty() || names.len() > INDEX_FIELDS_MAX {
        return Err(format!("A field index policy has 1 to {INDEX_FIELDS_MAX} fields."));
    }
    match names.iter().find(|name| name.is_empty() || name.chars().count() > INDEX_FIELD_CHARS_MAX) {
        Some(name) => Err(format!("A field has 1 to {INDEX_FIELD_CHARS_MAX} characters, not '{name}'")),
        None => Ok(()),
    }
}

fn check_transformer(document: &Value) -> Result<(), String> {
    let processors = document.as_array().ok_or("A transformer policy is a list of processors.")?;
    if processors.is_empty() || processors.len() > PROCESSORS_MAX {
        return Err(format!("A transformer has 1 to {PROCESSORS_MAX} processors."));
    }
    let single = |processor: &Value| processor.as_object().is_some_and(|processor| processor.len() == 1);
    if processors.iter().all(single) { Ok(()) } else { Err("Each processor is an object with one member.".into()) }
}

fn check_criteria(kind: &str, text: &str) -> Result<(), String> {
    if text.len() > CRITERIA_BYTES_MAX {
        return Err(format!("The selection criteria exceed {CRITERIA_BYTES_MAX} bytes."));
    }
    let criteria = Criteria::parse(text).map_err(|why| format!("Invalid selectionCriteria: {why}"))?;
    let comparisons = criteria.comparisons();
    let fits = match kind {
        "SUBSCRIPTION_FILTER_POLICY" => matches!(comparisons[..], [("LogGroupName", _, true)]),
        "FIELD_INDEX_POLICY" | "TRANSFORMER_POLICY" => match &comparisons[..] {
            [("LogGroupNamePrefix", [_], false)] => true,
            [(first, [_], false), (second, [_], false)] => {
                matches!(criteria, Criteria::All(_))
                    && matches!(
                        (*first, *second),
                        ("DataSourceName", "DataSourceType") | ("DataSourceType", "DataSourceName")
                    )
            }
            _ => false,
        },
        "METRIC_EXTRACTION_POLICY" => {
            comparisons.iter().all(|(field, ..)| ["LogGroupName", "LogGroupNamePrefix"].contains(field))
        }
        _ => return Err("selectionCriteria cannot be used with this policyType.".into()),
    };
    if fits { Ok(()) } else { Err("Invalid selectionCriteria: it is not one that this policyType takes.".into()) }
}

/// Refuses a prefix that begins another policy's prefix, or the other way round.
pub(super) fn check_overlap<'a>(
    kind: &str,
    criteria: Option<&str>,
    others: impl Iterator<Item = &'a str>,
) -> Result<(), String> {
    if !["FIELD_INDEX_POLICY", "TRANSFORMER_POLICY"].contains(&kind) {
        return Ok(());
    }
    let Some(prefix) = criteria.and_then(prefix_of) else { return Ok(()) };
    match others.filter_map(prefix_of).find(|other| other.starts_with(&prefix) || prefix.starts_with(other.as_str())) {
        Some(other) => Err(format!("The prefix '{prefix}' overlaps with the prefix '{other}' of another policy.")),
        None => Ok(()),
    }
}

fn prefix_of(criteria: &str) -> Option<String> {
    match Criteria::parse(criteria).ok()?.comparisons()[..] {
        [("LogGroupNamePrefix", [prefix], false)] => Some(prefix.clone()),
        _ => None,
    }
}

/// Whether a policy holds for a log group. Prefixes are compared as such; criteria about data sources select nothing here.
pub(in super::super) fn selects_group(criteria: Option<&str>, group: &str) -> bool {
    let Some(criteria) = criteria else { return true };
    let Ok(criteria) = Criteria::parse(criteria) else { return false };
    if let Some((_, prefixes, negated)) =
        criteria.comparisons().into_iter().find(|(field, ..)| *field == "LogGroupNamePrefix")
    {
        return prefixes.iter().any(|prefix| group.starts_with(prefix.as_str())) != negated;
    }
    criteria.hold(&|field| (field == "LogGroupName").then(|| group.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUBSCRIPTION: &str =
        r#"{"DestinationArn":"arn:aws:lambda:us-east-1:123456789012:function:f","FilterPattern":""}"#;

    #[test]
    fn each_type_takes_its_own_documents() {
        let protection = r#"{"Name":"n","Version":"2021-06-01","Statement":[
            {"Sid":"a","DataIdentifier":["x"],"Operation":{"Audit":{"FindingsDestination":{}}}},
            {"Sid":"b","DataIdentifier":["x"],"Operation":{"Deidentify":{"MaskConfig":{}}}}]}"#;
        for (kind, document) in [
            ("SUBSCRIPTION_FILTER_POLICY", SUBSCRIPTION),
            ("DATA_PROTECTION_POLICY", protection),
            ("FIELD_INDEX_POLICY", r#"{"Fields":["a","b"]}"#),
            ("FIELD_INDEX_POLICY", r#"{"FieldsV2":{"a":{"type":"FACET"}}}"#),
            ("TRANSFORMER_POLICY", r#"[{"parseJSON":{}},{"addKeys":{"entries":[]}}]"#),
            ("METRIC_EXTRACTION_POLICY", r#"{"Anything":true}"#),
        ] {
            assert_eq!(check(kind, document, None), Ok(()), "{kind} {document}");
        }
        for (kind, document, part) in [
            ("SUBSCRIPTION_FILTER_POLICY", r#"{"FilterPattern":""}"#, "DestinationArn"),
            ("SUBSCRIPTION_FILTER_POLICY", "nonsense", "not valid JSON"),
            ("DATA_PROTECTION_POLICY", r#"{"Statement":[]}"#, "one with Deidentify"),
            ("DATA_PROTECTION_POLICY", &protection.replacen("\"x\"", "\"y\"", 1), "same DataIdentifier"),
            ("FIELD_INDEX_POLICY", r#"{"Fields":[]}"#, "1 to 20 fields"),
            ("FIELD_INDEX_POLICY", r#"{}"#, "either Fields or FieldsV2"),
            ("TRANSFORMER_POLICY", r#"{}"#, "a list"),
            ("METRIC_EXTRACTION_POLICY", "[]", "JSON object"),
        ] {
            let refused = check(kind, document, None).unwrap_err();
            assert!(refused.contains(part), "{kind} {document}: {refused}");
        }
        assert!(check("METRIC_EXTRACTION_POLICY", &format!("{{\"a\":\"{}\"}}", "x".repeat(30_720)), None).is_err());
    }

    #[test]
    fn each_type_takes_its_own_criteria() {
        let ok = |kind: &str, criteria: &str| check_criteria(kind, criteria).is_ok();
        assert!(ok("SUBSCRIPTION_FILTER_POLICY", r#"LogGroupName NOT IN ["a","b"]"#));
        assert!(!ok("SUBSCRIPTION_FILTER_POLICY", r#"LogGroupName IN ["a"]"#));
        assert!(!ok("SUBSCRIPTION_FILTER_POLICY", r#"LogGroupNamePrefix = "a""#));
        assert!(ok("FIELD_INDEX_POLICY", r#"LogGroupNamePrefix = "a""#));
        assert!(ok("TRANSFORMER_POLICY", r#"DataSourceName = "a" AND DataSourceType = "b""#));
        assert!(!ok("TRANSFORMER_POLICY", r#"DataSourceName = "a" OR DataSourceType = "b""#));
        assert!(!ok("DATA_PROTECTION_POLICY", r#"LogGroupName NOT IN ["a"]"#));
        assert!(
            check_overlap(
                "FIELD_INDEX_POLICY",
                Some(r#"LogGroupNamePrefix = "ab""#),
                [r#"LogGroupNamePrefix = "a""#].into_iter()
            )
            .is_err()
        );
        assert!(
            check_overlap(
                "FIELD_INDEX_POLICY",
                Some(r#"LogGroupNamePrefix = "b""#),
                [r#"LogGroupNamePrefix = "a""#].into_iter()
            )
            .is_ok()
        );
    }

    #[test]
    fn criteria_select_groups() {
        assert!(selects_group(None, "g"));
        assert!(selects_group(Some(r#"LogGroupName NOT IN ["a"]"#), "g"));
        assert!(!selects_group(Some(r#"LogGroupName NOT IN ["a", "g"]"#), "g"));
        assert!(selects_group(Some(r#"LogGroupNamePrefix = "/aws/""#), "/aws/x"));
        assert!(!selects_group(Some(r#"LogGroupNamePrefix = "/aws/""#), "/app"));
    }
}

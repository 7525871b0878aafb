//! What the documents and selection criteria of account policies must be, by type (PutAccountPolicy reference).
//!
//! Known and checked: sizes, the shape of each document, which criteria a type takes, selections that overlap.

use super::super::criteria::Criteria;
use super::{metric_extraction, retention};
use catalog::SubscriptionDefinition;
use model::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// Longest document, characters.
const DOCUMENT_CHARS_MAX: usize = 30_720;
/// Longest criteria, bytes.
const CRITERIA_BYTES_MAX: usize = 25 * 1024;
/// Fields of an index policy, and characters of each.
const INDEX_FIELDS_MAX: usize = 20;
const INDEX_FIELD_CHARS_MAX: usize = 100;

/// Refuses a document or criteria that a policy of this type cannot have.
pub(super) fn check(kind: &str, document: &str, criteria: Option<&str>) -> Result<(), String> {
    if document.chars().count() > DOCUMENT_CHARS_MAX {
        return Err(format!("The policy document exceeds {DOCUMENT_CHARS_MAX} characters."));
    }
    let parsed: Value =
        serde_json::from_str(document).map_err(|error| format!("The policy document is not valid JSON: {error}"))?;
    match kind {
        "SUBSCRIPTION_FILTER_POLICY" => subscription_of(document).map(drop)?,
        "FIELD_INDEX_POLICY" => index_fields_of(document).map(drop)?,
        "METRIC_EXTRACTION_POLICY" => metric_extraction::extracts(document).map(drop)?,
        retention::KIND => retention::Rule::of("", document, None, Timestamp(0)).map(drop)?,
        // These are read by who makes them work.
        "DATA_PROTECTION_POLICY" | "TRANSFORMER_POLICY" => {}
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

/// The fields that an index policy names, each with its type, `FIELD_INDEX` or `FACET`.
pub(in super::super) fn index_fields_of(document: &str) -> Result<BTreeMap<String, &'static str>, String> {
    let document: Value =
        serde_json::from_str(document).map_err(|error| format!("The policy document is not valid JSON: {error}"))?;
    let (plain, typed) = (&document["Fields"], &document["FieldsV2"]);
    if plain.is_null() && typed.is_null() {
        return Err("A field index policy needs Fields or FieldsV2.".into());
    }
    let mut fields = BTreeMap::new();
    if !plain.is_null() {
        let names: Option<Vec<&str>> = plain.as_array().and_then(|names| names.iter().map(Value::as_str).collect());
        let names = names.ok_or("Fields must be a list of strings.")?;
        fields.extend(names.into_iter().map(|name| (name.to_owned(), "FIELD_INDEX")));
    }
    if !typed.is_null() {
        for (name, field) in typed.as_object().ok_or("FieldsV2 must be an object.")? {
            let kind = match field["type"].as_str() {
                Some("FIELD_INDEX") => "FIELD_INDEX",
                Some("FACET") => "FACET",
                _ => return Err("The type of each of FieldsV2 must be FIELD_INDEX or FACET.".into()),
            };
            if fields.insert(name.clone(), kind).is_some() {
                return Err(format!("The field '{name}' is in both Fields and FieldsV2."));
            }
        }
    }
    if fields.is_empty() || fields.len() > INDEX_FIELDS_MAX {
        return Err(format!("A field index policy has 1 to {INDEX_FIELDS_MAX} fields."));
    }
    match fields.keys().find(|name| name.is_empty() || name.chars().count() > INDEX_FIELD_CHARS_MAX) {
        Some(name) => Err(format!("A field has 1 to {INDEX_FIELD_CHARS_MAX} characters, not '{name}'")),
        None => Ok(fields),
    }
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
        "METRIC_EXTRACTION_POLICY" => metric_extraction::takes(&criteria),
        retention::KIND => matches!(comparisons[..], [("LogGroupNamePrefix", [_], false)]),
        _ => return Err("selectionCriteria cannot be used with this policyType.".into()),
    };
    if fits { Ok(()) } else { Err("Invalid selectionCriteria: it is not one that this policyType takes.".into()) }
}

/// Refuses a policy that would select groups which another of its type selects: for all groups, or for a prefix that begins
/// another's or is begun by it. Policies for data sources overlap with none, and neither do those of types that may overlap.
pub(super) fn check_overlap<'a>(
    kind: &str,
    criteria: Option<&str>,
    mut others: impl Iterator<Item = Option<&'a str>>,
) -> Result<(), String> {
    if kind == "METRIC_EXTRACTION_POLICY" && others.any(|other| metric_extraction::overlaps(criteria, other)) {
        return Err("The selection criteria overlap with those of another policy.".into());
    }
    if !["FIELD_INDEX_POLICY", "TRANSFORMER_POLICY"].contains(&kind) {
        return Ok(());
    }
    // All names begin with nothing.
    let prefix = |criteria: Option<&str>| criteria.map_or(Some(String::new()), prefix_of);
    let Some(own) = prefix(criteria) else { return Ok(()) };
    match others.filter_map(prefix).find(|other| other.starts_with(&own) || own.starts_with(other.as_str())) {
        None => Ok(()),
        Some(other) if own.is_empty() || other.is_empty() => {
            Err("A policy for all log groups cannot stand beside another policy for log groups.".into())
        }
        Some(other) => Err(format!("The prefix '{own}' overlaps with the prefix '{other}' of another policy.")),
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
        for (kind, document) in [
            ("SUBSCRIPTION_FILTER_POLICY", SUBSCRIPTION),
            ("FIELD_INDEX_POLICY", r#"{"Fields":["a","b"]}"#),
            ("FIELD_INDEX_POLICY", r#"{"FieldsV2":{"a":{"type":"FACET"}}}"#),
            ("FIELD_INDEX_POLICY", r#"{"Fields":["a"],"FieldsV2":{"b":{"type":"FACET"}}}"#),
            ("METRIC_EXTRACTION_POLICY", r#"{"EmbeddedMetricFormat":{"Status":"Disabled"}}"#),
            ("RETENTION_POLICY", r#"{"retentionInDays":90,"enforcementMode":"RETROACTIVE"}"#),
        ] {
            assert_eq!(check(kind, document, None), Ok(()), "{kind} {document}");
        }
        for (kind, document, part) in [
            ("SUBSCRIPTION_FILTER_POLICY", r#"{"FilterPattern":""}"#, "DestinationArn"),
            ("SUBSCRIPTION_FILTER_POLICY", "nonsense", "not valid JSON"),
            ("FIELD_INDEX_POLICY", r#"{"Fields":[]}"#, "1 to 20 fields"),
            ("FIELD_INDEX_POLICY", r#"{"Fields":["a"],"FieldsV2":{"a":{"type":"FACET"}}}"#, "in both"),
            ("FIELD_INDEX_POLICY", r#"{"FieldsV2":{"a":{"type":"TEXT"}}}"#, "FIELD_INDEX or FACET"),
            ("FIELD_INDEX_POLICY", r#"{}"#, "needs Fields or FieldsV2"),
            ("METRIC_EXTRACTION_POLICY", "{}", "not a metric extraction policy"),
            ("RETENTION_POLICY", "{}", "retentionInDays must be"),
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
        assert!(ok("RETENTION_POLICY", r#"LogGroupNamePrefix = "a""#));
        assert!(!ok("RETENTION_POLICY", r#"LogGroupName IN ["a"]"#));
        assert!(ok("METRIC_EXTRACTION_POLICY", r#"LogGroupNamePrefix NOT IN ["a"]"#));
        assert!(!ok("DATA_PROTECTION_POLICY", r#"LogGroupName NOT IN ["a"]"#));
        let overlap = |kind: &str, own: Option<&str>, other: Option<&str>| {
            let quoted = |prefix: &str| format!("LogGroupNamePrefix = \"{prefix}\"");
            let (own, other) = (own.map(quoted), other.map(quoted));
            check_overlap(kind, own.as_deref(), [other.as_deref()].into_iter()).is_err()
        };
        assert!(overlap("FIELD_INDEX_POLICY", Some("ab"), Some("a")));
        assert!(!overlap("FIELD_INDEX_POLICY", Some("b"), Some("a")));
        assert!(overlap("TRANSFORMER_POLICY", Some("b"), None));
        assert!(overlap("TRANSFORMER_POLICY", None, Some("a")));
        assert!(overlap("TRANSFORMER_POLICY", None, None));
        assert!(overlap("METRIC_EXTRACTION_POLICY", None, None));
        assert!(!overlap("RETENTION_POLICY", None, None));
        let source = r#"DataSourceName = "a" AND DataSourceType = "b""#;
        assert_eq!(check_overlap("FIELD_INDEX_POLICY", Some(source), [None].into_iter()), Ok(()));
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

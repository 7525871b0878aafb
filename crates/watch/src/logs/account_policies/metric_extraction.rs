//! Policies of metric extraction: whether the embedded metric format makes metrics (PutAccountPolicy reference and example).
//!
//! `{"EmbeddedMetricFormat":{"Status":"Disabled"}}`, for all groups or for those with names or prefixes `IN` or `NOT IN` a list.

use super::super::criteria::Criteria;
use serde::Deserialize;

/// Most values of a list.
const VALUES_MAX: usize = 50;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Document {
    embedded_metric_format: Format,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Format {
    status: Status,
}

#[derive(Deserialize, PartialEq)]
enum Status {
    Enabled,
    Disabled,
}

/// Whether documents of the embedded metric format make metrics under a policy.
pub(in super::super) fn extracts(document: &str) -> Result<bool, String> {
    let read: Document = serde_json::from_str(document)
        .map_err(|error| format!("The policy document is not a metric extraction policy: {error}"))?;
    Ok(read.embedded_metric_format.status == Status::Enabled)
}

/// Which groups a policy selects: names or prefixes in a list, or, negated, all others.
#[derive(Debug)]
struct Selection {
    is_prefix: bool,
    values: Vec<String>,
    negated: bool,
}

impl Selection {
    fn of(criteria: &Criteria) -> Option<Self> {
        let Criteria::Is { field, values, negated } = criteria else { return None };
        let is_prefix = match field.as_str() {
            "LogGroupName" => false,
            "LogGroupNamePrefix" => true,
            _ => return None,
        };
        let fits = (1..=VALUES_MAX).contains(&values.len());
        fits.then(|| Self { is_prefix, values: values.clone(), negated: *negated })
    }

    /// Whether groups of a value of this list are all groups of a value of the other.
    fn contains(&self, other: &Selection, value: &str) -> bool {
        self.values.iter().any(|own| match (self.is_prefix, other.is_prefix) {
            (true, _) => value.starts_with(own.as_str()),
            (false, false) => value == own,
            (false, true) => false,
        })
    }

    fn overlaps(&self, other: &Selection) -> bool {
        match (self.negated, other.negated) {
            (true, true) => true,
            (false, false) => {
                self.values.iter().any(|value| other.contains(self, value))
                    || other.values.iter().any(|value| self.contains(other, value))
            }
            (true, false) => !other.values.iter().all(|value| self.contains(other, value)),
            (false, true) => other.overlaps(self),
        }
    }
}

/// Whether a policy of this type takes the criteria.
pub(super) fn takes(criteria: &Criteria) -> bool {
    Selection::of(criteria).is_some()
}

/// Whether a policy would select groups that another selects; without criteria a policy selects all.
pub(super) fn overlaps(own: Option<&str>, other: Option<&str>) -> bool {
    let selection = |text: &str| Criteria::parse(text).ok().as_ref().and_then(Selection::of);
    match (own.and_then(selection), other.and_then(selection)) {
        (Some(own), Some(other)) => own.overlaps(&other),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_says_whether_metrics_are_made() {
        let status = |status: &str| extracts(&format!(r#"{{"EmbeddedMetricFormat":{{"Status":"{status}"}}}}"#));
        assert_eq!((status("Enabled"), status("Disabled")), (Ok(true), Ok(false)));
        for wrong in ["{}", "[]", "x", r#"{"EmbeddedMetricFormat":{}}"#, r#"{"EmbeddedMetricFormat":{"Status":"Off"}}"#]
        {
            assert!(extracts(wrong).unwrap_err().contains("not a metric extraction policy"), "{wrong}");
        }
    }

    #[test]
    fn criteria_are_one_list() {
        let takes = |text: &str| takes(&Criteria::parse(text).unwrap());
        assert!(takes(r#"LogGroupName IN ["a"]"#));
        assert!(takes(r#"LogGroupNamePrefix NOT IN ["a", "b"]"#));
        assert!(!takes(r#"LogGroupName IN ["a"] OR LogGroupName IN ["b"]"#));
        assert!(!takes(r#"DataSourceName IN ["a"]"#));
        assert!(!takes(r#"LogGroupName IN []"#));
        assert!(!takes(&format!("LogGroupName IN [{}]", ["\"a\""; 51].join(","))));
    }

    /// The examples of the reference, and their neighbours.
    #[test]
    fn policies_must_not_overlap() {
        for (own, other, expected) in [
            (r#"LogGroupNamePrefix IN ["my-log"]"#, r#"LogGroupNamePrefix IN ["my-log-prod"]"#, true),
            (r#"LogGroupNamePrefix IN ["my-log"]"#, r#"LogGroupName IN ["my-logs"]"#, true),
            (r#"LogGroupNamePrefix IN ["my-log"]"#, r#"LogGroupName IN ["my"]"#, false),
            (r#"LogGroupName IN ["a"]"#, r#"LogGroupName IN ["ab"]"#, false),
            (r#"LogGroupName IN ["a", "b"]"#, r#"LogGroupName IN ["c", "b"]"#, true),
            (r#"LogGroupName NOT IN ["a"]"#, r#"LogGroupName NOT IN ["b"]"#, true),
            (r#"LogGroupNamePrefix NOT IN ["/aws/lambda"]"#, r#"LogGroupName IN ["/aws/lambda/function1"]"#, false),
            (r#"LogGroupNamePrefix NOT IN ["/aws/lambda"]"#, r#"LogGroupNamePrefix IN ["/aws"]"#, true),
            (r#"LogGroupName NOT IN ["/a"]"#, r#"LogGroupNamePrefix IN ["/a"]"#, true),
        ] {
            assert_eq!(overlaps(Some(own), Some(other)), expected, "{own} {other}");
            assert_eq!(overlaps(Some(other), Some(own)), expected, "{other} {own}");
        }
        assert!(overlaps(None, Some(r#"LogGroupName IN ["a"]"#)));
        assert!(overlaps(None, None));
    }
}

//! The variables of a dashboard: what its readers can choose.

use super::VARIABLES_MAX;
use crate::cloudwatch::findings::{Findings, Object};

/// What a variable can say.
const KNOWN: [&str; 11] = [
    "defaultValue",
    "id",
    "inputType",
    "label",
    "pattern",
    "populateFrom",
    "property",
    "search",
    "type",
    "values",
    "visible",
];

/// Checks `variables`.
pub fn check(dashboard: &Object<'_>, findings: &mut Findings) {
    let Some(variables) = dashboard.array("variables", findings) else { return };
    if variables.len() > VARIABLES_MAX {
        findings.error("/variables", format!("Should NOT have more than {VARIABLES_MAX} items"));
        return;
    }
    for (index, variable) in variables.iter().enumerate() {
        if let Some(variable) = Object::of(variable, format!("/variables/{index}"), findings) {
            check_variable(&variable, findings);
        }
    }
}

fn check_variable(variable: &Object<'_>, findings: &mut Findings) {
    variable.warn_unknown(&KNOWN, "variable", findings);
    for name in ["type", "id", "inputType"] {
        variable.require(name, findings);
    }
    for name in ["id", "label", "defaultValue", "search", "populateFrom"] {
        variable.string(name, findings);
    }
    variable.boolean("visible", findings);
    if let Some(kind) = variable.word("type", &["property", "pattern"], findings) {
        variable.require(kind, findings);
        variable.string(kind, findings);
    }
    let input = variable.word("inputType", &["input", "select", "radio"], findings);
    let values = variable.array("values", findings).unwrap_or_default();
    for (index, value) in values.iter().enumerate() {
        let at = format!("{}/{index}", variable.at("values"));
        if let Some(value) = Object::of(value, at, findings) {
            value.require("value", findings);
            value.string("value", findings);
            value.string("label", findings);
        }
    }
    // What can be chosen is written down, or found by a search.
    if matches!(input, Some("select" | "radio")) && !variable.has("values") && !variable.has("populateFrom") {
        findings.missing(&variable.path, "values");
        findings.missing(&variable.path, "populateFrom");
        findings.error(&variable.path, "Should match exactly one schema in oneOf");
    }
}

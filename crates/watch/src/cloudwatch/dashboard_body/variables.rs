//! The variables of a dashboard: what its readers can choose.

use super::VARIABLES_MAX;
use crate::cloudwatch::findings::{Findings, Object};
use serde_json::Value;

/// Most values to choose from.
const VALUES_MAX: usize = 500;
/// Longest value, label of a value or default, characters.
const TEXT_CHARS_MAX: usize = 255;

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
    for (name, max) in [("id", 32), ("label", 30), ("search", 2048), ("populateFrom", 255)] {
        let text = variable.string(name, findings);
        check_length(text, &variable.at(name), max, findings);
    }
    let id = variable.fields.get("id").and_then(Value::as_str);
    if id.is_some_and(|id| !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')) {
        findings.error(&variable.at("id"), "Should match pattern \"^[0-9A-Za-z-_]*$\"");
    }
    check_scalar(variable, "defaultValue", findings);
    variable.boolean("visible", findings);
    if let Some(kind) = variable.word("type", &["property", "pattern"], findings) {
        variable.require(kind, findings);
        variable.string(kind, findings);
    }
    let input = variable.word("inputType", &["input", "select", "radio"], findings);
    if matches!(input, Some("select" | "radio")) {
        check_choice(variable, findings);
    }
    if let Some(values) = variable.array("values", findings) {
        check_values(variable, values, findings);
    }
}

/// What can be chosen is written down, or found by a search: AWS tells what is missing of both.
fn check_choice(variable: &Object<'_>, findings: &mut Findings) {
    let searched = variable.has("search") && variable.has("populateFrom");
    if variable.has("values") || searched {
        return;
    }
    for name in ["values", "search", "populateFrom"] {
        variable.require(name, findings);
    }
    findings.error(&variable.path, "Should match exactly one schema in oneOf");
}

fn check_values(variable: &Object<'_>, values: &[Value], findings: &mut Findings) {
    let at = variable.at("values");
    if values.is_empty() {
        findings.error(&at, "Should NOT have fewer than 1 items");
    }
    if values.len() > VALUES_MAX {
        findings.error(&at, format!("Should NOT have more than {VALUES_MAX} items"));
        return;
    }
    for (index, value) in values.iter().enumerate() {
        if let Some(value) = Object::of(value, format!("{at}/{index}"), findings) {
            value.require("value", findings);
            check_scalar(&value, "value", findings);
            let label = value.string("label", findings);
            check_length(label, &value.at("label"), TEXT_CHARS_MAX, findings);
        }
    }
}

/// A string of bounded length, a number or a boolean.
fn check_scalar(object: &Object<'_>, name: &str, findings: &mut Findings) {
    match object.fields.get(name) {
        None | Some(Value::Number(_) | Value::Bool(_)) => {}
        Some(Value::String(text)) => check_length(Some(text), &object.at(name), TEXT_CHARS_MAX, findings),
        Some(_) => findings.error(&object.at(name), "Should be string,number,boolean"),
    }
}

fn check_length(text: Option<&str>, at: &str, max: usize, findings: &mut Findings) {
    if text.is_some_and(|text| text.chars().count() > max) {
        findings.error(at, format!("Should NOT be longer than {max} characters"));
    }
}

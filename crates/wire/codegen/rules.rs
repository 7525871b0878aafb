//! Constraint rules: one static for every shape that the model constrains.

use super::model::{Model, Shape};
use super::names;
use std::error::Error;
use std::fmt::Write;

/// Writes module `rules`.
pub fn emit(model: &Model, out: &mut String) -> Result<(), Box<dyn Error>> {
    let mut patterns = Vec::new();
    let mut statics = String::new();
    writeln!(
        out,
        "#[allow(unused_imports)]\npub(crate) mod rules {{\n    use crate::constraint::{{LengthRule, NumberRule, TextRule}};\n"
    )?;
    for (name, shape) in model.shapes.iter().filter(|(name, shape)| constrained(name, shape)) {
        let constant = names::constant(name);
        let min = shape.min;
        let max = shape.max;
        match shape.kind.as_str() {
            "string" => {
                let pattern = match &shape.pattern {
                    Some(pattern) => {
                        writeln!(statics, "        pub static {constant}: Pattern = Pattern::new({pattern:?});")?;
                        patterns.push(format!("&patterns::{constant}"));
                        format!("Some(&patterns::{constant})")
                    }
                    None => "None".to_owned(),
                };
                let (min, max) = lengths(min, max);
                let (values, sensitive) = (&shape.values, shape.sensitive);
                writeln!(
                    out,
                    "    pub static {constant}: TextRule = TextRule {{ length: ({min}, {max}), pattern: {pattern}, \
                     values: &{values:?}, sensitive: {sensitive} }};"
                )?;
            }
            "integer" | "long" => {
                let min = min.map_or("i64::MIN".to_owned(), |min| min.to_string());
                let max = max.map_or("i64::MAX".to_owned(), |max| max.to_string());
                writeln!(out, "    pub static {constant}: NumberRule = NumberRule {{ min: {min}, max: {max} }};")?;
            }
            "list" | "map" => {
                let (min, max) = lengths(min, max);
                writeln!(out, "    pub static {constant}: LengthRule = LengthRule {{ min: {min}, max: {max} }};")?;
            }
            other => return Err(format!("{name}: no rule for a constrained {other}").into()),
        }
    }
    writeln!(out, "    mod patterns {{\n        use crate::constraint::Pattern;\n{statics}    }}")?;
    writeln!(
        out,
        "    #[cfg(test)]\n    pub static PATTERNS: &[&crate::constraint::Pattern] = &[{}];\n}}\n",
        patterns.join(", ")
    )?;
    Ok(())
}

/// An expression for the rule of shape `name`.
pub fn rule(name: &str, shape: &Shape) -> String {
    if constrained(name, shape) {
        return format!("&rules::{}", names::constant(name));
    }
    let kind = match shape.kind.as_str() {
        "integer" | "long" => "NumberRule",
        "list" | "map" => "LengthRule",
        _ => "TextRule",
    };
    format!("&crate::constraint::{kind}::FREE")
}

fn constrained(name: &str, shape: &Shape) -> bool {
    if told_by_operation(name) {
        return false;
    }
    shape.min.is_some()
        || shape.max.is_some()
        || shape.pattern.is_some()
        || !shape.values.is_empty()
        || (shape.sensitive && shape.kind == "string")
}

/// Attributes of an entity: a wrong entity does not refuse the data it comes with, so the operation judges it.
fn told_by_operation(name: &str) -> bool {
    ["EntityAttributes", "EntityKeyAttributes"].iter().any(|prefix| name.starts_with(prefix))
}

fn lengths(min: Option<i64>, max: Option<i64>) -> (String, String) {
    (min.unwrap_or(0).to_string(), max.map_or("u64::MAX".to_owned(), |max| max.to_string()))
}

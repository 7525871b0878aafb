//! Operations: a unit struct for each, which ties its name to its input and output shapes.

use super::model::{Member, Model};
use std::error::Error;
use std::fmt::Write;

/// Verbs with which the names of reading operations begin.
const READING: [&str; 8] = ["Get", "List", "Describe", "Lookup", "Filter", "Search", "Test", "Decode"];

/// Writes every operation of `model`.
pub fn emit(model: &Model, service: &str, out: &mut String) -> Result<(), Box<dyn Error>> {
    for (name, operation) in &model.operations {
        let empty = "crate::shape::Empty";
        let input = operation.input.as_ref().map(|reference| reference.shape());
        let output = operation.output.as_ref().map_or(empty, |reference| reference.shape());
        let mut in_url = Vec::new();
        if let Some(input) = input {
            let members: Vec<Member> = model.shape(input)?.members()?;
            for member in members {
                if let Some(parameter) = member.reference.in_url() {
                    in_url.push(format!("({parameter:?}, {:?})", member.name));
                }
            }
        }
        writeln!(
            out,
            "/// The operation `{name}`.\n#[derive(Debug, Clone, Copy, PartialEq, Eq)]\npub struct {name};\n\n\
             impl crate::operation::OperationShape for {name} {{\n    \
                 type Input = {};\n    type Output = {output};\n    \
                 const SERVICE: crate::service::Service = crate::service::Service::{service};\n    \
                 const NAME: &'static str = {name:?};\n    \
                 const HAS_OUTPUT: bool = {};\n    \
                 const PATH: &'static str = {:?};\n    \
                 const URL_MEMBERS: &'static [(&'static str, &'static str)] = &[{}];\n}}\n",
            input.unwrap_or(empty),
            operation.output.is_some(),
            operation.http.request_uri,
            in_url.join(", "),
        )?;
    }
    Ok(())
}

/// Writes one `Modelled` row for each operation.
pub fn emit_rows(model: &Model, service: &str, out: &mut String) -> Result<(), Box<dyn Error>> {
    for (name, operation) in &model.operations {
        let reading = READING.iter().any(|verb| name.starts_with(verb));
        writeln!(
            out,
            "Modelled {{ service: Service::{service}, name: {name:?}, method: {:?}, path: {:?}, read_only_guess: {reading}, \
             deprecated: {} }},",
            operation.http.method, operation.http.request_uri, operation.deprecated
        )?;
    }
    Ok(())
}

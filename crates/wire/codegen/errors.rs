//! Errors: one `ErrorShape` constant for every exception of a model.

use super::model::Model;
use super::names;
use std::error::Error;
use std::fmt::Write;

/// Writes module `errors`.
pub fn emit(model: &Model, out: &mut String) -> Result<(), Box<dyn Error>> {
    writeln!(out, "/// The errors that the model declares.\npub mod errors {{\n    use crate::error::ErrorShape;\n")?;
    for (name, shape) in model.shapes.iter().filter(|(_, shape)| shape.exception) {
        let declared = shape.error.as_ref();
        let code = declared.and_then(|error| error.code.as_deref()).unwrap_or(name);
        // Models of JSON services declare no statuses; a fault is then ours, and all else the client's.
        let assumed = match (shape.fault, name.contains("Unavailable")) {
            (true, true) => 503,
            (true, false) => 500,
            (false, _) => 400,
        };
        let status = declared.and_then(|error| error.http_status_code).unwrap_or(assumed);
        let message =
            if shape.members()?.iter().any(|member| member.name == "Message") { "Message" } else { "message" };
        writeln!(
            out,
            "    pub const {}: ErrorShape = ErrorShape {{ name: {name:?}, query_code: {code:?}, status: {status}, \
             sender: {}, message_member: {message:?} }};",
            names::constant(name),
            status < 500,
        )?;
    }
    writeln!(out, "}}\n")?;
    Ok(())
}

//! The refusals that several CloudWatch operations share, in AWS's words.

use model::Timestamp;
use std::cmp::Ordering;
use std::fmt::Display;
use wire::ApiError;
use wire::cloudwatch::{ResourceNotFoundException, errors};

/// InvalidParameterValue.
pub fn value(message: impl Into<String>) -> ApiError {
    ApiError::new(&errors::INVALID_PARAMETER_VALUE_EXCEPTION, message.into())
}

/// InvalidParameterValue for a value that is none of the parameter's.
pub fn invalid(value_text: impl Display, parameter: impl Display) -> ApiError {
    value(format!("The value {} for parameter {parameter} is invalid.", shown(value_text)))
}

/// InvalidParameterCombination.
pub fn combination(message: impl Into<String>) -> ApiError {
    ApiError::new(&errors::INVALID_PARAMETER_COMBINATION_EXCEPTION, message.into())
}

/// InvalidParameterCombination for two parameters of which one may be given.
pub fn exclusive(one: impl Display, other: impl Display) -> ApiError {
    combination(exclusive_text(one, other))
}

/// The sentence of `exclusive`, for operations that answer ValidationError.
pub fn exclusive_text(one: impl Display, other: impl Display) -> String {
    format!("The parameters {one} and {other} are mutually exclusive and you have specified both.")
}

/// MissingParameter.
pub fn missing(parameter: impl Display) -> ApiError {
    ApiError::new(&errors::MISSING_REQUIRED_PARAMETER_EXCEPTION, format!("The parameter {parameter} is required."))
}

/// The sentence for a time range that holds nothing; `None` for any other.
pub fn empty_range(start: Timestamp, end: Timestamp) -> Option<&'static str> {
    match start.cmp(&end) {
        Ordering::Less => None,
        Ordering::Equal => Some("The parameter StartTime must not equal parameter EndTime."),
        Ordering::Greater => Some("The parameter StartTime must be less than the parameter EndTime."),
    }
}

/// ValidationError.
pub fn validation(message: impl Into<String>) -> ApiError {
    ApiError::new(&errors::VALIDATION_EXCEPTION, message.into())
}

/// The sentence for a list that is too long.
pub fn too_many(collection: impl Display, max: usize) -> String {
    format!("The collection {collection} must not have a size greater than {max}.")
}

/// InvalidNextToken: it is not ours, or belongs to another request.
pub fn next_token() -> ApiError {
    ApiError::new(&errors::INVALID_NEXT_TOKEN, "Invalid nextToken")
}

/// ResourceNotFoundException.
pub fn not_found(resource_type: &str, resource_id: String, message: impl Into<String>) -> ApiError {
    let members =
        ResourceNotFoundException { resource_type: Some(resource_type.to_owned()), resource_id: Some(resource_id) };
    ApiError::new(&errors::RESOURCE_NOT_FOUND_EXCEPTION, message.into()).with_members(members)
}

/// A client's value as an error may repeat it: a hostile one cannot make the answer large.
fn shown(value: impl Display) -> String {
    crate::alarms::reason::cut(value.to_string(), 256)
}

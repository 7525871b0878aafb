//! The refusals that several SNS operations share, in AWS's words.

use model::Caller;
use std::fmt::Display;
use wire::ApiError;
use wire::sns::errors;

/// InvalidParameter: `Invalid parameter: …`.
pub fn parameter(what: impl Display) -> ApiError {
    ApiError::new(&errors::INVALID_PARAMETER_EXCEPTION, format!("Invalid parameter: {what}"))
}

/// InvalidParameter: an attribute that is not kept here, by its name.
pub fn attribute(name: &str) -> ApiError {
    parameter(format!("AttributeName Reason: Trailwatch has no attribute {}", shown(name)))
}

/// ParameterValueInvalid.
pub fn value(message: String) -> ApiError {
    ApiError::new(&errors::INVALID_PARAMETER_VALUE_EXCEPTION, message)
}

/// NotFound: no such topic.
pub fn no_topic() -> ApiError {
    ApiError::new(&errors::NOT_FOUND_EXCEPTION, "Topic does not exist")
}

/// NotFound: no such subscription.
pub fn no_subscription() -> ApiError {
    ApiError::new(&errors::NOT_FOUND_EXCEPTION, "Subscription does not exist")
}

/// AuthorizationError: the resource belongs to another account.
pub fn unauthorized(caller: &Caller, operation: &str, arn: &str) -> ApiError {
    let who = if caller.arn.is_empty() { "anonymous" } else { &caller.arn };
    let message = format!(
        "User: {who} is not authorized to perform: SNS:{operation} on resource: {} because no resource-based policy \
         allows the SNS:{operation} action",
        shown(arn)
    );
    ApiError::new(&errors::AUTHORIZATION_ERROR_EXCEPTION, message)
}

/// A client's value as an error may repeat it: a hostile one cannot make the answer large.
pub fn shown(value: impl Display) -> String {
    crate::alarms::reason::cut(value.to_string(), 256)
}

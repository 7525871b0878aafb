//! The errors that Logs operations share, in AWS's words.

use std::borrow::Cow;
use wire::ApiError;
use wire::logs::errors::{
    INVALID_PARAMETER_EXCEPTION, RESOURCE_ALREADY_EXISTS_EXCEPTION, RESOURCE_NOT_FOUND_EXCEPTION, VALIDATION_EXCEPTION,
};

pub(super) fn invalid(message: impl Into<Cow<'static, str>>) -> ApiError {
    ApiError::new(&INVALID_PARAMETER_EXCEPTION, message)
}

pub(super) fn invalid_token() -> ApiError {
    invalid("The specified nextToken is invalid.")
}

pub(super) fn group_not_found() -> ApiError {
    ApiError::new(&RESOURCE_NOT_FOUND_EXCEPTION, "The specified log group does not exist.")
}

pub(super) fn group_exists() -> ApiError {
    ApiError::new(&RESOURCE_ALREADY_EXISTS_EXCEPTION, "The specified log group already exists")
}

pub(super) fn stream_not_found() -> ApiError {
    ApiError::new(&RESOURCE_NOT_FOUND_EXCEPTION, "The specified log stream does not exist.")
}

pub(super) fn stream_exists() -> ApiError {
    ApiError::new(&RESOURCE_ALREADY_EXISTS_EXCEPTION, "The specified log stream already exists")
}

pub(super) fn resource_not_found() -> ApiError {
    ApiError::new(&RESOURCE_NOT_FOUND_EXCEPTION, "The specified resource does not exist.")
}

/// Deletion refused because the group is protected.
pub(super) fn protected() -> ApiError {
    ApiError::new(
        &VALIDATION_EXCEPTION,
        "Deletion protection is enabled on the log group. Disable it with PutLogGroupDeletionProtection first.",
    )
}

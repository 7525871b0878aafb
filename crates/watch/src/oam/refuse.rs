//! The refusals of the observability access manager.

use std::fmt::Display;
use wire::ApiError;
use wire::oam::errors;

/// InvalidParameterException.
pub fn parameter(message: impl Into<String>) -> ApiError {
    ApiError::new(&errors::INVALID_PARAMETER_EXCEPTION, message.into())
}

/// ValidationException, which only the operations of tags answer.
pub fn validation(message: impl Into<String>) -> ApiError {
    ApiError::new(&errors::VALIDATION_EXCEPTION, message.into())
}

/// ResourceNotFoundException.
pub fn not_found(identifier: impl Display) -> ApiError {
    ApiError::new(&errors::RESOURCE_NOT_FOUND_EXCEPTION, format!("Resource {identifier} was not found."))
}

/// ConflictException.
pub fn conflict(message: impl Into<String>) -> ApiError {
    ApiError::new(&errors::CONFLICT_EXCEPTION, message.into())
}

/// ServiceQuotaExceededException.
pub fn quota(message: impl Into<String>) -> ApiError {
    ApiError::new(&errors::SERVICE_QUOTA_EXCEEDED_EXCEPTION, message.into())
}

//! IAM's errors, in its words.

use crate::entities::Kind;
use crate::policy::Malformed;
use std::borrow::Cow;
use wire::ApiError;
use wire::error::common;
use wire::iam::errors::{
    DELETE_CONFLICT_EXCEPTION, ENTITY_ALREADY_EXISTS_EXCEPTION, INVALID_INPUT_EXCEPTION, LIMIT_EXCEEDED_EXCEPTION,
    MALFORMED_POLICY_DOCUMENT_EXCEPTION, NO_SUCH_ENTITY_EXCEPTION, SERVICE_FAILURE_EXCEPTION,
};

pub(crate) fn no_such_entity(text: impl Into<Cow<'static, str>>) -> ApiError {
    ApiError::new(&NO_SUCH_ENTITY_EXCEPTION, text)
}

pub(crate) fn absent(kind: Kind, name: &str) -> ApiError {
    no_such_entity(format!("The {} with name {name} cannot be found.", kind.noun()))
}

pub(crate) fn exists(kind: Kind, name: &str) -> ApiError {
    ApiError::new(&ENTITY_ALREADY_EXISTS_EXCEPTION, format!("{} with name {name} already exists.", kind.title()))
}

pub(crate) fn entity_exists(text: impl Into<Cow<'static, str>>) -> ApiError {
    ApiError::new(&ENTITY_ALREADY_EXISTS_EXCEPTION, text)
}

pub(crate) fn delete_conflict(text: &'static str) -> ApiError {
    ApiError::new(&DELETE_CONFLICT_EXCEPTION, text)
}

pub(crate) fn limit_exceeded(text: impl Into<Cow<'static, str>>) -> ApiError {
    ApiError::new(&LIMIT_EXCEEDED_EXCEPTION, text)
}

/// `Cannot exceed quota for UsersPerAccount: 5000`
pub(crate) fn quota(name: &str, most: usize) -> ApiError {
    limit_exceeded(format!("Cannot exceed quota for {name}: {most}"))
}

pub(crate) fn invalid_input(text: impl Into<Cow<'static, str>>) -> ApiError {
    ApiError::new(&INVALID_INPUT_EXCEPTION, text)
}

pub(crate) fn validation(text: impl Into<Cow<'static, str>>) -> ApiError {
    ApiError::new(&common::VALIDATION_EXCEPTION, text)
}

pub(crate) fn malformed(error: Malformed) -> ApiError {
    ApiError::new(&MALFORMED_POLICY_DOCUMENT_EXCEPTION, error.0)
}

pub(crate) fn service_failure() -> ApiError {
    ApiError::new(&SERVICE_FAILURE_EXCEPTION, "The request processing has failed because of an unknown error.")
}

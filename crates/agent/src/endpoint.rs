//! `Endpoint`: calls of the AWS API as a parameter, and what is known when one fails.

mod aws;

pub use aws::{AwsEndpoint, Target};

use serde_json::Value;
use std::fmt;

/// An operation that the agent calls, in awsJson.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// `logs:PutLogEvents`
    PutLogEvents,
    /// `logs:GetLogEvents`
    GetLogEvents,
    /// `logs:CreateLogGroup`
    CreateLogGroup,
    /// `logs:CreateLogStream`
    CreateLogStream,
    /// `cloudwatch:PutMetricData`
    PutMetricData,
}

/// Why a call has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Nothing was sent: no connection.
    NotSent(String),
    /// It was sent, and whether it took effect is not known: the connection broke, or the server failed (5xx).
    Unknown(String),
    /// The server says no (4xx); nothing took effect.
    Refused {
        /// Name of the error, such as `ThrottlingException`.
        code: String,
        /// What the server says.
        message: String,
    },
}

impl Failure {
    /// The name of the error, when the server gave one.
    pub fn code(&self) -> &str {
        match self {
            Failure::Refused { code, .. } => code,
            _ => "",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::NotSent(text) => write!(f, "not reached: {text}"),
            Failure::Unknown(text) => write!(f, "no answer: {text}"),
            Failure::Refused { code, message } => write!(f, "{code}: {message}"),
        }
    }
}

/// Something that answers calls.
pub trait Endpoint {
    /// Makes one call, with one attempt, and waits for its answer.
    ///
    /// # Errors
    /// See [`Failure`].
    fn call(&self, operation: Operation, input: &Value) -> Result<Value, Failure>;
}

//! `Encoding`: protobuf or JSON, read from a `Content-Type`, and the requests in either.

use super::message::{LogsRequest, MetricsRequest};
use prost::Message;

/// How a body is written; answers are written as their requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// `application/x-protobuf`
    Protobuf,
    /// `application/json`, in OTLP's dialect: ids are hexadecimal, enums are numbers.
    Json,
}

impl Encoding {
    /// The encoding that a `Content-Type` names; parameters of the type mean nothing.
    pub fn of(content_type: &str) -> Option<Self> {
        let kind = content_type.split(';').next().unwrap_or_default().trim();
        match kind.to_ascii_lowercase().as_str() {
            "application/x-protobuf" => Some(Self::Protobuf),
            "application/json" => Some(Self::Json),
            _ => None,
        }
    }

    /// The `Content-Type` of an answer.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Protobuf => "application/x-protobuf",
            Self::Json => "application/json",
        }
    }

    /// Reads a body of `/v1/logs`.
    pub fn logs(self, body: &[u8]) -> Result<LogsRequest, Malformed> {
        match self {
            Self::Protobuf => LogsRequest::decode(body).map_err(|error| Malformed(error.to_string())),
            Self::Json => serde_json::from_slice(body).map_err(|error| Malformed(error.to_string())),
        }
    }

    /// Reads a body of `/v1/metrics`.
    pub fn metrics(self, body: &[u8]) -> Result<MetricsRequest, Malformed> {
        match self {
            Self::Protobuf => MetricsRequest::decode(body).map_err(|error| Malformed(error.to_string())),
            Self::Json => serde_json::from_slice(body).map_err(|error| Malformed(error.to_string())),
        }
    }
}

/// A body that is not what its encoding says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("The body cannot be read: {0}")]
pub struct Malformed(String);

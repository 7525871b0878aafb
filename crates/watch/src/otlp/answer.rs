//! `Answer` and `Status`: what a client is told, in its encoding.

use super::Encoding;
use prost::Message;

/// What became of a request that was taken: `ExportLogsServiceResponse` or `ExportMetricsServiceResponse`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answer {
    /// Log records or data points that were left out.
    pub rejected: i64,
    /// Why, or a warning when none was.
    pub message: String,
    /// Which of the two it is.
    pub signal: Signal,
}

/// What a request carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Signal {
    /// Log records.
    #[default]
    Logs,
    /// Metrics.
    Metrics,
}

/// Logs and metrics number the fields of their answers alike.
#[derive(Clone, PartialEq, prost::Message)]
struct Response {
    #[prost(message, optional, tag = "1")]
    partial_success: Option<PartialSuccess>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct PartialSuccess {
    #[prost(int64, tag = "1")]
    rejected: i64,
    #[prost(string, tag = "2")]
    error_message: String,
}

impl Answer {
    /// The body of the answer. Nothing to tell is an empty message.
    pub fn encode(&self, encoding: Encoding) -> Vec<u8> {
        let tells = self.rejected > 0 || !self.message.is_empty();
        match encoding {
            Encoding::Protobuf => {
                let partial = PartialSuccess { rejected: self.rejected, error_message: self.message.clone() };
                Response { partial_success: tells.then_some(partial) }.encode_to_vec()
            }
            Encoding::Json if !tells => b"{}".to_vec(),
            Encoding::Json => {
                let member = match self.signal {
                    Signal::Logs => "rejectedLogRecords",
                    Signal::Metrics => "rejectedDataPoints",
                };
                // Protobuf writes 64-bit integers as text in JSON.
                let rejected = self.rejected.to_string();
                serde_json::json!({ "partialSuccess": { member: rejected, "errorMessage": self.message } })
                    .to_string()
                    .into_bytes()
            }
        }
    }
}

/// `google.rpc.Status`: why a request was not taken.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Status {
    /// A code of gRPC.
    #[prost(int32, tag = "1")]
    pub code: i32,
    /// For people.
    #[prost(string, tag = "2")]
    pub message: String,
}

impl Status {
    /// The status for an answer with this HTTP status.
    pub fn of(http_status: u16, message: impl Into<String>) -> Self {
        // Numbers of google.rpc.Code.
        let code = match http_status {
            401 => 16,
            403 => 7,
            404 => 5,
            429 => 8,
            503 => 14,
            400..500 => 3,
            _ => 13,
        };
        Self { code, message: message.into() }
    }

    /// Reads a body in protobuf; one that is none is an unknown error.
    pub fn decode(body: &[u8]) -> Self {
        Message::decode(body).unwrap_or(Self { code: 2, message: String::new() })
    }

    /// The body of the answer.
    pub fn encode(&self, encoding: Encoding) -> Vec<u8> {
        match encoding {
            Encoding::Protobuf => self.encode_to_vec(),
            Encoding::Json => {
                serde_json::json!({ "code": self.code, "message": self.message }).to_string().into_bytes()
            }
        }
    }
}

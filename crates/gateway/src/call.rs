//! One call that went through the gateway, as far as it is known: what `forms` makes an Event of.

use crate::forms::S3Host;
use bytes::Bytes;
use model::Timestamp;

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Request {
    /// Such as `GET`.
    pub method: String,
    /// As sent, percent-encoded, with the leading slash.
    pub path: String,
    /// As sent, without the question mark.
    pub query: String,
    /// Lower-case names, in order of arrival.
    pub headers: Vec<(String, String)>,
    /// What the configuration says of its host.
    pub s3_host: S3Host,
    /// The beginning of the body, as sent.
    pub body: Captured,
}

/// The beginning of a body.
#[derive(Debug, Clone, Default)]
pub struct Captured {
    /// At most what `forms::capture` asked for.
    pub bytes: Bytes,
    /// Bytes of the whole body that went through.
    pub total: u64,
}

/// What the backend answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Lower-case names, in order of arrival.
    pub headers: Vec<(String, String)>,
    /// The beginning of the body, as sent.
    pub body: Captured,
}

/// How a call ended.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// The backend answered.
    Answered(Answer),
    /// The gateway refused it; it never reached the backend. `rule` names the rule of the gateway that refused it, if one did
    /// (then the event is a network-activity event).
    Refused {
        /// What the client was told.
        code: String,
        /// What the client was told.
        message: String,
        /// Name of the rule, if one did it.
        rule: Option<String>,
    },
    /// The backend could not be reached, or broke off before the head of its answer.
    Unreachable {
        /// Why.
        message: String,
    },
    /// The gateway ended while the call was under way: whether the backend took it is not known.
    Interrupted,
}

/// TLS of the client's connection.
#[derive(Debug, Clone)]
pub struct Tls {
    /// Such as `TLSv1.3`.
    pub version: String,
    /// Such as `TLS_AES_128_GCM_SHA256`.
    pub cipher_suite: String,
}

/// One call.
#[derive(Debug, Clone)]
pub struct Call {
    /// UUID of the event.
    pub event_id: String,
    /// The id that the gateway gave the call; the backend's own (`x-amzn-requestid`, `x-amz-request-id`) goes before it.
    pub request_id: String,
    /// When its head came.
    pub started: Timestamp,
    /// Account that the event belongs to, 12 digits.
    pub account_id: String,
    /// Region of the credential scope, else the gateway's own.
    pub region: String,
    /// `userIdentity` as JSON text, made by whoever knows the key (an unknown key gives type `Unknown` with the claimed `accessKeyId`).
    pub user_identity: String,
    /// Whether the signature was verified by the gateway.
    pub is_verified: bool,
    /// `sourceIPAddress`.
    pub source_ip: String,
    /// `None` for a connection in the clear.
    pub tls: Option<Tls>,
    /// `vpcEndpointId` of network-activity events: the gateway's configured name, such as `vpce-0gateway`.
    pub endpoint_id: String,
    /// What came.
    pub request: Request,
    /// What became of it.
    pub outcome: Outcome,
}

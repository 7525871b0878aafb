//! AWS on the wire: codecs, SigV4, and shapes generated from the service models in `models/`.
//!
//! A request goes `routing` (which service and operation) -> `sigv4` (who) -> `operation` (decode, check, run, encode).
//! This crate is the only one that knows protocols, AWS error codes and HTTP statuses.

pub mod audit_writer;
pub mod cbor;
pub mod constraint;
#[cfg(test)]
mod equal_inputs;
pub mod error;
pub mod event_stream;
mod generated;
pub mod inflate;
pub mod json;
mod members;
pub mod operation;
pub mod query;
pub mod recorded;
pub mod request;
mod rest_json;
pub mod routing;
mod scalar;
pub mod service;
pub mod shape;
pub mod sigv2;
pub mod sigv4;
#[cfg(test)]
mod test_bytes;
pub mod xml;

pub use error::{ApiError, ErrorShape};
pub use generated::{
    Modelled, application_signals, cloudtrail, cloudtrail_data, cloudwatch, iam, logs, modelled, oam, sns, sts,
};
pub use operation::{
    Access, Answer, Audit, BoxFuture, Call, Guard, Operation, OperationShape, Response, Rest, StreamEvent,
    error_response,
};
pub use request::HttpRequest;
pub use service::{Protocol, Service};

//! Forms of events: which service and operation a call is for, and the CloudTrail record of it. Bytes in, JSON text
//! out.
//!
//! What is told of a call is what its model knows: members that are in no model are left out, since nobody can say
//! whether they are secrets. Bodies are read up to 256 KiB; what a body that is larger says before that is told.

mod address;
mod ambiguity;
mod answer;
mod body;
mod dynamodb;
mod members;
mod names;
mod percent;
mod record;
mod resources;
mod route;
mod s3;
mod secrets;
mod tables;
#[cfg(test)]
mod tests;

use crate::call::{Answer, Call, Request};
use body::BODY_BYTES_MAX;
use tables::{Kind, payload, shape};

pub use address::S3Host;
pub use ambiguity::{OtherCredentials, ambiguity, other_credentials};
pub use record::{INTERRUPTED, Resources, UNREACHABLE, resources};
pub use route::{UNKNOWN_OPERATION, otherwise};

/// Headers of S3 that name another object, which is read or renamed.
const SOURCES: [&str; 2] = ["x-amz-copy-source", "x-amz-rename-source"];
/// Bytes of an answer that tell its error; no error of AWS is longer.
const ERROR_BYTES_MAX: usize = 16 * 1024;

/// The services that the gateway knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Service {
    /// Amazon Simple Storage Service.
    S3,
    /// Amazon DynamoDB, with DynamoDB Streams.
    DynamoDb,
    /// Amazon Simple Queue Service.
    Sqs,
    /// Amazon Simple Notification Service.
    Sns,
    /// AWS Key Management Service.
    Kms,
    /// AWS Lambda.
    Lambda,
    /// AWS Security Token Service.
    Sts,
    /// AWS Secrets Manager.
    SecretsManager,
    /// Amazon Kinesis Data Streams.
    Kinesis,
    /// Amazon Data Firehose.
    Firehose,
}

impl Service {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::S3,
        Self::DynamoDb,
        Self::Sqs,
        Self::Sns,
        Self::Kms,
        Self::Lambda,
        Self::Sts,
        Self::SecretsManager,
        Self::Kinesis,
        Self::Firehose,
    ];

    /// As in `--upstream`, such as `secretsmanager`.
    pub fn name(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::DynamoDb => "dynamodb",
            Self::Sqs => "sqs",
            Self::Sns => "sns",
            Self::Kms => "kms",
            Self::Lambda => "lambda",
            Self::Sts => "sts",
            Self::SecretsManager => "secretsmanager",
            Self::Kinesis => "kinesis",
            Self::Firehose => "firehose",
        }
    }

    /// The service of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|service| service.name() == name)
    }

    /// Of the credential scope.
    pub fn signing_name(self) -> &'static str {
        self.name()
    }

    /// `eventSource`, such as `s3.amazonaws.com`.
    pub fn event_source(self) -> &'static str {
        match self {
            Self::S3 => "s3.amazonaws.com",
            Self::DynamoDb => "dynamodb.amazonaws.com",
            Self::Sqs => "sqs.amazonaws.com",
            Self::Sns => "sns.amazonaws.com",
            Self::Kms => "kms.amazonaws.com",
            Self::Lambda => "lambda.amazonaws.com",
            Self::Sts => "sts.amazonaws.com",
            Self::SecretsManager => "secretsmanager.amazonaws.com",
            Self::Kinesis => "kinesis.amazonaws.com",
            Self::Firehose => "firehose.amazonaws.com",
        }
    }
}

/// Management or data event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Category {
    /// `Management`.
    Management,
    /// `Data`.
    Data,
}

/// What a call was recognised as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recognised {
    /// Its service.
    pub service: Service,
    /// Its operation, as the model spells it; what the call calls itself when no model has it, else `UnknownOperation`.
    pub operation: String,
    /// Whether a model has the operation.
    pub is_modelled: bool,
    /// Whether it changes nothing.
    pub is_read_only: bool,
    /// Management or data.
    pub category: Category,
}

/// Which service a request is for: its credential scope, in a header or presigned; else its `X-Amz-Target`, a host of
/// AWS, the `Version` of a form, a path of Lambda; S3 when nothing says otherwise (anonymous reads, signatures of
/// version 2).
pub fn service_of(request: &Request) -> Service {
    route::service_of(request)
}

/// The service in a request's credential scope, when it is none that the gateway knows, such as `iam`: [`service_of`]
/// has to name one of its own all the same.
pub fn foreign_service(request: &Request) -> Option<String> {
    route::foreign_service(request)
}

/// How many bytes of the bodies the event of a call needs: (of the request, of the answer), told by the request's head
/// alone.
///
/// Of objects none is needed. What is needed of an answer to a read is its error: an answer below 300 may be left out.
pub fn capture(service: Service, request_head: &Request) -> (usize, usize) {
    let found = recognise(service, request_head);
    let operation = if found.is_modelled { tables::operation(service, &found.operation) } else { None };
    match (service, operation) {
        (Service::S3, None) => (0, ERROR_BYTES_MAX),
        (Service::S3, Some(operation)) => {
            let is_read = s3::tells_body(operation) || operation.name == "DeleteObjects";
            (if is_read { BODY_BYTES_MAX } else { 0 }, ERROR_BYTES_MAX)
        }
        // The operation of a query-protocol call stands in the body, which is yet to come.
        (_, None) => (BODY_BYTES_MAX, BODY_BYTES_MAX),
        (_, Some(operation)) => {
            let is_bytes =
                payload(operation.input).is_some_and(|member| matches!(shape(member.shape).kind, Kind::Bytes));
            // KMS names the key in its answers.
            let is_told = record::tells_answer(&found) || service == Service::Kms;
            (if is_bytes { 0 } else { BODY_BYTES_MAX }, if is_told { BODY_BYTES_MAX } else { ERROR_BYTES_MAX })
        }
    }
}

/// Which operation of `service` a request is for. A form's `Action` is read from the captured body.
pub fn recognise(service: Service, request: &Request) -> Recognised {
    route::recognise(service, request)
}

/// The CloudTrail record of a call (eventVersion 1.11): one line of JSON, without line break, of less than 512 KiB.
///
/// A call that a rule of the gateway refused gives a network-activity event. Calls that the backend did not answer
/// have the `errorCode`s [`UNREACHABLE`] and [`INTERRUPTED`], which are our own. In `additionalEventData`, also our
/// own, `gatewaySignatureVerified` is `false` where the gateway did not verify who called, and
/// `gatewayRequestBodyBytes` with `gatewayRequestBodyBytesRead` tell that the parameters are those of the beginning of
/// the body.
pub fn event(call: &Call, recognised: &Recognised) -> String {
    record::event(call, recognised)
}

/// The error code of an answer, if it tells of a failure: for metrics.
pub fn error_code(service: Service, answer: &Answer) -> Option<String> {
    answer::failure(service, None, answer).map(|failure| failure.code)
}

/// The first header called `name` (lower case), its value trimmed.
fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.trim())
}

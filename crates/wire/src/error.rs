//! `ApiError`: what a client is told when a call fails. The only file that knows AWS error codes and HTTP statuses.

use crate::cbor::CborWriter;
use crate::json::JsonWriter;
use crate::service::{Protocol, Service};
use crate::shape::{Shape, Violations};
use crate::xml::XmlWriter;
use model::{Classify, ErrorKind};
use std::borrow::Cow;
use std::fmt;

/// One kind of error as a model declares it, or one of the `common` ones.
#[derive(Debug, PartialEq, Eq)]
pub struct ErrorShape {
    /// Name in JSON and CBOR (`__type`).
    pub name: &'static str,
    /// `Code` in the query protocol, and in the header `x-amzn-query-error`.
    pub query_code: &'static str,
    /// HTTP status.
    pub status: u16,
    /// True when the client is at fault.
    pub sender: bool,
    /// How the shape spells its message member: `message` or `Message`.
    pub message_member: &'static str,
}

impl ErrorShape {
    /// An error that no model declares; a status below 500 is the client's fault.
    pub const fn common(name: &'static str, query_code: &'static str, status: u16) -> Self {
        Self { name, query_code, status, sender: status < 500, message_member: "message" }
    }
}

/// Errors that every service may answer, though no model declares them.
pub mod common {
    use super::ErrorShape;

    /// The input breaks a constraint of the model.
    pub const VALIDATION_EXCEPTION: ErrorShape = ErrorShape::common("ValidationException", "ValidationError", 400);
    /// The caller may not do this.
    pub const ACCESS_DENIED: ErrorShape = ErrorShape::common("AccessDeniedException", "AccessDenied", 403);
    /// Too much at once.
    pub const THROTTLING: ErrorShape = ErrorShape::common("ThrottlingException", "Throttling", 400);
    /// A defect of Trailwatch.
    pub const INTERNAL_FAILURE: ErrorShape = ErrorShape::common("InternalFailure", "InternalFailure", 500);
    /// Something below is out of reach.
    pub const SERVICE_UNAVAILABLE: ErrorShape =
        ErrorShape::common("ServiceUnavailableException", "ServiceUnavailable", 503);
    /// No such operation.
    pub const UNKNOWN_OPERATION: ErrorShape = ErrorShape::common("UnknownOperationException", "InvalidAction", 400);
    /// An operation of AWS that Trailwatch lacks. SDKs would retry a 501, so it is answered like an unknown operation.
    pub const NOT_IMPLEMENTED: ErrorShape = ErrorShape::common("UnknownOperationException", "InvalidAction", 400);
    /// The body is not what the protocol says.
    pub const SERIALIZATION: ErrorShape = ErrorShape::common("SerializationException", "MalformedInput", 400);
    /// The access key is not known.
    pub const UNRECOGNIZED_CLIENT: ErrorShape =
        ErrorShape::common("UnrecognizedClientException", "InvalidClientTokenId", 403);
    /// The signature does not match.
    pub const INVALID_SIGNATURE: ErrorShape =
        ErrorShape::common("InvalidSignatureException", "SignatureDoesNotMatch", 403);
    /// The signature lacks a part.
    pub const INCOMPLETE_SIGNATURE: ErrorShape =
        ErrorShape::common("IncompleteSignatureException", "IncompleteSignature", 403);
    /// The request is not signed.
    pub const MISSING_AUTHENTICATION_TOKEN: ErrorShape =
        ErrorShape::common("MissingAuthenticationTokenException", "MissingAuthenticationToken", 403);
    /// The session token has expired.
    pub const EXPIRED_TOKEN: ErrorShape = ErrorShape::common("ExpiredTokenException", "ExpiredToken", 403);
    /// The signature's date lies too far from now.
    pub const REQUEST_EXPIRED: ErrorShape = ErrorShape::common("RequestExpired", "RequestExpired", 400);
    /// The body is larger than any call may be.
    pub const REQUEST_TOO_LARGE: ErrorShape =
        ErrorShape::common("RequestEntityTooLargeException", "RequestEntityTooLarge", 413);
    /// The body is in an encoding that is not read here.
    pub const UNSUPPORTED_MEDIA_TYPE: ErrorShape =
        ErrorShape::common("UnsupportedMediaTypeException", "UnsupportedMediaType", 415);
    /// What is named does not exist. Operations raise their service's own error instead.
    pub const RESOURCE_NOT_FOUND: ErrorShape =
        ErrorShape::common("ResourceNotFoundException", "ResourceNotFoundException", 400);
    /// What is named exists already or changed meanwhile. Operations raise their service's own error instead.
    pub const CONFLICT: ErrorShape = ErrorShape::common("ConflictException", "ConflictException", 409);
}

/// A failed call: an error shape, what the client may know (`message`), and what the operator must know (`source`).
pub struct ApiError {
    shape: &'static ErrorShape,
    message: Cow<'static, str>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
    members: Option<Box<dyn Members>>,
}

impl ApiError {
    /// An error of kind `shape`, telling the client `message`.
    pub fn new(shape: &'static ErrorShape, message: impl Into<Cow<'static, str>>) -> Self {
        Self { shape, message: message.into(), source: None, members: None }
    }

    /// An operation that AWS has and Trailwatch lacks, by name.
    pub fn not_implemented(service: Service, operation: &str) -> Self {
        let message = format!("Trailwatch does not implement {}:{operation} yet", service.cli_name());
        Self::new(&common::NOT_IMPLEMENTED, message)
    }

    /// Operations on metrics, the oldest ones, have checks and errors of their own; others have those of all services. Of these most tell
    /// what is missing in the words of the former; those on alarms, whose models know no error for it, do not.
    fn violated_in_cloudwatch(operation: &str, violations: &Violations) -> Self {
        use crate::cloudwatch::errors;
        if matches!(operation, "PutMetricData" | "GetMetricStatistics" | "ListMetrics") {
            let (is_absent, sentences) = violations.sentences();
            // All parameters of ListMetrics may be left out, and its model has the one error.
            let shape = match is_absent && operation != "ListMetrics" {
                true => &errors::MISSING_REQUIRED_PARAMETER_EXCEPTION,
                false => &errors::INVALID_PARAMETER_VALUE_EXCEPTION,
            };
            return Self::new(shape, sentences);
        }
        // All of their names have the word.
        let is_on_alarms = operation.contains("Alarm");
        match violations.first_missing() {
            Some(path) if !is_on_alarms => {
                let shape = match operation {
                    "GetMetricData" => &errors::VALIDATION_EXCEPTION,
                    _ => &errors::MISSING_REQUIRED_PARAMETER_EXCEPTION,
                };
                Self::new(shape, format!("The parameter {path} is required."))
            }
            _ => Self::new(&errors::VALIDATION_EXCEPTION, violations.message()),
        }
    }

    /// The error an operation answers when its input breaks constraints of the model.
    pub fn violated(service: Service, operation: &str, violations: &Violations) -> Self {
        match service {
            Service::Logs => Self::new(&crate::logs::errors::INVALID_PARAMETER_EXCEPTION, violations.message()),
            Service::CloudWatch => Self::violated_in_cloudwatch(operation, violations),
            // The model declares ValidationException for tags alone; it cannot be told from here which call it was.
            Service::Oam => match violations.first_missing() {
                Some(path) => Self::new(
                    &crate::oam::errors::MISSING_REQUIRED_PARAMETER_EXCEPTION,
                    format!("The parameter {path} is required."),
                ),
                None => Self::new(&crate::oam::errors::INVALID_PARAMETER_EXCEPTION, violations.message()),
            },
            Service::CloudTrail
            | Service::CloudTrailData
            | Service::Iam
            | Service::Sts
            | Service::Sns
            | Service::ApplicationSignals => Self::new(&common::VALIDATION_EXCEPTION, violations.message()),
        }
    }

    /// Adds the cause, for the log; the client never sees it.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Adds the further members of the exception shape; leave its own message member empty.
    #[must_use]
    pub fn with_members(mut self, exception: impl Shape) -> Self {
        self.members = Some(Box::new(exception));
        self
    }

    /// The error's shape.
    pub fn shape(&self) -> &'static ErrorShape {
        self.shape
    }

    /// The name on the wire in JSON and CBOR, and `errorCode` in CloudTrail records.
    pub fn code(&self) -> &'static str {
        self.shape.name
    }

    /// What the client is told.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The shape's HTTP status.
    pub fn status(&self) -> u16 {
        self.shape.status
    }

    /// The HTTP status in `protocol`: the JSON front ends of AWS answer 400 where others answer 403.
    pub fn status_in(&self, protocol: Protocol) -> u16 {
        match (protocol, self.shape.status) {
            (Protocol::Json10 | Protocol::Json11, 403) => 400,
            (_, status) => status,
        }
    }

    pub(crate) fn members(&self) -> Option<&dyn Members> {
        self.members.as_deref()
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.shape.name, self.message)
    }
}

impl fmt::Debug for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiError")
            .field("code", &self.shape.name)
            .field("message", &self.message)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

impl std::error::Error for ApiError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn std::error::Error + 'static))
    }
}

impl<E: Classify> From<E> for ApiError {
    /// Answers the kind and keeps the error for the log: texts of storage never reach a client.
    fn from(error: E) -> Self {
        let (shape, message) = match error.kind() {
            ErrorKind::Invalid => (&common::VALIDATION_EXCEPTION, "The request is not valid."),
            ErrorKind::Denied => (&common::ACCESS_DENIED, "You are not authorized to perform this operation."),
            ErrorKind::NotFound => (&common::RESOURCE_NOT_FOUND, "The specified resource does not exist."),
            ErrorKind::Conflict => (&common::CONFLICT, "The resource was changed by another request. Try again."),
            ErrorKind::Throttled => (&common::THROTTLING, "Rate exceeded"),
            ErrorKind::Unavailable => (&common::SERVICE_UNAVAILABLE, "The service is unavailable. Try again."),
            ErrorKind::Corrupt | ErrorKind::Bug => {
                (&common::INTERNAL_FAILURE, "An internal error has occurred. See the server's log.")
            }
        };
        Self::new(shape, message).with_source(error)
    }
}

/// Members of an exception beyond its message, for whichever writer the protocol needs.
pub(crate) trait Members: Send + Sync {
    fn write_json(&self, writer: &mut JsonWriter);
    fn write_cbor(&self, writer: &mut CborWriter);
    fn write_xml(&self, writer: &mut XmlWriter);
}

impl<T: Shape> Members for T {
    fn write_json(&self, writer: &mut JsonWriter) {
        self.write_members(writer);
    }
    fn write_cbor(&self, writer: &mut CborWriter) {
        self.write_members(writer);
    }
    fn write_xml(&self, writer: &mut XmlWriter) {
        self.write_members(writer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("disk 7 on fire")]
    struct Fire(ErrorKind);

    impl Classify for Fire {
        fn kind(&self) -> ErrorKind {
            self.0
        }
    }

    #[test]
    fn a_kind_becomes_an_answer_and_its_text_stays_with_the_operator() {
        let cases = [
            (ErrorKind::Throttled, "ThrottlingException", 400),
            (ErrorKind::Unavailable, "ServiceUnavailableException", 503),
            (ErrorKind::Corrupt, "InternalFailure", 500),
            (ErrorKind::Bug, "InternalFailure", 500),
            (ErrorKind::Invalid, "ValidationException", 400),
        ];
        for (kind, code, status) in cases {
            let error = ApiError::from(Fire(kind));
            assert_eq!((error.code(), error.status()), (code, status));
            assert!(!error.to_string().contains("fire"));
            assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "disk 7 on fire");
        }
    }

    #[test]
    fn what_is_missing_is_told_as_each_operation_of_cloudwatch_tells_it() {
        use crate::shape::Path;
        let told = |operation: &str, members: &[&'static str]| {
            let mut violations = Violations::default();
            members.iter().for_each(|member| violations.missing(&Path::ROOT.field(member)));
            let error = ApiError::violated(Service::CloudWatch, operation, &violations);
            (error.shape().query_code, error.message().to_owned())
        };
        let null = |name: &str| format!("Value null at '{name}' failed to satisfy constraint: Member must not be null");
        for operation in ["PutMetricAlarm", "PutCompositeAlarm", "DescribeAlarmContributors"] {
            let message = format!("1 validation error detected: {}", null("alarmName"));
            assert_eq!(told(operation, &["AlarmName"]), ("ValidationError", message), "{operation}");
        }
        for operation in ["EnableAlarmActions", "DisableAlarmActions", "DeleteAlarms"] {
            let message = format!("1 validation error detected: {}", null("alarmNames"));
            assert_eq!(told(operation, &["AlarmNames"]), ("ValidationError", message), "{operation}");
        }
        let message = format!("2 validation errors detected: {}; {}", null("stateValue"), null("stateReason"));
        assert_eq!(told("SetAlarmState", &["StateValue", "StateReason"]), ("ValidationError", message));
        let required = |name: &str| format!("The parameter {name} is required.");
        assert_eq!(told("GetMetricData", &["StartTime"]), ("ValidationError", required("StartTime")));
        assert_eq!(told("PutInsightRule", &["RuleName"]), ("MissingParameter", required("RuleName")));
        assert_eq!(told("PutMetricData", &["Namespace"]), ("MissingParameter", required("Namespace")));
    }

    #[test]
    fn errors_are_small() {
        assert!(size_of::<ApiError>() <= 96, "{}", size_of::<ApiError>());
    }
}

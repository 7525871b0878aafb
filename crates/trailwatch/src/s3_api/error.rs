//! What is refused over the S3 API: codes, statuses and texts of S3.

use super::xml::Xml;
use model::buckets::BucketError;
use wire::sigv4::SignatureError;

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Error {
    /// HTTP status.
    pub status: u16,
    /// Such as `NoSuchKey`.
    pub code: &'static str,
    /// What the client is told.
    pub message: String,
}

impl S3Error {
    /// Any refusal.
    pub fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    /// Nobody may do this, or this caller may not.
    pub fn access_denied() -> Self {
        Self::new(403, "AccessDenied", "Access Denied")
    }

    /// The caller, or all together, ask for too much at once.
    pub fn slow_down() -> Self {
        Self::new(503, "SlowDown", "Please reduce your request rate.")
    }

    /// Something of ours broke; the log says what.
    pub fn internal() -> Self {
        Self::new(500, "InternalError", "We encountered an internal error. Please try again.")
    }

    /// What a signature is refused with.
    pub fn of_signature(refused: &SignatureError, is_presigned: bool) -> Self {
        let denied = |message: &str| Self::new(403, "AccessDenied", message);
        match refused {
            SignatureError::MissingToken => Self::access_denied(),
            SignatureError::UnknownKey => {
                let message = "The AWS Access Key Id you provided does not exist in our records.";
                Self::new(403, "InvalidAccessKeyId", message)
            }
            SignatureError::ExpiredToken => Self::new(400, "ExpiredToken", "The provided token has expired."),
            SignatureError::Mismatch => {
                let message = "The request signature we calculated does not match the signature you provided. Check \
                               your key and signing method.";
                Self::new(403, "SignatureDoesNotMatch", message)
            }
            SignatureError::Expired(_) if is_presigned => denied("Request has expired"),
            SignatureError::Skewed(_) if is_presigned => denied("Request is not valid yet"),
            SignatureError::Expired(_) | SignatureError::Skewed(_) => {
                let message = "The difference between the request time and the current time is too large.";
                Self::new(403, "RequestTimeTooSkewed", message)
            }
            SignatureError::Incomplete(text) if is_presigned => {
                Self::new(400, "AuthorizationQueryParametersError", text.clone())
            }
            SignatureError::Incomplete(text) | SignatureError::Refused(text) => {
                Self::new(400, "AuthorizationHeaderMalformed", text.clone())
            }
        }
    }

    /// The document that says so; `resource` is the path.
    pub fn to_xml(&self, resource: &str, request_id: &str) -> Vec<u8> {
        let mut xml = Xml::new();
        xml.open("Error");
        xml.text("Code", self.code);
        xml.text("Message", &self.message);
        xml.text("Resource", resource);
        xml.text("RequestId", request_id);
        xml.close("Error");
        xml.finish()
    }
}

impl From<BucketError> for S3Error {
    fn from(error: BucketError) -> Self {
        match error {
            BucketError::NoSuchBucket => Self::new(404, "NoSuchBucket", "The specified bucket does not exist"),
            BucketError::NoSuchKey => Self::new(404, "NoSuchKey", "The specified key does not exist."),
            BucketError::AccessDenied => Self::access_denied(),
            BucketError::Unreachable(reason) => {
                tracing::error!(reason, "read a bucket");
                Self::internal()
            }
        }
    }
}

//! `Refusal`: what a client is told when the gateway itself answers, in the form of the service that was called.

use crate::call::Request;
use crate::forms::Service;
use serde_json::json;
use wire::Protocol;
use wire::sigv4::SignatureError;

/// Why the gateway answers itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    reason: Reason,
    /// What the client is told.
    pub message: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Reason {
    Denied,
    Signature(SignatureError),
    Unavailable,
    TooMany,
    NotImplemented,
    TooLarge,
    WrongHash,
    Incomplete,
    Ambiguous,
}

/// How a service tells of errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    S3,
    Query,
    Json,
    RestJson,
}

/// An answer of the gateway's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// HTTP status.
    pub status: u16,
    /// Error code, as events have it.
    pub code: String,
    /// Headers beside the length.
    pub headers: Vec<(&'static str, String)>,
    /// Body.
    pub body: String,
}

impl Refusal {
    fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into() }
    }

    /// A rule refuses the call.
    pub fn denied(rule: &str) -> Self {
        Self::new(Reason::Denied, format!("Access Denied by rule '{rule}' of the gateway"))
    }

    /// The signature is not taken.
    pub fn signature(error: SignatureError) -> Self {
        let message = error.to_string();
        Self::new(Reason::Signature(error), message)
    }

    /// Not now.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(Reason::Unavailable, message)
    }

    /// The client has as much of the gateway as one may have.
    pub fn slow_down() -> Self {
        let text = "Please reduce your request rate: the calls of this client have their share of the gateway.";
        Self::new(Reason::TooMany, text)
    }

    /// Nothing here does it.
    pub fn not_implemented(message: impl Into<String>) -> Self {
        Self::new(Reason::NotImplemented, message)
    }

    /// The body is larger than one that is checked before it goes on.
    pub fn too_large(bytes_max: usize) -> Self {
        Self::new(Reason::TooLarge, format!("The body has more than {bytes_max} bytes"))
    }

    /// The body is not the one that was signed.
    pub fn wrong_hash() -> Self {
        Self::new(Reason::WrongHash, "The provided 'x-amz-content-sha256' header does not match what was computed.")
    }

    /// The body ended before its end.
    pub fn incomplete() -> Self {
        Self::new(Reason::Incomplete, "The request ended before its body did")
    }

    /// It can be read in more than one way.
    pub fn ambiguous(why: String) -> Self {
        Self::new(Reason::Ambiguous, why)
    }

    /// The answer to `request`, in the form of its service.
    pub fn write(&self, service: Service, request: &Request, request_id: &str) -> Written {
        let form = form_of(service, request);
        let (status, code) = self.told(form);
        match form {
            Form::S3 => Written {
                status,
                body: format!(
                    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{}</Message>\
                     <RequestId>{request_id}</RequestId></Error>",
                    escaped(&self.message)
                ),
                headers: vec![("x-amz-request-id", request_id.into()), ("content-type", "application/xml".into())],
                code,
            },
            Form::Query => {
                let fault = if status >= 500 { "Receiver" } else { "Sender" };
                Written {
                    status,
                    body: format!(
                        "<ErrorResponse><Error><Type>{fault}</Type><Code>{code}</Code><Message>{}</Message></Error>\
                         <RequestId>{request_id}</RequestId></ErrorResponse>",
                        escaped(&self.message)
                    ),
                    headers: vec![("x-amzn-requestid", request_id.into()), ("content-type", "text/xml".into())],
                    code,
                }
            }
            Form::Json | Form::RestJson => {
                let mut headers = vec![("x-amzn-requestid", request_id.to_owned())];
                if form == Form::Json {
                    headers.push(("content-type", "application/x-amz-json-1.0".into()));
                } else {
                    headers.push(("content-type", "application/json".into()));
                    headers.push(("x-amzn-errortype", code.clone()));
                }
                let body = json!({ "__type": code, "message": self.message }).to_string();
                Written { status, code, headers, body }
            }
        }
    }

    fn told(&self, form: Form) -> (u16, String) {
        let is_json = matches!(form, Form::Json | Form::RestJson);
        let status = |rest: u16| if form == Form::Json { 400 } else { rest };
        match &self.reason {
            Reason::Denied if is_json => (status(403), "AccessDeniedException".into()),
            Reason::Denied => (403, "AccessDenied".into()),
            Reason::Signature(error) => match form {
                Form::Json => of_protocol(error, Protocol::Json10),
                Form::RestJson => of_protocol(error, Protocol::RestJson),
                Form::Query => of_query(error),
                Form::S3 => of_s3(error),
            },
            Reason::Unavailable => (503, "ServiceUnavailable".into()),
            // What SDKs slow down at ("Retry behavior" of the SDK guide lists them as throttling errors).
            Reason::TooMany => match form {
                Form::S3 => (503, "SlowDown".into()),
                Form::Query => (400, "Throttling".into()),
                Form::Json => (400, "ThrottlingException".into()),
                Form::RestJson => (429, "TooManyRequestsException".into()),
            },
            Reason::NotImplemented => (501, "NotImplemented".into()),
            Reason::TooLarge if is_json => (413, "RequestEntityTooLargeException".into()),
            Reason::TooLarge => (413, "EntityTooLarge".into()),
            Reason::WrongHash => (400, "XAmzContentSHA256Mismatch".into()),
            Reason::Incomplete => (400, "IncompleteBody".into()),
            Reason::Ambiguous if is_json => (400, "ValidationException".into()),
            Reason::Ambiguous => (400, "InvalidRequest".into()),
        }
    }
}

fn of_protocol(error: &SignatureError, protocol: Protocol) -> (u16, String) {
    let error = error.to_api_error(protocol);
    (error.status_in(protocol), error.code().to_owned())
}

/// Codes of the query protocol ("Common errors").
fn of_query(error: &SignatureError) -> (u16, String) {
    match error {
        SignatureError::Mismatch
        | SignatureError::Refused(_)
        | SignatureError::Expired(_)
        | SignatureError::Skewed(_) => (403, "SignatureDoesNotMatch".into()),
        SignatureError::UnknownKey => (403, "InvalidClientTokenId".into()),
        SignatureError::ExpiredToken => (403, "ExpiredToken".into()),
        SignatureError::MissingToken => (403, "MissingAuthenticationToken".into()),
        SignatureError::Incomplete(_) => (400, "IncompleteSignature".into()),
    }
}

/// Codes of S3 ("Error responses").
fn of_s3(error: &SignatureError) -> (u16, String) {
    match error {
        SignatureError::Mismatch => (403, "SignatureDoesNotMatch".into()),
        SignatureError::Expired(_) | SignatureError::Skewed(_) => (403, "RequestTimeTooSkewed".into()),
        SignatureError::UnknownKey => (403, "InvalidAccessKeyId".into()),
        SignatureError::ExpiredToken => (400, "ExpiredToken".into()),
        SignatureError::MissingToken => (403, "AccessDenied".into()),
        SignatureError::Incomplete(_) | SignatureError::Refused(_) => (400, "AuthorizationHeaderMalformed".into()),
    }
}

fn form_of(service: Service, request: &Request) -> Form {
    let has =
        |name: &str, start: &str| request.headers.iter().any(|(key, value)| key == name && value.starts_with(start));
    if service == Service::S3 {
        Form::S3
    } else if has("x-amz-target", "") {
        Form::Json
    } else if service == Service::Lambda {
        Form::RestJson
    } else if matches!(service, Service::Sqs | Service::Sns | Service::Sts) {
        Form::Query
    } else {
        Form::Json
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Captured;

    fn request(headers: &[(&str, &str)]) -> Request {
        Request {
            method: "POST".into(),
            path: "/".into(),
            query: String::new(),
            headers: headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
            s3_host: crate::forms::S3Host::Other,
            body: Captured::default(),
        }
    }

    #[test]
    fn each_service_has_its_form() {
        let denied = Refusal::denied("a<b");
        let s3 = denied.write(Service::S3, &request(&[]), "ID");
        assert_eq!((s3.status, s3.code.as_str()), (403, "AccessDenied"));
        assert!(s3.body.contains("<Code>AccessDenied</Code><Message>Access Denied by rule 'a&lt;b'"), "{}", s3.body);
        let sqs = denied.write(Service::Sqs, &request(&[("x-amz-target", "AmazonSQS.SendMessage")]), "ID");
        assert_eq!((sqs.status, sqs.code.as_str()), (400, "AccessDeniedException"));
        let sns = denied.write(Service::Sns, &request(&[]), "ID");
        assert!(
            sns.body.starts_with("<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code>"),
            "{}",
            sns.body
        );
        let lambda = denied.write(Service::Lambda, &request(&[]), "ID");
        assert_eq!(lambda.status, 403);
        assert!(lambda.headers.contains(&("x-amzn-errortype", "AccessDeniedException".into())));
    }

    #[test]
    fn who_has_a_share_is_told_to_slow_down_in_words_that_clients_heed() {
        let told = |service, headers: &[(&str, &str)]| {
            let written = Refusal::slow_down().write(service, &request(headers), "ID");
            (written.status, written.code)
        };
        assert_eq!(told(Service::S3, &[]), (503, "SlowDown".into()));
        assert_eq!(told(Service::Sns, &[]), (400, "Throttling".into()));
        assert_eq!(told(Service::Kms, &[("x-amz-target", "x")]), (400, "ThrottlingException".into()));
        assert_eq!(told(Service::Lambda, &[]), (429, "TooManyRequestsException".into()));
    }

    #[test]
    fn forged_signatures_are_told_as_aws_does() {
        let code = |service, headers: &[(&str, &str)]| {
            Refusal::signature(SignatureError::Mismatch).write(service, &request(headers), "ID").code
        };
        assert_eq!(code(Service::S3, &[]), "SignatureDoesNotMatch");
        assert_eq!(code(Service::Sns, &[]), "SignatureDoesNotMatch");
        assert_eq!(code(Service::DynamoDb, &[("x-amz-target", "x")]), "InvalidSignatureException");
        let unavailable = Refusal::unavailable("no").write(Service::DynamoDb, &request(&[]), "ID");
        assert_eq!((unavailable.status, unavailable.code.as_str()), (503, "ServiceUnavailable"));
    }
}

//! What an event does not tell: members that the models mark as sensitive, and those that CloudTrail hides besides.

use super::Service;

/// What CloudTrail writes in place of a secret.
pub const HIDDEN: &str = "HIDDEN_DUE_TO_SECURITY_REASONS";

/// How a member is kept out of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hiding {
    /// The member is not there.
    Left,
    /// `HIDDEN` stands in its place.
    Marked,
}

/// How `service` hides what its model marks as sensitive. Those that leave it out are known from their records: KMS
/// tells of no plaintext, Secrets Manager of no secret, Lambda of no variables, STS of no secret key.
pub fn hiding(service: Service) -> Hiding {
    match service {
        Service::Kms | Service::SecretsManager | Service::Lambda | Service::Sts | Service::DynamoDb => Hiding::Left,
        Service::S3 | Service::Sqs | Service::Sns | Service::Kinesis | Service::Firehose => Hiding::Marked,
    }
}

/// How the member `name` is hidden, although its model does not mark it. By what AWS documents (SQS, SNS, DynamoDB:
/// their developer guides' pages on CloudTrail), and by what it is: codes, tokens and payloads let whoever reads them
/// do something.
pub fn hidden(service: Service, operation: &str, name: &str) -> Option<Hiding> {
    use Hiding::{Left, Marked};
    match (service, name) {
        (Service::Sqs, "MessageBody" | "Body" | "MessageAttributes" | "MessageSystemAttributes") => Some(Marked),
        (Service::Sns, "Message" | "Subject" | "MessageAttributes" | "Token" | "Endpoint") => Some(Marked),
        (Service::Sns, "OneTimePassword" | "CustomUserData") => Some(Marked),
        // They hold credentials of push services.
        (Service::Sns, "Attributes") if operation.contains("Platform") || operation.contains("Endpoint") => {
            Some(Marked)
        }
        (Service::Kms, "GrantTokens" | "GrantToken") => Some(Left),
        (Service::Lambda, "ClientContext" | "CheckpointToken" | "CallbackId") => Some(Left),
        (Service::Sts, "SessionToken") => Some(Marked),
        (Service::Sts, "TokenCode" | "ContextAssertion" | "EncodedMessage" | "DecodedMessage") => Some(Left),
        (
            Service::DynamoDb,
            "ExpressionAttributeValues"
            | "Expected"
            | "AttributeUpdates"
            | "KeyConditions"
            | "QueryFilter"
            | "ScanFilter"
            | "Parameters"
            | "SearchVector",
        ) => Some(Left),
        _ => None,
    }
}

/// True for a header of S3 that an event does not tell: keys, codes and tokens, and those that are no parameters of
/// the call.
pub fn is_hidden_header(name: &str) -> bool {
    name.contains("customer-key")
        || name.starts_with("x-amz-checksum-")
        || name.starts_with("x-amz-meta-")
        || name.starts_with("x-amz-fwd-")
        || matches!(name, "x-amz-mfa" | "x-amz-request-token" | "x-amz-security-token" | "x-amz-sdk-checksum-algorithm")
}

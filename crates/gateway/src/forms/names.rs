//! What operations are called in events, whether they only read, and which of them are data events.

use super::{Category, Service};

/// CloudTrail's name for an operation.
///
/// S3: "Amazon S3 CloudTrail events" lists the names of bucket-level actions, and says that both versions of
/// ListObjects are one. Lambda: names carry the date of the API's version up to 2019, as its records show ("Logging
/// Lambda API calls with CloudTrail").
pub fn event_name(service: Service, operation: &str, path: &str) -> String {
    match service {
        Service::S3 => s3_name(operation).to_owned(),
        Service::Lambda => lambda_name(operation, path),
        _ => operation.to_owned(),
    }
}

fn s3_name(operation: &str) -> &str {
    match operation {
        "ListObjectsV2" => "ListObjects",
        "GetBucketAccelerateConfiguration" => "GetAccelerateConfiguration",
        "PutBucketAccelerateConfiguration" => "PutAccelerateConfiguration",
        "GetBucketLifecycleConfiguration" => "GetBucketLifecycle",
        "PutBucketLifecycleConfiguration" => "PutBucketLifecycle",
        "GetBucketNotificationConfiguration" => "GetBucketNotification",
        "PutBucketNotificationConfiguration" => "PutBucketNotification",
        "GetObjectLockConfiguration" => "GetBucketObjectLockConfiguration",
        "PutObjectLockConfiguration" => "PutBucketObjectLockConfiguration",
        "GetPublicAccessBlock" => "GetBucketPublicAccessBlock",
        "PutPublicAccessBlock" => "PutBucketPublicAccessBlock",
        "DeletePublicAccessBlock" => "DeleteBucketPublicAccessBlock",
        other => other,
    }
}

/// The first version of Lambda's API whose names carry no date.
const LAMBDA_UNDATED: &str = "20200101";

fn lambda_name(operation: &str, path: &str) -> String {
    if matches!(operation, "Invoke" | "InvokeAsync" | "InvokeWithResponseStream") {
        return operation.to_owned();
    }
    let date: String = path.split('/').nth(1).unwrap_or_default().chars().filter(char::is_ascii_digit).collect();
    if date.len() != LAMBDA_UNDATED.len() || date.as_str() >= LAMBDA_UNDATED {
        return operation.to_owned();
    }
    let second = match operation {
        "AddPermission"
        | "RemovePermission"
        | "GetPolicy"
        | "GetFunction"
        | "GetFunctionConfiguration"
        | "UpdateFunctionCode"
        | "UpdateFunctionConfiguration"
        | "TagResource"
        | "UntagResource" => "v2",
        _ => "",
    };
    format!("{operation}{date}{second}")
}

/// True for what changes nothing, as CloudTrail's `readOnly` says it.
pub fn is_read_only(service: Service, operation: &str) -> bool {
    match (service, operation) {
        (Service::Sts, "GetFederationToken") => false,
        (Service::Sts, _) => true,
        // What KMS does with keys changes none of them.
        (
            Service::Kms,
            "Decrypt" | "Encrypt" | "ReEncrypt" | "Sign" | "Verify" | "VerifyMac" | "DeriveSharedSecret"
            | "Encapsulate" | "Decapsulate",
        ) => true,
        (Service::Kms, operation) if operation.starts_with("Generate") => true,
        (Service::Kinesis, operation) if operation.starts_with("Receive") => true,
        (Service::Kinesis, "SubscribeToShard") | (Service::S3, "PreflightRequest") => true,
        (Service::S3, "SelectObjectContent") => true,
        (Service::DynamoDb, "Query" | "Scan" | "SearchVectors" | "TransactGetItems") => true,
        (Service::Sqs, "ReceiveMessage") | (Service::Sns, "CheckIfPhoneNumberIsOptedOut") => true,
        (Service::SecretsManager, "ValidateResourcePolicy") => true,
        _ => ["Get", "List", "Describe", "Head", "BatchGet"].iter().any(|verb| operation.starts_with(verb)),
    }
}

/// Management or data.
///
/// S3: "Amazon S3 CloudTrail events", resource type AWS::S3::Object. DynamoDB: "Logging DynamoDB operations". SQS:
/// "Logging Amazon SQS API calls". SNS, Kinesis, Lambda: "Logging data events". Firehose's puts are none at AWS; here
/// they are.
pub fn category(service: Service, operation: &str) -> Category {
    let is_data = match service {
        Service::S3 => is_s3_data(operation),
        Service::DynamoDb => matches!(
            operation,
            "BatchExecuteStatement"
                | "BatchGetItem"
                | "BatchWriteItem"
                | "DeleteItem"
                | "ExecuteStatement"
                | "ExecuteTransaction"
                | "GetItem"
                | "PutItem"
                | "Query"
                | "Scan"
                | "SearchVectors"
                | "TransactGetItems"
                | "TransactWriteItems"
                | "UpdateItem"
                // Of DynamoDB Streams.
                | "GetRecords"
                | "GetShardIterator"
        ),
        Service::Sqs => matches!(
            operation,
            "ChangeMessageVisibility"
                | "ChangeMessageVisibilityBatch"
                | "DeleteMessage"
                | "DeleteMessageBatch"
                | "GetQueueAttributes"
                | "GetQueueUrl"
                | "ListDeadLetterSourceQueues"
                | "ListQueues"
                | "ListQueueTags"
                | "ReceiveMessage"
                | "SendMessage"
                | "SendMessageBatch"
        ),
        Service::Sns => matches!(operation, "Publish" | "PublishBatch"),
        Service::Lambda => {
            operation.starts_with("Invoke")
                || operation.starts_with("SendDurableExecutionCallback")
                || matches!(operation, "CheckpointDurableExecution" | "GetDurableExecutionState")
        }
        Service::Kinesis => {
            operation.contains("QueueRecords")
                || matches!(
                    operation,
                    "PutRecord" | "PutRecords" | "GetRecords" | "GetShardIterator" | "SubscribeToShard"
                )
        }
        Service::Firehose => matches!(operation, "PutRecord" | "PutRecordBatch"),
        Service::Kms | Service::Sts | Service::SecretsManager => false,
    };
    if is_data { Category::Data } else { Category::Management }
}

fn is_s3_data(operation: &str) -> bool {
    matches!(
        operation,
        "AbortMultipartUpload"
            | "CompleteMultipartUpload"
            | "CopyObject"
            | "CreateMultipartUpload"
            | "CreateSession"
            | "DeleteObject"
            | "DeleteObjectAnnotation"
            | "DeleteObjectTagging"
            | "DeleteObjects"
            | "GetObject"
            | "GetObjectAcl"
            | "GetObjectAnnotation"
            | "GetObjectAttributes"
            | "GetObjectLegalHold"
            | "GetObjectRetention"
            | "GetObjectTagging"
            | "GetObjectTorrent"
            | "HeadBucket"
            | "HeadObject"
            | "ListObjectAnnotations"
            | "ListObjectVersions"
            | "ListObjects"
            | "ListObjectsV2"
            | "ListParts"
            | "PostObject"
            | "PutObject"
            | "PutObjectAcl"
            | "PutObjectAnnotation"
            | "PutObjectLegalHold"
            | "PutObjectRetention"
            | "PutObjectTagging"
            | "RenameObject"
            | "RestoreObject"
            | "SelectObjectContent"
            | "UpdateObjectEncryption"
            | "UploadPart"
            | "UploadPartCopy"
            | "WriteGetObjectResponse"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forms::tables;

    #[test]
    fn names_are_those_of_real_records() {
        let lambda = |name: &str| {
            let operation = tables::operation(Service::Lambda, name).unwrap();
            event_name(Service::Lambda, name, operation.path)
        };
        // Each stands in a published record.
        for (operation, name) in [
            ("AddPermission", "AddPermission20150331v2"),
            ("CreateFunction", "CreateFunction20150331"),
            ("DeleteFunction", "DeleteFunction20150331"),
            ("GetFunction", "GetFunction20150331v2"),
            ("GetFunctionCodeSigningConfig", "GetFunctionCodeSigningConfig"),
            ("ListFunctions", "ListFunctions20150331"),
            ("ListVersionsByFunction", "ListVersionsByFunction20150331"),
            ("UpdateFunctionCode", "UpdateFunctionCode20150331v2"),
            ("UpdateFunctionConfiguration", "UpdateFunctionConfiguration20150331v2"),
            ("Invoke", "Invoke"),
        ] {
            assert_eq!(lambda(operation), name);
        }
        assert_eq!(event_name(Service::S3, "ListObjectsV2", ""), "ListObjects");
        assert_eq!(event_name(Service::Kms, "Decrypt", ""), "Decrypt");
    }

    #[test]
    fn every_data_operation_is_one_of_a_model() {
        let data = |service| {
            let operations = tables::operations(service).iter().map(|operation| operation.name);
            operations.filter(move |name| category(service, name) == Category::Data).count()
        };
        // One less of S3 (PostObject is in no model), two less of DynamoDB (those of Streams).
        assert_eq!(Service::ALL.map(data), [37, 14, 12, 2, 0, 8, 0, 0, 12, 2]);
        assert_eq!(category(Service::S3, "PutBucketPolicy"), Category::Management);
    }
}

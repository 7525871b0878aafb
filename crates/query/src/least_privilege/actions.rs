//! Which IAM actions a call needs: from `eventSource` and `eventName`, which mostly are the service's prefix and the action, to what they are
//! where they are not.
//!
//! Sources: Service Authorization Reference; S3 User Guide ("Required permissions for Amazon S3 API operations", "CloudTrail events").

/// `eventSource`s whose first label is not the prefix of their actions.
const PREFIXES: [(&str, &str); 24] = [
    ("api.ecr-public.amazonaws.com", "ecr-public"),
    ("api.ecr.amazonaws.com", "ecr"),
    ("api.sagemaker.amazonaws.com", "sagemaker"),
    ("appstream2.amazonaws.com", "appstream"),
    ("data.iot.amazonaws.com", "iot"),
    ("discovery-marketplace.amazonaws.com", "aws-marketplace"),
    ("edge.sagemaker.amazonaws.com", "sagemaker"),
    ("email.amazonaws.com", "ses"),
    ("entitlement-marketplace.amazonaws.com", "aws-marketplace"),
    ("entitlement.marketplace.amazonaws.com", "aws-marketplace"),
    ("iotdata.amazonaws.com", "iot"),
    ("metering-marketplace.amazonaws.com", "aws-marketplace"),
    ("metering.marketplace.amazonaws.com", "aws-marketplace"),
    ("models-v2-lex.amazonaws.com", "lex"),
    ("models.lex.amazonaws.com", "lex"),
    ("monitoring.amazonaws.com", "cloudwatch"),
    ("mturk-requester.amazonaws.com", "mechanicalturk"),
    ("personalize-runtime.amazonaws.com", "personalize"),
    ("runtime-v2-lex.amazonaws.com", "lex"),
    ("runtime.lex.amazonaws.com", "lex"),
    ("runtime.sagemaker.amazonaws.com", "sagemaker"),
    ("streams.dynamodb.amazonaws.com", "dynamodb"),
    ("tagging.amazonaws.com", "tag"),
    ("transcribestreaming.amazonaws.com", "transcribe"),
];

/// Sources whose events no policy of IAM speaks about.
const WITHOUT_IAM: [&str; 3] = ["signin.amazonaws.com", "trailwatch", "detections.trailwatch"];

/// Event names whose actions have other names: prefix, event, actions.
const NAMES: [(&str, &str, &[&str]); 74] = [
    ("dynamodb", "ExecuteStatement", &["PartiQLSelect", "PartiQLInsert", "PartiQLUpdate", "PartiQLDelete"]),
    ("dynamodb", "TransactGetItems", &["GetItem"]),
    ("dynamodb", "TransactWriteItems", &["PutItem", "UpdateItem", "DeleteItem", "ConditionCheckItem"]),
    ("kms", "ReEncrypt", &["ReEncryptFrom", "ReEncryptTo"]),
    ("lambda", "Invoke", &["InvokeFunction"]),
    ("lambda", "InvokeAsync", &["InvokeFunction"]),
    ("lambda", "InvokeWithResponseStream", &["InvokeFunction"]),
    ("s3", "CompleteMultipartUpload", &["PutObject"]),
    ("s3", "CopyObject", &["PutObject"]),
    ("s3", "CreateMultipartUpload", &["PutObject"]),
    ("s3", "DeleteBucketAnalyticsConfiguration", &["PutAnalyticsConfiguration"]),
    ("s3", "DeleteBucketCors", &["PutBucketCORS"]),
    ("s3", "DeleteBucketEncryption", &["PutEncryptionConfiguration"]),
    ("s3", "DeleteBucketIntelligentTieringConfiguration", &["PutIntelligentTieringConfiguration"]),
    ("s3", "DeleteBucketInventoryConfiguration", &["PutInventoryConfiguration"]),
    ("s3", "DeleteBucketLifecycle", &["PutLifecycleConfiguration"]),
    ("s3", "DeleteBucketMetricsConfiguration", &["PutMetricsConfiguration"]),
    ("s3", "DeleteBucketOwnershipControls", &["PutBucketOwnershipControls"]),
    ("s3", "DeleteBucketPublicAccessBlock", &["PutBucketPublicAccessBlock"]),
    ("s3", "DeleteBucketReplication", &["PutReplicationConfiguration"]),
    ("s3", "DeleteBucketTagging", &["PutBucketTagging"]),
    ("s3", "DeleteObjects", &["DeleteObject"]),
    ("s3", "DeletePublicAccessBlock", &["PutBucketPublicAccessBlock"]),
    ("s3", "GetBucketAccelerateConfiguration", &["GetAccelerateConfiguration"]),
    ("s3", "GetBucketAnalyticsConfiguration", &["GetAnalyticsConfiguration"]),
    ("s3", "GetBucketCors", &["GetBucketCORS"]),
    ("s3", "GetBucketEncryption", &["GetEncryptionConfiguration"]),
    ("s3", "GetBucketIntelligentTieringConfiguration", &["GetIntelligentTieringConfiguration"]),
    ("s3", "GetBucketInventoryConfiguration", &["GetInventoryConfiguration"]),
    ("s3", "GetBucketLifecycle", &["GetLifecycleConfiguration"]),
    ("s3", "GetBucketLifecycleConfiguration", &["GetLifecycleConfiguration"]),
    ("s3", "GetBucketMetricsConfiguration", &["GetMetricsConfiguration"]),
    ("s3", "GetBucketNotificationConfiguration", &["GetBucketNotification"]),
    ("s3", "GetBucketReplication", &["GetReplicationConfiguration"]),
    ("s3", "GetObjectLockConfiguration", &["GetBucketObjectLockConfiguration"]),
    ("s3", "GetPublicAccessBlock", &["GetBucketPublicAccessBlock"]),
    ("s3", "HeadBucket", &["ListBucket"]),
    ("s3", "HeadObject", &["GetObject"]),
    ("s3", "InitiateMultipartUpload", &["PutObject"]),
    ("s3", "ListBucketAnalyticsConfigurations", &["GetAnalyticsConfiguration"]),
    ("s3", "ListBucketIntelligentTieringConfigurations", &["GetIntelligentTieringConfiguration"]),
    ("s3", "ListBucketInventoryConfigurations", &["GetInventoryConfiguration"]),
    ("s3", "ListBucketMetricsConfigurations", &["GetMetricsConfiguration"]),
    ("s3", "ListBuckets", &["ListAllMyBuckets"]),
    ("s3", "ListMultipartUploads", &["ListBucketMultipartUploads"]),
    ("s3", "ListObjectVersions", &["ListBucketVersions"]),
    ("s3", "ListObjects", &["ListBucket"]),
    ("s3", "ListObjectsV2", &["ListBucket"]),
    ("s3", "ListParts", &["ListMultipartUploadParts"]),
    ("s3", "PostObject", &["PutObject"]),
    ("s3", "PutBucketAccelerateConfiguration", &["PutAccelerateConfiguration"]),
    ("s3", "PutBucketAnalyticsConfiguration", &["PutAnalyticsConfiguration"]),
    ("s3", "PutBucketCors", &["PutBucketCORS"]),
    ("s3", "PutBucketEncryption", &["PutEncryptionConfiguration"]),
    ("s3", "PutBucketIntelligentTieringConfiguration", &["PutIntelligentTieringConfiguration"]),
    ("s3", "PutBucketInventoryConfiguration", &["PutInventoryConfiguration"]),
    ("s3", "PutBucketLifecycle", &["PutLifecycleConfiguration"]),
    ("s3", "PutBucketLifecycleConfiguration", &["PutLifecycleConfiguration"]),
    ("s3", "PutBucketMetricsConfiguration", &["PutMetricsConfiguration"]),
    ("s3", "PutBucketNotificationConfiguration", &["PutBucketNotification"]),
    ("s3", "PutBucketReplication", &["PutReplicationConfiguration"]),
    ("s3", "PutObjectLockConfiguration", &["PutBucketObjectLockConfiguration"]),
    ("s3", "PutPublicAccessBlock", &["PutBucketPublicAccessBlock"]),
    ("s3", "SelectObjectContent", &["GetObject"]),
    ("s3", "UploadPart", &["PutObject"]),
    ("s3", "UploadPartCopy", &["PutObject"]),
    ("sns", "PublishBatch", &["Publish"]),
    ("sqs", "ChangeMessageVisibilityBatch", &["ChangeMessageVisibility"]),
    ("sqs", "DeleteMessageBatch", &["DeleteMessage"]),
    ("sqs", "SendMessageBatch", &["SendMessage"]),
    ("bedrock", "Converse", &["InvokeModel"]),
    ("bedrock", "ConverseStream", &["InvokeModelWithResponseStream"]),
    ("ssm", "OpenDataChannel", &["StartSession"]),
    // Nobody needs permission for this one, and none can be refused it.
    ("sts", "GetCallerIdentity", &[]),
];

/// The prefix and the names of the actions that a call needs, none for a call that needs none; `None` for what IAM does not know.
pub(super) fn actions(source: &str, name: &str) -> Option<(String, Vec<String>)> {
    if WITHOUT_IAM.contains(&source) || name.is_empty() {
        return None;
    }
    let named = PREFIXES.iter().find(|(known, _)| *known == source).map(|(_, prefix)| *prefix);
    let prefix = named.or_else(|| source.split('.').next()).filter(|prefix| !prefix.is_empty())?;
    if prefix == "apigateway" {
        return Some((prefix.to_owned(), vec![verb(name).to_owned()]));
    }
    let name = without_version(name);
    let known = NAMES.iter().find(|(of, event, _)| *of == prefix && *event == name);
    let actions =
        known.map_or_else(|| vec![name.to_owned()], |(.., actions)| actions.iter().map(|a| (*a).into()).collect());
    Some((prefix.to_owned(), actions))
}

/// API Gateway's actions are the methods of its REST API.
fn verb(name: &str) -> &'static str {
    const VERBS: [(&str, &str); 9] = [
        ("Get", "GET"),
        ("Export", "GET"),
        ("Delete", "DELETE"),
        ("Untag", "DELETE"),
        ("Flush", "DELETE"),
        ("Update", "PATCH"),
        ("Put", "PUT"),
        ("Tag", "PUT"),
        ("Reimport", "PUT"),
    ];
    VERBS.iter().find(|(begin, _)| name.starts_with(begin)).map_or("POST", |(_, verb)| verb)
}

/// `Create` of `Create20150331`, `Create20150331v2` and `Create2020_05_31`, as Lambda and CloudFront name events.
fn without_version(name: &str) -> &str {
    let short = match name.rsplit_once('v') {
        Some((rest, number)) if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) => rest,
        _ => name,
    };
    let bare = short.trim_end_matches(|c: char| c.is_ascii_digit() || c == '_');
    let digits = short[bare.len()..].bytes().filter(u8::is_ascii_digit).count();
    if digits == 8 && !bare.is_empty() { bare } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(source: &str, name: &str) -> Vec<String> {
        let (prefix, actions) = actions(source, name).unwrap();
        actions.iter().map(|action| format!("{prefix}:{action}")).collect()
    }

    #[test]
    fn events_become_actions() {
        for (source, name, expected) in [
            ("monitoring.amazonaws.com", "PutMetricData", "cloudwatch:PutMetricData"),
            ("s3.amazonaws.com", "ListBuckets", "s3:ListAllMyBuckets"),
            ("s3.amazonaws.com", "ListObjectsV2", "s3:ListBucket"),
            ("s3.amazonaws.com", "HeadObject", "s3:GetObject"),
            ("s3.amazonaws.com", "GetObject", "s3:GetObject"),
            ("lambda.amazonaws.com", "UpdateFunctionCode20150331v2", "lambda:UpdateFunctionCode"),
            ("lambda.amazonaws.com", "ListFunctions20150331", "lambda:ListFunctions"),
            ("lambda.amazonaws.com", "Invoke", "lambda:InvokeFunction"),
            ("cloudfront.amazonaws.com", "CreateDistribution2020_05_31", "cloudfront:CreateDistribution"),
            ("s3.amazonaws.com", "ListObjectsV2", "s3:ListBucket"),
            ("email.amazonaws.com", "SendEmail", "ses:SendEmail"),
            ("apigateway.amazonaws.com", "GetRestApis", "apigateway:GET"),
            ("apigateway.amazonaws.com", "CreateDeployment", "apigateway:POST"),
            ("logs.amazonaws.com", "PutLogEvents", "logs:PutLogEvents"),
            ("wafv2.amazonaws.com", "GetIPSet", "wafv2:GetIPSet"),
        ] {
            assert_eq!(of(source, name), [expected]);
        }
        assert_eq!(of("kms.amazonaws.com", "ReEncrypt"), ["kms:ReEncryptFrom", "kms:ReEncryptTo"]);
        assert!(of("sts.amazonaws.com", "GetCallerIdentity").is_empty());
        assert!(actions("signin.amazonaws.com", "ConsoleLogin").is_none());
        assert!(actions("", "X").is_none() && actions("s3.amazonaws.com", "").is_none());
        assert_eq!(without_version("v2"), "v2");
        assert_eq!(without_version("20150331"), "20150331");
    }
}

//! Faults: changes that break something, what they break, and how it shows.

/// What a cause shares with the alarm that it sets off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// It is done to the very resource that a dimension of the metric names.
    Resource,
    /// It names something with a word of that name in it.
    Words,
    /// No name at all: an id, or something that many use.
    None,
}

impl Link {
    pub fn name(self) -> &'static str {
        match self {
            Link::Resource => "its resource",
            Link::Words => "words of a name",
            Link::None => "no name",
        }
    }
}

/// A kind of fault. In texts `{app}` is the app's name, `{id}` an id of which only its owner knows what it is.
#[derive(Debug)]
pub struct Kind {
    pub link: Link,
    pub source: &'static str,
    pub action: &'static str,
    /// Name and value of the parameter, and the type of the resource where the record names one.
    pub parameter: (&'static str, &'static str),
    pub resource_type: Option<&'static str>,
    /// Namespace, name, dimension of the metric; what of it counts is a sum.
    pub metric: (&'static str, &'static str, &'static str),
    /// What is logged; empty where nothing is.
    pub line: &'static str,
}

const fn kind(
    link: Link,
    (source, action): (&'static str, &'static str),
    parameter: (&'static str, &'static str),
    resource_type: Option<&'static str>,
    metric: (&'static str, &'static str, &'static str),
    line: &'static str,
) -> Kind {
    Kind { link, source, action, parameter, resource_type, metric, line }
}

const ALB: (&str, &str, &str) = ("AWS/ApplicationELB", "HTTPCode_Target_5XX_Count", "LoadBalancer");
const LAMBDA: (&str, &str, &str) = ("AWS/Lambda", "Errors", "FunctionName");
const CUSTOM: (&str, &str, &str) = ("Shop", "FailedOrders", "Service");
const TABLE: Option<&str> = Some("AWS::DynamoDB::Table");
const BUCKET: Option<&str> = Some("AWS::S3::Bucket");

pub const KINDS: [Kind; 20] = [
    kind(
        Link::Resource,
        ("s3.amazonaws.com", "DeleteBucketPolicy"),
        ("bucketName", "{app}"),
        BUCKET,
        ("AWS/S3", "4xxErrors", "BucketName"),
        "ERROR AccessDenied reading s3://{app}/img/",
    ),
    kind(
        Link::Resource,
        ("s3.amazonaws.com", "PutBucketLifecycleConfiguration"),
        ("bucketName", "{app}"),
        BUCKET,
        ("AWS/S3", "4xxErrors", "BucketName"),
        "WARN NoSuchKey in {app}, key img/",
    ),
    kind(
        Link::Resource,
        ("lambda.amazonaws.com", "UpdateFunctionCode20150331v2"),
        ("functionName", "{app}"),
        None,
        LAMBDA,
        "[ERROR] TypeError: undefined is not a function, request ",
    ),
    kind(
        Link::Resource,
        ("lambda.amazonaws.com", "UpdateFunctionConfiguration20150331v2"),
        ("functionName", "{app}"),
        None,
        LAMBDA,
        "Task timed out after 3.00 seconds, request ",
    ),
    kind(
        Link::Resource,
        ("lambda.amazonaws.com", "PutFunctionConcurrency20171031"),
        ("functionName", "{app}"),
        None,
        ("AWS/Lambda", "Throttles", "FunctionName"),
        "",
    ),
    kind(
        Link::Resource,
        ("dynamodb.amazonaws.com", "UpdateTable"),
        ("tableName", "{app}"),
        TABLE,
        ("AWS/DynamoDB", "ThrottledRequests", "TableName"),
        "ProvisionedThroughputExceededException on table {app}, retry ",
    ),
    kind(
        Link::Resource,
        ("sqs.amazonaws.com", "SetQueueAttributes"),
        ("queueUrl", "https://sqs.us-east-1.amazonaws.com/111122223333/{app}"),
        None,
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName"),
        "",
    ),
    kind(
        Link::Resource,
        ("rds.amazonaws.com", "ModifyDBInstance"),
        ("dBInstanceIdentifier", "{app}"),
        None,
        ("AWS/RDS", "DatabaseConnections", "DBInstanceIdentifier"),
        "FATAL too many connections for role app, pid ",
    ),
    kind(
        Link::Resource,
        ("ecs.amazonaws.com", "UpdateService"),
        ("service", "{app}"),
        None,
        ("AWS/ECS", "CPUUtilization", "ServiceName"),
        "",
    ),
    kind(
        Link::Words,
        ("iam.amazonaws.com", "DetachRolePolicy"),
        ("roleName", "{app}-task-role"),
        None,
        LAMBDA,
        "ERROR AccessDenied: not authorized to perform dynamodb:Query, request ",
    ),
    kind(
        Link::Words,
        ("iam.amazonaws.com", "PutRolePolicy"),
        ("roleName", "{app}-task-role"),
        None,
        CUSTOM,
        "ERROR AccessDenied: not authorized to perform sqs:SendMessage, order ",
    ),
    kind(
        Link::Words,
        ("ecs.amazonaws.com", "UpdateService"),
        ("service", "{app}-web"),
        None,
        ALB,
        "ERROR 500 Internal Server Error, java.lang.NullPointerException at request ",
    ),
    kind(
        Link::Words,
        ("secretsmanager.amazonaws.com", "PutSecretValue"),
        ("secretId", "{app}/database"),
        None,
        CUSTOM,
        "FATAL password authentication failed for user app, pid ",
    ),
    kind(
        Link::Words,
        ("ssm.amazonaws.com", "PutParameter"),
        ("name", "/{app}/payment/url"),
        None,
        CUSTOM,
        "ERROR payment endpoint does not exist, order ",
    ),
    kind(
        Link::Words,
        ("elasticloadbalancing.amazonaws.com", "DeregisterTargets"),
        ("targetGroupArn", "arn:aws:elasticloadbalancing:us-east-1:111122223333:targetgroup/{app}-web/1f"),
        None,
        ALB,
        "",
    ),
    kind(
        Link::None,
        ("ec2.amazonaws.com", "RevokeSecurityGroupIngress"),
        ("groupId", "sg-{id}"),
        None,
        ALB,
        "ERROR connection timed out to 10.0.3.17:5432, request ",
    ),
    kind(
        Link::None,
        ("ec2.amazonaws.com", "ReplaceRoute"),
        ("routeTableId", "rtb-{id}"),
        None,
        CUSTOM,
        "ERROR connect ETIMEDOUT 52.1.2.3:443, order ",
    ),
    kind(
        Link::None,
        ("route53.amazonaws.com", "ChangeResourceRecordSets"),
        ("hostedZoneId", "Z{id}"),
        None,
        CUSTOM,
        "ERROR could not resolve host db.internal, order ",
    ),
    kind(
        Link::None,
        ("kms.amazonaws.com", "DisableKey"),
        ("keyId", "{id}-11aa"),
        None,
        LAMBDA,
        "ERROR KMSInvalidStateException: key is pending, cannot decrypt, request ",
    ),
    kind(
        Link::None,
        ("cloudformation.amazonaws.com", "ExecuteChangeSet"),
        ("stackName", "network-{id}"),
        None,
        ALB,
        "ERROR 503 upstream connect error, reset before headers, request ",
    ),
];

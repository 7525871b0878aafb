//! Stand-in for the forms of services: GetObject and PutObject of S3, and calls that name themselves.

use crate::call::{Answer, Call, Outcome, Request};
use serde_json::json;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Service {
    S3,
    DynamoDb,
    Sqs,
    Sns,
    Kms,
    Lambda,
    Sts,
    SecretsManager,
    Kinesis,
    Firehose,
}

impl Service {
    pub const ALL: [Service; 10] = [
        Service::S3,
        Service::DynamoDb,
        Service::Sqs,
        Service::Sns,
        Service::Kms,
        Service::Lambda,
        Service::Sts,
        Service::SecretsManager,
        Service::Kinesis,
        Service::Firehose,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Service::S3 => "s3",
            Service::DynamoDb => "dynamodb",
            Service::Sqs => "sqs",
            Service::Sns => "sns",
            Service::Kms => "kms",
            Service::Lambda => "lambda",
            Service::Sts => "sts",
            Service::SecretsManager => "secretsmanager",
            Service::Kinesis => "kinesis",
            Service::Firehose => "firehose",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|service| service.name() == name)
    }

    pub fn signing_name(self) -> &'static str {
        self.name()
    }

    pub fn event_source(self) -> &'static str {
        match self {
            Service::S3 => "s3.amazonaws.com",
            Service::DynamoDb => "dynamodb.amazonaws.com",
            Service::Sqs => "sqs.amazonaws.com",
            Service::Sns => "sns.amazonaws.com",
            Service::Kms => "kms.amazonaws.com",
            Service::Lambda => "lambda.amazonaws.com",
            Service::Sts => "sts.amazonaws.com",
            Service::SecretsManager => "secretsmanager.amazonaws.com",
            Service::Kinesis => "kinesis.amazonaws.com",
            Service::Firehose => "firehose.amazonaws.com",
        }
    }
}

fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

pub fn service_of(request: &Request) -> Service {
    let scope = header(request, "authorization").and_then(|text| text.split("Credential=").nth(1));
    scope.and_then(|text| text.split('/').nth(3)).and_then(Service::from_name).unwrap_or(Service::S3)
}

pub fn capture(service: Service, _request_head: &Request) -> (usize, usize) {
    if service == Service::S3 { (0, 2048) } else { (256 * 1024, 256 * 1024) }
}

#[derive(Debug, Clone)]
pub struct Recognised {
    pub service: Service,
    pub operation: String,
    pub is_modelled: bool,
    pub is_read_only: bool,
    pub category: Category,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Category {
    Management,
    Data,
}

pub fn recognise(service: Service, request: &Request) -> Recognised {
    let body = String::from_utf8_lossy(&request.body.bytes);
    let target = header(request, "x-amz-target").and_then(|target| target.rsplit('.').next()).map(str::to_owned);
    let action = || body.split('&').find_map(|pair| pair.strip_prefix("Action=")).map(str::to_owned);
    let by_method = || match request.method.as_str() {
        "PUT" => "PutObject".to_owned(),
        "GET" => "GetObject".to_owned(),
        "HEAD" => "HeadObject".to_owned(),
        "DELETE" => "DeleteObject".to_owned(),
        _ => "UnknownOperation".to_owned(),
    };
    let operation = if service == Service::S3 { by_method() } else { target.or_else(action).unwrap_or_else(by_method) };
    let is_read_only = ["Get", "List", "Describe", "Head"].iter().any(|verb| operation.starts_with(verb));
    let category = if service == Service::S3 { Category::Data } else { Category::Management };
    Recognised { service, operation, is_modelled: true, is_read_only, category }
}

pub fn event(call: &Call, recognised: &Recognised) -> String {
    let identity: serde_json::Value = serde_json::from_str(&call.user_identity).unwrap_or_default();
    let (code, message) = match &call.outcome {
        Outcome::Answered(answer) => (error_code(recognised.service, answer), None),
        Outcome::Refused { code, message, .. } => (Some(code.clone()), Some(message.clone())),
        Outcome::Unreachable { message } => (Some("ServiceUnavailable".into()), Some(message.clone())),
        Outcome::Interrupted => (Some("Interrupted".into()), None),
    };
    let network = matches!(&call.outcome, Outcome::Refused { rule: Some(_), .. });
    let category = if network {
        "NetworkActivity"
    } else if recognised.category == Category::Data {
        "Data"
    } else {
        "Management"
    };
    let bucket = call.request.path.trim_start_matches('/').split('/').next().unwrap_or_default();
    let mut record = json!({
        "eventVersion": "1.11",
        "userIdentity": identity,
        "eventTime": call.started.iso_seconds(),
        "eventSource": recognised.service.event_source(),
        "eventName": recognised.operation,
        "awsRegion": call.region,
        "sourceIPAddress": call.source_ip,
        "requestID": call.request_id,
        "eventID": call.event_id,
        "readOnly": recognised.is_read_only,
        "eventType": if network { "AwsVpceEvent" } else { "AwsApiCall" },
        "managementEvent": category == "Management",
        "recipientAccountId": call.account_id,
        "eventCategory": category,
    });
    if recognised.service == Service::S3 {
        record["resources"] = json!([{ "type": "AWS::S3::Object", "ARN": format!("arn:aws:s3:::{}", call.request.path.trim_start_matches('/')) }]);
        record["requestParameters"] = json!({ "bucketName": bucket });
    }
    if let Some(code) = code {
        record["errorCode"] = json!(code);
    }
    if let Some(message) = message {
        record["errorMessage"] = json!(message);
    }
    record.to_string()
}

pub fn error_code(_service: Service, answer: &Answer) -> Option<String> {
    (answer.status >= 400).then(|| answer.status.to_string())
}

//! The resources of an event: types and ARNs, from what a request names and what an answer adds.

use super::address::Address;
use super::body::Tree;
use super::dynamodb;
use super::percent::parameter;
use super::s3::keys_to_delete;
use super::{Recognised, SOURCES, Service, header};
use crate::call::Call;
use serde_json::{Value, json};

/// Most resources that one event names, and most bytes of them; a full DeleteObjects names 1,000 keys.
const RESOURCES_MAX: usize = 1_000;
const RESOURCES_BYTES_MAX: usize = 32 * 1024;

/// One resource.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Resource {
    kind: &'static str,
    arn: String,
    /// Whether the ARN is the beginning of those of several resources.
    is_prefix: bool,
    /// Whether the account that owns it is told: not for objects of S3.
    has_account: bool,
}

impl Resource {
    fn new(kind: &'static str, arn: String) -> Self {
        Self { kind, arn, is_prefix: false, has_account: true }
    }

    fn object(arn: String) -> Self {
        Self { has_account: false, ..Self::new("AWS::S3::Object", arn) }
    }

    fn to_json(&self, account: &str) -> Value {
        // The account stands in an ARN where it is another's, such as that of a role to assume.
        let of_arn = self.arn.split(':').nth(4).filter(|account| !account.is_empty());
        let arn = if self.is_prefix { "ARNPrefix" } else { "ARN" };
        match self.has_account {
            true => json!({"accountId": of_arn.unwrap_or(account), "type": self.kind, arn: self.arn}),
            false => json!({"type": self.kind, arn: self.arn}),
        }
    }
}

/// What a call names.
pub struct Named<'a> {
    pub call: &'a Call,
    pub recognised: &'a Recognised,
    /// Members of the request and of the answer, by their names in the model.
    pub request: Option<&'a Tree>,
    pub answer: Option<&'a Tree>,
}

impl Named<'_> {
    /// `resources` of the event.
    pub fn resources(&self) -> Vec<Value> {
        let mut found = match self.recognised.service {
            Service::S3 => self.s3(),
            Service::DynamoDb => self.dynamodb(),
            Service::Sqs => self.sqs(),
            Service::Sns => self.arns("AWS::SNS::Topic", &["TopicArn", "TargetArn", "ResourceArn"], ":sns:"),
            Service::Kms => self.kms(),
            Service::Lambda => self.lambda(),
            Service::Sts => self.arns("AWS::IAM::Role", &["RoleArn"], ":iam:"),
            Service::SecretsManager => {
                self.arns("AWS::SecretsManager::Secret", &["SecretId", "ARN"], ":secretsmanager:")
            }
            Service::Kinesis => self.kinesis(),
            Service::Firehose => {
                let name = self.text("DeliveryStreamName");
                let arn = name.map(|name| self.arn("firehose", &format!("deliverystream/{name}")));
                arn.map(|arn| Resource::new("AWS::KinesisFirehose::DeliveryStream", arn)).into_iter().collect()
            }
        };
        found.truncate(RESOURCES_MAX);
        let mut bytes = 0_usize;
        found.retain(|resource| {
            bytes = bytes.saturating_add(resource.arn.len() + 100);
            bytes <= RESOURCES_BYTES_MAX
        });
        found.iter().map(|resource| resource.to_json(&self.call.account_id)).collect()
    }

    fn text(&self, member: &str) -> Option<&str> {
        self.request?.members.get(member)?.as_str().filter(|text| !text.is_empty())
    }

    fn answered(&self, member: &str) -> Option<&str> {
        self.answer?.members.get(member)?.as_str().filter(|text| !text.is_empty())
    }

    fn partition(&self) -> &'static str {
        partition(&self.call.region)
    }

    fn arn(&self, service: &str, rest: &str) -> String {
        format!("arn:{}:{service}:{}:{}:{rest}", self.partition(), self.call.region, self.call.account_id)
    }

    /// The first member of request or answer, of those called `members`, that is an ARN with `part` in it.
    fn arns(&self, kind: &'static str, members: &[&str], part: &str) -> Vec<Resource> {
        let texts = members.iter().flat_map(|name| [self.text(name), self.answered(name)]).flatten();
        let mut arns = texts.filter(|text| text.starts_with("arn:") && text.contains(part));
        arns.next().map(|arn| Resource::new(kind, arn.to_owned())).into_iter().collect()
    }

    fn s3(&self) -> Vec<Resource> {
        let request = &self.call.request;
        let Address { bucket: Some(bucket), key } = Address::of(request) else { return Vec::new() };
        let of_bucket = |bucket: &str| format!("arn:{}:s3:::{bucket}", self.partition());
        let bucket_arn = of_bucket(&bucket);
        let objects_of =
            |prefix: &str| Resource { is_prefix: true, ..Resource::object(format!("{bucket_arn}/{prefix}")) };
        let mut found = Vec::new();
        match (key, self.recognised.operation.as_str()) {
            (Some(key), _) => found.push(Resource::object(format!("{bucket_arn}/{key}"))),
            (None, "DeleteObjects") => match keys_to_delete(request) {
                Some(keys) if keys.iter().map(|key| key.len() + 200).sum::<usize>() <= RESOURCES_BYTES_MAX => {
                    found.extend(keys.iter().map(|key| Resource::object(format!("{bucket_arn}/{key}"))));
                }
                _ => found.push(objects_of("")),
            },
            (None, "ListObjects" | "ListObjectsV2" | "ListObjectVersions") => {
                let prefix = parameter(&request.query, "prefix").unwrap_or_default();
                found.push(objects_of(prefix.get(..prefix.floor_char_boundary(1024)).unwrap_or_default()));
            }
            (None, "HeadBucket" | "PostObject") => found.push(objects_of("")),
            (None, _) => {}
        }
        found.push(Resource::new("AWS::S3::Bucket", bucket_arn.clone()));
        // Whatever the query says: backends that do not know it copy.
        let sources = SOURCES.into_iter().filter_map(|name| header(&request.headers, name));
        for source in sources.filter(|_| request.method == "PUT") {
            let source = super::percent::decoded(source, super::percent::Plus::Itself);
            let source = source.trim_start_matches('/').split("?versionId=").next().unwrap_or_default();
            if let Some((bucket, key)) = source.split_once('/').filter(|_| !source.starts_with("arn:")) {
                found.push(Resource::new("AWS::S3::Bucket", of_bucket(bucket)));
                found.push(Resource::object(format!("{}/{key}", of_bucket(bucket))));
            }
        }
        found
    }

    fn dynamodb(&self) -> Vec<Resource> {
        let mut names: Vec<String> = Vec::new();
        let members = self.request.map(|tree| &tree.members);
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let named = ["TableName", "TableArn", "ResourceArn"].into_iter().filter_map(|member| self.text(member));
        names.extend(named.map(str::to_owned));
        if let Some(Value::Object(tables)) = members.and_then(|members| members.get("RequestItems")) {
            names.extend(tables.keys().cloned());
        }
        let list = |name: &str| members.and_then(|members| members.get(name)?.as_array()).into_iter().flatten();
        for action in list("TransactItems").flat_map(|item| item.as_object().into_iter().flatten()) {
            names.extend(action.1.get("TableName").and_then(text));
        }
        let statements = list("Statements").chain(list("TransactStatements")).map(|item| item.get("Statement"));
        for statement in statements.chain([members.and_then(|members| members.get("Statement"))]).flatten() {
            names.extend(dynamodb::tables(&dynamodb::redacted(statement.as_str().unwrap_or_default())));
        }
        let mut found: Vec<Resource> = Vec::new();
        for name in names.into_iter().filter(|name| name.len() <= 1024) {
            let arn = if name.starts_with("arn:") { name } else { self.arn("dynamodb", &format!("table/{name}")) };
            let resource = Resource::new("AWS::DynamoDB::Table", arn);
            if !found.contains(&resource) && found.len() < 100 {
                found.push(resource);
            }
        }
        found
    }

    fn sqs(&self) -> Vec<Resource> {
        // `https://host/account/name`; backends that have no accounts write other paths.
        let of_url = |url: &str| {
            let mut parts = url.trim_end_matches('/').rsplit('/');
            let name = parts.next().filter(|name| !name.is_empty())?.to_owned();
            let account =
                parts.next().filter(|part| part.len() == 12 && part.bytes().all(|byte| byte.is_ascii_digit()));
            Some((name, account.map(str::to_owned)))
        };
        let arn = |(name, account): (String, Option<String>)| {
            let account = account.as_deref().unwrap_or(&self.call.account_id);
            format!("arn:{}:sqs:{}:{account}:{name}", self.partition(), self.call.region)
        };
        let path = &self.call.request.path;
        let named = self.text("QueueUrl").and_then(of_url).or_else(|| Some((self.text("QueueName")?.to_owned(), None)));
        // The query protocol posts to the queue's own address.
        let posted_to = || (path.trim_matches('/').contains('/')).then(|| of_url(path)).flatten();
        let found = named.or_else(posted_to).map(arn).or_else(|| self.text("SourceArn").map(str::to_owned));
        let any = || (self.recognised.operation == "ListQueues").then(|| arn(("*".to_owned(), None)));
        found.or_else(any).map(|arn| Resource::new("AWS::SQS::Queue", arn)).into_iter().collect()
    }

    /// Every key that a call names, then the alias (KMS developer guide, "CreateAlias" and "ReEncrypt" of the log
    /// entries). What the answer says of a key goes before what the request calls it.
    fn kms(&self) -> Vec<Resource> {
        let of_metadata =
            || self.answer?.members.get("KeyMetadata").and_then(|metadata| metadata.get("Arn")).and_then(Value::as_str);
        let source = self.answered("SourceKeyId").or(self.text("SourceKeyId"));
        let key = self.answered("KeyId").or_else(of_metadata).or(self.text("KeyId"));
        let target = key.or(self.text("DestinationKeyId")).or(self.text("TargetKeyId"));
        let arn = |name: &str| match name {
            arn if arn.starts_with("arn:") => arn.to_owned(),
            alias if alias.starts_with("alias/") => self.arn("kms", alias),
            id => self.arn("kms", &format!("key/{id}")),
        };
        let mut arns: Vec<String> = Vec::new();
        for named in [source, target, self.text("AliasName")].into_iter().flatten().map(arn) {
            if !arns.contains(&named) {
                arns.push(named);
            }
        }
        arns.into_iter().map(|arn| Resource::new("AWS::KMS::Key", arn)).collect()
    }

    fn lambda(&self) -> Vec<Resource> {
        let arn = self.text("FunctionName").or(self.answered("FunctionArn")).map(|name| {
            if name.starts_with("arn:") {
                return name.to_owned();
            }
            // `123456789012:function:name` and `name:qualifier` are names as well.
            match name.split_once(":function:") {
                Some((account, rest)) => {
                    format!("arn:{}:lambda:{}:{account}:function:{rest}", self.partition(), self.call.region)
                }
                None => self.arn("lambda", &format!("function:{name}")),
            }
        });
        arn.map(|arn| Resource::new("AWS::Lambda::Function", arn)).into_iter().collect()
    }

    fn kinesis(&self) -> Vec<Resource> {
        if let Some(consumer) = self.text("ConsumerARN") {
            return vec![Resource::new("AWS::Kinesis::StreamConsumer", consumer.to_owned())];
        }
        let of_name = || self.text("StreamName").map(|name| self.arn("kinesis", &format!("stream/{name}")));
        let arn = self.text("StreamARN").map(str::to_owned).or_else(of_name);
        arn.map(|arn| Resource::new("AWS::Kinesis::Stream", arn)).into_iter().collect()
    }
}

/// The partition of a region: `aws`, `aws-cn` or `aws-us-gov`.
pub fn partition(region: &str) -> &'static str {
    if region.starts_with("cn-") {
        "aws-cn"
    } else if region.starts_with("us-gov-") {
        "aws-us-gov"
    } else {
        "aws"
    }
}

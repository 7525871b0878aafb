//! Which resources a call is on: the ARNs that its record names, else those that its request parameters make.
//!
//! A call that names none, and one whose action IAM grants on all resources or none, is on `*`.

use super::Needed;
use model::Event;
use serde_json::Value;

/// Most resources of one call.
const RESOURCES_MAX: usize = 50;

/// Parameters that make ARNs: prefix, the action's beginning, parameter, and the ARN, in which P is the partition, R the region, A
/// the account and V the parameter's value.
const MADE: [(&str, &str, &str, &str); 44] = [
    ("athena", "", "workGroup", "arn:P:athena:R:A:workgroup/V"),
    ("bedrock", "", "modelId", "arn:P:bedrock:R::foundation-model/V"),
    ("cloudformation", "", "stackName", "arn:P:cloudformation:R:A:stack/V/*"),
    ("cloudtrail", "", "name", "arn:P:cloudtrail:R:A:trail/V"),
    ("cloudtrail", "", "trailName", "arn:P:cloudtrail:R:A:trail/V"),
    ("cloudwatch", "", "alarmName", "arn:P:cloudwatch:R:A:alarm:V"),
    ("cloudwatch", "", "alarmNames", "arn:P:cloudwatch:R:A:alarm:V"),
    ("cloudwatch", "", "dashboardName", "arn:P:cloudwatch::A:dashboard/V"),
    ("cloudwatch", "", "dashboardNames", "arn:P:cloudwatch::A:dashboard/V"),
    ("codebuild", "", "projectName", "arn:P:codebuild:R:A:project/V"),
    ("codecommit", "", "repositoryName", "arn:P:codecommit:R:A:V"),
    ("dynamodb", "", "tableName", "arn:P:dynamodb:R:A:table/V"),
    ("ec2", "RebootInstances", "instanceId", "arn:P:ec2:R:A:instance/V"),
    ("ec2", "StartInstances", "instanceId", "arn:P:ec2:R:A:instance/V"),
    ("ec2", "StopInstances", "instanceId", "arn:P:ec2:R:A:instance/V"),
    ("ec2", "TerminateInstances", "instanceId", "arn:P:ec2:R:A:instance/V"),
    ("ec2", "AuthorizeSecurityGroup", "groupId", "arn:P:ec2:R:A:security-group/V"),
    ("ec2", "DeleteSecurityGroup", "groupId", "arn:P:ec2:R:A:security-group/V"),
    ("ec2", "RevokeSecurityGroup", "groupId", "arn:P:ec2:R:A:security-group/V"),
    ("ecr", "", "repositoryName", "arn:P:ecr:R:A:repository/V"),
    ("eks", "", "name", "arn:P:eks:R:A:cluster/V"),
    ("elasticfilesystem", "", "fileSystemId", "arn:P:elasticfilesystem:R:A:file-system/V"),
    ("events", "", "rule", "arn:P:events:R:A:rule/V"),
    ("firehose", "", "deliveryStreamName", "arn:P:firehose:R:A:deliverystream/V"),
    ("iam", "", "userName", "arn:P:iam::A:user/V"),
    ("iam", "", "roleName", "arn:P:iam::A:role/V"),
    ("iam", "", "groupName", "arn:P:iam::A:group/V"),
    ("iam", "", "instanceProfileName", "arn:P:iam::A:instance-profile/V"),
    ("iam", "CreatePolicy", "policyName", "arn:P:iam::A:policy/V"),
    ("kinesis", "", "streamName", "arn:P:kinesis:R:A:stream/V"),
    ("kms", "", "keyId", "arn:P:kms:R:A:key/V"),
    ("lambda", "", "functionName", "arn:P:lambda:R:A:function:V"),
    ("logs", "", "logGroupName", "arn:P:logs:R:A:log-group:V:*"),
    ("rds", "", "dBClusterIdentifier", "arn:P:rds:R:A:cluster:V"),
    ("rds", "", "dBInstanceIdentifier", "arn:P:rds:R:A:db:V"),
    ("route53", "", "hostedZoneId", "arn:P:route53:::hostedzone/V"),
    ("secretsmanager", "", "secretId", "arn:P:secretsmanager:R:A:secret:V-??????"),
    ("secretsmanager", "CreateSecret", "name", "arn:P:secretsmanager:R:A:secret:V-??????"),
    ("sns", "CreateTopic", "name", "arn:P:sns:R:A:V"),
    ("sqs", "CreateQueue", "queueName", "arn:P:sqs:R:A:V"),
    ("ssm", "", "name", "arn:P:ssm:R:A:parameter/V"),
    ("ssm", "", "names", "arn:P:ssm:R:A:parameter/V"),
    ("states", "CreateStateMachine", "name", "arn:P:states:R:A:stateMachine:V"),
    ("sts", "", "roleArn", "V"),
];

/// Actions that IAM grants on all resources only, although their records may name some: prefix and the action's beginning.
const ON_ALL: [(&str, &str); 11] = [
    ("cloudtrail", "DescribeTrails"),
    ("cloudwatch", "DescribeAlarmsForMetric"),
    ("cloudwatch", "GetMetric"),
    ("cloudwatch", "ListMetrics"),
    ("cloudwatch", "PutMetricData"),
    ("ec2", "Describe"),
    ("ecr", "GetAuthorizationToken"),
    ("kms", "ListAliases"),
    ("kms", "ListKeys"),
    ("s3", "ListAllMyBuckets"),
    ("ssm", "DescribeParameters"),
];

/// What an action of a call is on.
pub(super) fn resources(event: &Event, prefix: &str, action: &str, parameters: &Value) -> Vec<Needed> {
    let needed = |resource: String, pattern: String, is_told: bool| Needed {
        action: format!("{prefix}:{action}"),
        resource,
        pattern,
        is_told,
    };
    let all = |is_told: bool| vec![needed("*".into(), "*".into(), is_told)];
    if ON_ALL.iter().any(|(of, begin)| *of == prefix && action.starts_with(begin)) {
        return all(true);
    }
    if prefix == "apigateway" {
        let arn = format!("arn:{}:apigateway:{}::/*", partition(&event.region), event.region);
        return vec![needed(arn.clone(), arn, true)];
    }
    let mut found: Vec<(String, String)> = match prefix {
        "s3" => of_s3(event, action, parameters),
        _ => named(event, prefix),
    };
    if found.is_empty() {
        found = made(event, prefix, action, parameters);
    }
    found.sort();
    found.dedup();
    found.truncate(RESOURCES_MAX);
    if found.is_empty() {
        return all(false);
    }
    found.into_iter().map(|(resource, pattern)| needed(resource, pattern, true)).collect()
}

/// ARNs that the record names and that are this service's.
fn named(event: &Event, prefix: &str) -> Vec<(String, String)> {
    let service = if prefix == "sts" { "iam" } else { prefix };
    let arns = event.resources.iter().map(|resource| resource.name.as_str()).filter(|name| is_arn_of(name, service));
    // The parameters of logs make a better one.
    arns.filter(|_| prefix != "logs").map(|arn| (arn.to_owned(), escaped(arn))).collect()
}

fn is_arn_of(text: &str, service: &str) -> bool {
    let mut parts = text.split(':');
    parts.next() == Some("arn") && parts.nth(1) == Some(service)
}

/// Buckets and objects. The records of data events list both.
fn of_s3(event: &Event, action: &str, parameters: &Value) -> Vec<(String, String)> {
    let of_objects = action.contains("Object") && !action.starts_with("GetBucket") && !action.starts_with("PutBucket")
        || matches!(action, "AbortMultipartUpload" | "ListMultipartUploadParts");
    let partition = partition(&event.region);
    let Some(bucket) = parameters["bucketName"].as_str().filter(|bucket| !bucket.is_empty()) else {
        let arns = event.resources.iter().map(|resource| resource.name.as_str()).filter(|name| is_arn_of(name, "s3"));
        let fits = arns.filter(|arn| arn.contains('/') == of_objects);
        return fits.map(|arn| (arn.to_owned(), escaped(arn))).collect();
    };
    let bucket = format!("arn:{partition}:s3:::{bucket}");
    match parameters["key"].as_str() {
        _ if !of_objects => vec![(bucket.clone(), escaped(&bucket))],
        Some(key) => {
            let arn = format!("{bucket}/{key}");
            vec![(arn.clone(), escaped(&arn))]
        }
        // Which objects a DeleteObjects is about does not stand in the record.
        None => vec![(format!("{bucket}/*"), format!("{}/*", escaped(&bucket)))],
    }
}

/// ARNs made of request parameters.
fn made(event: &Event, prefix: &str, action: &str, parameters: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (_, begin, parameter, arn) in MADE.iter().filter(|(of, ..)| *of == prefix) {
        if !action.starts_with(begin) {
            continue;
        }
        for value in values(parameters, parameter) {
            if prefix == "kms" && value.starts_with("alias/") {
                // Which key has that name the record's own ARNs say.
                continue;
            }
            let value = if prefix == "ssm" { value.trim_start_matches('/') } else { value };
            if prefix == "logs" && !value.starts_with("arn:") {
                // A call is on a stream, be it none; a policy names all of a group.
                let stream = parameters["logStreamName"].as_str().unwrap_or_default();
                let on = filled(&arn.replace(":*", ":log-stream:"), event, value) + stream;
                found.push((on, filled(arn, event, &escaped(value))));
                continue;
            }
            found.push(if value.starts_with("arn:") {
                (value.to_owned(), escaped(value))
            } else {
                (filled(arn, event, value), filled(arn, event, &escaped(value)))
            });
        }
    }
    if prefix == "sqs"
        && let Some(arn) = parameters["queueUrl"].as_str().and_then(|url| queue(url, event))
    {
        found.push((arn.clone(), escaped(&arn)));
    }
    if found.is_empty() {
        // Most services call what they take an ARN in something with Arn at its end.
        for (name, value) in parameters.as_object().into_iter().flatten() {
            let arn =
                value.as_str().filter(|value| name.to_ascii_lowercase().ends_with("arn") && is_arn_of(value, prefix));
            found.extend(arn.map(|arn| (arn.to_owned(), escaped(arn))));
        }
    }
    found
}

/// The texts of a parameter: itself, its elements, or for `instanceId` those of `instancesSet.items`.
fn values<'a>(parameters: &'a Value, name: &str) -> Vec<&'a str> {
    let items = parameters["instancesSet"]["items"].as_array().into_iter().flatten();
    let of_items = items.filter(|_| name == "instanceId").filter_map(|item| item[name].as_str());
    let own = parameters[name].as_str().into_iter();
    let elements = parameters[name].as_array().into_iter().flatten().filter_map(Value::as_str);
    own.chain(elements).chain(of_items).filter(|value| !value.is_empty()).take(RESOURCES_MAX).collect()
}

fn filled(arn: &str, event: &Event, value: &str) -> String {
    let mut parts = arn.splitn(6, ':').map(str::to_owned).collect::<Vec<_>>();
    let last = parts.len() - 1;
    for part in &mut parts[..last] {
        match part.as_str() {
            "P" => *part = partition(&event.region).to_owned(),
            "R" => part.clone_from(&event.region),
            "A" => part.clone_from(&event.account),
            _ => {}
        }
    }
    parts[last] = match parts[last].split_once('V') {
        Some((before, after)) => format!("{before}{value}{after}"),
        None => parts[last].clone(),
    };
    parts.join(":")
}

/// The ARN of `https://sqs.REGION.amazonaws.com/ACCOUNT/NAME`.
fn queue(url: &str, event: &Event) -> Option<String> {
    let mut parts = url.trim_end_matches('/').rsplit('/');
    let (name, account) = (parts.next()?, parts.next()?);
    let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    is_account.then(|| format!("arn:{}:sqs:{}:{account}:{name}", partition(&event.region), event.region))
}

fn partition(region: &str) -> &'static str {
    if region.starts_with("cn-") {
        "aws-cn"
    } else if region.starts_with("us-gov-") {
        "aws-us-gov"
    } else {
        "aws"
    }
}

/// A text as a policy has it that means exactly this text (IAM User Guide, policy variables: `${*}`, `${?}`, `${$}`).
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '*' | '?' | '$' => escaped.extend(['$', '{', c, '}']),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::EventResource;
    use serde_json::json;

    fn of(prefix: &str, action: &str, parameters: &Value, named: &[&str]) -> Vec<(String, String)> {
        let event = Event {
            region: "eu-west-1".into(),
            account: "111122223333".into(),
            resources: named
                .iter()
                .map(|name| EventResource { name: (*name).into(), ..EventResource::default() })
                .collect(),
            ..Event::default()
        };
        resources(&event, prefix, action, parameters)
            .into_iter()
            .map(|needed| (needed.resource, needed.pattern))
            .collect()
    }

    fn is(prefix: &str, action: &str, parameters: &Value, named: &[&str], expected: &[&str]) {
        let found: Vec<String> =
            of(prefix, action, parameters, named).into_iter().map(|(resource, _)| resource).collect();
        assert_eq!(found, expected, "{prefix}:{action}");
    }

    #[test]
    fn parameters_make_arns() {
        let nothing = json!({});
        is(
            "dynamodb",
            "GetItem",
            &json!({ "tableName": "t" }),
            &[],
            &["arn:aws:dynamodb:eu-west-1:111122223333:table/t"],
        );
        is(
            "sqs",
            "SendMessage",
            &json!({ "queueUrl": "https://sqs.eu-west-1.amazonaws.com/111122223333/q" }),
            &[],
            &["arn:aws:sqs:eu-west-1:111122223333:q"],
        );
        is(
            "sns",
            "Publish",
            &json!({ "topicArn": "arn:aws:sns:eu-west-1:111122223333:t" }),
            &[],
            &["arn:aws:sns:eu-west-1:111122223333:t"],
        );
        is(
            "logs",
            "PutLogEvents",
            &json!({ "logGroupName": "/a/b", "logStreamName": "s" }),
            &["/a/b"],
            &["arn:aws:logs:eu-west-1:111122223333:log-group:/a/b:log-stream:s"],
        );
        is(
            "ssm",
            "GetParameters",
            &json!({ "names": ["/a", "b"] }),
            &[],
            &["arn:aws:ssm:eu-west-1:111122223333:parameter/a", "arn:aws:ssm:eu-west-1:111122223333:parameter/b"],
        );
        is(
            "ec2",
            "StopInstances",
            &json!({ "instancesSet": { "items": [{ "instanceId": "i-1" }] } }),
            &[],
            &["arn:aws:ec2:eu-west-1:111122223333:instance/i-1"],
        );
        is("ec2", "DescribeInstances", &json!({ "instancesSet": { "items": [{ "instanceId": "i-1" }] } }), &[], &["*"]);
        is("sts", "AssumeRole", &json!({ "roleArn": "arn:aws:iam::1:role/r" }), &[], &["arn:aws:iam::1:role/r"]);
        is("iam", "ListUsers", &nothing, &[], &["*"]);
        is(
            "lambda",
            "InvokeFunction",
            &json!({ "functionName": "f" }),
            &["arn:aws:lambda:eu-west-1:1:function:f"],
            &["arn:aws:lambda:eu-west-1:1:function:f"],
        );
        is(
            "kms",
            "Decrypt",
            &nothing,
            &["arn:aws:kms:eu-west-1:1:key/k", "arn:aws:s3:::b"],
            &["arn:aws:kms:eu-west-1:1:key/k"],
        );
    }

    #[test]
    fn buckets_and_objects_are_told_apart() {
        let object = json!({ "bucketName": "b", "key": "a/*.txt" });
        assert_eq!(
            of("s3", "GetObject", &object, &[]),
            [("arn:aws:s3:::b/a/*.txt".into(), "arn:aws:s3:::b/a/${*}.txt".into())]
        );
        is("s3", "ListBucket", &json!({ "bucketName": "b", "prefix": "a" }), &[], &["arn:aws:s3:::b"]);
        is("s3", "DeleteObject", &json!({ "bucketName": "b" }), &[], &["arn:aws:s3:::b/*"]);
        is("s3", "PutBucketObjectLockConfiguration", &json!({ "bucketName": "b" }), &[], &["arn:aws:s3:::b"]);
        is("s3", "GetObject", &json!({}), &["arn:aws:s3:::b", "arn:aws:s3:::b/k"], &["arn:aws:s3:::b/k"]);
        is("s3", "ListAllMyBuckets", &json!({}), &["arn:aws:s3:::b"], &["*"]);
    }
}

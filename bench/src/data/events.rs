//! W3: 1 M CloudTrail-shaped records of about 1,300 bytes over 7 days: 24 names, 500 users, 6 % errors.

use super::Plan;
use crate::bodies::Random;
use std::fmt::Write as _;

/// Records of a piece, which becomes one CloudTrail file.
pub const PIECE: u64 = 10_000;
/// Seven days, milliseconds.
pub const SPAN_MS: i64 = 7 * 24 * 60 * 60 * 1000;
/// The access key of exactly three records.
pub const RARE_KEY: &str = "AKIA7RARE7RARE7RARE3";
/// A user of medium rank.
pub const USER: &str = "user-120";
/// A name of one record in forty.
pub const NAME: &str = "ConsoleLogin";
/// All records are of one region, for that is what LookupEvents sees.
const REGION: &str = crate::sign::REGION;
/// Text that three records hold in their request.
pub const FREE_TEXT: &str = "board-minutes-draft";

/// One record.
#[derive(Debug)]
pub struct Record {
    /// Milliseconds since the epoch, a whole second.
    pub time_ms: i64,
    /// The JSON text.
    pub json: String,
}

/// How many pieces there are.
pub fn pieces(plan: &Plan) -> u64 {
    plan.scaled(1_000_000).div_ceil(PIECE)
}

/// One piece, in order of time.
pub fn piece(plan: &Plan, number: u64) -> Vec<Record> {
    let mut random = plan.random(3, number);
    let total = (pieces(plan) * PIECE) as i64;
    (0..PIECE)
        .map(|index| {
            let position = (number * PIECE + index) as i64;
            let time_ms = plan.end_ms - SPAN_MS + (SPAN_MS / 1000 * position / total) * 1000;
            let rare = [total / 4, total / 2, total * 3 / 4].contains(&position);
            record(&mut random, time_ms, rare)
        })
        .collect()
}

/// Source, name, and whether it only reads; frequent ones come first.
const CALLS: [(&str, &str, bool); 24] = [
    ("sts", "AssumeRole", true),
    ("ec2", "DescribeInstances", true),
    ("s3", "GetObject", true),
    ("kms", "Decrypt", true),
    ("logs", "CreateLogStream", false),
    ("s3", "PutObject", false),
    ("dynamodb", "GetItem", true),
    ("ec2", "DescribeVolumes", true),
    ("lambda", "Invoke", false),
    ("iam", "GetRole", true),
    ("s3", "ListBuckets", true),
    ("kms", "GenerateDataKey", true),
    ("cloudwatch", "DescribeAlarms", true),
    ("ec2", "DescribeSecurityGroups", true),
    ("ecs", "DescribeTasks", true),
    ("rds", "DescribeDBInstances", true),
    ("sqs", "CreateQueue", false),
    ("ec2", "RunInstances", false),
    ("iam", "CreateUser", false),
    ("signin", NAME, false),
    ("iam", "AttachRolePolicy", false),
    ("ec2", "AuthorizeSecurityGroupIngress", false),
    ("cloudtrail", "StopLogging", false),
    ("s3", "DeleteBucket", false),
];
const ERRORS: [&str; 4] = ["AccessDenied", "ThrottlingException", "NoSuchEntity", "ValidationException"];
const AGENTS: [&str; 4] = [
    "aws-cli/2.17.9 md/awscrt#0.20.11 ua/2.0 os/linux#6.1.0 md/arch#x86_64 lang/python#3.11.9 md/pyimpl#CPython cfg/retry-mode#standard",
    "Boto3/1.34.140 md/Botocore#1.34.140 ua/2.0 os/linux#5.10.219 md/arch#x86_64 lang/python#3.9.16 md/pyimpl#CPython Botocore/1.34.140",
    "APN/1.0 HashiCorp/1.0 Terraform/1.8.5 (+https://www.terraform.io) terraform-provider-aws/5.56.1 aws-sdk-go-v2/1.30.0 os/linux",
    "console.amazonaws.com",
];

/// A number below `limit`; small ones are more frequent.
fn skewed(random: &mut Random, limit: u64) -> u64 {
    let unit = random.below(1 << 20) as f64 / f64::from(1 << 20);
    (unit * unit * limit as f64) as u64
}

fn record(random: &mut Random, time_ms: i64, rare: bool) -> Record {
    let call = if random.below(5_000) == 0 { 23 } else { skewed(random, 23) };
    let (source, name, reads) = CALLS[call as usize];
    let number = skewed(random, 500);
    let user = format!("user-{number:03}");
    let key = if rare {
        RARE_KEY.to_owned()
    } else {
        format!("AKIA{:016X}", (number * 2 + random.below(2)) ^ 0x5bd1_e995_9d1b_34c7)
    };
    let error = if random.below(100) < 6 { ERRORS[random.below(4) as usize] } else { "" };
    let time = jiff::Timestamp::from_millisecond(time_ms).map(|time| time.to_string()).unwrap_or_default();
    let (request, event) = (uuid(random), uuid(random));
    let target = if rare {
        FREE_TEXT.to_owned()
    } else {
        format!("{}-{}", ["assets", "invoices", "backups", "models"][random.below(4) as usize], skewed(random, 5_000))
    };
    let agent = random.pick(&AGENTS);
    let mut json = String::with_capacity(1_400);
    let _ = write!(
        json,
        "{{\"eventVersion\":\"1.09\",\"userIdentity\":{{\"type\":\"IAMUser\",\"principalId\":\"AIDA{number:016X}\",\"arn\":\"arn:aws:iam::123456789012:user/team-{}/{user}\",\
         \"accountId\":\"123456789012\",\"accessKeyId\":\"{key}\",\"userName\":\"{user}\",\"sessionContext\":{{\"attributes\":{{\"creationDate\":\"{time}\",\"mfaAuthenticated\":\"{}\"}}}}}},\
         \"eventTime\":\"{time}\",\"eventSource\":\"{source}.amazonaws.com\",\"eventName\":\"{name}\",\"awsRegion\":\"{REGION}\",\"sourceIPAddress\":\"198.51.{}.{}\",\"userAgent\":\"{agent}\",",
        number % 20,
        number.is_multiple_of(3),
        number / 250,
        number % 250
    );
    if !error.is_empty() {
        let _ = write!(
            json,
            "\"errorCode\":\"{error}\",\"errorMessage\":\"User: arn:aws:iam::123456789012:user/team-{}/{user} is not authorized to perform: {source}:{name} on resource: {target}\",",
            number % 20
        );
    }
    let _ = write!(
        json,
        "\"requestParameters\":{{\"name\":\"{target}\",\"resourceArn\":\"arn:aws:{source}:{REGION}:123456789012:resource/{target}\",\"maxResults\":{},\"clientToken\":\"{:016x}\",\
         \"filters\":[{{\"name\":\"tag:environment\",\"values\":[\"{}\"]}}]}},\
         \"responseElements\":{},\"additionalEventData\":{{\"SignatureVersion\":\"SigV4\",\"bytesTransferredIn\":{},\"AuthenticationMethod\":\"AuthHeader\"}},",
        random.below(10) * 100,
        random.next(),
        random.pick(&["production", "staging", "development"]),
        if reads {
            "null".to_owned()
        } else {
            format!(
                "{{\"requestId\":\"{request}\",\"result\":{{\"id\":\"r-{:012x}\",\"state\":{{\"code\":{},\"name\":\"ok\"}}}}}}",
                random.next() >> 16,
                random.below(32)
            )
        },
        skewed(random, 100_000)
    );
    let _ = write!(
        json,
        "\"requestID\":\"{request}\",\"eventID\":\"{event}\",\"readOnly\":{reads},\"eventType\":\"AwsApiCall\",\"managementEvent\":true,\"recipientAccountId\":\"123456789012\",\
         \"eventCategory\":\"Management\",\"tlsDetails\":{{\"tlsVersion\":\"TLSv1.3\",\"cipherSuite\":\"TLS_AES_128_GCM_SHA256\"}}}}",
    );
    Record { time_ms, json }
}

/// A random UUID of version 4.
fn uuid(random: &mut Random) -> String {
    let (a, b) = (random.next(), random.next());
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        a >> 32,
        a >> 16 & 0xffff,
        a & 0xfff,
        b >> 48 & 0x3fff | 0x8000,
        b & 0xffff_ffff_ffff
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_json_of_the_promised_size_and_rarity() {
        let plan = Plan { seed: 1, scale: 0.02, end_ms: 1_767_323_040_000 };
        let records: Vec<Record> = (0..pieces(&plan)).flat_map(|number| piece(&plan, number)).collect();
        let bytes: usize = records.iter().map(|record| record.json.len()).sum();
        assert!((1_250..1_350).contains(&(bytes / records.len())), "{} bytes a record", bytes / records.len());
        let holding = |text: &str| records.iter().filter(|record| record.json.contains(text)).count();
        assert_eq!((holding(RARE_KEY), holding(FREE_TEXT)), (3, 3));
        assert!(records.is_sorted_by_key(|record| record.time_ms));
        for record in records.iter().take(200) {
            let value: serde_json::Value = serde_json::from_str(&record.json).unwrap();
            assert_eq!(value["eventTime"].as_str().unwrap().len(), "2026-01-02T03:04:05Z".len());
            assert!(value["userIdentity"]["userName"].as_str().unwrap().starts_with("user-"));
        }
    }
}

//! Where a subscription sends: the kinds of receivers, by their ARNs, and AWS's words when one is not reached.

use model::arn::Arn;
use model::buckets::Place;

/// A kind of receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Firehose,
    Kinesis,
    Lambda,
    /// A bucket: ours alone.
    S3,
}

impl Kind {
    /// The dimension `DestinationType` of metrics.
    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Firehose => "Firehose",
            Kind::Kinesis => "Kinesis",
            Kind::Lambda => "Lambda",
            Kind::S3 => "S3",
        }
    }

    /// What the control message calls it.
    pub(super) fn in_control_message(self) -> &'static str {
        match self {
            Kind::Firehose => "Firehose",
            Kind::Kinesis => "Kinesis stream",
            Kind::Lambda => "Lambda function",
            Kind::S3 => "S3 bucket",
        }
    }

    /// What is answered when it did not take the control message.
    pub(crate) fn unreached(self) -> &'static str {
        match self {
            Kind::Firehose => {
                "Could not deliver test message to specified Firehose stream. Check if the given Firehose stream is in \
                 ACTIVE state."
            }
            Kind::Kinesis => {
                "Could not deliver test message to specified Kinesis stream. Check if the given kinesis stream is in \
                 ACTIVE state."
            }
            Kind::Lambda => {
                "Could not execute the lambda function. Make sure you have given CloudWatch Logs permission to execute \
                 your function."
            }
            Kind::S3 => {
                "Could not deliver test message to specified S3 bucket. Check if the given bucket exists and can be \
                 written to."
            }
        }
    }
}

/// A receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub kind: Kind,
    pub arn: String,
    /// The name of the stream, the function or the bucket.
    pub name: String,
    /// How the keys of objects begin, for a bucket; may be empty.
    pub prefix: String,
}

/// Longest prefix of keys, bytes: the rest of a key has room beside it.
const PREFIX_BYTES_MAX: usize = 400;

impl Target {
    /// Of an ARN of a delivery stream, a data stream, a function or a bucket, which may have a prefix of keys behind it.
    pub(crate) fn of(arn: &str) -> Option<Self> {
        let parsed = Arn::parse(arn)?;
        let (kind, name, prefix) = match parsed.service {
            "firehose" => (Kind::Firehose, parsed.resource.strip_prefix("deliverystream/")?, ""),
            "kinesis" => (Kind::Kinesis, parsed.resource.strip_prefix("stream/")?, ""),
            // A version or an alias may stand behind the name.
            "lambda" => (Kind::Lambda, parsed.resource.strip_prefix("function:")?, ""),
            "s3" => {
                let Place { bucket, prefix } = Place::of_arn(arn)?;
                (Kind::S3, bucket, prefix)
            }
            _ => return None,
        };
        let target = || Self { kind, arn: arn.to_owned(), name: name.to_owned(), prefix: prefix.to_owned() };
        (!name.is_empty() && prefix.len() <= PREFIX_BYTES_MAX).then(target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receivers_by_arn() {
        let found = |arn| Target::of(arn).map(|target| (target.kind, target.name));
        let name = |text: &str| text.to_owned();
        assert_eq!(
            found("arn:aws:firehose:us-east-1:123456789012:deliverystream/a"),
            Some((Kind::Firehose, name("a")))
        );
        assert_eq!(found("arn:aws:kinesis:us-east-1:123456789012:stream/b"), Some((Kind::Kinesis, name("b"))));
        assert_eq!(found("arn:aws:lambda:us-east-1:123456789012:function:c:1"), Some((Kind::Lambda, name("c:1"))));
        for arn in ["arn:aws:sqs:us-east-1:123456789012:q", "arn:aws:kinesis:us-east-1:123456789012:stream/", "x", ""] {
            assert_eq!(found(arn), None, "{arn}");
        }
    }

    #[test]
    fn a_bucket_may_have_a_prefix_that_leads_nowhere_else() {
        let found = |arn: &str| Target::of(arn).map(|target| (target.name, target.prefix));
        let place = |bucket: &str, prefix: &str| Some((bucket.to_owned(), prefix.to_owned()));
        assert_eq!(found("arn:aws:s3:::logs"), place("logs", ""));
        assert_eq!(found("arn:aws:s3:::logs/"), place("logs", ""));
        assert_eq!(found("arn:aws:s3:::logs/a/b/"), place("logs", "a/b"));
        let long = format!("arn:aws:s3:::logs/{}", "p".repeat(401));
        let point = "arn:aws:s3:us-east-1:123456789012:accesspoint/logs";
        for arn in ["arn:aws:s3:::", "arn:aws:s3:::logs/../x", "arn:aws:s3:::/x", point, &long] {
            assert_eq!(found(arn), None, "{arn}");
        }
    }
}

//! Where a subscription sends: the kinds of receivers, by their ARNs, and AWS's words when one is not reached.

use model::arn::Arn;

/// A kind of receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Firehose,
    Kinesis,
    Lambda,
}

impl Kind {
    /// The dimension `DestinationType` of metrics.
    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Firehose => "Firehose",
            Kind::Kinesis => "Kinesis",
            Kind::Lambda => "Lambda",
        }
    }

    /// What the control message calls it.
    pub(super) fn in_control_message(self) -> &'static str {
        match self {
            Kind::Firehose => "Firehose",
            Kind::Kinesis => "Kinesis stream",
            Kind::Lambda => "Lambda function",
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
        }
    }
}

/// A receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub kind: Kind,
    pub arn: String,
    /// The name of the stream or the function.
    pub name: String,
}

impl Target {
    /// Of an ARN of a delivery stream, a data stream or a function.
    pub(crate) fn of(arn: &str) -> Option<Self> {
        let parsed = Arn::parse(arn)?;
        let (kind, name) = match parsed.service {
            "firehose" => (Kind::Firehose, parsed.resource.strip_prefix("deliverystream/")?),
            "kinesis" => (Kind::Kinesis, parsed.resource.strip_prefix("stream/")?),
            // A version or an alias may stand behind the name.
            "lambda" => (Kind::Lambda, parsed.resource.strip_prefix("function:")?),
            _ => return None,
        };
        (!name.is_empty()).then(|| Self { kind, arn: arn.to_owned(), name: name.to_owned() })
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
        for arn in ["arn:aws:s3:::bucket", "arn:aws:kinesis:us-east-1:123456789012:stream/", "x", ""] {
            assert_eq!(found(arn), None, "{arn}");
        }
    }
}

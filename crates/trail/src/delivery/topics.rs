//! The topics that are told of delivered files. This plane knows none: who joins the planes gives it some.

use std::pin::Pin;

/// What telling comes to, once it is done.
pub type Telling<'a> = Pin<Box<dyn Future<Output = Result<(), NotTold>> + Send + 'a>>;

/// Publishes messages of trails.
pub trait Topics: Send + Sync + 'static {
    /// Whether a trail of `account` may publish to the topic of this ARN.
    fn check<'a>(&'a self, account: &'a str, topic_arn: &'a str) -> Telling<'a>;

    /// Publishes `message` to the topic of this ARN for a trail of `account`; durable once it is done.
    fn tell<'a>(&'a self, account: &'a str, topic_arn: &'a str, message: String) -> Telling<'a>;
}

/// Why a topic was not told; the texts begin with an error code and are for clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotTold {
    /// It would be refused again: nobody tries.
    Refused(String),
    /// It may work later.
    Later(String),
}

/// No topic at all: for what runs without a server.
#[derive(Debug, Clone, Copy)]
pub struct NoTopics;

impl Topics for NoTopics {
    fn check<'a>(&'a self, account: &'a str, topic_arn: &'a str) -> Telling<'a> {
        self.tell(account, topic_arn, String::new())
    }

    fn tell<'a>(&'a self, _: &'a str, _: &'a str, _: String) -> Telling<'a> {
        Box::pin(async { Err(NotTold::Refused("NotFound: Topic does not exist".into())) })
    }
}

/// The message about a file, as CloudTrail sends it.
pub(super) fn message(bucket: &str, key: &str) -> String {
    serde_json::json!({ "s3Bucket": bucket, "s3ObjectKey": [key] }).to_string()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_message_names_bucket_and_key() {
        assert_eq!(super::message("b", "k"), r#"{"s3Bucket":"b","s3ObjectKey":["k"]}"#);
    }
}

//! DeleteTopic: deletes a topic with its subscriptions; a topic that is not there is no error.
//!
//! AWS: <https://docs.aws.amazon.com/sns/latest/api/API_DeleteTopic.html>.

use super::names;
use crate::Watch;
use model::Caller;
use wire::ApiError;
use wire::shape::Empty;
use wire::sns::DeleteTopicInput;

pub async fn delete_topic(watch: &Watch, caller: &Caller, input: DeleteTopicInput) -> Result<Empty, ApiError> {
    let (scope, name) = names::topic_parts(&input.topic_arn, "TopicArn")?;
    names::check_own(caller, "DeleteTopic", &input.topic_arn, &scope, "TopicArn")?;
    watch.catalog.delete_topic(&scope, &name, &input.topic_arn).await?;
    Ok(Empty {})
}

//! ListTopics: the caller's topics, 100 a page.
//!
//! AWS: <https://docs.aws.amazon.com/sns/latest/api/API_ListTopics.html>.

use super::refuse;
use crate::Watch;
use crate::cloudwatch::token::Binding;
use model::limits::TOPIC_PAGE;
use model::{Caller, arn};
use serde::Serialize;
use serde::de::DeserializeOwned;
use wire::ApiError;
use wire::sns::{ListTopicsInput, ListTopicsResponse, Topic};

pub async fn list_topics(
    watch: &Watch,
    caller: &Caller,
    input: ListTopicsInput,
) -> Result<ListTopicsResponse, ApiError> {
    let binding = Binding::new(&("ListTopics", &caller.scope));
    let after: String = cursor(binding, input.next_token)?.unwrap_or_default();
    let mut names = watch.catalog.topic_names(&caller.scope, &after, TOPIC_PAGE + 1).await?;
    let next_token = next_token(binding, &mut names, |name| name.clone())?;
    let topics = names.iter().map(|name| Topic { topic_arn: Some(arn::topic(&caller.scope, name)) }).collect();
    Ok(ListTopicsResponse { topics: Some(topics), next_token })
}

/// Where `token` says to go on.
pub fn cursor<T: DeserializeOwned>(binding: Binding, token: Option<String>) -> Result<Option<T>, ApiError> {
    binding.cursor(token.as_deref().filter(|token| !token.is_empty())).map_err(|_| refuse::parameter("NextToken"))
}

/// Cuts `page`, one longer than a page if there are more, and makes the token for the next one.
pub fn next_token<T, C: Serialize>(
    binding: Binding,
    page: &mut Vec<T>,
    cursor: impl Fn(&T) -> C,
) -> Result<Option<String>, ApiError> {
    if page.len() <= TOPIC_PAGE {
        return Ok(None);
    }
    page.truncate(TOPIC_PAGE);
    page.last().map(|last| binding.token(&cursor(last))).transpose()
}

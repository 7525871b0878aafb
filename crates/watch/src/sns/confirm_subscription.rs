//! ConfirmSubscription: whoever has the token lets messages come. The link in the message is this call, unsigned.
//!
//! AWS: <https://docs.aws.amazon.com/sns/latest/api/API_ConfirmSubscription.html>. A token is good for two days, and as often as it
//! is used.

use super::names::{is_anonymous, topic_parts};
use super::refuse;
use crate::Watch;
use model::{Caller, arn};
use wire::ApiError;
use wire::sns::{ConfirmSubscriptionInput, ConfirmSubscriptionResponse};

pub async fn confirm_subscription(
    watch: &Watch,
    caller: &Caller,
    input: ConfirmSubscriptionInput,
) -> Result<ConfirmSubscriptionResponse, ApiError> {
    let (scope, topic) = topic_parts(&input.topic_arn, "TopicArn")?;
    let unsubscribe_signed = match input.authenticate_on_unsubscribe.as_deref() {
        None | Some("") => false,
        Some(text) if text.eq_ignore_ascii_case("true") => true,
        Some(text) if text.eq_ignore_ascii_case("false") => false,
        Some(_) => return Err(refuse::parameter("AuthenticateOnUnsubscribe")),
    };
    if watch.catalog.topic(&scope, &topic).await?.is_none() {
        return Err(refuse::no_topic());
    }
    let signed = !is_anonymous(caller);
    let now = watch.clock.now();
    // Who asks plays no part: the token was told to the endpoint alone.
    let confirmed = watch
        .catalog
        .confirm_subscription(&scope, &topic, &input.token, now, signed, signed && unsubscribe_signed)
        .await?;
    match confirmed {
        Some(id) => Ok(ConfirmSubscriptionResponse { subscription_arn: Some(arn::subscription(&scope, &topic, &id)) }),
        None => Err(refuse::parameter("Token")),
    }
}

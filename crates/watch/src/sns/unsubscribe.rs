//! Unsubscribe: ends a subscription; one that is not there is no error. The link in messages is this call, unsigned.
//!
//! AWS: <https://docs.aws.amazon.com/sns/latest/api/API_Unsubscribe.html>. AWS then sends the endpoint a last message,
//! `UnsubscribeConfirmation`; Trailwatch sends none.

use super::names::{is_anonymous, subscription_parts};
use super::refuse;
use crate::Watch;
use model::Caller;
use wire::ApiError;
use wire::shape::Empty;
use wire::sns::UnsubscribeInput;

pub async fn unsubscribe(watch: &Watch, caller: &Caller, input: UnsubscribeInput) -> Result<Empty, ApiError> {
    let arn = &input.subscription_arn;
    let (scope, topic, id) = subscription_parts(arn)?;
    if is_anonymous(caller) {
        let subscription = watch.catalog.subscription(&scope, &topic, &id).await?;
        if subscription.is_some_and(|subscription| subscription.unsubscribe_signed) {
            return Err(refuse::unauthorized(caller, "Unsubscribe", arn));
        }
    } else if scope.account != caller.scope.account {
        return Err(refuse::unauthorized(caller, "Unsubscribe", arn));
    }
    watch.catalog.unsubscribe(&scope, &topic, &id).await?;
    Ok(Empty {})
}

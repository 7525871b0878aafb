//! Unsubscribe: ends a subscription; one that is not there is no error to who signs. The link in messages is this call, unsigned.
//!
//! AWS: <https://docs.aws.amazon.com/sns/latest/api/API_Unsubscribe.html>. Whoever followed the link may not be who has the
//! subscription: a last message, `UnsubscribeConfirmation`, has a token that takes it up again for two days. Until then the subscription
//! is listed as pending, where AWS lists it as deleted.

use super::names::{is_anonymous, subscription_parts};
use super::refuse;
use super::subscribe::confirmation_token;
use crate::Watch;
use crate::notify::outbox;
use model::Caller;
use model::limits::SUBSCRIPTION_PENDING_MS;
use wire::ApiError;
use wire::shape::Empty;
use wire::sns::UnsubscribeInput;

pub async fn unsubscribe(watch: &Watch, caller: &Caller, input: UnsubscribeInput) -> Result<Empty, ApiError> {
    let arn = &input.subscription_arn;
    let (scope, topic, id) = subscription_parts(arn)?;
    if is_anonymous(caller) {
        let subscription = watch.catalog.subscription(&scope, &topic, &id).await?;
        let found = watch.catalog.topic(&scope, &topic).await?;
        let Some((topic, mut subscription)) = found.zip(subscription) else {
            // To strangers an error: what they do in vain is counted, and not recorded each.
            return Err(refuse::no_subscription());
        };
        if subscription.unsubscribe_signed {
            return Err(refuse::unauthorized(caller, "Unsubscribe", arn));
        }
        subscription.token = confirmation_token(watch);
        subscription.token_expires = watch.clock.now() + SUBSCRIPTION_PENDING_MS;
        let farewell = outbox::farewell(watch, &topic, &subscription)?;
        // One that is pending already has been told.
        if !watch.catalog.suspend_subscription(&subscription, &farewell).await? {
            return Err(refuse::no_subscription());
        }
        watch.notify.wake();
        return Ok(Empty {});
    }
    if scope.account != caller.scope.account {
        return Err(refuse::unauthorized(caller, "Unsubscribe", arn));
    }
    watch.catalog.unsubscribe(&scope, &topic, &id).await?;
    Ok(Empty {})
}

//! Subscribe: asks an endpoint to receive a topic's messages; it does once someone there confirms.
//!
//! AWS: <https://docs.aws.amazon.com/sns/latest/api/API_Subscribe.html>. Protocols: http, https, email, email-json; the others of AWS
//! are refused by name. A second call for the same endpoint answers the confirmed subscription, or sends a new confirmation
//! for the pending one.

use super::subscription_attributes::checked;
use super::{names, refuse};
use crate::Watch;
use crate::notify::{is_public, outbox};
use catalog::{Subscription, Topic};
use model::limits::{SUBSCRIPTION_PENDING_MS, SUBSCRIPTIONS_OF_TOPIC_MAX};
use model::{Caller, arn};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use ureq::http::Uri;
use wire::ApiError;
use wire::sns::{SubscribeInput, SubscribeResponse, errors};

/// Protocols of AWS that Trailwatch does not deliver by.
const OTHER_PROTOCOLS: [&str; 5] = ["sms", "sqs", "application", "lambda", "firehose"];
/// Longest endpoint, bytes.
const ENDPOINT_BYTES_MAX: usize = 2_048;
/// What a pending subscription is answered as.
pub const PENDING: &str = "pending confirmation";

pub async fn subscribe(watch: &Watch, caller: &Caller, input: SubscribeInput) -> Result<SubscribeResponse, ApiError> {
    let topic = names::topic(watch, caller, "Subscribe", &input.topic_arn).await?;
    let endpoint = input.endpoint.unwrap_or_default();
    check_endpoint(watch, &input.protocol, &endpoint)?;
    let attributes = attributes(&topic, &input.protocol, input.attributes.unwrap_or_default())?;
    let (scope, name) = (&topic.scope, &topic.name);
    let there = watch.catalog.subscription_of_endpoint(scope, name, &input.protocol, &endpoint).await?;
    if let Some(there) = there.as_ref().filter(|there| there.confirmed) {
        if attributes.iter().any(|(name, value)| there.attributes.get(name) != Some(value)) {
            let what = "Attributes Reason: Subscription already exists with different attributes";
            return Err(refuse::parameter(what));
        }
        return Ok(SubscribeResponse { subscription_arn: Some(arn::subscription(scope, name, &there.id)) });
    }
    if there.is_none() {
        let counts = watch.catalog.subscription_counts(scope, name).await?;
        if counts.confirmed + counts.pending >= SUBSCRIPTIONS_OF_TOPIC_MAX {
            let message = "Subscription limit exceeded";
            return Err(ApiError::new(&errors::SUBSCRIPTION_LIMIT_EXCEEDED_EXCEPTION, message));
        }
    }
    let subscription = Subscription {
        scope: scope.clone(),
        topic: name.clone(),
        id: there.map_or_else(|| watch.ids.uuid().to_string(), |there| there.id),
        protocol: input.protocol,
        endpoint,
        attributes,
        token: confirmation_token(watch),
        token_expires: watch.clock.now() + SUBSCRIPTION_PENDING_MS,
        confirmed: false,
        confirmed_signed: false,
        unsubscribe_signed: false,
    };
    let confirmation = outbox::confirmation(watch, &topic, &subscription)?;
    if !watch.catalog.subscribe(&subscription, &confirmation).await? {
        // The topic was deleted, or the same endpoint subscribed or confirmed, in this instant.
        return Err(ApiError::new(
            &errors::CONCURRENT_ACCESS_EXCEPTION,
            "Another request changed the topic. Try again.",
        ));
    }
    watch.notify.wake();
    let shown = match input.return_subscription_arn {
        Some(true) => arn::subscription(scope, name, &subscription.id),
        _ => PENDING.to_owned(),
    };
    Ok(SubscribeResponse { subscription_arn: Some(shown) })
}

/// What only the endpoint is told.
pub fn confirmation_token(watch: &Watch) -> String {
    format!("{}{}", watch.ids.uuid().simple(), watch.ids.uuid().simple())
}

fn attributes(
    topic: &Topic,
    protocol: &str,
    given: BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, ApiError> {
    let of_body = given.get(outbox::FILTER_POLICY_SCOPE).is_some_and(|scope| scope == outbox::MESSAGE_BODY);
    let mut attributes = BTreeMap::new();
    for (name, value) in given {
        if let Some(value) = checked(topic, protocol, of_body, &name, value)? {
            attributes.insert(name, value);
        }
    }
    Ok(attributes)
}

fn check_endpoint(watch: &Watch, protocol: &str, endpoint: &str) -> Result<(), ApiError> {
    if OTHER_PROTOCOLS.contains(&protocol) {
        return Err(refuse::parameter(format!(
            "Protocol Reason: Trailwatch delivers by http, https, email and email-json, not by {protocol}"
        )));
    }
    if endpoint.len() > ENDPOINT_BYTES_MAX {
        return Err(refuse::parameter("Endpoint"));
    }
    match protocol {
        "http" | "https" => check_url(watch, protocol, endpoint),
        "email" | "email-json" if endpoint.parse::<lettre::Address>().is_err() => {
            Err(refuse::parameter("Email address"))
        }
        "email" | "email-json" if watch.notify.settings().smtp.is_none() => Err(refuse::parameter(
            "Protocol Reason: Trailwatch sends e-mail once a mail server is configured ([notify.smtp])",
        )),
        "email" | "email-json" => Ok(()),
        protocol => Err(refuse::parameter(format!(
            "Amazon SNS does not support this protocol string: {}",
            refuse::shown(protocol)
        ))),
    }
}

/// What can be seen in a URL: names are judged when they are resolved, at each delivery.
fn check_url(watch: &Watch, protocol: &str, endpoint: &str) -> Result<(), ApiError> {
    let mismatch = || refuse::parameter("Endpoint must match the specified protocol");
    let uri: Uri = endpoint.parse().map_err(|_| mismatch())?;
    let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(mismatch)?;
    if uri.scheme_str() != Some(protocol) {
        return Err(mismatch());
    }
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let address = match bare {
        Some(text) => text.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => host.parse::<IpAddr>().ok(),
    };
    let internal = name == "localhost" || name.ends_with(".localhost") || address.is_some_and(|at| !is_public(at));
    if internal && !watch.notify.settings().allow_private {
        return Err(refuse::parameter("Not authorized to subscribe internal endpoints"));
    }
    Ok(())
}

//! `deliver`: the task that empties the outbox, a few deliveries of each receiver at a time.
//!
//! One receiver that is slow or dead holds two places of 128 at most, and its queue is passed over while it does; no other waits
//! for it. Attempts block, so each runs on a thread of its own.

use super::address::{Address, WEBHOOK};
use super::counts::Counted;
use super::http::{self, Failure, Post};
use super::message::{Kind, Message};
use super::{Notify, smtp, webhook};
use crate::Watch;
use catalog::Delivery;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use model::Scope;
use model::arn::Arn;
use model::limits::{DELIVERIES_AT_ONCE_MAX, DELIVERIES_OF_RECEIVER_MAX};
use std::collections::HashSet;
use std::pin::Pin;
use std::time::Duration;

/// How often the outbox is looked at when nobody wakes the task, for deliveries that are to be tried again.
const INTERVAL: Duration = Duration::from_secs(1);
/// Longest error that is kept, characters.
const ERROR_CHARS_MAX: usize = 500;

/// Delivers until `stopped` resolves, then waits for what is under way.
pub async fn deliver(watch: &Watch, stopped: impl Future<Output = ()>) {
    tokio::pin!(stopped);
    let mut round = Round::new(watch);
    loop {
        if let Err(error) = round.fill().await {
            tracing::error!(%error, "read the outbox");
        }
        tokio::select! {
            biased;
            () = &mut stopped => break,
            Some(sequence) = round.running.next(), if !round.running.is_empty() => round.ended(sequence),
            () = watch.notify.woken.notified() => {}
            () = tokio::time::sleep(INTERVAL) => {}
        }
    }
    while round.next().await {}
}

/// Makes every delivery that is due now, and those that become due by the clock meanwhile.
pub async fn deliver_due(watch: &Watch) -> catalog::Result<()> {
    let mut round = Round::new(watch);
    loop {
        round.fill().await?;
        if !round.next().await {
            return Ok(());
        }
    }
}

type Running<'a> = Pin<Box<dyn Future<Output = i64> + Send + 'a>>;

/// Deliveries that are under way.
struct Round<'a> {
    watch: &'a Watch,
    running: FuturesUnordered<Running<'a>>,
    sequences: HashSet<i64>,
}

impl<'a> Round<'a> {
    fn new(watch: &'a Watch) -> Self {
        Self { watch, running: FuturesUnordered::new(), sequences: HashSet::new() }
    }

    /// Begins as many due deliveries as there is room for.
    async fn fill(&mut self) -> catalog::Result<()> {
        let Watch { catalog, clock, .. } = self.watch;
        let now = clock.now();
        // A look at one number: the outbox is empty most of the time.
        if self.sequences.len() >= DELIVERIES_AT_ONCE_MAX
            || catalog.next_delivery_due().await?.is_none_or(|due| due > now)
        {
            return Ok(());
        }
        let due = catalog.due_deliveries(now, DELIVERIES_OF_RECEIVER_MAX, DELIVERIES_AT_ONCE_MAX).await?;
        for sequence in due {
            if self.sequences.len() < DELIVERIES_AT_ONCE_MAX && self.sequences.insert(sequence) {
                self.running.push(Box::pin(one(self.watch, sequence)));
            }
        }
        Ok(())
    }

    /// Waits for one delivery to end; false when none is under way.
    async fn next(&mut self) -> bool {
        let ended = self.running.next().await;
        ended.inspect(|sequence| self.ended(*sequence)).is_some()
    }

    fn ended(&mut self, sequence: i64) {
        self.sequences.remove(&sequence);
    }
}

/// Makes one attempt and writes down what came of it. A catalog that cannot be written leaves the delivery due: it will be
/// made again.
async fn one(watch: &Watch, sequence: i64) -> i64 {
    if let Err(error) = attempt_and_note(watch, sequence).await {
        tracing::error!(%error, "deliver a notification");
        // What could not be written down is not tried again at once.
        tokio::time::sleep(INTERVAL).await;
    }
    sequence
}

async fn attempt_and_note(watch: &Watch, sequence: i64) -> catalog::Result<()> {
    let Some(delivery) = watch.catalog.delivery(sequence).await? else { return Ok(()) };
    let read = || Ok((serde_json::from_str(&delivery.address)?, serde_json::from_str(&delivery.message)?));
    let (address, message): (Address, Message) = match read() {
        Ok(read) => read,
        Err::<_, serde_json::Error>(error) => {
            tracing::error!(sequence, %error, "a delivery cannot be read and became a dead letter");
            return watch.catalog.give_up_delivery(sequence, watch.clock.now(), &error.to_string()).await;
        }
    };
    if is_orphan(watch, &delivery, &address, message.kind).await? {
        return watch.catalog.end_delivery(sequence).await;
    }
    let (scope, name) = counted_for(&message);
    let (failed, retry) = (delivery.attempts.saturating_add(1), address.retry);
    let outcome = attempt(watch, delivery.target.clone(), address, message).await;
    let counts = &watch.notify.counts;
    let (error, delay_ms) = match outcome {
        Ok(()) => {
            watch.catalog.end_delivery(sequence).await?;
            counts.count(&scope, &name, Counted::Delivered);
            return Ok(());
        }
        Err(Failure::Passing(error)) => (error, retry.delay_ms(failed)),
        Err(Failure::Lasting(error)) => (error, None),
    };
    let (error, now) = (crate::alarms::reason::cut(error, ERROR_CHARS_MAX), watch.clock.now());
    match delay_ms {
        Some(delay_ms) => {
            tracing::debug!(
                target = delivery.target,
                failed,
                delay_ms,
                error,
                "a delivery failed and will be tried again"
            );
            watch.catalog.postpone_delivery(sequence, now + delay_ms, &error).await
        }
        None => {
            watch.catalog.give_up_delivery(sequence, now, &error).await?;
            counts.count(&scope, &name, Counted::Failed);
            tracing::warn!(receiver = delivery.target, attempts = failed, error, "a delivery became a dead letter");
            Ok(())
        }
    }
}

/// True when the subscription was ended after the message was published: its receiver is to hear no more.
async fn is_orphan(watch: &Watch, delivery: &Delivery, address: &Address, kind: Kind) -> catalog::Result<bool> {
    let parts = Arn::parse(&delivery.target).filter(|_| address.protocol != WEBHOOK);
    let Some((arn, (topic, id))) = parts.and_then(|arn| Some((arn, arn.resource.split_once(':')?))) else {
        return Ok(false);
    };
    let scope = Scope { account: arn.account.to_owned(), region: arn.region.to_owned() };
    let subscription = watch.catalog.subscription(&scope, topic, id).await?;
    Ok(subscription.is_none_or(|subscription| kind == Kind::Notification && !subscription.confirmed))
}

/// The scope and name under which a message is counted: its topic's, or `webhook/NAME`.
fn counted_for(message: &Message) -> (Scope, String) {
    let arn = Arn::parse(&message.topic_arn);
    arn.map_or_else(Default::default, |arn| {
        (Scope { account: arn.account.to_owned(), region: arn.region.to_owned() }, arn.resource.to_owned())
    })
}

async fn attempt(watch: &Watch, target: String, address: Address, message: Message) -> Result<(), Failure> {
    let notify = std::sync::Arc::clone(&watch.notify);
    let blocking = move || {
        let settings = notify.settings();
        match address.protocol.as_str() {
            WEBHOOK => match settings.webhooks.get(&address.endpoint) {
                Some(hook) => {
                    let headers = vec![("content-type", "application/json".to_owned())];
                    let body = webhook::body(&message, hook.format);
                    http::post(&notify.agent, &Post { url: hook.url.clone(), headers, body })
                }
                None => Err(Failure::Lasting("the webhook is not configured any more".into())),
            },
            "http" | "https" => http::post(&notify.agent, &post_of(&notify, target, address, &message)),
            _ => match &settings.smtp {
                Some(smtp) => {
                    let mail = smtp::Mail {
                        protocol: &address.protocol,
                        to: &address.endpoint,
                        subscription_arn: &target,
                        base_url: notify.base_url(),
                        signer: notify.signer(),
                        message: &message,
                    };
                    smtp::send(smtp, &mail)
                }
                None => Err(Failure::Passing("no mail server is configured ([notify.smtp])".into())),
            },
        }
    };
    let attempted = tokio::task::spawn_blocking(blocking).await;
    attempted.unwrap_or_else(|error| Err(Failure::Passing(format!("the attempt broke: {error}"))))
}

/// The POST to a subscription by HTTP, with AWS's headers.
fn post_of(notify: &Notify, target: String, address: Address, message: &Message) -> Post {
    let body = match address.raw {
        true => message.text_for(&address.protocol).into_owned(),
        false => message.document(&address.protocol, &target, notify.base_url(), notify.signer()),
    };
    let mut headers = vec![
        ("x-amz-sns-message-type", message.kind.as_str().to_owned()),
        ("x-amz-sns-message-id", message.id.clone()),
        ("x-amz-sns-topic-arn", message.topic_arn.clone()),
    ];
    if message.kind == Kind::Notification {
        headers.push(("x-amz-sns-subscription-arn", target));
    }
    if address.raw {
        headers.push(("x-amz-sns-rawdelivery", "true".to_owned()));
    }
    headers.push(("content-type", address.content_type));
    Post { url: address.endpoint, headers, body }
}

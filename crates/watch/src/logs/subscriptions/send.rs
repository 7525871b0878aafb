//! Sends records to a receiver, and asks one with a control message whether it is there. In a bucket both write objects.

use super::counts::{Counted, Counter};
use super::objects::{WRITE_TEST, WRITE_TEST_BODY, below};
use super::payload::control_message;
use super::request::{Outcome, Record, first_request, outcomes, partition_key, remaining, request};
use super::target::{Kind, Target};
use crate::{Watch, buckets};
use catalog::LogDestination;
use futures::future::join_all;
use model::Scope;
use model::arn::Arn;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long PutSubscriptionFilter waits for a receiver.
const PROBE_TIME_MAX: Duration = Duration::from_secs(10);

/// Why a destination cannot be used.
#[derive(Debug)]
pub(in super::super) enum Unreached {
    /// The ARN leads to no receiver; the text is for the client.
    NoReceiver(&'static str),
    /// The receiver was asked and did not take the control message.
    Refused { told: &'static str, why: String },
    /// The catalog could not be asked.
    Catalog(catalog::Error),
}

impl From<catalog::Error> for Unreached {
    fn from(error: catalog::Error) -> Self {
        Unreached::Catalog(error)
    }
}

/// What AWS says of a logical destination that leads nowhere.
const NO_DESTINATION: &str =
    "Could not deliver test message to specified destination. Check if the destination is valid.";

/// The receiver behind an ARN: its own, or that of a logical destination.
pub(super) async fn resolve(watch: &Watch, arn: &str) -> Result<Target, Unreached> {
    if let Some(target) = Target::of(arn) {
        return Ok(target);
    }
    let destination = logical_destination(watch, arn).await?;
    let target = destination.and_then(|destination| Target::of(&destination.target_arn));
    target.ok_or(Unreached::NoReceiver(NO_DESTINATION))
}

async fn logical_destination(watch: &Watch, arn: &str) -> catalog::Result<Option<LogDestination>> {
    let named = Arn::parse(arn).filter(|arn| arn.service == "logs");
    let Some((arn, name)) = named.and_then(|arn| Some((arn, arn.resource.strip_prefix("destination:")?))) else {
        return Ok(None);
    };
    let scope = Scope { account: arn.account.to_owned(), region: arn.region.to_owned() };
    watch.catalog.log_destination(&scope, name).await
}

/// Sends the control message to the receiver behind an ARN, as someone of `scope`.
pub(in super::super) async fn reach(watch: &Watch, scope: &Scope, arn: &str) -> Result<Target, Unreached> {
    let target = resolve(watch, arn).await?;
    let told = target.kind.unreached();
    if target.kind == Kind::S3 {
        let key = below(&target.prefix, WRITE_TEST);
        let put = buckets::put_for(watch, scope, &target.name, &key, WRITE_TEST_BODY.to_vec()).await;
        return put.map(|()| target).map_err(|error| Unreached::Refused { told, why: error.to_string() });
    }
    if !watch.subscriptions.receivers.has(&target.arn) {
        return Err(Unreached::NoReceiver(told));
    }
    let data = control_message(target.kind.in_control_message(), watch.clock.now().0);
    let place = partition_key("CONTROL_MESSAGE");
    let record = Record { lane: 0, place, data, group: String::new(), events: 0 };
    let asked = watch.subscriptions.receivers.ask(request(&target, std::slice::from_ref(&record)));
    let refused = |why: String| Unreached::Refused { told, why };
    let answer = match tokio::time::timeout(PROBE_TIME_MAX, asked).await {
        Ok(answer) => answer.map_err(refused)?,
        Err(_) => return Err(refused(format!("no answer within {} seconds", PROBE_TIME_MAX.as_secs()))),
    };
    match outcomes(target.kind, 1, &answer).pop() {
        Some(Outcome::Taken) => Ok(target),
        Some(Outcome::Throttled) => Err(refused("it has too much to do".into())),
        Some(Outcome::Refused(why)) => Err(refused(why)),
        None => Err(refused("it said nothing of the record".into())),
    }
}

/// Whose records are sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sender<'a> {
    pub scope: &'a Scope,
    /// What the metrics of subscriptions call it; `None` for what they do not count.
    pub filter: Option<&'a String>,
}

/// Sends records in order; answers the ones that remain, and why, when the receiver did not take all.
pub(super) async fn send(
    watch: &Watch,
    sender: Sender<'_>,
    target: &Target,
    records: Vec<Record>,
) -> Result<(), (Vec<Record>, String)> {
    let mut later = records.into_iter();
    while !later.as_slice().is_empty() {
        let count_now = first_request(target.kind, later.as_slice());
        let now: Vec<Record> = later.by_ref().take(count_now).collect();
        let results = send_once(watch, target, &now).await;
        count(watch, sender, target, &now, &results);
        let why = results.iter().find_map(|outcome| match outcome {
            Outcome::Taken => None,
            Outcome::Throttled => Some("it has too much to do".to_owned()),
            Outcome::Refused(why) => Some(why.clone()),
        });
        if let Some(why) = why {
            let mut again = remaining(now, &results);
            again.extend(later);
            return Err((again, why));
        }
    }
    Ok(())
}

/// One request, or some objects at the same time.
async fn send_once(watch: &Watch, target: &Target, records: &[Record]) -> Vec<Outcome> {
    if target.kind == Kind::S3 {
        let put = async |record: &Record| {
            let put = buckets::put(watch, &target.name, &record.place, record.data.clone()).await;
            put.map_or_else(|error| Outcome::Refused(error.to_string()), |()| Outcome::Taken)
        };
        return join_all(records.iter().map(put)).await;
    }
    match watch.subscriptions.receivers.ask(request(target, records)).await {
        Ok(answer) => outcomes(target.kind, records.len(), &answer),
        Err(why) => vec![Outcome::Refused(why); records.len()],
    }
}

fn count(watch: &Watch, sender: Sender<'_>, target: &Target, records: &[Record], results: &[Outcome]) {
    let Some(filter) = sender.filter else { return };
    let mut sums: BTreeMap<(&str, Counted), usize> = BTreeMap::new();
    for (record, outcome) in records.iter().zip(results) {
        let mut add = |counted, count| *sums.entry((record.group.as_str(), counted)).or_default() += count;
        match outcome {
            Outcome::Taken => {
                add(Counted::ForwardedLogEvents, record.events);
                add(Counted::ForwardedBytes, record.data.len());
            }
            Outcome::Throttled => add(Counted::DeliveryThrottling, record.events),
            Outcome::Refused(_) => add(Counted::DeliveryErrors, record.events),
        }
    }
    for ((group, counted), count) in sums {
        let counter = Counter::new(sender.scope, group, filter, target.kind);
        watch.subscriptions.counts.add(&counter, counted, count);
    }
}

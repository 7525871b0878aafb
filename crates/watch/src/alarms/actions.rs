//! Alarm actions: what a change of state sets off. Topics of SNS and webhooks get a message, through the outbox; every other
//! action is reported as failed in the history, with the service it was meant for. Never dropped in silence.
//!
//! The message is in the outbox, and the history says that the action was executed, in the transaction that changes the state.

use crate::Watch;
use crate::alarms::history;
use crate::alarms::notification::{Notification, sns};
use crate::notify::message::{Kind, Message};
use crate::notify::outbox::{self, DISPLAY_NAME};
use catalog::{Alarm, AlarmHistoryItem, AlarmState, Publication, StateChange};
use model::arn::{self, Arn};

/// What the actions of one change come to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Actions {
    /// An item for each action.
    pub history: Vec<AlarmHistoryItem>,
    /// What the actions publish.
    pub publications: Vec<Publication>,
    /// The names of what is published to, for counting.
    published: Vec<String>,
}

impl Actions {
    /// Has the outbox looked at; call it once the change is in the catalog.
    pub fn written(&self, watch: &Watch, alarm: &Alarm) {
        for name in &self.published {
            outbox::published(watch, &alarm.scope, name);
        }
    }
}

/// The actions that `change` calls for; none when actions are off.
pub async fn prepare(watch: &Watch, alarm: &Alarm, change: &StateChange) -> catalog::Result<Actions> {
    let mut prepared = Actions::default();
    if !alarm.actions_enabled {
        return Ok(prepared);
    }
    let configuration = &alarm.configuration;
    let actions = match change.state {
        AlarmState::Ok => &configuration.ok_actions,
        AlarmState::Alarm => &configuration.alarm_actions,
        AlarmState::InsufficientData => &configuration.insufficient_data_actions,
    };
    for action in actions {
        match prepare_one(watch, alarm, change, action).await? {
            Ok((message, publication, name)) => {
                prepared.history.push(history::action_succeeded(alarm, change, action, &message));
                prepared.publications.push(publication);
                prepared.published.push(name);
            }
            Err(error) => prepared.history.push(history::action_failed(alarm, change, action, &error)),
        }
    }
    Ok(prepared)
}

/// What one action publishes: the text, the publication, and the name of where to; or why it cannot.
async fn prepare_one(
    watch: &Watch,
    alarm: &Alarm,
    change: &StateChange,
    action: &str,
) -> catalog::Result<Result<(String, Publication, String), String>> {
    let Some(arn) = Arn::parse(action) else { return Ok(Err("this action is not an ARN".into())) };
    let own = arn.account == alarm.scope.account && arn.region == alarm.scope.region;
    match (arn.partition, arn.service, arn.resource.strip_prefix("webhook/")) {
        ("aws", "sns", _) if !own => Ok(Err(format!("Resource: {action} is not in this account and region"))),
        ("aws", "sns", _) => {
            let Some(topic) = watch.catalog.topic(&alarm.scope, arn.resource).await? else {
                return Ok(Err("Topic does not exist".into()));
            };
            let display_name = topic.attributes.get(DISPLAY_NAME).cloned();
            let message = message(watch, alarm, change, arn::topic(&topic.scope, &topic.name), display_name);
            let publication = outbox::to_topic(watch, &topic, &message).await?;
            Ok(Ok((message.text, publication, topic.name)))
        }
        ("trailwatch", "notify", Some(name)) => {
            let message = message(watch, alarm, change, action.to_owned(), None);
            let publication = outbox::to_webhook(watch, name, &message)?.filter(|_| own);
            Ok(match publication {
                Some(publication) => Ok((message.text, publication, format!("webhook/{name}"))),
                None => Err("no webhook of this name is configured".into()),
            })
        }
        (_, service, _) => Ok(Err(format!("delivery to {service} is not available yet"))),
    }
}

fn message(
    watch: &Watch,
    alarm: &Alarm,
    change: &StateChange,
    topic_arn: String,
    display_name: Option<String>,
) -> Message {
    let notification = Notification::of(alarm, change);
    Message {
        kind: Kind::Notification,
        id: watch.ids.uuid().to_string(),
        topic_arn,
        subject: Some(notification.subject()),
        text: sns::message(&notification),
        structured: false,
        attributes: Default::default(),
        token: None,
        display_name,
        timestamp: change.at.iso_millis(),
    }
}

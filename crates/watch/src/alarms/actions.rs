//! Alarm actions: what a change of state sets off. Topics of SNS and webhooks get a message, through the outbox; every other
//! action is reported as failed in the history, with the service it was meant for. Never dropped in silence.
//!
//! The message is in the outbox, and the history says that the action was executed, in the transaction that changes the state.

use crate::Watch;
use crate::alarms::history;
use crate::alarms::notification::{Notification, sns};
use crate::alarms::recovery::{Change, Levels};
use crate::investigate;
use crate::notify::message::{Kind, Message};
use crate::notify::outbox::{self, DISPLAY_NAME, SIGNATURE_VERSION};
use catalog::{Alarm, AlarmConfiguration, AlarmHistoryItem, AlarmState, Publication, StateChange};
use model::arn::{self, Arn};
use std::collections::BTreeMap;

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

/// What actions tell of, beside the change.
#[derive(Debug, Clone, Copy, Default)]
pub struct Told<'a> {
    /// The contributor whose change it is; `None` for the whole alarm's.
    pub contributor: Option<&'a Change>,
    /// At whose changes actions run; `None` where there is only the whole alarm's.
    pub many: Option<Many>,
    /// Log lines for those who are notified.
    pub lines: &'a [String],
}

/// An alarm with contributors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Many {
    /// Whether it is a log alarm.
    pub is_on_logs: bool,
    /// Whether contributors went to the alarm's state with it, so that their actions tell of it.
    pub are_told: bool,
}

impl Told<'_> {
    /// Whether `action` runs at this change. Of a log alarm whose change no contributor's change tells of (it goes to
    /// INSUFFICIENT_DATA, or comes from there), everyone is told by the alarm's.
    fn runs(&self, action: &str) -> bool {
        let Some(many) = self.many else { return true };
        let levels = Levels::of(action, many.is_on_logs);
        match self.contributor {
            Some(_) => levels.contributor,
            None => levels.alarm || (many.is_on_logs && !many.are_told),
        }
    }
}

/// The actions that a change to a state sets off.
pub fn of_state(configuration: &AlarmConfiguration, state: AlarmState) -> &[String] {
    match state {
        AlarmState::Ok => &configuration.ok_actions,
        AlarmState::Alarm => &configuration.alarm_actions,
        AlarmState::InsufficientData => &configuration.insufficient_data_actions,
    }
}

/// Adds the actions that `change` calls for; none when actions are off.
pub async fn prepare(
    watch: &Watch,
    alarm: &Alarm,
    change: &StateChange,
    told: Told<'_>,
    prepared: &mut Actions,
) -> catalog::Result<()> {
    if !alarm.actions_enabled {
        return Ok(());
    }
    let tags = tags(watch, alarm).await?;
    let is_told = of_state(&alarm.configuration, change.state).iter().any(|action| told.runs(action));
    // Of contributors there may be many at a time: their messages do not wait for this.
    let causes = match is_told && change.state == AlarmState::Alarm && told.contributor.is_none() {
        true => investigate::brief(watch, alarm, change.at).await,
        false => Vec::new(),
    };
    for action in of_state(&alarm.configuration, change.state).iter().filter(|action| told.runs(action)) {
        let (tags, causes) = (tags.clone(), causes.clone());
        let notification = Notification { tags, causes, ..Notification::of(alarm, change, told) };
        let item = match prepare_one(watch, alarm, &notification, action).await? {
            Ok((message, publication, name)) => {
                prepared.publications.push(publication);
                prepared.published.push(name);
                history::action_succeeded(alarm, change, action, &message)
            }
            Err(error) => history::action_failed(alarm, change, action, &error),
        };
        prepared.history.push(match told.contributor {
            Some(contributor) => history::contributor_acted(item, contributor),
            None => item,
        });
    }
    Ok(())
}

/// The alarm's tags that its actions tell, if they tell any.
async fn tags(watch: &Watch, alarm: &Alarm) -> catalog::Result<Option<BTreeMap<String, String>>> {
    let Some(propagation) = alarm.configuration.tag_propagation.as_ref().filter(|given| given.enabled) else {
        return Ok(None);
    };
    let mut tags = watch.catalog.tags(&arn::alarm(&alarm.scope, &alarm.name)).await?;
    tags.retain(|key, _| propagation.tells(key));
    Ok(Some(tags))
}

/// What one action publishes: the text, the publication, and the name of where to; or why it cannot.
async fn prepare_one(
    watch: &Watch,
    alarm: &Alarm,
    notification: &Notification,
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
            let attribute = |name| topic.attributes.get(name).cloned();
            let message = Message {
                display_name: attribute(DISPLAY_NAME),
                signature_version: attribute(SIGNATURE_VERSION),
                ..message(watch, notification, arn::topic(&topic.scope, &topic.name))
            };
            let publication = outbox::to_topic(watch, &topic, &message).await?;
            Ok(Ok((message.text, publication, topic.name)))
        }
        ("trailwatch", "notify", Some(name)) => {
            let message = message(watch, notification, action.to_owned());
            let publication = outbox::to_webhook(watch, name, &message)?.filter(|_| own);
            Ok(match publication {
                Some(publication) => Ok((message.text, publication, format!("webhook/{name}"))),
                None => Err("no webhook of this name is configured".into()),
            })
        }
        (_, service, _) => Ok(Err(format!("delivery to {service} is not available yet"))),
    }
}

fn message(watch: &Watch, notification: &Notification, topic_arn: String) -> Message {
    Message {
        kind: Kind::Notification,
        id: watch.ids.uuid().to_string(),
        topic_arn,
        subject: Some(notification.subject()),
        text: sns::message(notification),
        structured: false,
        attributes: Default::default(),
        token: None,
        display_name: None,
        signature_version: None,
        timestamp: notification.state.at.iso_millis(),
    }
}

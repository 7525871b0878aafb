//! Who sees what is sensitive, and the events as the others see them.
//!
//! A caller whose policies allow `logs:Unmask` on the log group, and who asks for it, sees all. A search for a pattern looks at
//! events as they are shown, or what it finds and what it leaves out would tell what the mask hides.

use super::group_rules::protection;
use crate::Watch;
use access::Asking;
use catalog::LogGroup;
use model::{Caller, GroupId, Timestamp, arn};
use query::data_protection::Protection;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use store::FollowedLog;
use wire::ApiError;

/// What masks the events of a group for this caller; `None` when nothing does, or when `unmask` asks for all and may.
pub(super) async fn mask_for(
    watch: &Watch,
    caller: &Caller,
    group: &LogGroup,
    unmask: Option<bool>,
) -> Result<Option<Arc<Protection>>, ApiError> {
    if unmask != Some(true) {
        return protection(watch, group.id).await;
    }
    may_unmask(watch, caller, &group.name).map(|()| None)
}

/// Refuses a caller who may not see all of a group.
pub(super) fn may_unmask(watch: &Watch, caller: &Caller, group: &str) -> Result<(), ApiError> {
    let asking = Asking { caller, now: watch.clock.now() };
    watch.access.authorize_log_group(asking, "logs:Unmask", &arn::log_group(&caller.scope, group))
}

/// The events with their texts masked, of those that have a mask the ones whose shown text `keep` wants. `text` is when an event was
/// ingested, and its message.
pub(super) async fn shown<T: Send + 'static>(
    mask: Option<Arc<Protection>>,
    mut events: Vec<T>,
    text: fn(&mut T) -> (Timestamp, &mut String),
    keep: impl Fn(&str) -> bool + Send + 'static,
) -> Result<Vec<T>, ApiError> {
    let Some(mask) = mask.filter(|_| !events.is_empty()) else { return Ok(events) };
    let masking = tokio::task::spawn_blocking(move || {
        events.retain_mut(|event| {
            let (ingested, message) = text(event);
            if let Cow::Owned(masked) = mask.mask(ingested, message) {
                *message = masked;
            }
            keep(message)
        });
        events
    });
    masking.await.map_err(|error| store::Error::Bug(format!("mask events: {error}")).into())
}

/// The masks of log groups of any account, `None` for those without. A group that is gone is left out: what protected it is, too.
///
/// # Errors
/// When the catalog cannot be read, or a policy in it.
pub async fn masks_of(
    watch: &Watch,
    groups: Vec<GroupId>,
) -> Result<HashMap<GroupId, Option<Arc<Protection>>>, ApiError> {
    let protected = watch.catalog.every_log_group_protected().await?;
    let mut masks = HashMap::with_capacity(groups.len());
    for group in groups {
        let mask = match protected.get(&group) {
            Some(true) => match protection(watch, group).await? {
                Some(mask) => Some(mask),
                None => continue,
            },
            Some(false) => None,
            None => continue,
        };
        masks.insert(group, mask);
    }
    Ok(masks)
}

/// Events on their way out of the store, with their texts masked.
pub(super) async fn mask_followed(watch: &Watch, mut logs: Vec<FollowedLog>) -> Result<Vec<FollowedLog>, ApiError> {
    let mut masks = HashMap::new();
    for group in logs.iter().map(|log| log.group).collect::<HashSet<GroupId>>() {
        if let Some(mask) = protection(watch, group).await? {
            masks.insert(group, mask);
        }
    }
    if masks.is_empty() {
        return Ok(logs);
    }
    let masking = tokio::task::spawn_blocking(move || {
        for log in &mut logs {
            if let Some(mask) = masks.get(&log.group)
                && let Cow::Owned(masked) = mask.mask(log.ingestion_time, &log.message)
            {
                log.message = masked;
            }
        }
        logs
    });
    masking.await.map_err(|error| store::Error::Bug(format!("mask events: {error}")).into())
}

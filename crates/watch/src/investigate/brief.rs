//! The causes that messages of an alarm tell: looked for within a second, over all alarms of a minute, or not told.

use super::{About, Effort, Question, When, investigate};
use crate::Watch;
use crate::alarms::notification::ToldCause;
use catalog::Alarm;
use model::Timestamp;
use model::time::{HOUR, MINUTE};
use query::investigate::{Cause, Change, Verdict};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Longest time that is taken in a minute, over all alarms: so much later a message may be.
const MS_MAX: i64 = 1_000;
/// With less time left nothing is begun.
const MS_MIN: i64 = 50;
/// Most causes that are told, and their least score.
const TOLD_MAX: usize = 3;
const TOLD_SCORE_MIN: f64 = 1.0;
const HISTORY_DAYS: i64 = 14;

/// How much of the time of a minute was taken.
#[derive(Debug, Default)]
pub(crate) struct Budget(Mutex<(Timestamp, i64)>);

impl Budget {
    /// Takes all that is left of the minute; `None` when there is too little. Who took it gives back what was not needed.
    fn take(&self, now: Timestamp) -> Option<i64> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.0 != now.floor_to(MINUTE) {
            *taken = (now.floor_to(MINUTE), 0);
        }
        let left = MS_MAX - taken.1;
        (left >= MS_MIN).then(|| {
            taken.1 = MS_MAX;
            left
        })
    }

    fn give_back(&self, ms: i64) {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        taken.1 = (taken.1 - ms.max(0)).max(0);
    }
}

/// What most likely made an alarm go to ALARM at a time; nothing where the operator does not want it told, where nothing speaks for any
/// change, where there is no time, and where it could not be found: a message is never lost for it.
pub(crate) async fn brief(watch: &Watch, alarm: &Alarm, at: Timestamp) -> Vec<ToldCause> {
    if watch.notify.settings().alarm_causes.as_ref() != Some(&alarm.scope.account) {
        return Vec::new();
    }
    let budget = &watch.notify.looking_for_causes;
    let Some(left) = budget.take(watch.clock.now()) else { return Vec::new() };
    let began = watch.clock.now();
    let question = Question {
        about: About::Alarm(alarm.name.clone()),
        log_groups: Vec::new(),
        when: When::Before(Some(at), HOUR),
        history_days: HISTORY_DAYS,
        effort: Effort::BRIEF,
        fires: true,
    };
    let looking = investigate(watch, &alarm.scope, &question, at);
    let found = tokio::time::timeout(Duration::from_millis(left.unsigned_abs()), looking).await;
    budget.give_back(left - (watch.clock.now() - began));
    match found {
        Ok(Ok(found)) => {
            let causes = found.ranking.causes.iter().take(TOLD_MAX).filter(|cause| cause.score >= TOLD_SCORE_MIN);
            causes.filter_map(|cause| Some(told(cause, found.changes.get(cause.change)?))).collect()
        }
        Ok(Err(error)) => {
            tracing::warn!(alarm = alarm.name, %error, "look for what changed before an alarm");
            Vec::new()
        }
        Err(_) => {
            tracing::info!(alarm = alarm.name, "there was no time to look for what changed before an alarm");
            Vec::new()
        }
    }
}

fn told(cause: &Cause, change: &Change) -> ToldCause {
    ToldCause {
        summary: cause.summary.clone(),
        verdict: Verdict::label(cause.verdict),
        score: cause.score,
        event_id: change.event_id.clone(),
        event_time: change.time.iso_millis(),
        event_source: change.source.clone(),
        event_name: change.name.clone(),
        actor: change.actor.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_has_a_second_for_all_alarms_together() {
        let (budget, now) = (Budget::default(), Timestamp(1_795_000_000_000));
        assert_eq!(budget.take(now), Some(1_000));
        // While one looks, no other does.
        assert_eq!(budget.take(now), None);
        budget.give_back(700);
        assert_eq!(budget.take(now), Some(700));
        budget.give_back(20);
        assert_eq!(budget.take(now), None);
        assert_eq!(budget.take(now + MINUTE), Some(1_000));
        budget.give_back(-5);
        assert_eq!(budget.take(now + MINUTE), None);
    }
}

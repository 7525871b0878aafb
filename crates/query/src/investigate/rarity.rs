//! What is seldom done explains more than routine; and what was there before earlier alarms explains this one.

use super::Factor;
use super::change::Change;
use super::history::{History, Seen};

/// What rare things are compared with: a cause is as often a routine as not.
const ROUTINE: f64 = 0.5;
/// Nothing is rarer than this: a history of two weeks does not say more.
const RAREST: f64 = 0.02;
/// How much the pair of actor and action, the action and the actor count.
const WEIGHTS: [f64; 3] = [0.6, 0.2, 0.2];
/// How many days tell that something is done every day.
const DAYS_MIN: f64 = 3.0;
/// Least and most that precedents say.
const PRECEDENT_BOUNDS: (f64, f64) = (-0.7, 3.0);

/// How rarity of actor and action speak for a change.
pub(super) fn factor(change: &Change, history: &History) -> Factor {
    let seen = [history.kind(change), history.action(change), history.actor(change)];
    let scores = seen.map(|seen| score(share(seen, change, history)));
    let total = scores.iter().zip(WEIGHTS).map(|(score, weight)| score * weight).sum();
    Factor::new("rarity", total, reason(change, history))
}

/// In which share of hours, or of days at this time, something is done.
fn share(seen: Option<&Seen>, change: &Change, history: &History) -> f64 {
    let hours = seen.map_or(0.0, |seen| f64::from(seen.hours()));
    let of_hours = (hours + 0.5) / (history.hours() + 1.0);
    let of_days = match seen {
        Some(seen) if history.days() >= DAYS_MIN => f64::from(history.days_at(seen, change.time)) / history.days(),
        _ => 0.0,
    };
    of_hours.max(of_days).min(1.0)
}

fn score(share: f64) -> f64 {
    (ROUTINE / (share + RAREST)).ln()
}

fn reason(change: &Change, history: &History) -> String {
    let days = days_in_words(history.days());
    let who = change.who();
    match (history.kind(change), history.action(change)) {
        _ if history.changes() == 0 => String::new(),
        (None, None) => format!("nobody called it in {days}"),
        (None, Some(_)) => format!("{who} never called it in {days}"),
        (Some(kind), _) => {
            let at_this_time = history.days_at(kind, change.time);
            if history.days() >= DAYS_MIN && f64::from(at_this_time) >= 0.6 * history.days() {
                return format!("{who} calls it at this time of most days");
            }
            if f64::from(kind.hours()) >= 0.3 * history.hours() {
                return format!("{who} calls it all the time");
            }
            let times = if kind.count == 1 { "once".to_owned() } else { format!("{} times", kind.count) };
            format!("{who} called it {times} in {days}")
        }
    }
}

fn days_in_words(days: f64) -> String {
    match days {
        days if days >= 1.5 => format!("{days:.0} days"),
        days if days * 24.0 >= 1.5 => format!("{:.0} hours", days * 24.0),
        _ => "the hour before".into(),
    }
}

/// How the action was there before earlier alarms, compared with how often it is there anyway.
pub(super) fn precedent(change: &Change, history: &History) -> Factor {
    let earlier = history.earlier();
    if earlier == 0 {
        return Factor::new("precedent", 0.0, "");
    }
    let seen = history.action(change);
    let before = seen.map_or(0, |seen| seen.preceded.count_ones());
    let anyway = share_of_hours(seen, history).max(RAREST);
    let with = (f64::from(before) + 2.0 * anyway) / (earlier as f64 + 2.0);
    let score = (with / anyway).ln().clamp(PRECEDENT_BOUNDS.0, PRECEDENT_BOUNDS.1);
    let reason = match before {
        0 => String::new(),
        before => format!("the action preceded {before} of {earlier} earlier alarms"),
    };
    Factor::new("precedent", score, reason)
}

fn share_of_hours(seen: Option<&Seen>, history: &History) -> f64 {
    (seen.map_or(0.0, |seen| f64::from(seen.hours())) + 0.5) / (history.hours() + 1.0)
}

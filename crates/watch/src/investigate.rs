//! What changed just before an alarm: gathers what the ranking of `query::investigate` needs, within bounds, and asks it.
//!
//! In this order, for each step needs the one before: what is asked about (`about.rs`: alarms, their metrics and log groups), the points of the
//! metrics and where they change (`points.rs`), the onset, log patterns that are new or surged since (`lines.rs`), audit events
//! before and after, and those of the days before (`changes.rs`), the ranking. Nothing is written.

mod about;
mod brief;
mod changes;
mod lines;
mod points;

pub use about::{About, Kind};
pub(crate) use brief::{Budget, brief};
pub use lines::GroupSurge;
pub use points::Metric;

use crate::Watch;
use crate::alarms::observe::{ObserveError, period_secs};
use about::Found;
use catalog::{Alarm, AlarmHistoryFilter, AlarmHistoryItem};
use changes::Gathered;
use model::time::{DAY, HOUR, MINUTE, SECOND};
use model::{Scope, TimeRange, Timestamp};
use query::actors::ActorError;
use query::investigate::{Change, Onset, OnsetSource, Ranking, Subject, rank};
use serde_json::Value;
use wire::ApiError;

/// How long before what is asked about the baseline begins.
const BASELINE_MS: i64 = 3 * HOUR;
/// Transitions that are told.
const TRANSITIONS_MAX: usize = 100;
/// Lines of log patterns whose names the subject is about.
const TELLING_LINES: usize = 5;

/// How much is looked at.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// Audit events that write, before the onset.
    pub changes: usize,
    /// The same, of the days before.
    pub history: usize,
    /// Lines of each log group.
    pub lines: usize,
}

impl Effort {
    /// For somebody who waits for the answer.
    pub const WHOLE: Effort = Effort { changes: 2_000, history: 20_000, lines: 20_000 };
    /// For a notification that must not wait.
    pub const BRIEF: Effort = Effort { changes: 300, history: 3_000, lines: 2_000 };
}

/// The time that is asked about.
#[derive(Debug, Clone, Copy)]
pub enum When {
    /// So many milliseconds before a moment, and a quarter of that after it; without a moment the alarm's latest transition to ALARM, or
    /// now.
    Before(Option<Timestamp>, i64),
    /// Exactly this time.
    Within(TimeRange),
}

/// What is asked.
#[derive(Debug, Clone)]
pub struct Question {
    /// About what.
    pub about: About,
    /// Log groups, by name or ARN, besides those that are found by themselves.
    pub log_groups: Vec<String>,
    /// When.
    pub when: When,
    /// How many days before are learned from.
    pub history_days: i64,
    /// How much is looked at.
    pub effort: Effort,
    /// The alarm goes to ALARM at the moment that is asked about, and its history does not have that yet.
    pub fires: bool,
}

/// A change of an alarm's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// When.
    pub at: Timestamp,
    /// Which alarm.
    pub alarm_name: String,
    /// The states.
    pub from: String,
    /// See `from`.
    pub to: String,
    /// AWS's sentence.
    pub summary: String,
    /// Whether it is the alarm that is asked about.
    pub is_subject: bool,
}

/// The answer.
#[derive(Debug, Clone)]
pub struct Investigation {
    /// What was asked about.
    pub kind: Kind,
    /// The alarm.
    pub alarm: Option<Alarm>,
    /// What changes are compared with.
    pub subject: Subject,
    /// Names of the log groups that were read.
    pub log_groups: Vec<String>,
    /// The moment.
    pub at: Timestamp,
    /// The window.
    pub window: TimeRange,
    /// When the baseline of metrics and logs begins.
    pub baseline_from: Timestamp,
    /// When the history of changes begins.
    pub history_from: Timestamp,
    /// When it began.
    pub onset: Onset,
    /// The metrics.
    pub metrics: Vec<Metric>,
    /// Changes of alarms' states, oldest first.
    pub transitions: Vec<Transition>,
    /// Log patterns, most telling first.
    pub surges: Vec<GroupSurge>,
    /// Changes, those before the onset and those after, by time.
    pub changes: Vec<Change>,
    /// The ranking of `changes`.
    pub ranking: Ranking,
    /// Changes of the days before that were learned from, and how many days they are of.
    pub learned: (u64, f64),
    /// Lines that were looked at.
    pub lines: u64,
    /// What was left out, in words.
    pub notes: Vec<String>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum InvestigateError {
    /// The alarm is not there.
    #[error("There is no alarm '{0}' in this region.")]
    NoAlarm(String),
    /// The catalog could not be read.
    #[error(transparent)]
    Catalog(#[from] catalog::Error),
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// Actors could not be told.
    #[error(transparent)]
    Actor(#[from] ActorError),
    /// A metric could not be read.
    #[error(transparent)]
    Observe(#[from] ObserveError),
    /// Rules of a log group could not be read.
    #[error("{0}")]
    Api(ApiError),
    /// Work of a thread ended early.
    #[error("a thread ended: {0}")]
    Thread(#[from] tokio::task::JoinError),
}

/// Answers a question of a scope.
pub async fn investigate(
    watch: &Watch,
    scope: &Scope,
    question: &Question,
    now: Timestamp,
) -> Result<Investigation, InvestigateError> {
    let mut notes = Vec::new();
    let mut found = about::find(watch, scope, question, &mut notes).await?;
    let frame = frame(watch, scope, question, &found, now).await?;
    let metrics = points::read(watch, scope, &found, &frame, now, &mut notes).await?;
    let by_metric = points::onset(&metrics);
    let split = by_metric.as_ref().map_or(frame.window.start, |onset| onset.from - (onset.to - onset.from));
    let split = split.clamp(frame.baseline_from, frame.window.end);
    let whole = TimeRange::new(frame.baseline_from, frame.window.end);
    let mined = lines::mine(watch, scope, &found.log_groups, (whole, split), question.effort.lines, &mut notes).await?;
    for surge in mined.surges.iter().take(TELLING_LINES) {
        found.subject.add_log_line(&surge.surge.sample);
    }
    let onset = by_metric.unwrap_or_else(|| other_onset(&found, &frame, &mined.surges));
    let from = frame.window.start.min(onset.from - (frame.at - frame.window.start).max(MINUTE));
    let gathered = TimeRange::new(from, frame.window.end);
    let earlier = frame.fired.iter().copied().filter(|time| *time < from).collect();
    let Gathered { changes, history } =
        changes::gather(watch, &found.subject, (gathered, &onset), (question, earlier), &mut notes).await?;
    let ranking = rank(&found.subject, &onset, &history, &changes);
    let transitions = transitions(watch, scope, &found, frame.window).await?;
    Ok(Investigation {
        kind: found.kind,
        log_groups: mined.groups,
        at: frame.at,
        window: TimeRange::new(from, frame.window.end),
        baseline_from: frame.baseline_from.min(from),
        history_from: from - question.history_days * DAY,
        onset,
        metrics,
        transitions,
        surges: mined.surges,
        changes,
        ranking,
        learned: (history.changes(), history.days()),
        lines: mined.lines,
        notes,
        alarm: found.alarm,
        subject: found.subject,
    })
}

/// The times of a question.
struct Frame {
    at: Timestamp,
    window: TimeRange,
    baseline_from: Timestamp,
    /// When the alarm went to ALARM, latest first.
    fired: Vec<Timestamp>,
    /// Whether `at` is one of these.
    is_transition: bool,
}

async fn frame(
    watch: &Watch,
    scope: &Scope,
    question: &Question,
    found: &Found,
    now: Timestamp,
) -> Result<Frame, InvestigateError> {
    let mut fired = Vec::new();
    if let Some(alarm) = &found.alarm {
        let items = state_updates(watch, scope, Some(&alarm.name), TimeRange::ALL).await?;
        fired.extend(items.iter().filter(|item| states(item).1 == "ALARM").map(|item| item.at));
    }
    let (at, window) = match question.when {
        When::Within(range) => (range.end, range),
        When::Before(at, before_ms) => {
            let at = at.or(fired.first().copied()).unwrap_or(now);
            (at, TimeRange::new(at - before_ms, (at + before_ms / 4).min(now).max(at + 1)))
        }
    };
    let is_transition = question.fires || fired.contains(&at);
    Ok(Frame { at, window, baseline_from: window.start - BASELINE_MS, fired, is_transition })
}

/// The latest changes of state of an alarm, or of all of a scope, in a time, latest first.
async fn state_updates(
    watch: &Watch,
    scope: &Scope,
    alarm_name: Option<&str>,
    range: TimeRange,
) -> catalog::Result<Vec<AlarmHistoryItem>> {
    let bound = |time: Timestamp| Some(time).filter(|time| !matches!(*time, Timestamp::MIN | Timestamp::MAX));
    let filter = AlarmHistoryFilter {
        alarm_name: alarm_name.map(str::to_owned),
        item_type: Some("StateUpdate".into()),
        start: bound(range.start),
        end: bound(range.end),
        ..AlarmHistoryFilter::default()
    };
    let items = watch.catalog.alarm_history(scope, &filter, TRANSITIONS_MAX).await?;
    Ok(items.into_iter().map(|(_, item)| item).collect())
}

/// The states before and after, as the item's document has them.
fn states(item: &AlarmHistoryItem) -> (String, String) {
    let document: Value = serde_json::from_str(&item.data).unwrap_or_default();
    let state = |member: &str| document[member]["stateValue"].as_str().unwrap_or_default().to_owned();
    (state("oldState"), state("newState"))
}

async fn transitions(
    watch: &Watch,
    scope: &Scope,
    found: &Found,
    window: TimeRange,
) -> Result<Vec<Transition>, InvestigateError> {
    let items = state_updates(watch, scope, None, window).await?;
    let subject = found.alarm.as_ref().map(|alarm| alarm.name.as_str());
    let told = |item: AlarmHistoryItem| {
        let (from, to) = states(&item);
        let is_subject = subject == Some(item.alarm_name.as_str());
        Transition { at: item.at, alarm_name: item.alarm_name, from, to, summary: item.summary, is_subject }
    };
    let mut transitions: Vec<Transition> = items.into_iter().map(told).collect();
    transitions.reverse();
    Ok(transitions)
}

/// The onset where no metric tells it.
fn other_onset(found: &Found, frame: &Frame, surges: &[GroupSurge]) -> Onset {
    let by_logs = surges.iter().find(|surge| surge.surge.first < frame.at + MINUTE);
    if let Some(GroupSurge { log_group, surge }) = by_logs {
        let reason = format!("log pattern in {log_group}: {}", surge.pattern);
        let (from, to) = (surge.first, surge.first + MINUTE);
        return Onset { from, to, source: OnsetSource::Logs, before: None, after: None, reason };
    }
    let at = frame.at;
    match &found.alarm {
        Some(alarm) if frame.is_transition => {
            let looked = period_secs(&alarm.configuration) * alarm.configuration.evaluation_periods.max(1);
            let from = (at - looked.saturating_mul(SECOND)).max(frame.window.start);
            let reason = format!("{} went to ALARM, by what was measured up to {looked} s before", alarm.name);
            Onset { from, to: at + 1, source: OnsetSource::Alarm, before: None, after: None, reason }
        }
        _ => {
            let reason = "nothing tells when it began: the moment that was asked about".into();
            Onset { from: at - MINUTE, to: at + 1, source: OnsetSource::Window, before: None, after: None, reason }
        }
    }
}

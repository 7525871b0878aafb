//! Contributors of alarms on many time series: PromQL's pending and recovery periods, Metrics Insights' GROUP BY; pure.
//!
//! From "PromQL alarms", "Limits" and "Alarm events and EventBridge" in the CloudWatch user guide. Each series that a
//! PromQL query returns is a breaching contributor. It goes to ALARM once it has been returned for the PendingPeriod
//! (Prometheus's `for`) and back to OK once it has been absent for the RecoveryPeriod (`keep_firing_for`); periods count
//! between evaluations, so that 0 means at once. Of a Metrics Insights query each series is judged by the rule of metric
//! alarms. Either alarm is in ALARM when any contributor is. Contributors are only in ALARM or OK, and only those in ALARM
//! are described.
//!
//! AWS's texts are known for the alarm in ALARM (`95 time series evaluated to ALARM`, `95 out of 150 …`, `100+ …`), for
//! Metrics Insights also in OK (`2 time series evaluated to OK`) and without series (`No time series were returned by the
//! query.`). The other texts, and the ids (16 hexadecimal digits of a hash), are chosen here.

#[cfg(test)]
mod tests;

use crate::alarms::log_alarm::told;
use crate::alarms::state::TreatMissing;
use catalog::AlarmState;
use model::Timestamp;
use model::arn::Arn;
use model::time::SECOND;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Labels of a series, or its GROUP BY keys and values.
pub type Attributes = BTreeMap<String, String>;

/// Most series of one evaluation; the alarm's EvaluationState is PARTIAL_DATA when there are more.
pub const SERIES_MAX: usize = 500;
/// Most contributors in ALARM that are told.
pub const TOLD_MAX: usize = 100;

/// `PendingPeriod` and `RecoveryPeriod`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Periods {
    /// How long a contributor breaches before it is in ALARM, seconds.
    pub pending_secs: i64,
    /// How long it must not breach before it is OK again, seconds.
    pub recovery_secs: i64,
}

/// The contributors of one alarm, to be kept with it between evaluations. A new alarm has none and is OK.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Contributors {
    /// Those that are pending, in ALARM or recovering, by attributes.
    contributors: Vec<Contributor>,
}

/// One time series that breaches, or did until lately.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contributor {
    /// What makes it this series.
    pub attributes: Attributes,
    phase: Phase,
    /// When the phase began, milliseconds since the epoch; of one that recovers, when it went to ALARM.
    since_ms: i64,
    reason: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Phase {
    Pending,
    Alarm,
    /// In ALARM, but not returned since then (milliseconds since the epoch).
    Recovering {
        absent_ms: i64,
    },
}

/// A contributor that went to another state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// `ContributorId`.
    pub id: String,
    /// `ContributorAttributes`.
    pub attributes: Attributes,
    /// ALARM or OK.
    pub state: AlarmState,
    /// Why.
    pub reason: String,
}

impl Change {
    /// A change of the contributor with these attributes.
    pub fn new(attributes: Attributes, state: AlarmState, reason: String) -> Self {
        Self { id: id(&attributes), attributes, state, reason }
    }
}

/// What an evaluation came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The state of the whole alarm; `None` keeps what it is.
    pub state: Option<AlarmState>,
    /// Why.
    pub reason: String,
    /// The contributors that went to another state, by attributes.
    pub changes: Vec<Change>,
    /// True when there were more series than are looked at.
    pub partial: bool,
}

/// A series of a Metrics Insights query that the rule of metric alarms has judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// Its GROUP BY keys and values.
    pub attributes: Attributes,
    /// ALARM or not; `None` keeps what it was.
    pub state: Option<AlarmState>,
    /// Why.
    pub reason: String,
}

/// At whose change of state an action of an alarm on many contributors runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Levels {
    /// The whole alarm's.
    pub alarm: bool,
    /// Each contributor's.
    pub contributor: bool,
}

impl Levels {
    /// Those of an action, by its ARN: the table of "Acting on alarm changes". SNS, Lambda and OpsItems act on both, EC2
    /// actions on contributors, all others (Auto Scaling, incidents, investigations) on the alarm. Our webhooks act as SNS
    /// does.
    ///
    /// Of log alarms ("Multi-contributor alarms"), SNS and Lambda act on contributors, and OpsItems on the alarm.
    pub fn of(action: &str, is_on_logs: bool) -> Self {
        let service = Arn::parse(action).map_or("", |arn| arn.service);
        let is_told = matches!(service, "sns" | "lambda" | "notify");
        if is_on_logs {
            return Levels { alarm: !is_told, contributor: is_told };
        }
        Levels {
            alarm: !matches!(service, "automate" | "swf"),
            contributor: is_told || matches!(service, "ssm" | "automate" | "swf"),
        }
    }
}

impl Contributors {
    /// One evaluation of a PromQL alarm: `returned` are the labels of the series that its query gave at `now`.
    pub fn evaluate_promql(&mut self, periods: Periods, returned: Vec<Attributes>, now: Timestamp) -> Outcome {
        let partial = returned.len() > SERIES_MAX;
        let mut absent = self.take();
        let mut changes = Vec::new();
        for attributes in distinct(returned) {
            let mut contributor = absent.remove(&attributes).unwrap_or_else(|| Contributor::pending(attributes, now));
            contributor.breaches(periods, now, &mut changes);
            self.contributors.push(contributor);
        }
        for mut contributor in absent.into_values() {
            if contributor.is_missing(periods, now, &mut changes) {
                self.contributors.push(contributor);
            }
        }
        self.contributors.sort_by(|a, b| a.attributes.cmp(&b.attributes));
        changes.sort_by(|a, b| a.attributes.cmp(&b.attributes));
        let alarming = self.in_alarm().count();
        let (state, reason) = match alarming {
            0 => (AlarmState::Ok, "No time series evaluated to ALARM".to_owned()),
            1..=TOLD_MAX => (AlarmState::Alarm, format!("{alarming} time series evaluated to ALARM")),
            _ => (AlarmState::Alarm, format!("{TOLD_MAX}+ time series evaluated to ALARM")),
        };
        Outcome { state: Some(state), reason, changes, partial }
    }

    /// One evaluation of a Metrics Insights alarm, each of whose series has been judged. A series that is gone is OK; if
    /// none is left, `treat` says what the alarm is.
    pub fn evaluate_insights(&mut self, judged: Vec<Judged>, treat: TreatMissing, now: Timestamp) -> Outcome {
        let partial = judged.len() > SERIES_MAX;
        let judged: BTreeMap<Attributes, Judged> =
            judged.into_iter().take(SERIES_MAX).map(|series| (series.attributes.clone(), series)).collect();
        let series = judged.len();
        let changes = self.follow(judged, now);
        let (state, reason) = insights_state(self.contributors.len(), series, treat);
        Outcome { state, reason, changes, partial }
    }

    /// One evaluation of a log alarm, each of whose contributors has been judged, in the order of the query: of those that
    /// are new in ALARM the first are kept, so that no more than [`TOLD_MAX`] are. The state is `None` when no contributor
    /// is in ALARM.
    pub fn evaluate_logs(&mut self, judged: Vec<Judged>, now: Timestamp) -> Outcome {
        let series = judged.len();
        let known: BTreeSet<&Attributes> =
            self.contributors.iter().map(|contributor| &contributor.attributes).collect();
        let is_alarm = |judged: &Judged| judged.state == Some(AlarmState::Alarm);
        let alarming = judged.iter().filter(|judged| is_alarm(judged)).count();
        let staying = judged.iter().filter(|judged| is_alarm(judged) && known.contains(&judged.attributes)).count();
        let mut room = TOLD_MAX.saturating_sub(staying);
        let mut kept = BTreeMap::new();
        for mut judged in judged {
            if is_alarm(&judged) && !known.contains(&judged.attributes) {
                match room.checked_sub(1) {
                    Some(left) => room = left,
                    None => judged.state = Some(AlarmState::Ok),
                }
            }
            kept.insert(judged.attributes.clone(), judged);
        }
        let changes = self.follow(kept, now);
        let state = (alarming > 0).then_some(AlarmState::Alarm);
        Outcome { state, reason: told::contributors_in_alarm(alarming, series), changes, partial: false }
    }

    /// Takes over what was judged; series that are gone are OK.
    fn follow(&mut self, judged: BTreeMap<Attributes, Judged>, now: Timestamp) -> Vec<Change> {
        let mut before = self.take();
        let mut changes = Vec::new();
        for (attributes, Judged { state, reason, .. }) in judged {
            let known = before.remove(&attributes);
            let state = state.unwrap_or(if known.is_some() { AlarmState::Alarm } else { AlarmState::Ok });
            match (known, state == AlarmState::Alarm) {
                (Some(contributor), true) => self.contributors.push(contributor),
                (None, true) => {
                    let mut contributor = Contributor::pending(attributes, now);
                    contributor.alarm(reason, now, &mut changes);
                    self.contributors.push(contributor);
                }
                (Some(contributor), false) => changes.push(contributor.change(AlarmState::Ok, reason)),
                (None, false) => {}
            }
        }
        let gone = "No data was returned for this time series";
        changes.extend(before.into_values().map(|contributor| contributor.change(AlarmState::Ok, gone.to_owned())));
        changes.sort_by(|a, b| a.attributes.cmp(&b.attributes));
        changes
    }

    /// The contributors in ALARM, by attributes; DescribeAlarmContributors tells [`TOLD_MAX`] of them.
    pub fn in_alarm(&self) -> impl Iterator<Item = &Contributor> {
        self.contributors.iter().filter(|contributor| contributor.phase != Phase::Pending)
    }

    fn take(&mut self) -> BTreeMap<Attributes, Contributor> {
        std::mem::take(&mut self.contributors).into_iter().map(|c| (c.attributes.clone(), c)).collect()
    }
}

impl Contributor {
    fn pending(attributes: Attributes, now: Timestamp) -> Self {
        Self { attributes, phase: Phase::Pending, since_ms: now.0, reason: String::new() }
    }

    /// `ContributorId`: 16 hexadecimal digits, the same for the same attributes.
    pub fn id(&self) -> String {
        id(&self.attributes)
    }

    /// `StateReason` of a contributor in ALARM.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// `StateTransitionedTimestamp` of a contributor in ALARM.
    pub fn since(&self) -> Timestamp {
        Timestamp(self.since_ms)
    }

    /// The query returned it.
    fn breaches(&mut self, periods: Periods, now: Timestamp, changes: &mut Vec<Change>) {
        match self.phase {
            Phase::Pending => {
                if elapsed(self.since_ms, now, periods.pending_secs) {
                    let since = Timestamp(self.since_ms).iso_seconds();
                    let pending = periods.pending_secs.max(0);
                    let reason = format!("Breaching since {since}, for the pending period of {pending} seconds.");
                    self.alarm(reason, now, changes);
                }
            }
            Phase::Alarm => {}
            Phase::Recovering { .. } => self.phase = Phase::Alarm,
        }
    }

    /// The query did not return it. False when that is the end of it.
    fn is_missing(&mut self, periods: Periods, now: Timestamp, changes: &mut Vec<Change>) -> bool {
        let absent_ms = match self.phase {
            Phase::Pending => return false,
            Phase::Alarm => now.0,
            Phase::Recovering { absent_ms } => absent_ms,
        };
        self.phase = Phase::Recovering { absent_ms };
        if !elapsed(absent_ms, now, periods.recovery_secs) {
            return true;
        }
        let since = Timestamp(absent_ms).iso_seconds();
        let recovery = periods.recovery_secs.max(0);
        let reason = format!("Not breaching since {since}, for the recovery period of {recovery} seconds.");
        changes.push(self.change(AlarmState::Ok, reason));
        false
    }

    fn alarm(&mut self, reason: String, now: Timestamp, changes: &mut Vec<Change>) {
        self.phase = Phase::Alarm;
        self.since_ms = now.0;
        self.reason = reason;
        changes.push(self.change(AlarmState::Alarm, self.reason.clone()));
    }

    fn change(&self, state: AlarmState, reason: String) -> Change {
        Change { id: self.id(), attributes: self.attributes.clone(), state, reason }
    }
}

fn insights_state(alarming: usize, series: usize, treat: TreatMissing) -> (Option<AlarmState>, String) {
    match (alarming, series) {
        (0, 0) => {
            let state = match treat {
                TreatMissing::Breaching => Some(AlarmState::Alarm),
                TreatMissing::NotBreaching => Some(AlarmState::Ok),
                TreatMissing::Ignore => None,
                TreatMissing::Missing => Some(AlarmState::InsufficientData),
            };
            (state, "No time series were returned by the query.".to_owned())
        }
        (0, _) => (Some(AlarmState::Ok), format!("{series} time series evaluated to OK")),
        (1..=TOLD_MAX, _) => {
            (Some(AlarmState::Alarm), format!("{alarming} out of {series} time series evaluated to ALARM"))
        }
        _ => (Some(AlarmState::Alarm), format!("{TOLD_MAX}+ time series evaluated to ALARM")),
    }
}

/// True when `secs` have passed.
fn elapsed(since_ms: i64, now: Timestamp, secs: i64) -> bool {
    now - Timestamp(since_ms) >= secs.max(0).saturating_mul(SECOND)
}

/// The first series, each once. Which they are, if there are too many, is up to the query's order.
fn distinct(returned: Vec<Attributes>) -> BTreeSet<Attributes> {
    returned.into_iter().take(SERIES_MAX).collect()
}

/// FNV-1a, 64 bits, over the attributes with their lengths: not for security, two series are told apart by attributes.
fn id(attributes: &Attributes) -> String {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut add = |bytes: &[u8]| {
        for byte in bytes {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    for text in attributes.iter().flat_map(|(name, value)| [name, value]) {
        add(&(text.len() as u64).to_le_bytes());
        add(text.as_bytes());
    }
    format!("{hash:016x}")
}

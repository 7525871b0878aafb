//! `Reading`: a detector at work on what was accepted since it last ran, window by window. Pure, and run beside the threads of
//! requests: mining and a filter pattern may take long.

use super::found::Found;
use model::Timestamp;
use model::time::{DAY, MINUTE};
use query::filter_pattern::FilterPattern;
use query::log_anomalies::{Model, Settings, Window};
use serde::{Deserialize, Serialize};
use store::FollowedLog;

/// Text of a window that is looked at; what comes after it is passed over, so that counts of such windows stay alike.
const WINDOW_BYTES: usize = 64 << 20;
/// After so much text a round ends with the window it is in.
const ROUND_BYTES: usize = 64 << 20;
/// Shortest training: AWS says that it takes up to 15 minutes.
const TRAINING_MS: i64 = 15 * MINUTE;
/// Fewest windows of a training.
const TRAINING_WINDOWS: u64 = 5;

/// What is kept of a detector: a model of windows of this length and of events that this pattern matches.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Learned {
    window_ms: i64,
    filter_pattern: Option<String>,
    pub model: Model,
}

impl Learned {
    /// Reads what was written, or begins anew when it was learned of other windows or other events.
    pub(super) fn read(text: &str, window_ms: i64, filter_pattern: Option<&str>) -> serde_json::Result<Self> {
        let read: Option<Self> = (!text.is_empty()).then(|| serde_json::from_str(text)).transpose()?;
        let same = read.filter(|it| it.window_ms == window_ms && it.filter_pattern.as_deref() == filter_pattern);
        let new = || Self { window_ms, filter_pattern: filter_pattern.map(str::to_owned), model: Model::default() };
        Ok(same.unwrap_or_else(new))
    }
}

/// How much is learned for anomalies that are visible for so many days.
pub(super) fn settings(visibility_days: i64) -> Settings {
    Settings {
        training_ms: TRAINING_MS,
        training_windows: TRAINING_WINDOWS,
        novel_ms: visibility_days.saturating_mul(DAY),
    }
}

/// A detector at work.
pub(super) struct Reading {
    pub learned: Learned,
    pub found: Found,
    pub settings: Settings,
    pub pattern: Option<FilterPattern>,
    /// Windows before this one were judged; what was received in them and is seen only now counts for this one.
    first_ms: i64,
    /// Events that were received from here on are for the next round.
    end_ms: i64,
    window: Option<Window>,
    window_bytes: usize,
    round_bytes: usize,
    /// Windows that were judged.
    pub windows: u64,
}

impl Reading {
    /// From the time up to which was read, to the end of the last whole window.
    pub(super) fn new(
        learned: Learned,
        found: Found,
        settings: Settings,
        pattern: Option<FilterPattern>,
        (from_ms, end_ms): (i64, i64),
    ) -> Self {
        let first_ms = Timestamp(from_ms).floor_to(learned.window_ms).0;
        Self {
            learned,
            found,
            settings,
            pattern,
            first_ms,
            end_ms,
            window: None,
            window_bytes: 0,
            round_bytes: 0,
            windows: 0,
        }
    }

    /// Takes in a page, in order. Answers the sequence of the event that the next round begins with, and the start of its window,
    /// when this round ends here.
    pub(super) fn page(&mut self, logs: Vec<FollowedLog>) -> serde_json::Result<Option<(u64, i64)>> {
        for log in logs {
            let received = log.ingestion_time.floor_to(self.learned.window_ms).0.max(self.first_ms);
            if log.ingestion_time.0 >= self.end_ms {
                return Ok(Some((log.sequence, self.end_ms)));
            }
            // Events that were accepted at the same time may be a little out of order.
            let is_later = self.window.as_ref().is_some_and(|window| received > window.start_ms());
            if is_later {
                self.judge()?;
                if self.round_bytes >= ROUND_BYTES {
                    return Ok(Some((log.sequence, received)));
                }
            }
            let window = self.window.get_or_insert_with(|| Window::new(received));
            self.round_bytes = self.round_bytes.saturating_add(log.message.len());
            if self.window_bytes >= WINDOW_BYTES {
                continue;
            }
            self.window_bytes += log.message.len();
            if self.pattern.as_ref().is_none_or(|pattern| pattern.matches(&log.message)) {
                window.add(&log.message, log.timestamp.0);
            }
        }
        Ok(None)
    }

    /// Judges the window that is open.
    pub(super) fn judge(&mut self) -> serde_json::Result<()> {
        self.window_bytes = 0;
        let Some(window) = self.window.take() else { return Ok(()) };
        let start_ms = window.start_ms();
        self.windows += 1;
        let findings = self.learned.model.evaluate(window, &self.settings);
        self.found.take(findings, start_ms)
    }
}

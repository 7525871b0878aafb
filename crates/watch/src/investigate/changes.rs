//! Audit events that write: those before the onset and after it, and those of the days before, which tell what is usual.

use super::{InvestigateError, Question};
use crate::Watch;
use model::time::DAY;
use model::{Event, TimeRange, Timestamp};
use query::actors::{ActorError, Call, Held};
use query::investigate::{Change, History, Onset, Subject};
use std::ops::ControlFlow;
use store::{Direction, EventFilter, EventScan, Position};

/// Events that are read together, and their bytes.
const CHUNK: usize = 500;
const CHUNK_BYTES: usize = 4 * 1024 * 1024;
/// Most changes after the onset: they explain nothing.
const AFTER_MAX: usize = 300;

/// What was found.
pub(super) struct Gathered {
    /// By time.
    pub changes: Vec<Change>,
    pub history: History,
}

/// Gathers the changes of a time around the onset, and learns from the days before it.
pub(super) async fn gather(
    watch: &Watch,
    subject: &Subject,
    (range, onset): (TimeRange, &Onset),
    (question, earlier): (&Question, Vec<Timestamp>),
    notes: &mut Vec<String>,
) -> Result<Gathered, InvestigateError> {
    let held = Held::new(watch.store.clone());
    let effort = question.effort;
    let middle = onset.to.clamp(range.start, range.end);
    let (mut changes, mut after) = (Vec::new(), Vec::new());
    let before =
        Part { range: TimeRange::new(range.start, middle), direction: Direction::Backward, most: effort.changes };
    if before.visit(watch, &held, |found| changes.extend(found)).await? {
        notes.push(format!("Of the changes before the onset the last {} were looked at.", effort.changes));
    }
    let later = Part { range: TimeRange::new(middle, range.end), direction: Direction::Forward, most: AFTER_MAX };
    if later.visit(watch, &held, |found| after.extend(found)).await? {
        notes.push(format!("Of the changes after the onset the first {AFTER_MAX} are told."));
    }
    changes.reverse();
    changes.extend(after);
    let days = TimeRange::new(range.start - question.history_days * DAY, range.start);
    let part = Part { range: days, direction: Direction::Backward, most: effort.history };
    let (mut history, mut oldest) = (History::new(days, earlier), None);
    let take = |found: Vec<Change>| {
        oldest = found.last().map(|change| change.time).or(oldest);
        found.iter().for_each(|change| history.add(subject, change));
    };
    if part.visit(watch, &held, take).await? {
        notes.push(format!("What is usual was learned of the {} changes before.", effort.history));
    }
    // What came before the first event was not recorded here, or not read: nothing is known of it.
    history.known_since(oldest.unwrap_or(days.end));
    Ok(Gathered { changes, history })
}

/// Some events that write.
struct Part {
    range: TimeRange,
    direction: Direction,
    most: usize,
}

impl Part {
    /// Shows them in chunks; answers whether there are more.
    async fn visit(
        &self,
        watch: &Watch,
        held: &Held,
        mut take: impl FnMut(Vec<Change>),
    ) -> Result<bool, InvestigateError> {
        let (mut after, mut left) = (None, self.most);
        while left > 0 && !self.range.is_empty() {
            let rows = self.chunk(watch, after, CHUNK.min(left)).await?;
            let Some((position, _)) = rows.last() else { return Ok(false) };
            after = Some(*position);
            left -= rows.len();
            let mut known = Vec::with_capacity(rows.len());
            for (_, event) in rows {
                let actor = actor(held, &event).await?;
                known.push((event, actor));
            }
            let changes = tokio::task::spawn_blocking(move || {
                known.iter().filter_map(|(event, actor)| Change::of(event, actor.as_deref())).collect::<Vec<_>>()
            });
            take(changes.await?);
        }
        Ok(left == 0 && !self.chunk(watch, after, 1).await?.is_empty())
    }

    async fn chunk(
        &self,
        watch: &Watch,
        after: Option<Position>,
        most: usize,
    ) -> Result<Vec<(Position, Event)>, InvestigateError> {
        let scan = EventScan {
            account: None,
            region: None,
            range: self.range,
            direction: self.direction,
            after,
            filter: Some(EventFilter::ReadOnly(false)),
        };
        let (mut rows, mut bytes) = (Vec::new(), 0);
        let visit = &mut |row: &store::EventRow| {
            bytes += row.event.record.len();
            rows.push(((row.event.time, row.sequence), row.event.clone()));
            let is_full = rows.len() >= most || bytes >= CHUNK_BYTES;
            if is_full { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        watch.store.scan_events(scan, visit).await?;
        Ok(rows)
    }
}

/// Who really did it; where that would take too much, who the record says.
async fn actor(held: &Held, event: &Event) -> Result<Option<String>, InvestigateError> {
    match held.resolve(&Call::from(event)).await {
        Ok(resolution) => Ok(resolution.actor),
        Err(ActorError::TooMany(_)) => Ok(None),
        Err(error @ ActorError::Store(_)) => Err(error.into()),
    }
}

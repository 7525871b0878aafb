//! `Waiting`: how much each trail has to deliver, so that one with a whole file delivers before its time.

use super::{Failed, is_own};
use crate::Trail;
use crate::coverage::Coverage;
use crate::derived::is_derived;
use catalog::TrailSpan;
use model::limits::TRAIL_FILE_BYTES;
use std::collections::HashMap;

/// Records read at a time, bytes, and most that is read in one look; what is more is read in the next.
const PAGE_BYTES: usize = 1024 * 1024;
const LOOK_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Bytes of records that were accepted since the last round of a trail began.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// Events below were looked at; `None` before the first look.
    position: Option<u64>,
    bytes: HashMap<i64, usize>,
}

impl Waiting {
    /// Looks at what was accepted since the last look. The first sees nothing: what waits by then goes with the first round.
    pub(super) async fn look(&mut self, trail: &Trail, spans: &[TrailSpan]) -> Result<(), Failed> {
        let end = trail.store.event_sequence();
        let mut position = self.position.unwrap_or(end).min(end);
        self.bytes.retain(|id, _| spans.iter().any(|span| span.trail_id == *id));
        if position < end && !spans.is_empty() {
            let coverages: Vec<(&TrailSpan, Coverage)> =
                spans.iter().filter(|span| !span.deleted).map(|span| (span, Coverage::of_span(span))).collect();
            let mut read = 0;
            while position < end && read < LOOK_BYTES_MAX {
                let page = trail.store.follow_events(position, end, PAGE_BYTES).await?;
                if page.next <= position {
                    break;
                }
                position = page.next;
                for row in &page.events {
                    read += row.event.record.len();
                    if !is_own(&row.event) && !is_derived(&row.event) {
                        continue;
                    }
                    let sequence = row.sequence as i64;
                    let within = |span: &TrailSpan| {
                        sequence >= span.next_sequence && span.end_sequence.is_none_or(|end| sequence < end)
                    };
                    for (span, _) in coverages.iter().filter(|(span, of)| within(span) && of.covers(&row.event)) {
                        *self.bytes.entry(span.trail_id).or_default() += row.event.record.len();
                    }
                }
            }
        } else {
            position = end;
        }
        self.position = Some(position);
        Ok(())
    }

    /// True when the trail has a file to deliver.
    pub(super) fn is_full(&self, trail_id: i64) -> bool {
        self.bytes.get(&trail_id).is_some_and(|bytes| *bytes >= TRAIL_FILE_BYTES)
    }

    /// A round of the trail begins: it delivers all that waits.
    pub(super) fn begin(&mut self, trail_id: i64) {
        self.bytes.remove(&trail_id);
    }
}

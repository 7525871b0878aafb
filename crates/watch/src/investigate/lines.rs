//! Lines of log groups, a sample of a time before and of the time since, and which of their patterns are new or surged.

use super::InvestigateError;
use crate::Watch;
use crate::logs::protection;
use model::limits::INVESTIGATE_SURGES_MAX;
use model::{GroupId, Scope, TimeRange, Timestamp};
use query::data_protection::Protection;
use query::investigate::surges::{Slice, Surge, surges};
use std::ops::ControlFlow;
use std::sync::Arc;
use store::{Direction, LogScan};

/// Slices of each of both times.
const SLICES: i64 = 12;
/// Longest part of a line that is looked at, bytes, and of all lines of a slice.
const LINE_BYTES_MAX: usize = 8 * 1024;
const SLICE_BYTES_MAX: usize = 2 * 1024 * 1024;

/// A pattern of a group.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupSurge {
    /// The group's name.
    pub log_group: String,
    /// The pattern.
    pub surge: Surge,
}

/// What was found in all groups.
#[derive(Default)]
pub(super) struct Mined {
    /// The groups that are there.
    pub groups: Vec<String>,
    /// Most telling first.
    pub surges: Vec<GroupSurge>,
    /// Lines that were looked at.
    pub lines: u64,
}

/// Mines the groups; the time is parted at a moment into a time before and a time since.
pub(super) async fn mine(
    watch: &Watch,
    scope: &Scope,
    names: &[String],
    (range, split): (TimeRange, Timestamp),
    lines_max: usize,
    notes: &mut Vec<String>,
) -> Result<Mined, InvestigateError> {
    let mut mined = Mined::default();
    for name in names {
        let Some(group) = watch.catalog.log_group(scope, name).await? else {
            notes.push(format!("There is no log group {name}."));
            continue;
        };
        let mask = protection(watch, group.id).await.map_err(InvestigateError::Api)?;
        let each = lines_max / (2 * SLICES as usize);
        let before = slices(watch, group.id, TimeRange::new(range.start, split), each, mask.as_ref()).await?;
        let after = slices(watch, group.id, TimeRange::new(split, range.end), each, mask.as_ref()).await?;
        if before.is_cut || after.is_cut {
            notes.push(format!("{name} has more lines than are looked at: a sample of each time was."));
        }
        mined.lines += before.lines + after.lines;
        mined.groups.push(name.clone());
        let found = tokio::task::spawn_blocking(move || surges(&before.slices, &after.slices)).await?;
        mined.surges.extend(found.into_iter().map(|surge| GroupSurge { log_group: name.clone(), surge }));
    }
    mined.surges.sort_by(|a, b| b.surge.score.total_cmp(&a.surge.score));
    mined.surges.truncate(INVESTIGATE_SURGES_MAX);
    Ok(mined)
}

/// The slices of a time.
struct Slices {
    slices: Vec<Slice>,
    lines: u64,
    is_cut: bool,
}

async fn slices(
    watch: &Watch,
    group: GroupId,
    range: TimeRange,
    each: usize,
    mask: Option<&Arc<Protection>>,
) -> Result<Slices, InvestigateError> {
    let mut found = Slices { slices: Vec::new(), lines: 0, is_cut: false };
    let length = (range.end - range.start).max(0);
    for place in 0..SLICES {
        let bound = |place: i64| range.start + length / SLICES * place + length % SLICES * place / SLICES;
        let (start, end) = (bound(place), bound(place + 1));
        if start >= end {
            continue;
        }
        let (lines, until) = read(watch, group, TimeRange::new(start, end), each).await?;
        found.is_cut |= until < end;
        found.lines += lines.len() as u64;
        let mask = mask.map(Arc::clone);
        let mined = tokio::task::spawn_blocking(move || {
            let mut slice = Slice::new(start);
            for (at, ingested, line) in &lines {
                match &mask {
                    Some(mask) => slice.add(&mask.mask(*ingested, line), *at),
                    None => slice.add(line, *at),
                }
            }
            slice.covers(until);
            slice
        });
        found.slices.push(mined.await?);
    }
    Ok(found)
}

/// When a line happened, when it was received, and its text.
type Line = (Timestamp, Timestamp, String);

/// The first lines of a time, and up to when they are all.
async fn read(
    watch: &Watch,
    group: GroupId,
    range: TimeRange,
    most: usize,
) -> Result<(Vec<Line>, Timestamp), InvestigateError> {
    let scan = LogScan { group, streams: None, range, direction: Direction::Forward, after: None };
    let (mut lines, mut bytes, mut until) = (Vec::new(), 0, range.end);
    let visit = &mut |row: store::LogRow<'_>| {
        if lines.len() >= most || bytes >= SLICE_BYTES_MAX {
            until = row.timestamp;
            return ControlFlow::Break(());
        }
        let text = &row.message[..row.message.floor_char_boundary(LINE_BYTES_MAX)];
        bytes += text.len();
        lines.push((row.timestamp, row.ingestion_time, text.to_owned()));
        ControlFlow::Continue(())
    };
    watch.store.scan_logs(scan, visit).await?;
    // Lines of one moment are a moment.
    Ok((lines, until.max(range.start + 1)))
}

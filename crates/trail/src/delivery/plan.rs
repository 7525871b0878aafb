//! Plans the next files of a span: reads on from its position, and says which events go into which file.

use super::content::{Content, Growing};
use super::key::{self, Folder};
use super::{Failed, is_own};
use crate::Trail;
use crate::coverage::Coverage;
use crate::derived::is_derived;
use catalog::{TrailFile, TrailSpan};
use model::limits::TRAIL_FILE_BYTES;
use model::{Event, Scope, arn};
use std::collections::BTreeMap;
use std::ops::Range;

/// Records read at a time, bytes.
const PAGE_BYTES: usize = 1024 * 1024;
/// Most that is read for one plan, bytes: a trail that wants little gets on all the same.
const READ_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Kind, account and region of a file's events.
pub(super) type Of = (&'static str, String, String);

/// Plans the files of the events that come next; false when there are none below the sequence `end`.
pub(super) async fn next(trail: &Trail, span: &TrailSpan, end: u64) -> Result<bool, Failed> {
    let end = span.end_sequence.map_or(end, |of_span| end.min(of_span as u64));
    let first = span.next_sequence as u64;
    let mut position = first;
    let coverage = Coverage::of_span(span);
    let mut growing: BTreeMap<Of, Growing> = BTreeMap::new();
    let (mut wanted, mut read) = (0, 0);
    'reading: while position < end && read < READ_BYTES_MAX {
        let page = trail.store.follow_events(position, end, PAGE_BYTES).await?;
        position = page.next;
        for row in page.events {
            read += row.event.record.len();
            if is_wanted(&coverage, &row.event) {
                wanted += row.event.record.len();
                growing.entry(of(&row.event)).or_default().push(&row.event);
                if wanted >= TRAIL_FILE_BYTES {
                    position = row.sequence + 1;
                    break 'reading;
                }
            }
        }
    }
    if position == first {
        return Ok(false);
    }
    let file =
        |(of, growing): (Of, Growing)| planned(trail, span, (of.0, &of.1, &of.2), first..position, &growing.end());
    let files: Vec<TrailFile> = growing.into_iter().map(file).collect();
    // A span that stands elsewhere by now was planned by somebody else, or is gone: then the next look tells.
    trail.catalog.plan_trail_files(span, position as i64, &files).await?;
    Ok(true)
}

fn of(event: &Event) -> Of {
    (key::kind(&event.category), event.account.clone(), event.region.clone())
}

/// What a planned file is of.
pub(super) fn of_file(file: &TrailFile) -> Of {
    let kind = ["Insight", "NetworkActivity", "Aggregated"].map(key::kind);
    let kind = kind.into_iter().find(|kind| *kind == key::kind_of(&file.object_key)).unwrap_or(key::kind(""));
    (kind, file.account.clone(), file.region.clone())
}

fn is_wanted(coverage: &Coverage, event: &Event) -> bool {
    (is_own(event) || is_derived(event)) && coverage.covers(event)
}

fn planned(
    trail: &Trail,
    span: &TrailSpan,
    (kind, account, region): (&str, &str, &str),
    sequences: Range<u64>,
    content: &Content,
) -> TrailFile {
    let now = trail.clock.now();
    let home = Scope { account: span.account.clone(), region: span.region.clone() };
    TrailFile {
        id: 0,
        trail_id: span.trail_id,
        trail_arn: arn::trail(&home, &span.name),
        span_id: span.id,
        account: account.to_owned(),
        region: region.to_owned(),
        bucket: span.bucket.clone(),
        object_key: folder(trail, span, account).log_file(kind, region, now, trail.ids.uuid()),
        first_sequence: sequences.start as i64,
        end_sequence: sequences.end as i64,
        events: content.events,
        sha256: content.sha256.clone(),
        oldest_ms: content.oldest.millis(),
        newest_ms: content.newest.millis(),
        planned_ms: now.millis(),
        delivered_ms: None,
        topic: None,
    }
}

/// Where a span's files of an account's events go.
pub(super) fn folder<'a>(trail: &'a Trail, span: &'a TrailSpan, account: &'a str) -> Folder<'a> {
    let organization = trail.settings.organization_id.as_deref().filter(|_| span.organization);
    Folder { prefix: span.prefix.as_deref(), organization, account }
}

/// The contents of the files of a plan, from the store again; none of those whose events are gone.
pub(super) async fn contents(
    trail: &Trail,
    span: &TrailSpan,
    sequences: Range<u64>,
) -> Result<BTreeMap<Of, Content>, Failed> {
    let coverage = Coverage::of_span(span);
    let Range { start: mut position, end } = sequences;
    let mut growing: BTreeMap<Of, Growing> = BTreeMap::new();
    loop {
        let page = trail.store.follow_events(position, end, PAGE_BYTES).await?;
        for row in page.events.iter().filter(|row| is_wanted(&coverage, &row.event)) {
            growing.entry(of(&row.event)).or_default().push(&row.event);
        }
        if page.next == position {
            return Ok(growing.into_iter().map(|(of, growing)| (of, growing.end())).collect());
        }
        position = page.next;
    }
}

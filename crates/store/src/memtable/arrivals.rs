//! The order in which a memtable's log events came, so that a follower looks at new ones only.
//!
//! Beside the sorted lines, because those are sorted by time and an event may come late. One list for all groups: what a follower
//! looks at is what arrived since it last asked, however many groups it follows.

use super::{Memtable, read};
use crate::follow::{FollowedLog, Following};
use model::{GroupId, Timestamp};
use std::collections::HashSet;

/// Most events looked at under one lock: a hundred microseconds.
const LOOKED_AT_MAX: usize = 64 * 1024;

/// Where the events are that came one after the other.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    /// (sequence, its place in `places`) wherever sequences do not go on without a gap; nearly always one.
    runs: Vec<(u64, usize)>,
    /// In order of their sequences.
    places: Vec<(GroupId, Timestamp)>,
}

impl Arrivals {
    /// Notes events that are numbered from `sequence`, which is above all before.
    pub(super) fn add(&mut self, sequence: u64, places: impl Iterator<Item = (GroupId, Timestamp)>) {
        if self.end() != Some(sequence) {
            self.runs.push((sequence, self.places.len()));
        }
        self.places.extend(places);
    }

    /// The sequence after the last one.
    fn end(&self) -> Option<u64> {
        let (sequence, at) = self.runs.last()?;
        Some(sequence + (self.places.len() - at) as u64)
    }

    /// Sequence and place of each event from `from` on.
    fn since(&self, from: u64) -> impl Iterator<Item = (u64, GroupId, Timestamp)> {
        let first = self.runs.partition_point(|(sequence, _)| *sequence <= from).saturating_sub(1);
        let runs = self.runs.get(first..).unwrap_or_default();
        runs.iter().enumerate().flat_map(move |(n, &(sequence, at))| {
            let end = runs.get(n + 1).map_or(self.places.len(), |(_, next)| *next);
            let skipped = usize::try_from(from.saturating_sub(sequence)).unwrap_or(usize::MAX);
            let start = at.saturating_add(skipped).min(end);
            let numbered = (sequence + (start - at) as u64..).zip(&self.places[start..end]);
            numbered.map(|(sequence, &(group, timestamp))| (sequence, group, timestamp))
        })
    }
}

impl Memtable {
    /// Adds the groups that the next events from `from` on came to, until enough were looked at; answers the sequence to go on
    /// from, which is `end` when there are no more.
    pub(crate) fn groups_since(&self, from: u64, end: u64, groups: &mut HashSet<GroupId>) -> u64 {
        let arrivals = read(&self.arrivals);
        for (looked_at, (sequence, group, _)) in arrivals.since(from).enumerate() {
            if sequence >= end {
                break;
            }
            if looked_at == LOOKED_AT_MAX {
                return sequence;
            }
            groups.insert(group);
        }
        end
    }

    /// Copies the next events that are wanted from `from` on, until the page is full or enough were looked at; answers the
    /// sequence to go on from, which is `following.end` when there are no more.
    pub(crate) fn follow(&self, following: &Following<'_>, from: u64, page: &mut Vec<FollowedLog>) -> u64 {
        let mut next = following.end;
        let mut found = Vec::new();
        {
            let arrivals = read(&self.arrivals);
            for (looked_at, (sequence, group, timestamp)) in arrivals.since(from).enumerate() {
                if sequence >= following.end {
                    break;
                }
                if looked_at == LOOKED_AT_MAX {
                    next = sequence;
                    break;
                }
                if following.groups.contains(&group) {
                    found.push((sequence, group, timestamp));
                }
            }
        }
        let mut bytes = 0;
        let groups = self.logs();
        for (sequence, group, timestamp) in found {
            let Some(line) = groups.get(&group).and_then(|lines| lines.lines.get(&(timestamp, sequence))) else {
                continue;
            };
            if following.removed.has_log(group, line.stream, timestamp) {
                continue;
            }
            if bytes >= following.bytes_max {
                return sequence;
            }
            bytes += Following::bytes(line.message.len());
            page.push(FollowedLog {
                group,
                stream: line.stream,
                timestamp,
                ingestion_time: line.ingestion_time,
                sequence,
                message: line.message.clone(),
            });
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_found_by_sequence_across_gaps() {
        let mut arrivals = Arrivals::default();
        let places = |numbers: std::ops::Range<u64>| numbers.map(|n| (GroupId(n), Timestamp(0)));
        assert_eq!(arrivals.since(0).count(), 0);
        arrivals.add(5, places(5..8));
        arrivals.add(8, places(8..9));
        arrivals.add(20, places(20..22));
        assert_eq!(arrivals.runs.len(), 2);
        for from in [0, 5, 6, 8, 9, 15, 20, 21, 22, 30] {
            let found: Vec<u64> = arrivals.since(from).map(|(sequence, ..)| sequence).collect();
            let expected: Vec<u64> = (5..9).chain(20..22).filter(|n| *n >= from).collect();
            assert_eq!(found, expected, "from {from}");
            assert!(arrivals.since(from).all(|(sequence, group, _)| group.0 == sequence));
        }
    }
}

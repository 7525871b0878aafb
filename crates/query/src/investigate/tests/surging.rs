//! Log patterns that are new or surged.

use super::super::surges::{Slice, Surge, SurgeKind, surges};
use super::*;

/// Twelve slices of ten minutes from `start` on; `line` says what is in each.
fn slices(start: Timestamp, lines: impl Fn(i64) -> Vec<String>) -> Vec<Slice> {
    let slice = |place: i64| {
        let begin = start + place * 10 * MINUTE;
        let mut slice = Slice::new(begin);
        lines(place).iter().enumerate().for_each(|(n, line)| slice.add(line, begin + n as i64));
        slice.covers(begin + 10 * MINUTE);
        slice
    };
    (0..12).map(slice).collect()
}

fn requests(count: u64) -> Vec<String> {
    (0..count).map(|n| format!("INFO GET /items/{n} 200 in {} ms", n * 3)).collect()
}

fn found(after: impl Fn(i64) -> Vec<String>) -> Vec<Surge> {
    surges(&slices(ONSET - 2 * HOUR, |_| requests(20)), &slices(ONSET, after))
}

#[test]
fn a_new_error_is_found_with_its_first_line_and_a_sample() {
    let found = found(|place| {
        let mut lines = requests(20);
        if place >= 5 {
            lines.extend((0..4).map(|n| format!("ERROR AccessDenied reading s3://shop-assets/{n}.png")));
        }
        lines
    });
    assert_eq!(found.len(), 1, "{found:#?}");
    let new = &found[0];
    assert_eq!((new.kind, new.before, new.after, new.severity), (SurgeKind::New, 0, 28, "ERROR"));
    assert_eq!(new.first, ONSET + 50 * MINUTE + 20);
    assert!(new.sample.starts_with("ERROR AccessDenied reading s3://shop-assets/"), "{}", new.sample);
    assert!(new.after_per_minute > 0.2);
}

#[test]
fn a_pattern_that_is_there_far_more_often_surged_and_says_since_when() {
    let found = found(|place| requests(if place >= 6 { 300 } else { 20 }));
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0].kind, SurgeKind::Surged);
    assert_eq!(found[0].first, ONSET + HOUR);
    assert_eq!((found[0].before, found[0].after), (240, 1_920));
}

#[test]
fn the_same_as_before_a_little_more_and_without_a_before_is_no_surge() {
    assert!(found(|_| requests(20)).is_empty());
    assert!(found(|_| requests(30)).is_empty());
    assert!(surges(&[], &slices(ONSET, |_| requests(20))).is_empty());
    let silent = slices(ONSET - 2 * HOUR, |_| Vec::new());
    assert!(surges(&silent, &slices(ONSET, |_| requests(20))).is_empty());
}

#[test]
fn rates_are_compared_where_slices_cover_different_times() {
    // So many lines that only those of the first minute were looked at: the rate is what counts.
    let mut cut = slices(ONSET, |_| requests(2));
    cut.iter_mut().enumerate().for_each(|(place, slice)| slice.covers(ONSET + place as i64 * 10 * MINUTE + MINUTE));
    assert!(surges(&slices(ONSET - 2 * HOUR, |_| requests(20)), &cut).is_empty());
}

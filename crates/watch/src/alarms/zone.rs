//! Time zones as CloudWatch's clients name them, and what local times are in them; the IANA database is in the binary.

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use model::Timestamp;

/// Largest distance of a zone from UTC, minutes (as in ISO 8601 and Java).
const OFFSET_MINUTES_MAX: i32 = 18 * 60;

/// The zone with an IANA name: `Europe/London`, `UTC`.
pub fn by_name(name: &str) -> Option<TimeZone> {
    TimeZone::get(name).ok().filter(|zone| !zone.is_unknown())
}

/// The zone at a fixed distance from UTC: `Z`, `+05:30`, `UTC+05:30`, `GMT-08:00`. The minutes are whole, as written.
pub fn by_offset(text: &str) -> Option<TimeZone> {
    if text == "Z" {
        return Some(TimeZone::UTC);
    }
    let text = text.strip_prefix("UTC").or_else(|| text.strip_prefix("GMT")).unwrap_or(text);
    let (sign, digits) = match text.as_bytes() {
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let [h1, h0, b':', m1, m0] = digits else { return None };
    let two = |tens: &u8, ones: &u8| {
        (tens.is_ascii_digit() && ones.is_ascii_digit()).then(|| i32::from(tens - b'0') * 10 + i32::from(ones - b'0'))
    };
    let (hours, minutes) = (two(h1, h0)?, two(m1, m0)?);
    let total = hours * 60 + minutes;
    if minutes > 59 || total > OFFSET_MINUTES_MAX {
        return None;
    }
    Some(TimeZone::fixed(Offset::from_seconds(sign * total * 60).ok()?))
}

/// The local time at an instant; `None` outside the years that can be said.
pub fn local(zone: &TimeZone, at: Timestamp) -> Option<DateTime> {
    Some(zone.to_datetime(jiff::Timestamp::from_millisecond(at.0).ok()?))
}

/// When a local time is. One that occurs twice is its first time; one that the clocks skip is the instant of the skip.
/// So a later local time is never an earlier instant.
pub fn instant(zone: &TimeZone, local: DateTime) -> Option<Timestamp> {
    let ambiguous = zone.to_ambiguous_timestamp(local);
    let at = match ambiguous.offset() {
        AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(local).ok()?,
        AmbiguousOffset::Fold { before, .. } => before.to_timestamp(local).ok()?,
        AmbiguousOffset::Gap { after, .. } => {
            let before_the_skip = after.to_timestamp(local).ok()?;
            zone.following(before_the_skip).next()?.timestamp()
        }
    };
    Some(Timestamp(at.as_millisecond()))
}

/// True when the local time occurs twice.
pub fn is_fold(zone: &TimeZone, local: DateTime) -> bool {
    matches!(zone.to_ambiguous_timestamp(local).offset(), AmbiguousOffset::Fold { .. })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_instant(zone: &str, local: &str, expected: &str) {
        let zone = by_name(zone).unwrap();
        let at = instant(&zone, local.parse().unwrap()).unwrap();
        assert_eq!(at.iso_seconds(), expected, "{local}");
    }

    #[test]
    fn skipped_and_repeated_local_times() {
        check_instant("America/New_York", "2026-03-08T01:59", "2026-03-08T06:59:00Z");
        check_instant("America/New_York", "2026-03-08T02:00", "2026-03-08T07:00:00Z");
        check_instant("America/New_York", "2026-03-08T02:30", "2026-03-08T07:00:00Z");
        check_instant("America/New_York", "2026-03-08T03:00", "2026-03-08T07:00:00Z");
        check_instant("America/New_York", "2026-11-01T01:30", "2026-11-01T05:30:00Z");
        check_instant("America/New_York", "2026-11-01T02:00", "2026-11-01T07:00:00Z");
        check_instant("Australia/Lord_Howe", "2026-10-04T02:15", "2026-10-03T15:30:00Z");
        // Far in the future only the rule of the zone is known.
        check_instant("America/New_York", "2200-07-01T12:00", "2200-07-01T16:00:00Z");
    }

    #[test]
    fn names_and_offsets() {
        for name in ["UTC", "America/New_York", "Asia/Kolkata", "Asia/Tokyo", "Europe/London"] {
            assert!(by_name(name).is_some(), "{name}");
        }
        for name in ["", "Mars/Olympus", "+05:30", "Etc/Unknown", "America/New_York\0", "../etc/passwd"] {
            assert!(by_name(name).is_none(), "{name:?}");
        }
        let seconds = |text: &str| by_offset(text).map(|zone| zone.to_offset(jiff::Timestamp::UNIX_EPOCH).seconds());
        assert_eq!(seconds("Z"), Some(0));
        assert_eq!(seconds("+05:30"), Some(19_800));
        assert_eq!(seconds("-08:00"), Some(-28_800));
        assert_eq!(seconds("UTC+05:30"), Some(19_800));
        assert_eq!(seconds("GMT-08:00"), Some(-28_800));
        assert_eq!(seconds("+18:00"), Some(64_800));
        for text in ["", "+", "5:30", "+5:30", "+05:60", "+18:01", "+99:00", "UTC", "+0530", "+05:3x", "+05:300"] {
            assert_eq!(seconds(text), None, "{text:?}");
        }
    }
}

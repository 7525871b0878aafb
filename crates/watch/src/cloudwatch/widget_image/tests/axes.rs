//! Which ticks axes have.

use crate::cloudwatch::widget_image::ZoneOffset;
use crate::cloudwatch::widget_image::scale::ValueScale;
use crate::cloudwatch::widget_image::time_axis::ticks;
use model::Timestamp;
use model::time::{DAY, HOUR, MINUTE, SECOND};

#[test]
fn value_ticks_are_round() {
    let free = (None, None);
    for (data, fixed, count, ticks) in [
        (Some((0.0, 97.0)), free, 5, vec![0.0, 20.0, 40.0, 60.0, 80.0, 100.0]),
        (Some((3.0, 97.0)), free, 4, vec![0.0, 25.0, 50.0, 75.0, 100.0]),
        (Some((90.0, 97.0)), free, 4, vec![90.0, 92.0, 94.0, 96.0, 98.0]),
        (Some((-12.0, 31.0)), free, 5, vec![-20.0, -10.0, 0.0, 10.0, 20.0, 30.0, 40.0]),
        (Some((-9.0, -2.0)), free, 4, vec![-10.0, -8.0, -6.0, -4.0, -2.0]),
        (Some((0.0, 0.0)), free, 2, vec![0.0, 0.5, 1.0]),
        (None, free, 2, vec![0.0, 0.5, 1.0]),
        (Some((7.0, 7.0)), free, 2, vec![6.0, 7.0, 8.0]),
        (Some((3.0, 97.0)), (Some(10.0), Some(60.0)), 5, vec![10.0, 20.0, 30.0, 40.0, 50.0, 60.0]),
        (Some((3.0, 97.0)), (None, Some(55.0)), 5, vec![0.0, 20.0, 40.0]),
        (Some((0.0, 3e9)), free, 3, vec![0.0, 1e9, 2e9, 3e9]),
    ] {
        let scale = ValueScale::new(data, fixed, count);
        assert_eq!(scale.ticks, ticks, "{data:?} {fixed:?}");
    }
}

#[test]
fn fixed_ends_are_kept_and_senseless_ones_give_way() {
    let scale = ValueScale::new(Some((3.0, 97.0)), (Some(1.5), Some(33.3)), 5);
    assert_eq!((scale.min, scale.max), (1.5, 33.3));
    let scale = ValueScale::new(Some((3.0, 97.0)), (Some(50.0), Some(20.0)), 5);
    assert_eq!(scale.min, 50.0);
    assert!(scale.max >= 97.0);
    let scale = ValueScale::new(Some((3.0, 97.0)), (Some(500.0), None), 5);
    assert!(scale.min == 500.0 && scale.max > 500.0);
    let scale = ValueScale::new(Some((3.0, 97.0)), (None, Some(-5.0)), 5);
    assert!(scale.max == -5.0 && scale.min < -5.0);
}

#[test]
fn scales_hold_for_all_magnitudes() {
    for power in -300..=299 {
        let size = 10_f64.powi(power);
        for (low, high) in [(0.0, size), (-size, size), (size, 1.1 * size), (-3.0 * size, -size), (size, size)] {
            let scale = ValueScale::new(Some((low, high)), (None, None), 5);
            assert!(scale.min < scale.max && scale.step > 0.0, "{low} {high}: {scale:?}");
            assert!((1..=12).contains(&scale.ticks.len()), "{low} {high}: {scale:?}");
            assert!(scale.fraction(low) >= -1e-6 && scale.fraction(high) <= 1.0 + 1e-6, "{low} {high}: {scale:?}");
            assert!(scale.ticks.is_sorted());
        }
    }
}

fn labels(start: &str, span: i64, zone: &str, count: usize) -> Vec<String> {
    let start = Timestamp::parse_iso(start).unwrap();
    let zone = ZoneOffset::parse(zone).unwrap();
    ticks(start, start + span, zone, count).into_iter().map(|tick| tick.label).collect()
}

#[test]
fn time_ticks_are_round_times_of_the_zone() {
    for (start, span, zone, count, expected) in [
        (
            "2026-01-02T03:04:05Z",
            30 * SECOND,
            "+0000",
            6,
            vec!["03:04:05", "03:04:10", "03:04:15", "03:04:20", "03:04:25", "03:04:30", "03:04:35"],
        ),
        ("2026-01-02T03:04:05Z", 10 * MINUTE, "+0000", 6, vec!["03:06", "03:08", "03:10", "03:12", "03:14"]),
        (
            "2026-01-02T19:00:00Z",
            3 * HOUR,
            "+0000",
            7,
            vec!["19:00", "19:30", "20:00", "20:30", "21:00", "21:30", "22:00"],
        ),
        ("2026-01-02T19:00:00Z", 3 * HOUR, "+0530", 4, vec!["01:00", "02:00", "03:00"]),
        ("2026-01-02T19:00:00Z", 12 * HOUR, "+0000", 4, vec!["21:00", "01/03", "03:00", "06:00"]),
        ("2026-01-02T19:00:00Z", 12 * HOUR, "-0800", 4, vec!["12:00", "15:00", "18:00", "21:00"]),
        ("2026-01-02T19:00:00Z", 3 * DAY, "+0000", 6, vec!["01/03", "12:00", "01/04", "12:00", "01/05", "12:00"]),
        (
            "2026-01-02T19:00:00Z",
            7 * DAY,
            "+0000",
            8,
            vec!["01/03", "01/04", "01/05", "01/06", "01/07", "01/08", "01/09"],
        ),
        ("2026-01-20T00:00:00Z", 28 * DAY, "+0000", 5, vec!["01/22", "02/01", "02/08", "02/15"]),
        ("2026-01-02T19:00:00Z", 365 * DAY, "+0000", 5, vec!["2026-04", "2026-07", "2026-10", "2027-01"]),
        ("2026-01-02T19:00:00Z", 3660 * DAY, "+0000", 6, vec!["2028", "2030", "2032", "2034", "2036"]),
    ] {
        assert_eq!(labels(start, span, zone, count), expected, "{start} {span} {zone}");
    }
}

#[test]
fn new_days_stand_out() {
    let start = Timestamp::parse_iso("2026-01-02T19:00:00Z").unwrap();
    let found = ticks(start, start + 12 * HOUR, ZoneOffset::default(), 4);
    assert_eq!(found.iter().filter(|tick| tick.major).count(), 1);
}

#[test]
fn ticks_are_bounded_for_any_range() {
    let spans = (0..62).map(|power| 1_i64 << power);
    for span in spans {
        for start in [0, -62_000_000_000_000, 253_000_000_000_000, i64::MIN, i64::MAX - span] {
            for count in [1, 5, 60] {
                let found =
                    ticks(Timestamp(start), Timestamp(start.saturating_add(span)), ZoneOffset::default(), count);
                assert!(found.len() <= 2 * count + 4, "{start} {span} {count}: {}", found.len());
                assert!(found.iter().all(|tick| tick.at.millis() >= start && tick.at.millis() <= start + span));
            }
        }
    }
}

#[test]
fn zones_are_read() {
    for (text, minutes) in
        [("+0000", 0), ("-0000", 0), ("+0130", 90), ("-0930", -570), ("+1400", 840), ("-2359", -1439)]
    {
        assert_eq!(ZoneOffset::parse(text), Some(ZoneOffset { minutes }), "{text}");
    }
    for wrong in ["", "+", "0130", "+130", "+01:30", "+2400", "+0060", "+00000", "é0130", "++130", "UTC"] {
        assert_eq!(ZoneOffset::parse(wrong), None, "{wrong}");
    }
}

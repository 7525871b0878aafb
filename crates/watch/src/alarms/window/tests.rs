//! AWS's examples of both windows and of the warm-up, and wall clocks across changes of the clocks.

use super::*;
use crate::alarms::state::Point;
use model::time::{DAY, HOUR};
use proptest::prelude::*;

fn t(iso: &str) -> Timestamp {
    Timestamp::parse_iso(iso).unwrap()
}

fn wall_clock(timezone: &str, period_secs: i64) -> EvaluationWindow {
    EvaluationWindow::wall_clock(Some(timezone), period_secs, t("2026-06-01T00:00:00Z")).unwrap()
}

/// The beginnings of the periods and the end of the last.
fn check(window: &EvaluationWindow, period_secs: i64, now: &str, expected: &[&str]) {
    let periods = window.periods(period_secs, expected.len() - 1, t(now));
    let mut bounds: Vec<String> = periods.iter().map(|period| period.start.iso_seconds()).collect();
    bounds.extend(periods.last().map(|period| period.end.iso_seconds()));
    assert_eq!(bounds, expected, "{period_secs} s at {now}");
}

#[test]
fn sliding_windows_end_now() {
    let sliding = EvaluationWindow::Sliding;
    check(&sliding, 3600, "2026-01-01T14:07:30Z", &["2026-01-01T13:07:00Z", "2026-01-01T14:07:00Z"]);
    check(&sliding, 3600, "2026-01-01T14:08:00Z", &["2026-01-01T13:08:00Z", "2026-01-01T14:08:00Z"]);
    let five = ["2026-01-01T12:01:00Z", "2026-01-01T12:06:00Z", "2026-01-01T12:11:00Z", "2026-01-01T12:16:00Z"];
    check(&sliding, 300, "2026-01-01T12:16:59Z", &five);
    for (period, start) in [(10, "12:00:10"), (20, "12:00:00"), (30, "11:59:50")] {
        let start = format!("2026-01-01T{start}Z");
        check(&sliding, period, "2026-01-01T12:00:29Z", &[&start, "2026-01-01T12:00:20Z"]);
    }
    check(&sliding, 604_800, "2026-01-08T12:00:29Z", &["2026-01-01T12:00:00Z", "2026-01-08T12:00:00Z"]);
}

#[test]
fn wall_clock_windows_end_with_a_period_of_the_clock() {
    let now = "2026-01-01T14:07:30Z";
    check(&wall_clock("UTC", 60), 60, now, &["2026-01-01T14:05:00Z", "2026-01-01T14:06:00Z", "2026-01-01T14:07:00Z"]);
    check(&wall_clock("UTC", 300), 300, now, &["2026-01-01T14:00:00Z", "2026-01-01T14:05:00Z"]);
    check(&wall_clock("UTC", 3600), 3600, now, &["2026-01-01T13:00:00Z", "2026-01-01T14:00:00Z"]);
    check(&wall_clock("UTC", 3600), 3600, "2026-01-01T14:00:00Z", &["2026-01-01T13:00:00Z", "2026-01-01T14:00:00Z"]);
    check(&wall_clock("UTC", 3600), 3600, "2026-01-01T13:59:59Z", &["2026-01-01T12:00:00Z", "2026-01-01T13:00:00Z"]);
    let new_york = ["2025-12-30T05:00:00Z", "2025-12-31T05:00:00Z", "2026-01-01T05:00:00Z"];
    check(&wall_clock("America/New_York", 86_400), 86_400, now, &new_york);
    check(&wall_clock("Asia/Kolkata", 3600), 3600, now, &["2026-01-01T12:30:00Z", "2026-01-01T13:30:00Z"]);
    check(&wall_clock("+05:45", 3600), 3600, now, &["2026-01-01T12:15:00Z", "2026-01-01T13:15:00Z"]);
    check(&wall_clock("UTC+00:05", 300), 300, now, &["2026-01-01T14:00:00Z", "2026-01-01T14:05:00Z"]);
    // 2026-01-01 is a Thursday.
    check(&wall_clock("UTC", 604_800), 604_800, now, &["2025-12-22T00:00:00Z", "2025-12-29T00:00:00Z"]);
    check(
        &wall_clock("UTC", 604_800),
        604_800,
        "2026-01-05T00:00:00Z",
        &["2025-12-29T00:00:00Z", "2026-01-05T00:00:00Z"],
    );
    check(
        &wall_clock("-08:00", 604_800),
        604_800,
        "2026-01-05T07:59:59Z",
        &["2025-12-22T08:00:00Z", "2025-12-29T08:00:00Z"],
    );
}

#[test]
fn days_with_a_change_of_the_clocks_are_shorter_or_longer() {
    let new_york = wall_clock("America/New_York", 86_400);
    check(
        &new_york,
        86_400,
        "2026-03-09T12:00:00Z",
        &["2026-03-07T05:00:00Z", "2026-03-08T05:00:00Z", "2026-03-09T04:00:00Z"],
    );
    check(
        &new_york,
        86_400,
        "2026-11-02T12:00:00Z",
        &["2026-10-31T04:00:00Z", "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z"],
    );
    let week = wall_clock("America/New_York", 604_800);
    check(&week, 604_800, "2026-03-09T12:00:00Z", &["2026-03-02T05:00:00Z", "2026-03-09T04:00:00Z"]);
    let hour = wall_clock("America/New_York", 3600);
    check(
        &hour,
        3600,
        "2026-11-01T07:00:00Z",
        &["2026-11-01T04:00:00Z", "2026-11-01T05:00:00Z", "2026-11-01T06:00:00Z", "2026-11-01T07:00:00Z"],
    );
    // Lord Howe goes forward by half an hour, from 02:00 at +10:30 to 02:30 at +11:00.
    let howe = wall_clock("Australia/Lord_Howe", 3600);
    check(
        &howe,
        3600,
        "2026-10-03T16:10:00Z",
        &["2026-10-03T14:30:00Z", "2026-10-03T15:00:00Z", "2026-10-03T16:00:00Z"],
    );
    // Santiago skips midnight of 2026-09-06; Havana repeats the hour before 01:00 of 2026-11-01.
    let santiago = wall_clock("America/Santiago", 86_400);
    check(
        &santiago,
        86_400,
        "2026-09-07T12:00:00Z",
        &["2026-09-05T04:00:00Z", "2026-09-06T04:00:00Z", "2026-09-07T03:00:00Z"],
    );
    let havana = wall_clock("America/Havana", 86_400);
    check(&havana, 86_400, "2026-11-01T05:30:00Z", &["2026-10-31T04:00:00Z", "2026-11-01T04:00:00Z"]);
}

#[test]
fn bad_windows_say_why() {
    let now = t("2026-01-01T00:00:00Z");
    let error = |timezone, period| EvaluationWindow::wall_clock(timezone, period, now).unwrap_err().to_string();
    for period in [10, 30, 120, 600, 7200, 0, -60] {
        let expected = format!(
            "Period {period} is not supported with a wall clock evaluation window. Supported periods are 60, 300, 3600, \
             86400 and 604800 seconds"
        );
        assert_eq!(error(None, period), expected);
    }
    assert_eq!(error(Some("Mars"), 60), "Timezone 'Mars' is neither a time zone identifier nor a UTC offset");
    assert_eq!(
        error(Some("+01:03"), 60),
        "Timezone '+01:03' must resolve to a UTC offset that is a multiple of 5 minutes"
    );
    for zone in ["Z", "UTC", "GMT", "+01:05", "UTC-03:00", "Asia/Kathmandu"] {
        assert!(EvaluationWindow::wall_clock(Some(zone), 60, now).is_ok(), "{zone}");
    }
}

#[test]
fn a_wall_clock_takes_one_period_of_the_three_hours_of_metrics_insights() {
    let wall = wall_clock("UTC", 3600);
    assert!(EvaluationWindow::Sliding.insights_fits(3600, 3));
    assert!(!EvaluationWindow::Sliding.insights_fits(3600, 4));
    assert!(wall.insights_fits(3600, 2));
    assert!(!wall.insights_fits(3600, 3));
    assert!(!wall.insights_fits(i64::MAX, i64::MAX));
}

#[test]
fn times_at_the_ends_of_time_do_not_panic() {
    for window in [EvaluationWindow::Sliding, wall_clock("Asia/Tokyo", 60), wall_clock("Asia/Tokyo", 604_800)] {
        for period in [10, 60, 86_400, 604_800, 0, i64::MAX] {
            for now in [Timestamp::MIN, Timestamp::MAX, Timestamp(0)] {
                assert!(window.periods(period, 3, now).len() <= 3);
            }
        }
    }
}

#[test]
fn five_periods_are_fetched_for_three() {
    assert_eq!([1, 2, 3, 4, 5, 10].map(fetched), [3, 4, 5, 6, 8, 15]);
}

/// Slots of five minutes up to `now`, from AWS's notation: `-` missing, anything else there.
fn slots(pattern: &str, now: Timestamp) -> Vec<Slot> {
    let periods = EvaluationWindow::Sliding.periods(300, pattern.len(), now);
    let point = |c| (c != '-').then_some(Point { value: 1.0, sample_count: Some(1.0), band: None });
    periods.iter().zip(pattern.chars()).map(|(period, c)| Slot { start: period.start, point: point(c) }).collect()
}

#[test]
fn a_warm_up_ends_when_the_window_is_full() {
    // Created at 10:00 with 3 periods of 5 minutes; data come from 10:04: a full window is there at 10:19.
    let created = t("2026-01-01T10:00:00Z");
    let warm_up = WarmUp { minutes: 30, whole: false };
    let warming = |now: &str, pattern: &str| {
        let now = t(&format!("2026-01-01T{now}:00Z"));
        warm_up.is_warming_up(created, now, &slots(pattern, now), 3)
    };
    assert!(warming("10:04", "-----"));
    assert!(warming("10:05", "----x"));
    assert!(warming("10:13", "---xx"));
    assert!(!warming("10:19", "--xxx"));
    assert!(!warming("10:19", "--x-x"), "gaps do not matter");
    assert!(!warming("10:24", "-x--x"), "older data will do");
    assert!(warming("10:24", "-xxx-"), "the newest period has none");
    assert!(warming("10:29", "-----"));
    assert!(!warming("10:30", "-----"), "the time is over");
}

#[test]
fn a_whole_warm_up_ends_with_its_time() {
    let created = t("2026-01-01T10:00:00Z");
    let warm_up = WarmUp { minutes: 60, whole: true };
    let at = |now: &str| warm_up.is_warming_up(created, t(now), &slots("xxxxx", t(now)), 3);
    assert!(at("2026-01-01T10:59:59Z"));
    assert!(!at("2026-01-01T11:00:00Z"));
    let few = WarmUp { minutes: 60, whole: false };
    assert!(few.is_warming_up(created, created, &slots("xx", created), 3));
    assert!(few.is_warming_up(created, created, &[], 0));
}

proptest! {
    #[test]
    fn periods_follow_on_each_other_up_to_now(
        zone in proptest::sample::select(vec!["UTC", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Pacific/Apia", "-03:30"]),
        period in proptest::sample::select(WALL_CLOCK_PERIODS.to_vec()),
        now in 1_767_225_600_000..1_798_761_600_000_i64,
    ) {
        let now = Timestamp(now);
        let periods = wall_clock(zone, period).periods(period, 30, now);
        prop_assert_eq!(periods.len(), 30);
        let last = periods[29];
        let slack = if period < 86_400 { HOUR } else { 3 * HOUR };
        prop_assert!(last.end <= now && now - last.end < period * SECOND + slack);
        for pair in periods.windows(2) {
            prop_assert_eq!(pair[0].end, pair[1].start);
            let length = pair[1].end - pair[1].start;
            prop_assert!((length - period * SECOND).abs() <= HOUR, "{}", length);
        }
        let tz = match zone::by_offset(zone) { Some(tz) => tz, None => zone::by_name(zone).unwrap() };
        if period >= 86_400 {
            prop_assert!(periods.iter().all(|p| zone::local(&tz, p.start).unwrap().hour() == 0));
        }
        prop_assert!(last.end - periods[0].start <= 30 * (7 * DAY + HOUR));
    }

    #[test]
    fn no_zone_panics(timezone in "(UTC|GMT|Z)?[+-]?[0-9:]{0,6}\\PC{0,6}") {
        let now = Timestamp(1_767_225_600_000);
        if let Ok(window) = EvaluationWindow::wall_clock(Some(&timezone), 3600, now) {
            prop_assert_eq!(window.periods(3600, 2, now).len(), 2);
        }
    }
}

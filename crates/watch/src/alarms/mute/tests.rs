//! AWS's example schedules and scenarios, changes of the clocks, and windows against a search minute by minute.

use super::*;
use model::time::{DAY, HOUR, MINUTE};
use proptest::prelude::*;

fn t(iso: &str) -> Timestamp {
    Timestamp::parse_iso(iso).unwrap()
}

fn rule(expression: &str, duration: &str, timezone: &str) -> MuteRule {
    let schedule = Schedule { expression, duration, timezone: Some(timezone), ..Schedule::default() };
    MuteRule::new(&schedule).unwrap_or_else(|error| panic!("{expression} {duration} {timezone}: {error}"))
}

/// The window at or after `now`, as text.
fn window(rule: &MuteRule, now: &str) -> String {
    let window = rule.window(t(now)).or_else(|| rule.next_window(t(now))).unwrap();
    format!("{} {}", window.start.iso_seconds(), window.end.iso_seconds())
}

fn check_window(expression: &str, duration: &str, timezone: &str, now: &str, expected: &str) {
    assert_eq!(window(&rule(expression, duration, timezone), now), expected, "{expression} {duration} at {now}");
}

#[test]
fn the_example_schedules_of_the_user_guide() {
    // 2026-11-25 is a Wednesday.
    let now = "2026-11-25T12:00:00Z";
    check_window("cron(0 2 * * SUN)", "PT4H", "UTC", now, "2026-11-29T02:00:00Z 2026-11-29T06:00:00Z");
    check_window("cron(0 1 1 * *)", "PT6H", "UTC", now, "2026-12-01T01:00:00Z 2026-12-01T07:00:00Z");
    check_window("cron(0 18 * * FRI)", "P2DT12H", "UTC", now, "2026-11-27T18:00:00Z 2026-11-30T06:00:00Z");
    check_window("cron(0 23 * * *)", "PT2H", "UTC", now, "2026-11-25T23:00:00Z 2026-11-26T01:00:00Z");
    check_window("cron(0 2 * * *)", "PT2H", "Asia/Tokyo", now, "2026-11-25T17:00:00Z 2026-11-25T19:00:00Z");
    let may = "2024-05-10T15:00:00Z";
    check_window("at(2024-05-10T14:00)", "PT4H", "UTC", may, "2024-05-10T14:00:00Z 2024-05-10T18:00:00Z");
    let december = "2024-12-01T00:00:00Z";
    check_window("at(2024-12-23T00:00)", "P7D", "UTC", december, "2024-12-23T00:00:00Z 2024-12-30T00:00:00Z");
}

#[test]
fn lists_ranges_names_and_both_kinds_of_days() {
    let now = "2026-11-25T12:00:00Z";
    let next = |fields: &str| {
        let rule = rule(&format!("cron({fields})"), "PT1M", "UTC");
        rule.next_window(t(now)).unwrap().start.iso_seconds()
    };
    assert_eq!(next("15,45 * * * *"), "2026-11-25T12:15:00Z");
    assert_eq!(next("0 9-11 * * *"), "2026-11-26T09:00:00Z");
    assert_eq!(next("0 0 * jan,Mar *"), "2027-01-01T00:00:00Z");
    assert_eq!(next("0 0 * * MON-SUN"), "2026-11-26T00:00:00Z");
    assert_eq!(next("0 0 * * SAT-MON"), "2026-11-28T00:00:00Z");
    assert_eq!(next("0 0 * * 7"), "2026-11-29T00:00:00Z");
    assert_eq!(next("0 0 * * 0"), "2026-11-29T00:00:00Z");
    assert_eq!(next("0 0 * * 5-7"), "2026-11-27T00:00:00Z");
    assert_eq!(next("0 0 26 * SUN"), "2026-11-26T00:00:00Z", "either day will do");
    assert_eq!(next("0 0 30 * SUN"), "2026-11-29T00:00:00Z", "either day will do");
    assert_eq!(next("0 0 29 2 *"), "2028-02-29T00:00:00Z");
    assert_eq!(next("  0  0 1 1  *  "), "2027-01-01T00:00:00Z");
    assert_eq!(
        rule("cron(0 0 29 2 *)", "PT1M", "UTC").next_window(t("2096-03-01T00:00:00Z")).unwrap().start.iso_seconds(),
        "2104-02-29T00:00:00Z"
    );
}

fn check_error(schedule: Schedule<'_>, parameter: &'static str, message: &str, column: usize) {
    let expected = MuteError { parameter, message: message.into(), column };
    assert_eq!(MuteRule::new(&schedule).unwrap_err(), expected, "{schedule:?}");
}

#[test]
fn bad_expressions_say_what_and_where() {
    let form =
        "Expression must be of the form cron(minute hour day-of-month month day-of-week) or at(yyyy-MM-ddThh:mm)";
    let check = |expression: &'static str, message: &str, column| {
        check_error(Schedule { expression, duration: "PT1H", ..Schedule::default() }, "Expression", message, column);
    };
    for bad in ["", "rate(5 minutes)", "cron", "cron(", "cron 0 2 * * *", "CRON(0 2 * * *)", "at()x"] {
        check(bad, form, 0);
    }
    let fields =
        |got| format!("cron expression must have 5 fields (minute hour day-of-month month day-of-week), got {got}");
    check("cron()", &fields(0), 5);
    check("cron(0 2 * *)", &fields(4), 5);
    check("cron(0 2 * * * 2026)", &fields(6), 5);
    check("cron(60 2 * * *)", "minute '60' at char 5 must be *, or values and ranges of 0-59", 5);
    check("cron(0,x 2 * * *)", "minute 'x' at char 7 must be *, or values and ranges of 0-59", 7);
    check("cron(*/5 2 * * *)", "minute '*/5' at char 5 must be *, or values and ranges of 0-59", 5);
    check("cron(0 5-2 * * *)", "hour '5-2' at char 7 must be *, or values and ranges of 0-23", 7);
    check("cron(0 2 0 * *)", "day-of-month '0' at char 9 must be *, or values and ranges of 1-31", 9);
    check("cron(0 2 ? * *)", "day-of-month '?' at char 9 must be *, or values and ranges of 1-31", 9);
    check("cron(0 2 * 13 *)", "month '13' at char 11 must be *, or values and ranges of 1-12 or JAN-DEC", 11);
    check("cron(0 2 * * 8)", "day-of-week '8' at char 13 must be *, or values and ranges of 0-7 or SUN-SAT", 13);
    check(
        "cron(0 2 * *  MONDAY)",
        "day-of-week 'MONDAY' at char 14 must be *, or values and ranges of 0-7 or SUN-SAT",
        14,
    );
    check("cron(+1 2 * * *)", "minute '+1' at char 5 must be *, or values and ranges of 0-59", 5);
    check("cron(0 0 31 2,4 *)", "cron expression never occurs", 5);
    for bad in [
        "2026-02-30T00:00",
        "2026-01-01",
        "2026-01-01T24:00",
        "2026-01-01T10:00:00",
        "2026-01-01 10:00",
        "ä026-01-01T10:0",
    ] {
        let expression = format!("at({bad})");
        let message = format!("'{bad}' at char 3 is not a time of the form yyyy-MM-ddThh:mm");
        let schedule = Schedule { expression: &expression, duration: "PT1H", ..Schedule::default() };
        check_error(schedule, "Expression", &message, 3);
    }
}

#[test]
fn durations_zones_and_dates() {
    let parse = |duration: &str| {
        let schedule = Schedule { expression: "cron(0 2 * * *)", duration, ..Schedule::default() };
        MuteRule::new(&schedule).map(|rule| rule.duration_ms)
    };
    for (text, ms) in [
        ("PT1M", MINUTE),
        ("PT4H", 4 * HOUR),
        ("P2DT12H", 60 * HOUR),
        ("P15D", 15 * DAY),
        ("PT360H", 15 * DAY),
        ("P1DT2H3M4S", DAY + 2 * HOUR + 3 * MINUTE + 4_000),
        ("PT90S", 90_000),
    ] {
        assert_eq!(parse(text), Ok(ms), "{text}");
    }
    for (text, column) in [
        ("", 0),
        ("4H", 0),
        ("P", 1),
        ("PT", 1),
        ("P1", 2),
        ("P1DT", 3),
        ("PT1H2", 5),
        ("P1M", 2),
        ("P1W", 2),
        ("P1Y", 2),
        ("PT1M1H", 5),
        ("PT1.5H", 3),
        ("P-1D", 1),
        ("PT4H ", 4),
        ("PTT1H", 2),
        ("P1H", 2),
        ("PTH", 2),
        ("pt1h", 0),
    ] {
        assert_eq!(parse(text).unwrap_err().column, column, "{text}");
        assert!(parse(text).unwrap_err().message.contains("is not an ISO 8601 duration"), "{text}");
    }
    for text in ["PT59S", "PT0S", "P16D", "P15DT1S", "PT99999999999999999999H"] {
        assert_eq!(parse(text).unwrap_err().message, format!("Duration '{text}' must be between PT1M and P15D"));
    }
    let good = Schedule { expression: "cron(0 2 * * *)", duration: "PT1H", ..Schedule::default() };
    let zone = Schedule { timezone: Some("Mars/Olympus"), ..good };
    check_error(zone, "Timezone", "Timezone 'Mars/Olympus' is not a known time zone", 0);
    let dates = Schedule { start: Some(Timestamp(5)), expire: Some(Timestamp(5)), ..good };
    check_error(dates, "ExpireDate", "ExpireDate must be later than StartDate", 0);
}

#[test]
fn status_goes_from_scheduled_to_active_to_expired() {
    let once = rule("at(2026-01-02T10:00)", "PT1H", "UTC");
    assert_eq!(once.mute_type().as_str(), "ONE_TIME");
    assert_eq!(once.status(t("2026-01-02T09:59:59Z")).as_str(), "SCHEDULED");
    assert_eq!(once.status(t("2026-01-02T10:00:00Z")).as_str(), "ACTIVE");
    assert_eq!(once.status(t("2026-01-02T10:59:59Z")).as_str(), "ACTIVE");
    assert_eq!(once.active_until(t("2026-01-02T10:30:00Z")), Some(t("2026-01-02T11:00:00Z")));
    assert_eq!(once.status(t("2026-01-02T11:00:00Z")).as_str(), "EXPIRED");
    assert_eq!(once.next_change(t("2026-01-02T09:00:00Z")), Some(t("2026-01-02T10:00:00Z")));
    assert_eq!(once.next_change(t("2026-01-02T10:00:00Z")), Some(t("2026-01-02T11:00:00Z")));
    assert_eq!(once.next_change(t("2026-01-02T11:00:00Z")), None);
    let daily = rule("cron(0 10 * * *)", "PT1H", "UTC");
    assert_eq!(daily.mute_type().as_str(), "RECURRING");
    assert_eq!(daily.status(t("2036-01-02T11:00:00Z")), Status::Scheduled);
}

#[test]
fn start_and_expire_dates_cut_windows_off() {
    let schedule = Schedule {
        expression: "cron(0 10 * * *)",
        duration: "PT2H",
        start: Some(t("2026-01-02T11:00:00Z")),
        expire: Some(t("2026-01-04T11:30:00Z")),
        timezone: None,
    };
    let rule = MuteRule::new(&schedule).unwrap();
    assert_eq!(rule.status(t("2026-01-01T10:30:00Z")), Status::Scheduled);
    assert_eq!(window(&rule, "2026-01-01T10:30:00Z"), "2026-01-02T11:00:00Z 2026-01-02T12:00:00Z");
    assert_eq!(window(&rule, "2026-01-02T12:00:00Z"), "2026-01-03T10:00:00Z 2026-01-03T12:00:00Z");
    assert_eq!(window(&rule, "2026-01-04T11:00:00Z"), "2026-01-04T10:00:00Z 2026-01-04T11:30:00Z");
    assert_eq!(rule.status(t("2026-01-04T11:29:59Z")), Status::Active);
    assert_eq!(rule.next_window(t("2026-01-04T11:00:00Z")), None);
    assert_eq!(rule.status(t("2026-01-04T11:30:00Z")), Status::Expired);
    let too_late = Schedule { expression: "at(2026-01-01T10:00)", expire: None, ..schedule };
    assert_eq!(MuteRule::new(&too_late).unwrap().status(t("2025-12-01T00:00:00Z")), Status::Expired);
}

#[test]
fn windows_that_overlap_or_touch_are_one() {
    let touching = rule("cron(0 0 * * MON,TUE)", "P1D", "UTC");
    assert_eq!(window(&touching, "2026-11-30T12:00:00Z"), "2026-11-30T00:00:00Z 2026-12-02T00:00:00Z");
    let overlapping = rule("cron(0 0-3 1 * *)", "PT90M", "UTC");
    assert_eq!(window(&overlapping, "2026-11-25T00:00:00Z"), "2026-12-01T00:00:00Z 2026-12-01T04:30:00Z");
    let always = rule("cron(* * * * *)", "P15D", "UTC");
    let now = t("2026-01-01T00:00:30Z");
    assert_eq!(always.status(now), Status::Active);
    assert!(always.active_until(now).unwrap() > now + 365 * DAY);
}

#[test]
fn windows_at_changes_of_the_clocks() {
    // New York skips 02:00-03:00 on 2026-03-08 and repeats 01:00-02:00 on 2026-11-01.
    let skipped = rule("cron(30 2 * * *)", "PT1H", "America/New_York");
    assert_eq!(window(&skipped, "2026-03-07T12:00:00Z"), "2026-03-08T07:00:00Z 2026-03-08T08:00:00Z");
    assert_eq!(window(&skipped, "2026-03-08T12:00:00Z"), "2026-03-09T06:30:00Z 2026-03-09T07:30:00Z");
    let repeated = rule("cron(30 1 * * *)", "PT10M", "America/New_York");
    assert_eq!(window(&repeated, "2026-11-01T00:00:00Z"), "2026-11-01T05:30:00Z 2026-11-01T05:40:00Z");
    assert_eq!(window(&repeated, "2026-11-01T05:40:00Z"), "2026-11-02T06:30:00Z 2026-11-02T06:40:00Z");
    // The second 01:15 is after the first 01:30, which is still being muted.
    let long = rule("cron(30 1 * * *)", "PT1H", "America/New_York");
    assert_eq!(window(&long, "2026-11-01T06:15:00Z"), "2026-11-01T05:30:00Z 2026-11-01T06:30:00Z");
    // Elapsed time: the weekend of the skip ends an hour late by the local clock.
    let weekend = rule("cron(0 18 * * FRI)", "P2DT12H", "America/New_York");
    assert_eq!(window(&weekend, "2026-03-07T12:00:00Z"), "2026-03-06T23:00:00Z 2026-03-09T11:00:00Z");
    // Samoa had no 30 December 2011.
    let no_day = rule("at(2011-12-30T12:00)", "PT1H", "Pacific/Apia");
    assert_eq!(window(&no_day, "2011-12-01T00:00:00Z"), "2011-12-30T10:00:00Z 2011-12-30T11:00:00Z");
}

#[test]
fn times_that_cannot_be_said_are_no_windows() {
    let daily = rule("cron(0 10 * * *)", "PT1H", "Asia/Tokyo");
    for now in [Timestamp::MIN, Timestamp::MAX, t("9999-12-30T21:00:00Z")] {
        assert_eq!(daily.window(now), None);
    }
    assert_eq!(daily.status(Timestamp::MAX), Status::Expired);
}

/// Plays changes of an alarm and of its being muted: `A`, `O` and `I` are changes to a state, `(` begins and `)` ends being
/// muted. Gives the states whose actions ran, in order, `-` for a step at which none did.
fn play(events: &str) -> String {
    let (mut owed, mut state, mut muted) = (None, AlarmState::Ok, false);
    let mut ran = String::new();
    for event in events.chars() {
        let changed = match event {
            '(' | ')' => {
                muted = event == '(';
                false
            }
            _ => {
                state = match event {
                    'A' => AlarmState::Alarm,
                    'O' => AlarmState::Ok,
                    _ => AlarmState::InsufficientData,
                };
                true
            }
        };
        let run;
        (owed, run) = step(owed, state, changed, muted);
        ran.push(if run { state.as_str().chars().next().unwrap() } else { '-' });
    }
    ran
}

#[test]
fn the_scenarios_of_how_alarm_mute_rules_work() {
    // Muted and still in ALARM when the window ends: the action runs then, and once.
    assert_eq!(play("(A))"), "--A-");
    // Back in OK when it ends: no ALARM action, but the OK action, which was muted too.
    assert_eq!(play("(AO)"), "---O");
    // Not muted: at once.
    assert_eq!(play("AO()"), "AO--");
    // In ALARM before the window, nothing happened in it: nothing is owed.
    assert_eq!(play("A()"), "A--");
    // Two windows, one after the other.
    assert_eq!(play("(A)(O)"), "--A--O");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    /// Minutes around a change of the clocks, against a search of each minute's local time.
    #[test]
    fn windows_agree_with_a_search_minute_by_minute(
        minute in 0..60_u32, hour in 0..24_u32, every_hour in any::<bool>(),
        duration in prop_oneof![1..90_i64, 1..3000_i64],
        zone_index in 0..4_usize, autumn in any::<bool>(), offset in 46 * 60..66 * 60_i64,
    ) {
        let (zone, spring, fall) = [
            ("America/New_York", "2026-03-08T00:00:00Z", "2026-11-01T00:00:00Z"),
            ("Australia/Lord_Howe", "2026-10-03T00:00:00Z", "2026-04-04T00:00:00Z"),
            ("Europe/London", "2026-03-29T00:00:00Z", "2026-10-25T00:00:00Z"),
            ("Asia/Kolkata", "2026-03-29T00:00:00Z", "2026-10-25T00:00:00Z"),
        ][zone_index];
        let hours = if every_hour { "*".to_owned() } else { hour.to_string() };
        let rule = rule(&format!("cron({minute} {hours} * * *)"), &format!("PT{duration}M"), zone);
        let now = t(if autumn { fall } else { spring }) - 2 * DAY + offset * MINUTE;
        // The local times so far, as a clock on the wall shows them, each at its first time; skipped ones at the skip.
        let tz = zone::by_name(zone).unwrap();
        let mut shown: Option<DateTime> = None;
        let mut active = false;
        let mut at = now - duration * MINUTE - 2 * DAY;
        while at <= now {
            let local = zone::local(&tz, at).unwrap();
            let mut passed = shown.map_or(local, |shown| minute_later(shown).unwrap());
            while passed <= local {
                let hit = passed.minute() as u32 == minute && (every_hour || passed.hour() as u32 == hour);
                active |= hit && at > now - duration * MINUTE;
                passed = minute_later(passed).unwrap();
            }
            shown = Some(shown.map_or(local, |shown| shown.max(local)));
            at = at + MINUTE;
        }
        prop_assert_eq!(rule.window(now).is_some(), active);
    }

    #[test]
    fn no_schedule_panics(expression in "(cron|at)?\\(?[0-9*,\\- A-Z:äT]{0,30}\\)?", duration in "P?[0-9DTHMSä]{0,12}") {
        let schedule = Schedule { expression: &expression, duration: &duration, ..Schedule::default() };
        if let Ok(rule) = MuteRule::new(&schedule) {
            rule.status(t("2026-01-01T00:00:00Z"));
        }
    }
}

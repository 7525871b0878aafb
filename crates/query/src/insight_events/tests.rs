use super::*;
use proptest::prelude::*;

/// Periods of ten milliseconds, days of six periods.
const SHORT: Settings = Settings { period_ms: 10, baseline_ms: 7 * 60, training_ms: 200 };
/// As on AWS.
const REAL: Settings = Settings { period_ms: 60_000, baseline_ms: 7 * 86_400_000, training_ms: 36 * 3_600_000 };

fn subject(kind: Kind, name: &str) -> Subject {
    let error_code = if kind == Kind::ErrorRate { "AccessDenied".into() } else { String::new() };
    Subject {
        account: "1".into(),
        region: "r".into(),
        kind,
        category: "Management".into(),
        source: "s.amazonaws.com".into(),
        name: name.into(),
        error_code,
    }
}

/// Feeds calls as (period, value) in order and closes all periods up to `end`.
fn found(settings: Settings, calls: &[(i64, &str)], end: i64) -> Vec<Insight> {
    let mut engine = Engine::new(settings, None, Since::new(), Vec::new());
    let subject = subject(Kind::CallRate, "Call");
    let mut found = Vec::new();
    for (period, value) in calls {
        found.extend(engine.close(period * settings.period_ms));
        engine.count(&subject, period * settings.period_ms, [value, "agent", "null"]);
    }
    found.extend(engine.close(end * settings.period_ms));
    found
}

#[test]
fn a_burst_after_a_week_has_the_statistics_that_aws_shows() {
    // One call at the first minute of a day; a week and 1,256 minutes later three calls in five minutes.
    let day = 20_000 * 1_440;
    let burst = day + 11_336;
    let calls = [(day, "a"), (burst, "a"), (burst + 1, "b"), (burst + 4, "c")];
    let found = found(REAL, &calls, burst + 20);
    assert_eq!(found.len(), 2);
    let [start, end] = &found[..] else { unreachable!() };
    assert_eq!((start.is_end, start.start_ms, start.time_ms), (false, burst * 60_000, burst * 60_000));
    assert_eq!((start.baseline_duration, start.duration, start.average), (11_336, 5, 0.6));
    assert_eq!(start.baseline_average, 0.0000882145, "as in AWS's sample");
    let of = |name: &str, average: f64| (name.to_owned(), average);
    assert_eq!(start.attributions[0].insight, [of("a", 0.2), of("b", 0.2), of("c", 0.2)]);
    assert_eq!(start.attributions[0].baseline, [of("a", 0.0000882145)]);
    assert_eq!(start.attributions[2].insight, [of("null", 0.6)]);
    let names = start.attributions.iter().map(|of| of.attribute.name()).collect::<Vec<_>>();
    assert_eq!(names, ["userIdentityArn", "userAgent", "errorCode"]);
    assert_eq!((end.is_end, end.start_ms, end.time_ms), (true, start.start_ms, (burst + 5) * 60_000));
    assert_eq!((end.duration, end.average, end.baseline_average), (5, 0.6, start.baseline_average));
}

#[test]
fn what_happens_every_day_is_no_news_and_nothing_is_before_the_training() {
    let day = 20_000 * 1_440;
    let nightly: Vec<(i64, &str)> =
        (2..10).flat_map(|days| std::iter::repeat_n((day + days * 1_440 + 120, "cron"), 40)).collect();
    let mut calls = vec![(day, "a")];
    calls.extend(&nightly);
    let news = found(REAL, &calls, day + 11 * 1_440);
    assert_eq!(news.iter().map(|insight| insight.time_ms / 60_000 - day).collect::<Vec<_>>(), [3_000, 3_001]);
    let early = [vec![(day, "a")], vec![(day + 36 * 60 - 1, "a"); 50]].concat();
    assert_eq!(found(REAL, &early, day + 36 * 60), [], "36 hours have not passed");
    let errors = {
        let mut engine = Engine::new(REAL, None, Since::new(), Vec::new());
        engine.count(&subject(Kind::ErrorRate, "Call"), day * 60_000, ["a", "g", "AccessDenied"]);
        engine.close((day + 5_000) * 60_000);
        (0..3).for_each(|_| engine.count(&subject(Kind::ErrorRate, "Call"), (day + 5_000) * 60_000, ["a", "g", "x"]));
        engine.close((day + 5_001) * 60_000)
    };
    assert_eq!((errors.len(), errors[0].attributions.len()), (1, 2), "all errors of a subject have one code");
}

#[test]
fn a_level_that_stays_ends_as_the_usual_one() {
    let mut calls = vec![(0, "a")];
    calls.extend((60..160).flat_map(|period| std::iter::repeat_n((period, "b"), 9)));
    let found = found(SHORT, &calls, 161);
    let times: Vec<(bool, i64)> = found.iter().map(|insight| (insight.is_end, insight.time_ms / 10)).collect();
    assert_eq!(times, [(false, 60), (true, 72)], "after a day and a window; the next days know it");
}

#[test]
fn a_restored_engine_goes_on_and_memory_is_bounded() {
    let mut engine = Engine::new(SHORT, None, Since::new(), Vec::new());
    let burst = subject(Kind::CallRate, "Burst");
    engine.count(&burst, 0, ["a", "g", "null"]);
    engine.close(600);
    (0..8).for_each(|_| engine.count(&burst, 600, ["a", "g", "null"]));
    assert_eq!(engine.close(610).len(), 1);
    let known: Vec<(Subject, Learned)> =
        engine.take_changed().into_iter().filter_map(|(subject, learned)| Some((subject, learned?.clone()))).collect();
    let json = serde_json::to_string(&known[0].1).unwrap();
    let known = vec![(known[0].0.clone(), serde_json::from_str(&json).unwrap())];
    let mut restored = Engine::new(SHORT, engine.open(), engine.since().clone(), known);
    let end = engine.close(900);
    assert_eq!((end.len(), end[0].is_end), (1, true));
    assert_eq!(restored.close(900), end);
    for n in 0..2 * INSIGHT_SUBJECTS_MAX {
        restored.count(&subject(Kind::CallRate, &format!("Call{n}")), 900, ["a", "g", "null"]);
    }
    assert!(restored.learned.len() <= INSIGHT_SUBJECTS_MAX);
    for n in 0..1_000 {
        restored.count(&burst, 900, [&format!("value{n}"), &"é".repeat(1_000), "null"]);
    }
    assert!(serde_json::to_string(&restored.learned[&burst]).unwrap().len() < 8_000);
    restored.retain(|account, _| account != "1");
    assert_eq!((restored.learned.len(), restored.since.len(), restored.active.len()), (0, 0, 0));
    assert_eq!(restored.close(i64::MAX / 2), []);
}

/// End, time, duration, baseline, average, calls by value.
type Naive = (bool, i64, i64, f64, f64, Vec<u64>);

/// The same, from all calls of one subject, each as (period, value).
fn naive(settings: Settings, calls: &[(i64, usize)], end: i64) -> Vec<Naive> {
    let of = |from: i64, to: i64| calls.iter().filter(move |(at, _)| (from..to).contains(at));
    let count = |from, to| of(from, to).count() as u64;
    let (day, since) = (settings.day(), calls.first().map_or(0, |call| call.0));
    let usual = |before: i64| {
        let first = (before - 7 * day).div_euclid(day) * day;
        let duration = (before - since.max(first)).max(0);
        let (mut squares, mut peak) = (0, 0);
        for at in first..before {
            squares += count(at, at + 1).pow(2);
            // A window counts with its last period, if there are calls in that.
            if count(at, at + 1) > 0 {
                peak = peak.max(count(at - 4, at + 1));
            }
        }
        let mean = if duration > 0 { count(first, before) as f64 / duration as f64 } else { 0.0 };
        let variance = if duration > 0 { (squares as f64 / duration as f64 - mean * mean).max(mean) } else { mean };
        let window = (5.0 * mean + 6.0 * (5.0 * variance).sqrt()).max(peak as f64 * 1.5).max(2.0);
        (window, mean + 3.0 * variance.sqrt(), average(count(first, before), duration), duration)
    };
    let values = |from, to| (0..3).map(|value| of(from, to).filter(|call| call.1 == value).count() as u64).collect();
    let mut found = Vec::new();
    let mut open: Option<(i64, f64, f64, f64)> = None;
    let mut ended = i64::MIN;
    for at in since..end {
        let calls = count(at - 4, at + 1);
        match open {
            Some((start, window, period, baseline)) => {
                let is_usual = calls as f64 <= window;
                if is_usual || at - start >= day + 5 {
                    let high = (start.max(at - 4)..=at).rev().find(|at| count(*at, at + 1) as f64 > period);
                    let end = if is_usual { high.unwrap_or((at - 5).max(start)) } else { at } + 1;
                    let mean = average(count(start, end), end - start);
                    found.push((true, end, end - start, baseline, mean, values(start, end)));
                    (open, ended) = (None, end);
                }
            }
            None if at - since >= settings.training_ms / settings.period_ms && calls >= 3 => {
                let (window, period, _, _) = usual(at - 4);
                let own = || ended.max(at - 4)..=at;
                let some = own().find(|at| count(*at, at + 1) > 0);
                if let Some(some) = some.filter(|_| calls as f64 > window) {
                    let high = own().find(|at| count(*at, at + 1) > 0 && count(*at, at + 1) as f64 > period);
                    let start = high.unwrap_or(some);
                    let (_, _, baseline, _) = usual(start);
                    let mean = average(count(start, at + 1), at + 1 - start);
                    found.push((false, start, at + 1 - start, baseline, mean, values(start, at + 1)));
                    open = Some((start, window, period, baseline));
                }
            }
            None => {}
        }
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_engine_finds_what_a_naive_one_does(
        steps in prop::collection::vec((0_i64..8, 1_usize..9, 0_usize..3), 1..120),
        restart in any::<prop::sample::Index>(),
    ) {
        let names = ["a", "b", "c"];
        let subject = subject(Kind::CallRate, "Call");
        let mut engine = Engine::new(SHORT, None, Since::new(), Vec::new());
        let (mut calls, mut at, mut found) = (Vec::new(), 100, Vec::new());
        let restart = restart.index(steps.len());
        for (step, (wait, times, value)) in steps.iter().enumerate() {
            // Mostly one by one, now and then a pause.
            at += if *wait == 7 { 30 } else { wait / 3 };
            found.extend(engine.close(at * 10));
            for n in 0..*times {
                calls.push((at, (value + n / 3) % 3));
                engine.count(&subject, at * 10 + 3, [names[(value + n / 3) % 3], "", ""]);
            }
            if step == restart {
                let changed = engine.take_changed().into_iter();
                let known: Vec<_> = changed.filter_map(|(of, learned)| Some((of, learned?.clone()))).collect();
                engine = Engine::new(SHORT, engine.open(), engine.since().clone(), known);
            }
        }
        found.extend(engine.close((at + 200) * 10));
        let expected = naive(SHORT, &calls, at + 200);
        prop_assert_eq!(found.len(), expected.len());
        for (found, (is_end, time, duration, baseline, mean, values)) in found.iter().zip(expected) {
            prop_assert_eq!((found.is_end, found.time_ms / 10, found.duration), (is_end, time, duration));
            prop_assert_eq!((found.baseline_average, found.average), (baseline, mean));
            let mut shown: Vec<(String, f64)> = found.attributions[0].insight.clone();
            shown.sort_by(|a, b| a.0.cmp(&b.0));
            let expected: Vec<(String, f64)> = names.iter().zip(values).filter(|(_, calls)| *calls > 0)
                .map(|(name, calls)| (name.to_string(), average(calls, duration))).collect();
            prop_assert_eq!(shown, expected);
        }
    }
}

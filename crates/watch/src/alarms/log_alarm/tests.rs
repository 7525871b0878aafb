//! Verdicts on runs that are made up.

use super::verdict::{Decision, Found, Run, Value, decide};
use crate::alarms::recovery::{Contributors, TOLD_MAX};
use catalog::{AlarmConfiguration, AlarmState, LogCriteria};
use model::Timestamp;
use model::time::MINUTE;

/// 2026-06-10T12:00:00Z.
const START: Timestamp = Timestamp(1_781_092_800_000);

fn configuration(m: i64, n: i64, treat: &str) -> AlarmConfiguration {
    AlarmConfiguration {
        evaluation_periods: n,
        datapoints_to_alarm: Some(m),
        threshold: 100.0,
        comparison_operator: "GreaterThanThreshold".into(),
        treat_missing_data: Some(treat.into()),
        log: Some(LogCriteria::default()),
        ..AlarmConfiguration::default()
    }
}

/// A run for each word: a value, `-` for none, `!` for one that failed, `?` for a wrong query; the last N of them.
fn runs(text: &str, n: usize) -> Vec<Run> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let all = words.iter().enumerate().map(|(index, word)| {
        let found = |value| Found { values: vec![Value { attributes: Default::default(), value }], more: false };
        let outcome = match *word {
            "-" => Ok(found(None)),
            "!" => Err((false, "took too long".to_owned())),
            "?" => Err((true, "unexpected symbol".to_owned())),
            number => Ok(found(Some(number.parse().unwrap()))),
        };
        Run { at: START + index as i64 * 5 * MINUTE, query_id: format!("q{index}"), outcome }
    });
    all.skip(words.len().saturating_sub(n)).collect()
}

fn decided(m: i64, n: i64, treat: &str, text: &str) -> Decision {
    let runs = runs(text, n as usize);
    decide(&configuration(m, n, treat), false, &mut Contributors::default(), &runs, START + 30 * MINUTE)
}

/// `ALARM`, `OK`, `INSUFFICIENT_DATA`, or `keep`.
fn state(m: i64, n: i64, treat: &str, text: &str) -> &'static str {
    decided(m, n, treat, text).outcome.state.map_or("keep", AlarmState::as_str)
}

#[test]
fn the_guides_example_reads_as_it_does_there() {
    let decision = decided(3, 5, "missing", "90 120 135 142");
    assert_eq!(decision.outcome.state, Some(AlarmState::Alarm));
    let decision = decided(3, 5, "missing", "80 120 90 135 142");
    assert_eq!(
        decision.outcome.reason,
        "Threshold Crossed: 3 out of the last 5 query results [142.0 (10/06/26 12:20:00), 135.0 (10/06/26 12:15:00), 120.0 \
         (10/06/26 12:05:00)] were greater than the threshold (100.0) (minimum 3 datapoints for OK -> ALARM transition)."
    );
    let data: serde_json::Value = serde_json::from_str(&decision.reason_data.unwrap()).unwrap();
    assert_eq!((&data["queryResultsToEvaluate"], &data["queryResultsToAlarm"]), (&5.into(), &3.into()));
    assert_eq!(data["queryDate"], "2026-06-10T12:30:00.000+0000");
    let result = serde_json::json!({
        "queryResultId": "q4", "status": "COMPLETE", "timestamp": "2026-06-10T12:20:00.000+0000", "value": 142.0,
    });
    assert_eq!(data["results"][0], result);
    assert_eq!(data["results"].as_array().map(Vec::len), Some(5));
}

#[test]
fn an_alarm_waits_for_as_many_runs_as_it_takes() {
    for (text, wanted) in [
        ("200", "keep"),
        ("200 200", "keep"),
        ("200 200 200", "ALARM"),
        ("1 200", "keep"),
        ("1 1 1", "OK"),
        ("1 1 - -", "keep"),
        ("1 1 - - -", "OK"),
        ("- - - - -", "INSUFFICIENT_DATA"),
    ] {
        assert_eq!(state(3, 5, "missing", text), wanted, "{text}");
    }
    assert_eq!(state(1, 1, "missing", ""), "keep");
}

#[test]
fn missing_results_count_as_the_alarm_says() {
    for (treat, one, all, some) in [
        ("missing", "INSUFFICIENT_DATA", "INSUFFICIENT_DATA", "OK"),
        ("ignore", "keep", "keep", "OK"),
        ("breaching", "ALARM", "ALARM", "ALARM"),
        ("notBreaching", "OK", "OK", "OK"),
    ] {
        assert_eq!(state(1, 1, treat, "-"), one, "{treat}");
        assert_eq!(state(2, 3, treat, "- - -"), all, "{treat}");
        assert_eq!(state(2, 3, treat, "1 - -"), some, "{treat}");
    }
    let reason = decided(2, 3, "breaching", "1 - -").outcome.reason;
    assert!(reason.contains("missing query results were treated as [Breaching]"), "{reason}");
    assert_eq!(state(2, 3, "breaching", "- -"), "ALARM", "before there are N");
    assert_eq!(state(2, 3, "notBreaching", "- -"), "OK", "before there are N");
}

#[test]
fn runs_that_fail_are_told_apart() {
    for (text, evaluation_state, reason) in [
        ("!", "EVALUATION_ERROR", "1 out of the last 1 query result failed. The most recent error: took too long"),
        (
            "1 ! 1",
            "EVALUATION_FAILURE",
            "1 out of the last 3 query results failed. The most recent error: took too long",
        ),
        (
            "1 1 ?",
            "EVALUATION_ERROR",
            "1 out of the last 3 query results failed. The most recent error: unexpected symbol",
        ),
        ("! ! !", "EVALUATION_ERROR", "3 out of the last 3 query results failed. The most recent error: took too long"),
    ] {
        let decision = decided(2, 3, "breaching", text);
        assert_eq!(decision.outcome.state, Some(AlarmState::InsufficientData), "{text}");
        assert_eq!(decision.evaluation_state, Some(evaluation_state), "{text}");
        assert_eq!(decision.outcome.reason, reason, "{text}");
    }
    assert_eq!(state(2, 3, "missing", "! 1 1 1"), "OK", "the failed one is not among the last");
}

/// A run of contributors: `a=5 b=- c=7`.
fn grouped(index: i64, text: &str) -> Run {
    let value = |word: &str| {
        let (name, value) = word.split_once('=').unwrap();
        Value { attributes: [("service".to_owned(), name.to_owned())].into(), value: value.parse().ok() }
    };
    let found = Found { values: text.split_whitespace().map(value).collect(), more: false };
    Run { at: START + index * MINUTE, query_id: index.to_string(), outcome: Ok(found) }
}

/// Judges run after run; answers the alarm's state after the last, its contributors in ALARM and its reason.
fn followed(m: i64, n: i64, treat: &str, texts: &[&str]) -> (String, String, String) {
    let configuration = configuration(m, n, treat);
    let mut contributors = Contributors::default();
    let runs: Vec<Run> = texts.iter().enumerate().map(|(index, text)| grouped(index as i64, text)).collect();
    let mut last = None;
    for end in 1..=runs.len() {
        let window = &runs[end.saturating_sub(n as usize)..end];
        last = Some(decide(&configuration, true, &mut contributors, window, START).outcome);
    }
    let names: Vec<&str> = contributors.in_alarm().map(|c| c.attributes["service"].as_str()).collect();
    let outcome = last.unwrap();
    (outcome.state.map_or("keep", AlarmState::as_str).to_owned(), names.join(" "), outcome.reason)
}

#[test]
fn each_contributor_is_judged_by_itself() {
    let (state, names, reason) = followed(2, 3, "missing", &["a=200 b=1", "a=1 b=200 c=200", "a=200 b=1 c=200"]);
    assert_eq!((state.as_str(), names.as_str()), ("ALARM", "a c"));
    assert_eq!(reason, "2 out of 3 contributors evaluated to ALARM");
    let (state, names, _) = followed(2, 3, "breaching", &["a=200 b=1", "a=200 b=1", "b=1"]);
    assert_eq!((state.as_str(), names.as_str()), ("OK", ""), "a contributor that is gone is OK whatever is missing");
    let (state, names, _) = followed(1, 1, "breaching", &["a=- b=1"]);
    assert_eq!((state.as_str(), names.as_str()), ("ALARM", "a"), "there, but without a value");
    let (state, _, reason) = followed(1, 1, "missing", &["a=1 b=2"]);
    assert_eq!((state.as_str(), reason.as_str()), ("OK", "2 contributors evaluated to OK"));
    assert_eq!(followed(2, 3, "missing", &["a=1"]).0, "keep", "not decided yet");
    assert_eq!(followed(2, 3, "missing", &["a=1", "a=1"]).0, "OK", "two of three cannot breach any more");
}

#[test]
fn groups_of_the_same_attributes_are_one_contributor() {
    let (state, names, _) = followed(2, 3, "missing", &["a=200 a=200"]);
    assert_eq!((state.as_str(), names.as_str()), ("keep", ""), "one run of two");
    for text in ["a=1 a=200 b=1", "a=200 a=1 b=1"] {
        let (state, names, reason) = followed(1, 1, "missing", &[text]);
        assert_eq!((state.as_str(), names.as_str()), ("ALARM", "a"), "{text}");
        assert_eq!(reason, "1 out of 2 contributors evaluated to ALARM", "{text}");
    }
    assert_eq!(followed(1, 1, "missing", &["a=1 a=2"]).2, "1 contributor evaluated to OK");
}

#[test]
fn runs_without_contributors_are_missing() {
    for (treat, wanted) in
        [("missing", "INSUFFICIENT_DATA"), ("ignore", "keep"), ("breaching", "ALARM"), ("notBreaching", "OK")]
    {
        let (state, _, reason) = followed(2, 3, treat, &["", "", ""]);
        assert_eq!(
            (state.as_str(), reason.as_str()),
            (wanted, "No contributors were returned by the query."),
            "{treat}"
        );
    }
    assert_eq!(followed(2, 3, "missing", &["a=1", "", ""]).0, "OK");
    assert_eq!(followed(2, 3, "breaching", &["a=1", "", ""]).0, "ALARM");
}

#[test]
fn no_more_than_100_contributors_are_in_alarm_and_changes_are_told() {
    let configuration = configuration(1, 1, "missing");
    let mut contributors = Contributors::default();
    let names: Vec<String> = (0..150).map(|n| format!("s{:03}=200", 149 - n)).collect();
    let first = decide(&configuration, true, &mut contributors, &[grouped(0, &names.join(" "))], START).outcome;
    assert_eq!((first.changes.len(), contributors.in_alarm().count()), (TOLD_MAX, TOLD_MAX));
    assert_eq!(first.reason, "100+ contributors evaluated to ALARM");
    let kept: Vec<&str> = contributors.in_alarm().map(|c| c.attributes["service"].as_str()).collect();
    assert_eq!((kept[0], kept[99]), ("s050", "s149"), "the first in the order of the query");
    // Those that are known stay; one that recovers makes room.
    let again = decide(&configuration, true, &mut contributors, &[grouped(1, &names.join(" "))], START).outcome;
    assert!(again.changes.is_empty());
    let mut fewer = names.clone();
    fewer[0] = "s149=1".into();
    let third = decide(&configuration, true, &mut contributors, &[grouped(2, &fewer.join(" "))], START).outcome;
    let changed: Vec<(&str, AlarmState)> =
        third.changes.iter().map(|change| (change.attributes["service"].as_str(), change.state)).collect();
    assert_eq!(changed, [("s049", AlarmState::Alarm), ("s149", AlarmState::Ok)]);
    let more = Run { outcome: Ok(Found { more: true, ..Found::default() }), ..grouped(3, "") };
    let partial = decide(&configuration, true, &mut contributors, &[more], START);
    assert_eq!(partial.evaluation_state, Some("PARTIAL_DATA"));
}

//! Contributors that come and go, and the whole alarm's states and texts.

use super::*;
use proptest::prelude::*;

const PERIODS: Periods = Periods { pending_secs: 120, recovery_secs: 180 };

fn series(names: &str) -> Vec<Attributes> {
    names.split_whitespace().map(|name| Attributes::from([("instance".to_owned(), name.to_owned())])).collect()
}

fn names<'a>(attributes: impl Iterator<Item = &'a Attributes>) -> String {
    attributes.map(|attributes| attributes["instance"].as_str()).collect::<Vec<_>>().join(" ")
}

/// Evaluates at `minute`: the series in ALARM afterwards, then the alarm's state.
fn evaluate(contributors: &mut Contributors, periods: Periods, minute: i64, returned: &str) -> String {
    let outcome = contributors.evaluate_promql(periods, series(returned), Timestamp::from_secs(minute * 60));
    let kept = serde_json::to_string(contributors).unwrap();
    assert_eq!(serde_json::from_str::<Contributors>(&kept).unwrap(), *contributors, "survives being written down");
    let alarming = names(contributors.in_alarm().map(|contributor| &contributor.attributes));
    format!("{alarming} {}", outcome.state.unwrap().as_str())
}

#[test]
fn a_contributor_is_pending_then_in_alarm_then_recovering() {
    let mut contributors = Contributors::default();
    assert_eq!(evaluate(&mut contributors, PERIODS, 0, ""), " OK");
    assert_eq!(evaluate(&mut contributors, PERIODS, 1, "a"), " OK");
    assert_eq!(evaluate(&mut contributors, PERIODS, 2, "a"), " OK");
    assert_eq!(evaluate(&mut contributors, PERIODS, 3, "a b"), "a ALARM");
    assert_eq!(evaluate(&mut contributors, PERIODS, 4, "b"), "a ALARM");
    assert_eq!(evaluate(&mut contributors, PERIODS, 5, "b"), "a b ALARM");
    assert_eq!(evaluate(&mut contributors, PERIODS, 6, "b"), "a b ALARM");
    assert_eq!(evaluate(&mut contributors, PERIODS, 7, "b"), "b ALARM");
    assert_eq!(evaluate(&mut contributors, PERIODS, 8, ""), "b ALARM");
    assert_eq!(evaluate(&mut contributors, PERIODS, 10, ""), "b ALARM");
    assert_eq!(evaluate(&mut contributors, PERIODS, 11, ""), " OK");
}

#[test]
fn a_gap_while_pending_begins_anew_and_a_return_while_recovering_does_not() {
    let mut contributors = Contributors::default();
    evaluate(&mut contributors, PERIODS, 0, "a");
    evaluate(&mut contributors, PERIODS, 1, "");
    evaluate(&mut contributors, PERIODS, 2, "a");
    assert_eq!(evaluate(&mut contributors, PERIODS, 3, "a"), " OK");
    assert_eq!(evaluate(&mut contributors, PERIODS, 4, "a"), "a ALARM");
    evaluate(&mut contributors, PERIODS, 5, "");
    evaluate(&mut contributors, PERIODS, 7, "a");
    assert_eq!(contributors.in_alarm().next().unwrap().since(), Timestamp::from_secs(240));
    evaluate(&mut contributors, PERIODS, 8, "");
    assert_eq!(evaluate(&mut contributors, PERIODS, 10, ""), "a ALARM", "absent since minute 8 only");
    assert_eq!(evaluate(&mut contributors, PERIODS, 11, ""), " OK");
}

#[test]
fn periods_of_zero_mean_at_once() {
    let mut contributors = Contributors::default();
    let at_once = Periods::default();
    assert_eq!(evaluate(&mut contributors, at_once, 0, "a a"), "a ALARM");
    assert_eq!(evaluate(&mut contributors, at_once, 1, "b"), "b ALARM");
    assert_eq!(evaluate(&mut contributors, at_once, 2, ""), " OK");
}

#[test]
fn changes_and_reasons_are_told_once() {
    let mut contributors = Contributors::default();
    let at = |minute: i64| Timestamp::from_secs(minute * 60);
    let first = contributors.evaluate_promql(PERIODS, series("a"), at(0));
    assert_eq!((first.changes.len(), first.reason.as_str()), (0, "No time series evaluated to ALARM"));
    let alarm = contributors.evaluate_promql(PERIODS, series("a"), at(2));
    assert_eq!(alarm.reason, "1 time series evaluated to ALARM");
    let [change] = &alarm.changes[..] else { panic!("{alarm:?}") };
    assert_eq!((change.state, change.id.len()), (AlarmState::Alarm, 16));
    assert_eq!(change.reason, "Breaching since 1970-01-01T00:00:00Z, for the pending period of 120 seconds.");
    assert_eq!(contributors.in_alarm().next().unwrap().reason(), change.reason);
    assert!(contributors.evaluate_promql(PERIODS, series("a"), at(3)).changes.is_empty());
    assert!(contributors.evaluate_promql(PERIODS, series(""), at(4)).changes.is_empty());
    let ok = contributors.evaluate_promql(PERIODS, series(""), at(7));
    assert_eq!(ok.changes[0].state, AlarmState::Ok);
    assert_eq!(ok.changes[0].id, change.id);
    assert_eq!(
        ok.changes[0].reason,
        "Not breaching since 1970-01-01T00:04:00Z, for the recovery period of 180 seconds."
    );
}

#[test]
fn more_than_a_hundred_are_100_plus_and_more_than_500_are_partial() {
    let many = |count: usize| series(&(0..count).map(|i| format!("i{i} ")).collect::<String>());
    let evaluate = |count| Contributors::default().evaluate_promql(Periods::default(), many(count), Timestamp(0));
    assert_eq!(evaluate(95).reason, "95 time series evaluated to ALARM");
    assert_eq!(evaluate(100).reason, "100 time series evaluated to ALARM");
    assert_eq!(evaluate(105).reason, "100+ time series evaluated to ALARM");
    assert!(!evaluate(500).partial);
    let too_many = evaluate(501);
    assert!(too_many.partial);
    assert_eq!(too_many.changes.len(), 500);
}

#[test]
fn ids_tell_attributes_apart() {
    let of = |pairs: &[(&str, &str)]| {
        id(&pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    };
    assert_eq!(of(&[("a", "b")]), of(&[("a", "b")]));
    assert_ne!(of(&[("a", "bc")]), of(&[("ab", "c")]));
    assert_ne!(of(&[]), of(&[("", "")]));
    assert_eq!(of(&[]), "cbf29ce484222325");
}

fn judged(states: &str) -> Vec<Judged> {
    states
        .split_whitespace()
        .map(|text| {
            let (name, state) = text.split_once('=').unwrap();
            let state = match state {
                "A" => Some(AlarmState::Alarm),
                "O" => Some(AlarmState::Ok),
                _ => None,
            };
            Judged { attributes: series(name).remove(0), state, reason: format!("because {name}") }
        })
        .collect()
}

#[test]
fn metrics_insights_series_are_judged_one_by_one() {
    let mut contributors = Contributors::default();
    let mut evaluate = |states: &str, treat| contributors.evaluate_insights(judged(states), treat, Timestamp(7));
    let missing = TreatMissing::Missing;
    let first = evaluate("a=O b=O", missing);
    assert_eq!((first.state, first.reason.as_str()), (Some(AlarmState::Ok), "2 time series evaluated to OK"));
    let second = evaluate("a=A b=O c=A", missing);
    assert_eq!(second.reason, "2 out of 3 time series evaluated to ALARM");
    assert_eq!(names(second.changes.iter().map(|change| &change.attributes)), "a c");
    assert_eq!(second.changes[0].reason, "because a");
    let third = evaluate("a=- b=- c=O", missing);
    assert_eq!(third.reason, "1 out of 3 time series evaluated to ALARM", "those that keep their state do");
    assert_eq!(third.changes[0].state, AlarmState::Ok);
    for (treat, state) in [
        (TreatMissing::Missing, Some(AlarmState::InsufficientData)),
        (TreatMissing::Ignore, None),
        (TreatMissing::Breaching, Some(AlarmState::Alarm)),
        (TreatMissing::NotBreaching, Some(AlarmState::Ok)),
    ] {
        let none = evaluate("", treat);
        assert_eq!((none.state, none.reason.as_str()), (state, "No time series were returned by the query."));
        let told = usize::from(treat == TreatMissing::Missing);
        assert_eq!(none.changes.len(), told, "a is gone, which is told once");
    }
}

#[test]
fn actions_run_for_the_alarm_or_for_each_contributor() {
    for (action, alarm, contributor) in [
        ("arn:aws:sns:us-east-1:123456789012:topic", true, true),
        ("arn:aws:lambda:us-east-1:123456789012:function:f", true, true),
        ("arn:aws:ssm:us-east-1:123456789012:opsitem:1", true, true),
        ("arn:aws:automate:us-east-1:ec2:stop", false, true),
        ("arn:aws:swf:us-east-1:123456789012:action/actions/AWS_EC2.InstanceId.Stop/1.0", false, true),
        ("arn:aws:autoscaling:us-east-1:123456789012:scalingPolicy:p", true, false),
        ("arn:aws:ssm-incidents::123456789012:response-plan/r", true, false),
        ("arn:aws:aiops:us-east-1:123456789012:investigation-group/g", true, false),
        ("something else", true, false),
    ] {
        assert_eq!(Levels::of(action, false), Levels { alarm, contributor }, "{action}");
    }
    for (action, alarm, contributor) in [
        ("arn:aws:sns:us-east-1:123456789012:topic", false, true),
        ("arn:aws:lambda:us-east-1:123456789012:function:f", false, true),
        ("arn:trailwatch:notify:us-east-1:123456789012:webhook/w", false, true),
        ("arn:aws:ssm:us-east-1:123456789012:opsitem:1", true, false),
    ] {
        assert_eq!(Levels::of(action, true), Levels { alarm, contributor }, "{action}");
    }
}

proptest! {
    /// Against Prometheus's rule, spelled out over the whole past of one series.
    #[test]
    fn one_series_follows_prometheus(
        returned in proptest::collection::vec(any::<bool>(), 1..40), pending in 0..6_i64, recovery in 0..6_i64,
    ) {
        let periods = Periods { pending_secs: pending * 60, recovery_secs: recovery * 60 };
        let mut contributors = Contributors::default();
        let (mut active_at, mut firing, mut keep_since) = (None, false, None);
        for (minute, present) in returned.into_iter().enumerate() {
            let minute = minute as i64;
            if present {
                keep_since = None;
                let active_at = *active_at.get_or_insert(minute);
                firing |= minute - active_at >= pending;
            } else if firing {
                let since = *keep_since.get_or_insert(minute);
                firing = minute - since < recovery;
            }
            if !present && !firing {
                (active_at, keep_since) = (None, None);
            }
            let told = evaluate(&mut contributors, periods, minute, if present { "a" } else { "" });
            prop_assert_eq!(told, if firing { "a ALARM" } else { " OK" });
        }
    }
}

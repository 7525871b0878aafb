//! What holds for all histories: order does not matter, the answer is the same each time, and nothing is out of bounds.

use super::*;
use proptest::prelude::*;

const ACTIONS: [(&str, &str); 6] = [
    ("s3", "DeleteBucketPolicy"),
    ("s3", "PutObject"),
    ("iam", "PutRolePolicy"),
    ("lambda", "UpdateFunctionCode"),
    ("ec2", "CreateTags"),
    ("monitoring", "PutMetricAlarm"),
];

prop_compose! {
    fn any_event()(minutes in -120_i64..20_000, who in 0..4_usize, action in 0..ACTIONS.len(), target in 0..4_usize, failed in any::<bool>(), n in 0..1_000_u32) -> Event {
        let target = ["shop-assets", "orders", "*", ""][target];
        let mut event = event(minutes, ["alice", "bob", "ci", ""][who], ACTIONS[action], json!({ "bucketName": target }));
        event.error_code = if failed { "AccessDenied".into() } else { String::new() };
        event.event_id += &n.to_string();
        event
    }
}

fn answer(events: &[Event], earlier: &[Timestamp]) -> Vec<(String, Vec<String>, f64, f64, String)> {
    let subject = subject();
    let begin = ONSET - HOUR;
    let (window, before): (Vec<Event>, Vec<Event>) = events.iter().cloned().partition(|event| event.time >= begin);
    let history = history(&subject, &before, earlier.to_vec());
    let changes: Vec<Change> = window.iter().map(change).collect();
    let ranking = rank(&subject, &onset(), &history, &changes);
    let id = |at: &usize| changes[*at].event_id.clone();
    let told = |cause: &Cause| {
        (id(&cause.change), cause.alike.iter().map(id).collect(), cause.score, cause.share, cause.summary.clone())
    };
    ranking.causes.iter().map(told).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_order_of_events_does_not_matter(events in proptest::collection::vec(any_event(), 0..60).prop_shuffle(), turn in any::<prop::sample::Index>()) {
        let earlier = [ONSET - 3 * DAY, ONSET - 9 * DAY];
        let first = answer(&events, &earlier);
        let mut other = events.clone();
        if !other.is_empty() {
            let by = turn.index(other.len());
            other.rotate_left(by);
        }
        other.reverse();
        prop_assert_eq!(&first, &answer(&other, &[earlier[1], earlier[0]]));
        prop_assert_eq!(&first, &answer(&events, &earlier));
        let shares: f64 = first.iter().map(|cause| cause.3).sum();
        prop_assert!((0.0..1.0 + 1e-9).contains(&shares), "{}", shares);
        prop_assert!(first.is_sorted_by(|a, b| a.2 >= b.2));
        prop_assert!(first.iter().all(|cause| cause.2.is_finite() && cause.2.abs() < 30.0));
    }

    #[test]
    fn no_record_and_no_text_hurts(record in any::<String>(), name in any::<String>(), line in any::<String>()) {
        let mut hostile = culprit(3);
        (hostile.record, hostile.name) = (record, name.clone());
        hostile.read_only = Some(false);
        let mut subject = subject();
        subject.add_log_line(&line);
        subject.add_alarm(&name);
        subject.add_metric(&line, &name, &[(name.clone(), line.clone())]);
        let empty = History::new(TimeRange::ALL, vec![Timestamp::MIN, ONSET]);
        let ranking = rank(&subject, &onset(), &empty, &[change(&hostile)]);
        prop_assert!(ranking.causes[0].score.is_finite());
    }
}

#[test]
fn a_subject_and_a_change_are_bounded_whatever_they_are_told() {
    let mut subject = subject();
    for n in 0..10_000 {
        subject.add_log_group(&format!("/group/{n}/{}", "x".repeat(n)));
    }
    assert!(subject.terms().len() <= 64);
    let deep = "[".repeat(100_000);
    let mut event = culprit(4);
    event.record = format!("{{\"requestParameters\": {deep}");
    assert!(Change::of(&event, None).is_some());
}

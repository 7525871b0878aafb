//! The ranking as a whole: each factor speaks as its table says, the order of events does not matter, and nothing hostile hurts.

mod factors;
mod onsets;
mod properties;
mod surging;

use super::*;
use model::time::{DAY, HOUR, MINUTE};
use model::{Event, EventResource, TimeRange, Timestamp};
use serde_json::{Value, json};

/// When it began, in all worlds.
const ONSET: Timestamp = Timestamp(1_795_000_000_000 / MINUTE * MINUTE);

fn onset() -> Onset {
    let (source, reason) = (OnsetSource::Metric, String::new());
    Onset { from: ONSET, to: ONSET + MINUTE, source, before: Some(0.0), after: Some(9.0), reason }
}

/// An alarm on errors of a bucket.
fn subject() -> Subject {
    let mut subject = Subject::new("111122223333", "us-east-1");
    subject.add_metric("AWS/S3", "4xxErrors", &[("BucketName".into(), "shop-assets".into())]);
    subject
}

/// `minutes` before the onset; the id is made of all there is.
fn event(minutes: i64, who: &str, (source, name): (&str, &str), parameters: Value) -> Event {
    let time = ONSET - minutes * MINUTE;
    let bucket = parameters["bucketName"].as_str().map(str::to_owned);
    let resource = |name| EventResource { resource_type: "AWS::S3::Bucket".into(), name };
    Event {
        event_id: format!("{who}-{name}-{minutes}-{parameters}"),
        account: "111122223333".into(),
        region: "us-east-1".into(),
        time,
        name: name.into(),
        source: format!("{source}.amazonaws.com"),
        username: who.into(),
        user_arn: format!("arn:aws:iam::111122223333:user/{who}"),
        read_only: Some(false),
        resources: bucket.map(resource).into_iter().collect(),
        record: json!({ "eventName": name, "requestParameters": parameters }).to_string(),
        ..Event::default()
    }
}

fn change(event: &Event) -> Change {
    Change::of(event, None).unwrap()
}

/// Alice takes the policy of a bucket away.
fn culprit(minutes: i64) -> Event {
    event(minutes, "alice", ("s3", "DeleteBucketPolicy"), json!({ "bucketName": "shop-assets" }))
}

/// Two weeks in which robots work and alice does other things.
fn history_events() -> Vec<Event> {
    let mut events = Vec::new();
    for day in 1..=14 {
        for hour in 0..24 {
            let minutes = day * 24 * 60 + hour * 60 + 3;
            events.push(event(
                minutes,
                "ci",
                ("lambda", "UpdateFunctionCode"),
                json!({ "functionName": format!("f{hour}") }),
            ));
        }
        events.push(event(day * 24 * 60 + 5, "backup", ("rds", "CreateDBSnapshot"), json!({ "id": "orders" })));
        events.push(event(
            day * 24 * 60 + 333,
            "alice",
            ("ec2", "ModifyInstanceAttribute"),
            json!({ "instanceId": "i-1" }),
        ));
    }
    events
}

fn history(subject: &Subject, events: &[Event], earlier: Vec<Timestamp>) -> History {
    let end = ONSET - HOUR;
    let mut history = History::new(TimeRange::new(end - 14 * DAY, end), earlier);
    events.iter().for_each(|event| history.add(subject, &change(event)));
    history
}

fn ranked(events: &[Event]) -> (Vec<Change>, Ranking) {
    let (subject, changes) = (subject(), events.iter().map(change).collect::<Vec<_>>());
    let ranking = rank(&subject, &onset(), &history(&subject, &history_events(), Vec::new()), &changes);
    (changes, ranking)
}

/// The score of a factor of the only cause.
fn score(event: &Event, factor: &str) -> f64 {
    let (_, ranking) = ranked(std::slice::from_ref(event));
    ranking.causes[0].factors.iter().find(|it| it.name == factor).unwrap().score
}

#[test]
fn the_change_that_broke_it_comes_first_with_its_reasons_in_words() {
    let noise = [
        event(1, "ci", ("lambda", "UpdateFunctionCode"), json!({ "functionName": "f3" })),
        event(2, "bob", ("ec2", "CreateTags"), json!({ "resourceId": "i-7" })),
        event(5, "backup", ("rds", "CreateDBSnapshot"), json!({ "id": "orders" })),
        culprit(4),
        event(-5, "carol", ("s3", "PutBucketPolicy"), json!({ "bucketName": "shop-assets" })),
    ];
    let (changes, ranking) = ranked(&noise);
    let first = &ranking.causes[0];
    assert_eq!(changes[first.change].name, "DeleteBucketPolicy");
    assert_eq!(first.verdict, Verdict::Likely);
    assert!(first.share > 0.9, "{}", first.share);
    let said = &first.summary;
    assert!(said.starts_with("DeleteBucketPolicy on shop-assets by alice, 4 min before the onset; "), "{said}");
    assert!(said.contains("nobody called it in 14 days"), "{said}");
    assert!(said.contains("the dimension BucketName=shop-assets is its resource"), "{said}");
    // What mends it afterwards explains nothing.
    assert_eq!(ranking.causes.len(), 4);
    assert_eq!(ranking.after.len(), 1);
    assert!(ranking.causes[1..].iter().all(|cause| cause.score < first.score - 3.0), "{ranking:#?}");
    let total: f64 = first.factors.iter().map(|factor| factor.score).sum();
    assert_eq!(total, first.score);
}

#[test]
fn calls_that_are_alike_are_one_cause() {
    let (changes, ranking) = ranked(&[culprit(40), culprit(4), culprit(20)]);
    assert_eq!(ranking.causes.len(), 1);
    let cause = &ranking.causes[0];
    assert_eq!(changes[cause.change].time, ONSET - 4 * MINUTE);
    assert_eq!(cause.alike, [1, 2, 0]);
    assert!(cause.summary.contains(", 3 times, "), "{}", cause.summary);
}

#[test]
fn without_anything_there_is_no_cause() {
    let (_, ranking) = ranked(&[]);
    assert_eq!(ranking, Ranking::default());
    let unknown = Subject::new("", "");
    let empty = History::new(TimeRange::new(ONSET, ONSET), vec![ONSET]);
    let ranking = rank(&unknown, &onset(), &empty, &[change(&culprit(4))]);
    assert!(ranking.causes[0].score.is_finite());
}

#[test]
fn reads_are_no_changes() {
    let mut read = culprit(4);
    read.read_only = Some(true);
    assert!(Change::of(&read, None).is_none());
    // Old records do not say; the name does.
    (read.read_only, read.name) = (None, "GetBucketPolicy".into());
    assert!(Change::of(&read, None).is_none());
    read.name = "PutBucketPolicy".into();
    assert!(Change::of(&read, None).is_some());
}

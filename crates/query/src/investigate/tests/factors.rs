//! Each factor by itself.

use super::*;

#[test]
fn what_is_nearer_counts_more_and_what_came_after_nothing() {
    let scores: Vec<f64> = [0, 2, 5, 15, 40, 90].iter().map(|minutes| score(&culprit(*minutes), "time")).collect();
    assert!(scores.is_sorted_by(|a, b| a > b), "{scores:?}");
    assert!(scores[0] > 1.0 && scores[5] < -2.0, "{scores:?}");
    assert!(super::super::time::factor(ONSET + MINUTE, &onset()).is_none());
    // Within the period in which it began, the later the less time was left.
    let within = super::super::time::factor(ONSET + 50_000, &onset()).unwrap().score;
    assert!(within < scores[0], "{within} {scores:?}");
}

#[test]
fn the_resource_itself_counts_more_than_its_service_and_that_more_than_nothing() {
    let own = score(&culprit(4), "overlap");
    let of_service = event(4, "alice", ("s3", "PutAccountPublicAccessBlock"), json!({ "accountId": "111122223333" }));
    let service = score(&of_service, "overlap");
    let other = event(4, "alice", ("s3", "DeleteBucketPolicy"), json!({ "bucketName": "shop-assets-old" }));
    let mentions = event(
        4,
        "alice",
        ("iam", "PutRolePolicy"),
        json!({ "policyDocument": "{\"Resource\": \"arn:aws:s3:::shop-assets/*\"}" }),
    );
    let mentions = score(&mentions, "overlap");
    let nothing = score(&event(4, "alice", ("ec2", "RebootInstances"), json!({ "instanceId": "i-9" })), "overlap");
    assert!(own > mentions && mentions > 0.5, "{own} {mentions}");
    assert!(own > service && service > nothing, "{own} {service} {nothing}");
    assert!(nothing < 0.0);
    // That it is of the service tells nothing where it is known to be about another bucket.
    let (_, ranking) = ranked(std::slice::from_ref(&other));
    let overlap = &ranking.causes[0].factors[1];
    assert!(overlap.score < service, "{} {service}", overlap.score);
    assert!(overlap.reason.starts_with("it mentions '"), "{}", overlap.reason);
    let another = event(4, "alice", ("s3", "DeleteBucketPolicy"), json!({ "bucketName": "other" }));
    let (_, ranking) = ranked(std::slice::from_ref(&another));
    let overlap = &ranking.causes[0].factors[1];
    assert_eq!((overlap.score, overlap.reason.as_str()), (nothing, "its bucketname is another than the alarm's"));
}

#[test]
fn one_of_several_that_are_equally_likely_is_not_called_likely() {
    let alone = ranked(&[culprit(4)]).1;
    assert_eq!(alone.causes[0].verdict, Verdict::Likely);
    let mut second = culprit(4);
    (second.event_id, second.user_arn) = ("second".into(), "arn:aws:iam::111122223333:user/bob".into());
    let both = ranked(&[culprit(4), second]).1;
    assert!(both.causes[0].score >= 2.0 && both.causes[0].share < 0.7, "{:?}", both.causes[0]);
    assert!(both.causes.iter().all(|cause| cause.verdict == Verdict::Possible));
}

#[test]
fn a_word_that_most_changes_have_tells_nothing() {
    let common: Vec<Event> = (0..40)
        .map(|n| event(24 * 60 + n, &format!("robot{n}"), ("ec2", "RunInstances"), json!({ "name": "shop-assets" })))
        .collect();
    let culprit = event(4, "alice", ("ecs", "UpdateCluster"), json!({ "cluster": "shop-assets" }));
    let (subject, changes) = (subject(), [change(&culprit)]);
    let overlap = |events: &[Event]| {
        rank(&subject, &onset(), &history(&subject, events, Vec::new()), &changes).causes[0].factors[1].score
    };
    let (usual, seldom) = (overlap(&common), overlap(&history_events()));
    assert!(usual < seldom - 1.0, "{usual} {seldom}");
}

#[test]
fn another_region_counts_less_unless_the_service_is_everywhere() {
    let elsewhere = |source: &str| {
        let mut event = event(4, "alice", (source, "UpdateThing"), json!({}));
        event.region = "eu-west-1".into();
        score(&event, "overlap")
    };
    assert!(elsewhere("ec2") < elsewhere("iam"));
}

#[test]
fn the_rare_counts_more_than_routine_and_routine_of_this_time_of_day_least() {
    let rare = score(&culprit(4), "rarity");
    let seldom = score(&event(4, "alice", ("ec2", "ModifyInstanceAttribute"), json!({})), "rarity");
    let all_the_time = score(&event(4, "ci", ("lambda", "UpdateFunctionCode"), json!({})), "rarity");
    let every_day = event(5, "backup", ("rds", "CreateDBSnapshot"), json!({ "id": "orders" }));
    let at_this_time = score(&every_day, "rarity");
    assert!(rare > seldom && seldom > all_the_time, "{rare} {seldom} {all_the_time}");
    assert!(at_this_time < 0.0 && all_the_time < 0.0, "{at_this_time} {all_the_time}");
    let (_, ranking) = ranked(&[every_day]);
    assert_eq!(ranking.causes[0].factors[2].reason, "backup calls it at this time of most days");
    // The same at another time of day is not routine.
    let at_night = event(5 + 12 * 60, "backup", ("rds", "CreateDBSnapshot"), json!({ "id": "orders" }));
    assert!(score(&at_night, "rarity") > at_this_time + 1.0);
}

#[test]
fn a_short_history_says_little_of_rarity() {
    let (subject, changes) = (subject(), [change(&culprit(4))]);
    let mut known = history(&subject, &history_events(), Vec::new());
    let long = rank(&subject, &onset(), &known, &changes).causes[0].factors[2].score;
    known.known_since(ONSET - 2 * HOUR);
    let short = rank(&subject, &onset(), &known, &changes).causes[0].factors[2].score;
    assert!(short < long - 1.0 && short > -0.5, "{short} {long}");
}

#[test]
fn what_destroys_counts_more_than_what_adds_or_tags() {
    let reach = |name: &str| score(&event(4, "alice", ("s3", name), json!({})), "reach");
    assert!(reach("DeleteBucket") > reach("PutBucketPolicy"));
    assert!(reach("PutBucketPolicy") > reach("CreateBucket"));
    assert!(reach("CreateBucket") > reach("PutBucketTagging"));
    assert!(reach("PutObject") < -1.0);
    let wide = json!({ "cidrIp": "0.0.0.0/0" });
    let wide = score(&event(4, "alice", ("ec2", "RevokeSecurityGroupIngress"), wide), "reach");
    assert!(wide > score(&event(4, "alice", ("ec2", "RevokeSecurityGroupIngress"), json!({})), "reach"));
}

#[test]
fn a_change_of_the_alarm_itself_explains_it_and_of_another_does_not() {
    let mut subject = subject();
    subject.add_alarm("shop-errors");
    let reach = |name: &str, alarm: &str| {
        let event = event(4, "bob", ("monitoring", name), json!({ "alarmName": alarm }));
        let empty = History::new(TimeRange::new(ONSET - DAY, ONSET - HOUR), Vec::new());
        rank(&subject, &onset(), &empty, &[change(&event)]).causes[0].factors[3].score
    };
    assert!(reach("PutMetricAlarm", "shop-errors") > 0.5);
    assert!(reach("PutMetricAlarm", "another") < -1.0);
    assert!(reach("SetAlarmState", "shop-errors") > 2.0);
}

#[test]
fn a_call_that_failed_counts_little() {
    let mut failed = culprit(4);
    failed.error_code = "AccessDenied".into();
    let (_, ranking) = ranked(&[failed]);
    assert_eq!(ranking.causes[0].factors[4].score, -3.5);
    assert!(ranking.causes[0].summary.contains("the call failed: AccessDenied"));
    assert_eq!(score(&culprit(4), "outcome"), 0.0);
}

#[test]
fn what_preceded_earlier_alarms_counts_more_and_what_never_did_less() {
    let earlier: Vec<Timestamp> = (1..=3).map(|n| ONSET - n * 2 * DAY - 5 * HOUR).collect();
    let mut events = history_events();
    let before = |at: &Timestamp| event((ONSET - *at) / MINUTE + 10, "bob", ("rds", "RebootDBInstance"), json!({}));
    events.extend(earlier.iter().map(before));
    let subject = subject();
    let history = history(&subject, &events, earlier);
    assert_eq!(history.earlier(), 3);
    let precedent = |event: &Event| rank(&subject, &onset(), &history, &[change(event)]).causes[0].factors[5].clone();
    let known = precedent(&event(4, "alice", ("rds", "RebootDBInstance"), json!({})));
    assert!(known.score > 1.5, "{known:?}");
    assert_eq!(known.reason, "the action preceded 3 of 3 earlier alarms");
    let unknown = precedent(&culprit(4));
    assert!(unknown.score < 0.0 && unknown.reason.is_empty(), "{unknown:?}");
    // Without earlier alarms nothing is said.
    assert_eq!(score(&culprit(4), "precedent"), 0.0);
}

#[test]
fn new_log_lines_name_the_cause_and_its_theme() {
    let mut subject = Subject::new("111122223333", "us-east-1");
    subject.add_metric("Shop", "FailedOrders", &[("Service".into(), "checkout".into())]);
    let (lone, _) = (subject.clone(), ());
    subject.add_log_line("ERROR could not resolve host warehouse-db.internal, order 17");
    let dns = event(8, "bob", ("route53", "ChangeResourceRecordSets"), json!({ "name": "warehouse-db.internal" }));
    let overlap = |subject: &Subject| {
        rank(subject, &onset(), &history(subject, &history_events(), Vec::new()), &[change(&dns)]).causes[0].factors[1]
            .clone()
    };
    let (with, without) = (overlap(&subject), overlap(&lone));
    assert!(with.score > without.score + 1.5, "{with:?} {without:?}");
    assert!(with.reason.contains("new log lines mention"), "{with:?}");
}

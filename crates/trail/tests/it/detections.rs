//! Live detections over a store: findings once, in order, by the rules of the moment.

use crate::{ACCOUNT, NOW, Plane};
use model::time::SECOND;
use model::{Batch, Datapoint, Event, TimeRange, Timestamp};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use store::{Direction, EventFilter, EventScan, Store};
use trail::detections::{Appending, EVENT_SOURCE, Findings, Folder, Follower, NAMESPACE, RuleFile};
use trail::record::{self, Defaults};

/// A folder in memory; `None` when it cannot be listed.
#[derive(Default)]
struct Files(Mutex<Option<BTreeMap<String, String>>>);

impl Files {
    fn of(files: &[(&str, &str)]) -> Arc<Self> {
        let folder = Arc::new(Self::default());
        folder.set(Some(files));
        folder
    }

    fn set(&self, files: Option<&[(&str, &str)]>) {
        let owned =
            |files: &[(&str, &str)]| files.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect();
        *self.0.lock().unwrap() = files.map(owned);
    }
}

impl Folder for Files {
    fn files(&self) -> io::Result<Vec<RuleFile>> {
        let files = self.0.lock().unwrap();
        let files = files.as_ref().ok_or_else(|| io::Error::other("no such folder"))?;
        Ok(files.iter().map(|(name, text)| RuleFile { name: name.clone(), stamp: (0, text.len() as u64) }).collect())
    }

    fn read(&self, name: &str) -> io::Result<String> {
        let files = self.0.lock().unwrap();
        files.as_ref().and_then(|files| files.get(name).cloned()).ok_or_else(|| io::Error::other("gone"))
    }
}

/// Stores findings, or refuses them; keeps the datapoints.
struct Kept {
    store: Store,
    fails: AtomicBool,
    datapoints: Mutex<Vec<Datapoint>>,
}

impl Kept {
    fn of(plane: &Plane) -> Arc<Self> {
        Arc::new(Self { store: plane.trail.store.clone(), fails: AtomicBool::new(false), datapoints: Mutex::default() })
    }
}

impl Findings for Kept {
    fn append(&self, events: Vec<Event>, datapoints: Vec<Datapoint>) -> Appending<'_> {
        Box::pin(async move {
            if self.fails.load(Ordering::Relaxed) {
                return Err(store::Error::Closed);
            }
            self.datapoints.lock().unwrap().extend(datapoints.iter().cloned());
            self.store.append(Batch { events, datapoints, ..Batch::default() }).await.map(|_| ())
        })
    }
}

/// A follower that begins with what comes from now on.
fn follower(plane: &Plane, rules: Arc<Files>, kept: Arc<Kept>) -> Follower {
    Follower::new(rules, kept, plane.trail.store.event_sequence())
}

fn rule(id: &str, title: &str, line: &str) -> String {
    format!(
        "title: {title}\nid: {id}\nlogsource:\n    product: aws\n    service: cloudtrail\ndetection:\n    sel:\n        {line}\n    \
         condition: sel\nlevel: high\n"
    )
}

fn event(id: &str, name: &str) -> Event {
    let record = json!({
        "eventTime": NOW.iso_seconds(), "eventName": name, "eventSource": "iam.amazonaws.com", "awsRegion": "us-east-1",
        "eventID": id, "recipientAccountId": ACCOUNT, "userIdentity": { "arn": "arn:eve" },
    });
    let defaults = Defaults { ingestion_time: NOW + 1_500, ..Defaults::default() };
    record::parse(record.to_string(), &defaults).unwrap()
}

/// The records of all findings, by time and order of acceptance.
async fn findings(plane: &Plane) -> Vec<Value> {
    let mut found = Vec::new();
    let scan = EventScan {
        account: None,
        region: None,
        range: TimeRange::new(Timestamp(0), Timestamp(i64::MAX)),
        direction: Direction::Forward,
        after: None,
        filter: Some(EventFilter::EventSource(EVENT_SOURCE.into())),
    };
    let mut take = |row: &store::EventRow| {
        // Of an application that names its source so.
        if row.event.category == "ActivityAuditLog" {
            return ControlFlow::Continue(());
        }
        found.push(serde_json::from_str(&row.event.record).unwrap());
        ControlFlow::Continue(())
    };
    plane.trail.store.scan_events(scan, &mut take).await.unwrap();
    found
}

/// (rule, linked event) of all findings.
async fn links(plane: &Plane) -> Vec<(String, String)> {
    let text = |finding: &Value, key: &str| finding["serviceEventDetails"][key].as_str().unwrap().to_owned();
    findings(plane).await.iter().map(|found| (text(found, "ruleId"), text(found, "linkedEventID"))).collect()
}

fn link(rule: &str, event: &str) -> (String, String) {
    (rule.into(), event.into())
}

#[tokio::test]
async fn a_finding_is_an_event_and_a_datapoint() {
    let plane = Plane::new().await;
    let rules = Files::of(&[("a.yml", &rule("r-1", "Käy created", "eventName: createaccesskey"))]);
    let kept = Kept::of(&plane);
    plane.append(vec![event("e-0", "CreateAccessKey")]).await;
    let mut follower = follower(&plane, rules, kept.clone());
    follower.round(&plane.trail).await.unwrap();
    plane.append(vec![event("e-1", "CreateAccessKey"), event("e-2", "ListUsers")]).await;
    follower.round(&plane.trail).await.unwrap();
    follower.round(&plane.trail).await.unwrap();

    let found = findings(&plane).await;
    assert_eq!(found.len(), 1, "one, and none of what was there before the first start");
    let details = json!({
        "ruleId": "r-1", "ruleTitle": "Käy created", "level": "high", "tags": [], "linkedEventID": "e-1",
        "linkedEventTime": NOW.iso_seconds(), "linkedEventSource": "iam.amazonaws.com", "linkedEventName": "CreateAccessKey",
        "linkedUserArn": "arn:eve", "linkedSourceIPAddress": "",
    });
    assert_eq!(found[0]["serviceEventDetails"], details);
    assert_eq!(found[0]["eventType"], "AwsServiceEvent");
    assert_eq!(found[0]["eventTime"], (NOW + SECOND).iso_seconds(), "when the event was accepted");
    assert_eq!(found[0]["recipientAccountId"], ACCOUNT);

    let datapoints = kept.datapoints.lock().unwrap();
    let series = &datapoints[0].series;
    assert_eq!((datapoints.len(), series.namespace.as_str(), series.name.as_str()), (1, NAMESPACE, "Findings"));
    let dimensions = [("Level".to_owned(), "high".to_owned()), ("Rule".to_owned(), "K?y created".to_owned())];
    assert_eq!(series.dimensions, dimensions);
    assert_eq!((series.account.as_str(), datapoints[0].timestamp), (ACCOUNT, NOW + SECOND));
}

#[tokio::test]
async fn what_was_accepted_meanwhile_is_found_once_after_a_restart() {
    let plane = Plane::new().await;
    let rules = Files::of(&[("a.yml", &rule("r", "t", "eventName: CreateUser"))]);
    let kept = Kept::of(&plane);
    follower(&plane, rules.clone(), kept.clone()).round(&plane.trail).await.unwrap();
    plane.append(vec![event("e-1", "CreateUser")]).await;
    follower(&plane, rules.clone(), kept.clone()).round(&plane.trail).await.unwrap();
    assert_eq!(links(&plane).await, [link("r", "e-1")]);
    // As after a crash between the findings and the position.
    plane.trail.catalog.set_detection_position(0).await.unwrap();
    plane.append(vec![event("e-2", "CreateUser")]).await;
    follower(&plane, rules, kept).round(&plane.trail).await.unwrap();
    assert_eq!(links(&plane).await, [link("r", "e-1"), link("r", "e-2")]);
    let position = plane.trail.catalog.detection_position().await.unwrap().unwrap() as u64;
    assert_eq!(position, plane.trail.store.event_sequence() - 1, "the findings behind it are for the next round");
}

#[tokio::test]
async fn a_rule_for_everything_does_not_find_findings() {
    let plane = Plane::new().await;
    let rules = Files::of(&[
        ("a.yml", &rule("all", "t", "eventName|exists: true")),
        ("b.yml", &rule("none", "t", "eventName: RuleMatched")),
    ]);
    let mut follower = follower(&plane, rules, Kept::of(&plane));
    follower.round(&plane.trail).await.unwrap();
    // More than one page, and more findings than are stored together.
    let events: Vec<Event> = (0..1_000).map(|n| event(&format!("e-{n:04}"), "ListUsers")).collect();
    plane.append(events).await;
    for _ in 0..3 {
        follower.round(&plane.trail).await.unwrap();
        plane.clock.advance(10 * SECOND);
    }
    let wanted: Vec<_> = (0..1_000).map(|n| link("all", &format!("e-{n:04}"))).collect();
    assert_eq!(links(&plane).await, wanted);
    let position = plane.trail.catalog.detection_position().await.unwrap();
    assert_eq!(position, Some(plane.trail.store.event_sequence() as i64));
}

#[tokio::test]
async fn an_event_cannot_hide_by_what_it_says_of_itself() {
    let plane = Plane::new().await;
    let rules = Files::of(&[("a.yml", &rule("all", "t", "eventName|exists: true"))]);
    let mut follower = follower(&plane, rules, Kept::of(&plane));
    follower.round(&plane.trail).await.unwrap();
    // An application names its source itself; an imported record may have texts of any length.
    let mut posing = event("posing", "RuleMatched");
    (posing.source, posing.category) = (EVENT_SOURCE.into(), "ActivityAuditLog".into());
    let mut long = event("long", "ListUsers");
    long.event_id = "x".repeat(200 * 1024);
    long.region = "r".repeat(200 * 1024);
    plane.append(vec![posing, long]).await;
    follower.round(&plane.trail).await.unwrap();
    let mut found = links(&plane).await;
    found.sort();
    assert_eq!(found, [link("all", "posing"), link("all", &"x".repeat(250))]);
}

#[test]
fn a_record_that_no_rule_can_be_held_against_is_told() {
    let mut rules = trail::detections::Rules::default();
    rules.add("a.yml", &rule("all", "t", "eventName|exists: true"));
    let deep = format!(r#"{{"eventName":"a","x":{}{}}}"#, "[".repeat(130), "]".repeat(130));
    assert!(rules.matches(&deep).is_none());
    assert!(rules.matches(r#"{"eventName":"a","x":1e999}"#).is_none());
    assert_eq!(rules.matches(r#"{"eventName":"a"}"#).map(|matching| matching.len()), Some(1));
}

#[test]
fn conditions_of_all_rules_together_are_bounded() {
    let mut rules = trail::detections::Rules::default();
    let condition = format!("{}sel", "sel or ".repeat(999));
    for n in 0..201 {
        let text =
            rule(&n.to_string(), "t", "eventName: a").replace("condition: sel", &format!("condition: {condition}"));
        rules.add("a.yml", &text);
    }
    assert_eq!((rules.loaded.len(), rules.broken.len()), (200, 1));
    assert!(rules.broken[0].problem.reason.contains("more than 200000 times"), "{:?}", rules.broken[0]);
}

#[tokio::test]
async fn findings_that_cannot_be_stored_are_stored_later() {
    let plane = Plane::new().await;
    let rules = Files::of(&[("a.yml", &rule("r", "t", "eventName: CreateUser"))]);
    let kept = Kept::of(&plane);
    let mut follower = follower(&plane, rules, kept.clone());
    follower.round(&plane.trail).await.unwrap();
    plane.append(vec![event("e-1", "CreateUser")]).await;
    kept.fails.store(true, Ordering::Relaxed);
    follower.round(&plane.trail).await.unwrap_err();
    follower.round(&plane.trail).await.unwrap_err();
    kept.fails.store(false, Ordering::Relaxed);
    follower.round(&plane.trail).await.unwrap();
    assert_eq!(links(&plane).await, [link("r", "e-1")]);
}

#[tokio::test]
async fn rules_are_read_again_when_files_change() {
    let plane = Plane::new().await;
    let rules = Files::of(&[("a.yml", &rule("a", "t", "eventName: CreateUser")), ("broken.yml", "title: [")]);
    let mut follower = follower(&plane, rules.clone(), Kept::of(&plane));
    let mut next = 0;
    let mut find = async |follower: &mut Follower| {
        next += 1;
        plane.append(vec![event(&format!("e-{next}"), "CreateUser")]).await;
        let _ = follower.round(&plane.trail).await;
        links(&plane).await.last().cloned()
    };
    follower.round(&plane.trail).await.unwrap();
    assert_eq!(find(&mut follower).await, Some(link("a", "e-1")), "a broken file beside it changes nothing");
    rules.set(Some(&[("b.yml", &rule("bb", "t", "eventName: CreateUser"))]));
    assert_eq!(find(&mut follower).await, Some(link("a", "e-2")), "not looked at yet");
    plane.clock.advance(10 * SECOND);
    assert_eq!(find(&mut follower).await, Some(link("bb", "e-3")));
    rules.set(None);
    plane.clock.advance(10 * SECOND);
    follower.round(&plane.trail).await.unwrap_err();
    assert_eq!(find(&mut follower).await, Some(link("bb", "e-4")), "the last rules stay");
    rules.set(Some(&[]));
    plane.clock.advance(10 * SECOND);
    assert_eq!(find(&mut follower).await, Some(link("bb", "e-4")), "no rules, no findings");
}

#[tokio::test]
async fn events_wait_for_a_folder_that_comes_later() {
    let plane = Plane::new().await;
    let rules = Arc::new(Files::default());
    let mut follower = follower(&plane, rules.clone(), Kept::of(&plane));
    follower.round(&plane.trail).await.unwrap_err();
    plane.append(vec![event("e-1", "CreateUser")]).await;
    follower.round(&plane.trail).await.unwrap();
    rules.set(Some(&[("a.yml", &rule("r", "t", "eventName: CreateUser"))]));
    plane.clock.advance(10 * SECOND);
    follower.round(&plane.trail).await.unwrap();
    assert_eq!(links(&plane).await, [link("r", "e-1")]);
}

#[tokio::test]
async fn a_reset_begins_anew() {
    let plane = Plane::new().await;
    let rules = Files::of(&[("a.yml", &rule("r", "t", "eventName: CreateUser"))]);
    let mut follower = follower(&plane, rules, Kept::of(&plane));
    plane.append(vec![event("e-1", "ListUsers"), event("e-2", "ListUsers")]).await;
    follower.round(&plane.trail).await.unwrap();
    plane.trail.store.reset().await.unwrap();
    plane.trail.catalog.reset().await.unwrap();
    plane.append(vec![event("e-3", "CreateUser")]).await;
    follower.round(&plane.trail).await.unwrap();
    assert_eq!(links(&plane).await, [link("r", "e-3")]);
}

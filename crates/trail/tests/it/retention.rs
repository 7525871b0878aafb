//! Expiry of audit events over a store and a catalog: who keeps them, how long event data stores do, and what trails deliver of it.

use crate::deliveries::{self, deliver, delivered, logging, own};
use crate::*;
use catalog::EventRetention;
use model::time::{DAY, HOUR};
use trail::delivery::Deliveries;
use trail::detections::{Appending, Findings};
use trail::retention::{Keeper, KeptBy, Readers, expire_step, keepers, tell};

/// Everybody whom the catalog does not know has read everything.
const READERS: Readers = Readers { proofs: u64::MAX, detections: None };

/// Events go into the store, or nowhere.
struct Stored(Option<store::Store>);

impl Findings for Stored {
    fn append(&self, events: Vec<Event>, datapoints: Vec<model::Datapoint>) -> Appending<'_> {
        Box::pin(async move {
            let Some(store) = &self.0 else { return Err(store::Error::Closed) };
            store.append(Batch { events, datapoints, ..Batch::default() }).await.map(|_| ())
        })
    }
}

async fn keep(plane: &Plane, days: i64) {
    let retention = EventRetention { days: Some(days), pending: None };
    plane.trail.catalog.put_event_retention(&retention).await.unwrap();
}

/// Takes all steps; answers who keeps events.
async fn expire(plane: &Plane) -> Vec<Keeper> {
    while expire_step(&plane.trail, READERS).await.unwrap() {}
    keepers(&plane.trail, READERS).await.unwrap()
}

/// How many events are in the store.
async fn left(plane: &Plane) -> usize {
    let all = plane.trail.store.follow_events(0, u64::MAX, usize::MAX).await.unwrap();
    all.events.len()
}

#[tokio::test]
async fn a_trail_whose_bucket_is_gone_is_named() {
    let plane = Plane::new().await;
    logging(&plane, json!({})).await;
    plane.append(vec![own("old", "us-east-1", false, NOW - 10 * DAY)]).await;
    plane.trail.store.flush().await.unwrap();
    keep(&plane, 5).await;
    let mut deliveries = Deliveries::default();
    plane.buckets.set_down(true);
    deliver(&plane, &mut deliveries).await;
    plane.clock.advance(HOUR);
    let expected = Keeper {
        by: KeptBy::Trail,
        name: deliveries::ARN.into(),
        since: Some(NOW),
        reason: "ServiceUnavailable: The bucket cannot be reached".into(),
    };
    assert_eq!(expire(&plane).await, [expected]);
    assert_eq!(left(&plane).await, 1);
    plane.buckets.set_down(false);
    deliver(&plane, &mut deliveries).await;
    assert_eq!(expire(&plane).await, []);
    assert_eq!((delivered(&plane, "bucket").await, left(&plane).await), (vec!["old".to_owned()], 0));
}

#[tokio::test]
async fn a_trail_that_has_yet_to_read_is_named_too() {
    let plane = Plane::new().await;
    logging(&plane, json!({})).await;
    plane.append(vec![own("old", "us-east-1", false, NOW - 10 * DAY)]).await;
    plane.trail.store.flush().await.unwrap();
    keep(&plane, 5).await;
    let kept = expire(&plane).await;
    let kept: Vec<_> = kept.iter().map(|keeper| (keeper.by, keeper.name.as_str(), keeper.since)).collect();
    assert_eq!(kept, [(KeptBy::Trail, deliveries::ARN, None)]);
    keep(&plane, 20).await;
    assert_eq!(expire(&plane).await, [], "nothing that is old enough waits for it");
}

#[tokio::test]
async fn trails_deliver_what_is_told_late() {
    let plane = Plane::new().await;
    let home = caller("us-east-1").scope;
    logging(&plane, json!({})).await;
    let shorter = EventRetention { days: None, pending: Some((400, NOW)) };
    plane.trail.catalog.put_event_retention(&shorter).await.unwrap();
    // The disk is full just then.
    tell(&plane.trail, &home, &Stored(None)).await.expect_err("there is no room");
    plane.clock.advance(HOUR);
    let store = Stored(Some(plane.trail.store.clone()));
    tell(&plane.trail, &home, &store).await.unwrap();
    tell(&plane.trail, &home, &store).await.unwrap();
    let told = plane.trail.store.follow_events(0, u64::MAX, usize::MAX).await.unwrap().events;
    assert_eq!((told.len(), told[0].event.name.as_str(), told[0].event.time), (1, "EventRetentionShortened", NOW));
    deliver(&plane, &mut Deliveries::default()).await;
    assert_eq!(delivered(&plane, "bucket").await, [told[0].event.event_id.as_str()]);
}

#[tokio::test]
async fn a_store_that_is_told_to_keep_less_keeps_it_for_a_day_more() {
    let plane = Plane::new().await;
    let made = plane.call("CreateEventDataStore", json!({"Name": "store", "RetentionPeriod": 30})).await.unwrap();
    let arn = made["EventDataStoreArn"].as_str().unwrap();
    plane.append(vec![own("old", "us-east-1", false, NOW - 20 * DAY)]).await;
    plane.trail.store.flush().await.unwrap();
    keep(&plane, 10).await;
    let expected = |days: i64| Keeper {
        by: KeptBy::EventDataStore,
        name: arn.into(),
        since: Some(NOW),
        reason: format!("events of {ACCOUNT} are kept for {days} days"),
    };
    assert_eq!(expire(&plane).await, [expected(30)]);
    let less = json!({"EventDataStore": arn, "RetentionPeriod": 15});
    assert_eq!(plane.call("UpdateEventDataStore", less).await.unwrap()["RetentionPeriod"], json!(15), "shown at once");
    plane.clock.advance(DAY - 1);
    assert_eq!((expire(&plane).await, left(&plane).await), (vec![expected(30)], 1), "and not in force yet");
    // A change of something else does not let it go sooner.
    plane.call("UpdateEventDataStore", json!({"EventDataStore": arn, "Name": "renamed"})).await.unwrap();
    assert_eq!((expire(&plane).await, left(&plane).await), (vec![expected(30)], 1));
    plane.clock.advance(1);
    assert_eq!((expire(&plane).await, left(&plane).await), (vec![expected(15)], 0));
}

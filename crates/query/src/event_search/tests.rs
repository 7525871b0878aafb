//! Searches against a plain list: conditions, pages, actors, counts.

use super::*;
use model::clock::ManualClock;
use model::time::HOUR;
use model::{Batch, Event, EventResource, Timestamp};
use serde_json::{Value, json};
use std::sync::Arc;
use store::{EventText, Options};

const T0: i64 = 1_790_000_000_000 / HOUR * HOUR;

/// Users who call by themselves, and from the hundredth event on by a role, in two services and three regions.
fn event(n: i64) -> Event {
    let (user, second) = (n % 4, n * 60);
    let time = Timestamp(T0 + second * 1000);
    let key = format!("ASIAROLE00000000000{user}");
    let arn = format!("arn:aws:iam::111122223333:user/user{user}");
    let by_user = json!({ "type": "IAMUser", "arn": arn, "accessKeyId": format!("AKIAUSER00000000000{user}"), "userName": format!("user{user}") });
    let is_take = (96..100).contains(&n);
    let begun = Timestamp(T0 + (96 + user) * 60_000).iso_seconds();
    let by_role = json!({ "type": "AssumedRole", "principalId": format!("AROAX:s{user}"), "accessKeyId": key,
        "sessionContext": { "attributes": { "creationDate": begun } } });
    let gives = json!({ "credentials": { "accessKeyId": key }, "assumedRoleUser": { "assumedRoleId": format!("AROAX:s{user}") } });
    let identity = if n < 100 { by_user } else { by_role };
    let response = if is_take { gives } else { Value::Null };
    let service = if is_take { "sts" } else { ["s3", "ec2"][n as usize % 2] };
    Event {
        event_id: format!("event-{n}"),
        account: "111122223333".into(),
        region: ["us-east-1", "eu-west-1", "ap-south-1"][n as usize % 3].into(),
        time,
        name: if is_take { "AssumeRole".into() } else { format!("Call{}", n % 5) },
        source: format!("{service}.amazonaws.com"),
        category: "Management".into(),
        access_key_id: identity["accessKeyId"].as_str().unwrap().into(),
        error_code: if n % 10 == 0 { "AccessDenied".into() } else { String::new() },
        resources: vec![EventResource { resource_type: "T".into(), name: format!("thing{}", n % 7) }],
        record: json!({ "userIdentity": identity, "responseElements": response, "note": format!("needle {}", n % 9) })
            .to_string(),
        ..Event::default()
    }
}

const COUNT: i64 = 600;

async fn store() -> (Store, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { dir: dir.path().to_owned(), row_group_rows: 50, ..Options::default() };
    let store = Store::open(options, Arc::new(ManualClock::at(Timestamp(T0)))).await.unwrap();
    for third in [2, 0, 1] {
        let events = (0..COUNT).filter(|n| n % 3 == third).map(event).collect();
        store.append(Batch { events, ..Batch::default() }).await.unwrap();
        if third != 1 {
            store.flush().await.unwrap();
        }
    }
    (store, dir)
}

fn everything() -> Search {
    Search {
        filters: Vec::new(),
        actors: HashSet::new(),
        sessions: HashSet::new(),
        range: TimeRange::ALL,
        after: None,
        limit: SEARCH_EVENTS_MAX,
        top: 0,
        bars: 0,
    }
}

/// Numbers of the events, newest first.
fn wanted(is_wanted: impl Fn(i64, &Event) -> bool) -> Vec<String> {
    (0..COUNT).rev().filter(|n| is_wanted(*n, &event(*n))).map(|n| format!("event-{n}")).collect()
}

fn ids(page: &SearchPage) -> Vec<String> {
    page.events.iter().map(|found| found.row.event.event_id.clone()).collect()
}

fn one_of(text: EventText, values: &[&str]) -> EventFilter {
    EventFilter::OneOf(text, Arc::new(values.iter().map(|value| (*value).to_owned()).collect()))
}

#[tokio::test]
async fn several_attributes_and_texts_hold_at_once() {
    let (store, _dir) = store().await;
    let filters = vec![
        one_of(EventText::Name, &["Call1", "Call2"]),
        one_of(EventText::Region, &["eu-west-1"]),
        EventFilter::Text("needle 4".into()),
    ];
    let page = search(&store, &Search { filters, ..everything() }).await.unwrap();
    let expected = wanted(|n, event| ["Call1", "Call2"].contains(&event.name.as_str()) && n % 3 == 1 && n % 9 == 4);
    assert!(!expected.is_empty());
    assert_eq!((ids(&page), page.next), (expected, None));
    let range = TimeRange::new(Timestamp(T0 + 5 * HOUR), Timestamp(T0 + 6 * HOUR));
    let page =
        search(&store, &Search { range, filters: vec![EventFilter::Failed(true)], ..everything() }).await.unwrap();
    assert_eq!(ids(&page), wanted(|n, event| range.contains(event.time) && n % 10 == 0));
}

#[tokio::test]
async fn who_really_did_it_is_searched_for_over_roles() {
    let (store, _dir) = store().await;
    let actors = HashSet::from(["arn:aws:iam::111122223333:user/user2".to_owned()]);
    let by_actor = Search { actors, filters: vec![one_of(EventText::Source, &["s3.amazonaws.com"])], ..everything() };
    let page = search(&store, &by_actor).await.unwrap();
    assert_eq!(ids(&page), wanted(|n, event| n % 4 == 2 && event.source == "s3.amazonaws.com"));
    let sessions = HashSet::from(["ASIAROLE000000000003".to_owned()]);
    let page = search(&store, &Search { sessions, ..everything() }).await.unwrap();
    assert_eq!(ids(&page), wanted(|n, _| n >= 100 && n % 4 == 3));
}

#[tokio::test]
async fn pages_come_to_the_same_as_all_at_once() {
    let (store, _dir) = store().await;
    let actors = HashSet::from(["arn:aws:iam::111122223333:user/user1".to_owned()]);
    for (search_for, limit) in [(everything(), 70), (Search { actors, ..everything() }, 7)] {
        let whole = ids(&search(&store, &search_for).await.unwrap());
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = search(&store, &Search { after, limit, ..search_for.clone() }).await.unwrap();
            assert!(page.events.len() <= limit);
            found.extend(ids(&page));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(found, whole);
    }
}

#[tokio::test]
async fn facets_count_all_that_match_not_only_the_page() {
    let (store, _dir) = store().await;
    let filters = vec![EventFilter::Failed(true)];
    let page = search(&store, &Search { filters, limit: 3, top: 2, ..everything() }).await.unwrap();
    assert_eq!(page.events.len(), 3);
    let facets = page.facets.unwrap();
    let count = |is: &dyn Fn(i64) -> bool| (0..COUNT).filter(|n| n % 10 == 0 && is(*n)).count() as u64;
    assert_eq!((facets.events, facets.is_partial), (count(&|_| true), false));
    assert_eq!(facets.services.values, [("s3.amazonaws.com".to_owned(), count(&|n| n % 2 == 0))]);
    assert_eq!(facets.errors, Facet { values: vec![("AccessDenied".into(), facets.events)], others: 0 });
    let user = |user: i64| (format!("arn:aws:iam::111122223333:user/user{user}"), count(&|n| n % 4 == user));
    let mut actors = vec![user(0), user(2)];
    actors.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    assert_eq!(facets.actors.values, actors);
    let regions = facets.regions.values.iter().map(|(_, count)| count).sum::<u64>() + facets.regions.others;
    assert_eq!(regions, facets.events);
    assert_eq!((facets.bar_hours, facets.histogram[0]), (1, (Timestamp(T0), 6)));
    assert_eq!(facets.histogram.iter().map(|(_, count)| count).sum::<u64>(), facets.events);
    // Once the page is full, counting goes on and the place of the next page does not.
    let next = Search { filters: vec![EventFilter::Failed(true)], after: page.next, limit: 3, ..everything() };
    let next = search(&store, &next).await.unwrap();
    assert_eq!(ids(&next), wanted(|n, _| n % 10 == 0)[3..6]);
}

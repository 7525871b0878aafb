//! Live tails over links between accounts.

use super::*;
use catalog::{Link, LinkCreated, Sink};
use futures::StreamExt;
use model::time::MINUTE;
use model::{Caller, Scope};
use std::collections::BTreeMap;

const SHARED: &str = "arn:aws:logs:us-east-1:123456789012:log-group:g";

/// Whoever reads what account 123456789012 shares.
fn reader() -> Caller {
    Caller::root(Scope { account: "222222222222".into(), region: "us-east-1".into() }, "test")
}

async fn share(plane: &Plane, log_group_filter: Option<&str>) -> Link {
    let sink = Sink { scope: reader().scope, id: "sink".into(), name: "s".into(), policy: None };
    assert!(plane.watch.catalog.create_sink(&sink, "arn:sink", &BTreeMap::new()).await.unwrap());
    let link = Link {
        scope: Scope { account: "123456789012".into(), region: "us-east-1".into() },
        id: "link".into(),
        sink_id: sink.id,
        monitoring_account: reader().scope.account,
        label_template: "x".into(),
        resource_types: vec!["AWS::Logs::LogGroup".into()],
        log_group_filter: log_group_filter.map(str::to_owned),
        metric_filter: None,
    };
    let made = plane.watch.catalog.create_link(&link, 5, "arn:link", &BTreeMap::new()).await.unwrap();
    assert_eq!(made, LinkCreated::Created);
    link
}

#[tokio::test]
async fn a_tail_ends_within_a_minute_after_its_link_is_gone() {
    let plane = plane_with_stream().await;
    let link = share(&plane, None).await;
    let input = json!({"logGroupIdentifiers": [SHARED]});
    let mut messages = plane.stream_as(&reader(), "StartLiveTail", input).await;
    assert!(messages.next().await.unwrap().contains("sessionStart"));
    assert!(messages.next().await.unwrap().contains("sessionUpdate"));
    plane.clock.advance(MINUTE);
    assert!(messages.next().await.unwrap().contains("sessionUpdate"), "it is shared still");
    plane.watch.catalog.delete_link(&link.scope, &link.id, "arn:link").await.unwrap();
    plane.clock.advance(MINUTE);
    let last = loop {
        let message = messages.next().await.unwrap();
        if !message.contains("sessionUpdate") {
            break message;
        }
    };
    assert!(last.contains("SessionStreamingException") && last.contains("no longer shared"), "{last}");
    assert!(messages.next().await.is_none());
}

#[tokio::test]
async fn a_tail_ends_when_its_link_shares_the_group_no_more_and_one_of_the_own_account_goes_on() {
    let plane = plane_with_stream().await;
    let link = share(&plane, None).await;
    let mut theirs = plane.stream_as(&reader(), "StartLiveTail", json!({"logGroupIdentifiers": [SHARED]})).await;
    let root = Caller::root(link.scope.clone(), "test");
    let mut own = plane.stream_as(&root, "StartLiveTail", json!({"logGroupIdentifiers": [SHARED]})).await;
    assert!(
        theirs.next().await.unwrap().contains("sessionStart") && own.next().await.unwrap().contains("sessionStart")
    );
    let narrowed = Link { log_group_filter: Some("LogGroupName = '/other'".into()), ..link };
    assert!(plane.watch.catalog.update_link(&narrowed).await.unwrap());
    plane.clock.advance(MINUTE);
    assert!(theirs.next().await.unwrap().contains("no longer shared"));
    assert!(own.next().await.unwrap().contains("sessionUpdate"));
}

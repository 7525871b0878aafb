//! Chains as trails come and go.

use super::*;
use crate::{TrailRow, TrailSettings};

fn scope() -> Scope {
    Scope { account: "1".into(), region: "r".into() }
}

/// A catalog with a trail `a` that validates and logs since 1500.
async fn logging() -> Catalog {
    let catalog = Catalog::in_memory().await.unwrap();
    let settings = TrailSettings { s3_bucket: "b".into(), file_validation: true, ..TrailSettings::default() };
    let row = TrailRow { scope: scope(), name: "a".into(), settings, ..TrailRow::default() };
    catalog.create_trail(&row, 5).await.unwrap();
    catalog.sync_digest_chains(Timestamp(1_100)).await.unwrap();
    assert_eq!(catalog.digest_chains().await.unwrap(), [], "it does not log yet");
    catalog.start_trail(&scope(), "a", Timestamp(1_500)).await.unwrap();
    catalog.sync_trail_spans(5).await.unwrap();
    catalog.sync_digest_chains(Timestamp(1_500)).await.unwrap();
    catalog
}

fn elsewhere() -> Scope {
    Scope { region: "s".into(), ..scope() }
}

async fn chains(catalog: &Catalog) -> Vec<(i64, String, i64, Option<i64>, i64)> {
    let chains = catalog.digest_chains().await.unwrap().into_iter();
    chains.map(|chain| (chain.id, chain.region, chain.started_ms, chain.ended_ms, chain.next_ms)).collect()
}

/// Delivers a file of a region at a time.
async fn deliver(catalog: &Catalog, region: &str, key: &str, at: Option<i64>) {
    let span = catalog.trail_spans().await.unwrap().remove(0);
    let file = TrailFile {
        id: 0,
        trail_id: 1,
        trail_arn: "arn".into(),
        span_id: span.id,
        account: "1".into(),
        region: region.into(),
        bucket: "b".into(),
        object_key: key.into(),
        first_sequence: span.next_sequence,
        end_sequence: span.next_sequence + 1,
        events: 1,
        sha256: "00".into(),
        oldest_ms: 1,
        newest_ms: 2,
        planned_ms: 3,
        delivered_ms: None,
        topic: None,
    };
    assert!(catalog.plan_trail_files(&span, span.next_sequence + 1, std::slice::from_ref(&file)).await.unwrap());
    let planned = catalog.planned_trail_files(1).await.unwrap();
    let planned = planned.iter().find(|planned| planned.object_key == key).unwrap();
    if let Some(at) = at {
        catalog.deliver_trail_file(planned, Timestamp(at), None).await.unwrap();
    }
}

#[tokio::test]
async fn a_chain_begins_and_ends_with_validation() {
    let catalog = logging().await;
    catalog.sync_digest_chains(Timestamp(2_000)).await.unwrap();
    assert_eq!(chains(&catalog).await, [(1, "r".into(), 1_000, None, 1_000)]);
    catalog.stop_trail(&scope(), "a", Timestamp(3_000)).await.unwrap();
    catalog.sync_digest_chains(Timestamp(3_000)).await.unwrap();
    catalog.sync_digest_chains(Timestamp(3_500)).await.unwrap();
    let ended = (1, "r".to_owned(), 1_000, Some(3_000), 1_000);
    assert_eq!(chains(&catalog).await, std::slice::from_ref(&ended));
    catalog.start_trail(&scope(), "a", Timestamp(4_000)).await.unwrap();
    catalog.sync_digest_chains(Timestamp(4_000)).await.unwrap();
    assert_eq!(chains(&catalog).await, [ended.clone(), (2, "r".into(), 4_000, None, 4_000)]);

    let mut row = catalog.trail(&scope(), "a").await.unwrap().unwrap();
    row.settings.s3_bucket = "c".into();
    row.settings.s3_key_prefix = Some("p".into());
    assert!(catalog.update_trail(&row).await.unwrap());
    catalog.sync_digest_chains(Timestamp(5_000)).await.unwrap();
    let moved = catalog.digest_chains().await.unwrap();
    assert_eq!((moved[1].bucket.as_str(), moved[1].prefix.as_deref()), ("c", Some("p")));
    catalog.begin_digest_chain(&moved[1], &elsewhere(), Timestamp(5_000)).await.unwrap();
    catalog.delete_trail(&scope(), "a").await.unwrap();
    catalog.sync_digest_chains(Timestamp(6_000)).await.unwrap();
    let deleted = [ended, (2, "r".into(), 4_000, Some(6_000), 4_000), (3, "s".into(), 5_000, Some(6_000), 5_000)];
    assert_eq!(chains(&catalog).await, deleted);
    catalog.drop_digest_chain(1).await.unwrap();
    assert_eq!(chains(&catalog).await, deleted[1..]);
}

#[tokio::test]
async fn a_file_is_in_one_digest() {
    let catalog = logging().await;
    deliver(&catalog, "r", "early", Some(900)).await;
    deliver(&catalog, "r", "a", Some(1_000)).await;
    deliver(&catalog, "r", "b", Some(1_999)).await;
    deliver(&catalog, "r", "c", Some(2_000)).await;
    deliver(&catalog, "s", "elsewhere", Some(1_700)).await;
    let keys = |files: &[TrailFile]| files.iter().map(|file| file.object_key.clone()).collect::<Vec<_>>();
    let chain = catalog.digest_chains().await.unwrap().remove(0);
    assert_eq!(
        catalog.undigested_scopes(1, Timestamp(1_000)).await.unwrap(),
        [(scope(), Timestamp(1_000)), (elsewhere(), Timestamp(1_700))]
    );
    let files = catalog.undigested_trail_files(&chain, Timestamp(2_000)).await.unwrap();
    assert_eq!(keys(&files), ["a", "b"]);
    assert!(catalog.plan_digest(&chain, Timestamp(2_000), "first", &files).await.unwrap());
    assert!(!catalog.plan_digest(&chain, Timestamp(2_000), "second", &files).await.unwrap(), "one is on its way");
    // Delivered before, noted after: it is in the next digest.
    deliver(&catalog, "r", "late", Some(1_998)).await;
    let chain = catalog.digest_chains().await.unwrap().remove(0);
    assert_eq!((chain.planned.as_deref(), chain.next_ms), (Some("first"), 2_000));
    catalog.note_trail_digest(1, Timestamp(2_100), Some("down")).await.unwrap();
    catalog.deliver_digest(&chain, "link", false, Timestamp(2_200)).await.unwrap();
    let status = catalog.trail_status(1).await.unwrap();
    assert_eq!((status.digest_ms, status.digest_error), (Some(2_200), None));
    let chain = catalog.digest_chains().await.unwrap().remove(0);
    assert_eq!((chain.planned.as_deref(), chain.last.as_deref()), (None, Some("link")));
    let files = catalog.undigested_trail_files(&chain, Timestamp(3_000)).await.unwrap();
    assert_eq!(keys(&files), ["late", "c"]);
    assert!(catalog.awaits_digest(&chain).await.unwrap());
    assert!(catalog.plan_digest(&chain, Timestamp(3_000), "third", &files).await.unwrap());
    catalog.deliver_digest(&chain, "other", true, Timestamp(9_000)).await.unwrap();
    let chain = catalog.digest_chains().await.unwrap().remove(0);
    assert_eq!((chain.last.as_deref(), chain.last_backfill.as_deref()), (Some("link"), Some("other")));
    assert!(!catalog.awaits_digest(&chain).await.unwrap());
    deliver(&catalog, "r", "waits", None).await;
    assert!(catalog.awaits_digest(&chain).await.unwrap(), "it is not delivered yet");
    catalog.drop_trail_file(catalog.planned_trail_files(1).await.unwrap()[0].id).await.unwrap();
    assert!(!catalog.awaits_digest(&chain).await.unwrap());
    catalog.stop_trail(&scope(), "a", Timestamp(9_000)).await.unwrap();
    catalog.sync_trail_spans(99).await.unwrap();
    assert!(catalog.awaits_digest(&chain).await.unwrap(), "there are events in no file yet");
    catalog.drop_digest_chain(chain.id).await.unwrap();
    assert_eq!(chains(&catalog).await.len(), 1, "it has not ended");
}

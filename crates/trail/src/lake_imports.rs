//! Imports into event data stores: trail files of a bucket are read one after another, and what is new in them is stored.
//!
//! An event is stored once, as with `trailwatch import`. What an import adds to its store is the time from its earliest event to its
//! latest: the store has the events of that time which its selectors take, whenever they were received. How far an import came is in
//! the catalog after each file, so one that was stopped, by a client or with the server, goes on from there.

use crate::Trail;
use crate::import;
use crate::record::Defaults;
use catalog::{TrailImport, TrailImportFailure};
use model::buckets::BucketError;
use model::{Event, Scope, Timestamp};
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Keys asked for at a time.
const PAGE: usize = 1000;
/// Most bytes, and number, of records handed over at once.
const BATCH_BYTES_MAX: usize = 3 * 1024 * 1024;
const BATCH_EVENTS_MAX: usize = 2_000;
/// Batches that wait to be stored.
const BATCHES_WAITING: usize = 2;
/// Most characters of an error that is kept.
const ERROR_CHARS_MAX: usize = 1_000;

/// Imports that run, by id.
pub type Running = Arc<Mutex<HashSet<String>>>;

/// Bucket and prefix of `s3://bucket/prefix`.
pub(crate) fn location(uri: &str) -> Option<(&str, &str)> {
    let (bucket, prefix) = uri.strip_prefix("s3://")?.split_once('/').unwrap_or((uri.strip_prefix("s3://")?, ""));
    (!bucket.is_empty()).then_some((bucket, prefix))
}

/// Starts an import that is entered as `IN_PROGRESS`; what is answered ends when it does.
pub(crate) fn start(trail: &Trail, import: TrailImport) -> JoinHandle<()> {
    trail.imports.lock().unwrap_or_else(PoisonError::into_inner).insert(import.id.clone());
    let trail = trail.clone();
    tokio::spawn(async move {
        let id = import.id.clone();
        if let Err(error) = run(&trail, import).await {
            tracing::error!(%error, import = id, "import trail files");
        }
        trail.imports.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    })
}

/// Tells an import to stop, after the file in work.
pub(crate) fn stop(trail: &Trail, id: &str) {
    trail.imports.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
}

fn goes_on(trail: &Trail, id: &str) -> bool {
    trail.imports.lock().unwrap_or_else(PoisonError::into_inner).contains(id)
}

/// Why an import cannot go on.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Catalog(#[from] catalog::Error),
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error("read a file: {0}")]
    Join(#[from] tokio::task::JoinError),
}

async fn run(trail: &Trail, mut import: TrailImport) -> Result<(), Failed> {
    let status = match files(trail, &mut import).await {
        Ok(Some(status)) => status,
        // Whoever stopped it has said so.
        Ok(None) => return Ok(()),
        Err(error) => {
            import.status = "FAILED".into();
            import.updated_ms = trail.clock.now().0;
            trail.catalog.put_trail_import(&import, Some("IN_PROGRESS")).await?;
            return Err(error);
        }
    };
    import.status = status.into();
    import.updated_ms = trail.clock.now().0;
    trail.catalog.put_trail_import(&import, Some("IN_PROGRESS")).await?;
    Ok(())
}

/// Reads the files from the import's position on. `None` when it was stopped.
async fn files(trail: &Trail, import: &mut TrailImport) -> Result<Option<&'static str>, Failed> {
    let uri = import.uri.clone();
    let Some((bucket, prefix)) = location(&uri) else { return Ok(Some("FAILED")) };
    loop {
        let (buckets, bucket_name, prefix_name) = (Arc::clone(&trail.buckets), bucket.to_owned(), prefix.to_owned());
        let after = import.position.clone();
        let listed =
            tokio::task::spawn_blocking(move || buckets.list(&bucket_name, &prefix_name, &after, PAGE)).await?;
        let listed = match listed {
            Ok(listed) => listed,
            Err(error) => {
                fail(trail, import, &uri, &error).await?;
                return Ok(Some("FAILED"));
            }
        };
        let is_last = listed.len() < PAGE;
        for object in listed {
            if !goes_on(trail, &import.id) {
                return Ok(None);
            }
            import.position.clone_from(&object.key);
            if is_trail_file(&object.key) {
                file(trail, import, bucket, &object.key).await?;
            }
            import.updated_ms = trail.clock.now().0;
            if !trail.catalog.put_trail_import(import, Some("IN_PROGRESS")).await? {
                return Ok(None);
            }
        }
        if is_last {
            return Ok(Some(if import.failed_entries == 0 { "COMPLETED" } else { "FAILED" }));
        }
    }
}

/// Log files, and neither digests nor anything else.
fn is_trail_file(key: &str) -> bool {
    key.ends_with(".json.gz") && !key.contains("/CloudTrail-Digest/")
}

/// Reads one file and stores what is new in it.
async fn file(trail: &Trail, import: &mut TrailImport, bucket: &str, key: &str) -> Result<(), Failed> {
    let location = format!("s3://{bucket}/{key}");
    let (buckets, bucket, key) = (Arc::clone(&trail.buckets), bucket.to_owned(), key.to_owned());
    let object = match tokio::task::spawn_blocking(move || buckets.get(&bucket, &key)).await? {
        Ok(object) => object,
        Err(error) => return fail(trail, import, &location, &error).await,
    };
    let defaults =
        Defaults { account: import.account.clone(), region: import.region.clone(), ingestion_time: trail.clock.now() };
    let range = (import.start_ms.unwrap_or(i64::MIN), import.end_ms.unwrap_or(i64::MAX));
    let (send, mut batches) = mpsc::channel::<Vec<Event>>(BATCHES_WAITING);
    let name = location.clone();
    let reading = tokio::task::spawn_blocking(move || read(&object.body, &name, &defaults, range, &send));
    let mut times: Option<(Timestamp, Timestamp)> = None;
    while let Some(batch) = batches.recv().await {
        import.events_completed += batch.len() as i64;
        for event in &batch {
            let (from, to) = times.unwrap_or((event.time, event.time));
            times = Some((from.min(event.time), to.max(event.time)));
        }
        import::store(trail, batch).await?;
    }
    if let Some((from, to)) = times {
        let scope = Scope { account: import.account.clone(), region: import.region.clone() };
        trail.catalog.add_imported_range(&scope, &import.store_id, from.0, to.0 + 1).await?;
    }
    match reading.await? {
        None => {
            import.files_completed += 1;
            Ok(())
        }
        Some(reason) => note(trail, import, &location, "InvalidFile", reason).await,
    }
}

/// Hands the events of a file over, in batches; answers the first thing that is wrong with it.
fn read(
    body: &[u8],
    name: &str,
    defaults: &Defaults,
    (from, to): (i64, i64),
    batches: &mpsc::Sender<Vec<Event>>,
) -> Option<String> {
    let (mut batch, mut bytes, mut wrong) = (Vec::new(), 0, None);
    import::read(body, name, defaults, &mut |found| match found {
        Ok(event) if (from..=to).contains(&event.time.0) => {
            bytes += event.record.len();
            batch.push(event);
            if bytes >= BATCH_BYTES_MAX || batch.len() >= BATCH_EVENTS_MAX {
                bytes = 0;
                // Nobody listens only when the import has failed.
                let _ = batches.blocking_send(std::mem::take(&mut batch));
            }
        }
        Ok(_) => {}
        Err(refusal) => {
            wrong.get_or_insert(refusal.to_string());
        }
    });
    if !batch.is_empty() {
        let _ = batches.blocking_send(batch);
    }
    wrong
}

async fn fail(trail: &Trail, import: &mut TrailImport, location: &str, error: &BucketError) -> Result<(), Failed> {
    let kind = match error {
        BucketError::NoSuchBucket => "NoSuchBucket",
        BucketError::NoSuchKey => "NoSuchKey",
        BucketError::AccessDenied => "AccessDenied",
        BucketError::Unreachable(_) => "ServiceUnavailable",
    };
    if let BucketError::Unreachable(reason) = error {
        // The operator is told what the client is not.
        tracing::warn!(location, reason, "read a bucket for an import");
        return note(trail, import, location, kind, "The bucket cannot be reached.".into()).await;
    }
    note(trail, import, location, kind, error.to_string()).await
}

async fn note(
    trail: &Trail,
    import: &mut TrailImport,
    location: &str,
    kind: &str,
    reason: String,
) -> Result<(), Failed> {
    import.failed_entries += 1;
    let failure = TrailImportFailure {
        location: location.to_owned(),
        error_type: kind.to_owned(),
        error_message: reason.chars().take(ERROR_CHARS_MAX).collect(),
        updated_ms: trail.clock.now().0,
    };
    Ok(trail.catalog.put_trail_import_failure(&import.id, &failure).await?)
}

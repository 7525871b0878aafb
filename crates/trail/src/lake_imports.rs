//! Imports into event data stores: trail files of a bucket are read one after another, and what is new in them is stored.
//!
//! An event is stored once, as with `trailwatch import`. What an import adds to its store is the time from its earliest event to its
//! latest: the store has the events of that time which its selectors take, whenever they were received. For other stores its events were
//! not received at all, as on AWS: all of them have the millisecond of the import's first start as the time of their ingestion, by which
//! those stores know them (`lake.rs`). How far an import came is in
//! the catalog after each file, so one that was stopped, by a client or with the server, goes on from there. One that is started again
//! reads the files that failed once more before that; where the import itself could not go on is noted at its URI, and its position is
//! before that file.

use crate::Trail;
use crate::import;
use crate::record::Defaults;
use catalog::{TrailImport, TrailImportFailure};
use model::buckets::BucketError;
use model::{Event, Scope, Timestamp};
use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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

/// What a file is noted as that was read, but not all of it: its events are stored and counted.
const INVALID_FILE: &str = "InvalidFile";

/// Imports that run, by id and which start of it.
pub type Running = Arc<Mutex<HashSet<(String, i64)>>>;

/// Bucket and prefix of `s3://bucket/prefix`.
pub(crate) fn location(uri: &str) -> Option<(&str, &str)> {
    let place = uri.strip_prefix("s3://")?;
    let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
    (!bucket.is_empty()).then_some((bucket, prefix))
}

/// Starts an import that is entered as `IN_PROGRESS`; what is answered ends when it does.
pub(crate) fn start(trail: &Trail, import: TrailImport) -> JoinHandle<()> {
    let key = (import.id.clone(), import.starts);
    running(trail).insert(key.clone());
    let trail = trail.clone();
    tokio::spawn(async move {
        if let Err(error) = run(&trail, import).await {
            tracing::error!(%error, import = key.0, "import trail files");
        }
        running(&trail).remove(&key);
    })
}

/// Tells an import to stop, after the file in work.
pub(crate) fn stop(trail: &Trail, id: &str) {
    running(trail).retain(|(running, _)| running != id);
}

fn running(trail: &Trail) -> MutexGuard<'_, HashSet<(String, i64)>> {
    trail.imports.lock().unwrap_or_else(PoisonError::into_inner)
}

fn goes_on(trail: &Trail, import: &TrailImport) -> bool {
    running(trail).contains(&(import.id.clone(), import.starts))
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
    let ended = files(trail, &mut import).await;
    let status = match &ended {
        Ok(Some(status)) => *status,
        // Whoever stopped it has said so.
        Ok(None) => return Ok(()),
        Err(_) => {
            let reason = "The import could not go on. See the server's log.".to_owned();
            let uri = import.uri.clone();
            note(trail, &import, &uri, "InternalError", reason).await?;
            "FAILED"
        }
    };
    import.status = status.into();
    import.updated_ms = trail.clock.now().0;
    trail.catalog.put_trail_import(&import).await?;
    ended.map(drop)
}

/// Reads the files that failed before, and those behind the import's position. `None` when it was stopped.
async fn files(trail: &Trail, import: &mut TrailImport) -> Result<Option<&'static str>, Failed> {
    let uri = import.uri.clone();
    let Some((bucket, prefix)) = location(&uri) else { return Ok(Some("FAILED")) };
    if !failed_files(trail, import, prefix).await? {
        return Ok(None);
    }
    loop {
        let (buckets, bucket_name, prefix_name) = (Arc::clone(&trail.buckets), bucket.to_owned(), prefix.to_owned());
        let after = import.position.clone();
        let listed =
            tokio::task::spawn_blocking(move || buckets.list(&bucket_name, &prefix_name, &after, PAGE)).await?;
        let listed = match listed {
            Ok(listed) => listed,
            Err(error) => {
                let (kind, reason) = told(&uri, &error);
                note(trail, import, &uri, kind, reason).await?;
                return Ok(Some("FAILED"));
            }
        };
        let is_last = listed.len() < PAGE;
        for object in listed {
            if !goes_on(trail, import) {
                return Ok(None);
            }
            if is_trail_file(prefix, &object.key) {
                file(trail, import, bucket, &object.key, None).await?;
            }
            // Only now: what fails above is to be read again.
            import.position = object.key;
            if !keep(trail, import).await? {
                return Ok(None);
            }
        }
        if is_last {
            let scope = Scope { account: import.account.clone(), region: import.region.clone() };
            let kept = trail.catalog.trail_import(&scope, &import.id).await?;
            let is_whole = kept.is_some_and(|import| import.failed_entries == 0);
            return Ok(Some(if is_whole { "COMPLETED" } else { "FAILED" }));
        }
    }
}

/// Reads again what failed when the import was started before. False when it was stopped.
async fn failed_files(trail: &Trail, import: &mut TrailImport, prefix: &str) -> Result<bool, Failed> {
    let mut after = String::new();
    loop {
        let failures = trail.catalog.trail_import_failures(&import.id, &after, PAGE).await?;
        let Some(last) = failures.last() else { return Ok(true) };
        after.clone_from(&last.location);
        for failure in failures {
            if !goes_on(trail, import) {
                return Ok(false);
            }
            match location(&failure.location).filter(|(_, key)| is_trail_file(prefix, key)) {
                Some((bucket, key)) => file(trail, import, bucket, key, Some(&failure)).await?,
                // Not a file, but the import.
                None => trail.catalog.forget_trail_import_failure(&import.id, &failure.location).await?,
            }
            if !keep(trail, import).await? {
                return Ok(false);
            }
        }
    }
}

/// Keeps how far the import came. False when it was stopped.
async fn keep(trail: &Trail, import: &mut TrailImport) -> Result<bool, Failed> {
    import.updated_ms = trail.clock.now().0;
    Ok(trail.catalog.put_trail_import(import).await?)
}

/// Log files, and neither digests nor files of other services. AWS: "By default, CloudTrail only imports events contained in the S3
/// bucket's CloudTrail prefix and the prefixes inside the CloudTrail prefix, and does not check prefixes for other AWS services"; those of
/// a prefix elsewhere are taken when the URI names it, such as that of network activity events.
fn is_trail_file(prefix: &str, key: &str) -> bool {
    let has = |folder: &str| key.split('/').any(|part| part == folder);
    let is_named = |folder: &str| prefix.split('/').any(|part| part == folder);
    key.ends_with(".json.gz")
        && !has("CloudTrail-Digest")
        && (has("CloudTrail") || is_named("CloudTrail-NetworkActivity") || (!prefix.is_empty() && !has("AWSLogs")))
}

/// Reads one file and stores what is new in it. What is wrong with the file is noted, and no longer when it was before and is not now.
async fn file(
    trail: &Trail,
    import: &mut TrailImport,
    bucket: &str,
    key: &str,
    before: Option<&TrailImportFailure>,
) -> Result<(), Failed> {
    let location = format!("s3://{bucket}/{key}");
    let (buckets, bucket, key) = (Arc::clone(&trail.buckets), bucket.to_owned(), key.to_owned());
    let object = match tokio::task::spawn_blocking(move || buckets.get(&bucket, &key)).await? {
        Ok(object) => object,
        Err(error) => {
            let (kind, reason) = told(&location, &error);
            return note(trail, import, &location, kind, reason).await;
        }
    };
    let (events, wrong) = events(trail, import, &location, object.body).await?;
    if before.is_none_or(|failure| failure.error_type != INVALID_FILE) {
        import.events_completed += events;
    }
    if let Some(reason) = wrong {
        return note(trail, import, &location, INVALID_FILE, reason).await;
    }
    import.files_completed += 1;
    if before.is_some() {
        trail.catalog.forget_trail_import_failure(&import.id, &location).await?;
    }
    Ok(())
}

/// Stores what is new in a file, and adds the time of its events; answers how many it has, and the first thing that is wrong with it.
async fn events(
    trail: &Trail,
    import: &mut TrailImport,
    location: &str,
    body: Vec<u8>,
) -> Result<(i64, Option<String>), Failed> {
    let defaults = Defaults {
        account: import.account.clone(),
        region: import.region.clone(),
        ingestion_time: Timestamp(import.created_ms),
    };
    let range = (import.start_ms.unwrap_or(i64::MIN), import.end_ms.unwrap_or(i64::MAX));
    let (send, mut batches) = mpsc::channel::<Vec<Event>>(BATCHES_WAITING);
    let name = location.to_owned();
    let reading = tokio::task::spawn_blocking(move || read(&body, &name, &defaults, range, &send));
    let (mut events, mut times) = (0, import.first_event_ms.zip(import.last_event_ms));
    while let Some(batch) = batches.recv().await {
        events += batch.len() as i64;
        for event in &batch {
            let (from, to) = times.unwrap_or((event.time.0, event.time.0));
            times = Some((from.min(event.time.0), to.max(event.time.0)));
        }
        import::store(trail, batch).await?;
    }
    let wrong = reading.await?;
    // All of the import's time so far, so that a store has a range for each import, and not for each file.
    if let Some((from, to)) = times.filter(|_| events > 0) {
        let scope = Scope { account: import.account.clone(), region: import.region.clone() };
        trail.catalog.add_imported_range(&scope, &import.store_id, from, to.saturating_add(1)).await?;
        (import.first_event_ms, import.last_event_ms) = (Some(from), Some(to));
    }
    Ok((events, wrong))
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

/// A word for an error of a bucket, and what the client is told.
fn told(location: &str, error: &BucketError) -> (&'static str, String) {
    match error {
        BucketError::NoSuchBucket => ("NoSuchBucket", error.to_string()),
        BucketError::NoSuchKey => ("NoSuchKey", error.to_string()),
        BucketError::AccessDenied => ("AccessDenied", error.to_string()),
        BucketError::Unreachable(reason) => {
            // The operator is told what the client is not.
            tracing::warn!(location, reason, "read a bucket for an import");
            ("ServiceUnavailable", "The bucket cannot be reached.".into())
        }
    }
}

async fn note(trail: &Trail, import: &TrailImport, location: &str, kind: &str, reason: String) -> Result<(), Failed> {
    let failure = TrailImportFailure {
        location: location.to_owned(),
        error_type: kind.to_owned(),
        error_message: reason.chars().take(ERROR_CHARS_MAX).collect(),
        updated_ms: trail.clock.now().0,
    };
    Ok(trail.catalog.put_trail_import_failure(&import.id, &failure).await?)
}

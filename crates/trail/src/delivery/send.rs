//! A trail's round: puts the files that are planned, tells its topic of them, plans the next ones, until nothing is left.

use super::content::{Content, gzip};
use super::topics::{NotTold, message};
use super::{Failed, plan};
use crate::Trail;
use crate::cloudtrail::trails::topic_arn_of;
use catalog::{TrailFile, TrailSpan};
use model::Scope;
use model::buckets::{BucketError, NewObject};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// Files that a topic is told of before the next are looked up.
const TOLD_AT_ONCE: usize = 100;

/// Delivers all that the trail has to say by now.
pub(super) async fn round(trail: &Trail, trail_id: i64) -> Result<(), Failed> {
    // What is accepted from now on is for the next round: files of a busy server would become small.
    let end = trail.store.event_sequence();
    // First, for a bucket that is down must not keep news of files that were delivered before.
    tell(trail, trail_id).await?;
    loop {
        let spans: Vec<TrailSpan> = trail.catalog.trail_spans().await?;
        let spans: Vec<TrailSpan> = spans.into_iter().filter(|span| span.trail_id == trail_id).collect();
        let files = trail.catalog.planned_trail_files(trail_id).await?;
        for files in files.chunk_by(|a, b| plan_of(a) == plan_of(b)) {
            send_all(trail, &spans, files).await?;
        }
        tell(trail, trail_id).await?;
        let mut planned = false;
        for span in &spans {
            planned = plan::next(trail, span, end).await?;
            if planned {
                break;
            }
        }
        if !planned {
            return Ok(trail.catalog.drop_ended_trail_spans(trail_id).await?);
        }
    }
}

/// What the files of one plan have in common.
fn plan_of(file: &TrailFile) -> (i64, Range<u64>) {
    (file.span_id, file.first_sequence as u64..file.end_sequence as u64)
}

/// Puts the files of a plan, whose events are read once for all of them.
async fn send_all(trail: &Trail, spans: &[TrailSpan], files: &[TrailFile]) -> Result<(), Failed> {
    let Some((span_id, sequences)) = files.first().map(plan_of) else { return Ok(()) };
    let span = spans.iter().find(|span| span.id == span_id);
    let mut contents = match span {
        Some(span) => plan::contents(trail, span, sequences).await?,
        None => BTreeMap::new(),
    };
    for file in files {
        match span.zip(contents.remove(&plan::of_file(file))) {
            Some((span, content)) => send(trail, span, file.clone(), content).await?,
            None => {
                tracing::warn!(trail = file.trail_arn, key = file.object_key, "the events of a planned file are gone");
                trail.catalog.drop_trail_file(file.id).await?;
            }
        }
    }
    Ok(())
}

/// Puts a planned file and marks it delivered.
async fn send(trail: &Trail, span: &TrailSpan, mut file: TrailFile, content: Content) -> Result<(), Failed> {
    if content.sha256 != file.sha256 {
        // Retention took some of its events: the file is what is left, under the key that it had.
        describe(&mut file, &content);
        trail.catalog.replan_trail_file(&file).await?;
    }
    let content = Arc::new(content);
    let mut put = put(trail, span, &file, &content).await?;
    let kind = plan::of_file(&file).0;
    let folder = plan::folder(trail, span, &file.account).of(kind);
    if put.is_err() && (file.bucket != span.bucket || !file.object_key.starts_with(&folder)) {
        file.bucket.clone_from(&span.bucket);
        let folder = plan::folder(trail, span, &file.account);
        file.object_key = folder.log_file(kind, &file.region, trail.clock.now(), trail.ids.uuid());
        trail.catalog.replan_trail_file(&file).await?;
        put = self::put(trail, span, &file, &content).await?;
    }
    let now = trail.clock.now();
    match put {
        Ok(()) => {
            let topic = span.topic.as_deref().map(|topic| topic_arn_of(&home(span), topic));
            trail.catalog.deliver_trail_file(&file, now, topic.as_deref()).await?;
            Ok(())
        }
        Err(error) if span.deleted && error.is_clients() => {
            let (trail_arn, key) = (&file.trail_arn, &file.object_key);
            tracing::warn!(trail = trail_arn, key, %error, "the last events of a deleted trail are not delivered");
            Ok(trail.catalog.drop_trail_file(file.id).await?)
        }
        Err(error) => {
            trail.catalog.fail_trail_delivery(file.trail_id, now, &told(&error)).await?;
            let reason = if let BucketError::Unreachable(reason) = error { reason } else { error.to_string() };
            Err(Failed::Bucket(format!("put {} into bucket {}: {reason}", file.object_key, file.bucket)))
        }
    }
}

fn home(span: &TrailSpan) -> Scope {
    Scope { account: span.account.clone(), region: span.region.clone() }
}

fn describe(file: &mut TrailFile, content: &Content) {
    file.events = content.events;
    file.sha256.clone_from(&content.sha256);
    (file.oldest_ms, file.newest_ms) = (content.oldest.millis(), content.newest.millis());
}

async fn put(
    trail: &Trail,
    span: &TrailSpan,
    file: &TrailFile,
    content: &Arc<Content>,
) -> Result<Result<(), BucketError>, Failed> {
    let (buckets, scope) = (Arc::clone(&trail.buckets), home(span));
    let (bucket, key, content) = (file.bucket.clone(), file.object_key.clone(), Arc::clone(content));
    let putting = tokio::task::spawn_blocking(move || {
        let body = gzip(&content.bytes).map_err(|error| BucketError::Unreachable(error.to_string()))?;
        let (content_type, content_encoding) = (Some("application/json".into()), Some("gzip".into()));
        buckets.check(&scope, &bucket)?;
        buckets.put(&bucket, &key, NewObject { body, content_type, content_encoding, ..NewObject::default() })
    });
    Ok(putting.await?)
}

/// What GetTrailStatus says of a failure: S3's code, and its text.
pub(crate) fn told(error: &BucketError) -> String {
    let code = match error {
        BucketError::NoSuchBucket => "NoSuchBucket",
        BucketError::AccessDenied => "AccessDenied",
        BucketError::NoSuchKey => "NoSuchKey",
        BucketError::Unreachable(_) => "ServiceUnavailable",
    };
    format!("{code}: {error}")
}

/// Tells topics of the files that they were not told of yet. A topic that is told and not noted is told again.
async fn tell(trail: &Trail, trail_id: i64) -> Result<(), Failed> {
    loop {
        let files = trail.catalog.untold_trail_files(trail_id, TOLD_AT_ONCE).await?;
        if files.is_empty() {
            return Ok(());
        }
        for file in files {
            let topic = file.topic.as_deref().unwrap_or_default();
            let account = file.trail_arn.split(':').nth(4).unwrap_or_default();
            let told = trail.topics.tell(account, topic, message(&file.bucket, &file.object_key)).await;
            let now = trail.clock.now();
            match told {
                Ok(()) => trail.catalog.tell_trail_file(&file, now, None).await?,
                Err(NotTold::Refused(error)) => trail.catalog.tell_trail_file(&file, now, Some(&error)).await?,
                Err(NotTold::Later(error)) => {
                    // Files go on meanwhile; the next round tells.
                    return Ok(trail.catalog.fail_trail_notification(trail_id, now, &error).await?);
                }
            }
        }
    }
}

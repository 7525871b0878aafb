//! The bucket that records are kept in (`[store]`): S3 as the object store of `store`, over the client of `buckets/s3.rs`.
//!
//! What is asked of the endpoint: GetObject with ranges and `If-None-Match`, HeadObject, ListObjectsV2, DeleteObject, DeleteObjects where it is
//! offered, and PutObject with `If-None-Match: *` and `If-Match`. A request that failed for want of an answer, or for a reason that passes, is made again a few times. One that puts
//! on a condition and finds the condition broken after such a failure looks whether the object is its own. A put that was refused, and
//! not after such a failure, is one of the errors that say that it had no effect (`journal/objects.rs` of the store).

mod delete;
#[cfg(test)]
mod tests;

use crate::buckets::s3::{Answer, Ask, Patience, S3, list};
use crate::config::StoreSettings;
use crate::outgoing::{client_of, roots};
use anyhow::{Context, bail};
use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt, TryStreamExt};
use model::Clock;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetRange, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
    UpdateVersion,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// How long requests may take, without the time for their bytes.
#[derive(Debug, Clone, Copy)]
struct Limits {
    /// From the end of a request to the beginning of its answer.
    answer: Duration,
    /// All attempts with their pauses.
    all: Duration,
}

/// Of the journal: calls wait for it.
const JOURNAL: Limits = Limits { answer: Duration::from_secs(5), all: Duration::from_secs(8) };
/// Of everything else.
const OTHERS: Limits = Limits { answer: Duration::from_secs(10), all: Duration::from_secs(60) };
/// Longest wait for a connection.
const CONNECT_MAX: Duration = Duration::from_secs(3);
/// How fast bytes come and go at least: a segment has up to 128 MB, and an object whose length is not known is taken for one.
const BYTES_PER_SECOND_MIN: u64 = 1_000_000;
const SEGMENT_BYTES_MAX: u64 = 128_000_000;
/// Requests at the same time that are no puts, so that puts of the journal find a thread.
const READS_MAX: usize = 64;
/// Most bytes of an object that is read as a whole: the largest group of a journal.
const OBJECT_BYTES_MAX: usize = 512 * 1024 * 1024;
/// Attempts, and the pause after the first; each later one is four times as long.
const TRIES_MAX: u32 = 4;
const PAUSE: Duration = Duration::from_millis(100);
/// Deletions at the same time, of single objects; and of up to 1,000.
const PARALLEL: usize = 16;
const PARALLEL_BATCHES: usize = 2;
/// Name of the store in errors.
const STORE: &str = "S3";

/// A bucket, or what is below a prefix of it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct StoreBucket(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    s3: S3,
    bucket: String,
    /// Ends with a slash, or is empty.
    prefix: String,
    /// Threads that search have no runtime of their own.
    runtime: Handle,
    reads: Arc<Semaphore>,
    pause: Duration,
    journal: Limits,
    /// True once the endpoint said that it has no DeleteObjects.
    deletes_singly: AtomicBool,
}

fn failed(reason: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Generic { store: STORE, source: reason.into() }
}

fn not_offered(operation: &str) -> Error {
    Error::NotImplemented { operation: operation.into(), implementer: STORE.into() }
}

impl StoreBucket {
    /// As the configuration says; tasks of the present runtime do the work.
    ///
    /// # Errors
    /// What is wrong with the file of authorities.
    pub fn new(settings: &StoreSettings, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        let roots = roots(settings.ca_file.as_deref()).context("[store] ca_file")?;
        let s3 = S3::with_client(&settings.endpoint, settings.keys.clone(), clock, client_of(OTHERS.all, roots));
        Ok(Self(Arc::new(Inner {
            s3,
            bucket: settings.bucket.clone(),
            prefix: if settings.prefix.is_empty() { String::new() } else { format!("{}/", settings.prefix) },
            runtime: Handle::current(),
            reads: Arc::new(Semaphore::new(READS_MAX)),
            pause: PAUSE,
            journal: JOURNAL,
            deletes_singly: AtomicBool::new(false),
        })))
    }

    /// Tries whether the endpoint keeps conditions of puts: on one that does not, two nodes would both write.
    ///
    /// # Errors
    /// What the endpoint does wrong.
    pub async fn check_conditions(&self, random: u64) -> anyhow::Result<()> {
        let path = Path::from(format!("probe/{random:016x}"));
        // Each with a body of its own, so that none is taken for one before it whose answer was lost.
        let put = |body: &'static str, mode| {
            let options = PutOptions { mode, ..PutOptions::default() };
            self.put_opts(&path, PutPayload::from_static(body.as_bytes()), options)
        };
        put("Does this endpoint keep conditions of puts?", PutMode::Create)
            .await
            .with_context(|| format!("write to bucket {}", self.0.bucket))?;
        let again = put("Is this in its place?", PutMode::Create).await;
        let wrong = UpdateVersion { e_tag: Some("00000000000000000000000000000000".into()), version: None };
        let replaced = put("Or this?", PutMode::Update(wrong)).await;
        self.delete(&path).await.with_context(|| format!("delete from bucket {}", self.0.bucket))?;
        for (answered, header) in [(again, "If-None-Match: *"), (replaced, "If-Match")] {
            match answered {
                Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => {}
                Err(error) => bail!("the endpoint does not take PutObject with {header}: {error}"),
                Ok(_) => bail!("the endpoint ignores {header} of PutObject: two nodes could write over each other"),
            }
        }
        Ok(())
    }

    fn key(&self, location: &Path) -> String {
        format!("{}{location}", self.0.prefix)
    }
}

impl std::fmt::Display for StoreBucket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "s3://{}/{}", self.0.bucket, self.0.prefix)
    }
}

/// A request that may be made several times.
#[derive(Debug, Clone, Default)]
struct Request {
    method: &'static str,
    key: String,
    query: String,
    headers: Vec<(String, String)>,
    body: Bytes,
    bytes_max: usize,
}

/// An answer, and whether an attempt before it may have had its effect.
struct Answered {
    answer: Answer,
    is_repeated: bool,
}

impl Inner {
    /// Asks until there is an answer that will not change, or there were enough attempts.
    async fn ask(self: Arc<Self>, request: Request) -> Result<Answered> {
        let is_journal = request.key.strip_prefix(&self.prefix).is_some_and(|key| key.starts_with("journal/"));
        let limits = if is_journal { self.journal } else { OTHERS };
        let bytes = (request.body.len() + request.bytes_max) as u64;
        let for_bytes = Duration::from_secs(bytes.min(SEGMENT_BYTES_MAX) / BYTES_PER_SECOND_MIN);
        let _permit = match request.method {
            "PUT" => None,
            _ if is_journal => None,
            _ => Some(self.reads.acquire().await.map_err(|error| failed(error.to_string()))?),
        };
        let (mut pause, mut is_repeated, begun) = (self.pause, false, Instant::now());
        for tries in 1.. {
            let (inner, once) = (Arc::clone(&self), request.clone());
            let left = (limits.all + for_bytes).saturating_sub(begun.elapsed());
            let total = left.min(CONNECT_MAX + limits.answer + for_bytes);
            let patience = Some(Patience { connect: CONNECT_MAX, answer: limits.answer, total });
            let attempt = tokio::task::spawn_blocking(move || {
                let Request { method, key, query, headers, body, bytes_max } = once;
                inner
                    .s3
                    .ask(Ask { method, bucket: &inner.bucket, key: &key, query, headers, body, patience }, bytes_max)
            });
            let attempt = attempt.await?;
            let is_last = tries >= TRIES_MAX || begun.elapsed() + pause >= limits.all + for_bytes;
            match attempt {
                Ok(answer) if !passes(answer.status) => return Ok(Answered { answer, is_repeated }),
                Ok(answer) if is_last => return Err(refused(&request.key, &answer)),
                Err(reason) if is_last => return Err(failed(reason)),
                Ok(_) | Err(_) => {}
            }
            is_repeated = true;
            tokio::time::sleep(pause).await;
            pause *= 4;
        }
        Err(failed("no attempt was made"))
    }

    /// Puts an object; answers its entity tag.
    async fn put(self: Arc<Self>, key: String, body: Bytes, mode: PutMode) -> Result<Option<String>> {
        let condition = match &mode {
            PutMode::Overwrite => None,
            PutMode::Create => Some(("if-none-match".to_owned(), "*".to_owned())),
            PutMode::Update(version) => {
                let tag = version.e_tag.as_deref().ok_or_else(|| not_offered("update without an entity tag"))?;
                Some(("if-match".to_owned(), format!("\"{tag}\"")))
            }
        };
        let headers = condition.into_iter().collect();
        let request = Request { method: "PUT", key: key.clone(), headers, body: body.clone(), ..Request::default() };
        let Answered { answer, is_repeated } = Arc::clone(&self).ask(request).await?;
        let broken = match answer.status {
            200..300 => return Ok(tag(&answer)),
            412 => true,
            // Of an update whose object is not there.
            404 => matches!(mode, PutMode::Update(_)) && !is_no_bucket(&answer),
            _ => false,
        };
        if !broken {
            // Of an attempt before nobody knows whether it was refused, too.
            return Err(if is_repeated { failed(said(&answer)) } else { refused_put(key, &answer) });
        }
        if is_repeated {
            let read = Request { method: "GET", key: key.clone(), bytes_max: OBJECT_BYTES_MAX, ..Request::default() };
            let there = self.ask(read).await?.answer;
            if there.status == 200 && there.body == body {
                return Ok(tag(&there));
            }
        }
        let source = answer.shown().into();
        Err(match mode {
            PutMode::Update(_) => Error::Precondition { path: key, source },
            _ => Error::AlreadyExists { path: key, source },
        })
    }

    /// One page of a list, and whether there is more.
    async fn page(self: Arc<Self>, prefix: String, after: String) -> Result<list::Page> {
        let query = list::query(&prefix, &after, list::PAGE_KEYS_MAX);
        let request = Request { method: "GET", query, bytes_max: list::PAGE_BYTES_MAX, ..Request::default() };
        let answer = self.ask(request).await?.answer;
        if answer.status != 200 {
            return Err(refused(&prefix, &answer));
        }
        list::read(&answer.body, &after).map_err(failed)
    }

    /// Removes one object.
    async fn delete(self: Arc<Self>, key: String) -> Result<()> {
        let answer = self.ask(Request { method: "DELETE", key: key.clone(), ..Request::default() }).await?.answer;
        match answer.status {
            200..300 => Ok(()),
            _ => Err(refused(&key, &answer)),
        }
    }

    /// Removes up to [`delete::KEYS_MAX`] objects, and answers what became of each.
    async fn delete_all(self: Arc<Self>, keys: Vec<String>) -> Vec<Result<()>> {
        if keys.len() > 1 && !self.deletes_singly.load(Ordering::Relaxed) {
            match Arc::clone(&self).delete_together(&keys).await {
                Ok(Some(mut stay)) => {
                    let outcome =
                        |key| stay.remove(key).map_or(Ok(()), |reason| Err(failed(format!("{key}: {reason}"))));
                    return keys.iter().map(outcome).collect();
                }
                Ok(None) => self.deletes_singly.store(true, Ordering::Relaxed),
                Err(error) => {
                    let reason = error.to_string();
                    return keys.iter().map(|_| Err(failed(reason.clone()))).collect();
                }
            }
        }
        let single = |key| Arc::clone(&self).delete(key);
        futures::stream::iter(keys).map(single).buffered(PARALLEL).collect().await
    }

    /// Keys that are still there after a DeleteObjects, with the reasons; `None` from an endpoint that does not offer it.
    async fn delete_together(self: Arc<Self>, keys: &[String]) -> Result<Option<BTreeMap<String, String>>> {
        let body = delete::body(keys);
        let headers = vec![
            ("content-md5".to_owned(), delete::content_md5(&body)),
            ("content-type".to_owned(), "application/xml".to_owned()),
        ];
        let request = Request {
            method: "POST",
            query: "delete".to_owned(),
            headers,
            body: body.into(),
            bytes_max: delete::ANSWER_BYTES_MAX,
            ..Request::default()
        };
        let answer = self.ask(request).await?.answer;
        let shown = answer.shown();
        let is_unknown =
            ["<Code>NotImplemented</Code>", "<Code>MethodNotAllowed</Code>"].iter().any(|code| shown.contains(code));
        match answer.status {
            200 => delete::read(&answer.body).map(Some).map_err(failed),
            405 | 501 => Ok(None),
            _ if is_unknown => Ok(None),
            _ => Err(refused("several objects", &answer)),
        }
    }
}

/// True for what another attempt may change: the endpoint is busy, or broken, or two writers met.
fn passes(status: u16) -> bool {
    matches!(status, 408 | 409 | 429 | 500 | 502..=504)
}

/// The entity tag of an object, without quotes.
fn tag(answer: &Answer) -> Option<String> {
    answer.header("etag").map(|tag| tag.trim_matches('"').to_owned())
}

fn is_no_bucket(answer: &Answer) -> bool {
    answer.shown().contains("<Code>NoSuchBucket</Code>")
}

fn said(answer: &Answer) -> String {
    format!("the endpoint answered {}: {}", answer.status, answer.shown())
}

/// The error of a put that had no effect and will have none, unless the endpoint itself is broken.
fn refused_put(path: String, answer: &Answer) -> Error {
    match answer.status {
        401 | 403 => Error::PermissionDenied { path, source: said(answer).into() },
        300..=499 | 501 => Error::NotSupported { source: said(answer).into() },
        _ => failed(said(answer)),
    }
}

fn refused(key: &str, answer: &Answer) -> Error {
    let (path, reason) = (key.to_owned(), said(answer));
    match answer.status {
        404 if !is_no_bucket(answer) => Error::NotFound { path, source: reason.into() },
        401 | 403 => Error::PermissionDenied { path, source: reason.into() },
        501 => Error::NotSupported { source: reason.into() },
        _ => failed(reason),
    }
}

/// The value of a Range header, and the most bytes that it means.
fn range_header(range: &GetRange) -> (String, usize) {
    let most = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
    match range {
        GetRange::Bounded(range) => (
            format!("bytes={}-{}", range.start, range.end.saturating_sub(1)),
            most(range.end - range.start.min(range.end)),
        ),
        GetRange::Offset(start) => (format!("bytes={start}-"), OBJECT_BYTES_MAX),
        GetRange::Suffix(bytes) => (format!("bytes=-{bytes}"), most(*bytes)),
    }
}

/// Where the part of an answer begins, and how long the whole object is; from `bytes 0-9/100`.
fn content_range(text: &str) -> Option<(u64, u64)> {
    let (range, size) = text.strip_prefix("bytes ")?.split_once('/')?;
    Some((range.split_once('-')?.0.parse().ok()?, size.parse().ok()?))
}

#[async_trait::async_trait]
impl ObjectStore for StoreBucket {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        if !options.attributes.is_empty() {
            return Err(not_offered("put with attributes"));
        }
        let put = Arc::clone(&self.0).put(self.key(location), payload.into(), options.mode);
        let e_tag = self.0.runtime.spawn(put).await??;
        Ok(PutResult { e_tag, version: None })
    }

    async fn put_multipart_opts(&self, _: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        Err(not_offered("put_multipart"))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let GetOptions {
            if_match, if_none_match, if_modified_since, if_unmodified_since, range, version, head, ..
        } = options;
        let conditions = [if_match.is_some(), version.is_some()];
        if conditions.contains(&true) || if_modified_since.is_some() || if_unmodified_since.is_some() {
            return Err(not_offered("get with conditions"));
        }
        let key = self.key(location);
        let (header, bytes_max) = range.as_ref().map(range_header).unzip();
        let request = Request {
            method: if head { "HEAD" } else { "GET" },
            key: key.clone(),
            headers: [("range", header), ("if-none-match", if_none_match.map(|tag| format!("\"{tag}\"")))]
                .into_iter()
                .filter_map(|(name, value)| Some((name.to_owned(), value?)))
                .collect(),
            bytes_max: bytes_max.unwrap_or(OBJECT_BYTES_MAX),
            ..Request::default()
        };
        let Answered { answer, .. } = self.0.runtime.spawn(Arc::clone(&self.0).ask(request)).await??;
        let length = answer.body.len() as u64;
        let (start, size) = match answer.status {
            200 if range.is_some() => {
                let reason = "the endpoint ignores Range of GetObject, which queries need";
                return Err(Error::NotSupported { source: reason.into() });
            }
            200 if head => (0, answer.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0)),
            200 => (0, length),
            304 => return Err(Error::NotModified { path: key, source: "it is what it was".into() }),
            206 => answer.header("content-range").and_then(content_range).ok_or_else(|| failed("a part of nothing"))?,
            _ => return Err(refused(&key, &answer)),
        };
        let meta = ObjectMeta {
            location: location.clone(),
            // Nobody asks.
            last_modified: Default::default(),
            size,
            e_tag: tag(&answer),
            version: None,
        };
        let body = Bytes::from(answer.body);
        let payload = GetResultPayload::Stream(futures::stream::once(async { Ok(body) }).boxed());
        Ok(GetResult { payload, meta, range: start..start + length, attributes: Default::default() })
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let bucket = self.clone();
        let remove = move |locations: Vec<Result<Path>>| {
            let bucket = bucket.clone();
            async move {
                let keys = locations.iter().flatten().map(|location| bucket.key(location)).collect();
                let deleting = bucket.0.runtime.spawn(Arc::clone(&bucket.0).delete_all(keys));
                let mut deleted = match deleting.await {
                    Ok(deleted) => deleted.into_iter(),
                    Err(error) => vec![Err(error.into())].into_iter(),
                };
                let outcome = |location: Result<Path>| {
                    let location = location?;
                    deleted.next().unwrap_or_else(|| Err(failed("nothing was deleted")))?;
                    Ok(location)
                };
                futures::stream::iter(locations.into_iter().map(outcome).collect::<Vec<_>>())
            }
        };
        locations.chunks(delete::KEYS_MAX).map(remove).buffered(PARALLEL_BATCHES).flatten().boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let below = prefix.map_or_else(|| self.0.prefix.clone(), |prefix| format!("{}/", self.key(prefix)));
        let bucket = self.clone();
        let pages = futures::stream::try_unfold(Some(String::new()), move |after| {
            let (bucket, below) = (bucket.clone(), below.clone());
            async move {
                let Some(after) = after else { return Ok(None) };
                let page = bucket.0.runtime.spawn(Arc::clone(&bucket.0).page(below, after)).await??;
                let next = page.listed.last().filter(|_| page.is_truncated).map(|last| last.key.clone());
                let objects = page.listed.into_iter().filter_map(move |object| {
                    let location = Path::from(object.key.strip_prefix(&bucket.0.prefix)?);
                    let last_modified = Default::default();
                    Some(Ok(ObjectMeta { location, last_modified, size: object.bytes, e_tag: None, version: None }))
                });
                Ok::<_, Error>(Some((futures::stream::iter(objects), next)))
            }
        });
        pages.try_flatten().boxed()
    }

    async fn list_with_delimiter(&self, _: Option<&Path>) -> Result<ListResult> {
        Err(not_offered("list_with_delimiter"))
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        Err(not_offered("copy"))
    }
}

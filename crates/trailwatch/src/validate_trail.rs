//! `POST /_trailwatch/trails/validate`: whether the log files and digests of a trail are as they were delivered, as far as digests
//! say; signed as an import is.
//!
//! The body is JSON: `bucket`, `prefix` (the trail's, may be absent), `from` and `to` (ISO 8601; the day before now when absent; at most
//! 31 days). Looked at are the objects of the caller's account below `AWSLogs/`, region by region, each with its own key. The answer has
//! three lists of sentences: `proved`, `open` (not proved, though nothing is wrong) and `wrong`, and how many `files` were there. It is the
//! work of `trailwatch verify` over a folder, done in the bucket. After 90 seconds, or so many names of files that no trail
//! has them, what was not reached is `open`.

use crate::own::{self, Endpoint, Refusal};
use crate::server::Server;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use model::buckets::{BucketError, Buckets};
use model::limits::{VALIDATED_FILES_MAX, VALIDATED_FINDINGS_MAX, VALIDATIONS_AT_ONCE_MAX};
use model::time::DAY;
use model::{Caller, Scope, Timestamp};
use proof::evidence::Report;
use proof::folder::Files;
use proof::{Unproven, digests};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::{Semaphore, oneshot};
use wire::{Access, HttpRequest, Response};

/// Where it is asked for.
pub const PATH: &str = "/_trailwatch/trails/validate";
const ENDPOINT: Endpoint = Endpoint::ours("ValidateTrail", Access::Read);
/// Who may be answered at once: each reads many files.
static TURNS: Semaphore = Semaphore::const_new(VALIDATIONS_AT_ONCE_MAX);
const DAYS_MAX: i64 = 31;
/// Most digests, and files that digests name, that are verified.
const NAMES_MAX: usize = 2 * VALIDATED_FILES_MAX;
/// Longest verification; shorter than a connection may be silent.
const TIME_MAX: Duration = Duration::from_secs(90);
/// Most regions below one folder.
const REGIONS_MAX: usize = 64;
/// Above the years of a region in the order of keys.
const LAST: char = '~';

/// The body.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Asked {
    bucket: String,
    prefix: String,
    from: Option<String>,
    to: Option<String>,
}

/// Answers a request; it is recorded before. It ends when `hung_up` resolves: then nobody waits for the answer.
pub async fn answer(
    server: &Server,
    request: &HttpRequest,
    source_ip: &str,
    hung_up: oneshot::Receiver<()>,
) -> Response {
    let asked: Result<Asked, _> = serde_json::from_slice(&request.body);
    let parameters = asked.as_ref().ok().and_then(|asked| serde_json::to_value(asked).ok());
    let run = async |caller: &Caller| {
        let work =
            async { run(server, caller, asked.map_err(|error| Refusal::invalid(format!("The body: {error}")))?).await };
        own::while_waited_for(hung_up, work).await
    };
    own::answered(ENDPOINT.call(server, (request, source_ip), parameters, run).await)
}

async fn run(server: &Server, caller: &Caller, asked: Asked) -> Result<Value, Refusal> {
    let now = server.clock.now();
    let time = |text: &Option<String>, otherwise: Timestamp| match text {
        None => Ok(otherwise),
        Some(text) => {
            Timestamp::parse_iso(text).ok_or_else(|| Refusal::invalid(format!("{text} is no time (ISO 8601)")))
        }
    };
    let to = time(&asked.to, now)?;
    let from = time(&asked.from, to - DAY)?;
    if from >= to || to - from > DAYS_MAX * DAY {
        return Err(Refusal::invalid(format!("from must be before to, by at most {DAYS_MAX} days")));
    }
    let Ok(turn) = TURNS.try_acquire() else {
        return Err(Refusal::new(400, "LimitExceeded", "Another trail is being validated. Wait until it is done."));
    };
    let scope = caller.scope.clone();
    let prefix = asked.prefix.trim_matches('/');
    let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
    let prefix = format!("{prefix}AWSLogs/{}/", scope.account);
    let buckets: Arc<dyn Buckets> = Arc::clone(&server.buckets) as Arc<dyn Buckets>;
    let stopped = Arc::new(AtomicBool::new(false));
    // Also when nobody waits any more.
    let stop = Stop(Arc::clone(&stopped));
    let bucket = Arc::new(Bucket { buckets, name: asked.bucket, prefix, stopped, asked: AtomicUsize::new(0) });
    let (listed, owner) = (Arc::clone(&bucket), scope.clone());
    let files = blocking(move || listed.files(&owner, from, to)).await?;
    let mut report = Report::default();
    let mut regions = Vec::new();
    for (region, paths) in files.into_iter().filter(|(_, paths)| !paths.is_empty()) {
        let owner = Scope { account: scope.account.clone(), region };
        let keys = server.trail.catalog.digest_keys(&owner, from, to, None, 2).await?;
        let key = match keys.as_slice() {
            [key] => STANDARD.decode(&key.public_key).ok(),
            _ => None,
        };
        match keys.len() {
            0 => report.open.push(format!("signatures of {}: the region has no key for digests", owner.region)),
            1 => {}
            _ => report.open.push(format!(
                "signatures of {}: its key changed in this time; ask for the time before or after",
                owner.region
            )),
        }
        regions.push((paths, key));
    }
    let verifying = blocking(move || {
        // The next may begin when this one has really ended.
        let _turn = turn;
        let count = regions.iter().map(|(paths, _)| paths.len()).sum();
        for (paths, key) in regions {
            report.extend(digests::verify(&*bucket, &paths, key.as_deref()));
        }
        Ok(told(report, count))
    });
    tokio::pin!(verifying);
    match tokio::time::timeout(TIME_MAX, &mut verifying).await {
        Ok(told) => told,
        Err(_) => {
            drop(stop);
            verifying.await
        }
    }
}

/// Ends a verification when it is dropped.
struct Stop(Arc<AtomicBool>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Work on files, on a thread of its own.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Refusal> + Send + 'static) -> Result<T, Refusal> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        tracing::error!(%error, "validate a trail");
        Err(Refusal::new(500, "InternalFailure", "The validation was not finished. See the server's log."))
    })
}

fn refused(error: BucketError) -> Refusal {
    match error {
        BucketError::Unreachable(reason) => {
            tracing::warn!(reason, "validate a trail");
            Refusal::new(503, "BucketUnreachable", "The bucket cannot be reached. See the server's log.")
        }
        error => Refusal::invalid(format!("The bucket: {error}")),
    }
}

fn told(report: Report, files: usize) -> Value {
    let some = |lines: Vec<String>| {
        let more = lines.len().saturating_sub(VALIDATED_FINDINGS_MAX);
        let mut some: Vec<String> = lines.into_iter().take(VALIDATED_FINDINGS_MAX).collect();
        some.extend((more > 0).then(|| format!("and {more} more")));
        some
    };
    let mut open = report.open;
    if files == 0 {
        open.push("anything: there are no log files and no digests of this time".into());
    }
    json!({ "files": files, "proved": some(report.proved), "open": some(open), "wrong": some(report.wrong) })
}

/// The files of one account in a bucket.
struct Bucket {
    buckets: Arc<dyn Buckets>,
    name: String,
    /// Of all that is looked at.
    prefix: String,
    /// No more is to be read.
    stopped: Arc<AtomicBool>,
    /// How often more was asked for.
    asked: AtomicUsize,
}

impl Bucket {
    /// Keys of log files and digests of these days, by region.
    fn files(&self, owner: &Scope, from: Timestamp, to: Timestamp) -> Result<BTreeMap<String, Vec<String>>, Refusal> {
        self.buckets.check(owner, &self.name).map_err(refused)?;
        let (mut found, mut count) = (BTreeMap::<String, Vec<String>>::new(), 0);
        for kind in ["CloudTrail", "CloudTrail-Digest"] {
            let folder = format!("{}{kind}/", self.prefix);
            for region in self.regions(&folder)? {
                let files = found.entry(region.clone()).or_default();
                for day in from.millis().div_euclid(DAY)..=to.millis().div_euclid(DAY) {
                    // 2026-11-26T…
                    let date = Timestamp(day * DAY).iso_seconds()[..10].replace('-', "/");
                    self.list(&format!("{folder}{region}/{date}/"), files, &mut count)?;
                }
            }
        }
        Ok(found)
    }

    fn regions(&self, folder: &str) -> Result<Vec<String>, Refusal> {
        let mut regions: Vec<String> = Vec::new();
        let mut after = String::new();
        while regions.len() < REGIONS_MAX {
            let found = self.buckets.list(&self.name, folder, &after, 1).map_err(refused)?;
            let Some(key) = found.first().and_then(|found| found.key.strip_prefix(folder)) else { break };
            let region = key.split('/').next().unwrap_or_default();
            after = format!("{folder}{region}/{LAST}");
            regions.push(region.to_owned());
        }
        Ok(regions)
    }

    fn list(&self, folder: &str, files: &mut Vec<String>, count: &mut usize) -> Result<(), Refusal> {
        let mut after = String::new();
        loop {
            let found = self.buckets.list(&self.name, folder, &after, 1_000).map_err(refused)?;
            let is_last = found.len() < 1_000;
            *count += found.len();
            files.extend(found.into_iter().map(|found| found.key));
            if *count > VALIDATED_FILES_MAX {
                let text = format!("There are more than {VALIDATED_FILES_MAX} files. Ask for a shorter time.");
                return Err(Refusal::new(400, "LimitExceeded", text));
            }
            match files.last() {
                Some(last) if !is_last => after.clone_from(last),
                _ => return Ok(()),
            }
        }
    }
}

impl Files for Bucket {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, Unproven> {
        // A digest is not trusted to name objects of others.
        if !path.starts_with(&self.prefix) {
            return Ok(None);
        }
        match self.buckets.get(&self.name, path) {
            Ok(object) => Ok(Some(object.body)),
            Err(BucketError::NoSuchKey) => Ok(None),
            Err(error) => Err(Unproven(format!("{path} cannot be read: {error}"))),
        }
    }

    /// Digests are not trusted either to name only as many files as there are.
    fn goes_on(&self) -> bool {
        !self.stopped.load(Ordering::Relaxed) && self.asked.fetch_add(1, Ordering::Relaxed) < NAMES_MAX
    }
}

#[cfg(test)]
mod tests;

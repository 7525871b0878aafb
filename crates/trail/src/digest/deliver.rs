//! Makes the digests that are due and puts them into the buckets of their trails.
//!
//! A digest is planned, signed, in the catalog before it is put, and put again, the same, until the bucket has it: a crash
//! leaves neither a file in two digests nor one in none. A round ends when the slowest bucket has answered. A chain that fails
//! stops no other; it is tried again after one second, then two, up to a minute.
//!
//! The chain of a trail's home region begins when it logs and validates; those of other regions, and of other accounts of an
//! organization, at the window in which their first log file was delivered: AWS writes digests for every region of the
//! partition, we for those in which something happened. A chain ends with logging, validation or the trail; its last digest is
//! the first that comes after all that the trail had to deliver. Logging or validation that begins again begins a new chain,
//! and the old one ends there. Of a trail that is deleted and made again under its name, files of the old one that are delivered
//! after the new one logs are in no digest.

use super::body::{Body, Cover, Link, LogFile};
use super::keys::{self, Error, KeyStore};
use super::object_key::{TrailName, object_key};
use super::signing_key::KeyError;
use super::window::Window;
use super::{Signed, sign};
use crate::Trail;
use crate::delivery::key::Folder;
use crate::delivery::told;
use catalog::DigestChain;
use model::buckets::{BucketError, Buckets, NewObject};
use model::time::{MINUTE, SECOND};
use model::{Scope, Timestamp};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::task::{JoinError, JoinSet};

/// Most digests that one chain catches up in one round.
const CATCH_UP_MAX: usize = 64;
/// Most digests that are put at the same time.
const PUTS_MAX: usize = 8;
/// Longest wait before a digest is put again, ms.
const RETRY_MAX: i64 = MINUTE;

/// The digests of all trails. One for the life of the process, for it knows what failed when.
#[derive(Debug, Default)]
pub struct Digests {
    failures: HashMap<i64, Failure>,
}

#[derive(Debug)]
struct Failure {
    times: u32,
    again: Timestamp,
}

impl Digests {
    /// Makes and puts what is due. Failures are told to the log and in the status of the trail.
    pub async fn run_due(&mut self, trail: &Trail) {
        let Some(store) = trail.digest_keys.clone() else { return };
        if let Err(error) = self.rounds(trail, &store).await {
            tracing::error!(%error, "make digests");
        }
    }

    async fn rounds(&mut self, trail: &Trail, store: &Arc<KeyStore>) -> Result<(), catalog::Error> {
        begin_chains(trail).await?;
        for _ in 0..CATCH_UP_MAX {
            let chains = trail.catalog.digest_chains().await?;
            self.failures.retain(|id, _| chains.iter().any(|chain| chain.id == *id));
            let mut moved = false;
            for chain in chains.iter().filter(|chain| chain.planned.is_none()) {
                if !self.is_due(chain, trail.clock.now()) {
                    continue;
                }
                match plan(trail, store, chain, closes(&chains, chain)).await {
                    Ok(changed) => moved |= changed,
                    Err(Error::Catalog(error)) => return Err(error),
                    Err(Error::Key(error)) => self.broken(trail, chain, &error).await?,
                }
            }
            let delivered = self.put_planned(trail, store).await?;
            if !moved && !delivered {
                break;
            }
        }
        Ok(())
    }

    fn is_due(&self, chain: &DigestChain, now: Timestamp) -> bool {
        self.failures.get(&chain.id).is_none_or(|failure| failure.again <= now)
    }

    /// Puts every planned digest whose chain did not fail a moment ago; true when one was delivered.
    async fn put_planned(&mut self, trail: &Trail, store: &Arc<KeyStore>) -> Result<bool, catalog::Error> {
        let now = trail.clock.now();
        let chains = trail.catalog.digest_chains().await?.into_iter();
        let waiting = chains.filter(|chain| chain.planned.is_some() && self.is_due(chain, now));
        let mut waiting = waiting.collect::<Vec<_>>().into_iter();
        let (mut putting, mut delivered) = (JoinSet::new(), false);
        loop {
            while putting.len() < PUTS_MAX
                && let Some(chain) = waiting.next()
            {
                match parse::<Signed>(chain.planned.as_deref().unwrap_or_default()) {
                    Ok(signed) => drop(putting.spawn(put(Arc::clone(&trail.buckets), chain, signed))),
                    Err(error) => self.broken(trail, &chain, &error).await?,
                }
            }
            let Some(ended) = putting.join_next().await else { return Ok(delivered) };
            let Ok((chain, ended)) = ended else { continue };
            let noted = match ended {
                Ok((signed, Ok(()))) => self.delivered(trail, &chain, &signed).await.map(|()| delivered = true),
                Ok((signed, Err(error))) => self.failed(trail, store, &chain, signed, &error).await,
                Err(error) => Err(KeyError(error.to_string()).into()),
            };
            match noted {
                Ok(()) => {}
                Err(Error::Catalog(error)) => return Err(error),
                Err(Error::Key(error)) => self.broken(trail, &chain, &error).await?,
            }
        }
    }

    async fn delivered(&mut self, trail: &Trail, chain: &DigestChain, signed: &Signed) -> Result<(), Error> {
        self.failures.remove(&chain.id);
        let (link, backfill) = (text(&signed.link)?, signed.backfilled.is_some());
        Ok(trail.catalog.deliver_digest(chain, &link, backfill, trail.clock.now()).await?)
    }

    /// Notes that a digest could not be made, or not be read again: no fault of its bucket.
    async fn broken(&mut self, trail: &Trail, chain: &DigestChain, error: &KeyError) -> Result<(), catalog::Error> {
        let now = trail.clock.now();
        self.wait(chain, now);
        tracing::error!(trail = chain.name, region = chain.region, %error, "make a digest");
        trail.catalog.note_trail_digest(chain.trail_id, now, Some("InternalError: The digest cannot be made")).await
    }

    fn wait(&mut self, chain: &DigestChain, now: Timestamp) {
        let failure = self.failures.entry(chain.id).or_insert(Failure { times: 0, again: now });
        failure.again = now + (SECOND << failure.times.min(10)).min(RETRY_MAX);
        failure.times = failure.times.saturating_add(1);
    }

    /// Notes a failure. A digest whose trail has another place for it by now is signed anew for that; one that a bucket refuses
    /// whose trail is gone is given up, as nobody can mend that.
    async fn failed(
        &mut self,
        trail: &Trail,
        store: &Arc<KeyStore>,
        chain: &DigestChain,
        signed: Signed,
        error: &BucketError,
    ) -> Result<(), Error> {
        let now = trail.clock.now();
        self.wait(chain, now);
        let (bucket, key) = (&signed.link.bucket, &signed.link.key);
        let reason = match error {
            BucketError::Unreachable(reason) => reason.clone(),
            known => known.to_string(),
        };
        tracing::warn!(trail = chain.name, bucket, key, reason, "a digest was not delivered");
        trail.catalog.note_trail_digest(chain.trail_id, now, Some(&told(error))).await?;
        if chain.ended_ms.is_some() && error.is_clients() {
            let row = trail.catalog.trail(&chain.home(), &chain.name).await?;
            if row.is_none_or(|row| row.id != chain.trail_id) {
                tracing::warn!(trail = chain.name, bucket, key, "the last digest of a deleted trail is given up");
                return Ok(trail.catalog.drop_digest_chain(chain.id).await?);
            }
        }
        let body: Body = parse(&signed.json)?;
        let (Some(start), Some(end)) =
            (Timestamp::parse_iso(&body.digest_start_time), Timestamp::parse_iso(&body.digest_end_time))
        else {
            return Ok(());
        };
        let window = Window { start, end, backfill: signed.backfilled.is_some() };
        if (bucket.clone(), key.clone()) == place(trail, chain, window) {
            return Ok(());
        }
        let again = signed_with(trail, store, chain, window, body.log_files).await?;
        trail.catalog.replan_digest(chain, &text(&again)?).await?;
        Ok(())
    }
}

/// What became of a put: the digest with the bucket's answer, or a lost thread.
type Ended = Result<(Signed, Result<(), BucketError>), JoinError>;

async fn put(buckets: Arc<dyn Buckets>, chain: DigestChain, signed: Signed) -> (DigestChain, Ended) {
    let home = chain.home();
    let putting = tokio::task::spawn_blocking(move || {
        let put = object(&signed).and_then(|object| {
            buckets.check(&home, &signed.link.bucket)?;
            buckets.put(&signed.link.bucket, &signed.link.key, object)
        });
        (signed, put)
    });
    (chain, putting.await)
}

/// Begins the chains of accounts and regions of which a trail delivered its first file.
async fn begin_chains(trail: &Trail) -> Result<(), catalog::Error> {
    let chains = trail.catalog.digest_chains().await?;
    for home in chains.iter().filter(|chain| chain.events() == chain.home()) {
        let started = Timestamp(home.started_ms);
        for (events, first) in trail.catalog.undigested_scopes(home.trail_id, started).await? {
            let has_chain = chains.iter().any(|chain| {
                chain.trail_id == home.trail_id && chain.events() == events && chain.started_ms >= home.started_ms
            });
            if !has_chain && closes(&chains, home).is_none_or(|closes| first < closes) {
                let from = first.floor_to(trail.settings.digest_interval).max(started);
                trail.catalog.begin_digest_chain(home, &events, from).await?;
            }
        }
    }
    Ok(())
}

/// Where a chain ends because another of the same name and region begins, whose keys would be the same.
fn closes(chains: &[DigestChain], chain: &DigestChain) -> Option<Timestamp> {
    let place = |chain: &DigestChain| (chain.home(), chain.name.clone(), chain.events());
    let later = chains.iter().filter(|other| other.id > chain.id && place(other) == place(chain));
    later.map(|other| Timestamp(other.started_ms)).min()
}

/// Plans the next digest of a chain, if it is due; a chain that has nothing left to say goes. True when something changed.
async fn plan(
    trail: &Trail,
    store: &Arc<KeyStore>,
    chain: &DigestChain,
    closes: Option<Timestamp>,
) -> Result<bool, Error> {
    let next = Timestamp(chain.next_ms);
    if let Some(ended) = chain.ended_ms.map(Timestamp) {
        let finished = match closes {
            Some(closes) => closes <= next,
            None => next >= ended && !trail.catalog.awaits_digest(chain).await?,
        };
        if finished {
            trail.catalog.drop_digest_chain(chain.id).await?;
            return Ok(true);
        }
    }
    let Some(window) = Window::due(next, closes, trail.settings.digest_interval, trail.clock.now()) else {
        return Ok(false);
    };
    let files = trail.catalog.undigested_trail_files(chain, window.end).await?;
    let listed = files.iter().map(|file| {
        let (oldest, newest) = (Timestamp(file.oldest_ms), Timestamp(file.newest_ms));
        LogFile::new(&file.bucket, &file.object_key, &file.sha256, oldest, newest)
    });
    let signed = signed_with(trail, store, chain, window, listed.collect()).await?;
    Ok(trail.catalog.plan_digest(chain, window.end, &text(&signed)?, &files).await?)
}

/// Signs a digest of a chain with the key of its region. Who owns the trail can list the key, so it is the trail's account's.
async fn signed_with(
    trail: &Trail,
    store: &Arc<KeyStore>,
    chain: &DigestChain,
    window: Window,
    files: Vec<LogFile>,
) -> Result<Signed, Error> {
    let owner = Scope { account: chain.account.clone(), region: chain.region.clone() };
    let key = keys::current(trail, store, &owner).await?;
    let previous = if window.backfill { &chain.last_backfill } else { &chain.last };
    let previous = previous.as_deref().map(parse::<Link>).transpose()?;
    let (place, now) = (place(trail, chain, window), trail.clock.now());
    let account = chain.events_account.clone();
    let signing = tokio::task::spawn_blocking(move || {
        let cover = Cover { account: &account, window, bucket: &place.0, key: &place.1 };
        sign(cover, previous.as_ref(), files, &key, now)
    });
    Ok(signing.await.map_err(|error| KeyError(error.to_string()))??)
}

/// Bucket and key of a digest of a chain.
fn place(trail: &Trail, chain: &DigestChain, window: Window) -> (String, String) {
    let organization = trail.settings.organization_id.as_deref().filter(|_| chain.organization);
    let folder = Folder { prefix: chain.prefix.as_deref(), organization, account: &chain.events_account };
    let name = TrailName { home_region: &chain.home_region, name: &chain.name };
    (chain.bucket.clone(), object_key(folder, name, &chain.region, window.end, window.backfill))
}

fn object(signed: &Signed) -> Result<NewObject, BucketError> {
    let body = signed.object().map_err(|error| BucketError::Unreachable(error.to_string()))?;
    Ok(NewObject {
        body,
        metadata: signed.metadata(),
        content_type: Some("application/json".into()),
        content_encoding: Some("gzip".into()),
    })
}

fn text(document: &impl serde::Serialize) -> Result<String, KeyError> {
    serde_json::to_string(document).map_err(|error| KeyError(error.to_string()))
}

fn parse<T: serde::de::DeserializeOwned>(document: &str) -> Result<T, KeyError> {
    serde_json::from_str(document).map_err(|error| KeyError(error.to_string()))
}

//! `Follower`: holds new audit events against the rules, and hands over what they find.

use super::finding;
use super::rules::{Folder, RuleFile, Rules};
use crate::Trail;
use model::time::SECOND;
use model::{Datapoint, Event, Timestamp};
use std::collections::HashSet;
use std::pin::Pin;
use std::sync::Arc;
use store::EventRow;
use tokio::task::JoinError;

/// Records read at a time, bytes.
const PAGE_BYTES: usize = 256 * 1024;
/// Findings that are stored together: about this many.
const BATCH_FINDINGS: usize = 256;
/// How often the folder is looked at, milliseconds.
const RELOAD_MS: i64 = 10 * SECOND;

/// How often the position is written while nothing is found, milliseconds.
const NOTE_MS: i64 = 10 * SECOND;

/// What storing findings comes to, once it is done.
pub type Appending<'a> = Pin<Box<dyn Future<Output = Result<(), store::Error>> + Send + 'a>>;

/// Where findings go. This plane knows no log groups: who joins the planes adds what trails deliver.
pub trait Findings: Send + Sync + 'static {
    /// Makes audit events and datapoints durable, all of them or nothing.
    fn append(&self, events: Vec<Event>, datapoints: Vec<Datapoint>) -> Appending<'_>;
}

/// Why a round ended early; what it had not done is done by the next.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// The folder could not be listed.
    #[error("list the folder of rules: {0}")]
    Folder(#[from] std::io::Error),
    /// Events could not be read, or findings not stored.
    #[error("records: {0}")]
    Store(#[from] store::Error),
    /// The catalog could not be asked.
    #[error(transparent)]
    Catalog(#[from] catalog::Error),
    /// A thread was lost.
    #[error("a thread: {0}")]
    Join(#[from] JoinError),
}

/// Follows audit events.
pub struct Follower {
    folder: Arc<dyn Folder>,
    findings: Arc<dyn Findings>,
    rules: Arc<Rules>,
    /// False until the folder was read once.
    has_rules: bool,
    files: Vec<RuleFile>,
    looked: Option<Timestamp>,
    /// Where it begins when nothing was ever noted.
    begin: u64,
    /// When the position was written last.
    noted: Option<Timestamp>,
    /// Every event below it was looked at; `None` before the first round.
    done: Option<u64>,
}

impl Follower {
    /// A follower that has not begun. The first of all begins with the event whose sequence is `begin`, later ones where the last stood.
    pub fn new(folder: Arc<dyn Folder>, findings: Arc<dyn Findings>, begin: u64) -> Self {
        Self {
            folder,
            findings,
            rules: Arc::default(),
            has_rules: false,
            files: Vec::new(),
            looked: None,
            begin,
            noted: None,
            done: None,
        }
    }

    /// Looks at all that was accepted since the last round, and at the folder when it is time.
    pub async fn round(&mut self, trail: &Trail) -> Result<(), Failed> {
        let reloaded = self.reload(trail.clock.now()).await;
        // Without any rules yet events wait for them.
        if !self.has_rules {
            return reloaded;
        }
        let end = trail.store.event_sequence();
        if self.done != Some(end) {
            self.follow(trail, end).await?;
        }
        reloaded
    }

    /// Reads the rules again when files have changed. While the folder cannot be read, the last rules stay.
    async fn reload(&mut self, now: Timestamp) -> Result<(), Failed> {
        // Also when the clock was set back.
        if self.looked.is_some_and(|looked| (0..RELOAD_MS).contains(&(now - looked))) {
            return Ok(());
        }
        let first = !self.has_rules;
        self.looked = Some(now);
        let (folder, known) = (Arc::clone(&self.folder), self.files.clone());
        let read = move || {
            let files = folder.files()?;
            if !first && files == known {
                return Ok::<_, std::io::Error>(None);
            }
            let rules = Rules::load(&*folder, &files);
            Ok(Some((files, rules)))
        };
        let Some((files, rules)) = tokio::task::spawn_blocking(read).await?? else { return Ok(()) };
        for broken in &rules.broken {
            tracing::warn!(
                file = broken.file,
                line = broken.problem.line,
                reason = broken.problem.reason,
                "rule not used"
            );
        }
        let (used, broken, elsewhere) = (rules.loaded.len(), rules.broken.len(), rules.elsewhere);
        tracing::info!(used, broken, for_other_logs = elsewhere, "rules of detections");
        (self.files, self.rules, self.has_rules) = (files, Arc::new(rules), true);
        Ok(())
    }

    async fn follow(&mut self, trail: &Trail, end: u64) -> Result<(), Failed> {
        let noted = trail.catalog.detection_position().await?;
        let mut position = match (noted, self.done) {
            (Some(_), Some(done)) => done.min(end),
            // Gone while we run: everything else went with it, and events count from the first.
            (None, Some(_)) => 0,
            (Some(next), None) => (next as u64).min(end),
            (None, None) => self.begin.min(end),
        };
        let mut any = false;
        while position < end {
            let page = trail.store.follow_events(position, end, PAGE_BYTES).await?;
            if page.next <= position {
                break;
            }
            position = page.next;
            let found = self.hold(trail, page.events).await?;
            any |= found;
            if found && position < end {
                trail.catalog.set_detection_position(position as i64).await?;
            }
        }
        // Events in which nothing was found may be looked at again: they are not worth a sync several times a second.
        let now = trail.clock.now();
        let is_recent = self.noted.is_some_and(|at| (0..NOTE_MS).contains(&(now - at)));
        if any || noted.is_none() || !is_recent {
            trail.catalog.set_detection_position(position as i64).await?;
            self.noted = Some(now);
        }
        self.done = Some(position);
        Ok(())
    }

    /// Holds events against the rules and stores what they find; true when that was something.
    async fn hold(&self, trail: &Trail, events: Vec<EventRow>) -> Result<bool, Failed> {
        let events: Arc<[EventRow]> = events.into();
        let (mut at, mut any) = (0, false);
        while at < events.len() {
            // Rules and records may be large: not on the threads that answer calls.
            let (rules, page) = (Arc::clone(&self.rules), Arc::clone(&events));
            let found = tokio::task::spawn_blocking(move || find(&rules, &page, at)).await?;
            at = found.next;
            if !found.events.is_empty() {
                any = true;
                self.store(trail, found).await?;
            }
        }
        Ok(any)
    }

    async fn store(&self, trail: &Trail, found: Found) -> Result<(), Failed> {
        let named: Vec<_> = found.events.iter().map(|event| (event.time, event.event_id.as_str())).collect();
        let mut known: HashSet<String> = trail.store.existing_event_ids(&named).await?;
        drop(named);
        let (mut events, mut datapoints) = (Vec::new(), Vec::new());
        for (event, datapoint) in found.events.into_iter().zip(found.datapoints) {
            if known.insert(event.event_id.clone()) {
                events.push(event);
                datapoints.push(datapoint);
            }
        }
        if !events.is_empty() {
            self.findings.append(events, datapoints).await?;
        }
        Ok(())
    }
}

/// What rules found in some events.
struct Found {
    events: Vec<Event>,
    datapoints: Vec<Datapoint>,
    /// The first event that was not looked at.
    next: usize,
}

/// Looks at events from one on until there is enough to store.
fn find(rules: &Rules, rows: &[EventRow], from: usize) -> Found {
    let mut found = Found { events: Vec::new(), datapoints: Vec::new(), next: from };
    let (mut unread, mut first_unread) = (0, None);
    for row in rows.iter().skip(from) {
        found.next += 1;
        let event = &row.event;
        if finding::is_finding(event) {
            continue;
        }
        let Some(matching) = rules.matches(&event.record) else {
            unread += 1;
            first_unread.get_or_insert(&event.event_id);
            continue;
        };
        for loaded in matching {
            if let Some(of_rule) = finding::event(&loaded.rule, event) {
                found.events.push(of_rule);
                found.datapoints.push(finding::datapoint(&loaded.rule, event));
            }
        }
        if found.events.len() >= BATCH_FINDINGS {
            break;
        }
    }
    if let Some(event_id) = first_unread {
        tracing::warn!(
            events = unread,
            event_id,
            "records that no rule can be held against: nested too deep, or a number too large"
        );
    }
    found
}

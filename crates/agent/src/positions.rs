//! What the agent remembers across restarts: how far each file and journal was delivered, and the batches in flight.
//!
//! `positions.json` says what the server acknowledged. `in-flight-….json` holds one batch of one stream, complete, and is
//! written before the batch is sent; it counts as long as its sequence is above the one that positions say of the stream.
//! After a crash such a batch is looked for on the server before it is sent again.

use crate::disk::{Disk, FileId};
use anyhow::Context;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt;

/// Name of the state file of positions.
const POSITIONS: &str = "positions.json";
/// How names of batches in flight begin.
const IN_FLIGHT: &str = "in-flight-";
/// How names of batches begin that the server did not take.
pub const REFUSED: &str = "refused-";
/// Version of the state's format.
const VERSION: u32 = 1;

/// A log group and one of its streams, as `group:stream`; neither may contain a colon.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StreamName(String);

impl StreamName {
    /// Of a group and a stream.
    pub fn new(group: &str, stream: &str) -> Self {
        Self(format!("{group}:{}", stream.replace([':', '*'], "_")))
    }

    /// The group.
    pub fn group(&self) -> &str {
        self.0.split_once(':').map_or(&self.0, |(group, _)| group)
    }

    /// The stream.
    pub fn stream(&self) -> &str {
        self.0.split_once(':').map_or("", |(_, stream)| stream)
    }

    /// Name of the state file of its batch in flight.
    pub fn in_flight(&self) -> String {
        let hash = Sha256::digest(&self.0);
        let digits: String = hash.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
        format!("{IN_FLIGHT}{digits}.json")
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How far a file was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Number of the tail; a file that is truncated gets a new one.
    pub id: u64,
    /// Where the file was last.
    pub path: String,
    /// Which file it is.
    pub file: FileId,
    /// First byte that was not read.
    pub offset: u64,
    /// See [`crate::disk::fingerprint`].
    pub print: u64,
    /// Where its lines go.
    pub stream: StreamName,
}

/// How far a stream was delivered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivered {
    /// Number of the last batch that was acknowledged; the first is 1.
    pub sequence: u64,
    /// Latest time of an event that was acknowledged, milliseconds.
    pub newest: Option<i64>,
}

/// One log event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Milliseconds since the epoch.
    pub timestamp: i64,
    /// Its text, 1 byte or more.
    pub message: String,
}

/// An event of a batch, by which the server is asked whether the batch arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// Which event.
    pub event: usize,
    /// How many equal events (time and text) the stream had before the batch; `None` when the server would not say.
    pub before: Option<u64>,
}

/// A batch that is complete, with how far it goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InFlight {
    /// Where it goes.
    pub stream: StreamName,
    /// Its number in the stream.
    pub sequence: u64,
    /// What to look for; nothing when no event of it will be kept.
    pub probes: Vec<Probe>,
    /// In order of time.
    pub events: Vec<Event>,
    /// How far files are read with it.
    pub files: BTreeMap<u64, Position>,
    /// How far journals are read with it: cursor by stream.
    pub cursors: BTreeMap<StreamName, String>,
}

/// What was acknowledged.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Positions {
    version: u32,
    /// Number of the next tail.
    pub next_id: u64,
    /// Files by number of their tail.
    pub files: BTreeMap<u64, Position>,
    /// Cursors of journals by stream.
    pub cursors: BTreeMap<StreamName, String>,
    /// Streams by name.
    pub streams: BTreeMap<StreamName, Delivered>,
}

impl Positions {
    /// Reads them; empty when there are none.
    ///
    /// # Errors
    /// When they are there but cannot be read: starting anew would send everything twice.
    pub fn load(disk: &dyn Disk) -> anyhow::Result<Self> {
        let Some(bytes) = disk.load(POSITIONS).context("read positions.json")? else {
            return Ok(Self { version: VERSION, ..Self::default() });
        };
        let positions: Self = serde_json::from_slice(&bytes).context("read positions.json")?;
        anyhow::ensure!(positions.version == VERSION, "positions.json has version {}", positions.version);
        Ok(positions)
    }

    /// Writes them.
    ///
    /// # Errors
    /// As the disk gives them.
    pub fn save(&self, disk: &dyn Disk) -> std::io::Result<()> {
        disk.save(POSITIONS, &serde_json::to_vec(self)?)
    }

    /// Batches in flight that count; those that were acknowledged are removed.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn in_flight(&self, disk: &dyn Disk) -> anyhow::Result<Vec<InFlight>> {
        let mut batches = Vec::new();
        for name in disk.state_names().context("list the state directory")? {
            if !name.starts_with(IN_FLIGHT) || !name.ends_with(".json") {
                continue;
            }
            let Some(bytes) = disk.load(&name).with_context(|| format!("read {name}"))? else { continue };
            let batch: InFlight = serde_json::from_slice(&bytes).with_context(|| format!("read {name}"))?;
            if batch.sequence > self.streams.get(&batch.stream).map_or(0, |delivered| delivered.sequence) {
                batches.push(batch);
            } else if let Err(error) = disk.remove(&name) {
                tracing::debug!(%error, name, "remove a batch that was delivered");
            }
        }
        Ok(batches)
    }
}

impl InFlight {
    /// Writes it.
    ///
    /// # Errors
    /// As the disk gives them.
    pub fn save(&self, disk: &dyn Disk) -> std::io::Result<()> {
        disk.save(&self.stream.in_flight(), &serde_json::to_vec(self)?)
    }
}

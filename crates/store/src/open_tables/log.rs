//! `TableLog`: the log of one table: replayed when it is opened, kept in memory, and continued commit by commit.
//!
//! Commits are `_delta_log/<version as 20 digits>.json`, a line for each action. After some commits a checkpoint
//! (`checkpoint.rs`) says the same in one file, and `_last_checkpoint` where it is; commits and checkpoints before the checkpoint
//! before it go, so that the log does not grow. Older versions cannot be asked for then.

use super::actions::Format;
use super::actions::{Add, Line, MetaData, Protocol, Remove, Texts, Txn};
use super::{APPLICATION, TableKind, checkpoint, schema};
use crate::disk::{Disk, LocalDisk, create_folder};
use crate::error::{Error, Result};
use crate::folder::SyncedFolder;
use model::{Ids, Timestamp};
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, PutMode, PutOptions, PutPayload};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const FOLDER: &str = "_delta_log";
const LAST_CHECKPOINT: &str = "_last_checkpoint";

/// What the actions of a log come to.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct TableState {
    pub protocol: Option<Protocol>,
    pub meta_data: Option<MetaData>,
    pub txns: BTreeMap<String, Txn>,
    pub active: BTreeMap<String, Add>,
    /// Files that may still be read by who opened an older version.
    pub removed: BTreeMap<String, Remove>,
}

impl TableState {
    /// Takes an action in. Actions of one commit may come in any order: no path is in two of them.
    pub(super) fn apply(&mut self, line: Line) {
        let Line { commit_info: _, protocol, meta_data, txn, add, remove } = line;
        self.protocol = protocol.or(self.protocol.take());
        self.meta_data = meta_data.or(self.meta_data.take());
        if let Some(txn) = txn {
            self.txns.insert(txn.app_id.clone(), txn);
        }
        if let Some(remove) = remove {
            self.active.remove(&remove.path);
            self.removed.insert(remove.path.clone(), remove);
        }
        if let Some(add) = add {
            self.removed.remove(&add.path);
            self.active.insert(add.path.clone(), add);
        }
    }

    /// The actions that come to this state.
    pub(super) fn lines(&self) -> Vec<Line> {
        let head = self.protocol.clone().map(Line::from).into_iter().chain(self.meta_data.clone().map(Line::from));
        let head = head.chain(self.txns.values().cloned().map(Line::from));
        let adds = self.active.values().cloned().map(Line::from);
        head.chain(adds).chain(self.removed.values().cloned().map(Line::from)).collect()
    }
}

/// The log of one table.
#[derive(Debug)]
pub(super) struct TableLog {
    folder: PathBuf,
    objects: SyncedFolder,
    state: TableState,
    /// The last version; `None` before the first.
    version: Option<u64>,
    /// The version that the last checkpoint shows.
    checkpoint: Option<u64>,
    /// The folder may hold files that nobody needs.
    is_unswept: bool,
}

impl TableLog {
    /// The log in the folder of a table, which is made.
    pub(super) async fn load(folder: &Path) -> Result<Self> {
        let log_folder = folder.join(FOLDER);
        create_folder(&log_folder).map_err(Error::io("create", &log_folder))?;
        let opened = SyncedFolder::new(folder, Arc::new(LocalDisk));
        let objects = opened.map_err(Error::object("open", &FOLDER.into()))?;
        let (versions, checkpoints) = list(&log_folder)?;
        let checkpoint = checkpoints.last().copied();
        let mut log = Self {
            folder: folder.to_owned(),
            objects,
            state: TableState::default(),
            version: checkpoint,
            checkpoint,
            is_unswept: true,
        };
        if let Some(version) = checkpoint {
            let path = checkpoint_path(version);
            let bytes = LocalDisk.read(&folder.join(path.as_ref())).map_err(Error::io("read", &log_folder))?;
            checkpoint::decode(bytes.into(), &path)?.into_iter().for_each(|line| log.state.apply(line));
        }
        for version in versions.into_iter().filter(|version| checkpoint.is_none_or(|checkpoint| *version > checkpoint))
        {
            log.replay(version)?;
        }
        if log.version.is_some() && !log.state.txns.contains_key(APPLICATION) {
            let reason = "the log is of another program's table; choose another folder";
            return Err(Error::corrupt(log_folder.display().to_string(), 0, reason));
        }
        Ok(log)
    }

    fn replay(&mut self, version: u64) -> Result<()> {
        let file = self.folder.join(commit_path(version).as_ref());
        let corrupt = |reason: String| Error::corrupt(file.display().to_string(), 0, reason);
        if version != self.next_version() {
            return Err(corrupt(format!("version {} is missing before it", self.next_version())));
        }
        let bytes = LocalDisk.read(&file).map_err(Error::io("read", &file))?;
        for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()) {
            let line = serde_json::from_slice(line).map_err(|error: serde_json::Error| corrupt(error.to_string()))?;
            self.state.apply(line);
        }
        self.version = Some(version);
        Ok(())
    }

    fn next_version(&self) -> u64 {
        self.version.map_or(0, |version| version + 1)
    }

    /// The folder of the table.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The files of the newest version.
    pub(super) fn active(&self) -> impl Iterator<Item = &Add> {
        self.state.active.values()
    }

    pub(super) fn has(&self, path: &str) -> bool {
        self.state.active.contains_key(path)
    }

    pub(super) fn get(&self, path: &str) -> Option<&Add> {
        self.state.active.get(path)
    }

    pub(super) fn commits_since_checkpoint(&self) -> u64 {
        self.next_version().saturating_sub(self.checkpoint.map_or(0, |version| version + 1))
    }

    /// Protocol and metadata, where the log does not have them as they are now: in a new table, and after an upgrade.
    pub(super) fn head(&self, kind: TableKind, now: Timestamp, ids: &dyn Ids) -> Result<Vec<Line>> {
        let mut lines = Vec::new();
        if self.state.protocol.is_none() {
            lines.push(Protocol::OURS.into());
        }
        let schema_string = schema::delta(&schema::arrow(kind))?;
        let columns = schema::stats_columns(kind).join(",");
        let configuration = Texts::from([("delta.dataSkippingStatsColumns".into(), columns)]);
        let stored = self.state.meta_data.as_ref();
        if stored.is_none_or(|stored| stored.schema_string != schema_string || stored.configuration != configuration) {
            lines.push(Line::from(MetaData {
                id: stored.map_or_else(|| ids.uuid().to_string(), |stored| stored.id.clone()),
                name: Some(kind.name().into()),
                description: Some(schema::description(kind).into()),
                format: Format { provider: "parquet".into(), options: Texts::new() },
                schema_string,
                partition_columns: Vec::new(),
                configuration,
                created_time: Some(stored.and_then(|stored| stored.created_time).unwrap_or(now.0)),
            }));
        }
        Ok(lines)
    }

    /// Puts the next version; answers its number when it is durable, and `None` when somebody else has put it.
    pub(super) async fn commit(
        &mut self,
        lines: Vec<Line>,
        operation: &str,
        manifest: u64,
        now: Timestamp,
    ) -> Result<Option<u64>> {
        let version = self.next_version();
        let engine = concat!("trailwatch ", env!("CARGO_PKG_VERSION"));
        // Members of `operationParameters` are texts.
        let parameters = json!({ "manifest": manifest.to_string() });
        let info = json!({
            "timestamp": now.0, "operation": operation, "operationParameters": parameters, "engineInfo": engine,
        });
        let mut text = String::new();
        for line in std::iter::once(&Line { commit_info: Some(info), ..Line::default() }).chain(&lines) {
            text += &serde_json::to_string(line).map_err(|error| Error::Bug(format!("write an action: {error}")))?;
            text.push('\n');
        }
        match self.put(&commit_path(version), text.into(), PutMode::Create).await {
            Err(Error::ObjectStore { source: object_store::Error::AlreadyExists { .. }, .. }) => return Ok(None),
            put => put?,
        }
        lines.into_iter().for_each(|line| self.state.apply(line));
        self.version = Some(version);
        self.is_unswept = true;
        Ok(Some(version))
    }

    /// Writes a checkpoint of the newest version, and removes what comes before the checkpoint before it.
    pub(super) async fn checkpoint(&mut self) -> Result<()> {
        let Some(version) = self.version else { return Ok(()) };
        let lines = self.state.lines();
        let bytes = checkpoint::encode(&lines)?;
        let pointer = json!({ "version": version, "size": lines.len(), "sizeInBytes": bytes.len() }).to_string();
        self.put(&checkpoint_path(version), bytes.into(), PutMode::Overwrite).await?;
        self.put(&format!("{FOLDER}/{LAST_CHECKPOINT}").into(), pointer.into(), PutMode::Overwrite).await?;
        if let Some(before) = self.checkpoint.replace(version) {
            let (versions, checkpoints) = list(&self.folder.join(FOLDER))?;
            let commits = versions.into_iter().filter(|version| *version < before).map(commit_path);
            let checkpoints = checkpoints.into_iter().filter(|version| *version < before).map(checkpoint_path);
            for path in commits.chain(checkpoints) {
                remove(&self.folder.join(path.as_ref()))?;
            }
        }
        Ok(())
    }

    async fn put(&self, path: &ObjectPath, payload: PutPayload, mode: PutMode) -> Result<()> {
        let options = PutOptions { mode, ..PutOptions::default() };
        self.objects.put_opts(path, payload, options).await.map_err(Error::object("write", path))?;
        Ok(())
    }

    /// Forgets files that were removed longer ago than `keep_ms`, and deletes all that neither the newest version nor a reader of an
    /// older one needs: those, and what a crash left.
    pub(super) fn sweep(&mut self, now: Timestamp, keep_ms: i64) -> Result<()> {
        let kept = |remove: &Remove| now.0.saturating_sub(remove.deletion_timestamp.unwrap_or(0)) < keep_ms;
        let before = self.state.removed.len();
        self.state.removed.retain(|_, remove| kept(remove));
        if !self.is_unswept && self.state.removed.len() == before {
            return Ok(());
        }
        let named = |name: &str| self.state.active.contains_key(name) || self.state.removed.contains_key(name);
        for (folder, goes) in [
            (self.folder.clone(), &(|name: &str| is_ours(name) && !named(name)) as &dyn Fn(&str) -> bool),
            // What was staged for a put that a crash cut short.
            (self.folder.join(FOLDER), &|name: &str| name.contains('#')),
        ] {
            let names = LocalDisk.list(&folder).map_err(Error::io("list", &folder))?;
            names.iter().filter(|name| goes(name)).try_for_each(|name| remove(&folder.join(name)))?;
        }
        self.is_unswept = false;
        Ok(())
    }
}

/// True for the name of a file that an exporter makes: two numbers. Nobody else's file is removed.
fn is_ours(name: &str) -> bool {
    let stem = name.strip_suffix(".part").unwrap_or(name);
    let stem = stem.strip_suffix(".parquet").filter(|_| !stem.is_empty()).unwrap_or(stem);
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    stem != name && stem.split_once('-').is_some_and(|(first, second)| is_number(first) && is_number(second))
}

fn remove(path: &Path) -> Result<()> {
    match LocalDisk.remove(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", path)(error)),
        _ => Ok(()),
    }
}

fn commit_path(version: u64) -> ObjectPath {
    format!("{FOLDER}/{version:020}.json").into()
}

fn checkpoint_path(version: u64) -> ObjectPath {
    format!("{FOLDER}/{version:020}.checkpoint.parquet").into()
}

/// Versions of the commits and of the checkpoints in a folder.
fn list(folder: &Path) -> Result<(BTreeSet<u64>, BTreeSet<u64>)> {
    let names = LocalDisk.list(folder).map_err(Error::io("list", folder))?;
    let versions = |suffix: &str| {
        let version = |name: &String| name.strip_suffix(suffix).filter(|digits| digits.len() == 20)?.parse().ok();
        names.iter().filter_map(version).collect()
    };
    Ok((versions(".json"), versions(".checkpoint.parquet")))
}

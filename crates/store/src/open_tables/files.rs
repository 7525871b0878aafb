//! Data files of segments: links to those of events and logs, rows for those of metrics, and what the log says of each.

use super::actions::{Add, ROWS_TAG, Texts};
use super::log::TableLog;
use super::metric_rows;
use crate::disk::sync_folder;
use crate::error::{Error, Result};
use crate::segment::{Keys, Kind, Segment, SegmentEntry};
use model::Timestamp;
use object_store::{ObjectStore, ObjectStoreExt};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

/// The first and the last instant that can be written as text, milliseconds: the first of year 1, and a day before the last of
/// year 9999 (with whatever offset it is written, it must stay in that year). Rows beyond are there all the same.
const TIMES: (i64, i64) = (-62_135_596_800_000, 253_402_207_200_000);
/// What no row's time is later than.
const LATEST: &str = "9999-12-31T23:59:59.999Z";

/// Statistics of a file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Stats {
    pub num_records: u64,
    #[serde(default)]
    pub min_values: Map<String, Value>,
    #[serde(default)]
    pub max_values: Map<String, Value>,
    #[serde(default)]
    pub null_count: Map<String, Value>,
}

impl Stats {
    /// Of a file with this many rows.
    pub(super) fn of(rows: u64) -> Self {
        Self { num_records: rows, ..Self::default() }
    }

    /// Adds the bounds of a column that is never null.
    pub(super) fn with(mut self, column: &str, min: Value, max: Value) -> Self {
        self.min_values.insert(column.into(), min);
        self.max_values.insert(column.into(), max);
        self.null_count.insert(column.into(), 0.into());
        self
    }

    /// The same of times.
    pub(super) fn with_times(self, column: &str, min: i64, max: i64) -> Self {
        let text = |time: i64| Timestamp(time.clamp(TIMES.0, TIMES.1)).iso_millis();
        let max = if max > TIMES.1 { LATEST.to_owned() } else { text(max) };
        self.with(column, text(min).into(), max.into())
    }

    pub(super) fn last_sequence(&self) -> Option<u64> {
        self.max_values.get("sequence")?.as_u64()
    }
}

/// A file that is in place.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct DataFile {
    /// Its name in the folder of the table.
    pub path: String,
    pub bytes: u64,
    pub rows: u64,
    pub stats: Stats,
    /// Hash of its rows, in any order.
    pub hash: Option<u64>,
}

impl DataFile {
    /// Of an action that was written for it.
    fn of(add: &Add) -> Option<Self> {
        let stats = add.stats()?;
        let bytes = u64::try_from(add.size).ok()?;
        Some(Self { path: add.path.clone(), bytes, rows: stats.num_records, hash: add.rows_hash(), stats })
    }

    pub(super) fn add(&self, now: Timestamp, data_change: bool) -> Add {
        Add {
            path: self.path.clone(),
            partition_values: Texts::new(),
            size: i64::try_from(self.bytes).unwrap_or(i64::MAX),
            modification_time: now.0,
            data_change,
            stats: Some(json!(self.stats).to_string()),
            tags: self.hash.map(|hash| Texts::from([(ROWS_TAG.into(), format!("{hash:016x}"))])),
        }
    }

    pub(super) fn last_sequence(&self) -> Option<u64> {
        self.stats.last_sequence()
    }
}

/// Puts the file of a segment into the folder of its table, where it is not there yet; `None` when the segment has gone. The file is
/// durable when this returns.
pub(super) async fn place(
    entry: &SegmentEntry,
    objects: &Arc<dyn ObjectStore>,
    objects_folder: &Path,
    table: &TableLog,
) -> Result<Option<DataFile>> {
    let placed = place_file(entry, objects, objects_folder, table).await;
    match placed {
        Ok(file) => Ok(Some(file)),
        // Its server merged or expired it: a newer manifest is there.
        Err(Error::ObjectStore { source: object_store::Error::NotFound { .. }, .. }) => Ok(None),
        Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

async fn place_file(
    entry: &SegmentEntry,
    objects: &Arc<dyn ObjectStore>,
    objects_folder: &Path,
    table: &TableLog,
) -> Result<DataFile> {
    let index_path = entry.index_path();
    let index = objects.get(&index_path).await.map_err(Error::object("read", &index_path))?;
    let index = index.bytes().await.map_err(Error::object("read", &index_path))?;
    let name = format!("{:020}-{:08x}.parquet", entry.id, crc32fast::hash(&index));
    let path = table.folder().join(&name);
    if path.exists()
        && let Some(file) = table.get(&name).and_then(DataFile::of)
    {
        return Ok(file);
    }
    let mut keys = Vec::new();
    let segment = Segment::open(entry.clone(), Arc::clone(objects)).await?.number(None, &mut |key, _| {
        keys.push(Arc::clone(key));
        u32::try_from(keys.len() - 1).unwrap_or(u32::MAX)
    });
    let stats = Stats::of(entry.rows);
    let file = match entry.kind {
        Kind::Metrics => {
            let written = metric_rows::write(&segment, &keys, &path).await?;
            let stats = Stats::of(written.rows).with_times("timestamp", entry.min_time, entry.max_time);
            DataFile { path: name, bytes: written.bytes, rows: written.rows, stats, hash: Some(written.hash) }
        }
        Kind::Logs | Kind::Events => {
            link(&objects_folder.join(entry.path().as_ref()), &path)?;
            let time = if entry.kind == Kind::Logs { "timestamp" } else { "time" };
            let sequences = segment.sequence_ranges().await?;
            let first = sequences.iter().map(|range| range.0).min().unwrap_or(0);
            let last = sequences.iter().map(|range| range.1).max().unwrap_or(0);
            let stats = stats.with_times(time, entry.min_time, entry.max_time);
            let mut stats = stats.with("sequence", long(first), long(last));
            if let Keys::Logs(groups) = &segment.keys {
                let group = |rows: Option<&crate::segment::GroupRows>| long(rows.map_or(0, |rows| rows.group.0));
                stats = stats.with("group", group(groups.first()), group(groups.last()));
            }
            DataFile { path: name, bytes: entry.bytes, rows: entry.rows, stats, hash: None }
        }
    };
    sync_folder(table.folder()).map_err(Error::io("sync", table.folder()))?;
    Ok(file)
}

/// A number of Delta's type `long`.
fn long(number: u64) -> Value {
    i64::try_from(number).unwrap_or(i64::MAX).into()
}

/// Gives a segment a second name.
fn link(source: &Path, path: &Path) -> Result<()> {
    match std::fs::hard_link(source, path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) if error.kind() == ErrorKind::CrossesDevices => {
            // A copy would take the room of the data once more, and each merge of segments would copy again.
            Err(Error::io("link a segment to another file system, where the tables must not be:", path)(error))
        }
        linked => linked.map_err(Error::io("link", source)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_without_a_year_of_four_digits_are_clamped() {
        let stats = Stats::of(2).with_times("time", i64::MIN, i64::MAX);
        assert_eq!(stats.min_values["time"], "0001-01-01T00:00:00.000Z");
        assert_eq!(stats.max_values["time"], LATEST);
        let (last, after) = (TIMES.1, TIMES.1 + 1);
        let stats = Stats::of(2).with_times("time", after, last);
        assert_eq!(stats.min_values["time"], "9999-12-30T22:00:00.000Z", "not after any row");
        assert_eq!(stats.max_values["time"], "9999-12-30T22:00:00.000Z");
        assert_eq!(Stats::of(2).with_times("time", last, after).max_values["time"], LATEST);
        let text = json!(Stats::of(3).with("sequence", 1.into(), 9.into())).to_string();
        let expected =
            r#"{"numRecords":3,"minValues":{"sequence":1},"maxValues":{"sequence":9},"nullCount":{"sequence":0}}"#;
        assert_eq!(text, expected);
        assert_eq!(serde_json::from_str::<Stats>(&text).unwrap().last_sequence(), Some(9));
    }
}

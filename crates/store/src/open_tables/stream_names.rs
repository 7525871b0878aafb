//! The table `log_streams`: which group and stream the numbers in table `logs` are.
//!
//! | column | type | content |
//! | --- | --- | --- |
//! | `group`, `stream` | UInt64 | ids, as in `logs` |
//! | `account`, `region` | Utf8 | whose the group is |
//! | `log_group`, `log_stream` | Utf8 | names |
//!
//! It is one file, written anew when a name has come or gone; deleted groups and streams are not in it.

use super::files::{DataFile, Stats};
use super::log::TableLog;
use crate::disk::{Disk, LocalDisk, sync_folder};
use crate::error::{Error, Result};
use arrow_array::{Array, RecordBatch, StringArray, UInt64Array};
use arrow_schema::{DataType, Field, Schema};
use model::{GroupId, StreamId};
use object_store::path::Path;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use std::sync::Arc;

/// A log stream that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamName {
    /// Its group.
    pub group: GroupId,
    /// The stream.
    pub stream: StreamId,
    /// Account of the group.
    pub account: String,
    /// Region of the group.
    pub region: String,
    /// Name of the group.
    pub log_group: String,
    /// Name of the stream.
    pub log_stream: String,
}

/// The schema of the header.
pub(super) fn schema() -> Arc<Schema> {
    let ids = ["group", "stream"].map(|name| Field::new(name, DataType::UInt64, false));
    let texts = ["account", "region", "log_group", "log_stream"].map(|name| Field::new(name, DataType::Utf8, false));
    Arc::new(Schema::new(ids.into_iter().chain(texts).collect::<Vec<_>>()))
}

/// Puts the file of all streams into the folder of the table, where it is not there yet; none when there is no stream. The file is
/// durable when this returns.
pub(super) fn place(names: &[StreamName], table: &TableLog) -> Result<Option<DataFile>> {
    let groups = || names.iter().map(|name| name.group.0);
    let (Some(first), Some(last)) = (groups().min(), groups().max()) else { return Ok(None) };
    let bytes = encode(names)?;
    // Equal names are equal bytes, as for segments.
    let name = format!("{:08x}-{}.parquet", crc32fast::hash(&bytes), bytes.len());
    let path = table.folder().join(&name);
    if !path.exists() {
        let part = path.with_extension("part");
        LocalDisk.stage(&part, &[&bytes]).map_err(Error::io("write", &part))?;
        LocalDisk.rename(&part, &path).map_err(Error::io("name", &path))?;
        sync_folder(table.folder()).map_err(Error::io("sync", table.folder()))?;
    }
    let rows = names.len() as u64;
    let stats = Stats::of(rows).with("group", first.into(), last.into());
    Ok(Some(DataFile { path: name, bytes: bytes.len() as u64, rows, stats, hash: None }))
}

fn encode(names: &[StreamName]) -> Result<Vec<u8>> {
    let mut names: Vec<&StreamName> = names.iter().collect();
    names.sort_by_key(|name| (name.group, name.stream));
    let text = |of: fn(&StreamName) -> &String| -> Arc<dyn Array> {
        Arc::new(names.iter().map(|name| Some(of(name))).collect::<StringArray>())
    };
    let columns: Vec<Arc<dyn Array>> = vec![
        Arc::new(names.iter().map(|name| name.group.0).collect::<UInt64Array>()),
        Arc::new(names.iter().map(|name| name.stream.0).collect::<UInt64Array>()),
        text(|name| &name.account),
        text(|name| &name.region),
        text(|name| &name.log_group),
        text(|name| &name.log_stream),
    ];
    let batch = RecordBatch::try_new(schema(), columns);
    let batch = batch.map_err(|error| Error::Bug(format!("build rows of names: {error}")))?;
    let properties = WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default())).build();
    let failed = || Error::parquet("encode", &Path::default());
    let mut writer = ArrowWriter::try_new(Vec::new(), schema(), Some(properties)).map_err(failed())?;
    writer.write(&batch).map_err(failed())?;
    writer.into_inner().map_err(failed())
}

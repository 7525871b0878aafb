//! Actions of the Delta protocol, as lines of a commit.

use super::files::Stats;
use model::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// A map as the protocol has it.
pub(super) type Texts = BTreeMap<String, String>;

/// The tag that has the hash of a file's rows.
pub(super) const ROWS_TAG: &str = "trailwatch.rows";

/// One line: exactly one member is there. Actions that we never write are ignored.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Line {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit_info: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Protocol>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meta_data: Option<MetaData>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub txn: Option<Txn>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub add: Option<Add>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remove: Option<Remove>,
}

/// What a reader and a writer must be able to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Protocol {
    pub min_reader_version: i32,
    pub min_writer_version: i32,
}

impl Protocol {
    /// The oldest that has all we need, so that every reader has it.
    pub(super) const OURS: Protocol = Protocol { min_reader_version: 1, min_writer_version: 2 };
}

/// What a table is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MetaData {
    pub id: String,
    pub name: Option<String>,
    pub description: Option<String>,
    pub format: Format,
    pub schema_string: String,
    pub partition_columns: Vec<String>,
    pub configuration: Texts,
    pub created_time: Option<i64>,
}

/// How data files are encoded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Format {
    pub provider: String,
    pub options: Texts,
}

/// How far an application came.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Txn {
    pub app_id: String,
    pub version: i64,
    pub last_updated: Option<i64>,
}

/// A data file comes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Add {
    pub path: String,
    pub partition_values: Texts,
    pub size: i64,
    /// Milliseconds since 1970, as all times here.
    pub modification_time: i64,
    pub data_change: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stats: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Texts>,
}

impl Add {
    /// What is known of the rows; `None` where somebody else wrote the action.
    pub(super) fn stats(&self) -> Option<Stats> {
        serde_json::from_str(self.stats.as_deref()?).ok()
    }

    pub(super) fn rows(&self) -> Option<u64> {
        Some(self.stats()?.num_records)
    }

    pub(super) fn last_sequence(&self) -> Option<u64> {
        self.stats()?.last_sequence()
    }

    pub(super) fn rows_hash(&self) -> Option<u64> {
        u64::from_str_radix(self.tags.as_ref()?.get(ROWS_TAG)?, 16).ok()
    }
}

/// A data file goes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Remove {
    pub path: String,
    pub deletion_timestamp: Option<i64>,
    pub data_change: bool,
    pub extended_file_metadata: Option<bool>,
    pub partition_values: Option<Texts>,
    pub size: Option<i64>,
}

impl Remove {
    /// The end of a file that was added.
    pub(super) fn of(add: &Add, now: Timestamp, data_change: bool) -> Self {
        Self {
            path: add.path.clone(),
            deletion_timestamp: Some(now.0),
            data_change,
            extended_file_metadata: Some(true),
            partition_values: Some(add.partition_values.clone()),
            size: Some(add.size),
        }
    }
}

impl From<Protocol> for Line {
    fn from(protocol: Protocol) -> Self {
        Self { protocol: Some(protocol), ..Self::default() }
    }
}

impl From<MetaData> for Line {
    fn from(meta_data: MetaData) -> Self {
        Self { meta_data: Some(meta_data), ..Self::default() }
    }
}

impl From<Txn> for Line {
    fn from(txn: Txn) -> Self {
        Self { txn: Some(txn), ..Self::default() }
    }
}

impl From<Add> for Line {
    fn from(add: Add) -> Self {
        Self { add: Some(add), ..Self::default() }
    }
}

impl From<Remove> for Line {
    fn from(remove: Remove) -> Self {
        Self { remove: Some(remove), ..Self::default() }
    }
}

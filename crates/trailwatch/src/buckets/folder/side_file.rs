//! What a folder keeps beside the body of an object: ETag, metadata, type; a small JSON file below `.trailwatch`.
//!
//! It is called after the SHA-256 of the key, so that any key has room there. It is durable before the object is, and names up
//! to two versions: the one that is coming and the one that was there. A version belongs to the file of its size and time; so a
//! crash between the two writes leaves the old object with the old metadata. A file that was changed by hand keeps the metadata
//! and has an ETag that is no MD5.

use md5::Md5;
use model::Timestamp;
use model::buckets::{HIDDEN_FOLDER, Head, Metadata, NewObject};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

/// Most bytes read of a side file: two versions with 2 KB of metadata, and a key, each byte escaped.
const BYTES_MAX: u64 = 64 * 1024;

/// The side file of one object.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct SideFile {
    /// For people who look for it.
    key: String,
    /// The latest first.
    pub versions: Vec<Version>,
}

/// What is known of one version of an object.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Version {
    bytes: u64,
    /// As the file of the object says.
    pub modified_ms: i64,
    etag: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    metadata: Metadata,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content_encoding: Option<String>,
}

impl Version {
    /// Of an object whose file was written at `modified`.
    pub fn new(object: NewObject, modified: Timestamp) -> Self {
        Self {
            bytes: object.body.len() as u64,
            modified_ms: modified.0,
            etag: hex(&Md5::digest(&object.body)),
            metadata: object.metadata,
            content_type: object.content_type,
            content_encoding: object.content_encoding,
        }
    }

    /// True when a file is of this version.
    pub fn is_of(&self, file: &fs::Metadata) -> bool {
        file.len() == self.bytes && super::modified(file).0 == self.modified_ms
    }

    /// What is known of the object.
    pub fn into_head(self) -> Head {
        Head {
            bytes: self.bytes,
            modified: Timestamp(self.modified_ms),
            etag: self.etag,
            metadata: self.metadata,
            content_type: self.content_type,
            content_encoding: self.content_encoding,
        }
    }
}

impl SideFile {
    /// The side file of an object; one that is not there, or is not what we wrote, knows nothing.
    pub fn read(root: &Path, key: &str) -> io::Result<Self> {
        let nothing = || Self { key: key.to_owned(), versions: Vec::new() };
        let file = match File::open(path(root, key)) {
            Ok(file) => file,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Ok(nothing());
            }
            Err(error) => return Err(error),
        };
        let mut text = Vec::new();
        file.take(BYTES_MAX).read_to_end(&mut text)?;
        let read = serde_json::from_slice::<Self>(&text).ok().filter(|read| read.key == key);
        Ok(read.unwrap_or_else(nothing))
    }

    /// Makes the side file durable but for the entry in its folder; gives that folder, which is to be synced.
    pub fn write(&self, root: &Path, key: &str) -> io::Result<PathBuf> {
        let path = path(root, key);
        let folder = path.parent().unwrap_or(root).to_owned();
        fs::create_dir_all(&folder)?;
        let unfinished = path.with_extension("unfinished");
        let mut file = File::create(&unfinished)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        file.sync_all()?;
        drop(file);
        fs::rename(&unfinished, &path)?;
        Ok(folder)
    }
}

fn path(root: &Path, key: &str) -> PathBuf {
    let name = hex(&Sha256::digest(key));
    let (folder, name) = name.split_at(2);
    root.join(HIDDEN_FOLDER).join(folder).join(format!("{name}.json"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

//! What a folder keeps beside the body of an object: ETag, metadata, type; a small JSON file below `.trailwatch`.
//!
//! It is called after the SHA-256 of the key, so that any key has room there. It is durable before the object is, and names up
//! to two versions: the one that is coming and the one that was there. A version belongs to the file of its size and time; so a
//! crash between the two writes leaves the old object with the old metadata. A file that was changed by hand keeps the metadata
//! and has an ETag that is no MD5.

use super::beneath::Way;
use md5::Md5;
use model::buckets::{HIDDEN_FOLDER, Head, Metadata, NewObject};
use model::{Timestamp, hex};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;

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
        let (folder, name) = place(key);
        let file = match Way::open(root, &folder).and_then(|way| way.read(&format!("{name}.json"))) {
            Ok((file, _)) => file,
            Err(error) => {
                return match error.kind() {
                    ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::IsADirectory => Ok(nothing()),
                    _ => Err(error),
                };
            }
        };
        let mut text = Vec::new();
        file.take(BYTES_MAX).read_to_end(&mut text)?;
        let read = serde_json::from_slice::<Self>(&text).ok().filter(|read| read.key == key);
        Ok(read.unwrap_or_else(nothing))
    }

    /// Makes the side file durable.
    pub fn write(&self, root: &Path, key: &str) -> io::Result<()> {
        let (folder, name) = place(key);
        let way = Way::make(root, &folder)?;
        let unfinished = format!("{name}.unfinished");
        let mut file = way.create(&unfinished)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        file.sync_all()?;
        drop(file);
        way.rename(&unfinished, &format!("{name}.json"))?;
        way.sync()
    }
}

/// The folder of a side file, and its name without what it ends with.
fn place(key: &str) -> (String, String) {
    let name = hex(&Sha256::digest(key));
    let (folder, name) = name.split_at(2);
    (format!("{HIDDEN_FOLDER}/{folder}"), name.to_owned())
}

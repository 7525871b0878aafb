//! The keys of a folder in order of their bytes, from any key on, in bounded memory.
//!
//! A folder `a` holds keys that begin with `a/`, so it sorts as `a/`: behind `a.txt`, before `a0`. Of each folder on the way only
//! some names are held at a time; a large folder is read again for the next ones. No link is followed on the way (`beneath.rs`).

use super::beneath::{About, Way};
use model::buckets::{HIDDEN_FOLDER, Listed, UNFINISHED, is_key};
use model::limits::OBJECT_KEY_BYTES_MAX;
use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::vec::IntoIter;

/// Most objects of one list, and most names of one folder that are held.
const OBJECTS_MAX: usize = 1000;

/// Which keys are asked for.
#[derive(Clone, Copy)]
struct Range<'a> {
    prefix: &'a str,
    after: &'a str,
}

impl Range<'_> {
    fn has_object(self, key: &str) -> bool {
        key > self.after && key.starts_with(self.prefix) && is_key(key)
    }

    /// True when a key may be in range that begins with `folder`, which ends with a slash.
    fn may_have_below(self, folder: &str) -> bool {
        (folder > self.after || self.after.starts_with(folder))
            && (folder.starts_with(self.prefix) || self.prefix.starts_with(folder))
            && folder.len() < OBJECT_KEY_BYTES_MAX
    }
}

/// A folder on the way.
struct Level {
    /// Its key with a slash at the end; empty at the top.
    folder: String,
    /// What is held of its names, each with its key; those of folders end with a slash, and have nothing else.
    held: IntoIter<(String, Option<About>)>,
    /// The last of `held` when there may be more behind it.
    more_after: Option<String>,
}

impl Level {
    /// The first names that are in range and behind `from`.
    fn read(root: &Path, folder: String, from: &str, range: Range<'_>) -> io::Result<Self> {
        let way = match Way::open(root, &folder) {
            Ok(way) => way,
            // Nothing has been put yet, or someone took the folder away meanwhile.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Ok(Self { folder, held: Vec::new().into_iter(), more_after: None });
            }
            Err(error) => return Err(error),
        };
        let (mut keys, mut has_more) = (BTreeSet::new(), false);
        way.names(|name, is_folder| {
            let key = if is_folder { format!("{folder}{name}/") } else { format!("{folder}{name}") };
            let is_hidden = name.starts_with(UNFINISHED) || (folder.is_empty() && name == HIDDEN_FOLDER);
            let is_wanted = if is_folder { range.may_have_below(&key) } else { range.has_object(&key) };
            if is_hidden || !is_wanted || key.as_str() <= from {
                return;
            }
            keys.insert(key);
            if keys.len() > OBJECTS_MAX {
                keys.pop_last();
                has_more = true;
            }
        })?;
        let more_after = keys.last().filter(|_| has_more).cloned();
        let mut held = Vec::with_capacity(keys.len());
        for key in keys {
            if key.ends_with('/') {
                held.push((key, None));
            } else if let Some(about) = way.about(key.strip_prefix(&folder).unwrap_or(&key))? {
                // One that is gone meanwhile is not listed.
                held.push((key, Some(about)));
            }
        }
        Ok(Self { folder, held: held.into_iter(), more_after })
    }
}

/// Up to `max` objects in order; see `Buckets::list`.
pub fn list(root: &Path, prefix: &str, after: &str, max: usize) -> io::Result<Vec<Listed>> {
    let range = Range { prefix, after };
    let max = max.min(OBJECTS_MAX);
    let mut listed = Vec::new();
    let mut way = vec![Level::read(root, String::new(), "", range)?];
    while listed.len() < max {
        let Some(level) = way.last_mut() else { break };
        match level.held.next() {
            Some((key, Some(About { bytes, modified }))) => listed.push(Listed { key, bytes, modified }),
            Some((folder, None)) => way.push(Level::read(root, folder, "", range)?),
            None => match level.more_after.take() {
                Some(last) => *level = Level::read(root, std::mem::take(&mut level.folder), &last, range)?,
                None => drop(way.pop()),
            },
        }
    }
    Ok(listed)
}

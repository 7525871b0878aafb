//! Real CloudTrail files in: finds them, reads every record out of every form they come in, and stores what is new.
//!
//! Forms: the delivered `{"Records":[…]}`, LookupEvents answers `{"Events":[{"CloudTrailEvent":"…"}]}`, a bare array, one
//! record per line, several documents after each other; each plain or gzip. A file is streamed: memory holds one record.

mod compare;
mod split;

use crate::Trail;
use crate::record::{self, Defaults, NotARecord};
use compare::{Compared, compare};
use model::{Batch, Event, Timestamp, limits};
use serde::{Deserialize, Serialize};
use split::{Element, Splitter};
use std::fmt;
use std::io::{BufRead, BufReader, Chain, Cursor, Read};
use std::path::{Path, PathBuf};

/// Most bytes that come out of one file, compressed or not: a gzip bomb ends here. CloudTrail delivers at most 50 MB
/// compressed.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024 * 1024;
/// Deepest folder that `files` enters.
const FOLDER_DEPTH_MAX: usize = 64;
/// Most bytes of records in one append.
const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Most records in one append.
const BATCH_EVENTS_MAX: usize = 2_000;
/// Names that `files` takes from folders.
const ENDINGS: [&str; 6] = [".json", ".json.gz", ".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz"];

/// A record, or a whole file, that could not be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The file's name.
    pub file: String,
    /// Which record of the file, counted from 0; `None` when it is about the file.
    pub record: Option<u64>,
    /// Why.
    pub reason: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.record {
            Some(index) => write!(f, "{}: record {index}: {}", self.file, self.reason),
            None => write!(f, "{}: {}", self.file, self.reason),
        }
    }
}

/// The files that `paths` mean, in order: a file is itself, a folder is all that it holds with a CloudTrail ending,
/// sorted. Links to folders are not followed. What cannot be read is told to `refused`.
pub fn files(paths: &[PathBuf], refused: &mut dyn FnMut(Refusal)) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in paths {
        match std::fs::metadata(path) {
            Ok(about) if about.is_dir() => walk(path, 0, &mut found, refused),
            Ok(_) => found.push(path.clone()),
            Err(error) => refused(unreadable(path, &error)),
        }
    }
    found
}

fn unreadable(path: &Path, error: &dyn fmt::Display) -> Refusal {
    Refusal { file: path.display().to_string(), record: None, reason: error.to_string() }
}

fn walk(folder: &Path, depth: usize, found: &mut Vec<PathBuf>, refused: &mut dyn FnMut(Refusal)) {
    if depth > FOLDER_DEPTH_MAX {
        return refused(unreadable(folder, &"the folder lies too deep"));
    }
    let mut entries: Vec<_> = match std::fs::read_dir(folder) {
        Ok(entries) => entries.filter_map(Result::ok).collect(),
        Err(error) => return refused(unreadable(folder, &error)),
    };
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => walk(&path, depth + 1, found, refused),
            Ok(_) => {
                let name = entry.file_name().to_string_lossy().to_ascii_lowercase();
                if ENDINGS.iter().any(|ending| name.ends_with(ending)) && path.is_file() {
                    found.push(path);
                }
            }
            Err(error) => refused(unreadable(&path, &error)),
        }
    }
}

/// Reads every record of one file's bytes (gzip is seen by its first bytes) and tells each to `sink`. What is refused
/// does not end the reading, unless nothing after it can be told apart.
pub fn read(input: impl Read, name: &str, defaults: &Defaults, sink: &mut dyn FnMut(Result<Event, Refusal>)) {
    let mut file = Reading { name, defaults, sink, index: 0 };
    match plain(input) {
        Ok(mut bytes) => file.documents(&mut Splitter::new(&mut bytes, limits::AUDIT_EVENT_BYTES_MAX)),
        Err(error) => file.refuse_file(error.to_string()),
    }
}

/// The input, unpacked when it begins like gzip, and bounded.
fn plain(mut input: impl Read) -> std::io::Result<impl BufRead> {
    let mut head = [0_u8; 2];
    let mut filled = 0;
    while let Some(rest) = head.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match input.read(rest)? {
            0 => break,
            read => filled += read,
        }
    }
    let start = Cursor::new(head.into_iter().take(filled).collect::<Vec<u8>>());
    let whole: Chain<_, _> = start.chain(input);
    let unpacked: Unpacked<_> = if head == [0x1f, 0x8b] {
        Unpacked::Gzip(Box::new(flate2::read::MultiGzDecoder::new(whole)))
    } else {
        Unpacked::Plain(whole)
    };
    Ok(BufReader::with_capacity(256 * 1024, unpacked.take(FILE_BYTES_MAX)))
}

enum Unpacked<R: Read> {
    Plain(R),
    Gzip(Box<flate2::read::MultiGzDecoder<R>>),
}

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Unpacked::Plain(reader) => reader.read(into),
            Unpacked::Gzip(reader) => reader.read(into),
        }
    }
}

/// One file being read.
struct Reading<'a> {
    name: &'a str,
    defaults: &'a Defaults,
    sink: &'a mut dyn FnMut(Result<Event, Refusal>),
    index: u64,
}

impl Reading<'_> {
    fn documents(&mut self, splitter: &mut Splitter<'_>) {
        let mut documents = 0_u64;
        loop {
            match splitter.next() {
                Ok(Some(Element::Document)) => documents += 1,
                Ok(Some(Element::Record(bytes))) => self.record(bytes),
                Ok(Some(Element::Broken(reason))) => self.refuse_record(reason.to_owned()),
                Ok(None) if documents == 0 && self.index == 0 => return self.refuse_file("the file is empty".into()),
                Ok(None) => return,
                Err(error) => return self.refuse_file(error.to_string()),
            }
        }
    }

    fn record(&mut self, mut bytes: Vec<u8>) {
        // It stays in memory until it is in a segment: without the room that the splitter left.
        bytes.shrink_to_fit();
        let event = String::from_utf8(bytes)
            .map_err(|_| NotARecord("not UTF-8".into()))
            .and_then(|text| record::parse_found(text, self.defaults));
        match event {
            Ok(event) => {
                self.index += 1;
                (self.sink)(Ok(event));
            }
            Err(reason) => self.refuse_record(reason.0),
        }
    }

    fn refuse_record(&mut self, reason: String) {
        let record = Some(self.index);
        self.index += 1;
        (self.sink)(Err(Refusal { file: self.name.to_owned(), record, reason }));
    }

    fn refuse_file(&mut self, reason: String) {
        (self.sink)(Err(Refusal { file: self.name.to_owned(), record: None, reason }));
    }
}

/// What `store` did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Imported {
    /// Events that are new.
    pub stored: usize,
    /// Events passed over because one with the same id is there already.
    pub duplicates: usize,
    /// Those of the duplicates whose record is not the kept one, byte for byte; in the order of the events given.
    pub differing: Vec<Differing>,
}

/// An event that was passed over though its record is not the one that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Differing {
    /// Which of the events given, counted from 0.
    pub at: u64,
    /// Its `eventID`.
    pub event_id: String,
}

/// Stores events whose ids are new, durably when it returns. Of events with one id, the first is kept.
pub async fn store(trail: &Trail, events: Vec<Event>) -> Result<Imported, store::Error> {
    let _turn = trail.import_turn.lock().await;
    let named: Vec<(Timestamp, &str)> = events.iter().map(|event| (event.time, event.event_id.as_str())).collect();
    let stored = trail.store.existing_event_ids(&named).await?;
    drop(named);
    let Compared { new, differing } = compare(&trail.store, &events, &stored).await?;
    let mut differing = differing.into_iter().peekable();
    let mut imported = Imported::default();
    let mut batch = Batch::default();
    let mut bytes = 0_usize;
    for (at, (event, new)) in events.into_iter().zip(new).enumerate() {
        if !new {
            imported.duplicates += 1;
            if differing.next_if_eq(&at).is_some() {
                imported.differing.push(Differing { at: at as u64, event_id: event.event_id });
            }
            continue;
        }
        imported.stored += 1;
        bytes += event.record.len();
        batch.events.push(event);
        if bytes >= BATCH_BYTES_MAX || batch.events.len() >= BATCH_EVENTS_MAX {
            bytes = 0;
            trail.store.append(std::mem::take(&mut batch)).await?;
        }
    }
    if !batch.is_empty() {
        trail.store.append(batch).await?;
    }
    Ok(imported)
}

#[cfg(test)]
mod tests;

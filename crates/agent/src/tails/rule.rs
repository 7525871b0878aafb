//! `FileRule`: which files are tailed, and what is done with their lines.

use crate::positions::StreamName;
use crate::timestamps::TimestampFormat;
use regex::Regex;

/// How names of compressed files end.
const COMPRESSED: [&str; 7] = [".gz", ".bz2", ".xz", ".zst", ".zip", ".lz4", ".Z"];

/// What is to be done with the files of some globs.
#[derive(Debug, Clone)]
pub struct FileRule {
    /// Globs.
    pub patterns: Vec<String>,
    /// Globs of paths that are left out.
    pub exclude: Vec<glob::Pattern>,
    /// The log group.
    pub group: String,
    /// The log stream, with `{path}` and `{file}` in it.
    pub stream: String,
    /// Matches the first line of each record; every line is one without it.
    pub start: Option<Regex>,
    /// Where records say their time.
    pub time: Option<TimestampFormat>,
    /// False: of files that are there when the agent runs for the first time, only what is written from then on is read.
    pub from_beginning: bool,
}

impl FileRule {
    /// Where the lines of a file go.
    pub fn stream_of(&self, path: &str) -> StreamName {
        let file = path.rsplit('/').next().unwrap_or(path);
        StreamName::new(&self.group, &self.stream.replace("{path}", path).replace("{file}", file))
    }

    /// True when the file of this path, which a glob found, is to be tailed.
    pub fn wants(&self, path: &str) -> bool {
        !is_compressed(path) && !self.exclude.iter().any(|glob| glob.matches(path))
    }
}

/// True for names of compressed files.
pub fn is_compressed(path: &str) -> bool {
    COMPRESSED.iter().any(|end| path.ends_with(end))
}

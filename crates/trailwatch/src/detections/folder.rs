//! `DiskFolder`: the files of rules in a folder of this machine, and in the folders within it.

use model::limits::{SIGMA_FILE_BYTES_MAX, SIGMA_FILES_MAX, SIGMA_FOLDERS_DEEP_MAX};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;
use trail::detections::{Folder, RuleFile};

/// A folder of rules. Links to folders are not followed.
#[derive(Debug, Clone)]
pub struct DiskFolder(PathBuf);

impl DiskFolder {
    /// The folder at a path; it is looked at when it is asked.
    pub fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// Adds the rule files below `within`, which lies `depth` folders deep.
    fn walk(&self, within: &Path, depth: usize, found: &mut Vec<RuleFile>) -> io::Result<()> {
        for entry in fs::read_dir(self.0.join(within))? {
            let entry = entry?;
            let path = within.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                // Hidden folders are those of version control, or copies that links lead to.
                let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
                if depth < SIGMA_FOLDERS_DEEP_MAX && !is_hidden {
                    self.walk(&path, depth + 1, found)?;
                }
                continue;
            }
            let is_rule = path.extension().is_some_and(|ending| ending == "yml" || ending == "yaml");
            // One more than is read, so that those who read can say so. A file that went meanwhile is none.
            if is_rule
                && found.len() <= SIGMA_FILES_MAX
                && let Ok(about) = fs::metadata(entry.path())
                && about.is_file()
            {
                let changed = about.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
                let stamp = (changed.as_nanos() as i128, about.len());
                found.push(RuleFile { name: path.to_string_lossy().into_owned(), stamp });
            }
        }
        Ok(())
    }
}

impl Folder for DiskFolder {
    fn files(&self) -> io::Result<Vec<RuleFile>> {
        let mut found = Vec::new();
        self.walk(Path::new(""), 0, &mut found)?;
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    fn read(&self, name: &str) -> io::Result<String> {
        // One byte more than a file may have, so that it is refused.
        let mut text = String::new();
        File::open(self.0.join(name))?.take(SIGMA_FILE_BYTES_MAX as u64 + 1).read_to_string(&mut text)?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_lie_in_folders_and_are_sorted() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("b")).unwrap();
        fs::create_dir(dir.path().join(".git")).unwrap();
        for (name, text) in
            [("z.yml", "1"), ("b/a.yaml", "22"), (".git/h.yml", ""), ("b/readme.md", ""), ("a.yml.off", "")]
        {
            fs::write(dir.path().join(name), text).unwrap();
        }
        let folder = DiskFolder::new(dir.path());
        let files = folder.files().unwrap();
        let found: Vec<_> = files.iter().map(|file| (file.name.as_str(), file.stamp.1)).collect();
        assert_eq!(found, [("b/a.yaml", 2), ("z.yml", 1)]);
        assert_eq!(folder.read("b/a.yaml").unwrap(), "22");
        assert!(DiskFolder::new(&dir.path().join("none")).files().is_err());
    }
}

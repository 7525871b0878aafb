//! The root access key: made at the first start, kept in the data directory, readable by its owner only.

use crate::real::random_text;
use anyhow::Context;
use serde::{Deserialize, Serialize};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

const FILE: &str = "root-access-key.json";

/// An access key id and its secret. The secret never reaches a log: `Debug` hides it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessKey {
    /// Begins with `AKIA`, 20 characters.
    pub access_key_id: String,
    /// 40 characters.
    pub secret_access_key: String,
}

impl std::fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessKey").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

impl AccessKey {
    /// Reads the root key of `data_dir`, or makes one (file mode 0600, durable before it is used).
    pub fn root(data_dir: &Path) -> anyhow::Result<Self> {
        let path = data_dir.join(FILE);
        if path.exists() {
            let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
            return serde_json::from_str(&text).with_context(|| format!("read {}", path.display()));
        }
        let key = Self::generate()?;
        key.write(&path).with_context(|| format!("write {}", path.display()))?;
        Ok(key)
    }

    fn generate() -> anyhow::Result<Self> {
        const ID: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        const SECRET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        let text = |alphabet, length| random_text(alphabet, length).context("draw random bytes");
        Ok(Self { access_key_id: format!("AKIA{}", text(ID, 16)?), secret_access_key: text(SECRET, 40)? })
    }

    /// Writes beside the final name and renames, so that a crash leaves a whole file or none.
    fn write(&self, path: &Path) -> anyhow::Result<()> {
        let partial: PathBuf = path.with_extension("partial");
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&partial)?;
        file.write_all(serde_json::to_string_pretty(self)?.as_bytes())?;
        file.sync_all()?;
        fs::rename(&partial, path)?;
        if let Some(folder) = path.parent() {
            fs::File::open(folder)?.sync_all()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_made_once_and_only_its_owner_may_read_it() {
        let dir = tempfile::tempdir().unwrap();
        let key = AccessKey::root(dir.path()).unwrap();
        assert_eq!((key.access_key_id.len(), key.secret_access_key.len()), (20, 40));
        assert_eq!(AccessKey::root(dir.path()).unwrap(), key);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(dir.path().join(FILE)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        assert!(!format!("{key:?}").contains(&key.secret_access_key));
    }
}

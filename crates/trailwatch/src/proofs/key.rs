//! The key that signs checkpoints: made at the first start, kept in the data directory, readable by its owner only.

use crate::real::{random_bytes, random_text};
use anyhow::Context;
use proof::note::SigningKey;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::Path;

/// The file in the folder of keys, which is the data directory or that of a cluster; its text is `PRIVATE+KEY+name+hash+base64`.
pub const FILE: &str = "event-log-key";

/// The key of a data directory; `None` before the first start.
pub fn read(data_dir: &Path) -> anyhow::Result<Option<SigningKey>> {
    let path = data_dir.join(FILE);
    match fs::read_to_string(&path) {
        Ok(text) => SigningKey::parse(&text).map(Some).with_context(|| format!("read {}", path.display())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("read {}", path.display())),
    }
}

/// The key of a data directory, made and durable if there is none. Its name, which is the origin of checkpoints, is random: no two
/// logs have one name.
pub fn read_or_make(data_dir: &Path) -> anyhow::Result<SigningKey> {
    if let Some(key) = read(data_dir)? {
        return Ok(key);
    }
    let name = format!("trailwatch/{}", random_text(b"0123456789abcdef", 16).context("draw random bytes")?);
    let key = SigningKey::new(&name, random_bytes().context("draw random bytes")?)?;
    let path = data_dir.join(FILE);
    write(&path, key.to_text().as_bytes()).with_context(|| format!("write {}", path.display()))?;
    Ok(key)
}

/// Writes beside the final name and renames, so that a crash leaves a whole file or none.
fn write(path: &Path, text: &[u8]) -> std::io::Result<()> {
    let partial = path.with_extension("partial");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&partial)?;
    file.write_all(text)?;
    file.sync_all()?;
    fs::rename(&partial, path)?;
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_made_once_and_only_its_owner_may_read_it() {
        let dir = tempfile::tempdir().unwrap();
        assert!(read(dir.path()).unwrap().is_none());
        let key = read_or_make(dir.path()).unwrap();
        assert_eq!(read_or_make(dir.path()).unwrap().public(), key.public());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(dir.path().join(FILE)).unwrap().permissions().mode() & 0o777, 0o600);
        }
        fs::write(dir.path().join(FILE), "x").unwrap();
        assert!(read_or_make(dir.path()).is_err(), "a key that cannot be read is not replaced");
    }
}

//! Secrets of the data directory: made at the first start, readable by their owner only. The root access key, the key that
//! encrypts the private keys of digest files, the one that encrypts secrets of users and tokens of sessions, the seed of the
//! key that signs notifications, and, in the folder of a cluster's keys, where all of them are then, the one that nodes know each other by.

use crate::real::random_text;
use anyhow::Context;
use serde::{Deserialize, Serialize};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use trail::digest::sealing::SealingKey;

const FILE: &str = "root-access-key.json";
const SEALING_FILE: &str = "digest-sealing-key";
const IDENTITY_SEALING_FILE: &str = "identity-sealing-key";
const NOTIFICATION_SEED_FILE: &str = "notification-signing-seed";
const FORWARDING_FILE: &str = "cluster-forwarding-key";
/// All of them, which nodes of a cluster have the same.
pub const FILES: [&str; 6] =
    [FILE, SEALING_FILE, IDENTITY_SEALING_FILE, NOTIFICATION_SEED_FILE, FORWARDING_FILE, crate::proofs::key::FILE];

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
        write_secret(&path, &serde_json::to_string_pretty(&key)?)?;
        Ok(key)
    }

    fn generate() -> anyhow::Result<Self> {
        const ID: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        const SECRET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        let text = |alphabet, length| random_text(alphabet, length).context("draw random bytes");
        Ok(Self { access_key_id: format!("AKIA{}", text(ID, 16)?), secret_access_key: text(SECRET, 40)? })
    }
}

/// Reads the key of `data_dir` that encrypts private keys of digest files, or makes one. The file is 64 hexadecimal digits.
pub fn sealing_key(data_dir: &Path) -> anyhow::Result<SealingKey> {
    hexadecimal(&data_dir.join(SEALING_FILE), SealingKey::from_hex)
}

/// Reads the key of `data_dir` that encrypts secrets of access keys and session tokens, or makes one: such a file too.
pub fn identity_sealing_key(data_dir: &Path) -> anyhow::Result<access::SealingKey> {
    hexadecimal(&data_dir.join(IDENTITY_SEALING_FILE), access::SealingKey::from_hex)
}

/// Reads the seed of `data_dir` that the key which signs notifications is made of, or makes one: such a file too.
pub fn notification_signing_seed(data_dir: &Path) -> anyhow::Result<[u8; 32]> {
    hexadecimal(&data_dir.join(NOTIFICATION_SEED_FILE), seed)
}

/// Reads the key that nodes of a cluster know each other by, or makes one: such a file too.
pub fn forwarding_key(keys_dir: &Path) -> anyhow::Result<[u8; 32]> {
    hexadecimal(&keys_dir.join(FORWARDING_FILE), seed)
}

/// 32 bytes of as many pairs of hexadecimal digits.
fn seed(text: &str) -> Option<[u8; 32]> {
    let mut seed = [0; 32];
    let digits: Option<Vec<u8>> = text.chars().map(|c| c.to_digit(16).map(|digit| digit as u8)).collect();
    let digits = digits.filter(|digits| digits.len() == 2 * seed.len())?;
    for (byte, pair) in seed.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = pair[0] << 4 | pair[1];
    }
    Some(seed)
}

fn hexadecimal<T>(path: &Path, read: impl Fn(&str) -> Option<T>) -> anyhow::Result<T> {
    const DIGITS: &[u8] = b"0123456789abcdef";
    if !path.exists() {
        write_secret(path, &random_text(DIGITS, 64).context("draw random bytes")?)?;
    }
    let text = fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    read(text.trim()).with_context(|| format!("{} does not hold 64 hexadecimal digits", path.display()))
}

/// Writes beside the final name and renames, so that a crash leaves a whole file or none (file mode 0600, durable once done).
fn write_secret(path: &Path, text: &str) -> anyhow::Result<()> {
    let write = || -> std::io::Result<()> {
        let partial: PathBuf = path.with_extension("partial");
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&partial)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&partial, path)?;
        path.parent().map_or(Ok(()), |folder| fs::File::open(folder)?.sync_all())
    };
    write().with_context(|| format!("write {}", path.display()))
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

    #[test]
    fn a_seed_is_32_bytes() {
        assert_eq!(seed(&"0f".repeat(32)), Some([15; 32]));
        assert_eq!((seed(&"0f".repeat(31)), seed(&"0g".repeat(32)), seed("")), (None, None, None));
    }

    #[test]
    fn the_sealing_key_is_made_once_and_must_be_whole() {
        let dir = tempfile::tempdir().unwrap();
        sealing_key(dir.path()).unwrap();
        let path = dir.path().join(SEALING_FILE);
        let text = fs::read_to_string(&path).unwrap();
        sealing_key(dir.path()).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        fs::write(&path, &text[..62]).unwrap();
        assert!(sealing_key(dir.path()).unwrap_err().to_string().contains("64 hexadecimal digits"));
    }
}

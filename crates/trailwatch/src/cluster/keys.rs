//! The keys that every node of a cluster has: made by the first, copied to the others, and compared by their digest at each start.

use super::forwarded::SealingKey;
use crate::config::Config;
use crate::keys::{self, AccessKey};
use crate::proofs;
use anyhow::{Context, bail};
use catalog::Catalog;
use model::hex;
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::path::Path;

/// Held while keys are made: nodes may share the folder.
const LOCK: &str = "lock";

/// What a node needs of them before it leads.
pub struct Keys {
    /// To be shown to whoever starts the node.
    pub root: AccessKey,
    /// For calls that are handed on.
    pub sealing: SealingKey,
}

/// Reads the keys of `[cluster] keys_dir`, and makes them where the catalog knows of none.
///
/// # Errors
/// When they are not those of the cluster: what a node with other keys writes, no other node could read.
pub async fn open(config: &Config, catalog: &Catalog) -> anyhow::Result<Keys> {
    let dir = config.keys_dir();
    let of_cluster = catalog.keys_digest().await.context("read the digest of the cluster's keys")?;
    if let Some(file) = keys::FILES.iter().find(|file| !dir.join(file).exists()) {
        if of_cluster.is_some() {
            bail!(
                "[cluster] keys_dir {} has no {file}, and the cluster has its keys already: copy the folder from another node",
                dir.display()
            );
        }
        make(dir).with_context(|| format!("make keys in [cluster] keys_dir {}", dir.display()))?;
    }
    let digest = digest(dir)?;
    let of_cluster = catalog.record_keys_digest(&digest).await.context("record the digest of the cluster's keys")?;
    if of_cluster != digest {
        bail!(
            "the keys in [cluster] keys_dir {} are not those of this cluster: copy the folder from another node",
            dir.display()
        );
    }
    Ok(Keys { root: AccessKey::root(dir)?, sealing: SealingKey::new(&keys::forwarding_key(dir)?) })
}

/// Makes the keys that are not there.
fn make(dir: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(dir)?;
    let lock = File::create(dir.join(LOCK))?;
    lock.lock()?;
    AccessKey::root(dir)?;
    keys::sealing_key(dir)?;
    keys::identity_sealing_key(dir)?;
    keys::notification_signing_seed(dir)?;
    keys::forwarding_key(dir)?;
    proofs::key::read_or_make(dir)?;
    Ok(())
}

/// SHA-256 over the names and texts of all of them; each is random, so the digest tells none.
fn digest(dir: &Path) -> anyhow::Result<String> {
    let mut digest = Sha256::new();
    for file in keys::FILES {
        let path = dir.join(file);
        let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        digest.update(format!("{file}\n{}\n", text.trim()));
    }
    Ok(hex(&digest.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ClusterSettings, Roles, Settings};

    fn config(keys_dir: &Path) -> Config {
        let cluster = ClusterSettings {
            name: "a".into(),
            advertise: None,
            keys_dir: keys_dir.to_owned(),
            ca_file: None,
            roles: Roles { query: true, tasks: true },
        };
        let alone = Config::resolve(Settings::default(), Settings::default()).unwrap();
        Config { cluster: Some(cluster), ..alone }
    }

    #[tokio::test]
    async fn the_first_node_makes_the_keys_and_others_must_have_the_same() {
        let catalog = Catalog::in_memory().await.unwrap();
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let first = open(&config(one.path()), &catalog).await.unwrap();
        let again = open(&config(one.path()), &catalog).await.unwrap();
        assert_eq!(again.root, first.root);
        let refused = async |dir: &Path| format!("{:#}", open(&config(dir), &catalog).await.map(drop).unwrap_err());
        assert!(refused(two.path()).await.contains("copy the folder"), "keys of its own would be of no use");
        assert_eq!(fs::read_dir(two.path()).unwrap().count(), 0, "nothing was made");
        for file in keys::FILES {
            fs::copy(one.path().join(file), two.path().join(file)).unwrap();
        }
        assert_eq!(open(&config(two.path()), &catalog).await.unwrap().root, first.root);
        let path = two.path().join(keys::FILES[1]);
        fs::write(&path, "0".repeat(64)).unwrap();
        assert!(refused(two.path()).await.contains("are not those of this cluster"));
    }
}

//! `[cluster]`: this server as one node of several, as the file spells it.

use ::gateway::proxy::{Authorities, Upstream};
use anyhow::{Context, bail};
use serde::Deserialize;
use std::path::PathBuf;

/// Longest name of a node.
const NAME_CHARS_MAX: usize = 64;

/// `[cluster]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClusterSection {
    /// What the operator calls this node.
    pub name: String,
    /// `http://HOST:PORT` or `https://HOST:PORT` where other nodes reach this one; absent, what it listens on.
    pub advertise: Option<String>,
    /// The folder of the keys that every node has the same.
    pub keys_dir: PathBuf,
    /// PEM file with the authorities of the nodes' certificates; absent, Mozilla's.
    pub ca_file: Option<PathBuf>,
}

/// This node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterSettings {
    /// What the operator calls it.
    pub name: String,
    /// URL where other nodes reach it, without a path; `None` for what it listens on.
    pub advertise: Option<String>,
    /// The folder of the keys that every node has the same.
    pub keys_dir: PathBuf,
    /// PEM file with the authorities of the nodes' certificates.
    pub ca_file: Option<PathBuf>,
}

impl ClusterSection {
    /// Checks it by itself; what it needs of other sections is for `Config` to say.
    pub fn resolve(self) -> anyhow::Result<ClusterSettings> {
        let Self { name, advertise, keys_dir, ca_file } = self;
        let is_name = (1..=NAME_CHARS_MAX).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        if !is_name {
            bail!("[cluster] name has up to {NAME_CHARS_MAX} letters, digits, '-', '_' and '.', not '{name}'");
        }
        let advertise = advertise.map(|url| url.trim_end_matches('/').to_owned());
        if let Some(url) = &advertise {
            let authorities = Authorities::mozillas().context("set up TLS")?;
            Upstream::parse(url, &authorities).context("[cluster] advertise")?;
        }
        Ok(ClusterSettings { name, advertise, keys_dir, ca_file })
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, Settings};
    use std::path::Path;

    const REST: &str = "[catalog]\nurl = 'postgres://u@h/d'\n[store]\nurl = 's3://records'\ndurability = 'object'\n\
         access_key_id = 'K'\nsecret_access_key = 's'\n[endpoints]\ns3 = 'http://127.0.0.1:9000'\n[s3]\naccess_key_id = 'K'\n\
         secret_access_key = 's'\n[proofs]\nbucket = 'proofs'\n";

    fn resolve(text: &str) -> anyhow::Result<Config> {
        Config::resolve(Settings::default(), toml::from_str(text)?)
    }

    #[test]
    fn a_node_has_a_name_and_a_folder_of_keys() {
        assert_eq!(resolve("").unwrap().keys_dir(), Path::new("trailwatch-data"));
        let config = resolve(&format!("{REST}[cluster]\nname = 'node-1'\nkeys_dir = '/keys'")).unwrap();
        assert_eq!(config.keys_dir(), Path::new("/keys"));
        let cluster = config.cluster.unwrap();
        assert_eq!((cluster.name.as_str(), cluster.advertise), ("node-1", None));
        let text = format!("{REST}[cluster]\nname = 'a'\nkeys_dir = '/keys'\nadvertise = 'https://10.0.0.2:8792/'");
        let advertise = resolve(&text).unwrap().cluster.unwrap().advertise;
        assert_eq!(advertise.as_deref(), Some("https://10.0.0.2:8792"));
    }

    #[test]
    fn what_makes_no_sense_is_refused_in_words() {
        let cluster = "[cluster]\nname = 'a'\nkeys_dir = '/keys'\n";
        let without = |part: &str, by: &str| format!("{}{cluster}", REST.replacen(part, by, 1));
        for (text, part) in [
            (format!("{REST}[cluster]\nname = 'a b'\nkeys_dir = '/keys'"), "'a b'"),
            (format!("{REST}[cluster]\nname = 'a'"), "keys_dir"),
            (format!("{REST}{cluster}advertise = '10.0.0.2'"), "[cluster] advertise"),
            (format!("{REST}{cluster}advertise = 'http://a/path'"), "[cluster] advertise"),
            (without("[catalog]\nurl = 'postgres://u@h/d'", ""), "[catalog] url"),
            (without("durability = 'object'", "durability = 'local'"), "durability"),
            (without("[s3]\naccess_key_id = 'K'\nsecret_access_key = 's'", ""), "[s3]"),
            (without("[proofs]\nbucket = 'proofs'", ""), "[proofs] bucket"),
        ] {
            let error = format!("{:#}", resolve(&text).unwrap_err());
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}

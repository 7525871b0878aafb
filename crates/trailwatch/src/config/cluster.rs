//! `[cluster]`: this server as one node of several, as the file spells it.

use ::gateway::proxy::{Authorities, Upstream};
use anyhow::{Context, bail};
use serde::Deserialize;
use std::fmt;
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
    /// What this node does; absent, everything.
    pub roles: Option<Vec<Role>>,
}

/// What a node may be asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// To take calls and hand them on, as every node does.
    Ingest,
    /// To answer what only reads by itself.
    Query,
    /// To lead when nobody else does: the node that leads writes records and runs all tasks.
    Tasks,
    /// All of it.
    All,
}

/// What a node does besides taking calls and handing them on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Roles {
    /// It answers what only reads by itself.
    pub query: bool,
    /// It may lead.
    pub tasks: bool,
}

impl Roles {
    /// What a list of roles comes to; an empty one is a mistake.
    pub fn of(roles: &[Role]) -> anyhow::Result<Self> {
        if roles.is_empty() {
            bail!("a node has one role at least: ingest, query, tasks or all");
        }
        let has = |role| roles.contains(&role) || roles.contains(&Role::All);
        Ok(Self { query: has(Role::Query), tasks: has(Role::Tasks) })
    }

    /// The roles of a list such as `ingest,query`.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let role = |name: &str| match name.trim() {
            "ingest" => Ok(Role::Ingest),
            "query" => Ok(Role::Query),
            "tasks" => Ok(Role::Tasks),
            "all" => Ok(Role::All),
            other => bail!("--roles knows ingest, query, tasks and all, not '{other}'"),
        };
        Self::of(&text.split(',').map(role).collect::<anyhow::Result<Vec<_>>>()?)
    }
}

impl fmt::Display for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ingest")?;
        f.write_str(if self.query { ",query" } else { "" })?;
        f.write_str(if self.tasks { ",tasks" } else { "" })
    }
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
    /// What it does.
    pub roles: Roles,
}

impl ClusterSection {
    /// Checks it by itself; what it needs of other sections is for `Config` to say.
    pub fn resolve(self) -> anyhow::Result<ClusterSettings> {
        let Self { name, advertise, keys_dir, ca_file, roles } = self;
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
        let roles = Roles::of(&roles.unwrap_or_else(|| vec![Role::All])).context("[cluster] roles")?;
        Ok(ClusterSettings { name, advertise, keys_dir, ca_file, roles })
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
    fn roles_are_all_unless_some_are_named_and_the_flag_wins() {
        let roles = |flag: Option<&str>, named: &str| -> anyhow::Result<String> {
            let file = format!("{REST}[cluster]\nname = 'a'\nkeys_dir = '/keys'\n{named}");
            let flags = Settings { roles: flag.map(str::to_owned), ..Settings::default() };
            Ok(Config::resolve(flags, toml::from_str(&file)?)?.cluster.unwrap().roles.to_string())
        };
        assert_eq!(roles(None, "").unwrap(), "ingest,query,tasks");
        assert_eq!(roles(None, "roles = ['ingest']").unwrap(), "ingest");
        assert_eq!(roles(None, "roles = ['query', 'ingest']").unwrap(), "ingest,query");
        assert_eq!(roles(Some("tasks"), "roles = ['query']").unwrap(), "ingest,tasks");
        assert_eq!(roles(Some("ingest, all"), "").unwrap(), "ingest,query,tasks");
        assert!(roles(Some("all,lead"), "").unwrap_err().to_string().contains("'lead'"));
        assert!(roles(None, "roles = []").is_err() && roles(None, "roles = ['lead']").is_err());
        let alone = Settings { roles: Some("query".into()), ..Settings::default() };
        assert!(Config::resolve(alone, Settings::default()).unwrap_err().to_string().contains("[cluster]"));
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

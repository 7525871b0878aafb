//! Configuration of the gateway: one TOML file and flags, resolved into checked values.

use crate::config::{is_account_id, is_region, parse, tls_files};
use crate::tls;
use ::gateway::identity::{Key, Keys};
use ::gateway::proxy::{Authorities, Upstream};
use ::gateway::rules::{Network, Rule};
use ::gateway::{Service, spool};
use anyhow::{Context, bail};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Bytes of one file of the spool.
const SPOOL_FILE_BYTES: u64 = 8 * 1024 * 1024;
const MIB: u64 = 1024 * 1024;
/// Most rules, and keys.
const RULES_MAX: usize = 1_000;
const KEYS_MAX: usize = 10_000;
/// Most host names of S3: each is held against the host of each call.
const DOMAINS_MAX: usize = 100;

/// Checked values.
#[derive(Debug)]
pub struct Config {
    /// Where to listen.
    pub listen: SocketAddr,
    /// The certificate that clients are shown, where they speak TLS.
    pub tls: Option<tls::Files>,
    /// URL of the running Trailwatch.
    pub endpoint: String,
    /// PEM file of the authorities that its certificate may be of; Mozilla's when absent.
    pub ca_file: Option<PathBuf>,
    /// The spool.
    pub spool: spool::Settings,
    /// Region of calls that name none.
    pub region: String,
    /// Account of calls whose key is not known.
    pub account_id: String,
    /// What the proxy is told.
    pub settings: ::gateway::Settings,
}

/// Keys of the file; every one optional.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// See [`Config::listen`].
    pub listen: Option<String>,
    /// See [`tls::Files::certificate`].
    pub tls_certificate: Option<PathBuf>,
    /// See [`tls::Files::key`].
    pub tls_key: Option<PathBuf>,
    /// See [`Config::endpoint`].
    pub endpoint: Option<String>,
    /// See [`Config::ca_file`].
    pub ca_file: Option<PathBuf>,
    /// Folder of the spool.
    pub spool_dir: Option<PathBuf>,
    /// MiB that the spool may have.
    pub spool_mib_max: Option<u64>,
    /// See [`Config::account_id`].
    pub account_id: Option<String>,
    /// See [`Config::region`].
    pub region: Option<String>,
    /// No audit, no call.
    pub fail_closed: bool,
    /// Only calls that a `[[key]]` signed.
    pub known_keys_only: bool,
    /// Calls at once.
    pub calls_max: Option<usize>,
    /// Host names below which a label is a bucket of S3.
    pub s3_domains: Vec<String>,
    /// `vpcEndpointId` of events.
    pub endpoint_id: Option<String>,
    /// URLs by service.
    pub upstreams: BTreeMap<String, String>,
    /// Keys that signatures are verified with.
    pub key: Vec<KeySection>,
    /// Calls that are refused.
    pub deny: Vec<DenySection>,
}

/// `[[key]]`.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeySection {
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
    account_id: String,
    arn: Option<String>,
    user_name: Option<String>,
}

impl std::fmt::Debug for KeySection {
    /// Shows no secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeySection").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

/// `[[deny]]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DenySection {
    name: String,
    service: Option<String>,
    operation: Option<String>,
    resource: Option<String>,
    principal: Option<String>,
    source: Option<String>,
}

impl Settings {
    /// Reads a TOML file; an unknown key is an error that names it. A file with keys must be its owner's alone.
    pub fn from_file(path: &Path) -> anyhow::Result<Self> {
        let reading = || format!("read config file {}", path.display());
        let text = std::fs::read_to_string(path).with_context(reading)?;
        let settings: Self = parse(&text).with_context(reading)?;
        let mode = std::fs::metadata(path).with_context(reading)?.permissions().mode();
        if !settings.key.is_empty() && mode & 0o077 != 0 {
            bail!("{} has secrets of [[key]] and others may read it: chmod 600 {0}", path.display());
        }
        Ok(settings)
    }

    /// Checks everything.
    pub fn resolve(self) -> anyhow::Result<Config> {
        let listen = self.listen.unwrap_or_else(|| "127.0.0.1:8793".into());
        let listen = listen
            .to_socket_addrs()
            .ok()
            .and_then(|mut addresses| addresses.next())
            .with_context(|| format!("--listen must be ADDRESS:PORT such as 127.0.0.1:8793, not '{listen}'"))?;
        let account_id = self.account_id.unwrap_or_else(|| "123456789012".into());
        if !is_account_id(&account_id) {
            bail!("--account-id must be 12 digits, not '{account_id}'");
        }
        let region = self.region.unwrap_or_else(|| "us-east-1".into());
        if !is_region(&region) {
            bail!("--region must look like us-east-1, not '{region}'");
        }
        let (upstreams, other) = upstreams(&self.upstreams, self.ca_file.as_deref())?;
        if self.key.len() > KEYS_MAX || self.deny.len() > RULES_MAX {
            bail!("at most {KEYS_MAX} [[key]] and {RULES_MAX} [[deny]]");
        }
        if self.known_keys_only && self.key.is_empty() {
            bail!("--known-keys-only without a [[key]] in the config file refuses every call");
        }
        let s3_domains = self.s3_domains.iter().map(|name| s3_domain(name)).collect::<anyhow::Result<Vec<_>>>()?;
        if s3_domains.len() > DOMAINS_MAX {
            bail!("at most {DOMAINS_MAX} s3_domains");
        }
        let keys = self.key.into_iter().map(KeySection::resolve).collect::<anyhow::Result<Vec<_>>>()?;
        let rules = self.deny.into_iter().map(DenySection::resolve).collect::<anyhow::Result<Vec<_>>>()?;
        let spool_mib_max = self.spool_mib_max.unwrap_or(1024);
        let calls_max = self.calls_max.unwrap_or(1024);
        if !(16..=1024 * 1024).contains(&spool_mib_max) {
            bail!("spool_mib_max must be 16 to 1048576, not {spool_mib_max}");
        }
        if !(1..=16 * 1024).contains(&calls_max) {
            bail!("calls_max must be 1 to 16384, not {calls_max}");
        }
        let bytes_max = spool_mib_max.saturating_mul(MIB);
        let dir = self.spool_dir.unwrap_or_else(|| "trailwatch-gateway".into());
        Ok(Config {
            listen,
            tls: tls_files(self.tls_certificate, self.tls_key)?,
            ca_file: self.ca_file,
            endpoint: self.endpoint.unwrap_or_else(|| "http://127.0.0.1:8792".into()),
            spool: spool::Settings { dir, bytes_max, file_bytes: SPOOL_FILE_BYTES },
            settings: ::gateway::Settings {
                upstreams,
                other,
                keys: Keys::new(keys, account_id.clone(), region.clone(), self.known_keys_only),
                rules,
                s3_domains,
                endpoint_id: self.endpoint_id.unwrap_or_else(|| "vpce-0gateway".into()),
                fail_closed: self.fail_closed,
                calls_max,
                spool_bytes_max: bytes_max,
            },
            region,
            account_id,
        })
    }
}

/// Backends of services, and the one of all others.
type Upstreams = (Vec<(Service, Upstream)>, Option<Upstream>);

fn upstreams(urls: &BTreeMap<String, String>, ca_file: Option<&Path>) -> anyhow::Result<Upstreams> {
    let (mut upstreams, mut other) = (Vec::new(), None);
    // Who speaks plain HTTP needs no authorities, and none that can be read.
    let is_encrypted =
        urls.values().any(|url| url.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https:")));
    let authorities = match ca_file.filter(|_| is_encrypted) {
        Some(path) => {
            let of_file = || format!("read the authorities in {}", path.display());
            Authorities::from_pem(&std::fs::read(path).with_context(of_file)?).with_context(of_file)?
        }
        None => Authorities::mozillas()?,
    };
    for (name, url) in urls {
        let upstream = Upstream::parse(url, &authorities).with_context(|| format!("--upstream {name}"))?;
        if name == "all" {
            other = Some(upstream);
        } else {
            upstreams.push((service(name).with_context(|| format!("--upstream {name}={url}"))?, upstream));
        }
    }
    if upstreams.is_empty() && other.is_none() {
        bail!("no backend: name at least one with --upstream s3=http://127.0.0.1:9000 or in [upstreams] of --config");
    }
    Ok((upstreams, other))
}

/// A host name, in lower case.
fn s3_domain(name: &str) -> anyhow::Result<String> {
    let is_label = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    if name.len() > 253 || !name.split('.').all(is_label) {
        bail!("s3_domains must be host names without port such as s3.example.com, not '{name}'");
    }
    Ok(name.to_ascii_lowercase())
}

fn service(name: &str) -> anyhow::Result<Service> {
    Service::from_name(name).with_context(|| {
        let known: Vec<&str> = Service::ALL.iter().map(|service| service.name()).collect();
        format!("'{name}' is none of {}", known.join(", "))
    })
}

impl KeySection {
    fn resolve(self) -> anyhow::Result<Key> {
        let Self { access_key_id, secret_access_key, session_token, account_id, arn, user_name } = self;
        if access_key_id.is_empty() || secret_access_key.is_empty() {
            bail!("[[key]] needs access_key_id and secret_access_key");
        }
        if !is_account_id(&account_id) {
            bail!("[[key]] {access_key_id}: account_id must be 12 digits, not '{account_id}'");
        }
        let arn = match (arn, user_name) {
            (Some(arn), None) => arn,
            (None, Some(name)) => format!("arn:aws:iam::{account_id}:user/{name}"),
            _ => bail!("[[key]] {access_key_id} needs arn or user_name, and not both"),
        };
        if !model::arn::Arn::parse(&arn).is_some_and(|arn| arn.service == "iam" || arn.service == "sts") {
            bail!("[[key]] {access_key_id}: arn must be one of IAM or STS, not '{arn}'");
        }
        Ok(Key { access_key_id, secret_access_key, session_token, account_id, arn })
    }
}

impl DenySection {
    fn resolve(self) -> anyhow::Result<Rule> {
        let Self { name, service: service_name, operation, resource, principal, source } = self;
        if name.is_empty() {
            bail!("[[deny]] needs a name");
        }
        let of_rule = || format!("[[deny]] {name}");
        let service = service_name.as_deref().map(service).transpose().with_context(of_rule)?;
        let network = |text: &str| {
            Network::parse(text).with_context(|| format!("source must look like 10.0.0.0/8, not '{text}'"))
        };
        let source = source.as_deref().map(network).transpose().with_context(of_rule)?;
        if service.is_none() && operation.is_none() && resource.is_none() && principal.is_none() && source.is_none() {
            bail!("[[deny]] {name} says nothing, so it would refuse every call");
        }
        Ok(Rule { name, service, operation, resource, principal, source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UPSTREAM: &str = "[upstreams]\ns3 = 'http://127.0.0.1:9000'\n";
    const KEY: &str = "[[key]]\naccess_key_id = 'K'\nsecret_access_key = 's'\naccount_id = '123456789012'\n";

    fn resolve(text: &str) -> anyhow::Result<Config> {
        toml::from_str::<Settings>(text)?.resolve()
    }

    #[test]
    fn a_file_says_everything() {
        let text = format!(
            "listen = '127.0.0.1:0'\nfail_closed = true\nspool_mib_max = 16\ns3_domains = ['S3.example.com']\n{UPSTREAM}all = 'http://[::1]:1'\n\
             {KEY}user_name = 'ann'\n\
             [[deny]]\nname = 'no deletes'\nservice = 's3'\noperation = 'Delete*'\nsource = '10.0.0.0/8'\n"
        );
        let config = resolve(&text).unwrap();
        assert!(config.settings.fail_closed);
        assert_eq!(config.settings.s3_domains, ["s3.example.com"]);
        assert_eq!((config.settings.upstreams.len(), config.settings.other.is_some()), (1, true));
        assert_eq!(config.settings.rules[0].service, Some(Service::S3));
        assert_eq!(config.spool.bytes_max, 16 * MIB);
        assert!(config.listen.ip().is_loopback());
        assert!(resolve(UPSTREAM).unwrap().listen.ip().is_loopback(), "by default, too");
    }

    #[test]
    fn what_makes_no_sense_is_refused_in_words() {
        let error = |text: &str| format!("{:#}", resolve(text).unwrap_err());
        assert!(error("").contains("no backend"));
        assert!(error("[upstreams]\nec2 = 'http://127.0.0.1'").contains("'ec2' is none of s3"));
        assert!(error("[upstreams]\ns3 = 's3.example'").contains("must look like http://127.0.0.1:9000"));
        assert!(error("ca_file = '/nowhere.pem'\n[upstreams]\ns3 = 'https://s3.example'").contains("/nowhere.pem"));
        assert!(resolve("ca_file = '/nowhere.pem'\n[upstreams]\ns3 = 'http://s3.example'").is_ok());
        assert!(error(&format!("known_keys_only = true\n{UPSTREAM}")).contains("refuses every call"));
        assert!(error(&format!("{UPSTREAM}{KEY}")).contains("arn or user_name"));
        assert!(error(&format!("{UPSTREAM}{KEY}arn = 'arn:aws:s3:::b'")).contains("IAM or STS"));
        assert!(error(&format!("{UPSTREAM}[[deny]]\nname = 'x'")).contains("every call"));
        assert!(error(&format!("{UPSTREAM}[[deny]]\nname = 'x'\nsource = '10/8'")).contains("'10/8'"));
        assert!(error(&format!("spool_mib_max = 1\n{UPSTREAM}")).contains("spool_mib_max"));
        for domain in ["", "s3.example.com:9000", ".example.com", "https://s3.example.com", "s3.example.com."] {
            assert!(error(&format!("s3_domains = ['{domain}']\n{UPSTREAM}")).contains("host names without port"));
        }
        assert!(error("lisen = 'x'").contains("lisen"));
    }

    #[test]
    fn a_file_with_keys_is_its_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("gateway.toml");
        std::fs::write(&path, format!("{UPSTREAM}{KEY}user_name = 'ann'")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(Settings::from_file(&path).unwrap_err().to_string().contains("chmod 600"));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert!(!format!("{:?}", Settings::from_file(&path).unwrap()).contains("\"s\""));
    }
}

//! Configuration: one struct, read once from flags, the TOML file and defaults, then passed down as values.

mod backup;
mod ballista;
mod catalog;
mod cluster;
mod interval;
mod keys;
mod limits;
mod notify;
mod oidc;
mod store;
mod subscriptions;
mod syslog;
mod tokens;

use self::backup::BackupSection;
pub use self::backup::BackupSettings;
use self::ballista::BallistaSection;
pub use self::ballista::BallistaSettings;
#[cfg(feature = "cluster")]
pub use self::ballista::host_and_port;
pub use self::catalog::{CatalogSection, CatalogUrl};
use self::cluster::ClusterSection;
pub use self::cluster::{ClusterSettings, Roles};
use crate::buckets::is_bucket_name;
use crate::throttle::Limits;
use crate::tls;
use crate::tokens::BearerToken;
use ::store::Durability;
use anyhow::{Context, anyhow, bail};
use interval::Interval;
use keys::KeysSection;
pub use keys::{S3, Signing};
use limits::LimitsSection;
use model::arn::Arn;
pub use model::region::is_region;
use notify::NotifySection;
use oidc::OidcSection;
pub use oidc::{OidcSettings, RoleRule};
use proof::note::VerifierKey;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use store::StoreSection;
pub use store::StoreSettings;
use subscriptions::SubscriptionsSection;
pub use syslog::Syslog;
use syslog::SyslogSection;
use tokens::TokenSection;

/// The AWS services whose endpoints `[endpoints]` may name.
const ENDPOINT_SERVICES: [&str; 7] = ["s3", "sns", "sqs", "lambda", "kinesis", "firehose", "kms"];

/// What `trailwatch serve` was told, flags over file over defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where everything is kept.
    pub data_dir: PathBuf,
    /// The database that keeps resources; without it a file below `data_dir` does.
    pub catalog: Option<CatalogUrl>,
    /// Whether a catalog whose records were in another data directory is taken over.
    pub adopts_catalog: bool,
    /// Address to listen on; port 0 picks one.
    pub listen: SocketAddr,
    /// The certificate of all our ports but those of plain syslog; without it they speak plain HTTP.
    pub tls: Option<tls::Files>,
    /// The account of the root access key.
    pub account_id: String,
    /// The region of requests that name none, and of the server's own records.
    pub region: String,
    /// Accept any access key without verifying signatures (loopback only).
    pub open: bool,
    /// Where other AWS services are, by service name.
    pub endpoints: BTreeMap<String, String>,
    /// How the governance plane behaves.
    pub trail: TrailSettings,
    /// How notifications reach people.
    pub notify: watch::notify::Settings,
    /// Where metric streams go: URL by the ARN of a Firehose delivery stream.
    pub firehose: BTreeMap<String, String>,
    /// Who may send records with a token instead of a signature.
    pub bearer_tokens: Vec<BearerToken>,
    /// Where syslog is listened for.
    pub syslog: Syslog,
    /// Where subscriptions go: URL by the ARN of a Firehose or Kinesis stream or of a Lambda function.
    pub destinations: BTreeMap<String, String>,
    /// How requests to them are signed; without it they are not.
    pub signing: Option<Signing>,
    /// How long log events gather for an object of a bucket that a subscription sends to, milliseconds.
    pub object_ms: i64,
    /// Where OTLP over gRPC is listened for.
    pub otlp_grpc: Option<SocketAddr>,
    /// Buckets that are folders of this machine, by name.
    pub buckets: BTreeMap<String, PathBuf>,
    /// How requests to the endpoint of S3 are signed; without it nothing is written there.
    pub s3: Option<S3>,
    /// The folder of rules that audit events are held against; without it none are.
    pub detection_rules: Option<PathBuf>,
    /// Where the tree of audit events is kept for others to verify.
    pub proofs: ProofSettings,
    /// How many calls callers may make.
    pub limits: Limits,
    /// The provider that people sign in to the console through; without it they sign in with access keys alone.
    pub oidc: Option<OidcSettings>,
    /// The bucket that records are kept in; without it they are in the data directory.
    pub store: Option<StoreSettings>,
    /// This server as a node of a cluster; without it the server is alone.
    pub cluster: Option<ClusterSettings>,
    /// The copies that the server makes of its data directory; without it none.
    pub backup: Option<BackupSettings>,
    /// Where wide SQL queries run; without it they run here.
    pub ballista: Option<BallistaSettings>,
}

/// `[proofs]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProofSettings {
    /// The bucket that tiles and checkpoints go to; without it they stay below the data directory.
    pub bucket: Option<String>,
    /// What their keys begin with.
    pub prefix: String,
    /// Who is asked to cosign checkpoints.
    pub witnesses: Vec<WitnessSettings>,
}

/// `[[proofs.witnesses]]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WitnessSettings {
    /// Its public key (c2sp.org/tlog-cosignature).
    pub vkey: String,
    /// Where it is: `add-checkpoint` is below.
    pub url: String,
}

/// `[trail]`: where the governance plane may differ from AWS.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrailSettings {
    /// LookupEvents sees all of time, every category, and takes several attributes; AWS's sees 90 days of management events.
    pub lenient_lookup: bool,
    /// How often trails write what is new to their buckets.
    pub delivery_interval: Interval,
    /// How much time a digest file covers.
    pub digest_interval: Interval,
    /// How long a key signs digest files.
    pub key_rotation: Interval,
    /// The organization that organization trails are of, such as `o-exampleorgid`.
    pub organization_id: Option<String>,
    /// What Insights counts calls by.
    pub insights_period: Interval,
    /// How much time before unusual activity Insights compares it with.
    pub insights_baseline: Interval,
    /// How long Insights watches an account and region before anything is unusual.
    pub insights_training: Interval,
    /// How much time an aggregated event covers.
    pub aggregation_window: Interval,
}

impl Default for TrailSettings {
    fn default() -> Self {
        Self {
            lenient_lookup: false,
            delivery_interval: Interval::secs(60),
            digest_interval: Interval::secs(60 * 60),
            key_rotation: Interval::secs(30 * 24 * 60 * 60),
            organization_id: None,
            insights_period: Interval::secs(60),
            insights_baseline: Interval::secs(7 * 24 * 60 * 60),
            insights_training: Interval::secs(36 * 60 * 60),
            aggregation_window: Interval::secs(5 * 60),
        }
    }
}

/// `[detections]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DetectionSection {
    /// See [`Config::detection_rules`].
    pub rules: Option<PathBuf>,
}

/// `[otlp]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OtlpSection {
    /// See [`Config::otlp_grpc`].
    pub grpc: Option<String>,
}

/// The same keys as the flags; every one optional.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// See [`Config::data_dir`].
    pub data_dir: Option<PathBuf>,
    /// See [`Config::listen`].
    pub listen: Option<String>,
    /// See [`tls::Files::certificate`].
    pub tls_certificate: Option<PathBuf>,
    /// See [`tls::Files::key`].
    pub tls_key: Option<PathBuf>,
    /// See [`Config::account_id`].
    pub account_id: Option<String>,
    /// See [`Config::region`].
    pub region: Option<String>,
    /// See [`Config::open`].
    pub open: Option<bool>,
    /// See [`Config::endpoints`].
    #[serde(default)]
    pub endpoints: BTreeMap<String, String>,
    /// See [`Config::trail`].
    #[serde(default)]
    pub trail: TrailSettings,
    /// See [`Config::notify`].
    #[serde(default)]
    pub notify: NotifySection,
    /// See [`Config::firehose`].
    #[serde(default)]
    pub firehose: BTreeMap<String, String>,
    /// See [`Config::bearer_tokens`]; by name.
    #[serde(default)]
    pub bearer_tokens: BTreeMap<String, TokenSection>,
    /// See [`Config::syslog`].
    #[serde(default)]
    pub syslog: SyslogSection,
    /// See [`Config::destinations`].
    #[serde(default)]
    pub destinations: BTreeMap<String, String>,
    /// See [`Config::catalog`].
    #[serde(default)]
    pub catalog: CatalogSection,
    /// See [`Config::signing`].
    pub signing: Option<KeysSection>,
    /// How subscriptions are delivered.
    #[serde(default)]
    pub subscriptions: SubscriptionsSection,
    /// OTLP beyond HTTP.
    #[serde(default)]
    pub otlp: OtlpSection,
    /// See [`Config::buckets`].
    #[serde(default)]
    pub buckets: BTreeMap<String, PathBuf>,
    /// See [`Config::s3`].
    pub s3: Option<KeysSection>,
    /// Live detections.
    #[serde(default)]
    pub detections: DetectionSection,
    /// See [`Config::proofs`].
    #[serde(default)]
    pub proofs: ProofSettings,
    /// See [`Config::limits`].
    #[serde(default)]
    pub limits: LimitsSection,
    /// See [`Config::oidc`].
    pub oidc: Option<OidcSection>,
    /// See [`Config::store`].
    #[serde(default)]
    pub store: StoreSection,
    /// See [`Config::cluster`].
    pub cluster: Option<ClusterSection>,
    /// See [`ClusterSettings::roles`], as the flag spells it.
    #[serde(skip)]
    pub roles: Option<String>,
    /// See [`Config::backup`].
    pub backup: Option<BackupSection>,
    /// See [`Config::ballista`].
    pub ballista: Option<BallistaSection>,
}

impl Settings {
    /// Reads a TOML file; an unknown key is an error that names it.
    pub fn from_file(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("read config file {}", path.display()))?;
        parse(&text).with_context(|| format!("read config file {}", path.display()))
    }
}

/// What a TOML file says. An error shows no value, for some are secrets.
pub fn parse<T: DeserializeOwned>(text: &str) -> anyhow::Result<T> {
    toml::from_str(text).map_err(|error| anyhow!(without_values(text, &error)))
}

/// What an error says of a file, and where, without the line that it is about and without a string of it.
fn without_values(text: &str, error: &toml::de::Error) -> String {
    let message =
        match error.message().split_once('"').and_then(|(before, rest)| Some((before, rest.rsplit_once('"')?))) {
            Some((before, (_, after))) => format!("{before}\"...\"{after}"),
            None => error.message().to_owned(),
        };
    let Some(before) = error.span().and_then(|span| text.get(..span.start)) else { return message };
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|&c| c != '\n').count() + 1;
    format!("line {line}, column {column}: {message}")
}

impl Config {
    /// Combines flags (which win) with the file's settings, and checks the result.
    pub fn resolve(flags: Settings, file: Settings) -> anyhow::Result<Self> {
        let listen = flags.listen.or(file.listen).unwrap_or_else(|| "127.0.0.1:8792".into());
        let tokens = file.bearer_tokens.into_iter();
        let region = flags.region.or(file.region).unwrap_or_else(|| "us-east-1".into());
        let account_id = flags.account_id.or(file.account_id).unwrap_or_else(|| "123456789012".into());
        let catalog = flags.catalog.or(file.catalog);
        let config = Self {
            data_dir: flags.data_dir.or(file.data_dir).unwrap_or_else(|| "trailwatch-data".into()),
            adopts_catalog: catalog.adopt,
            catalog: catalog.resolve()?,
            listen: address("--listen", &listen)?,
            tls: tls_files(flags.tls_certificate.or(file.tls_certificate), flags.tls_key.or(file.tls_key))?,
            s3: file.s3.map(|section| section.resolve_s3(&region)).transpose()?,
            store: file.store.resolve(&region, |name| std::env::var(name).ok().filter(|value| !value.is_empty()))?,
            region,
            open: flags.open.or(file.open).unwrap_or(false),
            endpoints: file.endpoints,
            trail: file.trail,
            notify: file.notify.resolve(&account_id)?,
            account_id,
            firehose: file.firehose,
            syslog: file.syslog.resolve()?,
            otlp_grpc: file.otlp.grpc.map(|text| address("[otlp] grpc", &text)).transpose()?,
            bearer_tokens: tokens.map(|(name, section)| section.resolve(name)).collect::<Result<_, _>>()?,
            destinations: file.destinations,
            signing: file.signing.map(|section| section.resolve("[signing]")).transpose()?,
            object_ms: file.subscriptions.resolve()?,
            buckets: file.buckets,
            detection_rules: file.detections.rules,
            proofs: file.proofs,
            limits: file.limits.resolve()?,
            oidc: file.oidc.map(OidcSection::resolve).transpose()?,
            cluster: cluster(file.cluster, flags.roles.as_deref())?,
            backup: file.backup.map(BackupSection::resolve).transpose()?,
            ballista: file.ballista.map(BallistaSection::resolve).transpose()?,
        };
        config.check()?;
        Ok(config)
    }

    /// Where the server's keys are: the data directory, or the folder that is the same on every node.
    pub fn keys_dir(&self) -> &Path {
        self.cluster.as_ref().map_or(&self.data_dir, |cluster| &cluster.keys_dir)
    }

    fn check(&self) -> anyhow::Result<()> {
        if !is_account_id(&self.account_id) {
            bail!("--account-id must be 12 digits, not '{}'", self.account_id);
        }
        if !is_region(&self.region) {
            bail!("--region must look like us-east-1, not '{}'", self.region);
        }
        if self.open && self.oidc.is_some() {
            bail!("--open asks nobody who they are: it does not go with [oidc]");
        }
        if self.open && !self.listen.ip().is_loopback() {
            bail!(
                "--open accepts any access key, so it works on loopback only; {} is not a loopback address",
                self.listen
            );
        }
        for (service, endpoint) in &self.endpoints {
            if !ENDPOINT_SERVICES.contains(&service.as_str()) {
                bail!("[endpoints] knows {}, not '{service}'", ENDPOINT_SERVICES.join(", "));
            }
            if !endpoint.starts_with("http://") && !endpoint.starts_with("https://") {
                bail!("[endpoints] {service} must be an http:// or https:// URL, not '{endpoint}'");
            }
        }
        if self.tls.is_none() && self.syslog.endpoints.values().any(|addresses| addresses.tls.is_some()) {
            bail!("[syslog] tls needs a certificate: --tls-certificate and --tls-key");
        }
        for bucket in self.buckets.keys() {
            if !is_bucket_name(bucket) {
                bail!("[buckets] has names of 3 to 63 lowercase letters, digits, '-' and '.', not '{bucket}'");
            }
        }
        if self.s3.is_some() && !self.endpoints.contains_key("s3") {
            bail!("[s3] needs the URL of an endpoint: [endpoints] s3");
        }
        if self.trail.digest_interval > Interval::secs(24 * 60 * 60) {
            bail!("[trail] digest_interval must be no longer than a day");
        }
        if self.trail.insights_baseline.millis() < 7 * self.trail.insights_period.millis() {
            bail!("[trail] insights_baseline must be at least seven times insights_period");
        }
        if let Some(bucket) = &self.proofs.bucket
            && !is_bucket_name(bucket)
        {
            bail!("[proofs] bucket must be the name of a bucket, not '{bucket}'");
        }
        for WitnessSettings { vkey, url } in &self.proofs.witnesses {
            if !VerifierKey::parse(vkey).is_some_and(|key| key.is_witness()) {
                bail!("[[proofs.witnesses]] vkey must be the public key of a witness, not '{vkey}'");
            }
            if !(url.starts_with("http://") || url.starts_with("https://")) {
                bail!("[[proofs.witnesses]] url must begin with http:// or https://, not '{url}'");
            }
        }
        if let Some(id) = &self.trail.organization_id
            && !is_organization_id(id)
        {
            bail!("[trail] organization_id must look like o-exampleorgid, not '{id}'");
        }
        self.check_backup()?;
        self.check_cluster()?;
        self.check_receivers()
    }

    /// A copy must not have itself in it, and must have everything.
    fn check_backup(&self) -> anyhow::Result<()> {
        let Some(backup) = &self.backup else { return Ok(()) };
        if backup.to.starts_with(&self.data_dir) {
            bail!("[backup] to must be outside of the data directory, not {}", backup.to.display());
        }
        // A query may still read what was replaced.
        if self.store.is_some() && backup.keep < Interval::secs(60 * 60) {
            bail!("[backup] keep must be an hour at least where records are in a bucket ([store])");
        }
        Ok(())
    }

    /// Nothing that a node needs after another may be on the other's disk.
    fn check_cluster(&self) -> anyhow::Result<()> {
        if self.cluster.is_none() {
            return Ok(());
        }
        if self.catalog.is_none() {
            bail!("[cluster] needs a catalog that every node reaches: [catalog] url");
        }
        if self.store.as_ref().is_none_or(|store| store.durability != Durability::Object) {
            bail!("[cluster] needs records that every node reaches: [store] url with durability = \"object\"");
        }
        if self.s3.is_none() {
            bail!(
                "[cluster] needs buckets that every node reaches: [s3] and [endpoints] s3; a server's own are on its disk"
            );
        }
        if self.proofs.bucket.is_none() {
            bail!("[cluster] needs a log of events that every node reaches: [proofs] bucket");
        }
        Ok(())
    }

    fn check_receivers(&self) -> anyhow::Result<()> {
        for (arn, url) in &self.firehose {
            let is_stream = Arn::parse(arn)
                .is_some_and(|arn| arn.service == "firehose" && arn.resource.starts_with("deliverystream/"));
            if !is_stream {
                bail!("[firehose] names ARNs of Firehose delivery streams, not '{arn}'");
            }
            if !url.starts_with("http://") && !url.starts_with("https://") {
                bail!("[firehose] {arn} must be an http:// or https:// URL, not '{url}'");
            }
        }
        for (arn, url) in &self.destinations {
            if !watch::logs::subscriptions::is_receiver(arn) {
                bail!("[destinations] names ARNs of Firehose and Kinesis streams and Lambda functions, not '{arn}'");
            }
            if !url.starts_with("http://") && !url.starts_with("https://") {
                bail!("[destinations] {arn} must be an http:// or https:// URL, not '{url}'");
            }
        }
        Ok(())
    }
}

/// The node of a cluster, whose roles the flag may say.
fn cluster(section: Option<ClusterSection>, roles: Option<&str>) -> anyhow::Result<Option<ClusterSettings>> {
    let mut settings = section.map(ClusterSection::resolve).transpose()?;
    match (&mut settings, roles) {
        (_, None) => {}
        (Some(settings), Some(roles)) => settings.roles = Roles::parse(roles)?,
        (None, Some(_)) => bail!("--roles is for nodes of a cluster: [cluster]"),
    }
    Ok(settings)
}

/// Both files, or none.
pub fn tls_files(certificate: Option<PathBuf>, key: Option<PathBuf>) -> anyhow::Result<Option<tls::Files>> {
    match (certificate, key) {
        (Some(certificate), Some(key)) => Ok(Some(tls::Files { certificate, key })),
        (None, None) => Ok(None),
        (Some(certificate), None) => bail!("--tls-certificate {} needs --tls-key", certificate.display()),
        (None, Some(key)) => bail!("--tls-key {} needs --tls-certificate", key.display()),
    }
}

/// True for `o-` with 10 to 32 lowercase letters and digits (Organizations reference).
fn is_organization_id(text: &str) -> bool {
    text.strip_prefix("o-").is_some_and(|id| {
        (10..=32).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    })
}

/// True for twelve ASCII digits.
pub fn is_account_id(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

/// The address that `text` is; `key` is what the operator calls it.
fn address(key: &str, text: &str) -> anyhow::Result<SocketAddr> {
    text.to_socket_addrs()
        .ok()
        .and_then(|mut addresses| addresses.next())
        .with_context(|| format!("{key} must be ADDRESS:PORT such as 127.0.0.1:8792, not '{text}'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(listen: &str, open: bool) -> Settings {
        Settings { listen: Some(listen.into()), open: Some(open), ..Settings::default() }
    }

    #[test]
    fn a_certificate_has_a_key_and_syslog_over_tls_a_certificate() {
        let resolve = |text: &str| Config::resolve(Settings::default(), toml::from_str(text).unwrap());
        assert_eq!(resolve("").unwrap().tls, None);
        let both = "tls_certificate = '/c.pem'\ntls_key = '/k.pem'\n";
        let files = tls::Files { certificate: "/c.pem".into(), key: "/k.pem".into() };
        assert_eq!(resolve(both).unwrap().tls, Some(files));
        let flags = Settings { tls_key: Some("/other.pem".into()), ..Settings::default() };
        let tls = Config::resolve(flags, toml::from_str(both).unwrap()).unwrap().tls.unwrap();
        assert_eq!(tls.key, PathBuf::from("/other.pem"));
        let syslog = "[syslog]\ntls = '127.0.0.1:0'";
        assert!(resolve(&format!("{both}{syslog}")).unwrap().syslog.endpoints[""].tls.is_some());
        for (text, part) in [
            ("tls_certificate = '/c.pem'", "--tls-certificate /c.pem needs --tls-key"),
            ("tls_key = '/k.pem'", "--tls-key /k.pem needs --tls-certificate"),
            (syslog, "[syslog] tls needs a certificate"),
        ] {
            let error = resolve(text).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn flags_win_over_the_file_and_the_file_over_defaults() {
        let file: Settings =
            toml::from_str("listen = '127.0.0.1:1'\nregion = 'eu-west-1'\n[endpoints]\ns3 = 'http://127.0.0.1:9000'\n[detections]\nrules = '/rules'\n")
                .unwrap();
        let config = Config::resolve(flags("127.0.0.1:2", false), file).unwrap();
        assert_eq!(config.listen.port(), 2);
        assert_eq!(config.region, "eu-west-1");
        assert_eq!(config.account_id, "123456789012");
        assert_eq!(config.endpoints["s3"], "http://127.0.0.1:9000");
        assert_eq!(config.detection_rules, Some("/rules".into()));
    }

    #[test]
    fn an_error_of_the_file_says_where_and_shows_no_value() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("trailwatch.toml");
        let error = |text: &str| {
            std::fs::write(&path, text).unwrap();
            format!("{:#}", Settings::from_file(&path).unwrap_err())
        };
        let mistyped = error("region = 'eu-west-1'\n[catalog]\n  urll = 'postgres://u:hidden@h/d'\n");
        assert!(mistyped.contains("trailwatch.toml: line 3, column 3: unknown field `urll`"), "{mistyped}");
        let misplaced = error("catalog = 'postgres://u:\"hidden@h/d'\n");
        assert!(misplaced.contains("line 1, column 11: invalid type: string \"...\""), "{misplaced}");
        let unfinished = error("[catalog]\nurl = 'postgres://u:hidden@h/d\n");
        assert!(unfinished.contains("line "), "{unfinished}");
        for error in [mistyped, misplaced, unfinished] {
            assert!(!error.contains("hidden"), "{error}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_in_words() {
        let error = |flags: Settings, file: &str| {
            Config::resolve(flags, toml::from_str(file).unwrap()).unwrap_err().to_string()
        };
        assert!(error(flags("0.0.0.0:8792", true), "").contains("loopback only"));
        assert!(error(flags("nowhere", false), "").contains("--listen"));
        assert!(error(Settings::default(), "[otlp]\ngrpc = '4317'").contains("[otlp] grpc"));
        assert!(error(Settings { account_id: Some("12".into()), ..Settings::default() }, "").contains("12 digits"));
        assert!(error(Settings::default(), "[endpoints]\nec2 = 'http://x'").contains("'ec2'"));
        assert!(error(Settings::default(), "[firehose]\n'arn:aws:s3:::b' = 'http://x'").contains("'arn:aws:s3:::b'"));
        let stream = "arn:aws:firehose:us-east-1:123456789012:deliverystream/s";
        assert!(error(Settings::default(), &format!("[firehose]\n'{stream}' = 'ftp://x'")).contains("'ftp://x'"));
        assert!(
            error(Settings::default(), "[destinations]\n'arn:aws:s3:::b' = 'http://x'").contains("'arn:aws:s3:::b'")
        );
        assert!(error(Settings::default(), &format!("[destinations]\n'{stream}' = 'ftp://x'")).contains("'ftp://x'"));
        assert!(error(Settings::default(), "[buckets]\n'a/b' = '/x'").contains("'a/b'"));
        assert!(error(Settings::default(), "[proofs]\nbucket = 'a/b'").contains("'a/b'"));
        let witness = "[[proofs.witnesses]]\nvkey = 'sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8'\nurl = 'x'";
        assert!(error(Settings::default(), witness).contains("key of a witness"), "that is the key of a log");
        assert!(error(Settings::default(), "[trail]\norganization_id = 'o-x'").contains("'o-x'"));
        assert!(error(Settings::default(), "[trail]\ndigest_interval = '25h'").contains("digest_interval"));
        assert!(error(Settings::default(), "[trail]\ninsights_baseline = '6m'").contains("insights_baseline"));
        let wrong = toml::from_str::<Settings>("[trail]\ndelivery_interval = '60'").unwrap_err().to_string();
        assert!(wrong.contains("such as 30s"), "{wrong}");
        let s3 = "[s3]\naccess_key_id = 'K'\nsecret_access_key = 's'";
        assert!(error(Settings::default(), s3).contains("[endpoints] s3"));
        assert!(toml::from_str::<Settings>("lisen = 'x'").unwrap_err().to_string().contains("lisen"));
    }
}

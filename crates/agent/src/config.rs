//! Configuration: one TOML file, read and checked once; what it names of the machine (host name, zone) comes as a value.

#[cfg(test)]
mod tests;

use crate::endpoint::Target;
use crate::logs::Times;
use crate::tails::FileRule;
use crate::timestamps::TimestampFormat;
use anyhow::{Context, bail, ensure};
use jiff::tz::TimeZone;
use regex::Regex;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Longest interval or wait, seconds.
const SECS_MAX: u64 = 3_600;
/// Most dimensions that the configuration may add.
const DIMENSIONS_MAX: usize = 10;

/// The file as it is written; every key is optional.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// URL of the server, or `aws`.
    pub endpoint: Option<String>,
    /// PEM file of the authorities that the server's certificate may be of.
    pub ca_file: Option<PathBuf>,
    /// Region that calls are signed for.
    pub region: Option<String>,
    /// Directory of positions and batches in flight.
    pub state_dir: Option<PathBuf>,
    /// What `{host}` means.
    pub host: Option<String>,
    /// How old the first event of a batch gets before it is sent, seconds.
    pub batch_seconds: Option<u64>,
    /// How long a file must be silent before a record without an end is taken, seconds.
    pub record_seconds: Option<u64>,
    /// Files to tail.
    pub files: Vec<FileSettings>,
    /// Journals to follow.
    pub journal: Vec<JournalSettings>,
    /// The machine's metrics.
    pub metrics: Option<MetricSettings>,
    /// A StatsD server.
    pub statsd: Option<StatsdSettings>,
}

/// `[[files]]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileSettings {
    /// Globs.
    pub paths: Vec<String>,
    /// Globs of paths that are left out.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// The log group.
    pub group: String,
    /// The log stream; `{host}`, `{path}` and `{file}` stand in it.
    #[serde(default = "stream_of_path")]
    pub stream: String,
    /// Regular expression that matches the first line of a record, or `{timestamp_format}`.
    pub multi_line_start: Option<String>,
    /// How a record says its time.
    pub timestamp_format: Option<String>,
    /// Zone of times that say none: `UTC`, `local` or an IANA name.
    #[serde(default = "utc")]
    pub timezone: String,
    /// False: what is there at the very first start is passed over.
    #[serde(default = "yes")]
    pub from_beginning: bool,
}

/// `[[journal]]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JournalSettings {
    /// The log group.
    pub group: String,
    /// The log stream; `{host}` stands in it.
    #[serde(default = "stream_of_journal")]
    pub stream: String,
    /// systemd units; all when empty.
    #[serde(default)]
    pub units: Vec<String>,
    /// False: what is there at the very first start is passed over.
    #[serde(default)]
    pub from_beginning: bool,
    /// The folder of the journal's files; the machine's own journal when absent.
    pub directory: Option<PathBuf>,
    /// The program that reads the journal.
    #[serde(default = "journalctl")]
    pub program: PathBuf,
}

/// `[metrics]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MetricSettings {
    /// The namespace.
    pub namespace: String,
    /// How often, seconds.
    pub interval_seconds: u64,
}

impl Default for MetricSettings {
    fn default() -> Self {
        Self { namespace: "CWAgent".into(), interval_seconds: 60 }
    }
}

/// `[statsd]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StatsdSettings {
    /// UDP address.
    pub listen: String,
    /// The namespace.
    pub namespace: String,
    /// How often, seconds.
    pub interval_seconds: u64,
    /// Dimensions of every metric besides its tags; `{host}` stands in the values.
    pub dimensions: BTreeMap<String, String>,
}

impl Default for StatsdSettings {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8125".into(),
            namespace: "CWAgent".into(),
            interval_seconds: 60,
            dimensions: BTreeMap::new(),
        }
    }
}

fn stream_of_path() -> String {
    "{host}{path}".into()
}

fn stream_of_journal() -> String {
    "{host}".into()
}

fn utc() -> String {
    "UTC".into()
}

fn yes() -> bool {
    true
}

fn journalctl() -> PathBuf {
    "journalctl".into()
}

/// What the machine says of itself.
#[derive(Debug, Clone)]
pub struct Machine {
    /// Its name.
    pub host: String,
    /// Its time zone.
    pub zone: TimeZone,
}

/// Settings that were checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where calls go.
    pub target: Target,
    /// PEM file of the authorities that the server's certificate may be of; Mozilla's when absent.
    pub ca_file: Option<PathBuf>,
    /// Region that calls are signed for.
    pub region: String,
    /// Directory of the state.
    pub state_dir: PathBuf,
    /// Name of the machine.
    pub host: String,
    /// How long things wait.
    pub times: Times,
    /// Files to tail.
    pub files: Vec<FileRule>,
    /// Journals to follow, their streams filled in.
    pub journals: Vec<JournalSettings>,
    /// The machine's metrics.
    pub metrics: Option<MetricSettings>,
    /// A StatsD server, its dimensions filled in.
    pub statsd: Option<StatsdSettings>,
}

impl Settings {
    /// Reads a TOML file.
    ///
    /// # Errors
    /// When it cannot be read, or has an unknown key, which is named.
    pub fn from_file(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("read config file {}", path.display()))?;
        toml::from_str(&text).with_context(|| format!("read config file {}", path.display()))
    }

    /// Checks everything and fills in what is not said.
    ///
    /// # Errors
    /// In words that name the key.
    pub fn resolve(self, machine: &Machine) -> anyhow::Result<Config> {
        let nothing =
            self.files.is_empty() && self.journal.is_empty() && self.metrics.is_none() && self.statsd.is_none();
        ensure!(!nothing, "nothing to collect: name files, a journal, metrics or statsd");
        let host = self.host.unwrap_or_else(|| machine.host.clone());
        let seconds = |name: &str, seconds: Option<u64>| {
            let seconds = seconds.unwrap_or(5);
            ensure!((1..=SECS_MAX).contains(&seconds), "{name} must be 1 to {SECS_MAX}, not {seconds}");
            Ok(i64::try_from(seconds)? * 1_000)
        };
        let times = Times {
            batch_ms: seconds("batch_seconds", self.batch_seconds)?,
            record_ms: seconds("record_seconds", self.record_seconds)?,
        };
        let target = Target::parse(self.endpoint.as_deref().unwrap_or("http://127.0.0.1:8792"))?;
        let region = self.region.unwrap_or_else(|| "us-east-1".into());
        let is_region = region.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        ensure!(is_region && !region.is_empty(), "region must look like us-east-1, not '{region}'");
        let mut streams = BTreeSet::new();
        let journals = self.journal.into_iter().map(|journal| {
            let stream = journal.stream.replace("{host}", &host);
            check_names(&journal.group, &stream)?;
            // A stream remembers one position.
            let is_alone = streams.insert((journal.group.clone(), stream.clone()));
            ensure!(is_alone, "two journals go to stream '{stream}' of group '{}'", journal.group);
            Ok(JournalSettings { stream, ..journal })
        });
        Ok(Config {
            target,
            ca_file: self.ca_file,
            region,
            state_dir: self.state_dir.unwrap_or_else(|| "trailwatch-agent".into()),
            times,
            files: self.files.into_iter().map(|files| files.resolve(&host, machine)).collect::<anyhow::Result<_>>()?,
            journals: journals.collect::<anyhow::Result<_>>()?,
            metrics: self.metrics.map(MetricSettings::resolve).transpose()?,
            statsd: self.statsd.map(|statsd| statsd.resolve(&host)).transpose()?,
            host,
        })
    }
}

impl FileSettings {
    /// Files of these globs, with what is not said as by default.
    pub fn new(paths: Vec<String>, group: String) -> Self {
        Self {
            paths,
            exclude: Vec::new(),
            group,
            stream: stream_of_path(),
            multi_line_start: None,
            timestamp_format: None,
            timezone: utc(),
            from_beginning: true,
        }
    }

    fn resolve(self, host: &str, machine: &Machine) -> anyhow::Result<FileRule> {
        ensure!(!self.paths.is_empty(), "[[files]] of group '{}' names no paths", self.group);
        for path in &self.paths {
            glob::Pattern::new(path).with_context(|| format!("paths: '{path}'"))?;
        }
        let exclude =
            self.exclude.iter().map(|glob| glob::Pattern::new(glob).with_context(|| format!("exclude: '{glob}'")));
        let stream = self.stream.replace("{host}", host);
        check_names(&self.group, &stream)?;
        let zone = match self.timezone.as_str() {
            "local" => machine.zone.clone(),
            name => TimeZone::get(name).with_context(|| format!("timezone: '{name}'"))?,
        };
        let time = self.timestamp_format.as_deref().map(|format| TimestampFormat::new(format, zone)).transpose()?;
        let start = match (self.multi_line_start.as_deref(), &time) {
            (None, _) => None,
            (Some("{timestamp_format}"), Some(time)) => Some(time.pattern().clone()),
            (Some("{timestamp_format}"), None) => bail!("multi_line_start: there is no timestamp_format"),
            (Some(pattern), _) => Some(Regex::new(pattern).with_context(|| format!("multi_line_start: '{pattern}'"))?),
        };
        Ok(FileRule {
            patterns: self.paths,
            exclude: exclude.collect::<anyhow::Result<_>>()?,
            group: self.group,
            stream,
            start,
            time,
            from_beginning: self.from_beginning,
        })
    }
}

impl JournalSettings {
    /// The whole journal, from now on.
    pub fn new(group: String) -> Self {
        Self {
            group,
            stream: stream_of_journal(),
            units: Vec::new(),
            from_beginning: false,
            directory: None,
            program: journalctl(),
        }
    }
}

impl MetricSettings {
    fn resolve(self) -> anyhow::Result<Self> {
        check_metrics("metrics", &self.namespace, self.interval_seconds)?;
        Ok(self)
    }
}

impl StatsdSettings {
    fn resolve(mut self, host: &str) -> anyhow::Result<Self> {
        check_metrics("statsd", &self.namespace, self.interval_seconds)?;
        ensure!(self.dimensions.len() <= DIMENSIONS_MAX, "[statsd] dimensions are {DIMENSIONS_MAX} at most");
        for value in self.dimensions.values_mut() {
            *value = value.replace("{host}", host);
        }
        Ok(self)
    }
}

/// CreateLogGroup and CreateLogStream say what names may be.
fn check_names(group: &str, stream: &str) -> anyhow::Result<()> {
    let of_group = |byte: u8| byte.is_ascii_alphanumeric() || b".-_/#".contains(&byte);
    ensure!(
        (1..=512).contains(&group.len()) && group.bytes().all(of_group),
        "group '{group}' is not a log group's name"
    );
    let of_stream = (1..=512).contains(&stream.len()) && !stream.contains([':', '*']);
    ensure!(of_stream, "stream '{stream}' is not a log stream's name: 1 to 512 characters, none of them : or *");
    Ok(())
}

fn check_metrics(section: &str, namespace: &str, interval_seconds: u64) -> anyhow::Result<()> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_/#: ".contains(&byte);
    let is_name = (1..=255).contains(&namespace.len()) && namespace.bytes().all(plain);
    ensure!(is_name, "[{section}] namespace '{namespace}' is not one");
    ensure!(!namespace.starts_with("AWS/"), "[{section}] namespaces that begin with AWS/ are those of AWS");
    let is_interval = (1..=SECS_MAX).contains(&interval_seconds);
    ensure!(is_interval, "[{section}] interval_seconds must be 1 to {SECS_MAX}, not {interval_seconds}");
    Ok(())
}

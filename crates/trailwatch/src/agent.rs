//! `trailwatch agent`: the collector of crate `agent`, with the machine's clock, chance, keys and signals.

use crate::outgoing::roots;
use crate::real::{SystemClock, random_u64};
use ::agent::config::{Config, FileSettings, JournalSettings, Machine, MetricSettings, Settings, StatsdSettings};
use ::agent::endpoint::{AwsEndpoint, Target};
use ::agent::{Parts, credentials, host};
use anyhow::{Context, bail};
use clap::Args;
use model::Clock;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, mpsc};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;
use wire::sigv4::Credentials;

/// Speaks the public AWS API only, so it works with Trailwatch and with AWS. Each line arrives once and in order, across
/// rotation, restarts, kill -9 and outages of the server.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  trailwatch agent --log-file '/var/log/*.log' --log-group web\n  trailwatch agent --endpoint http://logs.example:8792 --log-file /srv/app.log --log-group app --timestamp-format '%Y-%m-%d %H:%M:%S' --multi-line-start '{timestamp_format}'\n  trailwatch agent --endpoint aws --region eu-west-1 --config agent.toml\n  trailwatch agent --host-metrics --statsd 127.0.0.1:8125\n\nThe config file (TOML) has endpoint, ca_file, region, state_dir, host, batch_seconds, record_seconds, and the sections [[files]],\n[[journal]], [metrics] and [statsd]; docs/agent.md has one to paste. Flags win over it, and --log-file, --journal-group,\n--host-metrics and --statsd add to it.\nKeys come from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, or from profile AWS_PROFILE of the shared\ncredentials file (AWS_SHARED_CREDENTIALS_FILE). They need logs:PutLogEvents, logs:CreateLogGroup, logs:CreateLogStream,\nlogs:GetLogEvents and cloudwatch:PutMetricData.\nRUST_LOG sets how much is logged (default: info).\nExit code 0: stopped by SIGTERM or SIGINT. 1: failed. 2: wrong usage."
)]
pub struct AgentArgs {
    /// TOML file with everything that the flags say, and more
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The server, or 'aws' for AWS itself [default: AWS_ENDPOINT_URL, else http://127.0.0.1:8792]
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// PEM file of the authorities that the certificate of an https:// server may be of [default: AWS_CA_BUNDLE, else Mozilla's]
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Region that calls are signed for [default: AWS_REGION, AWS_DEFAULT_REGION, else us-east-1]
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    /// Folder for positions and batches in flight; made when absent [default: trailwatch-agent]
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// Glob of files to tail, in quotes; may be given several times
    #[arg(long, value_name = "GLOB", requires = "log_group")]
    log_file: Vec<String>,
    /// Log group of these files; made when absent
    #[arg(long, value_name = "NAME", requires = "log_file")]
    log_group: Option<String>,
    /// Log stream of these files; {host}, {path} and {file} stand for what they say [default: {host}{path}]
    #[arg(long, value_name = "NAME", requires = "log_file")]
    log_stream: Option<String>,
    /// Regular expression that the first line of a record matches, or {timestamp_format} [default: each line is a record]
    #[arg(long, value_name = "REGEX", requires = "log_file")]
    multi_line_start: Option<String>,
    /// How records say their time, as strftime does [default: the time at which they are read]
    #[arg(long, value_name = "FORMAT", requires = "log_file")]
    timestamp_format: Option<String>,
    /// Zone of times that say none: UTC, local or an IANA name [default: UTC]
    #[arg(long, value_name = "ZONE", requires = "timestamp_format")]
    timezone: Option<String>,
    /// Follow the systemd journal into this log group
    #[arg(long, value_name = "NAME")]
    journal_group: Option<String>,
    /// Send the machine's CPU, memory, disks and network every minute, as CWAgent metrics
    #[arg(long)]
    host_metrics: bool,
    /// Take StatsD packets at this UDP address
    #[arg(long, value_name = "ADDRESS:PORT")]
    statsd: Option<String>,
}

impl AgentArgs {
    /// Flags over file over environment, checked.
    pub fn config(self) -> anyhow::Result<Config> {
        let mut settings = self.config.as_deref().map(Settings::from_file).transpose()?.unwrap_or_default();
        settings.endpoint = self.endpoint.or(settings.endpoint).or_else(|| environment("AWS_ENDPOINT_URL"));
        settings.ca_file =
            self.ca_file.or(settings.ca_file).or_else(|| environment("AWS_CA_BUNDLE").map(PathBuf::from));
        settings.region = self.region.or(settings.region);
        settings.region =
            settings.region.or_else(|| environment("AWS_REGION")).or_else(|| environment("AWS_DEFAULT_REGION"));
        settings.state_dir = self.state_dir.or(settings.state_dir);
        if let Some(group) = self.log_group {
            let mut files = FileSettings::new(self.log_file, group);
            files.stream = self.log_stream.unwrap_or(files.stream);
            files.multi_line_start = self.multi_line_start;
            files.timestamp_format = self.timestamp_format;
            files.timezone = self.timezone.unwrap_or(files.timezone);
            settings.files.push(files);
        }
        settings.journal.extend(self.journal_group.map(JournalSettings::new));
        if self.host_metrics {
            settings.metrics.get_or_insert_with(MetricSettings::default);
        }
        if let Some(listen) = self.statsd {
            settings.statsd.get_or_insert_with(StatsdSettings::default).listen = listen;
        }
        let zone = jiff::tz::TimeZone::try_system().unwrap_or(jiff::tz::TimeZone::UTC);
        settings.resolve(&Machine { host: host::name_of_machine(), zone })
    }
}

/// A variable of the environment that is set to something.
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Runs the agent until SIGTERM or SIGINT.
pub async fn agent(config: Config) -> anyhow::Result<ExitCode> {
    let filter = environment("RUST_LOG").unwrap_or_else(|| "info".into());
    let filter = EnvFilter::try_new(filter).context("set up the log (RUST_LOG)")?;
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false).init();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    keys()?;
    // Who speaks plain HTTP needs no authorities, and none that can be read.
    let is_plain = matches!(&config.target, Target::Server(url) if url.starts_with("http://"));
    let roots = roots(config.ca_file.as_deref().filter(|_| !is_plain))?;
    let (target, region) = ((config.target.clone(), roots), config.region.clone());
    let endpoint = AwsEndpoint::new(target, &region, Box::new(keys), Arc::clone(&clock));
    // Without chance agents only come back at the same time after an outage.
    let random = || random_u64().map_or(0.5, |number| number as f64 / u64::MAX as f64);
    let parts = Parts { endpoint: Arc::new(endpoint), clock, random: Arc::new(random) };
    let (stop, stopped) = mpsc::channel();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut running = tokio::task::spawn_blocking(move || ::agent::run(config, &parts, &stopped));
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        ended = &mut running => {
            ended.context("run the agent")??;
            bail!("the agent ended by itself");
        }
    }
    drop(stop);
    running.await.context("run the agent")??;
    Ok(ExitCode::SUCCESS)
}

/// The keys of the environment, else of the shared credentials file; looked up before each call, for they may be renewed.
pub fn keys() -> anyhow::Result<Credentials> {
    if let (Some(access_key_id), Some(secret_access_key)) =
        (environment("AWS_ACCESS_KEY_ID"), environment("AWS_SECRET_ACCESS_KEY"))
    {
        return Ok(Credentials { access_key_id, secret_access_key, session_token: environment("AWS_SESSION_TOKEN") });
    }
    let path = environment("AWS_SHARED_CREDENTIALS_FILE").map(PathBuf::from);
    let path = path.or_else(|| Some(std::env::home_dir()?.join(".aws/credentials")));
    let path =
        path.context("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set, and there is no home directory")?;
    let text = std::fs::read_to_string(&path).with_context(|| {
        format!("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set, and {} cannot be read", path.display())
    })?;
    let profile = environment("AWS_PROFILE").unwrap_or_else(|| "default".into());
    credentials::of_profile(&text, &profile)
        .with_context(|| format!("{} has no keys of profile '{profile}'", path.display()))
}

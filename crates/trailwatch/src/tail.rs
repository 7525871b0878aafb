//! `trailwatch tail`: prints log events as they arrive, by StartLiveTail of a running server; or audit events.

mod events;

use crate::remote::{Remote, ServerArgs};
use anyhow::{Context, bail};
use clap::Args;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::process::ExitCode;
use std::sync::Arc;
use trail::record::Defaults;
use wire::event_stream::Message;

/// Read at a time, bytes.
const CHUNK: usize = 64 * 1024;

/// Which events, and how they are shown.
#[derive(Debug, Default, Args)]
#[command(
    after_help = "Examples:\n  trailwatch tail /shop/web\n  trailwatch tail /shop/web --filter 'ERROR -timeout' --stream-prefix web-\n  trailwatch tail --events --source s3 --errors\n\nA session over log groups ends after three hours, as on AWS. Ctrl-C ends it sooner."
)]
pub struct TailArgs {
    /// Names of log groups, ten at most
    #[arg(required_unless_present = "events", conflicts_with = "events", value_name = "GROUP")]
    groups: Vec<String>,
    /// Audit events, of all accounts, instead of log events; needs the root key
    #[arg(long, conflicts_with = "stream_prefix")]
    events: bool,
    /// Only audit events of this name; may be given several times, as the next two
    #[arg(long, value_name = "NAME", conflicts_with = "groups")]
    name: Vec<String>,
    /// Only audit events of this source, such as s3 or s3.amazonaws.com
    #[arg(long, value_name = "SOURCE", conflicts_with = "groups")]
    source: Vec<String>,
    /// Only audit events of this user: a name or an ARN
    #[arg(long, value_name = "USER", conflicts_with = "groups")]
    user: Vec<String>,
    /// Only audit events of calls that failed
    #[arg(long, conflicts_with = "groups")]
    errors: bool,
    /// Only log events that match this filter pattern, or audit events whose record contains this text
    #[arg(long, value_name = "PATTERN", default_value = "")]
    filter: String,
    /// Only streams whose names begin so; may be given several times, with one group
    #[arg(long, value_name = "PREFIX")]
    stream_prefix: Vec<String>,
    #[command(flatten)]
    at: ServerArgs,
    /// Print each event as one line of JSON
    #[arg(long)]
    json: bool,
}

/// Follows until the session ends or nobody reads on.
pub async fn command(args: TailArgs) -> anyhow::Result<ExitCode> {
    let clock: Arc<dyn model::Clock> = Arc::new(crate::real::SystemClock);
    let environment = |name| std::env::var(name).ok().filter(|value: &String| !value.is_empty());
    let region = environment("AWS_REGION").or_else(|| environment("AWS_DEFAULT_REGION"));
    let defaults = Defaults {
        account: String::new(),
        region: region.unwrap_or_else(|| "us-east-1".into()),
        ingestion_time: clock.now(),
    };
    let remote = Remote::from_environment(&args.at, &defaults, clock)?;
    let following = move || if args.events { events::follow(&remote, &args) } else { follow(&remote, &args) };
    tokio::task::spawn_blocking(following).await.context("follow")?
}

fn follow(remote: &Remote, args: &TailArgs) -> anyhow::Result<ExitCode> {
    let arns: Vec<String> = args.groups.iter().map(|group| arn(remote, group)).collect::<anyhow::Result<_>>()?;
    let mut input = json!({ "logGroupIdentifiers": arns, "logEventFilterPattern": args.filter });
    if !args.stream_prefix.is_empty() {
        input["logStreamNamePrefixes"] = json!(args.stream_prefix);
    }
    let mut stream = remote.logs_call("StartLiveTail", &input)?;
    let mut held: Vec<u8> = Vec::new();
    let mut chunk = vec![0; CHUNK];
    loop {
        while let Some((message, length)) = Message::decode(&held).context("read the stream")? {
            held.drain(..length);
            if message.header(":message-type") == Some("exception") {
                let told: Value = serde_json::from_slice(&message.payload).unwrap_or_default();
                bail!("{}", told["message"].as_str().unwrap_or("the session has ended"));
            }
            if message.header(":event-type") == Some("sessionUpdate")
                && !show(&serde_json::from_slice(&message.payload).context("read an update")?, args.json)
            {
                return Ok(ExitCode::SUCCESS);
            }
        }
        match stream.read(&mut chunk).context("read the stream")? {
            0 => return Ok(ExitCode::SUCCESS),
            count => held.extend_from_slice(&chunk[..count]),
        }
    }
}

/// The ARN of a group.
fn arn(remote: &Remote, group: &str) -> anyhow::Result<String> {
    let mut answer = remote.logs_call("DescribeLogGroups", &json!({ "logGroupNamePrefix": group }))?;
    let mut text = String::new();
    answer.read_to_string(&mut text).context("read the answer")?;
    let answer: Value = serde_json::from_str(&text).context("read the answer")?;
    let mut groups = answer["logGroups"].as_array().into_iter().flatten();
    let found = groups.find(|found| found["logGroupName"] == group);
    let arn = found.and_then(|found| found["logGroupArn"].as_str());
    arn.map(str::to_owned).with_context(|| format!("there is no log group {group}"))
}

/// Prints the events of an update; false when nobody reads them any more.
fn show(update: &Value, as_json: bool) -> bool {
    let mut out = std::io::stdout().lock();
    let mut print = |event: &Value| {
        let text = |member: &str| event[member].as_str().unwrap_or_default();
        let time = model::Timestamp(event["timestamp"].as_i64().unwrap_or_default()).iso_millis();
        match as_json {
            true => writeln!(out, "{event}"),
            false => writeln!(out, "{time} {} {}", text("logStreamName"), text("message")),
        }
    };
    let mut events = update["sessionResults"].as_array().into_iter().flatten();
    let printed = events.try_for_each(&mut print);
    if update["sessionMetadata"]["sampled"] == true {
        eprintln!("trailwatch: too much to show: this is a sample");
    }
    printed.and_then(|()| out.flush()).is_ok()
}

//! `trailwatch cis enable | report`: the monitoring controls of the CIS AWS Foundations Benchmark, by the public API alone.
//!
//! A control holds as the benchmark's audit has it: a multi-region trail that logs delivers to the log group; a metric filter there finds
//! what is watched for; an alarm on its metric tells a topic; somebody has confirmed a subscription to that. A filter is judged by what it
//! finds, not by its text: every record that the control is about, and not a harmless one.

mod controls;
mod report;

use crate::real::SystemClock;
use crate::remote::aws_call::{CLOUDWATCH, LOGS};
use crate::remote::{Remote, ServerArgs};
use anyhow::Context;
use clap::{Args, Subcommand};
use controls::{CONTROLS, Control};
use model::Clock;
use serde_json::json;
use std::process::ExitCode;
use std::sync::Arc;
use trail::record::Defaults;

/// What can be done with the controls.
#[derive(Debug, Subcommand)]
pub enum Cis {
    /// Put the fifteen metric filters and alarms; may be repeated.
    Enable(EnableArgs),
    /// Say which controls hold, and what the others lack. Exit code 1 when one does not hold.
    Report(ReportArgs),
}

/// Filters, metrics and alarms are named alike, such as CIS-4.3-RootUsage; what is there under these names is replaced.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  trailwatch cis enable --log-group /audit --topic arn:aws:sns:us-east-1:123456789012:security\n\nThe log group is where a trail delivers (aws cloudtrail create-trail --cloud-watch-logs-log-group-arn …)."
)]
pub struct EnableArgs {
    /// The log group that a trail delivers to
    #[arg(long, value_name = "NAME")]
    log_group: String,
    /// ARN of the topic that alarms tell
    #[arg(long, value_name = "ARN")]
    topic: String,
    /// Namespace of the metrics
    #[arg(long, value_name = "NAME", default_value = "CISBenchmark")]
    namespace: String,
    #[command(flatten)]
    at: ServerArgs,
}

/// Looks at filters, alarms, trails and subscriptions, and changes nothing.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  trailwatch cis report --log-group /audit")]
pub struct ReportArgs {
    /// The log group that a trail delivers to
    #[arg(long, value_name = "NAME")]
    log_group: String,
    #[command(flatten)]
    at: ServerArgs,
}

/// Does one of them.
pub async fn run(command: Cis) -> anyhow::Result<ExitCode> {
    let work = move || match command {
        Cis::Enable(args) => enable(&remote(&args.at)?, &args),
        Cis::Report(args) => report::report(&remote(&args.at)?, &args.log_group),
    };
    tokio::task::spawn_blocking(work).await.context("wait for the server")?
}

fn remote(at: &ServerArgs) -> anyhow::Result<Remote> {
    let environment = |name| std::env::var(name).ok().filter(|value: &String| !value.is_empty());
    let region = environment("AWS_REGION").or_else(|| environment("AWS_DEFAULT_REGION"));
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let defaults = Defaults {
        account: String::new(),
        region: region.unwrap_or_else(|| "us-east-1".into()),
        ingestion_time: clock.now(),
    };
    Remote::from_environment(at, &defaults, clock)
}

fn enable(remote: &Remote, args: &EnableArgs) -> anyhow::Result<ExitCode> {
    for control in &CONTROLS {
        let name = format!("CIS-{}-{}", control.number, control.name);
        put(remote, args, control, &name).with_context(|| format!("control {}", control.number))?;
        println!("{:<5} {name}", control.number);
    }
    println!("{} metric filters and alarms are in place; ask `trailwatch cis report` what is missing", CONTROLS.len());
    Ok(ExitCode::SUCCESS)
}

fn put(remote: &Remote, args: &EnableArgs, control: &Control, name: &str) -> anyhow::Result<()> {
    let filter = json!({
        "logGroupName": args.log_group,
        "filterName": name,
        "filterPattern": control.pattern(),
        "metricTransformations": [{ "metricName": name, "metricNamespace": args.namespace, "metricValue": "1" }],
    });
    remote.json_call(LOGS, "PutMetricFilter", &filter)?;
    // As the benchmark has it: the sum of five minutes, from one on.
    let alarm = json!({
        "AlarmName": name,
        "AlarmDescription": format!("CIS {}: {}", control.number, control.title),
        "Namespace": args.namespace,
        "MetricName": name,
        "Statistic": "Sum",
        "Period": 300,
        "EvaluationPeriods": 1,
        "Threshold": 1.0,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "notBreaching",
        "AlarmActions": [args.topic],
    });
    remote.json_call(CLOUDWATCH, "PutMetricAlarm", &alarm)?;
    Ok(())
}

//! `POST /_trailwatch/alarms/backtest`: when an alarm would have fired, signed as an import is; and `trailwatch alarms backtest`.

use crate::own::{self, Endpoint, SIGNING_NAME};
use crate::real::SystemClock;
use crate::remote::{Remote, ServerArgs};
use crate::server::Server;
use anyhow::{Context, bail};
use catalog::AlarmConfiguration;
use clap::Args;
use model::limits::BACKTESTS_AT_ONCE_MAX;
use model::time::{DAY, HOUR, MINUTE};
use model::{Caller, Clock, TimeRange, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json as value};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::sync::{Semaphore, oneshot};
use trail::record::Defaults;
use watch::alarms::backtest::{Backtest, BacktestError, backtest};
use watch::cloudwatch::{drafted_alarm, drafted_composite_alarm, drafted_log_alarm, may_query};
use wire::{Access, ApiError, HttpRequest, Response};

/// Where questions are posted to.
pub const PATH: &str = "/_trailwatch/alarms/backtest";
const ENDPOINT: Endpoint = Endpoint::ours("BacktestAlarm", Access::Read);
/// How far back is looked when nobody says.
const SINCE_MS: i64 = 7 * DAY;

/// The body of a question.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Question {
    /// An alarm that exists.
    alarm_name: Option<String>,
    /// Or the input of PutMetricAlarm, PutCompositeAlarm or PutLogAlarm.
    alarm: Option<Value>,
    /// ISO 8601; a week before the end when absent.
    start: Option<String>,
    /// ISO 8601; now when absent.
    end: Option<String>,
    /// Thresholds to try; some of the values that were seen when empty.
    thresholds: Vec<f64>,
}

/// Answers a question. It ends when `hung_up` resolves: then nobody waits for the answer.
pub async fn answer(
    server: &Server,
    request: &HttpRequest,
    source_ip: &str,
    hung_up: oneshot::Receiver<()>,
) -> Response {
    let run =
        async |caller: &Caller| own::while_waited_for(hung_up, async { Ok(run(server, caller, request).await?) }).await;
    own::answered(ENDPOINT.call(server, (request, source_ip), None, run).await)
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(&wire::cloudwatch::errors::VALIDATION_EXCEPTION, message.into())
}

async fn run(server: &Server, caller: &Caller, request: &HttpRequest) -> Result<Backtest, ApiError> {
    let question: Question =
        serde_json::from_slice(&request.body).map_err(|error| invalid(format!("The body: {error}")))?;
    let now = server.clock.now();
    let (name, configuration) = match (question.alarm_name, question.alarm) {
        (Some(name), None) => {
            let alarm = server.watch.catalog.alarm(&caller.scope, &name).await?;
            let alarm = alarm.ok_or_else(|| invalid(format!("Alarm {name} does not exist")))?;
            (alarm.name, alarm.configuration)
        }
        (None, Some(alarm)) => {
            let name = alarm["AlarmName"].as_str().unwrap_or_default().to_owned();
            (name, drafted(server, caller, &alarm).await?)
        }
        _ => return Err(invalid("Exactly one of alarm_name and alarm must be given")),
    };
    // The answer tells what the queries find.
    may_query(&server.watch, caller, &configuration).await?;
    let time = |text: Option<String>, otherwise: Timestamp| match text {
        None => Ok(otherwise),
        Some(text) => Timestamp::parse_iso(&text).ok_or_else(|| invalid(format!("{text} is not a time (ISO 8601)"))),
    };
    let end = time(question.end, now)?;
    let start = time(question.start, end - SINCE_MS)?;
    if start >= end {
        return Err(invalid("The start must be before the end"));
    }
    let range = TimeRange::new(start, end);
    // Each may hold millions of periods. The semaphore is never closed.
    static REPLAYING: Semaphore = Semaphore::const_new(BACKTESTS_AT_ONCE_MAX);
    let _place = REPLAYING.acquire().await.ok();
    let found = backtest(&server.watch, &caller.scope, (&name, &configuration), range, &question.thresholds, now).await;
    found.map_err(|error| match error {
        BacktestError::TooMany(..)
        | BacktestError::TooLarge
        | BacktestError::TooManyChanges
        | BacktestError::TooManyRules
        | BacktestError::TooManyThresholds(_) => invalid(error.to_string()),
        BacktestError::Observe(_)
        | BacktestError::Composite(_)
        | BacktestError::Catalog(_)
        | BacktestError::Replay(_) => {
            ApiError::new(&wire::error::common::INTERNAL_FAILURE, "The history could not be read").with_source(error)
        }
    })
}

/// The configuration of a draft: the input of PutCompositeAlarm has an `AlarmRule`, that of PutLogAlarm a
/// `ScheduledQueryConfiguration`, and anything else is for PutMetricAlarm.
async fn drafted(server: &Server, caller: &Caller, draft: &Value) -> Result<AlarmConfiguration, ApiError> {
    let (has, text) = (|member: &str| draft.get(member).is_some(), draft.to_string());
    if has("AlarmRule") {
        return drafted_composite_alarm(&server.watch, caller, text.as_bytes()).await;
    }
    if has("ScheduledQueryConfiguration") {
        return drafted_log_alarm(caller, text.as_bytes()).await;
    }
    drafted_alarm(&server.watch, caller, text.as_bytes()).await
}

/// The same evaluator that watches the alarm, over what is stored: nothing is changed, no action runs.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  trailwatch alarms backtest --name slow --since 7d\n  trailwatch alarms backtest --alarm draft.json --threshold 100 --threshold 200\n\nThe file holds what `aws cloudwatch put-metric-alarm --cli-input-json` takes, or put-composite-alarm, whose children's and suppressor's recorded changes are replayed, or put-log-alarm."
)]
pub struct BacktestArgs {
    /// An alarm that exists
    #[arg(long, value_name = "NAME", conflicts_with = "alarm", required_unless_present = "alarm")]
    name: Option<String>,
    /// A file with the input of PutMetricAlarm, PutCompositeAlarm or PutLogAlarm, as JSON
    #[arg(long, value_name = "FILE")]
    alarm: Option<PathBuf>,
    /// How far back: 12h, 7d
    #[arg(long, value_name = "DURATION", default_value = "7d", value_parser = duration_ms)]
    since: i64,
    /// A threshold to try; may be given several times [default: some of the values that were seen]
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    threshold: Vec<f64>,
    #[command(flatten)]
    at: ServerArgs,
    /// Print the answer as JSON
    #[arg(long)]
    json: bool,
}

fn duration_ms(text: &str) -> Result<i64, String> {
    let unit = match text.chars().last() {
        Some('m') => MINUTE,
        Some('h') => HOUR,
        Some('d') => DAY,
        _ => return Err("a number and m, h or d".into()),
    };
    let number = text[..text.len() - 1].parse::<i64>().ok().filter(|number| *number > 0);
    number.and_then(|number| number.checked_mul(unit)).ok_or_else(|| "a number and m, h or d".into())
}

/// Asks the server and prints what it says.
pub async fn command(args: BacktestArgs) -> anyhow::Result<ExitCode> {
    let environment = |name| std::env::var(name).ok().filter(|value: &String| !value.is_empty());
    let region = environment("AWS_REGION").or_else(|| environment("AWS_DEFAULT_REGION"));
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let now = clock.now();
    let mut question =
        value!({ "start": (now - args.since).iso_millis(), "end": now.iso_millis(), "thresholds": args.threshold });
    match (&args.name, &args.alarm) {
        (Some(name), _) => question["alarm_name"] = name.as_str().into(),
        (None, Some(file)) => {
            let text = std::fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
            question["alarm"] = serde_json::from_str(&text).with_context(|| format!("read {}", file.display()))?;
        }
        (None, None) => bail!("--name or --alarm is needed"),
    }
    let defaults =
        Defaults { account: String::new(), region: region.unwrap_or_else(|| "us-east-1".into()), ingestion_time: now };
    let remote = Remote::from_environment(&args.at, &defaults, clock)?;
    let post = move || remote.post(PATH, SIGNING_NAME, "application/json", question.to_string());
    let (status, answer) = tokio::task::spawn_blocking(post).await.context("wait for the answer")??;
    let answer: Value = serde_json::from_slice(&answer).with_context(|| format!("the server answered {status}"))?;
    if status != 200 {
        bail!("{}", answer["message"].as_str().unwrap_or_default());
    }
    println!("{}", if args.json { serde_json::to_string_pretty(&answer)? } else { shown(&answer) });
    Ok(ExitCode::SUCCESS)
}

/// The answer for people.
fn shown(answer: &Value) -> String {
    let number = |of: &Value, member: &str| of[member].as_f64().unwrap_or_default();
    let mut lines = vec![format!(
        "{} evaluations; fires {} times ({:.1} a week), {:.1} hours in ALARM",
        answer["evaluations"],
        answer["fires"],
        number(answer, "fires_per_week"),
        number(answer, "alarm_secs") / 3600.0
    )];
    if let Some(count) = answer["in_warm_up"].as_u64().filter(|count| *count > 0) {
        lines.push(format!("{count} of them in warm-up (IN_WARM_UP)"));
    }
    for change in answer["transitions"].as_array().into_iter().flatten() {
        let text = |member: &str| change[member].as_str().unwrap_or_default();
        lines.push(format!("{}  {} -> {}  {}", text("at"), text("from"), text("to"), text("reason")));
    }
    for run in answer["actions_run"].as_array().into_iter().flatten() {
        let text = |member: &str| run[member].as_str().unwrap_or_default();
        let whose = run.get("contributor").map(|attributes| format!(" of {attributes}")).unwrap_or_default();
        lines.push(format!("{}  actions of {}{whose} run", text("at"), text("state")));
    }
    let tried = answer["by_threshold"].as_array().map(Vec::as_slice).unwrap_or_default();
    if !tried.is_empty() {
        lines.push(format!("{:>14}  {:>6}  {:>9}  {:>9}", "threshold", "fires", "per week", "hours"));
    }
    for tried in tried {
        lines.push(format!(
            "{:>14}  {:>6}  {:>9.1}  {:>9.1}",
            tried["threshold"],
            tried["fires"],
            number(tried, "fires_per_week"),
            number(tried, "alarm_secs") / 3600.0
        ));
    }
    lines.join("\n")
}

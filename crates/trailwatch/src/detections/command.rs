//! `trailwatch detections list | test | backtest`: what the rules of a folder are, and what they find in files and in history.

use super::DiskFolder;
use super::backtest::{Answer, Found, PATH, Question};
use crate::own::SIGNING_NAME;
use crate::real::SystemClock;
use crate::remote::{Remote, ServerArgs};
use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use model::Clock;
use proof::printable;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use trail::detections::{Folder, Rules};
use trail::import;
use trail::record::Defaults;

/// Most characters of a record's or rule's text that are printed, and of a line about one.
const TEXT_CHARS_MAX: usize = 200;
const LINE_CHARS_MAX: usize = 1_000;

/// What can be asked.
#[derive(Debug, Subcommand)]
pub enum Detections {
    /// Name the rules of a folder, and what is wrong with those that cannot be used.
    List(ListArgs),
    /// Hold records in files against the rules; nothing is stored.
    Test(TestArgs),
    /// Hold the stored history of a running server against the rules; nothing is stored.
    Backtest(BacktestArgs),
}

/// Exit code 1 when a rule cannot be used.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  trailwatch detections list --rules rules/cloud/aws/cloudtrail")]
pub struct ListArgs {
    /// Folder of Sigma rules (.yml, .yaml), folders within it included
    #[arg(long, value_name = "DIR")]
    rules: PathBuf,
}

/// Files in the forms that `trailwatch import cloudtrail` takes.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  trailwatch detections test --rules my-rules ./AWSLogs/")]
pub struct TestArgs {
    /// Folder of Sigma rules (.yml, .yaml), folders within it included
    #[arg(long, value_name = "DIR")]
    rules: PathBuf,
    /// Files and folders
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
}

/// Rules that cannot be used are named and left out.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  trailwatch detections backtest --rules my-rules --from 2026-11-01T00:00:00Z --to 2026-12-01T00:00:00Z"
)]
pub struct BacktestArgs {
    /// Folder of Sigma rules (.yml, .yaml), folders within it included
    #[arg(long, value_name = "DIR")]
    rules: PathBuf,
    /// ISO 8601 [default: a week before the end]
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// ISO 8601 [default: now]
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    #[command(flatten)]
    at: ServerArgs,
    /// Print the answer as JSON
    #[arg(long)]
    json: bool,
}

/// Runs one of them.
pub async fn run(command: Detections) -> anyhow::Result<ExitCode> {
    match command {
        Detections::List(args) => list(&args.rules),
        Detections::Test(args) => test(&args),
        Detections::Backtest(args) => backtest(args).await,
    }
}

fn load(path: &Path) -> anyhow::Result<Rules> {
    let folder = DiskFolder::new(path);
    let files = folder.files().with_context(|| format!("list {}", path.display()))?;
    let rules = Rules::load(&folder, &files);
    rules.broken.iter().for_each(|broken| eprintln!("not used: {}", printable(&broken.to_string(), LINE_CHARS_MAX)));
    Ok(rules)
}

fn list(path: &Path) -> anyhow::Result<ExitCode> {
    let rules = load(path)?;
    for loaded in &rules.loaded {
        let [id, title, file] =
            [&loaded.rule.id, &loaded.rule.title, &loaded.file].map(|text| printable(text, TEXT_CHARS_MAX));
        println!("{:<13}  {id}  {title}  ({file})", loaded.rule.level);
    }
    let (used, broken) = (rules.loaded.len(), rules.broken.len());
    println!("{used} rules, {broken} not used, {} for other logs", rules.elsewhere);
    Ok(if broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print(found: &Found) {
    // What records say is their writer's, and a terminal obeys more than text.
    let [title, name, id] =
        [&found.title, &found.event_name, &found.event_id].map(|text| printable(text, TEXT_CHARS_MAX));
    println!("{}  {:<13}  {title}  {name}  {id}", found.time, found.level);
}

fn test(args: &TestArgs) -> anyhow::Result<ExitCode> {
    let rules = load(&args.rules)?;
    let (mut answer, mut refused) = (Answer::default(), 0_usize);
    let mut refuse = |refusal: import::Refusal| {
        refused += 1;
        eprintln!("refused: {}", printable(&refusal.to_string(), LINE_CHARS_MAX));
    };
    let defaults = Defaults { ingestion_time: SystemClock.now(), ..Defaults::default() };
    for path in import::files(&args.paths, &mut refuse) {
        let name = path.display().to_string();
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) => {
                refuse(import::Refusal { file: name, record: None, reason: error.to_string() });
                continue;
            }
        };
        import::read(file, &name, &defaults, &mut |record| match record {
            Ok(event) => {
                super::backtest::count(&rules, &event, &mut answer);
                // Each is told as it is found, so that memory does not hold them.
                answer.findings.drain(..).for_each(|found| print(&found));
            }
            Err(refusal) => refuse(refusal),
        });
    }
    summary(&answer);
    Ok(if refused == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn summary(answer: &Answer) {
    let matches: usize = answer.matches.values().sum();
    println!("{} events, {matches} findings of {} rules", answer.events, answer.matches.len());
    if answer.unread > 0 {
        println!(
            "{} events could not be held against rules: nested too deep, or with a number that is too large",
            answer.unread
        );
    }
}

async fn backtest(args: BacktestArgs) -> anyhow::Result<ExitCode> {
    let rules = load(&args.rules)?;
    let folder = DiskFolder::new(&args.rules);
    // Files of which something cannot be used stay out: the server takes only what is whole.
    let is_whole = |file: &String| rules.broken.iter().all(|broken| broken.file != *file);
    let mut texts = BTreeMap::new();
    for file in rules.loaded.iter().map(|loaded| &loaded.file).filter(|file| is_whole(file)) {
        texts.insert(file.clone(), folder.read(file).with_context(|| format!("read {file}"))?);
    }
    let environment = |name| std::env::var(name).ok().filter(|value: &String| !value.is_empty());
    let region = environment("AWS_REGION").or_else(|| environment("AWS_DEFAULT_REGION"));
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let defaults = Defaults {
        account: String::new(),
        region: region.unwrap_or_else(|| "us-east-1".into()),
        ingestion_time: clock.now(),
    };
    let remote = Remote::from_environment(&args.at, &defaults, clock)?;
    let question = serde_json::to_string(&Question { rules: texts, from: args.from, to: args.to })?;
    let post = move || remote.post(PATH, SIGNING_NAME, "application/json", question);
    let (status, answer) = tokio::task::spawn_blocking(post).await.context("wait for the answer")??;
    if status != 200 {
        let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap_or_default();
        bail!("{}", answer["message"].as_str().unwrap_or("the server refused the question"));
    }
    let answer: Answer = serde_json::from_slice(&answer).context("read the answer")?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&answer)?);
        return Ok(ExitCode::SUCCESS);
    }
    answer.findings.iter().for_each(print);
    summary(&answer);
    Ok(ExitCode::SUCCESS)
}

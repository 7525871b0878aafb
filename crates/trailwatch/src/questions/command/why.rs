//! `trailwatch why ALARM`: asks a running server what changed just before an alarm, and prints it.

use super::super::investigate::{Asked, PATH};
use super::{ask, remote, text};
use crate::remote::{Remote, ServerArgs};
use anyhow::Context;
use clap::Args;
use model::time::{DAY, HOUR, MINUTE, SECOND};
use serde_json::Value;
use std::io::Write;
use std::process::ExitCode;

/// Bars of a metric that are drawn.
const BARS: usize = 60;
/// Lines of each part of the timeline that are printed.
const LINES_MAX: usize = 12;

/// What changed just before this alarm: the timeline of its metrics, log patterns that are new or surged, and the audit events that most likely explain it, with reasons.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  trailwatch why shop-5xx                                    # the latest time it went to ALARM\n  trailwatch why shop-5xx --at 2026-11-26T10:05:00Z --window 2h\n  trailwatch why --log-group /shop/web --window 30m          # without an alarm\n  trailwatch why shop-5xx --json | jq '.causes[0]'\n\nHow causes are ranked stands in docs/investigate.md. The root key is needed, or one whose policy allows trailwatch:Investigate."
)]
pub struct WhyArgs {
    /// The alarm, of the region of AWS_REGION
    #[arg(value_name = "ALARM", required_unless_present = "log_group")]
    alarm: Option<String>,
    /// The moment that is asked about (ISO 8601) [default: the latest time that the alarm went to ALARM, else now]
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// How long before it is looked at: 30m, 1h
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = seconds)]
    window: i64,
    /// How many days before are learned from
    #[arg(long, value_name = "DAYS", default_value_t = 14)]
    history_days: i64,
    /// A log group to look at besides those of the alarm; may be given several times
    #[arg(long, value_name = "NAME")]
    log_group: Vec<String>,
    /// Most causes to print
    #[arg(long, value_name = "N", default_value_t = 5)]
    limit: usize,
    /// Print the answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerArgs,
}

fn seconds(text: &str) -> Result<i64, String> {
    let wrong = || "a number and s, m, h or d".to_owned();
    let unit = match text.chars().last() {
        Some('s') => SECOND,
        Some('m') => MINUTE,
        Some('h') => HOUR,
        Some('d') => DAY,
        _ => return Err(wrong()),
    };
    let number = text[..text.len() - 1].parse::<i64>().ok().filter(|number| *number > 0);
    number.and_then(|number| number.checked_mul(unit / SECOND)).ok_or_else(wrong)
}

/// Asks and prints.
pub async fn run(args: WhyArgs) -> anyhow::Result<ExitCode> {
    let remote = remote(&args.server)?;
    tokio::task::spawn_blocking(move || print(&remote, args)).await.context("wait for the answer")?
}

fn print(remote: &Remote, args: WhyArgs) -> anyhow::Result<ExitCode> {
    let asked = Asked {
        alarm_name: args.alarm,
        log_groups: args.log_group,
        at: args.at,
        window: Some(args.window),
        history_days: Some(args.history_days),
        limit: Some(args.limit),
        ..Asked::default()
    };
    let answer = ask(remote, PATH, serde_json::to_string(&asked)?)?;
    let shown = if args.json { format!("{}\n", serde_json::to_string_pretty(&answer)?) } else { shown(&answer) };
    let mut out = std::io::stdout().lock();
    match out.write_all(shown.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {}
        written => written.context("print the answer")?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The answer for people.
fn shown(answer: &Value) -> String {
    let (subject, onset) = (&answer["subject"], &answer["onset"]);
    let mut shown = match subject["alarm_name"].as_str() {
        Some(_) => format!("{} is in {}\n", text(&subject["alarm_name"]), text(&subject["state"])),
        None => String::new(),
    };
    shown += &format!("It began at {}: {}\n", text(&onset["from"]), text(&onset["reason"]));
    for metric in list(&answer["metrics"]) {
        shown += &format!("\n{}\n  {}\n", text(&metric["label"]), bars(metric));
    }
    let transition = |it: &Value| {
        format!("{}  {} {} -> {}", text(&it["time"]), text(&it["alarm_name"]), text(&it["from"]), text(&it["to"]))
    };
    part(&mut shown, "Alarms", list(&answer["transitions"]), transition);
    let pattern = |it: &Value| {
        let rate = |member: &str| it[member].as_f64().unwrap_or_default();
        format!(
            "{}  {} {} {:.1} -> {:.1} a minute: {}",
            text(&it["first"]),
            text(&it["log_group"]),
            text(&it["kind"]),
            rate("before_per_minute"),
            rate("after_per_minute"),
            text(&it["pattern"]),
        )
    };
    part(&mut shown, "Log patterns", list(&answer["log_patterns"]), pattern);
    shown += "\nCauses\n";
    if list(&answer["causes"]).is_empty() {
        shown += "  No change is on record before it.\n";
    }
    for cause in list(&answer["causes"]) {
        let number = |member: &str| cause[member].as_f64().unwrap_or_default();
        shown += &format!(
            "  {}. {} ({:.1}, {:.0} %)  {}\n     {}  {}  {}\n",
            cause["rank"],
            text(&cause["verdict"]),
            number("score"),
            number("share") * 100.0,
            text(&cause["summary"]),
            text(&cause["event"]["time"]),
            text(&cause["event"]["event_source"]),
            text(&cause["event"]["event_id"]),
        );
    }
    for note in list(&answer["looked"]["notes"]) {
        shown += &format!("note: {}\n", text(note));
    }
    shown
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// The newest lines of a part of the timeline.
fn part(shown: &mut String, title: &str, lines: &[Value], line: impl Fn(&Value) -> String) {
    if lines.is_empty() {
        return;
    }
    *shown += &format!("\n{title}\n");
    for one in &lines[..lines.len().min(LINES_MAX)] {
        *shown += &format!("  {}\n", line(one));
    }
    if lines.len() > LINES_MAX {
        *shown += &format!("  … and {} more\n", lines.len() - LINES_MAX);
    }
}

/// The last points of a metric as bars, with the least and the most of them.
fn bars(metric: &Value) -> String {
    let values: Vec<f64> = list(&metric["points"]).iter().filter_map(|point| point[1].as_f64()).collect();
    let values = &values[values.len().saturating_sub(BARS)..];
    let (least, most) = values
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), value| (least.min(*value), most.max(*value)));
    if values.is_empty() {
        return "no data".into();
    }
    let bar = |value: &f64| {
        let height = if most > least { (value - least) / (most - least) * 7.0 } else { 0.0 };
        ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'][(height.round() as usize).min(7)]
    };
    format!("{}  {least} to {most}", values.iter().map(bar).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn durations_are_a_number_and_a_unit() {
        assert_eq!(seconds("90m"), Ok(5_400));
        assert_eq!(seconds("1d"), Ok(86_400));
        for wrong in ["", "h", "-1h", "5", "99999999999999999999d", "9223372036854775807d", "1é"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_answer_is_printed_with_its_causes_and_without_control_characters() {
        let answer = json!({
            "subject": { "alarm_name": "shop\u{1b}[2J", "state": "ALARM" },
            "onset": { "from": "2026-11-26T10:01:00.000Z", "reason": "Sum of errors went up" },
            "metrics": [{ "label": "errors", "points": [["t", 0.0], ["t", 4.0], ["t", 8.0]] }],
            "causes": [{ "rank": 1, "verdict": "likely", "score": 5.25, "share": 0.97, "summary": "DeleteBucket on shop by alice",
                "event": { "time": "2026-11-26T09:57:00.000Z", "event_source": "s3.amazonaws.com", "event_id": "e-1" } }],
            "looked": { "notes": ["a sample"] },
        });
        let shown = shown(&answer);
        assert!(!shown.contains('\u{1b}'));
        assert!(shown.contains("▁▅█  0 to 8"), "{shown}");
        assert!(shown.contains("1. likely (5.2, 97 %)  DeleteBucket on shop by alice"), "{shown}");
        assert!(shown.contains("note: a sample"));
    }
}

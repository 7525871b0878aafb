//! `trailwatch tail --events`: prints audit events as a running server accepts them.

use super::TailArgs;
use crate::event_tail::PATH;
use crate::own::SIGNING_NAME;
use crate::remote::{Remote, encoded};
use anyhow::Context;
use model::limits::AUDIT_EVENT_BYTES_MAX;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::ExitCode;

/// Longest line that is read, bytes: a record and what is around it.
const LINE_BYTES_MAX: u64 = 2 * AUDIT_EVENT_BYTES_MAX as u64;

/// Follows until the server ends the tail or nobody reads on.
pub(super) fn follow(remote: &Remote, args: &TailArgs) -> anyhow::Result<ExitCode> {
    let mut lines = BufReader::new(remote.stream(&target(args), SIGNING_NAME)?);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = lines.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line).context("read the stream")?;
        if read == 0 {
            return Ok(ExitCode::SUCCESS);
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        let told: Value = serde_json::from_slice(&line).context("read an event")?;
        if let Some(lost) = told["lost"].as_u64() {
            eprintln!("trailwatch: {lost} events came too fast and were lost here");
        } else if !show(&told["event"], args.json) {
            return Ok(ExitCode::SUCCESS);
        }
    }
}

/// The path with the choice as its query string.
fn target(args: &TailArgs) -> String {
    let of = |name: &'static str, values: &[String]| -> Vec<(&'static str, String)> {
        values.iter().map(|value| (name, value.clone())).collect()
    };
    let mut pairs = [of("name", &args.name), of("source", &args.source), of("user", &args.user)].concat();
    if args.errors {
        pairs.push(("errors", "true".into()));
    }
    if !args.filter.is_empty() {
        pairs.push(("filter", args.filter.clone()));
    }
    let pairs: Vec<String> = pairs.into_iter().map(|(name, value)| format!("{name}={}", encoded(&value))).collect();
    if pairs.is_empty() { PATH.to_owned() } else { format!("{PATH}?{}", pairs.join("&")) }
}

/// Prints an event; false when nobody reads them any more.
fn show(event: &Value, as_json: bool) -> bool {
    let mut out = std::io::stdout().lock();
    let printed = if as_json { writeln!(out, "{event}") } else { writeln!(out, "{}", line(event)) };
    printed.and_then(|()| out.flush()).is_ok()
}

/// Time, region, who, what, whence, and the error where there is one.
fn line(event: &Value) -> String {
    let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).unwrap_or("-").to_owned();
    let identity = &event["userIdentity"];
    let who = ["userName", "arn", "invokedBy", "type"].into_iter().map(|member| text(&identity[member]));
    let who = who.into_iter().find(|who| who != "-").unwrap_or_else(|| "-".into());
    let mut line = format!(
        "{} {} {who} {} {} {}",
        text(&event["eventTime"]),
        text(&event["awsRegion"]),
        text(&event["eventSource"]),
        text(&event["eventName"]),
        text(&event["sourceIPAddress"]),
    );
    if let Some(code) = event["errorCode"].as_str() {
        line += &format!(" {code}");
    }
    // A record is anybody's text, and a terminal obeys what it is shown.
    line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_event_is_one_line_that_a_terminal_only_shows() {
        let event = json!({
            "eventTime": "2026-03-01T00:00:00Z", "awsRegion": "us-east-1", "eventSource": "s3.amazonaws.com",
            "eventName": "Get\u{1b}[2JObject", "sourceIPAddress": "10.0.0.1", "errorCode": "AccessDenied",
            "userIdentity": { "type": "Root", "arn": "arn:aws:iam::123456789012:root" },
        });
        assert_eq!(
            line(&event),
            "2026-03-01T00:00:00Z us-east-1 arn:aws:iam::123456789012:root s3.amazonaws.com Get [2JObject 10.0.0.1 AccessDenied"
        );
        assert_eq!(line(&json!({})), "- - - - - -");
    }

    #[test]
    fn what_is_chosen_is_the_query_string() {
        let args = TailArgs {
            name: vec!["A".into(), "B".into()],
            errors: true,
            filter: "a b&c".into(),
            ..TailArgs::default()
        };
        assert_eq!(target(&args), format!("{PATH}?name=A&name=B&errors=true&filter=a%20b%26c"));
        assert_eq!(target(&TailArgs::default()), PATH);
    }
}

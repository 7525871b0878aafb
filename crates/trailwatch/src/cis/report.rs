//! `trailwatch cis report`: which controls hold.

use super::controls::{CONTROLS, Control, harmless};
use crate::remote::Remote;
use crate::remote::aws_call::{CLOUDTRAIL, CLOUDWATCH, LOGS};
use query::filter_pattern::FilterPattern;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::process::ExitCode;

/// Most pages of metric filters that are asked for: a group has at most a hundred filters.
const PAGES_MAX: usize = 100;

/// Prints a line for each control; exit code 1 when one does not hold.
pub fn report(remote: &Remote, log_group: &str) -> anyhow::Result<ExitCode> {
    let trail = trail_problem(remote, log_group)?;
    if let Some(problem) = &trail {
        println!("{problem}");
    }
    let filters = filters(remote, log_group)?;
    let mut topics = HashMap::new();
    let mut holding = 0;
    for control in &CONTROLS {
        let problem = match &trail {
            Some(_) => Some("no trail".to_owned()),
            None => problem(remote, control, &filters, &mut topics)?,
        };
        holding += usize::from(problem.is_none());
        let outcome = problem.map_or("holds".into(), |problem| format!("does not hold: {problem}"));
        println!("{:<5} {}: {outcome}", control.number, control.title);
    }
    println!("{holding} of {} controls hold", CONTROLS.len());
    Ok(if holding == CONTROLS.len() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Why no trail delivers to the group as it should, if none does.
fn trail_problem(remote: &Remote, log_group: &str) -> anyhow::Result<Option<String>> {
    let trails = remote.json_call(CLOUDTRAIL, "DescribeTrails", &json!({}))?;
    let mut problem = format!("no trail delivers to the log group {log_group}");
    for trail in trails["trailList"].as_array().into_iter().flatten() {
        let group = trail["CloudWatchLogsLogGroupArn"].as_str().unwrap_or_default();
        if group.trim_end_matches(":*").split_once(":log-group:").map(|(_, name)| name) != Some(log_group) {
            continue;
        }
        let name = trail["Name"].as_str().unwrap_or_default();
        let status = remote.json_call(CLOUDTRAIL, "GetTrailStatus", &json!({ "Name": trail["TrailARN"] }))?;
        problem = match (status["IsLogging"] == true, trail["IsMultiRegionTrail"] == true) {
            (true, true) => return Ok(None),
            (false, _) => format!("the trail {name} does not log"),
            (true, false) => format!("the trail {name} is of one region only"),
        };
    }
    Ok(Some(problem))
}

/// The metric filters of the group.
fn filters(remote: &Remote, log_group: &str) -> anyhow::Result<Vec<Value>> {
    let mut filters = Vec::new();
    let mut input = json!({ "logGroupName": log_group });
    for _ in 0..PAGES_MAX {
        let mut page = remote.json_call(LOGS, "DescribeMetricFilters", &input)?;
        if let Value::Array(found) = page["metricFilters"].take() {
            filters.extend(found);
        }
        match page["nextToken"].take() {
            Value::String(token) => input["nextToken"] = token.into(),
            _ => break,
        }
    }
    Ok(filters)
}

/// What a control lacks; of several filters, the one that comes furthest says it.
fn problem(
    remote: &Remote,
    control: &Control,
    filters: &[Value],
    topics: &mut HashMap<String, bool>,
) -> anyhow::Result<Option<String>> {
    let mut problem = "no metric filter finds it".to_owned();
    for filter in filters.iter().filter(|filter| finds(filter["filterPattern"].as_str().unwrap_or_default(), control)) {
        let metric = &filter["metricTransformations"][0];
        let name = metric["metricName"].as_str().unwrap_or_default();
        let input = json!({ "MetricName": name, "Namespace": metric["metricNamespace"] });
        let alarms = remote.json_call(CLOUDWATCH, "DescribeAlarmsForMetric", &input)?;
        let alarms = alarms["MetricAlarms"].as_array().map(Vec::as_slice).unwrap_or_default();
        if alarms.is_empty() {
            problem = format!("no alarm watches the metric {name}");
        }
        for alarm in alarms {
            let told = alarm["AlarmActions"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let told: Vec<&str> = told.filter(|arn| arn.starts_with("arn:aws:sns:")).collect();
            let alarm_name = alarm["AlarmName"].as_str().unwrap_or_default();
            if alarm["ActionsEnabled"] == false || told.is_empty() {
                problem = format!("the alarm {alarm_name} tells no topic");
                continue;
            }
            for topic in told {
                if is_heard(remote, topic, topics) {
                    return Ok(None);
                }
                problem = format!("nobody has confirmed a subscription to {topic}");
            }
        }
    }
    Ok(Some(problem))
}

/// True when a filter finds every record of a control, and not everything.
fn finds(pattern: &str, control: &Control) -> bool {
    let Ok(pattern) = FilterPattern::parse(pattern) else { return false };
    !pattern.matches(&harmless().to_string())
        && control.records().iter().all(|record| pattern.matches(&record.to_string()))
}

/// True when a topic has a confirmed subscription; a topic that cannot be asked has none.
fn is_heard(remote: &Remote, topic: &str, known: &mut HashMap<String, bool>) -> bool {
    if let Some(heard) = known.get(topic) {
        return *heard;
    }
    let answer = remote.sns_call("ListSubscriptionsByTopic", &[("TopicArn", topic)]);
    // One that waits has PendingConfirmation in place of an ARN.
    let heard = answer.is_ok_and(|xml| xml.contains("<SubscriptionArn>arn:"));
    known.insert(topic.to_owned(), heard);
    heard
}

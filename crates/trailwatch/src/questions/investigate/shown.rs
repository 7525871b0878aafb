//! An investigation as JSON, as `docs/investigate.md` has it.

use catalog::AlarmState;
use model::limits::INVESTIGATE_CHANGES_MAX;
use model::{Timestamp, arn};
use query::investigate::surges::SurgeKind;
use query::investigate::{Cause, Change, Factor, Ranking};
use serde_json::{Map, Value, json};
use watch::investigate::{GroupSurge, Investigation, Metric, Transition};

/// The answer, with at most `limit` causes.
pub fn shown(found: &Investigation, limit: usize) -> Value {
    let onset = &found.onset;
    let lines = lines(&found.ranking, limit);
    let cause = |(place, cause): (usize, &Cause)| {
        let line = Line { change: cause.change, count: cause.alike.len(), rank: Some(place + 1) };
        one_cause(cause, &found.changes, &line)
    };
    let (learned, days) = found.learned;
    json!({
        "subject": subject(found),
        "window": {
            "at": time(found.at),
            "from": time(found.window.start),
            "to": time(found.window.end),
            "baseline_from": time(found.baseline_from),
            "history_from": time(found.history_from),
        },
        "onset": {
            "from": time(onset.from),
            "to": time(onset.to),
            "source": onset.source.label(),
            "before": onset.before,
            "after": onset.after,
            "reason": onset.reason,
        },
        "metrics": found.metrics.iter().map(metric).collect::<Vec<_>>(),
        "transitions": found.transitions.iter().map(transition).collect::<Vec<_>>(),
        "log_patterns": found.surges.iter().map(pattern).collect::<Vec<_>>(),
        "changes": changes(&found.changes, lines),
        "causes": found.ranking.causes.iter().take(limit).enumerate().map(cause).collect::<Vec<_>>(),
        "looked": {
            "events": found.changes.len(),
            "history_events": learned,
            "history_days": (days * 100.0).round() / 100.0,
            "log_lines": found.lines,
            "notes": found.notes,
        },
    })
}

fn time(at: Timestamp) -> String {
    at.iso_millis()
}

fn subject(found: &Investigation) -> Value {
    let alarm = found.alarm.as_ref();
    let terms = found.subject.terms().iter().map(|term| json!({ "text": term.text, "from": term.from }));
    json!({
        "kind": found.kind.label(),
        "alarm_name": alarm.map(|alarm| &alarm.name),
        "alarm_arn": alarm.map(|alarm| arn::alarm(&alarm.scope, &alarm.name)),
        "state": alarm.map(|alarm| AlarmState::as_str(alarm.state)),
        "account": found.subject.account,
        "region": found.subject.region,
        "log_groups": found.log_groups,
        "terms": terms.collect::<Vec<_>>(),
    })
}

fn metric(metric: &Metric) -> Value {
    let (namespace, name, dimensions) = match &metric.metric {
        Some((namespace, name, dimensions)) => (Some(namespace), Some(name), dimensions.as_slice()),
        None => (None, None, [].as_slice()),
    };
    let dimensions: Map<String, Value> =
        dimensions.iter().map(|(key, value)| (key.clone(), Value::from(value.as_str()))).collect();
    let change = metric.change.map(|change| {
        json!({ "time": time(change.at), "before": change.before, "after": change.after, "score": change.evidence })
    });
    json!({
        "label": metric.label,
        "namespace": namespace,
        "metric_name": name,
        "dimensions": dimensions,
        "statistic": metric.statistic,
        "period": metric.period_secs,
        "threshold": metric.threshold,
        "points": metric.points.iter().map(|(at, value)| json!([time(*at), value])).collect::<Vec<_>>(),
        "change": change,
    })
}

fn transition(change: &Transition) -> Value {
    json!({
        "time": time(change.at),
        "alarm_name": change.alarm_name,
        "from": change.from,
        "to": change.to,
        "summary": change.summary,
        "is_subject": change.is_subject,
    })
}

fn pattern(GroupSurge { log_group, surge }: &GroupSurge) -> Value {
    let kind = match surge.kind {
        SurgeKind::New => "new",
        SurgeKind::Surged => "surged",
    };
    json!({
        "kind": kind,
        "log_group": log_group,
        "pattern_id": surge.pattern_id,
        "pattern": surge.pattern,
        "severity": surge.severity,
        "before": surge.before,
        "after": surge.after,
        "before_per_minute": surge.before_per_minute,
        "after_per_minute": surge.after_per_minute,
        "first": time(surge.first),
        "last": time(surge.last),
        "sample": surge.sample,
    })
}

/// A line of the timeline: a change, how many it stands for, and its rank among the causes.
#[derive(Debug, Clone, Copy)]
struct Line {
    change: usize,
    count: usize,
    rank: Option<usize>,
}

/// The lines of the timeline, those with the best causes as long as there is room.
fn lines(ranking: &Ranking, limit: usize) -> Vec<Line> {
    let causes = ranking.causes.iter().enumerate().map(|(place, cause)| Line {
        change: cause.change,
        count: cause.alike.len(),
        rank: (place < limit).then_some(place + 1),
    });
    let after =
        ranking.after.iter().filter_map(|alike| Some(Line { change: *alike.first()?, count: alike.len(), rank: None }));
    causes.chain(after).take(INVESTIGATE_CHANGES_MAX).collect()
}

fn changes(changes: &[Change], mut lines: Vec<Line>) -> Vec<Value> {
    lines.sort_by_key(|line| changes.get(line.change).map(|change| (change.time, &change.event_id)));
    lines.iter().filter_map(|line| Some(one(changes.get(line.change)?, line))).collect()
}

fn one(change: &Change, line: &Line) -> Value {
    let resource = |resource: &model::EventResource| json!({ "type": resource.resource_type, "name": resource.name });
    json!({
        "time": time(change.time),
        "event_id": change.event_id,
        "event_source": change.source,
        "event_name": change.name,
        "actor": change.actor,
        "user": change.user,
        "account": change.account,
        "region": change.region,
        "source_ip": change.source_ip,
        "error_code": change.error_code,
        "resources": change.resources.iter().map(resource).collect::<Vec<_>>(),
        "rank": line.rank,
        "count": line.count,
    })
}

fn one_cause(cause: &Cause, changes: &[Change], line: &Line) -> Value {
    let ids: Vec<&str> = cause.alike.iter().filter_map(|at| Some(changes.get(*at)?.event_id.as_str())).collect();
    let factor = |factor: &Factor| json!({ "name": factor.name, "score": factor.score, "reason": factor.reason });
    json!({
        "rank": line.rank,
        "score": cause.score,
        "share": cause.share,
        "verdict": cause.verdict.label(),
        "summary": cause.summary,
        "event": changes.get(cause.change).map(|change| one(change, line)),
        "event_ids": ids,
        "factors": cause.factors.iter().map(factor).collect::<Vec<_>>(),
    })
}

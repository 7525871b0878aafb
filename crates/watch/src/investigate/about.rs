//! What a question is about: alarms, those that a composite alarm goes by, metrics, log groups, and the terms of all of them.

use super::{InvestigateError, Question};
use crate::Watch;
use crate::logs::group_name;
use catalog::{Alarm, AlarmConfiguration, AlarmKind, AlarmMetric, MetricFilterQuery};
use model::{Scope, arn};
use query::investigate::Subject;

/// Most alarms that a composite alarm goes by, over all that are between, and how many of them are watched.
const CHILDREN_MAX: usize = 50;
pub(super) const WATCHED_MAX: usize = 5;
/// Most log groups that are mined.
const GROUPS_MAX: usize = 10;
/// Most metric filters of a metric that are looked at.
const FILTERS_MAX: usize = 10;

/// What a question is about.
#[derive(Debug, Clone)]
pub enum About {
    /// An alarm, by name.
    Alarm(String),
    /// A metric.
    Metric(AlarmMetric),
    /// Log groups, or a time only.
    Nothing,
}

/// What was asked about, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An alarm.
    Alarm(AlarmKind),
    /// A metric.
    Metric,
    /// Log groups.
    Logs,
    /// A time only.
    Window,
}

impl Kind {
    /// In the API.
    pub fn label(self) -> &'static str {
        match self {
            Kind::Alarm(AlarmKind::Metric) => "metric_alarm",
            Kind::Alarm(AlarmKind::Composite) => "composite_alarm",
            Kind::Alarm(AlarmKind::Log) => "log_alarm",
            Kind::Metric => "metric",
            Kind::Logs => "logs",
            Kind::Window => "window",
        }
    }
}

/// What was found.
pub(super) struct Found {
    pub kind: Kind,
    pub alarm: Option<Alarm>,
    /// What is watched: a name for people, and what a metric alarm would watch.
    pub watched: Vec<(String, AlarmConfiguration)>,
    pub log_groups: Vec<String>,
    pub subject: Subject,
}

/// Finds it.
pub(super) async fn find(
    watch: &Watch,
    scope: &Scope,
    question: &Question,
    notes: &mut Vec<String>,
) -> Result<Found, InvestigateError> {
    let subject = Subject::new(&scope.account, &scope.region);
    let kind = if question.log_groups.is_empty() { Kind::Window } else { Kind::Logs };
    let mut found = Found { kind, alarm: None, watched: Vec::new(), log_groups: Vec::new(), subject };
    let mut groups = question.log_groups.clone();
    match &question.about {
        About::Alarm(name) => {
            let alarm = watch.catalog.alarm(scope, name).await?;
            let alarm = alarm.ok_or_else(|| InvestigateError::NoAlarm(name.clone()))?;
            found.kind = Kind::Alarm(alarm.configuration.kind());
            let alarms = with_children(watch, scope, &alarm, notes).await?;
            for alarm in &alarms {
                of_alarm(watch, alarm, &mut found, &mut groups).await?;
            }
            found.alarm = Some(alarm);
        }
        About::Metric(metric) => {
            found.kind = Kind::Metric;
            let label = format!("{} {}", metric.namespace, metric.name);
            found.watched.push((label, alone(metric)));
        }
        About::Nothing => {}
    }
    for (_, configuration) in found.watched.clone() {
        of_metrics(watch, scope, &configuration, &mut found.subject, &mut groups).await?;
    }
    for group in groups {
        let name = group_name(scope, &group).map_or_else(|_| group.clone(), str::to_owned);
        if found.log_groups.contains(&name) {
            continue;
        }
        if found.log_groups.len() >= GROUPS_MAX {
            notes.push(format!("Only {GROUPS_MAX} log groups were looked at."));
            break;
        }
        found.subject.add_log_group(&name);
        found.log_groups.push(name);
    }
    Ok(found)
}

/// The alarm, and those that it goes by, over all that are between.
async fn with_children(
    watch: &Watch,
    scope: &Scope,
    alarm: &Alarm,
    notes: &mut Vec<String>,
) -> Result<Vec<Alarm>, InvestigateError> {
    let mut alarms = vec![alarm.clone()];
    let mut at = 0;
    while let Some(children) = alarms.get(at).map(|alarm| alarm.configuration.children().to_vec()) {
        at += 1;
        for name in children {
            if alarms.iter().any(|known| known.name == name) {
                continue;
            }
            if alarms.len() > CHILDREN_MAX {
                notes.push(format!("Only {CHILDREN_MAX} of the alarms that it goes by were looked at."));
                return Ok(alarms);
            }
            alarms.extend(watch.catalog.alarm(scope, &name).await?);
        }
    }
    // Those that are in ALARM say more; in order otherwise.
    alarms[1..].sort_by_key(|alarm| alarm.state != catalog::AlarmState::Alarm);
    Ok(alarms)
}

async fn of_alarm(
    watch: &Watch,
    alarm: &Alarm,
    found: &mut Found,
    groups: &mut Vec<String>,
) -> Result<(), InvestigateError> {
    let configuration = &alarm.configuration;
    found.subject.add_alarm(&alarm.name);
    for (key, value) in watch.catalog.tags(&arn::alarm(&alarm.scope, &alarm.name)).await? {
        found.subject.add_tag(&key, &value);
    }
    match configuration.kind() {
        AlarmKind::Log => groups.extend(configuration.log.iter().flat_map(|log| log.log_groups.iter().cloned())),
        AlarmKind::Metric if configuration.promql.is_none() && found.watched.len() < WATCHED_MAX => {
            let label = match configuration.metrics.is_empty() {
                true => format!("{} {}", configuration.namespace, configuration.metric_name),
                false => alarm.name.clone(),
            };
            found.watched.push((label, configuration.clone()));
        }
        AlarmKind::Metric | AlarmKind::Composite => {}
    }
    Ok(())
}

/// The terms of metrics, and the log groups that they come of.
async fn of_metrics(
    watch: &Watch,
    scope: &Scope,
    configuration: &AlarmConfiguration,
    subject: &mut Subject,
    groups: &mut Vec<String>,
) -> Result<(), InvestigateError> {
    let AlarmConfiguration { namespace, metric_name, dimensions, metrics, .. } = configuration;
    let queried = metrics.iter().filter_map(|query| query.metric.as_ref());
    let of_queries = queried.map(|metric| (&metric.namespace, &metric.name, &metric.dimensions));
    let own = metrics.is_empty().then_some((namespace, metric_name, dimensions));
    for (namespace, name, dimensions) in own.into_iter().chain(of_queries).take(WATCHED_MAX) {
        subject.add_metric(namespace, name, dimensions);
        let query =
            MetricFilterQuery { metric: Some((namespace.as_str(), name.as_str())), ..MetricFilterQuery::default() };
        let filters = watch.catalog.list_metric_filters(scope, query, FILTERS_MAX).await?;
        groups.extend(filters.into_iter().map(|filter| filter.group_name));
        let of_dimension = |wanted: &str| dimensions.iter().find(|(key, _)| key == wanted).map(|(_, value)| value);
        let by_convention = match namespace.as_str() {
            "AWS/Lambda" => of_dimension("FunctionName").map(|function| format!("/aws/lambda/{function}")),
            "AWS/Logs" => of_dimension("LogGroupName").cloned(),
            _ => None,
        };
        if let Some(name) = by_convention
            && watch.catalog.log_group(scope, &name).await?.is_some()
        {
            groups.push(name);
        }
    }
    Ok(())
}

/// What an alarm on a metric would watch.
fn alone(metric: &AlarmMetric) -> AlarmConfiguration {
    AlarmConfiguration {
        namespace: metric.namespace.clone(),
        metric_name: metric.name.clone(),
        dimensions: metric.dimensions.clone(),
        extended_statistic: Some(metric.stat.clone()),
        unit: metric.unit.clone(),
        period_secs: metric.period_secs,
        evaluation_periods: 1,
        ..AlarmConfiguration::default()
    }
}

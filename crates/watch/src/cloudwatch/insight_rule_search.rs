//! Applies a rule to the stored events of its log groups: bounded in memory, time and number, and stopped when nobody waits.
//!
//! Events are looked at as those see them who may not unmask: keys, filters and values alike.

use super::get_insight_rule_report::{METRICS, metric_of, not_found};
use super::refuse;
use crate::Watch;
use crate::logs::protection;
use catalog::{InsightRule, LogGroup};
use model::arn::Arn;
use model::limits::{INSIGHT_REPORT_GROUPS_MAX, INSIGHT_REPORT_MS_MAX, INSIGHT_REPORTS_MAX};
use model::{Scope, StreamId, TimeRange, Timestamp};
use query::contributors::{LogGroups, OrderBy, Rule, Tally};
use query::data_protection::Protection;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::ops::ControlFlow;
use std::sync::Arc;
use store::{Direction, LogRow, LogScan, LogSearch, Searched, TextSearch};
use tokio::sync::Semaphore;
use wire::ApiError;

/// Groups read from the catalog at once.
const GROUP_PAGE: usize = 500;

/// A metric of a rule, for `INSIGHT_RULE_METRIC` of metric math: `metric` is `UniqueContributors`, `MaxContributorValue`,
/// `SampleCount`, `Sum`, `Minimum`, `Maximum` or `Average`. Periods of `period_ms` are counted from the start of `range`; those
/// without a contribution are absent; the answer ascends.
///
/// # Errors
/// When there is no such rule or metric, or counting takes too long.
pub async fn insight_rule_metric(
    watch: &Watch,
    scope: &Scope,
    rule_name: &str,
    metric: &str,
    range: TimeRange,
    period_ms: i64,
) -> Result<Vec<(Timestamp, f64)>, ApiError> {
    let kept = watch.catalog.insight_rule(scope, rule_name).await?.ok_or_else(|| not_found(rule_name))?;
    // No AWS service is here that a managed rule could count.
    if kept.managed {
        return match METRICS.contains(&metric) {
            true => Ok(Vec::new()),
            false => Err(no_metric(metric)),
        };
    }
    let rule = Rule::parse(&kept.definition).map_err(|error| {
        ApiError::new(&wire::error::common::INTERNAL_FAILURE, "read a stored rule").with_source(error)
    })?;
    let report = search(watch, scope, &kept, rule, range, period_ms).await?.report(OrderBy::Sum, 0);
    let at = |number: usize| range.start + i64::try_from(number).unwrap_or(i64::MAX).saturating_mul(period_ms);
    let point = |(number, period)| Some((at(number), metric_of(&period, metric)?));
    let points: Option<Vec<(Timestamp, f64)>> = report.periods.into_iter().map(point).collect();
    points.ok_or_else(|| no_metric(metric))
}

fn no_metric(metric: &str) -> ApiError {
    refuse::validation(format!("The metric {metric} is not one of a Contributor Insights rule."))
}

/// What the stored events of a time range contribute to a rule, by period counted from its start.
pub(super) async fn search(
    watch: &Watch,
    scope: &Scope,
    kept: &InsightRule,
    rule: Rule,
    range: TimeRange,
    period_ms: i64,
) -> Result<Tally, ApiError> {
    static REPORTS: Semaphore = Semaphore::const_new(INSIGHT_REPORTS_MAX);
    // The semaphore is never closed.
    let _running = REPORTS.acquire().await.ok();
    let began = watch.clock.now();
    // A disabled rule has seen nothing since.
    let end = if kept.enabled { range.end } else { range.end.min(kept.switched) };
    let rule = Arc::new(rule);
    let mut tally = Tally::default();
    for group in groups(watch, scope, &rule.groups).await? {
        let part = TimeRange::new(range.start.max(group.kept_since(began)), end);
        if part.is_empty() {
            continue;
        }
        let hidden: HashSet<StreamId> = watch.catalog.deleted_streams_of(group.id).await?.into_iter().collect();
        let scan = LogScan { group: group.id, streams: None, range: part, direction: Direction::Forward, after: None };
        let mask = protection(watch, group.id).await?;
        let clock = Arc::clone(&watch.clock);
        let asked = LogSearch {
            scan,
            text: text_search(&rule, mask.clone()),
            goes_on: Arc::new(move || clock.now() - began < INSIGHT_REPORT_MS_MAX),
        };
        let mut visit = |searched: Searched<'_>| {
            if let Searched::Match(row) = searched
                && !hidden.contains(&row.stream)
                && let Some(contribution) = rule.apply(&shown(mask.as_deref(), &row))
            {
                let number = (row.timestamp - range.start).div_euclid(period_ms.max(1));
                tally.add(usize::try_from(number).unwrap_or_default(), contribution);
            }
            ControlFlow::Continue(())
        };
        if !watch.store.search_logs(asked, &mut visit).await?.is_complete {
            return Err(refuse::value(format!(
                "Counting the contributors takes longer than {} seconds. You may decrease the time range.",
                INSIGHT_REPORT_MS_MAX / 1000
            )));
        }
    }
    Ok(tally)
}

/// Filters are judged on the threads of the search; what passes is read once more for what it contributes.
fn text_search(rule: &Arc<Rule>, mask: Option<Arc<Protection>>) -> TextSearch {
    let (filtering, required) = (Arc::clone(rule), rule.required_clauses());
    let holds = move |text: &str| filtering.apply(text).is_some();
    match mask {
        Some(mask) => {
            TextSearch::new(&Protection::clauses_of_stored(required), move |text| mask.may_hold(text, &holds))
        }
        None => TextSearch::new(&required, holds),
    }
}

fn shown<'r>(mask: Option<&Protection>, row: &LogRow<'r>) -> Cow<'r, str> {
    mask.map_or(Cow::Borrowed(row.message), |mask| mask.mask(row.ingestion_time, row.message))
}

/// The groups that a rule names, each once; names of groups that do not exist are passed over.
async fn groups(watch: &Watch, scope: &Scope, named: &LogGroups) -> Result<Vec<LogGroup>, ApiError> {
    let mut found = BTreeMap::new();
    let names: Vec<&str> = match named {
        LogGroups::Names(names) => names.iter().map(String::as_str).collect(),
        LogGroups::Arns(arns) => arns.iter().filter_map(|arn| name_of(scope, arn)).collect(),
    };
    for name in names {
        let Some(prefix) = name.strip_suffix('*') else {
            found.extend(watch.catalog.log_group(scope, name).await?.map(|group| (group.id, group)));
            continue;
        };
        let mut after = String::new();
        loop {
            let page = watch.catalog.list_log_groups(scope, prefix, &after, GROUP_PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.name.clone();
            found.extend(page.into_iter().map(|group| (group.id, group)));
            if found.len() > INSIGHT_REPORT_GROUPS_MAX {
                return Err(refuse::value(format!(
                    "The rule matches more than {INSIGHT_REPORT_GROUPS_MAX} log groups."
                )));
            }
        }
    }
    Ok(found.into_values().collect())
}

/// The name of a group, or its beginning and `*`, of an ARN that the account and region of the caller have.
fn name_of<'a>(scope: &Scope, arn: &'a str) -> Option<&'a str> {
    let arn = Arn::parse(arn).filter(|arn| arn.service == "logs")?;
    let own = arn.region == scope.region && (arn.account == scope.account || arn.account == "*");
    // The guide writes a slash, ARNs of groups have a colon.
    let name = arn.resource.strip_prefix("log-group:").or_else(|| arn.resource.strip_prefix("log-group/"))?;
    own.then(|| name.strip_suffix(":*").unwrap_or(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_name_groups_of_the_caller_only() {
        let scope = Scope { account: "123456789012".into(), region: "us-east-1".into() };
        let name = |arn| name_of(&scope, arn);
        assert_eq!(name("arn:aws:logs:us-east-1:123456789012:log-group:/a/b:*"), Some("/a/b"));
        assert_eq!(name("arn:aws:logs:us-east-1:*:log-group/a*"), Some("a*"));
        assert_eq!(name("arn:aws:logs:us-east-1:999999999999:log-group:a"), None);
        assert_eq!(name("arn:aws:logs:eu-west-1:*:log-group:a"), None);
        assert_eq!(name("arn:aws:s3:us-east-1:*:log-group:a"), None);
    }
}

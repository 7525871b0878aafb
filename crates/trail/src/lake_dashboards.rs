//! Refreshes of Lake dashboards: when one is due, and the queries that it starts.

use crate::Trail;
use crate::cloudtrail::lake_queries::prepared;
use crate::lake;
use crate::lake_access;
use catalog::{LakeDashboard, LakeSchedule, LakeWidget};
use model::time::{DAY, HOUR, MINUTE, SECOND};
use model::{Scope, Timestamp};
use std::collections::BTreeMap;
use wire::ApiError;
use wire::cloudtrail::errors;
use wire::error::common;

/// StartDashboardRefresh reference: what widgets of custom dashboards may ask for.
const PARAMETERS: [&str; 3] = ["$StartTime$", "$EndTime$", "$Period$"];
/// ErrorMessage of the model: most characters of a reason that is shown.
const REASON_CHARS_MAX: usize = 1000;

/// Values of parameters by their names.
pub(crate) type Values = BTreeMap<String, String>;

fn invalid(text: String) -> ApiError {
    ApiError::new(&errors::INVALID_PARAMETER_EXCEPTION, text)
}

/// No other values are given than widgets can ask for.
pub(crate) fn check_values(values: &Values) -> Result<(), ApiError> {
    match values.keys().find(|key| !PARAMETERS.contains(&key.as_str())) {
        None => Ok(()),
        Some(key) => Err(invalid(format!("{key} is none of the query parameters {}.", PARAMETERS.join(", ")))),
    }
}

/// RefreshScheduleFrequency reference: every 1, 6, 12 or 24 hours, or each day.
pub(crate) fn checked_schedule(schedule: LakeSchedule) -> Result<LakeSchedule, ApiError> {
    if !matches!((schedule.unit.as_str(), schedule.value), ("HOURS", 1 | 6 | 12 | 24) | ("DAYS", 1)) {
        return Err(invalid("A dashboard can be refreshed every 1, 6, 12 or 24 HOURS, or every 1 DAYS.".into()));
    }
    match minutes(&schedule.time_of_day) {
        Some(_) => Ok(schedule),
        None => Err(invalid("TimeOfDay must be a time in UTC such as 09:30.".into())),
    }
}

/// Minutes since midnight.
fn minutes(time_of_day: &str) -> Option<i64> {
    let (hours, minutes) = time_of_day.split_once(':')?;
    let number = |text: &str, end: i64| {
        let is_number = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<i64>().ok().filter(|number| is_number && *number < end)
    };
    Some(number(hours, 24)? * 60 + number(minutes, 60)?)
}

/// When the schedule is due next after `now`; `None` when it is disabled.
pub(crate) fn next(schedule: &LakeSchedule, now: Timestamp) -> Option<Timestamp> {
    let step = if schedule.unit == "DAYS" { DAY } else { HOUR * i64::from(schedule.value.clamp(1, 24)) };
    let offset = minutes(&schedule.time_of_day)? * MINUTE % step;
    (schedule.status == "ENABLED").then(|| Timestamp((now.0 - offset).div_euclid(step) * step + step + offset))
}

/// The values of a widget's `?`: those given, or else the last 24 hours by the hour.
fn bound(widget: &LakeWidget, values: &Values, now: Timestamp) -> Result<Vec<String>, ApiError> {
    let value = |name: &String| {
        let known = PARAMETERS.contains(&name.as_str());
        let value = values.get(name).cloned().or_else(|| match name.as_str() {
            "$StartTime$" => Some((now - DAY).iso_seconds()),
            // Times of events are whole seconds, and statements ask for those before the end: what happened just now is in it.
            "$EndTime$" => Some((now + SECOND).iso_seconds()),
            "$Period$" => Some("hour".into()),
            _ => None,
        });
        value.filter(|_| known).ok_or_else(|| {
            invalid(format!("The query parameters of a widget can be {}, and not {name}.", PARAMETERS.join(", ")))
        })
    };
    widget.parameters.iter().map(value).collect()
}

/// Refuses a widget whose statement could not run.
pub(crate) async fn check_widget(trail: &Trail, scope: &Scope, widget: &LakeWidget) -> Result<(), ApiError> {
    let parameters = bound(widget, &Values::new(), trail.clock.now())?;
    prepared(trail, scope, widget.statement.clone(), parameters).await.map(drop)
}

/// Starts a query for each widget; answers the id of the refresh. None is started when one of the statements cannot run any more; one that
/// the policies of its stores do not let CloudTrail start has failed.
pub(crate) async fn refresh(trail: &Trail, dashboard: &LakeDashboard, values: &Values) -> Result<i64, ApiError> {
    let (scope, now) = (&dashboard.scope, trail.clock.now());
    let mut queries = Vec::with_capacity(dashboard.settings.widgets.len());
    for widget in &dashboard.settings.widgets {
        let parameters = bound(widget, values, now)?;
        queries.push((widget, prepared(trail, scope, widget.statement.clone(), parameters).await?));
    }
    let begun = trail.catalog.begin_lake_refresh(scope, &dashboard.name, now).await?;
    let gone = || ApiError::new(&errors::RESOURCE_NOT_FOUND_EXCEPTION, "The dashboard was deleted meanwhile.");
    let refresh = begun.ok_or_else(gone)?;
    for (widget, (query, question)) in queries {
        let id = query.id.clone();
        match lake_access::query_refused(trail, dashboard, query.store_ids.split(',')).await? {
            Some(why) => lake::refuse(trail, scope, &query, why).await?,
            None => drop(lake::start(trail, scope, scope, query, question).await.map_err(quota)?),
        }
        trail.catalog.add_lake_alias_query(scope, &widget.alias, refresh, &id, now).await?;
    }
    Ok(refresh)
}

/// Too many queries are, of a refresh, a quota that is exceeded.
fn quota(error: ApiError) -> ApiError {
    if error.code() == errors::MAX_CONCURRENT_QUERIES_EXCEPTION.name {
        return ApiError::new(&errors::SERVICE_QUOTA_EXCEEDED_EXCEPTION, error.message().to_owned());
    }
    error
}

/// Refreshes the dashboards whose schedule is due.
pub async fn refresh_due(trail: &Trail) {
    if let Err(error) = refresh_due_at(trail, trail.clock.now()).await {
        tracing::warn!(%error, "refresh dashboards of CloudTrail Lake");
    }
}

async fn refresh_due_at(trail: &Trail, now: Timestamp) -> Result<(), catalog::Error> {
    for dashboard in trail.catalog.due_lake_dashboards(now).await? {
        let schedule = dashboard.settings.schedule.as_ref();
        // First the next time: what cannot be refreshed must not be tried again each minute.
        let next = schedule.and_then(|schedule| next(schedule, now));
        if !trail.catalog.set_lake_refresh_at(&dashboard, next).await? {
            continue;
        }
        let refused = match lake_access::refresh_refused(trail, &dashboard).await? {
            Some(why) => Err(ApiError::new(&common::ACCESS_DENIED, why)),
            None => refresh(trail, &dashboard, &Values::new()).await,
        };
        if let Err(error) = refused {
            let mut reason = format!("{}: {}", error.code(), error.message());
            reason = reason.chars().take(REASON_CHARS_MAX).collect();
            trail.catalog.fail_lake_refresh(&dashboard.scope, &dashboard.name, &reason).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(unit: &str, value: i32, time_of_day: &str) -> LakeSchedule {
        let (unit, time_of_day) = (unit.into(), time_of_day.into());
        LakeSchedule { unit, value, status: "ENABLED".into(), time_of_day }
    }

    #[test]
    fn a_schedule_is_due_at_its_time_of_day_and_every_so_many_hours_from_there() {
        let now = Timestamp(1_800_000_000_000); // 2027-01-15T08:00:00Z
        for (unit, value, time, expected) in [
            ("HOURS", 1, "00:00", "2027-01-15T09:00:00Z"),
            ("HOURS", 1, "17:30", "2027-01-15T08:30:00Z"),
            ("HOURS", 6, "00:00", "2027-01-15T12:00:00Z"),
            ("HOURS", 6, "02:00", "2027-01-15T14:00:00Z"),
            ("HOURS", 12, "09:15", "2027-01-15T09:15:00Z"),
            ("HOURS", 24, "07:59", "2027-01-16T07:59:00Z"),
            ("DAYS", 1, "08:01", "2027-01-15T08:01:00Z"),
        ] {
            let schedule = checked_schedule(schedule(unit, value, time)).unwrap();
            assert_eq!(next(&schedule, now).unwrap().iso_seconds(), expected, "{schedule:?}");
            let disabled = LakeSchedule { status: "DISABLED".into(), ..schedule };
            assert_eq!(next(&disabled, now), None);
        }
        for (unit, value, time) in
            [("HOURS", 2, "00:00"), ("DAYS", 2, "00:00"), ("", 1, "00:00"), ("HOURS", 1, "24:00")]
        {
            assert!(checked_schedule(schedule(unit, value, time)).is_err(), "{unit} {value} {time}");
        }
        for time in ["9:00", "09:60", "0900", "+9:00", "09:-1"] {
            assert!(checked_schedule(schedule("DAYS", 1, time)).is_err(), "{time}");
        }
    }

    #[test]
    fn values_are_those_given_or_the_last_day_by_the_hour() {
        let parameters = PARAMETERS.map(str::to_owned).to_vec();
        let mut widget = LakeWidget { parameters, ..LakeWidget::default() };
        let now = Timestamp(1_800_000_000_000);
        let values = Values::from([("$Period$".to_owned(), "day".to_owned())]);
        let bound_now = bound(&widget, &values, now).unwrap();
        assert_eq!(bound_now, ["2027-01-14T08:00:00Z", "2027-01-15T08:00:01Z", "day"]);
        widget.parameters = vec!["$EventDataStoreId$".into()];
        assert!(bound(&widget, &values, now).is_err());
        assert!(check_values(&Values::from([("$EventDataStoreId$".into(), "x".into())])).is_err());
    }
}

//! GetMetricWidgetImage: a picture of metrics as PNG.
//!
//! AWS: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricWidgetImage.html>. What a widget says is
//! in `metric_widget.rs`, how it is drawn in `widget_image.rs`. Rows that are not visible feed expressions only.
//!
//! What differs: expressions of another region are refused. With OutputFormat `image/png` AWS answers the picture as the body of
//! the response; here it is in the answer like the default `png`, so that only clients that read the body itself notice.

use super::metric_rows::{Row, Source};
use super::metric_widget::{MetricWidget, labels};
use super::refuse;
use super::widget_image::{self, AlarmAnnotation, AlarmState as ImageState, Series, Side};
use crate::Watch;
use crate::linked::{Kind, Linked};
use crate::metric_data::{self, Context};
use crate::regions;
use catalog::AlarmState;
use model::arn::Arn;
use model::limits::IMAGES_AT_ONCE_MAX;
use model::region::REGION_DIMENSION;
use model::{Caller, TimeRange, Timestamp};
use query::dynamic_label::UtcOffset;
use std::sync::LazyLock;
use tokio::sync::Semaphore;
use wire::ApiError;
use wire::cloudwatch::{
    Dimension, GetMetricWidgetImageInput, GetMetricWidgetImageOutput, Metric, MetricDataQuery, MetricStat,
};

/// Drawing takes a processor for tens of milliseconds.
static DRAWING: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(IMAGES_AT_ONCE_MAX));

pub async fn get_metric_widget_image(
    watch: &Watch,
    caller: &Caller,
    input: GetMetricWidgetImageInput,
) -> Result<GetMetricWidgetImageOutput, ApiError> {
    if let Some(format) = input.output_format.as_deref()
        && !matches!(format, "png" | "image/png")
    {
        return Err(refuse::validation(format!(
            "The value {format} for parameter OutputFormat is not valid: it must be png or image/png."
        )));
    }
    let widget = MetricWidget::parse(&input.metric_widget).map_err(|findings| {
        let told: Vec<String> =
            findings.iter().map(|finding| format!("{}: {}", finding.path, finding.message)).collect();
        refuse::validation(format!("The parameter MetricWidget is not valid: {}", told.join("; ")))
    })?;
    let now = watch.clock.now();
    let range =
        widget.range(now).map_err(|finding| refuse::validation(format!("{}: {}", finding.path, finding.message)))?;
    let accounts = widget.rows.iter().filter_map(|row| row.account.as_ref()).chain(&widget.account);
    let linked = Linked::of(watch, &caller.scope, Kind::Metrics, accounts.map(String::as_str)).await?;
    check_here(caller, &linked, &widget)?;
    let series = series(watch, caller, &widget, range, now).await?;
    let alarms = alarms(watch, caller, &widget, range, now).await?;
    let chart = widget.chart(range, series, alarms);
    let _place = DRAWING.acquire().await;
    let drawn = tokio::task::spawn_blocking(move || widget_image::png(&chart)).await;
    let failed =
        |why: String| ApiError::new(&wire::error::common::INTERNAL_FAILURE, format!("The image was not drawn: {why}"));
    let png = drawn.map_err(|error| failed(error.to_string()))?.map_err(|error| failed(error.to_string()))?;
    Ok(GetMetricWidgetImageOutput { metric_widget_image: Some(png) })
}

/// Expressions are of the caller's region; everything is in the caller's account or one that is linked to it.
fn check_here(caller: &Caller, linked: &Linked, widget: &MetricWidget) -> Result<(), ApiError> {
    let expressions = widget.rows.iter().filter(|row| matches!(row.source, Source::Expression(_)));
    let mut regions = expressions.filter_map(|row| row.region.as_ref().or(widget.region.as_ref()));
    if let Some(region) = regions.find(|region| **region != caller.scope.region) {
        return Err(refuse::validation(format!(
            "Invalid region {region} specified. Only {} is supported.",
            caller.scope.region
        )));
    }
    let accounts = widget.rows.iter().filter_map(|row| row.account.as_ref()).chain(&widget.account);
    match accounts.into_iter().find(|account| **account != caller.scope.account && !linked.has(account)) {
        Some(account) => Err(refuse::validation(format!("Metrics of account {account} cannot be read from here."))),
        None => Ok(()),
    }
}

/// The series of the visible rows; an expression may give several, of which only the first has the row's colour.
async fn series(
    watch: &Watch,
    caller: &Caller,
    widget: &MetricWidget,
    range: TimeRange,
    now: Timestamp,
) -> Result<Vec<Series>, ApiError> {
    if widget.rows.is_empty() {
        return Ok(Vec::new());
    }
    let span_secs =
        widget.set_period_to_time_range.then(|| (range.end - range.start) / 1000 / 60 * 60).map(|s| s.max(60));
    let rows: Vec<Row> =
        widget.rows.iter().map(|row| Row { period: span_secs.unwrap_or(row.period), ..row.clone() }).collect();
    let names = labels(&rows);
    let account = |row: &Row| row.account.clone().or_else(|| widget.account.clone());
    let region = |row: &Row| row.region.clone().or_else(|| widget.region.clone());
    let query = |(row, name): (&Row, &String)| MetricDataQuery {
        account_id: account(row),
        ..data_query(row, region(row).filter(|region| *region != caller.scope.region), name)
    };
    let queries: Vec<MetricDataQuery> = rows.iter().zip(&names).map(query).collect();
    regions::authorize(watch, caller, regions::dimensions(&queries))?;
    let linked = &Linked::of_queries(watch, &caller.scope, &queries).await?;
    let (queries, order) = metric_data::plan(&caller.scope, linked, queries, "MetricWidget.metrics")?;
    let context = Context { watch, scope: &caller.scope, linked, asked: range, now, offset: UtcOffset::default() };
    let answers = metric_data::evaluate(&context, &queries, &order).await?;
    let mut drawn = Vec::new();
    for (row, answer) in rows.iter().zip(answers).filter(|(row, _)| row.visible) {
        for (at, series) in answer.series.into_iter().enumerate() {
            // Without live data, the period that is not over yet is left out.
            let is_shown = |start: &i64| widget.live_data || start + series.period_ms <= now.0;
            let points = series.timestamps.iter().zip(&series.values).filter(|(start, _)| is_shown(start));
            let points = points.map(|(start, value)| (Timestamp(*start), *value)).collect();
            let mut line = row.series(series.label, None, points);
            line.period_ms = series.period_ms;
            line.color = line.color.filter(|_| at == 0);
            drawn.push(line);
        }
    }
    Ok(drawn)
}

/// `region` is one that is not the caller's.
fn data_query(row: &Row, region: Option<String>, label: &str) -> MetricDataQuery {
    let period = i32::try_from(row.period).unwrap_or(i32::MAX);
    let query = MetricDataQuery {
        id: row.id.clone(),
        label: Some(label.to_owned()),
        return_data: Some(row.visible),
        ..MetricDataQuery::default()
    };
    match &row.source {
        Source::Expression(expression) => MetricDataQuery {
            // The name of an expression that gives many is theirs.
            label: row.label.clone(),
            expression: Some(expression.clone()),
            period: Some(period),
            ..query
        },
        Source::Metric { namespace, name, dimensions } => MetricDataQuery {
            metric_stat: Some(MetricStat {
                metric: Metric {
                    namespace: Some(namespace.clone()),
                    metric_name: Some(name.clone()),
                    dimensions: Some(
                        dimensions
                            .iter()
                            .map(|(name, value)| Dimension { name: name.clone(), value: value.clone() })
                            .chain(region.map(|value| Dimension { name: REGION_DIMENSION.to_owned(), value }))
                            .collect(),
                    ),
                },
                period,
                stat: row.stat.clone(),
                unit: None,
            }),
            ..query
        },
    }
}

/// The alarms that the widget names, with their present state; those that do not exist are left out.
async fn alarms(
    watch: &Watch,
    caller: &Caller,
    widget: &MetricWidget,
    range: TimeRange,
    now: Timestamp,
) -> Result<Vec<AlarmAnnotation>, ApiError> {
    let mut found = Vec::new();
    for text in &widget.annotations.alarms {
        let name = Arn::parse(text).and_then(|arn| arn.resource.strip_prefix("alarm:").map(str::to_owned));
        let Some(name) = name else { continue };
        let Some(alarm) = watch.catalog.alarm(&caller.scope, &name).await? else { continue };
        let configuration = &alarm.configuration;
        let has_threshold =
            !configuration.comparison_operator.is_empty() && configuration.threshold_metric_id.is_none();
        let since = TimeRange::new(alarm.state_transitioned.max(range.start), now.min(range.end));
        let state = match alarm.state {
            AlarmState::Ok => ImageState::Ok,
            AlarmState::Alarm => ImageState::Alarm,
            AlarmState::InsufficientData => ImageState::InsufficientData,
        };
        found.push(AlarmAnnotation {
            label: alarm.name,
            threshold: has_threshold.then_some(configuration.threshold),
            axis: Side::Left,
            states: if since.is_empty() { Vec::new() } else { vec![(since, state)] },
        });
    }
    Ok(found)
}

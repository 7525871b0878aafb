//! PutAnomalyDetector, DescribeAnomalyDetectors, DeleteAnomalyDetector: how the band of a metric is trained.
//!
//! AWS: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutAnomalyDetector.html> and its neighbours. A
//! detector is one of a single metric and statistic, or of a math expression; to put it again replaces what it was told.
//!
//! What differs: bands need no detector; one changes how they are trained. Models are trained when they are asked for, and kept
//! for an hour, so that `StateValue` says what training on the data of now comes to. A band is of a detector's math expression when its
//! expression reads the same and refers to the same: ids, statistics, dimensions; periods and labels do not matter.

use super::refuse;
use super::token::Binding;
use crate::Watch;
use crate::alarms::observe::{alarm_query, data_query};
use crate::alarms::zone;
use crate::metric_data::{self, Context, MetricSource, Query, Source, Training};
use catalog::AlarmQuery;
use model::time::{DAY, MINUTE};
use model::{Caller, Scope, TimeRange, Timestamp};
use query::anomaly::{AdaptationSpeed, Options, OutlierFiltering, State};
use query::dynamic_label::UtcOffset;
use query::statistics::Statistic;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use wire::ApiError;
use wire::cloudwatch::{
    AnomalyDetector, AnomalyDetectorConfiguration, DeleteAnomalyDetectorInput, DeleteAnomalyDetectorOutput,
    DescribeAnomalyDetectorsInput, DescribeAnomalyDetectorsOutput, Dimension, MetricCharacteristics,
    MetricMathAnomalyDetector, PutAnomalyDetectorInput, PutAnomalyDetectorOutput, Range, SingleMetricAnomalyDetector,
    errors,
};

/// Most excluded time ranges (AnomalyDetectorConfiguration).
const EXCLUDED_MAX: usize = 10;
/// DescribeAnomalyDetectors: page size unless `MaxResults` says less.
const PAGE: usize = 50;

/// A detector as the catalog keeps it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Detector {
    target: Target,
    excluded: Vec<(i64, i64)>,
    timezone: Option<String>,
    periodic_spikes: Option<bool>,
    adaptation_speed: Option<String>,
    outlier_filtering: Option<String>,
}

/// What it is trained on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Target {
    Metric { account: Option<String>, namespace: String, name: String, dimensions: Vec<(String, String)>, stat: String },
    Math(Vec<AlarmQuery>),
}

impl Default for Target {
    fn default() -> Self {
        Target::Math(Vec::new())
    }
}

/// The three ways in which a request names a detector.
struct Named {
    single: Option<SingleMetricAnomalyDetector>,
    math: Option<MetricMathAnomalyDetector>,
    plain: SingleMetricAnomalyDetector,
}

pub async fn put_anomaly_detector(
    watch: &Watch,
    caller: &Caller,
    input: PutAnomalyDetectorInput,
) -> Result<PutAnomalyDetectorOutput, ApiError> {
    let named = Named {
        single: input.single_metric_anomaly_detector,
        math: input.metric_math_anomaly_detector,
        plain: plain(input.namespace, input.metric_name, input.dimensions, input.stat),
    };
    let target = target(&caller.scope, named)?;
    let mut detector = Detector { target, ..Detector::default() };
    detector.periodic_spikes = input.metric_characteristics.and_then(|characteristics| characteristics.periodic_spikes);
    if let Some(configuration) = input.configuration {
        configure(&mut detector, configuration)?;
    }
    let document = serde_json::to_string(&detector).map_err(internal)?;
    let row = catalog::AnomalyDetector {
        metric: identity(&caller.scope, &detector.target)?,
        id: watch.ids.uuid().to_string(),
        document,
    };
    let id = watch.catalog.put_anomaly_detector(&caller.scope, &row).await?;
    Ok(PutAnomalyDetectorOutput { anomaly_detector_id: Some(id) })
}

pub async fn delete_anomaly_detector(
    watch: &Watch,
    caller: &Caller,
    input: DeleteAnomalyDetectorInput,
) -> Result<DeleteAnomalyDetectorOutput, ApiError> {
    let deleted = match input.anomaly_detector_id {
        Some(id) => watch.catalog.delete_anomaly_detector(&caller.scope, None, &id).await?,
        None => {
            let named = Named {
                single: input.single_metric_anomaly_detector,
                math: input.metric_math_anomaly_detector,
                plain: plain(input.namespace, input.metric_name, input.dimensions, input.stat),
            };
            let metric = identity(&caller.scope, &target(&caller.scope, named)?)?;
            watch.catalog.delete_anomaly_detector(&caller.scope, Some(&metric), "").await?
        }
    };
    if deleted {
        return Ok(DeleteAnomalyDetectorOutput {});
    }
    Err(ApiError::new(&errors::RESOURCE_NOT_FOUND_EXCEPTION, "The anomaly detector does not exist."))
}

pub async fn describe_anomaly_detectors(
    watch: &Watch,
    caller: &Caller,
    input: DescribeAnomalyDetectorsInput,
) -> Result<DescribeAnomalyDetectorsOutput, ApiError> {
    let page = input.max_results.and_then(|max| usize::try_from(max).ok()).map_or(PAGE, |max| max.clamp(1, PAGE));
    let mut filter = input;
    let token = filter.next_token.take();
    filter.max_results = None;
    let binding = Binding::new(&("DescribeAnomalyDetectors", &caller.scope, &filter));
    let mut after: String = binding.cursor(token.as_deref())?.unwrap_or_default();
    let mut found = Vec::new();
    let mut next_token = None;
    'pages: loop {
        let rows = watch.catalog.anomaly_detectors(&caller.scope, &after, PAGE).await?;
        let is_last = rows.len() < PAGE;
        for row in rows {
            let detector: Detector = serde_json::from_str(&row.document).map_err(internal)?;
            if !admits(&filter, &row.id, &detector) {
                after = row.metric;
                continue;
            }
            if found.len() == page {
                next_token = Some(binding.token(&after)?);
                break 'pages;
            }
            after = row.metric;
            let state = state(watch, &caller.scope, &detector).await?;
            found.push(shown(row.id, detector, state));
        }
        if is_last {
            break;
        }
    }
    Ok(DescribeAnomalyDetectorsOutput { anomaly_detectors: Some(found), next_token })
}

/// How the band of an expression is to be trained, when a detector says so: of the metric `source`, or else of math, whose
/// text is `of` and refers to `others`.
pub(crate) async fn training(
    watch: &Watch,
    scope: &Scope,
    (source, of, others): (Option<&MetricSource>, &str, &[&Query]),
) -> Result<Training, ApiError> {
    let metric = match source {
        Some(source) => metric_identity(source)?,
        None => match math_identity(of, others) {
            Some(metric) => metric,
            None => return Ok(Training::default()),
        },
    };
    let Some(row) = watch.catalog.anomaly_detector(scope, &metric).await? else { return Ok(Training::default()) };
    let detector: Detector = serde_json::from_str(&row.document).map_err(internal)?;
    Ok(detector.training())
}

fn metric_identity(source: &MetricSource) -> Result<String, ApiError> {
    let target = Target::Metric {
        account: None,
        namespace: source.namespace.clone(),
        name: source.name.clone(),
        dimensions: source.dimensions.clone(),
        stat: source.stat.clone(),
    };
    serde_json::to_string(&target).map_err(internal)
}

impl Detector {
    fn training(&self) -> Training {
        Training {
            excluded: self.excluded.clone(),
            zone: self.timezone.as_deref().and_then(zone::by_name),
            options: Options {
                periodic_spikes: self.periodic_spikes == Some(true),
                adaptation: match self.adaptation_speed.as_deref() {
                    Some("FAST") => AdaptationSpeed::Fast,
                    Some("SLOW") => AdaptationSpeed::Slow,
                    _ => AdaptationSpeed::Normal,
                },
                outlier_filtering: match self.outlier_filtering.as_deref() {
                    Some("MINIMAL") => OutlierFiltering::Minimal,
                    Some("STRICT") => OutlierFiltering::Strict,
                    _ => OutlierFiltering::Moderate,
                },
            },
        }
    }
}

fn internal(error: serde_json::Error) -> ApiError {
    ApiError::new(&wire::error::common::INTERNAL_FAILURE, "anomaly detector document").with_source(error)
}

fn plain(
    namespace: Option<String>,
    metric_name: Option<String>,
    dimensions: Option<Vec<Dimension>>,
    stat: Option<String>,
) -> SingleMetricAnomalyDetector {
    SingleMetricAnomalyDetector { account_id: None, namespace, metric_name, dimensions, stat }
}

/// What the request names: exactly one of a single metric (in either form) and a math expression.
fn target(scope: &Scope, named: Named) -> Result<Target, ApiError> {
    let Named { single, math, plain } = named;
    let has_plain = plain.namespace.is_some() || plain.metric_name.is_some() || plain.stat.is_some();
    match (single, math) {
        (Some(_), Some(_)) => Err(refuse::exclusive("SingleMetricAnomalyDetector", "MetricMathAnomalyDetector")),
        (Some(_), None) if has_plain => Err(refuse::exclusive("SingleMetricAnomalyDetector", "MetricName")),
        (None, Some(_)) if has_plain => Err(refuse::exclusive("MetricMathAnomalyDetector", "MetricName")),
        (None, Some(math)) => math_target(scope, math),
        (single, None) => metric_target(scope, single.unwrap_or(plain)),
    }
}

fn metric_target(scope: &Scope, single: SingleMetricAnomalyDetector) -> Result<Target, ApiError> {
    let required = |value: Option<String>, name: &str| value.ok_or_else(|| refuse::missing(name));
    let stat = required(single.stat, "Stat")?;
    if Statistic::parse(&stat).is_err() {
        return Err(refuse::invalid(stat, "Stat"));
    }
    let mut dimensions: Vec<_> = single.dimensions.into_iter().flatten().map(|d| (d.name, d.value)).collect();
    dimensions.sort();
    Ok(Target::Metric {
        account: single.account_id.filter(|account| *account != scope.account),
        namespace: required(single.namespace, "Namespace")?,
        name: required(single.metric_name, "MetricName")?,
        dimensions,
        stat,
    })
}

fn math_target(scope: &Scope, math: MetricMathAnomalyDetector) -> Result<Target, ApiError> {
    let queries = math.metric_data_queries.unwrap_or_default();
    let kept = queries.iter().map(alarm_query).collect();
    let (queries, _) = metric_data::plan(scope, queries, "MetricMathAnomalyDetector.MetricDataQueries")?;
    if queries.iter().filter(|query| query.returned).count() != 1 {
        return Err(refuse::value("Exactly one element of MetricDataQueries must return data."));
    }
    Ok(Target::Math(kept))
}

fn configure(detector: &mut Detector, configuration: AnomalyDetectorConfiguration) -> Result<(), ApiError> {
    let excluded = configuration.excluded_time_ranges.unwrap_or_default();
    if excluded.len() > EXCLUDED_MAX {
        return Err(refuse::value(refuse::too_many("Configuration.ExcludedTimeRanges", EXCLUDED_MAX)));
    }
    if excluded.iter().any(|range| range.start_time >= range.end_time) {
        return Err(refuse::value("The StartTime of an excluded time range must be before its EndTime."));
    }
    detector.excluded = excluded.iter().map(|range| (range.start_time.0, range.end_time.0)).collect();
    if let Some(timezone) = configuration.metric_timezone {
        if zone::by_name(&timezone).is_none() {
            return Err(refuse::invalid(timezone, "Configuration.MetricTimezone"));
        }
        detector.timezone = Some(timezone);
    }
    detector.adaptation_speed = configuration.adaptation_speed;
    detector.outlier_filtering = configuration.outlier_filtering_strength;
    Ok(())
}

/// What a detector is of, in a form that is equal for equal metrics and expressions.
fn identity(scope: &Scope, target: &Target) -> Result<String, ApiError> {
    if let Target::Math(kept) = target {
        let queries = kept.iter().map(|query| data_query(query, None)).collect();
        let (queries, _) = metric_data::plan(scope, queries, "MetricMathAnomalyDetector.MetricDataQueries")?;
        let (returned, others): (Vec<&Query>, Vec<&Query>) = queries.iter().partition(|query| query.returned);
        if let Some(Source::Math(expression)) = returned.first().map(|query| &query.source)
            && let Some(identity) = math_identity(expression.text(), &others)
        {
            return Ok(identity);
        }
    }
    serde_json::to_string(target).map_err(internal)
}

/// The same of a math expression and what it refers to; `None` when that is more than metrics and math.
fn math_identity(of: &str, others: &[&Query]) -> Option<String> {
    let mut referred = BTreeMap::new();
    for query in others {
        let source = match &query.source {
            Source::Metric(MetricSource { namespace, name, dimensions, stat, unit, .. }) => {
                json!([namespace, name, dimensions, stat, unit])
            }
            Source::Math(expression) => json!(expression.text()),
            Source::Insights(_) => return None,
        };
        referred.insert(query.id.as_str(), source);
    }
    Some(json!({ "Math": of, "of": referred }).to_string())
}

fn admits(filter: &DescribeAnomalyDetectorsInput, id: &str, detector: &Detector) -> bool {
    let ids = filter.anomaly_detector_ids.as_deref().filter(|ids| !ids.is_empty());
    let types = filter.anomaly_detector_types.as_deref().filter(|types| !types.is_empty());
    // Without types, detectors of single metrics only (DescribeAnomalyDetectors).
    let has_type = |kind: &str| types.map_or(kind == "SINGLE_METRIC", |types| types.iter().any(|known| known == kind));
    if ids.is_some_and(|ids| !ids.iter().any(|known| known == id)) {
        return false;
    }
    match &detector.target {
        Target::Math(_) => has_type("METRIC_MATH") || ids.is_some(),
        Target::Metric { namespace, name, dimensions, .. } => {
            let mut wanted: Vec<_> =
                filter.dimensions.iter().flatten().map(|d| (d.name.clone(), d.value.clone())).collect();
            wanted.sort();
            has_type("SINGLE_METRIC")
                && filter.namespace.as_ref().is_none_or(|wanted| wanted == namespace)
                && filter.metric_name.as_ref().is_none_or(|wanted| wanted == name)
                && (filter.dimensions.is_none() || wanted == *dimensions)
        }
    }
}

/// What training on the data of now comes to.
async fn state(watch: &Watch, scope: &Scope, detector: &Detector) -> Result<State, ApiError> {
    let queries = match &detector.target {
        Target::Metric { namespace, name, dimensions, stat, .. } => vec![AlarmQuery {
            id: "m1".to_owned(),
            metric: Some(catalog::AlarmMetric {
                namespace: namespace.clone(),
                name: name.clone(),
                dimensions: dimensions.clone(),
                period_secs: 5 * 60,
                stat: stat.clone(),
                unit: None,
            }),
            return_data: Some(true),
            ..AlarmQuery::default()
        }],
        Target::Math(queries) => queries.clone(),
    };
    let queries = queries.iter().map(|query| data_query(query, None)).collect();
    let (queries, order) = metric_data::plan(scope, queries, "MetricDataQueries")?;
    let now = watch.clock.now();
    let asked = TimeRange::new(Timestamp(now.0 - DAY - MINUTE), now);
    let context = Context { watch, scope, asked, now, offset: UtcOffset::default() };
    let Some(id) = queries.iter().find(|query| query.returned).map(|query| query.id.clone()) else {
        return Ok(State::PendingTraining);
    };
    metric_data::training_state(&context, &queries, &order, &id).await
}

fn shown(id: String, detector: Detector, state: State) -> AnomalyDetector {
    let pairs = |dimensions: &[(String, String)]| {
        dimensions
            .iter()
            .map(|(name, value)| Dimension { name: name.clone(), value: value.clone() })
            .collect::<Vec<_>>()
    };
    let range = |(start, end): &(i64, i64)| Range { start_time: Timestamp(*start), end_time: Timestamp(*end) };
    let configuration = AnomalyDetectorConfiguration {
        excluded_time_ranges: Some(detector.excluded.iter().map(range).collect()),
        metric_timezone: detector.timezone,
        adaptation_speed: detector.adaptation_speed,
        outlier_filtering_strength: detector.outlier_filtering,
    };
    let mut shown = AnomalyDetector {
        anomaly_detector_id: Some(id),
        configuration: Some(configuration),
        state_value: Some(
            match state {
                State::PendingTraining => "PENDING_TRAINING",
                State::TrainedInsufficientData => "TRAINED_INSUFFICIENT_DATA",
                State::Trained => "TRAINED",
            }
            .to_owned(),
        ),
        metric_characteristics: detector
            .periodic_spikes
            .map(|periodic_spikes| MetricCharacteristics { periodic_spikes: Some(periodic_spikes) }),
        ..AnomalyDetector::default()
    };
    match detector.target {
        Target::Math(queries) => {
            let queries = queries.iter().map(|query| data_query(query, None)).collect();
            shown.metric_math_anomaly_detector = Some(MetricMathAnomalyDetector { metric_data_queries: Some(queries) });
        }
        Target::Metric { account, namespace, name, dimensions, stat } => {
            // AWS answers both forms, the older beside the newer.
            shown.namespace = Some(namespace.clone());
            shown.metric_name = Some(name.clone());
            shown.dimensions = Some(pairs(&dimensions));
            shown.stat = Some(stat.clone());
            shown.single_metric_anomaly_detector = Some(SingleMetricAnomalyDetector {
                account_id: account,
                namespace: Some(namespace),
                metric_name: Some(name),
                dimensions: Some(pairs(&dimensions)),
                stat: Some(stat),
            });
        }
    }
    shown
}

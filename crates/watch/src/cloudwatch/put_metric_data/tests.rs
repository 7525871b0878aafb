//! What PutMetricData takes, and the words with which it refuses the rest.

use super::*;
use model::time::{DAY, HOUR};
use wire::cloudwatch::{Entity, EntityMetricData};

const NOW: Timestamp = Timestamp(1_767_323_045_678);

fn datum() -> MetricDatum {
    MetricDatum { metric_name: "m".into(), value: Some(1.0), ..MetricDatum::default() }
}

fn put(data: Vec<MetricDatum>) -> Result<Vec<Datapoint>, ApiError> {
    let scope = Scope { account: "123456789012".into(), region: "us-east-1".into() };
    let input = PutMetricDataInput { namespace: "N".into(), metric_data: Some(data), ..PutMetricDataInput::default() };
    accept(&scope, input, NOW).map(|accepted| accepted.datapoints)
}

fn dimension(name: &str, value: &str) -> Dimension {
    Dimension { name: name.into(), value: value.into() }
}

fn check_refused(datum: MetricDatum, code: &str, message: &str) {
    let error = put(vec![datum]).expect_err(message);
    assert_eq!((error.shape().query_code, error.message()), (code, message));
}

#[test]
fn each_form_becomes_its_observation() {
    let forms = [
        (datum(), Observation::value(1.0)),
        (
            MetricDatum { value: None, values: Some(vec![1.0, 2.0]), ..datum() },
            Observation::Values(vec![(1.0, 1.0), (2.0, 1.0)].into()),
        ),
        (
            MetricDatum { value: None, values: Some(vec![1.0, 2.0]), counts: Some(vec![3.0, 0.0]), ..datum() },
            Observation::Values(vec![(1.0, 3.0)].into()),
        ),
        (
            MetricDatum {
                value: None,
                statistic_values: Some(StatisticSet { sample_count: 2.0, sum: 3.0, minimum: 1.0, maximum: 2.0 }),
                ..datum()
            },
            Observation::Set { count: 2.0, sum: 3.0, min: 1.0, max: 2.0 },
        ),
    ];
    for (datum, observation) in forms {
        assert_eq!(put(vec![datum]).unwrap()[0].observation, observation);
    }
}

#[test]
fn defaults_are_aws_defaults() {
    let point = put(vec![datum()]).unwrap().remove(0);
    assert_eq!(point.timestamp, NOW.floor_to(SECOND));
    assert_eq!((point.resolution_secs, point.series.unit.as_str()), (60, "None"));
}

#[test]
fn the_order_of_dimensions_does_not_matter() {
    let with = |dimensions| MetricDatum { dimensions: Some(dimensions), ..datum() };
    let points = put(vec![
        with(vec![dimension("a", "1"), dimension("b", "2")]),
        with(vec![dimension("b", "2"), dimension("a", "1")]),
    ])
    .unwrap();
    assert!(std::sync::Arc::ptr_eq(&points[0].series, &points[1].series));
}

#[test]
fn exactly_one_form_is_taken() {
    let set = StatisticSet { sample_count: 1.0, sum: 1.0, minimum: 1.0, maximum: 1.0 };
    check_refused(
        MetricDatum { values: Some(vec![1.0]), ..datum() },
        "InvalidParameterCombination",
        "The parameters MetricData.member.1.Value and MetricData.member.1.Values are mutually exclusive and you have specified both.",
    );
    check_refused(
        MetricDatum { statistic_values: Some(set), ..datum() },
        "InvalidParameterCombination",
        "The parameters MetricData.member.1.Value and MetricData.member.1.StatisticValues are mutually exclusive and you have specified both.",
    );
    check_refused(
        MetricDatum { value: None, ..datum() },
        "InvalidParameterCombination",
        "At least one of the parameters MetricData.member.1.Value and MetricData.member.1.StatisticValues must be specified.",
    );
}

#[test]
fn numbers_beyond_the_range_are_refused() {
    for (value, shown) in [(f64::NAN, "NaN"), (f64::INFINITY, "Infinity"), (f64::NEG_INFINITY, "-Infinity")] {
        let message = format!("The value {shown} for parameter MetricData.member.1.Value is invalid.");
        check_refused(MetricDatum { value: Some(value), ..datum() }, "InvalidParameterValue", &message);
    }
    let limit = 2f64.powi(360);
    assert!(put(vec![MetricDatum { value: Some(limit), ..datum() }]).is_ok());
    assert!(put(vec![MetricDatum { value: Some(-limit), ..datum() }]).is_ok());
    assert!(put(vec![MetricDatum { value: Some(limit * 1.001), ..datum() }]).is_err());
    let set = StatisticSet { sample_count: 1.0, sum: f64::NAN, minimum: 1.0, maximum: 1.0 };
    check_refused(
        MetricDatum { value: None, statistic_values: Some(set), ..datum() },
        "InvalidParameterValue",
        "The value NaN for parameter MetricData.member.1.StatisticValues.Sum is invalid.",
    );
}

#[test]
fn times_outside_the_window_are_refused() {
    let at = |timestamp| MetricDatum { timestamp: Some(timestamp), ..datum() };
    assert!(put(vec![at(NOW - 14 * DAY), at(NOW + 2 * HOUR)]).is_ok());
    check_refused(
        at(NOW - 14 * DAY - 1),
        "InvalidParameterValue",
        "The parameter MetricData.member.1.Timestamp must specify a time no more than two weeks in the past.",
    );
    check_refused(
        at(NOW + 2 * HOUR + 1),
        "InvalidParameterValue",
        "The parameter MetricData.member.1.Timestamp must specify a time no more than two hours in the future.",
    );
    assert!(put(vec![at(Timestamp::MIN)]).is_err());
    assert!(put(vec![at(Timestamp::MAX)]).is_err());
}

#[test]
fn bad_dimensions_are_refused() {
    let with = |name: &str, value: &str| MetricDatum { dimensions: Some(vec![dimension(name, value)]), ..datum() };
    let at = "MetricData.member.1.Dimensions.member.1";
    for blank in ["", "  ", "\t"] {
        check_refused(with("a", blank), "MissingParameter", &format!("The parameter {at}.Value is required."));
    }
    check_refused(
        with("a", "b\u{1}"),
        "InvalidParameterValue",
        &format!("The value b\u{1} for parameter {at}.Value is invalid."),
    );
    check_refused(
        with(":a", "b"),
        "InvalidParameterValue",
        &format!("The value :a for parameter {at}.Name is invalid."),
    );
    check_refused(
        with("a", "ä"),
        "InvalidParameterValue",
        &format!("The value for parameter {at}.Value contains non-ASCII characters."),
    );
    check_refused(
        MetricDatum { metric_name: "größe".into(), ..datum() },
        "InvalidParameterValue",
        "The value for parameter MetricData.member.1.MetricName contains non-ASCII characters.",
    );
    let input =
        PutMetricDataInput {
            namespace: "Ä".into(), metric_data: Some(vec![datum()]), ..PutMetricDataInput::default()
        };
    let error = accept(&Scope::default(), input, NOW).unwrap_err();
    assert_eq!(error.message(), "The value for parameter Namespace contains non-ASCII characters.");
    let twice = vec![dimension("b", "1"), dimension("a", "1"), dimension("b", "2")];
    let error = put(vec![MetricDatum { dimensions: Some(twice), ..datum() }]).unwrap_err();
    assert!(error.message().starts_with("The parameter MetricData.member.1.Dimensions.member.3.Name must be unique"));
    let many = (0..31).map(|i| dimension(&format!("d{i:02}"), "v")).collect();
    assert!(put(vec![MetricDatum { dimensions: Some(many), ..datum() }]).is_err());
}

#[test]
fn sizes_are_bounded() {
    assert_eq!(put(vec![datum(); 1000]).unwrap().len(), 1000);
    assert_eq!(
        put(vec![datum(); 1001]).unwrap_err().message(),
        "The collection MetricData must not have a size greater than 1000."
    );
    assert_eq!(put(vec![]).unwrap_err().message(), "The parameter MetricData is required.");
    let values = |count: usize| MetricDatum { value: None, values: Some(vec![1.0; count]), ..datum() };
    assert!(put(vec![values(150)]).is_ok());
    assert!(put(vec![values(151)]).is_err());
    assert!(put(vec![values(0)]).is_err());
    assert!(put(vec![MetricDatum { storage_resolution: Some(5), ..datum() }]).is_err());
    let counts = MetricDatum { value: None, values: Some(vec![1.0]), counts: Some(vec![1.0, 2.0]), ..datum() };
    assert!(put(vec![counts]).is_err());
    let negative = MetricDatum { value: None, values: Some(vec![1.0]), counts: Some(vec![-1.0]), ..datum() };
    assert!(put(vec![negative]).is_err());
}

#[test]
fn a_bad_entity_matters_only_when_asked_to_be_strict() {
    let scope = Scope::default();
    let put = |entity: Option<Entity>, strict| {
        let data = EntityMetricData { entity, metric_data: Some(vec![datum()]) };
        let input = PutMetricDataInput {
            namespace: "N".into(),
            entity_metric_data: Some(vec![data]),
            strict_entity_validation: Some(strict),
            ..PutMetricDataInput::default()
        };
        accept(&scope, input, NOW)
    };
    let lenient = put(None, false).unwrap();
    assert_eq!((lenient.datapoints.len(), lenient.entity_mistake), (1, Some("MissingRequiredFields")));
    assert!(put(None, true).is_err());
    let keys = |kind: &str| {
        let keys = [("Type".to_owned(), kind.to_owned()), ("Name".to_owned(), "n".to_owned())];
        Some(Entity { key_attributes: Some(keys.into()), attributes: None })
    };
    assert_eq!(put(keys("RemoteService"), true).unwrap().entity_mistake, None);
    assert!(put(keys("Nonsense"), true).is_err());
    assert_eq!(put(keys("Nonsense"), false).unwrap().entity_mistake, Some("InvalidTypeValue"));
}

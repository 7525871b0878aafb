use super::destination::{Destination, object_key};
use super::output::{Output, OutputFormat};
use crate::otlp::message::{AnyValue, MetricsRequest, SummaryPoint, Value};
use catalog::{MetricStream, MetricStreamConfiguration, StreamStatistics};
use model::{Observation, Scope, SeriesKey, Timestamp};
use prost::Message;
use query::statistics::Samples;

/// 2026-03-01T00:02:00Z.
const AT: Timestamp = Timestamp(1_772_323_320_000);

fn stream(format: &str, statistics: &[&str]) -> MetricStream {
    let statistics = StreamStatistics {
        metrics: vec![("Shop".into(), "Latency".into())],
        statistics: statistics.iter().map(|&name| name.to_owned()).collect(),
    };
    MetricStream {
        scope: Scope { account: "123456789012".into(), region: "eu-west-1".into() },
        name: "s".into(),
        configuration: MetricStreamConfiguration {
            include: None,
            exclude: None,
            firehose_arn: "arn:aws:s3:::logs/in".into(),
            role_arn: "arn:aws:iam::123456789012:role/r".into(),
            output_format: format.into(),
            statistics: Some(vec![statistics]),
            linked_accounts: None,
        },
        running: true,
        created: Timestamp(1),
        updated: Timestamp(1),
        position: AT,
    }
}

fn series(name: &str, dimensions: &[(&str, &str)], unit: &str) -> SeriesKey {
    SeriesKey {
        account: "123456789012".into(),
        region: "eu-west-1".into(),
        namespace: "Shop".into(),
        name: name.into(),
        dimensions: dimensions.iter().map(|&(name, value)| (name.into(), value.into())).collect(),
        unit: unit.into(),
    }
}

fn samples(values: &[f64]) -> Samples {
    Samples::of(&[&Observation::Values(values.iter().map(|&value| (value, 1.0)).collect())])
}

/// The requests of a stream's batches.
fn requests(stream: &MetricStream, periods: &[(SeriesKey, Samples)]) -> Vec<MetricsRequest> {
    let format = OutputFormat::parse(&stream.configuration.output_format).unwrap();
    let mut output = Output::new(stream, format);
    let mut batches: Vec<Vec<u8>> = periods.iter().filter_map(|(key, samples)| output.add(key, AT, samples)).collect();
    batches.extend(output.finish());
    let decode = |batch: &Vec<u8>| {
        assert!(batch.len() < 1_024_000, "{}", batch.len());
        let mut rest = batch.as_slice();
        let request = MetricsRequest::decode_length_delimited(&mut rest).unwrap();
        assert!(rest.is_empty());
        request
    };
    batches.iter().map(decode).collect()
}

fn quantiles(point: &SummaryPoint) -> Vec<(f64, f64)> {
    point.quantile_values.iter().map(|quantile| (quantile.quantile, quantile.value)).collect()
}

fn shown(value: Option<&AnyValue>) -> String {
    serde_json::to_string(&value).unwrap()
}

#[test]
fn a_request_tells_what_the_guide_says() {
    let stream = stream("opentelemetry1.0", &["p99.9", "p50", "p0", "p50"]);
    let latency = [("Page", "cart"), ("Shop", "1")];
    let periods = [
        (series("Latency", &latency, "Milliseconds"), samples(&[1.0, 2.0, 3.0])),
        (series("Orders", &[], "Count/Second"), samples(&[2.0])),
        (series("Latency", &[], "Milliseconds"), samples(&[-1.0, 3.0])),
    ];
    let [request] = requests(&stream, &periods).try_into().unwrap();
    let [of_resource] = request.resource_metrics.try_into().unwrap();
    let attributes: Vec<(String, String)> = of_resource
        .resource
        .unwrap()
        .attributes
        .iter()
        .map(|attribute| (attribute.key.clone(), shown(attribute.value.as_ref())))
        .collect();
    let attribute = |key: &str, value: &str| (key.to_owned(), format!("{value:?}"));
    assert_eq!(
        attributes,
        [
            attribute("cloud.provider", "aws"),
            attribute("cloud.account.id", "123456789012"),
            attribute("cloud.region", "eu-west-1"),
            attribute("aws.exporter.arn", "arn:aws:cloudwatch:eu-west-1:123456789012:metric-stream/s"),
        ]
    );
    let [of_scope] = of_resource.scope_metrics.try_into().unwrap();
    assert_eq!(of_scope.scope, None);
    let [latency, orders] = of_scope.metrics.try_into().unwrap();
    assert_eq!((latency.name.as_str(), latency.unit.as_str()), ("amazonaws.com/Shop/Latency", "ms"));
    assert_eq!((orders.name.as_str(), orders.unit.as_str()), ("amazonaws.com/Shop/Orders", "{Count}/s"));
    let [cart, all] = latency.summary.unwrap().data_points.try_into().unwrap();
    assert_eq!(
        (cart.start_time_unix_nano, cart.time_unix_nano, cart.count, cart.sum),
        (1_772_323_320_000_000_000, 1_772_323_380_000_000_000, 3, 6.0)
    );
    assert_eq!(quantiles(&cart), [(0.0, 1.0), (0.5, 2.0), (0.999, 2.998), (1.0, 3.0)]);
    assert_eq!(quantiles(&all), [(0.0, -1.0), (1.0, 3.0)], "no percentiles of negative values");
    let named: Vec<String> =
        cart.attributes.iter().map(|one| format!("{}={}", one.key, shown(one.value.as_ref()))).collect();
    assert_eq!(named, [r#"Namespace="Shop""#, r#"MetricName="Latency""#, r#"Dimensions={"Page":"cart","Shop":"1"}"#]);
    assert!(cart.labels.is_empty());
    let none = all.attributes[2].value.as_ref().unwrap();
    assert!(matches!(&none.value, Some(Value::Map(map)) if map.values.is_empty()), "{none:?}");
}

#[test]
fn the_older_format_has_labels() {
    let stream = stream("opentelemetry0.7", &[]);
    let [request] =
        requests(&stream, &[(series("Latency", &[("Page", "cart")], "None"), samples(&[1.5]))]).try_into().unwrap();
    let metric = &request.resource_metrics[0].scope_metrics[0].metrics[0];
    let point = &metric.summary.as_ref().unwrap().data_points[0];
    let labels: Vec<(&str, &str)> = point.labels.iter().map(|label| (&*label.key, &*label.value)).collect();
    assert_eq!(labels, [("Namespace", "Shop"), ("MetricName", "Latency"), ("Page", "cart")]);
    assert!(point.attributes.is_empty());
    assert_eq!((metric.unit.as_str(), quantiles(point)), ("1", vec![(0.0, 1.5), (1.0, 1.5)]));
}

#[test]
fn batches_stay_below_what_a_record_may_have() {
    let long = "v".repeat(1024);
    let periods: Vec<(SeriesKey, Samples)> = (0..2000)
        .map(|n| (series(&format!("m{}", n % 7), &[("d", &*format!("{n}{long}"))], "None"), samples(&[1.0])))
        .collect();
    for format in ["opentelemetry1.0", "opentelemetry0.7"] {
        let requests = requests(&stream(format, &[]), &periods);
        assert_eq!(requests.len(), 3);
        let metrics = requests.iter().flat_map(|request| &request.resource_metrics[0].scope_metrics[0].metrics);
        assert_eq!(metrics.map(|metric| metric.points()).sum::<usize>(), 2000);
        assert_eq!(requests[0].resource_metrics[0].scope_metrics[0].metrics.len(), 7, "each metric once");
    }
    let lines = stream("json", &[]);
    let mut output = Output::new(&lines, OutputFormat::Json);
    let mut batches: Vec<Vec<u8>> = periods.iter().filter_map(|(key, samples)| output.add(key, AT, samples)).collect();
    batches.extend(output.finish());
    assert!(batches.iter().all(|batch| batch.len() <= 1_000_000 && batch.ends_with(b"}\n")));
    assert_eq!(batches.iter().flat_map(|batch| batch.split_inclusive(|byte| *byte == b'\n')).count(), 2000);
}

#[test]
fn an_arn_is_a_delivery_stream_or_a_bucket() {
    let bucket = |bucket, prefix| Some(Destination::Bucket { bucket, prefix });
    for (arn, is) in [
        ("arn:aws:firehose:us-east-1:123456789012:deliverystream/d", Some(Destination::Firehose)),
        ("arn:aws:s3:::b", bucket("b", "")),
        ("arn:aws:s3:::b/", bucket("b", "")),
        ("arn:aws:s3:::b/p/q/", bucket("b", "p/q")),
        ("arn:aws:s3:::b/../q", None),
        ("arn:aws:s3:::b//q", None),
        ("arn:aws:s3:::/q", None),
        ("arn:aws:s3:us-east-1:123456789012:accesspoint/a", None),
        ("arn:aws:firehose:us-east-1:123456789012:d", None),
        ("arn:aws:kinesis:us-east-1:123456789012:deliverystream/d", None),
        ("b", None),
    ] {
        assert_eq!(Destination::parse(arn), is, "{arn}");
    }
    let stream = stream("json", &[]);
    assert!(Destination::Bucket { bucket: "b", prefix: &"p".repeat(900) }.has_room(&stream));
    assert!(!Destination::Bucket { bucket: "b", prefix: &"p".repeat(1000) }.has_room(&stream));
}

#[test]
fn keys_are_those_of_firehose_and_the_same_again() {
    let mut stream = stream("json", &[]);
    let key = object_key(&stream, "in", 0);
    assert!(key.starts_with("in/2026/03/01/00/s-1-2026-03-01-00-02-00-"), "{key}");
    assert_eq!(key.len(), "in/2026/03/01/00/s-1-2026-03-01-00-02-00-".len() + 36);
    assert_eq!(key, object_key(&stream, "in", 0));
    assert_ne!(key, object_key(&stream, "in", 1));
    assert!(object_key(&stream, "", 0).starts_with("2026/03/01/00/s-1-"));
    stream.created = Timestamp(2);
    assert_ne!(key, object_key(&stream, "in", 0), "another stream of that name");
}

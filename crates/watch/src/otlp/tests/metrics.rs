//! Gauges, sums and summaries, and the identity of series.

use super::*;

fn number(value: f64, attributes: Vec<KeyValue>) -> NumberPoint {
    NumberPoint { attributes, time_unix_nano: nanos(-10), as_double: Some(value), ..NumberPoint::default() }
}

fn gauge(points: Vec<NumberPoint>) -> Metric {
    Metric { name: "g".into(), gauge: Some(Gauge { data_points: points }), ..Metric::default() }
}

/// A metric that has points of every kind, which no client sends.
pub fn of_every_kind() -> Metric {
    let run = Some(Buckets { offset: -1, bucket_counts: vec![1, 0, 2] });
    Metric {
        name: "m".into(),
        unit: "ms".into(),
        gauge: gauge(vec![number(1.0, vec![attribute("a", "b")])]).gauge,
        sum: Some(Sum { data_points: vec![number(2.0, vec![])] }),
        histogram: Some(Histogram {
            data_points: vec![histograms::explicit(&[1, 2], &[5.0])],
            aggregation_temporality: 2,
        }),
        exponential_histogram: Some(ExponentialHistogram {
            data_points: vec![ExponentialHistogramPoint {
                start_time_unix_nano: nanos(-60),
                time_unix_nano: nanos(-1),
                count: 7,
                zero_count: 1,
                scale: 1,
                positive: run.clone(),
                negative: run,
                ..ExponentialHistogramPoint::default()
            }],
            aggregation_temporality: 2,
        }),
        summary: Some(Summary { data_points: vec![summary()] }),
    }
}

fn summary() -> SummaryPoint {
    let quantile = |quantile, value| Quantile { quantile, value };
    SummaryPoint {
        time_unix_nano: nanos(-1),
        count: 10,
        sum: 55.0,
        quantile_values: vec![quantile(0.5, 5.0), quantile(0.99, 10.0), quantile(1.0, f64::NAN)],
        ..SummaryPoint::default()
    }
}

fn told(point: &Datapoint) -> (String, String, f64) {
    let labels: Vec<String> = point.series.dimensions.iter().map(|(name, value)| format!("{name}={value}")).collect();
    (point.series.name.clone(), labels.join(","), point.observation.stats().1)
}

#[test]
fn series_are_named_as_promql_names_them() {
    let mut request = request(gauge(vec![number(1.5, vec![attribute("path", "/"), attribute("empty", "")])]));
    request.resource_metrics[0].scope_metrics[0].scope =
        Some(InstrumentationScope { name: "lib".into(), version: "1".into(), attributes: vec![attribute("x", "y")] });
    let found = converted(&request, &Cumulative::new(NOW));
    let [point] = found.datapoints.as_slice() else { panic!("{found:?}") };
    assert_eq!((point.series.namespace.as_str(), point.series.unit.as_str()), ("shop", "None"));
    assert_eq!(point.timestamp, Timestamp(NOW.0 - 10_000));
    let labels = "@instrumentation.@name=lib,@instrumentation.@version=1,@instrumentation.x=y,@resource.service.name=shop,path=/";
    assert_eq!(told(point), ("g".into(), labels.into(), 1.5));
}

#[test]
fn integers_summaries_and_units() {
    let point = NumberPoint { as_int: Some(-3), time_unix_nano: 0, ..NumberPoint::default() };
    let metric = Metric { unit: "By".into(), ..gauge(vec![point]) };
    let found = converted(&request(metric), &Cumulative::new(NOW));
    assert_eq!((found.datapoints[0].timestamp, found.datapoints[0].series.unit.as_str()), (NOW, "Bytes"));
    assert_eq!(found.datapoints[0].observation, Observation::value(-3.0));

    let metric =
        Metric { name: "s".into(), summary: Some(Summary { data_points: vec![summary()] }), ..Metric::default() };
    let found = converted(&request(metric), &Cumulative::new(NOW));
    let expected = [
        ("s".to_owned(), "@resource.service.name=shop,quantile=0.5".to_owned(), 5.0),
        ("s".into(), "@resource.service.name=shop,quantile=0.99".into(), 10.0),
        ("s_sum".into(), "@resource.service.name=shop".into(), 55.0),
        ("s_count".into(), "@resource.service.name=shop".into(), 10.0),
    ];
    assert_eq!(found.datapoints.iter().map(told).collect::<Vec<_>>(), expected);
    use crate::otlp::unit::cloudwatch_unit;
    let units = ["s", "1", "{request}", "By/s", "{call}/s", "Cel", "", "%"].map(cloudwatch_unit);
    assert_eq!(units, ["Seconds", "None", "Count", "Bytes/Second", "Count/Second", "None", "None", "Percent"]);
}

#[test]
fn what_no_metric_can_hold_is_left_out_and_counted() {
    let many: Vec<KeyValue> = (0..31).map(|n| attribute(&format!("a{n}"), "v")).collect();
    let old = NumberPoint { time_unix_nano: nanos(-15 * 86_400), ..number(1.0, vec![]) };
    let ahead = NumberPoint { time_unix_nano: nanos(3 * 3600), ..number(1.0, vec![]) };
    let nothing = NumberPoint { as_double: None, ..number(1.0, vec![]) };
    let unrecorded = NumberPoint { flags: 1, ..number(1.0, vec![]) };
    for (point, reason) in [
        (number(f64::NAN, vec![]), "not a number"),
        (number(1e300, vec![]), "2^360"),
        (number(1.0, many.clone()), "more than 30 labels"),
        (number(1.0, vec![attribute("a\n", "v")]), "not printable"),
        (number(1.0, vec![attribute("a", &"v".repeat(1025))]), "1024"),
        (old, "two weeks"),
        (ahead, "two hours"),
        (nothing, "no value"),
    ] {
        let found =
            converted(&request(gauge(vec![point, unrecorded.clone(), number(2.0, vec![])])), &Cumulative::new(NOW));
        assert_eq!((found.rejected, found.datapoints.len()), (1, 1), "{reason}");
        assert!(found.reason.unwrap().contains(reason), "{reason}: {:?}", found.reason);
    }
    let nameless = Metric { name: " ".into(), ..gauge(vec![number(1.0, vec![])]) };
    assert_eq!(converted(&request(nameless), &Cumulative::new(NOW)).rejected, 1);
}

#[test]
fn labels_of_the_resource_give_way() {
    let own: Vec<KeyValue> = (0..28).map(|n| attribute(&format!("a{n}"), "v")).collect();
    let mut request = request(gauge(vec![number(1.0, own)]));
    request.resource_metrics[0].resource = Some(Resource {
        attributes: ["host.name", "service.name", "host.arch", "telemetry.sdk"].map(|key| attribute(key, "x")).to_vec(),
    });
    let found = converted(&request, &Cumulative::new(NOW));
    let labels = &found.datapoints[0].series.dimensions;
    assert_eq!((labels.len(), found.labels_left_out, found.rejected), (30, 2, 0));
    assert!(labels.iter().any(|(name, _)| name == "@resource.service.name"));
    assert!(labels.iter().any(|(name, _)| name == "@resource.host.arch"));
}

#[test]
fn the_samples_of_opentelemetry_are_read() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/otlp");
    let read = |name: &str| std::fs::read(folder.join(name));
    let (Ok(json), Ok(protobuf), Ok(sdk)) = (read("metrics.json"), read("metrics.pb"), read("sdk-cumulative.pb"))
    else {
        eprintln!("skipped: no samples in {}", folder.display());
        return;
    };
    let (json, protobuf) = (Encoding::Json.metrics(&json).unwrap(), Encoding::Protobuf.metrics(&protobuf).unwrap());
    assert_eq!(json, protobuf);
    let scope = scope();
    let at = Timestamp(1_544_712_670_000);
    let cumulative = Cumulative::new(at);
    let found = convert(&Context { scope: &scope, namespace: None, now: at }, &json, &mut cumulative.differences());
    assert_eq!((found.datapoints.len(), found.rejected), (4, 0), "{found:?}");
    assert!(found.datapoints.iter().all(|point| point.series.namespace == "my.service"));
    assert_eq!(found.datapoints[3].observation.stats(), (3.0, 10.0, 0.0, 5.0));
    assert!(!Encoding::Protobuf.metrics(&sdk).unwrap().resource_metrics.is_empty());
}

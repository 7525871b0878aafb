//! Metric filters and the embedded metric format: log events in, metrics out.

use super::*;
use model::time::{HOUR, MINUTE};
use model::{Scope, Timestamp};

/// Both halves of the plane: events go in at one and metrics come out at the other.
async fn both() -> Plane {
    let plane = Plane::new(watch::operations()).await;
    plane.ok("CreateLogGroup", json!({"logGroupName": "g"})).await;
    plane.ok("CreateLogStream", json!({"logGroupName": "g", "logStreamName": "s"})).await;
    plane
}

/// What PutMetricFilter takes, with `more` in the transformation.
fn filter(name: &str, pattern: &str, more: Value) -> Value {
    let mut transformation = json!({"metricName": name, "metricNamespace": "N", "metricValue": "1"});
    transformation.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({
        "logGroupName": "g", "filterName": name, "filterPattern": pattern, "metricTransformations": [transformation]
    })
}

/// (sample count, sum) of the metric in the two minutes around `NOW`, `None` without data.
async fn counted(plane: &Plane, namespace: &str, metric: &str, dimensions: &[(&str, &str)]) -> Option<(f64, f64)> {
    let dimensions: Vec<Value> = dimensions.iter().map(|(name, value)| json!({"Name": name, "Value": value})).collect();
    let input = json!({
        "Namespace": namespace, "MetricName": metric, "Dimensions": dimensions, "Period": 120,
        "StartTime": NOW / 1000 - 120, "EndTime": NOW / 1000 + 120, "Statistics": ["SampleCount", "Sum"]
    });
    let answer = plane.ok("GetMetricStatistics", input).await;
    let mut sums = (0.0, 0.0);
    for point in answer["Datapoints"].as_array().unwrap() {
        sums.0 += point["SampleCount"].as_f64().unwrap();
        sums.1 += point["Sum"].as_f64().unwrap();
    }
    (sums.0 > 0.0).then_some(sums)
}

#[tokio::test]
async fn events_that_match_are_counted_from_the_filter_on_until_it_is_deleted() {
    let plane = both().await;
    put(&plane, "s", &[(0, "ERROR before")]).await;
    plane.ok("PutMetricFilter", filter("errors", "ERROR", json!({"unit": "Count"}))).await;
    put(&plane, "s", &[(-2, "ERROR one"), (-1, "fine"), (0, "ERROR two")]).await;
    assert_eq!(counted(&plane, "N", "errors", &[]).await, Some((2.0, 2.0)));
    plane.ok("PutMetricFilter", filter("errors", "fine", json!({"metricValue": "10"}))).await;
    put(&plane, "s", &[(0, "ERROR three"), (0, "fine")]).await;
    assert_eq!(counted(&plane, "N", "errors", &[]).await, Some((3.0, 12.0)));
    plane.ok("DeleteMetricFilter", json!({"logGroupName": "g", "filterName": "errors"})).await;
    put(&plane, "s", &[(0, "fine")]).await;
    assert_eq!(counted(&plane, "N", "errors", &[]).await, Some((3.0, 12.0)));
    assert_eq!(messages(&plane.ok("FilterLogEvents", json!({"logGroupName": "g"})).await).len(), 7);
}

#[tokio::test]
async fn values_and_dimensions_come_from_fields() {
    let plane = both().await;
    let of_service = json!({"metricValue": "$.ms", "dimensions": {"Service": "$.service"}});
    plane.ok("PutMetricFilter", filter("latency", "{ $.ms = * }", of_service)).await;
    let lines = [(0, r#"{"ms": 5, "service": "a"}"#), (0, r#"{"ms": 7, "service": "a"}"#), (0, r#"{"ms": 1}"#)];
    put(&plane, "s", &lines).await;
    assert_eq!(counted(&plane, "N", "latency", &[("Service", "a")]).await, Some((2.0, 12.0)));
    assert_eq!(counted(&plane, "N", "latency", &[]).await, None);
}

#[tokio::test]
async fn the_default_value_fills_minutes_without_a_match() {
    let plane = both().await;
    plane.ok("PutMetricFilter", filter("errors", "ERROR", json!({"defaultValue": 0}))).await;
    put(&plane, "s", &[(-MINUTE, "fine"), (0, "fine"), (1, "ERROR")]).await;
    put(&plane, "s", &[(2, "fine")]).await;
    assert_eq!(counted(&plane, "N", "errors", &[]).await, Some((2.0, 1.0)));
}

#[tokio::test]
async fn a_large_batch_and_a_regex_are_counted_all_the_same() {
    let plane = both().await;
    plane.ok("PutMetricFilter", filter("digits", "%[0-9]{3}%", json!({}))).await;
    plane.ok("PutMetricFilter", filter("all", "", json!({"metricValue": "0.5"}))).await;
    let lines: Vec<String> = (0..1_000).map(|n| format!("line {n} {}", "x".repeat(200))).collect();
    put(&plane, "s", &lines.iter().map(|line| (0, line.as_str())).collect::<Vec<_>>()).await;
    assert_eq!(counted(&plane, "N", "digits", &[]).await, Some((900.0, 900.0)));
    assert_eq!(counted(&plane, "N", "all", &[]).await, Some((1_000.0, 500.0)));
}

#[tokio::test]
async fn a_filter_with_too_many_dimensions_is_off_until_it_is_put_again() {
    let plane = both().await;
    let by_user = || filter("users", "{ $.u = * }", json!({"dimensions": {"User": "$.u"}}));
    plane.ok("PutMetricFilter", by_user()).await;
    let lines: Vec<String> = (0..1_100).map(|n| format!(r#"{{"u": "u{n}"}}"#)).collect();
    put(&plane, "s", &lines.iter().map(|line| (0, line.as_str())).collect::<Vec<_>>()).await;
    assert_eq!(counted(&plane, "N", "users", &[("User", "u999")]).await, Some((1.0, 1.0)));
    assert_eq!(counted(&plane, "N", "users", &[("User", "u1000")]).await, None);
    plane.clock.advance(HOUR);
    let one = json!({
        "logGroupName": "g", "logStreamName": "s", "logEvents": [{"timestamp": NOW, "message": r#"{"u": "late"}"#}]
    });
    // A server that starts anew finds it switched off in the catalog.
    let mut restarted = plane;
    restarted.watch.group_filters = Default::default();
    restarted.ok("PutLogEvents", one.clone()).await;
    assert_eq!(counted(&restarted, "N", "users", &[("User", "late")]).await, None);
    restarted.ok("PutMetricFilter", by_user()).await;
    restarted.ok("PutLogEvents", one).await;
    assert_eq!(counted(&restarted, "N", "users", &[("User", "late")]).await, Some((1.0, 1.0)));
}

#[tokio::test]
async fn a_deleted_group_takes_its_filters_along() {
    let plane = both().await;
    plane.ok("PutMetricFilter", filter("errors", "ERROR", json!({}))).await;
    put(&plane, "s", &[(0, "ERROR")]).await;
    plane.ok("DeleteLogGroup", json!({"logGroupName": "g"})).await;
    plane.ok("CreateLogGroup", json!({"logGroupName": "g"})).await;
    plane.ok("CreateLogStream", json!({"logGroupName": "g", "logStreamName": "s"})).await;
    put(&plane, "s", &[(0, "ERROR")]).await;
    assert_eq!(counted(&plane, "N", "errors", &[]).await, Some((1.0, 1.0)));
    assert_eq!(plane.ok("DescribeMetricFilters", json!({})).await["metricFilters"], json!([]));
}

#[tokio::test]
async fn the_servers_own_events_are_counted_too() {
    let plane = both().await;
    plane.ok("PutMetricFilter", filter("warnings", "WARN", json!({}))).await;
    let scope = Scope { account: "123456789012".into(), region: "us-east-1".into() };
    let lines = vec![(Timestamp(NOW), "a WARN".to_owned())];
    watch::logs::append_internal(&plane.watch, &scope, "g", "own", lines).await.unwrap();
    assert_eq!(counted(&plane, "N", "warnings", &[]).await, Some((1.0, 1.0)));
}

#[tokio::test]
async fn filters_are_described_page_by_page() {
    let plane = both().await;
    plane.ok("CreateLogGroup", json!({"logGroupName": "h"})).await;
    for name in ["b", "ab", "aa"] {
        plane.ok("PutMetricFilter", filter(name, "x", json!({}))).await;
    }
    let mut elsewhere = filter("aa", "{ $.a = 1 }", json!({"dimensions": {"D": "$.d"}, "unit": "Bytes"}));
    let more = json!({
        "logGroupName": "h", "applyOnTransformedLogs": true, "fieldSelectionCriteria": "@aws.region = \"us-east-1\"",
        "emitSystemFieldDimensions": ["@aws.account"]
    });
    elsewhere.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    plane.ok("PutMetricFilter", elsewhere.clone()).await;
    let describe = async |input: Value| plane.ok("DescribeMetricFilters", input).await;
    let names = |answer: &Value| -> Vec<String> {
        let filters = answer["metricFilters"].as_array().unwrap().iter();
        let name = |filter: &Value| format!("{} {}", filter["filterName"], filter["logGroupName"]).replace('"', "");
        filters.map(name).collect()
    };
    let first = describe(json!({"limit": 3})).await;
    assert_eq!(names(&first), ["aa g", "aa h", "ab g"]);
    let rest = describe(json!({"limit": 3, "nextToken": first["nextToken"]})).await;
    assert_eq!((names(&rest), rest.get("nextToken")), (vec!["b g".to_owned()], None));
    assert_eq!(names(&describe(json!({"filterNamePrefix": "a", "logGroupName": "g"})).await), ["aa g", "ab g"]);
    assert_eq!(names(&describe(json!({"metricName": "ab", "metricNamespace": "N"})).await), ["ab g"]);
    let told = &describe(json!({"logGroupName": "h"})).await["metricFilters"][0];
    elsewhere["creationTime"] = json!(NOW);
    assert_eq!(*told, elsewhere);
    let groups = plane.ok("DescribeLogGroups", json!({})).await;
    assert_eq!(
        (&groups["logGroups"][0]["metricFilterCount"], &groups["logGroups"][1]["metricFilterCount"]),
        (&json!(3), &json!(1))
    );
    let half = plane.refused("DescribeMetricFilters", json!({"metricName": "ab"})).await;
    assert_eq!(half.0, "InvalidParameterException");
    let other = json!({"filterNamePrefix": "a", "nextToken": first["nextToken"]});
    let other = plane.refused("DescribeMetricFilters", other).await;
    assert_eq!(other, error("InvalidParameterException", "The specified nextToken is invalid."));
}

#[tokio::test]
async fn refusals_are_those_of_aws() {
    let plane = both().await;
    let refused = async |input: Value| plane.refused("PutMetricFilter", input).await;
    let both = json!({"defaultValue": 0, "dimensions": {"D": "$.d"}});
    assert_eq!(
        refused(filter("f", "{ $.d = * }", both)).await,
        error(
            "InvalidParameterException",
            "Invalid metric transformation: dimensions and default value are mutually exclusive properties"
        )
    );
    assert_eq!(
        refused(filter("f", "ERROR", json!({"dimensions": {"D": "$.d"}}))).await,
        error("InvalidParameterException", "The specified filter pattern does not support dimensions")
    );
    for bad in [
        filter("f", "{ $.d = }", json!({})),
        filter("f", "x", json!({"unit": "Parsec"})),
        filter("f", "x", json!({"metricName": ""})),
        filter("f", "x", json!({"metricName": "a*"})),
        filter("f:", "x", json!({})),
    ] {
        assert_eq!(refused(bad.clone()).await.0, "InvalidParameterException", "{bad}");
    }
    let mut two = filter("f", "x", json!({}));
    let one = two["metricTransformations"][0].clone();
    two["metricTransformations"].as_array_mut().unwrap().push(one);
    assert_eq!(refused(two).await.0, "InvalidParameterException");
    let mut absent = filter("f", "x", json!({}));
    absent["logGroupName"] = json!("absent");
    assert_eq!(refused(absent).await, error("ResourceNotFoundException", "The specified log group does not exist."));
    for n in 0..5 {
        plane.ok("PutMetricFilter", filter(&format!("r{n}"), "%a+%", json!({}))).await;
    }
    let limit = error("LimitExceededException", "Resource limit exceeded.");
    assert_eq!(refused(filter("r5", "%a+%", json!({}))).await, limit);
    for n in 5..100 {
        plane.ok("PutMetricFilter", filter(&format!("r{n}"), "a", json!({}))).await;
    }
    assert_eq!(refused(filter("r100", "a", json!({}))).await, limit);
    let gone = plane.refused("DeleteMetricFilter", json!({"logGroupName": "g", "filterName": "r100"})).await;
    assert_eq!(gone, error("ResourceNotFoundException", "The specified metric filter does not exist."));
}

#[tokio::test]
async fn documents_of_the_embedded_metric_format_make_metrics_and_stay_events() {
    let plane = both().await;
    let document = |members: &str| {
        format!(
            r#"{{"_aws":{{"Timestamp":{NOW},"CloudWatchMetrics":[{{"Namespace":"App","Dimensions":[["Op"],[]],"Metrics":[{{"Name":"Latency","Unit":"Milliseconds"}}]}}]}},{members}}}"#
        )
    };
    let good = document(r#""Op":"Get","Latency":[1,2,4]"#);
    let invalid = document(r#""Op":"Get","Latency":"fast""#);
    let broken = format!("{good}}}");
    put(&plane, "s", &[(0, &good), (0, &invalid), (0, &invalid), (0, &broken), (0, "fine")]).await;
    assert_eq!(counted(&plane, "App", "Latency", &[("Op", "Get")]).await, Some((3.0, 7.0)));
    assert_eq!(counted(&plane, "App", "Latency", &[]).await, Some((3.0, 7.0)));
    let errors =
        async |name: &str| counted(&plane, "AWS/Logs", name, &[("LogGroupName", "g")]).await.map(|(_, sum)| sum);
    assert_eq!((errors("EMFValidationErrors").await, errors("EMFParsingErrors").await), (Some(2.0), Some(1.0)));
    let stored = plane.ok("FilterLogEvents", json!({"logGroupName": "g"})).await;
    assert_eq!(messages(&stored), [&good, &invalid, &invalid, &broken, "fine"]);
}

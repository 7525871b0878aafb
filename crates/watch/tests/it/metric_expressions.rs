//! GetMetricData with expressions: searches by account, what math drops, pages; and ListMetrics by account.

use crate::cloudwatch::{CloudWatch, START};
use model::time::MINUTE;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const ACCOUNT: &str = "123456789012";

fn expression(id: &str, text: &str) -> Value {
    json!({ "Id": id, "Expression": text, "Period": 60 })
}

fn metric(id: &str, name: &str) -> Value {
    let metric = json!({ "Namespace": "N", "MetricName": name });
    json!({ "Id": id, "MetricStat": { "Metric": metric, "Period": 60, "Stat": "Sum" }, "ReturnData": false })
}

/// A request for the last `minutes`.
fn request(queries: &[Value], minutes: i64) -> Value {
    json!({ "MetricDataQueries": queries, "StartTime": START.secs() - 60 * minutes, "EndTime": START.secs() })
}

fn values(result: &Value) -> Vec<f64> {
    result["Values"].as_array().unwrap().iter().filter_map(Value::as_f64).collect()
}

#[tokio::test]
async fn a_search_by_account_finds_the_callers_metrics_only() {
    let plane = CloudWatch::new().await;
    plane.put("m", START - MINUTE, 1.0).await;
    plane.put("n", START - MINUTE, 2.0).await;
    for (terms, found) in [
        (format!("{{N}} :aws.AccountId=\"{ACCOUNT}\""), vec![1.0, 2.0]),
        (format!("Namespace=\"N\" MetricName=\"n\" :aws.AccountId=\"{ACCOUNT}\""), vec![2.0]),
        (format!("{{N}} :aws.AccountId=(\"{ACCOUNT}\" OR \"999999999999\")"), vec![1.0, 2.0]),
        ("{N} :aws.AccountId=LOCAL".to_owned(), vec![1.0, 2.0]),
        ("{N} :aws.AccountId=\"999999999999\"".to_owned(), vec![]),
        (format!("{{N}} NOT :aws.AccountId=\"{ACCOUNT}\""), vec![]),
    ] {
        let search = expression("e", &format!("REMOVE_EMPTY(SEARCH('{terms}', 'Sum', 60))"));
        let answer = plane.ok("GetMetricData", request(&[search], 10)).await;
        let results = answer["MetricDataResults"].as_array().unwrap();
        assert_eq!(results.iter().flat_map(values).collect::<Vec<_>>(), found, "{terms}");
    }
}

#[tokio::test]
async fn metrics_are_listed_by_account_as_where_no_accounts_are_linked() {
    let plane = CloudWatch::new().await;
    plane.put("m", START - MINUTE, 1.0).await;
    plane.put("n", START - MINUTE, 1.0).await;
    for (asked, count, owners) in [
        (json!({}), 2, Value::Null),
        (json!({ "IncludeLinkedAccounts": false }), 2, Value::Null),
        (json!({ "IncludeLinkedAccounts": true }), 2, json!([ACCOUNT, ACCOUNT])),
        (json!({ "IncludeLinkedAccounts": true, "MetricName": "n" }), 1, json!([ACCOUNT])),
        (json!({ "IncludeLinkedAccounts": true, "OwningAccount": ACCOUNT }), 2, json!([ACCOUNT, ACCOUNT])),
        (json!({ "IncludeLinkedAccounts": true, "OwningAccount": "999999999999" }), 0, json!([])),
        (json!({ "OwningAccount": "999999999999" }), 0, Value::Null),
    ] {
        let answer = plane.ok("ListMetrics", asked.clone()).await;
        assert_eq!(answer["Metrics"].as_array().unwrap().len(), count, "{asked}");
        assert_eq!(answer.get("OwningAccounts").unwrap_or(&Value::Null), &owners, "{asked}");
    }
}

#[tokio::test]
async fn points_that_are_no_numbers_are_dropped_and_the_result_says_so() {
    let plane = CloudWatch::new().await;
    for (i, value) in [0.0, 4.0, -1.0].into_iter().enumerate() {
        plane.put("m", START - (3 - i as i64) * MINUTE, value).await;
    }
    for (text, left, is_told) in [
        ("1 / m", 2, true),
        ("m / 0", 0, true),
        ("LOG(m)", 1, true),
        ("LOG10(ABS(m))", 2, true),
        ("m ^ 0.5", 2, true),
        ("m / m", 2, true),
        ("FILL(1 / m, 0)", 3, true),
        ("IF(m > 0, 1 / m, 7)", 3, true),
        ("TIME_SERIES(1 / 0)", 0, true),
        ("m * 2", 3, false),
        ("RATE(m)", 2, false),
        ("IF(m > 0, m)", 1, false),
        ("ABS(m)", 3, false),
    ] {
        let queries = [metric("m", "m"), expression("e", text)];
        let answer = plane.ok("GetMetricData", request(&queries, 3)).await;
        let result = &answer["MetricDataResults"][0];
        assert_eq!((values(result).len(), result["StatusCode"].as_str()), (left, Some("Complete")), "{text}");
        let told = json!([{
            "Code": "ArithmeticError",
            "Value": "One or more data-points have been dropped due to non-numeric values (NaN, -Infinite, +Infinite)",
        }]);
        let messages = result.get("Messages").cloned().unwrap_or_default();
        assert_eq!(messages, if is_told { told } else { Value::Null }, "{text}");
        assert_eq!(answer["Messages"], json!([]), "{text}");
    }
    // Of an array, those say so that lost points; and what is made of a result says it too.
    let queries = [
        metric("m", "m"),
        expression("e", "[m * 2, 1 / m]"),
        expression("f", "e + 1"),
        expression("g", "SUM(e)"),
        expression("h", "m + 1"),
    ];
    let answer = plane.ok("GetMetricData", request(&queries, 3)).await;
    let told: Vec<(&str, bool)> = answer["MetricDataResults"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| (result["Id"].as_str().unwrap(), result.get("Messages").is_some()))
        .collect();
    assert_eq!(told, [("e", false), ("e", true), ("f", false), ("f", true), ("g", true), ("h", false)]);
}

/// All pages of a request: how many points each has, and by id and label the times and values with the last status.
async fn all_pages(plane: &CloudWatch, mut input: Value) -> (Vec<usize>, BTreeMap<String, (Vec<(i64, f64)>, String)>) {
    let (mut sizes, mut found) = (Vec::new(), BTreeMap::<String, (Vec<(i64, f64)>, String)>::new());
    loop {
        let page = plane.ok("GetMetricData", input.clone()).await;
        let results = page["MetricDataResults"].as_array().unwrap();
        sizes.push(results.iter().map(|result| values(result).len()).sum());
        for (at, result) in results.iter().enumerate() {
            let status = result["StatusCode"].as_str().unwrap();
            let is_last = at + 1 == results.len();
            assert!(status == "Complete" || (is_last && page.get("NextToken").is_some()), "{status}");
            let key = format!("{} {}", result["Id"].as_str().unwrap(), result["Label"].as_str().unwrap());
            let (points, last) = found.entry(key).or_default();
            assert!(last.is_empty() || last == "PartialData");
            let times = result["Timestamps"].as_array().unwrap().iter().map(|at| at.as_f64().unwrap() as i64);
            points.extend(times.zip(values(result)));
            status.clone_into(last);
        }
        let Some(token) = page.get("NextToken") else { return (sizes, found) };
        input["NextToken"] = token.clone();
    }
}

#[tokio::test]
async fn expressions_come_in_pages_that_put_together_are_the_whole() {
    let plane = CloudWatch::new().await;
    for i in 1..=7 {
        plane.put("m", START - i * MINUTE, i as f64).await;
        plane.put("n", START - 2 * i * MINUTE, 10.0 * i as f64).await;
    }
    let queries = [
        metric("m", "m"),
        expression("a", "SEARCH('{N}', 'Sum', 60)"),
        expression("b", "REMOVE_EMPTY([m / 0])"),
        expression("c", "FILL(m, 0)"),
        expression("d", "SELECT MAX(m) FROM N"),
    ];
    let mut input = request(&queries, 14);
    let (whole, expected) = all_pages(&plane, input.clone()).await;
    assert_eq!((whole.as_slice(), expected.len()), ([7 + 7 + 14 + 7].as_slice(), 4));
    for scan in ["TimestampAscending", "TimestampDescending"] {
        input["ScanBy"] = json!(scan);
        for page_max in [1, 2, 5, 7, 13, 14, 34, 35, 36] {
            input["MaxDatapoints"] = json!(page_max);
            let (sizes, mut found) = all_pages(&plane, input.clone()).await;
            assert!(sizes.iter().all(|size| *size <= page_max), "{sizes:?}");
            assert_eq!(sizes.len(), 35_usize.div_ceil(page_max));
            if scan == "TimestampAscending" {
                found.values_mut().for_each(|(points, _)| points.reverse());
            }
            assert_eq!(found, expected, "{scan} by {page_max}");
        }
    }
    let first = plane.ok("GetMetricData", input.clone()).await;
    assert!(first.get("NextToken").is_none());
    input["NextToken"] = json!("garbage");
    assert_eq!(plane.refused("GetMetricData", input).await.0, "InvalidNextToken");
}

#[tokio::test]
async fn a_page_of_expressions_has_at_most_100800_points() {
    let plane = CloudWatch::new().await;
    plane.put("m", START - MINUTE, 5.0).await;
    let fills = (0..40).map(|n| expression(&format!("e{n}"), &format!("FILL(m, {n})")));
    let queries: Vec<Value> = [metric("m", "m")].into_iter().chain(fills).collect();
    let (sizes, found) = all_pages(&plane, request(&queries, 2 * 1440)).await;
    assert_eq!(sizes, [100_800, 40 * 2880 - 100_800]);
    assert_eq!(found.len(), 40);
    for n in 0..40 {
        let (points, status) = &found[&format!("e{n} e{n}")];
        assert_eq!((points.len(), status.as_str(), points[0].1, points[1].1), (2880, "Complete", 5.0, f64::from(n)));
        assert!(points.windows(2).all(|pair| pair[0].0 == pair[1].0 + 60));
    }
}

/// What a detector of a math expression excludes changes the band of that expression, however it is asked for, and of no other.
#[tokio::test]
async fn a_detector_of_math_trains_the_band_of_its_expression() {
    let plane = CloudWatch::new().await;
    for minute in 10..70 {
        let value = if minute < 30 { 1000.0 } else { 10.0 + f64::from(u8::from(minute % 2 == 0)) };
        for name in ["a", "b"] {
            plane.put(name, START - i64::from(minute) * MINUTE, value).await;
        }
    }
    let upper = async |queries: &[Value]| {
        let answer = plane.ok("GetMetricData", request(queries, 5)).await;
        values(&answer["MetricDataResults"][0]).first().copied().unwrap()
    };
    let hidden = |id: &str, text: &str| json!({ "Id": id, "Expression": text, "Period": 60, "ReturnData": false });
    let by_id =
        [metric("m1", "a"), metric("m2", "b"), hidden("e1", "m1 + m2"), expression("ad", "ANOMALY_DETECTION_BAND(e1)")];
    let by_text = [metric("m1", "a"), metric("m2", "b"), expression("ad", "ANOMALY_DETECTION_BAND(m1 + m2, 2)")];
    let other = [metric("m1", "a"), metric("m2", "b"), expression("ad", "ANOMALY_DETECTION_BAND(m1 + m2 + 0, 2)")];
    let swapped = [metric("m1", "b"), metric("m2", "a"), expression("ad", "ANOMALY_DETECTION_BAND(m1 + m2, 2)")];
    let before = upper(&by_id).await;
    assert!(before > 500.0, "{before}");
    let excluded = json!([{ "StartTime": START.secs() - 60 * 30, "EndTime": START.secs() - 60 * 9 }]);
    let queries =
        json!([metric("m1", "a"), metric("m2", "b"), { "Id": "sum", "Expression": " m1 + m2", "Label": "both" }]);
    let detector = json!({
        "MetricMathAnomalyDetector": { "MetricDataQueries": queries },
        "Configuration": { "ExcludedTimeRanges": excluded },
    });
    plane.ok("PutAnomalyDetector", detector.clone()).await;
    for queries in [&by_id[..], &by_text] {
        let after = upper(queries).await;
        assert!(after < 100.0, "{after}");
    }
    for queries in [&other, &swapped] {
        let after = upper(queries).await;
        assert!(after > 500.0, "{after}");
    }
    plane.ok("PutAnomalyDetector", detector.clone()).await;
    let asked = json!({ "AnomalyDetectorTypes": ["METRIC_MATH"] });
    let kept = plane.ok("DescribeAnomalyDetectors", asked.clone()).await;
    assert_eq!(kept["AnomalyDetectors"].as_array().unwrap().len(), 1, "the same detector");
    plane
        .ok("DeleteAnomalyDetector", json!({ "MetricMathAnomalyDetector": detector["MetricMathAnomalyDetector"] }))
        .await;
    assert_eq!(plane.ok("DescribeAnomalyDetectors", asked).await["AnomalyDetectors"], json!([]));
    assert!(upper(&by_id).await > 500.0);
}

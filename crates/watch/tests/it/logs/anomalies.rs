//! Log anomaly detectors: what clients see of them, and what they find on a clock that is moved.

use super::*;
use model::time::{DAY, HOUR, MINUTE};
use watch::logs::evaluate_anomalies;

const GROUP: &str = "arn:aws:logs:us-east-1:123456789012:log-group:g";

/// Group `g` with stream `s`, and a detector with `more`; its ARN.
async fn watched(more: Value) -> (Plane, String) {
    let operations = watch::logs::operations().into_iter().chain(watch::cloudwatch::operations());
    let plane = Plane::new(operations.collect()).await;
    plane.ok("CreateLogGroup", json!({"logGroupName": "g"})).await;
    plane.ok("CreateLogStream", json!({"logGroupName": "g", "logStreamName": "s"})).await;
    let arn = detector(&plane, more).await;
    (plane, arn)
}

async fn detector(plane: &Plane, more: Value) -> String {
    let mut input = json!({"logGroupArnList": [GROUP], "detectorName": "d", "evaluationFrequency": "ONE_MIN"});
    input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let made = plane.ok("CreateLogAnomalyDetector", input).await;
    made["anomalyDetectorArn"].as_str().unwrap().to_owned()
}

/// A minute of steady traffic and `more`, then a round of the detectors.
async fn minute(plane: &Plane, more: &[&str]) {
    let now = plane.watch.clock.now().0 - NOW;
    let steady: Vec<String> = (0..30).map(|n| format!("INFO request {} took {} ms", now + n, n * 7)).collect();
    let events: Vec<(i64, &str)> =
        steady.iter().map(String::as_str).chain(more.iter().copied()).map(|m| (now, m)).collect();
    put(plane, "s", &events).await;
    plane.clock.advance(MINUTE);
    evaluate_anomalies(&plane.watch).await;
}

async fn steady(plane: &Plane, minutes: usize) {
    for _ in 0..minutes {
        minute(plane, &[]).await;
    }
}

async fn status(plane: &Plane, arn: &str) -> String {
    let got = plane.ok("GetLogAnomalyDetector", json!({"anomalyDetectorArn": arn})).await;
    got["anomalyDetectorStatus"].as_str().unwrap().to_owned()
}

async fn anomalies(plane: &Plane, input: Value) -> Vec<Value> {
    plane.ok("ListAnomalies", input).await["anomalies"].as_array().unwrap().clone()
}

/// The sum of `AnomalyCount` since `NOW`.
async fn counted(plane: &Plane, priority: &str) -> f64 {
    let dimensions =
        json!([{"Name": "LogAnomalyDetector", "Value": "d"}, {"Name": "LogAnomalyPriority", "Value": priority}]);
    let input = json!({
        "Namespace": "AWS/Logs", "MetricName": "AnomalyCount", "Dimensions": dimensions, "Period": 3600,
        "StartTime": NOW / 1000, "EndTime": NOW / 1000 + 36_000, "Statistics": ["Sum"]
    });
    let answer = plane.ok("GetMetricStatistics", input).await;
    answer["Datapoints"].as_array().unwrap().iter().map(|point| point["Sum"].as_f64().unwrap()).sum()
}

#[tokio::test]
async fn a_detector_is_made_listed_changed_tagged_and_deleted() {
    let (plane, arn) = watched(json!({"filterPattern": "INFO", "anomalyVisibilityTime": 7, "tags": {"a": "b"}})).await;
    assert!(arn.starts_with("arn:aws:logs:us-east-1:123456789012:anomaly-detector:"), "{arn}");
    let named = json!({"anomalyDetectorArn": arn});
    let mut shown = json!({
        "detectorName": "d", "logGroupArnList": [GROUP], "evaluationFrequency": "ONE_MIN", "filterPattern": "INFO",
        "anomalyDetectorStatus": "INITIALIZING", "creationTimeStamp": NOW, "lastModifiedTimeStamp": NOW,
        "anomalyVisibilityTime": 7
    });
    assert_eq!(plane.ok("GetLogAnomalyDetector", named.clone()).await, shown);
    shown["anomalyDetectorArn"] = arn.clone().into();
    assert_eq!(plane.ok("ListLogAnomalyDetectors", json!({})).await, json!({"anomalyDetectors": [shown]}));
    let tags = plane.ok("ListTagsForResource", json!({"resourceArn": arn})).await;
    assert_eq!(tags, json!({"tags": {"a": "b"}}));

    plane.clock.advance(5);
    let mut change = json!({"enabled": false, "evaluationFrequency": "ONE_HOUR", "anomalyVisibilityTime": 90});
    change["anomalyDetectorArn"] = arn.clone().into();
    plane.ok("UpdateLogAnomalyDetector", change).await;
    let got = plane.ok("GetLogAnomalyDetector", named.clone()).await;
    assert_eq!(got["anomalyDetectorStatus"], "PAUSED");
    assert_eq!((&got["evaluationFrequency"], &got["lastModifiedTimeStamp"]), (&json!("ONE_HOUR"), &json!(NOW + 5)));
    assert_eq!(got["filterPattern"], "INFO", "what is not named stays");

    let second = detector(&plane, json!({})).await;
    let first = plane.ok("ListLogAnomalyDetectors", json!({"limit": 1, "filterLogGroupArn": GROUP})).await;
    let rest = json!({"limit": 1, "filterLogGroupArn": GROUP, "nextToken": first["nextToken"]});
    let rest = plane.ok("ListLogAnomalyDetectors", rest).await;
    let mut listed = each(&first["anomalyDetectors"], "anomalyDetectorArn");
    listed.extend(each(&rest["anomalyDetectors"], "anomalyDetectorArn"));
    listed.sort_unstable();
    let mut both = [arn.as_str(), second.as_str()];
    both.sort_unstable();
    assert_eq!((listed.as_slice(), rest.get("nextToken")), (both.as_slice(), None));

    plane.ok("DeleteLogAnomalyDetector", named.clone()).await;
    let gone = error("ResourceNotFoundException", "The specified resource does not exist.");
    for operation in ["DeleteLogAnomalyDetector", "GetLogAnomalyDetector", "ListAnomalies"] {
        assert_eq!(plane.refused(operation, named.clone()).await, gone, "{operation}");
    }
    assert_eq!(plane.refused("ListTagsForResource", json!({"resourceArn": arn})).await, gone);
    plane.ok("DeleteLogGroup", json!({"logGroupName": "g"})).await;
    assert_eq!(plane.ok("ListLogAnomalyDetectors", json!({})).await, json!({"anomalyDetectors": []}));
}

#[tokio::test]
async fn wrong_requests_are_refused() {
    let (plane, arn) = watched(json!({})).await;
    let refused = async |operation: &str, input: Value| plane.refused(operation, input).await.0;
    for (groups, code) in [
        (json!([GROUP, GROUP]), "InvalidParameterException"),
        (json!(["g"]), "InvalidParameterException"),
        (json!([format!("{GROUP}-absent")]), "ResourceNotFoundException"),
    ] {
        assert_eq!(refused("CreateLogAnomalyDetector", json!({"logGroupArnList": groups})).await, code, "{groups}");
    }
    let wrong = json!({"logGroupArnList": [GROUP], "filterPattern": "{ $.a = "});
    assert_eq!(refused("CreateLogAnomalyDetector", wrong).await, "InvalidParameterException");
    let id = "00000000-0000-4000-8000-000000000000";
    let absent = json!({"anomalyDetectorArn": arn, "anomalyId": id, "suppressionType": "INFINITE"});
    assert_eq!(refused("UpdateAnomaly", absent).await, "ResourceNotFoundException");
    let neither = json!({"anomalyDetectorArn": arn, "suppressionType": "INFINITE"});
    assert_eq!(refused("UpdateAnomaly", neither).await, "InvalidParameterException");
    let endless = json!({"anomalyDetectorArn": arn, "anomalyId": id, "suppressionType": "LIMITED"});
    assert_eq!(refused("UpdateAnomaly", endless).await, "InvalidParameterException");
    assert_eq!(refused("ListAnomalies", json!({"nextToken": "x"})).await, "InvalidParameterException");
}

#[tokio::test]
async fn a_new_error_is_found_after_the_training_and_counted() {
    let (plane, arn) = watched(json!({})).await;
    minute(&plane, &["ERROR the training knows this"]).await;
    assert_eq!(status(&plane, &arn).await, "TRAINING");
    steady(&plane, 19).await;
    assert_eq!(status(&plane, &arn).await, "ANALYZING");
    minute(&plane, &["ERROR the training knows this"]).await;
    assert_eq!(anomalies(&plane, json!({})).await, Vec::<Value>::new());

    let at = plane.watch.clock.now().0;
    minute(&plane, &["ERROR payment 17 failed", "ERROR payment 18 failed", "ERROR payment 19 failed"]).await;
    let found = anomalies(&plane, json!({"anomalyDetectorArn": arn})).await;
    assert_eq!(found.len(), 1, "{found:?}");
    let anomaly = &found[0];
    assert_eq!(anomaly["patternString"], "ERROR payment <*> failed");
    assert_eq!(anomaly["description"], "New log pattern: ERROR payment <Number-1> failed");
    assert_eq!((&anomaly["priority"], &anomaly["state"]), (&json!("HIGH"), &json!("Active")));
    assert_eq!((&anomaly["active"], &anomaly["suppressed"]), (&json!(true), &json!(false)));
    assert_eq!((&anomaly["firstSeen"], &anomaly["lastSeen"]), (&json!(at), &json!(at)));
    assert_eq!(anomaly["histogram"], json!({at.to_string(): 3}));
    assert_eq!(anomaly["logSamples"], json!([{"timestamp": at, "message": "ERROR payment 17 failed"}]));
    assert_eq!(anomaly["logGroupArnList"], json!([GROUP]));
    assert_eq!(anomaly["anomalyDetectorArn"], arn.as_str());
    let tokens = json!([
        {"isDynamic": false, "tokenString": "ERROR payment "},
        {"isDynamic": true, "tokenString": "<*>", "dynamicTokenPosition": 1, "inferredTokenName": "Number-1",
            "enumerations": {"17": 1, "18": 1, "19": 1}},
        {"isDynamic": false, "tokenString": " failed"}
    ]);
    assert_eq!(anomaly["patternTokens"], tokens);
    assert_eq!(anomaly["patternId"].as_str().unwrap().len(), 32);
    assert_eq!((counted(&plane, "HIGH").await, counted(&plane, "MEDIUM").await), (1.0, 0.0));

    // It goes on, and is the same anomaly.
    minute(&plane, &["ERROR payment 20 failed"]).await;
    let again = anomalies(&plane, json!({})).await;
    assert_eq!(again.len(), 1);
    assert_eq!((&again[0]["anomalyId"], &again[0]["firstSeen"]), (&anomaly["anomalyId"], &json!(at)));
    assert_eq!(again[0]["histogram"], json!({at.to_string(): 3, (at + MINUTE).to_string(): 1}));
    assert_eq!(counted(&plane, "HIGH").await, 1.0, "it began once");

    plane.clock.advance(21 * DAY);
    let normal = anomalies(&plane, json!({})).await;
    assert_eq!((&normal[0]["state"], &normal[0]["active"]), (&json!("Baseline"), &json!(false)));
}

#[tokio::test]
async fn what_is_suppressed_or_normal_is_not_reported() {
    let (plane, arn) = watched(json!({})).await;
    steady(&plane, 20).await;
    minute(&plane, &["ERROR payment 17 failed"]).await;
    let found = anomalies(&plane, json!({})).await;
    let mut update = json!({
        "anomalyDetectorArn": arn, "anomalyId": found[0]["anomalyId"], "suppressionType": "LIMITED",
        "suppressionPeriod": {"value": 10, "suppressionUnit": "MINUTES"}
    });
    let at = plane.watch.clock.now().0;
    plane.ok("UpdateAnomaly", update.clone()).await;
    minute(&plane, &["ERROR payment 18 failed"]).await;
    assert_eq!(anomalies(&plane, json!({"suppressionState": "UNSUPPRESSED"})).await, Vec::<Value>::new());
    let suppressed = anomalies(&plane, json!({"suppressionState": "SUPPRESSED"})).await;
    assert_eq!(suppressed[0]["lastSeen"], found[0]["lastSeen"], "what is suppressed does not change");
    assert_eq!((&suppressed[0]["state"], &suppressed[0]["suppressedDate"]), (&json!("Suppressed"), &json!(at)));
    assert_eq!(suppressed[0]["suppressedUntil"], at + 10 * MINUTE);
    assert_eq!(suppressed[0]["isPatternLevelSuppression"], false);
    steady(&plane, 10).await;
    minute(&plane, &["ERROR payment 19 failed"]).await;
    let back = anomalies(&plane, json!({"suppressionState": "UNSUPPRESSED"})).await;
    assert_eq!((&back[0]["state"], &back[0]["lastSeen"]), (&json!("Active"), &json!(at + 11 * MINUTE)));

    // The pattern for ever, and not any more.
    update = json!({"anomalyDetectorArn": arn, "patternId": found[0]["patternId"], "suppressionType": "INFINITE"});
    plane.ok("UpdateAnomaly", update).await;
    let suppressed = anomalies(&plane, json!({"suppressionState": "SUPPRESSED"})).await;
    assert_eq!(suppressed[0]["isPatternLevelSuppression"], true);
    assert_eq!(suppressed[0].get("suppressedUntil"), None);
    plane.ok("UpdateAnomaly", json!({"anomalyDetectorArn": arn, "patternId": found[0]["patternId"]})).await;
    assert_eq!(anomalies(&plane, json!({"suppressionState": "SUPPRESSED"})).await, Vec::<Value>::new());

    let normal = json!({"anomalyDetectorArn": arn, "anomalyId": found[0]["anomalyId"], "baseline": true});
    plane.ok("UpdateAnomaly", normal).await;
    minute(&plane, &["ERROR payment 20 failed"]).await;
    let baseline = anomalies(&plane, json!({})).await;
    assert_eq!((&baseline[0]["state"], &baseline[0]["lastSeen"]), (&json!("Baseline"), &back[0]["lastSeen"]));
}

#[tokio::test]
async fn a_surge_is_found_in_what_the_filter_pattern_lets_through_while_not_paused() {
    let (plane, arn) = watched(json!({"filterPattern": "-secret"})).await;
    let other = detector(&plane, json!({"detectorName": "other", "filterPattern": "absent"})).await;
    steady(&plane, 20).await;
    let surge: Vec<String> = (0..400).map(|n| format!("INFO request {n} took {n} ms")).collect();
    let mut lines: Vec<&str> = surge.iter().map(String::as_str).collect();
    lines.push("ERROR a secret that nobody wants to know");
    minute(&plane, &lines).await;
    let found = anomalies(&plane, json!({})).await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0]["anomalyDetectorArn"], arn.as_str());
    let description = "430 log events of a pattern where about 30 are usual: INFO request <Number-1> took <Number-2>";
    assert_eq!((&found[0]["description"], &found[0]["priority"]), (&json!(description), &json!("HIGH")));
    assert_eq!(status(&plane, &other).await, "TRAINING", "nothing matched, so nothing was learned");

    plane.ok("UpdateLogAnomalyDetector", json!({"anomalyDetectorArn": arn, "enabled": false})).await;
    minute(&plane, &["ERROR while it is paused"]).await;
    plane.ok("UpdateLogAnomalyDetector", json!({"anomalyDetectorArn": arn, "enabled": true})).await;
    minute(&plane, &["ERROR after the pause"]).await;
    assert_eq!(status(&plane, &arn).await, "ANALYZING");
    let input = json!({"anomalyDetectorArn": arn});
    let patterns: Vec<Value> =
        anomalies(&plane, input).await.into_iter().map(|mut anomaly| anomaly["patternString"].take()).collect();
    assert!(patterns.contains(&json!("ERROR after the pause")), "{patterns:?}");
    assert!(!patterns.contains(&json!("ERROR while it is paused")), "{patterns:?}");
}

#[tokio::test]
async fn samples_are_masked_and_late_rounds_lose_nothing() {
    let (plane, arn) = watched(json!({})).await;
    let identifier = json!(["arn:aws:dataprotection::aws:data-identifier/EmailAddress"]);
    let policy = json!({
        "Name": "p", "Version": "2021-06-01",
        "Statement": [
            {"Sid": "a", "DataIdentifier": identifier, "Operation": {"Audit": {"FindingsDestination": {}}}},
            {"Sid": "m", "DataIdentifier": identifier, "Operation": {"Deidentify": {"MaskConfig": {}}}}
        ]
    });
    let input = json!({"logGroupIdentifier": "g", "policyDocument": policy.to_string()});
    plane.ok("PutDataProtectionPolicy", input).await;
    // No round runs for a while; then one looks at every window apart.
    for at in 0..30 {
        let lines: Vec<String> = (0..30).map(|n| format!("INFO request {n} took {} ms", n * 7)).collect();
        let mut events: Vec<(i64, &str)> = lines.iter().map(|line| (at * MINUTE, line.as_str())).collect();
        if at == 25 {
            events.push((at * MINUTE, "FATAL no letter for jane@example.com today"));
        }
        put(&plane, "s", &events).await;
        plane.clock.advance(MINUTE);
    }
    evaluate_anomalies(&plane.watch).await;
    let found = anomalies(&plane, json!({"anomalyDetectorArn": arn})).await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0]["firstSeen"], NOW + 25 * MINUTE);
    let sample = found[0]["logSamples"][0]["message"].as_str().unwrap();
    assert_eq!(sample, "FATAL no letter for **************** today");
    // Nothing is looked at twice, and a quiet group costs nothing.
    plane.clock.advance(2 * HOUR);
    evaluate_anomalies(&plane.watch).await;
    assert_eq!(anomalies(&plane, json!({"anomalyDetectorArn": arn})).await[0]["histogram"], found[0]["histogram"]);
}

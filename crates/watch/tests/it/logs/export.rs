//! Exports of log groups to buckets, and answers of scheduled queries that go there.

use super::*;
use flate2::read::GzDecoder;
use std::io::Read;
use watch::logs::{run_due_exports, run_due_queries};

fn whole(extra: Value) -> Value {
    let mut input = json!({"logGroupName": "g", "from": NOW - 10_000, "to": NOW, "destination": "logs"});
    input.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    input
}

/// Creates a task; answers its id.
async fn create(plane: &Plane, extra: Value) -> String {
    plane.ok("CreateExportTask", whole(extra)).await["taskId"].as_str().unwrap().to_owned()
}

/// A task as it is shown.
async fn shown(plane: &Plane, id: &str) -> Value {
    let tasks = plane.ok("DescribeExportTasks", json!({"taskId": id})).await;
    assert_eq!(tasks["exportTasks"].as_array().unwrap().len(), 1);
    tasks["exportTasks"][0].clone()
}

/// Creates a task and runs it; answers its id.
async fn exported(plane: &Plane, extra: Value) -> String {
    let id = create(plane, extra).await;
    run_due_exports(&plane.watch).await;
    assert_eq!(shown(plane, &id).await["status"], json!({"code": "COMPLETED", "message": "Completed successfully"}));
    id
}

fn text(plane: &Plane, key: &str) -> String {
    let mut text = String::new();
    GzDecoder::new(&plane.buckets.object(key)[..]).read_to_string(&mut text).unwrap();
    text
}

#[tokio::test]
async fn a_group_goes_to_a_bucket_stream_by_stream() {
    let plane = plane_with_stream().await;
    plane.ok("CreateLogStream", json!({"logGroupName": "g", "logStreamName": "web/1"})).await;
    plane.ok("CreateLogStream", json!({"logGroupName": "g", "logStreamName": "quiet"})).await;
    put(&plane, "s", &[(-10_001, "before"), (-10_000, "first"), (-1, "two\n lines"), (0, "last")]).await;
    put(&plane, "web/1", &[(-5, "GET /")]).await;
    let id = create(&plane, json!({"taskName": "nightly"})).await;
    assert_eq!(plane.buckets.keys(), ["exportedlogs/aws-logs-write-test"]);
    assert_eq!(plane.buckets.object("exportedlogs/aws-logs-write-test"), b"Permission Check Successful");
    let mut task = json!({
        "taskId": id,
        "taskName": "nightly",
        "logGroupName": "g",
        "from": NOW - 10_000,
        "to": NOW,
        "destination": "logs",
        "destinationPrefix": "exportedlogs",
        "status": {"code": "PENDING"},
        "executionInfo": {"creationTime": NOW}
    });
    assert_eq!(shown(&plane, &id).await, task);
    let full = error("LimitExceededException", "Resource limit exceeded.");
    assert_eq!(plane.refused("CreateExportTask", whole(json!({}))).await, full);
    plane.clock.advance(5000);
    run_due_exports(&plane.watch).await;
    task["status"] = json!({"code": "COMPLETED", "message": "Completed successfully"});
    task["executionInfo"]["completionTime"] = json!(NOW + 5000);
    assert_eq!(shown(&plane, &id).await, task);
    let (stream, web) = (format!("exportedlogs/{id}/s/000000.gz"), format!("exportedlogs/{id}/web-1/000000.gz"));
    let mut keys = vec![stream.clone(), web.clone(), "exportedlogs/aws-logs-write-test".to_owned()];
    keys.sort();
    assert_eq!(plane.buckets.keys(), keys);
    assert_eq!(
        text(&plane, &stream),
        "2026-02-28T23:59:50.000Z first\n2026-02-28T23:59:59.999Z two\n lines\n2026-03-01T00:00:00.000Z last\n"
    );
    assert_eq!(text(&plane, &web), "2026-02-28T23:59:59.995Z GET /\n");
}

#[tokio::test]
async fn prefixes_choose_streams_and_keys() {
    let plane = plane_with_stream().await;
    for stream in ["a/b", "a-b"] {
        plane.ok("CreateLogStream", json!({"logGroupName": "g", "logStreamName": stream})).await;
    }
    put(&plane, "s", &[(-3, "other")]).await;
    put(&plane, "a/b", &[(-3, "one"), (-1, "three")]).await;
    put(&plane, "a-b", &[(-2, "two")]).await;
    let id = exported(&plane, json!({"logStreamNamePrefix": "a", "destinationPrefix": "x/y/"})).await;
    let key = format!("x/y/{id}/a-b/000000.gz");
    let mut keys = vec![key.clone(), "x/y/aws-logs-write-test".to_owned()];
    keys.sort();
    assert_eq!(plane.buckets.keys(), keys);
    // Both streams have this name in a bucket: they share the object.
    let lines = text(&plane, &key);
    assert_eq!(lines.lines().map(|line| line.split_once(' ').unwrap().1).collect::<Vec<_>>(), ["one", "two", "three"]);
}

#[tokio::test]
async fn what_is_sensitive_is_exported_masked() {
    let plane = plane_with_stream().await;
    let identifiers = json!(["arn:aws:dataprotection::aws:data-identifier/EmailAddress"]);
    let policy = json!({
        "Name": "p",
        "Version": "2021-06-01",
        "Statement": [
            {"DataIdentifier": identifiers, "Operation": {"Audit": {"FindingsDestination": {}}}},
            {"DataIdentifier": identifiers, "Operation": {"Deidentify": {"MaskConfig": {}}}}
        ]
    });
    let policy = json!({"logGroupIdentifier": "g", "policyDocument": policy.to_string()});
    plane.ok("PutDataProtectionPolicy", policy).await;
    plane.clock.advance(1);
    put(&plane, "s", &[(0, "mail to ann@example.com")]).await;
    let id = exported(&plane, json!({})).await;
    let lines = text(&plane, &format!("exportedlogs/{id}/s/000000.gz"));
    assert_eq!(lines, "2026-03-01T00:00:00.000Z mail to ***************\n");
}

#[tokio::test]
async fn a_large_stream_is_several_objects() {
    let plane = plane_with_stream().await;
    let body = "x".repeat(1_000_000);
    for number in 0..20 {
        let message = format!("{number:02}{body}");
        put(&plane, "s", &[(i64::from(number) - 20, message.as_str())]).await;
    }
    let id = exported(&plane, json!({})).await;
    let parts = [0, 1].map(|number| text(&plane, &format!("exportedlogs/{id}/s/{number:06}.gz")));
    let of = |part: &str| part.lines().map(|line| line[25..27].to_owned()).collect::<Vec<_>>();
    // 17 lines of 1,000,028 bytes, the sixteenth being the last that fits into 16 MiB.
    assert_eq!(of(&parts[0]).len(), 17);
    let numbers: Vec<String> = (0..20).map(|number| format!("{number:02}")).collect();
    assert_eq!([of(&parts[0]), of(&parts[1])].concat(), numbers);
    assert_eq!(plane.buckets.keys().len(), 3);
}

#[tokio::test]
async fn what_cannot_be_exported_is_refused() {
    let plane = plane_with_stream().await;
    let refused = async |extra| plane.refused("CreateExportTask", whole(extra)).await;
    let absent = error("ResourceNotFoundException", "The specified log group does not exist.");
    assert_eq!(refused(json!({"logGroupName": "absent"})).await, absent);
    let missing = error("InvalidParameterException", "The specified bucket does not exist");
    assert_eq!(refused(json!({"destination": "absent"})).await, missing);
    let denied = error(
        "InvalidParameterException",
        "PutObject call on the given bucket failed. Please check if CloudWatch Logs has been granted permission to perform \
         this operation.",
    );
    assert_eq!(refused(json!({"destination": "closed"})).await, denied);
    assert_eq!(refused(json!({"from": NOW})).await.0, "InvalidParameterException");
    for prefix in ["../x", "a//b", "a/./b", &"a".repeat(1000)] {
        assert_eq!(refused(json!({"destinationPrefix": prefix})).await.0, "InvalidParameterException", "{prefix}");
    }
    plane.buckets.close_after(0);
    assert_eq!(refused(json!({})).await.0, "ServiceUnavailableException");
    assert_eq!(plane.buckets.keys(), Vec::<String>::new());
    assert_eq!(plane.ok("DescribeExportTasks", json!({})).await, json!({"exportTasks": []}));
}

#[tokio::test]
async fn a_task_is_cancelled_before_it_ends_and_not_after() {
    let plane = plane_with_stream().await;
    put(&plane, "s", &[(-1, "one")]).await;
    let unknown = plane.refused("CancelExportTask", json!({"taskId": "absent"})).await;
    assert_eq!(unknown, error("ResourceNotFoundException", "The specified export task does not exist."));
    let id = create(&plane, json!({})).await;
    plane.ok("CancelExportTask", json!({"taskId": id})).await;
    assert_eq!(shown(&plane, &id).await["status"], json!({"code": "PENDING_CANCEL"}));
    assert_eq!(plane.refused("CancelExportTask", json!({"taskId": id})).await.0, "InvalidOperationException");
    run_due_exports(&plane.watch).await;
    assert_eq!(shown(&plane, &id).await["status"]["code"], "CANCELLED");
    assert_eq!(plane.buckets.keys(), ["exportedlogs/aws-logs-write-test"]);
    let other = exported(&plane, json!({})).await;
    assert_eq!(plane.refused("CancelExportTask", json!({"taskId": other})).await.0, "InvalidOperationException");
}

#[tokio::test]
async fn a_task_that_was_cut_off_runs_again_to_the_same_objects() {
    let plane = plane_with_stream().await;
    plane.ok("CreateLogStream", json!({"logGroupName": "g", "logStreamName": "t"})).await;
    put(&plane, "s", &[(-1, "one")]).await;
    put(&plane, "t", &[(-1, "two")]).await;
    // The write test and one object more; then the server is killed, whose catalog says that the task runs.
    plane.buckets.close_after(2);
    let cut_off = create(&plane, json!({})).await;
    run_due_exports(&plane.watch).await;
    let task = shown(&plane, &cut_off).await;
    assert_eq!(task["status"], json!({"code": "FAILED", "message": "The bucket cannot be reached"}));
    assert_eq!(plane.buckets.keys().len(), 2);
    plane.buckets.open();
    let id = create(&plane, json!({})).await;
    assert!(plane.watch.catalog.begin_export_task(&id, "Started Successfully").await.unwrap());
    assert_eq!(shown(&plane, &id).await["status"], json!({"code": "RUNNING", "message": "Started Successfully"}));
    run_due_exports(&plane.watch).await;
    assert_eq!(shown(&plane, &id).await["status"]["code"], "COMPLETED");
    for (stream, message) in [("s", "one"), ("t", "two")] {
        let lines = text(&plane, &format!("exportedlogs/{id}/{stream}/000000.gz"));
        assert_eq!(lines, format!("2026-02-28T23:59:59.999Z {message}\n"));
    }
}

#[tokio::test]
async fn a_group_that_is_gone_fails_its_task() {
    let plane = plane_with_stream().await;
    let id = create(&plane, json!({})).await;
    plane.ok("DeleteLogGroup", json!({"logGroupName": "g"})).await;
    plane.ok("CreateLogGroup", json!({"logGroupName": "g"})).await;
    run_due_exports(&plane.watch).await;
    let failed = json!({"code": "FAILED", "message": "The specified log group does not exist."});
    assert_eq!(shown(&plane, &id).await["status"], failed);
}

#[tokio::test]
async fn tasks_are_listed_newest_first_and_forgotten_after_a_month() {
    let plane = plane_with_stream().await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.insert(0, exported(&plane, json!({})).await);
        plane.clock.advance(1);
    }
    let waiting = create(&plane, json!({})).await;
    let list = async |input: Value| plane.ok("DescribeExportTasks", input).await;
    let first = list(json!({"statusCode": "COMPLETED", "limit": 2})).await;
    assert_eq!(each(&first["exportTasks"], "taskId"), ids[..2]);
    let token = first["nextToken"].as_str().unwrap();
    let second = list(json!({"statusCode": "COMPLETED", "limit": 2, "nextToken": token})).await;
    assert_eq!((each(&second["exportTasks"], "taskId"), second.get("nextToken")), (vec![ids[2].as_str()], None));
    assert_eq!(each(&list(json!({})).await["exportTasks"], "taskId")[0], waiting);
    let mixed = plane.refused("DescribeExportTasks", json!({"limit": 2, "nextToken": token})).await;
    assert_eq!(mixed, error("InvalidParameterException", "The specified nextToken is invalid."));
    for none in [json!({"taskId": "absent"}), json!({"taskId": ids[0], "statusCode": "FAILED"})] {
        assert_eq!(list(none).await, json!({"exportTasks": []}));
    }
    let elsewhere = plane.call_in("eu-west-1", "DescribeExportTasks", json!({})).await.unwrap();
    assert_eq!(elsewhere, json!({"exportTasks": []}));
    plane.clock.advance(31 * 24 * 60 * 60 * 1000);
    watch::maintain(&plane.watch).await;
    assert_eq!(each(&list(json!({})).await["exportTasks"], "taskId"), [waiting], "it has not ended");
}

/// A query of every minute that goes to a bucket, and perhaps to a table.
fn schedule(name: &str, uri: &str, table: bool) -> Value {
    let role = "arn:aws:iam::123456789012:role/queries";
    let mut destination = json!({"s3Configuration": {"destinationIdentifier": uri, "roleArn": role}});
    if table {
        destination["lookupTableConfiguration"] = json!({"tableName": "counts", "roleArn": role});
    }
    json!({
        "name": name,
        "queryLanguage": "CWLI",
        "queryString": "stats count(*) as n by @message | sort @message asc",
        "logGroupIdentifiers": ["g"],
        "scheduleExpression": "cron(* * * * ? *)",
        "executionRoleArn": role,
        "destinationConfiguration": destination,
    })
}

#[tokio::test]
async fn a_scheduled_query_goes_to_a_bucket() {
    let plane = plane_with_stream().await;
    put(&plane, "s", &[(-3, "a"), (-2, "b"), (-1, "a")]).await;
    let both = schedule("both", "s3://logs/answers/", true);
    plane.ok("CreateScheduledQuery", both.clone()).await;
    plane.ok("CreateScheduledQuery", schedule("closed", "s3://closed", false)).await;
    let shown = plane.ok("GetScheduledQuery", json!({"identifier": "both"})).await;
    assert_eq!(shown["destinationConfiguration"], both["destinationConfiguration"]);
    plane.clock.advance(60_000);
    run_due_queries(&plane.watch).await;
    let run = async |name: &str| {
        let input = json!({"identifier": name, "startTime": NOW, "endTime": NOW + 60_000});
        plane.ok("GetScheduledQueryHistory", input).await["triggerHistory"][0].clone()
    };
    let ran = run("both").await;
    let seconds = json!({"identifier": "both", "startTime": NOW / 1000, "endTime": NOW / 1000 + 60});
    let asked = plane.ok("GetScheduledQueryHistory", seconds).await["triggerHistory"][0].clone();
    assert_eq!(asked, ran, "AWS does not say the unit");
    let key = format!("answers/{}.json", ran["queryId"].as_str().unwrap());
    assert_eq!(each(&ran["destinations"], "destinationType"), ["LOOKUP_TABLE", "S3"]);
    let delivered = json!({
        "destinationType": "S3",
        "destinationIdentifier": "s3://logs/answers/",
        "status": "COMPLETE",
        "processedIdentifier": format!("s3://logs/{key}"),
    });
    assert_eq!(ran["destinations"][1], delivered);
    let answer: Value = serde_json::from_slice(&plane.buckets.object(&key)).unwrap();
    let row = |message: &str, n: &str| json!([{"field": "@message", "value": message}, {"field": "n", "value": n}]);
    assert_eq!(answer["results"], json!([row("a", "2"), row("b", "1")]));
    assert_eq!((&answer["status"], &answer["queryLanguage"]), (&json!("Complete"), &json!("CWLI")));
    assert_eq!(answer["statistics"]["recordsMatched"], json!(3.0));
    let refused = json!({
        "destinationType": "S3",
        "destinationIdentifier": "s3://closed",
        "status": "CLIENT_ERROR",
        "errorMessage": "Access Denied",
    });
    let ran = run("closed").await;
    assert_eq!((&ran["executionStatus"], &ran["destinations"]), (&json!("Complete"), &json!([refused])));
}

#[tokio::test]
async fn a_bucket_that_should_encrypt_is_refused() {
    let plane = plane_with_stream().await;
    let mut encrypted = schedule("encrypted", "s3://logs", false);
    encrypted["destinationConfiguration"]["s3Configuration"]["kmsKeyId"] = json!("alias/logs");
    let (code, message) = plane.refused("CreateScheduledQuery", encrypted).await;
    assert_eq!(code, "ValidationException");
    assert!(message.contains("kmsKeyId"), "{message}");
    let outside = plane.refused("CreateScheduledQuery", schedule("outside", "s3://logs/../x", false)).await;
    assert_eq!(outside, error("ValidationException", "destinationIdentifier is not a valid S3 URI."));
}

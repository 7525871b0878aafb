"""Metric filters and the embedded metric format with boto3: log events in, metrics and alarms out."""

import json
import subprocess
import time

import pytest
from botocore.exceptions import ClientError
from trailwatch import Paths, plain_environment, wait_until

CIS = Paths.shared() / "data" / "cis-metric-filters.json"
EMF = Paths.shared() / "data" / "emf" / "samples.json"

#: Makes documents as a Lambda function does: the library writes them to standard output.
LIBRARY_PROGRAM = """
from aws_embedded_metrics import metric_scope
from aws_embedded_metrics.storage_resolution import StorageResolution

@metric_scope
def handle(metrics):
    metrics.set_namespace("Lib")
    metrics.set_dimensions({"Operation": "Get"}, {"Operation": "Get", "Zone": "a"})
    metrics.set_property("RequestId", "r-1")
    for value in range(250):
        metrics.put_metric("Latency", value / 2, "Milliseconds")
    metrics.put_metric("Fast", 1, "Count", StorageResolution.HIGH)

handle()
"""


def make(logs, group):
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="s")


def put(logs, group, *messages, at=None):
    at = at or int(time.time() * 1000)
    events = [{"timestamp": at, "message": m if isinstance(m, str) else json.dumps(m)} for m in messages]
    assert "rejectedLogEventsInfo" not in logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=events)


def put_filter(logs, group, name, pattern, namespace="F", value="1", **more):
    transformation = {"metricName": name, "metricNamespace": namespace, "metricValue": value, **more}
    logs.put_metric_filter(logGroupName=group, filterName=name, filterPattern=pattern, metricTransformations=[transformation])


def totals(cloudwatch, namespace, metric, **dimensions):
    """Sample count and sum of the last half hour and the next minutes."""
    now = int(time.time()) // 60 * 60
    points = cloudwatch.get_metric_statistics(
        Namespace=namespace, MetricName=metric, StartTime=now - 1800, EndTime=now + 300, Period=60,
        Statistics=["SampleCount", "Sum"], Dimensions=[{"Name": n, "Value": v} for n, v in dimensions.items()],
    )["Datapoints"]
    return sum(p["SampleCount"] for p in points), sum(p["Sum"] for p in points)


def refused(function, **parameters):
    with pytest.raises(ClientError) as raised:
        function(**parameters)
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    return raised.value.response["Error"]


def test_a_filter_lives_counts_and_dies(logs, cloudwatch):
    make(logs, "/f/life")
    put(logs, "/f/life", "ERROR before")
    put_filter(logs, "/f/life", "errors", "ERROR", unit="Count", defaultValue=0)
    put(logs, "/f/life", "ERROR one", "fine", "ERROR two")
    assert totals(cloudwatch, "F", "errors") == (2, 2)
    put(logs, "/f/life", "fine", at=int(time.time() * 1000) - 600_000)
    assert totals(cloudwatch, "F", "errors") == (3, 2)
    (told,) = logs.describe_metric_filters(logGroupName="/f/life")["metricFilters"]
    assert told["metricTransformations"] == [
        {"metricName": "errors", "metricNamespace": "F", "metricValue": "1", "unit": "Count", "defaultValue": 0.0}
    ]
    assert logs.describe_log_groups(logGroupNamePrefix="/f/life")["logGroups"][0]["metricFilterCount"] == 1
    logs.delete_metric_filter(logGroupName="/f/life", filterName="errors")
    put(logs, "/f/life", "ERROR after")
    assert totals(cloudwatch, "F", "errors") == (3, 2)
    assert refused(logs.delete_metric_filter, logGroupName="/f/life", filterName="errors")["Code"] == "ResourceNotFoundException"


def test_values_and_dimensions_of_columns_and_json(logs, cloudwatch):
    make(logs, "/f/fields")
    put_filter(logs, "/f/fields", "bytes", "[ip, user, ..., status = 5*, bytes]", value="$bytes", dimensions={"Status": "$status"})
    put_filter(logs, "/f/fields", "ms", "{ $.ms > 10 }", value="$.ms", dimensions={"Service": "$.service"})
    put(logs, "/f/fields", '10.0.0.1 - [now] "GET /" 500 120', '10.0.0.1 - [now] "GET /" 500 30', '10.0.0.1 - [now] "GET /" 200 7')
    put(logs, "/f/fields", {"ms": 12.5, "service": "a"}, {"ms": 30, "service": "b"}, {"ms": 5, "service": "a"}, {"ms": 50})
    assert totals(cloudwatch, "F", "bytes", Status="500") == (2, 150)
    assert totals(cloudwatch, "F", "ms", Service="a") == (1, 12.5)
    assert totals(cloudwatch, "F", "ms", Service="b") == (1, 30)
    assert totals(cloudwatch, "F", "ms") == (0, 0)


def test_what_aws_refuses(logs):
    make(logs, "/f/refused")

    def message(pattern, value="1", **more):
        transformation = {"metricName": "m", "metricNamespace": "F", "metricValue": value, **more}
        error = refused(logs.put_metric_filter, logGroupName="/f/refused", filterName="f", filterPattern=pattern, metricTransformations=[transformation])
        assert error["Code"] == "InvalidParameterException"
        return error["Message"]

    both = "Invalid metric transformation: dimensions and default value are mutually exclusive properties"
    assert message("{ $.a = * }", dimensions={"A": "$.a"}, defaultValue=0) == both
    assert message("ERROR", dimensions={"A": "$.a"}) == "The specified filter pattern does not support dimensions"
    assert message("{ $.a = * }", dimensions={"A": "prod"}) == "Invalid metric transformation: dimension value must be valid selector"
    assert message("{ $.a = ").startswith("Invalid filter pattern")
    assert message("ERROR", value="length").startswith("Invalid metric transformation")
    assert logs.describe_metric_filters(logGroupName="/f/refused")["metricFilters"] == []


def test_pages_and_the_cli(server, logs):
    make(logs, "/f/pages")
    for n in range(60):
        put_filter(logs, "/f/pages", f"p{n:02}", "x", namespace="P")
    paginator = logs.get_paginator("describe_metric_filters").paginate(filterNamePrefix="p", PaginationConfig={"PageSize": 7})
    assert [f["filterName"] for page in paginator for f in page["metricFilters"]] == [f"p{n:02}" for n in range(60)]
    found = server.cli("logs", "describe-metric-filters", "--metric-name", "p07", "--metric-namespace", "P")["metricFilters"]
    assert [(f["filterName"], f["logGroupName"]) for f in found] == [("p07", "/f/pages")]


def test_filters_are_there_after_a_restart(make_server):
    server = make_server().start()
    logs = server.client("logs")
    make(logs, "/f/kept")
    put_filter(logs, "/f/kept", "kept", "ERROR")
    server.kill()
    server.start()
    put(server.client("logs"), "/f/kept", "ERROR")
    assert totals(server.client("cloudwatch"), "F", "kept") == (1, 1)


def test_too_many_dimensions_switch_a_filter_off(server, logs, cloudwatch):
    server.expect_complaint("metric filter makes too many values of dimensions")
    make(logs, "/f/many")
    put_filter(logs, "/f/many", "many", "{ $.u = * }", dimensions={"U": "$.u"})
    put(logs, "/f/many", *({"u": f"u{n}"} for n in range(1_500)))
    put(logs, "/f/many", {"u": "u0"})
    assert totals(cloudwatch, "F", "many", U="u0") == (1, 1)
    assert totals(cloudwatch, "F", "many", U="u1499") == (0, 0)


def test_an_alarm_on_a_filter(logs, cloudwatch):
    make(logs, "/f/alarm")
    pattern = '{ ($.errorCode = "*UnauthorizedOperation") || ($.errorCode = "AccessDenied*") }'
    put_filter(logs, "/f/alarm", "unauthorized", pattern, namespace="CISBenchmark")
    cloudwatch.put_metric_alarm(
        AlarmName="unauthorized", Namespace="CISBenchmark", MetricName="unauthorized", Statistic="Sum", Period=60,
        EvaluationPeriods=1, Threshold=1, ComparisonOperator="GreaterThanOrEqualToThreshold", TreatMissingData="notBreaching",
    )
    put(logs, "/f/alarm", {"eventName": "RunInstances", "errorCode": "Client.UnauthorizedOperation"}, {"eventName": "ListBuckets"})
    state = lambda: cloudwatch.describe_alarms(AlarmNames=["unauthorized"])["MetricAlarms"][0]["StateValue"]  # noqa: E731
    wait_until(lambda: state() == "ALARM", 120, "the alarm sees the event")


@pytest.mark.skipif(not CIS.exists(), reason="../shared is not here")
def test_patterns_of_the_cis_benchmark(logs, cloudwatch):
    make(logs, "/f/cis")
    patterns = json.loads(CIS.read_text())["distinct_patterns"]
    taken = []
    for number, pattern in enumerate(patterns):
        try:
            put_filter(logs, "/f/cis", f"cis-{number}", pattern, namespace="CIS")
            taken.append((f"cis-{number}", pattern))
        except ClientError as error:
            # Later editions of the benchmark lost the quotes of a text with a space.
            assert "Failed authentication" in pattern, error
    assert len(taken) >= 30
    events = [
        {"eventName": "ConsoleLogin", "userIdentity": {"type": "Root"}, "eventType": "AwsConsoleSignIn"},
        {"eventName": "StopLogging", "userIdentity": {"type": "IAMUser"}, "eventType": "AwsApiCall"},
        {"eventName": "DescribeTrails", "userIdentity": {"type": "IAMUser"}, "eventType": "AwsApiCall"},
    ]
    put(logs, "/f/cis", *events)
    counts = {pattern: totals(cloudwatch, "CIS", name)[0] for name, pattern in taken}
    of = lambda words: {counts[p] for p in counts if words in p}  # noqa: E731
    assert of("StopLogging") == {1}
    assert of('$.userIdentity.type = "Root" && $.userIdentity.invokedBy NOT EXISTS') == {1}
    assert of("AuthorizeSecurityGroupIngress") == {0}


def test_the_way_of_the_cis_benchmark(server, logs, cloudtrail, cloudwatch):
    """A trail delivers into a log group, a metric filter counts there, an alarm sees it."""
    logs.create_log_group(logGroupName="/cis/trail")
    (group,) = logs.describe_log_groups(logGroupNamePrefix="/cis/trail")["logGroups"]
    role = f"arn:aws:iam::{group['arn'].split(':')[4]}:role/CloudTrailToLogs"
    server.client("s3").create_bucket(Bucket="bucket")
    cloudtrail.create_trail(Name="cis", S3BucketName="bucket", CloudWatchLogsLogGroupArn=group["arn"], CloudWatchLogsRoleArn=role)
    cloudtrail.start_logging(Name="cis")
    pattern = "{ ($.eventName = CreateTrail) || ($.eventName = UpdateTrail) || ($.eventName = DeleteTrail) || ($.eventName = StartLogging) || ($.eventName = StopLogging) }"
    put_filter(logs, "/cis/trail", "trail-changes", pattern, namespace="CISTrail")
    cloudwatch.put_metric_alarm(
        AlarmName="trail-changes", Namespace="CISTrail", MetricName="trail-changes", Statistic="Sum", Period=300,
        EvaluationPeriods=1, Threshold=1, ComparisonOperator="GreaterThanOrEqualToThreshold", TreatMissingData="notBreaching",
    )
    cloudtrail.update_trail(Name="cis", S3KeyPrefix="changed")
    assert totals(cloudwatch, "CISTrail", "trail-changes") == (1, 1)
    found = logs.filter_log_events(logGroupName="/cis/trail", filterPattern="{ $.eventName = UpdateTrail }")["events"]
    (event,) = found
    assert event["logStreamName"].endswith("_CloudTrail_" + server.exports["AWS_DEFAULT_REGION"])
    assert json.loads(event["message"])["requestParameters"]["s3KeyPrefix"] == "changed"
    assert "LatestCloudWatchLogsDeliveryTime" in cloudtrail.get_trail_status(Name="cis")
    state = lambda: cloudwatch.describe_alarms(AlarmNames=["trail-changes"])["MetricAlarms"][0]["StateValue"]  # noqa: E731
    wait_until(lambda: state() == "ALARM", 120, "the alarm sees the change")
    cloudtrail.delete_trail(Name="cis")


def document(namespace, at=None, **members):
    at = at or int(time.time() * 1000)
    directive = {"Namespace": namespace, "Dimensions": [["Op"], []], "Metrics": [{"Name": "Latency", "Unit": "Milliseconds"}]}
    return {"_aws": {"Timestamp": at, "CloudWatchMetrics": [directive]}, "Op": "Get", **members}


def test_documents_make_metrics_and_mistakes_are_counted(logs, cloudwatch):
    make(logs, "/emf/own")
    good = json.dumps(document("E", Latency=[1, 2, 4]))
    put(logs, "/emf/own", good, f"2026-01-01T00:00:00Z\tr-1\tINFO\t{good}", document("E", Latency="fast"), good + "}", "fine")
    assert totals(cloudwatch, "E", "Latency", Op="Get") == (6, 14)
    assert totals(cloudwatch, "E", "Latency") == (6, 14)
    assert totals(cloudwatch, "AWS/Logs", "EMFValidationErrors", LogGroupName="/emf/own")[1] == 1
    assert totals(cloudwatch, "AWS/Logs", "EMFParsingErrors", LogGroupName="/emf/own")[1] == 1
    assert len(logs.filter_log_events(logGroupName="/emf/own")["events"]) == 5


@pytest.mark.skipif(not EMF.exists(), reason="../shared is not here")
def test_documents_in_the_wild(logs, cloudwatch):
    make(logs, "/emf/wild")
    documents = [sample["doc"] for sample in json.loads(EMF.read_text())]
    now = int(time.time() * 1000)
    for sample in documents:
        sample["_aws"]["Timestamp"] = now
    put(logs, "/emf/wild", *documents)
    # One example in a guide has a directive within a directive.
    assert totals(cloudwatch, "AWS/Logs", "EMFValidationErrors", LogGroupName="/emf/wild")[1] == 1
    assert totals(cloudwatch, "AWS/Logs", "EMFParsingErrors", LogGroupName="/emf/wild")[1] == 0
    assert totals(cloudwatch, "MyService", "Latency", ServiceName="OrderService", Environment="Production") == (1, 100)


def test_documents_of_the_library(logs, cloudwatch):
    make(logs, "/emf/library")
    environment = plain_environment({"AWS_EMF_ENVIRONMENT": "Lambda", "AWS_LAMBDA_FUNCTION_NAME": "f"})
    done = subprocess.run([Paths.newest("python"), "-c", LIBRARY_PROGRAM], capture_output=True, text=True, timeout=60, env=environment)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) >= 3, "a hundred values fit into a document"
    put(logs, "/emf/library", *lines)
    expected = (250, sum(value / 2 for value in range(250)))
    assert totals(cloudwatch, "Lib", "Latency", Operation="Get") == expected
    assert totals(cloudwatch, "Lib", "Latency", Operation="Get", Zone="a") == expected
    assert totals(cloudwatch, "Lib", "Fast", Operation="Get") == (1, 1)
    assert totals(cloudwatch, "AWS/Logs", "EMFValidationErrors", LogGroupName="/emf/library") == (0, 0)

"""Account policies of metric extraction and retention, from the aws cli and boto3, and filters on transformed logs."""

import json
import time

import pytest
from botocore.exceptions import ClientError
from trailwatch import wait_until

OFF = json.dumps({"EmbeddedMetricFormat": {"Status": "Disabled"}})


def put(logs, group, message):
    logs.put_log_events(
        logGroupName=group, logStreamName="s", logEvents=[{"timestamp": int(time.time() * 1000), "message": message}]
    )


def make(logs, *groups):
    for group in groups:
        logs.create_log_group(logGroupName=group)
        logs.create_log_stream(logGroupName=group, logStreamName="s")


def test_the_embedded_metric_format_can_be_switched_off(server, logs, cloudwatch):
    make(logs, "emf-off", "emf-kept")

    def send(group, metric):
        directive = {"Namespace": "Emf", "Dimensions": [[]], "Metrics": [{"Name": metric, "Unit": "Count"}]}
        put(logs, group, json.dumps({"_aws": {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]}, metric: 1}))

    send("emf-off", "before")
    server.cli(
        "logs", "put-account-policy", "--policy-name", "no-emf", "--policy-type", "METRIC_EXTRACTION_POLICY",
        "--policy-document", OFF, "--selection-criteria", 'LogGroupNamePrefix NOT IN ["emf-kept"]',
    )
    send("emf-off", "off")
    send("emf-kept", "kept")
    with pytest.raises(ClientError) as raised:
        logs.put_account_policy(policyName="another", policyType="METRIC_EXTRACTION_POLICY", policyDocument=OFF)
    assert raised.value.response["Error"]["Code"] == "InvalidParameterException"
    logs.delete_account_policy(policyName="no-emf", policyType="METRIC_EXTRACTION_POLICY")
    send("emf-off", "after")
    names = lambda: {metric["MetricName"] for metric in cloudwatch.list_metrics(Namespace="Emf")["Metrics"]}
    wait_until(lambda: "after" in names(), 30, "the last metric")
    assert names() == {"before", "kept", "after"}
    assert len(logs.filter_log_events(logGroupName="emf-off")["events"]) == 3


def test_a_retention_policy_says_beforehand_what_it_would_change(server, logs):
    make(logs, "kept-short", "kept-long", "kept-forever")
    logs.put_retention_policy(logGroupName="kept-short", retentionInDays=7)
    logs.put_retention_policy(logGroupName="kept-long", retentionInDays=365)
    policy = {
        "policyName": "ninety", "policyType": "RETENTION_POLICY", "selectionCriteria": 'LogGroupNamePrefix = "kept-"',
        "policyDocument": json.dumps({"retentionInDays": 90, "enforcementMode": "RETROACTIVE"}),
    }
    # Newer than the clients of today.
    result = server.json_call("logs", "PutAccountPolicy", {**policy, "dryRun": True}).json["dryRunResult"]
    counts = [result[f"{name}LogGroupCount"] for name in ("increasedRetention", "decreasedRetention", "unchangedRetention")]
    assert (result["totalMatchedLogGroups"], counts) == (3, [1, 2, 0])
    impacts = {i["logGroupName"]: (i["currentRetention"], i["proposedRetention"]) for i in result["topLogGroupsImpacted"]}
    assert impacts == {"kept-short": ("7", "90"), "kept-long": ("365", "90"), "kept-forever": ("NEVER_EXPIRE", "90")}
    assert logs.describe_account_policies(policyType="RETENTION_POLICY")["accountPolicies"] == []
    assert server.json_call("logs", "PutAccountPolicy", policy).json["accountPolicy"]["policyName"] == "ninety"
    # It takes effect after a day.
    groups = logs.describe_log_groups(logGroupNamePrefix="kept-")["logGroups"]
    assert [group.get("retentionInDays") for group in groups] == [None, 365, 7]
    logs.delete_account_policy(policyName="ninety", policyType="RETENTION_POLICY")


def test_metric_filters_look_at_transformed_logs(logs, cloudwatch):
    make(logs, "transformed")
    logs.put_transformer(logGroupIdentifier="transformed", transformerConfig=[{"csv": {"columns": ["level", "ms"]}}])
    logs.put_metric_filter(
        logGroupName="transformed",
        filterName="f",
        filterPattern='{ $.level = "ERROR" }',
        metricTransformations=[{"metricName": "ms", "metricNamespace": "Transformed", "metricValue": "$.ms"}],
        applyOnTransformedLogs=True,
    )
    put(logs, "transformed", "ERROR,41")
    put(logs, "transformed", "INFO,1000")

    def total():
        now = time.time()
        points = cloudwatch.get_metric_statistics(
            Namespace="Transformed", MetricName="ms", StartTime=now - 600, EndTime=now + 600, Period=60, Statistics=["Sum"]
        )["Datapoints"]
        return sum(point["Sum"] for point in points)

    wait_until(lambda: total() == 41, 30, "the metric of the transformed event")

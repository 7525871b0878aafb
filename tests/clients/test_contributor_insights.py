"""Contributor Insights: rules from boto3, and reports of what was put into log groups."""

import datetime
import json
import time

import pytest
from botocore.exceptions import ClientError

ARN = "arn:aws:cloudwatch:us-east-1:123456789012:insight-rule/"


def rule(group, **contribution):
    """A rule that counts, or sums when it is given `ValueOf`."""
    return json.dumps(
        {
            "Schema": {"Name": "CloudWatchLogRule", "Version": 1},
            "LogGroupNames": [group],
            "LogFormat": "JSON",
            "Contribution": contribution,
            "AggregateOn": "Sum" if "ValueOf" in contribution else "Count",
        }
    )


@pytest.fixture(scope="module")
def requests(logs):
    """A log group with requests of three clients, a few minutes ago."""
    group = "/contributors/requests"
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    start = int(time.time()) // 60 * 60 - 600
    lines = [("10.0.0.1", "PUT", 10)] * 3 + [("10.0.0.2", "PUT", 500), ("10.0.0.3", "GET", 900), ("10.0.0.3", "GET", 1)]
    events = [
        {"timestamp": (start + 30 * at) * 1000, "message": json.dumps({"ip": ip, "method": method, "bytes": size})}
        for at, (ip, method, size) in enumerate(lines)
    ]
    logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=events)
    return group, datetime.datetime.fromtimestamp(start, datetime.timezone.utc)


def ranked(report):
    return [(c["Keys"], c["ApproximateAggregateValue"]) for c in report["Contributors"]]


def test_a_report(cloudwatch, requests):
    group, start = requests
    filters = [{"Match": "$.method", "In": ["PUT"]}]
    cloudwatch.put_insight_rule(RuleName="writers", RuleDefinition=rule(group, Keys=["$.ip"], Filters=filters))
    asked = dict(StartTime=start, EndTime=start + datetime.timedelta(minutes=5), Period=60)
    report = cloudwatch.get_insight_rule_report(
        RuleName="writers", Metrics=["UniqueContributors", "MaxContributorValue", "SampleCount", "Average"], **asked
    )
    assert ranked(report) == [(["10.0.0.1"], 3), (["10.0.0.2"], 1)]
    assert report["KeyLabels"] == ["$.ip"] and report["AggregationStatistic"] == "Count"
    assert report["AggregateValue"] == 4 and report["ApproximateUniqueCount"] == 2
    assert [(d["Timestamp"], d["ApproximateValue"]) for d in report["Contributors"][0]["Datapoints"]] == [
        (start, 2),
        (start + datetime.timedelta(minutes=1), 1),
    ]
    assert [(p["UniqueContributors"], p["MaxContributorValue"], p["SampleCount"]) for p in report["MetricDatapoints"]] == [
        (1, 2, 2),
        (2, 1, 2),
    ]

    cloudwatch.put_insight_rule(RuleName="bytes", RuleDefinition=rule(group[:8] + "*", Keys=["$.ip", "$.method"], ValueOf="$.bytes"))
    report = cloudwatch.get_insight_rule_report(RuleName="bytes", MaxContributorCount=2, OrderBy="Maximum", **asked)
    assert ranked(report) == [(["10.0.0.3", "GET"], 901), (["10.0.0.2", "PUT"], 500)]
    assert report["AggregationStatistic"] == "Sum"


def test_life_of_a_rule(cloudwatch):
    definition = rule("/none", Keys=["$.a"])
    cloudwatch.put_insight_rule(RuleName="life", RuleDefinition=definition, Tags=[{"Key": "team", "Value": "a"}])
    found, more = {}, {}
    while more is not None:
        page = cloudwatch.describe_insight_rules(MaxResults=1, **more)
        found.update({r["Name"]: r for r in page["InsightRules"]})
        more = {"NextToken": page["NextToken"]} if page.get("NextToken") else None
    found = found["life"]
    assert found["State"] == "ENABLED" and found["Definition"] == definition and found["ManagedRule"] is False
    cloudwatch.disable_insight_rules(RuleNames=["life"])
    assert [r["State"] for r in cloudwatch.describe_insight_rules()["InsightRules"] if r["Name"] == "life"] == ["DISABLED"]
    assert cloudwatch.list_tags_for_resource(ResourceARN=ARN + "life")["Tags"] == [{"Key": "team", "Value": "a"}]
    failures = cloudwatch.delete_insight_rules(RuleNames=["life", "absent"])["Failures"]
    assert [f["FailureResource"] for f in failures] == ["absent"]
    with pytest.raises(ClientError) as raised:
        now = datetime.datetime.now(datetime.timezone.utc)
        cloudwatch.get_insight_rule_report(RuleName="life", StartTime=now - datetime.timedelta(hours=1), EndTime=now, Period=60)
    assert raised.value.response["Error"]["Code"] == "ResourceNotFoundException"


@pytest.mark.parametrize("definition", ["{", "{}", "[]", "[" * 8000, rule("g", Keys=[]), rule("g", Keys=["no selector"])], ids=lambda d: d[:8])
def test_definitions_that_make_no_sense(cloudwatch, definition):
    with pytest.raises(ClientError) as raised:
        cloudwatch.put_insight_rule(RuleName="bad", RuleDefinition=definition)
    assert raised.value.response["Error"]["Code"] in ("InvalidParameterValue", "InvalidParameterValueException")
    assert "RuleDefinition" in raised.value.response["Error"]["Message"]

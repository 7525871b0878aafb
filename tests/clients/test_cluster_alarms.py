"""Alarms are observed by every node that reads, and each transition is written once, whatever becomes of the nodes that observe."""

import collections
import datetime
import json

import postgres
import pytest
from nodes import SECONDS_MAX
from trailwatch import wait_until

pytestmark = pytest.mark.skipif(not postgres.installed(), reason="PostgreSQL is not installed")

#: Alarms of each kind in each half. Those on one metric are dealt out where many are due at the same time.
PLAIN, MATH = 80, 20


def observed(node):
    """How many alarms a node that stands by has observed; None while it does not read."""
    return node.http("GET", "/health").json.get("observed_alarms")


def more_observed(node):
    """Waits until the node has observed more alarms than it has now."""
    before = observed(node)
    wait_until(lambda: observed(node) > before, SECONDS_MAX, f"{node.name} observes alarms")


def put_alarms(cloudwatch, half):
    """Alarms on one metric and on an expression, which stay as they are without data; answers their names."""
    common = {
        "EvaluationPeriods": 1, "Threshold": 0.0, "ComparisonOperator": "GreaterThanThreshold", "TreatMissingData": "ignore",
    }
    metric = {"Namespace": "Alarms", "MetricName": half}
    for number in range(PLAIN):
        of_metric = {**metric, "Dimensions": [{"Name": "n", "Value": str(number)}], "Statistic": "Sum", "Period": 10}
        cloudwatch.put_metric_alarm(AlarmName=f"{half}-plain-{number}", **of_metric, **common)
    for number in range(MATH):
        of = {**metric, "Dimensions": [{"Name": "n", "Value": str(number)}]}
        queries = [
            {"Id": "m1", "MetricStat": {"Metric": of, "Period": 10, "Stat": "Sum"}, "ReturnData": False},
            {"Id": "e1", "Expression": "m1 * 2", "ReturnData": True},
        ]
        cloudwatch.put_metric_alarm(AlarmName=f"{half}-math-{number}", Metrics=queries, **common)
    return {f"{half}-plain-{number}" for number in range(PLAIN)} | {f"{half}-math-{number}" for number in range(MATH)}


def go_over(cloudwatch, half):
    """Every metric of a half is over the threshold once."""
    now = datetime.datetime.now(datetime.timezone.utc)
    data = [
        {"MetricName": half, "Dimensions": [{"Name": "n", "Value": str(number)}], "Value": 1, "Timestamp": now, "StorageResolution": 1}
        for number in range(PLAIN)
    ]
    cloudwatch.put_metric_data(Namespace="Alarms", MetricData=data)


def in_alarm(cloudwatch):
    pages = cloudwatch.get_paginator("describe_alarms").paginate(StateValue="ALARM")
    return {alarm["AlarmName"] for page in pages for alarm in page["MetricAlarms"]}


def fired(cloudwatch):
    """How often each alarm went to ALARM."""
    pages = cloudwatch.get_paginator("describe_alarm_history").paginate(HistoryItemType="StateUpdate")
    items = [item for page in pages for item in page["AlarmHistoryItems"]]
    to_alarm = [item["AlarmName"] for item in items if json.loads(item["HistoryData"])["newState"]["stateValue"] == "ALARM"]
    return collections.Counter(to_alarm)


def test_alarms_are_observed_by_all_nodes_and_fire_once(cluster):
    cluster.start("one", "two", "three")
    leader, (second, third) = cluster.led(), cluster.standbys()
    for node in (second, third):
        wait_until(lambda node=node: observed(node) is not None, SECONDS_MAX, f"{node.name} reads")
    cloudwatch = leader.client("cloudwatch")
    first, last = put_alarms(cloudwatch, "first"), put_alarms(cloudwatch, "last")
    for node in (second, third):
        more_observed(node)
    go_over(second.client("cloudwatch"), "first")
    wait_until(lambda: in_alarm(cloudwatch) == first, SECONDS_MAX, "the first half is in ALARM")
    # The share of a node that is lost is observed by the others.
    third.kill()
    go_over(second.client("cloudwatch"), "last")
    wait_until(lambda: in_alarm(cloudwatch) == first | last, SECONDS_MAX, "the last half is in ALARM")
    more_observed(second)
    assert observed(leader) is None, "it observes for itself"
    # It comes back, and has a share again.
    third.start()
    wait_until(lambda: observed(third), SECONDS_MAX, "it observes alarms again")
    assert in_alarm(cloudwatch) == first | last
    assert fired(cloudwatch) == dict.fromkeys(first | last, 1)
    assert all(node.stop() == 0 for node in cluster.standbys()) and leader.stop() == 0

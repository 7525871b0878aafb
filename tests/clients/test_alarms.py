"""Metric alarms: on the server's own clock through all states, and everything that is said and asked about them."""

import datetime
import json
import re
import time

import pytest
from botocore.exceptions import ClientError

BASE = {
    "Namespace": "T/Alarm", "MetricName": "M", "Statistic": "Maximum", "Period": 60, "EvaluationPeriods": 1, "Threshold": 10.0,
    "ComparisonOperator": "GreaterThanThreshold",
}


def refused(function, **parameters):
    with pytest.raises(ClientError) as raised:
        function(**parameters)
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] < 500
    return raised.value.response["Error"]


def history(cloudwatch, name, kind="StateUpdate"):
    """Items of one kind, oldest first."""
    return cloudwatch.describe_alarm_history(AlarmName=name, HistoryItemType=kind, ScanBy="TimestampAscending")["AlarmHistoryItems"]


def test_the_clock_moves_an_alarm_through_all_states(cloudwatch):
    """INSUFFICIENT_DATA -> OK -> ALARM -> OK with a 10-second period; each step waits for the state, 90 s in all at most."""
    cloudwatch.put_metric_alarm(**{**BASE, "AlarmName": "clock", "Namespace": "T/Clock", "Period": 10, "DatapointsToAlarm": 1})
    deadline = time.monotonic() + 90
    (alarm,) = cloudwatch.describe_alarms(AlarmNames=["clock"])["MetricAlarms"]
    assert (alarm["StateValue"], alarm["StateReason"]) == ("INSUFFICIENT_DATA", "Unchecked: Initial alarm creation")
    for value, wanted in ((1.0, "OK"), (20.0, "ALARM"), (2.0, "OK")):
        while alarm["StateValue"] != wanted:
            assert time.monotonic() < deadline, f"not {wanted} in time; {alarm['StateValue']}: {alarm['StateReason']}"
            cloudwatch.put_metric_data(Namespace="T/Clock", MetricData=[{"MetricName": "M", "Value": value, "StorageResolution": 1}])
            time.sleep(0.5)
            (alarm,) = cloudwatch.describe_alarms(AlarmNames=["clock"])["MetricAlarms"]
        if wanted == "ALARM":
            reason = r"Threshold Crossed: 1 out of the last 1 datapoints \[20\.0 \(\d\d/\d\d/\d\d \d\d:\d\d:\d\d\)\] was greater than the threshold \(10\.0\) \(minimum 1 datapoint for OK -> ALARM transition\)"
            assert re.match(reason, alarm["StateReason"]), alarm["StateReason"]
            data = json.loads(alarm["StateReasonData"])
            assert (data["version"], data["period"], data["threshold"], data["recentDatapoints"][-1]) == ("1.0", 10, 10.0, 20.0)
    items = history(cloudwatch, "clock")
    states = [(json.loads(i["HistoryData"])["oldState"]["stateValue"], json.loads(i["HistoryData"])["newState"]["stateValue"]) for i in items]
    assert states == [("INSUFFICIENT_DATA", "OK"), ("OK", "ALARM"), ("ALARM", "OK")]
    assert "Threshold Crossed" in json.loads(items[1]["HistoryData"])["newState"]["stateReason"]
    assert [i["HistoryItemType"] for i in history(cloudwatch, "clock", "ConfigurationUpdate")] == ["ConfigurationUpdate"]


def test_put_again_changes_everything_but_the_state(cloudwatch):
    cloudwatch.put_metric_alarm(**BASE, AlarmName="again", AlarmDescription="first", Tags=[{"Key": "a", "Value": "1"}])
    cloudwatch.set_alarm_state(AlarmName="again", StateValue="ALARM", StateReason="by hand", StateReasonData='{"x":1}')
    cloudwatch.put_metric_alarm(**{**BASE, "Threshold": 99.0}, AlarmName="again", Tags=[{"Key": "b", "Value": "2"}])
    (alarm,) = cloudwatch.describe_alarms(AlarmNames=["again"])["MetricAlarms"]
    assert (alarm["StateValue"], alarm["StateReason"], alarm["StateReasonData"]) == ("ALARM", "by hand", '{"x":1}')
    assert alarm["Threshold"] == 99.0 and "AlarmDescription" not in alarm
    assert cloudwatch.list_tags_for_resource(ResourceARN=alarm["AlarmArn"])["Tags"] == [{"Key": "a", "Value": "1"}]
    kinds = [i["HistorySummary"] for i in history(cloudwatch, "again", "ConfigurationUpdate")]
    assert len(kinds) == 2 and "created" in kinds[0] and "updated" in kinds[1]


def test_set_state_and_history(cloudwatch):
    cloudwatch.put_metric_alarm(**BASE, AlarmName="hand")
    for state in ("ALARM", "OK", "INSUFFICIENT_DATA"):
        cloudwatch.set_alarm_state(AlarmName="hand", StateValue=state, StateReason=f"now {state}")
    summaries = [i["HistorySummary"] for i in history(cloudwatch, "hand")]
    assert summaries[:3] == [
        "Alarm updated from INSUFFICIENT_DATA to ALARM", "Alarm updated from ALARM to OK", "Alarm updated from OK to INSUFFICIENT_DATA"]
    newest = cloudwatch.describe_alarm_history(AlarmName="hand", MaxRecords=1)
    assert newest["AlarmHistoryItems"][0]["HistoryItemType"] == "StateUpdate" and newest["NextToken"]
    whole = [i for page in cloudwatch.get_paginator("describe_alarm_history").paginate(AlarmName="hand", PaginationConfig={"PageSize": 1}) for i in page["AlarmHistoryItems"]]
    assert len(whole) >= 4
    assert refused(cloudwatch.set_alarm_state, AlarmName="nobody", StateValue="OK", StateReason="r")["Code"] == "ResourceNotFound"
    assert refused(cloudwatch.set_alarm_state, AlarmName="hand", StateValue="FINE", StateReason="r")["Code"] == "ValidationError"
    assert refused(cloudwatch.set_alarm_state, AlarmName="hand", StateValue="OK", StateReason="r", StateReasonData="not json")["Code"] == "InvalidFormat"


def test_describing(cloudwatch):
    for n in range(5):
        cloudwatch.put_metric_alarm(**BASE, AlarmName=f"list-{n}", AlarmActions=["arn:aws:sns:us-east-1:123456789012:x"] if n < 2 else [])
    cloudwatch.set_alarm_state(AlarmName="list-3", StateValue="ALARM", StateReason="r")
    names = lambda **f: [a["AlarmName"] for a in cloudwatch.describe_alarms(**f)["MetricAlarms"]]  # noqa: E731
    assert names(AlarmNamePrefix="list-") == [f"list-{n}" for n in range(5)]
    assert names(AlarmNamePrefix="list-", StateValue="ALARM") == ["list-3"]
    assert names(AlarmNamePrefix="list-", ActionPrefix="arn:aws:sns") == ["list-0", "list-1"]
    assert names(AlarmNames=["list-4", "nobody", "list-0"]) == ["list-0", "list-4"]
    assert names(AlarmNamePrefix="list-", AlarmTypes=["CompositeAlarm"]) == []
    pages = cloudwatch.get_paginator("describe_alarms").paginate(AlarmNamePrefix="list-", PaginationConfig={"PageSize": 2})
    assert [len(p["MetricAlarms"]) for p in pages] == [2, 2, 1]
    cloudwatch.get_waiter("alarm_exists").wait(AlarmNames=["list-0"], WaiterConfig={"Delay": 1, "MaxAttempts": 2})
    first = cloudwatch.describe_alarms(AlarmNamePrefix="list-", MaxRecords=1)
    assert refused(cloudwatch.describe_alarms, AlarmNamePrefix="x", NextToken=first["NextToken"])["Code"] == "InvalidNextToken"
    assert refused(cloudwatch.describe_alarms, AlarmNames=["a"], AlarmNamePrefix="b")["Code"] in ("InvalidParameterCombination", "ValidationError")
    cloudwatch.put_metric_alarm(**{**BASE, "MetricName": "Special"}, AlarmName="special", Dimensions=[{"Name": "D", "Value": "1"}])
    found = cloudwatch.describe_alarms_for_metric(Namespace="T/Alarm", MetricName="Special", Dimensions=[{"Name": "D", "Value": "1"}])
    assert [a["AlarmName"] for a in found["MetricAlarms"]] == ["special"]
    assert cloudwatch.describe_alarms_for_metric(Namespace="T/Alarm", MetricName="Special")["MetricAlarms"] == []


def test_actions_on_and_off(cloudwatch):
    cloudwatch.put_metric_alarm(**BASE, AlarmName="switch")
    enabled = lambda: cloudwatch.describe_alarms(AlarmNames=["switch"])["MetricAlarms"][0]["ActionsEnabled"]  # noqa: E731
    assert enabled() is True
    cloudwatch.disable_alarm_actions(AlarmNames=["switch"])
    assert enabled() is False
    cloudwatch.enable_alarm_actions(AlarmNames=["switch"])
    assert enabled() is True


def test_deleting(cloudwatch):
    cloudwatch.put_metric_alarm(**BASE, AlarmName="gone")
    cloudwatch.delete_alarms(AlarmNames=["nobody-1", "gone"])
    assert cloudwatch.describe_alarms(AlarmNames=["gone"])["MetricAlarms"] == [], "a wrong name does not keep the right one"
    assert history(cloudwatch, "gone", "ConfigurationUpdate"), "history outlives the alarm"


def test_tags(cloudwatch):
    cloudwatch.put_metric_alarm(**BASE, AlarmName="tagged")
    arn = cloudwatch.describe_alarms(AlarmNames=["tagged"])["MetricAlarms"][0]["AlarmArn"]
    cloudwatch.tag_resource(ResourceARN=arn, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    cloudwatch.untag_resource(ResourceARN=arn, TagKeys=["a"])
    assert cloudwatch.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "b", "Value": "2"}]
    error = refused(cloudwatch.list_tags_for_resource, ResourceARN=arn + "-nobody")
    assert error["Code"].startswith("ResourceNotFound")


@pytest.mark.parametrize(
    "change",
    [
        {"Period": 45}, {"Period": 0}, {"EvaluationPeriods": 0}, {"EvaluationPeriods": 5, "DatapointsToAlarm": 6}, {"EvaluationPeriods": 20_000},
        {"Statistic": None}, {"ExtendedStatistic": "p90"}, {"Statistic": None, "ExtendedStatistic": "q9"}, {"ComparisonOperator": "Bigger"},
        {"TreatMissingData": "guess"}, {"Threshold": None}, {"MetricName": None}, {"AlarmName": ""}, {"AlarmName": "x" * 256},
        {"AlarmActions": [f"arn:aws:sns:us-east-1:123456789012:{n}" for n in range(6)]}, {"Namespace": ":x"}, {"Unit": "Furlongs"},
    ],
    ids=str,
)
def test_alarms_that_make_no_sense(server, cloudwatch, change):
    body = {k: v for k, v in {"AlarmName": "nonsense", **BASE, **change}.items() if v is not None}
    answer = server.json_call("monitoring", "PutMetricAlarm", body)
    assert answer.status == 400, answer
    assert answer.message
    assert cloudwatch.describe_alarms(AlarmNames=["nonsense"])["MetricAlarms"] == []


def test_times_are_times(cloudwatch):
    cloudwatch.put_metric_alarm(**BASE, AlarmName="times")
    before = datetime.datetime.now(datetime.timezone.utc)
    cloudwatch.set_alarm_state(AlarmName="times", StateValue="OK", StateReason="r")
    (alarm,) = cloudwatch.describe_alarms(AlarmNames=["times"])["MetricAlarms"]
    assert abs(alarm["StateUpdatedTimestamp"] - before) < datetime.timedelta(seconds=30)
    assert alarm["AlarmConfigurationUpdatedTimestamp"] <= alarm["StateUpdatedTimestamp"]

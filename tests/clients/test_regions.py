"""Metrics of another region: read, drawn and alarmed on by the dimension `:trailwatch.Region`, as far as policies allow."""

import datetime
import json

import pytest
from botocore.exceptions import ClientError
from trailwatch import minutes_ago, wait_until

HERE, THERE = "us-east-1", "eu-west-1"
OF_REGION = {"Name": ":trailwatch.Region", "Value": THERE}
SHOP = {"Name": "Shop", "Value": "one"}


@pytest.fixture(scope="module")
def regions(server):
    """CloudWatch in two regions: orders are 3 here and 40 there."""
    here, there = (server.client("cloudwatch", region=region) for region in (HERE, THERE))
    for client, value in ((here, 3.0), (there, 40.0)):
        client.put_metric_data(
            Namespace="Shop", MetricData=[{"MetricName": "Orders", "Value": value, "Timestamp": minutes_ago(3), "Dimensions": [SHOP]}])
    return here, there


def stat(*dimensions):
    return {"Metric": {"Namespace": "Shop", "MetricName": "Orders", "Dimensions": [SHOP, *dimensions]}, "Period": 60, "Stat": "Sum"}


def ask(cloudwatch, *queries):
    now = datetime.datetime.now(datetime.timezone.utc)
    answer = cloudwatch.get_metric_data(
        MetricDataQueries=list(queries), StartTime=now - datetime.timedelta(minutes=10), EndTime=now + datetime.timedelta(minutes=1))
    return {result["Id"]: (result["Values"], result["StatusCode"]) for result in answer["MetricDataResults"]}


def refused(call, **parameters):
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_a_question_reads_and_adds_up_regions(regions):
    here, there = regions
    both = [{"Id": "here", "MetricStat": stat()}, {"Id": "there", "MetricStat": stat(OF_REGION)}, {"Id": "all", "Expression": "here + there"}]
    assert ask(here, *both) == {"here": ([3.0], "Complete"), "there": ([40.0], "Complete"), "all": ([43.0], "Complete")}
    assert ask(there, both[0]) == {"here": ([40.0], "Complete")}
    now = datetime.datetime.now(datetime.timezone.utc)
    (point,) = here.get_metric_statistics(
        Namespace="Shop", MetricName="Orders", Dimensions=[SHOP, OF_REGION], StartTime=now - datetime.timedelta(minutes=10), EndTime=now,
        Period=60, Statistics=["Sum"])["Datapoints"]
    assert point["Sum"] == 40.0


def test_alarms_watch_another_region(regions):
    here, there = regions
    common = {"EvaluationPeriods": 5, "DatapointsToAlarm": 1, "Threshold": 10.0, "ComparisonOperator": "GreaterThanThreshold"}
    here.put_metric_alarm(
        AlarmName="one", Namespace="Shop", MetricName="Orders", Dimensions=[SHOP, OF_REGION], Period=60, Statistic="Sum", **common)
    here.put_metric_alarm(
        AlarmName="sum", **{**common, "Threshold": 42.0},
        Metrics=[{"Id": "a", "MetricStat": stat(), "ReturnData": False}, {"Id": "b", "MetricStat": stat(OF_REGION), "ReturnData": False},
                 {"Id": "all", "Expression": "FILL(a, 0) + FILL(b, 0)"}])
    here.put_metric_alarm(AlarmName="own", Namespace="Shop", MetricName="Orders", Dimensions=[SHOP], Period=60, Statistic="Sum", **common)

    def states():
        return {alarm["AlarmName"]: alarm["StateValue"] for alarm in here.describe_alarms(AlarmNames=["one", "sum", "own"])["MetricAlarms"]}

    wait_until(lambda: states() == {"one": "ALARM", "sum": "ALARM", "own": "OK"}, 30, "alarms of two regions")
    assert not there.describe_alarms()["MetricAlarms"]


def test_a_widget_draws_regions(regions):
    here, _ = regions
    metric = ["Shop", "Orders", "Shop", "one", {"stat": "Sum"}]
    draw = lambda widget: here.get_metric_widget_image(MetricWidget=json.dumps(widget))["MetricWidgetImage"]
    own, other = draw({"metrics": [metric]}), draw({"metrics": [metric], "region": THERE})
    assert own.startswith(b"\x89PNG") and other.startswith(b"\x89PNG") and own != other
    code, text = refused(
        here.get_metric_widget_image, MetricWidget=json.dumps({"metrics": [[{"expression": "SEARCH('{Shop,Shop}', 'Sum')"}]], "region": THERE}))
    assert (code, text) == ("ValidationError", f"Invalid region {THERE} specified. Only {HERE} is supported.")


def test_what_is_no_region_is_refused(regions):
    here, _ = regions
    wrong = {"Name": ":trailwatch.Region", "Value": "Europe"}
    code, text = refused(lambda: ask(here, {"Id": "m", "MetricStat": stat(wrong)}))
    assert code == "ValidationError" and "The value Europe for dimension :trailwatch.Region is not a region." in text


def test_policies_are_asked_about_the_other_region(server, regions):
    iam = server.client("iam")
    iam.create_user(UserName="local")
    condition = {"StringEquals": {"aws:RequestedRegion": HERE}}
    statement = {"Effect": "Allow", "Action": "cloudwatch:*", "Resource": "*", "Condition": condition}
    iam.put_user_policy(UserName="local", PolicyName="inline", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    key = iam.create_access_key(UserName="local")["AccessKey"]
    local = server.client("cloudwatch", region=HERE, key=key["AccessKeyId"], secret=key["SecretAccessKey"])
    assert ask(local, {"Id": "m", "MetricStat": stat()}) == {"m": ([3.0], "Complete")}
    code, text = refused(lambda: ask(local, {"Id": "m", "MetricStat": stat(OF_REGION)}))
    assert code in ("AccessDenied", "AccessDeniedException") and "cloudwatch:GetMetricData" in text
    alarm = {"AlarmName": "x", "Namespace": "Shop", "MetricName": "Orders", "Period": 60, "Statistic": "Sum", "EvaluationPeriods": 1,
             "Threshold": 1.0, "ComparisonOperator": "GreaterThanThreshold"}
    local.put_metric_alarm(**alarm)
    code, _ = refused(local.put_metric_alarm, **alarm, Dimensions=[OF_REGION])
    assert code in ("AccessDenied", "AccessDeniedException")

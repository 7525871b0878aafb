"""CloudWatch, Logs and CloudTrail through boto3, newest (awsJson) and botocore 1.40 (query): the same calls, the same answers."""

import gzip
import json
import time

import pytest
from trailwatch import AwsError, iso, minutes_ago


def test_each_peer_speaks_its_protocol(peer):
    peer("cloudwatch", "list_metrics")
    if peer.is_old:
        assert peer.version.startswith("1.40.")
        assert peer.sent["content_type"].startswith("application/x-www-form-urlencoded")
        assert peer.sent["target"] is None
    else:
        assert peer.sent["content_type"] == "application/x-amz-json-1.0"
        assert peer.sent["target"] == "GraniteServiceVersion20100801.ListMetrics"


def test_caller_identity(peer):
    assert peer("sts", "get_caller_identity")["Account"] == "123456789012"


def test_a_client_that_accepts_json_gets_it(server):
    accepting = {"Accept": "application/json"}
    answer = server.query_call("Action=GetCallerIdentity&Version=2011-06-15", "sts", accepting)
    assert answer.headers["content-type"] == "application/json"
    told = json.loads(answer.body)["GetCallerIdentityResponse"]
    assert told["GetCallerIdentityResult"]["Account"] == "123456789012"
    assert told["ResponseMetadata"]["RequestId"]
    answer = server.query_call("Action=SetAlarmState&Version=2010-08-01&StateReason=x&StateValue=OK", headers=accepting)
    assert answer.status == 400
    told = json.loads(answer.body)["Error"]
    assert (told["Type"], told["Code"]) == ("Sender", "ValidationError")
    assert told["Message"] == (
        "1 validation error detected: Value null at 'alarmName' failed to satisfy constraint: Member must not be null"
    )


def test_metrics_there_and_back(peer):
    namespace = f"Protocols/{peer.version}"
    at = minutes_ago(10)
    dimensions = [{"Name": "Path", "Value": "/a b&c=d+%41<\">"}, {"Name": "Zone", "Value": "1"}]
    peer(
        "cloudwatch", "put_metric_data", Namespace=namespace,
        MetricData=[
            {"MetricName": "M", "Dimensions": dimensions, "Timestamp": iso(at + 1.5), "Value": 1.25, "Unit": "Count"},
            {"MetricName": "M", "Dimensions": dimensions, "Timestamp": iso(at + 2), "Values": [2.0, 3.5], "Counts": [2.0, 1.0], "Unit": "Count"},
            {"MetricName": "M", "Dimensions": dimensions, "Timestamp": iso(at + 3), "Unit": "Count",
             "StatisticValues": {"SampleCount": 2, "Sum": 10, "Minimum": 4, "Maximum": 6}},
        ],
    )
    (point,) = peer(
        "cloudwatch", "get_metric_statistics", Namespace=namespace, MetricName="M", Dimensions=dimensions[::-1],
        StartTime=iso(at), EndTime=iso(at + 60), Period=60, Statistics=["SampleCount", "Sum", "Minimum", "Maximum", "Average"],
    )["Datapoints"]
    assert point["SampleCount"] == 6
    assert point["Sum"] == 1.25 + 2 * 2.0 + 3.5 + 10
    assert (point["Minimum"], point["Maximum"], point["Unit"]) == (1.25, 6.0, "Count")
    assert point["Average"] == pytest.approx(18.75 / 6)
    assert point["Timestamp"] == iso(at)
    (metric,) = peer("cloudwatch", "list_metrics", Namespace=namespace)["Metrics"]
    assert metric == {"Namespace": namespace, "MetricName": "M", "Dimensions": dimensions}


def test_large_bodies_arrive_compressed(peer):
    namespace = f"Gzip/{peer.version}"
    at = minutes_ago(3)
    data = [{"MetricName": f"M{n}", "Timestamp": iso(at), "Value": float(n), "Unit": "None"} for n in range(300)]
    peer("cloudwatch", "put_metric_data", Namespace=namespace, MetricData=data)
    assert peer.sent["encoding"] == "gzip", "botocore compresses bodies of 10 KiB and more"
    listed = peer("cloudwatch", "list_metrics", Namespace=namespace)["Metrics"]
    assert sorted(m["MetricName"] for m in listed) == sorted(d["MetricName"] for d in data)


def test_metric_data_queries(peer):
    namespace = f"Queries/{peer.version}"
    at = minutes_ago(10)
    peer(
        "cloudwatch", "put_metric_data", Namespace=namespace,
        MetricData=[{"MetricName": "M", "Timestamp": iso(at + 60 * n), "Value": float(n)} for n in range(5)],
    )
    stat = {"Metric": {"Namespace": namespace, "MetricName": "M"}, "Period": 60, "Stat": "Sum"}
    answer = peer(
        "cloudwatch", "get_metric_data", StartTime=iso(at), EndTime=iso(at + 300), ScanBy="TimestampAscending",
        MetricDataQueries=[{"Id": "a", "MetricStat": stat}, {"Id": "b", "MetricStat": {**stat, "Period": 300, "Stat": "Maximum"}, "Label": "top"}],
    )
    first, second = answer["MetricDataResults"]
    assert (first["Id"], first["Label"], first["StatusCode"]) == ("a", "M", "Complete")
    assert first["Values"] == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert first["Timestamps"] == [iso(at + 60 * n) for n in range(5)]
    assert (second["Id"], second["Label"]) == ("b", "top")
    assert max(second["Values"]) == 4.0


def test_alarms_and_their_times(peer):
    name = f"protocol alarm {peer.version}"
    peer(
        "cloudwatch", "put_metric_alarm", AlarmName=name, Namespace="N", MetricName="M", Statistic="Average", Period=60,
        EvaluationPeriods=3, DatapointsToAlarm=2, Threshold=0.1, ComparisonOperator="LessThanOrEqualToThreshold",
        TreatMissingData="ignore", AlarmActions=["arn:aws:sns:us-east-1:123456789012:topic"], ActionsEnabled=False,
        Tags=[{"Key": "team", "Value": "a&b"}], Dimensions=[{"Name": "D", "Value": "v"}], Unit="Seconds",
    )
    (alarm,) = peer("cloudwatch", "describe_alarms", AlarmNames=[name])["MetricAlarms"]
    assert (alarm["StateValue"], alarm["StateReason"]) == ("INSUFFICIENT_DATA", "Unchecked: Initial alarm creation")
    assert (alarm["DatapointsToAlarm"], alarm["Threshold"], alarm["ActionsEnabled"]) == (2, 0.1, False)
    assert alarm["AlarmActions"] == ["arn:aws:sns:us-east-1:123456789012:topic"]
    assert alarm["Dimensions"] == [{"Name": "D", "Value": "v"}]
    assert (alarm["TreatMissingData"], alarm["Unit"]) == ("ignore", "Seconds")
    assert abs(time.time() - seconds_of(alarm["AlarmConfigurationUpdatedTimestamp"])) < 120
    tags = peer("cloudwatch", "list_tags_for_resource", ResourceARN=alarm["AlarmArn"])["Tags"]
    assert tags == [{"Key": "team", "Value": "a&b"}]
    peer("cloudwatch", "delete_alarms", AlarmNames=[name])
    assert peer("cloudwatch", "describe_alarms", AlarmNames=[name])["MetricAlarms"] == []


def seconds_of(text):
    import datetime

    return datetime.datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize(
    "operation, parameters, codes",
    [
        ("get_metric_statistics", {"Namespace": "N", "MetricName": "M", "StartTime": iso(0), "EndTime": iso(86400 * 30), "Period": 60, "Statistics": ["Sum"]}, {"InvalidParameterCombination"}),
        ("put_metric_data", {"Namespace": ":bad", "MetricData": [{"MetricName": "M", "Value": 1}]}, {"InvalidParameterValue", "ValidationError"}),
        ("put_metric_data", {"Namespace": "N", "MetricData": [{"MetricName": "M", "Value": 1, "Values": [1.0]}]}, {"InvalidParameterCombination", "InvalidParameterValue"}),
        ("put_metric_data", {"Namespace": "N", "MetricData": [{"MetricName": "M", "Value": 1, "Unit": "Furlongs"}]}, {"ValidationError", "InvalidParameterValue"}),
        ("set_alarm_state", {"AlarmName": "nobody", "StateValue": "OK", "StateReason": "r"}, {"ResourceNotFound"}),
        ("get_dashboard", {"DashboardName": "nobody"}, {"ResourceNotFound"}),
        ("put_dashboard", {"DashboardName": "d", "DashboardBody": "not json"}, {"InvalidParameterInput"}),
        ("describe_alarms", {"NextToken": "made-up"}, {"InvalidNextToken"}),
    ],
)
def test_errors_carry_the_query_code_in_both_protocols(peer, operation, parameters, codes):
    with pytest.raises(AwsError) as raised:
        peer("cloudwatch", operation, **parameters)
    assert raised.value.code in codes, raised.value
    assert 400 <= raised.value.status < 500
    assert raised.value.message


def test_logs_and_trails_with_both(peer):
    group = f"/protocols/{peer.version}"
    now = int(time.time() * 1000)
    peer("logs", "create_log_group", logGroupName=group)
    peer("logs", "create_log_stream", logGroupName=group, logStreamName="s")
    peer("logs", "put_log_events", logGroupName=group, logStreamName="s", logEvents=[{"timestamp": now, "message": "héllo \u0000 \U0001f600 \"q\""}])
    (event,) = peer("logs", "get_log_events", logGroupName=group, logStreamName="s", startFromHead=True)["events"]
    assert event["message"] == "héllo \u0000 \U0001f600 \"q\""
    assert event["timestamp"] == now
    events = peer("cloudtrail", "lookup_events", LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "CreateLogGroup"}])["Events"]
    assert any(group in e["CloudTrailEvent"] for e in events)


def test_the_answer_in_xml_is_well_formed(server):
    answer = server.query_call("Action=DescribeAlarms&Version=2010-08-01")
    assert answer.status == 200
    import xml.etree.ElementTree as xml

    root = xml.fromstring(answer.body)
    space = "{http://monitoring.amazonaws.com/doc/2010-08-01/}"
    assert root.tag == f"{space}DescribeAlarmsResponse"
    assert root.find(f"{space}DescribeAlarmsResult") is not None
    assert root.find(f"{space}ResponseMetadata/{space}RequestId").text == answer.headers["x-amzn-requestid"]
    empty = server.query_call("Action=PutMetricData&Version=2010-08-01&Namespace=N&MetricData.member.1.MetricName=M&MetricData.member.1.Value=1")
    assert empty.status == 200
    assert xml.fromstring(empty.body).find(f"{space}PutMetricDataResult") is None


def test_a_query_error_is_an_error_response(server):
    import xml.etree.ElementTree as xml

    answer = server.query_call("Action=SetAlarmState&Version=2010-08-01&AlarmName=nobody&StateValue=OK&StateReason=r")
    assert answer.status == 404
    space = "{http://monitoring.amazonaws.com/doc/2010-08-01/}"
    root = xml.fromstring(answer.body)
    plain = {element.tag.removeprefix(space): element.text for element in root.iter()}
    assert root.tag.removeprefix(space) == "ErrorResponse"
    assert (plain["Type"], plain["Code"]) == ("Sender", "ResourceNotFound")


def test_json_errors_name_the_query_code_in_a_header(server):
    answer = server.json_call("monitoring", "SetAlarmState", {"AlarmName": "nobody", "StateValue": "OK", "StateReason": "r"})
    assert answer.headers["x-amzn-query-error"] == "ResourceNotFound;Sender"
    assert answer.code == "ResourceNotFound"


def test_gzip_is_taken_by_every_operation(server):
    body = gzip.compress(b'{"logGroupName":"/gzip/group"}')
    assert server.json_call("logs", "CreateLogGroup", body, {"Content-Encoding": "gzip"}).status == 200
    groups = server.json_call("logs", "DescribeLogGroups", {"logGroupNamePrefix": "/gzip/"}).json["logGroups"]
    assert [g["logGroupName"] for g in groups] == ["/gzip/group"]


def test_unknown_members_are_ignored_and_unknown_enum_values_are_not(server):
    new = {"Namespace": "N", "FromTheFuture": {"a": [1, {"b": None}]}, "MetricData": [{"MetricName": "M", "Value": 1, "Mood": "good"}]}
    assert server.json_call("monitoring", "PutMetricData", new).status == 200
    answer = server.json_call("logs", "CreateLogGroup", {"logGroupName": "/enum", "logGroupClass": "GOLD"})
    assert (answer.status, answer.code) == (400, "InvalidParameterException")
    assert "GOLD" not in str(server.json_call("logs", "DescribeLogGroups", {"logGroupNamePrefix": "/enum"}).json)


def test_every_answer_has_a_request_id(server):
    first = server.json_call("logs", "DescribeLogGroups", {})
    second = server.json_call("logs", "CreateLogGroup", {})
    third = server.http("POST", "/", b"{}")
    ids = [answer.headers["x-amzn-requestid"] for answer in (first, second, third)]
    assert len(set(ids)) == 3
    assert all(len(i) == 36 for i in ids)

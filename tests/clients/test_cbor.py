"""CloudWatch over RPC v2 CBOR, the protocol of the Rust, Java, .NET and newer Go SDKs, with bodies made by hand."""

import datetime
import gzip
import time

import cbor
import pytest
from trailwatch import minutes_ago


def call(server, operation, value, indefinite=False, **more):
    answer = server.cbor_call(operation, cbor.encode(value, indefinite), **more)
    assert answer.headers["smithy-protocol"] == "rpc-v2-cbor"
    assert answer.headers["x-amzn-requestid"]
    return answer


@pytest.mark.parametrize("indefinite", [False, True], ids=["definite", "indefinite"])
@pytest.mark.parametrize("number", [float, cbor.Single, cbor.Half, int], ids=["double", "single", "half", "integer"])
def test_every_form_of_number_and_length(server, indefinite, number):
    namespace = f"Cbor/{number.__name__}/{indefinite}"
    at = minutes_ago(10)
    datums = [
        {"MetricName": "M", "Dimensions": [{"Name": "Host", "Value": "a b"}], "Timestamp": cbor.Time(at + 1), "Value": number(3), "Unit": "Count"},
        {"MetricName": "M", "Dimensions": [{"Name": "Host", "Value": "a b"}], "Timestamp": cbor.Time(float(at) + 1.5), "Unit": "Count",
         "Values": [number(1), number(8)], "Counts": [number(2), number(1)]},
        {"MetricName": "M", "Dimensions": [{"Name": "Host", "Value": "a b"}], "Timestamp": cbor.Time(at + 2), "Unit": "Count",
         "StatisticValues": {"SampleCount": number(2), "Sum": number(4), "Minimum": number(2), "Maximum": number(2)}},
    ]
    put = call(server, "PutMetricData", {"Namespace": namespace, "MetricData": datums}, indefinite)
    assert put.status == 200, put
    read = call(
        server, "GetMetricStatistics",
        {"Namespace": namespace, "MetricName": "M", "Dimensions": [{"Name": "Host", "Value": "a b"}], "StartTime": cbor.Time(at),
         "EndTime": cbor.Time(at + 60), "Period": 60, "Statistics": ["Sum", "SampleCount", "Maximum", "Minimum"]},
        indefinite,
    )
    assert read.status == 200, read
    assert read.headers["content-type"] == "application/cbor"
    (point,) = cbor.decode(read.body)["Datapoints"]
    assert (point["Sum"], point["SampleCount"], point["Minimum"], point["Maximum"]) == (17.0, 6.0, 1.0, 8.0)
    assert isinstance(point["Sum"], float), "a double must be encoded as a float"
    assert point["Timestamp"] == datetime.datetime.fromtimestamp(at, datetime.timezone.utc)


def test_alarm_through_cbor_equals_alarm_through_json(server, cloudwatch):
    value = {
        "AlarmName": "cbor", "Namespace": "N", "MetricName": "M", "Statistic": "Maximum", "Period": 60, "EvaluationPeriods": 1,
        "Threshold": cbor.Half(1.5), "ComparisonOperator": "GreaterThanThreshold", "ActionsEnabled": False,
    }
    assert call(server, "PutMetricAlarm", value).status == 200
    (ours,) = cbor.decode(call(server, "DescribeAlarms", {"AlarmNames": ["cbor"]}).body)["MetricAlarms"]
    (theirs,) = cloudwatch.describe_alarms(AlarmNames=["cbor"])["MetricAlarms"]
    assert ours["Threshold"] == theirs["Threshold"] == 1.5
    assert ours["ActionsEnabled"] is False
    assert abs(ours["StateUpdatedTimestamp"] - theirs["StateUpdatedTimestamp"]) < datetime.timedelta(seconds=1)


def test_gzip_body(server):
    body = cbor.encode({"Namespace": "Cbor/Gzip", "MetricData": [{"MetricName": f"M{n}", "Value": 1.0} for n in range(500)]})
    answer = server.cbor_call("PutMetricData", gzip.compress(body), {"Content-Encoding": "gzip"})
    assert answer.status == 200, answer
    listed = cbor.decode(call(server, "ListMetrics", {"Namespace": "Cbor/Gzip"}).body)["Metrics"]
    assert len(listed) == 500


def test_errors_are_cbor_and_query_compatible(server):
    answer = call(server, "SetAlarmState", {"AlarmName": "nobody", "StateValue": "OK", "StateReason": "r"})
    assert answer.status == 404
    error = cbor.decode(answer.body)
    assert error["__type"].rpartition("#")[2] == "ResourceNotFound"
    assert error.get("message") or error.get("Message")
    assert answer.headers["x-amzn-query-error"] == "ResourceNotFound;Sender"


def test_an_empty_body_is_an_empty_input(server):
    answer = server.cbor_call("ListMetrics", b"")
    assert answer.status == 200
    assert "Metrics" in cbor.decode(answer.body)


@pytest.mark.parametrize(
    "body",
    [
        b"\xff",
        b"\xbf",
        b"\xa1",
        b"\xa1\x69Namespace",
        b"\xa1\x69Names",
        b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\xa1\x69Namespace\x7b\x7f\xff\xff\xff\xff\xff\xff\xff",
        b"\xa1\x69Namespace\x62\xff\xfe",
        b"\xa1\x69Namespace\x1c",
        b"\xbf\x69Namespace\x7f\x7f\x61a\xff\xff\xff",
        cbor.encode({"Namespace": 7}),
        cbor.encode({"Namespace": "N", "MetricData": "text"}),
        cbor.encode({"Namespace": "N", "MetricData": [{"MetricName": "M", "Value": "1"}]}),
        cbor.encode(["N"]),
        cbor.encode({"Namespace": "N"}) + b"\x00",
        b"\x81" * 100_000,
        b"\x9f" * 100_000,
        b"\xa1\x61x" * 100_000,
        b"\xc1" * 100_000,
    ],
    ids=lambda body: f"{body[:12].hex()}-{len(body)}",
)
def test_malformed_cbor_is_the_clients_fault(server, body):
    answer = server.cbor_call("PutMetricData", body)
    assert answer.status == 400, answer
    error = cbor.decode(answer.body)
    assert error["__type"].rpartition("#")[2] in ("SerializationException", "ValidationException", "MalformedInput"), error
    assert server.alive()


def test_a_timestamp_out_of_this_world(server):
    for value in (float("inf"), float("nan"), 1e300, -(2**63), 2**63):
        datum = {"MetricName": "M", "Value": 1.0, "Timestamp": cbor.Time(value)}
        answer = server.cbor_call("PutMetricData", cbor.encode({"Namespace": "N", "MetricData": [datum]}))
        assert answer.status == 400, (value, answer)
    assert server.alive()


def test_missing_members_are_named(server):
    answer = call(server, "PutMetricData", {"MetricData": [{"MetricName": "M", "Value": 1.0}]})
    assert answer.status == 400
    assert "Namespace" in str(cbor.decode(answer.body))
    assert answer.headers["x-amzn-query-error"] == "MissingParameter;Sender"


def test_now_is_the_time_of_a_datum_without_time(server):
    before = int(time.time()) // 60 * 60
    call(server, "PutMetricData", {"Namespace": "Cbor/Now", "MetricData": [{"MetricName": "M", "Value": 1.0}]})
    read = call(
        server, "GetMetricStatistics",
        {"Namespace": "Cbor/Now", "MetricName": "M", "StartTime": cbor.Time(before), "EndTime": cbor.Time(before + 180),
         "Period": 60, "Statistics": ["Sum"]},
    )
    assert [p["Sum"] for p in cbor.decode(read.body)["Datapoints"]] == [1.0]

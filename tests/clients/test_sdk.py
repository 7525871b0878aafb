"""CloudWatch through the AWS SDK for Rust, which speaks RPC v2 CBOR: tests/sdk makes the calls, here stands what they must see."""

import base64
import gzip
import json
import time

import cbor
import pytest
from trailwatch import Paths, minutes_ago, run

NAMESPACE = "Sdk/Rust"
DIMENSIONS = [["Host", "a b/c=&"], ["Zone", "1"]]


@pytest.fixture(scope="module")
def at():
    return minutes_ago(10)


@pytest.fixture(scope="module")
def seen(server, at):
    """What the SDK sent and saw: the document that tests/sdk prints."""
    program = Paths.sdk_client()
    if not program.exists():
        pytest.fail(f"{program} is not built; run 'cargo build --release -p sdk-client'")
    done = run([program, NAMESPACE, str(at)], env=server.environment())
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_every_call_is_rpc_v2_cbor(seen):
    called = {exchange["path"].rpartition("/")[2] for exchange in seen["exchanges"]}
    assert called == {"PutMetricData", "ListMetrics", "GetMetricStatistics", "GetMetricData", "PutMetricAlarm", "DescribeAlarms",
                      "SetAlarmState", "DescribeAlarmHistory", "PutDashboard", "GetDashboard"}
    for exchange in seen["exchanges"]:
        assert exchange["path"].startswith("/service/GraniteServiceVersion20100801/operation/"), exchange
        assert (exchange["smithy_protocol"], exchange["content_type"], exchange["x_amz_target"]) == ("rpc-v2-cbor", "application/cbor", None)
        assert exchange["answer_smithy_protocol"] == "rpc-v2-cbor", exchange
        assert exchange["answer_content_type"] in ("application/cbor", None), exchange
    assert "gzip" in [exchange["content_encoding"] for exchange in seen["exchanges"]], "the SDK compresses bodies of 10 KiB and more"


def test_metrics_there_and_back(seen, at):
    metrics = seen["metrics"]
    assert metrics["listed"] == [{"namespace": NAMESPACE, "name": "Latency", "dimensions": DIMENSIONS}]
    assert metrics["listed_large"] == 400
    assert metrics["statistics"] == [
        {"timestamp": at, "sample_count": 6.0, "sum": 18.75, "minimum": 1.25, "maximum": 6.0, "average": 3.125, "unit": "Milliseconds"}
    ]
    times = [at, at + 60]
    assert metrics["data"] == [
        {"id": "sums", "label": "the Sum", "status": "Complete", "timestamps": times, "values": [18.75, -1e100]},
        {"id": "counts", "label": "the SampleCount", "status": "Complete", "timestamps": times, "values": [6.0, 1.0]},
    ]


def test_an_alarm_and_its_history(seen):
    (before,), (after,) = seen["alarms"]["before"], seen["alarms"]["after"]
    assert (before.pop("state"), before.pop("reason"), before.pop("reason_data")) == ("INSUFFICIENT_DATA", "Unchecked: Initial alarm creation", None)
    assert (after.pop("state"), after.pop("reason"), after.pop("reason_data")) == ("ALARM", "by hand", '{"why":1}')
    updated = before.pop("updated"), after.pop("updated")
    assert updated[0] <= updated[1] and all(abs(time.time() - seconds) < 120 for seconds in updated)
    name = f"{NAMESPACE} alarm"
    assert before == after == {
        "name": name, "arn": f"arn:aws:cloudwatch:us-east-1:123456789012:alarm:{name}", "description": "über 0.1", "threshold": 0.1, "period": 60,
        "evaluation_periods": 3, "datapoints_to_alarm": 2, "comparison": "GreaterThanOrEqualToThreshold", "statistic": "Average",
        "missing_data": "ignore", "actions_enabled": False, "actions": ["arn:aws:sns:us-east-1:123456789012:topic"], "dimensions": [["Host", "a"]],
    }
    assert [(item["type"], item["has_time"]) for item in seen["alarms"]["history"]] == [("StateUpdate", True), ("ConfigurationUpdate", True)]
    assert seen["alarms"]["history"][0]["summary"] == "Alarm updated from INSUFFICIENT_DATA to ALARM"


def test_a_dashboard(seen):
    assert seen["dashboard"] == {
        "name": "Sdk-Rust", "arn": "arn:aws:cloudwatch::123456789012:dashboard/Sdk-Rust", "body_is_what_was_put": True, "validation_messages": 0
    }


@pytest.mark.parametrize(
    "mistake, code, status, modelled",
    [
        ("alarm_that_is_not_there", "ResourceNotFound", 404, True),
        ("dashboard_that_is_not_there", "ResourceNotFound", 404, True),
        ("dashboard_that_is_no_json", "InvalidParameterInput", 400, True),
        ("value_and_values", "InvalidParameterCombination", 400, True),
        ("too_many_datapoints", "InvalidParameterCombination", 400, True),
        ("unknown_unit", "InvalidParameterValue", 400, True),
        ("unknown_operator", "ValidationError", 400, False),
    ],
)
def test_errors_are_recognised_as_their_types(seen, mistake, code, status, modelled):
    error = seen["errors"][mistake]
    assert (error["code"], error["status"], error["is_modelled_type"]) == (code, status, modelled), error
    assert error["message"] and error["has_request_id"]


def test_bodies_made_by_hand_are_what_the_sdk_sends(seen, at):
    """The other CBOR tests make their bodies by hand: here the same input, made by the SDK."""
    dimensions = [{"Name": name, "Value": value} for name, value in DIMENSIONS]
    latency = {"MetricName": "Latency", "Dimensions": dimensions, "Unit": "Milliseconds"}
    by_hand = {
        "Namespace": NAMESPACE,
        "MetricData": [
            {**latency, "Timestamp": cbor.Time(at + 1.0), "Value": 1.25},
            {**latency, "Timestamp": cbor.Time(at + 2.5), "Values": [2.0, 3.5], "Counts": [2.0, 1.0]},
            {**latency, "Timestamp": cbor.Time(at + 3.0), "StatisticValues": {"SampleCount": 2.0, "Sum": 10.0, "Minimum": 4.0, "Maximum": 6.0},
             "StorageResolution": 60},
            {**latency, "Timestamp": cbor.Time(at + 60.0), "Value": -1e100},
        ],
    }
    first, large = (base64.b64decode(body) for body in seen["put_metric_data_bodies"][:2])
    assert typed(cbor.decode(first)) == typed(cbor.decode(cbor.encode(by_hand))) == typed(cbor.decode(cbor.encode(by_hand, indefinite=True)))
    numbers = [{"MetricName": "Many", "Dimensions": [{"Name": "Number", "Value": str(n)}], "Timestamp": cbor.Time(float(at)), "Value": float(n)} for n in range(400)]
    assert typed(cbor.decode(gzip.decompress(large))) == typed(cbor.decode(cbor.encode({"Namespace": f"{NAMESPACE}/Large", "MetricData": numbers})))


def typed(value):
    """The value with the type of every number, for 1 == 1.0 in Python."""
    if isinstance(value, dict):
        return {key: typed(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [typed(inner) for inner in value]
    return type(value).__name__, value


def test_the_calls_are_on_the_trail(seen, cloudtrail):
    events = cloudtrail.lookup_events(LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "SetAlarmState"}])["Events"]
    records = [json.loads(event["CloudTrailEvent"]) for event in events]
    assert [record.get("errorCode") for record in records] == ["ResourceNotFound", None], "the newest first"
    assert all("aws-sdk-rust/" in record["userAgent"] for record in records)
    assert records[1]["requestParameters"]["alarmName"] == f"{NAMESPACE} alarm"

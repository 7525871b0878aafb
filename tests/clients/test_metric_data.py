"""GetMetricData beyond single metrics, with boto3: metric math, SEARCH, Metrics Insights, bands, labels; images; PromQL."""

import json
import struct
import urllib.parse
import zlib

import pytest
from botocore.exceptions import ClientError
from trailwatch import minutes_ago


@pytest.fixture(scope="module")
def fleet(cloudwatch):
    """Three instances with five minutes of data each; returns the namespace and the first minute."""
    at = minutes_ago(20)
    data = []
    for index, instance in enumerate(["i-1", "i-2", "i-3"]):
        dimensions = [{"Name": "InstanceId", "Value": instance}, {"Name": "Zone", "Value": "a" if index < 2 else "b"}]
        for minute in range(5):
            data.append({"MetricName": "CPUUtilization", "Dimensions": dimensions, "Timestamp": at + 60 * minute, "Value": 10.0 * (index + 1) + minute, "Unit": "Percent"})
        data.append({"MetricName": "Requests", "Dimensions": dimensions, "Timestamp": at, "Value": 100.0 * (index + 1)})
    cloudwatch.put_metric_data(Namespace="T/Fleet", MetricData=data)
    return "T/Fleet", at


def stat(id, instance="i-1", name="CPUUtilization", period=60, statistic="Average", **more):
    zone = "b" if instance == "i-3" else "a"
    dimensions = [{"Name": "InstanceId", "Value": instance}, {"Name": "Zone", "Value": zone}]
    metric = {"Namespace": "T/Fleet", "MetricName": name, "Dimensions": dimensions}
    return {"Id": id, "MetricStat": {"Metric": metric, "Period": period, "Stat": statistic}, **more}


def ask(cloudwatch, at, *queries, minutes=5, **more):
    return cloudwatch.get_metric_data(StartTime=at, EndTime=at + 60 * minutes, ScanBy="TimestampAscending", MetricDataQueries=list(queries), **more)


def refused(function, *positional, **parameters):
    with pytest.raises(ClientError) as raised:
        function(*positional, **parameters)
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    return raised.value.response["Error"]


def test_metric_math(cloudwatch, fleet):
    _, at = fleet
    answer = ask(cloudwatch, at, stat("m1", ReturnData=False), stat("m2", "i-2", ReturnData=False),
                 {"Id": "e1", "Expression": "m1 + m2 * 2", "Label": "sum"}, {"Id": "e2", "Expression": "SUM(METRICS())"},
                 {"Id": "e3", "Expression": "IF(e1 > 52, e1, 0)"}, {"Id": "e4", "Expression": "[m1, m2]"})
    by_id = [(r["Id"], r["Values"][0]) for r in answer["MetricDataResults"]]
    assert by_id == [("e1", 50.0), ("e2", 30.0), ("e3", 0.0), ("e4", 10.0), ("e4", 20.0)]
    assert all(r["StatusCode"] == "Complete" for r in answer["MetricDataResults"])


def test_newest_first_unless_asked_otherwise(cloudwatch, fleet):
    _, at = fleet
    answer = cloudwatch.get_metric_data(StartTime=at, EndTime=at + 300, MetricDataQueries=[stat("m1", ReturnData=False), {"Id": "e1", "Expression": "m1 * 1"}])
    assert answer["MetricDataResults"][0]["Values"] == [14.0, 13.0, 12.0, 11.0, 10.0]


@pytest.mark.parametrize(
    "expression, text",
    [
        ("m1 +", "Invalid syntax"), ("NOPE(m1)", "Function 'NOPE' not found"), ("m9 + 1", "Unresolved id 'm9'"), ("AVG(m1)", "not a number"),
        ("e1", "depends on itself"), ("SEARCH('{', 'Sum', 60)", "Invalid search expression"), ("SERVICE_QUOTA(m1)", "SERVICE_QUOTA"), ("m1 + m1 ) 2", "column"),
    ],
)
def test_expressions_that_make_no_sense_say_where(cloudwatch, fleet, expression, text):
    error = refused(ask, cloudwatch, fleet[1], stat("m1"), {"Id": "e1", "Expression": expression})
    assert error["Code"] == "ValidationError"
    assert "Error in expression 'e1'" in error["Message"] and text in error["Message"], error


def test_search(cloudwatch, fleet):
    _, at = fleet
    found = ask(cloudwatch, at, {"Id": "e1", "Expression": "SEARCH('{T/Fleet,InstanceId,Zone} MetricName=\"CPUUtilization\" a', 'Average', 60)"})
    assert {r["Label"]: r["Values"][0] for r in found["MetricDataResults"]} == {"i-1": 10.0, "i-2": 20.0}
    total = ask(cloudwatch, at, {"Id": "e1", "Expression": "SUM(SEARCH('Namespace=\"T/Fleet\" cpu', 'Average', 60))"})
    assert total["MetricDataResults"][0]["Values"] == [60.0, 63.0, 66.0, 69.0, 72.0]


def test_metrics_insights(cloudwatch, fleet):
    _, at = fleet
    query = 'SELECT AVG(CPUUtilization) FROM SCHEMA("T/Fleet", InstanceId, Zone) GROUP BY Zone ORDER BY MAX() DESC'
    answer = ask(cloudwatch, at, {"Id": "q1", "Expression": query, "Period": 60})
    assert [(r["Label"], r["Values"]) for r in answer["MetricDataResults"]] == [("b", [30.0, 31.0, 32.0, 33.0, 34.0]), ("a", [15.0, 16.0, 17.0, 18.0, 19.0])]
    one = ask(cloudwatch, at, {"Id": "q1", "Expression": 'SELECT SUM(Requests) FROM "T/Fleet"', "Period": 300})
    assert sum(one["MetricDataResults"][0]["Values"]) == 600.0
    for wrong in ("SELECT AVG(CPUUtilization)", "SELECT AVG(CPUUtilization) FROM \"T/Fleet\" WHERE", "SELECT MEDIAN(X) FROM \"N\""):
        assert "column" in refused(ask, cloudwatch, at, {"Id": "q1", "Expression": wrong, "Period": 60})["Message"]
    assert "Period" in refused(ask, cloudwatch, at, {"Id": "q1", "Expression": query})["Message"]


def test_dynamic_labels(cloudwatch, fleet):
    _, at = fleet
    label = "${PROP('Dim.InstanceId')} ${MIN}-${MAX} ${LABEL}"
    plain = ask(cloudwatch, at, stat("m1", Label=label))
    assert plain["MetricDataResults"][0]["Label"] == "i-1 10-14 CPUUtilization"
    mathematical = ask(cloudwatch, at, stat("m1", Label=label), {"Id": "e1", "Expression": "m1 * 2", "Label": "twice ${LAST}"})
    assert [r["Label"] for r in mathematical["MetricDataResults"]] == ["i-1 10-14 CPUUtilization", "twice 28"]


def test_a_band_around_what_is_usual(cloudwatch):
    now = minutes_ago(0)
    data = [{"MetricName": "Load", "Timestamp": now - 300 * n, "Value": 50.0 + (n % 3)} for n in range(1, 900)]
    for start in range(0, len(data), 500):
        cloudwatch.put_metric_data(Namespace="T/Band", MetricData=data[start : start + 500])
    metric = {"Id": "m1", "MetricStat": {"Metric": {"Namespace": "T/Band", "MetricName": "Load"}, "Period": 300, "Stat": "Average"}}
    answer = cloudwatch.get_metric_data(StartTime=now - 3600, EndTime=now, MetricDataQueries=[metric, {"Id": "ad1", "Expression": "ANOMALY_DETECTION_BAND(m1, 2)"}])
    _, upper, lower = answer["MetricDataResults"]
    assert upper["Id"] == lower["Id"] == "ad1" and len(upper["Values"]) == len(lower["Values"]) == 12
    assert all(45 < low < 51 < high < 57 for low, high in zip(lower["Values"], upper["Values"])), (lower["Values"], upper["Values"])


def test_anomaly_detectors(cloudwatch):
    single = {"Namespace": "T/Band", "MetricName": "Load", "Stat": "Average"}
    configuration = {"MetricTimezone": "Europe/Berlin", "ExcludedTimeRanges": [{"StartTime": 1_700_000_000, "EndTime": 1_700_003_600}]}
    cloudwatch.put_anomaly_detector(SingleMetricAnomalyDetector=single, Configuration=configuration)
    (found,) = cloudwatch.describe_anomaly_detectors(Namespace="T/Band")["AnomalyDetectors"]
    assert (found["MetricName"], found["StateValue"]) == ("Load", "TRAINED")
    assert found["Configuration"]["MetricTimezone"] == "Europe/Berlin" and len(found["Configuration"]["ExcludedTimeRanges"]) == 1
    assert refused(cloudwatch.put_anomaly_detector, SingleMetricAnomalyDetector=single, Configuration={"MetricTimezone": "Mars/Olympus"})["Code"] == "InvalidParameterValue"
    cloudwatch.delete_anomaly_detector(SingleMetricAnomalyDetector=single)
    assert cloudwatch.describe_anomaly_detectors(Namespace="T/Band")["AnomalyDetectors"] == []
    with pytest.raises(cloudwatch.exceptions.ResourceNotFoundException):
        cloudwatch.delete_anomaly_detector(SingleMetricAnomalyDetector=single)


def png_size(image):
    assert image[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", image[16:24])
    end = image.rfind(b"IEND")
    assert zlib.crc32(image[end : end + 4]) == struct.unpack(">I", image[end + 4 : end + 8])[0]
    return width, height


@pytest.mark.parametrize("view", [{"view": "timeSeries"}, {"view": "timeSeries", "stacked": True}, {"view": "bar"}, {"view": "pie"}, {"view": "singleValue"}, {"view": "table"},
                                  {"view": "gauge", "yAxis": {"left": {"min": 0, "max": 100}}}])
def test_pictures_of_metrics(cloudwatch, fleet, view):
    rows = [["T/Fleet", "CPUUtilization", "InstanceId", "i-1", "Zone", "a"], ["...", "i-2", ".", "."], [{"expression": "SUM(METRICS())", "label": "all", "id": "e1"}]]
    widget = {"metrics": rows, "width": 500, "height": 300, "title": "CPU <&>", "start": "-PT1H", "period": 60, **view}
    assert png_size(cloudwatch.get_metric_widget_image(MetricWidget=json.dumps(widget))["MetricWidgetImage"]) == (500, 300)


def test_widgets_that_cannot_be_drawn(cloudwatch):
    for widget in ("nonsense", "{}", json.dumps({"metrics": [["OnlyNamespace"]]}), json.dumps({"metrics": [["N", "M"]], "width": 99999})):
        assert refused(cloudwatch.get_metric_widget_image, MetricWidget=widget)["Code"] in ("ValidationError", "InvalidParameterValue")


def promql(server, path, **parameters):
    body = urllib.parse.urlencode(parameters, doseq=True).encode()
    return server.signed("monitoring", f"/api/v1/{path}", {"Content-Type": "application/x-www-form-urlencoded"}, body).json


def test_promql(server, cloudwatch, fleet):
    _, at = fleet
    matrix = promql(server, "query_range", query='sum by (Zone) (CPUUtilization{"@aws.namespace"="T/Fleet"})', start=at, end=at + 240, step=60)
    assert matrix["status"] == "success" and matrix["data"]["resultType"] == "matrix"
    assert {s["metric"]["Zone"]: [v for _, v in s["values"]] for s in matrix["data"]["result"]} == {"a": ["30", "32", "34", "36", "38"], "b": ["30", "31", "32", "33", "34"]}
    now = promql(server, "query", query='CPUUtilization{InstanceId="i-1", __stat__="Maximum"}', time=at + 120)
    (series,) = now["data"]["result"]
    assert series["value"] == [at + 120, "12"] and series["metric"]["__name__"] == "CPUUtilization"
    assert "InstanceId" in promql(server, "labels")["data"]
    assert promql(server, "label/InstanceId/values", **{"match[]": "CPUUtilization"})["data"] == ["i-1", "i-2", "i-3"]
    assert len(promql(server, "series", **{"match[]": 'CPUUtilization{Zone="a"}'})["data"]) == 2
    wrong = promql(server, "query", query="sum(")
    assert (wrong["status"], wrong["errorType"]) == ("error", "bad_data")

"""CloudWatch metrics with boto3: statistics, percentiles, units, resolutions, queries, listing, and what is refused."""

import time

import pytest
from botocore.exceptions import ClientError
from trailwatch import minutes_ago, wait_until


@pytest.fixture
def namespace(request):
    return "T/" + request.node.name.replace("[", "/").replace("]", "")[:200]


def put(cloudwatch, namespace, *datums):
    cloudwatch.put_metric_data(Namespace=namespace, MetricData=[{"MetricName": "M", **d} for d in datums])


def read(cloudwatch, namespace, at, seconds=60, period=60, **more):
    more = more or {"Statistics": ["Sum"]}
    points = cloudwatch.get_metric_statistics(
        Namespace=namespace, MetricName="M", StartTime=at, EndTime=at + seconds, Period=period, **more
    )["Datapoints"]
    return sorted(points, key=lambda p: (p["Timestamp"], p["Unit"]))


def refused(function, **parameters):
    with pytest.raises(ClientError) as raised:
        function(**parameters)
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    return raised.value.response["Error"]


def test_standard_statistics(cloudwatch, namespace):
    at = minutes_ago(5)
    put(cloudwatch, namespace, {"Timestamp": at, "Value": 1}, {"Timestamp": at + 59, "Values": [2, 6], "Counts": [3, 1]})
    (point,) = read(cloudwatch, namespace, at, Statistics=["SampleCount", "Sum", "Average", "Minimum", "Maximum"])
    assert [point[s] for s in ("SampleCount", "Sum", "Average", "Minimum", "Maximum")] == [5.0, 13.0, 2.6, 1.0, 6.0]


def test_percentiles(cloudwatch, namespace):
    at = minutes_ago(5)
    put(cloudwatch, namespace, {"Timestamp": at, "Values": [float(n) for n in range(1, 101)]})
    (point,) = read(cloudwatch, namespace, at, ExtendedStatistics=["p50", "p90", "p99.9", "p100", "tm90", "TM(10%:90%)", "IQM", "PR(:10)"])
    found = point["ExtendedStatistics"]
    assert found["p50"] == pytest.approx(50, abs=1)
    assert found["p90"] == pytest.approx(90, abs=1)
    assert found["p99.9"] == pytest.approx(100, abs=1)
    assert found["p100"] == 100
    assert found["tm90"] == pytest.approx(45.5, abs=1)
    assert found["TM(10%:90%)"] == pytest.approx(50.5, abs=1)
    assert found["IQM"] == pytest.approx(50.5, abs=1)
    assert found["PR(:10)"] == pytest.approx(10, abs=1)


def test_statistic_sets_have_no_percentiles_unless_all_values_are_equal(cloudwatch, namespace):
    at = minutes_ago(10)
    put(cloudwatch, namespace,
        {"Timestamp": at, "StatisticValues": {"SampleCount": 3, "Sum": 6, "Minimum": 1, "Maximum": 3}},
        {"Timestamp": at + 60, "StatisticValues": {"SampleCount": 4, "Sum": 20, "Minimum": 5, "Maximum": 5}})
    plain = read(cloudwatch, namespace, at, 120, Statistics=["Average", "Maximum"])
    assert [(p["Average"], p["Maximum"]) for p in plain] == [(2.0, 3.0), (5.0, 5.0)]
    found = read(cloudwatch, namespace, at, 120, ExtendedStatistics=["p90"])
    values = [p.get("ExtendedStatistics", {}).get("p90") for p in found]
    assert [v for v in values if v is not None] == [5.0]


def test_units_are_kept_apart(cloudwatch, namespace):
    at = minutes_ago(5)
    put(cloudwatch, namespace, {"Timestamp": at, "Value": 1, "Unit": "Seconds"}, {"Timestamp": at, "Value": 5, "Unit": "Bytes"}, {"Timestamp": at, "Value": 9})
    assert [(p["Unit"], p["Sum"]) for p in read(cloudwatch, namespace, at)] == [("Bytes", 5.0), ("None", 9.0), ("Seconds", 1.0)]
    assert [p["Sum"] for p in read(cloudwatch, namespace, at, Statistics=["Sum"], Unit="Seconds")] == [1.0]
    assert read(cloudwatch, namespace, at, Statistics=["Sum"], Unit="Percent") == []


def test_high_resolution(cloudwatch, namespace):
    at = minutes_ago(3)
    put(cloudwatch, namespace, *({"Timestamp": at + n, "Value": n, "StorageResolution": 1} for n in range(30)))
    assert [p["Sum"] for p in read(cloudwatch, namespace, at, 30, 1)] == [float(n) for n in range(30)]
    assert [p["Sum"] for p in read(cloudwatch, namespace, at, 30, 10)] == [45.0, 145.0, 245.0]
    assert [p["Sum"] for p in read(cloudwatch, namespace, at)] == [435.0]


def test_start_is_inclusive_and_end_is_not(cloudwatch, namespace):
    at = minutes_ago(10)
    put(cloudwatch, namespace, *({"Timestamp": at + 60 * n, "Value": n} for n in range(5)))
    assert [p["Sum"] for p in read(cloudwatch, namespace, at + 60, 120)] == [1.0, 2.0]


def test_dimensions_are_a_set_and_matched_exactly(cloudwatch, namespace):
    at = minutes_ago(5)
    a, b = {"Name": "A", "Value": "1"}, {"Name": "B", "Value": "2"}
    put(cloudwatch, namespace, {"Timestamp": at, "Value": 1, "Dimensions": [a, b]}, {"Timestamp": at, "Value": 2, "Dimensions": [b, a]},
        {"Timestamp": at, "Value": 10, "Dimensions": [a]})
    assert [p["Sum"] for p in read(cloudwatch, namespace, at, Statistics=["Sum"], Dimensions=[b, a])] == [3.0]
    assert [p["Sum"] for p in read(cloudwatch, namespace, at, Statistics=["Sum"], Dimensions=[a])] == [10.0]
    assert read(cloudwatch, namespace, at, Statistics=["Sum"], Dimensions=[b]) == []


def test_nothing_is_an_empty_list(cloudwatch):
    assert read(cloudwatch, "T/Nothing", minutes_ago(5)) == []


def test_1440_datapoints_are_the_limit(cloudwatch):
    now = minutes_ago(0)
    error = refused(cloudwatch.get_metric_statistics, Namespace="N", MetricName="M", StartTime=now - 86_460, EndTime=now, Period=60, Statistics=["Sum"])
    assert error["Code"] == "InvalidParameterCombination"
    assert "1,441 datapoints" in error["Message"] and "1,440" in error["Message"]


@pytest.mark.parametrize(
    "change, code, text",
    [
        ({}, {"InvalidParameterCombination", "MissingParameter", "InvalidParameterValue", "ValidationError"}, ""),
        ({"Statistics": ["Sum"], "ExtendedStatistics": ["p50"]}, {"InvalidParameterCombination"}, ""),
        ({"ExtendedStatistics": ["q50"]}, {"InvalidParameterValue", "ValidationError"}, "q50"),
        ({"Statistics": ["Sum"], "Period": 45}, {"InvalidParameterValue", "ValidationError"}, ""),
        ({"Statistics": ["Sum"], "StartTime": 2_000_000_000, "EndTime": 1_900_000_000}, {"InvalidParameterValue", "InvalidParameterCombination", "ValidationError"}, "StartTime"),
    ],
)
def test_questions_that_make_no_sense(cloudwatch, change, code, text):
    now = minutes_ago(0)
    parameters = {"Namespace": "N", "MetricName": "M", "StartTime": now - 600, "EndTime": now, "Period": 60, **change}
    error = refused(cloudwatch.get_metric_statistics, **parameters)
    assert error["Code"] in code, error
    assert text in error["Message"]


BAD = {"InvalidParameterValue", "InvalidParameterCombination", "MissingParameter", "ValidationError"}


@pytest.mark.parametrize(
    "datum",
    [
        {"Value": 1, "Values": [1.0]}, {"Value": 1, "StatisticValues": {"SampleCount": 1, "Sum": 1, "Minimum": 1, "Maximum": 1}}, {},
        {"Values": [1.0, 2.0], "Counts": [1.0]}, {"Values": [float(n) for n in range(151)]}, {"Value": 2.0**361}, {"Value": -(2.0**361)},
        {"Value": 1, "Timestamp": time.time() - 15 * 86_400}, {"Value": 1, "Timestamp": time.time() + 3 * 3600},
        {"Value": 1, "StorageResolution": 5}, {"Value": 1, "Unit": "Furlongs"}, {"Value": 1, "MetricName": ""},
        {"Value": 1, "Dimensions": [{"Name": f"D{n}", "Value": "v"} for n in range(31)]}, {"Value": 1, "Dimensions": [{"Name": ":x", "Value": "v"}]},
        {"Value": 1, "Dimensions": [{"Name": "D", "Value": " "}]}, {"Value": 1, "Dimensions": [{"Name": "D", "Value": ""}]},
        {"StatisticValues": {"SampleCount": 0, "Sum": 1, "Minimum": 1, "Maximum": 1}},
    ],
    ids=lambda d: str(d)[:60],
)
def test_data_that_make_no_sense(server, cloudwatch, datum):
    good = {"MetricName": "Good", "Value": 1}
    answer = server.json_call("monitoring", "PutMetricData", {"Namespace": "T/Bad", "MetricData": [good, {"MetricName": "M", **datum}]})
    assert answer.status == 400, answer
    assert answer.headers["x-amzn-query-error"].split(";")[0] in BAD, answer
    assert "MetricData.member.2" in answer.message or "metricData.2" in answer.message, answer
    assert cloudwatch.list_metrics(Namespace="T/Bad")["Metrics"] == [], "nothing of a refused call is stored"


def test_the_text_of_two_kinds_of_value(server):
    answer = server.json_call("monitoring", "PutMetricData", {"Namespace": "N", "MetricData": [{"MetricName": "M", "Value": 1, "Values": [1]}]})
    assert answer.message == ("The parameters MetricData.member.1.Value and MetricData.member.1.Values are mutually exclusive and you have "
                              "specified both.")


def test_the_texts_of_wrong_parameters(server):
    dimension = lambda value: {"Dimensions": [{"Name": "D", "Value": value}]}  # noqa: E731
    place = "MetricData.member.1.Dimensions.member.1.Value"
    for wrong, code, message in [
        ({"StorageResolution": 300}, "InvalidParameterValue", "The parameter MetricData.member.1.StorageResolution must be a value in the set [ 1, 60 ]."),
        (dimension("v" * 1025), "InvalidParameterValue", f"The parameter {place} must be shorter than 1025 characters."),
        (dimension("é"), "InvalidParameterValue", f"The value for parameter {place} contains non-ASCII characters."),
        (dimension(""), "MissingParameter", f"The parameter {place} is required."),
        (dimension(" "), "MissingParameter", f"The parameter {place} is required."),
        ({"MetricName": "é"}, "InvalidParameterValue", "The value for parameter MetricData.member.1.MetricName contains non-ASCII characters."),
    ]:
        datum = {"MetricName": "M", "Value": 1, **wrong}
        answer = server.json_call("monitoring", "PutMetricData", {"Namespace": "N", "MetricData": [datum]})
        assert (answer.status, answer.headers["x-amzn-query-error"], answer.message) == (400, f"{code};Sender", message), answer
    datum = {"MetricName": "M", "Value": 1, "Unit": "Furlongs"}
    answer = server.json_call("monitoring", "PutMetricData", {"Namespace": "N", "MetricData": [datum, datum]})
    assert answer.headers["x-amzn-query-error"] == "InvalidParameterValue;Sender"
    first, second = answer.message.split("\n")
    assert first.startswith("The parameter MetricData.member.1.Unit must be a value in the set [ Seconds, Microseconds, "), answer
    assert second == first.replace("member.1", "member.2"), "all are told"


def test_a_thousand_datums_are_the_limit(server, namespace):
    call = lambda n: server.json_call("monitoring", "PutMetricData", {"Namespace": namespace, "MetricData": [{"MetricName": "M", "Value": 1}] * n})  # noqa: E731
    assert call(1000).status == 200
    assert call(1001).status == 400
    assert call(0).status == 400


def test_entities(server, cloudwatch, namespace):
    datum = {"MetricName": "M", "Value": 1}
    entity = {"KeyAttributes": {"Type": "Service", "Name": "shop", "Environment": "prod"}, "Attributes": {"Platform": "here"}}
    body = {"Namespace": namespace, "EntityMetricData": [{"Entity": entity, "MetricData": [datum]}]}
    assert server.json_call("monitoring", "PutMetricData", body).status == 200
    assert [m["MetricName"] for m in cloudwatch.list_metrics(Namespace=namespace)["Metrics"]] == ["M"]
    body = {"Namespace": namespace + "/2", "EntityMetricData": [{"Entity": {"KeyAttributes": {"Type": "Nonsense", "Name": "x"}}, "MetricData": [datum]}]}
    lenient = server.json_call("monitoring", "PutMetricData", body)
    assert lenient.status == 200 and lenient.headers["x-amzn-failure-message"], lenient
    assert server.json_call("monitoring", "PutMetricData", {**body, "StrictEntityValidation": True}).status == 400


def stat(namespace, statistic="Sum", period=60, **more):
    return {"Metric": {"Namespace": namespace, "MetricName": "M"}, "Period": period, "Stat": statistic, **more}


def test_metric_data_pages_and_order(cloudwatch, namespace):
    at = minutes_ago(30)
    put(cloudwatch, namespace, *({"Timestamp": at + 60 * n, "Value": n} for n in range(20)))
    queries = [{"Id": "a", "MetricStat": stat(namespace)}, {"Id": "hidden", "MetricStat": stat(namespace), "ReturnData": False},
               {"Id": "b", "MetricStat": stat(namespace, "p50")}, {"Id": "none", "MetricStat": stat("T/Nothing")}]
    span = {"StartTime": at, "EndTime": at + 1200}
    whole = cloudwatch.get_metric_data(MetricDataQueries=queries, **span)
    assert [r["Id"] for r in whole["MetricDataResults"]] == ["a", "b", "none"]
    assert whole["MetricDataResults"][0]["Values"] == [float(n) for n in reversed(range(20))], "newest first by default"
    assert whole["MetricDataResults"][2]["Values"] == []
    pages = list(cloudwatch.get_paginator("get_metric_data").paginate(MetricDataQueries=queries, **span, MaxDatapoints=7, ScanBy="TimestampAscending"))
    assert len(pages) >= 6
    for name in ("a", "b"):
        values = [v for page in pages for r in page["MetricDataResults"] if r["Id"] == name for v in r["Values"]]
        assert values == [float(n) for n in range(20)]


@pytest.mark.parametrize(
    "queries",
    [
        [{"Id": "a", "MetricStat": stat("N")}, {"Id": "a", "MetricStat": stat("N")}],
        [{"Id": "A", "MetricStat": stat("N")}],
        [{"Id": "a", "MetricStat": stat("N"), "Expression": "1"}],
        [{"Id": "a"}],
        [{"Id": "a", "MetricStat": stat("N", "Mean")}],
        [{"Id": "a", "MetricStat": stat("N", period=61)}],
        [{"Id": "a", "MetricStat": stat("N"), "ReturnData": False}],
        [{"Id": f"a{n}", "MetricStat": stat("N")} for n in range(501)],
    ],
    ids=["twice", "capital", "both", "neither", "no such statistic", "period", "nothing returned", "501"],
)
def test_metric_data_queries_that_make_no_sense(cloudwatch, queries):
    error = refused(cloudwatch.get_metric_data, MetricDataQueries=queries, StartTime=minutes_ago(5), EndTime=minutes_ago(0))
    assert error["Code"] in BAD, error


def test_listing(cloudwatch, namespace):
    for first in (0, 260):
        cloudwatch.put_metric_data(
            Namespace=namespace,
            MetricData=[{"MetricName": f"M{n % 2}", "Value": 1, "Dimensions": [{"Name": "N", "Value": str(n)}, {"Name": "Odd", "Value": str(n % 2)}]}
                        for n in range(first, first + 260)],
        )
    first = cloudwatch.list_metrics(Namespace=namespace)
    assert len(first["Metrics"]) == 500
    second = cloudwatch.list_metrics(Namespace=namespace, NextToken=first["NextToken"])
    assert len(second["Metrics"]) == 20 and "NextToken" not in second
    assert len({m["Dimensions"][0]["Value"] for m in first["Metrics"] + second["Metrics"]}) == 520
    assert refused(cloudwatch.list_metrics, Namespace="Other", NextToken=first["NextToken"])["Code"] == "InvalidParameterValue"
    count = lambda **f: sum(len(p["Metrics"]) for p in cloudwatch.get_paginator("list_metrics").paginate(Namespace=namespace, **f))  # noqa: E731
    assert count(MetricName="M1") == 260
    assert count(Dimensions=[{"Name": "Odd", "Value": "1"}]) == 260
    assert count(Dimensions=[{"Name": "Odd"}]) == 520
    assert count(Dimensions=[{"Name": "N", "Value": "7"}, {"Name": "Odd"}]) == 1
    assert count(Dimensions=[{"Name": "Nope"}]) == 0
    assert count(RecentlyActive="PT3H") == 520


def test_the_host_and_the_servers_own_calls(server, cloudwatch):
    """A first run has live data: the machine under CWAgent, its own calls under Trailwatch. Both are published by the minute."""
    metrics = lambda namespace: {m["MetricName"] for m in cloudwatch.list_metrics(Namespace=namespace)["Metrics"]}  # noqa: E731
    wait_until(lambda: any(n.startswith("cpu_") for n in metrics("CWAgent")), 75, "cpu in CWAgent")
    names = wait_until(lambda: metrics("CWAgent"), 5, "CWAgent")
    assert any(n.startswith("mem_") for n in names) and any(n.startswith("disk_") for n in names), names
    wait_until(lambda: {"CallCount", "Latency"} <= metrics("Trailwatch"), 75, "own calls in Trailwatch")

"""The requests that Grafana's CloudWatch data source makes, as its source says, and of the answers what it reads."""

import json
import time

import pytest
from botocore.exceptions import ClientError
from test_insights import ended
from test_logs import make, now_ms
from trailwatch import minutes_ago

SHOP = "T/Grafana shop"
#: Grafana puts this between a series' name and the values of its dimensions with wildcards, and splits there.
SEPARATOR = "|&|"
#: What Grafana puts before every query in the language of Logs Insights, to find the context of a row later.
CONTEXT = "fields @timestamp,ltrim(@log) as __log__grafana_internal__,ltrim(@logStream) as __logstream__grafana_internal__|"
#: Host, zone, and the first of five values, a minute each.
HOSTS = (("a-1", "a", 10.0), ("a-2", "a", 20.0), ("b-1", "b", 30.0))


def dimensions(**named):
    return [{"Name": name, "Value": value} for name, value in named.items()]


@pytest.fixture(scope="module")
def account(server):
    return server.client("sts").get_caller_identity()["Account"]


@pytest.fixture(scope="module")
def shop(cloudwatch):
    """Latency of three hosts in two zones, and of one disk of a host; a sum without dimensions; returns the first minute."""
    at = minutes_ago(20)
    data = []
    for minute in range(5):
        when = {"Timestamp": at + 60 * minute}
        for host, zone, value in HOSTS:
            data.append({"MetricName": "Latency", "Dimensions": dimensions(Host=host, Zone=zone), "Value": value + minute, **when})
        data.append({"MetricName": "Latency", "Dimensions": dimensions(Host="a-1", Zone="a", Disk="sda"), "Value": 70.0 + minute, **when})
        data.append({"MetricName": "Errors", "Value": float(minute), **when})
        data.append({"MetricName": "Invocations", "Value": 8.0, **when})
        data.append({"MetricName": "Latency", "Dimensions": dimensions(Name="it's \"x\""), "Value": 90.0, **when})
    cloudwatch.put_metric_data(Namespace=SHOP, MetricData=data)
    return at


def ask(cloudwatch, at, *queries, **more):
    """GetMetricData as Grafana calls it: times, the order, queries that say whether they are shown, and the browser's offset."""
    options = {"ScanBy": "TimestampAscending", "LabelOptions": {"Timezone": "+0000"}, **more}
    return cloudwatch.get_metric_data(StartTime=at, EndTime=at + 300, MetricDataQueries=[{"ReturnData": True, **q} for q in queries], **options)


def frames(answer, query="queryA"):
    """The series of one query by label, all complete and without messages: else Grafana warns of too many datapoints, or of calculations that failed."""
    results = [r for r in answer["MetricDataResults"] if r["Id"] == query]
    assert all(r["StatusCode"] == "Complete" and not r.get("Messages") for r in results), results
    assert not answer.get("Messages") and "NextToken" not in answer
    found = {r["Label"]: r["Values"] for r in results}
    assert len(found) == len(results)
    return found


def search(cloudwatch, at, terms, label="${LABEL}", stat="Average"):
    expression = f"REMOVE_EMPTY(SEARCH('{terms}', '{stat}', 60))"
    return frames(ask(cloudwatch, at, {"Id": "queryA", "Expression": expression, "Label": label}))


def metric(name, stat="Average", period=60, **dims):
    return {"Metric": {"Namespace": SHOP, "MetricName": name, "Dimensions": dimensions(**dims)}, "Period": period, "Stat": stat}


def refused(function, *positional, **parameters):
    with pytest.raises(ClientError) as raised:
        function(*positional, **parameters)
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    return raised.value.response["Error"]


# -- the test button ---------------------------------------------------------------------------------------------------


def test_health_check(cloudwatch, logs):
    assert cloudwatch.list_metrics(Namespace="AWS/Billing", MetricName="EstimatedCharges")["Metrics"] == []
    assert len(logs.describe_log_groups(limit=1)["logGroups"]) <= 1


# -- queries of metrics ------------------------------------------------------------------------------------------------


def test_one_metric(cloudwatch, shop):
    query = {"Id": "queryA", "MetricStat": metric("Latency", Host="a-2", Zone="a")}
    (result,) = ask(cloudwatch, shop, query)["MetricDataResults"]
    assert (result["Id"], result["StatusCode"], result["Values"]) == ("queryA", "Complete", [20.0, 21.0, 22.0, 23.0, 24.0])
    assert [int(t.timestamp()) for t in result["Timestamps"]] == [shop + 60 * n for n in range(5)]
    assert list(frames(ask(cloudwatch, shop, {**query, "Label": "mine"}))) == ["mine"]
    # Without an offset of the browser Grafana sends no LabelOptions; and what a user hides is asked for, but not returned.
    hidden = cloudwatch.get_metric_data(
        StartTime=shop, EndTime=shop + 300, ScanBy="TimestampAscending",
        MetricDataQueries=[{**query, "ReturnData": False}, {"Id": "queryB", "Expression": "queryA * 10", "Period": 60, "ReturnData": True}],
    )
    assert [(r["Id"], r["Values"][0]) for r in hidden["MetricDataResults"]] == [("queryB", 200.0)]


@pytest.mark.parametrize(("stat", "value"), [("Sum", 60.0), ("Maximum", 14.0), ("Minimum", 10.0), ("SampleCount", 5.0), ("Average", 12.0), ("p50", 12.0)])
def test_statistics_over_a_longer_period(cloudwatch, stat, value):
    at = minutes_ago(60) // 300 * 300
    data = [{"MetricName": "Wait", "Dimensions": dimensions(Stat=stat), "Timestamp": at + 60 * n, "Value": 10.0 + n} for n in range(5)]
    cloudwatch.put_metric_data(Namespace=SHOP, MetricData=data)
    answer = ask(cloudwatch, at, {"Id": "queryA", "MetricStat": metric("Wait", stat, 300, Stat=stat)})
    (values,) = frames(answer).values()
    assert values == [pytest.approx(value, rel=0.01)]


def test_wildcards_are_searches_and_their_values_stand_in_the_label(cloudwatch, shop):
    label = "${LABEL}" + SEPARATOR + "${PROP('Dim.Host')}" + SEPARATOR + "${PROP('Dim.Zone')}"
    found = search(cloudwatch, shop, f'{{"{SHOP}","Host","Zone"}} MetricName="Latency"', label)
    parsed = {tuple(text.split(SEPARATOR)[1:]): values[0] for text, values in found.items()}
    assert parsed == {(host, zone): value for host, zone, value in HOSTS}


def test_several_values_of_a_dimension(cloudwatch, shop):
    label = "${LABEL}" + SEPARATOR + "${PROP('Dim.Host')}"
    found = search(cloudwatch, shop, f'{{"{SHOP}","Host","Zone"}} MetricName="Latency" "Host"=("a-1" OR "b-1") "Zone"="a"', label)
    assert [text.split(SEPARATOR)[1:] for text in found] == [["a-1"]]
    found = search(cloudwatch, shop, f'{{"{SHOP}","Host","Zone"}} MetricName="Latency" "Host"=("a-1" OR "b-1")', label)
    assert sorted(text.split(SEPARATOR)[1] for text in found) == ["a-1", "b-1"]


def test_dimensions_that_need_not_match_exactly(cloudwatch, shop):
    prop = "${PROP('Dim.Host')}/${PROP('Dim.Disk')}"
    known = search(cloudwatch, shop, f'Namespace="{SHOP}" MetricName="Latency" "Zone"="a"', prop)
    assert sorted(values[0] for values in known.values()) == [10.0, 20.0, 70.0]
    wildcard = search(cloudwatch, shop, f'Namespace="{SHOP}" MetricName="Latency" "Zone"="a" "Disk"', prop)
    assert [values[0] for values in wildcard.values()] == [70.0]
    none = search(cloudwatch, shop, f'Namespace="{SHOP}" MetricName="Errors"', "${LABEL}", "Sum")
    assert list(none.values()) == [[0.0, 1.0, 2.0, 3.0, 4.0]]


def test_quotes_in_values_are_escaped(cloudwatch, shop):
    found = search(cloudwatch, shop, rf'{{"{SHOP}","Name"}} MetricName="Latency" "Name"=("it\'s \"x\"" OR "other")', "${PROP('Dim.Name')}")
    assert list(found) == ["it's \"x\""]


def test_accounts_of_metrics(cloudwatch, shop, account):
    """An account for one metric and for searches, and a search for all accounts, which Grafana makes even where nothing is wild."""
    one = ask(cloudwatch, shop, {"Id": "queryA", "MetricStat": metric("Latency", Host="a-1", Zone="a"), "AccountId": account})
    assert [values[0] for values in frames(one).values()] == [10.0]
    assert list(search(cloudwatch, shop, f'{{"{SHOP}"}} MetricName="Invocations"', "${PROP('MetricName')}")) == ["Invocations"]
    here = f'{{"{SHOP}","Host","Zone"}} MetricName="Latency" "Zone"="b" :aws.AccountId="{account}"'
    assert list(search(cloudwatch, shop, here, "${PROP('Dim.Host')}|${PROP('AccountId')}")) == [f"b-1|{account}"]
    unknown = f'Namespace="{SHOP}" MetricName="Latency" "Zone"="b" :aws.AccountId="{account}"'
    assert list(search(cloudwatch, shop, unknown, "${PROP('Dim.Host')}")) == ["b-1"]
    elsewhere = f'Namespace="{SHOP}" MetricName="Latency" "Zone"="b" :aws.AccountId="999999999999"'
    assert search(cloudwatch, shop, elsewhere, "${PROP('Dim.Host')}") == {}


def test_a_search_without_a_find_is_no_error(cloudwatch, shop):
    answer = ask(cloudwatch, shop, {"Id": "queryA", "Expression": f"REMOVE_EMPTY(SEARCH('{{\"{SHOP}\",\"Host\"}} MetricName=\"Nothing\"', 'Sum', 60))"})
    assert [r for r in answer["MetricDataResults"] if r["Values"]] == []


def test_math_as_in_the_dashboards_that_come_along(cloudwatch, shop):
    """Identifiers that users choose, and searches with an unquoted schema, summed and divided by the period."""
    queries = [
        {"Id": "errors", "MetricStat": metric("Errors", "Sum"), "ReturnData": False},
        {"Id": "invocations", "MetricStat": metric("Invocations", "Sum"), "ReturnData": False},
        {"Id": "queryA", "Expression": "errors / invocations", "Period": 60},
        {"Id": "queryB", "Expression": f"SUM(REMOVE_EMPTY(SEARCH('{{{SHOP},Host,Zone}} MetricName=\"Latency\"', 'Sum', 60)))/60", "Period": 60},
        {"Id": "queryC", "Expression": f"REMOVE_EMPTY(SEARCH('{{{SHOP},Host,Zone}} MetricName=\"Latency\"', 'Sum', 60))/10", "Period": 60},
    ]
    answer = ask(cloudwatch, shop, *queries)
    assert list(frames(answer).values()) == [[0.0, 0.125, 0.25, 0.375, 0.5]]
    assert list(frames(answer, "queryB").values()) == [[pytest.approx((60 + 3 * n) / 60) for n in range(5)]]
    assert sorted(values[0] for values in frames(answer, "queryC").values()) == [1.0, 2.0, 3.0]


def test_what_cannot_be_calculated_is_left_out_and_said(cloudwatch, shop):
    """Grafana warns with the text of an ArithmeticError among the messages of a result."""
    queries = [{"Id": "errors", "MetricStat": metric("Errors", "Sum"), "ReturnData": False}, {"Id": "queryA", "Expression": "1 / errors", "Period": 60}]
    (result,) = ask(cloudwatch, shop, *queries)["MetricDataResults"]
    assert result["StatusCode"] == "Complete" and result["Values"] == [pytest.approx(1 / n) for n in range(1, 5)]
    assert [int(t.timestamp()) for t in result["Timestamps"]] == [shop + 60 * n for n in range(1, 5)]
    text = "One or more data-points have been dropped due to non-numeric values (NaN, -Infinite, +Infinite)"
    assert result["Messages"] == [{"Code": "ArithmeticError", "Value": text}]


def test_an_alias_of_old_becomes_a_label(cloudwatch, shop):
    """Patterns in double braces, which Grafana turns into dynamic labels."""
    label = "${PROP('MetricName')} ${PROP('Namespace')} ${PROP('Period')} ${PROP('Region')} ${PROP('Stat')} ${PROP('Dim.Host')}"
    wanted = f"Latency {SHOP} 60 us-east-1 Average b-1"
    one = {"Id": "queryA", "MetricStat": metric("Latency", Host="b-1", Zone="b"), "Label": label}
    assert list(frames(ask(cloudwatch, shop, one))) == [wanted]
    assert list(search(cloudwatch, shop, f'{{"{SHOP}","Host","Zone"}} MetricName="Latency" "Host"="b-1" "Zone"="b"', label)) == [wanted]


LABELS = [
    "DATAPOINT_COUNT", "FIRST", "FIRST_LAST_RANGE", "FIRST_LAST_TIME_RANGE", "FIRST_TIME", "FIRST_TIME_RELATIVE", "LABEL", "LAST", "LAST_TIME",
    "LAST_TIME_RELATIVE", "MAX", "MAX_TIME", "MAX_TIME_RELATIVE", "MIN", "MIN_MAX_RANGE", "MIN_MAX_TIME_RANGE", "MIN_TIME", "MIN_TIME_RELATIVE",
    "PROP('AccountId')", "SUM",
]


def test_labels_that_the_editor_offers(cloudwatch, shop, account):
    def read(timezone):
        stat = metric("Latency", Host="b-1", Zone="b")
        queries = [{"Id": f"query{n}", "MetricStat": stat, "Label": f"${{{name}}}"} for n, name in enumerate(LABELS)]
        results = ask(cloudwatch, shop, *queries, LabelOptions={"Timezone": timezone})["MetricDataResults"]
        assert [r["Id"] for r in results] == [q["Id"] for q in queries]
        return {name: r["Label"] for name, r in zip(LABELS, results)}

    here = read("+0000")
    assert all(text and "$" not in text for text in here.values()), here
    numbers = {name: float(here[name]) for name in ("FIRST", "LAST", "MAX", "MIN", "SUM", "DATAPOINT_COUNT")}
    assert numbers == {"FIRST": 30.0, "LAST": 34.0, "MAX": 34.0, "MIN": 30.0, "SUM": 160.0, "DATAPOINT_COUNT": 5.0}
    assert here["PROP('AccountId')"] == account
    there = read("-0330")
    absolute = {"FIRST_TIME", "LAST_TIME", "MAX_TIME", "MIN_TIME"}
    assert {name for name in absolute if here[name] != there[name]} == absolute
    assert all(here[name] == there[name] for name in LABELS if "TIME" not in name)


# -- Metrics Insights --------------------------------------------------------------------------------------------------


def insights(cloudwatch, at, sql, **more):
    return frames(ask(cloudwatch, at, {"Id": "queryA", "Expression": sql, "Period": 60, **more}))


def test_metrics_insights_as_the_builder_writes_it(cloudwatch, shop, account):
    assert list(insights(cloudwatch, shop, f'SELECT SUM(Invocations) FROM "{SHOP}"').values()) == [[8.0] * 5]
    schema = f'FROM SCHEMA("{SHOP}", Host, Zone)'
    by_host = insights(cloudwatch, shop, f"SELECT AVG(Latency) {schema} WHERE Zone = 'a' GROUP BY Host ORDER BY AVG() DESC LIMIT 10")
    assert [(label, values[0]) for label, values in by_host.items()] == [("a-2", 20.0), ("a-1", 10.0)]
    two = f"SELECT MAX(Latency) {schema} WHERE Zone = 'a' AND Host != 'a-1' GROUP BY Host ORDER BY MAX() ASC LIMIT 1"
    assert list(insights(cloudwatch, shop, two)) == ["a-2"]
    # A label that is not dynamic gets the values of the dimensions, by which Grafana tells the series apart.
    labelled = insights(cloudwatch, shop, f"SELECT AVG(Latency) {schema} GROUP BY Host", Label="latency")
    assert len(labelled) == 3 and all(any(host in label for label in labelled) for host, _, _ in HOSTS), labelled
    of_account = f"SELECT MIN(Latency) {schema} WHERE AWS.AccountId = '{account}' AND Zone = 'a' GROUP BY Host, Zone"
    labels = list(insights(cloudwatch, shop, of_account))
    # Grafana looks for the values of each dimension in the label.
    assert sorted(sorted(label.split()) for label in labels) == [["a", "a-1"], ["a", "a-2"]]


def test_a_series_without_the_grouping_dimension_is_other(cloudwatch, shop):
    sums = insights(cloudwatch, shop, f'SELECT COUNT(Latency) FROM "{SHOP}" GROUP BY Zone ORDER BY COUNT() DESC')
    assert {label: values[0] for label, values in sums.items()} == {"a": 3.0, "b": 1.0, "Other": 1.0}


def test_conditions_in_groups(cloudwatch, shop):
    """The builder puts groups of conditions in parentheses; people write the rest by hand in the code editor."""
    source = f'SELECT AVG(Latency) FROM SCHEMA("{SHOP}", Host, Zone) WHERE'
    for condition, hosts in [
        ("(Zone = 'a' AND Host != 'a-1')", ["a-2"]),
        ("(Host = 'a-1' OR Host = 'b-1')", ["a-1", "b-1"]),
        ("Zone = 'a' AND (Host = 'a-2' OR Host = 'b-1')", ["a-2"]),
        ("NOT Zone = 'a'", ["b-1"]),
        ("Host IN ('a-1', 'a-2') AND Zone NOT IN ('b')", ["a-1", "a-2"]),
    ]:
        assert list(insights(cloudwatch, shop, f"{source} {condition} GROUP BY Host")) == hosts, condition
    tagged = {"Id": "queryA", "Expression": f"{source} tag.team = 'x'", "Period": 60}
    assert "tag.team is not supported" in refused(ask, cloudwatch, shop, tagged)["Message"]


def test_two_queries_of_metrics_insights(cloudwatch, shop):
    """Grafana asks for each in a call of its own, with the expressions that need it."""
    sql = f'SELECT AVG(Latency) FROM SCHEMA("{SHOP}", Host, Zone)'
    answer = ask(cloudwatch, shop, {"Id": "queryB", "Expression": "queryA * 2", "Period": 60}, {"Id": "queryA", "Expression": sql, "Period": 60})
    assert [values[0] for values in frames(answer).values()] == [20.0] and [values[0] for values in frames(answer, "queryB").values()] == [40.0]


# -- what goes wrong, and what is too much -----------------------------------------------------------------------------


@pytest.mark.parametrize("expression", ["SUM(queryA", "queryZ + 1", "NOPE(queryA)", "REMOVE_EMPTY(SEARCH('{', 'Sum', 60))", "SELECT SUM(x FROM y"])
def test_errors_name_the_query_that_is_wrong(cloudwatch, shop, expression):
    """Grafana looks for the query's identifier in quotes before a colon, to show the error where it belongs."""
    queries = [{"Id": "queryA", "MetricStat": metric("Errors", "Sum")}, {"Id": "queryB", "Expression": expression, "Period": 60}]
    error = refused(ask, cloudwatch, shop, *queries)
    assert error["Code"] == "ValidationError" and "'queryB':" in error["Message"] and "'queryA':" not in error["Message"], error


def test_more_datapoints_than_one_answer_holds(cloudwatch, shop):
    """Grafana sets no MaxDatapoints: it follows NextToken, and joins the parts of a series whose status is PartialData."""
    minutes, many = 2 * 1440, 36
    at = shop - 60 * minutes
    for start in range(0, minutes, 960):
        data = [{"MetricName": "Tick", "Timestamp": at + 60 * n, "Value": float(n)} for n in range(start, start + 960)]
        cloudwatch.put_metric_data(Namespace=SHOP, MetricData=data)
    queries = [{"Id": f"query{n}", "MetricStat": metric("Tick", "Sum"), "Label": f"l{n}", "ReturnData": True} for n in range(many)]
    asked = {"StartTime": at, "EndTime": at + 60 * minutes, "ScanBy": "TimestampAscending", "MetricDataQueries": queries}
    series, statuses, sizes, token = {}, {}, [], {}
    while True:
        page = cloudwatch.get_metric_data(**asked, **token)
        sizes.append(sum(len(r["Values"]) for r in page["MetricDataResults"]))
        for result in page["MetricDataResults"]:
            assert statuses.get(result["Label"], "PartialData") == "PartialData"
            statuses[result["Label"]] = result["StatusCode"]
            series.setdefault(result["Label"], []).extend(zip(result["Timestamps"], result["Values"]))
        if not page.get("NextToken"):
            break
        token = {"NextToken": page["NextToken"]}
    assert len(sizes) > 1 and max(sizes) <= 100_800
    assert set(statuses.values()) == {"Complete"} and len(series) == many
    whole = [(at + 60 * n, float(n)) for n in range(minutes)]
    assert all([(int(when.timestamp()), value) for when, value in points] == whole for points in series.values())


def test_more_datapoints_of_expressions_than_one_answer_holds(cloudwatch, shop):
    """A search or a calculation is cut into pages as well."""
    minutes, many = 2 * 1440, 40
    at = shop - 60 * minutes
    tick = {"Id": "tick", "MetricStat": metric("Invocations", "Sum"), "ReturnData": False}
    fills = [{"Id": f"query{n}", "Expression": f"FILL(tick, {n})", "Period": 60, "ReturnData": True} for n in range(many)]
    asked = {"StartTime": at, "EndTime": at + 60 * minutes, "ScanBy": "TimestampAscending", "MetricDataQueries": [tick, *fills]}
    pages, token = [], {}
    while not pages or pages[-1].get("NextToken"):
        pages.append(cloudwatch.get_metric_data(**asked, **token))
        token = {"NextToken": pages[-1].get("NextToken")}
    assert [sum(len(r["Values"]) for r in page["MetricDataResults"]) for page in pages] == [100_800, 14_400]
    parts = [(r["Id"], r["StatusCode"], len(r["Values"])) for page in pages for r in page["MetricDataResults"]]
    assert [part for part in parts if part[1] != "Complete"] == []
    assert [id for id, _, _ in parts] == [f"query{n}" for n in range(many)] and {length for _, _, length in parts} == {minutes}
    # By a page size that cuts a series, the parts of one join to the same.
    pages, token = [], {}
    while not pages or pages[-1].get("NextToken"):
        pages.append(cloudwatch.get_metric_data(**{**asked, "MetricDataQueries": [tick, *fills[:2]]}, MaxDatapoints=1000, **token))
        token = {"NextToken": pages[-1].get("NextToken")}
    parts = [r for page in pages for r in page["MetricDataResults"]]
    assert [r["StatusCode"] for r in parts] == ["PartialData"] * 2 + ["Complete"] + ["PartialData"] * 3 + ["Complete"]
    for n in range(2):
        joined = [int(t.timestamp()) for r in parts if r["Id"] == f"query{n}" for t in r["Timestamps"]]
        assert joined == [at + 60 * m for m in range(minutes)]


@pytest.fixture(scope="module")
def crowd(cloudwatch):
    """More metrics than a search may find, and than a page of ListMetrics holds."""
    at = minutes_ago(10)
    for start in range(0, 1200, 600):
        data = [{"MetricName": "Load", "Dimensions": dimensions(Task=f"t-{n:04}", Kind="task"), "Timestamp": at, "Value": 1.0} for n in range(start, start + 600)]
        cloudwatch.put_metric_data(Namespace="T/Grafana crowd", MetricData=data)
    return at


def test_a_search_that_finds_too_many_says_so(cloudwatch, crowd):
    expression = "REMOVE_EMPTY(SEARCH('{\"T/Grafana crowd\",\"Kind\",\"Task\"} MetricName=\"Load\"', 'Sum', 60))"
    answer = ask(cloudwatch, crowd, {"Id": "queryA", "Expression": expression, "Label": "${PROP('Dim.Task')}"})
    assert "MaxMetricsExceeded" in [m["Code"] for m in answer["Messages"]]
    assert 100 <= len(answer["MetricDataResults"]) <= 500


# -- what its editors and variables ask for ----------------------------------------------------------------------------


def list_metrics(cloudwatch, **parameters):
    """All pages, with the owner of each metric: Grafana takes them by index, and dies if there are fewer owners than metrics."""
    found = []
    for page in cloudwatch.get_paginator("list_metrics").paginate(**parameters):
        owners = page.get("OwningAccounts", [None] * len(page["Metrics"]))
        assert len(owners) == len(page["Metrics"]) <= 500
        found += zip(page["Metrics"], owners)
    return found


def test_metrics_dimension_keys_and_values(cloudwatch, shop, account):
    assert {m["MetricName"] for m, _ in list_metrics(cloudwatch, Namespace=SHOP)} >= {"Latency", "Errors", "Invocations"}
    assert {m["Namespace"] for m, _ in list_metrics(cloudwatch, Namespace=SHOP)} == {SHOP}

    def keys(**parameters):
        return {d["Name"] for m, _ in list_metrics(cloudwatch, **parameters) for d in m["Dimensions"]}

    def values(key, **parameters):
        return sorted({d["Value"] for m, _ in list_metrics(cloudwatch, **parameters) for d in m["Dimensions"] if d["Name"] == key})

    latency = {"Namespace": SHOP, "MetricName": "Latency"}
    assert keys(**latency) == {"Host", "Zone", "Disk", "Name"}
    assert keys(**latency, Dimensions=[{"Name": "Disk"}]) == {"Host", "Zone", "Disk"}
    assert keys(**latency, Dimensions=[{"Name": "Zone", "Value": "b"}]) == {"Host", "Zone"}
    assert values("Host", **latency) == ["a-1", "a-2", "b-1"]
    assert values("Host", **latency, Dimensions=[{"Name": "Zone", "Value": "a"}, {"Name": "Host"}]) == ["a-1", "a-2"]
    assert values("Host", **latency, Dimensions=[{"Name": "Zone", "Value": "a"}], IncludeLinkedAccounts=True) == ["a-1", "a-2"]
    of_one = list_metrics(cloudwatch, **latency, IncludeLinkedAccounts=True, OwningAccount=account)
    assert len(of_one) == 5 and {owner for _, owner in of_one} == {account}
    assert {owner for _, owner in list_metrics(cloudwatch, **latency, IncludeLinkedAccounts=True)} == {account}


def test_metrics_on_several_pages(cloudwatch, crowd):
    names = [d["Value"] for m, _ in list_metrics(cloudwatch, Namespace="T/Grafana crowd", MetricName="Load") for d in m["Dimensions"] if d["Name"] == "Task"]
    assert sorted(names) == [f"t-{n:04}" for n in range(1200)]


@pytest.mark.parametrize(("service", "operation"), [("ec2", "describe_regions"), ("resourcegroupstaggingapi", "get_resources")])
def test_services_that_are_not_here_are_refused_at_once(server, service, operation):
    """For its lists of accounts, regions and resources; after an error Grafana takes the account for no monitoring account, and the regions that it knows."""
    refused(getattr(server.client(service), operation))


def test_alarms_as_annotations(cloudwatch):
    base = {"Namespace": "T/Grafana alarms", "MetricName": "M", "EvaluationPeriods": 1, "Threshold": 1.0, "ComparisonOperator": "GreaterThanThreshold"}
    average = {**base, "Statistic": "Average", "Period": 300, "Dimensions": dimensions(Host="a"), "ActionsEnabled": False}
    topic = ["arn:aws:sns:us-east-1:123456789012:grafana"]
    begin = int(time.time()) - 5
    cloudwatch.put_metric_alarm(**average, AlarmName="grafana-one", AlarmActions=topic)
    cloudwatch.put_metric_alarm(**{**average, "Statistic": "Maximum"}, AlarmName="grafana-maximum", AlarmActions=topic)
    cloudwatch.put_metric_alarm(**{**average, "Period": 60}, AlarmName="grafana-minute")
    cloudwatch.set_alarm_state(AlarmName="grafana-one", StateValue="ALARM", StateReason="too hot")

    def annotations(alarms):
        found = []
        for alarm in alarms:
            for item in cloudwatch.describe_alarm_history(AlarmName=alarm["AlarmName"], StartDate=begin, EndDate=begin + 600, MaxRecords=100)["AlarmHistoryItems"]:
                assert begin <= item["Timestamp"].timestamp() <= begin + 600
                found.append((item["AlarmName"], item["HistoryItemType"], item["HistorySummary"]))
        return found

    # Without prefixes: the alarms of one metric with one statistic and period.
    for_metric = cloudwatch.describe_alarms_for_metric(
        Namespace=base["Namespace"], MetricName="M", Dimensions=average["Dimensions"], Statistic="Average", Period=300)["MetricAlarms"]
    assert [alarm["AlarmName"] for alarm in for_metric] == ["grafana-one"]
    found = annotations(for_metric)
    assert ("grafana-one", "StateUpdate", "Alarm updated from INSUFFICIENT_DATA to ALARM") in found
    assert [kind for _, kind, _ in found].count("ConfigurationUpdate") == 1 and all(text for _, _, text in found)
    nobody = cloudwatch.describe_alarms_for_metric(Namespace=base["Namespace"], MetricName="M", Dimensions=[], Statistic="Average", Period=300)
    assert nobody["MetricAlarms"] == []

    # With prefixes: Grafana filters itself, and reads these fields of each alarm without looking whether they are there.
    prefixed = cloudwatch.describe_alarms(MaxRecords=100, ActionPrefix="arn:aws:sns", AlarmNamePrefix="grafana-")["MetricAlarms"]
    read = {a["AlarmName"]: (a["Namespace"], a["MetricName"], a["Statistic"], a["Period"], a["Dimensions"]) for a in prefixed}
    assert set(read) == {"grafana-one", "grafana-maximum"}
    assert read["grafana-maximum"] == (base["Namespace"], "M", "Maximum", 300, dimensions(Host="a"))
    # A range before the alarms were there is empty.
    past = cloudwatch.describe_alarm_history(AlarmName="grafana-one", StartDate=begin - 7200, EndDate=begin - 3600, MaxRecords=100)
    assert past["AlarmHistoryItems"] == []


# -- logs --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def group(logs):
    """A group with thirty lines of JSON, a second each; answers its name, the time of the first, and its ARN."""
    names = make(logs, "/grafana/shop", "web-1")
    at = now_ms() // 60_000 * 60_000 - 300_000
    lines = [{"timestamp": at + 1000 * n, "message": json.dumps({"level": "error" if n % 10 == 0 else "info", "n": n, "took": n / 2})} for n in range(30)]
    logs.put_log_events(**names, logEvents=lines)
    for other in ("a", "b", "c"):
        logs.create_log_group(logGroupName=f"/grafana/other-{other}")
    (described,) = logs.describe_log_groups(logGroupNamePrefix="/grafana/shop", limit=50)["logGroups"]
    return names["logGroupName"], at, described["arn"]


def run_query(logs, group, text, language="CWLI", **more):
    """Starts a query as Grafana does and polls until it has ended; its rows without pointers, and the whole answer."""
    _, at, _ = group
    asked = {"startTime": at // 1000, "endTime": at // 1000 + 60, "queryString": (CONTEXT if language == "CWLI" else "") + text, "queryLanguage": language, **more}
    results = ended(logs, logs.start_query(**asked)["queryId"])
    assert results["status"] == "Complete", results
    return [{cell["field"]: cell["value"] for cell in row if cell["field"] != "@ptr"} for row in results["results"]], results


def test_log_groups(logs, group, account):
    name, _, arn = group
    assert arn.split(":")[4] == account and arn.endswith(f":{name}:*")
    found = logs.describe_log_groups(limit=50, logGroupNamePrefix="/grafana/other", includeLinkedAccounts=True)["logGroups"]
    assert [g["logGroupName"] for g in found] == ["/grafana/other-a", "/grafana/other-b", "/grafana/other-c"]
    one = logs.describe_log_groups(limit=50, logGroupNamePrefix="/grafana/s", includeLinkedAccounts=True, accountIdentifiers=[account])["logGroups"]
    assert [(g["logGroupName"], g["arn"]) for g in one] == [(name, arn)]
    pattern = logs.describe_log_groups(limit=50, logGroupNamePattern="other", includeLinkedAccounts=True)["logGroups"]
    assert len(pattern) == 3
    everything, token, pages = [], {}, 0
    while True:
        page = logs.describe_log_groups(limit=2, logGroupNamePrefix="/grafana/", **token)
        everything += [g["logGroupName"] for g in page["logGroups"]]
        pages += 1
        if "nextToken" not in page:
            break
        token = {"nextToken": page["nextToken"]}
    assert pages == 2 and everything == ["/grafana/other-a", "/grafana/other-b", "/grafana/other-c", name]


def test_fields_of_a_log_group(logs, group):
    fields = {f["name"]: f["percent"] for f in logs.get_log_group_fields(logGroupName=group[0])["logGroupFields"]}
    assert {"@timestamp", "@message", "@logStream", "level", "n", "took"} <= set(fields)
    assert fields["level"] == fields["@message"] == 100


@pytest.mark.parametrize("by", ["names", "identifiers"])
def test_the_query_that_the_editor_starts_with(logs, group, by, account):
    name, at, arn = group
    groups = {"names": {"logGroupNames": [name]}, "identifiers": {"logGroupIdentifiers": [arn.removesuffix(":*")]}}
    rows, results = run_query(logs, group, "fields @timestamp, @message |\nsort @timestamp desc |\nlimit 20", **groups[by])
    assert [json.loads(row["@message"])["n"] for row in rows] == list(range(29, 9, -1))
    assert all(set(row) == {"@timestamp", "@message", "__log__grafana_internal__", "__logstream__grafana_internal__"} for row in rows)
    assert rows[0]["__log__grafana_internal__"] == f"{account}:{name}" and rows[0]["__logstream__grafana_internal__"] == "web-1"
    assert rows[0]["@timestamp"] == time.strftime("%Y-%m-%d %H:%M:%S.000", time.gmtime(at // 1000 + 29))
    # Grafana shows these three, and gives a query up that scans nothing more for too long.
    statistics = results["statistics"]
    assert (statistics["recordsMatched"], statistics["recordsScanned"]) == (30.0, 30.0) and statistics["bytesScanned"] > 0


def test_series_from_logs(logs, group):
    """Groups of a stats command become series: the bin must be a time and the numbers must be numbers."""
    rows, _ = run_query(logs, group, "stats count(*) as lines, avg(took) by bin(1m), level", logGroupNames=[group[0]], limit=1000)
    minute = time.strftime("%Y-%m-%d %H:%M:00.000", time.gmtime(group[1] // 1000))
    found = sorted((row["bin(1m)"], row["level"], row["lines"], float(row["avg(took)"])) for row in rows)
    assert found == [(minute, "error", "3", 5.0), (minute, "info", "27", 7.5)]
    assert all(set(row) == {"bin(1m)", "level", "lines", "avg(took)"} for row in rows)


def test_the_other_languages(logs, group):
    name = group[0]
    sql = "SELECT `@timestamp`, `@message`\nFROM `{}`\nORDER BY `@timestamp` DESC\nLIMIT 25;"
    for source in (name, f"logGroups(logGroupIdentifier: ['{name}'])", f"logGroups(logGroupIdentifier:['{name}','/grafana/other-a'])"):
        rows, _ = run_query(logs, group, sql.format(source), "SQL")
        assert [json.loads(row["@message"])["n"] for row in rows] == list(range(29, 4, -1)), source
    ppl = "fields `@timestamp`, `@message`\n| sort - `@timestamp`\n| head 25"
    for groups in ({"logGroupNames": [name]}, {"logGroupIdentifiers": [group[2].removesuffix(":*")]}):
        rows, _ = run_query(logs, group, ppl, "PPL", **groups)
        assert [json.loads(row["@message"])["n"] for row in rows] == list(range(29, 4, -1))
        assert set(rows[0]) == {"@timestamp", "@message"}


def test_the_context_of_a_row(logs, group):
    name, at, _ = group
    where = {"logGroupName": name, "logStreamName": "web-1", "limit": 10}
    before = logs.get_log_events(**where, startFromHead=False, endTime=at + 15_000)["events"]
    assert sorted(json.loads(e["message"])["n"] for e in before) == list(range(5, 15))
    after = logs.get_log_events(**where, startFromHead=True, startTime=at + 15_000)["events"]
    assert sorted(json.loads(e["message"])["n"] for e in after) == list(range(15, 25))
    assert all(isinstance(e["timestamp"], int) for e in before + after)


def test_queries_that_are_stopped_or_wrong(logs, group):
    asked = {"startTime": group[1] // 1000, "endTime": group[1] // 1000 + 60, "queryLanguage": "CWLI"}
    query = logs.start_query(**asked, logGroupNames=[group[0]], queryString=CONTEXT + "fields @message")["queryId"]
    ended(logs, query)
    # Grafana takes this one for a query that is stopped already.
    assert refused(logs.stop_query, queryId=query)["Code"] == "InvalidParameterException"
    assert refused(logs.get_query_results, queryId="00000000-0000-0000-0000-000000000000")["Code"] == "ResourceNotFoundException"
    assert refused(logs.start_query, **asked, logGroupNames=[group[0]], queryString=CONTEXT + "fields @message | nonsense")["Code"] == "MalformedQueryException"
    assert refused(logs.start_query, **asked, logGroupNames=["/grafana/nowhere"], queryString=CONTEXT + "limit 1")["Code"] == "ResourceNotFoundException"


def test_log_anomalies(logs, group):
    """The kind of query that shows anomalies: of one detector or of all, and those that are suppressed or not."""
    detector = logs.create_log_anomaly_detector(logGroupArnList=[group[2].removesuffix(":*")], detectorName="grafana")["anomalyDetectorArn"]
    for asked in ({}, {"anomalyDetectorArn": detector}):
        for state in ({}, {"suppressionState": "SUPPRESSED"}, {"suppressionState": "UNSUPPRESSED"}):
            assert logs.list_anomalies(**asked, **state)["anomalies"] == []

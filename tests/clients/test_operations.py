"""Every operation of the models: known ones answer, missing ones say so by name, unknown ones are no surprise. None is a 5xx."""

import json

import pytest
from trailwatch import Paths

SERVICES = {"cloudwatch": "monitoring", "logs": "logs", "cloudtrail": "cloudtrail"}
#: What issue 2 promises; a missing-operation error for one of these is a regression.
PROMISED = {
    "cloudwatch": """PutMetricData GetMetricStatistics GetMetricData ListMetrics PutMetricAlarm DescribeAlarms DescribeAlarmsForMetric
        DescribeAlarmHistory SetAlarmState EnableAlarmActions DisableAlarmActions DeleteAlarms PutDashboard GetDashboard ListDashboards
        DeleteDashboards TagResource UntagResource ListTagsForResource""",
    "logs": """CreateLogGroup CreateLogStream DescribeLogGroups DescribeLogStreams ListLogGroups DeleteLogGroup DeleteLogStream
        PutRetentionPolicy DeleteRetentionPolicy TagResource UntagResource ListTagsForResource PutLogEvents GetLogEvents FilterLogEvents""",
    "cloudtrail": """CreateTrail UpdateTrail DeleteTrail GetTrail DescribeTrails ListTrails StartLogging StopLogging GetTrailStatus
        PutEventSelectors GetEventSelectors LookupEvents AddTags RemoveTags ListTags CreateChannel GetChannel ListChannels UpdateChannel
        DeleteChannel""",
}


def operations(service):
    return sorted(json.loads((Paths.workspace / "models" / f"{service}.json").read_text())["operations"])


@pytest.mark.parametrize("service", SERVICES)
def test_every_modelled_operation_answers_something_typed(server, service):
    missing = []
    names = operations(service)
    assert len(names) in (59, 118, 60)
    for name in names:
        answer = server.json_call(SERVICES[service], name, {})
        assert answer.status < 500, (name, answer)
        if answer.status >= 400:
            assert answer.code, (name, answer)
            if answer.code == "UnknownOperationException":
                assert name in answer.message, f"the error does not name {name}: {answer}"
                missing.append(name)
    assert not set(missing) & set(PROMISED[service].split()), "promised, but missing"
    assert server.alive()


@pytest.mark.parametrize("service", SERVICES)
def test_an_operation_that_nobody_knows(server, service):
    answer = server.json_call(SERVICES[service], "MakeCoffee", {})
    assert (answer.status, answer.code) == (400, "UnknownOperationException"), answer
    assert "MakeCoffee" in answer.message


def test_missing_in_query_and_cbor(server):
    import cbor

    modelled = operations("cloudwatch")
    missing = [n for n in modelled if "UnknownOperationException" in server.json_call("monitoring", n, {}).body.decode()]
    for name in [*missing, "MakeCoffee"]:
        answer = server.query_call(f"Action={name}&Version=2010-08-01")
        assert answer.status == 400 and b"<Code>InvalidAction</Code>" in answer.body, (name, answer)
        assert name.encode() in answer.body
        answer = server.cbor_call(name, cbor.encode({}))
        assert answer.status == 400, (name, answer)
        error = cbor.decode(answer.body)
        assert error["__type"].rpartition("#")[2] == "UnknownOperationException"
        assert name in (error.get("message") or error.get("Message"))


def test_unknown_service(server):
    headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "Coffee_20990101.Brew"}
    answer = server.signed("coffee", "/", headers, b"{}")
    assert (answer.status, answer.code) == (400, "UnknownOperationException"), answer

"""Dashboards: kept as they were written, checked when they are, paged, deleted, tagged."""

import json

import pytest
from botocore.exceptions import ClientError
from trailwatch import Paths

GOOD = json.dumps({"widgets": [{"type": "text", "x": 0, "y": 0, "width": 6, "height": 3, "properties": {"markdown": "# hi"}}]})


def test_there_and_back(cloudwatch):
    body = '{ "widgets" : [ ] , "start": "-PT3H" }'
    assert cloudwatch.put_dashboard(DashboardName="one", DashboardBody=body).get("DashboardValidationMessages", []) == []
    got = cloudwatch.get_dashboard(DashboardName="one")
    assert got["DashboardBody"] == body, "byte for byte"
    assert got["DashboardArn"] == "arn:aws:cloudwatch::123456789012:dashboard/one"
    cloudwatch.put_dashboard(DashboardName="one", DashboardBody=GOOD)
    assert cloudwatch.get_dashboard(DashboardName="one")["DashboardBody"] == GOOD


def test_list_and_delete(cloudwatch):
    for name in ("list-a", "list-b", "other"):
        cloudwatch.put_dashboard(DashboardName=name, DashboardBody=GOOD)
    entries = cloudwatch.list_dashboards(DashboardNamePrefix="list-")["DashboardEntries"]
    assert [(e["DashboardName"], e["Size"]) for e in entries] == [("list-a", len(GOOD)), ("list-b", len(GOOD))]
    cloudwatch.delete_dashboards(DashboardNames=["list-a"])
    assert [e["DashboardName"] for e in cloudwatch.list_dashboards(DashboardNamePrefix="list-")["DashboardEntries"]] == ["list-b"]
    with pytest.raises(ClientError) as raised:
        cloudwatch.get_dashboard(DashboardName="list-a")
    assert raised.value.response["Error"]["Code"] == "ResourceNotFound"
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


@pytest.mark.parametrize("body", ["", "text", "[]", "{}", '{"widgets":{}}', '{"widgets":[7]}', "[" * 10_000], ids=lambda b: b[:16])
def test_bodies_that_make_no_sense(server, body):
    answer = server.json_call("monitoring", "PutDashboard", {"DashboardName": "bad", "DashboardBody": body})
    assert answer.status == 400, answer
    assert answer.headers["x-amzn-query-error"].split(";")[0] in ("InvalidParameterInput", "ValidationError", "InvalidParameterValue"), answer


def test_fatal_messages_say_where(server):
    answer = server.json_call("monitoring", "PutDashboard", {"DashboardName": "bad", "DashboardBody": '{"widgets":[7]}'})
    assert answer.headers["x-amzn-query-error"] == "InvalidParameterInput;Sender"
    messages = answer.json["dashboardValidationMessages"]
    assert messages and messages[0]["DataPath"].startswith("/widgets") and messages[0]["Message"]


@pytest.mark.parametrize("name", ["", "with space", "x" * 256, "a/b"])
def test_bad_names(server, name):
    assert server.json_call("monitoring", "PutDashboard", {"DashboardName": name, "DashboardBody": GOOD}).status == 400


def test_dashboards_found_in_the_wild(cloudwatch):
    folder = Paths.shared() / "data" / "dashboards"
    if not folder.exists():
        pytest.skip(f"no {folder}")
    kept = 0
    for path in sorted(folder.rglob("*.json")):
        text = path.read_text()
        try:
            body = json.loads(text)
        except ValueError:
            continue
        body = body.get("body", body) if isinstance(body, dict) else body
        body = body if isinstance(body, str) else json.dumps(body)
        try:
            cloudwatch.put_dashboard(DashboardName="wild", DashboardBody=body)
        except ClientError as error:
            assert error.response["Error"]["Code"] in ("InvalidParameterInput", "ValidationError"), (path, error)
            continue
        assert cloudwatch.get_dashboard(DashboardName="wild")["DashboardBody"] == body
        kept += 1
    assert kept >= 20, f"only {kept} dashboards were taken"

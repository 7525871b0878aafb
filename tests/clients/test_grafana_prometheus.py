"""What Grafana's Prometheus data source asks, replayed: its health check, its editor's lists, its panels, and how it reads errors.

The requests are those of Grafana's source (pkg/promlib, packages/grafana-prometheus): POST of a form for queries, series and labels,
GET for the rest, signed with SigV4."""

import http.client
import json
import urllib.parse

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from trailwatch import minutes_ago


@pytest.fixture(scope="module")
def fleet(cloudwatch):
    """Two instances with ten minutes of data each; returns the first minute."""
    at = minutes_ago(30)
    data = [
        {"MetricName": "Requests", "Dimensions": [{"Name": "Host", "Value": host}], "Timestamp": at + 60 * minute, "Value": factor * minute}
        for host, factor in (("web-1", 1.0), ("web-2", 2.0))
        for minute in range(10)
    ]
    cloudwatch.put_metric_data(Namespace="T/Prom", MetricData=data)
    return at


@pytest.fixture
def prometheus(server):
    """Sends one request as the data source does; answers status and JSON."""

    def ask(method, path, **parameters):
        form = urllib.parse.urlencode(parameters, doseq=True, quote_via=urllib.parse.quote)
        path = f"/api/v1/{path}" + (f"?{form}" if method == "GET" and form else "")
        headers = {"Content-Type": "application/x-www-form-urlencoded"} if method == "POST" else {}
        request = AWSRequest(method=method, url=server.endpoint + path, headers=headers, data=form if method == "POST" else "")
        credentials = Credentials(server.exports["AWS_ACCESS_KEY_ID"], server.exports["AWS_SECRET_ACCESS_KEY"])
        SigV4Auth(credentials, "monitoring", server.exports["AWS_DEFAULT_REGION"]).add_auth(request)
        connection = http.client.HTTPConnection(server.endpoint.removeprefix("http://"), timeout=60)
        try:
            connection.request(method, path, body=request.data or None, headers=dict(request.headers.items()))
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    return ask


def data(answer):
    status, body = answer
    assert (status, body["status"]) == (200, "success"), answer
    return body["data"]


def test_save_and_test(prometheus):
    found = data(prometheus("POST", "query", query="1+1", time=minutes_ago(0)))
    assert (found["resultType"], found["result"][1]) == ("scalar", "2")
    assert data(prometheus("GET", "status/buildinfo"))["version"].startswith("3.")
    assert data(prometheus("GET", "metadata", limit=40000)) == {}
    assert data(prometheus("GET", "rules")) == {"groups": []}
    assert data(prometheus("GET", "query_exemplars", query="test", start=0, end=1)) == []


def test_lists_of_the_editor(prometheus, fleet):
    times = {"start": fleet - 3600, "end": fleet + 3600}
    names = data(prometheus("GET", "label/__name__/values", **times, limit=40000))
    assert "Requests" in names and names == sorted(names)
    selector = 'Requests{"@aws.namespace"="T/Prom"}'
    assert data(prometheus("GET", "label/Host/values", **{"match[]": selector}, **times)) == ["web-1", "web-2"]
    assert data(prometheus("GET", "label/Host/values", **{"match[]": selector}, **times, limit=1)) == ["web-1"]
    labels = data(prometheus("POST", "labels", **{"match[]": selector}, **times))
    assert {"Host", "__name__"} <= set(labels) and labels == sorted(labels)
    series = data(prometheus("POST", "series", **{"match[]": selector}, **times))
    assert sorted(found["Host"] for found in series) == ["web-1", "web-2"]
    assert all(found["__name__"] == "Requests" for found in series)
    assert data(prometheus("GET", "series", **{"match[]": "NothingOfTheKind"}, **times)) == []


def test_panels(prometheus, fleet):
    selector = 'Requests{"@aws.namespace"="T/Prom"}'
    panel = {"start": f"{fleet}", "end": f"{fleet + 540}", "step": "60"}
    found = data(prometheus("POST", "query_range", query=selector, **panel))
    assert found["resultType"] == "matrix"
    by_host = {series["metric"]["Host"]: series["values"] for series in found["result"]}
    assert by_host["web-2"][:3] == [[fleet, "0"], [fleet + 60, "2"], [fleet + 120, "4"]]
    # The builder's habits: a rate over $__rate_interval, a sum by a label, a step with a fraction, times in milliseconds of seconds.
    summed = data(prometheus("POST", "query_range", query=f"sum by(Host) (max_over_time({selector}[4m]))", start=f"{fleet}.000", end=f"{fleet + 540}.000", step="60.000"))
    assert [series["metric"] for series in summed["result"]] == [{"Host": "web-1"}, {"Host": "web-2"}]
    table = data(prometheus("POST", "query", query=f"topk(1, {selector})", time=f"{fleet + 540}"))
    assert table["resultType"] == "vector"
    assert [(row["metric"]["Host"], row["value"]) for row in table["result"]] == [("web-2", [fleet + 540, "18"])]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_errors_are_read(prometheus, method):
    for path, parameters, kind in (
        ("query", {"query": "sum("}, "bad_data"),
        ("query_range", {"query": "up", "start": 0, "end": 10, "step": 0}, "bad_data"),
        ("query_range", {"query": "up", "start": 10, "end": 0, "step": 1}, "bad_data"),
        ("query_range", {"query": "up", "start": "now", "end": 0, "step": 1}, "bad_data"),
        ("series", {}, "bad_data"),
        ("series", {"match[]": "sum("}, "bad_data"),
    ):
        status, body = prometheus(method, path, **parameters)
        assert (status, body["status"], body["errorType"]) == (400, "error", kind), (path, body)
        assert body["error"]
    status, body = prometheus("GET", "nothing")
    assert (status, body["errorType"]) == (404, "not_found")

"""What no client should send: each gets AWS's error, none is a 5xx, and the server goes on."""

import datetime
import gzip
import json
import random
import socket
import threading
import time

import pytest

PUT = {"Namespace": "N", "MetricData": [{"MetricName": "M", "Value": 1}]}


@pytest.fixture(autouse=True)
def still_alive(server):
    yield
    assert server.alive()


def hour(offset):
    return datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=offset)


@pytest.mark.parametrize(
    "how, json_code, query_code",
    [
        ({"secret": "wrong"}, "InvalidSignatureException", "SignatureDoesNotMatch"),
        ({"signature": "0" * 64}, "InvalidSignatureException", "SignatureDoesNotMatch"),
        ({"signature": "zz"}, "InvalidSignatureException", "SignatureDoesNotMatch"),
        ({"key": "AKIANOBODYKNOWSTHIS0"}, "UnrecognizedClientException", "InvalidClientTokenId"),
        ({"date": hour(-1)}, "InvalidSignatureException", "SignatureDoesNotMatch"),
        ({"date": hour(+1)}, "InvalidSignatureException", "SignatureDoesNotMatch"),
    ],
    ids=["wrong secret", "zeros", "not hex", "unknown key", "an hour old", "an hour early"],
)
def test_who_cannot_prove_who_they_are(server, how, json_code, query_code):
    expired = {"RequestExpired"} if "date" in how else set()
    for service, operation in (("logs", "DescribeLogGroups"), ("cloudtrail", "DescribeTrails"), ("monitoring", "DescribeAlarms")):
        answer = server.json_call(service, operation, {}, **how)
        assert answer.status in (400, 403), answer
        assert answer.code in {json_code} | expired, answer
    answer = server.query_call("Action=DescribeAlarms&Version=2010-08-01", **how)
    assert answer.status in (400, 403)
    assert any(f"<Code>{code}</Code>".encode() in answer.body for code in {query_code} | expired), answer


def test_unsigned_and_half_signed(server):
    target = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "Logs_20140328.DescribeLogGroups"}
    answer = server.http("POST", "/", b"{}", target)
    assert answer.status in (400, 403) and answer.code == "MissingAuthenticationTokenException"
    for header in ("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=", "AWS4-HMAC-SHA256 Credential=a/b/c, Signature=", "Basic YTpi", "\u00ff" * 300):
        answer = server.http("POST", "/", b"{}", {**target, "Authorization": header, "X-Amz-Date": "20260101T000000Z"})
        assert answer.status in (400, 403), (header, answer)
        assert answer.code in ("IncompleteSignatureException", "MissingAuthenticationTokenException", "InvalidSignatureException"), answer


def test_a_signature_of_another_body(server):
    from trailwatch import authorization

    host = server.endpoint.removeprefix("http://")
    exports = server.exports
    headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "Logs_20140328.DescribeLogGroups"}
    signed = authorization(host, "logs", "/", headers, b"{}", exports["AWS_ACCESS_KEY_ID"], exports["AWS_SECRET_ACCESS_KEY"], "us-east-1")
    call = lambda body, **more: server.http("POST", "/", body, {**headers, "Host": host, **signed, **more})  # noqa: E731
    assert call(b"{}").status == 200
    for changed in (call(b'{"limit":1}'), call(b"{}", **{"X-Amz-Target": "Logs_20140328.ListLogGroups"})):
        assert changed.status in (400, 403) and changed.code == "InvalidSignatureException", changed


def test_two_megabytes_of_metrics(server):
    datum = {"MetricName": "M", "Value": 1, "Dimensions": [{"Name": "D", "Value": "v" * 1000}]}
    body = json.dumps({"Namespace": "N", "MetricData": [datum] * 2000}).encode()
    assert len(body) > 2_000_000
    for sent, headers in ((body, {}), (gzip.compress(body), {"Content-Encoding": "gzip"})):
        answer = server.json_call("monitoring", "PutMetricData", sent, headers)
        assert answer.status in (400, 413), answer
        assert answer.code in ("RequestEntityTooLargeException", "InvalidParameterValueException", "ValidationException", "LimitExceededException"), answer


def test_two_megabytes_of_logs(server, logs):
    logs.create_log_group(logGroupName="/hostile/big")
    logs.create_log_stream(logGroupName="/hostile/big", logStreamName="s")
    now = int(datetime.datetime.now().timestamp() * 1000)
    events = [{"timestamp": now, "message": "x" * 250} for _ in range(8000)]
    answer = server.json_call("logs", "PutLogEvents", {"logGroupName": "/hostile/big", "logStreamName": "s", "logEvents": events})
    assert (answer.status, answer.code) == (400, "InvalidParameterException"), answer
    assert "1048576" in answer.message, answer
    assert logs.get_log_events(logGroupName="/hostile/big", logStreamName="s")["events"] == [], "nothing of a refused batch is stored"


def test_more_than_any_call_may_be(server):
    answer = server.json_call("logs", "DescribeLogGroups", b" " * (20 * 1024 * 1024))
    assert (answer.status, answer.code) == (413, "RequestEntityTooLargeException"), answer
    bomb = gzip.compress(b" " * (200 * 1024 * 1024), 9)
    assert len(bomb) < 1024 * 1024
    answer = server.json_call("logs", "DescribeLogGroups", bomb, {"Content-Encoding": "gzip"})
    assert answer.status in (400, 413), answer


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"}", b"null", b"[]", b'"text"', b"{]", b'{"a":}', b'{"a":1,}', b"{'a':1}", b'{"Namespace":"N" "x":1}', b'{"Namespace":"\\u12"}',
        b'{"Namespace":"\\ud800"}', b'{"Namespace":"\xff\xfe"}', b'{"Namespace":1e999}', b'{"MetricData":{}}',
        b'{"Namespace":"N","MetricData":[{"MetricName":"M","Value":"one"}]}', b'{"Namespace":"N","MetricData":[1,2,3]}',
        b'{"Namespace":"N","MetricData":[{"MetricName":"M","Value":1e400}]}', b"[" * 100_000, b'{"a":' * 100_000,
        b'{"Namespace":"N","MetricData":' + b"[" * 100_000, b"{}" * 1000, b"\x00" * 1000,
    ],
    ids=lambda body: f"{body[:24]!r}-{len(body)}",
)
def test_json_that_is_none(server, body):
    answer = server.json_call("monitoring", "PutMetricData", body)
    assert answer.status == 400, answer
    assert answer.code in (
        "SerializationException", "ValidationException", "MissingRequiredParameterException", "InvalidParameterValueException",
    ), answer


@pytest.mark.parametrize("operation", ["DescribeLogGroups", "PutLogEvents", "FilterLogEvents", "CreateLogGroup"])
def test_a_json_bomb_for_logs(server, operation):
    for body in (b"[" * 100_000, b'{"x":' * 100_000, b'{"logEvents":' + b"[" * 100_000 + b"]" * 100_000 + b"}"):
        answer = server.json_call("logs", operation, body)
        assert (answer.status, answer.code) == (400, "SerializationException"), answer


def test_truncated_and_broken_gzip(server):
    good = gzip.compress(json.dumps(PUT).encode())
    broken = [good[:-1], good[:10], good[: len(good) // 2], b"", b"\x1f\x8b", b"not gzip", good[:-8] + b"\0" * 8]
    for body in broken:
        answer = server.json_call("monitoring", "PutMetricData", body, {"Content-Encoding": "gzip"})
        assert answer.status == 400, (body, answer)
        assert answer.code in ("SerializationException", "MissingRequiredParameterException"), (body, answer)
    assert server.json_call("monitoring", "PutMetricData", good, {"Content-Encoding": "gzip"}).status == 200
    assert server.json_call("monitoring", "PutMetricData", good, {"Content-Encoding": "br"}).status in (400, 415)


def test_negative_retention(server, logs):
    logs.create_log_group(logGroupName="/hostile/retention")
    for days in (-1, 0, 2, 2**31 - 1, -(2**31)):
        answer = server.json_call("logs", "PutRetentionPolicy", {"logGroupName": "/hostile/retention", "retentionInDays": days})
        assert (answer.status, answer.code) == (400, "InvalidParameterException"), (days, answer)
    answer = server.json_call("logs", "PutRetentionPolicy", {"logGroupName": "/hostile/retention", "retentionInDays": 2**63})
    assert (answer.status, answer.code) in ((400, "SerializationException"), (400, "InvalidParameterException")), answer
    (group,) = logs.describe_log_groups(logGroupNamePrefix="/hostile/retention")["logGroups"]
    assert "retentionInDays" not in group


def test_extreme_numbers(server, logs):
    logs.create_log_group(logGroupName="/hostile/numbers")
    logs.create_log_stream(logGroupName="/hostile/numbers", logStreamName="s")
    at = {"logGroupName": "/hostile/numbers", "logStreamName": "s"}
    for stamp in (2**63 - 1, -(2**63), -1, 0, 2**53):
        answer = server.json_call("logs", "PutLogEvents", {**at, "logEvents": [{"timestamp": stamp, "message": "m"}]})
        assert answer.status in (200, 400), answer
        answer = server.json_call("logs", "FilterLogEvents", {"logGroupName": "/hostile/numbers", "startTime": stamp, "endTime": stamp})
        assert answer.status in (200, 400), answer
        answer = server.json_call("logs", "GetLogEvents", {**at, "startTime": stamp, "endTime": stamp, "limit": 1})
        assert answer.status in (200, 400), answer
    for start, end, period in ((-1e18, 1e18, 60), (0, 2**53, 2**31 - 1), (1e308, 1e308, 60), (0, 60, 0), (0, 60, -60), (0, 60, 7)):
        answer = server.json_call(
            "monitoring", "GetMetricStatistics",
            {"Namespace": "N", "MetricName": "M", "StartTime": start, "EndTime": end, "Period": period, "Statistics": ["Sum"]},
        )
        assert answer.status in (200, 400), answer
        stat = {"Metric": {"Namespace": "N", "MetricName": "M"}, "Period": period, "Stat": "Sum"}
        answer = server.json_call("monitoring", "GetMetricData", {"StartTime": start, "EndTime": end, "MetricDataQueries": [{"Id": "a", "MetricStat": stat}]})
        assert answer.status in (200, 400), answer
    for limit in (0, -1, 51, 2**31):
        answer = server.json_call("cloudtrail", "LookupEvents", {"MaxResults": limit})
        assert answer.status == 400, answer


def token_of(server, service, operation, body, name):
    answer = server.json_call(service, operation, body)
    assert answer.status == 200, answer
    return answer.json[name]


def test_tokens_of_other_requests(server, logs):
    for n in range(3):
        logs.create_log_group(logGroupName=f"/hostile/token/{n}")
        logs.create_log_stream(logGroupName=f"/hostile/token/{n}", logStreamName="s")
    now = int(datetime.datetime.now().timestamp() * 1000)
    events = [{"timestamp": now + n, "message": f"m{n}"} for n in range(5)]
    for n in range(2):
        logs.put_log_events(logGroupName=f"/hostile/token/{n}", logStreamName="s", logEvents=events)
    groups = token_of(server, "logs", "DescribeLogGroups", {"limit": 1}, "nextToken")
    filtered = token_of(server, "logs", "FilterLogEvents", {"logGroupName": "/hostile/token/0", "limit": 1}, "nextToken")
    looked_up = token_of(server, "cloudtrail", "LookupEvents", {"MaxResults": 1}, "NextToken")
    for operation, body in (
        ("DescribeLogGroups", {"limit": 1, "nextToken": filtered}),
        ("DescribeLogGroups", {"limit": 1, "nextToken": groups, "logGroupNamePrefix": "/other"}),
        ("DescribeLogGroups", {"nextToken": "x"}),
        ("FilterLogEvents", {"logGroupName": "/hostile/token/0", "nextToken": groups}),
        ("FilterLogEvents", {"logGroupName": "/hostile/token/1", "nextToken": filtered}),
        ("FilterLogEvents", {"logGroupName": "/hostile/token/0", "nextToken": filtered, "filterPattern": "other"}),
        ("FilterLogEvents", {"logGroupName": "/hostile/token/0", "nextToken": filtered[:-3] + "AAA"}),
        ("GetLogEvents", {"logGroupName": "/hostile/token/0", "logStreamName": "s", "nextToken": filtered}),
        ("GetLogEvents", {"logGroupName": "/hostile/token/0", "logStreamName": "s", "nextToken": "f/not-a-number/s"}),
    ):
        answer = server.json_call("logs", operation, body)
        assert (answer.status, answer.code) == (400, "InvalidParameterException"), (operation, body, answer)
    for body in ({"NextToken": looked_up, "MaxResults": 2, "LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": "x"}]}, {"NextToken": "x"}, {"NextToken": groups}):
        answer = server.json_call("cloudtrail", "LookupEvents", body)
        assert (answer.status, answer.code) == (400, "InvalidNextTokenException"), (body, answer)
    answer = server.json_call("monitoring", "ListMetrics", {"NextToken": looked_up})
    assert (answer.status, answer.headers["x-amzn-query-error"]) == (400, "InvalidParameterValue;Sender"), answer
    # And the right token goes on working after all that.
    rest = server.json_call("logs", "FilterLogEvents", {"logGroupName": "/hostile/token/0", "limit": 1, "nextToken": filtered})
    assert [e["message"] for e in rest.json["events"]] == ["m1"]


def test_query_forms_that_are_none(server):
    for form in (
        b"", b"Action=", b"Action=PutMetricData", b"Version=2010-08-01", b"%%%", b"Action=PutMetricData&Version=2010-08-01&Namespace=%ff%fe",
        b"Action=PutMetricData&Version=2010-08-01&Namespace=N&MetricData.member.x.MetricName=M",
        b"Action=PutMetricData&Version=2010-08-01&Namespace=N&MetricData.member.99999999999999999999.MetricName=M&MetricData.member.99999999999999999999.Value=1",
        b"Action=PutMetricData&Version=2010-08-01&Namespace=N&MetricData.member.1.MetricName=M&MetricData.member.1.Value=NaN",
        b"Action=PutMetricData&Version=2010-08-01&Namespace=N&" + b"MetricData.member." * 50_000,
        b"Action=PutMetricData&Version=2010-08-01&Namespace=N&MetricData" + b".member.1" * 50_000 + b"=1",
        b"Action=PutMetricData&Version=1999-01-01", b"Action=NoSuchThing&Version=2010-08-01",
    ):
        answer = server.query_call(form)
        assert 400 <= answer.status < 500, (form[:80], answer)


def test_filter_patterns_that_are_none(server, logs):
    logs.create_log_group(logGroupName="/hostile/pattern")
    for pattern in ("{", "{ $.a = }", "[a, b", "{ $.a = 1 && }", '"open', "%[%", "%(a)%", "{ ($.a = 1 }", "{" * 1000, "(" * 1024, "x" * 1025, "{ $.a = %" + "a*" * 300 + "% }"):
        answer = server.json_call("logs", "FilterLogEvents", {"logGroupName": "/hostile/pattern", "filterPattern": pattern})
        assert answer.status in (200, 400), (pattern[:40], answer)
        if answer.status == 400:
            assert answer.code == "InvalidParameterException", answer
    answer = server.json_call("logs", "FilterLogEvents", {"logGroupName": "/hostile/pattern", "filterPattern": "{ $.a = "})
    assert (answer.status, answer.code) == (400, "InvalidParameterException"), answer


def test_bytes_that_are_no_http(server):
    host, port = server.endpoint.removeprefix("http://").split(":")
    for sent in (b"\x16\x03\x01\x02\x00\x01\x00", b"GET\r\n\r\n", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
                 b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n", b"A" * 100_000,
                 b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZZ\r\n", b"POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc"):
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            try:
                first = connection.recv(4096)
            except ConnectionResetError:
                first = b""
        assert not first or first.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4")), (sent[:40], first[:80])


def test_strange_paths_and_methods(server):
    for method, path in (("GET", "/"), ("GET", "/nothing"), ("PUT", "/"), ("DELETE", "/x"), ("PATCH", "/health"), ("POST", "/service/X/operation/Y"),
                         ("POST", "/service/GraniteServiceVersion20100801/operation/"), ("POST", "/%00%ff"), ("GET", "/" + "a" * 5000), ("OPTIONS", "*"),
                         ("POST", "/_trailwatch/reset"), ("GET", "/../../etc/passwd"), ("POST", "/PutAuditEvents")):
        answer = server.http(method, path)
        assert 300 <= answer.status < 500, (method, path, answer)


def test_bodies_that_do_not_come_take_no_room(server):
    host, port = server.endpoint.removeprefix("http://").split(":")
    begun = []
    try:
        for n in range(100):
            length = "Transfer-Encoding: chunked" if n % 2 else "Content-Length: 8388608"
            begun.append(socket.create_connection((host, int(port)), timeout=30))
            begun[-1].sendall(f"POST / HTTP/1.1\r\nHost: x\r\n{length}\r\n\r\n1\r\na\r\n".encode())
        time.sleep(0.5)
        answer = server.http("POST", "/", b"2\r\n{}\r\n0\r\n\r\n", {"Transfer-Encoding": "chunked"})
        assert answer.code == "UnknownOperationException", answer
        assert server.json_call("logs", "DescribeLogGroups", {}).status == 200
    finally:
        for connection in begun:
            connection.close()


def test_a_costly_regex_holds_up_nobody(server, logs):
    logs.create_log_group(logGroupName="/hostile/regex")
    logs.create_log_stream(logGroupName="/hostile/regex", logStreamName="s")
    letters = random.Random(2)
    for _ in range(8):
        now = int(time.time() * 1000)
        messages = ["".join(letters.choices("ab", k=10_000)) + "c" for _ in range(100)]
        events = [{"timestamp": now, "message": message} for message in messages]
        logs.put_log_events(logGroupName="/hostile/regex", logStreamName="s", logEvents=events)
    pattern = {"logGroupName": "/hostile/regex", "filterPattern": "%a[ab]{700}aaaaaaaaaaaaaaaac%"}
    searches = [threading.Thread(target=server.json_call, args=("logs", "FilterLogEvents", pattern)) for _ in range(6)]
    for search in searches:
        search.start()
    waits = []
    while any(search.is_alive() for search in searches):
        began = time.monotonic()
        assert server.http("GET", "/health").status == 200
        waits.append(time.monotonic() - began)
    assert max(waits) < 2, "other requests waited for searches"
    answer = server.json_call("logs", "FilterLogEvents", pattern)
    assert answer.status == 200, answer
    answer = server.json_call("logs", "TestMetricFilter", {"filterPattern": "%a[ab]{700}c%", "logEventMessages": ["ab" * 100_000] * 6})
    assert (answer.status, answer.code) == (400, "InvalidParameterException"), answer

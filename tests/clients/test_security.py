"""What somebody would try who wants in, or wants others out: over the wire, against a real server. docs/security.md says which test is for what."""

import datetime
import hashlib
import hmac
import json
import os
import re
import socket
import stat
import urllib.parse

import pytest
from trailwatch import Paths

TARGET = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "Logs_20140328.DescribeLogGroups"}


@pytest.fixture(autouse=True)
def still_alive(request):
    yield
    if "server" in request.fixturenames:
        assert request.getfixturevalue("server").alive()


def raw(server, sent, seconds=20):
    """All that the server answers to `sent` until it closes the connection, which it must."""
    host, port = server.endpoint.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=seconds) as connection:
        connection.sendall(sent)
        answered = b""
        while True:
            try:
                read = connection.recv(65536)
            except ConnectionResetError:
                return answered
            if not read:
                return answered
            answered += read


def statuses(answered):
    return [int(code) for code in re.findall(rb"HTTP/1\.[01] (\d{3}) ", answered)]


SMUGGLED = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 6\r\nTransfer-Encoding: chunked",
        b"Content-Length: 0\r\nContent-Length: 44",
        b"Content-Length: 0, 44",
        b"Content-Length: +0",
        b"Content-Length: -1",
        b"Content-Length: 0x2c",
        b"Transfer-Encoding: gzip",
        b"Transfer-Encoding: chunked, identity",
        b"Transfer-Encoding: xchunked",
        b"Transfer-Encoding : chunked",
        b"Transfer-Encoding\r\n : chunked",
        b"Content-Length: 0\r\n folded: yes",
        b"X-A: b\rContent-Length: 44",
        b"X-A: b\x00c",
        b"X A: b",
        b"Host: another.example",
        b"X-A: " + b"b" * 600_000,
        b"\r\n".join(b"X-%d: b" % n for n in range(500)),
    ],
    ids=lambda head: f"{head[:40]!r}",
)
def test_a_request_that_can_be_read_in_two_ways_is_refused_and_nothing_behind_it_is_read(server, head):
    answered = raw(server, b"POST / HTTP/1.1\r\nHost: localhost\r\n" + head + b"\r\n\r\n0\r\n\r\n" + SMUGGLED)
    codes = statuses(answered)
    assert len(codes) <= 1 and all(code in (400, 431) for code in codes), answered[:500]


@pytest.mark.parametrize("also", [b"", b"Content-Length: 5\r\n"], ids=["chunked", "chunked and a length"])
def test_nothing_is_read_behind_a_chunked_request(server, also):
    """hyper passes over a length that comes after the chunks; a proxy may not."""
    head = b"POST /nowhere HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n" + also
    answered = raw(server, head + b"\r\n0\r\n\r\n" + SMUGGLED)
    assert len(statuses(answered)) == 1 and b"connection: close" in answered.lower(), answered
    assert b"uptime_seconds" not in answered


def test_headers_that_come_twice_do_not_pass_for_signed_ones(server):
    from trailwatch import authorization

    host, exports = server.endpoint.removeprefix("http://"), server.exports
    keys = (exports["AWS_ACCESS_KEY_ID"], exports["AWS_SECRET_ACCESS_KEY"], "us-east-1")
    signed = authorization(host, "logs", "/", TARGET, b"{}", *keys)
    lines = {"Host": host, **TARGET, **signed, "Content-Length": "2", "Connection": "close"}
    text = lambda more: "".join(f"{name}: {value}\r\n" for name, value in [*lines.items(), *more])  # noqa: E731
    call = lambda *more: raw(server, f"POST / HTTP/1.1\r\n{text(more)}\r\n".encode() + b"{}")  # noqa: E731
    assert statuses(call()) == [200]
    for twice in (("X-Amz-Target", "Logs_20140328.DeleteLogGroup"), ("X-Amz-Date", "20200101T000000Z")):
        assert statuses(call(twice)) == [400], twice
    unsigned = call(("X-Amz-Security-Token", "x"))
    assert statuses(unsigned) in ([400], [403]), unsigned


def presigned(server, seconds, age=0):
    """The path and query of a presigned GetCallerIdentity that was made `age` seconds ago (SigV4 guide, query strings)."""
    at = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=age)
    stamp, day, region = at.strftime("%Y%m%dT%H%M%SZ"), at.strftime("%Y%m%d"), server.exports["AWS_DEFAULT_REGION"]
    scope = f"{day}/{region}/sts/aws4_request"
    pairs = {
        "Action": "GetCallerIdentity", "Version": "2011-06-15", "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": f"{server.exports['AWS_ACCESS_KEY_ID']}/{scope}", "X-Amz-Date": stamp, "X-Amz-Expires": str(seconds),
        "X-Amz-SignedHeaders": "host",
    }
    query = "&".join(f"{name}={urllib.parse.quote(value, safe='')}" for name, value in sorted(pairs.items()))
    host = server.endpoint.removeprefix("http://")
    canonical = f"GET\n/\n{query}\nhost:{host}\n\nhost\n{hashlib.sha256(b'').hexdigest()}"
    to_sign = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = ("AWS4" + server.exports["AWS_SECRET_ACCESS_KEY"]).encode()
    for part in (day, region, "sts", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return f"/?{query}&X-Amz-Signature={hmac.digest(key, to_sign.encode(), 'sha256').hex()}"


def test_what_was_signed_is_good_for_its_time_and_for_what_it_says(server):
    """A signature can be replayed as it is while it lasts, as on AWS: five minutes, or as long as a presigned URL says."""
    good = presigned(server, 60)
    assert [server.http("GET", good).status for _ in range(2)] == [200, 200]
    assert server.http("GET", presigned(server, 3600, 1800)).status == 200
    assert server.http("GET", presigned(server, 60, 1800)).status == 403, "its time is over"
    for changed in (good.replace("Expires=60", "Expires=6000"), good.replace("GetCallerIdentity", "GetSessionToken"), good[:-1] + ("0" if good[-1] != "0" else "1")):
        assert server.http("GET", changed).status == 403, changed
    old = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=16)
    answer = server.json_call("logs", "DescribeLogGroups", {}, date=old)
    assert answer.status in (400, 403) and answer.code in ("InvalidSignatureException", "RequestExpired"), answer


OWN = {
    "content-security-policy": "default-src 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=()",
}


@pytest.mark.parametrize(
    "method, path",
    [
        ("GET", "/"), ("GET", "/health"), ("GET", "/_trailwatch/console/session"), ("GET", "/_trailwatch/console/none.js"),
        ("POST", "/_trailwatch/console/sign-in"), ("POST", "/_trailwatch/console/aws"), ("GET", "/_trailwatch/proofs/checkpoint"),
        ("POST", "/_trailwatch/sql"), ("POST", "/_trailwatch/events/search"), ("GET", "/_trailwatch/events/tail"), ("GET", "/_trailwatch/nothing"),
        ("GET", "/_trailwatch/prometheus/api/v1/labels"), ("GET", "/SimpleNotificationService-0.pem"),
    ],
)
def test_own_answers_tell_browsers_to_keep_them_to_our_own_page(server, method, path):
    answer = server.http(method, path, headers={"Accept": "*/*"})
    for name, begins in OWN.items():
        assert answer.headers.get(name, "").startswith(begins), (name, answer.headers)
    assert answer.headers["cache-control"] == ("no-cache" if path == "/" else "no-store")
    assert "strict-transport-security" not in answer.headers
    assert "access-control-allow-origin" not in answer.headers
    behind_tls = server.http(method, path, headers={"Accept": "*/*", "X-Forwarded-Proto": "https", "Host": "ops.example"})
    assert behind_tls.headers["strict-transport-security"].startswith("max-age=")


@pytest.mark.parametrize("path", ["../../../etc/passwd", "%2e%2e/%2e%2e/etc/passwd", "..%2f..%2fetc/passwd", "....//etc/passwd", "/etc/passwd", "assets/..\\..\\x", "%00", "../data/root-access-key.json"])
def test_the_consoles_files_are_those_that_were_built_in(server, path):
    answer = server.http("GET", f"/_trailwatch/console/{path}")
    assert answer.status in (400, 404), answer
    assert b"root:" not in answer.body and b"secret" not in answer.body.lower()


def test_a_page_that_is_somebody_elses_does_not_drive_an_open_server(make_server):
    server = make_server("open", "--open").start()
    own = ("GET", "/_trailwatch/proofs/checkpoint", b"")
    form = ("POST", "/", b"Action=DescribeAlarms&Version=2010-08-01")
    link = ("GET", "/?Action=DescribeAlarms&Version=2010-08-01", b"")
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    ask = lambda request, **more: server.http(*request, {**headers, **{name.replace("_", "-"): value for name, value in more.items()}})  # noqa: E731
    for request in (own, form, link):
        assert ask(request).status == 200, request
        assert ask(request, Host="localhost:1").status == 200, request
        for foreign in (
            {"Host": "rebound.example:8792"},
            {"Host": "rebound.example", "Origin": "http://rebound.example", "Sec_Fetch_Site": "same-origin"},
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
            {"Sec_Fetch_Site": "cross-site"},
        ):
            answer = ask(request, **foreign)
            assert answer.status in (400, 403), (request, foreign, answer)
    assert ask(("POST", "/_trailwatch/reset", b""), Host="rebound.example").status != 200
    assert ask(("POST", "/_trailwatch/reset", b"")).status == 200
    assert ask(("POST", "/v1/metrics", b"{}"), Host="rebound.example", **{"Content-Type": "application/json"}).status in (400, 401, 403)


def test_a_caller_that_calls_too_often_is_told_so_as_aws_does(make_server, tmp_path):
    config = tmp_path / "limits.toml"
    config.write_text("[limits]\ncalls_per_second = 1\nburst = 2\n")
    server = make_server("limited", "--config", config).start()

    def throttled(call):
        """The first answer that is no success; far more calls than one per second find one."""
        return next(answer for answer in (call() for _ in range(500)) if answer.status != 200)

    refused = throttled(lambda: server.json_call("logs", "DescribeLogGroups", {}))
    assert (refused.status, refused.code, refused.message) == (400, "ThrottlingException", "Rate exceeded")
    refused = throttled(lambda: server.query_call("Action=DescribeAlarms&Version=2010-08-01"))
    assert refused.status == 400 and b"<Code>Throttling</Code>" in refused.body and b"Rate exceeded" in refused.body
    refused = throttled(lambda: server.cbor_call("DescribeAlarms", b"\xbf\xff"))
    assert refused.status == 400 and b"ThrottlingException" in refused.body
    stranger = server.json_call("logs", "DescribeLogGroups", {}, key="AKIANOBODYKNOWSTHIS0")
    assert stranger.code == "UnrecognizedClientException", "who is not known uses up nobody's calls"


def test_a_flood_of_refused_calls_is_counted_and_not_one_is_lost(make_server, tmp_path):
    config = tmp_path / "limits.toml"
    config.write_text("[limits]\nrefused_per_second = 1\nrefused_burst = 5\n")
    server = make_server("flooded", "--config", config).start()
    for _ in range(100):
        answer = server.json_call("logs", "DescribeLogGroups", {}, key="AKIANOBODYKNOWSTHIS0")
        assert answer.code == "UnrecognizedClientException", "it is refused as it would be alone"
    assert server.stop() == 0
    server.start()
    pages = server.client("cloudtrail").get_paginator("lookup_events").paginate()
    events = [event for page in pages for event in page["Events"]]
    records = [json.loads(event["CloudTrailEvent"]) for event in events]
    recorded = [record for record in records if record["userIdentity"].get("accessKeyId") == "AKIANOBODYKNOWSTHIS0"]
    counted = [record["serviceEventDetails"] for record in records if record["eventName"] == "UnrecordedCalls"]
    assert 5 <= len(recorded) < 100
    assert len(recorded) + sum(details["calls"] for details in counted) == 100
    assert counted[0]["callers"][0] == {
        "sourceIPAddress": "127.0.0.1", "accessKeyId": "AKIANOBODYKNOWSTHIS0", "errorCode": "UnrecognizedClientException",
        "calls": counted[0]["calls"],
    }


def test_secrets_are_in_no_log_and_at_rest_only_where_they_are_sealed_or_private(make_server):
    server = make_server("secrets", environment={"RUST_LOG": "debug"}).start()
    iam, root = server.client("iam"), server.exports["AWS_SECRET_ACCESS_KEY"]
    iam.create_user(UserName="jane")
    key = iam.create_access_key(UserName="jane")["AccessKey"]
    token = server.client("sts").get_session_token()["Credentials"]
    iam.put_user_policy(UserName="jane", PolicyName="p", PolicyDocument='{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}')
    body = f'{{"accessKeyId":"{key["AccessKeyId"]}","secretAccessKey":"{key["SecretAccessKey"]}"}}'
    signed_in = server.http("POST", "/_trailwatch/console/sign-in", body.encode(), {"Content-Type": "application/json"})
    assert signed_in.status == 200, signed_in
    cookie = signed_in.headers["set-cookie"].split(";")[0].split("=", 1)[1]
    server.http("POST", "/_trailwatch/console/sign-in", body.replace(key["SecretAccessKey"], "a-wrong-secret-that-was-typed").encode(), {"Content-Type": "application/json"})
    assert server.stop() == 0
    secrets = [key["SecretAccessKey"], token["SecretAccessKey"], token["SessionToken"], cookie, signed_in.json["csrf"], "a-wrong-secret-that-was-typed"]
    log = server.log()
    assert [secret for secret in [*secrets, root] if secret in log] == []
    private = {"root-access-key.json", "identity-sealing-key", "digest-sealing-key", "notification-signing-seed", "event-log-key"}
    for folder, _, names in os.walk(server.data_dir):
        for name in names:
            path = os.path.join(folder, name)
            if name in private:
                assert stat.S_IMODE(os.stat(path).st_mode) == 0o600, path
                continue
            with open(path, "rb") as file:
                content = file.read()
            assert [secret for secret in [*secrets, root] if secret.encode() in content] == [], path


def test_what_clients_say_cannot_write_lines_of_the_log(make_server):
    server = make_server("logged", environment={"RUST_LOG": "debug"}).start()
    server.expect_complaint("forged")
    forged = "x\n2026-01-01T00:00:00Z ERROR trailwatch: forged\x1b[2J\x9b31m\r"
    server.json_call("logs", "DeleteLogGroup", {"logGroupName": forged})
    server.json_call("cloudtrail", "GetTrailStatus", {"Name": forged})
    server.query_call("Action=DeleteTopic&Version=2010-03-31&TopicArn=%0AERROR+forged%1B%5B2J", service="sns")
    server.http("GET", "/?Action=%0AERROR%20forged", headers={"X-Amz-Target": "A.b\x1b[31m"})
    assert server.alive()
    assert server.stop() == 0
    for line in server.log().splitlines():
        assert not line.startswith(("2026-01-01T00:00:00Z ERROR", "ERROR")), line
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", line), ascii(line)


def test_every_threat_names_tests_that_exist():
    text = (Paths.workspace / "docs" / "security.md").read_text()
    sources = [path for pattern in ("crates/*/**/*.rs", "tests/clients/*.py") for path in Paths.workspace.glob(pattern)]
    defined = set(re.findall(r"\b(?:fn|def) (\w+)", "\n".join(path.read_text() for path in sources)))
    rows = [line for line in text.splitlines() if line.startswith("|") and line.count("|") == 4 and not line.startswith(("| threat", "| ---"))]
    assert len(rows) > 40
    for row in rows:
        named = re.findall(r"`([\w/]+)`", row.split("|")[3])
        assert named, row
        unheard = [name for name in named if name not in defined and not (Paths.workspace / name).exists()]
        assert not unheard, (row, unheard)

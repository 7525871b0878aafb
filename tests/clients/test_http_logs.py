"""The JSON endpoints of CloudWatch Logs, with curl as docs/other-ways-in.md has it, and by hand."""

import gzip
import json
import pathlib
import shutil
import subprocess
import time

import pytest
from trailwatch import Server, plain_environment

DOCUMENT = pathlib.Path(__file__).parents[2] / "docs" / "other-ways-in.md"
TOKEN = "a-token-of-more-than-20-characters"
CONFIG = f"""
[bearer_tokens.collector]
token = "{TOKEN}"
allow = ["logs"]
log_group_prefix = "/otel/"
"""
COLLECTOR, BULK, STRUCTURED = "/services/collector/event", "/ingest/bulk", "/ingest/json"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("server")
    (folder / "config.toml").write_text(CONFIG)
    server = Server(folder / "data", "--config", folder / "config.toml").start()
    yield server
    assert server.running and server.stop() == 0
    assert not server.complaints()


@pytest.fixture
def stream(logs):
    """A fresh stream of a group that takes tokens."""
    name = f"s{time.time_ns()}"
    if not logs.describe_log_groups(logGroupNamePrefix="/otel/shop")["logGroups"]:
        logs.create_log_group(logGroupName="/otel/shop")
        logs.put_bearer_token_authentication(logGroupIdentifier="/otel/shop", bearerTokenAuthenticationEnabled=True)
    logs.create_log_stream(logGroupName="/otel/shop", logStreamName=name)
    return name


def post(server, path, stream, body, content_type="application/json", group="/otel/shop", token=TOKEN, **headers):
    query = f"?logGroup={group.replace('/', '%2F')}&logStream={stream}"
    headers = {"Content-Type": content_type, "Authorization": f"Bearer {token}", **headers}
    return server.http("POST", path + query, body if isinstance(body, bytes) else body.encode(), headers)


def stored(logs, stream):
    events = logs.get_log_events(logGroupName="/otel/shop", logStreamName=stream, startFromHead=True)["events"]
    return [(event["timestamp"], event["message"]) for event in events]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not on PATH")
def test_curl_as_the_document_has_it(server, logs, stream, tmp_path):
    block = DOCUMENT.read_text().split("## Logs by curl")[1].split("```sh\n")[1].split("```")[0]
    script = block.replace("http://127.0.0.1:8792", server.endpoint).replace("TOKEN", TOKEN).replace("logStream=collector", f"logStream={stream}")
    assert script.count(TOKEN) == 2 and script.count(stream) == 2
    now = int(time.time() * 1000)
    lines = [json.dumps({"timestamp": now - 2000 + n, "level": "INFO", "n": n}) for n in range(1000)]
    (tmp_path / "events.ndjson").write_text("\n".join(lines) + "\n")
    done = subprocess.run(["sh", "-ec", script], cwd=tmp_path, capture_output=True, text=True, timeout=60, env=plain_environment({}))
    assert (done.returncode, done.stdout) == (0, "{}{}"), done.stderr
    found = stored(logs, stream)
    assert found[:1000] == [(now - 2000 + n, line) for n, line in enumerate(lines)]
    assert found[1000][1] == '{"event":{"message":"User logged in"},"host":"web-01"}' and found[1000][0] >= now


def test_what_each_endpoint_takes(server, logs, stream):
    now = int(time.time())
    events = [f'{{"event":"one","time":{now - 3}.25,"host":"web-01"}}', f'{{"event":{{"n":2}},"time":"{now - 2}"}}']
    for body in ("".join(events), f"[{','.join(events)}]", f'{{"event":[{",".join(events)}]}}'):
        assert post(server, COLLECTOR, stream, body + '{"message":"no event"}').json == {}
    taken = [((now - 3) * 1000 + 250, events[0]), ((now - 2) * 1000, events[1])]
    assert sorted(stored(logs, stream)) == sorted(taken * 3)
    body = f'{{"timestamp":{now * 1000 - 500},"message":"m"}}\r\n\n"plain"\n42\nno json\n[{{"timestamp":{now * 1000 - 400}}},true]\n'
    assert post(server, BULK, stream, gzip.compress(body.encode()), "application/x-ndjson", **{"Content-Encoding": "gzip"}).json == {}
    found = stored(logs, stream)[6:]
    assert found[:2] == [(now * 1000 - 500, f'{{"timestamp":{now * 1000 - 500},"message":"m"}}'), (now * 1000 - 400, f'{{"timestamp":{now * 1000 - 400}}}')]
    assert sorted(message for _, message in found[2:]) == ["42", "plain", "true"]
    assert post(server, STRUCTURED, stream, '[{"level":"WARN"},"x",{"level":"INFO"}]').json == {}
    assert [message for _, message in stored(logs, stream)[11:]] == ['{"level":"WARN"}', '{"level":"INFO"}']
    (found,) = logs.filter_log_events(logGroupName="/otel/shop", logStreamNames=[stream], filterPattern='{ $.host = "web-01" && $.event = "one" }')["events"][:1]
    assert found["message"] == events[0]


def test_what_is_left_out_is_counted(server, logs, stream):
    now = int(time.time() * 1000)
    lines = [now, now - 15 * 86_400_000, now + 3 * 3_600_000, now - 16 * 86_400_000]
    for path, body in [(BULK, "\n".join(f'{{"timestamp":{time}}}' for time in lines)), (STRUCTURED, json.dumps([{"timestamp": time} for time in lines]))]:
        partial = post(server, path, stream, body).json["partialSuccess"]
        assert partial["rejectedLogRecords"] == 3
        assert json.loads(partial["errorMessage"]) == {"tooOldLogEventCount": 2, "tooNewLogEventCount": 1}
    assert len(stored(logs, stream)) == 2


def test_what_is_refused_and_how(server, logs, stream):
    logs.create_log_group(logGroupName="/otel/closed")
    both = {"x-aws-log-group": "/otel/shop"}
    many = "\n".join(["1"] * 10_001)
    for status, answer in [
        (401, post(server, BULK, stream, "1", token="nobody-knows-this-long-token")),
        (401, server.http("POST", f"{BULK}?logGroup=/otel/shop&logStream={stream}", b"1", {"Content-Type": "application/json"})),
        (403, post(server, BULK, stream, "1", group="/plain")),
        (403, post(server, BULK, stream, "1", group="/otel/closed")),
        (403, post(server, BULK, stream, "1", Origin="http://example.com")),
        (404, post(server, BULK, stream, "1", group="/otel/absent")),
        (404, post(server, BULK, "absent", "1")),
        (400, post(server, BULK, stream, "1", **both)),
        (400, server.http("POST", BULK, b"1", {"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}", **both})),
        (400, post(server, BULK, stream, "no json\nat all")),
        (400, post(server, COLLECTOR, stream, '{"event":1}{')),
        (400, post(server, COLLECTOR, stream, '{"message":"no event"}')),
        (400, post(server, STRUCTURED, stream, '"hello"')),
        (400, post(server, STRUCTURED, stream, "")),
        (415, post(server, COLLECTOR, stream, '{"event":1}', "application/x-ndjson")),
        (415, post(server, BULK, stream, "1", "text/plain")),
        (413, post(server, BULK, stream, many)),
        (413, post(server, BULK, stream, '"' + "x" * 1_100_000 + '"')),
        (413, post(server, BULK, stream, gzip.compress(b" " * 2_000_000), **{"Content-Encoding": "gzip"})),
    ]:
        assert answer.status == status and answer.json["message"], (status, answer)
    assert post(server, BULK, stream, "no json").json["message"] == "All events were invalid"
    assert stored(logs, stream) == []
    # A signature and the access key as password do as well.
    headers = {"Content-Type": "application/json", "x-aws-log-group": "/otel/closed", "x-aws-log-stream": "s"}
    logs.create_log_stream(logGroupName="/otel/closed", logStreamName="s")
    assert server.signed("logs", STRUCTURED, headers, b'{"by":"signature"}').json == {}
    assert server.signed("monitoring", STRUCTURED, headers, b'{"by":"signature"}').status == 403
    (event,) = logs.get_log_events(logGroupName="/otel/closed", logStreamName="s")["events"]
    assert event["message"] == '{"by":"signature"}'

"""kill -9 of the real process under load, at random moments: what was acknowledged is there afterwards, exactly once.

The seed is fixed, so every run kills after the same number of acknowledgements; timing differs, the promise does not.
"""

import collections
import http.client
import json
import os
import random
import threading
import time

import pytest
from trailwatch import TARGETS, Paths, authorization, run

#: Kills in the test of mixed load; more of them when asked for.
ROUNDS = int(os.environ.get("TRAILWATCH_KILL_ROUNDS", "6"))
WRITERS = 3
#: Text that does not compress well.
FILLER = random.Random(7).randbytes(450_000).hex()


class Load:
    """Writers that go on until the server dies. Everything acknowledged is in `acknowledged`, everything sent in `sent`."""

    def __init__(self, server, round_number, kinds=("log", "metric", "audit")):
        self.server, self.round = server, round_number
        self.lock = threading.Lock()
        self.acknowledged = collections.defaultdict(set)
        self.sent = collections.defaultdict(set)
        self.count, self.reached, self.goal = 0, threading.Event(), None
        self.stopping = False
        self.threads = [threading.Thread(target=self.write, args=(kind, n)) for n in range(WRITERS) for kind in (getattr(self, k) for k in kinds)]

    def run_until(self, acknowledgements):
        """Starts the writers and returns as soon as that many calls were acknowledged."""
        self.goal = acknowledgements
        for thread in self.threads:
            thread.start()
        assert self.reached.wait(60), f"only {self.count} of {acknowledgements} calls were acknowledged"

    def join(self):
        self.stopping = True
        for thread in self.threads:
            thread.join(60)
            assert not thread.is_alive()

    def write(self, kind, writer):
        for number in range(100_000):
            records = [f"{self.round}-{writer}-{number}-{part}" for part in range(5)]
            if self.stopping:
                return
            with self.lock:
                self.sent[kind.__name__].update(records)
            try:
                answer = kind(writer, number, records)
            except Exception:  # noqa: BLE001: the server was killed; the call was not acknowledged
                return
            assert answer.status == 200, answer
            with self.lock:
                self.acknowledged[kind.__name__].update(records)
                self.count += 1
                if self.count >= self.goal:
                    self.reached.set()

    def log(self, writer, number, records):
        now = int(time.time() * 1000)
        events = [{"timestamp": now, "message": record + " " + "x" * 200} for record in records]
        return self.server.json_call("logs", "PutLogEvents", {"logGroupName": "/crash", "logStreamName": f"w{writer}", "logEvents": events})

    def bulk(self, writer, number, records):
        # A batch of about a megabyte, so that memtables fill and segments are written; its first and last event are looked for.
        del records[2:]
        now = int(time.time() * 1000)
        lines = [f"{records[0]} MARK", *(FILLER[n : n + 1000] for n in range(0, 900_000, 1000)), f"{records[1]} MARK"]
        events = [{"timestamp": now, "message": line} for line in lines]
        return self.server.json_call("logs", "PutLogEvents", {"logGroupName": "/crash", "logStreamName": f"w{writer}", "logEvents": events})

    def metric(self, writer, number, records):
        data = [{"MetricName": "M", "Value": 1, "Dimensions": [{"Name": "Record", "Value": record}]} for record in records]
        return self.server.json_call("monitoring", "PutMetricData", {"Namespace": "T/Crash", "MetricData": data})

    def audit(self, writer, number, records):
        # Each call is a management event of its own; the records after the first stand for nothing.
        del records[1:]
        return self.server.json_call("logs", "CreateLogGroup", {"logGroupName": f"/crash/{records[0]}"})


#: What a kill in the middle of a write leaves, and the server says at its next start; nothing of it was acknowledged.
TORN_TAIL = "cut a torn tail off the journal"


@pytest.fixture
def say(capsys):
    """Prints past pytest's capture: the measured times belong into every run's output."""

    def print_now(text):
        with capsys.disabled():
            print(f"\n  {text}", end="", flush=True)

    return print_now


def stored_logs(logs, pattern=""):
    messages, token = [], {}
    while True:
        page = logs.filter_log_events(logGroupName="/crash", filterPattern=pattern, **token)
        messages += [event["message"].split(" ")[0] for event in page["events"]]
        if "nextToken" not in page:
            return collections.Counter(messages)
        token = {"nextToken": page["nextToken"]}


def stored_metrics(cloudwatch, since):
    """How often each record's datapoint is there: its SampleCount."""
    pages = cloudwatch.get_paginator("list_metrics").paginate(Namespace="T/Crash")
    records = [m["Dimensions"][0]["Value"] for page in pages for m in page["Metrics"]]
    counts = collections.Counter()
    for first in range(0, len(records), 500):
        chunk = records[first : first + 500]
        queries = [
            {"Id": f"q{n}", "MetricStat": {"Metric": {"Namespace": "T/Crash", "MetricName": "M", "Dimensions": [{"Name": "Record", "Value": record}]},
                                           "Period": 3600, "Stat": "SampleCount"}}
            for n, record in enumerate(chunk)
        ]
        for page in cloudwatch.get_paginator("get_metric_data").paginate(
            MetricDataQueries=queries, StartTime=since - 7200, EndTime=time.time() + 7200
        ):
            for result in page["MetricDataResults"]:
                counts[chunk[int(result["Id"][1:])]] += int(sum(result["Values"]))
    return counts


def stored_audit(cloudtrail):
    pages = cloudtrail.get_paginator("lookup_events").paginate(LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "CreateLogGroup"}])
    names = collections.Counter()
    for page in pages:
        for event in page["Events"]:
            record = json.loads(event["CloudTrailEvent"])
            name = (record.get("requestParameters") or {}).get("logGroupName", "")
            if name.startswith("/crash/") and "errorCode" not in record:
                names[name.removeprefix("/crash/")] += 1
    return names


def check(kind, stored, acknowledged, sent):
    lost = [record for record in acknowledged if stored[record] == 0]
    assert not lost, f"{kind}: {len(lost)} of {len(acknowledged)} acknowledged records are gone, such as {sorted(lost)[:5]}"
    twice = [record for record, count in stored.items() if count > 1]
    assert not twice, f"{kind}: {len(twice)} records are there more than once, such as {sorted(twice)[:5]}"
    invented = set(stored) - sent
    assert not invented, f"{kind}: never sent: {sorted(invented)[:5]}"


def test_kill_9_under_load_loses_nothing_acknowledged(make_server, say):
    moments = random.Random(20261122)
    server = make_server("crash").start()
    server.expect_complaint(TORN_TAIL)
    logs = server.client("logs")
    logs.create_log_group(logGroupName="/crash")
    for writer in range(WRITERS):
        logs.create_log_stream(logGroupName="/crash", logStreamName=f"w{writer}")
    began = time.time()
    acknowledged, sent, restarts = collections.defaultdict(set), collections.defaultdict(set), []
    for round_number in range(ROUNDS):
        load = Load(server, round_number)
        load.run_until(moments.randrange(5, 250))
        time.sleep(moments.random() * 0.02)  # the moment within a call, not a wait for anything
        server.kill()
        load.join()
        for kind in ("log", "metric", "audit"):
            acknowledged[kind] |= load.acknowledged[kind]
            sent[kind] |= load.sent[kind]
        server.start()
        restarts.append(server.ready_seconds)
        say(f"round {round_number}: killed after {load.count} acknowledged calls; /health again after {server.ready_seconds:.2f} s")
        check("logs", stored_logs(server.client("logs")), acknowledged["log"], sent["log"])
        check("audit events", stored_audit(server.client("cloudtrail")), acknowledged["audit"], sent["audit"])
    check("datapoints", stored_metrics(server.client("cloudwatch"), began), acknowledged["metric"], sent["metric"])
    total = {kind: len(records) for kind, records in acknowledged.items()}
    say(f"acknowledged and kept: {total}; slowest restart {max(restarts):.2f} s")
    assert all(count > 50 for count in total.values()), f"too little load to mean anything: {total}"
    assert max(restarts) < 10, "a restart with a small journal takes well under a second; this bound allows for a busy machine"
    assert server.stop() == 0
    server.start()
    check("logs after a clean stop", stored_logs(server.client("logs")), acknowledged["log"], sent["log"])
    check("datapoints after a clean stop", stored_metrics(server.client("cloudwatch"), began), acknowledged["metric"], sent["metric"])


def test_kill_9_while_segments_are_written(make_server, say):
    """The same with batches of a megabyte: memtables are cut into segments meanwhile, and a batch is there whole or not at all."""
    moments = random.Random(42)
    server = make_server("bulk").start()
    server.expect_complaint(TORN_TAIL)
    logs = server.client("logs")
    logs.create_log_group(logGroupName="/crash")
    for writer in range(WRITERS):
        logs.create_log_stream(logGroupName="/crash", logStreamName=f"w{writer}")
    acknowledged, sent = set(), set()
    for round_number in range(4):
        load = Load(server, round_number, kinds=("bulk",))
        load.run_until(moments.randrange(60, 200))
        time.sleep(moments.random() * 0.1)  # the moment within a call or a flush, not a wait for anything
        server.kill()
        load.join()
        acknowledged |= load.acknowledged["bulk"]
        sent |= load.sent["bulk"]
        server.start()
        say(f"round {round_number}: killed after {load.count} MB; /health again after {server.ready_seconds:.2f} s")
        stored = stored_logs(server.client("logs"), "MARK")
        check("logs", stored, acknowledged, sent)
    whole = collections.Counter(record.rpartition("-")[0] for record in stored)
    assert set(whole.values()) == {2}, "a batch is stored in part"
    assert server.http("GET", "/health").json["store"]["segments"] > 0, "the load was too small to cut a segment"


def test_a_backup_under_load_has_all_that_was_acknowledged(make_server, tmp_path, say):
    """`trailwatch backup` beside a server that is written to; a server on the copy has it all, and `trailwatch check` finds nothing."""
    server = make_server("source").start()
    logs = server.client("logs")
    logs.create_log_group(logGroupName="/crash")
    for writer in range(WRITERS):
        logs.create_log_stream(logGroupName="/crash", logStreamName=f"w{writer}")
    began = time.time()
    load = Load(server, 0, kinds=("log", "metric", "audit", "bulk"))
    load.run_until(700)
    with load.lock:
        before = {kind: set(records) for kind, records in load.acknowledged.items()}
    done = run([Paths.server(), "backup", "--data-dir", server.data_dir, "--output", tmp_path / "copy"])
    assert done.returncode == 0, done.stderr
    load.join()
    say(f"{done.stdout.strip()}; {load.count - sum(map(len, before.values())) // 5} calls went on beside it")
    refused = run([Paths.server(), "backup", "--data-dir", server.data_dir, "--output", tmp_path / "copy"])
    assert refused.returncode == 1 and "choose a new folder" in refused.stderr
    refused = run([Paths.server(), "check", "--data-dir", server.data_dir])
    assert refused.returncode == 1 and "is in use" in refused.stderr
    assert server.stop() == 0
    checked = run([Paths.server(), "check", "--data-dir", tmp_path / "copy"])
    assert checked.returncode == 0 and "0 problems" in checked.stdout, checked.stdout + checked.stderr
    copy = make_server("copy").start()
    check("logs", stored_logs(copy.client("logs"), "xxxxxxxx -MARK"), before["log"], load.sent["log"])
    check("batches", stored_logs(copy.client("logs"), "MARK"), before["bulk"], load.sent["bulk"])
    check("audit events", stored_audit(copy.client("cloudtrail")), before["audit"], load.sent["audit"])
    check("datapoints", stored_metrics(copy.client("cloudwatch"), began), before["metric"], load.sent["metric"])
    assert copy.stop() == 0
    damaged = next((tmp_path / "copy" / "store" / "objects" / "segments" / "logs").glob("*.parquet"))
    contents = bytearray(damaged.read_bytes())
    contents[len(contents) // 2] ^= 1
    damaged.unlink()  # a backup's segments may be hard links to the source's
    damaged.write_bytes(contents)
    checked = run([Paths.server(), "check", "--data-dir", tmp_path / "copy"])
    assert checked.returncode == 1 and damaged.name in checked.stdout and "1 problem" in checked.stdout, checked.stdout


def test_a_killed_server_leaves_no_lock_behind(make_server):
    server = make_server("lock").start()
    server.expect_complaint(TORN_TAIL)
    server.kill()
    server.start()
    assert server.alive()
    assert server.stop() == 0


GIGABYTE = 1_000_000_000


def put_again_and_again(server, body, calls, failures):
    """Sends the same signed PutLogEvents on one connection; a signature is good for five minutes."""
    prefix, content_type = TARGETS["logs"]
    host, exports = server.endpoint.removeprefix("http://"), server.exports
    headers = {"Content-Type": content_type, "X-Amz-Target": f"{prefix}.PutLogEvents"}
    key, secret, region = (exports[f"AWS_{name}"] for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "DEFAULT_REGION"))
    headers = {**headers, "Host": host, **authorization(host, "logs", "/", headers, body, key, secret, region)}
    connection = http.client.HTTPConnection(host, timeout=60)
    for _ in range(calls):
        connection.request("POST", "/", body=body, headers=headers)
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            failures.append((answer.status, text[:300]))
            return
    connection.close()


def test_restart_with_a_gigabyte_stored_takes_less_than_two_seconds(make_server, say):
    """A gigabyte of log text, then kill -9: twice, and the faster restart counts, for a machine may be busy."""
    server = make_server("gigabyte").start()
    server.expect_complaint(TORN_TAIL)
    logs = server.client("logs")
    logs.create_log_group(logGroupName="/gigabyte")
    dice = random.Random(1)
    now = int(time.time() * 1000)
    lines = [f"{dice.getrandbits(64):016x} GET /api/orders/{dice.randrange(10**6)} {dice.choice((200, 404, 500))} {dice.random():.3f} " + "x" * 160 for _ in range(4200)]
    events = [{"timestamp": now + n // 100, "message": line} for n, line in enumerate(lines)]
    text_bytes = sum(map(len, lines))
    writers, failures = 4, []
    calls = GIGABYTE // text_bytes // writers + 1
    threads = []
    for n in range(writers):
        logs.create_log_stream(logGroupName="/gigabyte", logStreamName=f"s{n}")
        body = json.dumps({"logGroupName": "/gigabyte", "logStreamName": f"s{n}", "logEvents": events}).encode()
        threads.append(threading.Thread(target=put_again_and_again, args=(server, body, calls, failures)))
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(240)
        assert not thread.is_alive()
    assert not failures, failures[0]
    seconds = time.monotonic() - began
    restarts = []
    for _ in range(2):
        server.kill()
        server.start()
        restarts.append(server.ready_seconds)
    stored = calls * writers * text_bytes
    say(f"{stored / 1e9:.2f} GB in {seconds:.1f} s; /health again after " + " and ".join(f"{r:.2f} s" for r in restarts))
    page = server.client("logs").filter_log_events(logGroupName="/gigabyte", limit=10)
    assert len(page["events"]) == 10
    assert min(restarts) < 2

"""Three nodes on one PostgreSQL and one bucket: any takes any call, one leads, and another follows when it is killed, stopped or paused."""

import datetime
import http.client
import json
import os
import re
import signal
import threading
import time

import botocore.exceptions
import grpc
import postgres
import pytest
from nodes import SECONDS_MAX, Work
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2, logs_service_pb2_grpc
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from test_live_tail import Session, arn
from trailwatch import Answer, Paths, authorization, run, wait_until

pytestmark = pytest.mark.skipif(not postgres.installed(), reason="PostgreSQL is not installed")


def now_ms():
    return int(time.time() * 1000)


def make_stream(node, group, stream="s"):
    logs = node.client("logs")
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName=stream)


def messages(node, group):
    pages = node.client("logs").get_paginator("filter_log_events").paginate(logGroupName=group)
    return [event["message"] for page in pages for event in page["events"]]


def count_of(node, name):
    now = datetime.datetime.now(datetime.timezone.utc)
    hour = datetime.timedelta(hours=1)
    points = node.client("cloudwatch").get_metric_statistics(
        Namespace="Cluster", MetricName=name, StartTime=now - hour, EndTime=now + hour, Period=3600, Statistics=["SampleCount"]
    )["Datapoints"]
    return sum(point["SampleCount"] for point in points)


class Load(Work):
    """Threads that write one log event and one datapoint after another, each once; `node` says through which node the next call goes."""

    def __init__(self, node, group, writers=4):
        super().__init__()
        self.node, self.group = node, group
        self.acknowledged, self.failed = [], []
        self.points, self.unknown_points = 0, 0
        self.lock, self.in_use = threading.Lock(), {}
        self.begin(*((self.write, n) for n in range(writers)))

    def write(self, writer):
        clients = {}
        for number in range(1_000_000):
            if self.stopping.is_set():
                return
            with self.lock:
                node = self.node()
                self.in_use[node.name] = self.in_use.get(node.name, 0) + 1
            if node.endpoint not in clients:
                clients[node.endpoint] = (node.client("logs"), node.client("cloudwatch"))
            logs, cloudwatch = clients[node.endpoint]
            message = f"{writer}/{number}"
            try:
                try:
                    logs.put_log_events(logGroupName=self.group, logStreamName="s", logEvents=[{"timestamp": now_ms(), "message": message}])
                    with self.lock:
                        self.acknowledged.append((time.monotonic(), message))
                except (botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError) as error:
                    with self.lock:
                        self.failed.append((time.monotonic(), message, error))
                try:
                    cloudwatch.put_metric_data(Namespace="Cluster", MetricData=[{"MetricName": "calls", "Value": 1}])
                    with self.lock:
                        self.points += 1
                except (botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError) as error:
                    with self.lock:
                        self.unknown_points += 1
                        self.failed.append((time.monotonic(), "datapoint", error))
            finally:
                with self.lock:
                    self.in_use[node.name] -= 1

    def more(self, count):
        """Waits until so many more events were acknowledged."""
        wanted = len(self.acknowledged) + count
        wait_until(lambda: len(self.acknowledged) >= wanted, SECONDS_MAX, f"{count} more events are acknowledged")

    def check(self, node):
        """Everything that was acknowledged is there once; what was refused is there once or not at all."""
        there = messages(node, self.group)
        acknowledged = [message for _, message in self.acknowledged]
        assert len(there) == len(set(there)), "an event is there twice"
        lost = set(acknowledged) - set(there)
        assert not lost, f"{len(lost)} of {len(acknowledged)} acknowledged events are lost"
        assert set(there) - set(acknowledged) <= {message for _, message, _ in self.failed}
        assert self.points <= count_of(node, "calls") <= self.points + self.unknown_points


def raw_call(node, source, path="/", body=b"", target=None, service="logs", headers=None):
    """One signed call from the address `source`."""
    exports = node.exports
    sent = {"Content-Type": "application/x-amz-json-1.1", **({"X-Amz-Target": target} if target else {}), **(headers or {})}
    signature = authorization(
        node.host, service, path, sent, body, key=exports["AWS_ACCESS_KEY_ID"], secret=exports["AWS_SECRET_ACCESS_KEY"],
        region=exports["AWS_DEFAULT_REGION"],
    )
    connection = http.client.HTTPConnection(node.host, timeout=60, source_address=(source, 0))
    try:
        connection.request("POST", path, body, {**sent, **signature, "Host": node.host})
        answer = connection.getresponse()
        return Answer(answer.status, answer.getheaders(), answer.read())
    finally:
        connection.close()


def test_any_node_takes_any_call_and_says_who_leads(cluster):
    cluster.start("one", "two", "three")
    leader, (second, third) = cluster.led(), cluster.standbys()
    health = second.http("GET", "/health")
    assert health.status == 200 and health.json["role"] == "standby" and health.json["leader"] == leader.endpoint
    assert health.json["node"] == second.name
    make_stream(second, "/any")
    for number, node in enumerate([leader, second, third]):
        node.client("logs").put_log_events(
            logGroupName="/any", logStreamName="s", logEvents=[{"timestamp": now_ms(), "message": f"event {number}"}]
        )
    for node in cluster.running:
        assert messages(node, "/any") == ["event 0", "event 1", "event 2"]
    # Every protocol, and a live tail, go through.
    assert third.query_call("Action=ListMetrics&Version=2010-08-01").status == 200
    assert third.cli("cloudwatch", "list-metrics") is not None
    large = ["x" * 200_000 + f" {number}" for number in range(5)]
    second.client("logs").put_log_events(
        logGroupName="/any", logStreamName="s", logEvents=[{"timestamp": now_ms(), "message": message} for message in large]
    )
    assert sorted(messages(third, "/any")[3:]) == large
    session = Session(second, logGroupIdentifiers=[arn(third.client("logs"), "/any")])
    try:
        third.client("logs").put_log_events(
            logGroupName="/any", logStreamName="s", logEvents=[{"timestamp": now_ms(), "message": "as it comes"}]
        )
        wait_until(lambda: session.messages == ["as it comes"], 30, "the event comes through a standby")
    finally:
        session.close()
    # The trail has the client's address, not the node's; and nobody else can say it.
    assert raw_call(third, "127.0.0.9", body=b'{"logGroupName":"/from/nine"}', target="Logs_20140328.CreateLogGroup").status == 200
    wanted = [{"AttributeKey": "EventName", "AttributeValue": "CreateLogGroup"}]
    events = second.client("cloudtrail").lookup_events(LookupAttributes=wanted)["Events"]
    records = [json.loads(event["CloudTrailEvent"]) for event in events]
    (address,) = [record["sourceIPAddress"] for record in records if record["requestParameters"]["logGroupName"] == "/from/nine"]
    assert address == "127.0.0.9"
    for node in (leader, second):
        forged = {"X-Trailwatch-Forwarded": "203.0.113.9;;;" + "0" * 64}
        answer = raw_call(node, "127.0.0.1", body=b"{}", target="Logs_20140328.DescribeLogGroups", headers=forged)
        assert answer.status == 400, answer
    # An error is the leader's own, and a call that is not allowed is refused as ever.
    with pytest.raises(botocore.exceptions.ClientError) as raised:
        second.client("logs").create_log_group(logGroupName="/any")
    assert raised.value.response["Error"]["Code"] == "ResourceAlreadyExistsException"
    assert second.http("POST", "/_trailwatch/sql", b"SELECT 1").status == 403

    def status():
        return run([Paths.server(), "cluster", "status", "--endpoint", third.endpoint], env=third.environment())

    wait_until(lambda: all(name in status().stdout for name in ("one", "two", "three")), 30, "every node has told of itself")
    printed = status()
    assert printed.returncode == 0 and f"{leader.name} has the lease with token" in printed.stdout, printed
    assert [line.split()[1] for line in printed.stdout.splitlines()[1:4]].count("leader") == 1
    for node in cluster.standbys():
        assert node.stop() == 0
    assert leader.stop() == 0


def test_otlp_over_grpc_comes_to_any_node(cluster):
    cluster.settings = """
[bearer_tokens.collector]
token = "a-token-of-more-than-20-characters"
[otlp]
grpc = "127.0.0.1:0"
"""
    cluster.start("one", "two")
    leader, (second,) = cluster.led(), cluster.standbys()
    make_stream(second, "/otel")
    second.client("logs").put_bearer_token_authentication(logGroupIdentifier="/otel", bearerTokenAuthenticationEnabled=True)
    headers = {"authorization": "Bearer a-token-of-more-than-20-characters", "x-aws-log-group": "/otel", "x-aws-log-stream": "s"}

    def export(node, text, token=headers["authorization"]):
        (address,) = re.findall(r"listening for OTLP over gRPC address=(\S+)", node.log())
        record = LogRecord(time_unix_nano=time.time_ns(), body=AnyValue(string_value=text))
        logs = ResourceLogs(scope_logs=[ScopeLogs(log_records=[record])])
        with grpc.insecure_channel(address) as channel:
            stub = logs_service_pb2_grpc.LogsServiceStub(channel)
            metadata = tuple({**headers, "authorization": token}.items())
            stub.Export(logs_service_pb2.ExportLogsServiceRequest(resource_logs=[logs]), metadata=metadata, timeout=SECONDS_MAX)

    for node in (leader, second):
        export(node, node.name)
    with pytest.raises(grpc.RpcError) as raised:
        export(second, "no", token="Bearer another-token-that-is-long-enough")
    assert raised.value.code() is grpc.StatusCode.UNAUTHENTICATED
    # Who exports to the node that stays need not know that another one leads.
    leader.kill()
    export(second, "after")
    cluster.led()
    assert [json.loads(message)["body"] for message in messages(second, "/otel")] == [leader.name, second.name, "after"]
    assert second.stop() == 0


def test_a_node_without_the_keys_of_the_cluster_does_not_start(cluster):
    first = cluster.start("one").nodes["one"]
    for name, keys in (("two", "other"), ("three", "wrong")):
        folder = cluster.folder / "wrong"
        folder.mkdir(exist_ok=True)
        for file in (cluster.folder / "keys").iterdir():
            (folder / file.name).write_bytes(file.read_bytes())
        (folder / "digest-sealing-key").write_text("0" * 64)
        with pytest.raises(AssertionError, match="copy the folder"):
            cluster.node(name, keys).start()
    # Nor does a second process on a data directory that is in use.
    config = cluster.folder / "one.toml"
    arguments = ["serve", "--data-dir", first.data_dir, "--config", config, "--catalog-url", cluster.url, "--listen", "127.0.0.1:0"]
    done = run([Paths.server(), *arguments])
    assert done.returncode == 1 and "in use" in done.stderr, done.stderr
    assert first.alive() and first.stop() == 0


def test_a_killed_leader_is_followed_and_nothing_that_was_acknowledged_is_lost(cluster):
    cluster.start("one", "two", "three")
    leader, (second, third) = cluster.led(), cluster.standbys()
    make_stream(second, "/load")
    nodes = iter(range(1_000_000_000))
    load = Load(lambda: (second, third)[next(nodes) % 2], "/load")
    cloudwatch = third.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName="over", Namespace="Cluster", MetricName="calls", Statistic="SampleCount", Period=10, EvaluationPeriods=1,
        Threshold=0.0, ComparisonOperator="GreaterThanThreshold", TreatMissingData="ignore",
    )
    load.more(50)
    leader.kill()
    killed = time.monotonic()
    load.more(50)
    followed = min(at for at, _ in load.acknowledged if at > killed + 0.5)
    print(f"\nkill -9 of the leader: the next call succeeded {followed - killed:.1f} s later; {len(load.failed)} calls failed")
    new = cluster.led(but=leader)
    state = lambda: second.client("cloudwatch").describe_alarms(AlarmNames=["over"])["MetricAlarms"][0]["StateValue"]  # noqa: E731
    wait_until(lambda: state() == "ALARM", SECONDS_MAX, "the alarm is in ALARM")
    # The old one comes back as a standby, and the new leader is killed in turn.
    leader.start()
    cluster.led()
    load.node = lambda: leader
    load.more(20)
    wait_until(lambda: load.in_use.get(new.name, 0) == 0, SECONDS_MAX, "no call goes through the node that is killed")
    new.kill()
    killed = time.monotonic()
    load.more(50)
    followed = min(at for at, _ in load.acknowledged if at > killed + 0.5)
    print(f"kill -9 of the next leader: the next call succeeded {followed - killed:.1f} s later; {len(load.failed)} calls failed")
    load.stop()
    for error in (error for _, _, error in load.failed):
        assert "ServiceUnavailable" in str(error), error
    load.check(leader)
    items = leader.client("cloudwatch").describe_alarm_history(AlarmName="over", HistoryItemType="StateUpdate")["AlarmHistoryItems"]
    moves = [json.loads(item["HistoryData"])["newState"]["stateValue"] for item in items]
    assert moves.count("ALARM") == 1, moves
    assert all(node.stop() == 0 for node in cluster.running)


def test_a_killed_primary_of_postgresql_is_followed_by_its_standby(cluster):
    """The nodes know one address, as of a virtual IP: a link to the folder of whichever PostgreSQL takes writes."""
    primary, link = cluster.database, cluster.folder / "primary"
    link.symlink_to(primary.folder)
    cluster.url = cluster.url.replace(str(primary.folder).replace("/", "%2F"), str(link).replace("/", "%2F"))
    standby = postgres.Standby(primary)
    try:
        cluster.start("one", "two", "three")
        make_stream(cluster.led(), "/failover")
        nodes = iter(range(1_000_000_000))
        load = Load(lambda: cluster.running[next(nodes) % 3], "/failover", writers=2)
        made, refused, stopping = [], [], threading.Event()

        def make_groups(client):
            for number in range(1_000_000):
                if stopping.is_set():
                    return
                try:
                    client.create_log_group(logGroupName=f"/made/{number}")
                    made.append((time.monotonic(), f"/made/{number}"))
                except botocore.exceptions.ClientError as error:
                    refused.append(error.response["ResponseMetadata"]["HTTPStatusCode"])

        maker = threading.Thread(target=make_groups, args=(cluster.standbys()[0].client("logs"),))
        maker.start()
        load.more(50)
        wait_until(lambda: len(made) >= 20, SECONDS_MAX, "20 groups were made")
        primary.kill()
        killed = time.monotonic()
        standby.promote()
        (cluster.folder / "next").symlink_to(standby.folder)
        os.replace(cluster.folder / "next", link)
        wait_until(lambda: made[-1][0] > killed + 0.5, SECONDS_MAX, "groups are made again")
        print(f"\nkill -9 of PostgreSQL's primary: the next group was made {min(at for at, _ in made if at > killed + 0.5) - killed:.1f} s later")
        load.more(50)
        stopping.set()
        maker.join(SECONDS_MAX)
        load.stop()
        assert set(refused) <= {503}, set(refused)
        leader = cluster.led()
        load.check(leader)
        pages = leader.client("logs").get_paginator("describe_log_groups").paginate(logGroupNamePrefix="/made/")
        there = {group["logGroupName"] for page in pages for group in page["logGroups"]}
        assert {name for _, name in made} <= there
        assert all(node.stop() == 0 for node in cluster.standbys()) and leader.stop() == 0
    finally:
        for node in cluster.running:
            node.kill()
        standby.remove()


def test_a_rolling_restart_refuses_no_call(cluster):
    cluster.start("one", "two", "three")
    out = set()
    turn = iter(range(1_000_000_000))

    def next_node():
        nodes = [node for node in cluster.running if node.name not in out]
        return nodes[next(turn) % len(nodes)]

    make_stream(cluster.led(), "/rolling")
    load = Load(next_node, "/rolling")
    # The leader, then the two others, one of which leads by then; and whoever leads at the end once more.
    order = [cluster.led(), *cluster.standbys()]
    for node in [*order, None]:
        node = node or cluster.led()
        load.more(20)
        # As a load balancer does: no new calls, and those that are there are waited for.
        with load.lock:
            out.add(node.name)
        wait_until(lambda: load.in_use.get(node.name, 0) == 0, SECONDS_MAX, "its calls have ended")
        began = time.monotonic()
        assert node.stop() == 0
        print(f"\n{node.name} stopped in {time.monotonic() - began:.1f} s")
        load.more(20)
        node.start()
        cluster.led()
        out.discard(node.name)
    load.more(20)
    load.stop()
    assert not load.failed, load.failed[:3]
    load.check(cluster.led())
    assert all(node.stop() == 0 for node in cluster.standbys())


def test_a_paused_leader_commits_and_acknowledges_nothing(cluster):
    cluster.start("one", "two", "three")
    old, (second, _) = cluster.led(), cluster.standbys()
    make_stream(second, "/paused")
    old.client("cloudwatch").put_metric_data(Namespace="Cluster", MetricData=[{"MetricName": "before", "Value": 1}])
    os.kill(old.process.pid, signal.SIGSTOP)
    outcomes = []

    def call(function, **parameters):
        try:
            function(**parameters)
            outcomes.append((parameters, True))
        except (botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError):
            outcomes.append((parameters, False))

    event = [{"timestamp": now_ms(), "message": "late"}]
    calls = [
        (old.client("cloudwatch").put_metric_data, {"Namespace": "Cluster", "MetricData": [{"MetricName": "late", "Value": 1}]}),
        (old.client("logs").put_log_events, {"logGroupName": "/paused", "logStreamName": "s", "logEvents": event}),
        (old.client("logs").create_log_group, {"logGroupName": "/late"}),
    ]
    threads = [threading.Thread(target=call, args=(function,), kwargs=parameters) for function, parameters in calls]
    try:
        for thread in threads:
            thread.start()
        new = wait_until(
            lambda: next((node for node in cluster.running if node is not old and node.http("GET", "/health").json["role"] == "leader"), None),
            SECONDS_MAX, "another node leads",
        )
        assert not outcomes, "who is paused answers nothing"
        new.client("cloudwatch").put_metric_data(Namespace="Cluster", MetricData=[{"MetricName": "after", "Value": 1}])
        epochs = sorted({key.split("/")[2] for key in cluster.s3.keys("nodes/journal/")})
        before = [key for key in cluster.s3.keys("nodes/journal/") if key.split("/")[2] != epochs[-1]]
    finally:
        os.kill(old.process.pid, signal.SIGCONT)
    assert old.process.wait(timeout=60) == 1, "who lost the lease ends"
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    after = [key for key in cluster.s3.keys("nodes/journal/") if key.split("/")[2] != epochs[-1]]
    assert set(after) <= set(before), "the old leader wrote to its journal"
    # What was acknowledged was handed on to the new leader; what was not, is not there.
    done = {next(iter(str(parameters.get(name)) for name in ("logGroupName", "MetricData") if name in parameters)): ok for parameters, ok in outcomes}
    assert len(done) == 3
    groups = [group["logGroupName"] for group in new.client("logs").describe_log_groups()["logGroups"]]
    assert ("/late" in groups) == done["/late"]
    assert messages(new, "/paused") == (["late"] if done["/paused"] else [])
    assert count_of(new, "before") == 1 and count_of(new, "after") == 1
    late = [ok for name, ok in done.items() if "late" in name and name != "/late"]
    assert [count_of(new, "late")] == [int(ok) for ok in late]
    # It starts again, and stands by.
    old.start()
    wait_until(lambda: old.http("GET", "/health").json["leader"] == new.endpoint, SECONDS_MAX, "it knows who leads")
    assert messages(old, "/paused") == messages(new, "/paused")


def test_postgresql_is_killed_and_comes_back(cluster):
    cluster.start("one", "two")
    (second,) = cluster.standbys()
    make_stream(second, "/database")
    load = Load(lambda: second, "/database", writers=2)
    load.more(20)
    cluster.database.kill()
    down = time.monotonic()
    wait_until(lambda: cluster.leader() is None, SECONDS_MAX, "the leader answers no calls once its lease has lapsed")
    cluster.database.start()
    load.more(20)
    print(f"\nPostgreSQL was killed and started: calls succeeded {time.monotonic() - down:.1f} s later")
    load.stop()
    cluster.led()
    load.check(second)

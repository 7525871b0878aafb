"""A network that is cut between nodes of a cluster, PostgreSQL and the bucket: calls succeed again soon, nothing that was acknowledged is lost
or there twice, and an alarm fires once for each change."""

import collections
import json
import re
import time

import botocore.exceptions
import network
import postgres
import pytest
from nodes import PROVOKED, SECONDS_MAX, Cluster, Work
from s3_stand_in import S3StandIn
from test_cluster import count_of, make_stream, messages, now_ms
from test_sns import Receiver
from trailwatch import Paths, run, wait_until

pytestmark = [
    pytest.mark.skipif(not postgres.installed(), reason="PostgreSQL is not installed"),
    pytest.mark.skipif(network.missing() is not None, reason=network.missing() or ""),
]

#: How soon calls must succeed again after a cut, seconds.
AGAIN_MAX = 10
#: The port of all nodes, each of which has an address of its own.
PORT = 8792
#: A writer's rest between two calls, seconds: the tests are about cuts, not about how much a cluster takes, and what is written before a cut
#: is read by who leads next.
REST = 0.1
HOOK = "arn:trailwatch:notify:us-east-1:123456789012:webhook/hook"

Call = collections.namedtuple("Call", "writer node kind began ended message error")


class CutCluster(Cluster):
    """A cluster whose nodes have a namespace each; PostgreSQL, the bucket and a receiver of notifications are at the address of services."""

    def __init__(self, make_server, folder):
        self.network, self.writers = network.Network("one", "two", "three"), None
        try:
            self.receiver = Receiver(self.network.services)
            settings = f'[notify]\nallow_private = true\n[notify.webhooks]\nhook = {{ url = "{self.receiver.url}/" }}\n'
            services = self.network.services
            super().__init__(make_server, folder, postgres.Postgres(services).start(), S3StandIn("records", address=services), settings)
            self.provoked = PROVOKED
        except BaseException:
            self.network.remove()
            raise

    def node(self, name, keys=None):
        return super().node(name, keys, listen=f"{self.network.addresses[name]}:{PORT}", prefix=self.network.inside(name))

    def address(self, node):
        return self.network.addresses[node.name]

    def lease(self, node):
        """The name of the node that leads, and the token of its lease, asked at `node`."""
        printed = run([Paths.server(), "cluster", "status", "--endpoint", node.endpoint], env=node.environment())
        assert printed.returncode == 0, printed
        return re.search(r"(\w+) has the lease with token (\d+)", printed.stdout).groups()

    def close(self):
        try:
            self.receiver.close()
            super().close()
        finally:
            self.network.remove()


@pytest.fixture
def cluster(make_server, tmp_path):
    cluster = CutCluster(make_server, tmp_path)
    yield cluster
    if cluster.writers:
        cluster.writers.stopping.set()
    try:
        for node in cluster.running:
            node.kill()
    finally:
        cluster.close()


class Writers(Work):
    """Threads, two at each node, that write one numbered log event and two datapoints after another, each once: one datapoint to be counted,
    and one that says `level`. While its node does not run a writer waits."""

    def __init__(self, nodes, group, each=2):
        super().__init__()
        self.group, self.level, self.calls = group, 0, []
        self.names = {f"{node.name}-{n}": node for node in nodes for n in range(each)}
        self.begin(*((self.write, name, node) for name, node in self.names.items()))

    def write(self, name, node):
        logs, cloudwatch = node.client("logs"), node.client("cloudwatch")
        for number in range(1_000_000):
            if self.stopping.wait(REST):
                return
            if not node.running:
                continue
            message = f"{name}/{number}"
            event = {"timestamp": now_ms(), "message": message}
            self.call(name, node, "event", message, lambda: logs.put_log_events(logGroupName=self.group, logStreamName="s", logEvents=[event]))
            data = [{"MetricName": "calls", "Value": 1}, {"MetricName": "level", "Value": self.level, "Timestamp": now_ms() / 1000}]
            self.call(name, node, "datapoint", message, lambda: cloudwatch.put_metric_data(Namespace="Cluster", MetricData=data))

    def call(self, name, node, kind, message, function):
        began, error = time.monotonic(), None
        try:
            function()
        except (botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError) as raised:
            error = raised
        self.calls.append(Call(name, node, kind, began, time.monotonic(), message, error))

    def acknowledged(self, since=0.0, until=float("inf")):
        """Calls that began and ended well in that time, in the order in which they ended."""
        return [call for call in list(self.calls) if call.error is None and since < call.began and call.ended < until]

    def failed(self, since=0.0):
        return [call for call in list(self.calls) if call.error is not None and since < call.ended]

    def again(self, since, *nodes):
        """Waits until every writer at the nodes has had an event and a datapoint acknowledged that it began to write after `since`, which must
        be soon after it; answers how soon, in seconds."""
        wanted = {(name, kind) for name, node in self.names.items() if node in nodes for kind in ("event", "datapoint")}

        def ended():
            first = {}
            for call in self.acknowledged(since):
                first.setdefault((call.writer, call.kind), call.ended - since)
            return max(first[which] for which in wanted) if wanted <= set(first) else None

        left = since + AGAIN_MAX - time.monotonic()
        return wait_until(ended, left, f"every writer at {', '.join(node.name for node in nodes)} succeeds again")

    def check(self, node):
        """Everything that was acknowledged is there once; what was refused is there once or not at all."""
        of = lambda calls, kind: [call.message for call in calls if call.kind == kind]  # noqa: E731
        there, acknowledged = messages(node, self.group), of(self.acknowledged(), "event")
        assert len(there) == len(set(there)), "an event is there twice"
        lost = set(acknowledged) - set(there)
        assert not lost, f"{len(lost)} of {len(acknowledged)} acknowledged events are lost"
        assert set(there) - set(acknowledged) <= set(of(self.failed(), "event"))
        points = len(of(self.acknowledged(), "datapoint"))
        assert points <= count_of(node, "calls") <= points + len(of(self.failed(), "datapoint"))


def put_alarm(node):
    node.client("cloudwatch").put_metric_alarm(
        AlarmName="level", Namespace="Cluster", MetricName="level", Statistic="Maximum", Period=10, EvaluationPeriods=1, Threshold=0.0,
        ComparisonOperator="GreaterThanThreshold", TreatMissingData="ignore", AlarmActions=[HOOK], OKActions=[HOOK],
    )


def wait_for_alarm(node, state):
    cloudwatch = node.client("cloudwatch")
    now = lambda: cloudwatch.describe_alarms(AlarmNames=["level"])["MetricAlarms"][0]["StateValue"]  # noqa: E731
    wait_until(lambda: now() == state, SECONDS_MAX, f"the alarm is in {state}")


def check_alarm(cluster, node):
    """It went up once and down once, and its receiver heard of each once."""
    items = node.client("cloudwatch").describe_alarm_history(AlarmName="level", HistoryItemType="StateUpdate", ScanBy="TimestampAscending")
    moves = [json.loads(item["HistoryData"])["newState"]["stateValue"] for item in items["AlarmHistoryItems"]]
    assert moves == ["OK", "ALARM", "OK"], moves
    heard = [json.loads(cluster.receiver.next()[2]) for _ in moves]
    states = [document["message"]["NewStateValue"] for document in heard]
    assert states == moves, states
    assert cluster.receiver.received.empty(), "it was told once more"


def begun(cluster):
    """Three nodes, writers at each, and an alarm that is in OK; answers the writers, the leader, and the others."""
    cluster.start("one", "two", "three")
    leader, others = cluster.led(), cluster.standbys()
    make_stream(leader, "/cut")
    put_alarm(leader)
    cluster.writers = writers = Writers([leader, *others], "/cut")
    # In this time nodes have heard of each other, too, which they look for each five seconds.
    wait_for_alarm(leader, "OK")
    return writers, leader, others


def ended(cluster, writers, node):
    """The level falls, and everything is looked at."""
    writers.again(time.monotonic(), *cluster.running)
    writers.level = 0
    wait_for_alarm(node, "OK")
    writers.stop()
    writers.check(node)
    check_alarm(cluster, node)
    assert all(node.stop() == 0 for node in cluster.standbys()) and cluster.led().stop() == 0


def test_a_cut_between_the_leader_and_a_follower(cluster):
    """Both reach all the others, so nobody takes the lease; calls at the follower find another way."""
    writers, leader, (follower, third) = begun(cluster)
    lease = cluster.lease(leader)
    cluster.network.cut(cluster.address(leader), cluster.address(follower))
    cut = time.monotonic()
    writers.level = 1
    print(f"\n{leader.name}, which leads, and {follower.name} were cut: calls succeeded after {writers.again(cut, *cluster.running):.1f} s")
    assert {call.node for call in writers.failed()} <= {follower}
    wait_for_alarm(follower, "ALARM")
    assert cluster.lease(leader) == lease, "the lease stays where it is"
    failed = len(writers.failed())
    assert failed <= len(writers.threads), "no more calls are refused than were on their way"
    cluster.network.mend()
    print(f"mended: calls succeeded after {writers.again(time.monotonic(), *cluster.running):.1f} s; {failed} failed")
    ended(cluster, writers, follower)


def test_a_leader_that_is_cut_off(cluster):
    """From everything but its clients, which is the worst case: what it says to them would be believed."""
    writers, old, others = begun(cluster)
    cluster.network.cut(cluster.address(old), cluster.network.services, *(cluster.address(node) for node in others))
    cut = time.monotonic()
    writers.level = 1
    leading = lambda: next((node for node in others if node.http("GET", "/health").json["role"] == "leader"), None)  # noqa: E731
    new = wait_until(leading, AGAIN_MAX, "another node leads")
    print(f"\n{old.name}, which leads, was cut off: {new.name} leads after {time.monotonic() - cut:.1f} s", end="")
    print(f", calls succeeded after {writers.again(cut, *others):.1f} s")
    assert old.http("GET", "/health").status == 503, "whose lease has lapsed says so"
    wait_for_alarm(new, "ALARM")
    assert not [call for call in writers.acknowledged(since=cut) if call.node is old], "it acknowledged what nobody has"
    epochs = sorted({key.split("/")[2] for key in cluster.s3.keys("nodes/journal/")})
    of_old = lambda: {key for key in cluster.s3.keys("nodes/journal/") if key.split("/")[2] != epochs[-1]}  # noqa: E731
    before = of_old()
    assert old.running, "it does not know yet that another has the lease"
    cluster.network.mend()
    mended = time.monotonic()
    assert old.process.wait(timeout=SECONDS_MAX) == 1, "who lost the lease ends"
    print(f"mended: {old.name} ended after {time.monotonic() - mended:.1f} s; {len(writers.failed())} calls failed")
    assert of_old() <= before, "the old leader wrote to its journal"
    # As a supervisor does.
    old.start()
    assert cluster.led() is new
    print(f"{old.name} was started: calls succeeded there after {writers.again(time.monotonic(), old):.1f} s")
    ended(cluster, writers, old)


def test_a_follower_that_is_cut_off(cluster):
    """First from PostgreSQL, which it does not need for handing calls on, then from everything."""
    writers, leader, (follower, third) = begun(cluster)
    lease = cluster.lease(leader)
    cluster.network.cut(cluster.address(follower), cluster.network.services)
    cut = time.monotonic()
    writers.level = 1
    print(f"\n{follower.name} lost PostgreSQL: calls succeeded after {writers.again(cut, *cluster.running):.1f} s")
    wait_for_alarm(follower, "ALARM")
    assert not writers.failed(), writers.failed()[:3]
    cluster.network.cut(cluster.address(follower), cluster.address(leader), cluster.address(third))
    cut = time.monotonic()
    writers.again(cut, leader, third)
    wait_until(lambda: len(writers.failed()) >= 2, SECONDS_MAX, "calls at it are refused")
    assert {call.node for call in writers.failed()} == {follower}
    cluster.network.mend()
    seconds = writers.again(time.monotonic(), *cluster.running)
    print(f"{follower.name} lost everything and came back: calls succeeded after {seconds:.1f} s; {len(writers.failed())} failed")
    assert cluster.lease(third) == lease, "the lease stays where it is"
    ended(cluster, writers, follower)

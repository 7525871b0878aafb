"""Nodes that stand by answer what only reads, no older than the node that leads would; and what a node does is its operator's choice."""

import json
import threading
import time

import botocore.exceptions
import postgres
import pytest
from nodes import SECONDS_MAX
from test_cluster import count_of, make_stream, messages, now_ms
from test_iam import allow, make_user
from test_protection import policy
from trailwatch import Paths, run, wait_until

pytestmark = pytest.mark.skipif(not postgres.installed(), reason="PostgreSQL is not installed")


def answered(node):
    """How many calls a node that stands by has answered by itself; None while it hands all of them on."""
    return node.http("GET", "/health").json.get("answered_reads")


def reading(*nodes):
    """Waits until each of them reads beside the one that leads."""
    for node in nodes:
        wait_until(lambda node=node: answered(node) is not None, SECONDS_MAX, f"{node.name} reads")


def by_itself(node, call):
    """What `call` gives, which the node must have answered by itself. (While it is behind for a moment it hands calls on.)"""

    def tried():
        before, outcome = answered(node), call()
        return [outcome] if answered(node) > before else None

    return wait_until(tried, SECONDS_MAX, f"{node.name} answers by itself")[0]


def put(node, group, message):
    event = {"timestamp": now_ms(), "message": message}
    node.client("logs").put_log_events(logGroupName=group, logStreamName="s", logEvents=[event])


def names_of(node, name):
    wanted = [{"AttributeKey": "EventName", "AttributeValue": name}]
    return node.client("cloudtrail").lookup_events(LookupAttributes=wanted)["Events"]


def test_what_was_acknowledged_anywhere_is_read_everywhere(cluster):
    cluster.start("one", "two", "three")
    leader, (second, third) = cluster.led(), cluster.standbys()
    reading(second, third)
    make_stream(leader, "/reads")
    nodes = [leader, second, third]
    for number in range(30):
        put(nodes[number % 3], "/reads", f"event {number}")
        nodes[number % 3].client("cloudwatch").put_metric_data(
            Namespace="Cluster", MetricData=[{"MetricName": "reads", "Value": number}]
        )
        # At once, and through another node.
        node = nodes[(number + 1) % 3]
        assert messages(node, "/reads") == [f"event {n}" for n in range(number + 1)]
        assert count_of(node, "reads") == number + 1
    for node in (second, third):
        assert by_itself(node, lambda node=node: len(messages(node, "/reads"))) == 30
        assert by_itself(node, lambda node=node: count_of(node, "reads")) == 30
        # What the call left behind is on the record before it is answered.
        before = len(names_of(leader, "DescribeLogStreams"))
        described = by_itself(node, lambda node=node: node.client("logs").describe_log_streams(logGroupName="/reads"))
        assert described["logStreams"][0]["logStreamName"] == "s" and "lastEventTimestamp" in described["logStreams"][0]
        events = by_itself(node, lambda node=node: names_of(node, "DescribeLogStreams"))
        assert len(events) > before
        record = json.loads(events[0]["CloudTrailEvent"])
        assert record["sourceIPAddress"] == "127.0.0.1" and record["requestParameters"] == {"logGroupName": "/reads"}
        assert by_itself(node, lambda node=node: node.client("cloudwatch").list_metrics(Namespace="Cluster"))["Metrics"]
        # Errors are its own, too, and on the record.
        with pytest.raises(botocore.exceptions.ClientError) as raised:
            node.client("logs").filter_log_events(logGroupName="/missing")
        assert raised.value.response["Error"]["Code"] == "ResourceNotFoundException"
    # The same answers by SQL, search and PromQL.
    statement = b"SELECT message FROM logs WHERE log_group = '/reads' ORDER BY message"
    told = {node.name: node.signed("trailwatch", "/_trailwatch/sql", {}, statement) for node in nodes}
    assert {answer.status for answer in told.values()} == {200}
    assert len({answer.body for answer in told.values()}) == 1 and len(told["one"].body.splitlines()) == 30
    assert all(node.stop() == 0 for node in cluster.standbys()) and leader.stop() == 0


def test_what_was_forbidden_or_masked_is_so_at_once_on_every_node(cluster):
    cluster.start("one", "two")
    leader, (second,) = cluster.led(), cluster.standbys()
    reading(second)
    make_stream(leader, "/private")
    put(leader, "/private", "from jo@example.com")
    iam = leader.client("iam")
    for number in range(5):
        key = make_user(iam, f"reader-{number}", allow("logs:FilterLogEvents"))
        reader = second.client("logs", key=key["AccessKeyId"], secret=key["SecretAccessKey"])
        assert reader.filter_log_events(logGroupName="/private")["events"]
        iam.delete_user_policy(UserName=f"reader-{number}", PolicyName="inline")
        with pytest.raises(botocore.exceptions.ClientError) as raised:
            reader.filter_log_events(logGroupName="/private")
        assert raised.value.response["Error"]["Code"] == "AccessDeniedException"
        iam.delete_access_key(UserName=f"reader-{number}", AccessKeyId=key["AccessKeyId"])
        with pytest.raises(botocore.exceptions.ClientError) as raised:
            reader.filter_log_events(logGroupName="/private")
        assert raised.value.response["Error"]["Code"] in ("UnrecognizedClientException", "InvalidClientTokenId")
        leader.client("logs").put_data_protection_policy(logGroupIdentifier="/private", policyDocument=policy("EmailAddress"))
        put(leader, "/private", "to jo@example.com")
        assert messages(second, "/private") == ["from jo@example.com", "to **************"]
        leader.client("logs").delete_data_protection_policy(logGroupIdentifier="/private")
        put(leader, "/private", "a jo@example.com")
        assert messages(second, "/private")[1:] == ["to **************", "a jo@example.com"]
        # A group of the same name is another group.
        leader.client("logs").delete_log_group(logGroupName="/private")
        make_stream(leader, "/private")
        assert messages(second, "/private") == []
        put(leader, "/private", "from jo@example.com")
    assert answered(second) > 0
    assert second.stop() == 0 and leader.stop() == 0


def test_nodes_that_read_follow_from_one_leader_to_the_next(cluster):
    cluster.start("one", "two", "three")
    group, number = "/follow", 0
    make_stream(cluster.led(), group)
    for _ in range(2):
        leader, standbys = cluster.led(), cluster.standbys()
        reading(*standbys)
        for _ in range(20):
            put(standbys[number % 2], group, f"{number:04}")
            number += 1
        for node in standbys:
            assert by_itself(node, lambda node=node: messages(node, group)) == [f"{n:04}" for n in range(number)]
        leader.kill()
        successor = cluster.led(but=leader)
        put(successor, group, f"{number:04}")
        number += 1
        (other,) = [node for node in standbys if node is not successor]
        assert messages(other, group) == [f"{n:04}" for n in range(number)]
        assert by_itself(other, lambda: messages(other, group)) == [f"{n:04}" for n in range(number)]
        cluster.nodes[leader.name].start()
    for node in cluster.standbys():
        assert node.stop() == 0
    assert cluster.led().stop() == 0


def test_reads_beside_writers_are_never_older_than_what_was_answered(cluster):
    """Every reader looks for all that it knows to be acknowledged before it asks, while records are written and the store is flushed."""
    cluster.start("one", "two", "three")
    leader, (second, third) = cluster.led(), cluster.standbys()
    reading(second, third)
    make_stream(leader, "/load")
    done, acknowledged, stale = threading.Event(), [0], []

    def write():
        logs = leader.client("logs")
        number = 0
        while not done.is_set():
            batch = [{"timestamp": now_ms(), "message": f"{n:06}" + "x" * 2000} for n in range(number, number + 100)]
            logs.put_log_events(logGroupName="/load", logStreamName="s", logEvents=batch)
            number += 100
            acknowledged[0] = number

    def read(node):
        logs = node.client("logs")
        while not done.is_set():
            least = acknowledged[0]
            events = logs.get_log_events(logGroupName="/load", logStreamName="s", limit=1)["events"]
            newest = int(events[-1]["message"][:6]) + 1 if events else 0
            if newest < least:
                stale.append((node.name, newest, least))

    threads = [threading.Thread(target=write), *(threading.Thread(target=read, args=(node,)) for node in (second, third))]
    for thread in threads:
        thread.start()
    wait_until(lambda: acknowledged[0] >= 40_000, 120, "40,000 events are acknowledged")
    done.set()
    for thread in threads:
        thread.join(SECONDS_MAX)
    assert not stale, stale[:5]
    for node in (second, third):
        assert answered(node) > 10
        assert node.stop() == 0
    assert leader.stop() == 0


def test_a_node_does_what_its_roles_say(cluster):
    cluster.node("one", keys=None).start()
    cluster.led()
    door = cluster.node("door")
    door.flags = (*door.flags, "--roles", "ingest")
    library = cluster.node("library")
    library.flags = (*library.flags, "--roles", "ingest,query")
    door.start(), library.start()
    leader = cluster.led()
    reading(library)
    make_stream(door, "/roles")
    put(door, "/roles", "event")
    assert by_itself(library, lambda: messages(library, "/roles")) == ["event"]
    assert messages(door, "/roles") == ["event"] and answered(door) is None

    def status():
        return run([Paths.server(), "cluster", "status", "--endpoint", door.endpoint], env=door.environment())

    rows = {"one": "ingest,query,tasks", "door": "ingest", "library": "ingest,query"}

    def told():
        lines = [line.split() for line in status().stdout.splitlines()[1:4]]
        return {line[0]: line[-1] for line in lines if line} == rows

    wait_until(told, SECONDS_MAX, "every node has told what it does")
    # Neither of them takes the place of the one that leads.
    leader.kill()
    began = time.monotonic()
    with pytest.raises(botocore.exceptions.ClientError) as raised:
        put(door, "/roles", "nobody leads")
    assert raised.value.response["Error"]["Code"] == "ServiceUnavailableException" and time.monotonic() - began > 10
    assert {node.http("GET", "/health").json["role"] for node in (door, library)} == {"standby"}
    cluster.nodes["one"].start()
    cluster.led()
    put(door, "/roles", "again")
    assert messages(library, "/roles") == ["event", "again"]
    # It waits for nobody when it stops, for nobody can follow it.
    one = cluster.nodes["one"]
    assert one.stop() == 0 and "no other node leads yet" not in one.log()
    assert door.stop() == 0 and library.stop() == 0

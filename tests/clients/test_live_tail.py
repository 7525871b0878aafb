"""Live tail with boto3 and the aws cli: what arrives while a session is open, as AWS frames it."""

import json
import signal
import subprocess
import threading
import time

import pytest
from botocore.exceptions import ClientError
from test_logs import code_of, make, now_ms
from trailwatch import Paths, run, wait_until


def tailing(server):
    """A client that does not put `stream-` before the host of this call, as it would by itself: no local name has it."""
    return server.client("logs", inject_host_prefix=False)


class Session:
    """A live tail session that is read by a thread of its own."""

    def __init__(self, server, **parameters):
        self.stream = tailing(server).start_live_tail(**parameters)["responseStream"]
        self.start, self.updates = None, []
        threading.Thread(target=self.read, daemon=True).start()
        wait_until(lambda: self.start, 30, "the session starts")

    def read(self):
        try:
            for event in self.stream:
                if "sessionStart" in event:
                    self.start = event["sessionStart"]
                else:
                    self.updates.append(event["sessionUpdate"])
        except Exception:  # The test has closed the stream under its feet.
            pass

    @property
    def results(self):
        return [result for update in list(self.updates) for result in update["sessionResults"]]

    @property
    def messages(self):
        return [result["message"] for result in self.results]

    def close(self):
        self.stream.close()


def arn(logs, group):
    return logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]["logGroupArn"]


def put(logs, names, *messages):
    events = [{"timestamp": now_ms(), "message": message} for message in messages]
    logs.put_log_events(**names, logEvents=events)


def test_a_session_shows_what_arrives(server, logs):
    names = make(logs, "/tail/a", "web-1", "db-1")
    put(logs, names, "before the session")
    session = Session(server, logGroupIdentifiers=[arn(logs, "/tail/a")], logEventFilterPattern="-quiet")
    try:
        assert session.start["logGroupIdentifiers"] == [arn(logs, "/tail/a")]
        assert session.start["sessionId"]
        put(logs, names, "one", "quiet one", "two")
        wait_until(lambda: len(session.messages) >= 2, 30, "two events")
        assert session.messages == ["one", "two"]
        result = session.results[0]
        assert result["logStreamName"] == "web-1"
        assert result["logGroupIdentifier"].endswith(":/tail/a")
        assert result["ingestionTime"] >= result["timestamp"] - 1000
        # Updates come without events too.
        count = len(session.updates)
        wait_until(lambda: len(session.updates) >= count + 2, 30, "empty updates")
        assert not session.updates[-1]["sessionMetadata"]["sampled"]
    finally:
        session.close()


def test_streams_by_name_and_prefix(server, logs):
    names = make(logs, "/tail/streams", "web-1", "web-2", "db-1")
    by_prefix = Session(server, logGroupIdentifiers=[arn(logs, "/tail/streams")], logStreamNamePrefixes=["web-"])
    by_name = Session(server, logGroupIdentifiers=[arn(logs, "/tail/streams")], logStreamNames=["db-1"])
    try:
        for stream in ("web-1", "web-2", "db-1"):
            put(logs, {**names, "logStreamName": stream}, stream)
        wait_until(lambda: len(by_prefix.messages) >= 2 and by_name.messages, 30, "events of the wanted streams")
        assert by_prefix.messages == ["web-1", "web-2"]
        assert by_name.messages == ["db-1"]
    finally:
        by_prefix.close()
        by_name.close()


def test_many_events_are_sampled(server, logs):
    names = make(logs, "/tail/many")
    session = Session(server, logGroupIdentifiers=[arn(logs, "/tail/many")])
    try:
        put(logs, names, *[f"event {n}" for n in range(5000)])
        wait_until(lambda: session.messages, 30, "a sample")
        update = next(update for update in session.updates if update["sessionResults"])
        assert update["sessionMetadata"]["sampled"]
        assert len(update["sessionResults"]) == 500
        assert update["sessionResults"][0]["message"] == "event 0"
    finally:
        session.close()


def test_a_session_that_nobody_reads_slows_no_writer(server, logs):
    names = make(logs, "/tail/unread")
    stream = tailing(server).start_live_tail(logGroupIdentifiers=[arn(logs, "/tail/unread")])["responseStream"]
    try:
        # More than sockets and one update hold.
        filler = "x" * 100_000
        for call in range(60):
            put(logs, names, *[f"{call}.{n} {filler}" for n in range(10)])
        last = logs.get_log_events(**names, limit=1)["events"][0]["message"]
        assert last.startswith("59.9 "), "all of it is taken though nobody reads"
        # The session has lost some of it, says so, and goes on.
        sampled = False
        for event in stream:
            update = event.get("sessionUpdate")
            if update is None:
                continue
            sampled = sampled or update["sessionMetadata"]["sampled"]
            if any(result["message"] == "the end" for result in update["sessionResults"]):
                break
            put(logs, names, "the end")
        assert sampled
    finally:
        stream.close()


def test_what_is_refused(server, logs):
    make(logs, "/tail/refused")
    tail = tailing(server).start_live_tail
    group = arn(logs, "/tail/refused")
    assert code_of(tail, logGroupIdentifiers=["/tail/refused"]) == "InvalidParameterException"
    assert code_of(tail, logGroupIdentifiers=[group + "x"]) == "ResourceNotFoundException"
    assert code_of(tail, logGroupIdentifiers=[group], logEventFilterPattern="{ $.a = }") == "InvalidParameterException"
    assert (
        code_of(tail, logGroupIdentifiers=[group], logStreamNames=["a"], logStreamNamePrefixes=["b"])
        == "InvalidParameterException"
    )
    make(logs, "/tail/refused-2")
    both = [group, arn(logs, "/tail/refused-2")]
    assert code_of(tail, logGroupIdentifiers=both, logStreamNames=["a"]) == "InvalidParameterException"


def test_sessions_are_counted_and_freed(server, logs):
    make(logs, "/tail/count")
    group = arn(logs, "/tail/count")
    client = tailing(server)
    open_streams = []

    def open_one():
        open_streams.append(client.start_live_tail(logGroupIdentifiers=[group])["responseStream"])
        return True

    with pytest.raises(ClientError) as raised:
        for _ in range(50):
            open_one()
    assert raised.value.response["Error"]["Code"] == "LimitExceededException"
    for stream in open_streams:
        stream.close()

    def is_free():
        try:
            return open_one()
        except ClientError:
            return False

    # The server notices that a client has gone when it next writes to it.
    wait_until(is_free, 30, "a session is free again")
    open_streams[-1].close()


def test_the_server_stops_beside_open_sessions(make_server):
    server = make_server().start()
    logs = server.client("logs")
    make(logs, "/tail/stop")
    session = Session(server, logGroupIdentifiers=[arn(logs, "/tail/stop")])
    began = time.monotonic()
    server.stop()
    assert time.monotonic() - began < 10
    session.close()


def test_the_cli_tails(server, logs):
    names = make(logs, "/tail/cli")
    arguments = ("logs", "start-live-tail", "--log-group-identifiers", arn(logs, "/tail/cli"))
    tail = server.start_cli(*arguments, PYTHONUNBUFFERED="1")
    lines = []
    threading.Thread(target=lambda: lines.extend(iter(tail.stdout.readline, "")), daemon=True).start()
    try:
        sent = 0

        def is_shown():
            nonlocal sent
            sent += 1
            put(logs, names, f"hello {sent}")
            time.sleep(0.5)
            return any("hello" in line for line in lines)

        wait_until(is_shown, 60, "the cli shows an event")
    finally:
        tail.send_signal(signal.SIGINT)
        tail.wait(30)


def test_our_own_command_tails(server, logs):
    names = make(logs, "/tail/own", "web-1", "db-1")
    arguments = [Paths.server(), "tail", "/tail/own", "--filter", "hello", "--stream-prefix", "web-", "--json"]
    tail = subprocess.Popen(
        [str(argument) for argument in arguments], stdout=subprocess.PIPE, text=True, env=server.environment()
    )
    lines = []
    threading.Thread(target=lambda: lines.extend(iter(tail.stdout.readline, "")), daemon=True).start()
    try:
        put(logs, {**names, "logStreamName": "db-1"}, "hello from elsewhere")
        sent = 0

        def is_shown():
            nonlocal sent
            sent += 1
            put(logs, names, f"hello {sent}", "something else")
            time.sleep(0.5)
            return lines

        wait_until(is_shown, 60, "trailwatch tail shows an event")
        event = json.loads(lines[0])
        assert event["message"].startswith("hello ") and event["logStreamName"] == "web-1"
    finally:
        tail.kill()
        tail.wait(30)
    unknown = run([Paths.server(), "tail", "/tail/nowhere"], env=server.environment())
    assert unknown.returncode == 1 and "there is no log group /tail/nowhere" in unknown.stderr


def start_tail(server, *arguments):
    """`trailwatch tail` and the list that its lines go to."""
    command = [str(argument) for argument in (Paths.server(), "tail", *arguments)]
    tail = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=server.environment())
    lines = []
    threading.Thread(target=lambda: lines.extend(iter(tail.stdout.readline, "")), daemon=True).start()
    return tail, lines


def test_our_own_command_tails_audit_events(server, logs, cloudtrail):
    chosen = ("--name", "CreateLogGroup", "--name", "PutLogEvents", "--source", "logs", "--filter", "/tail/audited/")
    tail, lines = start_tail(server, "--events", *chosen, "--json")
    failed, failures = start_tail(server, "--events", "--errors", "--source", "logs.amazonaws.com")
    try:
        sent = 0

        def is_shown():
            nonlocal sent
            sent += 1
            logs.create_log_group(logGroupName=f"/tail/other/{sent}")
            logs.create_log_group(logGroupName=f"/tail/audited/{sent}")
            assert code_of(logs.create_log_group, logGroupName=f"/tail/audited/{sent}") == "ResourceAlreadyExistsException"
            return lines and failures

        wait_until(is_shown, 60, "both tails show an event")
        events = [json.loads(line) for line in lines]
        assert {event["eventName"] for event in events} == {"CreateLogGroup"}
        assert all(event["requestParameters"]["logGroupName"].startswith("/tail/audited/") for event in events)
        assert " logs.amazonaws.com CreateLogGroup " in failures[0]
        assert failures[0].endswith(" ResourceAlreadyExistsException\n")
    finally:
        for process in (tail, failed):
            process.kill()
            process.wait(30)
    asked = cloudtrail.lookup_events(LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "TailEvents"}])["Events"]
    parameters = [json.loads(event["CloudTrailEvent"])["requestParameters"] for event in asked]
    assert {"name": ["CreateLogGroup", "PutLogEvents"], "source": ["logs"], "filter": ["/tail/audited/"]} in parameters


def test_audit_events_are_not_tailed_by_strangers_nor_beside_groups(server):
    stranger = run([Paths.server(), "tail", "--events"], env={**server.environment(), "AWS_SECRET_ACCESS_KEY": "wrong"})
    assert stranger.returncode == 1 and stranger.stderr.strip()
    assert server.http("GET", "/_trailwatch/events/tail").status == 403
    assert run([Paths.server(), "tail", "--events", "/a/group"], env=server.environment()).returncode == 2
    assert run([Paths.server(), "tail"], env=server.environment()).returncode == 2
    assert run([Paths.server(), "tail", "--errors", "/a/group"], env=server.environment()).returncode == 2

"""The log clients that people have already: `aws logs tail --follow`, watchtower (Python logging) and awslogs."""

import json
import queue
import subprocess
import threading
import time

import pytest
from trailwatch import Paths, run, wait_until

#: A program that logs as applications do; watchtower makes group and stream, batches and sends.
WATCHTOWER_PROGRAM = """
import logging, sys
import boto3, watchtower

handler = watchtower.CloudWatchLogHandler(
    log_group_name="/clients/watchtower", log_stream_name="app", boto3_client=boto3.client("logs"),
    log_group_retention_days=7, log_group_tags={"team": "shop"}, send_interval=1,
)
logger = logging.getLogger("shop")
logger.setLevel(logging.INFO)
logger.addHandler(handler)
for number in range(2_500):
    logger.info("order %d", number)
logger.error({"order": 17, "error": "card refused"})
logging.shutdown()
"""

#: Longest wait for a line to be printed, seconds.
PRINTED = 30


def make(logs, group, *messages):
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    put(logs, group, *messages)


def put(logs, group, *messages):
    at = int(time.time() * 1000)
    logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=[{"timestamp": at, "message": m} for m in messages])


def lines_of(process):
    """The lines that a process prints, as they come."""
    lines = queue.Queue()
    threading.Thread(target=lambda: [lines.put(line) for line in process.stdout], daemon=True).start()
    return lines


def next_with(lines, text):
    """The next line with a text in it."""
    while text not in (line := lines.get(timeout=PRINTED)):
        pass
    return line


#: Version 2 of the aws cli, which has `aws logs tail`; PyPI has version 1 only.
AWS_2 = "/usr/bin/aws"


def is_aws_2():
    try:
        return run([AWS_2, "--version"]).stdout.startswith("aws-cli/2.")
    except OSError:
        return False


@pytest.mark.skipif(not is_aws_2(), reason=f"{AWS_2} is not version 2 of the aws cli")
def test_aws_logs_tail_prints_and_follows(server, logs):
    make(logs, "/clients/tail", "first ERROR", "fine")
    tail = [AWS_2, "logs", "tail", "/clients/tail", "--since", "1h", "--endpoint-url", server.endpoint]
    once = run([*tail, "--format", "short"], env=server.environment())
    assert once.returncode == 0, once.stderr
    assert [line.split(" ", 1)[1] for line in once.stdout.splitlines()] == ["first ERROR", "fine"]
    following = subprocess.Popen(
        [*tail, "--follow", "--filter-pattern", "ERROR"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env=server.environment(PYTHONUNBUFFERED="1"),
    )
    try:
        lines = lines_of(following)
        assert next_with(lines, "first ERROR").split()[1] == "s"
        put(logs, "/clients/tail", "quiet", "second ERROR")
        next_with(lines, "second ERROR")
    finally:
        following.terminate()
        following.wait(timeout=30)
    assert lines.empty(), "only what the pattern takes, and each once"


def test_watchtower_ships_a_programs_log(server, logs):
    done = subprocess.run(
        [Paths.newest("python"), "-c", WATCHTOWER_PROGRAM], capture_output=True, text=True, timeout=60, env=server.environment()
    )
    assert done.returncode == 0 and not done.stderr, done.stderr
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName="/clients/watchtower")
    messages = [event["message"] for page in pages for event in page["events"]]
    assert messages[:-1] == [f"order {number}" for number in range(2_500)]
    assert json.loads(messages[-1])["error"] == "card refused"
    (group,) = logs.describe_log_groups(logGroupNamePrefix="/clients/watchtower")["logGroups"]
    assert group["retentionInDays"] == 7
    assert logs.list_tags_for_resource(resourceArn=group["logGroupArn"])["tags"] == {"team": "shop"}


def awslogs(server, *arguments):
    """Starts awslogs as its users do."""
    command = [Paths.newest("awslogs"), *arguments, "--aws-endpoint-url", server.endpoint]
    environment = server.environment(PYTHONUNBUFFERED="1", AWS_REGION=server.exports["AWS_DEFAULT_REGION"])
    return subprocess.Popen([str(a) for a in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)


def test_awslogs_lists_gets_and_watches(server, logs):
    make(logs, "/clients/awslogs", "one ERROR", "two")
    listed, _ = awslogs(server, "groups").communicate(timeout=60)
    assert "/clients/awslogs" in listed.splitlines(), listed
    got, _ = awslogs(server, "get", "/clients/awslogs", "ALL", "-s", "1h", "--no-color").communicate(timeout=60)
    assert [line.split() for line in got.splitlines()] == [["/clients/awslogs", "s", "one", "ERROR"], ["/clients/awslogs", "s", "two"]], got
    found, _ = awslogs(server, "get", "/clients/awslogs", "s.*", "-s", "1h", "-G", "-S", "-f", "ERROR", "--no-color").communicate(timeout=60)
    assert found.splitlines() == ["one ERROR"], found
    watching = awslogs(server, "get", "/clients/awslogs", "ALL", "-s", "1h", "-w", "--no-color")
    try:
        lines = lines_of(watching)
        next_with(lines, "two")
        put(logs, "/clients/awslogs", "three")
        next_with(lines, "three")
    finally:
        watching.terminate()
        watching.wait(timeout=30)
    wait_until(lines.empty, 1, "each line is printed once")

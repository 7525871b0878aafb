"""A server whose catalog is in PostgreSQL: what other tests ask of a file, a second server, and a PostgreSQL that is killed."""

import concurrent.futures
import contextlib
import os
import sqlite3
import subprocess
import sys
import threading
import time

import botocore.exceptions
import postgres
import pytest
from trailwatch import Paths, run, wait_until

pytestmark = pytest.mark.skipif(not postgres.installed(), reason="PostgreSQL is not installed")

#: Files of tests whose servers use most of what the catalog has, in two halves that run side by side: they wait more than they work.
REPRESENTATIVE = [["test_alarms.py", "test_logs.py", "test_iam.py"], ["test_sns.py", "test_cloudtrail.py", "test_subscriptions.py"]]
#: But for this one, which is about the aws cli and takes most of its file's time to start it.
LEFT_OUT = "clients/test_sns.py::test_the_first_topic_with_the_cli"
#: What a server says while PostgreSQL does not answer.
PROVOKED = r"catalog|PostgreSQL|postgres|57P0|connection|sqlx"


@pytest.fixture
def database():
    started = postgres.Postgres().start()
    yield started
    started.remove()


def test_what_other_tests_ask():
    """The servers of each half share one PostgreSQL."""

    def ask(files):
        return subprocess.run(
            [sys.executable, "-m", "pytest", "-c", "pytest.ini", "-q", "--tb=short", *(f"clients/{file}" for file in files), "--deselect", LEFT_OUT],
            cwd=Paths.workspace / "tests", env={**os.environ, "TRAILWATCH_CATALOG": "postgres"}, capture_output=True, text=True, timeout=540,
        )

    with concurrent.futures.ThreadPoolExecutor() as pool:
        halves = list(pool.map(ask, REPRESENTATIVE))
    assert all(half.returncode == 0 for half in halves), "\n".join(half.stdout[-6000:] + half.stderr[-2000:] for half in halves)


def test_one_server_has_the_catalog_and_its_data_directory_says_where_it_is(make_server, database, tmp_path):
    flags = ("--catalog-url", database.url("shared"))
    first = make_server("first", *flags).start()
    first.client("logs").create_log_group(logGroupName="/kept")
    data = str(make_server("second").data_dir)
    refused = run([Paths.server(), "serve", "--data-dir", data, "--listen", "127.0.0.1:0", *flags])
    assert refused.returncode == 1 and "in use by the server" in refused.stderr, refused.stderr
    first.kill()
    # The same server, started anew, need not wait for its own lease.
    first.start()
    first.client("logs").create_log_group(logGroupName="/kept/too")
    assert first.stop() == 0
    # The records are in the first one's data directory: another has none of them, and is only taken when it is said.
    refused = run([Paths.server(), "serve", "--data-dir", data, "--listen", "127.0.0.1:0", *flags])
    assert refused.returncode == 1 and "in another data directory" in refused.stderr, refused.stderr
    adopting = tmp_path / "adopting.toml"
    adopting.write_text("[catalog]\nadopt = true\n")
    second = make_server("second", "--config", adopting, *flags).start()
    # The group of the server's own log is among others, once it has said something.
    there = second.client("logs").describe_log_groups(logGroupNamePrefix="/kept")["logGroups"]
    names = [group["logGroupName"] for group in there]
    assert names == ["/kept", "/kept/too"]
    assert second.stop() == 0
    for command in (["backup", "--data-dir", str(first.data_dir), "--output", str(first.data_dir) + "-copy"],
                    ["sql", "--data-dir", str(first.data_dir), "SELECT 1"], ["serve", "--data-dir", str(first.data_dir)]):
        done = run([Paths.server(), *command])
        assert done.returncode == 1 and "pg_dump" in done.stderr, (command, done)
    assert "was not checked" in run([Paths.server(), "check", "--data-dir", str(first.data_dir)]).stdout


def test_the_resources_of_a_file_move_to_postgresql(make_server, database, tmp_path):
    server = make_server("moves").start()
    logs, data = server.client("logs"), str(server.data_dir)
    logs.create_log_group(logGroupName="/moved", tags={"team": "ü = @b"})
    logs.create_log_stream(logGroupName="/moved", logStreamName="s")
    event = {"timestamp": int(time.time() * 1000), "message": "before the move"}
    logs.put_log_events(logGroupName="/moved", logStreamName="s", logEvents=[event])
    server.client("cloudwatch").put_metric_alarm(
        AlarmName="moved", Namespace="N", MetricName="m", Statistic="Sum", Period=60, EvaluationPeriods=1, Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )
    server.client("s3").create_bucket(Bucket="a-bucket")
    server.client("cloudtrail").create_trail(Name="moved", S3BucketName="a-bucket")
    server.client("iam").create_user(UserName="moved")
    key = server.client("iam").create_access_key(UserName="moved")["AccessKey"]
    alarms = server.client("cloudwatch").describe_alarms(AlarmNames=["moved"])["MetricAlarms"]

    config = tmp_path / "catalog.toml"
    config.write_text(f'[catalog]\nurl = "{database.url("moves")}"\n')
    migrate = [Paths.server(), "migrate", "--data-dir", data, "--config", config]
    done = run(migrate)
    assert done.returncode == 1 and "locked" in done.stderr, ("while the server runs", done)
    assert server.stop() == 0
    # A database that has resources is none to move to, and the file is served as before.
    other = make_server("other", "--catalog-url", database.url("moves")).start()
    assert other.stop() == 0
    done = run(migrate)
    assert done.returncode == 1 and "choose another database" in done.stderr, done
    config.write_text(f'[catalog]\nurl = "{database.url("empty")}"\n')
    # What PostgreSQL refuses moves not at all: the file is served again, and moves to the same database when it can.
    with contextlib.closing(sqlite3.connect(server.data_dir / "catalog.db")) as file, file:
        file.execute("UPDATE log_groups SET kms_key_id = 'a' || char(0) WHERE name = '/moved'")
    done = run(migrate)
    assert done.returncode == 1 and "copy the resources to PostgreSQL" in done.stderr, done
    with contextlib.closing(sqlite3.connect(server.data_dir / "catalog.db")) as file, file:
        file.execute("UPDATE log_groups SET kms_key_id = NULL WHERE name = '/moved'")
    server.start()
    assert server.stop() == 0
    done = run(migrate)
    assert done.returncode == 0 and "rows of resources" in done.stdout, done
    refused = run([Paths.server(), "serve", "--data-dir", data])
    assert refused.returncode == 1 and "pg_dump" in refused.stderr, refused
    done = run(migrate)
    assert done.returncode == 1 and "holds no resources" in done.stderr, done

    moved = make_server("moves", "--config", config).start()
    logs = moved.client("logs")
    assert logs.get_log_events(logGroupName="/moved", logStreamName="s")["events"][0]["message"] == "before the move"
    arn = logs.describe_log_groups(logGroupNamePrefix="/moved")["logGroups"][0]["logGroupArn"]
    assert logs.list_tags_for_resource(resourceArn=arn)["tags"] == {"team": "ü = @b"}
    assert moved.client("cloudwatch").describe_alarms(AlarmNames=["moved"])["MetricAlarms"] == alarms
    assert [trail["Name"] for trail in moved.client("cloudtrail").describe_trails()["trailList"]] == ["moved"]
    as_user = moved.client("sts", key=key["AccessKeyId"], secret=key["SecretAccessKey"])
    assert as_user.get_caller_identity()["Arn"].endswith(":user/moved")
    # Ids go on: no stream comes by another's records.
    logs.create_log_group(logGroupName="/new")
    logs.create_log_stream(logGroupName="/new", logStreamName="s")
    assert logs.get_log_events(logGroupName="/new", logStreamName="s")["events"] == []
    assert moved.stop() == 0


def test_a_killed_postgresql_loses_nothing_and_the_server_goes_on(make_server, database):
    server = make_server("data", "--catalog-url", database.url("killed")).start()
    server.expect_complaint(PROVOKED)
    made, refused, stopping = [], [], threading.Event()
    failed = threading.Event()

    def write(writer):
        logs = server.client("logs")
        for number in range(100_000):
            if stopping.is_set():
                return
            name = f"/g/{writer}/{number}"
            try:
                logs.create_log_group(logGroupName=name)
                made.append(name)
            except botocore.exceptions.ClientError as error:
                # A group whose creation was refused may be there all the same: the answer to the commit may have been lost.
                refused.append((error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"]))
                failed.set()

    writers = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    for writer in writers:
        writer.start()
    wait_until(lambda: len(made) >= 50, 60, "50 groups were made")
    database.kill()
    assert failed.wait(30), "a call is refused while PostgreSQL is down"
    assert server.http("GET", "/health").status == 200, "records need no PostgreSQL"
    database.start()
    before = len(made)
    wait_until(lambda: len(made) >= before + 50, 60, "calls succeed again")
    stopping.set()
    for writer in writers:
        writer.join(60)
    assert {status // 100 for status, _ in refused} == {5}, set(refused)
    pages = server.client("logs").get_paginator("describe_log_groups").paginate(logGroupNamePrefix="/g/")
    there = {group["logGroupName"] for page in pages for group in page["logGroups"]}
    assert set(made) <= there
    assert server.stop() == 0

"""Going back to a moment: copies that the server makes of its data directory ([backup]), and `trailwatch restore`."""

import datetime
import os
import time

import postgres
import pytest
import trailwatch
from s3_stand_in import S3StandIn
from trailwatch import Paths, run, wait_until

pytestmark = pytest.mark.skipif(trailwatch.CATALOG != "file", reason="[backup] copies a data directory with its catalog")

TORN_TAIL = "cut a torn tail off the journal"


@pytest.fixture
def copies(tmp_path):
    return tmp_path / "copies"


@pytest.fixture(params=["folder", "bucket"])
def bucket_flags(request, tmp_path, copies):
    """What `restore` needs to know of the bucket that records are in; the file is the server's, too."""
    config, text = tmp_path / "trailwatch.toml", f'[backup]\nto = "{copies}"\nevery = "1s"\nkeep = "1h"\n'
    if request.param == "folder":
        config.write_text(text)
        yield []
        return
    s3 = S3StandIn("records")
    config.write_text(
        f'{text}[store]\nurl = "s3://records/all"\nendpoint = "{s3.endpoint}"\ndurability = "object"\n'
        'access_key_id = "KEY"\nsecret_access_key = "hidden"\n'
    )
    yield ["--config", config]
    s3.close()


@pytest.fixture
def server(make_server, tmp_path, bucket_flags):
    return make_server("data", "--config", tmp_path / "trailwatch.toml").start()


def names(copies):
    return sorted(path.name for path in copies.glob("20*Z")) if copies.exists() else []


def copied(copies):
    """Waits for a copy that began after this call; answers a moment that is not before it was whole."""
    before = names(copies)
    # The one that is on its way may lack what was acknowledged just now; the one after it has it.
    made = wait_until(lambda: names(copies)[len(before) + 1 :], 60, "two more copies")
    return to_time(made[-1])


def to_time(name):
    date, _, clock = name.partition("T")
    return f"{date}T{clock.replace('-', ':')}"


def state(server):
    logs, cloudwatch = server.client("logs"), server.client("cloudwatch")
    groups = [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"] if group["logGroupName"] != "/trailwatch/server"]
    lines = {
        group: sorted(event["message"] for event in logs.filter_log_events(logGroupName=group)["events"]) for group in groups
    }
    return lines, sorted(alarm["AlarmName"] for alarm in cloudwatch.describe_alarms()["MetricAlarms"])


def events(server):
    pages = server.client("cloudtrail").get_paginator("lookup_events")
    wanted = [{"AttributeKey": "ReadOnly", "AttributeValue": "false"}]
    return {event["EventId"] for page in pages.paginate(LookupAttributes=wanted) for event in page["Events"]}


def make_group(server, group, *lines):
    logs = server.client("logs")
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    now = int(time.time() * 1000)
    logs.put_log_events(
        logGroupName=group, logStreamName="s", logEvents=[{"timestamp": now, "message": line} for line in lines]
    )


def put_alarm(server, name):
    server.client("cloudwatch").put_metric_alarm(
        AlarmName=name, Namespace="N", MetricName="m", Statistic="Sum", Period=60, EvaluationPeriods=1, Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )  # fmt: skip


def test_each_moment_comes_back_with_its_records_and_resources(server, bucket_flags, copies, tmp_path, make_server):
    moments = []
    make_group(server, "/a", "one", "two")
    make_group(server, "/b", "secret")
    put_alarm(server, "first")
    moments.append((state(server), events(server), copied(copies)))
    server.client("logs").delete_log_group(logGroupName="/b")
    server.client("cloudwatch").delete_alarms(AlarmNames=["first"])
    put_alarm(server, "second")
    moments.append((state(server), events(server), copied(copies)))
    # A kill in the middle of a copy or not: the copies that are there are whole.
    server.expect_complaint(TORN_TAIL)
    server.kill()
    server.start()
    make_group(server, "/c", "three")
    moments.append((state(server), events(server), copied(copies)))
    assert [resources for _, resources in (moment[0] for moment in moments)] == [["first"], ["second"], ["second"]]
    vkey = run([Paths.server(), "vkey", "--data-dir", server.data_dir]).stdout
    assert server.stop() == 0

    for number, (seen, recorded, at) in enumerate(moments):
        data_dir = tmp_path / f"restored-{number}"
        command = [Paths.server(), "restore", "--from", copies, "--at", at, "--data-dir", data_dir]
        if bucket_flags:
            refused = run(command)
            assert refused.returncode == 1 and "--config FILE is needed" in refused.stderr and not data_dir.exists(), refused
        done = run([*command, *bucket_flags])
        assert done.returncode == 0, done.stdout + done.stderr
        assert "0 problems" in done.stdout and "under a new key" in done.stdout, done.stdout
        assert "which is the size of their tree" in done.stdout
        restored = make_server(data_dir.name)
        restored.expect_complaint(TORN_TAIL)
        restored.start()
        assert state(restored) == seen, at
        assert events(restored) == recorded, at
        assert restored.exports["AWS_ACCESS_KEY_ID"] == server.exports["AWS_ACCESS_KEY_ID"]
        # It goes on, and its log is another one.
        make_group(restored, "/new", "four")
        assert restored.stop() == 0
        own = run([Paths.server(), "vkey", "--data-dir", data_dir]).stdout
        assert own.startswith("trailwatch/") and own != vkey
        checked = run([Paths.server(), "check", "--data-dir", data_dir])
        assert checked.returncode == 0 and "0 problems" in checked.stdout, checked.stdout

    # What is there is not written over, and before the first copy there is nothing.
    again = run([Paths.server(), "restore", "--from", copies, "--data-dir", tmp_path / "restored-0"])
    assert again.returncode == 1 and "is not empty" in again.stderr, again.stderr
    early = run([Paths.server(), "restore", "--from", copies, "--at", "2020-01-01T00:00:00Z", "--data-dir", tmp_path / "early"])
    assert early.returncode == 1 and "no copy" in early.stderr and names(copies)[0][:10] in early.stderr, early.stderr
    assert not (tmp_path / "early").exists()


@pytest.mark.skipif(not postgres.installed(), reason="PostgreSQL is not installed")
def test_a_catalog_in_postgresql_has_to_be_in_the_state_that_the_copy_fits(make_server, tmp_path, copies):
    database = postgres.Postgres().start()
    try:
        url = database.url("back")
        with_backup, catalog = tmp_path / "backup.toml", tmp_path / "catalog.toml"
        catalog.write_text(f'[catalog]\nurl = "{url}"\n')
        with_backup.write_text(f'{catalog.read_text()}[backup]\nto = "{copies}"\nevery = "1s"\nkeep = "1h"\n')
        server = make_server("data", "--config", with_backup).start()
        make_group(server, "/a", "one")
        early = copied(copies)
        make_group(server, "/b", "two")
        put_alarm(server, "first")
        copied(copies)
        seen = state(server)
        # A copy whose mark is drawn is finished.
        assert server.stop() == 0

        def restore(at, name, *more):
            command = [Paths.server(), "restore", "--from", copies, "--at", at, "--data-dir", tmp_path / name, *more]
            return run(command)

        latest = to_time(names(copies)[-1])
        done = restore(latest, "restored")
        assert done.returncode == 1 and "are in PostgreSQL" in done.stderr and "recovery_target_xid" in done.stderr, done
        done = restore(early, "restored", "--config", catalog)
        assert done.returncode == 1 and "does not fit" in done.stderr and "recovery_target_xid" in done.stderr, done
        assert not (tmp_path / "restored").exists()
        done = restore(latest, "restored", "--config", catalog)
        assert done.returncode == 0 and "was not checked" in done.stdout, done
        restored = make_server("restored", "--config", catalog)
        restored.expect_complaint(TORN_TAIL)
        assert state(restored.start()) == seen
        assert restored.stop() == 0
    finally:
        database.remove()


def test_copies_that_nobody_wants_any_more_go(make_server, tmp_path, copies):
    config = tmp_path / "trailwatch.toml"
    config.write_text(f'[backup]\nto = "{copies}"\nevery = "1s"\nkeep = "3s"\n')
    server = make_server("data", "--config", config).start()
    make_group(server, "/a", "one")
    first = wait_until(lambda: names(copies), 60, "a copy")[0]

    def is_the_window():
        """Only the first copy is older than what is kept: it is how everything was when that begins."""
        made = [datetime.datetime.fromisoformat(to_time(name).replace("Z", "+00:00")) for name in names(copies)]
        return len(made) > 2 and all(one > made[-1] - datetime.timedelta(seconds=3) for one in made[1:]) and first not in names(copies)

    wait_until(is_the_window, 60, "old copies go, and no others")
    assert server.stop() == 0
    keys = list(copies.glob("20*Z/root-access-key.json"))
    assert keys and all(os.stat(path).st_mode & 0o777 == 0o600 for path in keys), "keys stay as safe as they are"

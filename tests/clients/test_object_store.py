"""Records in a bucket (`[store]`): what was acknowledged outlives the node, and of two nodes one writes."""

import datetime
import shutil
import threading
import time

import botocore.exceptions
import pytest
from s3_stand_in import S3StandIn
from trailwatch import Paths, run, wait_until


@pytest.fixture
def s3():
    s3 = S3StandIn("records")
    yield s3
    s3.close()


@pytest.fixture
def make_node(make_server, tmp_path, s3):
    """Makes servers that keep their records in the bucket, each with a data directory of its own."""

    def make(name, durability="object", more="", url="s3://records/nodes/all"):
        config = tmp_path / f"{name}.toml"
        config.write_text(
            f'[store]\nurl = "{url}"\nendpoint = "{s3.endpoint}"\ndurability = "{durability}"\n'
            f'access_key_id = "KEY"\nsecret_access_key = "hidden"\n{more}'
        )
        return make_server(name, "--config", config)

    return make


def event_names(server):
    """How often each group was made, to go by the trail."""
    pages = server.client("cloudtrail").get_paginator("lookup_events")
    wanted = [{"AttributeKey": "EventName", "AttributeValue": "CreateLogGroup"}]
    events = [event for page in pages.paginate(LookupAttributes=wanted) for event in page["Events"]]
    groups = [event["CloudTrailEvent"].partition('"logGroupName":"')[2].partition('"')[0] for event in events]
    assert len(groups) == len(set(groups)), "an event is there twice"
    return set(groups)


def group_names(server):
    """The groups that were made by calls: the server's own one comes when there is something in its log."""
    groups = server.client("logs").describe_log_groups()["logGroups"]
    return [group["logGroupName"] for group in groups if group["logGroupName"] != "/trailwatch/server"]


def sum_of(server, name):
    now = datetime.datetime.now(datetime.timezone.utc)
    hour = datetime.timedelta(hours=1)
    points = server.client("cloudwatch").get_metric_statistics(
        Namespace="Lost", MetricName=name, StartTime=now - hour, EndTime=now + hour, Period=3600, Statistics=["SampleCount"]
    )["Datapoints"]
    return sum(point["SampleCount"] for point in points)


def test_a_lost_node_loses_nothing_that_was_acknowledged(s3, make_node):
    acknowledged, metrics = set(), 0
    for round_number in range(3):
        node = make_node(f"node-{round_number}").start()
        assert event_names(node) == acknowledged
        if metrics:
            assert sum_of(node, "calls") == metrics
        lock = threading.Lock()

        def write(writer):
            logs, cloudwatch = node.client("logs"), node.client("cloudwatch")
            nonlocal metrics
            for number in range(5):
                name = f"/{round_number}/{writer}/{number}"
                logs.create_log_group(logGroupName=name)
                cloudwatch.put_metric_data(Namespace="Lost", MetricData=[{"MetricName": "calls", "Value": 1}])
                with lock:
                    acknowledged.add(name)
                    metrics += 1

        writers = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        # Answers of puts are lost on the way: none of them may be taken for a failure, or counted twice.
        s3.lose = 3
        write(9)
        node.kill()
        shutil.rmtree(node.data_dir)
        assert any(key.startswith("nodes/all/journal/") for key in s3.keys())
        assert "hidden" not in node.log()
    last = make_node("last").start()
    assert event_names(last) == acknowledged and len(acknowledged) == 75
    assert sum_of(last, "calls") == 75
    assert last.stop() == 0
    # A clean stop wrote everything to segments; what is left of journals is one end for each node that wrote.
    journals = [key for key in s3.keys("nodes/all/journal/") if len(s3.objects[key]) > 52]
    assert not journals and len(s3.keys("nodes/all/journal/")) >= 3


@pytest.mark.parametrize("together", [True, False])
def test_objects_of_the_journal_are_removed_together_where_the_endpoint_can(s3, make_node, together):
    s3.deletes_many = together
    node = make_node("node").start()
    # Each call is answered before the next, so each has an object of its own.
    for number in range(20):
        node.client("logs").create_log_group(logGroupName=f"/{number}")
    groups = [key for key in s3.keys("nodes/all/journal/") if len(s3.objects[key]) > 52]
    assert len(groups) >= 20
    before = s3.asked.copy()
    assert node.stop() == 0
    left = s3.keys("nodes/all/journal/")
    assert all(len(s3.objects[key]) == 52 for key in left), left
    asked = s3.asked - before
    if together:
        assert asked["POST"] >= 1 and asked["DELETE"] <= 2, asked
    else:
        # Asked for once, and never again.
        assert asked["POST"] == 1 and asked["DELETE"] >= len(groups), asked


def test_groups_of_a_new_catalog_do_not_come_by_the_records_of_a_lost_one(make_node):
    first = make_node("first").start()
    logs = first.client("logs")
    now = int(datetime.datetime.now(datetime.timezone.utc).timestamp() * 1000)
    logs.create_log_group(logGroupName="/secret")
    logs.create_log_stream(logGroupName="/secret", logStreamName="s")
    logs.put_log_events(logGroupName="/secret", logStreamName="s", logEvents=[{"timestamp": now, "message": "secret"}])
    first.kill()
    second = make_node("second").start()
    logs = second.client("logs")
    assert group_names(second) == []
    logs.create_log_group(logGroupName="/other")
    logs.create_log_stream(logGroupName="/other", logStreamName="s")
    assert logs.filter_log_events(logGroupName="/other")["events"] == []
    logs.put_log_events(logGroupName="/other", logStreamName="s", logEvents=[{"timestamp": now, "message": "mine"}])
    assert [event["message"] for event in logs.filter_log_events(logGroupName="/other")["events"]] == ["mine"]
    assert second.stop() == 0


def test_a_node_that_was_taken_over_writes_no_more_and_says_so(make_node):
    old = make_node("old").start()
    old.client("logs").create_log_group(logGroupName="/before")
    new = make_node("new").start()
    assert event_names(new) == {"/before"}
    old.expect_complaint("another node has taken over|poisoned|record|append|store own")
    # Refused; or there is nobody to ask any more, for the old node ends, and says why.
    with pytest.raises((botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError)):
        old.client("cloudwatch").put_metric_data(Namespace="Lost", MetricData=[{"MetricName": "late", "Value": 1}])
    assert old.process.wait(timeout=120) == 3
    assert "another node has taken over" in old.log() and "does not answer" not in old.log()
    new.client("logs").create_log_group(logGroupName="/after")
    assert sum_of(new, "late") == 0
    assert new.http("GET", "/health").status == 200
    assert event_names(new) == {"/before", "/after"}
    assert new.stop() == 0


def test_an_endpoint_that_is_gone_for_a_while_stops_writes_for_that_while(s3, make_node):
    node = make_node("node").start()
    cloudwatch = node.client("cloudwatch")
    put = lambda: cloudwatch.put_metric_data(Namespace="Lost", MetricData=[{"MetricName": "gaps", "Value": 1}])  # noqa: E731
    put()
    node.expect_complaint("does not answer|SlowDown|503|audit|record|append|store own")
    s3.down = True
    with pytest.raises(botocore.exceptions.ClientError):
        put()
    assert "does not answer" in node.http("GET", "/health").json["store"]["flush_error"]
    s3.down = False

    def works():
        try:
            return put()
        except botocore.exceptions.ClientError:
            return None

    wait_until(works, 120, "it answers again")
    health = node.http("GET", "/health")
    assert health.status == 200 and health.json["store"]["flush_error"] is None
    before = sum_of(node, "gaps")
    assert before >= 2
    node.kill()
    again = make_node("again").start()
    assert sum_of(again, "gaps") == before
    assert again.stop() == 0


def test_a_local_journal_is_asked_for_where_it_is(tmp_path, make_node):
    first = make_node("first", "local").start()
    first.client("logs").create_log_group(logGroupName="/one")
    first.kill()
    done = run([Paths.server(), "backup", "--data-dir", first.data_dir, "--output", tmp_path / "copy"])
    assert done.returncode == 0 and "not copied either" in done.stdout, done
    assert event_names(first.start()) == {"/one"}
    first.kill()
    # Another disk, and another durability: both would leave the journal behind.
    for name, durability in (("second", "local"), ("second", "object"), ("first", "object")):
        with pytest.raises(AssertionError, match="its journal"):
            make_node(name, durability).start()
    first = make_node("first", "local").start()
    assert first.stop() == 0
    assert event_names(make_node("first", "object").start()) == {"/one"}


def test_commands_on_a_directory_alone_say_where_its_records_are(tmp_path, make_node):
    node = make_node("node").start()
    node.client("logs").create_log_group(logGroupName="/kept")
    assert node.stop() == 0
    for command in (
        ["check"],
        ["export", "metrics", "--output", tmp_path / "out"],
        ["tables", "export", "--out", tmp_path / "tables"],
    ):
        done = run([Paths.server(), *command, "--data-dir", node.data_dir])
        assert done.returncode == 1 and "s3://records/nodes/all" in done.stderr, done
    copy = tmp_path / "copy"
    done = run([Paths.server(), "backup", "--data-dir", node.data_dir, "--output", copy])
    assert done.returncode == 0 and "they are not copied" in done.stdout, done
    shutil.rmtree(node.data_dir)
    shutil.copytree(copy, node.data_dir)
    node.start()
    assert group_names(node) == ["/kept"]
    assert event_names(node) == {"/kept"}


def test_records_move_from_a_folder_to_the_bucket(s3, tmp_path, make_server, make_node):
    config = tmp_path / "data.toml"
    there = make_node("data").flags
    folder = make_server("data").start()
    logs, cloudwatch = folder.client("logs"), folder.client("cloudwatch")
    now = int(datetime.datetime.now(datetime.timezone.utc).timestamp() * 1000)
    logs.create_log_group(logGroupName="/moved")
    logs.create_log_stream(logGroupName="/moved", logStreamName="s")
    for number in range(3):
        events = [{"timestamp": now + line, "message": f"{number}-{line}"} for line in range(50)]
        logs.put_log_events(logGroupName="/moved", logStreamName="s", logEvents=events)
        cloudwatch.put_metric_data(Namespace="Lost", MetricData=[{"MetricName": "moved", "Value": 1}])
        # The last of it is in the journal alone.
        folder.stop() if number < 2 else folder.kill()
        folder.start()
        logs, cloudwatch = folder.client("logs"), folder.client("cloudwatch")
    migrate = [Paths.server(), "migrate", "--data-dir", folder.data_dir, "--config", config]
    done = run(migrate)
    assert done.returncode == 1 and "in use" in done.stderr, done
    folder.kill()
    s3.down = True
    done = run(migrate)
    assert done.returncode == 1 and not s3.keys("nodes/all/manifest/"), done
    s3.down = False
    # The answer of a put is lost on the way.
    s3.lose = 1
    done = run(migrate)
    assert done.returncode == 0 and "verified" in done.stdout, done
    assert (folder.data_dir / "store-moved" / "objects").is_dir() and not (folder.data_dir / "store").exists()
    # Served without the bucket it would be empty.
    with pytest.raises(AssertionError, match="s3://records/nodes/all"):
        folder.start()
    done = run(migrate)
    assert done.returncode == 1 and "no records to move" in done.stderr, done
    node = make_server("data", *there).start()
    found = node.client("logs").filter_log_events(logGroupName="/moved")["events"]
    assert sorted(event["message"] for event in found) == sorted(f"{n}-{line}" for n in range(3) for line in range(50))
    assert sum_of(node, "moved") == 3 and event_names(node) == {"/moved"}
    node.client("logs").create_log_group(logGroupName="/after")
    node.kill()
    assert event_names(node.start()) == {"/moved", "/after"}
    assert node.stop() == 0
    # A copy of the folder as it was does not go into a bucket that a server has.
    shutil.copytree(node.data_dir / "store-moved", tmp_path / "other" / "store")
    other = [Paths.server(), "migrate", "--data-dir", tmp_path / "other", "--config", config]
    done = run(other)
    assert done.returncode == 1 and "choose a prefix" in done.stderr, done


def test_a_start_that_fails_takes_nothing_over(make_node):
    live = make_node("live").start()
    logs = live.client("logs")
    logs.create_log_group(logGroupName="/one")
    # A port that is in use, and a durability that would leave records behind.
    for name, durability, more, why in (
        ("port", "object", f'[otlp]\ngrpc = "{live.host}"\n', "listen on"),
        ("durability", "local", "", "its journal"),
    ):
        with pytest.raises(AssertionError, match=why):
            make_node(name, durability, more).start()
        logs.create_log_group(logGroupName=f"/after/{name}")
    assert live.stop() == 0


def test_a_data_directory_stays_with_its_bucket(s3, make_node):
    node = make_node("node", "local").start()
    node.client("logs").create_log_group(logGroupName="/kept")
    node.kill()
    before = s3.keys()
    with pytest.raises(AssertionError, match="records are in s3://records/nodes/all, not in s3://records/another"):
        make_node("node", "local", url="s3://records/another").start()
    assert s3.keys() == before
    node = make_node("node", "local").start()
    assert event_names(node) == {"/kept"}
    assert node.stop() == 0


def test_a_bucket_without_its_manifest_is_not_begun_anew(s3, make_node):
    node = make_node("node").start()
    node.client("logs").create_log_group(logGroupName="/kept")
    assert node.stop() == 0
    manifest = s3.objects.pop("nodes/all/manifest/current.json")
    before = s3.keys()
    with pytest.raises(AssertionError, match="no manifest"):
        node.start()
    assert s3.keys() == before
    s3.objects["nodes/all/manifest/current.json"] = manifest
    assert event_names(node.start()) == {"/kept"}
    assert node.stop() == 0


def put_line(node, group, text, creates=True):
    logs = node.client("logs")
    now = int(datetime.datetime.now(datetime.timezone.utc).timestamp() * 1000)
    if creates:
        logs.create_log_group(logGroupName=group)
        logs.create_log_stream(logGroupName=group, logStreamName="s")
    logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=[{"timestamp": now, "message": text}])


def lines(node, group):
    return [event["message"] for event in node.client("logs").filter_log_events(logGroupName=group)["events"]]


def test_groups_of_an_older_catalog_and_of_the_newer_one_share_no_records(tmp_path, make_node):
    node = make_node("node").start()
    put_line(node, "/first", "first")
    assert node.stop() == 0
    copy, newer = tmp_path / "copy", tmp_path / "newer"
    done = run([Paths.server(), "backup", "--data-dir", node.data_dir, "--output", copy])
    assert done.returncode == 0, done
    node.start()
    # One with records, and one that has none yet: nothing in the bucket tells of it.
    put_line(node, "/secret", "secret")
    for kind in ("group", "stream"):
        name = {"logStreamName": "s"} if kind == "stream" else {}
        getattr(node.client("logs"), f"create_log_{kind}")(logGroupName="/empty", **name)
    node.kill()
    node.data_dir.rename(newer)
    copy.rename(node.data_dir)
    node.start()
    for number in range(4):
        put_line(node, f"/other/{number}", f"other {number}")
        assert lines(node, f"/other/{number}") == [f"other {number}"]
    assert lines(node, "/first") == ["first"]
    node.kill()
    node.data_dir.rename(copy)
    newer.rename(node.data_dir)
    node.start()
    assert lines(node, "/empty") == [] and lines(node, "/secret") == ["secret"]
    put_line(node, "/empty", "mine", creates=False)
    assert lines(node, "/empty") == ["mine"]
    assert node.stop() == 0


def test_an_endpoint_that_never_answers_is_waited_for_once(s3, make_node):
    node = make_node("node").start()
    cloudwatch = node.client("cloudwatch")
    put = lambda: cloudwatch.put_metric_data(Namespace="Lost", MetricData=[{"MetricName": "silent", "Value": 1}])  # noqa: E731
    put()
    node.expect_complaint("does not answer|audit|record|append|store own|reach")
    s3.hang()
    with pytest.raises(botocore.exceptions.ClientError):
        put()
    began = time.monotonic()
    for _ in range(20):
        with pytest.raises(botocore.exceptions.ClientError):
            put()
    # A put that waits does so for as long as the endpoint may take to answer, 5 seconds; on a busy machine one alone may take long.
    assert time.monotonic() - began < 20 * 5, "they waited"
    assert "does not answer" in node.http("GET", "/health").json["store"]["flush_error"]
    s3.answer()

    def works():
        try:
            return put()
        except botocore.exceptions.ClientError:
            return None

    wait_until(works, 120, "it answers again")
    assert node.http("GET", "/health").json["store"]["flush_error"] is None
    assert node.stop() == 0

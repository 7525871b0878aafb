"""Open tables: deltalake, and DuckDB over it, read with Delta's rules what our API says; through merges, and through kill -9 of the exporter."""

import datetime
import json
import subprocess
import time
import uuid

import duckdb
import pyarrow
import pyarrow.dataset
import pytest
from deltalake import DeltaTable, QueryBuilder
from trailwatch import Paths, plain_environment, run, wait_until

#: Longest wait for the exporter to see what a server has written.
SEEN_SECONDS_MAX = 60
GROUP = "/open/tables"


def export(server, out, *flags):
    """One run of the exporter to its end; answers what it printed."""
    done = run([Paths.server(), "tables", "export", "--data-dir", server.data_dir, "--out", out, *flags])
    assert done.returncode == 0, done.stderr
    return done.stdout


def watch(server, out):
    """An exporter that follows the server."""
    command = [Paths.server(), "tables", "export", "--data-dir", server.data_dir, "--out", out, "--watch", "--interval", "1"]
    return subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=plain_environment({}))


def put(server, first, count):
    """Log lines from number `first` on, and a point for each hundredth."""
    now = int(time.time())
    events = [{"timestamp": now * 1000, "message": f"line {n} äöü"} for n in range(first, first + count)]
    server.client("logs").put_log_events(logGroupName=GROUP, logStreamName="one", logEvents=events)
    data = [{"MetricName": "Open", "Dimensions": [{"Name": "n", "Value": str(n)}], "Timestamp": now - n % 7, "Value": n / 8} for n in range(first, first + count, 100)]
    server.client("cloudwatch").put_metric_data(Namespace="Open", MetricData=data)


def begin(server):
    logs = server.start().client("logs")
    logs.create_log_group(logGroupName=GROUP)
    logs.create_log_stream(logGroupName=GROUP, logStreamName="one")


def flush(server):
    """A stop writes everything to segments."""
    assert server.stop() == 0
    server.start()


def messages(server):
    """The lines as FilterLogEvents says them."""
    pages = server.client("logs").get_paginator("filter_log_events").paginate(logGroupName=GROUP)
    return sorted(event["message"] for page in pages for event in page["events"])


def rows(table, columns=None):
    return DeltaTable(str(table)).to_pyarrow_table(columns=columns)


def lines(table):
    """Our lines in a version of table `logs`; the server writes some of its own."""
    messages = table.to_pyarrow_table(columns=["message"]).column("message").to_pylist()
    return sorted(message for message in messages if message.startswith("line "))


def lines_of(out):
    """The lines of the group as a reader of the tables finds them, by names."""
    logs, log_streams = (DeltaTable(str(out / name)).to_pyarrow_dataset() for name in ("logs", "log_streams"))
    found = duckdb.sql(f"""SELECT message FROM logs JOIN log_streams USING ("group", stream) WHERE log_group = '{GROUP}' ORDER BY 1""").fetchall()
    del logs, log_streams
    return sorted(message for (message,) in found)


def record(row):
    """The exact record of an event, as docs/open-tables.md says."""
    fields = {
        0x05: "name", 0x06: "source", 0x07: "account", 0x08: "region", 0x0B: "username", 0x0C: "access_key_id", 0x0E: "error_code",
        0x0F: "source_ip", 0x10: "user_arn", 0x11: "user_agent", 0x12: "error_message", 0x14: "principal_id", 0x15: "session_issuer_arn",
        0x16: "vpc_endpoint_id",
    }
    values, uuids = iter(row["record_values"].split("\x1f")), iter(range(0, len(row["record_uuids"]), 16))
    if row["record_skeleton"] == "\x1e":
        return row["record_values"]

    def put_back(sign):
        code = ord(sign)
        if code >= 0x20 or sign in "\t\n\r":
            return sign
        if code == 0x01:
            return next(values)
        if code == 0x02:
            at = next(uuids)
            return str(uuid.UUID(bytes=row["record_uuids"][at : at + 16]))
        if code in (0x03, 0x13):
            name = "event_id" if code == 0x03 else "request_id"
            return str(uuid.UUID(bytes=row[name])) if row[name] else row[name + "_text"]
        if code == 0x04:
            return row["time"].strftime("%Y-%m-%dT%H:%M:%SZ")
        if 0x17 <= code <= 0x19:
            return row["resource_names"][code - 0x17]
        return row[fields[code]]

    return "".join(map(put_back, row["record_skeleton"]))


def test_the_tables_say_what_the_api_says(make_server, tmp_path):
    server, out = make_server("data"), tmp_path / "tables"
    begin(server)
    put(server, 0, 3000)
    server.client("cloudwatch").put_metric_data(Namespace="Open", MetricData=[
        {"MetricName": "Many", "Timestamp": int(time.time()), "Values": [1.0, 2.5], "Counts": [3, 4]},
        {"MetricName": "Set", "Timestamp": int(time.time()), "StatisticValues": {"SampleCount": 5, "Sum": 10, "Minimum": 1, "Maximum": 4}},
    ])
    flush(server)
    assert "logs version 0: 1 files added, 0 removed" in export(server, out)
    assert "already" in export(server, out), "the manifest is the same"

    assert lines_of(out) == messages(server) == sorted(f"line {n} äöü" for n in range(3000))
    metrics = DeltaTable(str(out / "metrics")).to_pyarrow_dataset()
    ours = duckdb.sql("SELECT name, count(*), sum(count), sum(sum), min(min), max(max) FROM metrics WHERE namespace = 'Open' GROUP BY 1 ORDER BY 1").fetchall()
    numbers = [n / 8 for n in range(0, 3000, 100)]
    assert ours == [("Many", 1, 7.0, 13.0, 1.0, 2.5), ("Open", 30, 30.0, sum(numbers), 0.0, max(numbers)), ("Set", 1, 5.0, 10.0, 1.0, 4.0)]
    pages = server.client("cloudwatch").get_paginator("list_metrics").paginate(Namespace="Open")
    theirs = sum(len(page["Metrics"]) for page in pages)
    assert duckdb.sql("SELECT count(DISTINCT (name, dimensions)) FROM metrics WHERE namespace = 'Open'").fetchall() == [(theirs,)]
    del metrics

    events = {str(uuid.UUID(bytes=row["event_id"])): row for row in rows(out / "events").to_pylist()}
    pages = server.client("cloudtrail").get_paginator("lookup_events").paginate()
    told = {event["EventId"]: event for page in pages for event in page["Events"]}
    flushed = {id_: event for id_, event in told.items() if event["EventName"] in ("CreateLogGroup", "CreateLogStream")}
    assert len(flushed) == 2 and set(flushed) <= set(events) <= set(told)
    for id_, event in events.items():
        assert record(event) == told[id_]["CloudTrailEvent"], "the exact text"
        assert json.loads(record(event))["eventName"] == event["name"] == told[id_]["EventName"]
    assert server.stop() == 0 and not server.complaints()


@pytest.fixture(scope="module")
def several(tmp_path_factory):
    """Tables of several files, of a server that has stopped."""
    from trailwatch import Server

    server = Server(tmp_path_factory.mktemp("several") / "data")
    begin(server)
    for n in range(4):
        put(server, n * 1000, 1000)
        flush(server)
    assert server.stop() == 0
    out = server.data_dir.parent / "tables"
    export(server, out)
    return out


def test_statistics_skip_files_and_never_rows(several):
    """Bounds in some columns only have made deltalake's dataset skip everything; the table says which columns have them."""
    table = DeltaTable(str(several / "logs"))
    whole = table.to_pyarrow_dataset()
    # The server writes lines of its own, too.
    files, total = len(list(whole.get_fragments())), whole.count_rows()
    assert files >= 4 and total >= 4000
    field = pyarrow.dataset.field
    (group,) = rows(several / "log_streams").filter(field("log_group") == GROUP).column("group").to_pylist()
    now = datetime.datetime.now(datetime.timezone.utc)
    for expression, expected, read in [
        (field("sequence") <= 500, 500, 1),
        (field("message") == "line 5 äöü", 1, files),
        (field("group") == group, 4000, files),
        (field("timestamp") > now - datetime.timedelta(days=1), total, files),
        (field("timestamp") > now + datetime.timedelta(days=1), 0, 0),
        (field("stream") > 0, total, files),
    ]:
        assert whole.to_table(filter=expression).num_rows == expected, expression
        assert len(list(whole.get_fragments(filter=expression))) <= read, expression
    ask = QueryBuilder().register("logs", table)
    for where, expected in [("sequence <= 500", 500), ("message = 'line 5 äöü'", 1), ("timestamp > '2020-01-01T00:00:00Z'", total)]:
        answer = ask.execute(f"SELECT count(*) AS n FROM logs WHERE {where}").read_all()
        assert pyarrow.table(answer).column("n").to_pylist() == [expected], where


def test_the_schema_is_the_documented_one(several):
    types = {name: {field.name: field.type for field in DeltaTable(str(several / name)).schema().fields} for name in ("events", "logs", "metrics", "log_streams")}
    plain = {table: {name: getattr(type_, "type", "array") for name, type_ in fields.items()} for table, fields in types.items()}
    assert plain["logs"] == {"group": "long", "stream": "long", "timestamp": "timestamp", "ingestion_time": "timestamp", "sequence": "long", "message": "string"}
    assert plain["log_streams"] == {"group": "long", "stream": "long", **dict.fromkeys(("account", "region", "log_group", "log_stream"), "string")}
    assert (plain["events"]["time"], plain["events"]["event_id"], plain["events"]["record_skeleton"]) == ("timestamp", "binary", "string")
    assert (plain["events"]["read_only"], plain["events"]["resource_names"]) == ("boolean", "array")
    assert (plain["metrics"]["resolution_secs"], plain["metrics"]["value"], plain["metrics"]["values"]) == ("integer", "double", "array")


def test_merges_keep_rows_and_older_versions(make_server, tmp_path):
    server, out = make_server("data"), tmp_path / "tables"
    begin(server)
    for n in range(9):
        put(server, n * 100, 100)
        flush(server)
        export(server, out)
    before = DeltaTable(str(out / "logs"))
    expected = sorted(f"line {n} äöü" for n in range(900))
    # The server merges eight small segments when it maintains itself, which is soon after a start.
    merged = wait_until(lambda: "8 removed" in export(server, out), SEEN_SECONDS_MAX * 2, "the server has merged segments")
    assert merged
    wait_until(lambda: export(server, out) and len(DeltaTable(str(out / "logs")).file_uris()) == 2, SEEN_SECONDS_MAX * 2, "logs are merged")
    assert lines_of(out) == messages(server) == expected
    assert lines(before) == expected, "a reader of the older version"
    assert lines(DeltaTable(str(out / "logs"), version=4)) == sorted(f"line {n} äöü" for n in range(500))
    changes = [[action for action in map(json.loads, path.read_text().splitlines())] for path in sorted((out / "logs" / "_delta_log").glob("*.json"))]
    moved = [action[kind]["dataChange"] for action in changes[-1] for kind in ("add", "remove") if kind in action]
    assert len(moved) == 9 and not any(moved)
    assert rows(out / "metrics").num_rows >= 9
    assert server.stop() == 0 and not server.complaints()


def test_checkpoints_are_read(make_server, tmp_path):
    """After fifty commits readers begin at a checkpoint."""
    server, out = make_server("data"), tmp_path / "tables"
    begin(server)
    for n in range(52):
        server.client("logs").create_log_stream(logGroupName=GROUP, logStreamName=f"more{n}")
        put(server, n * 10, 10)
        flush(server)
        export(server, out)
    for name in ("events", "logs", "metrics", "log_streams"):
        log = out / name / "_delta_log"
        assert json.loads((log / "_last_checkpoint").read_text())["version"] >= 49
        table = DeltaTable(str(out / name))
        assert table.version() >= 50 and table.metadata().name == name
        for path in sorted(log.glob("*.json"))[:40]:
            path.unlink()
        assert DeltaTable(str(out / name)).to_pyarrow_table().num_rows == table.to_pyarrow_table().num_rows
    assert lines_of(out) == messages(server)
    names = rows(out / "log_streams").to_pylist()
    assert sum(name["log_group"] == GROUP for name in names) == 53
    assert server.stop() == 0 and not server.complaints()


def test_a_killed_exporter_goes_on(make_server, tmp_path):
    server, out = make_server("data"), tmp_path / "tables"
    begin(server)
    for n in range(4):
        exporter = watch(server, out)
        put(server, n * 200, 200)
        if n:
            # Somewhere between a look and a commit.
            exporter.kill()
            exporter.communicate(timeout=30)
            exporter = watch(server, out)
        flush(server)
        wait_until(lambda: (out / "logs" / "_delta_log").is_dir() and lines_of_or_none(out) == messages(server), SEEN_SECONDS_MAX, "the tables have the lines")
        if n % 2:
            exporter.terminate()
            assert exporter.wait(timeout=30) == 0
        else:
            exporter.kill()
        exporter.communicate(timeout=30)
    assert lines_of(out) == sorted(f"line {n} äöü" for n in range(800))
    manifests = []
    for path in sorted((out / "logs" / "_delta_log").glob("*.json")):
        manifests += [action["txn"]["version"] for action in map(json.loads, path.read_text().splitlines()) if "txn" in action]
    assert len(manifests) == len(set(manifests)), "a manifest makes one commit at most"
    assert server.stop() == 0 and not server.complaints()


def lines_of_or_none(out):
    """The lines, or none while there is no first version."""
    if not all(list((out / name / "_delta_log").glob("*.json")) for name in ("logs", "log_streams")):
        return None
    return lines_of(out)


def test_refusals_are_named(make_server, tmp_path):
    server = make_server("data")
    begin(server)

    def refused(*flags):
        done = run([Paths.server(), "tables", "export", *flags])
        assert done.returncode != 0
        return done.stderr

    assert "is not a data directory" in refused("--data-dir", tmp_path / "none", "--out", tmp_path / "out")
    assert "is in the store of the server" in refused("--data-dir", server.data_dir, "--out", server.data_dir / "store" / "objects")
    done = run([Paths.server(), "tables", "export", "--data-dir", server.data_dir, "--in-place"])
    assert done.returncode == 0, done.stderr
    assert DeltaTable(str(server.data_dir / "open-tables" / "events")).version() == 0
    exporter = watch(server, tmp_path / "tables")
    wait_until(lambda: (tmp_path / "tables" / "LOCK").exists() and (tmp_path / "tables" / "events" / "_delta_log").is_dir(), SEEN_SECONDS_MAX, "it exports")
    assert "another trailwatch exports to" in refused("--data-dir", server.data_dir, "--out", tmp_path / "tables")
    exporter.terminate()
    assert exporter.wait(timeout=30) == 0
    exporter.communicate(timeout=30)
    assert server.stop() == 0 and not server.complaints()

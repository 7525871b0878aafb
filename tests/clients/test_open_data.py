"""Open data: every segment opens in DuckDB with the documented columns and types, and has the rows that our own API counts."""

import json
import time

import duckdb
import pytest
from trailwatch import Paths, run

TIME = "TIMESTAMP WITH TIME ZONE"
#: As the headers of crates/store/src/segment/logs.rs, events.rs and metrics.rs say.
COLUMNS = {
    "logs": {"group": "UBIGINT", "stream": "UBIGINT", "timestamp": TIME, "ingestion_time": TIME, "sequence": "UBIGINT", "message": "VARCHAR"},
    "events": {
        "time": TIME, "sequence": "UBIGINT", "ingestion_time": TIME, "event_id": "UUID", "request_id": "UUID",
        **dict.fromkeys(("event_id_text", "request_id_text", "account", "region", "name", "source", "category", "username", "access_key_id",
                         "error_code", "source_ip", "user_arn", "event_version", "event_type", "user_agent", "error_message",
                         "vpc_endpoint_id", "user_type", "principal_id", "session_issuer_arn", "record_skeleton", "record_values"), "VARCHAR"),
        "read_only": "BOOLEAN", "management_event": "BOOLEAN", "resource_types": "VARCHAR[]", "resource_names": "VARCHAR[]",
        "record_uuids": "BLOB",
    },
    "metrics": {
        **dict.fromkeys(("account", "region", "namespace", "name", "unit", "dimensions"), "VARCHAR"), "resolution_secs": "USMALLINT",
        "first_time": TIME, "last_time": TIME, "points": "UINTEGER", **dict.fromkeys(("samples", "sum", "min", "max"), "DOUBLE"), "chunk": "BLOB",
    },
}


def segments(data_dir, kind):
    return str(data_dir / "store" / "objects" / "segments" / kind / "*.parquet")


def sql(data_dir, statement):
    """Rows of `trailwatch sql` on the data of a stopped server."""
    done = run([Paths.server(), "sql", "--data-dir", data_dir, "--format", "json", statement])
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    """The data directory of a stopped server that was told something of each kind; a stop writes everything to segments."""
    from trailwatch import Server

    server = Server(tmp_path_factory.mktemp("open") / "data").start()
    logs, cloudwatch = server.client("logs"), server.client("cloudwatch")
    now = int(time.time())
    logs.create_log_group(logGroupName="open")
    logs.create_log_stream(logGroupName="open", logStreamName="one")
    for start in range(0, 3000, 1000):
        events = [{"timestamp": now * 1000 - 3000 + start + n, "message": f"line {start + n} \u00e4\u00f6\u00fc \"quoted\"\n"} for n in range(1000)]
        logs.put_log_events(logGroupName="open", logStreamName="one", logEvents=events)
    for host in ("a", "b"):
        data = [{"MetricName": "Open", "Dimensions": [{"Name": "host", "Value": host}], "Timestamp": now - n * 60, "Value": n / 8, "Unit": "Count"}
                for n in range(200)]
        cloudwatch.put_metric_data(Namespace="Open", MetricData=data)
    cloudwatch.put_metric_data(Namespace="Open", MetricData=[
        {"MetricName": "Many", "Timestamp": now, "Values": [1.0, 2.5], "Counts": [3, 4]},
        {"MetricName": "Set", "Timestamp": now, "StatisticValues": {"SampleCount": 5, "Sum": 10, "Minimum": 1, "Maximum": 4}},
    ])
    assert server.stop() == 0
    assert not server.complaints()
    return server.data_dir


@pytest.mark.parametrize("kind", sorted(COLUMNS))
def test_columns_and_types_are_the_documented_ones(data_dir, kind):
    described = duckdb.sql(f"DESCRIBE SELECT * FROM '{segments(data_dir, kind)}'").fetchall()
    assert {name: type_ for name, type_, *_ in described} == COLUMNS[kind]


def test_the_rows_are_those_that_the_api_counts(data_dir):
    for kind in ("logs", "events"):
        (ours,) = sql(data_dir, f"SELECT count(*) AS n FROM {kind}")
        assert ours["n"] > 0
        ((theirs,),) = duckdb.sql(f"SELECT count(*) FROM '{segments(data_dir, kind)}'").fetchall()
        assert theirs == ours["n"], kind
    # A row of a metric segment is a chunk of points, which `trailwatch export metrics` writes as plain rows.
    (ours,) = sql(data_dir, "SELECT count(*) AS n FROM metrics WHERE namespace = 'Open'")
    assert ours["n"] == 402
    ((theirs,),) = duckdb.sql(f"SELECT sum(points) FROM '{segments(data_dir, 'metrics')}' WHERE namespace = 'Open'").fetchall()
    assert theirs == ours["n"]


def test_exported_metrics_are_plain_rows(data_dir, tmp_path):
    plain = tmp_path / "metrics.parquet"
    done = run([Paths.server(), "export", "metrics", "--data-dir", data_dir, "--output", plain])
    assert done.returncode == 0, done.stderr
    ((rows,),) = duckdb.sql(f"SELECT count(*) FROM '{plain}' WHERE namespace = 'Open'").fetchall()
    assert rows == 402


def test_the_values_are_the_same(data_dir):
    theirs = duckdb.sql(f"SELECT sum(length(message)), max(message), count(DISTINCT sequence) FROM '{segments(data_dir, 'logs')}'").fetchall()[0]
    (ours,) = sql(data_dir, "SELECT sum(length(message)) AS n, max(message) AS high, count(DISTINCT sequence) AS s FROM logs")
    assert theirs == (ours["n"], ours["high"], ours["s"])
    theirs = duckdb.sql(f"SELECT name, count(*) FROM '{segments(data_dir, 'events')}' GROUP BY 1 ORDER BY 1").fetchall()
    ours = sql(data_dir, "SELECT name, count(*) AS n FROM events GROUP BY 1 ORDER BY 1")
    assert theirs == [(row["name"], row["n"]) for row in ours]
    assert ("PutMetricData" not in dict(theirs)) and dict(theirs)["CreateLogGroup"] >= 1
    ours = sql(data_dir, "SELECT name, sum(count) AS n, sum(sum) AS s, min(min) AS low, max(max) AS high FROM metrics WHERE namespace = 'Open' GROUP BY 1 ORDER BY 1")
    assert ours == [
        {"name": "Many", "n": 7.0, "s": 13.0, "low": 1.0, "high": 2.5},
        {"name": "Open", "n": 400.0, "s": 2 * sum(n / 8 for n in range(200)), "low": 0.0, "high": 199 / 8},
        {"name": "Set", "n": 5.0, "s": 10.0, "low": 1.0, "high": 4.0},
    ]

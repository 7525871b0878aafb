"""`trailwatch sql` against a running server: tables, joins, formats, mistakes, and the record of who asked."""

import json
import time

from trailwatch import Paths, run


def sql(server, *arguments, text=None, env=None):
    return run([Paths.server(), "sql", *arguments], env=env or server.environment(), input=text)


def rows(server, statement):
    done = sql(server, "--format", "json", statement)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_tables_are_listed_and_described(server):
    done = sql(server, "SHOW TABLES")
    assert done.returncode == 0, done.stderr
    for table in ("events", "logs", "metrics", "alarm_history"):
        assert f"  {table} " in done.stdout
    assert "timestamp" in sql(server, "DESCRIBE logs").stdout


def test_fresh_records_are_found_and_joined(server, logs, cloudwatch):
    now = int(time.time())
    logs.create_log_group(logGroupName="shop")
    logs.create_log_stream(logGroupName="shop", logStreamName="one")
    lines = [{"timestamp": now * 1000 + n, "message": json.dumps({"level": "error" if n % 4 == 0 else "info", "n": n})} for n in range(40)]
    logs.put_log_events(logGroupName="shop", logStreamName="one", logEvents=lines)
    found = rows(server, "SELECT json_extract_scalar(message, '$.level') AS level, count(*) AS n FROM logs WHERE log_group = 'shop' GROUP BY 1 ORDER BY 1")
    assert found == [{"level": "error", "n": 10}, {"level": "info", "n": 30}]
    cloudwatch.put_metric_alarm(AlarmName="slow", Namespace="Shop", MetricName="Latency", Statistic="Average", Period=60, EvaluationPeriods=1,
                                Threshold=1, ComparisonOperator="GreaterThanThreshold")
    cloudwatch.set_alarm_state(AlarmName="slow", StateValue="ALARM", StateReason="test")
    found = rows(server, """
        SELECT e.name FROM alarm_history a JOIN events e ON e.time BETWEEN a.timestamp - INTERVAL '10 minutes' AND a.timestamp
        WHERE a.alarm_name = 'slow' AND a.item_type = 'StateUpdate' AND e.source = 'logs.amazonaws.com' AND NOT e.read_only ORDER BY e.time""")
    assert [row["name"] for row in found] == ["CreateLogGroup", "CreateLogStream"]


def test_formats_and_stdin(server):
    done = sql(server, "--format", "csv", "-", text="SELECT 1 AS one, 'a,b' AS two")
    assert (done.returncode, done.stdout) == (0, 'one,two\n1,"a,b"\n')
    done = sql(server, "SELECT 1 AS one, 'x' AS two")
    assert (done.returncode, done.stdout) == (0, "one  two\n---  ---\n1    x\n(1 row)\n")


def test_mistakes_have_a_place_and_nothing_is_written(server):
    done = sql(server, "SELECT nme\nFROM events")
    assert done.returncode == 1 and "line 1, column 8" in done.stderr, done.stderr
    for statement in ("DROP TABLE events", "INSERT INTO logs SELECT * FROM logs", "COPY events TO 'x.csv'", "SET x = 1"):
        done = sql(server, statement)
        assert done.returncode == 1 and "only SELECT" in done.stderr, done.stderr


def test_the_query_is_on_the_trail_and_strangers_are_refused(server, cloudtrail):
    assert sql(server, "SELECT 42 AS answer").returncode == 0
    found = cloudtrail.lookup_events(LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "ExecuteSql"}])["Events"]
    records = [json.loads(event["CloudTrailEvent"]) for event in found]
    assert {"statement": "SELECT 42 AS answer"} in [record["requestParameters"] for record in records]
    done = sql(server, "SELECT 1", env={**server.environment(), "AWS_SECRET_ACCESS_KEY": "wrong"})
    assert done.returncode == 1 and done.stderr.strip()
    assert server.http("POST", "/_trailwatch/sql", b"SELECT 1").status == 403


def test_explain_says_what_was_skipped(server):
    done = sql(server, "EXPLAIN SELECT message FROM logs WHERE timestamp < '2001-01-01'")
    assert done.returncode == 0 and "row groups skipped=" in done.stdout, done.stdout
    done = sql(server, "EXPLAIN ANALYZE SELECT message FROM logs ORDER BY timestamp DESC LIMIT 1")
    assert done.returncode == 0 and "rows_seen=" in done.stdout, done.stdout


def test_protected_lines_are_masked_until_someone_asks(server, logs, cloudtrail):
    logs.create_log_group(logGroupName="protected")
    logs.create_log_stream(logGroupName="protected", logStreamName="one")
    names = ["arn:aws:dataprotection::aws:data-identifier/EmailAddress"]
    document = {
        "Name": "policy",
        "Version": "2021-06-01",
        "Statement": [
            {"DataIdentifier": names, "Operation": {"Audit": {"FindingsDestination": {}}}},
            {"DataIdentifier": names, "Operation": {"Deidentify": {"MaskConfig": {}}}},
        ],
    }
    logs.put_data_protection_policy(logGroupIdentifier="protected", policyDocument=json.dumps(document))
    event = {"timestamp": int(time.time() * 1000), "message": '{"mail":"jo@example.com","n":1}'}
    logs.put_log_events(logGroupName="protected", logStreamName="one", logEvents=[event])
    of_group = "SELECT message, json_extract_scalar(message, '$.mail') AS mail FROM logs WHERE log_group = 'protected'"
    assert rows(server, of_group) == [{"message": '{"mail":"**************","n":1}', "mail": "**************"}]
    for condition in ("message LIKE '%jo@example.com%'", "json_extract_scalar(message, '$.mail') = 'jo@example.com'"):
        assert rows(server, f"{of_group} AND {condition}") == []
        assert len(rows(server, f"{of_group} AND NOT ({condition})")) == 1
    done = sql(server, "--format", "json", "--unmask", f"{of_group} AND message LIKE '%jo@example.com%'")
    assert json.loads(done.stdout)["mail"] == "jo@example.com", done.stderr
    found = cloudtrail.lookup_events(LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "ExecuteSql"}])["Events"]
    asked = [json.loads(event["CloudTrailEvent"])["requestParameters"] for event in found]
    assert [record["statement"] for record in asked if record.get("unmask") is True] == [f"{of_group} AND message LIKE '%jo@example.com%'"]

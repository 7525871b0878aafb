"""The process: start and stop, restart on the same data, one server per data directory, exit codes, open mode."""

import json
import os
import stat
import time

from trailwatch import Paths, run


def trailwatch(*arguments):
    return run([Paths.server(), *arguments])


def test_help_and_wrong_usage():
    for arguments in (["--help"], ["serve", "--help"], ["import", "--help"], ["import", "cloudtrail", "--help"], ["--version"]):
        done = trailwatch(*arguments)
        assert done.returncode == 0 and done.stdout, arguments
    assert "--data-dir" in trailwatch("serve", "--help").stdout
    for arguments in ([], ["coffee"], ["serve", "--coffee"], ["serve", "--account-id", "12"], ["serve", "--listen", "nowhere"],
                      ["serve", "--config", "/nonexistent.toml"], ["import", "cloudtrail"]):
        done = trailwatch(*arguments)
        assert done.returncode == 2, (arguments, done)
        assert done.stderr.strip(), arguments


def test_health_and_a_clean_stop(make_server):
    server = make_server().start()
    health = server.http("GET", "/health")
    assert (health.status, health.json["status"]) == (200, "ok")
    assert server.exports["AWS_ENDPOINT_URL"].startswith("http://127.0.0.1:")
    assert server.stop() == 0


def test_the_root_key_is_private_and_stays(make_server):
    server = make_server().start()
    path = server.data_dir / "root-access-key.json"
    key = json.loads(path.read_text())
    assert (key["access_key_id"], key["secret_access_key"]) == (server.exports["AWS_ACCESS_KEY_ID"], server.exports["AWS_SECRET_ACCESS_KEY"])
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    before = dict(server.exports)
    assert server.stop() == 0
    server.start()
    assert server.exports["AWS_ACCESS_KEY_ID"] == before["AWS_ACCESS_KEY_ID"]
    assert key["secret_access_key"] not in server.log()


def test_everything_is_there_after_a_restart(make_server):
    server = make_server().start()
    now = int(time.time() * 1000)
    logs, cloudwatch, cloudtrail = (server.client(s) for s in ("logs", "cloudwatch", "cloudtrail"))
    logs.create_log_group(logGroupName="/restart", tags={"a": "1"})
    logs.put_retention_policy(logGroupName="/restart", retentionInDays=30)
    logs.create_log_stream(logGroupName="/restart", logStreamName="s")
    logs.put_log_events(logGroupName="/restart", logStreamName="s", logEvents=[{"timestamp": now, "message": "kept"}])
    at = now // 60_000 * 60 - 300
    cloudwatch.put_metric_data(Namespace="T/Restart", MetricData=[{"MetricName": "M", "Timestamp": at, "Value": 7}])
    cloudwatch.put_metric_alarm(AlarmName="kept", Namespace="T/Restart", MetricName="Other", Statistic="Sum", Period=60, EvaluationPeriods=1,
                                Threshold=1, ComparisonOperator="GreaterThanThreshold")
    cloudwatch.put_dashboard(DashboardName="kept", DashboardBody='{"widgets":[]}')
    server.client("s3").create_bucket(Bucket="bucket")
    cloudtrail.create_trail(Name="kept", S3BucketName="bucket")
    cloudtrail.start_logging(Name="kept")
    token = logs.get_log_events(logGroupName="/restart", logStreamName="s", startFromHead=True)["nextForwardToken"]
    assert server.stop() == 0
    server.start()
    logs, cloudwatch, cloudtrail = (server.client(s) for s in ("logs", "cloudwatch", "cloudtrail"))
    (group,) = logs.describe_log_groups(logGroupNamePrefix="/restart")["logGroups"]
    assert group["retentionInDays"] == 30
    (event,) = logs.filter_log_events(logGroupName="/restart")["events"]
    assert (event["message"], event["timestamp"]) == ("kept", now)
    page = logs.get_log_events(logGroupName="/restart", logStreamName="s", startFromHead=True, nextToken=token)
    assert page["events"] == [], "tokens outlive the process"
    (point,) = cloudwatch.get_metric_statistics(Namespace="T/Restart", MetricName="M", StartTime=at, EndTime=at + 60, Period=60, Statistics=["Sum"])["Datapoints"]
    assert point["Sum"] == 7
    assert [a["AlarmName"] for a in cloudwatch.describe_alarms()["MetricAlarms"]] == ["kept"]
    assert cloudwatch.get_dashboard(DashboardName="kept")["DashboardBody"] == '{"widgets":[]}'
    assert cloudtrail.get_trail_status(Name="kept")["IsLogging"] is True
    events = cloudtrail.lookup_events(LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "CreateTrail"}])["Events"]
    assert len(events) == 1


def test_a_second_server_on_the_same_data_is_refused(make_server):
    server = make_server().start()
    second = trailwatch("serve", "--data-dir", str(server.data_dir), "--listen", "127.0.0.1:0")
    assert second.returncode == 1
    assert "in use" in second.stderr and str(server.data_dir) in second.stderr
    importing = trailwatch("import", "cloudtrail", "--data-dir", str(server.data_dir), str(server.data_dir))
    assert importing.returncode == 1 and "in use" in importing.stderr
    assert server.alive()
    port = server.endpoint.rpartition(":")[2]
    taken = trailwatch("serve", "--data-dir", str(server.data_dir) + "-2", "--listen", f"127.0.0.1:{port}")
    assert taken.returncode == 1 and port in taken.stderr


def test_flags_of_account_and_region(make_server):
    server = make_server("data", "--account-id", "210987654321", "--region", "eu-west-1").start()
    assert server.exports["AWS_DEFAULT_REGION"] == "eu-west-1"
    assert server.client("sts").get_caller_identity()["Account"] == "210987654321"


def test_a_config_file_and_flags_that_win(make_server, tmp_path):
    config = tmp_path / "trailwatch.toml"
    config.write_text('account_id = "111111111111"\nregion = "eu-west-1"\n')
    server = make_server("data", "--config", str(config), "--region", "ap-south-1").start()
    assert server.exports["AWS_DEFAULT_REGION"] == "ap-south-1"
    assert server.client("sts").get_caller_identity()["Account"] == "111111111111"
    config.write_text('acount_id = "1"\n')
    wrong = trailwatch("serve", "--config", str(config))
    assert wrong.returncode == 2 and "acount_id" in wrong.stderr


def test_open_mode(make_server):
    server = make_server("data", "--open").start()
    account = lambda key: server.client("sts", key=key, secret="anything").get_caller_identity()["Account"]  # noqa: E731
    assert account("222233334444") == "222233334444", "a 12-digit key is its own account"
    assert account("AKIAWHATEVER") == "123456789012"
    assert account("1234") == "123456789012"
    ours, theirs = (server.client("logs", key=key, secret="x") for key in ("222233334444", "555566667777"))
    ours.create_log_group(logGroupName="/open")
    assert theirs.describe_log_groups(logGroupNamePrefix="/open")["logGroups"] == [], "accounts do not see each other"
    events = server.client("cloudtrail", key="222233334444", secret="x").lookup_events()["Events"]
    assert "CreateLogGroup" in [e["EventName"] for e in events]
    assert "CreateLogGroup" not in [e["EventName"] for e in server.client("cloudtrail", key="555566667777", secret="x").lookup_events()["Events"]]


def test_reset_empties_everything_and_only_in_open_mode(make_server):
    server = make_server("open", "--open").start()
    logs, cloudwatch, cloudtrail = (server.client(s) for s in ("logs", "cloudwatch", "cloudtrail"))
    for _ in range(2):
        logs.create_log_group(logGroupName="/reset")
        logs.create_log_stream(logGroupName="/reset", logStreamName="s")
        logs.put_log_events(logGroupName="/reset", logStreamName="s", logEvents=[{"timestamp": int(time.time() * 1000), "message": "m"}])
        assert len(logs.filter_log_events(logGroupName="/reset")["events"]) == 1
        cloudwatch.put_metric_data(Namespace="T/Reset", MetricData=[{"MetricName": "M", "Value": 1}])
        cloudwatch.put_dashboard(DashboardName="reset", DashboardBody='{"widgets":[]}')
        server.client("s3").create_bucket(Bucket="bucket")
        cloudtrail.create_trail(Name="reset", S3BucketName="bucket")
        assert server.http("POST", "/_trailwatch/reset").status == 200
        assert logs.describe_log_groups(logGroupNamePrefix="/reset")["logGroups"] == []
        assert cloudwatch.list_metrics(Namespace="T/Reset")["Metrics"] == []
        assert cloudwatch.list_dashboards()["DashboardEntries"] == []
        assert cloudtrail.list_trails()["Trails"] == []
        assert "CreateTrail" not in [e["EventName"] for e in cloudtrail.lookup_events()["Events"]]
    closed = make_server("closed").start()
    closed.client("logs").create_log_group(logGroupName="/stays")
    answer = closed.http("POST", "/_trailwatch/reset")
    assert 400 <= answer.status < 500
    assert len(closed.client("logs").describe_log_groups(logGroupNamePrefix="/stays")["logGroups"]) == 1


def test_open_mode_is_for_loopback_only(tmp_path):
    done = trailwatch("serve", "--open", "--listen", "0.0.0.0:0", "--data-dir", str(tmp_path / "x"))
    assert done.returncode == 2 and "loopback" in done.stderr

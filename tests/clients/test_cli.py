"""The commands of a first hour, with the newest aws cli, unmodified, after pasting the export lines."""

import json
import time

from trailwatch import iso, minutes_ago


def test_who_am_i(server):
    identity = server.cli("sts", "get-caller-identity")
    assert identity == {"UserId": "123456789012", "Account": "123456789012", "Arn": "arn:aws:iam::123456789012:root"}


def test_logs_in_and_out(server):
    now = int(time.time() * 1000)
    events = [{"timestamp": now - 1000, "message": "GET / 200"}, {"timestamp": now, "message": "disk ERROR on sda"}]
    server.cli("logs", "create-log-group", "--log-group-name", "/cli/app")
    server.cli("logs", "create-log-stream", "--log-group-name", "/cli/app", "--log-stream-name", "one")
    put = server.cli(
        "logs", "put-log-events", "--log-group-name", "/cli/app", "--log-stream-name", "one",
        "--log-events", json.dumps(events),
    )
    assert put["nextSequenceToken"]
    found = server.cli("logs", "filter-log-events", "--log-group-name", "/cli/app", "--filter-pattern", "ERROR")
    assert [(e["message"], e["timestamp"], e["logStreamName"]) for e in found["events"]] == [
        ("disk ERROR on sda", now, "one")
    ]
    groups = server.cli("logs", "describe-log-groups", "--log-group-name-prefix", "/cli/")
    assert [g["logGroupName"] for g in groups["logGroups"]] == ["/cli/app"]
    assert groups["logGroups"][0]["arn"] == "arn:aws:logs:us-east-1:123456789012:log-group:/cli/app:*"


def test_metrics_in_and_out(server):
    at = minutes_ago(5)
    server.cli(
        "cloudwatch", "put-metric-data", "--namespace", "Cli/App", "--metric-name", "Latency", "--unit", "Milliseconds",
        "--dimensions", "Host=a", "--timestamp", iso(at + 7), "--value", "12.5",
    )
    server.cli(
        "cloudwatch", "put-metric-data", "--namespace", "Cli/App", "--metric-data",
        json.dumps([{"MetricName": "Latency", "Unit": "Milliseconds", "Dimensions": [{"Name": "Host", "Value": "a"}],
                     "Timestamp": at + 50, "Value": 7.5}]),
    )
    read = server.cli(
        "cloudwatch", "get-metric-statistics", "--namespace", "Cli/App", "--metric-name", "Latency", "--dimensions",
        "Name=Host,Value=a", "--start-time", iso(at), "--end-time", iso(at + 60), "--period", "60",
        "--statistics", "Average", "Maximum", "SampleCount",
    )
    assert read["Label"] == "Latency"
    (point,) = read["Datapoints"]
    assert (point["Average"], point["Maximum"], point["SampleCount"], point["Unit"]) == (10.0, 12.5, 2.0, "Milliseconds")


def test_an_alarm_is_made_and_described(server):
    server.cli(
        "cloudwatch", "put-metric-alarm", "--alarm-name", "cli-slow", "--namespace", "Cli/App", "--metric-name", "Latency",
        "--statistic", "Average", "--period", "60", "--evaluation-periods", "2", "--threshold", "100",
        "--comparison-operator", "GreaterThanThreshold",
    )
    (alarm,) = server.cli("cloudwatch", "describe-alarms", "--alarm-names", "cli-slow")["MetricAlarms"]
    assert alarm["AlarmArn"] == "arn:aws:cloudwatch:us-east-1:123456789012:alarm:cli-slow"
    assert (alarm["Threshold"], alarm["EvaluationPeriods"], alarm["ActionsEnabled"]) == (100.0, 2, True)


def test_trails_and_own_calls(server):
    assert server.cli("s3api", "create-bucket", "--bucket", "cli-bucket") == {"Location": "/cli-bucket"}
    made = server.cli("cloudtrail", "create-trail", "--name", "cli-trail", "--s3-bucket-name", "cli-bucket")
    assert made["TrailARN"] == "arn:aws:cloudtrail:us-east-1:123456789012:trail/cli-trail"
    found = server.cli(
        "cloudtrail", "lookup-events", "--lookup-attributes", "AttributeKey=EventName,AttributeValue=CreateTrail"
    )
    (event,) = found["Events"]
    record = json.loads(event["CloudTrailEvent"])
    assert record["requestParameters"]["name"] == "cli-trail"
    assert record["userAgent"].startswith(("aws-cli/", "[aws-cli/")), record["userAgent"]
    assert event["ReadOnly"] == "false"


def test_a_refusal_reads_like_aws(server):
    done = server.cli_raw("logs", "create-log-group", "--log-group-name", "/cli/app")
    assert done.returncode != 0
    assert "ResourceAlreadyExistsException" in done.stderr
    done = server.cli_raw("sts", "get-caller-identity", AWS_SECRET_ACCESS_KEY="wrong")
    assert done.returncode != 0
    assert "SignatureDoesNotMatch" in done.stderr

"""Log alarms with boto3 and the aws cli: on the server's own clock, with what is managed for them."""

import json
import time

import pytest
from botocore.exceptions import ClientError
from trailwatch import wait_until

ROLE = "arn:aws:iam::123456789012:role/logs"
#: Longest wait for two runs of a query that runs each minute, seconds.
RUNS = 150


@pytest.fixture(scope="module")
def group(logs):
    """A log group with three errors of one service, one of another, and some that are none, of now."""
    logs.create_log_group(logGroupName="shop")
    logs.create_log_stream(logGroupName="shop", logStreamName="web")
    lines = [("ERROR", "pay"), ("ERROR", "pay"), ("INFO", "pay"), ("ERROR", "cart"), ("ERROR", "pay"), ("INFO", "cart")]
    now = int(time.time() * 1000)
    events = [{"timestamp": now + n, "message": json.dumps({"level": level, "service": service})} for n, (level, service) in enumerate(lines)]
    logs.put_log_events(logGroupName="shop", logStreamName="web", logEvents=events)
    return "shop"


def alarm(name, group, aggregation, **more):
    """An alarm on the errors of the last hour, each minute."""
    schedule = {"ScheduleExpression": "rate(1 minute)", "StartTimeOffset": 3600}
    query = {
        "QueryString": "fields @message | filter level = 'ERROR'", "LogGroupIdentifiers": [group], "ScheduledQueryRoleARN": ROLE,
        "ScheduleConfiguration": schedule, "AggregationExpression": aggregation,
    }
    rest = {"QueryResultsToEvaluate": 1, "QueryResultsToAlarm": 1, "Threshold": 2.0, "ComparisonOperator": "GreaterThanThreshold"}
    return {"AlarmName": name, "ScheduledQueryConfiguration": query, **rest, **more}


def shown(cloudwatch, name):
    (found,) = cloudwatch.describe_alarms(AlarmNames=[name], AlarmTypes=["LogAlarm"])["LogAlarms"]
    return found


def wait_for(cloudwatch, name, state):
    return wait_until(lambda: (lambda a: a if a["StateValue"] == state else None)(shown(cloudwatch, name)), RUNS, f"{name} is in {state}")


def published(cloudwatch, name, kind):
    items = cloudwatch.describe_alarm_history(AlarmName=name, HistoryItemType=kind, ScanBy="TimestampAscending")["AlarmHistoryItems"]
    return [(item, json.loads(json.loads(item["HistoryData"])["publishedMessage"])) for item in items]


def test_log_alarms_follow_their_queries(server, cloudwatch, logs, group):
    topic = server.client("sns").create_topic(Name="log-alarms")["TopicArn"]
    lines = {"ActionLogLineCount": 2, "ActionLogLineRoleArn": ROLE}
    cloudwatch.put_log_alarm(**alarm("errors", group, "count(*)", AlarmActions=[topic], Tags=[{"Key": "team", "Value": "shop"}], **lines))
    cloudwatch.put_log_alarm(**alarm("services", group, "count(*) as n by service | sort desc", AlarmActions=[topic]))
    cloudwatch.put_log_alarm(**alarm("lost", "no-such-group", "count(*)", TreatMissingData="notBreaching"))
    cloudwatch.put_composite_alarm(AlarmName="shop", AlarmRule="ALARM(errors) AND ALARM(services)")
    first = shown(cloudwatch, "errors")
    assert (first["StateValue"], first["QueryResultsToAlarm"], first["Threshold"]) == ("INSUFFICIENT_DATA", 1, 2.0)
    assert cloudwatch.list_tags_for_resource(ResourceARN=first["AlarmArn"])["Tags"] == [{"Key": "team", "Value": "shop"}]
    assert cloudwatch.describe_alarms(AlarmNamePrefix="errors")["MetricAlarms"] == []

    errors = wait_for(cloudwatch, "errors", "ALARM")
    assert errors["StateReason"].startswith("Threshold Crossed: 1 out of the last 1 query results [4.0 (")
    assert json.loads(errors["StateReasonData"])["results"][0]["value"] == 4.0
    ((item, message),) = published(cloudwatch, "errors", "Action")
    assert (item["AlarmType"], message["NewStateValue"], len(message["LogLines"])) == ("LogAlarm", "ALARM", 2)
    assert all('"level": "ERROR"' in line for line in message["LogLines"])

    services = wait_for(cloudwatch, "services", "ALARM")
    assert services["StateReason"] == "1 out of 2 contributors evaluated to ALARM"
    (contributor,) = cloudwatch.describe_alarm_contributors(AlarmName="services")["AlarmContributors"]
    assert contributor["ContributorAttributes"] == {"service": "pay"}
    ((item, message),) = published(cloudwatch, "services", "AlarmContributorAction")
    assert item["AlarmContributorId"] == message["AlarmContributorId"] == contributor["ContributorId"]
    assert item["AlarmContributorAttributes"] == message["AlarmContributorAttributes"] == {"service": "pay"}
    one = cloudwatch.describe_alarm_history(AlarmName="services", AlarmContributorId=contributor["ContributorId"])
    assert {i["HistoryItemType"] for i in one["AlarmHistoryItems"]} == {"AlarmContributorStateUpdate", "AlarmContributorAction"}

    both = lambda: cloudwatch.describe_alarms(AlarmNames=["shop"], AlarmTypes=["CompositeAlarm"])["CompositeAlarms"][0]  # noqa: E731
    wait_until(lambda: both()["StateValue"] == "ALARM", 30, "the parent follows")
    lost = wait_until(lambda: (lambda a: a if a.get("EvaluationState") else None)(shown(cloudwatch, "lost")), RUNS, "a failure is told")
    assert (lost["EvaluationState"], lost["StateValue"]) == ("EVALUATION_ERROR", "INSUFFICIENT_DATA")
    assert "failed. The most recent error: " in lost["StateReason"]

    arn = errors["ScheduledQueryConfiguration"]["QueryARN"]
    managed = logs.list_scheduled_queries(scheduleType="AWS_MANAGED")["scheduledQueries"]
    assert arn in [query["scheduledQueryArn"] for query in managed]
    now = int(time.time() * 1000)
    runs = logs.get_scheduled_query_history(identifier=arn, startTime=now - 600_000, endTime=now)["triggerHistory"]
    assert runs[-1]["executionStatus"] == "Complete" and logs.get_query_results(queryId=runs[-1]["queryId"])["results"]

    # Another threshold begins nothing anew: the next run says that all is well.
    cloudwatch.put_log_alarm(**alarm("errors", group, "count(*)", Threshold=50.0))
    assert shown(cloudwatch, "errors")["StateValue"] == "ALARM"
    wait_for(cloudwatch, "errors", "OK")
    # Another query does.
    cloudwatch.put_log_alarm(**alarm("errors", group, "count(service)", Threshold=50.0))
    assert shown(cloudwatch, "errors")["StateValue"] == "INSUFFICIENT_DATA"


def test_the_cli_knows_them(server, group):
    query = json.dumps(alarm("cli", group, "count(*)")["ScheduledQueryConfiguration"])
    server.cli(
        "cloudwatch", "put-log-alarm", "--alarm-name", "cli", "--scheduled-query-configuration", query, "--query-results-to-evaluate", "5",
        "--query-results-to-alarm", "3", "--threshold", "10", "--comparison-operator", "GreaterThanThreshold",
    )
    (found,) = server.cli("cloudwatch", "describe-alarms", "--alarm-names", "cli", "--alarm-types", "LogAlarm")["LogAlarms"]
    assert found["ScheduledQueryConfiguration"]["ScheduleConfiguration"]["ScheduleExpression"] == "rate(1 minute)"
    server.cli("cloudwatch", "set-alarm-state", "--alarm-name", "cli", "--state-value", "ALARM", "--state-reason", "by hand")
    server.cli("cloudwatch", "disable-alarm-actions", "--alarm-names", "cli")
    (found,) = server.cli("cloudwatch", "describe-alarms", "--alarm-names", "cli", "--alarm-types", "LogAlarm")["LogAlarms"]
    assert found["ActionsEnabled"] is False
    items = server.cli("cloudwatch", "describe-alarm-history", "--alarm-name", "cli", "--alarm-types", "LogAlarm")["AlarmHistoryItems"]
    assert {"StateUpdate", "ConfigurationUpdate"} <= {item["HistoryItemType"] for item in items}
    server.cli("cloudwatch", "delete-alarms", "--alarm-names", "cli")
    assert server.cli("cloudwatch", "describe-alarms", "--alarm-names", "cli", "--alarm-types", "LogAlarm")["LogAlarms"] == []


def test_what_makes_no_sense_is_refused(cloudwatch, group):
    for more, words in (({"QueryResultsToAlarm": 2}, "QueryResultsToAlarm"), ({"QueryResultsToEvaluate": 101}, "between 1 and 100"), ({"ActionLogLineCount": 3}, "ActionLogLineRoleArn")):
        with pytest.raises(ClientError) as raised:
            cloudwatch.put_log_alarm(**alarm("x", group, "count(*)", **more))
        assert words in raised.value.response["Error"]["Message"]
    for aggregation in ("pct(x, 99)", "count(*) by bin(5m)", "count(*), avg(x)"):
        with pytest.raises(ClientError) as raised:
            cloudwatch.put_log_alarm(**alarm("x", group, aggregation))
        assert raised.value.response["Error"]["Message"].startswith("Invalid AggregationExpression")
    with pytest.raises(ClientError) as raised:
        cloudwatch.delete_alarms(AlarmNames=["errors", "services"])
    assert "batch" in raised.value.response["Error"]["Message"]

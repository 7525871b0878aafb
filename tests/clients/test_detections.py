"""Sigma rules on live audit events, and the CIS controls: what a rule finds is an event and a datapoint, once; commands on files and history."""

import gzip
import json
import time

import pytest
from test_sns import Receiver, subscribed
from trailwatch import Paths, iso, run, wait_until

#: Longest wait for a finding, seconds; the server looks for new events four times in one.
FOUND = 20
#: Longest wait for a changed folder, seconds; the server looks at it every ten.
RELOADED = 40


def rule(name, line, level="high"):
    """A rule of one line."""
    return (
        f"title: {name}\nid: id-{name}\nlevel: {level}\nlogsource:\n    product: aws\n    service: cloudtrail\n"
        f"detection:\n    selection:\n        {line}\n    condition: selection\n"
    )


def command(server, *arguments):
    return run([Paths.server(), *arguments, "--endpoint", server.endpoint], env=server.environment())


def findings(server):
    """(rule id, eventID of what it found) of each finding, from LookupEvents."""
    pages = server.client("cloudtrail").get_paginator("lookup_events")
    pages = pages.paginate(LookupAttributes=[{"AttributeKey": "EventSource", "AttributeValue": "detections.trailwatch"}])
    records = [json.loads(event["CloudTrailEvent"]) for page in pages for event in page["Events"]]
    return [(r["serviceEventDetails"]["ruleId"], r["serviceEventDetails"]["linkedEventID"]) for r in records]


def calls(server, name):
    """The eventIDs of calls of this name."""
    pages = server.client("cloudtrail").get_paginator("lookup_events")
    pages = pages.paginate(LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": name}])
    return [event["EventId"] for page in pages for event in page["Events"]]


@pytest.fixture
def rules(tmp_path):
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "group.yml").write_text(rule("group", "eventName: createloggroup"))
    return folder


@pytest.fixture
def watched(make_server, tmp_path, rules):
    """A server that holds events against the rules; `audit` is a bucket."""
    config = tmp_path / "trailwatch.toml"
    config.write_text(f"[detections]\nrules = '{rules}'\n[buckets]\naudit = '{tmp_path / 'audit'}'\n[notify]\nallow_private = true\n")
    return make_server("data", "--config", config).start()


def trail_into(server, group):
    """A multi-region trail that delivers to a new log group."""
    logs, cloudtrail = server.client("logs"), server.client("cloudtrail")
    logs.create_log_group(logGroupName=group)
    arn = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]["arn"]
    role = "arn:aws:iam::123456789012:role/CloudTrailToLogs"
    cloudtrail.create_trail(
        Name="all", S3BucketName="audit", IsMultiRegionTrail=True, CloudWatchLogsLogGroupArn=arn, CloudWatchLogsRoleArn=role
    )
    cloudtrail.start_logging(Name="all")


def test_a_call_is_found_counted_and_delivered(watched):
    logs = watched.client("logs")
    trail_into(watched, "/audit")
    before = set(calls(watched, "CreateLogGroup"))
    logs.create_log_group(logGroupName="/suspicious")
    (suspicious,) = set(calls(watched, "CreateLogGroup")) - before
    wait_until(lambda: len(findings(watched)) == 2, FOUND, "both groups are found")
    wanted = sorted(("id-group", event) for event in calls(watched, "CreateLogGroup"))
    assert sorted(findings(watched)) == wanted
    by_rule = watched.client("cloudtrail").lookup_events(LookupAttributes=[{"AttributeKey": "ResourceName", "AttributeValue": "id-group"}])
    assert len(by_rule["Events"]) == 2 and {event["EventName"] for event in by_rule["Events"]} == {"RuleMatched"}

    now = time.time()
    points = watched.client("cloudwatch").get_metric_statistics(
        Namespace="Trailwatch/Detections", MetricName="Findings", StartTime=now - 600, EndTime=now + 60, Period=60, Statistics=["Sum"],
        Dimensions=[{"Name": "Level", "Value": "high"}, {"Name": "Rule", "Value": "group"}],
    )["Datapoints"]
    assert sum(point["Sum"] for point in points) == 2

    pattern = '{ $.eventSource = "detections.trailwatch" }'
    delivered = logs.filter_log_events(logGroupName="/audit", filterPattern=pattern)["events"]
    details = [json.loads(event["message"])["serviceEventDetails"] for event in delivered]
    # What was found before the trail logged may have been recorded after.
    (of_suspicious,) = [found for found in details if found["linkedEventID"] == suspicious]
    facts = (of_suspicious["ruleTitle"], of_suspicious["level"], of_suspicious["linkedEventName"])
    assert facts == ("group", "high", "CreateLogGroup")


def test_rules_change_while_the_server_runs(watched, rules):
    logs = watched.client("logs")
    watched.expect_complaint("rule not used")
    (rules / "broken.yml").write_text(rule("broken", "eventName|base64: x"))
    (rules / "more").mkdir()
    (rules / "more" / "stream.yml").write_text(rule("stream", "requestParameters.logStreamName|startswith: odd", "low"))
    logs.create_log_group(logGroupName="/a")
    made = []

    def is_found():
        made.append(f"odd-{len(made)}")
        logs.create_log_stream(logGroupName="/a", logStreamName=made[-1])
        return any(found == "id-stream" for found, _ in findings(watched))

    wait_until(is_found, RELOADED, "the new rule finds a stream")
    (told,) = [line for line in watched.log().splitlines() if "rule not used" in line]
    assert "broken.yml" in told and "line=9" in told and "the modifier 'base64' is not supported" in told, told


def test_each_event_is_found_once_across_kills(watched):
    for round_ in range(3):
        logs = watched.client("logs")
        for number in range(20):
            logs.create_log_group(logGroupName=f"/g/{round_}/{number}")
        watched.kill()
        watched.start()
    wait_until(lambda: len(findings(watched)) >= 60, FOUND, "every group is found")
    assert sorted(event for _, event in findings(watched)) == sorted(calls(watched, "CreateLogGroup"))


def test_rules_are_listed_and_tried_on_files(tmp_path, rules):
    (rules / "windows.yml").write_text("title: w\nlogsource: {product: windows}\n")
    listed = run([Paths.server(), "detections", "list", "--rules", rules])
    assert listed.returncode == 0, listed.stderr
    assert listed.stdout.splitlines() == ["high           id-group  group  (group.yml)", "1 rules, 0 not used, 1 for other logs"]
    record = {"eventTime": "2026-01-02T03:04:05Z", "eventName": "CreateLogGroup", "eventSource": "logs.amazonaws.com", "eventID": "e-1"}
    other = {**record, "eventName": "DeleteLogGroup", "eventID": "e-2"}
    (tmp_path / "records.json.gz").write_bytes(gzip.compress(json.dumps({"Records": [record, other]}).encode()))
    tried = run([Paths.server(), "detections", "test", "--rules", rules, tmp_path / "records.json.gz"])
    assert tried.returncode == 0, tried.stderr
    assert tried.stdout.splitlines() == [
        "2026-01-02T03:04:05Z  high           group  CreateLogGroup  e-1", "2 events, 1 findings of 1 rules",
    ]
    (rules / "broken.yml").write_text(rule("broken", "a|re: '('"))
    listed = run([Paths.server(), "detections", "list", "--rules", rules])
    assert listed.returncode == 1
    assert listed.stderr.startswith("not used: broken.yml: line 9: the regular expression cannot be read")
    assert run([Paths.server(), "detections", "list", "--rules", tmp_path / "none"]).returncode == 1


def test_history_is_held_against_rules(server, rules):
    server.client("logs").create_log_group(logGroupName="/history")
    (event,) = calls(server, "CreateLogGroup")
    told = command(server, "detections", "backtest", "--rules", rules, "--json")
    assert told.returncode == 0, told.stderr
    answer = json.loads(told.stdout)
    assert answer["matches"] == {"id-group": 1} and answer["events"] >= 1
    assert [(found["rule"], found["event_id"], found["level"]) for found in answer["findings"]] == [("id-group", event, "high")]
    assert findings(server) == [], "nothing is recorded"
    before = command(server, "detections", "backtest", "--rules", rules, "--from", iso(time.time() - 900), "--to", iso(time.time() - 600))
    assert before.stdout.splitlines() == ["0 events, 0 findings of 0 rules"], before
    for flags, words in ((["--from", "soon"], "soon is not a time"), (["--from", iso(time.time() + 60)], "before the end")):
        refused = command(server, "detections", "backtest", "--rules", rules, *flags)
        assert refused.returncode == 1 and words in refused.stderr, refused


def test_the_cis_controls_are_put_and_judged(watched):
    topic = watched.client("sns").create_topic(Name="security")["TopicArn"]
    logs, cloudwatch = watched.client("logs"), watched.client("cloudwatch")
    trail_into(watched, "/audit")

    def report():
        told = command(watched, "cis", "report", "--log-group", "/audit")
        return told.returncode, told.stdout.splitlines()

    code, lines = report()
    assert code == 1 and lines[-1] == "0 of 15 controls hold", lines
    assert lines[0] == "4.1   unauthorized API calls: does not hold: no metric filter finds it"
    for _ in range(2):
        enabled = command(watched, "cis", "enable", "--log-group", "/audit", "--topic", topic)
        assert enabled.returncode == 0, enabled.stderr
    filters = logs.describe_metric_filters(logGroupName="/audit")["metricFilters"]
    alarms = cloudwatch.describe_alarms(AlarmNamePrefix="CIS-")["MetricAlarms"]
    assert (len(filters), len(alarms)) == (15, 15)
    assert {action for alarm in alarms for action in alarm["AlarmActions"]} == {topic}
    code, lines = report()
    assert code == 1 and lines[0].endswith(f"does not hold: nobody has confirmed a subscription to {topic}"), lines
    receiver = Receiver()
    try:
        subscribed(watched, receiver, topic)
        code, lines = report()
        assert (code, lines[-1]) == (0, "15 of 15 controls hold"), lines
        # A filter of the operator's own counts by what it finds; one that finds everything does not.
        logs.delete_metric_filter(logGroupName="/audit", filterName="CIS-4.3-RootUsage")
        own = {"metricName": "CIS-4.3-RootUsage", "metricNamespace": "CISBenchmark", "metricValue": "1"}
        for pattern, holds in (('{ $.userIdentity.type = "Root" }', True), ('{ $.eventName = "*" }', False)):
            logs.put_metric_filter(logGroupName="/audit", filterName="own", filterPattern=pattern, metricTransformations=[own])
            line = report()[1][2]
            assert line.endswith(": holds") == holds, line
        watched.client("cloudtrail").stop_logging(Name="all")
        code, lines = report()
        assert (code, lines[0]) == (1, "the trail all does not log") and lines[-1] == "0 of 15 controls hold", lines
    finally:
        receiver.close()

"""The alarm time machine, as a command and over HTTP: when an alarm would have fired, and what other thresholds would change."""

import json

from trailwatch import Paths, minutes_ago, run

ALARM = {
    "Namespace": "T/Past", "MetricName": "Latency", "Statistic": "Average", "Period": 60, "EvaluationPeriods": 2, "Threshold": 100.0,
    "ComparisonOperator": "GreaterThanThreshold", "TreatMissingData": "ignore",
}


def backtest(server, *flags):
    return run([Paths.server(), "alarms", "backtest", "--endpoint", server.endpoint, *flags], env={**server.exports, "PATH": "/usr/bin:/bin"})


def test_a_draft_is_tried_on_what_has_happened(server, cloudwatch, tmp_path):
    start = minutes_ago(120)
    data = [{"MetricName": "Latency", "Timestamp": start + 60 * minute, "Value": 150.0 if 30 <= minute < 40 or 60 <= minute < 65 else 50.0 + minute % 7} for minute in range(100)]
    cloudwatch.put_metric_data(Namespace="T/Past", MetricData=data)
    draft = tmp_path / "draft.json"
    draft.write_text(json.dumps({**ALARM, "AlarmName": "draft"}))
    told = backtest(server, "--alarm", draft, "--since", "3h", "--threshold", "100", "--threshold", "200", "--threshold", "40", "--json")
    assert told.returncode == 0, told.stderr
    answer = json.loads(told.stdout)
    assert [(c["from"], c["to"]) for c in answer["transitions"]] == [("INSUFFICIENT_DATA", "OK"), ("OK", "ALARM"), ("ALARM", "OK"), ("OK", "ALARM"), ("ALARM", "OK")]
    assert (answer["fires"], answer["failures"]) == (2, 0)
    assert "was greater than the threshold (100.0)" in answer["transitions"][1]["reason"] or "were greater than the threshold (100.0)" in answer["transitions"][1]["reason"]
    assert [(t["threshold"], t["fires"]) for t in answer["by_threshold"]] == [(40.0, 1), (100.0, 2), (200.0, 0)]
    assert cloudwatch.describe_alarms(AlarmNames=["draft"])["MetricAlarms"] == [], "a draft is not kept"


def test_an_alarm_that_exists_reads_as_a_table(server, cloudwatch):
    cloudwatch.put_metric_alarm(**ALARM, AlarmName="kept")
    told = backtest(server, "--name", "kept", "--since", "3h")
    assert told.returncode == 0, told.stderr
    assert "fires 2 times" in told.stdout and "threshold" in told.stdout and "OK -> ALARM" in told.stdout


def test_what_makes_no_sense_is_refused(server, tmp_path):
    wrong = tmp_path / "wrong.json"
    wrong.write_text(json.dumps({**ALARM, "AlarmName": "x", "Period": 45}))
    for flags, words in ((["--name", "nobody"], "does not exist"), (["--alarm", wrong], "Period must be 10, 20, 30"), (["--name", "kept", "--since", "500d"], "more than the limit")):
        told = backtest(server, *flags)
        assert told.returncode == 1 and words in told.stderr, (flags, told.stderr)
    assert backtest(server, "--name", "kept", "--since", "soon").returncode == 2


def test_a_composite_draft_is_tried_on_what_its_children_did(server, cloudwatch, tmp_path):
    for name in ("left", "right"):
        cloudwatch.put_metric_alarm(**{**ALARM, "MetricName": "Nothing", "AlarmName": name})
    for name, state in (("left", "ALARM"), ("right", "ALARM"), ("left", "OK"), ("left", "ALARM")):
        cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason="by hand")
    draft = tmp_path / "composite.json"
    draft.write_text(json.dumps({"AlarmName": "both", "AlarmRule": "ALARM(left) AND ALARM(right)"}))
    told = backtest(server, "--alarm", draft, "--since", "1h", "--json")
    assert told.returncode == 0, told.stderr
    answer = json.loads(told.stdout)
    assert [c["to"] for c in answer["transitions"]] == ["OK", "ALARM", "OK", "ALARM"]
    assert (answer["fires"], answer["by_threshold"]) == (2, [])


def test_a_log_draft_is_tried_on_the_logs(server, logs, tmp_path):
    logs.create_log_group(logGroupName="past")
    logs.create_log_stream(logGroupName="past", logStreamName="s")
    start = minutes_ago(60)
    events = [{"timestamp": (start + 60 * minute) * 1000 + 1, "message": "ERROR"} for minute in range(40) for _ in range(3 if 20 <= minute < 30 else 1)]
    logs.put_log_events(logGroupName="past", logStreamName="s", logEvents=events)
    query = {
        "QueryString": "filter @message like /ERROR/", "LogGroupIdentifiers": ["past"], "ScheduledQueryRoleARN": "arn:aws:iam::123456789012:role/r",
        "ScheduleConfiguration": {"ScheduleExpression": "rate(5 minutes)", "StartTimeOffset": 300}, "AggregationExpression": "count(*)",
    }
    draft = tmp_path / "log.json"
    rest = {"QueryResultsToEvaluate": 1, "QueryResultsToAlarm": 1, "Threshold": 11.0, "ComparisonOperator": "GreaterThanThreshold"}
    draft.write_text(json.dumps({"AlarmName": "draft", "ScheduledQueryConfiguration": query, **rest}))
    told = backtest(server, "--alarm", draft, "--since", "2h", "--threshold", "20", "--threshold", "4", "--json")
    assert told.returncode == 0, told.stderr
    answer = json.loads(told.stdout)
    assert [c["to"] for c in answer["transitions"]] == ["OK", "ALARM", "OK"]
    assert [(t["threshold"], t["fires"]) for t in answer["by_threshold"]] == [(4.0, 1), (20.0, 0)]

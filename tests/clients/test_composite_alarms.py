"""Composite alarms and mute rules end to end: what a real server does when alarms change, and what it tells whom."""

import datetime
import json

import pytest
from botocore.exceptions import ClientError
from test_sns import Receiver, subscribed
from trailwatch import wait_until

#: Longest wait for a composite alarm to follow its children, seconds; the clock looks each second.
FOLLOWS = 30
#: An alarm that is only set by hand: no data, which are ignored.
BY_HAND = {
    "Namespace": "T/Nothing", "MetricName": "Nothing", "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1, "Threshold": 1.0,
    "ComparisonOperator": "GreaterThanThreshold", "TreatMissingData": "ignore",
}


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def server(make_server, tmp_path):
    """A server of its own, whose receivers may be on loopback."""
    config = tmp_path / "trailwatch.toml"
    config.write_text("[notify]\nallow_private = true\n")
    return make_server("data", "--config", config).start()


@pytest.fixture
def cloudwatch(server):
    return server.client("cloudwatch")


def put_children(cloudwatch, *names, **more):
    for name in names:
        cloudwatch.put_metric_alarm(AlarmName=name, **BY_HAND, **more)


def set_state(cloudwatch, name, state):
    cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason="by hand")


def composite(cloudwatch, name):
    (alarm,) = cloudwatch.describe_alarms(AlarmNames=[name], AlarmTypes=["CompositeAlarm"])["CompositeAlarms"]
    return alarm


def wait_for(cloudwatch, name, state):
    """The composite alarm, once it is in the state."""
    def look():
        alarm = composite(cloudwatch, name)
        return alarm if alarm["StateValue"] == state else None

    return wait_until(look, FOLLOWS, f"{name} is in {state}")


def history(cloudwatch, name, kind):
    """Items of one kind, oldest first."""
    return cloudwatch.describe_alarm_history(AlarmName=name, HistoryItemType=kind, ScanBy="TimestampAscending")["AlarmHistoryItems"]


def refused(function, **parameters):
    with pytest.raises(ClientError) as raised:
        function(**parameters)
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    return raised.value.response["Error"]["Message"]


def test_rules_follow_their_children(cloudwatch):
    put_children(cloudwatch, "cpu", "disk", "net", "deploy")
    cloudwatch.put_composite_alarm(AlarmName="host", AlarmRule="AT_LEAST(2, ALARM, (cpu, disk, net)) AND NOT ALARM(deploy)")
    cloudwatch.put_composite_alarm(AlarmName="half", AlarmRule='AT_LEAST(50%, NOT OK, (cpu, "disk", net, deploy)) OR FALSE')
    cloudwatch.put_composite_alarm(AlarmName="site", AlarmRule="ALARM(host)", AlarmDescription="two levels up")
    for child in ("cpu", "disk", "net", "deploy"):
        set_state(cloudwatch, child, "OK")
    for name in ("host", "half", "site"):
        wait_for(cloudwatch, name, "OK")
    set_state(cloudwatch, "cpu", "ALARM")
    set_state(cloudwatch, "net", "ALARM")
    site = wait_for(cloudwatch, "site", "ALARM")
    assert ":alarm:host transitioned to ALARM at " in site["StateReason"]
    assert wait_for(cloudwatch, "half", "ALARM")["StateReason"].startswith("arn:aws:cloudwatch:")
    deciding = json.loads(composite(cloudwatch, "host")["StateReasonData"])["triggeringAlarms"]
    assert {child["arn"].rpartition(":")[2] for child in deciding} >= {"cpu", "net"}
    set_state(cloudwatch, "deploy", "ALARM")
    wait_for(cloudwatch, "site", "OK")
    assert composite(cloudwatch, "half")["StateValue"] == "ALARM"
    states = [json.loads(item["HistoryData"])["newState"]["stateValue"] for item in history(cloudwatch, "host", "StateUpdate")]
    assert states == ["OK", "ALARM", "OK"]
    children = cloudwatch.describe_alarms(ChildrenOfAlarmName="host")["MetricAlarms"]
    assert [child["AlarmName"] for child in children] == ["cpu", "deploy", "disk", "net"]
    parents = cloudwatch.describe_alarms(ParentsOfAlarmName="host")["CompositeAlarms"]
    assert [parent["AlarmName"] for parent in parents] == ["site"]


def test_cycles_and_unknown_children_are_refused(cloudwatch):
    put_children(cloudwatch, "leaf")
    cloudwatch.put_composite_alarm(AlarmName="one", AlarmRule="ALARM(leaf)")
    cloudwatch.put_composite_alarm(AlarmName="two", AlarmRule="ALARM(one)")
    assert "cycle" in refused(cloudwatch.put_composite_alarm, AlarmName="one", AlarmRule="ALARM(two) OR ALARM(leaf)")
    assert "cycle" in refused(cloudwatch.put_composite_alarm, AlarmName="one", AlarmRule="ALARM(one)")
    assert "cycle" in refused(
        cloudwatch.put_composite_alarm, AlarmName="one", AlarmRule="ALARM(leaf)", ActionsSuppressor="two",
        ActionsSuppressorWaitPeriod=1, ActionsSuppressorExtensionPeriod=1,
    )
    assert composite(cloudwatch, "one")["AlarmRule"] == "ALARM(leaf)", "what was refused changed nothing"
    assert "nobody" in refused(cloudwatch.put_composite_alarm, AlarmName="x", AlarmRule="ALARM(nobody)")
    assert "depending on it" in refused(cloudwatch.delete_alarms, AlarmNames=["leaf"])


def test_a_suppressor_holds_what_it_should(server, cloudwatch, receiver):
    topic = server.client("sns").create_topic(Name="suppressed")["TopicArn"]
    subscribed(server, receiver, topic)
    put_children(cloudwatch, "child", "maintenance")
    actions = {"AlarmActions": [topic], "OKActions": [topic]}
    set_state(cloudwatch, "child", "OK")
    cloudwatch.put_composite_alarm(
        AlarmName="service", AlarmRule="ALARM(child)", ActionsSuppressor="maintenance", ActionsSuppressorWaitPeriod=2,
        ActionsSuppressorExtensionPeriod=2,
    )
    wait_for(cloudwatch, "service", "OK")
    wait_until(lambda: "ActionsSuppressedBy" not in composite(cloudwatch, "service"), FOLLOWS, "its first wait is over")
    # From here on it acts, and beside it one that nothing suppresses.
    cloudwatch.put_composite_alarm(
        AlarmName="service", AlarmRule="ALARM(child)", ActionsSuppressor="maintenance", ActionsSuppressorWaitPeriod=2,
        ActionsSuppressorExtensionPeriod=2, **actions,
    )
    cloudwatch.put_composite_alarm(AlarmName="plain", AlarmRule="ALARM(child)", AlarmActions=[topic], OKActions=[topic])
    told = lambda: json.loads(json.loads(receiver.next()[2])["Message"])  # noqa: E731
    first = told()
    assert (first["AlarmName"], first["NewStateValue"]) == ("plain", "OK")
    # The suppressor does not come: the action runs when the wait is over.
    set_state(cloudwatch, "child", "ALARM")
    messages = {message["AlarmName"]: message for message in (told(), told())}
    assert messages["service"]["NewStateValue"] == messages["plain"]["NewStateValue"] == "ALARM"
    assert messages["service"]["TriggeringChildren"][0]["Arn"].endswith(":alarm:child")
    changed, acted = history(cloudwatch, "service", "StateUpdate")[-1], history(cloudwatch, "service", "Action")[-1]
    assert acted["Timestamp"] - changed["Timestamp"] >= datetime.timedelta(seconds=2), "it waited for the suppressor"
    # The suppressor is in ALARM: only the other one acts.
    set_state(cloudwatch, "maintenance", "ALARM")
    set_state(cloudwatch, "child", "OK")
    only = told()
    assert (only["AlarmName"], only["NewStateValue"]) == ("plain", "OK")
    held = wait_until(lambda: composite(cloudwatch, "service").get("ActionsSuppressedBy") == "Alarm" and composite(cloudwatch, "service"), FOLLOWS, "it is suppressed")
    assert (held["StateValue"], held["ActionsSuppressedReason"]) == ("OK", "Actions suppressed by Alarm")
    assert len(history(cloudwatch, "service", "Action")) == 1
    # It leaves: what is owed runs after the extension.
    set_state(cloudwatch, "maintenance", "OK")
    left = cloudwatch.describe_alarms(AlarmNames=["maintenance"])["MetricAlarms"][0]["StateTransitionedTimestamp"]
    last = told()
    assert (last["AlarmName"], last["NewStateValue"]) == ("service", "OK")
    assert history(cloudwatch, "service", "Action")[-1]["Timestamp"] - left >= datetime.timedelta(seconds=2)
    assert "ActionsSuppressedBy" not in composite(cloudwatch, "service")


def test_mute_rules_withhold_actions_until_they_end(server, cloudwatch, receiver):
    topic = server.client("sns").create_topic(Name="muted")["TopicArn"]
    subscribed(server, receiver, topic)
    put_children(cloudwatch, "noisy", "heard", AlarmActions=[topic])
    cloudwatch.put_composite_alarm(AlarmName="parent", AlarmRule="ALARM(noisy)", AlarmActions=[topic])
    wait_for(cloudwatch, "parent", "OK")
    schedule = {"Expression": "cron(* * * * *)", "Duration": "PT1M"}
    cloudwatch.put_alarm_mute_rule(
        Name="always", Description="each minute", Rule={"Schedule": schedule}, MuteTargets={"AlarmNames": ["noisy", "parent"]},
        Tags=[{"Key": "team", "Value": "ops"}],
    )
    shown = cloudwatch.get_alarm_mute_rule(AlarmMuteRuleName="always")
    assert (shown["Status"], shown["MuteType"], shown["Rule"]["Schedule"]["Duration"]) == ("ACTIVE", "RECURRING", "PT1M")
    assert cloudwatch.list_tags_for_resource(ResourceARN=shown["AlarmMuteRuleArn"])["Tags"] == [{"Key": "team", "Value": "ops"}]
    listed = cloudwatch.list_alarm_mute_rules(AlarmName="noisy", Statuses=["ACTIVE"])["AlarmMuteRuleSummaries"]
    assert [rule["AlarmMuteRuleArn"] for rule in listed] == [shown["AlarmMuteRuleArn"]]
    set_state(cloudwatch, "noisy", "ALARM")
    wait_for(cloudwatch, "parent", "ALARM")
    set_state(cloudwatch, "heard", "ALARM")
    message = json.loads(json.loads(receiver.next()[2])["Message"])
    assert message["AlarmName"] == "heard", "the others are muted"
    for name in ("noisy", "parent"):
        assert history(cloudwatch, name, "Action") == []
        assert json.loads(history(cloudwatch, name, "StateUpdate")[-1]["HistoryData"])["newState"]["stateValue"] == "ALARM"
    # The rule goes: what is owed runs.
    cloudwatch.delete_alarm_mute_rule(AlarmMuteRuleName="always")
    names = sorted(json.loads(json.loads(receiver.next()[2])["Message"])["AlarmName"] for _ in range(2))
    assert names == ["noisy", "parent"]
    assert cloudwatch.list_alarm_mute_rules()["AlarmMuteRuleSummaries"] == []
    assert refused_rule(cloudwatch, "cron(* * * *)") and refused_rule(cloudwatch, "every day")


def refused_rule(cloudwatch, expression):
    return refused(cloudwatch.put_alarm_mute_rule, Name="x", Rule={"Schedule": {"Expression": expression, "Duration": "PT1H"}})

"""Cross-account observability with boto3: sinks, links, and what a monitoring account reads of the accounts that share with it."""

import json
import time

import pytest
from botocore.exceptions import ClientError
from isolation import Owner
from trailwatch import minutes_ago, wait_until

METRICS, GROUPS = "AWS::CloudWatch::Metric", "AWS::Logs::LogGroup"
MONITORING, SOURCE, STRANGER = "111111111111", "222222222222", "333333333333"


@pytest.fixture
def accounts(make_server):
    """The monitoring account, a source, and a stranger, each with a metric, a log group and an event of the same names."""
    server = make_server("accounts", "--open").start()
    owners = [Owner(server, "", account, "us-east-1", mark) for account, mark in ((MONITORING, "watcher"), (SOURCE, "worker"), (STRANGER, "other"))]
    for owner in owners:
        owner.cloudwatch.put_metric_data(Namespace="Shop", MetricData=[metric("Orders", owner.number), metric("Secret", 1.0)])
        owner.cloudwatch.put_metric_data(Namespace="Private", MetricData=[metric("Orders", owner.number)])
        for group in ("/shop/web", "/private"):
            owner.logs.create_log_group(logGroupName=group)
            owner.logs.create_log_stream(logGroupName=group, logStreamName="s")
            put(owner, group, json.dumps({"who": owner.mark}))
    return owners


def metric(name, value):
    return {"MetricName": name, "Value": value, "Timestamp": minutes_ago(2), "Dimensions": [{"Name": "Shop", "Value": "one"}]}


def put(owner, group, message):
    owner.logs.put_log_events(
        logGroupName=group, logStreamName="s", logEvents=[{"timestamp": int(time.time() * 1000), "message": message}])


def refused(call, **parameters):
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]


def allow(*principals, **condition):
    statement = {"Effect": "Allow", "Principal": {"AWS": list(principals)}, "Action": ["oam:CreateLink", "oam:UpdateLink"], "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [{**statement, **condition}]})


ONLY_METRICS = {"Condition": {"ForAllValues:StringEquals": {"oam:ResourceTypes": [METRICS]}}}


def link(watcher, worker, *types, configuration=None):
    """A sink that lets everybody in, and a link to it."""
    sink = watcher.oam.create_sink(Name="sink")["Arn"]
    watcher.oam.put_sink_policy(SinkIdentifier=sink, Policy=allow("*"))
    more = {"LinkConfiguration": configuration} if configuration else {}
    return worker.oam.create_link(LabelTemplate="$AccountName", ResourceTypes=list(types), SinkIdentifier=sink, **more)


def test_sinks_and_their_policies(accounts):
    watcher, worker, stranger = accounts
    oam = watcher.oam
    sink = oam.create_sink(Name="main", Tags={"team": "red"})
    assert sink["Arn"] == f"arn:aws:oam:us-east-1:{MONITORING}:sink/{sink['Id']}" and sink["Tags"] == {"team": "red"}
    assert refused(oam.create_sink, Name="second")[0] == "ServiceQuotaExceededException"
    assert refused(oam.create_sink, Name="not a name")[0] == "InvalidParameterException"
    # Another region is another place.
    Owner(watcher.server, "", MONITORING, "eu-west-1", "x").oam.create_sink(Name="main")
    assert [item["Arn"] for item in oam.list_sinks()["Items"]] == [sink["Arn"]]
    assert oam.get_sink(Identifier=sink["Arn"])["Tags"] == {}
    assert oam.get_sink(Identifier=sink["Arn"], IncludeTags=True)["Tags"] == {"team": "red"}
    oam.tag_resource(ResourceArn=sink["Arn"], Tags={"a": "1", "b c": "2"})
    oam.untag_resource(ResourceArn=sink["Arn"], TagKeys=["team", "b c"])
    assert oam.list_tags_for_resource(ResourceArn=sink["Arn"])["Tags"] == {"a": "1"}
    assert refused(worker.oam.get_sink, Identifier=sink["Arn"])[0] == "ResourceNotFoundException"
    assert refused(worker.oam.list_tags_for_resource, ResourceArn=sink["Arn"])[0] == "ResourceNotFoundException"

    assert refused(oam.get_sink_policy, SinkIdentifier=sink["Arn"])[0] == "ResourceNotFoundException"
    assert refused(oam.put_sink_policy, SinkIdentifier=sink["Arn"], Policy="{")[0] == "InvalidParameterException"
    policy = allow(SOURCE, **ONLY_METRICS)
    assert oam.put_sink_policy(SinkIdentifier=sink["Arn"], Policy=policy)["Policy"] == policy
    assert json.loads(oam.get_sink_policy(SinkIdentifier=sink["Arn"])["Policy"]) == json.loads(policy)

    ask = dict(LabelTemplate="$AccountName", SinkIdentifier=sink["Arn"])
    code, text = refused(stranger.oam.create_link, ResourceTypes=[METRICS], **ask)
    assert code == "AccessDeniedException"
    assert f"is not authorized to perform: oam:CreateLink on resource: {sink['Arn']}" in text
    assert refused(worker.oam.create_link, ResourceTypes=[METRICS, GROUPS], **ask)[0] == "AccessDeniedException"
    assert refused(worker.oam.create_link, ResourceTypes=["AWS::S3::Bucket"], **ask)[0] == "InvalidParameterException"
    assert refused(oam.create_link, ResourceTypes=[METRICS], **ask)[0] == "InvalidParameterException"
    made = worker.oam.create_link(ResourceTypes=[METRICS], Tags={"x": "y"}, **ask)
    assert (made["Label"], made["SinkArn"], made["ResourceTypes"]) == (SOURCE, sink["Arn"], [METRICS])
    assert refused(worker.oam.create_link, ResourceTypes=[METRICS], **ask)[0] == "ConflictException"
    assert refused(oam.delete_sink, Identifier=sink["Arn"])[0] == "ConflictException"

    attached = oam.list_attached_links(SinkIdentifier=sink["Arn"])["Items"]
    assert attached == [{"Label": SOURCE, "LinkArn": made["Arn"], "ResourceTypes": [METRICS]}]
    assert [item["Arn"] for item in worker.oam.list_links()["Items"]] == [made["Arn"]]
    assert refused(oam.get_link, Identifier=made["Arn"])[0] == "ResourceNotFoundException"
    assert refused(worker.oam.update_link, Identifier=made["Arn"], ResourceTypes=[GROUPS])[0] == "AccessDeniedException"
    shop = {"MetricConfiguration": {"Filter": "Namespace = 'Shop'"}}
    updated = worker.oam.update_link(Identifier=made["Arn"], ResourceTypes=[METRICS], LinkConfiguration=shop, IncludeTags=True)
    assert (updated["LinkConfiguration"], updated["Tags"]) == (shop, {"x": "y"})
    wrong = {"MetricConfiguration": {"Filter": "LogGroupName = 'a'"}}
    assert refused(worker.oam.update_link, Identifier=made["Arn"], ResourceTypes=[METRICS], LinkConfiguration=wrong)[0] == "InvalidParameterException"
    everything = {"MetricConfiguration": {"Filter": "*"}}
    assert "LinkConfiguration" not in worker.oam.update_link(Identifier=made["Arn"], ResourceTypes=[METRICS], LinkConfiguration=everything)
    worker.oam.delete_link(Identifier=made["Arn"])
    oam.delete_sink(Identifier=sink["Arn"])
    assert oam.list_sinks()["Items"] == []
    calls = [json.loads(event["CloudTrailEvent"]) for event in watcher.cloudtrail.lookup_events(
        LookupAttributes=[{"AttributeKey": "EventSource", "AttributeValue": "oam.amazonaws.com"}])["Events"]]
    assert {"CreateSink", "PutSinkPolicy", "DeleteSink", "TagResource"} <= {call["eventName"] for call in calls}


def test_a_source_has_five_links(accounts):
    worker = accounts[1]
    made = []
    for number in range(6):
        sink = Owner(worker.server, "", f"44444444444{number}", "us-east-1", "m").oam
        arn = sink.create_sink(Name="s")["Arn"]
        sink.put_sink_policy(SinkIdentifier=arn, Policy=allow("*"))
        ask = dict(LabelTemplate="l", ResourceTypes=[METRICS], SinkIdentifier=arn)
        if number < 5:
            made.append(worker.oam.create_link(**ask)["Arn"])
        else:
            assert refused(worker.oam.create_link, **ask)[0] == "ServiceQuotaExceededException"
    pages = worker.oam.get_paginator("list_links").paginate(PaginationConfig={"PageSize": 2})
    assert sorted(item["Arn"] for page in pages for item in page["Items"]) == sorted(made)


RANGE = {"StartTime": minutes_ago(30), "EndTime": minutes_ago(-90)}


def orders(account=None, namespace="Shop", id="m"):
    stat = {"Metric": {"Namespace": namespace, "MetricName": "Orders", "Dimensions": [{"Name": "Shop", "Value": "one"}]}, "Period": 60, "Stat": "Sum"}
    return {"Id": id, "MetricStat": stat, **({"AccountId": account} if account else {})}


def results(owner, *queries):
    answered = owner.cloudwatch.get_metric_data(MetricDataQueries=list(queries), **RANGE)["MetricDataResults"]
    return [(result["Label"], result["Values"], result["StatusCode"]) for result in answered]


def test_metrics_of_a_source_account(accounts):
    watcher, worker, stranger = accounts
    assert results(watcher, orders(SOURCE)) == [("Orders", [], "Forbidden")]
    made = link(watcher, worker, METRICS, configuration={"MetricConfiguration": {"Filter": "Namespace NOT LIKE 'Priv%'"}})
    assert results(watcher, orders(SOURCE), orders(id="own"), orders(STRANGER, id="no"), orders(SOURCE, "Private", "hidden")) == [
        ("Orders", [worker.number], "Complete"), ("Orders", [watcher.number], "Complete"), ("Orders", [], "Forbidden"), ("Orders", [], "Forbidden")]
    assert results(worker, orders(MONITORING)) == [("Orders", [], "Forbidden")]
    total = results(watcher, {**orders(SOURCE, id="a"), "ReturnData": False}, {**orders(id="b"), "ReturnData": False}, {"Id": "t", "Expression": "a + b"})
    assert total == [("t", [worker.number + watcher.number], "Complete")]

    search = "SEARCH('{Shop,Shop} MetricName=\"Orders\" %s', 'Sum', 60)"
    label = "${PROP('AccountId')}"
    found = lambda more: [answer[:2] for answer in results(watcher, {"Id": "s", "Expression": search % more, "Label": label})]
    assert found("") == [(MONITORING, [watcher.number]), (SOURCE, [worker.number])]
    assert found(f':aws.AccountId="{SOURCE}"') == [(SOURCE, [worker.number])]
    assert found(":aws.AccountId='LOCAL'".replace("'", '"')) == [(MONITORING, [watcher.number])]
    assert found(f':aws.AccountId="{STRANGER}"') == []
    insights = {"Id": "i", "Expression": "SELECT SUM(Orders) FROM Shop GROUP BY AWS.AccountId", "Period": 60}
    assert sorted(answer[:2] for answer in results(watcher, insights)) == [(MONITORING, [watcher.number]), (SOURCE, [worker.number])]
    only = {"Id": "i", "Expression": f"SELECT SUM(Orders) FROM Shop WHERE AWS.AccountId = '{SOURCE}'", "Period": 60}
    assert [answer[1] for answer in results(watcher, only)] == [[worker.number]]

    listed = watcher.cloudwatch.list_metrics(IncludeLinkedAccounts=True, MetricName="Orders")
    pairs = [(metric["Namespace"], account) for metric, account in zip(listed["Metrics"], listed["OwningAccounts"], strict=True)]
    assert pairs == [("Private", MONITORING), ("Shop", MONITORING), ("Shop", SOURCE)]
    one = watcher.cloudwatch.list_metrics(IncludeLinkedAccounts=True, OwningAccount=SOURCE)
    assert set(one["OwningAccounts"]) == {SOURCE} and {metric["Namespace"] for metric in one["Metrics"]} == {"Shop"}
    assert {metric["Namespace"] for metric in watcher.cloudwatch.list_metrics(MetricName="Orders")["Metrics"]} == {"Private", "Shop"}
    assert "OwningAccounts" not in watcher.cloudwatch.list_metrics()
    worker.oam.delete_link(Identifier=made["Arn"])
    assert results(watcher, orders(SOURCE)) == [("Orders", [], "Forbidden")]
    assert found("") == [(MONITORING, [watcher.number])]


def test_metrics_of_a_source_account_come_in_pages(accounts):
    watcher, worker, _ = accounts
    link(watcher, worker, METRICS)
    for owner in (watcher, worker):
        for first in range(0, 700, 350):
            owner.cloudwatch.put_metric_data(
                Namespace="Many", MetricData=[{"MetricName": f"m{n:04}", "Value": 1.0} for n in range(first, first + 350)])
    pages = watcher.cloudwatch.get_paginator("list_metrics").paginate(Namespace="Many", IncludeLinkedAccounts=True)
    listed = [(account, metric["MetricName"]) for page in pages for metric, account in zip(page["Metrics"], page["OwningAccounts"], strict=True)]
    assert listed == [(account, f"m{n:04}") for account in (MONITORING, SOURCE) for n in range(700)]


def test_an_alarm_on_a_metric_of_a_source_account(accounts):
    watcher, worker, _ = accounts
    alarm = dict(
        AlarmName="orders", EvaluationPeriods=3, DatapointsToAlarm=1, Threshold=0, ComparisonOperator="GreaterThanThreshold", TreatMissingData="missing")
    forbidden = "One or more metrics in your request are Forbidden."
    assert refused(watcher.cloudwatch.put_metric_alarm, Metrics=[orders(SOURCE)], **alarm) == ("ValidationError", forbidden)
    link(watcher, worker, METRICS)
    watcher.cloudwatch.put_metric_alarm(Metrics=[orders(SOURCE)], **alarm)
    worker.cloudwatch.put_metric_data(Namespace="Shop", MetricData=[{**metric("Orders", 5.0), "Timestamp": minutes_ago(0)}])
    state = lambda: watcher.cloudwatch.describe_alarms(AlarmNames=["orders"])["MetricAlarms"][0]
    wait_until(lambda: state()["StateValue"] == "ALARM", 90, "the alarm goes off")
    assert state()["Metrics"][0]["AccountId"] == SOURCE
    assert refused(watcher.cloudwatch.put_metric_alarm, Metrics=[orders(STRANGER)], **alarm) == ("ValidationError", forbidden)


def group_arn(account, name="/shop/web"):
    return f"arn:aws:logs:us-east-1:{account}:log-group:{name}"


def test_log_groups_of_a_source_account(accounts):
    watcher, worker, _ = accounts
    logs = watcher.logs
    missing = ("ResourceNotFoundException", "The specified log group does not exist.")
    assert refused(logs.filter_log_events, logGroupIdentifier=group_arn(SOURCE)) == missing
    shops = {"LogGroupConfiguration": {"Filter": "LogGroupName LIKE '/shop/%' OR LogGroupName = 'x'"}}
    made = link(watcher, worker, GROUPS, configuration=shops)
    who = lambda events: [json.loads(event["message"])["who"] for event in events]
    assert who(logs.filter_log_events(logGroupIdentifier=group_arn(SOURCE))["events"]) == ["worker"]
    assert who(logs.get_log_events(logGroupIdentifier=group_arn(SOURCE), logStreamName="s")["events"]) == ["worker"]
    assert who(logs.filter_log_events(logGroupName="/shop/web")["events"]) == ["watcher"]
    assert logs.describe_log_streams(logGroupIdentifier=group_arn(SOURCE))["logStreams"][0]["arn"].startswith(group_arn(SOURCE))
    assert "who" in [field["name"] for field in logs.get_log_group_fields(logGroupIdentifier=group_arn(SOURCE))["logGroupFields"]]
    for name, account in (("/private", SOURCE), ("/shop/web", STRANGER)):
        assert refused(logs.filter_log_events, logGroupIdentifier=group_arn(account, name)) == missing
    assert refused(worker.logs.filter_log_events, logGroupIdentifier=group_arn(MONITORING)) == missing
    # What changes a group is for its own account.
    assert refused(logs.put_transformer, logGroupIdentifier=group_arn(SOURCE), transformerConfig=[{"parseJSON": {}}]) == missing

    arns = lambda **ask: [group["logGroupArn"] for group in logs.describe_log_groups(**ask)["logGroups"]]
    own, shared = [group_arn(MONITORING, "/private"), group_arn(MONITORING)], [group_arn(SOURCE)]
    mine = lambda found: [arn for arn in found if "/trailwatch/" not in arn]
    assert mine(arns()) == own and mine(arns(includeLinkedAccounts=True)) == own + shared
    assert arns(includeLinkedAccounts=True, accountIdentifiers=[SOURCE]) == shared
    assert arns(includeLinkedAccounts=True, accountIdentifiers=[STRANGER]) == []
    assert arns(includeLinkedAccounts=True, logGroupIdentifiers=[group_arn(SOURCE), group_arn(STRANGER)]) == shared
    pages = logs.get_paginator("describe_log_groups").paginate(includeLinkedAccounts=True, PaginationConfig={"PageSize": 1})
    assert mine([group["logGroupArn"] for page in pages for group in page["logGroups"]]) == own + shared
    listed = logs.list_log_groups(includeLinkedAccounts=True, logGroupNamePattern="^/shop")["logGroups"]
    assert [group["logGroupArn"] for group in listed] == [group_arn(MONITORING), group_arn(SOURCE)]

    both = [group_arn(MONITORING), group_arn(SOURCE)]
    rows = query(logs, "fields @log, who | sort who", logGroupIdentifiers=both)
    assert [(row["@log"], row["who"]) for row in rows] == [(f"{MONITORING}:/shop/web", "watcher"), (f"{SOURCE}:/shop/web", "worker")]
    record = logs.get_log_record(logRecordPointer=rows[1]["@ptr"])["logRecord"]
    assert (record["@log"], record["who"]) == (f"{SOURCE}:/shop/web", "worker")
    sourced = query(logs, f"SOURCE logGroups(namePrefix: ['/shop'], accountIdentifiers: ['{SOURCE}', '{MONITORING}']) | stats count(*) as n by who | sort who")
    assert [(row["who"], row["n"]) for row in sourced] == [("watcher", "1"), ("worker", "1")]

    tail = watcher.server.client("logs", key=MONITORING, secret="x", inject_host_prefix=False)
    stream = tail.start_live_tail(logGroupIdentifiers=[group_arn(SOURCE)])["responseStream"]
    for event in stream:
        if "sessionStart" in event:
            put(worker, "/shop/web", '{"who":"late"}')
        shown = event.get("sessionUpdate", {}).get("sessionResults", [])
        if shown:
            assert (shown[0]["message"], shown[0]["logGroupIdentifier"]) == ('{"who":"late"}', f"{SOURCE}:/shop/web")
            break
    stream.close()
    worker.oam.delete_link(Identifier=made["Arn"])
    assert refused(logs.filter_log_events, logGroupIdentifier=group_arn(SOURCE)) == missing
    assert refused(logs.get_log_record, logRecordPointer=rows[1]["@ptr"])[0] == "ResourceNotFoundException"


def query(logs, text, **groups):
    """The rows of a query of Logs Insights."""
    started = logs.start_query(startTime=int(time.time()) - 3600, endTime=int(time.time()) + 60, queryString=text, **groups)["queryId"]
    answered = lambda: logs.get_query_results(queryId=started)
    wait_until(lambda: answered()["status"] not in ("Scheduled", "Running"), 60, "the query ends")
    assert answered()["status"] == "Complete", answered()
    return [{cell["field"]: cell["value"] for cell in row} for row in answered()["results"]]


def test_what_is_masked_in_a_source_account_stays_masked(accounts):
    watcher, worker, _ = accounts
    link(watcher, worker, GROUPS)
    address = {"DataIdentifier": ["arn:aws:dataprotection::aws:data-identifier/EmailAddress"]}
    policy = {"Name": "p", "Version": "2021-06-01", "Statement": [
        {"Sid": "a", **address, "Operation": {"Audit": {"FindingsDestination": {}}}},
        {"Sid": "d", **address, "Operation": {"Deidentify": {"MaskConfig": {}}}}]}
    worker.logs.put_data_protection_policy(logGroupIdentifier="/shop/web", policyDocument=json.dumps(policy))
    put(worker, "/shop/web", "jo@example.com")
    ask = dict(logGroupIdentifier=group_arn(SOURCE))
    assert "jo@example.com" not in [event["message"] for event in watcher.logs.filter_log_events(**ask)["events"]]
    assert "jo@example.com" in [event["message"] for event in worker.logs.filter_log_events(logGroupName="/shop/web", unmask=True)["events"]]
    assert refused(watcher.logs.filter_log_events, unmask=True, **ask)[0] == "AccessDeniedException"

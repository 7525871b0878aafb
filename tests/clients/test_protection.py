"""Data protection policies and transformers with boto3."""

import json
import time

import pytest
from botocore.exceptions import ClientError
from test_iam import allow, as_user, make_user, refused
from trailwatch import wait_until

ARN = "arn:aws:dataprotection::aws:data-identifier/"


def policy(*identifiers, findings=None, custom=()):
    names = [ARN + name for name in identifiers] + [name for name, _ in custom]
    document = {
        "Name": "policy",
        "Version": "2021-06-01",
        "Statement": [
            {"Sid": "audit", "DataIdentifier": names, "Operation": {"Audit": {"FindingsDestination": findings or {}}}},
            {"Sid": "mask", "DataIdentifier": names, "Operation": {"Deidentify": {"MaskConfig": {}}}},
        ],
    }
    if custom:
        document["Configuration"] = {"CustomDataIdentifier": [{"Name": name, "Regex": regex} for name, regex in custom]}
    return json.dumps(document)


def put(logs, group, *messages):
    now = int(time.time() * 1000)
    events = [{"timestamp": now, "message": message} for message in messages]
    logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=events)


def make(logs, group):
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    return group


def shown(logs, group, **options):
    answer = logs.get_log_events(logGroupName=group, logStreamName="s", startFromHead=True, **options)
    return [event["message"] for event in answer["events"]]


def test_sensitive_data_is_masked_until_someone_asks(logs):
    group = make(logs, "/protect/masked")
    document = policy("EmailAddress", "CreditCardNumber", custom=[("Employee", r"EmployeeId-\d{9}")])
    assert logs.put_data_protection_policy(logGroupIdentifier=group, policyDocument=document)["policyDocument"] == document
    put(logs, group, '{"mail":"jo@example.com","cardNumber":"4242424242424242"}', "EmployeeId-123456789 came")
    masked = [
        '{"mail":"**************","cardNumber":"****************"}',
        "******************** came",
    ]
    assert shown(logs, group) == masked
    assert [event["message"] for event in logs.filter_log_events(logGroupName=group)["events"]] == masked
    assert json.loads(shown(logs, group, unmask=True)[0])["mail"] == "jo@example.com"
    described = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]
    assert described["dataProtectionStatus"] == "ACTIVATED"
    assert logs.get_data_protection_policy(logGroupIdentifier=group)["policyDocument"] == document
    logs.delete_data_protection_policy(logGroupIdentifier=group)
    assert shown(logs, group) == masked, "what was masked stays masked"


def test_findings_are_reported(logs):
    group, findings = make(logs, "/protect/audited"), make(logs, "/protect/findings")
    document = policy("EmailAddress", findings={"CloudWatchLogs": {"LogGroup": findings}})
    logs.put_data_protection_policy(logGroupIdentifier=group, policyDocument=document)
    put(logs, group, "nothing", "to a@b.co")
    (report,) = [json.loads(event["message"]) for event in logs.filter_log_events(logGroupName=findings)["events"]]
    assert report["resourceArn"].endswith(":log-group:/protect/audited:*")
    expected = [{"name": "EmailAddress", "count": 1, "detections": [{"start": 4, "end": 9}]}]
    assert report["dataIdentifiers"] == expected


def test_unknown_and_unsupported_identifiers_are_named(logs):
    group = make(logs, "/protect/refused")
    for name, words in [("PhoneNumber", "is not a valid Data Identifier"), ("Name", "is not supported")]:
        with pytest.raises(ClientError) as raised:
            logs.put_data_protection_policy(logGroupIdentifier=group, policyDocument=policy(name))
        error = raised.value.response["Error"]
        assert error["Code"] == "InvalidParameterException"
        assert error["Message"].startswith(f"{ARN}{name} {words}")


def test_a_transformer_is_tested_and_kept(logs):
    group = make(logs, "/protect/transformed")
    config = [
        {"grok": {"match": "%{IP:client.ip} %{WORD:method} %{URIPATHPARAM:request.uri} %{NUMBER:status}"}},
        {"typeConverter": {"entries": [{"key": "status", "type": "integer"}]}},
    ]
    tested = logs.test_transformer(
        transformerConfig=config, logEventMessages=["192.168.1.1 GET /index.html?param=value 200", "no match"]
    )["transformedLogs"]
    assert json.loads(tested[0]["transformedEventMessage"]) == {
        "client": {"ip": "192.168.1.1"},
        "method": "GET",
        "request": {"uri": "/index.html?param=value"},
        "status": 200,
    }
    assert "transformedEventMessage" not in tested[1]
    logs.put_transformer(logGroupIdentifier=group, transformerConfig=config)
    got = logs.get_transformer(logGroupIdentifier=group)
    assert got["transformerConfig"] == config and got["creationTime"] == got["lastModifiedTime"]
    logs.delete_transformer(logGroupIdentifier=group)
    assert "transformerConfig" not in logs.get_transformer(logGroupIdentifier=group)
    with pytest.raises(ClientError) as raised:
        logs.put_transformer(logGroupIdentifier=group, transformerConfig=config[1:])
    assert raised.value.response["Error"]["Message"] == "The first processor of a transformer must be a parser"


def test_records_become_ocsf_events(logs):
    group = make(logs, "/protect/ocsf")
    config = [{"parseToOCSF": {"eventSource": "VPCFlow", "ocsfVersion": "V1.1"}}]
    line = "2 123456789010 eni-1235b8ca 172.31.16.139 172.31.16.21 20641 22 6 20 4249 1418530010 1418530070 REJECT OK"
    tested = logs.test_transformer(transformerConfig=config, logEventMessages=[line, "no flow"])["transformedLogs"]
    event = json.loads(tested[0]["transformedEventMessage"])
    assert (event["class_uid"], event["type_name"], event["metadata"]["version"]) == (4001, "Network Activity: Refuse", "1.1.0")
    assert event["src_endpoint"] == {"ip": "172.31.16.139", "port": 20641} and event["time"] == 1418530010000
    assert "transformedEventMessage" not in tested[1]
    logs.put_transformer(logGroupIdentifier=group, transformerConfig=config)
    assert logs.get_transformer(logGroupIdentifier=group)["transformerConfig"] == config


def test_queries_show_what_may_be_seen(logs):
    group = make(logs, "/protect/asked")
    logs.put_data_protection_policy(logGroupIdentifier=group, policyDocument=policy("EmailAddress"))
    put(logs, group, '{"mail":"jo@example.com"}')
    now = int(time.time())

    def ask(text):
        query = logs.start_query(logGroupName=group, startTime=now - 3600, endTime=now + 60, queryString=text)["queryId"]

        def ended():
            results = logs.get_query_results(queryId=query)
            return results if results["status"] == "Complete" else None

        (row,) = wait_until(ended, 60, "the query ends")["results"]
        return {cell["field"]: cell["value"] for cell in row}

    row = ask("fields @message, mail")
    assert (row["@message"], row["mail"]) == ('{"mail":"**************"}', "**************")
    record = logs.get_log_record(logRecordPointer=row["@ptr"])["logRecord"]
    assert (record["@message"], record["mail"]) == ('{"mail":"**************"}', "**************")
    assert logs.get_log_record(logRecordPointer=row["@ptr"], unmask=True)["logRecord"]["mail"] == "jo@example.com"


def test_who_sees_all_is_said_by_policies(server, logs):
    group, other = make(logs, "/protect/unmask"), make(logs, "/protect/other")
    for name in (group, other):
        logs.put_data_protection_policy(logGroupIdentifier=name, policyDocument=policy("EmailAddress"))
        put(logs, name, "to jo@example.com")
    iam = server.client("iam")
    resource = f"arn:aws:logs:*:*:log-group:{group}:*"
    reads = allow("logs:GetLogEvents", "logs:FilterLogEvents", "logs:StartQuery", "logs:GetQueryResults")
    sees = {"Version": "2012-10-17", "Statement": [*reads["Statement"], *allow("logs:Unmask", resource=resource)["Statement"]]}
    reader, seer = (as_user(server, make_user(iam, name, document), "logs") for name, document in (("reader", reads), ("seer", sees)))
    operator_key = make_user(iam, "operator")
    iam.attach_user_policy(UserName="operator", PolicyArn="arn:aws:iam::aws:policy/TrailwatchOperator")
    assert shown(reader, group) == ["to **************"]
    for client in (reader, as_user(server, operator_key, "logs")):
        code, text = refused(client.get_log_events, logGroupName=group, logStreamName="s", unmask=True)
        assert code == "AccessDeniedException" and "is not authorized to perform: logs:Unmask on resource: arn:aws:logs:" in text
    assert shown(seer, group, unmask=True) == ["to jo@example.com"]
    assert seer.filter_log_events(logGroupName=group, unmask=True)["events"][0]["message"] == "to jo@example.com"
    assert refused(seer.filter_log_events, logGroupName=other, unmask=True)[0] == "AccessDeniedException"
    now = int(time.time())
    asked = {"startTime": now - 3600, "endTime": now + 60, "queryString": "fields @timestamp, unmask(@message) as m | limit 20"}
    assert refused(reader.start_query, logGroupName=group, **asked)[0] == "AccessDeniedException"
    assert refused(seer.start_query, logGroupNames=[group, other], **asked)[0] == "AccessDeniedException"
    query = seer.start_query(logGroupName=group, **asked)["queryId"]

    def ended():
        results = seer.get_query_results(queryId=query)
        return results if results["status"] == "Complete" else None

    (row,) = wait_until(ended, 60, "the query ends")["results"]
    assert {cell["field"]: cell["value"] for cell in row}["m"] == "to jo@example.com"
    assert refused(reader.get_query_results, queryId=query)[0] == "AccessDeniedException"

"""CloudTrail: trails, selectors, channels, and the record of the server's own calls, refused ones included."""

import base64
import datetime
import hashlib
import json
import socket
import time

import pytest
from botocore.exceptions import ClientError
from trailwatch import wait_until


def refused(function, **parameters):
    with pytest.raises(ClientError) as raised:
        function(**parameters)
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] < 500
    return raised.value.response["Error"]["Code"]


def lookup(cloudtrail, key=None, value=None, **more):
    attributes = {"LookupAttributes": [{"AttributeKey": key, "AttributeValue": value}]} if key else {}
    pages = cloudtrail.get_paginator("lookup_events").paginate(**attributes, **more)
    return [event for page in pages for event in page["Events"]]


def record(event):
    return json.loads(event["CloudTrailEvent"])


@pytest.fixture(scope="module", autouse=True)
def buckets(server):
    """Where the trails deliver to."""
    for name in ("bucket", "other"):
        server.client("s3").create_bucket(Bucket=name)


# -- trails -------------------------------------------------------------------------------------------------------------


def test_a_trails_life(cloudtrail):
    made = cloudtrail.create_trail(Name="life", S3BucketName="bucket", S3KeyPrefix="p", EnableLogFileValidation=True, TagsList=[{"Key": "a", "Value": "1"}])
    arn = made["TrailARN"]
    assert arn == "arn:aws:cloudtrail:us-east-1:123456789012:trail/life"
    assert (made["LogFileValidationEnabled"], made["IsMultiRegionTrail"], made["IncludeGlobalServiceEvents"]) == (True, False, True)
    assert refused(cloudtrail.create_trail, Name="life", S3BucketName="bucket") == "TrailAlreadyExistsException"
    assert refused(cloudtrail.create_trail, Name="lost", S3BucketName="nobody-made-it") == "S3BucketDoesNotExistException"
    with pytest.raises(ClientError, match="S3 bucket nobody-made-it does not exist!"):
        cloudtrail.update_trail(Name="life", S3BucketName="nobody-made-it")
    assert cloudtrail.get_trail_status(Name="life")["IsLogging"] is False, "CreateTrail does not start logging"
    cloudtrail.start_logging(Name=arn)
    status = cloudtrail.get_trail_status(Name="life")
    assert status["IsLogging"] is True and abs(status["StartLoggingTime"].timestamp() - time.time()) < 60
    cloudtrail.stop_logging(Name="life")
    status = cloudtrail.get_trail_status(Name="life")
    assert status["IsLogging"] is False and status["StopLoggingTime"] >= status["StartLoggingTime"]
    updated = cloudtrail.update_trail(Name="life", S3BucketName="other", IsMultiRegionTrail=True)
    assert (updated["S3BucketName"], updated["IsMultiRegionTrail"]) == ("other", True)
    trail = cloudtrail.get_trail(Name="life")["Trail"]
    assert (trail["S3BucketName"], trail["S3KeyPrefix"], trail["HomeRegion"]) == ("other", "p", "us-east-1")
    assert {"TrailARN": arn, "Name": "life", "HomeRegion": "us-east-1"} in cloudtrail.list_trails()["Trails"]
    assert [t["Name"] for t in cloudtrail.describe_trails(trailNameList=["life"])["trailList"]] == ["life"]
    cloudtrail.add_tags(ResourceId=arn, TagsList=[{"Key": "b", "Value": "2"}])
    cloudtrail.remove_tags(ResourceId=arn, TagsList=[{"Key": "a"}])
    (tags,) = cloudtrail.list_tags(ResourceIdList=[arn])["ResourceTagList"]
    assert tags == {"ResourceId": arn, "TagsList": [{"Key": "b", "Value": "2"}]}
    cloudtrail.delete_trail(Name="life")
    for operation in (cloudtrail.get_trail, cloudtrail.delete_trail, cloudtrail.start_logging, cloudtrail.get_trail_status):
        assert refused(operation, Name="life") == "TrailNotFoundException"


@pytest.mark.parametrize("name", ["ab", "x" * 129, "-abc", "abc-", "a..b", "a._b", "192.168.1.1", "with space", "a/b"])
def test_bad_trail_names(cloudtrail, name):
    assert refused(cloudtrail.create_trail, Name=name, S3BucketName="bucket") in ("InvalidTrailNameException", "ValidationException")


def test_shadow_trails(server, cloudtrail):
    cloudtrail.create_trail(Name="everywhere", S3BucketName="bucket", IsMultiRegionTrail=True)
    elsewhere = server.client("cloudtrail", region="eu-west-1")
    shown = {t["Name"]: t["HomeRegion"] for t in elsewhere.describe_trails()["trailList"]}
    assert shown.get("everywhere") == "us-east-1"
    assert "everywhere" not in {t["Name"] for t in elsewhere.describe_trails(includeShadowTrails=False)["trailList"]}
    arn = "arn:aws:cloudtrail:us-east-1:123456789012:trail/everywhere"
    assert refused(elsewhere.update_trail, Name=arn, S3BucketName="b2") == "InvalidHomeRegionException"
    cloudtrail.delete_trail(Name="everywhere")


def test_log_group_arn_needs_its_star_and_a_role(cloudtrail):
    code = refused(cloudtrail.create_trail, Name="to-logs", S3BucketName="bucket",
                   CloudWatchLogsLogGroupArn="arn:aws:logs:us-east-1:123456789012:log-group:/x", CloudWatchLogsRoleArn="arn:aws:iam::123456789012:role/r")
    assert code == "InvalidCloudWatchLogsLogGroupArnException"


def test_selectors_replace_each_other(cloudtrail):
    cloudtrail.create_trail(Name="select", S3BucketName="bucket")
    default = cloudtrail.get_event_selectors(TrailName="select")["EventSelectors"]
    assert [(s["ReadWriteType"], s["IncludeManagementEvents"]) for s in default] == [("All", True)]
    basic = [{"ReadWriteType": "WriteOnly", "IncludeManagementEvents": True, "DataResources": [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3:::b/"]}], "ExcludeManagementEventSources": []}]
    cloudtrail.put_event_selectors(TrailName="select", EventSelectors=basic)
    got = cloudtrail.get_event_selectors(TrailName="select")
    assert got["EventSelectors"][0]["ReadWriteType"] == "WriteOnly" and not got.get("AdvancedEventSelectors")
    advanced = [{"Name": "all management", "FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}]}]
    cloudtrail.put_event_selectors(TrailName="select", AdvancedEventSelectors=advanced)
    got = cloudtrail.get_event_selectors(TrailName="select")
    assert got["AdvancedEventSelectors"] == advanced and not got.get("EventSelectors")
    for bad in (
        {}, {"EventSelectors": basic, "AdvancedEventSelectors": advanced}, {"EventSelectors": basic * 6},
        {"AdvancedEventSelectors": [{"FieldSelectors": [{"Field": "readOnly", "Equals": ["true"]}]}]},
        {"AdvancedEventSelectors": [{"FieldSelectors": [{"Field": "eventCategory", "StartsWith": ["Man"]}]}]},
        {"AdvancedEventSelectors": [{"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Nonsense"]}]}]},
        {"EventSelectors": [{"ReadWriteType": "All", "IncludeManagementEvents": True, "DataResources": [{"Type": "AWS::S3::Object", "Values": [f"arn:aws:s3:::b/{n}" for n in range(251)]}]}]},
    ):
        assert refused(cloudtrail.put_event_selectors, TrailName="select", **bad) in ("InvalidEventSelectorsException", "ValidationException", "InvalidParameterCombinationException"), bad
    assert cloudtrail.get_event_selectors(TrailName="select")["AdvancedEventSelectors"] == advanced
    cloudtrail.delete_trail(Name="select")


# -- own calls ----------------------------------------------------------------------------------------------------------


def test_own_calls_are_found_at_once(server, cloudtrail, logs):
    before = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=2)
    answer = logs.create_log_group(logGroupName="/audit/one", tags={"k": "v"})
    (event,) = [e for e in lookup(cloudtrail, "EventName", "CreateLogGroup") if "/audit/one" in e["CloudTrailEvent"]]
    assert (event["EventName"], event["EventSource"], event["ReadOnly"]) == ("CreateLogGroup", "logs.amazonaws.com", "false")
    assert event["AccessKeyId"] == server.exports["AWS_ACCESS_KEY_ID"]
    assert event["Username"] == "root"
    assert event["EventTime"] >= before.replace(microsecond=0)
    kept = record(event)
    assert kept["eventID"] == event["EventId"]
    assert kept["requestID"] == answer["ResponseMetadata"]["RequestId"]
    assert kept["requestParameters"] == {"logGroupName": "/audit/one", "tags": {"k": "v"}}
    assert (kept["eventType"], kept["eventCategory"], kept["managementEvent"], kept["readOnly"]) == ("AwsApiCall", "Management", True, False)
    assert (kept["awsRegion"], kept["recipientAccountId"], kept["sourceIPAddress"]) == ("us-east-1", "123456789012", "127.0.0.1")
    assert kept["userIdentity"]["type"] == "Root" and kept["userIdentity"]["arn"] == "arn:aws:iam::123456789012:root"
    assert "Boto3" in kept["userAgent"] or "botocore" in kept["userAgent"].lower()
    assert kept["eventTime"].endswith("Z") and "errorCode" not in kept


def test_failed_and_refused_calls_are_on_the_record(server, cloudtrail, logs):
    with pytest.raises(ClientError):
        logs.delete_log_group(logGroupName="/audit/missing")
    (failed,) = [e for e in lookup(cloudtrail, "EventName", "DeleteLogGroup") if "/audit/missing" in e["CloudTrailEvent"]]
    assert record(failed)["errorCode"] in ("ResourceNotFoundException", "ResourceNotFound")
    assert record(failed)["errorMessage"]
    assert server.json_call("cloudtrail", "StopLogging", {"Name": "whatever"}, secret="wrong").status in (400, 403)
    (denied,) = lookup(cloudtrail, "EventName", "StopLogging")[:1]
    assert record(denied)["errorCode"] in ("SignatureDoesNotMatch", "InvalidSignatureException", "AccessDenied")
    assert server.json_call("cloudtrail", "DeleteTrail", {"Name": "xyz"}, key="AKIANOBODYKNOWSTHIS0").status in (400, 403)
    (unknown,) = lookup(cloudtrail, "AccessKeyId", "AKIANOBODYKNOWSTHIS0")
    assert unknown["EventName"] == "DeleteTrail" and record(unknown)["errorCode"]


def test_calls_of_no_known_operation_are_on_the_record(server, cloudtrail):
    """What names no operation of ours is recorded as what it calls itself; what is no call to AWS is not recorded."""
    stranger = {"key": "AKIANOBODYKNOWSTHIS1", "secret": "wrong"}
    assert server.json_call("logs", "BrewTea", {}).code == "UnknownOperationException"
    assert server.query_call("Action=BrewCoffee&Version=2010-08-01", **stranger).status == 400
    assert server.signed("ec2", "/bucket", {}, b"", **stranger).status == 400
    assert server.json_call("logs", "no\tname", {}, **stranger).status == 400
    (tea,) = lookup(cloudtrail, "EventName", "BrewTea")
    assert (tea["EventSource"], tea["AccessKeyId"], tea["Username"]) == ("logs.amazonaws.com", server.exports["AWS_ACCESS_KEY_ID"], "root")
    assert record(tea)["errorCode"] == "UnknownOperationException" and "BrewTea" in record(tea)["errorMessage"]
    by_stranger = lookup(cloudtrail, "AccessKeyId", "AKIANOBODYKNOWSTHIS1")
    assert sorted((e["EventSource"], e["EventName"]) for e in by_stranger) == [
        ("ec2.amazonaws.com", "UnknownOperation"), ("logs.amazonaws.com", "UnknownOperation"), ("monitoring.amazonaws.com", "BrewCoffee")]
    assert all(record(e)["userIdentity"] == {"type": "Unknown", "accessKeyId": "AKIANOBODYKNOWSTHIS1"} for e in by_stranger)
    for path in ("/favicon.ico", "/", "/health", "/robots.txt"):
        server.http("GET", path, headers={"User-Agent": "a browser"})
    assert "a browser" not in str(lookup(cloudtrail, StartTime=datetime.datetime.now() - datetime.timedelta(minutes=5)))


def test_a_body_that_does_not_come_whole_leaves_an_event(server, cloudtrail):
    """The client hangs up in the middle: nobody reads the answer, and the call is on the record all the same."""
    host, port = server.endpoint.removeprefix("http://").split(":")
    head = "POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: Logs_20140328.CutOffInTheMiddle\r\nContent-Length: 1000\r\n\r\n"
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(head.encode() + b"{")
    event = wait_until(lambda: lookup(cloudtrail, "EventName", "CutOffInTheMiddle"), 10, "the event")
    assert [record(e)["errorCode"] for e in event] == ["SerializationException"]


def test_a_record_tells_what_was_sent_and_nothing_else(server, cloudtrail):
    """AWS writes null where there is nothing to tell; a required parameter that was not sent does not appear as empty."""
    server.client("sts").get_caller_identity()
    assert record(lookup(cloudtrail, "EventName", "GetCallerIdentity")[0])["requestParameters"] is None
    body = {"DashboardName": "no-body"}
    assert server.json_call("monitoring", "PutDashboard", body).status == 400
    refusal = record(lookup(cloudtrail, "EventName", "PutDashboard")[0])
    assert (refusal["requestParameters"], refusal["responseElements"]) == ({"dashboardName": "no-body"}, None)
    cloudtrail.create_trail(Name="nothing-to-tell", S3BucketName="bucket")
    cloudtrail.start_logging(Name="nothing-to-tell")
    started = record(lookup(cloudtrail, "EventName", "StartLogging")[0])
    assert (started["requestParameters"], started["responseElements"]) == ({"name": "nothing-to-tell"}, None)
    cloudtrail.delete_trail(Name="nothing-to-tell")


def test_every_attribute_finds_the_call(server, cloudtrail, logs):
    logs.create_log_group(logGroupName="/audit/attributes")
    (event,) = [e for e in lookup(cloudtrail, "EventName", "CreateLogGroup") if "/audit/attributes" in e["CloudTrailEvent"]]
    for key, value in (("EventId", event["EventId"]), ("EventName", "CreateLogGroup"), ("ReadOnly", "false"), ("Username", "root"),
                       ("EventSource", "logs.amazonaws.com"), ("AccessKeyId", server.exports["AWS_ACCESS_KEY_ID"])):
        assert event["EventId"] in {e["EventId"] for e in lookup(cloudtrail, key, value)}, key
        assert event["EventId"] not in {e["EventId"] for e in lookup(cloudtrail, key, value + "x")} if key != "ReadOnly" else True
    assert event["EventId"] not in {e["EventId"] for e in lookup(cloudtrail, "ReadOnly", "true")}
    for resource in event.get("Resources", []):
        assert event["EventId"] in {e["EventId"] for e in lookup(cloudtrail, "ResourceName", resource["ResourceName"])}
        assert event["EventId"] in {e["EventId"] for e in lookup(cloudtrail, "ResourceType", resource["ResourceType"])}


def test_pages_are_newest_first_and_hold_everything_once(cloudtrail, logs):
    for n in range(120):
        logs.create_log_group(logGroupName=f"/audit/pages/{n:03}")
    found = [e for e in lookup(cloudtrail, "EventName", "CreateLogGroup") if "/audit/pages/" in e["CloudTrailEvent"]]
    names = [record(e)["requestParameters"]["logGroupName"] for e in found]
    assert names == [f"/audit/pages/{n:03}" for n in reversed(range(120))]
    assert len({e["EventId"] for e in found}) == 120
    page = cloudtrail.lookup_events(MaxResults=7)
    assert len(page["Events"]) == 7 and page["NextToken"]


def test_lookups_that_make_no_sense(cloudtrail):
    one = {"AttributeKey": "EventName", "AttributeValue": "x"}
    now = datetime.datetime.now(datetime.timezone.utc)
    assert refused(cloudtrail.lookup_events, LookupAttributes=[one, one]) in ("InvalidLookupAttributesException", "ValidationException")
    assert refused(cloudtrail.lookup_events, StartTime=now, EndTime=now - datetime.timedelta(hours=1)) == "InvalidTimeRangeException"
    assert refused(cloudtrail.lookup_events, MaxResults=51) in ("InvalidMaxResultsException", "ValidationException")
    assert refused(cloudtrail.lookup_events, NextToken="made-up") == "InvalidNextTokenException"


def test_times_limit_a_lookup(cloudtrail, logs):
    logs.create_log_group(logGroupName="/audit/times")
    now = datetime.datetime.now(datetime.timezone.utc)
    hour = datetime.timedelta(hours=1)
    assert any("/audit/times" in e["CloudTrailEvent"] for e in lookup(cloudtrail, "EventName", "CreateLogGroup", StartTime=now - hour, EndTime=now + hour))
    assert lookup(cloudtrail, "EventName", "CreateLogGroup", StartTime=now - 3 * hour, EndTime=now - 2 * hour) == []


def test_data_events_only_where_a_selector_asks(make_server, tmp_path):
    """PutLogEvents is a data event. AWS's LookupEvents shows none of these; with lenient_lookup ours does."""
    config = tmp_path / "lenient.toml"
    config.write_text("[trail]\nlenient_lookup = true\n")
    server = make_server("data", "--config", str(config)).start()
    logs, cloudtrail = server.client("logs"), server.client("cloudtrail")
    for group in ("/data/asked", "/data/other"):
        logs.create_log_group(logGroupName=group)
        logs.create_log_stream(logGroupName=group, logStreamName="s")

    def put():
        for group in ("/data/asked", "/data/other"):
            logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=[{"timestamp": int(time.time() * 1000), "message": "m"}])
        return [record(e) for e in lookup(cloudtrail, "EventName", "PutLogEvents")]

    def ask(*fields):
        selector = [{"Field": "eventCategory", "Equals": ["Data"]}, {"Field": "resources.type", "Equals": ["AWS::Logs::LogGroup"]}, *fields]
        cloudtrail.put_event_selectors(TrailName="data-trail", AdvancedEventSelectors=[{"FieldSelectors": selector}])

    assert put() == []
    server.client("s3").create_bucket(Bucket="bucket")
    cloudtrail.create_trail(Name="data-trail", S3BucketName="bucket")
    ask({"Field": "eventName", "Equals": ["PutLogEvents"]})
    assert put() == [], "a trail that does not log asks for nothing"
    cloudtrail.start_logging(Name="data-trail")
    found = put()
    assert {(r["eventCategory"], r["managementEvent"], r["requestParameters"]["logGroupName"]) for r in found} == {
        ("Data", False, "/data/asked"), ("Data", False, "/data/other")}
    assert len(found) == 2
    ask({"Field": "resources.ARN", "StartsWith": ["arn:aws:logs:us-east-1:123456789012:log-group:/data/asked"]})
    found = put()
    assert [r["requestParameters"]["logGroupName"] for r in found][0] == "/data/asked" and len(found) == 3
    ask({"Field": "eventName", "NotEquals": ["PutLogEvents"]})
    assert len(put()) == 3, "the selector asks for all but PutLogEvents"
    cloudtrail.delete_trail(Name="data-trail")
    assert len(put()) == 3


def test_data_events_are_not_in_a_strict_lookup(server, cloudtrail, logs):
    cloudtrail.create_trail(Name="strict-data", S3BucketName="bucket")
    cloudtrail.put_event_selectors(TrailName="strict-data", AdvancedEventSelectors=[
        {"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Data"]}, {"Field": "resources.type", "Equals": ["AWS::Logs::LogGroup"]}]}])
    cloudtrail.start_logging(Name="strict-data")
    logs.create_log_group(logGroupName="/audit/data")
    logs.create_log_stream(logGroupName="/audit/data", logStreamName="s")
    logs.put_log_events(logGroupName="/audit/data", logStreamName="s", logEvents=[{"timestamp": int(time.time() * 1000), "message": "m"}])
    assert lookup(cloudtrail, "EventName", "PutLogEvents") == []
    cloudtrail.delete_trail(Name="strict-data")


# -- channels and audit events of other systems ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def channel(cloudtrail):
    selectors = [{"FieldSelectors": [{"Field": "eventCategory", "Equals": ["ActivityAuditLog"]}]}]
    store = cloudtrail.create_event_data_store(Name="other-systems", AdvancedEventSelectors=selectors)["EventDataStoreArn"]
    made = cloudtrail.create_channel(Name="other-systems", Source="Custom", Destinations=[{"Type": "EVENT_DATA_STORE", "Location": store}])
    assert lookup(cloudtrail, "ResourceName", store)[-1]["EventName"] == "CreateEventDataStore"
    return made["ChannelArn"]


def audit_data(uid, **more):
    return json.dumps({
        "version": "1.0", "userIdentity": {"type": "User", "principalId": "ann"}, "eventSource": "shop.example.com", "eventName": "SellShoe",
        "eventTime": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"), "UID": uid,
        "recipientAccountId": "123456789012", "requestParameters": {"shoe": 42}, **more})


def test_channels(cloudtrail, channel):
    assert cloudtrail.get_channel(Channel=channel)["Name"] == "other-systems"
    assert channel in [c["ChannelArn"] for c in cloudtrail.list_channels()["Channels"]]
    gone = "arn:aws:cloudtrail:us-east-1:123456789012:eventdatastore/11111111-2222-3333-4444-555555555555"
    destinations = [{"Type": "EVENT_DATA_STORE", "Location": gone}]
    assert refused(cloudtrail.update_channel, Channel=channel, Destinations=destinations) == "EventDataStoreNotFoundException"
    cloudtrail.update_channel(Channel=channel, Name="renamed")
    assert cloudtrail.get_channel(Channel=channel)["Name"] == "renamed"


def test_put_audit_events(server, cloudtrail, channel):
    client = server.client("cloudtrail-data")
    good, checked = audit_data("one"), audit_data("two")
    checksum = base64.b64encode(hashlib.sha256(checked.encode()).digest()).decode()
    answer = client.put_audit_events(channelArn=channel, auditEvents=[
        {"id": "1", "eventData": good}, {"id": "2", "eventData": checked, "eventDataChecksum": checksum},
        {"id": "3", "eventData": good, "eventDataChecksum": base64.b64encode(b"x" * 32).decode()}, {"id": "4", "eventData": "not json"},
        {"id": "5", "eventData": audit_data("three", recipientAccountId="999999999999")},
    ])
    assert [s["id"] for s in answer["successful"]] == ["1", "2"]
    assert [(f["id"], f["errorCode"]) for f in answer["failed"]] == [("3", "InvalidChecksum"), ("4", "InvalidData"), ("5", "InvalidRecipient")]
    with pytest.raises(ClientError) as raised:
        client.put_audit_events(channelArn=channel, auditEvents=[{"id": "1", "eventData": good}, {"id": "1", "eventData": good}])
    assert raised.value.response["Error"]["Code"] == "DuplicatedAuditEventId"
    with pytest.raises(ClientError) as raised:
        client.put_audit_events(channelArn=channel[:-1] + ("1" if channel.endswith("0") else "0"), auditEvents=[{"id": "1", "eventData": good}])
    assert raised.value.response["Error"]["Code"] in ("ChannelNotFound", "InvalidChannelARN")

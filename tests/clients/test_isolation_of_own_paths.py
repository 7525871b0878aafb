"""Nothing of one account or region shows in another over the ways in that AWS does not have, or has elsewhere: the server's own paths,
PromQL, S3, and the console.

Records of all accounts are for the server's own account alone: others are refused, whatever they ask.
"""

import json
import re
import time
import urllib.parse

import pytest
from botocore.exceptions import ClientError
from test_isolation import owners  # noqa: F401 (a fixture)
from trailwatch import Paths

RULE = "title: any\nid: 11111111-2222-4333-8444-555555555555\nlogsource: {product: aws, service: cloudtrail}\ndetection:\n  s: {eventName: CreateLogGroup}\n  condition: s\n"

#: Method, path, body of a call that reads, for what is `o`'s; and what its answer is, when asked for its own: `all` is refused.
PATHS = {
    "TailEvents": (lambda o: ("GET", "/_trailwatch/events/tail", b""), "all"),
    "SearchEvents": (lambda o: ("POST", "/_trailwatch/events/search", {"event_name": ["CreateLogGroup"]}), "all"),
    "GetSession": (lambda o: ("GET", f"/_trailwatch/sessions/key/{o.account}", b""), "all"),
    "GeneratePolicy": (lambda o: ("POST", "/_trailwatch/policies/generate", {"principal": f"arn:aws:iam::{o.account}:root"}), "all"),
    "ReplayPolicy": (
        lambda o: ("POST", "/_trailwatch/policies/replay", {"principal": f"arn:aws:iam::{o.account}:root", "policy": "{}"}), "all"),
    "Investigate": (lambda o: ("POST", "/_trailwatch/investigate", {"alarm_name": "shared"}), "all"),
    "ValidateTrail": (lambda o: ("POST", "/_trailwatch/trails/validate", {"bucket": f"bucket-{o.mark}", "prefix": o.mark}), "own"),
    "ExecuteSql": (lambda o: ("POST", "/_trailwatch/sql", b"SELECT message FROM logs"), "all"),
    "GetEventProof": (lambda o: ("POST", "/_trailwatch/proofs/evidence", {"event_ids": [o.event]}), "own"),
    "BacktestDetections": (lambda o: ("POST", "/_trailwatch/detections/backtest", {"rules": {"any.yml": RULE}}), "own"),
    "BacktestAlarm": (lambda o: ("POST", "/_trailwatch/alarms/backtest", {"alarm_name": "shared"}), "own"),
    "GetEventRetention": (lambda o: ("GET", "/_trailwatch/event-retention", b""), "all"),
    "ListLegalHolds": (lambda o: ("GET", "/_trailwatch/legal-holds", b""), "all"),
    "GetCluster": (lambda o: ("GET", "/_trailwatch/cluster", b""), "all"),
    "ListDeadLetters": (lambda o: ("GET", "/_trailwatch/dead-letters", b""), "own"),
}
#: They write.
WRITING = {"ImportEvents", "PutEventRetention", "PutLegalHold", "ReleaseLegalHold"}


def own_actions():
    """The actions of the server's own paths, as the document of policies lists them."""
    text = " ".join((Paths.workspace / "docs" / "access.md").read_text().split())
    listed = re.search(r"Our own paths have actions too: (.*?)\. ", text)[1]
    return {name.removeprefix("trailwatch:") for name in re.findall(r"`([\w:]+)`", listed)}


def asked(caller, call):
    method, path, body = call
    return caller.http(method, path, body, **{"Content-Type": "application/json"})


@pytest.fixture(scope="module")
def known(owners):  # noqa: F811
    """The owners, each with the id of an event of its own."""
    for owner in owners:
        events = owner.cloudtrail.lookup_events(LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "CreateLogGroup"}])
        owner.event = events["Events"][0]["EventId"]
    return owners


def marks_of_others(owner, owners):  # noqa: F811
    return [mark for other in owners if other.account != owner.account for mark in (other.mark, str(int(other.number)), other.account)]


def test_every_own_path_has_a_case():
    assert own_actions() == set(PATHS) | WRITING


@pytest.mark.parametrize("action", sorted(PATHS))
def test_own_paths(known, action):
    call, reach = PATHS[action]
    for owner in known:
        answer = asked(owner, call(owner))
        if reach == "all":
            assert answer.status == 403, (action, answer)
        else:
            assert answer.status == 200, (action, answer)
        for other in known:
            text = asked(owner, call(other)).body.decode()
            leaks = [mark for mark in marks_of_others(owner, known) if mark in text and mark not in json.dumps(call(other), default=str)]
            assert not leaks, f"{action} shows {leaks} to {owner.mark}: {text[:500]}"
    if action == "GetEventProof":
        assert asked(known[0], call(known[0])).json["events"] and asked(known[0], call(known[1])).status == 404
    if action == "BacktestDetections":
        # Three groups of zebra's account in its regions' trails; of others' none.
        assert asked(known[1], call(known[1])).json["matches"] == {"11111111-2222-4333-8444-555555555555": 2}


PROMQL = {
    "query": {"query": '{__name__=~".+"}'},
    "query_range": {"query": '{__name__=~".+"}', "step": "60"},
    "series": {"match[]": '{__name__=~".+"}'},
    "labels": {},
    "label/mark/values": {},
}


@pytest.mark.parametrize("path", sorted(PROMQL))
def test_promql(known, path):
    now = int(time.time())
    times = {"time": now} if path == "query" else {"start": now - 1800, "end": now + 60}
    query = urllib.parse.urlencode({**PROMQL[path], **times})
    for owner in known:
        answer = owner.http("GET", f"/api/v1/{path}?{query}")
        assert answer.status == 200, answer
        text = answer.body.decode()
        others = [other for other in known if other is not owner]
        assert not [mark for other in others for mark in (other.mark, str(int(other.number))) if mark in text], text[:500]
        assert path == "labels" or owner.mark in text, text[:500]


def test_objects_of_buckets(known):
    for owner in known:
        mine = f"bucket-{owner.mark}"
        names = [bucket["Name"] for bucket in owner.s3.list_buckets()["Buckets"]]
        of_account = [f"bucket-{other.mark}" for other in known if other.account == owner.account]
        assert sorted(names) == sorted(of_account)
        keys = [entry["Key"] for entry in owner.s3.list_objects_v2(Bucket=mine)["Contents"] if entry["Size"]]
        assert keys and owner.s3.get_object(Bucket=mine, Key=keys[0])["Body"].read()
        for other in (other for other in known if other.account != owner.account):
            theirs, key = f"bucket-{other.mark}", other.s3.list_objects_v2(Bucket=f"bucket-{other.mark}")["Contents"][0]["Key"]
            calls = [
                lambda: owner.s3.list_objects_v2(Bucket=theirs),
                lambda: owner.s3.list_objects(Bucket=theirs),
                lambda: owner.s3.head_bucket(Bucket=theirs),
                lambda: owner.s3.get_bucket_location(Bucket=theirs),
                lambda: owner.s3.get_bucket_policy(Bucket=theirs),
                lambda: owner.s3.get_object(Bucket=theirs, Key=key),
                lambda: owner.s3.head_object(Bucket=theirs, Key=key),
            ]
            for call in calls:
                with pytest.raises(ClientError) as caught:
                    call()
                assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403, caught.value


def test_the_console(known):
    for owner in known[:2]:
        host = {"Host": owner.server.endpoint.removeprefix("http://"), "Content-Type": "application/json"}
        key = json.dumps({"accessKeyId": owner.account, "secretAccessKey": "any"}).encode()
        signed_in = owner.server.http("POST", "/_trailwatch/console/sign-in", key, host)
        assert signed_in.status == 200, signed_in
        cookie = {**host, "Cookie": signed_in.headers["set-cookie"].partition(";")[0]}
        calls = {"Logs_20140328.FilterLogEvents": {"logGroupName": "shared"}, "GraniteServiceVersion20100801.ListMetrics": {"Namespace": "Shared"}}
        for target, body in calls.items():
            kind = "application/x-amz-json-1.1" if target.startswith("Logs") else "application/x-amz-json-1.0"
            headers = {**cookie, "Content-Type": kind, "X-Amz-Target": target, "X-Trailwatch-CSRF": signed_in.json["csrf"]}
            text = owner.server.http("POST", "/_trailwatch/console/aws", json.dumps(body).encode(), headers).body.decode()
            assert owner.mark in text, text[:500]
            assert not [mark for mark in marks_of_others(owner, known) if mark in text], text[:500]

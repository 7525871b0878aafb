"""What changed just before an alarm: `trailwatch why`, our own endpoint, and the same in a session of the console."""

import json
import time

import pytest
from trailwatch import Paths, iso, run, wait_until

ACCOUNT = "111122223333"
BUCKET, ALARM, GROUP = "shop-assets", "shop-errors", "/shop/web"
PATH = "/_trailwatch/investigate"
#: Minutes before now that the errors began, and that the policy was taken away.
ONSET, CHANGE = 12, 16
#: Of the time when the records are made, so that a minute that ends meanwhile changes nothing.
BEGAN = {}


def minutes_ago(minutes):
    """Epoch seconds, so long before the records were made."""
    return BEGAN.setdefault("at", int(time.time()) // 60 * 60) - 60 * minutes


def record(n, minutes, user, source, name, **more):
    return {
        "eventVersion": "1.11", "eventTime": iso(minutes_ago(minutes))[:19] + "Z", "eventSource": f"{source}.amazonaws.com", "eventName": name,
        "awsRegion": "us-east-1", "sourceIPAddress": "192.0.2.1", "userAgent": "x", "responseElements": None, "requestID": f"R{n}",
        "eventID": f"00000000-0000-4000-8000-{n:012}", "eventType": "AwsApiCall", "recipientAccountId": ACCOUNT, "eventCategory": "Management",
        "readOnly": False, "requestParameters": None,
        "userIdentity": {"type": "IAMUser", "userName": user, "principalId": f"AIDA{user}", "accountId": ACCOUNT,
                         "arn": f"arn:aws:iam::{ACCOUNT}:user/{user}", "accessKeyId": "AKIAALICE00000000001"}, **more}


def records():
    """Ten days in which a robot deploys every three hours; in the last hour alice breaks something, among other changes."""
    day = 24 * 60
    for n in range(80):
        yield record(n, 3 * 60 * (n + 1), "ci", "lambda", "UpdateFunctionCode20150331v2", requestParameters={"functionName": f"f{n % 5}"})
    yield record(101, day + 30, "alice", "ec2", "ModifyInstanceAttribute", requestParameters={"instanceId": "i-1"})
    yield record(102, CHANGE, "alice", "s3", "DeleteBucketPolicy", requestParameters={"bucketName": BUCKET},
                 resources=[{"type": "AWS::S3::Bucket", "ARN": f"arn:aws:s3:::{BUCKET}"}])
    yield record(103, ONSET + 1, "ci", "lambda", "UpdateFunctionCode20150331v2", requestParameters={"functionName": "f1"})
    yield record(104, ONSET + 2, "bob", "s3", "DeleteBucketPolicy", requestParameters={"bucketName": BUCKET}, errorCode="AccessDenied", errorMessage="no")
    yield record(105, ONSET + 2, "bob", "s3", "GetBucketPolicy", requestParameters={"bucketName": BUCKET}, readOnly=True)
    yield record(106, 3, "bob", "s3", "PutBucketPolicy", requestParameters={"bucketName": BUCKET})


@pytest.fixture(scope="module")
def tripped(server, cloudwatch, logs, tmp_path_factory):
    """Changes are on record, errors are counted and logged, and the alarm has gone to ALARM by itself."""
    path = tmp_path_factory.mktemp("records") / "records.json"
    path.write_text(json.dumps({"Records": list(records())}))
    done = run([Paths.server(), "import", "cloudtrail", path, "--endpoint", server.endpoint], env=server.environment())
    assert done.returncode == 0, done.stderr
    logs.create_log_group(logGroupName=GROUP)
    logs.create_log_stream(logGroupName=GROUP, logStreamName="a")
    logs.put_metric_filter(logGroupName=GROUP, filterName="errors", filterPattern="ERROR",
                           metricTransformations=[{"metricNamespace": "Shop", "metricName": "Errors", "metricValue": "1"}])
    now = minutes_ago(0) * 1000
    usual = [(now - 1000 * (30 * n + 60), f"INFO GET /img/{n}.png 200 in {n % 90} ms") for n in range(300)]
    broken = [(now - 60_000 * ONSET + 2_000 * n, f"ERROR AccessDenied reading s3://{BUCKET}/img/{n}.png") for n in range(60)]
    events = [{"timestamp": at, "message": text} for at, text in sorted(usual + broken)]
    logs.put_log_events(logGroupName=GROUP, logStreamName="a", logEvents=events)
    dimensions = [{"Name": "BucketName", "Value": BUCKET}]
    data = [{"MetricName": "Errors", "Dimensions": dimensions, "Timestamp": minutes_ago(minutes), "Value": 40.0 if minutes <= ONSET else minutes % 3} for minutes in range(150, 0, -1)]
    for at in range(0, len(data), 100):
        cloudwatch.put_metric_data(Namespace="Shop", MetricData=data[at:at + 100])
    cloudwatch.put_metric_alarm(AlarmName=ALARM, Namespace="Shop", MetricName="Errors", Dimensions=dimensions, Statistic="Sum", Period=60,
                                EvaluationPeriods=3, Threshold=10.0, ComparisonOperator="GreaterThanThreshold", TreatMissingData="ignore")
    wait_until(lambda: cloudwatch.describe_alarms(AlarmNames=[ALARM])["MetricAlarms"][0]["StateValue"] == "ALARM", 120, "the alarm fires")
    return server


def why(server, *arguments):
    return run([Paths.server(), "why", *arguments], env=server.environment())


def answer(server, *arguments):
    done = why(server, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_change_that_broke_it_comes_first_with_its_reasons(tripped):
    told = answer(tripped, ALARM)
    assert (told["subject"]["kind"], told["subject"]["state"], told["subject"]["log_groups"]) == ("metric_alarm", "ALARM", [GROUP])
    onset = told["onset"]
    assert onset["source"] == "metric" and onset["from"][:16] == iso(minutes_ago(ONSET))[:16], onset
    assert onset["before"] < 3 and onset["after"] == 40.0
    first = told["causes"][0]
    assert (first["event"]["event_name"], first["event"]["user"], first["verdict"]) == ("DeleteBucketPolicy", "alice", "likely"), told["causes"][:3]
    assert first["event"]["error_code"] == "" and first["event_ids"] == ["00000000-0000-4000-8000-000000000102"]
    assert [factor["name"] for factor in first["factors"]] == ["time", "overlap", "rarity", "reach", "outcome", "precedent", "prior"]
    assert abs(sum(factor["score"] for factor in first["factors"]) - first["score"]) < 1e-9
    for words in ("4 min before the onset", "alice", f"BucketName={BUCKET}"):
        assert words in first["summary"], first["summary"]
    ids = [event_id for cause in told["causes"] for event_id in cause["event_ids"]]
    assert "00000000-0000-4000-8000-000000000106" not in ids, "what mends it afterwards explains nothing"
    assert not any(change["event_name"] == "GetBucketPolicy" for change in told["changes"]), "reads are no changes"
    after = [change for change in told["changes"] if change["event_name"] == "PutBucketPolicy"]
    assert len(after) == 1 and after[0]["rank"] is None
    assert told["changes"] == sorted(told["changes"], key=lambda change: change["time"])


def test_the_timeline_has_points_transitions_and_log_patterns(tripped):
    told = answer(tripped, ALARM)
    metric = told["metrics"][0]
    assert (metric["label"], metric["dimensions"], metric["threshold"], metric["period"]) == ("Shop Errors", {"BucketName": BUCKET}, 10.0, 60)
    assert metric["change"]["time"] == told["onset"]["from"] and len(metric["points"]) > 100
    assert any(change["is_subject"] and change["to"] == "ALARM" for change in told["transitions"])
    pattern = told["log_patterns"][0]
    assert (pattern["kind"], pattern["severity"], pattern["before"], pattern["log_group"]) == ("new", "ERROR", 0, GROUP), pattern
    assert pattern["sample"].startswith(f"ERROR AccessDenied reading s3://{BUCKET}/img/")
    assert told["looked"]["history_events"] >= 80 and told["looked"]["log_lines"] >= 300


def test_the_same_records_give_the_same_answer(tripped):
    at = answer(tripped, ALARM)["window"]["at"]
    first, second = (answer(tripped, ALARM, "--at", at) for _ in range(2))
    assert first["causes"] == second["causes"] and first["onset"] == second["onset"]


def test_it_reads_well(tripped):
    told = why(tripped, ALARM, "--limit", "2")
    assert told.returncode == 0, told.stderr
    assert f"{ALARM} is in ALARM" in told.stdout and "1. likely" in told.stdout and "DeleteBucketPolicy on shop-assets by alice" in told.stdout
    assert "3. " not in told.stdout


def test_a_metric_a_log_group_and_a_window_can_be_asked_about(tripped):
    def ask(**question):
        reply = tripped.signed("trailwatch", PATH, {"Content-Type": "application/json"}, json.dumps(question).encode())
        assert reply.status == 200, reply
        return reply.json

    metric = {"namespace": "Shop", "metric_name": "Errors", "dimensions": {"BucketName": BUCKET}, "statistic": "Sum"}
    told = ask(metric=metric)
    assert told["subject"]["kind"] == "metric" and told["causes"][0]["event"]["user"] == "alice"
    told = ask(log_groups=[GROUP], window=1800)
    assert (told["subject"]["kind"], told["onset"]["source"]) == ("logs", "logs"), told["onset"]
    assert told["causes"][0]["event"]["event_name"] == "DeleteBucketPolicy" and told["causes"][0]["event"]["user"] == "alice"
    told = ask(**{"from": iso(minutes_ago(40)), "to": iso(minutes_ago(5))})
    assert told["subject"]["kind"] == "window" and told["onset"]["source"] == "window"
    assert any(change["event_name"] == "DeleteBucketPolicy" for change in told["changes"])


def test_what_makes_no_sense_is_refused_and_all_is_on_record(tripped):
    for question, words in (({}, "is needed"), ({"alarm_name": ALARM, "at": "soon"}, "is no time"), ({"alarm_name": ALARM, "window": 1}, "window"),
                            ({"alarm_name": ALARM, "what": 1}, "unknown field"), ({"metric": {"namespace": "a"}}, "metric"),
                            ({"metric": {"namespace": "a", "metric_name": "b", "period": 7}}, "Period")):
        reply = tripped.signed("trailwatch", PATH, {}, json.dumps(question).encode())
        assert (reply.status, reply.code) == (400, "InvalidRequest") and words in reply.message, reply
    reply = tripped.signed("trailwatch", PATH, {}, json.dumps({"alarm_name": "nobody"}).encode())
    assert (reply.status, reply.code) == (404, "ResourceNotFound"), reply
    assert tripped.http("POST", PATH, b"{}").status == 403
    assert tripped.signed("trailwatch", PATH, {"Origin": "https://example.com"}, b"{}").status == 403
    done = run([Paths.server(), "events", "--name", "Investigate", "--json", "--limit", "1000"], env=tripped.environment())
    recorded = [json.loads(line) for line in done.stdout.splitlines()]
    assert any(event["requestParameters"] == {"alarm_name": "nobody"} and event["errorCode"] == "ResourceNotFound" for event in recorded)
    assert all(event["readOnly"] for event in recorded) and len(recorded) >= 9


def test_the_console_asks_in_its_session_and_nobody_else_does(tripped):
    keys = {"accessKeyId": tripped.exports["AWS_ACCESS_KEY_ID"], "secretAccessKey": tripped.exports["AWS_SECRET_ACCESS_KEY"]}
    signed_in = tripped.http("POST", "/_trailwatch/console/sign-in", json.dumps(keys).encode(), {"Content-Type": "application/json"})
    assert signed_in.status == 200, signed_in
    cookie, csrf = signed_in.headers["set-cookie"].split(";")[0], signed_in.json["csrf"]
    body = json.dumps({"alarm_name": ALARM}).encode()
    headers = {"Content-Type": "application/json", "Cookie": cookie, "X-Trailwatch-CSRF": csrf, "X-Trailwatch-Region": "us-east-1", "Origin": tripped.endpoint}
    reply = tripped.http("POST", PATH, body, headers)
    assert reply.status == 200 and reply.json["causes"][0]["event"]["user"] == "alice", reply
    for spoiled in ({"X-Trailwatch-CSRF": "x"}, {"Cookie": "x=y"}, {"Origin": "https://example.com"}):
        assert tripped.http("POST", PATH, body, {**headers, **spoiled}).status == 403, spoiled
    assert tripped.http("POST", PATH, body).status == 403

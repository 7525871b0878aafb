"""Who really did it: `trailwatch session`, `events` and `policy` and the columns of SQL, on imported records of a chain of roles."""

import json

import pytest
from trailwatch import Paths, run

ACCOUNT = "111122223333"
ALICE = f"arn:aws:iam::{ACCOUNT}:user/alice"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/deploy"
FIRST, SECOND = "ASIAFIRST00000000001", "ASIASECOND0000000001"


def trailwatch(server, *arguments, text=None):
    return run([Paths.server(), *arguments], env=server.environment(), input=text)


def lines(server, *arguments):
    done = trailwatch(server, *arguments)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def record(n, minute, name, source, identity, **more):
    return {
        "eventVersion": "1.11", "eventTime": f"2026-03-01T10:{minute:02}:00Z", "eventSource": f"{source}.amazonaws.com", "eventName": name,
        "awsRegion": "eu-west-1" if n % 2 else "us-east-1", "userIdentity": identity, "sourceIPAddress": "192.0.2.1", "userAgent": "x",
        "requestParameters": None, "responseElements": None, "requestID": f"R{n}", "eventID": f"00000000-0000-4000-8000-{n:012}",
        "eventType": "AwsApiCall", "recipientAccountId": ACCOUNT, "eventCategory": "Management", "readOnly": False, **more}


def alice():
    return {"type": "IAMUser", "userName": "alice", "principalId": "AIDAALICE", "accountId": ACCOUNT, "arn": ALICE, "accessKeyId": "AKIAALICE00000000001"}


def role(key, name, minute):
    return {"type": "AssumedRole", "principalId": f"AROADEPLOY:{name}", "accountId": ACCOUNT, "accessKeyId": key,
            "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/deploy/{name}",
            "sessionContext": {"attributes": {"creationDate": f"2026-03-01T10:{minute:02}:00Z", "mfaAuthenticated": "false"},
                               "sessionIssuer": {"type": "Role", "arn": ROLE, "principalId": "AROADEPLOY", "accountId": ACCOUNT, "userName": "deploy"}}}


def gives(key, name):
    return {"requestParameters": {"roleArn": ROLE, "roleSessionName": name},
            "responseElements": {"credentials": {"accessKeyId": key, "expiration": "x"}, "assumedRoleUser": {"assumedRoleId": f"AROADEPLOY:{name}"}}}


USED = [
    record(2, 5, "PutObject", "s3", role(FIRST, "ci", 0), requestParameters={"bucketName": "site", "key": "index.html"}),
    record(3, 10, "AssumeRole", "sts", role(FIRST, "ci", 0), **gives(SECOND, "deep")),
    record(4, 11, "DeleteTrail", "cloudtrail", role(SECOND, "deep", 10), requestParameters={"name": "main"}, errorCode="AccessDenied", errorMessage="no"),
    record(5, 12, "PutMetricData", "monitoring", role(SECOND, "deep", 10)),
    record(6, 13, "ListBuckets", "s3", alice()),
]
LATE = record(1, 0, "AssumeRole", "sts", alice(), **gives(FIRST, "ci"))


def ids(events):
    return [int(event["event_id"].rpartition("-")[2]) for event in events]


@pytest.fixture(scope="module")
def told(server, tmp_path_factory):
    """What was done is imported before the call that gave out the first credentials."""
    def bring(name, records):
        path = tmp_path_factory.mktemp("records") / f"{name}.json"
        path.write_text(json.dumps({"Records": records}))
        done = run([Paths.server(), "import", "cloudtrail", path, "--endpoint", server.endpoint], env=server.environment())
        assert done.returncode == 0, done.stderr

    bring("used", USED)
    login, *_ = lines(server, "session", "--access-key", SECOND, "--json")
    assert (login["login"]["actor"], login["login"]["complete"]) == (f"arn:aws:sts::{ACCOUNT}:assumed-role/deploy/ci", False)
    bring("late", [LATE])


def test_a_session_is_shown_whole_from_wherever_it_is_entered(server, told):
    for entrance in (["--access-key", FIRST], ["--access-key", SECOND], ["--event-id", USED[2]["eventID"]]):
        login, *events = lines(server, "session", *entrance, "--json")
        assert (login["login"]["session"], login["login"]["actor"], login["login"]["complete"]) == (FIRST, ALICE, True)
        assert (ids(events), [event["depth"] for event in events]) == ([1, 2, 3, 4, 5], [0, 1, 1, 2, 2])
        assert json.loads(events[1]["record"]) == USED[0]
    done = trailwatch(server, "session", "--access-key", SECOND, "--limit", "2")
    assert done.returncode == 0 and f"actor   {ALICE}" in done.stdout and "more events" in done.stderr, done
    done = trailwatch(server, "session", "--access-key", "ASIANOBODY0000000001")
    assert done.returncode == 1 and "no event of the key" in done.stderr, done.stderr


def test_events_are_searched_without_limits(server, told):
    def found(*arguments):
        return ids([{"event_id": record["eventID"]} for record in lines(server, "events", "--to", "2026-03-02", "--json", *arguments)])

    assert found() == [6, 5, 4, 3, 2, 1]
    assert found("--actor", ALICE, "--source", "s3") == [6, 2]
    assert found("--session", FIRST, "--failed") == [4]
    assert found("--name", "DeleteTrail", "--name", "ListBuckets", "--region", "us-east-1") == [6, 4]
    assert found("--text", "index.html") == [2]
    assert found("--user", ALICE, "--from", "2026-03-01T10:01:00Z") == [6]
    assert found("--limit", "3") == [6, 5, 4]
    done = trailwatch(server, "events", "--to", "2026-03-02", "--facets", "2", "--limit", "1")
    assert done.returncode == 0 and "6 events" in done.stdout and f"6  {ALICE}" in done.stdout, done
    counts, *_ = lines(server, "events", "--to", "2026-03-02", "--facets", "2", "--json")
    assert counts["facets"]["error_code"]["values"] == [{"value": "AccessDenied", "count": 1}]
    assert counts["facets"]["histogram"] == [{"time": "2026-03-01T10:00:00Z", "count": 6}]


def test_a_policy_is_made_of_what_was_done_and_past_calls_pass_it(server, told, tmp_path):
    done = trailwatch(server, "policy", "generate", "--principal", ROLE)
    assert done.returncode == 0, done.stderr
    policy = json.loads(done.stdout)
    granted = {action: statement["Resource"] for statement in policy["Statement"] for action in statement["Action"]}
    assert granted == {"s3:PutObject": ["arn:aws:s3:::site/index.html"], "sts:AssumeRole": [ROLE], "cloudwatch:PutMetricData": ["*"]}
    assert "DeleteTrail" in done.stderr and "refused" in done.stderr
    draft = tmp_path / "draft.json"
    draft.write_text(json.dumps(policy))
    done = trailwatch(server, "policy", "replay", "--policy", draft, "--principal", ROLE)
    assert (done.returncode, done.stdout) == (0, "3 allowed, 0 denied, 0 undecided\n"), done
    policy["Statement"] = [statement for statement in policy["Statement"] if "s3:PutObject" not in statement["Action"]]
    done = trailwatch(server, "policy", "replay", "--policy", "-", "--principal", ROLE, text=json.dumps(policy))
    assert done.returncode == 1 and "denied s3:PutObject on arn:aws:s3:::site/index.html" in done.stdout, done


def test_who_asked_is_on_the_trail_and_strangers_are_refused(server, told, cloudtrail):
    for name in ("GetSession", "SearchEvents", "GeneratePolicy"):
        found = cloudtrail.lookup_events(LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": name}])["Events"]
        assert found and found[0]["EventSource"] == "trailwatch", name
    assert server.http("POST", "/_trailwatch/events/search", b"{}").status == 403
    answer = server.signed("trailwatch", "/_trailwatch/events/search", {"Origin": "https://example.com"}, b"{}")
    assert answer.status == 403


def test_actor_and_session_are_columns(server, told):
    done = trailwatch(server, "sql", "--format", "json", "SELECT actor, session, count(*) AS n FROM events WHERE time < '2026-03-02' GROUP BY 1, 2 ORDER BY n")
    if done.returncode and "no SQL" in done.stderr:
        pytest.skip("this build has no SQL")
    assert done.returncode == 0, done.stderr
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        {"actor": ALICE, "session": "AKIAALICE00000000001", "n": 2}, {"actor": ALICE, "session": FIRST, "n": 4}]

"""How long audit events are kept, and what a legal hold keeps: `trailwatch retention` and `hold` against the real server.

The server's clock is the real one, so the day that a shorter retention waits is skipped in the catalog of a stopped server. What the wait does
to the day's second is for Rust tests, whose clock is simulated.
"""

import contextlib
import datetime
import json
import sqlite3

from trailwatch import Paths, run, wait_until

NOW = datetime.datetime.now(datetime.timezone.utc)
#: The other one is the server's own: proofs are of events of the caller's account.
HELD_ACCOUNT, OTHER_ACCOUNT = "111122223333", "123456789012"


def trailwatch(server, *arguments):
    return run([Paths.server(), *arguments], env=server.environment())


def said(server, *arguments):
    done = trailwatch(server, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def kept(keep):
    return f"audit events are kept: {keep}"


def record(n, days, account):
    at = (NOW - datetime.timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "eventVersion": "1.11", "eventTime": at, "eventSource": "s3.amazonaws.com", "eventName": f"Aged{days}Days", "awsRegion": "us-east-1",
        "userIdentity": {"type": "Root", "accountId": account, "principalId": account, "arn": f"arn:aws:iam::{account}:root"},
        "sourceIPAddress": "192.0.2.1", "userAgent": "x", "requestParameters": None, "responseElements": None,
        "eventID": f"00000000-0000-4000-8000-{n:012}", "eventType": "AwsApiCall", "recipientAccountId": account, "eventCategory": "Management",
        "readOnly": False}


def bring(server, tmp_path, records):
    path = tmp_path / "records.json"
    path.write_text(json.dumps({"Records": records}))
    done = trailwatch(server, "import", "cloudtrail", path)
    assert done.returncode == 0, done.stderr


def aged(server):
    """(days, account) of the imported events that are there, but for those of a day ago."""
    found = [json.loads(line) for line in said(server, "events", "--source", "s3", "--to", day(30), "--json")]
    return sorted((int(event["eventName"][4:-4]), event["recipientAccountId"]) for event in found)


def day(days):
    return (NOW - datetime.timedelta(days=days)).strftime("%Y-%m-%d")


def audited(server, name):
    """The requestParameters of calls of our own, the oldest first."""
    pages = server.client("cloudtrail").get_paginator("lookup_events")
    pages = pages.paginate(LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": name}])
    return [json.loads(event["CloudTrailEvent"]) for page in pages for event in page["Events"]][::-1]


def test_a_shorter_retention_is_shown_to_come_and_can_be_taken_back(server):
    assert said(server, "retention") == [kept("forever")]
    first, then = said(server, "retention", "set", "400d")
    assert first == kept("forever")
    at = datetime.datetime.fromisoformat(then.split()[1])
    assert datetime.timedelta(hours=23, minutes=50) < at - datetime.datetime.now(datetime.timezone.utc) <= datetime.timedelta(days=1)
    assert then == f"from {then.split()[1]} on: 400d"
    assert said(server, "retention", "set", "400d") == [first, then], "it goes on waiting"
    assert said(server, "retention") == [first, then]
    assert said(server, "retention", "set", "forever")[0] == kept("forever")
    assert said(server, "retention") == [kept("forever")]
    asked = [event["requestParameters"]["keep"] for event in audited(server, "PutEventRetention")]
    assert asked == ["400d", "400d", "forever"]
    assert audited(server, "PutEventRetention")[0]["eventSource"] == "trailwatch"
    done = trailwatch(server, "retention", "set", "400")
    assert done.returncode == 1 and "keep: '400' is neither days" in done.stderr, done


def test_holds_are_made_listed_and_released_after_a_day(server):
    done = said(server, "hold", "create", "case-1", "--account", HELD_ACCOUNT, "--from", "2026-01-01T00:00:00Z", "--reason", "a case")
    line = f"case-1 holds events of {HELD_ACCOUNT} from 2026-01-01T00:00:00.000Z to the end"
    assert done == [f"{line}: a case"]
    assert said(server, "hold", "create", "all") == ["all holds events of all accounts from the beginning to the end"]
    (released,) = said(server, "hold", "release", "case-1")
    assert released.startswith(f"{line}; released, it ends at ") and released.endswith(": a case")
    assert said(server, "hold", "list") == ["all holds events of all accounts from the beginning to the end", released]
    said(server, "hold", "create", "case-1", "--account", HELD_ACCOUNT, "--from", "2026-01-01T00:00:00Z")
    (listed,) = [hold for hold in json.loads(said(server, "hold", "list", "--json")[0])["holds"] if hold["name"] == "case-1"]
    assert (listed["ends"], listed["reason"]) == (None, "a case")
    assert listed["created_by"] == "arn:aws:iam::123456789012:root"
    done = trailwatch(server, "hold", "create", "case-1")
    assert done.returncode == 1 and "there is a hold of that name" in done.stderr, done
    done = trailwatch(server, "hold", "release", "case-2")
    assert done.returncode == 1 and "there is no hold called 'case-2'" in done.stderr, done
    assert [event["requestParameters"]["name"] for event in audited(server, "ReleaseLegalHold")] == ["case-1", "case-2"]
    assert len(audited(server, "PutLegalHold")) == 4


def test_an_event_data_store_shows_the_shorter_retention_at_once(cloudtrail):
    arn = cloudtrail.create_event_data_store(Name="shorter", RetentionPeriod=90, TerminationProtectionEnabled=False)["EventDataStoreArn"]
    assert cloudtrail.update_event_data_store(EventDataStore=arn, RetentionPeriod=30)["RetentionPeriod"] == 30
    assert cloudtrail.get_event_data_store(EventDataStore=arn)["RetentionPeriod"] == 30


def test_events_go_when_the_day_is_over_and_those_that_are_held_stay(make_server, tmp_path):
    server = make_server().start()
    old = [(500, HELD_ACCOUNT), (500, OTHER_ACCOUNT), (450, HELD_ACCOUNT), (300, OTHER_ACCOUNT)]
    records = [record(n, days, account) for n, (days, account) in enumerate(old)]
    # Leaves of the tree go to the proofs by 256.
    bring(server, tmp_path, records + [record(n, 1, OTHER_ACCOUNT) for n in range(100, 400)])
    assert aged(server) == sorted(old)
    said(server, "hold", "create", "case", "--account", HELD_ACCOUNT, "--from", day(501), "--to", day(470))
    said(server, "retention", "set", "400d")
    checkpoint = tmp_path / "evidence.json"
    assert trailwatch(server, "evidence", "--event-id", records[1]["eventID"], "-o", checkpoint).returncode == 0
    before = checkpoint.read_text()
    assert server.stop() == 0
    server.start()
    assert aged(server) == sorted(old), "the day is not over"
    assert server.stop() == 0
    with contextlib.closing(sqlite3.connect(server.data_dir / "catalog.db", isolation_level=None)) as catalog:
        assert catalog.execute("UPDATE event_retention SET pending_at_ms = pending_at_ms - 86400000").rowcount == 1
    server.start()
    wait_until(lambda: aged(server) == [(300, OTHER_ACCOUNT), (500, HELD_ACCOUNT)], 60, "what is too old and not held goes")
    first, *keepers = said(server, "retention")
    assert first == kept("400d") and any("legal-hold case" in line for line in keepers), keepers
    (told,) = audited(server, "EventRetentionShortened")
    assert (told["eventType"], told["serviceEventDetails"]) == ("AwsServiceEvent", {"daysBefore": None, "days": 400})
    # What is left is proved, what was proved before still is, and what is gone is said to be.
    evidence = tmp_path / "left.json"
    done = trailwatch(server, "evidence", "--event-id", records[3]["eventID"], "-o", evidence)
    assert done.returncode == 0, done.stderr
    for bundle in (checkpoint, evidence):
        done = run([Paths.server(), "verify", bundle, "--vkey", json.loads(before)["vkey"]])
        assert done.returncode == 0, done
    done = trailwatch(server, "evidence", "--sequence", "2", "-o", tmp_path / "gone.json")
    assert done.returncode == 1 and "event 2 has expired" in done.stderr, done
    # A longer one acts at once, and brings nothing back.
    assert said(server, "retention", "set", "forever")[0] == kept("forever")
    assert server.stop() == 0
    done = run([Paths.server(), "check", "--data-dir", server.data_dir])
    assert done.returncode == 0 and "0 problems" in done.stdout, done
    server.start()
    assert aged(server) == [(300, OTHER_ACCOUNT), (500, HELD_ACCOUNT)]
    assert server.stop() == 0

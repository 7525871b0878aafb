"""Proof per event: evidence that is verified without the server, a bucket of tiles, and what tampering looks like."""

import json
import shutil

import pytest
from trailwatch import Paths, run


@pytest.fixture
def bucket(tmp_path):
    return tmp_path / "audit"


@pytest.fixture
def config(tmp_path, bucket):
    path = tmp_path / "trailwatch.toml"
    path.write_text(f"[buckets]\naudit = '{bucket}'\n[proofs]\nbucket = 'audit'\nprefix = 'log'\n")
    return path


@pytest.fixture
def server(make_server, config):
    return make_server("data", "--config", config).start()


def command(server, *arguments):
    return run([Paths.server(), *arguments], env={**server.exports, "PATH": "/usr/bin:/bin"})


def verify(*arguments):
    """Without the server's address or keys."""
    return run([Paths.server(), "verify", *arguments], env={"PATH": "/usr/bin:/bin"})


def event_ids(server, count):
    """Makes calls and answers the ids of their records, oldest first."""
    logs, cloudtrail = server.client("logs"), server.client("cloudtrail")
    for n in range(count):
        logs.create_log_group(logGroupName=f"group-{n}")
    found = cloudtrail.lookup_events(LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "CreateLogGroup"}])["Events"]
    assert len(found) == count
    return [event["EventId"] for event in reversed(found)]


def test_evidence_is_verified_away_from_the_server_and_any_change_is_seen(server, tmp_path):
    ids = event_ids(server, 5)
    bundle = tmp_path / "evidence.json"
    told = command(server, "evidence", "--event-id", ids[1], "--event-id", ids[3], "-o", bundle)
    assert told.returncode == 0, told.stderr
    vkey = command(server, "vkey", "--data-dir", server.data_dir).stdout.strip()
    told = verify(bundle, "--vkey", vkey)
    assert told.returncode == 0 and "0 problems" in told.stdout, told.stdout
    assert all(f"{wanted} (CreateLogGroup" in told.stdout for wanted in (ids[1], ids[3])), told.stdout
    assert "completeness" in told.stdout
    kept = json.loads(bundle.read_text())
    assert len(kept["events"]) == 2 and kept["vkey"] == vkey

    changed = json.loads(bundle.read_text())
    changed["events"][0]["record"] = changed["events"][0]["record"].replace("group-1", "group-2")
    bundle.write_text(json.dumps(changed))
    told = verify(bundle, "--vkey", vkey)
    assert told.returncode == 1 and "another root than the checkpoint" in told.stdout, told.stdout
    told = verify(bundle, "--vkey", "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8")
    assert told.returncode == 1 and "not the trusted one" in told.stdout, told.stdout


def test_a_bucket_is_verified_whole_across_kills_and_against_an_earlier_checkpoint(server, bucket, tmp_path):
    ids = event_ids(server, 3)
    first = tmp_path / "first.json"
    assert command(server, "evidence", "--event-id", ids[0], "-o", first).returncode == 0
    early = tmp_path / "early.checkpoint"
    shutil.copy(bucket / "log" / "checkpoint", early)
    server.client("logs").create_log_group(logGroupName="before-the-kill")
    server.kill()
    server.start()
    server.client("logs").create_log_group(logGroupName="after-the-kill")
    size = int(early.read_text().split("\n")[1])
    second = tmp_path / "second.json"
    told = command(server, "evidence", "--sequence", str(size + 1), "--from", str(size), "-o", second)
    assert told.returncode == 0, told.stderr
    told = verify(second, "--checkpoint", early)
    assert told.returncode == 0 and f"begins with that of {size}" in told.stdout, told.stdout
    told = verify(first, second, bucket, "--checkpoint", early)
    assert told.returncode == 0, told.stdout
    assert "tiles make the tree of" in told.stdout and f"begins with the tree of {size} events" in told.stdout, told.stdout

    tile = next((bucket / "log" / "tile" / "0").rglob("*.p/*"))
    whole = tile.read_bytes()
    tile.write_bytes(bytes([whole[0] ^ 1]) + whole[1:])
    told = verify(bucket, "--checkpoint", early)
    assert told.returncode == 1 and "WRONG" in told.stdout, told.stdout
    tile.write_bytes(whole)
    shutil.rmtree(bucket / "log" / "tile")
    told = verify(bucket)
    assert told.returncode == 1 and "is gone" in told.stdout, told.stdout


def test_what_is_not_there_is_refused_and_the_asking_is_on_the_trail(server, tmp_path):
    bundle = tmp_path / "evidence.json"
    told = command(server, "evidence", "--event-id", "no-such-event", "-o", bundle)
    assert told.returncode == 1 and "no event with the eventID no-such-event" in told.stderr, told.stderr
    assert not bundle.exists()
    cloudtrail = server.client("cloudtrail")
    found = cloudtrail.lookup_events(LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "GetEventProof"}])["Events"]
    assert [json.loads(event["CloudTrailEvent"])["errorCode"] for event in found] == ["EventNotFound"]
    told = run([Paths.server(), "evidence", "--sequence", "1", "-o", bundle, "--endpoint", server.endpoint], env={**server.exports, "AWS_SECRET_ACCESS_KEY": "wrong", "PATH": "/usr/bin:/bin"})
    assert told.returncode == 1 and not bundle.exists(), told.stderr
    assert verify(tmp_path / "nothing.json").returncode == 1
    # A folder in which there is nothing to verify is no success.
    empty = tmp_path / "empty"
    empty.mkdir()
    told = verify(empty)
    assert told.returncode == 1 and "nothing was proved" in told.stdout, told.stdout

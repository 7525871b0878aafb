"""`trailwatch import cloudtrail`: real CloudTrail files go in whole, are found by each attribute, and go in only once."""

import collections
import datetime
import gzip
import json
import re

import pytest
from trailwatch import Paths, run

KEYS = ("EventId", "EventName", "ReadOnly", "Username", "ResourceType", "ResourceName", "EventSource", "AccessKeyId")


def importing(*arguments, env=None):
    return run([Paths.server(), "import", "cloudtrail", *arguments], env=env)


#: One moment for the whole run: a record that is made up again must be the same, byte for byte.
NOW = datetime.datetime.now(datetime.timezone.utc)


def recent(offset_minutes):
    return (NOW - datetime.timedelta(minutes=offset_minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


def made_up(n, **more):
    return {
        "eventVersion": "1.08", "eventTime": recent(n + 1), "eventSource": "s3.amazonaws.com", "eventName": "DeleteBucket", "awsRegion": "us-east-1",
        "userIdentity": {"type": "IAMUser", "userName": f"user{n}", "accountId": "123456789012", "accessKeyId": f"AKIAIMPORTED{n:08}", "principalId": f"AIDA{n}",
                         "arn": f"arn:aws:iam::123456789012:user/user{n}"},
        "sourceIPAddress": "192.0.2.1", "userAgent": "x", "requestParameters": {"bucketName": f"b{n}"}, "responseElements": None,
        "requestID": f"R{n}", "eventID": f"00000000-0000-4000-8000-{n:012}", "readOnly": False, "eventType": "AwsApiCall", "managementEvent": True,
        "resources": [{"ARN": f"arn:aws:s3:::b{n}", "accountId": "123456789012", "type": "AWS::S3::Bucket"}],
        "recipientAccountId": "123456789012", "eventCategory": "Management", **more}


def lookup(cloudtrail, key, value):
    pages = cloudtrail.get_paginator("lookup_events").paginate(LookupAttributes=[{"AttributeKey": key, "AttributeValue": value}])
    return [event for page in pages for event in page["Events"]]


def test_every_shape_of_file_into_a_running_server(server, cloudtrail, tmp_path):
    spelled = '{ "eventID" : "00000000-0000-4000-8000-000000000090" ,\n "eventTime":"%s", "eventName":"Spelled\\u0041", "eventSource":"x.amazonaws.com", "awsRegion":"us-east-1", "big": 12345678901234567890.10 }' % recent(3)
    (tmp_path / "plain.json").write_text(json.dumps({"Records": [made_up(1), made_up(2)]}))
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "packed.json.gz").write_bytes(gzip.compress(json.dumps({"Records": [made_up(3)]}).encode()))
    (tmp_path / "lines.json").write_text("\n".join(json.dumps(made_up(n)) for n in (4, 5)) + "\n")
    (tmp_path / "answer.json").write_text(json.dumps({"Events": [{"EventId": made_up(6)["eventID"], "CloudTrailEvent": json.dumps(made_up(6))}]}))
    (tmp_path / "spelled.json").write_text('{"Records":[' + spelled + "]}")
    done = importing(tmp_path, "--endpoint", server.endpoint, env=server.environment())
    assert done.returncode == 0, done.stderr
    for n in range(1, 7):
        wanted = made_up(n)
        (event,) = lookup(cloudtrail, "EventId", wanted["eventID"])
        assert {k: v for k, v in json.loads(event["CloudTrailEvent"]).items() if k != "eventTime"} == {k: v for k, v in wanted.items() if k != "eventTime"}
        assert (event["Username"], event["AccessKeyId"], event["ReadOnly"]) == (f"user{n}", f"AKIAIMPORTED{n:08}", "false")
        assert event["Resources"] == [{"ResourceType": "AWS::S3::Bucket", "ResourceName": f"arn:aws:s3:::b{n}"}] or event["Resources"][0]["ResourceName"] in (f"b{n}", f"arn:aws:s3:::b{n}")
        for key, value in (("Username", f"user{n}"), ("AccessKeyId", f"AKIAIMPORTED{n:08}"), ("ResourceName", event["Resources"][0]["ResourceName"])):
            assert [e["EventId"] for e in lookup(cloudtrail, key, value)] == [wanted["eventID"]], key
    (event,) = lookup(cloudtrail, "EventId", "00000000-0000-4000-8000-000000000090")
    assert event["CloudTrailEvent"] == spelled, "the record is kept byte for byte"
    assert event["EventName"] == "SpelledA"
    assert len(lookup(cloudtrail, "EventName", "DeleteBucket")) == 6
    again = importing(tmp_path, "--endpoint", server.endpoint, env=server.environment())
    assert again.returncode == 0, again.stderr
    assert len(lookup(cloudtrail, "EventName", "DeleteBucket")) == 6, "a second import stores nothing"


def test_what_is_refused_is_named_and_the_rest_goes_in(server, cloudtrail, tmp_path):
    no_time = made_up(20)
    del no_time["eventTime"]
    (tmp_path / "mixed.json").write_text(json.dumps({"Records": [made_up(21), no_time, 7, made_up(22)]}))
    (tmp_path / "torn.json.gz").write_bytes(gzip.compress(json.dumps({"Records": [made_up(23)]}).encode())[:-20])
    (tmp_path / "text.json").write_text("this is no JSON")
    (tmp_path / "whole.json").write_text(json.dumps({"Records": [made_up(24)]}))
    done = importing(tmp_path, "--endpoint", server.endpoint, env=server.environment())
    said = done.stdout + done.stderr
    assert done.returncode == 1, said
    for name in ("mixed.json", "torn.json.gz", "text.json"):
        assert name in said, f"{name} is not named in:\n{said}"
    for n in (21, 22, 24):
        assert len(lookup(cloudtrail, "EventId", made_up(n)["eventID"])) == 1, n


def test_wrong_keys_and_no_server(server, tmp_path):
    (tmp_path / "a.json").write_text(json.dumps({"Records": [made_up(30)]}))
    done = importing(tmp_path, "--endpoint", server.endpoint, env=server.environment(AWS_SECRET_ACCESS_KEY="wrong"))
    assert done.returncode == 1 and done.stderr.strip()
    done = importing(tmp_path, "--endpoint", "http://127.0.0.1:9", env=server.environment())
    assert done.returncode == 1 and done.stderr.strip()
    done = importing(tmp_path / "missing.json", "--endpoint", server.endpoint, env=server.environment())
    assert done.returncode == 1 and "missing.json" in done.stderr
    assert importing(env=server.environment()).returncode == 2


def records_of(folder):
    """Every record in the shared CloudTrail files, with its file."""
    for path in sorted(folder.rglob("*.json.gz")):
        for one in json.loads(gzip.decompress(path.read_bytes()))["Records"]:
            yield path, one


def counts(done):
    """What the summary line says: stored, there already, refused, files."""
    found = re.search(r"([\d,]+) records imported, ([\d,]+) there already, ([\d,]+) refused, ([\d,]+) files", done.stdout)
    assert found, done.stdout + done.stderr
    return tuple(int(number.replace(",", "")) for number in found.groups())


def differing(done):
    """What the summary line says of records that differ, and the lines that name them."""
    found = re.search(r" files, (\d+) differ from the stored one$", done.stdout.strip())
    assert found, done.stdout + done.stderr
    return int(found[1]), [line for line in done.stderr.splitlines() if line.startswith("differs: ")]


@pytest.mark.parametrize("running", [True, False], ids=["into a running server", "into a data directory"])
def test_what_differs_from_the_stored_record_is_named(make_server, tmp_path, running):
    server = make_server("data").start()
    target = ("--endpoint", server.endpoint) if running else ("--data-dir", server.data_dir)
    if not running:
        assert server.stop() == 0
    files = tmp_path / "files"
    files.mkdir()

    def bring():
        done = importing(files, *target, env=server.environment())
        assert done.returncode == 0, done.stderr
        return counts(done), differing(done)

    (files / "a.json").write_text(json.dumps({"Records": [made_up(1), made_up(2)]}))
    (files / "b.json").write_text(json.dumps({"Records": [made_up(3), made_up(2), made_up(1, userAgent="another")]}))
    line = f"differs: {files}/b.json: record 2: eventID {made_up(1)['eventID']}: there already with other content"
    assert bring() == ((3, 2, 0, 2), (1, [line])), "of one run, the first is kept"
    assert bring() == ((0, 5, 0, 2), (1, [line])), "and compared again with what is stored"
    (files / "b.json").unlink()
    assert bring() == ((0, 2, 0, 1), (0, [])), "what is the same is passed over in silence"
    spaced = json.dumps({"Records": [made_up(2), made_up(1)]}, separators=(", ", " : "))
    (files / "a.json").write_text(spaced)
    summary, (count, lines) = bring()
    assert (summary, count) == ((0, 2, 0, 1), 2), "the comparison is of bytes"
    assert lines == [f"differs: {files}/a.json: record {at}: eventID {made_up(n)['eventID']}: there already with other content" for at, n in ((0, 2), (1, 1))]
    if not running:
        server.start()
    client = server.client("cloudtrail")
    (kept,) = lookup(client, "EventId", made_up(1)["eventID"])
    assert json.loads(kept["CloudTrailEvent"])["userAgent"] == "x"
    if running:
        told = [json.loads(e["CloudTrailEvent"])["responseElements"]["differing"] for e in lookup(client, "EventName", "ImportEvents")]
        assert told == [2, 0, 1, 1], "the newest first"


def account_and_region(one):
    """Where a record belongs, as the import decides it; None when no client can ask there."""
    identity = one.get("userIdentity")
    identity = identity if isinstance(identity, dict) else {}
    account = one.get("recipientAccountId") or identity.get("accountId") or "123456789012"
    region = one.get("awsRegion") or "us-east-1"
    good = re.fullmatch(r"\d{12}", str(account)) and re.fullmatch(r"[a-z][a-z0-9-]*", str(region))
    return (account, region) if good else None


def test_all_real_files_go_in_whole_and_only_once(make_server, tmp_path):
    """3,022 real records, straight into a stopped server's data: each is found, byte for byte. A second import stores nothing."""
    folder = Paths.shared() / "data" / "cloudtrail"
    if not folder.exists():
        pytest.skip(f"no {folder}")
    config = tmp_path / "lenient.toml"
    config.write_text("[trail]\nlenient_lookup = true\n")
    server = make_server("real", "--open", "--config", str(config)).start()
    assert server.stop() == 0
    paths = sorted(folder.rglob("*.json.gz"))
    by_id, without_id = collections.defaultdict(list), set()
    for path, one in records_of(folder):
        if one.get("eventID"):
            by_id[one["eventID"]].append((path, one))
        else:
            without_id.add(json.dumps(one, sort_keys=True))
    done = importing(*paths, "--data-dir", server.data_dir)
    assert done.returncode == 0, done.stderr
    stored, duplicates, refused, files = counts(done)
    assert (refused, files) == (0, len(paths))
    assert stored + duplicates == sum(1 for _ in records_of(folder))
    assert stored == len(by_id) + len(without_id)

    server.start()
    texts = {path: gzip.decompress(path.read_bytes()).decode() for path in paths}
    found = unreachable = 0
    for event_id, origins in by_id.items():
        where = account_and_region(origins[0][1])
        if where is None or len(event_id) > 2000:
            unreachable += 1
            continue
        body = {"LookupAttributes": [{"AttributeKey": "EventId", "AttributeValue": event_id}]}
        answer = server.json_call("cloudtrail", "LookupEvents", body, key=where[0], region=where[1])
        assert answer.status == 200, (event_id, answer)
        assert len(answer.json["Events"]) == 1, (event_id, where, answer)
        text = answer.json["Events"][0]["CloudTrailEvent"]
        assert any(text in texts[path] and json.loads(text) == one for path, one in origins), f"{event_id} was changed"
        found += 1
    print(f"{found} of {len(by_id)} records looked up and compared; {unreachable} belong to an account or region that no client can name")
    assert found > 0.9 * len(by_id)

    again = importing(*paths, "--endpoint", server.endpoint, env=server.environment())
    assert (again.returncode, counts(again)[0]) == (0, 0), again.stderr
    assert server.stop() == 0
    third = importing(*paths, "--data-dir", server.data_dir)
    assert (third.returncode, counts(third)[0]) == (0, 0), third.stderr


def test_real_records_are_found_by_each_attribute(server, cloudtrail, tmp_path):
    """LookupEvents sees 90 days, and the real files are older: their times are moved to yesterday, all else stays."""
    folder = Paths.shared() / "data" / "cloudtrail"
    if not folder.exists():
        pytest.skip(f"no {folder}")
    yesterday = recent(24 * 60)
    moved, seen = [], set()
    for _, one in records_of(folder):
        if "eventID" in one and one["eventID"] not in seen and "eventTime" in one:
            seen.add(one["eventID"])
            moved.append({**one, "eventTime": yesterday, "awsRegion": "us-east-1", "recipientAccountId": "123456789012"})
    (tmp_path / "moved.json.gz").write_bytes(gzip.compress(json.dumps({"Records": moved}).encode()))
    done = importing(tmp_path, "--endpoint", server.endpoint, env=server.environment())
    assert done.returncode == 0, done.stderr
    management = [m for m in moved if m.get("managementEvent", True) and m.get("eventCategory", "Management") == "Management"]
    names = collections.Counter(m["eventName"] for m in management)
    for name, count in names.most_common(10):
        own = {m["eventID"] for m in management if m["eventName"] == name}
        found = {e["EventId"] for e in lookup(cloudtrail, "EventName", name)}
        assert own <= found, f"{name}: {len(own - found)} of {count} missing"
    sources = collections.Counter(m["eventSource"] for m in management)
    for source, _ in sources.most_common(5):
        own = {m["eventID"] for m in management if m["eventSource"] == source}
        assert own <= {e["EventId"] for e in lookup(cloudtrail, "EventSource", source)}, source
    users = collections.Counter(m["userIdentity"]["userName"] for m in management if (m.get("userIdentity") or {}).get("type") == "IAMUser" and m["userIdentity"].get("userName"))
    for user, _ in users.most_common(5):
        own = {m["eventID"] for m in management if (m.get("userIdentity") or {}).get("type") == "IAMUser" and m["userIdentity"].get("userName") == user}
        assert own <= {e["EventId"] for e in lookup(cloudtrail, "Username", user)}, user
    keys = collections.Counter(m["userIdentity"]["accessKeyId"] for m in management if (m.get("userIdentity") or {}).get("accessKeyId"))
    for key, _ in keys.most_common(5):
        own = {m["eventID"] for m in management if (m.get("userIdentity") or {}).get("accessKeyId") == key}
        assert own <= {e["EventId"] for e in lookup(cloudtrail, "AccessKeyId", key)}, key
    some = lookup(cloudtrail, "EventName", names.most_common(1)[0][0])
    for event in [e for e in some if e.get("Resources")][:3]:
        resource = event["Resources"][0]
        if resource.get("ResourceType"):
            assert event["EventId"] in {e["EventId"] for e in lookup(cloudtrail, "ResourceType", resource["ResourceType"])}
        assert event["EventId"] in {e["EventId"] for e in lookup(cloudtrail, "ResourceName", resource["ResourceName"])}

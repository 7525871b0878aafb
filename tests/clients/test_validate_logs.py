"""`aws cloudtrail validate-logs` on digest files: it accepts what was delivered, and finds whatever was altered or taken away."""

import contextlib
import datetime
import gzip
import json
import os
import re
import time

import pytest
from trailwatch import Server, wait_until

#: Longest wait for files of trails that write every other second, seconds.
ARRIVES = 60
INTERVALS = "[trail]\ndelivery_interval = '1s'\ndigest_interval = '2s'\nkey_rotation = '5s'\n"
DIGEST = "AWSLogs/123456789012/CloudTrail-Digest/"
LOG = "AWSLogs/123456789012/CloudTrail/"


class Verdict:
    """What the command printed."""

    def __init__(self, done):
        self.code, self.out, self.errors = done.returncode, done.stdout, done.stderr
        self.valid = {kind: self.count(kind, "valid") for kind in ("digest", "backfill digest", "log")}
        self.invalid = {kind: self.count(kind, "INVALID") for kind in ("digest", "backfill digest", "log")}

    def count(self, kind, word):
        found = re.search(rf"(?:^|, )(\d+)/\d+ {kind} files {word}", self.out, re.MULTILINE)
        return int(found[1]) if found else 0

    def says(self, key):
        """The verdicts on one file."""
        return [line.split("\t", 2)[2] for line in (self.out + "\n" + self.errors).splitlines() if line.split("\t")[1:2] == [f"s3://audit/{key}"]]

    def gaps(self):
        """How often an ordinary chain has no link to what came before."""
        return len(re.findall(r"^No log files were delivered by CloudTrail between", self.errors, re.MULTILINE))

    def __repr__(self):
        return f"code {self.code}\n{self.out}\n{self.errors}"


def iso(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


class Audited:
    """A trail that validates its files, in a bucket that is a folder of the server."""

    def __init__(self, server, name, **settings):
        self.server, self.name, self.start, self.made = server, name, time.time(), 0
        self.folder = server.data_dir / "buckets" / "audit"
        server.client("s3").create_bucket(Bucket="audit")
        made = self.cloudtrail.create_trail(Name=name, S3BucketName="audit", EnableLogFileValidation=True, **settings)
        self.arn = made["TrailARN"]
        self.cloudtrail.start_logging(Name=name)

    @property
    def cloudtrail(self):
        """A client; the server may have another port since the last one."""
        return self.server.client("cloudtrail")

    def keys(self, below):
        """Keys of log files or of this trail's digests, the oldest first."""
        paths = (path.relative_to(self.folder) for path in self.folder.rglob("*.json.gz") if not path.name.startswith("."))
        found = sorted(str(path) for path in paths if below in str(path))
        return [key for key in found if below == LOG or f"_{self.name}_us-east-1_" in key]

    def read(self, key):
        return json.loads(gzip.decompress((self.folder / key).read_bytes()))

    def listed(self):
        """Log files that digests list, with repetitions."""
        return [log["s3Object"] for key in self.keys(DIGEST) for log in self.read(key)["logFiles"]]

    def calls(self):
        """What log files tell of."""
        return [record["eventName"] for key in self.keys(LOG) for record in self.read(key)["Records"]]

    def call(self, name, region=None):
        self.server.client("logs", region=region).create_log_group(logGroupName=name)
        self.made += 1

    def wait_for_digests(self, more):
        count = len(self.keys(DIGEST)) + more
        wait_until(lambda: len(self.keys(DIGEST)) >= count, ARRIVES, f"{more} more digests")

    def stop(self):
        """Ends the chain: what was delivered is in digests, and no more of them come."""
        self.cloudtrail.stop_logging(Name=self.name)
        ended = time.time()

        def is_over():
            if self.calls().count("CreateLogGroup") < self.made or sorted(self.listed()) != self.keys(LOG):
                return False
            return datetime.datetime.fromisoformat(self.read(self.keys(DIGEST)[-1])["digestEndTime"]).timestamp() >= ended

        wait_until(is_over, ARRIVES, "the last digest")

    def validate(self, *more):
        done = self.server.cli_raw("cloudtrail", "validate-logs", "--trail-arn", self.arn, "--start-time", iso(self.start - 5), "--verbose", *more)
        return Verdict(done)

    def accepts(self):
        verdict = self.validate()
        assert verdict.code == 0 and not any(verdict.invalid.values()), verdict
        assert verdict.gaps() == 0, verdict
        return verdict

    @contextlib.contextmanager
    def kept(self, *keys):
        """Puts files back as they were, times included."""
        paths = [self.folder / key for key in keys]
        before = [(path, path.read_bytes(), path.stat()) for path in paths]
        try:
            yield paths
        finally:
            for path, body, stat in before:
                path.write_bytes(body)
                os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def rewrite(path, change):
    """Changes the text inside a gzip file."""
    text = gzip.decompress(path.read_bytes()).decode()
    changed = change(text)
    assert changed != text
    path.write_bytes(gzip.compress(changed.encode()))


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    """A trail with several digests, empty ones too, and keys that were rotated; it has stopped."""
    home = tmp_path_factory.mktemp("audited")
    config = home / "trailwatch.toml"
    config.write_text(INTERVALS)
    server = Server(home / "data", "--config", config).start()
    audited = Audited(server, "sealed", S3KeyPrefix="by/trail")
    audited.call("/first")
    audited.wait_for_digests(2)
    audited.call("/second")
    audited.wait_for_digests(2)
    audited.stop()
    yield audited
    assert server.stop() == 0
    assert not server.complaints(), server.complaints()


def test_what_was_delivered_is_valid(audited):
    verdict = audited.accepts()
    digests, logs = audited.keys(DIGEST), audited.keys(LOG)
    assert verdict.valid["digest"] + verdict.valid["backfill digest"] == len(digests) >= 4, verdict
    assert verdict.valid["log"] == len(logs) >= 2, verdict
    assert sorted(audited.listed()) == logs, "each log file is in one digest"
    assert all(key.startswith("by/trail/") for key in digests + logs)
    bodies = [audited.read(key) for key in digests]
    assert any(body["logFiles"] == [] and body["newestEventTime"] is None for body in bodies), "an empty digest"
    fingerprints = {body["digestPublicKeyFingerprint"] for body in bodies}
    now = datetime.datetime.now(datetime.timezone.utc)
    listed = audited.cloudtrail.list_public_keys(StartTime=now - datetime.timedelta(hours=1), EndTime=now)["PublicKeyList"]
    assert len(fingerprints) >= 2 and fingerprints <= {key["Fingerprint"] for key in listed}, "keys were rotated"
    assert all(key["ValidityEndTime"] - key["ValidityStartTime"] == datetime.timedelta(seconds=5) for key in listed)
    status = audited.cloudtrail.get_trail_status(Name="sealed")
    assert status["LatestDigestDeliveryTime"] and "LatestDigestDeliveryError" not in status


def test_an_altered_log_file_is_found(audited):
    key = next(key for key in audited.keys(LOG) if "/first" in json.dumps(audited.read(key)))
    with audited.kept(key) as (path,):
        rewrite(path, lambda text: text.replace("/first", "/f1rst", 1))
        verdict = audited.validate()
    assert (verdict.code, verdict.invalid["log"], verdict.invalid["digest"]) == (1, 1, 0), verdict
    assert verdict.says(key) == ["INVALID: hash value doesn't match"], verdict
    audited.accepts()


def test_a_deleted_log_file_is_found(audited):
    key = audited.keys(LOG)[0]
    with audited.kept(key) as (path,):
        path.unlink()
        verdict = audited.validate()
    assert (verdict.code, verdict.says(key)) == (1, ["INVALID: not found"]), verdict
    audited.accepts()


@pytest.mark.parametrize("harm", ["truncated", "followed by more"])
def test_a_log_file_that_is_no_whole_gzip_is_found(audited, harm):
    key = audited.keys(LOG)[-1]
    with audited.kept(key) as (path,):
        body = path.read_bytes()
        path.write_bytes(body[: len(body) // 2] if harm == "truncated" else body + b"more")
        verdict = audited.validate()
    assert (verdict.code, verdict.invalid["log"]) == (1, 1), verdict
    (said,) = verdict.says(key)
    assert said.startswith("INVALID"), verdict
    audited.accepts()


def ordinary(audited):
    """Digests between the first and the last that are no backfill."""
    return [key for key in audited.keys(DIGEST) if not key.endswith("_backfill.json.gz")][1:-1]


def test_an_altered_digest_is_found(audited):
    key = ordinary(audited)[0]
    with audited.kept(key) as (path,):
        rewrite(path, lambda text: text.replace('"logFiles":[', '"logFiles": [', 1))
        verdict = audited.validate()
    assert (verdict.code, verdict.invalid["digest"]) == (1, 1), verdict
    assert verdict.says(key) == ["INVALID: signature verification failed"], verdict
    audited.accepts()


def test_a_truncated_digest_is_found(audited):
    key = ordinary(audited)[0]
    with audited.kept(key) as (path,):
        path.write_bytes(path.read_bytes()[:-20])
        verdict = audited.validate()
    assert (verdict.code, verdict.says(key)) == (1, ["INVALID: invalid format"]), verdict
    audited.accepts()


def test_a_deleted_digest_is_found(audited):
    key = ordinary(audited)[0]
    with audited.kept(key) as (path,):
        path.unlink()
        verdict = audited.validate()
    assert (verdict.code, verdict.says(key)) == (1, ["INVALID: not found"]), verdict
    audited.accepts()


def test_digests_in_each_others_places_are_found(audited):
    one, other = ordinary(audited)[:2]
    with audited.kept(one, other) as paths:
        bodies = [path.read_bytes() for path in paths]
        for path, body in zip(paths, reversed(bodies)):
            path.write_bytes(body)
        verdict = audited.validate()
    assert (verdict.code, verdict.invalid["digest"]) == (1, 2), verdict
    assert all(verdict.says(key) == ["INVALID: has been moved from its original location"] for key in (one, other)), verdict
    audited.accepts()


def test_digests_go_on_after_kill_9_and_the_time_between_is_backfilled(make_server, tmp_path):
    config = tmp_path / "trailwatch.toml"
    config.write_text(INTERVALS)
    server = make_server("data", "--config", config).start()
    audited = Audited(server, "killed", IsMultiRegionTrail=True)
    audited.call("/before")
    audited.wait_for_digests(2)
    server.kill()
    # Digests that are five seconds late are backfills; the clock must show that much, whatever the server does.
    down = time.time()
    wait_until(lambda: time.time() >= down + 8, 20, "time passes")
    server.start()
    audited.call("/after")
    audited.call("/elsewhere", region="eu-west-1")
    audited.wait_for_digests(4)
    audited.stop()
    verdict = audited.accepts()
    elsewhere = audited.validate("--region", "eu-west-1")
    assert verdict.valid["backfill digest"] >= 1 and verdict.valid["digest"] >= 3, verdict
    assert elsewhere.code == 0 and elsewhere.valid["log"] >= 1, elsewhere
    assert verdict.valid["log"] + elsewhere.valid["log"] == len(audited.keys(LOG))


def test_logging_that_begins_again_is_a_new_chain(make_server, tmp_path):
    config = tmp_path / "trailwatch.toml"
    config.write_text(INTERVALS)
    audited = Audited(make_server("data", "--config", config).start(), "again")
    audited.wait_for_digests(1)
    audited.stop()
    audited.cloudtrail.start_logging(Name="again")
    audited.wait_for_digests(2)
    verdict = audited.validate()
    assert verdict.code == 0 and not any(verdict.invalid.values()), verdict
    assert verdict.gaps() == 1, verdict
    firsts = [key for key in audited.keys(DIGEST) if audited.read(key)["previousDigestS3Object"] is None and "_backfill" not in key]
    assert len(firsts) == 2

"""Imports of trail files that are killed in the middle: gone through again, every event is there, once."""

import datetime
import errno
import gzip
import json
import os
import shutil
import subprocess

import pytest
from test_crash import TORN_TAIL
from test_import import counts, importing
from test_sql import rows
from trailwatch import Paths, plain_environment, run, wait_until

FILES, EVENTS_OF_FILE = 400, 100
EVENTS = FILES * EVENTS_OF_FILE
#: The file that an import is killed at, about the middle.
KILLED_AT = FILES // 2 + 3
#: Longest wait for an import that goes on, seconds.
ENDS = 120
BUCKET = "archive"


def record(n, when):
    """Event `n`: of its own, a kilobyte as they mostly are."""
    return {
        "eventVersion": "1.08", "eventTime": when, "eventSource": "s3.amazonaws.com", "eventName": "ImportedCall", "awsRegion": "us-east-1",
        "userIdentity": {"type": "IAMUser", "userName": f"user-{n % 200}", "accountId": "123456789012", "accessKeyId": f"AKIA{n % 200:016}",
                         "principalId": f"AIDA{n % 200:017}", "arn": f"arn:aws:iam::123456789012:user/user-{n % 200}"},
        "sourceIPAddress": "192.0.2.1", "userAgent": "aws-cli/2.0 Python/3.12 " + "x" * 200, "requestParameters": {"bucketName": f"b{n}", "key": "k" * 100},
        "responseElements": None, "requestID": f"R{n:08}", "eventID": f"11111111-0000-4000-8000-{n:012}", "readOnly": False,
        "eventType": "AwsApiCall", "managementEvent": True, "recipientAccountId": "123456789012", "eventCategory": "Management",
    }  # fmt: skip


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Compressed trail files, in order of their names; a second's events each, of the last days."""
    folder = tmp_path_factory.mktemp("trail") / "AWSLogs" / "123456789012" / "CloudTrail" / "us-east-1"
    folder.mkdir(parents=True)
    begin = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=2)
    paths = []
    for number in range(FILES):
        when = (begin + datetime.timedelta(minutes=number)).strftime("%Y-%m-%dT%H:%M:%SZ")
        first = number * EVENTS_OF_FILE
        text = json.dumps({"Records": [record(n, when) for n in range(first, first + EVENTS_OF_FILE)]})
        paths.append(folder / f"123456789012_CloudTrail_us-east-1_{number:06}.json.gz")
        paths[-1].write_bytes(gzip.compress(text.encode(), 1))
    return paths


def assert_each_is_there_once(server):
    (found,) = rows(server, "SELECT count(*) AS n, count(DISTINCT event_id) AS ids FROM events WHERE name = 'ImportedCall'")
    assert found == {"n": EVENTS, "ids": EVENTS}


def start_until_it_reads(pipe, paths, *target, environment):
    """Starts an import of `paths`, one of which is a pipe, and answers it when it has come to the pipe: all before was read, and what was
    read last is on its way to the store."""
    arguments = [Paths.server(), "import", "cloudtrail", *paths, *target]
    importer = subprocess.Popen([str(a) for a in arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)

    def reads():
        assert importer.poll() is None, importer.communicate()
        try:
            return os.fdopen(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK), "wb")
        except OSError as error:
            assert error.errno == errno.ENXIO, error
            return None

    return importer, wait_until(reads, ENDS, "the import reads the pipe")


@pytest.fixture
def piped(files, tmp_path):
    """A pipe, and the files with the pipe in place of one."""
    pipe = tmp_path / "pipe.json.gz"
    os.mkfifo(pipe)
    return pipe, [*files[:KILLED_AT], pipe, *files[KILLED_AT + 1 :]]


def assert_goes_on(files, *target, environment):
    """Goes through the files again: a part was there, the rest comes."""
    done = importing(files[0].parent, *target, env=environment)
    assert done.returncode == 0, done.stderr
    stored, already, refused, count = counts(done)
    assert (stored + already, refused, count) == (EVENTS, 0, FILES), done.stdout
    # What was read and not yet stored at the kill is a few batches of 2,000.
    assert already > EVENTS // 4 and stored >= (FILES - KILLED_AT) * EVENTS_OF_FILE, done.stdout
    return stored


def test_an_import_into_a_server_goes_on_after_the_importer_was_killed(make_server, files, piped):
    server = make_server("data").start()
    target = ("--endpoint", server.endpoint)
    importer, pipe = start_until_it_reads(*piped, *target, environment=server.environment())
    importer.kill()
    importer.communicate()
    pipe.close()
    assert_goes_on(files, *target, environment=server.environment())
    assert_each_is_there_once(server)


def test_an_import_goes_on_after_the_server_was_killed(make_server, files, piped):
    server = make_server("data").start()
    server.expect_complaint(TORN_TAIL)
    importer, pipe = start_until_it_reads(*piped, "--endpoint", server.endpoint, environment=server.environment())
    server.kill()
    pipe.write(files[KILLED_AT].read_bytes())
    pipe.close()
    said = importer.communicate(timeout=ENDS)
    assert importer.returncode == 1, said
    server.start()
    assert_goes_on(files, "--endpoint", server.endpoint, environment=server.environment())
    assert_each_is_there_once(server)


def test_an_import_into_a_data_directory_goes_on_after_a_kill(make_server, files, piped):
    server = make_server("data").start()
    server.expect_complaint(TORN_TAIL)
    assert server.stop() == 0
    target, environment = ("--data-dir", server.data_dir), plain_environment({})
    importer, pipe = start_until_it_reads(*piped, *target, environment=environment)
    importer.kill()
    importer.communicate()
    pipe.close()
    assert_goes_on(files, *target, environment=environment)
    again = importing(files[0].parent, *target, env=environment)
    assert counts(again) == (0, EVENTS, 0, FILES), again.stdout
    server.start()
    assert_each_is_there_once(server)


def test_an_import_writes_the_log_for_proofs_of_a_new_data_directory_across_a_kill(make_server, files, piped):
    server = make_server("data")
    server.expect_complaint(TORN_TAIL)
    server.data_dir.mkdir(parents=True, exist_ok=True)
    log, target = server.data_dir / "proofs", ("--data-dir", server.data_dir)
    importer, pipe = start_until_it_reads(*piped, *target, environment=plain_environment({}))
    vkey = run([Paths.server(), "vkey", *target]).stdout.strip()
    importer.kill()
    importer.communicate()
    pipe.close()
    assert_goes_on(files, *target, environment=plain_environment({}))
    assert int((log / "checkpoint").read_text().splitlines()[1]) == EVENTS
    told = run([Paths.server(), "verify", log, "--vkey", vkey])
    assert told.returncode == 0 and f"tiles make the tree of {EVENTS}" in told.stdout, told.stdout
    early = log.parent.parent / "early.checkpoint"
    shutil.copy(log / "checkpoint", early)
    # The server goes on with the same log.
    server.start()
    server.client("logs").create_log_group(logGroupName="one-more")
    bundle = early.with_name("evidence.json")
    told = run([Paths.server(), "evidence", "--sequence", str(EVENTS + 1), "--from", str(EVENTS), "-o", bundle], env={**server.exports, "PATH": "/usr/bin:/bin"})
    assert told.returncode == 0, told.stderr
    told = run([Paths.server(), "verify", bundle, "--checkpoint", early, "--vkey", vkey])
    assert told.returncode == 0 and f"begins with that of {EVENTS}" in told.stdout, told.stdout
    assert_each_is_there_once(server)


def test_an_import_into_an_event_data_store_goes_on_after_a_kill(make_server, files):
    server = make_server("data").start()
    server.expect_complaint(TORN_TAIL)
    server.client("s3").create_bucket(Bucket=BUCKET)
    folder = server.data_dir / "buckets" / BUCKET / "AWSLogs" / "123456789012" / "CloudTrail" / "us-east-1"
    folder.mkdir(parents=True)
    for path in files:
        os.link(path, folder / path.name)
    client = server.client("cloudtrail")
    store = client.create_event_data_store(Name="archive", TerminationProtectionEnabled=False)["EventDataStoreArn"]
    source = {"S3": {"S3LocationUri": f"s3://{BUCKET}/AWSLogs/", "S3BucketRegion": "us-east-1", "S3BucketAccessRoleArn": "arn:aws:iam::123456789012:role/import"}}
    started = client.start_import(Destinations=[store], ImportSource=source)["ImportId"]

    def far_enough():
        return client.get_import(ImportId=started)["ImportStatistics"]["FilesCompleted"] >= FILES // 4

    wait_until(far_enough, ENDS, "a quarter of the files is imported")
    server.kill()
    server.start()
    client = server.client("cloudtrail")
    cut_off = client.get_import(ImportId=started)
    assert cut_off["ImportStatus"] == "STOPPED", "it can be gone on with"
    assert FILES // 4 <= cut_off["ImportStatistics"]["FilesCompleted"] < FILES, cut_off["ImportStatistics"]
    client.start_import(ImportId=started)

    def ended():
        found = client.get_import(ImportId=started)
        return None if found["ImportStatus"] in ("INITIALIZING", "IN_PROGRESS") else found

    found = wait_until(ended, ENDS, "the import has ended")
    assert found["ImportStatus"] == "COMPLETED", found
    statistics = found["ImportStatistics"]
    assert (statistics["FilesCompleted"], statistics["EventsCompleted"], statistics["FailedEntries"]) == (FILES, EVENTS, 0), statistics
    assert_each_is_there_once(server)
    query = client.start_query(QueryStatement=f"SELECT count(*) AS n, count(DISTINCT eventID) AS ids FROM {store.rsplit('/', 1)[1]} WHERE eventName = 'ImportedCall'")["QueryId"]

    def answered():
        page = client.get_query_results(QueryId=query)
        return page if page["QueryStatus"] not in ("QUEUED", "RUNNING") else None

    answer = wait_until(answered, ENDS, "the query to end")
    assert answer["QueryResultRows"] == [[{"n": str(EVENTS)}, {"ids": str(EVENTS)}]], answer

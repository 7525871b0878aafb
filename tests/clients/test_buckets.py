"""Buckets that the server keeps, read over the S3 API: aws s3, boto3, presigned URLs; who may not, and what nobody may."""

import gzip
import json
import os
import time

import pytest
from botocore.exceptions import ClientError
from trailwatch import Paths, run, wait_until

#: Longest life of an export of a few lines: one begins each second.
EXPORT_SECONDS_MAX = 30
BUCKET = "archive"
MANY = [f"many/{folder}/{n:02}" for folder in ("a", "b", "c") for n in range(10)]


@pytest.fixture(scope="module")
def exported(server):
    """An export in a bucket; answers the key of its one object."""
    server.client("s3").create_bucket(Bucket=BUCKET)
    logs, at = server.client("logs"), int(time.time() * 1000)
    logs.create_log_group(logGroupName="shop")
    logs.create_log_stream(logGroupName="shop", logStreamName="web")
    logs.put_log_events(logGroupName="shop", logStreamName="web", logEvents=[{"timestamp": at, "message": "GET /"}])
    task = logs.create_export_task(logGroupName="shop", fromTime=at, to=at + 1000, destination=BUCKET)["taskId"]

    def ended():
        status = logs.describe_export_tasks(taskId=task)["exportTasks"][0]["status"]["code"]
        return status if status not in ("PENDING", "RUNNING") else None

    assert wait_until(ended, EXPORT_SECONDS_MAX, "the export has ended") == "COMPLETED"
    return f"exportedlogs/{task}/web/000000.gz"


@pytest.fixture(scope="module")
def folder(server, exported):
    """The bucket's folder, with further objects that were put there by hand."""
    folder = server.data_dir / "buckets" / BUCKET
    for key in MANY:
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        (folder / key).write_text(key)
    return folder


@pytest.fixture(scope="module")
def s3(server):
    return server.client("s3")


def code(refused, *arguments, **parameters):
    with pytest.raises(ClientError) as error:
        refused(*arguments, **parameters)
    return error.value.response["Error"]["Code"]


# -- reading ------------------------------------------------------------------------------------------------------------


def test_the_aws_cli_lists_and_copies(server, exported, folder, tmp_path):
    def aws_s3(*arguments):
        done = run([Paths.newest("aws"), "s3", *arguments], env=server.environment())
        assert done.returncode == 0, (arguments, done.stderr)
        return done.stdout

    assert [line.split()[-1] for line in aws_s3("ls").splitlines()] == [BUCKET]
    assert [line.split()[-1] for line in aws_s3("ls", f"s3://{BUCKET}").splitlines()] == ["exportedlogs/", "many/"]
    keys = [line.split()[-1] for line in aws_s3("ls", "--recursive", f"s3://{BUCKET}").splitlines()]
    assert keys == sorted([exported, "exportedlogs/aws-logs-write-test", *MANY])
    assert aws_s3("cp", f"s3://{BUCKET}/exportedlogs/aws-logs-write-test", "-") == "Permission Check Successful"
    aws_s3("sync", f"s3://{BUCKET}", tmp_path / "down")
    files = {str(path.relative_to(tmp_path / "down")) for path in (tmp_path / "down").rglob("*") if path.is_file()}
    assert files == set(keys)
    assert gzip.decompress((tmp_path / "down" / exported).read_bytes()).endswith(b"Z GET /\n")
    assert aws_s3("sync", f"s3://{BUCKET}", tmp_path / "down") == "", "nothing has changed"


def test_a_large_object_comes_in_parts(server, folder, tmp_path):
    body = os.urandom(20_000_000)
    (folder / "large.bin").write_bytes(body)
    try:
        done = run([Paths.newest("aws"), "s3", "cp", f"s3://{BUCKET}/large.bin", tmp_path / "large.bin"], env=server.environment())
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "large.bin").read_bytes() == body
        assert server.client("s3").get_object(Bucket=BUCKET, Key="large.bin")["Body"].read() == body
    finally:
        (folder / "large.bin").unlink()


def test_an_object_and_what_is_known_of_it(s3, exported):
    got = s3.get_object(Bucket=BUCKET, Key=exported)
    body = got["Body"].read()
    assert gzip.decompress(body).endswith(b"Z GET /\n")
    head = s3.head_object(Bucket=BUCKET, Key=exported)
    assert head["ContentLength"] == got["ContentLength"] == len(body)
    assert head["ETag"] == got["ETag"] and head["LastModified"] == got["LastModified"]
    assert abs(head["LastModified"].timestamp() - time.time()) < 3600
    part = s3.get_object(Bucket=BUCKET, Key=exported, Range="bytes=2-5")
    assert (part["Body"].read(), part["ContentRange"]) == (body[2:6], f"bytes 2-5/{len(body)}")
    assert code(s3.get_object, Bucket=BUCKET, Key=exported, Range=f"bytes={len(body)}-") == "InvalidRange"
    assert code(s3.get_object, Bucket=BUCKET, Key=exported, IfNoneMatch=got["ETag"]) == "304"
    assert code(s3.get_object, Bucket=BUCKET, Key=exported, IfMatch='"0"') == "PreconditionFailed"
    assert code(s3.get_object, Bucket=BUCKET, Key="none") == "NoSuchKey"
    assert code(s3.head_object, Bucket=BUCKET, Key="none") == "404"
    assert code(s3.get_object, Bucket="no-such-bucket", Key="none") == "NoSuchBucket"


@pytest.mark.parametrize("name", ["list_objects", "list_objects_v2"])
def test_both_lists_page_by_page(s3, folder, name):
    def listed(**parameters):
        pages = list(s3.get_paginator(name).paginate(Bucket=BUCKET, **parameters))
        keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
        return len(pages), keys, [item["Prefix"] for page in pages for item in page.get("CommonPrefixes", [])]

    assert listed(Prefix="many/") == (1, MANY, [])
    assert listed(Prefix="many/", PaginationConfig={"PageSize": 7}) == (5, MANY, [])
    assert listed(Prefix="many/b/0") == (1, [key for key in MANY if "/b/" in key], [])
    folders = ["many/a/", "many/b/", "many/c/"]
    assert listed(Prefix="many/", Delimiter="/") == (1, [], folders)
    assert listed(Prefix="many/", Delimiter="/", PaginationConfig={"PageSize": 1}) == (3, [], folders)
    assert listed(Prefix="none/") == (1, [], [])
    first = getattr(s3, name)(Bucket=BUCKET, Prefix="many/", MaxKeys=2)
    assert first["IsTruncated"] and first["MaxKeys"] == 2 and first["Contents"][0]["Size"] == len(MANY[0])


def test_a_list_goes_on_behind_a_key(s3, folder):
    behind = s3.list_objects(Bucket=BUCKET, Prefix="many/", Marker="many/b/05")["Contents"]
    assert [item["Key"] for item in behind] == [key for key in MANY if key > "many/b/05"]
    behind = s3.list_objects_v2(Bucket=BUCKET, Prefix="many/", StartAfter="many/b/055")["Contents"]
    assert [item["Key"] for item in behind] == [key for key in MANY if key > "many/b/055"]


def test_buckets_are_told(server, s3, exported):
    (bucket,) = s3.list_buckets()["Buckets"]
    assert bucket["Name"] == BUCKET and abs(bucket["CreationDate"].timestamp() - time.time()) < 3600
    assert s3.get_bucket_location(Bucket=BUCKET)["LocationConstraint"] is None
    assert s3.head_bucket(Bucket=BUCKET)["BucketRegion"] == "us-east-1"
    assert "Status" not in s3.get_bucket_versioning(Bucket=BUCKET)
    assert code(s3.head_bucket, Bucket="no-such-bucket") == "404"


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_a_presigned_url(server, exported, version):
    s3 = server.client("s3", signature_version=version)
    ask = {"Bucket": BUCKET, "Key": "exportedlogs/aws-logs-write-test"}
    url = s3.generate_presigned_url("get_object", Params=ask)
    path = url.removeprefix(server.endpoint)
    answer = server.http("GET", path)
    assert (answer.status, answer.body) == (200, b"Permission Check Successful")
    assert server.http("GET", path.replace("aws-logs-write-test", "other")).status == 403
    assert server.http("DELETE", path).status == 403
    assert server.http("GET", path.partition("?")[0]).status != 200, "nobody reads unsigned"
    short = s3.generate_presigned_url("get_object", Params=ask, ExpiresIn=1).removeprefix(server.endpoint)
    expired = wait_until(lambda: (a := server.http("GET", short)).status == 403 and a, 10, "the URL has expired")
    assert b"<Code>AccessDenied</Code>" in expired.body and b"expired" in expired.body


# -- what is refused ----------------------------------------------------------------------------------------------------


def test_a_bucket_is_made_and_deleted(server, s3, exported):
    assert s3.create_bucket(Bucket="short-lived")["Location"] == "/short-lived"
    s3.create_bucket(Bucket="short-lived")
    assert "short-lived" in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
    west = {"Bucket": "western", "CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}}
    s3.create_bucket(**west)
    assert s3.get_bucket_location(Bucket="western")["LocationConstraint"] == "eu-west-1"
    assert code(s3.create_bucket, **west) == "BucketAlreadyOwnedByYou"
    assert code(s3.create_bucket, Bucket="10") == "InvalidBucketName"
    policy = json.dumps({"Version": "2012-10-17", "Statement": []})
    s3.put_bucket_policy(Bucket="western", Policy=policy)
    assert s3.get_bucket_policy(Bucket="western")["Policy"] == policy
    s3.delete_bucket_policy(Bucket="western")
    assert code(s3.get_bucket_policy, Bucket="western") == "NoSuchBucketPolicy"
    assert code(s3.put_bucket_policy, Bucket="western", Policy="[]") == "MalformedPolicy"
    for bucket in ("short-lived", "western"):
        s3.delete_bucket(Bucket=bucket)
        assert code(s3.head_bucket, Bucket=bucket) == "404"
    assert code(s3.delete_bucket, Bucket=BUCKET) == "BucketNotEmpty"
    for words in (("mb", "s3://by-the-cli"), ("rb", "s3://by-the-cli")):
        done = run([Paths.newest("aws"), "s3", *words], env=server.environment())
        assert done.returncode == 0, done.stderr


def test_a_bucket_that_nobody_made_is_refused(server, exported):
    at = int(time.time() * 1000)
    ask = {"logGroupName": "shop", "fromTime": at, "to": at + 1, "destination": "nobody-made-it"}
    assert code(server.client("logs").create_export_task, **ask) == "InvalidParameterException"


def test_a_version_and_headers_of_an_answer(server, s3, exported):
    assert code(s3.get_object, Bucket=BUCKET, Key=exported, VersionId="anything") == "NoSuchVersion"
    assert s3.get_object(Bucket=BUCKET, Key=exported, VersionId="null")["ContentLength"] > 0
    got = s3.get_object(Bucket=BUCKET, Key=exported, ResponseContentType="text/plain", ResponseContentDisposition="inline")
    assert (got["ContentType"], got["ContentDisposition"]) == ("text/plain", "inline")


def test_no_object_is_written(server, s3, exported):
    assert code(s3.put_object, Bucket=BUCKET, Key="new", Body=b"x") == "AccessDenied"
    assert code(s3.delete_object, Bucket=BUCKET, Key=exported) == "AccessDenied"
    assert code(s3.copy_object, Bucket=BUCKET, Key="copy", CopySource=f"{BUCKET}/{exported}") == "AccessDenied"
    assert code(s3.create_multipart_upload, Bucket=BUCKET, Key="new") == "AccessDenied"
    assert code(s3.delete_objects, Bucket=BUCKET, Delete={"Objects": [{"Key": exported}]}) == "AccessDenied"
    assert code(s3.get_object_tagging, Bucket=BUCKET, Key=exported) == "NotImplemented"
    done = run([Paths.newest("aws"), "s3", "cp", "-", f"s3://{BUCKET}/new"], env=server.environment(), input="x")
    assert done.returncode != 0 and "AccessDenied" in done.stderr
    assert s3.head_object(Bucket=BUCKET, Key=exported)["ContentLength"] > 0
    assert code(s3.head_object, Bucket=BUCKET, Key="new") == "404"


def test_a_key_leads_nowhere_else(server, s3, exported):
    for key in ("../../root-access-key.json", "a/../../../catalog.db", ".trailwatch", "exportedlogs", "exportedlogs/", "./x", "a\0b"):
        url = s3.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": key})
        answer = server.http("GET", url.removeprefix(server.endpoint))
        assert answer.status == 404 and b"NoSuchKey" in answer.body, (key, answer)
    hidden = [item["Key"] for item in s3.list_objects_v2(Bucket=BUCKET)["Contents"] if ".trailwatch" in item["Key"]]
    assert hidden == []


def test_strangers_are_refused(server, exported):
    assert code(server.client("s3", key="AKIANOBODYKNOWSTHIS2").list_buckets) == "InvalidAccessKeyId"
    assert code(server.client("s3", secret="wrong").list_buckets) == "SignatureDoesNotMatch"


def test_accounts_are_apart(make_server):
    server = make_server("open", "--open").start()
    mine, theirs = ({"key": account, "secret": "any"} for account in ("111111111111", "222222222222"))
    at = int(time.time() * 1000)
    for who in (mine, theirs):
        server.client("logs", **who).create_log_group(logGroupName="g")
    ask = {"logGroupName": "g", "fromTime": at, "to": at + 1, "destination": "shared-name"}
    server.client("s3", **mine).create_bucket(Bucket="shared-name")
    server.client("logs", **mine).create_export_task(**ask)
    assert code(server.client("logs", **theirs).create_export_task, **ask) == "InvalidParameterException"
    key = "exportedlogs/aws-logs-write-test"
    assert server.client("s3", **mine).get_object(Bucket="shared-name", Key=key)["Body"].read() == b"Permission Check Successful"
    their_s3 = server.client("s3", **theirs)
    assert code(their_s3.create_bucket, Bucket="shared-name") == "BucketAlreadyExists"
    assert code(their_s3.delete_bucket, Bucket="shared-name") == "AccessDenied"
    assert their_s3.list_buckets()["Buckets"] == []
    assert code(their_s3.get_object, Bucket="shared-name", Key=key) == "AccessDenied"
    assert code(their_s3.list_objects_v2, Bucket="shared-name") == "AccessDenied"
    # Unsigned requests are the server's own account's.
    assert server.http("GET", f"/shared-name/{key}").status == 403
    own = server.client("logs", key="123456789012", secret="any")
    own.create_log_group(logGroupName="g")
    server.client("s3", key="123456789012", secret="any").create_bucket(Bucket="own-name")
    own.create_export_task(**{**ask, "destination": "own-name"})
    assert server.http("GET", f"/own-name/{key}").body == b"Permission Check Successful"
    for who in (mine, {"key": "123456789012", "secret": "any"}):
        tasks = server.client("logs", **who).describe_export_tasks
        wait_until(lambda: tasks(statusCode="COMPLETED")["exportTasks"], EXPORT_SECONDS_MAX, "the export has ended")
    assert (server.data_dir / "buckets" / "shared-name").exists()
    assert server.http("POST", "/_trailwatch/reset").status == 200
    assert not (server.data_dir / "buckets" / "shared-name").exists()
    assert server.client("s3", **mine).list_buckets()["Buckets"] == []
    assert server.stop() == 0


# -- the record of it ---------------------------------------------------------------------------------------------------


def test_calls_are_on_the_record(make_server, tmp_path):
    config, archive = tmp_path / "trailwatch.toml", tmp_path / "folder"
    config.write_text(f"[trail]\nlenient_lookup = true\n[buckets]\nfolder-bucket = '{archive}'\n")
    server = make_server("recorded", "--config", config).start()
    archive.mkdir()
    (archive / "key").write_text("body")
    s3, cloudtrail = server.client("s3"), server.client("cloudtrail")

    def records(name):
        found = cloudtrail.lookup_events(LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": name}])["Events"]
        assert all(event["EventSource"] == "s3.amazonaws.com" for event in found)
        return [json.loads(event["CloudTrailEvent"]) for event in found]

    s3.list_buckets()
    s3.get_object(Bucket="folder-bucket", Key="key")
    (listed,) = records("ListBuckets")
    assert (listed["eventCategory"], listed["readOnly"], listed["managementEvent"]) == ("Management", True, True)
    assert records("GetObject") == [], "no trail asks for it"
    cloudtrail.create_trail(Name="objects", S3BucketName="folder-bucket")
    selectors = [{"Field": "eventCategory", "Equals": ["Data"]}, {"Field": "resources.type", "Equals": ["AWS::S3::Object"]},
                 {"Field": "resources.ARN", "StartsWith": ["arn:aws:s3:::folder-bucket/k"]}]
    cloudtrail.put_event_selectors(TrailName="objects", AdvancedEventSelectors=[{"FieldSelectors": selectors}])
    cloudtrail.start_logging(Name="objects")
    s3.get_object(Bucket="folder-bucket", Key="key")
    code(s3.get_object, Bucket="folder-bucket", Key="other")
    code(s3.put_object, Bucket="folder-bucket", Key="kept", Body=b"x")
    (got,) = records("GetObject")
    assert got["eventCategory"] == "Data" and got["requestParameters"]["key"] == "key"
    assert {"type": "AWS::S3::Object", "ARN": "arn:aws:s3:::folder-bucket/key"}.items() <= got["resources"][0].items()
    (refused,) = records("PutObject")
    assert (refused["errorCode"], refused["readOnly"]) == ("AccessDenied", False)
    assert server.stop() == 0

"""Trails that deliver to a bucket: the files of CloudTrail's own layout, each event once, also across kill -9; who is told of them."""

import gzip
import http.server
import json
import queue
import re
import threading
import urllib.parse

import pytest
from botocore.exceptions import ClientError
from trailwatch import wait_until

ACCOUNT = "123456789012"
#: Longest wait for a file, seconds; trails of these tests deliver every second.
ARRIVES = 30
KEY = re.compile(
    r"(?:(?P<prefix>.+)/)?AWSLogs/123456789012/CloudTrail/(?P<region>[a-z0-9-]+)/\d{4}/\d\d/\d\d/"
    r"123456789012_CloudTrail_(?P=region)_\d{8}T\d{4}Z_[A-Za-z0-9]{16}\.json\.gz"
)


class Bucket:
    """A bucket that is a folder."""

    def __init__(self, folder):
        self.folder = folder

    def keys(self):
        """Keys of log files; hidden folders are none of the bucket's objects."""
        found = (path.relative_to(self.folder) for path in self.folder.rglob("*.json.gz"))
        return sorted(str(path) for path in found if not any(part.startswith(".") for part in path.parts))

    def records(self):
        """All records of all files, each with its key."""
        return [(key, record) for key in self.keys() for record in self.read(key)["Records"]]

    def read(self, key):
        return json.loads(gzip.decompress((self.folder / key).read_bytes()))

    def calls(self, name):
        return [record for _, record in self.records() if record["eventName"] == name]


@pytest.fixture
def bucket(tmp_path):
    return Bucket(tmp_path / "audit")


@pytest.fixture
def server(make_server, tmp_path, bucket):
    config = tmp_path / "trailwatch.toml"
    config.write_text(f"[buckets]\naudit = '{bucket.folder}'\n[trail]\ndelivery_interval = '1s'\n[notify]\nallow_private = true\n")
    return make_server("data", "--config", config).start()


def refused(function, **parameters):
    with pytest.raises(ClientError) as raised:
        function(**parameters)
    return raised.value.response["Error"]["Code"], raised.value.response["Error"]["Message"]


def test_files_appear_where_cloudtrail_puts_them(server, bucket):
    trail = server.cli(
        "cloudtrail", "create-trail", "--name", "everything", "--s3-bucket-name", "audit", "--s3-key-prefix", "by/trail", "--is-multi-region-trail"
    )
    server.cli("cloudtrail", "start-logging", "--name", "everything")
    server.client("logs").create_log_group(logGroupName="/here")
    server.client("logs", region="eu-west-1").create_log_group(logGroupName="/there")
    wait_until(lambda: len(bucket.calls("CreateLogGroup")) == 2, ARRIVES, "both calls are delivered")
    for key, record in bucket.records():
        found = KEY.fullmatch(key)
        assert found and found["prefix"] == "by/trail" and found["region"] == record["awsRegion"], key
        assert record["recipientAccountId"] == ACCOUNT
    # The record is the one that LookupEvents shows, byte for byte.
    (record,) = [r for r in bucket.calls("CreateLogGroup") if r["awsRegion"] == "us-east-1"]
    lookup = server.client("cloudtrail").lookup_events(LookupAttributes=[{"AttributeKey": "EventId", "AttributeValue": record["eventID"]}])
    (event,) = lookup["Events"]
    raw = [gzip.decompress((bucket.folder / key).read_bytes()).decode() for key in bucket.keys()]
    assert any(event["CloudTrailEvent"] in text for text in raw)
    status = server.client("cloudtrail").get_trail_status(Name=trail["TrailARN"])
    assert status["LatestDeliveryTime"] and status["LatestDeliveryAttemptSucceeded"] and "LatestDeliveryError" not in status


def test_selectors_and_stop_logging_decide(server, bucket):
    cloudtrail, logs = server.client("cloudtrail"), server.client("logs")
    cloudtrail.create_trail(Name="writes", S3BucketName="audit")
    cloudtrail.put_event_selectors(TrailName="writes", EventSelectors=[{"ReadWriteType": "WriteOnly"}])
    logs.create_log_group(logGroupName="/before")
    cloudtrail.start_logging(Name="writes")
    logs.create_log_group(logGroupName="/while")
    logs.describe_log_groups()
    cloudtrail.stop_logging(Name="writes")
    logs.create_log_group(logGroupName="/after")
    cloudtrail.start_logging(Name="writes")
    logs.create_log_group(logGroupName="/again")
    wait_until(lambda: len(bucket.calls("CreateLogGroup")) == 2, ARRIVES, "what is wanted is delivered")
    groups = sorted(record["requestParameters"]["logGroupName"] for record in bucket.calls("CreateLogGroup"))
    assert groups == ["/again", "/while"]
    assert bucket.calls("DescribeLogGroups") == []


def test_a_bucket_that_does_not_take_files_is_refused_and_so_is_a_topic_that_is_not_there(server, bucket):
    cloudtrail = server.client("cloudtrail")
    cloudtrail.create_trail(Name="files", S3BucketName="audit")
    code, message = refused(cloudtrail.update_trail, Name="files", S3KeyPrefix="a/../b")
    assert code == "InvalidS3PrefixException", message
    (bucket.folder / "blocked").write_text("a file where a folder should be")
    code, message = refused(cloudtrail.update_trail, Name="files", S3KeyPrefix="blocked")
    assert message == "The bucket audit cannot be reached. Try again.", code
    server.expect_complaint("check the bucket of a trail|call failed operation=\"UpdateTrail\".*cannot be reached")
    code, message = refused(cloudtrail.update_trail, Name="files", SnsTopicName="nobody-made-it")
    assert (code, message) == ("InsufficientSnsTopicPolicyException", "SNS Topic does not exist or the topic policy is incorrect!")


def test_each_event_is_delivered_once_across_kills(server, bucket):
    cloudtrail = server.client("cloudtrail")
    cloudtrail.create_trail(Name="kept", S3BucketName="audit", IsMultiRegionTrail=True)
    cloudtrail.start_logging(Name="kept")
    acknowledged = []
    for kill in range(4):
        clients = [server.client("logs", region=region) for region in ("us-east-1", "eu-west-1")]
        for number in range(60):
            name = f"/kept/{kill}-{number}"
            clients[number % 2].create_log_group(logGroupName=name)
            acknowledged.append(name)
            # Some kills come while a file is on its way, some before anything was planned.
            if number == 40 and kill % 2:
                before = len(bucket.keys())
                wait_until(lambda: len(bucket.keys()) > before, ARRIVES, "a file of this round")
        server.kill()
        server.start()

    def delivered():
        return [record["requestParameters"]["logGroupName"] for record in bucket.calls("CreateLogGroup")]

    wait_until(lambda: set(delivered()) >= set(acknowledged), ARRIVES, "all calls are delivered")
    assert sorted(delivered()) == sorted(acknowledged), "each once"
    ids = [record["eventID"] for _, record in bucket.records()]
    assert len(ids) == len(set(ids))


def test_a_bucket_that_comes_back_gets_what_waited(server, bucket):
    server.expect_complaint("deliver a trail")
    cloudtrail, logs = server.client("cloudtrail"), server.client("logs")
    cloudtrail.create_trail(Name="patient", S3BucketName="audit", S3KeyPrefix="down")
    # Nobody can write below a file, not even root.
    aside = bucket.folder / "aside"
    (bucket.folder / "down").rename(aside)
    (bucket.folder / "down").write_text("in the way")
    cloudtrail.start_logging(Name="patient")
    logs.create_log_group(logGroupName="/waits")
    status = wait_until(
        lambda: (found := cloudtrail.get_trail_status(Name="patient")).get("LatestDeliveryError") and found, ARRIVES, "the failure is told"
    )
    assert status["LatestDeliveryError"] == "ServiceUnavailable: The bucket cannot be reached"
    assert "LatestDeliveryTime" not in status and status["LatestDeliveryAttemptTime"]
    (bucket.folder / "down").unlink()
    aside.rename(bucket.folder / "down")
    wait_until(lambda: bucket.calls("CreateLogGroup"), 2 * ARRIVES, "what waited is delivered")
    assert len(bucket.calls("CreateLogGroup")) == 1
    wait_until(lambda: "LatestDeliveryError" not in cloudtrail.get_trail_status(Name="patient"), ARRIVES, "the failure is over")


class Receiver(http.server.BaseHTTPRequestHandler):
    """Keeps every POST."""

    received = None

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.received.put(json.loads(body))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def test_the_topic_is_told_of_each_file(server, bucket):
    received = queue.Queue()
    web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Of", (Receiver,), {"received": received}))
    threading.Thread(target=web.serve_forever, daemon=True).start()
    try:
        sns, cloudtrail = server.client("sns"), server.client("cloudtrail")
        topic = sns.create_topic(Name="files")["TopicArn"]
        sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=f"http://127.0.0.1:{web.server_port}/")
        link = urllib.parse.urlsplit(received.get(timeout=ARRIVES)["SubscribeURL"])
        assert server.http("GET", f"{link.path}?{link.query}").status == 200
        cloudtrail.create_trail(Name="told", S3BucketName="audit", SnsTopicName="files")
        cloudtrail.start_logging(Name="told")
        notification = received.get(timeout=ARRIVES)
        assert notification["TopicArn"] == topic
        message = json.loads(notification["Message"])
        assert message["s3Bucket"] == "audit" and set(message) == {"s3Bucket", "s3ObjectKey"}
        (key,) = message["s3ObjectKey"]
        assert key in bucket.keys()
        wait_until(lambda: cloudtrail.get_trail_status(Name="told").get("LatestNotificationTime"), ARRIVES, "the status tells")
    finally:
        web.shutdown()
        web.server_close()

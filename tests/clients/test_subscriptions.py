"""Log subscriptions from boto3, and their records at a receiver of our own, which goes away and comes back."""

import base64
import gzip
import http.server
import json
import queue
import threading
import time

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest
from botocore.exceptions import ClientError
from trailwatch import wait_until

KINESIS = "arn:aws:kinesis:us-east-1:123456789012:stream/k"
FIREHOSE = "arn:aws:firehose:us-east-1:123456789012:deliverystream/f"
LAMBDA = "arn:aws:lambda:us-east-1:123456789012:function:l"
ROLE = "arn:aws:iam::123456789012:role/r"
#: Longest wait for a record; after an outage the next attempt may be some seconds away.
SECONDS_MAX = 60


class Receiver:
    """A web server on a port that stays its own, also while it is down."""

    def __init__(self):
        self.requests, self.server, self.port = queue.Queue(), None, 0
        #: Bodies as they came.
        self.raw = queue.Queue()
        self.up()

    def up(self):
        requests, raw = self.requests, self.raw

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                raw.put(body)
                requests.put((self.path, dict(self.headers.items()), json.loads(body)))
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        http.server.ThreadingHTTPServer.allow_reuse_address = True
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def down(self):
        self.server.shutdown()
        self.server.server_close()

    def payloads(self, request):
        _, _, body = request
        data = [record["Data"] for record in body["Records"]] if "Records" in body else [body["awslogs"]["data"]]
        return [json.loads(gzip.decompress(base64.b64decode(part))) for part in data]

    def next(self):
        """Headers and payloads of the next request."""
        request = self.requests.get(timeout=SECONDS_MAX)
        headers = {name.lower(): value for name, value in request[1].items()}
        return request[0], headers, request[2], self.payloads(request)

    def collect(self, events, count):
        """Adds (stream, message) of what comes to `events` until it has `count` different ones."""
        deadline = time.monotonic() + SECONDS_MAX
        while len(set(events)) < count:
            assert time.monotonic() < deadline, f"{len(set(events))} of {count} events arrived"
            for payload in self.next()[3]:
                if payload["messageType"] == "DATA_MESSAGE":
                    events += [(payload["logStream"], event["message"]) for event in payload["logEvents"]]


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.down()


@pytest.fixture
def start(make_server, receiver, tmp_path):
    """A running server with the receiver behind three ARNs."""
    config = tmp_path / "trailwatch.toml"
    lines = [f'"{arn}" = "http://127.0.0.1:{receiver.port}/{path}"' for arn, path in ((KINESIS, "k"), (FIREHOSE, "f"), (LAMBDA, "l"))]
    config.write_text("[destinations]\n" + "\n".join(lines) + "\n")
    server = make_server("subscriptions", "--config", config).start()
    logs = server.client("logs")
    logs.create_log_group(logGroupName="g")
    for stream in ("s", "t"):
        logs.create_log_stream(logGroupName="g", logStreamName=stream)
    return server


def put(logs, stream, *messages):
    now = int(time.time() * 1000)
    logs.put_log_events(
        logGroupName="g", logStreamName=stream, logEvents=[{"timestamp": now, "message": message} for message in messages]
    )


def test_each_kind_of_receiver_gets_awss_requests(start, receiver):
    logs = start.client("logs")
    targets = {
        KINESIS: ("/k", "Kinesis_20131202.PutRecords", "StreamName", "k", "Kinesis stream"),
        FIREHOSE: ("/f", "Firehose_20150804.PutRecordBatch", "DeliveryStreamName", "f", "Firehose"),
        LAMBDA: ("/l", None, None, None, "Lambda function"),
    }
    for arn, (path, target, name, stream, called) in targets.items():
        role = {} if arn == LAMBDA else {"roleArn": ROLE}
        logs.put_subscription_filter(
            logGroupName="g", filterName="f", filterPattern="?ERROR ?WARN", destinationArn=arn, **role
        )
        _, _, _, payloads = receiver.next()
        message = f"CWL CONTROL MESSAGE: Checking health of destination {called}."
        assert (payloads[0]["messageType"], payloads[0]["logEvents"][0]["message"]) == ("CONTROL_MESSAGE", message)
        put(logs, "s", f"ERROR for {stream}", "fine", "WARN too")
        asked, headers, body, payloads = receiver.next()
        assert (asked, headers.get("x-amz-target"), headers["x-amz-destination-arn"]) == (path, target, arn)
        if name:
            assert body[name] == stream
        if arn == KINESIS:
            assert body["Records"][0]["PartitionKey"] == "s"
        found = logs.filter_log_events(logGroupName="g", filterPattern="?ERROR ?WARN")["events"]
        expected = [{"id": e["eventId"], "timestamp": e["timestamp"], "message": e["message"]} for e in found][-2:]
        assert payloads == [
            {
                "messageType": "DATA_MESSAGE",
                "owner": "123456789012",
                "logGroup": "g",
                "logStream": "s",
                "subscriptionFilters": ["f"],
                "logEvents": expected,
            }
        ]
    logs.delete_subscription_filter(logGroupName="g", filterName="f")
    assert logs.describe_subscription_filters(logGroupName="g")["subscriptionFilters"] == []


def test_nothing_is_lost_by_an_outage_and_kill_9(start, receiver):
    start.expect_complaint("deliver a subscription")
    logs = start.client("logs")
    logs.put_subscription_filter(logGroupName="g", filterName="f", filterPattern="", destinationArn=FIREHOSE, roleArn=ROLE)
    expected, arrived = {"s": [], "t": []}, []

    def send(part):
        for stream, messages in expected.items():
            new = [f"{part} {stream} {n}" for n in range(50)]
            put(logs, stream, *new)
            messages += new

    send("before")
    receiver.collect(arrived, 100)
    receiver.down()
    send("while down")
    wait_until(lambda: "deliver a subscription" in start.log(), SECONDS_MAX, "the server says that the receiver is down")
    start.kill()
    start.start()
    logs = start.client("logs")
    send("after kill -9")
    receiver.up()
    receiver.collect(arrived, 300)
    for stream, messages in expected.items():
        # At least once: repeated ones aside, all of them and in order.
        seen = list(dict.fromkeys(message for of, message in arrived if of == stream))
        assert seen == messages


def test_an_account_policy_and_a_logical_destination(start, receiver):
    logs = start.client("logs")
    made = logs.put_destination(destinationName="d", targetArn=KINESIS, roleArn=ROLE)["destination"]
    document = {"DestinationArn": made["arn"], "FilterPattern": "", "Distribution": "ByLogStream"}
    logs.put_account_policy(
        policyName="p",
        policyType="SUBSCRIPTION_FILTER_POLICY",
        policyDocument=json.dumps(document),
        # The server's own log is in the account as well.
        selectionCriteria='LogGroupName NOT IN ["left-out", "/trailwatch/server"]',
    )
    for group in ("left-out", "later"):
        logs.create_log_group(logGroupName=group)
        logs.create_log_stream(logGroupName=group, logStreamName="s")
        event = {"timestamp": int(time.time() * 1000), "message": f"in {group}"}
        logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=[event])
    payloads = [payload for _ in range(3) for payload in receiver.next()[3]]
    data = [payload for payload in payloads if payload["messageType"] == "DATA_MESSAGE"]
    assert [(p["logGroup"], p["subscriptionFilters"], p["policyLevel"]) for p in data] == [
        ("later", ["p"], "ACCOUNT_LEVEL_POLICY")
    ]


def test_another_account_subscribes_where_the_destination_lets_it(make_server, receiver, tmp_path):
    config = tmp_path / "trailwatch.toml"
    config.write_text(f'[destinations]\n"{KINESIS}" = "http://127.0.0.1:{receiver.port}/k"\n')
    # Here a key of twelve digits is the root of its own account.
    server = make_server("open", "--open", "--config", config).start()
    central, other = (server.client("logs", key=account, secret="any") for account in ("123456789012", "210987654321"))
    destination = central.put_destination(destinationName="central", targetArn=KINESIS, roleArn=ROLE)["destination"]["arn"]
    other.create_log_group(logGroupName="g")
    other.create_log_stream(logGroupName="g", logStreamName="s")
    subscribe = lambda: other.put_subscription_filter(logGroupName="g", filterName="f", filterPattern="", destinationArn=destination)

    def allow(account):
        statement = {"Effect": "Allow", "Principal": {"AWS": account}, "Action": "logs:PutSubscriptionFilter", "Resource": destination}
        policy = json.dumps({"Version": "2012-10-17", "Statement": statement})
        central.put_destination_policy(destinationName="central", accessPolicy=policy)

    def refused():
        with pytest.raises(ClientError) as raised:
            subscribe()
        return raised.value.response["Error"]

    assert refused()["Code"] == "AccessDeniedException"
    allow("999999999999")
    assert refused()["Message"].endswith("because no resource-based policy allows the logs:PutSubscriptionFilter action")
    allow("210987654321")
    subscribe()
    put(other, "s", "from the other account")
    payloads = []
    while not any(payload["messageType"] == "DATA_MESSAGE" for payload in payloads):
        payloads += receiver.next()[3]
    assert (payloads[-1]["owner"], payloads[-1]["logEvents"][0]["message"]) == ("210987654321", "from the other account")


def test_a_receiver_that_is_not_there_is_refused(start, receiver):
    logs = start.client("logs")
    receiver.down()
    for arn, message in (
        (FIREHOSE, "Could not deliver test message to specified Firehose stream. Check if the given Firehose stream is in ACTIVE state."),
        (KINESIS + "x", "Could not deliver test message to specified Kinesis stream. Check if the given kinesis stream is in ACTIVE state."),
    ):
        with pytest.raises(ClientError) as raised:
            logs.put_subscription_filter(
                logGroupName="g", filterName="f", filterPattern="", destinationArn=arn, roleArn=ROLE
            )
        error = raised.value.response["Error"]
        assert (error["Code"], error["Message"]) == ("InvalidParameterException", message)
    receiver.up()


def signature(path, headers, body, region, service):
    """The signature that botocore makes for the request, from the headers that it says are signed and the date it has."""
    signed = headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    request = botocore.awsrequest.AWSRequest(
        method="POST",
        url=f"http://{headers['host']}{path}",
        data=body,
        headers={name: headers[name] for name in signed if name != "host"},
    )
    request.context["timestamp"] = headers["x-amz-date"]
    auth = botocore.auth.SigV4Auth(botocore.credentials.Credentials("signer", "the secret"), service, region)
    return auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)


def test_requests_are_signed_when_there_are_keys(make_server, receiver, tmp_path):
    config, secret = tmp_path / "trailwatch.toml", tmp_path / "secret"
    secret.write_text("the secret\n")
    endpoint = f"http://127.0.0.1:{receiver.port}"
    config.write_text(
        f'[endpoints]\nkinesis = "{endpoint}"\nfirehose = "{endpoint}"\nlambda = "{endpoint}"\n'
        f'[signing]\naccess_key_id = "signer"\nsecret_access_key_file = "{secret}"\n'
    )
    server = make_server("signed", "--config", config).start()
    logs = server.client("logs")
    logs.create_log_group(logGroupName="g")
    # The region of the ARN, not that of the server.
    for arn, service in ((KINESIS, "kinesis"), (FIREHOSE, "firehose"), (LAMBDA, "lambda")):
        arn = arn.replace("us-east-1", "eu-west-1")
        role = {} if service == "lambda" else {"roleArn": ROLE}
        logs.put_subscription_filter(logGroupName="g", filterName="f", filterPattern="", destinationArn=arn, **role)
        path, headers, _, _ = receiver.next()
        body = receiver.raw.get(timeout=SECONDS_MAX)
        authorization = headers["authorization"]
        day = headers["x-amz-date"][:8]
        assert f"Credential=signer/{day}/eu-west-1/{service}/aws4_request" in authorization
        signed = authorization.partition("SignedHeaders=")[2].partition(",")[0].split(";")
        assert {"host", "x-amz-date", "x-amz-destination-arn"} <= set(signed)
        assert authorization.rpartition("Signature=")[2] == signature(path, headers, body, "eu-west-1", service)


def test_a_bucket_gets_objects_of_lines(make_server, tmp_path):
    folder, config = tmp_path / "archive", tmp_path / "trailwatch.toml"
    config.write_text(f"[buckets]\nlog-archive = '{folder}'\n[subscriptions]\nobject_seconds = 1\n")
    server = make_server("buckets", "--config", config).start()
    logs = server.client("logs")
    logs.create_log_group(logGroupName="/app/web")
    for stream in ("s", "t"):
        logs.create_log_stream(logGroupName="/app/web", logStreamName=stream)
    server.cli(
        "logs", "put-subscription-filter", "--log-group-name", "/app/web", "--filter-name", "archive", "--filter-pattern", "ERROR",
        "--destination-arn", "arn:aws:s3:::log-archive/from/here",
    )
    assert (folder / "from/here/aws-logs-write-test").read_bytes() == b"Permission Check Successful"
    expected = []

    def send(part):
        for stream in ("s", "t"):
            now = int(time.time() * 1000)
            messages = [f"ERROR {part} {n}" for n in range(20)]
            events = [{"timestamp": now, "message": message} for message in [*messages, "fine"]]
            logs.put_log_events(logGroupName="/app/web", logStreamName=stream, logEvents=events)
            expected.extend((stream, message) for message in messages)

    def written():
        found = []
        for path in sorted(folder.glob("from/here/*/*/*/*/app/web/filter-*-*.json.gz")):
            for line in gzip.decompress(path.read_bytes()).decode().splitlines():
                payload = json.loads(line)
                assert (payload["logGroup"], payload["subscriptionFilters"]) == ("/app/web", ["archive"])
                found += [(payload["logStream"], event["message"]) for event in payload["logEvents"]]
        return found

    send("first")
    wait_until(lambda: len(written()) == 40, SECONDS_MAX, "the first objects")
    send("cut off")
    server.kill()
    server.start()
    logs = server.client("logs")
    send("after kill -9")
    wait_until(lambda: len(set(written())) == 120, SECONDS_MAX, "all events")
    assert set(written()) == set(expected)
    with pytest.raises(ClientError) as raised:
        logs.put_subscription_filter(
            logGroupName="/app/web", filterName="g", filterPattern="", destinationArn="arn:aws:s3:::No_Such_Bucket"
        )
    assert raised.value.response["Error"]["Message"].startswith("Could not deliver test message to specified S3 bucket.")

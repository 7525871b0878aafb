"""`trailwatch gateway`: unmodified clients in front, real backends behind, one event for each call."""

import collections
import contextlib
import datetime
import hashlib
import http.client
import http.server
import json
import os
import pathlib
import queue
import re
import shutil
import signal
import ssl
import subprocess
import threading

import boto3
import botocore.config
import botocore.exceptions
import pytest
from test_tls import Lab
from trailwatch import Paths, plain_environment, run, wait_until

HEALTH = "/_trailwatch/gateway/health"
#: Members of answers that differ from call to call.
UNSTEADY = re.compile(r"(Id|Date|Arn|Timestamp|Modified|ResponseMetadata|ReceiptHandle|CreationDateTime|CreatedTimestamp)$")


class Gateway:
    """One `trailwatch gateway`; `start` may be called again after `stop` or `kill`."""

    def __init__(self, folder, server, *flags):
        self.spool, self.server, self.flags = folder / "spool", server, flags
        self.log_path, self.process, self.address = folder / "gateway.log", None, None

    def start(self):
        arguments = [Paths.server(), "gateway", "--listen", "127.0.0.1:0", "--spool-dir", self.spool, *self.flags]
        environment = plain_environment({**self.server.exports, "AWS_ENDPOINT_URL": self.server.endpoint})
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [str(a) for a in arguments], stdout=subprocess.PIPE, stderr=log, text=True, env=environment
            )
        for line in self.process.stdout:
            found = re.match(r"export AWS_ENDPOINT_URL=http://(.*)", line)
            if found:
                self.address = found[1]
                return self
        raise AssertionError(f"the gateway ended with code {self.process.wait()}:\n{self.log()}")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)

    def kill(self):
        self.process.kill()
        self.process.wait(timeout=30)

    @property
    def endpoint(self):
        return f"http://{self.address}"

    def log(self):
        return self.log_path.read_text(errors="replace")

    def health(self):
        return json.loads(request(self.address, "GET", HEALTH)[1])

    def delivered(self):
        """Waits until Trailwatch has every event."""
        wait_until(lambda: self.health()["undelivered"] == 0, 60, "every event is delivered")


@pytest.fixture
def make_gateway(tmp_path):
    made = []

    def make(server, *flags):
        folder = tmp_path / f"gateway-{len(made)}"
        folder.mkdir()
        made.append(Gateway(folder, server, *flags).start())
        return made[-1]

    yield make
    for gateway in made:
        if gateway.process.poll() is None:
            assert gateway.stop() == 0
        assert "panicked" not in gateway.log()


@pytest.fixture(scope="module")
def moto(tmp_path_factory):
    """moto_server, as a stranger's program: its address."""
    log = open(tmp_path_factory.mktemp("moto") / "log", "w")
    # `-m` and not its script: the port that it got is in its log only.
    process = subprocess.Popen(
        [Paths.newest("python"), "-c", "from moto.server import main; main(['-H', '127.0.0.1', '-p', '0'])"],
        stdout=log, stderr=subprocess.STDOUT, env=plain_environment({"PYTHONUNBUFFERED": "1"}),
    )
    try:
        def address():
            assert process.poll() is None, pathlib.Path(log.name).read_text()
            found = re.search(r"Running on http://(127\.0\.0\.1:\d+)", pathlib.Path(log.name).read_text())
            return found and found[1]

        yield wait_until(address, 60, "moto_server is ready")
    finally:
        process.kill()
        process.wait()


class Recorder(http.server.BaseHTTPRequestHandler):
    """A backend that takes every call, and keeps which paths it saw."""

    protocol_version = "HTTP/1.1"

    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.seen[self.path] += 1
        # As S3: boto3 takes the answer to a PUT with another body for an error.
        body = b"" if self.command == "PUT" else b"ok"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PUT = do_POST = answer

    def log_message(self, *_):
        pass


class RecorderServer(http.server.ThreadingHTTPServer):
    daemon_threads, request_queue_size = True, 256

    def handle_error(self, *_):
        pass  # A gateway that was killed in the middle of a call.


@contextlib.contextmanager
def recording(tls=None):
    """A recorder that runs, of TLS when it has a context."""
    server = RecorderServer(("127.0.0.1", 0), Recorder)
    server.seen = collections.Counter()
    if tls:
        # Hands are shaken when a connection is read, in its own thread.
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def recorder():
    with recording() as server:
        yield server


def address_of(recorder):
    return "%s:%d" % recorder.server_address


def request(address, method, path, body=b"", headers=None):
    connection = http.client.HTTPConnection(address, timeout=60)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def events(server, *arguments):
    """Records that `trailwatch events` finds, of calls that went through a gateway, newest first."""
    done = run([Paths.server(), "events", "--json", "--limit", "100000", *arguments], env=server.environment())
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def client(service, endpoint, key="AKIDSOMEBODY", secret="secret"):
    return boto3.session.Session().client(
        service, region_name="us-east-1", endpoint_url=endpoint, aws_access_key_id=key, aws_secret_access_key=secret,
        config=botocore.config.Config(
            retries={"total_max_attempts": 1}, proxies={}, s3={"addressing_style": "path"}, read_timeout=60,
        ),
    )


def steady(value):
    """An answer without what differs from call to call."""
    if isinstance(value, dict):
        return {name: steady(member) for name, member in value.items() if not UNSTEADY.search(name)}
    if isinstance(value, list):
        return [steady(member) for member in value]
    if isinstance(value, datetime.datetime):
        return "time"
    return re.sub(r"127\.0\.0\.1:\d+", "HOST", value) if isinstance(value, str) else value


def calls_of_s3(endpoint, name):
    s3 = client("s3", endpoint)
    bucket = f"bucket-{name}"
    body = os.urandom(64) * 100_000
    yield s3.create_bucket(Bucket=bucket)
    yield s3.put_object(Bucket=bucket, Key="a/ü b+c", Body=b"hello", ContentType="text/plain", Metadata={"Case": "Kept"})
    s3.put_object(Bucket=bucket, Key="large", Body=body)
    read = s3.get_object(Bucket=bucket, Key="large")["Body"].read()
    assert hashlib.sha256(read).digest() == hashlib.sha256(body).digest()
    part = s3.get_object(Bucket=bucket, Key="a/ü b+c", Range="bytes=1-3")
    assert part.pop("Body").read() == b"ell"
    yield part
    yield s3.head_object(Bucket=bucket, Key="a/ü b+c")
    yield s3.list_objects_v2(Bucket=bucket, Prefix="a/")
    with pytest.raises(botocore.exceptions.ClientError) as failed:
        s3.get_object(Bucket=bucket, Key="absent")
    yield failed.value.response
    yield s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "a/ü b+c"}]})


S3_CALLS = collections.Counter(
    CreateBucket=1, PutObject=2, GetObject=3, HeadObject=1, ListObjects=1, DeleteObjects=1
)


def calls_of_dynamodb(endpoint, name):
    dynamodb = client("dynamodb", endpoint)
    table = f"table-{name}"
    yield dynamodb.create_table(
        TableName=table, BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )
    yield dynamodb.put_item(TableName=table, Item={"id": {"S": "a"}, "n": {"N": "1"}})
    yield dynamodb.get_item(TableName=table, Key={"id": {"S": "a"}})
    with pytest.raises(botocore.exceptions.ClientError) as failed:
        dynamodb.put_item(TableName=table, Item={"id": {"S": "a"}}, ConditionExpression="attribute_not_exists(id)")
    yield failed.value.response


DYNAMODB_CALLS = collections.Counter(CreateTable=1, PutItem=2, GetItem=1)


def calls_of_sqs(endpoint, name):
    sqs = client("sqs", endpoint)
    made = sqs.create_queue(QueueName=f"queue-{name}")
    yield made
    url = made["QueueUrl"]
    yield sqs.send_message(QueueUrl=url, MessageBody="hello")
    yield sqs.receive_message(QueueUrl=url)
    yield sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])


SQS_CALLS = collections.Counter(CreateQueue=1, SendMessage=1, ReceiveMessage=1, GetQueueAttributes=1)


def calls_of_sns(endpoint, name):
    sns = client("sns", endpoint)
    topic = sns.create_topic(Name=f"topic-{name}")["TopicArn"]
    yield sns.publish(TopicArn=topic, Message="hello")
    yield sns.list_subscriptions_by_topic(TopicArn=topic)


SNS_CALLS = collections.Counter(CreateTopic=1, Publish=1, ListSubscriptionsByTopic=1)


@pytest.mark.parametrize("flags", [[], ["--fail-closed"]], ids=["open", "closed"])
def test_answers_are_those_of_the_backend_and_each_call_is_an_event(server, moto, make_gateway, flags):
    gateway = make_gateway(server, "--upstream", f"all=http://{moto}", *flags)
    for service, calls, expected in [
        ("s3", calls_of_s3, S3_CALLS), ("dynamodb", calls_of_dynamodb, DYNAMODB_CALLS),
        ("sqs", calls_of_sqs, SQS_CALLS), ("sns", calls_of_sns, SNS_CALLS),
    ]:
        mode = flags[0].strip("-") if flags else "open"
        direct = steady(list(calls(f"http://{moto}", f"{mode}-x")))
        through = steady(list(calls(gateway.endpoint, f"{mode}-y")))
        renamed = json.loads(json.dumps(direct, default=str).replace(f"{mode}-x", f"{mode}-y"))
        assert json.loads(json.dumps(through, default=str)) == renamed
        gateway.delivered()
        found = [e for e in events(server, "--source", service, "--access-key", "AKIDSOMEBODY") if f"{mode}-y" in json.dumps(e)]
        assert collections.Counter(e["eventName"] for e in found) == expected
        assert len({e["eventID"] for e in found}) == len(found)
        assert {e["eventVersion"] for e in found} == {"1.11"}
    assert gateway.health()["status"] == "ok"


def test_the_aws_cli_goes_through(server, moto, make_gateway, tmp_path):
    gateway = make_gateway(server, "--upstream", f"all=http://{moto}")
    environment = plain_environment({
        "AWS_ENDPOINT_URL": gateway.endpoint, "AWS_ACCESS_KEY_ID": "AKIDCLI", "AWS_SECRET_ACCESS_KEY": "s",
        "AWS_DEFAULT_REGION": "us-east-1", "AWS_MAX_ATTEMPTS": "1", "AWS_PAGER": "",
    })
    source, copy = tmp_path / "source", tmp_path / "copy"
    # Larger than a part, so that it goes up in parts.
    source.write_bytes(os.urandom(1 << 20) * 20)

    def aws(*arguments):
        done = run([Paths.newest("aws"), *arguments], env=environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    aws("s3", "mb", "s3://cli-bucket")
    aws("s3", "cp", source, "s3://cli-bucket/key")
    aws("s3", "cp", "s3://cli-bucket/key", copy)
    assert copy.read_bytes() == source.read_bytes()
    # Of all services, the aws cli does not take SQS's address from the environment.
    aws("sqs", "create-queue", "--queue-name", "cli-queue", "--endpoint-url", gateway.endpoint)
    aws("dynamodb", "list-tables")
    gateway.delivered()
    names = collections.Counter(e["eventName"] for e in events(server, "--access-key", "AKIDCLI"))
    assert names["CreateBucket"] == names["CreateQueue"] == names["ListTables"] == 1
    assert names["UploadPart"] == 3 and names["CompleteMultipartUpload"] == 1


def test_kill_9_with_64_clients_loses_no_call_and_doubles_none(server, recorder, make_gateway):
    gateway = make_gateway(server, "--upstream", f"s3=http://{address_of(recorder)}", "--fail-closed")
    answered, enough = queue.Queue(), threading.Event()

    def work(number, address, begin):
        for n in range(begin, begin + 1000):
            if enough.is_set():
                return
            path = f"/kill-bucket/{number}-{n}"
            try:
                if request(address, "PUT", path, b"x" * 100)[0] == 200:
                    answered.put(path)
            except (OSError, http.client.HTTPException):
                return

    def clients(address, begin):
        threads = [threading.Thread(target=work, args=(n, address, begin)) for n in range(64)]
        for thread in threads:
            thread.start()
        return threads

    first = clients(gateway.address, 0)
    wait_until(lambda: answered.qsize() > 1500, 120, "1,500 calls are answered")
    gateway.kill()
    for thread in first:
        thread.join()
    before = answered.qsize()
    gateway.start()
    second = clients(gateway.address, 1000)
    wait_until(lambda: answered.qsize() > before + 500, 120, "500 more calls are answered")
    enough.set()
    for thread in second:
        thread.join()
    gateway.delivered()
    found = [e for e in events(server, "--source", "s3") if "kill-bucket" in json.dumps(e)]
    ids = [e["eventID"] for e in found]
    assert len(set(ids)) == len(ids)
    keys = collections.Counter(e["requestParameters"]["key"] for e in found)
    seen = {path.removeprefix("/kill-bucket/"): count for path, count in recorder.seen.items()}
    assert set(seen) <= set(keys), "calls that reached the backend without an event"
    assert {key: count for key, count in keys.items() if count != 1} == {}
    assert set(seen.values()) == {1}
    # What was under way when the gateway died is said to be so, and no call that was answered is.
    interrupted = {key for key in keys if key not in {p.removeprefix("/kill-bucket/") for p in list(answered.queue)}}
    assert len(interrupted) <= 64 * 2


def test_while_trailwatch_is_down_nothing_is_lost(make_server, recorder, make_gateway):
    server = make_server().start()
    gateway = make_gateway(server, "--upstream", f"all=http://{address_of(recorder)}", "--fail-closed")
    assert server.stop() == 0
    for n in range(20):
        assert request(gateway.address, "PUT", f"/down-bucket/{n}", b"x")[0] == 200
    wait_until(lambda: gateway.health()["status"] == "degraded", 30, "the gateway says so")
    # The gateway ends and starts again, and the server is still away; then once more, and it is back.
    assert gateway.stop() == 0
    gateway.start()
    assert gateway.health()["undelivered"] == 20
    assert gateway.stop() == 0
    server.start()
    gateway.start()
    gateway.delivered()
    found = [e for e in events(server, "--source", "s3") if "down-bucket" in json.dumps(e)]
    assert sorted(e["requestParameters"]["key"] for e in found) == sorted(str(n) for n in range(20))
    wait_until(lambda: gateway.health()["spool_bytes"] == 0, 30, "the spool is empty")
    assert gateway.health()["status"] == "ok"
    assert gateway.stop() == 0


@pytest.fixture
def configured(server, recorder, make_gateway, tmp_path):
    """A gateway that knows a key and has a rule."""
    config = tmp_path / "gateway.toml"
    config.write_text(
        f"[upstreams]\nall = 'http://{address_of(recorder)}'\n"
        "[[key]]\naccess_key_id = 'AKIDKNOWN'\nsecret_access_key = 'known'\naccount_id = '123456789012'\nuser_name = 'ann'\n"
        "[[deny]]\nname = 'no-secrets'\nservice = 's3'\noperation = 'GetObject'\nresource = 'arn:aws:s3:::secret-bucket/*'\n"
    )
    config.chmod(0o600)
    return make_gateway(server, "--config", config)


def test_a_rule_refuses_and_leaves_an_event_of_network_activity(server, recorder, configured):
    s3 = client("s3", configured.endpoint, "AKIDKNOWN", "known")
    with pytest.raises(botocore.exceptions.ClientError, match="no-secrets") as refused:
        s3.get_object(Bucket="secret-bucket", Key="a")
    assert refused.value.response["Error"]["Code"] == "AccessDenied"
    assert s3.get_object(Bucket="open-bucket", Key="a")["Body"].read() == b"ok"
    assert list(recorder.seen) == ["/open-bucket/a"]
    configured.delivered()
    [event] = events(server, "--category", "NetworkActivity")
    assert (event["eventName"], event["errorCode"]) == ("GetObject", "VpceAccessDenied")
    assert event["vpcEndpointId"] == "vpce-0gateway"


@pytest.mark.parametrize("service, call, code", [
    ("s3", lambda c: c.get_object(Bucket="b", Key="k"), "SignatureDoesNotMatch"),
    ("dynamodb", lambda c: c.list_tables(), "InvalidSignatureException"),
    ("sns", lambda c: c.list_topics(), "SignatureDoesNotMatch"),
])
def test_a_forged_signature_of_a_known_key_is_refused(server, recorder, configured, service, call, code):
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        call(client(service, configured.endpoint, "AKIDKNOWN", "guessed"))
    assert refused.value.response["Error"]["Code"] == code
    assert not recorder.seen
    configured.delivered()
    found = [e for e in events(server, "--source", service, "--failed") if e.get("errorCode") == code]
    assert len(found) == 1


def test_a_verified_call_is_its_users_and_metrics_are_sent(server, recorder, configured):
    s3 = client("s3", configured.endpoint, "AKIDKNOWN", "known")
    for n in range(3):
        s3.put_object(Bucket="metrics-bucket", Key=str(n), Body=b"hello")
    # The running minute is sent when the gateway stops.
    assert configured.stop() == 0
    [event] = [e for e in events(server, "--user", "ann") if (e.get("requestParameters") or {}).get("key") == "0"]
    assert event["userIdentity"]["arn"] == "arn:aws:iam::123456789012:user/ann"
    cloudwatch = server.client("cloudwatch")
    dimensions = [{"Name": "ServiceName", "Value": "s3"}, {"Name": "OperationName", "Value": "PutObject"},
                  {"Name": "Principal", "Value": "arn:aws:iam::123456789012:user/ann"}]
    now = datetime.datetime.now(datetime.timezone.utc)

    def statistics(name):
        return cloudwatch.get_metric_statistics(
            Namespace="Trailwatch/Gateway", MetricName=name, Dimensions=dimensions, Period=3600, Statistics=["Sum", "SampleCount"],
            StartTime=now - datetime.timedelta(hours=2), EndTime=now + datetime.timedelta(hours=1),
        )["Datapoints"]

    assert sum(p["Sum"] for p in statistics("Count")) == 3
    assert sum(p["Sum"] for p in statistics("BytesIn")) == 15
    assert sum(p["SampleCount"] for p in statistics("Latency")) == 3


@pytest.mark.skipif(not shutil.which("openssl"), reason="there is no openssl, which makes the certificates")
def test_backends_that_speak_tls_must_be_whom_they_say_they_are(server, make_gateway, tmp_path):
    lab = Lab(tmp_path)
    lab.install(*lab.issue("backend"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(lab.certificate, lab.key)
    with recording(context) as backend:
        url = f"https://{address_of(backend)}"
        trusting = make_gateway(server, "--upstream", f"s3={url}", "--ca-file", lab.ca)
        for path in ("/tls-bucket/a", "/tls-bucket/b"):
            assert request(trusting.address, "PUT", path, b"x" * 100_000)[0] == 200
        assert list(backend.seen) == ["/tls-bucket/a", "/tls-bucket/b"]
        # The authority is none of Mozilla's.
        wary = make_gateway(server, "--upstream", f"s3={url}")
        assert request(wary.address, "PUT", "/tls-bucket/c", b"x")[0] == 503
        assert len(backend.seen) == 2
        trusting.delivered()
        wary.delivered()
    found = events(server, "--source", "s3", "--text", "tls-bucket")
    assert [(record["requestParameters"]["key"], record.get("errorCode")) for record in found] == [
        ("c", "GatewayBackendUnreachable"), ("b", None), ("a", None),
    ]  # fmt: skip
    assert "TLS: invalid peer certificate" in found[0]["errorMessage"]


@pytest.mark.skipif(not shutil.which("openssl"), reason="there is no openssl, which makes the certificates")
def test_a_certificate_of_another_host_is_not_believed(server, make_gateway, tmp_path):
    lab = Lab(tmp_path)
    lab.install(*lab.issue("other", hosts="DNS:s3.example,IP:127.0.0.9"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(lab.certificate, lab.key)
    with recording(context) as backend:
        # The authority is trusted; what it vouches for is another host.
        gateway = make_gateway(server, "--upstream", f"s3=https://{address_of(backend)}", "--ca-file", lab.ca)
        assert request(gateway.address, "PUT", "/other-host/a", b"secret")[0] == 503
        assert list(backend.seen) == []
        gateway.delivered()
    [record] = events(server, "--source", "s3", "--text", "other-host")
    assert record["errorCode"] == "GatewayBackendUnreachable"
    assert "TLS: invalid peer certificate" in record["errorMessage"]


def test_wrong_usage_is_told_in_words(tmp_path):
    def told(*arguments):
        done = run([Paths.server(), "gateway", *arguments], env=plain_environment({}))
        assert done.returncode == 2, done
        return done.stderr

    assert "no backend" in told()
    assert "must look like http://127.0.0.1:9000" in told("--upstream", "s3=s3.example")
    assert "SERVICE=URL" in told("--upstream", "s3")

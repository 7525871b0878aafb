"""TLS: what real clients make of it, certificates that are renewed under load, and those who do not speak it."""

import concurrent.futures
import http.client
import json
import re
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time

import boto3
import botocore.config
import botocore.exceptions
import pytest
from trailwatch import Paths, Server, run, wait_until

TOKEN = "a-token-of-more-than-20-characters"
CONFIG = """
tls_certificate = "{certificate}"
tls_key = "{key}"
[bearer_tokens.collector]
token = "{token}"
log_group_prefix = "/otel/"
[otlp]
grpc = "127.0.0.1:0"
[syslog]
tls = "127.0.0.1:0"
log_group = "/hosts"
"""


class Lab:
    """An authority of our own, the certificates that it issues, and the files that the server reads."""

    def __init__(self, folder):
        self.folder = folder
        self.ca, self.certificate, self.key = folder / "ca.pem", folder / "server.pem", folder / "server.key"
        self.openssl(
            "req", "-x509", *self.new_key("ca"), "-out", self.ca, "-days", "2", "-subj", "/CN=Lab authority",
            "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
        )

    def openssl(self, *arguments):
        done = run(["openssl", *arguments])
        assert done.returncode == 0, done.stderr

    def new_key(self, name):
        return "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", self.folder / f"{name}.key"

    def issue(self, name, hosts="DNS:localhost,IP:127.0.0.1"):
        """Certificate and key of a server that is at these hosts, as text."""
        extensions = self.folder / "extensions"
        extensions.write_text(
            f"subjectAltName={hosts}\nbasicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
            "extendedKeyUsage=serverAuth\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
        )
        request, issued = self.folder / f"{name}.csr", self.folder / f"{name}.pem"
        self.openssl("req", *self.new_key(name), "-out", request, "-subj", f"/CN={name}")
        self.openssl(
            "x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", self.folder / "ca.key", "-CAcreateserial",
            "-out", issued, "-days", "2", "-extfile", extensions,
        )
        return issued.read_text(), (self.folder / f"{name}.key").read_text()

    def install(self, certificate, key):
        self.certificate.write_text(certificate)
        self.key.write_text(key)


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    if not shutil.which("openssl"):
        pytest.skip("there is no openssl, which makes the certificates")
    lab = Lab(tmp_path_factory.mktemp("lab"))
    lab.install(*lab.issue("first"))
    return lab


@pytest.fixture(scope="module")
def server(tmp_path_factory, lab):
    """A server whose ports all speak TLS."""
    folder = tmp_path_factory.mktemp("server")
    config = folder / "config.toml"
    config.write_text(CONFIG.format(certificate=lab.certificate, key=lab.key, token=TOKEN))
    server = Server(folder / "data", "--config", config, ca=lab.ca).start()
    yield server
    assert server.running, f"the server died with code {server.process.returncode}:\n{server.log()[-4000:]}"
    assert server.stop() == 0
    complaints = server.complaints()
    assert not complaints, "the server complained:\n" + "\n".join(complaints[:20])


def port(server, what):
    (found,) = re.findall(rf"listening for {what} address=127\.0\.0\.1:(\d+)", server.log())
    return int(found)


def connected(lab, address, version=None, alpn=()):
    """A connection over TLS, verified."""
    context = ssl.create_default_context(cafile=lab.ca)
    context.maximum_version = version or ssl.TLSVersion.MAXIMUM_SUPPORTED
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context.wrap_socket(socket.create_connection(address, timeout=30), server_hostname="127.0.0.1")


def address_of(server):
    host, _, port = server.host.rpartition(":")
    return host, int(port)


def record_of(server, name, **attributes):
    """The newest record of a call that was made."""
    def found():
        events = server.client("cloudtrail").lookup_events(LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": name}])
        records = [json.loads(event["CloudTrailEvent"]) for event in events["Events"]]
        return [record for record in records if all(record["requestParameters"].get(k) == v for k, v in attributes.items())]
    return wait_until(found, 30, f"an event {name}")[0]


# -- Clients ---------------------------------------------------------------------------------------------------------


def test_boto3_and_the_aws_cli_with_the_authority_of_the_certificate(server):
    assert server.endpoint.startswith("https://127.0.0.1:")
    logs = server.client("logs")
    logs.create_log_group(logGroupName="/tls/boto3")
    server.cli("logs", "create-log-group", "--log-group-name", "/tls/cli")
    groups = [group["logGroupName"] for group in logs.describe_log_groups(logGroupNamePrefix="/tls/")["logGroups"]]
    assert groups == ["/tls/boto3", "/tls/cli"]


def test_who_does_not_know_the_authority_does_not_call(server, tmp_path):
    stranger = boto3.session.Session().client(
        "logs", region_name="us-east-1", endpoint_url=server.endpoint, aws_access_key_id="a", aws_secret_access_key="b",
        config=botocore.config.Config(retries={"total_max_attempts": 1}, proxies={}),
    )
    with pytest.raises(botocore.exceptions.SSLError):
        stranger.describe_log_groups()
    assert server.alive()


def test_both_versions_of_http(server, lab):
    for offered, chosen in ((["h2", "http/1.1"], "h2"), (["http/1.1"], "http/1.1"), ([], None)):
        with connected(lab, address_of(server), alpn=offered) as connection:
            assert connection.selected_alpn_protocol() == chosen
    if not shutil.which("curl"):
        pytest.skip("there is no curl, which speaks HTTP/2")
    for flag, version in (("--http2", "2"), ("--http1.1", "1.1")):
        done = run(["curl", "-sS", flag, "--cacert", lab.ca, "-w", "\n%{http_version}", f"{server.endpoint}/health"])
        assert done.returncode == 0, done.stderr
        body, _, spoken = done.stdout.strip().rpartition("\n")
        assert spoken == version and json.loads(body)["status"] == "ok", done.stdout


def test_a_signed_call_over_http2(server, lab):
    """The signature covers `host`, which HTTP/2 carries as `:authority`."""
    if not shutil.which("curl"):
        pytest.skip("there is no curl, which speaks HTTP/2")
    keys = f"{server.exports['AWS_ACCESS_KEY_ID']}:{server.exports['AWS_SECRET_ACCESS_KEY']}"
    done = run([
        "curl", "-sS", "--http2", "--cacert", lab.ca, "--aws-sigv4", "aws:amz:us-east-1:sts", "--user", keys,
        "-d", "Action=GetCallerIdentity&Version=2011-06-15", "-w", "\n%{http_version} %{http_code}", f"{server.endpoint}/",
    ])
    assert done.stdout.endswith("\n2 200"), done


def test_what_was_agreed_on_is_on_the_trail(server, lab):
    server.client("logs").create_log_group(logGroupName="/tls/audited")
    details = record_of(server, "CreateLogGroup", logGroupName="/tls/audited")["tlsDetails"]
    assert details["tlsVersion"] == "TLSv1.3"
    assert details["cipherSuite"] in ("TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256")
    assert details["clientProvidedHostHeader"] == server.host

    with connected(lab, address_of(server), ssl.TLSVersion.TLSv1_2) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nhost: older.example\r\nx-amz-target: Logs_20140328.DeleteDestination\r\n"
                           b"content-type: application/x-amz-json-1.1\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
        assert connection.recv(10) == b"HTTP/1.1 4"
    details = record_of(server, "DeleteDestination")["tlsDetails"]
    assert details["tlsVersion"] == "TLSv1.2" and details["cipherSuite"].startswith("ECDHE-ECDSA-"), details
    assert details["clientProvidedHostHeader"] == "older.example"


def test_policies_see_the_transport(server, make_server):
    """`aws:SecureTransport` is true here, and false over plain HTTP."""
    plain = make_server("plain").start()
    policy = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "logs:DescribeLogGroups", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "true"}}},
    ]}
    for where, allowed in ((server, True), (plain, False)):
        iam = where.client("iam")
        iam.create_user(UserName="careful")
        iam.put_user_policy(UserName="careful", PolicyName="p", PolicyDocument=json.dumps(policy))
        key = iam.create_access_key(UserName="careful")["AccessKey"]
        logs = where.client("logs", key=key["AccessKeyId"], secret=key["SecretAccessKey"])
        try:
            logs.describe_log_groups()
            assert allowed
        except botocore.exceptions.ClientError as error:
            assert not allowed and error.response["Error"]["Code"] == "AccessDeniedException"


def test_the_cookie_of_the_console_is_for_tls_only(server):
    keys = {"accessKeyId": server.exports["AWS_ACCESS_KEY_ID"], "secretAccessKey": server.exports["AWS_SECRET_ACCESS_KEY"]}
    headers = {"Content-Type": "application/json", "Origin": server.endpoint}
    answer = server.http("POST", "/_trailwatch/console/sign-in", json.dumps(keys).encode(), headers)
    assert answer.status == 200, answer
    assert "Secure" in answer.headers["set-cookie"].split("; "), answer.headers


# -- Our own clients -------------------------------------------------------------------------------------------------


def trailwatch(server, *arguments, **environment):
    return run([Paths.server(), *arguments], env=server.environment(**environment))


def test_our_own_commands(server, lab):
    server.client("logs").create_log_group(logGroupName="/tls/commands")
    found = ("events", "--name", "CreateLogGroup", "--limit", "1", "--json")
    by_bundle = trailwatch(server, *found)
    assert by_bundle.returncode == 0 and json.loads(by_bundle.stdout)["eventName"] == "CreateLogGroup", by_bundle
    by_flag = trailwatch(server, *found, "--endpoint", server.endpoint, "--ca-file", lab.ca, AWS_CA_BUNDLE="", AWS_ENDPOINT_URL="")
    assert by_flag.stdout == by_bundle.stdout, by_flag
    assert trailwatch(server, "sql", "--format", "csv", "SELECT count(*) > 0 AS found FROM events").stdout.split() == ["found", "true"]

    unknown = trailwatch(server, *found, AWS_CA_BUNDLE="")
    assert unknown.returncode == 1 and "certificate" in unknown.stderr, unknown
    nowhere = trailwatch(server, *found, "--ca-file", "/nonexistent.pem")
    assert nowhere.returncode == 1 and "/nonexistent.pem" in nowhere.stderr, nowhere
    empty = trailwatch(server, *found, "--ca-file", lab.key)
    assert empty.returncode == 1 and "no certificate of an authority" in empty.stderr, empty


def test_a_tail_comes_as_it_happens(server):
    """What goes on for hours is not held back by TLS."""
    tail = subprocess.Popen(
        [Paths.server(), "tail", "--events", "--name", "CreateLogGroup", "--json"],
        stdout=subprocess.PIPE, text=True, env=server.environment(),
    )
    try:
        lines = concurrent.futures.ThreadPoolExecutor(1).submit(tail.stdout.readline)
        numbers = iter(range(10_000))
        # Only what happens once it follows is shown.
        def shown():
            server.client("logs").create_log_group(logGroupName=f"/tls/tail-{next(numbers)}")
            return lines.done()
        wait_until(shown, 30, "an event in the tail")
        assert "/tls/tail-" in lines.result(), lines.result()
    finally:
        tail.kill()
        tail.wait(timeout=30)


def test_the_agent(server, tmp_path):
    log = tmp_path / "app.log"
    log.write_text("by the agent, over TLS\n")
    agent = subprocess.Popen(
        [Paths.server(), "agent", "--log-file", str(log), "--log-group", "/tls/agent", "--state-dir", str(tmp_path / "state")],
        stderr=subprocess.DEVNULL, env=server.environment(),
    )
    logs = server.client("logs")

    def arrived():
        try:
            return logs.filter_log_events(logGroupName="/tls/agent")["events"]
        except logs.exceptions.ResourceNotFoundException:
            return []
    try:
        assert [event["message"] for event in wait_until(arrived, 60, "the agent's line")] == ["by the agent, over TLS"]
    finally:
        agent.terminate()
        assert agent.wait(timeout=60) == 0


# -- Other ports -----------------------------------------------------------------------------------------------------


def test_syslog_over_tls(server, lab):
    line = f"<14>1 {time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} fw-1 app - - - over TLS".encode()
    with connected(lab, ("127.0.0.1", port(server, "syslog over TLS"))) as sender:
        # RFC 5425: octets are counted; a message may come in pieces.
        sender.sendall(b"%d %s%d " % (len(line), line, len(line)))
        sender.sendall(line)
    logs = server.client("logs")

    def messages():
        try:
            return [event["message"] for event in logs.filter_log_events(logGroupName="/hosts")["events"]]
        except logs.exceptions.ResourceNotFoundException:
            return []
    print("XX", messages()); time.sleep(5); print("XX", messages())
    wait_until(lambda: messages() == [line.decode()] * 2, 3, "two messages")


def test_otlp_over_grpc_and_tls(server, lab):
    grpc = pytest.importorskip("grpc")
    exporters = pytest.importorskip("opentelemetry.exporter.otlp.proto.grpc._log_exporter")
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor

    logs = server.client("logs")
    logs.create_log_group(logGroupName="/otel/shop")
    logs.create_log_stream(logGroupName="/otel/shop", logStreamName="app")
    logs.put_bearer_token_authentication(logGroupIdentifier="/otel/shop", bearerTokenAuthenticationEnabled=True)
    exporter = exporters.OTLPLogExporter(
        endpoint=f"https://127.0.0.1:{port(server, 'OTLP over gRPC')}",
        credentials=grpc.ssl_channel_credentials(lab.ca.read_bytes()),
        headers={"x-aws-log-group": "/otel/shop", "x-aws-log-stream": "app", "authorization": f"Bearer {TOKEN}"},
    )
    provider = LoggerProvider()
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    provider.get_logger("g").emit(timestamp=time.time_ns(), body="by gRPC over TLS")
    provider.shutdown()
    (event,) = logs.filter_log_events(logGroupName="/otel/shop")["events"]
    assert json.loads(event["message"])["body"] == "by gRPC over TLS"


# -- Who does not speak it -------------------------------------------------------------------------------------------


def test_plain_http_is_told_that_the_port_speaks_tls(server):
    connection = http.client.HTTPConnection(server.host, timeout=30)
    connection.request("POST", "/", body=b"x" * 10_000)
    answer = connection.getresponse()
    assert answer.status == 400 and b"https://" in answer.read()
    connection.close()


def test_who_is_silent_holds_up_nobody(server):
    silent = [socket.create_connection(address_of(server), timeout=30) for _ in range(200)]
    halfway = [socket.create_connection(address_of(server), timeout=30) for _ in range(50)]
    for connection in halfway:
        connection.sendall(b"\x16\x03\x01\x02\x00\x01")  # The beginning of a ClientHello.
    assert server.alive()
    server.client("logs").describe_log_groups()
    for connection in silent + halfway:
        connection.close()


def test_nonsense_costs_its_own_connection_alone(server):
    for nonsense in (b"\x00" * 1000, b"\x16\x03\x01\xff\xff" + b"\x00" * 70_000, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x80\x2e\x01\x00\x02"):
        with socket.create_connection(address_of(server), timeout=30) as connection:
            try:
                connection.sendall(nonsense)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(4096):
                    pass
            except OSError:
                pass  # The server has hung up already.
    assert server.alive()


# -- Certificates ----------------------------------------------------------------------------------------------------


def test_a_certificate_is_renewed_under_load_without_a_failed_call(server, lab):
    def shown():
        with connected(lab, address_of(server)) as connection:
            return dict(pair for (pair,) in connection.getpeercert()["subject"])["commonName"]

    stop, failures, calls = threading.Event(), [], [0] * 4

    def load(number):
        keeping = server.client("logs")
        while not stop.is_set():
            try:
                keeping.describe_log_groups()
                # A connection of its own.
                assert server.http("GET", "/health").status == 200
                calls[number] += 1
            except Exception as error:  # Whatever it is, it is what must not be.
                failures.append(repr(error))

    def hang_up(said):
        before = server.log().count(said)
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: server.log().count(said) > before, 30, said)

    threads = [threading.Thread(target=load, args=(number,)) for number in range(len(calls))]
    for thread in threads:
        thread.start()
    try:
        for name in ("second", "third"):
            lab.install(*lab.issue(name))
            hang_up("read the TLS certificate again")
            assert shown() == name
            done = list(calls)
            wait_until(lambda: all(now > before for now, before in zip(calls, done)), 60, "calls after the renewal")
        # A key that is not the certificate's is refused, and what was there goes on.
        server.expect_complaint("the new TLS certificate is refused")
        whole = lab.certificate.read_text(), lab.key.read_text()
        lab.key.write_text(lab.issue("stranger")[1])
        hang_up("the new TLS certificate is refused, the old one goes on")
        assert "is not the key of the first certificate" in server.log()
        assert shown() == "third"
        lab.certificate.unlink()
        hang_up("the new TLS certificate is refused, the old one goes on")
        assert shown() == "third"
        lab.install(*whole)
        hang_up("read the TLS certificate again")
    finally:
        stop.set()
        for thread in threads:
            thread.join(timeout=60)
    assert not failures, failures[:5]
    assert min(calls) > 0


def test_what_is_wrong_with_a_certificate_is_said(lab, tmp_path):
    def serve(*flags):
        done = run([Paths.server(), "serve", "--data-dir", tmp_path / "data", "--listen", "127.0.0.1:0", *flags])
        return done.returncode, done.stderr
    certificate, key = ("--tls-certificate", lab.certificate), ("--tls-key", lab.key)
    code, said = serve(*certificate)
    assert code == 2 and "needs --tls-key" in said, said
    code, said = serve(*key)
    assert code == 2 and "needs --tls-certificate" in said, said
    code, said = serve(*certificate, "--tls-key", tmp_path / "none.key")
    assert code == 1 and "none.key" in said, said
    code, said = serve(*certificate, "--tls-key", lab.ca)
    assert code == 1 and "ca.pem holds no private key" in said, said
    config = tmp_path / "syslog.toml"
    config.write_text('[syslog]\ntls = "127.0.0.1:0"\n')
    code, said = serve("--config", config)
    assert code == 2 and "needs a certificate" in said, said
    # Nothing was begun that would be in the way of the right ones.
    assert not (tmp_path / "data").exists()

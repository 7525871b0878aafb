"""The real server as a process, and the ways to call it: the aws cli, boto3 old and new, and signed raw HTTP."""

import datetime
import hashlib
import hmac
import http.client
import json
import os
import pathlib
import queue
import re
import signal
import ssl
import subprocess
import threading
import time

import boto3
import botocore.config
import postgres

#: Longest wait for the server to be ready, seconds. Generous: CI machines are slow; it takes well under one second.
READY_SECONDS_MAX = 120
#: Lines of the server's log that must not be there unless a test says so.
COMPLAINT = re.compile(r"\b(WARN|ERROR)\b")
#: But for those that say that the machine is busy: a statement, or the wait for a connection, took long, and ended well.
BUSY = re.compile(r"sqlx::query: slow statement|sqlx::pool::acquire: acquired connection, but")
#: Where servers keep resources: `postgres` gives each a database of its own, whatever the tests are about.
CATALOG = os.environ.get("TRAILWATCH_CATALOG", "file")

TARGETS = {
    "logs": ("Logs_20140328", "application/x-amz-json-1.1"),
    "monitoring": ("GraniteServiceVersion20100801", "application/x-amz-json-1.0"),
    "cloudtrail": ("com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101", "application/x-amz-json-1.1"),
}


class Paths:
    """Where things are."""

    workspace = pathlib.Path(__file__).resolve().parents[2]
    target = pathlib.Path(os.environ.get("TRAILWATCH_TARGET", workspace / "target"))

    @classmethod
    def server(cls):
        return cls.target / "release" / "trailwatch"

    @classmethod
    def sdk_client(cls):
        return cls.target / "release" / "sdk-client"

    @classmethod
    def newest(cls, program):
        return cls.target / "venv-newest" / "bin" / program

    @classmethod
    def old(cls, program):
        return cls.target / "venv-botocore-1.40" / "bin" / program

    @classmethod
    def shared(cls):
        return pathlib.Path(os.environ.get("TRAILWATCH_SHARED", cls.workspace.parent / "shared"))


def wait_until(condition, seconds, what):
    """Polls `condition` until it answers something true, which is returned; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.1)


def run(arguments, **options):
    """Runs a program to its end, output captured as text."""
    return subprocess.run([str(a) for a in arguments], capture_output=True, text=True, timeout=120, **options)


class Answer:
    """An HTTP answer."""

    def __init__(self, status, headers, body):
        self.status, self.body = status, body
        self.headers = {name.lower(): value for name, value in headers}

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        """The error's name without namespace, from a JSON error."""
        return self.json["__type"].rpartition("#")[2]

    @property
    def message(self):
        read = self.json
        return read.get("message") or read.get("Message") or ""

    def __repr__(self):
        return f"HTTP {self.status} {self.body[:500]!r}"


class Server:
    """One `trailwatch serve` on a data directory. `start` may be called again after `stop` or `kill`.

    `ca` is the PEM file of the authority of its certificate, for a server with TLS. `prefix` is what stands before its command, a program that
    becomes the server (`ip netns exec NAME`)."""

    def __init__(self, data_dir, *flags, environment=None, ca=None, listen="127.0.0.1:0", prefix=()):
        self.data_dir, self.flags, self.ca = pathlib.Path(data_dir), flags, ca
        self.listen, self.prefix = listen, prefix
        self.extra = environment or {}
        self.log_path = self.data_dir.parent / (self.data_dir.name + ".log")
        self.process, self.endpoint, self.exports, self.ready_seconds = None, None, {}, None
        self.expected = []

    # -- life ------------------------------------------------------------------------------------------------------

    def start(self):
        arguments = [*self.prefix, Paths.server(), "serve", "--data-dir", self.data_dir, "--listen", self.listen, *self.flags]
        if CATALOG == "postgres" and "--catalog-url" not in self.flags:
            name = "t" + hashlib.sha256(str(self.data_dir).encode()).hexdigest()[:20]
            arguments += ["--catalog-url", postgres.shared().url(name)]
        began = time.monotonic()
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [str(a) for a in arguments], stdout=subprocess.PIPE, stderr=log, text=True, env=plain_environment(self.extra)
            )
        lines = queue.Queue()
        threading.Thread(target=self._drain, args=(self.process.stdout, lines), daemon=True).start()
        self.exports = {}
        while "AWS_DEFAULT_REGION" not in self.exports:
            try:
                line = lines.get(timeout=max(0.01, began + READY_SECONDS_MAX - time.monotonic()))
            except queue.Empty:
                self.kill()
                raise AssertionError(f"the server was not ready in {READY_SECONDS_MAX} s; its log:\n{self.log()}") from None
            if line is None:
                raise AssertionError(f"the server ended with code {self.process.wait()}; its log:\n{self.log()}")
            found = re.match(r"export (\w+)=(.*)", line)
            if found:
                self.exports[found[1]] = found[2]
        self.endpoint = self.exports["AWS_ENDPOINT_URL"]
        assert self.http("GET", "/health").status == 200
        self.ready_seconds = time.monotonic() - began
        return self

    @staticmethod
    def _drain(stream, lines):
        for line in stream:
            lines.put(line.rstrip("\n"))
        lines.put(None)

    def stop(self):
        """SIGTERM; answers the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=120)

    def kill(self):
        """kill -9."""
        self.process.kill()
        self.process.wait(timeout=120)

    @property
    def running(self):
        return self.process is not None and self.process.poll() is None

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def expect_complaint(self, pattern):
        """From now on log lines that match `pattern` may be WARN or ERROR: the test provokes them."""
        self.expected.append(re.compile(pattern))

    def complaints(self):
        """Unexpected WARN and ERROR lines, and panics."""
        lines = [line for line in self.log().splitlines() if (COMPLAINT.search(line) and not BUSY.search(line)) or "panicked at" in line]
        return [line for line in lines if not any(pattern.search(line) for pattern in self.expected)]

    @property
    def host(self):
        """Address and port."""
        return self.endpoint.partition("://")[2]

    @property
    def endpoints(self):
        """Wherever it is reached."""
        return [self.endpoint]

    # -- callers ---------------------------------------------------------------------------------------------------

    def environment(self, **more):
        """A shell's environment after the export lines were pasted."""
        bundle = {"AWS_CA_BUNDLE": str(self.ca)} if self.ca else {}
        return plain_environment({**self.exports, **bundle, "AWS_MAX_ATTEMPTS": "1", "AWS_PAGER": "", **more})

    def cli(self, *arguments, **more):
        """Runs the newest aws cli; answers its JSON output (None when it prints nothing). Fails when it fails."""
        done = self.cli_raw(*arguments, **more)
        assert done.returncode == 0, f"aws {' '.join(map(str, arguments))}: {done.stderr}"
        return json.loads(done.stdout) if done.stdout.strip() else None

    def cli_raw(self, *arguments, **more):
        return run([Paths.newest("aws"), *arguments, "--output", "json"], env=self.environment(**more))

    def start_cli(self, *arguments, **more):
        """Starts the newest aws cli; its output can be read as text."""
        return subprocess.Popen(
            [str(a) for a in (Paths.newest("aws"), *arguments)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=self.environment(**more),
        )

    def endpoint_of(self, service, key):
        """Where a client of this service calls that has this key, or the server's."""
        return self.endpoint

    def client(self, service, region=None, key=None, secret=None, token=None, **options):
        """A boto3 client that tries once; `options` are botocore's."""
        return boto3.session.Session().client(
            service,
            region_name=region or self.exports["AWS_DEFAULT_REGION"],
            endpoint_url=self.endpoint_of(service, key),
            aws_access_key_id=key or self.exports["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=secret or self.exports["AWS_SECRET_ACCESS_KEY"],
            aws_session_token=token,
            verify=str(self.ca) if self.ca else None,
            config=botocore.config.Config(
                retries={"total_max_attempts": 1}, proxies={}, connect_timeout=10, read_timeout=60, max_pool_connections=20,
                **options,
            ),
        )

    def http(self, method, path, body=b"", headers=None):
        """One HTTP request on its own connection, unsigned."""
        if self.ca:
            tls = ssl.create_default_context(cafile=self.ca)
            connection = http.client.HTTPSConnection(self.host, timeout=60, context=tls)
        else:
            connection = http.client.HTTPConnection(self.host, timeout=60)
        try:
            try:
                connection.request(method, path, body=body, headers=headers or {})
            except (BrokenPipeError, ConnectionResetError):
                pass  # The server answered before it had read everything, and would not read on.
            answer = connection.getresponse()
            return Answer(answer.status, answer.getheaders(), answer.read())
        finally:
            connection.close()

    def signed(self, service, path, headers, body, **how):
        """POSTs `body` with a signature; `how` goes to `authorization`."""
        host = self.host
        how.setdefault("key", self.exports["AWS_ACCESS_KEY_ID"])
        how.setdefault("secret", self.exports["AWS_SECRET_ACCESS_KEY"])
        how.setdefault("region", self.exports["AWS_DEFAULT_REGION"])
        signature = authorization(host, service, path, headers, body, **how)
        return self.http("POST", path, body, {**headers, "Host": host, **signature})

    def json_call(self, service, operation, body, headers=None, **how):
        """One awsJson call; `body` is bytes, or a value to be written as JSON."""
        prefix, content_type = TARGETS[service]
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Content-Type": content_type, "X-Amz-Target": f"{prefix}.{operation}", **(headers or {})}
        return self.signed(service, "/", headers, body, **how)

    def query_call(self, form, service="monitoring", headers=None, **how):
        """One query-protocol call with a form body."""
        headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8", **(headers or {})}
        return self.signed(service, "/", headers, form.encode() if isinstance(form, str) else form, **how)

    def cbor_call(self, operation, body, headers=None, **how):
        """One RPC v2 CBOR call to CloudWatch; `body` is encoded already."""
        headers = {
            "Content-Type": "application/cbor",
            "Accept": "application/cbor",
            "Smithy-Protocol": "rpc-v2-cbor",
            **(headers or {}),
        }
        path = f"/service/GraniteServiceVersion20100801/operation/{operation}"
        return self.signed("monitoring", path, headers, body, **how)

    def alive(self):
        """The server still answers a signed call rightly."""
        form = "Action=GetCallerIdentity&Version=2011-06-15"
        answer = self.query_call(form, service="sts")
        assert answer.status == 200, answer
        return True


def plain_environment(more):
    """Nothing of the developer's own AWS settings, and no proxy."""
    base = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "TMPDIR", "RUST_LOG") if name in os.environ}
    nowhere = {"HOME": "/nonexistent", "AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent"}
    return {**base, **nowhere, "AWS_EC2_METADATA_DISABLED": "true", "NO_PROXY": "*", **more}


def authorization(host, service, path, headers, body, key, secret, region, date=None, signature=None):
    """SigV4 headers; signs host and every x-amz- header. `date` is an aware datetime; `signature` replaces the true one."""
    date = date or datetime.datetime.now(datetime.timezone.utc)
    stamp, day = date.strftime("%Y%m%dT%H%M%SZ"), date.strftime("%Y%m%d")
    scope = f"{day}/{region}/{service}/aws4_request"
    signed = {name.lower(): value for name, value in headers.items() if name.lower().startswith("x-amz-")}
    signed = dict(sorted({**signed, "host": host, "x-amz-date": stamp}.items()))
    names = ";".join(signed)
    lines = "".join(f"{name}:{value}\n" for name, value in signed.items())
    body_hash = hashlib.sha256(body).hexdigest()
    canonical = f"POST\n{path}\n\n{lines}\n{names}\n{body_hash}"
    to_sign = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    derived = ("AWS4" + secret).encode()
    for part in (day, region, service, "aws4_request"):
        derived = hmac.digest(derived, part.encode(), "sha256")
    signature = signature or hmac.digest(derived, to_sign.encode(), "sha256").hex()
    value = f"AWS4-HMAC-SHA256 Credential={key}/{scope}, SignedHeaders={names}, Signature={signature}"
    return {"X-Amz-Date": stamp, "Authorization": value}


class AwsError(Exception):
    """An error that a client of another environment raised."""

    def __init__(self, error, status):
        super().__init__(f"{error.get('Code')}: {error.get('Message')}")
        self.code, self.message, self.status = error.get("Code"), error.get("Message", ""), status


class Peer:
    """boto3 of one environment in its own process: calls go in as lines of JSON, answers come out as lines of JSON."""

    def __init__(self, python, server):
        script = pathlib.Path(__file__).with_name("peer.py")
        self.process = subprocess.Popen(
            [str(python), str(script)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=server.environment(),
        )
        hello = json.loads(self.process.stdout.readline())
        self.version, self.sent = hello["botocore"], None

    def __call__(self, service, operation, **parameters):
        self.process.stdin.write(json.dumps([service, operation, parameters]) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        self.sent = answer["sent"]
        if "error" in answer:
            raise AwsError(answer["error"], answer["status"])
        return answer["ok"]

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=30)


def iso(seconds):
    """Epoch seconds as ISO 8601 text, which botocore takes for timestamps."""
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).isoformat()


def minutes_ago(minutes):
    """A whole minute in the past, epoch seconds."""
    return int(time.time()) // 60 * 60 - minutes * 60

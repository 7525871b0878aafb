"""Exports of log groups to a folder, and to an S3 endpoint of our own, from the aws cli and boto3."""

import gzip
import hashlib
import hmac
import http.server
import threading
import time

import pytest
from botocore.exceptions import ClientError
from trailwatch import wait_until

#: Longest life of an export of a few lines: one begins each second.
EXPORT_SECONDS_MAX = 30
KEY, SECRET, REGION = "exporter", "a secret of ours", "eu-west-1"


def now_ms():
    return int(time.time() * 1000)


def fill(server):
    """A group with two streams; answers the time of its events."""
    logs, at = server.client("logs"), now_ms()
    logs.create_log_group(logGroupName="shop")
    for stream, messages in [("web/1", ["GET /", "GET /cart"]), ("worker ü", ["paid"])]:
        logs.create_log_stream(logGroupName="shop", logStreamName=stream)
        events = [{"timestamp": at + i, "message": message} for i, message in enumerate(messages)]
        logs.put_log_events(logGroupName="shop", logStreamName=stream, logEvents=events)
    return at


def completed(server, task_id):
    """Waits for the task; answers it."""
    logs = server.client("logs")

    def ended():
        task = logs.describe_export_tasks(taskId=task_id)["exportTasks"][0]
        return task if task["status"]["code"] not in ("PENDING", "RUNNING") else None

    task = wait_until(ended, EXPORT_SECONDS_MAX, "the export has ended")
    assert task["status"] == {"code": "COMPLETED", "message": "Completed successfully"}
    return task


def messages(body):
    """The messages of an object, whose lines must begin with a time."""
    lines = gzip.decompress(body).decode().splitlines()
    assert all(line[10] == "T" and line[23:25] == "Z " for line in lines), lines
    return [line[25:] for line in lines]


class Endpoint:
    """An S3 endpoint that takes objects with right signatures, and holds exported ones back until it is told to let go."""

    def __init__(self):
        self.objects, self.wrong = {}, []
        self.reached, self.let_go = threading.Event(), threading.Event()
        endpoint = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_PUT(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                if not endpoint.is_right(self.path, self.headers, body):
                    endpoint.wrong.append(self.path)
                    return self.answer(403)
                if self.path.startswith("/absent/"):
                    return self.answer(404)
                if self.path.endswith(".gz"):
                    endpoint.reached.set()
                    endpoint.let_go.wait(60)
                endpoint.objects[self.path] = body
                return self.answer(200)

            def answer(self, status):
                try:
                    self.send_response(status)
                    self.send_header("content-length", "0")
                    self.end_headers()
                except OSError:
                    pass  # Who asked was killed.

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @staticmethod
    def is_right(path, headers, body):
        """Computes the signature anew, by the book."""
        fields = dict(part.split("=", 1) for part in headers["authorization"].removeprefix("AWS4-HMAC-SHA256 ").split(", "))
        key, scope = fields["Credential"].split("/", 1)
        day, stamp, digest = scope[:8], headers["x-amz-date"], hashlib.sha256(body).hexdigest()
        names = fields["SignedHeaders"].split(";")
        lines = "".join(f"{name}:{headers[name].strip()}\n" for name in names)
        canonical = f"PUT\n{path}\n\n{lines}\n{fields['SignedHeaders']}\n{digest}"
        to_sign = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        derived = ("AWS4" + SECRET).encode()
        for part in (day, REGION, "s3", "aws4_request"):
            derived = hmac.digest(derived, part.encode(), "sha256")
        return (
            key == KEY
            and scope == f"{day}/{REGION}/s3/aws4_request"
            and {"host", "x-amz-content-sha256", "x-amz-date"} <= set(names)
            and headers["x-amz-content-sha256"] == digest
            and fields["Signature"] == hmac.digest(derived, to_sign.encode(), "sha256").hex()
        )

    def close(self):
        self.let_go.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def endpoint():
    endpoint = Endpoint()
    yield endpoint
    endpoint.close()
    assert endpoint.wrong == []


def test_a_group_is_exported_to_a_folder(make_server, tmp_path):
    config, folder = tmp_path / "trailwatch.toml", tmp_path / "archive"
    config.write_text(f"[buckets]\nlog-archive = '{folder}'\n")
    server = make_server("data", "--config", config).start()
    at = fill(server)
    made = server.cli(
        "logs", "create-export-task", "--task-name", "nightly", "--log-group-name", "shop", "--from", at, "--to", at + 1000,
        "--destination", "log-archive",
    )
    task = completed(server, made["taskId"])
    assert (task["taskName"], task["destinationPrefix"]) == ("nightly", "exportedlogs")
    assert task["executionInfo"]["completionTime"] >= task["executionInfo"]["creationTime"]
    paths = [path for path in folder.rglob("*") if path.is_file() and ".trailwatch" not in path.parts]
    files = {str(path.relative_to(folder)): path.read_bytes() for path in paths}
    task_folder = f"exportedlogs/{made['taskId']}"
    assert files.pop("exportedlogs/aws-logs-write-test") == b"Permission Check Successful"
    assert {name: messages(body) for name, body in files.items()} == {
        f"{task_folder}/web-1/000000.gz": ["GET /", "GET /cart"],
        f"{task_folder}/worker ü/000000.gz": ["paid"],
    }
    listed = server.cli("logs", "describe-export-tasks", "--status-code", "COMPLETED")["exportTasks"]
    assert [listed_task["taskId"] for listed_task in listed] == [made["taskId"]]
    refused = server.cli_raw("logs", "cancel-export-task", "--task-id", made["taskId"])
    assert refused.returncode != 0 and "InvalidOperationException" in refused.stderr
    with pytest.raises(ClientError) as error:
        server.client("logs").create_export_task(logGroupName="shop", fromTime=at, to=at + 1, destination="No_Bucket")
    assert error.value.response["Error"]["Code"] == "InvalidParameterException"
    assert server.stop() == 0


def test_an_export_to_s3_outlives_kill_9(make_server, tmp_path, endpoint):
    config = tmp_path / "trailwatch.toml"
    config.write_text(
        f"[endpoints]\ns3 = '{endpoint.url}'\n"
        f"[s3]\naccess_key_id = '{KEY}'\nsecret_access_key = '{SECRET}'\nregion = '{REGION}'\n"
    )
    server = make_server("data", "--config", config).start()
    at = fill(server)
    logs = server.client("logs")
    asked = {"logGroupName": "shop", "fromTime": at, "to": at + 1000, "destination": "log-archive", "destinationPrefix": "a b"}
    task_id = logs.create_export_task(**asked)["taskId"]
    assert endpoint.objects == {"/log-archive/a%20b/aws-logs-write-test": b"Permission Check Successful"}
    assert endpoint.reached.wait(EXPORT_SECONDS_MAX), "the export has begun"
    with pytest.raises(ClientError) as error:
        logs.create_export_task(**asked)
    assert error.value.response["Error"]["Code"] == "LimitExceededException"
    server.kill()
    server.start()
    shown = server.client("logs").describe_export_tasks(taskId=task_id)["exportTasks"][0]
    assert shown["status"]["code"] == "RUNNING"
    endpoint.let_go.set()
    completed(server, task_id)
    assert messages(endpoint.objects[f"/log-archive/a%20b/{task_id}/web-1/000000.gz"]) == ["GET /", "GET /cart"]
    assert messages(endpoint.objects[f"/log-archive/a%20b/{task_id}/worker%20%C3%BC/000000.gz"]) == ["paid"]
    with pytest.raises(ClientError) as error:
        server.client("logs").create_export_task(**{**asked, "destination": "absent"})
    assert error.value.response["Error"]["Code"] == "InvalidParameterException"
    assert server.stop() == 0

"""Compares what `bench model` predicts with what one server did: log lines come at random times for a minute or so, every CPU second, byte
and request is counted, and the prediction is printed beside it.

    python3 bench/model_check.py --server PROGRAM --bench PROGRAM --work FOLDER [--bucket] [--calls 50] [--lines 100] [--seconds 60]

With --bucket the records go to an S3 server in this process, which counts requests and takes --put-ms for each PUT and --get-ms for each GET;
without, to a folder. The speed of the machine in this very hour is measured first, by put-log-events-1mb, and handed to the model (core_speed).
"""

import argparse
import collections
import datetime
import hashlib
import hmac
import http.client
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "tests" / "clients"))
import s3_stand_in  # noqa: E402

# Of put-log-events-1mb in docs/benchmarks.md (input log_call_1mb_ms).
CALL_1MB_MS = 11.1
SENDERS = 48


class CountedAnswers(s3_stand_in.Answers):
    """Counts requests by what they are for, and takes its time."""

    counts, put_bytes, seconds = collections.Counter(), collections.Counter(), {}
    protocol_version = "HTTP/1.1"

    def handle_one(self):
        key = self.path.split("?")[0].split("/", 3)[-1]
        what = next((part for part in ("journal", "segments", "manifest", "probe") if part in key), "list")
        self.counts[f"{self.command} {what}"] += 1
        if self.command == "PUT":
            self.put_bytes[what] += int(self.headers.get("Content-Length") or 0)
        time.sleep(self.seconds.get(self.command, 0))
        return super().handle_one()

    do_GET = do_PUT = do_HEAD = do_DELETE = handle_one


class Node:
    """A server on loopback."""

    def __init__(self, program, folder, config=None):
        self.folder = folder
        arguments = [program, "serve", "--listen", "127.0.0.1:0", "--data-dir", folder / "data"]
        if config:
            arguments += ["--config", config]
        self.log = open(folder / "log", "w")
        self.process = subprocess.Popen(
            arguments, stdout=subprocess.PIPE, stderr=self.log, text=True, env={**os.environ, "RUST_LOG": "warn"}
        )
        found = {}
        while len(found) < 3:
            line = self.process.stdout.readline()
            if not line:
                sys.exit(f"the server ended before it was ready: {(folder / 'log').read_text()}")
            name = re.match(r"export (AWS_\w+)=(.*)", line)
            if name:
                found[name[1]] = name[2].strip().strip('"').strip("'")
        self.host = found["AWS_ENDPOINT_URL"].removeprefix("http://")
        self.key, self.secret = found["AWS_ACCESS_KEY_ID"], found["AWS_SECRET_ACCESS_KEY"]
        threading.Thread(target=self.process.stdout.read, daemon=True).start()

    def cpu(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self):
        """CPU seconds of its whole life; a clean stop writes what is in memory to segments."""
        self.process.terminate()
        cpu = self.cpu()
        while pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
            cpu = self.cpu()
            time.sleep(0.01)
        cpu = self.cpu()
        self.process.wait()
        return cpu

    def headers(self, action, body):
        """Signed, as every client's are."""
        date = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        sign = lambda key, text: hmac.new(key, text.encode(), hashlib.sha256).digest()  # noqa: E731
        payload = hashlib.sha256(body).hexdigest()
        scope = f"{date[:8]}/us-east-1/logs/aws4_request"
        names = "host;x-amz-date;x-amz-target"
        canonical = f"POST\n/\n\nhost:{self.host}\nx-amz-date:{date}\nx-amz-target:Logs_20140328.{action}\n\n{names}\n{payload}"
        text = f"AWS4-HMAC-SHA256\n{date}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        key = b"AWS4" + self.secret.encode()
        for part in scope.split("/"):
            key = sign(key, part)
        signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        return {
            "x-amz-date": date,
            "x-amz-target": f"Logs_20140328.{action}",
            "content-type": "application/x-amz-json-1.1",
            "authorization": f"AWS4-HMAC-SHA256 Credential={self.key}/{scope}, SignedHeaders={names}, Signature={signature}",
        }

    def call(self, connection, action, body):
        connection.request("POST", "/", body, self.headers(action, body))
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            sys.exit(f"{action}: HTTP {answer.status}: {text[:300]}")


def batches(data, lines):
    """(group, stream, [(time, message)]) of so many lines each, of one stream each."""
    waiting = collections.defaultdict(list)
    with open(data / "logs.ndjson") as file:
        for text in file:
            line = json.loads(text)
            place = line["grp"], line["stream"]
            waiting[place].append((line["ts"], line["message"]))
            if len(waiting[place]) == lines:
                yield place, waiting.pop(place)


def drive(node, wanted, calls_a_second, seconds):
    """Sends calls at random times; answers how many, their text bytes and how long each waited."""
    draw = random.Random(1)
    times, at = [], 0.0
    while True:
        at += draw.expovariate(calls_a_second)
        if at >= seconds:
            break
        times.append(at)
    bodies, text, lines, made = [], 0, 0, set()
    setup = http.client.HTTPConnection(node.host)
    for (group, stream), batch in wanted:
        if len(bodies) == len(times):
            break
        if group not in made:
            node.call(setup, "CreateLogGroup", json.dumps({"logGroupName": group}).encode())
        if (group, stream) not in made:
            node.call(setup, "CreateLogStream", json.dumps({"logGroupName": group, "logStreamName": stream}).encode())
        made |= {group, (group, stream)}
        events = [{"timestamp": ts, "message": message} for ts, message in batch]
        body = {"logGroupName": group, "logStreamName": stream, "logEvents": events}
        bodies.append(json.dumps(body, separators=(",", ":")).encode())
        text += sum(len(message.encode()) for _, message in batch)
        lines += len(batch)
    times = times[: len(bodies)]
    waits, lock, begun = [], threading.Lock(), time.monotonic()
    queue = iter(list(zip(times, bodies)))

    def send():
        connection = http.client.HTTPConnection(node.host)
        while True:
            with lock:
                at, body = next(queue, (None, None))
            if body is None:
                return
            time.sleep(max(0.0, begun + at - time.monotonic()))
            sent = time.monotonic()
            node.call(connection, "PutLogEvents", body)
            waits.append(time.monotonic() - sent)

    senders = [threading.Thread(target=send) for _ in range(SENDERS)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    return len(bodies), text, lines, waits, time.monotonic() - begun


def speed(arguments, folder):
    """How fast the machine is now beside the one of docs/benchmarks.md."""
    node = Node(arguments.server, folder)
    environment = {**os.environ, "AWS_ACCESS_KEY_ID": node.key, "AWS_SECRET_ACCESS_KEY": node.secret}
    run = [arguments.bench, "run", "--endpoint", f"http://{node.host}", "--pid", str(node.process.pid)]
    run += ["--only", "put-log-events-1mb", "--seconds", "3"]
    said = subprocess.run(run, env=environment, check=True, capture_output=True, text=True).stdout
    measured = json.loads(said.splitlines()[-1])["results"][0]["outcome"]["measured"]
    node.stop()
    return CALL_1MB_MS / (measured["cpu_seconds"] * 1000 / measured["calls"])


def main():
    parse = argparse.ArgumentParser()
    parse.add_argument("--server", type=pathlib.Path, required=True)
    parse.add_argument("--bench", type=pathlib.Path, required=True, help="runs the loads of `bench run` and makes the data")
    parse.add_argument("--model", type=pathlib.Path, help="the one with `bench model`, when it is another")
    parse.add_argument("--work", type=pathlib.Path, required=True)
    parse.add_argument("--bucket", action="store_true")
    parse.add_argument("--calls", type=float, default=50.0)
    parse.add_argument("--lines", type=int, default=100)
    parse.add_argument("--seconds", type=float, default=60.0)
    parse.add_argument("--put-ms", type=float, default=30.0)
    parse.add_argument("--get-ms", type=float, default=20.0)
    arguments = parse.parse_args()
    work = arguments.work
    shutil.rmtree(work, ignore_errors=True)
    for folder in ("speed", "run"):
        (work / folder).mkdir(parents=True)
    lines = arguments.calls * arguments.seconds * arguments.lines
    scale = min(10.0, lines * 1.3 / 2e6 + 0.02)
    subprocess.run(
        [arguments.bench, "generate", "--out", work / "data", "--scale", f"{scale:.3f}", "--only", "logs"],
        check=True,
        stderr=subprocess.DEVNULL,
    )
    config = None
    if arguments.bucket:
        CountedAnswers.seconds = {"PUT": arguments.put_ms / 1e3, "GET": arguments.get_ms / 1e3}
        s3_stand_in.Answers = CountedAnswers
        s3 = s3_stand_in.S3StandIn("records")
        config = work / "node.toml"
        config.write_text(
            f'[store]\nurl = "s3://records/all"\nendpoint = "{s3.endpoint}"\ndurability = "object"\n'
            'access_key_id = "KEY"\nsecret_access_key = "hidden"\n'
        )
    core_speed = speed(arguments, work / "speed")
    node = Node(arguments.server, work / "run", config)
    time.sleep(1)
    before, started = node.cpu(), dict(CountedAnswers.counts)
    calls, text, count, waits, seconds = drive(
        node, batches(work / "data", arguments.lines), arguments.calls, arguments.seconds
    )
    cpu = node.stop() - before
    counts = {name: number - started.get(name, 0) for name, number in CountedAnswers.counts.items()}
    if arguments.bucket:
        stored = sum(len(body) for key, body in s3.objects.items() if "/segments/logs" in key)
        flushed = counts.get("PUT manifest", 0)
    else:
        folder = work / "run" / "data" / "store" / "objects" / "segments" / "logs"
        stored = sum(path.stat().st_size for path in folder.iterdir())
        flushed = len(list(folder.glob("*.parquet")))
    sets = {
        "log_share": 1, "metric_share": 0, "event_share": 0, "log_call_lines": arguments.lines, "log_bytes": text / count,
        "core_speed": core_speed, "object_durability": int(arguments.bucket), "put_ms": arguments.put_ms, "catalog_writes_minute": 0,
    }  # fmt: skip
    model = [arguments.model or arguments.bench, "model", "--run", f"{seconds}", "--gb", f"{text / 1e9}"]
    for name, value in sets.items():
        model += ["--set", f"{name}={value}"]
    said = subprocess.run([str(part) for part in model], check=True, capture_output=True, text=True).stdout
    predicted = {row[1].strip(): float(row[2].replace(",", "")) for row in (line.split("|") for line in said.splitlines()[2:])}
    measured = {
        "records": count,
        "calls": calls,
        "CPU s of ingest": cpu,
        "MB stored": stored / 1e6,
        "flushes": flushed,
        "PUT of the journal": counts.get("PUT journal"),
        "MB of the journal": CountedAnswers.put_bytes["journal"] / 1e6 if arguments.bucket else None,
        "PUT of segments": counts.get("PUT segments"),
        "PUT of the manifest": counts.get("PUT manifest"),
        # Of the whole call, of which the journal is the most with a bucket.
        "ms until a call is answered, of the journal": sum(waits) / len(waits) * 1e3 if arguments.bucket else None,
    }
    print(f"{text / 1e6:.1f} MB of text in {seconds:.1f} s, core_speed {core_speed:.2f}, requests {counts}\n")
    print("| figure | predicted | measured | predicted / measured |\n| --- | --: | --: | --: |")
    for name, value in measured.items():
        if value is not None:
            ratio = f"{predicted[name] / value:.2f}" if value else ""
            print(f"| {name} | {predicted[name]:,.4g} | {value:,.4g} | {ratio} |")
    if arguments.bucket:
        s3.close()
    shutil.rmtree(work, ignore_errors=True)


main()

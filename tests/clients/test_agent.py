"""The real agent at the real server: files that rotate and are truncated, kill -9 of either side, lost answers, StatsD, a journal."""

import json
import os
import pathlib
import shutil
import signal
import socket
import stat
import struct
import subprocess
import threading
import time

import pytest
from trailwatch import COMPLAINT, Paths, plain_environment, run, wait_until

#: Longest wait for what was written to be stored. A batch waits one second; the rest is for slow machines.
ARRIVED_SECONDS_MAX = 60


class Agent:
    """One `trailwatch agent` with a state directory. `start` may be called again after `stop` or `kill`."""

    def __init__(self, directory, server, endpoint, config):
        self.server, self.endpoint = server, endpoint
        self.config_path, self.log_path = directory / "agent.toml", directory / "agent.log"
        self.config_path.write_text(f"state_dir = '{directory}/state'\nhost = 'h'\nbatch_seconds = 1\nrecord_seconds = 1\n{config}")
        self.process = None

    def start(self):
        arguments = [Paths.server(), "agent", "--config", self.config_path, "--endpoint", self.endpoint]
        environment = plain_environment({**self.server.exports, "AWS_ENDPOINT_URL": "http://127.0.0.1:1"})
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen([str(a) for a in arguments], stderr=log, env=environment)
        return self

    def kill(self):
        self.process.kill()
        self.process.wait(timeout=30)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)

    @property
    def running(self):
        return self.process is not None and self.process.poll() is None

    def log(self):
        return self.log_path.read_text(errors="replace")

    def complaints(self):
        return [line for line in self.log().splitlines() if COMPLAINT.search(line) or "panicked at" in line]


@pytest.fixture
def make_agent(tmp_path):
    """Makes agents, which are killed at the end."""
    made = []

    def make(server, config, endpoint=None):
        directory = tmp_path / f"agent-{len(made)}"
        directory.mkdir()
        made.append(Agent(directory, server, endpoint or server.endpoint, config))
        return made[-1]

    yield make
    for agent in made:
        if agent.running:
            agent.kill()


class Door:
    """A TCP door before a server that comes and goes: it may lead on, be shut, or swallow what is answered."""

    def __init__(self):
        self.target, self.mode = None, "open"
        self.swallowed = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def lead_to(self, server):
        host, port = server.endpoint.removeprefix("http://").split(":")
        self.target = (host, int(port))

    def close(self):
        self.listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with client:
            if self.mode == "shut":
                return
            try:
                upstream = socket.create_connection(self.target, timeout=5)
            except OSError:
                return
            with upstream:
                upstream.settimeout(None)
                threading.Thread(target=self._pump, args=(client, upstream), daemon=True).start()
                self._pump(upstream, client, answers=True)

    def _pump(self, source, sink, answers=False):
        try:
            while part := source.recv(65536):
                if answers and self.mode == "swallow":
                    self.swallowed += 1
                    break
                sink.sendall(part)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


@pytest.fixture
def door():
    door = Door()
    yield door
    door.close()


class LogFile:
    """A log file that a program appends numbered lines to, and that is rotated."""

    def __init__(self, path):
        self.path, self.rotated, self.lines = path, 0, []

    def write(self, count=1):
        with open(self.path, "a") as file:
            for _ in range(count):
                self.lines.append(f"line {len(self.lines)}")
                file.write(self.lines[-1] + "\n")
        return self

    def rename(self):
        self.rotated += 1
        os.rename(self.path, f"{self.path}.{self.rotated}")
        return self

    def copy_truncate(self):
        self.rotated += 1
        shutil.copy(self.path, f"{self.path}.{self.rotated}")
        os.truncate(self.path, 0)
        return self


def stored(server, group, stream="s"):
    """The messages of a stream, in order; empty while there is no stream."""
    logs, messages, token = server.client("logs"), [], {}
    while True:
        try:
            page = logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True, **token)
        except logs.exceptions.ResourceNotFoundException:
            return messages
        messages += [event["message"] for event in page["events"]]
        if token.get("nextToken") == page["nextForwardToken"]:
            return messages
        token = {"nextToken": page["nextForwardToken"]}


def wait_for(server, group, expected, stream="s"):
    wait_until(lambda: len(stored(server, group, stream)) >= len(expected), ARRIVED_SECONDS_MAX, f"{len(expected)} lines in {group}")
    assert stored(server, group, stream) == expected


def files(path, group, more=""):
    return f"[[files]]\npaths = ['{path}']\ngroup = '{group}'\nstream = 's'\n{more}"


@pytest.mark.parametrize("wide", [False, True], ids=["one-name", "glob"])
def test_each_line_arrives_once_and_in_order_across_rotation_and_kill(server, make_agent, tmp_path, wide):
    log, group = LogFile(tmp_path / "app.log"), f"/rotated-{wide}"
    agent = make_agent(server, files(f"{log.path}*" if wide else log.path, group)).start()
    for turn in range(2):
        log.write(20)
        wait_for(server, group, log.lines)
        log.write(20)
        if turn % 2:
            agent.kill()
        log.rename().write(10)
        agent.running or agent.start()
        wait_for(server, group, log.lines)
        log.write(20)
        agent.kill()
        log.copy_truncate().write(10)
        agent.start()
        wait_for(server, group, log.lines)
        log.write(5).copy_truncate().write(3)
        wait_for(server, group, log.lines)
    assert agent.stop() == 0
    log.write(1)
    agent.start()
    wait_for(server, group, log.lines)
    assert agent.stop() == 0
    assert not agent.complaints()


def test_kills_while_lines_come_lose_and_repeat_nothing(server, make_agent, tmp_path):
    log, group = LogFile(tmp_path / "app.log"), "/killed"
    agent = make_agent(server, files(log.path, group)).start()
    for turn in range(8):
        log.write(200)
        # Each time at another moment of a batch's life.
        found = turn * 200
        wait_until(lambda: not agent.running or len(stored(server, group)) > found - 150, ARRIVED_SECONDS_MAX, "some lines")
        agent.kill()
        log.write(3)
        agent.start()
    wait_for(server, group, log.lines)


def test_a_server_that_goes_and_answers_that_are_lost(make_server, make_agent, tmp_path, door):
    server = make_server().start()
    door.lead_to(server)
    log, group = LogFile(tmp_path / "app.log"), "/outage"
    agent = make_agent(server, files(log.path, group), door.endpoint).start()
    wait_for(server, group, log.write(10).lines)

    # Stored, but the agent does not hear of it; and then it is killed.
    door.mode = "swallow"
    log.write(10)
    wait_until(lambda: len(stored(server, group)) == 20, ARRIVED_SECONDS_MAX, "a batch whose answer is lost")
    agent.kill()
    door.mode = "open"
    agent.start()
    wait_for(server, group, log.write(10).lines)

    door.mode = "swallow"
    log.write(10)
    wait_until(lambda: len(stored(server, group)) == 40, ARRIVED_SECONDS_MAX, "a batch whose answer is lost")
    door.mode = "open"
    wait_for(server, group, log.write(10).lines)

    door.mode = "shut"
    server.stop()
    log.write(10)
    wait_until(lambda: "not delivered" in agent.log().rpartition("had arrived")[2], ARRIVED_SECONDS_MAX, "a word about the outage")
    log.rename().write(10)
    server.start()
    door.lead_to(server)
    door.mode = "open"
    wait_for(server, group, log.lines)
    assert agent.stop() == 0


def test_records_times_and_ends_of_lines(server, make_agent, tmp_path):
    log = tmp_path / "app.log"
    more = "timestamp_format = '%Y-%m-%d %H:%M:%S,%f'\nmulti_line_start = '{timestamp_format}'\ntimezone = 'Europe/Berlin'"
    day = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 3 * 86400))
    log.write_bytes(
        f"{day} 12:00:00,250 ERROR \xff\r\n  at x\r\n  at y\r\n".encode("latin-1") + f"{day} 12:00:01,000 INFO\nunfinished".encode()
    )
    (tmp_path / "app.log.1.gz").write_bytes(b"\x1f\x8b not a log\n")
    make_agent(server, files(f"{tmp_path}/app.log*", "/records", more)).start()
    first, second = f"{day} 12:00:00,250 ERROR \ufffd\n  at x\n  at y", f"{day} 12:00:01,000 INFO"
    wait_for(server, "/records", [first, second])
    events = server.client("logs").get_log_events(logGroupName="/records", logStreamName="s", startFromHead=True)["events"]
    assert events[1]["timestamp"] - events[0]["timestamp"] == 750
    assert time.gmtime(events[0]["timestamp"] / 1000).tm_hour in (10, 11), "noon in Berlin"


def test_one_file_by_flags(server, tmp_path):
    log, state = tmp_path / "a.log", tmp_path / "state"
    log.write_text("one\n")
    arguments = ["--state-dir", state, "--log-file", f"{tmp_path}/*.log", "--log-group", "/flags", "--log-stream", "{file}"]
    process = subprocess.Popen(
        [str(a) for a in [Paths.server(), "agent", *arguments]], stderr=subprocess.DEVNULL, env=plain_environment(server.exports)
    )
    try:
        wait_for(server, "/flags", ["one"], stream="a.log")
        assert stat.S_IMODE(state.stat().st_mode) == 0o700
        second = run([Paths.server(), "agent", *arguments], env=plain_environment(server.exports))
        assert second.returncode == 1 and "another agent has the state directory" in second.stderr
    finally:
        process.kill()
        process.wait(timeout=30)


def test_statsd_and_host_metrics(server, cloudwatch, make_agent):
    config = "[metrics]\nnamespace = 'T/Host'\n[statsd]\nlisten = '127.0.0.1:0'\nnamespace = 'T/StatsD'\ninterval_seconds = 2\n"
    agent = make_agent(server, config).start()
    wait_until(lambda: "StatsD listens" in agent.log(), ARRIVED_SECONDS_MAX, "the address of StatsD")
    port = int(agent.log().partition("StatsD listens address=127.0.0.1:")[2].split()[0])
    began = time.time() // 60 * 60
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.sendto(b"hits:2|c|@0.5|#page:cart\ntook:10:20:30|ms\nnonsense", ("127.0.0.1", port))

    def point(namespace, name, dimensions=(), **statistics):
        points = cloudwatch.get_metric_statistics(
            Namespace=namespace, MetricName=name, Dimensions=[{"Name": n, "Value": v} for n, v in dimensions],
            StartTime=began, EndTime=began + 600, Period=600, **statistics,
        )["Datapoints"]
        return points and points[0]

    hits = wait_until(lambda: point("T/StatsD", "hits", [("page", "cart")], Statistics=["Sum"]), ARRIVED_SECONDS_MAX, "a counter")
    assert hits["Sum"] == 4 and hits["Unit"] == "Count"
    took = point("T/StatsD", "took", Statistics=["SampleCount", "Sum", "Maximum"])
    assert (took["SampleCount"], took["Sum"], took["Maximum"], took["Unit"]) == (3, 60, 30, "Milliseconds")
    assert point("T/StatsD", "took", ExtendedStatistics=["p50"])["ExtendedStatistics"]["p50"] == pytest.approx(20, rel=0.02)
    used = wait_until(
        lambda: point("T/Host", "mem_used_percent", [("host", "h")], Statistics=["Average"]), ARRIVED_SECONDS_MAX, "memory"
    )
    assert 0 < used["Average"] <= 100
    # What came since the last flush is sent at the end.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.sendto(b"last:1|g", ("127.0.0.1", port))
        wait_until(lambda: not udp_waiting(port), ARRIVED_SECONDS_MAX, "the packet to be read")
    assert agent.stop() == 0
    assert wait_until(lambda: point("T/StatsD", "last", Statistics=["Sum"]), ARRIVED_SECONDS_MAX, "the last gauge")["Sum"] == 1
    (complaint,) = agent.complaints()
    assert "malformed=1" in complaint


def udp_waiting(port):
    """Bytes that wait at a UDP port of loopback."""
    with open("/proc/net/udp") as table:
        rows = [line.split() for line in table.readlines()[1:]]
    return sum(int(row[4].split(":")[1], 16) for row in rows if row[1].endswith(f":{port:04X}"))


JOURNALCTL = """#!/bin/sh
# Stands for journalctl: entries 1 to 3 after the cursor, then silence.
[ "$1" = --version ] && exit 0
echo $$ > "$0.pid"
after=0
for argument in "$@"; do case $argument in --after-cursor=*) after=${argument#*=};; esac; done
for number in 1 2 3; do
  [ "$number" -gt "$after" ] && echo "{\\"__CURSOR\\":\\"$number\\",\\"__REALTIME_TIMESTAMP\\":\\"$(date +%s)00000$number\\",\\"MESSAGE\\":\\"m$number\\"}"
done
exec tail -f /dev/null
"""


def test_a_journal_is_followed_from_its_cursor_and_one_that_is_absent_is_told(server, make_agent, tmp_path):
    program = tmp_path / "journalctl"
    program.write_text(JOURNALCTL)
    program.chmod(0o755)
    section = "[[journal]]\ngroup = '/journal'\nstream = 's'\nfrom_beginning = true\nprogram = '{}'\n"
    agent = make_agent(server, section.format(program) + section.format(tmp_path / "nothing").replace("/journal", "/absent")).start()
    wait_until(lambda: len(stored(server, "/journal")) == 3, ARRIVED_SECONDS_MAX, "three entries")
    assert agent.stop() == 0
    agent.start()
    wait_until(lambda: agent.log().count("/nothing is not installed") == 2, ARRIVED_SECONDS_MAX, "the second start")
    assert agent.stop() == 0
    child = int((tmp_path / "journalctl.pid").read_text())
    wait_until(lambda: not os.path.exists(f"/proc/{child}"), ARRIVED_SECONDS_MAX, "the end of journalctl")
    assert [json.loads(message) for message in stored(server, "/journal")] == [{"message": f"m{n}"} for n in (1, 2, 3)]


JOURNAL_REMOTE = pathlib.Path("/lib/systemd/systemd-journal-remote")
BOOT = "0123456789abcdef0123456789abcdef"


class JournalFiles:
    """A journal of real files, which systemd-journal-remote writes from the export format."""

    def __init__(self, directory):
        directory.mkdir()
        self.directory, self.written = directory, 0

    def write(self, *entries):
        text = b""
        for entry in entries:
            self.written += 1
            clocks = {"__REALTIME_TIMESTAMP": int(time.time() * 1_000_000), "__MONOTONIC_TIMESTAMP": self.written * 1_000_000}
            for name, value in {**clocks, "_BOOT_ID": BOOT, **entry}.items():
                value = value if isinstance(value, bytes) else str(value).encode()
                # A text with line breaks is written with its length.
                is_plain = b"\n" not in value
                text += name.encode() + (b"=" + value if is_plain else b"\n" + struct.pack("<Q", len(value)) + value) + b"\n"
            text += b"\n"
        arguments = [str(JOURNAL_REMOTE), f"--output={self.directory}/web.journal", "-"]
        done = subprocess.run(arguments, input=text, capture_output=True, timeout=60)
        assert done.returncode == 0, done.stderr


@pytest.mark.skipif(shutil.which("journalctl") is None or not JOURNAL_REMOTE.exists(), reason="journalctl or systemd-journal-remote is not installed")
def test_a_real_journal_is_followed_once_and_in_order(server, make_agent, tmp_path):
    journal = JournalFiles(tmp_path / "journal")
    journal.write(
        {"MESSAGE": "first", "PRIORITY": 6, "SYSLOG_IDENTIFIER": "shop", "_SYSTEMD_UNIT": "shop.service", "_PID": 77},
        {"MESSAGE": "of another unit", "_SYSTEMD_UNIT": "cron.service"},
        {"MESSAGE": "two\nlines", "_SYSTEMD_UNIT": "shop.service"},
    )
    section = "[[journal]]\ngroup = '{}'\nstream = 's'\ndirectory = '{}'\n"
    of_unit = section.format("/unit", journal.directory) + "units = ['shop.service']\nfrom_beginning = true\n"
    agent = make_agent(server, of_unit + section.format("/everything", journal.directory)).start()
    wait_until(lambda: len(stored(server, "/unit")) == 2, ARRIVED_SECONDS_MAX, "what was there")
    # The other one begins behind the last entry, which it has found when its cursor is on the disk.
    positions = agent.config_path.parent / "state" / "positions.json"
    wait_until(lambda: positions.exists() and "/everything" in positions.read_text(), ARRIVED_SECONDS_MAX, "the cursor")
    # While it runs, killed and started again, and stopped: each entry comes once.
    journal.write({"MESSAGE": "while it runs", "_SYSTEMD_UNIT": "shop.service"})
    wait_until(lambda: len(stored(server, "/unit")) == 3, ARRIVED_SECONDS_MAX, "an entry as it comes")
    wait_until(lambda: len(stored(server, "/everything")) == 1, ARRIVED_SECONDS_MAX, "the same in the other group")
    agent.kill()
    journal.write({"MESSAGE": "while it was dead", "_SYSTEMD_UNIT": "shop.service"})
    agent.start()
    wait_until(lambda: len(stored(server, "/unit")) == 4, ARRIVED_SECONDS_MAX, "what came meanwhile")
    assert agent.stop() == 0
    journal.write({"MESSAGE": b"no \xff text", "_SYSTEMD_UNIT": "shop.service"}, {"MESSAGE": "the last", "_SYSTEMD_UNIT": "cron.service"})
    agent.start()
    wait_until(lambda: len(stored(server, "/everything")) == 4, ARRIVED_SECONDS_MAX, "the last entries")
    wait_until(lambda: len(stored(server, "/unit")) == 5, ARRIVED_SECONDS_MAX, "the last of the unit")
    assert agent.stop() == 0
    entries = [json.loads(message) for message in stored(server, "/unit")]
    assert entries[0] == {"message": "first", "unit": "shop.service", "identifier": "shop", "priority": "6", "pid": "77"}
    assert [entry["message"] for entry in entries] == ["first", "two\nlines", "while it runs", "while it was dead", "no \ufffd text"]
    everything = [json.loads(message)["message"] for message in stored(server, "/everything")]
    assert everything == ["while it runs", "while it was dead", "no \ufffd text", "the last"]
    assert not agent.complaints()


def test_wrong_usage_is_told_before_anything_is_done(server, tmp_path):
    def usage(*arguments, **environment):
        done = run([Paths.server(), "agent", *arguments], env=plain_environment({**server.exports, **environment}), cwd=tmp_path)
        return done.returncode, done.stderr

    (tmp_path / "wrong.toml").write_text("colour = 'red'\n")
    for arguments, word in [
        ([], "nothing to collect"),
        (["--log-file", "x"], "--log-group"),
        (["--config", "wrong.toml"], "colour"),
        (["--config", "absent.toml"], "absent.toml"),
        (["--log-file", "x", "--log-group", "g", "--multi-line-start", "("], "multi_line_start"),
    ]:
        code, text = usage(*arguments)
        assert code == 2 and word in text, text
    code, text = usage("--host-metrics", AWS_ACCESS_KEY_ID="")
    assert code == 1 and "AWS_ACCESS_KEY_ID" in text, text
    assert os.listdir(tmp_path) == ["wrong.toml"]

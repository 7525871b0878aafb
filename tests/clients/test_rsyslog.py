"""A real rsyslogd that forwards to the syslog port with the very lines of docs/other-ways-in.md."""

import pathlib
import re
import shutil
import subprocess
import time

import pytest
from trailwatch import run, wait_until

DOCUMENT = pathlib.Path(__file__).parents[2] / "docs" / "other-ways-in.md"
RSYSLOGD = shutil.which("rsyslogd") or shutil.which("rsyslogd", path="/usr/sbin:/sbin")


@pytest.fixture
def server(make_server, tmp_path):
    config = tmp_path / "trailwatch.toml"
    config.write_text('[syslog]\ntcp = "127.0.0.1:0"\nlog_group = "/hosts"\n')
    return make_server("server", "--config", config).start()


def documented(port):
    """What the document has users write, with the port of this server."""
    section = DOCUMENT.read_text().split("### rsyslog")[1]
    block = section.split("```")[1]
    assert block.count("5514") == 1, block
    return block.replace("5514", str(port))


@pytest.fixture
def rsyslogd(server, tmp_path):
    """rsyslogd as its own process: nothing of the machine's, one socket for `logger`; answers the socket's path."""
    (port,) = re.findall(r"listening for syslog over TCP address=127\.0\.0\.1:(\d+)", server.log())
    config, socket, pid = tmp_path / "rsyslog.conf", tmp_path / "log", tmp_path / "pid"
    config.write_text(
        'global(localHostname="web-1")\n'
        f'module(load="imuxsock" SysSock.Use="off")\ninput(type="imuxsock" Socket="{socket}" RateLimit.Interval="0")\n'
        + documented(port)
    )
    checked = run([RSYSLOGD, "-N1", "-f", config])
    assert checked.returncode == 0, checked.stderr
    with open(tmp_path / "rsyslogd.log", "wb") as log:
        process = subprocess.Popen([RSYSLOGD, "-n", "-f", str(config), "-i", str(pid)], stdout=log, stderr=log)
    try:
        wait_until(socket.exists, 30, "rsyslogd's socket")
        yield socket
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.mark.skipif(RSYSLOGD is None, reason="rsyslogd is not installed")
@pytest.mark.skipif(shutil.which("logger") is None, reason="logger is not on PATH")
def test_rsyslog_forwards_what_it_is_told(server, rsyslogd):
    began = int(time.time()) * 1000
    texts = ["hello from rsyslog", "Grüße, 日本", 'quotes " and \\ and %d', "x" * 5_000]
    texts += [f"line {n}" for n in range(200)]
    for text in texts[:4]:
        assert run(["logger", "--socket", rsyslogd, "--tag", "shop", "--id=77", "--priority", "local3.err", "--size", "8192", text]).returncode == 0
    many = run(["logger", "--socket", rsyslogd, "--tag", "shop"], input="\n".join(texts[4:]) + "\n")
    assert many.returncode == 0, many.stderr
    logs = server.client("logs")

    def events():
        try:
            return logs.get_paginator("filter_log_events").paginate(logGroupName="/hosts").build_full_result()["events"]
        except logs.exceptions.ResourceNotFoundException:
            return []

    of_shop = lambda: [event for event in events() if " shop " in event["message"]]
    wait_until(lambda: len(of_shop()) >= len(texts), 60, "all messages")
    found = of_shop()
    assert {event["logStreamName"] for event in found} == {"web-1"}
    # RFC 5424, as rsyslog writes it: priority 8 * 19 + 3, version, time, host, tag, process, and the text to its last byte.
    head = re.compile(r"<155>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\S+ web-1 shop 77 - +- +")
    firsts = [event for event in found if event["message"].startswith("<155>1 ")]
    assert sorted(head.sub("", event["message"]) for event in firsts) == sorted(texts[:4])
    rest = [event["message"].rpartition(" - ")[2].strip() for event in found if event not in firsts]
    assert sorted(rest) == sorted(texts[4:])
    assert all(began <= event["timestamp"] <= int(time.time() * 1000) for event in found)

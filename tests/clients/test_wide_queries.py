"""Wide SQL queries on Ballista: the answers of one process, whoever is killed meanwhile.

Needs a server with the cargo feature `cluster`; any other has no scheduler, and the tests are skipped."""

import json
import re
import subprocess
import threading
import time

import pytest
from s3_stand_in import S3StandIn
from trailwatch import READY_SECONDS_MAX, Paths, plain_environment, run, wait_until

#: Lines of log, in calls of PutLogEvents; each call is of a stream of its own.
STREAMS, LINES = 20, 2500
#: A scheduler of a build without it says so before it reads its arguments.
IS_MISSING = "has no scheduler" in run([Paths.server(), "scheduler", "--listen", "nowhere"]).stderr
pytestmark = pytest.mark.skipif(IS_MISSING, reason="this trailwatch was built without the feature `cluster`")

OURS = "source = 'logs.amazonaws.com' AND name IN ('CreateLogGroup', 'CreateLogStream')"
STATEMENTS = [
    "SELECT count(*) AS n, min(timestamp) AS a, max(timestamp) AS b FROM logs WHERE log_group = 'shop'",
    "SELECT log_stream, count(*) AS n FROM logs WHERE log_group = 'shop' GROUP BY log_stream ORDER BY log_stream",
    "SELECT json_extract_scalar(message, '$.level') AS l, count(*) AS n FROM logs WHERE log_group = 'shop' GROUP BY l ORDER BY l",
    "SELECT log_stream, max(message) AS m FROM logs WHERE log_group = 'shop' AND message LIKE '%77%' GROUP BY 1 ORDER BY 1",
    "SELECT replace(message, 'level', 'L') || '.' AS m FROM logs WHERE log_group = 'shop' AND message LIKE '%\"n\":1234}%' ORDER BY m",
    "SELECT log_stream, percentile_cont(0.9) WITHIN GROUP (ORDER BY CAST(length(message) AS DOUBLE)) AS p FROM logs WHERE log_group = 'shop' GROUP BY 1 ORDER BY 1",
    "SELECT json_extract_scalar(message, '$.n') AS n, count(*) AS c FROM logs WHERE log_group = 'shop' GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 7",
    f"SELECT name, username, count(*) AS n FROM events WHERE {OURS} GROUP BY name, username ORDER BY name",
    f"SELECT name, date_trunc('day', time) AS d, count(*) AS n FROM events WHERE {OURS} GROUP BY name, d ORDER BY name, d",
    f"SELECT name, count(DISTINCT event_id) AS n FROM events WHERE {OURS} GROUP BY name ORDER BY name",
    f"SELECT name, string_agg(json_extract_scalar(record, '$.eventID'), ',' ORDER BY time, event_id) AS s FROM events WHERE {OURS} GROUP BY name ORDER BY name",
]
#: Takes a while for each line that is read: in the first step of the plan.
SLOW = """
    SELECT log_stream, sum(levenshtein(m, reverse(m))) AS n FROM
    (SELECT log_stream, message || message || message AS m FROM logs
     WHERE log_group = 'shop' AND (message LIKE '%3}' OR message LIKE '%6}')) GROUP BY 1 ORDER BY 1"""
#: Takes a while for each group: in the second step, which fetches the rows of the first.
SLOW_LATER = """
    SELECT sum(levenshtein(m, reverse(m))) AS n FROM
    (SELECT message || message || message || message || message AS m, count(*) AS c FROM logs WHERE log_group = 'shop' GROUP BY 1)
    WHERE c > 0"""


class Process:
    """A scheduler or an executor."""

    def __init__(self, name, folder, *arguments):
        self.log_path = folder / f"{name}.log"
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [str(a) for a in (Paths.server(), *arguments)], stdout=subprocess.PIPE, stderr=log, text=True, env=plain_environment({})
            )
        self.line = self.process.stdout.readline()
        assert self.line, self.log_path.read_text()

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(timeout=60)


@pytest.fixture
def processes():
    started = []
    yield started
    for process in started:
        process.kill()


def sql(server, statement):
    # An own call with more time than `trailwatch.run` has: some builds are slow.
    done = subprocess.run(
        [str(Paths.server()), "sql", "--format", "json", statement], capture_output=True, text=True, timeout=300, env=server.environment()
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def place(server, statement):
    """What EXPLAIN says of where a statement runs."""
    return next(row["plan"] for row in sql(server, f"EXPLAIN {statement}") if row["plan_type"] == "runs")


def fill(server):
    logs, now = server.client("logs"), int(time.time() * 1000) - 60_000
    logs.create_log_group(logGroupName="shop")
    for stream in range(STREAMS):
        logs.create_log_stream(logGroupName="shop", logStreamName=f"s{stream:02}")
        level = lambda n: "error" if n % 7 == 0 else "info"  # noqa: E731
        lines = [
            {"timestamp": now + n, "message": json.dumps({"level": level(n), "text": "x" * (n % 80), "n": n}, separators=(",", ":"))}
            for n in range(LINES)
        ]
        logs.put_log_events(logGroupName="shop", logStreamName=f"s{stream:02}", logEvents=lines)


def started_scheduler(processes, folder, port=0):
    scheduler = Process("scheduler", folder, "scheduler", "--listen", f"127.0.0.1:{port}")
    processes.append(scheduler)
    return scheduler, re.search(r"listening on (\S+)", scheduler.line)[1]


def started_executor(processes, folder, name, address, *where):
    """`where` says where records are."""
    executor = Process(
        name, folder, "executor", "--scheduler", address, *where, "--listen", "127.0.0.1:0", "--tasks", "1", "--work-dir", folder / name
    )
    executor.work_dir = folder / name
    processes.append(executor)
    return executor


def has_rows(executor, step):
    """Whether a task of a step of a query has written something there."""
    return any(path.is_file() for path in executor.work_dir.glob(f"executor-*/*/{step}/*/*"))


def test_answers_are_those_of_one_process_whoever_is_killed(make_server, tmp_path, processes):
    alone = make_server("data").start()
    fill(alone)
    answers = {statement: sql(alone, statement) for statement in [*STATEMENTS, SLOW, SLOW_LATER]}
    assert all(answers.values()), "a statement tests nothing"
    assert alone.stop() == 0

    scheduler, address = started_scheduler(processes, tmp_path)
    config = tmp_path / "wide.toml"
    config.write_text(f'[ballista]\nscheduler = "{address}"\nwide_bytes = 0\ntasks = 8\n')
    server = make_server("data", "--config", config)
    server.start()
    executors = [started_executor(processes, tmp_path, f"executor-{n}", address, "--data-dir", tmp_path / "data") for n in range(3)]
    # Until an executor is there a query is run here, with a warning. Both servers have the same log.
    for one in (alone, server):
        one.expect_complaint("a wide query is (tried again|run here)")

    def warnings():
        return server.log().count("a wide query is run here")

    def is_run_elsewhere():
        before = warnings()
        assert sql(server, STATEMENTS[0]) == answers[STATEMENTS[0]]
        return warnings() == before

    wait_until(is_run_elsewhere, READY_SECONDS_MAX, f"a query runs elsewhere\n{server.log()[-3000:]}")
    before = warnings()
    for statement in STATEMENTS:
        assert place(server, statement).startswith("elsewhere: "), place(server, statement)
        assert sql(server, statement) == answers[statement], statement
    assert warnings() == before, server.log()[-3000:]
    # The newest rows are found here, and what masks or joins stays here.
    assert place(server, "SELECT time FROM events ORDER BY time DESC LIMIT 3").startswith("here: ")

    # An executor is killed when it has rows: of the first step, which another makes again, or is about to fetch; and of the second, so
    # that rows that were fetched before are gone, too. Those that are left go on with all that is asked later.
    for statement, step in [(SLOW, 1), (SLOW_LATER, 2)]:
        lost, found = executors.pop(), []
        for path in lost.work_dir.rglob("*"):
            if path.is_file():
                path.unlink(missing_ok=True)
        query = threading.Thread(target=lambda s=statement, f=found: f.append(sql(server, s)))
        query.start()
        wait_until(lambda e=lost, k=step: has_rows(e, k) or not query.is_alive(), READY_SECONDS_MAX, "a task ran")
        lost.kill()
        query.join(timeout=300)
        assert found == [answers[statement]]
        assert sql(server, STATEMENTS[step]) == answers[STATEMENTS[step]]
        assert warnings() == before, server.log()[-3000:]

    # Without a scheduler there is an answer all the same.
    scheduler.kill()
    assert sql(server, STATEMENTS[1]) == answers[STATEMENTS[1]]
    assert warnings() == before + 1, server.log()[-3000:]
    # One that is back is asked again, with a new executor.
    executors[0].kill()
    port = int(address.rpartition(":")[2])
    started_scheduler(processes, tmp_path, port)
    started_executor(processes, tmp_path, "executor-3", address, "--data-dir", tmp_path / "data")
    wait_until(is_run_elsewhere, READY_SECONDS_MAX, f"a query runs elsewhere again\n{server.log()[-3000:]}")


def test_executors_read_records_from_the_bucket(make_server, tmp_path, processes):
    s3 = S3StandIn("records")
    try:
        _, address = started_scheduler(processes, tmp_path)
        config = tmp_path / "bucket.toml"
        config.write_text(
            f'[store]\nurl = "s3://records/all"\nendpoint = "{s3.endpoint}"\ndurability = "object"\naccess_key_id = "KEY"\n'
            f'secret_access_key = "hidden"\n[ballista]\nscheduler = "{address}"\nwide_bytes = 0\n'
        )
        started_executor(processes, tmp_path, "executor", address, "--config", config)
        server = make_server("node", "--config", config)
        server.start()
        server.expect_complaint("a wide query is (tried again|run here)")
        fill(server)
        # What is in memory goes to segments, which are what is counted and read elsewhere.
        assert server.stop() == 0
        server.start()
        statement = "SELECT count(*) AS n FROM logs WHERE log_group = 'shop'"
        assert place(server, statement).startswith("elsewhere: "), place(server, statement)

        def is_run_elsewhere():
            before = server.log().count("a wide query is run here")
            assert sql(server, statement) == [{"n": STREAMS * LINES}]
            return server.log().count("a wide query is run here") == before

        wait_until(is_run_elsewhere, READY_SECONDS_MAX, "a query runs elsewhere")
        assert server.stop() == 0
    finally:
        s3.close()

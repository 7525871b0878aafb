"""What the peers' scripts share: CPU time, medians of seven, and the JSON that `bench store-table` reads."""

import argparse
import json
import os
import pathlib
import resource
import statistics
import sys
import time

RUNS = 7
TIME_MIN = 0.5  # seconds; short questions run on, so that their CPU time is well above the clock's step
TIME_MAX = 20.0
FULL_LOG_BYTES = 499.1e6
FULL_EVENTS = 1e6

PHRASE = "upstream connection refused"
NEEDLE = "7f3a91c25be4d608"
RARE_KEY = "AKIA7RARE7RARE7RARE3"
USER = "user-120"
NAME = "ConsoleLogin"
FREE_TEXT = "board-minutes-draft"
WEEK_S = 7 * 86_400


def cpu_seconds():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def bytes_on_disk(path):
    path = pathlib.Path(path)
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


class Peer:
    """The figures of one engine; `ask` measures a question, `load` a load."""

    def __init__(self, engine):
        parser = argparse.ArgumentParser(description=f"Loads the store benchmark's data into {engine} and asks it the same questions.")
        parser.add_argument("--data", type=pathlib.Path, required=True, help="the folder that `bench generate` wrote")
        parser.add_argument("--work", type=pathlib.Path, required=True, help="folder for the engine's own files")
        parser.add_argument("--save", type=pathlib.Path, required=True, help="where the JSON goes")
        parser.add_argument("--threads", type=int, default=os.cpu_count())
        self.options = parser.parse_args()
        self.engine = engine
        self.figures = []
        self.options.work.mkdir(parents=True, exist_ok=True)
        plan = json.loads((self.options.data / "plan.json").read_text())
        self.end = plan["end_ms"] // 1000
        print(f"{engine} ...", file=sys.stderr)

    def file(self, name):
        """The path of a data file, or None when it was not generated."""
        path = self.options.data / name
        return path if path.exists() else None

    def add(self, name, value, **more):
        print(f"  {name}: {value:.3f}", file=sys.stderr)
        self.figures.append({"name": name, "value": value, **more})

    def load(self, work):
        """CPU seconds of `work()`."""
        before = cpu_seconds()
        work()
        return cpu_seconds() - before

    def ask(self, name, question):
        """`question()` gives rows as tuples. A single value is the answer; else the count of rows is."""
        answer = self.answer(question())
        before, started, times = cpu_seconds(), time.perf_counter(), []
        while (len(times) < RUNS or time.perf_counter() - started < TIME_MIN) and (
            len(times) < 3 or time.perf_counter() - started < TIME_MAX
        ):
            began = time.perf_counter()
            rows = question()
            times.append((time.perf_counter() - began) * 1000)
            if self.answer(rows) != answer:
                raise SystemExit(f"{self.engine}: the answer to {name} changes")
        cpu_ms = (cpu_seconds() - before) * 1000 / len(times)
        print(f"  {name}: {answer}", file=sys.stderr)
        self.add(name, statistics.median(times), cpu_ms=cpu_ms, answer=answer)

    @staticmethod
    def answer(rows):
        if len(rows) == 1 and len(rows[0]) == 1:
            return str(rows[0][0])
        return f"{len(rows)} rows"

    def save(self):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        self.add("rss-peak", peak / 1e6)
        self.options.save.write_text(json.dumps({"engine": self.engine, "figures": self.figures}))

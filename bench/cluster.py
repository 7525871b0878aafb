"""Calls a second, and calls for each CPU second of all nodes, of one server on a folder, of one on a bucket, and of clusters of one, two and three
nodes whose clients are spread over all of them. Prints the table of docs/benchmarks.md.

    python3 bench/cluster.py --server PROGRAM --bench PROGRAM --work FOLDER --s3 S3S-FS [--nodes 1,2,3] [--seconds 10] [--connections 16]

PostgreSQL is Debian's (no call here writes to it); the S3 server is `s3s-fs` (crates.io), each a process on loopback whose CPU time is not counted. Needs boto3.
"""

import argparse
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "tests" / "clients"))
import boto3  # noqa: E402
import botocore.config  # noqa: E402
import nodes  # noqa: E402
import postgres  # noqa: E402
import trailwatch  # noqa: E402

#: What is called, in this order: the last two ask for what the first two stored.
WORKLOADS = ["put-log-events-100", "put-metric-data-cbor-1000", "filter-log-events-needle", "get-metric-data"]
KEY, SECRET = "KEY", "hidden"


class Bucket:
    """`s3s-fs` on a folder."""

    def __init__(self, program, folder):
        (folder / "records").mkdir(parents=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        arguments = ["--access-key", KEY, "--secret-key", SECRET, "--host", "127.0.0.1", "--port", str(port), folder]
        self.process = subprocess.Popen([program, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.endpoint = f"http://127.0.0.1:{port}"
        client = boto3.client(
            "s3", endpoint_url=self.endpoint, region_name="us-east-1", aws_access_key_id=KEY, aws_secret_access_key=SECRET,
            config=botocore.config.Config(s3={"addressing_style": "path"}, proxies={}),
        )  # fmt: skip
        trailwatch.wait_until(lambda: answers(client), 30, "the S3 server answers")


def answers(client):
    try:
        return client.list_buckets()
    except botocore.exceptions.BotoCoreError:
        return False


def cpu_ticks(server):
    """CPU time that a server has had, in ticks of the clock."""
    fields = pathlib.Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


class Setup:
    """Servers, and what they share."""

    def __init__(self, arguments, folder, kind, count):
        self.arguments, self.folder, self.bucket, self.database = arguments, folder, None, None
        folder.mkdir(parents=True)
        if kind == "folder":
            self.servers = [self.server("alone").start()]
            return
        self.bucket = Bucket(arguments.s3, folder / "s3")
        if kind == "bucket":
            config = folder / "alone.toml"
            config.write_text(
                f'[store]\nurl = "s3://records/nodes"\ndurability = "object"\nendpoint = "{self.bucket.endpoint}"\n'
                f'access_key_id = "{KEY}"\nsecret_access_key = "{SECRET}"\n'
            )
            self.servers = [self.server("alone", "--config", config).start()]
            return
        self.database = postgres.Postgres().start()
        cluster = nodes.Cluster(self.server, folder, self.database, self.bucket).start(*(f"node-{number}" for number in range(count)))
        self.servers = cluster.running
        for server in cluster.standbys():
            reads = lambda server=server: "answered_reads" in server.http("GET", "/health").json  # noqa: E731
            trailwatch.wait_until(reads, 60, "each node reads")

    def server(self, name, *flags):
        return trailwatch.Server(self.folder / name, *flags)

    def measure(self, workload):
        """Figures of one workload, whose connections are spread over all nodes."""
        saved = self.folder / f"{workload}.json"
        each = [flag for server in self.servers for flag in ("--endpoint", server.endpoint, "--pid", str(server.process.pid))]
        ticks = [cpu_ticks(server) for server in self.servers]
        subprocess.run(
            [self.arguments.bench, "run", *each, "--only", workload, "--save", saved,
             "--seconds", str(self.arguments.seconds), "--connections", str(self.arguments.connections)],
            stdout=subprocess.DEVNULL, env=self.servers[0].environment(), check=True,
        )  # fmt: skip
        [result] = json.loads(saved.read_text())["results"]
        found = result["outcome"]["measured"]
        assert found["errors"] == 0, found
        used = [cpu_ticks(server) - before for server, before in zip(self.servers, ticks)]
        leader = [self.leads(server) for server in self.servers].index(True)
        return found["calls"] / found["seconds"], found["calls"] / found["cpu_seconds"], used[leader] / sum(used), found["p50_ms"], found["p99_ms"]

    @staticmethod
    def leads(server):
        """Whether calls that write are this server's."""
        return server.http("GET", "/health").json.get("role", "leader") == "leader"

    def end(self):
        for server in self.servers:
            server.stop()
        if self.database:
            self.database.remove()
        if self.bucket:
            self.bucket.process.terminate()
            self.bucket.process.wait()
        shutil.rmtree(self.folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", required=True)
    parser.add_argument("--bench", required=True)
    parser.add_argument("--work", required=True, type=pathlib.Path)
    parser.add_argument("--s3", required=True)
    parser.add_argument("--nodes", default="1,2,3")
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--connections", type=int, default=16)
    arguments = parser.parse_args()
    trailwatch.Paths.server = classmethod(lambda _: pathlib.Path(arguments.server))
    os.environ["RUST_LOG"] = "warn"
    setups = [("one server, a folder", "folder", 1), ("one server, a bucket (`durability = \"object\"`)", "bucket", 1)]
    setups += [(f"cluster of {count}", "cluster", int(count)) for count in arguments.nodes.split(",")]
    print("| what | workload | calls/s | calls / CPU s of all nodes | of it the leader's | p50 ms | p99 ms |\n| --- | --- | --: | --: | --: | --: | --: |")
    for name, kind, count in setups:
        setup = Setup(arguments, arguments.work / f"{kind}-{count}", kind, count)
        try:
            for workload in WORKLOADS:
                rate, per_cpu, leader, p50, p99 = setup.measure(workload)
                print(f"| {name} | {workload} | {rate:,.0f} | {per_cpu:,.0f} | {leader:.0%} | {p50:.2f} | {p99:.2f} |", flush=True)
                time.sleep(1)
        finally:
            setup.end()


main()

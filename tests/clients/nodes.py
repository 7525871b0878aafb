"""Several servers on one PostgreSQL and one bucket, and the same in place of the server of any test (`TRAILWATCH_TEST_NODES=3`)."""

import collections.abc
import hashlib
import itertools
import os
import pathlib
import re
import threading

import postgres
from s3_stand_in import S3StandIn
from trailwatch import Server, wait_until

#: Of how many nodes the server of a test is made; 1 is a server that is alone.
NODES = int(os.environ.get("TRAILWATCH_TEST_NODES", "1"))
#: Longest wait for a cluster to come to rest, seconds; a takeover takes some seven.
SECONDS_MAX = 60
#: What nodes say while one of them is lost, all of it on purpose.
PROVOKED = r"lease|leads no more|another node has taken|taken over|poisoned|catalog|PostgreSQL|superseded|audit|append|record|store|bucket|proofs|events for|time to acquire exceeded"


class Work:
    """Threads that call nodes until they are told to stop; those that wait for an answer when a test has failed keep nobody."""

    def __init__(self):
        self.stopping, self.threads = threading.Event(), []

    def begin(self, *works):
        self.threads = [threading.Thread(target=work, args=arguments, daemon=True) for work, *arguments in works]
        for thread in self.threads:
            thread.start()

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(SECONDS_MAX)
            assert not thread.is_alive()


class Cluster:
    """Nodes by name, each with a data directory of its own, and what they share: a database, a bucket, a folder of keys.

    `settings` is the text of a configuration that each node has besides."""

    def __init__(self, make_server, folder, database, s3, settings="", keys="keys"):
        self.make_server, self.folder, self.database, self.s3 = make_server, folder, database, s3
        self.settings, self.keys, self.nodes, self.provoked = settings, keys, {}, None
        self.url = self.database.url("t" + hashlib.sha256(str(folder).encode()).hexdigest()[:20])

    def node(self, name, keys=None, **options):
        """A node that is not started; `options` are `Server`'s."""
        access = {"access_key_id": "KEY", "secret_access_key": "hidden"}
        sections = {
            "store": {"url": "s3://records/nodes", "endpoint": self.s3.endpoint, "durability": "object", **access},
            "endpoints": {"s3": self.s3.endpoint},
            "s3": access,
            "proofs": {"bucket": "records", "prefix": "proofs"},
            "cluster": {"name": name, "keys_dir": self.folder / (keys or self.keys)},
        }
        config = self.folder / f"{name}.toml"
        config.write_text(with_sections(self.settings, sections))
        server = self.make_server(name, "--config", config, "--catalog-url", self.url, **options)
        server.name = name
        if self.provoked:
            server.expect_complaint(self.provoked)
        self.nodes[name] = server
        return server

    def start(self, *names):
        for name in names:
            self.node(name).start()
        self.led()
        return self

    @property
    def running(self):
        return [node for node in self.nodes.values() if node.running]

    def leader(self):
        """The node that leads, or None."""
        for node in self.running:
            try:
                health = node.http("GET", "/health")
            except OSError:
                continue
            if health.status == 200 and health.json["role"] == "leader":
                return node
        return None

    def led(self, but=None):
        """Waits until a node leads that is not `but`, and every other one knows it; answers it."""

        def found():
            nodes = [node for node in self.running if node is not but]
            told = [node.http("GET", "/health").json for node in nodes]
            leaders = [node for node, health in zip(nodes, told) if health["role"] == "leader"]
            if len(leaders) == 1 and {health["leader"] for health in told} == {leaders[0].endpoint}:
                return leaders[0]
            return None

        return wait_until(found, SECONDS_MAX, "one node leads")

    def standbys(self):
        leader = self.led()
        return [node for node in self.running if node is not leader]

    def close(self):
        self.s3.close()
        self.database.remove()


def with_sections(text, sections):
    """A configuration with these keys as well, but for those that it has: they are the test's."""
    for section, keys in sections.items():
        there = re.search(rf"^\[{section}\]\n((?:[^\[\n].*\n?|\n)*)", text, re.MULTILINE)
        missing = [name for name in keys if not there or not re.search(rf"^{name} = ", there[1], re.MULTILINE)]
        lines = "".join(f'{name} = "{keys[name]}"\n' for name in missing)
        text = text[: there.start(1)] + lines + text[there.start(1) :] if there else f"{text}\n[{section}]\n{lines}"
    return text


class Files(collections.abc.MutableMapping):
    """Objects of a bucket as files below a folder, as a server that is alone keeps them: tests look into them, and alter them."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def __getitem__(self, key):
        try:
            return (self.folder / key).read_bytes()
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            raise KeyError(key) from None

    def __setitem__(self, key, body):
        path = self.folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(".unfinished-" + path.name[:200])
        unfinished.write_bytes(body)
        unfinished.replace(path)

    def __delitem__(self, key):
        try:
            (self.folder / key).unlink()
        except FileNotFoundError:
            raise KeyError(key) from None

    def __iter__(self):
        for folder, _, names in os.walk(self.folder):
            for name in names:
                if not name.startswith(".unfinished-"):
                    yield str(pathlib.Path(folder, name).relative_to(self.folder))

    def __len__(self):
        return sum(1 for _ in self)


class Nodes(Server):
    """Three nodes in place of one server. Clients take turns over them; all other calls go to one that follows, which hands them on.

    `data_dir` is the folder that the nodes share: keys, and buckets behind an S3 endpoint. `kill` and `stop` are of all nodes, for
    tests ask what comes of a service that was down; after each `start` another node leads, which has nothing of the last one's disk.
    (`test_cluster.py` is about nodes that follow each other while calls come.)"""

    def __init__(self, data_dir, *flags, environment=None, ca=None):
        flags, self.config = list(flags), None
        if "--config" in flags:
            at = flags.index("--config")
            self.config = pathlib.Path(flags[at + 1])
            del flags[at : at + 2]
        super().__init__(data_dir, *flags, environment=environment, ca=ca)
        self.names, self.cluster, self.turns = ["one", "two", "three"][:NODES], None, None

    # -- life ------------------------------------------------------------------------------------------------------

    def start(self):
        if self.cluster is None:
            s3 = S3StandIn("records", self.bucket)
            self.cluster = Cluster(self.make_node, self.data_dir, postgres.shared(), s3, keys="")
            self.data_dir.mkdir(parents=True, exist_ok=True)
        else:
            self.cluster.s3.listen()
        self.cluster.settings = self.config.read_text() if self.config else ""
        self.names.append(self.names.pop(0))
        first, *others = self.names
        self.cluster.start(first)
        self.cluster.start(*others)
        nodes = self.cluster.nodes
        self.exports, self.endpoint = nodes[others[0]].exports, nodes[others[0]].endpoint
        self.turns = itertools.cycle(self.endpoints)
        return self

    def make_node(self, name, *flags):
        return Server(self.data_dir / name, *self.flags, *flags, environment=self.extra, ca=self.ca)

    def bucket(self, name):
        return Files(self.data_dir / "buckets" / name)

    @property
    def running(self):
        return self.cluster is not None and bool(self.cluster.running)

    @property
    def nodes(self):
        """Those that follow before the one that leads: otherwise they would follow each other on the way."""
        return [self.cluster.nodes[name] for name in reversed(self.names) if name in self.cluster.nodes]

    def stop(self):
        codes = [node.stop() for node in self.nodes]
        self.cluster.s3.close()
        return next((code for code in codes if code != 0), 0)

    def kill(self):
        for node in self.nodes:
            node.kill()
        self.cluster.s3.close()

    def log(self):
        return "".join(node.log() for node in self.nodes) if self.cluster else ""

    @property
    def endpoints(self):
        return [node.endpoint for node in self.nodes]

    # -- callers ---------------------------------------------------------------------------------------------------

    def environment(self, **more):
        return super().environment(**{"AWS_ENDPOINT_URL_S3": self.cluster.s3.endpoint, **more})

    def endpoint_of(self, service, key):
        """Buckets are made and read where they are: at the S3 endpoint, which takes any key; that of a user is a node's to judge."""
        is_bucket = service == "s3" and (key is None or "--open" in self.flags)
        return self.cluster.s3.endpoint if is_bucket else next(self.turns)

"""One real server per test module, on a free loopback port and a fresh data directory; its log must stay clean.

With `TRAILWATCH_TEST_NODES=3` it is a cluster (`nodes.py`)."""

import nodes
import postgres
import pytest
import trailwatch
from s3_stand_in import S3StandIn
from trailwatch import Paths, Peer

if nodes.NODES > 1:
    # Before the tests import it.
    trailwatch.Server = nodes.Nodes
from trailwatch import Server  # noqa: E402

#: What is left out where the server is a cluster (`TRAILWATCH_TEST_NODES`), by file or by file and test, and why.
OF_ONE_SERVER = {
    "test_buckets.py": "a cluster keeps no buckets of its own",
    "test_cluster.py": "it starts nodes of its own",
    "test_cluster_alarms.py": "it starts nodes of its own",
    "test_cluster_cut.py": "it starts nodes of its own",
    "test_cluster_reads.py": "it starts nodes of its own",
    "test_crash.py": "it kills one process and looks into its data directory",
    "test_delta.py": "it exports a data directory that no server has",
    "test_export.py::test_an_export_to_s3_outlives_kill_9": "its S3 endpoint keeps no proofs, which a cluster needs",
    "test_import.py::test_what_differs_from_the_stored_record_is_named[into a data directory]": "it imports into a data directory that no server has",
    "test_import.py::test_all_real_files_go_in_whole_and_only_once": "it imports into a data directory that no server has",
    "test_import_resumes.py::test_an_import_into_a_data_directory_goes_on_after_a_kill": "it imports into a data directory that no server has",
    "test_import_resumes.py::test_an_import_writes_the_log_for_proofs_of_a_new_data_directory_across_a_kill":
        "it imports into a data directory that no server has",
    "test_isolation_of_own_paths.py::test_objects_of_buckets": "a cluster keeps no buckets of its own",
    "test_object_store.py": "it configures the store itself",
    "test_open_data.py": "it reads the segments of a data directory",
    "test_postgresql.py": "it configures the catalog itself",
    "test_process.py::test_a_second_server_on_the_same_data_is_refused": "nodes have no data in common but the bucket's",
    "test_restore.py": "it copies the data directory of one server",
    "test_retention.py::test_events_go_when_the_day_is_over_and_those_that_are_held_stay": "it looks into the catalog's file",
    "test_tls.py": "it makes the certificate of one address",
    "test_wide_queries.py": "its executors read a data directory",
}


def pytest_configure(config):
    if not Paths.server().exists():
        pytest.exit(f"{Paths.server()} is not built; run 'make build'", returncode=4)


def pytest_collection_modifyitems(items):
    for item in items if nodes.NODES > 1 else ():
        test = f"{item.path.name}::{item.name}"
        for left_out, reason in OF_ONE_SERVER.items():
            if test == left_out or test.startswith((f"{left_out}::", f"{left_out}[")):
                item.add_marker(pytest.mark.skip(reason=f"of one server: {reason}"))


@pytest.fixture
def make_server(tmp_path):
    """Makes servers that the test starts, stops and kills itself; whatever still runs at the end is stopped."""
    made = []

    def make(name="data", *flags, **options):
        made.append(Server(tmp_path / name, *flags, **options))
        return made[-1]

    yield make
    for server in made:
        if server.running:
            server.kill()
    complaints = [line for server in made for line in server.complaints()]
    assert not complaints, "the server complained:\n" + "\n".join(complaints[:20])


@pytest.fixture
def cluster(make_server, tmp_path):
    """What nodes share, for a test that starts them, kills them and lets others follow."""
    cluster = nodes.Cluster(make_server, tmp_path, postgres.Postgres().start(), S3StandIn("records"))
    cluster.provoked = nodes.PROVOKED
    yield cluster
    for node in cluster.running:
        node.kill()
    cluster.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The module's server. At the end it must stop cleanly, and its log must hold no unexpected WARN or ERROR."""
    server = Server(tmp_path_factory.mktemp("server") / "data").start()
    yield server
    assert server.running, f"the server died with code {server.process.returncode}:\n{server.log()[-4000:]}"
    assert server.stop() == 0
    complaints = server.complaints()
    assert not complaints, "the server complained:\n" + "\n".join(complaints[:20])


@pytest.fixture(scope="module")
def cloudwatch(server):
    return server.client("cloudwatch")


@pytest.fixture(scope="module")
def logs(server):
    return server.client("logs")


@pytest.fixture(scope="module")
def cloudtrail(server):
    return server.client("cloudtrail")


@pytest.fixture(scope="module", params=["newest", "botocore-1.40"])
def peer(request, server):
    """boto3 as a separate process: the newest (awsJson to CloudWatch), then botocore 1.40 (query to CloudWatch)."""
    peer = Peer(Paths.target / f"venv-{request.param}" / "bin" / "python", server)
    peer.is_old = request.param != "newest"
    yield peer
    peer.close()

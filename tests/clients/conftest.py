"""One real server per test module, on a free loopback port and a fresh data directory; its log must stay clean."""

import pytest
from trailwatch import Paths, Peer, Server


def pytest_configure(config):
    if not Paths.server().exists():
        pytest.exit(f"{Paths.server()} is not built; run 'make build'", returncode=4)


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

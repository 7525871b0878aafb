"""PostgreSQL as a process, for servers whose catalog is in it."""

import atexit
import functools
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

#: Whom it runs as where the tests run as root, whom it refuses.
NOBODY = 65534
#: Longest wait for it to start or to stop, seconds.
SECONDS_MAX = 30


def installed():
    """The folder of its programs: the newest that Debian has, or the one on the path; None where there is none."""
    folders = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name), reverse=True)
    folders += [pathlib.Path(folder) for folder in os.environ.get("PATH", "").split(":")]
    return next((folder for folder in folders if (folder / "initdb").is_file()), None)


class Postgres:
    """One PostgreSQL on a Unix socket in a temporary folder, or at `address`, where it trusts whoever reaches it. Its files are on no disk's
    account (`fsync=off`)."""

    def __init__(self, address=""):
        self.address = address
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tw-pg-"))
        if os.getuid() == 0:
            os.chown(self.folder, NOBODY, NOBODY)
        self.data = self.folder / "data"
        self.make()
        atexit.register(self.remove)

    def make(self):
        self.run("initdb", "-D", self.data, "-U", "trailwatch", "-A", "trust", "-E", "UTF8", "--no-locale", "-N")
        if self.address:
            with open(self.data / "pg_hba.conf", "a") as access:
                access.write("host all all all trust\n")

    def run(self, program, *arguments, check=True):
        user = {"user": NOBODY, "group": NOBODY} if os.getuid() == 0 else {}
        done = subprocess.run(
            [str(a) for a in (installed() / program, *arguments)], cwd=self.folder, timeout=2 * SECONDS_MAX, **user,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )
        assert not check or done.returncode == 0, f"{program}: {done.stderr}"
        return done.returncode == 0

    def start(self):
        options = f"-k {self.folder} -c listen_addresses={self.address} -c fsync=off -c max_connections=200"
        deadline = time.monotonic() + SECONDS_MAX
        # After a kill its processes may still be ending, and the folder is theirs until they have.
        while not self.run("pg_ctl", "-D", self.data, "-l", self.folder / "log", "-o", options, "-w", "start", check=False):
            assert time.monotonic() < deadline, (self.folder / "log").read_text()[-4000:]
            time.sleep(0.2)
        return self

    def kill(self):
        """kill -9: of the process that is told of, whose others end with it."""
        os.kill(int((self.data / "postmaster.pid").read_text().split("\n")[0]), signal.SIGKILL)

    def remove(self):
        if not self.folder.exists():
            return
        self.run("pg_ctl", "-D", self.data, "-m", "immediate", "-w", "stop", check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, database):
        """Where the database of that name is, which is made where it is not there."""
        self.run("createdb", "-h", self.folder, "-U", "trailwatch", database, check=False)
        host = self.address or str(self.folder).replace("/", "%2F")
        return f"postgres://trailwatch@{host}/{database}?sslmode=disable"


class Standby(Postgres):
    """A synchronous standby of `primary`: what that has committed is here, too, before anybody is told."""

    def __init__(self, primary):
        self.primary = primary
        super().__init__()
        self.start()
        self.ask("ALTER SYSTEM SET synchronous_standby_names = '*'")
        self.ask("SELECT pg_reload_conf()")
        deadline = time.monotonic() + SECONDS_MAX
        # Fails, for nobody divides by 0, until the primary waits for this one.
        while not self.ask("SELECT 1 / count(*) FROM pg_stat_replication WHERE sync_state = 'sync'", check=False):
            assert time.monotonic() < deadline, (self.folder / "log").read_text()[-4000:]
            time.sleep(0.1)

    def make(self):
        self.run("pg_basebackup", "-h", self.primary.folder, "-U", "trailwatch", "-D", self.data, "-R", "-X", "stream", "-c", "fast")

    def ask(self, sql, check=True):
        return self.run("psql", "-h", self.primary.folder, "-U", "trailwatch", "-d", "postgres", "-c", sql, check=check)

    def promote(self):
        """It takes writes from now on."""
        self.run("pg_ctl", "-D", self.data, "-w", "promote")


@functools.cache
def shared():
    """The one of all servers of a run with `TRAILWATCH_CATALOG=postgres` or `TRAILWATCH_TEST_NODES`."""
    assert installed(), "TRAILWATCH_CATALOG=postgres and TRAILWATCH_TEST_NODES need PostgreSQL (Debian: apt-get install postgresql)"
    return Postgres().start()

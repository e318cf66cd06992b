"""A Debian host in a folder, with a stand-in for systemd that runs what units say, and a simulated venue that it records."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from sqlalchemy.engine import make_url

from core import redisdb
from core.board import Board
from core.journal import Journal
from core.settings import ROOT
from ops.local.ports import free_port
from ops.local.servers import Postgres, Servers
from ops.verify.run import Doors, Verdict, verify
from tests.debian_root import DebianRoot, debian_root, pip_of_host

#: What deploy.sh would install from Debian, but for one package that is left to it.
PREPARED = ("python3", "python3-venv", "ca-certificates", "postgresql-client-17", "logrotate")
#: Of a place that only changes when somebody works there: apt's lists and its log are those of the one package.
VOLATILE = ("proc", "dev", "run", "tmp", "var/log/tapefarm", "var/lib/tapefarm", "root/.cache")
PATIENCE_SECONDS = 180.0


def eventually(true: Callable[[], Any], otherwise: Callable[[], object] = lambda: "") -> Any:
    until = time.monotonic() + PATIENCE_SECONDS
    while not (found := true()):
        assert time.monotonic() < until, otherwise()
        time.sleep(0.2)
    return found


@dataclass
class Host:
    """A Debian with a copy of this checkout in /src, and what it uses of the machine that it is on."""

    root: DebianRoot
    database_url: str
    redis_url: str
    key_prefix: str
    sandbox: Path

    def deploy(self, *words: str, check: bool = True) -> str:
        done = self.root.run("/src/ops/deploy.sh", *words, check=check)
        return done.stdout + (f"\nstatus {done.returncode}" if done.returncode else "")

    def write(self, name: str, text: str) -> None:
        path = self.root.path / "src" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def read(self, name: str) -> str:
        return (self.root.path / name).read_text()

    def ask(self, code: str, *words: str) -> str:
        """What the release's Python says to that."""
        return self.root.run("/opt/tapefarm/current/.venv/bin/python", "-c", code, *words, folder="/opt/tapefarm/current").stdout.strip()

    @property
    def current(self) -> str:
        return (self.root.path / "opt/tapefarm/current").readlink().name

    @property
    def calls(self) -> list[str]:
        return (self.root.path / "run/machine/calls").read_text().splitlines()

    def starts(self) -> dict[str, int]:
        """How often each unit has been started."""
        found: dict[str, int] = json.loads(self.root.run("systemctl", "starts").stdout)
        return {name: times for name, times in found.items() if times}

    def log(self) -> str:
        """What units said last."""
        return "\n".join(f"{path.name}: {path.read_text()[-500:]}" for path in sorted((self.root.path / "run/machine").glob("*.log")))

    def tree(self) -> dict[str, tuple[object, ...]]:
        """Of each path: kind, mode, owner, group, and what is in it or where it leads."""
        found = {}
        for folder, names, files in os.walk(self.root.path):
            here = os.path.relpath(folder, self.root.path)
            names[:] = [name for name in names if os.path.normpath(f"{here}/{name}") not in VOLATILE]
            for name in (*names, *files):
                path = Path(folder, name)
                seen = path.lstat()
                content = str(path.readlink()) if path.is_symlink() else sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
                found[os.path.normpath(f"{here}/{name}")] = (oct(seen.st_mode), seen.st_uid, seen.st_gid, content)
        return found

    def count(self, table: str) -> int:
        plain = make_url(self.database_url).set(drivername="postgresql").render_as_string(hide_password=False)
        with closing(psycopg2.connect(plain)) as opened, opened.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM {table}")
            return int(cursor.fetchall()[0][0])

    def verdicts(self) -> dict[str, Verdict]:
        redis = redisdb.connect(self.redis_url, timeout_seconds=5)
        doors = Doors(self.database_url, Journal(redis, self.key_prefix), Board(redis, self.key_prefix), self.sandbox)
        return verify(doors, ["binance"], timeout_seconds=PATIENCE_SECONDS, say=lambda _: None)["binance"]


def over_network(url: str, private_servers: Callable[[], Servers]) -> str:
    """Our private server asks on its socket for nothing, and lets nobody but its own account at it; over TCP it asks for a password."""
    parts = make_url(url)
    if parts.host:
        return url
    server = private_servers().postgres.server
    assert isinstance(server, Postgres)
    return make_url(server.tcp_url).set(database=parts.database).render_as_string(hide_password=False)


@contextmanager
def running(argv: list[str], **options: Any) -> Iterator["subprocess.Popen[bytes]"]:
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, **options) as process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


@contextmanager
def rented(*packages: str) -> Iterator[DebianRoot]:
    """A host with this version's files on it, and its first program running."""
    variables, folders = pip_of_host()
    with debian_root(include=(*PREPARED, *packages), shared=folders) as system:
        root = DebianRoot(system.path, system.shared, variables)
        listed = [
            "--exclude=./.venv",
            "--exclude=./.farm",
            "--exclude=./.git",
            "--exclude=./tests",
            "--exclude=__pycache__",
            "--exclude=./.env",
        ]
        (root.path / "src").mkdir()
        with subprocess.Popen(["tar", "-C", ROOT, *listed, "-c", "."], stdout=subprocess.PIPE) as packing:
            subprocess.run(["tar", "-C", root.path / "src", "--no-same-owner", "-x"], stdin=packing.stdout, check=True)
        for name in ("systemctl", "systemctl-serve", "ufw"):
            shutil.copy(Path(__file__).with_name("machine.py"), root.path / "usr/local/sbin" / name)
            (root.path / "usr/local/sbin" / name).chmod(0o755)
        with running(root.command("python3", "/usr/local/sbin/systemctl-serve")):
            eventually((root.path / "run/machine/socket").exists)
            yield root


def settle(root: DebianRoot, **settings: str) -> None:
    """As an operator would in .env of the version's folder."""
    (root.path / "src/.env").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))


@pytest.fixture(scope="module")
def prepared() -> Iterator[DebianRoot]:
    with rented() as root:
        yield root


@pytest.fixture(scope="module")
def host(
    prepared: DebianRoot,
    empty_database: Callable[[str], str],
    private_servers: Callable[[], Servers],
    redis_url: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Host]:
    """It records a simulated venue with two replicas, into servers elsewhere."""
    port, place, prefix = free_port(), tmp_path_factory.mktemp("sandbox"), f"test-{os.getpid()}-deploy"
    found = Host(prepared, over_network(empty_database("template0"), private_servers), redis_url, prefix, place)
    settings = {
        "DATABASE_URL": found.database_url,
        "REDIS_URL": redis_url,
        "KEY_PREFIX": prefix,
        "REPLICAS": "a,b",
        "FARM_VENUES": "binance",
        "BINANCE_WS_URL": f"ws://127.0.0.1:{port}/binance",
        "BINANCE_REST_URL": f"http://127.0.0.1:{port}/binance",
        **{f"FARM_{name}_PORT": str(free_port()) for name in ("FLOWER", "CONSOLE", "HEALTH")},
    }
    settle(prepared, **settings)
    play = [sys.executable, "-m", "sandbox", "--venues", "binance", "--root", str(place), "--port", str(port), "--rate", "50"]
    with running([*play, "--symbols", "20"], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):
        yield found
    with closing(redisdb.connect(redis_url, timeout_seconds=5)) as client:
        for key in client.scan_iter(match=f"{prefix}:*", count=1000):
            client.delete(key)

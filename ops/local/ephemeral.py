"""Private PostgreSQL and Redis for a test or a benchmark: own folders, own ports, gone with the process that asked."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import psutil

from ops.local.accounts import reaches, unprivileged
from ops.local.errors import NotReady
from ops.local.launch import bound_argv
from ops.local.locks import try_exclusive
from ops.local.ports import free_port
from ops.local.postgres import Postgres, prepare_postgres
from ops.local.redis import prepare_redis
from ops.local.runtime import Runtime, ensure_runtime
from ops.local.server import Server, is_alive

CHECKOUT = Path(__file__).resolve().parents[2]
_PREFIX = "tapefarm-test-"
_MEMORY = 4 * 2**30
_READY_SECONDS = 30.0
_GONE_SECONDS = 10.0


@dataclass
class Running:
    """A server under our hands: tests may kill it and start it again on the same data and port."""

    server: Server
    process: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def log(self) -> Path:
        return self.server.data.with_name(f"{self.server.name}.log")

    def start(self) -> Self:
        argv = bound_argv(self.server.argv, account=self.server.account, death_signal="KILL")
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                argv,
                env=self.server.env,
                cwd=self.server.data,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            self.server.wait_ready(_READY_SECONDS)
        except NotReady as exc:
            self.kill()
            raise NotReady(f"{exc}\n{self.log.read_text(errors='replace')[-2000:]}") from exc
        return self

    def stop(self) -> None:
        self._end(getattr(signal, f"SIG{self.server.stop_signal}"))

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def _end(self, number: int) -> None:
        if self.process and self.process.poll() is None:
            children = psutil.Process(self.process.pid).children(recursive=True)
            self.process.send_signal(number)
            try:
                self.process.wait(self.server.stop_seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            # A killed PostgreSQL cannot start again before its last session has noticed.
            _wait_gone(children)
        self.process = None


def _wait_gone(processes: list[psutil.Process]) -> None:
    deadline = time.monotonic() + _GONE_SECONDS
    while any(is_alive(process) for process in processes) and time.monotonic() < deadline:
        time.sleep(0.01)


@dataclass(frozen=True)
class Servers:
    """Both servers of one test run."""

    folder: Path
    postgres: Running
    redis: Running

    @property
    def database_url(self) -> str:
        return self.postgres.server.url

    @property
    def tcp_database_url(self) -> str:
        assert isinstance(self.postgres.server, Postgres)
        return self.postgres.server.tcp_url

    @property
    def redis_url(self) -> str:
        return self.redis.server.url

    @property
    def environ(self) -> dict[str, str]:
        return {"DATABASE_URL": self.database_url, "REDIS_URL": self.redis_url}


@contextmanager
def ephemeral_servers(
    tmpdir: Path, *, durable: bool = False, runtime: Runtime | None = None, say: Callable[[str], None] = lambda _: None
) -> Iterator[Servers]:
    """Running servers on empty data folders; stopped and removed at the end, and dead with this process in any case.

    `durable` keeps the production settings. To be called from a thread that lives as long as the servers shall.
    """
    runtime = runtime or ensure_runtime(CHECKOUT / ".farm/runtime", say)
    with _folder(tmpdir) as folder:
        postgres = Running(prepare_postgres(runtime, folder / "postgres", free_port(), memory=_MEMORY, durable=durable))
        redis = Running(prepare_redis(runtime, folder / "redis", free_port(), memory=_MEMORY))
        try:
            yield Servers(folder, postgres.start(), redis.start())
        finally:
            redis.kill()
            postgres.stop()


@contextmanager
def ephemeral_redis(tmpdir: Path, *, memory: int = _MEMORY, runtime: Runtime | None = None) -> Iterator[Running]:
    """A Redis of a test's own, to be killed and started at will."""
    runtime = runtime or ensure_runtime(CHECKOUT / ".farm/runtime", lambda _: None)
    with _folder(tmpdir) as folder:
        redis = Running(prepare_redis(runtime, folder / "redis", free_port(), memory=memory))
        try:
            yield redis.start()
        finally:
            redis.kill()


@contextmanager
def _folder(tmpdir: Path) -> Iterator[Path]:
    """A folder that the servers' account can enter, removed at the end; those of killed runs are removed too."""
    tmpdir.mkdir(parents=True, exist_ok=True)
    base = tmpdir if os.geteuid() or reaches(unprivileged(), tmpdir) else Path(tempfile.gettempdir())
    _sweep(base)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=base))
    try:
        with try_exclusive(folder / "alive"):
            folder.chmod(0o755)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sweep(base: Path) -> None:
    for left in base.glob(f"{_PREFIX}*/alive"):
        if os.access(left, os.W_OK):
            with try_exclusive(left) as ours:
                if ours:
                    shutil.rmtree(left.parent, ignore_errors=True)

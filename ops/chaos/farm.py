"""The farm that is struck: what runs in it, and hands on it. Every method is safe to call while parts of it are down."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import psutil

from core import redisdb, settings
from core.settings import Settings
from db import engine
from ops.chaos.clock import Clock
from ops.chaos.disks import Disks
from ops.chaos.proxy_hand import Proxy
from ops.chaos.venue import Sandbox
from ops.cli.errors import Refused
from ops.cli.state import State
from ops.local import supervision
from ops.local.accounts import place
from ops.local.orphans import MARK

REDIS_SECONDS = 5.0
#: How our own connections to the database are called.
OURS = "tapefarm chaos"
READY_SECONDS = 60.0
POLL_SECONDS = 0.1


@dataclass
class Farm:
    """`proxy` stands between the streamers and the sandbox; `disks` are of limited size where that can be had."""

    home: Path
    state: State
    proxy: Proxy
    disks: Disks
    say: Callable[[str], None] = field(default=lambda _: None)

    @cached_property
    def knobs(self) -> Settings:
        return settings.load(self.state.environment)

    @property
    def venue(self) -> str:
        return self.state.sandboxed[0]

    @cached_property
    def sandbox(self) -> Sandbox:
        return Sandbox(self.state.ports["sandbox"], self.venue)

    @cached_property
    def clock(self) -> Clock:
        return Clock(self.home)

    def data(self, server: str) -> Path:
        """Where a server keeps its data."""
        return place(self.home / server)

    # --- programs

    def programs(self, kind: str) -> list[str]:
        """Names of the supervised programs that are of the kind: `streamer` is of each venue."""
        return [known.name for known in supervision.states(self.home) if known.name == kind or known.name.startswith(f"{kind}-")]

    def process(self, kind: str) -> psutil.Process:
        """The main process of the first program of the kind, once it runs. Raises Refused when it does not."""
        deadline = time.monotonic() + READY_SECONDS
        while True:
            for known in supervision.states(self.home):
                if known.pid and known.state == "running" and (known.name == kind or known.name.startswith(f"{kind}-")):
                    with suppress(psutil.NoSuchProcess):
                        return psutil.Process(known.pid)
            if time.monotonic() > deadline:
                raise Refused(f"no {kind} runs")
            time.sleep(POLL_SECONDS)

    def family(self, kind: str) -> list[psutil.Process]:
        root = self.process(kind)
        return [root, *root.children(recursive=True)]

    def kill(self, kind: str) -> None:
        with suppress(psutil.NoSuchProcess):
            self.process(kind).send_signal(signal.SIGKILL)

    @contextmanager
    def frozen(self, kind: str) -> Iterator[None]:
        """All processes of a program are stopped, and go on afterwards, those that still live."""
        stopped = self.family(kind)
        try:
            for process in stopped:
                with suppress(psutil.NoSuchProcess):
                    process.suspend()
            yield
        finally:
            for process in reversed(stopped):
                with suppress(psutil.NoSuchProcess):
                    process.resume()

    @contextmanager
    def stopped(self, *kinds: str) -> Iterator[None]:
        """Programs are stopped as an operator would, and started again."""
        names = [name for kind in kinds for name in self.programs(kind)]
        supervision.stop_programs(self.home, names)
        try:
            yield
        finally:
            supervision.start_programs(self.home, names)

    def environ(self) -> dict[str, str]:
        """Of a further program of this farm; marked as its own, so that it ends with it."""
        return {**os.environ, **self.state.environment, MARK: str(self.home.absolute())}

    # --- servers

    def redis(self) -> Any:
        return redisdb.connect(self.knobs.redis_url, timeout_seconds=REDIS_SECONDS)

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        """A cursor of the owner, who may lock a table, in a transaction that is rolled back."""
        with closing(engine.connect(self.knobs.migration_url, name=OURS)) as connection, connection.cursor() as cursor:
            yield cursor
            with suppress(*engine.UNREACHABLE):
                connection.rollback()

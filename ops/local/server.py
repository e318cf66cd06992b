"""A server as a process supervisor needs it: what to run in the foreground, as whom, and when it is ready."""

import math
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from ops.local.accounts import Account
from ops.local.errors import DiskFull, NotReady
from ops.local.watchdog import Greeting

_LEAST_FREE_BYTES = 1_000_000_000


@dataclass(frozen=True)
class Server:
    """One server on its data folder; `argv` stays in the foreground and logs to stderr."""

    name: str
    argv: tuple[str, ...]
    env: dict[str, str]
    account: Account
    data: Path
    port: int
    stop_signal: str
    stop_seconds: int
    url: str = field(repr=False)  # may hold the password
    answers: Callable[[], bool] = field(repr=False)
    greeting: Greeting  # answered at once while the server does its work

    @property
    def user(self) -> str | None:
        """The account to switch to, None when the farm's own account runs the server."""
        return self.account.name if self.account.switch else None

    def wait_ready(self, timeout_seconds: float) -> None:
        """Return once the server answers. Raises NotReady."""
        deadline = time.monotonic() + timeout_seconds
        while not self.answers():
            if time.monotonic() > deadline:
                raise NotReady(
                    f"{self.name} does not answer on port {self.port} after {timeout_seconds:.0f} s: `./farm logs {self.name}` shows why."
                )
            time.sleep(0.02)


def environment(account: Account, home: Path) -> dict[str, str]:
    """All that a server sees of the caller's environment: nothing."""
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": str(home),
        "USER": account.name,
        "LOGNAME": account.name,
        "LC_ALL": "C",
        "TZ": "UTC",
    }


def memory_bytes() -> int:
    """What this machine, or the control group we are in, can use."""
    total = psutil.virtual_memory().total
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
        return total if limit == "max" else min(total, int(limit))
    except (OSError, ValueError):
        return total


def require_room(folder: Path) -> None:
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free < _LEAST_FREE_BYTES:
        raise DiskFull(f"Only {free // 1_000_000} MB are left for {folder}: a farm needs at least 1 GB; free some room first.")


def mebibytes(size: float) -> int:
    return max(1, math.floor(size / 2**20))


def running_on(pid: int, folder: Path) -> bool:
    """Whether the process is alive and works in the folder; a reused process id is not."""
    try:
        return folder.samefile(psutil.Process(pid).cwd())
    except (psutil.Error, OSError):
        # A process that we may not look at is of an account that cannot open our data either.
        return False


def is_alive(process: psutil.Process) -> bool:
    """Running, and not merely waiting to be collected by its parent."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False

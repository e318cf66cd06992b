"""Hosts of a farm as network namespaces of this machine, on two networks: `lan` is between them, `wan` is their way to the venue.

A link can be pulled, so that its host has an error at once, or made a black hole, so that it has none and no answer either. Needs root.
"""

import os
import shutil
import signal
import subprocess
import uuid
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from tests.end_to_end.conftest import CHECKOUT, Farm

#: Of a namespace's name, before the number of the process that made it.
_PREFIX = "tapefarm-test-"
NETWORKS = {"lan": "10.77.0", "wan": "10.77.1"}


def lacks() -> str:
    """Why there can be no such hosts here, or ''."""
    if os.geteuid():
        return "only root makes network namespaces"
    if missing := [name for name in ("ip", "unshare") if shutil.which(name) is None]:
        return f"there is no {missing[0]} here"
    name = f"{_PREFIX}{os.getpid()}-{uuid.uuid4().hex[:4]}"
    tried = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)
    return "" if tried.returncode == 0 else f"no network namespaces here: {tried.stderr.strip()}"


class Hosts:
    """They have names of their own run, so that another run may be under way."""

    def __init__(self, names: Sequence[str]) -> None:
        _sweep()
        self._mark = f"{_PREFIX}{os.getpid()}-{uuid.uuid4().hex[:4]}"
        self._names = names
        self._made: list[str] = []
        try:
            self._make("switch")
            for network in NETWORKS:
                self._ip("switch", "link", "add", network, "type", "bridge")
                self._ip("switch", "link", "set", network, "up")
            for name in names:
                self._make(name)
                for network in NETWORKS:
                    self._join(name, network)
        except BaseException:
            self.close()
            raise

    def _make(self, name: str) -> None:
        _run("ip", "netns", "add", self._space(name))
        self._made.append(name)
        self._ip(name, "link", "set", "lo", "up")

    def _join(self, name: str, network: str) -> None:
        port = f"{name}-{network}"
        self._ip("switch", "link", "add", port, "type", "veth", "peer", "name", network, "netns", self._space(name))
        self._ip("switch", "link", "set", port, "master", network, "up")
        self._ip(name, "address", "add", f"{self.address(name, network)}/24", "dev", network)
        self._ip(name, "link", "set", network, "up")

    def _space(self, name: str) -> str:
        return f"{self._mark}-{name}"

    def _ip(self, name: str, *words: str) -> None:
        _run("ip", "-netns", self._space(name), *words)

    def address(self, name: str, network: str = "lan") -> str:
        return f"{NETWORKS[network]}.{self._names.index(name) + 1}"

    def on(self, name: str) -> list[str]:
        """What starts a program there, under the host's name."""
        named = ["unshare", "--uts", "sh", "-c", 'hostname "$0" && exec "$@"', f"host-{name}"]
        return ["ip", "netns", "exec", self._space(name), *named]

    def pull(self, name: str) -> None:
        self._ip(name, "link", "set", "lan", "down")

    def plug(self, name: str) -> None:
        self._ip(name, "link", "set", "lan", "up")

    def swallow(self, name: str) -> None:
        """The link stays up; the switch hands nothing on."""
        self._ip("switch", "link", "set", f"{name}-lan", "nomaster")

    def give_back(self, name: str) -> None:
        self._ip("switch", "link", "set", f"{name}-lan", "master", "lan")

    def kill(self, name: str) -> None:
        """The machine is gone: nothing flushes, nothing says goodbye."""
        for network in NETWORKS:
            self._ip(name, "link", "set", network, "down")
        _kill_all(self._space(name))

    def close(self) -> None:
        for name in reversed(self._made):
            _remove(self._space(name))
        self._made = []


def _kill_all(space: str) -> None:
    while pids := _run("ip", "netns", "pids", space).split():
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)


def _remove(space: str) -> None:
    _kill_all(space)
    _run("ip", "netns", "delete", space)


def _sweep() -> None:
    """What runs that were killed have left."""
    for line in _run("ip", "netns", "list").splitlines():
        space = line.split()[0]
        owner = space.removeprefix(_PREFIX).split("-")[0]
        if space.startswith(_PREFIX) and not Path(f"/proc/{owner}").exists():
            _remove(space)


def _run(*words: str) -> str:
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


class Share(Farm):
    """What one host runs of a farm."""

    def __init__(self, home: Path, by: Sequence[str], **environ: str) -> None:
        super().__init__(home, **environ)
        self._by = by

    def run(self, *words: str, timeout: float = 300) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*self._by, str(CHECKOUT / "farm"), *words], env=self.environ, capture_output=True, text=True, timeout=timeout, check=False
        )

"""Starts the proxy as a program of its own, so that what computes here delays no byte there, and gives it its orders."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from core.settings import ROOT
from ops.cli.errors import Refused
from ops.local.launch import bound_argv


class Proxy:
    def __init__(self, process: "subprocess.Popen[str]", port: int) -> None:
        self._process, self.port = process, port
        self._expect("ready")

    def order(self, *words: object) -> None:
        """Returns when it is done. Raises Refused when there is no proxy any more."""
        orders = _pipe(self._process.stdin)
        orders.write(" ".join(map(str, words)) + "\n")
        orders.flush()
        self._expect("done")

    @contextmanager
    def ordered(self, *words: object) -> Iterator[None]:
        self.order(*words)
        try:
            yield
        finally:
            self.order("pass")

    def _expect(self, word: str) -> None:
        if (said := _pipe(self._process.stdout).readline().strip()) != word:
            raise Refused(f"the proxy between the streamers and the sandbox has ended ({said!r})")


@contextmanager
def proxy(port: int, target: int) -> Iterator[Proxy]:
    argv = bound_argv([sys.executable, "-m", "ops.chaos.proxy", str(port), str(target)], death_signal="KILL")
    with subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Proxy(process, port)
        finally:
            process.kill()


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe

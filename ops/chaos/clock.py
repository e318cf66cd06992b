"""A wall clock of their own for programs of the farm: stepped while they run, as an administrator or a broken NTP would.

By a library of forty lines that is compiled here: libfaketime would step the monotonic clock too, or break what sleeps by it.
"""

import shutil
import struct
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ops.cli.errors import Refused
from ops.local.programs import Layout
from ops.local.supervision import layout_of, start_programs, stop_programs, wait_running

_SOURCE = Path(__file__).with_name("clock.c")
_COMPILERS = ("cc", "gcc", "clang")
_START_SECONDS = 60.0


class Clock:
    def __init__(self, home: Path) -> None:
        self._home, self._offset, self._library = home, home / "clock", home / "clock.so"

    @property
    def lacking(self) -> str:
        """Why clocks cannot be stepped here, or ''."""
        return "" if _compiler() else f"no C compiler ({', '.join(_COMPILERS)}) to make the library that steps a clock"

    @contextmanager
    def ours(self, programs: Sequence[str], await_start: Callable[[], object]) -> Iterator[None]:
        """Within, these programs take their time from us; they are started anew for it, and again afterwards."""
        self._offset.write_bytes(struct.pack("l", 0))
        self._compile()
        layout = layout_of(self._home)
        before = {name: layout.script(name).read_text() for name in programs}
        try:
            self._restart(layout, {name: self._preloaded(text) for name, text in before.items()})
            await_start()
            yield
        finally:
            self._restart(layout, before)

    @contextmanager
    def stepped(self, seconds: int) -> Iterator[None]:
        """A step now, and the step back."""
        self._set(seconds)
        try:
            yield
        finally:
            self._set(0)

    def _set(self, seconds: int) -> None:
        with self._offset.open("r+b", buffering=0) as file:  # in place: it is mapped
            file.write(struct.pack("l", seconds))

    def _compile(self) -> None:
        argv = [_compiler() or _COMPILERS[0], "-shared", "-fPIC", "-O2", "-o", str(self._library), str(_SOURCE), "-ldl"]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Refused(f"the library that steps a clock cannot be made: {done.stderr.strip()[-300:]}")

    def _preloaded(self, script: str) -> str:
        exports = f"export LD_PRELOAD='{self._library}'\nexport TAPEFARM_CLOCK='{self._offset}'\n"
        head, run, tail = script.rpartition("exec ")
        return f"{head}{exports}{run}{tail}"

    def _restart(self, layout: Layout, scripts: dict[str, str]) -> None:
        stop_programs(self._home, scripts)
        for name, text in scripts.items():
            layout.script(name).write_text(text)
        start_programs(self._home, scripts)
        wait_running(self._home, scripts, _START_SECONDS)


def _compiler() -> str | None:
    return next(filter(None, map(shutil.which, _COMPILERS)), None)

"""A clock of their own for programs of the farm, by libfaketime: stepped while they run, as an administrator or a broken NTP would.

The library is the host's own, or a Debian package fetched as the servers' are. Nothing of the host is changed.
"""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from ops.local import tree
from ops.local.apt import PrivateApt
from ops.local.errors import LocalError
from ops.local.packages import cache_folder
from ops.local.platforms import this_platform
from ops.local.programs import Layout
from ops.local.sources import archive_keyrings, debian_mirrors, host_sources
from ops.local.supervision import layout_of, start_programs, stop_programs, wait_running

_PACKAGE, _LIBRARY = "libfaketime", "usr/lib/*/faketime/libfaketimeMT.so.1"
_START_SECONDS = 60.0


class Clock:
    def __init__(self, home: Path) -> None:
        self._home, self._offset = home, home / "clock"

    @cached_property
    def lacking(self) -> str:
        """Why clocks cannot be stepped here, or ''."""
        try:
            _ = self._library
        except (LocalError, OSError) as exc:
            return f"no libfaketime ({exc})"
        return ""

    @cached_property
    def _library(self) -> Path:
        return _found(Path("/")) or _found(_folder()) or _fetched(_folder())

    @contextmanager
    def ours(self, programs: Sequence[str]) -> Iterator[None]:
        """Within, these programs take their time from us; they are started anew for it, and again afterwards."""
        self._set("+0")
        layout = layout_of(self._home)
        before = {name: layout.script(name).read_text() for name in programs}
        try:
            self._restart(layout, {name: self._preloaded(text) for name, text in before.items()})
            yield
        finally:
            self._restart(layout, before)

    @contextmanager
    def stepped(self, seconds: int) -> Iterator[None]:
        """A step now, and the step back."""
        self._set(f"{seconds:+d}")
        try:
            yield
        finally:
            self._set("+0")

    def _set(self, offset: str) -> None:
        draft = self._offset.with_suffix(".new")
        draft.write_text(f"{offset}\n")
        draft.replace(self._offset)

    def _preloaded(self, script: str) -> str:
        variables = {
            "LD_PRELOAD": self._library,
            "FAKETIME_TIMESTAMP_FILE": self._offset,
            "FAKETIME_CACHE_DURATION": 1,  # seconds until a step is seen
            "FAKETIME_DONT_FAKE_MONOTONIC": 1,  # a step of the clock leaves the monotonic one alone
            "FAKETIME_NO_CACHE": 0,
        }
        exports = "".join(f"export {name}='{value}'\n" for name, value in variables.items())
        head, run, tail = script.rpartition("exec ")
        return f"{head}{exports}{run}{tail}"

    def _restart(self, layout: Layout, scripts: dict[str, str]) -> None:
        stop_programs(self._home, scripts)
        for name, text in scripts.items():
            layout.script(name).write_text(text)
        start_programs(self._home, scripts)
        wait_running(self._home, scripts, _START_SECONDS)


def _found(root: Path) -> Path | None:
    return next(iter(sorted(root.glob(_LIBRARY))), None)


def _release() -> str:
    """Of the host, whose C library the programs use."""
    lines = Path("/etc/os-release").read_text().splitlines()
    return next((line.partition("=")[2].strip('"') for line in lines if line.startswith("VERSION_CODENAME=")), "")


def _folder() -> Path:
    return cache_folder() / f"{_release()}-{this_platform().architecture}-clock"


def _fetched(folder: Path) -> Path:
    mirrors, keyrings = debian_mirrors(host_sources()), archive_keyrings(release=_release())
    if not mirrors or not keyrings:
        raise LocalError("no Debian mirror or no keyring is configured in this system")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="clock-") as name:
        draft = Path(name)
        apt = PrivateApt(draft / "apt", mirror=mirrors[0], suite=_release(), architecture=this_platform().architecture, keyrings=keyrings)
        apt.update()
        (draft / "debs").mkdir()
        apt.download([_PACKAGE], draft / "debs", lambda: None)
        tree.unpack((draft / "debs").glob("*.deb"), draft / "tree")
        if _found(draft / "tree") is None:
            raise LocalError(f"the package {_PACKAGE} holds no {_LIBRARY}")
        shutil.rmtree(folder, ignore_errors=True)
        (draft / "tree").replace(folder)
    return next(iter(folder.glob(_LIBRARY)))

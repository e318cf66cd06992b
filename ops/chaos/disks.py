"""Disks that can be filled: a file system of its own under the database and another under the spools, where mounting is allowed.

They stand in the mount namespace of this process alone (see namespace.py): the kernel takes them away with the last process in it.
"""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ops.chaos.namespace import is_own
from ops.local import supervision

#: The image is sparse: it takes what is written to it.
DATABASE_BYTES = 30 << 30
SPOOL_BYTES = 512 << 20
STOP_SECONDS = 60.0
_PIECES = (64 << 20, 1 << 20, 4 << 10)


class Disks:
    """`lacking`: why there are none, or ''."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self.spool = home / "spool"
        self.database = home / "disk"
        self.lacking = "" if is_own() else "only root may mount a disk that can be filled (`unshare -m` failed)"

    def mount_spool(self) -> None:
        """Before the farm is brought up."""
        self.spool.mkdir(parents=True, exist_ok=True)
        if not self.lacking:
            self._run("mount", "-t", "tmpfs", "-o", f"size={SPOOL_BYTES}", "tapefarm", str(self.spool))

    def mount_database(self, data: Path) -> None:
        """Move the database to a disk of its own; the farm is up, and its PostgreSQL is started anew."""
        if self.lacking:
            return
        image = self._home / "database.img"
        with image.open("wb") as file:
            os.truncate(file.fileno(), DATABASE_BYTES)
        self.database.mkdir()
        self._run("mkfs.ext4", "-q", "-m", "0", str(image))
        self._run("mount", "-o", "loop", str(image), str(self.database))
        if not self.database.is_mount():
            return
        supervision.stop_programs(self._home, ["postgres"])
        self._run("cp", "-a", str(data), str(self.database / "data"))
        self._run("mount", "--bind", str(self.database / "data"), str(data))
        supervision.start_programs(self._home, ["postgres"])
        supervision.wait_running(self._home, ["postgres"], STOP_SECONDS)

    @contextmanager
    def full(self, disk: Path) -> Iterator[None]:
        """Not a byte is free within."""
        filler = disk / "filler"
        try:
            _fill(filler)
            yield
        finally:
            filler.unlink(missing_ok=True)

    def _run(self, *argv: str) -> None:
        if self.lacking:
            return
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode:
            self.lacking = f"no disk that can be filled: {argv[0]} said {done.stderr.strip()[-200:]!r}"


def _fill(filler: Path) -> None:
    with filler.open("wb") as file:
        for size in _PIECES:
            with suppress(OSError):  # no room for a piece of this size any more
                while True:
                    os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, size)

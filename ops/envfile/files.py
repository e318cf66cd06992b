"""Files of secrets, replaced whole: a reader sees the old one or the new one, and a kill leaves no part of either."""

import contextlib
import os
import stat
from pathlib import Path

from ops.cli.errors import Refused

#: A file of settings has some kilobytes; what is far larger is another file.
MOST_BYTES = 1_000_000


def read_sealed(path: Path) -> bytes:
    """Raises Refused."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise Refused(f"There is no {path}: `./farm secrets encrypt` makes it of {path.with_suffix('').name}.") from None
    if len(data) > MOST_BYTES:
        raise Refused(f"{path} has {len(data)} bytes, more than any file of settings: is it the right one?")
    return data


def replace(path: Path, data: bytes, *, mode: int) -> None:
    """Write `data` beside `path` and move it there; as root it goes to whom the file, or its folder, belonged."""
    target = path.resolve()  # a link stays one
    draft = target.with_name(f"{target.name}.new")
    with contextlib.suppress(FileNotFoundError):
        draft.unlink()
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as file:
            file.write(data)
            _hand_over(file.fileno(), target)
            os.fchmod(file.fileno(), mode)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise


def _hand_over(descriptor: int, target: Path) -> None:
    if os.geteuid() == 0:
        before = target.stat() if target.exists() else target.parent.stat()
        if before.st_mode & stat.S_ISVTX:  # a folder for everybody (/tmp) says nothing of who owns what is in it
            return
        os.fchown(descriptor, before.st_uid, before.st_gid)


def in_step(path: Path, with_: Path) -> None:
    """Both have the time of `with_`: neither is newer."""
    found = with_.stat()
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))


def is_newer(path: Path, than: Path) -> bool:
    return path.stat().st_mtime_ns > than.stat().st_mtime_ns

"""The embedded runtime: real PostgreSQL, TimescaleDB and Redis in a folder of the checkout, on a bare Debian machine.

Built beside its place and renamed when complete; a stamp tells where it is patched for and what it holds.
"""

import errno
import json
import shutil
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops.local import tree
from ops.local.accounts import place
from ops.local.errors import DiskFull
from ops.local.locks import exclusive
from ops.local.packages import Package, PackageCache, cache_folder
from ops.local.platforms import Platform, this_platform

# Raise when the steps below change: a tree made by other steps is made anew.
_RECIPE = 1
_STAMP = "stamp.json"
_ROOM_NEEDED = 400_000_000


@dataclass(frozen=True)
class Runtime:
    """Where the servers' programs are."""

    root: Path
    pg_bin: Path
    redis_server: Path
    redis_cli: Path
    versions: dict[str, str]


def ensure_runtime(folder: Path, say: Callable[[str], None], *, cache: PackageCache | None = None) -> Runtime:
    """The runtime at `folder`, built when absent and patched again when the checkout has moved.

    As root in a checkout that unprivileged accounts may not enter, it stands under /var/lib/tapefarm instead.
    """
    platform = this_platform()
    folder = place(folder.absolute(), say)
    if ready := _stamped(folder):
        return ready
    try:
        lock = folder.with_name(f"{folder.name}.lock")
        with exclusive(lock, lambda: say("waiting for another start to unpack the servers")):
            return _stamped(folder) or _repatched(folder, platform, say) or _built(folder, platform, say, cache)
    except OSError as exc:
        if exc.errno == errno.ENOSPC:
            raise DiskFull(f"The disk is full; free {_ROOM_NEEDED // 1_000_000} MB below {folder.parent} and try again.") from exc
        raise


def _stamped(folder: Path) -> Runtime | None:
    stamp = _read_stamp(folder)
    return _runtime(folder, stamp["versions"]) if stamp and stamp["patched_for"] == str(folder) else None


def _read_stamp(folder: Path) -> dict[str, Any] | None:
    try:
        stamp: dict[str, Any] = json.loads((folder / _STAMP).read_text())
        return stamp if stamp["recipe"] == _RECIPE else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _runtime(folder: Path, versions: dict[str, str]) -> Runtime:
    binaries = folder / "usr/bin"
    return Runtime(folder, folder / tree.PROGRAMS, binaries / "redis-server", binaries / "redis-cli", versions)


def _repatched(folder: Path, platform: Platform, say: Callable[[str], None]) -> Runtime | None:
    stamp = _read_stamp(folder)
    if stamp is None:
        return None
    say("the checkout has moved: patching the servers for their new place")
    tree.patch(folder, folder, platform)
    return _finished(folder, stamp["versions"])


def _built(folder: Path, platform: Platform, say: Callable[[str], None], cache: PackageCache | None) -> Runtime:
    packages = (cache or PackageCache(cache_folder(), platform)).packages(say)
    _require_room(folder.parent)
    _sweep(folder)
    draft = Path(tempfile.mkdtemp(prefix=f"{folder.name}.building-", dir=folder.parent))
    try:
        say("unpacking PostgreSQL, TimescaleDB and Redis")
        tree.unpack((package.path for package in packages), draft)
        # The servers' account is not the builder's where root builds.
        draft.chmod(0o755)
        tree.patch(draft, folder, platform)
        shutil.rmtree(folder, ignore_errors=True)
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return _finished(folder, _versions(packages))


def _finished(folder: Path, versions: dict[str, str]) -> Runtime:
    """Stamp a tree whose programs were seen to run; without the stamp it is made anew."""
    runtime = _runtime(folder, versions)
    for program in (runtime.pg_bin / "postgres", runtime.redis_server):
        tree.check(program)
    stamp = {"recipe": _RECIPE, "patched_for": str(folder), "versions": versions}
    draft = folder / f".{_STAMP}"
    draft.write_text(json.dumps(stamp, indent=1))
    draft.replace(folder / _STAMP)
    return runtime


def _versions(packages: Iterable[Package]) -> dict[str, str]:
    names = {"postgresql-17": "postgresql", "postgresql-17-timescaledb": "timescaledb", "redis-tools": "redis"}
    return {names[package.name]: package.version for package in packages if package.name in names}


def _sweep(folder: Path) -> None:
    """Remove what builders that were killed have left; the lock says that none is at work."""
    for left in folder.parent.glob(f"{folder.name}.building-*"):
        shutil.rmtree(left, ignore_errors=True)


def _require_room(folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < _ROOM_NEEDED:
        wanted = _ROOM_NEEDED // 1_000_000
        raise DiskFull(f"{folder} has {free // 1_000_000} MB left and the servers need {wanted} MB; free some room.")

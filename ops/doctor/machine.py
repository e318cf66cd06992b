"""The machine itself: room and speed of disks, memory, limits, versions, ports, who may read what."""

import os
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import psutil

from core.private import NotPrivate, read_private
from core.settings import ROOT, Settings, SettingsError
from ops.cli import state
from ops.cli.environment import DEFAULT_PORTS, port_variable
from ops.doctor.finding import FAILURE, OK, WARNING, Finding
from ops.local.errors import PortInUse
from ops.local.ports import require_free
from venues import VENUES

PYTHON = (3, 11)
#: A farm does not start on less; below the second a day of full rate may fill it.
LEAST_BYTES, LITTLE_BYTES = 10**9, 10 * 10**9
#: With appendfsync=always Redis waits for the disk at each append, some tens of times a second.
SLOW_MS, TOO_SLOW_MS = 10.0, 50.0
PROBES, PROBE_BYTES = 5, 64 * 1024
#: Every socket, file and connection of a process is one; PostgreSQL and Redis want about a thousand.
LEAST_FILES, FEW_FILES = 1024, 4096
LEAST_MEMORY, LITTLE_MEMORY = 2**30, 2 * 2**30
_REMOTE = {"nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "9p", "ceph"}
_VOLATILE = {"tmpfs", "ramfs"}


def python() -> Iterator[Finding]:
    found = ".".join(map(str, sys.version_info[:3]))
    well = sys.version_info >= PYTHON
    yield Finding("Python", OK if well else FAILURE, found, "" if well else "Python 3.11 or newer is needed: apt-get install python3.")


def disk(name: str, folder: Path, keep_free: int = 0) -> Iterator[Finding]:
    """`keep_free`: what the archive leaves of it to others."""
    check, there = f"disk of {name}", _nearest(folder)
    usage = shutil.disk_usage(there)
    kind = filesystem(there)
    room = f"{usage.free / 1e9:,.1f} GB free of {usage.total / 1e9:,.1f} GB ({kind})"
    if usage.free < LEAST_BYTES:
        yield Finding(check, FAILURE, room, "A farm needs at least 1 GB to start: free some room, or set another folder.")
    elif usage.free < keep_free:
        yield Finding(check, WARNING, room, "Below ARCHIVE_MIN_FREE_BYTES the raw archive stands still: free some room, or set drop_after.")
    elif usage.free < LITTLE_BYTES:
        yield Finding(
            check, WARNING, room, "That may be full within a day: `./farm storage` says when, `drop_after` in farm.toml bounds it."
        )
    else:
        yield Finding(check, OK, room)
    if kind in _VOLATILE:
        yield Finding(check, WARNING, f"{kind} is memory", "All is gone when the machine restarts: set FARM_HOME and FARM_DATA to a disk.")
    elif kind in _REMOTE:
        yield Finding(
            check, WARNING, f"{kind} is a network", "Locks and writes may hang or be lost with it: the farm wants a disk of its own."
        )
    try:
        milliseconds = write_ms(there)
    except OSError as exc:
        yield Finding(check, FAILURE, f"{there} cannot be written: {exc.strerror}", "Run ./farm as the user who owns the folder.")
        return
    told = f"{milliseconds:.1f} ms until a write is on disk{_spins(there)}"
    if milliseconds > TOO_SLOW_MS:
        yield Finding(
            check, FAILURE, told, "Redis puts each append on disk before it acknowledges it: live rows would be late. Use an SSD."
        )
    else:
        slow = milliseconds > SLOW_MS
        yield Finding(check, WARNING if slow else OK, told, "Live rows are late by that: an SSD of its own is better." if slow else "")


def write_ms(folder: Path) -> float:
    """Median time of a small write until the disk has it."""
    taken = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(PROBES):
            began = time.perf_counter()
            file.write(b"\0" * PROBE_BYTES)
            file.flush()
            os.fsync(file.fileno())
            taken.append(1000 * (time.perf_counter() - began))
    return sorted(taken)[PROBES // 2]


def filesystem(folder: Path) -> str:
    places = [one for one in psutil.disk_partitions(all=True) if folder.is_relative_to(one.mountpoint)]
    return max(places, key=lambda one: len(one.mountpoint)).fstype if places else "unknown"


def _spins(folder: Path) -> str:
    device = folder.stat().st_dev
    for queue in ("queue", "../queue"):
        path = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}/{queue}/rotational")
        if path.exists():
            return ", and the kernel takes it for a disk that turns" if path.read_text().strip() == "1" else ""
    return ""


def _nearest(folder: Path) -> Path:
    while not folder.exists():
        folder = folder.parent
    return folder.resolve()


def memory(
    available: int | None = None, *, overcommit: Path = Path("/proc/sys/vm/overcommit_memory"), pages: Path | None = None
) -> Iterator[Finding]:
    found = psutil.virtual_memory()
    free = found.available if available is None else available
    told = f"{free / 2**30:.1f} GiB available of {found.total / 2**30:.1f} GiB"
    if free < LEAST_MEMORY:
        yield Finding("memory", FAILURE, told, "A farm takes about 1 GiB, and more under load: free some, or take a larger machine.")
    else:
        little = free < LITTLE_MEMORY
        yield Finding("memory", WARNING if little else OK, told, "Little for a farm with many instruments." if little else "")
    if overcommit.exists():
        kept = overcommit.read_text().strip()
        advice = "Redis may fail to rewrite its log under load: sysctl vm.overcommit_memory=1, and in /etc/sysctl.conf."
        yield Finding("overcommit", OK if kept == "1" else WARNING, f"vm.overcommit_memory={kept}", "" if kept == "1" else advice)
    huge = pages or Path("/sys/kernel/mm/transparent_hugepage/enabled")
    if huge.exists() and "[always]" in huge.read_text():
        advice = "Redis pauses and grows with them: echo madvise > /sys/kernel/mm/transparent_hugepage/enabled."
        yield Finding("huge pages", WARNING, "transparent huge pages are always made", advice)


def open_files(soft: int | None = None) -> Iterator[Finding]:
    bound = resource.getrlimit(resource.RLIMIT_NOFILE)[0] if soft is None else soft
    if bound == resource.RLIM_INFINITY or bound >= FEW_FILES:
        yield Finding("open files", OK, "no bound" if bound == resource.RLIM_INFINITY else f"{bound:,} a process")
        return
    advice = "Sockets and files of a busy farm may not fit: ulimit -n 65536 before ./farm up, or LimitNOFILE in systemd."
    yield Finding("open files", FAILURE if bound < LEAST_FILES else WARNING, f"{bound:,} a process", advice)


def ports_free(given: Mapping[str, str], known: Mapping[str, int], running: bool, wanted: list[str]) -> Iterator[Finding]:
    """`known`: of the last start. While the farm runs they are its own."""
    for name in wanted:
        by_hand, check = given.get(port_variable(name)), f"port of {name}"
        port = int(by_hand) if by_hand and by_hand.isdecimal() else known.get(name, DEFAULT_PORTS[name])
        if running and known.get(name) == port:
            yield Finding(check, OK, f"{port}, held by this farm")
            continue
        try:
            require_free(port, name)
        except (PortInUse, OverflowError) as exc:
            words = str(exc).partition(": ")[0] if isinstance(exc, PortInUse) else f"{port} is no port"
            if by_hand:
                yield Finding(check, FAILURE, words, f"{port_variable(name)} asks for it: stop that program, or set another port.")
            else:
                yield Finding(check, WARNING, words, f"`./farm up` takes the next free one; {port_variable(name)} fixes one.")
        else:
            yield Finding(check, OK, f"{port} is free")


def permissions(home: Path, knobs: Settings | None) -> Iterator[Finding]:
    """Files with secrets are for their owner alone, folders can be written."""
    for path in (ROOT / ".env", home / state.FILE, home / "supervisord.conf"):
        if path.exists():
            yield _private(f"{path.name}", lambda path=path: read_private(path))  # type: ignore[misc]
    for name, folder in (("FARM_HOME", home), ("FARM_DATA", knobs.data if knobs else home)):
        there = _nearest(folder)
        if os.access(there, os.W_OK | os.X_OK):
            yield Finding(f"folder of {name}", OK, f"{there} can be written")
        else:
            owner = there.owner()
            yield Finding(f"folder of {name}", FAILURE, f"{there} belongs to {owner}", f"Run ./farm as {owner}, or chown it to yourself.")
    run = home / "run"
    if run.exists() and run.stat().st_mode & 0o077:
        yield Finding("folder of scripts", WARNING, f"{run} is open to others", f"Its scripts hold passwords: chmod 700 {run}.")
    for venue in knobs.collect if knobs else ():
        if venue in VENUES and knobs is not None and any(name.startswith(venue.upper()) for name in knobs.logins):
            yield _private(f"login at {venue}", lambda venue=venue: knobs.credentials(venue))  # type: ignore[misc]


def _private(check: str, read: Callable[[], object]) -> Finding:
    try:
        read()
    except (NotPrivate, SettingsError, OSError, UnicodeDecodeError) as exc:
        return Finding(check, FAILURE, str(exc), "The farm does not start so.")
    return Finding(check, OK, "for its owner alone")

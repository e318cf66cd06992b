"""A text in the operator's editor: in memory if the system has such a place, for this account only, and gone afterwards."""

import contextlib
import fcntl
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ops.cli.errors import Refused
from ops.envfile.files import MOST_BYTES

PREFIX = "tapefarm-secrets-"
_EDITORS = ("sensible-editor", "nano", "vi")
_MEMORY = "tmpfs"


class Ended(SystemExit):
    """Somebody asked this program to end while the editor was open."""


@contextlib.contextmanager
def private_folder(warn: Callable[[str], None], place: Path | None = None) -> Iterator[Path]:
    """A folder of mode 700 that is wiped at the end, also when this program is asked to end; what a killed one has left is wiped first."""
    base = place or _memory()
    if base is None:
        base = Path(tempfile.gettempdir())
        warn(f"No place in memory was found: what you edit lies in {base}, on a disk, until you are done.")
    _sweep(base)
    with _signals():
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base))  # mkdtemp makes it 700
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)  # lost with us, however we end: so the next one knows what is left over
            yield folder
        finally:
            wipe(folder)
            os.close(descriptor)


def edited(path: Path) -> str:
    """What the editor leaves of `path`. Raises Refused."""
    argv = [*_editor(), str(path)]
    try:
        child = subprocess.Popen(argv, umask=0o077)
    except OSError as exc:
        raise Refused(f"The editor {argv[0]} cannot be started ({exc.strerror}): set EDITOR. Nothing was changed.") from None
    try:
        status = child.wait()
    except BaseException:
        child.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(timeout=2)
        child.kill()
        child.wait()
        raise
    if status:
        how = f"was killed by signal {-status}" if status < 0 else f"ended with {status}"
        raise Refused(f"The editor {argv[0]} {how}: nothing was changed.")
    try:
        if path.stat().st_size > MOST_BYTES:
            raise Refused("That is more than any file of settings holds: nothing was changed.")
        return path.read_text(encoding="utf-8")
    except (FileNotFoundError, UnicodeDecodeError) as exc:
        raise Refused(f"The editor left no text ({type(exc).__name__}): nothing was changed.") from None


def wipe(folder: Path) -> None:
    """Overwrite what is in it, copies of the editor's too, and remove it."""
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            if path.is_file() and not path.is_symlink():
                with path.open("r+b") as file:
                    file.write(bytes(os.fstat(file.fileno()).st_size))
                    file.flush()
                    os.fsync(file.fileno())
    shutil.rmtree(folder, ignore_errors=True)


def _editor() -> list[str]:
    chosen = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if chosen:
        try:
            words = shlex.split(chosen)
        except ValueError:
            words = []
        if not words:
            raise Refused("EDITOR cannot be read as a command: write it as in a shell.", status=2)
        return words
    found = next((name for name in _EDITORS if shutil.which(name)), None)
    if found is None:
        raise Refused("There is no editor: set EDITOR.", status=2)
    return [found]


def _memory() -> Path | None:
    """A place in memory where we may write: nothing of it reaches a disk but by way of swap."""
    try:
        mounts = Path("/proc/mounts").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    of_memory = {fields[1] for line in mounts if len(fields := line.split()) > 2 and fields[2] == _MEMORY}
    shared = Path("/dev/shm")  # noqa: S108  # only a folder of our own in it is used
    wanted = [shared, Path(os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.geteuid()}")]
    return next((place for place in wanted if str(place) in of_memory and os.access(place, os.W_OK | os.X_OK)), None)


def _sweep(base: Path) -> None:
    """Folders of ours whose program is gone: killed, so that it could not wipe them."""
    for folder in base.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
                continue
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if any(folder.iterdir()):  # an empty one may be somebody's who is about to lock it
                    wipe(folder)
            finally:
                os.close(descriptor)


@contextlib.contextmanager
def _signals() -> Iterator[None]:
    """Ctrl-C is for the editor; what asks us to end becomes an exception, once, so that the folder is wiped."""
    told: list[int] = []

    def end(number: int, _: Any) -> None:
        told.append(number)
        if len(told) == 1:
            raise Ended(128 + number)

    handlers: dict[signal.Signals, Any] = {signal.SIGINT: lambda *_: None, signal.SIGTERM: end, signal.SIGHUP: end}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

"""Files that hold secrets: read only when nobody else may read them."""

import os
import stat
from pathlib import Path


class NotPrivate(Exception):
    """A file with secrets that others may read, or that somebody else has written."""


def read_private(path: Path, *, owner: int | None = None) -> str:
    """The text of a file of mode 600 or less that belongs to us, to root, to the owner of this code, or to the account `owner`.

    Raises NotPrivate, which never holds what is in the file, OSError and UnicodeDecodeError.
    """
    with path.open(encoding="utf-8") as file:
        found = os.fstat(file.fileno())  # of what is read, whatever stands there a moment later
        if stat.S_ISREG(found.st_mode) and found.st_mode & 0o077:
            raise NotPrivate(f"{path} holds secrets and others may read it: `chmod 600 {path}`, then try again.")
        # Whoever owns the code decides what runs, so their files are as good as ours.
        if found.st_uid not in {os.geteuid(), 0, Path(__file__).stat().st_uid, owner}:
            raise NotPrivate(f"{path} holds secrets and belongs to another account: `sudo chown {os.geteuid()} {path}`, then try again.")
        return file.read()

"""PostgreSQL's own programs: where they are, and how they are told of a database without telling everybody of its password."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from psycopg2.extensions import make_dsn
from sqlalchemy.engine import make_url

from db.backups import BackupError

#: Where Debian and PostgreSQL's own packages have them, of the server's major version.
MAJOR = "17"
_PACKAGED = Path(f"/usr/lib/postgresql/{MAJOR}/bin")
#: Of what a program says in the end.
_WORDS = 400


def find(name: str, folder: str) -> str:
    """The program in `folder`, or (empty) where packages have it. Raises BackupError."""
    for place in [Path(folder)] if folder else [_PACKAGED]:
        if (place / name).exists():
            return str(place / name)
    found = None if folder else shutil.which(name)
    if found is None:
        raise BackupError(
            f"There is no {name} here: install postgresql-client-{MAJOR}, or set POSTGRES_PROGRAMS to the folder in which it is."
        )
    return found


def address(url: str, database: str | None = None) -> tuple[str, dict[str, str]]:
    """(what a program may be told in its arguments, which everybody sees; its environment, which nobody sees)."""
    parsed = make_url(url)
    given = {"host": parsed.host, "port": parsed.port, "user": parsed.username, "dbname": database or parsed.database, **parsed.query}
    dsn = make_dsn(**{name: str(value) for name, value in given.items() if value is not None and name != "password"})
    secret = str(parsed.password or parsed.query.get("password", ""))
    # Nothing else of ours: what is in the environment of a farm are passwords.
    passed = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LANG") if name in os.environ}
    return dsn, {**passed, "PGAPPNAME": "tapefarm backup", **({"PGPASSWORD": secret} if secret else {})}


class Program:
    """A program that runs, with one pipe to it or from it; it is gone at the end of the block, however that comes, and with our thread."""

    def __init__(self, argv: Sequence[str], environment: dict[str, str], *, feed: bool = False) -> None:
        self._name = Path(argv[0]).name
        self._said = tempfile.TemporaryFile()  # noqa: SIM115  # a pipe that nobody reads would stop it
        pipes = {"stdin": subprocess.PIPE} if feed else {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE}
        # The kernel ends it when we are killed: one that waits for a lock would not notice that its pipe is broken.
        bound = [setpriv, "--pdeathsig", "KILL", "--"] if (setpriv := shutil.which("setpriv")) else []
        self._process = subprocess.Popen([*bound, *argv], env=environment, stderr=self._said, **pipes)  # type: ignore[call-overload]
        pipe = self._process.stdin if feed else self._process.stdout
        assert pipe is not None
        self.pipe: IO[bytes] = pipe

    def __enter__(self) -> "Program":
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        with suppress(BrokenPipeError):
            self.pipe.close()
        self._said.close()

    def end(self) -> None:
        """Wait for its end. Raises BackupError with its own words when that is not a good one."""
        with suppress(BrokenPipeError):
            self.pipe.close()
        if self._process.wait():
            raise BackupError(f"{self._name} failed: {self.words() or f'it ended with {self._process.returncode}'}")

    def words(self) -> str:
        """The first error that it told, on one line."""
        self._said.seek(0)
        lines = [line.strip() for line in self._said.read(1 << 20).decode(errors="replace").splitlines()]
        errors = [number for number, line in enumerate(lines) if "error:" in line or "FATAL:" in line]
        return " ".join(lines[errors[0] : errors[0] + 3])[:_WORDS] if errors else ""

"""The age program itself, fetched as the servers are and never installed; and a terminal, which it asks for passphrases."""

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from ops.local import tree
from ops.local.errors import LocalError
from ops.local.packages import PackageCache, Selection, cache_folder
from ops.local.platforms import this_platform

CHECKOUT = Path(__file__).resolve().parents[3]
#: `./farm secrets` as ops/__main__.py has it, without the imports of all other commands.
DOOR = """
import sys
from ops.cli.errors import sentence
from ops.cli.secrets import app
try:
    app()
except Exception as exc:
    told, status = sentence(exc)
    print(told, file=sys.stderr)
    sys.exit(status)
"""
FARM = [sys.executable, "-c", DOOR]
AGE = Selection("bookworm", ("age",), "age", place="age", kept=lambda package: package == "age", room_bytes=20_000_000)


@pytest.fixture(scope="session")
def age(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program; age-keygen lies beside it."""
    folder = tmp_path_factory.mktemp("age")
    try:
        tree.unpack([one.path for one in PackageCache(cache_folder(), this_platform(), AGE).packages(print)], folder)
    except LocalError as exc:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no age: {exc}")
    return folder / "usr/bin/age"


@dataclass(frozen=True)
class Talk:
    status: int
    heard: str


Terminal = Callable[..., Talk]


@pytest.fixture
def terminal() -> Terminal:
    """(argv, answers, environ): a program on a terminal of its own, each answer typed when its prompt has come."""

    def talk(argv: Sequence[str | Path], answers: Sequence[tuple[str, str]], environ: Mapping[str, str] | None = None) -> Talk:
        ours, theirs = pty.openpty()
        # setsid --ctty: age opens /dev/tty, which must be this one.
        process = subprocess.Popen(
            ["setsid", "--ctty", "--wait", *argv],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**os.environ, "TERM": "dumb", **(environ or {})},
            cwd=CHECKOUT,
        )
        os.close(theirs)
        try:
            heard, waiting = "", list(answers)
            deadline = time.monotonic() + 120
            while time.monotonic() < deadline:
                if waiting and waiting[0][0] in heard:
                    prompt, answer = waiting.pop(0)
                    heard = heard.replace(prompt, "", 1)
                    os.write(ours, f"{answer}\n".encode())
                if not select.select([ours], [], [], 0.05)[0]:
                    if process.poll() is not None:
                        break
                    continue
                try:
                    piece = os.read(ours, 4096)
                except OSError:  # Linux says so when the other side is closed
                    break
                heard += piece.decode()
            return Talk(process.wait(timeout=30), heard)
        finally:
            process.kill()
            process.wait()
            os.close(ours)

    return talk

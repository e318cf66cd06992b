"""ops/deploy.sh as a text, and what it refuses before it does anything."""

import os
import subprocess
from pathlib import Path

import pytest

from core.settings import ROOT
from ops.local import tree
from ops.local.errors import LocalError
from ops.local.packages import PackageCache, Selection, cache_folder
from ops.local.platforms import this_platform

SCRIPT = ROOT / "ops" / "deploy.sh"
SCRIPTS = [SCRIPT, *sorted((ROOT / "ops/deploy").glob("*.sh")), ROOT / "ops/deploy/tapefarm", ROOT / "ops/systemd/start"]
SHELLCHECK = Selection(
    "bookworm",
    ("shellcheck",),
    "ShellCheck",
    place="shellcheck",
    kept=lambda package: package.startswith(("shellcheck", "libgmp", "libffi")),
    room_bytes=60_000_000,
)


@pytest.fixture(scope="session")
def shellcheck(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the program and the libraries that are its own."""
    folder = tmp_path_factory.mktemp("shellcheck")
    try:
        tree.unpack((package.path for package in PackageCache(cache_folder(), this_platform(), SHELLCHECK).packages(print)), folder)
    except LocalError as exc:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no ShellCheck: {exc}")
    return folder


def test_shellcheck_has_nothing_to_say(shellcheck: Path) -> None:
    environ = {**os.environ, "LD_LIBRARY_PATH": str(shellcheck / "usr/lib" / this_platform().triplet)}
    done = subprocess.run([shellcheck / "usr/bin/shellcheck", *SCRIPTS], env=environ, capture_output=True, text=True, check=False)
    assert (done.stdout + done.stderr, done.returncode) == ("", 0)


def run(*words: str) -> tuple[int, str]:
    done = subprocess.run([SCRIPT, *words], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--nonsense",), "--nonsense is not known here"),
        (("--env",), "--env wants a file"),
        (("--timescaledb", "none"), "--timescaledb is community or apache"),
    ],
    ids=" ".join,
)
def test_what_it_does_not_know_it_refuses_with_a_sentence(words: tuple[str, ...], said: str) -> None:
    status, told = run("--dry-run", *words)
    assert status == 1
    assert said in told


def test_help_tells_every_option() -> None:
    status, told = run("--help")
    assert status == 0
    for option in ("--dry-run", "--env", "--ssh-port", "--health-from", "--no-firewall", "--timescaledb", "--rollback"):
        assert option in told

"""A whole farm as `./farm up` makes it, in a folder of its own beside any other; ended when the stage ends or this process does."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.children import Failed
from bench.servers import CHECKOUT
from core import settings
from ops.cli import state
from ops.cli.environment import DEFAULT_PORTS, port_variable
from ops.local.ports import free_port

UP_SECONDS = 240
DOWN_SECONDS = 120
#: Ends the farm when its standard input ends, which the kernel sees to when this process dies, however it dies.
_GUARD = """
import shutil, subprocess, sys
sys.stdin.read()
subprocess.run([sys.executable, "-m", "ops", "down", "--timeout", "5"], stdin=subprocess.DEVNULL, stdout=sys.stderr)
shutil.rmtree(sys.argv[1], ignore_errors=True)
"""


#: A word of its command line -> what a program is called here.
_MARKS = {
    "sandbox": "sandbox",
    "streamers": "streamer",
    "redis-server": "redis",
    "postgres": "postgres",
    "beat": "beat",
    "flower": "flower",
}


@dataclass(frozen=True)
class Farm:
    home: Path
    database_url: str

    def processes(self) -> dict[str, list[psutil.Process]]:
        """Every process of the farm under the name of its program; the sandbox, which is the venue, is left out."""
        root = psutil.Process(int((self.home / "run" / "supervisord.pid").read_text()))
        found = {"supervisord": [root]}
        for child in root.children():
            name = _program(child)
            if name != "sandbox":
                found.setdefault(name, []).extend([child, *child.children(recursive=True)])
        return found


def _program(process: psutil.Process) -> str:
    words = process.cmdline()
    names = {Path(word).name for word in words}
    for mark, name in _MARKS.items():
        if mark in names:
            return name
    return f"worker {words[words.index('-Q') + 1]}" if "-Q" in words else Path(words[0]).name


@contextmanager
def farm(say: Callable[[str], None], *options: str) -> Iterator[Farm]:
    """A farm that collects from the sandbox, with rows landing."""
    folder = CHECKOUT / ".farm" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    home = Path(tempfile.mkdtemp(prefix="farm-", dir=folder))
    env = _environment(home)
    with (home / "guard.log").open("wb") as log:
        guard = subprocess.Popen(
            [sys.executable, "-c", _GUARD, str(home)], cwd=CHECKOUT, env=env, stdin=subprocess.PIPE, stderr=log, start_new_session=True
        )
    try:
        say(f"./farm up {' '.join(options)}")
        _up(options, env)
        found = state.load(home)
        if found is None:
            raise Failed(f"./farm up left no state in {home}")
        yield Farm(home, found.environment["DATABASE_URL"])
    finally:
        assert guard.stdin is not None
        guard.stdin.close()
        try:
            guard.wait(DOWN_SECONDS)
        except subprocess.TimeoutExpired:
            say(f"the farm in {home} takes long to end; it goes on ending by itself")
        else:
            shutil.rmtree(home, ignore_errors=True)


def _environment(home: Path) -> dict[str, str]:
    knobs = {name for name, _, _ in settings.documented()}
    bare = {name: value for name, value in os.environ.items() if name not in knobs and not name.endswith(("_WS_URL", "_REST_URL"))}
    ports = {port_variable(name): str(free_port()) for name in DEFAULT_PORTS}
    return {**bare, **ports, "FARM_HOME": str(home), "PYTHONPATH": str(CHECKOUT)}


def _up(options: Sequence[str], env: dict[str, str]) -> None:
    argv = [sys.executable, "-m", "ops", "up", *options]
    try:
        done = subprocess.run(
            argv, cwd=CHECKOUT, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=UP_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as exc:
        raise Failed(f"./farm up took longer than {UP_SECONDS} s") from exc
    if done.returncode:
        raise Failed(f"./farm up ended with {done.returncode}: {done.stderr.strip()[-800:]}")

"""A whole farm of one's own as `./farm up` makes it, in a folder beside any other; ended when we end, or when we are killed."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from core.settings import ROOT
from ops.cli import environment
from ops.cli.environment import DEFAULT_PORTS, port_variable
from ops.cli.errors import Refused
from ops.local.accounts import place
from ops.local.ports import free_port

UP_SECONDS = 240
DOWN_SECONDS = 120
#: Ends the farm when its standard input ends, which the kernel sees to when this process dies, however it dies.
_GUARD = """
import shutil, subprocess, sys
sys.stdin.read()
subprocess.run([sys.executable, "-m", "ops", "down", "--timeout", "5"], stdin=subprocess.DEVNULL, stdout=sys.stderr)
mounted = [line.split()[1] for line in open("/proc/self/mounts")]
for place in reversed([place for place in mounted if place.startswith(sys.argv[1])]):
    subprocess.run(["umount", place])
for folder in sys.argv[1:]:
    shutil.rmtree(folder, ignore_errors=True)
"""


@contextmanager
def private_home(folder: Path, say: Callable[[str], None], **settings: str) -> Iterator[tuple[Path, dict[str, str]]]:
    """(home, environment) of a farm that may be brought up within, on free ports; nothing is left of it at the end. `settings` go over
    the defaults, and the caller's own have no say."""
    folder.mkdir(parents=True, exist_ok=True)
    home = Path(tempfile.mkdtemp(prefix="farm-", dir=folder))
    home.chmod(0o711)  # root's servers run as another account
    env = _environment(home, settings)
    with (home / "guard.log").open("wb") as log:
        guard = subprocess.Popen(
            [sys.executable, "-c", _GUARD, *map(str, _folders(home))],
            cwd=ROOT,
            env=env,
            stdin=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield home, env
    finally:
        assert guard.stdin is not None
        guard.stdin.close()
        try:
            guard.wait(DOWN_SECONDS)
        except subprocess.TimeoutExpired:
            say(f"the farm in {home} takes long to end; it goes on ending by itself")


def _folders(home: Path) -> list[Path]:
    """The home, and where root's servers keep their data when they may not enter it."""
    return [home, *({place(home / "postgres").parent} - {home})]


def _environment(home: Path, given: Mapping[str, str]) -> dict[str, str]:
    bare = {name: value for name, value in os.environ.items() if not environment.is_setting(name)}
    # An empty value goes before what .env says, and says nothing: its servers are not to be touched.
    silenced = dict.fromkeys(environment.given({}), "")
    ports = {port_variable(name): str(free_port()) for name in DEFAULT_PORTS}
    return {**bare, **silenced, **ports, **given, "FARM_HOME": str(home), "PYTHONPATH": str(ROOT)}


def bring_up(options: Sequence[str], env: Mapping[str, str]) -> None:
    """`./farm up` with these options. Raises Refused with its last words."""
    argv = [sys.executable, "-m", "ops", "up", *options]
    try:
        done = subprocess.run(
            argv, cwd=ROOT, env=dict(env), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=UP_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as exc:
        raise Refused(f"./farm up took longer than {UP_SECONDS} s") from exc
    if done.returncode:
        raise Refused(f"./farm up ended with {done.returncode}: {done.stderr.strip()[-800:]}")

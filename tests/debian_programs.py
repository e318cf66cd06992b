"""Programs of Debian's packages for checks of what is handed to them: fetched as the servers are, unpacked beside them, never installed.

They are statically linked, or content with the C library of the release before, so neither what their packages depend on nor patches are needed.
"""

import os
import subprocess
from functools import cache
from pathlib import Path

import pytest

from core.settings import ROOT
from ops.local import tree
from ops.local.errors import LocalError, RuntimeBuildFailed
from ops.local.locks import exclusive
from ops.local.packages import PackageCache, Selection, cache_folder
from ops.local.platforms import this_platform

#: program -> (package, where it lies in it)
PROGRAMS = {
    "amtool": ("prometheus-alertmanager", "usr/bin/amtool"),
    "caddy": ("caddy", "usr/bin/caddy"),
    "docker-compose": ("docker-compose", "usr/libexec/docker/cli-plugins/docker-compose"),
    "promtool": ("promtool", "usr/bin/promtool"),
    "prometheus": ("prometheus", "usr/bin/prometheus"),
}
_ROOM_BYTES = 200_000_000


@cache
def debian_program(name: str) -> Path:
    """Where it is. Skips where it cannot be had, and fails in CI."""
    package, place = PROGRAMS[name]
    folder = ROOT / ".farm" / "programs" / package
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with exclusive(folder.with_name(f"{package}.lock")):
            if not folder.is_dir():
                selection = Selection("trixie", (package,), package, place=package, kept=package.__eq__, room_bytes=_ROOM_BYTES)
                fetched = PackageCache(cache_folder(), this_platform(), selection).packages(print)
                draft = folder.with_name(f"{package}.building")
                tree.unpack((one.path for one in fetched), draft)
                draft.rename(folder)
        _check(folder / place)
    except LocalError as exc:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no {name}: {exc}")
    return folder / place


def _check(program: Path) -> None:
    word = "version" if program.name == "caddy" else "--version"
    done = subprocess.run([program, word], env={"HOME": "/nonexistent"}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeBuildFailed(f"{program} does not run on this machine: {done.stderr.strip() or done.returncode}")

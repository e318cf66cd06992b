"""A mount namespace of this command's own, where the kernel grants one: what is mounted in it is gone with its last process."""

import os
import subprocess
import sys
from collections.abc import Mapping

_MARK = "TAPEFARM_CHAOS_MOUNTS"


def is_own() -> bool:
    return os.environ.get(_MARK) == "own"


def enter(environ: Mapping[str, str]) -> None:
    """Run this command anew with this environment, in a namespace of its own where that can be had; returns where that was done already."""
    if _MARK in os.environ:
        return
    granted = os.geteuid() == 0 and subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode == 0
    argv = [sys.executable, "-m", "ops", *sys.argv[1:]]
    whole = ["unshare", "-m", *argv] if granted else argv
    os.execvpe(whole[0], whole, {**environ, _MARK: "own" if granted else "shared"})  # noqa: S606

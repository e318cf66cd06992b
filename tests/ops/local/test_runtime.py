"""The runtime is whole or absent, moves with its checkout, and is built once however many ask."""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ops.local.runtime import Runtime, ensure_runtime

CHECKOUT = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.usefixtures("runtime")  # which also fills the package cache

BUILD = """
import sys
from pathlib import Path
from ops.local.runtime import ensure_runtime
ensure_runtime(Path(sys.argv[1]), lambda line: print(line, flush=True))
"""


def _builder(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", BUILD, folder], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True)


def _version(program: Path) -> str:
    return subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout


def test_programs_run_with_their_own_c_library(runtime: Runtime) -> None:
    assert "PostgreSQL) 17." in _version(runtime.pg_bin / "postgres")
    assert "v=8." in _version(runtime.redis_server)
    assert {"postgresql", "timescaledb", "redis"} <= set(runtime.versions)


def test_second_call_is_instant_and_silent(runtime: Runtime) -> None:
    said: list[str] = []
    begun = time.perf_counter()
    assert ensure_runtime(CHECKOUT / ".farm/runtime", said.append) == runtime
    assert time.perf_counter() - begun < 0.1
    assert said == []


def test_moved_checkout_is_patched_again(open_folder: Path, runtime: Runtime) -> None:
    before, after = open_folder / "before/runtime", open_folder / "after/runtime"
    ensure_runtime(before, print)
    shutil.move(before.parent, after.parent)
    said: list[str] = []
    moved = ensure_runtime(after, said.append)
    assert said == ["the checkout has moved: patching the servers for their new place"]
    assert _version(moved.pg_bin / "postgres") == _version(runtime.pg_bin / "postgres")
    assert not list(after.rglob("*.new"))


def test_killed_build_leaves_nothing_half(open_folder: Path) -> None:
    folder = open_folder / "runtime"
    with _builder(folder) as builder:
        assert builder.stdout
        for line in builder.stdout:
            if line.startswith("unpacking"):
                break
        builder.kill()
    assert not folder.exists()
    assert ensure_runtime(folder, print).redis_cli.exists()
    assert sorted(path.name for path in open_folder.iterdir()) == ["runtime", "runtime.lock"]


def test_two_builders_build_once(open_folder: Path) -> None:
    builders = [_builder(open_folder / "runtime") for _ in range(2)]
    said = [builder.communicate(timeout=60)[0] for builder in builders]
    assert [builder.returncode for builder in builders] == [0, 0]
    assert sorted("unpacking" in text for text in said) == [False, True]


@pytest.mark.parametrize("stamp", ["{}", json.dumps({"recipe": 0, "patched_for": "/", "versions": {}})])
def test_unknown_stamp_is_built_anew(open_folder: Path, stamp: str) -> None:
    folder = open_folder / "runtime"
    folder.mkdir()
    (folder / "stamp.json").write_text(stamp)
    (folder / "left over").touch()
    assert _version(ensure_runtime(folder, print).redis_server)
    assert not (folder / "left over").exists()

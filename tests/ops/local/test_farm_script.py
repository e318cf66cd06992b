"""The shell script in small checkouts of its own: no packages, or one that cannot be had."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[3]
OPS = "import os, sys; print(*sys.argv[1:], sep='|'); print(os.getcwd())\n"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    folder = tmp_path / "a clone"
    (folder / "ops").mkdir(parents=True)
    (folder / "ops/__main__.py").write_text(OPS)
    for name in ("requirements.txt", "requirements-dev.txt", "requirements-clients.txt"):
        (folder / name).write_text("# nothing\n")
    shutil.copy(CHECKOUT / "farm", folder)
    return folder


def _farm(clone: Path, *arguments: str, cwd: Path = Path("/"), **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [clone / "farm", *arguments], cwd=cwd, env={**os.environ, **environ}, capture_output=True, text=True, check=False, timeout=60
    )


def _bin(tmp_path: Path, **scripts: str) -> str:
    """A PATH with the usual tools, without Python and apt, and with these scripts."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in ("sh", "readlink", "dirname", "cat", "cksum", "mkdir", "rm", "grep", "tail", "flock", "sleep", "env"):
        (folder / tool).symlink_to(str(shutil.which(tool)))
    for name, text in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    return str(folder)


@pytest.mark.slow
def test_the_life_of_an_environment(clone: Path, tmp_path: Path) -> None:
    first = _farm(clone, "status", "two words", "--x=*")
    assert first.stdout.splitlines() == ["status|two words|--x=*", str(clone)]
    assert "making .venv" in first.stderr

    again = _farm(clone, "status")
    assert (again.returncode, again.stderr) == (0, "")

    (tmp_path / "link").symlink_to(clone / "farm")
    linked = subprocess.run([tmp_path / "link", "x"], capture_output=True, text=True, check=True)
    assert linked.stdout.splitlines() == ["x", str(clone)]

    assert "requirements-dev.txt" in _farm(clone, "test").stderr
    assert _farm(clone, "test").stderr == ""

    (clone / "requirements.txt").write_text("# nothing else\n")
    changed = _farm(clone, "status")
    assert "requirements.txt" in changed.stderr
    assert "making .venv" not in changed.stderr

    moved = clone.rename(tmp_path / "moved")
    assert "making .venv" in _farm(moved, "status").stderr


def test_two_at_once_make_one_environment(clone: Path) -> None:
    runs = [subprocess.Popen([clone / "farm", "x"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    said = [run.communicate(timeout=60) for run in runs]
    assert [out.splitlines()[0] for out, _ in said] == ["x", "x"]
    assert sum("making .venv" in err for _, err in said) == 1


def test_a_linked_environment_of_another_checkout_is_left_alone(clone: Path, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    for name in ("bin", ".farm-place"):
        (theirs / name).write_text("elsewhere")
    (clone / ".venv").symlink_to(theirs)
    done = _farm(clone, "status")
    assert done.returncode == 1
    assert f"is a link to {theirs}" in done.stderr
    assert {path.name for path in theirs.iterdir()} == {"bin", ".farm-place"}


def test_no_python(clone: Path, tmp_path: Path) -> None:
    done = _farm(clone, PATH=_bin(tmp_path, python3="exit 1"))
    assert done.returncode == 1
    assert "Python 3.11 or newer is needed" in done.stderr


def test_no_ensurepip_and_no_apt(clone: Path, tmp_path: Path) -> None:
    done = _farm(clone, PATH=_bin(tmp_path, python3='case "$2" in *ensurepip*) exit 1;; esac'))
    assert done.returncode == 1
    assert "apt-get install python3-venv" in done.stderr


def test_packages_that_cannot_be_fetched(clone: Path) -> None:
    (clone / "requirements.txt").write_text(f"no-such-package-of-ours==1.0 --hash=sha256:{'0' * 64}\n")
    done = _farm(clone, "up", PIP_INDEX_URL="http://127.0.0.1:9/simple", PIP_RETRIES="1", PIP_FIND_LINKS="")
    assert done.returncode == 1
    assert "look at the network" in done.stderr
    assert not (clone / ".venv/.farm-requirements").exists()

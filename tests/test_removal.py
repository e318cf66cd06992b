"""A venue is a folder: a tree without it, and without its tests, still collects every other test and passes those about the tree."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from venues import VENUES

ROOT = Path(__file__).resolve().parents[1]
#: The writers' own tests are made of this venue's frames.
MODEL = "binance"
#: What knows of venues without having any of its own: quick, and without servers.
ABOUT_THE_TREE = [
    *("tests/test_architecture.py", "tests/test_schedule.py", "tests/test_compose.py", "tests/test_env_example.py"),
    *("tests/test_docs.py", "tests/venues/test_contract.py", "tests/core/test_settings.py"),
]
#: These need a database, and say nothing of venues.
SERVED = "not data_dictionary"


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What git would take, as a repository of its own: some tests ask git what belongs to the tree."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    copy = tmp_path_factory.mktemp("tree")
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    subprocess.run(["git", "init", "-q"], cwd=copy, check=True)
    return copy


def without(tree: Path, venue: str, place: Path) -> Path:
    """A copy of the tree without the venue's folder and every test of its name."""
    copy = shutil.copytree(tree, place / "tree")
    for path in [copy / "venues" / venue, *(copy / "tests").rglob(venue), *(copy / "tests").rglob(f"test_{venue}.py")]:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return copy


def pytest_in(tree: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words]
    return subprocess.run(command, cwd=tree, env=environ, capture_output=True, text=True, check=False, timeout=240)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("venue", sorted(set(VENUES) - {MODEL}))
def test_without_a_venue_the_rest_stands(copied: Path, tmp_path: Path, venue: str) -> None:
    tree = without(copied, venue, tmp_path)
    everything = pytest_in(tree, "--collect-only")
    assert everything.returncode == 0, everything.stdout[-3000:] + everything.stderr[-2000:]
    about = pytest_in(tree, *ABOUT_THE_TREE, "-k", SERVED)
    assert about.returncode == 0, about.stdout[-3000:] + about.stderr[-2000:]

"""`./farm test` without arguments: a test that fails beside the others is run again by itself, and is named."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ops.cli.checking import LOOKED_AT_AGAIN, run_all

Run = Callable[..., tuple[int, str]]

PASSES = "def test_passes(): pass\n"
FAILS = "def test_fails(): assert False\n"
#: As one does that lacks the time of a busy machine: it fails when it is first run, and never again.
FAILS_ONCE = """
from pathlib import Path
def test_once():
    seen = Path(__file__).with_suffix(".seen")
    if not seen.exists():
        seen.touch()
        assert False
"""


@pytest.fixture
def run(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Run:
    def all_of(**files: str) -> tuple[int, str]:
        for name, text in files.items():
            (tmp_path / f"test_{name}.py").write_text(text)
        # A run within a run: what xdist tells the workers of this one is not for those; and they start faster without other plugins.
        environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
        status = run_all(tmp_path, environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_PLUGINS": "xdist.plugin"})
        return status, capfd.readouterr().out

    return all_of


def test_where_all_pass_nothing_runs_again(run: Run) -> None:
    status, told = run(good=PASSES)
    assert status == 0 and "1 passed" in told and "by themselves" not in told.lower()


def test_what_fails_beside_others_only_is_named_and_does_not_fail_the_run(run: Run) -> None:
    status, told = run(good=PASSES, moody=FAILS_ONCE)
    assert status == 0
    assert "1 failed, 1 passed" in told
    assert told.rstrip().endswith("Mend them:\n  test_moody.py::test_once")


def test_what_fails_by_itself_too_fails_the_run(run: Run) -> None:
    status, told = run(good=PASSES, moody=FAILS_ONCE, bad=FAILS)
    assert status == 1
    assert "2 failed beside the others" in told and "Mend them" not in told


def test_many_failures_are_no_matter_of_a_busy_machine(run: Run) -> None:
    status, told = run(moody="".join(FAILS_ONCE.replace("once", f"once_{n}").replace(".seen", f".{n}") for n in range(LOOKED_AT_AGAIN + 1)))
    assert status == 1 and "By themselves" not in told


def test_a_file_that_cannot_be_read_fails_the_run(run: Run) -> None:
    status, told = run(good=PASSES, broken="import nothing_of_this_name\n")
    assert status != 0 and "Mend them" not in told


def test_no_test_at_all_fails_the_run(run: Run) -> None:
    assert run()[0] != 0

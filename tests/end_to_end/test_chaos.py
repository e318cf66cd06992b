"""The core of `./farm chaos`: struck again and again under load, a farm loses nothing, and every deaf moment is a gap row.

The whole of it takes 40 minutes and is run by hand.
"""

import json
import os
import subprocess
from typing import Any

import pytest

from ops.chaos.catalogue import STORM, chosen
from ops.cli import environment
from tests.end_to_end.conftest import CHECKOUT

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(1500)]

CORE = [fault.name for fault in chosen([], core=True)]
KILLED = [name.removeprefix("kill-") for name in CORE if name.startswith("kill-")]


@pytest.fixture(scope="module")
def run() -> dict[str, Any]:
    bare = {name: value for name, value in os.environ.items() if not environment.is_setting(name)}
    words = [str(CHECKOUT / "farm"), "chaos", "--core", "--json"]
    done = subprocess.run(words, env=bare, capture_output=True, text=True, timeout=1400, check=False)
    assert done.stdout, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert (done.returncode == 0) == found["ok"]
    return found


@pytest.mark.parametrize("name", [*CORE, STORM])
def test_it_loses_and_doubles_nothing_under(name: str, run: dict[str, Any]) -> None:
    [fault] = [fault for fault in run["faults"] if fault["name"] == name]
    assert fault["problems"] == [] and fault["verdict"] == "passed"
    assert fault["lost"] == fault["duplicated"] == fault["different"] == 0 < fault["emitted"]


def test_everything_that_was_sent_is_stored_or_told(run: dict[str, Any]) -> None:
    assert run["verify"]["ok"], run["verify"]
    kinds = [kind for kinds in run["verify"]["venues"].values() for kind in kinds.values()]
    assert kinds
    for figures in kinds:
        assert figures["emitted"] == figures["stored"] + figures["quarantined"] + figures["counted_loss"]
        assert figures["missing"] == figures["duplicate"] == 0 < figures["stored"]


@pytest.mark.parametrize("kind", [kind for kind in KILLED if kind != "writing-child"])
def test_a_killed_program_was_started_again_and_that_is_told(kind: str, run: dict[str, Any]) -> None:
    assert sum(count for name, count in run["restarts"].items() if kind in name) >= 1
    [fault] = [fault for fault in run["faults"] if fault["name"] == f"kill-{kind}"]
    assert fault["detected_seconds"] is not None and kind in fault["said"]


def test_every_life_of_a_streamer_but_the_first_began_with_a_deaf_time_and_all_of_them_are_over(run: dict[str, Any]) -> None:
    deaf = [gap for gap in run["gaps"] if gap["cause"] == "disconnected"]
    assert {"aggTrade", "bookTicker"} == {gap["channel"] for gap in deaf}
    assert all(gap["ended"] == gap["gaps"] >= 2 for gap in deaf)  # the killed streamer, and the reset

"""Which programs run, where no supervisor tells."""

import dataclasses
import socket
from pathlib import Path

import pytest

from core.settings import Collect, Settings
from ops.cli import running
from ops.cli.running import CONTAINERS, containers, resolved
from ops.report.components import NOT_RUNNING, components

KNOBS = dataclasses.replace(Settings(), collect={"one": Collect()}, replicas="a,b")


def test_containers_are_those_of_the_stack_and_the_streamers_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    assert containers(KNOBS) == []
    monkeypatch.setenv(CONTAINERS, "beat, watcher")
    assert containers(KNOBS) == ["beat", "watcher", "streamer-one", "streamer-one-b"]


def test_a_container_without_an_address_does_not_run() -> None:
    def resolve(name: str) -> object:
        if name == "gone":
            raise socket.gaierror("Name or service not known")
        return name

    assert resolved(["beat", "gone"], resolve) == {"beat": True, "gone": False}


@pytest.mark.parametrize(
    ("away", "reasons", "notices"),
    [
        (set(), 0, 0),
        ({"beat"}, 1, 0),
        ({"streamer-one"}, 0, 1),  # its other replica records the same
        ({"streamer-one", "streamer-one-b"}, 2, 0),
    ],
)
def test_a_container_that_does_not_run_is_a_reason_that_names_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, away: set[str], reasons: int, notices: int
) -> None:
    monkeypatch.setenv(CONTAINERS, "beat,watcher")
    monkeypatch.setattr(running, "resolved", lambda names: {name: name not in away for name in names})
    rows, why, told = components(tmp_path, KNOBS)
    assert {row["name"]: row["state"] for row in rows} == {
        name: "down" if name in away else "running" for name in ("beat", "watcher", "streamer-one", "streamer-one-b")
    }
    assert (len(why), len(told)) == (reasons, notices)
    assert all(any(name in words and "its container does not run" in words for words in why + told) for name in away)


def test_without_containers_and_supervisor_nothing_runs(tmp_path: Path) -> None:
    assert components(tmp_path, KNOBS) == ([], [NOT_RUNNING], [])

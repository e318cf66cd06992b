"""`./farm alert` as it is typed."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.settings import ROOT
from ops.alerting import memory
from ops.alerting.judge import Alert
from ops.alerting.memory import Memory
from ops.cli import environment
from ops.cli.status import firing
from ops.local.ports import free_port
from tests.ops.alerting.peers import Mailbox, mailbox

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def farm(tmp_path: Path) -> Command:
    """(exit status, stdout, stderr) of `./farm alert WORDS` with these settings, in a checkout without a .env of its own."""
    kept = {name: value for name, value in os.environ.items() if not environment.is_setting(name)}

    def run(*words: str, **given: str) -> tuple[int, str, str]:
        argv = [sys.executable, "-m", "ops", "alert", *words]
        env = {**kept, "FARM_HOME": str(tmp_path), **given}
        done = subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, done.stdout, done.stderr

    return run


@pytest.fixture
def mails() -> Iterator[Mailbox]:
    with mailbox() as box:
        yield box


def test_a_test_reaches_every_place_or_says_which_it_does_not(farm: Command, mails: Mailbox) -> None:
    status, out, _ = farm("test", ALERT_URLS=mails.url)
    assert (status, out) == (0, "1 (mailto): taken\n")
    assert [subject.endswith(": a test") for subject, _ in mails.mails] == [True]
    status, out, err = farm("test", "--json", ALERT_URLS=f"{mails.url} json://someone:hunter22@127.0.0.1:{free_port()}/")
    taken, failed = json.loads(out)["places"]
    assert (status, taken, failed["place"], failed["taken"]) == (1, {"place": "1 (mailto)", "taken": True, "why": ""}, "2 (json)", False)
    assert "Errno 111" in failed["why"] and "hunter22" not in out + err


@pytest.mark.parametrize(
    ("urls", "sentence"),
    [("", "Nobody would be told: set ALERT_URLS"), ("nosuch://hunter22", "the URL number 1 is none that Apprise can send to")],
)
def test_what_cannot_be_tested_is_a_sentence(farm: Command, urls: str, sentence: str) -> None:
    status, out, err = farm("test", ALERT_URLS=urls)
    assert (status, sentence in err, out) == (2, True, ""), err
    assert "hunter22" not in err


def test_the_list_is_what_the_watcher_knows(farm: Command, tmp_path: Path) -> None:
    status, _, err = farm("list")
    assert (status, "No watcher has looked" in err) == (1, True)
    alert = Alert("disk", "/data", "warning", 1_795_348_800.0, 85.0, "85 % in use", "disk.md", 1_795_348_800.0, sent=1)
    pending = Alert("memory", "memory", "warning", 1_795_348_800.0, 95.0, "95 %", "memory.md")
    memory.save(tmp_path, Memory(time.time(), {alert.key: alert, pending.key: pending}, trouble={"1 (mailto)": "550 no"}, given_up=2))
    assert firing(tmp_path) == ["alert: disk /data, since 2026-11-22 12:00:00 UTC"]
    status, out, err = farm("list")
    assert status == 0
    assert [word in out for word in ("warning", "/data", "2026-11-22 12:00:00 UTC", "85 % in use", "ops/runbooks/disk.md", "95 %")] == [
        True
    ] * 5 + [False]
    assert "does not reach 1 (mailto)" in err and "2 messages were given up" in err
    found = json.loads(farm("list", "--json")[1])
    assert [one["rule"] for one in found["firing"]] == ["disk"] and found["trouble"] == {"1 (mailto)": "550 no"}


def test_a_watcher_that_looks_no_more_is_told() -> None:
    assert memory.troubles(Memory(looked_at=1000.0), 1100.0) == []
    (told,) = memory.troubles(Memory(looked_at=1000.0), 2000.0)
    assert told.startswith("the watcher has not looked at the farm for 1000 s")


def test_the_rules_in_force_and_the_line_that_cannot_be(farm: Command, tmp_path: Path) -> None:
    status, out, _ = farm("rules")
    assert status == 0
    assert "venue-silent" in out and "rules-unreadable" in out
    assert "disk_percent: " in farm("rules", "--measures")[1]
    (tmp_path / "mine.toml").write_text("[disk]\nmeasure = 'disk_percent'\nabove = 'much'\n")
    status, _, err = farm("rules", ALERTS_TOML=str(tmp_path / "mine.toml"))
    assert (status, "disk.above='much' cannot be used: give a number from 0 up" in err) == (2, True)

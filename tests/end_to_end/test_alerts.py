"""Beat rings no more, a venue falls silent, nobody writes the journal: a mail about each arrives, once, with what to do; so does its end."""

import json
import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from core.settings import ROOT
from ops.alerting import memory
from ops.local.supervision import start_programs, stop_programs
from tests.end_to_end.conftest import Venue, eventually
from tests.ops.alerting.peers import Mailbox, mailbox
from venues import VENUES

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.timeout(420),
    pytest.mark.skipif("binance" not in VENUES, reason="a folder is deleted"),
]

#: Beat rings each queue once a minute, for the first time a minute after its start: no sooner can its silence be told.
RULES = """
look_every = "1 s"
[venue-silent]
measure = "venue_silence_seconds"
above = 10
clear = "5 s"
severity = "critical"
[backlog]
measure = "backlog_age_seconds"
above = 15
only = "*:aggTrade:*"
clear = "5 s"
severity = "critical"
[beat-silent]
measure = "beat_silence_seconds"
above = 75
clear = "5 s"
severity = "critical"
[server-away]
measure = "server_away_seconds"
above = 10
clear = "5 s"
severity = "critical"
"""


@pytest.fixture(scope="module")
def mails() -> Iterator[Mailbox]:
    with mailbox() as box:
        yield box


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory, mails: Mailbox) -> Iterator[Venue]:
    rules = tmp_path_factory.mktemp("rules") / "alerts.toml"
    rules.write_text('look_every = "1 s"')
    found = Venue(tmp_path_factory.mktemp("alerts"), "binance", ALERT_URLS=mails.url, ALERTS_TOML=str(rules))
    try:
        found.up("--rate", "200")
        rules.write_text(RULES)  # it is read again: what is slow while all starts at once is no trouble
        yield found
    finally:
        found.run("down", "--timeout", "5")


@pytest.fixture(autouse=True)
def quiet(farm: Venue, mails: Mailbox) -> None:
    """Nothing is the matter, and nobody has been told anything."""

    def troubles() -> list[object]:
        known = memory.load(farm.home)
        return [alert for alert in known.alerts.values() if not alert.ended] + list(known.waiting) if known else ["nobody has looked yet"]

    eventually(lambda: not troubles(), troubles)
    mails.mails.clear()


def told(mails: Mailbox, rule: str) -> list[tuple[str, str, str]]:
    """(head, subject, page) of what was told of a rule, in order; a mail may tell of several."""
    parts = re.compile(rf"^([A-Z ]+): {rule} (\S+)\n.*\n.*\nwhat to do: (\S+)$", re.MULTILINE)
    return [found for _, text in mails.mails for found in parts.findall(text)]


@contextmanager
def stopped(farm: Venue, *names: str) -> Iterator[None]:
    """Through the supervisor, which would bring back whatever else ends a program."""
    stop_programs(farm.home, names)
    try:
        yield
    finally:
        start_programs(farm.home, names)


def test_each_trouble_is_told_once_with_what_to_do_and_so_is_its_end(farm: Venue, mails: Mailbox) -> None:
    ((began,),) = farm.psql("SELECT now()")
    with stopped(farm, "beat", "worker-writers"):
        eventually(lambda: told(mails, "backlog"))
        fault = farm.prepare("stall", seconds=300)
        eventually(lambda: told(mails, "venue-silent"))
        farm.clear(fault)
        eventually(lambda: len(told(mails, "venue-silent")) == 2, lambda: mails.mails)
        eventually(lambda: told(mails, "beat-silent"))
    subjects = {"venue-silent": "binance", "backlog": "binance:aggTrade:0:a", "beat-silent": "beat"}
    for rule, subject in subjects.items():
        eventually(lambda rule=rule: len(told(mails, rule)) == 2, lambda: mails.mails)
        page = str(ROOT / "ops" / "runbooks" / f"{rule}.md")
        assert told(mails, rule) == [("CRITICAL", subject, page), ("OVER", subject, page)]
        assert Path(page).is_file()

    def rows() -> list[tuple[str, ...]]:
        asked = f"SELECT rule, subject, messages, ended_at IS NOT NULL FROM alerts WHERE since_at > '{began}'"
        return sorted(map(tuple, farm.psql(asked)))

    wanted = sorted((rule, subject, "2", "t") for rule, subject in subjects.items())
    eventually(lambda: rows() == wanted, rows)


def test_a_database_that_is_away_is_told_by_a_mail(farm: Venue, mails: Mailbox) -> None:
    with stopped(farm, "postgres"):
        ((head, subject, _),) = eventually(lambda: told(mails, "server-away"), lambda: mails.mails)
        assert (head, subject) == ("CRITICAL", "PostgreSQL")
        (firing,) = json.loads(farm.run("alert", "list", "--json").stdout)["firing"]
        assert (firing["rule"], firing["subject"]) == ("server-away", "PostgreSQL")
    eventually(lambda: [head for head, _, _ in told(mails, "server-away")] == ["CRITICAL", "OVER"], lambda: mails.mails)
    ended = "SELECT count(*) FROM alerts WHERE rule = 'server-away' AND ended_at IS NOT NULL"
    eventually(lambda: farm.psql(ended) == [["1"]])


def test_no_word_of_who_is_told_is_left_behind(farm: Venue) -> None:
    words = ("hunter22", "farmer:")
    for path in (farm.home / "logs").glob("*.log*"):
        assert not [word for word in words if word in path.read_text(encoding="utf-8", errors="replace")], path
    for process in psutil.process_iter():
        try:
            line = " ".join(process.cmdline())
        except psutil.Error:
            continue
        assert not [word for word in words if word in line]
    assert farm.psql("SELECT count(*) FROM alerts WHERE words LIKE '%hunter22%'") == [["0"]]
    watcher, beat = farm.pid("watcher"), farm.pid("beat")
    assert "ALERT_URLS" in psutil.Process(watcher).environ() and "ALERT_URLS" not in psutil.Process(beat).environ()


def test_a_watcher_that_was_killed_tells_nothing_twice_and_says_who_cannot_be_reached(farm: Venue, mails: Mailbox) -> None:
    watcher = farm.pid("watcher")
    assert watcher
    os.kill(watcher, signal.SIGKILL)
    eventually(lambda: farm.pid("watcher") not in (None, watcher))
    mails.refuses = "451 come back later"
    fault = farm.prepare("stall", seconds=300)
    unheard = "an alert does not reach 1 (mailto), and is sent again: "
    (reason,) = eventually(lambda: [reason for reason in farm.status()["reasons"] if reason.startswith(unheard)])
    assert "451" in reason and "hunter22" not in reason
    eventually(lambda: "alert: venue-silent binance, since " in farm.run("status").stdout)
    mails.refuses = ""
    eventually(lambda: told(mails, "venue-silent"), lambda: mails.mails)
    farm.clear(fault)
    eventually(lambda: [head for head, _, _ in told(mails, "venue-silent")] == ["CRITICAL", "OVER"], lambda: mails.mails)

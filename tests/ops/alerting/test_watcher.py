"""The loop as a whole: facts in, mails out, and what it remembers, with servers that are away or hang."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core.settings import Settings
from ops.alerting import memory, sources
from ops.alerting.facts import Witnesses
from ops.alerting.judge import Alert, Reading
from ops.alerting.sources import Answer
from ops.alerting.watcher import Watcher
from tests.ops.alerting.peers import Mailbox
from tests.sandbox.conftest import until

Query = Callable[..., list[tuple[Any, ...]]]
NOON = 1_795_348_800.0
RULES = '[hot]\nmeasure = "disk_percent"\nabove = 80\nclear = 0\nrunbook = "disk"\nseverity = "critical"\n'
AWAY = '[away]\nmeasure = "server_away_seconds"\nabove = 30\nclear = 0\nrunbook = "server-away"\n'


class Watched:
    """A watcher over one measure that the test sets."""

    def __init__(self, knobs: Settings, **asked: Callable[[], Answer]) -> None:
        self.percent, self.rows = 50.0, 1000.0
        self.knobs, self.asked = knobs, {"machine": self._machine, **asked}
        self.watcher = Watcher(knobs, self.asked, NOON)

    def _machine(self) -> Answer:
        return Answer({"disk_percent": {"/data": Reading(self.percent, f"{self.percent:.0f} % in use")}}, {"rows": self.rows})

    def look(self, seconds: float) -> None:
        self.watcher.look(NOON + seconds)

    def delivered(self, seconds: float) -> None:
        def done() -> bool:
            self.watcher.turn(NOON + seconds)
            return not self.watcher.memory.waiting

        until(done, 30)

    def again(self, seconds: float) -> None:
        """Ended and started, as by `./farm down` and `./farm up`."""
        self.watcher.close(NOON + seconds)
        self.watcher = Watcher(self.knobs, self.asked, NOON + seconds)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "alerts.toml"
    path.write_text(RULES)
    return path


@pytest.fixture
def watch(knobs: Callable[..., Settings], file: Path, mails: Mailbox) -> Iterator[Callable[..., Watched]]:
    made: list[Watched] = []

    def make(changes: dict[str, str] | None = None, **asked: Callable[[], Answer]) -> Watched:
        given = {"alerts_toml": str(file), "alert_urls": mails.url, "alert_runbooks_url": "https://docs", **(changes or {})}
        made.append(Watched(knobs(**given), **asked))
        return made[-1]

    yield make
    for one in made:
        one.watcher.close(NOON)


def subjects(mails: Mailbox) -> list[str]:
    return [subject.partition(": ")[2] for subject, _ in mails.mails]


def test_an_alert_arrives_once_with_its_runbook_and_its_end_once(watch: Callable[..., Watched], mails: Mailbox) -> None:
    watched = watch()
    for seconds, percent in enumerate([50, 85, 86, 87, 50, 50]):
        watched.percent = float(percent)
        watched.look(seconds)
        watched.delivered(seconds)
    assert subjects(mails) == ["critical: hot /data", "over: hot /data"]
    assert "85 % in use\nsince 2026-11-22 12:00:01 UTC\nwhat to do: https://docs/disk.md" in mails.mails[0][1]


def test_it_remembers_over_its_own_end(watch: Callable[..., Watched], mails: Mailbox) -> None:
    watched = watch()
    watched.percent = 85.0
    watched.look(0)
    watched.again(5)
    watched.look(5)
    watched.delivered(5)
    watched.again(10)
    watched.look(10)
    watched.percent = 50.0
    watched.look(15)
    watched.delivered(15)
    assert subjects(mails) == ["critical: hot /data", "over: hot /data"]


def test_its_rows_tell_later_what_happened(watch: Callable[..., Watched], query: Query) -> None:
    watched = watch({"alert_urls": ""})

    def rows() -> list[tuple[Any, ...]]:
        return query("SELECT rule, subject, severity, value, messages, ended_at - since_at FROM alerts")

    watched.percent = 85.0
    watched.look(0)
    until(lambda: rows() == [("hot", "/data", "critical", 85.0, 1, None)], 10)
    watched.percent = 50.0
    watched.look(60)
    until(lambda: str(rows()[0][4:]) == "(2, datetime.timedelta(seconds=60))", 10)
    watched.look(75)
    assert watched.watcher.memory.unrecorded == {}


def test_a_database_that_is_away_holds_up_nothing_and_gets_its_rows_later(watch: Callable[..., Watched], mails: Mailbox) -> None:
    watched = watch({"database_url": "postgresql+psycopg2://nobody:x@127.0.0.1:1/none"})
    watched.percent = 85.0
    watched.look(0)
    watched.delivered(0)
    assert subjects(mails) == ["critical: hot /data"]
    assert len(watched.watcher.memory.unrecorded) == 1


def test_a_server_that_hangs_is_the_alert_and_the_others_are_still_heard(
    watch: Callable[..., Watched], file: Path, mails: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "PATIENCE_SECONDS", 0.05)
    file.write_text(RULES + AWAY)
    hangs = threading.Event()
    hangs.set()
    watched = watch(PostgreSQL=lambda: Answer(figures={"waited": hangs.wait(20)}))
    watched.look(0)
    hangs.clear()
    watched.percent = 85.0
    for seconds in (10, 20, 31):
        watched.look(seconds)
        watched.delivered(seconds)
    hangs.set()

    def heard() -> bool:
        watched.look(40)
        watched.delivered(40)
        return len(mails.mails) == 3

    until(heard, 10)
    assert subjects(mails) == ["critical: hot /data", "warning: away PostgreSQL", "over: away PostgreSQL"]
    assert "no answer for 31 s: no answer within" in mails.mails[1][1]


def test_servers_that_take_connections_and_never_answer_are_told(
    knobs: Callable[..., Settings], file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "PATIENCE_SECONDS", 0.5)
    file.write_text(AWAY)
    with socket.create_server(("127.0.0.1", 0)) as hole:
        port = hole.getsockname()[1]
        urls = {"database_url": f"postgresql+psycopg2://u:p@127.0.0.1:{port}/d", "redis_url": f"redis://127.0.0.1:{port}/0"}
        settings = knobs(**urls, alerts_toml=str(file))
        watcher = Watcher(settings, Witnesses(settings, tmp_path, NOON, lambda: NOON).asked(), NOON)
        began = time.monotonic()
        for seconds in (1, 31):
            watcher.look(NOON + seconds)
        assert time.monotonic() - began < 5
    assert {alert.subject for alert in watcher.memory.firing} == {"PostgreSQL", "Redis"}


def test_a_failing_question_is_a_server_that_does_not_answer(
    watch: Callable[..., Watched], file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def ask() -> Answer:
        raise KeyError("what")

    file.write_text(AWAY)
    watched = watch({"alert_urls": ""}, Redis=ask)
    watched.look(0)
    watched.look(31)
    (alert,) = watched.watcher.memory.firing
    assert (alert.subject, "which is a bug" in alert.words) == ("Redis", True)
    assert "KeyError" in caplog.text


def test_rules_are_read_again_and_a_bad_file_is_told_and_changes_nothing(watch: Callable[..., Watched], file: Path, mails: Mailbox) -> None:
    watched = watch()
    watched.look(0)
    file.write_text(RULES.replace("80", '"many"'))
    watched.look(5)
    watched.percent = 85.0
    watched.look(10)
    watched.delivered(10)
    assert subjects(mails) == [f"critical: rules-unreadable {file}", "critical: hot /data"]
    assert "hot.above='many' cannot be used" in mails.mails[0][1]
    file.write_text(RULES.replace("80", "90"))
    watched.look(15)
    watched.look(80)
    watched.delivered(80)
    assert subjects(mails)[2:] == ["over: hot /data", f"over: rules-unreadable {file}"]


def test_once_a_day_it_says_that_all_is_well_with_the_days_figures(watch: Callable[..., Watched], mails: Mailbox, query: Query) -> None:
    watched = watch({"alert_test_cron": "30 12 * * *"})
    query(
        "INSERT INTO data_gaps (venue, channel, shard, cause, state, found_at) SELECT 'v', 'c', '0', cause, state, to_timestamp(%s) FROM "
        "(VALUES ('sequence', 'filled'), ('lost', 'missing'), ('silent', 'open')) AS gaps (cause, state)",
        (NOON + 60,),
    )
    watched.look(0)
    watched.rows = 1500.0
    watched.percent = 85.0
    watched.look(600)
    watched.percent = 50.0
    for seconds in (1200, 1790, 1800, 1815, 3600):
        watched.look(seconds)
        watched.delivered(seconds)
    assert subjects(mails)[2:] == ["all is well"]
    assert mails.mails[2][1].split("\n") == [
        "since 2026-11-22 12:00:00 UTC",
        "  rows: 500",
        "  gaps found: 2",
        "  of them filled by now: 1",
        "  disk of /data: 50 %",
        "fired: 11-22 12:10 hot /data: 85 % in use",
        "",
    ]


def test_a_full_disk_does_not_stop_it(watch: Callable[..., Watched], mails: Mailbox, tmp_path: Path) -> None:
    watched = watch()
    (tmp_path / f".{memory.FILE}.new").mkdir()  # so that nothing can be written
    watched.percent = 85.0
    watched.look(0)
    watched.delivered(0)
    assert subjects(mails) == ["critical: hot /data"]


def test_no_url_and_no_password_is_written_down(
    watch: Callable[..., Watched], mails: Mailbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    mails.refuses = "550 no"
    watched = watch()
    watched.percent = 85.0
    watched.look(0)
    until(lambda: watched.watcher.turn(NOON) or watched.watcher.memory.trouble, 30)
    written = (tmp_path / memory.FILE).read_text() + caplog.text + repr(watched.watcher) + repr(watched.knobs)
    assert "hot" in written
    assert "hunter22" not in written and "farmer:" not in written
    assert (tmp_path / memory.FILE).stat().st_mode & 0o077 == 0
    known = memory.load(tmp_path)
    assert known and list(known.trouble) == ["1 (mailto)"] and len(known.waiting) == 1


def test_a_memory_that_cannot_be_read_begins_anew(tmp_path: Path) -> None:
    for text in ("", "{}", '{"looked_at": "x"}', "[]"):
        (tmp_path / memory.FILE).write_text(text)
        assert memory.load(tmp_path) is None


def test_what_waits_for_the_database_and_for_the_days_word_is_bounded(caplog: pytest.LogCaptureFixture) -> None:
    known = memory.Memory()
    for number in range(memory.MOST_UNRECORDED + 1):
        known.note(None, Alert("hot", str(number), "info", NOON, 1.0, "hot", "disk.md", fired=NOON))
    assert len(known.unrecorded) == memory.MOST_UNRECORDED and ("hot", "0", NOON) not in known.unrecorded
    assert "the oldest will have no row" in caplog.text
    assert (len(known.fired), known.fired[-1]) == (memory.MOST_FIRED + 1, "and more, which the table alerts has")

"""Every panel of every dashboard on a running farm: no question fails, none takes long, and where a healthy farm has an answer there is one."""

import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg2
import pytest
import requests

from db import roles
from ops.cli import state
from ops.grafana import DASHBOARDS
from ops.grafana.model import Dashboard, Filled, Panel, Sql, Target
from ops.local.prometheus import Programs
from tests.end_to_end.arena import NAMES, Arena, confirmations
from tests.end_to_end.conftest import CHECKOUT, Farm, eventually
from tests.end_to_end.scraping import SCRAPE_SECONDS, scraped
from tests.ops.grafana.expanding import Moment, Value
from venues import VENUES

#: Together they have all that a panel may ask for: options, whole books, pairs of markets.
VENUES_SHOWN = ("deribit", *NAMES)
PLAYED = {"pairs": 8, "rate": 20, "symbols": 10, "markets": 10, "market-seconds": 0, "read-tokens": 1_000_000}
COLLECTED = """
[venues.deribit]
top = 6
[venues.kalshi]
top = 20
[venues.kalshi.universe]
by = "volume_24h"
[venues.polymarket]
top = 40
[venues.polymarket.universe]
by = "volume"
[paper]
max_book_age_seconds = 120
max_silence_seconds = 600
[paper.cash]
kalshi = 5000
polymarket = 5000
"""
#: On the schedule they come by the minute or the hour.
RUNG = ("tasks.coverage.judge", "tasks.rollups.roll", "tasks.storage.measure", "tasks.health.check")
MOST_SECONDS = 1.0
PASSWORD = "look"
Ask = Callable[[str], list[dict[str, Any]]]
Chosen = dict[str, Value]

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.skipif(not set(VENUES_SHOWN) <= set(VENUES), reason="a folder of theirs is deleted"),
    pytest.mark.timeout(600),
]


class Shown(Farm):
    """A farm whose dashboards are looked at, by the role that Grafana has."""

    def ring(self) -> None:
        chosen = state.load(self.home)
        assert chosen is not None
        words = f"from tasks import app\nfor name in {RUNG!r}: app.send_task(name)"
        subprocess.run([sys.executable, "-c", words], cwd=CHECKOUT, env={**os.environ, **self.environ, **chosen.environment}, check=True)

    def confirm(self, pairs: list[dict[str, Any]]) -> None:
        """By a script that knows the truth, in the place of a person who reads both rules."""
        markets = {pair[name]["market"] for pair in pairs for name in NAMES}
        known = "SELECT market_id, rules_sha256 FROM markets WHERE rules_sha256 IS NOT NULL"
        rules = eventually(lambda: markets <= (found := dict(self.psql(known))).keys() and found)
        file = self.home / "pairs.yaml"
        file.write_text(json.dumps(confirmations([pair for pair in pairs if pair["verdict"] == "confirm"], rules)))  # JSON is YAML
        done = self.run("match", "import", str(file), "--by", "script")
        assert done.returncode == 0, done.stdout + done.stderr

    def connection(self) -> psycopg2.extensions.connection:
        chosen = state.load(self.home)
        assert chosen is not None
        url = roles.url_of(chosen.environment["DATABASE_URL"], roles.CONSOLE)
        made = psycopg2.connect(url.replace("+psycopg2", ""))
        made.autocommit = True
        return made


@dataclass(frozen=True)
class Answer:
    """Of one panel, for one choice of the variables."""

    panel: Panel
    chosen: str
    rows: int
    seconds: float


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    folder = tmp_path_factory.mktemp("arena")
    (folder / "farm.toml").write_text(COLLECTED)
    arena = Arena(folder / "sandbox", PLAYED, VENUES_SHOWN)
    settings = {"FARM_TOML": str(folder / "farm.toml"), "CONSOLE_PASSWORD": PASSWORD, **arena.environ}
    made = Shown(tmp_path_factory.mktemp("shown"), **settings)
    try:
        made.up("--venues", ",".join(VENUES_SHOWN))
        made.confirm(arena.pairs())
        eventually(lambda: made.psql("SELECT count(*) FROM fills") != [["0"]], seconds=240)
        yield made
    finally:
        made.run("down", "--timeout", "5")
        arena.close()


@pytest.fixture(scope="module")
def ask(farm: Shown, prometheus: Callable[[], Programs], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    with scraped(farm, prometheus(), tmp_path_factory.mktemp("prometheus"), PASSWORD) as made:
        yield made


def choices(cursor: Any, dashboard: Dashboard, moment: Moment) -> Iterator[Chosen]:
    """What a reader may choose: each venue, and of what depends on it what Grafana chooses first."""
    found: list[Chosen] = [{}]
    for variable in dashboard.variables:
        further: list[Chosen] = []
        for chosen in found:
            cursor.execute(Moment(moment.since, moment.until, chosen).sql(variable.choices.statement))
            values = [str(row[0]) for row in cursor.fetchall()]
            picked: list[Value] = (
                [values] if variable.several else list(values) if variable.name == "venue" else [values[0] if values else ""]
            )
            further += [{**chosen, variable.name: value} for value in picked]
        found = further
    yield from found


def asked(farm: Shown, ask: Ask) -> list[Answer]:
    """Everything that any panel asks. Raises psycopg2.Error, and AssertionError with the words of Prometheus."""
    until = datetime.now(UTC)
    moment = Moment(until - timedelta(hours=6), until, scrape_seconds=SCRAPE_SECONDS)
    with closing(farm.connection()) as connection, connection.cursor() as cursor:
        return [
            _answer(cursor, ask, panel, target, replace(moment, chosen=chosen))
            for dashboard in DASHBOARDS
            for chosen in choices(cursor, dashboard, moment)
            for row in dashboard.rows
            for panel in row.panels
            for target in panel.targets
        ]


def _answer(cursor: Any, ask: Ask, panel: Panel, target: Target, moment: Moment) -> Answer:
    began = time.monotonic()
    if isinstance(target, Sql):
        cursor.execute(moment.sql(target.statement))
        number = _rows(cursor, panel, target)
    else:
        number = sum(math.isfinite(float(series["value"][1])) for series in ask(moment.promql(target.expr)))
    return Answer(panel, str(moment.chosen), number, time.monotonic() - began)


def _rows(cursor: Any, panel: Panel, target: Sql) -> int:
    rows, columns = cursor.fetchall(), [column.name for column in cursor.description]
    if target.format == "time_series":
        times = [row[columns.index("time")] for row in rows]
        assert times == sorted(times), f"{panel.title}: Grafana takes no series that goes back in time"
    else:
        assert set(panel.columns) <= set(columns), f"{panel.title}: a look for a column that is not there"
    return len(rows)


def empty(answers: list[Answer]) -> list[str]:
    """Panels that should show something and do not."""
    rows: dict[tuple[str, str], int] = {}
    for answer in answers:
        if answer.panel.filled is not Filled.SOMETIMES:
            key = (answer.panel.title, answer.chosen if answer.panel.filled is Filled.ALWAYS else "")
            rows[key] = rows.get(key, 0) + answer.rows
    return [f"{title} {chosen}" for (title, chosen), number in rows.items() if not number]


def test_every_panel_answers_in_time_and_none_is_empty_that_should_not_be(farm: Shown, ask: Ask) -> None:
    answers: list[Answer] = []

    def complete() -> bool:
        answers[:] = asked(farm, ask)
        if missing := empty(answers):
            farm.ring()
        return not missing

    eventually(complete, lambda: "\n".join(empty(answers)), 240)
    slow = [(answer.panel.title, answer.chosen, answer.seconds) for answer in answers if answer.seconds > MOST_SECONDS]
    assert slow == []


def test_a_panel_links_to_its_runbook(farm: Shown) -> None:
    answer = requests.get(f"http://127.0.0.1:{farm.port('console')}/runbooks/disk.md", auth=("farm", PASSWORD), timeout=30)
    assert answer.ok and answer.text.startswith("# disk")
    assert requests.get(answer.url.replace("disk.md", "disc.md"), auth=("farm", PASSWORD), timeout=30).status_code == 404

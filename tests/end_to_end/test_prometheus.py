"""Prometheus scrapes a running farm: what is told is there, is right, never falls, and is told also while the database is away."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from core import metrics
from ops.local import supervision
from ops.local.prometheus import Programs
from tests.end_to_end.conftest import Venue, eventually
from tests.end_to_end.scraping import scraped

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(400)]

PASSWORD = "look"
STREAMER = "streamer-binance"
#: Of what happens only where something goes wrong.
OF_TROUBLE = {metrics.QUARANTINED.name, metrics.RECONNECTS.name, metrics.BOOK_MISMATCHES.name, metrics.TASK_FAILURES.name}


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Venue]:
    found = Venue(tmp_path_factory.mktemp("scraped"), "binance", CONSOLE_PASSWORD=PASSWORD)
    try:
        found.up("--venues", "binance", "--rate", "300")
        yield found
    finally:
        found.run("down", "--timeout", "5")


@pytest.fixture(scope="module")
def ask(farm: Venue, prometheus: Callable[[], Programs], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Any]]:
    with scraped(farm, prometheus(), tmp_path_factory.mktemp("prometheus"), PASSWORD) as asked:
        yield asked


def value(found: list[dict[str, Any]]) -> float:
    """Of the only series, or the sum of all; -1 where there is none."""
    return sum(float(one["value"][1]) for one in found) if found else -1.0


def told(farm: Venue) -> dict[str, float]:
    """What the console says itself: name and labels -> value."""
    answer = requests.get(f"http://127.0.0.1:{farm.port('console')}/metrics", auth=("farm", PASSWORD), timeout=30)
    assert answer.status_code == 200, answer.text
    families = text_string_to_metric_families(answer.text)
    return {f"{one.name}{sorted(one.labels.items())}": one.value for family in families for one in family.samples}


def test_every_metric_is_there_within_a_minute(farm: Venue, ask: Callable[[str], Any]) -> None:
    wanted = {metric.name for metric in (*metrics.COUNTED, *metrics.LOOKED_UP)} - OF_TROUBLE

    def missing() -> set[str]:
        names = {one["metric"]["__name__"] for one in ask('{__name__=~"tapefarm_.*"}')}
        return {name for name in wanted if name not in names and f"{name}_count" not in names}

    eventually(lambda: not missing(), lambda: f"missing: {missing()}")
    assert eventually(lambda: value(ask("up")) == 1)


def test_what_it_says_is_what_the_farm_says(farm: Venue, ask: Callable[[str], Any]) -> None:
    eventually(lambda: value(ask("tapefarm_healthy")) == 1, lambda: farm.status()["reasons"])
    assert {one["metric"]["program"] for one in ask("tapefarm_program_running == 1")} == {
        component["name"] for component in farm.status()["components"]
    }
    assert 0 <= value(ask("max(tapefarm_data_age_seconds)")) < 60
    assert 0 < value(ask("max(tapefarm_disk_used_ratio)")) < 1
    assert value(ask('tapefarm_rest_budget_left_ratio{venue="binance"}')) <= 1
    eventually(lambda: value(ask("sum(tapefarm_gaps_open)")) == farm.status()["gaps_open"], lambda: ask("tapefarm_gaps_open"))
    firing = 'ALERTS{alertstate="firing",severity="critical"}'
    eventually(lambda: ask(firing) == [], lambda: ask(firing))


def test_frames_become_rows_and_each_stage_has_its_lag(farm: Venue, ask: Callable[[str], Any]) -> None:
    eventually(lambda: value(ask("sum(rate(tapefarm_frames_total[20s]))")) > 50)
    frames, rows = value(ask("sum(tapefarm_frames_total)")), value(ask('sum(tapefarm_rows_total{channel=~"aggTrade|bookTicker"})'))
    assert 0 < rows <= frames * 1.5 + 1000
    assert value(ask("sum(tapefarm_batch_frames_sum)")) == pytest.approx(value(ask("sum(tapefarm_frames_total)")), rel=0.2)
    for stage in ("venue", "journal", "commit"):
        query = f'histogram_quantile(0.5, sum by (le) (tapefarm_lag_seconds_bucket{{stage="{stage}",channel=~"aggTrade|bookTicker"}}))'
        assert 0 <= value(ask(query)) < 10, stage
    assert eventually(lambda: value(ask('sum(tapefarm_task_seconds_count{task="tasks.health.canary"})')) > 0)
    assert value(ask('sum(tapefarm_rest_requests_total{status="200"})')) > 0


def test_a_frame_that_cannot_be_read_and_a_socket_that_ends_are_counted(farm: Venue, ask: Callable[[str], Any]) -> None:
    farm.misbehave("torn", count=3)
    farm.misbehave("drop")
    eventually(lambda: value(ask("sum(tapefarm_quarantined_total)")) >= 1, lambda: ask("tapefarm_quarantined_total"))
    eventually(lambda: value(ask('sum(tapefarm_reconnects_total{reason="closed"})')) >= 1, lambda: ask("tapefarm_reconnects_total"))


def test_counts_do_not_fall_when_programs_are_killed(farm: Venue, ask: Callable[[str], Any]) -> None:
    before, files = value(ask("sum(tapefarm_frames_total)")), counting(farm)
    for name in (STREAMER, "worker-writers"):
        pid = farm.pid(name)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: value(ask("sum(tapefarm_frames_total)")) > before + 300)
    eventually(lambda: value(ask("min(tapefarm_program_restarts_total{program=~'streamer-binance|worker-writers'})")) >= 1)
    for name in ("frames_total", "rows_total", "batch_frames_count", "lag_seconds_count"):
        assert value(ask(f"sum(resets(tapefarm_{name}[5m]))")) == 0, name
    assert len(counting(farm) - files) <= 1 + 2, "who is started again takes a slot that is free: at most, its dying children's are not yet"


def counting(farm: Venue) -> set[Path]:
    return set((farm.home / "metrics").glob("*.counts"))


@pytest.fixture
def without_a_database(farm: Venue) -> Iterator[Venue]:
    supervision.stop_programs(farm.home, ["postgres"])
    yield farm
    supervision.start_programs(farm.home, ["postgres"])
    eventually(lambda: farm.status()["healthy"], lambda: farm.status()["reasons"])


def test_while_the_database_is_away_the_rest_is_told(without_a_database: Venue, ask: Callable[[str], Any]) -> None:
    farm = without_a_database
    eventually(lambda: told(farm)["tapefarm_program_running[('program', 'postgres')]"] == 0)
    found = eventually(lambda: (seen := told(farm))["tapefarm_healthy[]"] == 0 and seen)
    for name in ("tapefarm_frames_total", "tapefarm_disk_used_ratio", "tapefarm_spool_bytes", "tapefarm_alerts_firing"):
        assert [series for series in found if series.startswith(f"{name}[")], name
    eventually(lambda: value(ask("tapefarm_healthy")) == 0)

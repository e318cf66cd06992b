"""What `GET /metrics` says, in words that Prometheus reads."""

import dataclasses
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from core import counts, metrics, redisdb
from core.board import Board
from core.counts import Counter
from core.matched import Matched, Told, encode
from core.settings import Collect, Settings
from ops.alerting import memory
from ops.alerting.judge import Alert
from ops.alerting.memory import Memory
from ops.console import exposition
from ops.console.look import Late

Query = Callable[..., list[tuple[Any, ...]]]


def read(text: str) -> dict[str, float]:
    """name{labels} -> value"""
    families = text_string_to_metric_families(text)
    return {
        one.name + ",".join(f" {k}={v}" for k, v in sorted(one.labels.items())): one.value for family in families for one in family.samples
    }


def scraped(url: str) -> dict[str, float]:
    answer = requests.get(f"{url}/metrics", timeout=30)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return read(answer.text)


@pytest.fixture
def console(knobs: Settings, serve: Callable[[Settings], Any]) -> Iterator[str]:
    """Of a farm that collects one venue."""
    with serve(dataclasses.replace(knobs, collect={"binance": Collect()})) as url:
        yield url


@pytest.fixture
def counting(knobs: Settings) -> Iterator[None]:
    """This process counts as a program of the farm."""
    counts.begin(knobs.metrics, "test")
    yield
    counts.end()


@pytest.mark.usefixtures("counting")
def test_counts_of_all_programs_are_one(knobs: Settings, console: str) -> None:
    metrics.FRAMES.add(3, "binance", "c", "a")
    metrics.LAG.observe_all(np.array([0.002, 0.02, 400.0]), "venue", "binance", "c")
    counts.begin(knobs.metrics, "other")
    metrics.FRAMES.add(4, "binance", "c", "a")
    metrics.LAG.observe(0.02, "venue", "binance", "c")
    found = scraped(console)
    assert found["tapefarm_frames_total channel=c, replica=a, venue=binance"] == 7
    buckets = {
        bound: found[f"tapefarm_lag_seconds_bucket channel=c, le={bound}, stage=venue, venue=binance"]
        for bound in ("0.001", "0.0025", "0.025", "300.0", "+Inf")
    }
    assert buckets == {"0.001": 0, "0.0025": 1, "0.025": 3, "300.0": 3, "+Inf": 4}
    assert found["tapefarm_lag_seconds_count channel=c, stage=venue, venue=binance"] == 4
    assert found["tapefarm_lag_seconds_sum channel=c, stage=venue, venue=binance"] == pytest.approx(400.042)


@pytest.mark.usefixtures("counting")
def test_what_an_older_version_counted_otherwise_is_not_told(console: str) -> None:
    Counter("tapefarm_gone_total", "Gone.", ("venue",), "counter").add(1, "binance")
    Counter(metrics.ROWS.name, "Other labels.", ("venue",), "counter").add(1, "binance")
    found = scraped(console)
    assert [name for name in found if "gone" in name or "rows_total" in name] == []


def test_every_metric_has_its_name_and_help_though_nothing_was_counted(console: str) -> None:
    text = requests.get(f"{console}/metrics", timeout=30).text
    for metric in (*metrics.COUNTED, *metrics.LOOKED_UP):
        assert f"# HELP {metric.name} {metric.help}\n" in text
        assert f"# TYPE {metric.name} {metric.kind}\n" in text


def test_gaps_are_told_by_cause_and_none_as_0(console: str, query: Query) -> None:
    for cause, state, hours in (("sequence", "missing", 1), ("sequence", "filled", 2), ("frozen", "missing", 100), ("silent", "open", 1)):
        query(
            "INSERT INTO data_gaps (venue, channel, shard, cause, state, received_from, found_at) "
            "VALUES ('binance', 'aggTrade', '0', %s, %s, now() - %s * INTERVAL '1 hour', now() - %s * INTERVAL '1 hour')",
            (cause, state, hours, hours),
        )
    found = scraped(console)
    told = {
        cause: (found[f"tapefarm_gaps_open cause={cause}, venue=binance"], found[f"tapefarm_gaps_day cause={cause}, venue=binance"])
        for cause in ("sequence", "frozen", "silent", "lost")
    }
    assert told == {"sequence": (1, 2), "frozen": (1, 0), "silent": (0, 1), "lost": (0, 0)}


def test_spools_and_losses_of_a_replica_are_told_together(console: str, redis_client: redisdb.Client, key_prefix: str) -> None:
    for part in ("0", "1"):
        Board(redis_client, key_prefix).report(f"streamer:binance:{part}:b", {"spool_bytes": 10, "lost_frames": 2, "streams": []})
    found = scraped(console)
    assert found["tapefarm_spool_bytes replica=b, venue=binance"] == 20
    assert found["tapefarm_lost_frames_total replica=b, venue=binance"] == 4
    assert found["tapefarm_rest_budget_left_ratio venue=binance"] == 1


def test_alerts_are_told_by_rule(knobs: Settings, console: str) -> None:
    known = Memory(looked_at=time.time())
    for subject in ("binance", "other"):
        alert = Alert(
            "venue-silent", subject, "critical", since=time.time(), value=99, words="no data", page="venue-silent.md", fired=time.time()
        )
        known.alerts[alert.key] = alert
    memory.save(knobs.home, known)
    found = scraped(console)
    assert (found["tapefarm_alerts_firing rule=venue-silent"], found["tapefarm_alerts_firing rule=disk"]) == (2, 0)


def test_on_paper_nothing_is_held_and_nothing_won(console: str) -> None:
    found = scraped(console)
    assert {name: value for name, value in found.items() if name.startswith("tapefarm_paper")} == {
        "tapefarm_paper_profit_dollars kind=realised": 0,
        "tapefarm_paper_profit_dollars kind=open": 0,
        "tapefarm_paper_open_positions": 0,
        "tapefarm_paper_halted": 0,
        "tapefarm_paper_opportunities_total": 0,
    }


def test_on_paper_positions_are_worth_what_their_books_would_pay(
    console: str, query: Query, redis_client: redisdb.Client, key_prefix: str
) -> None:
    """100 YES bought for 40, whose bid is 0.50; 50 NO bought for 20, whose YES is asked at 0.70; and one of a book that nobody knows."""
    for position, instrument, outcome, quantity, cost in (("p1", 1, "yes", 100, 40), ("p2", 2, "no", 50, 20), ("p3", 3, "yes", 9, 9)):
        query(
            "INSERT INTO open_positions (position, pair_id, leg, venue, instrument_id, outcome, quantity, cost, unmatched, bound_days, "
            "capital_days, opened_at, updated_at) VALUES (%s, 1, 'a', 'v', %s, %s, %s, %s, 0, 0, 0, now(), now())",
            (position, instrument, outcome, quantity, cost),
        )
    matched = Matched(redis_client, key_prefix)
    matched.watch([1, 2])
    matched.tell({1: encode(Told(1, (0.50, 10.0), (0.55, 10.0), 1, 1, True)), 2: encode(Told(2, (0.65, 10.0), (0.70, 10.0), 1, 1, True))})
    found = scraped(console)
    assert found["tapefarm_paper_open_positions"] == 3
    assert found["tapefarm_paper_profit_dollars kind=open"] == pytest.approx((50 - 40) + (15 - 20))


def test_with_both_servers_away_what_can_be_told_is_told(blind: str) -> None:
    found = scraped(blind)
    assert found["tapefarm_healthy"] == 0
    assert [name for name in found if name.startswith("tapefarm_disk_free_bytes")]
    assert [name for name in found if name.startswith(("tapefarm_gaps", "tapefarm_spool"))] == []


# --- who asks -------------------------------------------------------------------------------------------------------------
def test_several_who_scrape_cost_one_look(away: Settings, tmp_path: Path) -> None:
    asked = []

    def judge() -> dict[str, Any]:
        asked.append(1)
        return {"state": "healthy", "surveyed": {}, "components": []}

    look = exposition.look(away, judge)
    with ThreadPoolExecutor(8) as pool:
        texts = [one.result().value for one in [pool.submit(look.get) for _ in range(8)]]
    assert len(asked) == 1
    assert {read(text.decode())["tapefarm_healthy"] for text in texts} == {1}


def test_a_judgement_that_does_not_come_is_an_unhealthy_farm(away: Settings) -> None:
    def judge() -> dict[str, Any]:
        raise Late(9)

    found = read(exposition.look(away, judge).get().value.decode())
    assert found["tapefarm_healthy"] == 0
    assert [name for name in found if name.startswith("tapefarm_disk_used_ratio")]

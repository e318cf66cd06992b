"""Kalshi from the sockets to the tables, while it misbehaves: nothing is lost or doubled outside of what the farm itself names.

KALSHI_SECONDS makes it longer: so long are faults repeated in an order of chance.
"""

import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.end_to_end.conftest import CHECKOUT, Farm, Venue, eventually
from venues import VENUES

pytestmark = pytest.mark.skipif("kalshi" not in VENUES, reason="its folder is deleted")

SECONDS = float(os.environ.get("KALSHI_SECONDS", "20"))
RATE = os.environ.get("KALSHI_RATE", "300")
BOOKS, LIFECYCLE = "orderbook_delta", "market_lifecycle_v2"
KINDS = {"trades", "tickers", "book_deltas", "book_snapshots", "resolutions"}
#: (kind, fields)
FAULTS = [
    ("seq_gap", {"channel": BOOKS, "count": 1}),
    ("skip", {"channel": BOOKS, "count": 3}),
    ("repeat", {"channel": BOOKS, "count": 3}),
    ("skip", {"channel": "trade", "count": 2}),
    ("overflow", {"channel": BOOKS, "count": 1}),
    ("channel_error", {"channel": "trade", "count": 1}),
    ("drop", {}),
    ("torn", {"channel": "trade", "count": 2}),
    ("corrupt", {"channel": "trade", "count": 2}),
    ("unknown_fields", {"channel": BOOKS, "count": 3}),
    ("unknown", {"count": 2}),
    ("close_early", {}),
    ("rest_429", {"count": 2}),
    ("rest_5xx", {"count": 2}),
]


@pytest.fixture
def venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Venue]:
    farm = Venue(tmp_path_factory.mktemp("kalshi"), "kalshi")
    try:
        farm.up("--venues", "kalshi", "--rate", RATE)
        yield farm
    finally:
        farm.run("down")


def counted(farm: Farm, sql: str) -> int:
    return int(farm.psql(f"SELECT count(*) FROM {sql}")[0][0])


def healthy(venue: Venue) -> None:
    eventually(lambda: venue.status()["healthy"], lambda: venue.status()["reasons"], 300)


def books_trusted(venue: Venue) -> None:
    eventually(lambda: not counted(venue, "data_gaps WHERE cause = 'book' AND state = 'open'"), lambda: "a book stays in doubt", 300)


def judged(venue: Venue) -> None:
    """Nothing is missing, doubled or made up outside of intervals that are named."""
    found, text = venue.verify()
    assert found["ok"], text + venue.run("verify").stdout
    figures = found["venues"]["kalshi"]
    assert set(figures) == KINDS
    assert all(figures[kind]["missing"] == figures[kind]["duplicate"] == figures[kind]["surplus"] == 0 for kind in KINDS), text
    assert all(figures[kind]["stored"] > 0 for kind in KINDS), text
    for kind in KINDS:
        assert figures[kind]["counted_loss"] == 0 or figures[kind]["intervals"], text
        assert all(interval["cause"] and (interval["from"] or interval["to"]) for interval in figures[kind]["intervals"]), text


@pytest.mark.timeout(SECONDS + 1500)
def test_gaps_dead_subscriptions_and_maintenance(venue: Venue) -> None:
    healthy(venue)

    # Numbers that never came: a gap of the shard, every book of it in doubt, and whole again once it was asked for.
    venue.misbehave("seq_gap", channel=BOOKS, count=1)
    eventually(lambda: counted(venue, f"data_gaps WHERE cause = 'sequence' AND channel = '{BOOKS}' AND instrument_id IS NULL"))
    eventually(lambda: counted(venue, "data_gaps WHERE cause = 'book' AND event_to IS NOT NULL") >= 100)
    books_trusted(venue)
    assert counted(venue, f"sessions WHERE channel = '{BOOKS}'") == 1, "the connection stayed"

    # Error 25: the subscription is dead, so the connection is replaced, books in doubt and all.
    venue.misbehave("skip", channel=BOOKS, count=1)
    venue.misbehave("overflow", channel=BOOKS, count=1)
    died = f"data_gaps WHERE channel = '{BOOKS}' AND cause = 'disconnected' AND detail LIKE '25 %' AND received_to IS NOT NULL"
    eventually(lambda: counted(venue, died) == 1, lambda: venue.psql("SELECT * FROM data_gaps WHERE instrument_id IS NULL"))
    books_trusted(venue)

    # A market that ends is determined, settled, and known as final.
    venue.misbehave("close_early")
    eventually(lambda: counted(venue, "resolutions WHERE status = 'determined'"))

    # Whatever else may happen, at moments that nobody chose.
    chance = random.Random(int(os.environ.get("KALSHI_SEED", "1")))
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        for kind, fields in chance.sample(FAULTS, len(FAULTS)):
            venue.prepare(kind, **fields)
            time.sleep(SECONDS / len(FAULTS) * chance.uniform(0.2, 1.0))
    venue.clear()
    healthy(venue)
    books_trusted(venue)

    maintained(venue)
    judged(venue)
    metadata_and_tape(venue)
    assert counted(venue, "data_gaps WHERE cause IN ('journal', 'lost')") == 0, "nothing of ours failed"
    assert counted(venue, "quarantine WHERE reason LIKE 'decoder failed%'") == 0


def maintained(venue: Venue) -> None:
    """The exchange closes, says so, and comes back: what was not heard meanwhile is planned."""
    lifecycle_heard(venue)
    before, since = venue.psql("SELECT coalesce(max(gap_id), 0), now() FROM data_gaps")[0]
    number = venue.prepare("maintenance", seconds=20)
    venue.send_task("tasks.snapshots.poll", "kalshi", "exchange_schedule")
    venue.send_task("tasks.snapshots.poll", "kalshi", "exchange_status")
    gaps = f"data_gaps WHERE channel IN ('{BOOKS}', 'trade', '{LIFECYCLE}') AND instrument_id IS NULL"
    # Who came back from an earlier fault just then is deaf already, and by another gap.
    silenced = f"(SELECT DISTINCT channel FROM {gaps} AND coalesce(received_to, now()) > '{since}') channels"
    eventually(lambda: counted(venue, silenced) == 3, lambda: venue.psql(f"SELECT * FROM {gaps}"))
    deaf = f"{gaps} AND gap_id > {before}"
    eventually(lambda: not venue.is_active(number), lambda: "maintenance has not ended")
    healthy(venue)
    lifecycle_heard(venue)
    eventually(lambda: not counted(venue, f"{deaf} AND received_to IS NULL"), lambda: venue.psql(f"SELECT * FROM {deaf}"), 300)

    def planned() -> bool:
        venue.send_task("tasks.maintenance.settle_gaps")
        # What was traded a moment before the window or behind it may have been read again by then.
        settled = "(cause = 'planned pause' AND state = 'planned' OR channel = 'trade' AND state = 'filled')"
        return not counted(venue, f"{deaf} AND NOT {settled}")

    eventually(planned, lambda: venue.psql(f"SELECT cause, state, detail FROM {deaf}"))
    announced = "venue = 'kalshi' AND reason = 'maintenance window' AND since_at BETWEEN now() - INTERVAL '1 hour' AND now()"

    def told() -> bool:
        """A request that was refused is asked again by the next round, an hour later."""
        venue.send_task("tasks.snapshots.poll", "kalshi", "exchange_schedule")
        return counted(venue, f"planned_pauses WHERE {announced}") == 1

    eventually(told, lambda: venue.psql("SELECT * FROM planned_pauses"))


def lifecycle_heard(venue: Venue) -> None:
    """Nothing happens to a market for as long as it may; here something does, until its channel has heard of it."""

    def heard() -> bool:
        venue.misbehave("amend")
        return not counted(venue, f"data_gaps WHERE channel = '{LIFECYCLE}' AND state = 'open'") and bool(
            counted(venue, f"sessions WHERE channel = '{LIFECYCLE}' AND proven_at IS NOT NULL AND ended_at IS NULL")
        )

    eventually(heard, lambda: venue.psql(f"SELECT * FROM sessions WHERE channel = '{LIFECYCLE}'"))


def metadata_and_tape(venue: Venue) -> None:
    """What the tasks bring: rules, prices, one row for a trade that stream and REST both told, and results until they are final."""
    untraded = "instruments WHERE contract_type ="
    for sql in ("markets WHERE rules <> ''", "candles", "prices", f"{untraded} 'series'", f"{untraded} 'fee change'"):
        eventually(lambda sql=sql: counted(venue, sql), lambda sql=sql: f"no {sql}", 200)
    over_rest = "stream_offsets WHERE venue = 'kalshi' AND channel = 'trades' AND rows > 0 AND repeated > 0"
    eventually(lambda: counted(venue, over_rest) == 1, lambda: venue.psql("SELECT * FROM stream_offsets"), 200)
    assert counted(venue, "(SELECT FROM trades GROUP BY instrument_id, venue_trade_id HAVING count(*) > 1) twice") == 0

    def final() -> bool:
        venue.send_task("tasks.snapshots.poll", "kalshi", "settlements")
        told = "SELECT instrument_id FROM resolutions WHERE status = "
        return counted(venue, f"({told}'determined' EXCEPT {told}'resolved') open_still") == 0

    eventually(final, lambda: venue.psql("SELECT * FROM resolutions WHERE status <> 'resolved'"), 200)


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[int]:
    """A simulated exchange that is no part of the farm, which therefore has no key for it. Gives its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    words = [sys.executable, "-m", "sandbox", "--root", str(tmp_path), "--port", str(port), "--venues", "kalshi", "--rate", "100"]
    process = subprocess.Popen(words, cwd=CHECKOUT)
    try:
        yield port
    finally:
        process.terminate()
        process.wait(30)


@pytest.mark.timeout(900)
def test_without_a_key_rest_is_recorded_and_status_says_so(exchange: int, new_farm: Callable[..., Farm]) -> None:
    farm = new_farm(
        KALSHI_WS_URL=f"ws://127.0.0.1:{exchange}/kalshi",
        KALSHI_REST_URL=f"http://127.0.0.1:{exchange}/kalshi",
        KALSHI_KEY_ID="",
        KALSHI_PRIVATE_KEY_FILE="",
    )
    farm.up("--venues", "kalshi")
    said = "kalshi: KALSHI_KEY_ID and KALSHI_PRIVATE_KEY_FILE not set, so no socket is opened and only what REST tells is recorded"
    eventually(lambda: farm.status()["reasons"] == [said], lambda: farm.status()["reasons"])
    for table in ("markets", "trades", "candles", "prices", "book_snapshots"):
        eventually(lambda table=table: counted(farm, table), lambda table=table: f"no {table}", 300)
    assert counted(farm, "sessions") == 0
    assert counted(farm, "quarantine") == 0

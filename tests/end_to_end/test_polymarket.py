"""Polymarket from the sockets to the tables, while it freezes in silence, whole and in part."""

import json
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.lib.recfunctions as rfn
import pytest

from sandbox.polymarket.records import KINDS as KINDS_OF_LEDGER
from tests.end_to_end.conftest import Venue, eventually
from venues import VENUES

pytestmark = [
    pytest.mark.skipif("polymarket" not in VENUES, reason="its folder is deleted"),
    pytest.mark.timeout(600),
    pytest.mark.xfail(run=False, reason="whole books are not compared with the ledger yet, and the freezes were not run again since it changed"),
]

KINDS = {"trades", "quotes", "book_deltas"}
#: How far a gap's ends may lie from the events around it.
SLACK_US = 2_000_000
BOOK_GAPS = "data_gaps JOIN instruments USING (instrument_id) WHERE cause = 'book'"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Venue]:
    farm = Venue(tmp_path_factory.mktemp("polymarket"), "polymarket")
    try:
        farm.up("--venues", "polymarket", "--rate", "200")
        yield farm
    finally:
        farm.run("down")


@pytest.fixture
def venue(running: Venue) -> Venue:
    running.clear()
    eventually(lambda: running.status()["healthy"], lambda: running.status()["reasons"])
    return running


def counted(venue: Venue, sql: str) -> int:
    return int(venue.psql(f"SELECT count(*) FROM {sql}")[0][0])


def micros(venue: Venue, sql: str) -> list[tuple[str, int, int]]:
    """(name, event_from, event_to) of gaps: `sql` names what stands before and after the two."""
    name, _, rest = sql.partition(" OF ")
    ends = ", ".join(f"(extract(epoch FROM {end}) * 1000000)::bigint" for end in ("event_from", "event_to"))
    return [(row[0], int(row[1]), int(row[2])) for row in venue.psql(f"SELECT {name}, {ends} FROM {rest}")]


def emitted(venue: Venue, kinds: tuple[str, ...] = ("book_deltas", "books")) -> np.ndarray:
    """(symbol, event_us, sent_us) of the changes and books that a socket was given, in the order of their sending."""
    folder, found = venue.home / "sandbox/ledger/polymarket", []
    for kind, dtype in ((kind, KINDS_OF_LEDGER[kind]) for kind in kinds):
        for path in sorted(folder.glob(f"{kind}-*.bin")):
            rows = np.fromfile(path, dtype)
            found.append(rfn.repack_fields(rows[rows["delivered"] > 0][["symbol", "event_us", "sent_us"]]))
    rows = np.concatenate(found)
    return rows[np.argsort(rows["sent_us"], kind="stable")]


def symbols(venue: Venue) -> list[str]:
    found: list[str] = json.loads((venue.home / "sandbox/ledger/polymarket/symbols.json").read_text())
    return found


def busiest(venue: Venue, count: int) -> list[str]:
    """Tokens of the markets whose tops moved most often of late, one a market."""
    rows = venue.psql(
        "SELECT symbol FROM quotes JOIN instruments USING (instrument_id) WHERE event_at > now() - INTERVAL '30 seconds' "
        "GROUP BY symbol ORDER BY count(*) DESC LIMIT 40"
    )
    places = {token: place for place, token in enumerate(symbols(venue))}
    return list({places[token] // 2: token for (token,) in reversed(rows)}.values())[-count:]


def around(rows: np.ndarray, silent_us: int, heard_us: int) -> tuple[int, int]:
    """Event times of the last that was sent before one moment and of the first sent after another."""
    before, after = rows[rows["sent_us"] < silent_us], rows[rows["sent_us"] > heard_us]
    return int(before["event_us"].max()), int(after["event_us"][0])


def now_us() -> int:
    return time.time_ns() // 1000


def assert_all_is_there(venue: Venue) -> dict[str, Any]:
    found, text = venue.verify()
    assert found["ok"], text
    figures: dict[str, Any] = found["venues"]["polymarket"]
    assert set(figures) == KINDS
    assert all(figures[kind]["missing"] == figures[kind]["duplicate"] == 0 < figures[kind]["stored"] for kind in KINDS), text
    return figures


def test_what_two_sockets_were_given_is_stored_once(venue: Venue) -> None:
    eventually(lambda: counted(venue, "trades") > 50)
    assert_all_is_there(venue)
    assert all(stream["instruments"] <= 200 for stream in venue.status()["streams"])
    assert counted(venue, "sessions WHERE ended_at IS NULL") == 2 * len(venue.status()["streams"])


def test_a_whole_freeze_is_detected_within_half_a_minute_and_named(venue: Venue) -> None:
    frozen = "data_gaps WHERE cause = 'frozen' AND instrument_id IS NULL"
    known, shards = counted(venue, frozen), len(venue.status()["streams"])
    since_us = now_us()
    number = venue.prepare("freeze", cured_by="nothing", seconds=600)
    eventually(lambda: counted(venue, frozen) == known + shards, lambda: venue.psql("SELECT * FROM data_gaps"), 30)
    until_us = now_us()
    venue.clear(number)
    eventually(lambda: counted(venue, f"{frozen} AND event_to IS NULL") == 0, lambda: venue.psql("SELECT * FROM data_gaps"))
    last, first = around(emitted(venue, ("book_deltas",)), since_us, until_us)
    gaps = micros(venue, f"shard OF {frozen} AND event_to > to_timestamp({since_us / 1e6})")
    assert len(gaps) == shards
    assert all(abs(start - last) < SLACK_US for _, start, _ in gaps), (gaps, last)
    assert min(abs(end - first) for *_, end in gaps) < SLACK_US, (gaps, first)
    eventually(lambda: venue.status()["healthy"], lambda: venue.status()["reasons"])
    assert_all_is_there(venue)


@pytest.mark.parametrize("cure", ["subscription", "connection"])
def test_a_partial_freeze_is_detected_within_two_minutes_and_named(venue: Venue, cure: str) -> None:
    eventually(lambda: len(busiest(venue, 3)) == 3)
    chosen, places = busiest(venue, 3), {token: place for place, token in enumerate(symbols(venue))}
    pairs = [symbols(venue)[place ^ side] for place in (places[token] for token in chosen) for side in (0, 1)]
    since_us = now_us()
    number = venue.prepare("freeze", symbols=chosen, cured_by=cure, seconds=600)
    named = f"{BOOK_GAPS} AND symbol = ANY('{{{','.join(pairs)}}}') AND found_at > to_timestamp({since_us / 1e6})"
    eventually(lambda: counted(venue, named) >= len(pairs), lambda: venue.psql(f"SELECT symbol, data_gaps.* FROM {named}"), 120)
    assert {detail for (detail,) in venue.psql(f"SELECT DISTINCT detail FROM {named}")} == {"frozen: a later book was read over REST"}
    eventually(lambda: not counted(venue, f"{named} AND event_to IS NULL"), lambda: venue.psql(f"SELECT * FROM {named}"))
    recovered_us = now_us()
    eventually(lambda: set(busiest(venue, 20)) & set(pairs))
    rows = emitted(venue)
    for token, start, end in micros(venue, f"symbol OF {named}"):
        mine = rows[rows["symbol"] == places[token]]
        last, first = around(mine, since_us, int(mine["sent_us"][mine["sent_us"] > since_us + SLACK_US][0]) - 1)
        assert (abs(start - last) < SLACK_US, abs(end - first) < SLACK_US) == (True, True), (token, start, last, end, first)
    assert counted(venue, f"quotes WHERE event_at > to_timestamp({recovered_us / 1e6})")
    venue.clear(number)
    assert_all_is_there(venue)

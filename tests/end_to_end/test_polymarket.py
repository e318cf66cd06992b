"""Polymarket from the sockets to the tables, while it freezes in silence, whole and in part, and serves fewer tokens than were asked for."""

import json
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.lib.recfunctions as rfn
import pytest

from sandbox.polymarket.records import KINDS as KINDS_OF_LEDGER
from tests.end_to_end.conftest import PATIENCE_SECONDS, Venue, eventually
from venues import VENUES

pytestmark = [
    pytest.mark.skipif("polymarket" not in VENUES, reason="its folder is deleted"),
    pytest.mark.timeout(600),
]

KINDS = {"trades", "quotes", "book_deltas", "book_snapshots"}
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


def emitted(venue: Venue, kinds: tuple[str, ...] = ("book_deltas", "book_snapshots")) -> np.ndarray:
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


def ending(venue: Venue) -> set[str]:
    """Tokens of markets that are resolved, or about to be."""
    lines = (venue.home / "sandbox/ledger/polymarket/lifecycle.jsonl").read_text().splitlines()
    return {token for line in map(json.loads, lines) if line["event"] == "ending" for token in line["tokens"]}


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


@pytest.fixture(scope="module")
def joined(running: Venue) -> tuple[list[str], int]:
    """The tokens of a market that is listed in the course of the tests, and when that was."""
    known = len(symbols(running))
    running.universe(list=["it-comes-to-pass"])
    return symbols(running)[known : known + 2], now_us()


def test_partial_freezes_are_detected_within_two_minutes_and_named(venue: Venue, joined: tuple[list[str], int]) -> None:
    """Some end with a new subscription, the others only with a new connection."""
    eventually(lambda: len(busiest(venue, 6)) == 6)
    chosen, places = busiest(venue, 6), {token: place for place, token in enumerate(symbols(venue))}
    since_us = now_us()
    for some, cure in ((chosen[::2], "subscription"), (chosen[1::2], "connection")):
        venue.prepare("freeze", symbols=some, cured_by=cure, seconds=600)

    def named() -> str:
        """Of what has an end meanwhile nothing more is heard in any case."""
        pairs = {symbols(venue)[places[token] ^ side] for token in chosen for side in (0, 1)} - ending(venue)
        assert len(pairs) > 4
        found = f"{BOOK_GAPS} AND symbol = ANY('{{{','.join(pairs)}}}') AND found_at > to_timestamp({since_us / 1e6})"
        return found if counted(venue, f"(SELECT DISTINCT symbol FROM {found}) t") == len(pairs) else ""

    eventually(named, lambda: venue.psql(f"SELECT symbol, data_gaps.* FROM {BOOK_GAPS}"), 120)
    eventually(
        lambda: (gaps := named()) and not counted(venue, f"{gaps} AND event_to IS NULL"), lambda: venue.psql(f"SELECT * FROM {BOOK_GAPS}")
    )
    rows, gaps = emitted(venue), named()
    assert all(detail.startswith("frozen: ") for (detail,) in venue.psql(f"SELECT detail FROM {gaps}"))
    for token, start, end in micros(venue, f"symbol OF {gaps}"):
        mine = rows[rows["symbol"] == places[token]]
        last, first = around(mine, since_us, int(mine["sent_us"][mine["sent_us"] > since_us + SLACK_US][0]) - 1)
        assert (abs(start - last) < SLACK_US, abs(end - first) < SLACK_US) == (True, True), (token, start, last, end, first)
    recovered_us = now_us()
    eventually(
        lambda: counted(
            venue,
            f"quotes JOIN instruments USING (instrument_id) WHERE symbol = ANY('{{{','.join(chosen)}}}') "
            f"AND event_at > to_timestamp({recovered_us / 1e6})",
        )
    )
    venue.clear()
    assert_all_is_there(venue)


def test_a_market_joins_within_a_minute_and_is_resolved_once_two_sources_agree(venue: Venue, joined: tuple[list[str], int]) -> None:
    tokens, listed_us = joined
    places = [symbols(venue).index(token) for token in tokens]

    def first_books() -> list[int]:
        rows = emitted(venue, ("book_snapshots",))
        return [int(rows["sent_us"][rows["symbol"] == place][0]) for place in places if place in rows["symbol"]]

    eventually(lambda: len(first_books()) == 2)
    assert all(sent_us - listed_us < 60_000_000 for sent_us in first_books())
    assert counted(venue, f"markets WHERE status = 'active' AND outcomes->0->>0 = '{tokens[0]}'") == 1
    venue.misbehave("end_market", symbol=tokens[0], scenario="plain")
    resolved = (
        "resolutions r JOIN instruments USING (instrument_id) WHERE r.status = 'resolved' AND source = ANY('{%s}') "
        f"AND symbol = ANY('{{{','.join(tokens)}}}')"
    )
    eventually(lambda: counted(venue, resolved % "market channel") == 2, lambda: venue.psql("SELECT * FROM resolutions"))
    venue.send_task("tasks.snapshots.poll", "polymarket", "resolutions")  # as the schedule does every five minutes
    eventually(lambda: counted(venue, resolved % "gamma,clob") >= 2, lambda: venue.psql("SELECT * FROM resolutions"))
    payouts = venue.psql(f"SELECT symbol, count(DISTINCT payout), max(payout) FROM {resolved % 'market channel,gamma,clob'} GROUP BY 1")
    assert sorted((agreed, payout) for _, agreed, payout in payouts) == [("1", "0"), ("1", "1")]


def test_tokens_above_a_ceiling_are_named_until_they_speak(venue: Venue) -> None:
    since_us = now_us()
    number = venue.prepare("ceiling", streams=120, withheld="all", seconds=600)
    venue.misbehave("drop")
    silent = f"data_gaps g JOIN instruments USING (instrument_id) WHERE cause = 'silent' AND received_from > to_timestamp({since_us / 1e6})"
    # Some eighty are above it; the first of them may have a neighbour below, whose frames name both.
    # A connection that REST finds still in part is replaced, once, before it has been silent for long enough.
    eventually(lambda: counted(venue, silent) >= 60, lambda: venue.psql(f"SELECT symbol FROM {silent}"), 2 * PATIENCE_SECONDS)
    # With a connection, or on an open one for who joined just then.
    asked = "EXISTS (SELECT FROM sessions s WHERE s.shard = g.shard AND abs(extract(epoch FROM s.connected_at - g.received_from)) < 2)"
    joined = "EXISTS (SELECT FROM subscriptions s WHERE s.symbol = instruments.symbol AND abs(extract(epoch FROM s.from_at - g.received_from)) < 2)"
    assert not counted(venue, f"{silent} AND NOT {asked} AND NOT {joined}")
    names = {token for (token,) in venue.psql(f"SELECT symbol FROM {silent}")}
    cleared_us = now_us()
    rows = emitted(venue)
    heard = {symbols(venue)[place] for place in np.unique(rows["symbol"][rows["sent_us"] > since_us + SLACK_US])}
    assert len(names & heard) < 10, "whose neighbour was below, or who came below it when one ended"
    venue.clear(number)
    eventually(
        lambda: {token for (token,) in venue.psql(f"SELECT symbol FROM {silent} AND g.state = 'open'")} <= ending(venue),
        lambda: venue.psql(f"SELECT symbol, g.state FROM {silent}"),
    )
    rows, places = emitted(venue, ("book_snapshots",)), {token: place for place, token in enumerate(symbols(venue))}
    for token, end in venue.psql(f"SELECT symbol, (extract(epoch FROM event_to) * 1000000)::bigint FROM {silent} AND g.state = 'filled'"):
        mine = rows[(rows["symbol"] == places[token]) & (rows["sent_us"] > cleared_us)]
        assert token in heard or abs(int(end) - int(mine["event_us"][0])) < SLACK_US, (token, end, mine[:3])
    eventually(lambda: venue.status()["healthy"], lambda: venue.status()["reasons"])
    assert_all_is_there(venue)

"""A venue that misbehaves: each fault has a counted row with a clear cause, and no neighbour is lost."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.end_to_end.conftest import Venue, eventually


@pytest.fixture(scope="module")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Venue]:
    farm = Venue(tmp_path_factory.mktemp("venue"), "binance")
    try:
        farm.up("--rate", "400")
        yield farm
    finally:
        farm.run("down")


def settled(venue: Venue) -> dict[str, Any]:
    found, text = venue.verify()
    assert found["ok"], text
    figures: dict[str, Any] = found["venues"]["binance"]
    return figures


@pytest.mark.parametrize("channel", ["aggTrade", "bookTicker"])
@pytest.mark.parametrize("kind", ["torn", "corrupt"])
def test_a_frame_nobody_can_read_is_kept_and_its_neighbours_are_stored(venue: Venue, channel: str, kind: str) -> None:
    before = len(venue.quarantined(channel))
    venue.misbehave(kind, channel=channel, count=5)
    settled(venue)
    assert len(venue.quarantined(channel)) == before + 5


def test_an_unknown_event_is_kept(venue: Venue) -> None:
    venue.misbehave("unknown", route="market", count=3)
    settled(venue)
    assert sum("unknown event" in reason for reason in venue.quarantined("aggTrade")) == 3


@pytest.mark.parametrize("kind", ["repeat", "reorder"])
def test_ids_that_come_twice_or_out_of_order_are_stored_once(venue: Venue, kind: str) -> None:
    venue.misbehave(kind, channel="aggTrade", count=4)
    assert settled(venue)["trades"]["duplicate"] == 0


def test_ids_the_venue_leaves_out_are_gap_rows(venue: Venue) -> None:
    venue.misbehave("skip", channel="aggTrade", count=3, symbol="BTCUSDT")
    gaps = (
        "SELECT coalesce(sum(last_missing - first_missing + 1), 0) FROM data_gaps JOIN instruments USING (instrument_id) "
        "WHERE cause = 'sequence' AND symbol = 'BTCUSDT'"
    )
    eventually(lambda: int(venue.psql(gaps)[0][0]) >= 3, lambda: venue.psql("SELECT * FROM data_gaps"))
    settled(venue)


@pytest.mark.parametrize("route", ["public", "market"])
def test_a_dropped_socket_is_a_gap_row_that_ends(venue: Venue, route: str) -> None:
    channel = {"public": "bookTicker", "market": "aggTrade"}[route]
    ended = f"SELECT count(*) FROM data_gaps WHERE cause = 'disconnected' AND channel = '{channel}' AND event_to IS NOT NULL"
    before = int(venue.psql(ended)[0][0])
    venue.misbehave("drop", route=route)
    eventually(lambda: int(venue.psql(ended)[0][0]) > before, lambda: venue.psql("SELECT * FROM data_gaps WHERE instrument_id IS NULL"))
    settled(venue)


def test_an_instrument_delisted_while_subscribed_leaves_and_takes_no_other_with_it(venue: Venue) -> None:
    venue.universe(delist=["DOGEUSDT"])
    venue.send_task("tasks.metadata.poll", "binance", "exchangeInfo")
    venue.send_task("tasks.metadata.universe", "binance")
    status = "SELECT status FROM marketdata.symbols WHERE symbol = 'DOGEUSDT'"
    eventually(lambda: venue.psql(status) != [["TRADING"]], lambda: venue.psql(status))
    versions = "SELECT count(*), count(valid_to) FROM instrument_history JOIN instruments USING (instrument_id) WHERE symbol = 'DOGEUSDT'"
    assert venue.psql(versions) == [["2", "1"]]
    eventually(lambda: all(stream["instruments"] <= 200 for stream in venue.status()["streams"]), venue.status)
    settled(venue)


def test_an_exchange_info_of_a_hundred_megabytes_is_refused_and_counted(venue: Venue) -> None:
    venue.prepare("rest_huge", megabytes=100)
    venue.send_task("tasks.metadata.poll", "binance", "exchangeInfo")
    eventually(lambda: any("TooLarge" in reason for reason in venue.quarantined("exchangeInfo")), lambda: venue.quarantined("exchangeInfo"))
    assert venue.psql("SELECT count(*) FROM marketdata.symbols WHERE status = 'gone'") == [["0"]]
    settled(venue)

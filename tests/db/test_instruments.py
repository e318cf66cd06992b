"""db.instruments: numbers for symbols, and a row of history for every change of what the venue says."""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from psycopg2.extensions import connection as RawConnection

from core.records import Instrument
from db import engine, instruments
from db.instruments import InstrumentIds, TooManyInstruments
from db.moments import moment

AT = 1_795_300_000_000_000
MINUTE = 60_000_000
ATTRIBUTES = {"deliveryDate": 1, "名": ["ü"]}
BTC = Instrument("BTCUSDT", "TRADING", "BTC", "USDT", "PERPETUAL", "0.10", "0.001", AT - 9, AT + 9**15, ATTRIBUTES, "BTC", "USDT")
ODD = Instrument("币安人生USDT", "TRADING", "币安人生", "USDT")

Query = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def describe(connection: RawConnection) -> Callable[..., int]:
    def describe(listed: Sequence[Instrument], at_us: int, *, complete: bool = True, venue: str = "somewhere") -> int:
        with connection, connection.cursor() as cursor:
            return instruments.describe(cursor, venue, listed, complete=complete, at_us=at_us)

    return describe


def history(query: Query, symbol: str = "BTCUSDT") -> list[tuple[Any, ...]]:
    return query(
        "SELECT h.status, h.tick_size, h.valid_from, h.valid_to FROM instrument_history h JOIN instruments USING (instrument_id) "
        "WHERE symbol = %s ORDER BY h.valid_from",
        (symbol,),
    )


# --- numbers --------------------------------------------------------------------------------------------------------------
def test_symbols_get_numbers_that_last(connection: RawConnection, fresh_database_url: str) -> None:
    first = InstrumentIds("somewhere", connection, 10).array(["B", "A", "B", ODD.symbol])
    assert first.dtype == np.int32 and first[0] == first[2] and len(set(first.tolist())) == 3
    with closing(engine.connect(fresh_database_url, name="another writer")) as other:
        again = InstrumentIds("somewhere", other, 10).array([ODD.symbol, "A", "B", "C"])
    assert again[:3].tolist() == [first[3], first[1], first[0]]


def test_one_symbol_on_two_venues_is_two_instruments(connection: RawConnection) -> None:
    one, two = (InstrumentIds(venue, connection, 10).array(["A"])[0] for venue in ("here", "there"))
    assert one != two


def test_what_only_frames_have_named_can_be_asked_about(connection: RawConnection, describe) -> None:
    for venue in ("somewhere", "elsewhere"):
        InstrumentIds(venue, connection, 10).array(["A", "B", "BTCUSDT"])
    describe([BTC], AT, complete=False)
    with connection, connection.cursor() as cursor:
        assert sorted(instruments.unknown(cursor, "somewhere", limit=9)) == ["A", "B"]
        assert len(instruments.unknown(cursor, "elsewhere", limit=2)) == 2


def test_a_symbol_that_only_frames_have_named_is_unknown(connection: RawConnection, query: Query) -> None:
    InstrumentIds("somewhere", connection, 10).array(["A"])
    assert query("SELECT venue, symbol, status FROM instruments") == [("somewhere", "A", "unknown")]
    assert query("SELECT count(*) FROM instrument_history") == [(0,)]


def test_frames_cannot_register_without_bound(connection: RawConnection, query: Query) -> None:
    ids = InstrumentIds("somewhere", connection, 3)
    ids.array(["A", "B", "C"])
    with pytest.raises(TooManyInstruments, match="WRITER_MAX_INSTRUMENTS"):
        ids.array(["A", "D"])
    assert query("SELECT count(*) FROM instruments") == [(3,)]
    assert len(ids.array(["C", "A"])) == 2, "what is known goes on"


# --- what the venue says --------------------------------------------------------------------------------------------------
def test_a_first_listing_opens_a_row_of_history(describe: Callable[..., int], query: Query) -> None:
    assert describe([BTC, ODD], AT) == 2
    described = (
        "status, base_asset, quote_asset, contract_type, tick_size, lot_size, listed_at, expires_at, attributes, amount_unit, price_unit"
    )
    expected = (
        "TRADING",
        "BTC",
        "USDT",
        "PERPETUAL",
        "0.10",
        "0.001",
        moment(AT - 9),
        moment(AT + 9**15),
        ATTRIBUTES,
        "BTC",
        "USDT",
    )
    assert query(f"SELECT {described} FROM instruments WHERE symbol = 'BTCUSDT'") == [expected]
    assert query(f"SELECT {described} FROM instrument_history h WHERE tick_size = '0.10'") == [expected]
    assert history(query, ODD.symbol) == [("TRADING", None, moment(AT), None)]


def test_the_same_again_changes_nothing(describe: Callable[..., int], query: Query) -> None:
    describe([BTC, ODD], AT)
    attributes = dict(reversed(list((BTC.attributes or {}).items())))
    assert describe([ODD, replace(BTC, attributes=attributes)], AT + MINUTE) == 0
    assert history(query) == [("TRADING", "0.10", moment(AT), None)]
    assert query("SELECT DISTINCT updated_at FROM instruments") == [(moment(AT),)]


@pytest.mark.parametrize(
    "change",
    [
        {"tick_size": "0.01"}, {"lot_size": None}, {"status": "SETTLING"}, {"contract_type": "X"}, {"base_asset": "Y"},
        {"listed_at_us": None}, {"expires_at_us": AT}, {"attributes": {}}, {"attributes": None}, {"amount_unit": "USD"}, {"price_unit": None},
    ],
    ids=str,
)  # fmt: skip
def test_each_change_closes_one_row_and_opens_the_next(describe: Callable[..., int], query: Query, change: dict[str, Any]) -> None:
    describe([BTC, ODD], AT)
    changed = replace(BTC, **change)
    assert describe([changed, ODD], AT + MINUTE) == 1
    assert history(query) == [
        (BTC.status, BTC.tick_size, moment(AT), moment(AT + MINUTE)),
        (changed.status, changed.tick_size, moment(AT + MINUTE), None),
    ]


def test_there_and_back_again_is_three_rows(describe: Callable[..., int], query: Query) -> None:
    for number, status in enumerate(("TRADING", "BREAK", "TRADING")):
        describe([replace(BTC, status=status)], AT + number * MINUTE)
    assert [(row[0], row[3] is None) for row in history(query)] == [("TRADING", False), ("BREAK", False), ("TRADING", True)]


def test_what_a_complete_list_leaves_out_is_gone(describe: Callable[..., int], query: Query) -> None:
    describe([BTC, ODD], AT)
    assert describe([ODD], AT + MINUTE) == 1
    assert history(query) == [("TRADING", "0.10", moment(AT), moment(AT + MINUTE)), ("gone", "0.10", moment(AT + MINUTE), None)]
    assert describe([ODD], AT + 2 * MINUTE) == 0, "gone is gone once"
    assert describe([BTC, ODD], AT + 3 * MINUTE) == 1, "it may come back"


def test_a_partial_list_closes_nothing(describe: Callable[..., int], query: Query) -> None:
    describe([BTC, ODD], AT)
    assert describe([ODD], AT + MINUTE, complete=False) == 0
    assert describe([], AT + MINUTE, complete=False) == 0
    assert history(query) == [("TRADING", "0.10", moment(AT), None)]


def test_another_venues_list_says_nothing_about_this_one(describe: Callable[..., int], query: Query) -> None:
    describe([BTC], AT)
    describe([ODD], AT + MINUTE, venue="elsewhere")
    assert history(query) == [("TRADING", "0.10", moment(AT), None)]


def test_what_only_frames_have_named_is_not_gone(describe: Callable[..., int], connection: RawConnection, query: Query) -> None:
    InstrumentIds("somewhere", connection, 10).array(["NEW"])
    describe([BTC], AT)
    assert query("SELECT status FROM instruments WHERE symbol = 'NEW'") == [("unknown",)]


def test_a_reply_older_than_what_is_known_changes_nothing(describe: Callable[..., int], query: Query) -> None:
    describe([replace(BTC, tick_size="0.01")], AT + MINUTE)
    assert describe([BTC], AT) == 0
    assert describe([ODD], AT) == 1, "an older reply may still bring what nobody knew, and closes nothing newer"
    assert history(query) == [("TRADING", "0.01", moment(AT + MINUTE), None)]


def test_a_symbol_named_by_frames_is_described_by_an_older_reply(
    describe: Callable[..., int], connection: RawConnection, query: Query
) -> None:
    InstrumentIds("somewhere", connection, 10).array(["BTCUSDT"])  # registered now, years after the reply
    assert describe([BTC], AT - 10**14) == 1
    assert history(query) == [("TRADING", "0.10", moment(AT - 10**14), None)]


def test_one_symbol_twice_in_a_reply_is_one_instrument(describe: Callable[..., int], query: Query) -> None:
    assert describe([replace(BTC, status="OLD"), BTC], AT) == 1
    assert history(query) == [("TRADING", "0.10", moment(AT), None)]


# --- where a sequence stands ----------------------------------------------------------------------------------------------
def test_the_last_id_of_each_instrument(connection: RawConnection, query: Query) -> None:
    one, two, _ = InstrumentIds("somewhere", connection, 10).array(["A", "B", "C"]).tolist()
    (elsewhere,) = InstrumentIds("elsewhere", connection, 10).array(["A"]).tolist()
    query(
        "INSERT INTO trades (event_at, received_at, instrument_id, trade_id, price, quantity, side) "
        "SELECT now() - age * INTERVAL '1 hour', now(), instrument, id, 1, 1, 1 "
        "FROM (VALUES (1, %s, 10), (2, %s, 9), (50, %s, 4), (3, %s, 77), (3, %s, 5)) AS v (age, instrument, id)",
        (one, one, two, elsewhere, one),
    )
    with connection.cursor() as cursor:
        found = instruments.last_of_sequence(cursor, "trades", "trade_id", "somewhere", 48)
    ((instrument, last, event_us),) = found
    assert (instrument, last) == (one, 10)
    assert query("SELECT to_timestamp(%s / 1e6) = event_at FROM trades WHERE trade_id = 10", (event_us,)) == [(True,)]


# --- what is listed beside what is recorded -------------------------------------------------------------------------------
def test_what_is_listed_of_the_same_assets_and_not_recorded(describe: Callable[..., int], connection: RawConnection) -> None:
    listed = {
        "ETH-A": Instrument("ETH-A", "open", "ETH"),
        "ETH-B": Instrument("ETH-B", "open", "ETH", expires_at_us=4_000_000_000_000_000),
        "ETH-C": Instrument("ETH-C", "open", "ETH"),
        "ETH-OVER": Instrument("ETH-OVER", "open", "ETH", expires_at_us=AT),
        "ETH-GONE": Instrument("ETH-GONE", "open", "ETH"),
        "BTC-A": Instrument("BTC-A", "open", "BTC"),
    }
    describe(list(listed.values()), AT)
    describe([one for one in listed.values() if one.symbol != "ETH-GONE"], AT + MINUTE)
    describe([Instrument("ETH-X", "open", "ETH")], AT, venue="elsewhere")
    with connection, connection.cursor() as cursor:
        assert sorted(instruments.unrecorded(cursor, "somewhere", ["ETH-A"], limit=10)) == ["ETH-B", "ETH-C"]
        assert len(instruments.unrecorded(cursor, "somewhere", ["ETH-A"], limit=1)) == 1
        assert instruments.unrecorded(cursor, "somewhere", ["ETH-A", "BTC-A", "ETH-B"], limit=10) == ["ETH-C"]
        assert instruments.unrecorded(cursor, "somewhere", [], limit=10) == []


def test_a_provisional_word_describes_what_nobody_has_described(connection: RawConnection, describe, query: Query) -> None:
    InstrumentIds("somewhere", connection, 10).array([ODD.symbol])
    describe([BTC], AT, complete=False)
    with connection, connection.cursor() as cursor:
        first_word = [replace(BTC, tick_size=None), ODD]
        assert instruments.describe(cursor, "somewhere", first_word, complete=False, at_us=AT + MINUTE, provisional=True) == 1
    assert query("SELECT symbol, status, tick_size FROM instruments ORDER BY 1") == [
        ("BTCUSDT", "TRADING", "0.10"),
        (ODD.symbol, "TRADING", None),
    ]

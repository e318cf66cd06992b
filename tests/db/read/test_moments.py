"""db.read of one instant: books, chains and markets, as they were known then."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from db import read
from db.read import Source
from tests.db.parquet.recorded import START, Query

quick = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def books(ask: Query, url: str) -> Source:
    """Of instrument 1: a whole book at 0 s, then a change each second, which we hear 1.5 s later; another whole book at 20 s, heard at 25 s. Of 2:
    changes without numbers, several at one instant."""
    ask(
        "INSERT INTO book_snapshots SELECT %(at)s, %(at)s, 1, 100, s, 50 - s * n, n FROM generate_series(1, 5) n, unnest(ARRAY[1, -1]) s",
        {"at": START},
    )
    ask(
        "INSERT INTO book_deltas SELECT at, at + INTERVAL '1500 ms', 1, 100 + n, 99 + n, CASE n %% 2 WHEN 0 THEN 1 ELSE -1 END, "
        "50 - (CASE n %% 2 WHEN 0 THEN 1 ELSE -1 END) * (1 + n %% 7), CASE n %% 3 WHEN 0 THEN 0 ELSE n END "
        "FROM generate_series(1, 40) n, LATERAL (SELECT %s + n * INTERVAL '1 second' AS at) t",
        (START,),
    )
    ask(
        "INSERT INTO book_snapshots SELECT at, at + INTERVAL '5 seconds', 1, 120, 1, 40 - n, 7 FROM generate_series(1, 3) n, "
        "LATERAL (SELECT %s + INTERVAL '20 seconds' AS at) t",
        (START,),
    )
    ask("INSERT INTO book_snapshots SELECT %s, %s, 2, 999999, 1, 10, 1", (START, START + timedelta(milliseconds=5)))
    ask(
        "INSERT INTO book_deltas (event_at, received_at, instrument_id, update_id, side, price, quantity) "
        "SELECT %(at)s, %(at)s + n * INTERVAL '1 ms', 2, 1000 - n, 1, 10, n FROM generate_series(1, 9) n",
        {"at": START},
    )
    return Source(url, None)


def by_hand(ask: Query, at: datetime) -> dict[tuple[int, float], float]:
    """The book of instrument 1, one row after the other."""
    rows = ask(
        "SELECT event_at, update_id, side, price, quantity FROM book_snapshots WHERE instrument_id = 1 AND received_at <= %s AND event_at <= %s",
        (at, at),
    )
    newest = max((row[0], row[1]) for row in rows)
    book = {(side, price): quantity for event, number, side, price, quantity in rows if (event, number) == newest}
    for _, side, price, quantity in ask(
        "SELECT update_id, side, price, quantity FROM book_deltas WHERE instrument_id = 1 AND received_at <= %s AND event_at <= %s AND update_id > %s "
        "ORDER BY update_id",
        (at, at, newest[1]),
    ):
        book[side, price] = quantity
    return {level: quantity for level, quantity in book.items() if quantity}


def found(answer: read.Answer) -> dict[tuple[int, float], float]:
    return {(side, price): quantity for side, price, quantity in answer.rows.select("side", "price", "quantity").rows()}


@quick
@given(st.integers(0, 60_000))
@example(24_999)
@example(25_000)
def test_a_book_holds_what_had_been_received_and_nothing_else(ask: Query, books: Source, milliseconds: int) -> None:
    at = START + timedelta(milliseconds=milliseconds)
    assert found(read.book_at("v", "A", at, holes="mask", source=books)) == by_hand(ask, at)


def test_the_best_levels_come_first(books: Source) -> None:
    rows = read.book_at("v", "A", START + timedelta(milliseconds=500), holes="mask", source=books).rows.drop("whole").rows()
    assert rows == [(1, 50.0 - n, n) for n in range(1, 6)] + [(-1, 50.0 + n, n) for n in range(1, 6)]


def test_of_one_instant_what_came_after_the_whole_book_changes_it(books: Source) -> None:
    at = [START + timedelta(milliseconds=ms) for ms in (5, 7, 20)]
    assert [found(read.book_at("v", "B", one, holes="mask", source=books))[1, 10.0] for one in at] == [1, 7, 9]


def test_without_a_whole_book_there_is_none(books: Source) -> None:
    with pytest.raises(LookupError, match="no whole book of v C"):
        read.book_at("v", "C", START + timedelta(hours=1), source=books)


def test_a_book_behind_a_hole_is_an_error(ask: Query, books: Source) -> None:
    ask("UPDATE coverage SET state = 'broken', broken = 1 WHERE hour = %s", (START,))
    with pytest.raises(read.Holes, match="book_deltas of v A"):
        read.book_at("v", "A", START + timedelta(seconds=9), source=books)
    assert not read.book_at("v", "A", START + timedelta(seconds=9), holes="mask", source=books).rows["whole"].any()
    ask("UPDATE coverage SET state = 'verified', broken = 0 WHERE hour = %s", (START,))
    assert read.book_at("v", "A", START + timedelta(seconds=9), source=books).rows.height


@pytest.fixture(scope="module")
def options(ask: Query, url: str) -> Source:
    """Two options: 11 is listed anew at 10 minutes with another status, 12 is heard of at 5 minutes; tickers each minute, heard 30 s later."""
    ask(
        "INSERT INTO instruments (instrument_id, venue, symbol, status, first_seen_at, updated_at) OVERRIDING SYSTEM VALUE "
        "SELECT i, 'o', 'ETH-' || i, 'open', now(), now() FROM generate_series(11, 12) i"
    )
    for number, since, until, status in ((11, 0, 10, "open"), (11, 10, None, "locked"), (12, 5, None, "open")):
        ask(
            "INSERT INTO instrument_history (instrument_id, valid_from, valid_to, status, base_asset, contract_type, expires_at, attributes) "
            "VALUES (%s, %s, %s, %s, 'ETH', 'option', %s, '{\"option_type\": \"call\", \"strike\": 3000.0}')",
            (
                number,
                START + timedelta(minutes=since),
                None if until is None else START + timedelta(minutes=until),
                status,
                START + timedelta(days=30),
            ),
        )
    ask(
        "INSERT INTO tickers (event_at, received_at, instrument_id, mark_price) SELECT at, at + INTERVAL '30 seconds', 11, n FROM generate_series(0, 90) n, "
        "LATERAL (SELECT %s + n * INTERVAL '1 minute' AS at) t",
        (START,),
    )
    return Source(url, None)


@quick
@given(st.integers(60, 90 * 60))
def test_a_chain_is_what_was_listed_and_told_by_then(options: Source, seconds: int) -> None:
    rows = read.chain(START + timedelta(seconds=seconds), "o", "ETH", holes="mask", source=options).rows.rows(named=True)
    assert [row["symbol"] for row in rows] == (["ETH-11", "ETH-12"] if seconds >= 300 else ["ETH-11"])
    assert rows[0]["status"] == ("open" if seconds < 600 else "locked")
    assert rows[0]["mark_price"] == (seconds - 30) // 60
    assert all(row["mark_price"] is None for row in rows[1:])


def test_a_chain_of_nobody_is_an_error(options: Source) -> None:
    with pytest.raises(LookupError, match="no options of o"):
        read.chain(START - timedelta(days=1), "o", source=options)


@pytest.fixture(scope="module")
def questions(ask: Query, url: str) -> Source:
    ask(
        "INSERT INTO markets (market_key, venue, market_id, title, status, outcomes, first_seen_at, updated_at) OVERRIDING SYSTEM VALUE "
        "VALUES (1, 'm', 'one', 'Rain?', 'resolved', '[[\"T1\", \"Yes\"]]', now(), now())"
    )
    for since, until, status in ((0, 10, "active"), (10, None, "resolved")):
        ask(
            "INSERT INTO market_history (market_key, valid_from, valid_to, title, status, outcomes) VALUES (1, %s, %s, 'Rain?', %s, '[[\"T1\", \"Yes\"]]')",
            (START + timedelta(minutes=since), None if until is None else START + timedelta(minutes=until), status),
        )
    return Source(url, None)


@pytest.mark.parametrize(("minute", "statuses"), [(-1, []), (0, ["active"]), (9, ["active"]), (10, ["resolved"]), (None, ["resolved"])])
def test_markets_are_as_they_were_described_then(questions: Source, minute: int | None, statuses: list[str]) -> None:
    at = None if minute is None else START + timedelta(minutes=minute)
    found: Any = read.markets("m", at, source=questions)
    assert found["status"].to_list() == statuses


def test_descriptions_are_in_the_database_alone() -> None:
    with pytest.raises(ValueError, match="database alone"):
        read.markets(source=Source("", None))

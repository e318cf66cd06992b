"""What the verification reads from a real database and a real journal."""

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from psycopg2.extensions import connection as RawConnection

from core import redisdb
from core.board import Board
from core.journal import Journal, StreamName, data_fields
from ops.verify import table
from ops.verify.compared import UNKNOWN, Rows, id_of, shown, symbol_of
from ops.verify.evidence import Evidence
from ops.verify.explain import Gap
from ops.verify.kinds import BOOK_DELTAS, QUOTES, TRADES
from ops.verify.ledger import Ledger, LedgerUnreadable, venues
from ops.verify.run import Case
from ops.verify.settle import Unsettled, settle
from ops.verify.table import TableReader, numbered
from venues import VENUES

BEGIN_US = 1_700_000_000_000_000
BEGIN = "TIMESTAMPTZ '2023-11-14 22:13:20+00'"


@pytest.fixture
def execute(connection: RawConnection) -> Callable[..., None]:
    def run(statement: str, *values: Any) -> None:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement, values)

    return run


@pytest.fixture
def instruments(execute: Callable[..., None], connection: RawConnection) -> dict[str, int]:
    execute(
        "INSERT INTO instruments (venue, symbol, status, first_seen_at, updated_at) VALUES "
        "('binance', 'AAA', 'x', now(), now()), ('binance', 'NEW', 'x', now(), now()), ('other', 'AAA', 'x', now(), now())"
    )
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT venue || ' ' || symbol, instrument_id FROM instruments")
        return dict(cursor.fetchall())


def read(connection: RawConnection, until_us: int = BEGIN_US + 100) -> Rows:
    known = numbered(["ZZZ", "AAA"], Evidence(connection, "binance", []).instruments())
    found: list[Rows] = []
    TableReader(connection, TRADES, known).read(BEGIN_US, until_us, found.append)
    return np.concatenate(found)


def insert_trades(
    execute: Callable[..., None], instrument: int, ids: range, *, without_rpi: str = "NULL", raw_ids: str = "NULL, NULL"
) -> None:
    execute(
        f"INSERT INTO trades SELECT {BEGIN} + n * INTERVAL '1 us', now(), %s, n, 0.1, 2, -1, {without_rpi}, {raw_ids} FROM generate_series(%s, %s) n",
        instrument,
        ids.start,
        ids.stop - 1,
    )


def test_rows_come_back_with_absent_values_and_unknown_instruments(
    connection: RawConnection, execute: Callable[..., None], instruments: dict[str, int]
) -> None:
    insert_trades(execute, instruments["binance AAA"], range(1, 3))
    insert_trades(execute, instruments["binance NEW"], range(3, 4), without_rpi="0", raw_ids="7, 9")
    insert_trades(execute, instruments["other AAA"], range(4, 5))
    rows = np.sort(read(connection), order="event_us")
    assert [(symbol_of(row["key"]), id_of(row["key"]), int(row["event_us"]) - BEGIN_US) for row in rows] == [
        (1, 1, 1),
        (1, 2, 2),
        (UNKNOWN, 3, 3),
    ]
    values = [shown(TRADES, row["values"]) for row in rows]
    assert [value["price"] for value in values] == [0.1] * 3
    assert [value["side"] for value in values] == [-1] * 3
    assert [value["first_trade_id"] for value in values] == [-1, -1, 7]
    assert [np.isnan(value["quantity_without_rpi"]) for value in values] == [True, True, False]


def test_both_ends_of_the_time_belong_to_it(connection: RawConnection, execute: Callable[..., None], instruments: dict[str, int]) -> None:
    insert_trades(execute, instruments["binance AAA"], range(-2, 10))
    assert sorted(int(row["event_us"]) - BEGIN_US for row in read(connection, BEGIN_US + 3)) == [0, 1, 2, 3]


def test_rows_come_in_blocks_and_none_is_cut(
    connection: RawConnection, execute: Callable[..., None], instruments: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "BLOCK_BYTES", 1000)
    insert_trades(execute, instruments["binance AAA"], range(1, 101))
    assert sorted(id_of(row["key"]) for row in read(connection)) == list(range(1, 101))


def test_a_column_that_only_another_venue_leaves_empty(
    connection: RawConnection, execute: Callable[..., None], instruments: dict[str, int]
) -> None:
    execute(
        "INSERT INTO book_deltas (event_at, received_at, instrument_id, update_id, side, price, quantity, previous_id) "
        f"SELECT {BEGIN}, now(), i, n, 1, 0.5, 1, p FROM generate_series(1, 3) n, (VALUES (%s, NULL), (%s, 7)) v(i, p)",
        instruments["other AAA"],
        instruments["binance AAA"],
    )
    found: list[Rows] = []
    TableReader(connection, BOOK_DELTAS, {instruments["binance AAA"]: 0}).read(BEGIN_US, BEGIN_US + 100, found.append)
    assert sum(map(len, found)) == 3


def test_an_empty_table(connection: RawConnection, instruments: dict[str, int]) -> None:
    assert len(read(connection)) == 0


def test_gaps_and_quarantine_are_told_in_the_ledgers_numbers(
    connection: RawConnection, execute: Callable[..., None], instruments: dict[str, int]
) -> None:
    execute(
        "INSERT INTO data_gaps (venue, channel, shard, instrument_id, cause, first_missing, last_missing, event_from, event_to, state) VALUES "
        f"('binance', 'aggTrade', '0', NULL, 'disconnected', NULL, NULL, {BEGIN}, NULL, 'open'),"
        f"('binance', 'aggTrade', '0', %s, 'sequence', 5, 8, NULL, {BEGIN}, 'missing'),"
        f"('binance', 'bookTicker', '0', NULL, 'disconnected', NULL, NULL, {BEGIN}, NULL, 'open')",
        instruments["binance AAA"],
    )
    for number, frame in enumerate(('{"stream":"aaa@aggTrade","data":{"e":"agg', '{"stream":"new@aggTr', "{")):
        execute(
            "INSERT INTO quarantine (venue, channel, shard, connection_id, batch_no, frame_no, received_at, reason, raw) "
            f"VALUES ('binance', 'aggTrade', '0', 'c', 1, %s, {BEGIN}, 'torn', %s)",
            number,
            frame.encode(),
        )
    evidence = Evidence(connection, "binance", ["aggTrade"])
    numbers = numbered(["ZZZ", "AAA"], evidence.instruments())
    assert evidence.gaps(numbers) == [Gap(BEGIN_US, None, cause="disconnected"), Gap(None, BEGIN_US, 1, 5, 8, "sequence")]
    assert evidence.quarantined(BEGIN_US, ["ZZZ", "AAA"]) == [1, -1, -1]
    assert evidence.quarantined(BEGIN_US + 1, ["ZZZ", "AAA"]) == []


# --- the ledger's files
QUOTE_FIELDS = [("symbol", "<u4"), ("update_id", "<i8"), ("event_us", "<i8"), ("sent_us", "<i8")]
QUOTE_FIELDS += [(name, "<f8") for name in ("bid", "bid_quantity", "ask", "ask_quantity")] + [("delivered", "<u2"), ("fault", "u1")]


def write_ledger(root: Path, *segments: int, torn_bytes: int = 0) -> Ledger:
    """Segments of so many quotes, each id delivered but for every tenth."""
    folder = root / "ledger" / "binance"
    folder.mkdir(parents=True)
    (folder / "symbols.json").write_text(json.dumps(["AAA"]))
    (folder / "quotes.dtype.json").write_text(json.dumps(QUOTE_FIELDS))
    number = 0
    for place, count in enumerate(segments, start=1):
        records = np.zeros(count, np.dtype(QUOTE_FIELDS))
        records["update_id"] = np.arange(number, number + count)
        records["event_us"] = BEGIN_US + records["update_id"]
        records["delivered"] = records["update_id"] % 10 != 9
        (folder / f"quotes-{place:06d}.bin").write_bytes(records.tobytes() + bytes(torn_bytes))
        number += count
    return Ledger(root, "binance")


def test_a_ledger_is_read_over_segments_and_half_written_records(tmp_path: Path) -> None:
    ledger = write_ledger(tmp_path, 20, 0, 15, torn_bytes=7)
    assert venues(tmp_path) == ["binance"]
    assert ledger.comparisons == [QUOTES]
    rows = np.concatenate(list(ledger.delivered(QUOTES, BEGIN_US + 29)))
    assert [id_of(row["key"]) for row in rows] == [number for number in range(30) if number % 10 != 9]
    assert ledger.first_event_us(QUOTES) == BEGIN_US


def test_a_state_that_is_told_anew_may_be_older_than_what_the_ledger_begins_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ops.verify.ledger.BLOCK", 5)
    ledger = write_ledger(tmp_path, 20)
    path = ledger.folder / "quotes-000001.bin"
    records = np.fromfile(path, np.dtype(QUOTE_FIELDS))
    records["event_us"][-1] = BEGIN_US - 7
    records.tofile(path)
    assert ledger.first_event_us(QUOTES) == BEGIN_US
    assert ledger.first_event_us(replace(QUOTES, told_again=True)) == BEGIN_US - 7


def test_a_state_that_is_told_anew_behind_the_cutoff_is_not_expected_yet(tmp_path: Path) -> None:
    ledger = write_ledger(tmp_path, 9)
    path, cutoff_us = ledger.folder / "quotes-000001.bin", BEGIN_US + 100
    records = np.fromfile(path, np.dtype(QUOTE_FIELDS))
    records["sent_us"] = cutoff_us + np.arange(-4, 5)
    records.tofile(path)
    told = [len(np.concatenate(list(ledger.delivered(replace(QUOTES, told_again=again), cutoff_us)))) for again in (False, True)]
    assert told == [9, 5]


def test_rows_of_wanted_keys_are_found_delivered_or_not(tmp_path: Path) -> None:
    ledger = write_ledger(tmp_path, 20)
    assert [id_of(row["key"]) for row in ledger.with_keys(QUOTES, np.array([9, 11, 99], np.uint64))] == [9, 11]
    assert len(ledger.with_keys(QUOTES, np.array([], np.uint64))) == 0


def test_a_ledger_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(LedgerUnreadable, match="sandbox"):
        _ = Ledger(tmp_path, "binance").symbols


def test_a_whole_case(tmp_path: Path, connection: RawConnection, execute: Callable[..., None], instruments: dict[str, int]) -> None:
    """Of 27 delivered quotes: two lost in a deaf time, one missing, one different; one copied under another time, one made up."""
    execute(
        f"INSERT INTO quotes SELECT {BEGIN} + n * INTERVAL '1 us', now(), %s, n, 0, 0, CASE n WHEN 5 THEN 1 ELSE 0 END, 0 "
        "FROM generate_series(0, 29) n WHERE n %% 10 <> 9 AND n NOT IN (7, 21, 22)",
        instruments["binance AAA"],
    )
    made_up = f"INSERT INTO quotes VALUES ({BEGIN} + %s * INTERVAL '1 us', now(), %s, %s, 0, 0, 0, 0)"
    execute(made_up, 3, instruments["binance AAA"], 1)
    execute(made_up, 3, instruments["binance AAA"], 77)
    execute(
        "INSERT INTO data_gaps (venue, channel, shard, cause, event_from, event_to, state) "
        f"VALUES ('binance', 'bookTicker', '0', 'disconnected', {BEGIN} + INTERVAL '20 us', {BEGIN} + INTERVAL '23 us', 'missing')"
    )
    verdict = Case(connection, write_ledger(tmp_path, 30), QUOTES, BEGIN_US + 1000).verdict()
    assert verdict.figures() == {
        "emitted": 27,
        "stored": 23,
        "missing": 1,
        "duplicate": 1,
        "quarantined": 0,
        "counted_loss": 2,
        "different": 1,
        "surplus": 1,
        "doubted": 0,
    }
    assert not verdict.ok
    assert sorted(example.partition(":")[0] for example in verdict.examples) == ["different", "duplicate", "missing", "surplus"]


def test_quotes_that_come_out_of_a_book_in_doubt_are_neither_missing_nor_wrong(
    tmp_path: Path, connection: RawConnection, execute: Callable[..., None], instruments: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    execute(
        f"INSERT INTO quotes SELECT {BEGIN} + n * INTERVAL '1 us', now(), %s, n, CASE WHEN n IN (5, 25) THEN 1 ELSE 0 END, 0, 0, 0 "
        "FROM generate_series(0, 30) n "
        "WHERE n %% 10 <> 9 AND n NOT IN (7, 21, 22)",
        instruments["binance AAA"],
    )
    execute(
        "INSERT INTO data_gaps (venue, channel, shard, instrument_id, cause, event_from, event_to, state) "
        f"VALUES ('binance', 'bookTicker', '0', %s, 'book', {BEGIN} + INTERVAL '20 us', {BEGIN} + INTERVAL '30 us', 'missing')",
        instruments["binance AAA"],
    )
    case = Case(connection, write_ledger(tmp_path, 30), QUOTES, BEGIN_US + 1000)
    told = case.verdict()
    assert (told.missing, told.counted_loss, told.different, told.surplus, told.doubted) == (3, 0, 2, 1, 0)
    venue = VENUES["binance"]
    replayed = replace(venue, channels=tuple(replace(channel, book_tops=True) for channel in venue.channels))
    monkeypatch.setitem(VENUES, "binance", replayed)
    derived = case.verdict()
    assert (derived.missing, derived.counted_loss, derived.different, derived.surplus, derived.doubted) == (1, 3, 1, 0, 2)


# --- settling
STREAM = StreamName("binance", "bookTicker")


@pytest.fixture
def journal(redis_client: redisdb.Client, key_prefix: str) -> tuple[Journal, Board]:
    return Journal(redis_client, key_prefix), Board(redis_client, key_prefix)


def commit(execute: Callable[..., None], last_id: str, event_us: int) -> None:
    execute(
        "INSERT INTO stream_offsets (stream, venue, channel, shard, last_id, last_event_at, updated_at) "
        f"VALUES (%s, 'binance', 'bookTicker', '0', %s, {BEGIN} + %s * INTERVAL '1 us', now())",
        str(STREAM),
        last_id,
        event_us - BEGIN_US,
    )


def test_an_event_after_the_cutoff_settles_a_stream(
    journal: tuple[Journal, Board], fresh_database_url: str, execute: Callable[..., None]
) -> None:
    journal[0].append([(STREAM, data_fields("c", 1, [b"{}"], [BEGIN_US]))])
    commit(execute, "0-0", BEGIN_US + 1)
    settle(fresh_database_url, *journal, ["binance"], BEGIN_US, 0.0)
    with pytest.raises(Unsettled, match=r"binance:bookTicker:0:a \(1 journal entries\)"):
        settle(fresh_database_url, *journal, ["binance"], BEGIN_US + 1, 0.0)
    settle(fresh_database_url, *journal, ["other"], BEGIN_US + 1, 0.0)


def test_a_quiet_stream_is_settled_once_its_streamer_holds_nothing(
    journal: tuple[Journal, Board], fresh_database_url: str, execute: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ops.verify.settle.VITAL_SECONDS", 0.0)
    commit(execute, "0-0", BEGIN_US)
    journal[1].report("streamer:binance:0:a", {"queue_bytes": 5, "spool_bytes": 0})
    with pytest.raises(Unsettled):
        settle(fresh_database_url, *journal, ["binance"], BEGIN_US, 0.0)
    journal[1].report("streamer:binance:0:a", {"queue_bytes": 0, "spool_bytes": 0})
    settle(fresh_database_url, *journal, ["binance"], BEGIN_US, 0.0)


class Going(Journal):
    """More comes whenever somebody asks what is there."""

    def last_ids(self, streams: Iterable[StreamName]) -> dict[StreamName, str | None]:
        found = super().last_ids(streams)
        self.append([(STREAM, data_fields("c", 2, [b"{}"], [BEGIN_US]))])
        return found


def test_what_comes_later_keeps_a_quiet_stream_from_nothing(
    journal: tuple[Journal, Board],
    redis_client: redisdb.Client,
    key_prefix: str,
    fresh_database_url: str,
    execute: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Heartbeats and session events come all the time, and a busy writer has always one of them before it."""
    monkeypatch.setattr("ops.verify.settle.VITAL_SECONDS", 0.0)
    going = Going(redis_client, key_prefix)
    going.append([(STREAM, data_fields("c", 1, [b"{}"], [BEGIN_US]))])
    commit(execute, "0-0", BEGIN_US)
    with pytest.raises(Unsettled, match=r"binance:bookTicker:0:a \(2 journal entries\)"):
        settle(fresh_database_url, going, journal[1], ["binance"], BEGIN_US, 0.0)
    before = journal[0].last_id(STREAM)
    execute("UPDATE stream_offsets SET last_id = %s", before)
    settle(fresh_database_url, going, journal[1], ["binance"], BEGIN_US, 0.0)
    assert journal[0].last_id(STREAM) != before

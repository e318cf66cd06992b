"""Compression and retention on the community edition: what a row costs, that it comes back as it was, and what farm.toml has to say."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from psycopg2.extensions import connection as RawConnection

from core.records import KINDS
from core.storage import BARS, KEPT, Kept
from db import engine, roles, storage
from tests.community import quotes

Ask = Callable[..., list[tuple[Any, ...]]]
MONTH_AGO_US = 1_000_000 * int((datetime.now(UTC) - timedelta(days=30)).replace(hour=0, minute=0, second=0, microsecond=0).timestamp())
#: Where bars lie.
ROLLUPS = [f"rollups.{kind}{name.removeprefix('bars')}" for name in BARS for kind in ("quotes", "trades")]
#: What a quote may cost, of which a table with its index wants 149.
MOST_BYTES = 24.0


@pytest.fixture
def transactions(community: RawConnection) -> Iterator[RawConnection]:
    """The same connection with transactions, as the farm's own have them."""
    community.autocommit = False
    yield community
    community.rollback()
    community.autocommit = True


@pytest.fixture(autouse=True)
def _empty(ask: Ask) -> Iterator[None]:
    yield
    for name in (*KINDS, *ROLLUPS):
        ask(f"SELECT drop_chunks('{name}', older_than => 'infinity'::timestamptz)")


def keep(connection: RawConnection, changes: Mapping[str, Kept] = {}) -> list[str]:
    """Apply farm.toml's defaults with these changes; returns what was new."""
    connection.autocommit = False
    try:
        return [name for name, kept in {**KEPT, **changes}.items() if storage.apply(connection, name, kept)]
    finally:
        connection.autocommit = True


def run_policies(ask: Ask) -> None:
    """As the server's own scheduler does, which this build has not."""
    for (number,) in ask("SELECT job_id FROM timescaledb_information.jobs WHERE proc_name = 'policy_compression'"):
        ask("CALL run_job(%s)", (number,))


def lying(community: RawConnection, table: str = "quotes") -> dict[str, Any]:
    with community.cursor() as cursor:
        return next(row for row in storage.look(cursor, "storage_tables") if row["table_name"] == table)


@pytest.fixture(params=["recorded", "like the recorded"])
def steps(request: pytest.FixtureRequest) -> list[quotes.Steps]:
    if request.param == "recorded":
        captures: Path = request.getfixturevalue("captures")
        return quotes.recorded_steps(captures)
    return quotes.like_the_recorded()


def test_a_quote_like_the_recorded_costs_at_most_24_bytes_and_comes_back_as_it_was(
    community: RawConnection, ask: Ask, steps: list[quotes.Steps]
) -> None:
    keep(community)
    columns = quotes.many(steps, 10, 3000, from_us=MONTH_AGO_US)
    quotes.load(ask, columns)
    ask("ANALYZE quotes")
    before = lying(community)
    run_policies(ask)
    after = lying(community)
    assert (before["compressed_chunks"], after["compressed_chunks"]) == (0, after["chunks"])
    assert after["compressed_rows"] == before["raw_rows"] == len(set(quotes.rows_of(columns)))
    cost = after["compressed_bytes"] / after["compressed_rows"]
    assert 8 < cost <= MOST_BYTES
    assert quotes.rows_in(ask) == list(dict.fromkeys(quotes.rows_of(columns)))


def test_what_farm_toml_says_is_a_policy_of_the_server(community: RawConnection, ask: Ask) -> None:
    keep(community)
    assert keep(community) == [], "nothing to do"

    def policies() -> dict[str, timedelta]:
        return dict(ask("SELECT relation::text, compress_after FROM storage_policies()"))

    wanted = {name: kept.compress_after for name, kept in KEPT.items() if kept.compress_after}
    of_bars = {
        f"rollups.{kind}{name.removeprefix('bars')}": wanted[name] for name in BARS if name in wanted for kind in ("quotes", "trades")
    }
    assert policies() == {name: after for name, after in wanted.items() if name not in BARS} | of_bars and len(of_bars) == 4
    later = Kept(timedelta(hours=6), timedelta(days=3), timedelta(days=400))
    never = replace(KEPT["trades"], compress_after=None)
    assert set(keep(community, {"quotes": later, "trades": never})) == {"quotes", "trades"}
    assert policies()["quotes"] == timedelta(days=3) and "trades" not in policies()
    lies = lying(community)
    assert Kept(lies["chunk"], lies["compress_after"], lies["drop_after"]) == later
    assert ask("SELECT count(*) FROM timescaledb_information.jobs WHERE proc_name = 'policy_retention'") == [(0,)], "that is our task's"
    assert set(keep(community)) == {"quotes", "trades"}


def test_a_chunk_in_which_late_rows_arrive_is_not_compressed(community: RawConnection, ask: Ask) -> None:
    keep(community)
    for days in (0, 6, 9):
        ask("INSERT INTO quotes SELECT now() - %s * INTERVAL '1 day', now(), 1, 1, 1, 1, 1, 1", (days,))
    run_policies(ask)
    lies = lying(community)
    assert (lies["chunks"], lies["compressed_chunks"]) == (3, 1)


def test_what_comes_after_all_is_one_row_and_is_compressed_by_the_next_run(community: RawConnection, ask: Ask) -> None:
    keep(community)
    columns = quotes.many(quotes.like_the_recorded(), 2, 1500, from_us=MONTH_AGO_US)
    late = columns["update_id"] % 3 == 0
    quotes.load(ask, {name: values[~late] for name, values in columns.items()})
    run_policies(ask)
    quotes.load(ask, columns)  # two rows of three are there already
    assert quotes.rows_in(ask) == list(dict.fromkeys(quotes.rows_of(columns)))
    run_policies(ask)
    assert quotes.rows_in(ask) == list(dict.fromkeys(quotes.rows_of(columns)))
    assert ask("SELECT count(*) FROM ONLY quotes") == [(0,)]


def test_candles_of_many_instruments_are_revised_after_they_were_compressed(community: RawConnection, ask: Ask) -> None:
    keep(community)
    rows = (
        "INSERT INTO candles SELECT TIMESTAMPTZ '2026-01-01 00:00+00' + n * INTERVAL '1 min', now(), i, 60, 1, 1, 1, {close}, 1, 1, 1, 1, 1, true "
        "FROM generate_series(0, {last}) n, generate_series(1, 101) i ON CONFLICT (instrument_id, event_at, interval_seconds) "
        "DO UPDATE SET close = excluded.close"
    )
    ask(rows.format(close=1, last=999))
    run_policies(ask)
    ask(f"SET {engine.UNCOMPRESSED_ROWS} = 0")  # this build ignores what a connection asks for at its start
    ask(rows.format(close=2, last=0))
    assert ask("SELECT close, count(*) FROM candles GROUP BY 1 ORDER BY 1") == [(1, 999 * 101), (2, 101)]


def test_every_kind_is_compressed_by_its_key_and_comes_back(community: RawConnection, ask: Ask) -> None:
    keep(community, {name: replace(kept, chunk=timedelta(days=1), compress_after=timedelta(days=7)) for name, kept in KEPT.items()})
    values = {"timestamptz": "at", "int8": "n", "int4": "n", "int2": "1", "float8": "n / 10.0", "bool": "true", "text": "'word ' || n"}
    stood = {}
    for name, kind in KINDS.items():
        chosen = ", ".join("NULL" if column.nullable and n % 2 else values[column.type] for n, column in enumerate(kind.columns))
        ask(
            f"INSERT INTO {name} ({', '.join(column.name for column in kind.columns)}) "
            f"SELECT {chosen} FROM generate_series(1, 300) n, LATERAL (SELECT date_trunc('day', now()) - INTERVAL '20 days' + n * INTERVAL '1 second' AS at) t"
        )
        stood[name] = ask(f"SELECT * FROM {name} ORDER BY {', '.join(kind.key)}")
    run_policies(ask)
    with community.cursor() as cursor:
        lies = {row["table_name"]: row["compressed_chunks"] for row in storage.look(cursor, "storage_tables")}
    assert lies == dict.fromkeys(KINDS, 1) | dict.fromkeys(BARS, 0)
    assert {name: ask(f"SELECT * FROM {name} ORDER BY {', '.join(kind.key)}") for name, kind in KINDS.items()} == stood
    keep(community)


def test_a_compressed_chunk_is_dropped_when_its_guards_allow_it(transactions: RawConnection) -> None:
    with transactions, transactions.cursor() as cursor:
        cursor.execute("INSERT INTO trades SELECT now() - n * INTERVAL '1 day', now(), 1, n, 1, 1, 1 FROM generate_series(0, 40) n")
        cursor.execute("SELECT compress_chunk(c) FROM show_chunks('trades', older_than => INTERVAL '8 days') c")
    storage.apply(transactions, "trades", replace(KEPT["trades"], drop_after=timedelta(days=30)))
    chunks = storage.expired(transactions)
    assert len(chunks) == 10 and {chunk.table for chunk in chunks} == {"trades"}
    guards = {"archived": lambda _, chunk: chunk.until, "rolled up": lambda _, __: chunks[1].until}
    assert [storage.drop(transactions, chunk, guards) for chunk in chunks[:3]] == [[], [], ["rolled up"]]
    assert storage.expired(transactions) == chunks[2:]
    storage.apply(transactions, "trades", KEPT["trades"])


def test_writers_keep_and_drop_by_the_owners_functions_alone(community: RawConnection, ask: Ask) -> None:
    ask("INSERT INTO quotes SELECT now() - INTERVAL '60 days', now(), 1, 1, 1, 1, 1, 1")
    ask(f"SET ROLE {roles.WRITER}")
    try:
        assert keep(community, {"quotes": Kept(timedelta(days=1), timedelta(days=5), timedelta(days=30))}) != []
        community.autocommit = False
        (chunk,) = storage.expired(community)
        assert storage.drop(community, chunk, dict.fromkeys(("archived", "rolled up"), lambda _, chunk: chunk.until)) == []
    finally:
        community.rollback()
        community.autocommit = True
        ask("RESET ROLE")
        keep(community)
    assert ask("SELECT count(*) FROM quotes") == [(0,)]


BARS_STOOD = "SELECT * FROM bars_1s ORDER BY instrument_id, bucket"


def test_bars_are_compressed_and_stay_when_their_rows_are_dropped_whatever_comes_late(community: RawConnection, ask: Ask) -> None:
    keep(community, {name: replace(KEPT[name], drop_after=timedelta(days=30)) for name in ("quotes", "trades")})
    ask(
        "INSERT INTO quotes SELECT date_trunc('day', now()) - INTERVAL '40 days' + n * INTERVAL '0.5 s', now(), 1 + n % 2, n, 1 + n, 1, 2 + n, 3 "
        "FROM generate_series(1, 3000) n"
    )
    hour = ask("SELECT date_trunc('day', now()) - INTERVAL '40 days'")[0][0]
    for width in ("1s", "1m", "1h"):
        for kind in ("quotes", "trades"):
            ask(f"CALL refresh_continuous_aggregate('rollups.{kind}_{width}', %s, %s)", (hour, hour + timedelta(hours=1)))
    bars = ask(BARS_STOOD)
    run_policies(ask)
    lies = lying(community, "bars_1s")
    assert (lies["chunks"], lies["compressed_chunks"], lies["compressed_rows"]) == (1, 1, len(bars)) == (1, 1, 3000)
    assert ask(BARS_STOOD) == bars
    community.autocommit = False
    (chunk,) = storage.expired(community)
    assert storage.drop(community, chunk, dict.fromkeys(("archived", "rolled up"), lambda _, chunk: chunk.until)) == []
    community.autocommit = True
    ask("INSERT INTO quotes VALUES (%s, now(), 1, 77, 1000, 1, 1001, 1)", (hour + timedelta(seconds=30),))
    ask("INSERT INTO stale_bars (bars, from_at, to_at) VALUES ('bars_1m', %s, %s)", (hour, hour + timedelta(minutes=1)))
    for (number,) in ask(
        "SELECT job_id FROM timescaledb_information.jobs WHERE proc_name IN ('roll_up', 'policy_refresh_continuous_aggregate')"
    ):
        ask("CALL run_job(%s)", (number,))
    assert ask(BARS_STOOD) == bars
    keep(community)

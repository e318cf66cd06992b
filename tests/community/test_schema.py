"""The migrations on the community edition of TimescaleDB: the same tables as on the Apache edition, and what only it can do."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, inspect, text

from core.records import KINDS
from db.engine import engine

Ask = Callable[..., list[tuple[Any, ...]]]

COLUMNS = """
SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns
WHERE table_schema = 'public' ORDER BY table_name COLLATE "C", ordinal_position
"""
INDEXES = "SELECT indexname FROM pg_indexes WHERE schemaname = 'public' ORDER BY indexname COLLATE \"C\""


@pytest.fixture(scope="module")
def apache(migrated_database_url: str) -> Iterator[Engine]:
    yield engine(migrated_database_url)
    engine(migrated_database_url).dispose()


def test_it_is_the_community_edition_and_compresses(ask: Ask) -> None:
    ask("INSERT INTO instruments (venue, symbol, status, first_seen_at, updated_at) VALUES ('v', 'A', 'TRADING', now(), now())")
    ask(
        "INSERT INTO trades (event_at, received_at, instrument_id, trade_id, price, quantity, side) "
        "SELECT '2026-01-01'::timestamptz + n * INTERVAL '1 second', now(), 1, n, 0.1, 1, 1 FROM generate_series(1, 500) n"
    )
    ask(
        "ALTER TABLE trades SET (timescaledb.compress, timescaledb.compress_segmentby = 'instrument_id', "
        "timescaledb.compress_orderby = 'event_at, trade_id')"
    )
    ask("SELECT compress_chunk(c) FROM show_chunks('trades') c")
    assert ask("SELECT current_setting('timescaledb.license')") == [("timescale",)]
    assert ask("SELECT count(*) FROM timescaledb_information.chunks WHERE is_compressed") == [(1,)]
    assert ask("SELECT count(*) FROM marketdata.agg_trades") == [(500,)]


def test_every_kind_is_a_hypertable_and_so_is_coverage(ask: Ask) -> None:
    found = ask("SELECT hypertable_name FROM timescaledb_information.hypertables WHERE hypertable_schema = 'public' ORDER BY 1")
    assert [name for (name,) in found] == sorted([*KINDS, "coverage"])


def test_what_changes_makes_coverage_stale_and_times_are_sets(ask: Ask) -> None:
    ask(
        "INSERT INTO data_gaps (venue, channel, shard, cause, received_from) VALUES ('v', 'c', '0', 'disconnected', now() - INTERVAL '2 days')"
    )
    assert ask("SELECT count(*) FROM stale_coverage") == [(3,)]
    ask("INSERT INTO instruments (venue, symbol, status, first_seen_at, updated_at) VALUES ('w', 'A', 'TRADING', now(), now())")
    ask("INSERT INTO backfills (venue, channel, instruments, from_at, to_at) VALUES ('w', 'c', '{A}', now() - INTERVAL '1 hour', now())")
    ask("UPDATE backfills SET state = 'done'")
    assert ask("SELECT count(*) FROM stale_coverage") == [(4,)]
    hour = "SELECT seconds_of(range_agg(r) - '{[2026-01-01 00:10,2026-01-01 00:20)}') FROM unnest('{[2026-01-01,2026-01-01 01:00)}'::tstzmultirange) r"
    assert ask(hour) == [(3000.0,)]


def test_tables_are_the_same_on_both_editions(ask: Ask, apache: Engine) -> None:
    with apache.connect() as connection:
        assert ask(COLUMNS) == [tuple(row) for row in connection.execute(text(COLUMNS))]
        # Only here something is looked for by time alone.
        assert set(ask(INDEXES)) - {tuple(row) for row in connection.execute(text(INDEXES))} == {("quotes_time",), ("trades_time",)}
        assert not {tuple(row) for row in connection.execute(text(INDEXES))} - set(ask(INDEXES))


def test_views_are_the_same_on_both_editions(ask: Ask, apache: Engine) -> None:
    views = ask("SELECT table_name FROM information_schema.views WHERE table_schema = 'marketdata' ORDER BY table_name COLLATE \"C\"")
    assert [name for (name,) in views] == sorted(inspect(apache).get_view_names(schema="marketdata"))

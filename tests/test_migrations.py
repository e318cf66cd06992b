"""Migrations: numbered, one head, and what they build is what db.tables says."""

import re
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect, text

from core.records import KINDS
from db import evidence
from db.engine import connect, engine
from db.evidence import GapClosed, GapOpened, Place
from db.tables import metadata

MIGRATIONS = Path(__file__).resolve().parents[1] / "migrations"

Migrate = Callable[..., None]

BARS = "open high low close spread_mean spread_max imbalance updates trades volume buy_volume vwap"
#: view -> the columns that readers query
VIEWS = {
    "symbols": "venue symbol instrument_id status base_asset quote_asset contract_type tick_size lot_size listed_at expires_at updated_at "
    "amount_unit price_unit",
    "book_ticker": "event_time received_at venue symbol update_id bid_price bid_qty ask_price ask_qty",
    "agg_trades": "trade_time received_at venue symbol agg_trade_id price quantity first_trade_id last_trade_id is_buyer_maker",
    "ingestion_stats": "venue channel shard stream frames rows repeated ignored quarantined lost last_event_at last_received_at committed_at last_lag",
    "data_quality_check": "venue symbol trades missing gaps last_trade_at complete",
    "gaps": "gap_id venue channel symbol cause state first_missing last_missing missing from_at to_at found_at detail evidence",
    "bt_1s": f"bucket venue symbol {BARS}",
}
CANDLES = "interval_seconds open high low close volume quote_volume trades closed"
PUBLIC_VIEWS = {
    "eth_option_quotes": "event_time received_at venue symbol expires_at option_type strike price_unit bid_price bid_quantity ask_price ask_quantity "
    "amount_unit",
    "eth_option_trades": "trade_time received_at venue symbol expires_at option_type strike price_unit trade_id price quantity side mark_price index_price "
    "implied_volatility flags amount_unit price_usd",
    "options_greeks": "event_time received_at venue symbol base_asset expires_at option_type strike price_unit mark_price underlying_price index_price "
    "open_interest mark_iv bid_iv ask_iv delta gamma vega theta rho amount_unit mark_usd",
    "perpetuals_ohlcv": f"open_time received_at venue symbol base_asset expires_at {CANDLES}",
    "futures_ohlcv": f"open_time received_at venue symbol base_asset expires_at {CANDLES}",
    "orderbooks": "event_time received_at venue symbol market_id outcome update_id side price quantity",
    "order_book_snapshots": "event_time received_at venue symbol market_id outcome update_id side price quantity",
    "options_ohlcv": f"open_time received_at venue symbol base_asset expires_at option_type strike {CANDLES}",
    **{f"bars_{width}": f"bucket instrument_id {BARS}" for width in ("1s", "1m", "1h")},
    "coverage_daily": "venue channel symbol day state hours broken_hours verified witnessed unverifiable broken paused newest_at",
}


@pytest.fixture(scope="module")
def revisions() -> list[str]:
    """Oldest first."""
    script = ScriptDirectory.from_config(Config(MIGRATIONS / "alembic.ini"))
    assert len(script.get_heads()) == 1, "two migrations claim to be the newest"
    return [revision.revision for revision in reversed(list(script.walk_revisions()))]


@pytest.fixture(scope="module")
def built(migrated_database_url: str) -> Engine:
    return engine(migrated_database_url)


def test_numbers_have_no_holes_and_head_names_the_last(revisions: list[str]) -> None:
    assert revisions == [f"{number:04}" for number in range(1, len(revisions) + 1)]
    assert (MIGRATIONS / "HEAD").read_text().strip() == revisions[-1]


def test_a_file_is_named_by_its_number(revisions: list[str]) -> None:
    files = sorted(path.name for path in (MIGRATIONS / "versions").glob("*.py") if path.name != "__init__.py")
    assert [re.match(r"(\d{4})_[a-z0-9_]+\.py$", name)[1] for name in files] == revisions  # type: ignore[index]


# --- the schema they build ------------------------------------------------------------------------------------------------
def test_columns_types_and_absences_are_those_of_the_tables(built: Engine) -> None:
    with built.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        found = [difference for difference in compare_metadata(context, metadata) if not _is_a_comment(difference)]
    assert found == [], "migrations and db/tables differ"


def _is_a_comment(difference: Any) -> bool:
    """Meanings live in db/tables and the data dictionary, not in the database."""
    first = difference[0] if isinstance(difference, list) else difference
    return "comment" in first[0]


def test_nothing_is_built_that_no_table_describes(built: Engine) -> None:
    assert set(inspect(built).get_table_names()) == set(metadata.tables) | {"alembic_version"}


@pytest.mark.parametrize("table", sorted(metadata.tables))
def test_keys_are_those_of_the_tables(built: Engine, table: str) -> None:
    declared = metadata.tables[table]
    inspector = inspect(built)
    assert inspector.get_pk_constraint(table)["constrained_columns"] == [column.name for column in declared.primary_key]
    unique = {tuple(c["column_names"]) for c in inspector.get_unique_constraints(table)}
    wanted = {tuple(column.name for column in c.columns) for c in declared.constraints if type(c).__name__ == "UniqueConstraint"}
    assert unique == wanted


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_market_tables_are_hypertables_with_the_key_as_only_index(built: Engine, kind: Any) -> None:
    with built.connect() as connection:
        (dimension,) = connection.execute(
            text("SELECT column_name FROM timescaledb_information.dimensions WHERE hypertable_name = :table"), {"table": kind.name}
        )
        indexes = connection.scalars(
            text("SELECT indexname FROM pg_indexes WHERE schemaname = 'public' AND tablename = :table"), {"table": kind.name}
        )
        assert dimension.column_name == "event_at"
        assert list(indexes) == [f"{kind.name}_key"]


@pytest.mark.parametrize("view", VIEWS)
def test_views_have_the_columns_that_readers_know(built: Engine, view: str) -> None:
    columns = inspect(built).get_columns(view, schema="marketdata")
    assert [column["name"] for column in columns] == VIEWS[view].split()


@pytest.mark.parametrize("view", PUBLIC_VIEWS)
def test_views_of_options_and_candles_have_the_columns_that_readers_know(built: Engine, view: str) -> None:
    assert [column["name"] for column in inspect(built).get_columns(view)] == PUBLIC_VIEWS[view].split()


def test_no_view_is_unknown_here(built: Engine) -> None:
    assert set(inspect(built).get_view_names(schema="marketdata")) == set(VIEWS)
    assert set(inspect(built).get_view_names()) == set(PUBLIC_VIEWS)


def _instruments(query: Callable[..., list[tuple[Any, ...]]]) -> None:
    for number, (symbol, base, contract, attributes) in enumerate(
        [
            ("ETH-25DEC26-3000-C", "ETH", "option", '{"option_type": "call", "strike": 3000.0}'),
            ("BTC-25DEC26-80000-P", "BTC", "option", '{"option_type": "put", "strike": 80000.0}'),
            ("ETH-PERPETUAL", "ETH", "perpetual", None),
            ("ETHUSDT", "ETH", "PERPETUAL", None),
            ("ETH-25DEC26", "ETH", "future", None),
            ("ETHUSDT_261225", "ETH", "CURRENT_QUARTER", None),
            ("ETH-FS-25DEC26_PERP", "ETH", "future_combo", None),
        ],
        start=1,
    ):
        query(
            "INSERT INTO instruments (instrument_id, venue, symbol, status, base_asset, contract_type, attributes, price_unit, first_seen_at, updated_at) "
            "VALUES (%s, 'v', %s, 'open', %s, %s, %s, %s, now(), now())",
            (number, symbol, base, contract, attributes, base),
        )


def test_views_show_what_their_names_say(fresh_database_url: str, query: Callable[..., list[tuple[Any, ...]]]) -> None:
    _instruments(query)
    query("INSERT INTO quotes SELECT now(), now(), n, 1, 1, 1, 2, 1 FROM generate_series(1, 7) n")
    query("INSERT INTO trades SELECT now(), now(), n, 1, 1, 1, 1 FROM generate_series(1, 7) n")
    query(
        "INSERT INTO tickers (event_at, received_at, instrument_id, delta) SELECT now(), now(), n, CASE WHEN n < 3 THEN 0.5 END FROM generate_series(1, 7) n"
    )
    query(
        "INSERT INTO candles (event_at, received_at, instrument_id, interval_seconds, open, high, low, close, volume, closed) "
        "SELECT now(), now(), n, 60, 1, 1, 1, 1, 0, true FROM generate_series(1, 7) n"
    )
    query(
        "INSERT INTO book_deltas (event_at, received_at, instrument_id, update_id, side, price, quantity) SELECT now(), now(), 1, 1, 1, 1, 1"
    )
    query("INSERT INTO book_snapshots SELECT now(), now(), 2, 1, 1, 1, 1")
    query(
        "INSERT INTO coverage SELECT 'v', 'c', 1, TIMESTAMPTZ '2026-11-03 22:00+00' + n * INTERVAL '1 hour', state, n, 0, 0, 0, 0, NULL, now() "
        "FROM unnest(ARRAY['verified', 'broken', 'witnessed', 'verified']) WITH ORDINALITY s(state, n)"
    )
    named = [view for view in PUBLIC_VIEWS if not view.startswith("bars_")]
    shown = {view: sorted(row[0] for row in query(f"SELECT symbol FROM {view}")) for view in named}
    assert shown == {
        "eth_option_quotes": ["ETH-25DEC26-3000-C"],
        "eth_option_trades": ["ETH-25DEC26-3000-C"],
        "options_greeks": ["BTC-25DEC26-80000-P", "ETH-25DEC26-3000-C"],
        "perpetuals_ohlcv": ["ETH-PERPETUAL", "ETHUSDT"],
        "futures_ohlcv": ["ETH-25DEC26", "ETHUSDT_261225"],
        "options_ohlcv": ["BTC-25DEC26-80000-P", "ETH-25DEC26-3000-C"],
        "orderbooks": ["ETH-25DEC26-3000-C"],
        "order_book_snapshots": ["BTC-25DEC26-80000-P"],
        "coverage_daily": ["ETH-25DEC26-3000-C", "ETH-25DEC26-3000-C"],
    }
    days = query("SELECT day::date::text, state, hours, broken_hours, verified FROM coverage_daily ORDER BY day")
    assert days == [("2026-11-03", "verified", 1, 0, 1.0), ("2026-11-04", "broken", 3, 1, 9.0)]
    assert query("SELECT option_type, strike, price_unit FROM eth_option_quotes") == [("call", 3000.0, "ETH")]
    query("UPDATE trades SET price = 0.05, index_price = 2900")
    query("UPDATE tickers SET mark_price = 0.05, index_price = 2900, underlying_price = CASE instrument_id WHEN 1 THEN 3000 END")
    assert query("SELECT price_usd FROM eth_option_trades") == [(pytest.approx(145.0),)]
    assert sorted(query("SELECT mark_usd FROM options_greeks")) == [(pytest.approx(145.0),), (pytest.approx(150.0),)]


@pytest.mark.parametrize(
    ("price", "unit", "coin", "usd"),
    [
        (0.05, "ETH", 3000.0, 150.0),
        (12.5, "USDC", 3000.0, 12.5),
        (2890.5, "USD", None, 2890.5),
        (0.05, "ETH", None, None),
        (0.05, None, 3000.0, None),
    ],
)
def test_a_price_in_dollars(
    query: Callable[..., list[tuple[Any, ...]]], price: float, unit: str | None, coin: float | None, usd: float | None
) -> None:
    assert query("SELECT usd_value(%s, %s, %s)", (price, unit, coin)) == [(None if usd is None else pytest.approx(usd),)]


# --- running them ---------------------------------------------------------------------------------------------------------
def test_again_on_a_populated_database_changes_nothing(
    migrate: Migrate, fresh_database_url: str, query: Callable[..., list[tuple[Any, ...]]]
) -> None:
    query("INSERT INTO instruments (venue, symbol, status, first_seen_at, updated_at) VALUES ('v', 'A', 'TRADING', now(), now())")
    query(
        "INSERT INTO trades (event_at, received_at, instrument_id, trade_id, price, quantity, side) "
        "SELECT now() - n * INTERVAL '6 hours', now(), 1, n, 0.1, 1, -1 FROM generate_series(1, 50) n"
    )
    migrate(fresh_database_url)
    assert query("SELECT count(*), sum(price) FROM trades") == [(50, pytest.approx(5.0))]
    assert query("SELECT count(DISTINCT symbol), bool_and(is_buyer_maker) FROM marketdata.agg_trades") == [(1, True)]


@pytest.mark.slow
def test_each_migration_runs_where_the_one_before_left_rows(
    migrate: Migrate, empty_database: Callable[[], str], revisions: list[str]
) -> None:
    url = empty_database()
    for revision in revisions:
        migrate(url, revision)
        with engine(url).begin() as connection:
            connection.execute(
                text("INSERT INTO system_metadata (key, value) VALUES (:key, '1'::jsonb)"),
                {"key": f"before the one after {revision}"},
            )
    with engine(url).connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM system_metadata")) == len(revisions)
    engine(url).dispose()


@pytest.mark.slow
def test_options_and_books_join_tables_that_hold_rows(migrate: Migrate, empty_database: Callable[[], str]) -> None:
    url = empty_database()
    migrate(url, "0001")
    with engine(url).begin() as connection:
        connection.execute(text("INSERT INTO trades VALUES (now(), now(), 1, 5, 0.1, 1, -1, NULL, 7, 9)"))
        connection.execute(text("INSERT INTO tickers (event_at, received_at, instrument_id, mark_price) VALUES (now(), now(), 1, 0.1)"))
    migrate(url, "0002")
    with engine(url).connect() as connection:
        assert connection.execute(text("SELECT trade_id, last_trade_id, mark_price, flags FROM trades")).one() == (5, 9, None, None)
        assert connection.execute(text("SELECT mark_price, delta, volume FROM tickers")).one() == (0.1, None, None)
    engine(url).dispose()


@pytest.mark.slow
def test_a_gap_that_was_open_before_there_were_replicas_ends_with_its_outage(migrate: Migrate, empty_database: Callable[[], str]) -> None:
    url = empty_database()
    migrate(url, "0007")
    gap = "INSERT INTO data_gaps (venue, channel, shard, instrument_id, cause, received_from, state) VALUES ('v', 'c', '0', {}, '{}', now(), '{}')"
    with engine(url).begin() as connection:
        for values in ((7, "book", "open"), ("NULL", "disconnected", "missing"), ("NULL", "frozen", "open")):
            connection.execute(text(gap.format(*values)))
    migrate(url)
    place, now_us = Place("v", "c", "0"), time.time_ns() // 1000
    with closing(connect(url, name="test")) as writer, writer, writer.cursor() as cursor:
        evidence.write(cursor, [GapClosed(place, None, now_us), GapOpened(place, "lost", now_us, now_us)])
        cursor.execute("SELECT cause, state FROM data_gaps ORDER BY gap_id")
        assert cursor.fetchall() == [("book", "open"), ("disconnected", "missing"), ("frozen", "missing"), ("lost", "open")]
    engine(url).dispose()


def test_two_migrators_at_once_take_turns(empty_database: Callable[[], str]) -> None:
    url = empty_database()
    command = [sys.executable, "-m", "alembic", "-c", str(MIGRATIONS / "alembic.ini"), "upgrade", "head"]
    environment = {"DATABASE_URL": url, "PATH": "/usr/bin:/bin"}
    migrators = [subprocess.Popen(command, cwd=MIGRATIONS.parent, env=environment, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    ends = [(migrator.communicate(timeout=60)[1], migrator.returncode) for migrator in migrators]
    assert [code for _, code in ends] == [0, 0], ends


@pytest.mark.slow
def test_days_that_were_recorded_before_are_known_afterwards(
    migrate: Migrate, empty_database: Callable[[], str], revisions: list[str]
) -> None:
    url = empty_database()
    migrate(url, revisions[revisions.index("0015") - 1])
    with engine(url).begin() as connection:
        connection.execute(
            text("INSERT INTO instruments (venue, symbol, status, first_seen_at, updated_at) VALUES ('v', 'A', 's', now(), now())")
        )
        connection.execute(
            text(
                "INSERT INTO trades (event_at, received_at, instrument_id, trade_id, price, quantity, side) "
                "SELECT at::timestamptz, now(), 1, 1, 1, 1, 1 FROM unnest(ARRAY['2026-11-03 00:00+00', '2026-11-04 23:59+00']) at"
            )
        )
    migrate(url)
    with engine(url).connect() as connection:
        found = connection.execute(text("SELECT venue, kind, day::text, changes FROM recorded_days ORDER BY day")).all()
    assert found == [("v", "trades", "2026-11-03", 0), ("v", "trades", "2026-11-04", 0)]
    engine(url).dispose()

"""db.parquet: closed days in their folders, whole, once, and again when something of them has changed."""

import shutil
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow.dataset as ds
import pytest
from psycopg2.extensions import connection as RawConnection

from db import days, engine
from db.parquet import export, places, turn, writing
from tests.db.parquet.recorded import FIRST, SECOND, START_US, Query, came_of, exported, fill, tree


@pytest.fixture
def url(fresh_database_url: str, query: Query) -> str:
    fill(query)
    return fresh_database_url


def rows_of(folder: Path, dataset: str, venue: str = "v") -> pl.DataFrame:
    return pl.read_parquet(str(folder / dataset / f"venue={venue}" / "*" / "rows-*.parquet"), hive_partitioning=False)


def test_every_recorded_day_becomes_a_folder_with_rows_coverage_and_a_manifest(url: str, tmp_path: Path) -> None:
    came = came_of(exported(url, tmp_path))
    assert {place for place, what in came.items() if what == "exported"} == {
        *((name, "v", day) for name in ("quotes", "trades", "bars_1s") for day in ("03", "04")),
        ("trades", "w", "03"),
    }
    there = places.found(places.place(tmp_path, "quotes", "v", FIRST))
    assert there is not None
    folder, manifest = there
    assert (manifest.rows, dict(manifest.instruments)) == (180, {1: "A", 2: "B", 3: "C"})
    assert sorted(path.name for path in folder.iterdir()) == sorted(["_manifest.json", manifest.data.name, manifest.coverage.name])
    hours = pl.read_parquet(folder / manifest.coverage.name)
    assert (hours.height, hours["verified"].sum(), set(hours["symbol"])) == (2 * 3 * 24, 2 * 3 * 86_400.0, {"A", "B", "C"})


def test_rows_are_those_of_the_database_sorted_by_instrument_and_time(url: str, query: Query, tmp_path: Path) -> None:
    exported(url, tmp_path)
    found = rows_of(tmp_path, "quotes")
    wanted = query(
        "SELECT event_at, received_at, instrument_id, update_id, bid_price FROM quotes ORDER BY event_at::date, instrument_id, event_at"
    )
    assert found.select("event_at", "received_at", "instrument_id", "update_id", "bid_price").rows() == wanted
    assert found["symbol"].cast(pl.String).to_list() == [{1: "A", 2: "B", 3: "C"}[row[2]] for row in wanted]


def test_other_programs_see_a_partitioned_dataset_of_rows_alone(url: str, tmp_path: Path) -> None:
    exported(url, tmp_path)
    scanned = ds.dataset(tmp_path / "trades", partitioning="hive").to_table()
    assert scanned.num_rows == 121 and set(scanned["venue"].to_pylist()) == {"v", "w"}


def test_again_there_is_nothing_to_do(url: str, tmp_path: Path) -> None:
    exported(url, tmp_path)
    before = tree(tmp_path)
    assert set(came_of(exported(url, tmp_path)).values()) <= {export.NOTHING}
    assert tree(tmp_path) == before


def test_a_day_that_was_missed_is_made_later(url: str, tmp_path: Path) -> None:
    exported(url, tmp_path, until=SECOND)
    assert {place[2] for place in came_of(exported(url, tmp_path)) if place[0] == "quotes"} == {"04"}


def late(url: str, at_us: int) -> None:
    """A row of a day that is over comes by the writer's own way of telling."""
    with closing(engine.connect(url, name="test")) as connection, connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO trades SELECT to_timestamp(%s), now(), 1, 1000, 7, 1, 1", (at_us / 1e6,))
        days.mark(cursor, days.touched([("v", "trades", {"event_at": np.array([at_us])})]))


def test_late_rows_have_their_day_made_again_and_the_bars_with_it(url: str, tmp_path: Path) -> None:
    exported(url, tmp_path)
    before = tree(tmp_path)
    late(url, START_US + 5_000_000)
    assert came_of(exported(url, tmp_path)) == {("trades", "v", "03"): "exported", ("bars_1s", "v", "03"): "same"} | {
        (name, "v", day): export.NOTHING for name in ("bars_1m", "bars_1h") for day in ("03", "04")
    } | {(name, "w", "03"): export.NOTHING for name in ("bars_1s", "bars_1m", "bars_1h")}
    assert rows_of(tmp_path, "trades").height == 121
    changed = {name for name, content in tree(tmp_path).items() if before.get(name) != content}
    assert {name.rpartition("/")[2].partition("-")[0] for name in changed} == {"rows", "_manifest.json", ".exported.json"}


def test_newer_coverage_is_put_beside_the_same_rows(url: str, query: Query, connection: RawConnection, tmp_path: Path) -> None:
    exported(url, tmp_path)
    rows = {name: content for name, content in tree(tmp_path).items() if "rows-" in name}
    query(
        "UPDATE coverage SET state = 'broken', verified = 3500, broken = 100 WHERE instrument_id = 2 AND hour = '2026-11-03 05:00+00' AND channel = 't'"
    )
    with connection, connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE judged_hours AS SELECT 2 AS instrument_id, TIMESTAMPTZ '2026-11-03 05:00+00' AS hour")
        days.judged(cursor, "v")
    came = {place: what for place, what in came_of(exported(url, tmp_path)).items() if what != export.NOTHING}
    assert came == {(name, "v", "03"): "judged anew" for name in ("quotes", "trades", "bars_1s")}
    assert {name: content for name, content in tree(tmp_path).items() if "rows-" in name} == rows
    folder, manifest = places.found(places.place(tmp_path, "trades", "v", FIRST)) or pytest.fail("gone")
    assert pl.read_parquet(folder / manifest.coverage.name)["broken"].sum() == 100


def test_a_day_that_the_database_has_dropped_keeps_its_rows(url: str, query: Query, tmp_path: Path) -> None:
    exported(url, tmp_path)
    query("DELETE FROM trades WHERE event_at < '2026-11-04'")
    late(url, START_US + 5_000_000)
    assert came_of(exported(url, tmp_path))["trades", "v", "03"] == export.KEPT
    assert rows_of(tmp_path, "trades").height == 120
    _, manifest = places.found(places.place(tmp_path, "trades", "v", FIRST)) or pytest.fail("gone")
    assert manifest.late_rows
    assert ("trades", "v", "03") not in came_of(exported(url, tmp_path)), "it is not tried for ever"


def test_a_day_whose_folder_was_removed_is_made_again(url: str, tmp_path: Path) -> None:
    exported(url, tmp_path)
    before = tree(tmp_path)
    shutil.rmtree(places.place(tmp_path, "quotes", "v", FIRST))
    came = {place for place, what in came_of(exported(url, tmp_path)).items() if what != export.NOTHING}
    assert came == {("quotes", "v", "03")}
    assert tree(tmp_path) == before


def test_by_force_every_day_is_made_again_a_damaged_one_too(url: str, tmp_path: Path) -> None:
    exported(url, tmp_path)
    before = tree(tmp_path)
    (places.place(tmp_path, "quotes", "v", FIRST) / places.MANIFEST).write_text("{")
    next(places.place(tmp_path, "trades", "v", SECOND).glob("rows-*")).unlink()
    came = came_of(exported(url, tmp_path, again=True))
    assert came["quotes", "v", "03"] == came["trades", "v", "04"] == export.EXPORTED
    assert came["quotes", "v", "04"] == export.SAME
    assert tree(tmp_path) == before


def test_what_was_known_of_the_folder_may_be_lost(url: str, tmp_path: Path) -> None:
    exported(url, tmp_path)
    before = tree(tmp_path)
    (tmp_path / ".exported.json").write_text("[[")
    assert set(came_of(exported(url, tmp_path)).values()) == {export.SAME, export.NOTHING}
    assert tree(tmp_path) == before


def test_bars_wait_until_they_are_rolled_up(url: str, query: Query, tmp_path: Path) -> None:
    query("UPDATE rolled_bars SET closed_until = '2026-11-04 23:59+00'")
    query("INSERT INTO stale_bars (bars, from_at, to_at) VALUES ('bars_1m', '2026-11-03 05:00+00', '2026-11-03 05:01+00')")
    came = came_of(exported(url, tmp_path))
    assert came["bars_1s", "v", "03"] == came["bars_1s", "v", "04"] == export.LATER
    query("UPDATE rolled_bars SET closed_until = '2026-11-05 00:00+00'")
    came = came_of(exported(url, tmp_path))
    assert (came["bars_1s", "v", "03"], came["bars_1s", "v", "04"]) == (export.LATER, export.EXPORTED)
    query("DELETE FROM stale_bars")
    assert came_of(exported(url, tmp_path))["bars_1s", "v", "03"] == export.EXPORTED


def test_days_of_which_nothing_is_there_are_forgotten(url: str, query: Query, tmp_path: Path) -> None:
    query("INSERT INTO recorded_days (venue, kind, day) VALUES ('v', 'tickers', %s)", (FIRST,))
    assert came_of(exported(url, tmp_path))["tickers", "v", "03"] == export.NOTHING
    assert query("SELECT count(*) FROM recorded_days WHERE kind = 'tickers'") == [(0,)]


def test_a_day_waits_for_who_may_still_write_to_it(url: str, tmp_path: Path) -> None:
    today = query_today(url)
    with closing(engine.connect(url, name="test")) as writer, writer.cursor() as cursor:
        cursor.execute("SELECT 1")  # a transaction is under way
        with closing(engine.connect(url, name="test")) as other, other, other.cursor() as looking:
            assert days.writers_since(looking, today) == 1, "it began before the end of today"
            assert days.writers_since(looking, FIRST) == 0


def query_today(url: str) -> Any:
    with closing(engine.connect(url, name="test")) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT (now() AT TIME ZONE 'UTC')::date")
        return cursor.fetchone()[0]  # type: ignore[index]


def test_one_exporter_at_a_time(tmp_path: Path) -> None:
    with turn.alone(tmp_path), pytest.raises(turn.Busy), turn.alone(tmp_path):
        pytest.fail("two at once")


def test_files_do_not_depend_on_how_rows_were_read(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ranges of instruments and the driver's batches are of any size; row groups are of one."""
    monkeypatch.setattr(writing, "GROUP_ROWS", 50)
    exported(url, tmp_path / "one")
    monkeypatch.setattr(export.ranges, "__defaults__", (1,))
    exported(url, tmp_path / "other")
    assert tree(tmp_path / "one") == tree(tmp_path / "other")


@pytest.mark.parametrize(
    ("counts", "most", "found"),
    [
        ({}, 10, []),
        ({1: 3, 2: 3, 5: 3}, 10, [[1, 2, 5]]),
        ({1: 3, 2: 3, 5: 3}, 6, [[1, 2], [5]]),
        ({5: 3, 1: 30, 2: 3}, 6, [[1], [2, 5]]),  # one with more than that is read by itself
    ],
)
def test_ranges_of_instruments(counts: dict[int, int], most: int, found: list[list[int]]) -> None:
    assert list(export.ranges(counts, most)) == found

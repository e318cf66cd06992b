"""What a farm has recorded comes out of its archive as it went into its tables: through real drains, twice over."""

import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

from core import journal as journals
from core import redisdb
from core.journal import StreamName
from db import engine
from db.tables import metadata
from ops.rebuild import compare
from ops.rebuild.run import Range
from tests.tasks.conftest import TRADES, Socket, trade
from tests.tasks.recording import Recording, lines, story

HOUR_US = 3_600_000_000
SECOND_REPLICA = StreamName("binance", "aggTrade", "0", "b")


def test_the_archive_makes_the_same_tables_twice_over(recording: Recording, rebuilt: Callable[..., str], query: Any) -> None:
    story(recording)
    assert recording.journal.length(TRADES) == 0, "trimmed, as all is archived"
    for name in ("tapefarm_test_rebuilt_1", "tapefarm_test_rebuilt_2"):
        found = lines(recording, rebuilt(name))
        assert [line for line in found if not line.equal] == []
        told = {line.table for line in found if line.live}
        assert {
            "trades",
            "quotes",
            "book_deltas",
            "book_snapshots",
            "sessions",
            "outages",
            "data_gaps",
            "quarantine",
            "stream_offsets",
            *("instruments", "instrument_history", "markets", "market_history"),
        } <= told


def test_a_row_that_is_not_the_same_is_told_by_table_and_hour(recording: Recording, rebuilt: Callable[..., str], query: Any) -> None:
    story(recording)
    url = rebuilt("tapefarm_test_rebuilt_1")
    query("UPDATE trades SET price = price + 0.1 WHERE trade_id = 7 AND quantity = 2")
    query("DELETE FROM data_gaps WHERE gap_id = (SELECT min(gap_id) FROM data_gaps)")
    assert {line.table for line in lines(recording, url) if not line.equal} == {"trades", "data_gaps"}


def test_replicas_make_the_same_rows_and_gaps(recording: Recording, rebuilt: Callable[..., str]) -> None:
    a, b = Socket(recording.journal, TRADES, "a"), Socket(recording.journal, SECOND_REPLICA, "b")
    a.send(*(trade(n) for n in range(1, 9)))
    b.send(*(trade(n) for n in range(1, 7)))
    recording.drain()
    a.event(journals.DISCONNECTED, cause="reset")
    b.send(*(trade(n) for n in range(7, 12)))
    recording.drain()
    recording.archive()
    recording.drain()
    Socket(recording.journal, TRADES, "a2").send(*(trade(n) for n in range(10, 20)))
    recording.drain()
    recording.archive()
    assert [line for line in lines(recording, rebuilt("tapefarm_test_rebuilt_1")) if not line.equal] == []


def test_every_table_is_compared_or_has_a_reason_not_to_be() -> None:
    assert set(metadata.tables) == set(compare.TABLES) | set(compare.NOT_COMPARED)
    for name, table in compare.TABLES.items():
        assert set(table.unequal) <= set(metadata.tables[name].columns.keys()), name


def test_a_redis_that_was_wiped_before_the_archive_had_it_leaves_no_difference(
    recording: Recording, rebuilt: Callable[..., str], redis_client: redisdb.Client, key_prefix: str
) -> None:
    socket = Socket(recording.journal, TRADES, "t")
    socket.send(*(trade(n) for n in range(1, 10)))
    recording.archive()
    for number in range(10, 15):
        socket.send(trade(number))
    ((_, lately),) = recording.journal.read({TRADES: journals.START}, block_ms=1, max_entries=100)
    recording.drain()
    for key in redis_client.scan_iter(match=f"{key_prefix}:*"):
        redis_client.delete(key)
    recording.journal.add([(TRADES, fields) for _, fields in lately], new={TRADES})  # as a streamer tells its ring again
    socket.send(trade(15), trade(16))
    recording.drain()
    recording.archive()
    found = lines(recording, rebuilt("tapefarm_test_rebuilt_1"))
    assert [line for line in found if not line.equal] == []
    assert ("trades", 16) in [(line.table, line.live and line.live[0]) for line in found]


def test_a_range_from_the_middle_knows_its_connections_and_equals_the_live_hours(
    recording: Recording, rebuilt: Callable[..., str], redis_client: redisdb.Client, key_prefix: str
) -> None:
    first_us = (time.time_ns() // 1000 // HOUR_US - 7) * HOUR_US
    recording.journal.register([TRADES])

    def append(at_us: int, fields: dict[bytes, bytes]) -> None:
        redis_client.xadd(f"{key_prefix}:journal:{TRADES}", fields, id=f"{at_us // 1000}-*")  # type: ignore[arg-type]

    append(first_us, journals.event_fields(journals.CONNECTED, "t", 1, first_us, {"incarnation": "i"}))
    number = 1
    for hour in range(6):
        for minute in (1, 30, 59):
            at_us = first_us + hour * HOUR_US + minute * 60_000_000
            number += 1
            append(at_us, journals.data_fields("t", number, [trade(number * 10 + n, T=at_us // 1000) for n in range(10)], [at_us] * 10))
        if hour >= 4:  # its end lies behind the range
            came_us, type = first_us + hour * HOUR_US + 60 * 59_900_000, journals.CONNECTED if hour == 4 else journals.DISCONNECTED
            append(came_us, journals.event_fields(type, "u", hour - 3, came_us, {"incarnation": "i", "cause": "reset"}))
    recording.drain()
    recording.archive()
    wanted = Range(first_us + 4 * HOUR_US, first_us + 5 * HOUR_US)
    url = rebuilt("tapefarm_test_rebuilt_range", wanted=wanted)
    found = compare.compare(recording.farm.database_url, url, wanted, whole=False)
    assert [(line.table, line.live and line.live[0]) for line in found] == [("trades", 30), ("sessions", 1)]
    assert all(line.equal for line in found)
    with closing(engine.connect(url, name="test")) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT (SELECT count(*) FROM data_gaps), (SELECT count(DISTINCT date_trunc('hour', received_at)) FROM trades)")
        assert cursor.fetchone() == (0, 2), "no gap where it begins, and the hour before it"
    engine.engine(url).dispose()


def test_a_hole_that_is_seen_only_behind_the_range_is_no_difference(
    recording: Recording, rebuilt: Callable[..., str], redis_client: redisdb.Client, key_prefix: str
) -> None:
    end_us = (time.time_ns() // 1000 // HOUR_US - 2) * HOUR_US
    recording.journal.register([TRADES])

    def append(number: int, at_us: int, *trades: int) -> None:
        fields = journals.data_fields("t", number, [trade(n, T=at_us // 1000) for n in trades], [at_us] * len(trades))
        redis_client.xadd(f"{key_prefix}:journal:{TRADES}", fields, id=f"{at_us // 1000}-*")  # type: ignore[arg-type]

    fields = journals.event_fields(journals.CONNECTED, "t", 1, end_us - 180_000_000, {"incarnation": "i"})
    redis_client.xadd(f"{key_prefix}:journal:{TRADES}", fields, id=f"{(end_us - 180_000_000) // 1000}-*")  # type: ignore[arg-type]
    append(2, end_us - 120_000_000, 1, 2, 3)
    append(3, end_us - 60_000_000, 6, 7)  # a hole within the range, which counts
    append(4, end_us + 60_000_000, 12, 13)  # and one that nobody can see before this
    recording.drain()
    recording.archive()
    wanted = Range(end_us - HOUR_US, end_us)
    url = rebuilt("tapefarm_test_rebuilt_edge", wanted=wanted)
    found = compare.compare(recording.farm.database_url, url, wanted, whole=False)
    assert [(line.table, line.live and line.live[0]) for line in found if line.table in ("trades", "data_gaps")] == [
        ("trades", 5),
        ("data_gaps", 1),
    ]
    assert [line for line in found if not line.equal] == []
    engine.engine(url).dispose()

"""What a backup takes and counts on the community edition, where old chunks are compressed and bars are continuous aggregates."""

from collections.abc import Callable
from datetime import UTC, datetime

from psycopg2.extensions import connection as RawConnection

from db.backups import contents
from db.backups.contents import Reach
from db.backups.record import Digest

Ask = Callable[..., list[tuple[object, ...]]]

TRADES = "public.trades"


def digests(community: RawConnection, reach: Reach) -> dict[str, Digest]:
    with community.cursor() as cursor:
        return dict(contents.digests(cursor, reach))


def test_compressed_chunks_are_counted_hashed_and_left_out_in_both_their_forms(community: RawConnection, ask: Ask) -> None:
    ask(
        "INSERT INTO trades (event_at, received_at, instrument_id, trade_id, price, quantity, side) "
        "SELECT now() - n * INTERVAL '10 minutes', now(), 1 + n % 3, n, 0.1 * n, 1, -1 FROM generate_series(0, 499) n"
    )
    ask(
        "CREATE MATERIALIZED VIEW backed_up WITH (timescaledb.continuous) AS SELECT time_bucket('1 hour', event_at) AS bucket, "
        "instrument_id, sum(price) AS paid FROM trades GROUP BY 1, 2"
    )
    before = digests(community, Reach())
    ask("ALTER TABLE trades SET (timescaledb.compress, timescaledb.compress_segmentby = 'instrument_id')")
    ask("SELECT compress_chunk(c) FROM show_chunks('trades', older_than => INTERVAL '1 day') c")
    after = digests(community, Reach())
    assert after[TRADES] == before[TRADES] and after[TRADES].rows == 500
    (aggregate,) = (name for name in after if name.startswith("_timescaledb_internal."))
    assert after[aggregate] == before[aggregate] and after[aggregate].rows > 80

    with community.cursor() as cursor:
        reach = contents.reach(cursor, datetime.now(UTC), 0.0)
        assert contents.origin(cursor).license == "timescale"
    compressed = [name for name in reach.empty if ".compress_hyper_" in name]
    old = "SELECT count(*) FROM timescaledb_information.chunks WHERE hypertable_name = 'trades' AND is_compressed"
    assert ask(old) == [(len(compressed),)] and len(compressed) >= 2
    assert set(reach.since) >= {TRADES}
    young = digests(community, reach)[TRADES]
    # What a copy holds in which those chunks are empty.
    ask(f"TRUNCATE {', '.join(compressed)}")
    ask(
        "DELETE FROM trades WHERE event_at < (SELECT max(range_start) FROM timescaledb_information.chunks WHERE hypertable_name = 'trades')"
    )
    assert digests(community, Reach())[TRADES] == young and 0 < young.rows < 500

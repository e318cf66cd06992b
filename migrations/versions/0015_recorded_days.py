"""Which days hold rows, and yesterday as a model wants it."""

from alembic import op

revision = "0015"
down_revision = "0014"

TABLES = """
CREATE TABLE recorded_days (
    venue TEXT NOT NULL,
    kind TEXT NOT NULL,
    day DATE NOT NULL,
    changes BIGINT DEFAULT 0 NOT NULL,
    judgements BIGINT DEFAULT 0 NOT NULL,
    PRIMARY KEY (venue, kind, day)
);
"""

# Of what was recorded before, every day of a chunk may hold rows of every venue; an export that finds none takes it back. Looking would mean
# to read it all.
PAST = """
INSERT INTO recorded_days (venue, kind, day)
SELECT DISTINCT i.venue, c.hypertable_name, day::date
FROM timescaledb_information.chunks c, (SELECT DISTINCT venue FROM instruments) i,
     generate_series(date_trunc('day', c.range_start, 'UTC') AT TIME ZONE 'UTC', least(c.range_end, now()) AT TIME ZONE 'UTC', INTERVAL '1 day') day
WHERE c.hypertable_schema = 'public' AND c.hypertable_name NOT IN ('coverage', 'bars_1s', 'bars_1m', 'bars_1h')
  AND day < least(c.range_end, now()) AT TIME ZONE 'UTC';
"""

YESTERDAY = """
CREATE FUNCTION marketdata.get_yesterday_training_data(day DATE DEFAULT (now() AT TIME ZONE 'UTC')::date - 1, only_venue TEXT DEFAULT NULL)
RETURNS SETOF marketdata.bt_1s STABLE LANGUAGE sql AS $$
SELECT b.bucket, i.venue, i.symbol, b.open, b.high, b.low, b.close, b.spread_mean, b.spread_max, b.imbalance, b.updates, b.trades, b.volume,
       b.buy_volume, b.vwap
FROM public.bars_1s b JOIN public.instruments i USING (instrument_id)
WHERE b.bucket >= day::timestamp AT TIME ZONE 'UTC' AND b.bucket < (day + 1)::timestamp AT TIME ZONE 'UTC'
  AND (only_venue IS NULL OR i.venue = only_venue)
ORDER BY b.instrument_id, b.bucket
$$;
"""


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(PAST)
    op.execute(YESTERDAY)

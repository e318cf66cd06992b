"""How market data is kept: chunks, compression, retention behind guards, sizes. What writers may do of it, they do by three functions."""

from alembic import op

revision = "0013"
down_revision = "0012"

TABLES = """
CREATE TABLE storage (
    table_name TEXT NOT NULL,
    relations TEXT[] NOT NULL,
    segment_by TEXT NOT NULL,
    order_by TEXT NOT NULL,
    drop_after INTERVAL,
    dropped_until TIMESTAMPTZ,
    PRIMARY KEY (table_name)
);

CREATE TABLE storage_guards (
    table_name TEXT NOT NULL,
    guard TEXT NOT NULL,
    safe_until TIMESTAMPTZ,
    checked_at TIMESTAMPTZ,
    PRIMARY KEY (table_name, guard)
);

CREATE TABLE storage_sizes (
    subject TEXT NOT NULL,
    hour TIMESTAMPTZ NOT NULL,
    measured_at TIMESTAMPTZ NOT NULL,
    bytes BIGINT NOT NULL,
    free_bytes BIGINT,
    PRIMARY KEY (subject, hour)
);
"""

# By the unique key of each: an instrument's rows lie together in the order of time, so that times and ids are small differences, and a
# price or an amount that stands still costs a bit. All columns of the key are ordered by: what is left out gets a bloom filter of a byte a row.
TABLES_KEPT = """
INSERT INTO storage (table_name, relations, segment_by, order_by) SELECT name, ARRAY['public.' || name], 'instrument_id', ordered FROM (VALUES
    ('trades', 'event_at, trade_id'),
    ('quotes', 'event_at, update_id'),
    ('book_deltas', 'event_at, update_id, side, price'),
    ('book_snapshots', 'event_at, update_id, side, price'),
    ('tickers', 'event_at'),
    ('book_summaries', 'event_at'),
    ('prices', 'event_at'),
    ('index_prices', 'event_at'),
    ('candles', 'event_at, interval_seconds'),
    ('open_interest', 'event_at'),
    ('funding_rates', 'event_at'),
    ('settlements', 'event_at, type'),
    ('delivery_prices', 'event_at'),
    ('resolutions', 'event_at, source, status')
) market (name, ordered);
INSERT INTO storage_guards (table_name, guard) SELECT table_name, 'archived' FROM storage;
INSERT INTO storage_guards (table_name, guard) VALUES ('trades', 'rolled up'), ('quotes', 'rolled up');

-- Bars have no guard, and what has none is not dropped.
INSERT INTO storage (table_name, relations, segment_by, order_by)
SELECT 'bars_' || width, CASE current_setting('timescaledb.license')
    WHEN 'timescale' THEN ARRAY['rollups.quotes_' || width, 'rollups.trades_' || width] ELSE ARRAY['rollups.bars_' || width] END, 'instrument_id', 'bucket'
FROM unnest(ARRAY['1s', '1m', '1h']) width;
"""

# An aggregate lies in a hypertable of TimescaleDB's own.
HYPERTABLES = """
CREATE FUNCTION storage_hypertables()
RETURNS TABLE (table_name TEXT, relation REGCLASS, hypertable_schema NAME, hypertable_name NAME, aggregate BOOLEAN, compresses BOOLEAN)
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT s.table_name, r::regclass, coalesce(a.materialization_hypertable_schema, n.nspname),
           coalesce(a.materialization_hypertable_name, c.relname), a.view_name IS NOT NULL, coalesce(a.compression_enabled, h.compression_enabled)
    FROM storage s CROSS JOIN unnest(s.relations) r
    JOIN pg_class c ON c.oid = r::regclass JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN timescaledb_information.continuous_aggregates a ON a.view_schema = n.nspname AND a.view_name = c.relname
    LEFT JOIN timescaledb_information.hypertables h ON h.hypertable_schema = n.nspname AND h.hypertable_name = c.relname
$$;

CREATE FUNCTION storage_policies() RETURNS TABLE (relation REGCLASS, compress_after INTERVAL)
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT t.relation, (j.config->>'compress_after')::interval
    FROM storage_hypertables() t JOIN timescaledb_information.jobs j ON j.config ? 'compress_after' AND (
        (j.hypertable_schema, j.hypertable_name) = (t.hypertable_schema, t.hypertable_name)
        OR format('%I.%I', j.hypertable_schema, j.hypertable_name)::regclass = t.relation)
$$;
"""

# Policies belong to the owner of a table, and so do chunks. These run as the owner, each does one thing to a table that stands in `storage`,
# and only writers may call them.
APPLY = """
CREATE FUNCTION storage_apply(name TEXT, chunk INTERVAL, compress_after INTERVAL, drop_after INTERVAL) RETURNS BOOLEAN
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    kept storage;
    held RECORD;
    scheduled INTERVAL;
    changed BOOLEAN := false;
BEGIN
    SELECT * INTO kept FROM storage WHERE table_name = name FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'how % is kept cannot be changed', quote_nullable(name) USING ERRCODE = 'undefined_table';
    END IF;
    IF kept.drop_after IS DISTINCT FROM storage_apply.drop_after THEN
        UPDATE storage s SET drop_after = storage_apply.drop_after WHERE s.table_name = name;
        changed := true;
    END IF;
    FOR held IN SELECT * FROM storage_hypertables() t WHERE t.table_name = name LOOP
        IF chunk IS DISTINCT FROM (SELECT d.time_interval FROM timescaledb_information.dimensions d WHERE d.dimension_number = 1
                                   AND d.hypertable_schema = held.hypertable_schema AND d.hypertable_name = held.hypertable_name) THEN
            PERFORM set_chunk_time_interval(format('%I.%I', held.hypertable_schema, held.hypertable_name)::regclass, chunk);
            changed := true;
        END IF;
        SELECT p.compress_after INTO scheduled FROM storage_policies() p WHERE p.relation = held.relation;
        CONTINUE WHEN current_setting('timescaledb.license') <> 'timescale' OR scheduled IS NOT DISTINCT FROM storage_apply.compress_after;
        changed := true;
        IF scheduled IS NOT NULL THEN
            PERFORM remove_compression_policy(held.relation);
        END IF;
        CONTINUE WHEN compress_after IS NULL;
        IF NOT held.compresses THEN
            EXECUTE format('ALTER %s %s SET (timescaledb.compress, timescaledb.compress_segmentby = %L, timescaledb.compress_orderby = %L)',
                           CASE WHEN held.aggregate THEN 'MATERIALIZED VIEW' ELSE 'TABLE' END, held.relation, kept.segment_by, kept.order_by);
        END IF;
        PERFORM add_compression_policy(held.relation, compress_after => storage_apply.compress_after);
    END LOOP;
    RETURN changed;
END $$;
"""

# Between hold and drop, in one transaction, the guards are asked: nobody adds a row to the chunk meanwhile.
DROP = """
CREATE FUNCTION storage_expired() RETURNS TABLE (table_name TEXT, chunk TEXT, since TIMESTAMPTZ, until TIMESTAMPTZ)
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT s.table_name, format('%I.%I', c.chunk_schema, c.chunk_name), c.range_start, c.range_end
    FROM storage s JOIN timescaledb_information.chunks c ON c.hypertable_schema = 'public' AND c.hypertable_name = s.table_name
    WHERE c.range_end <= now() - s.drop_after
$$;

CREATE FUNCTION storage_hold(chunk TEXT) RETURNS VOID
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM storage_expired() e WHERE e.chunk = storage_hold.chunk) THEN
        RAISE EXCEPTION '% is no chunk whose time has passed', quote_nullable(chunk) USING ERRCODE = 'insufficient_privilege';
    END IF;
    EXECUTE format('LOCK TABLE %s IN SHARE MODE', chunk::regclass);
END $$;

CREATE FUNCTION storage_drop(chunk TEXT) RETURNS VOID
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    gone RECORD;
    held TEXT;
BEGIN
    PERFORM storage_hold(chunk);
    SELECT * INTO STRICT gone FROM storage_expired() e WHERE e.chunk = storage_drop.chunk;
    SELECT string_agg(g.guard, ', ' ORDER BY g.guard) INTO held FROM storage_guards g
    WHERE g.table_name = gone.table_name AND (g.safe_until IS NULL OR g.safe_until < gone.until OR g.checked_at IS DISTINCT FROM now());
    IF held IS NOT NULL OR NOT EXISTS (SELECT FROM storage_guards g WHERE g.table_name = gone.table_name) THEN
        RAISE EXCEPTION '% is held back: not %', chunk, coalesce(held, 'guarded') USING ERRCODE = 'insufficient_privilege';
    END IF;
    PERFORM drop_chunks(format('public.%I', gone.table_name)::regclass, older_than => gone.until, newer_than => gone.since);
    UPDATE storage s SET dropped_until = greatest(s.dropped_until, gone.until) WHERE s.table_name = gone.table_name;
END $$;

REVOKE EXECUTE ON FUNCTION storage_apply, storage_hold, storage_drop FROM PUBLIC;
"""

GRANTS = """
DO $$
BEGIN
    IF to_regrole('tapefarm_writer') IS NOT NULL THEN
        GRANT EXECUTE ON FUNCTION storage_apply, storage_hold, storage_drop TO tapefarm_writer;
        REVOKE INSERT, UPDATE, DELETE ON storage FROM tapefarm_writer;
        -- Which guards a table has is no business of theirs; what each says is.
        REVOKE INSERT, UPDATE, DELETE ON storage_guards FROM tapefarm_writer;
        GRANT UPDATE (safe_until, checked_at) ON storage_guards TO tapefarm_writer;
    END IF;
END $$;
"""


def upgrade() -> None:
    for statements in (TABLES, TABLES_KEPT, HYPERTABLES, APPLY, DROP, GRANTS):
        op.execute(statements)

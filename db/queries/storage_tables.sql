-- Each table of market data as it lies on the disk: chunks that are compressed and chunks that are not. Rows that are not compressed are the
-- server's estimate, which knows nothing of a chunk until it has looked at it (a minute or so).
-- Each step by itself: estimates of what these functions and views bring would make the server ask them anew for each chunk.
-- Chunks are found by views and functions alone: TimescaleDB's own tables of them differ between 2.19 and 2.29.
WITH sizes AS MATERIALIZED (
    SELECT t.table_name, l.chunk_id, l.chunk_schema, l.chunk_name, l.total_bytes AS bytes
    FROM storage_hypertables() t CROSS JOIN LATERAL _timescaledb_functions.chunks_local_size(t.hypertable_schema, t.hypertable_name) l
), there AS MATERIALIZED (
    SELECT chunk_schema, chunk_name, range_start, range_end, is_compressed FROM timescaledb_information.chunks
), pieces AS MATERIALIZED (
    SELECT s.table_name, s.bytes, t.range_start, t.range_end, t.is_compressed, coalesce(z.numrows_pre_compression, greatest(r.reltuples, 0)) AS rows,
           z.uncompressed_heap_size + z.uncompressed_toast_size + z.uncompressed_index_size AS bytes_before
    FROM sizes s JOIN there t USING (chunk_schema, chunk_name)
    JOIN pg_class r ON r.oid = format('%I.%I', s.chunk_schema, s.chunk_name)::regclass
    LEFT JOIN _timescaledb_catalog.compression_chunk_size z USING (chunk_id)
), m AS MATERIALIZED (
    SELECT t.table_name, min(d.time_interval) AS chunk, min(p.compress_after) AS compress_after
    FROM storage_hypertables() t
    JOIN timescaledb_information.dimensions d USING (hypertable_schema, hypertable_name)
    LEFT JOIN storage_policies() p USING (relation)
    GROUP BY t.table_name
)
SELECT s.table_name, s.drop_after, s.dropped_until, m.chunk, m.compress_after,
       count(p) AS chunks, count(p) FILTER (WHERE p.is_compressed) AS compressed_chunks,
       coalesce(sum(p.bytes) FILTER (WHERE NOT p.is_compressed), 0)::bigint AS raw_bytes,
       coalesce(sum(p.rows) FILTER (WHERE NOT p.is_compressed), 0)::bigint AS raw_rows,
       coalesce(sum(p.bytes) FILTER (WHERE p.is_compressed), 0)::bigint AS compressed_bytes,
       coalesce(sum(p.rows) FILTER (WHERE p.is_compressed), 0)::bigint AS compressed_rows,
       coalesce(sum(p.bytes_before), 0)::bigint AS bytes_before,
       min(p.range_start) AS first_chunk, max(p.range_start) AS last_chunk,
       min(p.range_end) AS first_chunk_end, max(p.range_end) AS last_chunk_end
FROM storage s
JOIN m USING (table_name)
LEFT JOIN pieces p USING (table_name)
GROUP BY s.table_name, s.drop_after, s.dropped_until, m.chunk, m.compress_after
ORDER BY s.table_name

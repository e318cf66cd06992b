-- `compression_settings` knows by which table a compressed chunk is held, in all versions since 2.19.
SELECT format('%I.%I', hypertable_schema, hypertable_name), format('%I', primary_dimension), range_start, range_end,
       format('%I.%I', chunk_schema, chunk_name), s.compress_relid::text
FROM timescaledb_information.chunks
LEFT JOIN _timescaledb_catalog.compression_settings s ON s.relid = format('%I.%I', chunk_schema, chunk_name)::regclass
WHERE range_start IS NOT NULL ORDER BY 1, 3

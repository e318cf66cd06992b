-- What TimescaleDB knows of its tables: without it their rows are there, and they are hypertables no more.
SELECT 'timescaledb_information.hypertables', count(*), coalesce(sum(hashtextextended(format('%s.%s %s', hypertable_schema, hypertable_name, num_dimensions), 0)), 0)::text
FROM timescaledb_information.hypertables
UNION ALL
SELECT 'timescaledb_information.chunks', count(*), coalesce(sum(hashtextextended(format('%s.%s %s.%s %s', hypertable_schema, hypertable_name, chunk_schema, chunk_name, extract(epoch FROM range_start)), 0)), 0)::text
FROM timescaledb_information.chunks
UNION ALL
SELECT 'timescaledb_information.continuous_aggregates', count(*), coalesce(sum(hashtextextended(format('%s.%s', view_schema, view_name), 0)), 0)::text
FROM timescaledb_information.continuous_aggregates
ORDER BY 1

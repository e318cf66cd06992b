-- With those of continuous aggregates, which are in a schema of the extension.
SELECT DISTINCT format('%I.%I', hypertable_schema, hypertable_name) FROM timescaledb_information.chunks

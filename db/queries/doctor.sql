-- What of the server decides whether data is kept, and its clock.
SELECT current_setting('server_version_num')::int AS version, current_setting('server_version') AS name,
       (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb') AS timescaledb,
       CASE current_setting('timescaledb.license', true) WHEN 'apache' THEN 'Apache' ELSE 'community' END AS license,
       current_setting('fsync') AS fsync, current_setting('full_page_writes') AS full_page_writes,
       (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')::int AS connections,
       current_setting('max_connections')::int AS most, extract(epoch FROM clock_timestamp())::float8 AS now

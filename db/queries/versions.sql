-- Of the server, its extension and the schema.
SELECT current_setting('server_version') AS postgres, (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb') AS timescaledb,
       (SELECT version_num FROM alembic_version) AS schema

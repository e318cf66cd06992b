-- With the roles that something of this database belongs to or is granted to: a copy can be made where they are.
SELECT current_setting('server_version'), (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'),
       current_setting('timescaledb.license', true),
       ARRAY(SELECT r.rolname::text FROM pg_roles r WHERE r.rolname !~ '^pg_' AND (
           r.oid = (SELECT datdba FROM pg_database WHERE datname = current_database())
           OR r.oid IN (SELECT refobjid FROM pg_shdepend WHERE refclassid = 'pg_authid'::regclass
                        AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database()))) ORDER BY 1)

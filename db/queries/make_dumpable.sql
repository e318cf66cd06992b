-- An extension made in PostgreSQL's single-user mode has a number below those of users, and pg_dump takes it for a part of PostgreSQL: the
-- catalog of TimescaleDB would be in no dump. It is given a number of a user's own.
SET LOCAL allow_system_table_mods = on;
DO $$
DECLARE
    low oid := (SELECT oid FROM pg_extension WHERE extname = 'timescaledb' AND oid < 16384);
    high oid := (SELECT greatest(16383, max(oid::int8)) + 1 FROM pg_extension);
BEGIN
    IF low IS NOT NULL THEN
        UPDATE pg_extension SET oid = high WHERE oid = low;
        UPDATE pg_depend SET refobjid = high WHERE refclassid = 'pg_extension'::regclass AND refobjid = low;
        UPDATE pg_depend SET objid = high WHERE classid = 'pg_extension'::regclass AND objid = low;
        UPDATE pg_description SET objoid = high WHERE classoid = 'pg_extension'::regclass AND objoid = low;
        UPDATE pg_init_privs SET objoid = high WHERE classoid = 'pg_extension'::regclass AND objoid = low;
    END IF;
END $$;

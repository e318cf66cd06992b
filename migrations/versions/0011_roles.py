"""Roles of the least privilege: who writes rows, who reads them, who looks at the farm. They may not log in until somebody lets them."""

from alembic import op

revision = "0011"
down_revision = "0010"

# Roles belong to the server and not to the database: another farm on it may have made them, even at this moment, or its administrator, with
# settings of their own. Where we may not make roles, all programs go on using the one account that there is.
ROLES = """
DO $$
BEGIN
    IF to_regrole('tapefarm_writer') IS NULL THEN
        CREATE ROLE tapefarm_writer NOLOGIN;
    END IF;
    IF to_regrole('tapefarm_reader') IS NULL THEN
        CREATE ROLE tapefarm_reader NOLOGIN;
        ALTER ROLE tapefarm_reader SET default_transaction_read_only = on;
        ALTER ROLE tapefarm_reader SET statement_timeout = '15min';
        ALTER ROLE tapefarm_reader SET idle_in_transaction_session_timeout = '10min';
    END IF;
    IF to_regrole('tapefarm_console') IS NULL THEN
        CREATE ROLE tapefarm_console NOLOGIN;
        ALTER ROLE tapefarm_console SET default_transaction_read_only = on;
        ALTER ROLE tapefarm_console SET statement_timeout = '15s';
        ALTER ROLE tapefarm_console SET idle_in_transaction_session_timeout = '30s';
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;
    WHEN insufficient_privilege THEN
        RAISE WARNING 'no right to create roles: create tapefarm_writer, tapefarm_reader and tapefarm_console, and grant as migration 0011 does';
END $$;
"""

GRANTS = """
DO $$
BEGIN
    IF to_regrole('tapefarm_writer') IS NULL OR to_regrole('tapefarm_reader') IS NULL OR to_regrole('tapefarm_console') IS NULL THEN
        RETURN;
    END IF;
    GRANT USAGE ON SCHEMA public, marketdata TO tapefarm_writer, tapefarm_reader, tapefarm_console;
    GRANT SELECT ON ALL TABLES IN SCHEMA public, marketdata TO tapefarm_writer, tapefarm_reader, tapefarm_console;
    GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO tapefarm_writer;
    GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO tapefarm_writer;
    REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM tapefarm_writer;
    -- What later migrations make, as long as the same account runs them.
    ALTER DEFAULT PRIVILEGES IN SCHEMA public, marketdata GRANT SELECT ON TABLES TO tapefarm_writer, tapefarm_reader, tapefarm_console;
    ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT INSERT, UPDATE, DELETE ON TABLES TO tapefarm_writer;
    ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO tapefarm_writer;
END $$;
"""


def upgrade() -> None:
    op.execute(ROLES)
    op.execute(GRANTS)

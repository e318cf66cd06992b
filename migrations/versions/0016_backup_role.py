"""The role of backups, which reads all there is and writes nothing. It may not log in until somebody lets it."""

from alembic import op

revision = "0016"
down_revision = "0015"

# Reads all: what a later migration, or an extension, makes without a word about rights would else be missed by no one until a dump fails.
ROLE = """
DO $$
BEGIN
    IF to_regrole('tapefarm_backup') IS NULL THEN
        CREATE ROLE tapefarm_backup NOLOGIN;
        ALTER ROLE tapefarm_backup SET default_transaction_read_only = on;
    END IF;
    GRANT pg_read_all_data TO tapefarm_backup;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;
    WHEN insufficient_privilege THEN
        RAISE WARNING 'no right to create roles: create tapefarm_backup, and grant it pg_read_all_data';
END $$;
"""


def upgrade() -> None:
    op.execute(ROLE)

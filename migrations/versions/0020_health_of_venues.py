"""The health of each venue beside that of the farm."""

from alembic import op

revision = "0020"
down_revision = "0019"

TABLE = """
ALTER TABLE platform_health_logs ADD COLUMN venue TEXT NOT NULL DEFAULT '';
ALTER TABLE platform_health_logs DROP CONSTRAINT platform_health_logs_pkey, ADD PRIMARY KEY (checked_at, venue);
"""


def upgrade() -> None:
    op.execute(TABLE)

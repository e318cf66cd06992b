"""How far the raw archive has taken each journal stream."""

from alembic import op

revision = "0014"
down_revision = "0013"

TABLE = """
CREATE TABLE archived_streams (
    stream TEXT NOT NULL,
    venue TEXT NOT NULL,
    channel TEXT NOT NULL,
    last_id TEXT NOT NULL,
    archived_to TIMESTAMPTZ NOT NULL,
    missed BIGINT NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (stream)
);
CREATE INDEX archived_streams_venue ON archived_streams (venue, archived_to);
"""


def upgrade() -> None:
    op.execute(TABLE)

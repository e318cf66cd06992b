"""What independent sources said of what is stored, and how often they agreed."""

from alembic import op

revision = "0007"
down_revision = "0006"

TABLES = """
CREATE TABLE witnesses (
    venue TEXT NOT NULL,
    channel TEXT NOT NULL,
    instrument_id INTEGER NOT NULL,
    hour TIMESTAMPTZ NOT NULL,
    subject TEXT NOT NULL,
    looks INTEGER NOT NULL,
    agreed INTEGER NOT NULL,
    disagreed INTEGER NOT NULL,
    agreed_at TIMESTAMPTZ,
    disagreed_at TIMESTAMPTZ,
    detail TEXT,
    PRIMARY KEY (venue, channel, instrument_id, hour, subject)
);
"""


def upgrade() -> None:
    op.execute(TABLES)
    # Counted up with every look: room in the page keeps those updates near.
    op.execute("ALTER TABLE witnesses SET (fillfactor = 50)")

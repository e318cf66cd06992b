"""Alerts: what the watcher called for help about, and when it was over."""

from alembic import op

revision = "0010"
down_revision = "0009"

TABLE = """
CREATE TABLE alerts (
    rule TEXT NOT NULL,
    subject TEXT NOT NULL,
    since_at TIMESTAMPTZ NOT NULL,
    severity TEXT NOT NULL,
    fired_at TIMESTAMPTZ NOT NULL,
    ended_at TIMESTAMPTZ,
    value DOUBLE PRECISION NOT NULL,
    words TEXT NOT NULL,
    messages INTEGER NOT NULL,
    last_sent_at TIMESTAMPTZ,
    PRIMARY KEY (rule, subject, since_at)
);
"""


def upgrade() -> None:
    op.execute(TABLE)

"""What the raw archive holds, as far as others wait for it; its files know the rest."""

from sqlalchemy import BigInteger, Column, Index, Table, Text
from sqlalchemy.dialects.postgresql import TIMESTAMP

from db.tables import metadata

_AT = TIMESTAMP(timezone=True)

archived_streams = Table(
    "archived_streams",
    metadata,
    Column("stream", Text, primary_key=True, comment="venue:channel:shard:replica of the journal"),
    Column("venue", Text, nullable=False, comment="folder name below venues/"),
    Column("channel", Text, nullable=False, comment="the venue's name of the feed"),
    Column("last_id", Text, nullable=False, comment="journal id of the last entry that is on disk"),
    Column("archived_to", _AT, nullable=False, comment="clock of Redis: every entry that was appended before is on disk, or in `missed`"),
    Column("missed", BigInteger, nullable=False, comment="entries that were trimmed before they could be archived, as Redis lacked room"),
    Column("updated_at", _AT, nullable=False, comment="our clock when this was told"),
    Index("archived_streams_venue", "venue", "archived_to"),
    comment="how far the raw archive has taken each journal stream",
)

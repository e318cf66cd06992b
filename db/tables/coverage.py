"""How whole the record is: what was asked for and when, and what each hour of it can be called."""

from sqlalchemy import BigInteger, Boolean, Column, Date, Float, Identity, Index, Integer, Table, Text, text
from sqlalchemy.dialects.postgresql import TIMESTAMP

from db.tables import metadata

_AT = TIMESTAMP(timezone=True)
_VENUE = "folder name below venues/"
_CHANNEL = "the venue's name of the feed"

_OPEN = text("to_at IS NULL")
_LEFT_OUT = text("left_out")
_UNREGISTERED = text("instrument_id IS NULL")

subscriptions = Table(
    "subscriptions",
    metadata,
    Column("subscription_id", BigInteger, Identity(), primary_key=True, comment="number of the row"),
    Column("stream", Text, nullable=False, comment="venue:channel:shard:replica of the journal"),
    Column("venue", Text, nullable=False, comment=_VENUE),
    Column("channel", Text, nullable=False, comment=_CHANNEL),
    Column("shard", Text, nullable=False, comment="which share of the instruments"),
    Column("symbol", Text, nullable=False, comment="what was asked for: an instrument, or a feed of the whole venue"),
    Column("instrument_id", Integer, comment="instruments.instrument_id; absent until the symbol is registered"),
    Column("from_at", _AT, nullable=False, comment="our clock when it was asked for"),
    Column("to_at", _AT, comment="our clock when it was no longer; absent: it still is"),
    Column(
        "left_out",
        Boolean,
        nullable=False,
        server_default=text("false"),
        comment="ended as a new connection did not name it: another one may, and then the time between is a gap",
    ),
    Index("subscriptions_open", "stream", "symbol", unique=True, postgresql_where=_OPEN),
    Index("subscriptions_place", "venue", "channel", "instrument_id", "from_at"),
    Index("subscriptions_left_out", "to_at", postgresql_where=_LEFT_OUT),
    Index("subscriptions_unregistered", "venue", "symbol", postgresql_where=_UNREGISTERED),
    comment="what each stream asked its venue for, and when; a connection lost and made again changes nothing",
)

judged_streams = Table(
    "judged_streams",
    metadata,
    Column("stream", Text, primary_key=True, comment="venue:channel:shard:replica of the journal"),
    Column("proven_at", _AT, comment="our clock at the first data frame ever; before it nothing proves that the stream could hear"),
    Column("judged_until", _AT, nullable=False, comment="our clock up to where its hours are in `coverage`: its journal is written so far"),
    comment="how far the coverage of each stream goes",
)

stale_coverage = Table(
    "stale_coverage",
    metadata,
    Column("stale_id", BigInteger, Identity(), primary_key=True, comment="number of the row"),
    Column("venue", Text, nullable=False, comment=_VENUE),
    Column("channel", Text, nullable=False, comment=_CHANNEL),
    Column("shard", Text, comment="whose instruments are concerned; absent where one instrument is"),
    Column("instrument_id", Integer, comment="the one instrument that is concerned; absent: all of the shard"),
    Column("from_at", _AT, nullable=False, comment="hours from this one on"),
    Column("to_at", _AT, nullable=False, comment="up to this one"),
    comment="hours of which something has changed and that wait to be judged anew",
)


def _seconds(name: str, meaning: str) -> Column:  # type: ignore[type-arg]
    return Column(name, Float(53), nullable=False, comment=f"seconds {meaning}")


coverage = Table(
    "coverage",
    metadata,
    Column("venue", Text, primary_key=True, comment=_VENUE),
    Column("channel", Text, primary_key=True, comment="channel, or poll whose past was read"),
    Column("instrument_id", Integer, primary_key=True, comment="instruments.instrument_id"),
    Column("hour", _AT, primary_key=True, comment="begin of the hour; of the venue's clock where that is known"),
    Column("state", Text, nullable=False, comment="broken where anything is missing; else the weakest that holds for longer than a second"),
    _seconds("verified", "in which the venue's own numbers prove that nothing is missing"),
    _seconds("witnessed", "in which an independent source says the same"),
    _seconds("unverifiable", "without a known loss, and without a proof"),
    _seconds("broken", "in gaps that are not filled"),
    _seconds("paused", "in which the venue paused by its own word"),
    Column("newest_at", _AT, comment="venue's clock of the newest row of this hour; absent: none"),
    Column("computed_at", _AT, nullable=False, comment="our clock"),
    comment="what each hour of each instrument can be called; the five together are the time that was asked for, or read again later",
)

recorded_days = Table(
    "recorded_days",
    metadata,
    Column("venue", Text, primary_key=True, comment="folder name below venues/"),
    Column("kind", Text, primary_key=True, comment="table of market data"),
    Column("day", Date, primary_key=True, comment="of event_at, in UTC"),
    Column(
        "changes", BigInteger, nullable=False, server_default=text("0"), comment="transactions that brought rows of it once it was over"
    ),
    Column(
        "judgements", BigInteger, nullable=False, server_default=text("0"), comment="times its coverage was judged anew once it was over"
    ),
    comment="days that hold rows; what is exported is as new as its two counters",
)

"""What bars have to be made anew, and how far they are made. The bars themselves are views: the editions keep them in different ways."""

from sqlalchemy import BigInteger, Column, Identity, Integer, Table, Text, text
from sqlalchemy.dialects.postgresql import TIMESTAMP

from db.tables import metadata

_AT = TIMESTAMP(timezone=True)

stale_bars = Table(
    "stale_bars",
    metadata,
    Column("stale_id", BigInteger, Identity(), primary_key=True, comment="number of the row"),
    Column("bars", Text, nullable=False, comment="bars_1m: seconds and minutes; bars_1h: hours, once their minutes are made"),
    Column("instrument_id", Integer, comment="instruments.instrument_id; absent: all of them"),
    Column("from_at", _AT, nullable=False, comment="venue's clock, a full minute or hour"),
    Column("to_at", _AT, nullable=False, comment="up to this one"),
    comment="times of which rows were written and that wait to be rolled up; noted in the transaction of the rows",
)

rolled_bars = Table(
    "rolled_bars",
    metadata,
    Column("rolled_id", Integer, primary_key=True, autoincrement=False, comment="1: there is one row"),
    Column("look", BigInteger, nullable=False, comment="how often it was looked for what is stale"),
    Column("closed_until", _AT, comment="our clock: minutes before it were over at the last look"),
    Column("raw_from", _AT, comment="quotes or trades before it were dropped, and their bars stay as they are; absent: none"),
    Column(
        "caught_up_at", _AT, nullable=False, server_default=text("now()"), comment="our clock when nothing that was over waited any more"
    ),
    comment="how far bars are made",
)

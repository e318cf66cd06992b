"""How market data is kept: what stands still while it is compressed or dropped, and how much room it takes."""

from sqlalchemy import BigInteger, Column, Interval, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY, TIMESTAMP

from db.tables import metadata

_AT = TIMESTAMP(timezone=True)

storage = Table(
    "storage",
    metadata,
    Column("table_name", Text, primary_key=True, comment="table of market data, or bars"),
    Column("relations", ARRAY(Text), nullable=False, comment="hypertables or aggregates that hold it"),
    Column("segment_by", Text, nullable=False, comment="column whose values are compressed apart from each other"),
    Column("order_by", Text, nullable=False, comment="columns by which rows are ordered before they are compressed"),
    Column("drop_after", Interval, comment="a chunk is dropped when it ended so long ago, once its guards allow it; absent: never"),
    Column("dropped_until", _AT, comment="everything before has been dropped; what came there later is partial"),
    comment="how each table of market data is kept; chunk and compress_after stand with TimescaleDB",
)

guards = Table(
    "storage_guards",
    metadata,
    Column("table_name", Text, primary_key=True, comment="table of market data"),
    Column("guard", Text, primary_key=True, comment="archived or rolled up: without it nothing of the table is dropped"),
    Column("safe_until", _AT, comment="dropping rows before this loses nothing; absent: nothing may be dropped yet"),
    Column("checked_at", _AT, comment="when that was asked, in the transaction that would have dropped"),
    comment="what has to be done with rows before they may be dropped, and how far it is",
)

sizes = Table(
    "storage_sizes",
    metadata,
    Column("subject", Text, primary_key=True, comment="a table, or disk and its folder"),
    Column("hour", _AT, primary_key=True, comment="beginning of the hour"),
    Column("measured_at", _AT, nullable=False, comment="our clock, when it was measured last in this hour"),
    Column("bytes", BigInteger, nullable=False, comment="of a table with its indexes; of a disk what is in use"),
    Column("free_bytes", BigInteger, comment="of a disk: what is left"),
    comment="how market data and disks grow, an hour a row, for two months",
)

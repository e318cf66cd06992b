"""Market data: one hypertable per kind of core.records, for all venues, with the natural key as its only index."""

from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Float, Integer, SmallInteger, Table, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from core.records import KINDS, Kind
from db.tables import metadata

SQL_TYPES: dict[str, Any] = {
    "timestamptz": TIMESTAMP(timezone=True),
    "int8": BigInteger(),
    "int4": Integer(),
    "int2": SmallInteger(),
    "float8": Float(53),
    "bool": Boolean(),
    "text": Text(),
    "jsonb": JSONB(),
}


def _table(kind: Kind) -> Table:
    columns: list[Column[Any]] = [Column(c.name, SQL_TYPES[c.type], nullable=c.nullable, comment=c.meaning) for c in kind.columns]
    return Table(kind.name, metadata, *columns, UniqueConstraint(*kind.key, name=f"{kind.name}_key"), comment=kind.meaning)


MARKET = {name: _table(kind) for name, kind in KINDS.items()}

"""What can be traded, and every change of it."""

from sqlalchemy import BigInteger, Column, Identity, Integer, Table, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from db.tables import metadata

_AT = TIMESTAMP(timezone=True)


def _described() -> list[Column]:  # type: ignore[type-arg]
    return [
        Column("status", Text, nullable=False, comment="the venue's own word; `unknown` until metadata has been read"),
        Column("base_asset", Text, comment="what is traded"),
        Column("quote_asset", Text, comment="what it is priced in"),
        Column("contract_type", Text, comment="the venue's own word"),
        Column("tick_size", Text, comment="smallest price step, the venue's decimal"),
        Column("lot_size", Text, comment="smallest quantity step, the venue's decimal"),
        Column("listed_at", _AT, comment="when trading began or begins, venue's clock"),
        Column("expires_at", _AT, comment="when it is delivered, venue's clock"),
        Column("attributes", JSONB, comment="what else the venue says, as documented there"),
    ]


instruments = Table(
    "instruments",
    metadata,
    Column("instrument_id", Integer, Identity(), primary_key=True, comment="the farm's number, in every market table"),
    Column("venue", Text, nullable=False, comment="folder name below venues/"),
    Column("symbol", Text, nullable=False, comment="the venue's name, as in its payloads"),
    *_described(),
    Column("first_seen_at", _AT, nullable=False, comment="our clock"),
    Column("updated_at", _AT, nullable=False, comment="our clock at the last change"),
    UniqueConstraint("venue", "symbol"),
    comment="what can be traded, as the venue describes it now",
)

instrument_history = Table(
    "instrument_history",
    metadata,
    Column("history_id", BigInteger, Identity(), primary_key=True, comment="number of the version"),
    Column("instrument_id", Integer, nullable=False, comment="instruments.instrument_id"),
    Column("valid_from", _AT, nullable=False, comment="our clock at the reply that first said so"),
    Column("valid_to", _AT, comment="our clock at the reply that said otherwise; absent: still so"),
    *_described(),
    UniqueConstraint("instrument_id", "valid_from"),
    comment="every version of an instrument's description",
)

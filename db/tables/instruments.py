"""What can be traded, the questions behind it, and every change of either."""

from sqlalchemy import BigInteger, Column, Identity, Index, Integer, Table, Text, UniqueConstraint
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
        Column("amount_unit", Text, comment="what an amount counts: USD for inverse futures, the coin for options and what is linear"),
        Column("price_unit", Text, comment="what a price is in: the coin for options that settle in it, else USD or a stablecoin"),
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


def _market_described() -> list[Column]:  # type: ignore[type-arg]
    return [
        Column("event_id", Text, comment="the venue's event that it belongs to"),
        Column("series_id", Text, comment="the venue's series that the event belongs to"),
        Column("title", Text, nullable=False, comment="the question"),
        Column("status", Text, nullable=False, comment="upcoming, active, paused, closed (result not final) or resolved"),
        Column("outcomes", JSONB, nullable=False, comment="[[symbol of the instrument, name of the outcome], ...]"),
        Column("rules", Text, comment="the text that decides the result"),
        Column("rules_sha256", Text, comment="hash of the rules' UTF-8, hexadecimal: a changed text is another question"),
        Column("opens_at", _AT, comment="when trading began or begins, venue's clock"),
        Column("closes_at", _AT, comment="when trading is to end, venue's clock; the result may come later or sooner"),
        Column("resolution_source", Text, comment="where the result is read, as the venue says"),
        Column("attributes", JSONB, comment="what else the venue says, as documented there: fees, grid of prices, flags"),
    ]


markets = Table(
    "markets",
    metadata,
    Column("market_key", Integer, Identity(), primary_key=True, comment="the farm's number"),
    Column("venue", Text, nullable=False, comment="folder name below venues/"),
    Column("market_id", Text, nullable=False, comment="the venue's id"),
    *_market_described(),
    Column("first_seen_at", _AT, nullable=False, comment="our clock"),
    Column("updated_at", _AT, nullable=False, comment="our clock at the last change"),
    UniqueConstraint("venue", "market_id"),
    Index("markets_closing", "venue", "closes_at"),
    comment="questions that are traded as one instrument an outcome, as the venue describes them now",
)

market_history = Table(
    "market_history",
    metadata,
    Column("history_id", BigInteger, Identity(), primary_key=True, comment="number of the version"),
    Column("market_key", Integer, nullable=False, comment="markets.market_key"),
    Column("valid_from", _AT, nullable=False, comment="our clock at the reply that first said so"),
    Column("valid_to", _AT, comment="our clock at the reply that said otherwise; absent: still so"),
    *_market_described(),
    UniqueConstraint("market_key", "valid_from"),
    comment="every version of a market's description",
)

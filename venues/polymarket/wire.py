"""Polymarket frames and replies as the venue documents them; names and case are the venue's.

Documents: docs.polymarket.com as of 2026-10, and recorded frames of 2024 to 2026. Numbers of the market channel and of books are text,
those of Gamma and of the Data API text or numbers; fields we do not use are left out, so a new one changes nothing.
"""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from venues.decoding import FLOAT_MAX, Milliseconds, NotNegative, Positive, Symbol

#: What one share pays at most is 1; an empty side is told as a best bid of 0 or a best ask of 1.
Price = Annotated[float, Meta(ge=0, le=1)]
TradePrice = Annotated[float, Meta(gt=0, le=1)]
Side = Literal["BUY", "SELL"]


class Level(Struct, gc=False):
    price: Price
    size: NotNegative


class Change(Struct, gc=False):
    asset_id: Symbol
    price: Price
    size: NotNegative  # what stands there now; 0: nothing
    side: Side
    hash: str = ""
    best_bid: Price | None = None
    best_ask: Price | None = None


# --- frames: told apart by `event_type`, which stands anywhere in the object


class Book(Struct, gc=False, tag_field="event_type", tag="book"):
    asset_id: Symbol
    timestamp: Milliseconds
    bids: list[Level]
    asks: list[Level]
    hash: str = ""


class PriceChange(Struct, gc=False, tag_field="event_type", tag="price_change"):
    timestamp: Milliseconds
    price_changes: Annotated[list[Change], Meta(min_length=1)]


class LastTradePrice(Struct, gc=False, tag_field="event_type", tag="last_trade_price"):
    asset_id: Symbol
    timestamp: Milliseconds
    price: TradePrice
    size: Positive
    side: Side  # of the taker
    transaction_hash: Annotated[str, Meta(max_length=100)] = ""


class BestBidAsk(Struct, gc=False, tag_field="event_type", tag="best_bid_ask"):
    asset_id: Symbol
    timestamp: Milliseconds
    best_bid: Price
    best_ask: Price


class TickSizeChange(Struct, gc=False, tag_field="event_type", tag="tick_size_change"):
    asset_id: Symbol
    timestamp: Milliseconds
    new_tick_size: Price


class EventMessage(Struct):
    id: str | int | None = None


class NewMarket(Struct, tag_field="event_type", tag="new_market"):
    market: Symbol
    question: str
    assets_ids: Annotated[list[Symbol], Meta(min_length=1)]
    outcomes: list[str]
    timestamp: Milliseconds
    description: str | None = None
    order_price_min_tick_size: str | float | None = None
    active: bool = True
    event_message: EventMessage | None = None


class MarketResolved(Struct, tag_field="event_type", tag="market_resolved"):
    market: Symbol
    assets_ids: Annotated[list[Symbol], Meta(min_length=1)]
    winning_asset_id: Symbol
    timestamp: Milliseconds


Event = Book | PriceChange | LastTradePrice | BestBidAsk | TickSizeChange | NewMarket | MarketResolved


class Typed(Struct):
    """Any frame, looked at for its type."""

    event_type: str


class Named(Struct):
    """Any frame, looked at for what it is about."""

    asset_id: str = ""
    price_changes: list["NamedChange"] = []


class NamedChange(Struct):
    asset_id: str = ""


# --- CLOB


class RestBook(Struct, gc=False):
    """One of POST /books."""

    asset_id: Symbol
    timestamp: Milliseconds
    bids: list[Level]
    asks: list[Level]
    hash: str = ""
    last_trade_price: Price | Literal[""] | None = None


class ClobToken(Struct):
    token_id: str
    winner: bool = False
    price: Price | None = None


class ClobMarket(Struct):
    """GET /markets/{condition_id}"""

    condition_id: Symbol
    closed: bool
    tokens: list[ClobToken]
    is_50_50_outcome: bool = False


# --- Gamma


class FeeSchedule(Struct):
    rate: NotNegative | None = None
    exponent: NotNegative | None = None
    takerOnly: bool | None = None
    rebateRate: NotNegative | None = None


class Series(Struct):
    id: str | int | None = None


class EventHead(Struct):
    """The event that a market names."""

    id: str | int | None = None
    slug: str | None = None
    title: str | None = None
    series: list[Series] | None = None


Texts = str | list[str] | None  # mostly a JSON array inside a string


class GammaMarket(Struct):
    conditionId: Symbol
    question: str
    active: bool = False
    closed: bool = False
    archived: bool | None = None
    acceptingOrders: bool | None = None
    description: str | None = None
    resolutionSource: str | None = None
    startDate: str | None = None
    endDate: str | None = None
    closedTime: str | None = None
    updatedAt: str | None = None
    outcomes: Texts = None
    outcomePrices: Texts = None
    clobTokenIds: Texts = None
    positionIds: Texts = None
    version: str | None = None
    orderPriceMinTickSize: Annotated[float, Meta(ge=0, le=1)] | None = None
    volumeNum: Annotated[float, Meta(ge=0, le=FLOAT_MAX)] | None = None
    liquidityNum: Annotated[float, Meta(ge=0, le=FLOAT_MAX)] | None = None
    umaResolutionStatus: str | None = None
    umaResolutionStatuses: Texts = None
    feeSchedule: FeeSchedule | None = None
    events: list[EventHead] | None = None


class GammaEvent(Struct):
    id: str | int
    slug: str | None = None
    title: str | None = None
    series: list[Series] | None = None
    markets: list[Raw] = []


class GammaPage(Struct):
    """Of a keyset walk: markets, or events that hold them."""

    markets: list[Raw] | UnsetType = UNSET
    events: list[Raw] | UnsetType = UNSET
    next_cursor: str | None = None


# --- Data API, version 2


class Pagination(Struct, frozen=True):
    has_more: bool = False
    next_cursor: str | None = None


class DataPage(Struct):
    data: list[Raw]
    pagination: Pagination = Pagination()


class DataTrade(Struct, gc=False):
    token_id: Symbol
    side: Side
    size: Positive
    price: TradePrice
    timestamp: Annotated[int, Meta(ge=1_230_768_000, le=4_102_444_800)]  # seconds, of the block
    transaction_hash: Annotated[str, Meta(max_length=100)] = ""

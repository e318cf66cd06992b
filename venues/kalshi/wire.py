"""Kalshi's messages as the venue documents them; names and case are the venue's.

Documents: AsyncAPI after 2026-10-01. Fields we do not use are left out; the decoder skips what it does not know. `*_dollars` and
`*_fp` are decimals in strings, which the decoder (not strict) turns into the nearest double.
"""

from typing import Annotated, Any, Literal

from msgspec import Meta, Raw, Struct

from venues.decoding import FIRST_MS, LAST_MS, Id, Milliseconds, NotNegative, Number, Positive, Symbol

#: Of one contract, which pays a dollar at most.
Price = Annotated[float, Meta(ge=0, le=1)]
Seconds = Annotated[int, Meta(ge=FIRST_MS // 1000, le=LAST_MS // 1000)]
Uuid = Annotated[str, Meta(pattern=r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\Z")]
Side = Literal["yes", "no"]
Event = Literal[
    "created",
    "activated",
    "deactivated",
    "close_date_updated",
    "determined",
    "settled",
    "metadata_updated",
    "price_level_structure_updated",
]


class Level(Struct, gc=False, array_like=True):
    price: Price
    count: NotNegative


class Book(Struct, gc=False):
    market_ticker: Symbol
    #: the key of a side without orders is missing; both are when a market closes (recorded 2026-08)
    yes_dollars_fp: list[Level] = []
    no_dollars_fp: list[Level] = []


class Delta(Struct, gc=False):
    market_ticker: Symbol
    price_dollars: Price
    delta_fp: Number  # signed
    side: Side
    ts_ms: Milliseconds | None = None


class Quote(Struct, gc=False):
    """`ticker`"""

    market_ticker: Symbol
    price_dollars: Price | None = None  # 0: nothing has traded
    yes_bid_dollars: Price | None = None  # 0: no bids
    yes_ask_dollars: Price | None = None  # 1: no asks
    yes_bid_size_fp: NotNegative | None = None
    yes_ask_size_fp: NotNegative | None = None
    open_interest_fp: NotNegative | None = None
    ts: Seconds | None = None  # deprecated; older frames have no ts_ms
    ts_ms: Milliseconds | None = None


class Fill(Struct, gc=False):
    """`trade`"""

    trade_id: Uuid
    market_ticker: Symbol
    yes_price_dollars: Annotated[float, Meta(gt=0, le=1)]
    count_fp: Positive
    taker_outcome_side: Side | None = None  # since 2026-05-06
    taker_side: Side | None = None  # deprecated: the same
    is_block_trade: bool | None = None
    ts: Seconds | None = None
    ts_ms: Milliseconds | None = None


class State(Struct, gc=False):
    """`market_lifecycle_v2`, as far as it becomes a row."""

    market_ticker: Symbol
    event_type: Event
    determination_ts: Seconds | None = None
    result: str = ""
    settlement_value: Price | None = None


class BookSnapshot(Struct, gc=False, tag_field="type", tag="orderbook_snapshot"):
    sid: Id
    seq: Id
    msg: Book
    sending_ts_ms: Milliseconds | None = None  # since 2026-10-01; the book itself has no time


class BookDelta(Struct, gc=False, tag_field="type", tag="orderbook_delta"):
    sid: Id
    seq: Id
    msg: Delta


class Ticker(Struct, gc=False, tag_field="type", tag="ticker"):
    sid: Id
    msg: Quote


class Trade(Struct, gc=False, tag_field="type", tag="trade"):
    sid: Id
    msg: Fill
    seq: Id | None = None


class MarketLifecycle(Struct, gc=False, tag_field="type", tag="market_lifecycle_v2"):
    sid: Id
    msg: State
    seq: Id | None = None


class ComboLifecycle(Struct, gc=False, tag_field="type", tag="multivariate_market_lifecycle"):
    sid: Id
    msg: State
    seq: Id | None = None


class Told(Struct, gc=False):
    """A message that becomes no row, and may be numbered: answers of a subscription, what is told of events."""

    type: str
    sid: Id | None = None
    seq: Id | None = None


Frame = BookSnapshot | BookDelta | Ticker | Trade | MarketLifecycle | ComboLifecycle

#: What else a socket may say; it is left out under its name.
KNOWN_TYPES = frozenset(
    (
        *("subscribed", "unsubscribed", "ok", "error", "event_lifecycle", "event_fee_update", "fill", "market_position", "user_order"),
        *("order_group_updates", "rfq_created", "rfq_deleted", "quote_created", "quote_accepted", "quote_executed"),
        *("cfbenchmarks_value", "cfbenchmarks_value_5hz", "pyth_value"),
    )
)


class Fault(Struct):
    code: int | None = None
    msg: Any = None


class Answer(Struct):
    """An answer to a command, or an error."""

    type: str
    id: int | None = None
    sid: int | None = None
    seq: int | None = None
    msg: Raw = Raw(b"")

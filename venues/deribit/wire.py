"""Deribit notifications and replies as the venue documents them; names and case are the venue's.

Documents: docs.deribit.com, API 2.1.1 as of 2026-11. Fields we do not use are left out; the decoder skips what it does not know, so
a new field changes nothing. A number is a JSON number, now and then in exponent form, and null where there is none.
"""

from typing import Annotated, Any, Generic, Literal, TypeVar

from msgspec import Meta, Raw, Struct

from venues.decoding import Id, Milliseconds, NotNegative, Number, Positive, Symbol

T = TypeVar("T")

MaybeNumber = Number | None


class Quote(Struct, gc=False):
    timestamp: Milliseconds
    instrument_name: Symbol
    best_bid_amount: NotNegative | None
    best_ask_amount: NotNegative | None
    best_bid_price: MaybeNumber = None  # null, or 0 in older frames, where the side is empty; below 0 for some combos
    best_ask_price: MaybeNumber = None


class Greeks(Struct, gc=False):
    delta: MaybeNumber = None
    gamma: MaybeNumber = None
    vega: MaybeNumber = None
    theta: MaybeNumber = None
    rho: MaybeNumber = None


class Stats(Struct, gc=False):
    volume: NotNegative | None = None


class Ticker(Struct, gc=False):
    timestamp: Milliseconds
    instrument_name: Symbol
    mark_price: MaybeNumber = None
    index_price: MaybeNumber = None
    last_price: MaybeNumber = None
    best_bid_price: MaybeNumber = None  # as in a quote
    best_bid_amount: NotNegative | None = None
    best_ask_price: MaybeNumber = None
    best_ask_amount: NotNegative | None = None
    open_interest: NotNegative | None = None
    estimated_delivery_price: Number | str | None = None  # "expired" after expiry
    delivery_price: MaybeNumber = None
    current_funding: MaybeNumber = None
    underlying_price: MaybeNumber = None
    mark_iv: MaybeNumber = None
    bid_iv: MaybeNumber = None
    ask_iv: MaybeNumber = None
    greeks: Greeks | None = None
    stats: Stats | None = None  # some frames have none


class Trade(Struct, gc=False):
    """One trade of a notification or of a page; `trade_id` and `tick_direction` are not kept."""

    trade_seq: Id
    timestamp: Milliseconds
    instrument_name: Symbol
    price: Number  # below 0 for some combos
    amount: Positive
    direction: Literal["buy", "sell"]  # of the taker
    mark_price: MaybeNumber = None
    index_price: MaybeNumber = None
    iv: MaybeNumber = None
    liquidation: str | None = None
    block_trade_id: str | int | None = None
    combo_id: str | None = None


class Level(Struct, gc=False, array_like=True):
    action: Literal["new", "change", "delete"]
    price: Number
    amount: NotNegative


class Book(Struct, gc=False):
    timestamp: Milliseconds
    instrument_name: Symbol
    change_id: Id
    bids: list[Level]
    asks: list[Level]
    type: Literal["snapshot", "change"] | None = None  # absent in 2019
    prev_change_id: Id | None = None  # absent or 0: a snapshot, whatever `type` says (frames of 2019 and 2021)


class IndexPrice(Struct, gc=False):
    timestamp: Milliseconds
    index_name: Symbol
    price: Positive


class PlatformState(Struct, gc=False):
    """Locks of single indices say nothing of maintenance."""

    maintenance: bool | None = None


class Params(Struct, Generic[T], gc=False):
    channel: str
    data: T


class Notification(Struct, Generic[T], gc=False):
    method: Literal["subscription"]
    params: Params[T]


class Trades(Struct, gc=False):
    """A notification of trades: `data` is an array."""

    method: Literal["subscription"]
    params: Params[Annotated[list[Trade], Meta(min_length=1)]]


#: First words of channels that exist and are left out when one comes on a channel that is not its own.
KNOWN_FAMILIES = frozenset(
    (
        *("announcements", "block_rfq", "block_trade_confirmations", "book", "chart", "deribit_price_index", "deribit_price_ranking"),
        *("deribit_price_statistics", "deribit_volatility_index", "estimated_expiration_price", "incremental_ticker", "instrument"),
        *("markprice", "perpetual", "platform_state", "quote", "rfq", "ticker", "trades"),
    )
)


class Fault(Struct):
    code: Any = None
    message: Any = None
    data: Any = None


class HeartbeatParams(Struct):
    type: str = ""


class Answer(Struct):
    """A frame without a channel: the answer to a request, or a heartbeat."""

    id: int | str | None = None
    method: str = ""
    params: Raw = Raw(b"")
    result: Raw = Raw(b"")
    error: Fault | str | None = None


class Tokens(Struct):
    """What a login gives, as far as it is used; documented lives are a year and ten."""

    refresh_token: str = ""
    expires_in: float = 0.0
    scope: str = ""  # words such as trade:read_write

    def __repr__(self) -> str:
        return "Tokens(…)"

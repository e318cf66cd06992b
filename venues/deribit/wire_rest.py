"""Replies of Deribit's REST methods as the venue documents them; names and case are the venue's. wire.py has what sockets send."""

from decimal import Decimal
from typing import Any, Generic, Literal, TypeVar

from msgspec import Raw, Struct

from venues.decoding import Id, Milliseconds, NotNegative, Number, Positive, Symbol
from venues.deribit.wire import MaybeNumber

T = TypeVar("T")


class Reply(Struct, Generic[T]):
    """{"jsonrpc", "result", "usIn", "usOut", ...} of a REST call."""

    result: T


class Status(Struct):
    locked: bool | str


class IndexResult(Struct):
    index_price: Positive


class IndexReply(Struct):
    result: IndexResult
    usOut: Id


class TradesPage(Struct):
    trades: list[Raw]
    has_more: bool = False


class Candles(Struct):
    """get_tradingview_chart_data: parallel arrays."""

    status: str
    ticks: list[Any] = []
    open: list[Any] = []
    high: list[Any] = []
    low: list[Any] = []
    close: list[Any] = []
    volume: list[Any] = []
    cost: list[Any] = []


class Candle(Struct, gc=False, array_like=True):
    tick: Milliseconds
    open: Number
    high: Number
    low: Number
    close: Number
    volume: NotNegative
    cost: MaybeNumber


class FundingRate(Struct, gc=False):
    timestamp: Milliseconds
    interest_1h: Number


class BookSummary(Struct, gc=False):
    instrument_name: Symbol
    creation_timestamp: Milliseconds
    bid_price: MaybeNumber = None
    ask_price: MaybeNumber = None
    mid_price: MaybeNumber = None
    mark_price: MaybeNumber = None
    last: MaybeNumber = None
    open_interest: NotNegative | None = None
    volume: NotNegative | None = None
    volume_usd: NotNegative | None = None
    mark_iv: MaybeNumber = None
    underlying_price: MaybeNumber = None
    interest_rate: MaybeNumber = None
    estimated_delivery_price: Number | str | None = None
    current_funding: MaybeNumber = None


class Settlement(Struct, gc=False):
    """Sums over all who held the instrument. Bankruptcies name no instrument and are not asked for."""

    type: Literal["settlement", "delivery"]
    timestamp: Milliseconds
    instrument_name: Symbol
    index_price: MaybeNumber = None
    mark_price: MaybeNumber = None
    position: MaybeNumber = None
    profit_loss: MaybeNumber = None
    session_profit_loss: MaybeNumber = None
    funding: MaybeNumber = None


class SettlementsPage(Struct):
    settlements: list[Raw]
    continuation: str = ""  # "none" on the last page


class DeliveryPrice(Struct, gc=False):
    date: str
    delivery_price: Positive


class DeliveryPrices(Struct):
    data: list[Raw]


class Instrument(Struct):
    """One entry of get_instruments, as far as it becomes columns; DOCUMENTED lists what is kept as attributes."""

    instrument_name: Symbol
    kind: str
    base_currency: str
    quote_currency: str
    tick_size: Decimal
    state: str | None = None  # since 2026-01-13
    is_active: bool = True
    settlement_period: str | None = None
    settlement_currency: str | None = None
    instrument_type: str | None = None  # linear or reversed
    future_type: str | None = None  # the same, deprecated
    min_trade_amount: Decimal | None = None
    lot_size: Decimal | None = None
    creation_timestamp: int | None = None
    expiration_timestamp: int | None = None


DOCUMENTED = (
    *("instrument_id", "kind", "counter_currency", "settlement_currency", "settlement_period", "instrument_type", "future_type"),
    *("option_type", "strike", "contract_size", "min_trade_amount", "tick_size_steps", "price_index", "underlying_type", "max_leverage"),
    *("maker_commission", "taker_commission", "block_trade_commission", "block_trade_min_trade_amount", "block_trade_tick_size"),
    "max_liquidation_commission",
)

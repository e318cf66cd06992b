"""Binance USD-M frames and replies as the venue documents them, told apart by `e`; names and case are the venue's.

Documents: developers.binance.com, USD-M futures, as seen in the official SDK 18.1.0 of October 2026. Fields we do not use are
left out; the decoder skips what it does not know, so a new field changes nothing.
"""

from typing import Annotated, Any, Literal

from msgspec import Meta, Raw, Struct

from venues.decoding import Id, Milliseconds, NotNegative, Number, Positive, SignedId, Symbol

#: `st` since 2026-06-30: 1 is USD-M, 2 is COIN-M, which this venue does not record.
COIN_M = 2


class PlainBookTicker(Struct, gc=False, tag_field="e", tag="bookTicker"):
    """What nearly every bookTicker is; any other is read as a BookTicker, at leisure."""

    u: Id
    s: Symbol
    b: NotNegative
    B: NotNegative
    a: NotNegative
    A: NotNegative
    T: Milliseconds
    st: Literal[1] = 1


class BookTicker(Struct, gc=False, tag_field="e", tag="bookTicker"):
    u: Id
    s: Symbol
    b: NotNegative
    B: NotNegative
    a: NotNegative
    A: NotNegative
    T: Milliseconds | None = None  # absent in the venue's oldest frames
    E: Milliseconds | None = None
    st: int = 1


class PlainAggTrade(Struct, gc=False, tag_field="e", tag="aggTrade"):
    """What nearly every aggTrade is; any other is read as an AggTrade, at leisure."""

    a: Id
    s: Symbol
    p: Positive
    q: Positive
    T: Milliseconds
    m: bool
    f: SignedId | None = None
    l: SignedId | None = None
    nq: NotNegative | None = None  # since 2025-12-31
    st: Literal[1] = 1


class AggTrade(Struct, gc=False, tag_field="e", tag="aggTrade"):
    a: Id
    s: Symbol
    p: Positive
    q: Positive
    T: Milliseconds
    m: bool
    f: SignedId | None = None
    l: SignedId | None = None
    nq: NotNegative | None = None
    st: int = 1


class CombinedBookTicker(Struct, gc=False):
    data: PlainBookTicker


class CombinedAggTrade(Struct, gc=False):
    data: PlainAggTrade


class Wrapper(Struct, gc=False):
    """{"stream": name, "data": payload}, with the payload not yet read."""

    data: Raw


class Event(Struct, gc=False):
    e: str
    st: int = 1


class Fault(Struct):
    code: Any = None
    msg: Any = None


class Answer(Struct):
    """A frame that answers a request, or announces the end: everything that is not market data."""

    id: int | str | None = None
    result: Raw = Raw(b"")
    error: Fault | str | None = None
    code: Any = None
    msg: Any = None
    e: str = ""
    event: Event | None = None


#: Events of other streams: known, and left out when one comes on a channel that is not its own.
KNOWN_EVENTS = frozenset(
    (
        *("24hrMiniTicker", "24hrTicker", "aggTrade", "assetIndexUpdate", "bookTicker", "compositeIndex", "continuous_kline"),
        *("contractInfo", "depthUpdate", "forceOrder", "indexPriceUpdate", "kline", "markPriceUpdate", "rpiDepthUpdate"),
        *("serverShutdown", "trade", "tradingSession"),
    )
)

#: Everything a number can be spelt as where the venue writes "" for "there is none".
MaybeNumber = Number | Literal[""] | None
Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class AggTradeRow(Struct, gc=False):
    """GET /fapi/v1/aggTrades; the symbol is in the request."""

    a: Id
    p: Positive
    q: Positive
    T: Milliseconds
    m: bool
    f: SignedId | None = None
    l: SignedId | None = None
    nq: NotNegative | None = None


class Kline(Struct, gc=False, array_like=True):
    """GET /fapi/v1/klines; the last element of twelve is documented as to be ignored."""

    openTime: Milliseconds
    open: Number
    high: Number
    low: Number
    close: Number
    volume: Number
    closeTime: Milliseconds
    quoteVolume: Number
    trades: Count
    takerBase: Number
    takerQuote: Number


class FundingRate(Struct, gc=False):
    symbol: Symbol
    fundingRate: Number
    fundingTime: Milliseconds
    markPrice: MaybeNumber = None  # "" in rows of before 2023
    st: int = 1


class PremiumIndex(Struct, gc=False):
    symbol: Symbol
    time: Milliseconds
    markPrice: MaybeNumber = None
    indexPrice: MaybeNumber = None
    estimatedSettlePrice: MaybeNumber = None
    lastFundingRate: MaybeNumber = None  # "" for dated contracts
    interestRate: MaybeNumber = None
    nextFundingTime: int | None = None  # 0 where none is scheduled
    st: int = 1


class OpenInterest(Struct, gc=False):
    symbol: Symbol
    openInterest: NotNegative
    time: Milliseconds


class ExchangeInfo(Struct):
    symbols: list[Raw]


class SymbolInfo(Struct):
    """One entry of exchangeInfo, as far as it becomes columns; DOCUMENTED lists what is kept as attributes."""

    symbol: Symbol
    status: str
    contractType: str | None = None
    baseAsset: str | None = None
    quoteAsset: str | None = None
    onboardDate: int | None = None
    deliveryDate: int | None = None
    filters: list[dict[str, Any]] = []
    st: int = 1


DOCUMENTED = (
    *("pair", "marginAsset", "maintMarginPercent", "requiredMarginPercent", "pricePrecision", "quantityPrecision"),
    *("baseAssetPrecision", "quotePrecision", "underlyingType", "underlyingSubType", "settlePlan", "triggerProtect"),
    *("liquidationFee", "marketTakeBound", "maxMoveOrderLimit", "filters", "orderTypes", "timeInForce", "permissionSets"),
)


class TradedSymbol(Struct):
    """One entry of exchangeInfo, as far as the choice of instruments needs it."""

    symbol: Symbol
    status: str = ""
    contractType: str = ""
    marginAsset: str = ""


class Ticker24h(Struct):
    symbol: Symbol
    quoteVolume: NotNegative

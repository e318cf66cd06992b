"""Kalshi's replies as the venue documents them (OpenAPI 3.34.0); names and case are the venue's. Not strict: decimals are strings."""

from datetime import datetime
from typing import Annotated

from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from venues.decoding import NotNegative, Positive, Symbol
from venues.kalshi.wire import Book, Level, Price, Seconds, Side, Uuid


class PriceRange(Struct):
    start: str
    end: str
    step: str


class Market(Struct):
    """As far as it becomes columns; DOCUMENTED lists what is kept as attributes."""

    ticker: Symbol
    event_ticker: str
    status: str
    market_type: str = "binary"
    title: str = ""
    yes_sub_title: str = ""
    open_time: datetime | None = None
    close_time: datetime | None = None
    updated_time: datetime | None = None
    settlement_ts: datetime | None = None
    rules_primary: str = ""
    rules_secondary: str = ""
    price_ranges: list[PriceRange] = []
    result: str = ""
    settlement_value_dollars: Price | None = None


DOCUMENTED = (
    *("status", "market_type", "yes_sub_title", "no_sub_title", "expected_expiration_time", "latest_expiration_time"),
    *("settlement_timer_seconds", "settlement_bounds_type", "settlement_floor_dollars", "can_close_early", "early_close_condition"),
    *("strike_type", "floor_strike", "cap_strike", "functional_strike", "custom_strike", "price_level_structure", "price_ranges"),
    *("notional_value_dollars", "fee_waiver_expiration_time", "mve_collection_ticker", "mve_selected_legs", "is_provisional"),
    *("exchange_index", "occurrence_datetime"),
)


class SettlementSource(Struct):
    name: str | None = None
    url: str | None = None


class Event(Struct):
    event_ticker: str
    series_ticker: str
    title: str = ""
    settlement_sources: list[SettlementSource] | None = None
    markets: list[Raw] | None = None


#: What is kept of an event with each of its markets.
OF_EVENT = (
    "title",
    "sub_title",
    "category",
    "mutually_exclusive",
    "collateral_return_type",
    "fee_type_override",
    "fee_multiplier_override",
)


class Series(Struct):
    ticker: Symbol
    title: str = ""


OF_SERIES = (
    *("title", "category", "categories", "tags", "frequency", "fee_type", "fee_multiplier", "settlement_sources", "contract_terms_url"),
    *("contract_url", "additional_prohibitions", "exchange_index"),
)


class FeeChange(Struct):
    """Of a series, or of an event that goes its own way; there null takes back what was said before."""

    id: Symbol
    series_ticker: str
    scheduled_ts: datetime
    event_ticker: str | UnsetType = UNSET
    fee_type: str | UnsetType = UNSET
    fee_multiplier: float | UnsetType = UNSET
    fee_type_override: str | UnsetType | None = UNSET
    fee_multiplier_override: float | UnsetType | None = UNSET


class Quoted(Struct, gc=False):
    """A market as far as its prices go."""

    ticker: Symbol
    yes_bid_dollars: Price | None = None
    yes_bid_size_fp: NotNegative | None = None
    yes_ask_dollars: Price | None = None
    yes_ask_size_fp: NotNegative | None = None
    last_price_dollars: Price | None = None
    volume_24h_fp: NotNegative | None = None
    open_interest_fp: NotNegative | None = None


class Ranked(Struct, gc=False):
    """A market as far as its rank goes."""

    ticker: Symbol
    close_time: datetime | None = None
    volume_fp: NotNegative | None = None
    volume_24h_fp: NotNegative | None = None
    open_interest_fp: NotNegative | None = None


class Fill(Struct, gc=False):
    """One trade of a page."""

    trade_id: Uuid
    ticker: Symbol
    count_fp: Positive
    yes_price_dollars: Annotated[float, Meta(gt=0, le=1)]
    created_time: datetime
    taker_outcome_side: Side | None = None
    taker_side: Side | None = None
    is_block_trade: bool | None = None


class Levels(Struct):
    """Bids of both sides, each in prices of its own."""

    yes_dollars: list[Level] | None = None
    no_dollars: list[Level] | None = None

    def book(self, ticker: str) -> Book:
        return Book(ticker, self.yes_dollars or [], self.no_dollars or [])


class OneBook(Struct):
    orderbook_fp: Levels


class TickerBook(Struct):
    ticker: Symbol
    orderbook_fp: Levels


class Prices(Struct):
    """open, high, low and close of what traded in an interval, null where nothing did; the archive writes them without a suffix."""

    open_dollars: Price | None = None
    high_dollars: Price | None = None
    low_dollars: Price | None = None
    close_dollars: Price | None = None
    open: Price | None = None
    high: Price | None = None
    low: Price | None = None
    close: Price | None = None


class Candle(Struct):
    end_period_ts: Seconds
    price: Prices
    volume_fp: NotNegative | None = None
    volume: NotNegative | None = None


class MarketCandles(Struct):
    """Under either name, as a reply about one market or about many has it."""

    candlesticks: list[Raw]
    market_ticker: str = ""
    ticker: str = ""


class Status(Struct):
    exchange_active: bool
    trading_active: bool


class Window(Struct):
    start_datetime: datetime
    end_datetime: datetime


class Schedule(Struct):
    maintenance_windows: list[Raw]


class ScheduleReply(Struct):
    schedule: Schedule


class Bucket(Struct):
    refill_rate: Annotated[float, Meta(gt=0)]
    bucket_capacity: Annotated[float, Meta(gt=0)]


class AccountLimits(Struct):
    read: Bucket

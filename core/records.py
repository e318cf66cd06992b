"""The vocabulary: one Kind a table of market data, each column with its unit and meaning. Pure: imports nothing of ours.

Two clocks stand beside each other in every kind and are never mixed: `event_at` is the venue's, `received_at` is ours, taken at
the socket. Between decoder and COPY a timestamp is an int64 of microseconds since 1970 UTC, and a batch is a Columns value.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

#: column name -> array or list of equal length. `instrument_id` is filled in by the writer from `symbol`; None marks an absent value.
Columns = Mapping[str, Any]

BUY, SELL = 1, -1


@dataclass(frozen=True, slots=True)
class Column:
    """One column: `type` is a PostgreSQL type name (timestamptz, int8, int4, int2, float8, bool, text, jsonb)."""

    name: str
    type: str
    meaning: str
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class Kind:
    """One table of market data; `key` is the natural key that makes a second copy of a row a no-op.

    `sequence` names the column whose values rise by exactly one per instrument where the venue proves completeness.
    `revises` is true where a later copy of a key replaces the earlier one (a candle that was still open).
    """

    name: str
    meaning: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    sequence: str | None = None
    revises: bool = False
    #: (previous, own): each update names the one before it, per instrument; a break proves a loss of unknown size
    chain: tuple[str, str] | None = None
    #: the kind that holds whole states of what a chain changes, numbered alike: after one, the chain goes on from there
    states: str | None = None


def _kind(
    name: str,
    meaning: str,
    *columns: Column,
    key: tuple[str, ...] = (),
    sequence: str | None = None,
    revises: bool = False,
    chain: tuple[str, str] | None = None,
    states: str | None = None,
) -> Kind:
    return Kind(name, meaning, (*_HEAD, *columns), ("instrument_id", "event_at", *key), sequence, revises, chain, states)


_HEAD = (
    Column("event_at", "timestamptz", "venue's clock; which of the venue's times it is, the venue's README says"),
    Column("received_at", "timestamptz", "our clock at the socket, or when the reply arrived"),
    Column("instrument_id", "int4", "instruments.instrument_id"),
)

TRADES = _kind(
    "trades",
    "one row per trade (or per aggregate, where the venue publishes aggregates)",
    Column("trade_id", "int8", "venue's number of the trade; Binance: aggregate id, rising by one per symbol"),
    Column("price", "float8", "price in quote units; never 0"),
    Column("quantity", "float8", "amount in base units (contracts where the venue trades contracts); never 0"),
    Column("side", "int2", "side of the taker: 1 bought, -1 sold"),
    Column("quantity_without_rpi", "float8", "Binance `nq`: quantity without retail-price-improvement fills; 0 is a value", nullable=True),
    Column("first_trade_id", "int8", "first single trade inside the aggregate", nullable=True),
    Column("last_trade_id", "int8", "last single trade inside the aggregate; ids between are not contiguous", nullable=True),
    Column("mark_price", "float8", "mark price at the trade, in the unit of price", nullable=True),
    Column("index_price", "float8", "index price at the trade", nullable=True),
    Column("implied_volatility", "float8", "of an option, percent", nullable=True),
    Column("flags", "int2", "1 liquidation, 2 block trade, 4 leg of a combo; absent where the venue does not say", nullable=True),
    Column("venue_trade_id", "text", "the venue's id where it is no number; trade_id is then 63 bits of it", nullable=True),
    key=("trade_id",),
    sequence="trade_id",
)

QUOTES = _kind(
    "quotes",
    "best bid and ask, one row per change",
    Column(
        "update_id", "int8", "venue's number of the book update; rises, with holes that prove nothing; Kalshi: of its change, 0 of a state"
    ),
    Column("bid_price", "float8", "best bid; 0 means that side is empty"),
    Column("bid_quantity", "float8", "amount at the best bid, base units"),
    Column("ask_price", "float8", "best ask; 0 means that side is empty"),
    Column("ask_quantity", "float8", "amount at the best ask, base units"),
    key=("update_id",),
)

CANDLES = _kind(
    "candles",
    "open, high, low, close of one interval; event_at is the interval's opening",
    Column("interval_seconds", "int4", "length of the interval"),
    Column("open", "float8", "first price"),
    Column("high", "float8", "highest price"),
    Column("low", "float8", "lowest price"),
    Column("close", "float8", "last price"),
    Column("volume", "float8", "base units traded; 0 is a value"),
    Column("quote_volume", "float8", "quote units traded", nullable=True),
    Column("trades", "int8", "number of single trades", nullable=True),
    Column("taker_buy_volume", "float8", "base units bought by takers", nullable=True),
    Column("taker_buy_quote_volume", "float8", "quote units spent by buying takers", nullable=True),
    Column("closed", "bool", "false while the interval was still running when it was fetched"),
    key=("interval_seconds",),
    revises=True,
)

TICKERS = _kind(
    "tickers",
    "what the venue computes about an instrument at an instant",
    Column("mark_price", "float8", "mark price", nullable=True),
    Column("index_price", "float8", "index price", nullable=True),
    Column("settlement_price", "float8", "venue's estimate of the settlement price; means something in the last hour only", nullable=True),
    Column("funding_rate", "float8", "fraction per funding interval, as estimated now", nullable=True),
    Column("interest_rate", "float8", "fraction per funding interval", nullable=True),
    Column("next_funding_at", "timestamptz", "when funding is exchanged next; absent where none is scheduled", nullable=True),
    Column("last_price", "float8", "price of the last trade", nullable=True),
    Column("open_interest", "float8", "outstanding, in the instrument's amount unit", nullable=True),
    Column("volume", "float8", "traded in 24 hours, in base units", nullable=True),
    Column("underlying_price", "float8", "of an option: the price its model uses", nullable=True),
    Column("mark_iv", "float8", "implied volatility of the mark price, percent", nullable=True),
    Column("bid_iv", "float8", "implied volatility of the best bid, percent; absent where there is no bid", nullable=True),
    Column("ask_iv", "float8", "implied volatility of the best ask, percent; absent where there is no ask", nullable=True),
    Column("delta", "float8", "change of the option's price per unit of the underlying", nullable=True),
    Column("gamma", "float8", "change of delta per unit of the underlying", nullable=True),
    Column("vega", "float8", "change of the price per percent of volatility", nullable=True),
    Column("theta", "float8", "change of the price per day", nullable=True),
    Column("rho", "float8", "change of the price per percent of interest", nullable=True),
    Column("bid_price", "float8", "best bid, where the ticker carries it; absent: none", nullable=True),
    Column("bid_quantity", "float8", "amount at the best bid", nullable=True),
    Column("ask_price", "float8", "best ask, where the ticker carries it; absent: none", nullable=True),
    Column("ask_quantity", "float8", "amount at the best ask", nullable=True),
)

FUNDING_RATES = _kind(
    "funding_rates",
    "funding as exchanged; event_at is the funding time",
    Column("funding_rate", "float8", "fraction per funding interval; 0 is a value"),
    Column("mark_price", "float8", "mark price at the funding time; absent in old rows", nullable=True),
)

OPEN_INTEREST = _kind(
    "open_interest",
    "contracts outstanding",
    Column("open_interest", "float8", "base units (contracts where the venue trades contracts)"),
)

BOOK_DELTAS = _kind(
    "book_deltas",
    "one row per price level that changed; quantity is absolute, 0 removes the level",
    Column(
        "update_id",
        "int8",
        "venue's number of the change; Deribit: change_id, one counter for many instruments; Kalshi: the n-th of its book at event_at",
    ),
    Column("previous_id", "int8", "number of the change before it on this instrument; absent where the venue names none", nullable=True),
    Column("side", "int2", "1 bid, -1 ask"),
    Column("price", "float8", "price level"),
    Column("quantity", "float8", "what stands there now; 0: nothing"),
    key=("update_id", "side", "price"),
    chain=("previous_id", "update_id"),
    states="book_snapshots",
)

BOOK_SNAPSHOTS = _kind(
    "book_snapshots",
    "one row per price level of a whole book",
    Column("update_id", "int8", "venue's number of the state"),
    Column("side", "int2", "1 bid, -1 ask"),
    Column("price", "float8", "price level"),
    Column("quantity", "float8", "what stands there"),
    key=("update_id", "side", "price"),
)

INDEX_PRICES = _kind(
    "index_prices",
    "price of an index; instrument_id is that of the index itself",
    Column("price", "float8", "index price in quote units"),
)

BOOK_SUMMARIES = _kind(
    "book_summaries",
    "a whole chain in one answer: what the venue says of each listed instrument at an instant, without greeks",
    Column("bid_price", "float8", "best bid; absent: none", nullable=True),
    Column("ask_price", "float8", "best ask; absent: none", nullable=True),
    Column("mid_price", "float8", "between the two; absent where a side is empty", nullable=True),
    Column("mark_price", "float8", "mark price", nullable=True),
    Column("last_price", "float8", "price of the last trade", nullable=True),
    Column("open_interest", "float8", "outstanding, in the instrument's amount unit", nullable=True),
    Column("volume", "float8", "traded in 24 hours, in base units", nullable=True),
    Column("volume_usd", "float8", "the same in USD", nullable=True),
    Column("mark_iv", "float8", "of an option: implied volatility of the mark price, percent", nullable=True),
    Column("underlying_price", "float8", "of an option: the price its model uses", nullable=True),
    Column("interest_rate", "float8", "of an option: the interest its model uses, fraction", nullable=True),
    Column("settlement_price", "float8", "venue's estimate of the price of delivery", nullable=True),
    Column("funding_rate", "float8", "of a perpetual: fraction for 8 hours, as it is now", nullable=True),
)

SETTLEMENTS = _kind(
    "settlements",
    "what a daily settlement or a delivery came to, summed over all who held the instrument",
    Column("type", "text", "settlement (daily) or delivery (at expiry)"),
    Column("index_price", "float8", "index price it was settled by", nullable=True),
    Column("mark_price", "float8", "price of the instrument it was settled at, in its price unit", nullable=True),
    Column("position", "float8", "amount that was settled, in the instrument's amount unit", nullable=True),
    Column("profit_loss", "float8", "realised by it, in the settlement currency", nullable=True),
    Column("session_profit_loss", "float8", "of the whole session, realised or not, in the settlement currency", nullable=True),
    Column("funding", "float8", "of a perpetual: funding of the session, in the settlement currency", nullable=True),
    key=("type",),
)

DELIVERY_PRICES = _kind(
    "delivery_prices",
    "price that what expires on a day is delivered at; instrument_id is that of the index, event_at the moment of delivery",
    Column("price", "float8", "mean of the index before the delivery, in quote units"),
)

PRICES = _kind(
    "prices",
    "prices of one instant, asked for on the schedule",
    Column("bid_price", "float8", "best bid; absent: none", nullable=True),
    Column("bid_quantity", "float8", "amount at the best bid", nullable=True),
    Column("ask_price", "float8", "best ask; absent: none", nullable=True),
    Column("ask_quantity", "float8", "amount at the best ask", nullable=True),
    Column("last_price", "float8", "price of the last trade", nullable=True),
)

RESOLUTIONS = _kind(
    "resolutions",
    "what a source says about the result of a prediction market; event_at is the source's time of saying so",
    Column("source", "text", "who says so, as named in the venue's README"),
    Column("status", "text", "proposed, disputed, determined, resolved or void; only `resolved` and `void` are final"),
    Column("payout", "float8", "what one unit of the instrument pays, quote units; absent until it is known", nullable=True),
    key=("source", "status"),
)

KINDS = {
    kind.name: kind
    for kind in (
        TRADES,
        QUOTES,
        CANDLES,
        TICKERS,
        FUNDING_RATES,
        OPEN_INTEREST,
        BOOK_DELTAS,
        BOOK_SNAPSHOTS,
        INDEX_PRICES,
        BOOK_SUMMARIES,
        SETTLEMENTS,
        DELIVERY_PRICES,
        PRICES,
        RESOLUTIONS,
    )
}

#: What decoders return beside kinds, for the writer's books (tasks/replay.py). Each has event_at, received_at, symbol and `frame`, the
#: row's place in the batch, which rows of book_snapshots and book_deltas have too where a channel has `book_tops`; and besides
#: BOOK_STATES: update_id (of the quote it makes); one row a whole state, before its levels, so that an empty book is told as well;
#: BOOK_CHANGES: side (1 bid, -1 ask), price, change (signed quantity to add to the level); the replay numbers those of a book and time;
#: BOOK_CLAIMS: bid_price, ask_price, what the venue says the top is after everything before it in the stream (0: no such side);
#: BOOK_EPOCHS: nothing more; from there on the venue keeps the book under other rules, and its whole state is asked for.
BOOK_STATES, BOOK_CHANGES, BOOK_CLAIMS, BOOK_EPOCHS = "book_states", "book_changes", "book_claims", "book_epochs"


@dataclass(frozen=True, slots=True)
class Instrument:
    """What can be traded, as the venue describes it now. A change in any field but `attributes` order is a new row of history."""

    symbol: str
    status: str
    base_asset: str | None = None
    quote_asset: str | None = None
    contract_type: str | None = None
    tick_size: str | None = None
    lot_size: str | None = None
    listed_at_us: int | None = None
    expires_at_us: int | None = None
    attributes: Mapping[str, Any] | None = None
    amount_unit: str | None = None  # what an amount of it counts, a volume and an open interest too where nothing else is said
    price_unit: str | None = None  # what a price of it is in, for one unit of the base asset


@dataclass(frozen=True, slots=True)
class Market:
    """A question that is traded as one instrument an outcome. A change in any field is a new row of history.

    `outcomes`: (symbol of the instrument, name of the outcome). `rules`: the text that decides. `status`: upcoming, active, paused,
    closed (trading is over, the result is not final) or resolved; the venue's own word belongs into `attributes`.
    """

    market_id: str
    title: str
    status: str
    outcomes: tuple[tuple[str, str], ...]
    rules: str | None = None
    event_id: str | None = None
    series_id: str | None = None
    opens_at_us: int | None = None
    closes_at_us: int | None = None
    resolution_source: str | None = None
    attributes: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Pause:
    """A time in which the venue does not trade and says so. `until_us` is absent while nobody knows; a later word replaces it."""

    since_us: int
    reason: str
    until_us: int | None = None

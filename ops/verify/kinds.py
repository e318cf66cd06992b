"""What is compared of each kind. A ledger is compared as far as its columns go; of two comparisons of a kind the first that fits counts."""

from dataclasses import replace

from ops.verify.compared import Comparison, Value

TRADES = Comparison(
    "trades",
    (
        Value("price", "price", "float8"),
        Value("quantity", "quantity", "float8"),
        Value("buyer_maker", "side", "int2", flag_to_side=True),
        Value("quantity_no_rpi", "quantity_without_rpi", "float8", nullable=True),
        Value("first_id", "first_trade_id", "int8", nullable=True),
        Value("last_id", "last_trade_id", "int8", nullable=True),
        Value("mark_price", "mark_price", "float8", nullable=True),
        Value("index_price", "index_price", "float8", nullable=True),
        Value("iv", "implied_volatility", "float8", nullable=True, zero_is_absent=True),
        Value("flags", "flags", "int2", nullable=True),
    ),
    ledger_id="id",
    table_id="trade_id",
)
#: Where the venue numbers no trades, and a number is made of what identifies one.
HASHED_TRADES = Comparison(
    "trades", (Value("trade_id", "trade_id", "int8"), TRADES.values[0], TRADES.values[1], TRADES.values[2]), identity=("trade_id",)
)
_BEST = (
    Value("bid", "bid_price", "float8"),
    Value("bid_quantity", "bid_quantity", "float8"),
    Value("ask", "ask_price", "float8"),
    Value("ask_quantity", "ask_quantity", "float8"),
)
QUOTES = Comparison("quotes", _BEST, ledger_id="update_id", table_id="update_id")
#: Where quotes are tops of books whose states have a hash for a number.
HASHED_QUOTES = Comparison("quotes", (Value("hash", "update_id", "int8"), *_BEST), identity=("update_id",))
#: Where the venue numbers no quotes.
UNNUMBERED_QUOTES = Comparison("quotes", _BEST, identity=tuple(value.table for value in _BEST))
_GREEKS = ("delta", "gamma", "vega", "theta", "rho")
TICKERS = Comparison(
    "tickers",
    (
        *(Value(name, name, "float8", nullable=True) for name in ("mark_price", "index_price", "underlying_price", "last_price")),
        *(Value(name, name, "float8", nullable=True) for name in ("open_interest", "volume", *_GREEKS)),
        *(Value(name, name, "float8", nullable=True, zero_is_absent=True) for name in ("mark_iv", "bid_iv", "ask_iv")),
        *(Value(value.ledger, value.table, "float8", nullable=True, zero_is_absent=True) for value in _BEST),
        Value("funding", "funding_rate", "float8", nullable=True),
    ),
)
_LEVEL = (
    Value("update_id", "update_id", "int8"),
    Value("side", "side", "int2"),
    Value("price", "price", "float8"),
    Value("quantity", "quantity", "float8"),
)
_LEVEL_IDENTITY = ("update_id", "side", "price")
BOOK_DELTAS = Comparison(
    "book_deltas",
    (*_LEVEL, Value("previous_id", "previous_id", "int8")),
    identity=_LEVEL_IDENTITY,
    only=("previous_id", False),
    frame_is_moment=True,
)
#: Levels of a whole book stand among the changes and follow nothing.
BOOK_SNAPSHOTS = Comparison(
    "book_snapshots",
    _LEVEL,
    identity=_LEVEL_IDENTITY,
    ledger_kind="book_deltas",
    only=("previous_id", True),
    frame_is_moment=True,
)
#: Where changes name no change before them, and whole books have records of their own.
FREE_DELTAS = replace(BOOK_DELTAS, values=_LEVEL, only=None, told_again=True)
FREE_SNAPSHOTS = replace(BOOK_SNAPSHOTS, ledger_kind="", only=None, told_again=True)
COMPARISONS = (
    *(HASHED_TRADES, TRADES),
    *(HASHED_QUOTES, QUOTES, UNNUMBERED_QUOTES),
    TICKERS,
    *(BOOK_DELTAS, FREE_DELTAS),
    *(BOOK_SNAPSHOTS, FREE_SNAPSHOTS),
)

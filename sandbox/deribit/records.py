"""Records of the ledger's kinds for Deribit. Fields that Binance has too keep their names and meaning."""

import numpy as np

TRADE = np.dtype(
    [
        ("symbol", "<u4"),
        ("id", "<i8"),  # trade_seq
        ("event_us", "<i8"),
        ("sent_us", "<i8"),
        ("price", "<f8"),
        ("quantity", "<f8"),
        ("quantity_no_rpi", "<f8"),  # NaN: the venue has no such thing
        ("first_id", "<i8"),  # -1: the same
        ("last_id", "<i8"),
        ("buyer_maker", "u1"),
        ("trade_number", "<i8"),  # the digits of trade_id
        ("mark_price", "<f8"),
        ("index_price", "<f8"),
        ("iv", "<f8"),  # NaN unless an option
        ("tick_direction", "u1"),
        ("flags", "u1"),  # 1 liquidation, 2 block trade, 4 leg of a combo
        ("delivered", "<u2"),
        ("fault", "u1"),
    ]
)
QUOTE = np.dtype(
    [
        ("symbol", "<u4"),
        ("number", "<i8"),  # our own; the venue sends none
        ("event_us", "<i8"),
        ("sent_us", "<i8"),
        ("bid", "<f8"),  # 0: that side is empty, null on the wire
        ("bid_quantity", "<f8"),
        ("ask", "<f8"),
        ("ask_quantity", "<f8"),
        ("delivered", "<u2"),
        ("fault", "u1"),
    ]
)
GREEKS = ("delta", "gamma", "vega", "theta", "rho")
TICKER_VALUES = (
    *("mark_price", "index_price", "underlying_price", "last_price", "open_interest", "volume"),
    *("mark_iv", "bid_iv", "ask_iv", *GREEKS, "funding"),
)
TICKER = np.dtype(
    [
        ("symbol", "<u4"),
        ("number", "<i8"),  # our own
        ("event_us", "<i8"),
        ("sent_us", "<i8"),
        ("interval", "u1"),  # place in channels.INTERVALS; behind them: asked for over HTTP, and on no socket
        *((name, "<f8") for name in TICKER_VALUES),  # NaN: null, or not a field of this kind of instrument
        ("bid", "<f8"),
        ("bid_quantity", "<f8"),
        ("ask", "<f8"),
        ("ask_quantity", "<f8"),
        ("delivered", "<u2"),
        ("fault", "u1"),
    ]
)
DELTA = np.dtype(
    [
        ("symbol", "<u4"),
        ("update_id", "<i8"),  # change_id
        ("previous_id", "<i8"),  # prev_change_id as it was sent; -1 for a level of a snapshot
        ("event_us", "<i8"),
        ("sent_us", "<i8"),
        ("interval", "u1"),
        ("side", "i1"),  # 1 bid, -1 ask
        ("price", "<f8"),
        ("quantity", "<f8"),
        ("delivered", "<u2"),
        ("fault", "u1"),
    ]
)
FRAME = np.dtype([("symbol", "<u4"), ("event_us", "<i8"), ("sent_us", "<i8"), ("delivered", "<u2"), ("fault", "u1")])
LIQUIDATION, BLOCK, COMBO = 1, 2, 4
KINDS = {"trades": TRADE, "quotes": QUOTE, "tickers": TICKER, "book_deltas": DELTA}

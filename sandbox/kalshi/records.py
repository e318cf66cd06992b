"""Records of the ledger's kinds for Kalshi. Fields that other venues have too keep their names and meaning."""

import numpy as np

TRADE = np.dtype(
    [
        ("symbol", "<u4"),
        ("trade_id", "<i8"),  # its first 63 bits
        ("event_us", "<i8"),  # ts_ms
        ("sent_us", "<i8"),
        ("price", "<f8"),  # of YES
        ("quantity", "<f8"),
        ("quantity_no_rpi", "<f8"),  # NaN: the venue has no such thing
        ("first_id", "<i8"),  # -1: the same
        ("last_id", "<i8"),
        ("buyer_maker", "u1"),  # 1: the taker is for NO
        ("number", "<i8"),  # of the tape: rises by one over the whole exchange
        ("created_us", "<i8"),  # created_time
        ("uuid_high", "<u8"),
        ("uuid_low", "<u8"),
        ("flags", "<i2"),  # 2: a block trade
        ("delivered", "<u2"),
        ("fault", "u1"),
    ]
)
CHANGE = np.dtype(
    [
        ("symbol", "<u4"),
        ("update_id", "<i8"),  # our running number; the numbers on the wire are each subscription's own
        ("event_us", "<i8"),  # ts_ms
        ("sent_us", "<i8"),
        ("side", "i1"),  # 1 YES bids, -1 NO bids
        ("price", "<f8"),  # of YES
        ("change", "<f8"),
        ("quantity", "<f8"),  # what stands there afterwards
        ("delivered", "<u2"),
        ("fault", "u1"),
    ]
)
TICKER = np.dtype(
    [
        ("symbol", "<u4"),
        ("update_id", "<i8"),
        ("event_us", "<i8"),
        ("sent_us", "<i8"),
        ("last_price", "<f8"),  # 0: nothing has traded
        ("bid", "<f8"),  # 0: no bids
        ("bid_quantity", "<f8"),
        ("ask", "<f8"),  # 0: no asks
        ("ask_quantity", "<f8"),
        ("last_quantity", "<f8"),
        ("total_volume", "<f8"),  # since the listing
        ("open_interest", "<f8"),
        ("dollar_volume", "<i8"),
        ("dollar_open_interest", "<i8"),
        ("delivered", "<u2"),
        ("fault", "u1"),
    ]
)
#: One level of a whole book that was sent to one subscription.
LEVEL = np.dtype(
    [
        ("symbol", "<u4"),
        ("update_id", "<i8"),  # seq, which the subscription counts
        ("event_us", "<i8"),  # sending_ts_ms
        ("sent_us", "<i8"),
        ("side", "i1"),  # 1 YES bids, -1 NO bids
        ("price", "<f8"),  # of YES
        ("quantity", "<f8"),
        ("delivered", "<u2"),
        ("fault", "u1"),
    ]
)
DETERMINATION = np.dtype(
    [
        ("symbol", "<u4"),
        ("event_us", "<i8"),  # determination_ts
        ("sent_us", "<i8"),
        ("payout", "<f8"),  # settlement_value
        ("delivered", "<u2"),
        ("fault", "u1"),
    ]
)
KINDS = {"trades": TRADE, "book_changes": CHANGE, "book_snapshots": LEVEL, "tickers": TICKER, "resolutions": DETERMINATION}

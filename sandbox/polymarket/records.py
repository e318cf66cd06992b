"""The records of the ledger. A token is its place in symbols.json: market n has the tokens 2n and 2n + 1."""

import numpy as np

HEAD = [("symbol", "<u4"), ("event_us", "<i8"), ("sent_us", "<i8")]
TAIL = [("delivered", "<u2"), ("fault", "u1")]

TRADE = np.dtype(
    [
        *HEAD,
        ("id", "<i8"),  # the first 63 bits of a SHA-256 over what identifies a print
        ("sequence", "<i8"),  # rising by one over all
        ("price", "<f8"),
        ("quantity", "<f8"),
        ("quantity_no_rpi", "<f8"),  # NaN: the venue has no such thing
        ("first_id", "<i8"),  # -1: the same
        ("last_id", "<i8"),
        ("buyer_maker", "u1"),  # 1: the taker sold
        ("transaction", "V32"),
        ("wallet", "V20"),  # of the taker
        ("chain_s", "<i8"),  # the block's time, which REST gives
        *TAIL,
    ]
)
DELTA = np.dtype(
    [
        *HEAD,
        ("update_id", "<i8"),  # the first 63 bits of the hash
        ("side", "i1"),  # 1 bid, -1 ask
        ("price", "<f8"),
        ("quantity", "<f8"),  # what stands there now; 0: nothing
        ("bid", "<f8"),  # best_bid and best_ask as the frame claims them: 0 and 1 where there is none
        ("ask", "<f8"),
        *TAIL,
    ]
)
SNAPSHOT = np.dtype([*HEAD, ("update_id", "<i8"), ("side", "i1"), ("price", "<f8"), ("quantity", "<f8"), *TAIL])
QUOTE = np.dtype(
    [
        *HEAD,
        ("update_id", "<i8"),  # of the change that moved the top
        ("bid", "<f8"),  # 0: that side is empty
        ("bid_quantity", "<f8"),
        ("ask", "<f8"),  # 0: that side is empty
        ("ask_quantity", "<f8"),
        *TAIL,
    ]
)
KINDS = {"trades": TRADE, "book_deltas": DELTA, "book_snapshots": SNAPSHOT, "quotes": QUOTE}

"""One instrument tick by tick, and its book: of every dashboard that has a variable `instrument`, the number of one."""

from ops.grafana.layout import scatter
from ops.grafana.model import BAD, CALM, GOOD, WARN, Filled, Look, Panel, Row, Sql

_DOTS = {"drawStyle": "points", "pointSize": 5, "showPoints": "always"}
_STEPS = {"lineInterpolation": "stepAfter", "showPoints": "never", "fillOpacity": 0, "spanNulls": True}

_BARS = Panel(
    "What was it worth?",
    "candlestick",
    "Bars of the mid price, with the traded amount below. They are there a minute or two after their time; the last minutes stand beside it.",
    (
        Sql(
            """
            SELECT $__timeGroupAlias(bucket, $__interval), first(open, bucket) AS open, max(high) AS high, min(low) AS low,
                   last(close, bucket) AS close, sum(volume) AS volume
            FROM bars_1m WHERE instrument_id = ${instrument:sqlstring} AND $__timeFilter(bucket) AND open IS NOT NULL
            GROUP BY 1 ORDER BY 1 LIMIT 5000
            """
        ),
    ),
    width=12,
    height=10,
)
_TOP = Panel(
    "Where is it quoted, and traded?",
    "timeseries",
    "Best bid and ask, and every trade by the side of its taker: the newest 5,000 quotes and 2,000 trades of the chosen time. No line: that side is "
    "empty.",
    (
        Sql(
            """
            SELECT time, bid, ask FROM (
                SELECT event_at AS time, update_id, nullif(bid_price, 0) AS bid, nullif(ask_price, 0) AS ask
                FROM quotes WHERE instrument_id = ${instrument:sqlstring} AND $__timeFilter(event_at)
                ORDER BY event_at DESC, update_id DESC LIMIT 5000
            ) newest ORDER BY time, update_id LIMIT 5000
            """,
            "time_series",
        ),
        Sql(
            """
            SELECT time, metric, price FROM (
                SELECT event_at AS time, CASE side WHEN 1 THEN 'bought' ELSE 'sold' END AS metric, price
                FROM trades WHERE instrument_id = ${instrument:sqlstring} AND $__timeFilter(event_at)
                ORDER BY event_at DESC LIMIT 2000
            ) newest ORDER BY time LIMIT 2000
            """,
            "time_series",
        ),
    ),
    columns={
        "bid": Look(colour=CALM, custom=_STEPS),
        "ask": Look(colour=WARN, custom=_STEPS),
        "bought": Look(colour=GOOD, custom=_DOTS),
        "sold": Look(colour=BAD, custom=_DOTS),
    },
    width=12,
    height=10,
)
TICKS = Row("Tick by tick: $instrument", (_BARS, _TOP))

#: The newest whole book of the last day, and what has changed since; a level that is gone has quantity 0.
_LEVELS = """
    WITH whole AS (
        SELECT event_at, update_id FROM book_snapshots
        WHERE instrument_id = ${instrument:sqlstring} AND event_at <= $__timeTo()::timestamptz
          AND event_at > $__timeTo()::timestamptz - INTERVAL '1 day'
        ORDER BY event_at DESC, update_id DESC LIMIT 1
    ), changes AS (
        SELECT d.event_at, d.update_id, d.side, d.price, d.quantity FROM book_deltas d, whole w
        WHERE d.instrument_id = ${instrument:sqlstring} AND d.event_at >= w.event_at AND d.event_at <= $__timeTo()::timestamptz
        ORDER BY d.event_at DESC, d.update_id DESC LIMIT 200000
    ), levels AS (
        SELECT DISTINCT ON (side, price) side, price, quantity, event_at FROM (
            SELECT s.event_at, s.update_id, s.side, s.price, s.quantity FROM book_snapshots s JOIN whole w USING (event_at, update_id)
            WHERE s.instrument_id = ${instrument:sqlstring} AND s.event_at > $__timeTo()::timestamptz - INTERVAL '1 day'
            UNION ALL SELECT event_at, update_id, side, price, quantity FROM changes
        ) told ORDER BY side, price, event_at DESC, update_id DESC
    )
"""
_SINCE = "The newest whole book of a day before the end of the chosen time, with what has changed since."
_DEPTH = Panel(
    "How deep is the book?",
    "xychart",
    f"{_SINCE} Amounts add up from the best price outwards; 200 levels a side.",
    (
        Sql(
            _LEVELS
            + """
    SELECT price, CASE side WHEN 1 THEN depth END AS bids, CASE side WHEN -1 THEN depth END AS asks
    FROM (
        SELECT side, price, sum(quantity) OVER (PARTITION BY side ORDER BY price * -side) AS depth,
               row_number() OVER (PARTITION BY side ORDER BY price * -side) AS place
        FROM levels WHERE quantity > 0
    ) added WHERE place <= 200 ORDER BY price LIMIT 400
    """
        ),
    ),
    columns={"bids": Look(colour=CALM), "asks": Look(colour=WARN)},
    options=scatter("price", "bids", "asks"),
    look=Look(custom={"show": "points+lines", "pointSize": {"fixed": 3}}),
    width=12,
    height=10,
    filled=Filled.SOMEWHERE,
)
_BEST = Panel(
    "What stands at the top?",
    "table",
    f"{_SINCE} The ten best levels of each side, the best ask above the best bid.",
    (
        Sql(
            _LEVELS
            + """
    SELECT CASE side WHEN 1 THEN 'bid' ELSE 'ask' END AS side, price, quantity, event_at AS changed_at
    FROM (SELECT *, row_number() OVER (PARTITION BY side ORDER BY price * -side) AS place FROM levels WHERE quantity > 0) placed
    WHERE place <= 10 ORDER BY price DESC LIMIT 20
    """
        ),
    ),
    columns={"side": Look(words={"bid": ("bid", CALM), "ask": ("ask", WARN)}, custom={"cellOptions": {"type": "color-text"}, "width": 70})},
    width=6,
    height=10,
    filled=Filled.SOMEWHERE,
)
_TAPE = Panel(
    "What was traded last?",
    "table",
    "The newest 200 trades of the chosen time.",
    (
        Sql(
            """
            SELECT event_at, CASE side WHEN 1 THEN 'bought' ELSE 'sold' END AS side, price, quantity
            FROM trades WHERE instrument_id = ${instrument:sqlstring} AND $__timeFilter(event_at)
            ORDER BY event_at DESC LIMIT 200
            """
        ),
    ),
    columns={
        "side": Look(
            words={"bought": ("bought", GOOD), "sold": ("sold", BAD)}, custom={"cellOptions": {"type": "color-text"}, "width": 80}
        ),
        "event_at": Look(custom={"width": 190}),
    },
    width=6,
    height=10,
    filled=Filled.SOMEWHERE,
)
BOOK = Row("The book: $instrument", (_DEPTH, _BEST, _TAPE))

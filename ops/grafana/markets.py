"""Prediction markets that ask one question, and what trading them on paper comes to."""

from ops.grafana.model import GOOD, PALE, Dashboard, Look, Panel, Row, Sql, Variable
from ops.grafana.paper import DECIDED, STANDING
from ops.grafana.views import BOOK, TICKS

_PAIR = Variable(
    "pair",
    "Pair",
    # Confirmed ones first, which are traded.
    Sql(
        """
        SELECT m.pair_id AS __value, m.pair_id || ': ' || a.title AS __text
        FROM contract_matches m JOIN markets a ON a.market_key = m.market_key_a JOIN markets b ON b.market_key = m.market_key_b
        WHERE m.state <> 'rejected' AND m.yes_symbol_a IS NOT NULL AND m.yes_symbol_b IS NOT NULL
        ORDER BY m.state <> 'confirmed', a.status = 'resolved' AND b.status = 'resolved', m.pair_id DESC LIMIT 1000
        """
    ),
)
_SIDES = """
    SELECT i.instrument_id, k.venue, k.title
    FROM contract_matches m JOIN markets k ON k.market_key IN (m.market_key_a, m.market_key_b)
    JOIN instruments i ON i.venue = k.venue AND i.symbol = CASE k.market_key WHEN m.market_key_a THEN m.yes_symbol_a ELSE m.yes_symbol_b END
    WHERE m.pair_id = ${pair:sqlstring} LIMIT 2
"""
_SIDE = Variable(
    "instrument",
    "YES on",
    Sql(f"SELECT instrument_id AS __value, venue || ': ' || title AS __text FROM ({_SIDES}) sides ORDER BY venue LIMIT 2"),
)

_PRICES = Row(
    "Both sides of pair $pair",
    (
        Panel(
            "What does YES cost on either side?",
            "timeseries",
            "Middle of best bid and ask of each side, the newest 2,500 quotes of each. What is between the lines is offered to who may trade at "
            "both, before fees.",
            (
                Sql(
                    f"""
    SELECT q.event_at AS time, s.venue AS metric, (q.bid_price + q.ask_price) / 2 AS value
    FROM ({_SIDES}) s CROSS JOIN LATERAL (
        SELECT event_at, bid_price, ask_price FROM quotes
        WHERE instrument_id = s.instrument_id AND $__timeFilter(event_at) AND bid_price > 0 AND ask_price > 0
        ORDER BY event_at DESC LIMIT 2500
    ) q ORDER BY 1 LIMIT 5000
    """,
                    "time_series",
                ),
            ),
            Look(unit="percentunit", custom={"lineInterpolation": "stepAfter", "showPoints": "never", "spanNulls": True}),
            width=12,
        ),
        Panel(
            "What would a lock cost now?",
            "table",
            "A share of YES here and of NO there, at the best prices and before fees, by the newest quotes of the chosen time: below 1 is an offer. "
            "How much of it, after fees and delays, the opportunities above say.",
            (
                Sql(
                    f"""
    WITH tops AS (
        SELECT s.venue, q.* FROM ({_SIDES}) s CROSS JOIN LATERAL (
            SELECT event_at, bid_price, bid_quantity, ask_price, ask_quantity FROM quotes
            WHERE instrument_id = s.instrument_id AND $__timeFilter(event_at) ORDER BY event_at DESC, update_id DESC LIMIT 1
        ) q
    )
    SELECT y.venue AS yes_on, n.venue AS no_on, nullif(y.ask_price, 0) AS yes, 1 - nullif(n.bid_price, 0) AS no,
           nullif(y.ask_price, 0) + 1 - nullif(n.bid_price, 0) AS together, least(y.ask_quantity, n.bid_quantity) AS shares,
           least(y.event_at, n.event_at) AS as_of
    FROM tops y JOIN tops n ON n.venue <> y.venue ORDER BY together LIMIT 2
    """
                ),
            ),
            columns={
                "together": Look(decimals=4, steps=((GOOD, None), (PALE, 1)), custom={"cellOptions": {"type": "color-text"}}),
                "as_of": Look(unit="dateTimeFromNow"),
            },
            width=12,
        ),
    ),
)

DASHBOARD = Dashboard(
    "markets",
    "Tapefarm · prediction markets and paper trading",
    "What do two venues say of one question, and what does trading it on paper come to?",
    (STANDING, DECIDED, _PRICES, TICKS, BOOK),
    (_PAIR, _SIDE),
    since="now-6h",
)

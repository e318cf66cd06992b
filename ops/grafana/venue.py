"""One venue: how well it is heard, one of its instruments tick by tick, its book, and its options."""

from ops.grafana.layout import scatter
from ops.grafana.model import BAD, GOOD, WARN, Dashboard, Filled, Look, Panel, Prom, Row, Sql, Variable
from ops.grafana.views import BOOK, TICKS

_VENUE = Variable("venue", "Venue", Sql("SELECT DISTINCT venue FROM stream_offsets ORDER BY 1 LIMIT 100"))
_INSTRUMENT = Variable(
    "instrument",
    "Instrument",
    # What is asked for now, by the name that people give it, the busiest first.
    Sql(
        """
        WITH named AS (
            SELECT outcome->>0 AS symbol, min(title || ': ' || (outcome->>1)) AS name
            FROM markets, jsonb_array_elements(outcomes) AS outcome WHERE venue = ${venue:sqlstring} AND status <> 'resolved' GROUP BY 1
        ), busy AS (
            SELECT instrument_id, sum(updates) + sum(trades) AS changes FROM bars_1m WHERE bucket > now() - INTERVAL '15 minutes' GROUP BY 1
        )
        SELECT i.instrument_id AS __value, coalesce(n.name, i.symbol) AS __text
        FROM instruments i LEFT JOIN named n ON n.symbol = i.symbol LEFT JOIN busy b ON b.instrument_id = i.instrument_id
        WHERE i.instrument_id IN (SELECT instrument_id FROM subscriptions WHERE venue = ${venue:sqlstring} AND to_at IS NULL)
        ORDER BY b.changes DESC NULLS LAST, 2 LIMIT 5000
        """
    ),
)
_EXPIRY = Variable(
    "expiry",
    "Expiry",
    # Of options that are recorded, the nearest first.
    Sql(
        """
        SELECT base_asset || ' ' || to_char(expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD') FROM instruments i
        WHERE venue = ${venue:sqlstring} AND contract_type ILIKE 'option' AND expires_at > now()
          AND (EXISTS (SELECT FROM book_summaries b WHERE b.instrument_id = i.instrument_id AND b.event_at > now() - INTERVAL '1 day')
               OR EXISTS (SELECT FROM tickers t WHERE t.instrument_id = i.instrument_id AND t.event_at > now() - INTERVAL '1 day'))
        GROUP BY base_asset, expires_at ORDER BY expires_at, base_asset LIMIT 500
        """
    ),
)

_HEARD = Row(
    "How well is $venue heard?",
    (
        Panel(
            "How many rows a second are written?",
            "timeseries",
            "Rows that the writers committed, by channel.",
            (Prom('sum by (channel) (rate(tapefarm_rows_total{venue="$venue"}[$__rate_interval]))', "{{channel}}"),),
            Look(unit="cps", least=0),
        ),
        Panel(
            "How old is the newest data?",
            "timeseries",
            "Since the last data frame, by stream. Channels that speak seldom are quiet without being deaf.",
            (Prom('tapefarm_data_age_seconds{venue="$venue"}', "{{channel}} {{shard}} {{replica}}"),),
            Look(unit="s", least=0),
            runbooks=("stream-silent",),
        ),
        Panel(
            "How long does a row wait for its commit?",
            "heatmap",
            "How many waited how long from their entry in the journal to the commit in the database.",
            (
                Prom(
                    'sum by (le) (increase(tapefarm_lag_seconds_bucket{venue="$venue", stage="commit"}[$__rate_interval]))',
                    "{{le}}",
                    format="heatmap",
                ),
            ),
            options={"yAxis": {"unit": "s", "axisPlacement": "left"}},
        ),
        Panel(
            "How often were connections made anew?",
            "timeseries",
            "Reconnects an hour by reason. A rotation is planned and loses nothing.",
            (
                Prom(
                    'sum by (channel, reason) (increase(tapefarm_reconnects_total{venue="$venue"}[1h]))',
                    "{{channel}}: {{reason}}",
                ),
            ),
            Look(unit="none", least=0, decimals=0),
            width=6,
            filled=Filled.SOMETIMES,
        ),
        Panel(
            "How often did a book not add up?",
            "timeseries",
            "Books an hour whose numbers or sums did not fit: each was fetched again, and what was between is a gap.",
            (Prom('sum by (channel) (increase(tapefarm_book_mismatches_total{venue="$venue"}[1h]))', "{{channel}}"),),
            Look(unit="none", least=0, decimals=0),
            width=6,
            filled=Filled.SOMETIMES,
        ),
        Panel(
            "What did REST answer?",
            "timeseries",
            "Calls a second by status of the answer.",
            (Prom('sum by (status) (rate(tapefarm_rest_requests_total{venue="$venue"}[$__rate_interval]))', "{{status}}"),),
            Look(unit="reqps", least=0),
            width=6,
        ),
        Panel(
            "How much may still be asked?",
            "gauge",
            "What is left of the venue's REST budget.",
            (Prom('min(tapefarm_rest_budget_left_ratio{venue="$venue"})', "left", instant=True),),
            Look(unit="percentunit", least=0, most=1, steps=((BAD, None), (WARN, 0.1), (GOOD, 0.3))),
            width=6,
        ),
    ),
)

#: The newest word of each option of the expiry: the chain of all, and the ticker with its greeks where there is one.
_CHAIN = """
    SELECT i.symbol, i.attributes->>'option_type' AS type, (i.attributes->>'strike')::double precision AS strike,
           coalesce(t.mark_iv, b.mark_iv) AS mark_iv, t.bid_iv, t.ask_iv, coalesce(t.mark_price, b.mark_price) AS mark_price,
           coalesce(t.bid_price, b.bid_price) AS bid_price, coalesce(t.ask_price, b.ask_price) AS ask_price, t.delta, t.gamma, t.vega, t.theta,
           coalesce(t.open_interest, b.open_interest) AS open_interest, greatest(t.event_at, b.event_at) AS newest_at
    FROM instruments i
    LEFT JOIN LATERAL (SELECT * FROM book_summaries WHERE instrument_id = i.instrument_id AND $__timeFilter(event_at)
                       ORDER BY event_at DESC LIMIT 1) b ON true
    LEFT JOIN LATERAL (SELECT * FROM tickers WHERE instrument_id = i.instrument_id AND $__timeFilter(event_at)
                       ORDER BY event_at DESC LIMIT 1) t ON true
    WHERE i.venue = ${venue:sqlstring} AND i.contract_type ILIKE 'option' AND i.expires_at IS NOT NULL
      AND i.base_asset || ' ' || to_char(i.expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD') = ${expiry:sqlstring}
      AND coalesce(t.event_at, b.event_at) IS NOT NULL
"""
_OPTIONS = Row(
    "Options of $expiry",
    (
        Panel(
            "How does implied volatility go with the strike?",
            "xychart",
            "The smile: the newest implied volatility of the mark price of each call and put, and of best bid and ask where a ticker is recorded.",
            (
                Sql(
                    f"""
    SELECT strike, CASE type WHEN 'call' THEN mark_iv END AS call, CASE type WHEN 'put' THEN mark_iv END AS put,
           nullif(bid_iv, 0) AS bid, nullif(ask_iv, 0) AS ask
    FROM ({_CHAIN}) chain WHERE mark_iv IS NOT NULL ORDER BY strike, type LIMIT 1000
    """
                ),
            ),
            Look(unit="percent"),
            columns={
                "strike": Look(unit="short"),
                "call": Look(colour=GOOD),
                "put": Look(colour="purple"),
                "bid": Look(colour="light-blue", custom={"pointSize": {"fixed": 3}}),
                "ask": Look(colour="light-orange", custom={"pointSize": {"fixed": 3}}),
            },
            options=scatter("strike", "call", "put", "bid", "ask"),
            width=12,
            height=12,
            filled=Filled.SOMEWHERE,
        ),
        Panel(
            "What does the chain say?",
            "table",
            "The newest of each option, in its own price unit; greeks where a ticker is recorded.",
            (Sql(f"SELECT * FROM ({_CHAIN}) chain ORDER BY strike, type LIMIT 1000"),),
            columns={
                "mark_iv": Look(unit="percent", decimals=1),
                "bid_iv": Look(unit="percent", decimals=1),
                "ask_iv": Look(unit="percent", decimals=1),
                "newest_at": Look(unit="dateTimeFromNow"),
            },
            width=12,
            height=12,
            filled=Filled.SOMEWHERE,
        ),
    ),
)

DASHBOARD = Dashboard(
    "venue",
    "Tapefarm · venue",
    "How well is one venue heard, and what does it say of one instrument?",
    (_HEARD, TICKS, BOOK, _OPTIONS),
    (_VENUE, _INSTRUMENT, _EXPIRY),
    since="now-1h",
)

"""What trading on paper comes to, and what it decided on which grounds."""

from ops.grafana.model import BAD, CALM, GOOD, PALE, WARN, Look, Panel, Prom, Row, Sql

_DOLLARS = "currencyUSD"
STANDING = Row(
    "How does paper trading stand?",
    (
        Panel(
            "What was won, and what would be?",
            "stat",
            "Realised by sales and settlements; open: of the positions, if they were sold into the books now. All on paper: nothing here can "
            "place an order.",
            (Prom("tapefarm_paper_profit_dollars", "{{kind}}", instant=True),),
            Look(unit=_DOLLARS, decimals=2, steps=((BAD, None), (GOOD, 0))),
            width=6,
            height=5,
        ),
        Panel(
            "Does it trade?",
            "stat",
            "A halt is lifted by a person: `./farm paper resume`.",
            (Prom("max(tapefarm_paper_halted)", "engine", instant=True),),
            Look(steps=((GOOD, None), (BAD, 1)), words={0: ("it trades", GOOD), 1: ("halted", BAD)}),
            width=3,
            height=5,
            runbooks=("risk-halt",),
        ),
        Panel(
            "How many positions are held?",
            "stat",
            "Each an outcome of an instrument of a pair.",
            (Prom("sum(tapefarm_paper_open_positions)", "positions", instant=True),),
            Look(unit="none", colour=CALM),
            width=3,
            height=5,
        ),
        Panel(
            "Where is the money?",
            "table",
            "Dollars on the paper account, bound in positions, reserved for orders under way; won or lost ever and today, and fees. Pairs "
            "that hold something or are halted.",
            (
                Sql(
                    """
                    SELECT scope, cash, bound, reserved, realised, fees, CASE WHEN day = (now() AT TIME ZONE 'UTC')::date THEN won ELSE 0 END AS won_today,
                           array_to_string(halted, ', ') AS halted
                    FROM risk_states WHERE scope NOT LIKE 'pair %' OR bound <> 0 OR reserved <> 0 OR cardinality(halted) > 0
                    ORDER BY scope <> 'all', scope LIKE 'pair %', scope LIMIT 500
                    """
                ),
            ),
            columns={name: Look(unit=_DOLLARS, decimals=2) for name in ("cash", "bound", "reserved", "realised", "fees", "won_today")},
            width=12,
            runbooks=("risk-halt",),
        ),
        Panel(
            "What came of it in the chosen time?",
            "timeseries",
            "Dollars won or lost by sales and settlements, and fees paid, added up.",
            (
                Sql(
                    """
                    SELECT time, sum(realised) OVER (ORDER BY time) AS realised, sum(fee) OVER (ORDER BY time) AS fees FROM (
                        SELECT filled_at AS time, realised, fee FROM fills WHERE $__timeFilter(filled_at)
                        UNION ALL SELECT settled_at, realised, 0 FROM paper_settlements WHERE $__timeFilter(settled_at)
                        ORDER BY 1 DESC LIMIT 5000
                    ) flows ORDER BY 1 LIMIT 5000
                    """,
                    "time_series",
                ),
            ),
            Look(unit=_DOLLARS, custom={"lineInterpolation": "stepAfter"}),
            columns={"realised": Look(colour=GOOD), "fees": Look(colour=WARN)},
            width=12,
        ),
        Panel(
            "What was offered, and what of it was taken?",
            "timeseries",
            "Opportunities by the most dollars that they promised after fees.",
            (
                Sql(
                    """
                    SELECT time, metric, value FROM (
                        SELECT first_seen_at AS time, CASE WHEN taken THEN 'taken' ELSE 'left' END AS metric, max(best_edge) AS value
                        FROM opportunities WHERE $__timeFilter(first_seen_at) GROUP BY 1, 2 ORDER BY 1 DESC LIMIT 5000
                    ) newest ORDER BY time LIMIT 5000
                    """,
                    "time_series",
                ),
            ),
            Look(unit=_DOLLARS, custom={"drawStyle": "points", "pointSize": 6, "showPoints": "always"}),
            columns={"taken": Look(colour=GOOD), "left": Look(colour=PALE)},
            width=12,
        ),
    ),
)
DECIDED = Row(
    "What did it decide?",
    (
        Panel(
            "Which opportunities were there?",
            "table",
            "Newest first, with why not more of it was taken. `breaks`: results of both sides in which the lock pays less.",
            (
                Sql(
                    """
                    SELECT o.first_seen_at, o.pair_id AS pair, a.title, o.best_edge, o.capacity, o.cost, o.fees, o.taken_shares, o.end_reason,
                           array_to_string(o.reasons, ', ') AS reasons, array_to_string(o.breaks, ', ') AS breaks
                    FROM opportunities o LEFT JOIN contract_matches m USING (pair_id) LEFT JOIN markets a ON a.market_key = m.market_key_a
                    WHERE $__timeFilter(o.first_seen_at) ORDER BY o.first_seen_at DESC LIMIT 200
                    """
                ),
            ),
            columns={name: Look(unit=_DOLLARS, decimals=2) for name in ("best_edge", "cost", "fees")},
            width=24,
        ),
        Panel(
            "What did its orders get?",
            "table",
            "Newest first; `why` is what kept one from more.",
            (
                Sql(
                    """
                    SELECT sent_at, pair_id AS pair, venue, purpose, action, outcome, quantity, limit_price, state, filled, paid, fee, why
                    FROM orders WHERE $__timeFilter(sent_at) ORDER BY sent_at DESC, order_id DESC LIMIT 200
                    """
                ),
            ),
            columns={"paid": Look(unit=_DOLLARS, decimals=2), "fee": Look(unit=_DOLLARS, decimals=2)},
            width=12,
        ),
        Panel(
            "What is held?",
            "table",
            "`unmatched`: shares that no other leg covers.",
            (
                Sql(
                    """
                    SELECT p.pair_id AS pair, p.venue, a.title, p.outcome, p.quantity, p.cost, p.unmatched, p.opened_at
                    FROM open_positions p LEFT JOIN contract_matches m USING (pair_id) LEFT JOIN markets a ON a.market_key = m.market_key_a
                    ORDER BY p.cost DESC LIMIT 200
                    """
                ),
            ),
            columns={
                "cost": Look(unit=_DOLLARS, decimals=2),
                "unmatched": Look(steps=((GOOD, None), (BAD, 0.01)), custom={"cellOptions": {"type": "color-text"}}),
            },
            width=12,
        ),
        Panel(
            "Which pairs are there?",
            "table",
            "Confirmed, suspended and proposed. `sum`: YES here and NO there together; near 1 where both ask one question.",
            (
                Sql(
                    """
                    SELECT m.pair_id AS pair, m.state, a.venue AS venue_a, a.title AS title_a, b.venue AS venue_b, b.title AS title_b,
                           m.last_sum AS sum, m.score, m.reason
                    FROM contract_matches m JOIN markets a ON a.market_key = m.market_key_a JOIN markets b ON b.market_key = m.market_key_b
                    WHERE m.state <> 'rejected' AND NOT (a.status = 'resolved' AND b.status = 'resolved')
                    ORDER BY array_position(ARRAY['suspended', 'confirmed', 'proposed'], m.state), m.score DESC NULLS LAST, m.pair_id LIMIT 200
                    """
                ),
            ),
            columns={
                "state": Look(
                    words={"confirmed": ("confirmed", GOOD), "suspended": ("suspended", BAD), "proposed": ("proposed", CALM)},
                    custom={"cellOptions": {"type": "color-text"}},
                ),
                "sum": Look(decimals=3),
            },
            width=12,
            runbooks=("pair-suspended",),
        ),
        Panel(
            "On what grounds?",
            "table",
            "The record of decisions, append only; `./farm audit verify` proves that it is whole.",
            (
                Sql(
                    """
                    SELECT at, kind, subject, details::text AS details FROM audit_logs WHERE $__timeFilter(at) ORDER BY number DESC LIMIT 200
                    """
                ),
            ),
            columns={"at": Look(custom={"width": 180})},
            width=12,
        ),
    ),
)

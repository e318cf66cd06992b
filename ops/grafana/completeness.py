"""What is missing, since when, why, and what becomes of it?"""

from ops.grafana.model import BAD, CALM, GOOD, PALE, WARN, Dashboard, Filled, Look, Panel, Prom, Row, Sql, Variable

_VENUE = Variable("venue", "Venue", Sql("SELECT DISTINCT venue FROM stream_offsets ORDER BY 1 LIMIT 100"), several=True)

_HOURS = Row(
    "How whole is the record?",
    (
        Panel(
            "Which part of the time is nowhere proven to be lost?",
            "stat",
            "Of all seconds of all instruments that were asked for in the chosen time: those in no gap that is not filled. Pauses of the venue are "
            "left out.",
            (
                Sql(
                    """
                    SELECT 1 - sum(broken) / nullif(sum(verified + witnessed + unverifiable + broken), 0) AS whole
                    FROM coverage WHERE $__timeFilter(hour) AND venue IN (${venue:sqlstring}) LIMIT 1
                    """
                ),
            ),
            Look(unit="percentunit", decimals=3, steps=((BAD, None), (WARN, 0.99), (GOOD, 0.9999))),
            width=6,
            height=6,
            runbooks=("gap-opened",),
        ),
        Panel(
            "Which part is proven by the venue's own numbers?",
            "stat",
            "Or by an independent source. The rest is without a known loss and without a proof.",
            (
                Sql(
                    """
                    SELECT sum(verified) / nullif(sum(verified + witnessed + unverifiable + broken), 0) AS verified,
                           sum(witnessed) / nullif(sum(verified + witnessed + unverifiable + broken), 0) AS witnessed
                    FROM coverage WHERE $__timeFilter(hour) AND venue IN (${venue:sqlstring}) LIMIT 1
                    """
                ),
            ),
            Look(unit="percentunit", decimals=1, colour=CALM),
            width=6,
            height=6,
        ),
        Panel(
            "What can each hour be called?",
            "timeseries",
            "Seconds of all instruments by what is known of them, stacked.",
            (
                Sql(
                    """
                    SELECT hour AS time, sum(verified) AS verified, sum(witnessed) AS witnessed, sum(unverifiable) AS unverifiable,
                           sum(broken) AS broken, sum(paused) AS paused
                    FROM coverage WHERE $__timeFilter(hour) AND venue IN (${venue:sqlstring}) GROUP BY 1 ORDER BY 1 LIMIT 5000
                    """,
                    "time_series",
                ),
            ),
            Look(unit="s", least=0, custom={"drawStyle": "bars", "fillOpacity": 80, "stacking": {"mode": "percent", "group": "A"}}),
            columns={
                "verified": Look(colour=GOOD),
                "witnessed": Look(colour="light-green"),
                "unverifiable": Look(colour=CALM),
                "broken": Look(colour=BAD),
                "paused": Look(colour=PALE),
            },
            width=12,
            height=6,
        ),
        Panel(
            "Which channel lacks something, and when?",
            "state-timeline",
            "Of each hour of each channel the share of its instruments' time that is not in a gap: green is all, red less than 99 of 100. "
            "`./farm coverage` says more.",
            (
                Sql(
                    """
                    SELECT hour AS time, venue || ' ' || channel AS metric,
                           1 - sum(broken) / nullif(sum(verified + witnessed + unverifiable + broken), 0) AS value
                    FROM coverage WHERE $__timeFilter(hour) AND venue IN (${venue:sqlstring})
                    GROUP BY 1, 2 ORDER BY 1 LIMIT 20000
                    """,
                    "time_series",
                ),
            ),
            Look(unit="percentunit", decimals=3, steps=((BAD, None), (WARN, 0.99), (GOOD, 0.9999))),
            width=24,
            height=10,
            runbooks=("gap-opened",),
        ),
    ),
)

_MISSING = Row(
    "What is missing?",
    (
        Panel(
            "How many gaps are open now?",
            "timeseries",
            "By venue and cause; 0 while everything is heard.",
            (Prom('sum by (venue, cause) (tapefarm_gaps_open{venue=~"$venue"})', "{{venue}}: {{cause}}"),),
            Look(unit="none", least=0, decimals=0),
            width=12,
            runbooks=("gap-opened",),
        ),
        Panel(
            "How many gaps began within a day?",
            "timeseries",
            "By venue and cause.",
            (Prom('sum by (venue, cause) (tapefarm_gaps_day{venue=~"$venue"})', "{{venue}}: {{cause}}"),),
            Look(unit="none", least=0, decimals=0),
            width=12,
        ),
        Panel(
            "What is missing, and why?",
            "table",
            "Gaps that are not filled and that were found in the chosen time, newest first. `missing` counts ids where the venue gives some.",
            (
                Sql(
                    """
                    SELECT found_at, venue, channel, symbol, cause, state, from_at, to_at, missing, detail
                    FROM marketdata.gaps
                    WHERE $__timeFilter(found_at) AND venue IN (${venue:sqlstring}) AND state NOT IN ('filled', 'planned')
                    ORDER BY found_at DESC LIMIT 500
                    """
                ),
            ),
            columns={
                "state": Look(words={"open": ("open", BAD), "unfillable": ("unfillable", PALE), "filling": ("filling", CALM)}),
            },
            width=24,
            height=10,
            runbooks=("gap-opened",),
            filled=Filled.SOMETIMES,
        ),
        Panel(
            "What became of gaps?",
            "table",
            "Of those found in the chosen time, by cause and state.",
            (
                Sql(
                    """
                    SELECT venue, channel, cause, state, count(*) AS gaps, min(found_at) AS first_at, max(found_at) AS last_at
                    FROM data_gaps WHERE $__timeFilter(found_at) AND venue IN (${venue:sqlstring})
                    GROUP BY 1, 2, 3, 4 ORDER BY gaps DESC LIMIT 200
                    """
                ),
            ),
            width=12,
            filled=Filled.SOMETIMES,
        ),
        Panel(
            "What is being read again?",
            "table",
            "Jobs that read the past, the running ones first. `./farm backfill --list` says the same.",
            (
                Sql(
                    """
                    SELECT asked_at, venue, channel, cardinality(instruments) AS instruments, state, progress, rows, requests, reason, heartbeat_at
                    FROM backfills
                    WHERE venue IN (${venue:sqlstring}) AND ($__timeFilter(asked_at) OR state IN ('queued', 'running'))
                    ORDER BY state NOT IN ('queued', 'running'), asked_at DESC LIMIT 200
                    """
                ),
            ),
            columns={
                "progress": Look(unit="percentunit", least=0, most=1, custom={"cellOptions": {"type": "gauge", "mode": "basic"}}),
            },
            width=12,
            filled=Filled.SOMETIMES,
        ),
    ),
)

_SEEN = Row(
    "Who says so?",
    (
        Panel(
            "Do independent sources agree?",
            "table",
            "Samples of books and volumes held against what REST says, of the chosen time. One that disagreed proves ours wrong.",
            (
                Sql(
                    """
                    SELECT venue, channel, subject, sum(looks) AS looks, sum(agreed) AS agreed, sum(disagreed) AS disagreed,
                           max(agreed_at) AS agreed_at, max(disagreed_at) AS disagreed_at
                    FROM witnesses WHERE $__timeFilter(hour) AND venue IN (${venue:sqlstring}) GROUP BY 1, 2, 3 ORDER BY 1, 2, 3 LIMIT 200
                    """
                ),
            ),
            columns={"disagreed": Look(steps=((GOOD, None), (BAD, 1)), custom={"cellOptions": {"type": "color-text"}})},
            width=12,
            filled=Filled.SOMEWHERE,
        ),
        Panel(
            "Why did sockets end?",
            "table",
            "Connections that ended in the chosen time, by cause.",
            (
                Sql(
                    """
                    SELECT venue, channel, replica, cause, count(*) AS sockets, max(ended_at) AS last_at
                    FROM sessions WHERE $__timeFilter(ended_at) AND venue IN (${venue:sqlstring}) GROUP BY 1, 2, 3, 4 ORDER BY sockets DESC LIMIT 200
                    """
                ),
            ),
            width=6,
            filled=Filled.SOMETIMES,
        ),
        Panel(
            "What could not be read?",
            "table",
            "Frames in quarantine by reason; they are kept whole, and read again once the reason is gone.",
            (
                Sql(
                    """
                    SELECT venue, channel, reason, count(*) AS frames, max(received_at) AS last_at
                    FROM quarantine WHERE $__timeFilter(received_at) AND venue IN (${venue:sqlstring}) GROUP BY 1, 2, 3 ORDER BY frames DESC LIMIT 200
                    """
                ),
            ),
            width=6,
            runbooks=("quarantine",),
            filled=Filled.SOMETIMES,
        ),
    ),
)

DASHBOARD = Dashboard(
    "completeness",
    "Tapefarm · completeness",
    "What is missing, since when, why, and what becomes of it?",
    (_HOURS, _MISSING, _SEEN),
    (_VENUE,),
    since="now-24h",
    refresh="1m",
)

"""Is everything alive, what comes in, how late is it, and what is wrong?"""

from ops.grafana.model import BAD, CALM, GOOD, WARN, Dashboard, Filled, Look, Panel, Prom, Row, Sql

_COUNT_OF_TROUBLE = Look(unit="none", steps=((GOOD, None), (BAD, 1)))
_AGE = Look(unit="s", decimals=0, steps=((GOOD, None), (WARN, 30), (BAD, 60)))

_ALIVE = Row(
    "Is everything alive?",
    (
        Panel(
            "Is the farm well?",
            "stat",
            "The judgement of `./farm status`: programs run, data come in, nothing waits too long.",
            (Prom("tapefarm_healthy", "farm", instant=True),),
            Look(steps=((BAD, None), (GOOD, 1)), words={1: ("healthy", GOOD), 0: ("not healthy", BAD)}),
            width=4,
            height=5,
            runbooks=("program-down", "venue-silent"),
        ),
        Panel(
            "How many programs are down?",
            "stat",
            "Programs of the supervisor that do not run now.",
            (Prom("count(tapefarm_program_running == 0) or vector(0)", "down", instant=True),),
            _COUNT_OF_TROUBLE,
            width=4,
            height=5,
            runbooks=("program-down", "restarts"),
        ),
        Panel(
            "How many alerts fire?",
            "stat",
            "What the watcher calls for help about now, by the rules of alerts.toml.",
            (Prom("sum(tapefarm_alerts_firing) or vector(0)", "firing", instant=True),),
            _COUNT_OF_TROUBLE,
            width=4,
            height=5,
        ),
        Panel(
            "How many gaps are open?",
            "stat",
            "Streams that are deaf at this moment. A gap that is over and not filled yet stands in the dashboard of completeness.",
            (Prom("sum(tapefarm_gaps_open) or vector(0)", "open", instant=True),),
            _COUNT_OF_TROUBLE,
            width=4,
            height=5,
            runbooks=("gap-opened",),
        ),
        Panel(
            "How old is the newest data of each venue?",
            "stat",
            "Since the last data frame of any of its streams, by our clock. An open socket does not count.",
            (Prom("min by (venue) (tapefarm_data_age_seconds)", "{{venue}}", instant=True),),
            _AGE,
            width=8,
            height=5,
            runbooks=("venue-silent", "stream-silent"),
        ),
    ),
)

_COMES_IN = Row(
    "What comes in, and how late?",
    (
        Panel(
            "How many rows a second are written?",
            "timeseries",
            "Rows that the writers committed, by venue.",
            (Prom("sum by (venue) (rate(tapefarm_rows_total[$__rate_interval]))", "{{venue}}"),),
            Look(unit="cps", least=0),
            width=12,
        ),
        Panel(
            "How many bytes a second are heard?",
            "timeseries",
            "Frames as they came from the sockets, of all replicas, by venue.",
            (Prom("sum by (venue) (rate(tapefarm_bytes_total[$__rate_interval]))", "{{venue}}"),),
            Look(unit="Bps", least=0),
            width=12,
        ),
        Panel(
            "How late are rows?",
            "timeseries",
            "99 of 100 are faster than this: from the venue's clock to our socket (venue), from there to the journal, and from there to the "
            "commit. A venue whose clock is off shows in the first.",
            (
                Prom(
                    "histogram_quantile(0.99, sum by (stage, le) (rate(tapefarm_lag_seconds_bucket[$__rate_interval])))",
                    "{{stage}}",
                ),
            ),
            Look(unit="s", least=0),
            width=12,
        ),
        Panel(
            "How long does the journal wait for the writers?",
            "timeseries",
            "Age of the oldest entry that is not committed, the worst stream of each venue.",
            (Prom("max by (venue) (tapefarm_backlog_seconds)", "{{venue}}"),),
            Look(unit="s", least=0, steps=((GOOD, None), (WARN, 30), (BAD, 120)), custom={"thresholdsStyle": {"mode": "dashed"}}),
            width=12,
            runbooks=("backlog",),
        ),
    ),
)

_WRONG = Row(
    "What was wrong, and when?",
    (
        Panel(
            "When was which venue not well?",
            "state-timeline",
            "One look a minute; `farm` is the whole of it. Below it stands why.",
            (
                Sql(
                    """
                    SELECT checked_at AS time, CASE venue WHEN '' THEN 'farm' ELSE venue END AS metric, min(healthy) AS value
                    FROM platform_health_logs WHERE $__timeFilter(checked_at)
                    GROUP BY 1, 2 ORDER BY 1 LIMIT 20000
                    """,
                    "time_series",
                ),
            ),
            Look(steps=((BAD, None), (GOOD, 1)), words={1: ("well", GOOD), 0: ("not well", BAD)}),
            width=24,
            height=6,
        ),
        Panel(
            "Why was it not well?",
            "table",
            "The newest looks that found something, in the words of `./farm status`.",
            (
                Sql(
                    """
                    SELECT checked_at, CASE venue WHEN '' THEN 'farm' ELSE venue END AS about, reason
                    FROM platform_health_logs, jsonb_array_elements_text(reasons) AS reason
                    WHERE $__timeFilter(checked_at) AND healthy = 0
                    ORDER BY checked_at DESC LIMIT 200
                    """
                ),
            ),
            columns={"checked_at": Look(custom={"width": 180}), "about": Look(custom={"width": 120})},
            width=12,
            filled=Filled.SOMETIMES,
        ),
        Panel(
            "Which alerts rang?",
            "table",
            "Newest first. The page in ops/runbooks/ has the name of the rule unless alerts.toml says otherwise.",
            (
                Sql(
                    """
                    SELECT fired_at, rule, subject, severity, ended_at, words
                    FROM alerts WHERE $__timeFilter(fired_at) OR ended_at IS NULL
                    ORDER BY fired_at DESC LIMIT 200
                    """
                ),
            ),
            columns={
                "severity": Look(words={"critical": ("critical", BAD), "warning": ("warning", WARN), "info": ("info", CALM)}),
            },
            width=12,
            filled=Filled.SOMETIMES,
        ),
        Panel(
            "What has each stream written?",
            "table",
            "Since the farm was first started: frames read, rows written, rows that were there already, frames left out on purpose, frames that "
            "could not be read, and frames that the farm itself shed. `age` is that of the newest frame.",
            (
                Sql(
                    """
                    SELECT venue, channel, shard, frames, rows, repeated, ignored, quarantined, lost,
                           extract(epoch FROM now() - last_received_at) AS age
                    FROM marketdata.ingestion_stats ORDER BY venue, channel, shard LIMIT 1000
                    """
                ),
            ),
            columns={
                "age": Look(unit="s", decimals=0),
                "lost": Look(steps=((GOOD, None), (BAD, 1)), custom={"cellOptions": {"type": "color-text"}}),
                "quarantined": Look(steps=((GOOD, None), (BAD, 1)), custom={"cellOptions": {"type": "color-text"}}),
            },
            width=24,
            height=10,
            runbooks=("quarantine",),
        ),
    ),
)

DASHBOARD = Dashboard(
    "overview",
    "Tapefarm · overview",
    "Is everything alive, what comes in, how late is it, and what is wrong?",
    (_ALIVE, _COMES_IN, _WRONG),
)

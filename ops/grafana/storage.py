"""Where does the room go, and does every program and task do its work?"""

from ops.grafana.model import BAD, CALM, GOOD, WARN, Dashboard, Filled, Look, Panel, Prom, Row, Sql

_USED = ((GOOD, None), (WARN, 0.8), (BAD, 0.9))
_LATE = ((GOOD, None), (WARN, 120), (BAD, 180))

_ROOM = Row(
    "Where does the room go?",
    (
        Panel(
            "How full are the disks?",
            "gauge",
            "Of each disk that the farm writes to.",
            (Prom("tapefarm_disk_used_ratio", "{{disk}}", instant=True),),
            Look(unit="percentunit", least=0, most=1, steps=_USED),
            width=6,
            runbooks=("disk", "disk-full"),
        ),
        Panel(
            "When are they full?",
            "table",
            "By a line through what was measured each hour of the last week; a day of measures is needed for a word that holds. No date: it does not "
            "grow. `./farm storage` says more.",
            (
                Sql(
                    """
                    SELECT substr(subject, 6) AS disk, bytes, free_bytes, per_day,
                           CASE WHEN per_day > 0 THEN now() + least(free_bytes / per_day, 36500) * INTERVAL '1 day' END AS full_at
                    FROM (
                        SELECT subject, (array_agg(bytes ORDER BY hour DESC))[1] AS bytes,
                               (array_agg(free_bytes ORDER BY hour DESC))[1] AS free_bytes,
                               regr_slope(bytes, extract(epoch FROM measured_at)) * 86400 AS per_day
                        FROM storage_sizes WHERE hour > now() - INTERVAL '7 days' AND subject LIKE 'disk %' GROUP BY subject
                    ) grown ORDER BY subject LIMIT 50
                    """
                ),
            ),
            columns={
                "bytes": Look(unit="bytes"),
                "free_bytes": Look(unit="bytes"),
                "per_day": Look(unit="bytes"),
                "full_at": Look(unit="dateTimeFromNow"),
            },
            width=9,
            runbooks=("disk",),
        ),
        Panel(
            "How large is each table?",
            "table",
            "With its indexes, as measured last, and how much of that came within a day.",
            (
                Sql(
                    """
                    SELECT subject AS "table", (array_agg(bytes ORDER BY hour DESC))[1] AS bytes,
                           (array_agg(bytes ORDER BY hour DESC))[1] - (array_agg(bytes ORDER BY hour))[1] AS in_a_day
                    FROM storage_sizes WHERE hour > now() - INTERVAL '1 day' AND subject NOT LIKE 'disk %'
                    GROUP BY subject ORDER BY 2 DESC LIMIT 100
                    """
                ),
            ),
            columns={"bytes": Look(unit="bytes"), "in_a_day": Look(unit="bytes")},
            width=9,
        ),
        Panel(
            "How do the tables grow?",
            "timeseries",
            "Measured each hour.",
            (
                Sql(
                    """
                    SELECT hour AS time, subject AS metric, max(bytes) AS value FROM storage_sizes
                    WHERE $__timeFilter(hour) AND subject NOT LIKE 'disk %' GROUP BY 1, 2 ORDER BY 1 LIMIT 20000
                    """,
                    "time_series",
                ),
            ),
            Look(unit="bytes", least=0, custom={"fillOpacity": 40, "stacking": {"mode": "normal", "group": "A"}}),
            width=12,
        ),
        Panel(
            "What should be dropped and is not?",
            "table",
            "Chunks whose time has come, with the guard that holds them back: they are not archived, or not rolled up yet.",
            (
                Sql(
                    """
                    SELECT e.table_name, min(e.since) AS since, max(e.until) AS until, count(*) AS chunks, g.guard, g.safe_until
                    FROM storage_expired() e LEFT JOIN storage_guards g ON g.table_name = e.table_name AND (g.safe_until IS NULL OR g.safe_until < e.until)
                    GROUP BY e.table_name, g.guard, g.safe_until ORDER BY 1, 5 LIMIT 100
                    """
                ),
            ),
            width=6,
            filled=Filled.SOMETIMES,
        ),
        Panel(
            "How far is the raw archive?",
            "table",
            "Behind the journal, by venue: the stream that is farthest behind, and entries that were trimmed before they could be archived.",
            (
                Sql(
                    """
                    SELECT venue, max(extract(epoch FROM updated_at - archived_to)) AS behind, sum(missed) AS missed, max(updated_at) AS told_at
                    FROM archived_streams GROUP BY venue ORDER BY venue LIMIT 100
                    """
                ),
            ),
            columns={
                "behind": Look(unit="s", decimals=0),
                "missed": Look(steps=((GOOD, None), (BAD, 1)), custom={"cellOptions": {"type": "color-text"}}),
                "told_at": Look(unit="dateTimeFromNow"),
            },
            width=6,
            runbooks=("archive-behind", "archive-hole"),
        ),
    ),
)

_JOBS = Row(
    "Do the tasks do their work?",
    (
        Panel(
            "When was each queue consumed last?",
            "timeseries",
            "Each is rung once a minute: above two minutes a worker hangs, is away, or has too much to do.",
            (Prom("tapefarm_queue_age_seconds", "{{queue}}"),),
            Look(unit="s", least=0, steps=_LATE, custom={"thresholdsStyle": {"mode": "dashed"}}),
            runbooks=("canary-late", "beat-silent"),
        ),
        Panel(
            "How long do tasks run?",
            "timeseries",
            "95 of 100 runs of each task are shorter. A drain of the writers, and a turn of the paper engine, last half a minute by design.",
            (
                Prom(
                    "histogram_quantile(0.95, sum by (task, le) (rate(tapefarm_task_seconds_bucket[$__rate_interval])))",
                    "{{task}}",
                ),
            ),
            Look(unit="s", least=0),
        ),
        Panel(
            "Which tasks failed?",
            "timeseries",
            "Failures an hour. A task that waits for a server that is away does not fail.",
            (Prom("sum by (task) (increase(tapefarm_task_failures_total[1h])) > 0", "{{task}}"),),
            Look(unit="none", least=0, decimals=0),
            runbooks=("errors",),
            filled=Filled.SOMETIMES,
        ),
        Panel(
            "How old is the newest good backup?",
            "stat",
            "And how long ago one was restored and held against what it recorded (proof).",
            (Prom("max by (subject) (tapefarm_backup_age_seconds)", "{{subject}}", instant=True),),
            Look(unit="s", decimals=0, colour=CALM),
            runbooks=("backup-old", "backup-unproven"),
            filled=Filled.SOMETIMES,
        ),
        Panel(
            "How much waits in the journal?",
            "timeseries",
            "Entries that are not committed, by channel.",
            (Prom("sum by (venue, channel) (tapefarm_backlog_entries)", "{{venue}} {{channel}}"),),
            Look(unit="short", least=0),
            runbooks=("backlog",),
        ),
        Panel(
            "How much waits on disk for Redis?",
            "timeseries",
            "Bytes that streamers keep in their spools while Redis refuses.",
            (Prom("sum by (venue, replica) (tapefarm_spool_bytes)", "{{venue}} {{replica}}"),),
            Look(unit="bytes", least=0),
            runbooks=("server-away",),
        ),
    ),
)

_PROGRAMS = Row(
    "How are the programs?",
    (
        Panel(
            "How much memory does each take?",
            "timeseries",
            "With its children.",
            (Prom("tapefarm_program_memory_bytes", "{{program}}"),),
            Look(unit="bytes", least=0, custom={"fillOpacity": 0}),
            width=12,
            runbooks=("memory",),
        ),
        Panel(
            "Which were started again?",
            "timeseries",
            "Starts an hour that nobody asked for.",
            (Prom("sum by (program) (increase(tapefarm_program_restarts_total[1h])) > 0", "{{program}}"),),
            Look(unit="none", least=0, decimals=0),
            width=6,
            runbooks=("restarts",),
            filled=Filled.SOMETIMES,
        ),
        Panel(
            "Were frames shed?",
            "stat",
            "Since the streamers began: neither Redis nor the spool took them. Each loss is a gap.",
            (Prom("sum by (venue) (tapefarm_lost_frames_total)", "{{venue}}", instant=True),),
            Look(unit="short", steps=((GOOD, None), (BAD, 1))),
            width=6,
            runbooks=("gap-opened",),
        ),
    ),
)

DASHBOARD = Dashboard(
    "storage",
    "Tapefarm · storage and jobs",
    "Where does the room go, and does every program and task do its work?",
    (_ROOM, _JOBS, _PROGRAMS),
    since="now-24h",
    refresh="1m",
)

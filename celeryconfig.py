"""The file an operator edits: broker, reliability, queues, and what runs when. Each line has its reason.

Used by `celery -A tasks worker|beat|flower`. What to collect is in farm.toml, where things are in the environment (.env.example).
"""

from itertools import combinations as _combinations

from celery.schedules import crontab as _crontab
from kombu.entity import Exchange, Queue

from core import settings as _settings
from venues import VENUES

_farm = _settings.load()

# --- broker ---------------------------------------------------------------------------------------------------------------
broker_url = _farm.celery_broker_url
broker_connection_retry_on_startup = True
broker_connection_max_retries = None  # a farm waits for its Redis for ever
broker_channel_error_retry = True  # a Redis out of memory refuses as with a wrong command; by default a worker dies of it
broker_transport_options = {
    "global_keyprefix": f"{_farm.key_prefix}:celery:",  # a Redis may be shared
    "socket_timeout": 20,  # without it a half-open socket waits for ever, and kombu's own checks never run
    "socket_connect_timeout": 5,
    "socket_keepalive": True,
    "health_check_interval": 25,
    "visibility_timeout": 900,  # longer than every hard time limit below; what a dead worker had fetched and not begun comes back after it
    "unacked_restore_interval": 10,  # looks for such messages so often
    "unacked_restore_throttle": 1,
}

# --- what a message may do -----------------------------------------------------------------------------------------------
task_serializer = "json"
accept_content = ["json"]  # no pickle
task_ignore_result = True  # results are seen in Flower's events; as keys they would fill Redis
task_store_errors_even_if_ignored = False
# Early, on purpose (docs/decisions/0021): every message expires by the next ring of the schedule, long before Redis would give back what a killed
# worker held; and what comes back after a lost connection is still being worked at, so that venues would be asked twice.
task_acks_late = False
task_time_limit = 600  # nothing runs longer than ten minutes
task_soft_time_limit = 540
# A turn, and behind it one commit at the database's own limits (db/engine.py): a drain that is stuck frees its group within minutes.
task_annotations = {
    "tasks.writers.drain": {"soft_time_limit": _farm.writer_turn_seconds + 160, "time_limit": _farm.writer_turn_seconds + 180},
    "tasks.paper.trade": {"soft_time_limit": 220, "time_limit": 240},  # likewise
}
task_default_queue = task_default_exchange = task_default_routing_key = "maintenance"
task_create_missing_queues = False  # a misspelt queue is an error, not a queue nobody reads
QUEUES = ("metadata", "snapshots", "writers", "backfill", "maintenance", "paper")  # named by what their tasks contend for
task_queues = [Queue(name, Exchange(name), routing_key=name) for name in QUEUES]  # type: ignore[no-untyped-call]  # kombu has no types
task_routes = {
    # Contends for the database's write path. Behind the queue's canary (0 is first), which waits for one turn then and not for two.
    "tasks.writers.*": {"queue": "writers", "priority": 9},
    "tasks.snapshots.*": {"queue": "snapshots"},  # contends for the venues' REST budgets
    "tasks.metadata.*": {"queue": "metadata"},  # rare, and the streamers wait for it: never behind snapshots
    "tasks.backfill.*": {"queue": "backfill"},  # contends for what is left of the REST budgets; may take long and keeps nobody waiting
    # Contends with nobody, and nobody may keep it waiting. Behind its queue's canary, as the drains.
    "tasks.paper.*": {"queue": "paper", "priority": 9},
    "tasks.health.*": {"queue": "maintenance"},
    "tasks.maintenance.*": {"queue": "maintenance"},
    "tasks.coverage.*": {"queue": "maintenance"},
    "tasks.witness.*": {"queue": "maintenance"},
    "tasks.rollups.*": {"queue": "maintenance"},
    "tasks.storage.*": {"queue": "maintenance"},
    "tasks.archive.*": {"queue": "maintenance"},  # by turns of seconds: the disk, and where it is copied to, may be slow
    "tasks.export.*": {"queue": "maintenance"},  # begins what is due and does not wait for it
    "tasks.backups.*": {"queue": "maintenance"},  # begins what is due and does not wait for it
    "tasks.matching.*": {"queue": "maintenance"},
}
imports = (
    "tasks.writers",
    "tasks.snapshots",
    "tasks.metadata",
    "tasks.backfill",
    "tasks.paper",
    "tasks.health",
    "tasks.maintenance",
    "tasks.coverage",
    "tasks.witness",
    "tasks.rollups",
    "tasks.storage",
    "tasks.archive",
    "tasks.export",
    "tasks.backups",
    "tasks.matching",
    "tasks.signals",
)

# --- workers --------------------------------------------------------------------------------------------------------------
worker_consumer = "tasks.turning:Consumer"  # Celery's own, with a pulse for the supervisor
worker_prefetch_multiplier = 1  # a drain lasts half a minute: what is fetched behind it would wait
worker_soft_shutdown_timeout = 10.0  # the default is off: running tasks would be killed in the middle
worker_enable_soft_shutdown_on_idle = False
worker_cancel_long_running_tasks_on_connection_loss = False  # a drain needs Redis for the journal, not for its message
worker_max_memory_per_child = 600_000  # KiB; a child above it is replaced after its task
worker_hijack_root_logger = False  # core.log sets logging up, the same for every process
worker_send_task_events = True  # Flower
task_send_sent_event = True  # how long messages wait in a queue
worker_enable_prefetch_count_reduction = True
worker_eta_task_limit = 100  # nothing here uses ETAs; a flood of them must not hoard memory

# --- beat -----------------------------------------------------------------------------------------------------------------
beat_scheduler = "tasks.beat:LeasedScheduler"  # of several beats one keeps the schedule; another takes over when it dies
beat_schedule_filename = str(_farm.home / "celerybeat-schedule")
beat_max_loop_interval = 5  # wakes at least so often
timezone = "UTC"


def _every(seconds: float, task: str, *args: object, queue: str | None = None) -> dict[str, object]:
    """An entry of the schedule. A run that nobody took before the next one is due is worthless, so its message expires."""
    options: dict[str, object] = {"expires": max(2.0, seconds)}
    if queue:
        options["queue"] = queue
    return {"task": task, "schedule": seconds, "args": args, "options": options}


beat_schedule = {
    # Rings for every group: a drain hands over to its successor by itself, but after a killed Redis only a ring brings it back.
    **{f"drain-{group}": _every(_farm.writer_ring_seconds, "tasks.writers.drain", group) for group in range(_farm.writer_groups)},
    # Rings for the paper engine likewise; while no pair is confirmed, a look at one index.
    "trade-on-paper": _every(10, "tasks.paper.trade"),
    # One canary a queue: a worker that lives but consumes nothing is seen by the age of its canary.
    **{f"canary-{queue.name}": _every(60, "tasks.health.canary", queue.name, queue=queue.name) for queue in task_queues},
    "health": _every(60, "tasks.health.check"),
    # What it has not taken stays in Redis: behind the minute that is left to the drains, it is asked for often.
    "archive-journal": _every(30, "tasks.archive.write"),
    "upload-archive": _every(60, "tasks.archive.upload"),
    "trim-journal": _every(60, "tasks.maintenance.trim_journal"),
    # A gap is looked after within seconds of its end: what is old is dearer to get, and some venues forget.
    "plan-backfills": _every(10, "tasks.backfill.plan"),
    # Rings for the jobs that are due; with none, a look at one index.
    "work-backfills": _every(10, "tasks.backfill.work"),
    # What is forgotten is a year old: an hour more does not matter.
    "forget-records": _every(3600, "tasks.maintenance.forget"),
    "settle-gaps": _every(60, "tasks.maintenance.settle_gaps"),
    # Looks at what has changed and at the hours that go on; a minute or two is young enough for a question about an hour.
    "judge-coverage": _every(120, "tasks.coverage.judge"),
    # A minute is rolled up when it is over; what comes late, at the next ring.
    "roll-up": _every(30, "tasks.rollups.roll"),
    # A changed [storage] of farm.toml is in force within a minute; with none, a look at the file.
    "apply-storage": _every(60, "tasks.storage.apply"),
    # To ask the guards of a chunk reads it: often enough for what is a day's work.
    "drop-storage": _every(600, "tasks.storage.drop"),
    "measure-storage": _every(600, "tasks.storage.measure"),
    # At 00:01 the day before is closed; then every ten minutes, for days that were missed or changed: its last hour is judged and rolled up
    # some minutes later, and what is read of the past comes at any time.
    "export-closed-days": {
        "task": "tasks.export.closed_days",
        "schedule": _crontab(minute="1-51/10"),
        "args": (),
        "options": {"expires": 540.0},
    },
    # Hourly and daily backups and the weekly drill have their own times (db/backups/times.py); this looks whether one has come.
    "look-after-backups": _every(60, "tasks.backups.look"),
    # Before it is looked at again, a changed rule may be traded upon for a minute; markets tell their changes no faster.
    "watch-pairs": _every(60, "tasks.matching.watch"),
}
for _venue in VENUES.values():
    if _venue.name in _farm.collect:
        beat_schedule[f"{_venue.name}-universe"] = _every(_venue.universe.every_seconds, "tasks.metadata.universe", _venue.name)
        _login = not _farm.lacking(_venue.name, _venue.login)
        if _venue.witness is not None and _login:  # a stream that freezes in part is told by what REST says meanwhile
            beat_schedule[f"{_venue.name}-witness"] = _every(25, "tasks.snapshots.witness", _venue.name)
        if any(_channel.candles for _channel in _venue.channels):  # what was missed without a trace shows in a volume
            beat_schedule[f"{_venue.name}-volumes"] = _every(300, "tasks.witness.volumes", _venue.name)
        for _poll in _venue.polls:
            if _poll.every_seconds is not None and _poll.login in (None, _login):
                _task = "tasks.metadata.poll" if _poll.queue == "metadata" else "tasks.snapshots.poll"
                beat_schedule[f"{_venue.name}-{_poll.name}"] = _every(_poll.every_seconds, _task, _venue.name, _poll.name)
# New markets come by the hour, and a person looks at what is proposed; seconds of work for tens of thousands of markets.
for _a, _b in _combinations(sorted(name for name in _farm.collect if name in VENUES and VENUES[name].question), 2):
    beat_schedule[f"match-{_a}-{_b}"] = _every(3600, "tasks.matching.propose", _a, _b)

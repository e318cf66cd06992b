"""Every metric of the farm: its name, what it says, its labels. `docs/metrics.md` is made of this; `GET /metrics` of the console serves them.

What processes count stands first and is counted where it happens, a batch at a time; `core/counts.py` says how. What follows it is looked
up when somebody asks: `ops/console/metrics.py` makes it.
"""

from core.counts import Counter, Histogram, Metric

PREFIX = "tapefarm_"
_STREAM = ("venue", "channel")
_PLACE = ("venue", "channel", "shard", "replica")
_LAG = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
_FRAMES = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1e3, 2e3, 5e3)
_BYTES = (256.0, 1024.0, 4096.0, 16384.0, 65536.0, 262144.0, 1048576.0)
_TASK = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0)


def _counter(name: str, help: str, *labels: str) -> Counter:
    return Counter(PREFIX + name, help, labels, "counter")


def _histogram(name: str, help: str, *labels: str, bounds: tuple[float, ...]) -> Histogram:
    return Histogram(PREFIX + name, help, labels, "histogram", bounds)


def _looked_up(name: str, help: str, *labels: str) -> Metric:
    return Metric(PREFIX + name, help, labels, "counter" if name.endswith("_total") else "gauge")


# --- counted by streamers -------------------------------------------------------------------------------------------------
FRAMES = _counter("frames_total", "Frames received from sockets.", *_STREAM, "replica")
BYTES = _counter("bytes_total", "Bytes of these frames.", *_STREAM, "replica")
BATCH_FRAMES = _histogram("batch_frames", "Frames of one batch.", *_STREAM, bounds=_FRAMES)
BATCH_BYTES = _histogram("batch_bytes", "Bytes of one batch, before compression.", *_STREAM, bounds=_BYTES)
RECONNECTS = _counter(
    "reconnects_total",
    "Connections that ended or could not be made: silent, rotated, closed (by the venue or the way to it), refused, unreachable.",
    *_STREAM,
    "reason",
)

# --- counted by writers ---------------------------------------------------------------------------------------------------
ROWS = _counter("rows_total", "Rows written, those that were there already counted too.", *_STREAM)
QUARANTINED = _counter("quarantined_total", "Frames that could not be read and were put aside.", *_STREAM)
LAG = _histogram(
    "lag_seconds",
    "venue: from the venue's clock to ours, of each row; journal: from a batch's first frame to its entry in the journal; "
    "commit: from the entry to its commit.",
    "stage",
    *_STREAM,
    bounds=_LAG,
)
BOOK_MISMATCHES = _counter("book_mismatches_total", "Order books that were found to be wrong, and were asked for anew.", *_STREAM)

# --- counted by tasks -----------------------------------------------------------------------------------------------------
REST_REQUESTS = _counter("rest_requests_total", "REST requests sent, by HTTP status; `none` where no answer came.", "venue", "status")
TASK_SECONDS = _histogram("task_seconds", "How long a task ran.", "task", bounds=_TASK)
TASK_FAILURES = _counter("task_failures_total", "Tasks that failed.", "task")

COUNTED: tuple[Counter | Histogram, ...] = (
    *(FRAMES, BYTES, BATCH_FRAMES, BATCH_BYTES, RECONNECTS, ROWS, QUARANTINED, LAG, BOOK_MISMATCHES),
    *(REST_REQUESTS, TASK_SECONDS, TASK_FAILURES),
)

# --- looked up when asked -------------------------------------------------------------------------------------------------
HEALTHY = _looked_up("healthy", "1 when `./farm status` would say so, else 0.")
DATA_AGE = _looked_up("data_age_seconds", "Since the newest frame of the stream.", *_PLACE)
BACKLOG_ENTRIES = _looked_up("backlog_entries", "Journal entries that are not written yet.", *_PLACE)
BACKLOG_SECONDS = _looked_up("backlog_seconds", "How long the oldest of them has waited.", *_PLACE)
INSTRUMENTS = _looked_up("instruments", "Instruments that the stream is subscribed to.", *_PLACE)
GAPS_OPEN = _looked_up("gaps_open", "Gaps that last or are not accounted for yet.", "venue", "cause")
GAPS_DAY = _looked_up("gaps_day", "Gaps that began within the last 24 hours.", "venue", "cause")
REST_BUDGET = _looked_up(
    "rest_budget_left_ratio", "Of what the venue lets us ask, what is left at the moment: 0 to 1; 0 while paused.", "venue"
)
SPOOL_BYTES = _looked_up("spool_bytes", "Batches on disk that Redis has not taken yet.", "venue", "replica")
LOST_FRAMES = _looked_up(
    "lost_frames_total", "Frames shed since the streamer began, as neither Redis nor the spool took them.", "venue", "replica"
)
PROGRAM_RUNNING = _looked_up("program_running", "1 for a program of the supervisor that runs, else 0.", "program")
PROGRAM_RESTARTS = _looked_up("program_restarts_total", "Starts of a program that nobody asked for.", "program")
PROGRAM_MEMORY = _looked_up("program_memory_bytes", "Memory of a program with its children.", "program")
DISK_FREE = _looked_up("disk_free_bytes", "Free on the disk with a folder of the farm.", "disk")
DISK_USED = _looked_up("disk_used_ratio", "In use of that disk: 0 to 1.", "disk")
QUEUE_AGE = _looked_up("queue_age_seconds", "Since somebody consumed the queue; each is rung once a minute.", "queue")
BACKUP_AGE = _looked_up("backup_age_seconds", "Since the newest good backup, or since one was proven by restoring it (proof).", "subject")
ALERTS_FIRING = _looked_up("alerts_firing", "Subjects that a rule of alerts.toml calls for help about.", "rule")
PAPER_PROFIT = _looked_up("paper_profit_dollars", "On paper: what was gained (realised), and what would be now (open).", "kind")
PAPER_POSITIONS = _looked_up("paper_open_positions", "On paper: positions that are held.")
PAPER_HALTED = _looked_up("paper_halted", "1 while trading on paper is halted, else 0.")
PAPER_OPPORTUNITIES = _looked_up("paper_opportunities_total", "On paper: opportunities that were seen.")

LOOKED_UP: tuple[Metric, ...] = (
    *(HEALTHY, DATA_AGE, BACKLOG_ENTRIES, BACKLOG_SECONDS, INSTRUMENTS, GAPS_OPEN, GAPS_DAY, REST_BUDGET, SPOOL_BYTES, LOST_FRAMES),
    *(PROGRAM_RUNNING, PROGRAM_RESTARTS, PROGRAM_MEMORY, DISK_FREE, DISK_USED, QUEUE_AGE, BACKUP_AGE, ALERTS_FIRING),
    *(PAPER_PROFIT, PAPER_POSITIONS, PAPER_HALTED, PAPER_OPPORTUNITIES),
)

"""What happens around tasks: logging once for every process, counts of runs and failures, and a worker's word to its children."""

from contextlib import suppress
from time import monotonic
from typing import Any

from celery.signals import celeryd_init, setup_logging, task_failure, task_postrun, task_prerun, worker_process_init, worker_shutting_down

from core import counts, log, metrics
from core.redisdb import RedisError
from tasks import lifecycle, resources

worker_shutting_down.connect(lifecycle.announce_shutdown)

#: Of the worker whose process or child this is.
_role = ["worker"]
#: id -> when it began, of what runs in this process: one task at a time.
_running: dict[str, float] = {}


@setup_logging.connect
def _set_up_logging(**_: Any) -> None:
    knobs = resources.config()
    log.configure(knobs.log_level, knobs.log_format)


@celeryd_init.connect
def _begin_worker(sender: Any = None, **_: Any) -> None:
    """The worker itself tells of those tasks whose process was killed; `sender` is its name, such as writers@host."""
    _role[0] = f"worker-{str(sender).partition('@')[0]}"
    counts.begin(resources.config().metrics, _role[0])


@worker_process_init.connect
def _begin_child(**_: Any) -> None:
    counts.begin(resources.config().metrics, _role[0])


@task_prerun.connect
def _begin_task(task_id: str, **_: Any) -> None:
    _running.clear()
    _running[task_id] = monotonic()


@task_postrun.connect
def _end_task(task_id: str, task: Any, **_: Any) -> None:
    if (began := _running.pop(task_id, None)) is not None:
        metrics.TASK_SECONDS.observe(monotonic() - began, task.name)


@task_failure.connect
def _count_failure(sender: Any = None, **_: Any) -> None:
    """The watcher calls for help when there are many. Without Redis there is no count, and that is told by itself."""
    metrics.TASK_FAILURES.add(1, sender.name)
    with suppress(RedisError):
        resources.board().count_failure(sender.name)

"""What happens around tasks: logging once for every process, the count of failures, and a worker's word to its children."""

from contextlib import suppress
from typing import Any

from celery.signals import setup_logging, task_failure, worker_shutting_down

from core import log
from core.redisdb import RedisError
from tasks import lifecycle, resources

worker_shutting_down.connect(lifecycle.announce_shutdown)


@setup_logging.connect
def _set_up_logging(**_: Any) -> None:
    log.configure(resources.config().log_level)


@task_failure.connect
def _count_failure(sender: Any = None, **_: Any) -> None:
    """The watcher calls for help when there are many. Without Redis there is no count, and that is told by itself."""
    with suppress(RedisError):
        resources.board().count_failure(sender.name)

"""What happens around tasks: logging, the count of failures, and the first round of metadata when the schedule starts."""

from contextlib import suppress
from typing import Any

from celery.signals import beat_init, setup_logging, task_failure, worker_shutting_down

from core import log
from core.redisdb import RedisError
from tasks import app, lifecycle, resources
from venues import VENUES

worker_shutting_down.connect(lifecycle.announce_shutdown)


@setup_logging.connect
def _set_up_logging(**_: Any) -> None:
    log.configure(resources.config().log_level)


@beat_init.connect
def _first_round(**_: Any) -> None:
    """An interval is due only after it has passed once; a new farm needs instruments at once."""
    for name in resources.config().collect:
        if name in VENUES:
            app.send_task("tasks.metadata.universe", (name,), queue="metadata", expires=60)
            for poll in VENUES[name].polls:
                if poll.queue == "metadata":
                    app.send_task("tasks.metadata.poll", (name, poll.name), queue="metadata", expires=60)


@task_failure.connect
def _count_failure(sender: Any = None, **_: Any) -> None:
    """The watcher calls for help when there are many. Without Redis there is no count, and that is told by itself."""
    with suppress(RedisError):
        resources.board().count_failure(sender.name)

"""python -m ops.chaos.ringer: sends a canary to every queue for each line of standard input, and says which were taken by the broker.

A program of its own, as Celery is set up by the environment of the farm that it speaks to.
"""

import sys

from kombu.exceptions import OperationalError

from ops.chaos.canaries import BUSY
from tasks import app


def ring() -> list[str]:
    queues = [queue.name for queue in app.conf.task_queues if queue.name != BUSY]
    for queue in queues:
        app.send_task("tasks.health.canary", (queue,), queue=queue, retry=False, expires=60)
    return queues


def main() -> None:
    for _ in sys.stdin:
        try:
            print(*ring(), flush=True)
        except (OperationalError, OSError):
            print(flush=True)


if __name__ == "__main__":
    main()

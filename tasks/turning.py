"""Worker and schedule as Celery has them, with a pulse: it moves as long as their loops turn or wait for Redis on purpose."""

from collections.abc import Callable
from typing import Any

from celery import beat, bootsteps
from celery.worker import consumer

from core import pulse


class Turning(bootsteps.StartStopStep):  # type: ignore[misc]  # celery has no types
    """A timer of the worker's event loop, made anew with each connection."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def start(self, parent: Any) -> None:
        self.stop(parent)
        self._entry = parent.timer.call_repeatedly(pulse.EVERY_SECONDS, pulse.beat)

    def stop(self, _: Any) -> None:
        if entry := getattr(self, "_entry", None):
            entry.cancel()

    shutdown = stop


class Consumer(consumer.Consumer):  # type: ignore[misc]
    """What a worker's main process does: takes messages and hands them to its children."""

    class Blueprint(consumer.Consumer.Blueprint):  # type: ignore[misc]
        default_steps = (*consumer.Consumer.Blueprint.default_steps, "tasks.turning:Turning")

    def ensure_connected(self, conn: Any) -> Any:
        conn.ensure_connection = _beating(conn.ensure_connection)
        return super().ensure_connected(conn)


class Scheduler(beat.PersistentScheduler):  # type: ignore[misc]
    """What rings for every entry of the schedule."""

    def tick(self, *args: Any, **kwargs: Any) -> Any:
        pulse.beat()
        return super().tick(*args, **kwargs)

    def _ensure_connected(self) -> Any:
        self.connection.ensure_connection = _beating(self.connection.ensure_connection)
        return super()._ensure_connected()


def _beating(ensure: Callable[..., Any]) -> Callable[..., Any]:
    """Waiting for Redis is no reason to be killed: called between attempts, and each second of a pause."""

    def ensured(*args: Any, callback: Callable[[], Any] | None = None, **kwargs: Any) -> Any:
        def waiting() -> None:
            pulse.beat()
            if callback is not None:
                callback()

        return ensure(*args, callback=waiting, **kwargs)

    return ensured

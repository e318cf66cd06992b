"""A worker as Celery has it, with a pulse: it moves as long as its loop turns, or waits for Redis on purpose."""

import logging
from collections.abc import Callable
from time import monotonic
from typing import Any

from celery import bootsteps
from celery.worker import consumer, state

from core import pulse

log = logging.getLogger(__name__)

#: A worker that has been idle for so long is deaf, or its schedule is dumb; a task that is carried out is bounded by its time limit.
UNUSED_SECONDS = 300.0


class Turning(bootsteps.StartStopStep):  # type: ignore[misc]  # celery has no types
    """A timer of the worker's event loop, made anew with each connection. It stands still when the loop does, and when a worker that is
    connected to Redis carries nothing out: its schedule sends it a canary a minute at least."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def start(self, parent: Any) -> None:
        self.stop(parent)
        self._begun, self._used_at = 0, monotonic()
        self._entry = parent.timer.call_repeatedly(pulse.EVERY_SECONDS, self.turn)

    def stop(self, _: Any) -> None:
        if entry := getattr(self, "_entry", None):
            entry.cancel()

    shutdown = stop

    def turn(self) -> None:
        begun = state.all_total_count[0]
        if begun != self._begun or state.active_requests:
            self._begun, self._used_at = begun, monotonic()
        if (unused := monotonic() - self._used_at) < UNUSED_SECONDS:
            pulse.beat()
        else:
            log.warning("nothing was carried out for %.0f s, not even a canary: the pulse stands still", unused)


class Consumer(consumer.Consumer):  # type: ignore[misc]
    """What a worker's main process does: takes messages and hands them to its children."""

    class Blueprint(consumer.Consumer.Blueprint):  # type: ignore[misc]
        default_steps = (*consumer.Consumer.Blueprint.default_steps, "tasks.turning:Turning")

    def ensure_connected(self, conn: Any) -> Any:
        conn.ensure_connection = beating(conn.ensure_connection)
        return super().ensure_connected(conn)

    def on_connection_error_after_connected(self, exc: BaseException) -> None:
        """Celery closes the lost connection twice. Where the first time fails at the read that was under way, Kombu 5.7.0 gives back what was
        fetched and not begun at the second, over a connection that is gone, and of that AttributeError the whole worker would end."""
        if self.connection is not None:
            self.connection.close = forgiving(self.connection.close)
        super().on_connection_error_after_connected(exc)


def forgiving(close: Callable[[], None]) -> Callable[[], None]:
    """What was not given back comes back by itself (visibility_timeout)."""

    def closed() -> None:
        try:
            close()
        except AttributeError as exc:
            log.warning("a lost connection gave nothing back cause=%r", exc)

    return closed


def beating(ensure: Callable[..., Any]) -> Callable[..., Any]:
    """Waiting for Redis is no reason to be killed: called between attempts, and each second of a pause."""

    def ensured(*args: Any, callback: Callable[[], Any] | None = None, **kwargs: Any) -> Any:
        def waiting() -> None:
            pulse.beat()
            if callback is not None:
                callback()

        return ensure(*args, callback=waiting, **kwargs)

    return ensured

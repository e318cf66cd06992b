"""The schedule, kept by one beat of those that run: the one that holds the lease. The others wait, and take it over when it dies."""

import logging
from contextlib import suppress
from time import monotonic, time
from typing import Any

from kombu.exceptions import OperationalError

from core import pulse
from core.board import Board
from core.lease import Lease
from core.redisdb import RedisError
from tasks import app, resources
from tasks.steady import SteadyScheduler
from tasks.turning import beating
from venues import VENUES

log = logging.getLogger(__name__)

#: A beat that dies is replaced within so long and a look. Beat wakes every few seconds, its publishing to a sick Redis may take longer.
LEASE_SECONDS = 12.0
RENEW_SECONDS = 1.0
LOOK_SECONDS = 2.0
#: When what was rung is told together: the entries of some seconds cost one question.
TELL_SECONDS = 5.0


class LeasedScheduler(SteadyScheduler):
    """Its file is opened with the lease and closed without it: the beats of one host share it, one after the other."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._lease = Lease(resources.beats(), f"{resources.config().key_prefix}:beat", seconds=LEASE_SECONDS)
        self._leads = self._waits = False
        self._renew_at = self._tell_at = 0.0
        self._board = Board(resources.beats(), resources.config().key_prefix)
        self._rung: dict[str, float] = {}
        super().__init__(*args, **kwargs)

    def setup_schedule(self) -> None:
        """Not before it leads."""

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """At most one entry, as long as the lease is surely ours; seconds until the next."""
        pulse.beat()
        if monotonic() >= self._renew_at:
            self._renew()
        if self._lease.held != self._leads:
            (self._begin if self._lease.held else self._end)()
        if not self._leads:
            return LOOK_SECONDS
        return min(super().tick(*args, **kwargs), RENEW_SECONDS)

    def apply_entry(self, entry: Any, *args: Any, **kwargs: Any) -> None:
        super().apply_entry(entry, *args, **kwargs)
        self._rung[entry.name] = time()

    def _ensure_connected(self) -> Any:
        self.connection.ensure_connection = beating(self.connection.ensure_connection)
        return super()._ensure_connected()

    def close(self) -> None:
        if self._leads:
            self._end()
        with suppress(RedisError):
            self._lease.release()

    def _renew(self) -> None:
        self._renew_at = monotonic() + RENEW_SECONDS
        try:
            waits = not self._lease.renew()
        except RedisError as exc:
            log.debug("the lease of beat cannot be renewed error=%s", exc)
            return
        self._tell()
        if waits and not self._waits:
            log.info("another beat keeps the schedule, this one waits token=%s", self._lease.token)
        self._waits = waits

    def _tell(self) -> None:
        if self._rung and monotonic() >= self._tell_at:
            self._tell_at = monotonic() + TELL_SECONDS
            with suppress(RedisError):  # told again at the next ring
                self._board.tell_rung(self._rung)
            self._rung = {}

    def _begin(self) -> None:
        log.info("this beat keeps the schedule token=%s", self._lease.token)
        super().setup_schedule()
        self._heap = None
        self._leads = True
        try:
            first_round()
        except (OperationalError, RedisError) as exc:
            log.warning("the first round could not be asked for, the schedule will error=%s", exc)

    def _end(self) -> None:
        log.warning("this beat keeps the schedule no more token=%s", self._lease.token)
        self._leads = False
        super().close()
        self._store = None


def first_round() -> None:
    """An interval is due only after it has passed once; a new farm needs instruments at once."""
    for name in resources.config().collect:
        if name in VENUES:
            app.send_task("tasks.metadata.universe", (name,), queue="metadata", expires=60)
            for poll in VENUES[name].polls:
                if poll.queue == "metadata":
                    app.send_task("tasks.metadata.poll", (name, poll.name), queue="metadata", expires=60)

"""A thread for what may wait: reads universe, farm.toml and wishes, exchanges placements, writes the vital to the board. Sockets never wait for it."""

import logging
import threading
from collections.abc import Callable
from typing import Any

from core.board import Board
from core.redisdb import RedisError
from streamers.claim import Claim
from streamers.placement import Placement
from streamers.universe import Universe

log = logging.getLogger(__name__)

VISIT_SECONDS = 2.0


class Clerk:
    """`resync` is called from the thread with a stream's name and the symbols whose state is wanted anew, `rotate` with the name of
    a stream that wants new connections."""

    def __init__(
        self,
        who: str,
        board: Board,
        universe: Universe,
        placement: Placement,
        claim: Claim,
        *,
        resync: Callable[[str, list[str]], None],
        rotate: Callable[[str], None],
    ) -> None:
        self._who, self._placement, self._claim = who, placement, claim
        self._resync, self._rotate = resync, rotate
        self._refreshed: Callable[[], None] = lambda: None
        self._board = board
        self._universe = universe
        #: what is reported next; replaced whole by the event loop
        self.vital: dict[str, Any] = {}
        #: whose wishes are read next; replaced whole by the event loop
        self.streams: list[str] = []
        #: why another host has our name; '': it is ours
        self.refused = ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="clerk", daemon=True)

    def start(self, refreshed: Callable[[], None]) -> None:
        """`refreshed` is called from the thread after each visit."""
        self._refreshed = refreshed
        self._thread.start()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def stop(self) -> None:
        """Not joined: it may be waiting for a dead Redis."""
        self._stop.set()

    def _run(self) -> None:
        while not self._stop.is_set():
            self.refused = self._claim.refused()
            self._universe.refresh()
            self._placement.exchange()
            self._report()
            self._collect_wishes()
            self._refreshed()
            self._stop.wait(VISIT_SECONDS)
        self._claim.release()

    def _collect_wishes(self) -> None:
        streams = self.streams
        try:
            for stream, symbols in self._board.resyncs(streams).items():
                self._resync(stream, symbols)
            for stream in self._board.rotations(streams):
                self._rotate(stream)
        except RedisError as exc:
            log.debug("wishes cannot be read error=%s", exc)

    def _report(self) -> None:
        if not self.vital:
            return
        try:
            self._board.report(self._who, self.vital)
        except RedisError as exc:
            log.debug("vital cannot be reported error=%s", exc)

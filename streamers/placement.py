"""Which symbol sits on which shard, told over the board: replicas of a shard record the same only when they agree on it, and one that
starts later, or again, takes it from those before. Exchanged from a thread: it waits for Redis."""

import logging
from collections.abc import Mapping, Sequence

from core.board import Board
from core.redisdb import RedisError
from streamers.sharding import Share

log = logging.getLogger(__name__)

#: channel -> shard number -> its symbols
Placed = Mapping[str, Mapping[int, Sequence[str]]]


class Placement:
    def __init__(self, venue: str, share: Share, board: Board) -> None:
        self._who = f"{venue}:{share.part}:{share.of}"
        self._board = board
        #: what is told next; replaced whole by the event loop
        self.placed: Placed = {}
        self._found: Placed | None = None
        self._told: dict[str, Mapping[int, Sequence[str]]] = {}

    def exchange(self) -> None:
        """Read once what was told before; tell what has changed, or what Redis has lost."""
        try:
            if self._found is None:
                self._found = self._board.shards(self._who)
            there = self._board.placed_channels(self._who)
            for channel, shards in self.placed.items():
                if channel not in there or self._told.get(channel) != shards:
                    self._board.tell_shards(self._who, channel, shards)
                    self._told[channel] = shards
        except (RedisError, ValueError) as exc:
            log.debug("placement cannot be exchanged error=%s", exc)

    def of(self, channel: str, capacity: int) -> dict[int, tuple[str, ...]]:
        """Where the symbols of a channel were placed before; nothing where nobody has told."""
        return {number: tuple(symbols[:capacity]) for number, symbols in (self._found or {}).get(channel, {}).items()}

"""Which instruments and channels this process records: farm.toml's own list first, else the board's, else the last one known.

Called from a thread: it waits for Redis and the disk. The last list is kept on disk, so that a start without Redis works.
"""

import json
import logging
from collections.abc import Sequence
from pathlib import Path

from core.board import Board
from core.redisdb import RedisError
from core.settings import ROOT, Collect, Settings, read_farm_toml
from core.venue import Channel

log = logging.getLogger(__name__)


class Universe:
    def __init__(self, venue: str, settings: Settings, board: Board) -> None:
        self._venue = venue
        self._board = board
        self._toml = ROOT / settings.farm_toml
        self._toml_mtime = _mtime(self._toml)
        self._cache = settings.home / "universe" / f"{venue}.json"
        # A venue without a table is collected whole when it is asked for by name; one whose table is taken away later is not.
        self._collect: Collect | None = settings.collect.get(venue, Collect())
        self._published = self._cached()
        self._redis_away = False
        self._was_told = False

    @property
    def channels(self) -> tuple[str, ...] | None:
        """None: all the venue has."""
        return self._collect.channels if self._collect else ()

    @property
    def symbols(self) -> tuple[str, ...] | None:
        """None: not known yet."""
        if self._collect is None:
            return ()
        return self._collect.symbols or self._published

    def names(self, channel: Channel) -> tuple[str, ...] | None:
        """What a channel subscribes to: topics of its own, else the symbols. None: not known yet."""
        if self._collect is None:
            return ()
        return channel.topics or self.symbols

    def refresh(self) -> None:
        self._reread()
        if self._collect is None or self._collect.symbols:
            return
        try:
            found = self._board.universe(self._venue)
            if found is None and self._published and self._was_told:
                self._board.remind_of_universe(self._venue, self._published)
            self._redis_away = False
        except (RedisError, ValueError) as exc:
            if not self._redis_away:
                log.warning("universe cannot be asked for, the last one stays venue=%s error=%s", self._venue, exc)
            self._redis_away = True
            return
        self._was_told |= bool(found)
        if found and tuple(found) != self._published:
            self._published = tuple(dict.fromkeys(found))
            self._remember(self._published)

    def _reread(self) -> None:
        mtime = _mtime(self._toml)
        if mtime == self._toml_mtime:
            return
        self._toml_mtime = mtime
        try:
            self._collect = read_farm_toml(self._toml).get(self._venue)
            log.info("farm.toml was read again venue=%s", self._venue)
        except (OSError, ValueError) as exc:
            log.error("farm.toml is not used, the old one stays error=%s", exc)

    def _cached(self) -> tuple[str, ...] | None:
        try:
            return tuple(json.loads(self._cache.read_text(encoding="utf-8")))
        except (OSError, ValueError):
            return None

    def _remember(self, symbols: Sequence[str]) -> None:
        try:
            self._cache.parent.mkdir(parents=True, exist_ok=True)
            temporary = self._cache.with_suffix(".new")
            temporary.write_text(json.dumps(list(symbols), ensure_ascii=False), encoding="utf-8")
            temporary.replace(self._cache)
        except OSError as exc:
            log.warning("universe cannot be remembered error=%s", exc)


def _mtime(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0

"""A farm's journal and database of a test's own, and a hand that writes the journal as streamers do."""

import dataclasses
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress

import pytest

from core import journal as journals
from core import redisdb, settings
from core.board import Board
from core.journal import Journal, StreamName
from core.settings import Settings
from db import engine
from tasks import resources
from tasks.drain import Drain, Turn
from tasks.lag import Lag

TRADES = StreamName("binance", "aggTrade")
QUOTES = StreamName("binance", "bookTicker")


def trade(number: int, symbol: str = "BTCUSDT", **changes: object) -> bytes:
    now = time.time_ns() // 1_000_000
    data = {"e": "aggTrade", "E": now, "s": symbol, "a": number, "p": "100.5", "q": "2", "f": number, "l": number, "T": now, "m": False}
    return json.dumps({"stream": f"{symbol.lower()}@aggTrade", "data": data | changes}).encode()


def quote(number: int, symbol: str = "BTCUSDT", **changes: object) -> bytes:
    now = time.time_ns() // 1_000_000
    data = {"e": "bookTicker", "u": number, "s": symbol, "b": "1.5", "B": "2", "a": "1.6", "A": "3", "T": now, "E": now}
    return json.dumps({"stream": f"{symbol.lower()}@bookTicker", "data": data | changes}).encode()


class Socket:
    """One connection as the journal sees it."""

    def __init__(self, journal: Journal, stream: StreamName, name: str, incarnation: str = "i") -> None:
        self._journal, self._stream, self._name, self._batch = journal, stream, name, 0
        self.event(journals.CONNECTED, incarnation=incarnation)

    def event(self, type: str, **context: object) -> None:
        self._batch += 1
        self._journal.append([(self._stream, journals.event_fields(type, self._name, self._batch, time.time_ns() // 1000, context))])

    def send(self, *frames: bytes, times: int = 1) -> None:
        self._batch += 1
        now = time.time_ns() // 1000
        fields = journals.data_fields(self._name, self._batch, frames, [now] * len(frames))
        for _ in range(times):
            self._journal.append([(self._stream, fields)])


@pytest.fixture
def farm(fresh_database_url: str, redis_url: str, key_prefix: str) -> Settings:
    return dataclasses.replace(
        settings.load({}), database_url=fresh_database_url, redis_url=redis_url, key_prefix=key_prefix, writer_groups=1
    )


@pytest.fixture
def journal(redis_client: redisdb.Client, key_prefix: str) -> Journal:
    return Journal(redis_client, key_prefix)


@pytest.fixture
def board(redis_client: redisdb.Client, key_prefix: str) -> Board:
    return Board(redis_client, key_prefix)


@pytest.fixture
def drained(farm: Settings, journal: Journal, board: Board) -> Callable[[], Turn]:
    """Writes what waits in the journal, as the writers do."""

    def drain() -> Turn:
        turn = Turn(0)
        with closing(Drain(farm, journal, board, turn, Lag())) as at_work:
            at_work.open()
            while at_work.step():
                pass
        return turn

    return drain


# --- tasks, called as a worker calls them ---------------------------------------------------------------------------------
def _forget() -> None:
    """What a process keeps open: a worker's child would end with it."""
    for opened in (resources.config, resources.journal, resources.board, resources.http, resources.past, resources._redis):
        opened.cache_clear()


@pytest.fixture
def worker(farm: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Tasks called in this process work on this test's servers; (**settings) sets more of the environment."""
    for name in [name for name in os.environ if name.endswith(("_WS_URL", "_REST_URL", "_ARCHIVE_URL"))]:
        monkeypatch.delenv(name)

    def set_up(**settings: str) -> None:
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        _forget()

    set_up(DATABASE_URL=farm.database_url, REDIS_URL=farm.redis_url, KEY_PREFIX=farm.key_prefix)
    yield set_up
    with suppress(Exception):
        resources._redis().close()
    _forget()
    engine.engine(farm.database_url).dispose()

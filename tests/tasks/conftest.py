"""A farm's journal and database of a test's own, and a hand that writes the journal as streamers do."""

import dataclasses
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core import journal as journals
from core import redisdb, settings
from core.board import Board
from core.held import Held
from core.journal import Journal, StreamName
from core.settings import Settings
from db import backfills, engine
from ops.rebuild import run, target
from ops.rebuild.run import Range
from tasks import backfill, resources
from tasks.drain import Drain, Turn
from tasks.lag import Lag
from tests.sandbox.conftest import Sandbox, until

Query = Callable[..., list[tuple[Any, ...]]]
PATIENCE_SECONDS = 60.0

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
        settings.load({}),
        database_url=fresh_database_url,
        redis_url=redis_url,
        key_prefix=key_prefix,
        writer_groups=1,
        farm_home="/nonexistent/farm",  # a real one beside the checkout is no business of a test's
        archive="off",  # what is committed is trimmed at once
    )


@pytest.fixture
def journal(redis_client: redisdb.Client, key_prefix: str) -> Journal:
    return Journal(redis_client, key_prefix)


@pytest.fixture
def board(redis_client: redisdb.Client, key_prefix: str) -> Board:
    return Board(redis_client, key_prefix)


@pytest.fixture
def drained(farm: Settings, journal: Journal, board: Board) -> Callable[..., Turn]:
    """Writes what waits in the journal, as the writers do: by a drain that ends in order, or one of which nothing is left but what it has
    committed."""

    def drain(*, dies: bool = False) -> Turn:
        turn = Turn(0)
        with closing(Drain(farm, journal, board, turn, Lag())) as at_work:
            at_work.open()
            while at_work.step():
                pass
            if not dies:
                at_work.run(time.monotonic())
        return turn

    return drain


@contextmanager
def full(client: redisdb.Client) -> Iterator[None]:
    """Redis out of memory: it takes nothing, and forgets what it is told to."""
    before = client.config_get("maxmemory")["maxmemory"]  # type: ignore[index]
    client.config_set("maxmemory", "1")
    try:
        yield
    finally:
        client.config_set("maxmemory", before)


# --- tasks, called as a worker calls them ---------------------------------------------------------------------------------
def _forget() -> None:
    """What a process keeps open: a worker's child would end with it."""
    for opened in (resources.config, resources.journal, resources.board, resources.http, resources.past, resources.pace, resources._redis):
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

    set_up(DATABASE_URL=farm.database_url, REDIS_URL=farm.redis_url, KEY_PREFIX=farm.key_prefix, ARCHIVE=farm.archive)
    yield set_up
    with suppress(Exception):
        resources._redis().close()
    _forget()
    engine.engine(farm.database_url).dispose()


# --- reading the past again ------------------------------------------------------------------------------------------------
@pytest.fixture
def writing(drained: Callable[[], Turn]) -> Callable[[], Any]:
    """`with writing():` what comes into the journal is written, as by the writers."""

    @contextmanager
    def run() -> Iterator[None]:
        ended = threading.Event()

        def drain() -> None:
            while not ended.is_set():
                drained()
            drained()

        thread = threading.Thread(target=drain)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    return run


@pytest.fixture
def work(query: Query) -> Callable[[], None]:
    """Turn after turn until no job is alive; pauses between them are passed over."""

    def turns() -> None:
        end = time.monotonic() + PATIENCE_SECONDS
        while query("SELECT 1 FROM backfills WHERE state = ANY(%s)", (backfills.ALIVE,)):
            query("UPDATE backfills SET due_at = now()")
            backfill.work()
            assert time.monotonic() < end, query("SELECT * FROM backfills")

    return turns


def aged(query: Query) -> None:
    """As if the gaps had been found a while ago."""
    query("UPDATE data_gaps SET found_at = found_at - INTERVAL '1 minute', received_to = received_to - INTERVAL '1 minute'")


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Some hundred trades of each of six instruments, and then silence."""
    running = Sandbox(tmp_path_factory.mktemp("past"), "--rate", "4000", "--symbols", "6", "--weight-limit", "100000")
    segment = running.ledger / "trades-000001.bin"
    until(lambda: segment.exists() and np.bincount(running.records("trades")["symbol"], minlength=6).min() > 150, 30)
    running.ask("/control/rate", {"rate": 0})
    yield running
    running.stop()


@pytest.fixture
def market(past: Sandbox, worker: Callable[..., None]) -> Sandbox:
    worker(BINANCE_REST_URL=f"{past.http}/binance")
    return past


# --- the raw archive --------------------------------------------------------------------------------------------------------
@pytest.fixture
def recording(farm: Settings, journal: Journal, board: Board, redis_client: redisdb.Client, key_prefix: str, tmp_path: Path) -> Any:
    from tests.tasks.recording import Recording

    on = dataclasses.replace(farm, archive="on", farm_data=str(tmp_path))
    return Recording(on, journal, board, Held(redis_client, key_prefix))


@pytest.fixture
def rebuilt(recording: Any, query: Query) -> Iterator[Callable[..., str]]:
    """(name) -> URL of a database that was made of the archive; dropped after the test."""
    made = []

    def make(name: str, *, again: bool = False, wanted: Range | None = None) -> str:
        made.append(name)
        url = target.make(recording.farm.migration_url, name, again=again)
        run.rebuild(recording.farm, url, wanted or Range(0, 4_000_000_000_000_000))
        target.finish(recording.farm.migration_url, name)
        return url

    yield make
    for name in made:
        query(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

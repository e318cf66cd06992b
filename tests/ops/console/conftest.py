"""The console itself on a port, over real servers."""

import dataclasses
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.settings import Settings
from ops.console.__main__ import listening, server


@contextmanager
def serving(knobs: Settings) -> Iterator[str]:
    """Its address, while the block lasts."""
    door, running = listening("127.0.0.1", 0), server(knobs)
    thread = threading.Thread(target=running.run, args=([door],))
    thread.start()
    try:
        yield f"http://127.0.0.1:{door.getsockname()[1]}"
    finally:
        running.should_exit = True
        thread.join()


@pytest.fixture(scope="session")
def away() -> Settings:
    """Of a farm whose servers are both away."""
    return Settings(database_url="postgresql+psycopg2://nobody:secret@127.0.0.1:1/none", redis_url="redis://:secret@127.0.0.1:1/0")


@pytest.fixture(scope="session")
def blind(away: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(dataclasses.replace(away, farm_home=str(tmp_path_factory.mktemp("blind")))) as url:
        yield url


@pytest.fixture
def knobs(fresh_database_url: str, redis_url: str, key_prefix: str, tmp_path: Path) -> Settings:
    return Settings(database_url=fresh_database_url, redis_url=redis_url, key_prefix=key_prefix, farm_home=str(tmp_path))


@pytest.fixture
def console(knobs: Settings) -> Iterator[str]:
    with serving(knobs) as url:
        yield url


@pytest.fixture
def serve() -> Callable[[Settings], object]:
    return serving

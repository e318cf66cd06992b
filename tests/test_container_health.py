"""ops.docker.health: a container is well when its work is done, not when it lives."""

import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from core import redisdb
from core.board import Board
from ops.alerting import memory
from ops.alerting.memory import Memory
from ops.docker.health import main

Query = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def farm(monkeypatch: pytest.MonkeyPatch, fresh_database_url: str, redis_url: str, key_prefix: str) -> None:
    for name, value in {"DATABASE_URL": fresh_database_url, "REDIS_URL": redis_url, "KEY_PREFIX": key_prefix}.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def sing(query: Query) -> Callable[[str, int], None]:
    """A canary of a queue, so many seconds ago."""
    return lambda name, age: query(
        "INSERT INTO system_metadata (key, value, updated_at) VALUES (%s, '{}', now() - %s * INTERVAL '1 second')", (f"canary:{name}", age)
    )  # type: ignore[return-value]


@pytest.mark.usefixtures("farm")
def test_a_queue_is_well_while_its_canary_is_young(sing: Callable[[str, int], None], capsys: pytest.CaptureFixture[str]) -> None:
    sing("writers", 20)
    sing("metadata", 500)
    assert main(["queue", "writers"]) == 0
    assert main(["queue", "metadata"]) == 1
    assert "nobody has consumed the queue metadata for 500 s" in capsys.readouterr().err
    assert main(["queue", "backfill"]) == 1
    assert main(["schedule"]) == 0


@pytest.mark.usefixtures("farm")
def test_a_schedule_that_rings_nothing_is_unwell(sing: Callable[[str, int], None]) -> None:
    assert main(["schedule"]) == 1
    sing("writers", 300)
    assert main(["schedule"]) == 1


@pytest.mark.usefixtures("farm")
@pytest.mark.parametrize(
    ("ages", "ends"),
    [([5, None], 0), ([600], 1), ([None], 1), ([], 1)],
    ids=["data comes", "the socket is open and silent", "no frame ever", "nothing to record"],
)
def test_a_streamer_is_well_while_data_comes(redis_client: redisdb.Client, key_prefix: str, ages: list[int | None], ends: int) -> None:
    streams = [{"last_data_us": 0 if age is None else time.time_ns() // 1000 - age * 1_000_000} for age in ages]
    Board(redis_client, key_prefix).report("streamer:somewhere:0:a", {"streams": streams})
    assert main(["streamer", "somewhere"]) == ends
    assert main(["streamer", "elsewhere"]) == 1


def test_a_watcher_is_well_while_it_looks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("FARM_HOME", str(tmp_path))
    assert main(["watcher"]) == 1
    assert "has not looked at the farm yet" in capsys.readouterr().err
    memory.save(tmp_path, Memory(looked_at=time.time()))
    assert main(["watcher"]) == 0
    memory.save(tmp_path, Memory(looked_at=time.time() - 1000))
    assert main(["watcher"]) == 1


def test_servers_that_are_away_are_a_sentence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql+psycopg2://nobody:x@127.0.0.1:1/none")
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1")
    assert [main(["queue", "writers"]), main(["streamer", "somewhere"]), main(["web", "http://127.0.0.1:1/"])] == [1, 1, 1]
    assert "Traceback" not in capsys.readouterr().err


@pytest.fixture
def page() -> Iterator[str]:
    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/healthcheck" else 500)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_page_is_well_when_it_answers(page: str) -> None:
    assert main(["web", f"{page}/healthcheck"]) == 0
    assert main(["web", f"{page}/other"]) == 1

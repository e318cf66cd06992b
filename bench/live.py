"""The farm's own programs between a socket and the tables, started for a stage against a venue of the benchmark's own."""

import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from bench import frames
from bench.children import Child, module, started, wait_until
from bench.servers import Lab
from core.journal import HEARTBEAT, StreamName, event_fields

READY_SECONDS = 60.0
WORKER = ("worker", "-Q", "writers", "-c", "2", "-n", "bench@%h", "--without-gossip", "--without-mingle", "-E")


def farm_toml(folder: Path) -> Path:
    """What to collect: the benchmark's symbols, so that no metadata has to be asked for."""
    path = folder / "bench.toml"
    symbols = ", ".join(f'"{symbol}"' for symbol in frames.SYMBOLS)
    path.write_text(f'[venues.binance]\nchannels = ["bookTicker", "aggTrade"]\nsymbols = [{symbols}]\n', encoding="utf-8")
    return path


def environment(lab: Lab, port: int, **more: str) -> dict[str, str]:
    address = f"127.0.0.1:{port}"
    endpoints = {"BINANCE_WS_URL": f"ws://{address}", "BINANCE_REST_URL": f"http://{address}"}
    return lab.environment(FARM_TOML=str(farm_toml(lab.folder)), **endpoints, **more)


def announce(lab: Lab, *channels: str) -> None:
    """Make the streams known before their first entry: a drain looks for new ones every two seconds only."""
    lab.journal().append(
        (StreamName("binance", channel), event_fields(HEARTBEAT, "bench", 0, time.time_ns() // 1000)) for channel in channels
    )


@contextmanager
def venue(lab: Lab, port: int, *arguments: object) -> Iterator[Child]:
    with started("venue", module("bench.venue", port, *arguments), lab.folder, lab.environment()) as child:
        child.line(READY_SECONDS)
        yield child


@contextmanager
def writers(lab: Lab, env: Mapping[str, str]) -> Iterator[dict[str, Child]]:
    """A Celery worker for the writers' queue and the schedule that rings it; ready when both groups are being drained."""
    with ExitStack() as stack:
        celery = {"worker": WORKER, "beat": ("beat", "--schedule", str(lab.folder / f"schedule-{time.time_ns()}"))}
        running = {
            name: stack.enter_context(started(name, module("celery", "-A", "tasks", *argv), lab.folder, env))
            for name, argv in celery.items()
        }
        wait_until(lambda: _draining(lab) >= 2, READY_SECONDS, "the start of two drains", list(running.values()))
        yield running


def _draining(lab: Lab) -> int:
    connection = lab.connect()
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name IN ('tapefarm drain 0', 'tapefarm drain 1')")
            return int(cursor.fetchone()[0])  # type: ignore[index]
    finally:
        connection.close()


def streamer(lab: Lab, env: Mapping[str, str], *arguments: str) -> AbstractContextManager[Child]:
    return started("streamer", module("streamers", "binance", *arguments), lab.folder, env)

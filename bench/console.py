"""console_health, console_page: how long the console takes to say how the farm is, and to show it, while thousands of instruments flow."""

import sys
import time
from collections.abc import Mapping

import numpy as np
import requests

from bench.children import Failed, started
from bench.farms import Farm, farm
from bench.figures import Bar, Figure, thousands
from bench.servers import Lab
from ops.local.ports import free_port

HEALTH, PAGE = Bar("console_health", "ms", 50.0), Bar("console_page", "ms", 300.0)
#: What is asked for, and its bar.
PATHS: Mapping[str, Bar] = {"/health": HEALTH, "/": PAGE}
INSTRUMENTS, RATE = 5_000, 20_000.0
#: Prime to the time that a look is young: asks fall on all its ages.
ASKS, PAUSE_SECONDS = 300, 0.31
READY_SECONDS = 180.0


def measure(
    lab: Lab, *, instruments: int = INSTRUMENTS, rate: float = RATE, asks: int = ASKS, pause_seconds: float = PAUSE_SECONDS
) -> list[Figure]:
    toml, port = lab.folder / "console.toml", free_port()
    toml.write_text(f'[venues.binance]\nchannels = ["bookTicker", "aggTrade"]\ntop = {instruments}\n', encoding="utf-8")
    argv = [sys.executable, "-m", "sandbox", "--venues", "binance", "--root", str(lab.folder / "venue"), "--port", str(port)]
    # Not all that a venue lists is traded.
    argv += ["--rate", f"{rate:g}", "--symbols", str(instruments * 5 // 4 + 10)]
    endpoints = {"BINANCE_WS_URL": f"ws://127.0.0.1:{port}/binance", "BINANCE_REST_URL": f"http://127.0.0.1:{port}/binance"}
    with started("venue", argv, lab.folder, lab.environment()), farm(lab.say, FARM_TOML=str(toml), **endpoints) as running:
        held = _ready(running, instruments)
        before, began = _rows(running), time.monotonic()
        took: dict[str, list[float]] = {path: [] for path in PATHS}
        for _ in range(asks):
            for path, times in took.items():
                times.append(_ask(running, path))
            time.sleep(pause_seconds)
        rows = (_rows(running) - before) / (time.monotonic() - began)
    return [_figure(PATHS[path], path, times, held, rows) for path, times in took.items()]


def _figure(bar: Bar, path: str, times: list[float], held: int, rows: float) -> Figure:
    p50, p95, most = np.percentile(times, (50, 95, 100))
    how = (
        f"p95 of {len(times)} asks of {path} by one client with a connection of its own each, while a farm of `./farm up` writes "
        f"{thousands(rows)} rows/s of {held:,} instruments: p50 {p50:.1f}, longest {most:.1f} ms"
    )
    return bar.figure(float(p95), how)


def _ask(running: Farm, path: str) -> float:
    """ms; an unhealthy farm answers as well."""
    began = time.perf_counter()
    answer = requests.get(f"http://127.0.0.1:{running.ports['console']}{path}", timeout=60)
    took = (time.perf_counter() - began) * 1000
    if answer.status_code not in (200, 503):
        raise Failed(f"{path} answers {answer.status_code}: {answer.text[:300]}")
    return took


def _ready(running: Farm, instruments: int) -> int:
    """Waits until both channels of all instruments are asked for; returns how many the largest has."""
    until = time.monotonic() + READY_SECONDS
    while (held := _held(running)) < instruments:
        if time.monotonic() > until:
            raise Failed(f"the farm records {held} of {instruments} instruments")
        time.sleep(1)
    return held


def _held(running: Farm) -> int:
    channels = _health(running)["channels"]
    return min((one["instruments"] for one in channels if one["channel"] in ("bookTicker", "aggTrade")), default=0)


def _rows(running: Farm) -> int:
    return sum(one["rows_60m"]["rows"] or 0 for one in _health(running)["channels"])


def _health(running: Farm) -> dict[str, list[dict[str, object]]]:
    found: dict[str, list[dict[str, object]]] = requests.get(f"http://127.0.0.1:{running.ports['console']}/health", timeout=60).json()
    return found

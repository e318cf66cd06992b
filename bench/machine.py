"""On what the figures were measured: without it they say nothing."""

import os
import platform
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil

from bench.servers import Lab


def load_now() -> list[float]:
    return [round(value, 2) for value in os.getloadavg()]


def describe(lab: Lab, load_before: list[float]) -> dict[str, Any]:
    with closing(lab.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version'), (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb')")
        postgres, timescaledb = cursor.fetchone()  # type: ignore[misc]
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "python": platform.python_version(),
        "postgres": postgres.split()[0],
        "timescaledb": timescaledb,
        "redis": str(lab.redis().info("server")["redis_version"]),
        "load_before": load_before,
    }


def _cpu_model() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())

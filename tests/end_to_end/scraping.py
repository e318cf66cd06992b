"""A Prometheus of a test's own that scrapes a farm as ops/prometheus/prometheus.yml says, but more often."""

import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from core.settings import ROOT
from ops.local.ports import free_port
from ops.local.prometheus import Programs
from tests.end_to_end.conftest import Farm, eventually

SCRAPE_SECONDS = 2.0


@contextmanager
def scraped(farm: Farm, programs: Programs, folder: Path, password: str) -> Iterator[Callable[[str], Any]]:
    """PromQL -> the series that are answered. Raises AssertionError with what Prometheus says of an expression that it does not take."""
    port = free_port()
    (folder / "prometheus.yml").write_text(_configured(farm.port("console")))
    (folder / "rules.yml").write_text((ROOT / "ops/prometheus/rules.yml").read_text())
    (folder / "console-password").write_text(password)
    words = [str(programs.prometheus), f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    process = subprocess.Popen([*words, f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"], cwd=folder)

    def asked(query: str) -> list[dict[str, Any]]:
        answer = requests.get(f"http://127.0.0.1:{port}/api/v1/query", params={"query": query}, timeout=10).json()
        assert answer["status"] == "success", f"{query}: {answer['error']}"
        found: list[dict[str, Any]] = answer["data"]["result"]
        return found

    try:
        eventually(lambda: _is_ready(port))
        yield asked
    finally:
        process.kill()
        process.wait()


def _configured(port: int) -> str:
    text = (ROOT / "ops/prometheus/prometheus.yml").read_text().replace("127.0.0.1:8000", f"127.0.0.1:{port}")
    text = re.sub(r"# (basic_auth:|  username:|  password_file:)", r"\1", text)  # as it says for a console with a password
    assert "password_file" in text
    return text.replace("15s", f"{SCRAPE_SECONDS:g}s").replace("14s", f"{SCRAPE_SECONDS:g}s")


def _is_ready(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/-/ready", timeout=5).ok
    except requests.ConnectionError:
        return False

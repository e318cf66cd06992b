"""The sandbox as two venues that list pairs, and a client of each."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

OPTIONS = (
    "--rate",
    "50",
    "--symbols",
    "20",
    "--markets",
    "20",
    "--market-seconds",
    "0",
    "--resolution-seconds",
    "0.4",
    "--read-tokens",
    "1e6",
)
BOTH = "kalshi,polymarket"


class Pairs:
    """A sandbox with pairs; the clients of the venues' own tests speak to it."""

    def __init__(self, running: Any) -> None:
        self.running = running

    def all(self, kind: str | None = None) -> list[dict[str, Any]]:
        return [row for row in self.running.get("/control/pairs")["pairs"] if kind in (None, row["kind"])]

    def one(self, number: int) -> dict[str, Any]:
        return next(row for row in self.all() if row["pair"] == number)

    def act(self, do: str, *numbers: int, **more: Any) -> tuple[int, Any]:
        status, body, _ = self.running.ask("/control/pairs", {"do": do, **({"pairs": list(numbers)} if numbers else {}), **more})
        return status, body

    def summary(self, venue: str) -> dict[str, Any]:
        return dict(self.running.get("/control/summary")[venue])

    def lines(self, number: int) -> list[dict[str, Any]]:
        text = (self.running.root / "ledger" / "pairs.jsonl").read_text()
        return [line for line in map(json.loads, text.splitlines()) if line["pair"] == number]

    def kalshi(self, path: str) -> Any:
        return self.running.get(f"/kalshi/trade-api/v2{path}")

    def gamma(self, condition: str) -> dict[str, Any]:
        """Open or closed."""
        for closed in ("false", "true"):
            found = self.running.get(f"/polymarket/gamma/markets/keyset?condition_ids={condition}&closed={closed}")["markets"]
            if found:
                return dict(found[0])
        raise AssertionError(f"Gamma does not know {condition}")

    def clob(self, path: str) -> Any:
        return self.running.get(f"/polymarket/clob{path}")

    def on_kalshi(self) -> Any:
        from tests.sandbox.kalshi.conftest import opener

        return opener(self.running)()

    def on_polymarket(self) -> Any:
        from tests.sandbox.polymarket.conftest import opener

        return opener(self.running)()


@contextmanager
def sixty(sandbox_process: Any, root: Path) -> Iterator[Pairs]:
    running = sandbox_process(root, *OPTIONS, "--pairs", "60", venue=BOTH)
    yield Pairs(running)
    running.stop()


@pytest.fixture(scope="module")
def pairs(sandbox_process: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pairs]:
    """For all tests of a file; none of them ends a pair."""
    with sixty(sandbox_process, tmp_path_factory.mktemp("sandbox")) as made:
        yield made


@pytest.fixture(scope="module")
def mortal_pairs(sandbox_process: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pairs]:
    """Others, to be ended."""
    with sixty(sandbox_process, tmp_path_factory.mktemp("sandbox")) as made:
        yield made


@pytest.fixture
def launch(sandbox_process: Any, tmp_path: Path) -> Iterator[Callable[..., Pairs]]:
    """One of a test's own."""
    started: list[Pairs] = []

    def begin(*options: str) -> Pairs:
        started.append(Pairs(sandbox_process(tmp_path, *OPTIONS, *options, venue=BOTH)))
        return started[-1]

    yield begin
    for one in started:
        if one.running.process.poll() is None:
            one.running.stop()

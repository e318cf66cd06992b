"""The sandbox as Polymarket, and a plain client of the market channel that replays its books with dicts."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import connect

from tests.sandbox.peers import Peer, launching

BASE = "/polymarket"


class Client(Peer):
    def __init__(self, socket: Any) -> None:
        super().__init__(socket)
        self._tokens: list[str] = []

    def subscribe(self, *tokens: str, custom: bool = False, dump: bool = True) -> None:
        """The first frame after opening."""
        self._tokens += tokens
        frame: dict[str, Any] = {"type": "market", "assets_ids": list(tokens), "custom_feature_enabled": custom}
        self.socket.send(json.dumps(frame if dump else frame | {"initial_dump": False}))

    def operate(self, operation: str, *tokens: str) -> None:
        self.socket.send(json.dumps({"operation": operation, "assets_ids": list(tokens)}))

    def collect(self, seconds: float) -> list[dict[str, Any]]:
        """What comes in so long, and with the answer to PING the certainty that all that was sent before it is there."""
        self.listen(seconds)
        self.socket.send("PING")
        text = ""
        while text != "PONG":
            text = self.socket.recv(10)
            self.texts.append(text)
            if text != "PONG":
                frame = json.loads(text)
                self.frames += frame if isinstance(frame, list) else [frame]
        return self.frames

    def finish(self, seconds: float) -> list[dict[str, Any]]:
        """The same, and nothing more is sent afterwards: the ledger's deliveries are what came."""
        self.collect(seconds)
        self.operate("unsubscribe", *self._tokens)
        return self.collect(0)

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.frames if event.get("event_type") == kind]


def replayed(events: list[dict[str, Any]]) -> dict[str, dict[str, dict[str, str]]]:
    """token -> {"BUY": {price: size}, "SELL": …}, of what has had its book."""
    books: dict[str, dict[str, dict[str, str]]] = {}
    for event in events:
        if event.get("event_type") == "book":
            sides = (("BUY", "bids"), ("SELL", "asks"))
            books[event["asset_id"]] = {side: {level["price"]: level["size"] for level in event[name]} for side, name in sides}
        for change in event.get("price_changes", []):
            book = books.get(change["asset_id"])
            if book is None:
                continue
            if change["size"] == "0":
                book[change["side"]].pop(change["price"], None)
            else:
                book[change["side"]][change["price"]] = change["size"]
    return books


def opener(sandbox: Any) -> Callable[[], Any]:
    @contextmanager
    def open_client() -> Iterator[Client]:
        url = f"ws://127.0.0.1:{sandbox.port}{BASE}/ws/market"
        with connect(url, max_size=None, max_queue=None, compression=None, proxy=None, ping_interval=None) as socket:
            yield Client(socket)

    return open_client


@pytest.fixture(scope="module")
def sandbox(sandbox_process: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One process for all tests of a file: few markets, so that each is busy, and none that ends by itself."""
    options = ("--rate", "600", "--markets", "80", "--market-seconds", "0", "--resolution-seconds", "0.4")
    running = sandbox_process(tmp_path_factory.mktemp("sandbox"), *options, venue="polymarket")
    yield running
    running.stop()


@pytest.fixture
def client(sandbox: Any) -> Any:
    """Opens a client: `with client() as c`."""
    return opener(sandbox)


@pytest.fixture
def launch(sandbox_process: Any, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """(sandbox, opener of clients) of the test's own."""
    yield from launching(sandbox_process, opener, tmp_path, venue="polymarket")


@pytest.fixture
def get(sandbox: Any) -> Callable[..., Any]:
    """What a host answers with status 200: `get("gamma", "/markets/keyset", limit=5)`."""

    def ask(host: str, path: str, **params: Any) -> Any:
        query = "&".join(f"{name}={value}" for name, value in params.items())
        return sandbox.get(f"{BASE}/{host}{path}?{query}")

    return ask


@pytest.fixture
def replay() -> Callable[..., Any]:
    return replayed

"""The sandbox as Deribit, and a plain client that speaks JSON-RPC over `websockets`."""

import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import connect

from tests.sandbox.peers import Peer, launching

API = "/deribit/api/v2/public/"


class Client(Peer):
    """`frames`: notifications, in the order of arrival."""

    def __init__(self, socket: Any) -> None:
        super().__init__(socket)
        self._ids = itertools.count(1)

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """The whole answer; notifications that come before it are kept."""
        number = next(self._ids)
        self.socket.send(json.dumps({"jsonrpc": "2.0", "id": number, "method": f"public/{method}", "params": params}))
        answer = self.until(lambda frame: frame.get("id") == number)
        self.frames.pop()
        self.texts.pop()
        return answer

    def subscribe(self, *channels: str) -> list[str]:
        result: list[str] = self.ask("subscribe", channels=list(channels))["result"]
        return result

    def collect(self, seconds: float) -> list[dict[str, Any]]:
        """What comes in so long, and with the answer of unsubscribe_all the certainty that no more was sent."""
        self.listen(seconds)
        assert self.ask("unsubscribe_all")["result"] == "ok"
        return self.frames

    def data(self, feed: str) -> list[Any]:
        return [frame["params"]["data"] for frame in self.frames if frame["params"].get("channel", "").startswith(feed)]


def opener(sandbox: Any) -> Callable[[], Any]:
    @contextmanager
    def open_client() -> Iterator[Client]:
        url = f"ws://127.0.0.1:{sandbox.port}/deribit/ws/api/v2"
        with connect(url, max_size=None, max_queue=None, compression=None, proxy=None) as socket:
            yield Client(socket)

    return open_client


@pytest.fixture(scope="module")
def sandbox(sandbox_process: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One process for all tests of a file, with credits enough for a busy test."""
    running = sandbox_process(tmp_path_factory.mktemp("sandbox"), "--rate", "1500", "--credit-refill", "1e9", venue="deribit")
    yield running
    running.stop()


@pytest.fixture
def client(sandbox: Any) -> Any:
    """Opens a client: `with client() as c`."""
    return opener(sandbox)


@pytest.fixture
def launch(sandbox_process: Any, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """(sandbox, opener of clients) of the test's own."""
    yield from launching(sandbox_process, opener, tmp_path, venue="deribit")


@pytest.fixture
def get(sandbox: Any) -> Callable[..., Any]:
    """The result of a method over HTTP."""

    def ask(method: str, **params: Any) -> Any:
        query = "&".join(f"{name}={value}" for name, value in params.items())
        return sandbox.get(f"{API}{method}?{query}")["result"]

    return ask

"""The sandbox as Kalshi, a signer, and a plain client that speaks its commands over `websockets`."""

import base64
import itertools
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from websockets.sync.client import connect

from tests.sandbox.peers import Peer, launching

WS, REST = "/trade-api/ws/v2", "/trade-api/v2"


class Signer:
    """Signs with the key that the sandbox made; every part of it can be made wrong."""

    def __init__(self, root: Path) -> None:
        self.path = root / "keys" / "kalshi.pem"
        self._key: Any = serialization.load_pem_private_key(self.path.read_bytes(), None)

    def headers(
        self, path: str, *, skew_ms: int = 0, salt: int = 32, method: str = "GET", key: str = "sandbox", at_ms: int = 0
    ) -> dict[str, str]:
        stamp = str((at_ms or time.time_ns() // 1_000_000) + skew_ms)
        text = f"{stamp}{method}{path}".encode()
        if hasattr(self._key, "key_size"):
            pss = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=salt)
            signature = self._key.sign(text, pss, hashes.SHA256())
        else:
            signature = self._key.sign(text)
        encoded = base64.b64encode(signature).decode()
        return {"KALSHI-ACCESS-KEY": key, "KALSHI-ACCESS-TIMESTAMP": stamp, "KALSHI-ACCESS-SIGNATURE": encoded}


class Client(Peer):
    """`frames`: in the order of arrival, answers too."""

    def __init__(self, socket: Any) -> None:
        super().__init__(socket)
        self._ids = itertools.count(1)

    def send(self, cmd: str, **params: Any) -> int:
        number = next(self._ids)
        self.socket.send(json.dumps({"id": number, "cmd": cmd, **({"params": params} if params else {})}))
        return number

    def ask(self, cmd: str, **params: Any) -> dict[str, Any]:
        """The answer to a command; whatever comes before it is kept."""
        number = self.send(cmd, **params)
        return self.until(lambda frame: frame.get("id") == number and frame["type"] != "orderbook_snapshot")

    def subscribe(self, channel: str, *tickers: str, **params: Any) -> int:
        """The sid."""
        named = {"market_tickers": list(tickers)} if tickers else {}
        sid: int = self.ask("subscribe", channels=[channel], **named, **params)["msg"]["sid"]
        return sid

    def collect(self, seconds: float) -> list[dict[str, Any]]:
        """What comes in so long, and with the end of all subscriptions the certainty that no more was sent."""
        self.listen(seconds)
        sids = [row["sid"] for row in self.ask("list_subscriptions")["msg"]]
        if sids:
            number = self.send("unsubscribe", sids=sids)
            self.until(lambda frame: frame.get("id") == number and frame["sid"] == sids[-1])
        return self.frames

    def of(self, type: str, *, sid: int | None = None) -> list[dict[str, Any]]:
        return [frame for frame in self.frames if frame["type"] == type and sid in (None, frame["sid"])]

    def seqs(self, sid: int) -> list[int]:
        return [frame["seq"] for frame in self.frames if frame.get("sid") == sid and "seq" in frame]


def opener(sandbox: Any) -> Callable[..., Any]:
    @contextmanager
    def open_client(queue: int | None = None, **wrong: Any) -> Iterator[Client]:
        headers = Signer(sandbox.root).headers(wrong.pop("path", WS), **wrong)
        url = f"ws://127.0.0.1:{sandbox.port}/kalshi{WS}"
        with connect(url, additional_headers=headers, max_size=None, max_queue=queue, compression=None, proxy=None) as socket:
            yield Client(socket)

    return open_client


@pytest.fixture(scope="module")
def sandbox(sandbox_process: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One process for all tests of a file, with tokens enough for a busy test."""
    options = ("--rate", "1500", "--symbols", "60", "--read-tokens", "1e6", "--short-market-seconds", "2")
    running = sandbox_process(tmp_path_factory.mktemp("sandbox"), *options, venue="kalshi")
    yield running
    running.stop()


@pytest.fixture
def client(sandbox: Any) -> Any:
    """Opens a client: `with client() as c`; arguments make the signature wrong."""
    return opener(sandbox)


@pytest.fixture
def launch(sandbox_process: Any, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """(sandbox, opener of clients) of the test's own."""
    yield from launching(sandbox_process, opener, tmp_path, "--read-tokens", "1e6", "--symbols", "30", venue="kalshi")


@pytest.fixture
def ask(sandbox: Any) -> Callable[..., tuple[int, Any]]:
    """(status, JSON) of a path below /trade-api/v2; `signed` may be headers."""

    def fetch(path: str, *, signed: bool | dict[str, str] = False, base: str = "/kalshi") -> tuple[int, Any]:
        headers = signed if isinstance(signed, dict) else {}
        if signed is True:
            headers = Signer(sandbox.root).headers(f"{REST}{path}".split("?")[0])
        request = urllib.request.Request(f"{sandbox.http}{base}{REST}{path}", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=20) as reply:
                return reply.status, json.load(reply)
        except urllib.error.HTTPError as error:
            text = error.read()
            return error.code, json.loads(text) if text.startswith((b"{", b"[")) else text

    return fetch


@pytest.fixture
def get(ask: Any) -> Callable[..., Any]:
    def fetch(path: str, **options: Any) -> Any:
        status, body = ask(path, **options)
        assert status == 200, body
        return body

    return fetch


@pytest.fixture
def walk(get: Any) -> Callable[..., list[dict[str, Any]]]:
    """All rows of a list over its pages."""

    def pages(path: str, key: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        cursor, glue = "", "&" if "?" in path else "?"
        while True:
            page = get(f"{path}{glue}cursor={cursor}" if cursor else path)
            rows += page[key]
            cursor = page["cursor"]
            if not cursor:
                return rows

    return pages


@pytest.fixture
def tickers(get: Any) -> list[str]:
    """Markets that trade, the busiest first."""
    rows = get("/markets?status=open&mve_filter=exclude&limit=1000")["markets"]
    rows.sort(key=lambda row: -float(row["volume_24h_fp"]))
    return [row["ticker"] for row in rows if not row["ticker"].startswith("KXBTC15M")]

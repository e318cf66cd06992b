"""python -m bench.books_venue PORT MARKETS RATE SECONDS: Kalshi's order books over a WebSocket, with locks that come and go.

Markets 2n and 2n + 1 are a pair. Most of RATE changes a second are deep in the books; every few seconds a bid of the second of a pair
rises so far above the ask of the first that both together cost less than they pay, and goes again. Frames are made before they are due.
"""

import json
import socket
import sys
import time
from collections.abc import Iterator
from random import Random
from typing import Any

from bench.venue import Server, text_frame

#: A lock comes this often to a pair, and stays so long: two lives of one that is back within a second are one.
EVERY_SECONDS, LIFE_SECONDS = 4.0, 1.5
LOCK_BID, DEPTH = "0.7000", 20
_TICK_SECONDS = 0.002


def symbol(number: int) -> str:
    return f"BENCH-{number:04d}"


def _frame(kind: str, seq: int, number: int, body: str) -> bytes:
    head = f'{{"type":"{kind}","sid":1,"seq":{seq},"msg":{{"market_ticker":"{symbol(number)}","market_id":"m",'
    return text_frame(f"{head}{body}}}}}".encode())


def _whole(number: int, seq: int) -> bytes:
    """Bids from 0.45 down, asks from 0.55 up, a cent apart; of the second of a pair asks from 0.75 up, above the bid that comes."""
    first_ask = 75 if number % 2 else 55
    bids = ",".join(f'["0.{45 - step:02d}00","100.00"]' for step in reversed(range(DEPTH)))
    asks = ",".join(f'["0.{first_ask + step:02d}00","100.00"]' for step in range(DEPTH))
    return _frame("orderbook_snapshot", seq, number, f'"yes_dollars_fp":[{bids}],"no_dollars_fp":[{asks}]')


class Tape:
    """What happens, tick by tick: which market, which level, by how much."""

    def __init__(self, markets: int, rate: float, seconds: float) -> None:
        self._random, self._markets, self._rate, self._seconds = Random(7), markets, rate, seconds
        self._more: dict[tuple[int, int], bool] = {}
        self._due: list[tuple[float, int, str]] = []
        for pair in range(markets // 2):
            first = 2.0 + EVERY_SECONDS * self._random.random()
            for life in range(int((seconds - first) / EVERY_SECONDS)):
                begins = first + EVERY_SECONDS * life
                self._due += [(begins, 2 * pair + 1, "10.00"), (begins + LIFE_SECONDS, 2 * pair + 1, "-10.00")]
        self._due.sort(reverse=True)

    def ticks(self) -> Iterator[list[tuple[int, str, str]]]:
        """(market, price, change) of each tick."""
        owed = 0.0
        for tick in range(round(self._seconds / _TICK_SECONDS)):
            owed += self._rate * _TICK_SECONDS
            told = []
            while self._due and self._due[-1][0] <= tick * _TICK_SECONDS:
                _, number, change = self._due.pop()
                told.append((number, LOCK_BID, change))
            while len(told) < int(owed):
                told.append(self._deep())
            owed -= len(told)
            yield told

    def _deep(self) -> tuple[int, str, str]:
        number, step = self._random.randrange(self._markets), self._random.randrange(5, DEPTH)
        more = self._more[number, step] = not self._more.get((number, step), False)
        return number, f"0.{45 - step:02d}00", "1.00" if more else "-1.00"


def _subscribed(peer: socket.socket) -> dict[str, Any]:
    """The first command of a client."""
    data = b""
    while True:
        data += peer.recv(65536)
        if len(data) < 2:
            raise ConnectionError("the client went away before it asked for anything")
        size, at = data[1] & 0x7F, 2
        if size == 126:
            size, at = int.from_bytes(data[2:4], "big"), 4
        elif size == 127:
            size, at = int.from_bytes(data[2:10], "big"), 10
        if len(data) >= at + 4 + size:
            mask, body = data[at : at + 4], data[at + 4 : at + 4 + size]
            found: dict[str, Any] = json.loads(bytes(byte ^ mask[place % 4] for place, byte in enumerate(body)))
            return found


def feed(markets: int, rate: float, seconds: float):  # type: ignore[no-untyped-def]
    def run(peer: socket.socket, _: str) -> int:
        asked = _subscribed(peer)
        answer = {"id": asked["id"], "type": "subscribed", "msg": {"channel": "orderbook_delta", "sid": 1}}
        peer.sendall(text_frame(json.dumps(answer, separators=(",", ":")).encode()))
        peer.sendall(b"".join(_whole(number, number + 1) for number in range(markets)))
        sent, seq, began = 0, markets, time.perf_counter()
        for tick, told in enumerate(Tape(markets, rate, seconds).ticks(), start=1):
            now_ms, frames = time.time_ns() // 1_000_000, []
            for number, price, change in told:
                seq += 1
                body = f'"price_dollars":"{price}","delta_fp":"{change}","side":"yes","ts_ms":{now_ms}'
                frames.append(_frame("orderbook_delta", seq, number, body))
            if (wait := began + tick * _TICK_SECONDS - time.perf_counter()) > 0:
                time.sleep(wait)
            peer.sendall(b"".join(frames))
            sent += len(frames)
        return sent

    return run


def main() -> int:
    port, markets, rate, seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4])
    server = Server(port, feed(markets, rate, seconds), 1)
    print(json.dumps({"ready": port}), flush=True)
    server.run()
    print(json.dumps({"sent": server.sent}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""python -m bench.pages PORT ROWS: a venue's past of one symbol over REST, every page ready before the first request.

Answers `fromId` and `startTime` as Binance's aggTrades does, with as many rows as `limit` says, and nothing else. Says {"ready": …} first.
"""

import asyncio
import json
import sys
import time
from typing import cast
from urllib.parse import parse_qsl, urlsplit

import uvloop

from bench import frames

SYMBOL = frames.SYMBOLS[0]
PAGE = 1_000


def row(number: int, place: int, began_ms: int) -> str:
    """Like a recorded one: twelve digits of ids, a price of seven, what it is without orders of the retail pool."""
    price, quantity = 10_000 + place % 199, 1 + place % 89_999
    return (
        f'{{"a":{number},"p":"{price / 100:.2f}","q":"{quantity / 1000:.3f}","nq":"{quantity / 1000:.3f}","f":{2 * number},"l":{2 * number + 1},'
        f'"T":{began_ms + place * 1000 // frames.PACE},"m":{"true" if place % 2 else "false"}}}'
    )


class Past:
    def __init__(self, rows: int) -> None:
        self.began_ms = time.time_ns() // 1_000_000 - 60_000 - rows * 1000 // frames.PACE
        self._rows = rows
        self._first_id = frames.FIRST_TRADE_ID - rows  # what comes live goes on from its end
        self._pages = [self._body(start, min(PAGE, rows - start)) for start in range(0, rows, PAGE)]

    def _body(self, start: int, count: int) -> bytes:
        return f"[{','.join(row(self._first_id + place, place, self.began_ms) for place in range(start, start + count))}]".encode()

    def answer(self, query: dict[str, str]) -> bytes:
        start = max(0, int(query.get("fromId", self._first_id)) - self._first_id)
        limit = min(int(query.get("limit", PAGE)), max(0, self._rows - start))
        if start % PAGE == 0 and limit in (PAGE, self._rows - start) and limit:
            return self._pages[start // PAGE]
        return self._body(start, limit)


class Answers(asyncio.Protocol):
    def __init__(self, past: Past) -> None:
        self._past, self._head = past, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._head += data
        while b"\r\n\r\n" in self._head:
            request, self._head = self._head.split(b"\r\n\r\n", 1)
            target = request.split(b" ", 2)[1].decode()
            body = self._past.answer(dict(parse_qsl(urlsplit(target).query)))
            self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


async def serve(port: int, rows: int) -> None:
    past = Past(rows)
    server = await asyncio.get_running_loop().create_server(lambda: Answers(past), "127.0.0.1", port)
    print(json.dumps({"ready": True, "began_ms": past.began_ms}), flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), int(sys.argv[2])))
